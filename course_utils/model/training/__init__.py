"""Fit, save, load and ask the models of the case.

`Scorer` is the only road from rows to a probability: batch scoring, the served model and explanations all take it, so
a row has one score wherever it is computed. Whatever is fitted here answers ``predict(rows)`` with the probability
that each flight leaves late, so that a table of rates and a boosted forest can stand side by side.
"""

from course_utils.model.training.fitting import (
    CARD_FILE,
    DEFAULTS,
    MODEL_FILE,
    Encoder,
    Fit,
    Logistic,
    Predictor,
    RateTable,
    Scorer,
    best_rounds,
    compare,
    course_model,
    data_hash,
    deck_run,
    describe,
    environment,
    load,
    model_card,
    save,
    score_in_new_process,
    shuffle_labels,
    train_logistic,
    train_rate_table,
    train_xgboost,
)

__all__ = [
    "CARD_FILE",
    "DEFAULTS",
    "MODEL_FILE",
    "Encoder",
    "Fit",
    "Logistic",
    "Predictor",
    "RateTable",
    "Scorer",
    "best_rounds",
    "compare",
    "course_model",
    "data_hash",
    "deck_run",
    "describe",
    "environment",
    "load",
    "model_card",
    "save",
    "score_in_new_process",
    "shuffle_labels",
    "train_logistic",
    "train_rate_table",
    "train_xgboost",
]
