"""What a connection that should stand says when it does not."""

from __future__ import annotations


class Unavailable(Exception):
    """The server behind a connection cannot be asked now; asked again later it may answer."""
