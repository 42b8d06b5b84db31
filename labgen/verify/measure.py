"""Speaks every expected dialogue: one probe process per source node, in that node's network namespace."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from labgen.names import container_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labgen.verify.expect import Expected

__all__ = ["PROBE_IMAGE", "Measured", "Outcome", "measure"]

#: The folder of images/ with the program that speaks every protocol.
PROBE_IMAGE: Final = "probe"
_PARALLEL: Final = 4
_MARGIN: Final = 10  # for starting and removing the container
_SECONDS: Final = 60  # for one probe with all its checks; each check has a bound of its own


class Outcome(StrEnum):
    """What a probe saw. `failed` is the probe's own trouble, and never counts as blocked."""

    SPOKEN = "spoken"
    OPEN = "open"
    GARBLED = "garbled"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNRESOLVED = "unresolved"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one expected dialogue; `evidence` is what was said, or what went wrong."""

    expected: Expected
    outcome: Outcome
    evidence: str


def measure(
    lab: str, probe_image: str, expected: Sequence[Expected], secrets: Mapping[str, str]
) -> list[Measured]:
    """Return one result per expected dialogue, always; `secrets` holds passwords and the CA (`ca`)."""
    by_source = [(name, list(group)) for name, group in groupby(expected, key=lambda one: one.source)]
    with ThreadPoolExecutor(_PARALLEL) as pool:
        parts = pool.map(lambda part: _probe(lab, probe_image, part[0], part[1], secrets), by_source)
        return [one for part in parts for one in part]


def _probe(
    lab: str, image: str, source: str, group: Sequence[Expected], secrets: Mapping[str, str]
) -> list[Measured]:
    call = [
        *("docker", "run", "--rm", "--interactive", "--init"),
        *("--network", f"container:{container_name(lab, source)}"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "900:900"),
        *("--read-only", "--tmpfs", "/tmp", "--entrypoint", "timeout", image),  # noqa: S108
        # The container ends by itself, also when nobody waits for it any more.
        *(str(_SECONDS), "labgen-probe"),
    ]
    try:
        checks = [one.as_check(secrets) for one in group]
    except KeyError as error:
        return [Measured(one, Outcome.FAILED, f"secret {error} is not there to ask with") for one in group]
    try:
        document = json.dumps({"checks": checks, "secrets": dict(secrets)})
        done = subprocess.run(
            call, input=document, capture_output=True, text=True, timeout=_SECONDS + _MARGIN, check=True
        )
        results = {str(one["id"]): one for one in json.loads(done.stdout)["results"]}
    except subprocess.TimeoutExpired:
        return [Measured(one, Outcome.FAILED, f"the probe did not end within {_SECONDS} s") for one in group]
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip()[-400:] or f"exit code {error.returncode}"
        return [Measured(one, Outcome.FAILED, f"the probe broke: {reason}") for one in group]
    except OSError as error:
        return [Measured(one, Outcome.FAILED, f"the probe broke: {error}") for one in group]
    except (ValueError, LookupError, TypeError) as error:
        return [
            Measured(one, Outcome.FAILED, f"the probe's answer is not readable: {error}") for one in group
        ]
    return [_result(one, results.get(one.id)) for one in group]


def _result(expected: Expected, found: Mapping[str, Any] | None) -> Measured:
    if found is None:
        return Measured(expected, Outcome.FAILED, "the probe did not answer for it")
    try:
        return Measured(expected, Outcome(str(found.get("outcome"))), str(found.get("evidence", "")))
    except ValueError as error:
        return Measured(expected, Outcome.FAILED, f"the probe's answer is not readable: {error}")
