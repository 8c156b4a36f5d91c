"""From a CSV file to Vowpal Wabbit's text, and from that text to a learner: the real ``vw``, asked from Python.

VW reads whatever it is given and hardly ever complains: a missing value becomes a 1, a label that is no number a 0. So
`csv2vw` decides what each cell means before VW sees it, and refuses what it cannot tell, with line and column. It reads
and writes line by line, so that a file of any size needs the same few megabytes.

A line of VW's text is ``label importance 'tag |namespace name:3.5 name=text``; ``name=text`` is a feature of weight 1.
"""

from __future__ import annotations

import contextlib
import csv
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import getitem, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

from course_utils import tables
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "KINDS",
    "MISSING",
    "UNLABELLED",
    "Examples",
    "Run",
    "Written",
    "collisions",
    "csv2vw",
    "deck_run",
    "escape",
    "format_feature",
    "from_frame",
    "parse_with_vw",
    "run",
    "vocabulary",
]

#: What a label may be: −1 or 1, a class counted from 1 in order of appearance (``vw --oaa``), or any number.
KINDS = ("binary", "classes", "number")
#: What to do with a row whose label is missing.
UNLABELLED = ("refuse", "skip", "keep")
#: How files write that a number is missing. In columns of text only an empty cell is missing: NA is Namibia, too.
MISSING = frozenset({"", "NA", "NaN", "nan", "null", "NULL", "None"})

# VW cuts its lines at these, its Python package strips white space of any kind from them; '%' goes with them, so that
# nothing is written in two ways.
_SPECIAL = re.compile(r"[\s\x00-\x20:|%\x7f]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LARGEST = 3e38  # VW keeps single precision: beyond it a number is infinite, and poisons every weight
_SMALLEST = 1e-30  # below it a number is nothing: VW's own reading of powers of ten runs out
_KEPT = 40_000  # texts kept: what repeats is made once, and memory stays bounded
_LONGEST = 100  # characters of a cell that is worth keeping
_CHUNK = 1_000  # lines written at a time
_CLASSES = 1_000  # a column with more different values is no label


# --------------------------------------------------------------------------- cells to text


def escape(text: str) -> str:
    """Write a text so that VW reads all of it as one word: what it would cut at becomes ``%`` and digits.

    Parameters
    ----------
    text : str
        Two different texts stay different; ``urllib.parse.unquote`` gives the text back.
    """
    return _SPECIAL.sub(lambda found: quote(found[0], safe=""), text)


def format_feature(name: str, cell: str, kind: str = "guess") -> str:
    """Write one cell as VW's text.

    Parameters
    ----------
    name : str
        Of the column.
    cell : str
        As it stands in the file.
    kind : {'guess', 'number', 'text'}
        What the column holds; to guess is to take what looks like a number as one, cell by cell, as the deck does.

    Returns
    -------
    str
        ``name:3.5``, ``name=text``, ``name=`` where the value is missing, and nothing for a zero, which says nothing to
        a linear model, and which VW drops.

    Raises
    ------
    DataError
        The cell is infinite, or no number where one belongs.
    """
    # An '=' in a name would end it early: a=b with value c is not a with value b=c.
    title = escape(name).replace("=", "%3D")
    if kind != "text":
        if cell.strip() in MISSING:
            return f"{title}="
        if _NUMBER.fullmatch(cell.strip()):
            return _number(title, cell.strip())
        if kind == "number" or re.fullmatch(r"[+-]?inf(inity)?", cell.strip(), re.IGNORECASE):
            raise DataError(
                f"holds {cell!r} where a number belongs",
                column=name,
                fix="correct it, leave it empty where it is missing, or name the column as text",
            )
    if not cell.isascii():
        _encodable(name, cell)
    return f"{title}={escape(cell)}"


def _number(title: str, cell: str) -> str:
    value = abs(float(cell))
    if value > _LARGEST:
        raise DataError(
            f"holds {cell}, which is infinite to VW", column=unquote(title), fix="correct it or leave it empty"
        )
    if value < _SMALLEST:
        return ""
    # VW loses its way in long rows of digits; nine are all that single precision holds.
    return f"{title}:{cell if len(cell) <= 15 else format(float(cell), '.9g')}"


def _encodable(name: str, cell: str) -> None:
    """Refuse what was read with the wrong encoding: bytes that are no characters were smuggled in as surrogates."""
    try:
        cell.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"holds bytes that are no text in this encoding: {cell[:40]!r}",
            column=name,
            fix="name the file's encoding, such as iso-8859-1",
        ) from error


class _CacheBudget:
    """How many texts may be kept for all columns together: memory stays bounded, whichever column has many values."""

    def __init__(self) -> None:
        self.left = _KEPT
        self.members: list[_Texts] = []

    def take(self) -> None:
        """Take one place; when there is none left, everything is forgotten and made again as it comes."""
        if not self.left:
            for texts in self.members:
                texts.clear()
            self.left = _KEPT
        self.left -= 1


class _Texts(dict[str, str]):
    """The text of each cell of a column, made once as long as there is room.

    Parameters
    ----------
    make : callable
        From cell to text.
    room : _Room
        Shared by all columns.
    """

    def __init__(self, make: Callable[[str], str], room: _CacheBudget) -> None:
        super().__init__()
        self.make, self.room = make, room
        room.members.append(self)

    def __missing__(self, cell: str) -> str:
        text = self.make(cell)
        if len(cell) <= _LONGEST:
            self.room.take()
            self[cell] = text
        return text


# --------------------------------------------------------------------------- a file to a file


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
        What VW sees for each label of the file.
    """

    examples: int
    features: int
    skipped: int
    columns: tuple[str, ...]
    labels: dict[str, str]

    def __repr__(self) -> str:
        skipped = f", {self.skipped:,} rows without a label left out" if self.skipped else ""
        return f"{self.examples:,} examples, {self.features:,} features of {len(self.columns)} columns{skipped}"


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
    """Turn a CSV file into VW's text, whole or not at all.

    Parameters
    ----------
    source, target : path
        The CSV file, and the file to write.
    label : str or int
        The label's column: its name, or its place, counted from 0 or, if negative, from the end.
    labels : mapping of str to number, optional
        What VW gets for each label of the file, such as ``{"YES": 1, "NO": -1}``, where None makes a row one without
        label; default: labels are −1 and 1 already.
    kind : {'binary', 'classes', 'number'}
        What a label is, see `KINDS`.
    columns : sequence of str, optional
        What to make features of; default: the columns that the dictionary admits. One that it forbids is refused.
    all_columns : bool
        Take every column but the label, those that hold the answer too, as the deck's file does.
    horizon : float, optional
        Hours before departure at which a column must be known; default ``horizon_hours`` of constants.toml.
    text : iterable of str
        Columns to be read as text though they look like numbers. What the dictionary calls text is text anyway.
    namespaces : mapping of str to sequence of str, optional
        The columns of each of VW's namespaces; default one namespace, ``f``, for all.
    importance, tag : str, optional
        Columns that hold each example's weight and name.
    unlabelled : {'refuse', 'skip', 'keep'}
        What to do with a row whose label is missing; VW predicts those kept, and learns nothing from them.
    header : bool
        Whether the first line names the columns; without one they are called 1, 2, 3 …
    separator : str, optional
        Default: a tab in a file called .tsv, a comma in others.
    encoding : str
        Of `source`; the text is written as UTF-8.

    Returns
    -------
    Written

    Raises
    ------
    UsageError
        An option cannot be used, or names a column that the file does not have.
    DataError
        The file cannot be read, or a row is not as it should be: the message names its line and column.
    """
    source, target = Path(source), Path(target)
    _known("kind", kind, KINDS)
    _known("unlabelled", unlabelled, UNLABELLED)
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder for {target.name}", fix="make the folder first")
    if target.is_dir() or (target.exists() and source.exists() and target.samefile(source)):
        raise UsageError(f"{target.name} cannot be written", fix="name another file")
    separator = separator or ("\t" if source.suffix.lower() in (".tsv", ".tab") else ",")
    if len(separator) != 1 or separator in '"\r\n':
        raise UsageError(f"separator={separator!r} cannot separate", fix="give one character, such as ';' or a tab")
    reader = _Reader(source, separator, encoding)
    with reader:
        plan = _Plan.make(
            names=reader.names(header),
            label=label,
            header=header,
            labels=_Labels(kind, labels, unlabelled),
            chosen=(columns, all_columns, horizon),
            text=frozenset(text),
            namespaces=namespaces,
            extra=(importance, tag),
        )
        scratch = target.with_name(f".{target.name}.{os.getpid()}.new")
        try:
            with scratch.open("w", encoding="utf-8", newline="\n") as out:
                written = _write(reader, plan, out)
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)
    return written


@dataclass(frozen=True, repr=False)
class Examples:
    """A table as VW reads it.

    Attributes
    ----------
    lines : list of str
        VW's text.
    written : Written
        What there is of it.
    """

    lines: list[str]
    written: Written

    def __repr__(self) -> str:
        return repr(self.written)


def from_frame(frame: pd.DataFrame, **options: Any) -> Examples:
    """Turn a table into VW's text on the road of any delivery: as a CSV file, through `csv2vw`.

    Parameters
    ----------
    frame : DataFrame
        One row an example; numbers are written with up to six digits.
    **options
        As for `csv2vw`.

    Raises
    ------
    UsageError, DataError
        As `csv2vw` does.
    """
    with tempfile.TemporaryDirectory(prefix="vw-") as folder:
        given, made = Path(folder) / "table.csv", Path(folder) / "table.vw"
        frame.to_csv(given, index=False, float_format="%.6g")
        written = csv2vw(given, made, **options)
        return Examples(made.read_text(encoding="utf-8").split("\n")[:-1], written)


def _known(option: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise UsageError(f"{option}={value!r} is unknown", fix=f"choose one of {', '.join(choices)}")


class _Reader:
    """A CSV file, row by row; whatever is wrong with it is told with its row and line.

    Parameters
    ----------
    source : Path
    separator : str
        One character.
    encoding : str
    """

    def __init__(self, source: Path, separator: str, encoding: str) -> None:
        self.source = source
        self.row = -1  # the data row being read, counted from 0
        try:
            # Bytes that are no text are told when a column that matters holds them; they may not stop the reading.
            self._file = source.open(encoding=encoding, newline="", errors="surrogateescape")
        except LookupError as error:
            raise UsageError(f"encoding={encoding!r} is unknown", fix="name one such as utf-8, iso-8859-1") from error
        except OSError as error:
            raise DataError(
                f"cannot be read: {error.strerror}", file=source, fix="name a CSV file that is there"
            ) from error
        self._rows = csv.reader(self._file, delimiter=separator, strict=True)
        self._first: list[str] | None = None
        self._named = False

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def names(self, header: bool) -> list[str]:
        """Return the columns' names."""
        first = self._next()
        if not first:
            raise DataError("is empty", file=self.source, fix="send a file with a header and at least one row")
        self._named = True
        if not header:
            self._first = first
            return [str(number) for number in range(1, len(first) + 1)]
        twice = next((name for name in first if first.count(name) > 1), None)
        if twice is not None:
            raise DataError("stands in the header twice", file=self.source, column=twice, fix="give it another name")
        for name in first:
            with self.told():
                _encodable(name, name)
        return first

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the rows that are not blank; what goes wrong is to be told."""
        first = [] if self._first is None else [self._first]
        return filter(None, chain(first, self._rows))

    def _next(self) -> list[str] | None:
        with self.told():
            return next(self._rows, None)

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Add file, row and line to whatever is refused."""
        try:
            yield
        except (csv.Error, UnicodeError) as error:
            self.row += self._named  # it is the next row that cannot be read
            raise self.refusal(DataError(f"is no CSV: {error}", fix="look for a quote that is not closed")) from error
        except DataError as error:
            raise self.refusal(error) from error

    def refusal(self, error: DataError) -> DataError:
        """Return an error with file, row and line."""
        if error.file is not None:  # told already
            return error
        said = error.problem.removeprefix(f"column {error.column}: ")
        return DataError(
            f"{said} (line {self._rows.line_num})",
            file=self.source,
            column=error.column,
            row=self.row if self.row >= 0 else None,
            fix=error.fix,
        )


class _Labels:
    """From the labels of a file to those of VW.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    given : mapping of str to number or None, optional
        The user's map.
    unlabelled : str
        One of `UNLABELLED`.
    """

    def __init__(self, kind: str, given: Mapping[str, float | None] | None, unlabelled: str) -> None:
        self.kind, self.unlabelled = kind, unlabelled
        self.map: dict[str, str] = {}
        for value, seen in (given or {}).items():
            if seen is not None:
                self.map[str(value)] = self._checked(value, seen)
        self.none = {str(value) for value, seen in (given or {}).items() if seen is None}
        self.given = bool(given)
        if given and kind == "binary" and len(set(self.map.values())) < 2:
            raise UsageError("all labels mean the same", fix="map one value to 1 and another to -1")

    def _checked(self, value: str, seen: float) -> str:
        number = float(seen) if isinstance(seen, int | float) and not isinstance(seen, bool) else math.nan
        allowed = {
            "binary": number in (-1.0, 1.0),
            "classes": number >= 1 and number % 1 == 0,
            "number": abs(number) <= _LARGEST,
        }[self.kind]
        if not allowed:
            wanted = {"binary": "-1 or 1", "classes": "1, 2, 3 …", "number": "a finite number"}[self.kind]
            raise UsageError(f"the label {value!r} is mapped to {seen!r}", fix=f"map it to {wanted}")
        return f"{number:g}"

    def text(self, name: str, cell: str) -> str:
        """Return what VW sees for a cell of the label's column `name`."""
        if cell in self.map:
            return self.map[cell]
        if cell.strip() in MISSING or cell in self.none:
            if self.unlabelled == "refuse":
                raise DataError(
                    "has no label", column=name, fix="leave such rows out (unlabelled: skip) or let VW predict them"
                )
            return ""
        if self.given:
            raise DataError(
                f"holds {cell!r}, which the label map does not name ({', '.join(self.map)})",
                column=name,
                fix="correct the row, or give the value a label",
            )
        return self._unmapped(name, cell)

    def _unmapped(self, name: str, cell: str) -> str:
        _encodable(name, cell)
        if self.kind == "classes":
            if len(self.map) == _CLASSES:
                raise DataError(
                    f"holds more than {_CLASSES:,} different labels", column=name, fix="choose the label's column"
                )
            self.map[cell] = str(len(self.map) + 1)
            return self.map[cell]
        number = float(cell) if _NUMBER.fullmatch(cell.strip()) else math.nan
        if self.kind == "binary" and number not in (-1.0, 1.0):
            raise DataError(
                f"holds {cell!r}, which is neither -1 nor 1: VW would learn from it all the same",
                column=name,
                fix="map it to -1 or 1, or say that labels are classes or numbers",
            )
        if not abs(number) <= _LARGEST:
            raise DataError(f"holds {cell!r}, which is no number", column=name, fix="map it, or correct the row")
        if self.kind == "number":
            return cell.strip()
        self.map[cell] = f"{number:g}"
        return self.map[cell]


class _Piece(NamedTuple):
    """One stretch of a line: the place of its cell in the row, and its text for each cell."""

    place: int
    texts: _Texts


class _Plan(NamedTuple):
    """What a line is made of."""

    width: int
    label: _Piece
    pieces: list[_Piece]
    columns: tuple[str, ...]
    spaces: int  # in a line without features
    labels: _Labels

    @classmethod
    def make(
        cls,
        *,
        names: list[str],
        label: str | int,
        header: bool,
        labels: _Labels,
        chosen: tuple[Sequence[str] | None, bool, float | None],
        text: frozenset[str],
        namespaces: Mapping[str, Sequence[str]] | None,
        extra: tuple[str | None, str | None],
    ) -> _Plan:
        place = _label_place(label, names, header)
        importance, tag = extra
        if importance is not None and labels.unlabelled == "keep":
            # VW would take the weight of an example without a label for its label.
            raise UsageError("an example without a label cannot have a weight", fix="skip unlabelled rows")
        taken = {names[place], *(name for name in extra if name is not None)}
        _present([*text, *(name for name in extra if name is not None)], names)
        inputs = _chosen(names, taken, *chosen)
        spaces = _namespaces(namespaces, inputs, names, taken)
        kinds = _kinds(names, text, all_columns=chosen[1])
        room = _CacheBudget()
        pieces = [_Piece(place, _Texts(lambda cell: labels.text(names[place], cell), room))]
        if importance is not None:
            pieces.append(_Piece(names.index(importance), _Texts(lambda cell: _importance(importance, cell), room)))
        if tag is not None:
            pieces.append(_Piece(names.index(tag), _Texts(lambda cell: _tag(tag, cell), room)))
        for space, columns in spaces.items():
            lead = f" |{escape(space)}"
            for name in columns:
                pieces.append(_Piece(names.index(name), _Texts(_writer(name, kinds[name], lead), room)))
                lead = ""
        fixed = len(pieces) - sum(map(len, spaces.values())) - 1 + len(spaces)
        return cls(
            len(names), pieces[0], pieces, tuple(name for part in spaces.values() for name in part), fixed, labels
        )


def _label_place(label: str | int, names: list[str], header: bool) -> int:
    if header and label in names:
        return names.index(str(label))
    if isinstance(label, int) or re.fullmatch(r"-?\d+", label):
        place = int(label)
        if -len(names) <= place < len(names):
            return place % len(names)
        raise UsageError(
            f"there is no column {place} for the label: the file has {len(names)}",
            fix=f"count from 0 to {len(names) - 1}, or from the end with -1",
        )
    raise UsageError(f"there is no column {label!r} for the label", fix=f"choose from {_listed(names)}")


def _present(wanted: Iterable[str], names: list[str]) -> None:
    absent = next((name for name in wanted if name not in names), None)
    if absent is not None:
        raise UsageError(f"the file has no column {absent!r}", fix=f"choose from {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _chosen(
    names: list[str], taken: set[str], columns: Sequence[str] | None, all_columns: bool, horizon: float | None
) -> list[str]:
    """Return the columns to make features of, in the file's order unless the user gave another."""
    if all_columns:
        if columns is not None:
            raise UsageError("all columns are asked for, and some are named", fix="choose one of the two")
        return [name for name in names if name not in taken]
    from course_utils.data import dictionary

    hours = tables.read_toml("constants.toml")["horizon_hours"] if horizon is None else horizon
    admitted, known = dictionary.admissible(hours), dictionary.load()
    if columns is None:
        inputs = [name for name in names if name in admitted and name not in taken]
        if not inputs:
            raise UsageError(
                f"the dictionary admits none of these columns {hours:g} hours ahead",
                fix="name the columns to use, or take all of them (all_columns)",
            )
        return inputs
    _present(columns, names)
    wrong = next((name for name in columns if name in known.index and name not in admitted), None)
    if wrong is not None:
        raise UsageError(
            f"{wrong} may not be used {hours:g} hours ahead: {known.loc[wrong, 'why']}",
            fix="leave it out; all_columns takes it all the same",
        )
    both = next((name for name in columns if name in taken), None)
    if both is not None:
        raise UsageError(f"{both} cannot be an input too", fix="leave it out of the columns")
    return list(dict.fromkeys(columns))


def _kinds(names: list[str], text: frozenset[str], *, all_columns: bool) -> dict[str, str]:
    """Say what each column holds: what the user says, else the dictionary, else each cell is looked at."""
    kinds = dict.fromkeys(names, "guess")
    if not all_columns:
        from course_utils.data import dictionary

        types = dictionary.load()["type"]
        kinds |= {name: "text" if types[name] == "text" else "number" for name in names if name in types.index}
    return kinds | dict.fromkeys(text, "text")


def _namespaces(
    given: Mapping[str, Sequence[str]] | None, inputs: list[str], names: list[str], taken: set[str]
) -> dict[str, list[str]]:
    if given is None:
        return {"f": inputs}
    spaces = {str(space): [columns] if isinstance(columns, str) else list(columns) for space, columns in given.items()}
    if not spaces or not all(spaces) or not all(spaces.values()):
        raise UsageError("a namespace has no name or no columns", fix="give each a name and a list of columns")
    put = [name for columns in spaces.values() for name in columns]
    _present(put, names)
    twice = next((name for name in put if put.count(name) > 1 or name in taken), None)
    if twice is not None:
        raise UsageError(f"{twice} stands in two places", fix="put each column into one namespace, the label into none")
    absent = next((name for name in put if name not in inputs), None)
    if absent is not None:
        raise UsageError(f"{absent} is in a namespace, but not among the columns to use", fix="name it in columns too")
    homeless = next((name for name in inputs if name not in put), None)
    if homeless is not None:
        raise UsageError(f"{homeless} is in no namespace", fix="put it into one, or leave it out of the columns")
    return spaces


def _writer(name: str, kind: str, lead: str) -> Callable[[str], str]:
    def write(cell: str) -> str:
        text = format_feature(name, cell, kind)
        return f"{lead} {text}" if text else lead

    return write


def _importance(name: str, cell: str) -> str:
    value = float(cell) if _NUMBER.fullmatch(cell.strip()) else math.nan
    if not 0 <= value <= _LARGEST:
        raise DataError(f"holds {cell!r}, which is no weight", column=name, fix="give each row a number, 0 or more")
    return f" {value!r}"


def _tag(name: str, cell: str) -> str:
    _encodable(name, cell)
    return f" '{escape(cell)}"


def _write(reader: _Reader, plan: _Plan, out: Any) -> Written:
    """Write the examples, a chunk of lines at a time."""
    rows, skipped, spaces = 0, [0], 0
    lines = _lines(reader, plan, skipped)
    # Told here and not for each row: what costs a microsecond a row costs a second a million.
    with reader.told():
        while chunk := "".join(islice(lines, _CHUNK)):
            out.write(chunk)
            rows += chunk.count("\n")
            spaces += chunk.count(" ")
    if not rows:
        raise DataError("has no row with a label", file=reader.source, fix="send at least one row")
    return Written(rows, spaces - rows * plan.spaces, skipped[0], plan.columns, dict(plan.labels.map))


def _lines(reader: _Reader, plan: _Plan, skipped: list[int]) -> Iterator[str]:
    """Yield each row's line: the texts of its cells, looked up and joined."""
    places, texts = zip(*plan.pieces, strict=True)
    pick = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
    place, label = plan.label
    unwanted = plan.labels.unlabelled == "skip"
    width = plan.width
    for reader.row, row in enumerate(reader):  # noqa: B020
        if len(row) != width:
            raise DataError(
                f"has {len(row)} cells, and there are {width} columns",
                fix="look for a separator inside a cell, which must stand in quotes, or for a torn line",
            )
        if unwanted and not label[row[place]]:
            skipped[0] += 1
            continue
        yield "".join(map(getitem, texts, pick(row))) + "\n"


# --------------------------------------------------------------------------- what VW makes of it


def parse_with_vw(*lines: str) -> pd.DataFrame:
    """Say what VW's own parser reads in lines of text.

    Parameters
    ----------
    *lines : str
        Examples.

    Returns
    -------
    DataFrame, one row a line
        'label' (NaN: none), 'importance', 'tag', 'features' (how many) and 'values' (theirs, in order).
    """
    import pandas as pd
    from vowpalwabbit import Workspace

    rows = []
    with Workspace("--quiet --noconstant") as learner:
        for line in lines:
            example = learner.parse(line)
            label = example.get_simplelabel_label()
            rows.append(
                {
                    "label": math.nan if label > 1e38 else label,
                    "importance": example.get_simplelabel_weight(),
                    "tag": example.get_tag(),
                    "features": example.get_feature_number(),
                    "values": ", ".join(f"{value:g}" for _, value in example.iter_features()),
                }
            )
            learner.finish_example(example)
    return pd.DataFrame(rows, index=pd.Index(lines, name="line"))


@dataclass(frozen=True, repr=False)
class Run:
    """What came of one run of ``vw``.

    Attributes
    ----------
    options : str
        As given.
    examples, features : int
        As VW counts them; features with the constant of each example.
    loss : float
        VW's average loss: before it learns from an example, it predicts it.
    progress : DataFrame
        VW's own table: average loss after 1, 2, 4, 8 … examples.
    predictions : array of float, shape (examples,)
        One for each example, made before it was learnt from.
    weights : Series
        By readable name, largest first; empty unless asked for.
    model : bytes
        The learner, to go on with.
    """

    options: str
    examples: int
    features: int
    loss: float
    progress: pd.DataFrame
    predictions: np.ndarray
    weights: pd.Series
    model: bytes

    @property
    def probabilities(self) -> np.ndarray:
        """The predictions as probabilities of the label 1, where the run was one of logistic loss without a link."""
        import numpy as np

        return 1 / (1 + np.exp(-self.predictions))

    def __repr__(self) -> str:
        return f"{self.examples:,} examples, {self.features:,} features, average loss {self.loss:.3f}"


def run(
    examples: str | os.PathLike[str] | Sequence[str],
    options: str = "",
    *,
    start: Run | None = None,
    names: bool = False,
    guarded: bool = True,
) -> Run:
    """Let ``vw`` run once over examples, in a process of its own.

    Parameters
    ----------
    examples : path or sequence of str
        A file of VW's text, or its lines.
    options : str
        VW's own, such as ``"--loss_function logistic -q ab"``.
    start : Run, optional
        Go on from what an earlier run has learnt.
    names : bool
        Also read the weights by name, which costs VW's speed.
    guarded : bool
        Refuse to go on with another loss function than the one that `start` was given: VW does not keep it with the
        model, and falls back to squared loss without a word.

    Raises
    ------
    UsageError
        VW refuses an option, or the loss function is forgotten.
    DataError
        There are no examples.
    """
    import pandas as pd

    if guarded and start is not None and _loss_function(options) != _loss_function(start.options):
        raise UsageError(
            f"the model was trained with {_loss_function(start.options)} loss and would go on with "
            f"{_loss_function(options)} loss",
            fix=f"give --loss_function {_loss_function(start.options)} again: VW does not keep it",
        )
    with tempfile.TemporaryDirectory(prefix="vw-") as folder:
        scratch = Path(folder)
        given = _as_file(examples, scratch)
        words = ["-d", os.fspath(given), *options.split(), "-f", "model", "-p", "predictions"]
        if start is not None:
            (scratch / "start").write_bytes(start.model)
            words += ["-i", "start"]
        if names:
            words += ["--invert_hash", "names"]
        report = _command(words, scratch)
        said, progress = _report(report)
        if not said.get("number of examples"):
            raise DataError("there are no examples", fix="give at least one line of VW's text")
        return Run(
            options,
            int(said["number of examples"]),
            int(said["total feature number"]),
            said["average loss"],
            progress,
            _predictions(scratch / "predictions"),
            _weights(scratch / "names") if names else pd.Series(dtype=float),
            (scratch / "model").read_bytes(),
        )


def _loss_function(options: str) -> str:
    found = re.search(r"--loss_function[ =](\S+)", options)
    return found[1] if found else "squared"


def _as_file(examples: str | os.PathLike[str] | Sequence[str], scratch: Path) -> Path:
    if isinstance(examples, str | os.PathLike):
        path = Path(examples).resolve()
        if not path.is_file():
            raise DataError("is not there", file=path, fix="name a file of VW's text, or give its lines as a list")
        return path
    path = scratch / "examples"
    path.write_text("".join(f"{line}\n" for line in examples), encoding="utf-8", newline="\n")
    return path


def _command(words: Sequence[str], folder: Path) -> str:
    """Run ``python -m vowpalwabbit`` and return what it reports."""
    command = [sys.executable, "-m", "vowpalwabbit", *words]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    if ended.returncode:
        reason = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        raise UsageError(
            f"VW refuses: {reason.removeprefix('RuntimeError: ')}",
            fix="see https://github.com/VowpalWabbit/vowpal_wabbit/wiki/Command-Line-Arguments for names and values",
        )
    return ended.stderr


def _report(text: str) -> tuple[dict[str, float], pd.DataFrame]:
    """Read VW's report: its last lines as numbers, its table of progress as a table."""
    import pandas as pd

    # '0.43 h' marks a loss on examples that were held out.
    said = {key.strip(): number for key, number in re.findall(r"^([^=\n]+) = (-?[\d.]+)(?: h)?$", text, re.MULTILINE)}
    said = {key.replace(" per pass", ""): float(number) for key, number in said.items()}
    table = re.findall(r"^(\S+) (\S+)(?: h)? +(\d+) +[\d.]+ +\S+ +\S+ +\d+$", text, re.MULTILINE)
    rows = [(int(count), float(average), float(last)) for average, last, count in table if average != "n.a."]
    progress = pd.DataFrame(rows, columns=["examples", "average loss", "since the row above"]).set_index("examples")
    return said, progress


def _predictions(path: Path) -> np.ndarray:
    import numpy as np

    text = path.read_text(encoding="utf-8")
    if " " in text:  # a tag stands behind its prediction
        text = "\n".join(line.split(" ", 1)[0] for line in text.splitlines())
    return np.fromstring(text, sep="\n")


def _weights(path: Path) -> pd.Series:
    """Read VW's inverted hash: ``namespace^name=value:place:weight …`` for each feature that it met."""
    import pandas as pd

    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = re.fullmatch(r"(\S*?):(\d+):(-?[\d.e+-]+)(?: .*)?", line)
        if match:
            found["*".join(unquote(part.split("^", 1)[-1]) for part in match[1].split("*"))] = float(match[3])
    weights = pd.Series(found, name="weight", dtype=float).rename_axis("feature")
    return weights.sort_values(key=lambda values: -values.abs(), kind="stable")


def vocabulary(lines: Iterable[str]) -> list[str]:
    """Return the different features in lines of one namespace, without their weights, sorted.

    Parameters
    ----------
    lines : iterable of str
        VW's text, as `csv2vw` writes it.
    """
    words = {word for line in lines for word in line.split("|", 1)[-1].split(" ")[1:]}
    return sorted({word.split(":", 1)[0] for word in words})


def collisions(names: Iterable[str], bits: Iterable[int], namespace: str = "f") -> pd.DataFrame:
    """Count how many features share a weight with another one, for tables of several sizes.

    Parameters
    ----------
    names : iterable of str
        Features as VW's text has them, such as ``Dest=LAX``.
    bits : iterable of int
        Of VW's ``-b``: the table has 2 to the power of this many weights.
    namespace : str
        The features'.

    Returns
    -------
    DataFrame, index 'bits'
        'weights' in the table, and 'share' of the features that share their weight with another one.
    """
    import numpy as np
    import pandas as pd
    from vowpalwabbit import Workspace

    distinct = sorted(set(names))
    rows = {}
    sizes = list(bits)
    with Workspace(f"--quiet -b {max(sizes)}") as learner:
        space = learner.hash_space(namespace)
        hashes = np.array([learner.hash_feature(name, space) for name in distinct], dtype=np.int64)
    for size in sizes:
        _, place, count = np.unique(hashes % 2**size, return_inverse=True, return_counts=True)
        rows[size] = {"weights": 2**size, "share": round(float((count[place] > 1).mean()), 3)}
    return pd.DataFrame(rows).T.astype({"weights": int}).rename_axis("bits")


def deck_run() -> pd.Series:
    """Return what the deck printed of its run of VW on the file that holds the answer."""
    import pandas as pd

    run = {key: value for key, value in tables.read_toml("deck.toml")["vw"].items() if isinstance(value, int | float)}
    return pd.Series(run, name="Vowpal Wabbit on the leaky file", dtype=object)
