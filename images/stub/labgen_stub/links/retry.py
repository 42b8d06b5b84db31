"""The one way in which a connection is tried again."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 1.0


async def forever(name: str, work: Callable[[], Awaitable[None]], *, once: bool = False) -> None:
    """Run `work` again and again; it returns when a connection that stood has ended, or raises.

    With `once` the first success is the end: for work that is done and stays done.

    Pauses grow to one second while nothing works and start anew after a success. A complaint is
    logged when it changes, not each time.
    """
    pause, complaint = FIRST_PAUSE, ""
    while True:
        try:
            await work()
            if once:
                return
            pause, complaint = FIRST_PAUSE, ""
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
            text = f"{type(error).__name__}: {error}"[:300]
            if text != complaint:
                log.warning("%s: %s", name, text)
                complaint = text
            pause = min(pause * 1.7, LONGEST_PAUSE)
        await asyncio.sleep(pause * random.uniform(0.7, 1.0))  # noqa: S311 - it spreads clients, it hides nothing
