"""For everybody: keyboard alone, a phone's width, names for every control, colours that can be told apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .platform import PASSWORD, FakePlatform, machine_path

Opener = Callable[..., Page]
VIEWS = ["overview", "machines", "tasks", "templates", "events", "machine", "console"]

#: What is wrong with the page as it is now, in words: names, structure, contrast, width.
INSPECT = Path(__file__).with_name("inspect.js").read_text()


def populate(fake: FakePlatform) -> int:
    """Have something of everything; return the number of a machine that runs."""
    number = fake.add_machine("web-1", "ON")
    fake.add_machine("a-machine-with-a-name-that-is-much-longer-than-any-column-could-ever-be", "PAUSED")
    fake.add_machine("batch", "NOT_ALLOCATED")
    fake.add_machine("unknown", "UNKNOWN")
    fake.sick["NARS"] = "dc1-redis-1 (rs-redis, redis 6379, connection 22): connection refused"
    fake.start("DEPLOY", number)
    fake.manual = True
    fake.start("SNAPSHOT", number)
    fake.finish(list(fake.tasks)[-1], "The share does not answer", "dc1-nfs-1")
    fake.machines[number]["state"] = "ON"
    return number


def address(view: str, number: int) -> str:
    about = f"/api{machine_path(number)}" if view in ("machine", "console") else ""
    return f"#/{view}{about}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_view_is_for_everybody(inside: Opener, fake: FakePlatform, scheme: str, width: int) -> None:
    number = populate(fake)
    page = inside(width, color_scheme=scheme)
    found: dict[str, Any] = {}
    for view in VIEWS:
        page.goto(page.url.split("#")[0] + address(view, number))
        expect(page.locator("main")).not_to_contain_text("Loading …")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        found[view] = page.evaluate(INSPECT)
    page.goto(page.url.split("#")[0] + "#/machines")
    page.get_by_role("button", name="New machine").click()
    expect(page.get_by_role("dialog").get_by_label("Template")).to_have_text("tiny")
    found["dialog"] = page.evaluate(INSPECT)
    assert {view: faults for view, faults in found.items() if faults} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_login_is_for_everybody(open_page: Opener, scheme: str) -> None:
    page = open_page(360, 640, color_scheme=scheme)
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    assert page.evaluate(INSPECT) == []


def test_a_journey_by_keyboard_alone(open_page: Opener) -> None:
    page = open_page()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_focused()

    reach(page, "Machines", back=True)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Machines", level=1)).to_be_focused()
    reach(page, "New machine")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.type("web-1")
    expect(dialog.get_by_label("Template")).to_have_text("tiny")
    page.keyboard.press("Enter")
    expect(page.locator("#state .badge")).to_have_text("Running")

    reach(page, "Undeploy")
    page.keyboard.press("Space")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Undeploy")).to_be_focused()
    reach(page, "Power off", back=True)
    page.keyboard.press("Enter")
    expect(page.locator("#state .badge")).to_have_text("Off")


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ("<button></button>", "no name"),
        ("<input id='x'>", "no name"),
        ("<p id='nav'>x</p>", "id twice: nav"),
        ("<label for='y'>x</label>", "leads nowhere: y"),
        ("<h4>x</h4><h1>x</h1>", "not one h1"),
        ("<p style='color: #999'>faint</p>", "contrast"),
        ("<p style='width: 200vw'>wide</p>", "px wide"),
    ],
)
def test_the_inspection_finds_what_is_wrong(open_page: Opener, planted: str, fault: str) -> None:
    page = open_page(bypass_csp=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    page.evaluate("text => document.querySelector('main').insertAdjacentHTML('beforeend', text)", planted)
    assert fault in " ".join(page.evaluate(INSPECT))


def reach(page: Page, name: str, *, back: bool = False) -> None:
    """Press Tab until the control of that name has the focus, and make sure that one sees it there."""
    for _ in range(40):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        text = page.evaluate("document.activeElement.textContent.trim()")
        if text == name:
            style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert style == "solid", f"the focus on {name} cannot be seen"
            return
    pytest.fail(f"Tab does not lead to {name}")


def test_before_everything_is_a_way_past_the_navigation(inside: Opener) -> None:
    page = inside()
    reach(page, "Skip to the content", back=True)
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_nothing_comes_from_elsewhere(open_page: Opener, site: str) -> None:
    asked: list[str] = []
    page = open_page()
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    assert asked
    assert [one for one in asked if not one.startswith(site)] == []
