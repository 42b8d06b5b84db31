"""The EC2 protocol: what is signed, how answers are read, what a refusal says, pages."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import pytest
from labgen_stub.wire import Garbled, Target, ec2, ec2_client
from labgen_stub.wire.ec2 import Refused, authorization, call, parse, speak
from labgen_stub.wire.ec2_client import Provider
from labgen_stub.wire.http import Response

from tests.unit.stub.provider import FakeProvider, Made

pytestmark = pytest.mark.anyio
TARGET = Target("ec2", "cloud", 443, {}, {"cloud_access_key": "KEY", "cloud_secret_key": "secret", "ca": ""})


class Endpoint:
    """Stands for the connection: gives one answer, and remembers what was sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, status: int, body: str) -> None:
        self.answer = Response(status, {"content-type": "text/xml"}, body.encode())
        self.sent: dict[str, Any] = {}
        monkeypatch.setattr(ec2, "request", self._request)
        monkeypatch.setattr(ec2, "client_tls", lambda _: None)

    async def _request(self, target: Target, path: str, **given: Any) -> Response:
        self.sent = {"target": target, "path": path, **given}
        return self.answer


def error(code: str, message: str) -> str:
    what = f"<Code>{code}</Code><Message>{message}</Message>"
    return f"<Response><Errors><Error>{what}</Error></Errors></Response>"


def test_a_signature_covers_host_time_body_key_and_region() -> None:
    """The first is what botocore signs for the same request; no two others are alike."""
    usual = {
        "host": "cloud",
        "body": b"Action=DescribeRegions",
        "when": "20260102T030405Z",
        "access_key": "KEY",
        "secret_key": "secret",
        "region": "us-east-1",
    }
    changes = {
        "host": "clown",
        "body": b"x",
        "when": "20260102T030406Z",
        "secret_key": "other",
        "region": "us-east-2",
    }
    first = authorization(**usual)  # type: ignore[arg-type]
    assert first == (
        "AWS4-HMAC-SHA256 Credential=KEY/20260102/us-east-1/ec2/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=55d2123384264d73f48fc80d947a8fccb0a66030f30f3e42fcd94fd6d2b50cb2"
    )
    others = {authorization(**{**usual, name: value})[-64:] for name, value in changes.items()}  # type: ignore[arg-type]
    assert len({first[-64:], *others}) == 1 + len(changes)


async def test_a_call_is_signed_over_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(
        monkeypatch, 200, '<StopInstancesResponse xmlns="urn:x"><a>1</a></StopInstancesResponse>'
    )
    root = await call(TARGET, "StopInstances", {"InstanceId.1": "i-1 & more"})
    assert root.findtext("a") == "1"
    sent, headers = endpoint.sent["body"], dict(endpoint.sent["headers"])
    assert sent == b"Action=StopInstances&Version=2016-11-15&InstanceId.1=i-1+%26+more"
    assert headers["Authorization"] == authorization("cloud", sent, headers["X-Amz-Date"], "KEY", "secret")
    assert headers["Host"] == "cloud"


async def test_a_refusal_is_told_in_the_providers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    Endpoint(monkeypatch, 400, error("InvalidInstanceID.NotFound", "The instance\n ID 'i-1' does not exist"))
    with pytest.raises(
        Refused, match=r"^InvalidInstanceID.NotFound: The instance ID 'i-1' does not exist$"
    ) as caught:
        await call(TARGET, "StopInstances")
    assert caught.value.code == "InvalidInstanceID.NotFound"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, error("RequestLimitExceeded", "Slow down"), "^StopInstances: RequestLimitExceeded Slow down$"),
        (400, error("RequestLimitExceeded", "Slow down"), "^StopInstances: RequestLimitExceeded Slow down$"),
        (500, "<html>oops", "^StopInstances: 500$"),
    ],
)
async def test_trouble_at_the_provider_is_a_reason_to_ask_again(
    monkeypatch: pytest.MonkeyPatch, status: int, body: str, said: str
) -> None:
    Endpoint(monkeypatch, status, body)
    with pytest.raises(ConnectionError, match=said):
        await call(TARGET, "StopInstances")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, "<OtherResponse/>", "^StopInstances: the answer is a OtherResponse$"),
        (200, "not at all", "^no XML: "),
        (404, "nothing here", r"^StopInstances: 404 \(text/xml\) nothing here$"),
    ],
)
async def test_what_is_not_the_protocol_is_garbled(
    monkeypatch: pytest.MonkeyPatch, status: int, body: str, said: str
) -> None:
    Endpoint(monkeypatch, status, body)
    with pytest.raises(Garbled, match=said):
        await call(TARGET, "StopInstances")


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>',
        '<!DOCTYPE a SYSTEM "http://elsewhere/a.dtd"><a/>',
    ],
)
def test_an_answer_that_declares_entities_is_not_read(body: str) -> None:
    with pytest.raises(Garbled, match=r"^the answer declares a document type$"):
        parse(body.encode())


async def test_the_probe_counts_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(
        monkeypatch,
        200,
        "<DescribeRegionsResponse><regionInfo><item><regionName>a</regionName></item></regionInfo>"
        "</DescribeRegionsResponse>",
    )
    assert await speak(TARGET) == "DescribeRegions: 1 regions"
    endpoint.answer = Response(HTTPStatus.FORBIDDEN, {}, error("AuthFailure", "No").encode())
    with pytest.raises(Garbled, match=r"^DescribeRegions: AuthFailure: No$"):
        await speak(TARGET)


async def test_every_page_is_read() -> None:
    fake = FakeProvider(page=3)
    fake.instances = {f"i-{one}": Made(f"i-{one}", "ami", "t", "running", {"k": "v"}) for one in range(8)}
    found = await Provider(TARGET, fake.call).instances({"tag:k": "v"})
    assert [one.id for one in found] == [f"i-{one}" for one in range(8)]
    assert [given.get("NextToken") for _, given in fake.asked] == [None, "3", "6"]


async def test_a_page_that_names_itself_is_the_end() -> None:
    async def answer(*_: Any) -> Any:
        return parse(b"<DescribeImagesResponse><nextToken>again</nextToken></DescribeImagesResponse>")

    with pytest.raises(Garbled, match=r"^DescribeImages: the same page again$"):
        await Provider(TARGET, answer).images()


async def test_a_silent_provider_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(ec2_client, "_CALL", 0.01)
    with pytest.raises(TimeoutError, match=r"^DescribeRegions: no answer within 0.01 s$"):
        await Provider(TARGET, answer).regions()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("<item><instanceId>i-1</instanceId></item>", "^an item of the answer has no instanceState/name$"),
        ("", "^RunInstances made 0 instances, asked for one$"),
    ],
)
async def test_an_answer_that_lacks_what_matters(answer: str, said: str) -> None:
    async def run(*_: Any) -> Any:
        return parse(
            f"<RunInstancesResponse><instancesSet>{answer}</instancesSet></RunInstancesResponse>".encode()
        )

    with pytest.raises(Garbled, match=said):
        await Provider(TARGET, run).run("job", "ami", "t3.nano", {})
