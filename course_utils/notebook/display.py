"""Put HTML on the notebook's page, with words for readers who have no page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Page", "show_table"]


@dataclass(frozen=True)
class Page:
    """One piece of a page in two forms.

    A notebook shows the HTML, which must do without scripts and style sheets: a notebook that somebody else ran is not
    trusted, and both are taken out of it. A terminal shows the text.

    Attributes
    ----------
    html, text : str
    """

    html: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}

    def show(self) -> None:
        """Put it below the running cell, or print the text where there is no notebook."""
        from IPython.display import display

        display(self)


def show_table(frame: pd.DataFrame) -> None:
    """Show a table with all its words: pandas alone cuts a cell after fifty characters.

    Parameters
    ----------
    frame : DataFrame
        Its index is shown where it has a name.
    """
    import pandas as pd

    named = any(name is not None for name in frame.index.names)
    with pd.option_context("display.max_colwidth", None, "display.width", 2000, "display.max_columns", None):
        html = frame.to_html(index=named, na_rep="", border=0, justify="left", float_format="{:.3g}".format)
        text = frame.to_string(index=named, na_rep="")
    # Inline, since a style sheet does not survive in a notebook that somebody else ran.
    html = re.sub("<(td|th)>", r'<\1 style="text-align: left; vertical-align: top">', html)
    Page(html, text).show()
