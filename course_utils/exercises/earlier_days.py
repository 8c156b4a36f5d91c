"""What exercise 10.2 is checked with: tables of flights, the share it asks for, and what wrong functions compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Flights", "cases", "earlier_days", "formulas", "reversed_from", "shares"]


@dataclass(frozen=True)
class Flights:
    """What the share is computed from, as arrays.

    Attributes
    ----------
    day, month, day_of_month, origin, delay, late : array, shape (flights,)
        Columns of a table of flights; `late` and `delay` are NaN for cancelled flights.
    """

    day: Any
    month: Any
    day_of_month: Any
    origin: Any
    delay: Any
    late: Any

    @classmethod
    def of(cls, rows: Any) -> Flights:
        """Return the arrays of a table of flights.

        Parameters
        ----------
        rows : DataFrame
            Flights with the columns Year, Month, DayofMonth, Origin and DepDelay.
        """
        import numpy as np
        import pandas as pd

        parts = rows[["Year", "Month", "DayofMonth"]].set_axis(["year", "month", "day"], axis=1)
        delay = rows["DepDelay"].to_numpy()
        late = np.where(np.isnan(delay), np.nan, delay >= 15)
        day = pd.to_datetime(parts).to_numpy()
        return cls(day, rows["Month"].to_numpy(), rows["DayofMonth"].to_numpy(), rows["Origin"].to_numpy(), delay, late)


def cases() -> list[tuple[str, Any]]:
    """Return tables of flights to call a function with, each with words on what is special about it.

    Their rows are in no order. Days have gaps, months and years change between them, airports open on different days,
    and no flight leaves on the first two days of the second table.
    """
    few = _flights(10, 60, "2013-03-01", 5, ["EWR", "JFK"])
    many = _flights(11, 110, "2012-12-20", 75, ["SFO", "OAK", "SJC", "SMF"])
    return [
        ("for five days at two airports", few),
        ("for days of three months at four airports", many),
        ("with other outcomes from February on", reversed_from(many, "2013-02-01")),
        ("for one flight a day", _flights(12, 9, "2011-02-25", 9, ["ORD"])),
    ]


def _flights(seed: int, size: int, first: str, days: int, origins: Sequence[str]) -> Any:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    place = rng.permutation(size) if days == size else rng.integers(0, days, size)
    date = pd.Timestamp(first) + pd.to_timedelta(place, unit="D")
    times = rng.integers(6, 22, size) * 100
    origin = rng.choice(origins, size)
    # The last airport opens a day after the others, so that it has a first day of its own.
    origin = np.where((place == place.min()) & (origin == origins[-1]), origins[0], origin)
    rows = pd.DataFrame(
        {
            "Year": date.year,
            "Month": date.month,
            "DayofMonth": date.day,
            "DayOfWeek": date.dayofweek + 1,
            "CRSDepTime": times,
            "UniqueCarrier": rng.choice(["AA", "B6", "UA"], size),
            "FlightNum": rng.integers(1, 2000, size),
            # A category without flights, as tables have that were cut from larger ones.
            "Origin": pd.Categorical(origin, categories=[*origins, "ZZZ"]),
            "Dest": rng.choice(["ATL", "DEN", "MIA"], size),
            "Distance": rng.integers(200, 2500, size),
        },
        index=rng.permutation(size) * 3 + 100,
    )
    delay = pd.Series(rng.choice([-3.0, 0.0, 5.0, 14.0, 15.0, 16.0, 45.0, np.nan], size), rows.index)
    return _with_outcomes(rows, delay if days <= 20 else delay.where(place > place.min() + 1))


def reversed_from(rows: Any, day: Any) -> Any:
    """Return a table in which late flights of a day or later are on time, and the others late.

    Parameters
    ----------
    rows : DataFrame
        Flights as `cases` makes them.
    day : date
        The first day with other outcomes.

    Examples
    --------
    >>> rows = earlier_days.cases()[0][1]
    >>> other = earlier_days.reversed_from(rows, "2013-03-01")
    >>> bool((rows["DepDelay"] >= 15).sum() == (other["DepDelay"] < 15).sum())
    True
    """
    import numpy as np
    import pandas as pd

    delay = rows["DepDelay"]
    other = delay.where(delay.isna(), np.where(delay >= 15, 0.0, 60.0))
    return _with_outcomes(rows, delay.where(Flights.of(rows).day < np.datetime64(pd.Timestamp(day)), other))


def _with_outcomes(rows: Any, delay: Any) -> Any:
    import numpy as np

    late = np.where(delay.isna(), None, np.where(delay >= 15, "YES", "NO"))
    time = rows["CRSDepTime"] + delay.clip(0, 59)
    outcomes = {"DepTime": time, "DepDelay": delay, "ArrDelay": delay - 5, "Cancelled": delay.isna().astype(int)}
    return rows.assign(**outcomes, IsDepDelayed=late, IsArrDelayed=late)


def earlier_days(f: Flights, place: int) -> Any:
    """Return which flights are of an earlier day and of the same origin as the flight at a place.

    Parameters
    ----------
    f : Flights
        All flights of the table.
    place : int
        The flight's position in it, from 0.
    """
    return (f.origin == f.origin[place]) & (f.day < f.day[place])


def shares(f: Flights, which: Callable[[Flights, int], Any], late: Any = None) -> Any:
    """Return for each flight the mean of the known labels of those flights that count for it; NaN without any.

    Parameters
    ----------
    f : Flights
        All flights of the table.
    which : callable
        Called with the flights and a position; returns a mask of the flights that count.
    late : array, shape (flights,), optional
        Labels, NaN where unknown. Default: those of `f`.
    """
    import numpy as np

    late = f.late if late is None else late
    known = ~np.isnan(late)
    chosen = [late[which(f, place) & known] for place in range(len(late))]
    return np.array([one.mean() if len(one) else np.nan for one in chosen])


def _mean_of_days(f: Flights) -> Any:
    import numpy as np
    import pandas as pd

    days = pd.Series(f.late).groupby([f.origin, f.day]).mean().dropna()
    origin, day = days.index.get_level_values(0), days.index.get_level_values(1)
    chosen = [days[(origin == one) & (day < other)] for one, other in zip(f.origin, f.day, strict=True)]
    return np.array([one.mean() if len(one) else np.nan for one in chosen])


def _last_day(f: Flights, place: int) -> Any:
    before = earlier_days(f, place)
    return before & (f.day == f.day[before].max()) if before.any() else before


def formulas() -> list[tuple[Callable[[Flights], Any], str, str]]:
    """Return what wrong functions compute from flights, each with what was found and where to look then."""
    import numpy as np

    def earlier(late: Callable[[Flights], Any]) -> Callable[[Flights], Any]:
        return lambda f: shares(f, earlier_days, np.where(np.isnan(f.delay), np.nan, late(f)))

    def over(which: Callable[[Flights, int], Any]) -> Callable[[Flights], Any]:
        return lambda f: shares(f, which)

    def rows_above(f: Flights, place: int) -> Any:
        return (f.origin == f.origin[place]) & (np.arange(len(f.day)) < place)

    def counted(f: Flights) -> Any:
        return np.array([np.nansum(f.late[earlier_days(f, place)]) for place in range(len(f.day))])

    on_time = "that is the share of flights on time", "which of the two outcomes does the exercise ask for?"
    dates = (
        "it compares days of the month, not dates",
        "the third of May is after the fourth of April: use the whole date",
    )
    limit = "another delay counts as late", "use `features.label`: from how many minutes on is a flight late?"
    return [
        (
            over(lambda f, i: f.day < f.day[i]),
            "it counts flights of all airports",
            "use only flights from its own origin",
        ),
        (
            lambda f: shares(f, earlier_days, np.nan_to_num(f.late)),
            "it counts cancelled flights as on time",
            "they have no label: count flights with a label only",
        ),
        (over(_last_day), "it uses the last day only", "all earlier days count, not just the one before"),
        (
            _mean_of_days,
            "it is the mean of daily shares",
            "a day with few flights then counts as much as a busy one: divide sums, not shares",
        ),
        (counted, "it is a number of flights", "late flights divided by which flights are a share?"),
        (lambda f: 100 * shares(f, earlier_days), "that is a percentage", "a share is a number between 0 and 1"),
        (lambda f: 1 - shares(f, earlier_days), *on_time),
        (earlier(lambda f: f.delay > 0), *limit),
        (earlier(lambda f: f.delay > 15), *limit),
        (over(lambda f, i: (f.origin == f.origin[i]) & (f.day_of_month < f.day_of_month[i])), *dates),
        (
            over(lambda f, i: earlier_days(f, i) & (f.month == f.month[i])),
            "it starts again every month",
            "all earlier days count, those of earlier months too",
        ),
        (
            over(rows_above),
            "it counts the rows above a flight",
            "rows need not be in order of time, and a day's earlier rows are no earlier days: compare dates",
        ),
    ]
