"""The graders of lesson 01 on right answers and on plausible wrong ones."""

from __future__ import annotations

import functools
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils import tables

CANVAS = {
    "objective": "Fewer passengers who are surprised by a delay",
    "sponsor": "Senior vice president, customer satisfaction",
    "users": "Passengers and the service desk",
    "decision": "Passengers leave home later or rebook",
    "success": "Complaints about delays, relative to last year",
    "success_target": -20,
    "success_unit": "%",
    "success_months": 6,
    "horizon_hours": 3,
    "budget_months": 3,
    "budget_dollars": 500_000,
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


def exactly(payoff):
    a, b, c, d = (Fraction(payoff[name]) for name in NAMES)
    return (d - b) / (a - b - c + d)


def dict_only(payoff: dict):
    return right_formula(dict(payoff.items() - set()))


def of_keywords(payoff):
    def gain(kind, /, **cells):
        return cells[f"warned, {kind}"] - cells[f"not warned, {kind}"]

    return [-gain("on time", **payoff) / (gain("late", **payoff) - gain("on time", **payoff))][0]


class Formula:
    """A callable object is a function as well."""

    def __call__(self, payoff):
        """Return the break-even probability in an array."""
        return np.array([right_formula(payoff)])


def by_search(payoff):
    """Halve an interval until the two lines cross."""
    low, high = Decimal(0), Decimal(1)
    for _ in range(60):
        p = (low + high) / 2
        values = {name: Decimal(float(payoff[name])) for name in NAMES}
        warn = p * values["warned, late"] + (1 - p) * values["warned, on time"]
        silent = p * values["not warned, late"] + (1 - p) * values["not warned, on time"]
        low, high = (p, high) if warn < silent else (low, p)
    return low


def by_matrix(payoff):
    lines = np.array([payoff[name] for name in NAMES]).reshape(2, 2)
    late, on_time = lines[0] - lines[1]
    return -on_time / (late - on_time)


def destructive(payoff):
    a, b, c, d = (Fraction(payoff.pop(name)) for name in NAMES)
    return (d - b) / (a - b - c + d)


def clears(payoff: dict):
    found = right_formula(dict.copy(payoff))
    dict.clear(payoff)
    return found


def in_place(payoff):
    payoff /= 100
    return right_formula(payoff)


def endless(payoff):
    while right_formula(payoff):
        pass


def tries_everything(payoff):
    p = 0
    while p * payoff["warned, late"] != payoff["not warned, on time"] + 1e9:
        p += 0
    return p


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
        MappingProxyType(canvas(cost_of_wrong_warning=np.float64(20.5), horizon_hours=0.25, budget_months=0.5)),
        pd.Series(canvas(success="Warned flights that leave late", assumptions=("a b c", "d e", "f g"))),
        canvas(
            success="AUC, out of time", success_unit="AUC", success_target=Decimal("0.75"), success_months=np.int64(1)
        ),
        canvas(cost_of_missed_delay=Fraction(1000, 3), horizon_hours=72, assumptions=pd.Series(["a b c", "d e"])),
        canvas(success="complaints fall by half", success_target=50, sponsor="Operations", users="operations"),
        canvas(objective="Weniger überraschte Fluggäste", decision="Später zum Flughafen fahren", users="Fluggäste"),
        canvas(
            objective="延误提前通知",
            sponsor="客服部",
            success_unit="件",
            assumptions={"旅客会看通知", "明年时刻表不变"},
        ),
    ],
    "01.2": [
        cells(5558, 3178, 2009, 3768),
        pd.Series(cells(5558.0, 3178.0, 2009.0, 3768.0)),
        MappingProxyType({name.upper(): np.int64(n) for name, n in cells(5558, 3178, 2009, 3768).items()}),
        dict(reversed(cells(5558, 3178, 2009, 3768).items())),
        {f" {name.replace(', ', ',  ')} ": Decimal(n) for name, n in cells(5558, 3178, 2009, 3768).items()},
        cells(
            *(np.array([[3768, 3178], [2009, 5558]])[row, column] for row, column in ((1, 1), (0, 1), (1, 0), (0, 0)))
        ),
    ],
    "01.3": [
        right_formula,
        by_get,
        exactly,
        dict_only,
        lambda payoff: float(right_formula(payoff)),
        of_keywords,
        Formula(),
        by_search,
        by_matrix,
        functools.partial(lambda scale, payoff: right_formula(payoff * scale), 7),
    ],
}

WRONG = {
    "01.1": [
        (canvas(sponsor=None), "decided by accident"),
        (canvas(success_target="happier"), "number of the target alone"),
        (canvas(success_target=float("nan")), "Which value must this figure reach"),
        (canvas(success_unit=""), "what the figure counts"),
        (canvas(success_unit="20"), "what the figure counts"),
        (canvas(success_unit=20), "what the figure counts"),
        (canvas(success_months=0), "count from today"),
        (canvas(horizon_hours="3 hours"), "number of hours alone"),
        (canvas(horizon_hours=-3), "count hours before departure as positive"),
        (canvas(horizon_hours=0), "count hours before departure as positive"),
        (canvas(horizon_hours=180), "minutes"),
        (canvas(horizon_hours=72.1), "minutes"),
        (canvas(horizon_hours=0.24), "passengers still do"),
        (canvas(cost_of_wrong_warning=-100), "positive number"),
        (canvas(cost_of_missed_delay="$500"), "without quotes"),
        (canvas(cost_of_missed_delay=True), "Estimate it"),
        (canvas(cost_of_missed_delay=[500, 600]), "one finite number"),
        (canvas(assumptions="Passengers react"), "square brackets"),
        (canvas(assumptions=["Passengers react"]), "has to stay as it is"),
        (canvas(assumptions=["Passengers react"] * 2), "fail on its own"),
        (canvas(assumptions=["Passengers react", 3]), "between quotes"),
        (canvas(assumptions={"one": "Passengers react"}), "square brackets"),
        (canvas(objective="?"), "better at"),
        (canvas(objective="What does the airline want to be better at"), "if the sponsor asked you"),
        ({**CANVAS, **dict(tables.canvas()["question"].iloc[[0, 1, 2, 3, 4, 11]])}, "if the sponsor asked you"),
        (canvas(users="decision"), "if the sponsor asked you"),
        (canvas(**dict.fromkeys(("objective", "users", "decision", "success", "metric"), "passengers")), "one by one"),
        (canvas(metric=7), "between quotes"),
        (canvas(sponsor=""), "Who pays"),
        (canvas(budget_months="enough"), "number of months alone"),
        (canvas(budget_dollars=0), "costs money, too"),
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
        (cells(5558, 3178, 2009, "3768"), "without quotes"),
        (cells(5558, -3178, 2009, 3768), "number of flights"),
        (cells(5558, 3178, 2009, None), "number of flights"),
        ({"warned, late": 5558}, "name the cells"),
        ({**cells(5558, 3178, 2009, 3768), "Warned, late": 5558}, "name the cells"),
        (cells(5558, 5558, 2009, 3768), "exactly one cell"),
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
        (short_names, "which names, keys or positions"),
        (silent, "hand its result back"),
        (lambda payoff: print(right_formula(payoff)), "cannot use what is printed"),
        (leaves, "look at the values"),
        (destructive, "work on a copy"),
        (clears, "work on a copy"),
        (in_place, "work on a copy"),
        (endless, "does your loop end"),
        (tries_everything, "does your loop end"),
        (lambda gain, loss: loss / (loss + gain), "keep the arguments"),
        (lambda payoff: payoff, "one cell at a time"),
        (lambda payoff: "0.25", "not a text"),
        (lambda payoff: [right_formula(payoff)], "without brackets"),
        (lambda payoff: right_formula(payoff) < 1, "True or False"),
        (lambda payoff: float("nan"), "divided by zero"),
        (lambda payoff: payoff["warned, late"], "between 0 and 1"),
        (lambda payoff: right_formula(payoff) ** 2, "with probability p"),
        (lambda payoff: 0.25 if payoff["warned, late"] == 100 else 0.3, "with probability p"),
        (0.25, "name of the function"),
    ],
}

_DECISION = "a decision of the airline, not a mistake"
_SENTENCE = "the check does not judge sentences; the lesson says so"
EQUIVALENT = {
    "01.1": {
        "[[]'metric'] → '?*'": _SENTENCE,
        "[[]'assumptions'][[]?] → '?*'": _SENTENCE,
        "[[]'*'] and [[]'*'] exchanged": "both are sentences, or both are numbers that the airline decides on",
        "[[]'success_unit'] → '% x'": "any text can be a unit",
        "[[]'success_target'] → *[0-9]": _DECISION,
        "[[]'success_months'] → *[0-9]": _DECISION,
        "[[]'horizon_hours'] → [2-6]": _DECISION,
        "[[]'horizon_hours'] → 30": _DECISION,
        "[[]'budget_*'] → *[0-9]*": _DECISION,
        "[[]'cost_of_*'] → *[0-9]": _DECISION,
        "[[]'assumptions'] reversed": "assumptions have no order",
        "[[]'assumptions'][[]0] and [[]1] exchanged": "assumptions have no order",
        "[[]'assumptions'] with a foreign item": "one assumption more",
    }
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
    assert printed == "Exercise 01.1: not answered yet (still to fill in: 'sponsor' and 'assumptions 2')\n"


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
    assert "✓ 14 of 15 questions are answered" in report("01.1", canvas(success_target="happier"))
    assert "✓ 'not warned, late' and 'not warned, on time' are right" in report("01.2", cells(3178, 5558, 2009, 3768))
