"""Claims: statements of a lesson that are checked each time the lesson runs.

Every number that the prose states is also in a `claim`. It prints the statement with the measured value, or stops the
notebook with an error when the measured value is not the stated one.
"""

from __future__ import annotations

import math
from decimal import Decimal
from numbers import Real
from typing import Any

from course_utils.errors import ClaimError, UsageError
from course_utils.tables import DATASETS, dataset_of

__all__ = ["ALWAYS", "as_text", "claim"]

#: The keyword of `claim` for every data set that is not named itself.
ALWAYS = "always"
_KEYWORDS = (*DATASETS, ALWAYS)


def claim(statement: str, measured: Any, *, unit: str = "", **stated: Any) -> None:
    """Print a statement with its measured value, or raise an error if the value is not as stated.

    Parameters
    ----------
    statement : str
        The sentence to check, printed with a tick when it holds.
    measured : number or bool
        The value just measured: a Python, NumPy or pandas scalar, or an array that holds one number.
    unit : str, optional
        ``"$"`` is printed before the number, any other unit after it; default: no unit.
    **stated
        ``always=``, or the name of a data set, such as ``nyc2013=``, which counts before ``always=``. Each is a range
        ``(low, high)`` that includes both ends, with ``None`` for an open end; or a number, which the measured one must
        equal when rounded to the decimals stated; or ``True`` or ``False``.

    Raises
    ------
    ClaimError
        The measured value is not as stated for the data set: that of `measured` if it is a Series, else the active one.
    UsageError
        A keyword is not a data set, nothing is stated, or a value is not a number, a range or a boolean.

    Examples
    --------
    >>> claim("The share of late flights", 0.2132, always=(0.2, 0.25))
    ✓ The share of late flights: 0.213
    >>> claim("Warnings earn money", 15117 > 0, always=True)
    ✓ Warnings earn money
    """
    unknown = [name for name in stated if name not in _KEYWORDS]
    if unknown or not stated:
        problem = f"{unknown[0]!r} is not a data set" if unknown else "the claim has no stated value"
        raise UsageError(problem, fix=f"state a value as {', '.join(f'{name}=' for name in _KEYWORDS)}")
    value = _scalar(measured)
    # All of them are read, also those of other data sets, so that a mistake in one does not wait for its data set.
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
    """One stated value compared with the measured one: `text` describes it, `holds` says whether they agree."""

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
            raise UsageError(f"{wanted!r} is not a range", fix="state (low, high), with None for an open end")
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
    def _same_kind(value: bool | float, boolean: bool) -> None:
        if isinstance(value, bool) is not boolean:
            kinds = ("a number", "a boolean") if boolean else ("a boolean", "a number")
            raise UsageError(
                f"{kinds[0]} was measured, but {kinds[1]} is stated", fix="measure and state the same kind of value"
            )


def as_text(value: bool | float, *, exact: bool = False) -> str:
    """Format a number as the course prints it: three significant digits, from 1,000 on as a whole number.

    Parameters
    ----------
    value : bool, int or float
        Any number, infinite ones included; a boolean gives 'True' or 'False'.
    exact : bool
        Keep all digits, as for a stated value that an author typed.

    Examples
    --------
    >>> as_text(0.11449), as_text(-857300.0), as_text(12)
    ('0.114', '-857,300', '12')
    """
    if isinstance(value, bool):
        return str(value)
    if not math.isfinite(value):  # before int(value), which fails on these
        return str(float(value))
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if exact:
        return f"{value:,}"
    if 999.5 <= abs(value) < 1e15:  # three digits of 999.5 would be '1e+03'
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
            raise UsageError("a claim needs one value, not several", fix="choose one element or aggregate") from error
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Real | Decimal):
        return float(value)
    raise UsageError(f"a claim cannot compare a {type(value).__name__}", fix="pass one number, or True or False")


def _equal_as_stated(value: float, wanted: float) -> bool:
    """Return whether two numbers agree when rounded to the decimals with which `wanted` is written."""
    decimals = max(0, -int(Decimal(repr(wanted)).as_tuple().exponent)) if math.isfinite(wanted) else 0
    if isinstance(wanted, float) and wanted.is_integer():
        decimals = 0  # 100.0 claims no more precision than 100
    half = 0.5 * 10.0**-decimals
    return abs(value - wanted) <= half * (1 + 1e-9)  # a value exactly half a digit away may be stored a little further
