"""A distribution puts each value into a bin, and compares later days with the reference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course_utils.errors import DataError
from course_utils.model.distributions import Distribution


def psi(reference: object, now: object) -> float:
    """Return the index of one day against a reference."""
    now = pd.Series(now)
    return float(Distribution.of(pd.Series(reference)).psi(now, np.zeros(len(now), dtype=int), 1)[0])


def test_each_value_has_a_bin():
    """Texts have a bin each; numbers have ten that are equally full, two for infinity, and one for what is missing."""
    texts = Distribution.of(pd.Series(["a", "b", "a", None]))
    assert texts.counts == pytest.approx([2, 1, 1])
    assert texts.bin_of(pd.Series(["b", "z", None])).tolist() == [1, 2, 2]
    numbers = Distribution.of(pd.Series(np.arange(100.0)))
    assert numbers.counts == pytest.approx([0, *[10] * 10, 0, 0], abs=1e-6) and numbers.bins == 13
    assert numbers.bin_of(pd.Series([-np.inf, -9, 0, 99, 900, np.inf, np.nan])).tolist() == [0, 1, 1, 10, 10, 11, 12]
    same = numbers.psi(pd.Series([*np.arange(100.0), *np.full(100, 5.0)]), np.repeat([0, 1], 100), 2)
    assert same[0] == pytest.approx(0) and same[1] > 1


@pytest.mark.parametrize(
    ("reference", "now", "expected"),
    [
        ([0] * 950 + [1] * 50, [0] * 500 + [1] * 500, 1.325),
        ([5] * 1000, [6] * 1000, 15.19),
        ([0.0] * 1000, [np.nan] * 1000, 15.19),
        ([0.0] * 1000, [0.0] * 500 + [np.inf] * 500, 3.80),
        ([0.0] * 1000, [-np.inf] * 500 + [np.inf] * 500, 14.49),
    ],
    ids=["a common zero", "a constant that moved", "all missing", "half infinite", "infinite of both signs"],
)
def test_a_shift_of_tied_missing_or_infinite_values_is_seen(reference: list, now: list, expected: float):
    """A value that fills many tenths, a missing one and an infinite one have bins of their own."""
    assert psi(reference, now) == pytest.approx(expected, rel=0.01)
    assert psi(reference, reference) == pytest.approx(0)


def test_rain_in_other_units_is_seen():
    """Precipitation is zero in most hours; in millimetres, or if it rained everywhere, it has drifted."""
    rng = np.random.default_rng(0)
    spring = np.where(rng.random(50_000) < 0.93, 0.0, rng.exponential(0.05, 50_000).round(2) + 0.01)
    today = rng.choice(spring, 900)
    assert psi(spring, today) < 0.05
    assert psi(spring, 25.4 * today) > 0.2
    assert psi(spring, np.full(900, 0.3)) > 2


def test_a_day_without_rows_has_no_index():
    """Nothing can be said about a day without requests, nor from a reference without rows."""
    found = Distribution.of(pd.Series(["a", "b"])).psi(pd.Series(["a"]), np.array([1]), 3)
    assert np.isnan(found).tolist() == [True, False, True]
    assert np.isnan(psi(pd.Series([], dtype=float), pd.Series([], dtype=float)))


@given(arrays(float, st.integers(1, 60), elements=st.floats(allow_nan=True, allow_infinity=True, width=32)))
def test_any_column_can_be_a_reference(values: np.ndarray):
    """Constant, empty, infinite or missing: every value has a bin, and the column has not drifted from itself."""
    one = Distribution.of(pd.Series(values))
    assert one.counts.sum() == pytest.approx(len(values))
    assert one.bin_of(pd.Series(values)).max() < one.bins
    assert psi(values, values) == pytest.approx(0)


@given(st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6, width=32), st.integers(2, 300))
def test_a_constant_that_moves_is_always_seen(before: float, after: float, count: int):
    """Two columns of one value each have an index of 0 only if it is the same value."""
    assert (psi([before] * count, [after] * count) > 0.5) == (before != after)


@pytest.mark.parametrize("stored", ["float32", "Float64", "double[pyarrow]", "float64"])
def test_how_a_number_is_stored_changes_no_bin(stored: str):
    """Tenths that are not exact in 32 bits are in the same bin in 32 and in 64 bits."""
    values = pd.Series(np.tile([0.1, 0.2, 0.3, 0.7], 25))
    assert psi(values, values.astype(stored)) == pytest.approx(0)


@pytest.mark.parametrize("stored", ["int64", "float64", "Int64", "category", "int64[pyarrow]", object])
def test_the_shares_of_a_category_do_not_depend_on_how_it_is_stored(stored: str):
    """Categories that are numbers are the same categories when a missing value has made floats of them."""
    reference = Distribution.of(pd.Series([1, 2, 2, 3]).astype("category"))
    assert reference.bin_of(pd.Series([3, 1, 2]).astype(stored)).tolist() == [2, 0, 1]
    assert reference.bin_of(pd.Series([3, 1, None])).tolist() == [2, 0, 3]


def test_the_wrong_kind_of_column_is_named():
    """Texts where the reference has numbers, and dates, are refused by the column's name."""
    reference = Distribution.of(pd.Series([1.0, 2.0]))
    with pytest.raises(DataError, match="column delay: holds values that are not numbers"):
        reference.bin_of(pd.Series(["late"], name="delay"))
    with pytest.raises(DataError, match="column when: holds dates"):
        Distribution.of(pd.Series(pd.to_datetime(["2013-01-01"]), name="when"))
