"""MySQL or MariaDB: log in, and select from the schema (platform.md 2.8)."""

from __future__ import annotations

from importlib import import_module

from labgen_stub.wire.stream import client_tls
from labgen_stub.wire.target import Garbled, Target

_QUERY = (
    "SELECT DATABASE(), VERSION(), COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"
)


async def speak(target: Target) -> str:
    """Log in as option `user` to schema `database` with secret `mysql_password`, and ask it something.

    Raises:
        OSError: from the transport.
        Garbled: the server refuses the login or the query.
    """
    aiomysql = import_module("aiomysql")
    user, schema = target.option("user", "abiquo"), target.option("database", "kinton")
    try:
        # The server's own certificate is of no lab CA: encrypted if it can be, as its clients do.
        connection = await aiomysql.connect(
            host=target.host,
            port=target.port,
            user=user,
            password=target.secret("mysql_password"),
            db=schema,
            ssl=client_tls(target, verify=False),
            connect_timeout=target.patience,
        )
    except aiomysql.MySQLError as error:
        # The client wraps whatever went wrong, the server's own refusal too, as "cannot connect".
        cause = error.__cause__ or error
        if isinstance(cause, OSError):
            raise cause from error
        raise Garbled(f"login as {user} to {schema}: {_reason(cause)}") from error
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(_QUERY)
            found, version, tables = await cursor.fetchone()
    except aiomysql.MySQLError as error:
        raise Garbled(f"query on {schema}: {_reason(error)}") from error
    finally:
        connection.close()
    return f"SELECT on {found}: {tables} tables, server {version}"


def _reason(error: BaseException) -> str:
    """Return the server's own words, without the error number."""
    return str(error.args[-1] if error.args else error)[:160]
