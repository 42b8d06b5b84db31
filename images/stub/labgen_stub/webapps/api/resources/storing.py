"""Transactions of a request: what MySQL refuses becomes what the client is told."""

from __future__ import annotations

from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from labgen_stub.links.errors import Unavailable
from labgen_stub.web.bodies import bad_request
from labgen_stub.web.errors import ApiError, no_database

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.kinton import Kinton

T = TypeVar("T")
_DUPLICATE, _IN_USE, _NO_PARENT = 1062, 1451, 1452
_REFUSALS = {
    _DUPLICATE: "Another one has this name or address already",
    _IN_USE: "It is in use",
    _NO_PARENT: "What it belongs to is gone",
}


def conflict(message: str, code: str = "409-CONFLICT") -> ApiError:
    """409, and why."""
    return ApiError(HTTPStatus.CONFLICT, code, message)


def not_found() -> ApiError:
    """404: not there, or not for this user to know of."""
    return ApiError(HTTPStatus.NOT_FOUND, "404", "The requested resource does not exist")


async def transact(database: Kinton, work: Callable[[Session], Awaitable[T]]) -> T:
    """Do `work` in one transaction.

    Raises:
        ApiError: what `work` says; 409 for what is there already, or in use; 503 without MySQL.
    """
    errors: Any = import_module("pymysql.err")
    try:
        return await database.transact(work)
    except Unavailable as error:
        raise no_database(error) from error
    except errors.IntegrityError as error:
        raise conflict(_REFUSALS.get(error.args[0], "It does not fit what is there")) from error
    except errors.DataError as error:
        # Values are checked before they get here; this is what that check may not know of MySQL.
        raise bad_request("A value does not fit its column", "400-CONSTRAINT") from error
