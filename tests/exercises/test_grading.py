"""`check` with any exercise and any answer, and what graders share."""

from __future__ import annotations

import doctest

import pandas as pd
import pytest

from course_utils.errors import UsageError
from course_utils.exercises import grading, quizzes

ALL = [number for lesson in ("00", "01", "11", "12") for number in grading.graded(lesson)]


class Broken:
    """An answer whose every attribute raises an error."""

    def __getattribute__(self, name):
        raise RuntimeError(f"no {name}")

    def __repr__(self):
        raise RuntimeError("no words")


class WordlessError(Exception):
    """An error whose message cannot be read."""

    def __str__(self):
        raise ValueError


def refuse(*_):
    raise WordlessError


HOLDS_ITSELF: list = []
HOLDS_ITSELF.append(HOLDS_ITSELF)


@pytest.mark.parametrize("number", ALL)
@pytest.mark.parametrize(
    "answer",
    [None, "", "text", 10**6, {}, [], object(), int, refuse, pd.DataFrame(), HOLDS_ITSELF, {1: 2}, float("inf")],
    ids=lambda answer: type(answer).__name__,
)
def test_no_answer_can_stop_the_notebook(report, number, answer):
    """Whatever my answer is, the check prints a hint and my notebook continues."""
    printed = report(number, answer)
    assert "✗" in printed
    assert "Hint: " in printed
    assert printed.endswith("not solved yet\n")
    assert "RecursionError" not in printed
    assert "??" not in printed
    assert "?." not in printed


@pytest.mark.parametrize("number", ALL)
def test_an_answer_on_which_everything_fails_cannot_stop_it_either(report, number):
    """Even a broken object gets a line of feedback, and my notebook continues."""
    assert "the check cannot read your answer, a Broken: RuntimeError" in report(number, Broken())


@pytest.mark.parametrize("number", ALL)
def test_dots_are_not_answered_yet(report, number):
    """For an exercise that I have not started, the check says just that."""
    assert report(number, ...) == f"Exercise {number}: not answered yet\n"


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ({"a": ..., "b": 1}, "'a'"),
        ({"a": {"b": [1, ...]}}, "'a b 2'"),
        ((..., 2, ...), "'1' and '3'"),
        ([[...]], "'1 1'"),
        ({"warned, late": ..., "warned, on time": ...}, "'warned, late' and 'warned, on time'"),
        ([...] * 7, "'1', '2', '3', '4' and 3 more"),
    ],
)
def test_blanks_inside_an_answer_are_named(report, answer, where):
    """I see which blanks I have not filled in."""
    assert report("12.1", answer) == f"Exercise 12.1: not answered yet (still to fill in: {where})\n"


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("12.9", "lesson 12 has 12.1, 12.2, 12.3"),
        ("99.1", "no exercises in a lesson '99'"),
        ("grading", "no exercises in a lesson"),
        ("", "no exercises in a lesson"),
        (None, "no exercises in a lesson"),
    ],
)
def test_an_unknown_number_is_said_to_be_unknown(report, number, says):
    """If I mistype the number of an exercise, I read which ones exist."""
    printed = report(number, 1)
    assert printed.startswith("There is no exercise ")
    assert says in printed


def test_a_number_may_be_written_as_a_number(report):
    """I may omit the quotes and the leading zero."""
    assert report(12.3, 0.4) == report("12.3", 0.4)
    assert report(1.2, ...) == "Exercise 01.2: not answered yet\n"


def test_long_lines_are_wrapped(capsys, monkeypatch):
    """I read a long hint without scrolling sideways, and its lines start where the hint's text does."""
    words = " ".join(f"word-{place}" for place in range(40))
    found = [grading.right(words), grading.wrong(words, hint=words)]
    monkeypatch.setattr(grading, "_GRADERS", {"12.8": lambda answer: found})
    grading.check("12.8", 1)
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 100
    assert {line[: len(line) - len(line.lstrip())] for line in lines if line.lstrip().startswith("word-")} == {
        " " * len("✓ "),
        " " * len("  Hint: "),
    }
    assert "".join(lines).count("word-39") == 3

    grading.check("12.8", {words: ...})
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 100
    assert all(line.startswith("  word-") for line in lines[1:])


def test_a_finding_can_end_a_grader_from_anywhere(report, monkeypatch):
    """A grader that is refused deep inside reports that one finding, and nothing else."""

    def grade(answer):
        raise grading.Refused(grading.wrong("this is too deep", hint="come up"))

    monkeypatch.setitem(grading._GRADERS, "12.1", grade)
    assert report("12.1", 1) == "✗ this is too deep\n  Hint: come up.\nExercise 12.1: not solved yet\n"


def test_two_graders_cannot_claim_one_exercise(monkeypatch):
    """Two graders with the same number are an error."""
    monkeypatch.setattr(grading, "_GRADERS", {})
    grading.grader("12.8")(lambda answer: [])
    with pytest.raises(UsageError, match=r"exercise 12\.8 has two graders"):
        grading.grader("12.8")(refuse)


def test_a_finding_is_right_wrong_or_blank():
    """A part of an answer is right, wrong with a hint, or still blank."""
    assert grading.right("so") == grading.Finding("right", "so")
    assert grading.wrong("not so", hint="look there") == grading.Finding("wrong", "not so", "look there")
    assert grading.blank("'a'") == grading.Finding("blank", "'a'")


def test_numbers_are_known_by_what_they_are():
    """Any finite number is accepted, alone or in an array; texts, booleans and infinities are not."""
    from decimal import Decimal
    from fractions import Fraction

    import numpy as np

    for number in (2, 2.0, np.int64(2), np.float32(2), Decimal(2), Fraction(2), np.array([2]), pd.Series([2.0])):
        assert grading.as_number(number) == 2
    for other in (True, "2", None, float("inf"), float("nan"), [2], np.array([1, 2]), {"a": 2}, np.bool_(True)):
        assert grading.as_number(other) is None


def test_mappings_are_known_by_what_they_do():
    """A dict and a Series are accepted as mappings; a table, a list and a text are not."""
    assert grading.as_mapping({"a": 1}) == grading.as_mapping(pd.Series({"a": 1})) == {"a": 1}
    for other in (pd.DataFrame({"a": [1]}), [("a", 1)], "a", None):
        assert grading.as_mapping(other) is None


def test_things_are_listed_as_in_a_sentence():
    """Items are joined with commas and 'and'; an error is described by its type and first line."""
    assert [grading.listed("abc"[:count]) for count in (1, 2, 3)] == ["'a'", "'a' and 'b'", "'a', 'b' and 'c'"]
    assert grading.describe_error(ValueError("first\nsecond")) == "ValueError: first"
    assert grading.describe_error(WordlessError()) == "WordlessError"


def test_a_wrong_type_is_named_with_its_article():
    """I read 'an int' and 'a dict', and 'nothing' if my function has no return."""
    assert [grading.kind_of(value) for value in ("a", 3, None, {}, [])] == [
        "a str",
        "an int",
        "nothing",
        "a dict",
        "a list",
    ]
    finding = grading.not_a("a function", 3.5, hint="define one")
    assert finding == grading.wrong("this is a float, not a function", hint="define one")


def test_missing_names_are_listed():
    """One missing name is singular, several are plural."""
    assert grading.missing(["a"], hint="add it").text == "'a' is missing"
    assert grading.missing(["a", 2], hint="add them").text == "'a' and 2 are missing"


def test_words_are_counted_in_texts_only():
    """A sentence has its words; a number, a list and nothing have none."""
    assert [grading.word_count(text) for text in ("two  words\n", "", 12, ["a", "b"], None)] == [2, 0, 0, 0, 0]


@pytest.mark.parametrize("module", [grading, quizzes], ids=lambda module: module.__name__)
def test_examples_give_what_they_show(module):
    """I can copy an example from a docstring, and it prints what the docstring says."""
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
