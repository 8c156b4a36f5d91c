"""Convert a CSV file or a table to Vowpal Wabbit's text, with each problem reported by line and column.

`csv2vw` reads and writes line by line, so a file of any size needs the same few megabytes; it loads neither pandas nor
NumPy. A line of VW's text is ``label importance 'tag |namespace name:3.5 name=text``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import getitem, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.errors import DataError, UsageError
from course_utils.model.vowpal.labels import KINDS, UNLABELLED, LabelMap
from course_utils.model.vowpal.plan import Choice, LinePlan
from course_utils.model.vowpal.reading import CsvReader
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Examples", "Written", "csv2vw", "from_frame"]

_CHUNK = 1_000  # lines joined into one text before they are written and counted


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
    """

    examples: int
    features: int
    skipped: int
    columns: tuple[str, ...]
    labels: dict[str, str]

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

    Parameters
    ----------
    source, target : path
        The CSV file to read, and the file to write.
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
    source, target = Path(source), Path(target)
    _check_choice("kind", kind, KINDS)
    _check_choice("unlabelled", unlabelled, UNLABELLED)
    _check_target(source, target)
    separator = separator or ("\t" if source.suffix.lower() in (".tsv", ".tab") else ",")
    if len(separator) != 1 or separator in '"\r\n':
        raise UsageError(f"separator={separator!r} cannot separate", fix="give one character, such as ';' or a tab")
    choice = Choice(columns, all_columns, horizon, frozenset(text), namespaces, importance, tag)
    with CsvReader(source, separator, encoding) as reader:
        plan = LinePlan.make(reader.names(header), label, LabelMap(kind, labels, unlabelled), choice, header=header)
        # The process's own name, so that two conversions to one target do not mix their lines.
        scratch = target.with_name(f".{target.name}.{os.getpid()}.new")
        try:
            with scratch.open("w", encoding="utf-8", newline="\n") as out:
                written = _write(reader, plan, out)
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)
    return written


def _check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise UsageError(f"{option}={value!r} is unknown", fix=f"choose one of {', '.join(choices)}")


def _check_target(source: Path, target: Path) -> None:
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder for {target.name}", fix=f"create the folder {target.parent} first")
    if target.is_dir():
        raise UsageError(f"{target.name} is a folder", fix="name a file to write")
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target.name} is both input and output", fix="name another file to write")


def _write(reader: CsvReader, plan: LinePlan, out: Any) -> Written:
    """Write the examples, a chunk of lines at a time."""
    rows, skipped, spaces = 0, [0], 0
    lines = _lines(reader, plan, skipped)
    # Around the loop and not around each row: a microsecond a row is a second a million rows.
    with reader.locate_errors():
        while chunk := "".join(islice(lines, _CHUNK)):
            out.write(chunk)
            rows += chunk.count("\n")
            # Counting blanks of a chunk costs far less than counting features row by row; cells have none left.
            spaces += chunk.count(" ")
    if not rows:
        raise DataError("has no row with a label", file=reader.source, fix="send at least one row")
    return Written(rows, spaces - rows * plan.spaces, skipped[0], plan.columns, dict(plan.labels.map))


def _lines(reader: CsvReader, plan: LinePlan, skipped: list[int]) -> Iterator[str]:
    """Yield each row's line: the texts of its cells, looked up and joined."""
    positions, texts = zip(*plan.parts, strict=True)
    pick = itemgetter(*positions) if len(positions) > 1 else lambda row: (row[positions[0]],)
    position, label = plan.label
    skip_unlabelled = plan.labels.unlabelled == "skip"
    width = plan.width
    # The reader's own counter is the loop variable: an error in any cell then knows its row at no cost.
    for reader.row, row in enumerate(reader):  # noqa: B020
        if len(row) != width:
            raise DataError(
                f"has {counted(len(row), 'cell')}, but there are {counted(width, 'column')}",
                fix="look for a separator inside a cell, which needs quotes around it, or for a line cut in two",
            )
        if skip_unlabelled and not label[row[position]]:
            skipped[0] += 1
            continue
        yield "".join(map(getitem, texts, pick(row))) + "\n"


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
        One row for each example; numbers are written with up to six digits.
    **options
        As for `csv2vw`: label, labels, columns and others.

    Raises
    ------
    UsageError, DataError
        As `csv2vw` does.

    Examples
    --------
    >>> task = {"label": "IsDepDelayed", "labels": {"YES": 1, "NO": -1}, "unlabelled": "skip"}
    >>> examples = vowpal.from_frame(flights, columns=["UniqueCarrier", "Distance"], **task)
    >>> examples
    2,976 examples, 5,952 features of 2 columns, 24 rows without a label left out
    >>> examples.lines[0]
    '-1 |f UniqueCarrier=UA Distance:1400'
    """
    with tempfile.TemporaryDirectory(prefix="vw-") as folder:
        source, target = Path(folder) / "table.csv", Path(folder) / "table.vw"
        frame.to_csv(source, index=False, float_format="%.6g")
        written = csv2vw(source, target, **options)
        return Examples(target.read_text(encoding="utf-8").split("\n")[:-1], written)
