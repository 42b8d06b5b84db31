"""What a provider of the EC2 protocol has, as its answers say it: instances, images, types of instances."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labgen_stub.wire.target import Garbled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

# The provider's states of an instance. One that is shutting down or terminated is gone for good, though the
# provider lists it for a while.
LIVE = ("pending", "running", "stopping", "stopped")
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Instance:
    """A virtual machine at the provider.

    Attributes:
        state: `pending`, `running`, `stopping`, `stopped`, `shutting-down` or `terminated`.
        reason: why it is in that state, in the provider's words; often empty.
        address: its public address, or else its private one; empty when it has none.
    """

    id: str
    state: str
    image: str
    type: str
    address: str = ""
    zone: str = ""
    reason: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image:
    """Something to make instances from; `size` is that of its root disk in bytes, 0 when not told."""

    id: str
    name: str
    description: str
    state: str
    architecture: str
    public: bool
    size: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A size of instances; `ram` in MiB."""

    name: str
    cpu: int
    ram: int
    architectures: tuple[str, ...]
    burstable: bool = False


def instance(item: Element) -> Instance:
    """Read an item of an `instancesSet`. Raises `Garbled`."""
    return Instance(
        id=_needed(item, "instanceId"),
        state=_needed(item, "instanceState/name"),
        image=_text(item, "imageId"),
        type=_text(item, "instanceType"),
        address=_text(item, "ipAddress") or _text(item, "privateIpAddress"),
        zone=_text(item, "placement/availabilityZone"),
        reason=_text(item, "stateReason/message"),
        tags=_tags(item),
    )


def image(item: Element) -> Image:
    """Read an item of an `imagesSet`. Raises `Garbled`."""
    root = _text(item, "rootDeviceName")
    sizes = [
        _text(one, "ebs/volumeSize")
        for one in item.findall("blockDeviceMapping/item")
        if _text(one, "deviceName") == root
    ]
    return Image(
        id=_needed(item, "imageId"),
        name=_text(item, "name"),
        description=_text(item, "description"),
        state=_text(item, "imageState"),
        architecture=_text(item, "architecture"),
        public=_text(item, "isPublic") == "true",
        size=_number(sizes[0]) * _GIB if sizes and sizes[0] else 0,
        tags=_tags(item),
    )


def instance_type(item: Element) -> InstanceType:
    """Read an item of an `instanceTypeSet`. Raises `Garbled`."""
    return InstanceType(
        name=_needed(item, "instanceType"),
        cpu=_number(_needed(item, "vCpuInfo/defaultVCpus")),
        ram=_number(_needed(item, "memoryInfo/sizeInMiB")),
        architectures=tuple(
            (one.text or "").strip() for one in item.findall("processorInfo/supportedArchitectures/item")
        ),
        burstable=_text(item, "burstablePerformanceSupported").lower() == "true",
    )


def _text(item: Element, path: str) -> str:
    # Some emulators write what they do not have as Python does.
    text = item.findtext(path, "").strip()
    return "" if text == "None" else text


def _needed(item: Element, path: str) -> str:
    text = _text(item, path)
    if not text:
        raise Garbled(f"an item of the answer has no {path}")
    return text


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Garbled(f"{text[:40]!r} is no number") from None


def _tags(item: Element) -> dict[str, str]:
    return {_text(one, "key"): one.findtext("value", "") for one in item.findall("tagSet/item")}
