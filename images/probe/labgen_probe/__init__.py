"""Looks around in the network that it runs in, and asks many targets at once: one line in, one line out.

Many probes start at once, so what `look` and `sweep` need imports little: `typing` and `pathlib`, say, take
longer than the answer. Such modules set `TYPE_CHECKING` themselves.
"""
