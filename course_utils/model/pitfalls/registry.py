"""What a check is: a row of ``tables/model/pitfalls.toml`` with a detector, the function that answers its question.

`detects` registers a detector under the name of its row, `detector` looks one up, and `checks` returns the rows. No
other list of checks exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import faults
from course_utils.errors import UsageError

__all__ = [
    "ALARMS",
    "COLUMNS",
    "SEVERITIES",
    "Context",
    "NotAssessableError",
    "checks",
    "detector",
    "detects",
    "finding",
    "read_limits",
    "require",
]

#: From the worst to the harmless; the last one is no verdict.
SEVERITIES = ("stop", "look", "note", "not assessable")
#: The severities that count as an alarm.
ALARMS = ("stop", "look")
#: The columns of a table of findings.
COLUMNS = ("check", "where", "evidence", "number", "severity", "fix")

_Check = Callable[..., pd.DataFrame]
_DETECTORS: dict[str, _Check] = {}
_TABLE = "pitfalls.toml"


class NotAssessableError(Exception):
    """A detector lacks what it needs to reach a verdict; the message names what is missing."""


class Context(NamedTuple):
    """Everything that a detector may look at.

    Attributes
    ----------
    delivery : Delivery
        The flights to examine.
    reference : Delivery or None
        Flights of an earlier time, if there are any.
    dictionary : DataFrame
        The data dictionary, one row a column.
    horizon : float
        Hours before departure at which the model predicts.
    log : DataFrame or None
        What the model in production did, if that is known.
    """

    delivery: faults.Delivery
    reference: faults.Delivery | None
    dictionary: pd.DataFrame
    horizon: float
    log: pd.DataFrame | None


def checks() -> pd.DataFrame:
    """Return the checks of the table, in its order: the question each asks, and what to do if it finds something.

    Returns
    -------
    DataFrame, index 'name'
        'side' ('signal' or 'data'), 'kind' ('rule': exact; 'statistic': it can be wrong), 'asks' and 'fix'.

    Examples
    --------
    >>> pitfalls.checks().loc["available", ["side", "kind", "fix"]].to_list()
    ['signal', 'rule', 'remove it, or predict later']
    """
    return pd.DataFrame(tables.read_toml(_TABLE)["check"]).set_index("name")


def read_limits() -> dict[str, float]:
    """Return the limits from which detectors raise an alarm, by name: section ``limits`` of the table of checks."""
    return tables.read_toml(_TABLE)["limits"]


def require(present: Any, what: str) -> None:
    """Stop a detector that lacks what it needs.

    Parameters
    ----------
    present : object
        What the detector needs: refused if it is None or empty.
    what : str
        Its name in the message, to follow 'needs'.

    Raises
    ------
    NotAssessableError
        `present` is None or empty.
    """
    if present is None or (hasattr(present, "__len__") and not len(present)):
        raise NotAssessableError(what)


def finding(where: str | Iterable[str], evidence: str, number: float, severity: str, fix: str = "") -> dict[str, Any]:
    """Return one finding, in the form that a detector yields.

    Parameters
    ----------
    where : str or iterable of str
        The columns concerned; empty if whole rows are.
    evidence : str
        What was seen, in words with numbers.
    number : float
        The one number that decided, such as a share or a count.
    severity : str
        One of `SEVERITIES`, from 'stop' to 'not assessable'.
    fix : str
        What to do; by default, what the check's row in the table says.
    """
    columns = where if isinstance(where, str) else ", ".join(where)
    return {"where": columns, "evidence": evidence, "number": float(number), "severity": severity, "fix": fix}


def detects(name: str) -> Callable[[Callable[[Context], Iterator[dict[str, Any]]]], _Check]:
    """Register a generator of findings as the detector of a check.

    The check itself takes a delivery, a reference, a dictionary, a horizon and a log. It returns the findings as a
    table; if the generator raises `NotAssessableError`, its last row says so.

    Parameters
    ----------
    name : str
        Of the check's row in ``tables/model/pitfalls.toml``. A second function with the same name is refused.

    Returns
    -------
    callable
        A decorator of functions that take a `Context` and yield what `finding` returns.

    Raises
    ------
    UsageError
        Another function is the detector of that check.

    Examples
    --------
    >>> pitfalls.variance(pitfalls.Delivery(flights, ("Year", "Month")), None, None, 3)["evidence"].to_list()
    ['it is 2013 on every row', 'it is 1 on every row']
    """

    def register(function: Callable[[Context], Iterator[dict[str, Any]]]) -> _Check:
        other = getattr(_DETECTORS.get(name), "__wrapped__", function)
        # The same function again is a module that was reloaded.
        if (other.__module__, other.__qualname__) != (function.__module__, function.__qualname__):
            raise UsageError(
                f"the check {name!r} has a detector already: {other.__module__}.{other.__qualname__}",
                fix=f"choose another name for {function.__qualname__}",
            )
        _DETECTORS[name] = _as_check(name, function)
        return _DETECTORS[name]

    return register


def _as_check(name: str, function: Callable[[Context], Iterator[dict[str, Any]]]) -> _Check:
    """Return a function that gathers what a detector yields in one table."""

    # Only the docstring is taken over: the check has another signature, and the name of its row.
    @wraps(function, assigned=("__doc__",))
    def check(
        delivery: faults.Delivery,
        reference: faults.Delivery | None,
        dictionary: pd.DataFrame,
        horizon: float,
        log: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        fix = checks().loc[name, "fix"]
        found: list[dict[str, Any]] = []
        # What was found before something turned out to be missing is kept: both are worth reporting.
        try:
            for one in function(Context(delivery, reference, dictionary, horizon, log)):
                found.append({"check": name, **one, "fix": one["fix"] or fix})
        except NotAssessableError as missing:
            evidence = f"not assessable: needs {missing}"
            one = finding("", evidence, np.nan, "not assessable", f"send {missing}, and check again")
            found.append({"check": name, **one})
        return pd.DataFrame(found, columns=list(COLUMNS)).astype({"number": float})

    check.__name__ = check.__qualname__ = name
    return check


def detector(name: str) -> Callable[..., pd.DataFrame]:
    """Return the function behind a check; it takes delivery, reference, dictionary, horizon and log.

    Parameters
    ----------
    name : str
        One of the names in `checks`.

    Raises
    ------
    UsageError
        There is no such check, or it has a row in the table and no detector, or a detector and no row.

    Examples
    --------
    >>> pitfalls.detector("available") is pitfalls.available
    True
    """
    names = list(checks().index)
    if name in names and name in _DETECTORS:
        return _DETECTORS[name]
    if name in names:
        raise UsageError(
            f"the check {name!r} has a row in {_TABLE} and no detector",
            fix=f'write a function under @detects("{name}")',
        )
    if name in _DETECTORS:
        raise UsageError(
            f"the detector {name!r} has no row in {_TABLE}", fix=f'add a [[check]] with name = "{name}" to the table'
        )
    raise UsageError(f"there is no check {name!r}", fix=f"choose one of {', '.join(names)}")
