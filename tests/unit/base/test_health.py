"""labgen-health: what it makes of servers that answer rightly, wrongly, in pieces, or not at all."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "images" / "base" / "labgen-health"


def ask(*words: str) -> tuple[int, str]:
    """Run the script as whoever runs the tests (root would give that up first); return code and line."""
    text = SCRIPT.read_text().replace('[ "$EUID" = 0 ]', "false")
    done = subprocess.run(
        ["bash", "-c", text, "labgen-health", *words], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.removesuffix("\n")


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Yield the port of a server that does `serve` with its one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            line, _ = listener.accept()
            with line:
                serve(line)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def saying(*pieces: bytes) -> Callable[[socket.socket], None]:
    """Return a server that hears something, and answers in these pieces."""

    def serve(line: socket.socket) -> None:
        heard = line.recv(1000)
        while heard.startswith(b"GET") and not heard.endswith(b"\r\n\r\n"):
            heard += line.recv(1000)
        for piece in pieces:
            line.sendall(piece)
            time.sleep(0.05)

    return serve


def test_the_wanted_status() -> None:
    with server(saying(b"HTTP/1.1 20", b"0 OK\r\nA: b\r\n\r\nwell")) as port:
        assert ask("http", f"http://127.0.0.1:{port}/check") == (
            0,
            f"http://127.0.0.1:{port}/check answers 200",
        )


def test_what_is_asked() -> None:
    heard: list[bytes] = []

    def serve(line: socket.socket) -> None:
        with line.makefile("rb") as lines:
            heard.extend(iter(lines.readline, b"\r\n"))
        line.sendall(b"HTTP/1.0 204 \r\n\r\n")

    with server(serve) as port:
        assert ask("http", f"http://127.0.0.1:{port}/a/b?c=d", "204")[0] == 0
    assert heard == [b"GET /a/b?c=d HTTP/1.0\r\n", f"Host: 127.0.0.1:{port}\r\n".encode()]


def test_another_status_is_told_with_the_servers_own_words() -> None:
    answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n\r\nthe database\n is gone"
    with server(saying(answer)) as port:
        code, said = ask("http", f"http://127.0.0.1:{port}/")
    assert (code, said) == (
        1,
        f"http://127.0.0.1:{port}/ answers 503 instead of 200: the database  is gone",
    )


def test_a_long_complaint_is_cut() -> None:
    with server(saying(b"HTTP/1.1 500 Oops\r\n\r\n" + b"x" * 5000)) as port:
        code, said = ask("http", f"http://127.0.0.1:{port}/")
    assert code == 1
    assert said.endswith("instead of 200: " + "x" * 400)


@pytest.mark.parametrize("said", [b"", b"\x00\x01", b"hello\r\n"])
def test_no_http(said: bytes) -> None:
    with server(saying(said)) as port:
        code, line = ask("http", f"http://127.0.0.1:{port}/")
    assert code == 1
    assert line == f"no answer from http://127.0.0.1:{port}/ (nobody listens, or says what HTTP is)"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    why = "nobody listens, or says what HTTP is"
    assert ask("http", f"http://127.0.0.1:{port}/") == (1, f"no answer from http://127.0.0.1:{port}/ ({why})")
    assert ask("tcp", str(port), "x", "y") == (1, f"port {port}: nobody listens")


def test_tls_that_is_none() -> None:
    with server(saying(b"hello")) as port:
        code, said = ask("http", f"https://127.0.0.1:{port}/")
    assert code == 1
    assert said == f"no answer from https://127.0.0.1:{port}/ (curl exit 35)"


def test_an_answer_in_pieces_with_zeroes_and_spaces() -> None:
    with server(saying(b"Zoo\x00keeper ", b"version\nMo", b"de: lead", b"er\n")) as port:
        assert ask("tcp", str(port), "srvr", "^Zookeeper version.Mode: (leader|follower)") == (
            0,
            f"port {port} answers",
        )


def test_escapes_are_sent_as_bytes() -> None:
    heard = []

    def serve(line: socket.socket) -> None:
        heard.append(line.recv(1000))
        line.sendall(b"d")

    with server(serve) as port:
        assert ask("tcp", str(port), r"\0\x18d%%", "d")[0] == 0
    assert heard == [b"\0\x18d%"]


def test_an_answer_that_does_not_match() -> None:
    with server(saying(b"go away\n")) as port:
        code, said = ask("tcp", str(port), "x", "^ok$")
    assert (code, said) == (1, f"port {port} answers $'go away\\n', which does not match ^ok$")


def test_a_commands_own_exit_code() -> None:
    assert ask("run", "bash", "-c", "echo it is ill; exit 7") == (7, "it is ill")


def test_wrong_use() -> None:
    text = SCRIPT.read_text().replace('[ "$EUID" = 0 ]', "false")
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: labgen-health http URL")
