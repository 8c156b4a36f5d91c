"""Answers of the canvas, one at a time."""

from __future__ import annotations

from course_utils import tables
from course_utils.exercises import canvas

FIELDS = tables.read_toml("canvas.toml")["field"]


def test_a_question_copied_back_is_no_answer():
    """Each question of the canvas, copied back as its answer, is refused; a sentence of my own is not."""
    asked = canvas.asked_by(FIELDS)
    for field in FIELDS:
        assert canvas.problem(field, field["question"], asked) is not None
    assert canvas.problem(FIELDS[0], "Fewer surprised passengers", asked) is None


def test_one_text_for_three_questions_is_noticed():
    """The same text under three questions is reported, under two it is not."""
    keys = [field["key"] for field in FIELDS if field["kind"] == "text"]
    assert canvas.repeated(FIELDS, dict.fromkeys(keys[:3], "passengers"), ())
    assert not canvas.repeated(FIELDS, dict.fromkeys(keys[:2], "passengers"), ())
