"""A hypervisor and a share without a lab: machines deployed by the agent, and what their screens show."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from labgen_aim.boot_disk import boot_disk
from labgen_aim.definition import Definition, define
from labgen_stub.wire.aim_client import Domain, Host, HostRefused
from labgen_stub.wire.target import Target

from labgen.assets import images_dir
from labgen.engine.client import Engine
from labgen.images import image_tags
from labgen.render.certificates import issue_certificates
from labgen.render.service import COMMON
from tests.integration.conftest import PREFIX, SECONDS
from tests.integration.rfb import look, read

pytestmark = pytest.mark.anyio

# The agent, vm-1's console and those of the first machines that are deployed.
_PUBLISHED = (8889, 5900, 5901, 5902)
_BLOG, _MAIL = "01234567-89ab-4cde-8f01-23456789abcd", "76543210-ba98-4edc-8f10-dcba98765432"
_HYPERVISOR, _SHARE = f"{PREFIX}hypervisor", f"{PREFIX}share"


@dataclass(frozen=True)
class Pair:
    """A running hypervisor; `ports` is where its ports are on this machine."""

    container: Any
    share: Any
    ports: dict[int, int]

    def host(self) -> Host:
        return Host(Target("aim", "127.0.0.1", self.ports[8889]), patience=SECONDS, long_patience=SECONDS)

    def put(self, path: str, content: bytes) -> None:
        """Write a file of the share, as another of the platform's servers would."""
        code = (
            "from labgen_nfs import Share\n"
            f"with Share({_SHARE!r}) as s: s.write({path!r}, iter([{content!r}]))"
        )
        done = self.container.exec_run(["python3", "-c", code], user="labgen")
        assert done.exit_code == 0, done.output.decode()

    def get(self, path: str) -> bytes:
        code = (
            "import sys\nfrom labgen_nfs import Share\n"
            f"with Share({_SHARE!r}) as s: sys.stdout.buffer.write(b''.join(s.read({path!r})))"
        )
        done = self.container.exec_run(["python3", "-c", code], user="labgen")
        assert done.exit_code == 0, done.output.decode()
        return bytes(done.output)


@pytest.fixture(scope="module")
def pair(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder, tags, docker = tmp_path_factory.mktemp("pair"), image_tags(images_dir()), engine.sdk
    issue_certificates(folder / "tls", [_HYPERVISOR])
    neighbour = {"connection": "27", "role": "nfs", "node": _SHARE, "protocol": "nfs", "port": 2049}
    (folder / "node.json").write_text(json.dumps({"node": _HYPERVISOR, "neighbours": [neighbour]}))
    files = {
        folder / "node.json": "/etc/labgen/node.json",
        folder / "tls/ca.crt": "/etc/labgen/ca.crt",
        folder / f"tls/{_HYPERVISOR}.crt": "/etc/labgen/tls.crt",
        folder / f"tls/{_HYPERVISOR}.key": "/run/secrets/tls.key",
    }
    common = {
        "init": True,
        "detach": True,
        "read_only": True,
        "cap_drop": COMMON["cap_drop"],
        "security_opt": COMMON["security_opt"],
        "tmpfs": dict(one.split(":", 1) for one in COMMON["tmpfs"]),
        "network": PREFIX,
    }
    network = docker.networks.create(PREFIX)
    made: list[Any] = []
    try:
        made.append(
            docker.containers.run(
                tags["nfs"],
                name=_SHARE,
                hostname=_SHARE,
                cap_add=[*COMMON["cap_add"], "DAC_READ_SEARCH"],
                volumes={_SHARE: {"bind": "/opt/vm_repository"}},
                **common,
            )
        )
        made.append(
            docker.containers.run(
                tags["hypervisor"],
                name=_HYPERVISOR,
                hostname=_HYPERVISOR,
                cap_add=COMMON["cap_add"],
                ports=dict.fromkeys((f"{port}/tcp" for port in _PUBLISHED), ("127.0.0.1", 0)),
                volumes={str(path): {"bind": place, "mode": "ro"} for path, place in files.items()}
                | {_HYPERVISOR: {"bind": "/var/lib/virt"}},
                **common,
            )
        )
        yield running(made[1], made[0])
    finally:
        for container in made:
            container.remove(force=True, v=True)
        for volume in (_SHARE, _HYPERVISOR):
            docker.volumes.get(volume).remove(force=True)
        network.remove()


def running(container: Any, share: Any) -> Pair:
    """Wait until the agent answers."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        container.reload()
        assert container.status == "running", container.logs(tail=20).decode()
        bound = container.ports
        try:
            ports = {port: int(bound[f"{port}/tcp"][0]["HostPort"]) for port in _PUBLISHED}
            pair = Pair(container, share, ports)
            asyncio.run(pair.host().domains())
        except (OSError, KeyError):
            time.sleep(0.2)
            continue
        return pair
    pytest.fail(f"the agent does not answer: {container.logs(tail=20).decode()}")


@pytest.fixture(scope="module")
def deployed(pair: Pair) -> dict[str, Domain]:
    """Two machines from one template."""
    pair.put("1/tiny.raw", boot_disk())

    async def deploy(identity: str, label: str) -> Domain:
        host, name = pair.host(), f"ABQ_{identity}"
        path = await host.copy_from_repository("1/tiny.raw", identity)
        await host.define(define(Definition(name, identity, label, path)))
        await host.power_on(name)
        found = await host.domain(name)
        assert found
        return found

    async def both() -> list[Domain]:
        return [await deploy(_BLOG, "blog-1, ace"), await deploy(_MAIL, "")]

    return {one.uuid: one for one in asyncio.run(both())}


def label_on(port: int, identity: str) -> str:
    """Wait until the disk has booted, and return what the screen calls the machine."""
    deadline = time.monotonic() + SECONDS
    screen, before = look(port), None
    # A picture may be taken while the machine writes: what is written the same twice is the whole of it.
    while not any(screen.line(6)) or screen.letters() != before:
        assert time.monotonic() < deadline, "the disk does not boot"
        before = screen.letters()
        time.sleep(0.2)
        screen = look(port)
    title = "  labgen: console of "
    lines = read(screen, {1: f"Machine UUID {identity}", 2: "Booting from Hard Disk...", 4: title, 6: "  >"})
    return lines[4].removeprefix(title)


@pytest.mark.parametrize(("identity", "shown"), [(_BLOG, "blog-1? ace"), (_MAIL, _MAIL)])
def test_a_screen_shows_the_label_or_the_uuid(
    pair: Pair, deployed: dict[str, Domain], identity: str, shown: str
) -> None:
    """The comma is a letter that the screen's known lines do not have."""
    machine = deployed[identity]
    assert machine.state == "ON"
    assert label_on(pair.ports[machine.display_port], identity) == shown


def test_each_machine_has_a_display_of_its_own(pair: Pair, deployed: dict[str, Domain]) -> None:
    found = {one.name: one.display_port for one in asyncio.run(pair.host().domains())}
    assert found["vm-1"] == 5900
    assert {found[one.name] for one in deployed.values()} == {5901, 5902}


async def test_what_is_so_already_is_no_error(pair: Pair, deployed: dict[str, Domain]) -> None:
    host, name = pair.host(), deployed[_MAIL].name
    for action, state in (
        (host.power_on, "ON"),
        (host.pause, "PAUSED"),
        (host.resume, "ON"),
        (host.power_off, "OFF"),
        (host.power_on, "ON"),
    ):
        for _ in range(2):
            await action(name)
        found = await host.domain(_MAIL)
        assert found
        assert found.state == state, action.__name__


async def test_a_snapshot_of_a_running_machine_is_its_disk(pair: Pair, deployed: dict[str, Domain]) -> None:
    host = pair.host()
    for _ in range(2):
        await host.copy_to_repository(_BLOG, "1/snapshots/blog.raw")
    assert pair.get("1/snapshots/blog.raw") == boot_disk()
    found = await host.domain(deployed[_BLOG].name)
    assert found
    assert found.state == "ON", "it goes on"


@pytest.mark.usefixtures("deployed")
async def test_a_disk_in_use_is_neither_deleted_nor_written_anew(pair: Pair) -> None:
    host = pair.host()
    with pytest.raises(HostRefused, match=f"the machine {_BLOG} runs: its disk is in use$"):
        await host.delete_disk(_BLOG)
    pair.put("1/other.raw", b"other")
    assert await host.copy_from_repository("1/other.raw", _BLOG) == f"/var/lib/virt/{_BLOG}"
    assert await host.copy_from_repository("1/tiny.raw", _BLOG) == f"/var/lib/virt/{_BLOG}"


async def test_the_hosts_words_for_what_it_cannot_do(pair: Pair) -> None:
    host, new = pair.host(), "00000000-0000-4000-8000-000000000001"
    with pytest.raises(HostRefused, match=r"nothing cannot be copied: .*NFS4ERR_NOENT"):
        await host.copy_from_repository("nothing", new)
    with pytest.raises(HostRefused, match=r"'\.\./x' is no path of a file below the share's root$"):
        await host.copy_from_repository("../x", new)
    with pytest.raises(HostRefused, match=r"no domain with matching name 'nobody'"):
        await host.power_on("nobody")


async def test_twenty_callers_at_once(pair: Pair, deployed: dict[str, Domain]) -> None:
    host = pair.host()
    found = await asyncio.gather(*(host.domains() for _ in range(20)))
    assert {frozenset(one.name for one in machines) for machines in found} == {
        frozenset({"vm-1", *(one.name for one in deployed.values())})
    }


def test_a_restarted_host_knows_its_machines_and_they_are_off(
    pair: Pair, deployed: dict[str, Domain]
) -> None:
    """As with a real host that was switched off: nothing says that they start by themselves.

    It is the last test here but one, and the published ports may be others afterwards.
    """
    pair.container.restart(timeout=5)
    again = running(pair.container, pair.share)
    states = {one.name: one.state for one in asyncio.run(again.host().domains())}
    assert states == {"vm-1": "ON"} | {one.name: "OFF" for one in deployed.values()}

    async def undeploy(machine: Domain) -> None:
        host = again.host()
        for _ in range(2):
            await host.power_off(machine.name) if await host.domain(machine.name) else None
            await host.undefine(machine.name)
            await host.delete_disk(machine.uuid)
        assert await host.domain(machine.name) is None

    for machine in deployed.values():
        asyncio.run(undeploy(machine))
    files = again.container.exec_run(["ls", "/var/lib/virt"]).output.decode().split()
    assert files == ["vm-1.img"]
