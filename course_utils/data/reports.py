"""One page for the person who pays: the answer first, then what it rests on.

A page is rendered from a template, so that the next quarter's page has the same parts in the same order; its figures
carry words for those who do not see them. It is written under a temporary name and then renamed.
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

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_WORDS", "Part", "SponsorPage", "save", "sponsor_page"]

MOST_WORDS = 60  # of the answer: what a sponsor reads before the next call
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
        A list.
    table : DataFrame, optional
        Its index names the rows; numbers are written as whole ones with thousands.
    figure : str
        HTML with ``<img alt="…">``, as from `plots.as_html`.
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
        How much a reader has to take in.
    """

    html: str
    page: Page
    words: int
    figures: int

    def show(self) -> None:
        """Put the page below the running cell."""
        self.page.show()

    def save(self, name: str = "sponsor") -> str:
        """Write the page, and say what was written, without the folder.

        Parameters
        ----------
        name : str
            Of the file, see `save`.

        Raises
        ------
        UsageError
            The name is none for a file.
        """
        return f"{save(self.html, name).name}: {self._size}"

    def __repr__(self) -> str:
        return f"a page of {self._size}"

    @property
    def _size(self) -> str:
        return f"{self.words} words and {self.figures} figure{'' if self.figures == 1 else 's'}"


def sponsor_page(title: str, *, question: str, answer: str, parts: Sequence[Part], source: str) -> SponsorPage:
    """Render the page: title, question, answer, and then the parts in their order.

    Parameters
    ----------
    title : str
        What is to be decided.
    question : str
        As the sponsor asked it.
    answer : str
        The recommendation with its figure, in 60 words at most.
    parts : sequence of Part
        What the answer rests on.
    source : str
        Data, period and who made it: the last line.

    Raises
    ------
    UsageError
        A text is empty, the answer is too long, there are no parts, or a figure has no words for those who cannot see.
    """
    for name, text in {"title": title, "question": question, "answer": answer, "source": source}.items():
        if not str(text).strip():
            raise UsageError(f"the page has no {name}", fix=f"say it: {name}='…'")
    if (words := len(answer.split())) > MOST_WORDS:
        raise UsageError(
            f"the answer has {words} words", fix=f"say it in {MOST_WORDS}, and leave the rest to the parts"
        )
    if not parts:
        raise UsageError("the page has an answer and nothing that it rests on", fix="give at least one Part")
    content = {"title": title, "question": question, "answer": answer, "source": source}
    content["parts"] = [_rendered(part) for part in parts]
    html, inside = (_render(content | {"document": whole}) for whole in (True, False))
    text = _plain(html)
    return SponsorPage(
        html, Page(inside, f"{title}\n{answer}"), len(text.split()), sum(bool(part.figure) for part in parts)
    )


def save(html: str, name: str) -> Path:
    """Write a page to ``data/processed/reports`` under a temporary name, and rename it.

    Parameters
    ----------
    html : str
        The whole document.
    name : str
        Of the file, without its ending.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        The name is none for a file.
    """
    if not re.fullmatch(r"[\w-]+", name):
        raise UsageError(f"{name!r} is no name for a page", fix="use letters, digits, - and _")
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
            f"the figure under {part.heading!r} has no words for those who do not see it",
            fix="make it with plots.as_html(fig, alt='…')",
        )
    return {
        "heading": part.heading,
        "text": part.text,
        "list": list(part.points),
        "table": None if part.table is None else _table(part.table),
        # The one thing that is not escaped: it was made by plots.as_html, which escapes its words.
        "figure": Markup(part.figure),
    }


def _table(frame: pd.DataFrame) -> Mapping[str, Any]:
    rows = [[name, *map(_cell, values)] for name, values in zip(frame.index, frame.to_numpy(dtype=object), strict=True)]
    return {"columns": [frame.index.name or "", *frame.columns], "rows": rows}


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,.0f}"


def _render(content: Mapping[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    # What a figure or a person says is escaped, and a part that the template asks for and nobody gave is an error.
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(tables.read_text(_TEMPLATE)).render(content)


def _plain(html: str) -> str:
    body = re.sub(r"<style>.*?</style>|<head>.*?</head>", " ", html, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", body)
