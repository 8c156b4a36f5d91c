"""What the lessons of the course import: one package for each stage of putting a model into production.

::

    errors, tables        what the course refuses, and its facts as data
    notebook              what a cell shows that is not about the subject
    data                  flights, from a file to features known in time
    model                 trained, scored, valued, explained
    develop    serve      versions, runs and releases; predictions in batch and online
    operate               watched, alerted on, trained again
    exercises             checks and quizzes

Each imports those above it only.
"""

from __future__ import annotations

from typing import Any

from course_utils import moved

moved.install()


def __getattr__(name: str) -> Any:
    return moved.module(name)
