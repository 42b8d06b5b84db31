"""Expressions of a template, and the files that it brings: what of them reaches the container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from labgen.names import Label
from labgen.render.lab import render_lab
from tests.unit.render.tiny import IMAGES, plan_of, rendered, service_of, write_template

if TYPE_CHECKING:
    from pathlib import Path


def test_environment_and_command_are_evaluated(tmp_path: Path) -> None:
    web = """
command: [serve, "--name", "{{ node.name }}", "to {{ neighbours(role='database')[0].node }}"]
environment: {SITE: "{{ node.site }}", PORT: "{{ neighbours()[0].port }}", WORKERS: 2, PLAIN: text}
"""
    service = service_of(rendered(tmp_path, web=web))
    assert service["command"] == ["serve", "--name", "web-1", "to dc1-db-1"]
    assert service["environment"] == {"SITE": "platform", "PORT": "3306", "WORKERS": "2", "PLAIN": "text"}


def test_expression_may_be_a_whole_list(tmp_path: Path) -> None:
    web = """command: "{{ ['serve'] + neighbours() | map(attribute='node') | list }}"\n"""
    service = service_of(rendered(tmp_path, plan_of(counts={"database": 2}), web=web))
    assert service["command"] == ["serve", "dc1-db-1", "dc1-db-2"]


@pytest.mark.parametrize("key", ["command: [serve", "health: [labgen-health, tcp"])
def test_numbers_in_a_command_are_text_to_compose(tmp_path: Path, key: str) -> None:
    """Compose refuses a number in a command or a health check, and a port is a number to an expression."""
    service = service_of(rendered(tmp_path, web=key + ', "{{ neighbours()[0].port }}"]\n'))
    assert {**service, **service["healthcheck"]}[("test", "command")[key.startswith("command")]][-1] == "3306"


def test_a_lab_named_like_a_number_keeps_its_name(tmp_path: Path) -> None:
    service = service_of(rendered(tmp_path, plan_of("1e5"), web='environment: {LAB: "{{ lab.name }}"}\n'))
    assert service["environment"]["LAB"] == "1e5"


@pytest.mark.parametrize(
    "web",
    [
        'health: [labgen-health, "^ok$|$HOME"]',
        'command: [sh, -c, "^ok$|$HOME"]',
        'environment: {A: "^ok$|$HOME"}',
    ],
)
def test_compose_replaces_nothing_in_what_a_template_says(tmp_path: Path, web: str) -> None:
    """A dollar is Compose's sign for a variable; two are one dollar."""
    text = json.dumps(service_of(rendered(tmp_path, web=web + "\n")))
    assert "^ok$$|$$HOME" in text


def test_files_are_copied_or_rendered_and_mounted(tmp_path: Path) -> None:
    template = (
        "{% for one in neighbours() %}\n{{ one.node }}:{{ one.port }} {{ node.name }}\n{% endfor %}\nend\n"
    )
    rendering = rendered(
        tmp_path,
        plan_of(counts={"database": 2}),
        web="files: {plain.conf: /etc/plain.conf, made.conf.j2: /etc/labgen/web/made.conf}\n",
        plain__conf="{{ stays }}\n",
        made__conf__j2=template,
    )
    assert rendering.files["nodes/web-1/plain.conf"] == "{{ stays }}\n"
    assert rendering.files["nodes/web-1/web/made.conf"] == "dc1-db-1:3306 web-1\ndc1-db-2:3306 web-1\nend\n"
    assert service_of(rendering)["volumes"] == [
        "./nodes/web-1:/etc/labgen:ro",
        "./nodes/web-1/plain.conf:/etc/plain.conf:ro",
        "probe:/opt/labgen-probe:ro",
    ]


def test_names_that_templates_may_use(tmp_path: Path) -> None:
    text = """{{ lab.name }} {{ node.name }} {{ node.role }} {{ node.site }}
{{ node.number }} {{ node.datacenter_id }}
{{ neighbours(role='web') | map(attribute='connection') | join(',') }}
{{ neighbours(protocol='dhcp') | map(attribute='transport') | join(',') }} {{ neighbours(role='api') }}
{{ clients(protocol='mysql') | map(attribute='node') | join(',') }} {{ clients(protocol='http') }}
{{ nodes(role='database') | map(attribute='name') | join(',') }}
"""
    write_template(tmp_path, "database", "files: {x.j2: /x}\n", x__j2=text)
    plan = plan_of(counts={"web": 2, "database": 2})
    write_template(tmp_path, "web")
    assert render_lab(plan, tmp_path, IMAGES).files["nodes/dc1-db-2/x"].splitlines() == [
        "lab dc1-db-2 database dc1",
        "2 dc1",
        "2,3,2,3",
        "udp,udp []",
        "web-1,web-2 []",
        "dc1-db-1,dc1-db-2",
    ]


def test_manifest_of_a_node(tmp_path: Path) -> None:
    assert json.loads(rendered(tmp_path).files["nodes/web-1/node.json"]) == {
        "lab": "lab",
        "node": "web-1",
        "role": "web",
        "site": "platform",
        "datacenter_id": "platform",
        "listens": [
            {"protocol": "http", "transport": "tcp", "port": 80, "connections": ["2"]},
            {"protocol": "dhcp", "transport": "udp", "port": 67, "connections": ["3"]},
        ],
        "neighbours": [
            {
                "connection": "1",
                "role": "database",
                "node": "dc1-db-1",
                "site": "dc1",
                "protocol": "mysql",
                "transport": "tcp",
                "port": 3306,
            }
        ],
    }


def test_each_port_is_listened_on_once(tmp_path: Path) -> None:
    rendering = rendered(tmp_path, plan_of(counts={"database": 3}))
    assert len(json.loads(rendering.files["nodes/web-1/node.json"])["listens"]) == 2


def test_files_label_changes_with_any_file_and_with_nothing_else(tmp_path: Path) -> None:
    def digest(folder: str, text: str, environment: str = "a", **spec: Any) -> str:
        web = f"files: {{a.conf: /etc/a.conf}}\nenvironment: {{A: {environment}}}\n"
        labels = service_of(rendered(tmp_path / folder, plan_of(**spec), web=web, a__conf=text))["labels"]
        return str(labels[Label.FILES])

    first = digest("1", "one\n")
    assert digest("2", "one\n") == first
    assert digest("3", "one\n", environment="b") == first
    assert digest("4", "two\n") != first
    assert digest("5", "one\n", counts={"database": 2}) != first  # node.json has another neighbour


def test_an_expression_that_gives_none_leaves_its_place_empty(tmp_path: Path) -> None:
    web = """
command: "{{ none if node.number == 1 else ['serve'] }}"
environment: {A: "{{ none }}", B: "{{ node.number if node.virtual else none }}"}
cap_add: ["{{ 'NET_RAW' if node.virtual else none }}"]
"""
    service = service_of(rendered(tmp_path, web=web))
    assert not {"command", "environment"} & service.keys()
    assert service["cap_add"] == service_of(rendered(tmp_path))["cap_add"]
