"""Fit, compare, save and load the models of the case.

A fitted model answers ``predict(rows)`` with the probability that each flight leaves late. `train_xgboost` and the
baselines fit on a split, `course_model` is the one model of the case, and `Scorer` scores rows of features.
"""

from course_utils.model.training.baselines import Logistic, RateTable, train_logistic, train_rate_table
from course_utils.model.training.caching import course_model, fit_or_load
from course_utils.model.training.cards import describe, model_card
from course_utils.model.training.comparison import Predictor, compare, deck_run
from course_utils.model.training.encoding import Encoder
from course_utils.model.training.fingerprints import code_hash, data_hash, environment
from course_utils.model.training.fitting import DEFAULTS, Fit, train_xgboost
from course_utils.model.training.scoring import CARD_FILE, MODEL_FILE, Scorer, load, save, score_in_new_process

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
    "code_hash",
    "compare",
    "course_model",
    "data_hash",
    "deck_run",
    "describe",
    "environment",
    "fit_or_load",
    "load",
    "model_card",
    "save",
    "score_in_new_process",
    "train_logistic",
    "train_rate_table",
    "train_xgboost",
]
