"""BPM converts templates (V2V; platform.md 2.1): from the share, by qemu-img, to the share.

One conversion at a time: each has the whole of the node's room for it, which is memory and bounded.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from labgen_stub import messages
from labgen_stub.links.share import Share
from labgen_stub.messages import QEMU_FORMATS, BadMessage, Disk, Work, disk
from labgen_stub.node import Node, WebApp
from labgen_stub.webapps.remote import consumer_of, qemu_img, unable
from labgen_stub.webapps.remote.attempts import Patience
from labgen_stub.webapps.remote.backends import Refused
from labgen_stub.webapps.remote.qemu_img import Unreadable

if TYPE_CHECKING:
    from labgen_stub.messages import Request
    from labgen_stub.settings import Neighbour
    from labgen_stub.webapps.remote.journal import Journal

# In the template of the role: a tmpfs of its own.
_ROOM = Path("/var/lib/convert")
PATIENCE = 300.0
# Of the room, some is left to the server itself.
_SPARE = 4 << 20
_MIB = 1 << 20


class Repository(Protocol):
    """The share, as far as BPM needs it."""

    place: Neighbour

    async def size(self, path: str) -> int:
        """Return the bytes of a file. Raises FileNotFoundError."""

    async def read_to(self, path: str, local: Path) -> int:
        """Copy a file to this server."""

    async def write_from(self, local: Path, path: str) -> int:
        """Copy a file to the share, whole or not at all."""


class Converter:
    """Of one datacenter's repository."""

    def __init__(self, server: str, repository: Repository, folder: Path) -> None:
        self._server, self._repository, self._folder = server, repository, folder

    async def work(self, request: Request, journal: Journal) -> dict[str, Any]:
        """CONVERT option `source` to option `target`; it may be done twice, and gives the same."""
        if request.work is not Work.CONVERT:
            raise BadMessage(f"conversion does not do {request.work}")
        source, target = disk(request.options.get("source")), disk(request.options.get("target"))
        for one in (source, target):
            if one.format not in QEMU_FORMATS:
                raise Refused(
                    f"{one.format} cannot be converted; {', '.join(QEMU_FORMATS)} can", self._server
                )
        with tempfile.TemporaryDirectory(prefix="convert-", dir=self._folder) as room:
            size = await self._convert(source, target, Path(room), journal)
        return {"disk": asdict(Disk(target.path, target.format, size))}

    async def _convert(self, source: Disk, target: Disk, room: Path, journal: Journal) -> int:
        before, after, place = room / "source", room / "target", self._repository.place
        with journal.step("template read from the share", place):
            self._fits(source.path, await self._repository.size(source.path))
            await self._repository.read_to(source.path, before)
        try:
            self._fits(source.path, await qemu_img.virtual_size(source, before))
            await qemu_img.convert(before, source.format, after, target.format)
        except Unreadable as error:
            raise Refused(str(error).replace(f"{room}/", ""), self._server) from error
        with journal.step("template written to the share", place):
            return await self._repository.write_from(after, target.path)

    def _fits(self, path: str, size: int) -> None:
        free = shutil.disk_usage(self._folder).free - _SPARE
        if size > free:
            raise Refused(
                f"{path} is too large to be converted: {-(-size // _MIB)} MiB, and there is room for "
                f"{max(free, 0) // _MIB} MiB at {self._server}",
                self._server,
            )


def folder() -> Path:
    """Return where there is most room: the node's own place for it, or else `/tmp`."""
    return _ROOM if _ROOM.is_dir() else Path(tempfile.gettempdir())


def build(context: str, node: Node) -> WebApp:
    """Build BPM's web application."""
    places = node.settings.to("nfs")
    if not places:
        return unable(context, node, (messages.BPM, messages.BPM_ANSWERS))
    converter = Converter(node.settings.node, Share(places[0]), folder())
    patience = Patience(total=PATIENCE, each=PATIENCE)
    one_at_a_time = consumer_of(
        context, node, (messages.BPM, messages.BPM_ANSWERS), converter.work, patience, at_once=1
    )
    return WebApp([], setups=[one_at_a_time.setup])
