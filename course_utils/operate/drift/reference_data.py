"""The reference data: the quiet months that later days are compared with.

`reference` summarises them once: the distribution of each input and of the scores, the known routes and distances, and
the share of late flights by airline and hour. Later days are then compared with the summary, without the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from course_utils.data import features
from course_utils.model.distributions import Distribution
from course_utils.operate.backtest import QUIET, Backtest
from course_utils.operate.drift.catalog import settings
from course_utils.wording import counted

__all__ = ["ROUTE", "ROUTE_DISTANCE", "Reference", "airline_hour", "distinct_rows", "reference"]

#: The columns of a route with its distance, and those of an airline on a route.
ROUTE_DISTANCE = ("Origin", "Dest", "Distance")
ROUTE = ("UniqueCarrier", "Origin", "Dest")
_PRIOR = (
    20  # flights at the overall rate that are added to each cell of the lookup table, so that rare cells are stable
)


@dataclass(frozen=True)
class Reference:
    """A summary of the quiet months, which later days are compared with. Made by `reference`.

    Attributes
    ----------
    inputs : tuple of str
        The names of the model's inputs.
    distributions : dict of str to Distribution
        The distribution of each input, and of 'probability', the scores.
    distances : frozenset of (origin, destination, miles)
        The distances that each route had.
    routes : frozenset of (airline, origin, destination)
        The routes that each airline flew.
    scores : array of float
        All scores of these months, sorted.
    late_rates : Series of float
        The share of late flights by airline and hour: the lookup table that the model replaced.
    """

    inputs: tuple[str, ...]
    distributions: dict[str, Distribution]
    distances: frozenset[tuple[str, str, float]]
    routes: frozenset[tuple[str, str, str]]
    scores: np.ndarray
    late_rates: pd.Series

    def __repr__(self) -> str:
        return f"Reference({counted(len(self.scores), 'request')}, {counted(len(self.inputs), 'input')})"


def reference(machine: Backtest, first: str = QUIET[0], last: str = QUIET[1]) -> Reference:
    """Return a summary of the quiet months, to compare later days with.

    Parameters
    ----------
    machine : Backtest
        The backtest whose days are summarised, with inputs, scores and outcomes.
    first, last : str
        The first and the last of these days, such as '2013-01-02'; by default the months that the service's model was
        trained on.

    Examples
    --------
    >>> from course_utils.operate import backtest
    >>> machine = backtest.small_backtest(flights)
    >>> drift.reference(machine, "2013-01-01", "2013-01-02")
    Reference(1,785 requests, 59 inputs)
    """
    rows, labels, _, _ = machine.table(first, last)
    names = [name for columns in features.groups(rows).values() for name in columns]
    return Reference(
        inputs=tuple(names),
        distributions={name: Distribution.of(rows[name], settings()["bins"]) for name in [*names, "probability"]},
        distances=frozenset(distinct_rows(rows, ROUTE_DISTANCE)[1]),
        routes=frozenset(distinct_rows(rows, ROUTE)[1]),
        scores=np.sort(rows["probability"].to_numpy(dtype=float)),
        late_rates=_late_rates(labels),
    )


def distinct_rows(rows: pd.DataFrame, columns: Sequence[str]) -> tuple[np.ndarray, list[tuple[Any, ...]]]:
    """Return which distinct combination of some columns each row has, and the list of these combinations.

    Parameters
    ----------
    rows : DataFrame
        One row a flight, with these columns and any others.
    columns : sequence of str
        The columns that are combined: texts, or numbers.

    Returns
    -------
    code : array of int, shape (rows,)
        The position of each row's combination in the list.
    combinations : list of tuple
        In the order in which they first appear.
    """
    texts = {name: str for name in columns if not pd.api.types.is_numeric_dtype(rows[name])}
    code, keys = pd.MultiIndex.from_frame(rows[list(columns)].astype(texts)).factorize()
    return code, list(keys)


def _late_rates(labels: pd.DataFrame) -> pd.Series:
    """Return the share of late flights by airline and hour, rare combinations shrunk towards the overall share."""
    late = features.label(labels)
    both = late.groupby(airline_hour(labels)).agg(["sum", "count"])
    return (both["sum"] + _PRIOR * late.mean()) / (both["count"] + _PRIOR)


def airline_hour(rows: pd.DataFrame) -> np.ndarray:
    """Return airline and scheduled hour of each of the `rows` as one integer, the same for all days and machines."""
    # An integer made of the code's bytes needs no shared vocabulary, and groups far faster than a text.
    carrier = rows["UniqueCarrier"].astype("category").cat
    of_category = [int.from_bytes(str(value).encode()[:4], "big") for value in carrier.categories]
    number = np.append(np.array(of_category, dtype=np.int64), -1)[carrier.codes]
    return number * 100 + rows["CRSDepTime"].to_numpy(dtype=np.int64) // 100
