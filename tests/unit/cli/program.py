"""Runs labgen in this process, or as a process of its own, and holds what came out."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labgen.catalogue.load import default_catalogue
from labgen.cli.main import main
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from tests.unit.engine.world import World, run_lab

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan

__all__ = ["Program", "Ran", "as_process"]

#: The program as it is installed beside the Python that runs the tests.
LABGEN = Path(sys.executable).with_name("labgen")


@dataclass(frozen=True)
class Ran:
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed, as data."""
        return json.loads(self.out)

    def refused(self, code: int, *lines: str) -> None:
        """Assert that it ended with `code` and said exactly `lines`, and nothing on stdout."""
        assert (self.code, self.out) == (code, "")
        assert self.err.splitlines() == list(lines)


@dataclass(frozen=True)
class Program:
    """`labgen`, on an engine that is not there."""

    world: World
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, **environment: str) -> Ran:
        """Run labgen with `arguments` and `environment` on top of what there is."""
        self.capsys.readouterr()
        with self.monkeypatch.context() as context:
            context.setattr(sys, "argv", ["labgen", *arguments])
            for name, value in environment.items():
                context.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = self.capsys.readouterr()
        code = ended.value.code
        assert "Traceback" not in err
        return Ran(code if isinstance(code, int) else int(code is not None), out, err)

    def file(self, text: str, name: str = "lab.yaml") -> str:
        """Write a file; return its path."""
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def runs(self, name: str = "small", **spec: Any) -> LabPlan:
        """Let a lab run."""
        plan = make_plan(default_catalogue(), LabSpec.model_validate(spec), name)
        run_lab(self.world, plan)
        return plan


def as_process(*arguments: str, **environment: str) -> Ran:
    """Run labgen as a process with nothing but `environment`."""
    done = subprocess.run(
        [LABGEN, *arguments],
        capture_output=True,
        text=True,
        env={"COLUMNS": "200", **environment},
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)
