"""Figures in the course's style, with alternative text."""

from __future__ import annotations

import base64
import io
import re
from html import unescape
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from course_utils import tables
from course_utils.errors import UsageError
from course_utils.notebook import plots

ALT = "The share of late flights rises from morning to evening at all three airports."
AXES = {"title": "Delays pile up through the day", "x": "scheduled hour [h]", "y": "share late"}
HOURS = pd.DataFrame({"Newark": np.linspace(0.1, 0.4, 18), "Kennedy": np.linspace(0.09, 0.36, 18)}, index=range(5, 23))
VALUES = pd.Series({"never warn": 0.0, "always warn": -56358.0, "three hours ahead": 15117.0})
DOLLARS = pd.Series(100 - 900 * (np.linspace(0, 1, 101) - 0.25) ** 2, index=np.linspace(0, 1, 101))
TABLE = pd.DataFrame({"mean score": [0.1, 0.3, 0.5], "share late": [0.12, 0.29, 0.45], "flights": [5, 5, 5]})
CURVE = pd.DataFrame({"train": [0.5, 0.4, 0.3], "validation": [0.5, 0.4, 0.45]}, index=[1, 2, 3])

SWINGS = pd.DataFrame(
    {"low": [30, 0.3], "high": [1200, 1.0], "at low": [-1500, 5000], "at base": 19765, "at high": [14066, 19765]},
    index=["saved by a warning", "passengers who read it"],
)
RUNS = pd.DataFrame(
    {"depth": [2, 4, 8], "eta": [0.1, 0.3, 0.3], "log-loss": [0.368, 0.363, 0.384]}, index=["flat", "middle", "deep"]
)

CHARTS = {
    "lines": lambda **axes: plots.lines(HOURS, **{**AXES, **axes}),
    "bars": lambda **axes: plots.bars(VALUES, **{**AXES, "x": "value [$]", "y": "policy", **axes}),
    "value_curve": lambda **axes: plots.value_curve(DOLLARS, **{**AXES, **axes}),
    "learning_curves": lambda **axes: plots.learning_curves({"depth 3": CURVE, "depth 6": CURVE}, **{**AXES, **axes}),
    "calibration": lambda **axes: plots.calibration(TABLE, **{**AXES, **axes}),
    "parallel_coordinates": lambda **axes: plots.parallel_coordinates(RUNS, **{**AXES, **axes}, mark=["middle"]),
    "tornado": lambda **axes: plots.tornado(SWINGS, **{**AXES, **axes}),
}
PARTS = [part["name"] for part in tables.read_toml("hosting.toml")["part"]]
BILL = pd.DataFrame({"built": 1200.0, "lean": 345.0}, index=PARTS)
DIAGRAMS = {
    "workflow": plots.workflow,
    "points": plots.points,
    "git_and_dvc": plots.git_and_dvc,
    "architecture": lambda: plots.architecture(BILL, title="The whole service and its bill"),
}


def texts(fig) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in fig.findobj(Text) if text.get_text()]


def image(html: str) -> Image.Image:
    data = re.search(r'src="data:image/png;base64,([^"]+)"', html)[1]
    return Image.open(io.BytesIO(base64.b64decode(data)))


# --------------------------------------------------------------------------- on the page


def test_a_figure_comes_with_the_words_that_a_screen_reader_says(capsys):
    """A screen reader reads the alternative text, and a terminal prints it."""
    html = plots.as_html(CHARTS["lines"](), f' {ALT} "Late" is < 15. ', "Source: BTS & others.")
    assert unescape(re.search(r'alt="([^"]*)"', html)[1]) == f'{ALT} "Late" is < 15.'
    assert "<figcaption>Source: BTS &amp; others.</figcaption></figure>" in html
    assert plots.show(CHARTS["lines"](), alt=ALT) is None
    assert capsys.readouterr().out == f"Figure: {ALT}\n"


@pytest.mark.parametrize("alt", ["", "A plot.", "Plot of the share of late flights by hour and airport", None])
def test_words_that_say_too_little_are_refused(alt):
    """Alternative text without a full sentence is an error that asks for one."""
    with pytest.raises(UsageError, match="say in a sentence what a reader should see"):
        plots.show(CHARTS["lines"](), alt=alt)


@pytest.mark.parametrize("name", [*CHARTS, *DIAGRAMS])
def test_a_figure_is_the_same_bytes_each_time_small_and_sharp(name):
    """A figure does not change when it is built again, and its file is small."""
    build = {**CHARTS, **DIAGRAMS}[name]
    first, second = plots.as_html(build(), ALT), plots.as_html(build(), ALT)
    assert first == second
    assert len(first) < 54_000  # 40 kB of picture
    picture = image(first)
    assert picture.width == 1.6 * int(re.search(r'width="(\d+)"', first)[1]) == 1024
    assert not {"Software", "date:create", "Creation Time"} & set(picture.info)


def test_a_figure_of_pyplot_is_not_shown_twice():
    """A figure made with pyplot appears only once."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    fig, _ = pyplot.subplots()
    plots.show(fig, alt=ALT)
    assert not pyplot.fignum_exists(fig.number)


def test_the_style_does_not_change_matplotlibs_settings():
    """After a figure of the course, matplotlib's settings are the same as before."""
    import matplotlib

    before = matplotlib.rcParams.copy()
    plots.as_html(CHARTS["lines"](), ALT)
    assert matplotlib.rcParams == before


# --------------------------------------------------------------------------- charts


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ({"title": ""}, "states no finding"),
        ({"title": "Delays"}, "states no finding"),
        ({"x": " "}, "the x axis has no label"),
        ({"x": "delay"}, "the x label 'delay' names no unit.*brackets"),
        ({"y": "delay"}, "the y label 'delay' names no unit.*brackets"),
    ],
)
def test_a_figure_without_finding_or_unit_is_refused(name, axes, says):
    """The error says which part of title and labels is missing."""
    if name in ("bars", "tornado") and "y" in axes:
        assert CHARTS[name](y="carrier")  # names have no unit
        return
    if name == "calibration" and not axes.get("x", "x").strip():
        axes = {"x": "\n"}
    with pytest.raises(UsageError, match=says):
        CHARTS[name](**axes)


@pytest.mark.parametrize(
    "label", ["delay [min]", "wind (knots)", "share late", "flights, count", "value, $", "AUC", "date"]
)
def test_a_unit_may_be_said_in_several_ways(label):
    """Units in brackets, shares and counts are accepted."""
    assert label in texts(CHARTS["lines"](y=label))


@pytest.mark.parametrize("name", CHARTS)
def test_title_and_labels_are_in_the_figure(name):
    """I read the finding above the figure and the unit at each axis."""
    shown = texts(CHARTS[name]())
    assert AXES["title"] in shown
    assert ({"value [$]", "policy"} if name == "bars" else {AXES["x"], AXES["y"]}) <= set(shown)


def test_lines_are_named_at_their_ends_even_where_they_meet():
    """Lines have names at their ends instead of a legend, and the names do not overlap."""
    frame = pd.DataFrame({name: [0.1, 0.2, 0.3 + step / 1000] for step, name in enumerate(["one", "two", "three"])})
    fig = plots.lines(frame, **AXES)
    fig.draw_without_rendering()
    boxes = [text.get_window_extent() for text in fig.axes[0].texts]
    assert sorted(text.get_text() for text in fig.axes[0].texts) == ["one", "three", "two"]
    heights = sorted((box.y0, box.y1) for box in boxes)
    assert all(lower[1] <= upper[0] + 1 for lower, upper in pairwise(heights))
    edge = fig.get_window_extent()
    assert all(box.x1 <= edge.x1 for box in boxes)


def test_lines_differ_without_colour_too():
    """Lines differ in their dashes, so a grey print is readable."""
    drawn = plots.lines(HOURS, **AXES).axes[0].get_lines()
    assert len({line.get_linestyle() for line in drawn}) == len({line.get_color() for line in drawn}) == 2


def test_bars_are_drawn_from_the_top_in_order_with_their_values():
    """I read the bars in the order of the table, each with its number."""
    fig = plots.bars(VALUES, title="Only one earns money", x="value [$]", y="policy", reference=("nothing", 0))
    (ax,) = fig.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == list(VALUES.index)
    assert ax.yaxis_inverted()
    assert {"0", "−56,358", "15,117", "nothing"} <= {text.get_text() for text in ax.texts}


def test_intervals_are_drawn_from_end_to_end():
    """Each interval is on the bar with its name, in whatever order a Series has the ends."""
    low, high = VALUES - 5000, VALUES + 7000
    fig = plots.bars(
        VALUES, title="Only one earns money", x="value [$]", y="policy", low=low[::-1], high=list(high), digits=1
    )
    (segments,) = [item.get_segments() for item in fig.axes[0].collections]
    assert [tuple(segment[:, 0]) for segment in segments] == list(zip(low, high, strict=True))
    assert "15,117.0" in texts(fig)


def test_bars_begin_at_the_value_that_means_nothing():
    """An AUC of 0.5 has no bar, and a lower one points to the left."""
    scores = pd.Series({"coin": 0.5, "table": 0.66, "upside down": 0.4})
    fig = plots.bars(scores, title="The table beats a coin", x="AUC", y="model", start=0.5)
    assert [(bar.get_x(), bar.get_width()) for bar in fig.axes[0].patches] == [
        pytest.approx((0.5, 0)),
        pytest.approx((0.5, 0.16)),
        pytest.approx((0.5, -0.1)),
    ]


def test_large_numbers_on_an_axis_have_separators_and_days_stay_days():
    """Large numbers on an axis have separators, and dates are shown as dates."""
    sizes = plots.lines(pd.Series([0.3, 0.4], index=[1000, 30000]), **AXES)
    days = plots.lines(pd.Series([0.3, 0.4], index=pd.to_datetime(["2013-06-01", "2013-07-31"])), **AXES)
    for fig in (sizes, days):
        fig.draw_without_rendering()
    assert "30,000" in texts(sizes)
    assert "Jul" in texts(days)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda axes: plots.lines(pd.DataFrame(), **axes), "nothing to draw"),
        (lambda axes: plots.lines(pd.Series([np.nan]), **axes), "nothing to draw"),
        (lambda axes: plots.lines(pd.DataFrame(np.ones((2, 8))), **axes), "8 lines are too many"),
        (lambda axes: plots.bars(pd.Series(dtype=float), **axes), "nothing to draw"),
        (lambda axes: plots.bars(VALUES, low=VALUES, **axes), "low and high together"),
        (lambda axes: plots.bars(VALUES, low=[1], high=[2], **axes), "1 interval ends for 3 bars"),
        (lambda axes: plots.value_curve(DOLLARS, mark={"p*": 40}, **axes), "'p\\*' is outside"),
        (lambda axes: plots.learning_curves({}, **axes), "nothing to draw"),
        (lambda axes: plots.calibration({"deck": TABLE[["flights"]]}, **axes), "of deck has no column 'mean score'"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_its_reason(call, says):
    """For a table that cannot be drawn, the error says what is wrong with it."""
    with pytest.raises(UsageError, match=says):
        call(AXES)


def test_marks_lie_on_the_value_curve():
    """A marked threshold is a point on the curve, with its name."""
    fig = plots.value_curve(DOLLARS, mark={"break-even": 0.25, "one half": 0.5}, **AXES)
    points = [list(line.get_xydata()[0]) for line in fig.axes[0].get_lines() if len(line.get_xydata()) == 1]
    assert points == [pytest.approx([0.25, 100]), pytest.approx([0.5, 100 - 900 / 16])]
    assert {"break-even: 0.25", "one half: 0.5"} <= set(texts(fig))


def test_learning_curves_share_a_scale_and_mark_the_lowest_validation_loss():
    """Learning curves share one scale, and the lowest validation loss is marked."""
    fig = plots.learning_curves(
        {f"depth {depth}": CURVE / depth for depth in (1, 3, 6, 8)}, title="Deeper trees turn sooner"
    )
    assert len(fig.axes) == 4
    assert len({ax.get_ylim() for ax in fig.axes}) == 1
    assert "depth 6: lowest at 2" in texts(fig)
    named = [text.get_text() for text in fig.legends[0].get_texts()]
    assert named == ["train", "validation"]


# --------------------------------------------------------------------------- diagrams


def test_parallel_coordinates_give_each_column_its_own_scale_and_name_what_is_marked():
    """The marked row has a name, and each column has its own scale."""
    fig = CHARTS["parallel_coordinates"]()
    said = texts(fig)
    assert {"depth", "eta", "log-loss", "middle", "2", "8", "0.1", "0.3", "0.363", "0.384"} <= set(said)
    assert "deep" not in said
    rows = {tuple(np.round(line.get_ydata(), 2)) for line in fig.axes[0].lines if len(line.get_xdata()) == 3}
    assert rows == {(0.0, 0.0, 0.24), (0.33, 1.0, 0.0), (1.0, 1.0, 1.0)}


def test_a_tornado_prints_the_ends_of_each_assumption_and_the_base():
    """A tornado shows the ends of each assumption, and the results there and at the base."""
    fig = CHARTS["tornado"]()
    assert {"30", "1,200", "0.3", "1", "saved by a warning", "assumption at its low end"} <= set(texts(fig))
    ax = fig.axes[0]
    ends = sorted({round(bar.get_x() + bar.get_width()) for bar in ax.patches if bar.get_width()})
    assert ends == [-1500, 5000, 14066]
    assert [line.get_xdata()[0] for line in ax.get_lines()[:2]] == [19765, 0]


@pytest.mark.parametrize("frame", [SWINGS.head(0), SWINGS.drop(columns="at base")])
def test_a_tornado_refuses_what_it_cannot_draw(frame):
    """A table without assumptions or without a column is refused."""
    with pytest.raises(UsageError, match=r"money\.sensitivity"):
        plots.tornado(frame, **AXES)


@pytest.mark.parametrize(
    ("frame", "mark", "says"),
    [
        (RUNS[["depth"]], [], "nothing to draw"),
        (RUNS.iloc[:0], [], "nothing to draw"),
        (RUNS.astype({"eta": str}), [], "'eta' holds no numbers"),
        (RUNS, ["wide"], "no row 'wide'"),
    ],
)
def test_parallel_coordinates_refuse_what_they_cannot_draw(frame, mark, says):
    """The error names the column or the row that cannot be drawn."""
    with pytest.raises(UsageError, match=says):
        plots.parallel_coordinates(frame, **AXES, mark=mark)


def test_the_workflow_has_six_steps_and_a_way_back():
    """I see all six steps of the pipeline, numbered."""
    shown = " ".join(texts(plots.workflow()))
    table = tables.read_toml("workflow.toml")
    assert [step["number"] for step in table["step"]] == [1, 2, 3, 4, 5, 6]
    for step in table["step"]:
        assert f"{step['number']}  {step['short']}" in shown
    assert table["back"] in shown


def test_the_architecture_shows_what_each_part_costs():
    """I see every part of the service with its dollars, as built and as it could be."""
    shown = texts(DIAGRAMS["architecture"]())
    for part in PARTS:
        assert part in [" ".join(text.split()) for text in shown]
    assert sum(r"\$1,200 → \$345" in text for text in shown) == len(PARTS)


@pytest.mark.parametrize(
    ("bill", "title", "says"),
    [(BILL.iloc[1:], "The whole bill", PARTS[0]), (BILL, "Costs", "states no finding")],
)
def test_an_architecture_without_parts_or_finding_is_refused(bill, title, says):
    """The error names the missing part of the bill, or asks for a finding in the title."""
    with pytest.raises(UsageError, match=says):
        plots.architecture(bill, title=title)


def test_the_diagram_of_git_and_dvc_names_every_command_that_moves_data():
    """The diagram has every command of DVC that moves data, and those of Git."""
    shown = " ".join(texts(plots.git_and_dvc()))
    for verb in ("add", "repro", "push", "fetch", "checkout", "pull"):
        assert f"dvc {verb}" in shown
    for verb in ("commit", "checkout", "push", "fetch"):
        assert f"git {verb}" in shown
    assert "git pull" not in shown  # it fetches and merges: it ends in the workspace


def test_nothing_of_the_workflow_drawing_runs_out_of_its_box():
    """The text of each step is inside its box and does not overlap."""
    from matplotlib.patches import FancyBboxPatch

    fig = plots.workflow()
    fig.draw_without_rendering()
    (ax,) = fig.axes
    boxes = [patch.get_window_extent() for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == 6
    words = [text.get_window_extent() for text in ax.texts[:-1]]
    for heading, delivers, box in zip(words[::2], words[1::2], boxes, strict=True):
        assert box.x0 < min(heading.x0, delivers.x0) and max(heading.x1, delivers.x1) < box.x1
        assert box.y0 < delivers.y0 < delivers.y1 < heading.y0 < heading.y1 < box.y1


def test_every_consideration_names_the_lesson_that_does_it_or_says_why_none_does():
    """Each consideration of the workflow has its lessons or the reason why none covers it."""
    items = tables.read_toml("workflow.toml")["item"]
    numbers = {lesson["number"] for lesson in tables.curriculum()}
    assert len(items) >= 25
    assert {item["step"] for item in items} == set(range(1, 7))
    for item in items:
        assert bool(item["lessons"]) is not bool(item.get("why")), item["consideration"]
        assert set(item["lessons"]) <= numbers, item["consideration"]
        assert item["example"]


def test_the_drawn_points_have_the_decks_accuracy_precision_and_recall():
    """Counting the drawn points gives 11 of 14, 6 of 8 and 6 of 7."""
    (ax,) = plots.points().axes
    border = next(line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == "--")
    counted = dict.fromkeys(plots.POINTS, 0)
    for line in ax.get_lines():
        if line.get_marker() in ("o", "s"):
            for x in line.get_xdata():
                warned = "warned" if x < border else "not warned"
                counted[f"{warned}, {'late' if line.get_marker() == 'o' else 'on time'}"] += 1
    assert counted == plots.POINTS
    late, alarm, missed, quiet = (counted[name] for name in plots.POINTS)
    assert (late + quiet, sum(counted.values())) == (11, 14)
    assert (late, late + alarm) == (6, 8)
    assert (late, late + missed) == (6, 7)


def test_a_picture_has_the_same_bytes_each_time():
    """Drawn twice, a figure is the same PNG, sharp enough for a screen and small enough for a notebook."""
    frame = pd.DataFrame({"JFK": [0.1, 0.3], "LGA": [0.2, 0.4]}, index=[6, 18])
    one, two = (plots.as_png(plots.lines(frame, **AXES)) for _ in range(2))
    assert one == two
    assert Image.open(io.BytesIO(one)).size[0] >= 1_000
    assert len(one) < 80_000
