"""Graders of lesson 01, the data-science workflow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import (
    Finding,
    as_mapping,
    as_number,
    blank,
    describe_error,
    grader,
    listed,
    right,
    words,
    wrong,
)
from course_utils.tables import read_toml

_LATE, _FALSE_ALARM = "warned, late", "warned, on time"
_MISSED, _QUIET = "not warned, late", "not warned, on time"
_CELLS = (_LATE, _FALSE_ALARM, _MISSED, _QUIET)


# --------------------------------------------------------------------------- 01.1


@grader("01.1")
def canvas(answer: Any) -> Sequence[Finding]:
    """Grade a stakeholder canvas: a mapping with the keys of ``tables/canvas.toml``."""
    fields = read_toml("canvas.toml")["field"]
    given = as_mapping(answer)
    if given is None:
        return [wrong(f"a {type(answer).__name__} is no canvas", hint="fill in the dict that the cell begins with")]
    keys = [field["key"] for field in fields]
    findings = []
    absent = [key for key in keys if key not in given]
    if absent:
        hint = "a question that nobody answers now is answered later, by accident"
        findings.append(wrong(f"{listed(absent)} {'is' if len(absent) == 1 else 'are'} missing", hint=hint))
    unknown = [key for key in given if key not in keys]
    if unknown:
        findings.append(wrong(f"{listed(unknown)} is not asked for", hint="keep the keys of the form as they are"))
    problems = [
        problem for field in fields if field["key"] in given and (problem := _problem(field, given[field["key"]]))
    ]
    good = len(fields) - len(absent) - len(problems)
    if good:
        findings.insert(0, right(f"{good} of {len(fields)} questions are answered"))
    if not (absent or problems):
        findings.append(right("success can be measured, and costs and horizon are figures to compute with"))
    return findings + problems


def _problem(field: Mapping[str, Any], value: Any) -> Finding | None:
    return _KINDS[field["kind"]](field, value)


def _text(field: Mapping[str, Any], value: Any) -> Finding | None:
    if words(value) >= field["words"]:
        return None
    if not isinstance(value, str):
        return wrong(f"{field['key']} is no text", hint="answer in words, between quotes")
    found = f"{field['key']} says {'nothing' if not words(value) else 'very little'}"
    return wrong(found, hint=f"answer the question: {field['question']}")


def _measurable(field: Mapping[str, Any], value: Any) -> Finding | None:
    if not isinstance(value, str) or not value.strip():
        return wrong(
            f"{field['key']} is no text", hint="say in words and a figure when everyone would call it a success"
        )
    if not re.search(r"\d", value):
        return wrong(f"{field['key']} cannot be measured", hint="name a figure that is reached or not, not a direction")
    if not any(unit in value.lower() for unit in read_toml("canvas.toml")["units"]["words"]):
        return wrong(
            f"{field['key']} has a figure without a unit", hint="say what it is a figure of: flights, dollars, a share"
        )
    return None


def _figure(field: Mapping[str, Any], value: Any) -> Finding | None:
    number = as_number(value)
    if (number is not None and number > 0) or (isinstance(value, str) and re.search(r"[1-9]", value)):
        return None
    return wrong(f"{field['key']} names no figure", hint="say how many months, or how many dollars")


def _positive(field: Mapping[str, Any], value: Any) -> Finding | None:
    number = as_number(value)
    unit = field["kind"]
    if number is None:
        return wrong(f"{field['key']} is no number", hint=f"give the number of {unit} alone, without quotes or unit")
    if number <= 0:
        hint = "a cost is written as a positive number here; what costs nothing needs no model"
        return wrong(
            f"{field['key']} is not above zero",
            hint="count hours before departure as positive" if unit == "hours" else hint,
        )
    if number > field.get("most", number):
        return wrong(
            f"{field['key']} is more than {field['most']} hours",
            hint="did you count minutes? Give hours",
        )
    return None


def _list(field: Mapping[str, Any], value: Any) -> Finding | None:
    if isinstance(value, str) or not isinstance(value, list | tuple | set):
        return wrong(f"{field['key']} is no list", hint="give several texts in square brackets")
    said = [item for item in value if words(item) >= 2]
    if len(said) < field["items"]:
        return wrong(
            f"{field['key']} holds fewer than {field['items']} assumptions",
            hint="what has to stay as it is for the model to go on working? Who has to react to a warning?",
        )
    return None


_KINDS: dict[str, Callable[[Mapping[str, Any], Any], Finding | None]] = {
    "text": _text,
    "measurable": _measurable,
    "figure": _figure,
    "hours": _positive,
    "dollars": _positive,
    "list": _list,
}


# --------------------------------------------------------------------------- 01.2


@grader("01.2")
def matrix_read_rightly(answer: Any) -> Sequence[Finding]:
    """Grade the four named cells of the deck's matrix: a mapping or Series of counts."""
    matrix = read_toml("deck.toml")["static"]["matrix"]
    wanted = {cell: matrix[cell] for cell in (_LATE, _FALSE_ALARM, _MISSED, _QUIET)}
    given = as_mapping(answer)
    if given is None:
        hint = f"give each cell its name, {listed(_CELLS)}: reading by position is how such mistakes happen"
        return [wrong("the cells have no names", hint=hint)]
    given = {str(name).strip().lower(): value for name, value in given.items()}
    if set(given) != set(_CELLS):
        unknown = [name for name in given if name not in _CELLS]
        found = f"{listed(unknown)} is no cell" if unknown else f"there are {len(given)} cells where four are needed"
        return [wrong(found, hint=f"name the cells by what happened: {listed(_CELLS)}")]
    counts = {name: as_number(value) for name, value in given.items()}
    strange = [name for name, count in counts.items() if count is None or count < 0]
    if strange:
        return [wrong(f"{listed(strange)} is no count", hint="a cell holds a number of flights")]
    if counts == wanted:
        return [
            right("all four cells hold the right flights"),
            right("rows are what happened, columns what was predicted"),
        ]
    total = sum(counts.values())
    if abs(total - 1) < 0.05 or abs(total - 100) < 1:
        return [wrong("these are shares", hint="the cells hold counts of flights; leave out the division")]
    return _misread(counts, wanted)


def _misread(counts: Mapping[str, float], wanted: Mapping[str, int]) -> Sequence[Finding]:
    def is_swapped(*pairs: tuple[str, str]) -> bool:
        swap = {one: other for pair in pairs for one, other in (pair, pair[::-1])}
        return all(counts[name] == wanted[swap.get(name, name)] for name in _CELLS)

    off, on = (_FALSE_ALARM, _MISSED), (_LATE, _QUIET)
    if is_swapped(off):
        return [
            right("the two kinds of right predictions are where they belong"),
            wrong(
                "the two kinds of mistakes are exchanged",
                hint="ask of scikit-learn's matrix: what do its rows stand for?",
            ),
        ]
    if is_swapped(on):
        return [
            right("the two kinds of mistakes are where they belong"),
            wrong(
                "the two kinds of right predictions are exchanged", hint="which class stands first in rows and columns?"
            ),
        ]
    if is_swapped(off, on):
        return [
            wrong(
                "this is the matrix of another question, where 'on time' is what one looks for",
                hint="here 'late' is the positive class, and the classes stand in the order 'on time', 'delayed'",
            )
        ]
    total, expected = sum(counts.values()), sum(wanted.values())
    if total != expected:
        found = f"the four cells hold {total:,.0f} flights, the matrix {expected:,}"
        return [wrong(found, hint="each number of the matrix goes into exactly one cell")]
    good = [name for name in _CELLS if counts[name] == wanted[name]]
    findings = [right(f"{listed(good)} {'is' if len(good) == 1 else 'are'} right")] if good else []
    hint = "take one number at a time: which row is it in (what happened), which column (what was predicted)?"
    return [*findings, wrong("other cells are mixed up" if good else "the cells are mixed up", hint=hint)]


# --------------------------------------------------------------------------- 01.3

_Payoff = Mapping[str, float]


def _right_formula(v: _Payoff) -> float:
    loss, gain = v[_QUIET] - v[_FALSE_ALARM], v[_LATE] - v[_MISSED]
    return loss / (gain + loss)


# What a wrong formula computes, and where to look then. The first that agrees on every payoff is reported.
_FORMULAS: list[tuple[Callable[[_Payoff], float], str, str]] = [
    (
        lambda v: 1 - _right_formula(v),
        "this is the probability of the other outcome",
        "check it at an extreme: when a false alarm costs nearly nothing, should the threshold be low or high?",
    ),
    (
        lambda v: 100 * _right_formula(v),
        "the size is right, the unit is not",
        "a probability lies between 0 and 1, it is no percentage",
    ),
    (
        lambda v: (v[_QUIET] - v[_FALSE_ALARM]) / (v[_LATE] - v[_MISSED]),
        "these are odds",
        "odds compare late with on time; a probability compares late with all",
    ),
    (
        lambda v: (v[_LATE] - v[_MISSED]) / (v[_QUIET] - v[_FALSE_ALARM]),
        "these are odds, the other way round",
        "odds compare two outcomes; a probability compares one outcome with all",
    ),
    (
        lambda v: (v[_QUIET] - v[_MISSED]) / ((v[_LATE] - v[_FALSE_ALARM]) + (v[_QUIET] - v[_MISSED])),
        "the two mistakes are exchanged",
        "a false alarm belongs to a flight that is on time, a missed delay to one that is late",
    ),
    (
        lambda v: v[_FALSE_ALARM] / (v[_FALSE_ALARM] + v[_MISSED]),
        "only the two mistakes are weighed",
        "right predictions are worth something as well: on a late flight, compare what a warning brings with "
        "what silence brings",
    ),
    (
        lambda v: -v[_FALSE_ALARM] / (v[_LATE] - v[_FALSE_ALARM]),
        "only the flights that are warned are weighed",
        "not warning has its own dollars, on late flights and on those that are on time",
    ),
    (
        lambda v: (v[_QUIET] + v[_FALSE_ALARM]) / ((v[_LATE] + v[_MISSED]) + (v[_QUIET] + v[_FALSE_ALARM])),
        "a sign is wrong",
        "costs are negative in the payoff already: what does a flight gain or lose when silence turns into a warning?",
    ),
    (
        lambda v: (v[_QUIET] - v[_FALSE_ALARM]) / (v[_LATE] - v[_MISSED]) + (v[_QUIET] - v[_FALSE_ALARM]),
        "the sum below the line is cut short",
        "a division comes before a sum: put the whole denominator in brackets",
    ),
]


@grader("01.3")
def break_even(answer: Any) -> Sequence[Finding]:
    """Grade a function from a payoff over the four cells to the probability at which a warning breaks even."""
    if not callable(answer):
        hint = "pass the name of the function, without brackets behind it"
        return [wrong(f"a {type(answer).__name__} is no function", hint=hint)]
    tried, known = read_toml("exercises.toml")["01.3"], read_toml("payoffs.toml")
    payoffs = [{cell: known[name][cell] for cell in _CELLS} for name in tried["named"]] + tried["payoffs"]
    results = []
    for payoff in payoffs:
        try:
            results.append(_call(answer, payoff))
        except (Exception, SystemExit) as error:  # the learner's function may do anything
            missing = isinstance(error, KeyError)
            hint = (
                f"the payoff is asked by name: {listed(_CELLS)}"
                if missing
                else "call it yourself on a payoff and read the error"
            )
            return [wrong(f"the function stops with {describe_error(error)}", hint=hint)]
    if any(result is ... for result in results):
        return [blank("what the function returns")]
    if any(result is None for result in results):
        return [wrong("the function returns nothing", hint="end it with return and what you computed")]
    numbers = [as_number(result) for result in results]
    if None in numbers:
        kind = type(results[numbers.index(None)]).__name__
        return [
            wrong(
                f"the function returns a {kind} where one number is asked for",
                hint="ask the payoff for one cell at a time",
            )
        ]
    if _agree(numbers, [_right_formula(payoff) for payoff in payoffs]):
        return [right(f"it breaks even on all of {len(payoffs)} payoffs"), right("all four cells are weighed")]
    return [_mistake(numbers, payoffs)]


def _call(function: Callable[[Any], Any], payoff: _Payoff) -> Any:
    import pandas as pd

    values = {name: float(value) for name, value in payoff.items()}  # a copy: the function may change it
    try:
        return function(pd.Series(values))  # what the lesson's payoffs are
    except Exception:
        return function(values)


def _agree(numbers: Sequence[float], others: Sequence[float]) -> bool:
    return all(abs(one - other) <= 1e-6 * max(1, abs(other)) for one, other in zip(numbers, others, strict=True))


def _mistake(numbers: Sequence[float], payoffs: Sequence[_Payoff]) -> Finding:
    if max(numbers) - min(numbers) < 1e-9:
        hint = "another payoff must give another threshold: compute it from the argument, not from numbers you remember"
        return wrong("it answers the same whatever the payoff", hint=hint)
    for formula, found, hint in _FORMULAS:
        if _agree(numbers, [formula(payoff) for payoff in payoffs]):
            return wrong(found, hint=hint)
    good = sum(_agree([number], [_right_formula(payoff)]) for number, payoff in zip(numbers, payoffs, strict=True))
    hint = (
        "write down what a warning brings on average for a flight that is late with probability p, and what silence "
        "brings; p is where the two are equal"
    )
    if good:
        return wrong(f"it breaks even on {good} of {len(payoffs)} payoffs only", hint=hint)
    if not all(0 <= number <= 1 for number in numbers):
        return wrong("some results are no probabilities", hint=f"a probability lies between 0 and 1; {hint}")
    return wrong("a warning does not break even there", hint=hint)
