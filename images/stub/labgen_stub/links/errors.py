"""What a connection that should stand says when it does not."""

from __future__ import annotations


class Refusal(Exception):
    """What is asked for is refused by a rule of ours, not by the server behind a connection."""


class Unavailable(Exception):
    """The server behind a connection cannot be asked now; asked again later it may answer."""
