"""`python3 -m labgen_stub.reload`: let the node's process read its files again; exit code 1 and why not."""

from __future__ import annotations

import socket
import sys
import time

_SOCKET = "/run/labgen/control.sock"
_STARTING = 20.0  # seconds that a process which only starts has
_ANSWER = 10.0


def ask(path: str = _SOCKET, starting: float = _STARTING) -> str:
    """Return why the process did not do it, nothing when it did."""
    deadline = time.monotonic() + starting
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_ANSWER)
            try:
                line.connect(path)
            except OSError as error:
                if time.monotonic() < deadline:
                    time.sleep(0.1)
                    continue
                return f"the process does not answer: {error.strerror or error}"
            try:
                answer = line.makefile().read()
            except OSError as error:
                return f"the process gives no answer: {error}"
        return answer.strip() if answer.endswith("\n") else "the process ended"


if __name__ == "__main__":
    if reason := ask():
        sys.exit(reason)
