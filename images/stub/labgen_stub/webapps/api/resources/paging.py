"""Pages of a collection: `startwith`, `limit` (25), `by`, `asc`, `has` (W18)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from labgen_stub.web.bodies import bad_request

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from labgen_stub.webapps.api.resources.model import Resource

DEFAULT_LIMIT = 25
# `limit=0` means everything at once; a page of this lab is never longer.
LARGEST_LIMIT = 1000
_LARGEST_START = 2**31
_LONGEST_TEXT = 128
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a collection, in which order; `start` counts from 0."""

    start: int = 0
    limit: int = DEFAULT_LIMIT
    by: str = "id"
    asc: bool = True
    has: str = ""

    @property
    def pattern(self) -> str:
        """What LIKE is asked for `has`: its own special characters mean themselves."""
        return "%" + re.sub(r"([\\%_])", r"\\\1", self.has) + "%"

    def starts(self, total: int) -> dict[str, int]:
        """Return where the pages start that this one links to; there are no others than these."""
        last = max(0, (total - 1) // self.limit * self.limit)
        starts = {"first": 0}
        if self.start > 0:
            starts["prev"] = min(max(0, self.start - self.limit), last)
        if self.start + self.limit < total:
            starts["next"] = self.start + self.limit
        return {**starts, "last": last}

    def query(self, start: int) -> str:
        """Return the query string of the page that starts at `start`."""
        fields: dict[str, object] = {"startwith": start, "limit": self.limit}
        if self.by != "id":
            fields["by"] = self.by
        if not self.asc:
            fields["asc"] = "false"
        if self.has:
            fields["has"] = self.has
        return urlencode(fields)


def read_page(resource: Resource, query: QueryParams) -> Page:
    """Read the page that is asked for; parameters of other names are not ours.

    Raises:
        ApiError: 400, naming the parameter.
    """
    limit = _number(query, "limit", DEFAULT_LIMIT, LARGEST_LIMIT) or LARGEST_LIMIT
    by = query.get("by", "id")
    known = {"id"} | {one.name for one in resource.fields if not one.hidden}
    if by not in known:
        raise bad_request(f"'by' must be one of {', '.join(sorted(known))}", "400-QUERY")
    asc = query.get("asc", "true").lower()
    if asc not in ("true", "false"):
        raise bad_request("'asc' must be true or false", "400-QUERY")
    has = query.get("has", "")
    if len(has) > _LONGEST_TEXT or not has.isprintable():
        raise bad_request(f"'has' must be at most {_LONGEST_TEXT} printable characters", "400-QUERY")
    return Page(_number(query, "startwith", 0, _LARGEST_START), limit, by, asc == "true", has)


def _number(query: QueryParams, name: str, default: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not text.isascii() or int(text) > most:
        raise bad_request(f"'{name}' must be a number from 0 to {most}", "400-QUERY")
    return int(text)
