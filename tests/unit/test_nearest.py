"""The name somebody probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labgen.nearest import did_you_mean

if TYPE_CHECKING:
    from labgen.catalogue.model import Catalogue


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("rabitmq", "rabbitmq"),
        ("fronted", "frontend"),
        ("zookeper", "zookeeper"),
        ("hypervisr", "hypervisor"),
        ("apy", "api"),
        ("rss", "rs"),
        # `m` is in these names, and yet a long way from them
        ("mysl", "mysql"),
        ("mysq", "mysql"),
    ],
)
def test_role_that_was_meant(catalogue: Catalogue, wrong: str, meant: str) -> None:
    assert did_you_mean(wrong, catalogue.roles) == f" (did you mean '{meant}'?)"


@pytest.mark.parametrize("wrong", ["xx", "web", "mongo", "memory", ""])
def test_nothing_near(catalogue: Catalogue, wrong: str) -> None:
    assert did_you_mean(wrong, catalogue.roles) == ""


def test_nothing_known() -> None:
    assert did_you_mean("api", []) == ""


def test_the_order_of_the_known_names_does_not_matter() -> None:
    assert did_you_mean("dc3", ["dc2", "dc1"]) == did_you_mean("dc3", ["dc1", "dc2"]) != ""
