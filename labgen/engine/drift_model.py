"""What drift is: one thing of a running lab that is not as its plan says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Drift", "DriftKind"]


class DriftKind(StrEnum):
    """What a drift is about, in the order in which people should read them."""

    CONTAINER = "container"  # missing, not planned, or it does not run
    IMAGE = "image"  # it was made from another image than the plan has
    CONFIGURATION = "configuration"  # it was made from other files or settings
    NETWORK = "network"  # missing, not planned, or made otherwise
    ATTACHMENT = "attachment"  # a container is on a network where it should not be, or is not where it should
    ADDRESS = "address"  # seen from inside: an address that the plan lacks, or the other way round
    RULES = "rules"  # seen from inside: the rules in force are not the rendered ones
    CUT = "cut"  # seen from inside: a wire is cut that should not be, or the other way round
    LISTENER = "listener"  # seen from inside: a server that no document row explains
    IPV6 = "ipv6"  # seen from inside
    FILE = "file"  # a file of the lab's folder is not as it was rendered
    PROBE = "probe"  # nothing is known: nobody could look inside


@dataclass(frozen=True, slots=True)
class Drift:
    """One drift. `where` is a node, network or file; `expected` and `found` are a few words.

    `repair` is what mends it, `up` whether that is `labgen up`.
    """

    kind: DriftKind
    where: str
    expected: str
    found: str
    repair: str
    up: bool = True
