"""What labgen hands over, well-formed and not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.settings import SettingsError, load
from labgen_stub.webapps import build

if TYPE_CHECKING:
    from pathlib import Path

ROW = {"connection": "22", "role": "rs-redis", "node": "dc1-redis-1", "protocol": "redis", "port": 6379}
DOCUMENT: dict[str, Any] = {
    "lab": "small",
    "node": "dc1-rs-1",
    "role": "rs",
    "site": "dc1",
    "datacenter_id": "dc1",
    "listens": [],
    "neighbours": [ROW, {**ROW, "connection": "22b"}, {**ROW, "protocol": "http", "port": 8009}],
}


def environment(folder: Path, document: object = DOCUMENT, webapps: str = "vsm, am") -> dict[str, str]:
    (folder / "node.json").write_text(json.dumps(document))
    (folder / "secrets").mkdir()
    (folder / "secrets" / "rabbitmq_password").write_text("pw\n")
    return {
        "LABGEN_NODE": str(folder / "node.json"),
        "LABGEN_SECRETS": str(folder / "secrets"),
        "LABGEN_CA": str(folder / "ca.crt"),
        "LABGEN_WEBAPPS": webapps,
    }


def test_a_node(tmp_path: Path) -> None:
    settings = load(environment(tmp_path))
    assert (settings.node, settings.role, settings.datacenter_id) == ("dc1-rs-1", "rs", "dc1")
    assert settings.webapps == ("vsm", "am")
    assert [one.connection for one in settings.to("redis")] == ["22"], "each node once"
    assert settings.to("redis", "mysql") == ()
    assert settings.neighbours[0].transport == "tcp"


def test_a_platform_node_has_its_site_for_a_datacenter(tmp_path: Path) -> None:
    document = {**DOCUMENT, "site": "platform", "datacenter_id": None}
    assert load(environment(tmp_path, document)).datacenter_id == "platform"


def test_who_stands_for_deployed_machines(tmp_path: Path) -> None:
    where = environment(tmp_path)
    assert load(where).guests == {}
    (tmp_path / "guests").write_text("dc1 dc1-guest-1\ndc1 dc1-guest-2\ndc2 dc2-guest-1\n")
    assert load(where).guests == {"dc1": "dc1-guest-1", "dc2": "dc2-guest-1"}, "the first one counts"


def test_secrets_are_read_when_asked_for(tmp_path: Path) -> None:
    secrets = load(environment(tmp_path)).secrets
    assert secrets["rabbitmq_password"] == "pw"
    assert "mysql_password" not in secrets
    assert secrets.get("mysql_password") is None
    with pytest.raises(KeyError):
        secrets["ca"]
    (tmp_path / "ca.crt").write_text("PEM")
    assert secrets["ca"] == "PEM"
    assert sorted(secrets) == ["ca", "rabbitmq_password"]
    assert "pw" not in repr(load(environment_of(tmp_path)))


def environment_of(folder: Path) -> dict[str, str]:
    return {
        "LABGEN_NODE": str(folder / "node.json"),
        "LABGEN_SECRETS": str(folder / "secrets"),
        "LABGEN_WEBAPPS": "vsm",
    }


@pytest.mark.parametrize(
    "document",
    [[], {}, {"node": "a"}, {**DOCUMENT, "neighbours": [{"role": "x"}]}, {**DOCUMENT, "neighbours": [1]}],
)
def test_a_broken_node_file(tmp_path: Path, document: object) -> None:
    with pytest.raises(SettingsError, match=r"node\.json"):
        load(environment(tmp_path, document))


def test_no_file_and_no_web_application(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LABGEN_WEBAPPS"):
        load(environment(tmp_path, webapps=" "))
    with pytest.raises(SettingsError, match=r"nowhere\.json"):
        load({"LABGEN_NODE": str(tmp_path / "nowhere.json"), "LABGEN_WEBAPPS": "m"})


def test_an_unknown_web_application() -> None:
    with pytest.raises(SettingsError, match="unknown 'vms'"):
        build("vms", None)  # type: ignore[arg-type]


def test_how_long_what_is_over_is_kept(tmp_path: Path) -> None:
    env = environment(tmp_path)
    assert load(env).retention_hours == 168
    assert load({**env, "LABGEN_RETENTION_HOURS": "1"}).retention_hours == 1
    for text in ("0", "8785", "-1", "1.5", "a week", "²"):
        with pytest.raises(SettingsError, match=r"LABGEN_RETENTION_HOURS: '.*' is no number from 1 to 8784"):
            load({**env, "LABGEN_RETENTION_HOURS": text})
