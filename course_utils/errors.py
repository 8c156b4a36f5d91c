"""The errors that the course raises on purpose.

::

    CourseError                 any error that the course raises
    ├── DataError               a file, column or row differs from the data dictionary
    ├── UsageError              an option or argument cannot be used as given
    ├── ModelError              a model cannot be trained, saved, loaded or asked for a prediction
    └── ClaimError              a statement of a lesson differs from what was measured

Each message says what is wrong, where, and how to fix it.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import PurePath

__all__ = ["ClaimError", "CourseError", "DataError", "ModelError", "UsageError"]


class CourseError(Exception):
    """An error with a problem and its fix, which the message states as two sentences.

    Parameters
    ----------
    problem : str
        What is wrong, as a sentence without its full stop.
    fix : str
        What the reader can do about it, as a sentence without its full stop.

    Examples
    --------
    >>> print(errors.UsageError("rounds=0 trains nothing", fix="pass rounds=1 or more"))
    rounds=0 trains nothing. Fix: pass rounds=1 or more.
    """

    def __init__(self, problem: str, *, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem}. Fix: {fix}.")


class DataError(CourseError, ValueError):
    """A file, column or row differs from the data dictionary.

    Parameters
    ----------
    problem, fix : str
        As for `CourseError`.
    file : path or str, optional
        The file that the data came from; the message shows only its name, not the folder.
    column : str, optional
        The column that the error is about.
    row : int, optional
        The first row with the error, counted from 0 as in pandas, without the header.

    Examples
    --------
    >>> print(errors.DataError("is negative", fix="correct it", file="data/flights.csv", column="Distance", row=7))
    flights.csv, column Distance, row 7: is negative. Fix: correct it.
    """

    def __init__(
        self,
        problem: str,
        *,
        fix: str,
        file: str | PathLike[str] | None = None,
        column: str | None = None,
        row: int | None = None,
    ) -> None:
        # Without its folder: messages are in committed outputs, which must be the same on every machine.
        self.file = None if file is None else PurePath(fspath(file)).name
        self.column = column
        self.row = row
        where = [
            text
            for text, given in ((self.file, file), (f"column {column}", column), (f"row {row}", row))
            if given is not None and text
        ]
        super().__init__(f"{', '.join(where)}: {problem}" if where else problem, fix=fix)


class UsageError(CourseError, ValueError):
    """An option or argument cannot be used as given."""


class ModelError(CourseError):
    """A model cannot be trained, saved, loaded or asked for a prediction."""


class ClaimError(CourseError, AssertionError):
    """A statement of a lesson differs from what was measured."""
