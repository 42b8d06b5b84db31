"""NFS version 4 from user space (libnfs), no mount and no privilege (platform.md 2.9)."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from labgen_nfs import EXPORT
from labgen_nfs.library import NoLibrary
from labgen_nfs.mount import Mount

from labgen_stub.wire.rpc import NFS, null_call
from labgen_stub.wire.stream import resolve
from labgen_stub.wire.target import Garbled, Misuse, Target

FLAG = ".abiquo_repository"


async def speak(target: Target) -> str:
    """List option `export`, which must hold the flag file; with option `write`, a file's round trip too.

    Raises:
        OSError: the name does not resolve.
        Garbled: the server does not speak NFSv4, has no such export, or refuses the work.
        Misuse: libnfs is not installed.
    """
    if target.transport == "udp":
        return await null_call(target, NFS)
    address = await resolve(target.host)
    return await asyncio.to_thread(_look, target, address)


def _look(target: Target, address: str) -> str:
    """Ask with a session of its own, in a thread: libnfs blocks, at most `target.patience` per question."""
    export = target.option("export", EXPORT)
    base = f"nfs://{address}{export}"
    try:
        mount = Mount(address, target.port, export, target.patience)
        try:
            names = {one.name for one in mount.listing("")}
            if FLAG not in names:
                raise Garbled(f"{base} has no {FLAG}")
            if target.options.get("write"):
                return _round_trip(mount, base)
        finally:
            mount.close()
    except NoLibrary as error:
        raise Misuse(str(error)) from error
    except OSError as error:
        # What the transport itself says is seen on a socket of our own (`outcome`).
        raise Garbled(f"{base}: {error.strerror or error}") from error
    return f"{base}: {len(names)} entries, {FLAG} is there"


def _round_trip(mount: Mount, base: str) -> str:
    """Write a file, read it back, delete it."""
    name = f".labgen-probe-{os.urandom(6).hex()}"
    content = os.urandom(32).hex().encode()
    try:
        with mount.opened(name, write=True) as handle:
            mount.write(handle, 0, content)
        with mount.opened(name) as handle:
            back = mount.read(handle, 0)
    finally:
        with suppress(OSError):
            mount.unlink(name)
    if back != content:
        raise Garbled(f"wrote {len(content)} bytes to {base}, read back {back[:40]!r}")
    return f"{base}: a file written, read back and deleted"
