"""The virtual machine that work is about, with everything around it that work needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labgen_stub.links.database import bound
from labgen_stub.messages import Disk, Machine
from labgen_stub.webapps.api.work import paths

if TYPE_CHECKING:
    from labgen_stub.links.database import Session

# Nothing of it is at a hypervisor or provider.
NOT_DEPLOYED = frozenset({"NOT_ALLOCATED", "ALLOCATED"})
LOCKED, UNKNOWN = "LOCKED", "UNKNOWN"
_REGION = "PUBLIC_CLOUD_REGION"
_AROUND = """
SELECT vm.id, vm.uuid, vm.name, vm.label, vm.cpu, vm.ram, vm.state, vm.state_before, vm.task_id, vm.state_at,
    vm.mac, vm.address, vm.provider_id, vm.machine_id, vm.template_id, vm.virtualappliance_id,
    va.virtualdatacenter_id, vdc.enterprise_id, vdc.datacenter_id, vdc.hypervisor,
    dc.uuid AS datacenter, dc.kind, machine.ip AS host
FROM virtualmachine vm
JOIN virtualappliance va ON va.id = vm.virtualappliance_id
JOIN virtualdatacenter vdc ON vdc.id = va.virtualdatacenter_id
JOIN datacenter dc ON dc.id = vdc.datacenter_id
LEFT JOIN machine ON machine.id = vm.machine_id
WHERE vm.id = %s"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A virtual machine as its row was when it was locked; `host` is the node of its hypervisor."""

    id: int
    uuid: str
    name: str
    label: str
    cpu: int
    ram: int
    state: str
    state_before: str
    task_id: str | None
    state_at: int
    mac: str
    address: str
    provider_id: str
    machine_id: int | None
    template_id: int | None
    virtualappliance_id: int
    virtualdatacenter_id: int
    enterprise_id: int
    datacenter_id: int
    hypervisor: str
    datacenter: str
    kind: str
    host: str | None

    @property
    def region(self) -> bool:
        """Tell whether a provider has it, and not a hypervisor of ours."""
        return self.kind == _REGION

    @property
    def path(self) -> str:
        """Where the REST API shows it."""
        return paths.virtualmachine(self.virtualdatacenter_id, self.virtualappliance_id, self.id)

    def machine(self, disk: Disk | None = None) -> Machine:
        """Return what its remote services need to know of it."""
        return Machine(
            uuid=self.uuid,
            name=self.name,
            label=self.label,
            cpu=self.cpu,
            ram=self.ram,
            host=self.host or "",
            disk=disk,
            mac=self.mac,
            address=self.address,
            provider_id=self.provider_id,
        )


async def lock(session: Session, number: int) -> Subject | None:
    """Lock a virtual machine until the transaction ends; None when there is no such one.

    Its own row alone is locked: a lock on what it belongs to would line all of them up.
    """
    if await session.one("SELECT id FROM virtualmachine WHERE id = %s FOR UPDATE", number) is None:
        return None
    row = await session.one(_AROUND, number)
    return None if row is None else Subject(**row)


async def lock_by_uuid(session: Session, uuid: str) -> Subject | None:
    """Lock a virtual machine by its identity."""
    row = await session.one("SELECT id FROM virtualmachine WHERE uuid = %s", uuid)
    return None if row is None else await lock(session, int(row["id"]))


async def change(session: Session, number: int, **columns: object) -> None:
    """Write columns of a virtual machine that this transaction has locked."""
    names, arguments = bound(columns)
    await session.run(f"UPDATE virtualmachine SET {names} WHERE id = %s", *arguments, number)  # noqa: S608


async def hold(session: Session, machine: Subject, task: str, **columns: object) -> None:
    """Let a task hold a virtual machine: it is LOCKED, and the state to go back to is kept."""
    await change(session, machine.id, state=LOCKED, state_before=machine.state, task_id=task, **columns)


async def release(session: Session, number: int, state: str, at: int, **columns: object) -> None:
    """End a task's hold on a machine in `state` at `at` ms; what VSM saw later is believed instead."""
    if state not in NOT_DEPLOYED:
        seen = await session.one(
            "SELECT state, at FROM sighting WHERE virtualmachine_id = %s AND at > %s", number, at
        )
        if seen is not None:
            state, at = str(seen["state"]), int(seen["at"])
    await change(session, number, state=state, state_before="", task_id=None, state_at=at, **columns)


async def vacate(session: Session, number: int, at: int) -> None:
    """Write down that nothing is left of a virtual machine at its hypervisor or provider."""
    await session.run("DELETE FROM sighting WHERE virtualmachine_id = %s", number)
    await release(
        session,
        number,
        "NOT_ALLOCATED",
        at,
        machine_id=None,
        mac="",
        address="",
        display_host="",
        display_port=0,
        provider_id="",
    )
