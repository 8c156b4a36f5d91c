"""Turn flights into a stream of examples in order of time, as Vowpal Wabbit reads them.

All learners that are compared get the same flights and the same inputs, those of the timetable. `stream` writes them as
VW's text; `every_nth_flight` and `first_days` make smaller streams for quick experiments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import features, splits
from course_utils.errors import DataError
from course_utils.model import vowpal
from course_utils.model.online_learning.checks import as_day, check_columns, check_count
from course_utils.wording import counted

__all__ = [
    "NAMESPACES",
    "OPTIONS",
    "Stream",
    "comparison_start",
    "every_nth_flight",
    "first_days",
    "stream",
    "timetable",
]

#: How VW runs unless a lesson says otherwise: small learning steps that become smaller.
OPTIONS = "--loss_function logistic -l 0.1 --power_t 0.5"

#: The inputs of the timetable by namespace. The first letters differ, since ``-q`` names a namespace by its first.
NAMESPACES: dict[str, list[str]] = {
    "hour": ["hour"],
    "arrival": ["arrival_hour"],
    "weekday": ["DayOfWeek"],
    "carrier": ["UniqueCarrier"],
    "origin": ["Origin"],
    "dest": ["Dest"],
    "numbers": ["CRSElapsedTime", "Distance"],
}

# Numbers whose order means nothing to a linear model: 23 h is not 23 times 1 h, so each gets a weight of its own.
_TEXT = ("hour", "arrival_hour", "DayOfWeek")
_LABELS = {"YES": 1, "NO": -1}
_LABEL = "IsDepDelayed"


def timetable(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the inputs that all learners share: what the timetable says of each flight, clock times as hours.

    Parameters
    ----------
    flights : DataFrame
        Flights with the columns of the schedule.

    Returns
    -------
    DataFrame
        One row for each flight, row labels kept: the admissible columns of the schedule, with 'hour' and
        'arrival_hour' in place of the two clock times.

    Raises
    ------
    DataError
        A column of the schedule is missing, or a clock time is not a number.

    Examples
    --------
    >>> online_learning.timetable(flights)[["hour", "arrival_hour", "UniqueCarrier"]].head(2)
       hour  arrival_hour UniqueCarrier
    0     5             8            UA
    1     5             8            UA
    """
    check_columns(flights, ("CRSDepTime", "CRSArrTime"), "the flights")
    try:
        inputs = features.schedule(flights)
    except KeyError as error:
        raise DataError(f"the flights lack columns: {error.args[0]}", fix="pass flights with all columns") from error
    for name in ("CRSDepTime", "CRSArrTime"):
        if not pd.api.types.is_numeric_dtype(inputs[name]):
            raise DataError("is not a number", column=name, fix="give clock times as numbers: 1530 for 15:30")
    hours = {"hour": inputs["CRSDepTime"] // 100, "arrival_hour": inputs["CRSArrTime"] // 100}
    return inputs.drop(columns=["CRSDepTime", "CRSArrTime"]).assign(**hours)


@dataclass(frozen=True, repr=False)
class Stream:
    """Flights in order of time, as VW reads them.

    Attributes
    ----------
    lines : list of str
        VW's text, labels included.
    late : array of float, shape (flights,)
        1 late, 0 not late.
    days : array of datetime64[D], shape (flights,)
        The day of each flight, ascending.
    rows : DataFrame
        The flights themselves, in the same order.
    """

    lines: list[str]
    late: np.ndarray
    days: np.ndarray
    rows: pd.DataFrame

    def __repr__(self) -> str:
        flights, days = counted(len(self.lines), "flight"), counted(len(np.unique(self.days)), "day")
        return f"{flights} on {days}, {self.late.mean():.1%} late"

    @property
    def calendar(self) -> list[str]:
        """The days on which flights leave, in order."""
        return [str(day) for day in np.unique(self.days)]

    def after(self, day: str) -> np.ndarray:
        """Return a mask of the flights that leave on `day` or later, bool, shape (flights,).

        Raises
        ------
        UsageError
            `day` is not a day, such as ``'2013-04-01'``.
        """
        return self.days >= as_day(day, "day")


def stream(
    flights: pd.DataFrame,
    inputs: pd.DataFrame,
    namespaces: Mapping[str, Sequence[str]] | None = None,
) -> Stream:
    """Write flights as VW's text, in order of their day.

    They are converted in the same way as any delivery: as a CSV file, by `vowpal.csv2vw`.

    Parameters
    ----------
    flights : DataFrame
        Flights in any order; those that did not leave have no label and are left out.
    inputs : DataFrame
        Inputs by row label, for at least these flights.
    namespaces : mapping of str to sequence of str, optional
        The inputs of each of VW's namespaces; default `NAMESPACES`, with all other inputs in the namespace 'numbers'.

    Raises
    ------
    DataError
        A flight has no inputs, no day or a row label that another one has too; or none of the flights left.
    UsageError
        The namespaces name a column that the inputs do not have.

    Examples
    --------
    >>> stream = online_learning.stream(flights, online_learning.timetable(flights))
    >>> stream
    2,976 flights on 4 days, 20.9% late
    >>> stream.lines[0][:44]
    '-1 |hour hour=5 |arrival arrival_hour=8 |wee'
    """
    check_columns(flights, ("Year", "Month", "DayofMonth", "DepDelay"), "the flights")
    check_columns(inputs, (), "the inputs")
    rows = flights[flights["DepDelay"].notna()]
    for table, what in ((rows, "flights"), (inputs, "inputs")):
        if not table.index.is_unique:
            label = table.index[table.index.duplicated()][0]
            raise DataError(
                f"two {what} have the row label {label}", fix="number the rows first: flights.reset_index(drop=True)"
            )
    days = splits.day(rows)
    if days.isna().any():
        place = int(np.flatnonzero(days.isna())[0])
        raise DataError("has no day", row=place, fix="complete Year, Month and DayofMonth, or drop the row")
    if not days.is_monotonic_increasing:
        # A stable sort: within a day the flights keep their order, so the same data always give the same stream.
        rows = rows.loc[days.sort_values(kind="stable").index]
        days = splits.day(rows)
    late = features.label(rows).to_numpy()
    if not rows.index.isin(inputs.index).all():
        raise DataError("a flight has no inputs", fix="compute the inputs from the same flights")
    spaces = _spaces(inputs) if namespaces is None else namespaces
    columns = [name for part in spaces.values() for name in ([part] if isinstance(part, str) else part)]
    examples = vowpal.from_frame(
        inputs.loc[rows.index].assign(**{_LABEL: np.where(late == 1, "YES", "NO")}),
        label=_LABEL,
        labels=_LABELS,
        columns=columns,
        # The caller chose the inputs, which may be known only shortly before departure.
        horizon=0,
        text=[name for name in _TEXT if name in columns],
        namespaces=spaces,
    )
    return Stream(examples.lines, late, days.to_numpy("datetime64[D]"), rows)


def _spaces(inputs: pd.DataFrame) -> dict[str, list[str]]:
    spaces = {name: [column for column in columns if column in inputs] for name, columns in NAMESPACES.items()}
    placed = {column for columns in spaces.values() for column in columns}
    spaces["numbers"] += [str(column) for column in inputs if column not in placed]
    return {name: columns for name, columns in spaces.items() if columns}


def every_nth_flight(flights: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Return a systematic sample: every n-th flight, in order, so that all days are in it.

    Parameters
    ----------
    flights : DataFrame
        Flights in order of time.
    rows : int
        How many to keep at least, 1 or more; n is chosen so that fewer than twice as many are kept.

    Raises
    ------
    UsageError
        `rows` is not a whole number, 1 or more.

    Examples
    --------
    >>> len(flights), len(online_learning.every_nth_flight(flights, 700))
    (3000, 750)
    """
    check_count(rows, "rows", 1, "flights")
    return flights.iloc[:: max(1, len(flights) // int(rows))]


def first_days(flights: pd.DataFrame, days: int) -> pd.DataFrame:
    """Return the flights of the first days on which any are scheduled.

    Parameters
    ----------
    flights : DataFrame
        Flights in any order; their order is kept.
    days : int
        How many days with flights to keep, 1 or more.

    Raises
    ------
    UsageError
        `days` is not a whole number, 1 or more.

    Examples
    --------
    >>> online_learning.first_days(flights, 2)["DayofMonth"].unique().tolist()
    [1, 2]
    """
    check_count(days, "days", 1, "days")
    check_columns(flights, ("Year", "Month", "DayofMonth"), "the flights")
    dates = splits.day(flights)
    return flights[dates.isin(np.sort(dates.unique())[: int(days)])]


def comparison_start(flights: pd.DataFrame) -> str:
    """Return the first day on which the learners are compared for these `flights`; before it they only learn.

    Examples
    --------
    >>> online_learning.comparison_start(flights)
    '2013-04-01'
    """
    return tables.dataset(tables.dataset_of(flights))["compare_from"]
