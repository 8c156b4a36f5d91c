"""Pieces of a page in two forms."""

from __future__ import annotations

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from course_utils.page import Page


def test_a_terminal_shows_the_words(capsys):
    """Without a notebook I read words, no HTML."""
    Page("<b>bold</b>", "bold").show()
    assert capsys.readouterr().out == "bold\n"


def test_a_notebook_gets_both_forms():
    """In a notebook I see the page, and a plain reader of the file finds the words."""
    shell = InteractiveShell.instance()
    try:
        with capture_output() as captured:
            Page("<b>bold</b>", "bold").show()
    finally:
        InteractiveShell.clear_instance()
    assert shell is not None
    assert [output.data for output in captured.outputs] == [{"text/html": "<b>bold</b>", "text/plain": "bold"}]
