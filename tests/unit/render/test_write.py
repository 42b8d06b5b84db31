"""The one writer: what is on disk afterwards, what stays untouched, and what is nobody else's to read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from labgen.errors import LabgenError
from labgen.render.files import write_file
from labgen.render.lab import COMPOSE_FILE, SIGNATURE, Certificate, Rendering
from labgen.render.write import write_rendering

if TYPE_CHECKING:
    from pathlib import Path


def compose(*secrets: str, nodes: tuple[str, ...] = ("a-1",)) -> str:
    """Return a file of no services, these secrets, and the keys of these nodes."""
    places = (*(f"secrets/{one}" for one in secrets), *(f"tls/{one}.key" for one in nodes))
    files = "".join(f"  {one.partition('/')[2]}:\n    file: ./{one}\n" for one in places)
    return f"{SIGNATURE}\nservices: {{}}\nsecrets:\n{files}"


FIRST = Rendering(
    {COMPOSE_FILE: compose("one", "two"), "nodes/a-1/node.json": "{}\n"},
    ("one", "two"),
    (Certificate("a-1"),),
)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return inode and bytes of every file: what is the same was not written again."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_first_time_writes_everything(tmp_path: Path) -> None:
    lab = tmp_path / "state" / "lab"
    written = write_rendering(lab, FIRST)
    assert written.changed == ("nodes/a-1/node.json", COMPOSE_FILE)
    assert written.renewed == ("one", "two", "ca", "a-1")
    assert {name for name in contents(lab) if not name.startswith(".")} == {
        *(COMPOSE_FILE, "nodes/a-1/node.json", "secrets/one", "secrets/two"),
        *("tls/ca.crt", "tls/ca.key", "tls/a-1.crt", "tls/a-1.key"),
    }


def test_second_time_touches_nothing(tmp_path: Path) -> None:
    write_rendering(tmp_path, FIRST)
    before = contents(tmp_path)
    assert write_rendering(tmp_path, FIRST) == type(write_rendering(tmp_path, FIRST))((), ())
    assert contents(tmp_path) == before


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    write_rendering(tmp_path, FIRST)
    before = contents(tmp_path)
    changed = Rendering(
        FIRST.files | {COMPOSE_FILE: SIGNATURE + "\nservices: {a: {}}\n"}, FIRST.secrets, FIRST.certificates
    )
    assert write_rendering(tmp_path, changed).changed == (COMPOSE_FILE,)
    after = contents(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {COMPOSE_FILE}


def test_secrets_and_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    write_rendering(tmp_path, FIRST)
    assert [mode(tmp_path / name) for name in (".", "secrets", "tls")] == [0o700] * 3
    assert [mode(tmp_path / name) for name in ("secrets/one", "tls/ca.key", "tls/a-1.key")] == [0o600] * 3
    assert [mode(tmp_path / name) for name in (COMPOSE_FILE, "tls/ca.crt", "tls/a-1.crt")] == [0o644] * 3


def test_secrets_are_random_and_different(tmp_path: Path) -> None:
    for lab in ("x", "y"):
        write_rendering(tmp_path / lab, FIRST)
    found = [path.read_text() for path in tmp_path.glob("*/secrets/*")]
    assert len(set(found)) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", one) for one in found)


def test_a_lost_or_empty_secret_is_made_anew_and_the_other_stays(tmp_path: Path) -> None:
    write_rendering(tmp_path, FIRST)
    kept = (tmp_path / "secrets" / "two").read_text()
    (tmp_path / "secrets" / "one").write_text("")
    assert write_rendering(tmp_path, FIRST).renewed == ("one",)
    assert len((tmp_path / "secrets" / "one").read_text()) == 32
    assert (tmp_path / "secrets" / "two").read_text() == kept


def test_a_secret_that_comes_with_those_who_have_it_was_not_lost(tmp_path: Path) -> None:
    write_rendering(tmp_path, FIRST)
    more = replace(
        FIRST, files={**FIRST.files, COMPOSE_FILE: compose("one", "three")}, secrets=("one", "three")
    )
    assert write_rendering(tmp_path, more).renewed == ()
    (tmp_path / "secrets" / "three").unlink()
    assert write_rendering(tmp_path, more).renewed == ("three",)
    (tmp_path / "secrets" / "three").unlink()
    (tmp_path / COMPOSE_FILE).unlink()
    assert write_rendering(tmp_path, more).renewed == ("three",), "nobody knows who had it"


def test_a_certificate_that_comes_with_its_node_was_not_lost(tmp_path: Path) -> None:
    write_rendering(tmp_path, FIRST)
    more = replace(
        FIRST,
        files={**FIRST.files, COMPOSE_FILE: compose("one", "two", nodes=("a-1", "b-1"))},
        certificates=(Certificate("a-1"), Certificate("b-1")),
    )
    assert write_rendering(tmp_path, more).renewed == ()
    (tmp_path / "tls" / "b-1.key").unlink()
    assert write_rendering(tmp_path, more).renewed == ("b-1",)
    (tmp_path / "tls" / "ca.key").unlink()
    assert write_rendering(tmp_path, more).renewed == ("ca", "a-1", "b-1")


def test_files_of_nodes_that_went_are_removed(tmp_path: Path) -> None:
    write_rendering(tmp_path, FIRST)
    (tmp_path / "nodes" / "note.txt").write_text("the user's own")
    write_rendering(tmp_path, Rendering({COMPOSE_FILE: FIRST.files[COMPOSE_FILE]}, (), ()))
    assert not (tmp_path / "nodes" / "a-1").exists()
    assert (tmp_path / "nodes" / "note.txt").exists()


def test_nothing_outside_the_folder_is_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("x")
    lab = tmp_path / "lab"
    write_rendering(lab, FIRST)
    (lab / ".rendered.json").write_text(json.dumps(["../precious", str(precious)]))
    write_rendering(lab, FIRST)
    assert precious.exists()


@pytest.mark.parametrize("manifest", ["", "{", "7", "[1]", '{"a": 1}'])
def test_a_broken_manifest_is_no_obstacle(tmp_path: Path, manifest: str) -> None:
    write_rendering(tmp_path, FIRST)
    (tmp_path / ".rendered.json").write_text(manifest)
    write_rendering(tmp_path, FIRST)
    assert json.loads((tmp_path / ".rendered.json").read_text()) == sorted(FIRST.files)


def test_certificates_are_of_the_labs_own_ca(tmp_path: Path) -> None:
    write_rendering(tmp_path, FIRST, ["lab.example", "192.0.2.7"])
    ca, node = certificate(tmp_path / "tls/ca.crt"), certificate(tmp_path / "tls/a-1.crt")
    node.verify_directly_issued_by(ca)
    names = node.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a-1", "lab.example", "localhost"]
    assert sorted(map(str, names.get_values_for_type(x509.IPAddress))) == ["127.0.0.1", "192.0.2.7"]
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is True
    assert node.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    key = load_pem_private_key((tmp_path / "tls/a-1.key").read_bytes(), None)
    assert key.public_key() == node.public_key()
    now = datetime.now(UTC)
    assert node.not_valid_before_utc < now < node.not_valid_after_utc < now + timedelta(days=826)


def test_another_ca_means_other_certificates(tmp_path: Path) -> None:
    write_rendering(tmp_path, FIRST)
    (tmp_path / "tls/ca.key").unlink()
    assert write_rendering(tmp_path, FIRST).renewed == ("ca", "a-1")
    certificate(tmp_path / "tls/a-1.crt").verify_directly_issued_by(certificate(tmp_path / "tls/ca.crt"))


def test_another_name_or_a_broken_key_means_another_certificate(tmp_path: Path) -> None:
    write_rendering(tmp_path, FIRST)
    assert write_rendering(tmp_path, FIRST, ["lab.example"]).renewed == ("a-1",)
    (tmp_path / "tls/a-1.key").write_text("no key")
    assert write_rendering(tmp_path, FIRST, ["lab.example"]).renewed == ("a-1",)
    assert write_rendering(tmp_path, FIRST, ["lab.example"]).renewed == ()


def test_a_disk_that_refuses_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "lab").write_text("a file where the folder should be")
    with pytest.raises(LabgenError) as caught:
        write_rendering(tmp_path / "lab", FIRST)
    assert str(caught.value).startswith(f"{tmp_path / 'lab'}: cannot be written: ")
    assert (
        caught.value.hint == "Make room, or choose another folder (`labgen render -o`, or $LABGEN_STATE_DIR)."
    )


def test_write_file_says_whether_it_changed_anything(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    assert write_file(path, "one", 0o600) is True
    assert write_file(path, "one", 0o600) is False
    assert write_file(path, "one", 0o644) is True
    assert write_file(path, "two", 0o644) is True
    assert (path.read_text(), mode(path)) == ("two", 0o644)
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def test_write_file_leaves_the_old_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_file(path, "old", 0o644)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(OSError, match=r"No space left"):
        write_file(path, "new", 0o644)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
