"""Turn rows of features into the matrix of numbers that a model reads.

`Encoder` learns columns and categories from the training rows only, so that it can be used on rows that arrive later.
`select_rows` looks up the features of some flights and refuses gaps and duplicates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from course_utils.data import categories
from course_utils.errors import DataError

__all__ = ["Encoder", "select_rows"]


@dataclass(frozen=True)
class Encoder:
    """Turn rows of features into the float32 matrix that a model reads.

    Only categories of the training rows are known; any other value is encoded as missing, as it must be in production.
    Fit it with `Encoder.fit`.

    Attributes
    ----------
    columns : tuple of str
        The features, in the order of the matrix.
    categories : mapping of str to tuple of str
        For each categorical feature, the values seen in training, sorted; a value's code is its position.

    Examples
    --------
    >>> encoder = training.Encoder.fit(flights[["UniqueCarrier", "Distance"]])
    >>> encoder.transform(flights[["UniqueCarrier", "Distance"]].head(2))
    array([[  10., 1400.],
           [  10., 1416.]], dtype=float32)
    """

    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, rows: pd.DataFrame) -> Encoder:
        """Learn columns and categories from the features of the training flights, the `rows`.

        Raises
        ------
        DataError
            A column occurs twice, or holds dates or durations.
        """
        _check_names(rows)
        for name in rows:
            categories.check_kind(rows[name])
        # As text, since a category such as a flight number is a number in one file and text in another.
        known = {str(name): categories.distinct(rows[name]) for name in rows if categories.is_category(rows[name])}
        return cls(tuple(map(str, rows.columns)), known)

    @property
    def feature_types(self) -> list[str]:
        """XGBoost's type for each column: 'c' categorical, 'q' quantitative."""
        return ["c" if name in self.categories else "q" for name in self.columns]

    def transform(self, rows: pd.DataFrame) -> np.ndarray:
        """Encode rows as numbers.

        Parameters
        ----------
        rows : DataFrame, shape (rows, features)
            The features of training in any order; other columns are ignored.

        Returns
        -------
        numpy.ndarray of float32, shape (rows, columns)
            Missing and unseen values are NaN.

        Raises
        ------
        DataError
            A column is absent or occurs twice, holds text or an infinite value where a number belongs, or holds dates.
        """
        self._check(rows)
        matrix = np.empty((len(rows), len(self.columns)), dtype=np.float32)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused below
            for position, name in enumerate(self.columns):
                if name in self.categories:
                    matrix[:, position] = self._codes(rows[name], self.categories[name])
                else:
                    matrix[:, position] = _numbers(rows[name], name)
        if (infinite := np.isinf(matrix)).any():  # XGBoost reads an infinite value as the largest one there is
            row, position = np.argwhere(infinite)[0]
            raise _no_number(rows[self.columns[position]], self.columns[position], int(row))
        return matrix

    def _check(self, rows: pd.DataFrame) -> None:
        absent = [name for name in self.columns if name not in rows.columns]
        if absent:
            raise DataError(
                "the model needs this column", column=absent[0], fix="compute the features with features.as_of"
            )
        _check_names(rows)

    @staticmethod
    def _codes(values: pd.Series, known: tuple[str, ...]) -> np.ndarray:
        categories.check_kind(values)
        codes = categories.positions(values, known, otherwise=-1).astype(np.float32)
        codes[codes < 0] = np.nan
        return codes

    def unseen(self, rows: pd.DataFrame) -> pd.Series:
        """Count, for each categorical feature, the rows whose value did not occur in training.

        Parameters
        ----------
        rows : DataFrame, shape (rows, features)
            As for `transform`; a missing value does not count.

        Raises
        ------
        DataError
            A column is absent.
        """
        self._check(rows)
        counts = {
            name: int((rows[name].notna().to_numpy() & (categories.positions(rows[name], known, -1) < 0)).sum())
            for name, known in self.categories.items()
        }
        return pd.Series(counts, name="rows with an unseen value", dtype=int)


def _check_names(rows: pd.DataFrame) -> None:
    if not rows.columns.is_unique:
        double = rows.columns[rows.columns.duplicated()][0]
        raise DataError("occurs more than once", column=str(double), fix="keep one of them")


def _numbers(values: pd.Series, name: str) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(values):
        # NumPy would convert '3.5' and even a date to a number, and so hide a column of the wrong type.
        wrong = np.array([not (isinstance(value, Number | np.bool_) or pd.isna(value)) for value in values], dtype=bool)
        if wrong.any():
            raise _no_number(values, name, int(wrong.argmax()))
    return values.to_numpy(dtype=np.float32, na_value=np.nan)


def _no_number(values: pd.Series, name: str, row: int) -> DataError:
    """Return the error about a row of a column that is no number a model can read."""
    return DataError(
        f"holds {values.iloc[row]!r} where a number belongs",
        column=name,
        row=row,
        fix="send numbers, and None or NaN where a value is missing",
    )


def select_rows(values: Any, flights: pd.DataFrame, what: str = "inputs") -> Any:
    """Return the rows of a frame or series that belong to some flights, in the order of the flights.

    Parameters
    ----------
    values : DataFrame or Series
        Values by row label, one row for each flight and possibly for others.
    flights : DataFrame
        The flights to look up; only the row labels are read.
    what : str
        What the values are, for the error message.

    Raises
    ------
    DataError
        A flight has no row in `values`, or a row label occurs twice.
    """
    if not values.index.is_unique:
        raise DataError(f"{what} have a flight twice", fix="keep one row for each label")
    if not flights.index.isin(values.index).all():
        absent = flights.index[~flights.index.isin(values.index)][0]
        raise DataError(f"{what} lack flight {absent}", fix=f"compute the {what} from the same flights")
    return values.loc[flights.index]
