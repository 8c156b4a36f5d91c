"""What the exercises of the course call: graders, knowledge checks, and two ways of showing code at work.

Graders stand in ``lesson_NN.py``, one file for each lesson, and are imported when an exercise of that lesson is
checked. They know an answer by what it can do, not by its class, so that whatever a learner builds can be looked at.
"""

from course_utils.exercises.grading import check
from course_utils.exercises.quizzes import quiz
from course_utils.notebook.source import show_error, show_source

__all__ = ["check", "quiz", "show_error", "show_source"]
