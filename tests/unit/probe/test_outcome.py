"""What became of a question: spoken, garbled, blocked, or never really asked."""

from __future__ import annotations

import errno
import random
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from labgen_stub.wire import Garbled, Misuse, Target
from labgen_stub.wire.omapi import GREETING
from labgen_stub.wire.outcome import Outcome, question, transport_outcome
from labgen_stub.wire.websocket import accept_key

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n6.1.0"
LIBVIRT = bytes.fromhex(
    "00000028 20008086 00000001 00000042 00000001 00000000 00000000 00000002 00000000 00000001"
)
AIM = bytes.fromhex("80010002 00000016") + b"checkRimpConfiguration" + bytes.fromhex("00000001 00")
WORDS = {
    "redis": b"+PONG\r\n",
    "zookeeper": b"Zookeeper version: 3.9.3-1, built\nMode: standalone\n",
    "guacd": b"4.args,13.VERSION_1_5_0,8.hostname;",
    "omapi": GREETING,
    "http": HTTP,
    "libvirt": LIBVIRT,
    "aim": AIM,
    "rdp": bytes.fromhex("03000013 0ed00000123400 02000800 01000000"),
    "smtp": b"250 hello\r\n",
    "ajp": bytes.fromhex("4142 0001 09"),
    "ws": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
}
GREETINGS = {"vnc": b"RFB 003.008\n", "ssh": b"SSH-2.0-x\r\n", "smtp": b"220 mail\r\n"}
ANSWERED = {**WORDS, "vnc": b"\x02\x01\x02", "ssh": b""}


def target(protocol: str, port: int, **options: Any) -> Target:
    return Target(protocol, "127.0.0.1", port, options)


@pytest.mark.parametrize("protocol", sorted(ANSWERED))
async def test_spoken(server: Callable[..., Any], protocol: str) -> None:
    close = protocol == "zookeeper"
    async with server(ANSWERED[protocol], greeting=GREETINGS.get(protocol, b""), close=close) as port:
        result = await question(target(protocol, port), 2)
    assert result.outcome is Outcome.SPOKEN, result.evidence
    assert result.evidence
    assert result.good


@pytest.mark.parametrize("protocol", sorted({*ANSWERED, "https", "libvirt-tls", "wss", "ec2"}))
async def test_another_protocol_is_garbled(server: Callable[..., Any], protocol: str) -> None:
    noise = b"-ERR what?\r\n" + b"\x15\x03\x01" * 30
    async with server(noise, greeting=noise if protocol in GREETINGS else b"", close=True) as port:
        asked = Target(protocol, "127.0.0.1", port, secrets={"ca": _ca()})
        result = await question(asked, 2)
    assert result.outcome is Outcome.GARBLED, result.evidence
    assert result.evidence.startswith("connected, but: ")


@pytest.mark.parametrize("protocol", sorted(ANSWERED))
async def test_silence_and_a_slammed_door_are_garbled_too(server: Callable[..., Any], protocol: str) -> None:
    async with server() as port:
        silent = await question(target(protocol, port), 0.1)
    assert silent.outcome is Outcome.GARBLED, silent.evidence
    assert "no answer within 0.1 s" in silent.evidence
    async with server(b"", close=True) as port:
        closed = await question(target(protocol, port), 2)
    assert closed.outcome is Outcome.GARBLED, closed.evidence


@pytest.mark.parametrize("protocol", sorted(ANSWERED))
async def test_whatever_a_peer_says_is_never_a_fault_of_ours(
    server: Callable[..., Any], protocol: str
) -> None:
    """The right answer, cut short or spoilt in every way, and noise."""
    dice, right = random.Random(protocol), ANSWERED[protocol]  # noqa: S311 - to be repeatable
    answers = [right[: dice.randrange(len(right) + 1)] + dice.randbytes(40) for _ in range(15)]
    places = [dice.randrange(len(right) or 1) for _ in range(15)]
    answers += [right[:at] + dice.randbytes(1) + right[at + 1 :] for at in places]
    for answer in answers:
        async with server(answer, greeting=GREETINGS.get(protocol, b""), close=True) as port:
            result = await question(target(protocol, port), 1)
        assert result.outcome in (Outcome.SPOKEN, Outcome.GARBLED), (answer, result.evidence)


@pytest.mark.parametrize("protocol", sorted({*ANSWERED, "tcp"}))
async def test_refused(protocol: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = await question(target(protocol, taken.getsockname()[1]), 2)
    assert result.outcome is Outcome.REFUSED, result.evidence
    assert not result.good


async def test_open_is_all_that_tcp_can_say(server: Callable[..., Any]) -> None:
    async with server() as port:
        assert (await question(target("tcp", port), 2)).outcome is Outcome.OPEN


async def test_unresolved() -> None:
    result = await question(Target("redis", "no-such-node.invalid", 1), 2)
    assert result.outcome is Outcome.UNRESOLVED, result.evidence


async def test_udp_is_refused_or_silent() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        asked = Target("udp", "127.0.0.1", port, transport="udp")
        assert (await question(asked, 0.1)).outcome is Outcome.TIMEOUT
    assert (await question(asked, 2)).outcome is Outcome.REFUSED


async def test_our_own_faults_are_never_evidence(server: Callable[..., Any]) -> None:
    async def broken(_: Target) -> str:
        raise KeyError("a fault of ours")

    async def misused(_: Target) -> str:
        raise Misuse("secret x is missing")

    async with server() as port:
        asked = target("redis", port)
        assert (await question(asked, 2, speak=broken)).outcome is Outcome.FAILED
        assert (await question(asked, 2, speak=misused)).outcome is Outcome.FAILED
        assert (await question(target("gopher", port), 2)).outcome is Outcome.FAILED
        assert (await question(target("https", port), 2)).evidence == "secret ca is missing"


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (ConnectionRefusedError(), Outcome.REFUSED),
        (OSError(errno.EHOSTUNREACH, "x"), Outcome.UNREACHABLE),
        (OSError(errno.ENETUNREACH, "x"), Outcome.UNREACHABLE),
        (OSError(errno.EACCES, "x"), Outcome.UNREACHABLE),
        (socket.gaierror(-2, "x"), Outcome.UNRESOLVED),
        (TimeoutError(), Outcome.TIMEOUT),
        (OSError(errno.EMFILE, "x"), None),
        (Garbled("x"), None),
    ],
)
def test_what_an_error_says_by_itself(error: Exception, seen: Outcome | None) -> None:
    assert transport_outcome(error) is seen


async def test_a_library_that_hides_the_reason_does_not_hide_it(server: Callable[..., Any]) -> None:
    async def wrapped(_: Target) -> str:
        raise Garbled("cannot connect")

    async with server() as port:
        assert (await question(target("redis", port), 2, speak=wrapped)).outcome is Outcome.GARBLED
    assert (await question(target("redis", port), 2, speak=wrapped)).outcome is Outcome.REFUSED


async def test_http_options(server: Callable[..., Any]) -> None:
    async with server(HTTP) as port:
        result = await question(target("http", port, path="/api/version", status=401), 2)
    assert "200 (text/plain) 6.1.0, expected 401" in result.evidence


@pytest.mark.parametrize("status", ["404 Not Found", "200 OK", "503 Service Unavailable"])
async def test_a_web_server_is_no_websocket(server: Callable[..., Any], status: str) -> None:
    async with server(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as port:
        assert (await question(target("ws", port), 2)).outcome is Outcome.GARBLED


async def test_an_upgrade_with_a_wrong_key(server: Callable[..., Any]) -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "RFC 6455, 1.3"
    answer = (
        b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n"
    )
    async with server(answer) as port:
        assert "wrong Sec-WebSocket-Accept" in (await question(target("ws", port), 2)).evidence


def _ca() -> str:
    """A certificate of nobody, to verify against."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


async def test_where_nobody_can_be_led_to_any_answer_shows_the_protocol(server: Callable[..., Any]) -> None:
    async with server(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n") as port:
        result = await question(target("ws", port, anything=True), 2)
    assert result.outcome is Outcome.SPOKEN, result.evidence
    assert "503" in result.evidence
