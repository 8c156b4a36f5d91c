"""The graders of lesson 13 on right answers and on plausible wrong ones."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

MAP = {"LATE": 1, "ON TIME": -1, "EARLY": -1, "CANCELLED": None}
TYPED = '--map LATE=1 --map "ON TIME=-1" --map EARLY=-1 --map CANCELLED=none'


def vw_report(
    pairs: str = "creating quadratic features for pairs: tt tw ta",
    loss: float | str = 0.479,
    examples: int = 82_090,
    *,
    late: float = 18_160 / 82_090,
    best: float = 0.528448,
    steps: str = "learning rate = 0.1\ninitial_t = 0\npower_t = 0.5",
    more: str = "",
) -> str:
    """Return what VW prints on such a run."""
    return f"""{pairs}
using no cache
Reading datafile = mine.vw
num sources = 1
Num weight bits = 18
{steps}
Enabled learners: gd, scorer-identity, count_label
Input label = SIMPLE
Output pred = SCALAR
average  since         example        example        current        current  current
loss     last          counter         weight          label        predict features
0.693147 0.693147            1            1.0        -1.0000         0.0000       10

finished run
number of examples = {examples}
{more}weighted example sum = {examples}.000000
weighted label sum = {(2 * late - 1) * examples:.6f}
average loss = {loss}
best constant = -1.258567
best constant's loss = {best}
total feature number = 820900
"""


def guarded(refused: tuple[int, ...], *, spoiled: tuple[int, ...] = (30, 31, 32), days: int = 74) -> SimpleNamespace:
    places = np.arange(days)
    batches = pd.DataFrame(
        {"harm": 0.001, "learnt": ~np.isin(places, refused), "spoiled": np.isin(places, spoiled)},
        index=pd.Index([f"day {place}" for place in places], name="day"),
    )
    return SimpleNamespace(batches=batches, predictions=np.full(1_000, 0.2))


RIGHT = {
    "13.1": [
        TYPED,
        "--map 'ON TIME'=-1 --map=LATE=1.0 --map EARLY=-1 --map CANCELLED=none",
        MAP,
        MappingProxyType({"CANCELLED": None, "EARLY": -1.0, "ON TIME": np.int64(-1), "LATE": 1.0}),
        pd.Series(MAP, dtype=object),
    ],
    "13.2": [
        vw_report(loss=0.48),
        vw_report("creating quadratic features for pairs: ::", 0.478),
        vw_report("creating features for following interactions: hco", 0.4802).replace("\n", "\r\n"),
        vw_report("creating cubic features for triples: hco", 0.4805),
    ],
    "13.3": [
        guarded((30, 31, 32)),
        SimpleNamespace(batches=guarded((30, 31, 32)).batches.iloc[::-1]),
        SimpleNamespace(batches=guarded((30, 31, 32)).batches.astype({"learnt": int, "spoiled": object})),
    ],
}  # fmt: skip

WRONG = {
    "13.1": [
        (TYPED.replace("none", "1"), "the deck's faulty label"),
        (TYPED.replace("none", "0"), "a --map makes a row without label"),
        (TYPED.replace('"', ""), "keeps two words together"),
        (TYPED.replace("CANCELLED=none", '"CANCELLED=none'), "a second one"),
        (TYPED.replace("CANCELLED=none", "CANCELLED="), "VALUE=LABEL without spaces"),
        (TYPED.replace("LATE=1", "LATE=yes"), "not a text or a Boolean"),
        (TYPED.replace("--map EARLY", "EARLY"), "a --map of its own"),
        ("--map LATE=1", "are still missing"),
        (MAP | {"CANCELLED": 1}, "the deck's faulty label"),
        (MAP | {"CANCELLED": -1}, "did not leave on time either"),
        (MAP | {"CANCELLED": 0}, "a --map makes a row without label"),
        ({"LATE": -1, "ON TIME": 1, "EARLY": 1, "CANCELLED": None}, "call positive"),
        (MAP | {"ON TIME": 0, "EARLY": 0}, "VW takes it without a warning"),
        (MAP | {"ON TIME": 2, "EARLY": 2}, "which two labels"),
        (MAP | {"EARLY": 1}, "from how many minutes"),
        (MAP | {"EARLY": None}, "that is an outcome"),
        (MAP | {"LATE": "1"}, "not a text or a Boolean"),
        (MAP | {"LATE": True}, "not a text or a Boolean"),
        (MAP | {"LATE": 2}, "two labels"),
        ({"LATE": 1, "ON TIME": -1, "CANCELLED": None}, "are still missing"),
        (MAP | {"Late": 1}, "spelt as in the file"),
        (["LATE", "ON TIME"], "give one text"),
    ],
    "13.2": [
        (vw_report("", 0.4827), "can only add up"),
        (vw_report("creating quadratic features for pairs: tw", 0.4817), "paired with itself"),
        (vw_report(steps="learning rate = 0.5\ninitial_t = 0\npower_t = 0", loss=0.44), "the next part explains"),
        (vw_report(steps="learning rate = 0.5\ninitial_t = 0\npower_t = 0.5"), "the next part explains"),
        (vw_report(loss="0.4759 h", more="passes used = 2\n"), "the next part explains"),
        (vw_report(best=0.689), "two loss functions"),
        (vw_report(loss=0.2), "which column"),
        (vw_report(examples=20_000), "the same flights"),
        (0.478, "terminal.output"),
        (None, "terminal.output"),
        ("-q ::", "whole and without --quiet"),
        (vw_report().replace("best constant's loss", "best"), "whole and without --quiet"),
    ],
    "13.3": [
        (guarded(()), "which of the two is smaller"),
        (guarded((30,)), "less harm than after another bad day"),
        (guarded((66, 30, 31, 32)), "the worst healthy day"),
        (guarded((66, 30)), "less harm than after another bad day"),
        (guarded((), spoiled=()), "the fault that it is for"),
        (guarded((8, 9, 10), spoiled=(8, 9, 10), days=20), "the same stream"),
        (0.01, "with your limit"),
        ({"limit": 0.01}, "with your limit"),
    ],
}

SECRETS = {"13.1": ["none", "=-1"], "13.2": ["::", "-q t", "hco"], "13.3": ["0.01", "0.012", "0.008"]}


def test_the_decks_own_flights_have_their_own_bar(report, monkeypatch):
    """On the deck's sample, the loss to beat is that of its own flights."""
    monkeypatch.setenv("COURSE_DATASET", "allyears2k")
    assert "solved\n" in report("13.2", vw_report(loss=0.454, examples=42_892))
    assert "the same flights" in report("13.2", vw_report(loss=0.454))
