"""Is today like the days that the model learnt from? Signals by day, alarms with a budget.

`daily_signals` turns days of a `timemachine` into one row a day and one column a signal. Which signals there are, which of them
may wake somebody and from which limit on stands in ``tables/operate/drift.toml``. `alarms` holds a daily table against the
limits; `calibrate` sets the limits of statistics on quiet months; `false_page_bounds` says what the months after them prove.

Checks are composed, not written again: whether a row is as the data dictionary says is `dictionary.validate`'s
business, through `pitfalls`, and what is planted to try an alarm comes from `faults`.

A healthy year is one table, computed at once. For a fault on some days only these are computed again::

    changed = machine.replay("2013-07-01", "2013-07-07", requests=lambda rows: faults.plant("kilometres", rows, 0)[0])
    table = splice(healthy, daily(changed, reference))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import dictionary, features
from course_utils.data.faults import Delivery
from course_utils.errors import DataError, UsageError
from course_utils.model import metrics, money, pitfalls
from course_utils.operate.backtest import QUIET, Backtest, Day

__all__ = [
    "TEXTBOOK",
    "Reference",
    "alarms",
    "calibrate",
    "daily_signals",
    "days_to_detect",
    "episodes",
    "false_episodes",
    "false_page_bounds",
    "feature_psi",
    "findings",
    "input_coverage",
    "limits",
    "poisson_bounds",
    "reference",
    "replace_days",
    "sample_sizes",
    "signals",
    "textbook_alarms",
    "weekly_evidence",
]

#: The rules of many a textbook, and from which value on each fires.
TEXTBOOK = {
    "PSI of any input > 0.2": 0.2,
    "PSI of the answers > 0.2": 0.2,
    "KS test of the answers, p < 0.01": 0.01,
    "calibration, |z| > 2.58": 2.58,
    "AUC of the day < 0.70": 0.70,
}

_ORIGIN = "Origin"
_UNSEEN = {"unseen_carrier": "UniqueCarrier", "unseen_origin": "Origin", "unseen_dest": "Dest"}
_CLOCK = ("CRSArrTime", "CRSDepTime", "CRSElapsedTime")
_MILES = ("Origin", "Dest", "Distance")
_FLOWN = ("UniqueCarrier", "Origin", "Dest")
_PRIOR = 20  # flights at the mean of all that are mixed into each cell of the lookup table
_HUB = "gap_{}"  # a hub's contrast of one day, before it is smoothed


@cache
def _table() -> dict[str, Any]:
    return tables.read_toml("drift.toml")


def signals(tier: str | None = None) -> pd.DataFrame:
    """Return what is watched: one row a signal, with tier, part, unit, side, limit, title and meaning.

    Parameters
    ----------
    tier : {'page', 'evidence'}, optional
        Default both.

    Raises
    ------
    UsageError
        There is no such tier.
    """
    if tier not in (None, "page", "evidence"):
        raise UsageError(f"there is no tier {tier!r}", fix="choose 'page' or 'evidence'")
    found = pd.DataFrame(_table()["signal"]).set_index("name")
    return found if tier is None else found[found["tier"] == tier]


def limits() -> pd.Series:
    """Return the limit of each signal that pages."""
    return signals("page")["limit"].astype(float)


# --------------------------------------------------------------------------- what days are compared with


@dataclass(frozen=True)
class _Spread:
    """How the values of a column are spread: counts by bin, of a text's values or a number's tenths."""

    values: tuple[str, ...] | None
    edges: np.ndarray | None
    counts: np.ndarray

    @classmethod
    def of(cls, values: pd.Series) -> _Spread:
        if pd.api.types.is_numeric_dtype(values):
            there = values.to_numpy(dtype=float, na_value=np.nan)
            there = there[~np.isnan(there)]
            edges = np.unique(np.quantile(there, np.linspace(0, 1, _table()["bins"] + 1)[1:-1])) if len(there) else []
            empty = cls(None, np.asarray(edges, dtype=float), np.empty(0))
        else:
            empty = cls(tuple(sorted(map(str, values.dropna().unique()))), None, np.empty(0))
        counts = np.bincount(empty.place(values), minlength=empty.count)
        return cls(empty.values, empty.edges, counts)

    @property
    def count(self) -> int:
        """Bins, with one for what is missing or unseen."""
        return (len(self.values) if self.values is not None else len(self.edges) + 1) + 1

    def place(self, values: pd.Series) -> np.ndarray:
        """Return the bin of each value; the last is for what is missing or was never seen."""
        if self.values is not None:
            return _places(values, self.values, len(self.values))
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        return np.where(np.isnan(numbers), self.count - 1, np.searchsorted(self.edges, numbers, side="right"))

    def psi(self, values: pd.Series, code: np.ndarray, days: int) -> np.ndarray:
        """Return the population stability index of each day."""
        counts = np.bincount(code * self.count + self.place(values), minlength=days * self.count)
        return metrics.psi(self.counts, counts.reshape(days, self.count), smoothing="floor")


def _places(values: pd.Series, known: Sequence[str], otherwise: int) -> np.ndarray:
    """Return where texts stand in a list of them, by looking up each distinct one once."""
    place_of = {value: place for place, value in enumerate(known)}
    values = values.astype("category").cat
    of_category = [place_of.get(str(value), otherwise) for value in values.categories]
    return np.append(np.array(of_category, dtype=int), otherwise)[values.codes]


@dataclass(frozen=True)
class Reference:
    """What is remembered of the quiet months. Made by `reference`.

    Attributes
    ----------
    inputs : tuple of str
        The features that the model has.
    spreads : mapping of str to object
        How each input, and the score, was spread.
    distances : set of (origin, destination, miles)
    routes : set of (airline, origin, destination)
    scores : array of float
        In order.
    table : Series
        Share late by airline and hour: what the model replaced.
    """

    inputs: tuple[str, ...]
    spreads: dict[str, _Spread]
    distances: frozenset[tuple[str, str, float]]
    routes: frozenset[tuple[str, str, str]]
    scores: np.ndarray
    table: pd.Series

    def __repr__(self) -> str:
        return f"Reference({len(self.scores):,} requests, {len(self.inputs)} inputs)"


def reference(machine: Backtest, first: str = QUIET[0], last: str = QUIET[1]) -> Reference:
    """Remember the quiet months, to compare days with.

    Parameters
    ----------
    machine : TimeMachine
    first, last : str
        The days to remember; default those that the service learnt from.
    """
    rows, labels, _, _ = machine.table(first, last)
    names = [name for columns in features.groups(rows).values() for name in columns]
    spreads = {name: _Spread.of(rows[name]) for name in [*names, "probability"]}
    return Reference(
        inputs=tuple(names),
        spreads=spreads,
        distances=frozenset(_distinct(rows, _MILES)[1]),
        routes=frozenset(_distinct(rows, _FLOWN)[1]),
        scores=np.sort(rows["probability"].to_numpy(dtype=float)),
        table=_rates(labels),
    )


def _distinct(rows: pd.DataFrame, columns: Sequence[str]) -> tuple[np.ndarray, list[tuple[Any, ...]]]:
    """Return, of some columns, the distinct combinations, and which of them each row has."""
    texts = {name: str for name in columns if not pd.api.types.is_numeric_dtype(rows[name])}
    code, keys = pd.MultiIndex.from_frame(rows[list(columns)].astype(texts)).factorize()
    return code, list(keys)


def _rates(labels: pd.DataFrame) -> pd.Series:
    late = features.label(labels)
    both = late.groupby(_keys(labels)).agg(["sum", "count"])
    return (both["sum"] + _PRIOR * late.mean()) / (both["count"] + _PRIOR)


def _keys(rows: pd.DataFrame) -> np.ndarray:
    """Return airline and scheduled hour as one number that is the same wherever it is computed."""
    carrier = rows["UniqueCarrier"].astype("category").cat
    of_category = [int.from_bytes(str(value).encode()[:4], "big") for value in carrier.categories]
    number = np.append(np.array(of_category, dtype=np.int64), -1)[carrier.codes]
    return number * 100 + rows["CRSDepTime"].to_numpy(dtype=np.int64) // 100


# --------------------------------------------------------------------------- days to signals


def daily_signals(days: Backtest | Day | Iterable[Day], reference: Reference) -> pd.DataFrame:
    """Return what could be known on the evening of each day, one row a day, one column a signal.

    Signals about requests and answers are of that day's flights; signals about outcomes are of the file that arrived
    on it, which tells of the day before.

    Parameters
    ----------
    days : TimeMachine, Day or iterable of Day
        A machine gives all its days, at once.
    reference : Reference

    Returns
    -------
    DataFrame, index 'day' (datetime64)
        The columns of `signals`, with 'requests' and 'labels' (counts) and, for each airport, its contrast of the day
        before it is smoothed, 'gap_EWR'. NaN where nothing can be said. Contrasts are smoothed from the first of these
        days on: put some days into a table of all with `replace_days`.

    Raises
    ------
    UsageError
        There is no day.
    """
    rows, labels, scheduled, awaited = _gathered(days)
    index = scheduled.index
    found = pd.DataFrame(index=index)
    _of_requests(found, rows, reference, scheduled)
    _of_labels(found, labels, reference, awaited)
    return _smoothed(found)


def replace_days(healthy: pd.DataFrame, changed: pd.DataFrame) -> pd.DataFrame:
    """Put days that were computed again into a table of days, and smooth its contrasts again.

    Parameters
    ----------
    healthy, changed : DataFrame
        As from `daily_signals`; every day of `changed` is among those of `healthy`.

    Raises
    ------
    UsageError
        A changed day is not in the table.
    """
    if not changed.index.isin(healthy.index).all():
        raise UsageError("a changed day is not in the table", fix="compute the table over all days first")
    table = healthy.copy()
    table.loc[changed.index, changed.columns] = changed
    return _smoothed(table)


def _gathered(days: Backtest | Day | Iterable[Day]) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
    if isinstance(days, Backtest):
        return days.table()
    days = [days] if isinstance(days, Day) else list(days)
    if not days:
        raise UsageError("there is no day to look at", fix="pass one or more")
    index = pd.DatetimeIndex([day.date for day in days], name="day")
    rows = pd.concat([day.rows for day in days])
    labels = pd.concat([day.labels for day in days])
    return (
        rows,
        labels,
        pd.Series([day.scheduled for day in days], index),
        pd.Series([day.awaited for day in days], index),
    )


def _codes(rows: pd.DataFrame, index: pd.DatetimeIndex) -> np.ndarray:
    return index.get_indexer(rows["day"])


def _of_requests(found: pd.DataFrame, rows: pd.DataFrame, known: Reference, scheduled: pd.Series) -> None:
    code, days = _codes(rows, found.index), len(found)
    count = np.bincount(code, minlength=days)

    def share(mask: Any) -> np.ndarray:
        return np.bincount(code, weights=np.asarray(mask, dtype=float), minlength=days) / np.where(count, count, np.nan)

    found["requests"] = count
    found["broken"] = _broken(rows, code, days)
    found["clock"] = share(_off_the_clock(rows))
    found["other_distance"] = share(_other_distance(rows, known))
    found["repeated"] = share(rows.duplicated(list(dictionary.KEY)))
    found["asked"] = count / scheduled.to_numpy()
    for name, column in _UNSEEN.items():
        spread = known.spreads[column]
        found[name] = share((spread.place(rows[column]) == spread.count - 1) & rows[column].notna())
    for source, columns in _table()["sources"].items():
        found[f"missing_{source}"] = share(rows[columns].isna().any(axis=1))
    found["other_route"] = share(_other_route(rows, known))
    found["stuck_weather"] = _stuck(rows, code, days, _table()["sources"]["weather"])
    probability = rows["probability"].to_numpy(dtype=float)
    answered = (probability >= 0) & (probability <= 1)
    found["stuck_score"] = _mode_share(code[answered], probability[answered], days)
    found["no_answer"] = share(~answered)
    latency = rows["latency_ms"].to_numpy(dtype=float)
    found["late_answers"] = share(latency > _table()["objective_ms"])
    for name, column in signals()["column"].dropna().items():
        found[name] = known.spreads[column].psi(rows[column], code, days)
    found["score_mean"] = np.bincount(code[answered], weights=probability[answered], minlength=days) / np.maximum(
        1, np.bincount(code[answered], minlength=days)
    )
    found["score_psi"] = known.spreads["probability"].psi(rows["probability"], code, days)
    found["score_ks"] = _ks(code[answered], probability[answered], days, known.scores)
    found["latency_p99"] = pd.Series(latency).groupby(code).quantile(0.99).reindex(range(days)).to_numpy()


def _off_the_clock(rows: pd.DataFrame) -> np.ndarray:
    """Arrival less departure less duration is a difference of time zones: whole half-hours."""
    arrival, departure, minutes = (rows[name] for name in _CLOCK)
    zone = (arrival // 100 * 60 + arrival % 100 - departure // 100 * 60 - departure % 100 - minutes) % 30
    return (zone.notna() & (zone != 0)).to_numpy()


def _other_distance(rows: pd.DataFrame, known: Reference) -> np.ndarray:
    """Say which distances are none of the route's; a route that was never flown has none."""
    code, keys = _distinct(rows, _MILES)
    flown = {key[:2] for key in known.distances}
    return np.array([key[:2] in flown and key not in known.distances for key in keys], dtype=bool)[code]


def _other_route(rows: pd.DataFrame, known: Reference) -> np.ndarray:
    """Say which airlines fly where they never did, of those that are known."""
    code, keys = _distinct(rows, _FLOWN)
    carriers = {key[0] for key in known.routes}
    return np.array([key[0] in carriers and key not in known.routes for key in keys], dtype=bool)[code]


def _mode_share(code: np.ndarray, values: np.ndarray, days: int) -> np.ndarray:
    """Return the share of each day's most frequent value."""
    counts = pd.Series(1, index=pd.MultiIndex.from_arrays([code, values])).groupby(level=[0, 1]).sum()
    most, all_of_it = counts.groupby(level=0).max(), counts.groupby(level=0).sum()
    return (most / all_of_it).reindex(range(days)).to_numpy()


def _stuck(rows: pd.DataFrame, code: np.ndarray, days: int, columns: list[str]) -> np.ndarray:
    """Return, of the airport where it is largest, the share of the day's requests that carry the same report."""
    there = rows[columns].notna().all(axis=1).to_numpy()
    reports = pd.factorize(pd.util.hash_pandas_object(rows.loc[there, columns], index=False))[0]
    airport = rows.loc[there, _ORIGIN].astype("category").cat.codes.to_numpy()
    frame = pd.DataFrame({"day": code[there], "airport": airport, "report": reports})
    counts = frame.groupby(["day", "airport", "report"]).size()
    shares = counts.groupby(level=[0, 1]).max() / counts.groupby(level=[0, 1]).sum()
    return shares.groupby(level=0).max().reindex(range(days)).to_numpy()


def _ks(code: np.ndarray, probability: np.ndarray, days: int, scores: np.ndarray) -> np.ndarray:
    """Return the Kolmogorov-Smirnov distance of each day's answers from those of the reference."""
    found = np.full(days, np.nan)
    for day, values in pd.Series(probability).groupby(code):
        found[day] = _distance(values.to_numpy(), scores)
    return found


def _distance(values: np.ndarray, known: np.ndarray) -> float:
    """Return the largest distance between the distribution of values and that of others, which are in order.

    As scipy's test of two samples, without sorting the large one again; its test of one sample takes the distribution
    for continuous, and counts ties as distance.
    """
    points, counts = np.unique(values, return_counts=True)
    share = np.cumsum(counts) / len(values)
    at, before = (np.searchsorted(known, points, side=side) / len(known) for side in ("right", "left"))
    return float(max(np.abs(share - at).max(), np.abs(share - counts / len(values) - before).max()))


def _broken(rows: pd.DataFrame, code: np.ndarray, days: int) -> np.ndarray:
    """Return the share of each day's requests that the dictionary refuses: duplicates and gaps have their own signals.

    The whole is asked about first, then its halves: a year that is in order costs one question.
    """
    found, parts = np.zeros(days), [np.unique(code)]
    plain = _as_flown(rows)
    while parts:
        part = parts.pop()
        asked = plain[np.isin(code, part)]
        if len(part) == 1:
            refused = pitfalls.run_checks(Delivery(asked, ()), only="values")
            found[part[0]] = min(1.0, refused["number"].max() / len(asked)) if len(refused) else 0.0
        elif not _in_order(asked):
            parts += np.array_split(part, 2 if len(part) > 2 * _table()["block_days"] else len(part))
    return found


def _as_flown(rows: pd.DataFrame) -> pd.DataFrame:
    """Return requests in the columns of the dictionary, with an outcome that it allows: it holds whole flights."""
    known, weather = dictionary.load(), dictionary.load("weather").index
    absent = {}
    for name, rule in known.loc[[name for name in known.index if name not in rows.columns]].iterrows():
        low = rule["low"] if rule["low"] == rule["low"] else np.nan
        absent[name] = (rule["values"].split() or ["N1"])[0] if rule["type"] == "text" else low
    return rows[[name for name in rows.columns if name in known.index or name in weather]].assign(**absent)


def _in_order(rows: pd.DataFrame) -> bool:
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
    """Say what exactly is wrong with a day's requests, for whoever was woken: the dictionary's own words.

    Parameters
    ----------
    day : Day

    Returns
    -------
    DataFrame, one row a finding
        'where' (the column; empty for whole rows), 'evidence' and 'number' (rows at fault).
    """
    found = pitfalls.run_checks(Delivery(_as_flown(day.rows), ()), only=("values", "duplicates"))
    return found[["where", "evidence", "number"]]


def _of_labels(found: pd.DataFrame, labels: pd.DataFrame, known: Reference, awaited: pd.Series) -> None:
    code, days = _codes(labels, found.index), len(found)
    late = features.label(labels).to_numpy()
    cancelled = (labels["Cancelled"] == 1).to_numpy()
    resolved = ~np.isnan(late) | cancelled
    found["labels"] = np.bincount(code, minlength=days)
    with np.errstate(invalid="ignore", divide="ignore"):
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
        table = known.table.reindex(_keys(labels)).fillna(known.table.mean()).to_numpy()
        found["edge_day"] = mean((metrics.log_losses(late, table) if len(late) else late) - losses)
        origin = labels[_ORIGIN].astype(str).to_numpy()
        for airport in signals()["airport"].dropna():
            here = origin == airport
            sums = [np.bincount(code, weights=(late - p) * mask, minlength=days) for mask in (here, ~here)]
            counts = [np.bincount(code, weights=mask, minlength=days) for mask in (here, ~here)]
            found[_HUB.format(airport)] = sums[0] / counts[0] - sums[1] / counts[1]
        found["auc"] = _auc(code, late, p, days)


def _auc(code: np.ndarray, late: np.ndarray, p: np.ndarray, days: int) -> np.ndarray:
    """Return each day's AUC from the ranks of its answers."""
    rank = pd.Series(p).groupby(code).rank().to_numpy()
    ranks = np.bincount(code, weights=rank * late, minlength=days)
    ones = np.bincount(code, weights=late, minlength=days)
    others = np.bincount(code, minlength=days) - ones
    return (ranks - ones * (ones + 1) / 2) / np.where(ones * others, ones * others, np.nan)


def _smoothed(table: pd.DataFrame) -> pd.DataFrame:
    """Smooth the contrasts of single days: the newest counts 0.3, and what was before the rest."""
    table = table.copy()
    for name, signal in signals().query("part == 'D'").iterrows():
        table[name] = _smooth(table[_raw(name, signal)].to_numpy(dtype=float)[None], signal["start"])[0]
    return table


# --------------------------------------------------------------------------- alarms


def alarms(table: pd.DataFrame, limits: pd.Series | None = None) -> pd.DataFrame:
    """Say which signals lie beyond their limits, and when.

    Parameters
    ----------
    table : DataFrame
        As from `daily_signals`.
    limits : Series, optional
        By signal; default those of drift.toml. Only the signals named in it can alarm.

    Returns
    -------
    DataFrame, one row an alarm
        'day', 'signal', 'value' and 'limit', in order of the day.

    Raises
    ------
    UsageError
        A limit is set on a signal that is not in the table.
    """
    limits = signals("page")["limit"] if limits is None else limits
    known = signals()
    parts = []
    for name, limit in limits.items():
        if name not in table.columns:
            raise UsageError(f"there is no signal {name!r}", fix=f"choose among {', '.join(known.index)}")
        values = table[name]
        beyond = _beyond(values, known.loc[name], float(limit))
        parts.append(
            pd.DataFrame({"day": table.index[beyond], "signal": name, "value": values[beyond], "limit": limit})
        )
    found = pd.concat(parts, ignore_index=True)
    return found.sort_values("day", kind="stable", ignore_index=True)


def _beyond(values: pd.Series, signal: pd.Series, limit: float) -> np.ndarray:
    side = signal["side"]
    if side == "below":
        return (values < limit).to_numpy()
    if side == "both":
        return (values.abs() > limit).to_numpy()
    if side == "outside":
        return ((values < signal["low"]) | (values > limit)).to_numpy()
    return (values > limit).to_numpy()


def episodes(found: pd.DataFrame) -> pd.DataFrame:
    """Join alarms that belong together: one of a group of signals, with fewer than seven quiet days between them.

    Parameters
    ----------
    found : DataFrame
        As from `alarms`.

    Returns
    -------
    DataFrame, one row an episode
        'group', 'first', 'last', 'signals' (those that alarmed) and 'days' (on which any did).
    """
    group_of = signals()["group"]
    rows = []
    for group, part in found.assign(group=found["signal"].map(group_of)).groupby("group", sort=False):
        days = part["day"].drop_duplicates().sort_values()
        number = (days.diff() > pd.Timedelta(days=_table()["episode_days"])).cumsum()
        for _, run in days.groupby(number):
            inside = part[part["day"].isin(run)]
            rows.append((group, run.iloc[0], run.iloc[-1], ", ".join(dict.fromkeys(inside["signal"])), len(run)))
    names = ["group", "first", "last", "signals", "days"]
    return pd.DataFrame(rows, columns=names).sort_values("first", kind="stable", ignore_index=True)


# --------------------------------------------------------------------------- the budget


def calibrate(quiet: pd.DataFrame, *, budget: float | None = None, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Set the limits of what is a statistic so that all pages together share a budget of false alarms.

    Quarters are made of blocks of seven days, drawn again and again from the quiet months, and contrasts are smoothed
    along each of them. Each group of signals gets an equal part of the budget; its limit is the smallest above which
    the made quarters hold, in the mean, no more episodes than that. Rules (contracts, labels) have no part: on quiet
    days they never speak.

    Parameters
    ----------
    quiet : DataFrame
        As from `daily_signals`, over days on which nothing was wrong, scored by models that had not learnt from them.
    budget : float, optional
        False pages a quarter; default that of drift.toml.
    draws : int
        Quarters to make.
    seed : int
        For the draws.

    Returns
    -------
    DataFrame, one row a group of signals
        'limit' (below zero where the alarm lies below), 'false a quarter' (in the made quarters) and 'largest' (what
        was seen on the quiet days themselves).

    Raises
    ------
    UsageError
        The budget is not above zero, or there are fewer days than a few blocks.
    """
    budget = _table()["budget"] if budget is None else budget
    if not budget > 0:
        raise UsageError(f"budget={budget} allows no limit", fix="give false pages a quarter, above 0")
    worst, largest = _worst(quiet, draws, seed)
    share = budget / len(worst)
    rows = {}
    for group, values in worst.items():
        grid = np.linspace(np.quantile(values, 0.5), values.max(), 200)
        counts = np.array([_episode_count(values > limit) for limit in grid])
        first = len(grid) - int((counts[::-1] <= share).cumprod().sum())
        sign = -1 if signals().query("group == @group")["side"].iloc[0] == "below" else 1
        rows[group] = {
            "limit": sign * grid[first], "false a quarter": counts[first], "largest": sign * largest[group]
        }  # fmt: skip
    return pd.DataFrame(rows).T.rename_axis("group")


def false_episodes(quiet: pd.DataFrame, *, draws: int = 1000, seed: int = 0) -> pd.Series:
    """Count the false episodes of each made quarter, for the limits of drift.toml.

    What it proves is that the procedure does what it says on quarters like the quiet months; not that the quarters to
    come are like them. See `false_page_bounds` for that.

    Parameters
    ----------
    quiet : DataFrame
        As for `calibrate`.
    draws : int
        Quarters to make.
    seed : int
        For the draws.

    Returns
    -------
    Series of float
        Mean number of episodes a quarter, by group, and for all of them.

    Raises
    ------
    UsageError
        There are fewer days than a few blocks.
    """
    known = signals("page")
    worst, _ = _worst(quiet, draws, seed)
    found = {
        group: _episode_count(values > abs(known.query("group == @group")["limit"].iloc[0]))
        for group, values in worst.items()
    }
    return pd.Series(found | {"all": sum(found.values())}, name="false a quarter")


def _worst(quiet: pd.DataFrame, draws: int, seed: int) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Return, for each group of statistics, how far its worst signal went on each day of made quarters.

    Also return the same over the quiet days as they were.
    """
    options, known = _table(), signals("page").query("part in ['C', 'D']")
    size, days = options["block_days"], round(options["quarter_days"])
    if len(quiet) < 3 * size:
        raise UsageError(f"{len(quiet)} quiet days are too few", fix=f"pass {3 * size} or more")
    count = -(-days // size)
    starts = np.random.default_rng(seed).integers(0, len(quiet) - size + 1, size=(draws, count))
    made = (starts[:, :, None] + np.arange(size)).reshape(draws, count * size)[:, :days]
    worst: dict[str, np.ndarray] = {}
    largest: dict[str, float] = {}
    for group, part in known.groupby("group", sort=False):
        for name, signal in part.iterrows():
            raw = quiet[_raw(name, signal)].to_numpy(dtype=float)
            sign = -1 if signal["side"] == "below" else 1
            for place, order in (("made", made), ("seen", np.arange(len(raw))[None])):
                values = raw[order]
                values = _smooth(values, signal["start"]) if signal["part"] == "D" else values
                values = np.abs(values) if signal["side"] == "both" else sign * values
                if place == "made":
                    worst[group] = np.fmax(worst.get(group, values), values)
                else:
                    largest[group] = max(largest.get(group, -np.inf), float(np.nanmax(values)))
    return worst, largest


def _raw(name: str, signal: pd.Series) -> str:
    """Return the column of a signal before it is smoothed."""
    if signal["part"] != "D":
        return name
    return "edge_day" if name == "edge" else _HUB.format(signal["airport"])


def _smooth(values: np.ndarray, start: float) -> np.ndarray:
    weight, level = _table()["smoothing"], np.full(len(values), start)
    found = np.empty_like(values)
    for day in range(values.shape[1]):
        now = values[:, day]
        level = np.where(np.isnan(now), level, (1 - weight) * level + weight * now)
        found[:, day] = level
    return found


def _episode_count(beyond: np.ndarray) -> float:
    """Return the mean number of episodes in rows of days."""
    before = np.zeros_like(beyond)
    for lag in range(1, _table()["episode_days"] + 1):
        before[:, lag:] |= beyond[:, :-lag]
    return float((beyond & ~before).sum(1).mean())


def poisson_bounds(events: int, quarters: float, level: float = 0.95) -> tuple[float, float]:
    """Return what a count proves about the rate a quarter: the exact bounds, each of which holds with `level`.

    With no event at all the lower bound is 0 and the upper one is ``-log(1 - level) / quarters``.

    Parameters
    ----------
    events : int
    quarters : float
        How long one has looked.
    level : float

    Raises
    ------
    UsageError
        A number is not one that can be counted or waited for.
    """
    from scipy import stats

    if events < 0 or not quarters > 0 or not 0 < level < 1:
        raise UsageError("that proves nothing", fix="give 0 events or more, a time above 0 and a level below 1")
    low = stats.chi2.ppf(1 - level, 2 * events) / 2 if events else 0.0
    return float(low / quarters), float(stats.chi2.ppf(level, 2 * events + 2) / 2 / quarters)


def false_page_bounds(
    table: pd.DataFrame, limits: pd.Series | None = None, true: Sequence[str] = (), level: float = 0.95
) -> pd.Series:
    """Say what days that no limit was set on prove about false pages.

    Parameters
    ----------
    table : DataFrame
        As from `daily_signals`, over days after the quiet months.
    limits : Series, optional
        By signal; default those of drift.toml.
    true : sequence of str
        Days on which something was wrong: an episode that holds one is no false page.
    level : float
        Each bound holds with this probability.

    Returns
    -------
    Series
        'quarters', 'pages', 'false', 'false a quarter', and the exact Poisson bounds 'at least' and 'at most'.
    """
    found = episodes(alarms(table, limits))
    wrong = [pd.Timestamp(day) for day in true]
    right = [any(row.first <= day <= row.last for day in wrong) for row in found.itertuples()]
    false, quarters = len(found) - sum(right), len(table) / _table()["quarter_days"]
    low, high = poisson_bounds(false, quarters, level)
    return pd.Series(
        {
            "quarters": quarters, "pages": len(found), "false": false,
            "false a quarter": false / quarters, "at least": low, "at most": high,
        },
        name="pages",
    )  # fmt: skip


def days_to_detect(
    table: pd.DataFrame, first: str, last: str | None = None, limits: pd.Series | None = None
) -> tuple[float, str]:
    """Say how many days after the first faulty one a signal pages, and which does; infinite and '' if none.

    0 is the evening of the first faulty day itself.

    Parameters
    ----------
    table : DataFrame
        As from `replace_days`.
    first, last : str
        The first faulty day, and the last on which a page would still be about it; default the last of all.
    limits : Series, optional
        By signal; default those of drift.toml.
    """
    found = alarms(table.loc[first:last], limits)
    if found.empty:
        return float("inf"), ""
    day = found["day"].iloc[0]
    return float((day - pd.Timestamp(first)).days), ", ".join(found.loc[found["day"] == day, "signal"])


# --------------------------------------------------------------------------- evidence


def weekly_evidence(table: pd.DataFrame) -> pd.DataFrame:
    """Return the evidence by week, each day counted by its labelled flights: what is read to decide on retraining.

    Parameters
    ----------
    table : DataFrame
        As from `daily_signals`.

    Returns
    -------
    DataFrame, one row a week (its Monday)
        'labels', 'score_mean', 'late_share', 'calibration_gap', 'log_loss' and 'dollars'.
    """
    names = ["score_mean", "late_share", "calibration_gap", "log_loss", "dollars"]
    week = table.index.to_period("W-SUN").start_time
    weights = table["labels"].where(table["log_loss"].notna(), 0)
    sums = table[names].mul(weights, axis=0).groupby(week).sum()
    return sums.div(weights.groupby(week).sum(), axis=0).assign(labels=weights.groupby(week).sum()).rename_axis("week")


def feature_psi(days: Backtest | Day | Iterable[Day], known: Reference) -> pd.DataFrame:
    """Return the population stability index of every input on every day.

    Parameters
    ----------
    days : TimeMachine, Day or iterable of Day
    known : Reference

    Returns
    -------
    DataFrame, one row a day, one column an input

    Raises
    ------
    UsageError
        There is no day.
    """
    rows, _, scheduled, _ = _gathered(days)
    code = _codes(rows, scheduled.index)
    found = {name: known.spreads[name].psi(rows[name], code, len(scheduled)) for name in known.inputs}
    return pd.DataFrame(found, index=scheduled.index)


def textbook_alarms(table: pd.DataFrame, psi: pd.DataFrame) -> pd.DataFrame:
    """Say on which days the rules of `TEXTBOOK` fire.

    Parameters
    ----------
    table : DataFrame
        As from `daily_signals`.
    psi : DataFrame
        As from `feature_psi`, over the same days.

    Returns
    -------
    DataFrame of bool, one row a day, one column a rule
    """
    from scipy import stats

    p = stats.kstwo.sf(table["score_ks"], table["requests"])
    fires = (
        # The day of the week is one value on any day: no textbook would compare that.
        psi.drop(columns="DayOfWeek", errors="ignore").max(axis=1).reindex(table.index) > 0.2,
        table["score_psi"] > 0.2,
        pd.Series(p, table.index) < 0.01,
        table["calibration_z"].abs() > 2.58,
        table["auc"] < 0.70,
    )
    return pd.DataFrame(dict(zip(TEXTBOOK, fires, strict=True)))


def sample_sizes(
    same: pd.Series,
    other: pd.Series,
    sizes: Sequence[int] = (50, 300, 3_000, 30_000),
    *,
    draws: int = 100,
    seed: int = 0,
) -> pd.DataFrame:
    """Show how the number of rows alone decides what a rule says.

    Samples are drawn from the very values that they are compared with, and from other ones; each is tested.

    Parameters
    ----------
    same : Series
        Of the reference: numbers or texts.
    other : Series
        Of a later month, hardly different.
    sizes : sequence of int
        Rows in a sample.
    draws : int
        Samples of each size.
    seed : int
        For the draws.

    Returns
    -------
    DataFrame, one row a size
        For samples of 'same' and 'other': the median PSI, the share of them with PSI > 0.2, and the share of tests with
        p < 0.01 (Kolmogorov-Smirnov for numbers, chi-squared for texts).
    """
    rng, spread = np.random.default_rng(seed), _Spread.of(same)
    known = np.sort(same.to_numpy(dtype=float)) if spread.values is None else np.empty(0)
    rows = {}
    for size in sizes:
        found: dict[str, Any] = {}
        for name, values in (("same", same), ("other", other)):
            samples = [values.iloc[rng.integers(0, len(values), size)] for _ in range(draws)]
            psi = np.array([spread.psi(sample, np.zeros(size, dtype=int), 1)[0] for sample in samples])
            p = np.array([_p_value(sample, known, spread) for sample in samples])
            found |= {
                f"{name}: PSI": np.median(psi), f"{name}: PSI > 0.2": (psi > 0.2).mean(),
                f"{name}: p < 0.01": (p < 0.01).mean(),
            }  # fmt: skip
        rows[size] = found
    return pd.DataFrame(rows).T.rename_axis("rows")


def _p_value(sample: pd.Series, known: np.ndarray, spread: _Spread) -> float:
    """Test whether a sample is of the distribution of the reference, which is large enough to be taken as known."""
    from scipy import stats

    if spread.values is None:
        return float(stats.kstwo.sf(_distance(sample.to_numpy(dtype=float), known), len(sample)))
    counts = np.bincount(spread.place(sample), minlength=spread.count)
    expected = np.maximum(spread.counts, 0.5)  # a bin that the reference never filled may not be impossible
    expected *= counts.sum() / expected.sum()
    return float(stats.chisquare(counts, expected).pvalue)


def input_coverage(known: Reference) -> pd.DataFrame:
    """Say by which signals each input of the model is watched: of those that page, and of those that are read.

    Parameters
    ----------
    known : Reference

    Returns
    -------
    DataFrame, one row an input
        'group' (of `features.groups`), 'kind' ('number' or 'text'), 'pages' (signals, separated by commas) and
        'evidence'.
    """
    group_of = {name: group for group, names in features.groups().items() for name in names}
    weather = dictionary.load("weather")
    rows = {}
    for name in known.inputs:
        pages = [signal for signal, column in signals("page")["column"].dropna().items() if column == name]
        pages += [signal for signal, column in _UNSEEN.items() if column == name]
        pages += [f"missing_{source}" for source, columns in _table()["sources"].items() if name in columns]
        pages += ["clock"] if name in _CLOCK else []
        pages += ["other_distance"] if name == "Distance" else []
        pages += ["broken"] if name in dictionary.load().index or name in weather.index else []
        pages += ["stuck_weather"] if name in _table()["sources"]["weather"] else []
        kind = "number" if known.spreads[name].values is None else "text"
        rows[name] = {"group": group_of[name], "kind": kind, "pages": ", ".join(pages), "evidence": "PSI"}
    return pd.DataFrame(rows).T.rename_axis("input")


# --------------------------------------------------------------------------- what was measured
