"""What a model may know about a flight, some hours before it should leave.

`as_of` is the one function for training, for a nightly batch and for a row that is asked about online: for a flight
that is scheduled at t it uses what was known at t minus the horizon, and nothing else. What was known when stands in
the data dictionary: the schedule months ahead, whether another flight is late 15 minutes after it should have left,
how late once it has left or landed, the weather once it is observed.

Whoever changes or deletes values that were not known yet does not change a feature: a property test holds that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from course_utils import tables
from course_utils.data import datasets, dictionary, splits
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DECK_COLUMNS",
    "DECK_LATE_MINUTES",
    "as_of",
    "deck_columns",
    "groups",
    "known_at",
    "label",
    "schedule",
    "up_to",
]

#: The eleven columns of the deck's static and governance runs, in its order.
DECK_COLUMNS = (
    "Year",
    "Month",
    "DayofMonth",
    "DayOfWeek",
    "CRSDepTime",
    "CRSArrTime",
    "UniqueCarrier",
    "CRSElapsedTime",
    "Origin",
    "Dest",
    "Distance",
)

#: 'Late' in the deck means any minute at all: ``label(rows, minutes=DECK_LATE_MINUTES)``.
DECK_LATE_MINUTES = 1

_CARRIER, _ORIGIN, _DEST, _NUMBER = "UniqueCarrier", "Origin", "Dest", "FlightNum"
_HOUR = "scheduled hour"  # no raw column: CRSDepTime // 100
#: Whose flights a trailing rate counts, and over how many days.
_TRAILING = {
    "carrier": (_CARRIER,),
    "origin": (_ORIGIN,),
    "dest": (_DEST,),
    "route": (_ORIGIN, _DEST),
    "carrier_origin": (_CARRIER, _ORIGIN),
    "origin_hour": (_ORIGIN, _HOUR),
    # The same flight on other days: its number is no input (thousands of rare values), its record is.
    "flight": (_CARRIER, _NUMBER, _ORIGIN),
}
_TRAILING_DAYS = (7, 28)
#: Whose flights count today, and over how many hours.
_TODAY = {"all": (), "origin": (_ORIGIN,), "carrier_origin": (_CARRIER, _ORIGIN)}
_TODAY_HOURS = (1, 3, 6, 24)
#: The schedule stands this many hours ahead at least.
_MONTH = 24 * 30
#: A report older than this is no news: the weather counts as missing.
_WEATHER_HOURS = 3
#: Marks for 'no tail number' in the deck's data.
_NO_TAIL = ("UNKNOW", "000000", "0", "äNKNOæ")


def label(rows: pd.DataFrame, minutes: float | None = None) -> pd.Series:
    """Say which flights left late.

    Parameters
    ----------
    rows : DataFrame
        With DepDelay.
    minutes : float, optional
        From how many minutes on; default 15, as the industry has it. The deck counts every minute:
        `DECK_LATE_MINUTES`.

    Returns
    -------
    Series of float
        1 late, 0 not, NaN where the flight did not leave: a cancelled flight is neither.
    """
    if minutes is None:
        minutes = tables.read_toml("constants.toml")["late_minutes"]
    delay = rows["DepDelay"]
    return (delay >= minutes).astype(float).where(delay.notna()).rename("late")


def deck_columns(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the eleven inputs of the deck's own run, Year, Month and DayofMonth among them.

    Parameters
    ----------
    flights : DataFrame
    """
    return flights[list(DECK_COLUMNS)]


def schedule(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the raw columns that stand in the schedule and that the dictionary lets a model use.

    Parameters
    ----------
    flights : DataFrame
    """
    return flights[dictionary.admissible(_MONTH)]


def as_of(
    flights: pd.DataFrame,
    horizon: float = 3,
    *,
    assume_tail_known: bool = False,
    only: Iterable[str] | None = None,
    rows: pd.DataFrame | pd.Index | Sequence[int] | None = None,
    weather: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return what was known about each flight `horizon` hours before its scheduled departure.

    Parameters
    ----------
    flights : DataFrame
        All flights: those to describe and those whose outcome they are described by. Values of the future may be
        missing, as they are when the flights to describe have not left yet.
    horizon : float
        Hours before scheduled departure, 0 or more.
    assume_tail_known : bool
        Also use what the same plane did earlier. The recorded tail number is certain at departure only, so this
        assumes that the airline keeps to its plan.
    only : iterable of str, optional
        Groups of features to return, of 'schedule', 'calendar', 'volume', 'trailing', 'airport_today', 'weather' and
        'plane'; default all that the data set has, 'plane' under the assumption only.
    rows : DataFrame, Index or sequence of row labels, optional
        The flights to describe; default all.
    weather : DataFrame, optional
        Hourly reports as from `datasets.load_weather`, which is the default.

    Returns
    -------
    DataFrame
        One row for each of `rows`, labels kept. Texts are categories, the rest float; NaN where nothing was known.
        See `groups` for which column belongs to which group.

    Raises
    ------
    UsageError
        The horizon is negative, no flight is asked about, a group is unknown or the data set does not have it, or
        plane is asked for without the assumption.
    DataError
        A row to describe is not among the flights, or row labels are not unique.
    """
    import pandas as pd

    if not (math.isfinite(horizon) and horizon >= 0):
        raise UsageError(f"horizon={horizon} cannot be used", fix="give hours before departure, 0 or more")
    chosen = _chosen(flights, only, assume_tail_known, weather is not None)
    if not flights.index.is_unique:
        raise DataError("row labels are not unique", fix="call flights.reset_index(drop=True)")
    wanted = flights.index if rows is None else rows.index if isinstance(rows, pd.DataFrame) else pd.Index(rows)
    places = flights.index.get_indexer(wanted)
    if (places < 0).any():
        raise DataError(f"row {wanted[(places < 0).argmax()]} is not among the flights", fix="add it to `flights`")
    if not len(places):
        raise UsageError("there is no flight to describe", fix="pass flights, or rows that name some")
    world = _World(flights, places, horizon)
    parts = []
    for name in chosen:
        if name == "schedule":
            columns = flights[dictionary.admissible(horizon)].iloc[places]
        elif name == "weather":
            columns = _weather(world, datasets.load_weather() if weather is None else weather)
        else:
            columns = pd.DataFrame(_MAKERS[name](world), index=wanted)
        parts.append(columns)
    # Not concat, which copies: a year of flights is 150 MB.
    return pd.DataFrame({name: part[name] for part in parts for name in part}, index=wanted, copy=False)


def groups(frame: pd.DataFrame | None = None) -> dict[str, list[str]]:
    """Say which features belong together: group name to column names, of all features or those in `frame`.

    Parameters
    ----------
    frame : DataFrame, optional
        As from `as_of`; columns that it lacks are left out, and so are groups without any.
    """
    names = {
        "schedule": dictionary.admissible(0),
        "calendar": ["days_to_holiday", "days_since_holiday"],
        "volume": ["flights_this_hour", "flights_this_day"],
        "trailing": [f"late_{days}d_{whose}" for whose in _TRAILING for days in _TRAILING_DAYS],
        "airport_today": [
            f"{what}_{hours}h_{whose}" for whose in _TODAY for hours in _TODAY_HOURS for what in ("late", "delay")
        ],
        "weather": _measurements(),
        "plane": ["plane_hours_since", "plane_dep_delay", "plane_arr_delay", "plane_slack", "plane_legs"],
    }
    if frame is None:
        return names
    kept = {group: [name for name in columns if name in frame.columns] for group, columns in names.items()}
    return {group: columns for group, columns in kept.items() if columns}


def up_to(frame: pd.DataFrame, last: str) -> list[str]:
    """Name the columns of a frame of features group by group, up to and including the group `last`.

    Parameters
    ----------
    frame : DataFrame
        As from `as_of`.
    last : str
        One of `groups`.

    Raises
    ------
    UsageError
        There is no such group.
    """
    names = list(groups())
    if last not in names:
        raise UsageError(f"there is no group {last!r}", fix=f"choose one of {', '.join(names)}")
    present = groups(frame)
    return [column for name in names[: names.index(last) + 1] for column in present.get(name, [])]


def known_at(flights: pd.DataFrame, column: str) -> pd.Series:
    """Say when all the world knows a value of each flight, by the dictionary's rule for *other* flights.

    Parameters
    ----------
    flights : DataFrame
    column : str
        A raw column of the dictionary.

    Returns
    -------
    Series of datetime64[ns, UTC]
        NaT where it never becomes known (no departure, no arrival) and for what stands in the schedule anyway.
    """
    import pandas as pd

    minutes = _known_minute(flights, _minutes(flights), column)
    known = pd.to_datetime(pd.Series(minutes, index=flights.index), unit="m", utc=True)
    return known.rename(column)


# --------------------------------------------------------------------------- when what is known


def _minutes(flights: pd.DataFrame) -> np.ndarray:
    """Return scheduled departures in minutes since 1970, UTC."""
    return datasets.scheduled_departure(flights).astype("int64").to_numpy() // (60 * 10**9)


def _known_minute(flights: pd.DataFrame, scheduled: np.ndarray, column: str) -> np.ndarray:
    """Return when a value of each flight becomes known, in minutes since 1970; NaN: never, or always."""
    rule = dictionary.load().loc[column]
    anchors = {
        "schedule": lambda: np.full(len(flights), np.nan),
        "scheduled departure": lambda: scheduled.astype(float),
        "departure": lambda: scheduled + flights["DepDelay"].to_numpy(dtype=float),
        "arrival": lambda: (
            scheduled + (flights["CRSElapsedTime"] + flights["ArrDelay"]).to_numpy(dtype=float, na_value=np.nan)
        ),
    }
    minute = anchors[rule["event"]]()
    return minute if rule["event"] == "schedule" else minute + rule["event_minutes"]


class _World:
    """The flights, and the moment from which each of those to describe is looked at.

    Parameters
    ----------
    flights : DataFrame
    places : array of int
        Positions of the flights to describe.
    horizon : float
        Hours.
    """

    def __init__(self, flights: pd.DataFrame, places: np.ndarray, horizon: float) -> None:
        self.flights = flights
        self.places = places
        self.scheduled = _minutes(flights)
        self.departs = self.scheduled[places]
        # Rounded so that a fraction of a minute never looks ahead.
        self.now = self.departs - math.ceil(horizon * 60 - 1e-9)
        self._codes: dict[tuple[str, ...], np.ndarray] = {}
        self._known: dict[str, np.ndarray] = {}
        late = tables.read_toml("constants.toml")["late_minutes"]
        # A flight that has not left is late as soon as it can be: so is one that never will. That needs nothing that
        # is not known 15 minutes after schedule.
        self.late = ~(flights["DepDelay"].to_numpy(dtype=float) < late)

    def codes(self, columns: tuple[str, ...]) -> np.ndarray:
        """Return a number for each flight that those who share its values in `columns` share too."""
        if columns not in self._codes:
            code = np.zeros(len(self.flights), dtype=np.int64)
            for column in columns:
                values = self.flights["CRSDepTime"] // 100 if column == _HOUR else self.flights[column]
                values = values.astype("category").cat
                code = code * (len(values.categories) + 1) + values.codes.to_numpy(dtype=np.int64) + 1
            self._codes[columns] = code
        return self._codes[columns]

    def known(self, column: str) -> np.ndarray:
        """Return when each flight's value in `column` becomes known to others: never before its schedule.

        Someone who asks about a flight that is about to leave is not told that it has left early.
        """
        if column not in self._known:
            self._known[column] = np.maximum(_known_minute(self.flights, self.scheduled, column), self.scheduled)
        return self._known[column]

    def timeline(self, columns: tuple[str, ...], minute: np.ndarray, value: np.ndarray) -> _Timeline:
        """Return the events of each group; flights whose `minute` is NaN have none."""
        seen = ~np.isnan(minute)
        return _Timeline(
            self.codes(columns)[seen], minute[seen].astype(np.int64), np.rint(value[seen]).astype(np.int64)
        )


class _Timeline:
    """Events of groups in order of time, with running sums: what happened in a window costs two look-ups.

    Parameters
    ----------
    codes, minutes, values : arrays of int
        Group, moment and value of each event. Whole numbers, so that sums are exact and a later event cannot move an
        earlier sum by a rounding error.
    """

    def __init__(self, codes: np.ndarray, minutes: np.ndarray, values: np.ndarray) -> None:
        self.base = int(minutes.min(initial=0)) - 1 if len(minutes) else 0
        self.span = (int(minutes.max()) - self.base + 2) if len(minutes) else 2
        key = codes * self.span + (minutes - self.base)
        self.order = np.argsort(key, kind="stable")
        self.keys = key[self.order]
        self.sums = np.concatenate([[0], np.cumsum(values[self.order])])

    def before(self, codes: np.ndarray, minutes: np.ndarray) -> np.ndarray:
        """Count the events of all lower groups and those of the group that happened before `minutes`."""
        inside = np.clip(minutes - self.base, 0, self.span - 1)
        return np.searchsorted(self.keys, codes * self.span + inside, side="left")

    def mean(self, codes: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Return the mean value of the group's events from `start` until just before `end`; NaN without any."""
        first, last = self.before(codes, start), self.before(codes, end)
        count = last - first
        total = self.sums[last] - self.sums[first]
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


# --------------------------------------------------------------------------- the groups


def _calendar(world: _World) -> dict[str, np.ndarray]:
    """Return days to the next federal holiday and since the last, at most 7: travel shifts within a week of one."""
    dates = splits.day(world.flights.iloc[world.places]).to_numpy("datetime64[D]")
    years = world.flights["Year"].iloc[world.places]
    days = _holidays(int(years.min()) - 1, int(years.max()) + 1)
    after = days[np.searchsorted(days, dates, side="left")]
    before = days[np.searchsorted(days, dates, side="right") - 1]
    return {
        "days_to_holiday": np.minimum((after - dates).astype(float), 7.0),
        "days_since_holiday": np.minimum((dates - before).astype(float), 7.0),
    }


@cache
def _holidays(first: int, last: int) -> np.ndarray:
    """Return the federal holidays of these years, in order."""
    from pandas.tseries.holiday import USFederalHolidayCalendar

    return USFederalHolidayCalendar().holidays(f"{first}-01-01", f"{last}-12-31").to_numpy("datetime64[D]")


def _volume(world: _World) -> dict[str, np.ndarray]:
    """Count the flights scheduled to leave the same airport in the same clock hour, and on the same day."""
    flights = world.flights
    day = (flights["Year"] * 400 + flights["Month"] * 32 + flights["DayofMonth"]).to_numpy(dtype=np.int64)
    day = world.codes((_ORIGIN,)) * 10**7 + day
    hour = day * 24 + flights["CRSDepTime"].to_numpy(dtype=np.int64) // 100 % 24
    counts = {}
    for name, key in (("flights_this_hour", hour), ("flights_this_day", day)):
        _, group, size = np.unique(key, return_inverse=True, return_counts=True)
        counts[name] = size[group][world.places].astype(float)
    return counts


def _trailing(world: _World) -> dict[str, np.ndarray]:
    """Return the share of late flights in the days before the flight's own: known a day ahead, and little changed."""
    known = world.known("IsDepDelayed")
    hhmm = world.flights["CRSDepTime"].iloc[world.places]
    midnight = world.departs - datasets.minute_of_day(hhmm).to_numpy(dtype=np.int64)
    end = np.minimum(world.now, midnight)
    rates = {}
    for whose, columns in _TRAILING.items():
        events = world.timeline(columns, known, world.late)
        codes = world.codes(columns)[world.places]
        for days in _TRAILING_DAYS:
            rates[f"late_{days}d_{whose}"] = events.mean(codes, end - days * 1440, end)
    return rates


def _airport_today(world: _World) -> dict[str, np.ndarray]:
    """Return, over the last hours, the share of late flights and the mean delay (minutes) of those that left."""
    delay = world.flights["DepDelay"].to_numpy(dtype=float)
    rates = {}
    for whose, columns in _TODAY.items():
        codes = world.codes(columns)[world.places]
        late = world.timeline(columns, world.known("IsDepDelayed"), world.late)
        delays = world.timeline(columns, world.known("DepDelay"), delay)
        for hours in _TODAY_HOURS:
            start = world.now - hours * 60
            rates[f"late_{hours}h_{whose}"] = late.mean(codes, start, world.now)
            rates[f"delay_{hours}h_{whose}"] = delays.mean(codes, start, world.now)
    return rates


def _plane(world: _World) -> dict[str, np.ndarray]:
    """Return what the same tail number did before: its last departure known by then, and what came of it."""
    flights, columns = world.flights, ("TailNum",)
    tail = flights["TailNum"].astype("category")
    certain = tail.notna().to_numpy() & ~tail.isin(_NO_TAIL).to_numpy()
    left = np.where(certain, world.known("DepDelay"), np.nan)
    events = world.timeline(columns, left, np.ones(len(flights)))
    codes = world.codes(columns)[world.places]
    last = events.before(codes, world.now)
    legs = last - events.before(codes, world.now - 24 * 60)
    # Positions of the events in `flights`, in the timeline's order.
    leg = np.flatnonzero(~np.isnan(left))[events.order][np.maximum(last - 1, 0)] if len(events.keys) else last
    none = ~certain[world.places] | (legs == 0)

    def of_last(values: np.ndarray) -> np.ndarray:
        return np.where(none, np.nan, values[leg])

    landed = of_last(world.known("ArrDelay")) < world.now
    elapsed = flights["CRSElapsedTime"].to_numpy(dtype=float)
    return {
        "plane_hours_since": (world.departs - of_last(world.scheduled.astype(float))) / 60,
        "plane_dep_delay": of_last(flights["DepDelay"].to_numpy(dtype=float)),
        "plane_arr_delay": np.where(landed, of_last(flights["ArrDelay"].to_numpy(dtype=float)), np.nan),
        # Minutes on the ground if it flew there and straight back.
        "plane_slack": world.departs - of_last(left) - 2 * of_last(elapsed),
        "plane_legs": np.where(none, 0.0, legs).astype(float),
    }


_MAKERS = {
    "calendar": _calendar,
    "volume": _volume,
    "trailing": _trailing,
    "airport_today": _airport_today,
    "plane": _plane,
}


def _measurements() -> list[str]:
    rows = dictionary.load("weather")
    return list(rows.index[rows["role"] == "input"])


def _weather(world: _World, reports: pd.DataFrame) -> pd.DataFrame:
    """Return the latest report of the origin's weather station, not older than a few hours."""
    import pandas as pd

    names = _measurements()
    order = np.argsort(reports["time_hour"].to_numpy("datetime64[m]"), kind="stable")
    reports = reports.iloc[order]
    at = reports["time_hour"].to_numpy("datetime64[m]").astype(np.int64)
    measured = reports[names].to_numpy(dtype=float)
    origins = world.flights[_ORIGIN].iloc[world.places].to_numpy(dtype=object)
    found = np.full((len(origins), len(names)), np.nan)
    for station in reports["origin"].unique():
        here, mine = np.flatnonzero(origins == station), np.flatnonzero((reports["origin"] == station).to_numpy())
        last = np.searchsorted(at[mine], world.now[here], side="right") - 1
        fresh = (last >= 0) & (world.now[here] - at[mine][np.maximum(last, 0)] <= _WEATHER_HOURS * 60)
        found[here[fresh]] = measured[mine[last[fresh]]]
    return pd.DataFrame(found, columns=names, index=world.flights.index[world.places])


def _chosen(
    flights: pd.DataFrame, only: Iterable[str] | None, assume_tail_known: bool, weather_given: bool
) -> list[str]:
    """Return the groups to compute, in their order."""
    every = list(groups())
    dataset = flights.attrs.get("dataset") or tables.active_dataset()
    absent = set() if weather_given or dataset == "nyc2013" else {"weather"}
    if only is None:
        return [name for name in every if name not in absent and (name != "plane" or assume_tail_known)]
    asked = [only] if isinstance(only, str) else list(only)
    unknown = [name for name in asked if name not in every]
    if unknown or not asked:
        problem = f"there is no group {unknown[0]!r}" if unknown else "no group of features is asked for"
        raise UsageError(problem, fix=f"choose among {', '.join(every)}")
    if absent & set(asked):
        raise UsageError(f"{dataset} has no weather", fix="leave 'weather' out, or pass weather=…")
    if "plane" in asked and not assume_tail_known:
        raise UsageError(
            "the plane is certain at departure only", fix="leave 'plane' out, or state assume_tail_known=True"
        )
    return [name for name in every if name in asked]
