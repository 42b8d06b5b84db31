"""The bare Debian below all images: a registry's where one is reachable, else made from packages."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import requests
from docker.errors import APIError, ImageNotFound

from labgen.engine.events import Emit, Event, Subject
from labgen.errors import LabgenError
from labgen.images import suite_tag

if TYPE_CHECKING:
    from labgen.engine.client import Engine

__all__ = ["ensure_suite"]

_BOOTSTRAP_SECONDS: Final = 900


def ensure_suite(engine: Engine, suite: str, emit: Emit) -> None:
    """Make sure that the engine has a bare Debian of `suite`.

    Raises LabgenError when no registry answers and it cannot be bootstrapped from packages either.
    """
    tag = suite_tag(suite)
    try:
        engine.sdk.images.get(tag)
    except ImageNotFound:
        pass
    else:
        return
    name = f"debian:{suite}"
    emit(Event(Subject.IMAGE, name, "pulling"))
    refusal = _pull(engine, suite, tag)
    if refusal:
        emit(Event(Subject.IMAGE, name, "bootstrapping", "no registry: from Debian's packages"))
        _bootstrap(suite, tag, refusal)
    emit(Event(Subject.IMAGE, name, "ready"))


def _pull(engine: Engine, suite: str, tag: str) -> str:
    """Pull the suite's slim image; return why not, or an empty string."""
    try:
        image = engine.sdk.images.pull("debian", tag=f"{suite}-slim")
        image.tag(*tag.split(":"))
    except (APIError, ImageNotFound, requests.RequestException) as error:
        return str(getattr(error, "explanation", None) or error)
    return ""


def _bootstrap(suite: str, tag: str, refusal: str) -> None:
    if shutil.which("mmdebstrap") is None:
        raise LabgenError(
            f"there is no Debian {suite} to build upon: no registry has it ({refusal}), "
            "and mmdebstrap, which makes one from packages, is not installed",
            f"`make setup` installs it on Debian and Ubuntu; or load an image and tag it {tag}.",
        )
    make = ["mmdebstrap", "--variant=minbase", "--include=ca-certificates", "--format=tar", suite, "-"]
    with subprocess.Popen(make, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as maker:
        taker = subprocess.run(
            ["docker", "import", "-", tag],
            stdin=maker.stdout,
            capture_output=True,
            text=True,
            timeout=_BOOTSTRAP_SECONDS,
            check=False,
        )
        complaint = maker.stderr.read().decode("utf-8", "replace") if maker.stderr else ""
    if maker.returncode or taker.returncode:
        lines = (complaint if maker.returncode else taker.stderr).strip().splitlines()
        if not taker.returncode:  # half an archive was imported
            subprocess.run(["docker", "rmi", tag], capture_output=True, check=False)
        raise LabgenError(
            f"Debian {suite} could not be made from packages:\n" + "\n".join(lines[-8:]),
            "Does `apt-get update` work on this machine? The same package source is used.",
        )
