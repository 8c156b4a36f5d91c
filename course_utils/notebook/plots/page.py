"""Put a figure on the notebook's page: a small PNG with alternative text and, optionally, a caption."""

from __future__ import annotations

import base64
import io
import re
import sys
from html import escape
from typing import TYPE_CHECKING

from course_utils.errors import UsageError
from course_utils.notebook.display import Page
from course_utils.notebook.plots.style import PAGE_DPI, house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["as_html", "as_png", "show"]

_FILE_DPI = 160  # sharper than the page, for screens with more than one dot a pixel
_SENTENCE = re.compile(r"[.!?][\"'’)]*$")
_LEAST_WORDS = 8


def show(fig: Figure, alt: str, caption: str | None = None) -> None:
    """Show a figure below the running cell, with alternative text for screen readers, and close it.

    Parameters
    ----------
    fig : matplotlib Figure
        From this package, or from matplotlib itself.
    alt : str
        The finding, in at least one full sentence of eight words; not 'a plot of'.
    caption : str, optional
        Text below the figure, such as its source; none by default.

    Raises
    ------
    UsageError
        `alt` is not a full sentence of eight words or more.

    Examples
    --------
    >>> share = pd.Series([0.1, 0.3], index=[6, 18])
    >>> figure = plots.lines(share, title="Delays pile up", x="hour [h]", y="share late")
    >>> plots.show(figure, alt="The share of late flights rises from morning to evening.")
    Figure: The share of late flights rises from morning to evening.
    """
    Page(as_html(fig, alt, caption), f"Figure: {alt}" + (f"\n{caption}" if caption else "")).show()
    _close(fig)


def as_html(fig: Figure, alt: str, caption: str | None = None) -> str:
    """Return the HTML that `show` puts on the page.

    Parameters
    ----------
    fig, alt, caption
        As for `show`.

    Raises
    ------
    UsageError
        `alt` is not a full sentence of eight words or more.

    Examples
    --------
    >>> share = pd.Series([0.1, 0.3], index=[6, 18])
    >>> figure = plots.lines(share, title="Delays pile up", x="hour [h]", y="share late")
    >>> plots.as_html(figure, "The share of late flights rises from morning to evening.")[:57]
    '<figure style="margin: 8px 0"><img alt="The share of late'
    """
    alt = " ".join(str(alt).split())
    if len(alt.split()) < _LEAST_WORDS or not _SENTENCE.search(alt):
        raise UsageError(
            f"the alternative text {alt!r} is not a full sentence of {_LEAST_WORDS} words or more",
            fix="say in a sentence what a reader should see in the figure",
        )
    width = round(fig.get_size_inches()[0] * PAGE_DPI)
    data = base64.b64encode(as_png(fig)).decode("ascii")
    # As HTML, not as PNG output: JupyterLab gives a PNG output no alternative text.
    image = f'<img alt="{escape(alt)}" width="{width}" src="data:image/png;base64,{data}">'
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure style="margin: 8px 0">{image}{words}</figure>'


def as_png(fig: Figure) -> bytes:
    """Return a `fig` of matplotlib as the bytes of a PNG file: small, and the same bytes each time."""
    from PIL import Image

    raw = io.BytesIO()
    with house_style():
        fig.savefig(raw, format="png", dpi=_FILE_DPI)
    raw.seek(0)
    # House figures have few colours: with a palette of 48 the file is a third of the size and looks the same.
    # Without dithering, which would speckle plain areas and make the file larger again.
    picture = Image.open(raw).convert("RGB").quantize(48, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small = io.BytesIO()
    picture.save(small, format="PNG", optimize=True)  # Pillow writes no date and no software into the file
    return small.getvalue()


def _close(fig: Figure) -> None:
    # Only if pyplot is loaded already: a figure of pyplot would be shown again at the end of the cell.
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(fig)
