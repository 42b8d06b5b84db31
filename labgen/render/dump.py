"""Writes the Compose file: every service merges one shared block, so that a reader sees what is its own.

The emitter is our own, for speed: a general one spends most of a large lab's time on what no Compose file
of ours has (tags, aliases, folding). Which quotes a text needs is still PyYAML's to say.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["dump_compose"]

_SHARED: Final = "x-node"
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # without libyaml: slower, same text
#: Text that is text without quotes, whatever reads it: most of it, and told without asking.
_PLAIN: Final = re.compile(
    r"(?:\./|/)?[A-Za-z][\w./-]*(?:[:=][\w./=,-]+)*|\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?"
)
#: Words that are no text to some reader of YAML.
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def dump_compose(compose: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    """Return `compose` as YAML, each of its services merging `common` (written once, as `x-node`)."""
    parts = [f"name: {_scalar(compose['name'])}\n", f"{_SHARED}: &node\n", *_mapping(common, "  ")]
    for key, value in compose.items():
        if key == "services" and value:
            parts.append("services:\n")
            for name, service in value.items():
                parts += (f"  {_scalar(name)}:\n", "    <<: *node\n", *_mapping(service, "    "))
        elif key != "name":
            parts += _mapping({key: value}, "")
    return "".join(parts)


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, one in value.items():
        yield from _entry(f"{indent}{_scalar(key)}:", one, indent)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    """Yield what belongs to a key; lists stand below it without a further indentation."""
    if isinstance(value, dict):
        if value:
            yield f"{head}\n"
            yield from _mapping(value, f"{indent}  ")
        else:
            yield f"{head} {{}}\n"
    elif isinstance(value, (list, tuple)):
        if value:
            yield f"{head}\n"
            yield from _sequence(value, indent)
        else:
            yield f"{head} []\n"
    else:
        yield f"{head} {_scalar(value)}\n"


def _sequence(value: Sequence[Any], indent: str) -> Iterator[str]:
    for one in value:
        if isinstance(one, (dict, list, tuple)) and one:
            # The first line of what is inside follows the dash.
            inside = f"{indent}  "
            lines = _mapping(one, inside) if isinstance(one, dict) else _sequence(one, inside)
            first = next(lines)
            yield f"{indent}- {first[len(inside) :]}"
            yield from lines
        else:
            yield from _entry(f"{indent}-", one, indent)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return repr(value) if isinstance(value, (int, float)) else _quoted(str(value))


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    """Return text as PyYAML writes it, on one line."""
    style = '"' if "\n" in text else None
    written = yaml.dump([text], Dumper=_DUMPER, default_style=style, width=2**30, allow_unicode=True)
    return str(written).removeprefix("- ").removesuffix("\n")
