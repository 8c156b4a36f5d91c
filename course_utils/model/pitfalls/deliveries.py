"""Deliveries, the tables that checks examine: how to make one, and which of its columns a check looks at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import faults, features
from course_utils.errors import DataError

__all__ = [
    "DATE_COLUMNS",
    "ROUTE_COLUMNS",
    "Delivery",
    "candidate_inputs",
    "course_features",
    "inputs_in",
    "is_number",
    "label_values",
    "late_minutes",
    "make_delivery",
    "outcome_columns",
]

#: The columns that make up a date.
DATE_COLUMNS = ("Year", "Month", "DayofMonth")
#: The columns that make up a route.
ROUTE_COLUMNS = ("Origin", "Dest")
#: Flights from a provider, and the columns that a model is meant to use.
Delivery = faults.Delivery


def make_delivery(
    flights: pd.DataFrame,
    known: pd.DataFrame | None = None,
    *,
    months: Sequence[int] | None = None,
    inputs: Iterable[str] | None = None,
) -> Delivery:
    """Return a delivery of flights, with features beside the raw columns.

    Parameters
    ----------
    flights : DataFrame
        One row a flight, in the columns of the data dictionary.
    known : DataFrame, optional
        Features by row label, as from `features.as_of`, for all flights; those that are raw columns too are not added
        twice. By default there are none.
    months : sequence of int, optional
        Keep only flights of these months, 1 to 12; by default all of them.
    inputs : iterable of str, optional
        The columns that a model is meant to use; by default those of `known`, or else every column but the label.

    Raises
    ------
    DataError
        An input is not a column, or `known` lacks a flight.

    Examples
    --------
    >>> pitfalls.make_delivery(flights)
    Delivery(3,000 flights, 30 inputs)
    """
    rows = flights if months is None else flights[flights["Month"].isin(list(months))]
    if known is not None:
        if not rows.index.isin(known.index).all():
            raise DataError(
                "the features lack flights of the delivery", fix="compute known= from the flights that you pass"
            )
        extra = [name for name in known.columns if name not in rows.columns]
        rows = pd.concat([rows, known.loc[rows.index, extra]], axis=1)
    rows.attrs = {name: value for name, value in flights.attrs.items() if name == "dataset"}
    default = [name for name in rows.columns if name != "IsDepDelayed"] if known is None else list(known.columns)
    chosen = tuple(default if inputs is None else inputs)
    absent = [name for name in chosen if name not in rows.columns]
    if absent:
        raise DataError(
            "is listed in inputs=, but there is no such column",
            column=absent[0],
            fix="add the column to the flights, or remove it from inputs=",
        )
    return Delivery(rows, chosen)


def label_values(rows: pd.DataFrame) -> np.ndarray:
    """Return the label of `rows` as delivered, shape (flights,): 1 for YES, 0 for NO, NaN for anything else.

    `features.label` computes it from the recorded delay instead.
    """
    return rows["IsDepDelayed"].astype(object).map({"YES": 1.0, "NO": 0.0}).to_numpy(dtype=float)


def late_minutes() -> int:
    """Return the delay, in minutes, from which a flight counts as late in the course."""
    return tables.read_toml("constants.toml")["late_minutes"]


def is_number(values: pd.Series) -> bool:
    """Return whether a column of `values` holds numbers; booleans are not numbers."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def inputs_in(delivery: Delivery, *others: Delivery, numbers: bool | None = None) -> list[str]:
    """Return the inputs whose columns all of several deliveries have.

    Parameters
    ----------
    delivery : Delivery
        Whose inputs to return, in their order.
    *others : Delivery
        Deliveries that must have the columns too, such as a reference.
    numbers : bool, optional
        True for columns of numbers only, False for all others; by default both.
    """
    names = [name for name in delivery.inputs if all(name in one.rows.columns for one in (delivery, *others))]
    return [name for name in names if numbers is None or is_number(delivery.rows[name]) is numbers]


def outcome_columns(dictionary: pd.DataFrame) -> list[str]:
    """Return the columns that a `dictionary` calls outcomes, and the label."""
    return list(dictionary.index[dictionary["role"].isin(["outcome", "label"])])


def candidate_inputs(
    delivery: Delivery, dictionary: pd.DataFrame, *others: Delivery, numbers: bool | None = None
) -> list[str]:
    """Return the inputs that a statistic may be about: no outcome, key or date, for which rules have an answer.

    Parameters
    ----------
    delivery, *others, numbers
        As for `inputs_in`.
    dictionary : DataFrame
        The data dictionary, which gives the role of each column.
    """
    out = {*outcome_columns(dictionary), *dictionary.index[dictionary["role"].isin(["key", "date"])]}
    return [name for name in inputs_in(delivery, *others, numbers=numbers) if name not in out]


def course_features() -> set[str]:
    """Return the names of the features that `features.as_of` makes, which never look past the horizon."""
    return {name for names in features.groups().values() for name in names}
