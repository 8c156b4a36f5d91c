"""The grader of lesson 00 on right answers and on plausible mistakes."""

from __future__ import annotations

import numpy as np
import pytest

RIGHT = {"00.1": [15, 0, -5, 7.5, np.int64(90)]}
WRONG = {
    "00.1": [
        ("15", "without quotes"),
        ([15], "one number"),
        (None, "one number"),
        (True, "one number"),
        (float("nan"), "one number"),
        (90_000, "not seconds"),
    ]
}


@pytest.mark.parametrize("answer", RIGHT["00.1"])
def test_any_number_of_minutes_is_right(report, answer):
    """Any number of minutes solves the first exercise."""
    assert report("00.1", answer).endswith("Exercise 00.1: solved\n")


@pytest.mark.parametrize(("answer", "hint"), WRONG["00.1"])
def test_what_is_no_number_gets_a_hint(report, answer, hint):
    """If I write something else, I see what a hint looks like."""
    printed = report("00.1", answer)
    assert printed.endswith("Exercise 00.1: not solved yet\n")
    assert hint in printed.split("Hint: ", 1)[1]
