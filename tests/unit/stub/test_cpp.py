"""CPP: what it tells of the provider's images, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
from labgen_stub.links.errors import Unavailable
from labgen_stub.links.store import Store
from labgen_stub.messages import TemplateEvent
from labgen_stub.node import Node
from labgen_stub.settings import Settings
from labgen_stub.webapps import build
from labgen_stub.webapps.remote.cpp import News, routes
from labgen_stub.wire import Garbled, Target, ec2
from labgen_stub.wire.ec2_client import Provider
from starlette.applications import Starlette

from tests.unit.stub.provider import FakeProvider

pytestmark = pytest.mark.anyio


class Hash(Store):
    """A Redis that knows one hash."""

    def __init__(self) -> None:
        super().__init__([])
        self.kept: dict[str, str] = {}

    async def do(self, command: str, *args: str, **_: int) -> object:
        assert args[0] == "PublicCloud:images"
        if command == "hset":
            self.kept[args[1]] = args[2]
        elif command == "hdel":
            self.kept.pop(args[1], None)
        return dict(self.kept)


class Told:
    """What was told; the next failures are raised instead."""

    def __init__(self) -> None:
        self.events: list[TemplateEvent] = []
        self.failures: list[Exception] = []
        self.came = asyncio.Event()

    async def __call__(self, event: TemplateEvent) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.events.append(event)
        self.came.set()

    def words(self) -> list[tuple[str, str, str]]:
        said = [(one.state, one.disk.path, one.name) for one in self.events]
        self.events.clear()
        return said


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def store() -> Hash:
    return Hash()


def news(provider: FakeProvider, store: Hash, told: Told, period: float = 60) -> News:
    there = Provider(Target("ec2", "cloud", 443), provider.call)
    return News("pcr1", there, store, told, period=period, again=0.001)


AT_FIRST = [("DONE", "ami-amd", "debian"), ("DONE", "ami-arm", "debian arm")]


async def test_images_are_told_once_then_what_changes(provider: FakeProvider, store: Hash) -> None:
    told = Told()
    looking = news(provider, store, told)
    await looking.look()
    first = told.events[0]
    assert (first.datacenter, first.enterprise, first.disk.format, first.disk.size) == (
        "pcr1",
        1,
        "AMI",
        2 << 30,
    )
    assert (first.description, first.cpu, first.ram) == ("", 1, 512)
    assert told.words() == AT_FIRST
    await looking.look()
    assert told.words() == []
    provider.images["ami-new"] = ("new", "x86_64", {})
    provider.images["ami-amd"] = ("renamed", "x86_64", {})
    del provider.images["ami-arm"]
    await looking.look()
    assert told.words() == [
        ("DONE", "ami-amd", "renamed"),
        ("DONE", "ami-new", "new"),
        ("DELETED", "ami-arm", "debian arm"),
    ]


async def test_what_went_while_it_was_away_is_told(provider: FakeProvider, store: Hash) -> None:
    await news(provider, store, Told()).look()
    del provider.images["ami-arm"]
    told = Told()
    await news(provider, store, told).look()
    assert told.words() == [("DONE", "ami-amd", "debian"), ("DELETED", "ami-arm", "debian arm")]


async def test_an_image_that_the_platform_made_is_no_news_but_its_end_is(
    provider: FakeProvider, store: Hash
) -> None:
    provider.images = {"ami-mine": ("snapshot", "x86_64", {"abiquo-job": "job"})}
    told = Told()
    looking = news(provider, store, told)
    await looking.look()
    assert told.words() == []
    provider.images.clear()
    await looking.look()
    assert told.words() == [("DELETED", "ami-mine", "snapshot")]


async def test_what_could_not_be_told_is_told_later(provider: FakeProvider, store: Hash) -> None:
    told = Told()
    looking = news(provider, store, told)
    told.failures = [Garbled("not connected to RabbitMQ")]
    with pytest.raises(Garbled, match="not connected"):
        await looking.look()
    await looking.look()
    assert told.words() == AT_FIRST
    provider.images.clear()
    told.failures = [Garbled("not connected to RabbitMQ")]
    with pytest.raises(Garbled, match="not connected"):
        await looking.look()
    await looking.look()
    assert [state for state, *_ in told.words()] == ["DELETED", "DELETED"]


async def test_it_goes_on_looking_whatever_fails(
    provider: FakeProvider, store: Hash, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told()
    provider.failures["DescribeImages"] = [OSError("no"), OSError("no"), ec2.Refused("AuthFailure", "who?")]
    told.failures = [Unavailable("Redis")]
    looking = news(provider, store, told)
    assert await looking.fault() == "the provider's images have not been told yet"
    running = asyncio.ensure_future(looking.run())
    async with asyncio.timeout(5):
        await told.came.wait()
        while await looking.fault():  # noqa: ASYNC110 - what is waited for is in other hands
            await asyncio.sleep(0)
    running.cancel()
    said = [one.__dict__["reason"] for one in caplog.records if "reason" in one.__dict__]
    assert said == ["OSError: no", "Refused: AuthFailure: who?", "Unavailable: Redis"]


async def test_what_fails_at_the_start_is_tried_again_long_before_the_next_look(
    provider: FakeProvider, store: Hash
) -> None:
    """The broker's connection may stand a moment later than it is told of: no ten seconds for that."""
    told = Told()
    told.failures = [Garbled("not connected to RabbitMQ")] * 3
    running = asyncio.ensure_future(news(provider, store, told, period=600).run())
    async with asyncio.timeout(5):
        await told.came.wait()
    running.cancel()


async def test_what_it_answers(provider: FakeProvider) -> None:
    application = Starlette(routes=routes("cpp", Provider(Target("ec2", "cloud", 443), provider.call)))
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://prs") as client:
        regions = (await client.get("/cpp/regions")).json()
        assert regions == {"collection": [{"name": "north-1"}, {"name": "south-1"}], "totalSize": 2}
        images = (await client.get("/cpp/images")).json()
        assert [one["id"] for one in images["collection"]] == ["ami-amd", "ami-arm"]
        assert (await client.get("/cpp/images/ami-amd")).json() == images["collection"][0]
        types = (await client.get("/cpp/instancetypes")).json()
        assert {"m5.large", "t2.nano"} < {one["name"] for one in types["collection"]}
        assert types["totalSize"] == 5, "no whole machines"
        absent = await client.get("/cpp/images/ami-no")
        assert absent.status_code == 404
        assert absent.json() == {"message": "InvalidAMIID.NotFound: The image id '[ami-no]' does not exist"}
        provider.failures["DescribeRegions"] = [
            ec2.Refused("AuthFailure", "who?"),
            TimeoutError(),
            Garbled("x"),
        ]
        for said in ("AuthFailure: who?", "no answer in time", "x"):
            broken = await client.get("/cpp/regions")
            assert (broken.status_code, broken.json()) == (503, {"message": said})


async def test_an_image_is_deregistered_and_the_api_hears_of_it(provider: FakeProvider, store: Hash) -> None:
    provider.images["ami-mine"] = ("snapshot", "x86_64", {"abiquo-job": "job"})
    told = Told()
    looking = news(provider, store, told, period=600)
    running = asyncio.ensure_future(looking.run())
    application = Starlette(
        routes=routes("cpp", Provider(Target("ec2", "cloud", 443), provider.call), looking)
    )
    async with (
        asyncio.timeout(5),
        httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://prs") as client,
    ):
        while "ami-mine" not in store.kept:  # noqa: ASYNC110 - what is waited for is in other hands
            await asyncio.sleep(0.001)
        # Never looked at since it was made: it is told as gone all the same.
        store.kept.pop("ami-mine")
        told.events.clear()
        told.came.clear()
        assert (await client.delete("/cpp/images/ami-mine")).status_code == 204
        await told.came.wait()
        assert told.words() == [("DELETED", "ami-mine", "snapshot")]
        assert "ami-mine" not in provider.images
        again = await client.delete("/cpp/images/ami-mine")
        assert again.status_code == 404
        assert again.json()["message"].startswith("InvalidAMIID.NotFound")
        provider.failures["DeregisterImage"] = [ec2.Refused("AuthFailure", "not yours")]
        refused = await client.delete("/cpp/images/ami-amd")
        assert (refused.status_code, refused.json()) == (503, {"message": "AuthFailure: not yours"})
    running.cancel()
    await asyncio.wait([running])


async def test_without_rabbitmq_nothing_is_deregistered(provider: FakeProvider) -> None:
    application = Starlette(routes=routes("cpp", Provider(Target("ec2", "cloud", 443), provider.call)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://prs") as client:
        assert (await client.delete("/cpp/images/ami-amd")).status_code == 405
    assert "ami-amd" in provider.images


def test_without_a_provider_there_is_only_the_check(settings: Callable[..., Settings]) -> None:
    webapp = build("cpp", Node(settings("cpp")))
    assert (webapp.routes, webapp.tasks, webapp.setups) == ([], [], [])
