"""`sweep`: bare connections to every port of every one of `targets`, and what became of each.

A target has `address` (IPv4), `tcp` and `udp` (labgen_probe.ports) and perhaps `ttl`; `seconds` bounds each
TCP connection. The answer has `results` in the same order: `address`, for `tcp` and `udp` the ports by
outcome, each asked port exactly once, and `faults`, which says what went wrong where the outcome is `failed`.

Most of what is asked is refused at once, so a refusal must cost next to nothing: two system calls, on a
socket that serves for the next port as well. Nothing is said on a connection that stands; it is reset, so
that nothing is left of it at the other end. UDP is asked by one byte.
"""

from __future__ import annotations

import errno
import select
import socket
import time

from labgen_probe.sockets import open_socket
from labgen_probe.target import Target
from labgen_probe.verdict import OPEN, REFUSED, SILENT, TIMEOUT, UNREACHABLE, verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any, Self

__all__ = ["answer"]

_AT_ONCE = 500
_GRACE = 0.2  # seconds until a refusal of a datagram is back from anywhere on this machine
_SHORTEST, _LONGEST = 0.01, 10.0
_IN_TCP, _IN_UDP = select.EPOLLOUT, select.EPOLLIN
# The socket is as new after these, if connect says them.
_SPENT = {errno.ECONNREFUSED: REFUSED, errno.ENETUNREACH: UNREACHABLE}


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Ask every port of every target."""
    seconds = min(max(float(request.get("seconds", 1.0)), _SHORTEST), _LONGEST)
    targets = [Target(row) for row in request["targets"]]
    with _Sweep(seconds) as sweep:
        # Datagrams first: their answers have all the time that connections take.
        for target in targets:
            sweep.send(target)
        for target in targets:
            sweep.connect(target)
        sweep.finish()
    return {"results": [target.result() for target in targets]}


class _Question:
    """One that is on its way."""

    __slots__ = ("deadline", "port", "probe", "target", "transport")

    def __init__(
        self, probe: socket.socket, target: Target, transport: str, port: int, deadline: float
    ) -> None:
        self.probe, self.target, self.transport, self.port = probe, target, transport, port
        self.deadline = deadline


class _Sweep:
    """Questions on their way, and what becomes of them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._poll = select.epoll()
        # By descriptor, and in the order in which their time is over.
        self._tcp: dict[int, _Question] = {}
        self._udp: dict[int, _Question] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._poll.close()
        for one in (*self._tcp.values(), *self._udp.values()):
            one.probe.close()

    def connect(self, target: Target) -> None:
        """Connect to every TCP port of `target`."""
        address, found = target.address, target.found["tcp"]
        probe: socket.socket | None = None
        for port in target.ports["tcp"]:
            if probe is None:
                try:
                    probe = open_socket(socket.SOCK_STREAM, target.ttl)
                except OSError as error:
                    target.fail("tcp", port, error.errno or errno.EIO)
                    continue
            code = probe.connect_ex((address, port))
            if code == errno.EINPROGRESS:
                # On one machine the answer is mostly there already. Asked again, the socket tells it, and
                # is ready for another connection when that was a refusal.
                code = probe.connect_ex((address, port))
            if (outcome := _SPENT.get(code)) is not None:
                found[port] = outcome
                continue
            if code == errno.EALREADY:
                # An ICMP message has arrived, perhaps: while connect still ran, it did not end it.
                code = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or errno.EALREADY
            if code == errno.EALREADY:
                deadline = time.monotonic() + self._seconds
                self._wait_for(_Question(probe, target, "tcp", port, deadline), self._tcp, _IN_TCP)
            else:
                target.note("tcp", port, verdict(code, probe, address), code)
                probe.close()
            probe = None
        if probe is not None:
            probe.close()

    def send(self, target: Target) -> None:
        """Send a datagram to every UDP port of `target`."""
        for port in target.ports["udp"]:
            try:
                probe = open_socket(socket.SOCK_DGRAM, target.ttl)
            except OSError as error:
                target.fail("udp", port, error.errno or errno.EIO)
                continue
            try:
                probe.connect((target.address, port))
                probe.send(b"\0")
            except OSError as error:
                code = error.errno or errno.EIO
                target.note("udp", port, verdict(code, probe, target.address), code)
                probe.close()
                continue
            deadline = time.monotonic() + _GRACE
            self._wait_for(_Question(probe, target, "udp", port, deadline), self._udp, _IN_UDP)

    def finish(self) -> None:
        """Wait for all that is still on its way."""
        while self._tcp or self._udp:
            self._harvest()

    def _wait_for(self, one: _Question, waiting: dict[int, _Question], event: int) -> None:
        try:
            self._poll.register(one.probe, event)
        except OSError as error:
            one.target.fail(one.transport, one.port, error.errno or errno.EIO)
            one.probe.close()
            return
        waiting[one.probe.fileno()] = one
        while len(self._tcp) + len(self._udp) >= _AT_ONCE:
            self._harvest()

    def _harvest(self) -> None:
        """Take what comes next: answers, or the end of somebody's time."""
        first = min(next(iter(waiting.values())).deadline for waiting in (self._tcp, self._udp) if waiting)
        for descriptor, event in self._poll.poll(max(first - time.monotonic(), 0)):
            if descriptor in self._tcp:
                self._connected(self._tcp.pop(descriptor), event)
            else:
                self._heard(descriptor)
        # Only after everybody who had an answer was asked for it: whoever is over now had his time.
        now = time.monotonic()
        for waiting, outcome in ((self._tcp, TIMEOUT), (self._udp, SILENT)):
            while waiting:
                descriptor, one = next(iter(waiting.items()))
                if one.deadline > now:
                    break
                del waiting[descriptor]
                self._end(one, outcome)

    def _connected(self, one: _Question, event: int) -> None:
        """Take a connection that stands, or never will."""
        code = one.probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not code and event & (select.EPOLLERR | select.EPOLLHUP):
            code = errno.ECONNABORTED  # neither is there on one that stands
        self._end(one, verdict(code, one.probe, one.target.address), code)

    def _heard(self, descriptor: int) -> None:
        """Something came for a datagram: an answer, or an ICMP message."""
        one = self._udp[descriptor]
        try:
            one.probe.recv(1)
        except BlockingIOError:
            return  # what came was broken, and the kernel threw it away
        except OSError as error:
            code = error.errno or errno.EIO
            outcome = verdict(code, one.probe, one.target.address)
        else:
            code, outcome = 0, OPEN
        del self._udp[descriptor]
        self._end(one, outcome, code)

    @staticmethod
    def _end(one: _Question, outcome: str, code: int = 0) -> None:
        one.target.note(one.transport, one.port, outcome, code)
        one.probe.close()
