"""The EC2 query protocol over HTTPS: signed calls (Signature Version 4), answers in XML.

`call` is what a client is made of (`wire.ec2_client`); `speak` is the question that shows that a provider
works. The protocol is public: names of actions, parameters and errors are the provider's.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from labgen_stub.wire.http import Response, request
from labgen_stub.wire.stream import client_tls
from labgen_stub.wire.target import Garbled, Target

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

VERSION = "2016-11-15"
DEFAULT_REGION = "us-east-1"
_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
# Refusals that are none: the provider has too much to do, or trouble of its own.
_AGAIN = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "Throttling",
        "Unavailable",
    }
)


class Refused(Exception):
    """The provider understood and will not; the text is its own: code and message.

    Attributes:
        code: the provider's name of the error, `InvalidInstanceID.NotFound` say.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def authorization(
    host: str, body: bytes, when: str, access_key: str, secret_key: str, region: str = DEFAULT_REGION
) -> str:
    """Return the `Authorization` header of a POST to `/`; `when` is the value of `X-Amz-Date`."""
    scope = f"{when[:8]}/{region}/ec2/aws4_request"
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
    key = _hmac(_hmac(_hmac(_hmac(b"AWS4" + secret_key.encode(), when[:8]), region), "ec2"), "aws4_request")
    signature = _hmac(key, f"AWS4-HMAC-SHA256\n{when}\n{scope}\n{digest}").hex()
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"


async def call(target: Target, action: str, parameters: Mapping[str, str] | None = None) -> Element:
    """Ask the provider for one action; return the root of its answer, without namespaces.

    Secret `ca` verifies the server; `cloud_access_key` and `cloud_secret_key` sign. Options: `host` (the
    name that is signed), `region`.

    Raises:
        Refused: the provider's own refusal.
        OSError: from the transport, and when the provider says that it has trouble now.
        Garbled: the answer is not this protocol's.
    """
    host, region = target.option("host", target.host), target.option("region", DEFAULT_REGION)
    body = urlencode({"Action": action, "Version": VERSION, **(parameters or {})}).encode()
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
            ("Authorization", authorization(host, body, when, access, secret, region)),
        ],
        body=body,
        tls=client_tls(target),
    )
    if answer.status != HTTPStatus.OK:
        _refusal(action, answer)
    root = parse(answer.body)
    if root.tag != f"{action}Response":
        raise Garbled(f"{action}: the answer is a {root.tag}")
    return root


def _refusal(action: str, answer: Response) -> NoReturn:
    try:
        root = parse(answer.body)
    except Garbled:
        root = ET.Element("Nothing")
    code, message = root.findtext(".//Error/Code", ""), root.findtext(".//Error/Message", "")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _AGAIN:
        raise ConnectionError(f"{action}: {code or answer.status} {message}".strip())
    if not code:
        raise Garbled(f"{action}: {answer.line()}")
    raise Refused(code, " ".join(message.split()))


class _Builder(ET.TreeBuilder):
    """Builds names without namespaces, and no document that declares entities."""

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        return super().start(tag.rpartition("}")[2], attrs)

    def end(self, tag: str, /) -> Element:
        return super().end(tag.rpartition("}")[2])

    def doctype(self, *_: object) -> None:
        raise Garbled("the answer declares a document type")


def parse(body: bytes) -> Element:
    """Read an answer. One that declares a document type, and with it entities, is refused.

    Raises:
        Garbled: it is no XML, or not what a provider sends.
    """
    parser = ET.XMLParser(target=_Builder())  # noqa: S314 - a document type, where all harm begins, is refused
    try:
        parser.feed(body)
        root: Element = parser.close()
    except ET.ParseError as error:
        raise Garbled(f"no XML: {error}") from error
    return root


async def speak(target: Target) -> str:
    """Ask which regions the provider has, over HTTPS verified against secret `ca`."""
    try:
        root = await call(target, "DescribeRegions")
    except Refused as error:
        raise Garbled(f"DescribeRegions: {error}") from error
    return f"DescribeRegions: {len(root.findall('.//regionName'))} regions"
