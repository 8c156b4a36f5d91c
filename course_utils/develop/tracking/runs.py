"""Train the models that lesson 04 judges, and log each as one run to the MLflow store in use.

A run is the settings of ``tables/develop/tracking.toml`` on one `TrainingSnapshot`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import features, splits
from course_utils.develop.tracking.models import log_model
from course_utils.develop.tracking.snapshots import TrainingSnapshot
from course_utils.errors import UsageError
from course_utils.model import metrics, training

__all__ = ["log_run", "train"]


_SHUFFLED = "past and validation, shuffled"


def log_run(data: TrainingSnapshot, name: str, **changes: Any) -> str:
    """Train one model, log settings, data, scores and the model as one run, and return the run's id.

    Parameters
    ----------
    data : TrainingSnapshot
        The data for training and validation.
    name : str
        What MLflow calls the run; runs may share it.
    **changes
        As for the settings of `train`.

    Raises
    ------
    UsageError
        A setting is unknown.
    """
    import mlflow

    settings = _settings(changes)
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_input(data.dataset, context="training")
        mlflow.log_params(settings)
        fit = train(data, settings)
        late = features.label(data.split.validation)
        mlflow.log_metric("validation_log_loss", metrics.log_loss(late, fit.predict(data.split.validation)))
        log_model(data, [fit.scorer])
    return run.info.run_id


def _settings(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a run: the defaults with some changes."""
    defaults = tables.read_toml("tracking.toml")["settings"]
    unknown = [name for name in changes if name not in defaults]
    if unknown:
        raise UsageError(f"there is no setting {unknown[0]!r}", fix=f"choose from {', '.join(defaults)}")
    return {**defaults, **changes}


def train(data: TrainingSnapshot, settings: Mapping[str, Any]) -> training.Fit:
    """Return XGBoost fitted with some settings; the same data and settings give the same model, bit for bit.

    Parameters
    ----------
    data : TrainingSnapshot
        The data for training and validation.
    settings : mapping of str to value
        Changes to ``[settings]`` of ``tables/develop/tracking.toml``, the defaults.

    Raises
    ------
    UsageError
        A setting is unknown, or names inputs, rows or labels that do not exist.
    """
    chosen = _settings(settings)
    split, labels = data.split, None
    if chosen["train_on"] == _SHUFFLED:
        both = pd.concat([split.train, split.validation])
        drawn = np.random.default_rng(chosen["seed"]).choice(len(both), size=len(split.train), replace=False)
        split = splits.Split(both.iloc[np.sort(drawn)], split.validation, split.test, f"{split.name}, shuffled")
    elif chosen["train_on"] != "past":
        raise UsageError(f"train_on={chosen['train_on']!r} is unknown", fix=f"choose 'past' or {_SHUFFLED!r}")
    if chosen["labels"] != "as delivered":
        labels = _relabelled(data, chosen["labels"])
    parameters = {name: chosen[name] for name in ("max_depth", "eta", "min_child_weight", "subsample", "seed")}
    # A fixed number of rounds: with early stopping the model would depend on the validation months too.
    inputs = data.rows[data.inputs(chosen["inputs"])]
    return training.train_xgboost(
        split, inputs, rounds=chosen["rounds"], early_stopping=None, labels=labels, **parameters
    )


def _relabelled(data: TrainingSnapshot, how: str) -> pd.Series:
    """Return the labels of a faulty data feed, which reports all training flights of one carrier as on time."""
    carrier = how.removesuffix(" on time")
    late = features.label(data.rows)
    theirs = (data.rows["UniqueCarrier"] == carrier) & (data.rows["part"] == "train")
    if carrier == how or not theirs.any():
        raise UsageError(f"labels={how!r} is unknown", fix="choose 'as delivered', or '<carrier> on time'")
    return late.mask(theirs, 0.0)
