"""A request is done once and answered, whatever happens on the way; what is no request is kept apart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub import messages
from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import VIRTUAL_FACTORY, VIRTUAL_FACTORY_ANSWERS, Request, Work
from labgen_stub.webapps.remote import consumer as module
from labgen_stub.webapps.remote.attempts import Patience
from labgen_stub.webapps.remote.backends import Refused
from labgen_stub.webapps.remote.consumer import REASON, Consumer
from labgen_stub.webapps.remote.journal import Journal
from labgen_stub.webapps.remote.memory import Fleeting, Lasting, Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen_stub.settings import Neighbour

pytestmark = pytest.mark.anyio
pytest.importorskip("aio_pika")
REQUESTS = VIRTUAL_FACTORY.of("dc1")
QUICK = Patience(total=0.05, each=1.0, first=0.001, longest=0.01)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BREATH", 0.005)


class Service:
    """A consumer with a worker that the test leads."""

    def __init__(self, channel: Any, memory: Memory, patience: Patience = QUICK, at_once: int = 4) -> None:
        self.done: list[str] = []
        self.trouble: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.most = self.now = 0
        self.channel = channel
        places = (REQUESTS, VIRTUAL_FACTORY_ANSWERS)
        self.consumer = Consumer("dc1-rs-1", places, self.work, memory, patience, at_once)

    async def work(self, request: Request, journal: Journal) -> dict[str, Any]:
        assert request.job == journal.job
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.gate.wait()
            if self.trouble:
                raise self.trouble.pop(0)
        finally:
            self.now -= 1
        self.done.append(journal.job)
        return {"host": "h"}

    async def take(self, message: Any) -> Any:
        async def open_channel() -> Any:
            return self.channel

        if REQUESTS.queue not in self.channel.queues:
            await self.consumer.setup(open_channel)
        await self.channel.queues[REQUESTS.queue].callback(message)
        return message

    @property
    def answers(self) -> list[messages.Answer]:
        published = self.channel.exchanges[VIRTUAL_FACTORY_ANSWERS.exchange].published
        assert all(key == VIRTUAL_FACTORY_ANSWERS.queue for key, _ in published)
        return [messages.load_answer(message.body) for _, message in published]


@pytest.fixture
def service(channel: Any, store: Any) -> Service:
    return Service(channel, Lasting(store, "virtualfactory", "dc1-rs-1"))


async def test_a_request_is_done_answered_and_acknowledged(
    service: Service, message: Any, request_of: Callable[..., Request]
) -> None:
    taken = await service.take(message(messages.dump(request_of())))
    assert taken.fate == "acked"
    [answer] = service.answers
    assert (answer.job, answer.task, answer.work, answer.server) == (
        "job-1",
        "task-1",
        Work.DEPLOY,
        "dc1-rs-1",
    )
    assert answer.result == {"host": "h"}
    assert not answer.error
    assert service.channel.prefetch == 50
    queues = service.channel.queues
    assert queues[REQUESTS.queue].bound == [REQUESTS.queue]
    assert queues[VIRTUAL_FACTORY_ANSWERS.queue].bound == [VIRTUAL_FACTORY_ANSWERS.queue]
    [(_, sent)] = service.channel.exchanges[VIRTUAL_FACTORY_ANSWERS.exchange].published
    assert int(sent.delivery_mode) == 2, "an answer survives a restart of the broker"


async def test_what_comes_again_is_answered_again_and_not_done_again(
    service: Service, message: Any, request_of: Callable[..., Request], channel: Any, store: Any
) -> None:
    body = messages.dump(request_of())
    await service.take(message(body))
    again = await service.take(message(body))
    assert again.fate == "acked"
    after_restart = Service(channel, Lasting(store, "virtualfactory", "dc1-rs-1"))
    await after_restart.consumer.setup(lambda: _value(channel))
    await after_restart.take(message(body))
    assert service.done == ["job-1"]
    assert after_restart.done == []
    assert len(service.answers) == 3
    assert len({answer.at for answer in service.answers}) == 1, "it is the same answer"


async def _value(value: Any) -> Any:
    return value


async def test_two_deliveries_at_once_do_the_work_once(
    service: Service, message: Any, request_of: Callable[..., Request]
) -> None:
    service.gate.clear()
    body = messages.dump(request_of())
    both = [asyncio.create_task(service.take(message(body))) for _ in range(2)]
    await _until(lambda: service.now == 1)
    service.gate.set()
    first, second = await asyncio.gather(*both)
    assert (first.fate, second.fate) == ("acked", "acked")
    assert service.done == ["job-1"]
    assert len(service.answers) == 2


async def test_two_nodes_on_one_queue_do_the_work_once(
    service: Service, message: Any, request_of: Callable[..., Request], store: Any
) -> None:
    from tests.unit.stub.remote.conftest import FakeChannel

    other = Service(FakeChannel(), Lasting(store, "virtualfactory", "dc1-rs-2"))
    service.gate.clear()
    body = messages.dump(request_of())
    first = asyncio.create_task(service.take(message(body)))
    await _until(lambda: service.now == 1)
    second = asyncio.create_task(other.take(message(body)))
    await asyncio.sleep(0.02)
    assert other.now == 0, "the other holds the claim"
    service.gate.set()
    await asyncio.gather(first, second)
    assert (service.done, other.done) == (["job-1"], [])
    assert other.answers == service.answers


async def test_a_killed_server_takes_its_own_claim_over(store: Any) -> None:
    former = Lasting(store, "virtualfactory", "dc1-rs-1")
    assert await former.claim("job-1")
    assert not await Lasting(store, "virtualfactory", "dc1-rs-2").claim("job-1")
    assert await Lasting(store, "virtualfactory", "dc1-rs-1").claim("job-1")


async def test_an_answer_that_is_not_confirmed_acknowledges_nothing(
    service: Service, message: Any, request_of: Callable[..., Request], channel: Any
) -> None:
    body = messages.dump(request_of())
    await service.consumer.setup(lambda: _value(channel))
    channel.exchanges[VIRTUAL_FACTORY_ANSWERS.exchange].broken = 1
    lost = await service.take(message(body))
    assert lost.fate == "requeued"
    assert (await service.take(message(body))).fate == "acked"
    assert service.done == ["job-1"]
    assert len(service.answers) == 1


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b'{"job":"1"}', b'{"job":"1","task":"2","work":"DANCE"}']
)
async def test_what_is_no_request_is_buried_with_the_reason(
    service: Service, message: Any, channel: Any, body: bytes
) -> None:
    taken = await service.take(message(body, {"x-from": "api-1"}))
    assert taken.fate == "acked"
    [(queue, sent)] = channel.default_exchange.published
    assert queue == f"{REQUESTS.queue}.dead"
    assert queue in channel.queues, "declared, or it would be lost"
    assert (sent.body, sent.headers["x-from"]) == (body, "api-1")
    assert "no request" in str(sent.headers[REASON])
    assert service.done == []


async def test_a_burial_that_fails_keeps_the_message(service: Service, message: Any, channel: Any) -> None:
    channel.default_exchange.broken = 1
    assert (await service.take(message(b"nonsense"))).fate == "requeued"


async def test_transient_trouble_is_tried_again(
    service: Service, message: Any, request_of: Callable[..., Request]
) -> None:
    service.trouble = [ConnectionRefusedError("refused"), TimeoutError(), Unavailable("gone")]
    await service.take(message(messages.dump(request_of())))
    assert service.done == ["job-1"]
    assert not service.answers[0].error


async def test_trouble_that_stays_is_answered_with_the_neighbour_at_fault(
    channel: Any,
    store: Any,
    message: Any,
    request_of: Callable[..., Request],
    hypervisor: Neighbour,
) -> None:
    class Broken(Service):
        async def work(self, request: Request, journal: Journal) -> dict[str, Any]:
            del request
            self.done.append("tried")
            with journal.step("machine defined", hypervisor):
                raise ConnectionRefusedError(111, "Connection refused")

    service = Broken(channel, Lasting(store, "virtualfactory", "dc1-rs-1"))
    assert (await service.take(message(messages.dump(request_of())))).fate == "acked"
    assert len(service.done) > 2
    [answer] = service.answers
    assert answer.error == "dc1-hypervisor-1: [Errno 111] Connection refused"
    assert answer.fault == "dc1-hypervisor-1"
    await service.take(message(messages.dump(request_of())))
    assert service.answers[1] == answer, "a failure is a result, and is remembered as one"


@pytest.mark.parametrize(
    ("error", "told", "fault"),
    [
        (
            Refused("no room for this machine", "dc1-hypervisor-1"),
            "no room for this machine",
            "dc1-hypervisor-1",
        ),
        (FileNotFoundError(2, "x", "1/a.vmdk"), "1/a.vmdk at this server is not there", ""),
        (OSError(28, "No space left on device"), "has no space left", ""),
        (
            messages.BadMessage("the request is about no machine"),
            "the request is about no machine",
            "dc1-rs-1",
        ),
        (ZeroDivisionError("secret detail"), "Unexpected error at dc1-rs-1", "dc1-rs-1"),
    ],
)
async def test_what_will_not_change_is_not_tried_again(
    service: Service,
    message: Any,
    request_of: Callable[..., Request],
    error: Exception,
    told: str,
    fault: str,
) -> None:
    service.trouble = [error]
    await service.take(message(messages.dump(request_of())))
    assert service.done == []
    [answer] = service.answers
    assert (answer.error, answer.fault) == (told, fault)


async def test_work_that_hangs_ends(
    channel: Any, store: Any, message: Any, request_of: Callable[..., Request]
) -> None:
    service = Service(channel, Lasting(store, "v", "dc1-rs-1"), Patience(total=0.02, each=0.03, first=0.01))
    service.gate.clear()
    await service.take(message(messages.dump(request_of())))
    assert service.answers[0].error == "no answer in time"


async def test_so_many_at_once_and_no_more(
    service: Service, message: Any, request_of: Callable[..., Request]
) -> None:
    service.gate.clear()
    bodies = [messages.dump(request_of(job=f"job-{number}")) for number in range(10)]
    await service.take(message(b"nonsense"))  # declares
    running = [asyncio.create_task(service.take(message(body))) for body in bodies]
    await _until(lambda: service.now == 4)
    service.gate.set()
    taken = await asyncio.gather(*running)
    assert service.most == 4
    assert {one.fate for one in taken} == {"acked"}
    assert len(service.done) == len(set(service.done)) == 10


async def test_a_job_that_waits_for_a_broken_neighbour_keeps_nobody(
    channel: Any, store: Any, message: Any, request_of: Callable[..., Request]
) -> None:
    patience = Patience(total=30, first=5.0)
    service = Service(channel, Lasting(store, "v", "dc1-rs-1"), patience, at_once=1)
    service.trouble = [ConnectionRefusedError()]
    waiting = asyncio.create_task(service.take(message(messages.dump(request_of(job="broken")))))
    await _until(lambda: not service.trouble)
    async with asyncio.timeout(2):
        await service.take(message(messages.dump(request_of(job="sound"))))
    assert service.done == ["sound"]
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_redis_that_comes_back_is_waited_for(
    service: Service, message: Any, request_of: Callable[..., Request], store: Any
) -> None:
    store.broken = 3
    await service.take(message(messages.dump(request_of())))
    assert service.done == ["job-1"]
    assert not service.answers[0].error


async def test_without_redis_nothing_is_begun_and_it_is_at_fault(
    service: Service, message: Any, request_of: Callable[..., Request], store: Any
) -> None:
    store.broken = 10**6
    assert (await service.take(message(messages.dump(request_of())))).fate == "acked"
    assert service.done == []
    assert service.answers[0].fault == "redis-1"
    assert service.answers[0].error == "redis-1: connection refused"


async def test_without_a_redis_of_its_own_a_service_remembers_while_it_lives(
    channel: Any, message: Any, request_of: Callable[..., Request]
) -> None:
    service = Service(channel, Fleeting("dc1-bpm-1"))
    body = messages.dump(request_of())
    await service.take(message(body))
    await service.take(message(body))
    assert service.done == ["job-1"]
    assert service.answers[0] == service.answers[1]


async def test_the_work_does_not_end_with_the_delivery_that_began_it(
    service: Service, message: Any, request_of: Callable[..., Request]
) -> None:
    service.gate.clear()
    body = messages.dump(request_of())
    first = asyncio.create_task(service.take(message(body)))
    await _until(lambda: service.now == 1)
    first.cancel()  # its connection is gone
    await asyncio.wait([first])
    second = asyncio.create_task(service.take(message(body)))
    service.gate.set()
    assert (await second).fate == "acked"
    assert service.done == ["job-1"]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110 - what is waited for is in other hands
            await asyncio.sleep(0.001)
