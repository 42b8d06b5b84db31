"""`labgen-probe`: one JSON document in, one out."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from labgen_probe.document import DocumentError, parse
from labgen_probe.runner import run


def main() -> int:
    """Exit code 0 when every check has a result (whatever it is), 2 when the input cannot be read."""
    # Client libraries log what the results say already.
    logging.disable(logging.CRITICAL)
    try:
        checks = parse(sys.stdin.buffer.read())
    except DocumentError as error:
        sys.stderr.write(f"labgen-probe: {error}\n")
        return 2
    json.dump({"results": asyncio.run(run(checks))}, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
