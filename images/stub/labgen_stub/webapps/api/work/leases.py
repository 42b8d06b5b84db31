"""A network card's address and its lease, unique for each virtual machine of a datacenter.

The documents have a service network per datacenter and do not number it. Ours come out of 198.18.0.0/15,
which RFC 2544 sets aside for tests: a /22 for each datacenter, by its number, kept in `service_network`
where an operator may change it. The card's address has QEMU's prefix and the virtual machine's number.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from labgen_stub.webapps.api.work import refusals

if TYPE_CHECKING:
    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.work.subject import Subject

_ALL = IPv4Network("198.18.0.0/15")
_PREFIX = 22
_USED = """
SELECT vm.address FROM virtualmachine vm
JOIN virtualappliance va ON va.id = vm.virtualappliance_id
JOIN virtualdatacenter vdc ON vdc.id = va.virtualdatacenter_id
WHERE vdc.datacenter_id = %s AND vm.address <> ''"""


def mac(number: int) -> str:
    """Return the address of the card of the virtual machine with this number."""
    low = number & 0xFFFFFF
    return f"52:54:00:{low >> 16:02x}:{low >> 8 & 0xFF:02x}:{low & 0xFF:02x}"


def network_of(datacenter: int) -> IPv4Network:
    """Return the network that a datacenter begins with."""
    size = 2 ** (32 - _PREFIX)
    block = datacenter % (_ALL.num_addresses // size)
    return IPv4Network((int(_ALL.network_address) + block * size, _PREFIX))


async def take(session: Session, machine: Subject) -> tuple[str, str]:
    """Return card address and address for a virtual machine; the datacenter is locked.

    The network's first host is left to a router, as networks have it.

    Raises:
        ApiError: 409, every address is used.
    """
    network = await _network(session, machine.datacenter_id)
    used = {str(row["address"]) for row in await session.all(_USED, machine.datacenter_id)}
    first = int(network.network_address) + 2
    for number in range(first, int(network.broadcast_address)):
        address = str(IPv4Network(number).network_address)
        if address not in used:
            return mac(machine.id), address
    raise refusals.no_address()


async def _network(session: Session, datacenter: int) -> IPv4Network:
    row = await session.one("SELECT network FROM service_network WHERE datacenter_id = %s", datacenter)
    if row is not None:
        return IPv4Network(row["network"])
    network = network_of(datacenter)
    await session.insert(
        "INSERT INTO service_network (datacenter_id, network) VALUES (%s, %s)", datacenter, str(network)
    )
    return network
