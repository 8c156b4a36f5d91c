"""Feedback loops: a service whose warnings work changes the labels that it learns from.

`simulate_feedback_log` simulates the log of such a service, and `compare_with_hold_out` shows what a hold-out reveals.
`with_drifted_hub` is the other reason to retrain: flights of which one airport really changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import faults, features, splits
from course_utils.errors import UsageError
from course_utils.model import money
from course_utils.operate.backtest import with_departure_delay
from course_utils.operate.retraining.policies import START

__all__ = [
    "CURED",
    "HOLD_OUT",
    "WAYS",
    "compare_with_hold_out",
    "retrain_on_own_log",
    "simulate_feedback_log",
    "with_drifted_hub",
]

#: The share of flights that are never warned, so that the log still shows what happens without a warning.
HOLD_OUT = 0.05
#: The share of warned delays that do not happen, an assumption of the simulation.
CURED = 0.5
#: Ways to learn when warnings change the labels: without feedback (only a simulation has such labels), from the log as
#: it is, and with a hold-out that represents the warned flights.
WAYS = ("no feedback", "the log", "hold-out")
_HUB = "EWR"
_MORE_LATE = 0.15  # the rise of the hub's share late


def with_drifted_hub(flights: pd.DataFrame, *, week: int = 18, seed: int = 0) -> pd.DataFrame:
    """Return flights of which more leave Newark late from some week on, on the same schedule.

    Parameters
    ----------
    flights : DataFrame
        Flights with their outcomes; they are not changed in place.
    week : int
        The first week of the change, counted from `START`.
    seed : int
        Seed of the draws; the same seed delays the same flights.

    Returns
    -------
    DataFrame
        The share late at Newark rises by 15 percentage points; the delays are 15 to 75 minutes, and arrivals follow.

    Examples
    --------
    >>> drifted = retraining.with_drifted_hub(flights, week=-13)
    >>> late = lambda rows: (rows.loc[rows["Origin"] == "EWR", "DepDelay"] >= 15).mean()
    >>> print(f"{late(flights):.2f} to {late(drifted):.2f}")
    0.27 to 0.42
    """
    since = np.datetime64(START) + 7 * week
    days = splits.day(flights).to_numpy("datetime64[D]")
    late = features.label(flights)
    concerned = (flights["Origin"].astype(object) == _HUB).to_numpy() & (days >= since)
    on_time = concerned & late.eq(0).to_numpy()
    rng = np.random.default_rng(seed)
    moved = on_time & (rng.random(len(flights)) < _MORE_LATE / (1 - late[concerned].mean()))
    return with_departure_delay(flights, moved, rng.integers(15, 76, size=len(flights)))


def simulate_feedback_log(
    flights: pd.DataFrame,
    probability: Any,
    *,
    cured: float = CURED,
    hold_out: float = HOLD_OUT,
    warn_from: float | None = None,
    seed: int = 0,
) -> faults.Delivery:
    """Simulate the log of a service whose warnings work: a share of the warned delays does not happen.

    Parameters
    ----------
    flights : DataFrame
        Flights with their outcomes; cancelled ones are left out.
    probability : array of float, shape (flights,)
        The model's probability that each flight is late.
    cured : float
        The share of warned delays that do not happen, from 0 to below 1.
    hold_out : float
        The share of flights that are never warned, drawn at random, from 0 to below 1.
    warn_from : float, optional
        The decision threshold; by default the break-even point of the deck's payoff.
    seed : int
        Seed of the draws; the same seed gives the same log.

    Returns
    -------
    Delivery
        The flights with the outcomes that the log has, and the log itself, which `pitfalls.feedback` checks.

    Raises
    ------
    UsageError
        A share is below 0, or is 1 or more.

    Examples
    --------
    >>> logged = retraining.simulate_feedback_log(flights, np.linspace(0, 1, len(flights)), warn_from=0.5)
    >>> logged.log[["warned", "held_out"]].sum().to_dict()
    {'warned': 1407, 'held_out': 159}
    """
    for name, share in (("cured", cured), ("hold_out", hold_out)):
        if not 0 <= share < 1:
            raise UsageError(f"{name}={share!r} is not a share", fix=f"give {name} as 0 or more and less than 1")
    warn_from = money.break_even(money.payoff("deck_100")) if warn_from is None else warn_from
    left = flights["DepDelay"].notna().to_numpy()
    p = np.asarray(probability, dtype=float)[left]
    rng = np.random.default_rng(seed)
    out = rng.random(len(p)) < hold_out
    rows = flights[left].assign(probability=p, warned=(p >= warn_from) & ~out, held_out=out)
    if cured:
        rows, _ = faults.plant("feedback", rows, rng, cured)
    log = rows[list(faults.LOG_COLUMNS)]
    return faults.Delivery(rows.drop(columns=list(faults.LOG_COLUMNS)), tuple(features.schedule(flights)), log)


def compare_with_hold_out(delivery: faults.Delivery, truth: pd.DataFrame | None = None) -> pd.DataFrame:
    """Compare the flights that were warned with hold-out flights that would have been warned.

    Parameters
    ----------
    delivery : Delivery
        As from `simulate_feedback_log`, with its log.
    truth : DataFrame, optional
        The flights as they would have been without warnings, which only a simulation can know.

    Returns
    -------
    DataFrame, rows 'warned' and 'hold-out'
        'flights', 'mean score' and 'share late' in the log; with `truth` also 'late without warnings'.

    Examples
    --------
    >>> logged = retraining.simulate_feedback_log(flights, np.linspace(0, 1, len(flights)), warn_from=0.5)
    >>> retraining.compare_with_hold_out(logged)["share late"].to_dict()
    {'warned': 0.109, 'hold-out': 0.222}
    """
    log, late = delivery.log, features.label(delivery.rows)
    # The log does not store the threshold: the lowest score that was warned is as good.
    threshold = log.loc[log["warned"], "probability"].min()
    parts = {"warned": log["warned"], "hold-out": log["held_out"] & (log["probability"] >= threshold)}
    rows = {
        name: {
            "flights": int(part.sum()),
            "mean score": log.loc[part, "probability"].mean(),
            "share late": late[part].mean(),
        }
        | ({} if truth is None else {"late without warnings": features.label(truth).loc[log.index[part]].mean()})
        for name, part in parts.items()
    }
    return pd.DataFrame(rows).T.astype({"flights": int}).round(3)


def retrain_on_own_log() -> pd.DataFrame:
    """Return what happens to a model that is retrained each month on the log of its own warnings.

    Returns
    -------
    DataFrame, one row a way of `WAYS` and month
        'way', 'month', 'share late' (without warnings), 'logged late', 'mean score', 'warned' (share of flights) and
        'found' (the share of flights late without warnings that the model warns).

    Examples
    --------
    >>> table = retraining.retrain_on_own_log().query("month == 12").set_index("way")
    >>> table["found"].round(2).to_dict()
    {'no feedback': 0.67, 'the log': 0.65, 'hold-out': 0.65}
    """
    return tables.benchmark("retraining_feedback")
