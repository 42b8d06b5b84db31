"""Subnets: which piece of the supernet each link gets.

Each site owns a block at a fixed place: block 0 is the platform's, datacenter N has block 2N-1, region
N block 2N. So more sites never move the subnets of those that are there, and neither does the growth
of one site another's, as long as the blocks hold it. (A role of the platform that outgrows a /28 does
enlarge its links into the sites.)
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
_BLOCK_PREFIX: Final = 22
_RESERVED: Final = 3  # network, broadcast, and .1, which a bridge's gateway takes on some engines


def link_prefix(members: int) -> int:
    """Return the prefix length of a subnet for `members` nodes: a /28, larger when they need it."""
    return min(_SMALLEST, 32 - (members + _RESERVED - 1).bit_length())


def _block_index(site: Site) -> int:
    if site.scope is Scope.PLATFORM:
        return 0
    return 2 * site.number - (site.scope is Scope.DATACENTER)


class Allocator:
    """Hands out subnets of one supernet, site by site. One use: sizes first, then `take` in order."""

    def __init__(
        self, supernet: IPv4Network, sites: Sequence[Site], needs: Iterable[tuple[Site, int]]
    ) -> None:
        """Divide `supernet`; `needs` holds every (site, prefix length) that will be taken.

        Raises InvalidInput when it does not fit.
        """
        room: dict[str, int] = {}
        for site, prefix in needs:
            size = 2 ** (32 - prefix)
            used = room.get(site.name, 0)
            room[site.name] = -(-used // size) * size + size  # aligned, then taken
        largest = max(room.values(), default=1)
        block = min(_BLOCK_PREFIX, 32 - (largest - 1).bit_length())
        last = max(_block_index(site) for site in sites)
        needed = block - last.bit_length()
        if supernet.prefixlen > needed:
            raise InvalidInput(
                f"supernet {supernet} is too small for this lab: it takes a /{max(needed, 0)}",
                "Set a larger one: --set supernet=10.0.0.0/8, or fewer sites.",
            )
        base = int(supernet.network_address)
        self._next = {site.name: base + _block_index(site) * 2 ** (32 - block) for site in sites}

    def take(self, site: Site, prefix: int) -> IPv4Network:
        """Return the next free subnet of `prefix` length in the block of `site`."""
        size = 2 ** (32 - prefix)
        start = -(-self._next[site.name] // size) * size
        self._next[site.name] = start + size
        return IPv4Network((start, prefix))
