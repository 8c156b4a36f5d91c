"""Graders of lesson 07, interpretability."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, KeysView, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.exercises.calls import call
from course_utils.exercises.grading import Finding, as_number, grader, kind_of, listed, not_a, right, wrong
from course_utils.tables import read_toml
from course_utils.wording import counted

if TYPE_CHECKING:
    import shap

_USE_ARGUMENTS = "use the arguments of your function: the check calls it with other flights"


def _flight(start: float, values: Mapping[str, float]) -> shap.Explanation:
    """Return one row of an Explanation, as `explanation[0]` is one."""
    import numpy as np
    import shap

    numbers = np.array(list(values.values()), dtype=float)
    data = np.arange(1.0, len(numbers) + 1)
    return shap.Explanation(numbers, base_values=np.float64(start), data=data, feature_names=list(values))


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
    (
        lambda start, values: _logistic(start + sum(value for value in values if value > 0)),
        "values below zero are left out",
        "an input that lowers the risk belongs to the sum, too",
    ),
    (
        lambda start, values: _logistic(start),
        "the values are missing",
        "does the model give every flight the same probability? What moves it away from the start?",
    ),
    (
        lambda start, values: _logistic(start - sum(values)),
        "the values are subtracted",
        "a value above zero raises the risk: with which sign does it belong to the sum?",
    ),
    (
        lambda start, values: _logistic(start + sum(range(1, len(values) + 1))),
        "this adds the flight's inputs, its `data`",
        "which attribute has what each input adds to the log-odds?",
    ),
    *(
        (
            lambda start, values, most=most: _logistic(start + sum(sorted(values, key=abs, reverse=True)[:most])),
            "only the largest values are added",
            "a plot groups the small values, and they still count: how many inputs may a flight have?",
        )
        for most in range(1, 21)
    ),
    *(
        (
            lambda start, values, most=most: _logistic(start + sum(values[:most])),
            "only the first values are added",
            "how many inputs may a flight have?",
        )
        for most in range(1, 21)
    ),
    *(
        (
            lambda start, values, digits=digits: round(_logistic(start + sum(values)), digits),
            "this is rounded",
            "return the full number: how many digits to print is decided where it is shown",
        )
        for digits in range(5)
    ),
]


@grader("07.1")
def probability(answer: Any) -> Sequence[Finding]:
    """Grade a function that returns a flight's probability from its row of a SHAP explanation."""
    if not callable(answer):
        hint = "define a function of one argument, the flight: the check calls it with its own flights"
        return [not_a("a function", answer, hint=hint)]
    near = read_toml("reasons.toml")["07.1"]["near"]
    cases = list(_cases())
    found = []
    for start, values in cases:
        case = f"for a flight with {_count(len(values), 'input')}"
        given = call(answer, _flight(start, {f"input {place}": v for place, v in enumerate(values)}), case=case)
        number = as_number(given)
        if number is None:
            return [wrong(f"{case}, it returns {kind_of(given)}, and one number is needed", hint=_no_number(given))]
        found.append(number)
    wanted = [_logistic(start + sum(values)) for start, values in cases]
    if _same(found, wanted, near):
        return [
            right("it adds the values to the start"),
            right("it turns the sum into a probability, for every flight"),
        ]
    if len(set(found)) == 1:
        return [wrong("every flight gets the same probability", hint=_USE_ARGUMENTS)]
    for slip, text, hint in _SLIPS:
        if _same(found, [slip(start, values) for start, values in cases], near):
            return [wrong(text, hint=hint)]
    odd = next(place for place, one in enumerate(found) if not _same([one], wanted[place : place + 1], near))
    text = f"for a flight with {_count(len(cases[odd][1]), 'input')}, {found[odd]:.6g} is not its probability"
    hint = "calculate one case by hand: if the start and all values are zero, late and on time are equally probable"
    return [wrong(text, hint=hint)]


def _cases() -> Iterator[tuple[float, list[float]]]:
    """Yield the start and the values of each flight on which a function is tried."""
    task = read_toml("reasons.toml")["07.1"]
    for case in task["cases"]:
        yield case["start"], case["values"]
    chance = random.Random(task["seed"])
    for inputs in task["inputs"]:
        yield chance.uniform(-2, 1), [chance.gauss(0, 0.4) for _ in range(inputs)]


def _count(many: int, what: str) -> str:
    return f"{many} {what}{'s' if many != 1 else ''}"


def _no_number(given: Any) -> str:
    """Return the hint for a result that is not one number."""
    if isinstance(given, str):
        return "return the number itself, without turning it into text"
    if isinstance(given, bool) or str(getattr(given, "dtype", "")) == "bool":
        return "yes or no needs a threshold, which the task does not give: return how probable a delay is"
    if isinstance(given, float):
        return "which step of your function no longer has a finite number? Print each of them"
    return "a flight has one probability: return one finite number, not one for each input"


def _same(found: Sequence[float], wanted: Sequence[float], near: float) -> bool:
    return all(math.isclose(one, other, abs_tol=near) for one, other in zip(found, wanted, strict=True))


# --------------------------------------------------------------------------- 07.2

_Families = Mapping[str, Sequence[str]]
_Reasons = Callable[[Mapping[str, float], _Families], list[str]]


def _sorted_by(
    how: Callable[[list[float]], float], kept: Callable[[float], bool] = lambda score: score > 0
) -> _Reasons:
    """Return a function that sorts families by a score of their values, and keeps some of the scores."""

    def reasons(values: Mapping[str, float], families: _Families) -> list[str]:
        scores = {name: how([values[column] for column in columns]) for name, columns in families.items()}
        return sorted((name for name, score in scores.items() if kept(score)), key=lambda name: -scores[name])

    return reasons


def _kept(kept: Callable[[float], bool]) -> _Reasons:
    return _sorted_by(lambda scores: round(sum(scores), 9), kept)


_wanted = _kept(lambda score: score > 0)

#: Wrong ways to choose and order families, with what is wrong and the hint; the first that fits is reported.
_MIXED_UP: list[tuple[_Reasons, str, str]] = [
    (
        lambda values, families: _wanted(values, families)[::-1],
        "the weakest reason comes first",
        "in which order does Python sort numbers by default?",
    ),
    (
        _sorted_by(lambda scores: abs(round(sum(scores), 9))),
        "it sorts by the absolute size of the sums",
        "a family with a large effect that lowers the risk is not a reason for a warning",
    ),
    (
        _sorted_by(max),
        "it sorts by the strongest column of each family",
        "how a family's effect is divided among its columns is chance: which number does not depend on it?",
    ),
    (
        _sorted_by(lambda scores: scores[0]),
        "it looks at the first column of each family only",
        "which of a family's columns belong to its effect?",
    ),
    (
        _sorted_by(lambda scores: sum(score for score in scores if score > 0)),
        "it drops columns that lower the risk before it adds",
        "within a family one column may cancel another one: add all of them",
    ),
    (
        _sorted_by(lambda scores: sum(map(abs, scores))),
        "it adds absolute values",
        "within a family one column may cancel another one: keep the signs",
    ),
    (
        _sorted_by(lambda scores: sum(scores) / len(scores)),
        "it uses the mean of each family",
        "a family changes the log-odds by the effects of all its columns together",
    ),
    *(
        (
            _kept(lambda score, least=least: score > least),
            "it drops families that raise the risk a little",
            "the task asks for every family that raises the risk: where does your limit come from?",
        )
        for least in (0.05, math.log(1.1), 0.1)
    ),
    *(
        (
            lambda values, families, most=most: _wanted(values, families)[:most],
            "it lists only the first reasons",
            "how many families may raise the risk of a flight? The task asks for each of them",
        )
        for most in range(1, 6)
    ),
]


@grader("07.2")
def raising(answer: Any) -> Sequence[Finding]:
    """Grade a function that returns the families which raise a flight's risk, from its explanation and the families."""
    if not callable(answer):
        hint = "define a function of two arguments: the check calls it with its own flights and families"
        return [not_a("a function", answer, hint=hint)]
    cases = [(case["values"], case["families"]) for case in read_toml("reasons.toml")["07.2"]["case"]]
    found = []
    for values, families in cases:
        case = f"for a flight with {_families_of(families)}"
        given = call(answer, _flight(-1.0, values), families, case=case)
        names = _names(given)
        if names is None:
            return [_no_list(case, given)]
        found.append(names)
    wanted = [_wanted(values, families) for values, families in cases]
    if found == wanted:
        return [
            right("it adds up each family before it compares them"),
            right("it puts the strongest reason first"),
        ]
    if len(set(map(tuple, found))) == 1:
        return [wrong("every flight gets the same reasons", hint=_USE_ARGUMENTS)]
    for slip, text, hint in _MIXED_UP:
        if found == [slip(values, families) for values, families in cases]:
            return [wrong(text, hint=hint)]
    if list(map(sorted, found)) == list(map(sorted, wanted)):
        hint = "passengers read only the first reasons: which ones should these be?"
        return [wrong("the families are right, but not their order", hint=hint)]
    odd = next(place for place, names in enumerate(found) if names != wanted[place])
    return [_odd_reasons(found[odd], wanted[odd], *cases[odd])]


def _no_list(case: str, given: Any) -> Finding:
    hint = "return a list with only the names of the families, an empty one if none raises the risk"
    if isinstance(given, set | frozenset):
        hint = "a set has no order: which of its names is the strongest reason?"
    what = "a list of other things than names" if isinstance(given, list | tuple) else kind_of(given)
    return wrong(
        f"{case}, it returns {what}{'' if isinstance(given, list | tuple) else ', not a list of names'}", hint=hint
    )


def _families_of(families: _Families) -> str:
    return counted(len(families), "family") if len(families) != 1 else "one family"


def _odd_reasons(
    names: Sequence[str], wanted: Sequence[str], values: Mapping[str, float], families: _Families
) -> Finding:
    """Say what is wrong with the reasons of one flight."""
    case = f"for a flight with {_families_of(families)}"
    if strange := [name for name in dict.fromkeys(names) if name not in families]:
        found = f"{case}, it returns {listed(strange[:4])}, which {'is no family' if len(strange) == 1 else 'are none'}"
        return wrong(found, hint="return names of families, which are the keys of the dict, not names of columns")
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        return wrong(f"{case}, it lists {listed(twice)} more than once", hint="name each family once")
    if against := [name for name in names if sum(values[column] for column in families[name]) < 0]:
        found = f"{case}, it lists {listed(against)}, which {'lowers' if len(against) == 1 else 'lower'} the risk"
        return wrong(found, hint="which families are reasons for a warning, and which are reasons against it?")
    if extra := [name for name in names if name not in wanted]:
        found = f"{case}, it lists {listed(extra)}, which {'does' if len(extra) == 1 else 'do'} not change the risk"
        return wrong(found, hint="does a sum of zero raise the risk?")
    if absent := [name for name in wanted if name not in names]:
        found = f"{case}, it leaves out {listed(absent)}, which {'raises' if len(absent) == 1 else 'raise'} the risk"
        return wrong(found, hint="calculate two families by hand, one that raises and one that lowers the risk")
    return wrong(f"{case}, the order is wrong", hint="which number of each family do you sort by?")


def _names(given: Any) -> list[str] | None:
    """Return the names in a list, tuple, array, Series or index; None for anything else."""
    given = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(given, list | tuple | KeysView) or not all(isinstance(name, str) for name in given):
        return None
    return list(given)
