"""The remote services of a datacenter or region (platform.md 2.1), each with what it needs and no more.

Whatever makes a node's services differ follows from its neighbours: without an `nfs` neighbour nobody looks
for templates, without an `omapi` one nobody makes leases, and machines live where `backends` finds them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from labgen_stub import messages
from labgen_stub.links.store import Store
from labgen_stub.messages import Place
from labgen_stub.node import Node, WebApp
from labgen_stub.webapps.remote import backends
from labgen_stub.webapps.remote.consumer import Consumer
from labgen_stub.webapps.remote.memory import Fleeting, Lasting, Memory
from labgen_stub.webapps.remote.places import declared
from labgen_stub.webapps.remote.subscriptions import Subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen_stub.links.leases import Leases
    from labgen_stub.links.share import Share
    from labgen_stub.messages import MachineEvent, Request
    from labgen_stub.webapps.remote.attempts import Patience, Worker
    from labgen_stub.webapps.remote.journal import Journal

XAS_ANSWERS = Place("abiquo.xas.asyncresponses", "topic", "abiquo.xas.asyncresponses.default")


def build(context: str, node: Node) -> WebApp:
    """Build a remote service; one that has nothing to do here (cpp in this module) only has its `/check`."""
    maker = _SERVICES.get(context)
    return WebApp([]) if maker is None else maker(context, node)


def memory_of(context: str, node: Node) -> Memory:
    """Return the memory of a service: in the node's Redis, if it has one."""
    places = node.settings.to("redis")
    return Lasting(Store(places), context, node.settings.node) if places else Fleeting(node.settings.node)


def consumer_of(
    context: str,
    node: Node,
    places: tuple[Place, Place],
    worker: Worker,
    patience: Patience | None = None,
    *,
    at_once: int = 4,
) -> Consumer:
    """Return the consumer of a service; `places` are its requests' and its answers'."""
    requests, answers = places
    both = requests.of(node.settings.datacenter_id), answers
    return Consumer(node.settings.node, both, worker, memory_of(context, node), patience, at_once)


def subscriptions_of(node: Node) -> Subscriptions:
    """Return what VSM watches, in the node's Redis."""
    places = node.settings.to("redis")
    return Subscriptions(Store(places), places[0] if places else None)


def _virtualfactory(context: str, node: Node) -> WebApp:
    from labgen_stub.webapps.remote.virtualfactory import VirtualFactory  # noqa: PLC0415 - by who needs it

    places = messages.VIRTUAL_FACTORY, messages.VIRTUAL_FACTORY_ANSWERS
    backend = backends.find(node)
    if backend is None:
        return unable(context, node, places)
    factory = VirtualFactory(backend, subscriptions_of(node), share_of(node), _leases(node))
    return WebApp([], setups=[consumer_of(context, node, places, factory.work).setup])


def share_of(node: Node) -> Share | None:
    """Return the datacenter's template repository, if this node has it."""
    places = node.settings.to("nfs")
    if not places:
        return None
    from labgen_stub.links.share import Share  # noqa: PLC0415 - by who needs it

    return Share(places[0])


def _leases(node: Node) -> Leases | None:
    places = node.settings.to("omapi")
    if not places:
        return None
    from labgen_stub.links.leases import Leases  # noqa: PLC0415 - by who needs it

    return Leases(places[0], node.target(places[0]))


def _vsm(context: str, node: Node) -> WebApp:
    from labgen_stub.webapps.remote import vsm  # noqa: PLC0415 - by who needs it

    watched, backend = subscriptions_of(node), backends.find(node)
    routes = vsm.routes(context, watched)
    if backend is None or node.broker is None:
        return WebApp(routes)
    broker, place = node.broker, messages.VSM_EVENTS

    async def tell(event: MachineEvent) -> None:
        await broker.publish(place.exchange, place.kind, place.queue, messages.dump(event))

    monitor = vsm.Monitor(node.settings.datacenter_id, backend, watched, tell)
    return WebApp(routes, setups=[declared(place)], tasks=[monitor.run])


def _nars(context: str, node: Node) -> WebApp:
    from labgen_stub.webapps.remote.nars import Nars  # noqa: PLC0415 - by who needs it

    nars = Nars(backends.find(node))
    requests = consumer_of(context, node, (messages.NARS, messages.NARS_ANSWERS), nars.work)
    return WebApp(nars.routes(context), setups=[requests.setup])


def _xas(context: str, node: Node) -> WebApp:
    return unable(context, node, (messages.XAS, XAS_ANSWERS))


def unable(context: str, node: Node, places: tuple[Place, Place]) -> WebApp:
    """Answer every request with a refusal: better than a task that never ends."""

    async def work(request: Request, journal: Journal) -> dict[str, object]:
        del journal
        raise backends.Refused(f"{node.settings.node}: {context} does not do {request.work} here")

    return WebApp([], setups=[consumer_of(context, node, places, work).setup])


def _later(module: str) -> Callable[[str, Node], WebApp]:
    """Return a builder that loads its module when it is asked for."""

    def make(context: str, node: Node) -> WebApp:
        webapp: WebApp = import_module(f"{__name__}.{module}").build(context, node)
        return webapp

    return make


_SERVICES: dict[str, Callable[[str, Node], WebApp]] = {
    "virtualfactory": _virtualfactory,
    "vsm": _vsm,
    "nars": _nars,
    "xas": _xas,
    "am": _later("am"),
    "bpm-async": _later("bpm"),
}
