"""What the pages name exists: other pages, sections, commands, options, exit codes; nothing else leaks."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlparse

import pytest

from labgen.engine.observe import NodeState
from labgen.errors import LabgenError
from tests.unit.docs.pages import ROOT, fences, pages
from tests.unit.docs.program import commands, options

#: Where a page may point to: the lab itself, and standards. Everything else is a link inside the project.
HOSTS = {"keepachangelog.com", "semver.org", "json-schema.org"}
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_URL = re.compile(r"https?://[^\s)>\"'`]+")
_CODE = re.compile(r"`(labgen [^`\n]+)`")
_GENERAL = {"--help", "-h", "--install-completion", "--show-completion"}
_COMMENT = re.compile(r"\s+#.*$")


def anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings have on the usual sites."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", one)) for one in headings)
    return {one.strip().lower().replace(" ", "-") for one in plain}


@pytest.mark.parametrize("page", sorted(pages()))
def test_links_lead_somewhere(page: str) -> None:
    for target in _LINK.findall(pages()[page]):
        if urlparse(target).scheme:
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / page).parent / path if path else ROOT / page
        assert found.exists(), f"{page}: {target}"
        assert found.resolve().is_relative_to(ROOT), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(found.read_text("utf-8")), f"{page}: {target}"


def test_every_page_can_be_reached() -> None:
    linked = {
        ((ROOT / page).parent / target.partition("#")[0]).resolve().relative_to(ROOT).as_posix()
        for page, text in pages().items()
        for target in _LINK.findall(text)
        if not urlparse(target).scheme
    }
    assert not pages().keys() - linked - {"README.md", "docs/performance.md"}


@pytest.mark.parametrize("page", sorted(pages()))
def test_no_host_but_the_known_ones(page: str) -> None:
    hosts = {str(urlparse(one).hostname) for one in _URL.findall(pages()[page])}
    # A name without a dot is this machine or a node.
    assert {one for one in hosts if "." in one} <= HOSTS


def mirror_hosts() -> set[str]:
    """Return the hosts that this machine takes packages from: none of them belongs into a page."""
    files = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    files += [Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf", Path.home() / ".npmrc"]
    found: set[str] = set()
    for file in files:
        if file.is_file():
            text = file.read_text("utf-8", "replace")
            found |= {str(urlparse(one).hostname) for one in _URL.findall(text)}
    return {one for one in found if "." in one and not one.startswith("127.")}


@pytest.mark.parametrize("page", sorted(pages()))
def test_nothing_of_this_machine_is_written_down(page: str) -> None:
    text = pages()[page]
    assert not [host for host in mirror_hosts() if host in text]
    places = {str(ROOT), f"{Path.home()}/"} - {"/", "//"}
    assert not [place for place in places if place in text]


def spoken() -> list[tuple[str, str]]:
    """Return every labgen command line that a page has: in a block, or between backticks."""
    found = []
    for fence in fences():
        if fence.info in {"console", "console lab", "sh"}:
            for line in fence.text.splitlines():
                words = _COMMENT.sub("", line.removeprefix("$ "))
                found += [(fence.id, one) for one in re.findall(r"\blabgen [^|;&()>]+", words)]
    return found + [(page, one) for page, text in pages().items() for one in _CODE.findall(text)]


def test_commands_and_options_exist() -> None:
    lines = spoken()
    assert len(lines) > len(commands())
    for where, line in lines:
        words = line.split()[1:]
        if words[0].startswith("-"):
            assert words[0] in _GENERAL, f"{where}: {line}"
            continue
        two = " ".join(words[:2])
        name = two if two in commands() else words[0]
        assert name in commands() or name == "images", f"{where}: {line}: no such command"
        if name == "images":
            continue
        rest = words[len(name.split()) :]
        if name == "exec":  # what follows the node belongs to another program
            rest = rest[: next((at for at, one in enumerate(rest) if not one.startswith("-")), None)]
        for word in rest:
            option = word.partition("=")[0]
            assert not option.startswith("-") or option in options(commands()[name]), f"{where}: {line}"


def test_every_exit_code_is_explained() -> None:
    codes = {0, LabgenError.exit_code, *(kind.exit_code for kind in LabgenError.__subclasses__()), 130}
    for page in ("docs/commands.md", "docs/troubleshooting.md"):
        rows = re.findall(r"^\| (\d+) \|", pages()[page], re.MULTILINE)
        assert [int(one) for one in rows] == sorted(codes), page


def test_every_state_is_explained() -> None:
    described = re.findall(r"^\| `([a-z]+)` \|", pages()["docs/troubleshooting.md"], re.MULTILINE)
    assert sorted(described) == sorted(NodeState)
