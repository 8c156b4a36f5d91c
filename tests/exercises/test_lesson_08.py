"""The graders of lesson 08 on right answers and on plausible wrong ones."""

from __future__ import annotations

import functools
import itertools
import math
import operator
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

from course_utils.serve import costs
from course_utils.tables import read_toml


def spelled_out(jobs):
    total = 0
    for size in jobs:
        full, rest = divmod(size, 1000)
        total += full + (1 if rest else 0)
    return total * 0.10


def with_pandas(daily, budget, shares):
    spent = daily.cumsum()
    found = {share: spent.index[spent >= share * budget].min() for share in shares}
    return {share: None if pd.isna(day) else day for share, day in found.items()}


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
    spent, found = Decimal(0), dict.fromkeys(shares)
    for day, cost in daily.items():
        spent += Decimal(str(cost))
        for share in shares:
            if found[share] is None and spent >= Decimal(str(share)) * budget:
                found[share] = np.int64(day)
    return MappingProxyType(found)


def searched(daily, budget, shares):
    places = np.searchsorted(daily.cumsum(), np.array(shares) * budget)
    return {
        share: daily.index[place] if place < len(daily) else None for share, place in zip(shares, places, strict=True)
    }


def accumulated(daily, budget, shares):
    totals = list(itertools.accumulate(daily))
    found = {}
    for share in shares:
        found[share] = None
        for day, total in zip(daily.index, totals, strict=True):
            if total / budget >= share:
                found[share] = int(day)
                break
    return found


class Alarms:
    """A callable object."""

    def __call__(self, daily, budget, shares):
        """Return the alerts as a dict."""
        reached = {share: daily.index[daily.cumsum() >= share * budget] for share in shares}
        return {share: days[0] if len(days) else None for share, days in reached.items()}


def by_share(function):
    """Return a function from one of a running total and one share's dollars to a day."""

    def answer(daily, budget, shares):
        return {share: function(daily.cumsum(), share * budget) for share in shares}

    return answer


def first(days):
    return days[0] if len(days) else None


RIGHT = {
    "08.1": [
        lambda jobs: sum(math.ceil(size / 1000) for size in jobs) * 0.10,
        lambda jobs: Decimal("0.10") * sum(-(-size // 1000) for size in jobs),
        lambda jobs: Fraction(1, 10) * sum((size + 999) // 1000 for size in jobs),
        lambda jobs: np.ceil(np.array(jobs, dtype=float) / 1000).sum() / 10,
        spelled_out,
        lambda jobs: round(sum(0.10 * math.ceil(size / 1000) for size in jobs), 2),
        lambda jobs: pd.Series(jobs, dtype=float).div(1000).apply(np.ceil).mul(0.1).sum(),
        lambda jobs: functools.reduce(lambda bill, size: bill + 0.1 * -(size // -1000), jobs, 0),
        lambda jobs: len([start for size in jobs for start in range(0, size, 1000)]) / 10,
        lambda jobs: np.array([0.1 * sum(math.ceil(size / 1e3) for size in jobs)]),
        functools.partial(lambda price, jobs: price * sum(math.ceil(size / 1000) for size in jobs), 0.1),
    ],
    "08.2": [
        with_pandas,
        by_loop,
        exactly,
        searched,
        accumulated,
        Alarms(),
        lambda daily, budget, shares: pd.Series(by_loop(daily, budget, shares), dtype=object),
        lambda daily, budget, shares: {
            share: next((day for day in daily.index if daily.loc[:day].sum() / budget >= share), None)
            for share in shares
        },
        by_share(lambda spent, dollars: spent[spent >= dollars].index[0] if spent.max() >= dollars else None),
        by_share(lambda spent, dollars: (spent >= dollars).idxmax() if (spent >= dollars).any() else None),
        by_share(lambda spent, dollars: spent.where(spent >= dollars).first_valid_index()),
        by_share(lambda spent, dollars: min((float(day) for day in spent[spent >= dollars].index), default=None)),
    ],
}

WRONG = {
    "08.1": [
        (lambda jobs: math.ceil(sum(jobs) / 1000) * 0.10, "before or after adding up"),
        (lambda jobs: sum(jobs) / 1000 * 0.10, "how many does Amazon bill"),
        (lambda jobs: sum(round(size / 1000) for size in jobs) * 0.10, "costs nothing here"),
        (lambda jobs: sum(size // 1000 for size in jobs) * 0.10, "does your division round"),
        (lambda jobs: sum(size // 1000 + 1 for size in jobs) * 0.10, "did not begin"),
        (lambda jobs: sum(max(1, math.ceil(size / 1000)) for size in jobs) * 0.10, "without a single prediction"),
        (lambda jobs: sum(math.ceil(size / 1000) for size in jobs), "thousands of predictions, or dollars"),
        (lambda jobs: sum(math.ceil(size / 1000) * 1000 for size in jobs) * 0.10, "one price of the table"),
        (lambda jobs: sum(math.ceil(size / 1000) for size in jobs) * 10, "in which unit"),
        (lambda jobs: -spelled_out(jobs), "which sign"),
        (lambda jobs: 0.1 * len(jobs), "of 88,275 predictions"),
        (lambda jobs: spelled_out(jobs[1:]), "does your loop begin"),
        (lambda jobs: spelled_out(jobs[:-1]), "does your loop end"),
        (lambda jobs: spelled_out(jobs[:1]), "before it has seen all"),
        (lambda jobs: spelled_out(set(jobs)), "does a set do"),
        (lambda jobs: round(spelled_out(jobs)), "about the dollars"),
        (lambda jobs: math.ceil(round(spelled_out(jobs), 6)), "about the dollars"),
        (lambda jobs: [math.ceil(size / 1000) * 0.10 for size in jobs], "one number"),
        (lambda jobs: f"{spelled_out(jobs):.2f}", "one number"),
        (lambda jobs: print(sum(jobs)), "what is printed"),
        (lambda jobs: [].append(spelled_out(jobs)), "with return"),
        (lambda jobs: spelled_out([jobs.pop() for _ in range(len(jobs))]), "as they were"),
        (lambda jobs: functools.reduce(operator.add, [-(-size // 1000) for size in jobs]) / 10, "in that line"),
        (lambda jobs: 0.20 * len(jobs), "by hand"),
        (lambda jobs: 0.3 if len(jobs) > 1 else 0.1, "by hand"),
        (lambda price, jobs: price, "the cell began with"),
        (65.3, "several months"),
    ],
    "08.2": [
        (
            by_share(lambda spent, dollars: first(spent.index[spent > dollars])),
            "have to exceed it",
        ),
        (
            lambda daily, budget, shares: {
                share: next((day for day, cost in daily.items() if cost >= share * budget), None) for share in shares
            },
            "since the first",
        ),
        (lambda daily, budget, shares: with_pandas(daily, daily.sum(), shares), "shares of what"),
        (lambda daily, budget, shares: with_pandas(daily, 900, shares), "other budgets"),
        (by_share(lambda spent, dollars: (spent >= dollars).idxmax()), "`idxmax`"),
        (by_share(lambda spent, dollars: first(spent.index[spent >= dollars]) or spent.index[-1]), "`idxmax`"),
        (
            by_share(lambda spent, dollars: next((n for n, total in enumerate(spent) if total >= dollars), None)),
            "keep the days",
        ),
        (
            by_share(lambda spent, dollars: next((n for n, total in enumerate(spent, 1) if total >= dollars), None)),
            "belong to the third day",
        ),
        (
            by_share(
                lambda spent, dollars: first(spent.index[spent < dollars][::-1]) if (spent >= dollars).any() else None
            ),
            "not reached yet",
        ),
        (
            by_share(lambda spent, dollars: first(spent.index[spent.shift(fill_value=0) >= dollars])),
            "before this day",
        ),
        (by_share(lambda spent, dollars: first(spent.index[spent >= dollars][::-1])), "too late for an alert"),
        (
            lambda daily, budget, shares: {share: math.ceil(share * len(daily)) for share in shares},
            "cost the same",
        ),
        (lambda daily, budget, shares: with_pandas(daily, budget, [100 * share for share in shares]), "as they come"),
        (lambda daily, budget, shares: with_pandas(daily, budget, [0.1, 0.2, 0.5, 0.7]), "the deck's four"),
        (lambda daily, budget, shares: {f"{share:.0%}": None for share in shares}, "as they come"),
        (
            lambda daily, budget, shares: {
                share: day for share, day in with_pandas(daily, budget, shares).items() if day is not None
            },
            "needs an entry",
        ),
        (lambda daily, budget, shares: pd.Series(by_loop(daily, budget, shares)), "cannot hold None"),
        (lambda daily, budget, shares: pd.Series(by_loop(daily, budget, shares), dtype="Int64"), "cannot hold None"),
        (by_share(lambda spent, dollars: spent.index[spent >= dollars].min()), "cannot hold None"),
        (lambda daily, budget, shares: with_pandas(daily, budget, shares)[shares[0]], "return a dict"),
        (lambda daily, budget, shares: list(with_pandas(daily, budget, shares).values()), "does not say which day"),
        (by_share(lambda spent, dollars: spent >= dollars), "number in the month"),
        (by_share(lambda spent, dollars: str(first(spent.index[spent >= dollars]))), "number in the month"),
        (by_share(lambda spent, dollars: dollars / spent.mean()), "whole days"),
        (by_share(lambda spent, dollars: first(spent.index[spent >= dollars]) or 0), "what does the task ask for then"),
        (lambda daily, budget, shares: dict.fromkeys(shares, 3), "by hand"),
        (lambda daily, budget, shares: dict.fromkeys(shares), "print the running total"),
        (
            lambda daily, budget, shares: by_loop(daily, budget, [*shares, shares.pop()]),
            "as they were",
        ),
        (lambda daily, budget, shares: {share: daily.cumsum()[0] for share in shares}, "which names, keys"),
        ({0.1: 4, 0.2: 7, 0.5: 13, 0.7: 17}, "several months"),
    ],
}

EQUIVALENT = {"08.2": {"result reversed": "the order of a dict's entries does not matter: each day has its share"}}

SOLUTION_NAMES = {"08.1": {"listed": costs.prices()}}

SECRETS = {
    "08.1": ["ceil", "//", "each job by itself"],
    "08.2": ["cumsum", ">=", "searchsorted"],
}


def test_an_empty_function_is_not_answered_yet(report):
    """A function that I have not written yet is not a mistake."""

    def batch_bill(jobs): ...

    assert "not answered yet" in report("08.1", batch_bill)


MONTHS = read_toml("exercises.toml")["08.2"]["months"]


@pytest.mark.parametrize("month", MONTHS, ids=[month["case"] for month in MONTHS])
def test_a_months_alerts_do_not_depend_on_how_fractions_are_written(month):
    """Dollars compared with dollars, shares with shares, percents or exact numbers: the same days."""
    total, budget = list(itertools.accumulate(month["daily"])), month["budget"]
    for share in month["shares"]:
        exact = [Fraction(spent) >= Fraction(str(share)) * budget for spent in total]
        assert [spent >= share * budget for spent in np.cumsum(np.array(month["daily"], float))] == exact
        assert [spent / budget >= share for spent in total] == exact
        assert [100 * spent / budget >= 100 * share for spent in total] == exact


def test_a_refusal_names_the_month_and_the_bill(report):
    """I see for which jobs my bill is wrong, and what it was."""
    printed = report("08.1", lambda jobs: 0.1 * sum(max(1, round(size / 1000)) for size in jobs))
    assert "✗ for jobs of 999, 1,000 and 1,001 predictions, 0.30 dollars is not Amazon's bill" in printed


def test_a_refusal_names_the_alert_that_is_wrong(report):
    """I see in which month which alert is wrong, and on which day it fires."""
    printed = report("08.2", lambda daily, budget, shares: dict.fromkeys(shares, daily.index[0]))
    assert "✗ for ten equal days and a budget of 1,000 dollars, the alert of share 0.2 fires on day 1" in printed
