"""The names of the four cells that graders use."""

from __future__ import annotations

from course_utils import tables
from course_utils.exercises import cells
from course_utils.model import metrics


def test_graders_name_the_cells_as_the_course_does():
    """An answer with the names of `metrics.CELLS` or of a payoff has the names that graders expect."""
    assert metrics.CELLS == cells.CELLS == (cells.LATE, cells.FALSE_ALARM, cells.MISSED, cells.QUIET)
    assert set(cells.CELLS) <= set(tables.read_toml("payoffs.toml")["deck_100"])
