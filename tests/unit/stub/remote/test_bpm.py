"""BPM converts what is whole and fits, and refuses the rest in words that a user understands."""

from __future__ import annotations

import json
import os
import shutil
import stat
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.messages import BadMessage, Disk, Request, Work
from labgen_stub.webapps.remote.backends import Refused
from labgen_stub.webapps.remote.bpm import Converter
from labgen_stub.webapps.remote.journal import Journal
from labgen_stub.wire import Misuse

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
SOURCE, TARGET = Disk("1/t/t.vmdk", "VMDK_SPARSE"), Disk("1/t/t.vmdk-raw.raw", "RAW")
# A stand-in that does as the test's environment says; what the real one does is seen in a container.
PROGRAM = """#!/bin/sh
if [ "$1" = info ]; then cat "$QEMU_IMG_INFO"; exit; fi
[ -z "$QEMU_IMG_FAILS" ] || { echo "qemu-img: $7: $QEMU_IMG_FAILS" >&2; exit 1; }
{ echo "$@" | tr ' ' '\\n' | sed -n 2,5p | tr '\\n' ' '; cat "$6"; } > "$7"
"""


def request(work: Work = Work.CONVERT, source: Any = SOURCE, target: Any = TARGET) -> Request:
    options = {
        name: {"path": one.path, "format": one.format} if isinstance(one, Disk) else one
        for name, one in (("source", source), ("target", target))
    }
    return Request("job-1", "task-1", work, None, options)


class Workshop:
    def __init__(self, share: Any, folder: Path, info: Path) -> None:
        self.share, self.folder, self.info = share, folder, info
        self.converter = Converter("dc1-bpm-1", share, folder)
        self.journal = Journal("job-1")

    async def do(self, one: Request) -> dict[str, Any]:
        return await self.converter.work(one, self.journal)

    def tells(self, **about: Any) -> None:
        self.info.write_text(json.dumps({"virtual-size": 32256, **about}))


@pytest.fixture
def workshop(share: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    programs, folder = tmp_path / "bin", tmp_path / "room"
    programs.mkdir()
    folder.mkdir()
    program = programs / "qemu-img"
    program.write_text(PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("QEMU_IMG_INFO", str(tmp_path / "info"))
    share.files[SOURCE.path] = b"disk"
    made = Workshop(share, folder, tmp_path / "info")
    made.tells()
    return made


async def test_a_template_is_converted(workshop: Workshop) -> None:
    result = await workshop.do(request())
    content = workshop.share.files[TARGET.path]
    assert content == b"-f vmdk -O raw disk"
    assert result == {"disk": {"path": TARGET.path, "format": "RAW", "size": len(content)}}
    assert [(one.name, one.server, one.connection) for one in workshop.journal.steps] == [
        ("template read from the share", "dc1-nfs-1", "25"),
        ("template written to the share", "dc1-nfs-1", "25"),
    ]
    assert await workshop.do(request()) == result, "it may be done twice"
    assert list(workshop.folder.iterdir()) == []


@pytest.mark.parametrize(
    "about",
    [
        {"backing-filename": "/run/labgen/secrets/rabbitmq_password"},
        {"format-specific": {"data": {"data-file": "/etc/passwd"}}},
        {"format-specific": {"data": {"extents": [{"filename": "/etc/passwd"}]}}},
    ],
)
async def test_a_disk_that_leads_to_other_files_is_refused(workshop: Workshop, about: dict[str, Any]) -> None:
    workshop.tells(**about)
    with pytest.raises(Refused, match=r"1/t/t\.vmdk is not whole: it needs another file") as caught:
        await workshop.do(request())
    assert caught.value.fault == "dc1-bpm-1"
    assert TARGET.path not in workshop.share.files


@pytest.mark.parametrize("large", ["file", "disk"])
async def test_what_does_not_fit_is_refused_in_mib(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, large: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=6 << 20))
    if large == "file":
        workshop.share.files[SOURCE.path] = bytes(3 << 20)
    else:
        workshop.tells(**{"virtual-size": 3 << 20})
    with pytest.raises(Refused, match="too large to be converted: 3 MiB, and there is room for 2 MiB at dc1"):
        await workshop.do(request())
    assert list(workshop.folder.iterdir()) == []


async def test_the_programs_own_words_reach_the_user(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QEMU_IMG_FAILS", "not a VMDK")
    with pytest.raises(Refused, match=r"^qemu-img: target: not a VMDK$"):
        await workshop.do(request())


async def test_a_template_that_is_not_there_and_a_format_nobody_knows(workshop: Workshop) -> None:
    workshop.share.files.clear()
    with pytest.raises(FileNotFoundError):
        await workshop.do(request())
    assert workshop.journal.at == "dc1-nfs-1"
    with pytest.raises(Refused, match="VHD_FLAT cannot be converted; RAW, QCOW2_SPARSE"):
        await workshop.do(request(source=Disk("1/x", "VHD_FLAT")))


@pytest.mark.parametrize(
    "nonsense", [request(Work.DEPLOY), request(source=None), request(target="x"), request(target={})]
)
async def test_nonsense_is_told_as_such(workshop: Workshop, nonsense: Request) -> None:
    with pytest.raises(BadMessage):
        await workshop.do(nonsense)


async def test_without_the_program_it_is_our_own_fault(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Misuse, match="qemu-img is not installed"):
        await workshop.do(request())
