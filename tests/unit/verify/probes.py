"""Probes that answer as a healthy lab's do, for tests of the measurement; the fixture is `probes`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self, cast

from labgen.engine.observe import observe
from labgen.plan.spec import LabSpec
from labgen.verify.expect import HOST
from labgen.verify.judge import judge
from labgen.verify.looks import Looks
from labgen.verify.places import Places
from labgen.verify.run import Subject, measure
from tests.unit.engine.world import running
from tests.unit.plan.specs import plan_of
from tests.unit.verify.healthy import look_of

if TYPE_CHECKING:
    from labgen.engine.client import Engine
    from labgen.plan.model import LabPlan
    from labgen.verify.look import Look
    from labgen.verify.table import TruthTable

PLAN = plan_of(LabSpec())
SECRETS = {"ca": "PEM", "api_admin_password": "hidden"}
GATEWAY = str(PLAN.public_subnet.network_address + 1)


class FakeProbe(AbstractContextManager["FakeProbe"]):
    """Answers as a healthy node does, unless told otherwise."""

    plan: LabPlan = PLAN
    asked: list[tuple[str, dict[str, Any]]] = []
    broken: dict[tuple[str, str], object] = {}
    open: int = 0

    def __init__(
        self, _engine: object, lab: str, image: str, network: str, *, seconds: int, vrrp: bool, program: str
    ) -> None:
        assert (lab, image, seconds) == ("lab", "probe:1", 60 + 2 * len(self.plan.nodes))
        assert program == ("" if network == "host" else "/opt/probe")
        assert not vrrp, "no node of this lab has a peer"
        self.name = HOST if network == "host" else network.removeprefix("id-")

    def __enter__(self) -> Self:
        self.fault("start")
        FakeProbe.open += 1
        return self

    def __exit__(self, *_: object) -> None:
        FakeProbe.open -= 1

    def fault(self, op: str) -> object:
        wrong = self.broken.get((self.name, op))
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        op = str(request["op"])
        FakeProbe.asked.append((self.name, request))
        wrong = self.fault(op)
        found = wrong if isinstance(wrong, dict) else getattr(self, op)(request)
        return {"op": op, **found}

    def look(self, _request: object) -> dict[str, Any]:
        if self.name == HOST:
            return self.seen(None, ["192.168.7.7", GATEWAY], ["192.168.7.0/24", str(self.plan.public_subnet)])
        seen = look_of(self.plan, self.plan.node_by_name[self.name])
        return self.seen(seen, list(seen.addresses), list(map(str, seen.on_link)))

    @staticmethod
    def seen(look: Look | None, addresses: list[str], networks: list[str]) -> dict[str, Any]:
        routes = [{"network": one, "gateway": None, "interface": "eth0"} for one in networks]
        if look is None or look.way_out:
            routes.append({"network": "0.0.0.0/0", "gateway": "10.0.0.1", "interface": "eth0"})
        listeners = [
            {"transport": one.transport, "address": one.address, "port": one.port}
            for one in (look.listeners if look else ())
        ]
        listeners.append({"transport": "tcp", "address": "127.0.0.11", "port": 40001})
        return {
            "listeners": listeners,
            "addresses": [{"interface": "eth0", "address": one, "prefix": 28} for one in addresses],
            "ipv6": [],
            "ipv6_usable": [],
            "routes": routes,
            "rules": {"fault": "", **(look.rules if look else {})},
        }

    def listen(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"ports": dict.fromkeys(request["addresses"], 40404), "faults": {}}

    def fetch(self, _request: object) -> dict[str, Any]:
        return {"status": 201, "body": {"token": f"t0ken{len(asked('fetch'))}"}}

    def sweep(self, request: dict[str, Any]) -> dict[str, Any]:
        out = self.name == HOST or look_of(self.plan, self.plan.node_by_name[self.name]).way_out
        return {
            "results": [
                {
                    "address": one["address"],
                    "tcp": {"refused" if out or "ttl" not in one else "unreachable": one["tcp"]},
                    "udp": {"refused" if out or "ttl" not in one else "unreachable": one["udp"]},
                    "faults": {},
                }
                for one in request["targets"]
            ]
        }

    def names(self, request: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name in request["names"]:
            mine = {one.link for one in self.plan.node_by_name[self.name].interfaces}
            theirs = self.plan.node_by_name[name].interfaces
            found[name] = {"addresses": [one.address for one in theirs if one.link in mine]}
        return {"results": found}

    def speak(self, request: dict[str, Any]) -> dict[str, Any]:
        return {
            "results": [
                {"id": one["id"], "outcome": "spoken", "evidence": "ok", "ms": 1.0}
                for one in request["checks"]
            ]
        }


def places() -> Places:
    """Every node runs, and a probe is started in it."""
    statuses = observe(running(FakeProbe.plan).engine, FakeProbe.plan.name)
    return Places(FakeProbe.plan.name, "probe:1", statuses, dict.fromkeys(statuses, "/opt/probe"))


def measured(*, early: bool = False, **subject: Any) -> TruthTable:
    """Measure and judge the plan's lab; `early` as `labgen verify` begins, before the plan is read."""
    with Looks(cast("Engine", None), places()) as probes:
        if early:
            probes.begin_inside()
        questions, measurement = measure(Subject(FakeProbe.plan, **{"secrets": SECRETS, **subject}), probes)
    assert FakeProbe.open == 0, "every probe is closed"
    return judge(FakeProbe.plan, questions, measurement)


def asked(op: str, name: str = "") -> list[dict[str, Any]]:
    """Return what the probe of `name`, or all, were asked to do by way of `op`."""
    return [request for who, request in FakeProbe.asked if request["op"] == op and name in ("", who)]
