"""A datacenter's template repository over NFS (platform.md 2.9, rows 25 and 26), for an asyncio server.

libnfs blocks, so it works in threads of its own; a session is kept for a while, because to begin one costs
more than most questions. Paths are relative to the share's root, with no leading slash.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from labgen_nfs import EXPORT, begin
from labgen_nfs.mount import CHUNK, Mount

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from labgen_nfs.mount import Entry, Space

    from labgen_stub.settings import Neighbour

T = TypeVar("T")
# As many questions at once; who comes later waits.
_SESSIONS = 4
# A server forgets an idle client's state after some 90 s; a session is not used when it may be near that.
_IDLE = 20.0
_TIMEOUT = 5.0


class Share:
    """One export. Every method raises OSError, with the server's own number where it answered."""

    def __init__(self, place: Neighbour, export: str = EXPORT) -> None:
        self.place, self._export = place, export
        self._idle: list[tuple[Mount, float]] = []
        self._sessions = asyncio.Semaphore(_SESSIONS)
        # Apart from the others: an upload takes as long as its sender likes.
        self._writers = asyncio.Semaphore(_SESSIONS)
        self._threads = ThreadPoolExecutor(_SESSIONS, "nfs")

    async def ask(self, question: Callable[[Mount], T]) -> T:
        """Do something with a session, in a thread.

        A session that was kept may have ended meanwhile: a failure on one is asked once more on a new one.
        """
        async with self._sessions:
            kept = self._kept()
            if kept is not None:
                try:
                    return await self._with(kept, question)
                except OSError as error:
                    if isinstance(error, (FileNotFoundError, FileExistsError)):
                        raise
            return await self._with(await self._thread(self._mount), question)

    async def _with(self, mount: Mount, question: Callable[[Mount], T]) -> T:
        def work() -> T:
            try:
                answer = question(mount)
            except (FileNotFoundError, FileExistsError):
                self._idle.append((mount, time.monotonic()))
                raise
            except BaseException:
                mount.close()
                raise
            self._idle.append((mount, time.monotonic()))
            return answer

        return await self._thread(work)

    async def _thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _mount(self) -> Mount:
        return Mount(self.place.node, self.place.port, self._export, _TIMEOUT)

    def _kept(self) -> Mount | None:
        """Take a kept session, and end those that are too old."""
        now = time.monotonic()
        while self._idle:
            mount, since = self._idle.pop()
            if now - since < _IDLE:
                return mount
            self._threads.submit(mount.close)
        return None

    async def size(self, path: str) -> int:
        """Return the bytes of a file. Raises FileNotFoundError."""
        return (await self.stat(path)).size

    async def stat(self, path: str) -> Entry:
        """Describe a file or folder. Raises FileNotFoundError."""
        return await self.ask(lambda mount: mount.stat(path))

    async def listing(self, path: str) -> list[Entry]:
        """List a folder. Raises FileNotFoundError."""
        return await self.ask(lambda mount: mount.listing(path))

    async def space(self) -> Space:
        """Tell how large the share is and what is free of it."""
        return await self.ask(lambda mount: mount.space())

    async def make_folders(self, path: str) -> None:
        """Have a folder and all above it."""
        await self.ask(lambda mount: mount.make_folders(path))

    async def begin(self, folder: str) -> str:
        """Have a folder; return the name under which a new file of it is written."""
        return await self.ask(lambda mount: begin(mount, folder))

    async def rename(self, old: str, new: str) -> None:
        """Move a file within the share."""
        await self.ask(lambda mount: mount.rename(old, new))

    async def unlink(self, path: str) -> None:
        """Delete a file; that there is none is well. The template's own folder goes too when it is empty."""

        def work(mount: Mount) -> None:
            with suppress(FileNotFoundError):
                mount.unlink(path)
            folder = path.rpartition("/")[0]
            # Not the enterprise's: somebody may be about to write into it.
            if "/" in folder:
                with suppress(OSError):
                    mount.rmdir(folder)

        await self.ask(work)

    async def read_to(self, path: str, local: Path) -> int:
        """Copy a file of the share to this server; return its bytes."""

        def work(mount: Mount) -> int:
            done = 0
            with mount.opened(path) as handle, local.open("wb") as file:
                while chunk := mount.read(handle, done):
                    file.write(chunk)
                    done += len(chunk)
            return done

        return await self.ask(work)

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """Yield a file's content, a part at a time; each part is a question of its own."""
        size, done = await self.size(path), 0

        def look(mount: Mount, at: int) -> bytes:
            with mount.opened(path) as handle:
                return mount.read(handle, at, min(CHUNK, size - at))

        while done < size:
            if not (chunk := await self.ask(partial(look, at=done))):
                raise OSError(f"{path} became shorter while it was read")
            done += len(chunk)
            yield chunk

    async def write_from(self, local: Path, path: str) -> int:
        """Copy a file of this server to the share, whole or not at all; return its bytes."""

        async def content() -> AsyncIterator[bytes]:
            with local.open("rb") as file:
                while chunk := await self._thread(partial(file.read, CHUNK)):
                    yield chunk

        async with self.writing(path) as part:
            return await self.append(part, content())

    async def content(self, path: str, most: int) -> bytes:
        """Return a small file whole, at most `most` bytes of it. Raises FileNotFoundError."""

        def work(mount: Mount) -> bytes:
            with mount.opened(path) as handle:
                return mount.read(handle, 0, most)

        return await self.ask(work)

    @asynccontextmanager
    async def writing(self, path: str) -> AsyncIterator[str]:
        """Give the name to write under; the file gets its own name at the end, or is deleted on a failure."""
        folder = path.rpartition("/")[0]
        part = await self.begin(folder)
        try:
            yield part
            await self._named(part, path)
        except BaseException:
            with suppress(OSError):
                await asyncio.shield(self.ask(lambda mount: mount.unlink(part)))
            raise

    async def _named(self, part: str, path: str) -> None:
        try:
            await self.rename(part, path)
        except FileNotFoundError:
            # Asked twice because the first answer was lost.
            await self.stat(path)

    async def append(self, path: str, content: AsyncIterator[bytes]) -> int:
        """Write a file anew from its parts as they come; return its bytes."""
        done = 0
        async with self._writers:
            mount = await self._thread(self._mount)
            try:
                file = mount.opened(path, write=True)
                handle = await self._thread(file.__enter__)
                try:
                    async for chunk in content:
                        await self._thread(partial(mount.write, handle, done, chunk))
                        done += len(chunk)
                finally:
                    await self._thread(partial(file.__exit__, None, None, None))
            finally:
                await self._thread(mount.close)
        return done
