"""Which servers stand beside each other: sites in bands, its servers in columns from source to target."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from math import isqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labgen.render.graph.model import Picture, Place, Server

__all__ = ["Band", "Block", "arrange"]

_FEWEST: Final = 6  # columns that a band may have in any case
_MORE: Final = 3
_SWEEPS: Final = 6


@dataclass(frozen=True, slots=True)
class Block:
    """A place with its servers in columns, from left to right and from top to bottom."""

    place: Place
    columns: tuple[tuple[Server, ...], ...]


Band = tuple[Block, ...]
_Edges = dict[str, dict[str, None]]  # for each server's key its targets, in a fixed order


def arrange(picture: Picture) -> tuple[Band, ...]:
    """Return the bands of a picture from top to bottom, each with its blocks from left to right."""
    edges = _edges(picture)
    units: dict[str, list[Block]] = defaultdict(list)
    for place in picture.places:
        block = Block(place, _columns(place, edges))
        # Where nothing leads to (a user), the arrows begin: it stands before its site, all else behind it.
        first = place.outside and not _is_target(place, edges)
        units[place.site].insert(0 if first else len(units[place.site]), block)
    return _ordered(tuple(_bands(list(units.values()))), edges)


def _key(place: Place, server: Server) -> str:
    return f"{place.id}/{server.name}"


def _edges(picture: Picture) -> _Edges:
    key = {
        box.name: _key(place, server)
        for place in picture.places
        for server in place.servers
        for box in server.boxes
    }
    edges: _Edges = {one: {} for one in key.values()}
    for arrow in picture.arrows:
        source, target = key[arrow.source], key[arrow.destination]
        if source != target:
            edges[source][target] = None
    return edges


def _is_target(place: Place, edges: _Edges) -> bool:
    mine = {_key(place, server) for server in place.servers}
    return any(target in mine for targets in edges.values() for target in targets)


def _columns(place: Place, edges: _Edges) -> tuple[tuple[Server, ...], ...]:
    """Return the servers of a place by the longest way that leads to them from another one of the place."""
    depth = _depths([_key(place, server) for server in place.servers], edges)
    columns: dict[int, list[Server]] = defaultdict(list)
    for server in place.servers:
        columns[depth[_key(place, server)]].append(server)
    return tuple(tuple(columns[index]) for index in sorted(columns))


def _depths(keys: list[str], edges: _Edges) -> dict[str, int]:
    forward: dict[str, list[str]] = {}  # without the edges that close a circle
    finished: list[str] = []

    def visit(key: str) -> None:
        forward[key] = []
        for target in edges[key]:
            if target in depth and target not in forward:
                visit(target)
            if target in finished:
                forward[key].append(target)
        finished.append(key)

    depth = dict.fromkeys(keys, 0)
    for key in keys:
        if key not in forward:
            visit(key)
    for source in reversed(finished):
        for target in forward[source]:
            depth[target] = max(depth[target], depth[source] + 1)
    return depth


def _bands(units: Sequence[list[Block]]) -> Iterable[Band]:
    """Return whole sites in as few bands as there can be: the sheet stays wider than high."""
    sizes = [sum(len(block.columns) for block in unit) for unit in units]
    least = max(_FEWEST, isqrt(2 * sum(sizes)))
    # A little more room in each may save the last one.
    fills = [_filled(sizes, most) for most in range(least, least + _MORE)]
    starts = min(fills, key=len)
    for start, end in pairwise([*starts, len(units)]):
        yield tuple(block for unit in units[start:end] for block in unit)


def _filled(sizes: Sequence[int], most: int) -> list[int]:
    """Return the number of the site that begins each band of at most so many columns."""
    starts, room = [0], most - sizes[0]
    for index, size in enumerate(sizes[1:], 1):
        # The platform has a band to itself: what leads from it leads down.
        if size > room or index == 1:
            starts.append(index)
            room = most
        room -= size
    return starts


def _ordered(bands: tuple[Band, ...], edges: _Edges) -> tuple[Band, ...]:
    """Move each server of a column to the height of what it is connected with."""
    neighbours: dict[str, list[str]] = defaultdict(list)
    for source, targets in edges.items():
        for target in targets:
            neighbours[source].append(target)
            neighbours[target].append(source)
    for _ in range(_SWEEPS):
        height = {
            _key(block.place, server): index + (rank + 0.5) / len(column)
            for index, band in enumerate(bands)
            for block in band
            for column in block.columns
            for rank, server in enumerate(column)
        }
        bands = tuple(
            tuple(
                Block(
                    block.place,
                    tuple(_sorted(block.place, column, neighbours, height) for column in block.columns),
                )
                for block in band
            )
            for band in bands
        )
    return bands


def _sorted(
    place: Place, column: Sequence[Server], neighbours: dict[str, list[str]], height: dict[str, float]
) -> tuple[Server, ...]:
    def middle(server: Server) -> float:
        key = _key(place, server)
        mine = [height[one] for one in neighbours[key]] or [height[key]]
        return sum(mine) / len(mine)

    return tuple(sorted(column, key=middle))
