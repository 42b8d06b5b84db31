"""A database in memory that understands the stub's SQL: SQLite, with MySQL's errors.

What MySQL alone would refuse (texts that are too long, numbers that are too large, values that are not in
an ENUM) becomes a CHECK, so that nothing gets through here that MySQL would not take.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable
from decimal import Decimal
from importlib import import_module
from typing import Any, TypeVar

from labgen_stub.links.errors import Unavailable
from labgen_stub.webapps.api.migrations import changes

errors = import_module("pymysql.err")
T = TypeVar("T")
_DUPLICATE, _IN_USE, _NO_PARENT = 1062, 1451, 1452


def _definition(statement: str) -> str:
    """Rewrite one of the schema's statements."""
    statement = re.sub(r"INSERT IGNORE", "INSERT OR IGNORE", statement)
    if not statement.startswith("CREATE TABLE"):
        return statement
    statement = re.sub(
        r"BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT", statement
    )
    statement = re.sub(r", (UNIQUE )?KEY \w+ (\([^)]*\))", _key, statement)
    statement = re.sub(r"(\w+) ENUM(\([^)]*\))", r"\1 TEXT CHECK (\1 IN \2)", statement)
    statement = re.sub(
        r"(\w+) (?:VAR)?CHAR\((\d+)\)", r"\1 TEXT COLLATE NOCASE CHECK (length(\1) <= \2)", statement
    )
    for kind, most in (("BIGINT", 2**63 - 1), ("INT", 2**32 - 1)):
        pattern, bound = rf"(\w+) {kind} UNSIGNED", rf"\1 {kind} CHECK (\1 BETWEEN 0 AND {most})"
        statement = re.sub(pattern, bound, statement)
    return statement


def _key(match: re.Match[str]) -> str:
    return f", UNIQUE {match[2]}" if match[1] else ""


class MemorySession:
    """What a transaction may do."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _execute(self, statement: str, arguments: tuple[object, ...]) -> sqlite3.Cursor:
        text = re.sub(r" FOR (UPDATE|SHARE)( SKIP LOCKED)?", "", statement)
        text = text.replace("%s", "?").replace("%%", "%")
        text = re.sub(r"(LIKE \?)", r"\1 ESCAPE '\\'", text)
        try:
            return self._connection.execute(text, arguments)
        except sqlite3.IntegrityError as error:
            message = str(error)
            if "UNIQUE" in message:
                raise errors.IntegrityError(_DUPLICATE, message) from error
            if "FOREIGN KEY" in message:
                parent = statement.startswith("DELETE")
                raise errors.IntegrityError(_IN_USE if parent else _NO_PARENT, message) from error
            raise errors.DataError(1406, message) from error

    async def run(self, statement: str, *arguments: object) -> int:
        return self._execute(statement, arguments).rowcount

    async def insert(self, statement: str, *arguments: object) -> int:
        return self._execute(statement, arguments).lastrowid or 0

    async def all(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        cursor = self._execute(statement, arguments)
        # MySQL's sums are decimals.
        sums = {one[0] for one in cursor.description or () if "Used" in one[0]}
        rows = [dict(row) for row in cursor]
        return [
            {name: Decimal(value) if name in sums else value for name, value in row.items()} for row in rows
        ]

    async def one(self, statement: str, *arguments: object) -> dict[str, Any] | None:
        rows = await self.all(statement, *arguments)
        return rows[0] if rows else None


class MemoryDatabase:
    """In the place of `links.database.Database`, with the schema in it; `broken` takes it away."""

    def __init__(self, _: object = None) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("ATTACH ':memory:' AS kinton_accounting")
        self.connection.execute("PRAGMA foreign_keys = ON")
        for change in changes():
            self.connection.execute(_definition(change.statement))
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

    def sql(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        """Look or write from a test."""
        return [dict(row) for row in self.connection.execute(statement, arguments)]
