"""A lab whose servers are killed, and the machines that a client has on their way meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from labgen.engine.client import Engine
from labgen.engine.observe import NodeState, observe
from labgen.names import container_name
from labgen.plan.model import LabPlan
from labgen.smoke.client import Address, Document, Platform, href
from labgen.smoke.machine import Ground, Machine, lay_ground
from labgen.smoke.model import StepFailed

#: Seconds for whatever a killed server holds up, its start included. A remote service tries for sixty.
PATIENCE = 75.0
_POLL = 0.1
STARTED, GOOD = "STARTED", "FINISHED_SUCCESSFULLY"
_MYSQL = (
    "mysql -h 127.0.0.1 --batch --skip-column-names -u abiquo "
    '-p"$(cat /run/labgen/secrets/mysql_password)" kinton -e "$0"'
)
# Who stands in line for the lead, the leader first.
_LINE = """
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from labgen_stub.links.election import order
from labgen_stub.settings import load
at, path = load().to("zookeeper")[0], "/api/leader-election"
client = KazooClient(hosts=f"{at.node}:{at.port}")
client.start(timeout=10)
for one in order(client.get_children(path)):
    try:
        print(client.get(f"{path}/{one}")[0].decode())
    except NoNodeError:
        continue
client.stop()
"""
# Every instance that lives, whoever asked for it: two with the same tag are two lines.
_INSTANCES = """
import asyncio
from labgen_stub.node import Node
from labgen_stub.settings import load
from labgen_stub.wire.ec2_client import Provider
node = Node(load())
for one in asyncio.run(Provider(node.target(node.settings.to("ec2")[0])).instances()):
    print(one.tags.get("abiquo-uuid", "nobody"), one.state)
"""


def now() -> int:
    """Milliseconds since 1970, as the platform's tasks have them; all nodes share this machine's clock."""
    return round(time.time() * 1000)


async def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Return when `condition`, asked in a thread, holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(_POLL)


@dataclass(frozen=True, slots=True)
class Lab:
    """A running lab, asked past its own servers."""

    engine: Engine
    plan: LabPlan
    address: Address

    def container(self, node: str) -> Any:
        return self.engine.sdk.containers.get(container_name(self.plan.name, node))

    def run(self, node: str, *command: str) -> str:
        """Run a program in a node as its service's user; return what it printed."""
        return self.read(node, *command).decode()

    def read(self, node: str, *command: str) -> bytes:
        """Run a program as `run` does; return its output as it is."""
        done = self.container(node).exec_run(list(command), user="labgen", demux=True)
        output, complaint = done.output
        told = (complaint or b"").decode(errors="replace")
        assert done.exit_code == 0, f"{node}: {command[0]}: exit {done.exit_code}\n{told}"
        return bytes(output or b"")

    def rows(self, statement: str) -> list[list[str]]:
        """Return what MySQL says."""
        return [line.split("\t") for line in self.run("mysql-1", "sh", "-c", _MYSQL, statement).splitlines()]

    def kill(self, nodes: Sequence[str]) -> int:
        """Kill nodes with SIGKILL; return the time at which none of them ran any more."""
        for container in [self.container(node) for node in nodes]:
            container.kill()
            container.wait(timeout=PATIENCE)
        return now()

    def start(self, nodes: Sequence[str]) -> None:
        for node in nodes:
            self.container(node).start()

    def unwell(self) -> dict[str, str]:
        """Return the nodes that are not healthy, with what the engine says of them."""
        there = observe(self.engine, self.plan.name).items()
        return {name: one.detail for name, one in there if one.state is not NodeState.HEALTHY}

    async def whole(self) -> None:
        """Wait until every node is healthy again."""
        await until(lambda: not self.unwell(), "every node is healthy")

    def machines(self) -> Counter[str]:
        """Return how many of each machine run now: QEMU processes and the provider's instances."""
        found: Counter[str] = Counter()
        processes = self.container("dc1-hypervisor-1").top(ps_args="-eww -o pid,args")["Processes"]
        for words in processes:
            found.update(_named(" ".join(words)))
        for line in self.run("pcr1-prs-1", "python3", "-c", _INSTANCES).splitlines():
            found[line.split()[0]] += 1
        return found

    def line(self, node: str) -> list[str]:
        """Return the API nodes in the order in which they lead, as ZooKeeper tells API node `node`."""
        return self.run(node, "python3", "-c", _LINE).split()

    def disks(self) -> set[str]:
        """Return the names of the files of machines at the hypervisor."""
        return set(self.run("dc1-hypervisor-1", "ls", "/var/lib/virt").split())


def _named(process: str) -> list[str]:
    """Return the machine that a QEMU process is, by its name at the hypervisor."""
    if "qemu-system" not in process.partition(" -name ")[0]:
        return []
    name = process.partition("guest=")[2].partition(",")[0]
    return [name.removeprefix("ABQ_")] if name.startswith("ABQ_") else []


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines of one client, who was told of a task for each action."""

    lab: Lab
    platform: Platform
    machines: tuple[Machine, ...]

    @property
    def uuids(self) -> list[str]:
        return [str(one.document["uuid"]) for one in self.machines]

    async def ask(self, rel: str) -> list[str]:
        """Ask for an action of every machine at once; each is accepted. Return where its task is."""
        accepted = await asyncio.gather(
            *(self.platform.post(href(one.document, rel), "virtualmachinetask") for one in self.machines)
        )
        return [href(one, "status") for one in accepted]

    async def ended(self, tasks: Sequence[str]) -> list[Document]:
        """Follow tasks to their end, however often the platform does not answer meanwhile."""

        async def follow(where: str) -> Document:
            task: Document = {}
            deadline = time.monotonic() + PATIENCE
            while task.get("state", STARTED) == STARTED:
                left = f"{where} has not ended within {PATIENCE:g} s: {task}; unwell: {self.lab.unwell()}"
                assert time.monotonic() < deadline, left
                with suppress(StepFailed):
                    task = await self.platform.get(where)
                await asyncio.sleep(_POLL)
            return task

        return list(await asyncio.gather(*(follow(one) for one in tasks)))

    def states(self) -> Counter[str]:
        """Return how many of the machines' deploys are in which state, as MySQL has it."""
        uuids = ", ".join(f"'{one}'" for one in self.uuids)
        statement = (
            "SELECT task.state FROM task JOIN virtualmachine vm ON vm.id = task.owner_id "  # noqa: S608 - ours
            f"WHERE task.owner_kind = 'virtualmachine' AND task.type = 'DEPLOY' AND vm.uuid IN ({uuids})"
        )
        return Counter(state for (state,) in self.lab.rows(statement))

    def accounts(self) -> dict[str, list[bool]]:
        """Return for each machine its accounting rows: whether each is still open."""
        found: dict[str, list[bool]] = {one: [] for one in self.uuids}
        for uuid, stopped in self.lab.rows(
            "SELECT uuid, stopped FROM kinton_accounting.accounting_event_vm ORDER BY id"
        ):
            if uuid in found:
                found[uuid].append(stopped == "0")
        return found

    def running(self) -> dict[str, int]:
        """Return how often each machine runs, at its hypervisor or provider."""
        there = self.lab.machines()
        return {one: there[one] for one in self.uuids}

    async def shown(self) -> list[str]:
        """Return the state of each machine, as the API shows it."""
        return [await one.look() for one in self.machines]

    async def events(self, action: str, since: int) -> Counter[str]:
        """Return how many events of `action` there are of each task, read page by page."""
        where = f"/api/events?action={action}&datefrom={since}&limit=4"
        return Counter([str(one["context"]) async for one in self.platform.every(where)])


@asynccontextmanager
async def fleet(lab: Lab, sites: Sequence[str], template: str = "") -> AsyncIterator[Fleet]:
    """Give machines that are not deployed yet, one for each name in `sites`; they are gone afterwards.

    They are made of the template of that name, or else of the first that there is.
    """
    async with Platform(lab.address) as platform:
        user = await platform.login()
        name = f"fleet-{now()}"
        grounds: dict[str, Ground] = {}
        machines: list[Machine] = []
        try:
            for site in sorted(set(sites)):
                ground = await lay_ground(platform, user, site, f"{name}-{site}")
                grounds[site] = await _with(platform, ground, template) if template else ground
            for index, site in enumerate(sites):
                machines.append(await Machine.make(platform, grounds[site], f"{name}-{index}"))
            yield Fleet(lab, platform, tuple(machines))
        finally:
            # What a test that failed has left may not be removable; its own words count, not these.
            with suppress(StepFailed):
                for machine in machines:
                    await machine.away(PATIENCE)
                for ground in grounds.values():
                    await ground.clear(platform)


async def _with(platform: Platform, ground: Ground, template: str) -> Ground:
    """Return the ground with another template, which the platform may hear of only now."""
    collection = href(ground.template, "edit").rpartition("/")[0]
    deadline = time.monotonic() + PATIENCE
    while True:
        async for one in platform.every(collection):
            if (one["name"], one["state"]) == (template, "DONE"):
                return replace(ground, template=one)
        assert time.monotonic() < deadline, f"no template {template} within {PATIENCE:g} s"
        await asyncio.sleep(_POLL)
