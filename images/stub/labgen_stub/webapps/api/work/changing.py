"""What may be done to a virtual machine that is deployed: power, reset, new values, a template made of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING
from uuid import uuid4

from labgen_stub.messages import Disk, Request, Work, now
from labgen_stub.webapps.api.work import disks, jobs, owners, place, refusals, subject, tasks
from labgen_stub.webapps.api.work.starting import request_for, take_deployed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.work.happenings import Author

# State now, state wanted: what has to be done. Anything else is refused.
_POWER = {
    ("ON", "OFF"): Work.POWER_OFF,
    ("ON", "PAUSED"): Work.PAUSE,
    ("OFF", "ON"): Work.POWER_ON,
    ("PAUSED", "ON"): Work.RESUME,
    ("PAUSED", "OFF"): Work.POWER_OFF,
}
POWER_STATES = frozenset(wanted for _, wanted in _POWER)
# What a change of makes a hypervisor do something.
_HARD = ("cpu", "ram", "label")
_SNAPSHOT_FORMAT = "QCOW2_SPARSE"


async def power(session: Session, number: int, wanted: str, author: Author) -> str:
    """Begin to bring a virtual machine to another state, one of `POWER_STATES`; return the task.

    Raises:
        ApiError: 409, its state does not allow it.
    """
    machine = await take_deployed(session, number)
    work = _POWER.get((machine.state, wanted))
    if work is None:
        raise refusals.no_way(machine.state, f"become {wanted}")
    task = await tasks.begin(session, work, owners.of_machine(machine), author)
    await subject.hold(session, machine, task)
    await request_for(session, machine, task, work)
    return task


async def reset(session: Session, number: int, author: Author) -> str:
    """Begin to start a running virtual machine anew; return the task.

    Raises:
        ApiError: 409, it does not run.
    """
    machine = await take_deployed(session, number)
    if machine.state != "ON":
        raise refusals.no_way(machine.state, "be reset")
    task = await tasks.begin(session, Work.RESET, owners.of_machine(machine), author)
    await subject.hold(session, machine, task)
    await request_for(session, machine, task, Work.RESET)
    return task


async def reconfigure(
    session: Session, number: int, values: Mapping[str, object], author: Author
) -> str | None:
    """Give a deployed virtual machine new values: `cpu`, `ram` (MiB), `label`, `description`.

    They hold at once, so that the room they take is taken, and are taken back if the task fails. Returns
    None when nothing changes for its hypervisor.

    Raises:
        ApiError: 409, it is not OFF, or its hypervisor has no room for more memory.
    """
    machine = await take_deployed(session, number)
    if "description" in values:
        await subject.change(session, number, description=values["description"])
    before = {name: getattr(machine, name) for name in _HARD}
    after = {name: values[name] for name in _HARD if name in values and values[name] != before[name]}
    if not after:
        return None
    if machine.state != "OFF":
        raise refusals.must_be_off(machine.state)
    if not machine.region and "ram" in after:
        await place.lock_datacenter(session, machine.datacenter_id)
        await place.ensure_room(session, machine, int(str(after["ram"])))
    task = await tasks.begin(session, Work.RECONFIGURE, owners.of_machine(machine), author)
    await subject.hold(session, machine, task, **after)
    changed = await subject.lock(session, number) or machine
    await request_for(session, changed, task, Work.RECONFIGURE, before=before)
    return task


async def instance(session: Session, number: int, name: str, author: Author) -> str:
    """Begin to make a template of a deployed virtual machine's disk; return the task.

    Raises:
        ApiError: 409, it is not deployed.
    """
    machine = await take_deployed(session, number)
    if machine.state not in ("ON", "OFF", "PAUSED"):
        raise refusals.no_way(machine.state, "be made a template")
    task = await tasks.begin(session, Work.INSTANCE, owners.of_machine(machine), author)
    await subject.hold(session, machine, task)
    # A folder of its own below the enterprise's, as uploads have.
    target = Disk(f"{machine.enterprise_id}/{task}/{task}.qcow2", _SNAPSHOT_FORMAT)
    template = await session.insert(
        "INSERT INTO template (datacenter_id, enterprise_id, name, description, path, disk_format, cpu, ram, "
        "state, origin, created) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'IN_PROGRESS', 'INSTANCE', %s)",
        machine.datacenter_id,
        machine.enterprise_id,
        name,
        f"Made of the virtual machine {machine.label}"[:255],
        target.path,
        target.format,
        machine.cpu,
        machine.ram,
        now(),
    )
    made = {
        "enterprise": machine.enterprise_id,
        "datacenter": machine.datacenter_id,
        "number": template,
    }
    request = Request(
        str(uuid4()),
        task,
        Work.INSTANCE,
        machine.machine(await disks.known(session, machine)),
        {"target": asdict(target), "name": name},
    )
    await jobs.add(session, machine.datacenter, request, memo={"made": made})
    return task
