"""Which nodes a probe can be started in, and how its program comes there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from labgen.engine.observe import NodeState, NodeStatus
from labgen.engine.state import LabState
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
    """The SDK's low-level client: how old the volume is, and how putting the program there ends."""

    made: str = "2026-11-01T10:00:00Z"
    code: int = 0
    said: str = ""
    why: str = field(default="no space left on device", kw_only=True)

    def inspect_volume(self, name: str) -> dict[str, str]:
        assert name == "labgen-small_probe"
        return {"CreatedAt": self.made}

    def wait(self, _identity: str, *, timeout: int) -> dict[str, int]:
        assert timeout > 0
        return {"StatusCode": self.code}

    def logs(self, _identity: str) -> bytes:
        return self.said.encode()


@pytest.fixture
def state(tmp_path: Path) -> LabState:
    return LabState("small", tmp_path)


def programs(api: Api, state: LabState, *nodes: NodeStatus, version: str = "abc123") -> dict[str, str]:
    engine = cast("Engine", SimpleNamespace(sdk=SimpleNamespace(api=api)))
    return programs_inside(engine, state, f"labgen/probe:{version}", nodes)


def test_it_is_put_there_once(state: LabState) -> None:
    api = Api()
    assert programs(api, state, NODE, replace(NODE, name="api-2")) == {"api-1": PROGRAM, "api-2": PROGRAM}
    assert api.calls == ["create", "start", "remove"]
    assert api.created["image"] == "labgen/probe:abc123"
    assert api.created["entrypoint"] == ["timeout", "60", "labgen-probe-install"]
    assert api.created["command"] == ["/srv/probe", "abc123"]
    assert api.created["labels"] == {Label.LAB: "small", Label.PROBE: "none"}
    assert api.limits["binds"] == ["labgen-small_probe:/srv/probe"]
    assert api.limits["network_mode"] == "none"
    assert api.limits["cap_drop"] == ["ALL"]
    assert "cap_add" not in api.limits
    api.calls.clear()
    assert programs(api, state, NODE) == {"api-1": PROGRAM}
    assert api.calls == []


def test_another_program_is_put_there_and_so_is_one_into_a_volume_made_anew(state: LabState) -> None:
    api = Api()
    programs(api, state, NODE)
    api.calls.clear()
    assert programs(api, state, NODE, version="def") == {"api-1": PROGRAM.replace("abc123", "def")}
    assert api.calls == ["create", "start", "remove"]
    api.made = "2026-11-02T10:00:00Z"
    programs(api, state, NODE, version="def")
    assert api.calls == ["create", "start", "remove"] * 2


@pytest.mark.parametrize("text", ["", "[1]", '{"made": 1}'])
def test_a_note_that_says_nothing_is_as_none(state: LabState, text: str) -> None:
    (state.folder / "probe.json").write_text(text)
    api = Api()
    programs(api, state, NODE)
    assert api.calls == ["create", "start", "remove"]


def test_of_a_lab_without_a_folder_nothing_is_noted(tmp_path: Path) -> None:
    state = LabState("small", tmp_path / "gone")
    programs(Api(), state, NODE)
    assert not state.folder.exists()


def test_nodes_without_the_volume_are_probed_from_beside(state: LabState) -> None:
    api = Api()
    assert programs(api, state, replace(NODE, probe_volume="")) == {}
    assert api.calls == []


@pytest.mark.parametrize(
    ("api", "reason"),
    [
        (Api(code=1, said="cp: cannot create\nmv: no space left\n"), "mv: no space left"),
        (Api(code=124), "exit code 124"),
        (Api(refused="create"), "no space left on device"),
    ],
)
def test_what_cannot_be_put_there_is_told(state: LabState, api: Api, reason: str) -> None:
    with pytest.raises(LabgenError) as caught:
        programs(api, state, NODE)
    assert not (state.folder / "probe.json").exists()
    assert caught.value.message == f"the probe's program cannot be put into lab 'small': {reason}"
    assert caught.value.hint == (
        "It takes 40 MiB of the engine's disk; `labgen status small` tells whether the nodes still run."
    )
    assert api.created == {} or api.calls[-1] in {"remove", "create"}
