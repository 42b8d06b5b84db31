"""The proof shares no code with what it proves: nothing it imports makes a plan or renders one."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import labgen

PACKAGE = Path(labgen.__file__).parent
PROOF = PACKAGE / "verify" / "proof"
#: What decides or writes who may reach whom.
FORBIDDEN = (
    *("labgen.render", "labgen.plan.rules", "labgen.plan.build", "labgen.plan.addresses"),
    *("labgen.plan.model", "labgen.engine", "labgen.cli"),
)


def imported(path: Path) -> Iterator[str]:
    """Yield the names of all modules that a file imports, also inside functions and for types alone."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield str(node.module)
            yield from (f"{node.module}.{one.name}" for one in node.names)


def everything(starts: list[Path]) -> dict[str, str]:
    """Return every module of labgen that `starts` import, over any number of others, with who imports it."""
    found: dict[str, str] = {}
    left = list(starts)
    while left:
        path = left.pop()
        for name in imported(path):
            if name.split(".")[0] != "labgen" or name in found:
                continue
            file = PACKAGE.joinpath(*name.split(".")[1:])
            source = next(
                (one for one in (file.with_suffix(".py"), file / "__init__.py") if one.is_file()), None
            )
            if source:
                found[name] = path.relative_to(PACKAGE).as_posix()
                left.append(source)
    return found


def test_the_proof_imports_nothing_of_plan_and_render() -> None:
    files = sorted(PROOF.glob("*.py"))
    assert len(files) > 10
    found = everything(files)
    assert "labgen.catalogue.model" in found, "the walk sees imports for types"
    assert {name: by for name, by in found.items() if name.startswith(FORBIDDEN)} == {}


def test_the_walk_sees_what_is_forbidden() -> None:
    """It would find the import, if there were one: the command's module has them, inside a function."""
    found = everything([PACKAGE / "cli" / "proving.py"])
    assert found["labgen.plan.build"] == "cli/proving.py"
    assert found["labgen.plan.rules"] == "render/firewall.py"


def test_every_module_of_the_proof_can_be_found() -> None:
    for path in PROOF.glob("*.py"):
        name = "labgen.verify.proof" + ("" if path.stem == "__init__" else f".{path.stem}")
        assert importlib.util.find_spec(name), name
