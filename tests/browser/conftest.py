"""The page in a real browser, on a platform in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket

import pytest
import uvicorn
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
)

from .browser import PATIENCE, chromium
from .platform import PASSWORD, FakePlatform
from .server import Site


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


class Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    @property
    def address(self) -> str:
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://localhost:{port}"


# One for each module: while it runs, its thread has a loop, which tests of other modules could not bear.
@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def fake() -> FakePlatform:
    return FakePlatform()


@pytest.fixture
def site(fake: FakePlatform) -> Iterator[str]:
    """Address of the server that serves `fake`."""
    config = uvicorn.Config(
        Site(fake).application(),
        host="127.0.0.1",
        port=0,
        log_level="warning",
        timeout_graceful_shutdown=1,
        ws="none",
    )
    server = Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    assert server.listens.wait(10), "the fake platform does not start"
    yield server.address
    fake.cut_streams()
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive(), "the fake platform does not end"


#: What the browser says of answers that a test wants to be errors.
EXPECTED = "Failed to load resource"


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """Open the page in a fresh context; a fault of the page itself, or of its policy, fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        if said.type == "error" and EXPECTED not in said.text:
            faults.append(said.text)

    def opened(
        width: int = 1280, height: int = 800, path: str = "", *, ready: bool = True, **more: object
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **more)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", hear)
        page.goto(f"{site}/ui/{path}")
        if ready:
            page.locator("#main > :not(#wait, noscript)").first.wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults, faults


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("Name", exact=True).fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@pytest.fixture
def inside(open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Open the page and log in."""

    def opened(*args: int, **more: object) -> Page:
        page = open_page(*args, **more)
        log_in(page)
        expect(page.locator("#stream")).to_have_text("Live")
        return page

    return opened
