"""A running lab whose servers are killed, and which is asked past its own servers."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from labgen.engine.client import Engine
from labgen.engine.observe import NodeState, observe
from labgen.names import container_name
from labgen.plan.model import LabPlan
from labgen.smoke.client import Address

#: Seconds for whatever a killed server holds up, its start included. A remote service tries for sixty.
PATIENCE = 75.0
POLL = 0.1
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
        await asyncio.sleep(POLL)


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
        # By the engine's own client: the library takes seconds for megabytes of output.
        call = ["docker", "exec", "--user", "labgen", container_name(self.plan.name, node), *command]
        done = subprocess.run(call, capture_output=True, timeout=PATIENCE, check=False)
        told = done.stderr.decode(errors="replace")
        assert done.returncode == 0, f"{node}: {command[0]}: exit {done.returncode}\n{told}"
        return done.stdout

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

    def hosts(self) -> int:
        """Return how many hypervisors the platform knows: the leader has them looked for after its start."""
        ((number,),) = self.rows("SELECT COUNT(*) FROM machine WHERE state = 'MANAGED'")
        return int(number)

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
