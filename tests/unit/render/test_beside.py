"""A foreign image runs in a network that a container of ours holds and guards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labgen.names import Label
from tests.unit.render.tiny import compose_of, plan_of, rendered, service_of

if TYPE_CHECKING:
    from pathlib import Path

    from labgen.render.lab import Rendering

FOLDER = "./nodes/web-1:/etc/labgen:ro"


@pytest.fixture
def foreign(tmp_path: Path) -> Rendering:
    return rendered(tmp_path, plan_of(images={"web": "vendor/web:6.1"}), web="cap_add: [NET_RAW]\n")


def test_the_holder_has_all_that_is_of_the_network(foreign: Rendering, tmp_path: Path) -> None:
    holder = service_of(foreign, "web-1-network")
    alone = service_of(rendered(tmp_path / "own"), "web-1")
    assert holder["image"] == "labgen/base:0"
    assert holder["container_name"] == "labgen-lab-web-1-network"
    for key in ("hostname", "ports", "dns", "cap_add", "sysctls", "read_only"):
        assert holder[key] == alone[key], key
    assert holder["networks"] == {
        name: {**one, "aliases": ["web-1"]} for name, one in alone["networks"].items()
    }
    assert holder["volumes"] == [FOLDER]
    assert holder["labels"][Label.HOLDS] == "web-1"
    assert holder["labels"][Label.PUBLISHED] == "80="
    assert Label.NODE not in holder["labels"], "it is no node"


def test_the_foreign_image_shares_it_and_cannot_change_it(foreign: Rendering) -> None:
    service = service_of(foreign, "web-1")
    assert service["image"] == "vendor/web:6.1"
    assert service["network_mode"] == "service:web-1-network"
    assert service["depends_on"] == {"web-1-network": {"condition": "service_healthy", "restart": True}}
    assert service["cap_add"] == ["KILL", "NET_RAW", "SETGID", "SETUID"]
    assert service["sysctls"] == {}
    assert not {"hostname", "ports", "dns", "networks"} & set(service)
    assert FOLDER in service["volumes"]
    assert not [one for one in service["volumes"] if "/opt/labgen-probe" in one], "nothing of ours runs in it"
    assert service["labels"][Label.NODE] == "web-1"
    assert service["labels"][Label.ENFORCED] == "beside"


def test_changed_rules_make_both_anew(foreign: Rendering) -> None:
    """A container whose holder is made anew would otherwise keep a network that is gone."""
    labels = [
        one["labels"][Label.FILES] for name, one in compose_of(foreign)["services"].items() if "web" in name
    ]
    assert len(labels) == 2
    assert len(set(labels)) == 1


def test_without_the_firewall_the_holder_still_loads_cuts(tmp_path: Path) -> None:
    rendering = rendered(tmp_path, plan_of(images={"web": "vendor/web:6.1"}, firewall=False))
    assert service_of(rendering, "web-1-network")["volumes"] == [FOLDER]
    assert service_of(rendering, "web-1")["labels"][Label.ENFORCED] == "links only"


def test_without_a_link_there_is_nothing_to_hold_but_the_name(tmp_path: Path) -> None:
    plan = plan_of(images={"database": "vendor/db:1"}, counts={"web": 0})
    holder = service_of(rendered(tmp_path, plan), "dc1-db-1-network")
    assert holder["network_mode"] == "none"
    assert "networks" not in holder
