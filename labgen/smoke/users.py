"""Users who go on all the time: one reads, one writes; requests are noted, accepted writes remembered."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from labgen.errors import LabgenError
from labgen.smoke.client import Platform, href, patience
from labgen.smoke.machine import lay_ground
from labgen.smoke.model import StepFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from labgen.smoke.client import Address, Document
    from labgen.smoke.machine import Ground

__all__ = ["KINDS", "PATIENCE", "READ", "WRITE", "Attempt", "Users"]

READ, WRITE = "read", "write"
KINDS: Final = (READ, WRITE)
_PACE: Final = 0.25  # seconds from one request of a user to the next, unless it takes longer
#: Seconds that a user waits for an answer.
PATIENCE: Final = 5.0
_CLEARING: Final = 10  # requests at a time that clear away what was written
_PAGE: Final = 500  # entities in an answer, when all that was written is looked for
_LOOK: Final = 60.0  # seconds in which a platform that is well again must say what it has
_START: Final = 60.0  # seconds until the users must have begun
_END: Final = 120.0  # seconds that looking for what was written, and clearing it away, may take
_EACH: Final = 0.2  # seconds more for each


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request of a user, in monotonic seconds; `error` is empty when it was answered as it should be."""

    kind: str
    began: float
    ended: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """What users read, and the collection `shelf` in which they make entities of `kind`."""

    reads: str
    shelf: str
    kind: str
    ground: Ground | None = None


class Users(AbstractContextManager["Users"]):
    """Two users of a lab, in a thread of their own. Raises LabgenError when they cannot even begin."""

    def __init__(
        self, address: Address, site: str | None, platform: Callable[[Address], Platform] = Platform
    ) -> None:
        """Take the place where users come, the site that they write at, and how a session is opened.

        A lab without sites has no place for a virtual appliance: there they write scopes.
        """
        self._address, self._site, self._platform = address, site, platform
        self._thread = threading.Thread(target=self._run, name="users", daemon=True)
        self._begun, self._over = threading.Event(), threading.Event()
        self._fault = ""
        self._attempts: list[Attempt] = []
        self._written: set[str] = set()  # what the platform said it has
        self.lost: tuple[str, ...] = ()
        #: Why it is not known what is lost; empty when it is.
        self.unknown = "not looked for yet"

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._begun.wait(_START) or self._fault:
            self._over.set()
            raise LabgenError(
                f"no user can begin: {self._fault or f'not within {_START:g} s'}",
                "`labgen smoke` shows which step fails.",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def finish(self) -> None:
        """End; see which of the accepted writes are not there (`lost`), and clear the others away."""
        self._over.set()
        self._thread.join(_END + _EACH * self.accepted)

    def since(self, moment: float) -> list[Attempt]:
        """Return the requests that ended after `moment`, in the order in which they ended."""
        return [one for one in list(self._attempts) if one.ended >= moment]

    @property
    def accepted(self) -> int:
        """How many writes the platform said it has."""
        return len(self._written)

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except StepFailed as failure:
            self._fault = self.unknown = failure.message
        finally:
            self._begun.set()

    async def _live(self) -> None:
        async with self._platform(self._address) as platform:
            user = await platform.login()
            name = f"users-{secrets.token_hex(3)}"
            place = await self._place(platform, user, name)

            async def read() -> None:
                await platform.get(place.reads)

            async def write() -> None:
                label = f"{name}-{secrets.token_hex(5)}"
                await platform.post(place.shelf, place.kind, {"name": label})
                self._written.add(label)

            self._begun.set()
            await asyncio.gather(self._again(READ, read), self._again(WRITE, write))
            await self._settle(platform, place.shelf, f"{name}-")
            if place.ground is not None:
                with suppress(StepFailed):
                    await place.ground.clear(platform)

    async def _place(self, platform: Platform, user: Document, name: str) -> _Place:
        if self._site is None:
            return _Place(href(user, "enterprise"), href(user, "scopes"), "scope")
        ground = await lay_ground(platform, user, self._site, name)
        shelf = href(ground.virtual_datacenter, "virtualappliances")
        return _Place(href(ground.virtual_datacenter, "edit"), shelf, "virtualappliance", ground)

    async def _again(self, kind: str, request: Callable[[], Awaitable[None]]) -> None:
        while not self._over.is_set():
            began, error = time.monotonic(), ""
            try:
                async with asyncio.timeout(PATIENCE):
                    await request()
            except StepFailed as failure:
                error = failure.message
            except TimeoutError:
                error = f"no answer within {PATIENCE:g} s"
            ended = time.monotonic()
            self._attempts.append(Attempt(kind, began, ended, error))
            await asyncio.sleep(max(began + _PACE - ended, _PACE / 5))

    @staticmethod
    async def _there(platform: Platform, shelf: str) -> list[Document]:
        """Return all that is there; a platform that refuses is asked again for a while. Raises StepFailed."""
        began = time.monotonic()
        while True:
            try:
                return [one async for one in platform.every(shelf)]
            except StepFailed:
                if time.monotonic() > began + _LOOK:
                    raise
                await patience(began)

    async def _settle(self, platform: Platform, shelf: str, ours: str) -> None:
        """Look for what was accepted, and remove it; names of what was written begin with `ours`."""
        there = await self._there(platform, f"{shelf}?limit={_PAGE}")
        names = {str(one.get("name")) for one in there}
        self.lost, self.unknown = tuple(sorted(self._written - names)), ""
        places = asyncio.Semaphore(_CLEARING)

        async def remove(where: str) -> None:
            async with places:
                with suppress(StepFailed):
                    await platform.delete(where)

        # Not only what was accepted: what was done without an answer is there as well.
        written = [one for one in there if str(one.get("name", "")).startswith(ours)]
        await asyncio.gather(*(remove(href(one, "edit")) for one in written))
