"""`fetch`: one request to `url`, a POST of `json` if there is any, as `user` with `password`.

`seconds` bounds it, secret `ca` verifies the server. The answer has `status` and `body` (parsed, if it is
JSON); `failure` says why there is none.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labgen_stub.wire import Garbled, Misuse, Target
from labgen_stub.wire.http import Response, request
from labgen_stub.wire.stream import client_tls

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["answer"]

_PORTS = {"http": 80, "https": 443}
_SECONDS, _LONGEST = 5.0, 60.0


def answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Send the request."""
    seconds = min(float(asked.get("seconds") or _SECONDS), _LONGEST)
    try:
        found = asyncio.run(_fetch(asked, seconds))
    except TimeoutError:
        return {"failure": f"no answer within {seconds:g} s"}
    except (OSError, Garbled, Misuse) as error:
        return {"failure": str(error) or type(error).__name__}
    text = found.body.decode("utf-8", "replace")
    try:
        return {"status": found.status, "body": json.loads(text)}
    except (ValueError, RecursionError):
        return {"status": found.status, "body": text}


async def _fetch(asked: Mapping[str, Any], seconds: float) -> Response:
    place = urlsplit(str(asked["url"]))
    if place.scheme not in _PORTS or not place.hostname:
        raise ValueError(f"{asked['url']!r} is no address of the web")
    secrets = {str(name): str(value) for name, value in (asked.get("secrets") or {}).items()}
    target = Target(place.scheme, place.hostname, place.port or _PORTS[place.scheme], secrets=secrets)
    headers = [("Accept", "application/json, */*;q=0.1")]
    if asked.get("user"):
        pair = f"{asked['user']}:{asked.get('password') or ''}".encode()
        headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
    body = b""
    if asked.get("json") is not None:
        body = json.dumps(asked["json"]).encode()
        headers.append(("Content-Type", "application/json"))
    async with asyncio.timeout(seconds):
        return await request(
            target,
            (place.path or "/") + (f"?{place.query}" if place.query else ""),
            method="POST" if body else "GET",
            headers=headers,
            body=body,
            tls=client_tls(target) if place.scheme == "https" else None,
        )
