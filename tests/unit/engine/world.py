"""An engine that is not there: what it would list, what it was asked to do, and what it refuses.

Plain classes in place of the Docker SDK and the Compose client, with the few calls that labgen makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from docker.errors import APIError, ImageNotFound, NotFound

from labgen.engine.client import Engine
from labgen.names import Label, container_name, network_name, project_name

if TYPE_CHECKING:
    import docker
    import python_on_whales

    from labgen.engine.events import Event
    from labgen.plan.model import LabPlan

__all__ = ["FakeApi", "Heard", "Stream", "World", "container", "network", "refusal", "run_lab", "volume"]

GIB = 2**30
HEALTHY = "Up 3 minutes (healthy)"


def refusal(sentence: str) -> APIError:
    """Return what the engine answers when it will not."""
    return APIError(sentence, explanation=sentence)


class Heard(list["Event"]):
    """Listens to the engine's events."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    @property
    def lines(self) -> list[str]:
        """Every event in one line."""
        return [" ".join(part for part in (one.name, one.state) if part) for one in self]


@dataclass
class World:
    """All that the engine has.

    `calls` holds what it was asked to change, `refused` what it will not do, `said` how commands in its
    containers end.
    """

    containers: list[dict[str, Any]] = field(default_factory=list)
    networks: list[dict[str, Any]] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    inspected: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)
    said: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=lambda: {"MemTotal": 8 * GIB, "NCPU": 2})
    calls: list[tuple[str, ...]] = field(default_factory=list)
    refused: dict[tuple[str, ...], Exception] = field(default_factory=dict)
    pulled: Exception | None = None
    compose_up: Callable[[], object] = lambda: None
    compose_down: Callable[[], object] = lambda: None
    build: Callable[[Path], Iterable[str]] = lambda _path: ()
    build_cache: bool = True

    @property
    def engine(self) -> Engine:
        """The engine as labgen sees it."""
        return FakeEngine(cast("docker.DockerClient", FakeSdk(self)), None).of(self)

    def did(self, *call: str) -> None:
        """Note a call; raise what was planned for it."""
        self.calls.append(call)
        if call in self.refused:
            raise self.refused[call]

    def has_image(self, tag: str, size: int = GIB) -> None:
        """Let the engine have an image of labgen's."""
        self.images.append({"RepoTags": [tag], "Labels": {Label.IMAGE: tag}, "Size": size})


class FakeApi:
    """The SDK's low-level client."""

    def __init__(self, world: World) -> None:
        self.world = world

    def containers(self, *, all: bool, filters: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: A002
        assert all, "stopped containers count too"
        return _labelled(self.world.containers, filters)

    def networks(self, filters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        return _labelled(self.world.networks, filters or {})

    def volumes(self, filters: dict[str, Any]) -> dict[str, Any]:
        # The engine says null, not an empty list.
        return {"Volumes": _labelled(self.world.volumes, filters) or None}

    def images(self, filters: dict[str, Any]) -> list[dict[str, Any]]:
        return _labelled(self.world.images, filters)

    def events(self, *, decode: bool, filters: dict[str, Any]) -> Stream:
        assert decode
        assert filters["type"] == "container"
        return Stream(self.world.events)

    def inspect_container(self, name: str) -> dict[str, Any]:
        if name not in self.world.inspected:
            raise NotFound(f"No such container: {name}")
        return self.world.inspected[name]

    def inspect_network(self, name: str) -> dict[str, Any]:
        return next(one for one in self.world.networks if one["Id"] == name)

    def logs(self, name: str, *, tail: int, stream: bool) -> bytes:
        assert not stream
        return b"\n".join(self.world.logs.get(name, b"").splitlines()[-tail:])

    def exec_create(self, name: str, call: list[str], *, user: str, environment: dict[str, str]) -> Any:
        assert (user, environment) == ("900:900", {"HOME": "/tmp"})  # noqa: S108 - the container's
        self.world.did("exec", name, *call)
        return {"Id": name}

    def exec_start(self, name: str) -> bytes:
        return self.world.said.get(name, (0, b""))[1]

    def exec_inspect(self, name: str) -> dict[str, Any]:
        return {"ExitCode": self.world.said.get(name, (0, b""))[0]}

    def start(self, name: str) -> None:
        self.world.did("start", name)

    def stop(self, name: str, *, timeout: int) -> None:
        assert timeout
        self.world.did("stop", name)

    def restart(self, name: str, *, timeout: int) -> None:
        assert timeout
        self.world.did("restart", name)

    def unpause(self, name: str) -> None:
        self.world.did("unpause", name)
        found = next(one for one in self.world.containers if one["Id"] == name)
        found.update(State="running", Status=HEALTHY)

    def remove_container(self, name: str, *, force: bool, v: bool = False) -> None:
        assert force
        self.world.did("remove container", name, *(("volumes",) if v else ()))
        _drop(self.world.containers, "Id", name)

    def wait(self, name: str, *, timeout: int, condition: str) -> None:
        assert timeout
        self.world.did("wait", name, condition)

    def remove_network(self, name: str) -> None:
        self.world.did("remove network", name)
        _drop(self.world.networks, "Id", name)

    def remove_volume(self, name: str) -> None:
        self.world.did("remove volume", name)
        _drop(self.world.volumes, "Name", name)

    def remove_image(self, name: str) -> None:
        self.world.did("remove image", name)


class Stream:
    """A stream of events that ends, or breaks, by itself."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events = events
        self.closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield from self.events
        raise ConnectionError("the engine is gone")

    def close(self) -> None:
        self.closed = True


class FakeImages:
    """The SDK's collection of images."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get(self, tag: str) -> FakeImage:
        if not any(tag in one["RepoTags"] for one in self.world.images):
            raise ImageNotFound(f"No such image: {tag}")
        return FakeImage(self.world)

    def pull(self, name: str, *, tag: str) -> FakeImage:
        self.world.did("pull", f"{name}:{tag}")
        if self.world.pulled:
            raise self.world.pulled
        return FakeImage(self.world)


class FakeImage:
    """An image that the engine has."""

    def __init__(self, world: World) -> None:
        self.world = world

    def tag(self, repository: str, tag: str) -> None:
        self.world.did("tag", f"{repository}:{tag}")


class FakeSdk:
    """The SDK's client."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.api = FakeApi(world)
        self.images = FakeImages(world)

    def info(self) -> dict[str, Any]:
        return self.world.info

    def version(self) -> dict[str, Any]:
        return {"Version": "28.5.2"}


class FakeCompose:
    """The Compose client, and the builder beside it."""

    def __init__(self, world: World, project: str) -> None:
        self.world = world
        self.project = project
        self.compose = self
        self.buildx = self

    def up(self, **options: Any) -> None:
        recreate = ("force_recreate",) if options.pop("force_recreate") else ()
        assert options == {"detach": True, "quiet": True, "remove_orphans": True, "no_build": True}
        self.world.did("compose up", self.project, *recreate)
        self.world.compose_up()

    def down(self, *, volumes: bool, remove_orphans: bool, quiet: bool, timeout: int) -> None:
        assert remove_orphans
        assert quiet
        assert timeout
        self.world.did("compose down", self.project, *(("volumes",) if volumes else ()))
        self.world.compose_down()

    def build(self, path: Path, *, tags: list[str], **options: Any) -> Iterator[str]:
        assert options["stream_logs"]
        assert options["load"], "a builder of its own would keep the image for itself"
        assert not options["provenance"], "it would make the same image another one each time"
        assert options["cache"] is self.world.build_cache
        assert options["labels"] == {Label.IMAGE: path.name}
        self.world.did("build", *tags, *(f"{key}={value}" for key, value in options["build_args"].items()))
        yield from self.world.build(path)


class FakeEngine(Engine):
    """An engine whose Compose client is ours too."""

    world: World

    def of(self, world: World) -> FakeEngine:
        object.__setattr__(self, "world", world)
        return self

    def compose(self, folder: Path | None, project: str) -> python_on_whales.DockerClient:
        if folder is not None:
            assert (folder / "compose.yaml").is_file(), "Compose would find nothing to start"
        return cast("python_on_whales.DockerClient", FakeCompose(self.world, project))


def _labelled(found: list[dict[str, Any]], filters: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = filters.get("label", [])
    pairs = [one.partition("=") for one in ([wanted] if isinstance(wanted, str) else wanted)]
    return [
        one
        for one in found
        if all(
            key in (labels := one.get("Labels") or {}) and (not equals or labels[key] == value)
            for key, equals, value in pairs
        )
    ]


def _drop(found: list[dict[str, Any]], key: str, value: str) -> None:
    found[:] = [one for one in found if one[key] != value]


def container(lab: str, node: str, state: str = "running", status: str = HEALTHY, **more: Any) -> Any:
    """Return a node's container as the engine lists it."""
    site = node.partition("-")[0] if node[:2] in {"dc", "pc"} else "platform"
    labels = {Label.LAB: lab, Label.NODE: node, Label.ROLE: node, Label.SITE: site, Label.ACTOR: "false"}
    return {
        "Id": f"id-{node}",
        "Names": [f"/{container_name(lab, node)}"],
        "Image": f"labgen/{node}:1",
        "State": state,
        "Status": status,
        "Labels": {**labels, "com.docker.compose.project": project_name(lab)},
        "Ports": [],
        **more,
    }


def network(name: str, subnet: str = "", lab: str = "", supernet: str = "", link: str = "") -> Any:
    """Return a network as the engine lists it: labgen's with `lab`, somebody else's without."""
    return {
        "Id": f"id-{name}",
        "Name": name,
        "IPAM": {"Config": [{"Subnet": subnet}] if subnet else None},
        "Labels": {Label.LAB: lab, Label.SUPERNET: supernet, Label.LINK: link} if lab else None,
        "Containers": {},
    }


def volume(lab: str, node: str, name: str = "data") -> Any:
    """Return a node's volume as the engine lists it."""
    return {"Name": f"{project_name(lab)}_{node}-{name}", "Labels": {Label.LAB: lab, Label.NODE: node}}


def run_lab(world: World, plan: LabPlan) -> None:
    """Let `plan` run: what Compose would have made of it."""
    lab = plan.name
    world.containers += [
        container(
            lab,
            node.name,
            Ports=[
                {"IP": one.bind, "PrivatePort": one.port, "PublicPort": one.host_port, "Type": "tcp"}
                for one in plan.published
                if one.node == node.name
            ],
        )
        for node in plan.nodes
    ]
    world.networks += [
        network(network_name(lab, link.name), str(link.subnet), lab, str(plan.supernet), link.name)
        for link in plan.links
    ]


def running(plan: LabPlan) -> World:
    """Return an engine on which a lab runs, as planned."""
    world = World()
    run_lab(world, plan)
    return world
