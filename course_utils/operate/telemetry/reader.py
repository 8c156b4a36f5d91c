"""Answer the queries of the course without Prometheus: a small part of PromQL, evaluated over an exposition.

Its results equal those of a real Prometheus; the tests compare the two where Prometheus is installed.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from course_utils.errors import UsageError
from course_utils.operate.telemetry.exposition import read_exposition

__all__ = ["LOOKBACK", "Reader", "as_table", "asked_at", "parse", "series_name"]

#: How long a day's value is valid. Days have 23 to 25 hours when clocks change: after 23 hours the next value is due.
LOOKBACK = timedelta(hours=23)
#: When a day is queried: 6:00 UTC of the next day, one hour after it ended in New York in winter, two in summer.
_ASKED = timedelta(hours=30)

_FIX = "use + - * /, comparisons, and, or, unless, abs, absent, sum, avg, min, max, count, and …_over_time"
_NAME = "__name__"
_WINDOWS: dict[str, Callable[[np.ndarray], float]] = {
    "avg_over_time": np.mean,
    "count_over_time": len,
    "last_over_time": lambda values: values[-1],
    "max_over_time": np.max,
    "min_over_time": np.min,
    "stddev_over_time": np.std,
    "sum_over_time": np.sum,
}
_AGGREGATES: dict[str, Callable[..., np.ndarray]] = {
    "avg": np.nanmean,
    "count": lambda rows, axis: (~np.isnan(rows)).sum(axis=axis),
    "max": np.nanmax,
    "min": np.nanmin,
    "sum": np.nansum,
}
_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
_COMPARISONS = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}

#: The labels of a series, including its name.
_Labels = frozenset[tuple[str, str]]
#: Series with a value for each queried moment, NaN where there is none.
_Vector = dict[_Labels, np.ndarray]


def parse(expression: str) -> Any:
    """Return the syntax tree of a query, an `expression` in PromQL.

    Raises
    ------
    UsageError
        The expression is not valid PromQL.
    """
    import promql_parser

    try:
        return promql_parser.parse(expression)
    except ValueError as error:
        raise UsageError(
            f"{expression!r} is not valid PromQL: {error}", fix="correct the query, such as avg_over_time(name[7d]) > 1"
        ) from None


def series_name(labels: dict[str, str]) -> str:
    """Return a series in PromQL's notation, given its `labels`, with the metric's name as ``__name__``.

    Examples
    --------
    >>> reader.series_name({"__name__": "up", "job": "clipper"})
    'up{job="clipper"}'
    """
    rest = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != _NAME)
    return labels.get(_NAME, "") + (f"{{{rest}}}" if rest or _NAME not in labels else "")


class Reader:
    """Answer PromQL queries over samples with times, as Prometheus would.

    Parameters
    ----------
    exposition : str
        The samples as OpenMetrics with times, as `expose` writes them.
    """

    def __init__(self, exposition: str) -> None:
        found: dict[_Labels, list[tuple[float, float]]] = {}
        for sample in read_exposition(exposition).itertuples():
            key = frozenset({_NAME: sample.metric, **sample.labels}.items())
            found.setdefault(key, []).append((sample.time.timestamp(), sample.value))
        self._series = {key: tuple(np.array(sorted(samples)).T) for key, samples in found.items()}

    def query(self, expression: str, days: pd.DatetimeIndex) -> pd.DataFrame:
        """Return the value of every series of a query on each day, soon after the day ended.

        Parameters
        ----------
        expression : str
            A query in PromQL: selectors, arithmetic, comparisons, ``and``, ``or``, ``unless``, aggregations such as
            ``sum``, and windows such as ``avg_over_time(name[7d])``.
        days : DatetimeIndex
            The days, in any order.

        Returns
        -------
        DataFrame, one row a day, one column a series
            Columns are named by `series_name`; NaN where a series has no value.

        Raises
        ------
        UsageError
            The expression is not valid PromQL, or needs what only Prometheus can do.
        """
        asked = asked_at(days)
        found = self._value(parse(expression), asked)
        if isinstance(found, float):
            found = {frozenset(): np.full(len(asked), found)}
        return as_table({series_name(dict(labels)): values for labels, values in found.items()}, days)

    def _value(self, node: Any, asked: np.ndarray) -> _Vector | float:
        """Return the value of a part of a query at each of the moments."""
        kind = type(node).__name__
        if kind == "NumberLiteral":
            return float(node.val)
        if kind == "ParenExpr":
            return self._value(node.expr, asked)
        if kind == "UnaryExpr":
            return _arithmetic("-", 0.0, self._value(node.expr, asked), node)
        if kind == "VectorSelector":
            return self._select(node, asked, LOOKBACK, _WINDOWS["last_over_time"])
        if kind == "Call" and node.func.name in _WINDOWS and type(node.args[-1]).__name__ == "MatrixSelector":
            window = node.args[-1]
            found = self._select(window.vector_selector, asked, window.range, _WINDOWS[node.func.name])
            return found if node.func.name == "last_over_time" else _nameless(found)
        if kind == "Call" and node.func.name == "abs":
            return _nameless({labels: np.abs(values) for labels, values in self._value(node.args[0], asked).items()})
        if kind == "Call" and node.func.name == "absent":
            return _absent(node.args[0], self._value(node.args[0], asked), len(asked))
        if kind == "AggregateExpr" and str(node.op) in _AGGREGATES:
            return _aggregate(node, self._value(node.expr, asked))
        if kind == "BinaryExpr":
            return _binary(node, self._value(node.lhs, asked), self._value(node.rhs, asked))
        raise UsageError(f"the small reader does not support {node.prettify()!r}", fix=f"{_FIX}, or install Prometheus")

    def _select(
        self, node: Any, asked: np.ndarray, window: timedelta, summary: Callable[[np.ndarray], float]
    ) -> _Vector:
        """Return a summary of the samples that each selected series has in the window before each moment."""
        if node.at is not None:
            raise UsageError("the small reader does not support @", fix=f"{_FIX}, or install Prometheus")
        wanted = [(one.name, str(one.op).rpartition(".")[2], one.value) for one in node.matchers.matchers]
        if node.name:
            wanted.append((_NAME, "Equal", node.name))
        last = asked - int((node.offset or timedelta()).total_seconds())
        found = {}
        for labels, (times, values) in self._series.items():
            if _matches(dict(labels), wanted):
                # Prometheus 2 includes a sample at the very start of a window, version 3 does not; daily samples are
                # never exactly there.
                first = np.searchsorted(times, last - int(window.total_seconds()), side="right")
                past = np.searchsorted(times, last, side="right")
                found[labels] = np.array(
                    [summary(values[low:high]) if low < high else np.nan for low, high in zip(first, past, strict=True)]
                )
        return found


def asked_at(days: pd.DatetimeIndex) -> np.ndarray:
    """Return the moment at which each of the `days`, a DatetimeIndex, is queried, in seconds since 1970."""
    return ((pd.DatetimeIndex(days).normalize() + _ASKED).tz_localize("UTC")).as_unit("s").asi8


def as_table(columns: dict[str, Any], days: pd.DatetimeIndex) -> pd.DataFrame:
    """Return the values of series as a table by day, sorted by name, without series that never have a value.

    Parameters
    ----------
    columns : dict of str to sequence of float
        The values of each series, one a day, by the name of the series.
    days : DatetimeIndex
        The days, as many as each series has values.
    """
    table = pd.DataFrame(columns, index=pd.DatetimeIndex(days, name="day"), dtype=float).dropna(axis=1, how="all")
    return table[sorted(table.columns)].rename(columns=str)


def _matches(labels: dict[str, str], wanted: Iterable[tuple[str, str, str]]) -> bool:
    """Return whether labels fulfil all matchers: name, operator, value."""
    tests = {
        "Equal": operator.eq,
        "NotEqual": operator.ne,
        "Re": lambda value, pattern: re.fullmatch(pattern, value) is not None,
        "NotRe": lambda value, pattern: re.fullmatch(pattern, value) is None,
    }
    return all(tests[how](labels.get(name, ""), value) for name, how, value in wanted)


def _nameless(vector: _Vector) -> _Vector:
    """Return the series without their metric names, which every computation drops."""
    found = {frozenset(pair for pair in labels if pair[0] != _NAME): values for labels, values in vector.items()}
    if len(found) < len(vector):
        raise UsageError(
            "without their metric names, several series have the same labels", fix="query one metric at a time"
        )
    return found


def _absent(node: Any, found: _Vector, moments: int) -> _Vector:
    """Return 1 where no series has a value, with the labels that the selector asks for."""
    there = np.zeros(moments, dtype=bool)
    for values in found.values():
        there |= ~np.isnan(values)
    demanded = getattr(getattr(node, "matchers", None), "matchers", ())
    labels = frozenset((one.name, one.value) for one in demanded if str(one.op).endswith(".Equal"))
    return {labels: np.where(there, np.nan, 1.0)}


def _aggregate(node: Any, vector: _Vector) -> _Vector:
    """Return the series of a vector aggregated by their labels."""
    named = list(node.modifier.labels) if node.modifier else []
    keep = node.modifier is None or str(node.modifier.type).endswith(".By")
    groups: dict[_Labels, list[np.ndarray]] = {}
    for labels, values in vector.items():
        group = frozenset(pair for pair in labels if (pair[0] in named) == keep and pair[0] != _NAME)
        groups.setdefault(group, []).append(values)
    found = {}
    for labels, rows in groups.items():
        stacked, nothing = np.array(rows), np.isnan(rows).all(axis=0)
        stacked = np.where(nothing, 0.0, stacked)  # NumPy warns about the mean of nothing; the result is NaN anyway
        found[labels] = np.where(nothing, np.nan, _AGGREGATES[str(node.op)](stacked, axis=0))
    return found


def _binary(node: Any, left: _Vector | float, right: _Vector | float) -> _Vector | float:
    """Return the value of a binary operator."""
    how = str(node.op)
    if how in _ARITHMETIC:
        return _arithmetic(how, left, right, node)
    if how in _COMPARISONS:
        return _compare(how, left, right, node)
    if how in ("and", "or", "unless"):
        return _combine(how, left, right, node)
    raise UsageError(f"the small reader does not support {how!r}", fix=f"{_FIX}, or install Prometheus")


def _key(labels: _Labels, node: Any) -> _Labels:
    """Return the labels by which two sides are matched: all except the name, or as on() and ignoring() say."""
    matching = getattr(getattr(node, "modifier", None), "matching", None)
    named = {*(matching.labels if matching else ())}
    on = matching is not None and str(matching.type).endswith(".Include")
    return frozenset(pair for pair in labels if pair[0] != _NAME and (pair[0] in named) == on)


def _pairs(left: _Vector | float, right: _Vector | float, node: Any) -> Iterable[tuple[_Labels, Any, Any]]:
    """Yield the labels and both values of each pair of series, or of each series and the number on the other side."""
    if isinstance(left, float):
        yield from ((labels, left, values) for labels, values in right.items())
        return
    if isinstance(right, float):
        yield from ((labels, values, right) for labels, values in left.items())
        return
    if not str(node.modifier.card if node.modifier else "OneToOne").endswith("OneToOne"):
        raise UsageError(
            "the small reader does not support group_left and group_right", fix=f"{_FIX}, or install Prometheus"
        )
    others = {_key(labels, node): values for labels, values in right.items()}
    if len(others) < len(right) or len({_key(labels, node) for labels in left}) < len(left):
        raise UsageError(f"{node.prettify()!r} matches one series with several", fix="name labels to match by: on (…)")
    yield from (
        (labels, values, others[_key(labels, node)]) for labels, values in left.items() if _key(labels, node) in others
    )


def _arithmetic(how: str, left: _Vector | float, right: _Vector | float, node: Any) -> _Vector | float:
    """Return the value of +, -, * or /."""
    compute = _ARITHMETIC[how]
    with np.errstate(divide="ignore", invalid="ignore"):
        if isinstance(left, float) and isinstance(right, float):
            return float(compute(np.float64(left), np.float64(right)))
        two = not isinstance(left, float) and not isinstance(right, float)
        found = {labels: compute(*map(np.float64, (one, other))) for labels, one, other in _pairs(left, right, node)}
    return {_key(labels, node): values for labels, values in found.items()} if two else _nameless(found)


def _compare(how: str, left: _Vector | float, right: _Vector | float, node: Any) -> _Vector | float:
    """Return the series for which a comparison holds; with the modifier bool, 1 where it holds and 0 where not."""
    holds, flag = _COMPARISONS[how], bool(node.modifier and node.modifier.return_bool)
    if isinstance(left, float) and isinstance(right, float):
        return float(holds(left, right))
    found: _Vector = {}
    for labels, one, other in _pairs(left, right, node):
        kept = other if isinstance(left, float) else one  # a comparison is a filter: the result is the series' value
        there = ~np.isnan(one + other)
        yes = holds(one, other) & there
        if flag:
            found[labels] = np.where(there, yes.astype(float), np.nan)
        else:
            found[labels] = np.where(yes, kept, np.nan)
    return _nameless(found) if flag else found


def _combine(how: str, left: _Vector, right: _Vector, node: Any) -> _Vector:
    """Return the series on the left that the right has (and) or does not have (unless), or those of both (or)."""

    def there(side: _Vector, key: _Labels) -> np.ndarray | bool:
        found: np.ndarray | bool = False
        for labels, values in side.items():
            if _key(labels, node) == key:
                found = found | ~np.isnan(values)
        return found

    if how == "or":
        extra = {labels: np.where(there(left, _key(labels, node)), np.nan, values) for labels, values in right.items()}
        both = {labels: np.where(np.isnan(left[labels]), extra[labels], left[labels]) for labels in left.keys() & extra}
        return left | extra | both
    keep = (lambda found: found) if how == "and" else np.logical_not
    return {labels: np.where(keep(there(right, _key(labels, node))), values, np.nan) for labels, values in left.items()}
