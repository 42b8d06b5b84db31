"""What users make of it: virtual datacenters, virtual appliances, virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from labgen_stub.webapps.api.resources.directory import ENTERPRISE
from labgen_stub.webapps.api.resources.infrastructure import DATACENTER, LOCATION, MACHINE, REGION
from labgen_stub.webapps.api.resources.model import (
    Access,
    Field,
    Guard,
    Kind,
    Link,
    Reference,
    Resource,
    When,
    actions,
    lists,
    owner,
    view,
)
from labgen_stub.webapps.api.resources.repository import TEMPLATE
from labgen_stub.webapps.api.resources.storing import conflict
from labgen_stub.webapps.api.user import Rank
from labgen_stub.webapps.api.work import changing, refusals
from labgen_stub.webapps.api.work.happenings import Author
from labgen_stub.webapps.api.work.subject import NOT_DEPLOYED

if TYPE_CHECKING:
    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.user import User

_EVERYBODY = Access(Rank.USER, Rank.USER, Rank.USER, Rank.USER)
_PLACE = (
    "JOIN datacenter ON datacenter.id = virtualdatacenter.datacenter_id "
    "JOIN enterprise ON enterprise.id = virtualdatacenter.enterprise_id"
)
_VDC = "/cloud/virtualdatacenters/{virtualdatacenter}"
_VAPP = f"{_VDC}/virtualappliances/{{virtualappliance}}"
_VM = f"{_VAPP}/virtualmachines/{{virtualmachine}}"


async def _hypervisor(session: Session, user: User, values: dict[str, Any]) -> None:
    """In a region only the provider's own kind of machine can be made; elsewhere KVM if nothing is said."""
    del user
    row = await session.one("SELECT kind, provider FROM datacenter WHERE id = %s", values["datacenter_id"])
    if row is not None and row["kind"] == "PUBLIC_CLOUD_REGION":
        values["hypervisor"] = row["provider"] or "AMAZON"


VIRTUALDATACENTER = Resource(
    entity="virtualdatacenter",
    plural="virtualdatacenters",
    table="virtualdatacenter",
    path=_VDC,
    keys={"virtualdatacenter": "virtualdatacenter.id"},
    joins=_PLACE,
    fields=(
        Field("name", required=True, search=True),
        Field("hypervisorType", "hypervisor", when=When.CREATING, most=40, pattern=r"[A-Za-z][A-Za-z0-9_]*"),
    ),
    extras={
        "tenant": "virtualdatacenter.enterprise_id",
        "enterprise": "virtualdatacenter.enterprise_id",
        "enterprise_name": "enterprise.name",
        "datacenter": "virtualdatacenter.datacenter_id",
        "datacenter_name": "datacenter.name",
    },
    tenant="virtualdatacenter.enterprise_id",
    references=(
        Reference(("enterprise",), "enterprise_id", (ENTERPRISE,), default=lambda user: user.enterprise_id),
        Reference(
            ("location", "datacenter", "publiccloudregion"), "datacenter_id", (LOCATION, DATACENTER, REGION)
        ),
    ),
    access=_EVERYBODY,
    prepare=_hypervisor,
    event="VIRTUAL_DATACENTER",
    guards=(
        Guard(
            "SELECT id FROM virtualappliance WHERE virtualdatacenter_id = %s LIMIT 1",
            "It has virtual appliances",
        ),
    ),
    links=(
        owner(ENTERPRISE, "enterprise_name"),
        Link("location", "/cloud/locations/{datacenter}", "datacenter", "datacenter_name"),
        *lists(_VDC, "virtualappliances"),
        *lists(f"{_VDC}/action", "virtualmachines"),
        Link(
            "templates",
            "/admin/enterprises/{enterprise}/datacenterrepositories/{datacenter}/virtualmachinetemplates",
            "virtualmachinetemplates",
        ),
    ),
)

_DEPLOYED = (
    "(SELECT COUNT(*) FROM virtualmachine vm WHERE vm.virtualappliance_id = virtualappliance.id "
    "AND vm.state NOT IN ('NOT_ALLOCATED', 'ALLOCATED'))"
)
VIRTUALAPPLIANCE = Resource(
    entity="virtualappliance",
    plural="virtualappliances",
    table="virtualappliance",
    path=_VAPP,
    keys={
        "virtualdatacenter": "virtualappliance.virtualdatacenter_id",
        "virtualappliance": "virtualappliance.id",
    },
    joins="JOIN virtualdatacenter ON virtualdatacenter.id = virtualappliance.virtualdatacenter_id",
    fields=(
        Field("name", required=True, search=True),
        Field("state", expression=f"CASE WHEN {_DEPLOYED} > 0 THEN 'DEPLOYED' ELSE 'NOT_DEPLOYED' END"),
    ),
    extras={
        "tenant": "virtualdatacenter.enterprise_id",
        "enterprise": "virtualdatacenter.enterprise_id",
        "virtualdatacenter_name": "virtualdatacenter.name",
    },
    tenant="virtualdatacenter.enterprise_id",
    parent=(VIRTUALDATACENTER, "virtualdatacenter_id"),
    access=_EVERYBODY,
    event="VIRTUAL_APPLIANCE",
    guards=(
        Guard(
            "SELECT id FROM virtualmachine WHERE virtualappliance_id = %s LIMIT 1", "It has virtual machines"
        ),
    ),
    links=(
        owner(VIRTUALDATACENTER, "virtualdatacenter_name"),
        owner(ENTERPRISE),
        *lists(_VAPP, "virtualmachines"),
    ),
)

_TEMPLATE = """SELECT template.name, template.cpu, template.ram, template.state,
    template.datacenter_id, virtualdatacenter.datacenter_id AS here
FROM template, virtualappliance
JOIN virtualdatacenter ON virtualdatacenter.id = virtualappliance.virtualdatacenter_id
WHERE template.id = %s AND virtualappliance.id = %s"""


async def _new_machine(session: Session, user: User, values: dict[str, Any]) -> None:
    """Give a new virtual machine its identity, and its template's values where nothing is said."""
    del user
    row = await session.one(_TEMPLATE, values["template_id"], values["virtualappliance_id"])
    if row is None or row["datacenter_id"] != row["here"]:
        raise conflict("The template is in another datacenter than the virtual datacenter")
    if row["state"] != "DONE":
        raise refusals.no_template()
    values["uuid"] = str(uuid4())
    values["name"] = f"ABQ_{values['uuid']}"
    values.setdefault("label", row["name"])
    values.setdefault("cpu", row["cpu"])
    values.setdefault("ram", row["ram"])


async def _changed_machine(session: Session, user: User, row: Row, values: dict[str, Any]) -> str | None:
    if row["x_task"] is not None:
        raise refusals.locked()
    if row["f_state"] in NOT_DEPLOYED or not values:
        return None
    author = Author(user.id, user.nick, user.enterprise_id, user.enterprise_name)
    return await changing.reconfigure(session, row["k_virtualmachine"], values, author)


async def _remove_machine(session: Session, user: User, row: Row) -> None:
    del session, user
    if row["x_task"] is not None:
        raise refusals.locked()
    if row["f_state"] not in NOT_DEPLOYED:
        raise conflict("The virtual machine must be undeployed first")


VIRTUALMACHINE = Resource(
    entity="virtualmachine",
    plural="virtualmachines",
    table="virtualmachine",
    path=_VM,
    keys={
        "virtualdatacenter": "virtualappliance.virtualdatacenter_id",
        "virtualappliance": "virtualmachine.virtualappliance_id",
        "virtualmachine": "virtualmachine.id",
    },
    joins="JOIN virtualappliance ON virtualappliance.id = virtualmachine.virtualappliance_id "
    "JOIN virtualdatacenter ON virtualdatacenter.id = virtualappliance.virtualdatacenter_id "
    f"{_PLACE} "
    "LEFT JOIN template ON template.id = virtualmachine.template_id "
    "LEFT JOIN machine ON machine.id = virtualmachine.machine_id "
    "LEFT JOIN rack ON rack.id = machine.rack_id",
    fields=(
        Field("uuid", when=When.NEVER),
        Field("name", when=When.NEVER, search=True),
        Field("label", least=1, search=True),
        Field("description", most=255, lines=True, search=True),
        Field("cpu", kind=Kind.INTEGER, least=1, most=64),
        Field("ram", kind=Kind.INTEGER, least=1, most=2**20),
        Field("state", when=When.NEVER),
        Field("mac", when=When.NEVER),
        Field("address", when=When.NEVER, search=True),
        Field("vdrpIP", "display_host", when=When.NEVER),
        Field("vdrpPort", "display_port", Kind.INTEGER, When.NEVER),
    ),
    extras={
        "tenant": "virtualdatacenter.enterprise_id",
        "enterprise": "virtualdatacenter.enterprise_id",
        "enterprise_name": "enterprise.name",
        "location": "virtualdatacenter.datacenter_id",
        "location_name": "datacenter.name",
        "virtualdatacenter_name": "virtualdatacenter.name",
        "virtualappliance_name": "virtualappliance.name",
        "template": "virtualmachine.template_id",
        "template_enterprise": "template.enterprise_id",
        "template_datacenter": "template.datacenter_id",
        "template_name": "template.name",
        "machine": "machine.id",
        "machine_name": "machine.name",
        "rack": "rack.id",
        "machine_datacenter": "rack.datacenter_id",
        "task": "virtualmachine.task_id",
    },
    tenant="virtualdatacenter.enterprise_id",
    title="label",
    parent=(VIRTUALAPPLIANCE, "virtualappliance_id"),
    references=(Reference(("virtualmachinetemplate",), "template_id", (TEMPLATE,)),),
    access=_EVERYBODY,
    prepare=_new_machine,
    change=_changed_machine,
    remove=_remove_machine,
    event="VIRTUAL_MACHINE",
    links=(
        owner(VIRTUALDATACENTER, "virtualdatacenter_name"),
        owner(VIRTUALAPPLIANCE, "virtualappliance_name"),
        owner(ENTERPRISE, "enterprise_name"),
        Link("location", "/cloud/locations/{location}", "datacenter", "location_name"),
        Link(
            "virtualmachinetemplate",
            "/admin/enterprises/{template_enterprise}/datacenterrepositories/{template_datacenter}"
            "/virtualmachinetemplates/{template}",
            "virtualmachinetemplate",
            "template_name",
        ),
        Link(
            "machine",
            "/admin/datacenters/{machine_datacenter}/racks/{rack}/machines/{machine}",
            "machine",
            "machine_name",
            Rank.CLOUD_ADMIN,
        ),
        Link("state", f"{_VM}/state", "virtualmachinestate"),
        *actions(_VM, "deploy", "undeploy", "reset", "instance"),
        Link("remoteaccess", f"{_VM}/action/remoteaccess", "remoteaccess"),
        *lists(_VM, "tasks"),
        # While something is going on.
        Link("task", f"{_VM}/tasks/{{task}}", "task"),
    ),
)

_EVERY_MACHINE = "/cloud/virtualmachines"
RESOURCES = (
    VIRTUALDATACENTER,
    VIRTUALAPPLIANCE,
    VIRTUALMACHINE,
    view(
        VIRTUALDATACENTER,
        "/admin/enterprises/{enterprise}/action/virtualdatacenters",
        {"enterprise": "virtualdatacenter.enterprise_id"},
        ENTERPRISE,
    ),
    view(VIRTUALMACHINE, _EVERY_MACHINE, {}, None),
    view(
        VIRTUALMACHINE,
        "/admin/enterprises/{enterprise}/action/virtualmachines",
        {"enterprise": "virtualdatacenter.enterprise_id"},
        ENTERPRISE,
    ),
    view(VIRTUALMACHINE, f"{_VDC}/action/virtualmachines", {}, VIRTUALDATACENTER),
    view(
        VIRTUALMACHINE,
        f"{MACHINE.path}/action/virtualmachines",
        {"datacenter": "rack.datacenter_id", "rack": "rack.id", "machine": "machine.id"},
        MACHINE,
    ),
)
