"""The messages of the course's errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_utils import errors
from course_utils.errors import ClaimError, CourseError, DataError, ModelError, UsageError


def test_an_error_says_what_is_wrong_and_how_to_fix_it():
    """Every message is two sentences, and both parts are attributes."""
    error = UsageError("rounds=0 fits nothing", fix="give rounds=1 or more")
    assert str(error) == "rounds=0 fits nothing. Fix: give rounds=1 or more."
    assert (error.problem, error.fix) == ("rounds=0 fits nothing", "give rounds=1 or more")


def test_an_error_in_data_says_where():
    """The message starts with file, column and row, if known; of a path it shows only the file name."""
    where = {"file": Path("/home/someone/flights.csv"), "column": "Distance", "row": 0}
    assert str(DataError("is negative", fix="correct it", **where)) == (
        "flights.csv, column Distance, row 0: is negative. Fix: correct it."
    )
    assert str(DataError("is negative", fix="correct it", column="Distance")).startswith("column Distance: is")
    assert str(DataError("has no rows", fix="send one")) == "has no rows. Fix: send one."


@pytest.mark.parametrize(
    ("error", "python"),
    [(DataError, ValueError), (UsageError, ValueError), (ModelError, Exception), (ClaimError, AssertionError)],
)
def test_errors_can_be_caught_by_kind(error: type[CourseError], python: type[Exception]):
    """You can catch each error as a CourseError and as Python's own type of error."""
    for kind in (CourseError, python):
        with pytest.raises(kind):
            raise error("wrong", fix="fix it")


def test_the_tree_is_drawn_as_it_is():
    """The tree in the module's docstring lists exactly the errors that exist."""
    drawn = {word for word in errors.__doc__.split() if word.endswith("Error")}
    assert drawn == set(errors.__all__) == {"CourseError", *(kind.__name__ for kind in CourseError.__subclasses__())}
