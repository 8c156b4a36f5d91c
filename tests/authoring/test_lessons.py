"""Reading a lesson's source."""

from __future__ import annotations

import re
from pathlib import Path

import made_up
import pytest

from authoring import lessons
from authoring.lessons import Cell
from course_utils.errors import UsageError


def code(source: str, *tags: str) -> Cell:
    return Cell(1, "code", source, tags)


def test_the_learner_gets_the_line_above_the_answer_and_the_solution_does_not() -> None:
    """My notebook has `fair = ...` where the solution has the answer."""
    cell = code("low, high = ..., ...\n### BEGIN SOLUTION\nlow, high = 1, 2\n### END SOLUTION\nlow_text = 'x'")
    assert cell.learner == "low, high = ..., ...\nlow_text = 'x'"
    assert cell.solved == "low, high = 1, 2\nlow_text = 'x'"


def test_a_form_to_fill_in_is_the_learners_too() -> None:
    """A dictionary with dots in it is mine to complete, and the solution shows only the completed one."""
    cell = code(
        'choice = {"eta": ...}\n### BEGIN SOLUTION\nchoice = {"eta": 0.1}\nlast = rows[..., 0]\n### END SOLUTION'
    )
    assert cell.learner == 'choice = {"eta": ...}'
    assert cell.solved == 'choice = {"eta": 0.1}\nlast = rows[..., 0]'


def test_a_function_keeps_a_body() -> None:
    """A function whose body I shall write still runs as delivered."""
    cell = code("def gap(rows):\n    ### BEGIN SOLUTION\n    return max(rows)\n    ### END SOLUTION")
    assert cell.learner == "def gap(rows):\n    ..."
    assert cell.solved == "def gap(rows):\n    return max(rows)"
    assert cell.answers == {"gap"}


def test_a_cell_that_is_all_answer_invites() -> None:
    """A cell whose whole text is the answer tells me where to write, and prints no Ellipsis."""
    assert code("### BEGIN SOLUTION\ntotal = 1\n### END SOLUTION").learner == "# Your code here"


def test_whole_solutions_and_the_instructors_cells_are_left_out() -> None:
    """A cell tagged solution is not in my notebook, and one tagged instructor is in neither."""
    assert code("total = 1", "solution").learner is None
    assert code("total = 1", "solution").solved == "total = 1"
    assert code("total = 1", "instructor").solved is None


def test_sections_are_cut_at_headings(tmp_path: Path) -> None:
    """A lesson falls into its sections, and what stands after the further heading is further."""
    lesson = lessons.read(made_up.write(tmp_path))
    assert [(section.title, section.further) for section in lesson.sections] == [
        ("A made-up lesson", False),
        ("Counting", False),
        ("Recap", False),
        ("Further: more of the same", True),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('# %% tags=["live"]', '# %% tags=["lively"]', "unknown tag 'lively'"),
        ('# %% tags=["live"]', '# %% tags=["exercise"]', "unknown tag 'exercise'"),
        ('# %% [markdown] tags=["exercise"]', '# %% tags=["exercise"] [markdown]', "marks that Jupytext cannot read"),
        ('# %% tags=["live"]', "# %% Some title", "metadata title"),
        ('# %% tags=["live"]', "# %% [raw]", "a raw cell"),
        ("### END SOLUTION\n", "", "unpaired solution marks"),
        ("### BEGIN SOLUTION\n", "", "unpaired solution marks"),
        ("### BEGIN SOLUTION\n", "### Begin the solution\n", "is no mark"),
    ],
)
def test_marks_that_would_be_lost_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A misspelt mark stops the build and says in which cell it stands."""
    with pytest.raises(UsageError, match=message) as caught:
        lessons.read(made_up.write(tmp_path, (old, new)))
    assert "11_made_up, cell" in str(caught.value)


def test_a_wrong_file_name_is_refused(tmp_path: Path) -> None:
    """A source without number and slug is no lesson."""
    with pytest.raises(UsageError, match="NN_slug"):
        lessons.read(made_up.write(tmp_path, name="made_up"))


def test_a_sound_lesson_has_no_faults(tmp_path: Path) -> None:
    """Nothing is said about a lesson that is as it should be."""
    assert lessons.faults(lessons.read(made_up.write(tmp_path))) == []


CHECK = '# %% tags=["check"]\ncheck("11.1", mean)\n'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mean = ...\n", "", "reads mean, which the learner's version does not bind"),
        (CHECK, "", "exercise 11.1 has no check"),
        (CHECK, CHECK.replace("11.1", "11.2"), r"check\('11.2'\) does not follow its exercise"),
        (CHECK, CHECK + CHECK, r"check\('11.1'\) does not follow its exercise"),
        (CHECK, CHECK.replace(", mean", ""), 'write check."11.1", name.'),
        (CHECK, CHECK.replace(' tags=["check"]', ""), "without tags"),
        (CHECK, CHECK + '\n# %% tags=["check"]\nlen("")\n', "it calls no check"),
        (' tags=["exercise"]', "", "an exercise without tags"),
        ("### Exercise 11.1: the mean", "### The mean", "no heading such as"),
        ("### Exercise 11.1: the mean", "### Exercise 12.1: the mean", "bears another lesson's number"),
        (CHECK, CHECK + "\n# %%\nprint(mean)\n", "reads mean, the learner's answer to exercise 11.1"),
        (CHECK, CHECK + "\n# %%\n[mean for _ in counts]\n", "reads mean, the learner's answer to exercise 11.1"),
        (CHECK, CHECK + "\n# %%\nmean += 1\n", "reads mean, the learner's answer to exercise 11.1"),
        ("mean = total /", "part = 1\nmean = total /", None),
        (CHECK, CHECK + "\n# %%\nmean = 5\nprint(mean)\n", None),
        (CHECK, CHECK + "\n# %%\nf = lambda mean: mean\n", None),
        ("total = sum(counts)\n", "total = = sum(counts)\n", "is no Python"),
        ("total = sum(counts)\n", "%time total = sum(counts)\n", "belong into a helper"),
    ],
)
def test_exercises_and_checks_fit_together(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    """An exercise that nobody checks, or a cell that hangs on my answer, is found before I meet it."""
    found = lessons.faults(lessons.read(made_up.write(tmp_path, (old, new))))
    if message is None:
        assert found == []
    else:
        assert len(found) >= 1
        assert re.search(message, found[0])
        assert found[0].startswith("11_made_up, cell")


def test_a_name_bound_by_an_answer_alone_is_the_learners(tmp_path: Path) -> None:
    """A helper variable inside the answer cannot be read further down, since it is not in my notebook."""
    edits = ("mean = total /", "size = 1\nmean = total /"), (CHECK, CHECK + "\n# %%\nprint(size)\n")
    (found,) = lessons.faults(lessons.read(made_up.write(tmp_path, *edits)))
    assert "reads size" in found


def test_lessons_are_chosen_by_number_or_name(tmp_path: Path) -> None:
    """I can say 11, or the file's name; a number that is not written is refused with those that are."""
    paths = [made_up.write(tmp_path), made_up.write(tmp_path, name="12_next_one")]
    assert lessons.sources(tmp_path) == paths
    assert lessons.choose(paths, []) == paths
    assert lessons.choose(paths, ["11"]) == lessons.choose(paths, ["11_made_up.py"]) == paths[:1]
    with pytest.raises(UsageError, match=r"no lesson '13'.*11, 12"):
        lessons.choose(paths, ["13"])
