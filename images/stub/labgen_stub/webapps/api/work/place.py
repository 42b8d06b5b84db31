"""Which hypervisor takes a virtual machine: of those with room for its memory, the one that has most left.

A machine takes its own memory and that of the process which runs it. Processors may be overcommitted, memory
may not; a hypervisor whose memory is not known (0) is never full. That is this lab's choice; the documents
name an allocator and not its rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.webapps.api.work import refusals

if TYPE_CHECKING:
    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.work.subject import Subject

_UNKNOWN = 2**40
# MiB that QEMU itself takes for a machine in this lab; what its guest never touches is not taken at all.
OVERHEAD = 24
_MACHINES = """
SELECT machine.id, machine.ip, machine.ram,
    (SELECT COALESCE(SUM(vm.ram + %s), 0) FROM virtualmachine vm WHERE vm.machine_id = machine.id) AS used
FROM machine
JOIN rack ON rack.id = machine.rack_id
WHERE rack.datacenter_id = %s AND machine.state = 'MANAGED' AND machine.type = %s
ORDER BY machine.id"""
_ROOM = """
SELECT machine.ram,
    (SELECT COALESCE(SUM(vm.ram + %s), 0) FROM virtualmachine vm WHERE vm.machine_id = machine.id) AS used
FROM machine WHERE machine.id = %s"""


async def lock_datacenter(session: Session, number: int) -> None:
    """Let one transaction at a time decide about room and addresses in a datacenter.

    Taken after the virtual machine's lock and before any other, by everybody: nobody waits in a circle.
    """
    await session.one("SELECT id FROM datacenter WHERE id = %s FOR UPDATE", number)


async def choose(session: Session, machine: Subject) -> tuple[int, str]:
    """Return number and node of the hypervisor for a virtual machine; the datacenter is locked.

    Raises:
        ApiError: 409, nobody has room.
    """
    best, most = None, -1
    for row in await session.all(_MACHINES, OVERHEAD, machine.datacenter_id, machine.hypervisor):
        left = (int(row["ram"]) or _UNKNOWN) - int(row["used"])
        if left >= machine.ram + OVERHEAD and left > most:
            best, most = row, left
    if best is None:
        raise refusals.no_room()
    return int(best["id"]), str(best["ip"])


async def ensure_room(session: Session, machine: Subject, ram: int) -> None:
    """Make sure that the hypervisor of a virtual machine can give it `ram` MiB; the datacenter is locked.

    Raises:
        ApiError: 409, it cannot.
    """
    if machine.machine_id is None or ram <= machine.ram:
        return
    row = await session.one(_ROOM, OVERHEAD, machine.machine_id)
    if row is not None and (int(row["ram"]) or _UNKNOWN) - int(row["used"]) < ram - machine.ram:
        raise refusals.no_room()
