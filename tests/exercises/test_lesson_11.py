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


WHY = "lowest validation loss"


def exchanged(answer):
    """Return the answer with the names of its two curves exchanged."""
    history = answer["history"]
    return {**answer, "history": {"train": history["validation"], "validation": history["train"]}}


def mutants(number):
    """Yield choices at and beyond the limits, and each reason that is none."""
    for rounds in (0, 1, 5, 24, 81, 200, 300, 301, -60, 60.5):
        yield f"{rounds} rounds", {**fit(rounds), "because": WHY}
    for because in (
        "lowest training loss",
        "lowest test loss",
        "smallest gap",
        "",
        "because",
        1,
        ["lowest validation loss"],
    ):
        yield f"because {because!r}", {**fit(60), "because": because}
    yield "stopped early", {**fit(20, length=20), "because": WHY}
    yield "just above the bar", {**fit(60, lowest=0.36851), "because": WHY}
    yield "curves exchanged", {**exchanged(fit(60)), "because": WHY}


_ONE_POINT = "one point of a curve, away from the round that is kept, decides nothing"
_ENOUGH = "the curves still show their lowest point, near the rounds that are kept"
EQUIVALENT = {
    "11.1": {
        "*'logloss'[]][[]*] and * exchanged": _ONE_POINT,
        "*'logloss'[]][[]*[]] → *": _ONE_POINT,
        "*'logloss'[]] under another name": "XGBoost names the metric, and any metric's name will do",
        "*'rounds'[]] → *": "a round next to the lowest point is as good",
        " with a foreign key": "more may be handed in, such as the depth",
        "*'history'[]] with a foreign key": "XGBoost watches any number of sets",
        "*'train'[]] with a foreign key": "XGBoost may measure several metrics; the first counts",
        "*'validation'[]] with a foreign key": "XGBoost may measure several metrics; the first counts",
    }
}

RIGHT = {
    "11.1": [
        {**fit(60), "because": WHY},
        MappingProxyType({**fit(70), "because": WHY, "depth": 6}),
        {**fit(np.int64(45)), "because": " Lowest  validation loss."},
        {**fit(60.0, lowest=0.3685), "because": WHY},
        {**fit(150, length=150, best=150), "because": WHY},  # flat at its end
        {**table(fit(60, gap=0.01)), "because": WHY},
        pd.Series({**fit(60, gap=0.08), "because": WHY}),
        {**fit(27), "because": WHY},  # within 0.002 of the lowest point
    ]
}

WRONG = {
    "11.1": [
        ({**fit(10), "because": WHY}, "would more rounds have brought"),
        ({**fit(20, length=20), "because": WHY}, "more rounds"),
        ({**fit(300), "because": WHY}, "by heart"),
        ({**fit(300), "because": "lowest training loss"}, "by heart"),
        ({**fit(60), "because": "lowest training loss"}, "random labels"),
        ({**fit(60), "because": "smallest gap"}, "no gap at all"),
        ({**fit(60), "because": "lowest test loss"}, "cannot judge it"),
        ({**fit(60, lowest=0.3686), "because": WHY}, "several depths"),
        ({**fit(60, gap=5), "because": WHY}, "a log-loss is above zero"),
        ({**exchanged(fit(60)), "because": WHY}, "which set has which name"),
        ({**fit(60, gap=-5), "because": WHY}, "in each round"),
        ({**fit(60, lowest=0.39), "because": WHY}, "several depths"),
        ({**fit(60), "because": "I did not look at the validation loss at all"}, "choose one of"),
        (fit(60), "choose one of"),
        ({"history": {}, "rounds": 60, "because": WHY}, "evals_result filled"),
        ({"history": {"validation": {"logloss": [0.4]}}, "rounds": 1, "because": WHY}, "evals_result filled"),
        ({**fit(999), "because": WHY}, "as many rounds as the history holds"),
        ({**fit(None), "because": WHY}, "as many rounds as the history holds"),
        ({"depth": 6, "rounds": 60, "because": WHY}, "as 'history'"),
        (0.361, "as 'history'"),
    ]
}

SECRETS = {"11.1": ["0.36", "0.002", "60", "depth 6"]}


def test_a_reason_left_blank_is_not_answered_yet(report):
    """With a model chosen and no reason, I see what is missing."""
    assert "not answered yet (still to fill in: 'because')" in report("11.1", {**fit(60), "because": ...})


def test_another_data_set_has_no_bar_of_its_own(report, monkeypatch):
    """On the deck's sample, whose losses are higher, a model that stops at the right round will do."""
    monkeypatch.setenv("COURSE_DATASET", "allyears2k")
    assert "solved\n" in report("11.1", {**fit(60, lowest=0.6), "because": WHY})
