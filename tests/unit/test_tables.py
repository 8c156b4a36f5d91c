"""The facts of the course as data, and which data set is the active one."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from course_utils import tables
from course_utils.errors import UsageError


def test_a_table_is_read_by_its_name():
    """A TOML table is a dict and a CSV table a DataFrame, read with the options I pass."""
    assert tables.read_toml("constants.toml")["horizon_hours"] == 3
    assert tables.read_csv("dictionary.csv", index_col="column").loc["Year", "type"] == "integer"


def test_a_table_is_found_by_its_name_alone():
    """The file name is enough to find a table of any stage, and no two tables share one."""
    root = Path(tables.__file__).parent
    assert tables.find("workflow.toml") == root / "workflow.toml"
    assert tables.find("drift.toml") == root / "operate" / "drift.toml"
    assert (tables.find("project_template") / "cookiecutter.json").is_file()
    assert "<h1" in tables.read_text("sponsor.html.j2")
    names = [file.name for file in root.rglob("*") if file.parent == root or file.parent.parent == root]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["", ".", "operate", "operate/drift.toml", "../errors.py"])
def test_a_path_is_not_a_name_of_a_table(name: str):
    """A folder or a path is refused, so a table can move without changes in its readers."""
    with pytest.raises(UsageError, match="there is no table"):
        tables.find(name)


def test_the_checkout_is_where_the_course_is():
    """The repository is found from any working folder."""
    assert (tables.checkout() / "pyproject.toml").is_file()
    assert (tables.checkout() / "course_utils" / "tables" / "__init__.py").is_file()


def test_changing_a_table_that_i_read_changes_nothing_for_others():
    """Changes to a table that I read do not appear the next time it is read."""
    tables.read_toml("constants.toml")["horizon_hours"] = 99
    assert tables.read_toml("constants.toml")["horizon_hours"] == 3


@pytest.mark.parametrize("read", [tables.read_toml, tables.read_csv])
def test_a_table_that_is_not_there(read):
    """For a wrong name the error lists the existing names."""
    with pytest.raises(UsageError, match=r"no table 'prizes\.toml'.*constants\.toml"):
        read("prizes.toml")


def test_the_curriculum_is_in_order():
    """There are 18 lessons, numbered from 00, each with the fields that README, runner and tests read."""
    lessons = tables.curriculum()
    assert [lesson["number"] for lesson in lessons] == [f"{number:02d}" for number in range(18)]
    for lesson in lessons:
        assert lesson["slug"]
        assert lesson["title"]
        assert lesson["minutes"] > 0
        assert lesson["aims"] or not lesson["written"]


def test_the_workflow_points_to_lessons_or_says_why_not():
    """Each consideration names the lessons that cover it or a reason; I can ask for single steps."""
    whole = tables.workflow().reset_index()
    assert whole["step"].str[0].unique().tolist() == list("123456")
    assert whole["where"].str.match(r"lesson \d\d|nowhere: \w").all()
    two = tables.workflow(1, 3).reset_index()
    assert two["step"].str[0].unique().tolist() == ["1", "3"]
    with pytest.raises(UsageError, match="no step 7"):
        tables.workflow(7)


def test_the_canvas_asks_questions():
    """Each field of the stakeholder canvas has a key and a question."""
    canvas = tables.canvas()
    assert canvas.index.is_unique
    assert canvas["question"].str.endswith("?").all()


def test_the_active_data_set(monkeypatch: pytest.MonkeyPatch):
    """Lessons run on nyc2013 unless the environment variable says otherwise; a wrong name lists the right ones."""
    for named, active in ((None, "nyc2013"), ("", "nyc2013"), (" allyears2k ", "allyears2k")):
        if named is None:
            monkeypatch.delenv("COURSE_DATASET", raising=False)
        else:
            monkeypatch.setenv("COURSE_DATASET", named)
        assert tables.active_dataset() == active
    assert set(tables.DATASETS) == {"nyc2013", "allyears2k"}
    monkeypatch.setenv("COURSE_DATASET", "nyc2031")
    with pytest.raises(UsageError, match=r"'nyc2031'.*nyc2013, allyears2k"):
        tables.active_dataset()


@pytest.mark.parametrize("name", tables.DATASETS)
def test_the_facts_about_a_data_set_are_complete(name: str):
    """Each row of datasets.toml can be loaded, split and, where it has an address, verified."""
    facts, columns = tables.dataset(name), set(tables.read_csv("dictionary.csv")["column"])
    first, last = facts["years"]
    assert first <= last
    assert facts["validation"] < facts["test"]
    assert set(facts["absent"]) <= columns
    assert not facts["url"] or (facts["bytes"] and len(facts["sha256"]) == 64)
    assert bool(facts["package"]) + bool(facts["url"]) <= 1
    own = tables.read_csv("dictionary_by_dataset.csv")
    assert set(own["dataset"]) <= set(tables.DATASETS)
    assert set(own["column"]) <= columns


def test_the_numbers_of_flights_are_stated_alike():
    """The tables that count flights for lessons and for the deck agree with datasets.toml."""
    assert tables.dataset("nyc2013")["flights"] == tables.read_toml("constants.toml")["flights_2013"]
    assert tables.dataset("allyears2k")["flights"] == tables.read_toml("deck.toml")["data"]["rows"]


def test_an_incomplete_row_of_a_data_set_is_refused(monkeypatch: pytest.MonkeyPatch):
    """A key that is missing or misspelt is named, and a data set that is not there gets the right names."""
    row = {"title": "flights", "years": [2014, 2014], "validation": "2014-09", "test": "2014-11", "file": "mine.csv"}
    read = tables.read_toml
    for wrong, says in (
        ({**row, "test": ""}, r"\[mine\] does not state 'test'"),
        ({**row, "wether": True}, r"\[mine\] has the unknown key 'wether'"),
    ):
        monkeypatch.setattr(tables, "read_toml", lambda name, wrong=wrong: {**read(name), "mine": wrong})
        with pytest.raises(UsageError, match=says):
            tables.dataset("mine")
    monkeypatch.setattr(tables, "read_toml", lambda name: {**read(name), "mine": row})
    assert tables.dataset("mine")["compare_from"] == "2014-09"
    assert tables.dataset("mine")["weather"] is False
    with pytest.raises(UsageError, match=r"no data set 'nyc2031'.*choose one of nyc2013, allyears2k"):
        tables.dataset("nyc2031")


def test_rows_know_their_data_set(monkeypatch: pytest.MonkeyPatch):
    """A frame that names its data set counts for that one; anything else counts for the active one."""
    rows = pd.DataFrame({"DepDelay": [1.0]})
    monkeypatch.delenv("COURSE_DATASET", raising=False)
    assert tables.dataset_of(rows) == tables.dataset_of(0.5) == "nyc2013"
    rows.attrs["dataset"] = "allyears2k"
    assert tables.dataset_of(rows) == tables.dataset_of(rows["DepDelay"]) == "allyears2k"


BENCHMARKS = tables.read_toml("benchmarks.toml")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmarks_table_says_how_it_was_measured(name: str, capsys: pytest.CaptureFixture[str]):
    """I can read when a benchmark was measured; its script exists, and so do the columns that are renamed."""
    table = tables.benchmark(name)
    assert len(table) > 1 and table.index.names == BENCHMARKS[name].get("index", [None])
    assert set(BENCHMARKS[name].get("columns", {}).values()) <= {*table.columns}
    assert (tables.checkout() / "benchmarks" / BENCHMARKS[name]["by"]).is_file()
    tables.benchmark_note(name)
    said = capsys.readouterr().out
    assert re.search(r"20\d\d", said) and "#" not in said


def test_every_committed_benchmark_can_be_asked_for():
    """Every committed benchmark table has a section in benchmarks.toml, and the reverse."""
    files = Path(tables.__file__).parent.rglob("benchmark_*.csv")
    assert {file.stem.removeprefix("benchmark_") for file in files} == set(BENCHMARKS)


def test_a_benchmark_that_is_not_there():
    """For a mistyped name the error lists the existing names; a table's notes have the table's name."""
    for ask in (tables.benchmark, tables.benchmark_note):
        with pytest.raises(UsageError, match=r"no benchmark 'speed'.*batch_stores"):
            ask("speed")
    assert any(note.startswith("measured 20") for note in tables.read_notes("benchmark_watching.csv"))
    with pytest.raises(UsageError, match=r"no table 'none\.csv'"):
        tables.read_notes("none.csv")
