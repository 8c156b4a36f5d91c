"""The graders of lesson 14 on right answers and on plausible wrong ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)


def early_returns(new, last, limits):
    if new["scored"] + new["rejected"] != new["in"]:
        return False
    if new["rejected"] > limits["rejected"] * new["in"]:
        return False
    if last is None:
        return True
    return new["missing"] <= last["missing"] + limits["missing"]


def collected(new, last, limits):
    reasons = []
    if new["in"] - new["scored"] - new["rejected"] != 0:
        reasons.append("lost")
    if new["rejected"] / new["in"] > limits["rejected"]:
        reasons.append("rejected")
    if last and new["missing"] - last["missing"] > limits["missing"]:
        reasons.append("missing")
    return not reasons


def with_numpy(new, last, limits):
    before = new if last is None else last
    return np.all(
        [
            new["in"] == new["scored"] + new["rejected"],
            new["rejected"] / new["in"] <= limits["rejected"],
            new["missing"] - before["missing"] <= limits["missing"],
        ]
    )


def rules(*, whole=True, few=True, like_before=True):
    """Return a gate without some of the rules."""

    def gate(new, last, limits):
        return (
            (not whole or new["in"] == new["scored"] + new["rejected"])
            and (not few or new["rejected"] / new["in"] <= limits["rejected"])
            and (not like_before or last is None or new["missing"] - last["missing"] <= limits["missing"])
        )

    return gate


RIGHT = {
    "14.2": [early_returns, collected, with_numpy, rules()],
    "14.1": [
        ["write", "sync", "check", "rename", "switch", "clear"],
        ("write", "check", "sync", "rename", "switch", "clear"),
        "write, sync, rename, check, switch, clear",
        pd.Series(["write", "sync", "check", "rename", "switch", "clear"]),
        "write → check → sync → rename → switch → clear",
    ],
}

WRONG = {
    "14.2": [
        (rules(whole=False), "neither scored nor rejected"),
        (rules(few=False), "most rows were rejected"),
        (rules(like_before=False), "a batch without weather"),
        (
            lambda new, last, limits: (
                rules(like_before=False)(new, last, limits) and new["missing"] <= limits["missing"]
            ),
            "must not increase",
        ),
        (
            lambda new, last, limits: (
                rules(like_before=False)(new, last, limits)
                and (last is None or abs(new["missing"] - last["missing"]) <= limits["missing"])
            ),
            "in which direction",
        ),
        (
            lambda new, last, limits: rules(few=False)(new, last, limits) and new["rejected"] <= limits["rejected"],
            "a share, of what",
        ),
        (
            lambda new, last, limits: (
                rules(few=False, like_before=False)(new, last, limits)
                and new["rejected"] / new["in"] < limits["rejected"]
                and (last is None or new["missing"] - last["missing"] < limits["missing"])
            ),
            "exactly at the limit",
        ),
        (lambda new, last, limits: new["missing"] - last["missing"] <= limits["missing"], "`last` is None"),
        (lambda new, last, limits: last is not None and rules()(new, last, limits), "a reason to reject it"),
        (lambda new, last, limits: not rules()(new, last, limits), "what does True mean"),
        (lambda new, last, limits: True, "accepts every batch"),
        (lambda new, last, limits: False, "accepts no batch"),
        (lambda new, last, limits: new["rejected"] > 3 or new["missing"] > 0.1, "one at a time"),
        (lambda new, last, limits: print(end=""), "return True if"),
        (lambda new, last, limits: ["rejected"], "return True if"),
        (True, "write a function"),
    ],
    "14.1": [
        (["check", "write", "sync", "rename", "switch", "clear"], "what is there to check"),
        (["sync", "write", "check", "rename", "switch", "clear"], "to force onto the disk"),
        (["rename", "write", "sync", "check", "switch", "clear"], "says that the table is complete"),
        (["switch", "write", "sync", "check", "rename", "clear"], "what would they find"),
        (["write", "rename", "sync", "check", "switch", "clear"], "has its final name"),
        (["write", "sync", "rename", "switch", "check", "clear"], "a batch is bad"),
        (["write", "sync", "check", "switch", "rename", "clear"], "which folder"),
        (["clear", "write", "sync", "check", "rename", "switch"], "still exist"),
        (["write", "sync", "check", "rename", "switch"], "each of the steps"),
        (["write", "sync", "check", "rename", "switch", "clear", "clear"], "each of the steps"),
        (["write", "flush", "check", "rename", "switch", "clear"], "order these"),
        (3, "order these"),
    ],
}

SECRETS = {
    "14.2": ["==", "<=", "new[", "is None or"],
    "14.1": ["write, sync", "sync, check", "rename, switch", "switch, clear"],
}


def test_an_empty_function_is_not_answered_yet(report):
    """A function that I have not written yet is not a mistake."""

    def gate(new, last, limits): ...

    assert "not answered yet" in report("14.2", gate)
