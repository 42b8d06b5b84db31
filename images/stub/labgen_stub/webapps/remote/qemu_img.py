"""qemu-img, the program that knows disk formats (Debian's `qemu-utils`)."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from labgen_stub.messages import QEMU_FORMATS, Disk
from labgen_stub.wire import Misuse

if TYPE_CHECKING:
    from pathlib import Path


class Unreadable(Exception):
    """The program refuses a disk; the text is its own, in one line."""


async def convert(source: Path, source_format: str, target: Path, target_format: str) -> None:
    """Write a disk in another format (the platform's names). Raises `Unreadable`, `Misuse`."""
    formats = QEMU_FORMATS[source_format], QEMU_FORMATS[target_format]
    await run("convert", "-f", formats[0], "-O", formats[1], str(source), str(target))


async def virtual_size(disk: Disk, local: Path) -> int:
    """Return the bytes that a machine sees of a disk, whose file is `local`.

    Raises:
        Unreadable: it is not of its format, or needs another file, which could be any of this server's.
        Misuse: the program is not installed.
    """
    about = json.loads(await run("info", "--output=json", "-f", QEMU_FORMATS[disk.format], str(local)))
    details = about.get("format-specific", {}).get("data", {})
    others = {about.get("backing-filename"), about.get("full-backing-filename"), details.get("data-file")}
    others |= {one.get("filename") for one in details.get("extents", ())}
    if others - {None, "", str(local)}:
        raise Unreadable(f"{disk.path} is not whole: it needs another file")
    return int(about["virtual-size"])


async def run(*arguments: str) -> bytes:
    """Run the program to its end, or kill it when the caller gives up. Raises `Unreadable`, `Misuse`."""
    try:
        process = await asyncio.create_subprocess_exec(
            "qemu-img",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise Misuse("qemu-img is not installed") from error
    try:
        output, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = complaint.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise Unreadable(lines[-1][:200])
    return output
