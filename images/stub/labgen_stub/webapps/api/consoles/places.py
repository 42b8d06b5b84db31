"""Where a virtual machine's consoles are.

VNC is at its hypervisor (platform.md, rows 33 and 38). SSH and RDP are the machine's own (row 34): on the
real platform at its address on the service network. In the lab that network does not exist, and what boots
there has no such server; for each datacenter the node of a deployed machine, which guacd reaches, stands for
all of them. `Settings.guests` tells which; a request may name the machine's own address instead.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from labgen_stub.web.errors import ApiError
from labgen_stub.webapps.api.consoles.tickets import Ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labgen_stub.webapps.api.user import User

# Rows 33 and 34. A display's own port is the hypervisor's choice in the documented range.
FIRST_DISPLAY, LAST_DISPLAY = 5900, 65534
_PORTS = {"ssh": 22, "rdp": 3389}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_MOST, _LONGEST = 4096, 256  # bytes of a request, characters of a name or password

# QEMU draws the screen of a machine that is frozen; nothing inside of that answers, however.
_DRAWN, _ANSWERING = ("ON", "PAUSED"), ("ON",)
_QUERY = """SELECT vm.label, vm.state, vm.display_host, vm.display_port, vm.address,
    datacenter.uuid AS datacenter
FROM virtualmachine vm
JOIN virtualappliance vapp ON vapp.id = vm.virtualappliance_id
JOIN virtualdatacenter vdc ON vdc.id = vapp.virtualdatacenter_id
JOIN datacenter ON datacenter.id = vdc.datacenter_id
WHERE vm.id = %s AND vapp.id = %s AND vdc.id = %s AND (vdc.enterprise_id = %s OR %s)"""


class Rows(Protocol):
    """What is needed of the API's database."""

    async def one(self, statement: str, *arguments: object) -> dict[str, Any] | None:
        """Return the first row of one SELECT."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks for."""

    protocol: str = "vnc"
    username: str = ""
    password: str = ""
    address: str = ""


def bad(message: str) -> ApiError:
    """400: the request is not what it should be."""
    return ApiError(HTTPStatus.BAD_REQUEST, "400-CONSOLE", message)


def conflict(code: str, message: str) -> ApiError:
    """409: right, but not now."""
    return ApiError(HTTPStatus.CONFLICT, code, message)


def read_object(body: bytes) -> dict[str, Any]:
    """Read a request's body; an empty one is an empty object. Raises ApiError 400."""
    try:
        document = json.loads(body or b"{}") if len(body) <= _MOST else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise bad("the body must be a JSON object of at most 4096 bytes")
    return document


def read_wish(body: bytes) -> Wish:
    """Read `protocol`, `username`, `password` and `address`, all optional. Raises ApiError 400."""
    document = read_object(body)
    texts = {name: document.get(name) or "" for name in ("username", "password", "address")}
    for name, value in texts.items():
        if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
            raise bad(f"'{name}' must be a text of at most {_LONGEST} characters")
    protocol = document.get("protocol") or "vnc"
    if protocol not in ("vnc", *_PORTS):
        raise bad("'protocol' must be vnc, ssh or rdp")
    return Wish(protocol=protocol, **texts)


def read_place(body: bytes) -> Ticket:
    """Read the `host` and `port` of a display. Raises ApiError 400 for what no display could have."""
    document = read_object(body)
    host, port = document.get("host"), document.get("port")
    if not (isinstance(host, str) and _HOST.fullmatch(host)):
        raise bad("'host' must be the name of a console's host")
    if type(port) is not int or not FIRST_DISPLAY <= port <= LAST_DISPLAY:
        raise bad(f"'port' must be {FIRST_DISPLAY} to {LAST_DISPLAY}")
    return Ticket("vnc", host, port)


class Places:
    """Finds consoles of virtual machines; `guests` has by datacenter who stands for its machines now."""

    def __init__(self, database: Rows, guests: Callable[[], Mapping[str, str]]) -> None:
        self._database, self._guests = database, guests

    async def of(self, user: User, numbers: Mapping[str, int], wish: Wish, *, every: bool) -> Ticket:
        """Return the console of a virtual machine; `every`: the user may see other enterprises' ones.

        Raises:
            ApiError: 404 when it is not there for this user, 409 when it does not run or has no such console.
            Unavailable: MySQL does not answer.
        """
        place = numbers["virtualmachine"], numbers["virtualappliance"], numbers["virtualdatacenter"]
        row = await self._database.one(_QUERY, *place, user.enterprise_id, every)
        if row is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "404", "The requested resource does not exist")
        states = _DRAWN if wish.protocol == "vnc" else _ANSWERING
        if row["state"] not in states:
            when = " or ".join(states)
            raise conflict(
                "VM-OFF", f"The virtual machine is {row['state']}, and has this console when it is {when}"
            )
        if wish.protocol == "vnc":
            if not row["display_host"]:
                raise conflict("VM-NO-DISPLAY", "The virtual machine has no screen that can be reached")
            return Ticket("vnc", row["display_host"], int(row["display_port"]), row["label"])
        host = self._guest(row, wish)
        return Ticket(wish.protocol, host, _PORTS[wish.protocol], row["label"], wish.username, wish.password)

    def _guest(self, row: Mapping[str, Any], wish: Wish) -> str:
        """Return the machine's address: never one that the user made up: guacd reaches others too."""
        known = [one for one in (self._guests().get(row["datacenter"]), row["address"]) if one]
        if not known:
            raise conflict("VM-NO-ADDRESS", "The virtual machine has no address")
        if wish.address and wish.address not in known:
            raise bad(f"'address' must be one of the machine's: {', '.join(known)}")
        return wish.address or str(known[0])
