"""Graders of lesson 06, business data analysis."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
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
    wrong,
)
from course_utils.tables import read_csv, read_toml

_LATE, _FALSE_ALARM = "warned, late", "warned, on time"
_MISSED, _QUIET = "not warned, late", "not warned, on time"
_CELLS = (_LATE, _FALSE_ALARM, _MISSED, _QUIET)


# --------------------------------------------------------------------------- 06.1


@grader("06.1")
def overruled(answer: Any) -> Sequence[Finding]:
    """Grade which rejected columns a model may use: a collection of column names."""
    usable = read_toml("exercises.toml")["06.1"]["usable"]
    if isinstance(answer, str | Mapping) or not hasattr(answer, "__iter__"):
        return [wrong(f"a {type(answer).__name__} is no list of columns", hint="give the names in square brackets")]
    names = [str(name) for name in answer]
    dictionary = read_csv("dictionary.csv").query("table == 'flights'").set_index("column")
    unknown = [name for name in names if name not in dictionary.index]
    if unknown:
        return [wrong(f"{listed(unknown)} is no column", hint="write the names as the index of the table has them")]
    findings = []
    late = [name for name in names if dictionary.loc[name, "known_hours_before"] < 3]
    if late:
        found = f"{listed(late)} {'is' if len(late) == 1 else 'are'} not known three hours before departure"
        findings.append(wrong(found, hint="look at 'known_hours_before': a negative number is after arrival"))
    barred = [name for name in names if name not in late and name not in usable]
    inputs = [name for name in barred if dictionary.loc[name, "use"] == "yes"]
    if inputs:
        hint = "take the rows of the table above that names what each column follows, and no others"
        findings.append(wrong(f"{listed(inputs)} was not rejected for following another column", hint=hint))
    if barred := [name for name in barred if name not in inputs]:
        found = f"{listed(barred)} is known in time, and the dictionary bars it all the same"
        findings.append(wrong(found, hint="being known is not enough: read the column 'use'"))
    if absent := [name for name in usable if name not in names]:
        many = f"{len(absent)} column{'s' if len(absent) > 1 else ''} that a model may use still stay out"
        hint = "go through the rejected columns one by one; that one follows another is no reason to drop both"
        findings.append(wrong(many, hint=hint))
    if not findings:
        return [right("all of them are known in time, and the dictionary lets a model use them")]
    good = len(usable) - len(absent)
    return [right(f"{good} of them may be used"), *findings] if good else findings


# --------------------------------------------------------------------------- 06.2

_ALIKE = {  # a plausible choice, and what to think of
    "accuracy": "accuracy mixes both kinds of error: which one does the question ask for?",
    "recall": "that is the share that was caught: the question is about the rest",
    "sensitivity": "that is the share that was caught: the question is about the rest",
    "micro f1": "summed up like that, a class counts by its flights: who has the most?",
    "rmse": "squares let a few extreme flights decide: is that what 'typical' means?",
    "mse": "squares let a few extreme flights decide: is that what 'typical' means?",
    "r2": "that is a share of the variance: the question asks for minutes",
    "r²": "that is a share of the variance: the question asks for minutes",
    "auc": "that looks at the order alone: which question asks for an order?",
    "log-loss": "that looks at the probabilities themselves: which question asks for those?",
    "calibration": "that looks at the probabilities themselves: which question asks for those?",
    "mae": "that is in minutes: does the question ask for minutes?",
    "precision": "that is a share of the warnings: what is this question's share of?",
    "type i": "that is a share of the flights on time: what is this question's share of?",
    "type ii": "that is a share of the delays: what is this question's share of?",
    "macro f1": "that averages over classes: does the question speak of classes?",
}


@grader("06.2")
def chosen_scores(answer: Any) -> Sequence[Finding]:
    """Grade a score for each question: a mapping from question to the score's name."""
    wanted = read_toml("exercises.toml")["06.2"]
    given = as_mapping(answer)
    if given is None:
        return [wrong(f"a {type(answer).__name__} is no dict", hint="keep the questions, and fill in a name for each")]
    if absent := [question for question in wanted if question not in given]:
        return [wrong(f"{len(absent)} questions are missing", hint="keep the questions as they stand in the cell")]
    if texts := [question for question in wanted if not isinstance(given[question], str)]:
        return [wrong(f"{texts[0]!r} has no text", hint="write the score's name between quotes")]
    known = {_plain(name) for names in wanted.values() for name in names} | set(_ALIKE)
    findings = []
    for question, names in wanted.items():
        said = _plain(given[question])
        if said in {_plain(name) for name in names}:
            continue
        if said not in known:
            findings.append(wrong(f"{given[question]!r} is no score of this lesson", hint="choose from the list"))
            continue
        hint = _ALIKE.get(said, "say what is counted, and of what it is a share")
        findings.append(wrong(f"{question} {given[question]} answers something else", hint=hint))
    good = len(wanted) - len(findings)
    return [
        *([right(f"{good} of {len(wanted)} questions have the score that answers them")] if good else []),
        *findings,
    ]


def _plain(name: str) -> str:
    name = re.sub(r"[\s_-]+", " ", name.strip().lower()).replace("log loss", "log-loss")
    name = name.replace("cross entropy", "cross-entropy").replace("type 1", "type i").replace("type 2", "type ii")
    return re.sub(r"^type (i{1,2}) (error|errors|error rate)$", r"type \1", name).replace("f1 macro", "macro f1")


# --------------------------------------------------------------------------- 06.3


@grader("06.3")
def ledger(answer: Any) -> Sequence[Finding]:
    """Grade a function from scikit-learn's matrix and a payoff to the dollars of each named cell."""
    if not callable(answer):
        return [wrong(f"a {type(answer).__name__} is no function", hint="pass its name, without brackets behind it")]
    tried = read_toml("exercises.toml")["06.3"]
    (quiet, false_alarm), (missed, late) = tried["matrix"]
    counts = {_LATE: late, _FALSE_ALARM: false_alarm, _MISSED: missed, _QUIET: quiet}
    payoff = tried["payoff"]
    try:
        result = _call(answer, tried["matrix"], payoff)
    except (Exception, SystemExit) as error:  # the learner's function may do anything
        hint = "call it yourself on the deck's matrix and a payoff, and read the error"
        return [wrong(f"the function stops with {describe_error(error)}", hint=hint)]
    if result is ...:
        return [blank("what the function returns")]
    if result is None:
        return [wrong("the function returns nothing", hint="end it with return and what you computed")]
    if (total := as_number(result)) is not None:
        return _total(total, counts, payoff)
    given = as_mapping(result)
    if given is None or set(given) != set(_CELLS):
        hint = f"give each of the four amounts its name: {listed(_CELLS)}"
        return [wrong("the amounts are not named by what happened", hint=hint)]
    amounts = {cell: as_number(given[cell]) for cell in _CELLS}
    if none := [cell for cell in _CELLS if amounts[cell] is None]:
        return [wrong(f"{listed(none)} holds no amount", hint="give one number of dollars for each cell")]
    return _decoded(amounts, counts, payoff)


def _call(function: Callable[..., Any], matrix: Sequence[Sequence[int]], payoff: Mapping[str, float]) -> Any:
    import numpy as np
    import pandas as pd

    return function(np.array(matrix), pd.Series({cell: float(payoff[cell]) for cell in _CELLS}))


def _decoded(amounts: Mapping[str, float], counts: Mapping[str, float], payoff: Mapping[str, float]) -> list[Finding]:
    """Find which count met which value in each cell: with four different ones of each, every product tells."""
    products = {(one, other): counts[one] * payoff[other] for one in _CELLS for other in _CELLS}
    met = {}
    for cell in _CELLS:
        found = [pair for pair, product in products.items() if abs(amounts[cell] - product) < 0.01]
        if not found:
            return [_odd(amounts, counts, payoff)]
        met[cell] = found[0]
    counted = {cell: pair[0] for cell, pair in met.items()}
    valued = {cell: pair[1] for cell, pair in met.items()}
    if all(counted[cell] == valued[cell] == cell for cell in _CELLS):
        return [right("all four cells hold their own count times their own value"), right("each amount has its name")]
    findings = []
    if all(counted[cell] == valued[cell] for cell in _CELLS):
        findings.append(right("every count met its own value, so the total is right"))
        hint = "check the name of each amount: what happened to these flights?"
        return [*findings, wrong("the amounts stand under one another's names", hint=hint)]
    slip = _exchanged(counted)
    if slip:
        findings.append(slip)
    if all(valued[cell] == cell for cell in _CELLS):
        findings.insert(0, right("the payoff is asked by name"))
    else:
        hint = "ask the payoff for each cell by its name, never by its place"
        findings.append(wrong(f"{_pairs(valued)}: the dollars are exchanged", hint=hint))
    return findings


def _exchanged(counted: Mapping[str, str]) -> Finding | None:
    """Name how the counts were misread."""
    diagonal = counted[_LATE] == _QUIET and counted[_QUIET] == _LATE
    mistakes = counted[_FALSE_ALARM] == _MISSED and counted[_MISSED] == _FALSE_ALARM
    moved = [cell for cell in _CELLS if counted[cell] != cell]
    if not moved:
        return None
    if diagonal and mistakes:
        return wrong(
            "this is the ledger of the other class, where 'on time' is what one looks for",
            hint="here 'late' is the positive class, and it stands second in rows and columns",
        )
    if diagonal and len(moved) == 2:
        return wrong(
            "the counts of the two right answers are exchanged; with the deck's payoff, which pays the same for both, "
            "nobody could see it in the total",
            hint="in which corner are the flights that were on time, and of which nobody was warned?",
        )
    if mistakes and len(moved) == 2:
        return wrong(
            "the counts of the two mistakes are exchanged: the matrix was read transposed",
            hint="what do the rows stand for, and what the columns?",
        )
    return wrong("the counts are mixed up", hint="take one at a time: which row is it in, and which column?")


def _pairs(valued: Mapping[str, str]) -> str:
    moved = [cell for cell in _CELLS if valued[cell] != cell]
    if set(moved) == {_LATE, _QUIET}:
        return "values of the two right answers"
    return "values of the two mistakes" if set(moved) == {_FALSE_ALARM, _MISSED} else "values of several cells"


def _odd(amounts: Mapping[str, float], counts: Mapping[str, float], payoff: Mapping[str, float]) -> Finding:
    """Say what the amounts are where they are no products."""
    total = sum(counts.values())
    if all(abs(amounts[cell] - counts[cell]) < 0.01 for cell in _CELLS):
        return wrong("these are flights, not dollars", hint="what is each of these flights worth?")
    if all(abs(abs(amounts[cell]) - abs(counts[cell] * payoff[cell])) < 0.01 for cell in _CELLS):
        hint = "costs are negative in the payoff already: neither subtract them again nor drop the sign"
        return wrong("a sign is wrong", hint=hint)
    if all(abs(amounts[cell] - counts[cell] * payoff[cell] / total) < 0.01 for cell in _CELLS):
        return wrong("these are dollars for one flight on average", hint="leave out the division by all flights")
    return wrong("some amounts are no count times a value", hint="a cell's flights times what one of them is worth")


def _total(total: float, counts: Mapping[str, float], payoff: Mapping[str, float]) -> list[Finding]:
    """Say of a total which readings of the matrix lead to it, though four named amounts were asked for."""
    ask = wrong("this is a total, not a ledger", hint="keep the four amounts apart, each under its name")
    for order in permutations(_CELLS):
        counted = dict(zip(_CELLS, order, strict=True))
        if abs(total - sum(counts[counted[cell]] * payoff[cell] for cell in _CELLS)) < 0.01:
            slip = _exchanged(counted)
            return [ask, slip] if slip else [right("the total is right"), ask]
    return [ask]
