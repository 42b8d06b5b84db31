"""A provider of the EC2 protocol in memory: the answers' shapes are the protocol's, the words ours.

Its states change as a real one's do: what is asked for has come true at the second look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from labgen_stub.wire import Target
from labgen_stub.wire.ec2 import Refused, parse

_ON_THE_WAY = {"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}
NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


@dataclass
class Made:
    """An instance as this provider keeps it; `age` counts how often it was looked at in its state."""

    id: str
    image: str
    type: str
    state: str
    tags: dict[str, str]
    token: str = ""
    age: int = 0


@dataclass
class FakeProvider:
    """Answers calls; `asked` keeps them in order, `failures` are raised one by one instead of an answer.

    What is in `before` happens at the provider just before it does the action.
    """

    instances: dict[str, Made] = field(default_factory=dict)
    images: dict[str, tuple[str, str, dict[str, str]]] = field(
        default_factory=lambda: {
            "ami-amd": ("debian", "x86_64", {}),
            "ami-arm": ("debian arm", "arm64", {}),
        }
    )
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    page: int = 100
    honours_tokens: bool = True
    stuck: bool = False

    async def call(self, _: Target, action: str, parameters: Mapping[str, str]) -> Element:
        given = dict(parameters)
        self.asked.append((action, given))
        if waiting := self.failures.get(action):
            raise waiting.pop(0)
        if action in self.before:
            self.before[action]()
        body = getattr(self, f"_{action}")(given)
        text = f'<{action}Response xmlns="{NAMESPACE}">{body}</{action}Response>'
        return parse(text.encode())

    def actions(self, *, looks: bool = False) -> list[str]:
        """What was asked for, in order; questions that change nothing only on demand."""
        return [one for one, _ in self.asked if looks or not one.startswith("Describe")]

    def _RunInstances(self, given: dict[str, str]) -> str:  # noqa: N802 - the protocol's name
        known = [one for one in self.instances.values() if one.token == given["ClientToken"]]
        if not (known and self.honours_tokens):
            name = f"i-{len(self.instances)}"
            made = Made(
                name,
                given["ImageId"],
                given["InstanceType"],
                "pending",
                _tags(given, "TagSpecification.1.Tag"),
                given["ClientToken"],
            )
            self.instances[name] = made
            known = [made]
        return f"<instancesSet>{_instance(known[0])}</instancesSet>"

    def _DescribeInstances(self, given: dict[str, str]) -> str:  # noqa: N802
        wanted = _filters(given)
        for one in self.instances.values():
            one.age += 1
            if one.age > 1 and one.state in _ON_THE_WAY and not self.stuck:
                one.state = _ON_THE_WAY[one.state]
        fitting = [one for one in self.instances.values() if _fits(one, wanted)]
        first = int(given.get("NextToken", "0"))
        last = first + self.page
        items = "".join(
            f"<item><instancesSet>{_instance(one)}</instancesSet></item>" for one in fitting[first:last]
        )
        more = f"<nextToken>{last}</nextToken>" if last < len(fitting) else ""
        return f"<reservationSet>{items}</reservationSet>{more}"

    def _DescribeRegions(self, _: dict[str, str]) -> str:  # noqa: N802
        names = "".join(f"<item><regionName>{one}</regionName></item>" for one in ("north-1", "south-1"))
        return f"<regionInfo>{names}</regionInfo>"

    def _DescribeImages(self, given: dict[str, str]) -> str:  # noqa: N802
        if "ImageId.1" in given and given["ImageId.1"] not in self.images:
            raise Refused("InvalidAMIID.NotFound", f"The image id '[{given['ImageId.1']}]' does not exist")
        wanted = {name[4:]: values for name, values in _filters(given).items() if name.startswith("tag:")}
        return (
            "<imagesSet>"
            + "".join(
                f"<item><imageId>{one}</imageId><name>{name}</name><description>None</description>"
                f"<imageState>available</imageState><isPublic>true</isPublic>"
                f"<architecture>{architecture}</architecture><rootDeviceName>/dev/sda1</rootDeviceName>"
                "<blockDeviceMapping><item><deviceName>/dev/sda1</deviceName><ebs><volumeSize>2</volumeSize>"
                f"</ebs></item></blockDeviceMapping>{_tag_set(tags)}</item>"
                for one, (name, architecture, tags) in self.images.items()
                if given.get("ImageId.1", one) == one
                and all(tags.get(key) in values for key, values in wanted.items())
            )
            + "</imagesSet>"
        )

    def _DeregisterImage(self, given: dict[str, str]) -> str:  # noqa: N802
        if self.images.pop(given["ImageId"], None) is None:
            raise Refused("InvalidAMIID.NotFound", f"The image id '[{given['ImageId']}]' does not exist")
        return "<return>true</return>"

    def _DescribeInstanceTypes(self, _: dict[str, str]) -> str:  # noqa: N802
        rows = [
            ("t2.nano", 1, 512, "x86_64", "true", "False"),
            ("t3.nano", 2, 512, "x86_64", "true", "False"),
            ("m5.large", 2, 8192, "x86_64", "false", "False"),
            ("t3.large", 2, 8192, "x86_64", "true", "False"),
            ("m5.metal", 96, 393216, "x86_64", "false", "True"),
            ("t4g.nano", 2, 512, "arm64", "true", "False"),
        ]
        return (
            "<instanceTypeSet>"
            + "".join(
                f"<item><instanceType>{name}</instanceType><bareMetal>{metal}</bareMetal>"
                f"<burstablePerformanceSupported>{burst}</burstablePerformanceSupported>"
                f"<vCpuInfo><defaultVCpus>{cpu}</defaultVCpus></vCpuInfo>"
                f"<memoryInfo><sizeInMiB>{ram}</sizeInMiB></memoryInfo>"
                f"<processorInfo><supportedArchitectures><item>\n {kind}\n</item></supportedArchitectures>"
                "</processorInfo></item>"
                for name, cpu, ram, kind, burst, metal in rows
            )
            + "</instanceTypeSet>"
        )

    def _StartInstances(self, given: dict[str, str]) -> str:  # noqa: N802
        return self._go(given, "pending")

    def _StopInstances(self, given: dict[str, str]) -> str:  # noqa: N802
        return self._go(given, "stopping")

    def _TerminateInstances(self, given: dict[str, str]) -> str:  # noqa: N802
        return self._go(given, "shutting-down")

    def _RebootInstances(self, given: dict[str, str]) -> str:  # noqa: N802
        self._of(given["InstanceId.1"])
        return "<return>true</return>"

    def _ModifyInstanceAttribute(self, given: dict[str, str]) -> str:  # noqa: N802
        made = self._of(given["InstanceId"])
        if made.state != "stopped":
            raise Refused(
                "IncorrectInstanceState", f"The instance '{made.id}' is not in the 'stopped' state."
            )
        made.type = given["InstanceType.Value"]
        return "<return>true</return>"

    def _CreateTags(self, given: dict[str, str]) -> str:  # noqa: N802
        self._of(given["ResourceId.1"]).tags.update(_tags(given, "Tag"))
        return "<return>true</return>"

    def _DeleteTags(self, given: dict[str, str]) -> str:  # noqa: N802
        self._of(given["ResourceId.1"]).tags.pop(given["Tag.1.Key"], None)
        return "<return>true</return>"

    def _CreateImage(self, given: dict[str, str]) -> str:  # noqa: N802
        made = f"ami-{len(self.images)}"
        self.images[made] = (given["Name"], "x86_64", _tags(given, "TagSpecification.1.Tag"))
        return f"<imageId>{made}</imageId>"

    def _go(self, given: dict[str, str], state: str) -> str:
        made = self._of(given["InstanceId.1"])
        made.state, made.age = state, 0
        return "<instancesSet/>"

    def _of(self, name: str) -> Made:
        if name not in self.instances:
            raise Refused("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
        return self.instances[name]


def _instance(one: Made) -> str:
    return (
        f"<item><instanceId>{one.id}</instanceId><imageId>{one.image}</imageId><instanceType>{one.type}"
        f"</instanceType><instanceState><name>{one.state}</name></instanceState>"
        "<placement><availabilityZone>north-1a</availabilityZone></placement>"
        "<privateIpAddress>10.0.0.7</privateIpAddress>"
        "<stateReason><message>by its user</message></stateReason>"
        f"{_tag_set(one.tags)}</item>"
    )


def _tag_set(tags: Mapping[str, str]) -> str:
    items = "".join(
        f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>" for key, value in tags.items()
    )
    return f"<tagSet>{items}</tagSet>"


def _tags(given: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        value: given[f"{name.removesuffix('Key')}Value"]
        for name, value in given.items()
        if name.startswith(f"{prefix}.") and name.endswith(".Key")
    }


def _filters(given: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in given.items():
        if name.startswith("Filter.") and name.endswith(".Name"):
            prefix = f"{name.removesuffix('Name')}Value."
            found[value] = [text for key, text in given.items() if key.startswith(prefix)]
    return found


def _fits(one: Made, wanted: Mapping[str, list[str]]) -> bool:
    has: dict[str, set[str]] = {
        "instance-state-name": {one.state},
        "instance-id": {one.id},
        "tag-key": set(one.tags),
        **{f"tag:{key}": {value} for key, value in one.tags.items()},
    }
    return all(has.get(name, set()) & set(values) for name, values in wanted.items())
