"""Daily signals: what could be known about the service on the evening of each day.

`daily_signals` turns the days of a backtest into one row a day and one column a signal. `findings` says what exactly is
wrong with the requests of one day.

A healthy year is one table, computed at once. For a fault on some days, only those days are computed again::

    changed = machine.replay("2013-07-01", "2013-07-07", requests=lambda rows: faults.plant("kilometres", rows, 0)[0])
    table = drift.replace_days(healthy, drift.daily_signals(changed, reference))
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from course_utils.data import dictionary, features
from course_utils.data.faults import Delivery
from course_utils.errors import DataError, UsageError
from course_utils.model import metrics, money, pitfalls
from course_utils.operate.backtest import Backtest, Day
from course_utils.operate.drift.catalog import (
    CLOCK_COLUMNS,
    HUB_COLUMN,
    VOCABULARY,
    raw_column,
    settings,
    signals,
)
from course_utils.operate.drift.reference_data import (
    ROUTE,
    ROUTE_DISTANCE,
    Reference,
    airline_hour,
    distinct_rows,
)

__all__ = ["clock_disagrees", "daily_signals", "findings", "gather_days", "ks_distance", "replace_days", "smooth"]

_ORIGIN = "Origin"


def daily_signals(days: Backtest | Day | Iterable[Day], reference: Reference) -> pd.DataFrame:
    """Return the signals that could be known on the evening of each day.

    Signals about requests and answers describe that day's flights. Signals about outcomes describe the file of labels
    that arrived on that day, which covers the day before.

    Parameters
    ----------
    days : Backtest, Day or iterable of Day
        The days to describe, in order; a backtest means all its days.
    reference : Reference
        The quiet months that the days are compared with, as from `reference`.

    Returns
    -------
    DataFrame, one row a day, one column a signal
        The columns of `signals`, with 'requests' and 'labels' (counts) and, for each airport, its unsmoothed contrast
        of the day, such as 'gap_EWR'. NaN where a signal has no data. Contrasts are smoothed from the first of these
        days on: put some days into a table of all days with `replace_days`.

    Raises
    ------
    UsageError
        There is no day.

    Examples
    --------
    >>> from course_utils.operate import backtest
    >>> machine = backtest.small_backtest(flights)
    >>> reference = drift.reference(machine, "2013-01-01", "2013-01-02")
    >>> drift.daily_signals(machine.day("2013-01-03"), reference)[["requests", "labels", "label_coverage"]]
                requests  labels  label_coverage
    day
    2013-01-03       914     943             1.0
    """
    rows, labels, scheduled, awaited = gather_days(days)
    index = scheduled.index
    found = pd.DataFrame(index=index)
    _add_request_signals(found, rows, reference, scheduled)
    _add_label_signals(found, labels, reference, awaited)
    return _smooth_contrasts(found)


def replace_days(healthy: pd.DataFrame, changed: pd.DataFrame) -> pd.DataFrame:
    """Return a daily table in which some days are replaced, with its contrasts smoothed again.

    Parameters
    ----------
    healthy, changed : DataFrame, one row a day
        As from `daily_signals`; each day of `changed` must be a day of `healthy`.

    Raises
    ------
    UsageError
        A day of `changed` is not in `healthy`.

    Examples
    --------
    >>> from course_utils import tables
    >>> year = tables.benchmark("drift_year")
    >>> faulty = year["2013-09-09":"2013-09-09"].assign(repeated=0.5)
    >>> table = drift.replace_days(year, faulty)
    >>> print(table["repeated"].gt(0).sum(), "faulty day of", len(table))
    1 faulty day of 365
    """
    if not changed.index.isin(healthy.index).all():
        raise UsageError("a changed day is not in the table", fix="compute the table of all days first")
    table = healthy.copy()
    table.loc[changed.index, changed.columns] = changed
    return _smooth_contrasts(table)


def gather_days(days: Backtest | Day | Iterable[Day]) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
    """Return the requests and the label files of some days as one table each, with the counts of each day.

    Parameters
    ----------
    days : Backtest, Day or iterable of Day
        As for `daily_signals`.

    Returns
    -------
    rows, labels : DataFrame
        As in `Day`, over all these days.
    scheduled, awaited : Series of int, index 'day'
        As in `Day`, one value a day.

    Raises
    ------
    UsageError
        There is no day.
    """
    if isinstance(days, Backtest):
        return days.table()
    days = [days] if isinstance(days, Day) else list(days)
    if not days:
        raise UsageError("there is no day to describe", fix="pass one day or more")
    index = pd.DatetimeIndex([day.date for day in days], name="day")
    rows = pd.concat([day.rows for day in days])
    labels = pd.concat([day.labels for day in days])
    return (
        rows,
        labels,
        pd.Series([day.scheduled for day in days], index),
        pd.Series([day.awaited for day in days], index),
    )


def _smooth_contrasts(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the contrasts (part D) smoothed along its days."""
    table = table.copy()
    for name, signal in signals().query("part == 'D'").iterrows():
        table[name] = smooth(table[raw_column(name, signal)].to_numpy(dtype=float)[None], signal["start"])[0]
    return table


def smooth(values: np.ndarray, start: float) -> np.ndarray:
    """Return exponentially weighted means along each row: the newest day has the weight of drift.toml, 0.3.

    Parameters
    ----------
    values : array of float, shape (series, days)
        A day with NaN keeps the level of the day before.
    start : float
        The level before the first day.
    """
    weight, level = settings()["smoothing"], np.full(len(values), start)
    found = np.empty_like(values)
    for day in range(values.shape[1]):
        now = values[:, day]
        level = np.where(np.isnan(now), level, (1 - weight) * level + weight * now)
        found[:, day] = level
    return found


def _add_request_signals(found: pd.DataFrame, rows: pd.DataFrame, known: Reference, scheduled: pd.Series) -> None:
    """Add the signals about requests and answers, as columns."""
    # Each row's day as a number: one bincount then computes a signal for all days at once.
    code, days = found.index.get_indexer(rows["day"]), len(found)
    count = np.bincount(code, minlength=days)

    def share(mask: Any) -> np.ndarray:
        return np.bincount(code, weights=np.asarray(mask, dtype=float), minlength=days) / np.where(count, count, np.nan)

    found["requests"] = count
    found["broken"] = _broken(rows, code, days)
    found["clock"] = share(clock_disagrees(rows))
    found["other_distance"] = share(_unknown_distance(rows, known))
    found["repeated"] = share(rows.duplicated(list(dictionary.KEY)))
    found["asked"] = count / scheduled.where(scheduled > 0).to_numpy()
    for name, column in VOCABULARY.items():
        distribution = known.distributions[column]
        # The last bin holds unseen and missing values; the missing ones have signals of their own.
        found[name] = share((distribution.bin_of(rows[column]) == distribution.bins - 1) & rows[column].notna())
    for source, columns in settings()["sources"].items():
        found[f"missing_{source}"] = share(rows[columns].isna().any(axis=1))
    found["other_route"] = share(_unknown_route(rows, known))
    found["stuck_weather"] = _repeated_report_share(rows, code, days, settings()["sources"]["weather"])
    probability = rows["probability"].to_numpy(dtype=float)
    answered = (probability >= 0) & (probability <= 1)
    found["stuck_score"] = _mode_share(code[answered], probability[answered], days)
    found["no_answer"] = share(~answered)
    latency = rows["latency_ms"].to_numpy(dtype=float)
    found["late_answers"] = share(latency > settings()["objective_ms"])
    for name, column in signals()["column"].dropna().items():
        found[name] = known.distributions[column].psi(rows[column], code, days)
    with_answer = np.bincount(code[answered], minlength=days)
    found["score_mean"] = np.bincount(code[answered], weights=probability[answered], minlength=days) / np.where(
        with_answer, with_answer, np.nan
    )
    found["score_psi"] = known.distributions["probability"].psi(rows["probability"], code, days)
    found["score_ks"] = _daily_ks(code[answered], probability[answered], days, known.scores)
    found["latency_p99"] = pd.Series(latency).groupby(code).quantile(0.99).reindex(range(days)).to_numpy()


def clock_disagrees(rows: pd.DataFrame) -> np.ndarray:
    """Return which of the `rows` have clock times that contradict their duration.

    Arrival minus departure minus duration is a difference of time zones, so it must be a multiple of 30 minutes.
    """
    arrival, departure, minutes = (rows[name] for name in CLOCK_COLUMNS)
    zone = (arrival // 100 * 60 + arrival % 100 - departure // 100 * 60 - departure % 100 - minutes) % 30
    return (zone.notna() & (zone != 0)).to_numpy()


def _unknown_distance(rows: pd.DataFrame, known: Reference) -> np.ndarray:
    """Return which rows have a distance that their route never had; a route that was never flown is not judged."""
    code, keys = distinct_rows(rows, ROUTE_DISTANCE)
    flown = {key[:2] for key in known.distances}
    return np.array([key[:2] in flown and key not in known.distances for key in keys], dtype=bool)[code]


def _unknown_route(rows: pd.DataFrame, known: Reference) -> np.ndarray:
    """Return which rows have a known airline on a route that it never flew."""
    code, keys = distinct_rows(rows, ROUTE)
    carriers = {key[0] for key in known.routes}
    return np.array([key[0] in carriers and key not in known.routes for key in keys], dtype=bool)[code]


def _mode_share(code: np.ndarray, values: np.ndarray, days: int) -> np.ndarray:
    """Return the share of each day's most frequent value."""
    counts = pd.Series(1, index=pd.MultiIndex.from_arrays([code, values])).groupby(level=[0, 1]).sum()
    most, all_of_it = counts.groupby(level=0).max(), counts.groupby(level=0).sum()
    return (most / all_of_it).reindex(range(days)).to_numpy()


def _repeated_report_share(rows: pd.DataFrame, code: np.ndarray, days: int, columns: list[str]) -> np.ndarray:
    """Return the largest share of an airport's requests on a day that carry one and the same report."""
    complete = rows[columns].notna().all(axis=1).to_numpy()
    reports = pd.factorize(pd.util.hash_pandas_object(rows.loc[complete, columns], index=False))[0]
    airport = rows.loc[complete, _ORIGIN].astype("category").cat.codes.to_numpy()
    frame = pd.DataFrame({"day": code[complete], "airport": airport, "report": reports})
    counts = frame.groupby(["day", "airport", "report"]).size()
    shares = counts.groupby(level=[0, 1]).max() / counts.groupby(level=[0, 1]).sum()
    return shares.groupby(level=0).max().reindex(range(days)).to_numpy()


def _daily_ks(code: np.ndarray, probability: np.ndarray, days: int, scores: np.ndarray) -> np.ndarray:
    """Return the Kolmogorov-Smirnov distance of each day's answers from those of the reference."""
    found = np.full(days, np.nan)
    for day, values in pd.Series(probability).groupby(code):
        found[day] = ks_distance(values.to_numpy(), scores)
    return found


def ks_distance(values: np.ndarray, known: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples: the largest difference of their distribution functions.

    It equals scipy's `ks_2samp` statistic, without sorting the large sample on every call. (scipy's one-sample test
    assumes a continuous distribution, and would count ties as distance.)

    Parameters
    ----------
    values : array of float, shape (n,)
        The small sample, in any order, at least one value.
    known : array of float, shape (m,)
        The large sample, sorted from low to high, at least one value.
    """
    points, counts = np.unique(values, return_counts=True)
    share = np.cumsum(counts) / len(values)
    at, before = (np.searchsorted(known, points, side=side) / len(known) for side in ("right", "left"))
    return float(max(np.abs(share - at).max(), np.abs(share - counts / len(values) - before).max()))


def _broken(rows: pd.DataFrame, code: np.ndarray, days: int) -> np.ndarray:
    """Return the share of each day's requests that the data dictionary refuses.

    Duplicates and missing values have signals of their own.
    """
    found, parts = np.full(days, np.nan), [np.unique(code)] if len(code) else []
    found[np.unique(code)] = 0.0
    whole = _as_whole_flights(rows)
    # All days are validated at once, then the halves of what failed: a year without a fault costs one validation.
    while parts:
        part = parts.pop()
        flights = whole[np.isin(code, part)]
        if len(part) == 1:
            refused = pitfalls.run_checks(Delivery(flights, ()), only="values")
            found[part[0]] = min(1.0, refused["number"].max() / len(flights)) if len(refused) else 0.0
        elif not _is_valid(flights):
            parts += np.array_split(part, 2 if len(part) > 2 * settings()["block_days"] else len(part))
    return found


def _as_whole_flights(rows: pd.DataFrame) -> pd.DataFrame:
    """Return requests with all columns of the data dictionary, outcomes with an allowed value: it validates flights."""
    known, weather = dictionary.load(), dictionary.load("weather").index
    absent = {}
    for name, rule in known.loc[[name for name in known.index if name not in rows.columns]].iterrows():
        low = rule["low"] if rule["low"] == rule["low"] else np.nan
        absent[name] = (rule["values"].split() or ["N1"])[0] if rule["type"] == "text" else low
    return rows[[name for name in rows.columns if name in known.index or name in weather]].assign(**absent)


def _is_valid(rows: pd.DataFrame) -> bool:
    """Return whether the dictionary accepts all rows, apart from duplicates."""
    known, weather = dictionary.load(), dictionary.load("weather")
    for name in weather.index.intersection(rows.columns):
        low, high = weather.loc[name, ["low", "high"]]
        if ((rows[name] < low) | (rows[name] > high)).any():
            return False
    flights = rows[[name for name in known.index if name in rows.columns]]
    try:
        dictionary.validate(flights[~flights.duplicated(list(dictionary.KEY))])
    except DataError:
        return False
    return True


def findings(day: Day) -> pd.DataFrame:
    """Return what exactly is wrong with the requests of a day, for the person who was paged.

    Parameters
    ----------
    day : Day
        A day of a backtest, as from `Backtest.day`.

    Returns
    -------
    DataFrame, one row a finding
        'where' (the column; empty for whole rows), 'evidence' (what the data dictionary says) and 'number' (of rows).

    Examples
    --------
    >>> from course_utils.operate import backtest
    >>> from dataclasses import replace
    >>> day = backtest.small_backtest(flights).day("2013-01-03")
    >>> drift.findings(replace(day, rows=day.rows.assign(Distance=-1.0)))["where"].tolist()
    ['Distance']
    """
    found = pitfalls.run_checks(Delivery(_as_whole_flights(day.rows), ()), only=("values", "duplicates"))
    return found[["where", "evidence", "number"]]


def _add_label_signals(found: pd.DataFrame, labels: pd.DataFrame, known: Reference, awaited: pd.Series) -> None:
    """Add the signals about outcomes, as columns."""
    code, days = found.index.get_indexer(labels["day"]), len(found)
    late = features.label(labels).to_numpy()
    cancelled = (labels["Cancelled"] == 1).to_numpy()
    resolved = ~np.isnan(late) | cancelled
    found["labels"] = np.bincount(code, minlength=days)
    with np.errstate(invalid="ignore", divide="ignore"):  # days without labels give NaN, which is what they mean
        in_time = resolved & (labels["day"] == labels["due"]).to_numpy()
        found["label_coverage"] = np.bincount(code, weights=in_time, minlength=days) / np.where(
            awaited, awaited, np.nan
        )
        p = labels["probability"].to_numpy(dtype=float)
        judged = ~np.isnan(late) & (p >= 0) & (p <= 1)
        code, late, p, labels = code[judged], late[judged], p[judged], labels[judged]
        count = np.bincount(code, minlength=days)

        def mean(values: np.ndarray) -> np.ndarray:
            return np.bincount(code, weights=values, minlength=days) / np.where(count, count, np.nan)

        found["late_share"] = mean(late)
        found["calibration_gap"] = mean(late - p)
        found["calibration_z"] = found["calibration_gap"] * count / np.sqrt(mean(p * (1 - p)) * count)
        losses = metrics.log_losses(late, p) if len(late) else late
        found["log_loss"] = mean(losses)
        pay = money.payoff("deck_100")
        found["dollars"] = mean(money.dollars_by_flight(late, p >= money.break_even(pay), pay)) * money.PER
        rates = known.late_rates.reindex(airline_hour(labels)).fillna(known.late_rates.mean()).to_numpy()
        found["edge_day"] = mean((metrics.log_losses(late, rates) if len(late) else late) - losses)
        origin = labels[_ORIGIN].astype(str).to_numpy()
        for airport in signals()["airport"].dropna():
            here = origin == airport
            sums = [np.bincount(code, weights=(late - p) * mask, minlength=days) for mask in (here, ~here)]
            counts = [np.bincount(code, weights=mask, minlength=days) for mask in (here, ~here)]
            found[HUB_COLUMN.format(airport)] = sums[0] / counts[0] - sums[1] / counts[1]
        found["auc"] = _auc(code, late, p, days)


def _auc(code: np.ndarray, late: np.ndarray, p: np.ndarray, days: int) -> np.ndarray:
    """Return the AUC of each day from the ranks of its scores, NaN where only one class is there."""
    rank = pd.Series(p).groupby(code).rank().to_numpy()
    ranks = np.bincount(code, weights=rank * late, minlength=days)
    ones = np.bincount(code, weights=late, minlength=days)
    others = np.bincount(code, minlength=days) - ones
    return (ranks - ones * (ones + 1) / 2) / np.where(ones * others, ones * others, np.nan)
