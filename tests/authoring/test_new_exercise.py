"""A new exercise starts from skeletons, and what is missing is named until it is written."""

from __future__ import annotations

import ast
import shutil
import tomllib
from pathlib import Path

import pytest

from authoring import build, lessons, new_exercise, surroundings
from course_utils.errors import UsageError

FILES = [
    "lessons/11_under_and_overfitting.py",
    "course_utils/exercises/lesson_11.py",
    "course_utils/tables/exercises.toml",
    "course_utils/tables/curriculum.toml",
    "tests/exercises/test_lesson_11.py",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Copy the files of one lesson."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(surroundings.ROOT / name, tmp_path / name)
    return tmp_path


def texts(root: Path) -> dict[str, str]:
    return {name: (root / name).read_text(encoding="utf-8") for name in FILES}


def test_all_five_files_get_their_skeleton(root: Path):
    """Lesson, grader, measures, curriculum and answers have the exercise, and are still valid."""
    assert new_exercise.new_exercise("11.2", root=root) == FILES
    made = texts(root)
    for name, text in made.items():
        assert ast.parse(text) if name.endswith(".py") else tomllib.loads(text)
    lesson = lessons.read(root / FILES[0])
    titles = [cell.source.splitlines()[0] for cell in lesson.cells if "exercise" in cell.tags]
    assert [title[:17] for title in titles] == ["### Exercise 11.1", "### Exercise 11.2"]
    assert not lessons.faults(lesson), "the skeleton is a sound exercise"
    assert '@grader("11.2")' in made[FILES[1]]
    measures = tomllib.loads(made[FILES[2]])
    assert list(measures).index("11.2") == list(measures).index("11.1") + 1
    entry = next(entry for entry in tomllib.loads(made[FILES[3]])["lesson"] if entry["number"] == "11")
    assert entry["exercises"] == ["11.1", "11.2"]
    assert all(f'{name}["11.2"] = []' in made[FILES[4]] for name in ("RIGHT", "WRONG", "SECRETS"))


def test_the_exercise_comes_before_the_quiz_and_after_its_neighbour(root: Path):
    """The skeleton is where an exercise belongs: after the last one, before 'Check what you know'."""
    new_exercise.new_exercise("11.2", root=root)
    text = texts(root)[FILES[0]]
    assert text.index('check("11.1"') < text.index("Exercise 11.2") < text.index("**Check what you know**")


def test_several_can_be_started(root: Path):
    """The next number follows the one that I just started."""
    new_exercise.new_exercise("11.2", root=root)
    new_exercise.new_exercise("11.3", root=root)
    text = texts(root)[FILES[4]]
    assert 0 < text.index('SECRETS["11.2"]') < text.index('RIGHT["11.3"]') < text.index("\ndef test_another")


def test_the_build_names_everything_that_is_missing_at_once(root: Path):
    """One message lists file, line and what to write, for all files; nothing is executed before."""
    assert new_exercise.unfinished("11", root=root) == []
    new_exercise.new_exercise("11.2", root=root)
    missing = new_exercise.unfinished("11", root=root)
    assert {line.split(":")[0] for line in missing} == {name for name in FILES if "curriculum" not in name}
    for what in ("a title", "three right answers", "five plausible wrong answers", "where to look", "the answer"):
        assert any(what in line for line in missing)
    [problem] = build.build(["11"], root=root, say=lambda text: None)
    assert all(line in problem for line in missing)
    assert not (root / "notebooks").exists()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("11.1", r"is there already.*11\.2"),
        ("11.3", r"leaves a gap.*11\.2"),
        ("11", "is not the number of an exercise"),
        ("eleven", "is not the number of an exercise"),
        ("99.1", "no lesson"),
    ],
)
def test_a_number_that_does_not_fit_changes_nothing(root: Path, number: str, reason: str):
    """A slip in the number gets the right one, and no file is half-written."""
    before = texts(root)
    with pytest.raises(UsageError, match=reason):
        new_exercise.new_exercise(number, root=root)
    assert texts(root) == before


@pytest.mark.parametrize("name", FILES[1:])
def test_a_file_that_is_not_there_changes_nothing(root: Path, name: str):
    """Where one of the five files is missing, the others stay as they were."""
    (root / name).unlink()
    before = {file: (root / file).read_text(encoding="utf-8") for file in FILES if file != name}
    with pytest.raises(UsageError, match="is missing"):
        new_exercise.new_exercise("11.2", root=root)
    assert {file: (root / file).read_text(encoding="utf-8") for file in before} == before
