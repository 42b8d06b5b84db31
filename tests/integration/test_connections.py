"""Every documented connection is spoken in its protocol, from its source's own network namespace."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest

from labgen.assets import images_dir
from labgen.catalogue.load import default_catalogue
from labgen.images import read_images
from labgen.plan.build import make_plan
from labgen.plan.model import LabPlan
from labgen.plan.parse import parse_spec
from labgen.verify.expect import Expected, expected_dialogues
from labgen.verify.measure import PROBE_IMAGE, Measured, Outcome, measure

from .conftest import Cli


def _promised() -> list[Expected]:
    catalogue = default_catalogue()
    return expected_dialogues(make_plan(catalogue, parse_spec(catalogue, size="small"), "small"))


@pytest.fixture(scope="module")
def results(small: LabPlan, cli: Cli) -> dict[str, Measured]:
    folder = cli.state / "labs" / small.name
    secrets = {path.name: path.read_text() for path in (folder / "secrets").iterdir() if path.is_file()}
    secrets["ca"] = (folder / "tls" / "ca.crt").read_text()
    secrets["console_token"] = _console_token(small, folder)
    probe = read_images(images_dir())[PROBE_IMAGE].tag
    return {one.expected.id: one for one in measure(small.name, probe, expected_dialogues(small), secrets)}


def _console_token(plan: LabPlan, folder: Path) -> str:
    """Ask the API, from this machine and through the front end, for the right to see a VM's console."""
    address = next(one.address for one in plan.published if one.name == "https")
    trusted = ssl.create_default_context(cafile=str(folder / "tls" / "ca.crt"))
    answer = httpx.post(
        f"https://{address}/api/cloud/consoles",
        auth=("admin", (folder / "secrets" / "api_admin_password").read_text()),
        json={"host": "dc1-hypervisor-1", "port": 5900},
        verify=trusted,
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


@pytest.mark.parametrize("promised", _promised(), ids=lambda one: one.id)
def test_documented_connection_is_spoken(promised: Expected, results: dict[str, Measured]) -> None:
    found = results[promised.id]
    assert found.outcome is Outcome.SPOKEN, found.evidence


def test_every_role_pair_of_the_catalogue_is_among_them(small: LabPlan) -> None:
    spoken = {(one.connection.source, one.connection.destination) for one in expected_dialogues(small)}
    assert spoken == {(row.source, row.destination) for row in small.connections}
    assert len(small.connections) == 49
