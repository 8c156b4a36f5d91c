"""The graders of lesson 14 on right answers and on plausible wrong ones."""

from __future__ import annotations

import functools

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


def by_rule(new, last, limits):
    yield_of = {"scored": new.get("scored", 0), "rejected": new.get("rejected", 0)}
    checks = {
        "whole": sum(yield_of.values()) == new["in"],
        "rejected": not new["rejected"] > limits["rejected"] * new["in"],
        "missing": last is None or last["missing"] + limits["missing"] >= new["missing"],
    }
    return all(checks.values())


def with_errors(new, last, limits):
    try:
        assert new["in"] - new["rejected"] == new["scored"]
        assert new["rejected"] / new["in"] <= limits["rejected"]
        assert not last or new["missing"] - last["missing"] <= limits["missing"]
    except AssertionError:
        return False
    return True


def with_pandas(new, last, limits):
    table = pd.DataFrame([last or new, new], index=["last", "new"]).astype(float)
    share = pd.Series({"rejected": new["rejected"] / new["in"], "missing": table["missing"].diff().iloc[-1]})
    whole = (table.loc["new", ["scored", "rejected"]].sum() == table.loc["new", "in"]).item()
    return bool(whole) and (share <= pd.Series(limits)).all()


class Gate:
    """An answer that is an object."""

    def __call__(self, new, last=None, limits=()):
        """Return whether the batch may be published."""
        return early_returns(new, last, limits)


def spoils(new, last, limits):
    kept = new.pop("rejected")
    return kept + new["scored"] == new["in"]


def integers(new, last, limits):
    return int(rules()(new, last, limits))


RIGHT = {
    "14.2": [
        early_returns,
        collected,
        with_numpy,
        rules(),
        by_rule,
        with_errors,
        with_pandas,
        Gate(),
        functools.partial(lambda extra, new, last, limits: rules()(new, last, limits), None),
    ],
    "14.1": [
        ["write", "sync", "check", "rename", "switch", "clear"],
        ("write", "check", "sync", "rename", "switch", "clear"),
        "write, sync, rename, check, switch, clear",
        pd.Series(["write", "sync", "check", "rename", "switch", "clear"]),
        "write → check → sync → rename → switch → clear",
        "write -> sync -> check -> rename -> switch -> clear.",
        np.array(["Write", "sync ", "check", "rename", "switch", "clear"]),
        (step for step in ["write", "sync", "check", "rename", "switch", "clear"]),
        {"write": 1, "sync": 2, "check": 3, "rename": 4, "switch": 5, "clear": 6}.keys(),
        """
        write
        sync
        check
        rename
        switch
        clear
        """,
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
            "when does a share exceed",
        ),
        (lambda new, last, limits: new["missing"] - last["missing"] <= limits["missing"], "`last` is None"),
        (lambda new, last, limits: last is not None and rules()(new, last, limits), "a reason to reject it"),
        (lambda new, last, limits: not rules()(new, last, limits), "what does True mean"),
        (lambda new, last, limits: True, "which three things"),
        (lambda new, last, limits: False, "what must hold for True"),
        (lambda new, last, limits: new["rejected"] > 3 or new["missing"] > 0.1, "one at a time"),
        (lambda new, last, limits: print(end=""), "with return"),
        (spoils, "as they were"),
        (integers, "return True if"),
        (
            lambda new, last, limits: (
                new["in"] <= new["scored"] + new["rejected"] and rules(whole=False)(new, last, limits)
            ),
            "scored twice",
        ),
        (
            lambda new, last, limits: (
                new["scored"] <= new["in"] <= new["scored"] + new["rejected"] and rules(whole=False)(new, last, limits)
            ),
            "belongs to one of the two",
        ),
        (
            lambda new, last, limits: rules()(new, last, limits | {"rejected": 0.01}),
            "does each of your rules read its own",
        ),
        (
            lambda new, last, limits: rules()(new, last, limits | {"missing": max(0.25, limits["missing"])}),
            "does your rule about missing inputs",
        ),
        (
            lambda new, last, limits: (
                rules(few=False)(new, last, limits) and round(new["rejected"] / new["in"], 4) <= limits["rejected"]
            ),
            "do you round",
        ),
        (
            lambda new, last, limits: (
                rules(few=False)(new, last, limits) and new["rejected"] / new["in"] < limits["rejected"]
            ),
            "when does a share exceed",
        ),
        (
            lambda new, last, limits: (
                rules(like_before=False)(new, last, limits)
                and (last is None or new["missing"] - last["missing"] < limits["missing"])
            ),
            "when does it exceed",
        ),
        (
            lambda new, last, limits: (
                rules(few=False)(new, last, limits)
                and new["rejected"] <= (last or {"rejected": 0})["rejected"] + limits["rejected"] * new["in"]
            ),
            "is the rise of rejected rows limited",
        ),
        (lambda new, last, limits: last is None or rules()(new, last, limits), "which rules still hold"),
        (
            lambda new, last, limits: rules(few=False)(new, last, limits) and new["rejected"] <= 10,
            "of which number",
        ),
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
        ({"write", "sync", "check", "rename", "switch", "clear"}, "in square brackets"),
        ({"write": 1, "sync": 2, "check": 3, "rename": 4, "switch": 5, "clear": 6}, "order these"),
    ],
}

EQUIVALENT = {
    "14.2": {"line 4: 0 → -1": "any rise below zero passes, as none does"},
    "14.1": {
        "as text": "a text that has the six names in their order is read as well",
        "[[]1[]] and [[]2[]] exchanged": "a table may be checked before or after it is forced to the disk",
        "[[]2[]] and [[]3[]] exchanged": "a complete table may be checked under its final name",
    },
}

SECRETS = {
    "14.2": ["==", "<=", "new[", "is None or"],
    "14.1": ["write, sync", "sync, check", "rename, switch", "switch, clear"],
}


def test_an_empty_function_is_not_answered_yet(report):
    """A function that I have not written yet is not a mistake."""

    def gate(new, last, limits): ...

    assert "not answered yet" in report("14.2", gate)
