"""The program: a conversation on stdin and stdout until stdin ends."""

import os
import sys

if __name__ == "__main__":
    # Started without `site`, which takes longer than all that is asked first: so it is told where this
    # package and Debian's are. Both come after the standard library.
    sys.path += [__file__.rpartition("/labgen_probe/")[0], "/usr/lib/python3/dist-packages"]
    from labgen_probe.session import converse

    if "LABGEN_VRRP" in os.environ:
        # From the beginning: other probes may ask this one while nobody asks it anything itself.
        from labgen_stub.wire.vrrp import answer_others

        answer_others(int(os.environ["LABGEN_VRRP"]))
    sys.exit(converse(sys.stdin.buffer, sys.stdout.buffer))
