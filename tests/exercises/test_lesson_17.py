"""The graders of lesson 17 on right answers and on plausible wrong ones."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace

import pandas as pd
import pytest
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

TRIAGE = {
    "A": ("look answers", "page service owner"),
    "B": ("look requests", "block schedule"),
    "C": ("look labels", "retrain"),
    "D": ("look releases", "roll back"),
}
REPORT = {
    "summary": "For three days most requests came without weather, and passengers got worse warnings than usual.",
    "timeline": [(4, "the join fails"), (5, "first page; weather blocked"), (7, "join fixed")],
    "impact": "One day at full loss; acting saved $94,600 over the fortnight.",
    "detection": "The share of requests without weather paged on the first evening.",
    "cause": "The join lost its key, and no check refused rows without a match.",
    "response": "One look, then the weather blocked and the join fixed, nothing needless.",
    "actions": [
        {"what": "count unmatched rows each hour", "owner": "data engineer", "due": "12 August"},
        {"what": "train with simulated outages", "owner": "model owner", "due": "1 September"},
    ],
}


def game(total: float, *, over: bool = True, rehearsed: bool = False, weak: str = "loss") -> SimpleNamespace:
    points = {"loss": 60.0, "speed": 20.0, "cause": 10.0, "act": 10.0}
    points[weak] = -1.0
    table = pd.DataFrame({"points": points | {"all": total}})
    return SimpleNamespace(over=over, rehearsed=rehearsed, score=lambda: table)


def games(mine: list[float], causes: list[str] | None = None) -> pd.DataFrame:
    names = ["slow replica"] * len(mine) if causes is None else causes
    return pd.DataFrame({"cause": names, "mine": mine})


CALM = ["nothing", *["slow replica"] * 7]

RIGHT = {
    "17.1": [
        TRIAGE,
        MappingProxyType({name: list(pair) for name, pair in TRIAGE.items()}),
        pd.Series(TRIAGE),
        TRIAGE | {"B": ("look requests", "page data engineer")},
    ],
    "17.2": [game(100), game(60), game(76.3, weak="cause")],
    "17.3": [
        REPORT,
        MappingProxyType(REPORT),
        pd.Series(REPORT),
        REPORT | {"timeline": [["2013-08-01", "a"], ["2013-08-02", "b"], ["2013-08-04", "c"]]},
    ],
    "17.4": [
        games([100.0] * 8, CALM),
        games([100, 60, 60, 60, 60, 60, 60, 60], CALM),
        games([80.0] * 20),
    ],
}

WRONG = {
    "17.1": [
        (TRIAGE | {"A": ("look answers", "roll back")}, "slow with any model"),
        (TRIAGE | {"A": ("look requests", "page service owner")}, "what went out"),
        (TRIAGE | {"B": ("look requests", "retrain")}, "learn from"),
        (TRIAGE | {"B": ("look feeds", "block schedule")}, "from the timetable"),
        (TRIAGE | {"C": ("look labels", "roll back")}, "know more about this airport"),
        (TRIAGE | {"C": ("look labels", "page model owner")}, "adapts to it"),
        (TRIAGE | {"D": ("look releases", "use table")}, "which is better"),
        (TRIAGE | {"D": ("look at releases", "roll back")}, "begins with 'look'"),
        (TRIAGE | {"D": ("look releases", "rollback")}, "spelt as in the table"),
        (TRIAGE | {"D": "look releases"}, "the look first"),
        ({"A": TRIAGE["A"]}, "each of the boards"),
        (["look answers", "page service owner"], "a pair"),
    ],
    "17.2": [
        (game(40), "each day of waiting cost"),
        (game(40, weak="speed"), "every look takes time"),
        (game(59.9, weak="cause"), "distinguish your cause"),
        (game(12, weak="act"), "for which fault is each"),
        (game(100, rehearsed=True), "start a game from a seed"),
        (100, "keep the game itself"),
        (game(100).score(), "keep the game itself"),
    ],
    "17.3": [
        ({name: text for name, text in REPORT.items() if name != "impact"}, "in dollars"),
        (REPORT | {"impact": "It cost a great deal of money to us"}, "a sum of money"),
        (REPORT | {"summary": "Weather was lost."}, "the sponsor understands"),
        (REPORT | {"timeline": "On morning 4 the join failed"}, "(morning, what)"),
        (REPORT | {"timeline": REPORT["timeline"][::-1]}, "follow the events"),
        (REPORT | {"timeline": REPORT["timeline"][:1]}, "when did you see it"),
        (REPORT | {"cause": "It was the fault of Bob, who should have known how the join worked"}, "stopped anyone"),
        (REPORT | {"actions": REPORT["actions"][:1]}, "cannot happen again"),
        (REPORT | {"actions": [dict(REPORT["actions"][0], owner="the team"), REPORT["actions"][1]]}, "no one does"),
        (REPORT | {"actions": [dict(REPORT["actions"][0], due="soon"), REPORT["actions"][1]]}, "on which day"),
        (REPORT | {"actions": "improve monitoring"}, "what, owner and due"),
        ("The weather was lost for three days.", "one entry for each part"),
    ],
    "17.4": [
        (games([30.0] * 8), "one by one"),
        (games([70, *[100] * 7], CALM), "in two quiet weeks"),
        (games([100.0] * 3), "play all 8 seeds"),
        (games([100.0] * 8).rename(columns={"mine": "policy"}), "under the name 'mine'"),
        (games([100.0] * 8).drop(columns="cause"), "the result of incidents.tournament"),
        (92.5, "the result of incidents.tournament"),
        (lambda game: game.do("roll back"), "the result of incidents.tournament"),
    ],
}

SECRETS = {
    "17.1": ["page service owner", "block schedule", "look labels", "look releases", "look requests"],
    "17.2": ["poisoned"],
    "17.3": ["join"],
    "17.4": ["label_coverage", "late_answers"],
}


@pytest.mark.parametrize("word", ["Stupid", "careless", "her fault", "blamed"])
def test_a_post_mortem_that_judges_people_is_handed_back(report, word):
    """The check says so if my text blames a person, in upper or lower case."""
    printed = report("17.3", REPORT | {"cause": f"{word}: the join lost its key and nobody looked at the rows at all"})
    assert "blames a person" in printed


def test_an_unfinished_game_is_not_wrong_but_open(report):
    """While my game is not over, the exercise is 'not answered yet'."""
    assert "not answered yet" in report("17.2", game(0, over=False))
