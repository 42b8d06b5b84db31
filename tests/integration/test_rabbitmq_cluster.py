"""RabbitMQ members that form a cluster from nothing, lose members, and come back by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError

from labgen.engine.client import Engine

from .cluster import Place, ask, engine_with, place
from .waiting import until

#: Its containers are its own, and wait for each other most of the time.
pytestmark = pytest.mark.beside
_RABBITS = tuple(f"rabbitmq-{one}" for one in (1, 2, 3))
_QUEUE, _TRANSIENT = "abiquo.nars.requests.dc1", "abiquo.tracer.fanout.traces.m-1"
_ATTEMPT = 5.0  # seconds: as long as a client that is not patient lets one attempt take
_QUEUE_LEFT = f'rabbit_misc:r(<<"/">>, queue, <<"{_TRANSIENT}">>)'
_QUEUES = """
[begin
    {resource, _, queue, Name} = amqqueue:get_name(Q),
    Members = case amqqueue:get_type_state(Q) of #{nodes := Nodes} -> lists:sort(Nodes); _ -> [] end,
    io:format("~s|~s|~s~n", [Name, amqqueue:get_type(Q), lists:join(",", [atom_to_list(M) || M <- Members])])
end || Q <- rabbit_amqqueue:list()].
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The engine, with the images that are used here."""
    return engine_with("rabbitmq")


@pytest.fixture(scope="module")
def rabbits(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(engine, "rabbit", tmp_path_factory.mktemp("rabbit")) as here:
        for one in _RABBITS:
            secrets = {"erlang_cookie": "cookie", "rabbitmq_password": "password"}
            here.member("rabbitmq", one, (4369, 5672, 25672), {"cluster": _RABBITS}, secrets)
        here.start(*_RABBITS)
        yield here


@asynccontextmanager
async def channel(here: Place, name: str) -> AsyncIterator[AbstractChannel]:
    """Give a channel at one of the brokers, with the queues that the platform's servers declare there."""
    url = f"amqp://abiquo:password@{here.address(name)}:5672/"
    async with await aio_pika.connect(url) as connection, connection.channel() as found:
        exchange = await found.declare_exchange("abiquo.nars", "direct", durable=True)
        queue = await found.declare_queue(_QUEUE, durable=True)
        await queue.bind(exchange, _QUEUE)
        fanout = await found.declare_exchange("abiquo.tracer.fanout", "fanout", durable=True)
        await (await found.declare_queue(_TRANSIENT, durable=False)).bind(fanout)
        yield found


async def publish(here: Place, name: str, number: int) -> None:
    """Publish messages at one broker and wait until each is confirmed."""
    async with asyncio.timeout(_ATTEMPT), channel(here, name) as found:
        exchange = await found.get_exchange("abiquo.nars")
        for one in range(number):
            body = aio_pika.Message(str(one).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await exchange.publish(body, _QUEUE)


async def take(here: Place, name: str) -> list[str]:
    """Take all messages that are there from one broker."""
    found = []
    async with asyncio.timeout(_ATTEMPT), channel(here, name) as there:
        queue = await there.get_queue(_QUEUE)
        while message := await queue.get(fail=False):
            await message.ack()
            found.append(message.body.decode())
    return found


def passed(here: Place, into: str, out: str) -> bool:
    """Whether a message goes into the queue at one broker and comes out at another."""
    try:
        asyncio.run(publish(here, into, 1))
        return bool(asyncio.run(take(here, out)))
    except (AMQPError, OSError, RuntimeError):
        return False


def test_brokers_form_a_cluster_from_nothing(rabbits: Place) -> None:
    print("formed in", rabbits.all_healthy("rabbitmq", _RABBITS, 120))
    assert passed(rabbits, "rabbitmq-1", "rabbitmq-2")
    # Not list_queues: it lets the other members answer at the tool's own port, which no document opens.
    listed = rabbits.run("rabbitmq-1", "rabbitmqctl", "eval", _QUEUES)[1].splitlines()
    found = {
        name: (kind, members) for name, kind, members in (one.split("|") for one in listed if "|" in one)
    }
    assert found[_TRANSIENT][0] == "rabbit_classic_queue"
    assert found[_QUEUE] == ("rabbit_quorum_queue", ",".join(f"rabbit@{one}" for one in _RABBITS))


def test_clients_of_others_go_on_when_a_broker_is_killed(rabbits: Place) -> None:
    """It led the queue, and had the queue that is not durable."""
    asyncio.run(publish(rabbits, "rabbitmq-1", 20))
    rabbits.kill("rabbitmq-1")
    took = until(lambda: passed(rabbits, "rabbitmq-2", "rabbitmq-3"), 10)
    print("went on after", took)
    rabbits.start("rabbitmq-1")
    print("rejoined in", rabbits.all_healthy("rabbitmq", _RABBITS))
    assert passed(rabbits, "rabbitmq-1", "rabbitmq-3")


def test_clients_of_others_go_on_when_a_broker_falls_silent(rabbits: Place) -> None:
    """Within 9 s it is noticed; if it led the cluster, what waits for that may wait as long once more."""
    rabbits.containers["rabbitmq-2"].pause()
    print("went on after", until(lambda: passed(rabbits, "rabbitmq-1", "rabbitmq-3"), 18 + 2 * _ATTEMPT))
    rabbits.containers["rabbitmq-2"].unpause()
    # Its health was written before it was silent.
    print("rejoined in", until(lambda: passed(rabbits, "rabbitmq-2", "rabbitmq-1")))
    rabbits.all_healthy("rabbitmq", _RABBITS)


def test_a_queue_that_ended_with_its_node_is_taken_away_later(rabbits: Place) -> None:
    """The broker does that once, when a node goes, and not at all if nobody leads the cluster just then."""

    def asked(name: str, code: str) -> str:
        return rabbits.run(name, "rabbitmqctl", "eval", f"{code}.")[1].strip()

    where = f"case rabbit_amqqueue:lookup({_QUEUE_LEFT}) of {{ok, Q}} -> amqqueue:qnode(Q); _ -> none end"
    until(lambda: passed(rabbits, "rabbitmq-1", "rabbitmq-2"))
    place = asked("rabbitmq-1", where).strip("'").removeprefix("rabbit@")
    one, other = (name for name in _RABBITS if name != place)
    keep = f"begin {{ok, Q}} = rabbit_amqqueue:lookup({_QUEUE_LEFT}), persistent_term:put(left, Q) end"
    assert asked(one, keep) == "ok"
    rabbits.kill(place)
    until(lambda: asked(one, where) == "none", say=lambda: asked(one, where))
    # As if the broker had not been able to.
    assert asked(one, "rabbit_db_queue:set(persistent_term:get(left))") == "ok"
    print("taken away after", until(lambda: passed(rabbits, one, other), 3 * _ATTEMPT))
    rabbits.start(place)
    rabbits.all_healthy("rabbitmq", _RABBITS)


def test_brokers_without_a_majority_refuse_and_then_recover(rabbits: Place) -> None:
    asyncio.run(publish(rabbits, "rabbitmq-3", 20))
    rabbits.kill("rabbitmq-1", "rabbitmq-2")

    def refuses() -> bool:
        try:
            ask(rabbits.address("rabbitmq-3"), 5672, b"AMQP")
        except ConnectionRefusedError:
            return True
        except OSError:
            pass  # turned away just now
        return False

    print("refuses after", until(refuses, 15))
    assert "no majority: 1 of 3" in rabbits.health("rabbitmq", "rabbitmq-3")[1]
    rabbits.start("rabbitmq-1")
    print("serves after", rabbits.all_healthy("rabbitmq", ["rabbitmq-1", "rabbitmq-3"]))
    assert asyncio.run(take(rabbits, "rabbitmq-3")) == [str(one) for one in range(20)]
    rabbits.start("rabbitmq-2")
    rabbits.all_healthy("rabbitmq", _RABBITS)


def test_brokers_keep_what_they_confirmed_in_a_power_cut(rabbits: Place) -> None:
    asyncio.run(publish(rabbits, "rabbitmq-2", 50))
    rabbits.kill(*_RABBITS)
    rabbits.start(*_RABBITS)
    print("back in", rabbits.all_healthy("rabbitmq", _RABBITS))
    assert asyncio.run(take(rabbits, "rabbitmq-1")) == [str(one) for one in range(50)]


def test_a_broker_that_lost_its_data_joins_again(rabbits: Place) -> None:
    """The others know it as a member, and would refuse it."""
    code, said = rabbits.run("rabbitmq-3", "rm", "-rf", "/var/lib/rabbitmq/rabbit@rabbitmq-3")
    assert code == 0 or rabbits.run("rabbitmq-3", "ls", "/var/lib/rabbitmq/rabbit@rabbitmq-3")[0], said
    rabbits.kill("rabbitmq-3")
    rabbits.start("rabbitmq-3")
    print("joined again in", rabbits.all_healthy("rabbitmq", _RABBITS))
    assert passed(rabbits, "rabbitmq-3", "rabbitmq-1")
