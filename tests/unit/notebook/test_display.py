"""Outputs as HTML for a notebook and as text for a terminal."""

from __future__ import annotations

import pandas as pd
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from course_utils.notebook.display import Page, show_table


def test_a_terminal_shows_the_words(capsys):
    """Outside a notebook I read plain text, not HTML."""
    Page("<b>bold</b>", "bold").show()
    assert capsys.readouterr().out == "bold\n"


def test_a_notebook_gets_both_forms():
    """A notebook stores both the HTML and the plain text."""
    shell = InteractiveShell.instance()
    try:
        with capture_output() as captured:
            Page("<b>bold</b>", "bold").show()
    finally:
        InteractiveShell.clear_instance()
    assert shell is not None
    assert [output.data for output in captured.outputs] == [{"text/html": "<b>bold</b>", "text/plain": "bold"}]


def test_a_table_shows_all_its_words(capsys):
    """A long sentence in a table is shown in full, not cut after 50 characters."""
    sentence = "The airline assigns the cause of a delay after arrival, so it is known at no horizon before departure"
    show_table(pd.DataFrame({"why": {"WeatherDelay": sentence}}).rename_axis("column"))
    shown = capsys.readouterr().out
    assert sentence in shown
    assert "WeatherDelay" in shown


def test_a_table_without_names_shows_no_row_numbers(capsys):
    """If the index has no name, the row numbers are not shown."""
    show_table(pd.DataFrame({"word": ["late"]}))
    assert "0" not in capsys.readouterr().out
