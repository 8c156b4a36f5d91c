"""The worked examples of CONTRIBUTING.md, followed in a copy of the course (that of a data set: test_own_dataset)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from authoring import surroundings
from course_utils.data import datasets

pytestmark = pytest.mark.slow

NEEDED = ("authoring", "course_utils", "lessons", "solutions", "tests", "pyproject.toml", ".python-version")
DETECTOR = '''

@detects("round_trips")
def _round_trips(context: Context) -> Iterator[dict[str, Any]]:
    """Find flights to the airport that they leave from."""
    rows = context.delivery.rows
    same = rows["Origin"].astype(str) == rows["Dest"].astype(str)
    if same.any():
        yield finding("Dest", f"{same.sum():,} flights return to where they started", same.sum(), "stop")
'''
ROW = """
[[check]]
name = "round_trips"
side = "data"
kind = "rule"
asks = "Does a flight go to the airport that it leaves from?"
fix = "correct the destination, or drop the flight"
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy what an author edits and runs."""
    for name in NEEDED:
        source = surroundings.ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, with the copy's own course and the data that are prepared here."""
    environment = {**os.environ, "PYTHONPATH": str(root), "COURSE_DATA": str(datasets.data_folder())}
    return subprocess.run(
        [sys.executable, *command], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


LOOK = """
from course_utils.data import datasets
from course_utils.model import pitfalls

flights = datasets.load_flights().head(3000)
flights["Dest"] = flights["Dest"].astype(str)
flights.loc[flights.index[0], "Dest"] = str(flights["Origin"].iloc[0])
found = pitfalls.run_checks(pitfalls.make_delivery(flights))
print(found.loc[found["check"] == "round_trips", ["where", "severity", "fix"]].values.tolist())
print("round_trips" in pitfalls.checks().index, callable(pitfalls.round_trips))
"""


def test_a_detector_is_one_function_and_one_row(copy: Path) -> None:
    """After two edits the new check runs with all others, and the lists of checks need no other edit."""
    append(copy / "course_utils/model/pitfalls/data_detectors.py", DETECTOR)
    table = copy / "course_utils/tables/model/pitfalls.toml"
    text = table.read_text(encoding="utf-8")
    last = [match.end() for match in re.finditer(r"^\[\[check\]\]\n(?:.+\n)+", text, re.MULTILINE)][-1]
    table.write_text(text[:last] + ROW + text[last:], encoding="utf-8")
    done = run(copy, "-c", LOOK)
    assert done.stdout.splitlines() == [
        "[['Dest', 'stop', 'correct the destination, or drop the flight']]",
        "True True",
    ], done.stderr
    file = "tests/unit/model/test_pitfalls.py"
    done = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", file, "-k", "a_row_and_a_detector")
    assert done.returncode == 0, done.stdout


FILLED = {
    "a title": "add the minutes",
    "say what to do and what to hand in: its name and its type.": "Hand in 2 + 3 as a number, `answer_01_4`.",
    "name a common mistake, and ask a question that leads out of it.": "Is the sum larger than both numbers?",
}


def test_an_exercise_is_written_from_its_skeletons(copy: Path) -> None:
    """`course new exercise`, then the build: first it names what is missing, and once that is written it passes."""
    course = ("-m", "authoring.cli")
    assert run(copy, *course, "new", "exercise", "01.4").returncode == 0
    refused = run(copy, *course, "build", "01")
    assert refused.returncode == 1
    assert refused.stdout.count("\n  ") >= 9
    lesson = next((copy / "lessons").glob("01_*.py"))
    text = lesson.read_text(encoding="utf-8")
    for what, written in FILLED.items():
        text = text.replace(f"TODO 01.4: {what}", written)
    lesson.write_text(text.replace('"TODO 01.4: the answer"', "2 + 3"), encoding="utf-8")
    grader = copy / "course_utils/exercises/lesson_01.py"
    text = grader.read_text(encoding="utf-8")
    start = text.index('@grader("01.4")')
    grader.write_text(
        text[:start] + '@grader("01.4")\n'
        "def sum_of_two(answer: Any) -> Sequence[Finding]:\n"
        '    """Grade a sum."""\n'
        "    if answer == 5:\n"
        '        return [right("the sum is right")]\n'
        '    hint = "is it a text?" if isinstance(answer, str) else "too small?" if answer < 5 else "too large?"\n'
        '    return [wrong(f"{answer!r} is not the sum", hint=hint)]\n',
        encoding="utf-8",
    )
    measures = copy / "course_utils/tables/exercises.toml"
    text = measures.read_text(encoding="utf-8")
    measures.write_text(re.sub(r'# TODO 01\.4:[^\n]*\n\["01\.4"\]\n', "", text), encoding="utf-8")
    tests = copy / "tests/exercises/test_lesson_01.py"
    text = tests.read_text(encoding="utf-8")
    text = re.sub(r"# TODO 01\.4:[^\n]*\n", "", text)
    text = text.replace('RIGHT["01.4"] = []', 'RIGHT["01.4"] = [5, 5.0, 2 + 3]')
    mistakes = '[("5", "a text"), (4, "too small"), (-1, "too small"), (6, "too large"), (23, "too large")]'
    text = text.replace('WRONG["01.4"] = []', f'WRONG["01.4"] = {mistakes}')
    tests.write_text(text, encoding="utf-8")
    built = run(copy, *course, "build", "01")
    assert built.returncode == 0, built.stdout + built.stderr
    assert "the sum is right" in (copy / "notebooks/01_data_science_workflow.ipynb").read_text(encoding="utf-8")
    files = ("tests/exercises/test_lesson_01.py", "tests/exercises/test_every_exercise.py")
    done = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", "01")
    assert done.returncode == 0, done.stdout[-3000:]
