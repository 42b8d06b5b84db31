"""The page of a real lab in a browser: a machine deployed, watched, looked at, off, and undeployed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from labgen.plan.model import LabPlan
from tests.browser.browser import chromium

from .conftest import Cli

pytestmark = pytest.mark.browser
SECONDS = 90
IMAGES = Path(__file__).parents[2] / "docs" / "images"
#: Whether the screen shows more than one colour, within 15 seconds.
SHOWS = """() => new Promise((resolve) => {
  const end = performance.now() + 15_000;
  const size = (one) => one.width * one.height;
  const colours = () => {
    const all = [...document.querySelectorAll("#screen canvas")];
    const [canvas] = all.sort((one, other) => size(other) - size(one));
    if (!canvas || !size(canvas)) return 0;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  };
  const look = () => {
    if (colours() > 1) resolve(true);
    else if (performance.now() > end) resolve(false);
    else setTimeout(look, 200);
  };
  look();
})"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def page(browser: Browser, small: LabPlan, cli: Cli) -> Iterator[Page]:
    """The page, logged in."""
    expect.set_options(timeout=SECONDS * 1000)
    secrets = cli.state / "labs" / small.name / "secrets"
    port = next(one.host_port for one in small.published if one.name == "https")
    context = browser.new_context(viewport={"width": 1280, "height": 860}, ignore_https_errors=True)
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    page.goto(f"https://localhost:{port}/ui/")
    page.get_by_label("Name", exact=True).fill("admin")
    page.get_by_label("Password").fill((secrets / "api_admin_password").read_text().strip())
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#stream")).to_have_text("Live")
    yield page
    context.close()


def show(page: Page, kind: str) -> None:
    """Open a console until it shows something.

    A browser drops requests when the networks of this machine change, as they do when a container starts.
    """
    page.get_by_label("Console", exact=True).select_option(kind)
    for _ in range(5):
        if page.evaluate(SHOWS):
            return
        page.get_by_role("button", name=re.compile("^(Connect|Disconnect)$")).click()
    pytest.fail(f"{kind} shows nothing: {page.locator('main').inner_text()}")


def test_a_machine_is_deployed_seen_and_undeployed(page: Page) -> None:
    page.get_by_role("link", name="Machines", exact=True).click()
    page.get_by_role("button", name="New machine").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("seen-in-a-browser")
    expect(dialog.get_by_label("Template")).to_contain_text("boot")
    dialog.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("seen-in-a-browser")
    state = page.locator("#state .badge")
    expect(state).to_have_text("Running")

    page.get_by_role("button", name="Console").click()
    for kind, picture in (("novnc", "ui-novnc.png"), ("vnc", "ui-guacamole.png")):
        show(page, kind)
        if os.environ.get("LABGEN_UPDATE_GOLDEN"):
            page.screenshot(path=IMAGES / picture, animations="disabled")

    page.get_by_role("link", name="Back to the machine").click()
    page.get_by_role("button", name="Power off").click()
    expect(state).to_have_text("Off")
    page.get_by_role("button", name="Undeploy").click()
    page.get_by_role("dialog").get_by_role("button", name="Undeploy").click()
    expect(state).to_have_text("Not deployed")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Machines")
