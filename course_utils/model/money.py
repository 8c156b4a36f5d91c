"""From counts of what happened to dollars, with the uncertainty that days bring.

A payoff is a Series in dollars a flight over the four cells of `metrics.CELLS`; `tables/model/payoffs.toml` holds those of
the case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.model import metrics

__all__ = [
    "PER",
    "READINGS",
    "Estimate",
    "advantage",
    "assumptions",
    "bootstrap",
    "break_even",
    "curve",
    "dollars_by_cell",
    "dollars_by_flight",
    "expected_value",
    "matching_readings",
    "payoff",
    "policies",
    "readings",
    "sensitivity",
    "value",
    "value_table",
]

PER = 1000  # values are told in dollars per this many flights
_EXCHANGED = {  # of a matrix read rightly, the cell whose count each cell gets
    "diagonal": {"warned, late": "not warned, on time", "not warned, on time": "warned, late"},
    "mistakes": {"warned, on time": "not warned, late", "not warned, late": "warned, on time"},
}
#: Ways to read a 2 × 2 matrix of counts, and which cells change places in each. Transposing a matrix leaves its
#: diagonal alone: it is the exchange of the two mistakes, under another name.
READINGS = {
    "read correctly": {},
    "right answers exchanged": _EXCHANGED["diagonal"],
    "mistakes exchanged (transposed)": _EXCHANGED["mistakes"],
    "other class positive (both)": _EXCHANGED["diagonal"] | _EXCHANGED["mistakes"],
}


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
        raise UsageError(f"there is no payoff {name!r}", fix=f"choose one of {', '.join(known)}")
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
    return float((metrics.as_cells(cells) * metrics.as_cells(payoff)).sum())


def dollars_by_cell(cells: Mapping[str, float] | pd.Series, payoff: Mapping[str, float] | pd.Series) -> pd.Series:
    """Return the dollars of each cell, so that one sees where money is made and lost; they add up to `value`.

    Parameters
    ----------
    cells : mapping over `metrics.CELLS`
        Flights by what happened.
    payoff : mapping over `metrics.CELLS`
        Dollars a flight.
    """
    return (metrics.as_cells(cells) * metrics.as_cells(payoff)).rename("dollars")


def readings(cells: Mapping[str, float] | pd.Series, payoff: Mapping[str, float] | pd.Series) -> pd.Series:
    """Return what counts are worth when they are read rightly, and in each way of `READINGS` to misread them.

    Parameters
    ----------
    cells : mapping over `metrics.CELLS`
        Flights by what happened, read rightly.
    payoff : mapping over `metrics.CELLS`
        Dollars a flight.
    """
    cells = metrics.as_cells(cells)
    misread = {name: {cell: cells[moved.get(cell, cell)] for cell in metrics.CELLS} for name, moved in READINGS.items()}
    return pd.Series({name: value(counts, payoff) for name, counts in misread.items()}, name="dollars")


def matching_readings(
    total: float, cells: Mapping[str, float] | pd.Series, payoff: Mapping[str, float] | pd.Series
) -> list[str]:
    """Say which of `READINGS` lead to a total; more than one where the payoff cannot tell them apart.

    Parameters
    ----------
    total : float
        Dollars, as somebody worked them out.
    cells : mapping over `metrics.CELLS`
        Flights by what happened, read rightly.
    payoff : mapping over `metrics.CELLS`
        Dollars a flight. One with two equal values on the diagonal cannot show that the diagonal was exchanged.
    """
    worth = readings(cells, payoff)
    return worth.index[np.isclose(worth, total, rtol=0, atol=0.5)].tolist()


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


def expected_value(payoff: Mapping[str, float] | pd.Series, step: float = 0.05) -> pd.DataFrame:
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
    v = metrics.as_cells(payoff)
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
    v = metrics.as_cells(payoff)
    helps = v["warned, late"] - v["not warned, late"]
    costs = v["not warned, on time"] - v["warned, on time"]
    if helps <= 0 or costs <= 0:
        raise UsageError("under this payoff no threshold decides", fix="let a true warning help and a false one cost")
    return float(costs / (costs + helps))


def dollars_by_flight(late: Any, warned: Any, payoff: Mapping[str, float] | pd.Series) -> np.ndarray:
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
    v = metrics.as_cells(payoff)
    late, warned = (np.asarray(values, dtype=bool).ravel() for values in (late, warned))
    if len(late) != len(warned):
        raise DataError(f"{len(late)} outcomes for {len(warned)} warnings", fix="decide about the same flights")
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
    worth = [dollars_by_flight(late, probability >= t, payoff).mean() * PER for t in thresholds]
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
        raise DataError(f"{len(codes)} blocks for {len(per_flight)} flights", fix="give each flight its day")
    if len(names) < 2:
        raise DataError("fewer than two blocks", fix="measure on more than one day")
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
        raise UsageError(f"there is no policy {against!r}", fix=f"choose one of {', '.join(warnings)}")
    worth = {name: dollars_by_flight(late, warned, payoff) for name, warned in warnings.items()}
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


# --------------------------------------------------------------------------- what the case assumes


def assumptions() -> pd.DataFrame:
    """Return what the case for the model assumes.

    Returns
    -------
    DataFrame, index 'name'
        'meaning', 'unit', 'low', 'base', 'high' and 'source'.
    """
    rows = tables.read_toml("assumptions.toml")["assumption"]
    return pd.DataFrame(rows, dtype=object).set_index("name")  # whole numbers stay whole


def advantage(
    late: Any,
    model: Any,
    rival: Any,
    *,
    saved: float,
    wasted: float,
    read: float = 1.0,
    late_ratio: float = 1.0,
    running: float = 0.0,
) -> float:
    """Return what a model earns, less its running cost, over the best that the airline could do without it.

    Without it, the airline warns nobody, everybody, or those whom a rival picks. Model and rival warn from the
    probability at which a warning pays.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    model, rival : array of float, shape (flights,)
        Probabilities of 'late'.
    saved, wasted : float
        Dollars a flight: what a warning brings where the delay comes, and loses where it does not.
    read : float
        Share of the passengers who read the warning in time; for the others nothing changes.
    late_ratio : float
        Late flights over those in `late`: they count that many times, and the others so much less.
    running : float
        Dollars per 1,000 flights that the model costs.

    Returns
    -------
    float
        Dollars per 1,000 flights.

    Raises
    ------
    UsageError
        Dollars are not positive, `read` is no share, or `late_ratio` would make more than all flights late.
    DataError
        Lengths differ, or something is missing.
    """
    if saved <= 0 or wasted <= 0:
        raise UsageError(f"saved={saved:g} and wasted={wasted:g} decide nothing", fix="give dollars above zero")
    if not 0 <= read <= 1:
        raise UsageError(f"read={read:g} is no share", fix="give a number from 0 to 1")
    late, model, rival = (np.asarray(values, dtype=float).ravel() for values in (late, model, rival))
    if not len(late) == len(model) == len(rival):
        raise DataError(
            f"{len(late)} outcomes for {len(model)} and {len(rival)} probabilities", fix="score the same flights"
        )
    if np.isnan(late).any():
        raise DataError("an outcome is missing", fix="drop cancelled flights, which have no outcome")
    base_rate = late.mean()
    if not 0 <= late_ratio * base_rate < 1:
        raise UsageError(
            f"late_ratio={late_ratio:g} makes {late_ratio * base_rate:.0%} of the flights late",
            fix="give a ratio at which some flights are on time",
        )
    threshold = wasted / (wasted + saved)
    on_time_ratio = (1 - late_ratio * base_rate) / (1 - base_rate)

    def earned(warned: np.ndarray) -> float:
        right, needless = late[warned].sum(), (1 - late[warned]).sum()
        return PER * read * (late_ratio * right * saved - on_time_ratio * needless * wasted) / len(late)

    without = max(0.0, earned(late >= 0), earned(rival >= threshold))
    return earned(model >= threshold) - running - without


def sensitivity(late: Any, model: Any, rival: Any, *, steps: int = 60) -> pd.DataFrame:
    """Move each assumption of the case through its range, the others at their base, and see what the model is worth.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    model, rival : array of float, shape (flights,)
        Probabilities of 'late', see `advantage`.
    steps : int
        Into how many parts each range is cut, to find where the decision flips.

    Returns
    -------
    DataFrame, one row an assumption, the widest swing first
        'low', 'high': the assumption's ends; 'at low', 'at base', 'at high': the model's `advantage` there, in dollars
        per 1,000 flights; 'flips below' and 'flips above': the values nearest to the base, on either side, at which it
        pays no longer (or begins to), NaN where there is none in the range.

    Raises
    ------
    DataError
        Lengths differ, or something is missing.
    UsageError
        Fewer than two steps.
    """
    if steps < 2:
        raise UsageError(f"steps={steps} cannot find where the decision flips", fix="give 2 or more")
    table = assumptions()
    base = table["base"].to_dict()
    at_base = advantage(late, model, rival, **base)
    rows = {}
    for name, row in table.iterrows():
        values = np.unique([*np.linspace(row["low"], row["high"], steps + 1), row["base"]])
        worth = pd.Series([advantage(late, model, rival, **base | {name: value}) for value in values], index=values)
        other = worth.index[(worth > 0) != (at_base > 0)]  # there the decision is another one
        rows[name] = {
            "low": row["low"],
            "high": row["high"],
            "at low": worth.iloc[0],
            "at base": at_base,
            "at high": worth.iloc[-1],
            "flips below": other[other < row["base"]].max(),
            "flips above": other[other > row["base"]].min(),
        }
    found = pd.DataFrame(rows).T.rename_axis("assumption")
    swing = found[["at low", "at base", "at high"]].max(axis=1) - found[["at low", "at base", "at high"]].min(axis=1)
    return found.loc[swing.sort_values(ascending=False, kind="stable").index]
