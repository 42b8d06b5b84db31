"""Guacamole's protocol and guacd's handshake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labgen_stub.links.guacd import Console, Guacd, Refused
from labgen_stub.settings import Neighbour
from labgen_stub.wire.guacamole import Instructions, elements, instruction
from labgen_stub.wire.target import Garbled

from .guacd import ARGS, FakeGuacd, Session, echo

WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=5)


@given(st.lists(WORDS, max_size=6), st.integers(1, 40))
def test_what_was_encoded_comes_back_however_it_is_cut(said: list[list[str]], size: int) -> None:
    stream = b"".join(instruction(*one) for one in said)
    instructions, found = Instructions(), list[bytes]()
    for at in range(0, len(stream), size):
        found += instructions.feed(stream[at : at + size])
    assert [elements(one) for one in found] == said
    assert b"".join(found) == stream


def test_a_length_counts_characters() -> None:
    assert instruction("nom", "é😀") == b"3.nom,2.\xc3\xa9\xf0\x9f\x98\x80;"
    assert Instructions().feed("3.nom,2.é😀;3.nop;".encode()) == ["3.nom,2.é😀;".encode(), b"3.nop;"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (b"GET / HTTP/1.1\r\n", "no length of an element"),
        (b".nop;", "no length of an element"),
        (b"123456.x", "no length of an element"),
        (b"123456", "no length of an element"),
        (b"-1.x;", "no length of an element"),
        (b"3.nopX", "an element ends with b'X'"),
        (b"2.\xff\xff;", "text that is not UTF-8"),
        (b"2.\xc3(;;", "text that is not UTF-8"),
    ],
)
def test_what_is_no_instruction(wrong: bytes, message: str) -> None:
    with pytest.raises(Garbled, match=message):
        Instructions().feed(wrong)


def test_an_instruction_that_never_ends_is_not_kept() -> None:
    instructions = Instructions(longest=100)
    for _ in range(14):
        instructions.feed(b"4.blob,")
    with pytest.raises(Garbled, match="an instruction of more than 100 bytes"):
        instructions.feed(b"4.blob,")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def place(guacd: FakeGuacd) -> Neighbour:
    return Neighbour("32", "guacamole", "127.0.0.1", "guacd", guacd.port)


CONSOLE = Console("vnc", {"hostname": "dc1-hypervisor-1", "port": "5900", "username": "unasked"}, 800, 600)


@pytest.mark.anyio
async def test_the_handshake() -> None:
    async with FakeGuacd(echo).listening() as guacd:
        async with Guacd(place(guacd), CONSOLE) as session:
            assert session.id == "$here"
            await session.write(instruction("key", "65", "1"))
            assert await session.read() == [instruction("key", "65", "1")]
        await guacd.over.wait()
    assert guacd.handshake == [
        ["select", "vnc"],
        ["size", "800", "600", "96"],
        ["audio"],
        ["video"],
        ["image", "image/png", "image/jpeg", "image/webp"],
        ["timezone", "UTC"],
        ["connect", "VERSION_1_3_0", "dc1-hypervisor-1", "5900", "", ""],
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("version", ["VERSION_1_0_0", ""])
async def test_an_old_guacd_is_told_no_time_zone(version: str) -> None:
    args = tuple(one for one in (version, *ARGS[1:3]) if one)
    async with FakeGuacd(echo, args).listening() as guacd, Guacd(place(guacd), CONSOLE):
        assert [one[0] for one in guacd.handshake] == ["select", "size", "audio", "video", "image", "connect"]
        assert guacd.handshake[-1] == [
            "connect",
            *([version] if version else []),
            "dc1-hypervisor-1",
            "5900",
        ]


@pytest.mark.anyio
async def test_guacd_does_not_want_it() -> None:
    async def refuse(session: Session) -> None:
        await session.say("error", "No such host", "519")

    async with FakeGuacd(refuse).listening() as guacd:
        with pytest.raises(Refused, match="No such host") as caught:
            async with Guacd(place(guacd), CONSOLE):
                pass
    assert caught.value.status == 519


@pytest.mark.anyio
async def test_somebody_else_answers() -> None:
    async def strange(session: Session) -> None:
        await session.say("hello")

    async def silent(_: Session) -> None:
        pass

    for behaviour, message in (
        (strange, "answers 'hello' instead of 'ready'"),
        (silent, "hung up instead of"),
    ):
        async with FakeGuacd(behaviour).listening() as guacd:
            with pytest.raises(Garbled, match=message):
                async with Guacd(place(guacd), CONSOLE):
                    pass
