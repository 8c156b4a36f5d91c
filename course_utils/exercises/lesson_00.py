"""Grader of lesson 00, where a learner tries out what a check looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from course_utils.exercises.grading import Finding, as_number, grader, right, wrong


@grader("00.1")
def minutes(answer: Any) -> Sequence[Finding]:
    """Grade any number of minutes; they are negative for a flight that leaves early."""
    number = as_number(answer)
    if number is None:
        if isinstance(answer, str):
            return [wrong("this is a text", hint="a number stands without quotes")]
        return [
            wrong(
                f"a {type(answer).__name__} is not one number", hint="write one number, such as the minutes you waited"
            )
        ]
    if abs(number) > 24 * 60:
        return [wrong("that is more than a day", hint="count minutes, not seconds")]
    return [right("a number of minutes: this is what a right answer looks like")]
