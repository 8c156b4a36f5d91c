"""Every exercise of a written lesson has a grader that is tested on right and on wrong answers."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from course_utils import tables
from course_utils.exercises import grading

HERE = Path(__file__).parent
LEAST_RIGHT, LEAST_WRONG = 3, 5

WRITTEN = [
    (lesson["number"], number) for lesson in tables.curriculum() if lesson["written"] for number in lesson["exercises"]
]
GRADED = [
    (path.stem[-2:], number)
    for path in sorted(HERE.glob("test_lesson_*.py"))
    for number in grading.graded(path.stem[-2:])
]


@pytest.mark.parametrize(("lesson", "number"), sorted({*WRITTEN, *GRADED}))
def test_an_exercise_was_tried_on_three_right_and_five_wrong_answers(lesson, number):
    """Every exercise is tested on at least three right answers and five mistakes."""
    assert number in grading.graded(lesson), f"course_utils/exercises/lesson_{lesson}.py has no grader of {number}"
    path = HERE / f"test_lesson_{lesson}.py"
    assert path.is_file(), f"tests/exercises/{path.name} is missing"
    spec = spec_from_file_location(f"cases_{lesson}", path)
    cases = module_from_spec(spec)
    spec.loader.exec_module(cases)
    assert len(cases.RIGHT.get(number, ())) >= LEAST_RIGHT, f"{path.name}: too few right answers to {number}"
    assert len(cases.WRONG.get(number, ())) >= LEAST_WRONG, f"{path.name}: too few wrong answers to {number}"
    hints = {hint for _, hint in cases.WRONG[number]}
    assert len(hints) >= LEAST_RIGHT, f"{path.name}: the wrong answers to {number} all get the same hint"


def test_graders_and_curriculum_name_the_same_exercises():
    """There is no grader for an exercise that is not in the curriculum."""
    for lesson in tables.curriculum():
        if lesson["written"]:
            assert grading.graded(lesson["number"]) == sorted(lesson["exercises"]), lesson["number"]
