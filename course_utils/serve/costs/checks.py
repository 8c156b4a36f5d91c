"""Checks of numbers that come in."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from numbers import Integral, Real
from typing import Any

import numpy as np

from course_utils.errors import UsageError

__all__ = [
    "check_positive",
    "to_count",
    "to_decimal",
]


def to_decimal(value: Any, what: str) -> Decimal:
    """Read a number as it is written: 0.1 is a tenth, not the float next to it."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise UsageError(f"{what} is {value!r}", fix="give a number, zero or more")
    return number


def to_count(value: Any) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < 0:
        raise UsageError(f"{value!r} predictions", fix="give a whole number, zero or more, without a decimal point")
    return int(value)


def check_positive(**numbers: Any) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Real | Decimal) or not 0 < value < math.inf:
            raise UsageError(f"{name} is {value!r}", fix="give a number above zero")
