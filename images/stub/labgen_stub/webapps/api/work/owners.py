"""What tasks are about, as `tasks.Owner`: virtual machines, templates, datacenters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.webapps.api.work import paths
from labgen_stub.webapps.api.work.tasks import Owner

if TYPE_CHECKING:
    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.work.subject import Subject


def of_machine(machine: Subject) -> Owner:
    """Return the owner of a virtual machine's tasks."""
    return Owner("virtualmachine", machine.id, "VIRTUAL_MACHINE", machine.path, machine.enterprise_id)


def of_machine_row(row: Row) -> Owner:
    """Return the same of a row with `id`, `appliance`, `vdc` and `enterprise_id`."""
    path = paths.virtualmachine(int(row["vdc"]), int(row["appliance"]), int(row["id"]))
    return Owner("virtualmachine", int(row["id"]), "VIRTUAL_MACHINE", path, int(row["enterprise_id"]))


def of_template(row: Row) -> Owner:
    """Return the owner of a template's tasks; `row` is of the table `template`."""
    enterprise, number = int(row["enterprise_id"]), int(row["id"])
    path = paths.template(enterprise, int(row["datacenter_id"]), number)
    return Owner("template", number, "VIRTUAL_MACHINE_TEMPLATE", path, enterprise)


def of_datacenter(row: Row) -> Owner:
    """Return the owner of a datacenter's tasks; `row` is of the table `datacenter`."""
    region = row["kind"] == "PUBLIC_CLOUD_REGION"
    path = paths.datacenter(int(row["id"]), region=region)
    return Owner("datacenter", int(row["id"]), "PUBLIC_CLOUD_REGION" if region else "DATACENTER", path)


async def of_datacenter_id(session: Session, number: int) -> Owner | None:
    """Return the owner of the tasks of the datacenter with this number."""
    row = await session.one("SELECT id, kind FROM datacenter WHERE id = %s", number)
    return None if row is None else of_datacenter(row)
