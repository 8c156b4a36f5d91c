"""Knowledge checks: complete, correct, and readable without scripts."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from course_utils.errors import UsageError
from course_utils.exercises import quiz, quizzes

# The deck's keys, as corrected for the course; K2.2 is an open question.
KEYS = {
    "K1.1": "e",
    "K1.2": "a",
    "K2.1": "f",
    "K2.2": "",
    "K3.1": "l",
    "K4.1": "c",
    "K4.2": "ab",
    "K5.1": "ac",
    "K5.2": "ab",
}
OPTIONS = {"K1.1": 5, "K1.2": 2, "K2.1": 6, "K3.1": 12, "K4.1": 5, "K4.2": 4, "K5.1": 5, "K5.2": 5}
HOME = {"K1": "01", "K2": "07", "K3": "08", "K4": "13", "K5": "15"}
EVERY = {question["name"]: question for question in quizzes.questions()}
VOID = {"input", "br", "img"}


class Reader(HTMLParser):
    """Read HTML strictly: every element is closed where it was opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):  # noqa: D102 (the parser calls it)
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):  # noqa: D102 (the parser calls it)
        assert self.open.pop() == tag

    def count(self, tag: str) -> int:
        """Return how often an element occurs."""
        return sum(name == tag for name, _ in self.seen)


@pytest.mark.parametrize("name", KEYS)
def test_the_keys_are_the_decks_corrected_ones(name):
    """The key is the corrected one, also where the deck's answer key was wrong."""
    assert quizzes.key(EVERY[name]) == KEYS[name]
    assert len(EVERY[name].get("options", ())) == OPTIONS.get(name, 0)
    assert EVERY[name]["lesson"] == HOME[name[:2]]


@pytest.mark.parametrize("name", EVERY)
def test_every_option_says_why(name):
    """Whichever option I chose, I read why it is right or wrong."""
    question = EVERY[name]
    for option in question.get("options", ()):
        assert option["verdict"] in {"right", "part", "wrong"}
        assert len(option["why"].split()) >= 6
    reasons = [entry["why"] for entry in question.get("options", question.get("rubric", ()))]
    assert len(set(reasons)) == len(reasons) >= 2
    assert len(question["summary"].split()) >= 8
    assert len(question.get("rubric", (1, 2, 3))) >= 3


@pytest.mark.parametrize("name", EVERY)
def test_the_page_is_well_formed_and_works_without_scripts(name):
    """I can answer with the keyboard, also in an untrusted notebook."""
    html = quizzes.as_html(EVERY[name])
    page = Reader(html)
    options = len(EVERY[name].get("options", ()))
    assert page.count("fieldset") == page.count("legend") == 1
    assert page.count("label") == page.count("input") == options
    assert page.count("details") == page.count("summary") == options + 1
    assert not re.search(r"<script|<style|\bon\w+=|https?:", html)
    assert not [attributes for _, attributes in page.seen if "open" in attributes]


def test_two_checks_on_one_page_do_not_collide():
    """Choosing an option of one question does not change another question."""
    groups = []
    for question in EVERY.values():
        page = Reader(quizzes.as_html(question))
        groups.append({attributes["name"] for _, attributes in page.seen if "name" in attributes})
        assert len(groups[-1]) <= 1
        assert not [attributes for _, attributes in page.seen if {"id", "for"} & set(attributes)]
    names = [name for group in groups for name in group]
    assert len(names) == len(set(names)) > 1


def test_the_page_shows_no_answer_before_a_fold_is_opened():
    """Question and options reveal no answer until I open a fold."""
    for question in EVERY.values():
        outside = re.sub(r"<details.*?</details>", "", quizzes.as_html(question), flags=re.DOTALL)
        assert "✓" not in outside
        assert "Right:" not in outside
        assert question["question"].split()[0] in outside


def test_a_question_that_wants_two_answers_says_so():
    """I read how many answers to choose, in a notebook and in a terminal."""
    for shown in (quizzes.as_html, quizzes.as_text):
        assert "Choose two answers, then check them." in shown(EVERY["K4.2"])
        assert "Choose one answer, then check it." in shown(EVERY["K4.1"])
        assert "Write down your own answer first" in shown(EVERY["K2.2"])


@pytest.mark.parametrize("name", [name for name in EVERY if "options" in EVERY[name]])
def test_the_control_lets_me_choose_as_many_answers_as_the_question_asks_for(name):
    """A question with one answer has radio buttons in one group; a question with several has checkboxes."""
    html = quizzes.as_html(EVERY[name])
    boxes = [attributes for tag, attributes in Reader(html).seen if tag == "input"]
    one = len(quizzes.key(EVERY[name])) == 1
    assert {box["type"] for box in boxes} == {"radio" if one else "checkbox"}
    assert len({box.get("name") for box in boxes}) == 1
    assert ("Choose one answer" in html.partition("</legend>")[0]) == one


def test_a_terminal_shows_the_check_as_text(capsys):
    """Outside a notebook I read the question and its options, and below a line the key."""
    quiz("K5.2")
    question, answers = capsys.readouterr().out.split("--- key ---")
    assert question.startswith("K5.2  Static inference")
    assert "  b) A known input is answered faster" in question
    assert "✓" not in question
    assert "Right: a and b." in answers


def test_an_unknown_check_is_refused_with_the_known_ones():
    """If I mistype a name, I read which ones exist."""
    with pytest.raises(UsageError, match=r"no knowledge check 'K9\.1'.*choose one of K1\.1, K1\.2"):
        quiz("K9.1")


def test_a_check_reads_as_text_too():
    """As text, the reasons are below the line, never above it."""
    question = quizzes.load("K1.1")
    asked, key = quizzes.as_text(question).split("--- key ---")
    assert question["question"] in asked
    for option in question["options"]:
        assert option["text"] in asked
        assert option["why"] in key
        assert option["why"] not in asked
