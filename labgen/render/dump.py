"""Writes the Compose file: every service merges one shared block, so that a reader sees what is its own."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

__all__ = ["dump_compose"]

_SHARED: Final = "x-node"
# The two places where the emitter writes the anchor: no value of anybody's looks like these lines.
_ANCHOR: Final = re.compile(r"^(x-node: &|    <<: \*)id001$", re.MULTILINE)


class _MergeKey:
    """The key `<<`, which PyYAML would quote if it were a string."""


_MERGE: Final = _MergeKey()


def dump_compose(compose: dict[str, Any], common: dict[str, Any]) -> str:
    """Return `compose` as YAML, each of its services merging `common` (written once, as `x-node`)."""
    services = {name: {_MERGE: common, **service} for name, service in compose["services"].items()}
    document = {"name": compose["name"], _SHARED: common, **compose, "services": services}

    def is_no_anchor(_dumper: Any, data: Any) -> bool:
        return data is not common  # nothing else is worth a look elsewhere in the file

    base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # without libyaml: ten times slower, same text
    dumper: Any = type("Dumper", (base,), {"ignore_aliases": is_no_anchor})
    dumper.add_representer(_MergeKey, _represent_merge)
    text = yaml.dump(document, Dumper=dumper, sort_keys=False, width=110, allow_unicode=True)
    return _ANCHOR.sub(r"\1node", str(text))


def _represent_merge(dumper: Any, _data: _MergeKey) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:merge", "<<", style="")
