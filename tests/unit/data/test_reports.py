"""The page for the sponsor."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from course_utils.data import datasets, reports
from course_utils.errors import UsageError

FIGURE = '<figure><img alt="The model alone earns more than nothing." src="data:image/png;base64,AAAA"></figure>'
TABLE = pd.DataFrame({"dollars": [10839.4], "low": [5155]}, index=pd.Index(["model"], name="policy"))
SAYS = {
    "question": "Should we run it?",
    "answer": "Yes: it brings $21,300 per 1,000 flights <more> than today.",
    "source": "Flights of November and December.",
}
PARTS = [
    reports.Part("Compared with what?", table=TABLE, figure=FIGURE),
    reports.Part("We would say no if", text="One of these.", points=["a warning saves less than $108 & no more"]),
]


@pytest.fixture(scope="module")
def page() -> reports.SponsorPage:
    """Return a page with all kinds of parts."""
    return reports.sponsor_page("Warn passengers?", parts=PARTS, **SAYS)


def test_the_answer_comes_before_what_it_rests_on(page):
    """I read title, question and answer first, then the parts in their order, and the source last."""
    wanted = [
        "<h1>Warn passengers?",
        "Should we run it?",
        "Yes: it brings",
        "Compared with what?",
        "We would say no if",
    ]
    places = [page.html.index(text) for text in [*wanted, "November and December"]]
    assert places == sorted(places)


def test_what_people_say_is_escaped_and_figures_are_not(page):
    """A sign such as < or & in a text shows as itself, and a figure as a picture."""
    assert "&lt;more&gt; than today" in page.html
    assert "$108 &amp; no more" in page.html
    assert FIGURE in page.html


def test_a_table_has_names_for_rows_and_columns(page):
    """A screen reader can say to which row and column a number belongs, and dollars are whole."""
    assert re.findall(r'<th scope="col">(\w+)', page.html) == ["policy", "dollars", "low"]
    assert '<th scope="row">model</th><td>10,839</td><td>5,155</td>' in page.html


def test_a_notebook_gets_the_page_without_its_style_sheet(page):
    """In a notebook, where no style sheet survives, I see the same words and figures."""
    inside = page.page.html
    assert FIGURE in inside
    assert not re.search(r"<(style|html|h1|h2)\b", inside)
    for part in PARTS:
        assert part.heading in inside
    assert page.page.text.endswith(SAYS["answer"])


def test_the_page_knows_how_much_there_is_to_read(page):
    """Words and figures are counted, markup and style sheet are not."""
    assert (page.words, page.figures) == (47, 1)
    assert repr(page) == "a page of 47 words and 1 figure"


def test_the_page_is_written_whole(page, monkeypatch, tmp_path):
    """The file is the page, I get its name without its folder, and nothing else is left beside it."""
    monkeypatch.setattr(datasets, "data_folder", lambda: tmp_path)
    assert page.save("mine") == "mine.html: 47 words and 1 figure"
    (file,) = (tmp_path / "processed" / "reports").iterdir()
    assert file.read_text(encoding="utf-8") == page.html


def test_a_page_that_cannot_be_finished_leaves_the_old_one(page, monkeypatch, tmp_path):
    """When writing breaks off, last quarter's page is still whole."""
    monkeypatch.setattr(datasets, "data_folder", lambda: tmp_path)
    page.save("mine")
    with pytest.raises(UnicodeEncodeError):
        reports.save("half a page \ud800", "mine")
    (file,) = (tmp_path / "processed" / "reports").iterdir()
    assert file.read_text(encoding="utf-8") == page.html


@pytest.mark.parametrize("figure", ["<img src='x.png'>", '<img alt="" src="x">', '<img alt="a plot" src="x">', "words"])
def test_a_figure_without_words_is_refused(figure):
    """A figure without a description for people who cannot see it is refused."""
    with pytest.raises(UsageError, match=r"'Money' has no description.*plots\.as_html"):
        reports.sponsor_page("Warn?", parts=[reports.Part("Money", figure=figure)], **SAYS)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"question": " "}, "no question"),
        ({"answer": ""}, "no answer"),
        ({"source": ""}, "no source"),
        ({"answer": "word " * 61}, "61 words.*say it in 60"),
    ],
)
def test_an_unfinished_page_is_refused(changed, words):
    """A missing text or an answer that no one reads to its end is refused, with the fix."""
    with pytest.raises(UsageError, match=words):
        reports.sponsor_page("Warn?", parts=PARTS, **SAYS | changed)


def test_an_answer_rests_on_something():
    """An answer without evidence is refused."""
    with pytest.raises(UsageError, match="at least one Part"):
        reports.sponsor_page("Warn?", parts=[], **SAYS)


@pytest.mark.parametrize("name", ["../sponsor", "a/b", "", "a b", ".hidden"])
def test_a_page_stays_in_its_folder(name):
    """A name that would lead elsewhere is refused."""
    with pytest.raises(UsageError, match="is not a valid name"):
        reports.save("<p>", name)
