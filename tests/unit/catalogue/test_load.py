"""A catalogue that contradicts itself is refused, with every fault and its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from labgen.catalogue.load import load_catalogue, read_yaml
from labgen.errors import InvalidInput
from tests.unit.catalogue.small import ROLES, SIZE, VARIANTS, row, write_catalogue

if TYPE_CHECKING:
    from pathlib import Path


def faults_of(folder: Path, **files: Any) -> list[str]:
    """Return the lines of the refusal below its title, which names the folder."""
    with pytest.raises(InvalidInput) as caught:
        load_catalogue(write_catalogue(folder, **files))
    title, *lines = str(caught.value).splitlines()
    assert title == f"{folder}: the catalogue is invalid"
    assert caught.value.exit_code == 2
    return lines


def test_small_catalogue_is_valid(tmp_path: Path) -> None:
    loaded = load_catalogue(write_catalogue(tmp_path))
    assert list(loaded.roles) == ["web", "database", "printer"]
    assert (loaded.roles["web"].id, loaded.roles["web"].node, loaded.roles["web"].template) == ("web",) * 3
    assert loaded.roles["printer"].template is None
    assert [(one.source, one.destination, one.ports) for one in loaded.connections] == [
        ("web", "database", "3306/tcp")
    ]
    assert list(loaded.sizes) == ["small"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"to": "databse"}, "connections: 1: unknown role 'databse' (did you mean 'database'?)"),
        ({"source": "zzz"}, "connections: 1: unknown role 'zzz'"),
        ({"variant": {"tls": "maybe"}}, "connections: 1: unknown variant 'tls: maybe'"),
        ({"variant": {"colour": "red"}}, "connections: 1: unknown variant 'colour: red'"),
        ({"colour": "red"}, "connections.0.colour: Extra inputs are not permitted"),
        ({"port": 70000}, "connections.0.port: Input should be less than or equal to 65535"),
        ({"port": 0}, "connections.0.port: Input should be greater than or equal to 1"),
        ({"transport": "sctp"}, "connections.0.transport: String should match pattern '^(tcp|udp|vrrp)$'"),
        (
            {"transport": "vrrp"},
            "connections: 1: transport vrrp has no ports; `port: 112` is its number",
        ),
        (
            {"provenance": "rumour"},
            "connections.0.provenance: Input should be 'documented', 'vendor-code' or 'inferred'",
        ),
    ],
)
def test_faulty_connection(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    assert faults_of(tmp_path, connections=[row(**change)]) == [fault]


@pytest.mark.parametrize("missing", ["purpose", "provenance", "reference", "protocol", "port", "to", "from"])
def test_connection_without(tmp_path: Path, missing: str) -> None:
    fields = row()
    del fields[missing]
    assert faults_of(tmp_path, connections=[fields]) == [f"connections.0.{missing}: Field required"]


def test_duplicate_id(tmp_path: Path) -> None:
    rows = [row(), row(port=3307), row(id="2")]
    assert faults_of(tmp_path, connections=rows) == ["connections: 1: the id is used 2 times"]


def test_unknown_key_of_role(tmp_path: Path) -> None:
    roles = ROLES | {"web": ROLES["web"] | {"colour": "red"}}
    assert faults_of(tmp_path, roles=roles) == ["roles.web.colour: Extra inputs are not permitted"]


def test_default_that_is_no_choice(tmp_path: Path) -> None:
    variants = {"tls": VARIANTS["tls"] | {"default": "perhaps"}}
    assert faults_of(tmp_path, variants=variants) == [
        "variants: tls: the default 'perhaps' is none of its choices"
    ]


def test_size_with_unknown_role(tmp_path: Path) -> None:
    size = SIZE | {"counts": {"wob": 1}}
    assert faults_of(tmp_path, size=size) == ["sizes: small: unknown role 'wob' (did you mean 'web'?)"]


def test_size_with_a_role_that_has_no_server(tmp_path: Path) -> None:
    size = SIZE | {"counts": {"printer": 1}}
    assert faults_of(tmp_path, size=size) == ["sizes: small: labgen has no server for role 'printer'"]


def test_every_fault_is_said_at_once(tmp_path: Path) -> None:
    connections = [row(to="databse", variant={"tls": "maybe"}), row(source="wob")]
    assert faults_of(tmp_path, connections=connections, size=SIZE | {"counts": {"wob": 1}}) == [
        "connections: 1: the id is used 2 times",
        "connections: 1: unknown role 'databse' (did you mean 'database'?)",
        "connections: 1: unknown variant 'tls: maybe'",
        "connections: 1: unknown role 'wob' (did you mean 'web'?)",
        "sizes: small: unknown role 'wob' (did you mean 'web'?)",
    ]


def test_invalid_yaml_names_file_line_and_column(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, connections="- {id: one}\n- {id: [}\n")
    with pytest.raises(InvalidInput) as caught:
        load_catalogue(folder)
    assert str(caught.value).startswith(f"{folder / 'connections.yaml'}:2:9: is not valid YAML: ")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_catalogue(tmp_path)
    assert str(caught.value) == f"{tmp_path / 'roles.yaml'}: cannot be read: No such file or directory"


def test_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "roles.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput) as caught:
        read_yaml(path)
    assert str(caught.value) == f"{path}: is not a text file in UTF-8"


@pytest.mark.parametrize("roles", ["", "[web]\n", "web: platform\n"])
def test_roles_of_another_shape_are_a_message_too(tmp_path: Path, roles: str) -> None:
    folder = write_catalogue(tmp_path, roles=roles)
    with pytest.raises(InvalidInput) as caught:
        load_catalogue(folder)
    assert "roles" in str(caught.value).replace(str(folder), "")


def test_read_yaml_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "evil.yaml"
    path.write_text("!!python/object/apply:os.getcwd []\n")
    with pytest.raises(InvalidInput, match=r"is not valid YAML: could not determine a constructor"):
        read_yaml(path)
