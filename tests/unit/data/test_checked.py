"""Numbers, dates and clock times are read in one way, and a value that cannot be is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import checked
from course_utils.errors import DataError


@given(
    st.lists(st.one_of(st.none(), st.integers(-1000, 1000)), min_size=1, max_size=9),
    st.sampled_from(["float64", "Int64", "Float64", "object", "int64[pyarrow]"]),
)
def test_numbers_are_the_same_however_they_are_stored(values: list, stored: str):
    """Missing values become NaN and all others keep their value, from NumPy, nullable, Arrow and object columns."""
    found = checked.numbers(pd.Series(values, dtype="Float64").astype(stored))
    np.testing.assert_array_equal(found, [np.nan if value is None else value for value in values])


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=9))
def test_what_is_outside_a_range_is_refused_at_its_first_row(values: list[float]):
    """The row that is named is the first one outside, and nothing inside is refused."""
    outside = [row for row, value in enumerate(values) if value < 0 or value > 10]
    if not outside:
        assert len(checked.numbers(values, low=0, high=10)) == len(values)
        return
    with pytest.raises(DataError, match=f"row {outside[0]}: holds") as raised:
        checked.numbers(values, low=0, high=10)
    assert raised.value.row == outside[0]


@pytest.mark.parametrize(
    "values",
    [
        ["noon"], ["12"], [[1.0]], [1 + 2j], pd.Series([pd.Timestamp("2013-01-01")]), pd.to_timedelta(["1h"]),
        pd.Series([pd.Timestamp("2013-01-01", tz="UTC")]), pd.period_range("2013", periods=1), [[1], [1, 2]],
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(values: object):
    """Texts, even '12', lists, complex numbers, dates and durations are refused by the name of the values."""
    if isinstance(values, list) and values == [[1.0]]:
        assert checked.numbers(values).tolist() == [1.0], "a table of one number is one number"
        return
    with pytest.raises(DataError, match="column delay"):
        checked.numbers(values, "delay")


def test_whole_and_complete_numbers_can_be_required():
    """A fraction and a missing value are named where they cannot be."""
    with pytest.raises(DataError, match=r"row 1: holds 2.5, which is not a whole number \(and 1 more row\)"):
        checked.numbers([1, 2.5, 3.5], whole=True)
    with pytest.raises(DataError, match="row 1: holds no value"):
        checked.numbers([1, None], missing=False)
    assert checked.numbers([]).tolist() == []


@given(st.integers(0, 23), st.integers(0, 59))
def test_clock_times_are_minutes(hour: int, minute: int):
    """Every time of a day has its minute; 2400 and 0 are the same, and a missing time stays missing."""
    found = checked.clock_minutes([100 * hour + minute, 2400, np.nan])
    assert found[:2].tolist() == [60 * hour + minute, 0] and np.isnan(found[2])


def test_columns_and_labels_are_needed_once():
    """An absent column, two of one name and two rows of one label are named."""
    table = pd.DataFrame({"a": [1, 2]})
    checked.need(table, ["a"])
    checked.distinct_labels(table)
    with pytest.raises(DataError, match="column b: is missing"):
        checked.need(table, ["b"])
    with pytest.raises(DataError, match="column a: occurs more than once"):
        checked.need(pd.concat([table, table], axis=1), ["a"])
    with pytest.raises(DataError, match="7 occurs twice"):
        checked.distinct_labels(table.set_axis([7, 7]))


def test_dates_are_read_from_three_columns():
    """A leap day is a date in a leap year only."""
    rows = pd.DataFrame({"Year": [2012, 2013], "Month": 2, "DayofMonth": [29, 28]})
    assert checked.dates(rows).dt.strftime("%Y-%m-%d").tolist() == ["2012-02-29", "2013-02-28"]
    with pytest.raises(DataError, match="row 1: 2013-2-29 is not a date"):
        checked.dates(rows.assign(DayofMonth=29))
