"""A region's backend against a provider in memory: each piece of work, done again, interrupted, refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import Disk, Machine
from labgen_stub.settings import Neighbour
from labgen_stub.webapps.remote.backends import Deployed, Refused, Sighting, ec2_instances
from labgen_stub.webapps.remote.backends.ec2 import Cloud
from labgen_stub.webapps.remote.backends.ec2_instances import image_name, smallest
from labgen_stub.webapps.remote.journal import Journal
from labgen_stub.wire import Garbled, Target, ec2
from labgen_stub.wire.ec2_client import Provider

from tests.unit.stub.provider import FakeProvider, Made

pytestmark = pytest.mark.anyio
MACHINE = Machine("u-1", "ABQ_u-1", "my <machine>", 1, 16, disk=Disk("ami-amd", "AMI"))
TAGS = {"abiquo-uuid": "u-1", "abiquo-name": "ABQ_u-1", "Name": "my <machine>"}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    monkeypatch.setattr(ec2_instances, "_PAUSE", 0)
    return FakeProvider()


@pytest.fixture
def cloud(provider: FakeProvider, neighbour: Callable[..., Neighbour]) -> Cloud:
    at = neighbour("cloud", "ec2", 443)
    return Cloud(Provider(Target("ec2", at.node, 443), provider.call), at, patience=1.0)


def there(provider: FakeProvider, state: str = "running", **changes: str) -> Made:
    made = Made("i-9", "ami-amd", changes.get("type", "t2.nano"), state, dict(TAGS))
    provider.instances["i-9"] = made
    return made


async def test_a_deploy_makes_a_tagged_instance_of_the_smallest_type_and_waits_until_it_runs(
    cloud: Cloud, provider: FakeProvider
) -> None:
    journal = Journal("job-1")
    assert await cloud.deploy(MACHINE, journal) == Deployed(cloud.hosts()[0], "10.0.0.7", "i-0", None)
    made = provider.instances["i-0"]
    assert (made.image, made.type, made.state, made.token) == ("ami-amd", "t2.nano", "running", "job-1")
    assert made.tags == TAGS
    assert [one.name for one in journal.steps] == [
        "look for the instance",
        "choose an instance type",
        "run an instance",
        "wait until it is running",
    ]
    assert {(one.server, one.connection) for one in journal.steps} == {(cloud.hosts()[0], "13")}


async def test_a_deploy_that_comes_again_makes_no_second_instance(
    cloud: Cloud, provider: FakeProvider
) -> None:
    first = await cloud.deploy(MACHINE, Journal("job-1"))
    provider.honours_tokens = False
    assert await cloud.deploy(MACHINE, Journal("job-1")) == first
    assert await cloud.deploy(MACHINE, Journal("another job, after the first one's answer was lost")) == first
    assert provider.actions() == ["RunInstances"]


async def test_an_instance_that_is_not_listed_yet_is_found_by_the_jobs_token(
    cloud: Cloud, provider: FakeProvider
) -> None:
    first = await cloud.deploy(MACHINE, Journal("job-1"))
    provider.instances["i-0"].tags.clear()
    assert await cloud.deploy(MACHINE, Journal("job-1")) == first
    assert len(provider.instances) == 1


async def test_a_stopped_instance_is_started_by_a_deploy_and_an_ending_one_makes_room(
    cloud: Cloud, provider: FakeProvider
) -> None:
    made = there(provider, "stopped")
    assert (await cloud.deploy(MACHINE, Journal("job"))).provider_id == made.id
    made.state, made.age = "shutting-down", 0
    assert (await cloud.deploy(MACHINE, Journal("job"))).provider_id == "i-1"
    assert provider.actions() == ["StartInstances", "RunInstances"]


async def test_an_image_that_the_provider_does_not_have(cloud: Cloud, provider: FakeProvider) -> None:
    journal = Journal("job")
    with pytest.raises(
        Refused, match=r"InvalidAMIID.NotFound: The image id '\[ami-no\]' does not exist$"
    ) as no:
        await cloud.deploy(replace(MACHINE, disk=Disk("ami-no", "AMI")), journal)
    assert (no.value.fault, journal.at) == (cloud.hosts()[0], cloud.hosts()[0])
    with pytest.raises(Refused, match=r"^the request names no image to make an instance from$"):
        await cloud.deploy(replace(MACHINE, disk=None), journal)
    assert not provider.actions()


async def test_an_instance_that_ends_instead_of_running(cloud: Cloud, provider: FakeProvider) -> None:
    made = there(provider, "stopped")

    def end_once_it_was_started() -> None:
        if provider.actions():
            made.state = "terminated"

    provider.before["DescribeInstances"] = end_once_it_was_started
    with pytest.raises(Refused, match=r"^i-9 is terminated: by its user$"):
        await cloud.deploy(MACHINE, Journal("job"))


async def test_an_instance_that_never_runs(provider: FakeProvider, cloud: Cloud) -> None:
    there(provider, "pending")
    provider.stuck = True
    cloud._instances._patience = 0.02
    with pytest.raises(TimeoutError, match=r"^i-9 is not running after 0.02 s$"):
        await cloud.deploy(MACHINE, Journal("job"))


async def test_an_undeploy_waits_until_the_instance_is_gone_and_is_content_without_one(
    cloud: Cloud, provider: FakeProvider
) -> None:
    made = there(provider)
    await cloud.undeploy(MACHINE, Journal("job"))
    assert made.state == "terminated"
    await cloud.undeploy(MACHINE, Journal("job"))
    assert provider.actions() == ["TerminateInstances"]


async def test_an_instance_that_somebody_else_ended_in_between(cloud: Cloud, provider: FakeProvider) -> None:
    there(provider)
    provider.before["TerminateInstances"] = provider.instances.clear
    await cloud.undeploy(MACHINE, Journal("job"))
    assert provider.actions() == ["TerminateInstances"]


@pytest.mark.parametrize(
    ("work", "before", "after", "asked"),
    [
        ("power_on", "stopped", "running", ["StartInstances"]),
        ("power_on", "stopping", "running", ["StartInstances"]),
        ("power_on", "running", "running", []),
        ("resume", "stopped", "running", ["StartInstances"]),
        ("power_off", "running", "stopped", ["StopInstances"]),
        ("power_off", "pending", "stopped", ["StopInstances"]),
        ("power_off", "stopped", "stopped", []),
        ("reset", "running", "running", ["RebootInstances"]),
    ],
)
async def test_power(
    cloud: Cloud, provider: FakeProvider, work: str, before: str, after: str, asked: list[str]
) -> None:
    made = there(provider, before)
    await getattr(cloud, work)(MACHINE, Journal("job"))
    assert (made.state, provider.actions()) == (after, asked)


@pytest.mark.parametrize("work", ["power_on", "power_off", "resume", "reset", "reconfigure"])
async def test_work_on_an_instance_that_is_not_there(cloud: Cloud, work: str) -> None:
    with pytest.raises(Refused, match=r" has no instance of my <machine>$"):
        await getattr(cloud, work)(MACHINE, Journal("job"))


async def test_a_provider_has_no_pause(cloud: Cloud, provider: FakeProvider) -> None:
    there(provider)
    with pytest.raises(Refused, match=r"^my <machine>: a machine in a public cloud cannot be paused$"):
        await cloud.pause(MACHINE, Journal("job"))


BIGGER = replace(MACHINE, cpu=2, ram=4096, label="new")


async def test_a_running_instance_is_stopped_for_another_type_and_runs_again(
    cloud: Cloud, provider: FakeProvider
) -> None:
    made = there(provider)
    await cloud.reconfigure(BIGGER, Journal("job"))
    assert (made.type, made.state, made.tags) == ("t3.large", "running", {**TAGS, "Name": "new"})
    await cloud.reconfigure(BIGGER, Journal("job"))
    assert provider.actions() == [
        "CreateTags",
        "CreateTags",
        "StopInstances",
        "ModifyInstanceAttribute",
        "StartInstances",
        "DeleteTags",
    ]


async def test_a_stopped_instance_stays_stopped(cloud: Cloud, provider: FakeProvider) -> None:
    made = there(provider, "stopped")
    await cloud.reconfigure(BIGGER, Journal("job"))
    assert (made.type, made.state) == ("t3.large", "stopped")


@pytest.mark.parametrize(
    "action", ["StopInstances", "ModifyInstanceAttribute", "StartInstances", "DeleteTags"]
)
async def test_a_reconfiguration_that_is_interrupted_is_finished_by_the_next_try(
    cloud: Cloud, provider: FakeProvider, action: str
) -> None:
    made = there(provider)
    provider.failures[action] = [OSError("killed")]
    with pytest.raises(OSError, match="killed"):
        await cloud.reconfigure(BIGGER, Journal("job"))
    await cloud.reconfigure(BIGGER, Journal("job"))
    assert (made.type, made.state, made.tags) == ("t3.large", "running", {**TAGS, "Name": "new"})


async def test_an_abandoned_reconfiguration_starts_nothing_later(
    cloud: Cloud, provider: FakeProvider
) -> None:
    made = there(provider, "stopped")
    made.tags["abiquo-restart"] = "an older job"
    await cloud.reconfigure(BIGGER, Journal("job"))
    assert made.state == "stopped"


async def test_an_image_of_a_machine_is_made_once(cloud: Cloud, provider: FakeProvider) -> None:
    there(provider)
    job, target = Journal("12345678-90ab-cdef"), Disk("1/some/where: a snapshot.ami", "AMI")
    first = await cloud.instance(MACHINE, target, job)
    assert first == Disk("ami-2", "AMI", 2 << 30)
    assert provider.images["ami-2"][0] == "my -machine- 12345678-90ab"
    assert await cloud.instance(MACHINE, target, job) == first
    assert provider.actions() == ["CreateImage"]


async def test_what_the_monitor_sees(cloud: Cloud, provider: FakeProvider) -> None:
    for number, state in enumerate(["running", "stopped", "pending", "stopping", "terminated"]):
        tags = {"abiquo-uuid": f"u-{number}", "abiquo-name": f"ABQ_u-{number}"}
        provider.instances[state] = Made(state, "ami", "t", state, tags)
    provider.instances["foreign"] = Made("foreign", "ami", "t", "running", {"Name": "not ours"})
    provider.stuck = True
    host = cloud.hosts()[0]
    assert await cloud.states(host) == {
        "u-0": Sighting("ABQ_u-0", "ON", host),
        "u-1": Sighting("ABQ_u-1", "OFF", host),
        "u-2": Sighting("ABQ_u-2", "UNKNOWN", host),
        "u-3": Sighting("ABQ_u-3", "UNKNOWN", host),
    }
    assert await cloud.discover() == ()


async def test_nonsense_and_refusals_are_told_apart(cloud: Cloud, provider: FakeProvider) -> None:
    provider.failures["DescribeInstances"] = [
        Garbled("no XML"),
        ec2.Refused("AuthFailure", "who?"),
        OSError("x"),
    ]
    with pytest.raises(Unavailable, match=r": no XML$"):
        await cloud.states("any")
    with pytest.raises(Refused, match=r": AuthFailure: who\?$"):
        await cloud.states("any")
    with pytest.raises(OSError, match=r"^x$"):
        await cloud.states("any")


@pytest.mark.parametrize(
    ("cpu", "ram", "architecture", "name"),
    [
        (1, 16, "x86_64", "t2.nano"),
        (2, 16, "x86_64", "t3.nano"),
        (1, 513, "x86_64", "t3.large"),
        (1, 16, "arm64", "t4g.nano"),
    ],
)
async def test_the_smallest_type_that_fits(cpu: int, ram: int, architecture: str, name: str) -> None:
    types = await Provider(Target("ec2", "cloud", 443), FakeProvider().call).types()
    assert smallest(types, replace(MACHINE, cpu=cpu, ram=ram), architecture).name == name


async def test_no_type_fits() -> None:
    types = await Provider(Target("ec2", "cloud", 443), FakeProvider().call).types()
    with pytest.raises(Refused, match=r"^no instance type has 96 processors and 16 MiB for x86_64$"):
        smallest(types, replace(MACHINE, cpu=96), "x86_64")


def test_a_name_that_the_provider_takes() -> None:
    name = image_name("é" * 200, "12345678-90ab-cdef")
    assert name == "-" * 114 + " 12345678-90ab"
