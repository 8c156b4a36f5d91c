"""Write and show the model card: what a reader must know before using a model.

`model_card` fills the card when a model is fitted, and `describe` shows the part that a person reads first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from course_utils import tables
from course_utils.data import features, splits
from course_utils.errors import ModelError
from course_utils.model.training.fingerprints import data_hash, environment
from course_utils.wording import counted

if TYPE_CHECKING:
    from course_utils.model.training.encoding import Encoder
    from course_utils.model.training.scoring import Scorer

__all__ = ["describe", "model_card"]


def model_card(
    split: splits.Split, encoder: Encoder, rounds: int, parameters: Mapping[str, Any], curve: pd.DataFrame
) -> dict[str, Any]:
    """Return the model card: purpose, limits, data, inputs, settings, learning curve and versions.

    The keys follow Mitchell et al., 'Model Cards for Model Reporting' (2019), as far as a program can fill them.

    Parameters
    ----------
    split : Split
        What the model was trained on, and what decided when to stop.
    encoder : Encoder
        The inputs of the model with their categories.
    rounds : int
        The number of boosting rounds kept.
    parameters : mapping of str to value
        XGBoost's own parameters, as they were given to it.
    curve : DataFrame
        As in `Fit`: the losses after each round.
    """
    late = features.label(split.train)
    return {
        "purpose": "probability that a flight leaves at least "
        f"{counted(tables.read_toml('constants.toml')['late_minutes'], 'minute')} late",
        "not for": "flights of other airports or years than those trained on; deciding about a person",
        "trained on": {
            "data set": str(split.train.attrs.get("dataset", tables.active_dataset())),
            "split": split.name,
            "flights": len(split.train),
            "share late": round(float(late.mean()), 3),
            "data hash": data_hash(split.train),
        },
        "inputs": {
            name: f"one of {len(encoder.categories[name])}" if name in encoder.categories else "number"
            for name in encoder.columns
        },
        "rounds": rounds,
        "parameters": dict(parameters),
        # Six digits are enough to draw the curve and keep the card short.
        "learning curve": {name: [round(float(loss), 6) for loss in curve[name]] for name in curve},
        "environment": environment(),
    }


def describe(scorer: Scorer) -> pd.DataFrame:
    """Return the part of a model card that a person reads first, as a table of one column.

    Parameters
    ----------
    scorer : Scorer
        A model with its card, as from `train_xgboost` or `load`.

    Raises
    ------
    ModelError
        The scorer has no card.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> split = splits.split_at_random(flights)
    >>> fit = training.train_xgboost(split, features.schedule(flights), rounds=2, early_stopping=None)
    >>> training.describe(fit.scorer).loc["inputs"].item()
    '8, of which 3 categories'
    """
    card = scorer.card
    if "trained on" not in card:
        raise ModelError("the model has no card", fix="fit it with training.train_xgboost, which writes one")
    data = card["trained on"]
    lines = {
        "purpose": card["purpose"],
        "not for": card["not for"],
        "trained on": f"{data['data set']}, {counted(data['flights'], 'flight')}, {data['share late']:.1%} late",
        "split": data["split"],
        "data hash": data["data hash"],
        "inputs": f"{len(card['inputs'])}, of which {counted(len(scorer.encoder.categories), 'category')}",
        "rounds": str(card["rounds"]),
        "environment": ", ".join(sorted(card["environment"])) + ": versions recorded",
    }
    return pd.DataFrame({"model card": lines}).rename_axis("about")
