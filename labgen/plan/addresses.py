"""Subnets: which piece of the supernet each link gets.

Each site owns a block at a fixed place: block 0 is the platform's, datacenter N has block 2N-1, region
N block 2N. In a block each pair of roles that any documented row joins owns a slot of a /28 at a fixed
place, used or not. So more sites, other counts and other variants never move the subnet of a link that
stays: a lab can be changed while it runs. Only a link that outgrows its slot moves, behind the slots.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Final

from labgen.catalogue.model import Scope
from labgen.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labgen.plan.model import Site

__all__ = ["DEFAULT_SUPERNET", "Allocator", "link_prefix"]

#: The first candidate; the engine takes the next free one of its kind when this is in use.
DEFAULT_SUPERNET: Final = IPv4Network("10.210.0.0/16")
_SMALLEST: Final = 28
_SLOT: Final = 2 ** (32 - _SMALLEST)
_BLOCK_PREFIX: Final = 22


def link_prefix(lower: int, upper: int = 0) -> int:
    """Return the prefix length of a subnet whose lower and upper half hold so many nodes: a /28 or larger.

    Each of a link's two roles has a half to itself, so that a rule can name one role without naming
    addresses. The lower half loses the network's address and .1, which a bridge's gateway takes on some
    engines; the upper half loses the broadcast address.
    """
    half = max(lower + 2, upper + 1)
    return min(_SMALLEST, 31 - (half - 1).bit_length())


def _block_index(site: Site) -> int:
    if site.scope is Scope.PLATFORM:
        return 0
    return 2 * site.number - (site.scope is Scope.DATACENTER)


class Allocator:
    """Hands out subnets of one supernet. One use: all needs first, then `take` for each of them in order."""

    def __init__(
        self, supernet: IPv4Network, sites: Sequence[Site], slots: int, needs: Iterable[tuple[Site, int]]
    ) -> None:
        """Divide `supernet` for blocks of `slots` fixed slots; `needs` holds every (site, prefix length).

        Raises InvalidInput when it does not fit.
        """
        room: dict[str, int] = {}
        for site, prefix in needs:
            if prefix < _SMALLEST:
                size = 2 ** (32 - prefix)
                room[site.name] = _aligned(room.get(site.name, slots * _SLOT), size) + size
        largest = max(room.values(), default=slots * _SLOT)
        block = min(_BLOCK_PREFIX, 32 - (largest - 1).bit_length())
        last = max(_block_index(site) for site in sites)
        needed = block - last.bit_length()
        if supernet.prefixlen > needed:
            raise InvalidInput(
                f"supernet {supernet} is too small for this lab: it takes a /{max(needed, 0)}",
                "Set a larger one: --set supernet=10.0.0.0/8, or fewer sites.",
            )
        base = int(supernet.network_address)
        self._start = {site.name: base + _block_index(site) * 2 ** (32 - block) for site in sites}
        self._next = {name: start + slots * _SLOT for name, start in self._start.items()}

    def take(self, site: Site, prefix: int, slot: int) -> IPv4Network:
        """Return the subnet of `prefix` length for the pair of roles that owns `slot` at `site`."""
        if prefix == _SMALLEST:
            return IPv4Network((self._start[site.name] + slot * _SLOT, prefix))
        size = 2 ** (32 - prefix)
        start = _aligned(self._next[site.name], size)
        self._next[site.name] = start + size
        return IPv4Network((start, prefix))


def _aligned(offset: int, size: int) -> int:
    return -(-offset // size) * size
