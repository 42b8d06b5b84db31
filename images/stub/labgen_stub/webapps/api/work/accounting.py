"""Accounting: in its own schema, how long each virtual machine was deployed (platform.md 2.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.work.subject import Subject


async def open_row(session: Session, machine: Subject, job: str, at: int) -> None:
    """Begin to account for a virtual machine that `job` deployed, at `at` ms."""
    await session.run(
        "INSERT INTO kinton_accounting.accounting_event_vm (job_id, virtualmachine_id, uuid, enterprise_id, "
        "datacenter_id, virtualdatacenter_id, virtualappliance_id, cpu, ram, started) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        job,
        machine.id,
        machine.uuid,
        machine.enterprise_id,
        machine.datacenter_id,
        machine.virtualdatacenter_id,
        machine.virtualappliance_id,
        machine.cpu,
        machine.ram,
        at,
    )


async def close_row(session: Session, machine: Subject, at: int) -> None:
    """End to account for a virtual machine."""
    await session.run(
        "UPDATE kinton_accounting.accounting_event_vm SET stopped = %s "
        "WHERE virtualmachine_id = %s AND stopped = 0",
        at,
        machine.id,
    )


async def resize(session: Session, machine: Subject, job: str, at: int) -> None:
    """Account for other values from now on: one row ends, another begins."""
    await close_row(session, machine, at)
    await open_row(session, machine, job, at)
