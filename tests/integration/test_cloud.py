"""The cloud provider's image by itself, asked by the region's own client and backend."""

from __future__ import annotations

import asyncio
import ssl
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import pytest
from docker.models.containers import Container
from labgen_stub.messages import Disk, Machine
from labgen_stub.settings import Neighbour
from labgen_stub.webapps.remote.backends.ec2 import Cloud
from labgen_stub.webapps.remote.journal import Journal
from labgen_stub.wire import Target
from labgen_stub.wire.ec2 import Refused, speak
from labgen_stub.wire.ec2_client import Provider
from labgen_stub.wire.ec2_model import LIVE
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from labgen.engine.build import build_images, missing_images
from labgen.engine.client import connect
from labgen.engine.stock import shipped_images
from labgen.render.certificates import issue_certificates

T = TypeVar("T")
SECRET = "a-secret-of-this-test"
DEBIAN = "ami-0de13a64de13a6402"
ALL = (*LIVE, "shutting-down", "terminated")


@dataclass
class Running:
    """A provider that runs, and how to ask it."""

    container: Container
    ca: str
    port: int

    def target(self, secret: str = SECRET, access: str = "labgen") -> Target:
        secrets = {"ca": self.ca, "cloud_secret_key": secret, "cloud_access_key": access}
        return Target("ec2", "localhost", self.port, secrets=secrets)

    @property
    def provider(self) -> Provider:
        return Provider(self.target())

    def find_port(self) -> None:
        self.container.reload()
        places = self.container.ports["443/tcp"] or [{"HostPort": "0"}]
        self.port = int(places[0]["HostPort"])

    def wait(self) -> None:
        """Until it speaks, for two minutes: a loaded machine takes its time."""

        async def ask() -> None:
            async with asyncio.timeout(120):
                while True:
                    try:
                        await speak(self.target())
                    except OSError:
                        await asyncio.sleep(0.1)
                    else:
                        return

        asyncio.run(ask())


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The image as a lab starts it: no capability that stays, a root file system that is read-only."""
    folder = tmp_path_factory.mktemp("cloud")
    issue_certificates(folder, ["cloud"])
    (folder / "cloud_secret_key").write_text(SECRET)
    engine = connect()
    # Only what is needed: all images would take minutes where others were changed.
    needed = [one for one in shipped_images() if one.name in {"base", "python", "cloud"}]
    build_images(engine, missing_images(engine, needed), print)
    tag = next(one.tag for one in needed if one.name == "cloud")
    volume = engine.sdk.volumes.create()
    # Its helper would come from an image registry, which no lab needs.
    testcontainers_config.ryuk_disabled = True
    container = DockerContainer(
        tag,
        cap_drop=["ALL"],
        cap_add=["NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL"],
        security_opt=["no-new-privileges:true"],
        read_only=True,
        init=True,
        sysctls={"net.ipv4.ip_unprivileged_port_start": "0"},
        volumes=[
            (str(folder / "cloud.crt"), "/etc/labgen/tls.crt", "ro"),
            (str(folder / "cloud.key"), "/run/secrets/tls.key", "ro"),
            (str(folder / "cloud_secret_key"), "/run/secrets/cloud_secret_key", "ro"),
            (volume.name, "/var/lib/labgen-cloud", "rw"),
        ],
    )
    container.with_tmpfs_mount("/tmp").with_tmpfs_mount("/run/labgen", "mode=0700,uid=900,gid=900,size=8m")  # noqa: S108
    # Published for this machine alone: the engine's own form, which the library hands on.
    container.ports["443/tcp"] = ("127.0.0.1", None)  # type: ignore[assignment]
    try:
        with container:
            running = Running(container.get_wrapped_container(), (folder / "ca.crt").read_text(), 0)
            running.find_port()
            running.wait()
            yield running
    finally:
        volume.remove(force=True)


def backend(running: Running) -> Cloud:
    return Cloud(running.provider, Neighbour("42", "cloud", "pcr1-cloud-1", "ec2", 443))


def ask(question: Callable[[], Awaitable[T]]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(120):
            return await question()

    return asyncio.run(bounded())


def machine(name: str) -> Machine:
    return Machine(name, f"ABQ_{name}", f"True <{name}> & co", 1, 16, disk=Disk(DEBIAN, "AMI"))


def test_a_user_recognises_the_images_and_finds_the_types(cloud: Running) -> None:
    images = {one.name: one for one in ask(cloud.provider.images) if one.public}
    assert sorted(images) == [
        "alpine-3.22-x86_64",
        "debian-12-amd64",
        "debian-13-amd64",
        "debian-13-arm64",
        "ubuntu-24.04-amd64",
    ]
    assert images["debian-13-arm64"].architecture == "arm64"
    types = {one.name: (one.cpu, one.ram) for one in ask(cloud.provider.types)}
    assert (types["t2.nano"], types["m5.large"]) == ((1, 512), (2, 8192))
    assert "us-east-1" in ask(cloud.provider.regions)


def test_the_life_of_a_machine(cloud: Running) -> None:
    """Every piece of work through the region's backend, each state seen by the monitor's question."""
    works, one = backend(cloud), machine("life")

    def seen() -> str:
        found = ask(lambda: works.states("pcr1-cloud-1")).get("life")
        return found.state if found else "GONE"

    deployed = ask(lambda: works.deploy(one, Journal("life-1")))
    assert deployed.host == "pcr1-cloud-1"
    assert deployed.provider_id.startswith("i-")
    assert deployed.address.count(".") == 3
    assert deployed.display is None
    assert seen() == "ON"
    (made,) = ask(lambda: cloud.provider.instances({"instance-id": deployed.provider_id}))
    assert made.type == "t2.nano"
    assert made.tags == {"Name": "True <life> & co", "abiquo-uuid": "life", "abiquo-name": "ABQ_life"}
    ask(lambda: works.reset(one, Journal("life-2")))
    ask(lambda: works.power_off(one, Journal("life-3")))
    assert seen() == "OFF"
    ask(lambda: works.power_on(one, Journal("life-4")))
    assert seen() == "ON"
    ask(lambda: works.reconfigure(replace(one, cpu=2, ram=4096, label="new"), Journal("life-5")))
    (made,) = ask(lambda: cloud.provider.instances({"tag:abiquo-uuid": "life"}))
    assert (made.state, made.type, made.tags["Name"]) == ("running", "t2.medium", "new")
    taken = ask(lambda: works.instance(one, Disk("1/x/picture", "AMI"), Journal("life-6")))
    assert taken == ask(lambda: works.instance(one, Disk("1/x/picture", "AMI"), Journal("life-6")))
    image = ask(lambda: cloud.provider.image(taken.path))
    assert (image.name, image.state, image.architecture) == ("True -life- - co life-6", "available", "x86_64")
    ask(lambda: works.undeploy(one, Journal("life-7")))
    assert seen() == "GONE"
    ask(lambda: works.undeploy(one, Journal("life-7")))


def test_states_take_their_time(cloud: Running) -> None:
    async def watched() -> list[str]:
        provider = cloud.provider
        made = await provider.run("slow", DEBIAN, "t2.nano", {})
        states = [made.state]
        for goal, begin in (
            ("running", None),
            ("stopped", provider.stop),
            ("terminated", provider.terminate),
        ):
            if begin is not None:
                await begin(made.id)
            while states[-1] != goal:
                (now,) = await provider.instances({"instance-id": made.id}, ALL)
                if now.state != states[-1]:
                    states.append(now.state)
        return states

    states = ask(watched)
    order = ["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
    # On a busy machine one that passes by itself may pass between two looks.
    assert states == [one for one in order if one in states]
    assert {"pending", "running", "stopped", "terminated"} <= set(states)


def test_a_token_makes_one_instance_also_when_it_is_asked_twice_at_once(cloud: Running) -> None:
    async def at_once() -> set[str]:
        wanted = [cloud.provider.run("same", DEBIAN, "t2.nano", {"k": "same"}) for _ in range(8)]
        return {one.id for one in await asyncio.gather(*wanted)}

    made = ask(at_once)
    assert len(made) == 1
    assert {one.id for one in ask(lambda: cloud.provider.instances({"tag:k": "same"}))} == made
    with pytest.raises(
        Refused, match=r"^IdempotentParameterMismatch: The request uses the same client token"
    ):
        ask(lambda: cloud.provider.run("same", DEBIAN, "t3.nano", {"k": "same"}))
    ask(lambda: cloud.provider.terminate(made.pop()))


def test_refusals(cloud: Running) -> None:
    provider = cloud.provider
    made = ask(lambda: provider.run("refused", DEBIAN, "t2.nano", {"k": "refused"}))

    async def until(state: str) -> None:
        while True:
            if await provider.instances({"instance-id": made.id}, [state]):
                return
            await asyncio.sleep(0.05)

    refusals: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        ("InvalidInstanceID.NotFound: The instance ID 'i-123' ", lambda: provider.start("i-123")),
        ("InvalidAMIID.NotFound: ", lambda: provider.image("ami-12345678")),
        ("InvalidAMIID.NotFound: ", lambda: provider.run("r1", "ami-12345678", "t2.nano", {})),
        ("InvalidInstanceType.NotFound: ", lambda: provider.run("r2", DEBIAN, "zz.nano", {})),
        (
            "IncorrectInstanceState: .* is not in the 'stopped' state",
            lambda: provider.resize(made.id, "t3.nano"),
        ),
        ("InvalidAction: The action Nonsense is not valid", lambda: provider._ask("Nonsense", {})),
        (
            "InvalidParameterValue: The token 'x' ",
            lambda: provider._ask("DescribeInstances", {"NextToken": "x"}),
        ),
        ("InvalidAMIName.Duplicate: ", lambda: provider.create_image(made.id, "debian-13-amd64", {"a": "b"})),
    ]
    for said, question in refusals:
        with pytest.raises(Refused, match=f"^{said}"):
            ask(question)
    ask(lambda: until("running"))
    ask(lambda: provider.stop(made.id))
    with pytest.raises(Refused, match=r"^IncorrectInstanceState: .* can be started: it is stopping\.$"):
        ask(lambda: provider.start(made.id))
    ask(lambda: until("stopped"))
    with pytest.raises(Refused, match=r"^InvalidInstanceAttributeValue: Invalid value 'zz.nano'"):
        ask(lambda: provider.resize(made.id, "zz.nano"))
    ask(lambda: provider.terminate(made.id))
    for action in ("StartInstances", "StopInstances", "RebootInstances"):
        with pytest.raises(Refused, match=r"^IncorrectInstanceState: "):
            ask(partial(provider._ask, action, {"InstanceId.1": made.id}))
    ask(lambda: provider.terminate(made.id))


def test_who_does_not_hold_the_key_is_not_answered(cloud: Running) -> None:
    with pytest.raises(Refused, match=r"^SignatureDoesNotMatch: "):
        ask(lambda: Provider(cloud.target("another")).images())
    with pytest.raises(Refused, match=r"^AuthFailure: "):
        ask(lambda: Provider(cloud.target(access="somebody")).images())
    context = ssl.create_default_context(cadata=cloud.ca)

    def unsigned(path: str) -> int:
        try:
            with urllib.request.urlopen(f"https://localhost:{cloud.port}{path}", context=context) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    assert unsigned("/?Action=DescribeRegions&Version=2016-11-15") == 200
    assert unsigned("/?Action=DescribeInstances&Version=2016-11-15") == 403
    assert unsigned("/moto-api/reset") == 404
    assert unsigned("/latest/meta-data/") == 404


def test_pages(cloud: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labgen_stub.wire.ec2_client._PAGE", 3)

    async def many() -> tuple[set[str], list[str]]:
        wanted = [cloud.provider.run(f"page-{one}", DEBIAN, "t2.nano", {"k": "page"}) for one in range(7)]
        made = {one.id for one in await asyncio.gather(*wanted)}
        found = [one.id for one in await cloud.provider.instances({"tag:k": "page"})]
        await asyncio.gather(*(cloud.provider.terminate(one) for one in made))
        return made, found

    made, found = ask(many)
    assert len(found) == 7
    assert set(found) == made


def test_a_client_that_says_nothing_keeps_nobody_waiting(cloud: Running) -> None:
    async def beside() -> str:
        _, writer = await asyncio.open_connection("localhost", cloud.port)
        try:
            async with asyncio.timeout(10):
                return await speak(cloud.target())
        finally:
            writer.close()

    assert ask(beside).startswith("DescribeRegions: ")


def test_a_killed_provider_forgets_nothing_that_it_answered(cloud: Running) -> None:
    works = backend(cloud)
    running, stopped = machine("kept-1"), machine("kept-2")
    first = ask(lambda: works.deploy(running, Journal("kept-1")))
    ask(lambda: works.deploy(stopped, Journal("kept-2")))
    ask(lambda: works.power_off(stopped, Journal("kept-3")))
    picture = ask(lambda: works.instance(running, Disk("kept", "AMI"), Journal("kept-4")))
    before = ask(lambda: cloud.provider.instances({"tag-key": "abiquo-uuid"}))
    cloud.container.kill()
    cloud.container.start()
    cloud.find_port()
    cloud.wait()
    works = backend(cloud)
    assert ask(lambda: cloud.provider.instances({"tag-key": "abiquo-uuid"})) == before
    seen = ask(lambda: works.states("pcr1-cloud-1"))
    assert {name: one.state for name, one in seen.items()} == {"kept-1": "ON", "kept-2": "OFF"}
    assert ask(lambda: cloud.provider.image(picture.path)).name == "True -kept-1- - co kept-4"
    again = ask(lambda: cloud.provider.run("kept-1", DEBIAN, "t2.nano", dict(before[0].tags)))
    assert again.id == first.provider_id, "its token is remembered too"
    for one in (running, stopped):
        ask(partial(works.undeploy, one, Journal("kept-5")))
    assert ask(lambda: works.states("pcr1-cloud-1")) == {}


def test_nothing_of_it_runs_as_root_and_it_complains_of_nothing(cloud: Running) -> None:
    top = cloud.container.top(ps_args="-eo uid,pid,args")
    assert {
        row[0] for row in top["Processes"] if "labgen_cloud" in row[2] and "docker-init" not in row[2]
    } == {"900"}
    said = cloud.container.logs().decode()
    assert "Traceback" not in said, said
    assert SECRET not in said
