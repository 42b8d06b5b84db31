"""Virtual machines: made, watched, switched, and removed, all without a reload."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from .platform import FakePlatform

Opener = Callable[..., Page]
STATE = "#state .badge"


def test_a_machine_is_deployed_from_a_template_and_becomes_on_before_ones_eyes(
    inside: Opener, fake: FakePlatform
) -> None:
    fake.manual = True
    page = inside(path="#/machines")
    expect(page.get_by_text("There is no virtual machine yet.")).to_be_visible()
    page.get_by_role("button", name="New machine").click()
    dialog = page.get_by_role("dialog", name="New machine")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Location").select_option("pcr1")
    expect(dialog.get_by_text("There is no template at this location yet.")).to_be_visible()
    dialog.get_by_label("Location").select_option("dc1")
    expect(dialog.get_by_label("Template")).to_have_text("tiny")
    dialog.get_by_label("Name").fill("web-1")
    dialog.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("web-1")
    expect(page.locator(STATE)).to_have_text("Working")
    expect(page.get_by_role("progressbar", name="Deploy")).to_be_visible()
    assert [one["name"] for one in fake.datacenters] == ["dc1"]
    assert len(fake.appliances) == 1
    fake.finish(next(iter(fake.tasks)))
    expect(page.locator(STATE)).to_have_text("Running")
    expect(page.get_by_role("log")).to_contain_text("Deploy of web-1: done.")


def test_a_second_machine_uses_the_virtual_datacenter_that_is_there(
    inside: Opener, fake: FakePlatform
) -> None:
    page = inside(path="#/machines")
    for label in ("web-1", "web-2"):
        page.get_by_role("link", name="Machines", exact=True).click()
        page.get_by_role("button", name="New machine").click()
        page.get_by_label("Name").fill(label)
        expect(page.get_by_label("Template")).to_have_text("tiny")
        page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(label)
    assert len(fake.datacenters) == len(fake.appliances) == 1


def test_a_refusal_is_told_in_the_dialog_which_stays(inside: Opener, fake: FakePlatform) -> None:
    fake.refuse["POST /api/vapp/virtualmachines"] = "The limit of the enterprise is reached"
    page = inside(path="#/machines")
    page.get_by_role("button", name="New machine").click()
    page.get_by_label("Name").fill("web-1")
    expect(page.get_by_label("Template")).to_have_text("tiny")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Deploy").click()
    expect(dialog.get_by_role("alert")).to_have_text("The limit of the enterprise is reached")
    fake.refuse.clear()
    dialog.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("web-1")


def test_a_change_that_nobody_here_asked_for_is_seen_at_once(inside: Opener, fake: FakePlatform) -> None:
    number = fake.add_machine("web-1", "ON")
    page = inside(path="#/machines")
    row = page.get_by_role("listitem").filter(has_text="web-1")
    expect(row.locator(".badge")).to_have_text("Running")
    fake.change(number, "OFF")
    expect(row.locator(".badge")).to_have_text("Off")
    expect(page.locator("#announcer")).to_have_text("web-1: Off")


@pytest.mark.parametrize(
    ("before", "action", "after"),
    [
        ("OFF", "Power on", "Running"),
        ("ON", "Power off", "Off"),
        ("ON", "Pause", "Paused"),
        ("PAUSED", "Resume", "Running"),
        ("ON", "Reset", "Running"),
        ("NOT_ALLOCATED", "Deploy", "Running"),
    ],
)
def test_each_action_does_what_it_says(
    inside: Opener, fake: FakePlatform, before: str, action: str, after: str
) -> None:
    fake.add_machine("web-1", before)
    page = inside(path="#/machines")
    page.get_by_role("link", name="web-1").click()
    page.get_by_role("button", name=action, exact=True).click()
    expect(page.get_by_role("log")).to_contain_text("of web-1: done.")
    expect(page.locator(STATE)).to_have_text(after)


def test_undeploying_and_deleting_ask_before(inside: Opener, fake: FakePlatform) -> None:
    fake.add_machine("web-1", "ON")
    page = inside(path="#/machines")
    page.get_by_role("link", name="web-1").click()
    remove = page.get_by_role("button", name="Delete")
    expect(remove).to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="Undeploy").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator(STATE)).to_have_text("Running")
    page.get_by_role("button", name="Undeploy").click()
    page.get_by_role("dialog").get_by_role("button", name="Undeploy").click()
    expect(page.locator(STATE)).to_have_text("Not deployed")
    remove.click()
    page.get_by_role("dialog", name="Delete web-1?").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Machines")
    expect(page.get_by_text("There is no virtual machine yet.")).to_be_visible()
    assert not fake.machines


def test_a_snapshot_becomes_a_template(inside: Opener, fake: FakePlatform) -> None:
    fake.add_machine("web-1", "ON")
    page = inside(path="#/machines")
    page.get_by_role("link", name="web-1").click()
    page.get_by_role("button", name="Take a snapshot").click()
    page.get_by_label("Name of the new template").fill("golden")
    page.get_by_role("dialog").get_by_role("button", name="Take the snapshot").click()
    expect(page.get_by_role("log")).to_contain_text("Snapshot of web-1: done.")
    page.get_by_role("link", name="Templates", exact=True).click()
    expect(page.get_by_role("heading", name="golden")).to_be_visible()


def test_a_task_that_fails_says_why_and_where(inside: Opener, fake: FakePlatform) -> None:
    fake.add_machine("web-1", "NOT_ALLOCATED")
    fake.manual = True
    page = inside(path="#/machines")
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("listitem").filter(has_text="web-1").locator(".badge")).to_have_text("Working")
    page.get_by_role("link", name="Tasks", exact=True).click()
    expect(page.get_by_text("1 task running")).to_be_visible()
    fake.finish(next(iter(fake.tasks)), "The share does not answer", "dc1-nfs-1")
    expect(page.get_by_role("log")).to_contain_text(
        "Deploy of web-1 failed: The share does not answer (at fault: dc1-nfs-1)."
    )
    expect(page.get_by_text("No task is running")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Failed")).to_contain_text("dc1-nfs-1")


def test_many_machines_are_paged_and_filtered(inside: Opener, fake: FakePlatform) -> None:
    for number in range(30):
        fake.add_machine(f"web-{number}", "ON" if number % 2 else "OFF")
    page = inside(path="#/machines")
    expect(page.get_by_text("25 of 30")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("5 of 30")).to_be_visible()
    expect(page.get_by_role("link", name="web-29")).to_be_visible()
    page.get_by_role("button", name="Previous").click()
    page.get_by_label("Filter this page").press_sequentially("running web-1")
    expect(page.get_by_text("6 machines")).to_be_visible()
    page.get_by_label("Filter this page").fill("nothing")
    expect(page.get_by_text("No machine here fits the filter.")).to_be_visible()


def test_focus_and_what_was_typed_survive_what_happens_meanwhile(inside: Opener, fake: FakePlatform) -> None:
    first = fake.add_machine("web-1", "ON")
    fake.add_machine("web-2", "OFF")
    page = inside(path="#/machines")
    box = page.get_by_label("Filter this page")
    box.press_sequentially("web")
    button = page.get_by_role("listitem").filter(has_text="web-2").get_by_role("button", name="Power on")
    button.focus()
    del fake.machines[first]
    fake.tell("DELETE", "web-1")
    expect(page.get_by_role("link", name="web-1")).to_be_hidden()
    expect(button).to_be_focused()
    expect(box).to_have_value("web")


def test_a_machine_that_others_delete_is_left(inside: Opener, fake: FakePlatform) -> None:
    number = fake.add_machine("web-1", "ON")
    page = inside(path="#/machines")
    page.get_by_role("link", name="web-1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("web-1")
    del fake.machines[number]
    fake.tell("DELETE", "web-1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Machines")
    expect(page.get_by_role("log")).to_contain_text("web-1 is no longer there.")
