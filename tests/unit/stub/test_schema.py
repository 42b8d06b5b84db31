"""Migrations and the first contents, against fakes that fail where MySQL might."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.links.errors import Unavailable
from labgen_stub.webapps.api import migrations
from labgen_stub.webapps.api.kinton import Kinton
from labgen_stub.webapps.api.migrations import Migrations, WrongSchema, changes
from labgen_stub.webapps.api.seed import Seed, sites

from .api_client import NEIGHBOURS
from .memory_database import MemoryDatabase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio


class Server:
    """As much of MySQL as migrations use: a lock, a table of what was done, and any definition."""

    def __init__(self) -> None:
        self.locked = self.has_changelog = False
        self.log: dict[tuple[str, str], str] = {}
        self.made: list[str] = []
        self.fail_at = -1
        self.away = False

    async def transact(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await work(self)

    async def one(self, statement: str, *_: object) -> dict[str, Any] | None:
        if "information_schema" in statement:
            return {"1": 1} if self.has_changelog else None
        return {"got": 0 if self.locked else 1}

    async def all(self, _: str) -> list[dict[str, Any]]:
        if self.away:
            raise Unavailable("MySQL: gone")
        if not self.has_changelog:
            raise import_module("pymysql.err").ProgrammingError(1146, "Table does not exist")
        return [{"FILENAME": file, "ID": one, "MD5SUM": md5} for (file, one), md5 in self.log.items()]

    async def run(self, statement: str, *arguments: Any) -> int:
        if statement == migrations._CHANGELOG:
            assert not self.has_changelog
            self.has_changelog = True
        elif statement.startswith("INSERT INTO DATABASECHANGELOG"):
            number, file, order, checksum = arguments
            assert order == len(self.log) + 1
            self.log[file, number] = checksum
        else:
            if statement in self.made:
                raise import_module("pymysql.err").OperationalError(1050, "Table exists")
            if len(self.made) == self.fail_at:
                self.fail_at = -1
                self.made.append(statement)  # MySQL did it, and the connection broke before it was remembered
                raise OSError("gone")
            self.made.append(statement)
        return 1


def test_statements_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "002-b.sql").write_text("CREATE TABLE c (x INT);\n")
    (tmp_path / "001-a.sql").write_text(
        "-- about; it\nCREATE TABLE a (\n    -- a column\n    x INT);\n\nB;\n"
    )
    found = [(one.file, one.number, one.statement) for one in changes(tmp_path)]
    assert found == [
        ("001-a.sql", 1, "CREATE TABLE a ( x INT)"),
        ("001-a.sql", 2, "B"),
        ("002-b.sql", 1, "CREATE TABLE c (x INT)"),
    ]


async def test_a_schema_is_made_once() -> None:
    server = Server()
    for _ in range(2):
        await Migrations(server).apply()  # type: ignore[arg-type]
    assert len(server.made) == len(server.log) == len(list(changes()))


async def test_a_node_killed_in_the_middle_leaves_nothing_to_clean_up() -> None:
    server = Server()
    server.fail_at = 3
    with pytest.raises(OSError, match="gone"):
        await Migrations(server).apply()  # type: ignore[arg-type]
    assert len(server.log) == 3
    await Migrations(server).apply()  # type: ignore[arg-type]
    assert len(server.log) == len(list(changes()))


async def test_one_node_at_a_time() -> None:
    server = Server()
    server.locked = True
    with pytest.raises(Unavailable, match="another node"):
        await Migrations(server).apply()  # type: ignore[arg-type]
    assert not server.made


async def test_a_database_of_another_version_is_refused() -> None:
    server = Server()
    await Migrations(server).apply()  # type: ignore[arg-type]
    first = next(iter(server.log))
    server.log[first] = "another"
    with pytest.raises(WrongSchema, match=f"{first[0]}, statement {first[1]} "):
        await Migrations(server).apply()  # type: ignore[arg-type]


async def test_a_database_of_a_later_version_is_refused() -> None:
    server = Server()
    await Migrations(server).apply()  # type: ignore[arg-type]
    server.log["099-later.sql", "1"] = "unknown"
    with pytest.raises(WrongSchema, match=r"099-later\.sql, statement 1 made it, which this version"):
        await Migrations(server).apply()  # type: ignore[arg-type]


async def test_check_says_what_is_wrong_with_the_schema_and_the_way_out() -> None:
    server, count = Server(), len(list(changes()))
    found = Migrations(server, "mine")  # type: ignore[arg-type]
    assert await found.fault() == f"the database lacks {count} of the schema's {count} statements yet"
    await found.run()
    assert not await found.fault()
    first = next(iter(server.log))
    server.log[first] = "another"
    assert await found.fault() == (
        f"the database is of another version: {first[0]}, statement {first[1]} is not the one that made it; "
        "`labgen down mine` forgets its data, `labgen up mine` makes it anew"
    )
    server.has_changelog = False
    assert await found.fault() == (
        f"the database lacks {count} of the schema's {count} statements; "
        "`labgen down mine` forgets its data, `labgen up mine` makes it anew"
    )
    server.away = True
    assert not await found.fault(), "that MySQL is away is the neighbour's fault, told as such"


async def test_check_says_what_else_mysql_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def denied(_: str) -> list[dict[str, Any]]:
        raise import_module("pymysql.err").OperationalError(1045, "Access denied for user 'abiquo'")

    server = Server()
    monkeypatch.setattr(server, "all", denied)
    found = await Migrations(server).fault()  # type: ignore[arg-type]
    assert found == "the schema cannot be read: Access denied for user 'abiquo'"


async def test_it_is_tried_until_it_works() -> None:
    server = Server()
    server.fail_at = 0
    tried = Migrations(server)  # type: ignore[arg-type]

    async with asyncio.timeout(20):
        await tried.run()
    assert tried.ready.is_set()
    assert len(server.log) == len(list(changes()))


async def test_nobody_gets_at_a_database_that_is_not_ready(
    database: MemoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = asyncio.Event()
    kinton = Kinton(database, ready)
    monkeypatch.setattr("labgen_stub.webapps.api.kinton.PATIENCE", 0.01)
    with pytest.raises(Unavailable, match="not there yet"):
        await kinton.one("SELECT 1")
    ready.set()
    assert await kinton.one("SELECT 1 AS one") == {"one": 1}


def test_sites_are_read_off_the_neighbours() -> None:
    datacenter, region = sites(NEIGHBOURS)
    assert (datacenter.uuid, datacenter.kind) == ("dc1", "DATACENTER")
    assert dict(datacenter.services) == {
        "VIRTUAL_FACTORY": "http://dc1-rs-1:8009/virtualfactory",
        "VIRTUAL_SYSTEM_MONITOR": "http://dc1-rs-1:8009/vsm",
        "APPLIANCE_MANAGER": "http://dc1-rs-1:8009/am",
        "NARS": "http://dc1-rs-1:8009/nars",
        "XAS": "http://dc1-rs-1:8009/xas",
        "BPM_SERVICE": "http://dc1-bpm-1:8009/bpm-async",
        "REMOTE_ACCESS": "guacd://guacamole-1:4822",
    }
    assert (region.uuid, region.kind) == ("pcr1", "PUBLIC_CLOUD_REGION")
    assert set(dict(region.services)) == {
        "VIRTUAL_FACTORY",
        "VIRTUAL_SYSTEM_MONITOR",
        "NARS",
        "REMOTE_ACCESS",
    }


async def test_sites_are_written_once_and_what_was_changed_stays(database: MemoryDatabase) -> None:
    seed = Seed(database, lambda: NEIGHBOURS, lambda: True)
    await seed.run()
    assert seed.done.is_set()
    assert [one["kind"] for one in database.sql("SELECT kind FROM datacenter ORDER BY id")] == [
        "DATACENTER",
        "PUBLIC_CLOUD_REGION",
    ]
    database.sql("UPDATE datacenter SET name = 'Lisbon' WHERE uuid = 'dc1'")
    database.sql("UPDATE remote_service SET uri = 'http://other:1/am' WHERE type = 'APPLIANCE_MANAGER'")
    database.sql("DELETE FROM remote_service WHERE type = 'BPM_SERVICE'")
    database.sql("DELETE FROM rack")
    await seed.write()
    assert database.sql("SELECT name FROM datacenter WHERE uuid = 'dc1'") == [{"name": "Lisbon"}]
    services = database.sql(
        "SELECT uri FROM remote_service WHERE type IN ('APPLIANCE_MANAGER', 'BPM_SERVICE')"
    )
    assert [one["uri"] for one in services] == ["http://other:1/am", "http://dc1-bpm-1:8009/bpm-async"]
    assert not database.sql("SELECT * FROM rack")


async def test_only_the_leader_writes(database: MemoryDatabase) -> None:
    with pytest.raises(Unavailable, match="does not lead"):
        await Seed(database, lambda: NEIGHBOURS, lambda: False).write()
    assert not database.sql("SELECT * FROM datacenter")
