"""Names, as every program in the node resolves them; a resolver that broke knows nothing."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from labgen_probe import names, resolver


def says(monkeypatch: pytest.MonkeyPatch, **outcomes: Exception | list[str]) -> None:
    """Let getaddrinfo know these names, and no others."""

    def found(name: str, *_: object, **__: object) -> list[Any]:
        outcome = outcomes.get(name, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(outcome, Exception):
            raise outcome
        return [(2, 1, 6, "", (address, 0)) for address in outcome]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def resolved(*asked: str) -> dict[str, Any]:
    results: dict[str, Any] = names.answer({"names": list(asked)})["results"]
    return results


def test_each_address_once(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, a=["10.0.0.2", "10.0.0.1", "10.0.0.2", "fd00::1"], b=["10.0.0.3"])
    assert resolved("a", "b", "a", "c") == {
        "a": {"addresses": ["10.0.0.1", "10.0.0.2", "fd00::1"]},
        "b": {"addresses": ["10.0.0.3"]},
        "c": {"addresses": [], "error": "Name or service not known"},
    }
    assert resolved() == {}


def test_more_names_than_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch)
    monkeypatch.setattr(names, "_THREADS", 2)
    asked = [f"n{number}" for number in range(50)]
    assert list(resolved(*asked)) == asked
    assert all("error" in one for one in resolved(*asked).values())


@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_NODATA])
def test_an_unknown_name_is_an_answer(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    says(monkeypatch, x=socket.gaierror(code, "none"))
    assert resolved("x") == {"x": {"addresses": [], "error": "none"}}


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_SYSTEM, "broken"),
        socket.gaierror(socket.EAI_MEMORY, "broken"),
        socket.gaierror(socket.EAI_FAIL, "broken"),
        OSError("broken"),
        UnicodeError("broken"),
    ],
)
def test_a_resolver_that_breaks_is_no_answer(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    says(monkeypatch, x=error, y=["10.0.0.1"])
    assert resolved("x", "y") == {"x": {"addresses": [], "fault": "broken"}, "y": {"addresses": ["10.0.0.1"]}}


@pytest.mark.parametrize(("alive", "key"), [(True, "error"), (False, "fault")])
def test_temporary_failure_is_an_answer_only_of_a_server_that_answers(
    monkeypatch: pytest.MonkeyPatch, alive: bool, key: str
) -> None:
    says(monkeypatch, x=socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), y=["10.0.0.1"])
    asked = []

    def answers(name: str, _seconds: float) -> bool:
        asked.append(name)
        return alive

    monkeypatch.setattr(names, "answers", answers)
    found = resolved("x", "y", "z")
    assert asked == ["x"]
    assert found["x"] == {
        "addresses": [],
        key: {"error": "Temporary failure", "fault": "no name server answers"}[key],
    }
    assert found["y"] == {"addresses": ["10.0.0.1"]}
    assert "error" in found["z"]


def test_a_resolver_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def found(name: str, *_: object, **__: object) -> list[Any]:
        if name == "x":
            over.wait(30)
        return [(2, 1, 6, "", ("10.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setattr(names, "_SECONDS", 0.2)
    assert resolved("x", "y") == {
        "x": {"addresses": [], "fault": "no answer within 0.2 s"},
        "y": {"addresses": ["10.0.0.1"]},
    }
    over.set()


def test_names_are_a_list() -> None:
    with pytest.raises(TypeError, match="'names' is not a list"):
        names.answer({"names": "abc"})


def test_the_name_servers_of_a_configuration() -> None:
    text = (
        "# nameserver 9.9.9.9\nnameserver 127.0.0.11\nnameserver\noptions ndots:0\nnameserver fd00::1 # x\n"
    )
    assert resolver.servers_in(text) == ["127.0.0.11", "fd00::1"]
    assert resolver.servers_in("") == ["127.0.0.1"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A socket that this node takes for its only name server."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    monkeypatch.setattr(resolver, "_CONFIG", str(tmp_path / "resolv.conf"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(10)
        monkeypatch.setattr(resolver, "_PORT", bound.getsockname()[1])
        yield bound


def test_a_name_server_that_only_says_that_it_failed_is_there(server: Any) -> None:
    heard = []

    def serve() -> None:
        asked, client = server.recvfrom(512)
        heard.append(asked)
        server.sendto(asked[:2] + b"\x81\x82" + asked[4:], client)

    thread = threading.Thread(target=serve)
    thread.start()
    assert resolver.answers("dc1-rs-1.lab", 10)
    thread.join()
    assert heard[0][2:] == bytes.fromhex("0100 0001 0000 0000 0000") + b"\x08dc1-rs-1\x03lab\0\0\x01\0\x01"


def test_a_name_server_that_is_gone_or_silent(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not resolver.answers("x", 0.05)
    server.close()
    assert not resolver.answers("x", 10)
    assert not resolver.answers("x" * 70, 10)
    monkeypatch.setattr(resolver, "_CONFIG", "/nowhere/resolv.conf")
    assert not resolver.answers("x", 10)
