"""Graders of lesson 07, interpretability."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.exercises.grading import Finding, as_number, describe_error, grader, kind_of, not_a, right, wrong
from course_utils.tables import read_toml

if TYPE_CHECKING:
    import shap

_USE_ARGUMENTS = "use the arguments of your function: the check calls it with other flights"


def _flight(start: float, values: Mapping[str, float]) -> shap.Explanation:
    """Return one row of an Explanation, as `explanation[0]` is one."""
    import numpy as np
    import shap

    numbers = np.array(list(values.values()), dtype=float)
    return shap.Explanation(numbers, base_values=start, data=np.zeros(len(numbers)), feature_names=list(values))


# --------------------------------------------------------------------------- 07.1


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


#: Wrong formulas of a start and values, with what is wrong and the hint; the first that fits all flights is reported.
_SLIPS: list[tuple[Callable[[float, list[float]], float], str, str]] = [
    (
        lambda start, values: start + sum(values),
        "this is in log-odds",
        "the sum is only the first step: which function turns log-odds into a number between 0 and 1?",
    ),
    (
        lambda start, values: _logistic(sum(values)),
        "the start is missing",
        "what does the model predict before it knows anything about the flight?",
    ),
    (
        lambda start, values: 1 - _logistic(start + sum(values)),
        "this is the probability of leaving on time",
        "should higher log-odds make a delay more or less probable? Check a sign",
    ),
    (
        lambda start, values: math.exp(start + sum(values)),
        "these are odds",
        "odds can be any positive number: the probability is the share of the odds in the sum of odds and one",
    ),
    (
        lambda start, values: 100 * _logistic(start + sum(values)),
        "this is a percentage",
        "a probability is a number between 0 and 1, not a percentage",
    ),
    (
        lambda start, values: _logistic(start) + sum(_logistic(value) - 0.5 for value in values),
        "this is a sum of probabilities",
        "values add up only in log-odds: at which point do you have to change the scale?",
    ),
    (
        lambda start, values: _logistic(start) + sum(map(_logistic, values)),
        "this is a sum of probabilities",
        "values add up only in log-odds: at which point do you have to change the scale?",
    ),
    (
        lambda start, values: _logistic(start + sum(values) / len(values)),
        "this uses the mean of the values",
        "each value changes the log-odds by its full size",
    ),
    (
        lambda start, values: _logistic(start + sum(map(abs, values))),
        "this treats every value as one that raises the risk",
        "what does a value below zero do to the risk of a flight?",
    ),
]


@grader("07.1")
def probability(answer: Any) -> Sequence[Finding]:
    """Grade a function that returns a flight's probability from its row of a SHAP explanation."""
    if not callable(answer):
        hint = "define a function of one argument, the flight: the check calls it with its own flights"
        return [not_a("a function", answer, hint=hint)]
    task = read_toml("reasons.toml")["07.1"]
    cases = [(case["start"], case["values"]) for case in task["cases"]]
    found = []
    for start, values in cases:
        try:
            given = answer(_flight(start, {f"input {place}": value for place, value in enumerate(values)}))
        except Exception as error:
            hint = "the check passes one argument, a row of an Explanation with other inputs than yours"
            return [wrong(f"it stops with {describe_error(error)}", hint=hint)]
        number = as_number(given)
        if number is None:
            hint = "a flight has one probability: return one finite number, not one for each input"
            return [wrong(f"it returns {kind_of(given)}, and one number is needed", hint=hint)]
        found.append(number)
    wanted = [_logistic(start + sum(values)) for start, values in cases]
    if _same(found, wanted, task["near"]):
        return [
            right("it adds the values to the start"),
            right("it turns the sum into a probability, for every flight"),
        ]
    for slip, text, hint in _SLIPS:
        if _same(found, [slip(start, values) for start, values in cases], task["near"]):
            return [wrong(text, hint=hint)]
    if len(set(found)) == 1:
        return [wrong("every flight gets the same probability", hint=_USE_ARGUMENTS)]
    hint = "calculate one case by hand: if the start and all values are zero, late and on time are equally probable"
    return [wrong("these are not the probabilities of the flights", hint=hint)]


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


#: Wrong ways to choose and order families, with what is wrong and the hint; the first that fits is reported.
_MIXED_UP: list[tuple[Callable[[Mapping[str, float], _Families], list[str]], str, str]] = [
    (
        lambda values, families: _ordered(_sums(values, families), _raises)[::-1],
        "the weakest reason comes first",
        "in which order does Python sort numbers by default?",
    ),
    (
        lambda values, families: _ordered(_sums(values, families), lambda score: True),
        "it also lists families that lower the risk",
        "which families are reasons for a warning, and which are reasons against it?",
    ),
    (
        lambda values, families: _ordered(_sums(values, families), lambda score: score >= 0),
        "it lists a family that does not change the risk",
        "does a sum of zero raise the risk?",
    ),
    (
        lambda values, families: _ordered(
            {name: abs(score) for name, score in _sums(values, families).items()}, _raises
        ),
        "it sorts by the absolute size of the sums",
        "a family with a large effect that lowers the risk is not a reason for a warning",
    ),
    (
        lambda values, families: _ordered(_each(max, values, families), _raises),
        "it sorts by the strongest column of each family",
        "how a family's effect is divided among its columns is chance: which number does not depend on it?",
    ),
    (
        lambda values, families: _ordered(
            _each(lambda scores: sum(score for score in scores if score > 0), values, families), _raises
        ),
        "it drops columns that lower the risk before it adds",
        "within a family one column may cancel another one: add all of them",
    ),
    (
        lambda values, families: _ordered(_each(lambda scores: sum(map(abs, scores)), values, families), _raises),
        "it adds absolute values",
        "within a family one column may cancel another one: keep the signs",
    ),
    (
        lambda values, families: _ordered(_each(lambda scores: sum(scores) / len(scores), values, families), _raises),
        "it uses the mean of each family",
        "a family changes the log-odds by the effects of all its columns together",
    ),
    (
        lambda values, families: [name for name, score in _sums(values, families).items() if score > 0],
        "the families are right, but not their order",
        "passengers read only the first reasons: which ones should these be?",
    ),
]


@grader("07.2")
def raising(answer: Any) -> Sequence[Finding]:
    """Grade a function that returns the families which raise a flight's risk, from its explanation and the families."""
    if not callable(answer):
        hint = "define a function of two arguments: the check calls it with its own flights and families"
        return [not_a("a function", answer, hint=hint)]
    cases = read_toml("reasons.toml")["07.2"]["case"]
    found = []
    for case in cases:
        families = {name: list(columns) for name, columns in case["families"].items()}
        try:
            given = answer(_flight(-1.0, case["values"]), families)
        except Exception as error:
            hint = (
                "the check passes two arguments: a row of an Explanation, which has values and feature_names, and a "
                "dict from family to a list of its columns"
            )
            return [wrong(f"it stops with {describe_error(error)}", hint=hint)]
        names = _names(given)
        if names is None:
            hint = "return a list with only the names of the families, an empty one if none raises the risk"
            return [wrong(f"it returns {kind_of(given)} that is not a list of names", hint=hint)]
        found.append(names)
    if found == [case["wanted"] for case in cases]:
        return [
            right("it adds up each family before it compares them"),
            right("it puts the strongest reason first"),
        ]
    for slip, text, hint in _MIXED_UP:
        if found == [slip(case["values"], case["families"]) for case in cases]:
            return [wrong(text, hint=hint)]
    if any(set(names) - set(case["families"]) for names, case in zip(found, cases, strict=True)):
        hint = "return names of families, which are the keys of the dict, not names of columns"
        return [wrong("it returns names that are not families of this flight", hint=hint)]
    hint = "calculate two families by hand, one that raises and one that lowers the risk, and compare"
    return [wrong("it does not find the families that raise the risk", hint=hint)]


def _names(given: Any) -> list[str] | None:
    """Return the names in a list, tuple, array or index; None for anything else."""
    if hasattr(given, "tolist") and not hasattr(given, "items"):
        given = given.tolist()
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        return None
    return list(given)
