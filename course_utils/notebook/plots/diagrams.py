"""Diagrams that lessons explain: the workflow, a confusion matrix as points, Git with DVC, the hosted service.

What they show comes from the course's tables where it is data. Positions are in units of each drawing.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from course_utils.errors import UsageError
from course_utils.notebook.plots.style import COLOURS, GREY, blank_canvas, house_style
from course_utils.tables import read_toml

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["POINTS", "architecture", "git_and_dvc", "points", "workflow"]

#: How many flights `points` draws in each cell of the confusion matrix.
POINTS = {"warned, late": 6, "warned, on time": 2, "not warned, late": 1, "not warned, on time": 5}


def workflow() -> Figure:
    """Draw the deployment pipeline: the six steps of ``tables/workflow.toml``, and the way back to the third.

    Examples
    --------
    >>> plots.workflow().get_suptitle()
    'Six steps from an objective to a monitored model'
    """
    table = read_toml("workflow.toml")
    steps = table["step"]
    width, height = 1.86, 0.98
    corners = [(0.03 + 2.2 * (place % 3), 2.34 if place < 3 else 0.66) for place in range(len(steps))]
    colours = [COLOURS["blue"]] * 3 + [COLOURS["green"]] * 3
    with house_style():
        fig, ax = blank_canvas("Six steps from an objective to a monitored model", 6.6, 3.5)
        for (left, bottom), step, colour in zip(corners, steps, colours, strict=True):
            _box(ax, left, bottom, width, height, colour)
            heading = f"{step['number']}  {step['short']}"
            ax.text(left + 0.1, bottom + height - 0.2, heading, weight="bold", va="center", fontsize=10)
            delivers = textwrap.fill(step["delivers"], 25)
            ax.text(left + 0.1, bottom + 0.36, delivers, va="center", fontsize=8.5, linespacing=1.25)
        look = {"mutation_scale": 15, "color": "#4D4D4D", "lw": 1.8, "shrinkA": 2, "shrinkB": 2}
        middle = height / 2
        for place in (0, 1, 3, 4):
            (left, bottom), (after, _) = corners[place], corners[place + 1]
            _arrow(ax, (left + width, bottom + middle), (after, bottom + middle), look)
        # From the third box down and back to the fourth, between the rows.
        lane = (corners[2][1] + corners[3][1] + height) / 2
        right, start = corners[2][0] + width / 2, corners[3][0] + width / 2
        bend = [right, right, start], [corners[2][1] - 0.02, lane, lane]
        ax.plot(*bend, color="#4D4D4D", lw=1.8, solid_joinstyle="round")
        _arrow(ax, (start, lane + 0.01), (start, corners[3][1] + height), look | {"shrinkA": 0})
        _way_back(ax, corners, (width, height), look, table["back"])
    return fig


def _way_back(
    ax: Axes, corners: list[tuple[float, float]], size: tuple[float, float], look: dict[str, Any], label: str
) -> None:
    """Draw what leads from the last step of the workflow back to the third: what monitoring finds."""
    (width, height), colour = size, COLOURS["vermilion"]
    below, edge = 0.3, 6.55
    back, level = corners[5][0] + width / 2, corners[2][1] + height / 2
    ax.plot([back, back, edge, edge], [corners[5][1] - 0.02, below, below, level], color=colour, lw=1.8, ls="--")
    _arrow(ax, (edge, level), (corners[2][0] + width, level), look | {"color": colour, "shrinkA": 0})
    ax.text(back - 0.12, below, label, color=colour, ha="right", va="center", fontsize=9)


def points() -> Figure:
    """Draw the deck's fourteen flights as points: accuracy 11 of 14, precision 6 of 8, recall 6 of 7.

    Examples
    --------
    >>> plots.points().get_suptitle()
    'Fourteen flights: 11 predicted correctly, 8 warned, 7 late'
    >>> sum(plots.POINTS.values())
    14
    """
    late = {True: [(1.0, 2.3), (1.5, 1.3), (2.0, 2.6), (2.3, 1.7), (2.9, 2.4), (3.0, 1.0)], False: [(4.6, 2.0)]}
    on_time = {True: [(1.3, 0.5), (3.4, 1.7)], False: [(4.4, 0.9), (4.9, 2.7), (5.3, 1.4), (5.8, 2.3), (6.0, 0.7)]}
    with house_style():
        fig, ax = blank_canvas("Fourteen flights: 11 predicted correctly, 8 warned, 7 late", 6.6, 3.2)
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
        for colour, marker, text in labels:  # empty lines, for the legend only
            ax.plot([], [], marker, color=colour, mew=2, markersize=9, label=text)
        fig.legend(loc="outside lower center", ncols=2, handletextpad=0.3)
    return fig


def git_and_dvc() -> Figure:
    """Draw which commands move code with Git and data with DVC: between workspace, this machine and the servers.

    Examples
    --------
    >>> plots.git_and_dvc().get_suptitle()
    'Git carries code and pointers, DVC carries data'
    """
    boxes = {  # left, bottom, width, height, heading, what is in it
        "workspace": (0.05, 0.62, 1.45, 2.88, "Workspace", "scripts,\npointers,\nparameters"),
        "git": (2.55, 2.42, 1.45, 1.08, "Git, here", "every commit"),
        "server": (5.05, 2.42, 1.5, 1.08, "Git server", "for colleagues"),
        "cache": (2.55, 0.62, 1.45, 1.08, "DVC's cache", "every content\nonce, by its hash"),
        "storage": (5.05, 0.62, 1.5, 1.08, "Storage", "a folder, a bucket,\na server"),
    }
    commands = [  # from x, to x, y, label
        (1.5, 2.55, 3.15, "git commit"),
        (2.55, 1.5, 2.75, "git checkout"),
        (4.0, 5.05, 3.15, "git push"),
        (5.05, 4.0, 2.75, "git fetch"),
        (1.5, 2.55, 1.35, "dvc add\ndvc repro"),
        (2.55, 1.5, 0.95, "dvc checkout"),
        (4.0, 5.05, 1.35, "dvc push"),
        (5.05, 4.0, 0.95, "dvc fetch"),
    ]
    with house_style():
        fig, ax = blank_canvas("Git carries code and pointers, DVC carries data", 6.6, 3.55)
        for name, (left, bottom, width, height, heading, words) in boxes.items():
            colour = COLOURS["blue"] if name in ("git", "server") else COLOURS["green"]
            _box(ax, left, bottom, width, height, COLOURS["black"] if name == "workspace" else colour)
            ax.text(left + 0.1, bottom + height - 0.2, heading, weight="bold", va="center", fontsize=10)
            ax.text(left + 0.1, bottom + height - 0.42, words, va="top", fontsize=8.5, linespacing=1.25)
        ax.text(0.15, 1.28, "data,\nmodels", va="top", fontsize=8.5, linespacing=1.25)
        look = {"mutation_scale": 14, "lw": 1.6, "shrinkA": 3, "shrinkB": 3}
        for start, stop, y, label in commands:
            colour = COLOURS["blue"] if label.startswith("git") else COLOURS["green"]
            _arrow(ax, (start, y), (stop, y), look | {"color": colour})
            above = start < stop
            middle, at = (start + stop) / 2, y + (0.05 if above else -0.06)
            ax.text(middle, at, label, ha="center", va="bottom" if above else "top", fontsize=8.5)
        # dvc pull goes from the storage to the workspace in one step.
        colour, below = COLOURS["vermilion"], 0.28
        ax.plot([5.8, 5.8, 0.78], [0.6, below, below], color=colour, lw=1.6, ls="--", solid_joinstyle="round")
        _arrow(ax, (0.78, below - 0.01), (0.78, 0.62), look | {"color": colour, "shrinkA": 0})
        label = "dvc pull: fetch and checkout in one"
        ax.text(3.28, below - 0.05, label, color=colour, ha="center", va="top", fontsize=9)
    return fig


def architecture(bill: pd.DataFrame, *, title: str) -> Figure:
    """Draw the parts of the hosted service (``tables/serve/hosting.toml``) with their monthly cost before and after.

    Parts whose cost could fall by more than half are red.

    Parameters
    ----------
    bill : DataFrame, one row for each part
        Columns 'built' and 'lean' in dollars a month, as from `costs.architecture`.
    title : str
        The finding, in at least three words.

    Raises
    ------
    UsageError
        The title states no finding, or the bill lacks a part.

    Examples
    --------
    >>> from course_utils.serve import costs
    >>> figure = plots.architecture(costs.architecture(1460, 800), title="Deployments cost the most")
    >>> figure.get_suptitle()
    'Deployments cost the most'
    """
    parts = {part["name"]: part for part in read_toml("hosting.toml")["part"]}
    if absent := [name for name in parts if name not in bill.index]:
        raise UsageError(f"the bill has no part {absent[0]!r}", fix="pass costs.architecture(…)")
    width, height = 1.72, 0.86
    left = {name: 0.05 + 2.37 * part["column"] for name, part in parts.items()}
    bottom = {name: 2.6 - 1.24 * part["row"] for name, part in parts.items()}
    with house_style():
        fig, ax = blank_canvas(title, 6.6, 3.55)
        look = {"mutation_scale": 13, "lw": 1.4, "color": "#8C8C8C", "shrinkA": 2, "shrinkB": 2}
        for name, part in parts.items():
            for other in part["to"]:  # always a column further to the right
                lower = 0.22 if parts[other]["row"] < part["row"] else 0
                start = (left[name] + width, bottom[name] + height / 2)
                _arrow(ax, start, (left[other], bottom[other] + height / 2 - lower), look)
        for name in parts:
            built, lean = float(bill.loc[name, "built"]), float(bill.loc[name, "lean"])
            colour = COLOURS["vermilion"] if lean < built / 2 else COLOURS["blue"]
            _box(ax, left[name], bottom[name], width, height, colour)
            words, top = textwrap.fill(name, 19), bottom[name] + height - 0.1
            ax.text(left[name] + 0.1, top, words, weight="bold", va="top", fontsize=9.5, linespacing=1.1)
            # Escaped: two dollar signs in one text would be mathematics to matplotlib.
            cost = rf"\${built:,.0f} → \${lean:,.0f}"
            ax.text(left[name] + 0.1, bottom[name] + 0.16, cost, va="center", fontsize=9.5)
        legend = "a month, as built →\nas it could be; in red\nwhere over half can go"
        ax.text(4.79, 0.62, legend, va="center", fontsize=9, color=GREY)
    return fig


def _box(ax: Axes, left: float, bottom: float, width: float, height: float, colour: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    rounded = "round,pad=0,rounding_size=0.1"
    ax.add_patch(FancyBboxPatch((left, bottom), width, height, boxstyle=rounded, fc="white", ec=colour, lw=2))


def _arrow(ax: Axes, start: tuple[float, float], stop: tuple[float, float], look: dict[str, Any]) -> None:
    from matplotlib.patches import FancyArrowPatch

    ax.add_patch(FancyArrowPatch(start, stop, arrowstyle="-|>", **look))
