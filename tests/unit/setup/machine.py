"""A machine made of fakes: what the set-up scripts find on PATH, below `/`, and in the package lists."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

SETUP = Path(__file__).resolve().parents[3] / "labgen" / "setup"
TOOLS = [
    "awk",
    "bash",
    "cat",
    "chmod",
    "cksum",
    "cp",
    "cut",
    "dirname",
    "env",
    "flock",
    "grep",
    "ls",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "setsid",
    "sh",
    "sleep",
    "tail",
    "touch",
    "timeout",
]

# Every fake notes how it was called. An engine "runs" when the file that the client reads exists.
DOCKER = """
case "$1" in
context) cat "$FAKES/context" 2>/dev/null || echo default ;;
info)
    if [ -s "$FAKES/running" ]; then cat "$FAKES/running"; else
        echo "labgen||2.40.3|0.29.1|$(cat "$FAKES/cause" 2>/dev/null ||
            echo 'Cannot connect to the Docker daemon. Is it running?')" | sed 's/|\\([^|]*\\)$/|\\n\\1/'
        exit 1
    fi ;;
esac
"""
DOCKERD = """
echo "level=info msg=starting"
echo $$ >"$FAKES/dockerd.pid"
echo 'labgen|28.5.2|2.40.3|0.29.1|' >"$FAKES/running"
exec sleep 60
"""
APT_GET = """
case " $* " in
*" update "*)
    for word in "$@"; do
        case "$word" in Dir::Etc::sourcelist=*)
            if [ -e "$FAKES/mirror-expired" ] && ! grep -qi 'check-valid-until[:=] *no' "${word#*=}"; then
                echo "E: Release file is expired" && exit 100
            fi
            touch "$FAKES/second-source-read" ;;
        esac
    done ;;
*" install "*docker*)
    cp "$FAKES/docker.new" "$BIN/docker"
    mkdir -p "$LABGEN_SETUP_ROOT/usr/sbin"
    cp "$FAKES/dockerd.new" "$LABGEN_SETUP_ROOT/usr/sbin/dockerd" ;;
esac
"""
APT_CACHE = """
case "$1" in
policy) echo "  Candidate: $(cat "$FAKES/own/$2" 2>/dev/null || echo '(none)')" ;;
madison)
    [ -e "$FAKES/second-source-read" ] || exit 0
    [ ! -e "$FAKES/forky/$2" ] || echo "$2 | $(cat "$FAKES/forky/$2") | http://m.test forky/main amd64" ;;
esac
"""


@dataclass
class Machine:
    """A stand-in for one machine. `run` runs a set-up script on it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in (
            self.bin,
            self.fakes / "own",
            self.fakes / "forky",
            self.root / "etc/apt/sources.list.d",
        ):
            path.mkdir(parents=True)
        for name in TOOLS:
            real = shutil.which(name)
            assert real, name
            (self.bin / name).symlink_to(real)
        for name in ("mmdebstrap", "dpkg", "journalctl"):
            self.program(name, "")
        self.user("root")
        self.program("uname", "echo Linux")
        self.program("dpkg-query", "exit 1")
        self.program("apt-get", APT_GET)
        self.program("apt-cache", APT_CACHE)
        self._write(self.fakes / "docker.new", "docker", DOCKER)
        self._write(self.fakes / "dockerd.new", "dockerd", DOCKERD)
        self.release("debian", "trixie")

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def fakes(self) -> Path:
        return self.folder / "fakes"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def apt(self) -> Path:
        return self.root / "etc/apt"

    def _write(self, path: Path, name: str, body: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"$FAKES/calls"\n{body}\n')
        path.chmod(0o755)

    def program(self, name: str, body: str) -> None:
        self._write(self.bin / name, name, body)

    def user(self, name: str) -> None:
        self.program(
            "id", f'if [ "$1" = -u ]; then echo {0 if name == "root" else 1000}; else echo {name}; fi'
        )

    def release(self, system: str, codename: str) -> None:
        (self.root / "etc/os-release").write_text(
            f'ID={system}\nNAME="{system}"\nVERSION_CODENAME={codename}\nPRETTY_NAME="{system} {codename}"\n',
        )

    def install(self, *, client: bool = True, engine: bool = True, dockerd: str = DOCKERD) -> None:
        if client:
            self.program("docker", DOCKER)
        if engine:
            self._write(self.root / "usr/sbin/dockerd", "dockerd", dockerd)

    def answers(
        self, engine: str = "28.5.2+dfsg4", compose: str = "2.40.3-3", buildx: str = "0.29.1"
    ) -> None:
        self.install()
        (self.fakes / "running").write_text(f"labgen|{engine}|{compose}|{buildx}|\n")

    def packages(self, suite: str, **versions: str) -> None:
        for name, version in versions.items():
            package = {"docker": "docker.io"}.get(name, "docker-" + name.replace("_", "-"))
            (self.fakes / suite / package).write_text(version)

    @property
    def calls(self) -> list[str]:
        path = self.fakes / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def run(
        self, script: str = "engine.sh", *, pass_fds: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.bin),
            "HOME": str(self.folder),
            "FAKES": str(self.fakes),
            "BIN": str(self.bin),
            "LABGEN_SETUP_ROOT": str(self.root),
            "LABGEN_ENGINE_TIMEOUT": "5",
            **self.environment,
        }
        return subprocess.run(
            [str(SETUP / script)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            pass_fds=pass_fds,
        )

    def engine_process(self) -> int:
        return int((self.fakes / "dockerd.pid").read_text())

    def stop(self) -> None:
        """End the fake engine, if the test started one."""
        if (self.fakes / "dockerd.pid").exists():
            try:
                os.kill(self.engine_process(), signal.SIGKILL)
            except ProcessLookupError:
                return
