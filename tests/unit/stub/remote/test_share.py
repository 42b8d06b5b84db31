"""The share from asyncio's side: sessions are kept, renewed, and never in the hands of two."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from labgen_nfs.mount import Entry
from labgen_stub.links import share as module
from labgen_stub.links.share import Share
from labgen_stub.settings import Neighbour

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio


class FakeMount:
    """A session with a server in memory, which may be restarted under it."""

    made: list[FakeMount]
    files: dict[str, bytes]
    generation: int

    def __init__(self, *_: object) -> None:
        self.closed = False
        self._born = FakeMount.generation
        self._busy = threading.Lock()
        FakeMount.made.append(self)

    @contextmanager
    def _used(self) -> Iterator[None]:
        assert self._busy.acquire(blocking=False), "two threads at once"
        try:
            assert not self.closed
            if self._born != FakeMount.generation:
                raise ConnectionResetError(104, "the server was restarted")
            yield
        finally:
            self._busy.release()

    def close(self) -> None:
        self.closed = True

    def stat(self, path: str) -> Entry:
        with self._used():
            if path not in self.files:
                raise FileNotFoundError(2, "no such file", path)
            return Entry(path, len(self.files[path]), False, 0)

    @contextmanager
    def opened(self, path: str, *, write: bool = False) -> Iterator[Any]:
        with self._used():
            if write:
                self.files[path] = b""
            yield path

    def read(self, handle: Any, offset: int, count: int = 7) -> bytes:
        return self.files[handle][offset : offset + count]

    def write(self, handle: Any, offset: int, content: bytes) -> None:
        assert offset == len(self.files[handle])
        self.files[handle] += content

    def make_folders(self, path: str) -> None:
        with self._used():
            assert not path.startswith("/")

    def listing(self, path: str) -> list[Entry]:
        with self._used():
            raise FileNotFoundError(2, "no such folder", path)

    def rename(self, old: str, new: str) -> None:
        with self._used():
            if old not in self.files:
                raise FileNotFoundError(2, "no such file", old)
            self.files[new] = self.files.pop(old)

    def unlink(self, path: str) -> None:
        with self._used():
            del self.files[path]


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> Share:
    FakeMount.made, FakeMount.files, FakeMount.generation = [], {"1/a/a.raw": b"0123456789" * 3}, 0
    monkeypatch.setattr(module, "Mount", FakeMount)
    monkeypatch.setattr(module, "CHUNK", 7)
    return Share(Neighbour("25", "nfs", "dc1-nfs-1", "nfs", 2049))


async def test_a_session_is_kept(share: Share) -> None:
    for _ in range(5):
        assert await share.size("1/a/a.raw") == 30
    with pytest.raises(FileNotFoundError):
        await share.size("1/b/b.raw")
    assert await share.size("1/a/a.raw") == 30
    assert len(FakeMount.made) == 1


async def test_a_session_that_ended_is_replaced_and_nobody_notices(share: Share) -> None:
    assert await share.size("1/a/a.raw") == 30
    FakeMount.generation += 1
    assert await share.size("1/a/a.raw") == 30
    assert [one.closed for one in FakeMount.made] == [True, False]


async def test_a_session_that_was_idle_for_long_is_not_used(
    share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await share.size("1/a/a.raw") == 30
    monkeypatch.setattr(module, "_IDLE", 0.0)
    assert await share.size("1/a/a.raw") == 30
    assert len(FakeMount.made) == 2


async def test_files_come_and_go_whole(share: Share, tmp_path: Path) -> None:
    local = tmp_path / "local"
    assert await share.read_to("1/a/a.raw", local) == 30
    assert await share.write_from(local, "1/b/b.raw") == 30
    assert FakeMount.files["1/b/b.raw"] == FakeMount.files["1/a/a.raw"]
    assert b"".join([chunk async for chunk in share.read("1/b/b.raw")]) == FakeMount.files["1/b/b.raw"]
    assert len(FakeMount.files) == 2, "nothing half written is left"


async def test_what_breaks_off_leaves_nothing(share: Share) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError("the sender is gone")

    with pytest.raises(ValueError, match="the sender is gone"):
        async with share.writing("1/a/a.raw") as part:
            await share.append(part, content())
    assert FakeMount.files == {"1/a/a.raw": b"0123456789" * 3}


async def test_a_rename_whose_answer_was_lost_is_done(share: Share, monkeypatch: pytest.MonkeyPatch) -> None:
    async def twice(old: str, new: str) -> None:
        FakeMount.files[new] = FakeMount.files.pop(old)
        raise FileNotFoundError(2, "asked again", old)

    async def content() -> AsyncIterator[bytes]:
        yield b"whole"

    monkeypatch.setattr(share, "rename", twice)
    async with share.writing("1/c/c.raw") as part:
        await share.append(part, content())
    assert FakeMount.files["1/c/c.raw"] == b"whole"
