"""Compare learners on a stream by log-loss, AUC and dollars, over all days and week by week.

`total_loss` gives one row for each learner, `loss_by_week` one for each learner and week, and `weeks_side_by_side`
turns the latter into one column for each learner.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from course_utils.errors import DataError, UsageError
from course_utils.model import metrics, money
from course_utils.model.online_learning.checks import as_day, check_columns, scored
from course_utils.model.online_learning.streams import Stream

__all__ = ["loss_by_week", "total_loss", "weeks_side_by_side"]


def total_loss(stream: Stream, scores: Mapping[str, np.ndarray], start: str, payoff: str = "deck_100") -> pd.DataFrame:
    """Return the loss of each learner over all days from a first day on.

    Parameters
    ----------
    stream : Stream
        The flights in order of time.
    scores : mapping of str to array of float, shape (flights,)
        Probabilities of 'late' for all flights of the stream, by learner.
    start : str
        The first day that counts, as from `comparison_start`.
    payoff : str
        As for `money.payoff`; passengers are warned from its break-even probability on.

    Returns
    -------
    DataFrame, one row for each learner
        'log-loss', 'AUC', and 'dollars' per 1,000 flights with 'low' and 'high' (95%, whole days resampled).

    Raises
    ------
    DataError
        A learner has not one probability from 0 to 1 for each flight, or fewer than two days count.
    UsageError
        There is no learner or no such payoff, or `start` is not a day.

    Examples
    --------
    >>> stream = online_learning.stream(flights, online_learning.timetable(flights))
    >>> scores = {"constant": np.full(len(stream.late), 0.5), "oracle": 0.8 * stream.late + 0.1}
    >>> online_learning.total_loss(stream, scores, "2013-01-02")[["log-loss", "AUC"]]
              log-loss  AUC
    learner
    constant     0.693  0.5
    oracle       0.105  1.0
    """
    scores, counts = scored(len(stream.lines), scores), stream.after(as_day(start, "start"))
    late, worth = stream.late[counts], money.payoff(payoff)
    warned = {name: p[counts] >= money.break_even(worth) for name, p in scores.items()}
    table = money.policies(late, warned, worth, stream.days[counts])[["dollars", "low", "high"]]
    table.insert(0, "AUC", [round(metrics.auc(late, p[counts]), 3) for p in scores.values()])
    table.insert(0, "log-loss", [round(metrics.log_loss(late, p[counts]), 3) for p in scores.values()])
    return table.rename_axis("learner")


def loss_by_week(
    stream: Stream, scores: Mapping[str, np.ndarray], start: str, payoff: str = "deck_100"
) -> pd.DataFrame:
    """Return the loss of each learner in each week from a first day on.

    Parameters
    ----------
    stream, scores, payoff
        As for `total_loss`.
    start : str
        The first day that counts; weeks are counted from it, and the last one may be short.

    Returns
    -------
    DataFrame, one row for each learner and week
        'learner', 'week' (its first day), 'flights', 'log-loss', and 'dollars' per 1,000 flights with 'low' and 'high'
        (95%, whole days resampled; missing for a week of one day).

    Raises
    ------
    DataError
        A learner has not one probability from 0 to 1 for each flight, or no flight leaves from `start` on.
    UsageError
        There is no learner or no such payoff, or `start` is not a day.

    Examples
    --------
    >>> stream = online_learning.stream(flights, online_learning.timetable(flights))
    >>> scores = {"constant": np.full(len(stream.late), 0.5)}
    >>> online_learning.loss_by_week(stream, scores, "2013-01-01")[["learner", "week", "flights", "log-loss"]]
        learner        week  flights  log-loss
    0  constant  2013-01-01     2976    0.6931
    """
    worth = money.payoff(payoff)
    # Weeks from the first day, not of the calendar, so that all but the last have seven days.
    scores, first = scored(len(stream.lines), scores), as_day(start, "start")
    number = (stream.days - first).astype(int) // 7
    if not (number >= 0).any():
        raise DataError(f"no flight leaves from {first} on", fix="choose an earlier start")
    rows = []
    for week in np.unique(number[number >= 0]):
        now = number == week
        for name, p in scores.items():
            dollars = money.dollars_by_flight(stream.late[now], p[now] >= money.break_even(worth), worth)
            # Whole days are resampled, so a single day has no interval. Few draws, since there are dozens of weeks.
            several = len(np.unique(stream.days[now])) > 1
            value = money.bootstrap(dollars, stream.days[now], draws=500) if several else None
            rows.append(
                {
                    "learner": name,
                    "week": str(first + 7 * week),
                    "flights": int(now.sum()),
                    "log-loss": round(metrics.log_loss(stream.late[now], p[now]), 4),
                    "dollars": round(dollars.mean() * money.PER),
                    "low": round(value.low) if value else None,
                    "high": round(value.high) if value else None,
                }
            )
    return pd.DataFrame(rows).sort_values(["learner", "week"], ignore_index=True, kind="stable")


def weeks_side_by_side(weeks: pd.DataFrame, value: str = "log-loss") -> pd.DataFrame:
    """Return a table of weeks with one column for each learner, to compare or draw them.

    Parameters
    ----------
    weeks : DataFrame
        As from `loss_by_week`, or ``tables.benchmark("replay_weeks")``.
    value : str
        The column of `weeks` to show, such as 'log-loss' or 'dollars'.

    Returns
    -------
    DataFrame, index 'week' (datetime64), one column for each learner

    Raises
    ------
    DataError
        A learner has a week twice, or the table is not one of weeks.
    UsageError
        The table has no column `value`.

    Examples
    --------
    >>> weeks = pd.DataFrame({"learner": ["online", "static"], "week": "2013-04-01", "log-loss": [0.45, 0.5]})
    >>> online_learning.weeks_side_by_side(weeks)
                online  static
    week
    2013-04-01    0.45     0.5
    """
    check_columns(weeks, ("learner", "week"), "the weeks")
    if value not in weeks:
        raise UsageError(f"value={value!r} is not a column of the weeks", fix=f"choose from {', '.join(weeks)}")
    if weeks.duplicated(["learner", "week"]).any():
        twice = weeks[weeks.duplicated(["learner", "week"])].iloc[0]
        raise DataError(f"{twice['learner']} has the week {twice['week']} twice", fix="keep one row for each")
    table = weeks.pivot(index="week", columns="learner", values=value).rename_axis(columns=None)
    return table.set_axis(pd.to_datetime(table.index).rename("week"))
