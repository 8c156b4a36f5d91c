"""Graders of lesson 01, the data-science workflow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course_utils.exercises.calls import call
from course_utils.exercises.canvas import asked_by, problem, repeated
from course_utils.exercises.cells import CELLS, FALSE_ALARM, LATE, MISSED, QUIET
from course_utils.exercises.grading import (
    Finding,
    Refused,
    as_mapping,
    as_number,
    grader,
    kind_of,
    listed,
    missing,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_toml
from course_utils.wording import counted

# --------------------------------------------------------------------------- 01.1


@grader("01.1")
def canvas(answer: Any) -> Sequence[Finding]:
    """Grade a stakeholder canvas: gaps and numbers of a mapping with the keys of ``tables/canvas.toml``."""
    fields = read_toml("canvas.toml")["field"]
    given = as_mapping(answer)
    if given is None:
        return [not_a("a canvas", answer, hint="fill in the dict that the cell creates")]
    keys = [field["key"] for field in fields]
    problems = []
    if absent := [key for key in keys if key not in given]:
        hint = "keep every question: what you do not settle now is decided by accident later"
        problems.append(missing(absent, hint=hint))
    if unknown := [key for key in given if key not in keys]:
        found = f"{listed(unknown)} {'is not a question' if len(unknown) == 1 else 'are not questions'} of the canvas"
        problems.append(wrong(found, hint="keep the keys of the dict as they are"))
    asked = asked_by(fields)
    faults = {
        field["key"]: fault
        for field in fields
        if field["key"] in given and (fault := problem(field, given[field["key"]], asked))
    }
    problems += [*faults.values(), *repeated(fields, given, faults)]
    good = len(fields) - len(absent) - len(faults)
    are = "is" if good == 1 else "are"
    findings = [right(f"{good} of {counted(len(fields), 'question')} {are} answered")] if good else []
    if not problems:
        findings.append(right("success has a target, a unit and a date; horizon, budget and costs are numbers"))
    return findings + problems


# --------------------------------------------------------------------------- 01.2


@grader("01.2")
def matrix_read_rightly(answer: Any) -> Sequence[Finding]:
    """Grade the four named cells of the deck's matrix: a mapping or Series of counts."""
    matrix = read_toml("deck.toml")["static"]["matrix"]
    wanted = {cell: matrix[cell] for cell in CELLS}
    given = as_mapping(answer)
    if given is None:
        hint = f"give each cell its name, {listed(CELLS)}: reading a matrix by position confuses its cells"
        return [wrong("the cells have no names", hint=hint)]
    names = [re.sub(r"\s*,\s*", ", ", str(name).strip().lower()) for name in given]
    if sorted(names) != sorted(CELLS):
        unknown = [name for name in names if name not in CELLS]
        found = (
            f"unknown cells: {listed(unknown)}"
            if unknown
            else f"you give {counted(len(given), 'cell')}, and four are needed"
        )
        return [wrong(found, hint=f"name the cells by what happened: {listed(CELLS)}")]
    given = dict(zip(names, given.values(), strict=True))
    counts = {name: as_number(value) for name, value in given.items()}
    strange = [name for name, count in counts.items() if count is None or count < 0]
    if strange:
        in_quotes = all(isinstance(given[name], str) for name in strange)
        hint = "write the numbers without quotes" if in_quotes else "each cell holds a number of flights"
        return [wrong(f"not a count: {listed(strange)}", hint=hint)]
    if counts == wanted:
        return [
            right("all four cells hold the right number of flights"),
            right("you read rows as outcomes and columns as predictions"),
        ]
    total = sum(counts.values())
    if abs(total - 1) < 0.05 or abs(total - 100) < 1:
        return [wrong("these are shares, not counts", hint="the cells hold numbers of flights; leave out the division")]
    return _misread(counts, wanted)


def _misread(counts: Mapping[str, float], wanted: Mapping[str, int]) -> Sequence[Finding]:
    def is_swapped(*pairs: tuple[str, str]) -> bool:
        swap = {one: other for pair in pairs for one, other in (pair, pair[::-1])}
        return all(counts[name] == wanted[swap.get(name, name)] for name in CELLS)

    off, on = (FALSE_ALARM, MISSED), (LATE, QUIET)
    if is_swapped(off):
        return [
            right("the two kinds of correct predictions are in the right cells"),
            wrong(
                "false alarms and missed delays are exchanged",
                hint="look at scikit-learn's matrix: what do its rows stand for?",
            ),
        ]
    if is_swapped(on):
        return [
            right("the two kinds of mistakes are in the right cells"),
            wrong(
                "the two kinds of correct predictions are exchanged",
                hint="which class comes first in the rows and columns?",
            ),
        ]
    if is_swapped(off, on):
        return [
            wrong(
                "in this reading 'on time' is the positive class",
                hint="here 'late' is the positive class; rows and columns are in the order 'on time', 'delayed'",
            )
        ]
    total, expected = sum(counts.values()), sum(wanted.values())
    if total != expected:
        found = f"your four cells add up to {counted(round(total), 'flight')}, the matrix to {expected:,}"
        return [wrong(found, hint="put each number of the matrix into exactly one cell")]
    good = [name for name in CELLS if counts[name] == wanted[name]]
    findings = [right(f"{listed(good)} {'is' if len(good) == 1 else 'are'} right")] if good else []
    hint = "take one number at a time: which row is it in (outcome), and which column (prediction)?"
    return [*findings, wrong("the other cells are mixed up" if good else "the cells are mixed up", hint=hint)]


# --------------------------------------------------------------------------- 01.3

_Payoff = Mapping[str, float]


def _right_formula(v: _Payoff) -> float:
    loss, gain = v[QUIET] - v[FALSE_ALARM], v[LATE] - v[MISSED]
    return loss / (gain + loss)


# What a wrong formula computes, and where to look then. The first that agrees on every payoff is reported.
_FORMULAS: list[tuple[Callable[[_Payoff], float], str, str]] = [
    (
        lambda v: 1 - _right_formula(v),
        "this is the probability of the other outcome",
        "test an extreme case: if a false alarm costs almost nothing, should the threshold be low or high?",
    ),
    (
        lambda v: 100 * _right_formula(v),
        "this is a percentage",
        "a probability is a number between 0 and 1, not a percentage",
    ),
    (
        lambda v: (v[QUIET] - v[FALSE_ALARM]) / (v[LATE] - v[MISSED]),
        "these are odds",
        "odds compare late with on time; a probability compares late with all flights",
    ),
    (
        lambda v: (v[LATE] - v[MISSED]) / (v[QUIET] - v[FALSE_ALARM]),
        "these are odds, inverted",
        "odds compare two outcomes; a probability compares one outcome with all",
    ),
    (
        lambda v: (v[QUIET] - v[MISSED]) / ((v[LATE] - v[FALSE_ALARM]) + (v[QUIET] - v[MISSED])),
        "the two mistakes are exchanged",
        "a false alarm belongs to an on-time flight, a missed delay to a late one",
    ),
    (
        lambda v: v[FALSE_ALARM] / (v[FALSE_ALARM] + v[MISSED]),
        "only the two mistakes are counted",
        "correct predictions have a value, too: on a late flight, compare the value of a warning with the value of "
        "silence",
    ),
    (
        lambda v: -v[FALSE_ALARM] / (v[LATE] - v[FALSE_ALARM]),
        "only the warned flights are counted",
        "silence has its own value, on late flights and on flights that are on time",
    ),
    (
        lambda v: (v[QUIET] + v[FALSE_ALARM]) / ((v[LATE] + v[MISSED]) + (v[QUIET] + v[FALSE_ALARM])),
        "a sign is wrong",
        "costs are already negative in the payoff: how does a warning change the value of a flight?",
    ),
    (
        lambda v: (v[QUIET] - v[FALSE_ALARM]) / (v[LATE] - v[MISSED]) + (v[QUIET] - v[FALSE_ALARM]),
        "the denominator is incomplete",
        "Python divides before it adds: put the whole denominator in brackets",
    ),
]


@grader("01.3")
def break_even(answer: Any) -> Sequence[Finding]:
    """Grade a function from a payoff over the four cells to the probability at which a warning breaks even."""
    if not callable(answer):
        hint = "pass the name of the function, without brackets after it"
        return [not_a("a function", answer, hint=hint)]
    tried, known = read_toml("exercises.toml")["01.3"], read_toml("payoffs.toml")
    payoffs = [{cell: known[name][cell] for cell in CELLS} for name in tried["named"]] + tried["payoffs"]
    results = [_call(answer, payoff) for payoff in payoffs]
    numbers = [as_number(result) for result in results]
    if None in numbers:
        result = results[numbers.index(None)]
        found = f"the function returns {kind_of(result)}, and one number is needed"
        return [wrong(found, hint=_no_number(result))]
    if _agree(numbers, [_right_formula(payoff) for payoff in payoffs]):
        return [
            right(f"it finds the break-even of all {counted(len(payoffs), 'payoff')}"),
            right("it uses all four cells"),
        ]
    return [_mistake(numbers, payoffs)]


def _call(function: Callable[[Any], Any], payoff: _Payoff) -> Any:
    import pandas as pd

    values = {name: float(value) for name, value in payoff.items()}
    try:
        return call(function, pd.Series(values))  # what the lesson's payoffs are
    except Refused as refused:
        if not _is_error(refused):  # it never ends, changes the payoff or returns nothing
            raise
        try:
            return call(function, values)  # it may expect a dict
        except Refused as second:
            raise refused if _is_error(second) else second from None


def _is_error(refused: Refused) -> bool:
    """Return whether the learner's function raised an error."""
    return isinstance(refused.__context__, Exception) and not isinstance(refused.__context__, Refused)


def _no_number(result: Any) -> str:
    if isinstance(result, str):
        return "hand back the number itself, not a text that shows it"
    if type(result).__name__ in ("bool", "bool_"):
        return "at which probability do the lines cross? True or False cannot say it"
    if isinstance(result, float):
        return "is something divided by zero there, or taken from a cell that is missing?"
    if isinstance(result, list | tuple | set) and len(result) == 1:
        return "hand back the number itself, without brackets around it"
    return "ask the payoff for one cell at a time"


def _agree(numbers: Sequence[float], others: Sequence[float]) -> bool:
    return all(abs(one - other) <= 1e-6 * max(1, abs(other)) for one, other in zip(numbers, others, strict=True))


def _mistake(numbers: Sequence[float], payoffs: Sequence[_Payoff]) -> Finding:
    if max(numbers) - min(numbers) < 1e-9:
        hint = "another payoff needs another threshold: compute it from the argument, not from fixed numbers"
        return wrong("it returns the same number for every payoff", hint=hint)
    for formula, found, hint in _FORMULAS:
        if _agree(numbers, [formula(payoff) for payoff in payoffs]):
            return wrong(found, hint=hint)
    good = sum(_agree([number], [_right_formula(payoff)]) for number, payoff in zip(numbers, payoffs, strict=True))
    hint = (
        "write down the average value of a warning for a flight that is late with probability p, and the average value "
        "of silence; at break-even the two are equal"
    )
    if good:
        return wrong(f"it finds the break-even of only {good} of {counted(len(payoffs), 'payoff')}", hint=hint)
    if not all(0 <= number <= 1 for number in numbers):
        return wrong("some results are not probabilities", hint=f"a probability is between 0 and 1; {hint}")
    return wrong("a warning does not break even at this probability", hint=hint)
