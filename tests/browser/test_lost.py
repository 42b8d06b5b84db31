"""Answers that are lost on their way: what was asked for is done once, and the page says how it stands.

A browser drops its connections whenever the machine's networks change, as they do while containers start.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from .consoles import RFB
from .platform import FakePlatform

Opener = Callable[..., Page]
STATE = "#state .badge"


def lose_answer(route: Route) -> None:
    """The platform has done it when the connection breaks."""
    route.fetch()
    route.abort("connectionreset")


def lose_request(route: Route) -> None:
    """The connection breaks before anything has arrived."""
    route.abort("connectionreset")


def lose(page: Page, path: str, method: str, how: Callable[[Route], None], times: int = 1) -> None:
    """Lose the first requests of a method to a path, or their answers."""
    left = [times]

    def meet(route: Route) -> None:
        if route.request.method != method or not left[0]:
            return route.fallback()
        left[0] -= 1
        return how(route)

    page.route(re.compile(path), meet)


def asked(fake: FakePlatform, request: str) -> int:
    return sum(bool(re.fullmatch(request, one)) for one in fake.asked)


@pytest.fixture
def machine(inside: Opener, fake: FakePlatform) -> Page:
    """The page of a machine that runs."""
    fake.add_machine("web-1", "ON")
    page = inside(path="#/machines")
    page.get_by_role("link", name="web-1").click()
    expect(page.locator(STATE)).to_have_text("Running")
    return page


def press(page: Page, name: str) -> None:
    """Ask for something, and say in the dialog that it is meant."""
    page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=name).click()


def test_what_the_platform_does_is_found_and_not_asked_for_again(machine: Page, fake: FakePlatform) -> None:
    lose(machine, "/action/undeploy", "POST", lose_answer)
    press(machine, "Undeploy")
    expect(machine.get_by_role("dialog")).to_be_hidden()
    expect(machine.locator(STATE)).to_have_text("Not deployed")
    expect(machine.get_by_role("log")).to_contain_text("Undeploy of web-1: done.")
    assert asked(fake, "POST .*/action/undeploy") == 1


def test_what_never_arrived_is_told_and_can_be_asked_for_again(machine: Page, fake: FakePlatform) -> None:
    lose(machine, "/action/undeploy", "POST", lose_request)
    press(machine, "Undeploy")
    dialog = machine.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_have_text(
        "The API cannot be reached: the connection broke. "
        "Nothing has come of it so far: look again, then try again."
    )
    assert asked(fake, "POST .*/action/undeploy") == 0
    dialog.get_by_role("button", name="Undeploy").click()
    expect(machine.locator(STATE)).to_have_text("Not deployed")
    assert asked(fake, "POST .*/action/undeploy") == 1


def test_an_earlier_task_of_the_kind_is_not_taken_for_the_lost_one(machine: Page) -> None:
    machine.get_by_role("button", name="Reset", exact=True).click()
    expect(machine.get_by_role("log")).to_contain_text("Reset of web-1: done.")
    lose(machine, "/action/reset", "POST", lose_request)
    machine.get_by_role("button", name="Reset", exact=True).click()
    expect(machine.get_by_role("log")).to_contain_text("Nothing has come of it so far")


def test_a_switch_whose_answer_is_lost(machine: Page, fake: FakePlatform) -> None:
    lose(machine, "/state$", "PUT", lose_answer)
    machine.get_by_role("button", name="Power off").click()
    expect(machine.get_by_role("log")).to_contain_text("Power off of web-1: done.")
    expect(machine.locator(STATE)).to_have_text("Off")
    assert asked(fake, "PUT .*/state") == 1


def test_a_new_machine_is_made_once(inside: Opener, fake: FakePlatform) -> None:
    page = inside(path="#/machines")
    for path in ("/virtualdatacenters$", "/virtualappliances$", "/vapp/virtualmachines$", "/action/deploy$"):
        lose(page, path, "POST", lose_answer)
    page.get_by_role("button", name="New machine").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("web-1")
    expect(dialog.get_by_label("Template")).to_have_text("tiny")
    dialog.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("web-1")
    expect(page.locator(STATE)).to_have_text("Running")
    assert len(fake.datacenters) == len(fake.appliances) == len(fake.machines) == len(fake.tasks) == 1


def test_a_machine_that_was_there_is_not_taken_for_the_new_one(inside: Opener, fake: FakePlatform) -> None:
    fake.add_machine("web-1", "ON")
    page = inside(path="#/machines")
    lose(page, "/vapp/virtualmachines$", "POST", lose_request)
    page.get_by_role("button", name="New machine").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("web-1")
    expect(dialog.get_by_label("Template")).to_have_text("tiny")
    dialog.get_by_role("button", name="Deploy").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing has come of it so far")
    assert [one["state"] for one in fake.machines.values()] == ["ON"]


def test_a_deletion_whose_answer_is_lost_is_seen_to_be_done(inside: Opener, fake: FakePlatform) -> None:
    fake.add_machine("web-1")
    page = inside(path="#/machines")
    page.get_by_role("link", name="web-1").click()
    lose(page, "/virtualmachines/[0-9]+$", "DELETE", lose_answer)
    press(page, "Delete")
    expect(page.get_by_role("heading", level=1)).to_have_text("Machines")
    expect(page.get_by_role("log")).to_contain_text("web-1 is deleted.")
    assert asked(fake, "DELETE .*") == 1


def test_what_is_read_is_read_again_until_it_comes(inside: Opener, fake: FakePlatform) -> None:
    fake.add_machine("web-1", "ON")
    page = inside()
    lose(page, "/api/virtualmachines$", "GET", lose_answer, times=3)
    page.get_by_role("link", name="Machines", exact=True).click()
    expect(page.get_by_role("link", name="web-1")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="The API is away")).to_be_hidden()


def test_a_module_of_a_console_is_fetched_again(machine: Page) -> None:
    machine.route(
        "**/ui/novnc/core/rfb.js", lambda route: route.fulfill(body=RFB, content_type="text/javascript")
    )
    lose(machine, "/novnc/core/rfb.js$", "GET", lose_request, times=2)
    machine.get_by_role("button", name="Console").click()
    expect(machine.locator("#screen canvas")).to_be_focused()


def test_a_console_is_asked_for_again(machine: Page, fake: FakePlatform) -> None:
    lose(machine, "/action/remoteaccess$", "POST", lose_answer)
    machine.get_by_role("button", name="Console").click()
    expect(machine.get_by_role("alert").filter(has_text="noVNC")).to_contain_text("does not answer")
    assert asked(fake, "POST .*/action/remoteaccess") == 2
