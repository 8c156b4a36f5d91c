"""Render one page for the sponsor: the answer first, then the evidence.

A page is rendered from a template, so that next quarter's page has the same parts in the same order. Every figure needs
a description for people who cannot see it. Files are written under a temporary name and then renamed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils import tables
from course_utils.data import datasets
from course_utils.errors import UsageError
from course_utils.notebook.display import Page
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_WORDS", "Part", "SponsorPage", "save", "sponsor_page"]

#: The longest answer, in words: what a sponsor reads before the next call.
MOST_WORDS = 60
_TEMPLATE = "sponsor.html.j2"


@dataclass(frozen=True)
class Part:
    """One part of a page, under its heading.

    Attributes
    ----------
    heading : str
        The finding, or the question that the part answers.
    text : str
        A paragraph.
    points : sequence of str
        The items of a list.
    table : DataFrame, optional
        Its index names the rows; numbers are rounded to whole ones, with a comma between thousands.
    figure : str
        HTML with ``<img alt="…">``, as from `plots.as_html`.

    Examples
    --------
    >>> reports.Part("What if we do nothing?", text="Passengers wait at the gate.").heading
    'What if we do nothing?'
    """

    heading: str
    text: str = ""
    points: Sequence[str] = ()
    table: pd.DataFrame | None = None
    figure: str = ""


@dataclass(frozen=True)
class SponsorPage:
    """A rendered page.

    Attributes
    ----------
    html : str
        The whole document.
    page : Page
        The same for a notebook, which allows no style sheet.
    words, figures : int
        Number of words and figures on the page.
    """

    html: str
    page: Page
    words: int
    figures: int

    def show(self) -> None:
        """Show the page below the running cell."""
        self.page.show()

    def save(self, name: str = "sponsor") -> str:
        """Write the page to the file `name` as `save` does, and return its name and size.

        Raises
        ------
        UsageError
            The name has other characters than letters, digits, - and _.
        """
        return f"{save(self.html, name).name}: {self._size}"

    def __repr__(self) -> str:
        return f"a page of {self._size}"

    @property
    def _size(self) -> str:
        return f"{counted(self.words, 'word')} and {self.figures} figure{'' if self.figures == 1 else 's'}"


def sponsor_page(title: str, *, question: str, answer: str, parts: Sequence[Part], source: str) -> SponsorPage:
    """Render the page: title, question, answer, and then the parts in their order.

    Parameters
    ----------
    title : str
        The decision to make; an empty text is refused, here and below.
    question : str
        The sponsor's question, in the sponsor's words.
    answer : str
        The recommendation with its main number, in 60 words at most.
    parts : sequence of Part
        The evidence for the answer, at least one part.
    source : str
        Data, period and author: the last line of the page.

    Raises
    ------
    UsageError
        A text is empty, the answer is too long, there are no parts, or a figure has no description.

    Examples
    --------
    >>> evidence = [reports.Part("What if we do nothing?", text="Passengers wait at the gate.")]
    >>> reports.sponsor_page(
    ...     "Warn passengers?", question="Does it pay?", answer="Yes.", parts=evidence, source="Flights of 2013."
    ... )
    a page of 19 words and 0 figures
    """
    for name, text in {"title": title, "question": question, "answer": answer, "source": source}.items():
        if not str(text).strip():
            raise UsageError(f"the page has no {name}", fix=f"pass {name}='…'")
    if (words := len(answer.split())) > MOST_WORDS:
        raise UsageError(
            f"the answer has {counted(words, 'word')}", fix=f"say it in {MOST_WORDS}, and move the rest to the parts"
        )
    if not parts:
        raise UsageError("the page has an answer but no evidence", fix="give at least one Part")
    content = {"title": title, "question": question, "answer": answer, "source": source}
    content["parts"] = [_rendered(part) for part in parts]
    html, inside = (_render(content | {"document": whole}) for whole in (True, False))
    text = _plain(html)
    return SponsorPage(
        html, Page(inside, f"{title}\n{answer}"), len(text.split()), sum(bool(part.figure) for part in parts)
    )


def save(html: str, name: str) -> Path:
    """Write an HTML page to ``data/processed/reports`` atomically, and return its path.

    Parameters
    ----------
    html : str
        The whole document, such as `SponsorPage.html`.
    name : str
        Name of the file without extension: letters, digits, - and _.

    Returns
    -------
    Path
        The file; if writing fails, an earlier page of that name is still complete.

    Raises
    ------
    UsageError
        The name has other characters than letters, digits, - and _.
    """
    if not re.fullmatch(r"[\w-]+", name):
        raise UsageError(f"{name!r} is not a valid name for a page", fix="use letters, digits, - and _")
    folder = datasets.data_folder() / "processed" / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{name}.{os.getpid()}"
    try:
        temporary.write_text(html, encoding="utf-8")
        return temporary.replace(folder / f"{name}.html")
    finally:
        temporary.unlink(missing_ok=True)


def _rendered(part: Part) -> dict[str, Any]:
    from markupsafe import Markup

    if part.figure and not re.search(r'<img\b[^>]*\balt="[^"]{20,}"', part.figure):
        raise UsageError(
            f"the figure under {part.heading!r} has no description for people who cannot see it",
            fix="make it with plots.as_html(fig, alt='…'), with at least 20 characters",
        )
    return {
        "heading": part.heading,
        "text": part.text,
        "list": list(part.points),
        "table": None if part.table is None else _table(part.table),
        # Not escaped, unlike everything else: plots.as_html made it and escapes its texts itself.
        "figure": Markup(part.figure),
    }


def _table(frame: pd.DataFrame) -> Mapping[str, Any]:
    rows = [[name, *map(_cell, values)] for name, values in zip(frame.index, frame.to_numpy(dtype=object), strict=True)]
    return {"columns": [frame.index.name or "", *frame.columns], "rows": rows}


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,.0f}"


def _render(content: Mapping[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    # Texts are escaped, and a value that the template uses but does not get is an error.
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(tables.read_text(_TEMPLATE)).render(content)


def _plain(html: str) -> str:
    body = re.sub(r"<style>.*?</style>|<head>.*?</head>", " ", html, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", body)
