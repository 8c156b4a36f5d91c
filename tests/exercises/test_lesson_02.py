"""The graders of lesson 02 on right answers and on plausible wrong ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import matplotlib
import pandas as pd
import pytest
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils.develop import project_structure

SOLVED = Path(__file__).parents[2] / "solutions" / "02_project_structure.ipynb"

# --------------------------------------------------------------------------- 02.1


def by_prefix(project):
    return [f for f in project.files if f.endswith((".csv", ".parquet")) and not f.startswith("data/")]


def by_parts(project):
    paths = [PurePosixPath(file) for file in project.files]
    return [path for path in paths if path.suffix in {".csv", ".parquet"} and path.parts[0] != "data"]


def by_loop(project):
    found = set()
    for file in project.files:
        folder, _, rest = file.partition("/")
        if file.rpartition(".")[2] in ("csv", "parquet") and (folder != "data" or not rest):
            found.add(file)
    return found


def by_yield(project):
    yield from by_prefix(project)


def by_pandas(project):
    files = pd.Series(project.files, dtype=str)
    return files[files.str.contains(r"\.(?:csv|parquet)$") & ~files.str.contains("^data/")]


def csv_alone(project):
    return [f for f in project.files if f.endswith(".csv") and not f.startswith("data/")]


def data_anywhere(project):
    return [f for f in project.files if f.endswith((".csv", ".parquet")) and "data/" not in f]


def begins_alike(project):
    return [f for f in project.files if f.endswith((".csv", ".parquet")) and not f.startswith("data")]


def other_way_round(project):
    return [f for f in project.files if f.endswith((".csv", ".parquet")) and f.startswith("data/")]


def csv_in_name(project):
    return [f for f in project.files if ("csv" in f or "parquet" in f) and not f.startswith("data/")]


def all_files(project):
    return [f for f in project.files if not f.startswith("data/")]


def truths(project):
    return [not f.startswith("data/") for f in project.files]


def is_fine(project):
    return all(f.startswith("data/") for f in project.files if f.endswith(".csv"))


def first_alone(project):
    return by_prefix(project)[:1]


def names_alone(project):
    return [f.rpartition("/")[2] for f in by_prefix(project)]


def parents_alone(project):
    return [f for f in project.files if f.endswith((".csv", ".parquet")) and f.count("/") != 2]


def forgets(project):
    by_prefix(project)


def takes_files(files):
    return [f for f in files if f.endswith(".csv")]


def leaves(project):
    raise SystemExit("no")


def text(project):
    return ", ".join(by_prefix(project))


# --------------------------------------------------------------------------- 02.2

WHERE = {
    "flights.csv as the airline sent it": "data/raw",
    "holidays.csv, bought from a provider": "data/external",
    "the flights without cancelled ones, to be joined with weather later": "data/interim",
    "the table that the model is trained on": "data/processed",
    "the function that counts holidays before a flight": "src/features",
    "the airline's list of what each column means": "references",
    "the losses of last night's training": "reports/runs",
    "the key of the weather service": ".env",
}
RAW, HOLIDAYS, INTERIM, TABLE, FUNCTION, MEANING, LOSSES, KEY = WHERE

RIGHT = {
    "02.1": [by_prefix, by_parts, by_loop, by_yield, by_pandas, project_structure.tables_are_in_data],
    "02.2": [
        WHERE,
        pd.Series(WHERE),
        {thing: f"./{place}/" for thing, place in WHERE.items()},
        {thing: PurePosixPath(place) for thing, place in WHERE.items()},
    ],
}

WRONG = {
    "02.1": [
        (csv_alone, "two kinds of tables"),
        (data_anywhere, "one of them is for code"),
        (begins_alike, "after the folder's name"),
        (other_way_round, "where is flights.csv"),
        (csv_in_name, "the end of a file's name"),
        (all_files, "the end of a file's name"),
        (truths, "whole paths"),
        (is_fine, "returns what is wrong"),
        (first_alone, "all files"),
        (names_alone, "whole paths"),
        (parents_alone, "one of them is for code"),
        (forgets, "end it with return"),
        (takes_files, "project.files"),
        (leaves, "read the error"),
        (text, "an empty list if all is well"),
        (["flights.csv"], "without brackets"),
        (lambda project: list(set()), "where is flights.csv"),
        (lambda project: 3, "an empty list if all is well"),
    ],
    "02.2": [
        ({**WHERE, KEY: "references"}, "everyone who clones"),
        ({**WHERE, KEY: "src"}, "everyone who clones"),
        ({**WHERE, HOLIDAYS: "data/raw"}, "your company or another one"),
        ({**WHERE, INTERIM: "data/raw"}, "have these been changed"),
        ({**WHERE, INTERIM: "data/processed"}, "is another step needed first"),
        ({**WHERE, TABLE: "data/interim"}, "does a model read this already"),
        ({**WHERE, FUNCTION: "src/data"}, "inputs for a model"),
        ({**WHERE, FUNCTION: "notebooks"}, "what each folder is for"),
        ({**WHERE, MEANING: "docs"}, "how to use this project"),
        ({**WHERE, LOSSES: "reports"}, "more specific"),
        ({**WHERE, LOSSES: "logs"}, "in the tree"),
        ({**WHERE, RAW: 1}, "as text"),
        ({RAW: "data/raw"}, "keep the keys"),
        ("data/raw", "fill in the dict"),
    ],
}

# What a hint must not say.
SECRETS = {
    "02.1": ["startswith", "endswith", "data/", "parquet", "suffix", "parts"],
    "02.2": ["data/", "references", "reports/runs", "src/features", ".env"],
}


@pytest.mark.parametrize("answer", [..., lambda project: ...])
def test_a_rule_that_is_not_written_yet_is_no_mistake(report, answer):
    """Before I write the rule, the check reports no mistake."""
    assert report("02.1", answer).startswith("Exercise 02.1: not answered yet")


def test_what_is_right_already_is_said_too(report):
    """One wrong folder does not hide seven right ones."""
    assert "✓ 7 of 8 things" in report("02.2", {**WHERE, KEY: "docs"})
    assert "✓ 9 of 10 files" in report("02.1", csv_alone)


def test_places_still_to_fill_in_are_named(report):
    """I see which things still have no folder."""
    assert f"still to fill in: {KEY}" in report("02.2", {**WHERE, KEY: ...})


def test_a_solved_rule_works_in_the_linter_too():
    """A rule that the check accepts also works in the linter."""
    project = project_structure.scaffold()
    project.write("src/data/flights.csv", "a\n")
    assert project_structure.lint(project, [by_prefix])["found"].tolist() == ["src/data/flights.csv"]


@pytest.mark.slow
def test_the_lesson_leaves_nothing_behind(tmp_path):
    """The lesson leaves my home folder, my settings and the temporary folder unchanged."""
    import nbformat

    cells = [cell.source for cell in nbformat.read(SOLVED, as_version=4).cells if cell.cell_type == "code"]
    home, temporary, here = (tmp_path / name for name in ("home", "tmp", "here"))
    for folder in (home, temporary, here):
        folder.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Learner\n[commit]\n\tgpgsign = true\n")
    around = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "XDG_"))}
    around |= {"HOME": str(home), "USERPROFILE": str(home), "TMPDIR": str(temporary)}
    around |= {"MPLCONFIGDIR": matplotlib.get_cachedir(), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(cells)], env=around, cwd=here, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": solved") == 2
    left = [path for folder in (home, temporary, here) for path in folder.rglob("*")]
    assert left == [home / ".gitconfig"]
    assert "Learner" in left[0].read_text()
