"""The EC2 query protocol: `DescribeRegions`, signed (Signature Version 4)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from http import HTTPStatus

from labgen_stub.wire.http import request
from labgen_stub.wire.stream import client_tls
from labgen_stub.wire.target import Garbled, Target

_REGION = "us-east-1"
_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
_BODY = b"Action=DescribeRegions&Version=2016-11-15"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def authorization(host: str, body: bytes, when: str, access_key: str, secret_key: str) -> str:
    """Return the `Authorization` header of a POST to `/`; `when` is the value of `X-Amz-Date`."""
    scope = f"{when[:8]}/{_REGION}/ec2/aws4_request"
    signed = "content-type;host;x-amz-date"
    canonical = "\n".join(
        [
            "POST",
            "/",
            "",
            f"content-type:{_TYPE}",
            f"host:{host}",
            f"x-amz-date:{when}",
            "",
            signed,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = _hmac(_hmac(_hmac(_hmac(b"AWS4" + secret_key.encode(), when[:8]), _REGION), "ec2"), "aws4_request")
    signature = _hmac(key, f"AWS4-HMAC-SHA256\n{when}\n{scope}\n{digest}").hex()
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"


async def speak(target: Target) -> str:
    """Ask which regions the provider has, over HTTPS verified against secret `ca`."""
    host = target.option("host", target.host)
    when = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    access = target.secrets.get("cloud_access_key", "labgen")
    secret = target.secrets.get("cloud_secret_key", "labgen")
    answer = await request(
        target,
        "/",
        method="POST",
        headers=[
            ("Host", host),
            ("Content-Type", _TYPE),
            ("X-Amz-Date", when),
            ("Authorization", authorization(host, _BODY, when, access, secret)),
        ],
        body=_BODY,
        tls=client_tls(target),
    )
    if answer.status != HTTPStatus.OK or b"DescribeRegionsResponse" not in answer.body:
        raise Garbled(f"DescribeRegions: {answer.line()}")
    return f"DescribeRegions: {answer.body.count(b'<regionName>')} regions"
