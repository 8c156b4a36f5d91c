"""The graders of lesson 12 on right answers and on plausible wrong ones."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cache
from types import MappingProxyType

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils.data import datasets, features, splits


@cache
def departed() -> pd.Series:
    """Return the date of each flight that departed in 2013, as the lesson's `days` has it."""
    flights = datasets.load_flights("nyc2013")
    return splits.day(flights)[features.label(flights).dropna().index]


def sides(in_test: np.ndarray, dates: pd.Series | None = None) -> tuple[pd.Series, pd.Series]:
    """Return a pair of dates from whether each flight is in the test set."""
    dates = departed() if dates is None else dates
    return dates[~in_test], dates[in_test]


def draw(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(size) < 0.2


@cache
def day_of_year() -> np.ndarray:
    return departed().dt.dayofyear.to_numpy() - 1


def by_day(seed: int = 0) -> tuple[pd.Series, pd.Series]:
    return sides(draw(365, seed)[day_of_year()])


def as_tables() -> list[pd.DataFrame]:
    """Return the pair as tables of flights, shuffled, in a list."""
    return [
        pd.DataFrame({"Year": dates.dt.year, "Month": dates.dt.month, "DayofMonth": dates.dt.day}).sample(
            frac=1, random_state=0
        )
        for dates in by_day(7)
    ]


def by_flight() -> tuple[pd.Series, pd.Series]:
    return sides(draw(len(departed()), 0))


def by_time() -> tuple[pd.Series, pd.Series]:
    return sides((departed() >= "2013-11").to_numpy())


def with_a_torn_day() -> tuple[pd.Series, pd.Series]:
    training, test = by_day()
    return pd.concat([training, test.head(100)]), test.iloc[100:]


def without(days: int) -> tuple[pd.Series, pd.Series]:
    keep = day_of_year() >= days
    return sides(draw(365, 0)[day_of_year()][keep], departed()[keep])


def overlapping() -> tuple[pd.Series, pd.Series]:
    training, test = by_day()
    return pd.concat([training, training.head(10)]), test


def with_an_unknown_date() -> tuple[pd.Series, pd.Series]:
    training, test = by_day()
    return training.where(training.index != training.index[5]), test


def renumbered() -> tuple[pd.Series, pd.Series]:
    training, test = by_day()
    return training.reset_index(drop=True), test.set_axis(range(len(training), len(departed())))


def with_other_dates() -> tuple[pd.Series, pd.Series]:
    """Return two sides of which the training dates are in another order than their row labels."""
    training, test = by_day()
    return pd.Series(training.to_numpy()[::-1], training.index), test


def empty_test() -> tuple[pd.Series, pd.Series]:
    return sides(np.zeros(len(departed()), dtype=bool))


def mutants(number):
    """Yield settings at and beyond the limits, and pairs of dates with each fault of a split."""
    if number == "12.1":
        at_the_limit = {"learning_rate": 0.1, "num_boost_round": 30, "early_stopping_rounds": 15}
        for name, value in (("num_boost_round", 29), ("early_stopping_rounds", 16), ("early_stopping_rounds", 4)):
            yield f"just beyond: {name} {value}", at_the_limit | {name: value}
        yield "just beyond: learning rate 0.501", at_the_limit | {"learning_rate": 0.501}
        yield "just beyond: learning rate 0.0999", at_the_limit | {"learning_rate": 0.0999}
        yield "two names", at_the_limit | {"eta": 0.3}
    if number == "12.2":
        for split in (by_flight, with_a_torn_day, by_time, empty_test, overlapping, with_an_unknown_date, renumbered):
            yield split.__name__, split()
        yield "one day missing", without(1)
        yield "with other dates", with_other_dates()
        yield "a day later", tuple(side + pd.Timedelta(days=1) for side in by_day())
        yield "training days only", (by_day()[0],) * 2
    if number == "12.3":
        for value in (0.3994, 0.4006, 0.404, 39.9, 1.0, 0.0, 2.5, 60, 66.7, 150, "2/5", [0.4], {"warn_from": 0.4}):
            yield f"{value!r}", value


_VALID = "these settings are within the limits as well"
EQUIVALENT = {
    "12.1": {
        "[[]'learning_rate'[]] → 0.1": _VALID,
        "[[]'learning_rate'[]] → 0.5": _VALID,
        "[[]'num_boost_round'[]] → *[09][019]*": _VALID,
        "[[]'early_stopping_rounds'[]] → *": _VALID,
        "* with a foreign key": "XGBoost has more settings than these three",
    },
}

RIGHT = {
    "12.1": [
        {"learning_rate": 0.05, "num_boost_round": 1000, "early_stopping_rounds": 20},
        MappingProxyType({"eta": 0.1, "n_estimators": 300, "early_stopping_rounds": 20}),
        pd.Series({"eta": 0.01, "rounds": 1000, "early_stopping": 50}),
        {"eta": np.float32(0.3), "rounds": np.int64(100), "early_stopping": 10.0, "max_depth": 5},
        {"learning_rate": 0.1, "num_boost_round": 30, "early_stopping_rounds": 15},
        {"learning_rate": 0.5, "num_boost_round": 10, "early_stopping_rounds": 5},
        {"learning_rate": Decimal("0.3"), "num_boost_round": 10, "early_stopping_rounds": Fraction(5)},
        {"learning_rate": np.array(0.06), "num_boost_round": 50, "early_stopping_rounds": 25},
    ],
    "12.2": [
        by_day,
        lambda: by_day(3),
        as_tables,
        lambda: tuple(side.sample(frac=1, random_state=1) for side in by_day()),
        lambda: [side + pd.Timedelta(hours=9) for side in by_day(5)],
        lambda: tuple(side.to_frame() for side in by_day()),
    ],
    "12.3": [0.4, 0.4000001, 2 / 5, Fraction(20, 50), Decimal("0.4"), np.float32(0.4), np.array(0.4), pd.Series([0.4])],
}

WRONG = {
    "12.1": [
        ({"learning_rate": 0.01, "num_boost_round": 5, "early_stopping_rounds": 20}, "in which round could it stop"),
        ({"learning_rate": 0.01, "num_boost_round": 100, "early_stopping_rounds": 20}, "learning rate × rounds"),
        ({"eta": 0.1, "rounds": 100, "early_stopping": 100}, "in which round could it stop"),
        ({"eta": 0.1, "rounds": 100, "early_stopping": 80}, "small part"),
        ({"eta": 0.1, "rounds": 300, "early_stopping": 1}, "just noise"),
        ({"eta": 1.0, "rounds": 300, "early_stopping": 20}, "make the learning rate smaller"),
        ({"eta": 0.1, "rounds": 300, "early_stopping": None}, "all three"),
        ({"eta": 0.1, "rounds": 300}, "all three"),
        ({"eta": -0.1, "rounds": 300, "early_stopping": 20}, "positive number"),
        ({"eta": 0.1, "rounds": 300.5, "early_stopping": 20}, "may be a fraction"),
        ({"eta": 0.1, "rounds": 29, "early_stopping": 10}, "learning rate × rounds"),
        ({"eta": 0.1, "rounds": 30, "early_stopping": 16}, "small part"),
        ({"eta": 0.1, "rounds": 30, "early_stopping": 4}, "just noise"),
        ({"eta": 0.501, "rounds": 300, "early_stopping": 20}, "make the learning rate smaller"),
        ({"eta": 0.1, "learning_rate": 0.3, "rounds": 300, "early_stopping": 20}, "take one of them"),
        ({"eta": "0.1", "rounds": 300, "early_stopping": 20}, "without quotes"),
        ({"eta": 0.1, "rounds": [300], "early_stopping": True}, "without quotes"),
        ({"eta": 0, "rounds": 300, "early_stopping": 20}, "positive number"),
        ((0.1, 300, 20), "three names"),
    ],
    "12.2": [
        (by_flight, "which unit must not be divided"),
        (with_a_torn_day, "which unit must not be divided"),
        (by_time, "keep the shuffle"),
        (empty_test, "each of the two sides"),
        (overlapping, "each of them once"),
        (lambda: without(100), "neither a sample"),
        (lambda: "by day", "hand in a pair"),
        (lambda: by_day()[0], "hand in a pair"),
        (lambda: (np.arange(300_000), np.arange(28_521)), "a Series"),
        (lambda: tuple(side.to_numpy() for side in by_day()), "a Series"),
        (lambda: by_day()[::-1], "learns from the larger side"),
        (with_an_unknown_date, "has its date"),
        (renumbered, "keeps its row label"),
        (with_other_dates, "keeps its row label"),
        (lambda: tuple(side + pd.Timedelta(days=1) for side in by_day()), "keeps its row label"),
        (lambda: by_day() + by_day(), "hand in a pair"),
    ],
    "12.3": [
        (0.6, "rare enough"),
        (0.5, "one half"),
        (0.667, "odds"),
        (1.5, "odds the other way round"),
        (40, "no percentage"),
        (0.25, "the deck's payoff"),
        (0.222, "base rate"),
        (0.45, "base rate"),
        ("0.4", "without quotes"),
        (True, "one number"),
        (float("nan"), "one number"),
        ([0.4], "one number"),
        (-0.4, "between 0 and 1"),
        (20, "between 0 and 1"),
    ],
}

SECRETS = {
    "12.1": ["300", "1000", "0.05"],
    "12.2": ["groups=days", "groups"],
    "12.3": ["0.4", ".4", "2/5", "20/50", "/ 50"],
}


def made(answer):
    """Make what is large only when it is needed."""
    return answer() if callable(answer) and not isinstance(answer, type) else answer


def test_a_shuffle_of_another_data_set_is_held_to_that_data_sets_flights(report, monkeypatch):
    """On the deck's own sample, the flights of 2013 are not every departed flight."""
    monkeypatch.setenv("COURSE_DATASET", "allyears2k")
    assert "more flights" in report("12.2", by_day())
