"""Reads the platform's event stream: Server-Sent Events from M (platform.md 2.4)."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

from labgen.smoke.model import StepFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from labgen.smoke.client import Platform

__all__ = ["Stream", "listening"]

_PATH = "/m/stream"
_CONNECT = 10.0


class Stream:
    """The events that came since it was opened; whoever waits is told of each."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.complaint = ""
        self._changed = asyncio.Condition()

    async def wait(
        self, wanted: Callable[[dict[str, Any]], bool], seconds: float, what: str
    ) -> dict[str, Any]:
        """Return the first event that is `wanted`, old or new. Raises StepFailed when none comes in time."""
        seen = 0
        try:
            async with asyncio.timeout(seconds), self._changed:
                while True:
                    for event in self.events[seen:]:
                        if wanted(event):
                            return event
                    seen = len(self.events)
                    if self.complaint:
                        raise StepFailed(f"the event stream ended: {self.complaint}")
                    await self._changed.wait()
        except TimeoutError:
            raise StepFailed(
                f"no event of {what} within {seconds:g} s; {len(self.events)} other events came"
            ) from None

    async def take(self, line: str) -> None:
        """Take one line of the stream; a `data:` line is one event, as M sends them."""
        if line.startswith("data:"):
            try:
                event = json.loads(line.removeprefix("data:"))
            except ValueError:
                event = None
            if isinstance(event, dict):
                async with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()

    async def end(self, complaint: str) -> None:
        """Tell whoever waits that no more will come."""
        async with self._changed:
            self.complaint = complaint
            self._changed.notify_all()


@asynccontextmanager
async def listening(
    platform: Platform, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[Stream]:
    """Open the stream as the platform's user; it is open when the block begins. Raises StepFailed."""
    stream, opened = Stream(), asyncio.Event()
    # Whether it has been open: one that ended since is told to whoever waits for an event.
    was_open = False
    address = platform.address

    async def read() -> None:
        nonlocal was_open
        try:
            timeout = httpx.Timeout(_CONNECT, read=None)
            async with (
                httpx.AsyncClient(
                    base_url=address.base,
                    verify=address.tls() if transport is None else True,
                    timeout=timeout,
                    transport=transport,
                    trust_env=False,
                ) as http,
                http.stream("GET", _PATH, headers=platform.authorization) as answer,
            ):
                if answer.status_code != HTTPStatus.OK:
                    await stream.end(
                        f"GET {_PATH} is answered by {answer.status_code} {answer.reason_phrase}"
                    )
                    return
                was_open = True
                opened.set()
                async for line in answer.aiter_lines():
                    await stream.take(line)
                await stream.end("closed by the server")
        except httpx.HTTPError as error:
            await stream.end(str(error) or type(error).__name__)
        finally:
            opened.set()

    reading = asyncio.create_task(read())
    try:
        try:
            await asyncio.wait_for(opened.wait(), _CONNECT)
        except TimeoutError:
            raise StepFailed(f"GET {_PATH}: no answer within {_CONNECT:g} s") from None
        if not was_open:
            raise StepFailed(stream.complaint)
        yield stream
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
