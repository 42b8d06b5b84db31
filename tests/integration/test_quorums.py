"""Clusters of three: they form from nothing, lose members, and come back by themselves."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aio_pika
import pytest
import redis
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError
from redis.backoff import NoBackoff
from redis.retry import Retry

from labgen.assets import images_dir
from labgen.engine.build import build_images, missing_images
from labgen.engine.client import Engine, connect
from labgen.images import read_images, wanted_images

from .cluster import Place, ask, place, until

_THREE = (1, 2, 3)
_ONCE = Retry(NoBackoff(), 0)
_RABBITS = tuple(f"rabbitmq-{one}" for one in _THREE)
_QUEUE, _TRANSIENT = "abiquo.nars.requests.dc1", "abiquo.tracer.fanout.traces.m-1"
_QUEUES = """
[begin
    {resource, _, queue, Name} = amqqueue:get_name(Q),
    Members = case amqqueue:get_type_state(Q) of #{nodes := Nodes} -> lists:sort(Nodes); _ -> [] end,
    io:format("~s|~s|~s~n", [Name, amqqueue:get_type(Q), lists:join(",", [atom_to_list(M) || M <- Members])])
end || Q <- rabbit_amqqueue:list()].
"""
_REDISES = tuple(f"redis-{one}" for one in _THREE)
_SENTINELS = tuple(f"sentinel-{one}" for one in _THREE)
_ZOOKEEPERS = tuple(f"zookeeper-{one}" for one in _THREE)
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
def engine() -> Engine:
    """The engine, with the images that are used here."""
    found = connect()
    wanted = wanted_images(read_images(images_dir()), {"rabbitmq", "redis", "stub", "zookeeper"})
    build_images(found, missing_images(found, wanted), print)
    return found


@pytest.fixture(scope="module")
def zookeeper(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(engine, "zk", tmp_path_factory.mktemp("zk")) as here:
        for one in _ZOOKEEPERS:
            here.member("zookeeper", one, (2181, 2888, 3888), {"LABGEN_CLUSTER": " ".join(_ZOOKEEPERS)})
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
    watched = {"LABGEN_CLUSTER": " ".join(_SENTINELS), "LABGEN_MONITOR": " ".join(_REDISES)}
    with place(engine, "redis", tmp_path_factory.mktemp("redis")) as here:
        for one in _REDISES:
            here.member("redis", one, (6379,), {"LABGEN_CLUSTER": " ".join(_REDISES)})
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


@pytest.fixture(scope="module")
def rabbits(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(engine, "rabbit", tmp_path_factory.mktemp("rabbit")) as here:
        for one in _RABBITS:
            secrets = {"erlang_cookie": "cookie", "rabbitmq_password": "password"}
            here.member("rabbitmq", one, (4369, 5672, 25672), {"LABGEN_CLUSTER": " ".join(_RABBITS)}, secrets)
        here.start(*_RABBITS)
        yield here


@asynccontextmanager
async def channel(here: Place, name: str) -> AsyncIterator[AbstractChannel]:
    """Give a channel at one of the brokers, with the queues that the platform's servers declare there."""
    url = f"amqp://abiquo:password@{here.address(name)}:5672/"
    async with asyncio.timeout(5):
        connection = await aio_pika.connect(url)
    async with connection, connection.channel() as found:
        exchange = await found.declare_exchange("abiquo.nars", "direct", durable=True)
        queue = await found.declare_queue(_QUEUE, durable=True)
        await queue.bind(exchange, _QUEUE)
        fanout = await found.declare_exchange("abiquo.tracer.fanout", "fanout", durable=True)
        await (await found.declare_queue(_TRANSIENT, durable=False)).bind(fanout)
        yield found


async def publish(here: Place, name: str, number: int) -> None:
    """Publish messages at one broker and wait until each is confirmed."""
    async with channel(here, name) as found:
        exchange = await found.get_exchange("abiquo.nars")
        for one in range(number):
            body = aio_pika.Message(str(one).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await exchange.publish(body, _QUEUE, timeout=5)


async def take(here: Place, name: str) -> list[str]:
    """Take all messages that are there from one broker."""
    found = []
    async with channel(here, name) as there:
        queue = await there.get_queue(_QUEUE)
        while message := await queue.get(fail=False, timeout=5):
            await message.ack()
            found.append(message.body.decode())
    return found


def passed(here: Place, into: str, out: str) -> bool:
    """Whether a message goes into the queue at one broker and comes out at another."""
    try:
        asyncio.run(publish(here, into, 1))
        return bool(asyncio.run(take(here, out)))
    except (AMQPError, OSError, RuntimeError):
        return False


def test_brokers_form_a_cluster_from_nothing(rabbits: Place) -> None:
    print("formed in", rabbits.all_healthy("rabbitmq", _RABBITS, 120))
    assert passed(rabbits, "rabbitmq-1", "rabbitmq-2")
    # Not list_queues: it lets the other members answer at the tool's own port, which no document opens.
    listed = rabbits.run("rabbitmq-1", "rabbitmqctl", "eval", _QUEUES)[1].splitlines()
    found = {
        name: (kind, members) for name, kind, members in (one.split("|") for one in listed if "|" in one)
    }
    assert found[_TRANSIENT][0] == "rabbit_classic_queue"
    assert found[_QUEUE] == ("rabbit_quorum_queue", ",".join(f"rabbit@{one}" for one in _RABBITS))


def test_clients_of_others_go_on_when_a_broker_is_killed(rabbits: Place) -> None:
    """It led the queue, and had the queue that is not durable."""
    asyncio.run(publish(rabbits, "rabbitmq-1", 20))
    rabbits.kill("rabbitmq-1")
    took = until(lambda: passed(rabbits, "rabbitmq-2", "rabbitmq-3"), 10)
    print("went on after", took)
    rabbits.start("rabbitmq-1")
    print("rejoined in", rabbits.all_healthy("rabbitmq", _RABBITS))
    assert passed(rabbits, "rabbitmq-1", "rabbitmq-3")


def test_clients_of_others_go_on_when_a_broker_falls_silent(rabbits: Place) -> None:
    rabbits.containers["rabbitmq-2"].pause()
    print("went on after", until(lambda: passed(rabbits, "rabbitmq-1", "rabbitmq-3"), 10))
    rabbits.containers["rabbitmq-2"].unpause()
    print("rejoined in", rabbits.all_healthy("rabbitmq", _RABBITS))


def test_brokers_without_a_majority_refuse_and_then_recover(rabbits: Place) -> None:
    asyncio.run(publish(rabbits, "rabbitmq-3", 20))
    rabbits.kill("rabbitmq-1", "rabbitmq-2")

    def refuses() -> bool:
        try:
            ask(rabbits.address("rabbitmq-3"), 5672, b"AMQP")
        except ConnectionRefusedError:
            return True
        except OSError:
            pass  # turned away just now
        return False

    print("refuses after", until(refuses, 15))
    assert "no majority: 1 of 3" in rabbits.health("rabbitmq", "rabbitmq-3")[1]
    rabbits.start("rabbitmq-1")
    print("serves after", rabbits.all_healthy("rabbitmq", ["rabbitmq-1", "rabbitmq-3"]))
    assert asyncio.run(take(rabbits, "rabbitmq-3")) == [str(one) for one in range(20)]
    rabbits.start("rabbitmq-2")
    rabbits.all_healthy("rabbitmq", _RABBITS)


def test_brokers_keep_what_they_confirmed_in_a_power_cut(rabbits: Place) -> None:
    asyncio.run(publish(rabbits, "rabbitmq-2", 50))
    rabbits.kill(*_RABBITS)
    rabbits.start(*_RABBITS)
    print("back in", rabbits.all_healthy("rabbitmq", _RABBITS))
    assert asyncio.run(take(rabbits, "rabbitmq-1")) == [str(one) for one in range(50)]


def test_a_broker_that_lost_its_data_joins_again(rabbits: Place) -> None:
    """The others know it as a member, and would refuse it."""
    code, said = rabbits.run("rabbitmq-3", "rm", "-rf", "/var/lib/rabbitmq/rabbit@rabbitmq-3")
    assert code == 0 or rabbits.run("rabbitmq-3", "ls", "/var/lib/rabbitmq/rabbit@rabbitmq-3")[0], said
    rabbits.kill("rabbitmq-3")
    rabbits.start("rabbitmq-3")
    print("joined again in", rabbits.all_healthy("rabbitmq", _RABBITS))
    assert passed(rabbits, "rabbitmq-3", "rabbitmq-1")
