"""Statistics by whole days: flights of one day share its weather and queues, so they are no independent observations.

`day_blocks` draws whole days, and `difference_by_days` compares two groups of flights with the standard error that the
spread between days gives.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from course_utils.model.pitfalls.registry import read_limits

__all__ = ["day_blocks", "day_numbers", "difference_by_days"]


def day_numbers(rows: pd.DataFrame) -> pd.Series:
    """Return the date of each flight in `rows` as a whole number, such as 20130131.

    Examples
    --------
    >>> days.day_numbers(flights).iloc[0]
    np.int64(20130101)
    """
    return rows["Year"] * 10_000 + rows["Month"] * 100 + rows["DayofMonth"]


def day_blocks(rows: pd.DataFrame, limit: int | None = None, *, seed: int = 0) -> pd.DataFrame:
    """Draw whole days at random, as many as fit into a number of rows.

    Parameters
    ----------
    rows : DataFrame
        Flights with Year, Month and DayofMonth; returned as they are if they fit.
    limit : int, optional
        Most rows; by default ``rows`` of the limits in ``tables/model/pitfalls.toml``, 20,000.
    seed : int
        The same seed draws the same days.

    Returns
    -------
    DataFrame
        Rows in their order; at least one day, even if that day alone is larger than the limit.

    Examples
    --------
    >>> sample = pitfalls.day_blocks(flights, 2000)
    >>> len(flights), len(sample), sample["DayofMonth"].unique()
    (3000, 1756, array([1, 3]))
    """
    limit = int(read_limits()["rows"] if limit is None else limit)
    if len(rows) <= limit:
        return rows
    day = day_numbers(rows)
    counts = day.value_counts().sort_index()
    drawn = counts.index[np.random.default_rng(seed).permutation(len(counts))]
    kept = drawn[(counts.loc[drawn].cumsum() <= limit).to_numpy()]
    return rows[day.isin(kept if len(kept) else drawn[:1])]


def difference_by_days(value: np.ndarray, one: np.ndarray, other: np.ndarray, day: pd.Series) -> tuple[float, float]:
    """Return the mean of one group of flights less that of another, and the standard error clustered by day.

    Parameters
    ----------
    value : array of float, shape (flights,)
        What is averaged; flights with NaN are left out.
    one, other : array of bool, shape (flights,)
        Which flights belong to each group.
    day : array or Series, shape (flights,)
        The day of each flight, as from `day_numbers`.

    Examples
    --------
    >>> late = np.array([1.0, 0.0, 1.0, 0.0])
    >>> days.difference_by_days(late, late == 1, late == 0, pd.Series([1, 1, 2, 2]))
    (1.0, 0.0)
    """
    known = ~np.isnan(value)
    one, other, day = one & known, other & known, pd.factorize(day)[0]
    weight = np.where(one, 1 / max(one.sum(), 1), 0) - np.where(other, 1 / max(other.sum(), 1), 0)
    centred = np.where(known, value, 0.0)
    difference = float((weight * centred).sum())
    mean_one, mean_other = (centred[group].mean() if group.any() else 0 for group in (one, other))
    # Residuals are added up within a day before they are squared: what a day's flights share does not average out.
    residual = weight * (centred - np.where(one, mean_one, mean_other))
    return difference, float(np.sqrt((np.bincount(day, weights=residual) ** 2).sum()))
