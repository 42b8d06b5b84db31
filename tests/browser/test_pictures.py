"""The pictures of docs/ui.md: `LABGEN_UPDATE_GOLDEN=1` takes them anew; else they must be there and fit."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .platform import FakePlatform, machine_path

Opener = Callable[..., Page]
DOCS = Path(__file__).parents[2] / "docs"
LARGEST = 150_000
DESKTOP, PHONE = (1280, 760), (360, 720)
#: View, size and colours of each picture.
PICTURES = {
    "ui-overview.png": ("overview", DESKTOP, "light"),
    "ui-machines.png": ("machines", DESKTOP, "dark"),
    "ui-deploy.png": ("deploy", DESKTOP, "light"),
    "ui-machine-phone.png": ("machine", PHONE, "light"),
    "ui-tasks-phone.png": ("tasks", PHONE, "dark"),
    "ui-events-phone.png": ("events", PHONE, "light"),
}

#: Taken of a real lab with a machine deployed in it.
OF_A_LAB = {"ui-novnc.png": (1280, 860), "ui-guacamole.png": (1280, 860)}


@pytest.fixture
def busy(fake: FakePlatform) -> int:
    """A platform on which something goes on; the number of a machine that is being worked on."""
    fake.manual = True
    for label, state in (("web-1", "ON"), ("web-2", "ON"), ("db-1", "PAUSED"), ("batch-1", "OFF")):
        number = fake.add_machine(label, state)
        fake.tell("DEPLOY_FINISH", label, machine_path(number))
    fake.sick["BPM_SERVICE"] = "dc1-bpm-1 answers 503: dc1-nfs-1 (nfs, nfs 2049, connection 26): no answer"
    failing = fake.add_machine("old-1")
    fake.start("DEPLOY", failing)
    fake.finish(list(fake.tasks)[-1], "The share does not answer", "dc1-nfs-1")
    number = fake.add_machine("new-1")
    fake.start("DEPLOY", number)
    return number


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture(inside: Opener, fake: FakePlatform, busy: int, name: str) -> None:
    view, size, scheme = PICTURES[name]
    file = DOCS / "images" / name
    if os.environ.get("LABGEN_UPDATE_GOLDEN"):
        page = inside(*size, color_scheme=scheme, reduced_motion="reduce")
        take(page, view, busy)
        page.screenshot(path=file, animations="disabled")
    assert fake.machines
    check(file, size)


@pytest.mark.parametrize("name", OF_A_LAB)
def test_a_picture_of_a_lab(name: str) -> None:
    check(DOCS / "images" / name, OF_A_LAB[name])


def check(file: Path, size: tuple[int, int]) -> None:
    """Make sure that a picture is one, of its size, and small."""
    content = file.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == size
    assert len(content) < LARGEST


def take(page: Page, view: str, number: int) -> None:
    """Bring the view up, complete."""
    about = {"machine": f"machine/api{machine_path(number)}", "deploy": "machines"}.get(view, view)
    page.goto(page.url.split("#")[0] + f"#/{about}")
    expect(page.locator("main")).not_to_contain_text("Loading …")
    if view == "overview":
        expect(page.get_by_role("list", name="Summary")).to_contain_text("6 / 7")
    if view == "deploy":
        page.get_by_role("button", name="New machine").click()
        page.get_by_label("Name").fill("web-3")
        expect(page.get_by_label("Template")).to_have_text("tiny")


def test_the_page_shows_every_picture_and_says_what_it_is() -> None:
    text = (DOCS / "ui.md").read_text()
    shown = dict(re.findall(r"!\[([^\]]+)\]\(images/(ui-[a-z-]+\.png)\)", text))
    assert sorted(shown.values()) == sorted([*PICTURES, *OF_A_LAB])
    assert all(len(words) > 10 for words in shown)
