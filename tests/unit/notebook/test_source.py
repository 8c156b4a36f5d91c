"""Source code and errors as a lesson shows them."""

from __future__ import annotations

import functools
from html import unescape
from pathlib import Path

import pytest

from course_utils.errors import DataError, UsageError
from course_utils.notebook import show_error, show_source, source


def sample(x: int) -> str:
    """Say something about x.

    And more.
    """
    # Why it adds one.
    text = "a docstring is no string"
    return f"{x + 1} < {text}"


class Counter:
    """Count."""

    def only_words(self) -> None:
        """Do nothing."""

    @property
    def two(self) -> int:
        """Two."""
        return 2


def fail():
    raise DataError("24 is no hour", column="CRSDepTime", row=7, fix="correct the file")


def test_an_error_is_shown_by_type_and_message_without_a_traceback(capsys):
    """I read what went wrong and how to fix it, without a traceback or a path."""
    show_error(fail)
    assert capsys.readouterr().out == "DataError: column CRSDepTime, row 7: 24 is no hour. Fix: correct the file.\n"


def test_an_error_without_a_message_is_shown_by_its_type(capsys):
    """An error without a message is shown with its type alone."""
    show_error(lambda: next(iter(())))
    assert capsys.readouterr().out == "StopIteration\n"


def test_a_call_that_works_says_that_nothing_was_raised(capsys):
    """If the planned error does not occur, the output says so."""
    show_error(lambda: 1)
    assert capsys.readouterr().out == "Nothing was raised.\n"


def test_a_value_instead_of_a_call_is_refused():
    """If I forget the lambda, the error tells me to add it."""
    with pytest.raises(UsageError, match="put lambda: before"):
        show_error(3)


def test_source_comes_without_docstrings_and_with_comments(capsys):
    """I read the code and its comments, without the docstring."""
    show_source(sample)
    expected = [
        "def sample(x: int) -> str:",
        "    # Why it adds one.",
        '    text = "a docstring is no string"',
        '    return f"{x + 1} < {text}"',
    ]
    assert capsys.readouterr().out.splitlines() == expected


def test_source_of_a_class_loses_the_docstrings_of_its_methods_too():
    """A class is shown without any docstrings, and is still valid Python."""
    shown = source.source_of(Counter)
    assert '"""' not in shown
    assert "    def only_words(self) -> None:\n        ...\n" in shown
    compile(shown, "source", "exec")


def test_source_is_highlighted_without_a_style_sheet_and_names_no_path(capsys):
    """The code has colours also in an untrusted notebook, and shows no path."""
    html = source.as_html(sample)
    assert 'style="color' in html
    assert "<style" not in html
    assert str(Path(__file__).parent) not in html
    bare = unescape("".join(part.split(">")[-1] for part in html.split("<")))
    assert bare == source.source_of(sample)


def test_source_is_found_behind_a_partial_and_a_wrapper():
    """A wrapped function is shown as it was written."""

    @functools.wraps(sample)
    def wrapper(*args):
        return sample(*args)

    assert source.source_of(functools.partial(sample, 1)) == source.source_of(wrapper) == source.source_of(sample)


@pytest.mark.parametrize("thing", [len, 3, "sample"])
def test_what_has_no_source_is_refused(thing):
    """If there is no source code, the error says what can be shown."""
    with pytest.raises(UsageError, match="written in Python"):
        show_source(thing)
