"""The page of a real lab in a browser: who is there, machines of both sites, consoles, templates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from labgen_aim.boot_disk import boot_disk
from playwright.sync_api import Browser, Error, Locator, Page, Request, expect

from labgen.plan.model import LabPlan
from tests.browser.browser import chromium

from .conftest import Cli

pytestmark = pytest.mark.browser
#: How long a state may take to come about: a machine is deployed by several servers.
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
    else if (performance.now() > end || !document.querySelector("#screen")) resolve(false);
    else setTimeout(look, 100);
  };
  look();
})"""


class Platform:
    """The lab as its user knows it."""

    def __init__(self, plan: LabPlan, cli: Cli) -> None:
        secrets = cli.state / "labs" / plan.name / "secrets"
        port = next(one.host_port for one in plan.published if one.name == "https")
        self.address = f"https://localhost:{port}/ui/"
        self.password = (secrets / "api_admin_password").read_text().strip()
        self.guest_password = (secrets / "guest_password").read_text().strip()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def platform(small: LabPlan, cli: Cli) -> Platform:
    return Platform(small, cli)


@pytest.fixture
def entrance(browser: Browser, platform: Platform) -> Iterator[Page]:
    """The page that asks who is there.

    The browser drops requests when the networks of this machine change, as they do when a container starts;
    the page is to get over it. What was dropped is printed, for who reads of a failure.
    """
    expect.set_options(timeout=SECONDS * 1000)
    context = browser.new_context(viewport={"width": 1280, "height": 860}, ignore_https_errors=True)
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    page.on("requestfailed", dropped)
    arrive(page, platform.address)
    yield page
    context.close()


def arrive(page: Page, address: str) -> None:
    """Open the page, again when the networks change just then: nothing is there yet that could do so."""
    for _ in range(5):
        try:
            page.goto(address)
        except Error as error:
            if "ERR_NETWORK_CHANGED" not in error.message:
                raise
        else:
            return
    pytest.fail(f"the networks change each time that {address} is opened")


def dropped(request: Request) -> None:
    print(f"dropped: {request.method} {request.url}: {request.failure}")


def log_in(page: Page, password: str) -> None:
    page.get_by_label("Name", exact=True).fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@pytest.fixture
def page(entrance: Page, platform: Platform) -> Page:
    """The page, logged in."""
    log_in(entrance, platform.password)
    expect(entrance.locator("#stream")).to_have_text("Live")
    return entrance


def go(page: Page, view: str) -> None:
    page.get_by_role("link", name=view, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(view)


def press(page: Page, name: str, says: str | None = None) -> None:
    """Ask for something, and say in the dialog that it is meant."""
    page.get_by_role("button", name=name, exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=says or name, exact=True).click()
    expect(dialog).to_be_hidden()


def state(page: Page) -> Locator:
    return page.locator("#state .badge")


def deploy(page: Page, name: str, site: str) -> None:
    """Deploy the site's first template, and wait until the page shows that the machine runs."""
    go(page, "Machines")
    page.get_by_role("button", name="New machine").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Location").select_option(site)
    expect(dialog.get_by_label("Template").locator("option:checked")).not_to_have_text("Loading …")
    dialog.get_by_role("button", name="Deploy").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(state(page)).to_have_text("Running")


def clear_away(page: Page) -> None:
    """Undeploy and delete the machine that the page shows."""
    press(page, "Undeploy")
    expect(state(page)).to_have_text("Not deployed")
    press(page, "Delete")
    expect(page.get_by_role("heading", level=1)).to_have_text("Machines")


def show(page: Page, kind: str, password: str = "") -> None:
    """Open a console until it shows something; a connection that is dropped is the user's to open again."""
    page.get_by_label("Console", exact=True).select_option(kind)
    for _ in range(5):
        if kind in ("ssh", "rdp"):
            dialog = page.get_by_role("dialog")
            if password:
                dialog.get_by_label("Name at the machine").fill("labgen")
                dialog.get_by_label("Password at the machine").fill(password)
            dialog.get_by_role("button", name="Open").click()
            expect(dialog).to_be_hidden()
        if page.evaluate(SHOWS):
            return
        print(f"opened again: {kind}: {page.locator('main').inner_text()!r}")
        if (disconnect := page.get_by_role("button", name="Disconnect")).is_visible():
            disconnect.click()
        page.get_by_role("button", name="Connect", exact=True).click()
    pytest.fail(f"{kind} shows nothing: {page.locator('main').inner_text()}")


def picture(page: Page, name: str) -> None:
    if os.environ.get("LABGEN_UPDATE_GOLDEN"):
        page.screenshot(path=IMAGES / name, animations="disabled")


def test_a_wrong_password_is_refused_and_the_right_one_lets_in(entrance: Page, platform: Platform) -> None:
    log_in(entrance, "wrong")
    expect(entrance.locator("#login-problem")).to_have_text("The name or the password is wrong.")
    log_in(entrance, platform.password)
    expect(entrance.get_by_role("heading", level=1)).to_have_text("Overview")
    for site in ("dc1", "pcr1"):
        expect(entrance.get_by_role("region", name=site)).to_contain_text("Well")


def test_a_machine_is_deployed_seen_and_undeployed(page: Page, platform: Platform) -> None:
    deploy(page, "seen-in-a-browser", "dc1")
    page.get_by_role("button", name="Console").click()
    show(page, "novnc")
    picture(page, "ui-novnc.png")
    show(page, "vnc")
    picture(page, "ui-guacamole.png")
    show(page, "ssh", platform.guest_password)
    show(page, "rdp")
    page.get_by_role("link", name="Back to the machine").click()

    press(page, "Take a snapshot", "Take the snapshot")
    expect(page.get_by_role("log")).to_contain_text("Snapshot of seen-in-a-browser: done.")
    page.get_by_role("button", name="Power off").click()
    expect(state(page)).to_have_text("Off")
    clear_away(page)

    go(page, "Templates")
    snapshot = page.get_by_role("listitem").filter(has_text="seen-in-a-browser snapshot")
    expect(snapshot.locator(".badge")).to_have_text("Ready")
    remove(snapshot)


def test_a_machine_of_a_region_is_deployed_and_undeployed(page: Page) -> None:
    deploy(page, "seen-in-a-region", "pcr1")
    clear_away(page)
    go(page, "Events")
    about = page.locator(".events > li").filter(has_text="seen-in-a-region")
    expect(about.filter(has_text="Undeploy done").first).to_be_visible()


def test_a_template_goes_up_comes_down_and_is_deleted(page: Page, tmp_path: Path) -> None:
    disk = tmp_path / "brought-along.img"
    disk.write_bytes(boot_disk())
    go(page, "Templates")
    page.get_by_role("button", name="Upload").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Disk image").set_input_files(disk)
    dialog.get_by_label("Description").fill("It was sent up by a browser")
    dialog.get_by_role("button", name="Upload").click()
    expect(dialog).to_be_hidden()
    row = page.get_by_role("listitem").filter(has_text="It was sent up by a browser")
    expect(row.locator(".badge")).to_have_text("Ready")
    with page.expect_download() as coming:
        row.get_by_role("button", name="Download").click()
    assert Path(coming.value.path()).read_bytes() == boot_disk()
    remove(row)


def remove(template: Locator) -> None:
    """Delete a template of the list."""
    template.get_by_role("button", name="Delete").click()
    dialog = template.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_be_hidden()
    expect(template).to_be_hidden()
