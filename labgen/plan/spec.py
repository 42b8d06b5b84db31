"""What a user may ask for: `lab.yaml`, its schema, and `--set`.

The public configuration is not the plan: it says what differs from a size, the plan says all.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from labgen.catalogue.model import Bytes, Facts, Port

__all__ = ["MAX_COUNT", "LabSpec", "Resources", "SiteSpec"]

#: More nodes of one role, or sites of one kind, than any documented system has, and than addresses allow.
MAX_COUNT = 500

_LEAST_MEMORY: Final = 6 * 2**20  # what the engine takes for a container

Count = Annotated[int, Field(ge=0, le=MAX_COUNT, strict=True)]


#: What a private network may be cut from (RFC 1918, and the shared space of RFC 6598).
_PRIVATE: Final = tuple(
    IPv4Network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)


def _network(value: Any) -> IPv4Network:
    if not isinstance(value, str | IPv4Network):
        raise ValueError("write a network with its prefix length, like 10.240.0.0/16")  # noqa: TRY004
    network = IPv4Network(value)
    if not any(network.subnet_of(one) for one in _PRIVATE):
        raise ValueError(f"{network} is not a private network; take one inside 10.0.0.0/8")
    return network


def _enough(value: int) -> int:
    if value < _LEAST_MEMORY:
        raise ValueError(f"{value} bytes are too few; the engine takes {_LEAST_MEMORY // 2**20}MiB or more")
    return value


Supernet = Annotated[IPv4Network, BeforeValidator(_network), PlainSerializer(str)]
Bind = Annotated[IPv4Address, PlainSerializer(str)]


class Resources(Facts):
    """Limits of every node of a role: memory (`256MiB`) and processors (`0.5`)."""

    memory: Annotated[Bytes, AfterValidator(_enough)] | None = None
    cpus: Annotated[float, Field(gt=0, le=1024, strict=True)] | None = None


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
    firewall: bool = Field(
        default=True,
        strict=True,
        description="Whether each node allows its documented connections only; false leaves the links.",
    )
    check_seconds: Annotated[int, Field(ge=1, le=3600, strict=True)] | None = Field(
        default=None,
        description="Seconds between two questions of the engine how a node is. Without it 10; 30 in a lab "
        "that begins with more than 30 nodes, 60 with more than 100.",
    )
    variants: dict[str, str] = Field(default={}, description="Choices where the documents know several ways.")
