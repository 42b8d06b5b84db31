"""Exit codes and messages of errors."""

from __future__ import annotations

import pytest

from labgen.errors import Difference, EngineMissing, InvalidInput, LabgenError, NotReady


@pytest.mark.parametrize(
    ("kind", "code"),
    [(LabgenError, 1), (InvalidInput, 2), (EngineMissing, 3), (NotReady, 4), (Difference, 5)],
)
def test_each_error_has_its_exit_code_and_can_be_caught_as_one(kind: type[LabgenError], code: int) -> None:
    with pytest.raises(LabgenError) as caught:
        raise kind("it broke")
    assert caught.value.exit_code == code
    assert type(caught.value) is kind


def test_hint_is_on_a_line_of_its_own() -> None:
    error = LabgenError("it broke", "Mend it.")
    assert (error.message, error.hint, str(error)) == ("it broke", "Mend it.", "it broke\nMend it.")


def test_no_hint_no_line() -> None:
    assert str(LabgenError("it broke")) == "it broke"
