"""A running lab grows and shrinks: nodes come and go, nobody else is touched, and no user notices."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest

from labgen.engine.client import Engine
from labgen.names import container_name

from .conftest import Cli
from .consoles import PATIENCE, Platform, first_image, platform_of, told
from .containers import containers

#: All that users see, two of the API, and a hypervisor whose screen a console shows.
LAB = """\
regions: 0
counts: {bpm: 0, dhcp: 0, guest: 0, client: 0}
"""


class Users:
    """One reads the API and the UI's page all the time, and one listens to events."""

    def __init__(self, port: int, password: str) -> None:
        self._port, self._password = port, password
        self.failed: list[str] = []
        self.answered = 0
        self.stream_ended = False
        self._end, self._listening = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._read, self._listen)]

    def __enter__(self) -> Self:
        for one in self._threads:
            one.start()
        assert self._listening.wait(30), "no stream of events"
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for one in self._threads:
            one.join(60)

    def _ask(self, path: str, **headers: str) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        line = http.client.HTTPSConnection("127.0.0.1", self._port, context=context, timeout=60)
        line.request("GET", path, headers=headers)
        return line, line.getresponse()

    def _read(self) -> None:
        while not self._end.is_set():
            for path in ("/api/version", "/ui/index.html", "/m/check"):
                try:
                    line, answer = self._ask(path)
                    answer.read()
                    line.close()
                    if answer.status == http.client.OK:
                        self.answered += 1
                    else:
                        self.failed.append(f"{path} answers {answer.status}")
                except (OSError, http.client.HTTPException) as error:
                    self.failed.append(f"{path}: {error!r}")
            time.sleep(0.02)

    def _listen(self) -> None:
        secret = base64.b64encode(f"admin:{self._password}".encode()).decode()
        with suppress(OSError):
            line, answer = self._ask("/m/stream?X-Atmosphere-Transport=sse", Authorization=f"Basic {secret}")
            if answer.status == http.client.OK:
                self._listening.set()
                while not self._end.is_set() and answer.readline():
                    pass
            answer.close()
            line.close()
        self.stream_ended = True


class Consoles:
    """Two look at a machine's screen: by noVNC's way, and by Guacamole's. Neither tunnel is opened again."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._seen, self._end = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=asyncio.run, args=(one(),), daemon=True)
            for one in (self._screen, self._tunnel)
        ]
        self._drawn: set[str] = set()
        self.answered: set[str] = set()

    def __enter__(self) -> Self:
        for one in self._threads:
            one.start()
        assert self._seen.wait(PATIENCE), f"a screen was drawn only by {self._drawn}"
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for one in self._threads:
            one.join(PATIENCE)

    def _draws(self, which: str) -> None:
        self._drawn.add(which)
        if len(self._drawn) == len(self._threads):
            self._seen.set()

    async def _screen(self) -> None:
        there = self._platform
        async with there.open(there.link("novnc"), "binary") as screen:
            assert await screen.recv() == b"RFB 003.008\n"
            self._draws("novnc")
            await asyncio.to_thread(self._end.wait)
            await screen.send(b"RFB 003.008\n")
            async with asyncio.timeout(PATIENCE):
                assert await screen.recv() == b"\1\1", "one kind of login: none"
            self.answered.add("novnc")

    async def _tunnel(self) -> None:
        there = self._platform
        async with there.open(there.link("tunnel")) as tunnel:
            await first_image(tunnel)
            self._draws("guacamole")
            # guacd says something every five seconds, if only that it is there.
            async for _ in told(tunnel):
                if self._end.is_set():
                    self.answered.add("guacamole")
                    break


@pytest.fixture(scope="module")
def lab(cli: Cli) -> Iterator[str]:
    name = cli.lab("scaling")
    with_api(cli, name, 2)
    yield name
    cli.run("down", name)


def with_api(cli: Cli, lab: str, count: int) -> str:
    """Let the lab have so many nodes of the API; return what `up` told on the way."""
    path = cli.state / "scaling.yaml"
    path.write_text(LAB)
    return cli.run("up", lab, "-f", str(path), "--set", f"api={count}").stderr


def run(engine: Engine, lab: str, node: str, *command: str) -> str:
    done: Any = engine.sdk.containers.get(container_name(lab, node)).exec_run(list(command), user="900")
    assert done.exit_code == 0, done.output
    return str(done.output.decode())


def served_by(engine: Engine, lab: str) -> set[str]:
    """Return the API nodes that got one request or more of the front end's present process."""
    rows = run(engine, lab, "frontend-1", "curl", "-s", "http://127.0.0.1:8404/stats;csv").splitlines()
    names = rows[0].removeprefix("# ").split(",")
    rows = [row for row in rows if row.startswith("api,api-")]
    servers = [dict(zip(names, row.split(","), strict=False)) for row in rows]
    return {one["svname"] for one in servers if int(one["stot"])}


def test_nodes_come_and_go_and_nobody_else_is_touched(lab: str, cli: Cli, engine: Engine) -> None:
    before = containers(engine, lab)
    published = engine.sdk.api.port(before["frontend-1"][0], 443)[0]["HostPort"]
    platform = platform_of(cli, lab, f"127.0.0.1:{published}")
    with Consoles(platform) as consoles, Users(int(published), platform.password) as users:
        said = with_api(cli, lab, 4)
        assert {"frontend-1", "ui-1"} <= reloaded(said)
        grown = containers(engine, lab)
        assert grown.keys() - before.keys() == {"api-3", "api-4"}
        assert {name: grown[name] for name in before} == before
        deadline = time.monotonic() + 20
        while served_by(engine, lab) != {f"api-{n}" for n in (1, 2, 3, 4)}:
            assert time.monotonic() < deadline, served_by(engine, lab)
            time.sleep(0.2)
        cli.run("verify", lab)

        with_api(cli, lab, 2)
        assert containers(engine, lab) == before
        assert served_by(engine, lab) <= {"api-1", "api-2"}
        cli.run("verify", lab)

        again = with_api(cli, lab, 2)
        assert reloaded(again) == set()
        assert containers(engine, lab) == before
        assert not users.stream_ended, "the stream of events did not outlive it"
    assert consoles.answered == {"novnc", "guacamole"}, "a console did not outlive it"
    assert users.failed == []
    assert users.answered > 50
    assert json.loads(cli.run("drift", lab, "--format", "json").stdout)["drifts"] == []


def reloaded(said: str) -> set[str]:
    return set(re.findall(r"node (\S+) reloaded", said))


def test_an_interruption_before_anybody_was_told_is_mended(lab: str, cli: Cli, engine: Engine) -> None:
    """The files are written, and nobody has loaded them: as after a kill of `up` between the two."""
    before = containers(engine, lab)
    path: Path = cli.state / "labs" / lab / "loaded.json"
    known = json.loads(path.read_text())
    path.write_text(json.dumps(dict.fromkeys(known, "another")))
    drifts = json.loads(cli.run("drift", lab, "--format", "json", code=5).stdout)["drifts"]
    assert {one["found"] for one in drifts} == {"it goes on with older ones"}
    assert reloaded(cli.run("up", lab).stderr) >= {"api-1", "api-2", "frontend-1", "m-1", "ui-1"}
    assert containers(engine, lab) == before
    assert json.loads(path.read_text()) == known


def test_what_a_node_cannot_load_is_told_in_its_own_words(lab: str, cli: Cli, engine: Engine) -> None:
    """Its process is stopped: nothing answers."""
    path: Path = cli.state / "labs" / lab / "loaded.json"
    known = json.loads(path.read_text())
    ui = containers(engine, lab)["ui-1"][0]
    path.write_text(json.dumps({key: value for key, value in known.items() if key != ui}))
    run(engine, lab, "ui-1", "bash", "-c", "mv /run/labgen/apache.pid /run/labgen/kept")
    try:
        failed = cli.run("up", lab, code=1).stderr
    finally:
        run(engine, lab, "ui-1", "mv", "/run/labgen/kept", "/run/labgen/apache.pid")
    assert "1 node has not taken over what changed\n  ui-1: Apache: it does not run" in failed
    assert f"`labgen restart ui-1 --lab {lab}` starts the node anew" in failed
    assert reloaded(cli.run("up", lab).stderr) == {"ui-1"}
