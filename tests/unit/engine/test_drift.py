"""Each thing that differs between a lab and its plan is one drift, with what mends it; nothing else is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from labgen.catalogue.load import default_catalogue
from labgen.engine import drift as module
from labgen.engine.drift import find_drift
from labgen.engine.drift_model import Drift
from labgen.engine.reload import Loaded
from labgen.errors import LabgenError
from labgen.names import Label
from labgen.plan.build import make_plan
from labgen.plan.model import LabPlan
from labgen.plan.spec import LabSpec
from tests.unit.engine.answering import make_client
from tests.unit.engine.deployed import Deployed
from tests.unit.engine.drifted import PLANTED, K, file, missing, state

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


@pytest.mark.parametrize(("plant", "expected"), [one[1:] for one in PLANTED], ids=[one[0] for one in PLANTED])
def test_one_thing_is_one_drift(lab: Deployed, plant: Callable[[Deployed], object], expected: Drift) -> None:
    service = lab.document["services"]["redis-1"]
    facts = {
        "image": service["image"],
        "files": service["labels"][Label.FILES],
        "subnet": lab.document["networks"]["api-redis"]["ipam"]["config"][0]["subnet"],
        "address": service["networks"]["api-redis"]["ipv4_address"],
        "lines": len(lab.rendering.files.get(expected.where, "").splitlines()) + 1,
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
    state("exited", "Exited (0)")(lab)
    for one in lab.networks_of("redis-1").values():
        one["IPAddress"] = ""
    assert [one.kind for one in drifts(lab)] == [K.CONTAINER]


@pytest.mark.parametrize("status", ["Up 1 minute (unhealthy)", "Up 1 second (health: starting)", "Up"])
def test_health_is_no_drift(lab: Deployed, status: str) -> None:
    state("running", status)(lab)
    assert drifts(lab) == []


def test_a_node_that_goes_on_with_older_files(lab: Deployed) -> None:
    there = [one["Id"] for one in lab.world.containers]
    loaded = {f"id-{name}": one.digest for name, one in lab.rendering.reloads.items()}
    Loaded(lab.state).note(loaded, there)
    assert drifts(lab) == []
    Loaded(lab.state).note({"id-ui-1": "another"}, there)
    (found,) = drifts(lab)
    assert (found.kind, found.where, found.repair) == (
        K.CONFIGURATION,
        "ui-1",
        "`labgen up` lets it load them",
    )


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
        if plant is not missing:
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
    file("nodes/redis-1/node.json", "x" * 500)(lab)
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
