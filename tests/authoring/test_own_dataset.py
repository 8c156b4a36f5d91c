"""A colleague's data set: five small edits in a copy of the course, and lesson 11 runs on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from authoring import surroundings

#: What `course run` needs of the repository.
NEEDED = ("authoring", "course_utils", "notebooks/11_under_and_overfitting.ipynb", "pyproject.toml", ".python-version")

LOADER = '''

@loader("mine")
def _mine(source: Path) -> pd.DataFrame:
    """Return my airline's flights, which come with other names and without a label."""
    import pandas as pd

    rows = pd.read_csv(source, parse_dates=["day"])
    return pd.DataFrame(
        {
            "Year": rows["day"].dt.year,
            "Month": rows["day"].dt.month,
            "DayofMonth": rows["day"].dt.day,
            "DayOfWeek": rows["day"].dt.dayofweek + 1,
            "CRSDepTime": rows["scheduled"],
            "CRSArrTime": rows["arrives"],
            "UniqueCarrier": rows["carrier"],
            "FlightNum": rows["number"],
            "CRSElapsedTime": rows["minutes"],
            "ArrDelay": rows["arrival_delay"],
            "DepDelay": rows["delay"],
            "Origin": rows["from"],
            "Dest": rows["to"],
            "Distance": rows["miles"],
            "Cancelled": rows["delay"].isna().astype("int64"),
            "Diverted": 0,
            "IsArrDelayed": _yes_no(rows["arrival_delay"]),
            "IsDepDelayed": _yes_no(rows["delay"]),
        }
    )
'''
ROW = """
[mine]
title = "flights of my airline"
years = [2014, 2014]
validation = "2014-09"
test = "2014-11"
absent = [
    "DepTime", "ArrTime", "TailNum", "ActualElapsedTime", "AirTime", "TaxiIn", "TaxiOut", "CancellationCode",
    "CarrierDelay", "WeatherDelay", "NASDelay", "SecurityDelay", "LateAircraftDelay",
]
file = "mine.csv"
"""
DICTIONARY = "mine,UniqueCarrier,,,XA XB XC,\nmine,ArrDelay,,,,0.1\nmine,IsArrDelayed,,,,0.1\n"


def append(file: Path, text: str) -> None:
    """Write text at the end of a file."""
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, flights: pd.DataFrame) -> Path:
    """Copy the course, add a data set as CONTRIBUTING.md says, and put its file into place."""
    root = tmp_path_factory.mktemp("course")
    for name in NEEDED:
        source, target = surroundings.ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    append(root / "course_utils/data/datasets.py", LOADER)
    append(root / "course_utils/tables/data/datasets.toml", ROW)
    append(root / "course_utils/tables/data/dictionary_by_dataset.csv", DICTIONARY)
    some = flights[flights["UniqueCarrier"].isin(["UA", "B6", "DL"]) & (flights["FlightNum"] % 2 == 0)]
    mine = pd.DataFrame(
        {
            "day": pd.to_datetime({"year": 2014, "month": some["Month"], "day": some["DayofMonth"]}),
            "scheduled": some["CRSDepTime"],
            "arrives": some["CRSArrTime"],
            "carrier": some["UniqueCarrier"].astype(object).map({"UA": "XA", "B6": "XB", "DL": "XC"}),
            "number": some["FlightNum"],
            "minutes": some["CRSElapsedTime"],
            "arrival_delay": some["ArrDelay"],
            "delay": some["DepDelay"],
            "from": some["Origin"],
            "to": some["Dest"],
            "miles": some["Distance"],
        }
    )
    (root / "data" / "external").mkdir(parents=True)
    mine.to_csv(root / "data" / "external" / "mine.csv", index=False)
    return root


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, with the copy's own course."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    for name in ("COURSE_DATA", "COURSE_DATASET"):
        environment.pop(name, None)
    return subprocess.run(
        [sys.executable, *command], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_a_lesson_runs_on_a_data_set_of_my_own(copy: Path) -> None:
    """`course run 11 --dataset mine` passes, and its claims show what they measured on my flights."""
    done = run(copy, "-m", "authoring.cli", "run", "11", "--dataset", "mine")
    assert done.returncode == 0, done.stdout + done.stderr
    book = nbformat.read(copy / "runs" / "notebooks-mine" / "11_under_and_overfitting.ipynb", as_version=4)
    said = [output.get("text", "") for cell in book.cells for output in cell.get("outputs", [])]
    said = "".join(said)
    assert re.search(r"· [^\n]*: -?[\d.]+ on mine, for which the lesson states no value", said)
    assert "✓ The constant model's AUC: 0.5" in said


def test_a_lesson_that_cannot_use_it_is_skipped(copy: Path) -> None:
    """A lesson that needs complete days is skipped, and the report says which data it needs."""
    code = "from authoring import run; print(run.unsuited('16_monitoring', 'mine') or 'runs')"
    assert "it plays a year day by day" in run(copy, "-c", code).stdout


LOOK = """
from course_utils import tables
from course_utils.data import datasets, dictionary, features, splits

flights = datasets.load_flights("mine")
print(flights.attrs, flights["UniqueCarrier"].cat.categories.tolist(), flights["TaxiIn"].isna().all())
print(dictionary.load(dataset="mine").loc["Year", ["low", "high"]].astype(int).tolist(), tables.DATASETS)
print("weather" in features.groups(features.as_of(flights, rows=flights.tail(9))), splits.split_by_time(flights).name)
"""


def test_everything_knows_the_new_data_set(copy: Path) -> None:
    """Loading, dictionary, features and splits use the facts of my data set."""
    done = run(copy, "-c", LOOK)
    assert done.stdout.splitlines() == [
        "{'dataset': 'mine'} ['XA', 'XB', 'XC'] True",
        "[1987, 2014] ('nyc2013', 'allyears2k', 'mine')",
        "False by time: validation from 2014-09, test from 2014-11",
    ], done.stderr


#: What is forgotten: a text of the row, what is written instead, and what the error says.
FORGOTTEN = [
    (("mine.csv", "other.csv"), "the data set other is not on this machine. Fix: copy it to"),
    (("", ""), "write a function under @loader('other')"),
    (('validation = "2014-09"', ""), "datasets.toml: [other] does not state 'validation'"),
    (("test =", "validate = 1\ntest ="), "datasets.toml: [other] has the unknown key 'validate'"),
]


@pytest.mark.parametrize(("change", "says"), FORGOTTEN)
def test_what_a_colleague_forgets_is_named(copy: Path, change: tuple[str, str], says: str) -> None:
    """Without its file, its loader or a key of its row, the error says what is missing and what to type."""
    table = copy / "course_utils/tables/data/datasets.toml"
    whole = table.read_text(encoding="utf-8")
    try:
        append(table, ROW.replace("[mine]", "[other]").replace(*change))
        assert says in run(copy, "-c", "from course_utils.data import datasets; datasets.load_flights('other')").stderr
    finally:
        table.write_text(whole, encoding="utf-8")
