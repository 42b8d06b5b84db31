"""The way to the engine: whatever is missing or too old is one message with its way out, exit code 3."""

from __future__ import annotations

import gc
import socket
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labgen.engine.client import _reason, compose_version, connect, engine_version
from labgen.errors import EngineMissing
from tests.unit.engine.answering import VERSION, answering, make_client

# The SDK does not close a socket whose connection failed.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
WAY_OUT = (
    "Start it (`systemctl start docker`), or let `make setup` install one; "
    "a user needs to be in the group `docker`."
)


@pytest.fixture(scope="module", autouse=True)
def swept() -> Iterator[None]:
    """What the SDK left open is closed here, not in the middle of another test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(autouse=True)
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Docker client with a Compose plugin, and nothing else on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    return make_client(tmp_path / "bin")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What an engine answers."""
    answers: dict[str, Any] = {"/version": VERSION}
    with answering(answers) as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        yield answers


def refused() -> EngineMissing:
    with pytest.raises(EngineMissing) as caught:
        connect(compose=True)
    assert caught.value.exit_code == 3
    return caught.value


def test_all_is_well(engine: dict[str, Any]) -> None:
    assert engine
    with closing(connect(compose=True).sdk) as sdk:
        assert sdk.version()["Version"] == "28.5.2"


def test_no_client(client: Path) -> None:
    client.unlink()
    error = refused()
    assert error.message == "there is no `docker` command"
    assert error.hint == "`make setup` installs an engine on Debian and Ubuntu."


def test_no_engine(tmp_path: Path) -> None:
    error = refused()
    assert error.message == (
        f"no Docker engine answers at unix://{tmp_path}/no-engine: No such file or directory"
    )
    assert error.hint == WAY_OUT


def test_a_socket_that_nobody_listens_on_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(socket.socket(socket.AF_UNIX)) as gone:
        gone.bind("s")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    assert refused().message == f"no Docker engine answers at unix://{tmp_path}/s: Connection refused"


def test_the_address_of_the_users_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    host = f"unix://{tmp_path}/of-the-context"
    monkeypatch.setattr("labgen.engine.client._host", lambda: host)
    assert refused().message == f"no Docker engine answers at {host}: No such file or directory"


@pytest.mark.parametrize("host", ["nonsense", "http://", "tcp://127.0.0.1"])
def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    error = refused()
    assert error.message.startswith(f"no Docker engine answers at {host}: ")
    assert "\n" not in error.message
    assert error.hint == WAY_OUT


def test_an_address_that_needs_a_library_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://nowhere.invalid")
    assert "paramiko" in refused().message


@pytest.mark.parametrize("answer", [500, 403, {}, b"<html>a proxy</html>", b""])
def test_something_that_is_no_engine(engine: dict[str, Any], answer: Any) -> None:
    engine["/version"] = answer
    error = refused()
    assert error.message.startswith("no Docker engine answers at unix://")
    assert "\n" not in error.message


@pytest.mark.parametrize("version", ["20.10.24+dfsg1", "27.5.1", "1.13", "dev", ""])
def test_an_engine_that_is_too_old(engine: dict[str, Any], version: str) -> None:
    engine["/version"] = {**VERSION, "Version": version}
    error = refused()
    said = version or "of an unknown version"
    assert error.message == f"the Docker engine is {said}; a lab needs 28.0 or newer"
    assert error.hint == (
        "Its networks have no isolated gateway before that. `make setup` says how to get a newer one."
    )


@pytest.mark.parametrize(
    ("text", "version"),
    [("28.0.0", (28, 0, 0)), ("28.5.2+dfsg4", (28, 5, 2)), ("29.0-rc.1", (29, 0)), ("v28.1", (28, 1))],
)
def test_an_engine_that_is_new_enough(text: str, version: tuple[int, ...]) -> None:
    assert engine_version(text) == version


def test_no_compose_plugin(engine: dict[str, Any], client: Path) -> None:
    assert engine
    make_client(client.parent, "")
    error = refused()
    assert error.message == "the Docker client has no Compose plugin"
    assert error.hint == (
        "Install it (Debian: docker-compose or docker-compose-plugin), or run `make setup`."
    )


def test_who_does_not_need_compose_does_not_ask_for_it(engine: dict[str, Any], client: Path) -> None:
    assert engine
    make_client(client.parent, "")
    with closing(connect().sdk) as sdk:
        assert sdk.version()["Version"] == VERSION["Version"]


@pytest.mark.parametrize("version", ["1.29.2", "v2.33.0", "2.20.3-ds1", "dev"])
def test_a_compose_plugin_that_is_too_old(engine: dict[str, Any], client: Path, version: str) -> None:
    assert engine
    make_client(client.parent, version)
    error = refused()
    assert error.message == f"Docker Compose is {version}; a lab needs 2.33.1 or newer"
    assert error.hint == "Install a newer Compose plugin, or run `make setup`."


@pytest.mark.parametrize("version", ["2.33.1", "v2.40.3", "2.40.3+ds1-4", "5.0.0-rc.1"])
def test_a_compose_plugin_that_is_new_enough(client: Path, version: str) -> None:
    make_client(client.parent, version)
    assert compose_version() >= (2, 33, 1)


def test_the_innermost_reason_in_one_line() -> None:
    error = ValueError("('Connection aborted.', PermissionError(13))")
    error.__cause__ = OSError(13, "Permission denied")
    assert _reason(error) == "Permission denied"
    assert _reason(ValueError("one\ntwo")) == "one"


def test_a_reason_without_a_word_is_named() -> None:
    assert _reason(TimeoutError()) == "TimeoutError"
