"""The measurement: whatever goes wrong with a probe is the probe's failure, and never passes for blocked."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labgen.catalogue.model import Speak
from labgen.verify import measure as module
from labgen.verify.expect import Expected, expected_dialogues
from labgen.verify.measure import Measured, Outcome, measure

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan

#: Answers each check of a document with what stands in the file `outcome`.
ANSWERING = """\
import json, sys
from pathlib import Path
here = Path(__file__).parent
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
document = json.load(sys.stdin)
with (here / "documents").open("a") as documents:
    documents.write(json.dumps(document) + "\\n")
outcome = (here / "outcome").read_text()
results = [{"id": one["id"], "outcome": outcome, "evidence": "said " + one["host"]}
           for one in document["checks"]]
print(json.dumps({"results": results}))
"""


class Docker:
    """A Docker client that is a script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = folder / "docker"

    def shell(self, script: str) -> None:
        self.client.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
        self.client.chmod(0o755)

    def prints(self, text: str) -> None:
        (self.folder / "answer").write_text(text)
        self.shell(f"cat {self.folder}/answer")

    def answers(self, outcome: str) -> None:
        (self.folder / "outcome").write_text(outcome)
        self.client.write_text(f"#!{sys.executable} -IS\n{ANSWERING}")
        self.client.chmod(0o755)

    def lines(self, name: str) -> list[Any]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return Docker(folder)


@pytest.fixture
def dialogues(small_plan: LabPlan) -> list[Expected]:
    """The dialogues of two source nodes, several each."""
    return [one for one in expected_dialogues(small_plan) if one.source in {"api-1", "dc1-rs-1"}]


def measured(dialogues: list[Expected]) -> list[Measured]:
    return measure("lab", "labgen/probe:1", dialogues, {"mysql_password": "secret"})


def failed(dialogues: list[Expected]) -> str:
    """Measure; every dialogue must have failed for the same reason, which is returned."""
    results = measured(dialogues)
    assert [one.expected for one in results] == dialogues, "one result per dialogue, in order, always"
    assert {one.outcome for one in results} == {Outcome.FAILED}
    (reason,) = {one.evidence for one in results}
    return reason


def test_one_probe_per_source_in_that_nodes_network(docker: Docker, dialogues: list[Expected]) -> None:
    docker.answers("spoken")
    results = measured(dialogues)
    assert [one.expected for one in results] == dialogues
    assert {one.outcome for one in results} == {Outcome.SPOKEN}
    assert [one.evidence for one in results] == [f"said {one.destination}" for one in dialogues]
    calls = docker.lines("calls")
    networks = [call[call.index("--network") + 1] for call in calls]
    assert sorted(networks) == ["container:labgen-lab-api-1", "container:labgen-lab-dc1-rs-1"]
    for call in calls:
        assert call[:2] == ["run", "--rm"]
        assert call[call.index("--cap-drop") + 1] == "ALL"
        assert call[call.index("--user") + 1] == "900:900"
        assert {"--read-only", "no-new-privileges", "--interactive"} <= set(call)
        assert call[call.index("--entrypoint") + 1] == "timeout"
        assert call[-3:] == ["labgen/probe:1", "60", "labgen-probe"]
        assert "secret" not in str(call), "passwords go in by the pipe: arguments are seen by everybody"


def test_what_the_probe_is_told(docker: Docker, dialogues: list[Expected]) -> None:
    docker.answers("open")
    measured(dialogues)
    documents = docker.lines("documents")
    assert sorted(one["id"] for document in documents for one in document["checks"]) == sorted(
        one.id for one in dialogues
    )
    assert all(document["secrets"] == {"mysql_password": "secret"} for document in documents)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_handed_on(docker: Docker, dialogues: list[Expected], outcome: Outcome) -> None:
    docker.answers(outcome.value)
    assert {one.outcome for one in measured(dialogues[:2])} == {outcome}


def test_a_secret_that_is_not_there_is_named(docker: Docker, dialogues: list[Expected]) -> None:
    one = dialogues[0]
    speak = Speak(path="/console?token={console_token}")
    asking = replace(one, connection=one.connection.model_copy(update={"speak": speak}))
    reason = failed([asking])
    assert "console_token" in reason
    assert "answer" not in reason, "the probe was never asked"
    assert not docker.client.exists()


def test_nothing_to_measure(docker: Docker) -> None:
    assert measured([]) == []
    assert not docker.client.exists()


def test_a_probe_that_breaks(docker: Docker, dialogues: list[Expected]) -> None:
    docker.shell("echo no such container >&2; exit 125")
    assert failed(dialogues) == "the probe broke: no such container"


def test_a_probe_that_breaks_without_a_word(docker: Docker, dialogues: list[Expected]) -> None:
    docker.shell("exit 137")
    assert failed(dialogues) == "the probe broke: exit code 137"


def test_of_a_long_complaint_the_end_counts(docker: Docker, dialogues: list[Expected]) -> None:
    docker.shell("printf '%01000d' 0 >&2; echo Refused >&2; exit 1")
    reason = failed(dialogues)
    assert reason.endswith("000Refused")
    assert len(reason) == len("the probe broke: ") + 400


def test_a_probe_that_hangs(
    docker: Docker, dialogues: list[Expected], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.05)
    docker.shell("exec tail -f /dev/null")
    assert failed(dialogues[:1]) == "the probe did not end within 0.05 s"


@pytest.mark.parametrize(
    "text",
    [
        *("", "no JSON", "[]", "7", "null", "{}", '{"results": 7}', '{"results": [7]}', '{"results": [{}]}'),
        '{"results": {"a": 1}}',
        '{"results": null}',
    ],
)
def test_an_answer_that_cannot_be_read(docker: Docker, dialogues: list[Expected], text: str) -> None:
    docker.prints(text)
    assert failed(dialogues).startswith("the probe's answer is not readable: ")


@pytest.mark.parametrize("result", [{"outcome": "blocked"}, {"outcome": None}, {}, {"evidence": "x"}])
def test_a_result_that_cannot_be_read(
    docker: Docker, dialogues: list[Expected], result: dict[str, Any]
) -> None:
    one = dialogues[0]
    docker.prints(json.dumps({"results": [{"id": one.id, **result}]}))
    (measured_one,) = measured([one])
    assert measured_one.outcome is Outcome.FAILED
    assert "readable" in measured_one.evidence


def test_a_dialogue_that_the_probe_is_silent_about(docker: Docker, dialogues: list[Expected]) -> None:
    first = dialogues[0]
    docker.prints(json.dumps({"results": [{"id": first.id, "outcome": "spoken"}]}))
    results = measured([one for one in dialogues if one.source == first.source])
    assert results[0] == Measured(first, Outcome.SPOKEN, "")
    assert {(one.outcome, one.evidence) for one in results[1:]} == {
        (Outcome.FAILED, "the probe did not answer for it")
    }


def test_no_docker_client(docker: Docker, dialogues: list[Expected], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(docker.folder))
    assert failed(dialogues).startswith("the probe broke: ")


def test_output_that_is_no_text(docker: Docker, dialogues: list[Expected]) -> None:
    docker.shell("printf '\\377\\376'")
    assert "readable" in failed(dialogues)


def test_several_sources_at_once_but_not_all(
    dialogues: list[Expected], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(2)

    def probe(*arguments: Any) -> list[Measured]:
        together.wait(20)  # breaks if one only begins after the other
        return [Measured(one, Outcome.OPEN, "") for one in arguments[3]]

    monkeypatch.setattr(module, "_probe", probe)
    assert [one.expected for one in measured(dialogues)] == dialogues
