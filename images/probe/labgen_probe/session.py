"""The conversation: one request in JSON on each line, one answer in JSON on each line.

Every request names its `op`. One that cannot be understood, or whose answer breaks, is answered by its
`error`, and the conversation goes on:

    {"op": "look"}
    {"op": "look", "listeners": [...], "addresses": [...], ...}
    {"op": "sing"}
    {"op": "sing", "error": "there is no such question; there are: fetch, listen, look, names, speak, sweep"}

Each module of this package that answers says what its question takes and gives. They are imported when they
are asked: a probe that looks and sweeps does not wait for an HTTP client.
"""

from __future__ import annotations

import json
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

__all__ = ["answer", "converse"]

_QUESTIONS = ("fetch", "listen", "look", "names", "speak", "sweep")


def converse(questions: IO[bytes], answers: IO[bytes]) -> int:
    """Answer every line of `questions`; return the exit code when they end, or nobody reads the answers."""
    for line in questions:
        said = json.dumps(answer(line), separators=(",", ":")).encode()
        try:
            answers.write(said + b"\n")
            answers.flush()
        except BrokenPipeError:
            return 1
    return 0


def answer(line: bytes) -> dict[str, Any]:
    """Return the answer to one request, or its error. Never raises."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"op": "", "error": f"the request is not JSON: {error}"}
    if not isinstance(request, dict):
        return {"op": "", "error": "the request is not an object"}
    op = request.get("op")
    if op not in _QUESTIONS:
        known = ", ".join(_QUESTIONS)
        return {"op": op, "error": f"there is no such question; there are: {known}"}
    try:
        found: dict[str, Any] = import_module(f"labgen_probe.{op}").answer(request)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return {"op": op, "error": f"malformed request: {type(error).__name__} {error}"}
    except Exception as error:  # noqa: BLE001 - whatever breaks is the probe's trouble, and has to be told
        return {"op": op, "error": f"{type(error).__name__}: {error}"}
    return {"op": op, **found}
