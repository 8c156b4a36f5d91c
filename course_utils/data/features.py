"""Compute the features of a flight from what was known some hours before its scheduled departure.

`as_of` is the one function for training, batch jobs and online predictions. For a flight scheduled at time t, it uses
only what was known at t minus the horizon. The data dictionary says what is known when: the schedule months ahead;
whether another flight is late 15 minutes after its scheduled departure; the delay once it has departed or landed; the
weather once it is observed. A property test changes and deletes later values, and no feature may change.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from course_utils import tables
from course_utils.data import checked, datasets, dictionary, splits
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
_HOUR = "scheduled hour"  # not a raw column: CRSDepTime // 100
#: Trailing rates: the columns that define each group of flights, and the days over which the rate is taken.
_TRAILING = {
    "carrier": (_CARRIER,),
    "origin": (_ORIGIN,),
    "dest": (_DEST,),
    "route": (_ORIGIN, _DEST),
    "carrier_origin": (_CARRIER, _ORIGIN),
    "origin_hour": (_ORIGIN, _HOUR),
    # The same flight on other days. Its number is not an input (thousands of rare values), but its record is.
    "flight": (_CARRIER, _NUMBER, _ORIGIN),
}
_TRAILING_DAYS = (7, 28)
#: The same for the hours before the prediction.
_TODAY = {"all": (), "origin": (_ORIGIN,), "carrier_origin": (_CARRIER, _ORIGIN)}
_TODAY_HOURS = (1, 3, 6, 24)
#: The columns that a group reads, beside those of the scheduled departure and its delay.
_NEEDED = {
    "trailing": (_CARRIER, _DEST, _NUMBER),
    "airport_today": (_CARRIER,),
    "plane": ("TailNum", "CRSElapsedTime", "ArrDelay"),
}
#: The columns from which an event's time follows, beside those of the scheduled departure.
_EVENT_COLUMNS = {
    "schedule": (),
    "scheduled departure": (),
    "departure": ("DepDelay",),
    "arrival": ("CRSElapsedTime", "ArrDelay"),
}
#: Hours; the schedule is published at least this long ahead.
_MONTH = 24 * 30
#: If the last weather report is older than this, the weather counts as missing.
_WEATHER_HOURS = 3
#: Values that mean 'tail number unknown' in the deck's data.
_NO_TAIL = ("UNKNOW", "000000", "0", "äNKNOæ")


def label(rows: pd.DataFrame, minutes: float | None = None) -> pd.Series:
    """Return the label: 1 for a flight that departed late, 0 for one on time, NaN for a cancelled one.

    Parameters
    ----------
    rows : DataFrame
        Needs the column DepDelay, in minutes.
    minutes : float, optional
        The smallest delay that counts as late. Default: 15, the industry's definition; the deck's is
        `DECK_LATE_MINUTES`.

    Returns
    -------
    Series of float
        Indexed like `rows`.

    Raises
    ------
    DataError
        There is no such column, or it holds something other than finite numbers.

    Examples
    --------
    >>> features.label(pd.DataFrame({"DepDelay": [15, 14, np.nan]})).tolist()
    [1.0, 0.0, nan]
    """
    if minutes is None:
        minutes = tables.read_toml("constants.toml")["late_minutes"]
    import pandas as pd

    checked.need(rows, ("DepDelay",))
    delay = checked.numbers(rows["DepDelay"])
    return pd.Series(np.where(np.isnan(delay), np.nan, delay >= minutes), index=rows.index, name="late")


def deck_columns(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the eleven inputs of the deck's own run from `flights`, Year, Month and DayofMonth among them.

    Raises
    ------
    DataError
        One of these columns is absent.

    Examples
    --------
    >>> features.deck_columns(flights).shape
    (3000, 11)
    """
    checked.need(flights, DECK_COLUMNS)
    return flights[list(DECK_COLUMNS)]


def schedule(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of `flights` that the schedule has months ahead and that the dictionary lets a model use.

    Raises
    ------
    DataError
        One of these columns is absent.

    Examples
    --------
    >>> features.schedule(flights).columns.tolist()[:3]
    ['DayOfWeek', 'CRSDepTime', 'CRSArrTime']
    """
    names = dictionary.admissible(_MONTH)
    checked.need(flights, names)
    return flights[names]


def as_of(
    flights: pd.DataFrame,
    horizon: float = 3,
    *,
    assume_tail_known: bool = False,
    only: Iterable[str] | None = None,
    rows: pd.DataFrame | pd.Index | Sequence[int] | None = None,
    weather: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the features of each flight: what was known `horizon` hours before its scheduled departure.

    Parameters
    ----------
    flights : DataFrame
        All flights: those to predict, and the earlier ones whose outcomes become features. Outcomes that are not known
        yet may be missing, as they are for flights that have not departed.
    horizon : float
        Hours before the scheduled departure; a negative number, NaN or infinity is refused.
    assume_tail_known : bool
        Also use what the same aircraft did earlier. The recorded tail number is certain only at departure, so this
        assumes that the airline keeps to its plan.
    only : iterable of str, optional
        Groups of features to return, of 'schedule', 'calendar', 'volume', 'trailing', 'airport_today', 'weather' and
        'plane'. Default: all that the data set has, 'plane' only with `assume_tail_known`.
    rows : DataFrame, Index or sequence of row labels, optional
        The flights to compute features for. Default: all.
    weather : DataFrame, optional
        Hourly reports in the columns of `datasets.load_weather`, which is the default.

    Returns
    -------
    DataFrame
        One row for each of `rows`, with its row label. Texts are categories, the rest is float; NaN where nothing was
        known. See `groups` for which column belongs to which group.

    Raises
    ------
    UsageError
        The horizon is refused, there are no rows, a group is unknown or the data set does not have it, or 'plane' is
        requested without `assume_tail_known`.
    DataError
        A row label is not in `flights`, or its row labels are not unique; a column is absent, or holds a value that
        cannot be, such as a clock time of 2460.

    Examples
    --------
    >>> known = features.as_of(flights, horizon=3, only=["airport_today"])
    >>> known[["late_3h_origin", "delay_3h_origin"]].iloc[-1].round(2).tolist()
    [0.09, -1.12]
    """
    import pandas as pd

    if not (math.isfinite(horizon) and horizon >= 0):
        raise UsageError(f"horizon={horizon} cannot be used", fix="give hours before departure, 0 or more")
    chosen = _chosen(flights, only, assume_tail_known, weather is not None)
    checked.distinct_labels(flights)
    wanted = flights.index if rows is None else rows.index if isinstance(rows, pd.DataFrame) else pd.Index(rows)
    places = flights.index.get_indexer(wanted)
    if (places < 0).any():
        raise DataError(f"row {wanted[(places < 0).argmax()]} is not in `flights`", fix="add it to `flights`")
    if not len(places):
        raise UsageError("there is no flight to compute features for", fix="pass flights, or rows with some labels")
    checked.need(flights, ["DepDelay", *(column for name in chosen for column in _NEEDED.get(name, ()))])
    snapshot = _Snapshot(flights, places, horizon)
    parts = []
    for name in chosen:
        if name == "schedule":
            checked.need(flights, dictionary.admissible(horizon))
            columns = flights[dictionary.admissible(horizon)].iloc[places]
        elif name == "weather":
            columns = _weather(snapshot, datasets.load_weather() if weather is None else weather)
        else:
            columns = pd.DataFrame(_GROUPS[name](snapshot), index=wanted)
        parts.append(columns)
    # Not concat, which copies: a year of flights is 150 MB.
    return pd.DataFrame({name: part[name] for part in parts for name in part}, index=wanted, copy=False)


def groups(frame: pd.DataFrame | None = None) -> dict[str, list[str]]:
    """Return the groups of features: group name to column names.

    Parameters
    ----------
    frame : DataFrame, optional
        Features as from `as_of`; only its columns, and groups that have any, are returned. Default: all features.

    Examples
    --------
    >>> list(features.groups())
    ['schedule', 'calendar', 'volume', 'trailing', 'airport_today', 'weather', 'plane']
    >>> features.groups()["volume"]
    ['flights_this_hour', 'flights_this_day']
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
    """Return the columns of a frame of features, group by group, up to and including the group `last`.

    Parameters
    ----------
    frame : DataFrame
        Features as from `as_of`, in any order of columns.
    last : str
        Name of a group, one of `groups`.

    Raises
    ------
    UsageError
        There is no such group.

    Examples
    --------
    >>> frame = features.as_of(flights, only=["schedule", "calendar", "volume"])
    >>> features.up_to(frame, "calendar")[-2:]
    ['days_to_holiday', 'days_since_holiday']
    """
    names = list(groups())
    if last not in names:
        raise UsageError(f"there is no group {last!r}", fix=f"choose one of {', '.join(names)}")
    present = groups(frame)
    return [column for name in names[: names.index(last) + 1] for column in present.get(name, [])]


def known_at(flights: pd.DataFrame, column: str) -> pd.Series:
    """Return when a value of each flight becomes known to everyone, by the dictionary's rule for *other* flights.

    Parameters
    ----------
    flights : DataFrame
        Past flights, as from `datasets.load_flights`.
    column : str
        A column of the dictionary, such as ``'DepDelay'``.

    Returns
    -------
    Series of datetime64[ns, UTC]
        NaT where the value never becomes known (no departure, no arrival), and for columns of the schedule, which are
        always known.

    Raises
    ------
    DataError
        A column of the flights is absent, or holds a value that cannot be.
    UsageError
        The dictionary has no such column.

    Examples
    --------
    >>> str(features.known_at(flights, "IsDepDelayed").iloc[0])  # scheduled for 10:15 UTC
    '2013-01-01 10:30:00+00:00'
    """
    import pandas as pd

    minutes = _known_minute(flights, _minutes(flights), column)
    known = pd.to_datetime(pd.Series(minutes, index=flights.index), unit="m", utc=True)
    return known.rename(column)


# --------------------------------------------------------------------------- what is known when


def _minutes(flights: pd.DataFrame) -> np.ndarray:
    """Return the scheduled departures in minutes since 1970, UTC."""
    return datasets.scheduled_departure(flights).astype("int64").to_numpy() // (60 * 10**9)


def _known_minute(flights: pd.DataFrame, scheduled: np.ndarray, column: str) -> np.ndarray:
    """Return when a value of each flight becomes known, in minutes since 1970; NaN if never, or always."""
    rules = dictionary.load()
    if column not in rules.index:
        raise UsageError(f"the dictionary has no column {column!r}", fix=f"choose one of {', '.join(rules.index)}")
    rule = rules.loc[column]
    checked.need(flights, _EVENT_COLUMNS[rule["event"]])
    read = {name: checked.numbers(flights[name]) for name in _EVENT_COLUMNS[rule["event"]]}
    anchors = {
        "schedule": lambda: np.full(len(flights), np.nan),
        "scheduled departure": lambda: scheduled.astype(float),
        "departure": lambda: scheduled + read["DepDelay"],
        "arrival": lambda: scheduled + read["CRSElapsedTime"] + read["ArrDelay"],
    }
    minute = anchors[rule["event"]]()
    return minute if rule["event"] == "schedule" else minute + rule["event_minutes"]


class _Snapshot:
    """All flights, and for each one to predict the moment of its prediction.

    Parameters
    ----------
    flights : DataFrame
        All flights, as for `as_of`.
    places : array of int
        Positions in `flights` of those to predict.
    horizon : float
        Hours from the prediction to the scheduled departure.
    """

    def __init__(self, flights: pd.DataFrame, places: np.ndarray, horizon: float) -> None:
        self.flights = flights
        self.places = places
        self.scheduled = _minutes(flights)
        self.departs = self.scheduled[places]
        # Rounded up, so that a fraction of a minute never looks ahead; 1e-9 absorbs rounding errors.
        self.now = self.departs - math.ceil(horizon * 60 - 1e-9)
        self._codes: dict[tuple[str, ...], np.ndarray] = {}
        self._known: dict[str, np.ndarray] = {}
        late = tables.read_toml("constants.toml")["late_minutes"]
        # A flight that has not departed 15 minutes after its schedule is late, whether it departs later or never. NaN
        # compares as False, so cancelled flights count as late, and nothing from after those 15 minutes is needed.
        self.late = ~(checked.numbers(flights["DepDelay"]) < late)

    def codes(self, columns: tuple[str, ...]) -> np.ndarray:
        """Return a group number for each flight: the same number where all values in `columns` are the same."""
        if columns not in self._codes:
            code = np.zeros(len(self.flights), dtype=np.int64)
            for column in columns:
                values = self.flights["CRSDepTime"] // 100 if column == _HOUR else self.flights[column]
                values = values.astype("category").cat
                code = code * (len(values.categories) + 1) + values.codes.to_numpy(dtype=np.int64) + 1
            self._codes[columns] = code
        return self._codes[columns]

    def known(self, column: str) -> np.ndarray:
        """Return when each flight's value in `column` becomes known, at the earliest at its scheduled departure.

        Otherwise a flight that departed early would be a feature of its own prediction at a horizon of 0 hours.
        """
        if column not in self._known:
            self._known[column] = np.maximum(_known_minute(self.flights, self.scheduled, column), self.scheduled)
        return self._known[column]

    def timeline(self, columns: tuple[str, ...], minute: np.ndarray, value: np.ndarray) -> _Timeline:
        """Return an event for each flight with a `minute`: its group by `columns`, and its `value`."""
        seen = ~np.isnan(minute)
        return _Timeline(
            self.codes(columns)[seen], minute[seen].astype(np.int64), np.rint(value[seen]).astype(np.int64)
        )


class _Timeline:
    """Events of groups in order of time, with running sums, so that the mean over a window costs two look-ups.

    Parameters
    ----------
    codes, minutes, values : arrays of int
        Group, time and value of each event. Whole numbers keep sums exact: with floats, a later event could change an
        earlier mean by a rounding error.
    """

    def __init__(self, codes: np.ndarray, minutes: np.ndarray, values: np.ndarray) -> None:
        self.base = int(minutes.min(initial=0)) - 1 if len(minutes) else 0
        self.span = (int(minutes.max()) - self.base + 2) if len(minutes) else 2
        # One key sorts by group, then by time, so that a single binary search finds both.
        key = codes * self.span + (minutes - self.base)
        self.order = np.argsort(key, kind="stable")
        self.keys = key[self.order]
        self.sums = np.concatenate([[0], np.cumsum(values[self.order])])

    def before(self, codes: np.ndarray, minutes: np.ndarray) -> np.ndarray:
        """Return the number of events with a smaller group number, or of the same group and before `minutes`."""
        inside = np.clip(minutes - self.base, 0, self.span - 1)
        return np.searchsorted(self.keys, codes * self.span + inside, side="left")

    def mean(self, codes: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Return the mean value of the group's events from `start` to before `end`; NaN if there are none."""
        first, last = self.before(codes, start), self.before(codes, end)
        count = last - first
        total = self.sums[last] - self.sums[first]
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


# --------------------------------------------------------------------------- the groups


def _calendar(snapshot: _Snapshot) -> dict[str, np.ndarray]:
    """Return days to the next federal holiday and since the last, 7 at most: holidays change travel for a week."""
    dates = splits.day(snapshot.flights.iloc[snapshot.places]).to_numpy("datetime64[D]")
    years = snapshot.flights["Year"].iloc[snapshot.places]
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


def _volume(snapshot: _Snapshot) -> dict[str, np.ndarray]:
    """Return the number of flights scheduled from the same airport in the same clock hour, and on the same day."""
    flights = snapshot.flights
    day = (flights["Year"] * 400 + flights["Month"] * 32 + flights["DayofMonth"]).to_numpy(dtype=np.int64)
    day = snapshot.codes((_ORIGIN,)) * 10**7 + day
    hour = day * 24 + flights["CRSDepTime"].to_numpy(dtype=np.int64) // 100 % 24
    counts = {}
    for name, key in (("flights_this_hour", hour), ("flights_this_day", day)):
        _, group, size = np.unique(key, return_inverse=True, return_counts=True)
        counts[name] = size[group][snapshot.places].astype(float)
    return counts


def _trailing(snapshot: _Snapshot) -> dict[str, np.ndarray]:
    """Return the shares of late flights in the days before the day of the flight, for each group of `_TRAILING`."""
    known = snapshot.known("IsDepDelayed")
    hhmm = snapshot.flights["CRSDepTime"].iloc[snapshot.places]
    midnight = snapshot.departs - datasets.minute_of_day(hhmm).to_numpy(dtype=np.int64)
    # Up to midnight, so that a rate is the same for all flights of a day; at long horizons up to the prediction.
    end = np.minimum(snapshot.now, midnight)
    rates = {}
    for whose, columns in _TRAILING.items():
        events = snapshot.timeline(columns, known, snapshot.late)
        codes = snapshot.codes(columns)[snapshot.places]
        for days in _TRAILING_DAYS:
            rates[f"late_{days}d_{whose}"] = events.mean(codes, end - days * 1440, end)
    return rates


def _airport_today(snapshot: _Snapshot) -> dict[str, np.ndarray]:
    """Return, over the last hours, the share of late flights and the mean delay (minutes) of those that departed."""
    delay = checked.numbers(snapshot.flights["DepDelay"])
    rates = {}
    for whose, columns in _TODAY.items():
        codes = snapshot.codes(columns)[snapshot.places]
        late = snapshot.timeline(columns, snapshot.known("IsDepDelayed"), snapshot.late)
        delays = snapshot.timeline(columns, snapshot.known("DepDelay"), delay)
        for hours in _TODAY_HOURS:
            start = snapshot.now - hours * 60
            rates[f"late_{hours}h_{whose}"] = late.mean(codes, start, snapshot.now)
            rates[f"delay_{hours}h_{whose}"] = delays.mean(codes, start, snapshot.now)
    return rates


def _plane(snapshot: _Snapshot) -> dict[str, np.ndarray]:
    """Return what the same aircraft did before: its last known departure, its delays, and its flights of a day."""
    flights, columns = snapshot.flights, ("TailNum",)
    tail = flights["TailNum"].astype("category")
    certain = tail.notna().to_numpy() & ~tail.isin(_NO_TAIL).to_numpy()
    left = np.where(certain, snapshot.known("DepDelay"), np.nan)
    events = snapshot.timeline(columns, left, np.ones(len(flights)))
    codes = snapshot.codes(columns)[snapshot.places]
    last = events.before(codes, snapshot.now)
    legs = last - events.before(codes, snapshot.now - 24 * 60)
    # Positions of the events in `flights`, in the timeline's order.
    leg = np.flatnonzero(~np.isnan(left))[events.order][np.maximum(last - 1, 0)] if len(events.keys) else last
    none = ~certain[snapshot.places] | (legs == 0)

    def of_last(values: np.ndarray) -> np.ndarray:
        return np.where(none, np.nan, values[leg])

    landed = of_last(snapshot.known("ArrDelay")) < snapshot.now
    elapsed = checked.numbers(flights["CRSElapsedTime"])
    return {
        "plane_hours_since": (snapshot.departs - of_last(snapshot.scheduled.astype(float))) / 60,
        "plane_dep_delay": of_last(flights["DepDelay"].to_numpy(dtype=float)),
        "plane_arr_delay": np.where(landed, of_last(flights["ArrDelay"].to_numpy(dtype=float)), np.nan),
        # Minutes on the ground if the aircraft flew to its destination and straight back.
        "plane_slack": snapshot.departs - of_last(left) - 2 * of_last(elapsed),
        "plane_legs": np.where(none, 0.0, legs).astype(float),
    }


#: The groups that need nothing but the flights.
_GROUPS = {
    "calendar": _calendar,
    "volume": _volume,
    "trailing": _trailing,
    "airport_today": _airport_today,
    "plane": _plane,
}


def _measurements() -> list[str]:
    rows = dictionary.load("weather")
    return list(rows.index[rows["role"] == "input"])


def _weather(snapshot: _Snapshot, reports: pd.DataFrame) -> pd.DataFrame:
    """Return the latest weather report of the departure airport, unless it is older than a few hours."""
    import pandas as pd

    names = _measurements()
    order = np.argsort(reports["time_hour"].to_numpy("datetime64[m]"), kind="stable")
    reports = reports.iloc[order]
    at = reports["time_hour"].to_numpy("datetime64[m]").astype(np.int64)
    measured = reports[names].to_numpy(dtype=float)
    origins = snapshot.flights[_ORIGIN].iloc[snapshot.places].to_numpy(dtype=object)
    found = np.full((len(origins), len(names)), np.nan)
    for station in reports["origin"].unique():
        here, mine = np.flatnonzero(origins == station), np.flatnonzero((reports["origin"] == station).to_numpy())
        last = np.searchsorted(at[mine], snapshot.now[here], side="right") - 1
        fresh = (last >= 0) & (snapshot.now[here] - at[mine][np.maximum(last, 0)] <= _WEATHER_HOURS * 60)
        found[here[fresh]] = measured[mine[last[fresh]]]
    return pd.DataFrame(found, columns=names, index=snapshot.flights.index[snapshot.places])


def _chosen(
    flights: pd.DataFrame, only: Iterable[str] | None, assume_tail_known: bool, weather_given: bool
) -> list[str]:
    """Return the groups to compute, in their order."""
    every = list(groups())
    dataset = tables.dataset_of(flights)
    absent = set() if weather_given or tables.dataset(dataset)["weather"] else {"weather"}
    if only is None:
        return [name for name in every if name not in absent and (name != "plane" or assume_tail_known)]
    asked = [only] if isinstance(only, str) else list(only)
    unknown = [name for name in asked if name not in every]
    if unknown or not asked:
        problem = f"there is no group {unknown[0]!r}" if unknown else "only=[] selects no group of features"
        raise UsageError(problem, fix=f"choose from {', '.join(every)}")
    if absent & set(asked):
        raise UsageError(f"{dataset} has no weather", fix="leave 'weather' out, or pass weather=…")
    if "plane" in asked and not assume_tail_known:
        raise UsageError(
            "the aircraft is certain only at departure", fix="leave 'plane' out, or pass assume_tail_known=True"
        )
    return [name for name in every if name in asked]
