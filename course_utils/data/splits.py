"""Split flights into training, validation and test.

By time, as new flights will reach the model in service; or at random, to see how much that flatters a model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from course_utils import tables
from course_utils.data import checked
from course_utils.errors import UsageError
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Split", "day", "rolling_months", "smaller", "split_at_random", "split_by_time"]


@dataclass(frozen=True, repr=False)
class Split:
    """Training, validation and test flights: no flight is in two parts, and each has a label.

    Attributes
    ----------
    train, validation, test : DataFrame
        Rows of the flights, with their row labels.
    name : str
        How the split was made, in words.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    name: str

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part} {len(getattr(self, part)):,}" for part in ("train", "validation", "test"))
        return f"Split({self.name}: {sizes})"


def split_by_time(flights: pd.DataFrame, validation: str | None = None, test: str | None = None) -> Split:
    """Split by time: train on the past, validate on the months that follow, test on the last months.

    Parameters
    ----------
    flights : DataFrame
        Rows as from `datasets.load_flights`; cancelled flights are left out, as they have no label.
    validation, test : str, optional
        The month (``'2013-09'``) or year (``'2003'``) in which each part starts. Default: the data set's own, such as
        September and November 2013 for nyc2013.

    Raises
    ------
    UsageError
        A start is not a month, validation does not come before test, or a part would be empty.

    See Also
    --------
    split_at_random : Shuffles instead, to be compared with this.
    rolling_months : Splits by time once per month.

    Examples
    --------
    >>> from course_utils.data import datasets
    >>> splits.split_by_time(datasets.load_flights("nyc2013"))
    Split(by time: validation from 2013-09, test from 2013-11: train 218,601, validation 55,775, test 54,145)
    """
    facts = tables.dataset(tables.dataset_of(flights))
    starts = [validation or facts["validation"], test or facts["test"]]
    first, second = (_month(start) for start in starts)
    if first >= second:
        raise UsageError(f"validation={starts[0]!r} does not come before test={starts[1]!r}", fix="swap them")
    rows = _departed(flights)
    months = _months(rows)
    name = f"by time: validation from {starts[0]}, test from {starts[1]}"
    return _checked(rows, months < first, (months >= first) & (months < second), months >= second, name)


def split_at_random(
    flights: pd.DataFrame, *, seed: int = 0, by: str = "flight", shares: Sequence[float] = (0.65, 0.16, 0.19)
) -> Split:
    """Split at random. Common, but it flatters a model, because flights of one day resemble each other.

    Parameters
    ----------
    flights : DataFrame
        As for `split_by_time`.
    seed : int
        Seed of the shuffle; the same seed gives the same split.
    by : {'flight', 'day'}
        The unit that is shuffled; with 'day', all flights of a day stay together.
    shares : three numbers above 0
        Shares of train, validation and test, which add up to 1. The default is close to `split_by_time`'s.

    Raises
    ------
    UsageError
        `by` is not one of the two units, or `shares` are not three positive numbers that add up to 1.

    See Also
    --------
    split_by_time : The honest split.

    Examples
    --------
    >>> splits.split_at_random(flights, seed=0)
    Split(at random by flight, seed 0: train 1,934, validation 477, test 565)
    """
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise UsageError(f"shares={tuple(shares)} are not three parts of one", fix="give three that add up to 1")
    if by not in ("flight", "day"):
        raise UsageError(f"by={by!r} cannot be shuffled", fix="choose by='flight' or by='day'")
    rows = _departed(flights)
    units = np.arange(len(rows)) if by == "flight" else np.unique(day(rows).to_numpy(), return_inverse=True)[1]
    count = int(units.max(initial=-1)) + 1
    cuts = np.rint(np.cumsum(shares)[:2] * count)
    part = np.searchsorted(cuts, np.random.default_rng(seed).permutation(count), side="right")[units]
    return _checked(rows, part == 0, part == 1, part == 2, f"at random by {by}, seed {seed}")


def rolling_months(flights: pd.DataFrame, first: str | None = None) -> Iterator[Split]:
    """Split by time once per month: test on that month, validate on the month before, train on all earlier months.

    Parameters
    ----------
    flights : DataFrame
        As for `split_by_time`.
    first : str, optional
        The first month to test on, such as ``'2013-04'``. Default: the fourth month that has flights.

    Yields
    ------
    Split
        One for each month from `first` on; its name is the month.

    Raises
    ------
    UsageError
        `first` is not a month, or fewer than two months of flights come before it; or, without it, there are fewer than
        four months of flights.

    Examples
    --------
    >>> from course_utils.data import datasets
    >>> [split.name for split in splits.rolling_months(datasets.load_flights("nyc2013"), first="2013-11")]
    ['2013-11', '2013-12']
    """
    rows = _departed(flights)
    months = _months(rows)
    known = np.unique(months)
    if first is None and len(known) < 4:
        raise UsageError(
            f"too few flights: {counted(len(known), 'month')}, and the default needs four",
            fix="pass the first month to test on",
        )
    start = known[3] if first is None else _month(first)
    if not (known >= start).any() or (known < start).sum() < 2:
        raise UsageError(f"first={first!r} leaves no flights to train, validate or test on", fix="choose a later month")
    for place in np.flatnonzero(known >= start):
        month, before = known[place], known[place - 1]
        name = f"{month // 12}-{month % 12 + 1:02d}"
        yield _checked(rows, months < before, months == before, months == month, name)


def smaller(split: Split, rows: int, *, seed: int = 0) -> Split:
    """Return a split with a random sample of the training flights; validation and test stay as they are.

    Parameters
    ----------
    split : Split
        The split to take the sample from; it is not changed.
    rows : int
        How many training flights to keep, in their order; from 1 to all of them.
    seed : int
        Seed of the sample; the same seed gives the same sample.

    Raises
    ------
    UsageError
        `rows` is not between 1 and the number of training flights.

    Examples
    --------
    >>> splits.smaller(splits.split_at_random(flights), rows=500)
    Split(at random by flight, seed 0, 500 training flights: train 500, validation 477, test 565)
    """
    if not 1 <= rows <= len(split.train):
        raise UsageError(
            f"rows={rows} is not possible with {counted(len(split.train), 'training flight')}",
            fix=f"choose a number from 1 to {len(split.train):,}",
        )
    kept = np.sort(np.random.default_rng(seed).choice(len(split.train), size=rows, replace=False))
    return Split(
        split.train.iloc[kept], split.validation, split.test, f"{split.name}, {counted(rows, 'training flight')}"
    )


def day(rows: pd.DataFrame) -> pd.Series:
    """Return the local date of each row, as midnight without a time zone; it groups the flights of a day.

    Parameters
    ----------
    rows : DataFrame
        Needs the columns Year, Month and DayofMonth.

    Raises
    ------
    DataError
        A column is absent, or a row has no such date.

    Examples
    --------
    >>> splits.day(flights).dt.strftime("%d %B").unique().tolist()
    ['01 January', '02 January', '03 January', '04 January']
    """
    return checked.dates(rows).rename("day")


def _departed(flights: pd.DataFrame) -> pd.DataFrame:
    checked.need(flights, ("Year", "Month", "DepDelay"))
    # A row label identifies a flight: with two of one label, a flight could be in two parts.
    checked.distinct_labels(flights)
    return flights[flights["DepDelay"].notna()]


def _months(rows: pd.DataFrame) -> np.ndarray:
    """Return the months since year 0, so that months compare as numbers."""
    year, month = (
        checked.numbers(rows[name], low=low, high=high, missing=False, whole=True).astype(int)
        for name, low, high in (("Year", 1900, 2100), ("Month", 1, 12))
    )
    return year * 12 + month - 1


def _month(text: str) -> int:
    match = re.fullmatch(r"(\d{4})(?:-(\d{2}))?", str(text))
    month = int(match[2] or 1) if match else 0
    if not 1 <= month <= 12:
        raise UsageError(f"{text!r} is not a month", fix="write a month as '2013-09' or a year as '2013'")
    return int(match[1]) * 12 + month - 1


def _checked(rows: pd.DataFrame, train: np.ndarray, validation: np.ndarray, test: np.ndarray, name: str) -> Split:
    for part, taken in (("train", train), ("validation", validation), ("test", test)):
        if not taken.any():
            raise UsageError(f"no flight is in {part} ({name})", fix="choose other starts or pass more flights")
    return Split(rows[train], rows[validation], rows[test], name)
