"""Passwords as they are kept: scrypt with a salt of their own, `salt$hash` in hexadecimal."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets

# 8 MiB and some 25 ms each; no more than two at a time, so that a flood of logins fits in the process.
_COST, _BLOCK, _PARALLEL = 2**13, 8, 1
_AT_ONCE = asyncio.Semaphore(2)
# What a name that nobody has is compared with: it takes as long as one that somebody has.
NOBODY = f"{'00' * 16}${'00' * 32}"


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, dklen=32)


async def protect(password: str) -> str:
    """Return what may be kept of a password."""
    salt = secrets.token_bytes(16)
    async with _AT_ONCE:
        return f"{salt.hex()}${(await asyncio.to_thread(_digest, password, salt)).hex()}"


async def fits(password: str, kept: str) -> bool:
    """Tell whether a password is the one that was kept; a malformed record fits none.

    Nor does a password with a NUL: HMAC pads with them, so one more at the end would be the same.
    """
    salt, dollar, digest = kept.partition("$")
    try:
        salt_bytes, expected = bytes.fromhex(salt), bytes.fromhex(digest)
    except ValueError:
        return False
    async with _AT_ONCE:
        found = await asyncio.to_thread(_digest, password, salt_bytes)
    return bool(dollar) and "\0" not in password and hmac.compare_digest(found, expected)
