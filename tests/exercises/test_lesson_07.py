"""The graders of lesson 07 on right answers and on plausible wrong ones."""

from __future__ import annotations

import functools
import math

import numpy as np
import pandas as pd
import pytest
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

pytest.importorskip("shap", reason="the interpretability group is not installed")


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


RIGHT = {
    "07.1": [
        plainly,
        by_odds,
        as_array,
        functools.partial(plainly),
        of(lambda start, values: logistic(start + sum(values))),
    ],
    "07.2": [complete, with_a_loop, as_index, lambda flight, families: as_index(flight, families).to_numpy()],
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
        (lambda flight: 0.89, "arguments of your function"),
        (of(lambda start, values: 1 / (1 + np.exp(-start - values))), "not one for each input"),
        (lambda flight: print(plainly(flight)), "one finite number"),
        (lambda start, values: plainly(start), "one argument"),
        (lambda flight: logistic(flight["late_1h_all"].values), "one argument"),
        (of(lambda start, values: logistic(start - values.sum())), "by hand"),
        (0.89, "define a function"),
    ],
    "07.2": [
        (lambda flight, families: complete(flight, families)[::-1], "sort numbers"),
        (sorted_by(sum, lambda score: True), "reasons against it"),
        (sorted_by(sum, lambda score: score >= 0), "sum of zero"),
        (sorted_by(lambda part: abs(part.sum())), "not a reason for a warning"),
        (sorted_by(max), "is chance"),
        (sorted_by(lambda part: part[part > 0].sum()), "add all of them"),
        (sorted_by(lambda part: part.abs().sum()), "keep the signs"),
        (sorted_by(lambda part: part.mean()), "all its columns together"),
        (
            lambda flight, families: [name for name in families if summed(flight, families)[name] > 0],
            "the first reasons",
        ),
        (summed, "only the names of the families"),
        (lambda flight, families: (complete(flight, families) or [""])[0], "only the names of the families"),
        (
            lambda flight, families: [name for name, value in series(flight).sort_values().items() if value > 0],
            "keys of the dict",
        ),
        (lambda flight, families: complete(flight, families)[:1], "by hand"),
        (lambda flight, families: complete(flight, {"weather": ["visib"]}), "feature_names"),
        (lambda flight, families: [name for name in families if flight[families[name]] > 0], "feature_names"),
        (lambda flight: list(flight.feature_names), "two arguments"),
        (["today's delays"], "define a function"),
    ],
}

SECRETS = {"07.1": ["exp", "1 +", "sum("], "07.2": ["> 0", "sum(", "sort_values"]}
