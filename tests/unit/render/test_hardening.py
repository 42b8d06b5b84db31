"""Every service of every lab is closed, whatever the lab."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from labgen.assets import images_dir, templates_dir
from labgen.names import Label
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.render.lab import COMPOSE_FILE, render_lab
from tests.unit.plan.specs import BUILDABLE, CATALOGUE, lab_specs, plan_of
from tests.unit.render.hardening import check_compose, compose_of

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan
    from labgen.render.lab import Rendering
IMAGES = {path.parent.name: f"labgen/{path.parent.name}:test" for path in images_dir().glob("*/Dockerfile")}


def test_small_lab_is_closed(small: Rendering, small_plan: LabPlan) -> None:
    compose = compose_of(small)
    check_compose(compose)
    assert set(compose["services"]) == {node.name for node in small_plan.nodes}
    assert set(compose["networks"]) == {link.name for link in small_plan.links} | {"public"}
    assert not [name for name, service in compose["services"].items() if "network_mode" in service]
    assert {one for service in compose["services"].values() for one in service.get("ports", [])} == {
        "127.0.0.1:8080:80",
        "127.0.0.1:8443:443",
        "127.0.0.1:41337:41337",
    }


def test_the_check_sees_a_hole(small: Rendering) -> None:
    """Each of these in one service has to be found, or the test above proves nothing."""
    holes: list[dict[str, Any]] = [
        {"privileged": True},
        {"cap_drop": []},
        {"cap_add": ["KILL", "NET_ADMIN", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN"]},
        {"security_opt": []},
        {"read_only": False},
        {"ports": ["127.0.0.1:3306:3306"]},
        {"volumes": ["/var/run/docker.sock:/var/run/docker.sock:ro"]},
        {"volumes": ["./secrets/mysql_password:/x:ro"]},
        {"environment": {"MYSQL_PASSWORD": "x"}},
        {"mem_limit": 0},
        {"init": False},
        {"networks": {"public": {}}},
        {"network_mode": "host"},
        {"healthcheck": {"test": ["CMD", "labgen-health"]}},
        {"logging": {"driver": "json-file", "options": {"max-size": "0", "max-file": "1"}}},
    ]
    sound = compose_of(small)
    check_compose(sound)
    for hole in holes:
        compose = copy.deepcopy(sound)
        compose["services"]["mysql-1"].update(hole)
        with pytest.raises(AssertionError):
            check_compose(compose)
    compose = copy.deepcopy(sound)
    next(iter(compose["networks"].values()))["internal"] = False
    with pytest.raises(AssertionError):
        check_compose(compose)


@given(lab_specs(most=3))
@settings(max_examples=15)
def test_any_lab_renders_and_is_closed(spec: LabSpec) -> None:
    """Also one where a server has no neighbour, or many: no template may count on one of each."""
    plan = plan_of(spec)
    compose = compose_of(render_lab(plan, templates_dir(), IMAGES))
    check_compose(compose)
    assert len(compose["services"]) == len(plan.nodes)


@pytest.mark.parametrize("alone", [role for roles in BUILDABLE.values() for role in roles])
def test_a_server_alone_renders(alone: str) -> None:
    counts = {role: int(role == alone) for roles in BUILDABLE.values() for role in roles}
    plan = make_plan(CATALOGUE, LabSpec(counts=counts), "lab")
    compose = compose_of(render_lab(plan, templates_dir(), IMAGES))
    check_compose(compose)
    (service,) = compose["services"].values()
    assert service.get("network_mode") == (None if alone == "frontend" else "none")


def test_redis_of_the_datanode_leaves_the_other_without_any_network() -> None:
    plan = plan_of(LabSpec(variants={"redis": "datanode"}))
    services = compose_of(render_lab(plan, templates_dir(), IMAGES))["services"]
    for name in ("dc1-redis-1", "pcr1-redis-1"):
        assert services[name]["network_mode"] == "none"
        assert "networks" not in services[name]
    assert set(services["dc1-rs-1"]["networks"]) & set(services["redis-1"]["networks"]) == {"dc1-rs-redis"}


def test_configuration_holds_no_password(small: Rendering) -> None:
    """A secret is read from /run/labgen/secrets by the server itself: what is rendered is not secret."""
    told = re.compile(
        r"(?i)(?:pass(?:word|wd)?|secret|token)\s*[=:]\s*[\"']?(?!/run/labgen/secrets/)[^\s\"'/{$]"
    )
    for path, text in small.files.items():
        if path != COMPOSE_FILE:
            assert not told.search(text), path


def test_compose_has_no_variable_to_replace(small: Rendering) -> None:
    """A lone dollar would be the start of a variable of whoever runs Compose."""
    assert not re.search(r"(?<!\$)\$(?:\$\$)*(?=[A-Za-z_{])", small.files[COMPOSE_FILE])


def test_every_mounted_file_is_rendered(small: Rendering) -> None:
    for name, service in compose_of(small)["services"].items():
        sources = {
            one.split(":")[0].removeprefix("./") for one in service["volumes"] if one.startswith("./nodes")
        }
        files = {path for path in small.files if path.startswith(f"nodes/{name}/")}
        assert {path for path in sources if path not in files} == {f"nodes/{name}"}
    assert set(small.folders) == {f"nodes/{name}/cuts" for name in compose_of(small)["services"]}


def test_labels_name_the_node(small: Rendering, small_plan: LabPlan) -> None:
    for name, service in compose_of(small)["services"].items():
        node = small_plan.node_by_name[name]
        assert service["labels"][Label.NODE] == service["hostname"] == name
        assert (service["labels"][Label.ROLE], service["labels"][Label.SITE]) == (node.role, node.site)


@pytest.mark.parametrize(
    ("spec", "rhythm"),
    [
        (LabSpec(), ("10s", "1s")),
        (LabSpec(size="large"), ("30s", "4s")),
        (LabSpec(size="large", datacenters=12, regions=12), ("60s", "8s")),
    ],
)
def test_a_large_lab_is_asked_less_often(spec: LabSpec, rhythm: tuple[str, str]) -> None:
    compose = compose_of(render_lab(plan_of(spec), templates_dir(), IMAGES))
    checks = [one["healthcheck"] for one in compose["services"].values()]
    assert {(one["interval"], one["start_interval"]) for one in checks} == {rhythm}
