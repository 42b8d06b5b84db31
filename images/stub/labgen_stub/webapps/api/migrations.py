"""The schema, brought up to date at start by whichever API node comes first (platform.md 2.8).

`schema/*.sql` in order, statement by statement. MySQL commits each definition by itself, so what is
remembered in `DATABASECHANGELOG` is the statement, not the file: a node that is killed in the middle
leaves nothing to be cleaned up, and the next one goes on where it ended. The table's columns are those
of Liquibase that anybody looks at.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from labgen_stub.links.errors import Unavailable
from labgen_stub.links.retry import forever

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labgen_stub.links.database import Database, Session

log = logging.getLogger(__name__)
SCHEMA = Path(__file__).with_name("schema")
_LOCK, _LOCK_WAIT = "abiquo:schema", 2
# The table, column or index is there: done before a kill, and not yet remembered.
_THERE = frozenset({1050, 1060, 1061})
_HAS_CHANGELOG = """SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'DATABASECHANGELOG'"""
_CHANGELOG = """CREATE TABLE DATABASECHANGELOG (
    ID VARCHAR(63) NOT NULL,
    FILENAME VARCHAR(200) NOT NULL,
    DATEEXECUTED DATETIME NOT NULL,
    ORDEREXECUTED INT NOT NULL,
    MD5SUM VARCHAR(35) NOT NULL,
    PRIMARY KEY (FILENAME, ID)
)"""


class WrongSchema(Exception):
    """The database was made by another version of these files."""


@dataclass(frozen=True, slots=True)
class Change:
    """One statement of one file; `number` counts from 1."""

    file: str
    number: int
    statement: str

    @property
    def checksum(self) -> str:
        """What tells this statement from another one at its place."""
        return hashlib.sha256(self.statement.encode()).hexdigest()[:32]


def changes(folder: Path = SCHEMA) -> Iterator[Change]:
    """Return every statement in the order of files and lines; comments take whole lines."""
    for path in sorted(folder.glob("*.sql")):
        lines = path.read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
        statements = (" ".join(one.split()) for one in text.split(";"))
        for number, statement in enumerate(filter(None, statements), 1):
            yield Change(path.name, number, statement)


class Migrations:
    """Applies what is missing; `ready` is set once the schema is there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Try for ever, until the schema is up to date."""
        await forever("schema", self.apply, once=True)
        self.ready.set()

    async def apply(self) -> None:
        """Apply what is missing, once.

        Raises:
            Unavailable: MySQL does not answer, or another node is at it.
            WrongSchema: a statement that was applied is not the one in its file.
        """
        done = await self._database.transact(_apply)
        log.info("schema is up to date", extra={"applied": done})


async def _apply(session: Session) -> int:
    row = await session.one("SELECT GET_LOCK(%s, %s) AS got", _LOCK, _LOCK_WAIT)
    if row is None or row["got"] != 1:
        raise Unavailable("another node is bringing the schema up to date")
    # When anything below fails, the connection is closed, and the lock goes with it.
    if await session.one(_HAS_CHANGELOG) is None:
        await session.run(_CHANGELOG)
    known = {
        (row["FILENAME"], row["ID"]): row["MD5SUM"]
        for row in await session.all("SELECT FILENAME, ID, MD5SUM FROM DATABASECHANGELOG")
    }
    missing = []
    for change in changes():
        checksum = known.get((change.file, str(change.number)))
        if checksum is None:
            missing.append(change)
        elif checksum != change.checksum:
            raise WrongSchema(
                f"{change.file}, statement {change.number} is not the one that made this database: "
                "take the lab down with its volumes, and up again"
            )
    for order, change in enumerate(missing, len(known) + 1):
        await _execute(session, change)
        await session.run(
            "INSERT INTO DATABASECHANGELOG (ID, FILENAME, DATEEXECUTED, ORDEREXECUTED, MD5SUM) "
            "VALUES (%s, %s, UTC_TIMESTAMP(), %s, %s)",
            str(change.number),
            change.file,
            order,
            change.checksum,
        )
    await session.one("SELECT RELEASE_LOCK(%s)", _LOCK)
    return len(missing)


async def _execute(session: Session, change: Change) -> None:
    errors = import_module("pymysql.err")
    try:
        # Nothing is filled in here, so a percent sign means itself.
        await session.run(change.statement.replace("%", "%%"))
    except (errors.OperationalError, errors.InternalError, errors.ProgrammingError) as error:
        if error.args[0] not in _THERE:
            raise
