"""engine.sh where it installs an engine: from which suite, by which source, and what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.setup.machine import Machine

DEB822 = """\
# the system's own
Types: deb deb-src
URIs: http://mirror.test/debian
Suites: trixie trixie-updates
Components: main contrib
Signed-By: /usr/share/keyrings/key.gpg

Types: deb
URIs: http://mirror.test/security
Suites: trixie-security
Components: main
"""
ONE_LINE = """\
deb-src http://mirror.test/debian trixie main
deb [signed-by=/usr/share/keyrings/key.gpg] http://mirror.test/debian trixie main contrib # own
"""


@pytest.fixture
def bare(machine: Machine) -> Machine:
    """Debian 13: its own packages too old, the next suite's new enough."""
    machine.packages("own", docker="26.1.5+dfsg1-9", compose="2.26.1-4", buildx="0.13.1")
    machine.packages("forky", docker="28.5.2+dfsg4-5", compose="2.40.3-3", buildx="0.29.1", cli="28.5.2")
    (machine.apt / "sources.list.d/debian.sources").write_text(DEB822)
    return machine


def installed(machine: Machine) -> str:
    return next(call for call in machine.calls if " install " in call and "docker" in call)


def second_source(machine: Machine) -> str:
    (path,) = (machine.apt / "sources.list.d").glob("labgen-engine.*")
    return path.read_text()


def test_debian_takes_the_engine_alone_from_a_newer_suite(bare: Machine) -> None:
    result = bare.run()
    assert result.returncode == 0, result.stderr
    for package in ("docker.io/forky", "docker-cli/forky", "docker-compose/forky", "docker-buildx/forky"):
        assert package in installed(bare)
    assert "iptables mmdebstrap" in installed(bare)
    assert " -t " not in installed(bare)
    assert (
        "Pin: release n=forky\nPin-Priority: 100\n" in (bare.apt / "preferences.d/labgen-engine").read_text()
    )
    assert second_source(bare) == (
        "Types: deb\nSuites: forky\nComponents: main\n"
        "URIs: http://mirror.test/debian\nSigned-By: /usr/share/keyrings/key.gpg\n"
    )
    assert "Docker engine 28.5.2 answers" in result.stderr


def test_a_second_run_does_nothing(bare: Machine) -> None:
    assert bare.run().returncode == 0
    before = len(bare.calls)
    assert bare.run().stderr == ""
    assert len(bare.calls) == before + 1


def test_the_one_line_form_stays_one_line(bare: Machine) -> None:
    (bare.apt / "sources.list.d/debian.sources").unlink()
    (bare.apt / "sources.list").write_text(ONE_LINE)
    assert bare.run().returncode == 0
    assert second_source(bare) == (
        "deb [signed-by=/usr/share/keyrings/key.gpg] http://mirror.test/debian forky main\n"
    )


def test_a_mirror_that_is_behind_is_accepted_and_said_so(bare: Machine) -> None:
    (bare.fakes / "mirror-expired").touch()
    result = bare.run()
    assert result.returncode == 0, result.stderr
    assert "out of date" in result.stderr
    assert "Check-Valid-Until: no\n" in second_source(bare)


def test_a_suite_that_is_new_enough_needs_no_second_source(bare: Machine) -> None:
    bare.packages("own", docker="28.5.2+dfsg4-5", compose="2.40.3-3")
    assert bare.run().returncode == 0
    assert " docker.io docker-cli docker-compose docker-buildx " in installed(bare)
    assert not list((bare.apt / "sources.list.d").glob("labgen-engine.*"))


def test_without_a_usable_source_nothing_is_left_behind(bare: Machine) -> None:
    bare.packages("forky", docker="26.1.5")
    (bare.apt / "sources.list.d/debian.sources").write_text("Types: deb\nSuites: trixie\nComponents: extra\n")
    result = bare.run()
    assert result.returncode == 3
    assert "no apt source of this machine leads to Docker 28.0" in result.stderr
    assert not list((bare.apt / "sources.list.d").glob("labgen-engine.*"))
    assert not (bare.apt / "preferences.d/labgen-engine").exists()


def test_ubuntu_installs_its_own_packages_or_says_what_they_are(machine: Machine) -> None:
    machine.release("ubuntu", "noble")
    machine.packages("own", docker="26.1.3-0ubuntu1", compose_v2="2.27.1", buildx="0.14.1")
    result = machine.run()
    assert result.returncode == 3
    assert "docker.io 26.1.3-0ubuntu1" in result.stderr
    machine.packages("own", docker="28.2.2-0ubuntu1", compose_v2="2.37.1")
    assert machine.run().returncode == 0
    assert "docker.io docker-compose-v2 docker-buildx" in installed(machine)


def test_an_interrupted_installation_is_finished(bare: Machine) -> None:
    bare.install()
    bare.program("dpkg-query", "echo half-configured")
    assert bare.run().returncode == 0
    assert "dpkg --configure -a" in bare.calls
    assert "docker.io/forky" in installed(bare)


def test_a_failed_installation_shows_what_apt_said(bare: Machine) -> None:
    (bare.apt / "sources.list.d/debian.sources").unlink()
    bare.packages("own", docker="28.5.2", compose="2.40.3")
    bare.program(
        "apt-get", 'case " $* " in *" install "*) echo "E: no space left on device"; exit 100 ;; esac'
    )
    result = bare.run()
    assert result.returncode == 3
    assert "E: no space left on device" in result.stderr


def test_what_a_base_image_needs_is_installed_beside_an_engine_that_runs(machine: Machine) -> None:
    machine.answers()
    (machine.bin / "mmdebstrap").unlink()
    assert machine.run().returncode == 0
    assert any("install" in call and call.endswith(" mmdebstrap") for call in machine.calls)
