"""Convert a CSV file or a table to Vowpal Wabbit's text, with each problem reported by line and column.

`csv2vw` reads and writes line by line, so a file of any size needs the same few megabytes; it loads neither pandas nor
NumPy. A line of VW's text is ``label importance 'tag |namespace name:3.5 name=text``.
"""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.errors import DataError, UsageError
from course_utils.model.vowpal.labels import KINDS, UNLABELLED, LabelMap
from course_utils.model.vowpal.plan import Choice, LinePlan
from course_utils.model.vowpal.reading import CsvReader
from course_utils.model.vowpal.wording import named, say
from course_utils.model.vowpal.writing import Sink, check_target, open_sink
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Examples", "Written", "csv2vw", "from_frame"]

_CELLS, _ROWS = 4_000, 250  # most that are converted and written at a time: more need more memory, and fewer time
_CANCELLED = frozenset({"1", "1.0", "1.00", "YES", "Yes", "yes", "True", "true", "TRUE"})  # how files mark a flight


@dataclass(frozen=True, repr=False)
class Written:
    """What `csv2vw` wrote.

    Attributes
    ----------
    examples : int
        Lines written.
    features : int
        Features in them, as VW counts them, without the constant that VW adds to every example.
    skipped : int
        Rows left out because they have no label.
    columns : tuple of str
        The columns that features were made of.
    labels : dict of str to str
        VW's label for each label of the file.
    cancelled : int
        Labelled rows of flights that were cancelled, where the file has a column Cancelled.
    """

    examples: int
    features: int
    skipped: int
    columns: tuple[str, ...]
    labels: dict[str, str]
    cancelled: int = 0

    def __repr__(self) -> str:
        skipped = f", {counted(self.skipped, 'row')} without a label left out" if self.skipped else ""
        features = f"{counted(self.features, 'feature')} of {counted(len(self.columns), 'column')}"
        return f"{counted(self.examples, 'example')}, {features}{skipped}"


def csv2vw(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    label: str | int,
    labels: Mapping[str, float | None] | None = None,
    kind: str = "binary",
    columns: Sequence[str] | None = None,
    all_columns: bool = False,
    horizon: float | None = None,
    text: Iterable[str] = (),
    namespaces: Mapping[str, Sequence[str]] | None = None,
    importance: str | None = None,
    tag: str | None = None,
    unlabelled: str = "refuse",
    header: bool = True,
    separator: str | None = None,
    encoding: str = "utf-8-sig",
) -> Written:
    """Convert a CSV file to VW's text; the target is replaced only when the whole file was converted.

    A target that is no file, such as a pipe, gets the lines as they come. Where the file has a column Cancelled, a
    warning counts the cancelled flights that have a label.

    Parameters
    ----------
    source, target : path
        The CSV file to read, compressed or not, and the file to write; ``-`` is standard input or output.
    label : str or int
        The label's column: its name, or its position, counted from 0 or, if negative, from the end.
    labels : mapping of str to number, optional
        VW's label for each label of the file, such as ``{"YES": 1, "NO": -1}``; None makes a row unlabelled. Default:
        the labels are −1 and 1 already.
    kind : {'binary', 'classes', 'number'}
        What a label is, see `KINDS`.
    columns : sequence of str, optional
        The columns to make features of; default: those that the dictionary admits. One that it forbids is refused.
    all_columns : bool
        Use every column but the label, even those that hold the answer, as the deck's file does.
    horizon : float, optional
        Hours before departure at which a column must be known; default ``horizon_hours`` of constants.toml.
    text : iterable of str
        Columns to read as text although they look like numbers. What the dictionary calls text is always text.
    namespaces : mapping of str to sequence of str, optional
        The columns of each of VW's namespaces; default one namespace, ``f``, for all.
    importance, tag : str, optional
        Columns that hold each example's weight and name; default: neither is written.
    unlabelled : {'refuse', 'skip', 'keep'}
        What to do with a row whose label is missing; VW predicts those kept, and learns nothing from them.
    header : bool
        Whether the first line names the columns; without one they are called 1, 2, 3 …
    separator : str, optional
        One character; default: a tab in a file called .tsv or .tab, a comma in others.
    encoding : str
        The encoding of `source`; the target is always UTF-8.

    Returns
    -------
    Written

    Raises
    ------
    UsageError
        An option cannot be used, or names a column that the file does not have.
    DataError
        The file cannot be read, or a row has a fault: the message names its line and column.

    See Also
    --------
    from_frame : the same for a DataFrame.
    """
    _check_choice("kind", kind, KINDS)
    _check_choice("unlabelled", unlabelled, UNLABELLED)
    check_target(source, target)
    separator = _separator(source) if separator is None else separator
    if len(separator) != 1 or separator in '"\r\n':
        fix = say("give one character, such as ';' or '\\t'", "type one character, such as ';', or tab")
        raise UsageError(f"{named('separator', separator)} cannot separate", fix=fix)
    choice = Choice(columns, all_columns, horizon, _names("text", text), namespaces, importance, tag)
    with CsvReader(source, separator, encoding) as reader:
        plan = LinePlan.make(reader.names(header), label, LabelMap(kind, labels, unlabelled), choice, header=header)
        with open_sink(target) as sink:
            written = _write(reader, plan, sink)
    if written.cancelled:
        skip = say("unlabelled='skip'", "--unlabelled skip")
        warnings.warn(
            f"{written.cancelled:,} of {counted(written.examples, 'labelled row')} are cancelled flights (column "
            f"{plan.names[plan.cancelled]}): they never left, so their label says nothing about a delay. Fix: empty "
            f"the label of these rows, and leave them out with {skip}.",
            stacklevel=2,
        )
    return written


def _check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise UsageError(f"{named(option, value)} is unknown", fix=f"choose one of {', '.join(choices)}")


def _separator(source: str | os.PathLike[str]) -> str:
    """Return the separator that a file's name promises, whether the file is compressed or not."""
    suffixes = [suffix.lower() for suffix in Path(source).suffixes[-2:]]
    return "\t" if {".tsv", ".tab"} & set(suffixes) else ","


def _names(option: str, given: Iterable[str]) -> frozenset[str]:
    if isinstance(given, str):
        raise UsageError(f"{option}={given!r} is one text", fix=f"give a list of columns: {option}=[{given!r}]")
    return frozenset(given)


def _write(reader: CsvReader, plan: LinePlan, sink: Sink) -> Written:
    """Write the examples, some rows at a time."""
    rows, spaces, skipped, cancelled = 0, 0, 0, 0
    convert = _Converter(plan, reader.trailing)
    with reader.locate_errors():
        for batch in reader.batches(min(_ROWS, max(1, _CELLS // convert.width))):
            try:
                found, marked = convert(batch)
            except (DataError, _MisshapenError):
                _raise_located(reader, convert, batch)
                raise
            rows += len(found)
            cancelled += marked
            skipped += len(batch) - len(found)
            text = "\n".join([*found, ""])
            # Counting blanks of a batch costs far less than counting features row by row; cells have none left.
            spaces += text.count(" ")
            sink.write(text)
    if not rows:
        raise DataError("has no row with a label", file=reader.source, fix="send at least one row")
    return Written(rows, spaces - rows * plan.spaces, skipped, plan.columns, dict(plan.labels.map), cancelled)


class _Converter:
    """Turn batches of rows into lines, column by column: Python's C code then does nearly all of the work."""

    def __init__(self, plan: LinePlan, trailing: int) -> None:
        self.plan, self.named, self.width = plan, plan.width, plan.width + trailing
        self._label = plan.label.texts.__getitem__
        self._parts = [(part.position, part.texts.__getitem__) for part in plan.parts]

    def __call__(self, batch: list[tuple[list[str], int]]) -> tuple[list[str], int]:
        """Return the lines of the rows that have a label or are kept without, and how many labelled are cancelled.

        Raises
        ------
        DataError, _MisshapenError
            A row has a fault; which one is not said.
        """
        rows = [row for row, _ in batch]
        if set(map(len, rows)) != {self.width}:
            raise _MisshapenError
        columns = list(zip(*rows, strict=True))
        if any(map(any, columns[self.named :])):
            raise _MisshapenError
        labels = list(map(self._label, columns[self.plan.label.position]))
        if self.plan.labels.unlabelled == "skip" and not all(labels):
            columns = list(zip(*compress(rows, labels), strict=True))
            if not columns:
                return [], 0
            labels = list(filter(None, labels))
        marked = 0
        if self.plan.cancelled is not None:
            marked = sum(compress(map(_CANCELLED.__contains__, columns[self.plan.cancelled]), labels))
        texts = [map(text, columns[position]) for position, text in self._parts]
        return list(map("".join, zip(*texts, strict=True))), marked


class _MisshapenError(Exception):
    """Some row of a batch has other cells than the header has names."""


def _raise_located(reader: CsvReader, convert: _Converter, batch: list[tuple[list[str], int]]) -> None:
    """Convert the rows of a batch with a fault one by one, so that the error knows its row and line."""
    labels, position = convert.plan.labels, convert.plan.label.position
    for place, (row, line) in enumerate(batch):
        reader.locate(reader.row + 1, line)
        following = [row[position] for row, _ in batch[place + 1 :] if len(row) > position]
        labels.ahead = lambda following=following: chain(following, reader.rest(position))
        if len(row) != convert.width or any(row[convert.named :]):
            raise _misshapen(row, convert.named, convert.width)
        convert([(row, line)])


def _misshapen(row: list[str], named: int, width: int) -> DataError:
    fix = "look for a separator inside a cell, which needs quotes around it, or for a line cut in two"
    if len(row) != width:
        return DataError(f"has {counted(len(row), 'cell')}, but there are {counted(width, 'column')}", fix=fix)
    return DataError(
        f"has {next(filter(None, row[named:]))!r} in a column that has no name in the header",
        fix=f"name every column in the header, or {fix}",
    )


# --------------------------------------------------------------------------- a table in memory


@dataclass(frozen=True, repr=False)
class Examples:
    """A table as VW reads it.

    Attributes
    ----------
    lines : list of str
        VW's text.
    written : Written
        How many examples and features there are, and what the labels became.
    """

    lines: list[str]
    written: Written

    def __repr__(self) -> str:
        return repr(self.written)


def from_frame(frame: pd.DataFrame, **options: Any) -> Examples:
    """Convert a table to VW's text in the same way as any delivery: as a CSV file, by `csv2vw`.

    Parameters
    ----------
    frame : DataFrame
        One row for each example, in columns that are named by text; numbers are written exactly.
    **options
        As for `csv2vw`: label, labels, columns and others; not those of a file: header, separator and encoding.

    Raises
    ------
    UsageError, DataError
        As `csv2vw` does; or the frame is not a table with named columns.

    Examples
    --------
    >>> task = {"label": "IsDepDelayed", "labels": {"YES": 1, "NO": -1}, "unlabelled": "skip"}
    >>> examples = vowpal.from_frame(flights, columns=["UniqueCarrier", "Distance"], **task)
    >>> examples
    2,976 examples, 5,952 features of 2 columns, 24 rows without a label left out
    >>> examples.lines[0]
    '-1 |f UniqueCarrier=UA Distance:1400'
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"a {type(frame).__name__} is not a table", fix="give a DataFrame, such as frame[['Dest']]")
    strange = next((name for name in frame.columns if not isinstance(name, str)), None)
    if strange is not None:
        raise DataError(f"the column {strange!r} is not named by text", fix="rename it: frame.rename(columns=str)")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError("is in the table twice", column=twice, fix="rename one of the two")
    if own := next((name for name in ("header", "separator", "encoding") if name in options), None):
        raise UsageError(f"a DataFrame has no {own}", fix=f"leave out {own}=…")
    with tempfile.TemporaryDirectory(prefix="vw-") as folder:
        source, target = Path(folder) / "table.csv", Path(folder) / "table.vw"
        whole = {name: values.astype("Int64") for name, values in frame.items() if _whole(values)}
        # Surrogates, which cannot be encoded, are written as bytes and then refused with their place.
        frame.assign(**whole).to_csv(source, index=False, errors="surrogateescape")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", UserWarning)
                written = csv2vw(source, target, **options)
        except DataError as error:
            if error.file != source.name:
                raise
            # There is no file and no line that the caller knows of, only the row of the table.
            place = DataError("", file=error.file, column=error.column, row=error.row, fix="").problem
            problem = re.sub(r" \(line \d+\)$", "", error.problem.removeprefix(place))
            raise DataError(problem, column=error.column, row=error.row, fix=error.fix) from error
        for warning in caught:
            warnings.warn(str(warning.message), stacklevel=2)
        return Examples(target.read_text(encoding="utf-8").split("\n")[:-1], written)


def _whole(values: pd.Series) -> bool:
    """Return whether a column of floats holds only whole numbers, which are then written without '.0'."""
    from pandas.api.types import is_float_dtype

    if not is_float_dtype(values):
        return False
    known = values.dropna().to_numpy(dtype=float)  # in NumPy, since Arrow's columns know no remainder
    # Every whole number up to 2^53 is exact; infinity is not below it.
    return bool(known.size and (abs(known) < 2**53).all() and (known % 1 == 0).all())
