"""Clusters grow and shrink while they are written to: who stays is not touched, nothing accepted is lost."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any, Self

import pytest

from labgen.engine.client import Engine
from labgen.engine.observe import observe
from labgen.names import container_name

from .conftest import Cli
from .containers import containers
from .waiting import until

_CLUSTERS = ("mysql", "redis", "sentinel", "rabbitmq", "zookeeper", "datanode")
LAB = f"""\
datacenters: 0
regions: 0
variants: {{datanode: virtual}}
counts:
  {{frontend: 0, ui: 0, m: 0, novnc: 0, guacamole: 0, client: 0,
   {", ".join(f"{one}: 3" for one in _CLUSTERS)}}}
"""
_MASTER = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "lab")
#: Writes to each cluster over the API's own wires, until its input ends; then reads what it was told is done.
_WRITERS = """
import asyncio, json, logging, os, sys, threading, time
import aio_pika, pymysql, redis
from kazoo.client import KazooClient

logging.disable()
secret = lambda name: open("/run/labgen/secrets/" + name).read().strip()
brokers = [f"rabbitmq-{n}" for n in (1, 2, 3)]
zookeeper = KazooClient(hosts=",".join(f"zookeeper-{n}:2181" for n in (1, 2, 3)), timeout=15)
zookeeper.start(timeout=30)
zookeeper.create("/writer", b"")
session = zookeeper.client_id[0]

class MySQL:
    def __init__(self):
        self.line = pymysql.connect(host="datanode", user="abiquo", password=secret("mysql_password"),
            db="kinton", autocommit=True, connect_timeout=2, read_timeout=5, write_timeout=5)
        self.run("CREATE TABLE IF NOT EXISTS writer (number INT PRIMARY KEY)")
    def run(self, statement):
        with self.line.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    def write(self, number):
        self.run(f"INSERT INTO writer VALUES ({number})")
    def read(self, numbers):
        return {row[0] for row in self.run("SELECT number FROM writer")}

class Redis:
    def __init__(self):
        self.line = redis.Redis("datanode", socket_timeout=3, socket_connect_timeout=2)
    def write(self, number):
        self.line.set(f"writer{number}", "")
    def read(self, numbers):
        found = self.line.mget([f"writer{one}" for one in numbers])
        return {one for one, value in zip(numbers, found) if value is not None}

class RabbitMQ:
    turn = 0
    def __init__(self):
        RabbitMQ.turn += 1
        self.loop = asyncio.new_event_loop()
        self.do(self.open())
    def do(self, what):
        return self.loop.run_until_complete(asyncio.wait_for(what, 8))
    async def open(self):
        self.line = await aio_pika.connect(host=brokers[self.turn % 3], login="abiquo",
            password=secret("rabbitmq_password"), timeout=3)
        self.channel = await self.line.channel()
        self.queue = await self.channel.declare_queue("writer", durable=True)
    def write(self, number):
        message = aio_pika.Message(str(number).encode(), delivery_mode=2)
        self.do(self.channel.default_exchange.publish(message, "writer"))
    def read(self, numbers):
        found = set()
        while message := self.do(self.queue.get(no_ack=True, fail=False)):
            found.add(int(message.body))
        return found

class ZooKeeper:
    def write(self, number):
        zookeeper.retry(zookeeper.create, f"/writer/{number}", b"")
    def read(self, numbers):
        return {int(one) for one in zookeeper.get_children("/writer")}

ended, said = threading.Event(), {}

def work(kind):
    line, done, number, last, longest = None, [], 0, time.monotonic(), 0.0
    while not ended.wait(0.05):
        number += 1
        try:
            line = line or kind()
            line.write(number)
        except Exception:
            line = None
            continue
        done.append(number)
        now = time.monotonic()
        last, longest = now, max(longest, now - last)
    for _ in range(60):
        try:
            lost = set(done) - kind().read(done)
            break
        except Exception as error:
            lost = [repr(error)]
            time.sleep(0.5)
    said[kind.__name__] = {"done": len(done), "lost": list(lost), "longest": round(longest, 1)}

threads = [threading.Thread(target=work, args=[one]) for one in (MySQL, Redis, RabbitMQ, ZooKeeper)]
for one in threads:
    one.start()
print("writing", flush=True)
sys.stdin.read()
ended.set()
for one in threads:
    one.join()
print(json.dumps({**said, "session": zookeeper.client_id[0] == session}), flush=True)
os._exit(0)
"""


class Writers:
    """The program above, in a node of the API."""

    def __init__(self, lab: str) -> None:
        call = ["docker", "exec", "-i", "-u", "900", container_name(lab, "api-1"), "python3", "-c", _WRITERS]
        self._process = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said: dict[str, Any] = {}

    def __enter__(self) -> Self:
        assert self._process.stdout
        assert self._process.stdout.readline() == "writing\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.said = json.loads(self._process.communicate(timeout=90)[0])
        print(self.said)


@pytest.fixture(scope="module")
def lab(cli: Cli) -> Iterator[str]:
    name = cli.lab("clusters")
    path = cli.state / "clusters.yaml"
    path.write_text(LAB)
    cli.run("up", name, "-f", str(path))
    yield name
    cli.run("down", name)


def each(count: int) -> list[str]:
    return [word for one in _CLUSTERS for word in ("--set", f"{one}={count}")]


def run(engine: Engine, lab: str, node: str, *command: str) -> str:
    done: Any = engine.sdk.containers.get(container_name(lab, node)).exec_run(list(command), user="900")
    assert done.exit_code == 0, done.output
    return str(done.output.decode()).strip()


def sql(engine: Engine, lab: str, statement: str) -> str:
    """Ask the first member of MySQL, as root."""
    call = ["mysql", "--defaults-file=/run/labgen/cluster/root.cnf", "--batch", "--skip-column-names"]
    return run(engine, lab, "mysql-1", *call, "--execute", statement)


def members(engine: Engine, lab: str) -> dict[str, str]:
    """Return who is in MySQL's group, with its identity."""
    table = "performance_schema.replication_group_members"
    rows = sql(engine, lab, f"SELECT MEMBER_HOST, MEMBER_ID FROM {table} WHERE MEMBER_STATE = 'ONLINE'")  # noqa: S608
    return dict(line.split() for line in rows.splitlines())


def redis(engine: Engine, lab: str, node: str, *words: str) -> str:
    """Ask a server of Redis, or with its port first a Sentinel, in its own node."""
    return run(engine, lab, node, "redis-cli", "--raw", *words)


def master_of(engine: Engine, lab: str) -> str:
    return redis(engine, lab, "sentinel-1", "-p", "26379", *_MASTER).splitlines()[0]


def make_master(engine: Engine, lab: str, node: str) -> None:
    """Let the Sentinels make `node` the master, with all that the one before has accepted."""
    before = master_of(engine, lab)
    others = [one for one in observe(engine, lab) if one.startswith("redis-") and one not in (node, before)]
    for one in others:
        redis(engine, lab, one, "CONFIG", "SET", "replica-priority", "0")

    def known() -> list[str]:
        rows = redis(engine, lab, "sentinel-1", "-p", "26379", "SENTINEL", "REPLICAS", "lab").splitlines()
        return sorted(rows[at + 1] for at, word in enumerate(rows) if word == "slave-priority")

    until(lambda: known() == [*["0"] * len(others), "100"], say=known)
    redis(engine, lab, before, "CONFIG", "SET", "min-replicas-to-write", "99")

    def offsets() -> list[int]:
        """How far the master is, then how far each replica has read."""
        rows = redis(engine, lab, before, "ROLE").splitlines()
        return [int(one) for one in (rows[1], *rows[4::3])]

    accepted = offsets()[0]
    until(lambda: min(offsets()) >= accepted, say=offsets)
    assert redis(engine, lab, "sentinel-1", "-p", "26379", "SENTINEL", "FAILOVER", "lab") == "OK"
    until(lambda: master_of(engine, lab) == node and redis(engine, lab, node, "ROLE").startswith("master"))
    until(lambda: redis(engine, lab, before, "ROLE").startswith("slave"))
    redis(engine, lab, before, "CONFIG", "SET", "min-replicas-to-write", "1")
    for one in others:
        redis(engine, lab, one, "CONFIG", "SET", "replica-priority", "100")


def test_clusters_grow_and_shrink_while_they_are_written_to(lab: str, cli: Cli, engine: Engine) -> None:
    before = containers(engine, lab)
    with Writers(lab) as writers:
        cli.run("up", lab, *each(4))
        grown = containers(engine, lab)
        assert grown.keys() - before.keys() == {f"{one}-4" for one in _CLUSTERS}
        assert {name: grown[name] for name in before} == before
        # The ones that go are the ones that are written to.
        uuid = members(engine, lab)["mysql-4"]
        sql(engine, lab, f"SELECT group_replication_set_as_primary('{uuid}')")
        make_master(engine, lab, "redis-4")

        cli.run("up", lab, *each(3))
        assert containers(engine, lab) == before
        assert members(engine, lab).keys() == {"mysql-1", "mysql-2", "mysql-3"}
        assert master_of(engine, lab) in {"redis-1", "redis-2", "redis-3"}
    for name in ("MySQL", "Redis", "RabbitMQ", "ZooKeeper"):
        assert writers.said[name]["lost"] == [], name
        assert writers.said[name]["done"] > 50, name
    assert writers.said["session"], "the session with ZooKeeper did not outlive it"
    assert json.loads(cli.run("drift", lab, "--format", "json").stdout)["drifts"] == []
