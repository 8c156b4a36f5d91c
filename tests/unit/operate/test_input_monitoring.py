"""Monitoring the inputs of a model, inside the call that answers and beside it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import psutil
import pytest
from waiting import until

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.operate import input_monitoring
from course_utils.operate.input_monitoring import InlineMonitor, InputMonitor, SidecarMonitor


def flights(rows: int, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    """Make inputs of flights: two numbers, one with gaps, and a carrier."""
    random = np.random.default_rng(seed)
    delay = random.normal(shift, 1, rows)
    delay[::10] = np.nan
    carriers = random.choice(["AA", "B6", "UA"], rows)
    return pd.DataFrame({"hour": random.uniform(5, 23, rows), "delay": delay, "carrier": carriers})


TRAINING = flights(5000)


def asked(frame: pd.DataFrame) -> list[dict]:
    return frame.to_dict("records")


def seen(monitor: InputMonitor, frame: pd.DataFrame) -> pd.Series:
    for row in asked(frame):
        monitor.observe(row)
    return monitor.report()


def double(row: dict) -> float:
    return 2 * row["hour"]


# --------------------------------------------------------------------------- what is seen


def test_rows_like_those_of_training_raise_nothing():
    """On an ordinary day every row is counted and no column is named."""
    report = seen(InputMonitor(TRAINING, window=500, every=50), TRAINING.sample(1000, random_state=1))
    assert report.to_dict() == {"rows": 1000, "outside training": 0, "drifted columns": ""}


def test_a_column_that_moved_is_named_and_only_that():
    """When delays grow I read which column has moved."""
    report = seen(InputMonitor(TRAINING, window=500, every=50), flights(1000, seed=1, shift=1.5))
    assert report["drifted columns"] == "delay"


def test_a_column_that_runs_empty_is_named():
    """A feed that stops without an error shows as a drifted column."""
    report = seen(InputMonitor(TRAINING, window=500, every=50), flights(1000, seed=1).assign(delay=None))
    assert report["drifted columns"] == "delay"


def test_what_training_never_had_is_counted_row_by_row():
    """A number beyond training's and a carrier that it never had are counted; a missing value is neither."""
    rows = TRAINING.iloc[1:6].astype(object)
    rows.iloc[0, 0], rows.iloc[0, 1], rows.iloc[1, 2] = 24.0, 99.0, "XX"  # two faults in one row, one in the next
    rows.iloc[2, 1], rows.iloc[3, 1] = None, float("nan")
    assert seen(InputMonitor(TRAINING), rows)["outside training"] == 2


def test_columns_are_compared_only_once_the_window_is_full():
    """A handful of rows is no distribution: nothing is said about it."""
    assert seen(InputMonitor(TRAINING, window=500, every=50), flights(499, 1, shift=3))["drifted columns"] == ""
    assert seen(InputMonitor(TRAINING, window=500, every=50), flights(500, 1, shift=3))["drifted columns"] == "delay"


def test_only_the_last_rows_count():
    """Once the delays are what they were, the column is named no more."""
    monitor = InputMonitor(TRAINING, window=500, every=50)
    seen(monitor, flights(500, 1, shift=3))
    assert seen(monitor, flights(500, 2))["drifted columns"] == ""


def test_the_psi_is_the_textbooks():
    """What is compared with the limit is the population stability index over tenths of training and missing values."""
    monitor = InputMonitor(TRAINING[["delay"]], window=1000, every=1000)
    now = flights(1000, seed=3, shift=0.3)["delay"]
    seen(monitor, now.to_frame())
    edges = [-np.inf, *np.nanquantile(TRAINING["delay"], np.linspace(0.1, 0.9, 9)), np.inf]
    shares = [
        pd.cut(values, edges, right=False)
        .cat.add_categories("missing")
        .fillna("missing")
        .value_counts(True)
        .sort_index()
        for values in (TRAINING["delay"], now)
    ]
    expected = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()
    assert monitor._psi[0] == pytest.approx(expected)


def test_categories_that_are_numbers_are_known_as_floats():
    """A gate that training stored as a whole number is inside training when a client sends 7.0."""
    monitor = InputMonitor(pd.DataFrame({"gate": pd.Categorical([7, 8, 9])}))
    seen(monitor, pd.DataFrame({"gate": [7.0, 8.0, None]}))
    assert monitor.outside == 0
    monitor.observe({"gate": 10})
    assert monitor.outside == 1


@pytest.mark.parametrize("now", [1.0, 5.0, np.inf, None], ids=["common", "new", "infinite", "missing"])
def test_a_column_with_a_heavy_tie_is_watched(now):
    """A column that is zero on 95 of 100 rows drifts when it takes another value, or none."""
    training = pd.DataFrame({"rain": [0.0] * 950 + [1.0] * 50})
    monitor = InputMonitor(training, window=500, every=50)
    assert seen(monitor, training.sample(500, random_state=0))["drifted columns"] == ""
    assert seen(monitor, pd.DataFrame({"rain": [0.0, now] * 250}, dtype=float))["drifted columns"] == "rain"


def test_carriers_that_training_never_had_move_their_column():
    """New carriers have a bin of their own, so half a feed of them shows as a drifted column."""
    rows = flights(1000, seed=1).assign(carrier=["XX", "AA"] * 500)
    assert "carrier" in seen(InputMonitor(TRAINING, window=500, every=50), rows)["drifted columns"]


def test_a_value_of_the_wrong_kind_is_named():
    """A text or a list where training has numbers, dates and columns of one name are refused by the column."""
    for wrong in ("noon", [1.0]):
        with pytest.raises(DataError, match=r"column hour: holds .* where a number belongs"):
            InputMonitor(TRAINING).observe({"hour": wrong, "delay": 0.0, "carrier": "UA"})
    with pytest.raises(DataError, match="column day: holds dates"):
        InputMonitor(TRAINING.assign(day=pd.Timestamp("2013-01-01")))
    with pytest.raises(DataError, match="column hour: occurs more than once"):
        InputMonitor(pd.concat([TRAINING, TRAINING[["hour"]]], axis=1))
    monitor = InputMonitor(pd.DataFrame({"empty": [np.nan] * 9}))
    seen(monitor, pd.DataFrame({"empty": [None, pd.NA, 3.0]}, dtype=object))
    assert monitor.outside == 1, "training had no value at all"


def test_categories_may_come_as_categories():
    """How training stores a text does not matter."""
    stored = TRAINING.astype({"carrier": "category"})
    rows = flights(600, seed=1)
    reports = [seen(InputMonitor(training, window=500), rows).to_dict() for training in (TRAINING, stored)]
    assert reports[0] == reports[1]


def test_an_absent_input_is_named():
    """A row without one of the model's inputs is refused by the input's name."""
    with pytest.raises(DataError, match="column delay: is missing from the row"):
        InputMonitor(TRAINING).observe({"hour": 9.0, "carrier": "UA"})


@pytest.mark.parametrize("options", [{"window": 0}, {"every": -1}, {"window": 1.5}])
def test_impossible_numbers_of_rows_are_refused(options):
    """The message names the option that cannot be used."""
    with pytest.raises(UsageError, match=next(iter(options))):
        InputMonitor(TRAINING, **options)


def test_without_training_rows_there_is_nothing_to_compare_with():
    """An empty table is refused at once."""
    with pytest.raises(DataError, match="training data are empty"):
        InputMonitor(TRAINING.iloc[:0])


# --------------------------------------------------------------------------- where it is done


def test_inside_and_beside_answer_the_same_and_see_the_same():
    """Moving the monitor out of the call changes no answer and loses no row."""
    rows = asked(flights(700, seed=1, shift=1.5))
    inside = InlineMonitor(double, InputMonitor(TRAINING, window=500))
    beside = SidecarMonitor(double, InputMonitor(TRAINING, window=500))
    answers = [beside.predict(row) for row in rows]
    report = beside.close()
    assert answers == [inside.predict(row) for row in rows]
    assert report.equals(inside.monitor.report())
    assert report["drifted columns"] == "delay"
    assert beside.dropped == 0


def test_a_monitor_that_fails_inside_takes_the_answer_along_and_beside_it_does_not():
    """A row that breaks the monitor costs the answer if the monitor is inside the call, and nothing if it is beside."""
    row = {"hour": 9.0}
    with pytest.raises(DataError, match="missing from the row"):
        InlineMonitor(double, InputMonitor(TRAINING)).predict(row)
    beside = SidecarMonitor(double, InputMonitor(TRAINING))
    assert beside.predict(row) == 18.0
    with pytest.raises(UsageError, match="column delay: is missing from the row"):
        beside.close()


def test_answers_go_on_when_the_monitor_is_dead_and_what_it_misses_is_counted():
    """After a crash of the other process no answer waits; rows that do not fit the queue are dropped and counted."""
    beside = SidecarMonitor(double, InputMonitor(TRAINING), queue_size=100)
    beside.wait()
    beside.kill()
    rows = asked(flights(400))
    assert [beside.predict(row) for row in rows] == [double(row) for row in rows]
    assert beside.dropped == 300
    with pytest.raises(UsageError, match="killed"):
        beside.close()


@pytest.mark.slow
def test_a_killed_notebook_leaves_no_monitor_behind(tmp_path):
    """When the program that answers is killed, the process beside it ends too."""
    script, told = tmp_path / "service.py", tmp_path / "pid"
    script.write_text(
        "if __name__ == '__main__':\n"
        "    import os, pathlib, signal, sys\n"
        "    import pandas as pd\n"
        "    from course_utils.operate.input_monitoring import InputMonitor, SidecarMonitor\n"
        "    beside = SidecarMonitor(len, InputMonitor(pd.DataFrame({'hour': [9.0, 10.0]})))\n"
        "    beside.wait()\n"
        "    pathlib.Path(sys.argv[1]).write_text(str(beside._process.pid))\n"
        "    os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))\n"
    )
    nowhere = subprocess.DEVNULL  # a pipe would be held open by the very process that must not stay
    done = subprocess.run([sys.executable, script, told], stdout=nowhere, stderr=nowhere, check=False)
    assert done.returncode != 0
    pid = int(told.read_text())
    try:
        until(lambda: not _runs(pid), "the process beside it has ended")
    finally:
        if _runs(pid):
            psutil.Process(pid).kill()


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --------------------------------------------------------------------------- what it costs


def test_each_way_is_measured_against_none():
    """The table has the three ways, times in milliseconds, and ratios to the way without a monitor."""
    table = input_monitoring.measure_overhead(
        double, asked(flights(60)), lambda: InputMonitor(TRAINING, window=50), rounds=2
    )
    assert [*table.index] == ["without", "inside", "beside"]
    assert (table[["p50_ms", "p99_ms"]] > 0).all(axis=None)
    assert table.loc["without", ["p50_ratio", "p99_ratio"]].tolist() == [1, 1]
    assert table.loc["inside", "p50_ratio"] == pytest.approx(table["p50_ms"]["inside"] / table["p50_ms"]["without"])


@pytest.mark.parametrize(("rows", "rounds"), [([], 3), (asked(flights(2)), 0)])
def test_nothing_cannot_be_measured(rows, rounds):
    """Without rows or rounds the message says so, instead of a division by zero."""
    with pytest.raises(UsageError, match="nothing to measure"):
        input_monitoring.measure_overhead(double, rows, lambda: InputMonitor(TRAINING), rounds=rounds)


def test_the_committed_table_says_when_and_where_it_was_measured(capsys):
    """I can see how, when and on what kind of machine the lesson's figures were measured, and no name of a machine."""
    tables.benchmark_note("watching")
    said = capsys.readouterr().out
    assert "flights, one at a time" in said
    assert "measured 20" in said and "virtual cores" in said and "/" not in said
    table = tables.benchmark("watching")
    assert [*table.index] == ["without", "inside", "beside"]
    assert table["p99_ratio"]["inside"] > 1.3
    assert table["p99_ratio"]["beside"] <= 1.1
    assert table.notna().all(axis=None)
