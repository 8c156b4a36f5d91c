"""Compare models on the same flights, and with the deck's own runs.

A model is anything with ``predict(rows)``, a `Predictor`, so a table of rates and a boosted forest can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import features
from course_utils.errors import UsageError
from course_utils.model import metrics

__all__ = ["Predictor", "compare", "deck_run"]


class Predictor(Protocol):
    """Anything that gives a flight a probability of leaving late."""

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of 'late' for each of the flights in `rows`."""
        ...


def compare(models: Mapping[str, Predictor], rows: pd.DataFrame) -> pd.DataFrame:
    """Score several models on the same flights.

    Parameters
    ----------
    models : mapping of str to Predictor
        The models by the name that their row of the table gets.
    rows : DataFrame
        Flights that left; both late and on-time ones are needed.

    Returns
    -------
    DataFrame
        One row for each model: 'AUC' (ranking, higher is better), 'log-loss' (lower is better) and 'mean score',
        which should be near the share late.

    Raises
    ------
    DataError
        A flight has no label or no inputs, or all of them were late, or none.

    Examples
    --------
    >>> from course_utils.data import splits
    >>> split = splits.split_at_random(flights)
    >>> training.compare({"constant": training.train_rate_table(split)}, split.test)["AUC"].item()
    0.5
    """
    late = features.label(rows)
    scores = {name: model.predict(rows) for name, model in models.items()}
    table = {
        name: {"AUC": metrics.auc(late, p), "log-loss": metrics.log_loss(late, p), "mean score": float(np.mean(p))}
        for name, p in scores.items()
    }
    return pd.DataFrame(table).T.round(3).rename_axis("model")


def deck_run(name: str) -> pd.Series:
    """Return the numbers that the deck prints for one of its own XGBoost runs.

    Parameters
    ----------
    name : {'dvc', 'static', 'governance'}
        The run, by the lesson that it belongs to.

    Returns
    -------
    Series of object
        The run's numbers by name, with the four cells of its confusion matrix (`metrics.CELLS`).

    Raises
    ------
    UsageError
        The deck has no such run.

    See Also
    --------
    course_utils.model.vowpal.deck_run : the deck's run of Vowpal Wabbit.

    Examples
    --------
    >>> training.deck_run("static")["accuracy"]
    64.26
    """
    table = tables.read_toml("deck.toml")
    # The other tables of the file are not runs, or are runs of Vowpal Wabbit, which has no confusion matrix.
    runs = [key for key, run in table.items() if "matrix" in run]
    if name not in runs:
        raise UsageError(f"the deck has no run {name!r}", fix=f"choose one of {', '.join(runs)}")
    run = {key: value for key, value in table[name].items() if isinstance(value, int | float)}
    return pd.Series(run | table[name]["matrix"], name=table[name].get("title", name), dtype=object)
