"""Fixtures for the tests of exercises."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from course_utils.exercises import check

pytest.register_assert_rewrite("answers")


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str, Any], str]:
    """Return a function that checks an answer and returns what was printed, with wrapped lines joined again."""

    def checked(number: str, answer: Any) -> str:
        capsys.readouterr()
        assert check(number, answer) is None
        return re.sub(r"\n +(?! |Hint: )", " ", capsys.readouterr().out)

    return checked


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of `answers` on each right and each wrong answer in the file that imports them."""
    for name in {"right", "wrong"} & set(metafunc.fixturenames):
        listed = getattr(metafunc.module, name.upper())
        metafunc.parametrize(name, [(number, case) for number, cases in listed.items() for case in cases])
