"""Server-Sent Events, as M sends them."""

from __future__ import annotations

import httpx
import pytest

from labgen.smoke.client import Platform
from labgen.smoke.model import StepFailed
from labgen.smoke.stream import Stream, listening

from .platform import ADDRESS, Fake

pytestmark = pytest.mark.anyio


async def test_events_are_read_and_other_lines_left() -> None:
    fake = Fake(events=[{"action": "LOGIN"}, {"action": "DEPLOY_FINISH", "entityURI": "/api/x/1"}])
    async with fake.platform() as platform, listening(platform, httpx.MockTransport(fake)) as stream:
        event = await stream.wait(lambda one: one["action"] == "DEPLOY_FINISH", 5, "a deployment")
    assert event["entityURI"] == "/api/x/1"
    assert len(stream.events) == 2


async def test_an_event_that_does_not_come() -> None:
    stream = Stream()
    await stream.take('data: {"action": "LOGIN"}')
    await stream.take("data: not JSON")
    await stream.take(": keep-alive")
    with pytest.raises(StepFailed, match=r"no event of a deployment within 0\.05 s; 1 other events came"):
        await stream.wait(lambda one: one["action"] == "DEPLOY_FINISH", 0.05, "a deployment")


async def test_a_stream_that_ends_is_no_silence() -> None:
    stream = Stream()
    await stream.end("closed by the server")
    with pytest.raises(StepFailed, match="the event stream ended: closed by the server"):
        await stream.wait(lambda _: False, 5, "anything")


async def test_a_stream_that_is_refused() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(401))
    async with Platform(ADDRESS, transport) as platform:
        with pytest.raises(StepFailed, match="GET /m/stream is answered by 401 Unauthorized"):
            async with listening(platform, transport):
                pytest.fail("it must not open")
