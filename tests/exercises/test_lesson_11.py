"""The grader of lesson 11 on right answers and on plausible wrong ones."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)


def fit(kept: int, *, length: int = 300, best: int = 60, lowest: float = 0.361, rise: float = 1e-4, gap: float = 0.03):
    """Return the history of a model whose validation loss is lowest at `best`, and the rounds kept."""
    rounds = np.arange(1, length + 1)
    fall = 0.1 * (np.exp(-rounds / (best / 9)) - np.exp(-9))
    validation = lowest + np.where(rounds <= best, fall, rise * (rounds - best))
    train = 0.07 + validation - gap * rounds / best
    history = {"train": {"logloss": train.tolist()}, "validation": {"logloss": validation.tolist()}}
    return {"history": history, "rounds": kept}


def table(answer):
    """Return the answer with its curves as a table."""
    curves = {name: losses["logloss"] for name, losses in answer["history"].items()}
    return {**answer, "history": pd.DataFrame(curves)}


WHY = "lowest validation loss of all, and the gap to training is still small"
WHY_SHORT = "its validation loss is the lowest of all the models that I tried"

RIGHT = {
    "11.1": [
        {**fit(60), "because": WHY},
        MappingProxyType({**fit(70), "because": WHY, "depth": 6}),
        {
            **fit(np.int64(45)),
            "because": "best on months it has never seen, where depth eight was already learning by heart",
        },
        {**fit(150, length=150, best=150), "because": WHY},  # flat at its end
        {**table(fit(60, gap=0.01)), "because": WHY_SHORT},
    ]
}

WRONG = {
    "11.1": [
        ({**fit(10), "because": WHY}, "would more rounds have brought"),
        ({**fit(20, length=20), "because": WHY}, "more rounds"),
        ({**fit(300), "because": WHY}, "by heart"),
        (
            {**fit(300), "because": "its training loss is the lowest of all the models that I tried"},
            "training flights",
        ),
        ({**fit(60, lowest=0.39), "because": WHY}, "several depths"),
        ({**fit(60), "because": "validation is best"}, "8 words or more"),
        (fit(60), "8 words or more"),
        ({**fit(60), "because": "it is the model with the lowest loss on the test set"}, "cannot report"),
        ({**fit(60), "because": "it is simply the best of all the models that I tried"}, "deserve being chosen"),
        ({**fit(60, gap=0.08), "because": WHY_SHORT}, "why you accept that distance"),
        ({"history": {}, "rounds": 60, "because": WHY}, "evals_result filled"),
        ({"history": {"validation": {"logloss": [0.4]}}, "rounds": 1, "because": WHY}, "evals_result filled"),
        ({**fit(999), "because": WHY}, "as many rounds as the history holds"),
        ({**fit(None), "because": WHY}, "as many rounds as the history holds"),
        ({"depth": 6, "rounds": 60, "because": WHY}, "as 'history'"),
        (0.361, "as 'history'"),
    ]
}

SECRETS = {"11.1": ["0.36", "0.002", "60", "depth 6"]}


def test_reasons_left_blank_are_not_answered_yet(report):
    """With a model chosen and no reasons written, I see what is missing."""
    assert "not answered yet (still to fill in: because)" in report("11.1", {**fit(60), "because": ...})


def test_another_data_set_has_no_bar_of_its_own(report, monkeypatch):
    """On the deck's sample, whose losses are higher, a model that stops at the right round will do."""
    monkeypatch.setenv("COURSE_DATASET", "allyears2k")
    assert "solved\n" in report("11.1", {**fit(60, lowest=0.6), "because": WHY})
