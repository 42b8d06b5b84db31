"""What the tests of the remote services share: a Redis in memory, a broker's channel, a backend, a host."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from labgen_nfs import PARTIAL
from labgen_nfs.mount import Entry, Space
from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import Disk, Machine, Request, Work
from labgen_stub.settings import Neighbour

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path


class FakeStore:
    """Enough of Redis, without its time."""

    node = "redis-1"

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.broken = 0

    def _check(self) -> None:
        if self.broken:
            self.broken -= 1
            raise Unavailable("connection refused")

    async def do(self, command: str, *args: str, **options: int) -> object:
        self._check()
        return self._do(command, list(args), options)

    async def all(self, *commands: Sequence[str]) -> list[Any]:
        self._check()
        return [self._do(command.lower(), list(rest), {}) for command, *rest in commands]

    def _do(self, command: str, args: list[str], options: dict[str, int]) -> Any:  # noqa: C901, PLR0911
        key, *rest = args
        if command == "get":
            return self.data.get(key)
        if command == "set":
            if options.get("nx") and key in self.data:
                return None
            self.data[key] = rest[0]
            return True
        if command == "del":
            return self.data.pop(key, None) is not None
        if command == "hset":
            self.data.setdefault(key, {}).update(zip(rest[::2], rest[1::2], strict=True))
        if command == "hget":
            return self.data.get(key, {}).get(rest[0])
        if command == "hgetall":
            return dict(self.data.get(key, {}))
        if command == "hdel":
            return self.data.get(key, {}).pop(rest[0], None)
        if command == "sadd":
            self.data.setdefault(key, set()).update(rest)
        if command == "smembers":
            return set(self.data.get(key, ()))
        return None


@dataclass
class FakeExchange:
    published: list[tuple[str, Any]] = field(default_factory=list)
    broken: int = 0

    async def publish(self, message: Any, routing_key: str, **_: object) -> None:
        if self.broken:
            self.broken -= 1
            raise ConnectionResetError("channel closed")
        self.published.append((routing_key, message))


class FakeQueue:
    def __init__(self) -> None:
        self.callback: Any = None
        self.bound: list[str] = []

    async def bind(self, _: object, key: str) -> None:
        self.bound.append(key)

    async def consume(self, callback: object) -> None:
        self.callback = callback


class FakeChannel:
    def __init__(self) -> None:
        self.exchanges: dict[str, FakeExchange] = {}
        self.queues: dict[str, FakeQueue] = {}
        self.default_exchange = FakeExchange()
        self.prefetch = 0

    async def set_qos(self, prefetch_count: int) -> None:
        self.prefetch = prefetch_count

    async def declare_exchange(self, name: str, kind: object, *, durable: bool) -> FakeExchange:
        assert durable, kind
        return self.exchanges.setdefault(name, FakeExchange())

    async def declare_queue(self, name: str, *, durable: bool) -> FakeQueue:
        assert durable
        return self.queues.setdefault(name, FakeQueue())


class FakeMessage:
    def __init__(self, body: bytes, headers: dict[str, Any] | None = None) -> None:
        self.body, self.headers = body, headers or {}
        self.message_id, self.content_type = "m-1", "application/json"
        self.fate = ""

    async def ack(self) -> None:
        assert not self.fate
        self.fate = "acked"

    async def nack(self, *, requeue: bool) -> None:
        assert not self.fate
        self.fate = "requeued" if requeue else "dropped"


@dataclass(frozen=True)
class FakeDomain:
    name: str
    uuid: str
    state: str
    xml: str
    display_port: int


class FakeHost:
    """A hypervisor in memory; `calls` are those that change something."""

    def __init__(self) -> None:
        self.machines: dict[str, FakeDomain] = {}
        self.disks: set[str] = set()
        self.calls: list[str] = []
        self.trouble: dict[str, list[Exception]] = {}

    def _call(self, name: str, change: bool = True) -> None:
        if change:
            self.calls.append(name)
        if self.trouble.get(name):
            raise self.trouble[name].pop(0)

    def _is(self, name: str, state: str) -> None:
        self.machines[name] = replace(self.machines[name], state=state, display_port=5901 * (state == "ON"))

    async def copy_from_repository(self, path: str, uuid: str) -> str:
        self._call("copy_from_repository")
        assert path
        self.disks.add(uuid)
        return f"/var/lib/virt/{uuid}"

    async def copy_to_repository(self, uuid: str, path: str) -> None:
        self._call("copy_to_repository")
        assert path
        assert uuid in self.disks

    async def delete_disk(self, uuid: str) -> None:
        self._call("delete_disk")
        self.disks.discard(uuid)

    async def define(self, xml: str) -> None:
        self._call("define")
        name = xml.split("<name>")[1].split("</name>", maxsplit=1)[0]
        uuid = xml.split("<uuid>")[1].split("</uuid>", maxsplit=1)[0]
        self.machines[name] = FakeDomain(name, uuid, "OFF", xml, 0)

    async def undefine(self, name: str) -> None:
        self._call("undefine")
        self.machines.pop(name, None)

    async def domains(self) -> list[FakeDomain]:
        self._call("domains", change=False)
        return list(self.machines.values())

    async def domain(self, name: str) -> FakeDomain | None:
        self._call("domain", change=False)
        return self.machines.get(name)

    async def power_on(self, name: str) -> None:
        self._call("power_on")
        self._is(name, "ON")

    async def power_off(self, name: str) -> None:
        self._call("power_off")
        self._is(name, "OFF")

    async def pause(self, name: str) -> None:
        self._call("pause")
        self._is(name, "PAUSED")

    async def resume(self, name: str) -> None:
        self._call("resume")
        self._is(name, "ON")

    async def reset(self, name: str) -> None:
        assert name in self.machines
        self._call("reset")

    async def node_info(self) -> SimpleNamespace:
        self._call("node_info", change=False)
        return SimpleNamespace(cores=2, sockets=1, memory=2048.0 * 1024)

    async def datastores(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(totalSize=3 << 30)]


HYPERVISOR = Neighbour("39", "hypervisor", "dc1-hypervisor-1", "aim", 8889)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


@pytest.fixture
def message() -> type[FakeMessage]:
    return FakeMessage


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def hypervisor() -> Neighbour:
    return HYPERVISOR


@pytest.fixture
def machine() -> Machine:
    return Machine(
        uuid="11111111-2222-4333-8444-555555555555",
        name="ABQ_11111111-2222-4333-8444-555555555555",
        label="shop & <front>",
        cpu=1,
        ram=16,
        host=HYPERVISOR.node,
        disk=Disk("1/tiny/tiny.raw", "RAW", 512),
        mac="52:54:00:00:00:01",
        address="10.1.0.7",
    )


@pytest.fixture
def request_of(machine: Machine) -> Callable[..., Request]:
    def make(work: Work = Work.DEPLOY, job: str = "job-1", **options: Any) -> Request:
        return Request(job, "task-1", work, machine, options)

    return make


class FakeShare:
    """A share in memory, with the methods of `links.share.Share`."""

    place = Neighbour("25", "nfs", "dc1-nfs-1", "nfs", 2049)

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()
        self.free = 1 << 30
        self.trouble: list[OSError] = []

    def _check(self) -> None:
        if self.trouble:
            raise self.trouble.pop(0)

    async def space(self) -> Space:
        self._check()
        return Space(1 << 30, self.free)

    async def make_folders(self, path: str) -> None:
        parts = path.split("/")
        self.folders |= {"/".join(parts[: depth + 1]) for depth in range(len(parts))}

    async def begin(self, folder: str) -> str:
        await self.make_folders(folder)
        return f"{folder}/{PARTIAL}1"

    async def size(self, path: str) -> int:
        self._check()
        return len(await self.content(path, 1 << 30))

    async def content(self, path: str, most: int) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(2, "no such file", path)
        return self.files[path][:most]

    async def listing(self, path: str) -> list[Entry]:
        if path and path not in self.folders:
            raise FileNotFoundError(2, "no such folder", path)
        inside = f"{path}/" if path else ""
        within = {name: it for name, it in self.files.items() if name.startswith(inside)}
        inner = [(name.removeprefix(inside), len(it)) for name, it in within.items()]
        folders = {one.removeprefix(inside) for one in self.folders if one.startswith(inside)}
        found = [Entry(name, size, False, 0) for name, size in inner if "/" not in name]
        found += [Entry(name, 0, True, 0) for name in folders if name and "/" not in name]
        return sorted(found, key=lambda one: one.name)

    async def rename(self, old: str, new: str) -> None:
        self.files[new] = self.files.pop(old)

    async def unlink(self, path: str) -> None:
        self.files.pop(path, None)
        folder = path.rpartition("/")[0]
        if "/" in folder and not any(one.startswith(f"{folder}/") for one in self.files):
            self.folders.discard(folder)

    async def append(self, path: str, content: AsyncIterator[bytes]) -> int:
        self.files[path] = b""
        async for chunk in content:
            self._check()
            self.files[path] += chunk
        return len(self.files[path])

    async def read(self, path: str) -> AsyncIterator[bytes]:
        content = self.files[path]
        for at in range(0, len(content), 1000):
            yield content[at : at + 1000]

    @asynccontextmanager
    async def writing(self, path: str) -> AsyncIterator[str]:
        await self.make_folders(path.rpartition("/")[0])
        yield f"{path}.part"
        await self.rename(f"{path}.part", path)

    async def read_to(self, path: str, local: Path) -> int:
        self._check()
        return local.write_bytes(await self.content(path, 1 << 30))  # noqa: ASYNC240 - a test's few bytes

    async def write_from(self, local: Path, path: str) -> int:
        self._check()
        await self.make_folders(path.rpartition("/")[0])
        self.files[path] = local.read_bytes()  # noqa: ASYNC240 - a test's few bytes
        return len(self.files[path])


@pytest.fixture
def share() -> FakeShare:
    return FakeShare()
