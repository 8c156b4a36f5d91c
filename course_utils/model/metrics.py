"""Scores of predictions, with the cells of a confusion matrix named by what happened.

Positive means *late* everywhere: the airline warns of delays, so a delay is what the model looks for. Cells are never
told apart by position, since two libraries and one slide can order them in three ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "CELLS",
    "DELAY_CLASSES",
    "SUMMED",
    "accuracy",
    "auc",
    "by_class",
    "calibration",
    "confusion",
    "delay_class",
    "false_alarm_rate",
    "from_sklearn",
    "log_loss",
    "log_losses",
    "miss_rate",
    "named",
    "precision",
    "precision_recall",
    "psi",
    "recall",
    "regression",
    "roc",
    "scores",
]

#: What can happen to a flight that was scored, in the order in which tables show it.
CELLS = ("warned, late", "warned, on time", "not warned, late", "not warned, on time")
#: Classes of delay, from the shortest: fewer than 15 minutes, 15 to 60, more than 60.
DELAY_CLASSES = ("none", "15-60", "over 60")
#: Ways to sum up scores of classes, by what scikit-learn calls them.
SUMMED = {"mean of classes": "macro", "weighted by flights": "weighted", "all flights alike": "micro"}
_LONG_MINUTES = 60


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
        raise DataError("AUC needs late and on-time flights", fix="score a longer period")
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
        raise DataError("'warned' holds something else than yes and no", fix="compare the score with a threshold")
    happened = 2 * (1 - warned.astype(int)) + (1 - late.astype(int))  # places in CELLS
    return pd.Series(np.bincount(happened, minlength=len(CELLS)), index=list(CELLS), name="flights")


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
        raise UsageError(f"a matrix of shape {np.shape(matrix)} is no 2 × 2 confusion matrix", fix="give two classes")
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


def false_alarm_rate(cells: Mapping[str, float] | pd.Series) -> float:
    """Return the share of on-time flights that were warned of (type I errors); NaN where none was on time.

    Parameters
    ----------
    cells : mapping or Series over `CELLS`
        Flights by what happened.
    """
    cells = named(cells)
    on_time = cells["warned, on time"] + cells["not warned, on time"]
    return float(cells["warned, on time"] / on_time) if on_time else float("nan")


def miss_rate(cells: Mapping[str, float] | pd.Series) -> float:
    """Return the share of delays that came unannounced (type II errors): one less `recall`.

    Parameters
    ----------
    cells : mapping or Series over `CELLS`
        Flights by what happened.
    """
    return 1 - recall(cells)


def scores(late: Any, probability: Any, threshold: float = 0.5) -> pd.Series:
    """Return the usual scores of one binary model side by side.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    probability : array of float, shape (flights,)
    threshold : float
        Warn from this probability on.

    Returns
    -------
    Series of float
        'accuracy', 'precision', 'recall', 'F1' (their harmonic mean), 'type I' (see `false_alarm_rate`), 'type II' (see
        `miss_rate`), which depend on the threshold, and 'AUC' and 'log-loss', which do not.

    Raises
    ------
    DataError
        Lengths differ, something is missing, or only one class is present.
    """
    late, probability = _pair(late, probability)
    cells = confusion(late, probability >= threshold)
    hits = 2 * cells["warned, late"]
    return pd.Series(
        {
            "accuracy": accuracy(cells),
            "precision": precision(cells),
            "recall": recall(cells),
            "F1": hits / (hits + cells["warned, on time"] + cells["not warned, late"]),
            "type I": false_alarm_rate(cells),
            "type II": miss_rate(cells),
            "AUC": auc(late, probability),
            "log-loss": log_loss(late, probability),
        }
    )


def roc(late: Any, models: Mapping[str, Any], points: int = 101) -> pd.DataFrame:
    """Return ROC curves: the delays that are warned of, against the on-time flights that are warned in vain.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    models : mapping of str to array of float, shape (flights,)
        Probabilities by model.
    points : int
        On how many evenly spaced points the curves are told.

    Returns
    -------
    DataFrame, one column a model
        Recall; index: share of on-time flights that are warned, from 0 to 1.

    Raises
    ------
    DataError
        Lengths differ, something is missing, or only one class is present.
    """
    from sklearn.metrics import roc_curve

    grid = np.linspace(0, 1, points)
    curves = {}
    for name, probability in models.items():
        late_, probability = _both_classes(late, probability)
        false_alarms, caught, _ = roc_curve(late_, probability)
        curves[name] = np.interp(grid, false_alarms, caught)
    return pd.DataFrame(curves, index=pd.Index(grid, name="false alarms"))


def precision_recall(late: Any, models: Mapping[str, Any], points: int = 101) -> pd.DataFrame:
    """Return precision for every recall: how many warnings come true, when that share of the delays is to be caught.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
    models : mapping of str to array of float, shape (flights,)
        Probabilities by model.
    points : int
        On how many evenly spaced points the curves are told.

    Returns
    -------
    DataFrame, one column a model
        Precision at the highest threshold that reaches the recall; index: recall, from just above 0 to 1.

    Raises
    ------
    DataError
        Lengths differ, something is missing, or only one class is present.
    """
    from sklearn.metrics import precision_recall_curve

    grid = np.linspace(0, 1, points)[1:]
    curves = {}
    for name, probability in models.items():
        late_, probability = _both_classes(late, probability)
        right, caught, _ = precision_recall_curve(late_, probability)
        # scikit-learn runs from all warned to none; the highest threshold that still reaches a recall stands last.
        place = len(caught) - 1 - np.searchsorted(caught[::-1], grid - 1e-12)
        curves[name] = right[place]
    return pd.DataFrame(curves, index=pd.Index(grid, name="recall"))


def delay_class(minutes: Any) -> pd.Series:
    """Sort delays into `DELAY_CLASSES`.

    Parameters
    ----------
    minutes : Series or array of float, shape (flights,)
        Delay; NaN where the flight did not leave.

    Returns
    -------
    Series of ordered categories, NaN where the delay is missing
    """
    minutes = pd.Series(minutes)
    late_from = tables.read_toml("constants.toml")["late_minutes"]
    place = np.select([minutes.isna(), minutes < late_from, minutes <= _LONG_MINUTES], [-1, 0, 1], default=2)
    classes = pd.Categorical.from_codes(place, categories=list(DELAY_CLASSES), ordered=True)
    return pd.Series(classes, index=minutes.index, name="delay class")


def by_class(actual: Any, predicted: Any) -> pd.DataFrame:
    """Return precision, recall and F1 of each class, and the three ways to sum them up.

    Parameters
    ----------
    actual, predicted : array of str, shape (flights,)
        Of `DELAY_CLASSES`.

    Returns
    -------
    DataFrame, one row a class, then three rows
        'precision', 'recall', 'F1' and 'flights'. 'mean of classes' is the macro F1, in which the rarest class counts
        as much as the others; 'weighted by flights'; 'all flights alike' is the micro F1, which is the accuracy. A
        class that is never predicted has precision and F1 zero.

    Raises
    ------
    DataError
        Lengths differ, something is missing, or a label is none of `DELAY_CLASSES`.
    """
    from sklearn.metrics import precision_recall_fscore_support

    actual, predicted = (pd.Series(np.asarray(labels, dtype=object)) for labels in (actual, predicted))
    if len(actual) != len(predicted):
        raise DataError(f"{len(actual)} outcomes for {len(predicted)} predictions", fix="score the same flights")
    if not len(actual) or actual.isna().any() or predicted.isna().any():
        raise DataError("an outcome or a prediction is missing", fix="drop cancelled flights, which have no outcome")
    if unknown := {*actual, *predicted} - set(DELAY_CLASSES):
        raise DataError(f"{next(iter(unknown))!r} is no class of delay", fix=f"use {', '.join(DELAY_CLASSES)}")
    asked = {"labels": DELAY_CLASSES, "zero_division": 0.0}
    each = precision_recall_fscore_support(actual, predicted, **asked)
    found = dict(zip(DELAY_CLASSES, zip(*each, strict=True), strict=True))
    for title, average in SUMMED.items():
        *summed, _ = precision_recall_fscore_support(actual, predicted, average=average, **asked)
        found[title] = (*summed, len(actual))
    table = pd.DataFrame(found, index=["precision", "recall", "F1", "flights"]).T.rename_axis("class")
    return table.astype({"flights": int})


def regression(actual: Any, predicted: Any) -> pd.Series:
    """Return how far predicted amounts are off.

    Parameters
    ----------
    actual, predicted : array of float, shape (flights,)
        Such as minutes of delay.

    Returns
    -------
    Series of float
        'MAE' and 'RMSE' in the unit of the amounts, 'MSE' in its square, and 'R²', the share of the variance that is
        explained: 0 for always predicting the mean, negative for worse.

    Raises
    ------
    DataError
        Lengths differ, something is missing, or all actual amounts are the same.
    """
    actual, predicted = (np.asarray(values, dtype=float).ravel() for values in (actual, predicted))
    if len(actual) != len(predicted):
        raise DataError(f"{len(actual)} outcomes for {len(predicted)} predictions", fix="score the same flights")
    if not len(actual) or np.isnan(actual).any() or np.isnan(predicted).any():
        raise DataError("an outcome or a prediction is missing", fix="drop cancelled flights, which have no outcome")
    if np.ptp(actual) == 0:
        raise DataError("all outcomes are the same, so there is nothing to explain", fix="score a longer period")
    off = actual - predicted
    mse = np.mean(off**2)
    return pd.Series({"MAE": np.abs(off).mean(), "RMSE": np.sqrt(mse), "MSE": mse, "R²": 1 - mse / actual.var()})


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
        raise UsageError(f"bins={bins} compares nothing", fix="give bins=2 or more")
    order = np.argsort(probability, kind="stable")
    groups = [part for part in np.array_split(order, bins) if len(part)]
    return pd.DataFrame(
        {
            "mean score": [probability[part].mean() for part in groups],
            "share late": [late[part].mean() for part in groups],
            "flights": [len(part) for part in groups],
        }
    )


def psi(expected: ArrayLike, actual: ArrayLike, *, smoothing: str = "add") -> np.ndarray:
    """Return the population stability index of two counts by bin.

    With *e* and *a* the shares of the bins, it is the sum of ``(a - e) * log(a / e)``: 0 where the shares are the
    same, and above 0.2 a large change by a common rule of thumb (N. Siddiqi, *Credit Risk Scorecards*, 2006).

    Parameters
    ----------
    expected, actual : array of float, shape (..., bins)
        Rows by bin, of the reference and of what is compared with it; the last axis is the bins.
    smoothing : {'add', 'floor'}
        What keeps an empty bin from an infinite index. 'add': each bin counts half a row more. 'floor': a bin counts
        half a row at least, and the others are as they are.

    Returns
    -------
    array of float, shape (...)
        In nats; a number where there is one pair of counts.

    Raises
    ------
    UsageError
        `smoothing` is unknown, or the numbers of bins differ.

    Examples
    --------
    >>> round(float(psi([50, 50], [50, 50])), 3), round(float(psi([50, 50], [90, 10])), 3)
    (0.0, 0.861)
    """
    e, a = (_smoothed_shares(counts, smoothing) for counts in (expected, actual))
    if e.shape[-1:] != a.shape[-1:]:
        raise UsageError(f"{e.shape[-1:]} bins against {a.shape[-1:]}", fix="count both by the same edges")
    return ((a - e) * np.log(a / e)).sum(axis=-1)


def _smoothed_shares(counts: ArrayLike, smoothing: str) -> np.ndarray:
    counts = np.asarray(counts, dtype=float)
    if smoothing == "add":
        counts = counts + 0.5
        return counts / counts.sum(axis=-1, keepdims=True)
    if smoothing == "floor":
        return np.maximum(counts, 0.5) / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    raise UsageError(f"smoothing={smoothing!r} is unknown", fix="choose 'add' or 'floor'")


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
        raise UsageError(what, fix=f"name the cells {', '.join(map(repr, CELLS))}")
    try:
        numbers = values.reindex(list(CELLS)).astype(float)
    except (TypeError, ValueError) as error:
        raise UsageError("a cell holds something else than a number", fix="give one number for each cell") from error
    whole = numbers.dropna().mod(1).eq(0).all() and numbers.notna().all()
    return numbers.astype(int) if whole else numbers


def _both_classes(late: Any, probability: Any) -> tuple[np.ndarray, np.ndarray]:
    late, probability = _pair(late, probability)
    if late.min() == late.max():
        raise DataError("a curve needs late and on-time flights", fix="score a longer period")
    return late, probability


def _pair(late: Any, other: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return two float arrays of one length with nothing missing, the first of them 0 and 1."""
    arrays = [np.asarray(values, dtype=float).ravel() for values in (late, other)]
    if len(arrays[0]) != len(arrays[1]):
        raise DataError(f"{len(arrays[0])} outcomes for {len(arrays[1])} predictions", fix="score the same flights")
    if not len(arrays[0]):
        raise DataError("no flights to score", fix="choose a period that has flights")
    if np.isnan(arrays[0]).any() or np.isnan(arrays[1]).any():
        raise DataError("an outcome or a prediction is missing", fix="drop cancelled flights, which have no outcome")
    if not np.isin(arrays[0], (0, 1)).all():
        raise DataError("outcomes hold something else than 0 and 1", fix="make them with features.label")
    return arrays[0], arrays[1]
