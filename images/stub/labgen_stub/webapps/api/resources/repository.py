"""What can be deployed: a datacenter's repository as an enterprise sees it, and its templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.webapps.api.resources.directory import ENTERPRISE
from labgen_stub.webapps.api.resources.model import (
    READ_ONLY,
    Access,
    Field,
    Guard,
    Kind,
    Link,
    Resource,
    When,
    lists,
    owner,
)
from labgen_stub.webapps.api.user import Rank

if TYPE_CHECKING:
    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.user import User

_HERE = "/admin/enterprises/{enterprise}/datacenterrepositories/{datacenter}"
# Only a datacenter has an appliance manager and a share; the proxy names both by site (W13).
_SITE = "CASE WHEN datacenter.kind = 'DATACENTER' THEN datacenter.uuid END"
_OF_KIND = "CASE WHEN datacenter.kind = '{kind}' THEN datacenter.id END"

REPOSITORY = Resource(
    entity="datacenterrepository",
    plural="datacenterrepositories",
    table="datacenter",
    path=_HERE,
    keys={"enterprise": "enterprise.id", "datacenter": "datacenter.id"},
    joins="CROSS JOIN enterprise",
    fields=(Field("name", search=True),),
    extras={
        "site": _SITE,
        "private": _OF_KIND.format(kind="DATACENTER"),
        "region": _OF_KIND.format(kind="PUBLIC_CLOUD_REGION"),
        "enterprise_name": "enterprise.name",
    },
    tenant="enterprise.id",
    parent=(ENTERPRISE, ""),
    access=READ_ONLY,
    links=(
        owner(ENTERPRISE, "enterprise_name"),
        Link("location", "/cloud/locations/{datacenter}", "datacenter", "name"),
        Link("datacenter", "/admin/datacenters/{private}", "datacenter", "name", Rank.CLOUD_ADMIN),
        Link(
            "publiccloudregion",
            "/admin/publiccloudregions/{region}",
            "publiccloudregion",
            "name",
            Rank.CLOUD_ADMIN,
        ),
        *lists(_HERE, "virtualmachinetemplates"),
        # The vendor's name (R9), and a shorter one.
        Link("applianceManagerRepositoryUri", "/am-{site}/erepos/{enterprise}", rooted=False),
        Link("appliancemanager", "/am-{site}/erepos/{enterprise}", rooted=False),
    ),
)


async def _remove_template(session: Session, user: User, row: Row) -> str | None:
    """Remove a template's row.

    Its file in the repository is the appliance manager's: whoever deletes it there returns the task here.
    """
    del session, user, row
    return None


TEMPLATE = Resource(
    entity="virtualmachinetemplate",
    plural="virtualmachinetemplates",
    table="template",
    path=f"{_HERE}/virtualmachinetemplates/{{template}}",
    keys={
        "enterprise": "template.enterprise_id",
        "datacenter": "template.datacenter_id",
        "template": "template.id",
    },
    joins="JOIN datacenter ON datacenter.id = template.datacenter_id",
    fields=(
        Field("name", required=True, search=True),
        Field("description", most=255, lines=True, search=True),
        Field("cpu", kind=Kind.INTEGER, least=1, most=64),
        Field("ram", kind=Kind.INTEGER, least=1, most=2**20),
        Field("path", when=When.NEVER, search=True),
        Field("diskFormatType", "disk_format", when=When.NEVER),
        Field("diskFileSize", "disk_size", Kind.INTEGER, When.NEVER),
        Field("state", when=When.NEVER),
        Field("origin", when=When.NEVER),
        Field("creationDate", "created", Kind.INTEGER, When.NEVER),
    ),
    extras={
        "tenant": "template.enterprise_id",
        "site": "CASE WHEN datacenter.kind = 'DATACENTER' AND template.state = 'DONE' "
        "THEN datacenter.uuid END",
        # The first part of a path on the share is the enterprise's folder, which the address has already.
        "inside": "SUBSTR(template.path, INSTR(template.path, '/') + 1)",
        "site_name": "datacenter.name",
    },
    tenant="template.enterprise_id",
    parent=(REPOSITORY, ""),
    access=Access(Rank.USER, None, Rank.ENTERPRISE_ADMIN, Rank.ENTERPRISE_ADMIN),
    guards=(
        Guard(
            "SELECT id FROM virtualmachine WHERE template_id = %s LIMIT 1", "Virtual machines were made of it"
        ),
    ),
    remove=_remove_template,
    event="VIRTUAL_MACHINE_TEMPLATE",
    links=(
        owner(ENTERPRISE),
        Link("location", "/cloud/locations/{datacenter}", "datacenter", "site_name"),
        owner(REPOSITORY, "site_name"),
        Link("diskfile", "/am-{site}/erepos/{enterprise}/templates/{inside}", rooted=False),
        Link("download", "/am-{site}/erepos/{enterprise}/templates/{inside}", rooted=False),
    ),
)

RESOURCES = (REPOSITORY, TEMPLATE)
