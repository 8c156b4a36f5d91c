"""Write daily signals in Prometheus' text format, and read that format.

Each value carries the time at which its day ended in New York, so that Prometheus stores the past as it happened.
"""

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

#: The prefix of each metric of a daily signal, as Prometheus recommends: one search finds all of them.
PREFIX = "flights_"
#: The time zone in which a day ends: all flights of the case leave from New York.
ZONE = "America/New_York"


def metric_name(signal: str) -> str:
    """Return the name of the metric of a `signal`: a prefix and the column's name, with _ for each other character.

    Examples
    --------
    >>> telemetry.metric_name("log_loss")
    'flights_log_loss'
    """
    return PREFIX + re.sub(r"\W+", "_", str(signal).strip(), flags=re.ASCII)


def day_ends(days: pd.Index) -> pd.DatetimeIndex:
    """Return the moment, as UTC, at which each of the `days` ended in New York; days are dates, or texts of dates."""
    midnights = pd.DatetimeIndex(days).normalize() + pd.Timedelta(days=1)
    return midnights.tz_localize(ZONE).tz_convert("UTC")


def expose(daily: pd.DataFrame) -> str:
    """Return a daily table as OpenMetrics text, each value with the moment at which its day ended.

    Parameters
    ----------
    daily : DataFrame, one row a day
        The index has the days, each column is a signal: numbers or booleans. Missing values are left out.

    Returns
    -------
    str
        One gauge for each column, named by `metric_name`.

    Raises
    ------
    DataError
        A day is there twice, a column is not numeric, or two columns would get the same metric name.

    Examples
    --------
    >>> daily = pd.DataFrame({"log_loss": [0.4]}, index=pd.DatetimeIndex(["2013-07-01"]))
    >>> print(telemetry.expose(daily).splitlines()[-2])
    flights_log_loss 0.4 1372737600
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client.openmetrics.exposition import generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Days(daily))
    return generate_latest(registry).decode("utf-8")


class _Days:
    """A collector, in the words of prometheus_client, that gives the metrics of a daily table."""

    def __init__(self, daily: pd.DataFrame) -> None:
        twice = daily.index.duplicated()
        if twice.any():
            raise DataError(
                f"the day {daily.index[twice][0]} is there twice",
                row=int(twice.argmax()),
                fix="pass one row for each day",
            )
        self.table = daily.sort_index()
        self.names: dict[str, Any] = {}
        for column in daily.columns:
            other = self.names.setdefault(metric_name(column), column)
            if other != column:
                raise DataError(
                    f"gets the same metric name as column {other!r}", column=column, fix="rename one of the two"
                )
            if not pd.api.types.is_numeric_dtype(daily[column]):
                raise DataError(
                    "is not numeric, and Prometheus stores numbers only", column=column, fix="leave it out, or count it"
                )

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        help_texts = {
            one["name"]: f"{one['title']} ({one['unit']})" for one in tables.read_toml("drift.toml")["signal"]
        }
        times = day_ends(self.table.index).as_unit("s").asi8
        for name, column in self.names.items():
            family = GaugeMetricFamily(name, help_texts.get(column, f"{column} of each day"))
            values = self.table[column].to_numpy(dtype=float, na_value=float("nan"))
            for time, value in zip(times, values, strict=True):
                if value == value:
                    family.add_metric([], value, timestamp=int(time))
            yield family


def read_exposition(text: str) -> pd.DataFrame:
    r"""Return the samples in a text that a service answers under ``/metrics``.

    Parameters
    ----------
    text : str
        The whole answer, in OpenMetrics or in Prometheus' older text format.

    Returns
    -------
    DataFrame, one row a sample
        'metric', 'labels' (a dict), 'value', and 'time' (UTC, missing if the text gives none).

    Raises
    ------
    DataError
        The text is in neither format.

    Examples
    --------
    >>> telemetry.read_exposition('up{job="clipper"} 1\n')[["metric", "value"]].to_dict("records")
    [{'metric': 'up', 'value': 1}]
    """
    from prometheus_client import openmetrics, parser
    from prometheus_client.openmetrics import parser as _  # noqa: F401 (makes openmetrics.parser known)

    parse = openmetrics.parser if text.rstrip().endswith("# EOF") else parser
    try:
        samples = [sample for family in parse.text_string_to_metric_families(text) for sample in family.samples]
    except (ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"the text is not in a format of Prometheus: {error}", fix="pass what /metrics answers, unchanged"
        ) from error
    table = pd.DataFrame(
        [
            (one.name, dict(one.labels), one.value, None if one.timestamp is None else float(one.timestamp))
            for one in samples
        ],
        columns=["metric", "labels", "value", "time"],
    )
    return table.assign(time=pd.to_datetime(table["time"].astype(float), unit="s", utc=True))
