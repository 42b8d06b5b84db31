"""Redis servers with Sentinels: they form from nothing, lose members, and come back by themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from labgen.engine.client import Engine

from .cluster import Place, engine_with, place
from .waiting import until

#: Its containers are its own, and wait for each other most of the time.
pytestmark = pytest.mark.beside
_ONCE = Retry(NoBackoff(), 0)
_REDISES = tuple(f"redis-{one}" for one in (1, 2, 3))
_SENTINELS = tuple(f"sentinel-{one}" for one in (1, 2, 3))


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The engine, with the images that are used here."""
    return engine_with("redis")


class Writer:
    """Writes one key after the other to whoever is the master, and knows what was acknowledged."""

    def __init__(self, here: Place) -> None:
        self._here = here
        self.acknowledged: list[str] = []
        self._count = 0
        self._clients: dict[str, redis.Redis] = {}

    def client(self, name: str) -> redis.Redis:
        """Return a client of one server, which asks once and with little patience."""
        address = self._here.address(name)
        if address not in self._clients:
            self._clients[address] = redis.Redis(
                address, socket_timeout=1, socket_connect_timeout=1, decode_responses=True, retry=_ONCE
            )
        return self._clients[address]

    def writable(self) -> list[str]:
        """Return who says that it is a master which heard of a replica: what a load balancer asks for."""
        found = []
        for name in _REDISES:
            with suppress(redis.RedisError, OSError, ValueError):
                said = self.client(name).info("replication")
                if said["role"] == "master" and said["min_slaves_good_slaves"]:
                    found.append(name)
        return found

    def write(self) -> str:
        """Write a key, and return who took it; empty when nobody did."""
        self._count += 1
        key = f"key-{self._count}"
        for name in _REDISES:
            with suppress(redis.RedisError, OSError, ValueError):
                if self.client(name).set(key, "x"):
                    self.acknowledged.append(key)
                    return name
        return ""

    def some(self, number: int = 200) -> str:
        """Write some keys, and return who took the last of them."""
        return [self.write() for _ in range(number)][-1]

    def lost(self) -> list[str]:
        """Return the acknowledged keys that the master does not have."""
        master = self.client(self.some(1))
        found = master.mget(self.acknowledged)
        return [key for key, value in zip(self.acknowledged, found, strict=True) if value is None]

    def end(self) -> None:
        for one in self._clients.values():
            one.close()


@pytest.fixture(scope="module")
def redises(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    watched = {"cluster": _SENTINELS, "watched": _REDISES}
    with place(engine, "redis", tmp_path_factory.mktemp("redis")) as here:
        for one in _REDISES:
            here.member("redis", one, (6379,), {"cluster": _REDISES})
        for one in _SENTINELS:
            here.member("sentinel", one, (6379, 26379), watched)
        here.start(*_REDISES, *_SENTINELS)
        yield here


@pytest.fixture
def writer(redises: Place) -> Iterator[Writer]:
    found = Writer(redises)
    yield found
    found.end()


def all_well(here: Place) -> float:
    """Wait until every server and every Sentinel is healthy."""
    start = time.monotonic()
    here.all_healthy("redis", _REDISES)
    here.all_healthy("sentinel", _SENTINELS)
    return time.monotonic() - start


def test_redis_forms_from_nothing(redises: Place, writer: Writer) -> None:
    print("formed in", all_well(redises))
    assert writer.some(1) == "redis-1"
    assert writer.writable() == ["redis-1"]


def test_a_killed_master_is_replaced_and_comes_back_as_a_replica(redises: Place, writer: Writer) -> None:
    """A Sentinel dies with it: two are enough."""
    gone = writer.some()
    redises.kill(gone, "sentinel-3")
    took = until(lambda: bool(writer.write()), 10, lambda: redises.last_words("sentinel-1"))
    new = writer.some()
    print("writable after", took, "s at", new)
    assert new != gone
    assert not writer.lost()
    redises.start(gone, "sentinel-3")
    # Nothing is accepted by the old master, not even for a moment.
    back = until(lambda: redises.health("redis", gone)[0] == 0 or writer.write() == gone, 20)
    assert writer.some() == new, "the old master takes writes"
    print("rejoined in", back, all_well(redises))
    assert "role:slave" in redises.run(gone, "redis-cli", "info", "replication")[1]
    assert not writer.lost()


def test_a_master_that_was_silent_takes_no_writes_and_follows_the_new_one(
    redises: Place, writer: Writer
) -> None:
    """It wakes up as a master, and does not know yet that there is another."""
    old = writer.some()
    redises.containers[old].pause()
    took = until(lambda: bool(writer.write()), 10, lambda: redises.last_words("sentinel-1"))
    print("writable after", took)
    redises.containers[old].unpause()
    for _ in range(20):
        with pytest.raises((redis.RedisError, OSError)):
            writer.client(old).set("stray", "x")
        assert len(writer.writable()) <= 1
    all_well(redises)
    assert writer.some() != old
    assert not writer.lost()


def test_redis_keeps_every_write_in_a_power_cut(redises: Place, writer: Writer) -> None:
    master = writer.some(500)
    redises.kill(*_REDISES, *_SENTINELS)
    redises.start(*_REDISES, *_SENTINELS)
    until(lambda: bool(writer.write()), 30, lambda: redises.last_words("sentinel-1"))
    print("back in", all_well(redises))
    assert writer.some(1) == master
    assert not writer.lost()


def test_a_master_alone_takes_no_writes(redises: Place, writer: Writer) -> None:
    master = writer.some(1)
    others = [one for one in _REDISES if one != master]
    redises.kill(*others)
    until(lambda: not writer.write(), 10)
    with pytest.raises(redis.RedisError, match="NOREPLICAS"):
        writer.client(master).set("alone", "x")
    redises.start(others[0])
    print("writable after", until(lambda: bool(writer.write()), 20))
    redises.start(others[1])
    all_well(redises)
    assert not writer.lost()


def test_the_last_one_that_was_made_the_master_stays_it_when_the_others_return(
    redises: Place, writer: Writer
) -> None:
    """It has no replica then, and takes no writes; what the one before took would be lost."""
    old = writer.some()
    others = [one for one in _REDISES if one != old]
    redises.kill(old, others[0])
    until(lambda: "role:master" in redises.run(others[1], "redis-cli", "info", "replication")[1], 20)
    redises.start(old, others[0])

    def written() -> bool:
        return bool(writer.write()) and redises.health("redis", old)[0] == 0

    print("writable after", until(written, 30, lambda: redises.last_words(old)))
    all_well(redises)
    for one in (old, others[0]):
        said = redises.containers[one].logs().decode()
        assert re.findall(r"master by the others' .*: (\S+)", said)[-1] == others[1], "known before it starts"
    writer.some()
    assert not writer.lost()
