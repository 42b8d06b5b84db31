"""AJP/1.3 packets, both directions, without any input or output.

Written after the protocol reference of the Tomcat connectors project. The web server's packets start
with 0x1234, the container's with `AB`; all integers are big-endian, a string is a 16-bit length, its
bytes and a NUL, and the length 0xFFFF is "no string".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

TO_CONTAINER = b"\x12\x34"
TO_SERVER = b"AB"
MAX_PACKET = 8192
# A body chunk: packet header 4, type 1, length 2, final NUL 1.
MAX_CHUNK = MAX_PACKET - 8
# A body packet of the web server: packet header 4, length 2.
MAX_BODY = MAX_PACKET - 6

FORWARD_REQUEST, SHUTDOWN, PING, CPING = 2, 7, 8, 10
SEND_BODY_CHUNK, SEND_HEADERS, END_RESPONSE, GET_BODY_CHUNK, CPONG = 3, 4, 5, 6, 9

METHODS = [
    "OPTIONS",
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "ACL",
    "REPORT",
    "VERSION-CONTROL",
    "CHECKIN",
    "CHECKOUT",
    "UNCHECKOUT",
    "SEARCH",
    "MKWORKSPACE",
    "UPDATE",
    "LABEL",
    "MERGE",
    "BASELINE-CONTROL",
    "MKACTIVITY",
]
_STORED_METHOD = 0xFF
REQUEST_HEADERS = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "authorization",
    "connection",
    "content-type",
    "content-length",
    "cookie",
    "cookie2",
    "host",
    "pragma",
    "referer",
    "user-agent",
]
RESPONSE_HEADERS = [
    "content-type",
    "content-language",
    "content-length",
    "date",
    "last-modified",
    "location",
    "set-cookie",
    "set-cookie2",
    "servlet-engine",
    "status",
    "www-authenticate",
]
_ATTRIBUTES = {
    1: "context",
    2: "servlet_path",
    3: "remote_user",
    4: "auth_type",
    5: "query_string",
    6: "route",
    7: "ssl_cert",
    8: "ssl_cipher",
    9: "ssl_session",
    12: "secret",
    13: "stored_method",
}
_NAMED_ATTRIBUTE, _KEY_SIZE, _END = 0x0A, 0x0B, 0xFF
_CODED, _NO_STRING = 0xA000, 0xFFFF


class AjpError(ValueError):
    """A packet that is not AJP/1.3, or a packet that is cut short."""


@dataclass(frozen=True, slots=True)
class ForwardRequest:
    """A request as the web server hands it over. Header names are in lower case."""

    method: str
    uri: str
    protocol: str = "HTTP/1.1"
    remote_address: str = "127.0.0.1"
    remote_host: str = ""
    server_name: str = "localhost"
    server_port: int = 80
    is_ssl: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key == name), None)


class Reader:
    """Takes an AJP payload apart, from front to back."""

    def __init__(self, payload: bytes) -> None:
        self._data, self._at = payload, 0

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise AjpError(f"packet is cut short at byte {self._at}")
        self._at += size
        return piece

    def byte(self) -> int:
        """Read an unsigned byte."""
        return self._take(1)[0]

    def integer(self) -> int:
        """Read an unsigned 16-bit integer."""
        return int.from_bytes(self._take(2), "big")

    def string(self) -> str:
        """Read a string; none is the empty one."""
        return self.string_of(self.integer())

    def string_of(self, size: int) -> str:
        """Read a string whose length has been read already."""
        if size == _NO_STRING:
            return ""
        text = self._take(size).decode("latin-1")
        if self._take(1) != b"\0":
            raise AjpError("a string does not end with NUL")
        return text

    def blob(self) -> bytes:
        """Length-prefixed bytes; an exhausted packet has none."""
        return self._take(self.integer()) if self._at < len(self._data) else b""

    def header_name(self, coded: list[str]) -> str:
        """Read a header name, coded or spelled out, in lower case."""
        size = self.integer()
        if size & 0xFF00 != _CODED:
            return self.string_of(size).lower()
        index = (size & 0xFF) - 1
        if not 0 <= index < len(coded):
            raise AjpError(f"unknown header code {size:#06x}")
        return coded[index]


def string(text: str) -> bytes:
    """Encode a string. Raises `AjpError` when it cannot fit into a packet."""
    raw = text.encode("latin-1", "replace")
    if len(raw) > MAX_PACKET:
        raise AjpError("a string is longer than a packet")
    return struct.pack(">H", len(raw)) + raw + b"\0"


def packet(magic: bytes, payload: bytes) -> bytes:
    """Put the packet header in front of a payload."""
    if len(payload) > MAX_PACKET - 4:
        raise AjpError(f"a payload of {len(payload)} bytes does not fit into a packet")
    return magic + struct.pack(">H", len(payload)) + payload


def _header(name: str, value: str, coded: list[str]) -> bytes:
    name = name.lower()
    if name in coded:
        return struct.pack(">H", _CODED | (coded.index(name) + 1)) + string(value)
    return string(name) + string(value)


def decode_forward_request(payload: bytes) -> ForwardRequest:
    """Decode a Forward Request (payload with its type byte). Raises `AjpError`."""
    data = Reader(payload)
    if data.byte() != FORWARD_REQUEST:
        raise AjpError("not a forward request")
    method_code = data.byte()
    protocol, uri, address, host, server = (data.string() for _ in range(5))
    port, is_ssl = data.integer(), bool(data.byte())
    headers = tuple((data.header_name(REQUEST_HEADERS), data.string()) for _ in range(data.integer()))
    attributes: dict[str, str] = {}
    while (code := data.byte()) != _END:
        if code == _NAMED_ATTRIBUTE:
            name = data.string()
            attributes[name] = data.string()
        elif code == _KEY_SIZE:
            attributes["ssl_key_size"] = str(data.integer())
        elif code in _ATTRIBUTES:
            attributes[_ATTRIBUTES[code]] = data.string()
        else:
            raise AjpError(f"unknown attribute {code:#x}")
    if method_code == _STORED_METHOD:
        method = attributes.get("stored_method", "")
    elif 1 <= method_code <= len(METHODS):
        method = METHODS[method_code - 1]
    else:
        method = ""
    if not method:
        raise AjpError(f"unknown method {method_code}")
    return ForwardRequest(method, uri, protocol, address, host, server, port, is_ssl, headers, attributes)


def encode_forward_request(request: ForwardRequest) -> bytes:
    """Encode a Forward Request as a whole packet. Raises `AjpError` when it does not fit."""
    known = request.method in METHODS
    attributes = dict(request.attributes)
    if not known:
        attributes["stored_method"] = request.method
    codes = {name: code for code, name in _ATTRIBUTES.items()}
    parts = [
        bytes((FORWARD_REQUEST, METHODS.index(request.method) + 1 if known else _STORED_METHOD)),
        string(request.protocol),
        string(request.uri),
        string(request.remote_address),
        string(request.remote_host),
        string(request.server_name),
        struct.pack(">HBH", request.server_port, request.is_ssl, len(request.headers)),
        *(_header(name, value, REQUEST_HEADERS) for name, value in request.headers),
    ]
    for name, value in attributes.items():
        if name in codes:
            parts.append(bytes((codes[name],)) + string(value))
        else:
            parts.append(bytes((_NAMED_ATTRIBUTE,)) + string(name) + string(value))
    return packet(TO_CONTAINER, b"".join(parts) + bytes((_END,)))


def encode_headers(status: int, message: str, headers: list[tuple[str, str]]) -> bytes:
    """Encode a Send Headers packet."""
    head = struct.pack(">BH", SEND_HEADERS, status) + string(message)
    lines = b"".join(_header(name, value, RESPONSE_HEADERS) for name, value in headers)
    return packet(TO_SERVER, head + struct.pack(">H", len(headers)) + lines)


def decode_headers(payload: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Status and headers of a Send Headers packet. Raises `AjpError`."""
    data = Reader(payload)
    if data.byte() != SEND_HEADERS:
        raise AjpError("not a send-headers packet")
    status = data.integer()
    data.string()
    headers = tuple((data.header_name(RESPONSE_HEADERS), data.string()) for _ in range(data.integer()))
    return status, headers


def encode_body_chunk(data: bytes) -> bytes:
    """Encode a Send Body Chunk packet; an empty one asks the web server to flush."""
    return packet(TO_SERVER, struct.pack(">BH", SEND_BODY_CHUNK, len(data)) + data + b"\0")


def encode_end(*, reuse: bool) -> bytes:
    """Encode an End Response packet; `reuse` says whether the connection lives on."""
    return packet(TO_SERVER, bytes((END_RESPONSE, reuse)))


def encode_get_body(size: int = MAX_BODY) -> bytes:
    """Encode a Get Body Chunk packet: the container wants up to `size` more bytes of the request."""
    return packet(TO_SERVER, struct.pack(">BH", GET_BODY_CHUNK, size))


CPING_PACKET = packet(TO_CONTAINER, bytes((CPING,)))
CPONG_PACKET = packet(TO_SERVER, bytes((CPONG,)))
