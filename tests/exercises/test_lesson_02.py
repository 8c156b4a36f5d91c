"""The graders of lesson 02 on right answers and on plausible wrong ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import matplotlib
import pandas as pd
import pytest
import yaml
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

SOLVED = Path(__file__).parents[2] / "solutions" / "02_project_structure.ipynb"

# --------------------------------------------------------------------------- 02.1

RULE = {"files": r"\.(csv|parquet)$", "exclude": "^data/"}

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
    "02.1": [
        RULE,
        pd.Series(RULE),
        {"files": r"^.+\.(?:csv|parquet)\Z", "exclude": r"\Adata/.*"},
        {"files": r"^(?!data/).*[.](csv|parquet)$"},
        {**RULE, "id": "tables", "language": "fail", "files": r"(\.csv|\.parquet)$"},
        {"exclude": r"^data/|(?<!\.csv)(?<!\.parquet)$"},
        {"files": "(?x)\n  [.] ( csv | parquet ) $\n", "exclude": "(?x)\n  ^ data /\n"},
        {"files": r"[.](?:csv|parquet)\Z", "exclude": r"^data/(.*/)?[^/]+$"},
        MappingProxyType({"files": r".*\.csv$|.*\.parquet$", "exclude": "^data[/]"}),
    ],
    "02.2": [
        WHERE,
        pd.Series(WHERE),
        {thing: f"./{place}/" for thing, place in WHERE.items()},
        {thing: PurePosixPath(place) for thing, place in WHERE.items()},
        {thing: place.replace("/", "\\") for thing, place in WHERE.items()},
        {thing: f" {place.upper()}" for thing, place in reversed(WHERE.items())},
        {**WHERE, RAW: "data/raw/flights.csv", FUNCTION: "src/features/build_features.py", LOSSES: "reports/runs/7"},
    ],
}

WRONG = {
    "02.1": [
        ({**RULE, "files": r"\.csv$"}, "two kinds of tables"),
        ({**RULE, "exclude": "data/"}, "one of them is for code"),
        ({**RULE, "exclude": "^data"}, "after the folder's name"),
        ({**RULE, "exclude": ".*"}, "finds every path"),
        ({**RULE, "exclude": r"^data\b"}, "after the folder's name"),
        ({**RULE, "exclude": "^data."}, "after the folder's name"),
        ({**RULE, "exclude": "^(?!src/).*data/"}, "only one folder of that name"),
        ({**RULE, "exclude": "^data/(raw|processed)/"}, "subfolders of any name"),
        ({**RULE, "exclude": "^data/.+/"}, "ask for a subfolder"),
        ({**RULE, "files": r"\.csv|\.parquet$"}, "the end of a file's name"),
        ({**RULE, "files": r"\.csv$|\.parquet"}, "the end of a file's name"),
        ({**RULE, "files": r"^[\w/]+\.(csv|parquet)$"}, "which signs"),
        ({**RULE, "files": r"^[^/]+\.parquet$|\.csv$"}, "wherever it may be"),
        ({**RULE, "files": r"\.(csv|parquet)$ "}, "a space in the path"),
        ({**RULE, "files": r"^(([\w/.]+)+)+!|\.(csv|parquet)$"}, "a repetition inside a repetition"),
        ({**RULE, "types": ["csv"]}, "two keys of the cell"),
        ({**RULE, "language": "system"}, "only refuses"),
        ({**RULE, "exclude": None}, "as text"),
        ({"files": RULE["files"], "exclude": "^$"}, "finds no path"),
        ({"files": RULE["files"]}, "finds no path"),
        ({**RULE, "exclude": "^(?!data/)"}, "finds this path"),
        ({"files": "^(?!data/)", "exclude": r"\.(?!csv|parquet)|^[^.]*$"}, "finds this path"),
        ({**RULE, "files": "^csv|parquet$"}, "re.search"),
        ({"files": "^data/", "exclude": RULE["files"]}, "finds this path"),
        ({**RULE, "files": r"^[^/]+\.(csv|parquet)$"}, "allow a folder"),
        ({**RULE, "exclude": "^data/[^/]*/[^/]*$"}, "only the beginning"),
        ({**RULE, "files": r"csv|parquet"}, "the end of a file's name"),
        ({**RULE, "files": r"\.(csv|parquet)"}, "the end of a file's name"),
        ({**RULE, "files": r".(csv|parquet)$"}, "any character"),
        ({"exclude": "^data/"}, "looks at every file"),
        ({"pattern": "^data/"}, "keep the keys"),
        ({**RULE, "files": "*.csv"}, "re.search"),
        ({**RULE, "files": [".csv", ".parquet"]}, "as text"),
        (RULE["files"], "fill in the dict"),
        ({**RULE, "files": ""}, "the end of a file's name"),
    ],
    "02.2": [
        ({**WHERE, KEY: "references"}, "everyone who clones"),
        ({**WHERE, KEY: "src"}, "everyone who clones"),
        ({**WHERE, KEY: ".env/key"}, "everyone who clones"),
        ({**WHERE, KEY: "data/external"}, "no program looks for keys"),
        ({**WHERE, HOLIDAYS: ".env"}, "keys and passwords"),
        ({**WHERE, HOLIDAYS: ""}, "top of a project"),
        ({**WHERE, TABLE: "data"}, "more specific"),
        ({**WHERE, FUNCTION: "src/features_old"}, "in the tree"),
        ({**WHERE, TABLE: "src/models"}, "code that trains"),
        ({**WHERE, "the logo": "docs"}, "keep the keys"),
        ({**WHERE, HOLIDAYS: "data/raw"}, "your company or another one"),
        ({**WHERE, INTERIM: "data/raw"}, "have these been changed"),
        ({**WHERE, INTERIM: "data/processed"}, "is another step needed first"),
        ({**WHERE, TABLE: "data/interim"}, "does a model read this already"),
        ({**WHERE, FUNCTION: "src/data"}, "inputs for a model"),
        ({**WHERE, FUNCTION: "notebooks"}, "what is in there: explorations"),
        ({**WHERE, MEANING: "docs"}, "how to use this project"),
        ({**WHERE, LOSSES: "reports"}, "more specific"),
        ({**WHERE, LOSSES: "logs"}, "in the tree"),
        ({**WHERE, RAW: 1}, "as text"),
        ({**WHERE, RAW: None}, "as text"),
        ({RAW: "data/raw"}, "keep the keys"),
        ("data/raw", "fill in the dict"),
    ],
}

# What a hint must not say.
SECRETS = {
    "02.1": ["^data", "csv|", "csv$", "parquet)", "\\."],
    "02.2": ["data/", "references", "reports/runs", "src/features", ".env"],
}


def test_a_rule_that_is_not_written_yet_is_no_mistake(report):
    """Before I write the rule, the check reports no mistake."""
    assert report("02.1", {"files": ..., "exclude": ...}).startswith("Exercise 02.1: not answered yet")


def test_what_is_right_already_is_said_too(report):
    """One wrong folder does not hide seven right ones."""
    assert "✓ 7 of 8 things" in report("02.2", {**WHERE, KEY: "docs"})
    assert "✓ 31 of 36 files" in report("02.1", {**RULE, "files": r"\.csv$"})


def test_places_still_to_fill_in_are_named(report):
    """I see which things still have no folder."""
    assert f"still to fill in: {KEY!r}" in report("02.2", {**WHERE, KEY: ...})


@pytest.mark.slow
@pytest.mark.parametrize("rule", [RULE, {**RULE, "exclude": "data/"}, {**RULE, "files": r"\.(csv|parquet)$ "}])
def test_pre_commit_judges_a_rule_as_the_check_does(report, tmp_path, rule):
    """What the check accepts refuses the same files when pre-commit runs it."""
    from course_utils.exercises.lesson_02 import _CASES

    hook = {"id": "tables", "name": "tables", "language": "fail", "entry": "stray:", **rule}
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": [hook]}]}))
    for file in (file for case in _CASES for file in case.files):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    around = {**os.environ, "HOME": str(tmp_path / "home"), "PRE_COMMIT_HOME": str(tmp_path / "home")}
    programs = Path(sys.executable).parent
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, env=around, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, env=around, check=True)
    command = [programs / "pre-commit", "run", "--all-files"]
    said = subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True).stdout
    refused = set(filter(None, said.partition("stray:")[2].splitlines()))
    solved = refused == {file for case in _CASES if case.stray for file in case.files}
    assert solved is report("02.1", rule).endswith(": solved\n")


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
