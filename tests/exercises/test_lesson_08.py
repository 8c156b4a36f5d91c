"""The graders of lesson 08 on right answers and on plausible wrong ones."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)


def spelled_out(jobs):
    total = 0
    for size in jobs:
        full, rest = divmod(size, 1000)
        total += full + (1 if rest else 0)
    return total * 0.10


def with_pandas(daily, budget, shares):
    spent = daily.cumsum()
    return {share: spent.index[spent >= share * budget].min() for share in shares}


def by_loop(daily, budget, shares):
    found = dict.fromkeys(shares)
    spent = 0
    for day, cost in daily.items():
        spent += cost
        for share in shares:
            if found[share] is None and spent >= share * budget:
                found[share] = day
    return found


def exactly(daily, budget, shares):
    spent, found = Decimal(0), {}
    for day, cost in daily.items():
        spent += Decimal(str(cost))
        for share in shares:
            if spent >= Decimal(str(share)) * budget:
                found.setdefault(share, day)
    return found


def searched(daily, budget, shares):
    places = np.searchsorted(daily.cumsum(), np.array(shares) * budget)
    return [daily.index[place] if place < len(daily) else None for place in places]


RIGHT = {
    "08.1": [
        lambda jobs: sum(math.ceil(size / 1000) for size in jobs) * 0.10,
        lambda jobs: Decimal("0.10") * sum(-(-size // 1000) for size in jobs),
        lambda jobs: Fraction(1, 10) * sum((size + 999) // 1000 for size in jobs),
        lambda jobs: np.ceil(np.array(jobs, dtype=float) / 1000).sum() / 10,
        spelled_out,
    ],
    "08.2": [
        with_pandas,
        by_loop,
        exactly,
        searched,
        lambda daily, budget, shares: pd.Series(by_loop(daily, budget, shares)),
        lambda daily, budget, shares: [
            next((day for day in daily.index if daily.loc[:day].sum() / budget >= share), None) for share in shares
        ],
    ],
}

WRONG = {
    "08.1": [
        (lambda jobs: math.ceil(sum(jobs) / 1000) * 0.10, "before or after adding up"),
        (lambda jobs: sum(jobs) / 1000 * 0.10, "a job of 94 flights"),
        (lambda jobs: sum(round(size / 1000) for size in jobs) * 0.10, "to the nearest thousand"),
        (lambda jobs: sum(size // 1000 for size in jobs) * 0.10, "does your division round"),
        (lambda jobs: sum(size // 1000 + 1 for size in jobs) * 0.10, "did not begin"),
        (lambda jobs: sum(max(1, math.ceil(size / 1000)) for size in jobs) * 0.10, "without a single prediction"),
        (lambda jobs: sum(math.ceil(size / 1000) for size in jobs), "not yet dollars"),
        (lambda jobs: sum(math.ceil(size / 1000) * 1000 for size in jobs) * 0.10, "not for each"),
        (lambda jobs: [math.ceil(size / 1000) * 0.10 for size in jobs], "one number"),
        (lambda jobs: print(sum(jobs)), "one number"),
        (lambda jobs: 0.20 * len(jobs), "by hand"),
        (65.3, "several months"),
    ],
    "08.2": [
        (
            lambda daily, budget, shares: {
                share: next((day for day, total in daily.cumsum().items() if total > share * budget), None)
                for share in shares
            },
            "have to exceed it",
        ),
        (
            lambda daily, budget, shares: {
                share: next((day for day, cost in daily.items() if cost >= share * budget), None) for share in shares
            },
            "since the first",
        ),
        (lambda daily, budget, shares: with_pandas(daily, daily.sum(), shares), "shares of what"),
        (
            lambda daily, budget, shares: {share: (daily.cumsum() >= share * budget).idxmax() for share in shares},
            "never reached",
        ),
        (
            lambda daily, budget, shares: [
                int(place) if place < len(daily) else None
                for place in np.searchsorted(daily.cumsum(), np.array(shares) * budget)
            ],
            "counted from zero",
        ),
        (
            lambda daily, budget, shares: {
                share: daily.index[daily.cumsum() < share * budget].max() for share in shares
            },
            "not reached yet",
        ),
        (
            lambda daily, budget, shares: {
                share: daily.index[daily.cumsum() >= share * budget].max() for share in shares
            },
            "too late for an alert",
        ),
        (lambda daily, budget, shares: with_pandas(daily, budget, [100 * share for share in shares]), "as they come"),
        (lambda daily, budget, shares: with_pandas(daily, budget, shares)[shares[0]], "return a dict"),
        (lambda daily, budget, shares: [1, 2], "return a dict"),
        (lambda daily, budget, shares: {share: daily.cumsum() >= share for share in shares}, "number in the month"),
        (lambda daily, budget, shares: dict.fromkeys(shares, 3), "by hand"),
        ({0.1: 4, 0.2: 7, 0.5: 13, 0.7: 17}, "several months"),
    ],
}

SECRETS = {
    "08.1": ["ceil", "//", "each job by itself"],
    "08.2": ["cumsum", ">=", "searchsorted"],
}


def test_an_empty_function_is_not_answered_yet(report):
    """A function that I have not written yet is not a mistake."""

    def batch_bill(jobs): ...

    assert "not answered yet" in report("08.1", batch_bill)
