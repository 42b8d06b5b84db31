"""A client of the platform's REST API that knows the entry point and follows links (platform.md 2.3)."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import httpx

from labgen.smoke.model import StepFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = ["Address", "Document", "Platform", "entity", "href", "patience"]

Document = dict[str, Any]
_TIMEOUT = 15.0
_SOONEST, _LATEST = 0.15, 2.0  # seconds between two looks
_ABOUT = (0.75, 1.25)
_ENDED = frozenset({"FINISHED_SUCCESSFULLY", "FINISHED_UNSUCCESSFULLY"})
_TOKEN = "X-Abiquo-Token"  # noqa: S105 - the name of a header


async def patience(began: float) -> None:
    """Wait before the next look at what is under way since `began` (of time.monotonic).

    A fifth of what it took so far: an end is seen soon after it came, and many clients at once do not ask
    so often that the platform has time for nothing else. A little more or less than that, so that those who
    began together do not ask together for ever.
    """
    seconds = min(max((time.monotonic() - began) / 5, _SOONEST), _LATEST)
    await asyncio.sleep(seconds * random.uniform(*_ABOUT))  # noqa: S311 - no secret


def entity(name: str) -> str:
    """Return the media type of an entity of the platform."""
    return f"application/vnd.abiquo.{name}+json"


def href(document: Mapping[str, Any], rel: str) -> str:
    """Return where the link `rel` of a document leads. Raises StepFailed when it has none."""
    found = next((one["href"] for one in document.get("links", ()) if one.get("rel") == rel), None)
    if found is None:
        known = ", ".join(sorted({str(one.get("rel")) for one in document.get("links", ())}))
        raise StepFailed(f"the answer has no link '{rel}'; it has {known or 'none'}")
    return str(found)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a lab is found, and who asks. `ca` is the lab's certificate authority in PEM."""

    base: str
    user: str
    password: str = field(repr=False)
    ca: str = field(repr=False)

    def tls(self) -> ssl.SSLContext:
        """Return a context that trusts this lab and nobody else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.ca)
        return context


class Platform:
    """One user's session. Each method raises StepFailed with what the platform said."""

    def __init__(self, address: Address, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.address = address
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=50)
        self._http = httpx.AsyncClient(
            base_url=address.base,
            verify=address.tls() if transport is None else True,
            timeout=_TIMEOUT,
            limits=limits,
            transport=transport,
            trust_env=False,
        )
        self.answers: list[float] = []

    async def __aenter__(self) -> Self:
        """Open the session."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close its connections."""
        await self._http.aclose()

    @property
    def authorization(self) -> dict[str, str]:
        """The header with which this user is known."""
        return {"Authorization": self._http.headers.get("Authorization", "")}

    async def login(self) -> Document:
        """Exchange the password for a token, which is used from then on; return the user."""
        basic = httpx.BasicAuth(self.address.user, self.address.password)
        answer = await self._ask("GET", "/api/login", auth=basic)
        token = answer.headers.get(_TOKEN)
        if not token:
            raise StepFailed(f"the answer to the login has no {_TOKEN}")
        self._http.headers["Authorization"] = f"Token {token}"
        return _document(answer)

    async def get(self, where: str, **parameters: str | int) -> Document:
        """Return the document at `where`."""
        began = time.perf_counter()
        answer = await self._ask("GET", where, params=parameters or None)
        self.answers.append((time.perf_counter() - began) * 1000)
        return _document(answer)

    async def every(self, where: str) -> AsyncIterator[Document]:
        """Yield each entity of a collection, page by page."""
        following: str | None = where
        while following:
            page = await self.get(following)
            for one in page.get("collection", ()):
                yield one
            following = next((one["href"] for one in page.get("links", ()) if one.get("rel") == "next"), None)

    async def post(self, where: str, kind: str, document: Document | None = None) -> Document:
        """Make an entity, or ask for an action; without a document nothing is sent."""
        return await self._send("POST", where, kind, document)

    async def put(self, where: str, kind: str, document: Document) -> Document:
        """Change an entity."""
        return await self._send("PUT", where, kind, document)

    async def delete(self, where: str) -> None:
        """Remove an entity."""
        await self._ask("DELETE", where)

    async def finished(self, accepted: Document, seconds: float) -> Document:
        """Wait for the task of an accepted request; return it when it ended well."""
        where, task = href(accepted, "status"), Document()
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                # The platform tells tasks by asking (W18); its stream tells the machine, not the task.
                while task.get("state") not in _ENDED:
                    await patience(began)
                    task = await self.get(where)
        except TimeoutError:
            raise StepFailed(
                f"task {task.get('taskId', where)} is {task.get('state', 'unknown')} after {seconds:g} s",
                str(task.get("fault") or ""),
            ) from None
        if task["state"] == "FINISHED_UNSUCCESSFULLY":
            raise StepFailed(str(task.get("error") or "the task failed"), str(task.get("fault") or ""))
        return task

    async def _send(self, method: str, where: str, kind: str, document: Document | None) -> Document:
        headers = {"Content-Type": entity(kind)} if document is not None else {}
        return _document(await self._ask(method, where, json=document, headers=headers))

    async def _ask(self, method: str, where: str, **how: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, where, **how)
        except httpx.HTTPError as error:
            raise StepFailed(
                f"{method} {_path(where)}: {str(error) or type(error).__name__} at {self.address.base}"
            ) from error
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise StepFailed(f"{method} {_path(where)}: {answer.status_code} {_complaint(answer)}".rstrip())
        return answer


def _path(where: str) -> str:
    return httpx.URL(where).path


def _document(answer: httpx.Response) -> Document:
    """Return the JSON of an answer; nothing for none. Raises StepFailed for anything else."""
    if not answer.content:
        return {}
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StepFailed(f"{answer.request.method} {answer.request.url.path}: the answer is no JSON document")
    return found


def _complaint(answer: httpx.Response) -> str:
    """Return the platform's own words for an error, or the server's that answered in its place."""
    try:
        errors = answer.json()["collection"]
        return "; ".join(f"{one['message']} ({one['code']})" for one in errors)
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase
