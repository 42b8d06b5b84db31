"""labgen-probe-session: the rules are read first, then root is given up, then the clock runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "images" / "probe" / "labgen-probe-session"
PROGRAM = "timeout 7 python3 -I -S /usr/local/lib/labgen/python/labgen_probe/__main__.py"
DROP = "setpriv --reuid=900 --regid=900 --clear-groups --bounding-set=-all --inh-caps=-all --"
NFT = """
echo "nft $*" >> "$calls"
[ "$5" = labgen ] && echo "table inet labgen" && exit
echo "Error: No such file or directory" >&2
exit 1
"""


def start(tmp_path: Path, user: int, *seconds: str, nft: str = NFT) -> tuple[str, list[str]]:
    """Run the script where every program only says that it was called; return stderr and the calls."""
    programs = {
        "id": f"echo {user}",
        "nft": nft,
        "rm": 'exec /bin/rm "$@"',
        **{name: f'echo "{name} $*" >> "$calls"' for name in ("setpriv", "timeout", "perl")},
    }
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    script = tmp_path / "script"
    script.write_text(SCRIPT.read_text().replace("/tmp/", f"{tmp_path}/"))  # noqa: S108 - not there
    calls = tmp_path / "calls"
    calls.touch()
    done = subprocess.run(
        ["/bin/sh", str(script), *seconds],
        env={"PATH": str(tmp_path / "bin"), "calls": str(calls)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stderr, calls.read_text().splitlines()


def test_as_root(tmp_path: Path) -> None:
    complaint, calls = start(tmp_path, 0, "7")
    assert calls == [
        "nft -s list table inet labgen",
        "nft -s list table inet labgen_cuts",
        f"{DROP} {PROGRAM}",
    ]
    assert complaint == ""
    assert (tmp_path / "rules.labgen").read_text() == "table inet labgen\n"
    assert not (tmp_path / "rules.labgen_cuts").exists()
    assert "No such file or directory" in (tmp_path / "rules.labgen_cuts.fault").read_text()
    assert (tmp_path / "rules.labgen").stat().st_mode & 0o004, "whoever asks is not root any more"


def test_the_socket_for_vrrp_is_opened_before_root_is_given_up(tmp_path: Path) -> None:
    complaint, calls = start(tmp_path, 0, "7", "vrrp")
    assert complaint == ""
    assert calls[2].startswith("perl -MSocket -e ")
    assert "\n".join(calls).endswith(f" -- {DROP} {PROGRAM}")


def test_as_anybody_else(tmp_path: Path) -> None:
    _, calls = start(tmp_path, 900, "7")
    assert calls == [PROGRAM]
    assert not list(tmp_path.glob("rules.*"))


def test_rules_that_cannot_be_read_do_not_keep_it_from_starting(tmp_path: Path) -> None:
    _, calls = start(
        tmp_path, 0, "7", nft='echo "table inet lab"; echo "Operation not permitted" >&2; exit 1'
    )
    assert calls == [f"{DROP} {PROGRAM}"]
    assert not (tmp_path / "rules.labgen").exists(), "half of the rules is not the rules"
    assert (tmp_path / "rules.labgen.fault").read_text() == "Operation not permitted\n"


def test_without_an_end_it_does_not_start(tmp_path: Path) -> None:
    complaint, calls = start(tmp_path, 900)
    assert "usage: labgen-probe-session SECONDS" in complaint
    assert calls == []
