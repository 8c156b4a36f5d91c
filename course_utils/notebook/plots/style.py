"""Colours, fonts and sizes of the course's figures, and the empty figures that charts and diagrams start from.

Change the look of all figures here. Lessons do not call this module; `charts` and `diagrams` do.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from course_utils.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "DASHES", "GREY", "PAGE_DPI", "blank_canvas", "canvas", "house_style", "require_finding"]

#: The colours of Okabe and Ito, which readers with colour blindness can distinguish; yellow is too light for lines.
COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#222222",
}
GREY = "#6E6E6E"
#: A dash pattern for each colour, so that lines also differ in a grey print.
DASHES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
#: Dots per inch at which a figure has its size on the page; the file has more, see `page`.
PAGE_DPI = 100
_WIDTH = 6.4  # inches: 640 pixels on the page, about the width of a notebook's text

_STYLE = {
    "figure.dpi": PAGE_DPI,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # ships with matplotlib, so figures are the same on every machine
    "font.size": 10,
    "text.color": "#222222",
    "axes.edgecolor": "#8C8C8C",
    "axes.labelcolor": "#222222",
    "axes.facecolor": "white",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlepad": 10,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2,
    "xtick.color": "#4D4D4D",
    "ytick.color": "#4D4D4D",
    "legend.frameon": False,
}

# A unit in brackets, or a word that is a unit by itself.
_UNITS = re.compile(
    r"\[[^\]]+\]|\([^)]+\)|%|\$|\b(?:share|count|counts|number|probability|AUC|date|year|month|week|day|hour|round|rounds)\b",
    re.IGNORECASE,
)


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the style of the course inside a ``with`` block, and restore matplotlib's settings after it."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def canvas(
    title: str, x: str, y: str, *, height: float = 3.6, rows: int = 1, columns: int = 1, unit_of_y: bool = True
) -> tuple[Figure, list[Axes]]:
    """Return a figure with its title and labelled axes, which share their scales.

    Parameters
    ----------
    title : str
        The finding, in at least three words. Long titles are wrapped.
    x, y : str
        What the axes show, each with its unit, such as ``"delay [min]"`` or ``"share late"``.
    height : float
        Height of the figure in inches; the width is fixed.
    rows, columns : int
        Shape of the grid of axes, row by row in the result.
    unit_of_y : bool
        False where the y axis lists names, which have no unit.

    Raises
    ------
    UsageError
        The title states no finding, a label is empty, or a label names no unit.
    """
    from matplotlib.figure import Figure

    require_finding(title)
    for axis, label, needs_unit in (("x", x, True), ("y", y, unit_of_y)):
        if not str(label).strip():
            raise UsageError(
                f"the {axis} axis has no label", fix=f"say what it shows and in which unit: {axis}='delay [min]'"
            )
        if needs_unit and not _UNITS.search(str(label)):
            raise UsageError(
                f"the {axis} label {label!r} names no unit",
                fix="put the unit in brackets, as in 'delay [min]', or say 'share' or 'count'",
            )
    # Figure, not pyplot: pyplot would keep the figure and show it a second time at the end of the cell.
    fig = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = list(fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    if len(axes) == 1:
        axes[0].set(xlabel=x, ylabel=y)
    else:
        fig.supylabel(y, fontsize=10)
        for ax in axes[-columns:]:
            ax.set_xlabel(x)
    _put_title(fig, textwrap.fill(str(title), 66))
    return fig, axes


def blank_canvas(title: str, width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure with a title and an area without axes to draw a diagram on.

    Parameters
    ----------
    title : str
        The finding, in at least three words.
    width, height : float
        Size of the drawing area in units of the drawing; both axes start at zero.

    Raises
    ------
    UsageError
        The title states no finding.
    """
    from matplotlib.figure import Figure

    require_finding(title)
    fig = Figure(figsize=(_WIDTH, height * _WIDTH / width + 0.35), layout="constrained")  # 0.35 inches for the title
    ax = fig.add_subplot()
    ax.axis("off")
    ax.set(xlim=(0, width), ylim=(0, height))
    _put_title(fig, title)
    return fig, ax


def require_finding(title: str) -> None:
    """Refuse a `title` of fewer than three words: it names a topic, but states no finding.

    Raises
    ------
    UsageError
        The title is too short.
    """
    if len(str(title).split()) < 3:
        raise UsageError(
            f"the title {title!r} states no finding", fix="say in the title what the figure shows, in a few words"
        )


def _put_title(fig: Figure, title: str) -> None:
    # At the left edge of the figure, where reading begins: an axes title would start at the axes.
    fig.suptitle(title, x=0.012, ha="left", fontsize=11.5, weight="bold")
