"""Read the columns of a table as numbers or dates, and name the column and row of a value that cannot be right.

Functions of the data and model stages take tables from anywhere: a CSV file, Parquet with Arrow types, a JSON request.
These readers are how they get their numbers, so an odd value is refused in one way everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.errors import DataError
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["clock_minutes", "dates", "distinct_labels", "need", "numbers"]


def need(table: pd.DataFrame, names: Iterable[str]) -> None:
    """Check that a table has some columns, each once.

    Parameters
    ----------
    table : DataFrame
        Any table of flights or features.
    names : iterable of str
        The columns that must be there.

    Raises
    ------
    DataError
        A column is absent, or there are two of its name.

    Examples
    --------
    >>> checked.need(flights, ["Origin", "Dest"])
    """
    for name in names:
        if name not in table.columns:
            raise DataError("is missing", column=str(name), fix="pass a table with this column")
    if not table.columns.is_unique:
        double = table.columns[table.columns.duplicated()][0]
        raise DataError("occurs more than once", column=str(double), fix="keep one of them")


def distinct_labels(table: pd.DataFrame | pd.Series) -> None:
    """Check that no row label of a table occurs twice.

    Parameters
    ----------
    table : DataFrame or Series
        One row a flight; its row labels identify flights.

    Raises
    ------
    DataError
        A row label occurs twice.

    Examples
    --------
    >>> checked.distinct_labels(flights)
    """
    if not table.index.is_unique:
        label = table.index[table.index.duplicated()][0]
        raise DataError(f"row labels are not unique: {label} occurs twice", fix="call reset_index(drop=True) on it")


def numbers(
    values: Any,
    what: str | None = None,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    missing: bool = True,
    whole: bool = False,
    fix: str = "correct or drop these rows",
) -> np.ndarray:
    """Return numbers as float64, however they are stored, and refuse what is not a finite number in a range.

    Parameters
    ----------
    values : Series or array, shape (rows,)
        Numbers: NumPy's, nullable, Arrow's, or Python's in a column of objects.
    what : str, optional
        The column's name in error messages; by default the name of the Series.
    low, high : float
        The smallest and the largest value that is allowed.
    missing : bool
        Whether missing values are allowed; they are NaN in the result.
    whole : bool
        Whether only whole numbers are allowed.
    fix : str
        What the error message tells the reader to do.

    Returns
    -------
    numpy.ndarray of float64, shape (rows,)

    Raises
    ------
    DataError
        A value is a text, a date, infinite, outside the range, not whole or missing; the first such row is named.

    Examples
    --------
    >>> checked.numbers(pd.Series([1, None, 3], dtype="Int64"))
    array([ 1., nan,  3.])
    """
    what = str(getattr(values, "name", None) or "values") if what is None else what
    found = _as_floats(values, what)
    # The extremes tell for the whole column, in two passes without a copy. NaN is neither too low nor too high.
    if not found.size:
        return found
    bottom, top = np.fmin.reduce(found), np.fmax.reduce(found)
    if bottom < low or top > high or np.isinf(bottom) or np.isinf(top):
        wrong = (found < low) | (found > high) | np.isinf(found)
        bounds = f" the range {low:g} to {high:g}" if np.isfinite([low, high]).all() else " what is possible"
        raise _refused(found, wrong, f"holds {{}}, outside{bounds}", what, fix)
    if not missing and np.isnan(found).any():
        raise _refused(found, np.isnan(found), "holds no value", what, fix)
    if whole and (found % 1 > 0).any():
        raise _refused(found, found % 1 > 0, "holds {}, which is not a whole number", what, fix)
    return found


def _as_floats(values: Any, what: str) -> np.ndarray:
    import pandas as pd

    if not isinstance(values, pd.Series | pd.Index):
        try:
            values = np.asarray(values).ravel()
        except ValueError as error:
            raise DataError("is not one row of numbers", column=what, fix="pass one number a row") from error
        if values.dtype.kind in "fiub":
            return values.astype(float, copy=False)
        values = pd.Series(values, dtype=None if len(values) else float)
    kind = getattr(values.dtype, "kind", "O")
    if kind in "mMc" or isinstance(values.dtype, pd.DatetimeTZDtype | pd.PeriodDtype):
        raise DataError(f"is stored as {values.dtype}, but numbers belong there", column=what, fix="pass numbers")
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=float, na_value=np.nan)
    # Texts that look like numbers are refused: '3.5' in one row is a sign that the column was read as text.
    one_by_one = values.astype(object)
    wrong = np.array([not (_is_number(value) or _is_missing(value)) for value in one_by_one], dtype=bool)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"holds {one_by_one.iloc[row]!r} where a number belongs", column=what, row=row,
            fix="pass numbers, and NaN where a value is missing",
        )  # fmt: skip
    return np.array([np.nan if _is_missing(value) else float(value) for value in one_by_one], dtype=float)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number | np.bool_) and not isinstance(value, complex | np.complexfloating)


def _is_missing(value: Any) -> bool:
    # NaN and NaT differ from themselves; a comparison with pandas' NA is neither true nor false.
    return value is None or type(value).__name__ == "NAType" or (np.isscalar(value) and value != value)


def _refused(found: np.ndarray, wrong: np.ndarray, says: str, what: str, fix: str) -> DataError:
    row, count = int(wrong.argmax()), int(wrong.sum())
    others = f" (and {counted(count - 1, 'more row')})" if count > 1 else ""
    return DataError(says.format(f"{found[row]:g}") + others, column=what, row=row, fix=fix)


def dates(rows: pd.DataFrame) -> pd.Series:
    """Return the local date of each row, from its columns Year, Month and DayofMonth.

    Parameters
    ----------
    rows : DataFrame
        Needs these three columns, with whole numbers and nothing missing.

    Returns
    -------
    Series of datetime64[ns]
        Midnight of the day, without a time zone, indexed like `rows`.

    Raises
    ------
    DataError
        A column is absent, or a row has no such date, such as 30 February.

    Examples
    --------
    >>> str(checked.dates(flights).iloc[0])
    '2013-01-01 00:00:00'
    """
    import pandas as pd

    parts = {"year": "Year", "month": "Month", "day": "DayofMonth"}
    need(rows, parts.values())
    limits = {"Year": (1900, 2100), "Month": (1, 12), "DayofMonth": (1, 31)}
    read = {
        part: numbers(rows[name], name, low=limits[name][0], high=limits[name][1], missing=False, whole=True)
        for part, name in parts.items()
    }
    found = pd.to_datetime(pd.DataFrame(read, index=rows.index, dtype="int64"), errors="coerce")
    if found.isna().any():
        row = int(found.isna().to_numpy().argmax())
        text = "-".join(f"{values[row]:.0f}" for values in read.values())
        raise DataError(f"{text} is not a date", column="DayofMonth", row=row, fix="correct the date")
    return found.astype("datetime64[ns]")


def clock_minutes(hhmm: Any, what: str | None = None, *, missing: bool = True) -> np.ndarray:
    """Return clock times written as hhmm as minutes since midnight; 2400, the midnight that ends a day, is 0.

    Parameters
    ----------
    hhmm : Series or array, shape (rows,)
        Whole numbers from 0 to 2400 whose last two digits are below 60, such as 1830.
    what : str, optional
        The column's name in error messages; by default the name of the Series.
    missing : bool
        Whether missing times are allowed; they are NaN in the result.

    Returns
    -------
    numpy.ndarray of float64, shape (rows,)

    Raises
    ------
    DataError
        A value is not a clock time; the first such row is named.

    Examples
    --------
    >>> checked.clock_minutes(pd.Series([0, 59, 1830, 2400])).tolist()
    [0.0, 59.0, 1110.0, 0.0]
    """
    what = str(getattr(hhmm, "name", None) or "hhmm") if what is None else what
    fix = "write half past six in the evening as 1830"
    read = numbers(hhmm, what, low=0, high=2400, missing=missing, whole=True, fix=fix)
    minutes = read % 100
    if (minutes >= 60).any():
        raise _refused(read, minutes >= 60, "holds {}, which is not a clock time", what, fix)
    return (read // 100 * 60 + minutes) % 1440
