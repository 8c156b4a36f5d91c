"""The budget of false alarms: limits that keep it, and what later months prove about it.

`calibrate` sets the limits of the statistics on the quiet months, `false_episodes` counts false alarms in simulated
quarters, and `false_page_bounds` gives the confidence bounds that the months after the quiet ones allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from course_utils.errors import UsageError
from course_utils.operate.drift.alerting import alarms, episodes
from course_utils.operate.drift.catalog import raw_column, settings, signals
from course_utils.operate.drift.daily_table import smooth
from course_utils.wording import counted

__all__ = ["calibrate", "false_episodes", "false_page_bounds", "mean_episodes", "poisson_bounds"]


def calibrate(quiet: pd.DataFrame, *, budget: float | None = None, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return limits for the statistics with which all pages together keep a budget of false alarms.

    Quarters are simulated by a block bootstrap: blocks of seven days are drawn from the quiet months, and contrasts are
    smoothed along each simulated quarter. Each group of signals gets an equal share of the budget. Its limit is the
    smallest one that its episodes in the simulated quarters exceed no more often than that, on average. Contract
    checks need no share of the budget: they never fire on healthy days.

    Parameters
    ----------
    quiet : DataFrame, one row a day
        As from `daily_signals`, over healthy days that were scored by models not trained on them; 21 days or more.
    budget : float, optional
        False pages a quarter, above 0; by default the budget of drift.toml.
    draws : int
        How many quarters are simulated, 1 or more.
    seed : int
        Seed of the simulation; the same seed gives the same limits.

    Returns
    -------
    DataFrame, one row a group of signals
        'limit' (negative where low values alarm), 'false a quarter' (episodes in the simulated quarters) and 'largest'
        (the most extreme value on the quiet days themselves).

    Raises
    ------
    UsageError
        The budget is not above 0, or there are fewer than 21 days.

    See Also
    --------
    false_page_bounds : What the months after the quiet ones prove about false pages.

    Examples
    --------
    >>> from course_utils import tables
    >>> quiet = tables.benchmark("drift_year")["2013-01-02":"2013-05-31"]
    >>> drift.calibrate(quiet, draws=200)["limit"].round(2).to_dict()
    {'schedule': 0.15, 'hubs': 0.08, 'model': 0.0}
    """
    budget = settings()["budget"] if budget is None else budget
    if not budget > 0:
        raise UsageError(f"budget={budget} allows no limit", fix="give the false pages a quarter as a number above 0")
    worst, largest = _block_bootstrap(quiet, draws, seed)
    share = budget / len(worst)
    rows = {}
    # Below the median a limit would alarm on every other day, so the search starts there.
    for group, values in worst.items():
        # A day without requests has no value: it counts neither for nor against a limit.
        grid = np.linspace(np.nanquantile(values, 0.5), np.nanmax(values), 200)
        counts = np.array([mean_episodes(values > limit) for limit in grid])
        first = len(grid) - int((counts[::-1] <= share).cumprod().sum())
        sign = -1 if signals().query("group == @group")["side"].iloc[0] == "below" else 1
        rows[group] = {
            "limit": sign * grid[first], "false a quarter": counts[first], "largest": sign * largest[group]
        }  # fmt: skip
    return pd.DataFrame(rows).T.rename_axis("group")


def false_episodes(
    quiet: pd.DataFrame, limits: Mapping[str, float] | None = None, *, draws: int = 1000, seed: int = 0
) -> pd.Series:
    """Return the mean number of false episodes in simulated quarters.

    It proves that the calibration works for quarters that are like the quiet months, not that later quarters are like
    them. `false_page_bounds` is about those.

    Parameters
    ----------
    quiet : DataFrame
        As for `calibrate`.
    limits : mapping of str to float, optional
        The limit of each group of signals, as `calibrate` returns them; by default those of drift.toml.
    draws, seed : int
        As for `calibrate`.

    Returns
    -------
    Series of float
        Episodes a quarter by group of signals, and 'all' of them together.

    Raises
    ------
    UsageError
        There are fewer than 21 days.

    Examples
    --------
    >>> from course_utils import tables
    >>> quiet = tables.benchmark("drift_year")["2013-01-02":"2013-05-31"]
    >>> print(drift.false_episodes(quiet, draws=200)["all"] <= 1)
    True
    """
    known = signals("page")
    worst, _ = _block_bootstrap(quiet, draws, seed)
    found = {}
    for group, values in worst.items():
        signal = known.query("group == @group").iloc[0]
        limit = signal["limit"] if limits is None else limits[group]
        found[group] = mean_episodes(values > (-limit if signal["side"] == "below" else limit))
    return pd.Series(found | {"all": sum(found.values())}, name="false a quarter")


def _block_bootstrap(quiet: pd.DataFrame, draws: int, seed: int) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Return the worst signal of each group of statistics on each day of simulated quarters.

    Also return the most extreme value of each group on the quiet days themselves.
    """
    options, known = settings(), signals("page").query("part in ['C', 'D']")
    size, days = options["block_days"], round(options["quarter_days"])
    if len(quiet) < 3 * size:
        raise UsageError(
            f"too few to calibrate on: {counted(len(quiet), 'quiet day')}",
            fix=f"pass {counted(3 * size, 'day')} or more",
        )
    count = -(-days // size)
    starts = np.random.default_rng(seed).integers(0, len(quiet) - size + 1, size=(draws, count))
    # Whole blocks are drawn because neighbouring days share their weather: single days would look too independent.
    simulated = (starts[:, :, None] + np.arange(size)).reshape(draws, count * size)[:, :days]
    worst: dict[str, np.ndarray] = {}
    largest: dict[str, float] = {}
    for group, part in known.groupby("group", sort=False):
        for name, signal in part.iterrows():
            raw = quiet[raw_column(name, signal)].to_numpy(dtype=float)
            sign = -1 if signal["side"] == "below" else 1
            for source, order in (("simulated", simulated), ("observed", np.arange(len(raw))[None])):
                values = raw[order]
                values = smooth(values, signal["start"]) if signal["part"] == "D" else values
                values = np.abs(values) if signal["side"] == "both" else sign * values
                if source == "simulated":
                    worst[group] = np.fmax(worst.get(group, values), values)
                elif np.isnan(values).all():
                    raise UsageError(
                        f"{name!r} has no value on any quiet day", fix="pass days with requests and labels"
                    )
                else:
                    largest[group] = max(largest.get(group, -np.inf), float(np.nanmax(values)))
    return worst, largest


def mean_episodes(beyond: np.ndarray) -> float:
    """Return the mean number of episodes a row, where alarms with fewer than seven days between them are one episode.

    Parameters
    ----------
    beyond : array of bool, shape (rows, days)
        Whether a signal is beyond its limit on each day.

    Examples
    --------
    >>> drift.mean_episodes(np.array([[True, True, False], [False, False, False]]))
    0.5
    """
    before = np.zeros_like(beyond)
    for lag in range(1, settings()["episode_days"] + 1):
        before[:, lag:] |= beyond[:, :-lag]
    return float((beyond & ~before).sum(1).mean())


def poisson_bounds(events: int, quarters: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact confidence bounds of a rate of events a quarter, from a count of events.

    Parameters
    ----------
    events : int
        How many events were counted, 0 or more.
    quarters : float
        How many quarters were observed, above 0.
    level : float
        The confidence of each one-sided bound, between 0 and 1.

    Returns
    -------
    low, high : float
        Events a quarter. Without an event, `low` is 0 and `high` is ``-log(1 - level) / quarters``.

    Raises
    ------
    UsageError
        The count is negative, the time is not above 0, or the level is not between 0 and 1.

    Examples
    --------
    >>> low, high = drift.poisson_bounds(0, quarters=2)
    >>> print(low, round(high, 2))
    0.0 1.5
    """
    from scipy import stats

    if events < 0 or not quarters > 0 or not 0 < level < 1:
        raise UsageError(
            f"no bounds follow from events={events}, quarters={quarters}, level={level}",
            fix="give events=0 or more, quarters above 0 and level between 0 and 1",
        )
    low = stats.chi2.ppf(1 - level, 2 * events) / 2 if events else 0.0
    return float(low / quarters), float(stats.chi2.ppf(level, 2 * events + 2) / 2 / quarters)


def false_page_bounds(
    table: pd.DataFrame, limits: pd.Series | None = None, true: Sequence[str] = (), level: float = 0.95
) -> pd.Series:
    """Return how many false pages a period had, with confidence bounds of their rate.

    Parameters
    ----------
    table : DataFrame, one row a day
        As from `daily_signals`, over days that were not used to set the limits.
    limits : Series, optional
        As for `alarms`.
    true : sequence of str
        Days on which something was really wrong: an episode that includes one of them is not a false page.
    level : float
        The confidence of each bound, between 0 and 1.

    Returns
    -------
    Series
        'quarters' (length of the period), 'pages' (episodes), 'false' (of them), 'false a quarter', and the bounds of
        that rate by `poisson_bounds`: 'at least' and 'at most'.

    Examples
    --------
    >>> from course_utils import tables
    >>> live = tables.benchmark("drift_year")["2013-06-01":]
    >>> drift.false_page_bounds(live, true=["2013-12-31"])[["pages", "false"]].to_dict()
    {'pages': 2.0, 'false': 1.0}
    """
    found = episodes(alarms(table, limits))
    wrong = [pd.Timestamp(day) for day in true]
    right = [any(row.first <= day <= row.last for day in wrong) for row in found.itertuples()]
    false, quarters = len(found) - sum(right), len(table) / settings()["quarter_days"]
    low, high = poisson_bounds(false, quarters, level)
    return pd.Series(
        {
            "quarters": quarters, "pages": len(found), "false": false,
            "false a quarter": false / quarters, "at least": low, "at most": high,
        },
        name="pages",
    )  # fmt: skip
