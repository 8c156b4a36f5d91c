"""Experiments on the inputs of a model: shuffle one, or remove the future and compute it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from course_utils.data import dictionary as data_dictionary
from course_utils.data import features
from course_utils.errors import DataError
from course_utils.model import training
from course_utils.model.pitfalls.days import day_blocks, day_numbers
from course_utils.model.pitfalls.deliveries import Delivery, label_values, late_minutes, outcome_columns

__all__ = ["permutation_importance", "uses_future"]


def permutation_importance(delivery: Delivery, names: Sequence[str], *, seed: int = 0) -> pd.Series:
    """Return the AUC that a small model loses, on days it has not seen, when one input is shuffled.

    Parameters
    ----------
    delivery : Delivery
        Flights of six days or more, late and on time, with their label.
    names : sequence of str
        Columns of numbers or texts to give to the model as inputs.
    seed : int
        Decides the days that are held out, the random columns and the shuffles.

    Returns
    -------
    Series
        By input, and 'chance': twice the largest change among five columns of random numbers.

    Raises
    ------
    DataError
        There are too few days with late and on-time flights.

    Examples
    --------
    >>> from course_utils.data import datasets
    >>> april = pitfalls.make_delivery(datasets.load_flights(), months=[4])
    >>> loss = pitfalls.permutation_importance(april, ["CRSDepTime", "Month"])
    >>> (loss > loss["chance"])[["CRSDepTime", "Month"]].to_dict()
    {'CRSDepTime': True, 'Month': False}
    """
    from sklearn.inspection import permutation_importance
    from xgboost import XGBClassifier

    rng = np.random.default_rng(seed)
    rows = day_blocks(delivery.rows, seed=seed)
    late = label_values(rows)
    rows, late = rows[~np.isnan(late)], late[~np.isnan(late)]
    days = rng.permutation(np.unique(day_numbers(rows)))
    if len(days) < 6 or late.min() == late.max():
        raise DataError("too few days with late and on-time flights", fix="pass at least six days of flights")
    encoder = training.Encoder.fit(rows[list(names)])
    X = np.column_stack([encoder.transform(rows[list(names)]), rng.normal(size=(len(rows), 5))])
    settings = {"n_estimators": 40, "max_depth": 3, "learning_rate": 0.15, "n_jobs": 1, "max_bin": 64}
    lost = []
    for fold in range(3):  # every day is held out once
        held = day_numbers(rows).isin(days[fold::3]).to_numpy()
        model = XGBClassifier(**settings, min_child_weight=50, random_state=0).fit(X[~held], late[~held])
        result = permutation_importance(
            model, X[held], late[held], scoring="roc_auc", n_repeats=1, random_state=seed + fold, n_jobs=None
        )
        lost.append(result.importances_mean)
    lost = np.mean(lost, axis=0)
    gains = pd.Series(lost[:-5], index=list(names))
    return pd.concat([gains, pd.Series({"chance": 2 * np.abs(lost[-5:]).max()})])


def uses_future(
    make: Callable[[pd.DataFrame], pd.Series], flights: pd.DataFrame, horizon: float, *, moments: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Return whether a feature uses values that are not known yet: remove the future, compute it again, and compare.

    Parameters
    ----------
    make : callable
        Takes flights and returns the feature, a Series by row label.
    flights : DataFrame
        One row a flight, in the columns of the data dictionary.
    horizon : float
        Hours before scheduled departure at which the feature is needed.
    moments : int
        How many moments of time to try, drawn at random.
    seed : int
        The same seed draws the same moments.

    Returns
    -------
    DataFrame
        One row a moment: 'moment' (UTC), 'flights' (those predicted in the quarter of an hour before it) and
        'changed', the share of them whose feature changes when all values not known at that moment are blanked.

    Examples
    --------
    >>> from course_utils.data import features
    >>> found = pitfalls.uses_future(lambda rows: features.label(rows), flights, 3, moments=2)
    >>> found["changed"].to_list()
    [1.0, 1.0]
    """
    now = features.known_at(flights, "IsDepDelayed") - pd.Timedelta(minutes=late_minutes())
    ask = now - pd.Timedelta(hours=horizon)
    rng = np.random.default_rng(seed)
    found = []
    full = make(flights)
    for moment in sorted(ask.iloc[np.sort(rng.choice(len(ask), size=min(moments, len(ask)), replace=False))]):
        asked = flights.index[(ask <= moment) & (ask > moment - pd.Timedelta(minutes=15))]
        then = make(_blank_unknown(flights, moment)).loc[asked]
        before = full.loc[asked]
        same = (then == before) | (then.isna() & before.isna())
        found.append({"moment": moment, "flights": len(asked), "changed": float(1 - same.mean())})
    return pd.DataFrame(found)


def _blank_unknown(flights: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Return flights without the outcomes that were not known yet at a moment."""
    blanked = {}
    for name in outcome_columns(data_dictionary.load()):
        known = features.known_at(flights, name)
        later = (known > moment).to_numpy() | known.isna().to_numpy()
        blanked[name] = flights[name].where(~later)
    new = flights.assign(**blanked)
    new.attrs = dict(flights.attrs)
    return new
