"""The minutes of a learner, computed from a notebook that a test makes up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from authoring import minutes

NAME = "42_made_up"


def write(root: Path, *cells: dict[str, Any], folder: str = "notebooks") -> None:
    (root / folder).mkdir(exist_ok=True)
    (root / folder / f"{NAME}.ipynb").write_text(json.dumps({"cells": cells}))


def text(source: str, *tags: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {"tags": [*tags]}, "source": source}


def code(source: str, *outputs: dict[str, Any], hidden: bool = False) -> dict[str, Any]:
    metadata = {"jupyter": {"source_hidden": True}} if hidden else {}
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [*outputs]}


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch):
    """Round to the minute, so that a test sees what each part adds."""
    monkeypatch.setattr(minutes, "STEP", 1)


def test_each_part_adds_its_minutes(tmp_path: Path):
    """Words, visible code, output rows, figures, guesses, exercises and quizzes count as the formula says."""
    cells = [
        text("word " * minutes.WORDS),  # 1
        code("x\n" * minutes.LINES),  # 1
        code("x", {"text": "row\n" * (minutes.OUTPUT - 3)}),  # 1, with its line of code
        text("**Guess first:** " * 2),  # 1, and two words twice
        code("", {"data": {"text/html": "<img alt='x'>"}}, {"data": {"image/png": "…"}}),  # 1
        code("quiz('42.1')\n"),  # 1, and a line
    ]
    write(tmp_path, *cells)
    assert minutes.learner_minutes(NAME, tmp_path) == 7  # six and a bit, rounded up
    write(tmp_path, *cells, text("### Exercise 42.1: one", "exercise"), text("### Exercise 42.2: two", "exercise"))
    solved = [text("### Exercise 42.2: two", "exercise"), code("def answer():\n    return 1")]
    write(tmp_path, *solved, folder="solutions")
    assert minutes.learner_minutes(NAME, tmp_path) == 7 + minutes.EXERCISE + minutes.FUNCTION


def test_what_is_folded_or_beyond_the_core_route_is_free(tmp_path: Path):
    """Claims, drawing, hints and what follows the recap do not make a lesson longer."""
    write(
        tmp_path,
        text("word"),
        code("claim\n" * 500, hidden=True),
        text("<details><summary>Hint</summary>" + "word " * 500 + "</details>"),
        text("## Further", "further"),
        text("word " * 5000),
    )
    assert minutes.learner_minutes(NAME, tmp_path) == 1


def test_minutes_are_rounded_up_to_five(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A plan is made in steps of five minutes, and never promises less than it takes."""
    monkeypatch.setattr(minutes, "STEP", 5)
    write(tmp_path, text("word " * (6 * minutes.WORDS)))
    assert minutes.learner_minutes(NAME, tmp_path) == 10


def test_a_lesson_that_is_not_built_has_none(tmp_path: Path):
    """Before its first build a lesson takes no time."""
    assert minutes.learner_minutes(NAME, tmp_path) == 0
