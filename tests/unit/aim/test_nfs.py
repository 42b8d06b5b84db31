"""The share that copies whole files, on a session with a server in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import labgen_nfs
import pytest
from labgen_nfs import PARTIAL, Share
from labgen_nfs.mount import Entry


class MemoryMount:
    """A session; `breaks` lets the next writing fail."""

    files: dict[str, bytes]
    times: dict[str, int]
    breaks: bool

    def __init__(self, *_: object) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def stat(self, path: str) -> Entry:
        if path in self.files:
            return Entry(path, len(self.files[path]), False, 0)
        if any(name.startswith(f"{path}/") for name in self.files):
            return Entry(path, 0, True, 0)
        raise FileNotFoundError(2, "no such file", path)

    def make_folders(self, path: str) -> None:
        assert not path.startswith("/")

    def listing(self, path: str) -> list[Entry]:
        if MemoryMount.breaks:
            raise OSError(5, "it does not list", path)
        below = (name.removeprefix(f"{path}/") for name in self.files if name.startswith(f"{path}/"))
        return [Entry(name, 1, False, MemoryMount.times.get(name, int(time.time()))) for name in below]

    @contextmanager
    def opened(self, path: str, *, write: bool = False) -> Iterator[str]:
        if write:
            self.files[path] = b""
        yield path

    def read(self, handle: str, offset: int) -> bytes:
        return self.files[handle][offset : offset + 3]

    def write(self, handle: str, offset: int, content: bytes) -> None:
        if MemoryMount.breaks and offset:
            raise OSError(28, "no room", handle)
        assert len(self.files[handle]) == offset
        self.files[handle] += content

    def rename(self, old: str, new: str) -> None:
        self.files[new] = self.files.pop(old)

    def unlink(self, path: str) -> None:
        del self.files[path]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The server's files; every share is connected to it."""
    MemoryMount.files, MemoryMount.times, MemoryMount.breaks = {"1/a.raw": b"as it was"}, {}, False
    monkeypatch.setattr(labgen_nfs, "Mount", MemoryMount)
    return MemoryMount.files


def test_a_file_is_read_to_its_end(files: dict[str, bytes]) -> None:
    with Share("nfs-1") as share:
        assert share.size("1/a.raw") == 9
        assert b"".join(share.read("1/a.raw")) == files["1/a.raw"]


def test_a_file_is_written_in_the_place_of_another(files: dict[str, bytes]) -> None:
    with Share("nfs-1") as share:
        assert share.write("1/a.raw", iter([b"some", b"thing", b" else"])) == 14
        share.write("top", iter([b"x"]))
    assert files == {"1/a.raw": b"something else", "top": b"x"}


def test_who_reads_while_a_file_is_written_has_the_old_one(files: dict[str, bytes]) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        assert files["1/a.raw"] == b"as it was"
        (part,) = (name for name in files if PARTIAL in name)
        assert part.startswith("1/.")

    with Share("nfs-1") as share:
        share.write("1/a.raw", pieces())
    assert files == {"1/a.raw": b"half"}


def test_a_writing_that_fails_leaves_all_as_it_was(files: dict[str, bytes]) -> None:
    MemoryMount.breaks = True
    with Share("nfs-1") as share, pytest.raises(OSError, match="no room"):
        share.write("1/a.raw", iter([b"some", b"thing"]))
    assert files == {"1/a.raw": b"as it was"}


def test_what_a_writer_that_was_killed_left_goes_with_the_next_file(files: dict[str, bytes]) -> None:
    files |= {f"1/{PARTIAL}old": b"half", f"1/{PARTIAL}new": b"half", "1/old.raw": b"whole"}
    MemoryMount.times = {f"{PARTIAL}old": int(time.time()) - 700, "old.raw": 7}
    with Share("nfs-1") as share:
        share.write("1/b.raw", iter([b"x"]))
    assert set(files) == {"1/a.raw", "1/b.raw", "1/old.raw", f"1/{PARTIAL}new"}


def test_a_folder_has_no_size(files: dict[str, bytes]) -> None:
    assert files
    with Share("nfs-1") as share, pytest.raises(IsADirectoryError):
        share.size("1")


def test_only_one_that_is_connected_can_be_asked(files: dict[str, bytes]) -> None:
    assert files
    share = Share("nfs-1")
    with pytest.raises(OSError, match="not connected"):
        share.size("1/a.raw")
    with share:
        pass
    with pytest.raises(OSError, match="not connected"):
        share.size("1/a.raw")
