"""The graders of lesson 04 on right answers and on plausible wrong ones."""

from __future__ import annotations

import functools

import pytest
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

pytest.importorskip("mlflow", reason="the tracking group is not installed")


def complete(candidate, champion, policy):
    reasons = []
    if candidate["validation_loss"] >= champion["validation_loss"]:
        reasons.append("no better on the months it was chosen by")
    if candidate["out_of_time_loss"] >= champion["out_of_time_loss"]:
        reasons.append("no better on later months")
    if candidate["known_hours"] < policy["known_hours"]:
        reasons.append("looks ahead")
    if candidate["carrier_harm"] > policy["carrier_harm"]:
        reasons.append("harms one carrier's passengers")
    if candidate["time_ratio"] > policy["time_ratio"]:
        reasons.append("too slow")
    return reasons


def without(missing):
    """Return a gate that ignores one part of the evidence."""

    def gate(candidate, champion, policy):
        return complete({**candidate, missing: {"known_hours": 99}.get(missing, -1)}, champion, policy)

    return gate


def early(candidate, champion, policy):
    """Return only the first reason."""
    return tuple(complete(candidate, champion, policy)[:1])


def as_text(candidate, champion, policy):
    return "; ".join(complete(candidate, champion, policy))


def lazily(candidate, champion, policy):
    yield from complete(candidate, champion, policy)


def mixed_up(candidate, champion, policy):
    return [] if complete(candidate, champion, policy) else ["fine"]


def own_numbers(candidate, champion, policy):
    return complete(candidate, champion, {"known_hours": 3, "carrier_harm": 0.02, "time_ratio": 3})


def own_champion(candidate, champion, policy):
    return complete(candidate, {"validation_loss": 0.424, "out_of_time_loss": 0.503}, policy)


def no_harm_at_all(candidate, champion, policy):
    return complete(candidate, champion, {**policy, "carrier_harm": 0})


def by_the_total(candidate, champion, policy):
    better = candidate["out_of_time_loss"] < champion["out_of_time_loss"]
    return [] if better else ["no better on later months"]


def strictly(candidate, champion, policy):
    return complete({**candidate, "known_hours": candidate["known_hours"] - 0.5}, champion, policy)


def meddling(candidate, champion, policy):
    candidate["time_ratio"] = 1
    return complete(candidate, champion, policy)


RIGHT = {
    "04.1": [
        "metrics.`validation-logloss` < 0.373 and params.max_depth = '4'",
        "params.max_depth = '4' AND metrics.`validation-logloss` <= 0.373",
        'params.max_depth = "4" and metrics."validation-logloss" < .373',
        "params.max_depth LIKE '4' and metrics.`validation-logloss` < 0.373",
        "parameters.max_depth = '4' and metric.`validation-logloss` < 0.373",
    ],
    "04.2": [complete, early, as_text, lazily, functools.partial(complete), lambda a, b, c: set(complete(a, b, c))],
}

WRONG = {
    "04.1": [
        ("params.max_depth = '4' and metrics.validation-logloss < 0.373", "contains a hyphen"),
        ("params.max_depth = 4 and metrics.`validation-logloss` < 0.373", "needs quotes"),
        ("params.max_depth = '4' and metrics.`validation-logloss` < '0.373'", "needs quotes"),
        ("params.max_depth == '4' and metrics.`validation-logloss` < 0.373", "one sign"),
        ("params.max_depth = '4' or metrics.`validation-logloss` < 0.373", "only 'and'"),
        ("max_depth = '4' and `validation-logloss` < 0.373", "needs quotes"),
        ("params.max_depth = '4'", "is low or high better"),
        ("params.max_depth = '4' and metrics.`train-logloss` < 0.373", "which loss is measured"),
        ("metrics.`validation-logloss` < 0.373", "an equal one"),
        ("params.max_depth LIKE '%4%' and metrics.`validation-logloss` < 0.373", "an equal one"),
        ("metrics.max_depth = 4 and metrics.`validation-logloss` < 0.373", "how it was logged"),
        ("params.max_depth = '4' and metrics.logloss < 0.373", "how it was logged"),
        (
            "params.max_depth = '4' and params.eta = '0.1' and metrics.`validation-logloss` < 0.373",
            "no other conditions",
        ),
        ("", "one condition on the depth"),
        (["params.max_depth = '4'"], "between quotes"),
        (lambda run: run["max_depth"] == 4, "between quotes"),
    ],
    "04.2": [
        (without("out_of_time_loss"), "not used to choose it"),
        (without("known_hours"), "before departure"),
        (without("carrier_harm"), "hides a group"),
        (without("time_ratio"), "what else does the policy limit"),
        (without("validation_loss"), "better score on later months"),
        (own_numbers, "policy that your function receives"),
        (own_champion, "champion that your function receives"),
        (no_harm_at_all, "refuse any harm"),
        (by_the_total, "before departure"),
        (strictly, "do equal values pass"),
        (mixed_up, "is any comparison inverted"),
        (meddling, "without changing it"),
        (lambda candidate, champion, policy: not complete(candidate, champion, policy), "empty list accepts"),
        (lambda candidate, champion, policy: print(*complete(candidate, champion, policy)), "empty list accepts"),
        (lambda candidate, champion, policy: [1] * bool(complete(candidate, champion, policy)), "empty list accepts"),
        (lambda candidate, champion: complete(candidate, champion, {}), "three mappings"),
        (lambda candidate, champion, policy: candidate["out of time"], "three mappings"),
        (["too slow"], "define a function"),
    ],
}

SECRETS = {
    "04.1": ["'4'", "0.37", "params.max_depth", "validation-logloss", "`"],
    "04.2": ["out_of_time", "0.02", ">=", "["],
}


@pytest.mark.parametrize("number", RIGHT)
def test_what_is_left_blank_is_not_answered_yet(report, number):
    """Before I start, the check reports no mistake."""
    assert report(number, ...) == f"Exercise {number}: not answered yet\n"
