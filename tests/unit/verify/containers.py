"""An engine that makes one container: the SDK's low-level client, as far as a probe needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from docker.errors import APIError

__all__ = ["OneContainer"]


@dataclass(kw_only=True)
class OneContainer:
    """Notes what it is called for; `refused` is the call that it refuses, with the words of `why`."""

    refused: str = ""
    why: str = "no"
    calls: list[str] = field(default_factory=list)
    limits: dict[str, Any] = field(default_factory=dict)
    created: dict[str, Any] = field(default_factory=dict)

    def did(self, call: str) -> None:
        self.calls.append(call)
        if call == self.refused:
            raise APIError("no", explanation=self.why)

    def create_host_config(self, **limits: Any) -> dict[str, Any]:
        self.limits = limits
        return limits

    def create_container(self, image: str, **how: Any) -> dict[str, str]:
        self.did("create")
        self.created = {"image": image, **how}
        return {"Id": "id"}

    def start(self, _identity: str) -> None:
        self.did("start")

    def remove_container(self, _identity: str, *, force: bool) -> None:
        assert force
        self.did("remove")
