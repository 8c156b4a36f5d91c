"""What tests of exercises share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from course_utils.exercises import check


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str, Any], str]:
    """Return a function that checks an answer and returns what was printed."""

    def checked(number: str, answer: Any) -> str:
        capsys.readouterr()
        assert check(number, answer) is None
        return capsys.readouterr().out

    return checked
