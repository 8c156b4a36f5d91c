"""What the lessons of the course import: one package for each stage of putting a model into production.

::

    errors, tables        error messages, and the facts of the course as data
    notebook              tables, figures and claims that a cell shows
    data                  flights, from a file to features that are known in time
    model                 train, score, value and explain a model
    develop    serve      versions, runs and releases; predictions in batch and online
    operate               monitor a model, alert, train it again
    exercises             checks of answers, and quizzes

Each package imports only packages above it.
"""

from __future__ import annotations

from typing import Any

from course_utils import moved

moved.install()


def __getattr__(name: str) -> Any:
    return moved.module(name)
