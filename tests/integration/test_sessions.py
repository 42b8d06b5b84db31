"""Sessions on a real lab, through the front end: refused, begun, expired, and begun again."""

from __future__ import annotations

import httpx
import pytest

from labgen.engine.state import LabState
from labgen.plan.model import LabPlan
from labgen.smoke.client import Address
from labgen.smoke.run import address_of
from labgen.verify.lab import lab_secrets

from .conftest import Cli

_CHALLENGE = 'Basic realm="Abiquo"'
#: Half an hour after its last use (platform's own choice, see the API's tokens).
_LIFETIME = 30 * 60


@pytest.fixture(scope="module")
def address(cli: Cli, small: LabPlan) -> Address:
    return address_of(small, lab_secrets(LabState(small.name, cli.state / "labs" / small.name)))


@pytest.fixture
def client(address: Address) -> httpx.Client:
    return httpx.Client(base_url=address.base, verify=address.tls(), timeout=30, trust_env=False)


def in_redis(cli: Cli, small: LabPlan, *command: str) -> list[str]:
    """Return what the platform's Redis answers."""
    return cli.run("exec", "--lab", small.name, "redis-1", "redis-cli", *command).stdout.split()


@pytest.mark.parametrize("auth", [None, ("admin", "wrong"), ("nobody", "wrong")])
def test_strangers_are_challenged(client: httpx.Client, auth: tuple[str, str] | None) -> None:
    with client:
        answer = client.get("/api/login", auth=auth)
    assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, _CHALLENGE)
    assert "x-abiquo-token" not in answer.headers


def test_a_token_expires_and_the_password_gives_another(
    cli: Cli, small: LabPlan, client: httpx.Client, address: Address
) -> None:
    before = set(in_redis(cli, small, "--scan", "--pattern", "abiquo:api:token:*"))
    with client:
        token = client.get("/api/login", auth=(address.user, address.password)).headers["x-abiquo-token"]
        session = {"Authorization": f"Token {token}"}
        assert client.get("/api/login", headers=session).status_code == 200
        (key,) = set(in_redis(cli, small, "--scan", "--pattern", "abiquo:api:token:*")) - before
        assert 0 < int(in_redis(cli, small, "TTL", key)[0]) <= _LIFETIME
        # Its half hour is over at once.
        assert in_redis(cli, small, "PEXPIRE", key, "1") == ["1"]
        answer = client.get("/api/login", headers=session)
        assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, _CHALLENGE)
        again = client.get("/api/login", auth=(address.user, address.password))
    assert again.status_code == 200
    assert again.headers["x-abiquo-token"] != token
