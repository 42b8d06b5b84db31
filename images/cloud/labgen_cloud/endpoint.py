"""The provider's endpoint: who may ask, whom a query is for, and one answer after the other."""

import io
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from labgen_cloud.signature import Denied, check, secret

# A request without a signature does not name its service; its version of the query API does.
SERVICES = {"2016-11-15": "ec2", "2011-06-15": "sts", "2010-05-08": "iam"}
_LARGEST = 1 << 20


class Endpoint(DomainDispatcherApplication):  # type: ignore[misc]
    """moto's dispatcher behind a lock: moto keeps its state in plain dictionaries."""

    def __init__(self, create: Callable[..., Any], changed: Callable[[], None]) -> None:
        """Have `changed` called after each request that may have changed something, before its answer."""
        super().__init__(create)
        self._changed, self._one = changed, threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        try:
            action = _admitted(environ)
        except Denied as denied:
            return _denied(denied, start_response)
        with self._one:
            answer = list(super().__call__(environ, start_response))
            if not action.startswith("Describe"):
                self._changed()
            return answer

    def infer_service_region_host(self, environ: dict[str, Any], path: str) -> str | None:
        """Name the host of the service that a request is for, also when it is not signed."""
        if "HTTP_AUTHORIZATION" not in environ:
            query = parse_qs(environ.get("QUERY_STRING", "")) | parse_qs(self._get_body(environ) or "")
            service = SERVICES.get(query.get("Version", [""])[0])
            if service:
                return f"{service}.us-east-1.amazonaws.com"
        host: str | None = super().infer_service_region_host(environ, path)
        return host


def _admitted(environ: dict[str, Any]) -> str:
    """Return the action that is asked for. Raises `Denied`."""
    body = _body(environ)
    query = parse_qs(environ.get("QUERY_STRING", "")) | parse_qs(body.decode("utf-8", "replace"))
    action = query.get("Action", [""])[0]
    if environ.get("PATH_INFO", "/") not in ("", "/") or not action:
        # moto's own pages change its state for whoever asks, and no lab needs other services' paths.
        raise Denied(404, "InvalidAction", "There is nothing here but the query API")
    if key := secret():
        check(key, action, environ, body)
    return action


def _body(environ: dict[str, Any]) -> bytes:
    """Read the body, and leave it to be read again."""
    try:
        size = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        size = -1
    if not 0 <= size <= _LARGEST:
        raise Denied(413, "RequestEntityTooLarge", "The request is larger than 1 MiB")
    body: bytes = environ["wsgi.input"].read(size) if size else b""
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _denied(denied: Denied, start_response: Callable[..., Any]) -> list[bytes]:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
        f"<Code>{denied.code}</Code><Message>{escape(str(denied))}</Message></Error></Errors>"
        "<RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    )
    start_response(f"{denied.status} Denied", [("Content-Type", "text/xml;charset=UTF-8")])
    return [text.encode()]
