"""A machine's instance at the provider: which one it is, and having it in a state."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from labgen_stub.links.errors import Unavailable
from labgen_stub.webapps.remote.backends import Refused
from labgen_stub.wire import Garbled, ec2
from labgen_stub.wire.ec2_model import LIVE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from labgen_stub.messages import Machine
    from labgen_stub.settings import Neighbour
    from labgen_stub.webapps.remote.journal import Journal
    from labgen_stub.wire.ec2_client import Provider
    from labgen_stub.wire.ec2_model import Image, Instance, InstanceType

T = TypeVar("T")
# Tags. The provider's console shows `Name`.
UUID, NAME, LABEL, JOB, RESTART = "abiquo-uuid", "abiquo-name", "Name", "abiquo-job", "abiquo-restart"
_ENDED = ("shutting-down", "terminated")
_PAUSE = 0.25
# What the name of an image may consist of, and how long it may be, says the provider.
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9()\[\] ./'@_-]")
_LONGEST_NAME = 128


class Instances:
    """The provider's instances, as steps of a journal. Failures are those of `backends.Backend`."""

    def __init__(self, provider: Provider, neighbour: Neighbour, patience: float) -> None:
        """`patience`: seconds for an instance to reach the state that was asked for."""
        self._provider, self._at, self._patience = provider, neighbour, patience

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell the provider's refusals and nonsense as a backend does."""
        try:
            yield
        except ec2.Refused as error:
            raise Refused(f"{self._at.node}: {error}", self._at.node) from error
        except Garbled as error:
            raise Unavailable(f"{self._at.node}: {error}") from error

    @contextmanager
    def step(self, name: str, journal: Journal) -> Iterator[None]:
        """Enclose one question to the provider."""
        with journal.step(name, self._at), self.told():
            yield

    async def find(self, machine: Machine, journal: Journal) -> Instance | None:
        """Return the machine's instance, wherever the request that made it came from."""
        with self.step("look for the instance", journal):
            found = await self._provider.instances({f"tag:{UUID}": machine.uuid}, (*LIVE, "shutting-down"))
        # One that ends is of interest only where there is no other.
        return min(found, key=lambda one: (one.state in _ENDED, one.id), default=None)

    async def needed(self, machine: Machine, journal: Journal) -> Instance:
        """Return the machine's instance. Raises `Refused` when there is none that could be worked on."""
        found = await self.find(machine, journal)
        if found is None or found.state in _ENDED:
            raise Refused(f"{self._at.node} has no instance of {machine.label}", self._at.node)
        return found

    async def on(self, found: Instance, journal: Journal) -> Instance:
        """Have it running."""
        if found.state == "stopping":
            found = await self.until(found, "stopped", journal)
        if found.state == "stopped":
            with self.step("start the instance", journal):
                await self._provider.start(found.id)
        return await self.until(found, "running", journal)

    async def off(self, found: Instance, journal: Journal) -> Instance:
        """Have it stopped."""
        if found.state == "pending":
            found = await self.until(found, "running", journal)
        if found.state == "running":
            with self.step("stop the instance", journal):
                await self._provider.stop(found.id)
        return await self.until(found, "stopped", journal)

    async def gone(self, found: Instance, journal: Journal) -> None:
        """Have it ended for good."""
        if found.state not in _ENDED:
            with self.step("terminate the instance", journal):
                try:
                    await self._provider.terminate(found.id)
                except ec2.Refused as error:
                    if error.code != "InvalidInstanceID.NotFound":
                        raise
        await self.until(found, "terminated", journal)

    async def until(self, found: Instance, wanted: str, journal: Journal) -> Instance:
        """Wait for a state; one that the provider does not list any more is terminated."""

        async def look() -> Instance | None:
            seen = await self._provider.instances({"instance-id": found.id}, (*LIVE, *_ENDED))
            if seen and seen[0].state in _ENDED and wanted != "terminated":
                raise Refused(f"{found.id} is {seen[0].state}: {seen[0].reason}", self._at.node)
            if not seen:
                return found if wanted == "terminated" else None
            return seen[0] if seen[0].state == wanted else None

        with self.step(f"wait until it is {wanted}", journal):
            return await self._patiently(look, f"{found.id} is not {wanted}")

    async def available(self, image: str, journal: Journal) -> Image:
        """Wait until an image can be used. Raises `Refused` when it never will."""

        async def look() -> Image | None:
            seen = await self._provider.image(image)
            if seen.state in ("failed", "invalid", "error"):
                raise Refused(f"{image} is {seen.state}", self._at.node)
            return seen if seen.state == "available" else None

        with self.step("wait for the image", journal):
            return await self._patiently(look, f"{image} is not available")

    async def _patiently(self, look: Callable[[], Awaitable[T | None]], complaint: str) -> T:
        limit = asyncio.timeout(self._patience)
        try:
            async with limit:
                while True:
                    if (seen := await look()) is not None:
                        return seen
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimeoutError(f"{complaint} after {self._patience:g} s") from None


def smallest(types: Sequence[InstanceType], machine: Machine, architecture: str) -> InstanceType:
    """Return the type with the least memory, then processors, that has what the machine needs.

    Of equals the burstable one is taken, being the cheaper. Raises `Refused` when there is none.
    """
    fitting = [
        one
        for one in types
        if one.cpu >= machine.cpu and one.ram >= machine.ram and architecture in one.architectures
    ]
    if not fitting:
        raise Refused(
            f"no instance type has {machine.cpu} processors and {machine.ram} MiB for {architecture}"
        )
    return min(fitting, key=lambda one: (one.ram, one.cpu, not one.burstable, one.name))


def image_name(wanted: str, job: str) -> str:
    """Return a name that the provider takes, and that no image of another job has."""
    ending = f" {job[:13]}"
    return _NOT_IN_A_NAME.sub("-", wanted)[: _LONGEST_NAME - len(ending)] + ending
