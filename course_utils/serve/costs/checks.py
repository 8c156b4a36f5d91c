"""Checks of the numbers that callers pass: exact decimals, whole counts, positive values."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from numbers import Integral, Real
from typing import Any

import numpy as np

from course_utils.errors import UsageError

__all__ = ["check_positive", "to_count", "to_decimal"]


def to_decimal(value: Any, name: str) -> Decimal:
    """Return a number as the decimal that it is written as: 0.1 becomes exactly one tenth.

    Parameters
    ----------
    value : number or str
        Zero or more. Infinity, NaN and Booleans are refused.
    name : str
        What the number is, for the error message, such as 'a price'.

    Raises
    ------
    UsageError
        The value is not a number, or it is negative.
    """
    if isinstance(value, np.generic):
        value = value.item()
    try:
        # str() gives the shortest text that reads back as the same float; Decimal(0.1) would not be 0.1.
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise UsageError(f"{name} is {value!r}", fix="pass a number, zero or more")
    return number


def to_count(value: Any) -> int:
    """Return a number of predictions, the `value`, as an int; floats and Booleans are refused.

    Raises
    ------
    UsageError
        The value is not a whole number, or it is negative.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < 0:
        raise UsageError(f"{value!r} predictions", fix="pass a whole number, zero or more, without a decimal point")
    return int(value)


def check_positive(**numbers: Any) -> None:
    """Raise an error unless all `numbers`, passed by name, are finite and above zero.

    Raises
    ------
    UsageError
        One of them is not.
    """
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Real | Decimal) or not 0 < value < math.inf:
            raise UsageError(f"{name} is {value!r}", fix="pass a number above zero")
