"""websockify for the lab: a console's token is resolved at the API (platform.md, rows 36 to 38).

The documents say that noVNC asks the API and not how: the path is this lab's choice.
`GET /api/cloud/consoles/{token}` answers 200 with `{"host": …, "port": …}`, or 404.
"""

import http.client
import json
import logging
import re
import signal
import ssl
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from websockify.token_plugins import BasePlugin
from websockify.websocketproxy import ProxyRequestHandler, WebSocketProxy

NODE = Path("/etc/labgen/node.json")
CA = "/etc/labgen/ca.crt"
STATIC = "/usr/share/novnc"
PORT = 41338
TIMEOUT = 5.0
MAX_ANSWER = 4096
# The consoles of a hypervisor (row 33): from 5900, up to the port range's documented end.
FIRST_PORT, LAST_PORT = 5900, 65534
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")

log = logging.getLogger("labgen_console")


def api_servers(node: dict[str, Any]) -> list[tuple[str, str, int]]:
    """List the protocol, name and port of neighbours that lead to the API, in the order of the node file."""
    return [
        (n["protocol"], n["node"], int(n["port"]))
        for n in node["neighbours"]
        if n["protocol"] in {"http", "https"}
    ]


def parse_target(body: bytes) -> tuple[str, int]:
    """Read the host and port in the API's answer. Raises ValueError for anything but a console's."""
    answer = json.loads(body)
    host, port = answer["host"], answer["port"]
    if not isinstance(host, str) or not HOST.fullmatch(host):
        raise ValueError("the answer's host is not a host name")
    if type(port) is not int or not FIRST_PORT <= port <= LAST_PORT:
        raise ValueError("the answer's port is not a console's")
    return host, port


def connect(server: tuple[str, str, int]) -> http.client.HTTPConnection:
    """Prepare the connection to a server; over HTTPS it has to show a certificate of the lab."""
    protocol, name, port = server
    if protocol == "http":
        return http.client.HTTPConnection(name, port, timeout=TIMEOUT)
    context = ssl.create_default_context(cafile=CA)
    return http.client.HTTPSConnection(name, port, timeout=TIMEOUT, context=context)


def ask(server: tuple[str, str, int], token: str) -> tuple[str, int] | None:
    """Ask one server; None when it does not know the token.

    Raises OSError, http.client.HTTPException, KeyError, TypeError or ValueError when it gives no
    sensible answer in time.
    """
    connection = connect(server)
    try:
        connection.request(
            "GET", f"/api/cloud/consoles/{quote(token, safe='')}", headers={"Accept": "application/json"}
        )
        answer = connection.getresponse()
        body = answer.read(MAX_ANSWER)
    finally:
        connection.close()
    if answer.status in (http.client.NOT_FOUND, http.client.GONE):
        return None
    if answer.status != http.client.OK:
        raise ValueError(f"status {answer.status}")
    return parse_target(body)


class ApiToken(BasePlugin):  # type: ignore[misc]  # websockify has no types
    """websockify's token plug-in: its source is the node file, which names the API's servers."""

    def lookup(self, token: str) -> tuple[str, str] | None:
        """Say where the console of TOKEN is, or None, with which websockify refuses the connection."""
        for server in api_servers(json.loads(Path(self.source).read_text())):
            try:
                target = ask(server, token)
            except (OSError, http.client.HTTPException, KeyError, TypeError, ValueError) as error:
                log.warning("console token: no answer from %s: %s", server[1], error)
                continue
            return (target[0], str(target[1])) if target else None
        return None


class Handler(ProxyRequestHandler):  # type: ignore[misc]
    """websockify's handler, which says no in HTTP and does not log every file and health check."""

    def validate_connection(self) -> None:
        """Resolve the token; a client whose token is unknown gets a 403 and is then let go."""
        try:
            super().validate_connection()
        except self.server.EClose:
            self.send_error(http.client.FORBIDDEN, "this console token is not known")
            raise

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log what is not a plain answer: an upgrade (101) or a refusal."""
        if str(code) not in ("200", "304"):
            super().log_request(code, size)


def main() -> None:
    """Serve noVNC's files and the consoles until SIGTERM."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    server = WebSocketProxy(
        RequestHandlerClass=Handler,
        listen_host="0.0.0.0",
        listen_port=PORT,
        web=STATIC,
        file_only=True,
        heartbeat=30,
        token_plugin=ApiToken(str(NODE)),
    )
    # Each connection is a process of its own: the whole group ends with the container.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.start_server()


if __name__ == "__main__":
    main()
