"""What the platform consists of: datacenters, public cloud regions, racks, machines, remote services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from labgen_stub.webapps.api.resources.model import (
    ADMINISTRATORS,
    READ_ONLY,
    Field,
    Guard,
    Kind,
    Link,
    Resource,
    When,
    lists,
    owner,
)

if TYPE_CHECKING:
    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.user import User

_DATACENTER = "/admin/datacenters/{datacenter}"
_REGION = "/admin/publiccloudregions/{publiccloudregion}"
_RACK = f"{_DATACENTER}/racks/{{rack}}"
_MACHINE = f"{_RACK}/machines/{{machine}}"
_NAME = Field("name", required=True, search=True)
_UUID = Field("uuid", when=When.CREATING, most=64, pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*")
_IN_USE = Guard(
    "SELECT id FROM virtualdatacenter WHERE datacenter_id = %s LIMIT 1", "It has virtual datacenters"
)


async def _with_uuid(session: Session, user: User, values: dict[str, Any]) -> None:
    """Give an identity to a datacenter whose remote services are not known yet."""
    del session, user
    values.setdefault("uuid", str(uuid4()))


DATACENTER = Resource(
    entity="datacenter",
    plural="datacenters",
    table="datacenter",
    path=_DATACENTER,
    keys={"datacenter": "datacenter.id"},
    fields=(_NAME, Field("location", search=True), _UUID),
    fixed={"kind": "DATACENTER"},
    access=ADMINISTRATORS,
    prepare=_with_uuid,
    guards=(_IN_USE,),
    event="DATACENTER",
    links=(
        Link("location", "/cloud/locations/{datacenter}", "datacenter", "name"),
        *lists(_DATACENTER, "racks", "remoteservices"),
    ),
)

REGION = Resource(
    entity="publiccloudregion",
    plural="publiccloudregions",
    table="datacenter",
    path=_REGION,
    keys={"publiccloudregion": "datacenter.id"},
    fields=(_NAME, Field("location", search=True), _UUID, Field("provider", most=40)),
    fixed={"kind": "PUBLIC_CLOUD_REGION"},
    access=ADMINISTRATORS,
    prepare=_with_uuid,
    guards=(_IN_USE,),
    event="PUBLIC_CLOUD_REGION",
    links=(
        Link("location", "/cloud/locations/{publiccloudregion}", "datacenter", "name"),
        *lists(_REGION, "remoteservices"),
    ),
)

# What users see of both.
LOCATION = Resource(
    entity="datacenter",
    plural="datacenters",
    table="datacenter",
    path="/cloud/locations/{location}",
    keys={"location": "datacenter.id"},
    fields=(
        Field("name", search=True),
        Field("location", search=True),
        Field("uuid"),
        Field("provider"),
        Field("type", expression="datacenter.kind"),
    ),
    access=READ_ONLY,
    links=(Link("location", "/cloud/locations/{location}", "datacenter", "name"),),
)

RACK = Resource(
    entity="rack",
    plural="racks",
    table="rack",
    path=_RACK,
    keys={"datacenter": "rack.datacenter_id", "rack": "rack.id"},
    fields=(_NAME, Field("shortDescription", "description", most=255, lines=True)),
    parent=(DATACENTER, "datacenter_id"),
    access=ADMINISTRATORS,
    event="RACK",
    guards=(
        Guard(
            "SELECT vm.id FROM virtualmachine vm JOIN machine ON machine.id = vm.machine_id "
            "WHERE machine.rack_id = %s LIMIT 1",
            "Virtual machines run in it",
        ),
    ),
    links=(owner(DATACENTER), *lists(_RACK, "machines")),
)

# A sum is a DECIMAL, which JSON has not.
_USED = (
    "(SELECT CAST(COALESCE(SUM(vm.{what}), 0) AS SIGNED) FROM virtualmachine vm "
    "WHERE vm.machine_id = machine.id)"
)
MACHINE = Resource(
    entity="machine",
    plural="machines",
    table="machine",
    path=_MACHINE,
    keys={"datacenter": "rack.datacenter_id", "rack": "machine.rack_id", "machine": "machine.id"},
    joins="JOIN rack ON rack.id = machine.rack_id",
    fields=(
        _NAME,
        Field("description", most=255, lines=True),
        Field("ip", required=True, pattern=r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?", search=True),
        Field("port", kind=Kind.INTEGER, least=1, most=65535),
        Field("type", most=40, pattern=r"[A-Z][A-Z0-9_]*"),
        Field("state", when=When.NEVER),
        Field("virtualCpuCores", "cpu", Kind.INTEGER, most=4096),
        Field("virtualRamInMb", "ram", Kind.INTEGER, most=2**24),
        Field("virtualCpusUsed", kind=Kind.INTEGER, expression=_USED.format(what="cpu")),
        Field("virtualRamUsedInMb", kind=Kind.INTEGER, expression=_USED.format(what="ram")),
    ),
    parent=(RACK, "rack_id"),
    access=ADMINISTRATORS,
    event="MACHINE",
    guards=(
        Guard("SELECT id FROM virtualmachine WHERE machine_id = %s LIMIT 1", "Virtual machines run on it"),
    ),
    links=(owner(RACK), owner(DATACENTER), *lists(f"{_MACHINE}/action", "virtualmachines")),
)

# platform.md 2.1 (W3).
SERVICE_TYPES = (
    "VIRTUAL_FACTORY",
    "VIRTUAL_SYSTEM_MONITOR",
    "APPLIANCE_MANAGER",
    "NODE_COLLECTOR",
    "NARS",
    "STORAGE_SYSTEM_MONITOR",
    "XAS",
    "BPM_SERVICE",
    "DHCP_SERVICE",
    "DHCPv6",
    "REMOTE_ACCESS",
)
_ADDRESS = (
    r"(https?|omapi|dnsmasq|guacd)://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:[0-9]{1,5}(/[A-Za-z0-9._~/-]*)?"
)


def _remote_services(site: Resource) -> Resource:
    """Return the remote services of datacenters, or of regions."""
    here = f"{site.path}/remoteservices/{{remoteservice}}"
    return Resource(
        entity="remoteservice",
        plural="remoteservices",
        table="remote_service",
        path=here,
        keys={site.number: "remote_service.datacenter_id", "remoteservice": "remote_service.id"},
        joins="JOIN datacenter ON datacenter.id = remote_service.datacenter_id",
        condition=f"datacenter.kind = '{site.fixed['kind']}'",
        fields=(
            Field("type", when=When.CREATING, required=True, choices=SERVICE_TYPES, search=True),
            Field("uri", required=True, most=255, pattern=_ADDRESS, search=True),
            # 1: it was well when it was asked last.
            Field("status", kind=Kind.INTEGER, when=When.NEVER),
            Field("uuid", expression="datacenter.uuid"),
        ),
        title="type",
        parent=(site, "datacenter_id"),
        access=ADMINISTRATORS,
        event="REMOTE_SERVICES",
        links=(
            Link("check", f"{here}/action/check"),
            owner(site),
        ),
    )


REMOTE_SERVICE = _remote_services(DATACENTER)
REGION_SERVICE = _remote_services(REGION)
RESOURCES = (DATACENTER, REGION, LOCATION, RACK, MACHINE, REMOTE_SERVICE, REGION_SERVICE)
