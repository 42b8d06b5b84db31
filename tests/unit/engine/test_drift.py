"""Each thing that differs between a lab and its plan is one drift, with what mends it; nothing else is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from labgen.catalogue.load import default_catalogue
from labgen.engine import drift as module
from labgen.engine.drift import find_drift
from labgen.engine.drift_model import Drift, DriftKind
from labgen.errors import LabgenError
from labgen.names import Label
from labgen.plan.build import make_plan
from labgen.plan.model import LabPlan
from labgen.plan.spec import LabSpec
from tests.unit.engine.answering import make_client
from tests.unit.engine.deployed import Deployed

K = DriftKind
NET = "labgen-small"
ANEW = "`labgen down small --keep-volumes`, then `labgen up small`"


@pytest.fixture
def lab(small_plan: LabPlan, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    found = Deployed(small_plan)
    monkeypatch.setattr(module, "_hashes", lambda _folder, text: found.hashes() if text else {})
    return found


def drifts(lab: Deployed) -> list[Drift]:
    return find_drift(lab.world.engine, lab.state, lab.plan)


def test_a_lab_as_it_was_made(lab: Deployed) -> None:
    assert drifts(lab) == []


def test_a_lab_with_a_foreign_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """The container beside it is planned, and no node."""
    spec = LabSpec.model_validate({"images": {"redis": "vendor/redis:7"}})
    lab = Deployed(make_plan(default_catalogue(), spec, "mine"))
    monkeypatch.setattr(module, "_hashes", lambda *_: lab.hashes())
    assert "redis-1-network" in lab.document["services"]
    assert drifts(lab) == []
    lab.container("redis-1-network")["State"] = "exited"
    (found,) = drifts(lab)
    assert (found.kind, found.where, found.found) == (
        K.CONTAINER,
        "redis-1-network",
        "stopped (Up 3 minutes (healthy))",
    )


def _missing(lab: Deployed) -> None:
    lab.world.containers.remove(lab.container("redis-1"))


def _state(state: str, status: str) -> Callable[[Deployed], None]:
    return lambda lab: lab.container("redis-1").update({"State": state, "Status": status})


def _network(**changes: object) -> Callable[[Deployed], None]:
    return lambda lab: lab.network("api-redis").update(changes)


def _file(path: str, text: str | None) -> Callable[[Deployed], None]:
    def change(lab: Deployed) -> None:
        target = lab.state.folder / path
        if text is None:
            target.unlink()
        else:
            target.write_text(target.read_text() + text)

    return change


MODE = "com.docker.network.bridge.gateway_mode_ipv4"
PLANTED: list[tuple[str, Callable[[Deployed], object], Drift]] = [
    (
        "a node without a container",
        _missing,
        Drift(K.CONTAINER, "redis-1", "running", "missing", "`labgen up` creates it"),
    ),
    (
        "a node that was stopped",
        _state("exited", "Exited (0) 1 minute ago"),
        Drift(
            K.CONTAINER,
            "redis-1",
            "running",
            "stopped (Exited (0) 1 minute ago)",
            "`labgen up` starts it",
        ),
    ),
    (
        "a node that was paused",
        _state("paused", "Up 1 minute (Paused)"),
        Drift(
            K.CONTAINER,
            "redis-1",
            "running",
            "paused (Up 1 minute (Paused))",
            "`labgen up` lets it go on",
        ),
    ),
    (
        "a node that ends again and again",
        _state("restarting", ""),
        Drift(
            K.CONTAINER,
            "redis-1",
            "running",
            "restarting",
            "`labgen logs redis-1 --lab small` says why it ends",
            up=False,
        ),
    ),
    (
        "a container of Compose's that the plan lacks",
        lambda lab: lab.labelled("labgen-small-old-1", **{"com.docker.compose.project": "labgen-small"}),
        Drift(
            K.CONTAINER,
            "labgen-small-old-1",
            "none",
            "a container with the lab's label: Up 2 minutes",
            "`labgen up` removes it",
        ),
    ),
    (
        "a container of nobody's",
        lambda lab: lab.labelled("stray"),
        Drift(
            K.CONTAINER,
            "stray",
            "none",
            "a container with the lab's label: Up 2 minutes",
            "`docker rm -f stray`",
            up=False,
        ),
    ),
    (
        "an older labgen's image",
        lambda lab: lab.container("redis-1").update({"Image": "labgen/redis:old", "ImageID": "id old"}),
        Drift(K.IMAGE, "redis-1", "{image}", "labgen/redis:old", "`labgen up` makes it anew"),
    ),
    (
        "the same tag on a newer image",
        lambda lab: lab.container("redis-1").update({"Image": "sha256:1234", "ImageID": "id old"}),
        Drift(K.IMAGE, "redis-1", "{image}", "an older image of that tag", "`labgen up` makes it anew"),
    ),
    (
        "other files",
        lambda lab: lab.label("redis-1", Label.FILES, "0123"),
        Drift(K.CONFIGURATION, "redis-1", "files {files}", "files 0123", "`labgen up` makes it anew"),
    ),
    (
        "another service",
        lambda lab: lab.label("redis-1", "com.docker.compose.config-hash", "other"),
        Drift(
            K.CONFIGURATION,
            "redis-1",
            "its service as rendered",
            "made from another",
            "`labgen up` makes it anew",
        ),
    ),
    (
        "a network more",
        lambda lab: lab.world.networks.append(
            {"Name": f"{NET}-more", "Labels": {Label.LAB: "small"}, "IPAM": None, "Options": None}
        ),
        Drift(K.NETWORK, f"{NET}-more", "none", "a network with the lab's label", "`labgen up` removes it"),
    ),
    (
        "a network elsewhere",
        _network(IPAM={"Config": [{"Subnet": "10.99.0.0/28"}]}),
        Drift(
            K.NETWORK,
            f"{NET}-api-redis",
            "subnet {subnet}",
            "subnet 10.99.0.0/28",
            "`labgen up` makes it anew, with the nodes on it",
        ),
    ),
    (
        "a network that leads out",
        _network(Internal=False),
        Drift(K.NETWORK, f"{NET}-api-redis", "internal", "not internal", ANEW, up=False),
    ),
    (
        "a network with IPv6",
        _network(EnableIPv6=True),
        Drift(K.NETWORK, f"{NET}-api-redis", "not IPv6", "IPv6", ANEW, up=False),
    ),
    (
        "a network whose bridge has an address",
        _network(Options={}),
        Drift(K.NETWORK, f"{NET}-api-redis", f"{MODE}: isolated", "none", ANEW, up=False),
    ),
    (
        "a network with an option more",
        _network(Options={MODE: "isolated", "more": "1"}),
        Drift(K.NETWORK, f"{NET}-api-redis", "more: none", "1", ANEW, up=False),
    ),
    (
        "somebody else's network of that name",
        _network(Labels=None, Internal=False, Options=None),
        Drift(
            K.NETWORK,
            f"{NET}-api-redis",
            "labgen's",
            "somebody else's of that name",
            f"`docker network rm {NET}-api-redis`, then `labgen up small`",
            up=False,
        ),
    ),
    (
        "a node that was disconnected",
        lambda lab: lab.networks_of("redis-1").pop(f"{NET}-api-redis"),
        Drift(
            K.ATTACHMENT,
            "redis-1",
            f"on network {NET}-api-redis as {{address}}",
            "it is not on it",
            "`labgen up` makes the node anew",
        ),
    ),
    (
        "a node with another address",
        lambda lab: lab.networks_of("redis-1")[f"{NET}-api-redis"].update(IPAddress="10.210.0.77"),
        Drift(
            K.ATTACHMENT,
            "redis-1",
            f"on network {NET}-api-redis as {{address}}",
            "as 10.210.0.77",
            f"`docker rm -f {NET}-redis-1`, then `labgen up small`",
            up=False,
        ),
    ),
    (
        "a node on a network more",
        lambda lab: lab.networks_of("redis-1").update({"bridge": {"IPAddress": "172.17.0.2"}}),
        Drift(
            K.ATTACHMENT,
            "redis-1",
            "not on network bridge",
            "it is on it as 172.17.0.2",
            f"`docker network disconnect bridge {NET}-redis-1`",
            up=False,
        ),
    ),
    (
        "a stranger on a link",
        lambda lab: lab.stranger("spy", f"{NET}-api-redis"),
        Drift(
            K.ATTACHMENT,
            f"{NET}-api-redis",
            "nodes of the lab only",
            "container spy is on it as 10.210.0.9",
            f"`docker network disconnect {NET}-api-redis spy`",
            up=False,
        ),
    ),
    (
        "a file with a line more",
        _file("nodes/redis-1/node.json", "more\n"),
        Drift(
            K.FILE,
            "nodes/redis-1/node.json",
            "line {lines}: no such line",
            "more",
            "`labgen up` writes it anew; the node reads it after `labgen restart redis-1`",
        ),
    ),
    (
        "a file without its end",
        _file("nodes/redis-1/node.json", "\n"),
        Drift(
            K.FILE,
            "nodes/redis-1/node.json",
            "line {lines}: no such line",
            "an empty line",
            "`labgen up` writes it anew; the node reads it after `labgen restart redis-1`",
        ),
    ),
    (
        "a file that is gone",
        _file("compose.yaml", None),
        Drift(K.FILE, "compose.yaml", "as rendered", "missing", "`labgen up` writes it anew"),
    ),
    (
        "a secret that is gone",
        _file("secrets/mysql_password", None),
        Drift(
            K.FILE,
            "secrets/mysql_password",
            "there",
            "missing",
            "`labgen up` makes a new one; all nodes start anew",
        ),
    ),
    (
        "a key that is gone",
        _file("tls/frontend-1.key", None),
        Drift(
            K.FILE,
            "tls/frontend-1.key",
            "there",
            "missing",
            "`labgen up` makes a new one; all nodes start anew",
        ),
    ),
]


@pytest.mark.parametrize(("plant", "expected"), [one[1:] for one in PLANTED], ids=[one[0] for one in PLANTED])
def test_one_thing_is_one_drift(lab: Deployed, plant: Callable[[Deployed], object], expected: Drift) -> None:
    service = lab.document["services"]["redis-1"]
    facts = {
        "image": service["image"],
        "files": service["labels"][Label.FILES],
        "subnet": lab.document["networks"]["api-redis"]["ipam"]["config"][0]["subnet"],
        "address": service["networks"]["api-redis"]["ipv4_address"],
        "lines": len(lab.rendering.files["nodes/redis-1/node.json"].splitlines()) + 1,
    }
    plant(lab)
    wanted = Drift(
        expected.kind,
        expected.where,
        expected.expected.format(**facts),
        expected.found,
        expected.repair,
        expected.up,
    )
    assert drifts(lab) == [wanted]


def test_the_public_network_leads_out_as_planned(lab: Deployed) -> None:
    lab.network("public")["Internal"] = True
    assert [(one.expected, one.found) for one in drifts(lab)] == [("not internal", "internal")]


def test_a_network_that_is_gone_is_missed_by_its_nodes(lab: Deployed) -> None:
    lab.world.networks.remove(lab.network("api-redis"))
    for node in ("api-1", "redis-1"):
        del lab.networks_of(node)[f"{NET}-api-redis"]
    assert [(one.kind, one.where) for one in drifts(lab)] == [
        (K.NETWORK, f"{NET}-api-redis"),
        (K.ATTACHMENT, "api-1"),
        (K.ATTACHMENT, "redis-1"),
    ]


def test_a_node_that_does_not_run_asks_for_its_addresses(lab: Deployed) -> None:
    """The engine gives it none then; that is the one thing that differs."""
    _state("exited", "Exited (0)")(lab)
    for one in lab.networks_of("redis-1").values():
        one["IPAddress"] = ""
    assert [one.kind for one in drifts(lab)] == [K.CONTAINER]


@pytest.mark.parametrize("status", ["Up 1 minute (unhealthy)", "Up 1 second (health: starting)", "Up"])
def test_health_is_no_drift(lab: Deployed, status: str) -> None:
    _state("running", status)(lab)
    assert drifts(lab) == []


def test_a_measurement_is_no_drift(lab: Deployed) -> None:
    lab.labelled("probe", **{Label.PROBE: "container:id-redis-1"})
    assert drifts(lab) == []


def test_what_other_labs_and_engines_have_is_no_drift(lab: Deployed) -> None:
    lab.stranger("theirs", "their-network")
    lab.world.networks.append(
        {"Name": "labgen-other-api-redis", "Labels": {Label.LAB: "other"}, "IPAM": None, "Options": None}
    )
    lab.network("api-redis")["Options"]["com.docker.network.enable_ipv6"] = "false"
    lab.networks_of("redis-1")["none"] = {"IPAddress": ""}
    assert drifts(lab) == []


def test_they_come_in_the_order_of_their_kinds(lab: Deployed) -> None:
    for _, plant, _ in reversed(PLANTED):
        if plant is not _missing:
            plant(lab)
    kinds = [one.kind for one in drifts(lab)]
    assert kinds == sorted(kinds, key=list(K).index)
    assert set(kinds) >= {K.CONTAINER, K.IMAGE, K.CONFIGURATION, K.NETWORK, K.ATTACHMENT, K.FILE}


def test_other_line_ends_differ(lab: Deployed) -> None:
    path = lab.state.folder / "nodes/redis-1/node.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (found,) = drifts(lab)
    assert (found.kind, found.found) == (K.FILE, "other line ends, or bytes that are no text")


def test_a_long_line_is_cut(lab: Deployed) -> None:
    _file("nodes/redis-1/node.json", "x" * 500)(lab)
    (found,) = drifts(lab)
    assert found.found == f"{'x' * 60}..."


def test_a_file_that_cannot_be_read(lab: Deployed) -> None:
    path = lab.state.folder / "nodes/redis-1/node.json"
    path.unlink()
    path.mkdir()
    (found,) = drifts(lab)
    assert found.found == "cannot be read: Is a directory"


def test_the_lab_folder_behind_a_link_is_the_same(
    lab: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compose's hash has the folder's name in it."""
    asked: list[Path] = []

    def hashes(folder: Path, _text: str) -> dict[str, str]:
        asked.append(folder)
        return lab.hashes()

    monkeypatch.setattr(module, "_hashes", hashes)
    link = tmp_path / "link"
    link.symlink_to(lab.state.folder)
    key = "com.docker.compose.project.working_dir"
    lab.label("frontend-1", key, "/no/such/folder")
    lab.label("ui-1", key, str(tmp_path))
    assert drifts(lab) == []
    lab.label("redis-1", key, str(link))
    assert drifts(lab) == []
    assert asked == [lab.state.folder, link]


def test_compose_says_what_it_would_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = "compose --file - --project-directory /lab config --hash *"
    client = make_client(tmp_path / "bin", more=f'[ "$*" = "{call}" ] && read -r name && echo "$name 12ab"')
    monkeypatch.setenv("PATH", str(client.parent), prepend=os.pathsep)
    assert module._hashes(Path("/lab"), "api-1\nmore\n") == {"api-1": "12ab"}


@pytest.mark.parametrize(
    ("more", "said"),
    [("echo first >&2; echo 'no such key' >&2; exit 1", "no such key"), ("exit 15", "exit status 15")],
)
def test_compose_cannot_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, said: str) -> None:
    client = make_client(tmp_path / "bin", more=f"cat >/dev/null\n{more}")
    monkeypatch.setenv("PATH", str(client.parent), prepend=os.pathsep)
    with pytest.raises(LabgenError, match=f"(?s)^Compose cannot say .*{said}"):
        module._hashes(Path("/lab"), "services: {}\n")
