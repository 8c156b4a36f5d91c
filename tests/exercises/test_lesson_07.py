"""The graders of lesson 07 on right answers and on plausible wrong ones."""

from __future__ import annotations

import functools
import math

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)


def logistic(log_odds):
    return 1 / (1 + math.exp(-log_odds))


def plainly(start, values):
    return 1 / (1 + np.exp(-(start + values.sum())))


def by_odds(start, values):
    odds = math.exp(start)
    for value in values:
        odds *= math.exp(value)
    return odds / (1 + odds)


def as_array(start, values):
    return np.array([logistic(start + float(sum(values)))])


def summed(values, families):
    return pd.Series({name: values[columns].sum() for name, columns in families.items()})


def complete(values, families):
    sums = summed(values, families)
    return list(sums[sums > 0].sort_values(ascending=False).index)


def with_a_loop(values, families):
    found = []
    for name, columns in families.items():
        total = 0
        for column in columns:
            total += values[column]
        if total > 0:
            found.append((total, name))
    return tuple(name for _, name in sorted(found, reverse=True))


def as_index(values, families):
    sums = summed(values, families)
    return sums[sums > 0].sort_values(ascending=False).index


def sorted_by(how, kept=lambda score: score > 0):
    """Return a function that sorts by another score than the sum."""

    def answer(values, families):
        scores = {name: how(values[columns]) for name, columns in families.items()}
        return sorted((name for name in scores if kept(scores[name])), key=lambda name: -scores[name])

    return answer


RIGHT = {
    "07.1": [
        plainly,
        by_odds,
        as_array,
        functools.partial(plainly),
        lambda start, values: logistic(start + sum(values)),
    ],
    "07.2": [complete, with_a_loop, as_index, lambda values, families: as_index(values, families).to_numpy()],
}

WRONG = {
    "07.1": [
        (lambda start, values: start + values.sum(), "only the first step"),
        (lambda start, values: logistic(values.sum()), "before it knows anything"),
        (lambda start, values: logistic(-start - values.sum()), "more or less probable"),
        (lambda start, values: np.exp(start + values.sum()), "in the sum of odds and one"),
        (lambda start, values: 100 * logistic(start + values.sum()), "not a percentage"),
        (lambda start, values: logistic(start) + sum(map(logistic, values)), "only in log-odds"),
        (
            lambda start, values: logistic(start) + sum(logistic(v) - 0.5 for v in values),
            "only in log-odds",
        ),
        (lambda start, values: logistic(start + values.mean()), "by its full size"),
        (lambda start, values: logistic(start + values.abs().sum()), "below zero"),
        (lambda start, values: 0.89, "arguments of your function"),
        (lambda start, values: 1 / (1 + np.exp(-start - values)), "one finite number"),
        (lambda start, values: print(plainly(start, values)), "one finite number"),
        (lambda start: logistic(start), "two arguments"),
        (lambda start, values: logistic(start + values["late_1h_all"]), "two arguments"),
        (lambda start, values: logistic(start - values.sum()), "by hand"),
        (0.89, "define a function"),
    ],
    "07.2": [
        (lambda values, families: complete(values, families)[::-1], "sort numbers"),
        (sorted_by(sum, lambda score: True), "reasons against it"),
        (sorted_by(sum, lambda score: score >= 0), "sum of zero"),
        (sorted_by(lambda part: abs(part.sum())), "not a reason for a warning"),
        (sorted_by(max), "is chance"),
        (sorted_by(lambda part: part[part > 0].sum()), "add all of them"),
        (sorted_by(lambda part: part.abs().sum()), "keep the signs"),
        (sorted_by(lambda part: part.mean()), "all its columns together"),
        (
            lambda values, families: [name for name in families if summed(values, families)[name] > 0],
            "the first reasons",
        ),
        (lambda values, families: summed(values, families), "only the names of the families"),
        (lambda values, families: (complete(values, families) or [""])[0], "only the names of the families"),
        (lambda values, families: list(values[values > 0].sort_values(ascending=False).index), "keys of the dict"),
        (lambda values, families: complete(values, families)[:1], "by hand"),
        (lambda values, families: complete(values, {"weather": ["visib"]}), "two arguments"),
        (lambda values: list(values), "two arguments"),
        (["today's delays"], "define a function"),
    ],
}

SECRETS = {"07.1": ["exp", "1 +", "sum("], "07.2": ["> 0", "sum(", "sort_values"]}
