"""What alarms cost and find: the healthy year, the textbook's rules, incidents by detector set, detectors of streams.

    uv run --with river python benchmarks/drift.py            # print
    uv run --with river python benchmarks/drift.py --write    # and keep

The tables are kept as course_utils/tables/operate/benchmark_drift_{year,rules,incidents,streams}.csv. Only this
file needs river, which the course itself does not install. Only the time depends on the machine: about three minutes
on one core.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import version
from typing import Any

import benchmark_io
import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import datasets, faults, features, splits
from course_utils.model import metrics, training
from course_utils.operate import backtest, drift

#: The days on which each incident is tried, and for how long it lasts unless somebody finds it.
STARTS = [str(day.date()) for day in pd.date_range("2013-06-05", "2013-11-25", freq="21D")]
LENGTH = 28
#: Days after the quiet months on which something was wrong in truth: no weather at all.
TRUE = ("2013-12-31",)

Table = pd.DataFrame
Change = Callable[[pd.DataFrame], pd.DataFrame]


# --------------------------------------------------------------------------- the healthy year


def healthy(flights: pd.DataFrame) -> tuple[backtest.Backtest, drift.Reference, Table, Table]:
    """Return the machine, what days are compared with, the daily table and the PSI of every input.

    The quiet months are scored by models that had not learnt from them.
    """
    inputs = features.as_of(flights, tables.read_toml("constants.toml")["horizon_hours"])
    fit = backtest.service_model(flights, inputs)
    reference = drift.reference(backtest.Backtest(flights, fit))
    unseen = backtest.unseen_scores(flights, inputs)
    machine = backtest.Backtest(flights, fit, scores=unseen)
    return machine, reference, drift.daily_signals(machine, reference), drift.feature_psi(machine, reference)


def rules(table: Table, psi: Table) -> Table:
    """Return the share of healthy days on which each textbook rule fires."""
    fires = drift.textbook_alarms(table, psi)
    later = ~fires.index.isin(pd.to_datetime(TRUE)) & (fires.index >= backtest.LIVE)
    quiet = (fires.index >= backtest.QUIET[0]) & (fires.index <= backtest.QUIET[1])
    return pd.DataFrame({"quiet months": fires[quiet].mean(), "June to December": fires[later].mean()}).rename_axis(
        "rule"
    )


# --------------------------------------------------------------------------- incidents


def renamed(rows: pd.DataFrame, to: str) -> pd.DataFrame:
    """Give a carrier another code; what a store keeps under the old one is not found."""
    here = rows["UniqueCarrier"] == "EV"
    code = rows["UniqueCarrier"].astype(object).mask(here, to).astype("category")
    lost = [name for name in rows if str(name).startswith("late_") and ("carrier" in name or "flight" in name)]
    return rows.assign(UniqueCarrier=code, **{name: rows[name].mask(here) for name in lost})


def without_weather(rows: pd.DataFrame, share: float) -> pd.DataFrame:
    """Lose all weather of a share of the requests."""
    lost = np.random.default_rng(0).random(len(rows)) < share
    return rows.assign(**{name: rows[name].mask(lost) for name in features.groups(rows)["weather"]})


def worse_at(hub: str, points: float) -> Change:
    """Make a share of a hub's punctual flights half an hour late, so that its share late rises by so many points."""

    def change(flights: pd.DataFrame) -> pd.DataFrame:
        here = (flights["Origin"].astype(object) == hub) & (flights["DepDelay"] < 15)
        chance = points / here[flights["Origin"].astype(object) == hub].mean()
        late = here & (np.random.default_rng(0).random(len(flights)) < chance)
        return flights.assign(DepDelay=flights["DepDelay"].mask(late, 30.0))

    return change


def longer(rows: pd.DataFrame) -> pd.DataFrame:
    """Add a minute a day to every scheduled duration."""
    days = (rows["day"] - rows["day"].min()).dt.days
    return rows.assign(CRSElapsedTime=rows["CRSElapsedTime"] + days)


def deck_model(flights: pd.DataFrame, inputs: pd.DataFrame) -> training.Scorer:
    """Fit a bad model: its labels are the deck's, in which a minute is a delay."""
    split = splits.split_by_time(flights, validation="2013-05", test="2013-06")
    parts = pd.concat([split.train, split.validation])
    return training.train_xgboost(split, inputs, labels=features.label(parts, features.DECK_LATE_MINUTES)).scorer


def planted(fault: str, strength: float) -> Change:
    """Return a change that plants one of the course's faults."""
    return lambda rows: faults.plant(fault, rows, 0, strength)[0]


def incidents(bad: training.Scorer) -> dict[str, dict[str, Any]]:
    """Return what is changed in each incident."""
    return {
        "departure sent as minutes": {"requests": planted("minutes_of_day", 1)},
        "distance sent in kilometres": {"requests": planted("kilometres", 1)},
        "a carrier renamed, code unknown": {"requests": lambda rows: renamed(rows, "XE")},
        "a carrier renamed, code of another time": {"requests": lambda rows: renamed(rows, "PI")},
        "two carriers exchanged": {"requests": planted("swapped_carriers", 1)},
        "weather missing on 30%": {"requests": lambda rows: without_weather(rows, 0.3)},
        "half of an airport delivered twice": {"requests": planted("duplicated", 0.5)},
        "durations a minute longer each day": {"requests": longer},
        "a bad model promoted": {"predict": bad.score},
        "answers eight times slower": {"requests": lambda rows: rows.assign(latency_ms=8 * rows["latency_ms"])},
        "labels three days late": {"labels": lambda rows: rows.assign(day=rows["day"] + pd.Timedelta(days=3))},
        "half of the labels lost": {"labels": lambda rows: rows.sample(frac=0.5, random_state=0).sort_index()},
        "Newark 15 points later": {"outcomes": worse_at("EWR", 0.15)},
        "Newark 5 points later": {"outcomes": worse_at("EWR", 0.05)},
    }


#: Sets of detectors that listen to one statistic, with its column.
SINGLE = {
    "PSI of inputs": "input_psi",
    "PSI of answers": "score_psi",
    "KS of answers": "score_ks",
    "calibration": "calibration_gap",
    "log-loss": "log_loss",
}


def beyond(table: Table, quiet: Table) -> dict[str, pd.Series]:
    """Say on which days each detector set alarms; single statistics beyond all that the quiet months had."""
    pages = drift.alarms(table)
    found = {"smallest set": pd.Series(table.index.isin(pages["day"]), table.index)}
    for name, column in SINGLE.items():
        found[name] = table[column].abs() > quiet[column].abs().max()
    return found


def tried(
    machine: backtest.Backtest, reference: drift.Reference, table: Table, bad: training.Scorer
) -> Iterator[dict[str, Any]]:
    """Try every incident on several days; yield one row for each detector set."""
    quiet = table.loc[backtest.QUIET[0] : backtest.QUIET[1]]
    calm = beyond(table, quiet)
    for incident, change in incidents(bad).items():
        days: dict[str, list[float]] = {name: [] for name in calm}
        dollars: dict[str, list[float]] = {name: [] for name in calm}
        daily, by = [], []
        for first in STARTS:
            last = str((pd.Timestamp(first) + pd.Timedelta(days=LENGTH - 1)).date())
            again = machine.replay(first, last, **change)
            changed = drift.daily_signals(again, reference)
            changed["input_psi"] = largest_psi(drift.feature_psi(again, reference))
            spliced = drift.replace_days(table, changed)
            lost = ((table["dollars"] - spliced["dollars"]) * table["labels"] / 1000).loc[first:][1 : LENGTH + 1]
            lost = lost.fillna(0) if "labels" not in change else 0 * lost
            daily.append(lost.mean())
            for name, fires in beyond(spliced, quiet).items():
                hits = (fires & ~calm[name]).loc[first:last]
                place = int(hits.argmax()) if hits.any() else np.inf
                days[name].append(place)
                dollars[name].append(lost.iloc[: min(LENGTH, place + 1) if hits.any() else LENGTH].sum())
            by += drift.days_to_detect(spliced, first, last)[1].split(", ")
        for name in calm:
            found = np.array(days[name])
            yield {
                "incident": incident,
                "detectors": name,
                "found": np.isfinite(found).mean(),
                "days": np.median(found) if np.isfinite(np.median(found)) else np.nan,
                "days of 9 in 10": worst if np.isfinite(worst := np.sort(found)[int(0.9 * len(found))]) else np.nan,
                "dollars until found": np.mean(dollars[name]),
                "dollars a day": np.mean(daily),
                "by": ", ".join(pd.Series([one for one in by if one]).value_counts().index[:3])
                if name == "smallest set"
                else "",
            }


def largest_psi(psi: Table) -> pd.Series:
    """Return each day's largest PSI of an input; the day of the week is one value on any day."""
    return psi.drop(columns="DayOfWeek").max(axis=1)


# --------------------------------------------------------------------------- detectors of streams


def streams(machine: backtest.Backtest, table: Table) -> Table:
    """Feed river's detectors with single flights, with the same flights shuffled, and with the contrasts of days."""
    from river import drift as river

    makers = {"ADWIN": river.ADWIN, "Page-Hinkley": river.PageHinkley, "KSWIN": lambda: river.KSWIN(seed=0)}
    rows, _, _, _ = machine.table()
    late = features.label(machine.flights)
    order = rows.loc[late.notna()].sort_values("asked_at", kind="stable").index
    losses = metrics.log_losses(late.loc[order], rows.loc[order, "probability"])
    day = splits.day(machine.flights.loc[order]).to_numpy("datetime64[D]")
    shuffled = np.random.default_rng(0).permutation(losses)
    live = np.datetime64(backtest.LIVE)
    found = []
    for name, make in makers.items():
        for what, values, when in (
            ("log-loss of single flights", losses, day),
            ("the same, shuffled", shuffled, day),
            ("log-loss of days", table["log_loss"], table.index.to_numpy("datetime64[D]")),
            ("Newark against the others, by day", table["gap_EWR"], table.index.to_numpy("datetime64[D]")),
            ("model against lookup table, by day", table["edge_day"], table.index.to_numpy("datetime64[D]")),
        ):
            days = alarmed(make(), np.asarray(values, dtype=float), when)
            found.append(
                {
                    "detector": name, "reads": what,
                    "days, January to May": sum(one < live for one in days),
                    "days, June to December": sum(one >= live for one in days),
                }
            )  # fmt: skip
    return pd.DataFrame(found).set_index("detector")


def alarmed(detector: Any, values: np.ndarray, when: np.ndarray) -> set[Any]:
    """Return the days on which a detector speaks."""
    days = set()
    for value, day in zip(values, when, strict=True):
        if value == value:
            detector.update(value)
            if detector.drift_detected:
                days.add(day)
    return days


# --------------------------------------------------------------------------- all of it


def write(name: str, table: Table, what: str, digits: int) -> None:
    """Keep a table, whole or not at all."""
    head = (
        f"# {what}\n# made {date.today():%Y-%m-%d} by benchmarks/drift.py with Python {platform.python_version()}, "
        f"xgboost {version('xgboost')}, river {version('river')}\n"
    )
    benchmark_io.keep(f"drift_{name}", head + table.round(digits).to_csv(lineterminator="\n"))


def main() -> None:
    """Measure, print and, if asked, keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the tables for the lesson")
    options = parser.parse_args()
    flights = datasets.load_flights("nyc2013")
    machine, reference, table, psi = healthy(flights)
    inputs = features.as_of(flights, machine.horizon)
    bad = deck_model(flights, inputs)
    del inputs
    # Each part is kept as soon as it is done: minutes of work are not lost with what comes after.
    keep = write if options.write else lambda *_: None
    keep("year", table, "the healthy year day by day; quiet months scored by models that had not learnt from them", 5)
    quiet = table.loc[backtest.QUIET[0] : backtest.QUIET[1]]
    print(drift.calibrate(quiet), drift.false_episodes(quiet), sep="\n")
    print(drift.false_page_bounds(table.loc[backtest.LIVE :], true=TRUE))
    tested = rules(table, psi)
    print(tested.round(2).to_string(), flush=True)
    keep("rules", tested, "share of healthy days on which a rule fires", 3)
    listening = streams(machine, table)
    print(listening.to_string(), flush=True)
    keep("streams", listening, "days on which a detector speaks, on the healthy year", 0)
    with_psi = table.assign(input_psi=largest_psi(psi))
    counted = {
        name: drift.mean_episodes(fires.loc[backtest.LIVE :].drop(list(TRUE)).to_numpy()[None])
        for name, fires in beyond(with_psi, with_psi.loc[backtest.QUIET[0] : backtest.QUIET[1]]).items()
    }
    found = pd.DataFrame(list(tried(machine, reference, with_psi, bad))).set_index("incident")
    found["false a quarter"] = found["detectors"].map(counted) / ((table.index >= backtest.LIVE).sum() / 91.25)
    print(found.round(2).to_string())
    span = f"{len(STARTS)} starts from {STARTS[0]} to {STARTS[-1]}, at most {LENGTH} days each"
    keep("incidents", found, f"{span}; single statistics: beyond all that the quiet months had", 3)


if __name__ == "__main__":
    main()
