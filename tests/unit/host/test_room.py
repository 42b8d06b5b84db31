"""What a host tells of its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from labgen_host.room import OWN, for_machines

if TYPE_CHECKING:
    from pathlib import Path

COMPUTER = 24 * 1024 * 1024  # KiB


@pytest.mark.parametrize(
    ("bound", "room"),
    [
        (str(2**30), 2**20 - OWN),
        ("max", COMPUTER),
        (str(2**63 - 4096), COMPUTER),
        ("1048576", 0),
    ],
    ids=["bound", "no bound", "no bound of version 1", "less than the host itself"],
)
def test_machines_get_what_the_container_may_take_but_for_the_hosts_own(
    tmp_path: Path, bound: str, room: int
) -> None:
    file = tmp_path / "memory.max"
    file.write_text(f"{bound}\n")
    assert for_machines(COMPUTER, (tmp_path / "absent", file)) == room


def test_without_control_groups_it_is_what_the_computer_has(tmp_path: Path) -> None:
    assert for_machines(COMPUTER, (tmp_path / "absent",)) == COMPUTER
