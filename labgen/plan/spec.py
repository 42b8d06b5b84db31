"""What a user may ask for: `lab.yaml`, its schema, and `--set`.

The public configuration is not the plan: it says what differs from a size, the plan says all.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from labgen.catalogue.model import Bytes, Facts, Port

__all__ = ["MAX_COUNT", "LabSpec", "Resources", "SiteSpec"]

#: More nodes of one role, or sites of one kind, than any documented system has, and than addresses allow.
MAX_COUNT = 500

Count = Annotated[int, Field(ge=0, le=MAX_COUNT, strict=True)]


def _network(value: Any) -> IPv4Network:
    network = IPv4Network(value)
    if not network.is_private:
        raise ValueError(f"{network} is not a private network; take one inside 10.0.0.0/8")
    return network


Supernet = Annotated[IPv4Network, BeforeValidator(_network), PlainSerializer(str)]
Bind = Annotated[IPv4Address, PlainSerializer(str)]


class Resources(Facts):
    """Limits of every node of a role: memory (`256MiB`) and processors (`0.5`)."""

    memory: Bytes | None = None
    cpus: Annotated[float, Field(gt=0, le=1024)] | None = None


class SiteSpec(Facts):
    """What differs at one site: how many nodes of a role it has."""

    counts: dict[str, Count] = {}


class LabSpec(Facts):
    """A lab as the user describes it: a size, and what differs from it."""

    size: str = Field(default="small", description="The size that everything else changes.")
    datacenters: Count | None = Field(default=None, description="How many datacenters.")
    regions: Count | None = Field(default=None, description="How many public cloud regions.")
    counts: dict[str, Count] = Field(
        default={}, description="Nodes per role; per site, for a role of a datacenter or region."
    )
    sites: dict[str, SiteSpec] = Field(default={}, description="What differs at one site, by its name (dc1).")
    supernet: Supernet | None = Field(
        default=None, description="All subnets come out of it. Without one, the first that is free."
    )
    bind: Bind = Field(
        default=IPv4Address("127.0.0.1"), description="The host address that ports are published on."
    )
    ports: dict[str, Port] = Field(
        default={},
        description="Host ports by name (http, https, console). Without one, the first that is free.",
    )
    resources: dict[str, Resources] = Field(default={}, description="Limits per role.")
    images: dict[str, str] = Field(
        default={},
        description="Image per role: a folder of images/, or a reference with a tag (vendor/api:6.1).",
    )
    variants: dict[str, str] = Field(default={}, description="Choices where the documents know several ways.")
