"""The templates of a datacenter on its share: listed, taken in, given out, deleted."""

from __future__ import annotations

import errno
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from labgen_stub.messages import Disk
from labgen_stub.web.errors import ApiError
from labgen_stub.webapps.remote.am import templates
from labgen_stub.webapps.remote.am.templates import ABOUT, Template

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from labgen_stub.links.share import Share
    from labgen_stub.webapps.remote.am.uploads import Upload

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ABOUT_SIZE = 64 << 10


def trouble(error: OSError) -> ApiError:
    """Return what a client is told when the share fails."""
    if error.errno in _FULL:
        return full()
    if isinstance(error, FileNotFoundError):
        return ApiError(HTTPStatus.NOT_FOUND, "TEMPLATE-0", "There is no such template")
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "AM-REPOSITORY", "The repository cannot be used now")


def full() -> ApiError:
    """507."""
    return ApiError(
        HTTPStatus.INSUFFICIENT_STORAGE, "AM-REPOSITORY-FULL", "The repository has no room for this template"
    )


class Templates:
    """All of one share. Every method raises OSError when the share fails."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._coming: set[str] = set()

    async def enterprises(self) -> list[int]:
        """Return the enterprises that have a folder."""
        entries = await self._share.listing("")
        return sorted(int(one.name) for one in entries if one.folder and one.name.isdecimal())

    async def listing(self, enterprise: int) -> list[Template]:
        """Return an enterprise's templates, by their folders' names."""
        try:
            folders = await self._share.listing(str(enterprise))
        except FileNotFoundError:
            return []
        found = [await self._kept(enterprise, one.name) for one in folders if one.folder]
        return [one for one in found if one is not None]

    async def get(self, enterprise: int, path: str) -> Template:
        """Return one template. Raises FileNotFoundError, `ApiError` 404."""
        found = await self._kept(enterprise, templates.checked(path).partition("/")[0])
        if found is None or found.disk.path != f"{enterprise}/{path}":
            raise FileNotFoundError(errno.ENOENT, "no such template", path)
        return found

    async def _kept(self, enterprise: int, folder: str) -> Template | None:
        try:
            about = await self._share.content(f"{enterprise}/{folder}/{ABOUT}", _ABOUT_SIZE)
        except FileNotFoundError:
            return await self._bare(enterprise, folder)
        found = templates.kept(enterprise, about)
        if found is None:
            return None
        try:
            size = await self._share.size(found.disk.path)
        except FileNotFoundError:
            return None
        return replace(found, disk=Disk(found.disk.path, found.disk.format, size))

    async def _bare(self, enterprise: int, folder: str) -> Template | None:
        """Return a disk of which nothing is said: a hypervisor put it there (an instance)."""
        try:
            files = await self._share.listing(f"{enterprise}/{folder}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        for one in files:
            if found := templates.bare(enterprise, folder, one.name, one.size):
                return found
        return None

    def read(self, template: Template) -> AsyncIterator[bytes]:
        """Yield a template's disk."""
        return self._share.read(template.disk.path)

    async def put(self, enterprise: int, upload: Upload, announced: int = 0) -> Template:
        """Take a template in, whole or not at all; `announced` is how many bytes are said to come.

        Raises:
            ApiError: 400 for what is no template, 409 for one that is there, 507 without room.
        """
        if announced > (await self._share.space()).free:
            raise full()
        part = await self._share.begin(str(enterprise))
        beginning = bytearray()

        async def watched() -> AsyncIterator[bytes]:
            async for chunk in upload.content:
                if len(beginning) < _LONGEST_MAGIC:
                    beginning.extend(chunk[:_LONGEST_MAGIC])
                yield chunk

        try:
            size = await self._share.append(part, watched())
            template = templates.described(enterprise, upload.info)
            templates.check_content(template.disk.format, bytes(beginning))
            return await self._named(part, replace(template, disk=replace(template.disk, size=size)))
        except BaseException:
            with suppress(OSError):
                await self._share.unlink(part)
            raise

    async def _named(self, part: str, template: Template) -> Template:
        """Give what was written its place."""
        if template.folder in self._coming:
            raise _there(template)
        self._coming.add(template.folder)
        try:
            if await self._kept(template.enterprise, template.folder.partition("/")[2]) is not None:
                raise _there(template)
            await self._share.make_folders(template.folder)
            await self._share.rename(part, template.disk.path)
            # Last: a template is there when this is.
            await self.describe(template)
        finally:
            self._coming.discard(template.folder)
        return template

    async def describe(self, template: Template) -> None:
        """Write what is said of a disk beside it."""

        async def content() -> AsyncIterator[bytes]:
            yield template.dump()

        async with self._share.writing(f"{template.folder}/{ABOUT}") as part:
            await self._share.append(part, content())

    async def delete(self, enterprise: int, path: str) -> Template:
        """Delete a template with its conversions. Raises FileNotFoundError, `ApiError` 404."""
        template = await self.get(enterprise, path)
        # First: what is half deleted is no template any more.
        await self._share.unlink(f"{template.folder}/{ABOUT}")
        with suppress(FileNotFoundError):
            for one in await self._share.listing(template.folder):
                if not one.folder:
                    await self._share.unlink(f"{template.folder}/{one.name}")
        return template


_LONGEST_MAGIC = 128


def _there(template: Template) -> ApiError:
    return ApiError(HTTPStatus.CONFLICT, "TEMPLATE-EXISTS", f"A template {template.name!r} is there already")
