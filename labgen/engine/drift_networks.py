"""Networks of a lab that are not as planned, and who is on which. Pure: compares what the engine lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from labgen.engine.drift_model import Drift, DriftKind
from labgen.names import Label, network_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["attachment_drifts", "network_drifts", "stranger_drifts"]

#: What some engines note by themselves; whether IPv6 is on is asked by itself.
_NOTED: Final = frozenset({"com.docker.network.enable_ipv4", "com.docker.network.enable_ipv6"})
_NONE: Final = "none"


def network_drifts(
    lab: str, planned: Mapping[str, Mapping[str, Any]], listed: Iterable[Mapping[str, Any]]
) -> Iterator[Drift]:
    """Yield networks that are missing, too many, or made otherwise; `planned` as compose.yaml has them."""
    wanted = {str(one["name"]): one for one in planned.values()}
    seen = set()
    for network in listed:
        name = str(network["Name"])
        if name in wanted:
            seen.add(name)
            yield from _made_otherwise(lab, name, wanted[name], network)
        elif (network.get("Labels") or {}).get(Label.LAB) == lab:
            yield Drift(DriftKind.NETWORK, name, _NONE, "a network with the lab's label", _up("removes it"))
    for name in wanted:
        if name not in seen:
            yield Drift(
                DriftKind.NETWORK, name, "there", "missing", _up("creates it, and the nodes on it anew")
            )


def _made_otherwise(
    lab: str, name: str, wanted: Mapping[str, Any], network: Mapping[str, Any]
) -> Iterator[Drift]:
    if (network.get("Labels") or {}).get(Label.LAB) != lab:
        repair = f"`docker network rm {name}`, then `labgen up {lab}`"
        yield Drift(DriftKind.NETWORK, name, "labgen's", "somebody else's of that name", repair, up=False)
        return
    ranges = (network.get("IPAM") or {}).get("Config") or []
    found = ", ".join(str(one.get("Subnet")) for one in ranges) or _NONE
    expected = ", ".join(str(one["subnet"]) for one in wanted["ipam"]["config"])
    if found != expected:
        yield Drift(
            DriftKind.NETWORK,
            name,
            f"subnet {expected}",
            f"subnet {found}",
            _up("makes it anew, with the nodes on it"),
        )
    anew = f"`labgen down {lab} --keep-volumes`, then `labgen up {lab}`"
    for title, should, does in (
        ("internal", bool(wanted.get("internal")), bool(network.get("Internal"))),
        ("IPv6", False, bool(network.get("EnableIPv6"))),
    ):
        if should is not does:
            sides = (title, f"not {title}") if should else (f"not {title}", title)
            yield Drift(DriftKind.NETWORK, name, *sides, anew, up=False)
    options, has = dict(wanted.get("driver_opts") or {}), dict(network.get("Options") or {})
    for key in sorted({*options, *has} - _NOTED):
        if options.get(key) != has.get(key):
            yield Drift(
                DriftKind.NETWORK,
                name,
                f"{key}: {options.get(key, _NONE)}",
                str(has.get(key, _NONE)),
                anew,
                up=False,
            )


def attachment_drifts(
    lab: str, where: str, service: Mapping[str, Any], container: Mapping[str, Any]
) -> Iterator[Drift]:
    """Yield networks that a container is on and its `service` of compose.yaml has not, and the other way."""
    planned = {
        network_name(lab, link): dict(one or {}) for link, one in (service.get("networks") or {}).items()
    }
    there = {
        name: one
        for name, one in ((container.get("NetworkSettings") or {}).get("Networks") or {}).items()
        if name != _NONE
    }
    own = str(container["Names"][0]).removeprefix("/")
    for name, wanted in planned.items():
        address = wanted.get("ipv4_address")
        if name not in there:
            expected = f"on network {name}{f' as {address}' if address else ''}"
            yield Drift(DriftKind.ATTACHMENT, where, expected, "it is not on it", _up("makes the node anew"))
        elif address and _address(there[name]) not in ("", address):
            repair = f"`docker rm -f {own}`, then `labgen up {lab}`"
            yield Drift(
                DriftKind.ATTACHMENT,
                where,
                f"on network {name} as {address}",
                f"as {_address(there[name])}",
                repair,
                up=False,
            )
    for name, one in there.items():
        if name not in planned:
            address = _address(one)
            yield Drift(
                DriftKind.ATTACHMENT,
                where,
                f"not on network {name}",
                f"it is on it{f' as {address}' if address else ''}",
                f"`docker network disconnect {name} {own}`",
                up=False,
            )


def stranger_drifts(
    planned: Mapping[str, Mapping[str, Any]], strangers: Iterable[Mapping[str, Any]]
) -> Iterator[Drift]:
    """Yield containers that are not the lab's, on networks that are."""
    names = {str(one["name"]) for one in planned.values()}
    for container in strangers:
        own = str(container["Names"][0]).removeprefix("/")
        for name, one in ((container.get("NetworkSettings") or {}).get("Networks") or {}).items():
            if name in names:
                yield Drift(
                    DriftKind.ATTACHMENT,
                    name,
                    "nodes of the lab only",
                    f"container {own} is on it as {_address(one) or 'nobody yet'}",
                    f"`docker network disconnect {name} {own}`",
                    up=False,
                )


def _address(attachment: Mapping[str, Any]) -> str:
    """Return the address of an attachment; of a container that does not run the one that it asked for."""
    asked = (attachment.get("IPAMConfig") or {}).get("IPv4Address")
    return str(attachment.get("IPAddress") or asked or "")


def _up(does: str) -> str:
    return f"`labgen up` {does}"
