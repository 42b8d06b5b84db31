"""The program: a conversation on stdin and stdout until stdin ends, or so many seconds are over."""

import os
import sys
from importlib import import_module

if __name__ == "__main__":
    # Started without `site`, which takes longer than all that is asked first: so it is told where this
    # package and others are. They come after the standard library.
    sys.path.append(__file__.rpartition("/labgen_probe/")[0])
    if len(sys.argv) > 1:
        # Nobody handles it, so it ends the process. `signal` itself would first make names for all of them.
        import_module("_signal").alarm(int(sys.argv[1]))
    from labgen_probe.session import converse

    if "LABGEN_VRRP" in os.environ:
        # From the beginning: other probes may ask this one while nobody asks it anything itself.
        from labgen_stub.wire.vrrp import answer_others

        answer_others(int(os.environ["LABGEN_VRRP"]))
    sys.exit(converse(sys.stdin.buffer, sys.stdout.buffer))
