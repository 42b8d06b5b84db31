"""Who is at fault, and where the API is for its users."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labgen.engine.observe import NodeState
from labgen.errors import LabgenError
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.smoke import run as module
from labgen.smoke.model import Fault

if TYPE_CHECKING:
    from labgen.catalogue.model import Catalogue
    from labgen.plan.model import LabPlan

SECRETS = {"api_admin_password": "pw", "ca": "pem"}


def test_the_published_address(small_plan: LabPlan) -> None:
    address = module.address_of(small_plan, SECRETS)
    assert (address.base, address.user) == ("https://localhost:8443", "admin")
    assert "pw" not in repr(address)


def test_a_lab_without_a_way_in(catalogue: Catalogue) -> None:
    plan = make_plan(catalogue, LabSpec(counts={"frontend": 0}), "closed")
    with pytest.raises(LabgenError, match="lab 'closed' publishes no port 'https'"):
        module.address_of(plan, SECRETS)


@pytest.mark.parametrize(
    ("sick", "named", "servers"),
    [
        ((), ("dc1-rs-1",), ("dc1-rs-1",)),
        (("dc1-nfs-1", "m-1"), ("dc1-rs-1",), ("dc1-nfs-1", "dc1-rs-1")),
        (("m-1",), (), ("m-1",)),
        ((), (), ()),
    ],
)
def test_who_is_not_well_on_the_way_comes_first(
    small_plan: LabPlan,
    monkeypatch: pytest.MonkeyPatch,
    sick: tuple[str, ...],
    named: tuple[str, ...],
    servers: tuple[str, ...],
) -> None:
    def observe(*_: Any) -> dict[str, Any]:
        return {
            node.name: SimpleNamespace(state=NodeState.HEALTHY)
            for node in small_plan.nodes
            if node.name not in sick
        }

    monkeypatch.setattr(module, "observe", observe)
    fault = Fault("deploy", "dc1", "no", named)
    engine: Any = None
    assert module.with_servers(engine, small_plan, fault).servers == servers
