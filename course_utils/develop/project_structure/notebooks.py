"""Review changes to notebooks: as the file that Git stores, or as text without outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from course_utils.develop.project_structure.project import Project, run_git
from course_utils.errors import UsageError

__all__ = ["Review", "clear_outputs", "read_notebook", "review_last_change", "write_notebook"]


@dataclass(frozen=True)
class Review:
    """The diff of one notebook, as a reviewer sees it.

    Attributes
    ----------
    lines : tuple of str
        The removed (-) and added (+) lines, without context.
    """

    lines: tuple[str, ...]

    @property
    def changed(self) -> int:
        """The number of lines to read."""
        return len(self.lines)

    def __repr__(self) -> str:
        return "\n".join(_shortened(self.lines))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        colours = {"-": "#B42318", "+": "#1B6E3C"}
        look = "font-family: monospace; background: #f7f7f7; padding: 8px; line-height: 1.3"
        paint = '<span style="color: {}">{}</span>'.format
        rows = (paint(colours.get(line[0], "#555555"), escape(line)) for line in _shortened(self.lines))
        html = f'<pre style="{look}">{"<br>".join(rows)}</pre>'
        return {"text/html": html, "text/plain": str(self)}


_LONGEST, _MOST = 72, 40  # a picture is one line of 10,000 characters: show its beginning only


def _shortened(lines: Sequence[str]) -> Iterator[str]:
    for line in lines[:_MOST]:
        yield line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    if len(lines) > _MOST:
        yield f"… and {len(lines) - _MOST} more lines"


def review_last_change(project: Project, notebook: str, *, as_text: bool = False) -> Review:
    """Return the lines of a notebook that the last commit changed.

    Parameters
    ----------
    project : Project
        A project with at least two commits.
    notebook : str
        Path within the project, such as ``notebooks/1.0-ab-thresholds.ipynb``.
    as_text : bool
        Whether Jupytext first converts both versions to Python text: code and prose, without outputs.

    Raises
    ------
    UsageError
        The notebook is missing from the last commit or from the one before.
    """
    import difflib

    try:
        old, new = (run_git(project, "show", f"{commit}:{notebook}") for commit in ("HEAD~1", "HEAD"))
    except UsageError as error:
        problem = f"{notebook!r} is not in both of the last two commits"
        raise UsageError(problem, fix="commit the notebook, change it, and commit it again") from error
    if as_text:
        old, new = _as_text(old), _as_text(new)
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return Review(tuple(line for line in lines if not line.startswith(("---", "+++", "@@"))))


def _as_text(notebook: str) -> str:
    import jupytext

    return jupytext.writes(read_notebook(notebook), fmt="py:percent")


def clear_outputs(project: Project, notebook: str) -> None:
    """Remove the outputs and execution counts of a `notebook`, a path within the `project`.

    Raises
    ------
    UsageError
        There is no such notebook in the project.
    """
    book = read_notebook(project.read(notebook))
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    project.write(notebook, write_notebook(book))


def read_notebook(text: str) -> Any:
    """Return the notebook that a `text` in nbformat's JSON holds."""
    import nbformat

    return nbformat.reads(text, as_version=4)


def write_notebook(book: Any) -> str:
    """Return a notebook, `book`, as the text of its file."""
    import nbformat

    return nbformat.writes(book, indent=1) + "\n"
