"""VNC: the RFB hand-shake up to the list of security types (RFC 6143, 7.1)."""

from __future__ import annotations

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target

_BANNER = 12
# Seconds. QEMU lets one connection wait to be taken; another is not answered.
_AGAIN = 0.2


async def speak(target: Target) -> str:
    """Exchange versions and read which security types the server offers."""
    async with connected(target, again=_AGAIN) as (reader, writer):
        banner = await reader.readexactly(_BANNER)
        if not banner.startswith(b"RFB ") or not banner.endswith(b"\n"):
            raise Garbled(f"banner is {banner!r}")
        version = banner[4:11].decode("ascii", "replace")
        if version < "003.007":
            return f"RFB {version}"
        writer.write(b"RFB 003.008\n")
        await writer.drain()
        count = (await reader.readexactly(1))[0]
        if count == 0:
            raise Garbled(f"RFB {version} refuses: it offers no security type")
        types = await reader.readexactly(count)
    return f"RFB {version}, security types {', '.join(map(str, types))}"
