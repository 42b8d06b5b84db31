"""`python3 -m labgen_stub`: start the node that the container's files describe."""

from __future__ import annotations

import asyncio
import signal
import sys

from labgen_stub import log
from labgen_stub.server import run
from labgen_stub.settings import SettingsError, load


async def _main() -> None:
    # uvicorn takes the signals over while it serves and raises them again when it has ended: a handler
    # of our own lets the rest of the shutdown happen then, and the exit code be 0.
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, lambda: None)
    await run(load())


def main() -> int:
    """Exit code 0 after a signal, 2 for files or variables that break the contract."""
    log.configure()
    try:
        asyncio.run(_main())
    except SettingsError as error:
        sys.stderr.write(f"labgen-stub: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
