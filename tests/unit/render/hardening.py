"""What every service of every lab must be, checked on the text that Compose reads.

The expectations are written down here a second time on purpose: a change of labgen that weakens a
container has to change this file too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from labgen.catalogue.load import yaml_loader
from labgen.names import PROBE_FOLDER, PROBE_VOLUME, Label
from labgen.render.lab import COMPOSE_FILE

if TYPE_CHECKING:
    from labgen.render.lab import Rendering

__all__ = ["CAPABILITIES", "SHARING", "WRITABLE_ROOT", "check_compose", "compose_of"]

#: labgen-init loads the firewall with NET_ADMIN, gives up root with the last three, and holds them for some
#: milliseconds; the engine's init, in which nothing of a server runs, hands signals on with KILL.
_INIT = {"KILL", "NET_ADMIN", "SETGID", "SETPCAP", "SETUID"}
#: Roles whose server cannot do without a capability, and which.
CAPABILITIES = {
    "dhcp": {"NET_RAW"},  # answers to clients without an address leave through packet sockets
    "nfs": {"DAC_READ_SEARCH"},  # files are opened by their handles
}
#: What keepalived needs, where several nodes share an address; HAProxy beside it has neither.
SHARING = {"NET_RAW"}
#: Roles whose server writes to its root file system, with the reason. None does.
WRITABLE_ROOT: dict[str, str] = {}
_KEYS = {
    *("image", "container_name", "hostname", "command", "environment", "init", "restart", "read_only"),
    *("cap_drop", "cap_add", "security_opt", "sysctls", "pids_limit"),
    *("mem_limit", "memswap_limit", "cpus", "cpu_shares"),
    *("logging", "healthcheck", "stop_grace_period", "stop_signal", "tmpfs", "volumes", "secrets", "ports"),
    *("labels", "networks", "network_mode", "dns", "extra_hosts"),
}
_SECRET = re.compile(r"pass(word|wd)?|secret|token|credential|private|(^|_)key", re.IGNORECASE)


def compose_of(rendering: Rendering) -> dict[str, Any]:
    """Return what Compose reads."""
    loaded: dict[str, Any] = yaml.load(rendering.files[COMPOSE_FILE], Loader=yaml_loader)  # noqa: S506 - a safe one
    return loaded


def check_compose(compose: dict[str, Any]) -> None:
    """Fail if a service or a network of `compose` is less closed than it has to be."""
    for name, service in compose["services"].items():
        role = service["labels"][Label.ROLE]
        _check_privileges(name, role, service)
        _check_limits(name, service)
        _check_mounts(name, service, compose)
        _check_environment(name, service)
        _check_health(name, service)
        _check_networks(name, role, service, compose["networks"])
    for name, network in compose["networks"].items():
        assert network.get("internal", False) is (name != "public"), name
        assert network["ipam"]["config"][0]["subnet"], name
        assert network["name"] == f"{compose['name']}-{name}", name


def _check_privileges(name: str, role: str, service: dict[str, Any]) -> None:
    # No key but these: neither privileged nor devices, pid, ipc, userns_mode, volumes_from, depends_on, …
    assert set(service) <= _KEYS, name
    assert service["cap_drop"] == ["ALL"], name
    environment = service.get("environment", {})
    sharing = SHARING if "LABGEN_VIRTUAL" in environment else set()
    assert set(service["cap_add"]) == _INIT | CAPABILITIES.get(role, set()) | sharing, name
    kept = {"LABGEN_KEEP_CAPS": "net_admin,net_raw"} if sharing else {}
    assert {key: value for key, value in environment.items() if key == "LABGEN_KEEP_CAPS"} == kept, name
    assert service["security_opt"] == ["no-new-privileges:true"], name
    assert service["read_only"] is (role not in WRITABLE_ROOT), name
    assert service["sysctls"] == {"net.ipv6.conf.all.disable_ipv6": "1"}, name


def _check_limits(name: str, service: dict[str, Any]) -> None:
    assert isinstance(service["mem_limit"], int), name
    assert 6 * 2**20 <= service["mem_limit"] == service["memswap_limit"] <= 2**31, name
    assert 0 < service["pids_limit"] <= 512, name
    options = service["logging"]["options"]
    assert service["logging"]["driver"] == "json-file", name
    assert re.fullmatch(r"\d+m", options["max-size"]), name
    assert 1 <= int(options["max-file"]) <= 5, name
    assert service["init"] is True, name
    assert service["restart"] == "unless-stopped", name


def _check_mounts(name: str, service: dict[str, Any], compose: dict[str, Any]) -> None:
    targets = [one.split(":")[1] for one in service["volumes"]]
    targets += [one.split(":")[0] for one in service["tmpfs"]]
    assert len(targets) == len(set(targets)), name
    for one in service["volumes"]:
        source, target, *mode = one.split(":")
        assert target.startswith("/"), name
        assert "docker.sock" not in one, name
        if source.startswith("."):
            # The node's own files; read-only, nothing else of the host.
            assert f"{source}/".startswith(f"./nodes/{name}/"), one
            assert ".." not in source, one
            assert mode == ["ro"], one
        elif source == PROBE_VOLUME:
            # Programs that all nodes share: nobody may change what another one executes.
            assert (target, mode) == (PROBE_FOLDER, ["ro"]), one
        else:
            assert source.startswith(f"{name}-"), one
            assert source in compose["volumes"], one
    for one in service.get("secrets", []):
        secret = one if isinstance(one, str) else one["source"]
        assert compose["secrets"][secret]["file"] in {f"./secrets/{secret}", f"./tls/{name}.key"}, name
    assert all(":mode=" in one and ",size=" in one for one in service["tmpfs"]), name


def _check_environment(name: str, service: dict[str, Any]) -> None:
    for key, value in service.get("environment", {}).items():
        assert isinstance(value, str), name
        if _SECRET.search(key):
            assert value.startswith("/run/labgen/secrets/"), f"{name}: {key} looks like a secret"


def _check_health(name: str, service: dict[str, Any]) -> None:
    health = service["healthcheck"]
    # labgen-health is bash and curl: no interpreter, JVM or Erlang starts every few seconds.
    assert health["test"][:2] == ["CMD", "labgen-health"], name
    assert all(isinstance(one, str) for one in health["test"]), name
    assert {"test", "interval", "timeout", "retries", "start_period", "start_interval"} == health.keys(), name
    assert health["start_interval"] in ("1s", "4s", "8s"), name


def _check_networks(name: str, role: str, service: dict[str, Any], networks: dict[str, Any]) -> None:
    assert service.get("network_mode", "none") == "none", name
    assert ("networks" in service) is ("network_mode" not in service), name
    assert set(service.get("networks", {})) <= set(networks), name
    public = "public" in service.get("networks", {})
    # A second one shares the first one's address there, and has no port of the host.
    assert public >= ("ports" in service), name
    assert public is (role == "frontend"), name
    # Where there is a way out, at least no name is asked for outside.
    assert service.get("dns", []) == (["127.0.0.1"] if public else []), name
    assert all(one.startswith("127.0.0.1:") for one in service.get("ports", [])), name
