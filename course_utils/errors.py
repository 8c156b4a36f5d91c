"""The errors that the course raises on purpose.

::

    CourseError                 anything the course itself refuses
    ├── DataError               a file, column or row is not as the data dictionary says
    ├── UsageError              an option or argument cannot be used as given
    ├── ModelError              a model cannot be fitted, saved, loaded or asked
    └── ClaimError              a statement of a lesson is not what was measured

Each says what is wrong, where, and how to fix it, in one readable text.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import PurePath

__all__ = ["ClaimError", "CourseError", "DataError", "ModelError", "UsageError"]


class CourseError(Exception):
    """What is wrong and how to fix it.

    Parameters
    ----------
    problem : str
        What is wrong, as a sentence without its full stop.
    fix : str
        What the reader can do about it, as a sentence without its full stop.
    """

    def __init__(self, problem: str, *, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem}. Fix: {fix}.")


class DataError(CourseError, ValueError):
    """A file, column or row is not as the data dictionary says.

    Parameters
    ----------
    problem, fix : str
        As for `CourseError`.
    file : path or str, optional
        Where the data came from; only its name is shown.
    column : str, optional
        The column at fault.
    row : int, optional
        The first data row at fault, counted from 0 as pandas does.
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
    """A model cannot be fitted, saved, loaded or asked."""


class ClaimError(CourseError, AssertionError):
    """A statement of a lesson is not what was measured."""
