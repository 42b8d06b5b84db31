"""MySQL's place in tests: SQLite in memory with the same schema, and a platform with one of everything."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import labgen_stub.webapps.api
from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import Answer, Request, Work, load_request
from labgen_stub.webapps.api.work.happenings import Author

T = TypeVar("T")
SCHEMA = Path(labgen_stub.webapps.api.__file__).with_name("schema")
ADMIN = Author(1, "admin", 1, "Abiquo")
PLATFORM = """
INSERT INTO datacenter (uuid, name, kind) VALUES
    ('dc1', 'dc1', 'DATACENTER'), ('pcr1', 'pcr1', 'PUBLIC_CLOUD_REGION');
INSERT INTO rack (datacenter_id, name) VALUES (1, 'rack-1');
INSERT INTO template (datacenter_id, enterprise_id, name, path, disk_format, disk_size) VALUES
    (1, 1, 'ready', '1/ready/ready.qcow2', 'QCOW2_SPARSE', 1000),
    (1, 1, 'foreign', '1/tiny/tiny.vmdk', 'VMDK_SPARSE', 1000),
    (2, 1, 'image', 'ami-1', 'RAW', 0);
INSERT INTO virtualdatacenter (enterprise_id, datacenter_id, name) VALUES (1, 1, 'v1'), (1, 2, 'v2');
INSERT INTO virtualappliance (virtualdatacenter_id, name) VALUES (1, 'a1'), (2, 'a2');
"""


def _translated(statement: str) -> str:
    statement = re.sub(
        r"BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY", "INTEGER PRIMARY KEY", statement
    )
    statement = re.sub(r",\s*UNIQUE KEY \w+ (\([^)]*\))", r", UNIQUE \1", statement)
    statement = re.sub(r",\s*KEY \w+ \([^)]*\)", "", statement)
    statement = re.sub(r"(\w+) ENUM(\([^)]*\))", r"\1 TEXT CHECK (\1 IN \2)", statement)
    statement = re.sub(r"(\w+) (?:VAR)?CHAR\((\d+)\)", r"\1 TEXT CHECK (length(\1) <= \2)", statement)
    return statement.replace("INSERT IGNORE", "INSERT OR IGNORE")


class MemorySession:
    """One transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _execute(self, statement: str, arguments: tuple[object, ...]) -> sqlite3.Cursor:
        return self._connection.execute(statement.replace(" FOR UPDATE", "").replace("%s", "?"), arguments)

    async def run(self, statement: str, *arguments: object) -> int:
        return self._execute(statement, arguments).rowcount

    async def insert(self, statement: str, *arguments: object) -> int:
        return self._execute(statement, arguments).lastrowid or 0

    async def all(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        return [dict(row) for row in self._execute(statement, arguments)]

    async def one(self, statement: str, *arguments: object) -> dict[str, Any] | None:
        rows = await self.all(statement, *arguments)
        return rows[0] if rows else None


class Kinton:
    """In the place of `links.database.Database`; `broken` takes it away."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("ATTACH ':memory:' AS kinton_accounting")
        for path in sorted(SCHEMA.glob("*.sql")):
            text = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
            for statement in text.split(";"):
                self.connection.execute(_translated(statement))
        for statement in (
            "INSERT OR IGNORE INTO enterprise (id, name) VALUES (1, 'Abiquo')",
            "INSERT OR IGNORE INTO role (id, name) VALUES (1, 'CLOUD_ADMIN')",
            (
                "INSERT OR IGNORE INTO user (id, enterprise_id, role_id, nick, name) "
                "VALUES (1, 1, 1, 'admin', 'A')"
            ),
            *filter(str.strip, PLATFORM.split(";")),
        ):
            self.connection.execute(statement)
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.broken = False

    async def transact(self, work: Callable[[Any], Awaitable[T]]) -> T:
        if self.broken:
            raise Unavailable("on purpose")
        self.connection.execute("BEGIN")
        try:
            result = await work(MemorySession(self.connection))
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return result

    async def all(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        return await self.transact(lambda session: session.all(statement, *arguments))

    async def one(self, statement: str, *arguments: object) -> dict[str, Any] | None:
        return await self.transact(lambda session: session.one(statement, *arguments))

    # What tests see and make.

    def sql(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        return [dict(row) for row in self.connection.execute(statement, arguments)]

    def host(self, name: str = "kvm-1", ram: int = 1024) -> int:
        cursor = self.connection.execute(
            "INSERT INTO machine (rack_id, name, ip, cpu, ram) VALUES (1, ?, ?, 4, ?)", (name, name, ram)
        )
        return cursor.lastrowid or 0

    def vm(self, template: int = 1, appliance: int = 1, ram: int = 16) -> int:
        number = 1 + self.sql("SELECT COUNT(*) AS n FROM virtualmachine")[0]["n"]
        uuid = f"00000000-0000-0000-0000-{number:012d}"
        cursor = self.connection.execute(
            "INSERT INTO virtualmachine (virtualappliance_id, template_id, uuid, name, label, cpu, ram) "
            "VALUES (?, ?, ?, ?, ?, 1, ?)",
            (appliance, template, uuid, f"ABQ_{uuid}", f"vm {number}", ram),
        )
        return cursor.lastrowid or 0

    def row(self, number: int) -> dict[str, Any]:
        return self.sql("SELECT * FROM virtualmachine WHERE id = ?", number)[0]

    def task(self, task: str) -> dict[str, Any]:
        return self.sql("SELECT * FROM task WHERE id = ?", task)[0]

    def actions(self) -> list[str]:
        return [row["action"] for row in self.sql("SELECT action FROM event ORDER BY id")]

    def requests(self) -> list[tuple[str, Request]]:
        """Return what waits to be sent to remote services, as queue and request."""
        rows = self.sql("SELECT routing_key, body FROM outbox WHERE kind <> 'fanout' ORDER BY id")
        return [(row["routing_key"], load_request(row["body"].encode())) for row in rows]

    def last(self) -> Request:
        return self.requests()[-1][1]

    def streamed(self) -> list[dict[str, Any]]:
        rows = self.sql("SELECT body FROM outbox WHERE kind = 'fanout' ORDER BY id")
        return [json.loads(row["body"]) for row in rows]


def answer_to(request: Request, error: str = "", at: int = 1000, fault: str = "", **result: Any) -> Answer:
    return Answer(request.job, request.task, Work(request.work), "dc1-rs-1", error, fault, result, (), at)
