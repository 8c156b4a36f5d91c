"""Scores of predictions, with the cells of a confusion matrix named by what happened.

Positive means *late* everywhere: the airline warns of delays, so a delay is what the model looks for. Cells are never
told apart by position, since two libraries and one slide can order them in three ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from course_utils.errors import DataError, UsageError

__all__ = [
    "CELLS",
    "accuracy",
    "auc",
    "calibration",
    "confusion",
    "from_sklearn",
    "log_loss",
    "log_losses",
    "named",
    "precision",
    "recall",
]

#: What can happen to a flight that was scored, in the order in which tables show it.
CELLS = ("warned, late", "warned, on time", "not warned, late", "not warned, on time")


def auc(late: Any, probability: Any) -> float:
    """Return the chance that a late flight is scored above an on-time one (ties count half).

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    probability : array of float, shape (flights,)

    Raises
    ------
    DataError
        Lengths differ, something is missing, or only one class is present.
    """
    from sklearn.metrics import roc_auc_score

    late, probability = _pair(late, probability)
    if late.min() == late.max():
        raise DataError("AUC needs late and on-time flights", mend="score a longer period")
    return float(roc_auc_score(late, probability))


def log_loss(late: Any, probability: Any) -> float:
    """Return the mean negative log-likelihood (natural log) of what happened; lower is better.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    probability : array of float, shape (flights,)
        Scores of exactly 0 or 1 are moved in by 1e-7 so that one of them cannot make the mean infinite.

    Raises
    ------
    DataError
        Lengths differ, or something is missing.
    """
    return float(np.mean(log_losses(late, probability)))


def log_losses(late: Any, probability: Any) -> np.ndarray:
    """Return each flight's own negative log-likelihood, float64, shape (flights,).

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    probability : array of float, shape (flights,)

    Raises
    ------
    DataError
        Lengths differ, or something is missing.
    """
    late, probability = _pair(late, probability)
    p = np.clip(probability, 1e-7, 1 - 1e-7)
    return -np.where(late == 1, np.log(p), np.log1p(-p))


def confusion(late: Any, warned: Any) -> pd.Series:
    """Count what happened.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    warned : array of bool, shape (flights,)
        Whether the passengers were warned.

    Returns
    -------
    Series of int, index `CELLS`

    Raises
    ------
    DataError
        Lengths differ, or something is missing.
    """
    late, warned = _pair(late, warned)
    if not np.isin(warned, (0, 1)).all():
        raise DataError("'warned' holds something else than yes and no", mend="compare the score with a threshold")
    happened = np.array(CELLS)[2 * (1 - warned.astype(int)) + (1 - late.astype(int))]
    return pd.Series(happened).value_counts().reindex(list(CELLS), fill_value=0).rename("flights").rename_axis(None)


def from_sklearn(matrix: Sequence[Sequence[float]]) -> pd.Series:
    """Name the cells of ``sklearn.metrics.confusion_matrix`` for labels 0 = on time, 1 = late.

    Its rows are what happened and its columns what was predicted.

    Parameters
    ----------
    matrix : array of int, shape (2, 2)

    Raises
    ------
    UsageError
        The matrix is not two by two.
    """
    if np.shape(matrix) != (2, 2):
        raise UsageError(f"a matrix of shape {np.shape(matrix)} is no 2 × 2 confusion matrix", mend="give two classes")
    (true_on_time, false_alarm), (missed, true_late) = matrix
    return pd.Series([true_late, false_alarm, missed, true_on_time], index=list(CELLS), name="flights")


def accuracy(cells: Mapping[str, float] | pd.Series) -> float:
    """Return the share of flights that were told right.

    Parameters
    ----------
    cells : mapping or Series over `CELLS`
        Flights by what happened.
    """
    cells = named(cells)
    return float((cells["warned, late"] + cells["not warned, on time"]) / cells.sum())


def precision(cells: Mapping[str, float] | pd.Series) -> float:
    """Return the share of warnings that were followed by a delay; NaN where nobody was warned.

    Parameters
    ----------
    cells : mapping or Series over `CELLS`
        Flights by what happened.
    """
    cells = named(cells)
    warned = cells["warned, late"] + cells["warned, on time"]
    return float(cells["warned, late"] / warned) if warned else float("nan")


def recall(cells: Mapping[str, float] | pd.Series) -> float:
    """Return the share of delays that were warned of; NaN where nothing was late.

    Parameters
    ----------
    cells : mapping or Series over `CELLS`
        Flights by what happened.
    """
    cells = named(cells)
    late = cells["warned, late"] + cells["not warned, late"]
    return float(cells["warned, late"] / late) if late else float("nan")


def calibration(late: Any, probability: Any, bins: int = 10) -> pd.DataFrame:
    """Compare scores with outcomes in groups of equal size.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    probability : array of float, shape (flights,)
    bins : int
        Number of groups, from the lowest scores to the highest.

    Returns
    -------
    DataFrame, one row a group
        'mean score', 'share late' and 'flights'.

    Raises
    ------
    DataError
        Lengths differ, or something is missing.
    UsageError
        Fewer than two groups.
    """
    late, probability = _pair(late, probability)
    if bins < 2:
        raise UsageError(f"bins={bins} compares nothing", mend="give bins=2 or more")
    order = np.argsort(probability, kind="stable")
    groups = [part for part in np.array_split(order, bins) if len(part)]
    return pd.DataFrame(
        {
            "mean score": [probability[part].mean() for part in groups],
            "share late": [late[part].mean() for part in groups],
            "flights": [len(part) for part in groups],
        }
    )


def named(cells: Mapping[str, float] | pd.Series) -> pd.Series:
    """Return numbers for the four cells in the order of `CELLS`.

    Parameters
    ----------
    cells : mapping or Series
        A number for each of the four, in any order.

    Raises
    ------
    UsageError
        A cell is absent, unknown or no number.
    """
    values = pd.Series(dict(cells), dtype=object)
    absent = [cell for cell in CELLS if cell not in values.index]
    unknown = [str(cell) for cell in values.index if cell not in CELLS]
    if absent or unknown:
        what = f"{absent[0]!r} is absent" if absent else f"{unknown[0]!r} is no cell"
        raise UsageError(what, mend=f"name the cells {', '.join(map(repr, CELLS))}")
    try:
        numbers = values.reindex(list(CELLS)).astype(float)
    except (TypeError, ValueError) as error:
        raise UsageError("a cell holds something else than a number", mend="give one number for each cell") from error
    whole = numbers.dropna().mod(1).eq(0).all() and numbers.notna().all()
    return numbers.astype(int) if whole else numbers


def _pair(late: Any, other: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return two float arrays of one length with nothing missing, the first of them 0 and 1."""
    arrays = [np.asarray(values, dtype=float).ravel() for values in (late, other)]
    if len(arrays[0]) != len(arrays[1]):
        raise DataError(f"{len(arrays[0])} outcomes for {len(arrays[1])} predictions", mend="score the same flights")
    if not len(arrays[0]):
        raise DataError("no flights to score", mend="choose a period that has flights")
    if np.isnan(arrays[0]).any() or np.isnan(arrays[1]).any():
        raise DataError("an outcome or a prediction is missing", mend="drop cancelled flights, which have no outcome")
    if not np.isin(arrays[0], (0, 1)).all():
        raise DataError("outcomes hold something else than 0 and 1", mend="make them with features.label")
    return arrays[0], arrays[1]
