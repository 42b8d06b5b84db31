"""Reads YAML into plain values that know their lines, merges included (Compose files, YAML 1.1 `<<`).

Events, not nodes: the composer of PyYAML makes an object per scalar, which takes ten times as long for a lab
of thousands. Scalars stay text; nobody here needs more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from labgen.verify.proof.faults import NotUnderstood

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Block", "Value", "read_document"]

_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_MERGE: Final = "<<"


class Block(dict[str, "Value"]):
    """A mapping, the line that it begins on, and the line of each of its keys."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def at(self, key: str) -> int:
        """Return the line of `key`, or of the mapping when it has no such key."""
        return self.lines.get(key, self.line)


Value = str | list[Any] | Block


def read_document(text: str, file: str) -> Block:
    """Return the one mapping that `text`, the contents of `file`, is. Raises NotUnderstood."""
    try:
        reader = _Reader(yaml.parse(text, Loader=_LOADER), file)
        found = reader.document()
    except yaml.MarkedYAMLError as error:
        raise NotUnderstood(file, _line(error.problem_mark), f"no valid YAML, {error.problem}") from error
    except yaml.YAMLError as error:
        raise NotUnderstood(file, 0, "no valid YAML") from error
    if not isinstance(found, Block):
        raise NotUnderstood(file, 1, "no mapping of keys")
    return found


def _line(mark: Any) -> int:
    """Return the line of `mark`; the two parsers have marks of different types, or none."""
    return mark.line + 1 if mark else 0


class _Reader:
    """One pass over the events of a document."""

    def __init__(self, events: Iterator[Any], file: str) -> None:
        self._events = events
        self._file = file
        self._anchors: dict[str, Value] = {}

    def document(self) -> Value:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                break
        else:
            raise NotUnderstood(self._file, 0, "an empty file")
        found = self._value(next(self._events))
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                raise NotUnderstood(self._file, _line(event.start_mark), "a second document")
        return found

    def _value(self, event: Any) -> Value:
        kind = type(event)
        line = event.start_mark.line + 1
        if kind is yaml.AliasEvent:
            if event.anchor not in self._anchors:
                raise NotUnderstood(self._file, line, f"*{event.anchor}, which stands for nothing")
            return self._anchors[event.anchor]
        if event.tag is not None:
            raise NotUnderstood(self._file, line, f"the tag {event.tag}")
        found: Value
        if kind is yaml.ScalarEvent:
            found = str(event.value)
        elif kind is yaml.MappingStartEvent:
            found = self._mapping(line)
        else:
            found = []
            while type(following := next(self._events)) is not yaml.SequenceEndEvent:
                found.append(self._value(following))
        if event.anchor is not None:
            self._anchors[event.anchor] = found
        return found

    def _mapping(self, line: int) -> Block:
        block = Block(line)
        merged: list[Value] = []
        while type(event := next(self._events)) is not yaml.MappingEndEvent:
            at = event.start_mark.line + 1
            key = self._value(event)
            value = self._value(next(self._events))
            if not isinstance(key, str) or key in block:
                raise NotUnderstood(self._file, at, f"the key {key}" + " again" * isinstance(key, str))
            if key == _MERGE and event.implicit[0]:  # plain, not quoted
                merged += value if isinstance(value, list) else [value]
                continue
            block[key] = value
            block.lines[key] = at
        # What a mapping says itself wins, then the first of those that it merges.
        for one in merged:
            if not isinstance(one, Block):
                raise NotUnderstood(self._file, line, "a merge of something that is no mapping")
            for key in one.keys() - block.keys():
                block[key] = one[key]
                block.lines[key] = one.lines[key]
        return block
