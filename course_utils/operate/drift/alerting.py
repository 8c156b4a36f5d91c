"""Alarms: which signals are beyond their limits on which days, and which alarms belong together.

`alarms` compares a daily table with the limits, `episodes` joins alarms that have one cause, and `days_to_detect` says
how long it took until someone was paged.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from course_utils.errors import UsageError
from course_utils.operate.drift.catalog import settings, signals

__all__ = ["alarms", "days_to_detect", "episodes"]


def alarms(table: pd.DataFrame, limits: pd.Series | None = None) -> pd.DataFrame:
    """Return which signals are beyond their limits, and on which days.

    Parameters
    ----------
    table : DataFrame, one row a day
        As from `daily_signals`.
    limits : Series of float, optional
        The limit of each signal, by its name; by default those of drift.toml. Only the signals named in it can alarm.

    Returns
    -------
    DataFrame, one row an alarm
        'day', 'signal', 'value' and 'limit', sorted by day.

    Raises
    ------
    UsageError
        A limit is set on a signal that the table does not have.

    Examples
    --------
    >>> from course_utils import tables
    >>> year = tables.benchmark("drift_year")
    >>> drift.alarms(year["2013-12-25":])["signal"].tolist()
    ['hub_EWR', 'missing_weather']
    """
    limits = signals("page")["limit"] if limits is None else limits
    known = signals()
    parts = []
    for name, limit in limits.items():
        if name not in table.columns:
            raise UsageError(f"there is no signal {name!r}", fix=f"choose one of {', '.join(known.index)}")
        values = table[name]
        beyond = _beyond(values, known.loc[name], float(limit))
        parts.append(
            pd.DataFrame({"day": table.index[beyond], "signal": name, "value": values[beyond], "limit": limit})
        )
    found = pd.concat(parts, ignore_index=True)
    return found.sort_values("day", kind="stable", ignore_index=True)


def _beyond(values: pd.Series, signal: pd.Series, limit: float) -> np.ndarray:
    """Return on which days a signal is on the wrong side of its limit; a missing value never is."""
    side = signal["side"]
    if side == "below":
        return (values < limit).to_numpy()
    if side == "both":
        return (values.abs() > limit).to_numpy()
    if side == "outside":
        return ((values < signal["low"]) | (values > limit)).to_numpy()
    return (values > limit).to_numpy()


def episodes(found: pd.DataFrame) -> pd.DataFrame:
    """Join alarms into episodes: alarms of one group of signals with fewer than seven days without one between them.

    Parameters
    ----------
    found : DataFrame, one row an alarm
        As from `alarms`.

    Returns
    -------
    DataFrame, one row an episode
        'group', 'first' and 'last' day, 'signals' (those that alarmed) and 'days' (how many days had an alarm), sorted
        by first day.

    Examples
    --------
    >>> from course_utils import tables
    >>> year = tables.benchmark("drift_year")
    >>> drift.episodes(drift.alarms(year["2013-06-01":]))["group"].tolist()
    ['hubs', 'missing']
    """
    group_of = signals()["group"]
    rows = []
    for group, part in found.assign(group=found["signal"].map(group_of)).groupby("group", sort=False):
        days = part["day"].drop_duplicates().sort_values()
        number = (days.diff() > pd.Timedelta(days=settings()["episode_days"])).cumsum()
        for _, run in days.groupby(number):
            inside = part[part["day"].isin(run)]
            rows.append((group, run.iloc[0], run.iloc[-1], ", ".join(dict.fromkeys(inside["signal"])), len(run)))
    names = ["group", "first", "last", "signals", "days"]
    return pd.DataFrame(rows, columns=names).sort_values("first", kind="stable", ignore_index=True)


def days_to_detect(
    table: pd.DataFrame, first: str, last: str | None = None, limits: pd.Series | None = None
) -> tuple[float, str]:
    """Return how many days after the first faulty day a signal pages, and which signals page on that day.

    Parameters
    ----------
    table : DataFrame, one row a day
        As from `replace_days`, with the faulty days in it.
    first, last : str
        The first faulty day, and the last day on which a page still counts; by default the last of the table.
    limits : Series, optional
        As for `alarms`.

    Returns
    -------
    days : float
        0 if a signal pages on the evening of the first faulty day itself; infinite if none pages.
    signals : str
        Their names, separated by commas; empty if none pages.

    Examples
    --------
    >>> from course_utils import tables
    >>> year = tables.benchmark("drift_year")
    >>> drift.days_to_detect(year, "2013-12-30")
    (1.0, 'missing_weather')
    """
    found = alarms(table.loc[first:last], limits)
    if found.empty:
        return float("inf"), ""
    day = found["day"].iloc[0]
    return float((day - pd.Timestamp(first)).days), ", ".join(found.loc[found["day"] == day, "signal"])
