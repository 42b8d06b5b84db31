"""What remote services report beside virtual machines, what gets stuck, and what is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import BadMessage, Disk, TemplateEvent, Work, dump, now
from labgen_stub.webapps.api.work import answers, arrivals, discovery, leader, outbox, starting
from labgen_stub.webapps.api.work.leader import Inbox, Leader
from labgen_stub.webapps.api.work.notifications import Notifications
from labgen_stub.webapps.api.work.outbox import Sender
from labgen_stub.webapps.api.work.watchdog import PATIENCE_MS, Watchdog
from labgen_stub.wire import Garbled

from tests.unit.stub.work.kinton import ADMIN, Kinton, answer_to

pytestmark = pytest.mark.anyio
NEW = TemplateEvent("dc1", 1, "DONE", "new", Disk("1/new/new.raw", "RAW", 9))


class Broker:
    """Takes messages; fails at those whose number is in `fails`."""

    def __init__(self, *fails: int) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.fails, self.asked = set(fails), 0

    async def publish(self, exchange: str, kind: str, routing_key: str, body: bytes) -> None:
        assert exchange
        assert kind
        self.asked += 1
        if self.asked in self.fails:
            raise Garbled("away")
        self.taken.append((routing_key, body))


class Redis:
    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []

    async def do(self, command: str, *args: str, **options: int) -> object:
        assert not options
        self.commands.append((command, *args))
        return None


async def until(condition: Any) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110 - what is waited for is in other hands
            await asyncio.sleep(0.01)


async def put(kinton: Kinton, *bodies: bytes) -> None:
    async def work(session: Any) -> None:
        for body in bodies:
            await outbox.put(session, "exchange", "direct", "queue", body)

    await kinton.transact(work)


async def test_messages_leave_in_order_and_once(kinton: Kinton) -> None:
    await put(kinton, b"1", b"2", b"3")
    broker = Broker()
    sender = Sender(kinton, broker)
    assert await sender.send() == 3
    assert [body for _, body in broker.taken] == [b"1", b"2", b"3"]
    assert await sender.send() == 0


async def test_what_the_broker_does_not_take_stays_with_all_after_it(kinton: Kinton) -> None:
    await put(kinton, b"1", b"2", b"3")
    broker = Broker(2)
    sender = Sender(kinton, broker)
    with pytest.raises(Garbled):
        await sender.send()
    await sender.send()
    assert [body for _, body in broker.taken] == [b"1", b"2", b"3"]


async def test_killed_before_the_row_is_gone_it_is_sent_again(kinton: Kinton) -> None:
    kinton.host()
    number = kinton.vm()
    await kinton.transact(lambda session: starting.deploy(session, number, ADMIN))

    class Killed(Broker):
        async def publish(self, exchange: str, kind: str, routing_key: str, body: bytes) -> None:
            await super().publish(exchange, kind, routing_key, body)
            kinton.broken = True

    broker = Killed()
    with pytest.raises(Unavailable):
        await Sender(kinton, broker).send()
    kinton.broken = False
    second = Broker()
    await Sender(kinton, second).send()
    assert second.taken[: len(broker.taken)] == broker.taken, "the same job, which its receiver knows"


async def test_a_sender_is_woken_and_survives_its_neighbours(kinton: Kinton) -> None:
    broker = Broker(1)
    sender = Sender(kinton, broker)
    await put(kinton, b"1")
    running = asyncio.create_task(sender.run())
    await until(lambda: len(broker.taken) == 1)
    await put(kinton, b"2")
    sender.wake()
    await until(lambda: len(broker.taken) == 2)
    running.cancel()
    await asyncio.wait([running])


async def report(kinton: Kinton, event: TemplateEvent) -> set[str]:
    return await kinton.transact(lambda session: arrivals.take(session, event))


async def test_templates_come_and_go(kinton: Kinton) -> None:
    await report(kinton, NEW)
    await report(kinton, NEW)
    rows = kinton.sql("SELECT name, state, disk_size FROM template WHERE path = '1/new/new.raw'")
    assert rows == [{"name": "new", "state": "DONE", "disk_size": 9}]
    assert kinton.actions() == ["CREATE"]
    gone = TemplateEvent("dc1", 1, "DELETED", "new", NEW.disk)
    await report(kinton, gone)
    await report(kinton, gone)
    assert kinton.actions() == ["CREATE", "DELETE"]
    assert not kinton.sql("SELECT id FROM template WHERE path = '1/new/new.raw'")
    with pytest.raises(BadMessage, match="HALF"):
        await report(kinton, TemplateEvent("dc1", 1, "HALF", "new", NEW.disk))
    with pytest.raises(arrivals.NotYet):
        await report(kinton, TemplateEvent("dc9", 1, "DONE", "new", NEW.disk))


async def test_machines_are_discovered_and_kept_up_to_date(kinton: Kinton) -> None:
    task = await kinton.transact(lambda session: discovery.discover(session, 1, ADMIN))
    queue, request = kinton.requests()[0]
    assert (queue, request.work) == ("abiquo.nars.requests.dc1", Work.DISCOVER)
    found = {"name": "kvm-1", "kind": "KVM", "cpu": 2, "ram": 512, "disk": 1, "address": ""}
    await kinton.transact(lambda session: answers.take(session, answer_to(request, machines=[found])))
    assert kinton.task(task)["state"] == "FINISHED_SUCCESSFULLY"
    columns = "SELECT ip, type, ram, disk, state FROM machine"
    assert kinton.sql(columns) == [
        {"ip": "kvm-1", "type": "KVM", "ram": 512, "disk": 2**20, "state": "MANAGED"}
    ]
    await kinton.transact(lambda session: discovery.discover(session, 1, ADMIN))
    again = answer_to(kinton.last(), machines=[{**found, "ram": 1024}])
    await kinton.transact(lambda session: answers.take(session, again))
    assert [row["ram"] for row in kinton.sql(columns)] == [1024]
    await kinton.transact(lambda session: discovery.discover(session, 1, ADMIN))
    broken = answer_to(kinton.last(), machines=[{"ram": 1}])
    with pytest.raises(BadMessage, match="no machine"):
        await kinton.transact(lambda session: answers.take(session, broken))


async def test_what_got_stuck_is_sent_again_with_the_same_identity(kinton: Kinton) -> None:
    kinton.host()
    number = kinton.vm()
    await kinton.transact(lambda session: starting.deploy(session, number, ADMIN))
    woken: list[int] = []
    watchdog = Watchdog(kinton, lambda: woken.append(1), asyncio.Event())
    await watchdog.look(now())
    assert len(kinton.requests()) == 1, "an answer may take its time"
    await watchdog.look(now() + PATIENCE_MS + 1000)
    first, second = (request for _, request in kinton.requests())
    assert first == second
    assert woken


async def test_a_datacenter_without_machines_is_looked_at(kinton: Kinton) -> None:
    watchdog = Watchdog(kinton, lambda: None, asyncio.Event())
    await watchdog.look(now())
    await watchdog.look(now())
    [(queue, _)] = kinton.requests()
    assert queue == "abiquo.nars.requests.dc1", "once, and not a region"


async def test_progress_is_in_redis_for_as_long_as_it_lasts(
    kinton: Kinton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labgen_stub.webapps.api.work.tasks.now", lambda: 5000)
    kinton.host()
    number, redis, woken = kinton.vm(), Redis(), []
    task = await kinton.transact(lambda session: starting.deploy(session, number, ADMIN))
    desk = Notifications(kinton, redis, lambda: woken.append(1))
    await desk.answer(dump(answer_to(kinton.last(), host="kvm-1")))
    key = f"abiquo:api:task:{task}"
    assert redis.commands[0] == (
        "execute_command", "HSET", key,
        "type", "DEPLOY", "state", "FINISHED_SUCCESSFULLY", "jobs", "1", "done", "1", "at", "5000",
    )  # fmt: skip
    assert redis.commands[1] == ("expire", key, "3600")
    assert woken
    with pytest.raises(BadMessage):
        await desk.answer(b"{}")
    with pytest.raises(Unavailable, match="dc9"):
        await desk.template(dump(TemplateEvent("dc9", 1, "DONE", "x", NEW.disk)))


class Message:
    """As aio_pika's."""

    def __init__(self, *, redelivered: bool = False) -> None:
        self.body, self.content_type = b"body", "application/json"
        self.headers: dict[str, str] = {}
        self.redelivered, self.ends = redelivered, list[str]()

    async def ack(self) -> None:
        self.ends.append("ack")

    async def nack(self, *, requeue: bool) -> None:
        self.ends.append(f"requeue={requeue}")


class Channel:
    def __init__(self) -> None:
        self.buried: list[tuple[str, Any]] = []
        self.default_exchange = self

    async def publish(self, message: Any, routing_key: str) -> None:
        self.buried.append((routing_key, message.headers[leader.REASON]))


@pytest.mark.parametrize(
    ("raises", "redelivered", "ends", "buried"),
    [
        (None, False, ["ack"], 0),
        (BadMessage("no answer"), False, ["ack"], 1),
        (Unavailable("MySQL"), True, ["requeue=True"], 0),
        (KeyError("ours"), False, ["requeue=True"], 0),
        (KeyError("ours"), True, ["ack"], 1),
    ],
)
async def test_each_message_is_seen_to_its_end(
    raises: Exception | None,
    redelivered: bool,
    ends: list[str],
    buried: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("aio_pika")
    monkeypatch.setattr(leader, "_PAUSE", 0)

    async def handle(body: bytes) -> None:
        assert body == b"body"
        if raises is not None:
            raise raises

    from labgen_stub.messages import VSM_EVENTS

    channel, message = Channel(), Message(redelivered=redelivered)
    await leader.deliver(channel, Inbox(VSM_EVENTS, handle), message)  # type: ignore[arg-type]
    assert message.ends == ends
    assert [queue for queue, _ in channel.buried] == ["abiquo.vsm.eventsynk.dead"] * buried


class Election:
    """Led by the test."""

    def __init__(self) -> None:
        self.leader, self._turned = False, asyncio.Event()

    def lead(self, leader: bool) -> None:
        self.leader = leader
        self._turned.set()
        self._turned = asyncio.Event()

    async def until(self, *, leader: bool) -> None:
        while self.leader != leader:
            await self._turned.wait()


async def test_only_the_leader_works() -> None:
    election, log = Election(), list[str]()

    async def duty() -> None:
        log.append("begins")
        try:
            await asyncio.Event().wait()
        finally:
            log.append("ends")

    running = asyncio.create_task(Leader(election, None, [], [duty]).run())  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert log == []
    election.lead(True)
    await until(lambda: log == ["begins"])
    election.lead(False)
    await until(lambda: log == ["begins", "ends"])
    election.lead(True)
    await until(lambda: log == ["begins", "ends", "begins"])
    running.cancel()
    await asyncio.wait([running])
    assert log[-1] == "ends"
