"""The graders of lesson 07 on right answers and on plausible wrong ones."""

from __future__ import annotations

import functools
import math
import operator
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.special
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils.tables import read_toml

shap = pytest.importorskip("shap", reason="the interpretability group is not installed")


def logistic(log_odds):
    return 1 / (1 + math.exp(-log_odds))


def plainly(flight):
    return 1 / (1 + np.exp(-(flight.base_values + flight.values.sum())))


def by_odds(flight):
    odds = math.exp(flight.base_values)
    for value in flight.values:
        odds *= math.exp(value)
    return odds / (1 + odds)


def as_array(flight):
    return np.array([logistic(flight.base_values + float(sum(flight.values)))])


def of(how):
    """Return a function of a flight's explanation from one of its start and its values."""
    return lambda flight: how(flight.base_values, flight.values)


def series(flight):
    return pd.Series(flight.values, index=flight.feature_names)


def summed(flight, families):
    values = series(flight)
    return pd.Series({name: values[columns].sum() for name, columns in families.items()})


def complete(flight, families):
    sums = summed(flight, families)
    return list(sums[sums > 0].sort_values(ascending=False).index)


def with_a_loop(flight, families):
    values = dict(zip(flight.feature_names, flight.values, strict=True))
    found = []
    for name, columns in families.items():
        total = 0
        for column in columns:
            total += values[column]
        if total > 0:
            found.append((total, name))
    return tuple(name for _, name in sorted(found, reverse=True))


def as_index(flight, families):
    sums = summed(flight, families)
    return sums[sums > 0].sort_values(ascending=False).index


def sorted_by(how, kept=lambda score: score > 0):
    """Return a function that sorts by another score than the sum."""

    def answer(flight, families):
        values = series(flight)
        scores = {name: how(values[columns]) for name, columns in families.items()}
        return sorted((name for name in scores if kept(scores[name])), key=lambda name: -scores[name])

    return answer


def from_pairs(flight, families):
    scores = []
    for name, columns in families.items():
        where = [flight.feature_names.index(column) for column in columns]
        scores.append((flight.values[where].sum(), name))
    yield from (name for score, name in sorted(scores)[::-1] if score > 0)


def as_keys(flight, families):
    return dict.fromkeys(complete(flight, families), True).keys()


def grouped(flight, families):
    family_of = {column: name for name, columns in families.items() for column in columns}
    sums = series(flight).groupby(family_of).sum()
    return sums[sums.gt(0)].sort_values(ascending=False).index.tolist()


def ranked(flight, families):
    sums = summed(flight, families)
    return pd.Series(sums.nlargest(len(sums)).loc[lambda score: score > 0].index)


class Reasons:
    """A callable object."""

    def __call__(self, flight, families):
        """Return the families that raise the risk."""
        return complete(flight, families)


def largest(count):
    """Return a function that adds the start and the values with the largest effect."""
    return of(lambda start, values: logistic(start + values[np.argsort(-np.abs(values))[:count]].sum()))


def spoilt(flight, families):
    families.popitem()
    return complete(flight, families)


def doubled(flight):
    flight.values[:] = flight.values + 0.5
    return plainly(flight)


RIGHT = {
    "07.1": [
        plainly,
        by_odds,
        as_array,
        functools.partial(plainly),
        of(lambda start, values: logistic(start + sum(values))),
        of(lambda start, values: scipy.special.expit(start + values.sum())),
        of(lambda start, values: float(np.exp(start + values.sum()) / (1 + np.exp(start + values.sum())))),
        of(lambda start, values: (1 + np.tanh((start + values.sum()) / 2)) / 2),
        of(lambda start, values: np.exp(-np.logaddexp(0, -(start + values.sum())))),
        of(lambda start, values: Fraction(logistic(float(functools.reduce(operator.add, values, start))))),
        of(lambda start, values: pd.Series([plainly(shap.Explanation(values, base_values=start))])),
    ],
    "07.2": [
        complete,
        with_a_loop,
        as_index,
        lambda flight, families: as_index(flight, families).to_numpy(),
        from_pairs,
        as_keys,
        grouped,
        ranked,
        Reasons(),
    ],
}

WRONG = {
    "07.1": [
        (of(lambda start, values: start + values.sum()), "only the first step"),
        (of(lambda start, values: logistic(values.sum())), "before it knows anything"),
        (of(lambda start, values: logistic(-start - values.sum())), "more or less probable"),
        (of(lambda start, values: np.exp(start + values.sum())), "in the sum of odds and one"),
        (of(lambda start, values: 100 * logistic(start + values.sum())), "not a percentage"),
        (of(lambda start, values: logistic(start) + sum(map(logistic, values))), "only in log-odds"),
        (of(lambda start, values: logistic(start) + sum(logistic(v) - 0.5 for v in values)), "only in log-odds"),
        (of(lambda start, values: logistic(start + values.mean())), "by its full size"),
        (of(lambda start, values: logistic(start + np.abs(values).sum())), "below zero"),
        (of(lambda start, values: logistic(start + values[values > 0].sum())), "lowers the risk"),
        (of(lambda start, values: logistic(start)), "moves it away"),
        (of(lambda start, values: logistic(start - values.sum())), "with which sign"),
        (lambda flight: logistic(flight.base_values + flight.data.sum()), "which attribute"),
        (of(lambda start, values: 1 / (1 + 10 ** -(start + values.sum()))), "by hand"),
        (largest(7), "a plot groups"),
        (largest(1), "a plot groups"),
        (of(lambda start, values: logistic(start + values[:3].sum())), "how many inputs"),
        (of(lambda start, values: round(logistic(start + values.sum()), 2)), "how many digits"),
        (of(lambda start, values: logistic(2 * start + values.sum())), "by hand"),
        (lambda flight: 0.89, "arguments of your function"),
        (of(lambda start, values: 1 / (1 + np.exp(-start - values))), "not one for each input"),
        (lambda flight: f"{plainly(flight):.1%}", "into text"),
        (lambda flight: plainly(flight) > 0.5, "needs a threshold"),
        (of(lambda start, values: math.inf - math.inf * values.size), "finite number"),
        (lambda flight: print(plainly(flight)), "what is printed"),
        (lambda start, values: plainly(start), "the cell began with"),
        (lambda flight: logistic(flight["late_1h_all"].values), "which names, keys"),
        (doubled, "as they were"),
        (0.89, "define a function"),
    ],
    "07.2": [
        (lambda flight, families: complete(flight, families)[::-1], "sort numbers"),
        (sorted_by(sum, lambda score: True), "reasons against it"),
        (sorted_by(sum, lambda score: score >= 0), "sum of zero"),
        (sorted_by(sum, lambda score: score < 0), "reasons against it"),
        (sorted_by(lambda part: abs(part.sum())), "not a reason for a warning"),
        (sorted_by(max), "is chance"),
        (sorted_by(lambda part: part.iloc[0]), "belong to its effect"),
        (sorted_by(lambda part: part[part > 0].sum()), "add all of them"),
        (sorted_by(lambda part: part.abs().sum()), "keep the signs"),
        (sorted_by(lambda part: part.mean()), "all its columns together"),
        (sorted_by(sum, lambda score: score > math.log(1.1)), "your limit come from"),
        (lambda flight, families: complete(flight, families)[:1], "how many families"),
        (lambda flight, families: complete(flight, families)[:3], "how many families"),
        (
            lambda flight, families: [name for name in families if summed(flight, families)[name] > 0],
            "the first reasons",
        ),
        (lambda flight, families: sorted(complete(flight, families)), "the first reasons"),
        (summed, "only the names of the families"),
        (lambda flight, families: set(complete(flight, families)), "has no order"),
        (lambda flight, families: (complete(flight, families) or [""])[0], "only the names of the families"),
        (
            lambda flight, families: [name for name, value in series(flight).sort_values().items() if value > 0],
            "keys of the dict",
        ),
        (lambda flight, families: complete(flight, families) or ["none"], "keys of the dict"),
        (lambda flight, families: [name for name in complete(flight, families) for _ in range(2)], "each family once"),
        (lambda flight, families: complete(flight, families)[1:], "by hand"),
        (lambda flight, families: list(families)[:1], "by hand"),
        (lambda flight, families: ["today"], "arguments of your function"),
        (lambda flight, families: complete(flight, {"weather": ["visib"]}), "which names, keys"),
        (lambda flight, families: [name for name in families if flight[families[name]] > 0], "in that line"),
        (lambda flight: list(flight.feature_names), "the cell began with"),
        (spoilt, "as they were"),
        (["today's delays"], "define a function"),
    ],
}

EQUIVALENT = {
    "07.2": {
        "*list(sums[[]sums > 0].sort_values(ascendin left out": "an index of names in order is a list of names",
        "result keys only": "list() of a list is the list itself",
    }
}

SECRETS = {"07.1": ["exp", "1 +", "sum("], "07.2": ["> 0", "sum(", "sort_values"]}


def test_the_hidden_flights_have_no_two_families_of_the_same_sum():
    """Families that tie would make a right order look wrong."""
    for case in read_toml("reasons.toml")["07.2"]["case"]:
        sums = [round(sum(case["values"][name] for name in names), 9) for names in case["families"].values()]
        raising = [score for score in sums if score > 0]
        assert len(raising) == len(set(raising))


def test_a_refusal_names_the_flight(report):
    """I see for which of the hidden flights my number is wrong, and what it was."""
    printed = report("07.1", of(lambda start, values: logistic(start + values.sum() * (len(values) < 5))))
    assert "✗ for a flight with 6 inputs, " in printed
