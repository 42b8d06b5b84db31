"""Guacamole's tunnel: a WebSocket client on one side, a guacd of ours on the other, uvicorn between."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from labgen_stub.settings import Neighbour
from labgen_stub.webapps.api.consoles import tunnel as module
from labgen_stub.webapps.api.consoles.tickets import Ticket, Tickets
from labgen_stub.webapps.api.consoles.tunnel import Tunnels
from labgen_stub.wire import websocket_server
from labgen_stub.wire.guacamole import elements, instruction
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from .console_fakes import Memory
from .guacd import FakeGuacd, Session, echo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from websockets.asyncio.client import ClientConnection

pytestmark = pytest.mark.anyio
VNC = Ticket("vnc", "dc1-hypervisor-1", 5900, "web")


class Lab:
    """A tunnel's server with its neighbours."""

    def __init__(self, guacd: FakeGuacd, port: int, memory: Memory, tunnels: Tunnels) -> None:
        self.guacd, self.memory, self.tunnels = guacd, memory, tunnels
        self.tickets = Tickets(memory)  # type: ignore[arg-type]
        self.address = f"ws://127.0.0.1:{port}"

    async def token(self, ticket: Ticket = VNC) -> str:
        return (await self.tickets.make(ticket))[0]

    def open(self, token: str, query: str = "", **options: Any) -> connect:
        options = {"subprotocols": ["guacamole"], "proxy": None} | options
        return connect(f"{self.address}/{token}/tunnel{query}", **options)


@asynccontextmanager
async def lab_of(
    behaviour: Callable[[Session], Awaitable[None]] = echo, *, most: int = 2, before: int = 0
) -> AsyncIterator[Lab]:
    """Serve; `before` is a port that nobody listens on, of a guacd that is asked first."""
    memory = Memory()
    async with FakeGuacd(behaviour).listening() as guacd:
        ports = [*([before] if before else []), guacd.port]
        places = [Neighbour("32", "guacamole", "127.0.0.1", "guacd", port) for port in ports]
        tunnels = Tunnels(Tickets(memory), lambda: places, most)  # type: ignore[arg-type]
        app = Starlette(routes=[WebSocketRoute("/{token:str}/tunnel", tunnels.serve)])
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws=websocket_server.protocol,  # type: ignore[arg-type]
            ws_max_size=websocket_server.LONGEST_MESSAGE,
            ws_per_message_deflate=False,
            log_config=None,
        )
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve([listener]))
        try:
            yield Lab(guacd, listener.getsockname()[1], memory, tunnels)
        finally:
            server.should_exit = True
            await serving


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    # uvicorn would take the test runner's signals over.
    monkeypatch.setattr(uvicorn.Server, "install_signal_handlers", lambda _: None, raising=False)


async def heard(client: ClientConnection) -> list[str]:
    return elements(str(await client.recv()).encode())


async def to_the_end(client: ClientConnection) -> None:
    while True:
        await client.recv()


async def test_both_ways() -> None:
    async with lab_of() as lab, lab.open(await lab.token(), "?width=800&height=90000") as client:
        assert client.subprotocol == "guacamole"
        assert await heard(client) == ["", "$here"]
        await client.send("3.key,2.65,1.1;")
        assert await client.recv() == "3.key,2.65,1.1;"
        await client.send("4.name,2.é")
        await client.send("😀;3.nop;")
        got = ""
        while len(got) < len("4.name,2.é😀;3.nop;"):
            got += str(await client.recv())
        assert got == "4.name,2.é😀;3.nop;"
        assert lab.guacd.handshake[1] == ["size", "800", "4096", "96"]
        assert lab.guacd.handshake[-1][2:4] == ["dc1-hypervisor-1", "5900"]


async def test_a_ping_is_the_tunnels() -> None:
    async with lab_of() as lab, lab.open(await lab.token()) as client:
        await heard(client)
        await client.send(instruction("", "ping", "17").decode())
        assert await heard(client) == ["", "ping", "17"]


async def test_a_token_opens_one_tunnel() -> None:
    async with lab_of() as lab:
        token = await lab.token()
        async with lab.open(token) as client:
            await heard(client)
        with pytest.raises(InvalidStatus) as refused:
            await lab.open(token)
        assert refused.value.response.status_code == 403
        assert refused.value.response.body == b"No console has this token\n"


async def test_refusals_before_the_upgrade() -> None:
    async with lab_of(most=1) as lab:
        token = await lab.token()
        with pytest.raises(InvalidStatus) as refused:
            await lab.open(token, subprotocols=["binary"])
        assert refused.value.response.status_code == 400
        async with lab.open(token) as client:
            await heard(client)
            with pytest.raises(InvalidStatus) as refused:
                await lab.open(await lab.token())
            assert refused.value.response.status_code == 503
            assert refused.value.response.body == b"Too many consoles are open here\n"
        lab.memory.broken = True
        await lab.guacd.over.wait()
        with pytest.raises(InvalidStatus) as refused:
            await lab.open("x" * 32)
        assert refused.value.response.status_code == 503


async def test_the_console_ends() -> None:
    async def brief(session: Session) -> None:
        await session.say("ready", "$here")
        await session.say("error", "Aborted", "519")

    async with lab_of(brief) as lab, lab.open(await lab.token()) as client:
        assert await heard(client) == ["", "$here"]
        assert await heard(client) == ["error", "Aborted", "519"]
        with pytest.raises(ConnectionClosed) as over:
            await client.recv()
        assert over.value.rcvd is not None
        assert over.value.rcvd.code == 1000


async def test_guacds_last_word_ends_the_tunnel() -> None:
    """guacd itself keeps the connection until its user is gone."""

    async def goodbye(session: Session) -> None:
        await session.say("ready", "$here")
        await session.say("disconnect")
        await session.next()

    async with lab_of(goodbye) as lab, lab.open(await lab.token()) as client:
        assert await heard(client) == ["", "$here"]
        assert await heard(client) == ["disconnect"]
        with pytest.raises(ConnectionClosed) as over:
            await client.recv()
        assert over.value.rcvd is not None
        assert over.value.rcvd.code == 1000


async def test_the_user_leaves() -> None:
    async with lab_of() as lab:
        async with lab.open(await lab.token()) as client:
            await heard(client)
        async with asyncio.timeout(5):
            await lab.guacd.over.wait()


async def test_guacd_refuses_in_words() -> None:
    async def refuse(session: Session) -> None:
        await session.say("error", "Too busy", "768")

    async with lab_of(refuse) as lab, lab.open(await lab.token()) as client:
        assert await heard(client) == ["error", "Too busy", "768"]


async def test_the_next_guacd_is_asked_when_one_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with lab_of(before=port) as lab, lab.open(await lab.token()) as client:
        assert await heard(client) == ["", "$here"]


async def test_no_guacd_answers() -> None:
    async def silent(_: Session) -> None:
        pass

    async with lab_of(silent) as lab, lab.open(await lab.token()) as client:
        assert await heard(client) == ["error", "The remote access server does not answer", "520"]
        with pytest.raises(ConnectionClosed, match="does not answer"):
            await client.recv()


@pytest.mark.parametrize("sent", ["GET /", b"\x00\x01", "3.nop"])
async def test_what_is_not_the_protocol(monkeypatch: pytest.MonkeyPatch, sent: str | bytes) -> None:
    monkeypatch.setattr(module, "SILENCE", 0.5)
    async with lab_of() as lab, lab.open(await lab.token()) as client:
        await heard(client)
        await client.send(sent)
        words = "Nothing was heard|fell silent" if sent == "3.nop" else "not Guacamole's protocol"
        with pytest.raises(ConnectionClosed, match=words):
            await to_the_end(client)


async def test_a_message_without_end_is_refused() -> None:
    async with lab_of() as lab, lab.open(await lab.token()) as client:
        await heard(client)
        with pytest.raises(ConnectionClosed) as over:
            await asyncio.gather(client.send(["4.blob"] * 20_000), to_the_end(client))
        assert over.value.rcvd is not None
        assert over.value.rcvd.code == 1009


async def test_a_user_who_does_not_read_stops_guacd() -> None:
    """Nothing is kept for a slow user but what the systems' own buffers hold."""
    sent, blocked = 0, asyncio.Event()

    async def flood(session: Session) -> None:
        nonlocal sent
        await session.say("ready", "$here")
        while sent < 1 << 28:
            try:
                async with asyncio.timeout(1):
                    await session.say("blob", "1", "A" * 8000)
            except TimeoutError:
                blocked.set()
                return
            sent += 8000

    async with lab_of(flood) as lab, lab.open(await lab.token(), max_queue=2) as client:
        async with asyncio.timeout(30):
            await blocked.wait()
        assert 0 < sent < 1 << 26
        client.transport.abort()


async def test_passwords_are_given_to_guacd_and_to_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    ticket = replace(VNC, protocol="ssh", username="labgen", password="p4ss-w0rd")
    async with lab_of() as lab:
        async with lab.open(await lab.token(ticket)) as client:
            await heard(client)
        await lab.guacd.over.wait()
        assert lab.guacd.handshake[-1][4] == "p4ss-w0rd"
    ours = [one for one in caplog.records if one.name.startswith("labgen_stub")]
    assert ours
    assert all("p4ss-w0rd" not in f"{one.getMessage()} {vars(one)}" for one in ours)
