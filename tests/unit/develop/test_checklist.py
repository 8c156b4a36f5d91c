"""The checklist on the course's own repository, the ML Test Score of its model, and the rules of machine learning."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

from course_utils import tables
from course_utils.develop import checklist
from course_utils.develop.checklist import PASSED, Repository
from course_utils.errors import UsageError

ROOT = tables.checkout()
PRACTICES = tables.read_toml("practices.toml")["practice"]
SCORE = tables.read_toml("ml_test_score.toml")
RULES = tables.read_toml("rules_of_ml.toml")
LESSONS = {lesson["number"]: lesson["written"] for lesson in tables.curriculum()}


DOLLARS = 'training.train_rate_table()\ntraining.train_xgboost()\nclaim("worth", 1, always=1, unit="$")\n'
#: The smallest course that keeps every practice.
COURSE = {
    "pyproject.toml": '[project]\nname = "deploying-ml-models"\ndependencies = ["XGBoost>=3"]\n'
    '[dependency-groups]\nserving = ["clipper_admin==0.4.1"]\n',
    "uv.lock": "".join(
        f'[[package]]\nname = "{name}"\nwheels = [{{ hash = "sha256:{"0" * 64}" }}]\n'
        for name in ("xgboost", "clipper-admin")
    ),
    ".gitignore": "/data/raw/\n/data/processed/\n",
    ".ci/run": "exec make test\n",
    ".github/workflows/ci.yml": "on:\n  pull_request:\njobs:\n  test: .ci/run\n",
    "course_utils/__init__.py": "",
    "course_utils/data/datasets.py": "def load(rows):\n    return dictionary.validate(rows)\n",
    "course_utils/tables/data/dictionary.csv": "column,meaning,type,known_hours_before,event\n"
    "Year,the year,integer,4320,\ntemp,air temperature,number,,observation\n",
    "course_utils/tables/data/checksums.csv": f"file,sha256\nflights.csv,{'0' * 64}\n",
    "course_utils/tables/model/payoffs.toml": '[one]\n"warned, late" = 1\n"warned, on time" = -1\n'
    '"not warned, late" = -5\n"not warned, on time" = 1\n',
    "course_utils/tables/operate/benchmark_watching.csv": "# measured\nwatch,p99_ratio\nwithout,1\ninside,1.8\n"
    "beside,1.05\n",
    "tests/unit/data/test_datasets.py": "",
    "tests/unit/operate/test_input_monitoring.py": "",
    "tests/unit/model/test_explain.py": "",
    "lessons/01_data_science_workflow.py": DOLLARS,
    "lessons/06_business_data_analysis.py": DOLLARS,
    "lessons/07_interpretability.py": "",
    "lessons/12_static_training.py": DOLLARS,
}


def cell(count: int | None, *outputs: dict) -> dict:
    return {"cell_type": "code", "execution_count": count, "outputs": [*outputs]}


def notebook(*cells: dict) -> str:
    return json.dumps({"cells": [{"cell_type": "markdown"}, *cells]})


FIGURE = {"output_type": "display_data", "data": {"text/html": ["<p>", '<img src="x" alt="Ten bars.">']}}
BUILT = notebook(cell(1), cell(2, FIGURE), cell(None))  # the last one is live
for _lesson in [name for name in COURSE if name.startswith("lessons/")]:
    for _folder in ("notebooks", "solutions"):
        COURSE[f"{_folder}/{Path(_lesson).stem}.ipynb"] = BUILT


@pytest.fixture
def good(tmp_path) -> Repository:
    """Write the smallest course that keeps every practice, without Git."""
    root = tmp_path / "course"
    for name, text in COURSE.items():
        write(Repository(root), name, text)
    return Repository(root)


def write(course: Repository, file: str, text: str) -> None:
    path = course.root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def verdicts(course: Repository) -> dict[str, str]:
    """Return the verdict on each practice by its key."""
    found = checklist.checklist(course)["verdict"]
    return {practice["key"]: found[practice["practice"]] for practice in PRACTICES}


# --------------------------------------------------------------------------- the checklist


def test_every_point_of_the_decks_list_is_a_practice_with_a_check():
    """The deck's seven points are all there, in its order, and a function checks each of them."""
    points = [practice["deck"] for practice in PRACTICES]
    assert sorted(set(points)) == [1, 2, 3, 4, 5, 6, 7] and points == sorted(points)
    assert [practice["key"] for practice in PRACTICES] == [*checklist.CHECKS]
    assert {number for practice in PRACTICES for number in practice["lessons"]} <= LESSONS.keys()


def test_the_course_keeps_what_it_teaches():
    """Each practice whose lessons are written passes on this repository, with the same sign."""
    table = checklist.checklist()
    written = [practice["practice"] for practice in PRACTICES if all(LESSONS[n] for n in practice["lessons"])]
    assert {name: table["verdict"][name] for name in written} == dict.fromkeys(written, PASSED)


def test_files_are_enough(good, monkeypatch):
    """A folder with the right files, without Git, passes every check, and no program is started for it."""
    monkeypatch.setattr(subprocess, "Popen", lambda *words, **options: pytest.fail(f"started {words}"))
    assert set(verdicts(good).values()) == {PASSED}
    checklist.checklist()


def test_the_table_says_the_same_on_every_machine(good):
    """The table has no path of this machine, no date and no time, whatever is wrong."""
    for file in [*COURSE][1:]:
        (good.root / file).unlink()
    text = checklist.checklist(good).to_csv()
    assert text.count("✗") == len(PRACTICES)
    assert str(good.root) not in text and not re.search(r"20\d\d|\d:\d\d", text)


#: What goes wrong: the practice, the file, its new text (None: gone; a pair: replaced in the old), and what is said.
FAULTS = [
    ("template", "tests/unit/data/test_datasets.py", None, "datasets.py has no tests/unit/data/test_datasets.py"),
    (
        "baseline",
        "lessons/12_static_training.py",
        ("train_rate_table", "train_forest"),
        "does not fit a table before XGBoost",
    ),
    (
        "baseline",
        "lessons/12_static_training.py",
        ("train_xgboost", "train_forest"),
        "does not fit a table before XGBoost",
    ),
    (
        "baseline",
        "lessons/12_static_training.py",
        ("training.train_rate_table()", "train_xgboost(train_rate_table())\n"),
        "",
    ),
    ("pipeline", "course_utils/tables/data/dictionary.csv", None, "dictionary.csv is missing or empty"),
    ("pipeline", "course_utils/tables/data/dictionary.csv", ("the year", ""), "Year has no meaning"),
    ("pipeline", "course_utils/tables/data/dictionary.csv", ("4320", ""), "Year has no hour when known"),
    ("pipeline", "course_utils/tables/data/dictionary.csv", ("observation", ""), "temp has no hour when known"),
    (
        "pipeline",
        "course_utils/data/datasets.py",
        ("dictionary.validate(rows)", "rows"),
        "data/datasets does not validate",
    ),
    ("pipeline", "course_utils/data/datasets.py", "def load(:", "data/datasets does not validate"),
    ("inputs", "tests/unit/operate/test_input_monitoring.py", None, "test_input_monitoring.py is missing"),
    ("inputs", "course_utils/tables/operate/benchmark_watching.csv", None, "missing or has no measurement"),
    (
        "inputs",
        "course_utils/tables/operate/benchmark_watching.csv",
        ("1.05", "1.8"),
        "beside the call it does not cost less",
    ),
    ("data", "course_utils/tables/data/checksums.csv", ("0000", ""), "flights.csv has no SHA-256"),
    ("data", "course_utils/tables/data/checksums.csv", None, "checksums.csv is missing or empty"),
    ("data", ".gitignore", "/data/processed/\n# /data/raw/\n", "does not name /data/raw/"),
    ("environment", "uv.lock", None, "uv.lock is missing"),
    ("environment", "uv.lock", "[[", "cannot be read"),
    ("environment", "uv.lock", ('"clipper-admin"', '"clipper"'), "does not lock clipper-admin"),
    ("environment", "uv.lock", ("hash", "size"), "a file of xgboost has no hash"),
    ("results", "notebooks/12_static_training.ipynb", notebook(cell(None)), "12_static_training.ipynb was never run"),
    ("results", "solutions/12_static_training.ipynb", notebook(cell(2), cell(1)), "not run in order"),
    ("results", "solutions/12_static_training.ipynb", notebook(cell(1), cell(3)), "not run in order"),
    (
        "results",
        "notebooks/01_data_science_workflow.ipynb",
        notebook(cell(1, {"output_type": "error"})),
        "has an error",
    ),
    ("gate", ".github/workflows/ci.yml", ("pull_request", "workflow_dispatch"), "on every pull request"),
    ("gate", ".github/workflows/ci.yml", (".ci/run", "make check"), "on every pull request"),
    ("gate", ".ci/run", "exit 0\n", "does not run the tests"),
    ("reasons", "tests/unit/model/test_explain.py", None, "test_explain.py is missing"),
    (
        "reasons",
        "notebooks/12_static_training.ipynb",
        BUILT.replace("Ten bars.", ""),
        "a figure without an alternative text",
    ),
    (
        "reasons",
        "notebooks/12_static_training.ipynb",
        BUILT.replace("alt=", "title="),
        "a figure without an alternative text",
    ),
    ("dollars", "course_utils/tables/model/payoffs.toml", ("-5", '"?"'), "one has no amount for 'not warned, late'"),
    ("dollars", "course_utils/tables/model/payoffs.toml", None, "payoffs.toml is missing or empty"),
    ("dollars", "lessons/06_business_data_analysis.py", ('unit="$"', 'unit="%"'), "lesson 06 has no claim in dollars"),
]


@pytest.mark.parametrize(("key", "file", "text", "said"), FAULTS)
def test_each_fault_fails_its_own_practice_and_no_other(good, key, file, text, said):
    """For each fault the table names the broken practice and the file; the others still pass."""
    if text is None:
        (good.root / file).unlink()
    else:
        write(good, file, COURSE[file].replace(*text, 1) if isinstance(text, tuple) else text)
    found = verdicts(good)
    assert {name for name, verdict in found.items() if verdict != PASSED} == {key}
    assert found[key].startswith("✗ ") and said in found[key]


def test_every_practice_was_seen_to_fail():
    """Each practice fails for at least one fault."""
    assert {fault[0] for fault in FAULTS} == {practice["key"] for practice in PRACTICES}


def test_what_would_happen_without_a_file_can_be_seen_without_touching_it():
    """I can see the checklist as if a file were missing, without deleting it."""
    course = checklist.repository(without="uv.lock")
    assert verdicts(course)["environment"] == "✗ uv.lock is missing or cannot be read"
    assert (ROOT / "uv.lock").is_file()
    several = verdicts(
        checklist.repository(without=["tests/unit/*/test_*.py", "course_utils/tables/model/payoffs.toml"])
    )
    assert "has no tests/unit/" in several["template"] and "payoffs.toml" in several["dollars"]


def test_each_check_can_be_asked_by_itself():
    """A check is a function of the repository that returns what is wrong, or nothing."""
    course = checklist.repository(without=["course_utils/tables/data/checksums.csv", ".ci/run", "course_utils/*/*.py"])
    assert checklist.data_are_pinned(course) == "course_utils/tables/data/checksums.csv is missing or empty"
    assert checklist.changes_meet_a_gate(course) == ".ci/run does not run the tests"
    assert checklist.modules_have_tests(course) == "course_utils is empty"
    assert checklist.baseline_comes_first(course) == checklist.packages_are_pinned(course) == ""
    assert checklist.columns_are_known(course) == "course_utils/data/datasets does not validate"
    no_lessons = checklist.repository(
        without=["*/[0-9][0-9]_*", "tests/unit/*", "course_utils/tables/model/payoffs.toml"]
    )
    assert checklist.results_come_from_one_run(no_lessons) == "no lesson was built"
    assert checklist.worth_is_stated(no_lessons) == "course_utils/tables/model/payoffs.toml is missing or empty"
    assert "is missing" in checklist.inputs_are_watched(no_lessons)
    assert "is missing" in checklist.predictions_have_reasons(no_lessons)


def test_a_pattern_that_matches_nothing_is_refused():
    """A misspelt file is an error, since a check without it would look at nothing."""
    with pytest.raises(UsageError, match=r"no file 'uv\.lok'"):
        checklist.repository(without="uv.lok")


def test_an_installed_course_finds_the_repository_around_a_learners_copy(good, tmp_path, monkeypatch):
    """With the course installed as a package, a notebook in my_lessons finds the repository around it."""
    monkeypatch.setattr(tables, "checkout", lambda: tmp_path / "site-packages")
    mine = good.root / "my_lessons"
    mine.mkdir()
    monkeypatch.chdir(mine)
    assert checklist.repository().root == good.root


def test_where_there_is_no_repository_i_am_told(tmp_path, monkeypatch):
    """Outside of the repository, or in another project's, I get an error and no table."""
    monkeypatch.setattr(tables, "checkout", lambda: tmp_path / "site-packages")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="repository was not found"):
        checklist.checklist()


# --------------------------------------------------------------------------- the ML Test Score

CLAIMED = [(test["key"], one) for test in SCORE["test"] for one in test["evidence"]]


def test_the_score_has_four_sections_of_seven_tests():
    """All 28 tests of the paper are there, each of them once."""
    found = checklist.ml_test_score()
    assert found.groupby("section", sort=False).size().to_dict() == {
        "Data and features": 7, "Model development": 7, "Infrastructure": 7, "Monitoring": 7,
    }  # fmt: skip
    assert found.index.is_unique and found["ask"].is_unique and found["ask"].str.endswith("?").all()


@pytest.mark.parametrize(("key", "one"), CLAIMED, ids=[f"{key}-{one['lesson']}" for key, one in CLAIMED])
def test_a_lesson_that_is_written_has_earned_its_points(key, one):
    """A written lesson's row has points, a text and an existing file: a test for 1 point, a notebook for 0.5."""
    assert one["lesson"] in LESSONS
    if not LESSONS[one["lesson"]]:
        return
    assert one["points"] in (0.5, 1), f"lesson {one['lesson']} is written: give the row {key!r} its points and evidence"
    file, _, name = one["file"].partition("::")
    assert (ROOT / file).is_file(), f"{key}: {file} is not there"
    assert one["says"]
    assert file.startswith("tests/" if one["points"] == 1 else f"notebooks/{one['lesson']}_")
    if name:
        tests = {
            node.name for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body if hasattr(node, "name")
        }
        assert name in tests, f"{key}: {file} has no {name}"


def test_only_a_running_system_earns_points_for_monitoring():
    """The course has no production, so its monitoring earns nothing, and the paper's final score of it is 0."""
    found = checklist.ml_test_score()
    monitoring = found["section"] == "Monitoring"
    assert (found.loc[monitoring, "earned"] == 0).all() and found.loc[monitoring, "points"].sum() > 5
    assert found.loc[["canary", "rollback"], "earned"].eq(0).all()
    others = ~monitoring & ~found.index.isin(["canary", "rollback"])
    assert found.loc[others, "earned"].equals(found.loc[others, "points"])
    assert checklist.section_scores(found["earned"]).min() == 0


def test_a_row_without_evidence_says_why():
    """A row without evidence says why, and has no points."""
    for test in SCORE["test"]:
        assert bool(test["evidence"]) is not bool(test.get("none")), test["key"]


def test_points_count_once_their_lesson_is_written():
    """Without a written lesson there are no points, and each row names the lesson that will earn them."""
    nothing = checklist.ml_test_score(written=[])
    assert nothing["points"].sum() == 0
    assert nothing.loc["schema", ["lesson", "evidence"]].tolist() == ["01", "nothing before lesson 01 is written"]
    first = checklist.ml_test_score(written=["01", "05"])
    assert first.index[first["points"] > 0].tolist() == ["schema", "upstream"]
    assert first["evidence"]["upstream"].endswith("(tests/unit/notebook/test_doctor.py)")
    assert nothing["evidence"]["privacy"].startswith("none: ")


def test_the_better_evidence_counts():
    """Of two lessons with evidence for a row, the one with more points is shown; planned lessons earn none."""
    row = {"evidence": [{"lesson": "04", "points": 0.5, "file": "notebooks/04_x.ipynb", "says": "by hand"}]}
    row["evidence"].append(
        {"lesson": "15", "points": 1, "file": "tests/unit/serve/test_clipper.py::test_x", "says": "runs"}
    )
    row["evidence"].append({"lesson": "16", "points": 0, "file": "", "says": ""})
    best = checklist._best(row, ["04", "15", "16"])
    assert best == {"points": 1.0, "lesson": "15", "evidence": "runs (tests/unit/serve/test_clipper.py)"}
    assert checklist._best(row, ["04"])["lesson"] == "04"
    planned = checklist._best({"evidence": row["evidence"][2:]}, ["16"])
    assert planned == {"points": 0.0, "lesson": "16", "evidence": "nothing before lesson 16 is written"}


def test_sections_add_up_their_seven_tests():
    """Points are added by section; a missing test counts as 0."""
    assert checklist.section_scores({}).tolist() == [0, 0, 0, 0]
    assert checklist.section_scores({"schema": 1, "quality": 0.5, "age": 1}).to_dict() == {
        "Data and features": 1, "Model development": 0, "Infrastructure": 0, "Monitoring": 1.5,
    }  # fmt: skip
    assert checklist.section_scores(dict.fromkeys(checklist.blank_score_sheet().index, 1)).tolist() == [7, 7, 7, 7]


@pytest.mark.parametrize(("points", "said"), [({"drift": 1}, "no test 'drift'"), ({"age": 0.7}, "0.7 points")])
def test_points_that_do_not_exist_are_refused(points, said):
    """The error names an unknown test, or points other than 0, 0.5 and 1."""
    with pytest.raises(UsageError, match=re.escape(said)):
        checklist.section_scores(points)


@pytest.mark.parametrize(
    ("score", "said"),
    [(0, "research"), (0.5, "holes"), (1, "holes"), (1.5, "first pass"), (2, "first pass"), (2.5, "reasonably"),
     (3, "reasonably"), (3.5, "highly"), (5, "highly"), (5.5, "exceptional"), (7, "exceptional")],
)  # fmt: skip
def test_a_score_is_read_as_the_paper_reads_it(score, said):
    """Each score has the paper's meaning, the ends of its ranges included."""
    assert said in checklist.score_meaning(score)


@pytest.mark.parametrize("score", [-0.5, 7.5, float("nan")])
def test_a_score_that_cannot_be_is_refused(score):
    """A score below 0 or above 7 is refused."""
    with pytest.raises(UsageError, match="is not an ML Test Score"):
        checklist.score_meaning(score)


def test_the_sheet_is_empty_and_can_be_had_by_section():
    """I get the questions of one section, or all 28, to fill in."""
    assert len(checklist.blank_score_sheet()) == 28
    assert checklist.blank_score_sheet("monitoring").index.tolist() == checklist.blank_score_sheet().index.tolist()[-7:]
    with pytest.raises(UsageError, match="no section 'ops'"):
        checklist.blank_score_sheet("ops")


# --------------------------------------------------------------------------- rules of ML


def test_the_43_rules_are_on_four_piles():
    """All rules are there, in order, in their author's categories."""
    found = checklist.rules_of_ml()
    assert found.index.tolist() == list(range(1, 44))
    ends = {pile: (rows.index.min(), rows.index.max()) for pile, rows in found.groupby("pile", sort=False)}
    assert ends == {"before": (1, 3), "pipeline": (4, 15), "inputs": (16, 37), "slow growth": (38, 43)}
    assert checklist.rule_categories().index.tolist() == [*ends]
    assert checklist.rules_of_ml("before").index.tolist() == [1, 2, 3]
    with pytest.raises(UsageError, match="no pile 'after'"):
        checklist.rules_of_ml("after")


def test_each_rule_is_kept_in_a_lesson_or_says_why_not():
    """Each rule names the lessons that apply it, or says why none does."""
    for rule in RULES["rule"]:
        assert set(rule["lessons"]) <= LESSONS.keys()
        assert bool(rule["lessons"]) is not bool(rule.get("none")), rule["number"]
    assert checklist.rules_of_ml()["in the course"].str.match(r"lesson \d\d|not: ").all()


def test_the_cards_are_two_of_each_pile_and_do_not_give_their_pile_away():
    """There are eight cards in alphabetical order, and none has the name of its pile in it."""
    shown = checklist.rule_cards()
    assert shown.index.is_monotonic_increasing
    laid = {rule["card"]["name"]: rule["pile"] for rule in RULES["rule"] if "card" in rule}
    assert sorted(laid.values()) == sorted(2 * [*checklist.rule_categories().index])
    assert not [name for name, text in shown["card"].items() if f"{laid[name]} " in f"{text.lower()} "]
