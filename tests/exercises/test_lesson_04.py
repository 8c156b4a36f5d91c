"""The graders of lesson 04 on right answers and on plausible wrong ones."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
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


def as_table(candidate, champion, policy):
    limits = pd.DataFrame(
        {
            "value": candidate,
            "limit": {**policy, **{name: champion[name] for name in ("validation_loss", "out_of_time_loss")}},
        }
    ).loc[["validation_loss", "out_of_time_loss", "known_hours", "carrier_harm", "time_ratio"]]
    value, limit = limits["value"].astype(float), limits["limit"].astype(float)
    failed = (value > limit).where(limits.index != "known_hours", value < limit)
    failed |= (value == limit) & limits.index.str.endswith("loss")
    return limits.index[failed]


class Gate:
    """A callable object is a gate as well."""

    def __call__(self, candidate, champion, policy):
        """Return the reasons as a tuple."""
        tests = {
            "validation": candidate["validation_loss"] < champion["validation_loss"],
            "later": champion["out_of_time_loss"] - candidate["out_of_time_loss"] > 0,
            "ahead": not candidate["known_hours"] < policy["known_hours"],
            "harm": np.float64(candidate["carrier_harm"]) <= policy["carrier_harm"],
            "slow": candidate["time_ratio"] / policy["time_ratio"] <= 1,
        }
        return tuple(f"{name}: {candidate['worst_carrier']}" for name, passed in tests.items() if not passed)


def one_for_both_losses(candidate, champion, policy):
    reasons = complete(candidate, champion, policy)
    losses = [reason for reason in reasons if reason.startswith("no better")]
    return [reason for reason in reasons if reason not in losses] + (["no better"] if losses else [])


def _shifted(name, by):
    """Return a gate that sees one measurement changed by a little."""

    def gate(candidate, champion, policy):
        return complete({**candidate, name: candidate[name] + by}, champion, policy)

    return gate


def endless(candidate, champion, policy):
    while champion:
        pass


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
        "params.max_depth = '4' AND metrics.`validation-logloss` < 0.3730",
        " params.max_depth  =  '4'\n  and metrics.`validation-logloss`<3.73e-1 ",
        "params.`max_depth` ILIKE '4' and metrics.`validation-logloss` < 0.373 and metrics.`validation-logloss` > 0",
        "params.max_depth = '4' and params.max_depth != '40' and metrics.`validation-logloss` < 0.373",
        'params.max_depth = "4" and metrics."validation-logloss" < .373',
        "params.max_depth LIKE '4' and metrics.`validation-logloss` < 0.373",
        "parameters.max_depth = '4' and metric.`validation-logloss` < 0.373",
    ],
    "04.2": [
        complete,
        lazily,
        functools.partial(complete),
        lambda a, b, c: set(complete(a, b, c)),
        as_table,
        Gate(),
        lambda candidate, champion, policy: np.array(complete(candidate, champion, policy)),
        lambda candidate, champion, policy: complete(candidate, champion, policy)[::-1],
    ],
}

WRONG = {
    "04.1": [
        ("params.max_depth = '4' and metrics.validation-logloss < 0.373", "contains a hyphen"),
        ("params.max_depth = 4 and metrics.`validation-logloss` < 0.373", "needs quotes"),
        ("params.max_depth = '4' and metrics.`validation-logloss` < '0.373'", "needs quotes"),
        ("params.max_depth == '4' and metrics.`validation-logloss` < 0.373", "one sign"),
        ("params.max_depth = '4' or metrics.`validation-logloss` < 0.373", "only 'and'"),
        ("max_depth = '4' and `validation-logloss` < 0.373", "needs quotes"),
        ("params.max_depth = '4'", "which one is missing"),
        ("params.max_depth = '4' and metrics.`validation-logloss` <= 0.373", "an equal value"),
        ("params.max_depth = '4' and metrics.`validation-logloss` < 0.3735", "digit by digit"),
        ("params.max_depth = '4' and metrics.`validation-logloss` <= 0.37", "digit by digit"),
        ("params.max_depth = '4' and metrics.`validation-logloss` < 0.365", "digit by digit"),
        ("params.max_depth = '4' and metrics.`validation-logloss` > 0.373", "is a low or a high loss better"),
        ("params.max_depth = '4.0' and metrics.`validation-logloss` < 0.373", "sign by sign"),
        ("params.max_depth = '8' and metrics.`validation-logloss` < 0.373", "with the task's"),
        ("params.max_depth = '4' and (metrics.`validation-logloss` < 0.373)", "no brackets"),
        (
            "params.max_depth = '4' and status = 'FINISHED' and metrics.`validation-logloss` < 0.373",
            "no other conditions",
        ),
        (
            "params.max_depth = '4' and run_name LIKE 'depth%' and metrics.`validation-logloss` < 1",
            "no other conditions",
        ),
        ("params.max_depth = '4' and metrics.`train-logloss` < 0.373", "which loss is measured"),
        ("metrics.`validation-logloss` < 0.373", "which one is missing"),
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
        (strictly, "within it"),
        (_shifted("known_hours", -0.25), "within it"),
        (_shifted("carrier_harm", 1e-5), "within it"),
        (_shifted("time_ratio", 1e-3), "within it"),
        (_shifted("validation_loss", -1e-4), "no improvement"),
        (_shifted("out_of_time_loss", -1e-4), "no improvement"),
        (_shifted("time_ratio", -0.05), "without a margin"),
        (early, "stop at the first"),
        (one_for_both_losses, "stop at the first"),
        (as_text, "list of texts"),
        (lambda *given: complete(*given) * 2, "one comparison, one reason"),
        (lambda *given: [f"refused {n}" for n, _ in enumerate(complete(*given))], "which comparison failed"),
        (lambda *given: ["refused" for _ in complete(*given)], "which comparison failed"),
        (lambda *given: ["refused"] * bool(complete(*given)), "stop at the first"),
        (lambda *given: dict.fromkeys(complete(*given)), "list of texts"),
        (lambda *given: complete(*given) or None, "hand its result back"),
        (endless, "does your loop end"),
        (mixed_up, "is any comparison inverted"),
        (meddling, "work on a copy"),
        (lambda candidate, champion, policy: not complete(candidate, champion, policy), "empty list accepts"),
        (lambda candidate, champion, policy: print(complete(candidate, champion, policy)), "what is printed"),
        (lambda candidate, champion, policy: [1] * bool(complete(candidate, champion, policy)), "empty list accepts"),
        (lambda candidate, champion: complete(candidate, champion, {}), "keep the arguments"),
        (lambda candidate, champion, policy: candidate["out of time"], "which names, keys"),
        (["too slow"], "define a function"),
    ],
}

_WORDS = "the words of a reason are free, as long as another fault has another one"
_ORDER = "the reasons have no order"
EQUIVALENT = {
    "04.2": {
        "line [0-9]*: 'no better* → '?*'": _WORDS,
        "line [0-9]*: 'an input* → '?*'": _WORDS,
        "line [0-9]*: 'too slow' → '?*'": _WORDS,
        "line [0-9]*: 'harms* → '*'": _WORDS,
        "result reversed": _ORDER,
        "result sorted": _ORDER,
        "result as a set": "any collection of texts can be listed",
        "result keys only": "a list of the list: the same",
    },
    "04.1": {"*< 0.373 params.max_depth = '4'\"": "MLflow reads conditions side by side as if joined by 'and'"},
}

SECRETS = {
    "04.1": ["'4'", "0.37", "params.max_depth", "validation-logloss", "`"],
    "04.2": ["out_of_time", "0.02", ">=", "["],
}


@pytest.mark.parametrize("number", RIGHT)
def test_what_is_left_blank_is_not_answered_yet(report, number):
    """Before I start, the check reports no mistake."""
    assert report(number, ...) == f"Exercise {number}: not answered yet\n"
