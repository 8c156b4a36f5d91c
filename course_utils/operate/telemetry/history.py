"""A past to be asked in Prometheus' language: of Prometheus where it is installed, of the small reader elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from course_utils.errors import UsageError
from course_utils.operate.telemetry.exposition import expose
from course_utils.operate.telemetry.panels import panel_lines
from course_utils.operate.telemetry.programs import installed
from course_utils.operate.telemetry.prometheus import Prometheus
from course_utils.operate.telemetry.reader import Reader
from course_utils.operate.telemetry.rules import rule_file, rule_states

if TYPE_CHECKING:
    from typing import Self

__all__ = ["History", "open_history"]

_ENGINES = ("prometheus", "reader")


class History:
    """Days that were measured, to be asked about; `open_history` makes it.

    Parameters
    ----------
    daily : DataFrame, one row a day
        As from `drift.daily_signals`.
    engine : str
        'prometheus' or 'reader'.

    Attributes
    ----------
    exposition : str
        What Prometheus was given: OpenMetrics, with times.
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
        """Where its pages are, for the browser; None without Prometheus."""
        return getattr(self._engine, "address", None)

    def query(self, expression: str) -> pd.DataFrame:
        """Ask for the value of every series on each day, soon after it ended.

        Parameters
        ----------
        expression : str
            PromQL, such as ``avg_over_time(flights_log_loss[7d])``.

        Returns
        -------
        DataFrame, one row a day
            A column for each series; NaN where it has no value.

        Raises
        ------
        UsageError
            The expression is no PromQL, or needs what only Prometheus can do.
        """
        return self._engine.query(expression, self.days)

    def panel(self, name: str) -> pd.DataFrame:
        """Return what a panel shows, ready for `plots.lines`.

        Parameters
        ----------
        name : str
            Of the panel: see `panels`.

        Returns
        -------
        DataFrame, one row a day
            A column for each line.

        Raises
        ------
        UsageError
            There is no such panel.
        """
        found = {line: self.query(query) for line, query in panel_lines(name).items()}
        columns = {line: table.iloc[:, 0] if table.shape[1] else float("nan") for line, table in found.items()}
        return pd.DataFrame(columns, index=self.days)

    def alerts(self) -> pd.DataFrame:
        """Return which alerts would have fired, and when.

        Returns
        -------
        DataFrame, one row for each day and signal of an alert that fired
            'day', 'alert', 'signal', 'severity' and 'value', in order of the day.
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
        """Stop Prometheus, if there is one, and remove what it kept; a second time does nothing."""
        if isinstance(self._engine, Prometheus):
            self._engine.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"History of {len(self.days)} days, {self.days[0]:%Y-%m-%d} to {self.days[-1]:%Y-%m-%d}"


def open_history(daily: pd.DataFrame, engine: str | None = None) -> History:
    """Give days that were measured to Prometheus, each with its own time, to be asked about.

    Parameters
    ----------
    daily : DataFrame, one row a day
        As from `drift.daily_signals`: its index names the days, its columns are the signals.
    engine : {'prometheus', 'reader'}, optional
        A real Prometheus on a free port of this machine, stopped when the history is closed or the notebook ends; or
        the small reader, which gives the same numbers. Default: Prometheus where it is installed.

    Returns
    -------
    History

    Raises
    ------
    DataError
        A day comes twice, or a column holds no numbers.
    UsageError
        There is no such engine, there are no days, or Prometheus is asked for and not installed.
    """
    if engine not in (None, *_ENGINES):
        raise UsageError(f"there is no engine {engine!r}", fix=f"choose from {', '.join(_ENGINES)}")
    if daily.empty:
        raise UsageError("there are no days", fix="pass a table with one row for each day")
    return History(daily, engine or ("prometheus" if installed() else "reader"))
