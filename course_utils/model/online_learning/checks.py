"""Check what callers give to the learners, before anything is computed: days, counts, probabilities, lines, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from course_utils.errors import DataError, UsageError
from course_utils.wording import counted

__all__ = ["as_day", "as_probabilities", "check_columns", "check_count", "check_lines", "check_positive", "scored"]


def as_day(day: Any, option: str) -> np.datetime64:
    """Return a `day` as NumPy counts days; `option` is what messages call it.

    Raises
    ------
    UsageError
        It is not one day, such as ``'2013-04-01'``.
    """
    try:
        # A date with a clock and a time zone means its own local day.
        found = np.datetime64(pd.Timestamp(day).date(), "D")
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{option}={day!r} is not a day", fix="write it as '2013-04-01'") from error
    if np.isnat(found):
        raise UsageError(f"{option}={day!r} is not a day", fix="write it as '2013-04-01'")
    return found


def check_count(value: Any, option: str, least: int, unit: str) -> None:
    """Refuse the `value` of an `option` that is not a whole number of at least `least`; `unit` says of what.

    Raises
    ------
    UsageError
        It is a fraction, a Boolean, a text, or too small.
    """
    whole = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not whole or not np.isfinite(value) or value != int(value) or value < least:
        raise UsageError(f"{option}={value!r} is not a number of {unit}", fix=f"give whole {unit}, {least} or more")


def check_positive(value: Any, option: str, *, zero: bool = False) -> None:
    """Refuse the `value` of an `option` that is not a number above 0, or 0 itself with `zero`.

    Raises
    ------
    UsageError
        It is negative, NaN or no number.
    """
    number = value if isinstance(value, int | float | np.number) and not isinstance(value, bool) else np.nan
    if not (number > 0 or (zero and number == 0)):
        raise UsageError(
            f"{option}={value!r} cannot be used", fix=f"give {option} as a number {'from' if zero else 'above'} 0"
        )


def as_probabilities(flights: int, probability: Any, name: str) -> np.ndarray:
    """Return probabilities of all flights of a stream as an array of float.

    Parameters
    ----------
    flights : int
        How many flights the stream has.
    probability : array-like of float, shape (flights,)
        A probability of 'late' for each of them.
    name : str
        What messages call them, such as the name of a learner.

    Raises
    ------
    DataError
        There is not one for each flight, or one is missing or not from 0 to 1: its row is named.
    """
    try:
        found = np.asarray(probability, dtype=float)
    except (ValueError, TypeError) as error:
        raise DataError("holds values that are not numbers", column=name, fix="give probabilities of 'late'") from error
    if found.shape != (flights,):
        raise DataError(
            f"has the shape {found.shape} for {counted(flights, 'flight')}",
            column=name,
            fix="give one probability for each flight of the stream, in its order",
        )
    wrong = np.flatnonzero(~((found >= 0) & (found <= 1)))  # a missing value is not in the range either
    if len(wrong):
        value = found[wrong[0]]
        raise DataError(
            "has no probability" if np.isnan(value) else f"holds {value:g}, which is not a probability",
            column=name,
            row=int(wrong[0]),
            fix="give probabilities from 0 to 1; log-odds become probabilities by 1 / (1 + exp(-x))",
        )
    return found


def scored(flights: int, scores: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the checked probabilities of each learner.

    Parameters
    ----------
    flights : int
        How many flights the stream has.
    scores : mapping of str to array-like of float, shape (flights,)
        Probabilities of 'late' for all flights, by learner.

    Raises
    ------
    UsageError
        `scores` names no learner.
    DataError
        As for `as_probabilities`.
    """
    if not isinstance(scores, Mapping) or not scores:
        raise UsageError("scores names no learner", fix="give a mapping such as {'VW online': probabilities}")
    return {str(name): as_probabilities(flights, given, str(name)) for name, given in scores.items()}


def check_columns(table: Any, columns: Sequence[str], what: str) -> None:
    """Refuse a `table` that is not a DataFrame with these `columns`; messages call it by the words of `what`.

    Raises
    ------
    DataError
        It is not a DataFrame, or lacks a column.
    """
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"{what} are of the type {type(table).__name__}, not a table", fix="give a DataFrame")
    absent = next((name for name in columns if name not in table), None)
    if absent is not None:
        raise DataError(f"is missing in {what}", column=absent, fix="pass flights with all of their columns")


def check_lines(lines: Any, *, labelled: bool = False) -> None:
    """Refuse `lines` that are not VW's text, or, if they must be `labelled`, labels that logistic loss would misread.

    Raises
    ------
    DataError
        A line has no bar, is several lines, or has another label than 1 and -1 although labels are needed.
    """
    if isinstance(lines, str):
        raise DataError("the lines are one text", fix="give a list of lines, even for one")
    for row, line in enumerate(lines):
        if not isinstance(line, str) or "|" not in line or "\n" in line:
            raise DataError(f"is not one line of VW's text: {str(line)[:40]!r}", row=row, fix="write '1 |f Dest=LAX'")
        if labelled and not line.startswith(("1 ", "-1 ")):
            label = line.split("|", 1)[0].split(" ")[0]
            raise DataError(
                f"has the label {label!r}, which is neither -1 nor 1: VW would learn something else",
                row=row,
                fix="begin the line with '1 ' or '-1 '",
            )
