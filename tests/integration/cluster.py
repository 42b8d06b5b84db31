"""Small clusters of plain containers, confined as in a lab, with only the documented ports between them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker.errors import APIError
from docker.types import EndpointConfig

from labgen.assets import images_dir, templates_dir
from labgen.engine.build import build_images, missing_images
from labgen.engine.client import Engine, connect
from labgen.images import image_tags, read_images, wanted_images
from labgen.render.service import COMMON
from labgen.render.templates import load_service

from .conftest import PREFIX
from .waiting import PATIENCE, until

#: As in a lab: what ends by itself starts again.
_AGAIN: Any = {"Name": COMMON["restart"]}
_RULES = """
table inet labgen {{
    chain input {{
        type filter hook input priority filter; policy accept;
        iif "lo" accept
        ct state established,related accept
        tcp dport {{ {ports} }} accept
        reject with icmpx admin-prohibited
    }}
    chain output {{
        type filter hook output priority filter; policy accept;
        oif "lo" accept
        ct state established,related accept
        tcp dport {{ {ports} }} accept
        reject with icmpx admin-prohibited
    }}
}}
"""


def engine_with(*images: str) -> Engine:
    """Return the engine, with these images and what they are built upon."""
    found = connect()
    wanted = wanted_images(read_images(images_dir()), set(images))
    build_images(found, missing_images(found, wanted), print)
    return found


@dataclass
class Place:
    """Two networks without a way out: `peers` is the members' own, `clients` that of everybody else.

    So a member's own name has several addresses, and its peers know it by one of them.
    """

    engine: Engine
    name: str
    folder: Path
    containers: dict[str, Any] = field(default_factory=dict)

    def create(self, image: str, name: str, links: Sequence[str], **more: Any) -> None:
        """Make one container, which bears `name` on each of the links."""
        sdk = self.engine.sdk
        first, *others = (f"{self.name}-{one}" for one in links)
        self.containers[name] = sdk.containers.create(
            image_tags(images_dir())[image],
            name=f"{self.name}-{name}",
            hostname=name,
            init=True,
            restart_policy=_AGAIN,
            read_only=True,
            cap_drop=COMMON["cap_drop"],
            cap_add=COMMON["cap_add"],
            security_opt=COMMON["security_opt"],
            tmpfs=dict(one.split(":", 1) for one in COMMON["tmpfs"]),
            network=first,
            networking_config={first: EndpointConfig(sdk.api.api_version, aliases=[name])},
            **more,
        )
        for one in others:
            sdk.networks.get(one).connect(self.containers[name], aliases=[name])

    def member(
        self,
        role: str,
        name: str,
        ports: Sequence[int],
        lists: Mapping[str, Sequence[str]],
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """Make one member of a cluster, by the role's own template; only `ports` lead in and out.

        `lists` are the files with names of nodes that its template renders.
        """
        template = load_service(templates_dir() / role)
        shown = self.folder / name
        shown.mkdir()
        (shown / "firewall.nft").write_text(_RULES.format(ports=", ".join(map(str, ports))))
        for file, names in lists.items():
            (shown / file).write_text(" ".join(names) + "\n")
        files = {shown: "/etc/labgen"}
        for secret, value in (secrets or {}).items():
            (self.folder / secret).write_text(value)
            files[self.folder / secret] = f"/run/secrets/{secret}"
        self.create(
            template.image,
            name,
            ("peers", "clients"),
            mem_limit="256m",
            environment={"LABGEN_KIND": "sentinel" if role == "sentinel" else "member"},
            volumes={str(path): {"bind": inside, "mode": "ro"} for path, inside in files.items()}
            | {f"{self.name}-{name}": {"bind": path} for path in template.volumes.values()},
        )

    def each(self, do: Callable[[Any], object], names: Sequence[str]) -> None:
        """Do something to several containers at the same time."""
        with ThreadPoolExecutor(max_workers=len(names)) as pool:
            list(pool.map(do, [self.containers[one] for one in names]))

    def start(self, *names: str) -> None:
        """Start containers, all at once."""
        self.each(lambda one: one.start(), names)

    def kill(self, *names: str) -> None:
        """Kill containers, all at once."""
        self.each(lambda one: one.kill(), names)

    def address(self, name: str) -> str:
        """Return where this machine reaches a container."""
        self.containers[name].reload()
        return str(
            self.containers[name].attrs["NetworkSettings"]["Networks"][f"{self.name}-clients"]["IPAddress"]
        )

    def run(self, name: str, *command: str) -> tuple[int, str]:
        """Run a command in a container and return its exit code and what it says."""
        try:
            done = self.containers[name].exec_run(list(command))
        except APIError as error:  # it does not run just now
            return 1, str(error)
        return int(done.exit_code), done.output.decode("utf-8", "replace")

    def health(self, role: str, name: str) -> tuple[int, str]:
        """Ask a member how it is, with the health check of its template."""
        return self.run(name, *load_service(templates_dir() / role).health)

    def all_healthy(self, role: str, names: Sequence[str], seconds: float = PATIENCE) -> float:
        """Wait until every one of these members is healthy."""
        said: dict[str, tuple[int, str]] = {}

        def healthy() -> bool:
            said.update((one, self.health(role, one)) for one in names)
            return all(code == 0 for code, _ in said.values())

        return until(healthy, seconds, lambda: (said, *(self.last_words(one) for one in names)))

    def last_words(self, name: str) -> str:
        """Return the end of a container's log."""
        return str(self.containers[name].logs(tail=15).decode("utf-8", "replace"))


@contextmanager
def place(engine: Engine, name: str, folder: Path) -> Iterator[Place]:
    """Give an empty place, and clear it away afterwards with all that was made in it."""
    here = Place(engine, f"{PREFIX}{name}", folder)
    networks: list[Any] = []
    try:
        networks += [
            engine.sdk.networks.create(f"{here.name}-{one}", internal=True) for one in ("peers", "clients")
        ]
        yield here
    finally:
        for container in here.containers.values():
            container.remove(force=True, v=True)
        for volume in engine.sdk.volumes.list(filters={"name": f"{here.name}-"}):
            volume.remove(force=True)
        for network in networks:
            network.remove()


def ask(address: str, port: int, question: bytes, seconds: float = 2.0) -> bytes:
    """Say one thing to a server and return all it answers until it ends the connection."""
    with socket.create_connection((address, port), seconds) as connection:
        connection.sendall(question)
        answer = b""
        while part := connection.recv(4096):
            answer += part
        return answer
