"""Figures in one house style, with words for those who do not see them.

Every builder returns a figure that has a title which states the finding and axes that name their unit; `show` puts it
on the page with a sentence that says the same to a screen reader.
"""

from __future__ import annotations

import base64
import io
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from course_utils.errors import UsageError
from course_utils.notebook.display import Page
from course_utils.tables import read_toml

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "GREY",
    "POINTS",
    "architecture",
    "as_html",
    "as_png",
    "bars",
    "calibration",
    "learning_curves",
    "lines",
    "parallel",
    "points",
    "show",
    "tornado",
    "transport",
    "value_curve",
    "waterfall",
    "workflow",
]

#: Okabe and Ito's colours, told apart with any colour vision; yellow is left out, being too light for lines.
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
_DASHES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]  # lines differ without colour as well
_WIDTH = 6.4  # inches: 640 pixels on the page
_PAGE_DPI = 100
_FILE_DPI = 160  # sharp on screens with more than one dot a pixel

_STYLE = {
    "figure.dpi": _PAGE_DPI,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that a figure is the same everywhere
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

# Words that are a unit by themselves; anything else says its unit in brackets.
_UNITS = re.compile(
    r"\[[^\]]+\]|\([^)]+\)|%|\$|\b(?:share|count|counts|number|probability|AUC|date|year|month|week|day|hour|round|rounds)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?][\"'’)]*$")
_LEAST_WORDS = 8


@contextmanager
def _house_style() -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


# --------------------------------------------------------------------------- on the page


def show(fig: Figure, alt: str, caption: str | None = None) -> None:
    """Put a figure on the page, with the words that a screen reader says in its place, and close it.

    Parameters
    ----------
    fig : matplotlib Figure
    alt : str
        What there is to see, in at least one full sentence: the finding, not 'a plot of'.
    caption : str, optional
        Shown below the figure.

    Raises
    ------
    UsageError
        `alt` is no full sentence of eight words or more.
    """
    Page(as_html(fig, alt, caption), f"Figure: {alt}" + (f"\n{caption}" if caption else "")).show()
    _close(fig)


def as_html(fig: Figure, alt: str, caption: str | None = None) -> str:
    """Return what `show` puts on the page.

    Parameters
    ----------
    fig : matplotlib Figure
    alt : str
        See `show`.
    caption : str, optional
        See `show`.

    Raises
    ------
    UsageError
        `alt` is no full sentence of eight words or more.
    """
    alt = " ".join(str(alt).split())
    if len(alt.split()) < _LEAST_WORDS or not _SENTENCE.search(alt):
        raise UsageError(
            f"the alternative text {alt!r} is no full sentence of {_LEAST_WORDS} words or more",
            fix="say in a sentence what a reader is meant to see in the figure",
        )
    width = round(fig.get_size_inches()[0] * _PAGE_DPI)
    data = base64.b64encode(as_png(fig)).decode("ascii")
    # A border of white keeps the figure legible on a dark page.
    image = f'<img alt="{escape(alt)}" width="{width}" src="data:image/png;base64,{data}">'
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure style="margin: 8px 0">{image}{words}</figure>'


def as_png(fig: Figure) -> bytes:
    """Return a figure as a PNG file: the same bytes each time, and few of them.

    Parameters
    ----------
    fig : matplotlib Figure
    """
    from PIL import Image

    raw = io.BytesIO()
    with _house_style():
        fig.savefig(raw, format="png", dpi=_FILE_DPI)
    raw.seek(0)
    # House figures have few colours: a palette of them is a third of the size and looks the same.
    picture = Image.open(raw).convert("RGB").quantize(48, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small = io.BytesIO()
    picture.save(small, format="PNG", optimize=True)
    return small.getvalue()


def _close(fig: Figure) -> None:
    import sys

    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:  # a figure that pyplot made would be shown a second time at the end of the cell
        pyplot.close(fig)


# --------------------------------------------------------------------------- builders


def lines(frame: pd.DataFrame | pd.Series, *, title: str, x: str, y: str, zero: bool = False) -> Figure:
    """Draw a line for each column over the index, each named at its right end.

    Parameters
    ----------
    frame : DataFrame or Series, shape (points, lines)
        Its index is numeric or a date.
    title : str
        The finding.
    x, y : str
        What the axes show, with the unit: ``"scheduled hour [h]"``, ``"share late"``.
    zero : bool
        Let the y axis begin at zero.

    Raises
    ------
    UsageError
        A label is missing or names no unit, or there is nothing to draw.
    """
    frame = _frame(frame)
    with _house_style():
        fig, (ax,) = _canvas(title, x, y)
        _draw_lines(ax, frame)
        if zero:
            ax.set_ylim(bottom=0)
        _name_lines(fig, ax, frame)
    return fig


def bars(
    series: pd.Series,
    *,
    title: str,
    x: str,
    y: str,
    low: Sequence[float] | pd.Series | None = None,
    high: Sequence[float] | pd.Series | None = None,
    reference: float | tuple[str, float] | None = None,
    digits: int | None = None,
    start: float = 0.0,
) -> Figure:
    """Draw horizontal bars in the order of the series, the first on top, each with its value.

    Parameters
    ----------
    series : Series
        Values by name.
    title : str
        The finding.
    x : str
        What the values are, with the unit.
    y : str
        What the names are; they need no unit.
    low, high : sequence of float, optional
        Ends of an interval for each bar, in the unit of the values.
    reference : float or (name, float), optional
        A value to compare with, drawn as a line.
    digits : int, optional
        Decimals of the printed values; default: three significant digits.
    start : float
        Where bars begin: at the value that means 'nothing', such as 0.5 for an AUC.

    Raises
    ------
    UsageError
        A label is missing or names no unit, there is nothing to draw, or `low` and `high` do not come together.
    """
    import numpy as np
    import pandas as pd

    series = pd.Series(series).astype(float)
    if series.empty:
        raise UsageError("there is nothing to draw", fix="pass a series with at least one value")
    if (low is None) != (high is None):
        raise UsageError("an interval has two ends", fix="pass low and high together, or neither")
    ends = np.array([_aligned(end, series) for end in (low, high)]) if low is not None else None
    with _house_style():
        fig, (ax,) = _canvas(title, x, y, height=1.35 + 0.36 * len(series), unit_of_y=False)
        places = range(len(series))
        ax.barh(places, series - start, left=start, height=0.62, color=COLOURS["blue"])
        if ends is not None:
            ax.hlines(places, ends[0], ends[1], color=COLOURS["black"], linewidth=1.6)
            for end in ends:
                ax.plot(end, places, "|", color=COLOURS["black"], markersize=8)
        ax.set_yticks(places, [str(name) for name in series.index])
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.axvline(start, color="#8C8C8C", linewidth=0.8)
        _reference(ax, reference)
        for place, value in enumerate(series):
            lowest, highest = (value, value) if ends is None else ends[:, place]
            up = value >= start
            outside = max(start, value, highest) if up else min(start, value, lowest)
            ax.annotate(
                _number(value, digits),
                (outside, place),
                xytext=(5 if up else -5, 0),
                textcoords="offset points",
                va="center",
                ha="left" if up else "right",
                fontsize=9.5,
            )
        _thousands(ax.xaxis)
        left, right = ax.get_xlim()
        room = 0.13 * (right - left)  # for the printed values
        ax.set_xlim(left - room if (series < start).any() else left, right + room if (series >= start).any() else right)
    return fig


def calibration(table: pd.DataFrame | Mapping[str, pd.DataFrame], *, title: str, x: str = "", y: str = "") -> Figure:
    """Draw how often flights left late against how probable the model called it.

    Parameters
    ----------
    table : DataFrame, or mapping of model name to DataFrame
        One row for each bin, with the columns ``mean score`` and ``share late``, as from `metrics.calibration`.
    title : str
        The finding.
    x, y : str, optional
        What the axes show.

    Raises
    ------
    UsageError
        The title is missing, or a table lacks a column.
    """
    tables = dict(table) if isinstance(table, Mapping) else {"": table}
    for name, one in tables.items():
        absent = {"mean score", "share late"} - set(one.columns)
        if absent:
            named = f" of {name}" if name else ""
            raise UsageError(
                f"the calibration table{named} has no column {sorted(absent)[0]!r}", fix="pass metrics.calibration(…)"
            )
    with _house_style():
        axes = (x or "predicted probability of leaving late", y or "share that did leave late")
        fig, (ax,) = _canvas(title, *axes, height=4.0)
        top = 1.05 * max(float(one[["mean score", "share late"]].max().max()) for one in tables.values())
        ax.plot([0, top], [0, top], color=GREY, linewidth=1.2, linestyle="--", label="as predicted")
        for (name, one), colour, marker in zip(tables.items(), COLOURS.values(), "osD^vP*", strict=False):
            ax.plot(
                one["mean score"],
                one["share late"],
                marker=marker,
                color=colour,
                markersize=6,
                linewidth=1.6,
                label=name or "this model",
            )
        ax.set(xlim=(0, top), ylim=(0, top))
        ax.legend(loc="upper left")
    return fig


def value_curve(
    frame: pd.DataFrame | pd.Series, *, title: str, x: str, y: str, mark: Mapping[str, float] | None = None
) -> Figure:
    """Draw dollars by threshold, with the thresholds that matter marked.

    Parameters
    ----------
    frame : DataFrame or Series
        Dollars for each threshold (index), a column for each model, as from `money.curve`.
    title : str
        The finding.
    x, y : str
        What the axes show, with the unit.
    mark : mapping of str to float, optional
        Thresholds to mark on the first column, by what they are called.

    Raises
    ------
    UsageError
        A label is missing or names no unit, there is nothing to draw, or a mark lies outside the curve.
    """
    import numpy as np

    frame = _frame(frame)
    with _house_style():
        fig, (ax,) = _canvas(title, x, y)
        ax.axhline(0, color="#8C8C8C", linewidth=1)
        _draw_lines(ax, frame)
        first = frame.iloc[:, 0].dropna()
        below = np.ptp(frame.to_numpy(dtype=float)[np.isfinite(frame.to_numpy(dtype=float))])
        for name, at in (mark or {}).items():
            if not first.index.min() <= at <= first.index.max():
                raise UsageError(f"the mark {name!r} lies outside the curve", fix="mark a threshold within the index")
            value = float(np.interp(at, first.index.to_numpy(dtype=float), first.to_numpy(dtype=float)))
            ax.plot([at], [value], "o", color=COLOURS["black"], markersize=7, zorder=5)
            up = value - first.min() < 0.75 * below
            ax.annotate(
                f"{name}: {at:.2g}",
                (at, value),
                xytext=(0, 11 if up else -11),
                textcoords="offset points",
                ha="center",
                va="bottom" if up else "top",
                fontsize=9.5,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
            )
        _name_lines(fig, ax, frame)
    return fig


def waterfall(
    series: pd.Series, *, start: float, title: str, x: str, y: str, ends: tuple[str, str] = ("start", "sum")
) -> Figure:
    """Draw how values add up: each bar begins where the one above it ended.

    Parameters
    ----------
    series : Series
        Values by name, in the order in which they are added.
    start : float
        What they are added to, in their unit.
    title : str
        The finding.
    x : str
        What the values are, with the unit.
    y : str
        What the names are; they need no unit.
    ends : two of str
        What to call where it begins and where it ends.

    Raises
    ------
    UsageError
        A label is missing or names no unit, there is nothing to draw, or a value is missing.
    """
    import numpy as np
    import pandas as pd

    series = pd.Series(series).astype(float)
    if series.empty or not np.isfinite([*series, start]).all():
        raise UsageError("there is nothing to draw", fix="pass a start and a series of numbers, none missing")
    edges = np.concatenate([[start], start + np.cumsum(series.to_numpy())])
    last = len(series) + 1
    with _house_style():
        fig, (ax,) = _canvas(title, x, y, height=1.35 + 0.33 * (last + 1), unit_of_y=False)
        colours = [COLOURS["vermilion"] if value > 0 else COLOURS["blue"] for value in series]
        ax.barh(range(1, last), series, left=edges[:-1], height=0.62, color=colours)
        for place, (left, value) in enumerate(zip(edges[:-1], series, strict=True), start=1):
            sign = "+" if value > 0 else ""
            ax.annotate(
                f"{sign}{_number(value, 2)}",
                (max(left, left + value), place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=9.5,
            )
        for place, at in ((0, edges[0]), (last, edges[-1])):
            ax.plot([at], [place], "D", color=COLOURS["black"], markersize=7)
            ax.annotate(
                _number(at, 2), (at, place), xytext=(8, 0), textcoords="offset points", va="center", weight="bold"
            )
        for place, at in enumerate(edges):  # from one bar down to the next
            ax.plot([at, at], [place, place + 1], color="#8C8C8C", linewidth=0.8, zorder=0)
        ax.set_yticks(range(last + 1), [ends[0], *map(str, series.index), ends[1]])
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        width = np.ptp(edges) or 1
        ax.set_xlim(edges.min() - 0.05 * width, edges.max() + 0.16 * width)  # room for the printed values
    return fig


def learning_curves(
    curves: Mapping[str, pd.DataFrame],
    *,
    title: str,
    x: str = "boosting rounds",
    y: str = "log-loss [nats per flight]",
) -> Figure:
    """Draw the losses of several models after each round side by side, on one scale.

    Parameters
    ----------
    curves : mapping of str to DataFrame
        For each model a table with a column for each set (train, validation, …), index: rounds counted from 1. The
        lowest point of a column named ``validation`` is marked.
    title : str
        The finding.
    x, y : str
        What the axes show, with the unit.

    Raises
    ------
    UsageError
        A label is missing or names no unit, or there is nothing to draw.
    """
    if not curves:
        raise UsageError("there is nothing to draw", fix="pass at least one learning curve")
    columns = 2 if len(curves) == 4 else min(3, len(curves))
    rows = -(-len(curves) // columns)
    sets = list(dict.fromkeys(str(name) for frame in curves.values() for name in frame.columns))
    looks = {name: (colour, dash) for name, colour, dash in zip(sets, COLOURS.values(), _DASHES, strict=False)}
    with _house_style():
        fig, axes = _canvas(title, x, y, height=1.6 + 1.9 * rows, rows=rows, columns=columns)
        for ax, (model, frame) in zip(axes, curves.items(), strict=False):
            best = frame["validation"].idxmin() if "validation" in frame.columns else None
            ax.set_title(str(model) if best is None else f"{model}: lowest at {best}", fontsize=9.5, pad=5)
            for name in frame.columns:
                colour, dash = looks[str(name)]
                ax.plot(frame.index, frame[name], color=colour, linestyle=dash, linewidth=1.8, label=str(name))
            if best is not None:
                ax.plot([best], [frame["validation"].min()], "o", color=looks["validation"][0], markersize=6, zorder=5)
        for ax in axes[len(curves) :]:
            ax.remove()
        handles, names = axes[0].get_legend_handles_labels()
        fig.legend(handles, names, loc="outside lower center", ncols=len(names), handlelength=3)
    return fig


def parallel(
    frame: pd.DataFrame, *, title: str, x: str, y: str = "from lowest to highest [own scale]", mark: Sequence[str] = ()
) -> Figure:
    """Draw parallel coordinates: an upright axis for each column, and a line across them for each row.

    Parameters
    ----------
    frame : DataFrame, shape (rows, axes)
        Numbers; each column has a scale of its own, from its lowest value to its highest.
    title : str
        The finding.
    x, y : str
        What the columns are, and what runs upright, with the unit.
    mark : sequence of str
        Rows to draw in colour and to name at the right end; the others are grey.

    Raises
    ------
    UsageError
        A label is missing or names no unit, there is nothing to draw, a column is no number, or a mark is no row.
    """
    import numpy as np
    import pandas as pd

    if frame.shape[1] < 2 or frame.empty:
        raise UsageError("there is nothing to draw", fix="pass a table with at least two columns and one row")
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise UsageError(f"the column {name!r} holds no numbers", fix="turn it into numbers: frame.astype(float)")
    for name in mark:
        if name not in frame.index:
            raise UsageError(f"there is no row {name!r} to mark", fix="mark a name of the index")
    values = frame.to_numpy(dtype=float)
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    places = (values - low) / np.where(high > low, high - low, 1)
    with _house_style():
        fig, (ax,) = _canvas(title, x, y)
        axes = range(frame.shape[1])
        for row in places[~frame.index.isin(mark)]:
            ax.plot(axes, row, color="#9A9A9A", linewidth=1.2)
        ends = pd.DataFrame({name: places[list(frame.index).index(name)] for name in mark}, index=list(axes))
        if len(mark):
            _draw_lines(ax, _frame(ends))
        ax.set_xticks(list(axes), [str(name) for name in frame.columns])
        ax.set(yticks=[], ylim=(-0.06, 1.06), xlim=(-0.15, frame.shape[1] - 0.85))
        ax.grid(visible=False)
        for place, column in enumerate(values.T):
            ax.axvline(place, color="#4D4D4D", linewidth=1, zorder=0)
            distinct = np.unique(column[np.isfinite(column)])
            for value in distinct if len(distinct) <= 5 else distinct[[0, -1]]:
                at = (value - low[place]) / (high[place] - low[place] or 1)
                # On the last axis to the left: the names stand on the right.
                side, ha = (-0.03, "right") if place == frame.shape[1] - 1 else (0.03, "left")
                box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}
                ax.text(place + side, at, _number(value, None), ha=ha, va="center", fontsize=8.5, bbox=box, zorder=6)
        if len(mark):
            _name_lines(fig, ax, ends)
    return fig


def tornado(frame: pd.DataFrame, *, title: str, x: str, y: str) -> Figure:
    """Draw how far a result moves when one assumption after another goes to the ends of its range.

    Parameters
    ----------
    frame : DataFrame, one row an assumption, the first on top
        'low' and 'high', the assumption's own ends, which are printed; 'at low', 'at base' and 'at high', the result
        there, as from `money.sensitivity`. The index names the assumptions.
    title : str
        The finding.
    x : str
        What the result is, with the unit.
    y : str
        What the rows are; they need no unit.

    Raises
    ------
    UsageError
        A label is missing or names no unit, there is nothing to draw, or a column is absent.
    """
    absent = [name for name in ("low", "high", "at low", "at base", "at high") if name not in frame]
    if absent or frame.empty:
        found = f"the table has no column {absent[0]!r}" if absent else "there is nothing to draw"
        raise UsageError(found, fix="pass money.sensitivity(…)")
    with _house_style():
        fig, (ax,) = _canvas(title, x, y, height=1.35 + 0.6 * len(frame), unit_of_y=False)
        base = float(frame["at base"].iloc[0])
        # One bar above the other: both ends can move the result the same way.
        for end, colour, shift in (("low", COLOURS["sky"], -0.17), ("high", COLOURS["blue"], 0.17)):
            places = [place + shift for place in range(len(frame))]
            moved = frame[f"at {end}"] - base
            ax.barh(places, moved, left=base, height=0.3, color=colour)
            for place, value, move in zip(places, frame[end], moved, strict=True):
                ax.annotate(
                    _number(float(value), None),
                    (base + move, place),
                    xytext=(5 if move >= 0 else -5, 0),
                    textcoords="offset points",
                    va="center",
                    ha="left" if move >= 0 else "right",
                    fontsize=9,
                )
        ax.axvline(base, color=COLOURS["black"], linewidth=1.2)
        ax.axvline(0, color=COLOURS["vermilion"], linewidth=1.2, linestyle="--")
        ax.set_yticks(range(len(frame)), [textwrap.fill(str(name), 26) for name in frame.index])
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        _thousands(ax.xaxis)
        ax.margins(x=0.12)
        handles = [ax.barh(0, 0, color=COLOURS[colour]) for colour in ("sky", "blue")]
        fig.legend(handles, ["assumption at its low end", "at its high end"], loc="outside lower center", ncols=2)
    return fig


# --------------------------------------------------------------------------- drawings


def workflow() -> Figure:
    """Draw the deployment pipeline: the six steps of ``tables/workflow.toml``, and the way back."""
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

    steps = read_toml("workflow.toml")["step"]
    with _house_style():
        fig, (ax,) = _drawing("Six steps from an objective to a monitored model", 6.6, 3.5)
        ax.set(xlim=(0, 6.6), ylim=(0, 3.5))
        width, height = 1.86, 0.98
        corners = [(0.03 + 2.2 * (place % 3), 2.34 if place < 3 else 0.66) for place in range(len(steps))]
        colours = [COLOURS["blue"]] * 3 + [COLOURS["green"]] * 3
        for (left, bottom), step, colour in zip(corners, steps, colours, strict=True):
            ax.add_patch(
                FancyBboxPatch(
                    (left, bottom), width, height, boxstyle="round,pad=0,rounding_size=0.1", fc="white", ec=colour, lw=2
                )
            )
            ax.text(
                left + 0.1,
                bottom + height - 0.2,
                f"{step['number']}  {step['short']}",
                weight="bold",
                va="center",
                fontsize=10,
            )
            delivers = textwrap.fill(step["delivers"], 25)
            ax.text(left + 0.1, bottom + 0.36, delivers, va="center", fontsize=8.5, linespacing=1.25)
        arrow = {"arrowstyle": "-|>", "mutation_scale": 15, "color": "#4D4D4D", "lw": 1.8, "shrinkA": 2, "shrinkB": 2}
        middle = height / 2
        for place in (0, 1, 3, 4):
            (left, bottom), (after, _) = corners[place], corners[place + 1]
            ax.add_patch(FancyArrowPatch((left + width, bottom + middle), (after, bottom + middle), **arrow))
        # From the third box down and back to the fourth, between the rows.
        lane = (corners[2][1] + corners[3][1] + height) / 2
        right, start = corners[2][0] + width / 2, corners[3][0] + width / 2
        ax.plot(
            [right, right, start], [corners[2][1] - 0.02, lane, lane], color="#4D4D4D", lw=1.8, solid_joinstyle="round"
        )
        ax.add_patch(FancyArrowPatch((start, lane + 0.01), (start, corners[3][1] + height), **(arrow | {"shrinkA": 0})))
        # What is seen in production leads back to building.
        below, back = 0.3, corners[5][0] + width / 2
        colour = COLOURS["vermilion"]
        edge = 6.55
        ax.plot(
            [back, back, edge, edge],
            [corners[5][1] - 0.02, below, below, corners[2][1] + middle],
            color=colour,
            lw=1.8,
            ls="--",
        )
        tip = corners[2][0] + width
        ax.add_patch(
            FancyArrowPatch(
                (edge, corners[2][1] + middle),
                (tip, corners[2][1] + middle),
                **(arrow | {"color": colour, "shrinkA": 0}),
            )
        )
        ax.text(
            back - 0.12, below, read_toml("workflow.toml")["back"], color=colour, ha="right", va="center", fontsize=9
        )
    return fig


def points() -> Figure:
    """Draw the deck's fourteen points: accuracy 11 of 14, precision 6 of 8, recall 6 of 7."""
    late = {True: [(1.0, 2.3), (1.5, 1.3), (2.0, 2.6), (2.3, 1.7), (2.9, 2.4), (3.0, 1.0)], False: [(4.6, 2.0)]}
    on_time = {True: [(1.3, 0.5), (3.4, 1.7)], False: [(4.4, 0.9), (4.9, 2.7), (5.3, 1.4), (5.8, 2.3), (6.0, 0.7)]}
    with _house_style():
        fig, (ax,) = _drawing("Fourteen flights: 11 predicted correctly, 8 warned, 7 late", 6.6, 3.2)
        ax.set(xlim=(0.4, 6.6), ylim=(-0.2, 3.5))
        ax.axvspan(0.4, 3.9, color="#E4EEF6")
        ax.axvline(3.9, color="#4D4D4D", lw=1.5, ls="--")
        ax.text(0.55, 3.42, "warned", fontsize=10.5, weight="bold", va="top")
        ax.text(4.05, 3.42, "not warned", fontsize=10.5, weight="bold", va="top")
        for places, colour, marker in ((late, COLOURS["vermilion"], "o"), (on_time, COLOURS["blue"], "s")):
            for warned, spots in places.items():
                right = warned is (places is late)
                face = colour if right else "white"
                ax.plot(*zip(*spots, strict=True), marker, color=colour, mfc=face, mew=2.2, markersize=12, ls="none")
        labels = [
            (COLOURS["vermilion"], "o", "late (filled: warned)"),
            (COLOURS["blue"], "s", "on time (filled: not warned)"),
        ]
        for colour, marker, text in labels:
            ax.plot([], [], marker, color=colour, mew=2, markersize=9, label=text)
        fig.legend(loc="outside lower center", ncols=2, handletextpad=0.3)
    return fig


def transport() -> Figure:
    """Draw how code goes with Git and data with DVC: from the workspace, through this machine, to others and back."""
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

    boxes = {  # left, bottom, width, height, heading, what lies there
        "workspace": (
            0.05,
            0.62,
            1.45,
            2.88,
            "Workspace",
            "scripts,\npointers,\nparameters",
        ),
        "git": (2.55, 2.42, 1.45, 1.08, "Git, here", "every commit"),
        "server": (5.05, 2.42, 1.5, 1.08, "Git server", "for colleagues"),
        "cache": (2.55, 0.62, 1.45, 1.08, "DVC's cache", "every content\nonce, by its hash"),
        "storage": (5.05, 0.62, 1.5, 1.08, "Storage", "a folder, a bucket,\na server"),
    }
    ways = [  # from x, to x, y, label
        (1.5, 2.55, 3.15, "git commit"),
        (2.55, 1.5, 2.75, "git checkout"),
        (4.0, 5.05, 3.15, "git push"),
        (5.05, 4.0, 2.75, "git pull"),
        (1.5, 2.55, 1.35, "dvc add\ndvc repro"),
        (2.55, 1.5, 0.95, "dvc checkout"),
        (4.0, 5.05, 1.35, "dvc push"),
        (5.05, 4.0, 0.95, "dvc fetch"),
    ]
    with _house_style():
        fig, (ax,) = _drawing("Git carries code and pointers, DVC carries data", 6.6, 3.55)
        ax.set(xlim=(0, 6.6), ylim=(0, 3.55))
        for name, (left, bottom, width, height, heading, words) in boxes.items():
            colour = COLOURS["blue"] if name in ("git", "server") else COLOURS["green"]
            edge = COLOURS["black"] if name == "workspace" else colour
            style = "round,pad=0,rounding_size=0.1"
            ax.add_patch(FancyBboxPatch((left, bottom), width, height, boxstyle=style, fc="white", ec=edge, lw=2))
            ax.text(left + 0.1, bottom + height - 0.2, heading, weight="bold", va="center", fontsize=10)
            ax.text(left + 0.1, bottom + height - 0.42, words, va="top", fontsize=8.5, linespacing=1.25)
        ax.text(0.15, 1.28, "data,\nmodels", va="top", fontsize=8.5, linespacing=1.25)
        arrow = {"arrowstyle": "-|>", "mutation_scale": 14, "lw": 1.6, "shrinkA": 3, "shrinkB": 3}
        for start, stop, y, label in ways:
            colour = COLOURS["blue"] if label.startswith("git") else COLOURS["green"]
            ax.add_patch(FancyArrowPatch((start, y), (stop, y), color=colour, **arrow))
            above = start < stop
            middle, at = (start + stop) / 2, y + (0.05 if above else -0.06)
            ax.text(middle, at, label, ha="center", va="bottom" if above else "top", fontsize=8.5)
        # The way back from the storage to the workspace in one step.
        colour, below = COLOURS["vermilion"], 0.28
        ax.plot([5.8, 5.8, 0.78], [0.6, below, below], color=colour, lw=1.6, ls="--", solid_joinstyle="round")
        ax.add_patch(FancyArrowPatch((0.78, below - 0.01), (0.78, 0.62), color=colour, **(arrow | {"shrinkA": 0})))
        ax.text(
            3.28, below - 0.05, "dvc pull: fetch and checkout in one", color=colour, ha="center", va="top", fontsize=9
        )
    return fig


def architecture(bill: pd.DataFrame, *, title: str) -> Figure:
    """Draw the parts of the hosted service (``tables/serve/hosting.toml``), what each costs, and what it could cost.

    Parameters
    ----------
    bill : DataFrame, a row for each part
        'built' and 'lean' in dollars a month, as from `costs.architecture`.
    title : str
        The finding.

    Raises
    ------
    UsageError
        The title says too little, or the bill lacks a part.
    """
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

    parts = {part["name"]: part for part in read_toml("hosting.toml")["part"]}
    if absent := [name for name in parts if name not in bill.index]:
        raise UsageError(f"the bill has no part {absent[0]!r}", fix="pass costs.architecture(…)")
    if len(str(title).split()) < 3:
        raise UsageError(f"the title {title!r} states no finding", fix="say in the title what the figure shows")
    width, height = 1.72, 0.86
    left = {name: 0.05 + 2.37 * part["column"] for name, part in parts.items()}
    bottom = {name: 2.6 - 1.24 * part["row"] for name, part in parts.items()}
    with _house_style():
        fig, (ax,) = _drawing(title, 6.6, 3.55)
        ax.set(xlim=(0, 6.6), ylim=(0, 3.55))
        arrow = {"arrowstyle": "-|>", "mutation_scale": 13, "lw": 1.4, "color": "#8C8C8C", "shrinkA": 2, "shrinkB": 2}
        for name, part in parts.items():
            for other in part["to"]:  # always a column further to the right
                lower = 0.22 if parts[other]["row"] < part["row"] else 0
                start = (left[name] + width, bottom[name] + height / 2)
                stop = (left[other], bottom[other] + height / 2 - lower)
                ax.add_patch(FancyArrowPatch(start, stop, **arrow))
        for name in parts:
            built, lean = float(bill.loc[name, "built"]), float(bill.loc[name, "lean"])
            colour = COLOURS["vermilion"] if lean < built / 2 else COLOURS["blue"]
            style = "round,pad=0,rounding_size=0.1"
            corner = (left[name], bottom[name])
            ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, fc="white", ec=colour, lw=2))
            words = textwrap.fill(name, 19)
            top = bottom[name] + height - 0.1
            ax.text(left[name] + 0.1, top, words, weight="bold", va="top", fontsize=9.5, linespacing=1.1)
            ax.text(
                left[name] + 0.1, bottom[name] + 0.16, rf"\${built:,.0f} → \${lean:,.0f}", va="center", fontsize=9.5
            )
        ax.text(
            4.79,
            0.62,
            "a month, as built →\nas it could be; in red\nwhere over half can go",
            va="center",
            fontsize=9,
            color=GREY,
        )
    return fig


#: What `points` shows, by name.
POINTS = {"warned, late": 6, "warned, on time": 2, "not warned, late": 1, "not warned, on time": 5}


# --------------------------------------------------------------------------- what builders share


def _canvas(
    title: str, x: str, y: str, *, height: float = 3.6, rows: int = 1, columns: int = 1, unit_of_y: bool = True
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes with title and labels, or refuse those that say too little."""
    from matplotlib.figure import Figure

    if len(str(title).split()) < 3:
        raise UsageError(
            f"the title {title!r} states no finding", fix="say in the title what the figure shows, in a few words"
        )
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
    fig = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = list(fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    if len(axes) == 1:
        axes[0].set(xlabel=x, ylabel=y)
    else:
        fig.supylabel(y, fontsize=10)
        for ax in axes[-columns:]:
            ax.set_xlabel(x)
    # At the left edge of the figure, where reading begins, and not wider than it.
    fig.suptitle(textwrap.fill(str(title), 66), x=0.012, ha="left", fontsize=11.5, weight="bold")
    return fig, axes


def _drawing(title: str, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure without axes to draw on."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(_WIDTH, height * _WIDTH / width + 0.35), layout="constrained")
    ax = fig.add_subplot()
    ax.axis("off")
    fig.suptitle(title, x=0.012, ha="left", fontsize=11.5, weight="bold")
    return fig, [ax]


def _frame(frame: pd.DataFrame | pd.Series) -> pd.DataFrame:
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame = frame.to_frame("")  # the y label says what a single line is
    if frame.shape[1] == 0 or not frame.notna().to_numpy().any():
        raise UsageError("there is nothing to draw", fix="pass a table with at least one column of numbers")
    if frame.shape[1] > len(COLOURS):
        raise UsageError(
            f"{frame.shape[1]} lines are too many to tell apart",
            fix=f"draw at most {len(COLOURS)}, or split the figure",
        )
    return frame


def _draw_lines(ax: Axes, frame: pd.DataFrame) -> None:
    dot = "o" if len(frame) <= 15 else None  # few points: show where they were measured
    for name, colour, dash in zip(frame.columns, COLOURS.values(), _DASHES, strict=False):
        values = frame[name].dropna()
        ax.plot(values.index.to_numpy(), values.to_numpy(), color=colour, linestyle=dash, marker=dot, markersize=4.5)
    if frame.index.dtype.kind == "M":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(maxticks=7)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    if frame.index.dtype.kind in "iu":
        ax.xaxis.get_major_locator().set_params(integer=True)
    _thousands(ax.xaxis)
    _thousands(ax.yaxis)


def _thousands(axis: Axis) -> None:
    """Write the numbers of an axis with separators where they are large."""
    low, high = axis.get_view_interval()
    if not axis.have_units() and max(abs(low), abs(high)) >= 1000:
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace("-", "−"))


def _name_lines(fig: Figure, ax: Axes, frame: pd.DataFrame) -> None:
    """Write each line's name at its right end, pushed apart where two would overlap."""
    names = [str(name) for name in frame.columns]
    if names == [""]:
        return
    import numpy as np

    fig.draw_without_rendering()
    ends = [frame[name].dropna() for name in frame.columns]
    y = np.array([ax.transData.transform((0, float(values.iloc[-1])))[1] for values in ends])
    order = np.argsort(y)
    gap = 13 * fig.dpi / 72  # pixels for a line of text
    apart = y[order].copy()
    for _ in range(50):  # a few rounds of pushing neighbours apart settle it
        overlap = gap - np.diff(apart)
        if (overlap <= 0.01).all():
            break
        push = np.where(overlap > 0, overlap / 2, 0)
        apart[:-1] -= push
        apart[1:] += push
    for place, at in zip(order, apart, strict=True):
        shift = (at - y[place]) * 72 / fig.dpi
        ax.annotate(
            names[place],
            (1, float(ends[place].iloc[-1])),
            xycoords=("axes fraction", "data"),
            xytext=(6, shift),
            textcoords="offset points",
            va="center",
            color=list(COLOURS.values())[place],
            weight="bold",
            fontsize=9.5,
            annotation_clip=False,
        )


def _reference(ax: Axes, reference: float | tuple[str, float] | None) -> None:
    if reference is None:
        return
    name, at = reference if isinstance(reference, tuple) else ("", reference)
    ax.axvline(at, color=COLOURS["vermilion"], linewidth=1.5, linestyle="--")
    if name:
        ax.annotate(
            name,
            (at, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=COLOURS["vermilion"],
            fontsize=9.5,
        )


def _aligned(end: Sequence[float] | pd.Series, series: pd.Series) -> Any:
    import numpy as np
    import pandas as pd

    values = end.reindex(series.index) if isinstance(end, pd.Series) else end
    values = np.asarray(values, dtype=float)
    if values.shape != (len(series),):
        raise UsageError(f"{len(values)} interval ends for {len(series)} bars", fix="pass one end for each bar")
    return values


def _number(value: float, digits: int | None) -> str:
    if digits is not None:
        text = f"{value:,.{digits}f}"
    elif float(value).is_integer() or abs(value) >= 999.5:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}"
    return text.replace("-", "−")
