"""Charts of the course: lines, bars, calibration, dollars by threshold, learning curves, sensitivity.

Each function takes a table and returns a figure. It refuses a title that states no finding and an axis without a unit.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.errors import UsageError
from course_utils.notebook.claims import as_text
from course_utils.notebook.plots.style import COLOURS, DASHES, GREY, canvas, house_style
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = [
    "bars",
    "calibration",
    "learning_curves",
    "lines",
    "parallel_coordinates",
    "tornado",
    "value_curve",
]


def lines(frame: pd.DataFrame | pd.Series, *, title: str, x: str, y: str, zero: bool = False) -> Figure:
    """Draw a line for each column over the index, each named at its right end.

    Parameters
    ----------
    frame : DataFrame or Series, shape (points, lines)
        At most seven columns; the index holds numbers or dates.
    title : str
        The finding, in at least three words.
    x, y : str
        What the axes show, with the unit, such as ``"scheduled hour [h]"`` or ``"share late"``.
    zero : bool
        Start the y axis at zero; by default it starts below the lowest value.

    Raises
    ------
    UsageError
        The title states no finding, a label names no unit, there is nothing to draw, or there are too many lines.

    Examples
    --------
    >>> late = (flights["IsDepDelayed"] == "YES").groupby(flights["CRSDepTime"] // 100).mean()
    >>> figure = plots.lines(late, title="Delays pile up", x="scheduled hour [h]", y="share late")
    >>> figure.axes[0].get_ylabel()
    'share late'
    """
    frame = _as_lines(frame)
    with house_style():
        fig, (ax,) = canvas(title, x, y)
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
        A number for each name; the index holds the names.
    title : str
        As for `lines`.
    x, y : str
        What the values are, with the unit; and what the names are, without a unit.
    low, high : sequence of float or Series, optional
        Ends of an interval for each bar, in the unit of the values; both or neither. A Series is aligned by name.
    reference : float or (name, float), optional
        A value to compare with, drawn as a dashed line.
    digits : int, optional
        Decimals of the printed values; default: three significant digits.
    start : float
        Where bars begin: the value that means 'nothing', such as 0.5 for an AUC.

    Raises
    ------
    UsageError
        The title states no finding, a label names no unit, there is nothing to draw, or an interval lacks an end.

    Examples
    --------
    >>> delay = flights.groupby("Origin", observed=True)["DepDelay"].mean()
    >>> figure = plots.bars(delay, title="Newark is late most", x="mean delay [min]", y="airport", digits=1)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['15.8', '10.6', '6.3']
    """
    import pandas as pd

    series = pd.Series(series).astype(float)
    if series.empty:
        raise UsageError("there is nothing to draw", fix="pass a series with at least one value")
    ends = _intervals(low, high, series)
    with house_style():
        fig, (ax,) = canvas(title, x, y, height=1.35 + 0.36 * len(series), unit_of_y=False)
        ax.barh(range(len(series)), series - start, left=start, height=0.62, color=COLOURS["blue"])
        _draw_intervals(ax, ends)
        _name_rows(ax, [str(name) for name in series.index])
        ax.axvline(start, color="#8C8C8C", linewidth=0.8)
        _draw_reference(ax, reference)
        _print_values(ax, series, ends, start, digits)
        _separate_thousands(ax.xaxis)
    return fig


def calibration(table: pd.DataFrame | Mapping[str, pd.DataFrame], *, title: str, x: str = "", y: str = "") -> Figure:
    """Draw calibration curves: the share of flights that left late against the predicted probability.

    Parameters
    ----------
    table : DataFrame, or mapping of model name to DataFrame
        One row for each bin, with the columns 'mean score' and 'share late', as from `metrics.calibration`.
    title : str
        As for `lines`.
    x, y : str, optional
        What the axes show, if not predicted probability and share late.

    Raises
    ------
    UsageError
        The title states no finding, or a table lacks a column.

    Examples
    --------
    >>> table = pd.DataFrame({"mean score": [0.1, 0.3], "share late": [0.12, 0.28]})
    >>> figure = plots.calibration(table, title="The model is well calibrated")
    >>> figure.axes[0].get_xlabel()
    'predicted probability of leaving late'
    """
    tables = dict(table) if isinstance(table, Mapping) else {"": table}
    for name, one in tables.items():
        absent = {"mean score", "share late"} - set(one.columns)
        if absent:
            named = f" of {name}" if name else ""
            raise UsageError(
                f"the calibration table{named} has no column {sorted(absent)[0]!r}", fix="pass metrics.calibration(…)"
            )
    with house_style():
        axes = (x or "predicted probability of leaving late", y or "share that did leave late")
        fig, (ax,) = canvas(title, *axes, height=4.0)
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
    """Draw dollars by decision threshold, with some thresholds marked.

    Parameters
    ----------
    frame : DataFrame or Series
        Dollars for each threshold (index), a column for each model, as from `money.curve`.
    title, x, y : str
        As for `lines`.
    mark : mapping of str to float, optional
        Thresholds to mark on the first column, by name; they must be within the index.

    Raises
    ------
    UsageError
        The title states no finding, a label names no unit, there is nothing to draw, or a mark is outside the curve.

    Examples
    --------
    >>> curve = pd.Series([-900.0, 150.0, 0.0], index=[0.0, 0.5, 1.0])
    >>> axes = {"x": "threshold [probability]", "y": "value [$]"}
    >>> figure = plots.value_curve(curve, title="Warnings pay from 0.5", mark={"best": 0.5}, **axes)
    >>> figure.axes[0].texts[0].get_text()
    'best: 0.5'
    """
    import numpy as np

    frame = _as_lines(frame)
    with house_style():
        fig, (ax,) = canvas(title, x, y)
        ax.axhline(0, color="#8C8C8C", linewidth=1)
        _draw_lines(ax, frame)
        first = frame.iloc[:, 0].dropna()
        spread = np.ptp(frame.to_numpy(dtype=float)[np.isfinite(frame.to_numpy(dtype=float))])
        for name, at in (mark or {}).items():
            if not first.index.min() <= at <= first.index.max():
                raise UsageError(f"the mark {name!r} is outside the curve", fix="mark a threshold within the index")
            value = float(np.interp(at, first.index.to_numpy(dtype=float), first.to_numpy(dtype=float)))
            ax.plot([at], [value], "o", color=COLOURS["black"], markersize=7, zorder=5)
            above = value - first.min() < 0.75 * spread  # near the top of the figure the name goes below the point
            ax.annotate(
                f"{name}: {at:.2g}",
                (at, value),
                xytext=(0, 11 if above else -11),
                textcoords="offset points",
                ha="center",
                va="bottom" if above else "top",
                fontsize=9.5,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
            )
        _name_lines(fig, ax, frame)
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
        For each model a table with a column for each set (train, validation, …); the index counts rounds from 1. The
        lowest point of a column named 'validation' is marked.
    title, x, y : str
        As for `lines`.

    Raises
    ------
    UsageError
        The title states no finding, a label names no unit, or there is nothing to draw.

    Examples
    --------
    >>> curve = pd.DataFrame({"train": [0.5, 0.4, 0.3], "validation": [0.5, 0.4, 0.45]}, index=[1, 2, 3])
    >>> figure = plots.learning_curves({"depth 3": curve}, title="The model overfits after round 2")
    >>> figure.axes[0].get_title(loc="left")
    'depth 3: lowest at 2'
    """
    if not curves:
        raise UsageError("there is nothing to draw", fix="pass at least one learning curve")
    columns = 2 if len(curves) == 4 else min(3, len(curves))  # four as two by two, without a gap
    rows = -(-len(curves) // columns)
    sets = list(dict.fromkeys(str(name) for frame in curves.values() for name in frame.columns))
    looks = {name: (colour, dash) for name, colour, dash in zip(sets, COLOURS.values(), DASHES, strict=False)}
    with house_style():
        fig, axes = canvas(title, x, y, height=1.6 + 1.9 * rows, rows=rows, columns=columns)
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


def parallel_coordinates(
    frame: pd.DataFrame, *, title: str, x: str, y: str = "from lowest to highest [own scale]", mark: Sequence[str] = ()
) -> Figure:
    """Draw parallel coordinates: a vertical axis for each column, and a line across them for each row.

    Parameters
    ----------
    frame : DataFrame, shape (rows, axes)
        Numbers in at least two columns; each column has its own scale, from its lowest value to its highest.
    title, x, y : str
        As for `lines`.
    mark : sequence of str
        Index labels of the rows to draw in colour and to name at the right end; the others are grey.

    Raises
    ------
    UsageError
        The title states no finding, a label names no unit, there is nothing to draw, a column holds no numbers, or a
        marked row does not exist.

    Examples
    --------
    >>> runs = pd.DataFrame({"depth": [2, 8], "log-loss": [0.37, 0.38]}, index=["flat", "deep"])
    >>> axes = {"title": "Shallow trees suffice here", "x": "settings and score, own unit [each]"}
    >>> figure = plots.parallel_coordinates(runs, mark=["flat"], **axes)
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['depth', 'log-loss']
    """
    import numpy as np
    import pandas as pd

    _require_numbers(frame, mark)
    values = frame.to_numpy(dtype=float)
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    places = (values - low) / np.where(high > low, high - low, 1)  # a constant column is drawn at its lowest
    with house_style():
        fig, (ax,) = canvas(title, x, y)
        axes = range(frame.shape[1])
        for row in places[~frame.index.isin(mark)]:
            ax.plot(axes, row, color="#9A9A9A", linewidth=1.2)
        marked = pd.DataFrame({name: places[list(frame.index).index(name)] for name in mark}, index=list(axes))
        if len(mark):
            _draw_lines(ax, _as_lines(marked))
        ax.set_xticks(list(axes), [str(name) for name in frame.columns])
        ax.set(yticks=[], ylim=(-0.06, 1.06), xlim=(-0.15, frame.shape[1] - 0.85))
        ax.grid(visible=False)
        for place, column in enumerate(values.T):
            ax.axvline(place, color="#4D4D4D", linewidth=1, zorder=0)
            distinct = np.unique(column[np.isfinite(column)])
            # On the last axis to the left: to its right are the names of the marked rows.
            side, ha = (-0.03, "right") if place == frame.shape[1] - 1 else (0.03, "left")
            for value in distinct if len(distinct) <= 5 else distinct[[0, -1]]:
                at = (value - low[place]) / (high[place] - low[place] or 1)
                box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}
                ax.text(place + side, at, _number(value), ha=ha, va="center", fontsize=8.5, bbox=box, zorder=6)
        if len(mark):
            _name_lines(fig, ax, marked)
    return fig


def _require_numbers(frame: pd.DataFrame, mark: Sequence[str]) -> None:
    """Refuse a table that has no numbers to draw across, or lacks a row that should be marked."""
    import pandas as pd

    if frame.shape[1] < 2 or frame.empty:
        raise UsageError("there is nothing to draw", fix="pass a table with at least two columns and one row")
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise UsageError(f"the column {name!r} holds no numbers", fix="convert it to numbers: frame.astype(float)")
    for name in mark:
        if name not in frame.index:
            raise UsageError(f"there is no row {name!r} to mark", fix="mark a label of the index")


def tornado(frame: pd.DataFrame, *, title: str, x: str, y: str) -> Figure:
    """Draw how far a result moves when one assumption after another goes to the ends of its range.

    Parameters
    ----------
    frame : DataFrame, one row for each assumption, the first on top
        The index names the assumptions. 'low' and 'high' are the assumption's own ends, which are printed; 'at low',
        'at base' and 'at high' are the results there, as from `money.sensitivity`.
    title : str
        As for `lines`.
    x : str
        What the result is, with the unit.
    y : str
        What the rows are; they need no unit.

    Raises
    ------
    UsageError
        The title states no finding, a label names no unit, there is nothing to draw, or a column is missing.

    Examples
    --------
    >>> columns = ["low", "high", "at low", "at base", "at high"]
    >>> table = pd.DataFrame([[30, 90, -500, 900, 4000]], index=["saved by a warning [$]"], columns=columns)
    >>> figure = plots.tornado(table, title="Savings decide the sign", x="value [$]", y="assumption")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['30', '90']
    """
    absent = [name for name in ("low", "high", "at low", "at base", "at high") if name not in frame]
    if absent or frame.empty:
        found = f"the table has no column {absent[0]!r}" if absent else "there is nothing to draw"
        raise UsageError(found, fix="pass money.sensitivity(…)")
    with house_style():
        fig, (ax,) = canvas(title, x, y, height=1.35 + 0.6 * len(frame), unit_of_y=False)
        base = float(frame["at base"].iloc[0])
        # Two bars for each row, one above the other, since both ends can move the result the same way.
        for end, colour, shift in (("low", COLOURS["sky"], -0.17), ("high", COLOURS["blue"], 0.17)):
            places = [place + shift for place in range(len(frame))]
            moved = frame[f"at {end}"] - base
            ax.barh(places, moved, left=base, height=0.3, color=colour)
            for place, value, move in zip(places, frame[end], moved, strict=True):
                _print_value(ax, _number(float(value)), base + move, place, up=move >= 0, size=9)
        ax.axvline(base, color=COLOURS["black"], linewidth=1.2)
        ax.axvline(0, color=COLOURS["vermilion"], linewidth=1.2, linestyle="--")
        _name_rows(ax, [textwrap.fill(str(name), 26) for name in frame.index])
        _separate_thousands(ax.xaxis)
        ax.margins(x=0.12)
        handles = [ax.barh(0, 0, color=COLOURS[colour]) for colour in ("sky", "blue")]  # empty, for the legend only
        fig.legend(handles, ["assumption at its low end", "at its high end"], loc="outside lower center", ncols=2)
    return fig


# --------------------------------------------------------------------------- shared by charts


def _as_lines(frame: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Return a table with at least one and at most seven columns to draw as lines."""
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame = frame.to_frame("")  # the y label says what a single line is
    if frame.shape[1] == 0 or not frame.notna().to_numpy().any():
        raise UsageError("there is nothing to draw", fix="pass a table with at least one column of numbers")
    if frame.shape[1] > len(COLOURS):
        raise UsageError(
            f"{counted(frame.shape[1], 'line')} are too many to tell apart",
            fix=f"draw at most {len(COLOURS)}, or split the figure",
        )
    return frame


def _draw_lines(ax: Axes, frame: pd.DataFrame) -> None:
    dot = "o" if len(frame) <= 15 else None  # few points: show where they were measured
    for name, colour, dash in zip(frame.columns, COLOURS.values(), DASHES, strict=False):
        values = frame[name].dropna()
        ax.plot(values.index.to_numpy(), values.to_numpy(), color=colour, linestyle=dash, marker=dot, markersize=4.5)
    if frame.index.dtype.kind == "M":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(maxticks=7)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    if frame.index.dtype.kind in "iu":
        ax.xaxis.get_major_locator().set_params(integer=True)
    _separate_thousands(ax.xaxis)
    _separate_thousands(ax.yaxis)


def _separate_thousands(axis: Axis) -> None:
    """Print the numbers of an axis with thousands separators if one of them is 1,000 or more."""
    low, high = axis.get_view_interval()
    if not axis.have_units() and max(abs(low), abs(high)) >= 1000:
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace("-", "−"))


def _name_lines(fig: Figure, ax: Axes, frame: pd.DataFrame) -> None:
    """Print each line's name at its right end; names that would overlap are moved apart."""
    names = [str(name) for name in frame.columns]
    if names == [""]:
        return
    import numpy as np

    fig.draw_without_rendering()  # fixes the layout: only now is it known which pixel a value is at
    ends = [frame[name].dropna() for name in frame.columns]
    y = np.array([ax.transData.transform((0, float(values.iloc[-1])))[1] for values in ends])
    order = np.argsort(y)
    gap = 13 * fig.dpi / 72  # pixels for a line of text of 9.5 points
    apart = y[order].copy()
    for _ in range(50):  # for seven names a few rounds suffice
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


def _name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Name the rows of a chart of horizontal bars, the first on top."""
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)


def _draw_intervals(ax: Axes, ends: Any) -> None:
    if ends is None:
        return
    places = range(ends.shape[1])
    ax.hlines(places, ends[0], ends[1], color=COLOURS["black"], linewidth=1.6)
    for end in ends:
        ax.plot(end, places, "|", color=COLOURS["black"], markersize=8)


def _print_values(ax: Axes, series: pd.Series, ends: Any, start: float, digits: int | None) -> None:
    """Print the value of each bar beside its outer end, or beside its interval where that is longer."""
    for place, value in enumerate(series):
        lowest, highest = (value, value) if ends is None else ends[:, place]
        up = value >= start
        outside = max(start, value, highest) if up else min(start, value, lowest)
        _print_value(ax, _number(value, digits), outside, place, up=up)
    left, right = ax.get_xlim()
    room = 0.13 * (right - left)  # for the printed values
    ax.set_xlim(left - room if (series < start).any() else left, right + room if (series >= start).any() else right)


def _print_value(ax: Axes, text: str, x: float, y: float, *, up: bool = True, size: float = 9.5) -> None:
    """Print a value beside the end of a horizontal bar: to its right where the bar points up, else to its left."""
    ax.annotate(
        text,
        (x, y),
        xytext=(5 if up else -5, 0),
        textcoords="offset points",
        va="center",
        ha="left" if up else "right",
        fontsize=size,
    )


def _draw_reference(ax: Axes, reference: float | tuple[str, float] | None) -> None:
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


def _intervals(low: Any, high: Any, series: pd.Series) -> Any:
    """Return the ends of the intervals as an array, shape (2, bars), or None if there are none."""
    import numpy as np
    import pandas as pd

    if (low is None) != (high is None):
        raise UsageError("an interval needs both ends", fix="pass low and high together, or neither")
    if low is None:
        return None
    ends = [end.reindex(series.index) if isinstance(end, pd.Series) else end for end in (low, high)]
    for end in ends:
        if np.shape(end) != (len(series),):
            raise UsageError(
                f"{len(end)} interval ends for {counted(len(series), 'bar')}", fix="pass one end for each bar"
            )
    return np.array(ends, dtype=float)


def _number(value: float, digits: int | None = None) -> str:
    """Write a number with a real minus sign, in three significant digits or with the decimals asked for."""
    return (as_text(value) if digits is None else f"{value:,.{digits}f}").replace("-", "−")
