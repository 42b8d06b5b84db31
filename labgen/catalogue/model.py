"""The catalogue's objects: frozen, validated, free of any behaviour that needs more than the facts."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from labgen.units import MEMORY_PATTERN, parse_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Catalogue",
    "Connection",
    "Facts",
    "JourneyStep",
    "Memory",
    "Provenance",
    "Publication",
    "Role",
    "Scope",
    "Size",
    "Speak",
    "Token",
    "Variant",
]

Bytes = Annotated[
    int,
    BeforeValidator(parse_bytes),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": MEMORY_PATTERN}]}
    ),
]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]


class Facts(BaseModel):
    """Base of all facts: immutable, and a key that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Scope(StrEnum):
    """How often a server exists, and so what its nodes' sites are."""

    PLATFORM = "platform"
    DATACENTER = "datacenter"
    REGION = "region"


class Provenance(StrEnum):
    """How well a connection is attested (platform.md, evidence marks)."""

    DOCUMENTED = "documented"
    VENDOR_CODE = "vendor-code"
    INFERRED = "inferred"


class Memory(Facts):
    """Memory of one node in bytes: at rest, and the most it may take."""

    typical: Bytes
    limit: Bytes


class Publication(Facts):
    """A port of a role that the lab publishes on the host. `url` holds `{address}` for host and port."""

    port: Port
    host: Port
    url: str = ""
    title: str = ""


class Role(Facts):
    """A kind of server. `node` is the name its nodes bear, `template` its folder (None: no server here).

    Several nodes of a `virtual` role share one address on each of their clients' links, which moves to one
    that lives. `failover`: seconds that users may be affected when one of several is lost.
    """

    id: str
    title: str
    server: str
    scope: Scope
    actor: bool = False
    virtual: bool = False
    failover: float | None = Field(default=None, gt=0)
    node: str
    template: str | None
    memory: Memory = Memory(typical="16MiB", limit="64MiB")  # type: ignore[arg-type]  # parsed before
    publish: dict[str, Publication] = {}


class Speak(Facts):
    """What to say to see that a connection works.

    The path of a request, in which `{name}` stands for the secret `name`; the status that it gets;
    whether a file is written and read back.
    """

    path: str | None = None
    status: int | None = None
    write: bool | None = None


class Connection(Facts):
    """A row of the documents. `variant` names the documented alternatives that it belongs to.

    `leader`: of several destinations only one listens at a time, the leader that they chose.
    VRRP is a protocol beside TCP and UDP: its number stands in for a port.
    """

    id: str
    source: str = Field(alias="from")
    destination: str = Field(alias="to")
    protocol: str
    port: Port
    last_port: Port | None = None
    transport: str = Field(default="tcp", pattern="^(tcp|udp|vrrp)$")
    purpose: str
    provenance: Provenance
    reference: str
    note: str = ""
    variant: dict[str, str] = {}
    leader: bool = False
    speak: Speak | None = None

    @property
    def ports(self) -> str:
        """The port or range with its transport: `6379/tcp`, `5900-5999/tcp`."""
        return f"{self.port}{f'-{self.last_port}' if self.last_port else ''}/{self.transport}"


class Token(Facts):
    """What a dialogue needs and only the running platform gives: a POST of `{host, port}` by `user`.

    `publish` is the published port that the request goes through, `secret` the name of the user's password,
    `host` in the body the first node of `role`, and `answer` the key of the answer that holds the token.
    """

    publish: str
    path: str
    user: str
    secret: str
    role: str
    port: Port
    answer: str


class JourneyStep(Facts):
    """A step of the platform's whole journey, made at each site of `scope`, and the rows that it crosses."""

    id: str
    scope: Scope
    title: str
    rows: tuple[str, ...]


class Variant(Facts):
    """A matter that the documents describe in several ways, and the one that holds by default.

    Choices in `data_only` are documented, but the shipped servers do not serve them.
    """

    title: str
    default: str
    choices: dict[str, str]
    data_only: frozenset[str] = frozenset()


class Size(Facts):
    """How many of each: sites, and nodes per role (per site, for roles of a datacenter or region).

    `variants` are choices that go with the size, where they are not the default ones.
    """

    title: str
    datacenters: int = Field(ge=0)
    regions: int = Field(ge=0)
    counts: dict[str, Annotated[int, Field(ge=0)]]
    variants: dict[str, str] = {}


class Catalogue(Facts):
    """All facts, consistent with one another: every name that a row uses exists.

    `proofs` maps rows to the tests of labgen's own suite that prove them in real labs, by name: the tests do
    not ship. `FILE::FUNCTION[ROW: SOURCE -> DESTINATION]` speaks the row; any other shows that in its lab
    nothing but the documented connections passes.
    """

    roles: dict[str, Role]
    connections: tuple[Connection, ...]
    variants: dict[str, Variant]
    sizes: dict[str, Size]
    tokens: dict[str, Token] = {}
    proofs: dict[str, tuple[str, ...]] = {}
    journey: tuple[JourneyStep, ...] = ()

    def ruling(self, size: str, variants: Mapping[str, str]) -> dict[str, str]:
        """Return the choice that holds in each matter: of `variants`, else of `size`, else the default."""
        defaults = {topic: one.default for topic, one in self.variants.items()}
        return {**defaults, **self.sizes[size].variants, **variants}

    def chosen(self, variants: Mapping[str, str]) -> tuple[Connection, ...]:
        """Return the connections that hold under `variants` (topic to choice), defaults elsewhere."""
        return tuple(
            row
            for row in self.connections
            if all(
                variants.get(topic, self.variants[topic].default) == choice
                for topic, choice in row.variant.items()
            )
        )

    def realisable(self, row: Connection) -> bool:
        """Whether the lab has a server for both ends of `row`."""
        return all(self.roles[end].template is not None for end in (row.source, row.destination))

    def data_only(self, row: Connection) -> tuple[str, ...]:
        """Return the variants of which `row` needs a choice that no shipped server serves."""
        return tuple(
            topic for topic, choice in row.variant.items() if choice in self.variants[topic].data_only
        )
