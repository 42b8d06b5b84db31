"""The command line, described from the program itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any

import typer

from labgen.cli.main import app

__all__ = ["commands", "options", "reference", "summary"]


@cache
def commands() -> dict[str, Any]:
    """Return every command by its name (`images build`), in the order in which the program lists them."""
    found: dict[str, Any] = {}

    def walk(group: Any, path: tuple[str, ...]) -> None:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                walk(command, (*path, name))
            else:
                found[" ".join((*path, name))] = command

    walk(typer.main.get_command(app), ())
    return found


def options(command: Any) -> set[str]:
    """Return every spelling of every option of `command`."""
    return {"--help", "-h"}.union(*({*one.opts, *one.secondary_opts} for one in _options(command)))


def _options(command: Any) -> list[Any]:
    return [one for one in command.params if one.opts[0].startswith("-")]


def _paragraphs(command: Any) -> list[str]:
    return [" ".join(part.split()) for part in inspect.cleandoc(command.help).split("\n\n")]


def summary(command: Any) -> str:
    """Return the sentence that `labgen --help` has for `command`."""
    return _paragraphs(command)[0]


def reference(name: str, table: Callable[[list[str], list[list[str]]], str]) -> str:
    """Return usage, text and options of the command `name` as Markdown."""
    command = commands()[name]
    arguments = [one for one in command.params if one not in _options(command)]
    usage = " ".join([f"labgen {name}", "[OPTIONS]", *map(_argument, arguments)])
    rows = [[f"`{_argument(one)}`", "", "", one.help] for one in arguments]
    rows += [_option_row(name, one) for one in _options(command)]
    text = "\n\n".join(_paragraphs(command)) + "\n\n"
    if not rows:
        return f"{text}`{usage}`\n"
    return text + table([f"`{usage}`", "environment", "default", "meaning"], rows)


def _argument(one: Any) -> str:
    if one.metavar:
        return str(one.metavar)
    return f"{one.name.upper()}{'...' if one.nargs == -1 else ''}"


def _option_row(command: str, one: Any) -> list[str]:
    prefix = command.upper().replace(" ", "_")
    twin = one.envvar or f"LABGEN_{prefix}_{one.name.upper()}"
    bounds = f" From {one.min} to {one.max}." if one.max is not None else ""
    if one.min is not None and one.max is None:
        bounds = f" At least {one.min}."
    return [_spelling(one), f"`{twin}`", _default(one), f"{one.help}{bounds}"]


def _spelling(one: Any) -> str:
    value = "" if one.is_flag else f" {one.metavar or _kind(one.type_descriptor.annotation)}"
    names = ", ".join(f"`{name}{value}`" for name in one.opts)
    return names + "".join(f", `{name}`" for name in one.secondary_opts)


def _kind(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(one.value) for one in annotation)
    return {int: "NUMBER", float: "SECONDS", str: "TEXT"}.get(annotation, str(annotation.__name__).upper())


def _default(one: Any) -> str:
    if one.default is None or one.default is False:
        return "required" if one.required else ""
    if one.default is True:
        return f"`{one.opts[0]}`"
    return f"`{one.default.value if isinstance(one.default, Enum) else one.default}`"
