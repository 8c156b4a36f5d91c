"""From counts of outcomes to dollars, with confidence intervals by days.

A payoff is a Series in dollars a flight over the four cells of `metrics.CELLS`; those of the case are in
``tables/model/payoffs.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import checked
from course_utils.errors import DataError, UsageError
from course_utils.model import metrics
from course_utils.wording import counted

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

PER = 1000  # values are given in dollars per this many flights
_EXCHANGED = {  # by cell: the cell whose count it gets when a matrix is misread
    "diagonal": {"warned, late": "not warned, on time", "not warned, on time": "warned, late"},
    "mistakes": {"warned, on time": "not warned, late", "not warned, late": "warned, on time"},
}
#: Ways to read a 2 × 2 matrix of counts, and the cells that change places in each. To transpose a matrix is to exchange
#: the two mistakes, since its diagonal stays the same.
READINGS = {
    "read correctly": {},
    "right answers exchanged": _EXCHANGED["diagonal"],
    "mistakes exchanged (transposed)": _EXCHANGED["mistakes"],
    "other class positive (both)": _EXCHANGED["diagonal"] | _EXCHANGED["mistakes"],
}


def payoff(name: str) -> pd.Series:
    """Return a payoff of the case, in dollars a flight by outcome.

    Parameters
    ----------
    name : str
        A table of payoffs.toml, such as ``'deck_100'``.

    Raises
    ------
    UsageError
        There is no payoff of that name.

    Examples
    --------
    >>> money.payoff("deck_100").to_dict()
    {'warned, late': 100, 'warned, on time': -100, 'not warned, late': -500, 'not warned, on time': 100}
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
        Number of flights by outcome, as from `metrics.confusion`.
    payoff : mapping over `metrics.CELLS`
        Dollars a flight by outcome, as from `payoff`.
    """
    return float((metrics.as_cells(cells) * metrics.as_cells(payoff)).sum())


def dollars_by_cell(cells: Mapping[str, float] | pd.Series, payoff: Mapping[str, float] | pd.Series) -> pd.Series:
    """Return the dollars of each cell, which show where money is made and lost; they add up to `value`.

    Parameters
    ----------
    cells, payoff
        As for `value`.

    Examples
    --------
    >>> cells = {"warned, late": 40, "warned, on time": 30, "not warned, late": 20, "not warned, on time": 110}
    >>> money.dollars_by_cell(cells, money.payoff("deck_100")).to_list()
    [4000, -3000, -10000, 11000]
    """
    return (metrics.as_cells(cells) * metrics.as_cells(payoff)).rename("dollars")


def readings(cells: Mapping[str, float] | pd.Series, payoff: Mapping[str, float] | pd.Series) -> pd.Series:
    """Return the value of counts when they are read correctly, and in each way of `READINGS` to misread them.

    Parameters
    ----------
    cells, payoff
        As for `value`.

    Examples
    --------
    >>> cells = {"warned, late": 40, "warned, on time": 30, "not warned, late": 20, "not warned, on time": 110}
    >>> money.readings(cells, money.payoff("deck_100"))[["read correctly", "mistakes exchanged (transposed)"]].to_list()
    [2000.0, -2000.0]
    """
    cells = metrics.as_cells(cells)
    misread = {name: {cell: cells[moved.get(cell, cell)] for cell in metrics.CELLS} for name, moved in READINGS.items()}
    return pd.Series({name: value(counts, payoff) for name, counts in misread.items()}, name="dollars")


def matching_readings(
    total: float, cells: Mapping[str, float] | pd.Series, payoff: Mapping[str, float] | pd.Series
) -> list[str]:
    """Return which of `READINGS` lead to a total; more than one if the payoff cannot distinguish them.

    Parameters
    ----------
    total : float
        Dollars, as computed by hand; half a dollar off still matches.
    cells : mapping over `metrics.CELLS`
        As for `value`.
    payoff : mapping over `metrics.CELLS`
        As for `value`. One with two equal values on the diagonal cannot show that the diagonal was exchanged.

    Examples
    --------
    >>> cells = {"warned, late": 40, "warned, on time": 30, "not warned, late": 20, "not warned, on time": 110}
    >>> money.matching_readings(-2000, cells, money.payoff("deck_100"))
    ['mistakes exchanged (transposed)', 'other class positive (both)']
    """
    worth = readings(cells, payoff)
    return worth.index[np.isclose(worth, total, rtol=0, atol=0.5)].tolist()


def value_table(counts: Mapping[str, Mapping[str, float] | pd.Series], payoffs: Sequence[str]) -> pd.DataFrame:
    """Return the value of several counts under several payoffs of the case.

    Parameters
    ----------
    counts : mapping of str to mapping over `metrics.CELLS`
        Number of flights by outcome, by a title for each column.
    payoffs : sequence of str
        Names of payoffs, as for `payoff`.

    Returns
    -------
    DataFrame of int, one row a payoff, one column for each of `counts`
        Dollars.

    Raises
    ------
    UsageError
        There is no payoff of that name, or the counts have other cells.

    Examples
    --------
    >>> cells = {"warned, late": 40, "warned, on time": 30, "not warned, late": 20, "not warned, on time": 110}
    >>> money.value_table({"my model": cells}, ["deck_100", "finance"])
              my model
    payoff
    deck_100      2000
    finance       4800
    """
    rows = {name: {title: value(cells, payoff(name)) for title, cells in counts.items()} for name in payoffs}
    return pd.DataFrame(rows).T.astype(int).rename_axis("payoff")


def expected_value(payoff: Mapping[str, float] | pd.Series, step: float = 0.05) -> pd.DataFrame:
    """Return the expected value of a warning and of silence, for each probability of 'late'.

    Parameters
    ----------
    payoff : mapping over `metrics.CELLS`
        As for `value`.
    step : float
        Distance between two probabilities, above 0 and at most 1.

    Returns
    -------
    DataFrame, index 'probability' from 0 to 1
        'warn' and 'stay silent', in dollars a flight.

    Raises
    ------
    UsageError
        The payoff has other cells, or `step` is not above 0 and at most 1.

    Examples
    --------
    >>> money.expected_value(money.payoff("deck_100"), step=0.5)
                 warn  stay silent
    probability
    0.0        -100.0        100.0
    0.5           0.0       -200.0
    1.0         100.0       -500.0
    """
    if not 0 < step <= 1:
        raise UsageError(f"step={step} gives no probabilities", fix="pass a step above 0 and at most 1")
    v = metrics.as_cells(payoff)
    p = pd.Index(np.round(np.arange(0, 1 + step / 2, step), 6), name="probability")
    ways = {"warn": "warned", "stay silent": "not warned"}
    return pd.DataFrame(
        {way: p * v[f"{cell}, late"] + (1 - p) * v[f"{cell}, on time"] for way, cell in ways.items()}, index=p
    )


def break_even(payoff: Mapping[str, float] | pd.Series) -> float:
    r"""Return the probability from which a warning is worth more than silence.

    With dollars :math:`v` by outcome, warning pays when
    :math:`p\,(v_{warned, late} - v_{silent, late}) > (1 - p)\,(v_{silent, on time} - v_{warned, on time})`
    (Elkan, 'The foundations of cost-sensitive learning', 2001).

    Parameters
    ----------
    payoff : mapping over `metrics.CELLS`
        As for `value`.

    Raises
    ------
    UsageError
        A warning never costs or never helps under this payoff, so no threshold decides.

    Examples
    --------
    >>> money.break_even(money.payoff("deck_100"))
    0.25
    """
    v = metrics.as_cells(payoff)
    helps = v["warned, late"] - v["not warned, late"]
    costs = v["not warned, on time"] - v["warned, on time"]
    if helps <= 0 or costs <= 0:
        raise UsageError(
            "under this payoff no threshold decides",
            fix="pass a payoff where a true warning helps and a false one costs",
        )
    return float(costs / (costs + helps))


def dollars_by_flight(late: Any, warned: Any, payoff: Mapping[str, float] | pd.Series) -> np.ndarray:
    """Return the dollars of each flight, float64, shape (flights,).

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
        The outcome: 1 where the flight was late.
    warned : array of bool, shape (flights,)
        Whether the passengers of each flight were warned.
    payoff : mapping over `metrics.CELLS`
        As for `value`.

    Raises
    ------
    DataError
        Lengths differ, or a value is missing or not yes or no.

    Examples
    --------
    >>> money.dollars_by_flight([1, 0, 1], [True, True, False], money.payoff("deck_100"))
    array([ 100., -100., -500.])
    """
    v = metrics.as_cells(payoff)
    # As bool, a missing outcome or a probability would count as 'yes'.
    late, warned = (
        checked.numbers(values, name, low=0, high=1, missing=False, whole=True, fix=f"pass {name} as yes and no") == 1
        for name, values in (("late", late), ("warned", warned))
    )
    if len(late) != len(warned):
        raise DataError(
            f"{counted(len(late), 'outcome')} for {counted(len(warned), 'warning')}",
            fix="pass outcomes and warnings of the same flights",
        )
    return np.where(
        warned,
        np.where(late, v["warned, late"], v["warned, on time"]),
        np.where(late, v["not warned, late"], v["not warned, on time"]),
    ).astype(float)


def curve(late: Any, probability: Any, payoff: Mapping[str, float] | pd.Series, step: float = 0.01) -> pd.Series:
    """Return the value of a model in dollars per 1,000 flights, for each decision threshold.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
        As for `dollars_by_flight`.
    probability : array of float, shape (flights,)
        The predicted probability of 'late' for each flight.
    payoff : mapping over `metrics.CELLS`
        As for `value`.
    step : float
        Distance between two thresholds, above 0 and at most 1.

    Returns
    -------
    Series of float, index 'threshold' from 0 (warn always) to just above 1 (warn never)

    Raises
    ------
    DataError
        There are no flights, lengths differ, a value is missing, or a probability is not between 0 and 1.
    UsageError
        `step` is not above 0 and at most 1.

    Examples
    --------
    >>> money.curve([1, 0, 0], [0.8, 0.4, 0.1], money.payoff("deck_100"), step=0.5).round().to_dict()
    {0.0: -33333.0, 0.5: 100000.0, 1.0: -100000.0, 1.5: -100000.0}
    """
    if not 0 < step <= 1:
        raise UsageError(f"step={step} gives no thresholds", fix="pass a step above 0 and at most 1")
    fix = "pass probabilities, between 0 and 1, not percent or log-odds"
    probability = checked.numbers(probability, "probability", low=0, high=1, missing=False, fix=fix)
    if not len(probability):
        raise DataError("there are no flights", fix="choose a period that has flights")
    # One step beyond 1, at which no flight is warned even if its probability is 1.
    thresholds = np.round(np.arange(0, 1 + 2 * step, step), 6)
    worth = [dollars_by_flight(late, probability >= t, payoff).mean() * PER for t in thresholds]
    return pd.Series(worth, index=pd.Index(thresholds, name="threshold"), name=f"dollars per {PER:,} flights")


@dataclass(frozen=True)
class Estimate:
    """A mean with its confidence interval.

    Attributes
    ----------
    mean, low, high : float
        The mean, and the lower and the upper end of the interval.
    """

    mean: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """The width of the interval."""
        return self.high - self.low

    def __str__(self) -> str:
        return f"{self.mean:,.0f} [{self.low:,.0f}, {self.high:,.0f}]"

    __repr__ = __str__


def bootstrap(per_flight: Any, blocks: Any, *, draws: int = 2000, level: float = 0.95, seed: int = 0) -> Estimate:
    """Return dollars per 1,000 flights with a confidence interval, by drawing whole blocks of flights many times.

    Flights of one day share its weather and its queues, so drawing single flights would make the interval too narrow;
    pass the day of each flight as its block (block bootstrap: Künsch, 1989).

    Parameters
    ----------
    per_flight : array of float, shape (flights,)
        Dollars of each flight, or the difference of two policies.
    blocks : array, shape (flights,)
        The block of each flight, such as `splits.day`; flights of a block are drawn together.
    draws : int
        Number of bootstrap samples, 1 or more.
    level : float
        Confidence level of the interval, between 0 and 1.
    seed : int
        The same seed gives the same interval.

    Raises
    ------
    DataError
        Lengths differ, a value is missing, or there are fewer than two blocks.
    UsageError
        There are no draws, or `level` is not between 0 and 1.

    Examples
    --------
    >>> money.bootstrap([100, -500, 100, 100], ["Monday", "Monday", "Tuesday", "Wednesday"])
    -50,000 [-200,000, 100,000]
    """
    if draws < 1 or not 0 < level < 1:
        raise UsageError(f"draws={draws}, level={level} give no interval", fix="pass draws=1 or more, level below 1")
    per_flight = checked.numbers(per_flight, "per_flight", missing=False)
    try:
        codes, names = pd.factorize(np.asarray(blocks))
    except TypeError as error:
        raise DataError("blocks are no days or names", fix="pass one block for each flight") from error
    if (codes < 0).any():
        row = int((codes < 0).argmax())
        raise DataError("holds no block", column="blocks", row=row, fix="pass one block for each flight")
    if len(codes) != len(per_flight):
        raise DataError(
            f"{counted(len(codes), 'block')} for {counted(len(per_flight), 'flight')}",
            fix="pass one block for each flight, such as splits.day(rows)",
        )
    if len(names) < 2:
        raise DataError("fewer than two blocks", fix="pass flights of two days or more")
    sums = np.bincount(codes, weights=per_flight)
    counts = np.bincount(codes)
    rng = np.random.default_rng(seed)
    # In slices: if each flight is a block of its own, all draws at once would need gigabytes.
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
    """Compare policies, that is, ways to decide whom to warn, in dollars per 1,000 flights.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
        As for `dollars_by_flight`.
    warnings : mapping of str to array of bool, shape (flights,)
        For each policy, whether it warns each flight.
    payoff : mapping over `metrics.CELLS`
        As for `value`.
    blocks : array, shape (flights,)
        As for `bootstrap`.
    against : str, optional
        A policy of `warnings`: the table then holds differences to it on the same flights. By default the values
        themselves.
    draws, seed : int
        As for `bootstrap`.

    Returns
    -------
    DataFrame, one row a policy
        'dollars', 'low' and 'high' (95% by blocks) and 'warned', the share of flights.

    Raises
    ------
    UsageError
        There is no policy `against`.

    Examples
    --------
    >>> warnings = {"all": [True] * 4, "model": [True, False, False, False]}
    >>> money.policies([1, 0, 0, 0], warnings, money.payoff("deck_100"), [1, 1, 2, 2], against="all")
            dollars     low    high  warned
    policy
    model    150000  100000  200000    0.25
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


# --------------------------------------------------------------------------- assumptions of the case


def assumptions() -> pd.DataFrame:
    """Return the assumptions of the case for the model.

    Returns
    -------
    DataFrame, index 'name'
        'meaning', 'unit', 'low', 'base', 'high' and 'source'.

    Examples
    --------
    >>> money.assumptions()[["low", "base", "high"]].loc[["saved", "wasted"]]
           low base  high
    name
    saved   30  600  1200
    wasted  20  200   800
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
    """Return what a model earns, less its running cost, above the best that the airline could do without it.

    Without it, the airline warns no one, everyone, or the flights that a rival picks. Model and rival warn from the
    probability at which a warning pays.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
        As for `dollars_by_flight`.
    model, rival : array of float, shape (flights,)
        Probabilities of 'late' by the model and by its rival.
    saved, wasted : float
        Dollars a flight, above 0: what a warning gains if the delay comes, and loses if it does not.
    read : float
        Share of the passengers who read the warning in time, 0 to 1; for the others nothing changes.
    late_ratio : float
        Late flights relative to `late`, 0 or more: each counts that many times, and on-time flights less.
    running : float
        Dollars per 1,000 flights that the model costs.

    Returns
    -------
    float
        Dollars per 1,000 flights.

    Raises
    ------
    UsageError
        Dollars are not positive, `read` is not a share, or `late_ratio` would make all flights late.
    DataError
        Lengths differ, an outcome is missing, a value is not between 0 and 1, or no flight is on time.

    Examples
    --------
    >>> late, model, rival = [1, 0, 0, 0], [0.9, 0.2, 0.1, 0.1], [0.3, 0.3, 0.2, 0.2]
    >>> money.advantage(late, model, rival, saved=600, wasted=200, running=1500)
    48500.0
    """
    if saved <= 0 or wasted <= 0:
        raise UsageError(f"saved={saved:g}, wasted={wasted:g}: one of them is not positive", fix="pass dollars above 0")
    if not 0 <= read <= 1:
        raise UsageError(f"read={read:g} is not a share", fix="pass a number from 0 to 1")
    late, model, rival = (
        checked.numbers(values, name, low=0, high=1)
        for name, values in (("late", late), ("model", model), ("rival", rival))
    )
    if not len(late) == len(model) == len(rival):
        raise DataError(
            f"{counted(len(late), 'outcome')} for {len(model)} and {counted(len(rival), 'probability')}",
            fix="score the same flights",
        )
    if not len(late):
        raise DataError("there are no flights", fix="choose a period that has flights")
    if np.isnan(late).any():
        raise DataError("an outcome is missing", fix="drop cancelled flights, which have no outcome")
    base_rate = late.mean()
    if base_rate == 1:
        raise DataError("all flights are late, so nothing says what a needless warning costs", fix="score more flights")
    if not 0 <= late_ratio * base_rate < 1:
        raise UsageError(
            f"late_ratio={late_ratio:g} makes {late_ratio * base_rate:.0%} of the flights late",
            fix="pass a smaller late_ratio, so that some flights are on time",
        )
    threshold = wasted / (wasted + saved)
    # The share of late flights changes and the number of flights does not, so on-time flights count less.
    on_time_ratio = (1 - late_ratio * base_rate) / (1 - base_rate)

    def earned(warned: np.ndarray) -> float:
        right, needless = late[warned].sum(), (1 - late[warned]).sum()
        return PER * read * (late_ratio * right * saved - on_time_ratio * needless * wasted) / len(late)

    without = max(0.0, earned(late >= 0), earned(rival >= threshold))
    return float(earned(model >= threshold) - running - without)


def sensitivity(late: Any, model: Any, rival: Any, *, steps: int = 60) -> pd.DataFrame:
    """Return how the model's advantage changes as each assumption moves through its range, the others at their base.

    Parameters
    ----------
    late, model, rival
        As for `advantage`.
    steps : int
        Number of parts into which each range is cut to find where the decision flips, 2 or more.

    Returns
    -------
    DataFrame, one row an assumption, the widest swing first
        'low', 'high': the assumption's ends; 'at low', 'at base', 'at high': the model's `advantage` there, in dollars
        per 1,000 flights; 'flips below' and 'flips above': the values nearest to the base, on either side, at which it
        no longer pays (or begins to), NaN if there is none in the range.

    Raises
    ------
    DataError
        Lengths differ, an outcome is missing, a value is not between 0 and 1, or no flight is on time.
    UsageError
        There are fewer than two steps.

    Examples
    --------
    >>> late, model, rival = [1, 0, 0, 0], [0.9, 0.2, 0.1, 0.1], [0.3, 0.3, 0.2, 0.2]
    >>> money.sensitivity(late, model, rival)["at base"].head(1).to_dict()
    {'wasted': 48500.0}
    """
    if steps < 2:
        raise UsageError(f"steps={steps} cannot find where the decision flips", fix="pass steps=2 or more")
    table = assumptions()
    base = table["base"].to_dict()
    at_base = advantage(late, model, rival, **base)
    rows = {}
    for name, row in table.iterrows():
        # The base is among the values even if it falls between two steps.
        values = np.unique([*np.linspace(row["low"], row["high"], steps + 1), row["base"]])
        worth = pd.Series([advantage(late, model, rival, **base | {name: value}) for value in values], index=values)
        other = worth.index[(worth > 0) != (at_base > 0)]  # the decision differs there
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
