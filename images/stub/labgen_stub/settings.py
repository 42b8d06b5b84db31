"""Who this node is: `node.json` and `guests`, two variables and the secrets (docs/contract.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HTTP_PORT, AJP_PORT = 8009, 8010
# Hours that the API keeps what is over: a week, unless said otherwise; at most a year.
RETENTION, _LONGEST_RETENTION = 7 * 24, 366 * 24


class SettingsError(Exception):
    """The files or variables that labgen hands over are not what the contract says."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A node that the documents let this one connect to, and by which connection."""

    connection: str
    role: str
    node: str
    protocol: str
    port: int
    transport: str = "tcp"
    site: str = ""


class Secrets(Mapping[str, str]):
    """The secrets of this node by name, read when asked for: a foreign tool may renew a file."""

    def __init__(self, folder: Path, ca: Path) -> None:
        self._folder, self._ca = folder, ca

    def __getitem__(self, name: str) -> str:
        path = self._ca if name == "ca" else self._folder / name
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        names = [path.name for path in self._folder.glob("*")] if self._folder.is_dir() else []
        return iter([*names, *(["ca"] if self._ca.is_file() else [])])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in set(self)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that makes this process one node and no other."""

    lab: str
    node: str
    role: str
    site: str
    datacenter_id: str
    webapps: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]
    secrets: Mapping[str, str]
    listens: frozenset[str] = frozenset()
    # By datacenter the node that stands for its deployed machines, where the lab has any.
    guests: Mapping[str, str] = field(default_factory=dict)
    retention_hours: int = RETENTION

    def host_for(self, protocol: str) -> str:
        """Return the address that a server for `protocol` binds to.

        Each server of the platform has an HTTP and an AJP connector; one that no document lets anybody
        reach is there for the node itself alone.
        """
        return "0.0.0.0" if protocol in self.listens else "127.0.0.1"

    def to(self, protocol: str, role: str | None = None) -> tuple[Neighbour, ...]:
        """Return the neighbours reached by a protocol (and of a role), each node once, in order."""
        found = {
            (one.node, one.port): one
            for one in reversed(self.neighbours)
            if one.protocol == protocol and role in (None, one.role)
        }
        return tuple(reversed(found.values()))


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of this process.

    `LABGEN_WEBAPPS` lists the web applications. `LABGEN_RETENTION_HOURS` says how long the API keeps events
    and tasks that are over. Beside `node.json` the API has the nodes that stand for deployed machines, in
    `guests` (`dc1 dc1-guest-1`; a datacenter's first one counts). `LABGEN_NODE`, `LABGEN_SECRETS` and
    `LABGEN_CA` move the files of the contract elsewhere, for tests.

    Raises:
        SettingsError: a file is missing or malformed, no web application is named, or a number is none.
    """
    env = os.environ if environment is None else environment
    path = Path(env.get("LABGEN_NODE", "/etc/labgen/node.json"))
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        neighbours = tuple(_neighbour(row) for row in document.get("neighbours", []))
        node, role = str(document["node"]), str(document["role"])
        guests = _guests(path.with_name("guests"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{path}: {type(error).__name__} {error}") from error
    webapps = tuple(env.get("LABGEN_WEBAPPS", "").replace(",", " ").split())
    if not webapps:
        raise SettingsError("LABGEN_WEBAPPS names no web application")
    return Settings(
        lab=str(document.get("lab", "")),
        node=node,
        role=role,
        site=str(document.get("site") or ""),
        datacenter_id=str(document.get("datacenter_id") or document.get("site") or node),
        webapps=webapps,
        neighbours=neighbours,
        listens=frozenset(str(row["protocol"]) for row in document.get("listens", [])),
        guests=guests,
        retention_hours=_hours(env.get("LABGEN_RETENTION_HOURS") or str(RETENTION)),
        secrets=Secrets(
            Path(env.get("LABGEN_SECRETS", "/run/labgen/secrets")),
            Path(env.get("LABGEN_CA", "/etc/labgen/ca.crt")),
        ),
    )


def _guests(path: Path) -> dict[str, str]:
    if not path.exists():  # only the API has it
        return {}
    pairs = [line.partition(" ") for line in path.read_text(encoding="utf-8").splitlines()]
    return {site: node for site, _, node in reversed(pairs) if node}


def _hours(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= _LONGEST_RETENTION:
        return int(text)
    raise SettingsError(f"LABGEN_RETENTION_HOURS: {text!r} is no number from 1 to {_LONGEST_RETENTION}")


def _neighbour(row: Mapping[str, Any]) -> Neighbour:
    return Neighbour(
        connection=str(row["connection"]),
        role=str(row["role"]),
        node=str(row["node"]),
        protocol=str(row["protocol"]),
        port=int(row["port"]),
        transport=str(row.get("transport", "tcp")),
        site=str(row.get("site") or ""),
    )
