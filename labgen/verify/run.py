"""Measures a running lab: looks around in every network namespace at once, then asks all that follows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from labgen.catalogue.load import default_catalogue
from labgen.verify.expect import HOST, Expected, expected_dialogues, is_cut, published_dialogues
from labgen.verify.leaders import leader_of
from labgen.verify.looks import guarded
from labgen.verify.measurement import Answers, Measurement
from labgen.verify.questions import Questions, Wanted
from labgen.verify.table import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labgen.plan.model import LabPlan
    from labgen.verify.looks import Looks
    from labgen.verify.session import Probe

__all__ = ["Subject", "measure"]

#: What a busy machine alone can come to. That nobody listens, or no way leads there, is known at once.
_DOUBTFUL: Final = frozenset(
    {Outcome.TIMEOUT, Outcome.SILENT, Outcome.GARBLED, Outcome.UNRESOLVED, Outcome.FAILED}
)
#: Stands for a token that could not be had: the dialogue that needs it says what is wrong, and where.
_NO_TOKEN: Final = "none"  # noqa: S105 - no secret
_PATIENCE: Final = 1.0  # seconds for one connection attempt; on one machine an answer takes microseconds


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured.

    `stopped` maps the nodes that no probe can be sent to, to what the engine says of each. `secrets` holds
    passwords and the CA (`ca`), `cuts` the ordered pairs without a wire, `other_labs` other labs' addresses.
    """

    plan: LabPlan
    stopped: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    cuts: frozenset[tuple[str, str]] = frozenset()
    other_labs: tuple[str, ...] = ()
    wanted: Wanted = field(default_factory=Wanted)


def measure(subject: Subject, looks: Looks) -> tuple[Questions, Measurement]:
    """Return what was asked and what came of it. A probe that breaks is part of it.

    `looks` may have begun with some nodes; the others begin now. Time counts from when it was made.
    """
    run = _Run(subject, looks)
    # The host first: what it does while the others look takes longest.
    there = [one for one in subject.plan.node_by_name if one not in subject.stopped]
    participants = [HOST, *(one for one in there if run.involved(one))]
    looks.begin(participants, run.vrrp)
    list(looks.pool.map(run.begin, participants))
    questions = Questions(
        subject.plan,
        {name: one.look for name, one in run.answers.items() if one.look is not None},
        subject.other_labs,
        run.canaries,
        subject.wanted,
    )
    list(looks.pool.map(lambda one: run.ask(questions, one), participants))
    run.find_doubtful()
    run.fetch_again()
    list(looks.pool.map(run.ask_again, participants))
    seconds = time.monotonic() - looks.since
    return questions, Measurement(run.answers, subject.stopped, run.canaries, seconds)


class _Run:
    """One measurement while it goes on. Each participant is touched by one thread at a time."""

    def __init__(self, subject: Subject, looks: Looks) -> None:
        self._subject, self._looks = subject, looks
        self._tokens: dict[str, dict[str, str]] = {}  # by dialogue, then by name
        self.answers: dict[str, Answers] = {}
        self.canaries: dict[str, int] = {}
        self._dialogues: dict[str, list[Expected]] = {}
        self._doubtful: dict[str, list[Expected]] = {}
        self.vrrp: set[str] = set()
        for one in (*expected_dialogues(subject.plan), *published_dialogues(subject.plan)):
            if one.connection.transport == "vrrp":
                self.vrrp |= {one.source, one.destination}
            if subject.wanted(one.source, one.destination):
                self._dialogues.setdefault(one.source, []).append(one)

    def involved(self, name: str) -> bool:
        """Whether any pair with `name` is asked."""
        wanted = self._subject.wanted
        others = (*self._subject.plan.node_by_name, HOST)
        return any(wanted(name, one) or wanted(one, name) for one in others)

    def begin(self, name: str) -> None:
        """Wait until the probe of `name` has looked around; what the host has to do first, it does then."""
        answers = self.answers[name] = self._looks.answers(name)
        if name == HOST:
            probe = self._looks.probes.get(name)
            if probe is not None:
                guarded(answers, lambda: self._listen(probe, answers))
                spoken = [one for each in self._dialogues.values() for one in each]
                guarded(answers, lambda: self._fetch(probe, spoken))

    def _listen(self, probe: Probe, answers: Answers) -> None:
        """Wait on this machine's own address in the lab: whoever gets there has found a way out."""
        own = [
            one
            for one in (answers.look.addresses if answers.look else ())
            if IPv4Address(one) in self._subject.plan.public_subnet
        ]
        if own:
            self.canaries.update(probe.ask({"op": "listen", "addresses": own})["ports"])

    def _fetch(self, probe: Probe, dialogues: Iterable[Expected]) -> None:
        """Ask the platform for the tokens that some dialogues need: each opens one console, once."""
        plan, secrets = self._subject.plan, self._subject.secrets
        published = {one.name: one for one in plan.published}
        spoken = list(dialogues)
        for name, token in default_catalogue().tokens.items():
            first = next((node for node in plan.nodes if node.role == token.role), None)
            if first is None or token.publish not in published or token.secret not in secrets:
                continue
            request = {
                "op": "fetch",
                "secrets": {"ca": secrets.get("ca", "")},
                "url": f"https://{published[token.publish].address}{token.path}",
                "user": token.user,
                "password": secrets[token.secret],
                "json": {"host": first.name, "port": token.port},
                "seconds": 5,
            }
            found = ""
            for one in (one for one in spoken if one.needs(name)):
                # Where one is not to be had, the next would be waited for as long, in vain.
                if found != _NO_TOKEN:
                    body = probe.ask(request).get("body")
                    found = str(body.get(token.answer, "")) if isinstance(body, dict) else _NO_TOKEN
                self._tokens.setdefault(one.id, {})[name] = found

    def ask(self, questions: Questions, name: str) -> None:
        """Ask the probe of `name` all its questions."""
        answers, probe = self.answers[name], self._looks.probes.get(name)
        answers.targets = questions.targets(name)
        if probe is None or answers.broke:
            return
        guarded(answers, lambda: self._sweep(probe, answers))
        guarded(answers, lambda: self._names(probe, answers, questions.names(name)))
        guarded(answers, lambda: self._speak(probe, answers, self._dialogues.get(name, ())))
        self._looks.look_again(self._subject.plan, name)

    def ask_again(self, name: str) -> None:
        """Ask once more what came to nothing, now that the others are silent: they may have been too loud.

        What was refused, or cut, stays as it was; so does the rest when the probe breaks meanwhile.
        """
        answers, probe = self.answers[name], self._looks.probes.get(name)
        if probe is None or answers.broke:
            return
        names = [one for one, found in answers.names.items() if found.get("fault")]
        dialogues = self._doubtful[name]
        second = Answers()
        guarded(second, lambda: self._names(probe, second, names))
        guarded(second, lambda: self._speak(probe, second, dialogues, again=True))
        answers.names |= second.names
        answers.dialogues |= second.dialogues

    def fetch_again(self) -> None:
        """Fetch new tokens for what is asked again: the first may be used up."""
        probe = self._looks.probes.get(HOST)
        if probe is not None and not self.answers[HOST].broke:
            doubtful = [one for each in self._doubtful.values() for one in each]
            guarded(Answers(), lambda: self._fetch(probe, doubtful))

    def find_doubtful(self) -> None:
        """Take note of the dialogues, by source, that may have come to nothing only because others were loud.

        So may those of a row without a leader: its members may have been choosing one. All of such a row are
        asked again, those who reached somebody as well: what they say counts together.
        """
        rows: dict[str, list[Expected]] = {}
        for one in (one for each in self._dialogues.values() for one in each):
            if one.connection.leader:
                rows.setdefault(one.connection.id, []).append(one)
        leaderless = {row for row, ones in rows.items() if not leader_of(ones, self._outcome)}
        stopped = self._subject.stopped
        self._doubtful = {
            name: [
                one
                for one in self._dialogues.get(name, ())
                if (self._outcome(one) in _DOUBTFUL or one.connection.id in leaderless)
                and not self._is_cut(one)
                and one.destination not in stopped
            ]
            for name in self.answers
        }

    def _outcome(self, one: Expected) -> str:
        answers = self.answers.get(one.source)
        return str(answers.dialogues.get(one.id, {}).get("outcome")) if answers is not None else ""

    def _is_cut(self, one: Expected) -> bool:
        if not self._subject.cuts:
            return False
        looks = {name: found.look for name, found in self.answers.items() if found.look is not None}
        return is_cut(self._subject.plan, looks, self._subject.cuts, one)

    def _sweep(self, probe: Probe, answers: Answers) -> None:
        asked = {index: one for index, one in enumerate(answers.targets) if one.sent}
        results = probe.ask(
            {
                "op": "sweep",
                "seconds": _PATIENCE,
                "targets": [one.as_request() for one in asked.values()],
            }
        )["results"]
        answers.sweep = dict(zip(asked, map(dict, results), strict=True))

    def _names(self, probe: Probe, answers: Answers, names: Iterable[str]) -> None:
        asked = list(names)
        if asked:
            found = probe.ask({"op": "names", "names": asked})["results"]
            unasked = {"fault": "it was not answered"}
            answers.names = {name: dict(found.get(name) or unasked) for name in asked}

    def _speak(
        self, probe: Probe, answers: Answers, dialogues: Iterable[Expected], *, again: bool = False
    ) -> None:
        secrets = self._subject.secrets
        checks = [
            one.as_check(
                {**secrets, **self._tokens.get(one.id, {})},
                cut=self._is_cut(one),
                again=again,
            )
            for one in dialogues
        ]
        if checks:
            request = {"op": "speak", "secrets": dict(self._subject.secrets), "checks": checks}
            answers.dialogues = {str(one["id"]): one for one in probe.ask(request)["results"]}
