"""Random rule sets as text, random packets, and what a packet gets: read word by word, slowly and simply."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from random import Random

__all__ = ["Packet", "random_packet", "random_rules", "verdict"]

HERE = IPv4Network("10.9.0.0/27")
_REFUSALS = ("drop", "reject", "reject with icmpx admin-prohibited", "reject with icmpx port-unreachable")


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection between two machines."""

    source: IPv4Address
    destination: IPv4Address
    transport: str
    port: int


def random_packet(rng: Random) -> Packet:
    """Return a packet between two addresses of one small network, to a port that some rule may name."""
    source, destination = rng.sample(range(1, HERE.num_addresses - 1), 2)
    transport = rng.choice(["tcp", "udp", "vrrp"])
    return Packet(HERE[source], HERE[destination], transport, 112 if transport == "vrrp" else _port(rng))


def random_rules(rng: Random, hook: str) -> str:
    """Return a rule set with one chain for `hook`: matches of every kind, in any order, of any verdict."""
    side = "oif" if hook == "output" else "iif"
    lines = [f"{side} lo accept"] * rng.randint(0, 1) + ["ct state established,related accept"]
    lines += [_rule(rng) for _ in range(rng.randint(0, 9))]
    rng.shuffle(lines)
    lines += ["meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"][
        : rng.randint(0, 2)
    ]
    text = "\n".join(f"    {line}" for line in lines)
    policy = rng.choice(["accept", "drop", "drop"])
    return (
        "table inet labgen {}\ndelete table inet labgen\ntable inet labgen {\n"
        f"  chain {hook} {{\n    type filter hook {hook} priority filter; policy {policy};\n"
        f"{text}\n  }}\n}}\n"
    )


def verdict(text: str, packet: Packet) -> bool:
    """Return whether `packet` passes the one chain in `text`."""
    policy = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("type "):
            policy = line.split()[-1].rstrip(";")
        elif policy and line != "}":
            decision = _decide(line, packet)
            if decision:
                return decision == "accept"
    return policy == "accept"


def _decide(line: str, packet: Packet) -> str:
    """Return the first word of the verdict of `line`, or nothing when it does not match."""
    words = [word for word in line.split() if word != "counter"]
    while words[0] not in {"accept", "drop", "reject"}:
        if not _matches(words, packet):
            return ""
        words = words[2:] if words[0] in {"oif", "iif"} else words[3:]
    return words[0]


def _matches(words: list[str], packet: Packet) -> bool:
    match words[:3]:
        case ["oif" | "iif", *_]:
            return False
        case ["ct", "state", states]:
            return "new" in states.split(",")
        case ["ip", "protocol", number]:
            return number in {"112", "vrrp"} and packet.transport == "vrrp"
        case ["ip", side, block]:
            return _inside(packet.source if side == "saddr" else packet.destination, block)
        case ["meta", "l4proto", transport]:
            return transport == packet.transport
        case [transport, "dport", ports]:
            first, _, last = ports.partition("-")
            return transport == packet.transport and int(first) <= packet.port <= int(last or first)
    raise AssertionError(words)


def _inside(address: IPv4Address, block: str) -> bool:
    first, dash, last = block.partition("-")
    return (
        IPv4Address(first) <= address <= IPv4Address(last)
        if dash
        else address in IPv4Network(block, strict=False)
    )


def _port(rng: Random) -> int:
    return rng.choice([1, 22, 80, 81, 443, 5900, 5950, 5999, 6000, 65535, rng.randint(1, 65535)])


def _ports(rng: Random) -> str:
    first, last = sorted((_port(rng), _port(rng)))
    return str(first) if first == last or rng.random() < 0.5 else f"{first}-{last}"


def _block(rng: Random) -> str:
    kind = rng.randrange(5)
    first, last = sorted(rng.sample(range(HERE.num_addresses), 2))
    if kind == 0:
        return str(HERE[first])
    if kind == 1:
        return f"{HERE[first]}-{HERE[last]}"
    if kind == 2:
        prefix = rng.randint(27, 31)
        return str(IPv4Network((int(HERE[first]), prefix), strict=False))
    return rng.choice(["192.0.2.0/24", "10.0.0.0/8", "255.255.255.255"])


def _rule(rng: Random) -> str:
    matches = []
    if rng.random() < 0.5:
        matches.append(f"ip saddr {_block(rng)}")
    if rng.random() < 0.5:
        matches.append(f"ip daddr {_block(rng)}")
    transport = rng.choice(["tcp", "udp"])
    kind = rng.randrange(4)
    if kind < 2:
        matches.append(f"{transport} dport {_ports(rng)}")
    elif kind == 2:
        matches.append(f"meta l4proto {transport}")
    elif kind == 4:
        matches.append(rng.choice(["ip protocol 112", "ip protocol vrrp"]))
    rng.shuffle(matches)
    if rng.random() < 0.2:
        matches.insert(0, f"ct state {rng.choice(['new', 'new,established', 'established', 'invalid'])}")
    refusals = [*_REFUSALS, *(["reject with tcp reset"] if transport == "tcp" and kind < 3 else [])]
    ending = rng.choice(["accept", "accept", rng.choice(refusals)])
    comment = f' comment "{rng.randint(1, 60)}"' if rng.random() < 0.5 else ""
    return " ".join([*matches, ending]) + comment
