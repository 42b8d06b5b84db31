"""Consoles on a real lab, as a browser opens them: through the front end, by noVNC's way and Guacamole's."""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from labgen_stub.wire.guacamole import Instructions, elements, instruction
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

    from labgen.plan.model import LabPlan

    from .conftest import Cli

PATIENCE = 60
# A machine that runs, as the platform remembers one: its screen is the one that every hypervisor has.
MACHINE = """
INSERT INTO virtualdatacenter (enterprise_id, datacenter_id, name)
    SELECT 1, id, UUID() FROM datacenter WHERE uuid = 'dc1';
SET @vdc = LAST_INSERT_ID();
INSERT INTO virtualappliance (virtualdatacenter_id, name) VALUES (@vdc, 'consoles');
SET @vapp = LAST_INSERT_ID();
INSERT INTO virtualmachine (virtualappliance_id, uuid, name, label, cpu, ram, state, display_host,
        display_port)
    VALUES (@vapp, UUID(), 'ABQ_consoles', 'console', 1, 16, 'ON', 'dc1-hypervisor-1', 5900);
SELECT CONCAT_WS(' ', @vdc, @vapp, LAST_INSERT_ID());
"""
KEYSYM_RETURN = 0xFF0D


@dataclass(frozen=True, slots=True)
class Platform:
    """The lab's platform, and one running machine of it."""

    base: str
    tls: ssl.SSLContext
    password: str
    guest_password: str
    machine: str

    def ask(self, **wish: str) -> httpx.Response:
        """Ask for a console of the machine."""
        return httpx.post(
            f"{self.base}{self.machine}/action/remoteaccess",
            json=wish,
            auth=("admin", self.password),
            verify=self.tls,
            timeout=PATIENCE,
            trust_env=False,
        )

    def link(self, rel: str, **wish: str) -> str:
        answer = self.ask(**wish)
        assert answer.status_code == 201, answer.text
        return next(str(one["href"]) for one in answer.json()["links"] if one["rel"] == rel)

    def open(self, address: str, subprotocol: str = "guacamole") -> connect:
        options: dict[str, Any] = {"subprotocols": [subprotocol], "max_size": None, "proxy": None}
        return connect(address, ssl=self.tls, **options)


@pytest.fixture(scope="module")
def platform(cli: Cli, small: LabPlan) -> Platform:
    secrets = cli.state / "labs" / small.name / "secrets"
    published = {one.name: one for one in small.published}
    context = ssl.create_default_context(cadata=cli.run("ca", small.name).stdout)
    password = "$(cat /run/labgen/secrets/mysql_password)"
    mysql = f'mysql -h 127.0.0.1 --batch --skip-column-names -u abiquo -p"{password}" kinton'
    numbers = cli.run(
        "exec", "--lab", small.name, "mysql-1", "sh", "-c", f'{mysql} -e "{MACHINE}"'
    ).stdout.split()
    path = "/cloud/virtualdatacenters/{}/virtualappliances/{}/virtualmachines/{}".format(*numbers[-3:])
    return Platform(
        f"https://{published['https'].address}/api",
        context,
        (secrets / "api_admin_password").read_text().strip(),
        (secrets / "guest_password").read_text().strip(),
        path,
    )


async def told(client: ClientConnection) -> AsyncIterator[list[str]]:
    """Yield guacd's instructions, answering as a browser does, until the tunnel ends."""
    instructions = Instructions()
    async for message in client:
        for one in instructions.feed(str(message).encode()):
            found = elements(one)
            if found[0] in ("sync", "nop"):
                await client.send(instruction(*found[:2]).decode())
            yield found


async def first_image(client: ClientConnection) -> bytes:
    """Return the first picture that guacd draws."""
    streams: dict[str, bytes] = {}
    async for opcode, *arguments in told(client):
        assert opcode != "error", arguments
        if opcode == "img":
            streams[arguments[0]] = b""
        elif opcode == "blob" and arguments[0] in streams:
            streams[arguments[0]] += base64.b64decode(arguments[1])
        elif opcode == "end" and arguments[0] in streams:
            return streams[arguments[0]]
    raise AssertionError("the tunnel ended before a picture was drawn")


def drawn(one: list[str]) -> bool:
    """Whether this is a picture that is seen, and no pointer's."""
    return one[0] == "img" and not one[3].startswith("-")


def is_picture(data: bytes) -> bool:
    return data.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff", b"RIFF")) and len(data) > 60


def test_novnc_opens_the_machines_screen_once(platform: Platform) -> None:
    async def journey() -> None:
        address = platform.link("novnc")
        async with asyncio.timeout(PATIENCE), platform.open(address, "binary") as client:
            greeting = await client.recv()
            assert isinstance(greeting, bytes)
            assert greeting.startswith(b"RFB 003.00")
        with pytest.raises(InvalidStatus) as refused:
            await platform.open(address, "binary")
        assert refused.value.response.status_code == 403

    asyncio.run(journey())


def test_guacamole_draws_the_machines_screen_once(platform: Platform) -> None:
    async def journey() -> None:
        address = platform.link("tunnel")
        async with asyncio.timeout(PATIENCE), platform.open(address) as client:
            assert is_picture(await first_image(client))
        with pytest.raises(InvalidStatus) as refused:
            await platform.open(address)
        assert refused.value.response.status_code == 403
        assert refused.value.response.body == b"No console has this token\n"

    asyncio.run(journey())


def test_a_shell_by_ssh(platform: Platform) -> None:
    """That a shell listens is seen by its end: it is told to exit, and the console ends without an error."""

    async def journey() -> list[list[str]]:
        address = platform.link("tunnel", protocol="ssh", username="labgen", password=platform.guest_password)
        heard, typed = [], False
        async with asyncio.timeout(PATIENCE), platform.open(f"{address}?width=640&height=400") as client:
            async for one in told(client):
                heard.append(one)
                if one[0] == "sync" and any(drawn(before) for before in heard) and not typed:
                    typed = True
                    for key in (*map(ord, "exit"), KEYSYM_RETURN):
                        await client.send(instruction("key", str(key), "1").decode())
                        await client.send(instruction("key", str(key), "0").decode())
        return heard

    heard = asyncio.run(journey())
    assert any(drawn(one) for one in heard), "a prompt was drawn"
    assert [one for one in heard if one[0] == "error"] == []


def test_ssh_with_a_wrong_password(platform: Platform) -> None:
    async def journey() -> list[list[str]]:
        address = platform.link("tunnel", protocol="ssh", username="labgen", password="wrong")
        async with asyncio.timeout(PATIENCE), platform.open(address) as client:
            return [one async for one in told(client) if one[0] == "error"]

    (error,) = asyncio.run(journey())
    assert error[2] == "769", "not authorized"


def test_a_login_screen_by_rdp(platform: Platform) -> None:
    async def journey() -> bytes:
        address = platform.link("tunnel", protocol="rdp")
        async with asyncio.timeout(PATIENCE), platform.open(f"{address}?width=800&height=600") as client:
            return await first_image(client)

    assert is_picture(asyncio.run(journey()))


def test_the_tunnel_is_no_resource_of_the_uis_proxy(platform: Platform) -> None:
    """Asked without an upgrade, as AJP passes it on, it says what it is."""
    answer = httpx.get(f"{platform.base}/cloud/consoles/x/tunnel", verify=platform.tls, trust_env=False)
    assert answer.status_code == 426
