"""Fit XGBoost on a split of the flights, as the course does it everywhere.

`train_xgboost` returns a `Fit`: the scorer, the inputs it reads and the learning curve. `DEFAULTS` are the settings of
the course.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils.data import features, splits
from course_utils.errors import DataError, UsageError
from course_utils.model.training.cards import model_card
from course_utils.model.training.encoding import Encoder, select_rows
from course_utils.model.training.scoring import THREADS, Scorer
from course_utils.wording import counted

if TYPE_CHECKING:
    import xgboost

__all__ = ["DEFAULTS", "Fit", "train_xgboost"]

#: How the course fits XGBoost unless a lesson says otherwise.
DEFAULTS: dict[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "eta": 0.1,
    "max_depth": 6,
    "max_bin": 64,
    "min_child_weight": 20,
    "subsample": 1.0,
    "nthread": THREADS,
    "seed": 0,
}


@dataclass(frozen=True)
class Fit:
    """A fitted XGBoost model, with what is needed to score flights of the course.

    Attributes
    ----------
    scorer : Scorer
    inputs : DataFrame
        The features of all flights, by row label.
    curve : DataFrame
        Log-loss on training and validation rows after each round; index: rounds, counted from 1.
    rounds : int
        The rounds kept: those up to the best validation loss where early stopping was on.
    """

    scorer: Scorer
    inputs: pd.DataFrame
    curve: pd.DataFrame
    rounds: int

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of 'late' for each of the flights in `rows`.

        Raises
        ------
        DataError
            A flight has no row in the inputs.
        """
        return self.scorer.score(select_rows(self.inputs, rows))

    def __repr__(self) -> str:
        return f"XGBoost, {counted(self.rounds, 'round')}, {counted(self.inputs.shape[1], 'input')}"


def train_xgboost(
    split: splits.Split,
    inputs: pd.DataFrame,
    *,
    rounds: int = 300,
    early_stopping: int | None = 20,
    labels: pd.Series | None = None,
    **parameters: Any,
) -> Fit:
    """Fit XGBoost on the training rows of a split; stop when the validation log-loss stops falling.

    Parameters
    ----------
    split : Split
        Training rows to fit on, validation rows to decide when to stop.
    inputs : DataFrame, shape (flights, features)
        Features by row label, for at least the flights of the split.
    rounds : int
        The largest number of boosting rounds, 1 or more.
    early_stopping : int, optional
        Stop after this many rounds without a better validation log-loss, and keep the best; None keeps all rounds.
        It must be smaller than `rounds`, or it could never act.
    labels : Series of float, optional
        1 for late, 0 for not late, by row label; default `features.label`.
    **parameters
        XGBoost's own parameters, which override `DEFAULTS`; a name that XGBoost does not use is refused.

    Raises
    ------
    UsageError
        `rounds` is not positive, early stopping could never act or would act at once, or XGBoost does not use a
        parameter or refuses its value.
    DataError
        `inputs` or `labels` lack flights of the split, or have one twice; or a training flight has no label.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> split = splits.split_at_random(flights)
    >>> training.train_xgboost(split, features.schedule(flights), rounds=5, early_stopping=None)
    XGBoost, 5 rounds, 8 inputs
    """
    _check_rounds(rounds, early_stopping)
    # XGBoost's early stopping reads the last set of this list, so validation comes last.
    watched = ("train", "validation")
    encoder = Encoder.fit(select_rows(inputs, split.train))
    matrices = {
        name: _matrix(encoder, select_rows(inputs, part), _labels(part, labels))
        for name, part in ((name, getattr(split, name)) for name in watched)
    }
    booster, curve = _boost(matrices, DEFAULTS | parameters, rounds, early_stopping)
    kept = rounds if early_stopping is None else booster.best_iteration + 1
    # There is one metric, but its name depends on the parameters.
    metric = next(iter(curve["train"]))
    losses = pd.DataFrame({name: curve[name][metric] for name in watched})
    losses.index = pd.RangeIndex(1, len(losses) + 1, name="rounds")
    # Cut off the rounds after the best one: inplace_predict would use them all.
    booster = booster[:kept]
    scorer = Scorer(booster, encoder, model_card(split, encoder, kept, DEFAULTS | parameters, losses))
    return Fit(scorer, inputs, losses, kept)


def _check_rounds(rounds: int, early_stopping: int | None) -> None:
    if rounds < 1:
        raise UsageError(f"rounds={rounds} fits nothing", fix="give rounds=1 or more")
    if early_stopping is not None and early_stopping < 1:
        raise UsageError(
            f"early_stopping={early_stopping} stops before the first round", fix="give 1 or more, or None for never"
        )
    if early_stopping is not None and early_stopping >= rounds:
        raise UsageError(
            f"early stopping after {counted(early_stopping, 'round')} can never act within {counted(rounds, 'round')}",
            fix="give more rounds, a smaller early_stopping, or early_stopping=None",
        )


def _boost(
    matrices: Mapping[str, xgboost.DMatrix],
    parameters: dict[str, Any],
    rounds: int,
    early_stopping: int | None,
) -> tuple[xgboost.Booster, dict[str, dict[str, list[float]]]]:
    """Fit; raise an error that names any parameter that XGBoost refuses or ignores."""
    import xgboost

    fix = "see https://xgboost.readthedocs.io/en/stable/parameter.html for names and values"
    curve: dict[str, dict[str, list[float]]] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            booster = xgboost.train(
                parameters,
                matrices["train"],
                num_boost_round=rounds,
                evals=[(matrix, name) for name, matrix in matrices.items()],
                early_stopping_rounds=early_stopping,
                evals_result=curve,
                verbose_eval=False,
            )
        except xgboost.core.XGBoostError as error:
            # The first line without its time and C++ file; the rest is a stack trace.
            reason = re.sub(r"^\[.*?\] \S+: ", "", str(error).splitlines()[0])
            raise UsageError(f"XGBoost refuses: {reason}", fix=fix) from error
    # XGBoost only warns about a misspelt parameter, and then fits with its default.
    for warning in caught:
        unused = re.search(r"Parameters: \{(.*)\} are not used", str(warning.message))
        if unused:
            raise UsageError(f"XGBoost does not use {unused[1].strip()}", fix=fix)
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return booster, curve


def _labels(part: pd.DataFrame, labels: pd.Series | None) -> np.ndarray:
    late = features.label(part) if labels is None else select_rows(labels, part, "labels")
    if late.isna().any():
        raise DataError(f"flight {late.index[late.isna()][0]} has no label", fix="leave out flights that did not leave")
    return late.to_numpy(dtype=np.float32)


def _matrix(encoder: Encoder, rows: pd.DataFrame, late: np.ndarray) -> xgboost.DMatrix:
    import xgboost

    return xgboost.DMatrix(
        encoder.transform(rows),
        label=late,
        feature_names=list(encoder.columns),
        feature_types=encoder.feature_types,
        enable_categorical=True,
    )
