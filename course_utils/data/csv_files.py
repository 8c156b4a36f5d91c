"""Read a CSV file of flights, and say exactly where it is cut off, torn or in another format.

`pandas.read_csv` guesses its way through a damaged file; this reader refuses it, with the row and the fix.
`datasets` uses it for `read_flights` and for data sets that come as CSV in the course's own columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from course_utils.data import dictionary
from course_utils.errors import DataError, UsageError
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["parse"]


def parse(content: bytes, name: str, encoding: str = "utf-8") -> pd.DataFrame:
    """Return the flights of a CSV file with the 31 columns of the dictionary, not validated yet.

    Parameters
    ----------
    content : bytes
        The whole file: comma-separated, with a header; missing values are ``NA`` or empty.
    name : str
        The name of the file, which error messages name.
    encoding : str
        How letters are stored, such as ``'iso-8859-1'``.

    Returns
    -------
    DataFrame
        Rows and columns in the order of the file. Texts are categories; numbers are int64 where the dictionary says
        'integer' and no value is missing, else float64. A column of numbers that holds a text stays text, so that
        `dictionary.validate` can name the row.

    Raises
    ------
    DataError
        The file is empty, cut off, torn, or in another format or encoding, or its columns are not the dictionary's.
    UsageError
        There is no such encoding.

    Examples
    --------
    >>> csv_files.parse(flights.head(2).to_csv(index=False).encode(), "mine.csv").shape
    (2, 31)
    """
    header, rows = _split(_decoded(content, name, encoding), name)
    return _typed(header, rows)


def _decoded(content: bytes, name: str, encoding: str) -> str:
    if not content.strip():
        raise DataError("is empty", file=name, fix="get the file again")
    # UTF-16 would otherwise decode as ISO-8859-1 without an error, with a null byte beside every letter.
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:1000]:
        raise DataError(
            f"is not stored as {encoding}: it looks like UTF-16", file=name, fix=f"store the file as {encoding}"
        )
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError as error:
        raise UsageError(f"there is no encoding {encoding!r}", fix="pass one such as 'utf-8'") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"is not stored as {encoding}: byte {error.start:,} is {content[error.start]:#04x}",
            file=name,
            row=content.count(b"\n", 0, error.start) - 1,
            fix=f"store the file as {encoding}, or pass its encoding",
        ) from error


def _split(text: str, name: str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the fields of each row, all of the same number."""
    lines = _lines(text, name)
    header = next(lines)
    if len(header) == 1:
        separator = next((mark for mark in (";", "\t", "|") if mark in header[0]), None)
        if separator:
            raise DataError(
                f"columns are separated by {separator!r}, not by commas", file=name, fix="export it with commas"
            )
    dictionary.check_columns(header, file=name)
    rows = [line for line in lines if line]
    for row, line in enumerate(rows):
        if len(line) != len(header):
            last = row == len(rows) - 1
            problem = "the file is cut off: its last row has" if last and len(line) < len(header) else "the row has"
            raise DataError(
                f"{problem} {counted(len(line), 'field')} instead of {len(header)}",
                file=name,
                row=row,
                fix="ask for the whole file" if last else "fix the row",
            )
    # A file that is cut off inside its last field has the right number of fields, so only the line end gives it away.
    if rows and not text.endswith("\n"):
        raise DataError(
            "the file is cut off: its last row has no line end",
            file=name,
            row=len(rows) - 1,
            fix="ask for the whole file; if it is whole, end it with a line end",
        )
    return header, rows


def _lines(text: str, name: str) -> Iterator[list[str]]:
    """Yield the fields of each line; refuse a quote that never ends and lines that end in a lone carriage return."""
    if "\r" in text and "\n" not in text:
        raise DataError(
            "its lines end in a carriage return only, as on old Macs",
            file=name,
            fix="save it with line feeds, such as with `tr '\\r' '\\n'`",
        )
    # Strict: a quote inside a field, or one that is never closed, would swallow the rows after it.
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    row = -1  # the header
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"cannot be split into fields ({error})",
                file=name,
                row=max(row, 0),
                fix="remove the stray quotation mark, or the null byte, from this row or the ones after it",
            ) from error
        yield line
        row += bool(line)


def _typed(header: list[str], rows: list[list[str]]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    table = pd.DataFrame(rows, columns=header, dtype=object)
    table = table.mask(table.isin(["NA", ""]))
    for column, kind in dictionary.load()["type"].items():
        if kind == "text":
            table[column] = table[column].astype("category")
            continue
        numbers = pd.to_numeric(table[column], errors="coerce")
        if numbers.isna().sum() == table[column].isna().sum():
            whole = kind == "integer" and not numbers.isna().any() and bool((np.mod(numbers, 1) == 0).all())
            table[column] = numbers.astype("int64" if whole else "float64")
    return table
