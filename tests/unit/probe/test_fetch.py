"""`fetch`: one HTTP request, and what came back."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from labgen_probe.session import answer


def fetched(**request: Any) -> dict[str, Any]:
    found = answer(json.dumps({"op": "fetch", **request}).encode())
    assert found.pop("op") == "fetch"
    return found


class Api(BaseHTTPRequestHandler):
    """Says what it was asked; `/silent` is answered by nothing until the server is closed."""

    over = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/silent":
            self.over.wait(30)
        self.reply(200, f"{self.path} for {self.headers['Authorization']}".encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = {"you": self.headers["Authorization"], "type": self.headers["Content-Type"], "sent": body}
        self.reply(201, json.dumps(said).encode())

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


class Quiet(ThreadingHTTPServer):
    """A client that does not trust us goes away in the middle of things: nothing to tell."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


def serve(server: Quiet) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def plain() -> Iterator[str]:
    for port in serve(Quiet(("127.0.0.1", 0), Api)):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[str, str]]:
    certificate = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server = Quiet(("127.0.0.1", 0), Api)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    for port in serve(server):
        yield f"https://127.0.0.1:{port}", certificate


def test_reading(plain: str) -> None:
    assert fetched(url=f"{plain}/x?y=1") == {"status": 200, "body": "/x?y=1 for None"}
    assert fetched(url=plain, user="me") == {"status": 200, "body": "/ for Basic bWU6"}


def test_sending(plain: str) -> None:
    found = fetched(url=plain, user="me", password="x", json={"port": 5900}, seconds=20)
    assert found["status"] == 201
    assert found["body"] == {"you": "Basic bWU6eA==", "type": "application/json", "sent": {"port": 5900}}


def test_the_server_is_verified(encrypted: tuple[str, str]) -> None:
    url, certificate = encrypted
    assert fetched(url=url, secrets={"ca": certificate})["status"] == 200
    assert fetched(url=url)["failure"] == "secret ca is missing"
    other = _certificate()
    assert fetched(url=url, secrets={"ca": other})["failure"].startswith("certificate refused: ")


def test_what_cannot_be_fetched_says_why(plain: str) -> None:
    assert "Connect call failed" in fetched(url="http://127.0.0.1:1/")["failure"]
    Api.over.clear()
    assert fetched(url=f"{plain}/silent", seconds=0.1) == {"failure": "no answer within 0.1 s"}
    Api.over.set()
    assert "cannot ask for" in fetched(url=f"{plain}/ x")["failure"]
    found = fetched(url="http://127.0.0.1:1/", user="me", password="hidden")
    assert "hidden" not in json.dumps(found)


@pytest.mark.parametrize("url", ["ftp://x/", "https:///x", "localhost"])
def test_what_is_no_address_of_the_web(url: str) -> None:
    assert fetched(url=url)["error"] == f"malformed request: ValueError {url!r} is no address of the web"


def _certificate(folder: Path | None = None) -> str:
    """Make a certificate of 127.0.0.1 by itself; with its key into `both.pem` of a folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    if folder:
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "both.pem").write_bytes(private + made)
    return made.decode()
