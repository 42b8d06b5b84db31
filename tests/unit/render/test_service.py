"""What a template says reaches Compose; what it need not say is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from labgen.errors import InvalidInput
from labgen.names import Label
from labgen.render.lab import image_names
from tests.unit.render.tiny import compose_of, plan_of, rendered, service_of

if TYPE_CHECKING:
    from pathlib import Path


def test_bare_template_gets_all_the_rest(tmp_path: Path) -> None:
    service = service_of(rendered(tmp_path), "dc1-db-1")
    labels = service.pop("labels")
    assert service == {
        "image": "labgen/database:2",
        "container_name": "labgen-lab-dc1-db-1",
        "hostname": "dc1-db-1",
        "init": True,
        "restart": "unless-stopped",
        "read_only": True,
        "cap_drop": ["ALL"],
        "cap_add": ["KILL", "NET_ADMIN", "SETGID", "SETPCAP", "SETUID"],
        "security_opt": ["no-new-privileges:true"],
        "sysctls": {"net.ipv6.conf.all.disable_ipv6": "1"},
        "pids_limit": 512,
        "mem_limit": 64 * 2**20,
        "memswap_limit": 64 * 2**20,
        "logging": {"driver": "json-file", "options": {"max-size": "5m", "max-file": "3"}},
        "healthcheck": {
            "test": ["CMD", "labgen-health"],
            "interval": "10s",
            "timeout": "6s",
            "retries": 3,
            "start_period": "120s",
            "start_interval": "1s",
        },
        "stop_grace_period": "10s",
        "tmpfs": [
            "/tmp:mode=1777,size=64m",  # noqa: S108 - the container's
            "/run/labgen:mode=0700,uid=900,gid=900,size=8m",
        ],
        "volumes": [
            "./nodes/dc1-db-1:/etc/labgen:ro",
            "probe:/opt/labgen-probe:ro",
        ],
        "networks": {"dc1-web-database": {"ipv4_address": "10.210.4.24"}},
    }
    digest = labels.pop(Label.FILES)
    assert len(digest) == 16
    assert labels == {
        Label.LAB: "lab",
        Label.SIZE: "small",
        Label.NODE: "dc1-db-1",
        Label.ROLE: "database",
        Label.SITE: "dc1",
        Label.SERVER: "back",
        Label.ACTOR: "true",
        Label.ENFORCED: "entry point",
    }


def test_secrets_are_files_and_never_text(tmp_path: Path) -> None:
    rendering = rendered(tmp_path, web="secrets: [b_key, a_key]\n", database="secrets: [a_key]\n")
    compose = compose_of(rendering)
    assert rendering.secrets == ("a_key", "b_key")
    assert compose["secrets"] == {"a_key": {"file": "./secrets/a_key"}, "b_key": {"file": "./secrets/b_key"}}
    assert compose["services"]["web-1"]["secrets"] == ["b_key", "a_key"]
    assert not [path for path in rendering.files if path.startswith(("secrets", "tls"))]


def test_tls_is_a_certificate_and_a_key_of_its_own(tmp_path: Path) -> None:
    rendering = rendered(tmp_path, plan_of(counts={"database": 2}), database="tls: true\n")
    assert [one.node for one in rendering.certificates] == ["dc1-db-1", "dc1-db-2"]
    assert compose_of(rendering)["secrets"] == {
        "dc1-db-1.key": {"file": "./tls/dc1-db-1.key"},
        "dc1-db-2.key": {"file": "./tls/dc1-db-2.key"},
    }
    service = service_of(rendering, "dc1-db-2")
    assert service["secrets"] == [{"source": "dc1-db-2.key", "target": "tls.key"}]
    assert {path: source for path, source in rendering.copies.items() if "tls.crt" in path} == {
        f"nodes/dc1-db-{n}/tls.crt": f"tls/dc1-db-{n}.crt" for n in (1, 2)
    }


def test_volumes_are_named_after_their_node(tmp_path: Path) -> None:
    rendering = rendered(tmp_path, plan_of(counts={"database": 2}), database="volumes: {data: /var/lib/x}\n")
    assert compose_of(rendering)["volumes"] == {
        "probe": {"labels": {Label.LAB: "lab"}},
        **{f"dc1-db-{n}-data": {"labels": {Label.LAB: "lab", Label.NODE: f"dc1-db-{n}"}} for n in (1, 2)},
    }
    assert service_of(rendering, "dc1-db-2")["volumes"][0] == "dc1-db-2-data:/var/lib/x"


@pytest.mark.parametrize(
    ("web", "key", "value"),
    [
        (
            "cap_add: [NET_RAW, SETUID]",
            "cap_add",
            ["KILL", "NET_ADMIN", "NET_RAW", "SETGID", "SETPCAP", "SETUID"],
        ),
        ("read_only: false", "read_only", False),
        ("stop_signal: SIGINT", "stop_signal", "SIGINT"),
        ("command: serve --all", "command", "serve --all"),
    ],
)
def test_simple_keys(tmp_path: Path, web: str, key: str, value: Any) -> None:
    assert service_of(rendered(tmp_path, web=web + "\n"))[key] == value


def test_tmpfs_belongs_to_the_service_alone(tmp_path: Path) -> None:
    service = service_of(rendered(tmp_path, web="tmpfs: {/var/lib/x: 16m}\n"))
    assert service["tmpfs"][2:] == ["/var/lib/x:mode=0700,uid=900,gid=900,size=16m"]


def test_two_roles_may_have_one_file(tmp_path: Path) -> None:
    files = "files: {{{}: /etc/labgen/a}}\n"
    own, other = files.format("a.j2"), files.format("../web/a.j2")
    done = rendered(tmp_path, None, own, other, a__j2="{{ node.name }}\n")
    assert done.files["nodes/web-1/a"] == "web-1\n"
    assert done.files["nodes/dc1-db-1/a"] == "dc1-db-1\n"
    assert set(done.files) == set(rendered(tmp_path / "own", None, own, "", a__j2="").files) | {
        "nodes/dc1-db-1/a"
    }


def test_what_is_not_said_is_not_there(tmp_path: Path) -> None:
    assert not service_of(rendered(tmp_path)).keys() & {
        "command",
        "environment",
        "secrets",
        "stop_signal",
        "cpus",
    }


def test_resources_and_published_ports(tmp_path: Path) -> None:
    plan = plan_of(resources={"web": {"memory": "1GiB", "cpus": 0.5}}, ports={"http": 9090}, bind="127.0.0.2")
    service = service_of(rendered(tmp_path, plan))
    assert (service["mem_limit"], service["memswap_limit"], service["cpus"]) == (2**30, 2**30, 0.5)
    assert service["ports"] == ["127.0.0.2:9090:80"]


def test_only_the_public_network_leads_anywhere(tmp_path: Path) -> None:
    rendering = rendered(tmp_path)
    networks = compose_of(rendering)["networks"]
    assert networks == {
        "dc1-web-database": {
            "name": "labgen-lab-dc1-web-database",
            "internal": True,
            "driver_opts": {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"},
            "ipam": {"config": [{"subnet": "10.210.4.16/28"}]},
            "labels": {
                Label.LAB: "lab",
                Label.LINK: "dc1-web-database",
                Label.SUPERNET: "10.210.0.0/16",
                Label.CONNECTIONS: "1 2 3",
            },
        },
        "public": {
            "name": "labgen-lab-public",
            "driver_opts": {"com.docker.network.bridge.enable_icc": "false"},
            "ipam": {"config": [{"subnet": "10.210.0.0/28"}]},
            "labels": {Label.LAB: "lab", Label.LINK: "public", Label.SUPERNET: "10.210.0.0/16"},
        },
    }
    assert service_of(rendering)["networks"]["public"] == {"gw_priority": 1}
    assert "public" not in service_of(rendering, "dc1-db-1")["networks"]


def test_node_without_a_link_has_no_network(tmp_path: Path) -> None:
    service = service_of(rendered(tmp_path, plan_of(counts={"web": 0})), "dc1-db-1")
    assert service["network_mode"] == "none"
    assert "networks" not in service


def test_image_of_a_template_and_of_the_user(tmp_path: Path) -> None:
    plan = plan_of(images={"web": "vendor/web:6.1", "database": "web"})
    rendering = rendered(tmp_path, plan)
    assert image_names(plan, tmp_path) == {"web-1": "vendor/web:6.1", "dc1-db-1": "web"}
    assert service_of(rendering)["image"] == "vendor/web:6.1"
    assert service_of(rendering, "dc1-db-1")["image"] == "labgen/web:1"


def test_image_that_is_no_folder_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="databas'"):
        rendered(tmp_path, plan_of(images={"database": "databas"}))
