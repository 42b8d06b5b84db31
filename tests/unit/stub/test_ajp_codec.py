"""AJP packets against frames written down by hand from the protocol's reference."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labgen_stub.wire import ajp_codec as ajp

# GET /api?x=1 HTTP/1.1 from 10.0.0.9 to h:80, one coded header (host), one spelled, a query, a named
# attribute, a key size.
FRAME = bytes.fromhex(
    "02 02"  # forward request, GET
    "0008 485454502f312e31 00"  # HTTP/1.1
    "0004 2f617069 00"  # /api
    "0008 31302e302e302e39 00"  # 10.0.0.9
    "ffff"  # no remote host
    "0001 68 00"  # h
    "0050 00"  # port 80, no TLS
    "0002"  # two headers
    "a00b 0001 68 00"  # host: h
    "0003 582d41 00 0001 31 00"  # X-A: 1
    "05 0003 783d31 00"  # query string x=1
    "0a 0001 6b 00 0001 76 00"  # attribute k=v
    "0b 0100"  # key size 256
    "ff"
)


def test_hand_made_request() -> None:
    request = ajp.decode_forward_request(FRAME)
    assert (request.method, request.uri, request.protocol) == ("GET", "/api", "HTTP/1.1")
    assert (request.remote_address, request.server_name, request.server_port) == ("10.0.0.9", "h", 80)
    assert request.headers == (("host", "h"), ("x-a", "1"))
    assert request.attributes == {"query_string": "x=1", "k": "v", "ssl_key_size": "256"}
    assert not request.is_ssl


def test_hand_made_answers() -> None:
    assert ajp.encode_headers(200, "OK", [("Content-Type", "t"), ("X-A", "1")]) == bytes.fromhex(
        "4142 001a 04 00c8 0002 4f4b 00 0002 a001 0001 74 00 0003 782d61 00 0001 31 00"
    )
    assert ajp.encode_body_chunk(b"hi") == bytes.fromhex("4142 0006 03 0002 6869 00")
    assert ajp.encode_end(reuse=True) == bytes.fromhex("4142 0002 05 01")
    assert ajp.encode_get_body() == bytes.fromhex("4142 0003 06 1ffa")
    assert bytes.fromhex("1234 0001 0a") == ajp.CPING_PACKET
    assert bytes.fromhex("4142 0001 09") == ajp.CPONG_PACKET


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "OPTIONS"])
def test_round_trip(method: str) -> None:
    asked = ajp.ForwardRequest(
        method, "/m/stream", headers=(("accept", "*/*"), ("x-y", "z")), attributes={"query_string": "a=b"}
    )
    packet = ajp.encode_forward_request(asked)
    assert packet[:2] == ajp.TO_CONTAINER
    got = ajp.decode_forward_request(packet[4:])
    assert (got.method, got.uri, got.headers) == (method, "/m/stream", asked.headers)
    assert got.attributes["query_string"] == "a=b"


def test_headers_round_trip() -> None:
    packet = ajp.encode_headers(401, "Unauthorized", [("WWW-Authenticate", 'Basic realm="Abiquo"')])
    assert ajp.decode_headers(packet[4:]) == (401, (("www-authenticate", 'Basic realm="Abiquo"'),))


@pytest.mark.parametrize("size", range(len(FRAME)))
def test_cut_short(size: int) -> None:
    with pytest.raises(ajp.AjpError):
        ajp.decode_forward_request(FRAME[:size])


@given(st.binary(max_size=200))
def test_noise_is_an_error_and_nothing_else(noise: bytes) -> None:
    with contextlib.suppress(ajp.AjpError):
        ajp.decode_forward_request(b"\x02\x02" + noise)


def test_too_large() -> None:
    with pytest.raises(ajp.AjpError):
        ajp.encode_headers(200, "OK", [("x", "y" * 9000)])
    assert len(ajp.encode_body_chunk(b"x" * ajp.MAX_CHUNK)) == ajp.MAX_PACKET
    with pytest.raises(ajp.AjpError):
        ajp.encode_body_chunk(b"x" * (ajp.MAX_CHUNK + 1))
