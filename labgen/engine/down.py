"""Takes a lab away, by its label: also when the state folder is gone or holds another lab by now."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

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

    `keep_volumes` keeps the data, and the folder with the secrets that open it. Raises LabgenError with
    the way out when the engine does not let go of something.
    """
    from python_on_whales.exceptions import DockerException  # noqa: PLC0415

    state = lab_state(name)
    with locked(state, f"down {name}", emit, timeout):
        emit(Event(Subject.STEP, f"removing lab '{name}'"))
        compose = engine.compose(None, project_name(name)).compose
        with suppress(DockerException):  # what is left is removed below, one by one, and said if it cannot be
            compose.down(volumes=not keep_volumes, remove_orphans=True, quiet=True, timeout=5)
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


def _sweep(engine: Engine, name: str, *, keep_volumes: bool) -> list[str]:
    """Remove whatever still bears the lab's label; return what could not be removed, and why."""
    api = engine.sdk.api
    label = {"label": f"{Label.LAB}={name}"}
    left = []
    for one in api.containers(all=True, filters=label):
        title = f"container {one['Names'][0].lstrip('/')}"
        left += _removed(title, partial(api.remove_container, one["Id"], force=True, v=True))
    for network in api.networks(filters=label):
        title = f"network {network['Name']}"
        refused = _removed(title, partial(api.remove_network, network["Id"]))
        if refused:
            members = (api.inspect_network(network["Id"]).get("Containers") or {}).values()
            names = ", ".join(one["Name"] for one in members)
            left += [f"{title}: in use by container {names}"] if names else refused
    if not keep_volumes:
        for volume in api.volumes(filters=label).get("Volumes") or ():
            left += _removed(f"volume {volume['Name']}", partial(api.remove_volume, volume["Name"]))
    return left


def _removed(title: str, remove: Callable[[], object]) -> list[str]:
    """Remove one thing; return why it is still there, or nothing."""
    try:
        remove()
    except NotFound:
        return []
    except APIError as error:
        return [f"{title}: {error.explanation}"]
    return []
