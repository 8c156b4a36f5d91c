"""Pieces of a page in two forms."""

from __future__ import annotations

import pandas as pd
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from course_utils.notebook.display import Page, show_table


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


def test_a_table_shows_all_its_words(capsys):
    """A long sentence in a table is there to its last word, and is not cut after fifty characters."""
    sentence = "Somebody assigns the cause of a delay after arrival, so that it is known at no horizon, however short"
    show_table(pd.DataFrame({"why": {"WeatherDelay": sentence}}).rename_axis("column"))
    shown = capsys.readouterr().out
    assert sentence in shown
    assert "WeatherDelay" in shown


def test_a_table_without_names_shows_no_row_numbers(capsys):
    """Where rows have no names, no column of numbers stands before them."""
    show_table(pd.DataFrame({"word": ["late"]}))
    assert "0" not in capsys.readouterr().out
