"""What a player sees by looking closer: requests, feeds, label files, replicas and releases.

Each inspection is a table about the day that has just ended. `inspect_day` is the only entry: a game calls it for an
act such as 'look requests'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils.data import dictionary, features
from course_utils.errors import UsageError
from course_utils.operate.drift.daily_table import clock_disagrees
from course_utils.operate.incidents.scenario import AIRPORTS
from course_utils.operate.incidents.service import Service, State

if TYPE_CHECKING:
    from course_utils.operate.backtest import Day
    from course_utils.operate.incidents.simulation import Simulation

__all__ = ["inspect_day"]

_LARGE_AIRLINES = ("UA", "B6", "EV", "DL", "AA")

#: State of the service, and whether the source is fixed, for each day that has passed.
_Course = Sequence[tuple[State, bool]]


def inspect_day(what: str, simulation: Simulation, course: _Course) -> pd.DataFrame:
    """Return what a closer look at the last day shows.

    Parameters
    ----------
    what : {'requests', 'feeds', 'labels', 'answers', 'releases'}
        What to look at, the second word of the act.
    simulation : Simulation
        The days of the game.
    course : sequence of (State, bool)
        For each day that has passed, the state of the service and whether the source is fixed; empty on the first
        morning, which shows the day before the shift.

    Raises
    ------
    UsageError
        There is nothing of that name to look at.
    """
    if what not in _INSPECTIONS:
        raise UsageError(f"there is no look at {what!r}", fix=f"choose one of {', '.join(_INSPECTIONS)}")
    return _INSPECTIONS[what](simulation, course)


def _yesterday(simulation: Simulation, course: _Course) -> tuple[str, Day]:
    """Return the last day that is over, and what arrived on it."""
    if not course:
        day = simulation.day_before
        return day, simulation.healthy[day]
    day = simulation.days[len(course) - 1]
    return day, simulation.arrives(day, course[-1][1])


def _requests(simulation: Simulation, course: _Course) -> pd.DataFrame:
    """Return measures of yesterday's requests beside those of the day before the shift."""
    parts = {
        "the day before your shift": simulation.healthy[simulation.day_before].rows,
        "yesterday": _yesterday(simulation, course)[1].rows,
    }
    measures = {name: _request_measures(rows, simulation.service) for name, rows in parts.items()}
    return pd.DataFrame(measures).rename_axis("measure")


def _feeds(simulation: Simulation, course: _Course) -> pd.DataFrame:
    """Return on how many of yesterday's requests each source was missing, by airport."""
    rows = _yesterday(simulation, course)[1].rows
    missing = {source: rows[list(columns)].isna().any(axis=1) for source, columns in simulation.service.sources.items()}
    table = pd.DataFrame(missing).groupby(rows["Origin"].astype(str)).mean()
    return (100 * table.T).round(1).rename_axis(index="missing on [% of requests]", columns=None)


def _labels(simulation: Simulation, course: _Course) -> pd.DataFrame:
    """Return measures of the last five files of labels; the first mornings show files from before the shift."""
    rows = {}
    for place in range(max(-2, len(course) - 5), len(course)):
        day = str(np.datetime64(simulation.days[0]) + place)
        fixed = course[place][1] if place >= 0 else False
        rows[day] = _label_measures(simulation.arrives(day, fixed), simulation.service.answers)
    return pd.DataFrame(rows).T.rename_axis("file of")


def _answers(simulation: Simulation, course: _Course) -> pd.DataFrame:
    """Return what each of the two replicas answered yesterday, and how fast."""
    day, arrived = _yesterday(simulation, course)
    answers, latency = arrived.rows["probability"], arrived.rows["latency_ms"]
    if course:
        answers, latency, _ = simulation.day(day, *course[-1])
    # Which replica answered is drawn at random, but is the same whenever the same day is inspected.
    rng = np.random.default_rng([simulation.scenario.draw, max(len(course) - 1, 0)])
    replica = np.where(rng.random(len(answers)) < 0.5, "a", "b")
    grouped = pd.DataFrame({"answer": answers.to_numpy(), "ms": latency.reindex(answers.index)}).groupby(replica)
    most_common = grouped["answer"].agg(lambda answer: answer.value_counts(normalize=True).max())
    return pd.DataFrame(
        {
            "answers": grouped.size(),
            "mean answer": grouped["answer"].mean().round(3),
            "median [ms]": grouped["ms"].median().round(0),
            "p99 [ms]": grouped["ms"].quantile(0.99).round(0),
            "commonest answer [%]": (100 * most_common).round(1),
        }
    ).rename_axis("replica")


def _releases(simulation: Simulation, course: _Course) -> pd.DataFrame:
    """Return the release in service and the one before it, compared on the same flights."""
    is_bad = simulation.scenario.entry["on"] == "release"
    released, arrived = simulation.scenario.release_day, _yesterday(simulation, course)[1]
    names = {"7": "current", "6": "before"}
    if 0 <= released < len(course):
        names = {"8": "bad" if is_bad else "current", "7": "current"}
    labels = arrived.labels[arrived.labels["DepDelay"].notna()]
    late = features.label(labels)
    rows = {}
    for name, release in names.items():
        probability = 1 / (1 + np.exp(-simulation.service.margins(release)))
        scored = probability.reindex(labels.index)
        known = scored.notna()
        losses = -np.log(np.where(late[known] == 1, scored[known], 1 - scored[known]))
        rows[name] = {
            "went out": simulation.days[released] if name == "8" else "before your shift",
            "mean answer to yesterday's flights": round(float(probability.reindex(arrived.rows.index).mean()), 3),
            "log-loss on the last file": round(float(losses.mean()), 3),
        }
    return pd.DataFrame(rows).T.rename_axis("release")


_INSPECTIONS: dict[str, Callable[[Simulation, _Course], pd.DataFrame]] = {
    "requests": _requests,
    "feeds": _feeds,
    "labels": _labels,
    "answers": _answers,
    "releases": _releases,
}


def _request_measures(rows: pd.DataFrame, service: Service) -> dict[str, Any]:
    """Return what is measured of the requests of a day, by name."""
    airlines = rows["UniqueCarrier"].dropna().astype(str)
    usual = service.miles.reindex(pd.MultiIndex.from_frame(rows[["Origin", "Dest"]].astype(str))).to_numpy()
    gone = [code for code in _LARGE_AIRLINES if code not in set(airlines)]

    def percent(mask: Any) -> float:
        return round(100 * float(mask.mean()), 1)

    return {
        "requests": len(rows),
        "asked twice [%]": percent(rows.duplicated(list(dictionary.KEY))),
        "airlines": airlines.nunique(),
        "airlines never seen": ", ".join(sorted(set(airlines) - service.airlines)) or "none",
        "large airlines that are gone": ", ".join(gone) or "none",
        "departures at minute 60 or later of an hour [%]": percent(rows["CRSDepTime"] % 100 >= 60),
        "latest departure": int(rows["CRSDepTime"].max()),
        "distance over the route's own": round(float(np.nanmedian(rows["Distance"].to_numpy(dtype=float) / usual)), 2),
        "minutes from gate to gate, median": float(rows["CRSElapsedTime"].median()),
        "clock times that contradict the duration [%]": percent(clock_disagrees(rows)),
    }


def _label_measures(day: Day, answers: pd.Series) -> dict[str, Any]:
    """Return what is measured of a file of labels, by name."""
    labels = day.labels
    late = features.label(labels)
    label = labels["IsDepDelayed"].astype(object)
    contradict = label.notna() & late.notna() & (label.eq("YES") != late.eq(1))
    beyond = late - answers.reindex(labels.index).to_numpy()
    origin = labels["Origin"].astype(str)
    return {
        "awaited": day.awaited,
        "arrived": len(labels),
        "late [%]": round(100 * float(late.mean()), 1),
        "labels against minutes [%]": round(100 * float(contradict.mean()), 1),
        **{
            f"late beyond expected, {airport} [points]": round(100 * float(beyond[origin == airport].mean()), 1)
            for airport in AIRPORTS
        },
    }
