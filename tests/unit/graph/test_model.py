"""What a picture shows: every documented connection once, each node at its place, and how it is."""

from __future__ import annotations

from collections import Counter

from hypothesis import given

from labgen.catalogue.model import Provenance
from labgen.plan.model import LabPlan
from labgen.plan.spec import LabSpec
from labgen.render.graph.model import Port, picture_of
from tests.unit.graph.pictures import CUT, STATES, connections, drawn, faulty
from tests.unit.plan.specs import documented, lab_specs, plan_of


@given(lab_specs(most=5))
def test_every_documented_connection_is_there_exactly_once(spec: LabSpec) -> None:
    plan = plan_of(spec)
    assert Counter(connections(picture_of(plan))) == Counter(documented(plan, spec))


@given(lab_specs(most=5))
def test_every_node_is_there_exactly_once_at_its_place(spec: LabSpec) -> None:
    plan = plan_of(spec)
    found = [
        (box.name, place.site, place.outside, server.name)
        for place in picture_of(plan).places
        for server in place.servers
        for box in server.boxes
    ]
    assert sorted(found) == sorted((node.name, node.site, node.actor, node.server) for node in plan.nodes)


@given(lab_specs(most=3))
def test_a_node_lists_the_ports_that_its_arrows_lead_to(spec: LabSpec) -> None:
    picture = picture_of(plan_of(spec))
    led_to = {
        (arrow.destination, row.protocol, row.ports.removesuffix("/tcp"))
        for arrow in picture.arrows
        for row in arrow.rows
    }
    listed = [(box.name, port.protocol, port.number) for box in picture.boxes for port in box.ports]
    assert len(listed) == len(set(listed))
    assert set(listed) == led_to


def test_servers_hold_the_nodes_that_the_documents_put_on_one_machine() -> None:
    servers = {
        (place.id, server.name): [box.name for box in server.boxes]
        for place in drawn().places
        for server in place.servers
    }
    assert servers["platform", "services"] == ["redis-1", "rabbitmq-1", "zookeeper-1"]
    assert servers["dc1", "rs"] == ["dc1-rs-1", "dc1-redis-1", "dc1-dhcp-1"]
    assert servers["dc1-outside", "hypervisor"] == ["dc1-hypervisor-1"]


def test_titles_of_places() -> None:
    assert [place.title for place in drawn().places] == [
        *("platform", "outside (platform)", "datacenter dc1", "outside (dc1)"),
        *("public cloud region pcr1", "outside (pcr1)"),
    ]


def test_rows_of_one_pair_share_an_arrow_unless_they_are_attested_otherwise() -> None:
    arrows = [
        one for one in drawn().arrows if (one.source, one.destination) == ("dc1-rs-1", "dc1-hypervisor-1")
    ]
    assert [(one.provenance, one.label) for one in arrows] == [
        (Provenance.VENDOR_CODE, "aim 8889"),
        (Provenance.INFERRED, "libvirt 16509, libvirt-tls 16514"),
    ]


def test_a_port_says_its_transport_and_where_it_is_published() -> None:
    ports = {(box.name, port.protocol): port for box in drawn().boxes for port in box.ports}
    assert ports["dc1-dhcp-1", "dhcp"] == Port("dhcp", "67/udp", "")
    assert ports["frontend-1", "https"] == Port("https", "443", "localhost:8443")
    assert ports["dc1-hypervisor-1", "vnc"].number == "5900-5999"


def test_a_plan_has_no_states(small_plan: LabPlan) -> None:
    picture = picture_of(small_plan)
    assert not picture.live
    assert {box.state for box in picture.boxes} == {None}
    assert not any(arrow.cut for arrow in picture.arrows)


def test_a_running_lab_has_the_state_of_each_node_and_its_cuts() -> None:
    picture = faulty()
    states = {box.name: box.state for box in picture.boxes}
    assert picture.live
    assert states == dict.fromkeys(states, "healthy") | STATES | {"ui-1": "missing"}
    assert {(one.source, one.destination) for one in picture.arrows if one.cut} == {CUT}


def test_the_caption_counts() -> None:
    assert drawn().caption == "21 nodes, 37 links, 49 documented connections"
    few = drawn(datacenters=0, regions=0, counts=dict.fromkeys(_PLATFORM, 0) | {"ui": 1, "api": 1})
    assert few.caption == "2 nodes, 1 link, 1 documented connection"


_PLATFORM = [
    *("frontend", "m", "novnc", "guacamole", "mysql", "redis", "rabbitmq", "zookeeper", "client"),
]
