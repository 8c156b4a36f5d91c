"""Source and errors as a lesson shows them."""

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
    """I read what went wrong and how to fix it, and no path of anybody's machine."""
    show_error(fail)
    assert capsys.readouterr().out == "DataError: column CRSDepTime, row 7: 24 is no hour. Fix: correct the file.\n"


def test_an_error_without_words_is_shown_by_its_type(capsys):
    """An error that says nothing is still named."""
    show_error(lambda: next(iter(())))
    assert capsys.readouterr().out == "StopIteration\n"


def test_a_call_that_works_says_that_nothing_was_raised(capsys):
    """A planned error that does not come is not passed over."""
    show_error(lambda: 1)
    assert capsys.readouterr().out == "Nothing was raised.\n"


def test_a_value_instead_of_a_call_is_refused():
    """When I forget the lambda, I am told."""
    with pytest.raises(UsageError, match="put lambda: before"):
        show_error(3)


def test_source_comes_without_docstrings_and_with_comments(capsys):
    """I read the code that is run, not its manual."""
    show_source(sample)
    expected = [
        "def sample(x: int) -> str:",
        "    # Why it adds one.",
        '    text = "a docstring is no string"',
        '    return f"{x + 1} < {text}"',
    ]
    assert capsys.readouterr().out.splitlines() == expected


def test_source_of_a_class_loses_the_docstrings_of_its_methods_too():
    """A class is shown as lean as a function, and still as valid Python."""
    shown = source.source_of(Counter)
    assert '"""' not in shown
    assert "    def only_words(self) -> None:\n        ...\n" in shown
    compile(shown, "source", "exec")


def test_source_is_highlighted_without_a_style_sheet_and_names_no_path(capsys):
    """I see the code in colours, whoever ran the notebook, and no path in it."""
    html = source.as_html(sample)
    assert 'style="color' in html
    assert "<style" not in html
    assert str(Path(__file__).parent) not in html
    bare = unescape("".join(part.split(">")[-1] for part in html.split("<")))
    assert bare == source.source_of(sample)


def test_source_is_found_behind_a_partial_and_a_wrapper():
    """A function that was wrapped on the way is shown as it was written."""

    @functools.wraps(sample)
    def wrapper(*args):
        return sample(*args)

    assert source.source_of(functools.partial(sample, 1)) == source.source_of(wrapper) == source.source_of(sample)


@pytest.mark.parametrize("thing", [len, 3, "sample"])
def test_what_has_no_source_is_refused(thing):
    """When there is nothing to show, I am told what can be shown."""
    with pytest.raises(UsageError, match="written in Python"):
        show_source(thing)
