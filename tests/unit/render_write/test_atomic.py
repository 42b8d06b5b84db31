"""A rendering that is cut short: what is on disk is whole, old or new, and the next try mends the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from labgen.errors import InvalidInput, LabgenError
from labgen.render import write
from labgen.render.files import write_file
from labgen.render.lab import COMPOSE_FILE, SIGNATURE, Certificate, Rendering
from labgen.render.write import write_rendering

FILES = {
    COMPOSE_FILE: SIGNATURE + "\nservices: {}\n",
    **{f"nodes/{name}/node.json": f'{{"node": "{name}"}}\n' for name in "abc"},
}
BEFORE = Rendering(FILES, ("one", "two"), (Certificate("a"),))
AFTER = Rendering({path: f"{text}\n# new\n" for path, text in FILES.items()}, ("one", "two", "three"), ())


def texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def full_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the disk be full after `count` files."""
    written: list[Path] = []

    def writing(path: Path, text: str, mode: int) -> bool:
        if len(written) == count:
            raise OSError(28, "No space left on device", str(path))
        written.append(path)
        return write_file(path, text, mode)

    monkeypatch.setattr(write, "write_file", writing)


@pytest.mark.parametrize("count", range(6))
def test_a_disk_that_fills_up_at_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    write_rendering(tmp_path, BEFORE)
    before = texts(tmp_path)
    with monkeypatch.context() as full:
        full_after(full, count)
        with pytest.raises(LabgenError, match=r": cannot be written: No space left on device") as caught:
            write_rendering(tmp_path, AFTER)
    assert caught.value.exit_code == 1
    assert caught.value.message.startswith(str(tmp_path))
    for path, text in texts(tmp_path).items():
        whole = {before.get(path), AFTER.files.get(path)}
        assert text in whole or path == "secrets/three", f"{path} is half of something"
    if count < 5:
        assert texts(tmp_path)[COMPOSE_FILE] == before[COMPOSE_FILE], "compose.yaml comes last"
    write_rendering(tmp_path, AFTER)
    after = texts(tmp_path)
    assert {path: after[path] for path in AFTER.files} == AFTER.files
    assert {path: after[path] for path in before if path.startswith("secrets")} == {
        path: text for path, text in before.items() if path.startswith("secrets")
    }


def test_a_broken_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rendering(tmp_path, BEFORE)
    before = texts(tmp_path)

    @contextmanager
    def half(descriptor: int, _mode: str) -> Iterator[SimpleNamespace]:
        def write(data: bytes) -> None:
            os.write(descriptor, data[: len(data) // 2])
            raise OSError(5, "Input/output error")

        try:
            yield SimpleNamespace(write=write)
        finally:
            os.close(descriptor)

    with monkeypatch.context() as broken:
        broken.setattr("labgen.render.files.os.fdopen", half)
        with pytest.raises(LabgenError, match=r"cannot be written: Input/output error"):
            write_rendering(tmp_path, AFTER)
    assert texts(tmp_path) == before


def test_an_interruption_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_file(path, "old", 0o600)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_file(path, "new", 0o600)
    assert texts(tmp_path) == {"file": "old"}


def test_an_unchanged_file_keeps_its_inode_and_its_time(tmp_path: Path) -> None:
    def marks() -> dict[str, tuple[int, int]]:
        found = (path for path in tmp_path.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}

    write_rendering(tmp_path, BEFORE)
    for path in tmp_path.rglob("*"):
        os.utime(path, ns=(1, 1))
    before = marks()
    assert write_rendering(tmp_path, BEFORE).changed == ()
    assert marks() == before


def test_a_secret_is_never_readable_by_others_not_even_for_a_moment(tmp_path: Path) -> None:
    """The user's umask forbids nothing, and the mode is looked at before the file gets its name."""
    program = f"""
import os, sys
os.umask(0)
seen = []
def watch(event, args):
    if event == "os.rename":
        seen.append((os.path.basename(str(args[1])), os.stat(args[0]).st_mode & 0o777))
sys.addaudithook(watch)
from pathlib import Path
from labgen.render.files import write_file
write_file(Path({str(tmp_path / "secret")!r}), "x", 0o600)
print(*seen)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "('secret', 384)"
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_folders_with_secrets_that_were_open_are_closed(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    for folder in (lab, lab / "secrets", lab / "tls"):
        folder.mkdir(mode=0o755)
    write_rendering(lab, BEFORE)
    modes = [path.stat().st_mode & 0o777 for path in (lab, lab / "secrets", lab / "tls")]
    assert modes == [0o755, 0o700, 0o700], "the folder itself is the user's, what holds keys is not"


def test_stale_files_are_removed_and_nothing_that_is_not_labgens(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    lab = tmp_path / "lab"
    write_rendering(lab, BEFORE)
    (lab / "link").symlink_to(outside)
    (lab / "nodes" / "b" / "notes.txt").write_text("the user's own")
    listed = [*BEFORE.files, "../outside/precious", str(outside / "precious"), "link/precious"]
    (lab / ".rendered.json").write_text(json.dumps(listed))
    fewer = Rendering({path: FILES[path] for path in (COMPOSE_FILE, "nodes/a/node.json")}, (), ())
    write_rendering(lab, fewer)
    assert (outside / "precious").exists()
    assert sorted(path.name for path in (lab / "nodes").iterdir()) == ["a", "b"]
    assert texts(lab / "nodes" / "b") == {"notes.txt": "the user's own"}
    assert (lab / "secrets" / "one").exists(), "data that is kept needs its password"


@pytest.mark.parametrize("where", ["lab", "lab/below"])
def test_a_file_where_a_folder_should_be(tmp_path: Path, where: str) -> None:
    (tmp_path / "lab").write_text("")
    with pytest.raises(LabgenError) as caught:
        write_rendering(tmp_path / where, BEFORE)
    assert caught.value.exit_code == 1
    assert caught.value.message.startswith(f"{tmp_path / where}: cannot be written: ")


def test_the_small_lab_is_what_compose_reads(tmp_path: Path, small: Rendering) -> None:
    written = write_rendering(tmp_path, small)
    document = yaml.safe_load((tmp_path / COMPOSE_FILE).read_text())
    named = {one["file"] for one in document["secrets"].values()}
    mounts = {
        volume.split(":")[0]
        for service in document["services"].values()
        for volume in service["volumes"]
        if volume.startswith("./")
    }
    for path in named | mounts:
        is_there = (tmp_path / path).is_file() if path in named else (tmp_path / path).exists()
        assert is_there, f"compose.yaml names {path}"
    for path, source in small.copies.items():
        assert (tmp_path / path).read_bytes() == (tmp_path / source).read_bytes()
    assert written.changed[-1] == COMPOSE_FILE
    assert write_rendering(tmp_path, small) == type(written)((), ())


def test_a_folder_with_another_programs_compose_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / COMPOSE_FILE).write_text("services: {mine: {}}\n")
    tmp_path.chmod(0o755)
    with pytest.raises(InvalidInput, match=r"compose\.yaml is not labgen's"):
        write_rendering(tmp_path, Rendering(FILES, (), ()))
    assert texts(tmp_path) == {COMPOSE_FILE: "services: {mine: {}}\n"}


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    write_rendering(tmp_path, Rendering(FILES, (), ()))
    assert tmp_path.stat().st_mode & 0o777 == 0o755
