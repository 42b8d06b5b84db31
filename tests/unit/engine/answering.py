"""An engine's HTTP side: a socket that answers what a test tells it to."""

from __future__ import annotations

import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["VERSION", "answering", "make_client"]

#: What an engine that is new enough says of itself.
VERSION = {"Version": "28.5.2", "ApiVersion": "1.51", "MinAPIVersion": "1.24"}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    answers: Mapping[str, Any]

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that hangs up is not this test's matter."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        answer = next((one for end, one in self.server.answers.items() if path.endswith(end)), None)
        status = 200
        if isinstance(answer, int) or answer is None:
            status, answer = answer or 404, {"message": "the engine is not well"}
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "the client"  # a Unix socket's has no address

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def answering(answers: Mapping[str, Any]) -> Iterator[str]:
    """Give the DOCKER_HOST of an engine that answers by the end of a path: an object, or an HTTP status."""
    with tempfile.TemporaryDirectory(prefix="e-") as folder:  # a socket's path may not be long
        path = f"{folder}/s"
        with _Server(path, _Handler) as server:
            server.answers = answers
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"unix://{path}"
            finally:
                server.shutdown()
                thread.join()


def make_client(folder: Path, compose: str = "2.40.3", more: str = "") -> Path:
    """Make a `docker` in `folder`: one whose Compose plugin says `compose`, or that has none for ''."""
    folder.mkdir(exist_ok=True)
    client = folder / "docker"
    plugin = (
        f"echo {compose}" if compose else "echo \"docker: 'compose' is not a docker command\" >&2; exit 1"
    )
    client.write_text(f'#!/bin/sh\n[ "$1 $2" = "compose version" ] && {{ {plugin}; exit; }}\n{more}\n')
    client.chmod(0o755)
    return client
