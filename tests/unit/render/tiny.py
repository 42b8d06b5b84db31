"""A lab of a web server and a database, and templates for them in a test's own folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from labgen.catalogue.model import Catalogue
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.render.lab import COMPOSE_FILE, render_lab

if TYPE_CHECKING:
    from pathlib import Path

    from labgen.plan.model import LabPlan
    from labgen.render.lab import Rendering

__all__ = ["IMAGES", "compose_of", "plan_of", "rendered", "service_of", "write_template"]

IMAGES = {"base": "labgen/base:0", "web": "labgen/web:1", "database": "labgen/database:2"}
ROW = {"purpose": "data", "provenance": "documented", "reference": "W1"}
CATALOGUE = Catalogue.model_validate(
    {
        "roles": {
            "web": {
                "id": "web",
                "title": "web",
                "server": "front",
                "scope": "platform",
                "node": "web",
                "template": "web",
                "publish": {"http": {"port": 80, "host": 8080}},
            },
            "database": {
                "id": "database",
                "title": "database",
                "server": "back",
                "scope": "datacenter",
                "node": "db",
                "template": "database",
                "actor": True,
            },
        },
        "connections": [
            {"id": "1", "from": "web", "to": "database", "protocol": "mysql", "port": 3306, **ROW},
            {"id": "2", "from": "database", "to": "web", "protocol": "http", "port": 80, **ROW},
            {
                "id": "3",
                "from": "database",
                "to": "web",
                "protocol": "dhcp",
                "port": 67,
                "transport": "udp",
                **ROW,
            },
        ],
        "variants": {},
        "sizes": {
            "small": {"title": "", "datacenters": 1, "regions": 0, "counts": {"web": 1, "database": 1}}
        },
    }
)


def plan_of(name: str = "lab", **spec: Any) -> LabPlan:
    """Return the plan of a lab of one web server and one database, changed by `spec`."""
    return make_plan(CATALOGUE, LabSpec.model_validate(spec), name)


def write_template(folder: Path, role: str, text: str = "", **files: str) -> None:
    """Write the template of `role`: what every one needs and `text`; `a__b` in `files` is the name `a.b`."""
    (folder / role).mkdir(parents=True, exist_ok=True)
    needed = "".join(
        line for line in (f"image: {role}\n", "health: [labgen-health]\n") if line.split(":")[0] not in text
    )
    (folder / role / "service.yaml").write_text(needed + text)
    for name, content in files.items():
        (folder / role / name.replace("__", ".")).write_text(content)


def rendered(
    folder: Path, plan: LabPlan | None = None, web: str = "", database: str = "", **files: str
) -> Rendering:
    """Return a rendering with `web` and `database` added to their templates, `files` to the web server's."""
    write_template(folder, "web", web, **files)
    write_template(folder, "database", database)
    return render_lab(plan or plan_of(), folder, IMAGES)


def compose_of(rendering: Rendering) -> dict[str, Any]:
    """Return what Compose would read."""
    loaded: dict[str, Any] = yaml.safe_load(rendering.files[COMPOSE_FILE])
    return loaded


def service_of(rendering: Rendering, node: str = "web-1") -> dict[str, Any]:
    """Return the service of `node`."""
    service: dict[str, Any] = compose_of(rendering)["services"][node]
    return service
