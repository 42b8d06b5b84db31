"""What the Docker client is asked to do in a node's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgen.engine.attach import run_in, show_logs
from labgen.engine.observe import NodeStatus, observe
from labgen.errors import LabgenError
from tests.unit.engine.world import World, container


@pytest.fixture(autouse=True)
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client that notes its arguments, a line each, and ends with code 7."""
    folder = tmp_path / "bin"
    folder.mkdir()
    client = folder / "docker"
    client.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >"$0.called"\nexit 7\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder / "docker.called"


def node(world: World, state: str = "running", status: str = "Up 1 minute (healthy)") -> NodeStatus:
    world.containers = [container("lab", "api-1", state, status)]
    return observe(world.engine, "lab")["api-1"]


def test_a_program_runs_as_the_servers_user_and_its_code_is_ours(world: World, docker: Path) -> None:
    assert run_in(world.engine, node(world), ["sh", "-c", "echo 'a b'"], root=False) == 7
    called = docker.read_text().splitlines()
    assert called == [
        *("exec", "--interactive", "--user", "900:900", "--env", "HOME=/tmp", "id-api-1"),
        *("sh", "-c", "echo 'a b'"),
    ]


def test_as_root_when_asked_for(world: World, docker: Path) -> None:
    run_in(world.engine, node(world), ["id"], root=True)
    assert docker.read_text().splitlines() == ["exec", "--interactive", "id-api-1", "id"]


def test_a_node_that_is_not_healthy_can_be_looked_into(world: World, docker: Path) -> None:
    assert run_in(world.engine, node(world, status="Up 1 minute (unhealthy)"), ["id"], root=True) == 7
    assert docker.exists()


@pytest.mark.parametrize(("state", "said"), [("exited", "stopped"), ("created", "created"), ("paused",) * 2])
def test_a_node_that_does_not_run(world: World, docker: Path, state: str, said: str) -> None:
    with pytest.raises(LabgenError) as caught:
        run_in(world.engine, node(world, state, ""), ["id"], root=False)
    assert caught.value.exit_code == 1
    assert caught.value.message == f"node 'api-1' does not run: it is {said}"
    assert caught.value.hint == "`labgen start` starts it."
    assert not docker.exists()


def test_logs_of_nodes(world: World, docker: Path) -> None:
    assert show_logs(world.engine, [node(world)], follow=True, tail=5, timestamps=True) == 7
    assert docker.read_text().splitlines() == [
        *("compose", "--project-name", "labgen-lab", "logs"),
        *("--tail=5", "--follow", "--timestamps", "--no-color", "api-1"),
    ]


def test_logs_of_no_node(world: World, docker: Path) -> None:
    assert show_logs(world.engine, [], follow=False, tail=5, timestamps=False) == 0
    assert not docker.exists()
