"""Sealed with a token: who has the token, and nobody else, can read what was kept for it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_TAG = 32


def seal(token: str, plain: bytes) -> str:
    """Encrypt and authenticate. A token must seal one text only: its key stream is used once."""
    hidden = _hide(token, plain)
    return base64.b64encode(_tag(token, hidden) + hidden).decode()


def unseal(token: str, sealed: str) -> bytes | None:
    """Return what was sealed with this token; None when it was not."""
    try:
        raw = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        return None
    tag, hidden = raw[:_TAG], raw[_TAG:]
    return _hide(token, hidden) if hmac.compare_digest(tag, _tag(token, hidden)) else None


def _hide(token: str, text: bytes) -> bytes:
    # SHAKE-256 of a secret is a key stream of any length (FIPS 202, A.2); the token is 192 random bits.
    stream = hashlib.shake_256(b"labgen console: stream\0" + token.encode()).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))


def _tag(token: str, hidden: bytes) -> bytes:
    return hmac.digest(b"labgen console: tag\0" + token.encode(), hidden, "sha256")
