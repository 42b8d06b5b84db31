"""What differs between a running lab and its plan, as far as the engine and the lab's folder can tell.

The other half, what only shows from inside, is `labgen.verify.glance`.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from labgen.assets import images_dir, templates_dir
from labgen.catalogue.load import yaml_loader
from labgen.engine.drift_files import file_drifts
from labgen.engine.drift_model import Drift, DriftKind
from labgen.engine.drift_networks import attachment_drifts, network_drifts, stranger_drifts
from labgen.engine.observe import RUNNING, NodeState, observe
from labgen.engine.reload import Loaded
from labgen.errors import LabgenError
from labgen.images import image_tags
from labgen.names import Label, project_name
from labgen.render.lab import COMPOSE_FILE, render_lab

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labgen.engine.client import Engine
    from labgen.engine.state import LabState
    from labgen.plan.model import LabPlan
    from labgen.render.lab import Rendering

__all__ = ["find_drift"]

_HASH: Final = "com.docker.compose.config-hash"
_PROJECT: Final = "com.docker.compose.project"
_FOLDER: Final = "com.docker.compose.project.working_dir"
_SECONDS: Final = 20


def find_drift(engine: Engine, state: LabState, plan: LabPlan) -> list[Drift]:
    """Return what differs between the plan and what the engine and the lab's folder have.

    Raises LabgenError when Compose cannot say what it would make.
    """
    rendering = render_lab(plan, templates_dir(), image_tags(images_dir()))
    document = yaml.load(rendering.files[COMPOSE_FILE], Loader=yaml_loader)  # noqa: S506 - a safe loader
    found = [
        *_containers(engine, state, plan, rendering, document),
        *network_drifts(plan.name, document["networks"], engine.sdk.api.networks()),
        *file_drifts(state.folder, rendering),
    ]
    order = list(DriftKind)
    return sorted(found, key=lambda one: order.index(one.kind))


def _containers(
    engine: Engine, state: LabState, plan: LabPlan, rendering: Rendering, document: Mapping[str, Any]
) -> Iterator[Drift]:
    services: Mapping[str, Any] = document["services"]
    own, strangers = {}, []
    for one in engine.containers():
        labels = one.get("Labels") or {}
        if labels.get(Label.LAB) != plan.name:
            strangers.append(one)
        elif Label.PROBE not in labels:  # a measurement that goes on is no drift
            own[str(one["Names"][0]).removeprefix("/")] = one
    states = {status.container: status.state for status in observe(engine, plan.name).values()}
    loaded = Loaded(state)
    hashes = _hashes(_made_in(state.folder, own.values()), rendering.files[COMPOSE_FILE])
    images = _images(engine)
    by_name = {str(service["container_name"]): name for name, service in services.items()}
    for name, service_name in by_name.items():
        if name not in own:
            yield _drift(DriftKind.CONTAINER, service_name, "running", "missing", "creates it")
            continue
        container, service = own[name], services[service_name]
        # The container beside a foreign image is no node, so nobody observes it.
        running = states.get(container["Id"]) or NodeState(
            NodeState.HEALTHY if container.get("State") == "running" else NodeState.STOPPED
        )
        yield from _runs(plan.name, service_name, running, str(container.get("Status", "")))
        yield from _made_from(service_name, service, container, images, hashes.get(service_name, ""))
        yield from _goes_on_with(service_name, rendering, loaded.of(container["Id"]))
        yield from attachment_drifts(plan.name, service_name, service, container)
    for name, container in own.items():
        if name not in by_name:
            yield _unplanned(plan.name, name, container)
    yield from stranger_drifts(document["networks"], strangers)


def _runs(lab: str, where: str, state: NodeState, detail: str) -> Iterator[Drift]:
    if state in RUNNING:
        return
    found = f"{state} ({detail})" if detail else str(state)
    if state is NodeState.RESTARTING:
        repair = f"`labgen logs {where} --lab {lab}` says why it ends"
        yield Drift(DriftKind.CONTAINER, where, "running", found, repair, up=False)
    elif state is NodeState.PAUSED:
        yield _drift(DriftKind.CONTAINER, where, "running", found, "lets it go on")
    else:
        yield _drift(DriftKind.CONTAINER, where, "running", found, "starts it")


def _made_from(
    where: str,
    service: Mapping[str, Any],
    container: Mapping[str, Any],
    images: Mapping[str, str],
    wanted_hash: str,
) -> Iterator[Drift]:
    """Yield what a container was made from and should not have been; one cause is told once."""
    labels = container.get("Labels") or {}
    image, has = str(service["image"]), str(container.get("Image", ""))
    same_image = images.get(image) == container.get("ImageID")
    if not same_image:
        if has == image or has.startswith("sha256:"):
            yield _drift(DriftKind.IMAGE, where, image, "an older image of that tag", "makes it anew")
        else:
            yield _drift(DriftKind.IMAGE, where, image, has, "makes it anew")
    expected, found = service["labels"][Label.FILES], labels.get(Label.FILES, "none")
    if expected != found:
        yield _drift(DriftKind.CONFIGURATION, where, f"files {expected}", f"files {found}", "makes it anew")
    elif same_image and wanted_hash and labels.get(_HASH) != wanted_hash:
        yield _drift(
            DriftKind.CONFIGURATION, where, "its service as rendered", "made from another", "makes it anew"
        )


def _goes_on_with(where: str, rendering: Rendering, loaded: str | None) -> Iterator[Drift]:
    """Yield that a node has not loaded its files; of one that nobody asked yet nothing is known."""
    wanted = rendering.reloads.get(where)
    if wanted and loaded not in (None, wanted.digest):
        kind = DriftKind.CONFIGURATION
        yield _drift(kind, where, "its files loaded", "it goes on with older ones", "lets it load them")


def _unplanned(lab: str, name: str, container: Mapping[str, Any]) -> Drift:
    found = f"a container with the lab's label: {container.get('Status', '')}"
    if (container.get("Labels") or {}).get(_PROJECT) == project_name(lab):
        return _drift(DriftKind.CONTAINER, name, "none", found, "removes it")
    return Drift(DriftKind.CONTAINER, name, "none", found, f"`docker rm -f {name}`", up=False)


def _images(engine: Engine) -> dict[str, str]:
    """Return the id of every image by its tags."""
    return {
        tag: str(one["Id"]) for one in engine.sdk.api.images(filters={}) for tag in one.get("RepoTags") or ()
    }


def _made_in(folder: Path, containers: Iterable[Mapping[str, Any]]) -> Path:
    """Return the lab's folder by the name that Compose knew it by: the same one behind a link is no drift."""
    for one in containers:
        known = Path(str((one.get("Labels") or {}).get(_FOLDER, "")))
        with suppress(OSError):
            if known.samefile(folder):
                return known
    return folder


def _hashes(folder: Path, text: str) -> dict[str, str]:
    """Return by service the hash by which Compose tells whether a container has to be made anew."""
    call = ["docker", "compose", "--file", "-", "--project-directory", str(folder), "config", "--hash", "*"]
    try:
        done = subprocess.run(
            call, input=text, capture_output=True, text=True, timeout=_SECONDS, check=True, env=os.environ
        )
    except (subprocess.SubprocessError, OSError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        raise LabgenError(
            f"Compose cannot say what it would make of lab's files: {said[-1] if said else error}",
            "`labgen doctor` says whether it is well.",
        ) from error
    return dict(_pairs(done.stdout.splitlines()))


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, digest = line.partition(" ")
        if digest:
            yield name, digest.strip()


def _drift(kind: DriftKind, where: str, expected: str, found: str, does: str) -> Drift:
    return Drift(kind, where, expected, found, f"`labgen up` {does}")
