"""Graders of lesson 07, interpretability."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.exercises.grading import Finding, as_number, describe_error, grader, right, wrong
from course_utils.tables import read_toml

if TYPE_CHECKING:
    import pandas as pd

_HANDED = "use what is handed to your function: the check asks it about other flights"


def _series(values: Mapping[str, float] | Sequence[float]) -> pd.Series:
    import pandas as pd

    return pd.Series(values, dtype=float)


# --------------------------------------------------------------------------- 07.1


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


#: What is wrong with an answer that is this, for a start and values.
_SLIPS: list[tuple[Callable[[float, list[float]], float], str, str]] = [
    (
        lambda start, values: start + sum(values),
        "it stays in log-odds",
        "adding up is half of it: which function turns log-odds into a number between 0 and 1?",
    ),
    (
        lambda start, values: _logistic(sum(values)),
        "it leaves out where the flight starts",
        "what does the model answer before it is told anything?",
    ),
    (
        lambda start, values: 1 - _logistic(start + sum(values)),
        "it is the probability of leaving on time",
        "should more log-odds make a delay more or less probable? Look at a sign",
    ),
    (
        lambda start, values: math.exp(start + sum(values)),
        "these are odds",
        "odds can be any positive number: the probability is their part of odds and one together",
    ),
    (
        lambda start, values: 100 * _logistic(start + sum(values)),
        "the size is right, the unit is not",
        "a probability lies between 0 and 1, it is no percentage",
    ),
    (
        lambda start, values: _logistic(start) + sum(_logistic(value) - 0.5 for value in values),
        "it adds up probabilities",
        "values add up in log-odds and nowhere else: at which point must the scale be changed?",
    ),
    (
        lambda start, values: _logistic(start) + sum(map(_logistic, values)),
        "it adds up probabilities",
        "values add up in log-odds and nowhere else: at which point must the scale be changed?",
    ),
    (
        lambda start, values: _logistic(start + sum(values) / len(values)),
        "it takes the mean of the values",
        "each value moves the flight by all of its size",
    ),
    (
        lambda start, values: _logistic(start + sum(map(abs, values))),
        "it takes every value as one that raises the risk",
        "what does a value below zero do to a flight?",
    ),
]


@grader("07.1")
def probability(answer: Any) -> Sequence[Finding]:
    """Grade a function from a start and the values of a flight to its probability."""
    if not callable(answer):
        hint = "define a function of two arguments: the check asks it about flights of its own"
        return [wrong(f"a {type(answer).__name__} is no function", hint=hint)]
    task = read_toml("reasons.toml")["07.1"]
    cases = [(case["start"], case["values"]) for case in task["cases"]]
    found = []
    for start, values in cases:
        try:
            given = answer(start, _series(values))
        except Exception as error:
            hint = "it gets two arguments: a number, and a Series of numbers"
            return [wrong(f"it stops with {describe_error(error)}", hint=hint)]
        number = as_number(given)
        if number is None:
            hint = "a flight has one probability: return one finite number"
            return [wrong(f"it returns a {type(given).__name__} that is not one number", hint=hint)]
        found.append(number)
    wanted = [_logistic(start + sum(values)) for start, values in cases]
    if _same(found, wanted, task["near"]):
        return [right("the values are added to the start"), right("and turned into a probability, for every flight")]
    for slip, text, hint in _SLIPS:
        if _same(found, [slip(start, values) for start, values in cases], task["near"]):
            return [wrong(text, hint=hint)]
    if len(set(found)) == 1:
        return [wrong("every flight gets the same probability", hint=_HANDED)]
    hint = "try it by hand: where start and values are all nothing, late and on time are equally probable"
    return [wrong("the probabilities are not those of the flights", hint=hint)]


def _same(found: Sequence[float], wanted: Sequence[float], near: float) -> bool:
    return all(math.isclose(one, other, abs_tol=near) for one, other in zip(found, wanted, strict=True))


# --------------------------------------------------------------------------- 07.2

_Families = Mapping[str, Sequence[str]]


def _ordered(scores: Mapping[str, float], kept: Callable[[float], bool]) -> list[str]:
    return sorted((name for name, score in scores.items() if kept(score)), key=lambda name: -scores[name])


def _sums(values: Mapping[str, float], families: _Families) -> dict[str, float]:
    return {name: round(sum(values[column] for column in columns), 9) for name, columns in families.items()}


def _each(how: Callable[[list[float]], float], values: Mapping[str, float], families: _Families) -> dict[str, float]:
    return {name: how([values[column] for column in columns]) for name, columns in families.items()}


def _raises(score: float) -> bool:
    return score > 0


_MIXED_UP: list[tuple[Callable[[Mapping[str, float], _Families], list[str]], str, str]] = [
    (
        lambda values, families: _ordered(_sums(values, families), _raises)[::-1],
        "the weakest reason comes first",
        "in which order does a sort put numbers unless it is told otherwise?",
    ),
    (
        lambda values, families: _ordered(_sums(values, families), lambda score: True),
        "it lists families that lower the risk too",
        "what is a reason for a warning, and what speaks against one?",
    ),
    (
        lambda values, families: _ordered(_sums(values, families), lambda score: score >= 0),
        "it lists a family that does nothing",
        "does a sum of nothing raise the risk?",
    ),
    (
        lambda values, families: _ordered(
            {name: abs(score) for name, score in _sums(values, families).items()}, _raises
        ),
        "it goes by the size of the sums",
        "a family that lowers the risk can be a strong one, and is no reason for a warning",
    ),
    (
        lambda values, families: _ordered(_each(max, values, families), _raises),
        "it goes by the strongest column of each family",
        "columns of one family share their credit by chance: what of them does not depend on that?",
    ),
    (
        lambda values, families: _ordered(
            _each(lambda scores: sum(score for score in scores if score > 0), values, families), _raises
        ),
        "it leaves out columns that lower the risk before it adds",
        "within a family one column may take back what another gave: add all of them",
    ),
    (
        lambda values, families: _ordered(_each(lambda scores: sum(map(abs, scores)), values, families), _raises),
        "it adds up sizes without their signs",
        "within a family one column may take back what another gave: keep the signs",
    ),
    (
        lambda values, families: _ordered(_each(lambda scores: sum(scores) / len(scores), values, families), _raises),
        "it takes the mean of each family",
        "a family of many columns moves the flight by all of them together",
    ),
    (
        lambda values, families: [name for name, score in _sums(values, families).items() if score > 0],
        "the families are right, their order is not",
        "the passenger reads the first ones only: which should they be?",
    ),
]


@grader("07.2")
def raising(answer: Any) -> Sequence[Finding]:
    """Grade a function from a flight's values and the families to the families that raise its risk."""
    if not callable(answer):
        hint = "define a function of two arguments: the check asks it about flights and families of its own"
        return [wrong(f"a {type(answer).__name__} is no function", hint=hint)]
    cases = read_toml("reasons.toml")["07.2"]["case"]
    found = []
    for case in cases:
        families = {name: list(columns) for name, columns in case["families"].items()}
        try:
            given = answer(_series(case["values"]), families)
        except Exception as error:
            hint = "it gets two arguments: a Series by column, and a dict of family to a list of its columns"
            return [wrong(f"it stops with {describe_error(error)}", hint=hint)]
        names = _names(given)
        if names is None:
            hint = (
                "return the names of the families and nothing else, as a list; an empty one where none raises the risk"
            )
            return [wrong(f"it returns a {type(given).__name__} that is no list of names", hint=hint)]
        found.append(names)
    if found == [case["wanted"] for case in cases]:
        return [right("families are added up before they are compared"), right("the strongest reason comes first")]
    for slip, text, hint in _MIXED_UP:
        if found == [slip(case["values"], case["families"]) for case in cases]:
            return [wrong(text, hint=hint)]
    if any(set(names) - set(case["families"]) for names, case in zip(found, cases, strict=True)):
        hint = "return names of families, keys of the dict: columns of a family share their credit by chance"
        return [wrong("it returns names that are no families of this flight", hint=hint)]
    hint = "work out two families by hand, one with a column that raises and one that lowers the risk, and compare"
    return [wrong("it does not find the families that raise the risk", hint=hint)]


def _names(given: Any) -> list[str] | None:
    """Return the names in a list, tuple, array or index; None for anything else."""
    if hasattr(given, "tolist") and not hasattr(given, "items"):
        given = given.tolist()
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        return None
    return list(given)
