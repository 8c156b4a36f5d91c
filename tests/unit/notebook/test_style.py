"""The style of figures, and the empty figures that charts and diagrams start from."""

from __future__ import annotations

import pytest

from course_utils.errors import UsageError
from course_utils.notebook.plots import style

AXES = ("scheduled hour [h]", "share late")


def test_the_style_ends_with_its_block():
    """Matplotlib's settings are those of the course inside the block, and mine again after it."""
    import matplotlib

    watched = ("axes.titleweight", "axes.grid", "legend.frameon")
    before = [matplotlib.rcParams[name] for name in watched]
    with style.house_style():
        assert [matplotlib.rcParams[name] for name in watched] == ["bold", True, False] != before
    assert [matplotlib.rcParams[name] for name in watched] == before


def test_a_canvas_has_a_grid_of_axes_with_one_scale():
    """Several charts in one figure can be compared: they share both axes, labelled once."""
    fig, axes = style.canvas("Deeper trees overfit sooner", *AXES, rows=2, columns=3)
    assert len(axes) == 6
    assert all(ax.get_shared_x_axes().joined(ax, axes[0]) for ax in axes)
    assert [ax.get_xlabel() for ax in axes] == ["", "", "", *[AXES[0]] * 3]
    assert fig.get_supylabel() == AXES[1]
    assert fig.get_size_inches()[0] * style.PAGE_DPI == 640


def test_a_drawing_area_has_the_size_asked_for_and_no_axes():
    """Positions in a diagram are in units of the drawing, from zero."""
    fig, ax = style.blank_canvas("Git carries code and pointers", 6.6, 3.5)
    assert (ax.get_xlim(), ax.get_ylim(), ax.axison) == ((0, 6.6), (0, 3.5), False)
    assert fig.get_suptitle() == "Git carries code and pointers"


@pytest.mark.parametrize("title", ["", "Delays", "By hour"])
def test_a_title_without_a_finding_is_refused(title):
    """An author who gives a topic is asked for a finding, for every kind of figure."""
    for make in (style.require_finding, lambda title: style.blank_canvas(title, 1, 1)):
        with pytest.raises(UsageError, match="states no finding"):
            make(title)


def test_there_is_a_dash_for_each_colour():
    """Lines that differ in colour also differ in a grey print."""
    assert len(style.DASHES) == len(style.COLOURS) == len(set(style.COLOURS.values()))
