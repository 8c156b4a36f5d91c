"""The graders of lesson 09 on right answers and on plausible wrong ones."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils.develop import checklist

WATCHED = {
    "upstream": (0.5, "documented", "mail of the weather provider is filed in the team's wiki"),
    "invariants": (1, "automatic", "a nightly job holds the rows to the schema and pages us"),
    "skew": (0, "never", ""),
    "age": (0, "planned", "we will add an alarm next sprint"),
    "numbers": (1, "automatic", "tests/test_service.py"),
    "performance": (0.5, "documented", "load test of March, report in the wiki"),
    "quality": (0, "undocumented", "Ana looks at the dashboard every Monday"),
}
WHOLE = dict.fromkeys(checklist.blank_score_sheet().index, (0, "never", "")) | WATCHED
SORTED = {
    "a new source": "slow growth",
    "complaints": "before",
    "silent weather": "pipeline",
    "small model": "pipeline",
    "the desk's list": "before",
    "the log": "inputs",
    "two numbers": "slow growth",
    "wind direction": "inputs",
}
TITLES = dict(checklist.rule_categories()["about"].items())


def but(key: str, *row: object) -> dict:
    return {**WATCHED, key: row}


_OWN = "a project of one's own may be like this as well"
EQUIVALENT = {
    "09.1": {
        "*'[]] and [[]'*": _OWN,
        "*'skew'[]][[]2[]] → *": _OWN,
        "*'age'[]][[]2[]] → *": _OWN,
        "*'quality'[]][[]2[]] → *": _OWN,
        "*'[]][[]2[]] → * x'": _OWN,
        "*'numbers'[]][[]2[]] → '?*": _OWN,
    }
}

RIGHT = {
    "09.1": [
        WATCHED,
        WHOLE,
        MappingProxyType({key: list(pair) for key, pair in WATCHED.items()}),
        {key: {"points": points, "how": how, "evidence": said} for key, (points, how, said) in WATCHED.items()},
        pd.DataFrame.from_dict(WATCHED, orient="index", columns=["points", "how", "evidence"]),
        but("quality", 1, " Automatic ", "jede Nacht vergleicht ein Job die Labels mit den Vorhersagen"),
        but("skew", np.float64(0.5), "documented", "https://wiki/skew"),
        {key: [0, "never", None] for key in checklist.blank_score_sheet("data").index},
        pd.Series(dict.fromkeys(checklist.blank_score_sheet("model").index, (0.0, "never", "nothing"))),
    ],
    "09.2": [
        SORTED,
        pd.Series(SORTED),
        MappingProxyType({name: f" {pile.title()} " for name, pile in SORTED.items()}),
        {name: TITLES[pile] for name, pile in SORTED.items()},
    ],
}

WRONG = {
    "09.1": [
        (but("age", 1, "planned", "we will add an alarm next sprint"), "a plan is not a test"),
        (but("age", 0.5, "planned", "should be in the dashboard"), "a plan is not a test"),
        (but("age", 0.5, "documented", ""), "a stranger could look up"),
        (but("age", 0.5, "documented", "  "), "a stranger could look up"),
        (but("age", 1, "automatic", True), "a stranger could look up"),
        (but("age", 1, "automatic", "done"), "in which file or place"),
        (but("age", 1, "automatic", "it works."), "in which file or place"),
        (but("quality", 1, "documented", "Ana looks at the dashboard every Monday"), "who starts this one"),
        (but("quality", 0.5, "undocumented", "checked by Ana"), "an unrecorded check"),
        (but("quality", 0.5, "never", "checked by Ana"), "what are its points for"),
        (but("quality", 0.5, "automatic", "a nightly job compares with the labels"), "claims less"),
        (but("quality", 0, "documented", "a report in the wiki"), "claims less"),
        (but("quality", 2, "automatic", "a nightly job compares with the labels"), "three values"),
        (but("quality", 0.75, "automatic", "a nightly job compares with the labels"), "three values"),
        (but("quality", "1", "automatic", "a nightly job compares with the labels"), "three values"),
        (but("quality", True, "automatic", "a nightly job compares with the labels"), "three values"),
        (but("quality", 1, "yes", "a nightly job compares with the labels"), "choose one of"),
        (but("quality", 1, None, "a nightly job compares with the labels"), "choose one of"),
        (but("quality", 1, "a nightly job compares with the labels"), "in this order"),
        ({**WATCHED, "quality": 1}, "in this order"),
        (dict.fromkeys(WATCHED, (1, "automatic", "we test everything")), "what for the other"),
        (but("age", 1, "automatic", "Load test of March: report in the wiki"), "what for the other"),
        (
            but("age", 1, "automatic", checklist.blank_score_sheet("monitoring").loc["age"].item()),
            "answer it",
        ),
        ({key: pair for key, pair in WATCHED.items() if key != "skew"}, "score a whole section"),
        ({}, "score a whole section"),
        (
            {**WATCHED, "drift": (1, "automatic", "a nightly job compares them")},
            "from checklist.blank_score_sheet() unchanged",
        ),
        (3.5, "fill in the dict"),
        ([*WATCHED.values()], "fill in the dict"),
    ],
    "09.2": [
        ({**SORTED, "the desk's list": "pipeline"}, "only people and a list"),
        ({**SORTED, "complaints": "slow growth"}, "without any model"),
        ({**SORTED, "small model": "before"}, "is a model running yet"),
        (dict(zip(SORTED, [*SORTED.values()][::-1], strict=True)), "only people and a list"),
        ({**SORTED, "silent weather": "inputs"}, "on the first day in service"),
        ({**SORTED, "wind direction": "slow growth"}, "running for a while"),
        ({**SORTED, "the log": "pipeline"}, "which two"),
        ({**SORTED, "two numbers": "inputs"}, "which goal to pursue"),
        ({**SORTED, "a new source": "inputs"}, "tried already"),
        ({**SORTED, "two numbers": "last"}, "choose one of"),
        ({**SORTED, "two numbers": None}, "choose one of"),
        (dict.fromkeys(SORTED, "pipeline"), "only people and a list"),
        ({"two numbers": "slow growth"}, "under its own name"),
        ({**SORTED, "the queue": "pipeline"}, "unchanged"),
        ({**SORTED, "two numbers": ["slow growth"]}, "choose one of"),
        ([*SORTED.values()], "fill in the dict"),
    ],
}

SECRETS = {
    "09.1": ["0.5 point", "half a point", "counts 0"],
    "09.2": ["it is 'before'", "it is 'pipeline'", "belongs to"],
}


def test_what_is_still_blank_is_not_answered_yet(report):
    """Before I fill anything in, each exercise is 'not answered yet' and names what is missing."""
    assert "not answered yet" in report(
        "09.1", dict.fromkeys(checklist.blank_score_sheet("monitoring").index, (..., ..., ...))
    )
    assert "still to fill in: 'age 1'" in report("09.1", but("age", ..., "never", "said"))
    assert "not answered yet" in report("09.2", dict.fromkeys(SORTED, ...))


def test_a_section_gets_its_sum_and_the_whole_sheet_its_lowest_section(report):
    """Seven rows give the points of their section; all 28 also give the final score."""
    assert "✓ Monitoring: 3 of 7" in report("09.1", WATCHED)
    assert "final score" not in report("09.1", WATCHED)
    everywhere = {key: (1, "automatic", f"tests/test_{key}.py") for key in checklist.blank_score_sheet().index}
    assert "the final score of your project is 3\n" in report("09.1", everywhere | WATCHED)


def test_the_cards_are_those_of_the_table(report):
    """The check knows exactly the cards that the lesson shows."""
    assert [*checklist.rule_cards().index] == [*SORTED]
    assert "✓ 7 of 8 cards" in report("09.2", {**SORTED, "complaints": "inputs"})
