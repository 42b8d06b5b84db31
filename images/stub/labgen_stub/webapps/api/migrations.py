"""The schema, brought up to date at start by whichever API node comes first (platform.md 2.8).

`schema/*.sql` in order, statement by statement. MySQL commits each definition by itself, so what is
remembered in `DATABASECHANGELOG` is the statement, not the file: a node that is killed in the middle
leaves nothing to be cleaned up, and the next one goes on where it ended. The table's columns are those
of Liquibase that anybody looks at.

A lab's data outlives its containers, so what an older or newer version of these files made may be found
here. That is no state to go on from: `/api/check` says so, and nobody gets at the tables.
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
    from collections.abc import Iterable, Iterator

    from labgen_stub.links.database import Database, Row, Session

log = logging.getLogger(__name__)
SCHEMA = Path(__file__).with_name("schema")
_LOCK, _LOCK_WAIT = "abiquo:schema", 2
# The table, column or index is there: done before a kill, and not yet remembered.
_THERE = frozenset({1050, 1060, 1061})
_NO_TABLE = 1146
# Seconds that `/check` waits for the list of what was applied.
_PATIENCE = 2.0
_HAS_CHANGELOG = """SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'DATABASECHANGELOG'"""
_KNOWN = "SELECT FILENAME, ID, MD5SUM FROM DATABASECHANGELOG"
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


def missing(rows: Iterable[Row]) -> list[Change]:
    """Return what has not been applied yet; `rows` are those of `DATABASECHANGELOG`.

    Raises:
        WrongSchema: a statement that was applied is not the one in its file, or in no file.
    """
    known = {(str(row["FILENAME"]), str(row["ID"])): row["MD5SUM"] for row in rows}
    found = []
    for change in changes():
        checksum = known.pop((change.file, str(change.number)), None)
        if checksum is None:
            found.append(change)
        elif checksum != change.checksum:
            raise WrongSchema(f"{change.file}, statement {change.number} is not the one that made it")
    for file, number in known:
        raise WrongSchema(f"{file}, statement {number} made it, which this version does not have")
    return found


class Migrations:
    """Applies what is missing; `ready` is set once the schema is there."""

    def __init__(self, database: Database, lab: str = "LAB") -> None:
        """Keep the database, and the lab's name, for who has to be told the way out."""
        self._database, self._lab = database, lab
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Try for ever, until the schema is up to date."""
        await forever("schema", self.apply, once=True)
        self.ready.set()

    async def apply(self) -> None:
        """Apply what is missing, once.

        Raises:
            Unavailable: MySQL does not answer, or another node is at it.
            WrongSchema: as `missing`.
        """
        done = await self._database.transact(_apply)
        log.info("schema is up to date", extra={"applied": done})

    async def fault(self) -> str:
        """Say in one line what is wrong with the schema, for `/check`; nothing when it is as it should be.

        Nothing is said either while MySQL does not answer: that is the neighbour's fault, and told as such.
        """
        errors = import_module("pymysql.err")
        way_out = f"`labgen down {self._lab}` forgets its data, `labgen up {self._lab}` makes it anew"
        try:
            async with asyncio.timeout(_PATIENCE):
                left = missing(await self._database.all(_KNOWN))
        except (Unavailable, TimeoutError):
            return ""
        except WrongSchema as wrong:
            return f"the database is of another version: {wrong}; {way_out}"
        except errors.MySQLError as error:
            if error.args[:1] != (_NO_TABLE,):
                return f"the schema cannot be read: {error.args[-1]}"
            left = list(changes())
        if not left:
            return ""
        lacking = f"the database lacks {len(left)} of the schema's {len(list(changes()))} statements"
        # Before it was complete once, it is being made; afterwards somebody took it away.
        return f"{lacking}; {way_out}" if self.ready.is_set() else f"{lacking} yet"


async def _apply(session: Session) -> int:
    row = await session.one("SELECT GET_LOCK(%s, %s) AS got", _LOCK, _LOCK_WAIT)
    if row is None or row["got"] != 1:
        raise Unavailable("another node is bringing the schema up to date")
    # When anything below fails, the connection is closed, and the lock goes with it.
    if await session.one(_HAS_CHANGELOG) is None:
        await session.run(_CHANGELOG)
    known = await session.all(_KNOWN)
    left = missing(known)
    for order, change in enumerate(left, len(known) + 1):
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
    return len(left)


async def _execute(session: Session, change: Change) -> None:
    errors = import_module("pymysql.err")
    try:
        # Nothing is filled in here, so a percent sign means itself.
        await session.run(change.statement.replace("%", "%%"))
    except (errors.OperationalError, errors.InternalError, errors.ProgrammingError) as error:
        if error.args[0] not in _THERE:
            raise
