"""The frame and the budgets of a lesson."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import made_up
import nbformat
import pytest

from authoring import structure


def problems(path: Path, **changes: Any) -> list[str]:
    """Hold the made-up lesson to its made-up curriculum, with some fields changed."""
    curriculum = copy.deepcopy(made_up.CURRICULUM)
    curriculum[0] |= changes
    return structure.problems(path, curriculum=curriculum, quizzes=made_up.QUIZZES)


def test_a_sound_lesson_has_no_problems(tmp_path: Path) -> None:
    """Nothing is said about a lesson that keeps every rule."""
    assert problems(made_up.write(tmp_path)) == []


SETUP = '# %% tags=["setup"]\n'
SUM = "# %%\ntotal = sum(counts)\ntotal\n"
LINE = "counts = sorted(counts)\n"
RECAP = "# ## Recap\n"
SENTENCE = "# Somebody asked again, and once more, and nobody had an answer that anybody else would have taken.\n"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("# # A made-up lesson", "# # A made-up story", "starts with its title, '# A made-up lesson'"),
        (" Somebody asks how many flights there were.", "", "two sentences say where you are, found 1"),
        ("# - count small things;\n", "", "aim 1 of the curriculum is not in its list"),
        (
            "# - count small things;",
            "# - count small things;\n# - fly;",
            "an aim that the curriculum does not have: 'fly'",
        ),
        (
            "# - count small things;\n# - say what a sum is.",
            "# - say what a sum is;\n# - count small things.",
            "another order than in the curriculum",
        ),
        ("# *10 minutes in class: counting 6 · sums 4.*\n", "#\n", "no minutes for each section"),
        ("counting 6 · sums 4", "counting · sums 10", "no minutes after 'counting'"),
        ("counting 6 · sums 4", "counting 6 · sums 5", "sum to 11, the curriculum says 10"),
        (
            "*10 minutes in class: counting 6",
            "*12 minutes in class: counting 6",
            "says 12 minutes, the curriculum says 10",
        ),
        (SETUP, "# %%\n", "one cell tagged setup follows the title"),
        (SETUP, '# %% tags=["setup"]\nx = 1\n\n# %% tags=["setup"]\n', "one cell tagged setup follows the title"),
        ("from course_utils.notebook import claim", "claim = print", "the setup imports from course_utils"),
        ("# ## Counting\n", "# Counting\n# ## Things\n", "a # or ## heading starts a cell of its own"),
        ("# ## Counting\n", "# ### Counting\n", "no ## section between title and recap"),
        (RECAP, "# ## The end\n", "one section '## Recap' ends the core route"),
        (
            "counted small things, and you said",
            "were here, and you said",
            "not come back to the aim 'count small things'",
        ),
        ("(12_next_one.ipynb)", "(12_gone.ipynb)", "the last line links the next lesson"),
        (' tags=["further"]', "", "'## Further…' and the tag further go together"),
        ("# ## Further: more", "# ## More: more", "'## Further…' and the tag further go together"),
        ("counts[0] - counts[1]\n", "\n\n# %%\n".join(["counts"] * 20), "further has 21 cells, the core route 12"),
        ("11.1", "11.2", "exercise 11.1 of the curriculum is missing"),
        ("11.1", "11.2", "exercise 11.2 is not in the curriculum"),
        ("the number `mean`", "the number", "the task does not name `mean`, which the check takes"),
        ("mean = total / len(counts)", "mean = 925.0", None),
        ("mean = total / len(counts)", "mean = [925.0]", "the task does not say that `mean` is a list"),
        (
            "mean = ...\n### BEGIN SOLUTION\nmean = total / len(counts)",
            "def mean(counts):\n    ...\n### BEGIN SOLUTION\ndef mean(counts):\n    return 1",
            "the task does not say that `mean` is the function `mean(counts)`",
        ),
        ('# %%\nquiz("11.1")\n\n', "", 'the knowledge check quiz("11.1") is missing'),
        (SUM, SUM * 25, "the core route has 30 code cells, at most 25"),
        ("# Counting is", SENTENCE * 90 + "# Counting is", "words, at most 1,500"),
        (SUM, ("# %%\n" + LINE * 10 + "\n") * 10 + SUM, "lines in the median, at most 5"),
        ("total = sum(counts)\n", LINE * 13 + "total = 1850\n", "nine of ten have at most 12"),
        ("total = sum(counts)\n", LINE * 30 + "total = 1850\n", "lines, at most 20"),
        ("mean = total /", "mean = 1\n" * 30 + "mean = total /", "31 lines in the solution, at most 25"),
        ("# Counting is", SENTENCE * 5 + "# Counting is", None),
        ("counts = [1200", "class Count:\n    x = 1\n\n\ncounts = [1200", "a class in a cell"),
        ("total = sum(counts)\n", "try:\n    total = 1\nfinally:\n    pass\n", "a try in a cell"),
        ("total = sum(counts)\n", "import subprocess\ntotal = 1\n", "(import subprocess) in a cell"),
        ("total = sum(counts)\n", "from pathlib import Path\ntotal = 1\n", "(import pathlib) in a cell"),
        ("total = sum(counts)\n", "total = open('x')\n", "path handling (open) in a cell"),
        ("total = sum(counts)\n", "total = [a for a in [] for b in a]\n", "a nested loop in a cell"),
        (
            "total = sum(counts)\n",
            "for a in counts:\n    for b in counts:\n        total = a + b\n",
            "a nested loop in a cell",
        ),
        ("100 * counts[0] / total, unit", "2 * 32.6, unit", "measures a constant, so it cannot fail"),
        (
            'claim("The share of the first count is", 100 * counts[0] / total',
            'known = 65\nclaim("The share of the first count is", abs(known)',
            "measures a constant, so it cannot fail",
        ),
        ("import claim", "import *", "a star import in a cell"),
        ("### END SOLUTION", "import os\n### END SOLUTION", "(import os) in a cell"),
        ('# %% tags=["live"]', '# %% tags=["lively"]', "unknown tag 'lively'"),
        ("mean = ...\n", "", "does not bind"),
    ],
)
def test_a_broken_rule_is_named(tmp_path: Path, old: str, new: str, rule: str | None) -> None:
    """A lesson that leaves the frame or a budget is named with the cell and the rule."""
    found = problems(made_up.write(tmp_path, (old, new)))
    if rule is None:
        assert found == []
    else:
        assert any(rule in message for message in found), found
        assert all(message.startswith("11_made_up") for message in found)


def test_the_curriculum_decides(tmp_path: Path) -> None:
    """When the curriculum changes, the lesson is held to the new one."""
    path = made_up.write(tmp_path)
    assert "exercise 11.2 of the curriculum is missing" in " ".join(problems(path, exercises=["11.1", "11.2"]))
    assert "says 10 minutes, the curriculum says 20" in " ".join(problems(path, minutes=20))
    assert "1 exercise in 20 minutes" in " ".join(problems(path, minutes=20))
    assert "'Part 1 of 2', 'Part 2 of 2'" in " ".join(problems(path, parts=2))
    assert "states no aims" in " ".join(problems(path, aims=[]))
    assert problems(path, slug="other") == ["11_made_up: no lesson of the curriculum has this number and slug"]


def test_text_cells_are_neither_notes_nor_essays(tmp_path: Path) -> None:
    """Text cells that are a few words long, or a page, are too short or too long in the median."""
    text = made_up.LESSON.replace(SUM, "".join(f"# %% [markdown]\n# Short {n}.\n\n" for n in range(9)) + SUM)
    path = made_up.write(tmp_path)
    path.write_text(text, encoding="utf-8")
    assert "text cells have 2 words in the median, from 25 to 60" in " ".join(problems(path))
    path.write_text(text.replace("# Short", SENTENCE * 5 + "# Short"), encoding="utf-8")
    assert "from 25 to 60" in " ".join(problems(path))


def test_each_part_has_its_own_budget(tmp_path: Path) -> None:
    """A long lesson in two parts may have twice the cells, and not more in one of them."""
    old, part = "# %% [markdown]\n# ## Counting", "# %% [markdown]\n# # Part {} of 2: things\n\n" + SUM * 15
    path = made_up.write(tmp_path, (old, part.format(1) + part.format(2) + old))
    assert problems(path, parts=2) == []
    assert "no part headings" in " ".join(problems(path, parts=1))
    path = made_up.write(tmp_path, (old, part.format(1) + SUM * 14 + part.format(2) + old))
    assert "part 1 of the core route has 30 code cells" in " ".join(problems(path, parts=2))


def test_the_last_lesson_has_no_next(tmp_path: Path) -> None:
    """The last lesson of the course links nothing further."""
    path = made_up.write(tmp_path, ("# Next: [12 · The next one](12_next_one.ipynb)\n", "#\n"))
    assert structure.problems(path, curriculum=made_up.CURRICULUM[:1], quizzes=made_up.QUIZZES) == []


def built(root: Path, data: dict[str, str]) -> None:
    """Commit a notebook that holds one output."""
    v4 = nbformat.v4
    output = v4.new_output("display_data", data=data)
    book = v4.new_notebook(cells=[v4.new_code_cell("fig", outputs=[output])])
    path = root / "notebooks" / "11_made_up.ipynb"
    path.parent.mkdir()
    nbformat.write(book, path)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        ({"text/html": '<figure><img alt="A line" src="data:,"></figure>'}, None),
        ({"text/html": '<img alt="A line" src="data:,">', "image/png": "AAAA"}, None),
        ({"text/html": '<img src="data:,">'}, "a picture without alt text"),
        ({"text/html": '<img alt=" " src="data:,">'}, "a picture without alt text"),
        ({"image/png": "AAAA", "text/plain": "x"}, "a figure without alt text"),
        ({"text/plain": "<Figure size 640x480 with 1 Axes>"}, "a figure without alt text"),
        ({"image/svg+xml": "<svg/>"}, "an SVG"),
        ({"text/html": "x" * 310_000}, "310 kB, at most 300 kB; cell 1 alone has 310 kB"),
    ],
)
def test_built_pictures_have_words_and_notebooks_are_small(
    tmp_path: Path, data: dict[str, str], rule: str | None
) -> None:
    """Each figure of a built notebook is told in words, and no notebook is heavy."""
    path = made_up.write(tmp_path)
    built(tmp_path, data)
    found = problems(path)
    if rule is None:
        assert found == []
    else:
        (message,) = found
        assert message.startswith("notebooks/11_made_up.ipynb")
        assert rule in message
