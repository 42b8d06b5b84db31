"""A platform in memory: its documents are those of the API, and a test moves it by hand."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

Document = dict[str, Any]
PASSWORD = "open sesame ü"


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def machine_path(number: int) -> str:
    return f"/cloud/virtualdatacenters/1/virtualappliances/1/virtualmachines/{number}"


@dataclass
class FakePlatform:
    """What a test may turn: `away` (the API answers 503), `quiet` (M refuses), `sick` (service: why)."""

    away: bool = False
    quiet: bool = False
    manual: bool = False
    sick: dict[str, str] = field(default_factory=dict)
    refuse: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    machines: dict[int, Document] = field(default_factory=dict)
    tasks: dict[str, Document] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)
    events: list[Document] = field(default_factory=list)
    templates: dict[int, Document] = field(default_factory=dict)
    files: dict[int, bytes] = field(default_factory=dict)
    datacenters: list[Document] = field(default_factory=list)
    appliances: list[Document] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    queues: set[asyncio.Queue[str | None]] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop | None = None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    base: str = ""

    def __post_init__(self) -> None:
        self.add_template("tiny", "A system that shows its name and does nothing else.")

    # What tests do.

    def add_template(self, name: str, description: str = "", site: int = 1) -> int:
        number = next(self.numbers)
        self.templates[number] = {
            "id": number, "name": name, "description": description, "site": site, "state": "DONE",
            "diskFormatType": "VMDK_SPARSE", "diskFileSize": 1 << 20, "cpu": 1, "ram": 32,
        }  # fmt: skip
        self.files[number] = b"disk of " + name.encode()
        return number

    def add_machine(self, label: str, state: str = "NOT_ALLOCATED") -> int:
        number = next(self.numbers)
        self.machines[number] = {
            "id": number, "uuid": f"0000-{number}", "name": f"ABQ_{number}", "label": label, "state": state,
            "cpu": 1, "ram": 32, "address": f"10.0.0.{number}", "template": 1,
        }  # fmt: skip
        return number

    def change(self, number: int, state: str, action: str = "STATE") -> None:
        """Let a machine be in another state, and tell it on the stream."""
        self.machines[number]["state"] = state
        self.tell(action, self.machines[number]["label"], machine_path(number))

    def tell(self, action: str, name: str = "", where: str = "", severity: str = "INFO") -> None:
        event = {
            "id": next(self.numbers), "timestamp": round(time.time() * 1000), "type": "VIRTUAL_MACHINE",
            "action": action, "entity": "VIRTUAL_MACHINE", "severity": severity, "component": "API",
            "user": "admin", "entityURI": f"/api{where}", "virtualMachine": name,
        }  # fmt: skip
        self.events.insert(0, event)
        self._send(json.dumps(event))

    def cut_streams(self) -> None:
        self._send(None)

    def finish(self, task: str, error: str = "", fault: str = "") -> None:
        """End a task that waits (`manual`), with the effect that it is for, or with an error."""
        document = self.tasks[task]
        document["state"] = "FINISHED_UNSUCCESSFULLY" if error else "FINISHED_SUCCESSFULLY"
        document |= {"timestamp": round(time.time() * 1000), "error": error, "fault": fault}
        for job in document["jobs"]["collection"]:
            job["state"] = "FAILED" if error else "DONE"
        number = self.owners[task]
        if number in self.machines:
            before, after = document["before"], EFFECTS.get(document["type"])
            self.change(number, before if error or after is None else after, document["type"])

    def _send(self, text: str | None) -> None:
        def put() -> None:
            for queue in self.queues:
                queue.put_nowait(text)

        if self.loop is not None:
            self.loop.call_soon_threadsafe(put)

    # What it is to the page.

    def link(self, rel: str, path: str, kind: str = "", title: str = "") -> Document:
        fields = {"rel": rel, "href": f"{self.base}/api{path}", "title": title}
        fields["type"] = f"application/vnd.abiquo.{kind}+json" if kind else ""
        return {name: value for name, value in fields.items() if value}

    def page(self, request: Request, everything: list[Document], path: str) -> Document:
        start = int(request.query_params.get("startwith", "0"))
        size = int(request.query_params.get("limit", "25"))
        links = [self.link("first", f"{path}?startwith=0&limit={size}")]
        if start:
            links.append(self.link("prev", f"{path}?startwith={max(0, start - size)}&limit={size}"))
        if start + size < len(everything):
            links.append(self.link("next", f"{path}?startwith={start + size}&limit={size}"))
        return {
            "links": links,
            "collection": everything[start : start + size],
            "totalSize": len(everything),
        }

    def user(self) -> Document:
        roots = (
            "datacenters publiccloudregions locations virtualdatacenters virtualmachines events enterprise"
        )
        links = [self.link(one, f"/{one}", one) for one in [*roots.split(), "logout"]]
        return {"id": 1, "nick": "admin", "links": links}

    def machine(self, number: int) -> Document:
        if number not in self.machines:
            raise Refused(404, "The requested resource does not exist")
        path, document = machine_path(number), dict(self.machines[number])
        template = self.templates.get(document.pop("template"), {"name": "gone"})
        links = [
            self.link("edit", path, "virtualmachine"),
            self.link("location", "/locations/1", "datacenter", "dc1"),
            self.link("virtualdatacenter", "/virtualdatacenters/1", "virtualdatacenter", "dc1"),
            self.link("virtualmachinetemplate", "/templates/1", "virtualmachinetemplate", template["name"]),
            self.link("tasks", f"{path}/tasks", "tasks"),
            self.link("state", f"{path}/state", "virtualmachinestate"),
            *(
                self.link(one, f"{path}/action/{one}")
                for one in ("deploy", "undeploy", "reset", "instance", "remoteaccess")
            ),
        ]
        return {**document, "links": links}

    def template(self, number: int) -> Document:
        document = dict(self.templates[number])
        links = [self.link("edit", f"/templates/{number}", "virtualmachinetemplate")]
        links.append({"rel": "download", "href": f"{self.base}/am-dc1/templates/{number}"})
        return {**document, "links": links}

    def start(self, kind: str, number: int) -> Document:
        name = f"task-{next(self.numbers)}"
        now = round(time.time() * 1000)
        self.tasks[name] = {
            "taskId": name, "type": kind, "state": "STARTED", "creationTimestamp": now, "timestamp": now,
            "before": self.machines.get(number, {}).get("state", ""),
            "jobs": {"collection": [{"id": f"{name}.1", "type": kind, "state": "PENDING"}]},
            "links": [self.link("self", f"/tasks/{name}", "task")],
        }  # fmt: skip
        self.owners[name] = number
        if number in self.machines:
            self.change(number, "LOCKED", kind)
        if not self.manual:
            self.finish(name)
        return {"message": "accepted", "links": [self.link("status", f"/tasks/{name}", "task")]}


EFFECTS = {
    "DEPLOY": "ON", "UNDEPLOY": "NOT_ALLOCATED", "POWER_ON": "ON", "POWER_OFF": "OFF", "PAUSE": "PAUSED",
    "RESET": "ON",
}  # fmt: skip
