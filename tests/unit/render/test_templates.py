"""The templates that ship, as plain YAML: complete, consistent with the images, and explained."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from labgen.assets import images_dir, templates_dir
from tests.unit.plan.specs import CATALOGUE
from tests.unit.render.hardening import CAPABILITIES, SHARING, WRITABLE_ROOT

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = sorted(path for path in templates_dir().iterdir() if path.is_dir())


#: Every secret that labgen makes, and what it opens. A name that is not here is a slip of the pen.
SECRETS = {
    "api_admin_password": "the API's administrator",
    "cloud_secret_key": "signing requests to the cloud provider",
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
        named = set(service_yaml(folder).get("files", {}))
        shared = {one for one in named if one.startswith("../")}
        assert (named - shared) | {"service.yaml"} == present, folder.name
        assert [one for one in shared if not (folder / one).is_file()] == [], folder.name


def test_templates_name_known_secrets() -> None:
    used = {secret for folder in TEMPLATES for secret in service_yaml(folder).get("secrets", [])}
    assert used == set(SECRETS)


def test_capabilities_are_kept_and_explained() -> None:
    """A capability is added, kept by labgen-init in its image and has its reason, all three or none."""
    for folder in TEMPLATES:
        service = service_yaml(folder)
        always = {one for one in service.get("cap_add", []) if "{{" not in one}
        sharing = {
            one.split("'")[1] for one in service.get("cap_add", []) if "if node.virtual else none" in one
        }
        assert sharing == (SHARING if "LABGEN_VIRTUAL" in service.get("environment", {}) else set()), (
            folder.name
        )
        assert always | sharing or "cap_add" not in service, folder.name
        added = always
        dockerfile = (images_dir() / service["image"] / "Dockerfile").read_text("utf-8")
        kept = ",".join(re.findall(r"^ENV LABGEN_KEEP_CAPS=(\S+)$", dockerfile, re.MULTILINE))
        assert added == CAPABILITIES.get(folder.name, set()), folder.name
        assert {one.upper() for one in kept.split(",") if one} == added, folder.name
        assert not (added or sharing) or has_reason(folder, "cap_add"), folder.name


def test_writable_roots_are_known_and_explained() -> None:
    writable = {folder.name for folder in TEMPLATES if service_yaml(folder).get("read_only") is False}
    assert writable == set(WRITABLE_ROOT)
    assert all(has_reason(templates_dir() / role, "read_only") for role in writable)


def has_reason(folder: Path, key: str) -> bool:
    """Whether a comment stands before, or in, the line of `key`."""
    lines = (folder / "service.yaml").read_text("utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))
    return "#" in lines[at] or (at > 0 and lines[at - 1].startswith("#"))
