"""What each column means, its unit and range, when it is known, and whether a model may use it.

The dictionary is one table, ``tables/data/dictionary.csv``. Validation, the choice of columns that are known at a horizon,
the features, lesson tables and data/README all read it; no other place says what a column is.

Two columns say when a value is known. `known_hours_before` is about the flight's *own* row: so many hours before its
scheduled departure, at the latest; 0 is at departure, -1 only afterwards, which no model may use. `event` and
`event_minutes` are about the rows of *other* flights: the moment, seen from that flight, at which all the world knows
the value ('schedule' long before; 'scheduled departure' plus 15 minutes: whether it is late or cancelled; 'departure'
and 'arrival' when they happen; 'observation' for weather).
"""

from __future__ import annotations

from functools import cache
from os import PathLike
from typing import TYPE_CHECKING

from course_utils import tables
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

__all__ = ["KEY", "admissible", "check_columns", "load", "readme", "validate"]

#: What makes two rows the same flight.
KEY = ("Year", "Month", "DayofMonth", "UniqueCarrier", "FlightNum", "Origin", "CRSDepTime")

_LIST_COLUMNS = ("column", "meaning", "unit", "type", "range", "known_hours_before", "event", "use", "why")


def load(table: str = "flights") -> pd.DataFrame:
    """Return the data dictionary, one row a column.

    Parameters
    ----------
    table : {'flights', 'weather'}

    Returns
    -------
    DataFrame
        Indexed by column name, in the order of the data: meaning, unit, type ('integer', 'number', 'text', 'time'),
        low and high (both allowed), values (a list separated by spaces, empty: any), missing_nyc2013 and
        missing_allyears2k (largest share of rows that may lack it), known_hours_before, event, event_minutes, role
        ('date', 'key', 'input', 'outcome', 'label'), use ('yes', 'no') and why.

    Raises
    ------
    UsageError
        There is no such table.
    """
    known = _tables()
    if table not in known:
        raise UsageError(f"the dictionary has no table {table!r}", fix=f"choose one of {', '.join(known)}")
    return known[table].copy()


@cache
def _tables() -> dict[str, pd.DataFrame]:
    texts = ("meaning", "unit", "values", "event", "why")
    rows = tables.read_csv("dictionary.csv", dtype=dict.fromkeys(texts, str))
    rows = rows.fillna(dict.fromkeys(texts, "")).set_index("column")
    return {name: part.drop(columns="table") for name, part in rows.groupby("table", sort=False)}


def admissible(horizon: float) -> list[str]:
    """Name the raw columns of a flight that a model may use `horizon` hours before its scheduled departure.

    Parameters
    ----------
    horizon : float
        Hours, 0 or more.

    Returns
    -------
    list of str
        Columns that are known by then and whose use the dictionary allows.

    Raises
    ------
    UsageError
        The horizon is negative or no number.
    """
    if not horizon >= 0:
        raise UsageError(f"horizon={horizon} lies after departure", fix="give hours before departure, 0 or more")
    rows = load()
    return list(rows.index[(rows["known_hours_before"] >= horizon) & (rows["use"] == "yes")])


def validate(
    flights: pd.DataFrame, *, file: str | PathLike[str] | None = None, dataset: str | None = None
) -> pd.DataFrame:
    """Hold flights to the dictionary: columns, types, ranges, vocabulary, dates, keys and missing shares.

    Parameters
    ----------
    flights : DataFrame
        Flights that have taken place, with the 31 columns of the course in any order.
    file : path, optional
        Where they came from, for the message.
    dataset : {'nyc2013', 'allyears2k'}, optional
        Whose missing shares count; default ``flights.attrs['dataset']``, else the active data set.

    Returns
    -------
    DataFrame
        `flights` itself, unchanged.

    Raises
    ------
    DataError
        The first thing found that is not as the dictionary says: which column, which row, and how to fix it.
    """
    dataset = dataset or flights.attrs.get("dataset") or tables.active_dataset()
    rows = load()
    check_columns(flights.columns, file=file)
    if flights.empty:
        raise DataError("has no rows", file=file, fix="send at least one flight")
    for name in rows.index:
        _check_kind(flights[name], rows.loc[name, "type"], file)
    _check_values(flights.reset_index(drop=True), rows, file)
    _check_dates(flights, file)
    _check_key(flights, file)
    _check_missing(flights, rows[f"missing_{dataset}"], file, dataset)
    return flights


def check_columns(columns: pd.Index | list[str], *, file: str | PathLike[str] | None = None) -> None:
    """Compare column names with those of the dictionary.

    Parameters
    ----------
    columns : Index or list of str
        The names that were sent.
    file : path, optional
        Where they came from, for the message.

    Raises
    ------
    DataError
        One is absent, unknown or there twice.
    """
    known = list(load().index)
    given = [str(name) for name in columns]
    absent = [name for name in known if name not in given]
    unknown = [name for name in given if name not in known]
    double = sorted({name for name in given if given.count(name) > 1})
    if absent:
        near = f" (is it {unknown[0]!r} by another name?)" if len(unknown) == len(absent) == 1 else ""
        raise DataError("is missing", file=file, column=absent[0], fix=f"add the column{near}, empty if not known")
    if unknown:
        raise DataError(
            "is not in the data dictionary",
            file=file,
            column=unknown[0],
            fix="drop the column, or describe it in course_utils/tables/data/dictionary.csv",
        )
    if double:
        raise DataError("is there more than once", file=file, column=double[0], fix="keep one of them")


def readme() -> str:
    """Write the dictionary as Markdown for data/README.md: one table for flights, one for weather."""
    parts = []
    for table in ("flights", "weather"):
        rows = load(table).reset_index()
        rows["range"] = [_range(row) for row in rows.itertuples()]
        rows["event"] = [_event(row) for row in rows.itertuples()]
        rows["known_hours_before"] = [f"{hours:g}" if hours == hours else "" for hours in rows["known_hours_before"]]
        parts.append(f"### {table.capitalize()}\n\n{_markdown(rows[list(_LIST_COLUMNS)])}")
    return "\n\n".join(parts) + "\n"


def _range(row: object) -> str:
    if row.values:
        return row.values
    return "" if row.low != row.low else f"{row.low:g} to {row.high:g}"


def _event(row: object) -> str:
    return f"{row.event} + {row.event_minutes:g} min" if row.event_minutes > 0 else row.event


def _markdown(rows: pd.DataFrame) -> str:
    heads = {"known_hours_before": "known hours before", "event": "of other flights known at", "use": "may be used"}
    lines = [[heads.get(name, name) for name in rows.columns], ["---"] * rows.shape[1], *rows.astype(str).to_numpy()]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


# --------------------------------------------------------------------------- the checks


def _check_kind(values: pd.Series, kind: str, file: str | PathLike[str] | None) -> None:
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(values)
    if kind == "text" and numeric and values.notna().any():
        raise DataError("holds numbers where text belongs", file=file, column=values.name, fix="send it as text")
    if kind != "text" and not numeric:
        bad = pd.to_numeric(values.astype(object), errors="coerce").isna().to_numpy() & values.notna().to_numpy()
        row = int(bad.argmax())
        shown = f"holds {values.iloc[row]!r} where" if bad.any() else "is stored as text where"
        raise DataError(
            f"{shown} a number belongs",
            file=file,
            column=str(values.name),
            row=row if bad.any() else None,
            fix="send numbers, and leave the cell empty or NA where the value is missing",
        )


def _check_values(flights: pd.DataFrame, rows: pd.DataFrame, file: str | PathLike[str] | None) -> None:
    from pandera.errors import SchemaErrors

    try:
        _schema(rows).validate(flights, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        first = cases.iloc[0]
        count = int(((cases["column"] == first["column"]) & (cases["check"] == first["check"])).sum())
        others = f" (and {count - 1:,} more rows)" if count > 1 else ""
        value = first["failure_case"]
        value = repr(value) if isinstance(value, str) else f"{value:g}"
        raise DataError(
            f"holds {value}, {first['check']}{others}",
            file=file,
            column=first["column"],
            row=int(first["index"]),
            fix="correct or drop these rows; if the value is right, widen course_utils/tables/data/dictionary.csv",
        ) from None


def _schema(rows: pd.DataFrame) -> pa.DataFrameSchema:
    """Write the dictionary as a pandera schema."""
    import pandera.pandas as pa

    columns = {}
    for row in rows.itertuples():
        checks = []
        if row.unit == "hhmm":
            checks.append(pa.Check(lambda s: s % 100 < 60, error="which is no clock time: minutes run from 00 to 59"))
        if row.low == row.low:
            unit = f" {row.unit}" if row.unit else ""
            error = f"outside the range {row.low:g} to {row.high:g}{unit}"
            checks.append(pa.Check.in_range(row.low, row.high, error=error))
        if row.type == "integer":
            checks.append(pa.Check(lambda s: s % 1 == 0, error="which is no whole number"))
        if row.values:
            checks.append(pa.Check.isin(row.values.split(), error=f"which is none of {row.values}"))
        columns[row.Index] = pa.Column(checks=checks, nullable=True)
    return pa.DataFrameSchema(columns)


def _check_dates(flights: pd.DataFrame, file: str | PathLike[str] | None) -> None:
    import pandas as pd

    parts = {"year": flights["Year"], "month": flights["Month"], "day": flights["DayofMonth"]}
    dates = pd.to_datetime(pd.DataFrame(parts), errors="coerce")
    if dates.isna().any():
        row = int(dates.isna().to_numpy().argmax())
        text = "-".join(f"{part.iloc[row]}" for part in parts.values())
        raise DataError(f"{text} is no date", file=file, column="DayofMonth", row=row, fix="correct the date")
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
            f"is a flight that an earlier row holds already ({int(double.sum()):,} such rows)",
            file=file,
            row=row,
            fix=f"keep one row for each {', '.join(KEY)}",
        )


def _check_missing(flights: pd.DataFrame, allowed: pd.Series, file: str | PathLike[str] | None, dataset: str) -> None:
    share = flights[list(allowed.index)].isna().mean()
    over = share.index[share > allowed]
    if len(over):
        name = over[0]
        raise DataError(
            f"is missing on {share[name]:.1%} of the rows, the dictionary allows {allowed[name]:.0%} in {dataset}",
            file=file,
            column=name,
            row=int(flights[name].isna().to_numpy().argmax()),
            fix="ask the sender for the values",
        )
