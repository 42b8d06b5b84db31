"""Probes: one per network namespace, asked line by line.

A probe is started in its node, from the volume that has its program (labgen.verify.inside). Where that is not
to be had (a foreign image, this machine's own network), it has a container of its own that shares its node's
network and nothing else, and that the engine removes when it ends.

It starts as root with NET_ADMIN, reads the rules in force, and gives all of that up before it is asked
anything. It ends by itself when its input ends or its time is over: nobody has to be there for that.
"""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

import requests
from docker.errors import APIError, DockerException
from docker.types import LogConfig

from labgen.engine.frames import Conversation
from labgen.engine.once import words_of
from labgen.names import Label

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from labgen.engine.client import Engine

__all__ = ["PROBE_IMAGE", "Probe", "ProbeBroke"]

#: The folder of images/ with the program that speaks every protocol.
PROBE_IMAGE: Final = "probe"
_CAPS: Final = ["NET_ADMIN", "SETGID", "SETPCAP", "SETUID"]
#: For one socket of a protocol beside TCP and UDP, which is opened before all of this is given up.
_RAW: Final = "NET_RAW"


class ProbeBroke(Exception):
    """A probe could not be asked, or did not answer: nothing is known."""


class Probe(AbstractContextManager["Probe"]):
    """A conversation with one probe. `network` is a container whose network it is in, or `host`.

    With `program` it is started in that container, which has that program; without, it joins it from beside.
    Where it may open raw sockets it can speak VRRP, and answers other probes that do: in a container that has
    that capability, from beside with `vrrp`.
    """

    def __init__(
        self,
        engine: Engine,
        lab: str,
        image: str,
        network: str,
        *,
        seconds: int,
        vrrp: bool = False,
        program: str = "",
    ) -> None:
        self._api = engine.sdk.api
        self._lab, self._image, self._seconds = lab, image, seconds
        self._host = network == "host"
        self._vrrp = vrrp and not self._host
        self._container, self._program = network, program
        self._network = network if self._host else f"container:{network}"
        self._deadline = time.monotonic() + seconds
        self._talk: Conversation | None = None

    def __enter__(self) -> Self:
        try:
            self._enter() if self._program else self._join()
        except (DockerException, requests.RequestException, OSError) as error:
            self.__exit__(None, None, None)
            reason = words_of(error)
            raise ProbeBroke(f"the probe could not start: {reason}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # With its input closed the probe ends; where it has a container, the engine removes that.
        if self._talk is not None:
            with suppress(OSError):
                self._talk.close()
            self._talk = None

    def _enter(self) -> None:
        command = [self._program, str(self._seconds)]
        created = self._api.exec_create(self._container, command, stdin=True, user="0")
        self._talk = Conversation(self._api.exec_start(created["Id"], socket=True), self._deadline)

    def _join(self) -> None:
        limits = self._api.create_host_config(
            network_mode=self._network,
            cap_drop=["ALL"],
            # This machine's own network is only looked at as anybody may.
            cap_add=[] if self._host else [*_CAPS, _RAW] if self._vrrp else _CAPS,
            security_opt=["no-new-privileges:true"],
            read_only=True,
            tmpfs={"/tmp": "mode=1777,size=8m"},  # noqa: S108 - the container's
            mem_limit="256m",
            pids_limit=256,
            # What it says is read here; nobody needs it on the disk as well.
            log_config=LogConfig(type="none"),
            auto_remove=True,
        )
        created = self._api.create_container(
            self._image,
            command=[str(self._seconds)],
            host_config=limits,
            stdin_open=True,
            user="900:900" if self._host else "root",
            labels={Label.LAB: self._lab, Label.PROBE: self._network},
        )
        identity = created["Id"]
        try:
            stream = self._api.attach_socket(
                identity, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            )
            self._talk = Conversation(stream, self._deadline)
            self._api.start(identity)
        except BaseException:
            # One that never ran is not removed by the engine.
            with suppress(APIError):
                self._api.remove_container(identity, force=True)
            raise

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one request. Raises ProbeBroke when there is none that can be read."""
        if self._talk is None:
            raise ProbeBroke("the probe is over")
        try:
            self._talk.send(json.dumps(request).encode())
            answer = json.loads(self._talk.line())
        except TimeoutError as error:
            raise ProbeBroke(f"the probe did not answer within {self._seconds} s") from error
        except EOFError as error:
            complaint = self._talk.complaint or "it ended without a word"
            raise ProbeBroke(f"the probe broke: {complaint}") from error
        except (OSError, ValueError) as error:
            raise ProbeBroke(f"the probe's answer is not readable: {error}") from error
        if not isinstance(answer, dict) or answer.get("op") != request["op"]:
            raise ProbeBroke("the probe's answer is to another question")
        if answer.get("error"):
            raise ProbeBroke(str(answer["error"]))
        return answer
