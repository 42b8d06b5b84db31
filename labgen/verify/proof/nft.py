"""Reads a node's nftables rules: the subset that labgen renders, each statement understood or refused.

The meaning of every statement is nft(8)'s. A rule is address blocks, a port span and a verdict, so that a
chain can be evaluated over whole spans (`labgen.verify.proof.evaluate`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from labgen.verify.proof.clauses import Rule, read_rule
from labgen.verify.proof.faults import NotUnderstood

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Chain", "RuleSet", "read_rules"]

_TOKEN: Final = re.compile(r'\s*("[^"]*"|[{};]|#.*|[^\s{};"#]+)')
_HOOKS: Final = ("input", "output")
#: `filter` and 0 are two spellings of one place in the order of tables; other places differ for nobody here.
_PRIORITY: Final = re.compile(r"filter|-?\d+")


@dataclass(frozen=True, slots=True)
class Chain:
    """A base chain: rules in their order, and what becomes of what none of them decides."""

    policy: str
    rules: tuple[Rule, ...]
    line: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All that decides about a node's packets. A hook without a chain lets everything pass."""

    output: Chain | None
    input: Chain | None


def read_rules(text: str, file: str) -> RuleSet:
    """Return the rules in `text`, the contents of `file`, as `nft -f` would have them in force.

    Raises NotUnderstood with the line.
    """
    reader = _Reader(file)
    line = 0
    for line, words, end in _statements(text, file):
        if words or end == "}":
            reader.take(line, words, end)
    return reader.rules(line)


class _Reader:
    """The tables as they are after each statement."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._tables: dict[str, dict[str, Chain]] = {}
        self._table = ""
        self._draft: _Draft | None = None

    def take(self, line: int, words: list[str], end: str) -> None:
        if self._draft:
            if words and not end:
                self._draft.add(words, line)
                return
            if end == "}":
                hook, chain = self._draft.chain()
                if hook in self._tables[self._table]:
                    raise NotUnderstood(self._file, line, f"a second chain for {hook}")
                self._tables[self._table][hook] = chain
                self._draft = None
                return
        elif self._table:
            match words, end:
                case ["chain", _], "{":
                    self._draft = _Draft(self._file, line)
                    return
                case [], "}":
                    self._table = ""
                    return
        else:
            match words, end:
                case ["table", "inet", name], "{":
                    self._table = name
                    self._tables.setdefault(name, {})
                    return
                case ["delete", "table", "inet", name], "" if name in self._tables:
                    del self._tables[name]
                    return
        raise NotUnderstood(self._file, line, f"'{' '.join([*words, end]).strip()}' at this place")

    def rules(self, line: int) -> RuleSet:
        if self._table:
            raise NotUnderstood(self._file, line, "a block that does not end")
        if len(self._tables) != 1:
            raise NotUnderstood(self._file, line, f"{len(self._tables)} tables, not one")
        (chains,) = self._tables.values()
        return RuleSet(chains.get("output"), chains.get("input"))


class _Draft:
    """A chain while it is read."""

    def __init__(self, file: str, line: int) -> None:
        self._file, self._line = file, line
        self._hook = ""
        self._policy = "accept"  # nft's own default
        self._rules: list[Rule] = []

    def add(self, words: list[str], line: int) -> None:
        match words:
            case ["type", "filter", "hook", hook, "priority", priority] if (
                hook in _HOOKS and _PRIORITY.fullmatch(priority) and not self._hook
            ):
                self._hook = hook
            case ["policy", "accept" | "drop" as policy] if self._hook and not self._rules:
                self._policy = policy
            case _ if not self._hook:
                raise NotUnderstood(self._file, line, f"'{' '.join(words)}' in a chain without a known hook")
            case _:
                self._rules.append(read_rule(words, self._hook, self._file, line))

    def chain(self) -> tuple[str, Chain]:
        if not self._hook:
            raise NotUnderstood(self._file, self._line, "a chain without a known hook")
        return self._hook, Chain(self._policy, tuple(self._rules), self._line)


def _statements(text: str, file: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield line, words and what ends them: an opening or closing brace, or nothing."""
    for number, line in enumerate(text.splitlines(), 1):
        words: list[str] = []
        at = 0
        stripped = line.rstrip()
        while at < len(stripped):
            found = _TOKEN.match(stripped, at)
            if not found:
                raise NotUnderstood(file, number, f"'{stripped[at:].strip()}'")
            at = found.end()
            word = found[1]
            if word[0] == "#":
                break
            if word in "{};":
                if word == "}" and words:
                    yield number, words, ""
                    words = []
                yield number, words, "" if word == ";" else word
                words = []
            else:
                words.append(word)
        if words:
            yield number, words, ""
