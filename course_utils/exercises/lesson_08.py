"""Graders of lesson 08, what hosting a model costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from course_utils.exercises.calls import call
from course_utils.exercises.grading import (
    Finding,
    Refused,
    as_mapping,
    as_number,
    grader,
    kind_of,
    listed,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_toml
from course_utils.wording import counted

_WRITE = "write a function: the check calls it for several months"

# --------------------------------------------------------------------------- 08.1: a bill that is rounded up

_NEAR = 0.005  # dollars: half a cent


def _thousands(jobs: Sequence[int], per: int) -> int:
    return sum(-(-size // per) for size in jobs)


#: Wrong formulas with what is wrong and the hint; the first that gives the answer's bills is reported.
_BLOCK_SLIPS: list[tuple[Callable[[list[int], int, float], float], str, str]] = [
    (
        lambda jobs, per, price: price * math.ceil(sum(jobs) / per),
        "this rounds the total of all jobs",
        "many small jobs do not cost the same as one large job: does Amazon round before or after adding up?",
    ),
    (
        lambda jobs, per, price: price * sum(jobs) / per,
        "this rounds nothing",
        "this bills the exact number of predictions: how many does Amazon bill for a job of 94 flights?",
    ),
    (
        lambda jobs, per, price: price * sum(round(size / per) for size in jobs),
        "this rounds to the nearest thousand",
        "a job of 94 flights costs nothing here: in which direction does the rule round?",
    ),
    (
        lambda jobs, per, price: price * sum(size // per for size in jobs),
        "this rounds each job down",
        "a job of 1,001 predictions pays too little here: in which direction does your division round?",
    ),
    (
        lambda jobs, per, price: price * sum(size // per + 1 for size in jobs),
        "a job that fills its last thousand pays for another one",
        "try a job of exactly 1,000 predictions: does it pay for a second thousand that it did not begin?",
    ),
    (
        lambda jobs, per, price: price * sum(max(1, math.ceil(size / per)) for size in jobs),
        "a job without predictions is billed",
        "how much should a job without a single prediction cost?",
    ),
    (
        lambda jobs, per, price: _thousands(jobs, per),
        "this is the number of thousands",
        "what does the bill state: thousands of predictions, or dollars?",
    ),
    (
        lambda jobs, per, price: price * per * _thousands(jobs, per),
        "this charges the price for every single prediction",
        "how many predictions does one price of the table pay for?",
    ),
    (
        lambda jobs, per, price: 100 * price * _thousands(jobs, per),
        "this is in cents",
        "in which unit does the table give the price?",
    ),
    (
        lambda jobs, per, price: -price * _thousands(jobs, per),
        "this bill is negative",
        "a bill states what you pay as a positive number: which sign is in the way?",
    ),
    (
        lambda jobs, per, price: price * len(jobs),
        "every job costs the same",
        "what should a job of 88,275 predictions cost, compared with a job of one?",
    ),
    (
        lambda jobs, per, price: price * _thousands(jobs[1:], per),
        "the first job is not billed",
        "at which job does your loop begin?",
    ),
    (
        lambda jobs, per, price: price * _thousands(jobs[:-1], per),
        "the last job is not billed",
        "at which job does your loop end?",
    ),
    (
        lambda jobs, per, price: price * _thousands(jobs[:1], per),
        "only the first job is billed",
        "does your function return before it has seen all jobs?",
    ),
    (
        lambda jobs, per, price: price * _thousands(list(set(jobs)), per),
        "jobs of the same size are billed once",
        "what does a set do with two jobs of 2,500 predictions?",
    ),
    *(
        (
            lambda jobs, per, price, whole=whole: whole(round(price * _thousands(jobs, per), 6)),
            "this is rounded to whole dollars",
            "the rule rounds the predictions of a job: does it say anything about the dollars?",
        )
        for whole in (round, math.floor, math.ceil)
    ),
]


@grader("08.1")
def batch_bill(answer: Any) -> Sequence[Finding]:
    """Grade a function by what it charges for lists of jobs."""
    if not callable(answer):
        return [not_a("a function", answer, hint=_WRITE)]
    price = next(entry for entry in read_toml("prices.toml")["price"] if entry["key"] == "aws_batch")
    per, dollars = price["per"], price["dollars"]
    months = read_toml("exercises.toml")["08.1"]["jobs"]
    bills = []
    for jobs in months:
        case = _of_jobs(jobs)
        bill = call(answer, jobs, case=case)
        if (number := as_number(bill)) is None:
            hint = "return one number: the dollars for all jobs together"
            return [wrong(f"{case}, it returns {kind_of(bill)}", hint=hint)]
        bills.append(number)
    wanted = [dollars * _thousands(jobs, per) for jobs in months]
    if _same(bills, wanted):
        return [right("each job is rounded up separately, and a job of exactly 1,000 pays for nothing extra")]
    for slip, found, hint in _BLOCK_SLIPS:
        if _same(bills, [slip(jobs, per, dollars) for jobs in months]):
            return [wrong(found, hint=hint)]
    odd = next(place for place, bill in enumerate(bills) if not _same([bill], wanted[place : place + 1]))
    hint = "calculate by hand what three jobs of 1, 1,000 and 1,001 predictions cost, and compare"
    return [wrong(f"{_of_jobs(months[odd])}, {bills[odd]:,.2f} dollars is not Amazon's bill", hint=hint)]


def _of_jobs(jobs: Sequence[int]) -> str:
    if not jobs:
        return "for a month without jobs"
    if len(jobs) > 4:
        return f"for a month of {counted(len(jobs), 'job')}"
    *before, last = jobs
    sizes = f"jobs of {', '.join(f'{size:,}' for size in before)} and" if before else "one job of"
    return f"for {sizes} {counted(last, 'prediction')}"


def _same(given: Sequence[float], wanted: Sequence[float]) -> bool:
    return all(abs(one - other) < _NEAR for one, other in zip(given, wanted, strict=True))


# --------------------------------------------------------------------------- 08.2: budget alerts

#: A month of exercises.toml: its days, dollars, budget and shares.
_Month = Mapping[str, Any]
#: The day of each share, in the order of the month's shares.
_Days = list[float | None]


def _rows(month: _Month) -> list[tuple[int, float, float]]:
    """Return day, dollars and running total of each row of a month."""
    return list(zip(_numbers(month), month["daily"], accumulate(month["daily"]), strict=True))


def _numbers(month: _Month) -> list[int]:
    return month.get("days", list(range(1, len(month["daily"]) + 1)))


def _when(month: _Month, reached: Callable[[float, float, float], bool]) -> _Days:
    """Return for each share the first day on which ``reached(cost, total, share)`` holds."""
    rows = _rows(month)
    return [next((day for day, cost, total in rows if reached(cost, total, share)), None) for share in month["shares"]]


def _alerts(month: _Month, budget: float | None = None) -> _Days:
    budget = budget or month["budget"]
    return _when(month, lambda cost, total, share: total >= share * budget)


def _moved(month: _Month, how: Callable[[list[int], int], float | None], never: Any = None) -> _Days:
    """Return the alerts, with the row of each read in another way, and `never` for what is not reached."""
    days = _numbers(month)
    return [never if day is None else how(days, days.index(day)) for day in _alerts(month)]


def _neighbour(days: list[int], place: int) -> int | None:
    return days[place] if 0 <= place < len(days) else None


#: As for the bills: wrong ways to find the days, with what is wrong and the hint for each.
_ALERT_SLIPS: list[tuple[Callable[[_Month], _Days], str, str]] = [
    (
        lambda month: _when(month, lambda cost, total, share: total > share * month["budget"]),
        "an alert is late when spending reaches its share exactly",
        "an alert fires when spending reaches the share: does spending have to exceed it?",
    ),
    (
        lambda month: _when(month, lambda cost, total, share: cost >= share * month["budget"]),
        "this compares single days with the budget",
        "a budget covers the whole month: how much has been spent *since the first* by a given day?",
    ),
    (
        lambda month: _alerts(month, budget=sum(month["daily"])),
        "these are shares of the final spending",
        "the final spending is unknown before the month ends: shares of what are meant?",
    ),
    *(
        (
            lambda month, fixed=fixed: _alerts(month, budget=fixed),
            f"every month gets a budget of {counted(fixed, 'dollar')}",
            "use the arguments of your function: the check calls it with other budgets",
        )
        for fixed in (900, 1000)
    ),
    *(
        (
            lambda month, place=place: _moved(month, lambda days, row: days[row], never=_numbers(month)[place]),
            f"a share that is never reached gets the {which} day",
            "what do you return for a share that is never reached? `idxmax`, for example, finds a day in any case",
        )
        for place, which in ((0, "first"), (-1, "last"))
    ),
    (
        lambda month: _moved(month, lambda days, row: row),
        "these are positions, counted from zero",
        "where does `daily` keep the days of the month?",
    ),
    (
        lambda month: _moved(month, lambda days, row: row + 1),
        "these are positions, counted from one",
        "a day without costs may be missing: does the third row then belong to the third day?",
    ),
    (
        lambda month: _moved(month, lambda days, row: _neighbour(days, row - 1)),
        "each alert is one row early",
        "on this day the share is not reached yet: which day do you look up?",
    ),
    (
        lambda month: _moved(month, lambda days, row: _neighbour(days, row + 1)),
        "each alert is one row late",
        "the share was reached before this day: is the total of the same day compared with the budget?",
    ),
    (
        lambda month: _moved(month, lambda days, row: days[-1]),
        "each alert fires on the last day of the month",
        "this is too late for an alert: on which day was the share reached for the first time?",
    ),
    (
        lambda month: [math.ceil(share * len(month["daily"])) for share in month["shares"]],
        "this is the day at an even pace",
        "do all days of a month cost the same? `daily` has what each of them cost",
    ),
]


@grader("08.2")
def budget_alerts(answer: Any) -> Sequence[Finding]:
    """Grade a function by the days on which it raises its alerts."""
    if not callable(answer):
        return [not_a("a function", answer, hint=_WRITE)]
    months = read_toml("exercises.toml")["08.2"]["months"]
    given = [_days(_call(answer, month), month) for month in months]
    truth = [_alerts(month) for month in months]
    if given == truth:
        return [
            right("each alert fires on the day that first reaches its share"),
            right("a share that is never reached has None"),
        ]
    for slip, found, hint in _ALERT_SLIPS:
        if given == [slip(month) for month in months]:
            return [wrong(found, hint=hint)]
    return [_odd_day(months, given, truth)]


def _call(function: Callable[..., Any], month: _Month) -> Any:
    import pandas as pd

    index = pd.Index(_numbers(month), name="day")
    daily = pd.Series(month["daily"], index=index, dtype=float, name="dollars")
    return call(function, daily, month["budget"], list(month["shares"]), case=month["case"])


def _days(found: Any, month: _Month) -> _Days:
    """Return the day of each share in a mapping; `Refused` where it is no such mapping."""
    case, shares = month["case"], month["shares"]
    if as_mapping(found) is None:
        hint = "return a dict with the day of each share"
        if hasattr(found, "__len__") and not isinstance(found, str):
            hint += ": a list, for example, does not say which day belongs to which share"
        raise Refused(wrong(f"{case}, it returns {kind_of(found)}, not a dict", hint=hint))
    mapping = dict(found.items())  # to_dict() would make None of a missing number
    if strange := [key for key in mapping if key not in shares]:
        fixed = all(key in (0.1, 0.2, 0.5, 0.7) for key in strange)
        found = f"{case}, the dict has {listed(strange[:4])}, which the check did not ask for"
        hint = "which shares does your function use: its argument, or always the deck's four?"
        raise Refused(wrong(found, hint=hint if fixed else "use the values of `shares` as keys, as they come"))
    if absent := [share for share in shares if share not in mapping]:
        hint = "each of `shares` needs an entry: what does the task ask for if a share is never reached?"
        raise Refused(wrong(f"{case}, the dict has no entry for {listed(absent)}", hint=hint))
    return [_day(mapping[share], share, month) for share in shares]


def _day(value: Any, share: float, month: _Month) -> float | None:
    number = as_number(value)
    if value is None or (number is not None and number == int(number)):
        return number
    found = f"{month['case']}, the day of share {share} is {kind_of(value) if number is None else value}"
    if kind_of(value).startswith("NaN") or str(value) in ("nan", "<NA>", "NaT"):
        hint = (
            "the task asks for another value if a share is never reached: does `day is None` hold for yours? A Series "
            "of numbers, for example, cannot hold None"
        )
        raise Refused(wrong(found, hint=hint))
    if number is not None:
        raise Refused(wrong(found, hint="a bill has whole days: which day is the first with enough spending?"))
    raise Refused(wrong(found, hint="give each day as its number in the month, as the index of `daily` does"))


def _odd_day(months: Sequence[_Month], given: Sequence[_Days], truth: Sequence[_Days]) -> Finding:
    """Name the first alert that is not right."""
    for month, days, wanted in zip(months, given, truth, strict=True):
        for share, day, asked in zip(month["shares"], days, wanted, strict=True):
            if day == asked:
                continue
            start = f"{month['case']} and a budget of {counted(month['budget'], 'dollar')}, the alert of share {share}"
            if day is None:
                hint = "by the end of the month this share was reached: print the running total"
                return wrong(f"{start} does not fire", hint=hint)
            if asked is None:
                hint = "this share was never reached: what does the task ask for then?"
                return wrong(f"{start} has day {day:g}", hint=hint)
            hint = "add up the days by hand until the total reaches the share"
            return wrong(f"{start} fires on day {day:g}", hint=hint)
    raise AssertionError("the answers are the same")
