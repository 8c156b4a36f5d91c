"""Fit a model once, and load it the next time.

`course_model` is the one model of the case, which many lessons need. A fitted model is kept in
``data/processed/models``, under a hash of everything that decides it: data, settings, code and versions.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys

import pandas as pd

from course_utils import tables
from course_utils.data import datasets, features, splits
from course_utils.errors import CourseError, ModelError
from course_utils.model.training.fingerprints import code_hash, data_hash, environment
from course_utils.model.training.fitting import DEFAULTS, Fit, train_xgboost
from course_utils.model.training.scoring import load, save

__all__ = ["course_model", "fit_or_load"]


def course_model(flights: pd.DataFrame | None = None, *, horizon: float | None = None) -> Fit:
    """Return the one model of the case: XGBoost on all that is known `horizon` hours ahead, without plane features.

    The first call fits it, which takes a minute or less; later calls load it. See `fit_or_load`.

    Parameters
    ----------
    flights : DataFrame, optional
        The flights of whole months; default: the active data set.
    horizon : float, optional
        Hours before scheduled departure; default ``horizon_hours`` of constants.toml.
    """
    flights = datasets.load_flights() if flights is None else flights
    horizon = tables.read_toml("constants.toml")["horizon_hours"] if horizon is None else horizon
    inputs = features.as_of(flights, horizon)
    # Only now: a split copies the flights, which need not be there twice while `as_of` needs most memory.
    split = splits.split_by_time(flights)
    # Labels are hashed too: another limit for 'late' changes the model, but neither flights nor inputs.
    labels = pd.concat([features.label(part) for part in (split.train, split.validation)]).to_frame()
    return fit_or_load(split, inputs, data_hash(flights), data_hash(inputs), data_hash(labels))


def fit_or_load(split: splits.Split, inputs: pd.DataFrame, *fingerprints: str) -> Fit:
    """Fit XGBoost with the settings of the course, or load the model that an earlier call has fitted.

    Parameters
    ----------
    split : Split
        As for `train_xgboost`; its name is part of what identifies the model.
    inputs : DataFrame, shape (flights, features)
        As for `train_xgboost`.
    *fingerprints : str
        Hashes of the data that decide the model, as from `data_hash`. Settings, versions and the code of this package
        are added here.

    Raises
    ------
    DataError
        `inputs` lack flights of the split, or have one twice; or a training flight has no label.
    """
    content = [*fingerprints, split.name, DEFAULTS, environment(), code_hash(sys.modules[__package__])]
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    folder = datasets.data_folder() / "processed" / "models" / key
    try:
        scorer = load(folder)
    except ModelError:
        scorer = train_xgboost(split, inputs).scorer
        # A model that cannot be saved, such as on a full or read-only disk, is fitted again next time.
        with contextlib.suppress(OSError, CourseError):
            save(scorer, folder)
    curve = pd.DataFrame(scorer.card["learning curve"])
    curve.index = pd.RangeIndex(1, len(curve) + 1, name="rounds")
    return Fit(scorer, inputs, curve, scorer.card["rounds"])
