"""Graders of lesson 06, business data analysis."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import Any

from course_utils.exercises.cells import CELLS, FALSE_ALARM, LATE, MISSED, QUIET
from course_utils.exercises.grading import (
    Finding,
    as_mapping,
    as_number,
    blank,
    describe_error,
    grader,
    listed,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_csv, read_toml

# --------------------------------------------------------------------------- 06.1


@grader("06.1")
def overruled(answer: Any) -> Sequence[Finding]:
    """Grade which rejected columns a model may use: a collection of column names."""
    usable = read_toml("exercises.toml")["06.1"]["usable"]
    if isinstance(answer, str | Mapping) or not hasattr(answer, "__iter__"):
        return [not_a("a list of columns", answer, hint="write the names in square brackets")]
    names = [str(name) for name in answer]
    dictionary = read_csv("dictionary.csv").query("table == 'flights'").set_index("column")
    unknown = [name for name in names if name not in dictionary.index]
    if unknown:
        return [wrong(f"unknown columns: {listed(unknown)}", hint="copy the names from the index of the table")]
    findings = []
    late = [name for name in names if dictionary.loc[name, "known_hours_before"] < 3]
    if late:
        found = f"{listed(late)} {'is' if len(late) == 1 else 'are'} not known three hours before departure"
        findings.append(wrong(found, hint="look at 'known_hours_before': a negative number means after departure"))
    barred = [name for name in names if name not in late and name not in usable]
    inputs = [name for name in barred if dictionary.loc[name, "use"] == "yes"]
    if inputs:
        hint = "use only the rows of the table that names what each column follows"
        findings.append(wrong(f"not rejected for following another column: {listed(inputs)}", hint=hint))
    if barred := [name for name in barred if name not in inputs]:
        found = f"known in time, but not allowed by the dictionary: {listed(barred)}"
        findings.append(wrong(found, hint="it is not enough that a value is known: read the column 'use'"))
    if absent := [name for name in usable if name not in names]:
        many = f"still missing: {len(absent)} column{'s' if len(absent) > 1 else ''} that a model may use"
        hint = "check the rejected columns one by one: following another column is no reason to drop a column"
        findings.append(wrong(many, hint=hint))
    if not findings:
        return [right("all of them are known in time, and the dictionary allows their use")]
    good = len(usable) - len(absent)
    return [right(f"usable columns found: {good}"), *findings] if good else findings


# --------------------------------------------------------------------------- 06.2

_ALIKE = {  # a plausible choice of a score, and the hint for it
    "accuracy": "accuracy mixes both kinds of error: which one is the question about?",
    "recall": "that is the share of delays that was caught: the question is about the rest",
    "sensitivity": "that is the share of delays that was caught: the question is about the rest",
    "micro f1": "in this average a class counts by its number of flights: which class has the most?",
    "rmse": "squared errors let a few extreme flights decide: is that a typical flight?",
    "mse": "squared errors let a few extreme flights decide: is that a typical flight?",
    "r2": "that is a share of the variance: the question asks for minutes",
    "r²": "that is a share of the variance: the question asks for minutes",
    "auc": "that measures the order alone: which question is about the order?",
    "log-loss": "that measures the probabilities themselves: which question is about those?",
    "calibration": "that measures the probabilities themselves: which question is about those?",
    "mae": "that is in minutes: does the question ask for minutes?",
    "precision": "that is a share of the warnings: what does this question ask for a share of?",
    "type i": "that is a share of the flights on time: what does this question ask for a share of?",
    "type ii": "that is a share of the delays: what does this question ask for a share of?",
    "macro f1": "that averages over classes: is the question about classes?",
}


@grader("06.2")
def chosen_scores(answer: Any) -> Sequence[Finding]:
    """Grade a score for each question: a mapping from question to the score's name."""
    wanted = read_toml("exercises.toml")["06.2"]
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="keep the questions, and fill in a score for each")]
    if absent := [question for question in wanted if question not in given]:
        return [
            wrong(f"{len(absent)} questions are missing", hint="keep the questions exactly as they are in the cell")
        ]
    if texts := [question for question in wanted if not isinstance(given[question], str)]:
        return [wrong(f"the answer to {texts[0]!r} is not a text", hint="write the score's name between quotes")]
    known = {_plain(name) for names in wanted.values() for name in names} | set(_ALIKE)
    findings = []
    for question, names in wanted.items():
        said = _plain(given[question])
        if said in {_plain(name) for name in names}:
            continue
        if said not in known:
            findings.append(
                wrong(f"{given[question]!r} is not a score of this lesson", hint="choose from the list in the task")
            )
            continue
        hint = _ALIKE.get(said, "write down what is counted, and what it is a share of")
        findings.append(wrong(f"{question} {given[question]!r} answers another question", hint=hint))
    good = len(wanted) - len(findings)
    return [
        *([right(f"{good} of {len(wanted)} questions have the right score")] if good else []),
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
        return [not_a("a function", answer, hint="pass its name, without brackets after it")]
    tried = read_toml("exercises.toml")["06.3"]
    (quiet, false_alarm), (missed, late) = tried["matrix"]
    counts = {LATE: late, FALSE_ALARM: false_alarm, MISSED: missed, QUIET: quiet}
    payoff = tried["payoff"]
    try:
        result = _call(answer, tried["matrix"], payoff)
    except (Exception, SystemExit) as error:  # the learner's function may do anything
        hint = "call it yourself with the deck's matrix and a payoff, and read the error message"
        return [wrong(f"the function stops with {describe_error(error)}", hint=hint)]
    if result is ...:
        return [blank("what the function returns")]
    if result is None:
        return [wrong("the function returns nothing", hint="end it with return and your result")]
    if (total := as_number(result)) is not None:
        return _total(total, counts, payoff)
    given = as_mapping(result)
    if given is None or set(given) != set(CELLS):
        hint = f"give each of the four amounts the name of its cell: {listed(CELLS)}"
        return [wrong("the amounts do not have the names of the four cells", hint=hint)]
    amounts = {cell: as_number(given[cell]) for cell in CELLS}
    if none := [cell for cell in CELLS if amounts[cell] is None]:
        return [wrong(f"not a number: {listed(none)}", hint="give one number of dollars for each cell")]
    return _decoded(amounts, counts, payoff)


def _call(function: Callable[..., Any], matrix: Sequence[Sequence[int]], payoff: Mapping[str, float]) -> Any:
    import numpy as np
    import pandas as pd

    return function(np.array(matrix), pd.Series({cell: float(payoff[cell]) for cell in CELLS}))


def _decoded(amounts: Mapping[str, float], counts: Mapping[str, float], payoff: Mapping[str, float]) -> list[Finding]:
    """Find which count and which value were multiplied in each cell: all products of a count and a value differ."""
    products = {(one, other): counts[one] * payoff[other] for one in CELLS for other in CELLS}
    met = {}
    for cell in CELLS:
        found = [pair for pair, product in products.items() if abs(amounts[cell] - product) < 0.01]
        if not found:
            return [_odd(amounts, counts, payoff)]
        met[cell] = found[0]
    counted = {cell: pair[0] for cell, pair in met.items()}
    valued = {cell: pair[1] for cell, pair in met.items()}
    if all(counted[cell] == valued[cell] == cell for cell in CELLS):
        return [right("each cell holds its own count times its own value"), right("each amount has the right name")]
    findings = []
    if all(counted[cell] == valued[cell] for cell in CELLS):
        findings.append(right("every count is multiplied by its own value, so the total is right"))
        hint = "check the name of each amount: what happened to these flights?"
        return [*findings, wrong("the amounts have the wrong names", hint=hint)]
    slip = _exchanged(counted)
    if slip:
        findings.append(slip)
    if all(valued[cell] == cell for cell in CELLS):
        findings.insert(0, right("you ask the payoff by name"))
    else:
        hint = "ask the payoff for each cell by its name, never by its position"
        findings.append(wrong(f"the dollars are exchanged: {_pairs(valued)}", hint=hint))
    return findings


def _exchanged(counted: Mapping[str, str]) -> Finding | None:
    """Return which counts are exchanged, or None if every count is in its own cell."""
    diagonal = counted[LATE] == QUIET and counted[QUIET] == LATE
    mistakes = counted[FALSE_ALARM] == MISSED and counted[MISSED] == FALSE_ALARM
    moved = [cell for cell in CELLS if counted[cell] != cell]
    if not moved:
        return None
    if diagonal and mistakes:
        return wrong(
            "this is the ledger with 'on time' as the positive class",
            hint="here 'late' is the positive class; it comes second in the rows and the columns",
        )
    if diagonal and len(moved) == 2:
        return wrong(
            "the counts of the two right answers are exchanged; the deck's payoff is the same for both, so its total "
            "does not show this",
            hint="which corner holds the flights that were on time and had no warning?",
        )
    if mistakes and len(moved) == 2:
        return wrong(
            "the counts of the two mistakes are exchanged: you read the matrix transposed",
            hint="what do the rows stand for, and what do the columns stand for?",
        )
    return wrong("the counts are mixed up", hint="take one count at a time: which row is it in, and which column?")


def _pairs(valued: Mapping[str, str]) -> str:
    moved = [cell for cell in CELLS if valued[cell] != cell]
    if set(moved) == {LATE, QUIET}:
        return "values of the two right answers"
    return "values of the two mistakes" if set(moved) == {FALSE_ALARM, MISSED} else "values of several cells"


def _odd(amounts: Mapping[str, float], counts: Mapping[str, float], payoff: Mapping[str, float]) -> Finding:
    """Return what the amounts are if they are not products of a count and a value."""
    total = sum(counts.values())
    if all(abs(amounts[cell] - counts[cell]) < 0.01 for cell in CELLS):
        return wrong("these are flights, not dollars", hint="what is each of these flights worth?")
    if all(abs(abs(amounts[cell]) - abs(counts[cell] * payoff[cell])) < 0.01 for cell in CELLS):
        hint = "costs are already negative in the payoff: neither subtract them again nor drop the sign"
        return wrong("a sign is wrong", hint=hint)
    if all(abs(amounts[cell] - counts[cell] * payoff[cell] / total) < 0.01 for cell in CELLS):
        return wrong("these are average dollars per flight", hint="leave out the division by the number of flights")
    return wrong(
        "some amounts are not a count times a value",
        hint="each amount is a cell's flights times the value of one flight",
    )


def _total(total: float, counts: Mapping[str, float], payoff: Mapping[str, float]) -> list[Finding]:
    """Return how the matrix was read if the answer is a total instead of four named amounts."""
    ask = wrong("this is a total, not a ledger", hint="keep the four amounts apart, each with the name of its cell")
    for order in permutations(CELLS):
        counted = dict(zip(CELLS, order, strict=True))
        if abs(total - sum(counts[counted[cell]] * payoff[cell] for cell in CELLS)) < 0.01:
            slip = _exchanged(counted)
            return [ask, slip] if slip else [right("the total is right"), ask]
    return [ask]
