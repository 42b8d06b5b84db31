"""apt-source.awk: which of a machine's sources is Debian's own, and what becomes of it for another suite."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.unit.setup.machine import SETUP

if TYPE_CHECKING:
    from pathlib import Path


def derive(path: Path, text: str, *, kind: str, stale: str = "") -> str:
    path.write_text(text)
    values = {"codename": "bookworm", "suite": "forky", "kind": kind, "stale": stale}
    command = ["awk", *(word for key, value in values.items() for word in ("-v", f"{key}={value}"))]
    command += ["-f", str(SETUP / "apt-source.awk"), str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("line", "derived"),
    [
        ("deb http://m.test/d bookworm main", "deb http://m.test/d forky main"),
        ("deb\thttp://m.test/d   stable  main non-free # x", "deb http://m.test/d forky main"),
        (
            "deb [ a=b trusted=yes ] http://m.test/d bookworm main",
            "deb [ a=b trusted=yes ] http://m.test/d forky main",
        ),
        ("deb mirror+file:/etc/apt/m.list bookworm main", "deb mirror+file:/etc/apt/m.list forky main"),
        ("#deb http://m.test/d bookworm main", ""),
        ("deb-src http://m.test/d bookworm main", ""),
        ("deb http://m.test/d bookworm-updates main", ""),
        ("deb http://m.test/docker bookworm stable", ""),
    ],
)
def test_one_line(tmp_path: Path, line: str, derived: str) -> None:
    assert derive(tmp_path / "x.list", line + "\n", kind="list").strip() == derived


@pytest.mark.parametrize(
    ("line", "derived"),
    [
        ("deb http://m.test/d bookworm main", "deb [check-valid-until=no] http://m.test/d forky main"),
        (
            "deb [a=b] http://m.test/d bookworm main",
            "deb [a=b check-valid-until=no] http://m.test/d forky main",
        ),
    ],
)
def test_one_line_of_a_mirror_that_is_behind(tmp_path: Path, line: str, derived: str) -> None:
    assert derive(tmp_path / "x.list", line + "\n", kind="list", stale="1").strip() == derived


def test_a_stanza_keeps_its_key_and_its_options(tmp_path: Path) -> None:
    text = (
        "Enabled: yes\nTypes: deb\nURIs: http://m.test/d\n http://n.test/d\n"
        "Suites:\n bookworm\n bookworm-updates\nComponents: main\n"
        "Trusted: yes\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n"
    )
    assert derive(tmp_path / "x.sources", text, kind="sources") == (
        "Types: deb\nSuites: forky\nComponents: main\nURIs: http://m.test/d\n http://n.test/d\nTrusted: yes\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n"
    )


@pytest.mark.parametrize(
    "change", ["Enabled: no", "Types: deb-src", "Suites: bookworm-security", "Components: stable"]
)
def test_a_stanza_that_is_not_the_systems_own_is_passed_over(tmp_path: Path, change: str) -> None:
    fields = {"Types": "deb", "URIs": "http://first.test", "Suites": "bookworm", "Components": "main"}
    name, value = change.split(": ")
    text = "".join(f"{key}: {text}\n" for key, text in {**fields, name: value}.items())
    second = "\n# second\nTypes: deb\nURIs: http://second.test\nSuites: bookworm\nComponents: main\n"
    derived = derive(tmp_path / "x.sources", text + second, kind="sources")
    assert "second.test" in derived
    assert "first.test" not in derived
