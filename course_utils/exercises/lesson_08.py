"""Graders of lesson 08, what hosting a model costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, kind_of, not_a, right, wrong
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 08.1: a bill that is rounded up

_NEAR = 0.005  # dollars: half a cent
#: Wrong formulas with the hint for each; the first that gives the answer's bills is reported.
_BLOCK_SLIPS: list[tuple[Callable[[list[int], int, float], float], str]] = [
    (
        lambda jobs, per, price: price * math.ceil(sum(jobs) / per),
        "many small jobs do not cost the same as one large job: does Amazon round before or after adding up?",
    ),
    (
        lambda jobs, per, price: price * sum(jobs) / per,
        "this bills the exact number of predictions: how many does Amazon bill for a job of 94 flights?",
    ),
    (
        lambda jobs, per, price: price * sum(round(size / per) for size in jobs),
        "this rounds to the nearest thousand: in which direction does the rule round?",
    ),
    (
        lambda jobs, per, price: price * sum(size // per for size in jobs),
        "a job of 1,001 predictions pays too little here: in which direction does your division round?",
    ),
    (
        lambda jobs, per, price: price * sum(size // per + 1 for size in jobs),
        "try a job of exactly 1,000 predictions: does it pay for a second thousand that it did not begin?",
    ),
    (
        lambda jobs, per, price: price * sum(max(1, math.ceil(size / per)) for size in jobs),
        "how much should a job without a single prediction cost?",
    ),
    (
        lambda jobs, per, price: sum(math.ceil(size / per) for size in jobs),
        "this is the number of thousands, not yet dollars",
    ),
    (
        lambda jobs, per, price: price * per * sum(math.ceil(size / per) for size in jobs),
        "the price is per thousand predictions, not for each one",
    ),
]


@grader("08.1")
def batch_bill(answer: Any) -> Sequence[Finding]:
    """Grade a function by what it charges for lists of jobs."""
    if not callable(answer):
        hint = "write a function: the check calls it for several months"
        return [not_a("a function", answer, hint=hint)]
    price = next(entry for entry in read_toml("prices.toml")["price"] if entry["key"] == "aws_batch")
    per, dollars = price["per"], price["dollars"]
    months = read_toml("exercises.toml")["08.1"]["jobs"]
    bills = []
    for jobs in months:
        bill = answer(list(jobs))
        if (number := as_number(bill)) is None:
            return [wrong(f"it returns {kind_of(bill)}", hint="return one number: the dollars for all jobs together")]
        bills.append(number)
    if _same(bills, [dollars * sum(-(-size // per) for size in jobs) for jobs in months]):
        return [right("each job is rounded up separately, and a job of exactly 1,000 pays for nothing extra")]
    for slip, hint in _BLOCK_SLIPS:
        if _same(bills, [slip(jobs, per, dollars) for jobs in months]):
            return [wrong("the bill differs from Amazon's", hint=hint)]
    hint = "calculate by hand what three jobs of 1, 1,000 and 1,001 predictions cost, and compare"
    return [wrong("the bill differs from Amazon's", hint=hint)]


def _same(given: Sequence[float], wanted: Sequence[float]) -> bool:
    return all(abs(one - other) < _NEAR for one, other in zip(given, wanted, strict=True))


# --------------------------------------------------------------------------- 08.2: budget alerts

_Days = list[int | None]


def _first(reached: Iterable[bool]) -> int | None:
    return next((day for day, there in enumerate(reached, start=1) if there), None)


def _sums(daily: Sequence[float]) -> list[float]:
    return [sum(daily[: day + 1]) for day in range(len(daily))]


#: As for the bills: wrong formulas with the hint for each.
_ALERT_SLIPS: list[tuple[Callable[[Sequence[float], float, Sequence[float]], _Days], str]] = [
    (
        lambda daily, budget, shares: [_first(total > share * budget for total in _sums(daily)) for share in shares],
        "an alert fires when spending reaches the share: does spending have to exceed it?",
    ),
    (
        lambda daily, budget, shares: [_first(cost >= share * budget for cost in daily) for share in shares],
        "a budget covers the whole month: how much has been spent *since the first* by a given day?",
    ),
    (
        lambda daily, budget, shares: [
            _first(total >= share * sum(daily) for total in _sums(daily)) for share in shares
        ],
        "these are shares of the final spending, unknown before the month ends: shares of what are meant?",
    ),
    (
        lambda daily, budget, shares: [
            _first(total >= share * budget for total in _sums(daily)) or 1 for share in shares
        ],
        "what do you return for a share that is never reached? `idxmax`, for example, returns the first day then",
    ),
    (
        lambda daily, budget, shares: [
            None if (day := _first(total >= share * budget for total in _sums(daily))) is None else day - 1
            for share in shares
        ],
        "these are positions, counted from zero: where does `daily` keep the days of the month?",
    ),
    (
        lambda daily, budget, shares: [
            (sum(total < share * budget for total in _sums(daily)) or None) for share in shares
        ],
        "on this day the share is not reached yet: you are one day off",
    ),
    (
        lambda daily, budget, shares: [
            len(daily) if any(total >= share * budget for total in _sums(daily)) else None for share in shares
        ],
        "this is the last day of the month, not the day on which the share is reached: too late for an alert",
    ),
]


@grader("08.2")
def budget_alerts(answer: Any) -> Sequence[Finding]:
    """Grade a function by the days on which it raises its alerts."""
    if not callable(answer):
        hint = "write a function: the check calls it for several months"
        return [not_a("a function", answer, hint=hint)]
    import pandas as pd

    data = read_toml("exercises.toml")["08.2"]
    shares = data["shares"]
    given: list[_Days] = []
    for month in data["months"]:
        costs = pd.Series(month["daily"], index=pd.RangeIndex(1, len(month["daily"]) + 1, name="day"), dtype=float)
        days = _days(answer(costs, month["budget"], list(shares)), shares)
        if isinstance(days, Finding):
            return [days]
        given.append(days)
    months = [(month["daily"], month["budget"]) for month in data["months"]]
    truth = [
        [_first(total >= share * budget for total in _sums(daily)) for share in shares] for daily, budget in months
    ]
    if given == truth:
        return [right("each alert fires on the right day, and none fires for a share that is never reached")]
    for slip, hint in _ALERT_SLIPS:
        if given == [slip(daily, budget, shares) for daily, budget in months]:
            return [wrong("an alert fires on the wrong day", hint=hint)]
    hint = "take ten days of 100 dollars and a budget of 1,000 dollars, and work out by hand when each alert fires"
    return [wrong("an alert fires on the wrong day", hint=hint)]


def _days(found: Any, shares: Sequence[float]) -> _Days | Finding:
    """Read the day of each share, from a mapping or in the order of the shares."""
    shape = "return a dict: the day for each share, or None if the share is never reached"
    mapping = as_mapping(found)
    if mapping is not None and set(mapping) <= set(shares):
        values = [mapping.get(share) for share in shares]
    elif mapping is not None:
        return wrong("the keys of the dict are not the shares", hint="use the values of `shares` as keys, as they come")
    elif isinstance(found, str | Mapping) or not isinstance(found, Iterable):
        return wrong(f"it returns {kind_of(found)}", hint=shape)
    else:
        values = list(found)
        if len(values) != len(shares):
            return wrong(f"it returns {len(values)} values for {len(shares)} shares", hint=shape)
    days: _Days = []
    for value in values:
        number = as_number(value)
        if number is None and str(value) not in ("None", "nan", "<NA>", "NaT"):
            return wrong(f"{kind_of(value)} is not a day", hint="give each day as its number in the month")
        days.append(None if number is None else int(number))
    return days
