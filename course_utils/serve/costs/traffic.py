"""What the airline assumes, and the traffic that follows."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from course_utils import tables
from course_utils.data import datasets
from course_utils.errors import DataError, UsageError
from course_utils.serve.costs.checks import check_positive

__all__ = [
    "assumptions",
    "batch_jobs",
    "demand",
    "machine",
]

_ZONE = "America/New_York"


def assumptions(**changed: float) -> pd.DataFrame:
    """Return what the airline assumes of its passengers and its service.

    Parameters
    ----------
    **changed
        Other values by their key, such as ``passengers=180``.

    Returns
    -------
    DataFrame, index 'assumption'
        'value', 'unit' and 'why'.

    Raises
    ------
    UsageError
        A key is unknown, or its value is no positive number.
    """
    return _assumed("assumption", changed)


def machine(**changed: float) -> pd.DataFrame:
    """Return what the airline assumes of a machine of its own.

    Parameters
    ----------
    **changed
        Other values by their key, such as ``years=3``.

    Returns
    -------
    DataFrame, index 'of a machine'
        'value', 'unit' and 'why'.

    Raises
    ------
    UsageError
        A key is unknown, or its value is no positive number.
    """
    return _assumed("own", changed).rename_axis("of a machine")


def _assumed(table: str, changed: Mapping[str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(tables.read_toml("hosting.toml")[table], dtype=object)  # whole numbers stay whole
    frame = frame.set_index("key").rename_axis("assumption")
    check_positive(**changed)
    for key, value in changed.items():
        if key not in frame.index:
            raise UsageError(f"nothing called {key!r} is assumed", fix=f"choose from {', '.join(frame.index)}")
        frame.loc[key, ["value", "why"]] = [value, "your own"]
    return frame


def demand(flights: pd.DataFrame, **changed: float) -> pd.Series:
    """Return how often passengers look up their flight, in each hour of the year.

    Every passenger looks some times in the three hours before the scheduled departure, and more often where the flight
    leaves late or not at all; look-ups spread evenly over the three hours.

    Parameters
    ----------
    flights : DataFrame
        With the columns of `datasets.load_flights`.
    **changed
        Other assumptions, see `assumptions`.

    Returns
    -------
    Series of float, index: hours of New York
        Look-ups in that hour, each of which asks for one prediction.

    Raises
    ------
    DataError
        There are no flights.
    UsageError
        An assumption is unknown, or no positive number.
    """
    case = assumptions(**changed)["value"]
    late = (flights["DepDelay"] >= tables.read_toml("constants.toml")["late_minutes"]) | flights["DepDelay"].isna()
    lookups = case["passengers"] * (case["lookups"] + case["lookups_late"] * late)
    hours = tables.read_toml("constants.toml")["horizon_hours"]
    return (_before_departure(lookups, flights, hours) / hours).rename("look-ups")


def batch_jobs(flights: pd.DataFrame) -> pd.Series:
    """Return how many flights an hourly batch job has to score: those that leave in the next three hours.

    Parameters
    ----------
    flights : DataFrame
        With the columns of `datasets.load_flights`.

    Returns
    -------
    Series of int, index: hours of New York
        Predictions of that hour's job; hours without a flight have no job, and are left out.

    Raises
    ------
    DataError
        There are no flights.
    """
    hours = tables.read_toml("constants.toml")["horizon_hours"]
    jobs = _before_departure(pd.Series(1, index=flights.index), flights, hours).astype("int64").rename("predictions")
    return jobs[jobs > 0]


def _before_departure(amounts: pd.Series, flights: pd.DataFrame, hours: int) -> pd.Series:
    """Sum the amounts of the flights that leave in the `hours` after each hour."""
    if flights.empty:
        raise DataError("there are no flights", fix="pass datasets.load_flights()")
    leaving = amounts.groupby(datasets.scheduled_departure(flights).dt.floor("h").to_numpy()).sum()
    span = pd.date_range(leaving.index.min() - pd.Timedelta(hours=hours), leaving.index.max(), freq="h")
    leaving = leaving.reindex(span, fill_value=0)
    ahead = sum(leaving.shift(-step, fill_value=0) for step in range(1, hours + 1))
    local = ahead.index if ahead.index.tz is not None else ahead.index.tz_localize("UTC")
    return ahead.set_axis(local.tz_convert(_ZONE)).rename_axis("hour")
