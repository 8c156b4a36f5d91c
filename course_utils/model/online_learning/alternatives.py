"""Predict the same stream without an online learner: by a daily table of rates, and by XGBoost.

XGBoost is fitted once (`train_once`), again every month (`train_monthly`), or once with its mean moved every day
(`recalibrated`). Each prediction uses only labels that had arrived on the morning of the flight's day.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from course_utils.data import splits
from course_utils.errors import DataError, UsageError
from course_utils.model import training
from course_utils.model.online_learning.checks import as_day, as_probabilities, check_count, check_positive
from course_utils.model.online_learning.streams import Stream

__all__ = ["online_rate_table", "recalibrated", "train_monthly", "train_once"]

_ROUNDS = 60  # of XGBoost: on two months of training, early stopping on the third keeps about half as many
_NEAR = 10.0  # log-odds that the scores of a sound model never need to move
_FARTHEST = 21.0  # log-odds from a score of one in a million to a share of 999 in a thousand, the ends allowed here


def online_rate_table(
    stream: Stream, keys: pd.Series, *, delay: int = 1, half_life: float = 28, prior: float = 20
) -> np.ndarray:
    """Predict the mean lateness so far of flights with the same key, weighted by age: old flights count less.

    Parameters
    ----------
    stream : Stream
        The flights in order of time.
    keys : Series
        The key of each flight, such as carrier and hour, by row label.
    delay : int
        Days until labels arrive, 1 or more.
    half_life : float
        Days after which a flight counts half.
    prior : float
        How many flights at the mean of all keys are mixed into each key, 0 or more.

    Returns
    -------
    array of float, shape (flights,)
        Probabilities of 'late'.

    Raises
    ------
    UsageError
        The delay is not 1 or more, the half-life is not positive, or the prior is negative.
    DataError
        A flight has no key, or two keys have its row label.

    Examples
    --------
    >>> stream = online_learning.stream(flights, online_learning.timetable(flights))
    >>> online_learning.online_rate_table(stream, flights["UniqueCarrier"])[-3:].round(2)
    array([0.2 , 0.12, 0.19])
    """
    check_count(delay, "delay", 1, "days")
    check_positive(half_life, "half_life")
    check_positive(prior, "prior", zero=True)
    if not np.isfinite(prior):
        raise UsageError(f"prior={prior!r} leaves no room for any flight", fix="give a finite number of flights")
    code, names = pd.factorize(_keys(stream, keys))
    when = (stream.days - stream.days[0]).astype(int)
    keep = 0.5 ** (1 / half_life)
    count, late = np.zeros(len(names)), np.zeros(len(names))
    found = np.empty(len(code))
    by_day = {day: np.flatnonzero(when == day) for day in np.unique(when)}
    # Days without flights count too: the table ages on them.
    for day in range(when[-1] + 1):
        count, late = count * keep, late * keep
        known = by_day.get(day - delay, np.empty(0, dtype=int))
        # add.at, since += would add only one of several flights with the same key.
        np.add.at(count, code[known], 1)
        np.add.at(late, code[known], stream.late[known])
        base = late.sum() / count.sum() if count.sum() else 0.5
        rate = (late + prior * base) / np.maximum(count + prior, 1e-9)  # without a prior, a new key has a count of 0
        today = by_day.get(day, np.empty(0, dtype=int))
        found[today] = rate[code[today]]
    return found


def _keys(stream: Stream, keys: pd.Series) -> pd.Series:
    """Return the key of each flight of the stream."""
    if not isinstance(keys, pd.Series):
        raise DataError(f"keys is of the type {type(keys).__name__}", fix="give a Series with the flights' row labels")
    labels = stream.rows.index
    if not keys.index.is_unique:
        label = keys.index[keys.index.duplicated()][0]
        raise DataError(f"two keys have the row label {label}", fix="give one key for each flight")
    found = keys.reindex(labels)
    if found.isna().any():
        place = int(np.flatnonzero(found.isna())[0])
        raise DataError("has no key", column=str(keys.name), row=place, fix="give a key for each flight of the stream")
    return found


def train_once(stream: Stream, inputs: pd.DataFrame, until: str, **parameters: Any) -> np.ndarray:
    """Fit XGBoost once, on the flights before a day, and predict all flights.

    Parameters
    ----------
    stream : Stream
        The flights in order of time.
    inputs : DataFrame
        Inputs by row label, for at least the flights of the stream.
    until : str
        The first day that is not learnt, such as ``'2013-04-01'``.
    **parameters
        As for `training.train_xgboost`, such as rounds or max_depth.

    Returns
    -------
    array of float, shape (flights,)
        Probabilities of 'late'; those before `until` are of flights that the model has learnt.

    Raises
    ------
    UsageError
        No flight leaves before `until`, or it is not a day.

    See Also
    --------
    train_monthly : fit again at the start of each month.

    Examples
    --------
    >>> timetable = online_learning.timetable(flights)
    >>> stream = online_learning.stream(flights, timetable)
    >>> online_learning.train_once(stream, timetable, "2013-01-03", rounds=5).shape
    (2976,)
    """
    known = stream.days < as_day(until, "until")
    return _fit_on(stream, inputs, known, **parameters).predict(stream.rows).astype(float)


def train_monthly(stream: Stream, inputs: pd.DataFrame, until: str, **parameters: Any) -> np.ndarray:
    """Fit XGBoost again at the start of each month, on all earlier flights, and predict the month.

    Parameters
    ----------
    stream, inputs, **parameters
        As for `train_once`.
    until : str
        The first day that the first model has not learnt; the flights before it are those of its training.

    Returns
    -------
    array of float, shape (flights,)
        Probabilities of 'late'.

    Raises
    ------
    UsageError
        No flight leaves before `until`, or it is not a day.
    """
    found = train_once(stream, inputs, until, **parameters)
    months = stream.days.astype("datetime64[M]")
    # The first month is the one that train_once predicts already.
    for month in np.unique(months[stream.after(until)])[1:]:
        now = months == month
        found[now] = _fit_on(stream, inputs, months < month, **parameters).predict(stream.rows[now])
    return found


def _fit_on(stream: Stream, inputs: pd.DataFrame, learnt: np.ndarray, **parameters: Any) -> training.Fit:
    rows = stream.rows[learnt]
    if rows.empty:
        raise UsageError("there is nothing to learn from", fix="choose a later day for `until`")
    # No flights are set aside for early stopping, so the rounds are fixed; validation and test only must not be empty.
    split = splits.Split(rows, rows.tail(1_000), rows.tail(1_000), "all that came before")
    return training.train_xgboost(split, inputs, early_stopping=None, **{"rounds": _ROUNDS} | parameters)


def recalibrated(
    stream: Stream, probability: np.ndarray, *, window: int = 7, delay: int = 1, min_flights: int = 200
) -> np.ndarray:
    """Move a model's scores each day so that their mean matches the share late of the last days.

    One number is learnt, the intercept in log-odds; the order of a day's flights stays as it was.

    Parameters
    ----------
    stream : Stream
        The flights in order of time.
    probability : array of float, shape (flights,)
        The model's probabilities of 'late'.
    window : int
        How many days to look back.
    delay : int
        Days until labels arrive, 1 or more.
    min_flights : int
        With fewer labelled flights in the window, the scores of the day are not moved.

    Returns
    -------
    array of float, shape (flights,)
        Probabilities of 'late'.

    Raises
    ------
    DataError
        There is not one probability from 0 to 1 for each flight.
    UsageError
        Window, delay or min_flights is not a whole number, 1 or more.

    Examples
    --------
    >>> stream = online_learning.stream(flights, online_learning.timetable(flights))
    >>> moved = online_learning.recalibrated(stream, np.full(len(stream.late), 0.5), window=1)
    >>> np.unique(moved.round(2))
    array([0.19, 0.22, 0.24, 0.5 ])
    """
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    probability = as_probabilities(len(stream.lines), probability, "probability")
    check_count(window, "window", 1, "days")
    check_count(delay, "delay", 1, "days")
    check_count(min_flights, "min_flights", 1, "flights")
    window, delay = int(window), int(delay)
    margin = logit(np.clip(probability, 1e-6, 1 - 1e-6))
    moved = np.array(margin)
    for day in np.unique(stream.days):
        first, last = np.searchsorted(stream.days, [day - delay - window + 1, day - delay + 1])
        if last - first < min_flights:
            continue
        # A window without any late flight, or with late ones only, would move the scores without limit.
        share = np.clip(stream.late[first:last].mean(), 1e-3, 1 - 1e-3)
        gap = _gap(margin[first:last], share)
        reach = _NEAR if gap(-_NEAR) < 0 < gap(_NEAR) else _FARTHEST
        shift = brentq(gap, -reach, reach, xtol=1e-6)
        moved[stream.days == day] += shift
    return expit(moved)


def _gap(margin: np.ndarray, share: float) -> Callable[[float], float]:
    from scipy.special import expit

    return lambda shift: float(expit(margin + shift).mean() - share)
