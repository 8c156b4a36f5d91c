"""From counts of what happened to dollars, with the uncertainty that days bring.

A payoff is a Series in dollars a flight over the four cells of `metrics.CELLS`; `tables/payoffs.toml` holds those of
the case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from course_utils import metrics, tables
from course_utils.errors import DataError, UsageError

__all__ = [
    "PER",
    "Estimate",
    "bootstrap",
    "break_even",
    "curve",
    "dollars",
    "payoff",
    "policies",
    "value",
    "value_table",
    "worth",
]

PER = 1000  # values are told in dollars per this many flights


def payoff(name: str) -> pd.Series:
    """Return a payoff of the case in dollars a flight, by what happened.

    Parameters
    ----------
    name : str
        Of a table in payoffs.toml, such as ``'deck_100'``.

    Raises
    ------
    UsageError
        There is no payoff of that name.
    """
    known = tables.read_toml("payoffs.toml")
    if name not in known:
        raise UsageError(f"there is no payoff {name!r}", mend=f"choose one of {', '.join(known)}")
    return pd.Series({cell: known[name][cell] for cell in metrics.CELLS}, name="dollars a flight")


def value(cells: Mapping[str, float] | pd.Series, payoff: Mapping[str, float] | pd.Series) -> float:
    """Return the dollars that the counted flights are worth: each cell's count times its payoff, summed.

    Parameters
    ----------
    cells : mapping over `metrics.CELLS`
        Flights by what happened.
    payoff : mapping over `metrics.CELLS`
        Dollars a flight.
    """
    return float((metrics.named(cells) * metrics.named(payoff)).sum())


def value_table(counts: Mapping[str, Mapping[str, float] | pd.Series], payoffs: Sequence[str]) -> pd.DataFrame:
    """Value several counts under several payoffs of the case.

    Parameters
    ----------
    counts : mapping of str to mapping over `metrics.CELLS`
        Counted flights, by what they are called.
    payoffs : sequence of str
        Names of payoffs, see `payoff`.

    Returns
    -------
    DataFrame of int, one row a payoff, one column for each of `counts`
        Dollars.

    Raises
    ------
    UsageError
        There is no payoff of that name, or the counts name other cells.
    """
    rows = {name: {title: value(cells, payoff(name)) for title, cells in counts.items()} for name in payoffs}
    return pd.DataFrame(rows).T.astype(int).rename_axis("payoff")


def worth(payoff: Mapping[str, float] | pd.Series, step: float = 0.05) -> pd.DataFrame:
    """Return what a warning and silence are worth, for a flight that is late with some probability.

    Parameters
    ----------
    payoff : mapping over `metrics.CELLS`
        Dollars a flight.
    step : float
        Distance between two probabilities.

    Returns
    -------
    DataFrame, index 'probability' from 0 to 1
        'warn' and 'stay silent', in dollars a flight.

    Raises
    ------
    UsageError
        The payoff names other cells.
    """
    v = metrics.named(payoff)
    p = pd.Index(np.round(np.arange(0, 1 + step / 2, step), 6), name="probability")
    ways = {"warn": "warned", "stay silent": "not warned"}
    return pd.DataFrame(
        {way: p * v[f"{told}, late"] + (1 - p) * v[f"{told}, on time"] for way, told in ways.items()}, index=p
    )


def break_even(payoff: Mapping[str, float] | pd.Series) -> float:
    r"""Return the probability from which a warning is worth more than silence.

    With dollars :math:`v` by what happened, warning pays when
    :math:`p\,(v_{warned, late} - v_{silent, late}) > (1 - p)\,(v_{silent, on time} - v_{warned, on time})`
    (Elkan, 'The foundations of cost-sensitive learning', 2001).

    Parameters
    ----------
    payoff : mapping over `metrics.CELLS`
        Dollars a flight.

    Raises
    ------
    UsageError
        A warning never costs or never helps under this payoff, so no threshold decides.
    """
    v = metrics.named(payoff)
    helps = v["warned, late"] - v["not warned, late"]
    costs = v["not warned, on time"] - v["warned, on time"]
    if helps <= 0 or costs <= 0:
        raise UsageError("under this payoff no threshold decides", mend="let a true warning help and a false one cost")
    return float(costs / (costs + helps))


def dollars(late: Any, warned: Any, payoff: Mapping[str, float] | pd.Series) -> np.ndarray:
    """Return each flight's own dollars, float64, shape (flights,).

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    warned : array of bool, shape (flights,)
    payoff : mapping over `metrics.CELLS`
        Dollars a flight.

    Raises
    ------
    DataError
        Lengths differ.
    """
    v = metrics.named(payoff)
    late, warned = (np.asarray(values, dtype=bool).ravel() for values in (late, warned))
    if len(late) != len(warned):
        raise DataError(f"{len(late)} outcomes for {len(warned)} warnings", mend="decide about the same flights")
    return np.where(
        warned,
        np.where(late, v["warned, late"], v["warned, on time"]),
        np.where(late, v["not warned, late"], v["not warned, on time"]),
    ).astype(float)


def curve(late: Any, probability: Any, payoff: Mapping[str, float] | pd.Series, step: float = 0.01) -> pd.Series:
    """Return dollars per 1,000 flights for every threshold.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    probability : array of float, shape (flights,)
    payoff : mapping over `metrics.CELLS`
        Dollars a flight.
    step : float
        Distance between two thresholds.

    Returns
    -------
    Series of float, index 'threshold' from 0 (warn always) to just above 1 (warn never)
    """
    late, probability = (np.asarray(values, dtype=float).ravel() for values in (late, probability))
    thresholds = np.round(np.arange(0, 1 + 2 * step, step), 6)
    worth = [dollars(late, probability >= t, payoff).mean() * PER for t in thresholds]
    return pd.Series(worth, index=pd.Index(thresholds, name="threshold"), name=f"dollars per {PER:,} flights")


@dataclass(frozen=True)
class Estimate:
    """A mean with the interval in which it would lie had the days fallen otherwise.

    Attributes
    ----------
    mean, low, high : float
    """

    mean: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """The interval's width."""
        return self.high - self.low

    def __str__(self) -> str:
        return f"{self.mean:,.0f} [{self.low:,.0f}, {self.high:,.0f}]"

    __repr__ = __str__


def bootstrap(per_flight: Any, blocks: Any, *, draws: int = 2000, level: float = 0.95, seed: int = 0) -> Estimate:
    """Estimate dollars per 1,000 flights by drawing whole blocks of flights again and again.

    Flights of one day share its weather and its queues, so drawing single flights would pretend to know more than
    anyone does; pass the day of each flight as its block (block bootstrap: Künsch, 1989).

    Parameters
    ----------
    per_flight : array of float, shape (flights,)
        Dollars of each flight, or the difference of two policies.
    blocks : array, shape (flights,)
        What is drawn together, such as `splits.day`.
    draws : int
        How often.
    level : float
        Share of the draws that the interval holds.
    seed : int
        For the draws.

    Raises
    ------
    DataError
        Lengths differ, or there are fewer than two blocks.
    """
    per_flight = np.asarray(per_flight, dtype=float).ravel()
    codes, names = pd.factorize(np.asarray(blocks))
    if len(codes) != len(per_flight):
        raise DataError(f"{len(codes)} blocks for {len(per_flight)} flights", mend="give each flight its day")
    if len(names) < 2:
        raise DataError("fewer than two blocks", mend="measure on more than one day")
    sums = np.bincount(codes, weights=per_flight)
    counts = np.bincount(codes)
    rng = np.random.default_rng(seed)
    # In slices, so that row-wise blocks (tens of thousands) do not need gigabytes.
    step = max(1, 2_000_000 // len(names))
    means = []
    for start in range(0, draws, step):
        drawn = rng.integers(0, len(names), size=(min(step, draws - start), len(names)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(per_flight.mean() * PER, low * PER, high * PER)


def policies(
    late: Any,
    warnings: Mapping[str, Any],
    payoff: Mapping[str, float] | pd.Series,
    blocks: Any,
    *,
    against: str | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare ways to decide whom to warn, in dollars per 1,000 flights.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    warnings : mapping of str to array of bool
        For each policy, whether it warns each flight.
    payoff : mapping over `metrics.CELLS`
        Dollars a flight.
    blocks : array, shape (flights,)
        See `bootstrap`.
    against : str, optional
        A policy of `warnings`; the table then holds differences to it on the same flights.
    draws, seed : int
        See `bootstrap`.

    Returns
    -------
    DataFrame, one row a policy
        'dollars', 'low' and 'high' (95% by blocks) and 'warned', the share of flights.

    Raises
    ------
    UsageError
        `against` names no policy.
    """
    if against is not None and against not in warnings:
        raise UsageError(f"there is no policy {against!r}", mend=f"choose one of {', '.join(warnings)}")
    worth = {name: dollars(late, warned, payoff) for name, warned in warnings.items()}
    base = worth[against] if against else 0.0
    rows = {}
    for name, per_flight in worth.items():
        if name == against:
            continue
        estimate = bootstrap(per_flight - base, blocks, draws=draws, seed=seed)
        share = float(np.asarray(warnings[name], dtype=float).mean())
        rows[name] = {"dollars": estimate.mean, "low": estimate.low, "high": estimate.high, "warned": share}
    table = pd.DataFrame(rows).T.rename_axis("policy")
    return table.round({"dollars": 0, "low": 0, "high": 0, "warned": 3}).astype(
        dict.fromkeys(["dollars", "low", "high"], int)
    )
