"""Claims: statements of a lesson that are checked each time the lesson runs."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from course_utils.errors import ClaimError, UsageError
from course_utils.notebook.claims import as_text, claim


@pytest.fixture(autouse=True)
def default_dataset(monkeypatch):
    """Run on the default data set unless a test says otherwise."""
    monkeypatch.delenv("COURSE_DATASET", raising=False)


@pytest.mark.parametrize(
    ("measured", "unit", "stated", "printed"),
    [
        (0.11449, "", (0.10, 0.13), "0.114"),
        (0.10, "", (0.10, 0.13), "0.1"),
        (0.13, "", (0.10, 0.13), "0.13"),
        (-857300, "$", -857300, "-$857,300"),
        (4738300.0, "$", 4738300, "$4,738,300"),
        (38.8, "%", (None, 40), "38.8%"),
        (12.34, "minutes", (12, None), "12.3 minutes"),
        (0.2504, "", 0.25, "0.25"),
        (24.6, "", 25, "24.6"),
        (15117.4, "$", (15000, 15200), "$15,117"),
        (np.float32(0.5), "", 0.5, "0.5"),
        (np.array([3]), "", 3, "3"),
        (pd.Series([7.0]), "", (6, 8), "7"),
        (Fraction(1, 4), "", 0.25, "0.25"),
        (Decimal("0.25"), "", np.float64(0.25), "0.25"),
    ],
)
def test_a_statement_that_holds_is_printed_with_its_measured_value(capsys, measured, unit, stated, printed):
    """I see what was claimed, and what was measured just now."""
    claim("The statement", measured, unit=unit, nyc2013=stated)
    assert capsys.readouterr().out == f"✓ The statement: {printed}\n"


@pytest.mark.parametrize("measured", [True, np.True_])
def test_a_boolean_is_printed_without_its_value(capsys, measured):
    """A statement that is true gets a tick, without 'True' after it."""
    claim("Warnings pay", measured, always=True)
    assert capsys.readouterr().out == "✓ Warnings pay\n"


@pytest.mark.parametrize(
    ("measured", "stated", "says"),
    [
        (0.09, (0.10, 0.13), "measured 0.09, stated from 0.1 to 0.13"),
        (0.131, (0.10, 0.13), "measured 0.131, stated from 0.1 to 0.13"),
        (5, (None, 4), "measured 5, stated at most 4"),
        (5, (6, None), "measured 5, stated at least 6"),
        (0.256, 0.25, "measured 0.256, stated 0.25"),
        (25.6, 25, "measured 25.6, stated 25"),
        (101, 100.0, "measured 101, stated 100"),
        (float("nan"), (0, 1), "measured nan"),
        (float("nan"), (None, 1), "measured nan"),
        (float("inf"), 1, "measured inf"),
        (False, True, "measured False, stated True"),
    ],
)
def test_a_statement_that_does_not_hold_stops_the_lesson(capsys, measured, stated, says):
    """A sentence that is no longer true stops the notebook with an error."""
    with pytest.raises(ClaimError, match=r"'The statement' does not hold on nyc2013.*Fix: find out") as caught:
        claim("The statement", measured, always=stated)
    assert says in str(caught.value)
    assert capsys.readouterr().out == ""


def test_each_data_set_has_its_own_value(capsys, monkeypatch):
    """On the deck's sample I read the deck's numbers."""
    stated = {"nyc2013": (0.1, 0.2), "allyears2k": (0.4, 0.5)}
    monkeypatch.setenv("COURSE_DATASET", "allyears2k")
    claim("Late share", 0.45, **stated)
    assert "0.45" in capsys.readouterr().out
    with pytest.raises(ClaimError, match="on allyears2k"):
        claim("Late share", 0.15, **stated)


def test_a_data_set_named_itself_goes_before_always():
    """A value stated for this data set takes precedence over the general one."""
    claim("Late share", 0.15, nyc2013=(0.1, 0.2), always=(0.4, 0.5))


def test_a_data_set_without_a_stated_value_is_measured(capsys, monkeypatch):
    """On a data set that the lesson states nothing for, I see what was measured, and the lesson goes on."""
    monkeypatch.setenv("COURSE_DATASET", "allyears2k")
    claim("Late share", 0.15, unit="%", nyc2013=(0.1, 0.2))
    claim("Warnings pay", False, nyc2013=True)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "· Late share: 0.15% on allyears2k, for which the lesson states no value"
    assert said[1].startswith("· Warnings pay: False on allyears2k")
    with pytest.raises(ClaimError, match="on allyears2k"):
        claim("Late share", 0.15, nyc2013=(0.1, 0.2), always=(0.4, 0.5))


def test_measured_rows_name_their_data_set(capsys):
    """A value that still knows its data set is held to what is stated for that one, whichever data set is active."""
    measured = pd.Series([0.45])
    measured.attrs["dataset"] = "allyears2k"
    claim("Late share", measured, nyc2013=(0.1, 0.2), allyears2k=(0.4, 0.5))
    assert capsys.readouterr().out == "✓ Late share: 0.45\n"


@pytest.mark.parametrize(
    ("measured", "stated", "says"),
    [
        (1, {}, "has no stated value"),
        (1, {"nyc2014": 1}, "'nyc2014'.*nyc2013=, allyears2k=, always="),
        (1, {"always": (1, 2, 3)}, "is not a range"),
        (1, {"always": (None, None)}, "is not a range"),
        (1, {"always": (3, 2)}, "is empty"),
        (1, {"always": True}, "a number was measured, but a boolean is stated"),
        (True, {"always": 1}, "a boolean was measured, but a number is stated"),
        (True, {"always": (0, 1)}, "a boolean was measured, but a number is stated"),
        ("1", {"always": 1}, "cannot compare a str"),
        (None, {"always": 1}, "cannot compare a NoneType"),
        (1, {"always": "1"}, "cannot compare a str"),
        (np.array([1, 2]), {"always": 1}, "one value, not several"),
        (pd.Series([1, 2]), {"always": 1}, "one value, not several"),
        (1, {"allyears2k": (3, 2), "nyc2013": 1}, "is empty"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(measured, stated, says):
    """An invalid claim raises an error at once, whichever data set is active."""
    with pytest.raises(UsageError, match=says):
        claim("The statement", measured, **stated)


def test_an_unknown_data_set_is_refused(monkeypatch):
    """A mistyped environment variable is an error, not a data set without claims."""
    monkeypatch.setenv("COURSE_DATASET", "nyc2014")
    with pytest.raises(UsageError, match="set it to one of nyc2013, allyears2k"):
        claim("Late share", 0.15, nyc2013=(0.1, 0.2))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12, "12"),
        (1234, "1,234"),
        (999.4, "999"),
        (999.6, "1,000"),
        (0.000123456, "0.000123"),
        (-0.5, "-0.5"),
        (1e300, "1e+300"),
        (float("-inf"), "-inf"),
        (True, "True"),
    ],
)
def test_numbers_are_printed_with_three_digits(value, text):
    """Numbers are printed with three significant digits, large ones as whole numbers."""
    assert as_text(value) == text


def test_a_statement_that_is_claimed_to_be_false_says_no(capsys):
    """If a lesson claims that a statement is false, I read 'no' after it."""
    claim("WeatherDelay is known before departure", False, always=False)
    assert capsys.readouterr().out == "✓ WeatherDelay is known before departure: no\n"
