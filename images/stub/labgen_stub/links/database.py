"""MySQL, where the platform keeps its state (platform.md 2.8): whole transactions, retried when undone."""

from __future__ import annotations

import asyncio
import logging
import socket
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from labgen_stub.links.errors import Refusal, Unavailable
from labgen_stub.wire.stream import client_tls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from labgen_stub.wire import Target

log = logging.getLogger(__name__)
T = TypeVar("T")
Row = dict[str, Any]
_LARGEST_POOL = 20
_ATTEMPTS = 5
_WAIT = 5.0
# A deadlock, a lock that did not come in time, another member's change that came first: the server undid the
# transaction and asks for another try.
_AGAIN = frozenset({1205, 1213, 3101})
# "The server is gone" in its forms, and a member of a cluster that may not write (any more): whether the
# transaction was committed is not known.
_GONE = frozenset({2003, 2006, 2013, 2014, 1053, 1290, 1836, 1927, 3032, 3100, 4031})
# Seconds of silence after which a server is asked whether it is there, between two such questions, and how
# many may go unanswered: an address that moved to another node answers at once, and not for the old one.
_ALIVE = (3, 1, 3)


class Session:
    """One transaction; statements have `%s` for each argument."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, statement: str, *arguments: object) -> int:
        """Execute a statement; return how many rows it changed."""
        async with self._connection.cursor() as cursor:
            await cursor.execute(statement, arguments)
            return int(cursor.rowcount)

    async def insert(self, statement: str, *arguments: object) -> int:
        """Execute an INSERT; return the number that the new row got."""
        async with self._connection.cursor() as cursor:
            await cursor.execute(statement, arguments)
            return int(cursor.lastrowid)

    async def all(self, statement: str, *arguments: object) -> list[Row]:
        """Return every row of a SELECT by column name."""
        async with self._connection.cursor() as cursor:
            await cursor.execute(statement, arguments)
            return list(await cursor.fetchall())

    async def one(self, statement: str, *arguments: object) -> Row | None:
        """Return the first row of a SELECT, if there is one."""
        rows = await self.all(statement, *arguments)
        return rows[0] if rows else None


class Database:
    """A pool of connections to one schema, made when it is first needed."""

    def __init__(self, targets: Sequence[Target]) -> None:
        """Keep the targets, of which the first is used (protocol `mysql`, secret `mysql_password`)."""
        self._targets = tuple(targets)
        self._pool: Any = None
        self._making = asyncio.Lock()

    async def transact(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do `work` in one transaction and return what it returns; it may be called again after a deadlock.

        Whatever `work` raises undoes the transaction and is raised on, but for MySQL's own errors of
        transport and locking.

        Raises:
            Unavailable: MySQL does not answer, or keeps undoing the transaction.
        """
        return await self._insist(lambda: self._once(work, whole=True))

    async def _insist(self, attempt_once: Callable[[], Awaitable[T]]) -> T:
        mysql = import_module("pymysql.err")
        reason = ""
        for attempt in range(_ATTEMPTS):
            try:
                return await attempt_once()
            except (mysql.OperationalError, mysql.InternalError, mysql.InterfaceError) as error:
                code = error.args[0] if error.args else 0
                if code not in _AGAIN and code not in _GONE and not isinstance(error, mysql.InterfaceError):
                    raise
                reason = f"{code}: {error.args[-1] if error.args else error}"
                if code not in _AGAIN:
                    break
                await asyncio.sleep(0.02 * 2**attempt)
            except (OSError, RuntimeError) as error:
                reason = f"{type(error).__name__}: {error}"
                break
        raise Unavailable(f"MySQL: {reason}")

    async def all(self, statement: str, *arguments: object) -> list[Row]:
        """Return every row of one SELECT. Raises `Unavailable` as `transact`."""
        # One statement is a transaction by itself: two round trips less for who only looks.
        return await self._insist(
            lambda: self._once(lambda session: session.all(statement, *arguments), whole=False)
        )

    async def one(self, statement: str, *arguments: object) -> Row | None:
        """Return the first row of one SELECT. Raises `Unavailable` as `transact`."""
        rows = await self.all(statement, *arguments)
        return rows[0] if rows else None

    async def _once(self, work: Callable[[Session], Awaitable[T]], *, whole: bool) -> T:
        pool = await self._open()
        async with asyncio.timeout(_WAIT):
            connection = await pool.acquire()
        _watch(connection)
        try:
            if whole:
                await connection.begin()
            result = await work(Session(connection))
            if whole:
                await connection.commit()
        except Refusal:
            # Somebody's own word for no, between two statements: the connection is as good as before.
            await _undo(connection)
            raise
        except BaseException:
            # A connection in the middle of a dialogue is of no use to the next caller; what it began,
            # the server undoes when it ends.
            connection.close()
            raise
        finally:
            pool.release(connection)
        return result

    async def _open(self) -> Any:
        async with self._making:
            if self._pool is None:
                if not self._targets:
                    raise Unavailable("no MySQL among the neighbours")
                self._pool = await _pool(self._targets[0])
        return self._pool


def _watch(connection: Any) -> None:
    """Let the kernel notice a server that went without a word: nothing else bounds the wait for an answer."""
    # The client has no option for it, and keeps its socket to itself.
    writer = getattr(connection, "_writer", None)
    line = writer.get_extra_info("socket") if writer is not None else None
    if line is not None and not line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        for name, value in zip(names, _ALIVE, strict=True):
            line.setsockopt(socket.IPPROTO_TCP, name, value)
        # What was sent and is not acknowledged counts as well.
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * sum(_ALIVE))


async def _undo(connection: Any) -> None:
    try:
        await connection.rollback()
    except BaseException:
        connection.close()
        raise


async def _pool(target: Target) -> Any:
    aiomysql = import_module("aiomysql")
    return await aiomysql.create_pool(
        host=target.host,
        port=target.port,
        user=target.option("user", "abiquo"),
        password=target.secret("mysql_password"),
        db=target.option("database", "kinton"),
        # The server's own certificate is of no lab CA: encrypted if it can be, as its clients do.
        ssl=client_tls(target, verify=False),
        connect_timeout=target.patience,
        minsize=0,
        maxsize=_LARGEST_POOL,
        # A restarted server leaves dead connections behind; none is older than this.
        pool_recycle=60,
        # Transactions begin with BEGIN.
        autocommit=True,
        charset="utf8mb4",
        cursorclass=aiomysql.DictCursor,
        init_command="SET SESSION transaction_isolation = 'READ-COMMITTED', time_zone = '+00:00'",
    )


def bound(names: Mapping[str, object]) -> tuple[str, tuple[object, ...]]:
    """Return `a = %s, b = %s` and its arguments; the names must come from code, never from a client."""
    return ", ".join(f"`{name}` = %s" for name in names), tuple(names.values())
