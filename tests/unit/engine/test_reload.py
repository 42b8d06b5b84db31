"""Nodes that run take over files that changed, once; who cannot is told with the node's own words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from labgen.engine.observe import observe
from labgen.engine.reload import Loaded, outdated, stays
from labgen.engine.state import lab_state
from labgen.engine.up import up
from labgen.errors import LabgenError
from labgen.names import Label
from tests.unit.engine.test_up import SPEC, changed, machine, ready, start
from tests.unit.engine.world import Heard, container, refusal
from tests.unit.render.tiny import compose_of, plan_of, rendered

if TYPE_CHECKING:
    from pathlib import Path

    from labgen.render.lab import Rendering
    from tests.unit.engine.world import World

__all__ = ["machine", "ready"]  # fixtures

LIVE = "reload: [reload, it]\nfiles: {a.conf.j2: /etc/labgen/a.conf, b.conf: /etc/b.conf}\n"
LOOK = "{{ neighbours() | length }}\n"


def live(folder: Path, databases: int = 1, text: str = LOOK, other: str = "b", **spec: Any) -> Rendering:
    plan = plan_of(counts={"database": databases}, **spec)
    return rendered(folder, plan, web=LIVE, a__conf__j2=text, b__conf=other)


def files_of(rendering: Rendering) -> str:
    return str(compose_of(rendering)["services"]["web-1"]["labels"][Label.FILES])


def test_live_files_make_no_container_anew(tmp_path: Path) -> None:
    one, two = live(tmp_path / "1"), live(tmp_path / "2", databases=2)
    assert files_of(one) == files_of(two) == one.made_from["web-1"]
    assert one.reloads["web-1"].command == ("reload", "it")
    assert one.reloads["web-1"].digest != two.reloads["web-1"].digest
    assert "dc1-db-1" not in one.reloads


def test_all_others_do(tmp_path: Path) -> None:
    one = live(tmp_path / "1")
    assert files_of(live(tmp_path / "2", other="c")) != files_of(one)
    assert files_of(live(tmp_path / "3", firewall=False)) != files_of(one)


def test_a_foreign_image_has_no_such_program(tmp_path: Path) -> None:
    one = live(tmp_path / "1", images={"web": "vendor/web:1"})
    assert one.reloads == {}
    assert files_of(one) != files_of(live(tmp_path / "2", databases=2, images={"web": "vendor/web:1"}))


@pytest.mark.parametrize("name", ["node.json", "cuts/mine", "ca.crt"])
def test_what_labgen_makes_is_no_templates(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabgenError, match=rf"/etc/labgen/{name} is made by labgen for every node"):
        rendered(tmp_path, web=f"files: {{x: /etc/labgen/{name}}}\n", x="")


def test_who_started_after_the_files_were_written_is_not_asked(ready: World) -> None:
    up(ready.engine, "lab", SPEC, timeout=5)
    ready.calls.clear()
    up(ready.engine, "lab", SPEC, timeout=5)
    assert [call for call in ready.calls if call[0] == "exec"] == []


def test_who_ran_before_is_asked_once(ready: World) -> None:
    up(ready.engine, "lab", SPEC, timeout=5)
    ready.calls.clear()
    heard = Heard()
    for _ in range(2):
        up(ready.engine, "lab", changed(bind="127.0.0.1", ports={"https": 9443}), timeout=5, emit=heard)
    assert [call for call in ready.calls if call[0] == "exec"] == [
        ("exec", "id-frontend-1", "timeout", "40", "labgen-reload")
    ]
    assert heard.lines.count("frontend-1 reloaded") == 1


@pytest.mark.parametrize("kept", [None, "", "[]", '{"id-frontend-1": "another"}'])
def test_who_is_not_known_is_asked(ready: World, kept: str | None) -> None:
    """An interruption at any moment leaves no record, an old one, or a broken one."""
    up(ready.engine, "lab", SPEC, timeout=5)
    path = lab_state("lab").folder / "loaded.json"
    assert set(json.loads(path.read_text())) >= {"id-frontend-1"}
    if kept is None:
        path.unlink()
    else:
        path.write_text(kept)
    ready.calls.clear()
    up(ready.engine, "lab", SPEC, timeout=5)
    assert ("exec", "id-frontend-1", "timeout", "40", "labgen-reload") in ready.calls
    ready.calls.clear()
    up(ready.engine, "lab", SPEC, timeout=5)
    assert not [call for call in ready.calls if call[0] == "exec"]


def test_a_file_that_somebody_edited_is_loaded_as_it_was(ready: World) -> None:
    up(ready.engine, "lab", SPEC, timeout=5)
    with (lab_state("lab").folder / "nodes/frontend-1/haproxy.cfg").open("a") as file:
        file.write("# by hand\n")
    ready.calls.clear()
    up(ready.engine, "lab", SPEC, timeout=5)
    assert [call[1] for call in ready.calls if call[0] == "exec"] == ["id-frontend-1"]


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((1, b"a warning\nHAProxy: unknown keyword\n"), "HAProxy: unknown keyword"),
        ((1, b""), "exit code 1"),
        ((124, b""), "no answer within 40 s"),
    ],
)
def test_a_refusal_is_told_in_the_nodes_words(ready: World, ends: tuple[int, bytes], words: str) -> None:
    up(ready.engine, "lab", SPEC, timeout=5)
    (lab_state("lab").folder / "loaded.json").unlink()
    ready.said["id-frontend-1"] = ends
    with pytest.raises(LabgenError) as caught:
        up(ready.engine, "lab", SPEC, timeout=5)
    assert caught.value.exit_code == 1
    assert f"  frontend-1: {words}" in caught.value.message.splitlines()
    assert caught.value.hint == (
        "`labgen up lab` tries again; `labgen restart frontend-1 --lab lab` starts the node anew."
    )
    del ready.said["id-frontend-1"]
    up(ready.engine, "lab", SPEC, timeout=5)


def test_a_node_that_cannot_be_entered(ready: World) -> None:
    up(ready.engine, "lab", SPEC, timeout=5)
    (lab_state("lab").folder / "loaded.json").unlink()
    ready.refused["exec", "id-frontend-1", "timeout", "40", "labgen-reload"] = refusal("it is dying")
    with pytest.raises(LabgenError, match="frontend-1: it is dying"):
        up(ready.engine, "lab", SPEC, timeout=5)


def test_nodes_turn_away_from_one_that_goes_before_it_is_gone(ready: World) -> None:
    plan = start(ready, spec=changed(counts={**SPEC.counts, "redis": 2}))
    ready.compose_up = lambda: None
    up(ready.engine, "lab", changed(counts={**SPEC.counts, "redis": 2}), timeout=5)
    for one in ready.containers:
        one["Labels"][Label.FILES] = made_from(one["Labels"][Label.NODE])
    assert "redis-2" in plan.node_by_name
    ready.calls.clear()
    ready.compose_up = lambda: start(ready, spec=changed(counts={**SPEC.counts, "redis": 1}))
    up(ready.engine, "lab", changed(counts={**SPEC.counts, "redis": 1}), timeout=5)
    kinds = [call[0] for call in ready.calls if call[0] in {"exec", "compose up"}]
    assert "exec" in kinds[: kinds.index("compose up")]


def made_from(node: str) -> str:
    import yaml

    document = yaml.safe_load((lab_state("lab").folder / "compose.yaml").read_text())
    return str(document["services"][node]["labels"][Label.FILES])


def test_only_who_runs_and_stays_is_asked(tmp_path: Path, world: World) -> None:
    rendering = live(tmp_path)
    world.containers.append(container("lab", "web-1", state="exited", status="Exited (0)"))
    world.containers.append(container("lab", "x-1"))
    nodes = observe(world.engine, "lab")
    assert outdated(rendering, nodes.values(), Loaded(lab_state("lab"))) == []
    assert not stays(rendering, nodes["web-1"])
