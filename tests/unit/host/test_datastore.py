"""The host's disks, with a share in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest
from labgen_aim.structures import HostError
from labgen_host.datastore import Disks
from labgen_nfs import safe

_UUID = "00000000-0000-4000-8000-00000000000a"


class MemoryShare:
    """A share that is a dictionary."""

    def __init__(self, **files: bytes) -> None:
        self.files = dict(files)
        self.short = False

    @contextmanager
    def connected(self) -> Iterator[MemoryShare]:
        yield self

    def size(self, path: str) -> int:
        if path not in self.files:
            raise FileNotFoundError(2, "no such file", path)
        return len(self.files[path])

    def read(self, path: str) -> Iterator[bytes]:
        yield self.files[path][:2]
        if self.short:
            raise OSError(5, "the connection ended", path)
        yield self.files[path][2:]

    def write(self, path: str, pieces: Iterator[bytes]) -> int:
        self.files[path] = b"".join(pieces)
        return len(self.files[path])


@pytest.fixture
def share() -> MemoryShare:
    return MemoryShare(template=b"template")


@pytest.fixture
def disks(tmp_path: Path, share: MemoryShare) -> Disks:
    return Disks(tmp_path, share.connected)


def test_a_template_becomes_a_disk_as_often_as_asked(
    disks: Disks, tmp_path: Path, share: MemoryShare
) -> None:
    disks.fetch("template", str(tmp_path), _UUID)
    share.files["template"] = b"another"
    disks.fetch("/template", f"{tmp_path}/", _UUID)
    assert (tmp_path / _UUID).read_bytes() == b"another"
    assert [one.name for one in tmp_path.iterdir()] == [_UUID], "nothing in passing is left"


@pytest.mark.parametrize(
    ("fault", "words"), [("gone", "nothing cannot be copied: no such file"), ("short", "connection ended")]
)
def test_a_copy_that_fails_leaves_the_disk_as_it_was(
    disks: Disks, tmp_path: Path, share: MemoryShare, fault: str, words: str
) -> None:
    (tmp_path / _UUID).write_bytes(b"before")
    share.short = fault == "short"
    with pytest.raises(HostError, match=words):
        disks.fetch("nothing" if fault == "gone" else "template", str(tmp_path), _UUID)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {_UUID: b"before"}


def test_a_template_without_room_is_refused(
    disks: Disks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 7

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    with pytest.raises(HostError, match=rf"^template has 8 bytes, {tmp_path} has room for 7$"):
        disks.fetch("template", str(tmp_path), _UUID)


def test_a_disk_is_deleted_as_often_as_asked(disks: Disks, tmp_path: Path) -> None:
    (tmp_path / _UUID).write_bytes(b"x")
    for _ in range(2):
        disks.delete(str(tmp_path), _UUID)
    assert not list(tmp_path.iterdir())


def test_a_snapshot_is_taken_while_the_machine_is_still_and_sent_when_it_goes_on(
    disks: Disks, tmp_path: Path, share: MemoryShare
) -> None:
    (tmp_path / _UUID).write_bytes(b"still")

    @contextmanager
    def still() -> Iterator[None]:
        yield
        (tmp_path / _UUID).write_bytes(b"moves")

    for _ in range(2):
        (tmp_path / _UUID).write_bytes(b"still")
        disks.put(_UUID, "a.raw", "1/snapshots", str(tmp_path), still())
    assert share.files["1/snapshots/a.raw"] == b"still"
    assert [one.name for one in tmp_path.iterdir()] == [_UUID]


def test_a_snapshot_of_nothing_is_refused(disks: Disks, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=f"^the disk of {_UUID} cannot be copied to a: No such file"):
        disks.put(_UUID, "a", "", str(tmp_path), nullcontext())


@pytest.mark.parametrize("path", ["", "/", "..", "../x", "a/../../x", "a/..", "a\0b", "a\nb"])
def test_a_path_out_of_the_share_is_refused(disks: Disks, tmp_path: Path, path: str) -> None:
    words = "is no path of a file below the share's root$"
    with pytest.raises(HostError, match=words):
        disks.fetch(path, str(tmp_path), _UUID)
    (tmp_path / _UUID).touch()
    folder, _, name = path.rpartition("/")
    with pytest.raises(HostError, match=f"{words}|is no name of a file$"):
        disks.put(_UUID, name, folder, str(tmp_path), nullcontext())


@pytest.mark.parametrize("machine", ["", "vm-1.img", f"../{_UUID}", ".config", f"{_UUID}/x", f"{{{_UUID}}}"])
def test_what_is_no_machine_has_no_disk(disks: Disks, tmp_path: Path, machine: str) -> None:
    for call in deeds(disks, str(tmp_path), machine):
        with pytest.raises(HostError, match=r"is no UUID of a machine$"):
            call()


@pytest.mark.parametrize("store", ["", "/", "/etc", "{folder}/.."])
def test_another_folder_is_no_datastore(disks: Disks, tmp_path: Path, store: str) -> None:
    for call in deeds(disks, store.format(folder=tmp_path), _UUID):
        with pytest.raises(HostError, match=rf"is no datastore of this host; {tmp_path} is$"):
            call()


def deeds(disks: Disks, store: str, machine: str) -> list[Callable[[], None]]:
    still: AbstractContextManager[object] = nullcontext()
    return [
        lambda: disks.fetch("template", store, machine),
        lambda: disks.delete(store, machine),
        lambda: disks.put(machine, "a", "b", store, still),
    ]


def test_the_size_of_a_disk(disks: Disks, tmp_path: Path) -> None:
    (tmp_path / _UUID).write_bytes(b"123")
    assert disks.size(_UUID) == disks.size(f"{tmp_path}/{_UUID}") == 3
    for other in ("/etc/passwd", "../x", "nothing", "."):
        with pytest.raises(HostError, match=f"^there is no disk {other} in {tmp_path}$"):
            disks.size(other)


def test_what_a_dead_host_left_is_cleared(disks: Disks, tmp_path: Path) -> None:
    for name in (_UUID, f".{_UUID}.0123.part", "vm-1.img"):
        (tmp_path / name).touch()
    disks.clear()
    assert {one.name for one in tmp_path.iterdir()} == {_UUID, "vm-1.img"}


def test_a_path_of_the_share_is_relative() -> None:
    assert safe("/1//tiny/./a b.vmdk") == "1/tiny/a b.vmdk"
