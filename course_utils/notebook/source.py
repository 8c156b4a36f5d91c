"""Show code of the course at work: the source of a tested function, and what a wrong call answers."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from course_utils.errors import UsageError
from course_utils.notebook.display import Page

__all__ = ["as_html", "show_error", "show_source", "source_of"]


def show_error(call: Callable[[], Any]) -> None:
    """Make a call that is meant to fail, and print the type and message of its error.

    Parameters
    ----------
    call : callable without arguments
        Such as ``lambda: datasets.load_flights("nyc2031")``.

    Raises
    ------
    UsageError
        `call` cannot be called: its value was passed instead.
    """
    if not callable(call):
        raise UsageError("show_error needs something to call", fix="put lambda: before the expression")
    try:
        call()
    except Exception as error:  # any error is what the lesson wants to show
        print(f"{type(error).__name__}: {error}".rstrip(": "))
    else:
        print("Nothing was raised.")


def show_source(thing: Callable[..., Any] | type) -> None:
    """Show the source of a function or class, highlighted and without its docstrings.

    Parameters
    ----------
    thing : function or class
        Written in Python, in a file or a notebook cell.

    Raises
    ------
    UsageError
        There is no source to show.
    """
    Page(as_html(thing), source_of(thing)).show()


def source_of(thing: Callable[..., Any] | type) -> str:
    """Return the source of a function or class without its docstrings, moved to the left margin.

    Parameters
    ----------
    thing : function or class
        Written in Python, in a file or a notebook cell.

    Raises
    ------
    UsageError
        There is no source to show.
    """
    if isinstance(thing, functools.partial):
        thing = thing.func
    try:
        source = textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError) as error:
        name = getattr(thing, "__name__", None) or f"a {type(thing).__name__}"
        raise UsageError(f"{name} has no source to show", fix="show a function or class written in Python") from error
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a lambda inside a call: Python gives the lines around it, which are no statement of their own
        return source.rstrip()
    lines = source.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(
            node, clean=False
        ):
            _blot_out(lines, node.body[0], alone=len(node.body) == 1)
    return "\n".join(line for line in lines if line is not None).rstrip()


def _blot_out(lines: list[str | None], docstring: ast.stmt, *, alone: bool) -> None:
    """Put None in place of a docstring's lines and of the empty lines after it."""
    start, stop = docstring.lineno - 1, docstring.end_lineno or docstring.lineno
    lines[start:stop] = [None] * (stop - start)
    while stop < len(lines) and lines[stop] == "":
        lines[stop] = None
        stop += 1
    if alone:
        lines[start] = " " * docstring.col_offset + "..."


def as_html(thing: Callable[..., Any] | type) -> str:
    """Return what `show_source` puts on the page.

    Parameters
    ----------
    thing : function or class
        Written in Python, in a file or a notebook cell.

    Raises
    ------
    UsageError
        There is no source to show.
    """
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    # Styles on the elements themselves: a style sheet would be taken out of a notebook that is not trusted.
    formatter = HtmlFormatter(noclasses=True, style="xcode", nowrap=True)
    code = highlight(source_of(thing), PythonLexer(stripnl=False), formatter).rstrip()
    # Its own background, so that the colours can be read on a dark page too.
    box, paper = "color: #222222; padding: 8px; margin: 4px 0", "background: #f7f7f7"
    return f'<pre style="{paper}; {box}"><code style="{paper}">{code}</code></pre>'
