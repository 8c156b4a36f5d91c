"""Scores of predictions, with the cells of a confusion matrix named by the outcome.

Positive means *late* everywhere: the airline warns of delays, so a delay is what the model looks for. Cells are named,
never numbered, since two libraries and one slide order them in three ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import checked
from course_utils.errors import DataError, UsageError
from course_utils.wording import counted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "CELLS",
    "DELAY_CLASSES",
    "SUMMED",
    "accuracy",
    "as_cells",
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
    "precision",
    "precision_recall",
    "psi",
    "recall",
    "regression",
    "roc",
    "scores",
]

#: The four outcomes of a prediction, in the order of tables.
CELLS = ("warned, late", "warned, on time", "not warned, late", "not warned, on time")
#: Classes of delay, from the shortest: fewer than 15 minutes, 15 to 60, more than 60.
DELAY_CLASSES = ("none", "15-60", "over 60")
#: Averages over classes: what the course calls them, and scikit-learn's name.
SUMMED = {"mean of classes": "macro", "weighted by flights": "weighted", "all flights alike": "micro"}
#: A delay of more minutes is in the last class; where the first one ends is in constants.toml.
_LONG_MINUTES = 60


def auc(late: Any, probability: Any) -> float:
    """Return the area under the ROC curve: the chance that a late flight scores above an on-time one (ties count half).

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
        The outcome: 1 where the flight was late, nothing missing.
    probability : array of float, shape (flights,)
        The predicted probability of 'late' for each flight; any other finite score that ranks flights will do.

    Raises
    ------
    DataError
        Lengths differ, a value is missing or infinite, or only one class is present.

    Examples
    --------
    >>> metrics.auc([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8])
    0.75
    """
    from sklearn.metrics import roc_auc_score

    late, probability = _both_classes(late, probability)
    return float(roc_auc_score(late, probability))


def log_loss(late: Any, probability: Any) -> float:
    """Return the mean negative log-likelihood (natural log) of the outcomes; lower is better.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
        As for `auc`.
    probability : array of float, shape (flights,)
        As for `auc`. Probabilities of exactly 0 or 1 are moved by 1e-7, so that a single flight cannot make the mean
        infinite.

    Raises
    ------
    DataError
        Lengths differ, a value is missing, or a probability is not between 0 and 1.

    See Also
    --------
    log_losses : The same for each flight.

    Examples
    --------
    >>> round(metrics.log_loss([1, 0], [0.8, 0.5]), 3)
    0.458
    """
    return float(np.mean(log_losses(late, probability)))


def log_losses(late: Any, probability: Any) -> np.ndarray:
    """Return the negative log-likelihood of each flight's outcome, float64, shape (flights,).

    Parameters
    ----------
    late, probability
        As for `log_loss`.

    Raises
    ------
    DataError
        Lengths differ, a value is missing, or a probability is not between 0 and 1.

    Examples
    --------
    >>> metrics.log_losses([1, 0, 0], [0.5, 0.5, 0.1]).round(3).tolist()
    [0.693, 0.693, 0.105]
    """
    late, probability = _pair(late, probability, high=1)
    p = np.clip(probability, 1e-7, 1 - 1e-7)  # log(0) would be infinite
    return -np.where(late == 1, np.log(p), np.log1p(-p))


def confusion(late: Any, warned: Any) -> pd.Series:
    """Return the number of flights in each cell of the confusion matrix.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
        As for `auc`.
    warned : array of bool, shape (flights,)
        Whether the passengers were warned; probabilities are refused.

    Returns
    -------
    Series of int, index `CELLS`

    Raises
    ------
    DataError
        Lengths differ, a value is missing, or `warned` has other values than yes and no.

    Examples
    --------
    >>> metrics.confusion([1, 1, 0, 0, 0], [True, False, True, False, False]).to_dict()
    {'warned, late': 1, 'warned, on time': 1, 'not warned, late': 1, 'not warned, on time': 2}
    """
    late, warned = _pair(late, warned, "warned")
    if not np.isin(warned, (0, 1)).all():
        raise DataError("warned has other values than yes and no", fix="pass probability >= threshold")
    place = 2 * (1 - warned.astype(int)) + (1 - late.astype(int))  # in CELLS
    return pd.Series(np.bincount(place, minlength=len(CELLS)), index=list(CELLS), name="flights")


def from_sklearn(matrix: Sequence[Sequence[float]]) -> pd.Series:
    """Return a confusion matrix of scikit-learn, for labels 0 = on time and 1 = late, with its cells named.

    Parameters
    ----------
    matrix : array of int, shape (2, 2)
        As from ``sklearn.metrics.confusion_matrix``: outcomes in rows, predictions in columns.

    Raises
    ------
    UsageError
        The matrix is not two by two.

    Examples
    --------
    >>> metrics.from_sklearn([[50, 5], [20, 10]]).to_dict()
    {'warned, late': 10, 'warned, on time': 5, 'not warned, late': 20, 'not warned, on time': 50}
    """
    if np.shape(matrix) != (2, 2):
        raise UsageError(
            f"a matrix of shape {np.shape(matrix)} is not a 2 × 2 confusion matrix",
            fix="pass the matrix of two classes",
        )
    (true_on_time, false_alarm), (missed, true_late) = matrix
    return pd.Series([true_late, false_alarm, missed, true_on_time], index=list(CELLS), name="flights")


def accuracy(cells: Mapping[str, float] | pd.Series) -> float:
    """Return the share of flights whose prediction was right: warned and late, or not; NaN if there are none.

    Parameters
    ----------
    cells : mapping or Series over `CELLS`
        Number of flights in each of the four cells, as from `confusion`.

    Examples
    --------
    >>> cells = metrics.confusion([1, 1, 0, 0, 0], [True, False, True, False, False])
    >>> metrics.accuracy(cells)
    0.6
    """
    cells = as_cells(cells)
    right = cells["warned, late"] + cells["not warned, on time"]
    return float(right / cells.sum()) if cells.sum() else float("nan")


def precision(cells: Mapping[str, float] | pd.Series) -> float:
    """Return the share of warned flights that were late; NaN if no flight was warned.

    Parameters
    ----------
    cells : mapping or Series over `CELLS`
        As for `accuracy`.

    Examples
    --------
    >>> cells = metrics.confusion([1, 1, 0, 0, 0], [True, False, True, False, False])
    >>> metrics.precision(cells)
    0.5
    """
    cells = as_cells(cells)
    warned = cells["warned, late"] + cells["warned, on time"]
    return float(cells["warned, late"] / warned) if warned else float("nan")


def recall(cells: Mapping[str, float] | pd.Series) -> float:
    """Return the share of late flights that were warned; NaN if no flight was late.

    Parameters
    ----------
    cells : mapping or Series over `CELLS`
        As for `accuracy`.

    Examples
    --------
    >>> cells = metrics.confusion([1, 1, 0, 0, 0], [True, False, True, False, False])
    >>> metrics.recall(cells)
    0.5
    """
    cells = as_cells(cells)
    late = cells["warned, late"] + cells["not warned, late"]
    return float(cells["warned, late"] / late) if late else float("nan")


def false_alarm_rate(cells: Mapping[str, float] | pd.Series) -> float:
    """Return the share of on-time flights that were warned (type I errors); NaN if no flight was on time.

    Parameters
    ----------
    cells : mapping or Series over `CELLS`
        As for `accuracy`.
    """
    cells = as_cells(cells)
    on_time = cells["warned, on time"] + cells["not warned, on time"]
    return float(cells["warned, on time"] / on_time) if on_time else float("nan")


def miss_rate(cells: Mapping[str, float] | pd.Series) -> float:
    """Return the share of late flights that were not warned (type II errors): 1 less `recall`.

    Parameters
    ----------
    cells : mapping or Series over `CELLS`
        As for `accuracy`.
    """
    return 1 - recall(cells)


def scores(late: Any, probability: Any, threshold: float = 0.5) -> pd.Series:
    """Return the usual scores of one binary model side by side.

    Parameters
    ----------
    late, probability
        As for `auc`.
    threshold : float
        Decision threshold: flights with this probability or more are warned.

    Returns
    -------
    Series of float
        'accuracy', 'precision', 'recall', 'F1' (their harmonic mean), 'type I' (see `false_alarm_rate`), 'type II' (see
        `miss_rate`), which depend on the threshold, and 'AUC' and 'log-loss', which do not.

    Raises
    ------
    DataError
        Lengths differ, a value is missing, or only one class is present.

    Examples
    --------
    >>> metrics.scores([1, 0, 1, 0], [0.8, 0.6, 0.3, 0.1])[["accuracy", "recall", "AUC"]].to_dict()
    {'accuracy': 0.5, 'recall': 0.5, 'AUC': 0.75}
    """
    late, probability = _pair(late, probability, high=1)
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
    """Return the ROC curves of several models: the share of late flights that are warned, against false alarms.

    Parameters
    ----------
    late : array of 0 and 1, shape (flights,)
        As for `auc`.
    models : mapping of str to array of float, shape (flights,)
        Probabilities of 'late' by the model's name.
    points : int
        Number of evenly spaced points at which each curve is given.

    Returns
    -------
    DataFrame, one column a model
        Recall; index: share of on-time flights that are warned, from 0 to 1.

    Raises
    ------
    DataError
        Lengths differ, a value is missing, or only one class is present.

    Examples
    --------
    >>> metrics.roc([1, 0, 1, 0], {"a": [0.8, 0.6, 0.3, 0.1]}, points=3)["a"].to_dict()
    {0.0: 0.5, 0.5: 1.0, 1.0: 1.0}
    """
    from sklearn.metrics import roc_curve

    grid = np.linspace(0, 1, points)
    curves = {}
    for name, probability in models.items():
        late_, probability = _both_classes(late, probability)
        # One grid for all models: their thresholds differ, so their curves have points at different places.
        false_alarms, caught, _ = roc_curve(late_, probability)
        curves[name] = np.interp(grid, false_alarms, caught)
    return pd.DataFrame(curves, index=pd.Index(grid, name="false alarms"))


def precision_recall(late: Any, models: Mapping[str, Any], points: int = 101) -> pd.DataFrame:
    """Return the precision of several models for every recall.

    Parameters
    ----------
    late, models, points
        As for `roc`.

    Returns
    -------
    DataFrame, one column a model
        Precision at the highest threshold that reaches the recall; index: recall, from just above 0 to 1.

    Raises
    ------
    DataError
        Lengths differ, a value is missing, or only one class is present.

    Examples
    --------
    >>> metrics.precision_recall([1, 0, 1, 0], {"a": [0.8, 0.6, 0.3, 0.1]}, points=3)["a"].round(2).to_dict()
    {0.5: 1.0, 1.0: 0.67}
    """
    from sklearn.metrics import precision_recall_curve

    grid = np.linspace(0, 1, points)[1:]
    curves = {}
    for name, probability in models.items():
        late_, probability = _both_classes(late, probability)
        right, caught, _ = precision_recall_curve(late_, probability)
        # scikit-learn goes from all warned to none, so the highest threshold that reaches a recall comes last. 1e-12: a
        # recall that differs from the grid only by rounding reaches it.
        place = len(caught) - 1 - np.searchsorted(caught[::-1], grid - 1e-12)
        curves[name] = right[place]
    return pd.DataFrame(curves, index=pd.Index(grid, name="recall"))


def delay_class(minutes: Any) -> pd.Series:
    """Return the class of each delay, one of `DELAY_CLASSES`.

    Parameters
    ----------
    minutes : Series or array of float, shape (flights,)
        Delay in minutes; NaN where the flight did not leave.

    Returns
    -------
    Series of ordered categories, NaN where the delay is missing

    Raises
    ------
    DataError
        A delay is a text, a date or infinite.

    Examples
    --------
    >>> metrics.delay_class([-3, 20, 75]).to_list()
    ['none', '15-60', 'over 60']
    """
    minutes = pd.Series(minutes)
    index, minutes = minutes.index, pd.Series(checked.numbers(minutes, "minutes"))
    late_from = tables.read_toml("constants.toml")["late_minutes"]
    place = np.select([minutes.isna(), minutes < late_from, minutes <= _LONG_MINUTES], [-1, 0, 1], default=2)
    classes = pd.Categorical.from_codes(place, categories=list(DELAY_CLASSES), ordered=True)
    return pd.Series(classes, index=index, name="delay class")


def by_class(actual: Any, predicted: Any) -> pd.DataFrame:
    """Return precision, recall and F1 of each class, and three averages of them.

    Parameters
    ----------
    actual, predicted : array of str, shape (flights,)
        The class of each flight, one of `DELAY_CLASSES`; missing ones are refused.

    Returns
    -------
    DataFrame, one row a class, then three rows
        'precision', 'recall', 'F1' and 'flights'. 'mean of classes' is the macro F1, in which the rarest class counts
        as much as the others; 'weighted by flights'; 'all flights alike' is the micro F1, which is the accuracy. A
        class that is never predicted has precision and F1 zero.

    Raises
    ------
    DataError
        Lengths differ, a value is missing, or a label is not one of `DELAY_CLASSES`.

    Examples
    --------
    >>> metrics.by_class(["none", "none", "15-60"], ["none", "15-60", "15-60"])["recall"].head(2).to_dict()
    {'none': 0.5, '15-60': 1.0}
    """
    from sklearn.metrics import precision_recall_fscore_support

    actual, predicted = (pd.Series(np.asarray(labels, dtype=object)) for labels in (actual, predicted))
    _check_complete(actual, predicted)
    if odd := [label for label in (*actual, *predicted) if not isinstance(label, str)]:
        raise DataError(f"{odd[0]!r} is not a class of delay", fix=f"use {', '.join(DELAY_CLASSES)}")
    if unknown := {*actual, *predicted} - set(DELAY_CLASSES):
        raise DataError(f"{next(iter(unknown))!r} is not a class of delay", fix=f"use {', '.join(DELAY_CLASSES)}")
    # All classes, even those that the flights lack, so that tables of calm and stormy days have the same rows.
    asked = {"labels": DELAY_CLASSES, "zero_division": 0.0}
    each = precision_recall_fscore_support(actual, predicted, **asked)
    found = dict(zip(DELAY_CLASSES, zip(*each, strict=True), strict=True))
    for title, average in SUMMED.items():
        *summed, _ = precision_recall_fscore_support(actual, predicted, average=average, **asked)
        found[title] = (*summed, len(actual))
    table = pd.DataFrame(found, index=["precision", "recall", "F1", "flights"]).T.rename_axis("class")
    return table.astype({"flights": int})


def regression(actual: Any, predicted: Any) -> pd.Series:
    """Return the errors of predicted amounts.

    Parameters
    ----------
    actual, predicted : array of float, shape (flights,)
        Amounts in one unit, such as minutes of delay, nothing missing.

    Returns
    -------
    Series of float
        'MAE' and 'RMSE' in the unit of the amounts, 'MSE' in its square, and 'R²', the share of the variance that is
        explained: 0 for always predicting the mean, negative for worse.

    Raises
    ------
    DataError
        Lengths differ, a value is missing, or all actual amounts are the same.

    Examples
    --------
    >>> metrics.regression([0, 10, 20], [5, 10, 15]).round(2).to_dict()
    {'MAE': 3.33, 'RMSE': 4.08, 'MSE': 16.67, 'R²': 0.75}
    """
    actual, predicted = (
        checked.numbers(values, name) for name, values in (("actual", actual), ("predicted", predicted))
    )
    _check_complete(actual, predicted)
    if np.ptp(actual) == 0:
        raise DataError("all outcomes are the same, so there is nothing to explain", fix="score a longer period")
    off = actual - predicted
    mse = np.mean(off**2)
    return pd.Series({"MAE": np.abs(off).mean(), "RMSE": np.sqrt(mse), "MSE": mse, "R²": 1 - mse / actual.var()})


def calibration(late: Any, probability: Any, bins: int = 10) -> pd.DataFrame:
    """Return the mean score and the share late in groups of flights with similar scores, all of about the same size.

    Parameters
    ----------
    late, probability
        As for `auc`.
    bins : int
        Number of groups, 2 or more, from the lowest scores to the highest.

    Returns
    -------
    DataFrame, one row a group
        'mean score', 'share late' and 'flights'.

    Raises
    ------
    DataError
        Lengths differ, a value is missing, or a probability is not between 0 and 1.
    UsageError
        There are fewer than two groups.

    Examples
    --------
    >>> metrics.calibration([0, 0, 1, 1], [0.1, 0.3, 0.6, 0.8], bins=2)
       mean score  share late  flights
    0         0.2         0.0        2
    1         0.7         1.0        2
    """
    late, probability = _pair(late, probability, high=1)
    if bins < 2:
        raise UsageError(f"bins={bins} compares nothing", fix="pass bins=2 or more")
    # A stable sort: ties keep the order of the flights, so that groups are the same on every machine.
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
        How an empty bin is kept from an infinite index. 'add': half a row is added to each bin. 'floor': each bin
        counts half a row or more, and the other bins are unchanged; a bin that is empty on both sides adds nothing.

    Returns
    -------
    array of float, shape (...)
        In nats; a number where there is one pair of counts. NaN where one of them has no rows at all.

    Raises
    ------
    UsageError
        `smoothing` is unknown, or the numbers of bins differ.
    DataError
        A count is negative, infinite or missing.

    Examples
    --------
    >>> round(float(metrics.psi([50, 50], [50, 50])), 3), round(float(metrics.psi([50, 50], [90, 10])), 3)
    (0.0, 0.853)
    """
    expected, actual = (_counts(counts) for counts in (expected, actual))
    if expected.shape[-1] != actual.shape[-1]:
        raise UsageError(
            f"{counted(expected.shape[-1], 'bin')} against {actual.shape[-1]}", fix="count both by the same edges"
        )
    e, a = (_smoothed_shares(counts, smoothing) for counts in (expected, actual))
    parts = (a - e) * np.log(a / e)
    if smoothing == "floor":
        parts = np.where((expected == 0) & (actual == 0), 0.0, parts)
    empty = (expected.sum(axis=-1) == 0) | (actual.sum(axis=-1) == 0)
    return np.where(empty, np.nan, parts.sum(axis=-1))[()]


def _counts(counts: ArrayLike) -> np.ndarray:
    fix = "count rows, with np.bincount"
    return checked.numbers(counts, "counts", low=0, missing=False, fix=fix).reshape(np.shape(counts) or (1,))


def _smoothed_shares(counts: np.ndarray, smoothing: str) -> np.ndarray:
    """Return the share of each bin, none of them 0."""
    if smoothing == "add":
        counts = counts + 0.5
        return counts / counts.sum(axis=-1, keepdims=True)
    if smoothing == "floor":
        return np.maximum(counts, 0.5) / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    raise UsageError(f"smoothing={smoothing!r} is unknown", fix="pass 'add' or 'floor'")


def as_cells(cells: Mapping[str, float] | pd.Series) -> pd.Series:
    """Return numbers for the four cells in the order of `CELLS`.

    Parameters
    ----------
    cells : mapping or Series
        A number for each of the four cells, in any order.

    Raises
    ------
    UsageError
        A cell is absent, unknown or not a finite number.
    """
    values = pd.Series(dict(cells), dtype=object)
    absent = [cell for cell in CELLS if cell not in values.index]
    unknown = [str(cell) for cell in values.index if cell not in CELLS]
    if absent or unknown:
        problem = f"the cell {absent[0]!r} is missing" if absent else f"{unknown[0]!r} is not a cell"
        raise UsageError(problem, fix=f"name the cells {', '.join(map(repr, CELLS))}")
    try:
        numbers = values.reindex(list(CELLS)).astype(float)
    except (TypeError, ValueError) as error:
        raise UsageError("a cell is not a number", fix="pass one number for each cell") from error
    if not np.isfinite(numbers).all():
        cell = numbers.index[~np.isfinite(numbers)][0]
        raise UsageError(f"the cell {cell!r} is missing or infinite", fix="pass one number for each cell")
    # Counts stay whole numbers, so that tables show 12 and not 12.0.
    whole = numbers.dropna().mod(1).eq(0).all() and numbers.notna().all()
    return numbers.astype(int) if whole else numbers


def _both_classes(late: Any, probability: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return outcomes and probabilities as arrays; refuse outcomes of one class only."""
    late, probability = _pair(late, probability)  # any score that ranks flights, not only a probability
    if late.min() == late.max():
        raise DataError(
            "all outcomes are the same: AUC and curves need late and on-time flights", fix="score a longer period"
        )
    return late, probability


def _pair(late: Any, other: Any, name: str = "probability", high: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
    """Return two float arrays of one length with nothing missing, the first of them 0 and 1."""
    late = checked.numbers(late, "late")
    fix = "pass probabilities, between 0 and 1, not percent or log-odds"
    other = checked.numbers(other, name) if high > 1 else checked.numbers(other, name, low=0, high=high, fix=fix)
    _check_complete(late, other)
    if ((late != 0) & (late != 1)).any():
        raise DataError("outcomes have other values than 0 and 1", fix="compute them with features.label")
    return late, other


def _check_complete(outcomes: np.ndarray | pd.Series, predictions: np.ndarray | pd.Series) -> None:
    """Refuse outcomes and predictions of different lengths, none at all, and missing ones."""
    if len(outcomes) != len(predictions):
        raise DataError(
            f"{counted(len(outcomes), 'outcome')} for {counted(len(predictions), 'prediction')}",
            fix="score the same flights",
        )
    if not len(outcomes):
        raise DataError("no flights to score", fix="choose a period that has flights")
    if pd.isna(outcomes).any() or pd.isna(predictions).any():
        raise DataError("an outcome or a prediction is missing", fix="drop cancelled flights, which have no outcome")
