"""The host's disks, and their way from and to the datacenter's share (platform.md, rows 27 and 39, R14).

A machine's disk is the file of the datastore's folder that bears the machine's UUID, as the agent has it.
Every copy is whole or not there: it is written under another name first.
"""

from __future__ import annotations

import re
import shutil
import uuid
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from labgen_aim.structures import HostError
from labgen_nfs import pieces, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_PASSING = ".part"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Repository(Protocol):
    """What is asked of a share, which is connected already."""

    def size(self, path: str) -> int:
        """Count the bytes of a file."""

    def read(self, path: str) -> Iterator[bytes]:
        """Read a file piece by piece."""

    def write(self, path: str, pieces: Iterator[bytes]) -> int:
        """Write a file, whole or not at all."""


class Disks:
    """The disks of one datastore. Every method raises HostError, in words for who asked the agent."""

    def __init__(self, folder: Path, share: Callable[[], AbstractContextManager[Repository]]) -> None:
        """Keep FOLDER, and SHARE, which connects to the datacenter's share."""
        self._folder, self._share = folder, share

    def clear(self) -> None:
        """Delete what a host that died has left of its copies."""
        for file in self._folder.glob(f".*{_PASSING}"):
            file.unlink(missing_ok=True)

    def path(self, machine: str, store: str | None = None) -> Path:
        """Return where the disk of MACHINE (a UUID) is, or would be, in STORE, a path the host has told."""
        if store is not None and store.rstrip("/") != str(self._folder):
            raise HostError(f"{store!r} is no datastore of this host; {self._folder} is")
        if not _UUID.fullmatch(machine):
            raise HostError(f"{machine!r} is no UUID of a machine")
        return self._folder / machine

    def fetch(self, path: str, store: str, machine: str) -> None:
        """Copy PATH of the share to the disk of MACHINE, in the place of what was there."""
        disk, source = self.path(machine, store), below_the_share(path)
        with _told(f"{source} cannot be copied"), self._share() as share:
            needed, free = share.size(source), shutil.disk_usage(self._folder).free
            if needed > free:
                raise HostError(f"{source} has {needed} bytes, {self._folder} has room for {free}")
            with self._passing(disk) as passing, passing.open("xb") as file:
                for piece in share.read(source):
                    file.write(piece)
                if file.tell() != needed:
                    raise HostError(f"{source}: {file.tell()} bytes of {needed} came")

    def delete(self, store: str, machine: str) -> None:
        """Delete the disk of MACHINE; one that is gone is well."""
        with _told(f"the disk of {machine} cannot be deleted"):
            self.path(machine, store).unlink(missing_ok=True)

    def put(
        self, machine: str, name: str, folder: str, store: str, still: AbstractContextManager[object]
    ) -> None:
        """Copy the disk of MACHINE to the file NAME in FOLDER of the share, in the place of what was there.

        The disk is copied inside the host first, within STILL, which keeps the machine from writing to it
        for that time: the way to the share may be long.
        """
        disk, target = self.path(machine, store), below_the_share(f"{folder}/{name}")
        if not name or "/" in name:
            raise HostError(f"{name!r} is no name of a file")
        with _told(f"the disk of {machine} cannot be copied to {target}"):
            copy = disk.with_name(f".{machine}.{uuid.uuid4().hex[:12]}{_PASSING}")
            try:
                with still:
                    shutil.copyfile(disk, copy)
                with self._share() as share:
                    share.write(target, pieces(copy))
            finally:
                copy.unlink(missing_ok=True)

    def size(self, path: str) -> int:
        """Count the bytes of the disk at PATH, which is in the datastore or relative to it."""
        disk = (self._folder / path).resolve()
        if not disk.is_relative_to(self._folder.resolve()) or not disk.is_file():
            raise HostError(f"there is no disk {path} in {self._folder}")
        return disk.stat().st_size

    @contextmanager
    def _passing(self, disk: Path) -> Iterator[Path]:
        """Give a name to write to; it becomes DISK when all went well, and is deleted otherwise."""
        passing = disk.with_name(f".{disk.name}.{uuid.uuid4().hex[:12]}{_PASSING}")
        try:
            yield passing
            passing.replace(disk)
        finally:
            passing.unlink(missing_ok=True)


def below_the_share(path: str) -> str:
    """Return PATH as it is looked for on the share. Raises HostError when it leads elsewhere."""
    try:
        return safe(path)
    except ValueError as error:
        raise HostError(str(error)) from None


@contextmanager
def _told(trouble: str) -> Iterator[None]:
    """Say what the system or the share refused."""
    try:
        yield
    except OSError as error:
        raise HostError(f"{trouble}: {error.strerror or error}") from error
