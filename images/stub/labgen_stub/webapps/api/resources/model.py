"""What a resource is. Every name of SQL in here comes from code, never from a client."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

from labgen_stub.webapps.api.user import Rank

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.user import User

    # What happens before a row is written; it may change the values (by column), or refuse (`ApiError`).
    Prepare = Callable[[Session, User, dict[str, Any]], Awaitable[None]]
    # The same for a change or removal of a row that is there; the number of a task makes the answer a 202.
    Change = Callable[[Session, User, Row, dict[str, Any]], Awaitable[str | None]]
    Remove = Callable[[Session, User, Row], Awaitable[str | None]]

_PARAMETER = re.compile(r"\{(\w+)\}")
NUMBER = r"([1-9][0-9]{0,18})"
LARGEST_NUMBER = 2**63 - 1


class Kind(StrEnum):
    """What a field holds; the values are JSON Schema's types."""

    TEXT = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"


class When(Enum):
    """When a client may say it."""

    ALWAYS = 0
    CREATING = 1
    NEVER = 2


@dataclass(frozen=True, slots=True)
class Field:
    """One member of an entity.

    Attributes:
        column: where it is kept, its own name by default; `expression` is computed instead and read only.
        least, most: of a number its value, of a text its length in characters.
        hidden: taken and never shown.
        lines: may have more than one line.
        search: what `has` looks at.
    """

    name: str
    column: str = ""
    kind: Kind = Kind.TEXT
    when: When = When.ALWAYS
    expression: str = ""
    required: bool = False
    least: int = 0
    most: int = 128
    choices: tuple[str, ...] = ()
    pattern: str = ""
    hidden: bool = False
    lines: bool = False
    search: bool = False

    @property
    def stored(self) -> str:
        """The column."""
        return self.column or self.name

    def writable(self, *, creating: bool) -> bool:
        """Tell whether a client may say it now."""
        if self.expression or self.when is When.NEVER:
            return False
        return creating or self.when is When.ALWAYS


@dataclass(frozen=True, slots=True)
class Link:
    """A link of an entity: `path` has names of keys and extras in braces; one without a value is left out.

    Attributes:
        title: name of the extra or field whose value is the title.
        rank: who gets to see it.
        rooted: False for a place outside the API.
    """

    rel: str
    path: str
    entity: str = ""
    title: str = ""
    rank: Rank = Rank.USER
    rooted: bool = True

    @property
    def names(self) -> list[str]:
        """Names in the path."""
        return _PARAMETER.findall(self.path)


def lists(path: str, *rels: str, rank: Rank = Rank.USER) -> tuple[Link, ...]:
    """Return links to collections right below `path`, each called by its relation as in its address."""
    return tuple(Link(rel, f"{path}/{rel}", rel, rank=rank) for rel in rels)


def owner(resource: Resource, title: str = "", rank: Rank = Rank.USER) -> Link:
    """Return the link to an entity that this one belongs to; `title` as a link has it."""
    return Link(resource.entity, resource.path, resource.entity, title, rank)


def actions(path: str, *names: str) -> tuple[Link, ...]:
    """Return links to what can be asked of an entity, and is accepted at once and done later."""
    return tuple(Link(name, f"{path}/action/{name}", "acceptedrequest") for name in names)


@dataclass(frozen=True, slots=True)
class Reference:
    """A link by which a client says what an entity belongs to.

    Attributes:
        rels: any of these.
        column: where the other's number is kept.
        targets: what it may lead to.
        default: taken from who asks when nothing is said.
    """

    rels: tuple[str, ...]
    column: str
    targets: tuple[Resource, ...]
    when: When = When.CREATING
    required: bool = True
    default: Callable[[User], int | None] | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """What must not be there when an entity is removed: a SELECT with one `%s`, its number."""

    query: str
    message: str


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read, create, update and delete; nobody where it is None."""

    read: Rank = Rank.USER
    create: Rank | None = None
    update: Rank | None = None
    delete: Rank | None = None


READ_ONLY = Access()
ADMINISTRATORS = Access(Rank.CLOUD_ADMIN, Rank.CLOUD_ADMIN, Rank.CLOUD_ADMIN, Rank.CLOUD_ADMIN)


@dataclass(frozen=True, slots=True)
class Resource:
    """An entity, its collection and its table.

    Attributes:
        path: below the root, with a parameter for each number; the last one is the entity's own.
        keys: for each parameter the SQL expression that it must equal.
        joins: further tables, for keys, extras and visibility.
        extras: SQL expressions that links or hooks need, by name.
        parent: in which resource a new one is made, and the column that remembers it.
        fixed: values of columns that make a row one of these.
        tenant: expression of the enterprise whose users may see it, none for everybody's.
        own: expression and attribute of the user that must be equal for a plain user.
        event: what its events call it, none for no events.
        condition: what else a row must be to be one of these.
        collection, scope: another path of the list than the entity's own less its number, and the
            expressions of the numbers in it.
        entity_route: False for a list of what has its own address elsewhere.
        prepare, change, remove: see above.
    """

    entity: str
    plural: str
    table: str
    path: str
    keys: Mapping[str, str]
    fields: tuple[Field, ...]
    joins: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    references: tuple[Reference, ...] = ()
    parent: tuple[Resource, str] | None = None
    fixed: Mapping[str, object] = field(default_factory=dict)
    tenant: str = ""
    own: tuple[str, str] | None = None
    access: Access = READ_ONLY
    guards: tuple[Guard, ...] = ()
    title: str = "name"
    event: str = ""
    condition: str = ""
    collection: str = ""
    scope: Mapping[str, str] = field(default_factory=dict)
    entity_route: bool = True
    prepare: Prepare | None = None
    change: Change | None = None
    remove: Remove | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the numbers in the path, in order."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def number(self) -> str:
        """The parameter that is the entity's own number."""
        return self.parameters[-1]

    @property
    def list_path(self) -> str:
        """Where the collection is."""
        return self.collection or self.path.rpartition("/")[0]

    @property
    def list_keys(self) -> Mapping[str, str]:
        """Expressions for the parameters of the collection's path."""
        known = {**self.keys, **self.scope}
        return {name: known[name] for name in _PARAMETER.findall(self.list_path)}

    def find(self, path: str) -> dict[str, int] | None:
        """Return the numbers in a path (below the root) of such an entity, or None when it is none."""
        pattern = _PARAMETER.sub(lambda _: NUMBER, re.sub(r"([.])", r"\\\1", self.path))
        match = re.fullmatch(pattern, path)
        if match is None:
            return None
        numbers = [int(one) for one in match.groups()]
        return dict(zip(self.parameters, numbers, strict=True)) if max(numbers) <= LARGEST_NUMBER else None

    def member(self, name: str) -> Field | None:
        """Return a field by its name."""
        return next((one for one in self.fields if one.name == name), None)


def view(resource: Resource, collection: str, scope: Mapping[str, str], parent: Resource | None) -> Resource:
    """Return a further list of the same entities: those that `scope` names, below another resource."""
    return replace(
        resource,
        collection=collection,
        scope=scope,
        parent=None if parent is None else (parent, ""),
        access=Access(resource.access.read),
        entity_route=False,
    )
