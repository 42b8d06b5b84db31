"""What a client accepts."""

from __future__ import annotations

import pytest
from labgen_stub.web.media import entity_type, negotiate

USER = entity_type("user")


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        (None, f"{USER}; version=6.1"),
        ("", f"{USER}; version=6.1"),
        ("*/*", f"{USER}; version=6.1"),
        ("application/*", f"{USER}; version=6.1"),
        ("application/json", f"{USER}; version=6.1"),
        (USER, f"{USER}; version=6.1"),
        (f"{USER}; version=5.4", f"{USER}; version=5.4"),
        (f"text/html, {USER};version=3.10;q=0.5", f"{USER}; version=3.10"),
        (f"{USER}; version=9.9, */*;q=0.1", f"{USER}; version=6.1"),
        (f"{USER}; version=6.2", None),
        (f"{USER}; version=new", None),
        (f"{USER};q=0, */*", None),
        ("application/xml", None),
        (entity_type("users"), None),
        ("text/*, image/png", None),
        (f"{USER};q=high", None),
        ("nonsense", None),
    ],
)
def test_platform_types(accept: str | None, answer: str | None) -> None:
    assert negotiate(accept, USER) == answer


@pytest.mark.parametrize(
    ("accept", "answer"),
    [("text/plain", "text/plain"), ("text/*;q=0.2", "text/plain"), ("application/json", None)],
)
def test_plain_text(accept: str, answer: str | None) -> None:
    assert negotiate(accept, "text/plain") == answer
