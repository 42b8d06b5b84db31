"""Leases that the API itself writes at DHCP, where a lab has it so: `dhcp-source: api`, row 30-api.

A deploy's request is held back until its machine has a lease, and an undeployment is not over before the
lease is gone: as a virtual factory does it where RS writes them. What is held back is a job that is PENDING
and not sent (`jobs.hold`): the leader that comes next goes on where the last one ended.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import Answer, Machine, Work, load_answer, load_request, now
from labgen_stub.webapps.api.work import answers, jobs
from labgen_stub.wire import Garbled, Misuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labgen_stub.links.database import Row, Session
    from labgen_stub.settings import Neighbour
    from labgen_stub.webapps.api.work.ports import Transactions

log = logging.getLogger(__name__)
# Seconds: between two looks, and until DHCP has not answered for too long.
_LOOK, PATIENCE = 0.25, 60.0
_HELD = "SELECT * FROM job WHERE state = 'PENDING' AND sent = 0 ORDER BY created, id LIMIT 20"


class Leases(Protocol):
    """The DHCP service of a datacenter; both may be done twice, and raise OSError, `Garbled` or `Misuse`."""

    place: Neighbour

    async def add(self, name: str, mac: str, address: str) -> None:
        """Give a network card an address."""

    async def remove(self, name: str) -> None:
        """Take it back."""


class Lessor:
    """Does what held jobs wait for, for as long as it runs: only the leader's does."""

    def __init__(
        self,
        node: str,
        leases: Mapping[str, Leases],
        database: Transactions,
        wake: Callable[[], None],
        patience: float = PATIENCE,
    ) -> None:
        """`leases` are by datacenter; `wake` is called when there may be messages to send."""
        self._node, self._leases, self._database, self._wake = node, dict(leases), database, wake
        self._patience = patience
        # By job, when it was first tried: the loop's time in seconds.
        self._since: dict[str, float] = {}

    async def run(self) -> None:
        """Look for ever; ends by cancellation."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.debug("cannot look for leases", extra={"reason": str(error)})
            await asyncio.sleep(_LOOK)

    async def look(self) -> None:
        """Try every held job once. Raises `Unavailable`."""
        rows = await self._database.all(_HELD)
        held = {str(row["id"]) for row in rows}
        self._since = {job: at for job, at in self._since.items() if job in held}
        for done in await asyncio.gather(*(self._serve(row) for row in rows), return_exceptions=True):
            if isinstance(done, BaseException):
                raise done

    async def _serve(self, row: Row) -> None:
        job, request = str(row["id"]), load_request(row["request"].encode())
        began = self._since.setdefault(job, asyncio.get_running_loop().time())
        leases = self._leases.get(str(row["datacenter"]))
        error, fault = "", self._node
        if leases is None or request.machine is None:
            error = f"{self._node} has no way to the DHCP service of {row['datacenter']}"
        else:
            fault = leases.place.node
            try:
                await _lease(leases, request.work, request.machine)
            except (OSError, Garbled) as trouble:
                if asyncio.get_running_loop().time() - began < self._patience:
                    return
                error = f"{fault}: {str(trouble) or 'no answer in time'}"
            except (Misuse, ValueError) as trouble:
                error = f"{fault}: {trouble}"
        answer = Answer(job, request.task, request.work, self._node, error, fault if error else "", at=now())
        await self._database.transact(lambda session: _go_on(session, job, answer))
        self._wake()


async def _lease(leases: Leases, work: Work, machine: Machine) -> None:
    if work is Work.DEPLOY:
        await leases.add(machine.name, machine.mac, machine.address)
    else:
        await leases.remove(machine.name)


async def _go_on(session: Session, job: str, answer: Answer) -> None:
    """Send the request that was held back, or take the answer that was; `answer` tells of failure."""
    row = await jobs.lock(session, job)
    if row is None or row["state"] != jobs.PENDING or row["sent"]:
        return
    if not answer.error and answer.work is Work.DEPLOY:
        await jobs.send(session, row, leased=True)
        return
    if not answer.error:
        answer = load_answer(row["answer"].encode())
    await answers.take(session, answer, leased=True)
