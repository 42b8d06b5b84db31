"""Signature Version 4 as a provider checks it: who asks is who holds the lab's secret key."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

ACCESS_KEY = "labgen"
_SECRET = Path("/run/labgen/secrets/cloud_secret_key")
_SCOPE_PARTS = 4
_SKEW = timedelta(minutes=15)
# What anybody may ask: it is in the provider's public documents, and health checks have no key.
OPEN = frozenset({"DescribeRegions"})


class Denied(Exception):
    """The provider does not answer this request: HTTP status, code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def secret() -> str:
    """Return the lab's secret key; empty when it has none, and then nothing is checked."""
    try:
        return _SECRET.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def check(
    key: str, action: str, request: Mapping[str, str], body: bytes, now: datetime | None = None
) -> None:
    """Check the signature of a query; `request` is its WSGI environment.

    Raises:
        Denied: it is signed wrongly, by nobody known, too long ago, or not at all.
    """
    header = request.get("HTTP_AUTHORIZATION", "")
    if not header:
        if action in OPEN:
            return
        raise Denied(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    fields = dict(
        part.strip().partition("=")[::2] for part in header.removeprefix("AWS4-HMAC-SHA256").split(",")
    )
    access, _, scope = fields.get("Credential", "").partition("/")
    if access != ACCESS_KEY or len(scope.split("/")) != _SCOPE_PARTS:
        raise Denied(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
    when = request.get("HTTP_X_AMZ_DATE", "")
    signed = fields.get("SignedHeaders", "")
    canonical = "\n".join(
        [
            request.get("REQUEST_METHOD", ""),
            request.get("PATH_INFO", "/") or "/",
            request.get("QUERY_STRING", ""),
            *(f"{name}:{_header(request, name)}" for name in signed.split(";")),
            "",
            signed,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    text = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    derived = b"AWS4" + key.encode()
    for part in scope.split("/"):
        derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, fields.get("Signature", "")):
        raise Denied(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )
    _timely(when, scope, now or datetime.now(UTC))


def _timely(when: str, scope: str, now: datetime) -> None:
    try:
        asked = datetime.strptime(when, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Denied(400, "IncompleteSignature", "The request has no valid X-Amz-Date") from None
    if abs(now - asked) > _SKEW or not scope.startswith(when[:8]):
        raise Denied(400, "RequestExpired", "Request has expired.")


def _header(request: Mapping[str, str], name: str) -> str:
    variable = name.upper().replace("-", "_")
    if variable not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        variable = f"HTTP_{variable}"
    return " ".join(request.get(variable, "").split())
