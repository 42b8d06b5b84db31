"""MySQL members that form a group, lose one, most or all of them, and lose nothing of what they said is done.

The members are plain containers with the image and the confinement that a lab gives them.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import pytest

from labgen.assets import images_dir
from labgen.engine.build import build_images, missing_images
from labgen.engine.client import Engine
from labgen.engine.stock import shipped_images
from labgen.images import image_tags
from labgen.render.service import INIT_CAPS

from .conftest import PREFIX
from .waiting import until

#: Its containers are its own, and wait for each other most of the time.
pytestmark = pytest.mark.beside
pymysql: Any = import_module("pymysql")

MEMBERS = ("mysql-1", "mysql-2", "mysql-3")
#: Seconds, by the contract (docs/clusters.md); a machine with other work on it gets twice as much.
FORM, FAILOVER, REJOIN, POWER_CUT, COPY = (2 * one for one in (40, 15, 25, 40, 120))
_POLL = 0.1
_PASSWORDS = {"mysql_root_password": "root's", "mysql_password": 'the "platform"'}
_ADMIN = (
    'MYSQL_PWD="$(cat /run/labgen/secrets/mysql_root_password)" '
    'mysql --socket=/run/labgen/mysqld.sock --user=root --batch --skip-column-names -e "$0"'
)
_FIREWALL = """\
table inet labgen {
    chain input {
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established,related accept
        tcp dport 3306 accept
        reject
    }
}
"""
_GROUP = "6c616267-656e-4d79-8953-514c00000001"


@dataclass
class Cluster:
    """Members by name; `secrets` is a folder as a lab mounts it."""

    engine: Engine
    image: str
    folder: Path
    network: Any = None
    made: dict[str, Any] = field(default_factory=dict)

    def create(self) -> None:
        secrets = self.folder / "secrets"
        secrets.mkdir()
        for name, text in _PASSWORDS.items():
            (secrets / name).write_text(text)
            (secrets / name).chmod(0o600)
        shown = self.folder / "shown"
        shown.mkdir()
        (shown / "firewall.nft").write_text(_FIREWALL)
        (shown / "cluster").write_text(" ".join(MEMBERS) + "\n")
        self.network = self.engine.sdk.networks.create(f"{PREFIX}mysql", internal=True)
        for member in MEMBERS:
            self.made[member] = self.engine.sdk.containers.create(
                self.image,
                name=f"{PREFIX}{member}",
                hostname=member,
                environment={"LABGEN_KIND": "member"},
                init=True,
                read_only=True,
                cap_drop=["ALL"],
                cap_add=list(INIT_CAPS),
                security_opt=["no-new-privileges:true"],
                mem_limit="640m",
                tmpfs={"/tmp": "mode=1777,size=64m", "/run/labgen": "mode=0700,uid=900,gid=900,size=8m"},  # noqa: S108
                volumes={
                    str(secrets): {"bind": "/run/secrets", "mode": "ro"},
                    str(shown): {"bind": "/etc/labgen", "mode": "ro"},
                    f"{PREFIX}{member}": {"bind": "/var/lib/mysql", "mode": "rw"},
                },
                network=self.network.name,
                networking_config={
                    self.network.name: self.engine.sdk.api.create_endpoint_config(aliases=[member])
                },
            )

    def remove(self) -> None:
        for member, container in self.made.items():
            container.remove(force=True, v=True)
            self.engine.sdk.volumes.get(f"{PREFIX}{member}").remove()
        if self.network is not None:
            self.network.remove()

    def start(self, *members: str) -> None:
        for member in members:
            self.made[member].start()

    def kill(self, *members: str) -> None:
        """Kill members at once, not one after the other has ended."""
        for member in members:
            self.made[member].kill()
        for member in members:
            self.made[member].wait(timeout=20)

    def health(self, member: str) -> tuple[bool, str]:
        check = ["labgen-health", "run", "/usr/local/lib/labgen/cluster-health"]
        code, said = self.made[member].exec_run(check)
        return code == 0, said.decode()

    def states(self) -> str:
        return "\n".join(f"{one}: {self.health(one)[1]}" for one in MEMBERS if self.runs(one))

    def runs(self, member: str) -> bool:
        self.made[member].reload()
        return bool(self.made[member].status == "running")

    def await_online(self, seconds: float, *members: str) -> float:
        def whole() -> bool:
            return all(self.health(one)[0] for one in members)

        return until(whole, seconds, self.states)

    def address(self, member: str) -> str:
        self.made[member].reload()
        return str(self.made[member].attrs["NetworkSettings"]["Networks"][self.network.name]["IPAddress"])

    def checked(self, member: str) -> bytes:
        """Return what a member says to the load balancer's question, by bytes and without a client."""
        hello, question = documented()
        with socket.create_connection((self.address(member), 3306), timeout=3) as connection:
            assert connection.recv(4096)[4] == 10, "the protocol's version"
            connection.sendall(hello)
            assert connection.recv(4096) == bytes.fromhex("0700000200000002000000")
            connection.sendall(question)
            return connection.recv(4096)

    def primaries(self) -> list[str]:
        """Return the members that the load balancer would choose."""
        return [one for one in MEMBERS if self.runs(one) and self._chosen(one)]

    def _chosen(self, member: str) -> bool:
        try:
            return b"\x07PRIMARY" in self.checked(member)
        except (OSError, IndexError):
            return False

    def primary(self) -> str:
        (one,) = self.primaries()
        return one

    def connect(self, member: str, user: str = "abiquo", password: str | None = None) -> Any:
        return pymysql.connect(
            host=self.address(member),
            user=user,
            password=_PASSWORDS["mysql_password"] if password is None else password,
            database="kinton" if user == "abiquo" else None,
            autocommit=True,
            connect_timeout=3,
            read_timeout=15,
            write_timeout=15,
        )

    def rows(self, member: str) -> set[int]:
        with self.connect(member) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM written")
            return {row[0] for row in cursor.fetchall()}

    def write(self, member: str, *numbers: int) -> None:
        with self.connect(member) as connection, connection.cursor() as cursor:
            for number in numbers:
                cursor.execute("INSERT INTO written VALUES (%s)", (number,))

    def admin(self, member: str, statements: str) -> str:
        """Run statements as the database's administrator, inside the member."""
        code, said = self.made[member].exec_run(["sh", "-c", _ADMIN, statements], user="labgen")
        assert code == 0, said.decode()
        return str(said.decode().strip())


class Writer(threading.Thread):
    """Writes to whoever is the primary, and keeps what it was told is done."""

    def __init__(self, cluster: Cluster, first: int) -> None:
        super().__init__()
        self.done: list[int] = []
        self._cluster, self._number, self._enough = cluster, first, threading.Event()

    def __enter__(self) -> Self:
        self.start()
        self.more(20, FAILOVER)
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join(timeout=30)

    def run(self) -> None:
        while not self._enough.is_set():
            for member in self._cluster.primaries():
                self._write(member)
            self._enough.wait(_POLL)

    def _write(self, member: str) -> None:
        try:
            with self._cluster.connect(member) as connection, connection.cursor() as cursor:
                while not self._enough.is_set():
                    # One whose end is not known is not tried again: it may be there or not.
                    self._number += 1
                    cursor.execute("INSERT INTO written VALUES (%s)", (self._number,))
                    self.done.append(self._number)
        except (pymysql.err.MySQLError, OSError):
            return

    def more(self, number: int, seconds: float) -> float:
        """Wait until `number` more writes are done; return how long that took."""
        wanted = len(self.done) + number
        return until(lambda: len(self.done) >= wanted, seconds, self._cluster.states)


def documented() -> tuple[bytes, bytes]:
    """Return the bytes that docs/clusters.md gives to load balancers."""
    text = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text()
    hello, question = (
        bytes.fromhex(one) for one in re.findall(r"tcp-check send-binary ([0-9a-f]+)", text)[:2]
    )
    return hello, question


@pytest.fixture(scope="module")
def cluster(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that forms from nothing. Every test leaves it whole."""
    one = Cluster(engine, image_tags(images_dir())["mysql"], tmp_path_factory.mktemp("mysql"))
    try:
        one.create()
        one.start(*MEMBERS)
        one.await_online(FORM, *MEMBERS)
        with one.connect(one.primary()) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE written (id BIGINT PRIMARY KEY)")
        yield one
    finally:
        one.remove()


def test_one_primary_and_the_rest_follow(cluster: Cluster) -> None:
    primary = cluster.primary()
    cluster.write(primary, 1)
    for member in MEMBERS:
        until(lambda member=member: 1 in cluster.rows(member), 5, cluster.states)  # type: ignore[misc]
        if member != primary:
            with pytest.raises(pymysql.err.MySQLError, match="read-only"):
                cluster.write(member, 2)


def test_a_member_is_small(cluster: Cluster) -> None:
    used = {one: cluster.made[one].stats(stream=False)["memory_stats"] for one in MEMBERS}
    resident = {one: used[one]["usage"] - used[one]["stats"]["inactive_file"] for one in MEMBERS}
    assert max(resident.values()) < 420 << 20, resident


def test_only_the_primary_has_the_word(cluster: Cluster) -> None:
    primary = cluster.primary()
    assert [b"\x07PRIMARY" in cluster.checked(one) for one in MEMBERS] == [one == primary for one in MEMBERS]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM kinton.written",
        "SELECT * FROM mysql.user",
        "CREATE DATABASE mine",
        "SET GLOBAL super_read_only = ON",
        "KILL 1",
    ],
)
def test_the_load_balancers_account_may_do_nothing_else(cluster: Cluster, statement: str) -> None:
    with (
        cluster.connect(cluster.primary(), "labgen_check", "") as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.err.MySQLError, match=r"denied|Unknown thread|not owner"),
    ):
        cursor.execute(statement)


def test_a_killed_primary(cluster: Cluster) -> None:
    primary = cluster.primary()
    with Writer(cluster, 1_000_000) as writer:
        cluster.kill(primary)
        writer.more(20, FAILOVER)
    other = cluster.primary()
    assert other != primary
    assert set(writer.done) <= cluster.rows(other)
    cluster.start(primary)
    cluster.await_online(REJOIN, *MEMBERS)
    assert set(writer.done) <= cluster.rows(primary)


def test_a_power_cut(cluster: Cluster) -> None:
    with Writer(cluster, 2_000_000) as writer:
        cluster.kill(*MEMBERS)
    cluster.start(*MEMBERS)
    cluster.await_online(POWER_CUT, *MEMBERS)
    for member in MEMBERS:
        assert set(writer.done) <= cluster.rows(member), member


def test_two_wait_for_the_third_and_all_have_all(cluster: Cluster) -> None:
    """Two have each something that the other has not, as when all are killed in the middle of much work."""
    cluster.kill(*MEMBERS)
    *early, late = MEMBERS
    cluster.start(*early)

    def waits(member: str) -> bool:
        return f"waits for {late}: it may hold newer writes" in cluster.health(member)[1]

    until(lambda: all(map(waits, early)), FORM, cluster.states)
    assert cluster.primaries() == []
    for number, member in enumerate(early, 3_000_001):
        row = f"INSERT INTO kinton.written VALUES ({number})"  # noqa: S608 - numbers
        own = f"SET GTID_NEXT = '{_GROUP}:{number}'; {row}; SET GTID_NEXT = AUTOMATIC"
        cluster.admin(member, f"SET GLOBAL super_read_only = OFF; {own}; SET GLOBAL super_read_only = ON")
    cluster.start(late)
    cluster.await_online(POWER_CUT, *MEMBERS)
    for member in MEMBERS:
        assert {3_000_001, 3_000_002} <= cluster.rows(member), member


def test_a_lost_majority(cluster: Cluster) -> None:
    primary = cluster.primary()
    others = [one for one in MEMBERS if one != primary]
    cluster.write(primary, 4_000_001)
    cluster.kill(*others)
    with pytest.raises(pymysql.err.MySQLError):
        cluster.write(primary, 4_000_002)
    until(lambda: "they may hold newer writes" in cluster.health(primary)[1], FORM, cluster.states)
    assert cluster.primaries() == []
    with pytest.raises(pymysql.err.MySQLError, match="read-only"):
        cluster.write(primary, 4_000_003)
    cluster.start(*others)
    cluster.await_online(POWER_CUT, *MEMBERS)
    assert 4_000_001 in cluster.rows(cluster.primary())
    assert 4_000_003 not in cluster.rows(cluster.primary())


def test_a_member_that_went_its_own_way_takes_a_copy(cluster: Cluster) -> None:
    primary = cluster.primary()
    lone = next(one for one in MEMBERS if one != primary)
    cluster.admin(
        lone,
        """STOP GROUP_REPLICATION;
        SET GLOBAL super_read_only = OFF;
        INSERT INTO kinton.written VALUES (5000001)""",
    )
    until(lambda: not cluster.health(lone)[0], 20, cluster.states)
    cluster.await_online(COPY, *MEMBERS)
    assert f"which go ({uuid(cluster, lone)}:1): takes a copy of" in cluster.made[lone].logs().decode()
    assert 5_000_001 not in cluster.rows(lone)
    assert cluster.rows(lone) == cluster.rows(primary)


def uuid(cluster: Cluster, member: str) -> str:
    return cluster.admin(member, "SELECT @@server_uuid")


def test_mariadb_is_no_cluster(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    build_images(engine, missing_images(engine, shipped_images(["mariadb"])), print)
    container = engine.sdk.containers.run(
        image_tags(images_dir())["mariadb"],
        environment={"LABGEN_KIND": "member"},
        cap_drop=["ALL"],
        cap_add=list(INIT_CAPS),
        network_mode="none",
        detach=True,
    )
    try:
        assert container.wait(timeout=30)["StatusCode"] == 1
        said = container.logs().decode()
        assert said == (
            "mariadb: it does not do clusters here, and there are several of it;"
            " have one, or the image 'mysql'\n"
        )
    finally:
        container.remove(force=True, v=True)
