"""Splits: nothing shared, nothing from the future, the same every time."""

from __future__ import annotations

import pandas as pd
import pytest

from course_utils.data import splits
from course_utils.errors import UsageError


def parts(split: splits.Split) -> list[pd.DataFrame]:
    return [split.train, split.validation, split.test]


def share_nothing(split: splits.Split) -> bool:
    return pd.concat([part["Year"] for part in parts(split)]).index.is_unique


def test_the_split_by_time_has_the_stated_sizes(flights: pd.DataFrame):
    """January to August, September and October, November and December: departed flights only."""
    split = splits.split_by_time(flights)
    assert [len(part) for part in parts(split)] == [218_601, 55_775, 54_145]
    assert [sorted(part["Month"].unique()) for part in parts(split)] == [list(range(1, 9)), [9, 10], [11, 12]]
    assert share_nothing(split)
    assert repr(split).startswith("Split(by time: validation from 2013-09, test from 2013-11: train 218,601")
    assert split.train.attrs["dataset"] == "nyc2013"


def test_other_starts(flights: pd.DataFrame):
    """Months can be chosen; a year alone means its January."""
    split = splits.split_by_time(flights, validation="2013-02", test="2013-04")
    assert [part["Month"].max() for part in parts(split)] == [1, 3, 12]
    years = flights.iloc[::500].copy()
    years["Year"] = [2001, 2002, 2003, 2004] * (len(years) // 4) + [2001] * (len(years) % 4)
    split = splits.split_by_time(years, validation="2003", test="2004")
    assert [sorted(part["Year"].unique()) for part in parts(split)] == [[2001, 2002], [2003], [2004]]


@pytest.mark.parametrize(
    ("starts", "says"),
    [
        ({"validation": "2013-11", "test": "2013-09"}, "does not come before"),
        ({"validation": "September"}, "'September' is not a month"),
        ({"validation": "2013-13"}, "is not a month"),
        ({"test": "2014"}, "no flight is in test"),
        ({"validation": "2013-01"}, "no flight is in train"),
    ],
)
def test_starts_that_cannot_be_used(flights: pd.DataFrame, starts: dict[str, str], says: str):
    """Swapped, misspelt or empty parts are refused."""
    with pytest.raises(UsageError, match=says):
        splits.split_by_time(flights, **starts)


@pytest.mark.parametrize("by", ["flight", "day"])
def test_a_random_split_is_a_split(flights: pd.DataFrame, by: str):
    """Each departed flight is in one part; the parts have the stated shares, and the same seed gives the same split."""
    split = splits.split_at_random(flights, seed=3, by=by)
    assert share_nothing(split)
    sizes = [len(part) for part in parts(split)]
    assert sum(sizes) == flights["DepDelay"].notna().sum()
    assert [size / sum(sizes) for size in sizes] == pytest.approx([0.65, 0.16, 0.19], abs=0.02)
    again = splits.split_at_random(flights, seed=3, by=by)
    other = splits.split_at_random(flights, seed=4, by=by)
    assert split.test.index.equals(again.test.index)
    assert not split.test.index.equals(other.test.index)


def test_by_day_keeps_days_together(flights: pd.DataFrame):
    """With by='day' each day is in one part; by flight, nearly every day is in several."""
    days = [set(splits.day(part)) for part in parts(splits.split_at_random(flights, by="day"))]
    assert not (days[0] & days[1] or days[0] & days[2] or days[1] & days[2])
    mixed = [set(splits.day(part)) for part in parts(splits.split_at_random(flights))]
    assert len(mixed[0] & mixed[2]) == 365


def test_options_of_a_random_split_that_cannot_be_used(flights: pd.DataFrame):
    """Shares that do not add up and units that do not exist are refused."""
    with pytest.raises(UsageError, match="not three parts of one"):
        splits.split_at_random(flights, shares=(0.5, 0.5, 0.5))
    with pytest.raises(UsageError, match="by='hour' cannot be shuffled"):
        splits.split_at_random(flights, by="hour")


def test_rolling_months_never_look_ahead(flights: pd.DataFrame):
    """Each month from April on is tested once, by models that knew only earlier months."""
    rolled = list(splits.rolling_months(flights))
    assert [split.name for split in rolled] == [f"2013-{month:02d}" for month in range(4, 13)]
    for split in rolled:
        assert split.train["Month"].max() < split.validation["Month"].min()
        assert split.validation["Month"].max() + 1 == split.test["Month"].min() == split.test["Month"].max()
    with pytest.raises(UsageError, match="choose a later month"):
        list(splits.rolling_months(flights, first="2013-02"))


def test_rolling_months_start_at_the_fourth_whatever_the_years(flights: pd.DataFrame):
    """The default start works for other months too, and too few months are refused."""
    autumn = flights[flights["Month"] >= 8]
    assert [split.name for split in splits.rolling_months(autumn)] == ["2013-11", "2013-12"]
    with pytest.raises(UsageError, match="too few flights: 3 months"):
        list(splits.rolling_months(flights[flights["Month"] >= 10]))


def test_a_smaller_split_keeps_validation_and_test(flights: pd.DataFrame):
    """Fewer training flights, in order; the same validation and test flights."""
    split = splits.split_by_time(flights)
    small = splits.smaller(split, rows=1_000)
    assert len(small.train) == 1_000
    assert small.train.index.is_monotonic_increasing
    assert small.train.index.isin(split.train.index).all()
    assert small.test.index.equals(split.test.index)
    assert splits.smaller(split, rows=1_000).train.index.equals(small.train.index)
    with pytest.raises(UsageError, match="from 1 to 218,601"):
        splits.smaller(split, rows=300_000)


def test_the_day_of_a_flight(flights: pd.DataFrame):
    """The local date, by row label."""
    days = splits.day(flights.tail(3))
    assert days.index.equals(flights.index[-3:])
    assert days.dt.strftime("%Y-%m-%d").tolist() == ["2013-12-31"] * 3
