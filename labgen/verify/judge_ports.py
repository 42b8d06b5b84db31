"""Whether what must be closed is: every port of every address that no document opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from labgen.verify.expect import HOST
from labgen.verify.ports import pack, unpack
from labgen.verify.questions import GATEWAYS, INTERNET, OTHER_LABS
from labgen.verify.table import Difference, Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labgen.verify.look import Look
    from labgen.verify.questions import Target

__all__ = ["Closed", "closed_to"]

_KNOWN: Final = frozenset(str(one) for one in Outcome)
_ANSWERED: Final = frozenset({Outcome.OPEN, Outcome.SPOKEN, Outcome.GARBLED})
_ESCAPES: Final = frozenset({HOST, GATEWAYS, INTERNET, OTHER_LABS})
_FOUND: Final = {
    Outcome.OPEN: "open",
    Outcome.TIMEOUT: "no refusal: it left the node and nobody answered",
    Outcome.SILENT: "no refusal: it left the node and nobody answered",
    Outcome.UNREACHABLE: "no refusal: it left the node and was turned back on the way",
    Outcome.FAILED: "the probe broke",
}


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of questions to one destination: how many were rightly closed, and what was not."""

    counts: tuple[tuple[Outcome, int], ...] = ()
    differences: tuple[Difference, ...] = ()

    def __add__(self, other: Closed) -> Closed:
        counts = dict(self.counts)
        for outcome, number in other.counts:
            counts[outcome] = counts.get(outcome, 0) + number
        return Closed(tuple(counts.items()), self.differences + other.differences)


def closed_to(
    source: str,
    target: Target,
    result: Mapping[str, Any] | None,
    look: Look,
    *,
    firewall: bool,
    cut: bool = False,
) -> Closed:
    """Return what became of `target`; `look` is the source's, `result` the probe's answer (None: none).

    With a firewall only the source's own refusal counts, or that it has no way there at all: what leaves
    the node has passed its rules, whatever happens to it later. On a wire that was `cut`, silence does too.
    """
    if not target.sent:
        number = len(unpack(target.tcp)) + len(unpack(target.udp))
        return Closed(((Outcome.UNREACHABLE, number),) if number else ())
    counts: dict[Outcome, int] = {}
    differences: list[Difference] = []
    faults = "; ".join(f"{key}: {text}" for key, text in ((result or {}).get("faults") or {}).items())
    for transport, asked in (("tcp", unpack(target.tcp)), ("udp", unpack(target.udp))):
        for outcome, ports in _answered(asked, (result or {}).get(transport) or {}):
            silenced = cut and outcome in (Outcome.TIMEOUT, Outcome.SILENT)
            if silenced or _is_closed(outcome, target, look, transport=transport, firewall=firewall):
                counts[outcome] = counts.get(outcome, 0) + len(ports)
            else:
                differences.append(_difference(source, target, transport, outcome, ports, faults))
    return Closed(tuple(counts.items()), tuple(differences))


def _answered(asked: frozenset[int], found: Mapping[str, str]) -> Iterator[tuple[Outcome, frozenset[int]]]:
    """Yield every asked port exactly once, with its outcome; one without an answer has failed."""
    left = asked
    for name, text in found.items():
        outcome = Outcome(name) if name in _KNOWN else Outcome.FAILED
        ports = unpack(text) & left
        left -= ports
        if ports:
            yield outcome, ports
    if left:
        yield Outcome.FAILED, left


def _is_closed(outcome: Outcome, target: Target, look: Look, *, transport: str, firewall: bool) -> bool:
    if outcome is Outcome.FAILED:
        return False
    if outcome is Outcome.REFUSED:
        return True
    if not firewall:
        # Links only: on a link everything may be open; off it nothing, but packets do leave a node.
        near = target.near and target.destination not in _ESCAPES
        return near or (outcome not in _ANSWERED)
    if outcome is Outcome.UNREACHABLE:
        return target.near or not look.way_out
    # Who has no rules of its own (this machine) is refused by the node, and the kernel is sparing with such
    # answers to UDP.
    return outcome is Outcome.SILENT and transport == "udp" and look.rules.get("labgen") is None


def _difference(
    source: str, target: Target, transport: str, outcome: Outcome, ports: frozenset[int], faults: str
) -> Difference:
    kind = Kind.ESCAPE if target.destination in _ESCAPES else Kind.PORT
    return Difference(
        kind=Kind.PROBE if outcome is Outcome.FAILED else kind,
        source=source,
        destination=target.destination,
        question=f"{target.address}:{pack(ports)}/{transport}",
        expected="refused",
        found=_FOUND.get(outcome, str(outcome)),
        evidence=faults if outcome is Outcome.FAILED else "",
    )
