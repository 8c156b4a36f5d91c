"""Fit the simple models that XGBoost has to beat.

`train_rate_table` averages lateness over flights that share a key, and `train_logistic` fits a logistic regression.
Both answer ``predict(rows)`` as a `Fit` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from course_utils.data import checked, features, splits
from course_utils.errors import DataError, UsageError
from course_utils.model.training.encoding import Encoder, select_rows

__all__ = ["Logistic", "RateTable", "train_logistic", "train_rate_table"]


@dataclass(frozen=True)
class RateTable:
    """A table of late shares: a baseline that a spreadsheet can compute and that needs no server.

    Attributes
    ----------
    keys : Series
        The key of every flight of the split, by row label.
    rates : Series
        Share late in training for each key that occurs in training.
    base_rate : float
        Share late over all training rows, the prediction for an unseen key.
    """

    keys: pd.Series
    rates: pd.Series
    base_rate: float

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the share late of each flight's key.

        Parameters
        ----------
        rows : DataFrame
            Flights of the split that the table was made from.

        Raises
        ------
        DataError
            A flight is not in the split.
        """
        return select_rows(self.keys, rows, "keys").map(self.rates).fillna(self.base_rate).to_numpy(dtype=float)


def train_rate_table(
    split: splits.Split, by: Mapping[str, pd.Series] | None = None, *, prior: float = 20.0
) -> RateTable:
    """Average lateness over the training rows that share a key.

    Parameters
    ----------
    split : Split
        Rates are those of its training flights.
    by : mapping of str to Series, optional
        The parts of the key, each a value for every flight by row label; default: one rate for all flights.
    prior : float
        How many flights at the base rate are mixed into each key, 0 or more, so that a key with three flights does
        not get an extreme rate.

    Raises
    ------
    UsageError
        `prior` is negative.
    DataError
        A part of the key lacks flights of the split, a flight is there twice, or none has a label.

    Examples
    --------
    >>> from course_utils.data import splits
    >>> split = splits.split_at_random(flights)
    >>> table = training.train_rate_table(split, {"carrier": flights["UniqueCarrier"]})
    >>> table.predict(split.test).shape == (len(split.test),)
    True
    """
    if not prior >= 0:
        raise UsageError(f"prior={prior} would remove flights", fix="give 0 or more")
    checked.distinct_labels(split.train)
    late = features.label(split.train)
    if late.notna().sum() == 0:
        raise DataError("no training flight has a label", fix="pass a split with flights that departed")
    base_rate = float(late.mean())
    rows = split.train.index.union(split.validation.index).union(split.test.index)
    keys = pd.Series("all", index=rows)
    for name, part in (by or {}).items():
        keys = keys + "|" + select_rows(part, keys.to_frame(), f"values of {name!r}").astype(str)
    sums = late.groupby(keys.loc[late.index]).agg(["sum", "count"])
    return RateTable(keys, (sums["sum"] + prior * base_rate) / (sums["count"] + prior), base_rate)


@dataclass(frozen=True)
class Logistic:
    """A fitted logistic regression: the simplest model that weighs several inputs at once.

    Attributes
    ----------
    pipeline : sklearn.pipeline.Pipeline
        From features to probabilities.
    inputs : DataFrame
        The features of all flights, by row label.
    """

    pipeline: Any
    inputs: pd.DataFrame

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of 'late' for each of the flights in `rows`.

        Raises
        ------
        DataError
            A flight has no row in the inputs.
        """
        return self.pipeline.predict_proba(select_rows(self.inputs, rows))[:, 1]


def train_logistic(split: splits.Split, inputs: pd.DataFrame) -> Logistic:
    """Fit a logistic regression on binned numbers and one-hot categories; unseen categories are ignored.

    Parameters
    ----------
    split : Split
        The training rows are fitted on; validation is not used.
    inputs : DataFrame, shape (flights, features)
        As for `train_xgboost`.

    Raises
    ------
    DataError
        `inputs` lacks flights of the split, has one twice, or a column that a model cannot read; or the training
        flights are all late, all on time or without a label.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> split = splits.split_at_random(flights)
    >>> logistic = training.train_logistic(split, features.schedule(flights))
    >>> bool((logistic.predict(split.test) < 1).all())
    True
    """
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

    # Twelve bins let a linear model follow a curve, such as delays that rise until evening and fall at night.
    numbers = make_pipeline(
        SimpleImputer(strategy="median"),
        KBinsDiscretizer(12, strategy="uniform", subsample=None),  # all rows: a subsample would be random
    )
    encode = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    pipeline = make_pipeline(encode, LogisticRegression(C=1.0, max_iter=200, tol=1e-3))
    late = features.label(split.train)
    if late.nunique() < 2 or late.isna().any():
        raise DataError("training flights are all late, all on time or without a label", fix="pass a longer period")
    rows = select_rows(inputs, split.train)
    encoder = Encoder.fit(rows)
    encoder.transform(rows)  # refuses what no model can read, by its column
    if empty := [name for name in rows if rows[name].isna().all()] or ([] if len(rows.columns) else ["inputs"]):
        raise DataError("has no value in the training rows", column=str(empty[0]), fix="leave the column out")
    pipeline.fit(rows, late)
    return Logistic(pipeline, inputs)
