"""What a virtual machine boots from: its template's disk, converted once where it has to be."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from uuid import uuid4

from labgen_stub.messages import QEMU_FORMATS, Disk, Request, Work
from labgen_stub.webapps.api.work import jobs, refusals

if TYPE_CHECKING:
    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.work.subject import Subject

# Formats that a hypervisor reads, the one to convert to first. Others read everything that there is.
_READS = {"KVM": ("QCOW2_SPARSE", "RAW")}


def reads(hypervisor: str, disk_format: str) -> bool:
    """Tell whether a type of hypervisor boots from a format as it is."""
    return disk_format in _READS.get(hypervisor, (disk_format,))


def beside(path: str, disk_format: str) -> str:
    """Return where a conversion is kept: beside its original, with both formats in its name."""
    original = PurePosixPath(path)
    ending = QEMU_FORMATS.get(disk_format, "disk")
    return str(original.with_name(f"{original.name}-{disk_format.lower()}.{ending}"))


async def template_of(session: Session, machine: Subject) -> Row | None:
    """Return the row of a virtual machine's template, if it still has one."""
    if machine.template_id is None:
        return None
    return await session.one("SELECT * FROM template WHERE id = %s", machine.template_id)


async def known(session: Session, machine: Subject) -> Disk | None:
    """Return what a virtual machine that is deployed was made from, as far as that still exists."""
    template = await template_of(session, machine)
    if template is None:
        return None
    if machine.region or reads(machine.hypervisor, template["disk_format"]):
        return _disk(template)
    target = _READS[machine.hypervisor][0]
    row = await session.one(
        "SELECT * FROM conversion WHERE template_id = %s AND disk_format = %s", template["id"], target
    )
    return _disk(row or template)


async def prepare(session: Session, machine: Subject, task: str) -> tuple[Disk, str]:
    """Return the disk to boot from, and the job that has to be done before, if any; the datacenter is locked.

    The first deploy that needs a conversion has it made; those that come meanwhile wait for the same job.

    Raises:
        ApiError: 409, there is no template that is ready.
    """
    template = await template_of(session, machine)
    if template is None or template["state"] != "DONE":
        raise refusals.no_template()
    if machine.region or reads(machine.hypervisor, template["disk_format"]):
        return _disk(template), ""
    target = _READS[machine.hypervisor][0]
    row = await session.one(
        "SELECT * FROM conversion WHERE template_id = %s AND disk_format = %s FOR UPDATE",
        template["id"],
        target,
    )
    if row is not None and row["state"] == "FINISHED":
        return _disk(row), ""
    if row is not None and row["state"] == "ENQUEUED":
        return _disk(row), str(row["job_id"])
    disk, job = Disk(beside(template["path"], target), target), str(uuid4())
    if row is None:
        await session.insert(
            "INSERT INTO conversion (template_id, disk_format, path, state, job_id) "
            "VALUES (%s, %s, %s, 'ENQUEUED', %s)",
            template["id"],
            target,
            disk.path,
            job,
        )
    else:
        await session.run(
            "UPDATE conversion SET state = 'ENQUEUED', job_id = %s WHERE id = %s", job, row["id"]
        )
    options = {"source": asdict(_disk(template)), "target": asdict(disk)}
    request = Request(job, task, Work.CONVERT, options=options)
    await jobs.add(session, machine.datacenter, request)
    return disk, job


def _disk(row: Row) -> Disk:
    return Disk(str(row["path"]), str(row["disk_format"]), int(row["disk_size"]))
