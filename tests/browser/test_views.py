"""Overview, templates, events, consoles: what they show and do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from .consoles import GUACAMOLE, RFB
from .platform import FakePlatform, machine_path

Opener = Callable[..., Page]


def test_the_overview_has_every_server_and_how_its_services_are(inside: Opener, fake: FakePlatform) -> None:
    fake.add_machine("web-1", "ON")
    fake.sick["BPM_SERVICE"] = "dc1-redis-1: connection refused"
    page = inside()
    place = page.get_by_role("region", name="dc1")
    expect(place.get_by_role("heading", level=3)).to_have_text(["dc1-rs-1", "dc1-bpm-1", "dc1-hypervisor-1"])
    expect(page.get_by_role("region", name="pcr1")).to_contain_text("Public cloud region")
    service = place.get_by_role("listitem").filter(has_text="Template conversion").last
    expect(service).to_contain_text("Not well")
    expect(service).to_contain_text("dc1-redis-1: connection refused")
    expect(page.get_by_role("list", name="Summary")).to_contain_text("6 / 7")
    fake.sick.clear()
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("list", name="Summary")).to_contain_text("7 / 7")
    expect(service).to_contain_text("Well")


def test_what_fails_at_one_site_hides_nothing_else(inside: Opener, fake: FakePlatform) -> None:
    fake.refuse["GET /api/rack/machines"] = "Unexpected error"
    page = inside()
    place = page.get_by_role("region", name="dc1")
    expect(place).to_contain_text("Not all of it can be shown: Unexpected error.")
    expect(place.get_by_role("heading", level=3)).to_have_text(["dc1-rs-1", "dc1-bpm-1"])
    expect(page.get_by_role("region", name="pcr1")).to_contain_text("Virtual factory")


def test_health_is_asked_for_again_by_itself(open_page: Opener, fake: FakePlatform) -> None:
    page = open_page()
    page.clock.install()
    page.reload()
    page.get_by_label("Name", exact=True).fill("admin")
    page.get_by_label("Password").fill("open sesame ü")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("list", name="Summary")).to_contain_text("7 / 7")
    fake.sick["NARS"] = "gone"
    page.clock.run_for(16_000)
    expect(page.get_by_role("list", name="Summary")).to_contain_text("6 / 7")


def test_a_template_goes_up_and_comes_down_again(inside: Opener, fake: FakePlatform, tmp_path: Path) -> None:
    disk = tmp_path / "my-system.qcow2"
    disk.write_bytes(b"QFI\xfb" + bytes(5000))
    page = inside(path="#/templates")
    page.get_by_role("button", name="Upload").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Disk image").set_input_files(disk)
    expect(dialog.get_by_label("Name")).to_have_value("my-system")
    expect(dialog.get_by_label("Format")).to_have_value("QCOW2_SPARSE")
    dialog.get_by_label("Description").fill("made by hand")
    dialog.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("log")).to_contain_text("my-system is uploaded.")
    row = page.get_by_role("listitem").filter(has_text="my-system")
    expect(row).to_contain_text("made by hand")
    with page.expect_download() as coming:
        row.get_by_role("button", name="Download").click()
    assert Path(coming.value.path()).read_bytes() == disk.read_bytes()
    assert fake.templates[max(fake.templates)]["diskFormatType"] == "QCOW2_SPARSE"


def test_a_template_is_deployed_and_deleted_where_it_is_listed(inside: Opener, fake: FakePlatform) -> None:
    fake.add_template("debian")
    page = inside(path="#/templates")
    row = page.get_by_role("listitem").filter(has_text="debian")
    row.get_by_role("button", name="Deploy").click()
    expect(page.get_by_label("Template").locator("option:checked")).to_have_text("debian")
    page.keyboard.press("Escape")
    expect(row.get_by_role("button", name="Deploy")).to_be_focused()
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="debian", exact=True)).to_be_hidden()
    assert [one["name"] for one in fake.templates.values()] == ["tiny"]


def test_events_come_by_themselves_and_are_paged(inside: Opener, fake: FakePlatform) -> None:
    for number in range(30):
        fake.tell("DEPLOY", f"web-{number}")
    page = inside(path="#/events")
    lines = page.locator(".events > li")
    expect(lines.first).to_contain_text("Deploy: virtual machine web-29")
    fake.tell("POWER_ON_FINISH", "web-3")
    expect(lines.first).to_contain_text("Power on done: virtual machine web-3")
    fake.tell("UNDEPLOY", "web-3", severity="ERROR")
    expect(lines.first).to_contain_text("Undeploy: virtual machine web-3")
    expect(lines.first.locator(".badge")).to_have_text("Error")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("An older page")).to_be_visible()
    expect(page.get_by_text("7 of 32")).to_be_visible()
    fake.tell("RESET", "web-4")
    page.get_by_role("button", name="Previous").click()
    expect(lines.first).to_contain_text("Reset: virtual machine web-4")


def test_a_console_that_is_not_there_says_so(inside: Opener, fake: FakePlatform) -> None:
    number = fake.add_machine("web-1", "ON")
    page = inside(path=f"#/console/api{machine_path(number)}")
    expect(page.get_by_role("alert").filter(has_text="noVNC")).to_contain_text(
        "does not answer: try again later"
    )
    expect(page.get_by_role("button", name="Connect")).to_be_visible()


def test_a_console_takes_the_keyboard_and_gives_it_back(inside: Opener, fake: FakePlatform) -> None:
    number = fake.add_machine("web-1", "ON")
    page = inside(path="#/machines")

    def answer(route: Route) -> None:
        route.fulfill(body=RFB, content_type="text/javascript")

    page.route("**/ui/novnc/core/rfb.js", answer)
    page.get_by_role("button", name="Console").click()
    screen = page.locator("#screen canvas")
    expect(screen).to_be_focused()
    expect(screen).to_have_attribute(
        "data-address", page.url.split("/ui/")[0].replace("http", "ws") + "/console/novnc?token=once"
    )
    page.keyboard.press("Tab")
    expect(screen).to_be_focused()
    # What happens meanwhile does not disturb the screen.
    fake.change(number, "PAUSED")
    expect(page.locator("#state .badge")).to_have_text("Paused")
    expect(screen).to_be_focused()
    page.keyboard.press("F8")
    expect(page.get_by_label("Console", exact=True)).to_be_focused()
    page.get_by_role("button", name="Disconnect").click()
    expect(screen).to_be_hidden()
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_text("Connected")).to_be_visible()
    page.get_by_role("link", name="Back to the machine").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("web-1")


def test_a_machine_that_asks_itself_who_is_there_needs_no_name(inside: Opener, fake: FakePlatform) -> None:
    number = fake.add_machine("web-1", "ON")
    page = inside(path=f"#/console/api{machine_path(number)}")

    def answer(route: Route) -> None:
        route.fulfill(body=GUACAMOLE, content_type="text/javascript")

    page.route("**/ui/guacamole.js", answer)
    kind, dialog = page.get_by_label("Console", exact=True), page.get_by_role("dialog")
    kind.select_option("ssh")
    dialog.get_by_role("button", name="Open").click()
    expect(dialog.get_by_label("Name at the machine")).to_be_focused()
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Connected")).to_be_hidden()
    kind.select_option("rdp")
    dialog.get_by_role("button", name="Open").click()
    expect(page.get_by_text("Connected")).to_be_visible()
