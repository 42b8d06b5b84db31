"""What an adapter is asked to speak to, and the two ways in which speaking fails by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Garbled(Exception):
    """The connection stands, but the answer is not what the protocol (or the question) demands."""


class Misuse(Exception):
    """The question cannot be put: an unknown protocol, a missing secret or a missing tool.

    Never evidence about the target.
    """


@dataclass(frozen=True, slots=True)
class Target:
    """One place to speak to.

    Attributes:
        protocol: the name the caller used; adapters that serve two names look at it.
        host: a name or a numeric address.
        transport: `tcp`, `udp` or `vrrp`; of interest to protocols that have both.
        options: particulars of the question, such as `path` or `database`; each adapter names its own.
        secrets: passwords and the like by secret name; `ca` is a CA certificate in PEM.
        patience: how long single waits inside a dialogue may take, in seconds. The caller bounds the
            whole dialogue; this is for adapters whose work cannot be cancelled from outside.
    """

    protocol: str
    host: str
    port: int
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    patience: float = 3.0
    transport: str = "tcp"

    def secret(self, name: str) -> str:
        """Return a secret that the dialogue needs.

        Raises:
            Misuse: the caller did not hand it over.
        """
        try:
            return self.secrets[name]
        except KeyError:
            raise Misuse(f"secret {name} is missing") from None

    def option(self, name: str, default: str) -> str:
        """Return a textual option with its default."""
        return str(self.options.get(name, default))
