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
        """Learn columns and categories from the features of the training flights, the `rows`."""
        # As text, since a category such as a flight number is a number in one file and text in another.
        categories = {
            str(name): tuple(sorted(map(str, rows[name].dropna().unique())))
            for name in rows.columns
            if not pd.api.types.is_numeric_dtype(rows[name])
        }
        return cls(tuple(map(str, rows.columns)), categories)

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
            A column is absent, or holds text where a number belongs.
        """
        self._check(rows)
        matrix = np.empty((len(rows), len(self.columns)), dtype=np.float32)
        for position, name in enumerate(self.columns):
            if name in self.categories:
                matrix[:, position] = self._codes(rows[name], self.categories[name])
            else:
                matrix[:, position] = _numbers(rows[name], name)
        return matrix

    def _check(self, rows: pd.DataFrame) -> None:
        absent = [name for name in self.columns if name not in rows.columns]
        if absent:
            raise DataError(
                "the model needs this column", column=absent[0], fix="compute the features with features.as_of"
            )

    @staticmethod
    def _codes(values: pd.Series, known: tuple[str, ...]) -> np.ndarray:
        code_of = {value: float(code) for code, value in enumerate(known)}
        if isinstance(values.dtype, pd.CategoricalDtype):
            # A few hundred categories are looked up instead of every row; pandas codes a missing value as -1, which
            # picks the NaN at the end.
            of_category = [code_of.get(str(value), np.nan) for value in values.cat.categories]
            return np.append(np.array(of_category, dtype=np.float32), np.float32(np.nan))[values.cat.codes]
        codes = values.map(lambda value: code_of.get(str(value)), na_action="ignore")
        return codes.to_numpy(dtype=np.float32, na_value=np.nan)

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
            name: int((rows[name].notna() & ~rows[name].astype(str).isin(known)).sum())
            for name, known in self.categories.items()
        }
        return pd.Series(counts, name="rows with an unseen value", dtype=int)


def _numbers(values: pd.Series, name: str) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(values):
        # NumPy would convert '3.5' and even a date to a number, and so hide a column of the wrong type.
        wrong = np.array([not (isinstance(value, Number | np.bool_) or pd.isna(value)) for value in values], dtype=bool)
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"holds {values.iloc[row]!r} where a number belongs", column=name, row=row, fix="send numbers"
            )
    return values.to_numpy(dtype=np.float32, na_value=np.nan)


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
