"""Answers that are made wrong by a program are refused: a few of each exercise here, all of them at night."""

from __future__ import annotations

import fnmatch
import random

import mutants
import pytest

from course_utils import tables
from course_utils.exercises import calls

LEAST, SAMPLE = 20, 12

NUMBERS = [
    number for lesson in tables.curriculum() if lesson["written"] for number in lesson["exercises"] if number != "00.1"
]


@pytest.fixture(autouse=True)
def short_limits(monkeypatch):
    monkeypatch.setattr(calls, "PROCESSOR_SECONDS", 0.3)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_sample_of_wrong_answers_is_refused(number):
    """A right answer with one thing changed is not solved: a dozen changes of each exercise."""
    made = list(mutants.mutants_of(number))
    assert len(made) >= LEAST, f"only {len(made)} mutants of {number}"
    verdicts = mutants.tried(number, random.Random(number).sample(made, min(SAMPLE, len(made))))
    assert verdicts.survivors == []


@pytest.mark.nightly
@pytest.mark.parametrize("number", NUMBERS)
def test_every_wrong_answer_is_refused(number):
    """A right answer with any one thing changed is not solved, unless it is right too, and listed with a reason."""
    verdicts = mutants.tried(number, list(mutants.mutants_of(number)))
    assert verdicts.survivors == []
    unused = [
        pattern
        for pattern in mutants.equivalents_of(number)
        if not any(fnmatch.fnmatchcase(label, pattern) for label in verdicts.accepted)
    ]
    assert unused == [], "listed as equivalent, and refused or not made any more"


@pytest.mark.parametrize("number", NUMBERS)
def test_two_mistakes_do_not_share_a_hint_by_chance(number):
    """Wrong answers for which a test expects different hints get different findings."""
    cases = mutants.cases_of(number.split(".")[0])
    made = getattr(cases, "made", lambda listed: listed)
    expected: dict[str, str] = {}
    for answer, words in cases.WRONG[number]:
        printed = mutants.tried(number, [("", made(answer))]).printed[""]
        wrongs = "\n".join(line for line in printed.splitlines() if not line.startswith("✓"))
        assert expected.setdefault(wrongs, words) == words, f"{words!r} and {expected[wrongs]!r} are the same finding"
