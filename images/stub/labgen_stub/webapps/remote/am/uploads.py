"""What a client sends, a part at a time: nothing is ever held in memory as a whole (W13's page)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from labgen_stub.webapps.remote.am.templates import bad

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

INFO, FILE = "diskInfo", "diskFile"
_LARGEST_INFO = 64 << 10


@dataclass(slots=True)
class Upload:
    """A disk as it comes, and what is said of it; `info` is complete once `content` has ended."""

    content: AsyncIterator[bytes]
    info: dict[str, Any] = field(default_factory=dict)


def upload(request: Request) -> Upload:
    """Take a request apart: `multipart/form-data` with `diskInfo` (JSON) and `diskFile`, or the disk itself.

    A bare disk (any other media type) is described by the query, in the same names.

    Raises:
        ApiError: 400, also while the content is read.
    """
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != "multipart/form-data":
        return Upload(request.stream(), dict(request.query_params))
    boundary = next(
        (
            value.strip().strip('"')
            for name, _, value in (part.strip().partition("=") for part in rest.split(";"))
            if name.lower() == "boundary"
        ),
        "",
    )
    if not boundary:
        raise bad("multipart/form-data without a boundary")
    taken = Upload(request.stream())
    taken.content = _Form(boundary, taken).parts(request.stream())
    return taken


class _Form:
    """Reads a form as it comes."""

    def __init__(self, boundary: str, taken: Upload) -> None:
        multipart = import_module("python_multipart.multipart")
        self._error: type[Exception] = import_module("python_multipart.exceptions").ParseError
        self._taken, self._name, self._info = taken, "", bytearray()
        self._header, self._value, self._out = bytearray(), bytearray(), list[bytes]()
        self._options = multipart.parse_options_header
        self._seen: set[str] = set()
        self._ended = False
        self._parser = multipart.MultipartParser(
            boundary.encode(),
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._headed,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._name = ""

    def _headed(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            _, options = self._options(bytes(self._value))
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
            if self._name in self._seen:
                raise bad(f"{self._name} is there twice")
            self._seen.add(self._name)
        self._header.clear()
        self._value.clear()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE:
            self._out.append(data[start:end])
        elif self._name == INFO:
            self._info += data[start:end]
            if len(self._info) > _LARGEST_INFO:
                raise bad("diskInfo is too large")

    def _end(self) -> None:
        self._ended = True

    async def parts(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the disk; then what is said of it is known."""
        try:
            async for chunk in stream:
                if chunk:
                    self._parser.write(chunk)
                if self._out:
                    yield b"".join(self._out)
                    self._out.clear()
        except self._error as error:
            raise bad(f"malformed multipart/form-data: {error}") from error
        if not self._ended:
            raise bad("multipart/form-data ends too early")
        if not {INFO, FILE} <= self._seen:
            raise bad(f"multipart/form-data needs {INFO} and {FILE}")
        try:
            info = json.loads(bytes(self._info))
        except ValueError as error:
            raise bad(f"{INFO} is no JSON") from error
        if not isinstance(info, dict):
            raise bad(f"{INFO} is no JSON object")
        self._taken.info.update(info)
