"""Checks of exercises, and knowledge checks (quizzes).

Graders are in ``lesson_NN.py``, one file for each lesson, which is imported when you check an exercise of that lesson.
They judge an answer by what it does, not by its class. Imports `errors`, `tables` and `notebook.display`.
"""

from __future__ import annotations

from typing import Any

from course_utils.exercises.grading import check
from course_utils.exercises.quizzes import quiz

__all__ = ["check", "quiz"]


def __getattr__(name: str) -> Any:
    if name in ("show_error", "show_source"):  # where they were in version 0.1
        from course_utils import moved, notebook

        moved.warn(
            f"course_utils.exercises.{name} is now course_utils.notebook.{name}, and goes away in the next release"
        )
        return getattr(notebook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
