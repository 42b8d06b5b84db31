"""The templates that ship: complete, lintable, and closed in every lab that they make."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings

from labgen.assets import images_dir, templates_dir
from labgen.names import Label
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.render.lab import COMPOSE_FILE, render_lab
from tests.unit.plan.specs import BUILDABLE, CATALOGUE, lab_specs, plan_of
from tests.unit.render.hardening import CAPABILITIES, WRITABLE_ROOT, check_compose, compose_of

if TYPE_CHECKING:
    from pathlib import Path

    from labgen.plan.model import LabPlan
    from labgen.render.lab import Rendering

TEMPLATES = sorted(path for path in templates_dir().iterdir() if path.is_dir())
IMAGES = {path.parent.name: f"labgen/{path.parent.name}:test" for path in images_dir().glob("*/Dockerfile")}
#: Every secret that labgen makes, and what it opens. A name that is not here is a slip of the pen.
SECRETS = {
    "api_admin_password": "the API's administrator",
    "erlang_cookie": "RabbitMQ's own command line",
    "guest_password": "SSH and RDP of a deployed machine",
    "mysql_password": "the platform's database user",
    "mysql_root_password": "the database's administrator",
    "omapi_key": "writing leases",
    "rabbitmq_password": "the platform's AMQP user",
}


def service_yaml(folder: Path) -> dict[str, Any]:
    """Return a template's service as plain YAML, without labgen."""
    loaded = yaml.safe_load((folder / "service.yaml").read_text("utf-8"))
    assert isinstance(loaded, dict), folder
    return loaded


def test_every_role_has_a_template_and_every_template_a_role() -> None:
    wanted = {role.template for role in CATALOGUE.roles.values() if role.template}
    assert {folder.name for folder in TEMPLATES} == wanted


def test_templates_name_images_that_exist() -> None:
    for folder in TEMPLATES:
        image = service_yaml(folder)["image"]
        assert (images_dir() / image / "Dockerfile").is_file(), f"{folder.name}: {image}"


def test_templates_name_files_that_exist_and_leave_none_out() -> None:
    for folder in TEMPLATES:
        present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert set(service_yaml(folder).get("files", {})) | {"service.yaml"} == present, folder.name


def test_templates_name_known_secrets() -> None:
    used = {secret for folder in TEMPLATES for secret in service_yaml(folder).get("secrets", [])}
    assert used == set(SECRETS)


def test_capabilities_are_kept_and_explained() -> None:
    """A capability is added, kept by labgen-init and has its reason, all three or none."""
    for folder in TEMPLATES:
        service = service_yaml(folder)
        added = set(service.get("cap_add", []))
        kept = service.get("environment", {}).get("LABGEN_KEEP_CAPS", "")
        assert added == CAPABILITIES.get(folder.name, set()), folder.name
        assert {one.upper() for one in kept.split(",") if one} == added, folder.name
        assert not added or has_reason(folder, "cap_add"), folder.name


def test_writable_roots_are_known_and_explained() -> None:
    writable = {folder.name for folder in TEMPLATES if service_yaml(folder).get("read_only") is False}
    assert writable == set(WRITABLE_ROOT)
    assert all(has_reason(templates_dir() / role, "read_only") for role in writable)


def has_reason(folder: Path, key: str) -> bool:
    """Whether a comment stands before, or in, the line of `key`."""
    lines = (folder / "service.yaml").read_text("utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))
    return "#" in lines[at] or (at > 0 and lines[at - 1].startswith("#"))


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
        {"cap_add": ["SETGID", "SETPCAP", "SETUID", "NET_ADMIN"]},
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
    for hole in holes:
        compose = compose_of(small)
        compose["services"]["mysql-1"].update(hole)
        with pytest.raises((AssertionError, KeyError)):
            check_compose(compose)
    compose = compose_of(small)
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
        assert sources == {path for path in small.files if path.startswith(f"nodes/{name}/")}


def test_labels_name_the_node(small: Rendering, small_plan: LabPlan) -> None:
    for name, service in compose_of(small)["services"].items():
        node = small_plan.node_by_name[name]
        assert service["labels"][Label.NODE] == service["hostname"] == name
        assert (service["labels"][Label.ROLE], service["labels"][Label.SITE]) == (node.role, node.site)


def test_rendering_twice_gives_the_same_bytes(small: Rendering, golden_images: dict[str, str]) -> None:
    again = render_lab(make_plan(CATALOGUE, LabSpec(), "small"), templates_dir(), golden_images)
    assert again == small
    assert list(again.files) == list(small.files)


SCRIPT = """
import hashlib
from tests.unit.plan.specs import plan_of
from tests.unit.render.test_shipped import digest_of
from labgen.plan.spec import LabSpec
print(digest_of(plan_of(LabSpec(datacenters=2, counts={"rs": 2, "api": 3}))))
"""


def digest_of(plan: LabPlan) -> str:
    """Return a hash of every byte of a rendering, in its order."""
    rendering = render_lab(plan, templates_dir(), IMAGES)
    return hashlib.sha256(repr((list(rendering.files.items()), rendering.secrets)).encode()).hexdigest()


def test_another_process_gives_the_same_bytes() -> None:
    """Python orders sets of strings anew in every process; no such order may reach a file."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert digests == {digest_of(plan_of(LabSpec(datacenters=2, counts={"rs": 2, "api": 3}))) + "\n"}


class PlainDumper(yaml.SafeDumper):
    """PyYAML's own dumper, for a platform without libyaml."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


def test_a_machine_without_libyaml_writes_the_same_bytes(small: Rendering) -> None:
    text = small.files[COMPOSE_FILE]
    again = yaml.dump(compose_of(small), Dumper=PlainDumper, sort_keys=False, width=110, allow_unicode=True)
    assert text.endswith(again)
