"""Protocol adapters: each module speaks one protocol to one target and says what it heard.

A module here has `async def speak(target: Target) -> str`. It returns the evidence (one line, fit for
a table) or raises: `OSError` and `TimeoutError` from the transport, `Garbled` for an answer that is
not the protocol's or not the expected one, `Misuse` when the question itself cannot be put.
`tests/unit/stub` and the probe use the same modules: a protocol is written once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from labgen_stub.wire.target import Garbled, Misuse, Target

__all__ = ["Garbled", "Misuse", "Speaker", "Target", "known_protocols", "speaker"]

Speaker = Callable[[Target], Awaitable[str]]

# Imported on first use: a probe that asks for PING does not pay for an AMQP client.
_MODULES = {
    "aim": "aim",
    "ajp": "ajp_client",
    "amqp": "amqp",
    "dhcp": "dhcp",
    "ec2": "ec2",
    "epmd": "epmd",
    "erlang": "erlang",
    "guacd": "guacd",
    "http": "http",
    "https": "http",
    "libvirt": "libvirt",
    "libvirt-tls": "libvirt",
    "mysql": "mysql",
    "nfs": "nfs",
    "omapi": "omapi",
    "rdp": "rdp",
    "redis": "redis",
    "rpcbind": "rpc",
    "smtp": "smtp",
    "ssh": "ssh",
    "tcp": "plain",
    "udp": "plain",
    "vnc": "vnc",
    "vrrp": "vrrp",
    "ws": "websocket",
    "wss": "websocket",
    "zookeeper": "zookeeper",
    "zookeeper-election": "zookeeper_election",
    "zookeeper-quorum": "zookeeper_quorum",
}


def known_protocols() -> frozenset[str]:
    """Every protocol name that has an adapter."""
    return frozenset(_MODULES)


def speaker(protocol: str) -> Speaker:
    """Return the adapter for a protocol name of `node.json`.

    Raises:
        Misuse: no adapter has this name.
    """
    try:
        module = import_module(f"labgen_stub.wire.{_MODULES[protocol]}")
    except KeyError:
        raise Misuse(f"unknown protocol {protocol!r}") from None
    speak: Speaker = module.speak
    return speak
