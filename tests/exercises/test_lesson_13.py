"""The graders of lesson 13 on right answers and on plausible wrong ones."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

GIVEN = "--loss_function logistic -l 0.1 --power_t 0.5"
MAP = {"LATE": 1, "ON TIME": -1, "EARLY": -1, "CANCELLED": None}


def run(options: str, loss: float = 0.479, examples: int = 82_090) -> SimpleNamespace:
    return SimpleNamespace(options=options, loss=loss, examples=examples)


def guarded(refused: tuple[int, ...], *, spoiled: tuple[int, ...] = (30, 31, 32), days: int = 74) -> SimpleNamespace:
    places = np.arange(days)
    batches = pd.DataFrame(
        {"harm": 0.001, "learnt": ~np.isin(places, refused), "spoiled": np.isin(places, spoiled)},
        index=pd.Index([f"day {place}" for place in places], name="day"),
    )
    return SimpleNamespace(batches=batches, predictions=np.full(1_000, 0.2))


RIGHT = {
    "13.1": [
        MAP,
        MappingProxyType({"CANCELLED": None, "EARLY": -1.0, "ON TIME": np.int64(-1), "LATE": 1.0}),
        pd.Series(MAP, dtype=object),
    ],
    "13.2": [
        run(f"{GIVEN} -q tt -q tw -q ta", 0.48),
        run(f"-q :: {GIVEN}", 0.478),
        run("--loss_function=logistic --learning_rate=0.1 --power_t 0.5 --interactions hco", np.float64(0.4802)),
        run(f"{GIVEN} --cubic hco -q hc"),
    ],
    "13.3": [
        guarded((30, 31, 32)),
        SimpleNamespace(batches=guarded((30, 31, 32)).batches.iloc[::-1]),
        SimpleNamespace(batches=guarded((30, 31, 32)).batches.astype({"learnt": int, "spoiled": object})),
    ],
}  # fmt: skip

WRONG = {
    "13.1": [
        (MAP | {"CANCELLED": 1}, "the deck's wrong label"),
        (MAP | {"CANCELLED": -1}, "did not depart on time either"),
        (MAP | {"CANCELLED": 0}, "a row without a label"),
        ({"LATE": -1, "ON TIME": 1, "EARLY": 1, "CANCELLED": None}, "positive everywhere"),
        (MAP | {"ON TIME": 0, "EARLY": 0}, "without a warning"),
        (MAP | {"ON TIME": 2, "EARLY": 2}, "with sed"),
        (MAP | {"EARLY": 1}, "from how many minutes"),
        (MAP | {"EARLY": None}, "this is an outcome"),
        (MAP | {"LATE": "1"}, "not a text or a boolean"),
        (MAP | {"LATE": True}, "not a text or a boolean"),
        (MAP | {"LATE": 2}, "two labels"),
        ({"LATE": 1, "ON TIME": -1, "CANCELLED": None}, "every value an entry"),
        (MAP | {"Late": 1}, "spelt as in the file"),
        (["LATE", "ON TIME"], "give each value"),
    ],
    "13.2": [
        (run(GIVEN, 0.4827), "only add up"),
        (run(f"{GIVEN} -q tw", 0.4817), "paired with itself"),
        (run("--loss_function logistic -l 0.5 --power_t 0 -q tw", 0.44), "the next part explains"),
        (run("--loss_function logistic -q ::", 0.47), "the next part explains"),
        (run(f"{GIVEN} -l 0.5 -q ::", 0.47), "the next part explains"),
        (run(f"{GIVEN} --passes 5 -q ::", 0.47), "the next part explains"),
        (run("-l 0.1 --power_t 0.5 -q ::", 0.15), "two loss functions"),
        (run(f"{GIVEN} -q ::", 0.2), "which of your columns"),
        (run(f"{GIVEN} -q ::", 0.478, 20_000), "the same flights"),
        (0.478, "result of vowpal.run"),
        ("-q ::", "result of vowpal.run"),
    ],
    "13.3": [
        (guarded(()), "which of the two is smaller"),
        (guarded((30,)), "less harm than after other such days"),
        (guarded((66, 30, 31, 32)), "the worst healthy day"),
        (guarded((66, 30)), "less harm than after other such days"),
        (guarded((), spoiled=()), "the fault that it should detect"),
        (guarded((8, 9, 10), spoiled=(8, 9, 10), days=20), "the same stream"),
        (0.01, "limit of your choice"),
        ({"limit": 0.01}, "limit of your choice"),
    ],
}

SECRETS = {"13.1": ["None", "-1"], "13.2": ["::", "-q t", "hco"], "13.3": ["0.01", "0.012", "0.008"]}


def test_the_decks_own_flights_have_their_own_bar(report, monkeypatch):
    """On the deck's sample, the loss to beat is that of this sample."""
    monkeypatch.setenv("COURSE_DATASET", "allyears2k")
    assert "solved\n" in report("13.2", run(f"{GIVEN} -q ::", 0.454, 42_892))
    assert "the same flights" in report("13.2", run(f"{GIVEN} -q ::", 0.454))
