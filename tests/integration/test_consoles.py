"""Consoles on a real lab, as a browser opens them: through the front end, by noVNC's way and Guacamole's."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from labgen_stub.wire.guacamole import instruction
from websockets.exceptions import InvalidStatus

from labgen.plan.model import LabPlan

from .conftest import Cli
from .consoles import PATIENCE, Platform, first_image, platform_of, told

KEYSYM_RETURN = 0xFF0D


@pytest.fixture(scope="module")
def platform(cli: Cli, small: LabPlan) -> Platform:
    published = {one.name: one for one in small.published}
    return platform_of(cli, small.name, published["https"].address)


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
