"""The graders of lesson 12 on right answers and on plausible wrong ones."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cache
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)


@cache
def departed() -> pd.DataFrame:
    """Return dates of as many flights as departed in 2013, in order."""
    flights = 328_521
    dates = pd.DatetimeIndex(
        pd.Timestamp("2013-01-01") + pd.to_timedelta(np.arange(flights) * 365 // flights, unit="D")
    )
    columns = {"Year": dates.year, "Month": dates.month, "DayofMonth": dates.day}
    return pd.DataFrame(columns, index=range(5, flights + 5)).astype("int16")


def split(part: np.ndarray, rows: pd.DataFrame | None = None) -> SimpleNamespace:
    """Return a split from the number of each flight's part: 0 train, 1 validation, 2 test."""
    rows = departed() if rows is None else rows
    return SimpleNamespace(train=rows[part == 0], validation=rows[part == 1], test=rows[part == 2], name="a split")


def draw(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(3, size=size, p=(0.65, 0.16, 0.19))


@cache
def day_of_year() -> np.ndarray:
    return pd.factorize(departed()[["Month", "DayofMonth"]].astype(int) @ [100, 1])[0]


def by_day(seed: int = 0) -> SimpleNamespace:
    return split(draw(365, seed)[day_of_year()])


def by_flight() -> SimpleNamespace:
    return split(draw(len(departed()), 0))


def by_time() -> SimpleNamespace:
    return split(np.digitize(departed()["Month"], [9, 11]))


def only_test_by_day() -> SimpleNamespace:
    part = draw(365, 0)[day_of_year()]
    loose = np.random.default_rng(1).choice(2, size=len(part))
    return split(np.where(part == 2, 2, loose))


def without(days: int) -> SimpleNamespace:
    keep = day_of_year() >= days
    return split(draw(365, 0)[day_of_year()][keep], departed()[keep])


def overlapping() -> SimpleNamespace:
    whole = by_day()
    twice = pd.concat([whole.train, whole.train.head(10)])
    return SimpleNamespace(train=twice, validation=whole.validation, test=whole.test)


def empty_test() -> SimpleNamespace:
    return split(np.minimum(draw(365, 0), 1)[day_of_year()])


def with_wide_dates() -> SimpleNamespace:
    whole = by_day(7)
    wide = {name: getattr(whole, name).astype("int64") for name in ("train", "validation", "test")}
    return SimpleNamespace(**{name: rows.sample(frac=1, random_state=0) for name, rows in wide.items()})


RIGHT = {
    "12.1": [
        {"eta": 0.05, "rounds": 1000, "early_stopping": 20},
        MappingProxyType({"learning_rate": 0.1, "num_boost_round": 300, "early_stopping_rounds": 20}),
        pd.Series({"eta": 0.01, "rounds": 1000, "early_stopping": 50}),
        {"eta": np.float32(0.3), "rounds": np.int64(100), "early_stopping": 10.0, "max_depth": 5},
    ],
    "12.2": [by_day, lambda: by_day(3), with_wide_dates],
    "12.3": [0.4, 0.4000001, 2 / 5, Fraction(20, 50), Decimal("0.4"), np.float32(0.4), np.array(0.4), pd.Series([0.4])],
}

WRONG = {
    "12.1": [
        ({"eta": 0.01, "rounds": 5, "early_stopping": 20}, "in which round could training stop"),
        ({"eta": 0.01, "rounds": 100, "early_stopping": 20}, "eta × rounds"),
        ({"eta": 0.1, "rounds": 100, "early_stopping": 100}, "in which round could training stop"),
        ({"eta": 0.1, "rounds": 100, "early_stopping": 80}, "small part"),
        ({"eta": 0.1, "rounds": 300, "early_stopping": 1}, "just noise"),
        ({"eta": 1.0, "rounds": 300, "early_stopping": 20}, "make eta smaller"),
        ({"eta": 0.1, "rounds": 300, "early_stopping": None}, "all three"),
        ({"eta": 0.1, "rounds": 300}, "all three"),
        ({"eta": -0.1, "rounds": 300, "early_stopping": 20}, "positive number"),
        ({"eta": 0.1, "rounds": 300.5, "early_stopping": 20}, "only eta"),
        ((0.1, 300, 20), "three names"),
    ],
    "12.2": [
        (by_flight, "which unit must you not divide"),
        (by_time, "keep the shuffle"),
        (only_test_by_day, "validation too"),
        (empty_test, "each of the three parts"),
        (overlapping, "only one part"),
        (lambda: without(100), "not a sample"),
        (lambda: "by day", "change one argument"),
        (lambda: (by_day().train, by_day().test), "change one argument"),
    ],
    "12.3": [
        (0.6, "share of *false alarms*"),
        (0.5, "one half"),
        (0.667, "odds"),
        (1.5, "odds, inverted"),
        (40, "not a percentage"),
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
    "12.2": ['by="day"', "by='day'"],
    "12.3": ["0.4", ".4", "2/5", "20/50", "/ 50"],
}


def made(answer):
    """Make a large answer only when a test needs it."""
    return answer() if callable(answer) and not isinstance(answer, type) else answer


def test_a_shuffle_of_another_data_set_is_held_to_that_data_sets_flights(report, monkeypatch):
    """On the deck's sample, the flights of 2013 are not the right number of flights."""
    monkeypatch.setenv("COURSE_DATASET", "allyears2k")
    assert "more flights" in report("12.2", by_day())
