"""Which nodes a probe can be started in, and how its program comes there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from labgen.engine.observe import NodeState, NodeStatus
from labgen.errors import LabgenError
from labgen.names import Label
from labgen.verify.inside import programs_inside
from tests.unit.verify.containers import OneContainer

if TYPE_CHECKING:
    from labgen.engine.client import Engine

PROGRAM = "/opt/labgen-probe/abc123/labgen-probe-session"
NODE = NodeStatus(
    "api-1",
    "api",
    "platform",
    actor=False,
    state=NodeState.HEALTHY,
    detail="",
    container="c1",
    project="labgen-small",
    image="labgen/stub:1",
    addresses=(),
    ports=(),
    probe_volume="labgen-small_probe",
)


@dataclass
class Api(OneContainer):
    """The SDK's low-level client: whether the program is there, and how putting it there ends."""

    there: bool = False
    code: int = 0
    said: str = ""
    why: str = field(default="no space left on device", kw_only=True)

    def exec_create(
        self, container: str, command: list[str], *, user: str, environment: None
    ) -> dict[str, str]:
        self.did(f"exec in {container}: {' '.join(command)}")
        assert (user, environment) == ("0", None)
        return {"Id": "exec"}

    def exec_start(self, identity: str) -> bytes:
        assert identity == "exec"
        return b""

    def exec_inspect(self, identity: str) -> dict[str, int]:
        assert identity == "exec"
        return {"ExitCode": 0 if self.there else 1}

    def wait(self, _identity: str, *, timeout: int) -> dict[str, int]:
        assert timeout > 0
        return {"StatusCode": self.code}

    def logs(self, _identity: str) -> bytes:
        return self.said.encode()


def programs(api: Api, *nodes: NodeStatus) -> dict[str, str]:
    engine = cast("Engine", SimpleNamespace(sdk=SimpleNamespace(api=api)))
    return programs_inside(engine, "small", "labgen/probe:abc123", nodes)


def test_where_it_is_already_it_is_asked_once_and_that_is_all() -> None:
    api = Api(there=True)
    assert programs(api, NODE, replace(NODE, name="api-2")) == {"api-1": PROGRAM, "api-2": PROGRAM}
    assert api.calls == [f"exec in c1: test -x {PROGRAM}"]


def test_where_it_is_not_it_is_put() -> None:
    api = Api()
    assert programs(api, NODE) == {"api-1": PROGRAM}
    assert api.calls[1:] == ["create", "start", "remove"]
    assert api.created["image"] == "labgen/probe:abc123"
    assert api.created["entrypoint"] == ["timeout", "60", "labgen-probe-install"]
    assert api.created["command"] == ["/srv/probe", "abc123"]
    assert api.created["labels"] == {Label.LAB: "small", Label.PROBE: "none"}
    assert api.limits["binds"] == ["labgen-small_probe:/srv/probe"]
    assert api.limits["network_mode"] == "none"
    assert api.limits["cap_drop"] == ["ALL"]
    assert "cap_add" not in api.limits


def test_nodes_without_the_volume_are_probed_from_beside() -> None:
    api = Api(there=True)
    assert programs(api, replace(NODE, probe_volume="")) == {}
    assert api.calls == []


@pytest.mark.parametrize(
    ("api", "reason"),
    [
        (Api(code=1, said="cp: cannot create\nmv: no space left\n"), "mv: no space left"),
        (Api(code=124), "exit code 124"),
        (Api(refused="create"), "no space left on device"),
    ],
)
def test_what_cannot_be_put_there_is_told(api: Api, reason: str) -> None:
    with pytest.raises(LabgenError) as caught:
        programs(api, NODE)
    assert caught.value.message == f"the probe's program cannot be put into lab 'small': {reason}"
    assert caught.value.hint == (
        "It takes 60 MiB of the engine's disk; `labgen status small` tells whether the nodes still run."
    )
    assert api.created == {} or api.calls[-1] in {"remove", "create"}
