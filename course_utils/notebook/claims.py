"""Statements of a lesson that are checked each time the lesson runs.

What the prose says with a number stands in a `claim` too: the claim prints the statement with what was measured, and
stops the notebook where the two differ.
"""

from __future__ import annotations

import math
from decimal import Decimal
from numbers import Real
from typing import Any

from course_utils.errors import ClaimError, UsageError
from course_utils.tables import DATASETS, dataset_of

__all__ = ["ALWAYS", "as_text", "claim"]

ALWAYS = "always"
_KEYWORDS = (*DATASETS, ALWAYS)


def claim(statement: str, measured: Any, *, unit: str = "", **stated: Any) -> None:
    """Print a statement with its measured value, or raise where it is not as stated.

    Parameters
    ----------
    statement : str
        The sentence that the lesson stands by.
    measured : number or bool
        What was measured just now: a Python, numpy or pandas scalar.
    unit : str, optional
        ``"$"`` stands before the printed number, anything else after it.
    **stated
        ``always=`` or the name of a data set, such as ``nyc2013=``, which counts before ``always=``. Each is a range
        ``(low, high)``, both ends included, where ``None`` leaves an end open; or a number, which the measured one must
        equal at the decimals stated; or ``True``/``False``.

    Raises
    ------
    ClaimError
        The measured value is not as stated for the data set: that of `measured` if it is a Series, else the active one.
    UsageError
        A keyword is no data set, nothing is stated, or a value is neither a number, a range nor a truth.
    """
    unknown = [name for name in stated if name not in _KEYWORDS]
    if unknown or not stated:
        problem = f"a claim cannot be stated for {unknown[0]!r}" if unknown else "a claim without a stated value"
        raise UsageError(problem, fix=f"state a value as {', '.join(f'{name}=' for name in _KEYWORDS)}")
    value = _scalar(measured)
    checks = {name: _Stated(wanted, value, unit) for name, wanted in stated.items()}
    dataset = dataset_of(measured)
    check = checks.get(dataset) or checks.get(ALWAYS)
    if check is None:
        # A data set of your own: the lesson shows what it measures there, and has no value to compare it with.
        print(f"· {statement}: {_with_unit(as_text(value), unit)} on {dataset}, for which the lesson states no value")
        return
    if not check.holds:
        found = _with_unit(as_text(value), unit)
        raise ClaimError(
            f"{statement!r} does not hold on {dataset}: measured {found}, stated {check.text}",
            fix="find out what changed the measurement, or correct the prose and the stated value together",
        )
    if isinstance(value, bool):
        print(f"✓ {statement}" if value else f"✓ {statement}: no")
    else:
        print(f"✓ {statement}: {_with_unit(as_text(value), unit)}")


class _Stated:
    """One stated value, set against the measured one.

    Parameters
    ----------
    wanted : bool, number or pair
        What the lesson states.
    value : bool, int or float
        What was measured.
    unit : str
        The unit of both.
    """

    def __init__(self, wanted: Any, value: bool | float, unit: str) -> None:
        if isinstance(wanted, tuple | list):
            self._range(wanted, value, unit)
        else:
            wanted = _scalar(wanted)
            self.text = _with_unit(as_text(wanted, exact=True), unit)
            self.holds = value is wanted if isinstance(wanted, bool) else _equal_as_stated(value, wanted)
            self._same_kind(value, isinstance(wanted, bool))

    def _range(self, wanted: Any, value: bool | float, unit: str) -> None:
        if len(wanted) != 2 or wanted[0] is None is wanted[1]:
            raise UsageError(f"{wanted!r} is no range", fix="state (low, high), with None for an open end")
        self._same_kind(value, False)
        low, high = (None if end is None else _scalar(end) for end in wanted)
        if None not in (low, high) and low > high:
            raise UsageError(f"the range {wanted!r} is empty", fix="state the lower end first")
        self.holds = (low is None or value >= low) and (high is None or value <= high)
        ends = [None if end is None else _with_unit(as_text(end, exact=True), unit) for end in (low, high)]
        if ends[0] is None:
            self.text = f"at most {ends[1]}"
        else:
            self.text = f"at least {ends[0]}" if ends[1] is None else f"from {ends[0]} to {ends[1]}"

    @staticmethod
    def _same_kind(value: bool | float, truth: bool) -> None:
        if isinstance(value, bool) is not truth:
            kinds = ("a number", "True or False") if truth else ("True or False", "a number")
            raise UsageError(f"{kinds[0]} was measured and {kinds[1]} stated", fix="measure and state the same kind")


def as_text(value: bool | float, *, exact: bool = False) -> str:
    """Write a number as the course prints it: three significant digits, whole numbers from 1,000 on.

    Parameters
    ----------
    value : bool, int or float
        The number.
    exact : bool
        Keep all the digits (for stated values, which somebody typed).

    Examples
    --------
    >>> as_text(0.11449), as_text(-857300.0), as_text(12)
    ('0.114', '-857,300', '12')
    """
    if isinstance(value, bool):
        return str(value)
    if not math.isfinite(value):
        return str(float(value))
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if exact:
        return f"{value:,}"
    if 999.5 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _with_unit(text: str, unit: str) -> str:
    if unit == "$":
        return f"-${text[1:]}" if text.startswith("-") else f"${text}"
    return f"{text}{unit}" if unit in ("", "%") else f"{text} {unit}"


def _scalar(value: Any) -> bool | int | float:
    """Return a Python bool, int or float from any scalar, or from an array or Series that holds just one."""
    if hasattr(value, "item"):  # numpy scalars and arrays, pandas Series
        try:
            value = value.item()
        except ValueError as error:
            raise UsageError("many values where a claim needs one", fix="choose one element or aggregate") from error
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Real | Decimal):
        return float(value)
    raise UsageError(f"a claim cannot be made on a {type(value).__name__}", fix="measure one number or True/False")


def _equal_as_stated(value: float, wanted: float) -> bool:
    """Say whether two numbers are the same at the decimals with which `wanted` is written."""
    decimals = max(0, -int(Decimal(repr(wanted)).as_tuple().exponent)) if math.isfinite(wanted) else 0
    if isinstance(wanted, float) and wanted.is_integer():
        decimals = 0  # 100.0 is written with no decimal that says anything
    half = 0.5 * 10.0**-decimals
    return abs(value - wanted) <= half * (1 + 1e-9)
