"""The year 2013 again, day by day: static against dynamic training, on the timetable and on inputs known 3 hours ahead.

    uv run python benchmarks/replay.py            # print both tables
    uv run python benchmarks/replay.py --write    # and keep them in course_utils/tables/model/

All learners answer for the same flights, April to December, with labels that arrive the next day. Nothing here depends
on the machine but the time it takes: some ten minutes on one core.
"""

from __future__ import annotations

import argparse
import platform
from datetime import date
from importlib.metadata import version

import benchmark_io
import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import datasets, features
from course_utils.model import online_learning

START = "2013-04-01"
#: XGBoost's rounds: between what early stopping keeps after two months of training and after ten.
ROUNDS = {"timetable": 60, "known 3 hours ahead": 100}
#: Days over which the intercept is learnt; dynamic inputs leave it less to do.
WINDOW = {"timetable": 7, "known 3 hours ahead": 28}


def scores(given: online_learning.Stream, inputs: pd.DataFrame, kind: str) -> dict[str, np.ndarray]:
    """Return every learner's probabilities."""
    found = {
        "XGBoost static": online_learning.train_once(given, inputs, START, rounds=ROUNDS[kind]),
        "XGBoost monthly": online_learning.train_monthly(given, inputs, START, rounds=ROUNDS[kind]),
    }
    for name in list(found):
        moved = online_learning.recalibrated(given, found[name], window=WINDOW[kind])
        found[f"{name} + intercept"] = moved
    found["VW static"] = online_learning.replay(given, until=START)
    found["VW online"] = online_learning.replay(given)
    return found


def main() -> None:
    """Replay the year, print the tables and, if asked, keep them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the tables for the lesson")
    options = parser.parse_args()
    flights = datasets.load_flights("nyc2013")
    timetable = online_learning.timetable(flights)
    totals = {}
    for kind in ROUNDS:
        inputs = timetable
        if kind != "timetable":
            known = features.as_of(flights, tables.read_toml("constants.toml")["horizon_hours"])
            inputs = timetable.join(known.drop(columns=[name for name in known if name in features.schedule(flights)]))
            del known
        given = online_learning.stream(flights, inputs)
        found = scores(given, inputs, kind)
        if kind == "timetable":
            keys = flights["UniqueCarrier"].astype(str) + "|" + timetable["hour"].astype(str)
            found["table online"] = online_learning.online_rate_table(given, keys)
            weeks = online_learning.loss_by_week(given, found, START)
            print(weeks.pivot(index="week", columns="learner", values="log-loss").to_string(), flush=True)
            if options.write:
                keep("weeks", weeks)
        totals[kind] = online_learning.total_loss(given, found, START)
        print(totals[kind].to_string(), flush=True)
    year = pd.concat(totals, names=["inputs"]).reset_index()
    if options.write:
        keep("year", year)


def keep(name: str, frame: pd.DataFrame) -> None:
    """Keep a table for the lesson as soon as it is done: minutes of work are not lost with what comes after."""
    head = (
        f"# all flights of 2013 that left, from {START} on; labels one day late; static: learns until then\n"
        f"# made {date.today():%Y-%m-%d} by benchmarks/replay.py with Python {platform.python_version()}, "
        f"xgboost {version('xgboost')}, vowpalwabbit {version('vowpalwabbit')}\n"
    )
    benchmark_io.keep(f"replay_{name}", head + frame.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    main()
