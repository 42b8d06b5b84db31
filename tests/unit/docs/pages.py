"""The pages of the documentation: their text, their fenced blocks, and the sessions that these show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Fence", "Step", "fences", "matches", "pages", "steps"]

ROOT = Path(__file__).resolve().parents[3]
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: `info` is what stands behind the backticks, `line` where it begins."""

    page: str
    line: int
    info: str
    text: str

    @property
    def id(self) -> str:
        """`README.md:12`."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a session, and what the page says that it prints."""

    command: str
    expected: str


def pages() -> dict[str, str]:
    """Return the text of every page by its path."""
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in found}


def fences(info: str | None = None) -> list[Fence]:
    """Return the fenced blocks of all pages, or those that are marked `info`."""
    return [
        Fence(page, text.count("\n", 0, found.start()) + 1, found["info"].strip(), found["text"])
        for page, text in pages().items()
        for found in _FENCE.finditer(text)
        if info is None or found["info"].strip() == info
    ]


def steps(fence: Fence) -> list[Step]:
    """Return the commands of a session (`$ …`, continued with a backslash) with their output."""
    found: list[tuple[str, list[str]]] = []
    continued = False
    for line in fence.text.splitlines():
        if continued:
            found[-1] = (found[-1][0] + "\n" + line, [])
        elif line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line)
        continued = line.endswith("\\") and (continued or line.startswith("$ "))
    return [Step(command, "\n".join(output)) for command, output in found]


def matches(expected: str, printed: str) -> bool:
    """Whether `printed` is what a page shows.

    `...` stands for anything within a line, and on a line of its own for any lines. The width of columns
    depends on what is in them, so blanks count only as such.
    """
    pattern = ""
    for line in _squeezed(expected):
        if line == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part.strip()) for part in line.split("...")) + r"\n"
    text = "".join(f"{line}\n" for line in _squeezed(printed))
    return re.fullmatch(pattern, text) is not None


def _squeezed(text: str) -> list[str]:
    lines = [" ".join(line.split()) for line in text.strip("\n").splitlines()]
    return [line for line in lines if line]
