"""Grader of lesson 00, where a learner tries out what a check looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from course_utils.exercises.grading import Finding, as_number, grader, kind_of, right, wrong


@grader("00.1")
def minutes(answer: Any) -> Sequence[Finding]:
    """Grade any number of minutes; they are negative for a flight that leaves early."""
    number = as_number(answer)
    if number is None:
        if isinstance(answer, str):
            return [wrong("this is a text, not a number", hint="write the number without quotes")]
        hint = "write one number, for example the minutes that you last waited"
        return [wrong(f"this is {kind_of(answer)}, and one number is needed", hint=hint)]
    if abs(number) > 24 * 60:
        return [wrong("this is more than a day", hint="give minutes, not seconds")]
    return [right("this is a number of minutes; a right answer gets a ✓ like this one")]
