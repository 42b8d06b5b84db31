"""AM takes templates in whole or not at all, and lets the API decide who may."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.messages import Disk, TemplateEvent
from labgen_stub.settings import Neighbour, Settings
from labgen_stub.web.errors import answer_error
from labgen_stub.webapps.remote import am, qemu_img
from labgen_stub.webapps.remote.am import access as access_module
from labgen_stub.webapps.remote.am.access import Access
from labgen_stub.webapps.remote.am.repository import Templates
from labgen_stub.webapps.remote.am.resources import Resources
from labgen_stub.wire import Garbled
from labgen_stub.wire.http import Response as Answer
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

pytestmark = pytest.mark.anyio
pytest.importorskip("python_multipart")
VMDK = b"KDMV" + bytes(5000)
INFO = {
    "name": "a new template",
    "description": "this is a test",
    "diskFileFormat": "VMDK_SPARSE",
    "requiredCpu": 1,
    "requiredRamInMB": 256,
}
PLACE = "/am/erepos/1/templates"


class Office:
    """AM with an API that lets everybody in, until the test says otherwise."""

    def __init__(self, share: Any, client: httpx.AsyncClient, told: list[TemplateEvent]) -> None:
        self.share, self.client, self.told = share, client, told

    async def post(self, info: Any = None, content: bytes = VMDK, **options: Any) -> httpx.Response:
        text = info if isinstance(info, str) else json.dumps({**INFO, **(info or {})})
        files: Any = {"diskInfo": (None, text), "diskFile": ("disk.vmdk", content)}
        return await self.client.post(PLACE, files=options.pop("files", files), **options)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    said: dict[str, Any] = {"status": 200, "asked": [], "error": None, "admin": True}

    async def request(target: Any, path: str, *, headers: Any, tls: Any) -> Answer:
        said["asked"].append((target.host, path, dict(headers)["Authorization"]))
        assert tls is None
        if said["error"]:
            raise said["error"]
        links = [{"rel": "roles"}] if said["admin"] else [{"rel": "role", "title": "USER"}]
        return Answer(said["status"], {}, json.dumps({"links": links}).encode())

    monkeypatch.setattr(access_module, "http_request", request)
    monkeypatch.setattr(access_module, "client_tls", lambda _: None)
    return said


@pytest.fixture
def access(settings: Callable[..., Settings]) -> Access:
    class Node:
        pass

    node: Any = Node()
    node.settings = settings("am", neighbours=(Neighbour("28", "frontend", "frontend-1", "https", 443),))
    return Access(node)


@pytest.fixture
async def office(
    share: Any, api: dict[str, Any], access: Access, client_of: Callable[..., httpx.AsyncClient]
) -> AsyncIterator[Office]:
    assert api["status"] == 200
    told: list[TemplateEvent] = []

    async def tell(event: TemplateEvent) -> None:
        told.append(event)

    routes = Resources("am", "dc1", Templates(share), access, tell).routes()
    application = Starlette(routes=routes, exception_handlers={HTTPException: answer_error})
    async with client_of(application) as client:
        client.headers["Authorization"] = "Basic dTpw"
        yield Office(share, client, told)


async def test_a_template_goes_in_and_comes_out(office: Office) -> None:
    answer = await office.post()
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"http://front.example{PLACE}/a-new-template/a-new-template.vmdk"
    document = answer.json()
    assert document["diskFileSize"] == len(VMDK)
    disk = Disk("1/a-new-template/a-new-template.vmdk", "VMDK_SPARSE", len(VMDK))
    assert office.share.files[disk.path] == VMDK
    [event] = office.told
    assert (event.datacenter, event.enterprise, event.state, event.name) == ("dc1", 1, "DONE", INFO["name"])
    assert (event.disk, event.cpu, event.ram, event.description) == (disk, 1, 256, "this is a test")
    [listed] = (await office.client.get(PLACE)).json()["collection"]
    assert listed == document
    for link in document["links"]:
        back = await office.client.get(link["href"])
        assert (back.status_code, back.content) == (200, VMDK)
        assert back.headers["content-length"] == str(len(VMDK))
    status = await office.client.get(answer.headers["location"], params={"format": "status"})
    assert status.json() == document


async def test_a_bare_disk_is_described_by_the_query(office: Office) -> None:
    async def content() -> AsyncIterator[bytes]:
        for at in range(0, len(VMDK), 100):
            yield VMDK[at : at + 100]

    query = {"name": "bare", "diskFileFormat": "VMDK_SPARSE", "requiredRamInMB": "64"}
    answer = await office.client.post(PLACE, params=query, content=content())
    assert answer.status_code == 201
    assert office.share.files["1/bare/bare.vmdk"] == VMDK
    assert office.told[0].ram == 64


async def test_what_is_said_may_come_after_the_disk(office: Office) -> None:
    answer = await office.post(files={"diskFile": ("d", VMDK), "diskInfo": (None, json.dumps(INFO))})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ("no json", "diskInfo is no JSON"),
        ("[]", "diskInfo is no JSON object"),
        ({"name": ""}, "name needs a letter or digit"),
        ({"name": "../.."}, "name needs a letter or digit"),
        ({"name": "a\nb"}, "name must be one line"),
        ({"name": 7}, "name must be one line"),
        ({"diskFileFormat": "VHD_FLAT"}, "diskFileFormat must be one of RAW"),
        ({"diskFileFormat": "QCOW2_SPARSE"}, "no disk of format QCOW2_SPARSE"),
        ({"requiredCpu": 0}, "requiredCpu must be a number"),
        ({"requiredRamInMB": "much"}, "requiredRamInMB must be a number"),
    ],
)
async def test_what_is_no_template_leaves_nothing_behind(office: Office, info: Any, words: str) -> None:
    answer = await office.post(info)
    assert answer.status_code == 400
    assert words in answer.json()["collection"][0]["message"]
    assert office.share.files == {}
    assert office.told == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"diskInfo": (None, json.dumps(INFO))}, "needs diskInfo and diskFile"),
        ({"diskFile": ("d", VMDK)}, "needs diskInfo and diskFile"),
        ({"diskInfo": (None, json.dumps(INFO)), "diskFile": ("d", b"")}, "The disk is empty"),
        ({"diskInfo": (None, "x" * 70000), "diskFile": ("d", VMDK)}, "diskInfo is too large"),
    ],
)
async def test_a_form_that_lacks_something_is_refused(office: Office, files: Any, words: str) -> None:
    answer = await office.post(files=files)
    assert answer.status_code == 400
    assert words in answer.json()["collection"][0]["message"]
    assert office.share.files == {}


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("multipart/form-data", b"x", "without a boundary"),
        ("multipart/form-data; boundary=b", b"x", "malformed"),
        ("multipart/form-data; boundary=b", b"--b\r\n", "ends too early"),
        ("multipart/form-data; boundary=b", b"", "ends too early"),
    ],
)
async def test_a_form_that_is_none_is_refused(office: Office, kind: str, body: bytes, words: str) -> None:
    answer = await office.client.post(PLACE, content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert words in answer.json()["collection"][0]["message"]
    assert office.share.files == {}


async def test_a_template_that_is_there_stays_as_it_is(office: Office) -> None:
    assert (await office.post()).status_code == 201
    again = await office.post(content=VMDK + b"other")
    assert again.status_code == 409
    assert office.share.files["1/a-new-template/a-new-template.vmdk"] == VMDK
    assert len(office.share.files) == 2
    assert len(office.told) == 1


async def test_without_room_nothing_is_begun(office: Office) -> None:
    office.share.free = 100
    assert (await office.post()).status_code == 507
    assert office.share.files == {}


@pytest.mark.parametrize(("number", "status"), [(28, 507), (122, 507), (5, 503)])
async def test_a_share_that_fails_in_the_middle_keeps_nothing(
    office: Office, number: int, status: int
) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield VMDK
        office.share.trouble = [OSError(number, "no")]
        yield VMDK

    query = {"name": "bare", "diskFileFormat": "VMDK_SPARSE"}
    answer = await office.client.post(PLACE, params=query, content=content())
    assert answer.status_code == status
    assert office.share.files == {}


async def test_a_template_is_deleted_with_its_conversions(office: Office) -> None:
    where = (await office.post()).headers["location"]
    office.share.files["1/a-new-template/a-new-template.vmdk-raw.raw"] = b"x"
    office.share.files["1/other/other.raw"] = b"x"
    assert (await office.client.delete(where)).status_code == 204
    assert list(office.share.files) == ["1/other/other.raw"]
    assert office.told[-1].state == "DELETED"
    assert (await office.client.delete(where)).status_code == 404


async def test_an_instance_that_a_hypervisor_left_is_a_template(office: Office) -> None:
    office.share.files["1/t-1/t-1.qcow2"] = b"x"
    await office.share.make_folders("1/t-1")
    [found] = (await office.client.get(PLACE)).json()["collection"]
    assert (found["name"], found["diskFileFormat"], found["diskFileSize"]) == ("t-1", "QCOW2_SPARSE", 1)
    assert (await office.client.delete(f"{PLACE}/t-1/t-1.qcow2")).status_code == 204
    assert office.share.files == {}


@pytest.mark.parametrize(
    "path",
    [
        "x/y.raw",
        "x",
        "..%2F..%2Fetc/passwd",
        "x/.template.json",
        ".labgen-part-1",
        "a/b/c",
        "x/y%00",
        "x%5Cy/z",
    ],
)
async def test_no_path_leads_astray(office: Office, path: str) -> None:
    office.share.files["x/.template.json"] = b"{}"
    assert (await office.client.get(f"{PLACE}/{path}")).status_code == 404
    assert (await office.client.delete(f"{PLACE}/{path}")).status_code == 404
    assert list(office.share.files) == ["x/.template.json"]


@pytest.mark.parametrize(("said", "status"), [(401, 401), (403, 403), (404, 404), (500, 503), (302, 403)])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_the_api_decides(
    office: Office, api: dict[str, Any], said: int, status: int, method: str
) -> None:
    api["status"] = said
    path = f"{PLACE}/x/x.raw" if method == "DELETE" else PLACE
    answer = await office.client.request(method, path)
    assert answer.status_code == status
    assert api["asked"] == [("frontend-1", "/api/admin/enterprises/1", "Basic dTpw")]
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_only_an_administrator_changes_anything(
    office: Office, api: dict[str, Any], method: str
) -> None:
    api["admin"] = False
    assert (await office.client.get(PLACE)).status_code == 200
    path = f"{PLACE}/x/x.raw" if method == "DELETE" else PLACE
    assert (await office.client.request(method, path)).status_code == 403
    assert [path for _, path, _ in api["asked"]][-1] == "/api/login"


async def test_who_says_nothing_of_himself_is_asked_for_it(office: Office, api: dict[str, Any]) -> None:
    del office.client.headers["Authorization"]
    assert (await office.client.get(PLACE)).status_code == 401
    assert api["asked"] == []


async def test_a_yes_holds_a_while_and_for_nobody_else(office: Office, api: dict[str, Any]) -> None:
    for _ in range(3):
        assert (await office.client.get(PLACE)).status_code == 200
    assert len(api["asked"]) == 1
    await office.client.get(PLACE, headers={"Authorization": "Basic b3RoZXI="})
    await office.client.get("/am/erepos/2/templates")
    assert len(api["asked"]) == 3
    api["status"] = 403
    assert (await office.client.delete(f"{PLACE}/x/x.raw")).status_code == 403, "to read is not to change"


async def test_an_api_that_cannot_be_asked_lets_nobody_in(office: Office, api: dict[str, Any]) -> None:
    api["error"] = ConnectionRefusedError("refused")
    assert (await office.client.get(PLACE)).status_code == 503


async def test_the_labs_template_is_put_there_once(share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Boot:
        NAME, DESCRIPTION, CPU, RAM = "labgen-boot", "boots", 1, 16

        @staticmethod
        def boot_disk() -> bytes:
            return b"boot"

    async def convert(source: Any, source_format: str, target: Any, target_format: str) -> None:
        assert (source_format, target_format) == ("RAW", "VMDK_SPARSE")
        target.write_bytes(b"KDMV" + source.read_bytes())

    monkeypatch.setattr(am, "import_module", lambda _: Boot)
    monkeypatch.setattr(qemu_img, "convert", convert)
    await am.seed(Templates(share))
    await am.seed(Templates(share))
    assert share.files["1/labgen-boot/labgen-boot.vmdk"] == b"KDMVboot"
    [found] = await Templates(share).listing(1)
    assert (found.name, found.cpu, found.ram) == ("labgen-boot", 1, 16)


async def test_what_cannot_be_told_now_is_told_later_in_order() -> None:
    told: list[str] = []
    deaf = [True]

    async def publish(event: TemplateEvent) -> None:
        if deaf[0]:
            raise Garbled("not connected to RabbitMQ")
        told.append(event.name)

    announcer = am.Announcer(publish)
    events = [TemplateEvent("dc1", 1, "DONE", name, Disk("1/a/a.raw", "RAW")) for name in "abc"]
    await announcer.tell(events[0])
    untold = "the repository's templates have not been told yet"
    assert await announcer.fault() == untold
    announcer.begun()
    assert await announcer.fault() == untold, "one waits"
    deaf[0] = False
    await announcer.tell(events[1])
    running = asyncio.create_task(announcer.run())
    async with asyncio.timeout(3):
        while told != ["a", "b"]:  # noqa: ASYNC110 - what is waited for is in other hands
            await asyncio.sleep(0.01)
    await announcer.tell(events[2])
    assert told == ["a", "b", "c"]
    assert await announcer.fault() == ""
    running.cancel()
    await asyncio.wait([running])
