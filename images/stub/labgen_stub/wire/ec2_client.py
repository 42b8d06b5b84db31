"""A client of a provider of the EC2 protocol: each method is one call, or one and its further pages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from labgen_stub.wire import ec2_model as model
from labgen_stub.wire.ec2 import Refused, call
from labgen_stub.wire.target import Garbled, Target

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from xml.etree.ElementTree import Element

    Call = Callable[[Target, str, Mapping[str, str]], Awaitable[Element]]

__all__ = ["Provider", "Refused"]

# An answer is read whole, and at most 1 MiB of it (wire.http): some four KiB for each instance.
_PAGE = 100
_MOST_PAGES = 1000
# Seconds for one call: a provider that is silent is asked again.
_CALL = 10.0


class Provider:
    """Asks one provider's endpoint.

    Every method raises `Refused` (the provider's last word), `OSError` (try again) and `Garbled` (no answer
    of this protocol).
    """

    def __init__(self, target: Target, ask: Call = call) -> None:
        """Keep where to ask; `ask` is the transport, which tests replace."""
        self._target, self._call = target, ask

    async def _ask(self, action: str, parameters: Mapping[str, str]) -> Element:
        limit = asyncio.timeout(_CALL)
        try:
            async with limit:
                return await self._call(self._target, action, parameters)
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimeoutError(f"{action}: no answer within {_CALL:g} s") from None

    async def regions(self) -> tuple[str, ...]:
        """Return the names of the provider's regions."""
        root = await self._ask("DescribeRegions", {})
        return tuple(one.text or "" for one in root.findall("regionInfo/item/regionName"))

    async def run(
        self, token: str, image: str, instance_type: str, tags: Mapping[str, str]
    ) -> model.Instance:
        """Make one instance, tagged from its beginning; a token that was used already gives its instance."""
        root = await self._ask(
            "RunInstances",
            {
                "ImageId": image,
                "InstanceType": instance_type,
                "MinCount": "1",
                "MaxCount": "1",
                "ClientToken": token,
                **_specified("instance", tags),
            },
        )
        items = root.findall("instancesSet/item")
        if len(items) != 1:
            raise Garbled(f"RunInstances made {len(items)} instances, asked for one")
        return model.instance(items[0])

    async def instances(
        self, filters: Mapping[str, str] | None = None, states: Iterable[str] = model.LIVE
    ) -> tuple[model.Instance, ...]:
        """Return the instances in one of `states` that every filter (`tag:Name`, say) lets through."""
        wanted = {
            **{name: (value,) for name, value in (filters or {}).items()},
            "instance-state-name": tuple(states),
        }
        return tuple(
            model.instance(item)
            for root in await self._pages("DescribeInstances", _filters(wanted))
            for item in root.findall("reservationSet/item/instancesSet/item")
        )

    async def images(self, filters: Mapping[str, str] | None = None) -> tuple[model.Image, ...]:
        """Return the images of the region."""
        wanted = {name: (value,) for name, value in (filters or {}).items()}
        pages = await self._pages("DescribeImages", _filters(wanted))
        return tuple(model.image(item) for root in pages for item in root.findall("imagesSet/item"))

    async def image(self, image: str) -> model.Image:
        """Return one image by its identity; one that is not there is refused."""
        root = await self._ask("DescribeImages", {"ImageId.1": image})
        item = root.find("imagesSet/item")
        if item is None:
            raise Refused("InvalidAMIID.NotFound", f"The image id '[{image}]' does not exist")
        return model.image(item)

    async def types(self) -> tuple[model.InstanceType, ...]:
        """Return the sizes of instances that the region offers, but for whole machines (bare metal)."""
        pages = await self._pages("DescribeInstanceTypes", {})
        return tuple(
            model.instance_type(item)
            for root in pages
            for item in root.findall("instanceTypeSet/item")
            if item.findtext("bareMetal", "").lower() != "true"
        )

    async def start(self, instance: str) -> None:
        """Start an instance that is stopped; it runs some time later."""
        await self._ask("StartInstances", {"InstanceId.1": instance})

    async def stop(self, instance: str) -> None:
        """Stop an instance, which keeps its disk; it is stopped some time later."""
        await self._ask("StopInstances", {"InstanceId.1": instance})

    async def terminate(self, instance: str) -> None:
        """End an instance and its disk for good; it is gone some time later."""
        await self._ask("TerminateInstances", {"InstanceId.1": instance})

    async def reboot(self, instance: str) -> None:
        """Start a running instance anew."""
        await self._ask("RebootInstances", {"InstanceId.1": instance})

    async def resize(self, instance: str, instance_type: str) -> None:
        """Give a stopped instance another type."""
        await self._ask(
            "ModifyInstanceAttribute", {"InstanceId": instance, "InstanceType.Value": instance_type}
        )

    async def tag(self, resource: str, tags: Mapping[str, str]) -> None:
        """Set tags of an instance or image."""
        await self._ask("CreateTags", {"ResourceId.1": resource, **_numbered("Tag", tags)})

    async def untag(self, resource: str, key: str) -> None:
        """Remove a tag; one that is not there is well."""
        await self._ask("DeleteTags", {"ResourceId.1": resource, "Tag.1.Key": key})

    async def create_image(self, instance: str, name: str, tags: Mapping[str, str]) -> str:
        """Begin to make an image of an instance's disk; return its identity."""
        root = await self._ask(
            "CreateImage",
            {
                "InstanceId": instance,
                "Name": name,
                **_specified("image", tags),
            },
        )
        if not (made := root.findtext("imageId", "")):
            raise Garbled("CreateImage: the answer names no image")
        return made

    async def deregister(self, image: str) -> None:
        """Forget an image; instances that were made of it go on."""
        await self._ask("DeregisterImage", {"ImageId": image})

    async def _pages(self, action: str, parameters: Mapping[str, str]) -> list[Element]:
        """Ask until there is no further page."""
        pages: list[Element] = []
        token = ""
        while len(pages) < _MOST_PAGES:
            further = {"NextToken": token} if token else {}
            pages.append(await self._ask(action, {**parameters, "MaxResults": str(_PAGE), **further}))
            following = pages[-1].findtext("nextToken", "").strip()
            if not following:
                return pages
            if following == token:
                raise Garbled(f"{action}: the same page again")
            token = following
        raise Garbled(f"{action}: more than {_MOST_PAGES} pages")


def _numbered(prefix: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags as numbered parameters."""
    found: dict[str, str] = {}
    for number, (key, value) in enumerate(tags.items(), 1):
        found |= {f"{prefix}.{number}.Key": key, f"{prefix}.{number}.Value": value}
    return found


def _specified(kind: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags for a thing that is about to be made; the protocol takes no empty specification."""
    if not tags:
        return {}
    return {"TagSpecification.1.ResourceType": kind, **_numbered("TagSpecification.1.Tag", tags)}


def _filters(wanted: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return filters as numbered parameters."""
    found: dict[str, str] = {}
    for number, (name, values) in enumerate(wanted.items(), 1):
        found[f"Filter.{number}.Name"] = name
        found |= {f"Filter.{number}.Value.{index}": value for index, value in enumerate(values, 1)}
    return found
