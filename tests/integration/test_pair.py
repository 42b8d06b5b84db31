"""Two HAProxy nodes that share addresses: what users see when the one with them dies, hangs or comes back.

The nodes are plain containers with the image and the confinement that a lab gives them, and VRRP is all that
their firewall lets pass between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from docker.types import IPAMConfig, IPAMPool

from labgen.assets import images_dir
from labgen.engine.client import Engine
from labgen.images import image_tags
from labgen.render.service import COMMON
from labgen.verify.session import Probe

from .conftest import PREFIX
from .waiting import until

NODES = ("front-1", "front-2")
PEERS, LINK = "10.233.7.0/28", "10.233.7.16/28"
THIRD = "front-3"
OWN = {"front-1": "10.233.7.2", "front-2": "10.233.7.3", THIRD: "10.233.7.4"}
PLACES = {
    "front-1": "10.233.7.24",
    "front-2": "10.233.7.25",
    THIRD: "10.233.7.26",
    "client": "10.233.7.18",
}
SHARED = "10.233.7.30"
#: Seconds that users may be without an answer.
BOUND = 3.0
#: Seconds after which a node that hears nobody has the address: three messages do not come, and then some.
_ELECTION = 3.0
_CONFIG = """\
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend health
    bind 127.0.0.1:8404
    http-request return status 200 content-type text/plain string ok
frontend http
    bind :80
    http-request return status 200 content-type text/plain lf-string %H
"""
_FIREWALL = """\
table inet labgen {
  chain output {
    type filter hook output priority filter; policy drop;
    oif "lo" accept
    ct state established,related accept
    ip daddr 10.233.7.2-10.233.7.7 ip protocol 112 counter accept comment "50-vrrp-frontend"
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iif "lo" accept
    ct state established,related accept
    ip saddr 10.233.7.2-10.233.7.7 ip protocol 112 counter accept comment "50-vrrp-frontend"
    ip saddr 10.233.7.18-10.233.7.23 tcp dport 80 counter accept comment "1"
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
}
"""
#: Asks who is behind the shared address, twenty times a second, and keeps each answer with its time.
_ASK = (
    f"while :; do echo $(date +%s.%N) $(curl -s -m 0.25 http://{SHARED}/ || echo -); sleep 0.05; done"
    " >/tmp/log"
)


@dataclass
class Pair:
    """The nodes by name, and a client on their link that asks all the time."""

    engine: Engine
    folder: Path
    networks: list[Any] = field(default_factory=list)
    made: dict[str, Any] = field(default_factory=dict)

    def create(self) -> None:
        (self.folder / "haproxy.cfg").write_text(_CONFIG)
        (self.folder / "firewall.nft").write_text(_FIREWALL)
        for name, subnet in (("peers", PEERS), ("link", LINK)):
            ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)])
            self.networks.append(
                self.engine.sdk.networks.create(f"{PREFIX}pair-{name}", internal=True, ipam=ipam)
            )
        link = self.networks[1]
        for node in NODES:
            self.node(node, NODES)
        self._container("client", ["bash", "-c", _ASK], link)
        link.disconnect(self.made["client"])
        link.connect(self.made["client"], ipv4_address=PLACES["client"])
        for one in self.made.values():
            one.start()

    def tell(self, node: str, nodes: Iterable[str]) -> None:
        """Write down that these nodes share the address, `node` among them."""
        others = " ".join(OWN[one] for one in nodes if one != node)
        (self.folder / f"peers-{node}").write_text(f"{OWN[node]} {others}\n")

    def node(self, node: str, nodes: Iterable[str]) -> None:
        """Create a node that shares the address with these."""
        self.tell(node, nodes)
        environment = {
            "LABGEN_KEEP_CAPS": "net_admin,net_raw",
            "LABGEN_NUMBER": node[-1],
            "LABGEN_VIRTUAL": SHARED,
        }
        peers, link = self.networks
        caps = [*COMMON["cap_add"], "NET_RAW"]
        self._container(node, ["labgen-pair"], peers, environment=environment, cap_add=caps)
        peers.disconnect(self.made[node])
        peers.connect(self.made[node], ipv4_address=OWN[node])
        link.connect(self.made[node], ipv4_address=PLACES[node])

    def _container(self, name: str, command: list[str], network: Any, **more: Any) -> None:
        files = {"haproxy.cfg": "/etc/labgen/haproxy.cfg"}
        if name in OWN:
            files |= {"firewall.nft": "/etc/labgen/firewall.nft", f"peers-{name}": "/etc/labgen/peers"}
        self.made[name] = self.engine.sdk.containers.create(
            image_tags(images_dir())["haproxy"],
            command,
            name=f"{PREFIX}pair-{name}",
            hostname=name,
            network=network.name,
            volumes={str(self.folder / file): {"bind": place, "mode": "ro"} for file, place in files.items()},
            tmpfs=dict(one.split(":", 1) for one in COMMON["tmpfs"]),
            init=True,
            read_only=True,
            cap_drop=COMMON["cap_drop"],
            security_opt=COMMON["security_opt"],
            **({"cap_add": COMMON["cap_add"], "restart_policy": {"Name": COMMON["restart"]}} | more),
        )

    def remove(self) -> None:
        for one in self.made.values():
            one.remove(force=True, v=True)
        for one in self.networks:
            one.remove()

    def run(self, name: str, command: str, user: str = "900") -> str:
        done = self.made[name].exec_run(["bash", "-c", command], user=user)
        assert done.exit_code == 0, done.output.decode()
        return str(done.output.decode())

    def answers(self, since: float = 0.0) -> list[tuple[float, str]]:
        """Return when the client asked, and who answered (`-`: nobody)."""
        found = [line.split() for line in self.run("client", "cat /tmp/log").splitlines()]
        return [(float(one[0]), one[1]) for one in found if len(one) == 2 and float(one[0]) >= since]

    def holder(self) -> str:
        """Return who has the shared address, once somebody answers at it."""
        deadline = time.time() + 30
        while time.time() < deadline:
            last = self.answers()[-1:]
            if last and last[0][0] > time.time() - 1 and last[0][1] in NODES:
                return last[0][1]
            time.sleep(0.1)
        raise AssertionError(f"nobody has {SHARED}: {self.answers()[-5:]}")

    def addresses(self, name: str) -> str:
        return self.run(name, "ip -4 -o address")

    def settled(self, name: str) -> None:
        """Wait until a node that comes back has heard of the one that has the address."""
        deadline = time.time() + 30
        heard = "grep -q master_priority /tmp/keepalived.json"
        while self.made[name].client.api.inspect_container(self.made[name].id)["State"][
            "Status"
        ] != "running" or (self.made[name].exec_run(["bash", "-c", heard], user="900").exit_code):
            assert time.time() < deadline, self.made[name].logs(tail=20).decode()
            time.sleep(0.1)


@pytest.fixture(scope="module")
def pair(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(engine, tmp_path_factory.mktemp("pair"))
    try:
        made.create()
        made.holder()
        yield made
    finally:
        made.remove()


def _signal(name: str) -> Callable[[Pair, str], object]:
    return lambda pair, node: pair.run(node, f"kill -{name} $(pidof haproxy)")


#: What happens to the node that has the address, and how it is made good: a program that ended is started.
_FAULTS: dict[str, tuple[Callable[[Pair, str], object], Callable[[Pair, str], object]]] = {
    "kill": (lambda pair, node: pair.made[node].kill(), lambda pair, node: pair.made[node].start()),
    "pause": (lambda pair, node: pair.made[node].pause(), lambda pair, node: pair.made[node].unpause()),
    "stop": (lambda pair, node: pair.made[node].stop(), lambda pair, node: pair.made[node].start()),
    "HAProxy is killed": (_signal("KILL"), lambda _pair, _node: None),
    "HAProxy hangs": (_signal("STOP"), _signal("CONT")),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_the_address_moves_in_time_and_stays_when_the_node_is_back(pair: Pair, fault: str) -> None:
    before = pair.holder()
    (after,) = {*NODES} - {before}
    pair.settled(after)
    strike, heal = _FAULTS[fault]
    begun = time.time()
    strike(pair, before)
    while not any(who == after for _, who in pair.answers(begun)):
        assert time.time() < begun + BOUND + 5, pair.answers(begun)[-5:]
        time.sleep(0.05)
    silent = next(at for at, who in pair.answers(begun) if who == after) - begun
    assert silent < BOUND, f"{fault}: users waited for {silent:.1f} s"

    time.sleep(2.5)  # as long as an address is on loan, so that a node that stands still has lost it
    healed = time.time()
    heal(pair, before)
    pair.settled(before)
    time.sleep(1.5)  # as long as an election takes
    assert {who for _, who in pair.answers(healed)} == {after}, "it does not move a second time"
    assert SHARED not in pair.addresses(before)
    assert SHARED in pair.addresses(after)


def test_a_reload_moves_no_address_and_loses_nobody(pair: Pair) -> None:
    before = pair.holder()
    (other,) = {*NODES} - {before}
    pair.settled(other)
    # A connection that stands: its request is not complete yet.
    hold = (
        f"exec 3<>/dev/tcp/{SHARED}/80; printf 'GET / HTTP/1.0\\r\\n' >&3; echo >/tmp/held; "
        "sleep 6; printf '\\r\\n' >&3; cat <&3 >/tmp/kept"
    )
    pair.made["client"].exec_run(["bash", "-c", hold], user="900", detach=True)
    deadline = time.time() + 5
    while pair.made["client"].exec_run(["bash", "-c", "test -s /tmp/held"], user="900").exit_code:
        assert time.time() < deadline
    begun = time.time()
    for node in (before, other, before):
        assert pair.run(node, "labgen-reload") == ""
    took = time.time() - begun
    assert took < 6, f"three reloads took {took:.1f} s: the connection was not held over them"
    time.sleep(max(0.0, 7.5 - took))
    assert {who for _, who in pair.answers(begun)} == {before}
    assert before in pair.run("client", "cat /tmp/kept")


def test_one_that_comes_or_goes_leaves_the_address_where_it_is(pair: Pair) -> None:
    """Before the others know of it, and after they do not any more, nobody tells it who has the address."""
    before = pair.holder()
    pair.settled(next(name for name in NODES if name != before))
    begun = time.time()
    pair.node(THIRD, OWN)
    pair.made[THIRD].start()
    until(
        lambda: not pair.made[THIRD].exec_run(["curl", "-sf", "http://127.0.0.1:8404"], user="900").exit_code
    )
    time.sleep(_ELECTION)
    assert SHARED not in pair.addresses(THIRD)

    for node in NODES:
        pair.tell(node, OWN)
        assert pair.run(node, "labgen-reload") == ""
    pair.settled(THIRD)
    for node in NODES:
        pair.tell(node, NODES)
        assert pair.run(node, "labgen-reload") == ""
    time.sleep(_ELECTION)
    assert SHARED not in pair.addresses(THIRD)
    assert {who for _, who in pair.answers(begun)} == {before}

    pair.made[THIRD].stop()

    def still_told() -> list[str]:
        known = {node: pair.run(node, "cat /run/labgen/pair/keepalived.conf") for node in NODES}
        return [node for node, text in known.items() if OWN[THIRD] in text]

    until(lambda: not still_told(), say=still_told)
    assert {who for _, who in pair.answers(begun)} == {before}


def test_what_is_no_configuration_is_refused(pair: Pair) -> None:
    node = pair.holder()
    other = "sed 's,^CONFIGURATION=.*,CONFIGURATION=/tmp/broken.cfg,' $(command -v labgen-reload)"
    broken = f"echo 'nonsense here' >/tmp/broken.cfg; bash <({other})"
    done = pair.made[node].exec_run(["bash", "-c", broken], user="900")
    assert done.exit_code == 1
    said = done.output.decode()
    assert said.startswith("HAProxy: [ALERT]")
    assert "nonsense" in said
    assert said.count("\n") == 1


def test_haproxy_has_no_right_and_keepalived_two(pair: Pair) -> None:
    both = "grep -h CapEff $(for p in $(pidof {}); do echo /proc/$p/status; done)"
    for node in NODES:
        assert {*pair.run(node, both.format("haproxy")).split()} == {"CapEff:", "0" * 16}
        # NET_ADMIN and NET_RAW are the rights with the numbers 12 and 13.
        assert {*pair.run(node, both.format("keepalived")).split()} == {"CapEff:", f"{0x3000:016x}"}
        top = pair.engine.sdk.api.top(pair.made[node].id, ps_args="-eo uid,pid,args")["Processes"]
        assert {row[0] for row in top if "docker-init" not in row[2] and "tini" not in row[2]} == {"900"}


def test_verify_speaks_vrrp_and_is_refused_where_no_rule_lets_it(pair: Pair) -> None:
    image = image_tags(images_dir())["probe"]
    check = {"id": "50", "protocol": "vrrp", "transport": "vrrp", "host": OWN["front-2"], "port": 112}

    def asked() -> dict[str, Any]:
        one, other = (pair.made[node].name for node in NODES)
        with Probe(pair.engine, PREFIX, image, other, seconds=30, vrrp=True) as second:
            second.ask({"op": "look"})  # it is there, and answers whoever asks
            with Probe(pair.engine, PREFIX, image, one, seconds=30, vrrp=True) as first:
                (found,) = first.ask({"op": "speak", "checks": [{**check, "timeout": 3}]})["results"]
        return dict(found)

    found = asked()
    assert (found["outcome"], found["evidence"]) == (
        "spoken",
        f"an advertisement came back from {OWN['front-2']}",
    )
    rule = (
        "nft insert rule inet labgen {} ip protocol 112 {}; nft -a list chain inet labgen {} | grep -c reject"
    )
    take = (
        "nft delete rule inet labgen {} handle $(nft -a list chain inet labgen {} | "
        "awk '/protocol 112 (reject|drop)/ {{ print $NF }}')"
    )
    for node, chain, how, outcome in (
        ("front-1", "output", "reject with icmpx admin-prohibited", "unreachable"),
        ("front-2", "input", "reject with icmpx admin-prohibited", "unreachable"),
        ("front-2", "input", "drop", "timeout"),
    ):
        pair.run(node, rule.format(chain, how, chain), user="root")
        try:
            assert asked()["outcome"] == outcome, (node, chain, how)
        finally:
            pair.run(node, take.format(chain, chain), user="root")
    assert asked()["outcome"] == "spoken"
