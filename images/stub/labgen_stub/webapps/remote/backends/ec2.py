"""A public cloud provider as the place where virtual machines live (platform.md row 42): instances of EC2.

Which instance is a machine's, the provider itself says: each bears the machine's uuid as a tag from its first
moment, so a request that comes again finds what was made already. The names of the tags are this lab's own
choice; the documents are silent about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.messages import Disk
from labgen_stub.webapps.remote.backends import OFF, ON, UNKNOWN, Deployed, Refused, Sighting
from labgen_stub.webapps.remote.backends.ec2_instances import (
    JOB,
    LABEL,
    NAME,
    RESTART,
    UUID,
    Instances,
    image_name,
    smallest,
)
from labgen_stub.wire.ec2_client import Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.messages import Machine
    from labgen_stub.node import Node
    from labgen_stub.settings import Neighbour
    from labgen_stub.webapps.remote.backends import Physical
    from labgen_stub.webapps.remote.journal import Journal
    from labgen_stub.wire.ec2_model import InstanceType

# The format of a template that is an image of the provider.
FORMAT = "AMI"
_PATIENCE = 30.0
_STATES = {"running": ON, "stopped": OFF}


def make(node: Node) -> Cloud:
    """Make the backend of a node that has a provider among its neighbours."""
    neighbour = node.settings.to("ec2")[0]
    return Cloud(Provider(node.target(neighbour)), neighbour)


class Cloud:
    """The instances of one provider in its region."""

    def __init__(self, provider: Provider, neighbour: Neighbour, patience: float = _PATIENCE) -> None:
        """`patience`: seconds for an instance to reach the state that was asked for."""
        self._provider, self._at = provider, neighbour
        self._instances = Instances(provider, neighbour, patience)
        self._types: tuple[InstanceType, ...] = ()

    def hosts(self) -> tuple[str, ...]:
        """Return the provider's node: where an instance is inside of it, nobody is told."""
        return (self._at.node,)

    async def deploy(self, machine: Machine, journal: Journal) -> Deployed:
        """Have an instance of the machine's image running. It has no screen that could be reached."""
        found = await self._instances.find(machine, journal)
        if found is not None and found.state == "shutting-down":
            await self._instances.gone(found, journal)
            found = None
        if found is None:
            if machine.disk is None:
                raise Refused("the request names no image to make an instance from", self._at.node)
            chosen = await self._type_for(machine, machine.disk.path, journal)
            with self._instances.step("run an instance", journal):
                tags = {LABEL: machine.label, UUID: machine.uuid, NAME: machine.name}
                found = await self._provider.run(journal.job, machine.disk.path, chosen.name, tags)
        running = await self._instances.on(found, journal)
        return Deployed(self._at.node, running.address, running.id)

    async def undeploy(self, machine: Machine, journal: Journal) -> None:
        """Have no instance of the machine any more."""
        found = await self._instances.find(machine, journal)
        if found is not None:
            await self._instances.gone(found, journal)

    async def power_on(self, machine: Machine, journal: Journal) -> None:
        """Have the instance running."""
        await self._instances.on(await self._instances.needed(machine, journal), journal)

    async def power_off(self, machine: Machine, journal: Journal) -> None:
        """Have the instance stopped; its disk stays."""
        await self._instances.off(await self._instances.needed(machine, journal), journal)

    async def pause(self, machine: Machine, journal: Journal) -> None:
        """Refuse: a provider of this kind stops instances, or lets them run."""
        del journal
        raise Refused(f"{machine.label}: a machine in a public cloud cannot be paused", self._at.node)

    async def resume(self, machine: Machine, journal: Journal) -> None:
        """Have the instance running; it cannot have been frozen."""
        await self.power_on(machine, journal)

    async def reset(self, machine: Machine, journal: Journal) -> None:
        """Reboot the instance."""
        found = await self._instances.needed(machine, journal)
        with self._instances.step("reboot the instance", journal):
            await self._provider.reboot(found.id)

    async def reconfigure(self, machine: Machine, journal: Journal) -> None:
        """Give the instance the label, and the type that fits the machine's processors and memory.

        A type changes only while an instance is stopped. One that ran runs again afterwards, also when this
        is interrupted and begun anew: a tag remembers it.
        """
        step, found = self._instances.step, await self._instances.needed(machine, journal)
        chosen = await self._type_for(machine, found.image, journal)
        if found.tags.get(LABEL) != machine.label:
            with step("label the instance", journal):
                await self._provider.tag(found.id, {LABEL: machine.label})
        restart = found.tags.get(RESTART) == journal.job
        if found.type != chosen.name:
            if found.state in ("pending", "running") and not restart:
                with step("remember that it runs", journal):
                    await self._provider.tag(found.id, {RESTART: journal.job})
                restart = True
            found = await self._instances.off(found, journal)
            with step("change the instance type", journal):
                await self._provider.resize(found.id, chosen.name)
        if restart:
            await self._instances.on(found, journal)
            with step("forget that it ran", journal):
                await self._provider.untag(found.id, RESTART)

    async def instance(self, machine: Machine, target: Disk, journal: Journal) -> Disk:
        """Make an image of the machine's disk, called as the machine; `target` is where files would go."""
        del target
        with self._instances.step("look for the image", journal):
            made = await self._provider.images({f"tag:{JOB}": journal.job})
        if made:
            image = made[0].id
        else:
            found = await self._instances.needed(machine, journal)
            with self._instances.step("create an image", journal):
                name = image_name(machine.label, journal.job)
                image = await self._provider.create_image(found.id, name, {JOB: journal.job})
        done = await self._instances.available(image, journal)
        return Disk(done.id, FORMAT, done.size)

    async def states(self, host: str) -> Mapping[str, Sighting]:
        """Return every instance that bears a machine's uuid."""
        with self._instances.told():
            found = await self._provider.instances({"tag-key": UUID})
        return {
            one.tags[UUID]: Sighting(one.tags.get(NAME, one.id), _STATES.get(one.state, UNKNOWN), host)
            for one in found
            if UUID in one.tags
        }

    async def discover(self) -> tuple[Physical, ...]:
        """Return nothing, once the provider has answered: its machines are its own matter."""
        with self._instances.told():
            await self._provider.regions()
        return ()

    async def _type_for(self, machine: Machine, image: str, journal: Journal) -> InstanceType:
        """Choose among the types that the provider offers, which are asked for once."""
        with self._instances.step("choose an instance type", journal):
            architecture = (await self._provider.image(image)).architecture
            if not self._types:
                self._types = await self._provider.types()
            return smallest(self._types, machine, architecture)
