"""A history of daily signals that answers PromQL queries.

It asks a real Prometheus where one is installed, and the small PromQL reader elsewhere; both give the same answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from course_utils.errors import UsageError
from course_utils.operate.telemetry.alert_rules import rule_file, rule_states
from course_utils.operate.telemetry.dashboards import panel_lines
from course_utils.operate.telemetry.exposition import expose
from course_utils.operate.telemetry.programs import installed
from course_utils.operate.telemetry.prometheus import Prometheus
from course_utils.operate.telemetry.reader import Reader
from course_utils.wording import counted

if TYPE_CHECKING:
    from typing import Self

__all__ = ["History", "open_history"]

_ENGINES = ("prometheus", "reader")


class History:
    """Daily signals that answer PromQL queries. Made by `open_history`.

    Parameters
    ----------
    daily : DataFrame, one row a day
        As for `open_history`, with one day or more.
    engine : {'prometheus', 'reader'}
        What answers: a real Prometheus, or the small reader.

    Attributes
    ----------
    exposition : str
        The daily table as OpenMetrics, with times.
    days : DatetimeIndex
        All days from the first to the last.
    """

    def __init__(self, daily: pd.DataFrame, engine: str) -> None:
        self.exposition = expose(daily)
        stamps = pd.DatetimeIndex(daily.index)
        self.days = pd.date_range(stamps.min(), stamps.max(), name="day")
        self._engine = Prometheus(self.exposition) if engine == "prometheus" else Reader(self.exposition)

    @property
    def address(self) -> str | None:
        """The address of Prometheus' pages, for a browser; None with the small reader."""
        return getattr(self._engine, "address", None)

    def query(self, expression: str) -> pd.DataFrame:
        """Return the value of every series of a query on each day, soon after the day ended.

        Parameters
        ----------
        expression : str
            A query in PromQL, such as ``avg_over_time(flights_log_loss[7d])``.

        Returns
        -------
        DataFrame, one row a day, one column a series
            NaN where a series has no value.

        Raises
        ------
        UsageError
            The expression is not valid PromQL, or needs what only Prometheus can do.
        """
        return self._engine.query(expression, self.days)

    def panel(self, name: str) -> pd.DataFrame:
        """Return the lines of a panel, ready for `plots.lines`.

        Parameters
        ----------
        name : str
            The name of a panel, one of `panels`.

        Returns
        -------
        DataFrame, one row a day, one column a line

        Raises
        ------
        UsageError
            There is no such panel.
        """
        found = {line: self.query(query) for line, query in panel_lines(name).items()}
        columns = {line: table.iloc[:, 0] if table.shape[1] else float("nan") for line, table in found.items()}
        return pd.DataFrame(columns, index=self.days)

    def alerts(self) -> pd.DataFrame:
        """Return which alerts would have fired, and on which days.

        Returns
        -------
        DataFrame, one row for each day and signal of an alert that fired
            'day', 'alert', 'signal', 'severity' and 'value', sorted by day.
        """
        rows = []
        for rule in (one for group in rule_file("flights")["groups"] for one in group["rules"] if "alert" in one):
            states = rule_states(rule, self.query)
            values = self.query(rule["expr"])
            for series in states:
                fired = states.index[states[series] == "firing"]
                labels = rule["labels"]
                rows += [
                    (day, rule["alert"], labels.get("signal", ""), labels["severity"], values.loc[day, series])
                    for day in fired
                ]
        table = pd.DataFrame(rows, columns=["day", "alert", "signal", "severity", "value"])
        return table.sort_values("day", kind="stable", ignore_index=True)

    def close(self) -> None:
        """Stop Prometheus, if there is one, and remove its files; a second call does nothing."""
        if isinstance(self._engine, Prometheus):
            self._engine.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"History of {counted(len(self.days), 'day')}, {self.days[0]:%Y-%m-%d} to {self.days[-1]:%Y-%m-%d}"


def open_history(daily: pd.DataFrame, engine: str | None = None) -> History:
    """Load a daily table into Prometheus, each value with its own time, and return a history that answers queries.

    Parameters
    ----------
    daily : DataFrame, one row a day
        As from `drift.daily_signals`: the index has the days, the columns are the signals.
    engine : {'prometheus', 'reader'}, optional
        A real Prometheus on a free port of this machine, which stops when the history is closed or the notebook ends;
        or the small reader, which gives the same numbers. By default, Prometheus where it is installed.

    Raises
    ------
    DataError
        A day is there twice, or a column is not numeric.
    UsageError
        There is no such engine, the table is empty, or engine='prometheus' is given and it is not installed.

    Examples
    --------
    >>> from course_utils import tables
    >>> year = tables.benchmark("drift_year")
    >>> history = telemetry.open_history(year[["log_loss"]], engine="reader")
    >>> history.query("avg_over_time(flights_log_loss[7d])").iloc[-1].round(2).tolist()
    [0.5]
    """
    if engine not in (None, *_ENGINES):
        raise UsageError(f"there is no engine {engine!r}", fix=f"choose engine= from {', '.join(_ENGINES)}")
    if daily.empty:
        raise UsageError("there are no days in the table", fix="pass a table with one row for each day")
    return History(daily, engine or ("prometheus" if installed() else "reader"))
