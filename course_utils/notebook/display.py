"""Show HTML in a notebook, with plain text for terminals and for readers of the file.

Tables, quizzes, figures and source code are all shown as a `Page`.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Page", "show_picture", "show_table"]


@dataclass(frozen=True)
class Page:
    """One output in two forms: a notebook shows the HTML, a terminal shows the text.

    The HTML must not need scripts or style sheets: Jupyter removes both from a notebook that another person ran.

    Attributes
    ----------
    html, text : str
        The output as HTML and as plain text.
    """

    html: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}

    def show(self) -> None:
        """Show the output below the running cell, or print the text outside a notebook."""
        from IPython.display import display

        display(self)


def show_table(frame: pd.DataFrame) -> None:
    """Show a table with the whole text of its cells, which pandas alone cuts after 50 characters.

    Parameters
    ----------
    frame : DataFrame
        Of any shape; its index is shown only if it has a name. Missing values are shown as empty cells.

    Examples
    --------
    >>> show_table(pd.DataFrame({"share late": {"Newark": 0.25, "Kennedy": None}}).rename_axis("airport"))
             share late
    airport
    Newark         0.25
    Kennedy
    """
    import pandas as pd

    named = any(name is not None for name in frame.index.names)
    with pd.option_context("display.max_colwidth", None, "display.width", 2000, "display.max_columns", None):
        html = frame.to_html(index=named, na_rep="", border=0, justify="left", float_format="{:.3g}".format)
        text = frame.to_string(index=named, na_rep="")
    # On each cell, since a style sheet is removed from a notebook that another person ran.
    html = re.sub("<(td|th)>", r'<\1 style="text-align: left; vertical-align: top">', html)
    Page(html, text).show()


def show_picture(file: Path, *, alt: str) -> None:
    """Show a PNG file, such as a picture of a tool's page, with words for those who cannot see it.

    Parameters
    ----------
    file : Path
        Where the PNG file is, such as from `tables.find`.
    alt : str
        What the picture shows, in a sentence or two.
    """
    content = base64.b64encode(file.read_bytes()).decode()
    page = f'<img src="data:image/png;base64,{content}" alt="{escape(alt)}" style="max-width: 100%">'
    Page(page, alt).show()
