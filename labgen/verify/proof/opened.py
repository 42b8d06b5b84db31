"""What is open against the rows that should be: what is too much, what bears a wrong name, who opened it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labgen.verify.proof.spans import minus, shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labgen.verify.proof.clauses import Rule
    from labgen.verify.proof.compose import Member
    from labgen.verify.proof.documented import Row
    from labgen.verify.proof.evaluate import Passed
    from labgen.verify.proof.spans import Span

__all__ = ["PUBLISHED", "Opened", "misnamed", "span_text", "surplus"]


#: What the comment of a rule for a published port begins with; the document rows follow.
PUBLISHED: Final = "published"


@dataclass(frozen=True, slots=True)
class Opened:
    """What lets something pass at a node: in words, with the row that it names, and where it stands."""

    what: str
    row: str
    where: str

    @classmethod
    def at(cls, node: Member, rule: Rule | None) -> Opened:
        """Return what `rule` of `node` is to people; None: a policy, a missing chain, no rules at all."""
        if rule:
            what = f'the rule "{rule.comment}"' if rule.comment else "a rule without a row"
            return cls(what, rule.comment.removeprefix(PUBLISHED).strip(), f"{node.rules}:{rule.line}")
        if node.rules:
            return cls("no rule, but the policy or the lack of a chain,", "", node.rules)
        return cls("the lack of any rules", "", f"compose.yaml:{node.line}")


def span_text(one: Passed) -> str:
    """Return `8009/tcp`, `1-65535/udp`, or what stands for every other protocol."""
    if not one.last:
        return "other protocols"
    return f"{one.first}{f'-{one.last}' if one.last > one.first else ''}/{one.transport}"


def surplus(passed: Iterable[Passed], known: Iterable[Row] | Iterable[Passed]) -> list[Passed]:
    """Return what of `passed` is in none of `known`."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for row in known:
        spans.setdefault(row.transport, []).append((row.first, row.last))
    return [
        one._replace(first=first, last=last)
        for one in passed
        for first, last in minus([(one.first, one.last)], spans.get(one.transport, ()))
    ]


def misnamed(passed: Iterable[Passed], rows: Sequence[Row], prefix: str = "") -> list[tuple[Passed, str]]:
    """Return what of `passed` is documented, but by a row that its rule does not name, with the row's id.

    Behind the word `prefix` a rule names all rows that its port is documented by; without one, one of them.
    """
    found = []
    for one in passed:
        known: dict[Span, list[str]] = {}
        for row in rows:
            if row.transport == one.transport:
                for span in shared([(one.first, one.last)], row.first, row.last):
                    known.setdefault(span, []).append(row.id)
        for span, owners in known.items() if one.rule else ():
            comment = one.rule.comment if one.rule else ""
            right = sorted(comment.split()) == sorted([prefix, *owners]) if prefix else comment in owners
            if not right:
                found.append((one._replace(first=span[0], last=span[1]), " ".join(owners)))
    return found
