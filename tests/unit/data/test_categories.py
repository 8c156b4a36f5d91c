"""A value of a category has one identity, however a column stores it."""

from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import categories
from course_utils.errors import DataError

#: Ways to store whole numbers that name something; all but the first can hold a missing value.
STORED = ("int64", "float64", "Int64", "float32", "Float64", "object", "category", "int64[pyarrow]", "double[pyarrow]")


@given(st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=6), st.sampled_from(STORED))
def test_a_whole_number_is_the_same_category_however_it_is_stored(numbers: list[int], stored: str):
    """Integers, floats, nullable and Arrow columns of the same numbers have the same identities and positions."""
    column = pd.Series(numbers).astype(stored)
    known = categories.distinct(pd.Series(numbers))
    assert categories.distinct(column) == known
    assert categories.positions(column, known, -1).tolist() == [known.index(str(number)) for number in numbers]
    assert categories.as_texts(column).tolist() == [str(number) for number in numbers]


@given(st.lists(st.one_of(st.none(), st.integers(0, 9), st.text(max_size=3)), min_size=1, max_size=8))
def test_neighbours_change_no_category(values: list[object]):
    """A value has the position that it has alone, whatever else is in the column."""
    known = categories.distinct(pd.Series(values, dtype=object))
    together = categories.positions(pd.Series(values, dtype=object), known, -1).tolist()
    assert together == [int(categories.positions(pd.Series([value]), known, -1)[0]) for value in values]


def test_known_texts_of_floats_are_found():
    """Categories that were read from a file written from floats, such as '7.0', match the number 7."""
    assert categories.find(7, {"7.0": 1}, 0) == categories.find(7.0, {"7.0": 1}, 0) == 1
    assert categories.find("7", {"7.0": 1}, 0) == 0, "a text is only itself"


def test_other_values_keep_their_text():
    """Fractions, texts, truths and decimals that are not whole are what they look like."""
    values = [
        1.5,
        "AA",
        True,
        np.bool_(False),
        decimal.Decimal("2.50"),
        decimal.Decimal("2.0"),
        float("inf"),
        np.str_("x"),
    ]
    assert [categories.identity(value) for value in values] == [
        "1.5", "AA", "True", "False", "2.50", "2", "inf", "x",
    ]  # fmt: skip


def test_a_number_too_large_for_a_float_is_refused():
    """Above 2**53 two integers can become the same float, so the column is named instead of guessing."""
    large = pd.Series([2**53 + 1, None], name="ticket")
    with pytest.raises(DataError, match=r"column ticket: holds 9007199254740992.0, a float too large"):
        categories.positions(large, ["1"], -1)
    assert categories.distinct(pd.Series([2**53 + 1])) == ("9007199254740993",)


@pytest.mark.parametrize(
    "values", [pd.to_datetime(["2013-01-01"]), pd.to_datetime(["2013-01-01"], utc=True), pd.to_timedelta(["1h"])]
)
def test_dates_are_no_categories(values: pd.Index):
    """Dates, with and without a time zone, and durations are refused by the column's name."""
    with pytest.raises(DataError, match=r"column when: holds d.*Fix: compute a number"):
        categories.check_kind(pd.Series(values, name="when"))
    assert categories.is_category(pd.Series(["AA"])) and not categories.is_category(pd.Series([1]))
