"""What the leader consumes: each message one transaction, then whoever waits is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub import messages
from labgen_stub.links.errors import Unavailable
from labgen_stub.webapps.api.work import answers, arrivals, sightings, tasks
from labgen_stub.webapps.api.work.leader import Inbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.work.ports import Transactions, Volatile

_ANSWERS = (messages.VIRTUAL_FACTORY_ANSWERS, messages.BPM_ANSWERS, messages.NARS_ANSWERS)


class Notifications:
    """Takes what remote services report."""

    def __init__(self, database: Transactions, store: Volatile, wake: Callable[[], None]) -> None:
        """Keep where state is; `wake` is called when there may be messages to send."""
        self._database, self._store, self._wake = database, store, wake

    def inboxes(self) -> list[Inbox]:
        """Return every queue that the leader consumes."""
        return [
            *(Inbox(place, self.answer) for place in _ANSWERS),
            Inbox(messages.VSM_EVENTS, self.machine),
            Inbox(messages.AM_EVENTS, self.template),
            Inbox(messages.CPP_EVENTS, self.template),
        ]

    async def answer(self, body: bytes) -> None:
        """Take an answer. Raises `BadMessage` or `Unavailable`, as the others."""
        answer = messages.load_answer(body)
        await self._do(lambda session: answers.take(session, answer))

    async def machine(self, body: bytes) -> None:
        """Take what VSM saw."""
        event = messages.load_machine_event(body)

        async def work(session: Session) -> set[str]:
            await sightings.take(session, event)
            return set()

        await self._do(work)

    async def template(self, body: bytes) -> None:
        """Take what AM says."""
        event = messages.load_template_event(body)
        try:
            await self._do(lambda session: arrivals.take(session, event))
        except arrivals.NotYet as error:
            raise Unavailable(f"datacenter {error} is not there yet") from error

    async def _do(self, work: Callable[[Session], Awaitable[set[str]]]) -> None:
        changed = await self._database.transact(work)
        self._wake()
        for task in changed:
            await tasks.show(self._store, self._database, task)
