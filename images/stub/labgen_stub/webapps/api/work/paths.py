"""Where the REST API shows what work is about; the context path is `api` (platform.md 2.1)."""

from __future__ import annotations

ROOT = "/api"


def virtualmachine(virtualdatacenter: int, virtualappliance: int, number: int) -> str:
    """Return the path of a virtual machine."""
    return (
        f"{ROOT}/cloud/virtualdatacenters/{virtualdatacenter}"
        f"/virtualappliances/{virtualappliance}/virtualmachines/{number}"
    )


def template(enterprise: int, datacenter: int, number: int) -> str:
    """Return the path of a template in the repository of a datacenter."""
    return (
        f"{ROOT}/admin/enterprises/{enterprise}/datacenterrepositories/{datacenter}"
        f"/virtualmachinetemplates/{number}"
    )


def datacenter(number: int, *, region: bool = False) -> str:
    """Return the path of a datacenter, or of a public cloud region."""
    return f"{ROOT}/admin/{'publiccloudregions' if region else 'datacenters'}/{number}"


def enterprise(number: int) -> str:
    """Return the path of an enterprise."""
    return f"{ROOT}/admin/enterprises/{number}"


def user(enterprise_id: int, number: int) -> str:
    """Return the path of a user."""
    return f"{enterprise(enterprise_id)}/users/{number}"
