"""Numbers in paths: Starlette's `int`, but never longer than a database's number."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class Number(Convertor[int]):
    """Up to 18 digits. Longer ones match no route: Python refuses to read numbers of some thousand digits."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        """Read one."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Write one."""
        return str(value)


def register() -> None:
    """Take the place of `int` in routes made from now on."""
    register_url_convertor("int", Number())
