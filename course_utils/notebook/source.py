"""Show source code and planned errors in a lesson: code without its docstrings, errors without a traceback."""

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
    """Make a call that should fail, and print the type and message of its error instead of a traceback.

    Parameters
    ----------
    call : callable without arguments
        The call to make, such as ``lambda: datasets.load_flights("nyc2031")``.

    Raises
    ------
    UsageError
        `call` is a value, not a function.

    Examples
    --------
    >>> show_error(lambda: 1 / 0)
    ZeroDivisionError: division by zero
    """
    if not callable(call):
        raise UsageError(
            f"show_error needs a function to call, not a {type(call).__name__}", fix="put lambda: before the expression"
        )
    try:
        call()
    except Exception as error:  # whatever the error is, the lesson shows it
        print(f"{type(error).__name__}: {error}".rstrip(": "))
    else:
        print("Nothing was raised.")


def show_source(thing: Callable[..., Any] | type) -> None:
    """Show the source code of a function or class, highlighted and without its docstrings.

    Parameters
    ----------
    thing : function or class
        Written in Python, in a file or in a notebook cell; of a `functools.partial` the function is shown.

    Raises
    ------
    UsageError
        There is no source code to show, as for a function written in C.

    Examples
    --------
    >>> from course_utils import tables
    >>> show_source(tables.curriculum)
    def curriculum() -> list[dict[str, Any]]:
        return read_toml("curriculum.toml")["lesson"]
    """
    Page(as_html(thing), source_of(thing)).show()


def source_of(thing: Callable[..., Any] | type) -> str:
    """Return the source code of `thing`, as for `show_source`, without docstrings and indentation.

    Raises
    ------
    UsageError
        There is no source code to show.
    """
    if isinstance(thing, functools.partial):
        thing = thing.func
    try:
        source = textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError) as error:
        name = getattr(thing, "__name__", None) or f"a {type(thing).__name__}"
        raise UsageError(f"{name} has no source code", fix="show a function or class written in Python") from error
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a lambda inside a call: Python returns its lines, which may be only a part of a statement
        return source.rstrip()
    lines = source.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(
            node, clean=False
        ):
            _remove(lines, node.body[0], alone=len(node.body) == 1)
    return "\n".join(line for line in lines if line is not None).rstrip()


def _remove(lines: list[str | None], docstring: ast.stmt, *, alone: bool) -> None:
    """Replace the lines of a docstring and the empty lines after it with None, so that line numbers stay valid."""
    start, stop = docstring.lineno - 1, docstring.end_lineno or docstring.lineno
    lines[start:stop] = [None] * (stop - start)
    while stop < len(lines) and lines[stop] == "":
        lines[stop] = None
        stop += 1
    if alone:  # a body must not be empty
        lines[start] = " " * docstring.col_offset + "..."


def as_html(thing: Callable[..., Any] | type) -> str:
    """Return the HTML with which `show_source` shows `thing`.

    Raises
    ------
    UsageError
        There is no source code to show.
    """
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    # Styles on each element, since a style sheet is removed from a notebook that another person ran.
    formatter = HtmlFormatter(noclasses=True, style="xcode", nowrap=True)
    code = highlight(source_of(thing), PythonLexer(stripnl=False), formatter).rstrip()
    # A background of its own, so that the colours are legible on a dark page too.
    box, paper = "color: #222222; padding: 8px; margin: 4px 0", "background: #f7f7f7"
    return f'<pre style="{paper}; {box}"><code style="{paper}">{code}</code></pre>'
