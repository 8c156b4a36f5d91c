"""Divide a column into bins once, count later rows in the same bins, and compare both by their PSI.

Drift reports, input monitors and the pitfall detectors all use `Distribution`, so an input has one PSI wherever it is
computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from course_utils.data import categories
from course_utils.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Distribution"]

#: The numbers that a model can tell apart.
_Number = np.float32
#: Too little to change a share, and more than nothing.
_SPECK = 1e-9


@dataclass(frozen=True, eq=False)
class Distribution:
    """The distribution of a column: counts by bin, made with `Distribution.of`.

    A text has a bin of its own. Numbers are divided into tenths. A number that fills a tenth or more has a bin of its
    own, such as 0 in a column of rain, and the other numbers share the bins that are left. Infinite values of either
    sign have a bin of their own.

    Attributes
    ----------
    values : tuple of str or None
        The texts that have a bin, sorted; None for numbers.
    edges : array of float or None
        The inner edges of the bins of numbers, each the lowest value of its bin; None for texts.
    counts : array of float, shape (bins,)
        Values in each bin; the last bin is for missing and unseen values, and is never quite empty.

    Examples
    --------
    >>> rain = distributions.Distribution.of(pd.Series([0.0] * 95 + [0.1, 0.2, 0.3, 0.4, 0.5]))
    >>> wet = pd.Series([0.0] * 50 + [0.3] * 50)
    >>> print(rain.psi(wet, np.zeros(100, dtype=int), 1).round(1))
    [2.2]
    """

    values: tuple[str, ...] | None
    edges: np.ndarray | None
    counts: np.ndarray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, values: pd.Series, bins: int = 10) -> Distribution:
        """Return the distribution of a column.

        Parameters
        ----------
        values : Series
            The column: numbers or texts.
        bins : int
            The number of bins of a column of numbers, before those for infinite and missing values.

        Raises
        ------
        DataError
            The column holds dates or durations.
        """
        categories.check_kind(values)
        if categories.is_category(values):
            empty = cls(categories.distinct(values), None)
        else:
            empty = cls(None, _edges(_as_numbers(values), bins))
        counts = np.bincount(empty.bin_of(values), minlength=empty.bins).astype(float)
        # Any column can lose values, so this bin always takes part; bins that are empty on both sides do not.
        counts[-1] = max(counts[-1], _SPECK)
        return cls(empty.values, empty.edges, counts)

    @property
    def bins(self) -> int:
        """The number of bins, including the one for missing and unseen values."""
        return (len(self.values) if self.values is not None else len(self.edges) + 1) + 1

    def bin_of(self, values: pd.Series | np.ndarray) -> np.ndarray:
        """Return the number of the bin of each value; missing and unseen values are in the last bin.

        Parameters
        ----------
        values : Series, or array of float for a column of numbers
            Numbers or texts as in the reference.

        Raises
        ------
        DataError
            The column holds dates, or texts where the reference has numbers.
        """
        if self.values is not None:
            categories.check_kind(values)
            return categories.positions(values, self.values, len(self.values))
        numbers = _as_numbers(values)
        return np.where(np.isnan(numbers), self.bins - 1, np.searchsorted(self.edges, numbers, side="right"))

    def psi(self, values: pd.Series | np.ndarray, code: np.ndarray, days: int) -> np.ndarray:
        """Return the population stability index of each day against this distribution.

        Parameters
        ----------
        values : Series, or array of float for a column of numbers, shape (rows,)
            The column on all these days, numbers or texts as in the reference.
        code : array of int, shape (rows,)
            The day of each value, counted from 0.
        days : int
            The number of days, 1 or more.

        Returns
        -------
        array of float, shape (days,)
            NaN for a day without a row: nothing can be said about it.
        """
        from course_utils.model import metrics  # late: a process that only monitors starts faster without pandas

        # One bincount over (day, bin) counts all days at once: a year takes as long as a day would in a loop.
        counts = np.bincount(code * self.bins + self.bin_of(values), minlength=days * self.bins)
        return metrics.psi(self.counts, counts.reshape(days, self.bins), smoothing="floor")


def _as_numbers(values: pd.Series | np.ndarray) -> np.ndarray:
    """Return a column of numbers as the model reads them, so that how it is stored changes no bin."""
    with np.errstate(over="ignore"):  # what is too large for the model is infinite to it
        if isinstance(values, np.ndarray):
            return values.astype(_Number)
        try:
            return values.to_numpy(dtype=_Number, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise DataError(
                "holds values that are not numbers", column=str(values.name), fix="send numbers, as in the reference"
            ) from error


def _edges(numbers: np.ndarray, bins: int) -> np.ndarray:
    """Return the inner edges of the bins: of the infinite values, of values that are heavy ties, and of the rest."""
    finite = numbers[np.isfinite(numbers)]
    limits = [np.finfo(_Number).min, np.inf]  # -infinity is below the first edge, +infinity reaches the last
    if not len(finite):
        return np.array(limits, dtype=_Number)
    found, times = np.unique(finite, return_counts=True)
    heavy = found[(times > 1) & (times * bins >= len(finite))]
    rest = finite[~np.isin(finite, heavy)]
    cuts = np.linspace(0, 1, max(bins - len(heavy), 1) + 1)[1:-1]
    between = np.quantile(rest.astype(float), cuts) if len(rest) else np.empty(0)
    # A bin holds the values from its edge on, so a single value needs an edge and the next number after it.
    return np.unique(np.concatenate([limits, heavy, np.nextafter(heavy, _Number(np.inf)), between]).astype(_Number))
