"""One probe: how its container is confined, and every way in which it may fail to answer."""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from labgen.names import Label
from labgen.verify.session import Probe, ProbeBroke
from tests.unit.verify.containers import OneContainer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labgen.engine.client import Engine


@dataclass
class Api(OneContainer):
    """The SDK's low-level client, with one container at the other end of a socket."""

    here: socket.socket
    there: socket.socket
    why: str = field(default="cannot join network of a non running container", kw_only=True)

    def attach_socket(self, _identity: str, params: dict[str, int]) -> Any:
        assert set(params) == {"stdin", "stdout", "stderr", "stream"}
        self.did("attach")
        return SimpleNamespace(_sock=self.here, close=self.here.close)

    def exec_create(self, container: str, command: list[str], *, stdin: bool, user: str) -> dict[str, str]:
        assert (container, stdin, user) == ("abc", True, "0")
        self.did(f"enter: {' '.join(command)}")
        return {"Id": "exec"}

    def exec_start(self, identity: str, *, socket: bool) -> Any:
        assert (identity, socket) == ("exec", True)
        return SimpleNamespace(_sock=self.here, close=self.here.close)

    def says(self, text: str, stream: int = 1) -> None:
        data = text.encode()
        self.there.sendall(struct.pack(">BxxxL", stream, len(data)) + data)


@pytest.fixture
def api() -> Iterator[Api]:
    here, there = socket.socketpair()
    with here, there:
        yield Api(here, there)


def probe(api: Api, network: str = "abc", seconds: int = 5) -> Probe:
    engine = cast("Engine", SimpleNamespace(sdk=SimpleNamespace(api=api)))
    return Probe(engine, "small", "probe:1", network, seconds=seconds)


def test_it_is_in_the_nodes_network_and_in_nothing_else_of_it(api: Api) -> None:
    with probe(api):
        pass
    assert api.calls == ["create", "attach", "start"]
    assert api.limits["network_mode"] == "container:abc"
    assert api.limits["cap_drop"] == ["ALL"]
    assert api.limits["cap_add"] == ["NET_ADMIN", "SETGID", "SETPCAP", "SETUID"]
    assert api.limits["security_opt"] == ["no-new-privileges:true"]
    assert api.limits["read_only"] is True
    assert api.limits["auto_remove"] is True, "also when nobody is there any more to remove it"
    assert not {"privileged", "binds", "pid_mode", "devices"} & set(api.limits)
    assert api.created["command"] == ["5"], "it ends by itself"
    assert api.created["labels"] == {Label.LAB: "small", Label.PROBE: "container:abc"}
    assert api.there.recv(1) == b"", "its input has ended"


def test_where_its_program_is_in_the_node_no_container_is_made(api: Api) -> None:
    engine = cast("Engine", SimpleNamespace(sdk=SimpleNamespace(api=api)))
    program = "/opt/labgen-probe/1/labgen-probe-session"
    with Probe(engine, "small", "probe:1", "abc", seconds=5, program=program) as asked:
        api.says('{"op": "look"}\n')
        assert asked.ask({"op": "look"}) == {"op": "look"}
    assert api.calls == [f"enter: {program} 5"]
    while api.there.recv(4096):  # its input ends, and with that it does
        pass


def test_a_node_that_cannot_be_entered(api: Api) -> None:
    engine = cast("Engine", SimpleNamespace(sdk=SimpleNamespace(api=api)))
    api.refused = "enter: /x 5"
    with (
        pytest.raises(ProbeBroke) as caught,
        Probe(engine, "small", "probe:1", "abc", seconds=5, program="/x"),
    ):
        pass
    assert str(caught.value) == "the probe could not start: cannot join network of a non running container"


def test_one_that_speaks_vrrp_may_open_a_raw_socket(api: Api) -> None:
    engine = cast("Engine", SimpleNamespace(sdk=SimpleNamespace(api=api)))
    with Probe(engine, "small", "probe:1", "abc", seconds=5, vrrp=True):
        pass
    assert api.limits["cap_add"] == ["NET_ADMIN", "SETGID", "SETPCAP", "SETUID", "NET_RAW"]


def test_in_this_machines_own_network_it_is_nobody(api: Api) -> None:
    with probe(api, "host"):
        pass
    assert api.limits["network_mode"] == "host"
    assert api.limits["cap_add"] == []
    assert api.created["user"] == "900:900"


def test_question_and_answer(api: Api) -> None:
    with probe(api) as asked:
        api.says('{"op": "look", "addresses": []}\n{"op": "sw')
        assert asked.ask({"op": "look"}) == {"op": "look", "addresses": []}
        api.says('eep", "results": []}\n')
        assert asked.ask({"op": "sweep", "targets": []})["results"] == []
    lines = b"".join(iter(lambda: api.there.recv(4096), b"")).splitlines()
    assert [json.loads(line)["op"] for line in lines] == ["look", "sweep"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("no json\n", "the probe's answer is not readable: Expecting value"),
        ("[]\n", "the probe's answer is to another question"),
        ('{"op": "sweep"}\n', "the probe's answer is to another question"),
        ('{"op": "look", "error": "no memory"}\n', "no memory"),
    ],
)
def test_what_is_no_answer(api: Api, answer: str, said: str) -> None:
    with probe(api) as asked:
        api.says(answer)
        with pytest.raises(ProbeBroke) as caught:
            asked.ask({"op": "look"})
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        ("exec: no such file", "the probe broke: exec: no such file"),
        ("", "the probe broke: it ended without a word"),
    ],
)
def test_a_probe_that_ends(api: Api, complaint: str, said: str) -> None:
    with probe(api) as asked:
        if complaint:
            api.says(complaint, stream=2)
        api.there.shutdown(socket.SHUT_WR)
        with pytest.raises(ProbeBroke) as caught:
            asked.ask({"op": "look"})
    assert str(caught.value) == said


def test_a_probe_that_says_nothing(api: Api) -> None:
    with probe(api, seconds=0) as asked, pytest.raises(ProbeBroke, match="did not answer within 0 s"):
        asked.ask({"op": "look"})


@pytest.mark.parametrize("call", ["create", "attach", "start"])
def test_one_that_cannot_start_leaves_nothing(api: Api, call: str) -> None:
    api.refused = call
    with pytest.raises(ProbeBroke) as caught, probe(api):
        pass
    assert str(caught.value) == "the probe could not start: cannot join network of a non running container"
    assert ("remove" in api.calls) is (call != "create"), "one that never ran is not removed by the engine"


def test_after_its_end_there_is_no_answer(api: Api) -> None:
    with probe(api) as asked:
        pass
    with pytest.raises(ProbeBroke, match="the probe is over"):
        asked.ask({"op": "look"})
