"""A running machine of a real lab's platform, and its consoles as a browser opens them."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from labgen_stub.wire.guacamole import Instructions, elements, instruction
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

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


@dataclass(frozen=True, slots=True)
class Platform:
    """A lab's platform, and one running machine of it."""

    base: str
    tls: ssl.SSLContext
    secrets: Path
    machine: str

    @property
    def password(self) -> str:
        return (self.secrets / "api_admin_password").read_text().strip()

    @property
    def guest_password(self) -> str:
        return (self.secrets / "guest_password").read_text().strip()

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


def platform_of(cli: Cli, lab: str, address: str) -> Platform:
    """Return the platform of a lab whose front end is at `address`; its machine is made by this."""
    context = ssl.create_default_context(cadata=cli.run("ca", lab).stdout)
    password = "$(cat /run/labgen/secrets/mysql_password)"
    mysql = f'mysql -h 127.0.0.1 --batch --skip-column-names -u abiquo -p"{password}" kinton'
    numbers = cli.run("exec", "--lab", lab, "mysql-1", "sh", "-c", f'{mysql} -e "{MACHINE}"').stdout.split()
    path = "/cloud/virtualdatacenters/{}/virtualappliances/{}/virtualmachines/{}".format(*numbers[-3:])
    return Platform(f"https://{address}/api", context, cli.state / "labs" / lab / "secrets", path)


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
