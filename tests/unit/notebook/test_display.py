"""Outputs as HTML for a notebook and as text for a terminal."""

from __future__ import annotations

import pandas as pd
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from course_utils.notebook.display import Page, show_picture, show_table


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


def test_a_picture_has_its_words(tmp_path, capsys):
    """A terminal reads what the picture shows; a notebook gets it as alternative text."""
    file = tmp_path / "dot.png"
    file.write_bytes(b"\x89PNG")
    show_picture(file, alt='A dot, called "one".')
    assert capsys.readouterr().out == 'A dot, called "one".\n'
    shell = InteractiveShell.instance()
    try:
        with capture_output() as captured:
            show_picture(file, alt='A dot, called "one".')
    finally:
        InteractiveShell.clear_instance()
    assert shell is not None
    html = captured.outputs[0].data["text/html"]
    assert "data:image/png;base64,iVBORw==" in html
    assert 'alt="A dot, called &quot;one&quot;."' in html
