"""Load the data: correct columns, complete files, and errors for damaged ones."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from course_utils import tables
from course_utils.data import datasets, dictionary
from course_utils.errors import DataError, UsageError

FIXTURES = Path(__file__).parent / "fixtures"

#: fixture, column and row that the message names, and what it says.
FAULTS = [
    ("empty.csv", None, None, "is empty"),
    ("header_only.csv", None, None, "has no rows"),
    ("truncated.csv", None, 7, "cut off"),
    ("torn_row.csv", None, 3, "32 fields instead of 31"),
    ("wrong_separator.csv", None, None, "separated by ';'"),
    ("wrong_encoding.csv", None, 3, "not stored as utf-8: byte 687 is 0xc4"),
    ("utf16.csv", None, None, "UTF-16"),
    ("missing_column.csv", "Distance", None, "is missing"),
    ("extra_column.csv", "Gate", None, "not in the data dictionary"),
    ("text_in_number.csv", "DepDelay", 1, "'late' where a number belongs"),
    ("time_2460.csv", "DepTime", 5, "2460, which is not a clock time"),
    ("scheduled_time_1875.csv", "CRSDepTime", 4, "1875, which is not a clock time"),
    ("negative_distance.csv", "Distance", 2, "-719, outside the range 10 to 6000 miles"),
    ("unknown_carrier.csv", "UniqueCarrier", 6, "'ZZ', which is not one of 9E AA"),
    ("date_30_february.csv", "DayofMonth", 0, "2013-2-30 is not a date"),
    ("wrong_weekday.csv", "DayOfWeek", 2, "holds 5, but 2013-01-01 is 2"),
    ("duplicate_rows.csv", None, 8, "repeats the flight of an earlier row"),
    ("half_missing.csv", "DepDelay", 0, "is missing in 50.0% of the rows"),
]


@pytest.mark.parametrize(("name", "column", "row", "says"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_damaged_file_is_refused_by_name(name: str, column: str | None, row: int | None, says: str):
    """A file with a fault gets an error that names file, column, row, the fault and the fix."""
    with pytest.raises(DataError) as caught:
        datasets.read_flights(FIXTURES / name)
    assert says in str(caught.value)
    assert (caught.value.file, caught.value.column, caught.value.row) == (name, column, row)
    assert "Fix: " in str(caught.value)


def test_every_fixture_is_tested():
    """Every damaged file in the folder has a test of its error."""
    assert {path.name for path in FIXTURES.iterdir()} == {fault[0] for fault in FAULTS} | {"whole.csv", "time_2400.csv"}


def test_a_whole_file_is_read():
    """A file without a fault comes back with its rows, and with the types of the default data set."""
    rows = datasets.read_flights(FIXTURES / "whole.csv")
    assert list(rows.columns) == list(dictionary.load().index)
    assert len(rows) == 8
    assert rows["Year"].dtype == "int64"
    assert rows["DepDelay"].tolist()[:2] == [2, 144]
    assert rows["TaxiIn"].isna().all()


def test_midnight_as_2400_is_legal_for_what_happened():
    """An actual time of 2400 is accepted, and is minute 0 of a day."""
    rows = datasets.read_flights(FIXTURES / "time_2400.csv")
    assert rows["ArrTime"].iloc[5] == 2400
    assert datasets.minute_of_day(rows["ArrTime"]).iloc[5] == 0


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    """A wrong path gets an error that names the file and says what to do."""
    with pytest.raises(DataError, match=r"nowhere\.csv: does not exist"):
        datasets.read_flights(tmp_path / "nowhere.csv")


# --------------------------------------------------------------------------- nyc2013


def test_the_default_data_has_the_decks_columns_and_all_flights(flights: pd.DataFrame):
    """336,776 flights come in the deck's 31 columns, valid by the dictionary, in order of scheduled departure."""
    assert flights.shape == (336_776, 31)
    assert list(flights.columns) == list(dictionary.load().index)
    assert flights.index.equals(pd.RangeIndex(336_776))
    assert flights.attrs["dataset"] == "nyc2013"
    assert datasets.scheduled_departure(flights).is_monotonic_increasing
    assert dictionary.validate(flights) is flights


def test_cancelled_and_diverted_flights(flights: pd.DataFrame):
    """A cancelled flight has no label, a diverted one no arrival delay: neither is ever YES."""
    cancelled, diverted = flights["Cancelled"] == 1, flights["Diverted"] == 1
    assert (cancelled.sum(), diverted.sum()) == (8_255, 1_175)
    assert flights.loc[cancelled, ["IsDepDelayed", "IsArrDelayed", "DepTime"]].isna().all(axis=None)
    assert flights.loc[diverted, ["IsArrDelayed", "ActualElapsedTime"]].isna().all(axis=None)
    assert flights.loc[diverted, "IsDepDelayed"].notna().all()


def test_late_means_fifteen_minutes(flights: pd.DataFrame):
    """IsDepDelayed is YES from 15 minutes on, the definition of the industry."""
    departed = flights[flights["DepDelay"].notna()]
    assert ((departed["IsDepDelayed"] == "YES") == (departed["DepDelay"] >= 15)).all()
    assert (departed["IsDepDelayed"] == "YES").mean() == pytest.approx(0.222, abs=0.001)


def test_elapsed_times_cross_time_zones(flights: pd.DataFrame):
    """Elapsed times are what the clocks at both ends say, in every zone and season, and possible for an aircraft."""
    mph = flights["Distance"] / (flights["CRSElapsedTime"] / 60)
    assert mph.between(10, 480).all()
    assert (flights["ActualElapsedTime"] >= flights["AirTime"])[flights["AirTime"].notna()].all()
    for dest, low, high in (("HNL", 600, 700), ("SJU", 200, 260), ("STT", 215, 270), ("PHX", 270, 380)):
        assert flights.loc[flights["Dest"] == dest, "CRSElapsedTime"].between(low, high).all(), dest
    # Eastern time and Puerto Rico differ by an hour in winter only; a mistake would shift the route by 60 minutes.
    to_sju = flights[flights["Dest"] == "SJU"].groupby("Month")["CRSElapsedTime"].median()
    assert np.ptp(to_sju) < 25
    clocks = datasets.minute_of_day(flights["ArrTime"]) - datasets.minute_of_day(flights["DepTime"])
    away = (flights["ActualElapsedTime"] - clocks) % 60
    assert away[away.notna()].eq(0).all()


def test_scheduled_departure_is_utc():
    """New York is five hours behind UTC in winter and four in summer; midnight as 0 belongs to its own day."""
    rows = pd.DataFrame(
        {
            "Year": 2013,
            "Month": [1, 7, 7],
            "DayofMonth": [1, 1, 2],
            "CRSDepTime": [515, 515, 0],
            "Origin": ["EWR", "EWR", "SJU"],
        },
        index=[7, 8, 9],
    )
    times = datasets.scheduled_departure(rows)
    assert times.index.tolist() == [7, 8, 9]
    assert times.dt.strftime("%d %H:%M").tolist() == ["01 10:15", "01 09:15", "02 04:00"]


def test_an_airport_without_a_zone_is_named():
    """An unknown airport has no time zone, so no departure time: the error names it."""
    rows = pd.DataFrame({"Year": [2013], "Month": [1], "DayofMonth": [1], "CRSDepTime": [515], "Origin": ["QQQ"]})
    with pytest.raises(DataError, match="column Origin, row 0: the time zone of 'QQQ' is unknown"):
        datasets.scheduled_departure(rows)


def test_weather_airports_and_planes_come_along():
    """The other tables load; the weather has the columns of the dictionary, and times in UTC."""
    weather = datasets.load_weather()
    assert list(weather.columns) == list(dictionary.load("weather").index)
    assert str(weather["time_hour"].max()) == "2013-12-30 23:00:00+00:00"
    assert {"EWR", "JFK", "LGA"} <= set(datasets.load_airports()["faa"])
    assert datasets.load_planes()["tailnum"].is_unique


@pytest.mark.slow
def test_the_kept_copy_is_the_same_data(flights: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A second load reads the same data from disk, and no temporary file is left."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    cold = datasets.load_flights("nyc2013")
    (kept,) = (tmp_path / "interim").iterdir()
    made = kept.stat().st_mtime_ns
    warm = datasets.load_flights("nyc2013")
    assert kept.stat().st_mtime_ns == made
    pd.testing.assert_frame_equal(cold, warm)
    assert warm.attrs == cold.attrs
    kept.write_bytes(kept.read_bytes()[:1000])
    pd.testing.assert_frame_equal(datasets.load_flights("nyc2013"), cold)
    assert [path.name for path in (tmp_path / "interim").iterdir()] == [kept.name]


THREADS = """
import sys, psutil
from course_utils.data import datasets
import pandas, pyarrow.parquet
before = psutil.Process().num_threads()
print(len(datasets.read_parquet(sys.argv[1])), psutil.Process().num_threads() - before)
"""


def test_a_parquet_file_is_read_without_threads(tmp_path: Path):
    """A short program that reads a table exits cleanly: no thread is left that could abort it."""
    made = pd.DataFrame({"hour": np.arange(2000.0), "carrier": pd.Categorical(["AA", "UA"] * 1000)})[::2]
    made.attrs["horizon"] = 3
    made.to_parquet(tmp_path / "rows.parquet")
    rows = datasets.read_parquet(tmp_path / "rows.parquet")
    pd.testing.assert_frame_equal(rows, pd.read_parquet(tmp_path / "rows.parquet"))
    assert rows.attrs == {"horizon": 3}
    command = [sys.executable, "-c", THREADS, str(tmp_path / "rows.parquet")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["1000", "0"]


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standin: Path
):
    """In a read-only folder the flights load too, without a kept copy."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "interim").write_text("a file where a folder should be")
    monkeypatch.setenv("COURSE_ALLYEARS2K", str(standin))
    assert len(datasets.load_flights("allyears2k")) == 8


# --------------------------------------------------------------------------- allyears2k, by a stand-in


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a tiny file of the deck's format, expect its checksum, and keep data in an empty folder."""
    rows = pd.read_csv(FIXTURES / "whole.csv", dtype=str, keep_default_na=False)
    rows = rows.assign(TaxiIn="5", TaxiOut="11").replace("N534UA", "äNKNOæ")
    text = rows.to_csv(index=False, lineterminator="\n")
    source = tmp_path / "source" / "tiny.csv"
    source.parent.mkdir()
    source.write_bytes(text.encode("iso-8859-1"))
    published, checksum = tables.dataset, hashlib.sha256(source.read_bytes()).hexdigest()
    facts = {**published("allyears2k"), "sha256": checksum}
    monkeypatch.setattr(tables, "dataset", lambda name: facts if name == "allyears2k" else published(name))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("COURSE_ALLYEARS2K", raising=False)
    return source


@pytest.fixture
def mirror(standin: Path) -> Iterator[str]:
    """Serve the stand-in's folder on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(standin.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_mirror_named_by_the_environment(standin: Path, mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Fetch reads the named mirror once, verifies and keeps the file; load needs no network after that."""
    monkeypatch.setenv("COURSE_ALLYEARS2K", f"{mirror}/{standin.name}")
    with pytest.raises(DataError, match="not on this machine"):
        datasets.load_flights("allyears2k")
    path = datasets.fetch_flights("allyears2k")
    assert path == tmp_path / "data" / "external" / "allyears2k.csv"
    monkeypatch.setenv("COURSE_ALLYEARS2K", "http://127.0.0.1:9/gone.csv")
    assert datasets.fetch_flights() == path
    rows = datasets.load_flights("allyears2k")
    assert rows["TailNum"].iloc[1] == "äNKNOæ"
    assert rows.attrs["dataset"] == "allyears2k"


def test_a_local_zip_named_as_an_option(standin: Path, tmp_path: Path):
    """A local zip of the file is as good as the file."""
    packed = tmp_path / "source" / "tiny.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(standin, "inside/tiny.csv")
    path = datasets.fetch_flights("allyears2k", source=packed)
    assert path.read_bytes() == standin.read_bytes()
    assert len(datasets.load_flights("allyears2k")) == 8


def test_a_wrong_checksum_is_refused_and_nothing_kept(standin: Path, mirror: str, tmp_path: Path):
    """A file that is not the published one leaves no trace, whether it came from disk or the web."""
    standin.write_bytes(standin.read_bytes().replace(b"EWR", b"JFK"))
    for source in (standin, f"{mirror}/{standin.name}"):
        with pytest.raises(DataError, match=r"tiny\.csv: is not the published file.*nothing was kept"):
            datasets.fetch_flights("allyears2k", source=source)
        assert kept(tmp_path / "data") == []


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"PK\x03\x04 and then nothing", "damaged zip"), (b"<html>sign in</html>", "not the published file")],
)
def test_what_is_no_data_is_refused(standin: Path, tmp_path: Path, content: bytes, says: str):
    """Half a zip or a log-in page is refused."""
    other = tmp_path / "source" / "other"
    other.write_bytes(content)
    with pytest.raises(DataError, match=says):
        datasets.fetch_flights("allyears2k", source=other)
    assert kept(tmp_path / "data") == []


def test_a_source_that_does_not_answer(standin: Path, mirror: str, tmp_path: Path):
    """A missing file, a missing page and an unsupported address each get an error with a fix."""
    with pytest.raises(DataError, match=r"cannot be read.*check the path"):
        datasets.fetch_flights("allyears2k", source=tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match=r"(?i)cannot be fetched.*not found.*COURSE_ALLYEARS2K"):
        datasets.fetch_flights("allyears2k", source=f"{mirror}/nowhere.csv")
    with pytest.raises(UsageError, match="not a web address"):
        datasets.fetch_flights("allyears2k", source="ftp://example.org/tiny.csv")
    assert kept(tmp_path / "data") == []


def test_a_kept_file_that_was_altered_is_noticed(standin: Path, tmp_path: Path):
    """If someone edits the kept file, loading it is refused."""
    path = datasets.fetch_flights("allyears2k", source=standin)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(DataError, match=r"allyears2k\.csv: was altered"):
        datasets.load_flights("allyears2k")


def test_a_data_set_that_the_course_does_not_have():
    """A misspelt name gets an error with the right names."""
    with pytest.raises(UsageError, match=r"no data set 'nyc2014'.*choose one of nyc2013, allyears2k"):
        datasets.load_flights("nyc2014")
    with pytest.raises(UsageError, match="is installed with the course"):
        datasets.fetch_flights("nyc2013")


def test_flights_keep_their_data_set_when_rows_are_taken(flights: pd.DataFrame, tmp_path: Path):
    """However a lesson takes rows, they still know which data set they are from."""
    few = flights.head(500)
    taken = {
        "mask": few[few["DepDelay"] > 15],
        "isin": few[few["Origin"].isin(["JFK"])],
        "loc": few.loc[few.index[:5]],
        "iloc": few.iloc[::7],
        "query": few.query("Distance > 500"),
        "sample": few.sample(20, random_state=0),
        "sort": few.sort_values("DepDelay").tail(9),
        "assign": few.assign(late=1),
        "columns": few[["Origin", "DepDelay"]],
        "one column": few["DepDelay"],
        "dropna": few.dropna(subset="DepDelay"),
        "reset": few.reset_index(drop=True),
        "copy": few.copy(),
        "astype": few.astype({"Origin": object}),
        "concat": pd.concat([few.head(3), few.tail(3)]),
        "group": next(iter(few.groupby("Month")))[1],
    }
    few.to_parquet(tmp_path / "few.parquet")
    taken["parquet"] = datasets.read_parquet(tmp_path / "few.parquet")
    assert {how for how, rows in taken.items() if rows.attrs.get("dataset") != "nyc2013"} == set()


def test_a_loader_is_for_one_data_set_of_the_table():
    """A loader for a data set without a row, or a second one for the same name, is refused when it is defined."""
    with pytest.raises(UsageError, match="no data set 'mine'"):
        datasets.loader("mine")
    with pytest.raises(UsageError, match="'nyc2013' has a loader already"):
        datasets.loader("nyc2013")


def test_what_is_on_this_machine(standin: Path, monkeypatch: pytest.MonkeyPatch):
    """A data set is available when it is installed, kept, or named as a local copy; a mirror needs the network."""
    assert datasets.is_available("nyc2013")
    assert not datasets.is_available("allyears2k")
    monkeypatch.setenv("COURSE_ALLYEARS2K", "https://example.org/allyears2k.csv")
    assert not datasets.is_available("allyears2k")
    monkeypatch.setenv("COURSE_ALLYEARS2K", str(standin))
    assert datasets.is_available("allyears2k")


def test_the_data_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """COURSE_DATA names the folder of the data; without it, it is the course's own."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert datasets.data_folder() == tmp_path
    monkeypatch.delenv("COURSE_DATA")
    assert datasets.data_folder() == tables.checkout() / "data"
