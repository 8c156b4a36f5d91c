"""Train, validation and test: by time, as the world will hand out new flights, or at random, to see what that hides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from course_utils import tables
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STARTS", "Split", "day", "rolling_months", "smaller", "split_at_random", "split_by_time"]

#: Where validation and test start unless said otherwise.
STARTS = {"nyc2013": ("2013-09", "2013-11"), "allyears2k": ("2003", "2006")}


@dataclass(frozen=True, repr=False)
class Split:
    """Three sets of flights that have no flight in common, each with the flights that have a label.

    Attributes
    ----------
    train, validation, test : DataFrame
        Rows of the flights, labels kept.
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
    """Train on the past, choose on what came next, test on what came last.

    Parameters
    ----------
    flights : DataFrame
    validation, test : str, optional
        The month (``'2013-09'``) or year (``'2003'``) in which each part starts; default: September and November for
        nyc2013, 2003 and 2006 for allyears2k.

    Raises
    ------
    UsageError
        A start is no month, validation does not come before test, or a part would be empty.
    """
    dataset = flights.attrs.get("dataset") or tables.active_dataset()
    starts = [given or default for given, default in zip((validation, test), STARTS[dataset], strict=True)]
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
    """Shuffle, then cut: what many do, and what flatters a model wherever flights of one day are alike.

    Parameters
    ----------
    flights : DataFrame
    seed : int
        Same seed, same split.
    by : {'flight', 'day'}
        What is shuffled; with 'day' all flights of a day stay together.
    shares : three numbers
        Of train, validation and test, together 1; the default is close to what `split_by_time` gives.

    Raises
    ------
    UsageError
        `by` or `shares` cannot be used.
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
    """Move through the year: test on each month, validate on the month before, train on all that came earlier.

    Parameters
    ----------
    flights : DataFrame
    first : str, optional
        The first month to test on, such as ``'2013-04'``; default: the fourth that has flights.

    Yields
    ------
    Split
        One for each month from `first` on; its name is the month.

    Raises
    ------
    UsageError
        `first` is no month, or fewer than two months of flights come before it; or, without it, there are fewer than
        four months of flights.
    """
    rows = _departed(flights)
    months = _months(rows)
    known = np.unique(months)
    if first is None and len(known) < 4:
        raise UsageError(
            f"{len(known)} months of flights are too few to move through", fix="name the `first` to test on"
        )
    start = known[3] if first is None else _month(first)
    if not (known >= start).any() or (known < start).sum() < 2:
        raise UsageError(f"first={first!r} leaves nothing to test, train or validate on", fix="choose a later month")
    for place in np.flatnonzero(known >= start):
        month, before = known[place], known[place - 1]
        name = f"{month // 12}-{month % 12 + 1:02d}"
        yield _checked(rows, months < before, months == before, months == month, name)


def smaller(split: Split, rows: int, *, seed: int = 0) -> Split:
    """Keep a random sample of the training flights, and validation and test as they are.

    Parameters
    ----------
    split : Split
    rows : int
        How many training flights to keep; they stay in their order.
    seed : int
        Same seed, same sample.

    Raises
    ------
    UsageError
        `rows` is not between 1 and the number of training flights.
    """
    if not 1 <= rows <= len(split.train):
        raise UsageError(
            f"rows={rows} cannot be kept of {len(split.train):,} training flights",
            fix=f"choose a number from 1 to {len(split.train):,}",
        )
    kept = np.sort(np.random.default_rng(seed).choice(len(split.train), size=rows, replace=False))
    return Split(split.train.iloc[kept], split.validation, split.test, f"{split.name}, {rows:,} training flights")


def day(rows: pd.DataFrame) -> pd.Series:
    """Return the local date of each row, midnight without time zone: flights of a day belong together.

    Parameters
    ----------
    rows : DataFrame
        With Year, Month and DayofMonth.
    """
    import pandas as pd

    dates = pd.to_datetime({"year": rows["Year"], "month": rows["Month"], "day": rows["DayofMonth"]})
    return dates.rename("day")


def _departed(flights: pd.DataFrame) -> pd.DataFrame:
    return flights[flights["DepDelay"].notna()]


def _months(rows: pd.DataFrame) -> np.ndarray:
    """Count months since year 0, so that they compare as numbers."""
    return (rows["Year"] * 12 + rows["Month"] - 1).to_numpy()


def _month(text: str) -> int:
    match = re.fullmatch(r"(\d{4})(?:-(\d{2}))?", str(text))
    month = int(match[2] or 1) if match else 0
    if not 1 <= month <= 12:
        raise UsageError(f"{text!r} is no month", fix="write a month as '2013-09' or a year as '2013'")
    return int(match[1]) * 12 + month - 1


def _checked(rows: pd.DataFrame, train: np.ndarray, validation: np.ndarray, test: np.ndarray, name: str) -> Split:
    for part, taken in (("train", train), ("validation", validation), ("test", test)):
        if not taken.any():
            raise UsageError(f"no flight falls into {part} ({name})", fix="choose other starts or more flights")
    return Split(rows[train], rows[validation], rows[test], name)
