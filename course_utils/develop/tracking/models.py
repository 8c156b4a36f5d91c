"""Log models to MLflow without pickles, with the signature of their inputs; load them as one that gives their mean."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from course_utils.develop.tracking.snapshots import TrainingSnapshot, plain_text
from course_utils.model import training

__all__ = ["MeanModel", "log_model"]


def log_model(data: TrainingSnapshot, scorers: Sequence[training.Scorer]) -> Any:
    """Log one model to the active run, with the signature of its inputs; of several scorers, their mean is logged.

    Nothing is pickled: MLflow stores the files of `training.save`, and loads them with this module.

    Parameters
    ----------
    data : TrainingSnapshot
        The training data, from which the signature is inferred.
    scorers : sequence of Scorer
        At least one fitted model; all have the same inputs.

    Returns
    -------
    mlflow.models.model.ModelInfo
        The logged model.
    """
    import mlflow

    columns = list(scorers[0].encoder.columns)
    # Enough rows to see each type; the whole training set would take seconds.
    example = plain_text(data.split.train[columns].head(1000))
    signature = mlflow.models.infer_signature(example, scorers[0].score(example))
    needs = [f"{name}=={found}" for name, found in training.environment().items() if name != "python"]
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as scratch:
        # MLflow would like an example of the inputs; the signature is enough.
        warnings.filterwarnings("ignore", message=".*input example was not provided")
        for place, scorer in enumerate(scorers):
            training.save(scorer, Path(scratch) / "model" / f"{place:02d}")
        return mlflow.pyfunc.log_model(
            name="model",
            loader_module=__name__,
            data_path=str(Path(scratch) / "model"),
            signature=signature,
            pip_requirements=needs,
        )


class MeanModel:
    """A logged model with MLflow's interface: it predicts the mean of its `members`' probabilities."""

    def __init__(self, members: Sequence[training.Scorer]) -> None:
        self.members = list(members)

    def predict(self, rows: pd.DataFrame, params: Mapping[str, Any] | None = None) -> np.ndarray:
        """Return the probability of 'late' for each of the `rows` of inputs; `params` is MLflow's, and not used."""
        return np.mean([member.score(rows) for member in self.members], axis=0, dtype=np.float64)

    def get_raw_model(self) -> MeanModel:
        """Return this model itself: MLflow calls this to skip its check of the signature."""
        return self


def _load_pyfunc(path: str) -> MeanModel:
    """Load a logged model; MLflow looks for a function of this name in the loader module."""
    members = [training.load(folder) for folder in sorted(Path(path).iterdir())]
    for member in members:
        # Requests are for one flight, which more threads would only slow down.
        member.booster.set_param({"nthread": 1})
    return MeanModel(members)
