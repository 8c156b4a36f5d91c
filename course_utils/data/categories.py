"""Give each value of a category one identity, however a column happens to store it.

pandas turns a column of whole numbers into floats as soon as one value is missing. Compared as text, the same value
would be '1' alone and '1.0' beside a missing one. Everything that compares values of a category uses this module: the
model's encoder, the bins of a distribution, and the monitors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_texts", "check_kind", "distinct", "find", "identity", "is_category", "positions"]

#: Whole numbers up to here have a float of their own; above, two of them can become the same float.
_EXACT = 2**53


def identity(value: Any) -> str:
    """Return the text by which a value of a category is known: a whole number has one text, as integer and as float.

    Parameters
    ----------
    value : str, number or any other value
        A value that is not missing. Texts are returned as they are.

    Raises
    ------
    DataError
        A float is too large to say which whole number it was.

    Examples
    --------
    >>> categories.identity(1), categories.identity(1.0), categories.identity(1.5), categories.identity("AA")
    ('1', '1', '1.5', 'AA')
    """
    if type(value) is str:
        return value
    # Neither str nor bool: a truth is no number here, and np.str_ is a text already.
    if isinstance(value, Number) and not isinstance(value, bool | np.bool_ | complex):
        whole = math.isfinite(value) and value == int(value)
        if whole and isinstance(value, float | np.floating) and abs(value) >= _EXACT:
            raise DataError(
                f"holds {value!r}, a float too large to name one category", fix="send the values of categories as text"
            )
        return str(int(value)) if whole else str(value)
    return str(value)


def find(value: Any, place_of: Mapping[str, Any], otherwise: Any) -> Any:
    """Return the entry of a value in a mapping by identity.

    Parameters
    ----------
    value : str, number or any other value
        A value that is not missing.
    place_of : mapping of str to any
        The known values, as texts.
    otherwise : any
        What is returned for a value that is not known.

    Examples
    --------
    >>> categories.find(7.0, {"7": "known"}, "unseen"), categories.find(7, {"7.0": "known"}, "unseen")
    ('known', 'known')
    """
    text = identity(value)
    if text in place_of or isinstance(value, str):
        return place_of.get(text, otherwise)
    # Known values may have been read from a text file that was written from floats.
    return place_of.get(f"{text}.0", otherwise)


def is_category(values: pd.Series) -> bool:
    """Return whether the `values` of a column are a category (texts, or names stored as such) and not numbers."""
    import pandas as pd

    return not pd.api.types.is_numeric_dtype(values)


def check_kind(values: pd.Series) -> None:
    """Refuse a column of dates or durations, which is neither a category nor a number.

    Parameters
    ----------
    values : Series
        A column of features; its name is in the error message.

    Raises
    ------
    DataError
        The column holds dates, times or durations.

    Examples
    --------
    >>> categories.check_kind(flights["UniqueCarrier"])
    """
    kind = getattr(values.dtype, "kind", "O")
    if kind in "mM":
        raise DataError(
            f"holds {'durations' if kind == 'm' else 'dates'}, which are neither numbers nor categories",
            column=str(values.name),
            fix="compute a number from it, such as the hour or the minutes",
        )


def distinct(values: pd.Series) -> tuple[str, ...]:
    """Return the identities of the distinct `values` of a column, sorted; missing values have none.

    Raises
    ------
    DataError
        A value is a list, or a float too large to be a category; the column is named.

    Examples
    --------
    >>> categories.distinct(pd.Series([2.0, None, 1.0]))
    ('1', '2')
    """
    # Only the values that occur: a column stored as a category may know others.
    codes, uniques = _codes(values)
    return tuple(sorted({_named(identity, values, uniques[code]) for code in np.unique(codes) if code >= 0}))


def positions(values: pd.Series, known: Sequence[str], otherwise: int) -> np.ndarray:
    """Return the position of each value in a list of known ones.

    Parameters
    ----------
    values : Series, shape (rows,)
        A column of a category, however it is stored.
    known : sequence of str
        The known values, as from `distinct`.
    otherwise : int
        The position of missing and unknown values.

    Returns
    -------
    numpy.ndarray of int, shape (rows,)

    Raises
    ------
    DataError
        A value is a list, or a float too large to be a category; the column is named.

    Examples
    --------
    >>> categories.positions(pd.Series([2.0, None, 9.0]), ["1", "2"], otherwise=-1).tolist()
    [1, -1, -1]
    """
    place_of = {value: place for place, value in enumerate(known)}
    codes, uniques = _codes(values)
    # Each distinct value is looked up once; a missing value has the code -1, which reads the entry appended last.
    found = [_named(find, values, value, place_of, otherwise) for value in uniques]
    return np.append(np.array(found, dtype=int), otherwise)[codes]


def as_texts(values: pd.Series) -> pd.Series:
    """Return the identity of each of the `values` of a column, with its row label; None where a value is missing.

    Raises
    ------
    DataError
        A value is a list, or a float too large to be a category; the column is named.

    Examples
    --------
    >>> categories.as_texts(pd.Series([2.0, None])).tolist()
    ['2', None]
    """
    import pandas as pd

    codes, uniques = _codes(values)
    texts = np.array([*(_named(identity, values, value) for value in uniques), None], dtype=object)
    return pd.Series(texts[codes], index=values.index, name=values.name, dtype=object)


def _codes(values: pd.Series) -> tuple[np.ndarray, Sequence[Any]]:
    """Return the distinct values of a column, and the position of each row's value among them, -1 where missing."""
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy(), values.cat.categories
    try:
        return pd.factorize(values)
    except TypeError as error:
        raise DataError(
            "holds lists or other containers, which are no categories", column=str(values.name), fix="pass texts"
        ) from error


def _named(function: Any, values: pd.Series, *arguments: Any) -> Any:
    """Call a function, and name the column in its error."""
    try:
        return function(*arguments)
    except DataError as error:
        raise DataError(error.problem, column=str(values.name), fix=error.fix) from None
