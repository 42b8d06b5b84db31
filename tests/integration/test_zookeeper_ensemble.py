"""ZooKeepers that form an ensemble from nothing, lose members, and come back by themselves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from labgen.engine.client import Engine

from .cluster import Place, ask, engine_with, place
from .waiting import until

#: Its containers are its own, and wait for each other most of the time.
pytestmark = pytest.mark.beside
_ZOOKEEPERS = tuple(f"zookeeper-{one}" for one in (1, 2, 3))
# A session of the platform's kind: each line that is read is a write, answered by what became of it.
_SESSION = """
import json, sys, time
from kazoo.client import KazooClient
client = KazooClient(hosts=sys.argv[1], timeout=15, randomize_hosts=False)
client.start(timeout=30)
client.create("/mine", b"", ephemeral=True)
first = client.client_id[0]
print(json.dumps({"session": first}), flush=True)
for line in sys.stdin:
    start = time.monotonic()
    word = line.strip()
    try:
        client.retry(client.set, "/mine", word.encode())
        said = {"kept": client.client_id[0] == first, "read": client.get("/mine")[0].decode()}
    except Exception as error:
        said = {"error": type(error).__name__}
    print(json.dumps({**said, "seconds": round(time.monotonic() - start, 2)}), flush=True)
"""
# One call, of a client that comes and goes.
_ONE = """
import sys
from kazoo.client import KazooClient
client = KazooClient(hosts=sys.argv[1])
client.start(timeout=30)
{}
client.stop()
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The engine, with the images that are used here."""
    return engine_with("stub", "zookeeper")


class Session:
    """A session with an ensemble, from a container of its own."""

    def __init__(self, here: Place, container: str, hosts: str) -> None:
        call = ["docker", "exec", "-i", here.containers[container].name, "python3", "-c", _SESSION, hosts]
        self._process = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert "session" in self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        return dict(json.loads(self._process.stdout.readline()))

    def write(self, word: str) -> dict[str, Any]:
        """Write a word, and return what became of it."""
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def mode(here: Place, name: str) -> str:
    """Return what a member of an ensemble says it is."""
    with suppress(OSError):
        for line in ask(here.address(name), 2181, b"srvr").decode().splitlines():
            if line.startswith("Mode: "):
                return line.removeprefix("Mode: ")
    return ""


def leader(here: Place) -> str:
    """Wait for the one member that leads, and return its name."""
    found: list[str] = []

    def one() -> bool:
        found[:] = [name for name in _ZOOKEEPERS if mode(here, name) == "leader"]
        return len(found) == 1

    until(one)
    return found[0]


@pytest.fixture(scope="module")
def zookeeper(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(engine, "zk", tmp_path_factory.mktemp("zk")) as here:
        for one in _ZOOKEEPERS:
            here.member("zookeeper", one, (2181, 2888, 3888), {"cluster": _ZOOKEEPERS})
        here.create("stub", "api-1", ["clients"], command=["sleep", "infinity"])
        here.start("api-1", *_ZOOKEEPERS)
        yield here


def test_an_ensemble_forms_from_nothing(zookeeper: Place) -> None:
    print("formed in", zookeeper.all_healthy("zookeeper", _ZOOKEEPERS))
    assert sorted(mode(zookeeper, one) for one in _ZOOKEEPERS) == ["follower", "follower", "leader"]


def test_a_session_outlives_its_server_and_the_leader(zookeeper: Place) -> None:
    """The session's own server is the leader: both are lost at once."""
    gone = leader(zookeeper)
    others = [one for one in _ZOOKEEPERS if one != gone]
    session = Session(zookeeper, "api-1", ",".join(f"{one}:2181" for one in (gone, *others)))
    try:
        assert session.write("before")["read"] == "before"
        zookeeper.kill(gone)
        after = session.write("after")
        assert (after["kept"], after["read"]) == (True, "after"), after
        assert after["seconds"] < 15
        print("written after", after["seconds"], "s")
        zookeeper.start(gone)
        print("rejoined in", zookeeper.all_healthy("zookeeper", _ZOOKEEPERS))
        assert mode(zookeeper, gone) == "follower"
        # Only the one that came back, and one of the others.
        zookeeper.kill(others[0])
        again = session.write("again")
        assert (again["kept"], again["read"]) == (True, "again"), again
        zookeeper.start(others[0])
        zookeeper.all_healthy("zookeeper", _ZOOKEEPERS)
    finally:
        session.end()


def test_without_a_quorum_it_refuses_and_then_recovers(zookeeper: Place) -> None:
    zookeeper.kill(*_ZOOKEEPERS[:2])
    last = _ZOOKEEPERS[2]

    def refuses() -> bool:
        code, said = zookeeper.health("zookeeper", last)
        return code != 0 and "not currently serving requests" in said.replace("\\", "")

    print("refuses after", until(refuses, 20, lambda: zookeeper.health("zookeeper", last)))
    zookeeper.start(_ZOOKEEPERS[0])
    print("serves after", zookeeper.all_healthy("zookeeper", [_ZOOKEEPERS[0], last], 20))
    zookeeper.start(_ZOOKEEPERS[1])
    zookeeper.all_healthy("zookeeper", _ZOOKEEPERS)


def test_an_ensemble_comes_back_after_a_power_cut(zookeeper: Place) -> None:
    hosts = ",".join(f"{one}:2181" for one in _ZOOKEEPERS)
    code, said = zookeeper.run("api-1", "python3", "-c", _ONE.format("client.create('/kept', b'yes')"), hosts)
    assert code == 0, said
    zookeeper.kill(*_ZOOKEEPERS)
    zookeeper.start(*_ZOOKEEPERS)
    print("back in", zookeeper.all_healthy("zookeeper", _ZOOKEEPERS))
    code, said = zookeeper.run("api-1", "python3", "-c", _ONE.format("print(client.get('/kept')[0])"), hosts)
    assert "yes" in said, said
