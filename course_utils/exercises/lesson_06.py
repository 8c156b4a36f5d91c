"""Graders of lesson 06, business data analysis."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import Any

from course_utils.exercises.calls import call
from course_utils.exercises.cells import CELLS, FALSE_ALARM, LATE, MISSED, QUIET
from course_utils.exercises.grading import (
    Finding,
    as_mapping,
    as_number,
    grader,
    kind_of,
    listed,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_csv, read_toml
from course_utils.wording import counted

# --------------------------------------------------------------------------- 06.1


@grader("06.1")
def overruled(answer: Any) -> Sequence[Finding]:
    """Grade which rejected columns a model may use: a collection of column names."""
    usable = read_toml("exercises.toml")["06.1"]["usable"]
    if isinstance(answer, str | Mapping) or not isinstance(answer, Iterable):
        return [not_a("a list of columns", answer, hint="write the names in square brackets")]
    if getattr(answer, "ndim", 1) == 2:
        return [not_a("a list of columns", answer, hint="hand in the names that are in the index of your table")]
    if getattr(answer, "dtype", None) is not None and answer.dtype.kind in "biuf":
        kind = answer.dtype.name
        hint = "a selection has a value for each row of the table: hand in the names of the rows that it keeps"
        return [wrong(f"this is {kind_of(answer)} of {kind} values, not of names", hint=hint)]
    names = [str(name).strip() for name in answer]
    dictionary = read_csv("dictionary.csv").query("table == 'flights'").set_index("column")
    unknown = [name for name in names if name not in dictionary.index]
    if unknown:
        return [wrong(f"unknown columns: {listed(unknown)}", hint="copy the names from the index of the table")]
    findings = []
    late = [name for name in names if dictionary.loc[name, "known_hours_before"] < 3]
    if late:
        found = f"{listed(late)} {'is' if len(late) == 1 else 'are'} not known three hours before departure"
        after = any(dictionary.loc[name, "known_hours_before"] < 0 for name in late)
        hint = "a negative number means after departure" if after else "how many hours does the task ask for?"
        findings.append(wrong(found, hint=f"look at 'known_hours_before': {hint}"))
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
        return [
            right("all of them are known in time, and the dictionary allows their use"),
            right("no column that a model may use is missing"),
        ]
    good = len(usable) - len(absent)
    return [right(f"usable columns found: {good}"), *findings] if good else findings


# --------------------------------------------------------------------------- 06.2


@grader("06.2")
def chosen_scores(answer: Any) -> Sequence[Finding]:
    """Grade a score for each question: a mapping from question to the score's name."""
    task = read_toml("exercises.toml")["06.2"]
    questions = {question["asks"]: question for question in task["question"]}
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="keep the questions, and fill in a score for each")]
    keep = "keep the questions exactly as they are in the cell"
    if absent := [asks for asks in questions if asks not in given]:
        are = "is" if len(absent) == 1 else "are"
        return [wrong(f"{counted(len(absent), 'question')} {are} missing", hint=keep)]
    if unknown := [name for name in given if name not in questions]:
        return [wrong(f"{listed(unknown)} is not a question of this exercise", hint=keep)]
    if texts := [asks for asks in questions if not isinstance(given[asks], str)]:
        return [wrong(f"the answer to {texts[0]!r} is not a text", hint="write the score's name between quotes")]
    measures = {name: what for what, names in task["measures"].items() for name in names}
    findings = [finding for asks, question in questions.items() if (finding := _score(given[asks], question, measures))]
    good = len(questions) - len(findings)
    have = "has" if good == 1 else "have"
    found = f"{good} of {counted(len(questions), 'question')} {have} the right score"
    return [*([right(found)] if good else []), *findings]


def _score(said: str, question: Mapping[str, Any], measures: Mapping[str, str]) -> Finding | None:
    """Return what is wrong with the score for a question: what it measures, and what the question asks for."""
    name = _plain(said)
    if name in map(_plain, question["scores"]):
        return None
    if name not in measures:
        return wrong(f"{said!r} is not a score of this lesson", hint="choose from the list in the task")
    return wrong(f"{question['asks']} {said!r} measures {measures[name]}", hint=question["hint"])


def _plain(name: str) -> str:
    """Return the name of a score without case, brackets and hyphens, with its usual words in their usual order."""
    name = " ".join(re.sub(r"[\s_()-]+", " ", name.lower()).split())
    name = re.sub(
        r"^type ?(i{1,2}|[12])( errors?)?( rate)?$", lambda found: f"type {_ROMAN.get(found[1], found[1])}", name
    )
    return re.sub(r"^f1( score)? (macro|micro)$|^(macro|micro) f1 score$", r"\2\3 f1", name).replace(
        "logloss", "log loss"
    )


_ROMAN = {"1": "i", "2": "ii"}


# --------------------------------------------------------------------------- 06.3


@grader("06.3")
def ledger(answer: Any) -> Sequence[Finding]:
    """Grade a function from scikit-learn's matrix and a payoff to the dollars of each named cell."""
    if not callable(answer):
        return [not_a("a function", answer, hint="pass its name, without brackets after it")]
    for place, case in enumerate(read_toml("exercises.toml")["06.3"]["case"]):
        says = f"for the matrix {case['matrix']}"
        (quiet, false_alarm), (missed, late) = case["matrix"]
        counts = {LATE: late, FALSE_ALARM: false_alarm, MISSED: missed, QUIET: quiet}
        findings = _booked(_call(answer, case, says), counts, case["payoff"])
        if any(finding.kind == "wrong" for finding in findings):
            bad = [finding for finding in findings if finding.kind == "wrong"]
            return [wrong(f"{says}, {one.text}", hint=one.hint) for one in bad] if place else findings
    return findings


def _call(function: Any, case: Mapping[str, Any], says: str) -> Any:
    import numpy as np
    import pandas as pd

    return call(function, np.array(case["matrix"]), pd.Series(case["payoff"], dtype=float), case=says)


def _booked(result: Any, counts: Mapping[str, float], payoff: Mapping[str, float]) -> list[Finding]:
    """Grade the dollars that a function returned for one matrix and one payoff."""
    if (total := as_number(result)) is not None:
        return _total(total, counts, payoff)
    if getattr(result, "ndim", 1) == 2 and hasattr(result, "squeeze"):
        result = result.squeeze(axis=1) if result.shape[1] == 1 else result
    given = as_mapping(result)
    if given is None or set(given) != set(CELLS):
        return [_unnamed(result, given)]
    amounts = {cell: as_number(given[cell]) for cell in CELLS}
    if none := [cell for cell in CELLS if amounts[cell] is None]:
        return [wrong(f"not a number: {listed(none)}", hint="give one number of dollars for each cell")]
    return _decoded(amounts, counts, payoff)


def _unnamed(result: Any, given: Mapping[Any, Any] | None) -> Finding:
    """Return what is wrong with the names of a result."""
    if given is None:
        hint = f"give each of the four amounts the name of its cell, in a dict or a Series: {listed(CELLS)}"
        return wrong(f"the function returns {kind_of(result)} without the names of the four cells", hint=hint)
    if absent := [cell for cell in CELLS if cell not in given]:
        found = f"the function returns no amount for {listed(absent)}"
        return wrong(found, hint=f"give each of the four amounts the name of its cell: {listed(CELLS)}")
    unknown = [name for name in given if name not in CELLS]
    return wrong(
        f"{listed(unknown)} is not a cell",
        hint="return the four cells only: a sum over them would count each twice",
    )


def _decoded(amounts: Mapping[str, float], counts: Mapping[str, float], payoff: Mapping[str, float]) -> list[Finding]:
    """Find which count and which value were multiplied in each cell: all products of the two differ."""
    products = {(one, other): counts[one] * payoff[other] for one in CELLS for other in CELLS}
    met = {}
    for cell in CELLS:
        found = [pair for pair, product in products.items() if abs(amounts[cell] - product) < 0.01]
        if not found:
            return [_odd(cell, amounts, counts, payoff)]
        met[cell] = (cell, cell) if (cell, cell) in found else found[0]  # a count of zero fits every value
    count_of = {cell: pair[0] for cell, pair in met.items()}
    valued = {cell: pair[1] for cell, pair in met.items()}
    if all(count_of[cell] == valued[cell] == cell for cell in CELLS):
        return [right("each cell holds its own count times its own value"), right("each amount has the right name")]
    findings = []
    if all(count_of[cell] == valued[cell] for cell in CELLS):
        findings.append(right("every count is multiplied by its own value, so the total is right"))
        hint = "check the name of each amount: what happened to these flights?"
        return [*findings, wrong("the amounts have the wrong names", hint=hint)]
    slip = _exchanged(count_of)
    if slip:
        findings.append(slip)
    if all(valued[cell] == cell for cell in CELLS):
        findings.insert(0, right("you ask the payoff by name"))
    else:
        hint = "ask the payoff for each cell by its name, never by its position"
        findings.append(wrong(f"the dollars are exchanged: {_pairs(valued)}", hint=hint))
    return findings


def _exchanged(count_of: Mapping[str, str]) -> Finding | None:
    """Return which counts are exchanged, or None if every count is in its own cell."""
    diagonal = count_of[LATE] == QUIET and count_of[QUIET] == LATE
    mistakes = count_of[FALSE_ALARM] == MISSED and count_of[MISSED] == FALSE_ALARM
    moved = [cell for cell in CELLS if count_of[cell] != cell]
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


def _odd(cell: str, amounts: Mapping[str, float], counts: Mapping[str, float], payoff: Mapping[str, float]) -> Finding:
    """Return what the amounts are if the one of `cell` is not a product of a count and a value."""
    total = sum(counts.values())

    def are(near: float, how: Any) -> bool:
        return all(abs(amounts[name] - how(counts[name], payoff[name])) < near for name in CELLS)

    if are(0.01, lambda count, value: count):
        return wrong("these are flights, not dollars", hint="what is each of these flights worth?")
    if are(0.01, lambda count, value: value):
        return wrong("these are the dollars of one flight in each cell", hint="how many flights does each cell have?")
    if all(abs(abs(amounts[name]) - abs(counts[name] * payoff[name])) < 0.01 for name in CELLS):
        hint = "costs are already negative in the payoff: neither subtract them again nor drop the sign"
        return wrong("a sign is wrong", hint=hint)
    if are(0.01, lambda count, value: count * value / total):
        return wrong("these are average dollars per flight", hint="leave out the division by the number of flights")
    if are(0.01, lambda count, value: 1000 * count * value / total):
        hint = "the table above the exercise scales its amounts: does the task ask for that?"
        return wrong("these are dollars per 1,000 flights", hint=hint)
    if are(1, lambda count, value: count * value):
        return wrong(
            "these are whole dollars", hint="a payoff may have cents: who rounds, your function or its reader?"
        )
    found = f"{amounts[cell]:,.2f} dollars for {cell!r} is not a count times a value"
    return wrong(found, hint="each amount is a cell's flights times the value of one flight")


def _total(total: float, counts: Mapping[str, float], payoff: Mapping[str, float]) -> list[Finding]:
    """Return how the matrix was read if the answer is a total instead of four named amounts."""
    ask = wrong("this is a total, not a ledger", hint="keep the four amounts apart, each with the name of its cell")
    for order in permutations(CELLS):
        count_of = dict(zip(CELLS, order, strict=True))
        if abs(total - sum(counts[count_of[cell]] * payoff[cell] for cell in CELLS)) < 0.01:
            slip = _exchanged(count_of)
            return [ask, slip] if slip else [right("the total is right"), ask]
    return [ask]
