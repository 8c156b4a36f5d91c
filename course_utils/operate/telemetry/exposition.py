"""Write what was measured of each day in Prometheus' text format, with the time at which it happened, and read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from course_utils import tables
from course_utils.errors import DataError

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["PREFIX", "ZONE", "day_ends", "expose", "metric_name", "read_exposition"]

#: What the name of each day's signal begins with, so that a search for it finds all of them.
PREFIX = "flights_"
#: Whose clock says when a day is over: all flights of the case leave from New York.
ZONE = "America/New_York"


def metric_name(signal: str) -> str:
    """Return the name under which Prometheus knows a `signal`, a column of the daily table: itself, with a prefix.

    Parameters
    ----------
    signal : str
        Such as ``"log_loss"``, which becomes ``flights_log_loss``; what is no letter, digit or _ becomes a _.
    """
    return PREFIX + re.sub(r"\W+", "_", str(signal).strip(), flags=re.ASCII)


def day_ends(days: pd.Index) -> pd.DatetimeIndex:
    """Return the moment at which each day ended in New York, as UTC.

    Parameters
    ----------
    days : Index of dates, or of texts that name them
    """
    midnights = pd.DatetimeIndex(days).normalize() + pd.Timedelta(days=1)
    return midnights.tz_localize(ZONE).tz_convert("UTC")


def expose(daily: pd.DataFrame) -> str:
    """Write a table of days as OpenMetrics, each value with the moment at which its day ended.

    Parameters
    ----------
    daily : DataFrame, one row a day
        Its index names the days, its columns the signals, all numbers or true and false. What is missing is left out.

    Returns
    -------
    str
        A gauge for each column; `metric_name` says how it is called.

    Raises
    ------
    DataError
        A day comes twice, a column holds no numbers, or two columns would have one name.
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client.openmetrics.exposition import generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Days(daily))
    return generate_latest(registry).decode("utf-8")


class _Days:
    """What prometheus_client asks for the metrics of a table of days."""

    def __init__(self, daily: pd.DataFrame) -> None:
        twice = daily.index.duplicated()
        if twice.any():
            raise DataError(
                f"the day {daily.index[twice][0]} comes twice",
                row=int(twice.argmax()),
                fix="pass one row for each day",
            )
        self.table = daily.sort_index()
        self.names: dict[str, Any] = {}
        for column in daily.columns:
            other = self.names.setdefault(metric_name(column), column)
            if other != column:
                raise DataError(
                    f"its metric would have the name of that of {other!r}", column=column, fix="rename one of the two"
                )
            if not pd.api.types.is_numeric_dtype(daily[column]):
                raise DataError("Prometheus keeps numbers only", column=column, fix="leave it out, or count it")

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        told = {one["name"]: f"{one['title']} ({one['unit']})" for one in tables.read_toml("drift.toml")["signal"]}
        times = day_ends(self.table.index).as_unit("s").asi8
        for name, column in self.names.items():
            family = GaugeMetricFamily(name, told.get(column, f"{column} of each day"))
            values = self.table[column].to_numpy(dtype=float, na_value=float("nan"))
            for time, value in zip(times, values, strict=True):
                if value == value:
                    family.add_metric([], value, timestamp=int(time))
            yield family


def read_exposition(text: str) -> pd.DataFrame:
    """Read Prometheus' text format, with times (OpenMetrics) or without, as a service answers under ``/metrics``.

    Parameters
    ----------
    text : str
        A whole answer.

    Returns
    -------
    DataFrame, one row a sample
        'metric', 'labels' (a dict), 'value', and 'time' (UTC, missing where the text tells none).

    Raises
    ------
    DataError
        The text is in neither format.
    """
    from prometheus_client import openmetrics, parser
    from prometheus_client.openmetrics import parser as _  # noqa: F401 (makes openmetrics.parser known)

    parse = openmetrics.parser if text.rstrip().endswith("# EOF") else parser
    try:
        samples = [sample for family in parse.text_string_to_metric_families(text) for sample in family.samples]
    except (ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"this is no text that Prometheus would take: {error}", fix="pass what /metrics answers, as it is"
        ) from error
    table = pd.DataFrame(
        [
            (one.name, dict(one.labels), one.value, None if one.timestamp is None else float(one.timestamp))
            for one in samples
        ],
        columns=["metric", "labels", "value", "time"],
    )
    return table.assign(time=pd.to_datetime(table["time"].astype(float), unit="s", utc=True))
