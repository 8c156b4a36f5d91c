"""Translate the labels of a file into those that Vowpal Wabbit reads.

VW takes any label without a word: YES becomes 0, and logistic loss then learns from it. `LabelMap` accepts only labels
that VW reads as they are meant.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable, Mapping

from course_utils.errors import DataError, UsageError
from course_utils.model.vowpal.text import LARGEST, MISSING, NUMBER, check_encoding, format_number, trim_number
from course_utils.model.vowpal.wording import say

__all__ = ["KINDS", "UNLABELLED", "LabelMap"]

#: What a label may be: −1 or 1, a class counted from 1 in order of appearance (``vw --oaa``), or any number.
KINDS = ("binary", "classes", "number")
#: What to do with a row whose label is missing.
UNLABELLED = ("refuse", "skip", "keep")

_MAX_CLASSES = 1_000  # a column with more different values is hardly a label
_LARGEST_CLASS = 2**32 - 2  # VW counts classes in 32 bits, and the last of them means 'no label'
_MAX_NAMED = 5  # different labels that a message lists
_POSITIVE = frozenset({"1", "1.0", "yes", "y", "true", "t", "late"})  # texts that usually mean the class to predict


class LabelMap:
    """The mapping from the labels of a file to those of VW.

    Parameters
    ----------
    kind : {'binary', 'classes', 'number'}
        What a label is, see `KINDS`.
    given : mapping of str to number or None, optional
        The user's map; None makes a row unlabelled. Default: the file holds VW's labels already.
    unlabelled : {'refuse', 'skip', 'keep'}
        As for `csv2vw`: what to do with a row without a label.

    Raises
    ------
    UsageError
        A label is mapped to a value that does not fit `kind`, or all labels are mapped to one value.
    """

    def __init__(self, kind: str, given: Mapping[str, float | None] | None, unlabelled: str) -> None:
        self.kind, self.unlabelled = kind, unlabelled
        self.map: dict[str, str] = {}
        for value, seen in (given or {}).items():
            if seen is not None:
                self.map[str(value)] = self._checked(value, seen)
        self.none = {str(value) for value, seen in (given or {}).items() if seen is None}
        self.given = bool(given)
        # The labels of the rows that follow: an error looks at them, to name all of them at once.
        self.ahead: Callable[[], Iterable[str]] = tuple
        if given and kind == "binary" and len(set(self.map.values())) < 2:
            raise UsageError("all labels are mapped to the same value", fix="map one value to 1 and another to -1")

    def _checked(self, value: str, seen: float) -> str:
        number = float(seen) if isinstance(seen, int | float) and not isinstance(seen, bool) else math.nan
        allowed = {
            "binary": number in (-1.0, 1.0),
            "classes": 1 <= number <= _LARGEST_CLASS and number % 1 == 0,
            "number": abs(number) <= LARGEST,
        }[self.kind]
        if not allowed:
            wanted = {
                "binary": "-1 or 1",
                "classes": f"1, 2, 3 … up to {_LARGEST_CLASS:,}",
                "number": "a finite number",
            }[self.kind]
            raise UsageError(f"the label {value!r} is mapped to {seen!r}", fix=f"map it to {wanted}")
        return format_number(number)

    def text(self, name: str, cell: str) -> str:
        """Return VW's label for a `cell` of the label's column `name`; empty where the row has no label.

        Raises
        ------
        DataError
            The label is missing and unlabelled rows are refused, or the label is one that VW would misread.
        """
        if cell in self.map:
            return self.map[cell]
        if self._missing(cell):
            if self.unlabelled == "refuse":
                raise DataError(
                    "has no label",
                    column=name,
                    fix=say(
                        "leave such rows out with unlabelled='skip', or let VW predict them with unlabelled='keep'",
                        "type --unlabelled skip to leave such rows out, or --unlabelled keep to let VW predict them",
                    ),
                )
            return ""
        if self.given:
            raise DataError(
                f"holds {cell!r}, which the label map does not name ({', '.join(self.map)})",
                column=name,
                fix=f"correct the row, or add the value to the map: {self._choices(cell)}",
            )
        return self._unmapped(name, cell)

    def _missing(self, cell: str) -> bool:
        return cell.strip() in MISSING or cell in self.none

    def _choices(self, cell: str) -> str:
        """Return the ways to map one value."""
        labels = {"binary": ("1", "-1"), "classes": ("1", "2"), "number": ("0.5",)}[self.kind]
        ways = [*(_pair(cell, label) for label in labels), f"{_pair(cell, 'none')} (no label)"]
        return ", ".join(ways[:-1]) + f" or {ways[-1]}"

    def _unmapped(self, name: str, cell: str) -> str:
        check_encoding(name, cell)
        if self.kind == "classes":
            if len(self.map) == _MAX_CLASSES:
                raise DataError(
                    f"holds more than {_MAX_CLASSES:,} different labels",
                    column=name,
                    fix="name the column that holds the label",
                )
            self.map[cell] = str(len(self.map) + 1)
            return self.map[cell]
        number = float(cell) if NUMBER.fullmatch(cell.strip()) else math.nan
        if self.kind == "binary" and number not in (-1.0, 1.0):
            raise DataError(
                f"holds {cell!r}, which is neither -1 nor 1: VW would learn from it without a warning",
                column=name,
                fix=self._advice(cell),
            )
        if not abs(number) <= LARGEST:
            raise DataError(f"holds {cell!r}, which is not a number", column=name, fix="map it, or correct the row")
        # Numbers as labels are not kept: nearly every row may have its own.
        if self.kind == "number":
            return trim_number(cell.strip())
        self.map[cell] = format_number(number)
        return self.map[cell]

    def _advice(self, cell: str) -> str:
        """Return what to type for a column of labels that are not −1 and 1, after a look at the rest of it."""
        found, missing = dict.fromkeys([*self.map, cell]), False
        for other in self.ahead():
            if self._missing(other):
                missing = True
            else:
                found.setdefault(other)
            if len(found) > _MAX_NAMED:
                return say(
                    "name the column that holds the label; or pass kind='number' if numbers are to be predicted, "
                    "kind='classes' if there are several classes",
                    "name the column that holds the label; or type --number if numbers are to be predicted, "
                    "--classes if there are several classes",
                )
        names = sorted(found)
        if len(names) == 1:
            return f"the column holds only {cell!r}; map it: {_pair(cell, '1')} or {_pair(cell, '-1')}"
        if len(names) > 2:
            number = say("pass kind='classes'", "type --classes")
            return (
                f"the column holds {', '.join(names)}; map each to -1, 1 or none, such as {_pair(cell, '-1')}"
                f", or {number} to number them"
            )
        late = next((value for value in names if value.strip().lower() in _POSITIVE), names[-1])
        other = next(value for value in names if value != late)
        if say("python", "flags") == "flags":
            typed = f"type {_pair(late, '1')} {_pair(other, '-1')}" + (" --unlabelled skip" if missing else "")
        else:
            typed = f"pass labels={{{late!r}: 1, {other!r}: -1}}" + (", unlabelled='skip'" if missing else "")
        return f"{typed}; swap the two if {other} is what you predict"


def _pair(value: str, label: str) -> str:
    """Return one pair of a label map, as it is typed."""
    python = f"labels={{{value!r}: {'None' if label == 'none' else label}}}"
    return say(python, f"--map {shlex.quote(f'{value}={label}')}")
