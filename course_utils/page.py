"""Put HTML on the notebook's page, with words for readers who have no page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
