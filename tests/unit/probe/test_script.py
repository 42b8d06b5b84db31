"""labgen-probe-session: the rules are read as root, and then root is given up before anything is asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "images" / "probe" / "labgen-probe-session"
RAW = 1 << 13  # CAP_NET_RAW (capability.h)
DROP = "setpriv --reuid=900 --regid=900 --clear-groups --bounding-set=-all --inh-caps=-all --"
RULES = """
echo "nft $*" >> "$calls"
echo "table inet labgen {"
"""
#: What stands for the interpreter: notes how it was started, then what it has as rules and as questions.
SHOW = """
echo "$0 $*" >> "$calls"
[ -z "${LABGEN_RULES:-}" ] || cat <&"$LABGEN_RULES" >> "$heard"
cat >> "$asked"
"""
#: What a program executes that was given behind `--` what to execute.
HAND_ON = """
printf '%s\\n' "${0##*/} $*" >> "$calls"
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


def start(
    tmp_path: Path, user: int, *seconds: str, nft: str = RULES, capabilities: int = 0
) -> tuple[str, list[str], dict[str, str]]:
    """Run the script with programs that only say so; return stderr, calls, and what was read."""
    status = tmp_path / "status"
    who = "\t".join(4 * [str(user)])
    status.write_text(f"Name:\tsh\nUid:\t{who}\nCapEff:\t{capabilities:016x}\nCapBnd:\t000001ffffffffff\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib").mkdir()
    programs = {
        "bin/nft": nft,
        "bin/setpriv": HAND_ON,
        "bin/perl": HAND_ON,
        "lib/ld.so": SHOW,
    }
    for name, text in programs.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    script = tmp_path / SCRIPT.name
    script.write_text(SCRIPT.read_text().replace("/proc/self/status", str(status)))
    files = {name: tmp_path / name for name in ("calls", "heard", "asked")}
    for file in files.values():
        file.touch()
    done = subprocess.run(
        ["/bin/sh", str(script), *seconds],
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", **{name: str(file) for name, file in files.items()}},
        input="a question\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    read = {name: file.read_text() for name, file in files.items()}
    return done.stderr, sorted(read.pop("calls").splitlines()), read


def program(root: Path) -> str:
    return (
        f"{root}/lib/ld.so --library-path {root}/lib {root}/bin/python3 -I -S"
        f" {root}/python/labgen_probe/__main__.py 7"
    )


def test_as_root(tmp_path: Path) -> None:
    complaint, calls, read = start(tmp_path, 0, "7", capabilities=~RAW & 0x1FFFFFFFFFF)
    assert calls == sorted(["nft -s list ruleset inet", f"{DROP} {program(tmp_path)}", program(tmp_path)])
    assert complaint == ""
    assert read == {"heard": "table inet labgen {\nend\n", "asked": "a question\n"}


def test_where_raw_sockets_are_allowed_one_for_vrrp_is_opened_before_root_is_given_up(tmp_path: Path) -> None:
    complaint, calls, read = start(tmp_path, 0, "7", capabilities=RAW | 1)
    assert complaint == ""
    assert any(
        one.startswith("perl -MSocket -e ") and one.endswith(f" -- {DROP} {program(tmp_path)}")
        for one in calls
    )
    assert read["asked"] == "a question\n"


def test_as_anybody_else(tmp_path: Path) -> None:
    _, calls, read = start(tmp_path, 900, "7")
    assert calls == [program(tmp_path)]
    assert read == {"heard": "", "asked": "a question\n"}


def test_rules_that_cannot_be_read_do_not_keep_it_from_starting(tmp_path: Path) -> None:
    nft = 'echo "table inet lab"; echo "Operation not permitted" >&2; exit 1'
    _, calls, read = start(tmp_path, 0, "7", nft=nft)
    assert program(tmp_path) in calls
    assert read["heard"] == "table inet lab\nOperation not permitted\nnft: 1\nend\n"


def test_without_an_end_it_does_not_start(tmp_path: Path) -> None:
    complaint, calls, _ = start(tmp_path, 900)
    assert "usage: labgen-probe-session SECONDS" in complaint
    assert calls == []
