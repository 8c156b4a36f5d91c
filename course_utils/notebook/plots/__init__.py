"""Figures in the style of the course, with alternative text for readers who cannot see them.

A chart or diagram function returns a matplotlib figure whose title states the finding and whose axes name their unit.
`show` puts it on the page with a sentence for screen readers.
"""

from course_utils.notebook.plots.charts import (
    bars,
    calibration,
    learning_curves,
    lines,
    parallel_coordinates,
    tornado,
    value_curve,
)
from course_utils.notebook.plots.diagrams import POINTS, architecture, git_and_dvc, points, workflow
from course_utils.notebook.plots.page import as_html, as_png, show
from course_utils.notebook.plots.style import COLOURS, GREY

__all__ = [
    "COLOURS",
    "GREY",
    "POINTS",
    "architecture",
    "as_html",
    "as_png",
    "bars",
    "calibration",
    "git_and_dvc",
    "learning_curves",
    "lines",
    "parallel_coordinates",
    "points",
    "show",
    "tornado",
    "value_curve",
    "workflow",
]
