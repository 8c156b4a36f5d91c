"""The graders of lesson 01 on right answers and on plausible wrong ones."""

from __future__ import annotations

from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

CANVAS = {
    "objective": "Fewer passengers who are surprised by a delay",
    "sponsor": "Senior vice president, customer satisfaction",
    "users": "Passengers and the service desk",
    "decision": "Passengers leave home later or rebook",
    "success": "Complaints about delays fall by 20% within six months",
    "horizon_hours": 3,
    "budget": "3 months and $500,000",
    "metric": "Dollars per 1,000 flights",
    "cost_of_wrong_warning": 100,
    "cost_of_missed_delay": 500,
    "assumptions": ["Warned passengers do react", "Next year's schedule is like this one"],
}


def canvas(**changes: object) -> dict:
    return {key: value for key, value in {**CANVAS, **changes}.items() if value is not None}


NAMES = ("warned, late", "warned, on time", "not warned, late", "not warned, on time")


def cells(*counts: object) -> dict:
    return dict(zip(NAMES, counts, strict=True))


def right_formula(payoff):
    loss = payoff["not warned, on time"] - payoff["warned, on time"]
    gain = payoff["warned, late"] - payoff["not warned, late"]
    return loss / (loss + gain)


def by_get(payoff):
    a, b, c, d = (payoff.get(name) for name in NAMES)
    return np.float64(1 / (1 + (a - c) / (d - b)))


def destructive(payoff):
    a, b, c, d = (Fraction(payoff.pop(name)) for name in NAMES)
    return (d - b) / (a - b - c + d)


def dict_only(payoff: dict):
    found = right_formula(dict.copy(payoff))
    dict.clear(payoff)
    return found


def percent(payoff):
    return 100 * right_formula(payoff)


def odds(payoff):
    return right_formula(payoff) / (1 - right_formula(payoff))


def exchanged(v):
    return (v["not warned, on time"] - v["not warned, late"]) / (
        v["not warned, on time"] - v["not warned, late"] + v["warned, late"] - v["warned, on time"]
    )


def mistakes_only(v):
    return -v["warned, on time"] / (-v["warned, on time"] - v["not warned, late"])


def warned_only(v):
    return -v["warned, on time"] / (v["warned, late"] - v["warned, on time"])


def costs_positive(v):
    loss = v["not warned, on time"] + v["warned, on time"]
    return loss / (loss + v["warned, late"] + v["not warned, late"])


def no_brackets(v):
    loss, gain = v["not warned, on time"] - v["warned, on time"], v["warned, late"] - v["not warned, late"]
    return loss / gain + loss


def short_names(v):
    return (v["TN"] - v["FP"]) / (v["TP"] - v["FN"] + v["TN"] - v["FP"])


def silent(v):
    right_formula(v)


def leaves(v):
    raise SystemExit("done")


RIGHT = {
    "01.1": [
        CANVAS,
        MappingProxyType(canvas(cost_of_wrong_warning=np.float64(20.5), horizon_hours=0.5, budget=500_000)),
        pd.Series(canvas(success="At least 9 of 10 warned flights leave late", assumptions=("a b c", "d e", "f g"))),
        canvas(success="An AUC of 0.75 or more, out of time", cost_of_missed_delay=Fraction(1000, 3)),
    ],
    "01.2": [
        cells(5558, 3178, 2009, 3768),
        pd.Series(cells(5558.0, 3178.0, 2009.0, 3768.0)),
        MappingProxyType({name.upper(): np.int64(n) for name, n in cells(5558, 3178, 2009, 3768).items()}),
        dict(reversed(cells(5558, 3178, 2009, 3768).items())),
    ],
    "01.3": [right_formula, by_get, destructive, dict_only, lambda payoff: float(right_formula(payoff))],
}

WRONG = {
    "01.1": [
        (canvas(sponsor=None), "decided by accident"),
        (canvas(success="Passengers are happier"), "name a figure"),
        (canvas(success="More than 42"), "what the figure counts"),
        (canvas(horizon_hours="3 hours"), "number of hours alone"),
        (canvas(horizon_hours=-3), "count hours before departure as positive"),
        (canvas(horizon_hours=180), "minutes"),
        (canvas(cost_of_wrong_warning=-100), "positive number"),
        (canvas(cost_of_missed_delay="$500"), "without quotes"),
        (canvas(cost_of_missed_delay=True), "number of dollars alone"),
        (canvas(assumptions="Passengers react"), "square brackets"),
        (canvas(assumptions=["Passengers react"]), "has to stay as it is"),
        (canvas(objective="delays"), "better at"),
        (canvas(sponsor=""), "Who pays"),
        (canvas(budget="enough"), "how many months"),
        ({**CANVAS, "Sponsor": "me"}, "keep the keys"),
        ("notify passengers", "fill in the dict"),
    ],
    "01.2": [
        (cells(5558, 2009, 3178, 3768), "what do its rows stand for"),
        (cells(3768, 3178, 2009, 5558), "which class comes first"),
        (cells(3768, 2009, 3178, 5558), "positive class"),
        (cells(0.383, 0.219, 0.138, 0.260), "leave out the division"),
        (cells(38.3, 21.9, 13.8, 26.0), "leave out the division"),
        ({"TP": 5558, "FP": 3178, "FN": 2009, "TN": 3768}, "by what happened"),
        ([[3768, 3178], [2009, 5558]], "by position"),
        (cells(2009, 3178, 5558, 3768), "one number at a time"),
        (cells(5558, 3178, 2009, 3678), "exactly one cell"),
        (cells(5558, 3178, 2009, "3768"), "number of flights"),
        ({"warned, late": 5558}, "name the cells"),
    ],
    "01.3": [
        (lambda payoff: 1 - right_formula(payoff), "extreme"),
        (odds, "compares late with all"),
        (lambda payoff: 1 / odds(payoff), "compares one outcome with all"),
        (exchanged, "false alarm belongs to"),
        (mistakes_only, "correct predictions have a value"),
        (warned_only, "silence has its own value"),
        (costs_positive, "already negative in the payoff"),
        (no_brackets, "in brackets"),
        (percent, "not a percentage"),
        (lambda payoff: 0.5, "another payoff"),
        (short_names, "cells by name"),
        (silent, "return"),
        (leaves, "read the error"),
        (lambda payoff: payoff, "one cell at a time"),
        (lambda payoff: "0.25", "one cell at a time"),
        (lambda payoff: payoff["warned, late"], "between 0 and 1"),
        (lambda payoff: right_formula(payoff) ** 2, "with probability p"),
        (lambda payoff: 0.25 if payoff["warned, late"] == 100 else 0.3, "with probability p"),
        (0.25, "name of the function"),
    ],
}

# What a hint must not say.
SECRETS = {
    "01.1": [],
    "01.2": ["5558", "3178", "2009", "3768"],
    "01.3": ["0.25", "0.4", "/ (", "payoff["],
}


def test_blanks_of_the_canvas_are_named(report):
    """I see which questions of the canvas I have not answered yet."""
    printed = report("01.1", canvas(sponsor=..., assumptions=["Passengers react", ...]))
    assert printed == "Exercise 01.1: not answered yet (still to fill in: sponsor, assumptions 2)\n"


def still_dots(payoff): ...


def still_dots_below_a_docstring(payoff):
    """Return the probability."""
    ...


def dots_for_now(payoff):
    loss = payoff["not warned, on time"] - payoff["warned, on time"]
    return ... if loss else 0


@pytest.mark.parametrize("function", [still_dots, still_dots_below_a_docstring, dots_for_now, lambda payoff: ...])
def test_a_function_with_dots_for_its_body_is_not_answered_yet(report, function):
    """A function that I have not written yet is not a mistake."""
    assert report("01.3", function).startswith("Exercise 01.3: not answered yet")


def test_one_mistake_does_not_hide_what_is_right(report):
    """The check also says which parts are right."""
    assert "✓ 10 of 11 questions are answered" in report("01.1", canvas(success="happier"))
    assert "✓ 'not warned, late' and 'not warned, on time' are right" in report("01.2", cells(3178, 5558, 2009, 3768))
