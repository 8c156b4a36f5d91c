"""Decide what a line of Vowpal Wabbit's text is made of: which columns, in which namespaces, written how.

A `LinePlan` is made once for a file. For each row `csv2vw` then only looks up the text of each cell and joins them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.model.vowpal.labels import LabelMap
from course_utils.model.vowpal.text import LARGEST, NUMBER, check_encoding, escape, format_feature
from course_utils.model.vowpal.wording import named, say
from course_utils.wording import counted

__all__ = ["Choice", "LinePlan"]

_MAX_TEXTS = 40_000  # texts kept for all columns: what repeats is made once, and memory stays bounded
_MAX_LENGTH = 100  # characters of a cell that is kept: longer ones hardly repeat and would fill the memory


# --------------------------------------------------------------------------- cells to text, made once


class _CacheBudget:
    """How many texts may be kept for all columns together: memory stays bounded, whichever column has many values."""

    def __init__(self) -> None:
        self.left = _MAX_TEXTS
        self.members: list[_CellTexts] = []

    def take(self) -> None:
        """Use up one text of the budget; when it is spent, forget all texts and start again."""
        # Clearing everything costs less than the bookkeeping of a least-recently-used cache would in each lookup.
        if not self.left:
            for texts in self.members:
                texts.clear()
            self.left = _MAX_TEXTS
        self.left -= 1


class _CellTexts(dict[str, str]):
    """The text of each cell of a column, made once as long as the budget lasts.

    A dict with __missing__, since looking up a cell that was seen before is then as fast as Python can be.
    """

    def __init__(self, make: Callable[[str], str], budget: _CacheBudget) -> None:
        super().__init__()
        self.make, self.budget = make, budget
        budget.members.append(self)

    def __missing__(self, cell: str) -> str:
        text = self.make(cell)
        if len(cell) <= _MAX_LENGTH:
            self.budget.take()
            self[cell] = text
        return text


class _Part(NamedTuple):
    """One part of a line: the position of its cell in the row, and its text for each cell."""

    position: int
    texts: _CellTexts


# --------------------------------------------------------------------------- the plan


class Choice(NamedTuple):
    """The columns that the user asks for, see the parameters of `csv2vw`."""

    columns: Sequence[str] | None = None
    all_columns: bool = False
    horizon: float | None = None
    text: frozenset[str] = frozenset()
    namespaces: Mapping[str, Sequence[str]] | None = None
    importance: str | None = None
    tag: str | None = None


class LinePlan(NamedTuple):
    """What a line is made of.

    Attributes
    ----------
    width : int
        Cells in a row of the file.
    label : _Part
        The first of the parts, which is read alone to find rows without a label.
    parts : list of _Part
        Label, weight, tag and features, in the order of the line.
    columns : tuple of str
        The columns that features are made of.
    spaces : int
        Blanks in a line without features: from the blanks of all lines follows the number of features.
    labels : LabelMap
        From the file's labels to VW's.
    names : list of str
        The columns of the file, in order.
    cancelled : int or None
        The position of a column that marks cancelled flights.
    """

    width: int
    label: _Part
    parts: list[_Part]
    columns: tuple[str, ...]
    spaces: int
    labels: LabelMap
    names: list[str]
    cancelled: int | None

    @classmethod
    def make(cls, names: list[str], label: str | int, labels: LabelMap, choice: Choice, *, header: bool) -> LinePlan:
        """Plan the lines of a file.

        Parameters
        ----------
        names : list of str
            The columns of the file, in order; empty for one without a name.
        label : str or int
            As for `csv2vw`: the label's column.
        labels : LabelMap
            From the file's labels to VW's.
        choice : Choice
            The columns that the user asks for.
        header : bool
            Whether the names are from the file; without a header a name in digits is a position.

        Raises
        ------
        UsageError
            The choice names a column that does not exist or may not be used, or contradicts itself.
        DataError
            Never here, but later, when the text of a cell with a fault is looked up.
        """
        position = _label_position(label, names, header)
        if choice.importance is not None and labels.unlabelled == "keep":
            # VW would take the weight of an example without a label for its label.
            skip = say("unlabelled='skip'", "--unlabelled skip")
            raise UsageError(
                "an example without a label cannot have a weight",
                fix=f"leave unlabelled rows out: {skip}",
            )
        extra = [name for name in (choice.importance, choice.tag) if name is not None]
        _check_present([*choice.text, *extra], names)
        taken = {names[position], *extra}
        inputs = _input_columns(names, taken, choice)
        if not inputs:
            raise UsageError(
                "no column is left to make features of",
                fix="send a file with more columns than the label's, or list columns: "
                + say("columns=['…']", "--columns …"),
            )
        spaces = _namespace_columns(choice.namespaces, inputs, names, taken)
        parts = _parts(names, position, labels, choice, spaces)
        features = [name for columns in spaces.values() for name in columns]
        # A blank stands before each part but the label, and before each namespace.
        blanks = len(parts) - 1 - len(features) + len(spaces)
        cancelled = next((i for i, name in enumerate(names) if name.lower() == "cancelled" and i != position), None)
        return cls(len(names), parts[0], parts, tuple(features), blanks, labels, names, cancelled)


def _parts(
    names: list[str], position: int, labels: LabelMap, choice: Choice, spaces: Mapping[str, Sequence[str]]
) -> list[_Part]:
    """Return the parts of a line in the order in which VW wants them."""
    budget = _CacheBudget()
    column_types = _column_types(names, choice)
    positions = {name: place for place, name in enumerate(names)}  # list.index would take a second for 20,000 columns

    def part(name: str, write: Callable[[str], str]) -> _Part:
        return _Part(positions[name], _CellTexts(write, budget))

    importance, tag = choice.importance, choice.tag
    parts = [_Part(position, _CellTexts(lambda cell: labels.text(names[position], cell), budget))]
    if importance is not None:
        parts.append(part(importance, lambda cell: _importance(importance, cell)))
    if tag is not None:
        parts.append(part(tag, lambda cell: _tag(tag, cell)))
    for space, columns in spaces.items():
        # The first column of a namespace writes its bar, so that nothing is added row by row.
        lead = f" |{escape(space)}"
        for name in columns:
            parts.append(part(name, _feature_writer(name, column_types[name], lead)))
            lead = ""
    return parts


def _feature_writer(name: str, column_type: str, lead: str) -> Callable[[str], str]:
    def write(cell: str) -> str:
        text = format_feature(name, cell, column_type)
        return f"{lead} {text}" if text else lead

    return write


def _importance(name: str, cell: str) -> str:
    value = float(cell) if NUMBER.fullmatch(cell.strip()) else math.nan
    if not 0 <= value <= LARGEST:
        raise DataError(f"holds {cell!r}, which is not a weight", column=name, fix="give each row a number, 0 or more")
    return f" {value!r}"


def _tag(name: str, cell: str) -> str:
    check_encoding(name, cell)
    return f" '{escape(cell)}"


# --------------------------------------------------------------------------- which columns


def _label_position(label: str | int, names: list[str], header: bool) -> int:
    if header and label in names:
        return names.index(str(label))
    if isinstance(label, int) or re.fullmatch(r"-?\d+", label):
        position = int(label)
        if -len(names) <= position < len(names):
            if not names[position]:
                raise UsageError(f"column {position} has no name in the header", fix="name it, or choose another label")
            return position % len(names)
        raise UsageError(
            f"there is no column {position} for the label: the file has {len(names)}",
            fix=f"count from 0 to {len(names) - 1}, or from the end with -1",
        )
    raise UsageError(f"there is no column {label!r} for the label", fix=f"choose from {_list_names(names)}")


def _check_present(wanted: Iterable[str], names: list[str]) -> None:
    present = set(names)
    absent = next((name for name in wanted if not name or name not in present), None)
    if absent is not None:
        raise UsageError(f"the file has no column {absent!r}", fix=f"choose from {_list_names(names)}")


def _list_names(names: Sequence[str]) -> str:
    names = [name for name in names if name]
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _input_columns(names: list[str], taken: set[str], choice: Choice) -> list[str]:
    """Return the columns to make features of, in the file's order unless the user gave another."""
    columns = choice.columns
    if choice.all_columns:
        if columns is not None:
            both = say("all_columns and columns", "--all-columns and --columns")
            raise UsageError(f"{both} exclude each other", fix="use all columns, or list some of them")
        if "" in names:
            raise DataError(
                f"has no name for column {names.index('')}, counted from 0, in its header",
                fix="name it (an index saved by pandas has no name: to_csv(index=False) leaves it out), or list the "
                "columns to use: " + say("columns=['…']", "--columns …"),
            )
        return [name for name in names if name not in taken]
    # Imported here: with all_columns the converter needs no dictionary.
    from course_utils.data import dictionary

    hours = tables.read_toml("constants.toml")["horizon_hours"] if choice.horizon is None else choice.horizon
    if not hours >= 0:
        raise UsageError(f"{named('horizon', hours)} is after departure", fix="give hours before departure, 0 or more")
    known = dictionary.rules()  # dictionary.admissible would load pandas, and need five times the memory
    admitted = {name for name, row in known.items() if row["use"] == "yes" and _known_before(row) >= hours}
    if columns is None:
        inputs = [name for name in names if name in admitted and name not in taken]
        if not inputs:
            fix = say(
                "list the columns to use (columns=['…']), or use all (all_columns=True)",
                "list the columns to use (--columns A,B), or use all (--all-columns)",
            )
            raise UsageError(f"the dictionary admits none of these columns {counted(hours, 'hour')} ahead", fix=fix)
        return inputs
    _check_present(columns, names)
    wrong = next((name for name in columns if name in known and name not in admitted), None)
    if wrong is not None:
        raise UsageError(
            f"{wrong} may not be used {counted(hours, 'hour')} ahead: {known[wrong]['why']}",
            fix=f"leave it out; it is included only with {say('all_columns=True', '--all-columns')}",
        )
    both = next((name for name in columns if name in taken), None)
    if both is not None:
        raise UsageError(f"{both} is label, weight or tag and cannot be an input too", fix="remove it from the columns")
    return list(dict.fromkeys(columns))


def _known_before(row: Mapping[str, str]) -> float:
    return float(row["known_hours_before"] or "nan")


def _column_types(names: list[str], choice: Choice) -> dict[str, str]:
    """Return what each column holds: as the user says, else as the dictionary says, else to be guessed cell by cell."""
    types = dict.fromkeys(names, "guess")
    if not choice.all_columns:
        from course_utils.data import dictionary

        known = dictionary.rules()
        types |= {name: "text" if known[name]["type"] == "text" else "number" for name in names if name in known}
    return types | dict.fromkeys(choice.text, "text")


def _namespace_columns(
    given: Mapping[str, Sequence[str]] | None, inputs: list[str], names: list[str], taken: set[str]
) -> dict[str, list[str]]:
    """Return the columns of each namespace, after checking that each input is in exactly one."""
    if given is None:
        return {"f": inputs}
    spaces = {str(space): [columns] if isinstance(columns, str) else list(columns) for space, columns in given.items()}
    if not spaces or not all(spaces) or not all(spaces.values()):
        raise UsageError("a namespace has no name or no columns", fix="give each a name and a list of columns")
    placed = [name for columns in spaces.values() for name in columns]
    _check_present(placed, names)
    times, chosen = Counter(placed), set(inputs)
    twice = next((name for name in placed if times[name] > 1 or name in taken), None)
    if twice is not None:
        raise UsageError(f"{twice} is used twice", fix="put each column into one namespace, and the label into none")
    absent = next((name for name in placed if name not in chosen), None)
    if absent is not None:
        raise UsageError(
            f"{absent} is in a namespace, but not among the columns to use", fix="add it to the columns as well"
        )
    unplaced = next((name for name in inputs if name not in times), None)
    if unplaced is not None:
        raise UsageError(f"{unplaced} is in no namespace", fix="put it into one, or remove it from the columns")
    return spaces
