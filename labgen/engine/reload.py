"""Lets nodes that run take over files that changed: a lab grows and shrinks around them.

What a container has loaded is kept in the state folder by the container's id. It is no more than a memory:
who is not in it, or is there with something else, is asked to load again, which may be done at any time.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import requests
from docker.errors import DockerException

from labgen.engine.events import Emit, Event, Subject
from labgen.engine.observe import RUNNING
from labgen.engine.once import run_inside, words_of
from labgen.errors import LabgenError
from labgen.render.files import write_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from labgen.engine.client import Engine
    from labgen.engine.observe import NodeStatus
    from labgen.engine.state import LabState
    from labgen.render.lab import Rendering

__all__ = ["Loaded", "failure", "outdated", "reload_nodes", "stays"]

_USER: Final = "900:900"
_SECONDS: Final = 40  # for one node
_AT_ONCE: Final = 4
_TIMED_OUT: Final = 124  # how `timeout` ends when it had to


class Loaded:
    """What each container of a lab has loaded, as far as it is known."""

    def __init__(self, state: LabState) -> None:
        self._path: Path = state.folder / "loaded.json"
        try:
            document = json.loads(self._path.read_text("utf-8"))
            self._digests = {str(key): str(value) for key, value in document.items()}
        except (OSError, ValueError, AttributeError):
            self._digests = {}

    def of(self, container: str) -> str | None:
        """Return the digest of what `container` has loaded, None when nobody knows."""
        return self._digests.get(container)

    def forget(self, containers: Collection[str]) -> None:
        """Know nothing of these any more."""
        self.note({}, self._digests.keys() - set(containers))

    def note(self, digests: Mapping[str, str], there: Collection[str]) -> None:
        """Keep what containers have loaded, and forget those that are not `there` any more."""
        found = {key: value for key, value in {**self._digests, **digests}.items() if key in there}
        if found != self._digests:
            self._digests = found
            write_file(self._path, json.dumps(found, indent=0) + "\n", 0o644)


def stays(rendering: Rendering, node: NodeStatus) -> bool:
    """Whether the container of `node` is, as far as its files go, the one that `rendering` wants."""
    return rendering.made_from.get(node.name) == node.files


def outdated(rendering: Rendering, nodes: Iterable[NodeStatus], loaded: Loaded) -> list[NodeStatus]:
    """Return the nodes that run and have not loaded what `rendering` has for them."""
    return [
        one
        for one in nodes
        if one.state in RUNNING
        and one.name in rendering.reloads
        and loaded.of(one.container) != rendering.reloads[one.name].digest
    ]


def reload_nodes(
    engine: Engine, rendering: Rendering, nodes: Iterable[NodeStatus], emit: Emit
) -> tuple[dict[str, str], dict[str, str]]:
    """Let each node load its files, several at once; return digests by container, and why others did not."""
    digests: dict[str, str] = {}
    refused: dict[str, str] = {}

    def work(node: NodeStatus) -> None:
        wanted = rendering.reloads[node.name]
        reason = _reload(engine, node, wanted.command)
        if reason:
            refused[node.name] = reason
            emit(Event(Subject.NODE, node.name, "keeps its old files", reason))
        else:
            digests[node.container] = wanted.digest
            emit(Event(Subject.NODE, node.name, "reloaded"))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(work, nodes))
    return digests, refused


def _reload(engine: Engine, node: NodeStatus, command: tuple[str, ...]) -> str:
    """Run a node's reload in it; return one line that says why it failed, nothing when it did not."""
    call = ["timeout", str(_SECONDS), *command]
    home = {"HOME": "/tmp"}  # noqa: S108 - the container's
    try:
        code, said = run_inside(engine, node.container, call, user=_USER, environment=home)
    except (DockerException, requests.RequestException) as error:
        return words_of(error)
    if code == 0:
        return ""
    if code == _TIMED_OUT:
        return f"no answer within {_SECONDS} s"
    lines = said.splitlines()
    return lines[-1] if lines else f"exit code {code}"


def failure(lab: str, refused: Mapping[str, str]) -> LabgenError:
    """Return what to tell when nodes did not load their files."""
    count = f"{len(refused)} node{'s have' if len(refused) > 1 else ' has'}"
    lines = "\n".join(f"  {name}: {reason}" for name, reason in sorted(refused.items()))
    name = min(refused)
    return LabgenError(
        f"{count} not taken over what changed\n{lines}",
        f"`labgen up {lab}` tries again; `labgen restart {name} --lab {lab}` starts the node anew.",
    )
