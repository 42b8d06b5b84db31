"""chromium.sh: the browser of the UI's tests is found, installed, or asked for in one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.setup.machine import Machine

INSTALLS = 'case "$*" in *" install "*chromium*) cp "$BIN/dockerless" "$BIN/chromium" ;; esac'


def refusal(machine: Machine) -> str:
    result = machine.run("chromium.sh")
    assert (result.returncode, result.stdout) == (1, "")
    return result.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome-stable"])
def test_a_browser_that_is_there_is_left_alone(machine: Machine, name: str) -> None:
    machine.program(name, "")
    result = machine.run("chromium.sh")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert machine.calls == []


def test_root_on_debian_gets_it_from_the_packages(machine: Machine) -> None:
    machine.program("dockerless", "")
    machine.program("apt-get", INSTALLS)
    result = machine.run("chromium.sh")
    assert result.returncode == 0, result.stderr
    assert "installing Chromium" in result.stderr


def test_a_package_that_cannot_be_had_is_told(machine: Machine) -> None:
    machine.program("apt-get", "exit 100")
    assert "could not install chromium" in refusal(machine)


def test_who_is_not_root_is_told_what_to_do(machine: Machine) -> None:
    machine.user("ada")
    assert "sudo apt-get install chromium" in refusal(machine)


def test_elsewhere_nothing_is_installed(machine: Machine) -> None:
    machine.release("ubuntu", "noble")
    assert "CHROMIUM=/path/to/chromium" in refusal(machine)
    assert not any("apt-get" in call for call in machine.calls)


def test_a_named_browser_that_is_not_there_is_told(machine: Machine) -> None:
    machine.program("chromium", "")
    machine.environment["CHROMIUM"] = "/nowhere/chromium"
    assert "CHROMIUM=/nowhere/chromium" in refusal(machine)
