"""Every lesson of the course, held to what the course asks of a lesson."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from authoring import build, lessons, prose, structure
from course_utils import tables

SOURCES = lessons.sources(build.ROOT)


def listed(messages: list[str]) -> str:
    return "\n" + "\n".join(messages)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_frame_and_the_budgets_are_kept(path: Path) -> None:
    """Each lesson has its title, aims, minutes, exercises and recap, and is no longer than it may be."""
    if found := structure.problems(path):
        pytest.fail(listed(found), pytrace=False)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_numbers_in_prose_are_measured(path: Path) -> None:
    """Each number that a lesson tells stands in a claim or an output of its section."""
    if found := prose.problems(path):
        pytest.fail(listed(found), pytrace=False)


def answers(lesson: lessons.Lesson) -> dict[str, list[str | int | float]]:
    """Return the texts and numbers of each exercise's solution that its task and its cells do not tell."""
    found: dict[str, list[str | int | float]] = {}
    number, shown, solved = None, "", []
    for cell in lesson.cells:
        if cell.exercise:
            number, shown, solved = cell.exercise, cell.source, []
        elif number and "check" in cell.tags:
            values = [value for source in solved for value in literals(source)]
            found[number] = [value for value in values if str(value) not in shown]
            number = None
        elif number:
            shown += cell.learner or ""
            solved += [cell.solved] if cell.is_code and cell.solved else []
    return found


def literals(source: str) -> list[str | int | float]:
    """Return the texts and numbers in Python code, without the keys of dicts and numbers of one digit."""
    tree = ast.parse(source)
    keys = {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in keys]
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    return texts + [value for value in values if type(value) in (int, float) and len(str(value)) > 1]


def told(values: list[str | int | float], text: str) -> list[str | int | float]:
    """Return those values that a text tells: numbers, sentences, and words in quotes."""

    def tells(value: str | int | float) -> bool:
        if isinstance(value, str):
            return repr(value) in text or (" " in value and value in text)
        return bool(re.search(rf"(?<![\w.,]){re.escape(str(value))}(?!\w|[.,]\d)", text))

    return [value for value in values if tells(value)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_expected_output_does_not_tell_the_answer(path: Path) -> None:
    """What the check says to a right answer, folded below each exercise, has no value of the solution in it."""
    lesson = lessons.read(path)
    solved = nbformat.read(build.ROOT / build.SOLVED / f"{lesson.name}.ipynb", as_version=4)
    expected, secret = build.expected_outputs(lesson, solved), answers(lesson)
    assert set(secret) == set(expected)
    assert {number: found for number in secret if (found := told(secret[number], expected[number]))} == {}


def test_a_told_answer_would_be_found() -> None:
    """Numbers and texts of a solution are found in an output, other numbers and single words are not."""
    values = literals("answer = {'mean': 925.5, 'why': 'the sum, divided', 'who': 'desk'}; few = 3")
    assert told(values, "mean: 925.5 it is") == [925.5]
    assert told(values, "because of the sum, divided, or 'desk'") == ["the sum, divided", "desk"]
    assert told(values, "a desk with 1,925.5 or 925.51 flights, and 3 more as 'mean'") == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_learner_does_not_run_into_a_solution(path: Path) -> None:
    """No cell that I run shows the solution of an exercise: I ask for it myself, after I tried."""
    cells = [cell for cell in lessons.read(path).cells if cell.is_code and cell.learner]
    asked = [
        cell.opening
        for cell in cells
        for node in ast.walk(ast.parse(cell.learner))
        if isinstance(node, ast.Call) and "solution" in ast.unparse(node.func).rpartition(".")[2]
    ]
    assert asked == []


def test_notebooks_come_from_their_sources() -> None:
    """What is committed in notebooks/ and solutions/ is what the sources in lessons/ say."""
    if found := build.build(check=True):
        pytest.fail(listed(found), pytrace=False)


def test_the_curriculum_knows_which_lessons_are_written() -> None:
    """A lesson is marked as written once its source is there, and not before."""
    marked = [f"{row['number']}_{row['slug']}" for row in tables.curriculum() if row.get("written")]
    assert marked == [path.stem for path in SOURCES]
