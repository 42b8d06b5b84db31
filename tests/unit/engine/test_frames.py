"""What a container says, out of the engine's frames: in pieces, mixed, and cut short."""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labgen.engine.frames import Conversation

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


def talk(end: socket.socket, seconds: float = 5) -> Conversation:
    return Conversation(end, time.monotonic() + seconds)


@given(
    st.lists(st.binary(min_size=1, max_size=50).filter(lambda one: b"\n" not in one), min_size=1),
    st.integers(1, 9),
)
def test_lines_come_whole_however_they_are_cut(lines: list[bytes], piece: int) -> None:
    one, other = socket.socketpair()
    with one, other:
        said = b"".join(line + b"\n" for line in lines)
        pieces = [said[start : start + piece] for start in range(0, len(said), piece)]
        one.sendall(b"".join(frame(1, part) + frame(2, b"e") for part in pieces))
        conversation = talk(other)
        assert [conversation.line() for _ in lines] == lines
        assert set(conversation.complaint) <= {"e"}


def test_what_is_said_goes_out_as_a_line(ends: tuple[socket.socket, socket.socket]) -> None:
    talk(ends[1]).send(b"hello")
    assert ends[0].recv(100) == b"hello\n"


def test_the_end_is_an_end(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].sendall(frame(2, b"no such file\n") + frame(1, b"half a li"))
    ends[0].close()
    conversation = talk(ends[1])
    with pytest.raises(EOFError):
        conversation.line()
    assert conversation.complaint == "no such file"


def test_silence_is_bounded(ends: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(TimeoutError):
        talk(ends[1], seconds=0).line()


def test_the_sdks_wrapper_is_taken_off(ends: tuple[socket.socket, socket.socket]) -> None:
    class Wrapper:
        _sock = ends[1]

        def close(self) -> None:
            self._sock.close()

    ends[0].sendall(frame(1, b"hi\n"))
    conversation = talk(Wrapper())  # type: ignore[arg-type]
    assert conversation.line() == b"hi"
    conversation.close()
    assert ends[0].recv(1) == b""
