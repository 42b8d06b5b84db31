"""Takes a lab away, by its label: also when the state folder is gone or holds another lab by now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import requests
from docker.errors import APIError, NotFound

from labgen.engine.events import Emit, Event, Subject, ignore
from labgen.engine.lock import locked
from labgen.engine.state import lab_state, remembered_labs
from labgen.errors import LabgenError
from labgen.names import Label, project_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen.engine.client import Engine

__all__ = ["down", "known_labs"]

_AT_ONCE: Final = 16
_GOING: Final = 20  # seconds for a container that is on its way out already


def known_labs(engine: Engine) -> list[str]:
    """Return the names of all labs of which anything is left: on the engine, or in the state folder."""
    api = engine.sdk.api
    label = {"label": Label.LAB}
    labelled = [
        *(one["Labels"] for one in engine.containers(Label.LAB)),
        *(one["Labels"] for one in api.networks(filters=label)),
        *(one["Labels"] for one in api.volumes(filters=label).get("Volumes") or ()),
    ]
    return sorted({labels[Label.LAB] for labels in labelled} | set(remembered_labs()))


def down(
    engine: Engine, name: str, *, keep_volumes: bool = False, timeout: float = 120, emit: Emit = ignore
) -> None:
    """Remove the containers, networks and volumes of the lab `name`, and its folder.

    `keep_volumes` keeps the data, and the folder with the secrets that open it; then every server is stopped
    in order before, as it would want to. Raises LabgenError with the way out when the engine does not let
    go of something.
    """
    state = lab_state(name)
    with locked(state, f"down {name}", emit, timeout):
        emit(Event(Subject.STEP, f"removing lab '{name}'"))
        if keep_volumes:
            _stop(engine, name)
        left = _sweep(engine, name, keep_volumes=keep_volumes)
        if left:
            raise LabgenError(
                f"lab '{name}' is not gone:\n" + "\n".join(f"  {one}" for one in left),
                "Something that is not labgen's uses it: remove that, then `labgen down` again.",
            )
        if not keep_volumes:
            state.forget()
            # While it is held: a waiter sees that the file is gone and takes a new one.
            state.lock_file.unlink(missing_ok=True)


def _stop(engine: Engine, name: str) -> None:
    """Stop a lab's servers, each before those it depends on, so that all they know is in their data."""
    from python_on_whales.exceptions import DockerException  # noqa: PLC0415

    compose = engine.compose(None, project_name(name)).compose
    with suppress(DockerException):  # what is left is removed anyway, and said if it cannot be
        compose.down(volumes=False, remove_orphans=True, quiet=True, timeout=5)


def _sweep(engine: Engine, name: str, *, keep_volumes: bool) -> list[str]:
    """Remove whatever still bears the lab's label; return what could not be removed, and why.

    Nobody is asked to end in order: what it would write goes as well. The engine works at many at once,
    which for many containers is quicker than after each other.
    """
    api = engine.sdk.api
    label = {"label": f"{Label.LAB}={name}"}

    def container(one: dict[str, Any]) -> list[str]:
        return _removed(
            f"container {one['Names'][0].lstrip('/')}",
            partial(api.remove_container, one["Id"], force=True, v=True),
            partial(_goes, engine, one["Id"]),
        )

    def network(one: dict[str, Any]) -> list[str]:
        refused = _removed(f"network {one['Name']}", partial(api.remove_network, one["Id"]))
        return (_users(engine, one) or refused) if refused else []

    def volume(one: dict[str, Any]) -> list[str]:
        return _removed(f"volume {one['Name']}", partial(api.remove_volume, one["Name"]))

    left: list[str] = []
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="down") as pool:
        # In the order in which the engine allows it.
        left += chain.from_iterable(pool.map(container, api.containers(all=True, filters=label)))
        left += chain.from_iterable(pool.map(network, api.networks(filters=label)))
        if not keep_volumes:
            found = api.volumes(filters=label).get("Volumes") or ()
            left += chain.from_iterable(pool.map(volume, found))
    return left


def _users(engine: Engine, network: dict[str, Any]) -> list[str]:
    """Say who uses a network that the engine does not remove; nothing when nobody seems to."""
    members = (engine.sdk.api.inspect_network(network["Id"]).get("Containers") or {}).values()
    names = ", ".join(one["Name"] for one in members)
    return [f"network {network['Name']}: in use by container {names}"] if names else []


def _removed(title: str, remove: Callable[[], object], goes: Callable[[], bool] = lambda: False) -> list[str]:
    """Remove one thing; return why it is still there, or nothing.

    What is on its way out at that moment has `goes` to wait for it.
    """
    try:
        remove()
    except NotFound:
        return []
    except APIError as error:
        if "already in progress" not in str(error.explanation) or not goes():
            return [f"{title}: {error.explanation}"]
    return []


def _goes(engine: Engine, container: str) -> bool:
    """Wait for a container that is on its way out already; return whether it is gone."""
    try:
        engine.sdk.api.wait(container, timeout=_GOING, condition="removed")
    except NotFound:
        return True
    except (APIError, requests.RequestException):
        return False
    return True
