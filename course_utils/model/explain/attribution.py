"""SHAP values: how much each column adds to a flight's log-odds of leaving late.

A boosted forest adds log-odds, so SHAP values are in log-odds too. `shap_values` checks on each row that they add up to
what `training.Scorer` answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils.data import categories, checked
from course_utils.errors import DataError, ModelError, UsageError
from course_utils.wording import counted

if TYPE_CHECKING:
    from course_utils.model.training import Scorer

__all__ = [
    "Explanation",
    "model_matrix",
    "ordinal_codes",
    "shap_values",
]

#: The largest difference, in log-odds, at which values still add up: XGBoost adds in float32.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Explanation:
    """SHAP values of some flights, in log-odds.

    Attributes
    ----------
    values : DataFrame, shape (flights, columns)
        What each column adds to the flight's log-odds of leaving late.
    start : float
        The log-odds from which each flight starts.
    rows : DataFrame, shape (flights, columns)
        The features that were explained.
    log_odds : Series
        The model's own answer for each flight; `start` and the values of a row add up to it.
    """

    values: pd.DataFrame
    start: float
    rows: pd.DataFrame
    log_odds: pd.Series

    @property
    def probability(self) -> pd.Series:
        """The probability of 'late' for each flight, as `training.Scorer` gives it."""
        return (1 / (1 + np.exp(-self.log_odds))).rename("probability")

    @property
    def gap(self) -> float:
        """The largest difference, over the flights, between the model's log-odds and the sum of `start` and values."""
        return float((self.start + self.values.sum(axis=1) - self.log_odds).abs().max())

    @property
    def adds_up(self) -> bool:
        """Whether `start` and the values give the model's log-odds for every flight, up to rounding of float32."""
        return self.gap <= _TOLERANCE  # NaN does not add up

    def of(self, flights: pd.DataFrame | pd.Index) -> Explanation:
        """Return the explanation of some of the flights.

        Parameters
        ----------
        flights : DataFrame or Index
            Row labels to keep, or a table with these labels.

        Raises
        ------
        DataError
            A flight was not explained.
        """
        labels = flights if isinstance(flights, pd.Index) else flights.index
        absent = labels[~labels.isin(self.values.index)]
        if len(absent):
            raise DataError(f"flight {absent[0]} was not explained", fix="add it to the rows of explain.shap_values")
        return Explanation(self.values.loc[labels], self.start, self.rows.loc[labels], self.log_odds.loc[labels])

    def __repr__(self) -> str:
        flights, columns = self.values.shape
        return f"SHAP values of {counted(flights, 'flight')}, {counted(columns, 'column')} [log-odds]"


def shap_values(scorer: Scorer, rows: pd.DataFrame, background: pd.DataFrame | None = None) -> Explanation:
    """Return the SHAP values of flights, after a check that they add up to the model's log-odds.

    Parameters
    ----------
    scorer : Scorer
        The model to explain, such as ``training.course_model().scorer``.
    rows : DataFrame, shape (flights, features)
        The flights to explain, with at least the columns of the model.
    background : DataFrame, optional
        Flights to compare with, a hundred or so. The values are then *interventional*: what the model does when a
        column's value is replaced by theirs. By default they are *path-dependent*: computed from the shares of training
        flights (weighted by XGBoost) that went each way in the trees.

    Raises
    ------
    UsageError
        There is no flight to explain or to compare with, or a background is given and the model splits by categories,
        which the package shap does not support.
    DataError
        A column is absent, or holds text where a number belongs.
    ModelError
        The values do not add up to the model's answer.

    See Also
    --------
    reasons : The same in words, for passengers and compliance.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> from course_utils.model import training
    >>> inputs = features.schedule(flights)
    >>> model = training.train_xgboost(splits.split_at_random(flights), inputs, rounds=30)
    >>> explain.shap_values(model.scorer, inputs.head(100))
    SHAP values of 100 flights, 8 columns [log-odds]
    """
    if not len(rows):
        raise UsageError("there is no flight to explain", fix="pass at least one row of features")
    encoder = scorer.encoder
    matrix = model_matrix(scorer, rows)
    log_odds = scorer.booster.predict(matrix, output_margin=True).astype(float)
    if background is None:
        # The last column is the bias: the log-odds from which every flight starts.
        shares = scorer.booster.predict(matrix, pred_contribs=True).astype(float)
        values, start = shares[:, :-1], float(shares[0, -1])
    else:
        values, start = _interventional(scorer, rows, background)
    columns = list(encoder.columns)
    made = Explanation(
        pd.DataFrame(values, index=rows.index, columns=columns),
        start,
        rows[columns],
        pd.Series(log_odds, index=rows.index, name="log-odds"),
    )
    if not made.adds_up:
        raise ModelError(
            f"the values do not add up to the model's log-odds: they differ by up to {made.gap:.2g}",
            fix="install the package versions that scorer.card names, and explain the same scorer that predicts",
        )
    return made


def model_matrix(scorer: Scorer, rows: pd.DataFrame) -> Any:
    """Return the features in `rows` as the matrix that the booster of `scorer` reads."""
    import xgboost

    encoder = scorer.encoder
    return xgboost.DMatrix(
        encoder.transform(rows),
        feature_names=list(encoder.columns),
        feature_types=encoder.feature_types,
        enable_categorical=True,
    )


def _interventional(scorer: Scorer, rows: pd.DataFrame, background: pd.DataFrame) -> tuple[np.ndarray, float]:
    """Return values by comparison with background flights, and the log-odds from which they start."""
    if scorer.encoder.categories:
        name = next(iter(scorer.encoder.categories))
        raise UsageError(
            f"the model splits by categories ({name}), for which the package shap has no interventional values",
            fix="train on explain.ordinal_codes(inputs), or compare whole families with explain.coalition_values",
        )
    if not len(background):
        raise UsageError("there is no flight to compare with", fix="pass a hundred training flights as background=")
    import shap

    explainer = shap.TreeExplainer(
        scorer.booster, scorer.encoder.transform(background), feature_perturbation="interventional"
    )
    return explainer.shap_values(scorer.encoder.transform(rows)), float(np.ravel(explainer.expected_value)[0])


def ordinal_codes(inputs: pd.DataFrame) -> pd.DataFrame:
    """Return inputs with each category replaced by its place in alphabetical order, for tools that read only numbers.

    Parameters
    ----------
    inputs : DataFrame, shape (flights, features)
        Features, as from `features.as_of` or `features.schedule`.

    Returns
    -------
    DataFrame of numbers
        NaN where a category is missing.

    Raises
    ------
    DataError
        A column occurs twice, or holds dates.

    Examples
    --------
    >>> explain.ordinal_codes(flights[["UniqueCarrier", "Distance"]]).head(2)
       UniqueCarrier  Distance
    0           10.0    1400.0
    1           10.0    1416.0
    """
    # In alphabetical order and not in that of the data, so that the same airline has the same number in every table.
    checked.need(inputs, ())
    for name in inputs:
        categories.check_kind(inputs[name])
    texts = [name for name in inputs if not pd.api.types.is_numeric_dtype(inputs[name])]
    codes = {}
    for name in texts:
        values = categories.as_texts(inputs[name]).astype("category")
        codes[name] = values.cat.codes.astype(float).where(values.notna())
    return inputs.assign(**codes)
