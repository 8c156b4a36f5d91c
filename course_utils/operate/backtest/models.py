"""The models of the backtest: the one in service, and scores that no model has trained on.

`service_model` was trained on the quiet months and goes live on 1 June. `unseen_scores` are scores of the quiet months
by models that did not train on them, which limits can be calibrated on.
"""

from __future__ import annotations

import pandas as pd

from course_utils import tables
from course_utils.data import features, splits
from course_utils.model import training

__all__ = ["LIVE", "QUIET", "service_model", "unseen_scores"]

#: The first and the last of the quiet days, which the service's model was trained on and its limits are set on.
#: 1 January is left out: no day before it has labels.
QUIET = ("2013-01-02", "2013-05-31")
#: The day on which the service goes live.
LIVE = "2013-06-01"


def service_model(flights: pd.DataFrame, inputs: pd.DataFrame | None = None) -> training.Fit:
    """Return the model that goes live on 1 June: trained on January to April, with early stopping on May.

    It is fitted on first use and stored under data/processed, as `training.course_model` is.

    Parameters
    ----------
    flights : DataFrame
        The flights of the year, with their outcomes.
    inputs : DataFrame, optional
        The inputs of these flights, by row label; by default those of `features.as_of` at 3 hours.
    """
    if inputs is None:
        inputs = features.as_of(flights, tables.read_toml("constants.toml")["horizon_hours"])
    split = splits.split_by_time(flights, validation=QUIET[1][:7], test=LIVE[:7])
    trained_on = split.train.index.append(split.validation.index)
    labels = features.label(flights.loc[trained_on]).to_frame()
    hashes = (training.data_hash(inputs.loc[trained_on]), training.data_hash(labels))
    return training.fit_or_load(split, inputs, *hashes)


def unseen_scores(flights: pd.DataFrame, inputs: pd.DataFrame, rounds: int = 60) -> pd.Series:
    """Score each quiet month with a model that was trained on the other quiet months.

    On the months that it was trained on, a model's errors are about a third smaller than on others. Limits that are set
    on them would be a third too narrow.

    Parameters
    ----------
    flights : DataFrame
        The flights of the year, with their outcomes.
    inputs : DataFrame
        The inputs of these flights, by row label.
    rounds : int
        Boosting rounds of each model, 1 or more; there is no early stopping.

    Returns
    -------
    Series of float32
        The probability of 'late' by row label, for the flights of these months.
    """
    quiet = flights[splits.day(flights) <= QUIET[1]]
    parts = []
    for month in sorted(quiet["Month"].unique()):
        here = quiet["Month"] == month
        others = quiet[~here & quiet["DepDelay"].notna()]
        # All other months train the model, so none is left for early stopping: the rounds are fixed.
        split = splits.Split(others, others.tail(1_000), others.tail(1_000), "the other months")
        fit = training.train_xgboost(split, inputs, rounds=rounds, early_stopping=None)
        parts.append(pd.Series(fit.predict(quiet[here]), quiet.index[here]))
    return pd.concat(parts).rename("probability")
