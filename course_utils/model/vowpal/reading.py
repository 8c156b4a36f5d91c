"""Read a CSV file row by row, and add file, row and line to every error.

Only the row in hand is in memory, so a file of any size needs the same few megabytes. Files that are compressed with
gzip, bzip2, xz or zip are read as they are, and ``-`` is standard input.
"""

from __future__ import annotations

import bz2
import contextlib
import csv
import gzip
import io
import lzma
import os
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice, repeat
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import IO

from course_utils.errors import DataError, UsageError
from course_utils.model.vowpal.text import check_encoding
from course_utils.model.vowpal.wording import named, say
from course_utils.wording import counted

__all__ = ["STANDARD", "CsvReader"]

#: What stands for standard input or output, as in other commands.
STANDARD = "-"

#: How files of other kinds begin, and what to do with them.
_OTHERS = {
    b"PAR1": ("is a Parquet file", "save the table as CSV, as with pandas: read_parquet, then to_csv"),
    b"\x28\xb5\x2f\xfd": ("is compressed with Zstandard", "unpack it first: zstd -d"),
    b"7z\xbc\xaf": ("is a 7-Zip archive", "unpack it first: 7z x"),
    b"\xd0\xcf\x11\xe0": ("is an old Excel file", "save the sheet as CSV"),
}


class CsvReader:
    """A CSV file, read row by row; use it in a ``with`` statement, and call `names` first.

    Parameters
    ----------
    source : path
        The CSV file to read, compressed or not; ``-`` is standard input.
    separator : str
        One character between two cells.
    encoding : str
        A name that Python knows, such as ``utf-8-sig``.

    Attributes
    ----------
    row : int
        The data row being read, counted from 0; -1 before the first.
    trailing : int
        Columns at the end without a name, as a comma at the end of each line makes them; their cells must be empty.

    Raises
    ------
    UsageError
        The encoding is unknown.
    DataError
        The file cannot be opened, or is not a text file.
    """

    def __init__(self, source: str | os.PathLike[str], separator: str, encoding: str) -> None:
        self.source = "standard input" if os.fspath(source) == STANDARD else os.fspath(source)
        self.row, self.trailing = -1, 0
        self._line: int | None = None
        self._open = contextlib.ExitStack()
        try:
            # Bytes that are no text are read as surrogates: they are refused where a column that is used holds them,
            # and must not stop the reading of others.
            plain = _unpacked(_binary(source, self._open), self.source, self._open)
            text = io.TextIOWrapper(plain, encoding=encoding, newline="", errors="surrogateescape")
            # Detached at the end, since it would otherwise close standard input, which is not ours.
            self._open.callback(text.detach)
        except LookupError as error:
            self._open.close()
            fix = say("give one such as 'utf-8' or 'iso-8859-1'", "type one such as utf-8 or iso-8859-1")
            raise UsageError(f"{named('encoding', encoding)} is unknown", fix=fix) from error
        except OSError as error:
            self._open.close()
            problem = f"cannot be read: {error.strerror or error}"
            raise DataError(problem, file=self.source, fix="give the path of a CSV file") from error
        except BaseException:
            self._open.close()
            raise
        self._rows = csv.reader(text, delimiter=separator, strict=True)
        self._first: list[str] | None = None
        self._named = False

    def __enter__(self) -> CsvReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def names(self, header: bool) -> list[str]:
        """Return the names of the columns: the first line, or 1, 2, 3 … where there is no `header`.

        A column without a name is called by an empty text; those at the end are left out and counted in `trailing`.

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
        names = [name if name.strip() else "" for name in first]
        while names and not names[-1]:
            names.pop()
            self.trailing += 1
        if not names:
            fix = say("pass header=False if the first line holds data", "type --no-header if the first line holds data")
            raise DataError("has a header without any name", file=self.source, fix=fix)
        twice = next((name for name, times in Counter(names).items() if name and times > 1), None)
        if twice is not None:
            raise DataError("is in the header twice", file=self.source, column=twice, fix="rename one of the two")
        for name in names:
            with self.locate_errors():
                check_encoding(name, name)
        return names

    def batches(self, size: int) -> Iterator[list[tuple[list[str], int]]]:
        """Yield the rows that are not blank with their lines, `size` at a time; read them inside of `locate_errors`.

        While the caller has a batch, `row` is that of the last row before it.
        """
        first = [] if self._first is None else [(self._first, self._rows.line_num)]
        # The lines come from C code too: a microsecond a row is a second a million rows.
        numbered = zip(self._rows, map(attrgetter("line_num"), repeat(self._rows)), strict=False)
        numbered = filter(itemgetter(0), chain(first, numbered))
        error: Exception | None = None
        while error is None:
            batch: list[tuple[list[str], int]] = []
            try:
                batch.extend(islice(numbered, size))
            except _UNREADABLE as found:
                error = found  # the rows before it come first
            if batch:
                yield batch
            elif error is None:
                return
            self.row += len(batch)
        raise error

    def locate(self, row: int, line: int) -> None:
        """Let errors name a `row`, counted from 0, and the `line` at which it ends."""
        self.row, self._line = row, line

    def rest(self, position: int) -> Iterator[str]:
        """Yield the cells at a `position` of all rows that were not read yet."""
        with contextlib.suppress(*_UNREADABLE):
            for row in self._rows:
                if len(row) > position:
                    yield row[position]

    def _next(self) -> list[str] | None:
        """Return the first line that is not blank."""
        with self.locate_errors():
            return next(filter(None, self._rows), None)

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
        except _UNREADABLE as error:
            self.row += self._named
            fix = "fetch or save the file again: it is damaged or cut off"
            raise self._located(DataError(f"cannot be read any further: {error}", fix=fix)) from error

    def _located(self, error: DataError) -> DataError:
        if error.file is not None:
            return error
        problem = error.problem.removeprefix(f"column {error.column}: ")
        return DataError(
            f"{problem} (line {self._rows.line_num if self._line is None else self._line})",
            file=self.source,
            column=error.column,
            row=self.row if self.row >= 0 else None,
            fix=error.fix,
        )


#: What is raised while a file is read that ends too early, or whose compressed bytes are damaged.
_UNREADABLE = (csv.Error, UnicodeError, OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def _binary(source: str | os.PathLike[str], stack: contextlib.ExitStack) -> IO[bytes]:
    if os.fspath(source) == STANDARD:
        return sys.stdin.buffer  # not closed: it is not ours
    return stack.enter_context(Path(source).open("rb"))


def _unpacked(file: IO[bytes], name: str, stack: contextlib.ExitStack) -> IO[bytes]:
    """Return the file itself, or what is compressed in it, whatever it is called."""
    start = file.peek(8)[:8]  # reads nothing away, so that a pipe can be looked at too
    for magic, (problem, fix) in _OTHERS.items():
        if start.startswith(magic):
            raise DataError(f"{problem}, not CSV", file=name, fix=fix)
    if start.startswith(b"\x1f\x8b"):
        return stack.enter_context(gzip.GzipFile(fileobj=file))
    if start.startswith(b"BZh"):
        return stack.enter_context(bz2.BZ2File(file))
    if start.startswith(b"\xfd7zXZ"):
        return stack.enter_context(lzma.LZMAFile(file))
    if start.startswith(b"PK\x03\x04"):
        return _zipped(file, name, stack)
    return file


def _zipped(file: IO[bytes], name: str, stack: contextlib.ExitStack) -> IO[bytes]:
    """Return the only file of an archive."""
    if not file.seekable():
        raise DataError("is a zip archive", file=name, fix="unpack it first: a pipe cannot be searched for its file")
    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
        members = [member for member in archive.namelist() if not member.endswith("/")]
        if len(members) == 1:
            return stack.enter_context(archive.open(members[0]))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataError(f"is a zip archive that cannot be read: {error}", file=name, fix="unpack it first") from error
    if any(member.startswith("xl/") for member in members):
        raise DataError("is an Excel file, not CSV", file=name, fix="save the sheet as CSV")
    raise DataError(
        f"is a zip archive of {counted(len(members), 'file')}", file=name, fix="unpack it, and name one CSV file"
    )
