"""The data dictionary: what each column means, its unit and range, when it is known, whether a model may use it.

It is one table, ``tables/data/dictionary.csv``; where a data set differs (another range, more missing values), a row of
``dictionary_by_dataset.csv`` says so. Validation, features, lessons and data/README.md all read it.

Two columns say when a value is known. `known_hours_before` is for the flight's *own* row: the value is known this many
hours before the scheduled departure, or earlier; 0 is at departure; -1 is only afterwards, so no model may use it.
`event` and `event_minutes` are for the rows of *other* flights: the moment from which everyone knows the value. That
is 'schedule' (months ahead), 'scheduled departure' plus 15 minutes (whether a flight is late or cancelled), 'departure'
and 'arrival' (when they happen) or 'observation' (weather).
"""

from __future__ import annotations

import csv
import io
from functools import cache
from os import PathLike
from typing import TYPE_CHECKING

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

__all__ = [
    "KEY",
    "MissingShareError",
    "admissible",
    "check_columns",
    "check_kinds",
    "load",
    "readme",
    "rules",
    "validate",
]

#: The columns that identify a flight: two rows that agree in all of them are the same flight.
KEY = ("Year", "Month", "DayofMonth", "UniqueCarrier", "FlightNum", "Origin", "CRSDepTime")

_README_COLUMNS = ("column", "meaning", "unit", "type", "range", "known_hours_before", "event", "use", "why")


class MissingShareError(DataError):
    """A column lacks more values than the dictionary allows; a `DataError` that a caller may treat apart."""


def load(table: str = "flights", dataset: str | None = None) -> pd.DataFrame:
    """Return the data dictionary, one row per column of the data.

    Parameters
    ----------
    table : {'flights', 'weather'}
        Which table of the data it describes.
    dataset : str, optional
        One of `tables.DATASETS`, whose own ranges and missing shares apply. Default: the active data set.

    Returns
    -------
    DataFrame
        Your own copy, indexed by column name in the order of the data. Columns: meaning, unit, type ('integer',
        'number', 'text', 'time'), low and high (both ends allowed), values (allowed values, separated by spaces; empty
        means any), missing (largest share of rows without a value, 0 to 1), known_hours_before, event, event_minutes,
        role ('date', 'key', 'input', 'outcome', 'label'), use ('yes', 'no') and why.

    Raises
    ------
    UsageError
        There is no such table or data set.

    Examples
    --------
    >>> dictionary.load().loc["CRSDepTime", ["unit", "role", "use"]].tolist()
    ['hhmm', 'input', 'yes']
    """
    known = _tables(tables.active_dataset() if dataset is None else dataset)
    if table not in known:
        raise UsageError(f"the dictionary has no table {table!r}", fix=f"choose one of {', '.join(known)}")
    return known[table].copy()


@cache
def _tables(dataset: str) -> dict[str, pd.DataFrame]:
    import pandas as pd

    texts = ("meaning", "unit", "values", "event", "why")
    rows = tables.read_csv("dictionary.csv", dtype=dict.fromkeys(texts, str))
    rows = rows.fillna(dict.fromkeys(texts, "")).set_index("column")
    # The years are stated once, with the data sets that they belong to.
    years = [year for name in tables.DATASETS for year in tables.dataset(name)["years"]]
    rows.loc["Year", ["low", "high"]] = min(years), max(years)
    rows.loc[tables.dataset(dataset)["absent"], "missing"] = 1
    own = tables.read_csv("dictionary_by_dataset.csv", dtype={"values": str}).set_index("column")
    for column, row in own[own["dataset"] == dataset].drop(columns="dataset").iterrows():
        if column not in rows.index:
            raise UsageError(
                f"dictionary_by_dataset.csv: {dataset} has a row for {column!r}, which no table has",
                fix="use a column name of dictionary.csv",
            )
        for name, value in row[row.notna()].items():
            rows.loc[column, name] = value
    rows["low"], rows["high"] = (pd.to_numeric(rows[end]) for end in ("low", "high"))
    return {name: part.drop(columns="table") for name, part in rows.groupby("table", sort=False)}


def admissible(horizon: float) -> list[str]:
    """Return the raw columns of a flight that a model may use `horizon` hours before its scheduled departure.

    Parameters
    ----------
    horizon : float
        Hours before the scheduled departure; a negative number or NaN is refused.

    Returns
    -------
    list of str
        Columns that are known by then and whose use the dictionary allows.

    Raises
    ------
    UsageError
        The horizon is negative or not a number.

    Examples
    --------
    >>> dictionary.admissible(horizon=3)[:4]
    ['DayOfWeek', 'CRSDepTime', 'CRSArrTime', 'UniqueCarrier']
    >>> "WeatherDelay" in dictionary.admissible(horizon=0)
    False
    """
    if not horizon >= 0:
        raise UsageError(f"horizon={horizon} is after departure", fix="give hours before departure, 0 or more")
    rows = load()
    return list(rows.index[(rows["known_hours_before"] >= horizon) & (rows["use"] == "yes")])


def rules(table: str = "flights") -> dict[str, dict[str, str]]:
    """Return the dictionary's rows as texts, without pandas: what is the same for every data set.

    A small command, such as ``course csv2vw``, then needs a fifth of the memory.

    Parameters
    ----------
    table : {'flights', 'weather'}
        As for `load`: which table of the data it describes.

    Returns
    -------
    dict of str to dict
        For each column its type, known_hours_before, event, event_minutes, role, use, why and meaning, by name.

    Examples
    --------
    >>> dictionary.rules()["DepDelay"]["use"]
    'no'
    """
    rows = csv.DictReader(io.StringIO(tables.read_text("dictionary.csv"), newline=""))
    return {row["column"]: row for row in rows if row["table"] == table}


def validate(
    flights: pd.DataFrame, *, file: str | PathLike[str] | None = None, dataset: str | None = None
) -> pd.DataFrame:
    """Check flights against the dictionary: columns, types, ranges, vocabulary, dates, keys and missing shares.

    Parameters
    ----------
    flights : DataFrame
        Past flights with the 31 columns of the course, in any order.
    file : path, optional
        The file they were read from; error messages name it.
    dataset : str, optional
        The data set whose ranges and missing shares apply. Default: the one that `flights` are from, see
        `tables.dataset_of`.

    Returns
    -------
    DataFrame
        `flights` itself, unchanged.

    Raises
    ------
    DataError
        The first value, row or column that breaks a rule: which one, where, and how to fix it.
    UsageError
        There is no such data set.

    Examples
    --------
    >>> dictionary.validate(flights) is flights
    True
    >>> dictionary.validate(flights.assign(Month=13))
    Traceback (most recent call last):
    ...
    course_utils.errors.DataError: column Month, row 0: holds 13, outside the range 1 to 12 (and 2,999 more rows). ...
    """
    dataset = dataset or tables.dataset_of(flights)
    rows = load(dataset=dataset)
    check_columns(flights.columns, file=file)
    if flights.empty:
        raise DataError("has no rows", file=file, fix="send at least one flight")
    check_kinds(flights, file=file)
    _check_values(_plain(flights, rows), rows, file)
    _check_dates(flights, file)
    _check_key(flights, file)
    _check_missing(flights, rows["missing"], file, dataset)
    return flights


def check_columns(columns: pd.Index | list[str], *, file: str | PathLike[str] | None = None) -> None:
    """Check that column names are those of the dictionary, in any order.

    Parameters
    ----------
    columns : Index or list of str
        The column names to check.
    file : path, optional
        As for `validate`.

    Raises
    ------
    DataError
        A column is missing, unknown or present twice.

    Examples
    --------
    >>> dictionary.check_columns(flights.columns)
    """
    known = list(load().index)
    given = [str(name) for name in columns]
    absent = [name for name in known if name not in given]
    unknown = [name for name in given if name not in known]
    double = sorted({name for name in given if given.count(name) > 1})
    if absent:
        near = f" (is it {unknown[0]!r} by another name?)" if len(unknown) == len(absent) == 1 else ""
        raise DataError(
            "is missing", file=file, column=absent[0], fix=f"add the column{near}; leave it empty if unknown"
        )
    if unknown:
        raise DataError(
            "is not in the data dictionary",
            file=file,
            column=unknown[0],
            fix="drop the column, or describe it in course_utils/tables/data/dictionary.csv",
        )
    if double:
        raise DataError("is present more than once", file=file, column=double[0], fix="keep one of them")


def check_kinds(flights: pd.DataFrame, *, file: str | PathLike[str] | None = None) -> None:
    """Check that the dictionary's columns hold numbers where it says number, and text where it says text.

    Parameters
    ----------
    flights : DataFrame
        Flights with some or all of the dictionary's columns, and any others, which are not checked.
    file : path, optional
        As for `validate`.

    Raises
    ------
    DataError
        A column holds text where numbers belong, or numbers where text belongs.

    Examples
    --------
    >>> dictionary.check_kinds(flights[["Origin", "Distance"]])
    """
    from course_utils.data import checked  # imports NumPy, which csv2vw does without

    checked.need(flights, ())
    for name, kind in load()["type"].items():
        if name in flights.columns:
            _check_kind(flights[name], kind, file)


def readme() -> str:
    """Return the dictionary as Markdown for data/README.md: one table for flights, one for weather."""
    parts = []
    for table in ("flights", "weather"):
        # The default data set, whichever one is active: the file must not depend on the environment.
        rows = load(table, tables.DATASETS[0]).reset_index()
        rows["range"] = [_range(row) for row in rows.itertuples()]
        rows["event"] = [_event(row) for row in rows.itertuples()]
        rows["known_hours_before"] = [f"{hours:g}" if hours == hours else "" for hours in rows["known_hours_before"]]
        parts.append(f"### {table.capitalize()}\n\n{_markdown(rows[list(_README_COLUMNS)])}")
    return "\n\n".join(parts) + "\n"


def _range(row: object) -> str:
    if row.values:
        return row.values
    # NaN, for 'no range', is the only number that differs from itself.
    return "" if row.low != row.low else f"{row.low:g} to {row.high:g}"


def _event(row: object) -> str:
    return f"{row.event} + {row.event_minutes:g} min" if row.event_minutes > 0 else row.event


def _markdown(rows: pd.DataFrame) -> str:
    heads = {"known_hours_before": "known hours before", "event": "known for other flights at", "use": "may be used"}
    lines = [[heads.get(name, name) for name in rows.columns], ["---"] * rows.shape[1], *rows.astype(str).to_numpy()]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


# --------------------------------------------------------------------------- the checks


def _check_kind(values: pd.Series, kind: str, file: str | PathLike[str] | None) -> None:
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(values)
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_bool_dtype(values):
        problem = f"is stored as {values.dtype} where {'text belongs' if kind == 'text' else 'numbers belong'}"
        raise DataError(problem, file=file, column=str(values.name), fix="convert the column before you pass it")
    if kind == "text" and numeric and values.notna().any():
        raise DataError("holds numbers where text belongs", file=file, column=values.name, fix="convert it to text")
    if kind != "text" and not numeric:
        bad = pd.to_numeric(values.astype(object), errors="coerce").isna().to_numpy() & values.notna().to_numpy()
        row = int(bad.argmax())
        shown = f"holds {values.iloc[row]!r} where" if bad.any() else "is stored as text where"
        raise DataError(
            f"{shown} a number belongs",
            file=file,
            column=str(values.name),
            row=row if bad.any() else None,
            fix="write numbers, and leave the cell empty or NA where the value is missing",
        )


def _plain(flights: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the flights with numbers as NumPy stores them: not all checks work on Arrow's and nullable columns."""
    import numpy as np

    from course_utils.data import checked

    stored = {
        name: checked.numbers(flights[name])
        for name in rows.index
        if rows.loc[name, "type"] != "text" and not isinstance(flights[name].dtype, np.dtype)
    }
    # Arrow's texts as Python's; categories are read as they are.
    stored |= {
        name: flights[name].astype(object).where(flights[name].notna(), None)
        for name in rows.index
        if name not in stored and "pyarrow" in str(flights[name].dtype)
    }
    return flights.assign(**stored).reset_index(drop=True) if stored else flights.reset_index(drop=True)


def _check_values(flights: pd.DataFrame, rows: pd.DataFrame, file: str | PathLike[str] | None) -> None:
    from pandera.errors import SchemaErrors

    try:
        # Lazy, so that the message can say how many more rows have the same fault.
        _schema(rows).validate(flights, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        first = cases.iloc[0]
        count = int(((cases["column"] == first["column"]) & (cases["check"] == first["check"])).sum())
        others = f" (and {counted(count - 1, 'more row')})" if count > 1 else ""
        value = first["failure_case"]
        value = repr(value) if isinstance(value, str) else f"{value:g}"
        raise DataError(
            f"holds {value}, {first['check']}{others}",
            file=file,
            column=first["column"],
            row=int(first["index"]),
            fix="correct or drop these rows; if the value is right, widen the range in "
            "course_utils/tables/data/dictionary.csv",
        ) from None


def _schema(rows: pd.DataFrame) -> pa.DataFrameSchema:
    """Return the ranges and vocabularies of the dictionary as a pandera schema."""
    import pandera.pandas as pa

    columns = {}
    for row in rows.itertuples():
        checks = []
        if row.unit == "hhmm":
            checks.append(
                pa.Check(lambda s: s % 100 < 60, error="which is not a clock time: minutes run from 00 to 59")
            )
        if row.low == row.low:
            unit = f" {row.unit}" if row.unit else ""
            error = f"outside the range {row.low:g} to {row.high:g}{unit}"
            checks.append(pa.Check.in_range(row.low, row.high, error=error))
        if row.type == "integer":
            checks.append(pa.Check(lambda s: s % 1 == 0, error="which is not a whole number"))
        if row.values:
            checks.append(pa.Check.isin(row.values.split(), error=f"which is not one of {row.values}"))
        columns[row.Index] = pa.Column(checks=checks, nullable=True)
    return pa.DataFrameSchema(columns)


def _check_dates(flights: pd.DataFrame, file: str | PathLike[str] | None) -> None:
    import pandas as pd

    parts = {"year": flights["Year"], "month": flights["Month"], "day": flights["DayofMonth"]}
    dates = pd.to_datetime(pd.DataFrame(parts), errors="coerce")
    if dates.isna().any():
        row = int(dates.isna().to_numpy().argmax())
        text = "-".join(f"{part.iloc[row]}" for part in parts.values())
        raise DataError(f"{text} is not a date", file=file, column="DayofMonth", row=row, fix="correct the date")
    wrong = (dates.dt.dayofweek + 1 != flights["DayOfWeek"]).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"holds {flights['DayOfWeek'].iloc[row]}, but {dates.iloc[row]:%Y-%m-%d} is {dates.iloc[row].isoweekday()}",
            file=file,
            column="DayOfWeek",
            row=row,
            fix="count from Monday = 1 to Sunday = 7",
        )


def _check_key(flights: pd.DataFrame, file: str | PathLike[str] | None) -> None:
    double = flights.duplicated(list(KEY)).to_numpy()
    if double.any():
        row = int(double.argmax())
        raise DataError(
            f"repeats the flight of an earlier row ({counted(int(double.sum()), 'such row')})",
            file=file,
            row=row,
            fix=f"keep one row for each {', '.join(KEY)}",
        )


def _check_missing(flights: pd.DataFrame, allowed: pd.Series, file: str | PathLike[str] | None, dataset: str) -> None:
    share = flights[list(allowed.index)].isna().mean()
    over = share.index[share > allowed]
    if len(over):
        name = over[0]
        raise MissingShareError(
            f"is missing in {share[name]:.1%} of the rows; the dictionary allows {allowed[name]:.0%} for {dataset}",
            file=file,
            column=name,
            row=int(flights[name].isna().to_numpy().argmax()),
            fix="ask the supplier of the file for the values, or raise `missing` for the column in "
            "course_utils/tables/data/dictionary_by_dataset.csv",
        )
