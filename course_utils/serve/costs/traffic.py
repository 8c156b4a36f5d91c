"""The airline's assumptions, and the traffic that follows from them and from the timetable.

Online predictions: how often passengers look up their flight. Batch predictions: how many flights an hourly job scores.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from course_utils import tables
from course_utils.data import datasets
from course_utils.errors import DataError, UsageError
from course_utils.serve.costs.checks import check_positive

__all__ = ["assumptions", "batch_jobs", "demand", "machine"]

_ZONE = "America/New_York"


def assumptions(**changed: float) -> pd.DataFrame:
    """Return what the airline assumes about its passengers and its service.

    Parameters
    ----------
    **changed
        Your own values by their key, such as ``passengers=180``; each must be above zero.

    Returns
    -------
    DataFrame, index 'assumption'
        'value', 'unit' and 'why'; 'why' is 'your own' for values that you passed.

    Raises
    ------
    UsageError
        There is no such key, or its value is not a positive number.

    Examples
    --------
    >>> costs.assumptions(passengers=180).loc["passengers"].tolist()
    [180, 'per flight', 'your own']
    """
    return _assumed("assumption", changed)


def machine(**changed: float) -> pd.DataFrame:
    """Return what the airline assumes about a machine that it would buy.

    `changed` and the result are as for `assumptions`; the index is named 'of a machine'.

    Raises
    ------
    UsageError
        As for `assumptions`.

    Examples
    --------
    >>> costs.machine().loc["cores", ["value", "unit"]].tolist()
    [16, 'per machine; each does the work of one rented node']
    """
    return _assumed("own", changed).rename_axis("of a machine")


def _assumed(table: str, changed: Mapping[str, float]) -> pd.DataFrame:
    # dtype=object keeps whole numbers whole beside fractions.
    frame = pd.DataFrame(tables.read_toml("hosting.toml")[table], dtype=object)
    frame = frame.set_index("key").rename_axis("assumption")
    check_positive(**changed)
    for key, value in changed.items():
        if key not in frame.index:
            raise UsageError(f"there is no assumption {key!r}", fix=f"choose from {', '.join(frame.index)}")
        frame.loc[key, ["value", "why"]] = [value, "your own"]
    return frame


def demand(flights: pd.DataFrame, **changed: float) -> pd.Series:
    """Return how many look-ups of flights passengers make in each hour of the year.

    Every passenger looks the flight up several times in the three hours before its scheduled departure, and more often
    if the flight is late or cancelled. The look-ups of a flight are spread evenly over the three hours.

    Parameters
    ----------
    flights : DataFrame
        One row per flight, with the columns of `datasets.load_flights`.
    **changed
        Your own values for assumptions, as for `assumptions`.

    Returns
    -------
    Series of float, index: hours in New York time
        Look-ups in that hour; each needs one prediction.

    Raises
    ------
    DataError
        `flights` is empty.
    UsageError
        There is no such assumption, or its value is not a positive number.

    See Also
    --------
    batch_jobs : Predictions of an hourly batch job for the same flights.

    Examples
    --------
    >>> costs.demand(flights).head(2)
    hour
    2013-01-01 02:00:00-05:00    480.0
    2013-01-01 03:00:00-05:00    ...
    Freq: h, Name: look-ups, dtype: float64
    """
    case = assumptions(**changed)["value"]
    late = (flights["DepDelay"] >= tables.read_toml("constants.toml")["late_minutes"]) | flights["DepDelay"].isna()
    lookups = case["passengers"] * (case["lookups"] + case["lookups_late"] * late)
    hours = tables.read_toml("constants.toml")["horizon_hours"]
    return (_before_departure(lookups, flights, hours) / hours).rename("look-ups")


def batch_jobs(flights: pd.DataFrame) -> pd.Series:
    """Return how many flights an hourly batch job scores: those that leave in the next three hours.

    Parameters
    ----------
    flights : DataFrame
        As for `demand`.

    Returns
    -------
    Series of int, index: hours in New York time
        Predictions of the job that starts in that hour. Hours without flights have no job and are left out.

    Raises
    ------
    DataError
        `flights` is empty.

    Examples
    --------
    >>> jobs = costs.batch_jobs(flights)
    >>> int(jobs.sum()) == 3 * len(flights)  # each flight is in the jobs of three hours
    True
    """
    hours = tables.read_toml("constants.toml")["horizon_hours"]
    jobs = _before_departure(pd.Series(1, index=flights.index), flights, hours).astype("int64").rename("predictions")
    return jobs[jobs > 0]


def _before_departure(amounts: pd.Series, flights: pd.DataFrame, hours: int) -> pd.Series:
    """Return, for each hour, the sum of the amounts of the flights that leave in the `hours` after it."""
    if flights.empty:
        raise DataError("there are no flights", fix="pass datasets.load_flights()")
    leaving = amounts.groupby(datasets.scheduled_departure(flights).dt.floor("h").to_numpy()).sum()
    span = pd.date_range(leaving.index.min() - pd.Timedelta(hours=hours), leaving.index.max(), freq="h")
    leaving = leaving.reindex(span, fill_value=0)
    ahead = sum(leaving.shift(-step, fill_value=0) for step in range(1, hours + 1))
    # Departures are in UTC, which to_numpy() above does not record.
    local = ahead.index if ahead.index.tz is not None else ahead.index.tz_localize("UTC")
    return ahead.set_axis(local.tz_convert(_ZONE)).rename_axis("hour")
