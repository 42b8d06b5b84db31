"""Brings a lab up, from whatever state it is in: the whole way, top to bottom."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from labgen.assets import images_dir, templates_dir
from labgen.catalogue.load import default_catalogue
from labgen.engine.build import build_images, missing_images
from labgen.engine.capacity import DISK_FOR_IMAGES, DISK_FOR_LAB, check_capacity, measure_machine
from labgen.engine.converge import (
    NetworkTakenError,
    PortTakenError,
    clear_blind,
    clear_moved,
    compose_up,
    remove_stale,
    resume_paused,
)
from labgen.engine.events import Emit, Event, Subject, ignore
from labgen.engine.free import choose_port, choose_supernet, is_port_free, taken_networks
from labgen.engine.lock import locked
from labgen.engine.observe import RUNNING, NodeState, observe
from labgen.engine.ready import Watch, wait_ready
from labgen.engine.reload import Loaded, failure, outdated, reload_nodes, stays
from labgen.engine.state import LabState, lab_state
from labgen.errors import InvalidInput
from labgen.images import image_reference, image_tags, is_foreign, read_images, wanted_images
from labgen.names import Label
from labgen.plan.build import make_plan
from labgen.render.beside import HOLDER_IMAGE
from labgen.render.lab import image_names, render_lab
from labgen.render.write import write_rendering

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labgen.engine.client import Engine
    from labgen.images import ImageFolder
    from labgen.plan.model import LabPlan
    from labgen.plan.spec import LabSpec
    from labgen.render.lab import Rendering

_ATTEMPTS: Final = 5
#: Seconds that nodes wait for new ones before they turn to them.
_NEW: Final = 60.0

__all__ = ["UpResult", "check_room", "lab_images", "resolve", "up"]


@dataclass(frozen=True, slots=True)
class UpResult:
    """A lab that is up: its plan, how long it took in seconds, and what labgen decided by itself."""

    plan: LabPlan
    seconds: float
    notes: tuple[str, ...] = field(default=())


def _nothing() -> None:
    """Do nothing meanwhile."""


def up(
    engine: Engine,
    name: str,
    spec: LabSpec,
    *,
    timeout: float,
    wait: bool = True,
    emit: Emit = ignore,
    meanwhile: Callable[[], object] = _nothing,
) -> UpResult:
    """Make the lab `name` run as `spec` says; a lab that does already is left untouched.

    `meanwhile` is done, if it can be, while nodes that are new get healthy: `up` goes well without it.

    Raises what its steps raise: InvalidInput, LabgenError, NotReady.
    """
    started = time.monotonic()
    state = lab_state(name)
    with locked(state, f"up {name}", emit, timeout):
        plan, notes = resolve(engine, name, spec)
        missing = missing_images(engine, lab_images(plan))
        check_room(engine, plan, missing)
        if missing:
            emit(Event(Subject.STEP, f"building {len(missing)} images"))
            build_images(engine, missing, emit)
        with Watch(engine, name, emit) as watch:
            for attempt in range(_ATTEMPTS):
                try:
                    rendering, new = _start(engine, state, spec, plan, emit)
                    break
                except (PortTakenError, NetworkTakenError):
                    if attempt == _ATTEMPTS - 1:
                        raise
                    # Somebody was quicker than we: between our look and the engine's binding.
                    plan, notes = resolve(engine, name, spec)
            remove_stale(engine, plan)
            if outdated(rendering, observe(engine, name).values(), Loaded(state)):
                if wait and new:
                    # Whom nobody knows yet gets no work that he could not do.
                    watch.wait_healthy(new, min(timeout, _NEW))
                _reload(engine, state, rendering, emit)
            if wait:
                with ThreadPoolExecutor(1, thread_name_prefix="meanwhile") as aside:
                    if new:
                        aside.submit(meanwhile)
                    wait_ready(engine, name, [node.name for node in plan.nodes], watch, timeout, emit)
    return UpResult(plan, time.monotonic() - started, tuple(notes))


def _start(
    engine: Engine, state: LabState, spec: LabSpec, plan: LabPlan, emit: Emit
) -> tuple[Rendering, list[str]]:
    """Put the lab on disk and let Compose start it; return the rendering and the nodes that start now."""
    rendering = render_lab(plan, templates_dir(), image_tags(images_dir()))
    blind = {node.name for node in plan.nodes if not (state.folder / "nodes" / node.name).is_dir()}
    written = write_rendering(state.folder, rendering, _names(plan))
    state.remember(spec, plan)
    clear_moved(engine, plan)
    existing = clear_blind(engine, observe(engine, plan.name), set() if written.renewed else blind)
    resume_paused(engine, existing.values())
    # Somebody may have edited a file and restarted its node: what was loaded then, nobody noted.
    touched = {path.split("/")[1] for path in written.changed if path.startswith("nodes/")}
    Loaded(state).forget([one.container for one in existing.values() if one.name in touched])
    if existing.keys() - plan.node_by_name.keys():
        _turn_away(engine, state, rendering, emit)
    emit(Event(Subject.STEP, f"starting {len(plan.nodes)} nodes on {len(plan.links)} links"))
    compose_up(engine, state, renewed=bool(existing and written.renewed))
    running = RUNNING | {NodeState.PAUSED}
    before = {one.container for one in existing.values() if one.state in running}
    now = observe(engine, plan.name)
    started = [one for one in now.values() if one.container not in before]
    # Who starts after the files were written has read them.
    fresh = {
        one.container: rendering.reloads[one.name].digest for one in started if one.name in rendering.reloads
    }
    Loaded(state).note(fresh, [one.container for one in now.values()])
    return rendering, [one.name for one in started]


def _turn_away(engine: Engine, state: LabState, rendering: Rendering, emit: Emit) -> None:
    """Let the nodes that stay turn away from those that go, before they are gone.

    Who cannot do it now is asked again afterwards, and then it counts.
    """
    nodes = observe(engine, state.name)
    staying = [one for one in nodes.values() if stays(rendering, one)]
    digests, _ = reload_nodes(engine, rendering, outdated(rendering, staying, Loaded(state)), emit)
    Loaded(state).note(digests, [one.container for one in nodes.values()])


def _reload(engine: Engine, state: LabState, rendering: Rendering, emit: Emit) -> None:
    nodes, loaded = observe(engine, state.name), Loaded(state)
    digests, refused = reload_nodes(engine, rendering, outdated(rendering, nodes.values(), loaded), emit)
    loaded.note(digests, [one.container for one in nodes.values()])
    if refused:
        raise failure(state.name, refused)


def resolve(engine: Engine, name: str, spec: LabSpec) -> tuple[LabPlan, list[str]]:
    """Return the plan with a supernet and host ports that are free here, and what was chosen otherwise.

    Raises InvalidInput when what the user fixed is taken.
    """
    catalogue = default_catalogue()
    # With the documented ports: the user's own may be the same as one of those.
    draft = make_plan(catalogue, spec.model_copy(update={"ports": {}}), name)
    taken, own = taken_networks(engine, name)
    supernet = choose_supernet(spec.supernet, own if _fits(spec, own, name) else None, taken)
    ports, notes = _choose_ports(engine, spec, draft)
    if own is not None and spec.supernet is None and supernet != own:
        notes.append(f"the lab moves from {own} to {supernet}")
    # Another rhythm would make every node anew.
    before = lab_state(name).recall(chosen=True) if own is not None and spec.check_seconds is None else None
    seconds = before.check_seconds if before else spec.check_seconds
    final = spec.model_copy(update={"supernet": supernet, "ports": ports, "check_seconds": seconds})
    return make_plan(catalogue, final, name), notes


def _choose_ports(engine: Engine, spec: LabSpec, draft: LabPlan) -> tuple[dict[str, int], list[str]]:
    own = _own_ports(engine, draft.name)
    ports: dict[str, int] = {}
    notes = []
    # What the user fixed comes first, so that nothing else takes it.
    for one in sorted(draft.published, key=lambda one: one.name not in spec.ports):
        held = own.get((one.node, one.port))
        mine = [held] if held else []
        fixed = spec.ports.get(one.name)
        if fixed:
            if not is_port_free(spec.bind, fixed, mine):
                raise InvalidInput(
                    f"ports.{one.name}: {spec.bind}:{fixed} is in use",
                    "Free it, choose another, or leave it out: labgen then takes the next free one.",
                )
            ports[one.name] = fixed
            continue
        first = held or one.host_port
        ports[one.name] = choose_port(spec.bind, first, mine, ports.values())
        if ports[one.name] != first:
            notes.append(f"port {first} is busy, {one.name} is on {ports[one.name]} instead")
    return ports, notes


def _fits(spec: LabSpec, own: object, name: str) -> bool:
    """Whether the lab, as it is now wanted, fits the supernet that it has (it may have grown)."""
    if own is None:
        return False
    try:
        make_plan(default_catalogue(), spec.model_copy(update={"supernet": own}), name)
    except InvalidInput:
        return False
    return True


def _own_ports(engine: Engine, name: str) -> dict[tuple[str, int], int]:
    return {
        (one["Labels"].get(Label.NODE) or one["Labels"].get(Label.HOLDS, ""), port["PrivatePort"]): port[
            "PublicPort"
        ]
        for one in engine.containers(f"{Label.LAB}={name}")
        for port in one.get("Ports") or ()
        if port.get("PublicPort")
    }


def lab_images(plan: LabPlan) -> list[ImageFolder]:
    """Return the image folders that a lab needs, parents first.

    Raises InvalidInput when a role's image is neither a folder of images/ nor a full reference.
    """
    folders = read_images(images_dir())
    tags = image_tags(images_dir())
    names = image_names(plan, templates_dir())
    for node, image in names.items():
        image_reference(image, tags, f"images.{plan.node_by_name[node].role}")
    wanted = {HOLDER_IMAGE if is_foreign(image) else image for image in names.values()}
    return wanted_images(folders, wanted)


def check_room(engine: Engine, plan: LabPlan, missing: Sequence[ImageFolder]) -> None:
    """Raise LabgenError when what the lab still lacks (nodes, `missing` images) does not fit this machine."""
    running = observe(engine, plan.name)
    memory = sum(node.memory_typical for node in plan.nodes if node.name not in running)
    disk = (DISK_FOR_IMAGES if missing else 0) + (0 if running else DISK_FOR_LAB)
    check_capacity(measure_machine(engine), memory, disk)


def _names(plan: LabPlan) -> list[str]:
    """Further names for certificates: the addresses that ports are published on."""
    bound = {one.bind for one in plan.published} - {"0.0.0.0", "127.0.0.1"}  # noqa: S104
    return sorted(bound.union(*((address, one.host) for address, one in plan.virtual_addresses.items())))
