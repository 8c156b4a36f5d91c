"""Read a CSV file row by row, and add file, row and line to every error.

Only the row in hand is in memory, so a file of any size needs the same few megabytes.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from course_utils.errors import DataError, UsageError
from course_utils.model.vowpal.text import check_encoding

__all__ = ["CsvReader"]


class CsvReader:
    """A CSV file, read row by row; use it in a ``with`` statement, and call `names` first.

    Parameters
    ----------
    source : Path
        The CSV file to read.
    separator : str
        One character between two cells.
    encoding : str
        A name that Python knows, such as ``utf-8-sig``.

    Raises
    ------
    UsageError
        The encoding is unknown.
    DataError
        The file cannot be opened.
    """

    def __init__(self, source: Path, separator: str, encoding: str) -> None:
        self.source = source
        self.row = -1  # the data row being read, counted from 0
        try:
            # Bytes that are no text are read as surrogates: they are refused where a column that is used holds them,
            # and must not stop the reading of others.
            self._file = source.open(encoding=encoding, newline="", errors="surrogateescape")
        except LookupError as error:
            raise UsageError(
                f"encoding={encoding!r} is unknown", fix="give one such as 'utf-8' or 'iso-8859-1'"
            ) from error
        except OSError as error:
            raise DataError(
                f"cannot be read: {error.strerror}", file=source, fix="give the path of a CSV file"
            ) from error
        self._rows = csv.reader(self._file, delimiter=separator, strict=True)
        self._first: list[str] | None = None
        self._named = False

    def __enter__(self) -> CsvReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def names(self, header: bool) -> list[str]:
        """Return the names of the columns: the first line, or 1, 2, 3 … where there is no `header`.

        Raises
        ------
        DataError
            The file is empty, is not CSV, or has a name twice.
        """
        first = self._next()
        if not first:
            raise DataError("is empty", file=self.source, fix="send a file with a header and at least one row")
        self._named = True
        if not header:
            # The first line holds data: it is read again as the first row.
            self._first = first
            return [str(number) for number in range(1, len(first) + 1)]
        twice = next((name for name in first if first.count(name) > 1), None)
        if twice is not None:
            raise DataError("is in the header twice", file=self.source, column=twice, fix="rename one of the two")
        for name in first:
            with self.locate_errors():
                check_encoding(name, name)
        return first

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the rows that are not blank; read them inside of `locate_errors`."""
        first = [] if self._first is None else [self._first]
        return filter(None, chain(first, self._rows))

    def _next(self) -> list[str] | None:
        with self.locate_errors():
            return next(self._rows, None)

    @contextlib.contextmanager
    def locate_errors(self) -> Iterator[None]:
        """Add file, row and line to errors that are raised in the body of a ``with`` statement.

        Raises
        ------
        DataError
            As in the body, with its place.
        """
        try:
            yield
        except (csv.Error, UnicodeError) as error:
            self.row += self._named  # the row that cannot be read comes after the one that was counted last
            raise self._located(DataError(f"is not CSV: {error}", fix="look for a quote that is not closed")) from error
        except DataError as error:
            raise self._located(error) from error

    def _located(self, error: DataError) -> DataError:
        if error.file is not None:
            return error
        problem = error.problem.removeprefix(f"column {error.column}: ")
        return DataError(
            f"{problem} (line {self._rows.line_num})",
            file=self.source,
            column=error.column,
            row=self.row if self.row >= 0 else None,
            fix=error.fix,
        )
