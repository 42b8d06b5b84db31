"""Leader election in ZooKeeper, visible to Curator's participants as one of their own (platform.md 2.6).

Curator's LeaderSelector is a lock: each participant makes an ephemeral sequential node
`_c_<uuid>-lock-<number>` whose data is its id, and the lowest number leads. Here the same nodes are made;
a participant watches only the one before it, as Curator's do.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from labgen_stub.links.retry import forever

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)
SESSION_TIMEOUT = 15.0
_STEP_TIMEOUT = 5.0
_LOCK = "-lock-"


def order(children: list[str]) -> list[str]:
    """Return the participants by age: sorted by the sequence number behind `-lock-`; others are left out."""
    return sorted((one for one in children if _LOCK in one), key=lambda one: one.rsplit(_LOCK, 1)[1])


class Election:
    """Takes part in one election until the process ends."""

    def __init__(self, hosts: str, path: str, participant: str) -> None:
        self._hosts, self._path, self._id = hosts, path, participant
        self._client: Any = None
        self._loop = asyncio.get_running_loop()
        self._changed, self._connected = asyncio.Event(), asyncio.Event()
        self._prefix = ""
        self._turned = asyncio.Event()
        self.leader = False

    def move(self, hosts: str) -> None:
        """Ask these servers from now on; the session stays, if it is with one of them."""
        if hosts != self._hosts:
            self._hosts = hosts
            if self._client is not None:
                self._client.set_hosts(hosts)

    async def run(self) -> None:
        """Join, and join again whenever the session is lost. Ends by cancellation and leaves at once."""
        kazoo = import_module("kazoo.client")
        patient = kazoo.KazooRetry(max_tries=-1, delay=0.2, backoff=1.7, max_delay=1.0)
        client = kazoo.KazooClient(hosts=self._hosts, timeout=SESSION_TIMEOUT, connection_retry=patient)
        client.add_listener(self._on_state)
        self._client = client
        client.start_async()
        try:
            await forever("ZooKeeper", self._follow)
        finally:
            self._lead(leader=False)
            # Ending the session removes our node: the next in line need not wait for its expiry.
            with suppress(Exception):
                await asyncio.wait_for(asyncio.to_thread(_leave, client), 2)

    async def ping(self) -> str:
        """Ask the session for the root node; waits for a session as long as the caller lets it."""
        await self._connected.wait()
        await self._call(self._client.exists_async, "/")
        return f"session {self._client.client_id[0]:#x}, {'leader' if self.leader else 'follower'}"

    async def until(self, *, leader: bool) -> None:
        """Return as soon as this participant leads, or no longer does; at once if it is so."""
        while self.leader != leader:
            await self._turned.wait()

    async def _follow(self) -> None:
        """React to every change until something fails."""
        while True:
            # kazoo connects by itself, for ever, and tells the listener.
            await self._connected.wait()
            async with asyncio.timeout(_STEP_TIMEOUT):
                await self._step()
            await self._changed.wait()

    async def _step(self) -> None:
        """Bring our place in line up to date; safe to repeat at any moment."""
        self._changed.clear()
        client = self._client
        await self._call(client.ensure_path_async, self._path)
        line = order(await self._call(client.get_children_async, self._path))
        own = next((one for one in line if self._prefix and one.startswith(self._prefix)), None)
        if own is not None and not await self._is_ours(own):
            own = None
        if own is None:
            self._prefix = f"_c_{uuid.uuid4()}"
            await self._call(
                client.create_async,
                f"{self._path}/{self._prefix}{_LOCK}",
                self._id.encode(),
                ephemeral=True,
                sequence=True,
            )
            self._changed.set()
            return
        place = line.index(own)
        if place == 0:
            # Watched too: whoever deletes our node (an operator, say) deposes us.
            self._lead(leader=await self._watch(own))
        else:
            self._lead(leader=False)
            if not await self._watch(line[place - 1]):
                self._changed.set()

    async def _is_ours(self, name: str) -> bool:
        """Tell a node of an earlier session that ZooKeeper has not expired yet by False."""
        stat = await self._call(self._client.exists_async, f"{self._path}/{name}")
        return stat is not None and stat.ephemeralOwner == self._client.client_id[0]

    async def _watch(self, name: str) -> bool:
        stat = await self._call(
            self._client.exists_async, f"{self._path}/{name}", watch=lambda _: self._wake()
        )
        return stat is not None

    def _lead(self, *, leader: bool) -> None:
        if leader != self.leader:
            self.leader = leader
            # Who waits is woken once; who comes later waits for the next turn.
            self._turned.set()
            self._turned = asyncio.Event()
            log.info("leader" if leader else "no longer leader", extra={"path": self._path})

    def _wake(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop may have ended
            self._loop.call_soon_threadsafe(self._changed.set)

    def _on_state(self, state: str) -> None:
        """Pass a change of the session on, from a thread of kazoo to the loop."""
        with suppress(RuntimeError):  # the loop may have ended
            self._loop.call_soon_threadsafe(self._session, state == "CONNECTED")

    def _session(self, connected: bool) -> None:
        """Without a sure session nobody may act as leader."""
        if connected:
            self._connected.set()
        else:
            self._connected.clear()
            self._lead(leader=False)
        self._changed.set()

    async def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Await one of kazoo's asynchronous calls."""
        done: asyncio.Future[Any] = self._loop.create_future()

        def settle(result: Any) -> None:
            if done.done():
                return
            if result.exception is not None:
                done.set_exception(result.exception)
            else:
                done.set_result(result.value)

        def linked(result: Any) -> None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(settle, result)

        function(*args, **options).rawlink(linked)
        return await done


def _leave(client: Any) -> None:
    client.stop()
    client.close()
