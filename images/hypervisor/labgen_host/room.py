"""How much memory a host has for machines: what its container may take, less what the host itself takes.

libvirt tells the memory of the computer, of which a container may take a part only; the kernel ends one that
takes more, with every machine in it. So the part is what the agent tells of this host.
"""

from __future__ import annotations

from pathlib import Path

# Where the kernel tells a container's bound, in bytes: version 2 of control groups, then version 1.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_KIB = 1024
# libvirt's daemon, the agent and the host's own machine vm-1, with the copies that are on their way.
OWN = 160 * 1024  # KiB


def for_machines(computer: int, limits: tuple[Path, ...] = _LIMITS) -> int:
    """Return the KiB that machines may take together; `computer` is what libvirt tells, in KiB.

    A container without a bound has all that the computer has.
    """
    for path in limits:
        try:
            bound = int(path.read_text()) // _KIB
        except (OSError, ValueError):
            # Not this version, or `max`.
            continue
        # Version 1 says "no bound" by a number that no computer has.
        return max(bound - OWN, 0) if bound < computer else computer
    return computer
