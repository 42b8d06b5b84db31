"""Measures a running lab: looks around in every network namespace at once, then asks all that follows."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Final

from labgen.catalogue.load import default_catalogue
from labgen.verify.expect import HOST, Expected, expected_dialogues, published_dialogues
from labgen.verify.look import read_look
from labgen.verify.measurement import Answers, Measurement
from labgen.verify.questions import Questions, Wanted
from labgen.verify.session import Probe, ProbeBroke
from labgen.verify.table import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from labgen.engine.client import Engine
    from labgen.plan.model import LabPlan

__all__ = ["Subject", "measure"]

_PARALLEL: Final = 24
#: What a busy machine alone can come to. That nobody listens, or no way leads there, is known at once.
_DOUBTFUL: Final = frozenset(
    {Outcome.TIMEOUT, Outcome.SILENT, Outcome.GARBLED, Outcome.UNRESOLVED, Outcome.FAILED}
)
_PATIENCE: Final = 1.0  # seconds for one connection attempt; on one machine an answer takes microseconds


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured.

    `networks` maps each running node to the container whose network it is in, `programs` to the program of
    a probe in that container, where it has one, `stopped` every other node to what the engine says of it.
    `secrets` holds passwords and the CA (`ca`), `cuts` the ordered pairs without a wire, `enforced` who
    applies each node's rules, `other_labs` addresses of their nodes. `seconds` bounds each probe.
    """

    plan: LabPlan
    probe_image: str
    networks: Mapping[str, str]
    programs: Mapping[str, str] = field(default_factory=dict)
    stopped: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    cuts: frozenset[tuple[str, str]] = frozenset()
    enforced: Mapping[str, str] = field(default_factory=dict)
    other_labs: tuple[str, ...] = ()
    wanted: Wanted = field(default_factory=Wanted)
    seconds: int = 60


def measure(engine: Engine, subject: Subject) -> tuple[Questions, Measurement]:
    """Return what was asked and what came of it. A probe that breaks is part of it."""
    started = time.monotonic()
    run = _Run(engine, subject)
    with ExitStack() as stack, ThreadPoolExecutor(_PARALLEL) as pool:
        # The host first: what it does while the others look takes longest.
        participants = [HOST, *(one for one in subject.networks if run.involved(one))]
        list(pool.map(lambda one: run.begin(stack, one), participants))
        questions = Questions(
            subject.plan,
            {name: one.look for name, one in run.answers.items() if one.look is not None},
            subject.other_labs,
            run.canaries,
            subject.wanted,
        )
        list(pool.map(lambda one: run.ask(questions, one), participants))
        run.fetch_again()
        list(pool.map(run.ask_again, participants))
    seconds = time.monotonic() - started
    return questions, Measurement(run.answers, subject.stopped, run.canaries, seconds)


class _Run:
    """One measurement while it goes on. Each participant is touched by one thread at a time."""

    def __init__(self, engine: Engine, subject: Subject) -> None:
        self._engine, self._subject = engine, subject
        self._probes: dict[str, Probe] = {}
        self._tokens: dict[str, dict[str, str]] = {}  # by dialogue, then by name
        self.answers: dict[str, Answers] = {}
        self.canaries: dict[str, int] = {}
        self._dialogues: dict[str, list[Expected]] = {}
        self._vrrp: set[str] = set()
        for one in (*expected_dialogues(subject.plan), *published_dialogues(subject.plan)):
            if one.connection.transport == "vrrp":
                self._vrrp |= {one.source, one.destination}
            if subject.wanted(one.source, one.destination):
                self._dialogues.setdefault(one.source, []).append(one)

    def involved(self, name: str) -> bool:
        """Whether any pair with `name` is asked."""
        wanted = self._subject.wanted
        others = (*self._subject.plan.node_by_name, HOST)
        return any(wanted(name, one) or wanted(one, name) for one in others)

    def begin(self, stack: ExitStack, name: str) -> None:
        """Start the probe of `name` and let it look around."""
        subject = self._subject
        answers = self.answers[name] = Answers()
        network = subject.networks.get(name, "host")
        probe = Probe(
            self._engine,
            subject.plan.name,
            subject.probe_image,
            network,
            seconds=subject.seconds,
            vrrp=name in self._vrrp,
            program=subject.programs.get(name, ""),
        )

        def start() -> None:
            self._probes[name] = stack.enter_context(probe)
            answers.look = read_look(probe.ask({"op": "look"}))
            if name == HOST:
                self._listen(probe, answers)
                self._fetch(probe, (one for spoken in self._dialogues.values() for one in spoken))

        self._guarded(answers, start)

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
            for one in spoken:
                if one.needs(name):
                    body = probe.ask(request).get("body")
                    # Without one the dialogue that needs it says what is wrong, and where.
                    found = str(body.get(token.answer, "")) if isinstance(body, dict) else "none"
                    self._tokens.setdefault(one.id, {})[name] = found

    def ask(self, questions: Questions, name: str) -> None:
        """Ask the probe of `name` all its questions."""
        answers, probe = self.answers[name], self._probes.get(name)
        answers.targets = questions.targets(name)
        if probe is None or answers.broke:
            return
        self._guarded(answers, lambda: self._sweep(probe, answers))
        self._guarded(answers, lambda: self._names(probe, answers, questions.names(name)))
        self._guarded(answers, lambda: self._speak(probe, answers, self._dialogues.get(name, ())))
        self._guarded(answers, lambda: self._look_again(probe, answers))

    def ask_again(self, name: str) -> None:
        """Ask once more what came to nothing, now that the others are silent: they may have been too loud.

        What was refused, or cut, stays as it was; so does the rest when the probe breaks meanwhile.
        """
        answers, probe = self.answers[name], self._probes.get(name)
        if probe is None or answers.broke:
            return
        names = [one for one, found in answers.names.items() if found.get("fault")]
        dialogues = self._doubtful(name)
        second = Answers()
        self._guarded(second, lambda: self._names(probe, second, names))
        self._guarded(second, lambda: self._speak(probe, second, dialogues, again=True))
        answers.names |= second.names
        answers.dialogues |= second.dialogues

    def fetch_again(self) -> None:
        """Fetch new tokens for what is asked again: the first may be used up."""
        probe = self._probes.get(HOST)
        if probe is not None and not self.answers[HOST].broke:
            doubtful = [one for name in self.answers for one in self._doubtful(name)]
            self._guarded(Answers(), lambda: self._fetch(probe, doubtful))

    def _doubtful(self, name: str) -> list[Expected]:
        """Return the dialogues of `name` that may have come to nothing only because others were loud."""
        found, cuts, stopped = self.answers[name].dialogues, self._subject.cuts, self._subject.stopped
        return [
            one
            for one in self._dialogues.get(name, ())
            if str(found.get(one.id, {}).get("outcome")) in _DOUBTFUL
            and (one.source, one.destination) not in cuts
            and one.destination not in stopped
        ]

    @staticmethod
    def _look_again(probe: Probe, answers: Answers) -> None:
        """Keep who listens still: a client that waits for an answer by UDP looks like a server meanwhile."""
        if answers.look is not None and answers.look.listeners:
            still = set(read_look(probe.ask({"op": "look"})).listeners)
            kept = tuple(one for one in answers.look.listeners if one in still)
            answers.look = replace(answers.look, listeners=kept)

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
        secrets, cuts = self._subject.secrets, self._subject.cuts
        checks = [
            one.as_check(
                {**secrets, **self._tokens.get(one.id, {})},
                cut=(one.source, one.destination) in cuts,
                again=again,
            )
            for one in dialogues
        ]
        if checks:
            request = {"op": "speak", "secrets": dict(self._subject.secrets), "checks": checks}
            answers.dialogues = {str(one["id"]): one for one in probe.ask(request)["results"]}

    @staticmethod
    def _guarded(answers: Answers, act: Callable[[], Any]) -> None:
        """Do `act`; when the probe breaks, or says what is no answer, note it."""
        if answers.broke:
            return
        try:
            act()
        except ProbeBroke as error:
            answers.broke = str(error)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            answers.broke = f"the probe's answer is not readable: {type(error).__name__} {error}"
