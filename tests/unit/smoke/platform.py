"""A platform in memory that answers as the API does, with the faults that a test plants."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from labgen.smoke.client import Address, Platform

BASE = "https://lab.example"
ADDRESS = Address(BASE, "admin", "secret", "")


def link(rel: str, path: str) -> dict[str, str]:
    return {"rel": rel, "href": f"{BASE}/api{path}"}


@dataclass
class Fake:
    """The platform: `broken` maps an action to the error and the server of its task.

    `slow` maps an action to the looks at the machine that it takes; its task never tells that it ended.
    """

    sites: tuple[str, ...] = ("dc1", "pcr1")
    broken: dict[str, tuple[str, str]] = field(default_factory=dict)
    slow: dict[str, int] = field(default_factory=dict)
    held: dict[str, tuple[int, str]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    number: int = 0

    def platform(self) -> Platform:
        return Platform(ADDRESS, httpx.MockTransport(self))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(f"{request.method} {path}")
        for part, status in self.refused.items():
            if part in self.asked[-1]:
                document = {"collection": [{"code": f"{status}-X", "message": "refused on purpose"}]}
                return httpx.Response(status, json=document)
        if path == "/m/stream":
            lines = [": stream\n\n", *(f"data: {json.dumps(one)}\n\n" for one in self.events)]
            return httpx.Response(200, text="".join(lines))
        path = path.removeprefix("/api")
        body = json.loads(request.content) if request.content else {}
        return self._answer(request.method, path, body)

    def _answer(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        if path == "/login":
            links = [link("enterprise", "/e"), link("virtualdatacenters", "/v"), link("scopes", "/scopes")]
            return httpx.Response(
                200, json={"nick": "admin", "links": links}, headers={"X-Abiquo-Token": "t"}
            )
        kind, _, site = path.removeprefix("/").partition("/")
        template = {"name": "tiny", "state": "DONE", "links": [link("edit", f"{path}/1")]}
        fixed: dict[str, Callable[[], dict[str, Any]]] = {
            "e": lambda: {"links": [link("datacenterrepositories", "/r")]},
            "r": lambda: self._page(path, [self._repository(one) for one in self.sites]),
            "l": lambda: {"uuid": site, "links": [link("location", path)]},
            "t": lambda: self._page(path, [template]),
            "tasks": lambda: self.tasks[path],
        }
        if kind in fixed:
            return httpx.Response(200, json=fixed[kind]())
        return self._thing(method, path, body)

    def _repository(self, site: str) -> dict[str, Any]:
        return {"links": [link("location", f"/l/{site}"), link("virtualmachinetemplates", f"/t/{site}")]}

    @staticmethod
    def _page(path: str, documents: list[dict[str, Any]]) -> dict[str, Any]:
        return {"links": [link("first", path)], "collection": documents}

    def _thing(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        if method == "GET" and path.endswith(("/vm", "/virtualappliances", "/scopes")):
            found = [one for where, one in self.things.items() if where.startswith(path)]
            return httpx.Response(200, json=self._page(path, found))
        if method == "GET":
            looks, state = self.held.pop(path, (0, str(self.things[path].get("state"))))
            if looks:
                self.held[path] = (looks - 1, state)
            return httpx.Response(200, json={**self.things[path], "state": "LOCKED" if looks else state})
        if method == "DELETE":
            del self.things[path]
            return httpx.Response(204)
        if "/action/" in path:
            return self._act(*path.split("/action/"))
        if path.endswith("/state"):
            return self._act(path.removesuffix("/state"), str(body["state"]))
        self.number += 1
        where = f"{path}/{self.number}"
        links = [link("edit", where)]
        links += [link(rel, f"{where}/{rel}") for rel in ("virtualappliances", "state")]
        links += [link(rel, f"{where}/action/{rel}") for rel in ("deploy", "undeploy", "remoteaccess")]
        links.append(link("virtualmachines", f"{where}/vm"))
        self.things[where] = {**body, "state": "NOT_ALLOCATED", "links": links}
        return httpx.Response(201, json=self.things[where])

    def _act(self, where: str, action: str) -> httpx.Response:
        error, fault = self.broken.get(action, ("", ""))
        slow = self.slow.get(action, 0)
        self.number += 1
        name = f"/tasks/{self.number}"
        self.tasks[name] = {
            "taskId": f"task-{self.number}",
            "state": "STARTED" if slow else f"FINISHED_{'UNSUCCESSFULLY' if error else 'SUCCESSFULLY'}",
            "error": error,
            "fault": fault,
            "jobs": {
                "collection": [{"steps": [{"connection": "39", "server": "dc1-hypervisor-1", "ms": 12.5}]}]
            },
        }
        if not error:
            states = {"deploy": "ON", "undeploy": "NOT_ALLOCATED"}
            self.things[where]["state"] = states.get(action, action)
            self.held[where] = (slow, self.things[where]["state"])
        return httpx.Response(202, json={"message": "accepted", "links": [link("status", name)]})
