"""A template that is wrong is refused by a message that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labgen.errors import InvalidInput
from labgen.render.lab import render_lab
from tests.unit.render.tiny import IMAGES, plan_of, rendered, write_template

if TYPE_CHECKING:
    from pathlib import Path


def refusal(folder: Path, web: str = "", **files: str) -> str:
    """Return the message, which has the exit code for invalid input."""
    with pytest.raises(InvalidInput) as caught:
        rendered(folder, None, web, "", **files)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_missing_folder(tmp_path: Path) -> None:
    write_template(tmp_path, "web")
    with pytest.raises(InvalidInput) as caught:
        render_lab(plan_of(), tmp_path, IMAGES)
    path = tmp_path / "database" / "service.yaml"
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_another_roles_file_has_a_place_in_the_nodes_folder_alone(tmp_path: Path) -> None:
    path = tmp_path / "web" / "service.yaml"
    assert refusal(tmp_path, "files: {../database/a.j2: /etc/a}\n") == (
        f"{path}: files: Value error, "
        "../database/a.j2 is another role's: only a file below /etc/labgen can be"
    )


@pytest.mark.parametrize(
    ("web", "fault"),
    [
        ("colour: red", "colour: Extra inputs are not permitted"),
        ("privileged: true", "privileged: Extra inputs are not permitted"),
        ("ports: ['80:80']", "ports: Extra inputs are not permitted"),
        ("tls: maybe", "tls: Input should be a valid boolean, unable to interpret input"),
        ("health: []", "health: List should have at least 1 item after validation, not 0"),
        ("image: 7", "image: Input should be a valid string"),
    ],
)
def test_key_that_is_unknown_or_of_a_wrong_kind(tmp_path: Path, web: str, fault: str) -> None:
    assert refusal(tmp_path, web + "\n") == f"{tmp_path / 'web' / 'service.yaml'}: {fault}"


def test_every_fault_of_a_template_at_once(tmp_path: Path) -> None:
    path = tmp_path / "web" / "service.yaml"
    assert refusal(tmp_path, "colour: red\nshape: round\n").splitlines() == [
        f"{path}: colour: Extra inputs are not permitted",
        f"{path}: shape: Extra inputs are not permitted",
    ]


def test_service_that_is_no_yaml(tmp_path: Path) -> None:
    path = tmp_path / "web" / "service.yaml"
    assert refusal(tmp_path, "command: [serve\n").startswith(f"{path}:4:1: is not valid YAML: ")


@pytest.mark.parametrize(
    "expression", ["{{ nobody.name }}", "{{ node.colour }}", "{{ neighbours()[7].node }}"]
)
def test_expression_with_an_unknown_name(tmp_path: Path, expression: str) -> None:
    message = refusal(tmp_path, f'environment: {{A: "{expression}"}}\n')
    assert expression in message
    assert str(tmp_path / "web") in message, "which template?"


def test_expression_that_is_no_expression(tmp_path: Path) -> None:
    assert "{{ node.name" in refusal(tmp_path, 'environment: {A: "{{ node.name"}\n')


@pytest.mark.parametrize("expression", ["{{ nodes() }}", "{{ node.name + 1 }}", "{{ 1 / 0 }}"])
def test_expression_that_fails(tmp_path: Path, expression: str) -> None:
    assert expression in refusal(tmp_path, f'environment: {{A: "{expression}"}}\n')


def test_missing_file(tmp_path: Path) -> None:
    message = refusal(tmp_path, "files: {a.conf: /etc/a.conf}\n")
    assert message == f"{tmp_path / 'web' / 'a.conf'}: cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ node.colour }}", "'dict object' has no attribute 'colour'"),
        ("{% for %}", "Expected an expression, got 'end of statement block'"),
    ],
)
def test_text_template_that_fails(tmp_path: Path, text: str, problem: str) -> None:
    message = refusal(tmp_path, "files: {a.j2: /a}\n", a__j2=text)
    assert message == f"{tmp_path / 'web' / 'a.j2'}: {problem}"


def test_text_template_that_fails_otherwise(tmp_path: Path) -> None:
    assert str(tmp_path / "web" / "a.j2") in refusal(
        tmp_path, "files: {a.j2: /a}\n", a__j2="{{ node.name + 1 }}"
    )
