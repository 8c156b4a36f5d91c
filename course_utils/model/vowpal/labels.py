"""Translate the labels of a file into those that Vowpal Wabbit reads.

VW takes any label without a word: YES becomes 0, and logistic loss then learns from it. `LabelMap` accepts only labels
that VW reads as they are meant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from course_utils.errors import DataError, UsageError
from course_utils.model.vowpal.text import LARGEST, MISSING, NUMBER, check_encoding

__all__ = ["KINDS", "UNLABELLED", "LabelMap"]

#: What a label may be: −1 or 1, a class counted from 1 in order of appearance (``vw --oaa``), or any number.
KINDS = ("binary", "classes", "number")
#: What to do with a row whose label is missing.
UNLABELLED = ("refuse", "skip", "keep")

_MAX_CLASSES = 1_000  # a column with more different values is hardly a label


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
        if given and kind == "binary" and len(set(self.map.values())) < 2:
            raise UsageError("all labels are mapped to the same value", fix="map one value to 1 and another to -1")

    def _checked(self, value: str, seen: float) -> str:
        number = float(seen) if isinstance(seen, int | float) and not isinstance(seen, bool) else math.nan
        allowed = {
            "binary": number in (-1.0, 1.0),
            "classes": number >= 1 and number % 1 == 0,
            "number": abs(number) <= LARGEST,
        }[self.kind]
        if not allowed:
            wanted = {"binary": "-1 or 1", "classes": "1, 2, 3 …", "number": "a finite number"}[self.kind]
            raise UsageError(f"the label {value!r} is mapped to {seen!r}", fix=f"map it to {wanted}")
        return f"{number:g}"

    def text(self, name: str, cell: str) -> str:
        """Return VW's label for a `cell` of the label's column `name`; empty where the row has no label.

        Raises
        ------
        DataError
            The label is missing and unlabelled rows are refused, or the label is one that VW would misread.
        """
        if cell in self.map:
            return self.map[cell]
        if cell.strip() in MISSING or cell in self.none:
            if self.unlabelled == "refuse":
                raise DataError(
                    "has no label",
                    column=name,
                    fix="leave such rows out with unlabelled='skip' or --unlabelled skip; 'keep' lets VW predict them",
                )
            return ""
        if self.given:
            raise DataError(
                f"holds {cell!r}, which the label map does not name ({', '.join(self.map)})",
                column=name,
                fix="correct the row, or add the value to the label map",
            )
        return self._unmapped(name, cell)

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
                fix="map it to -1 or 1 (labels= or --map), or say that labels are classes or numbers (kind= or "
                "--classes, --number)",
            )
        if not abs(number) <= LARGEST:
            raise DataError(f"holds {cell!r}, which is not a number", column=name, fix="map it, or correct the row")
        # Numbers as labels are not kept: nearly every row may have its own.
        if self.kind == "number":
            return cell.strip()
        self.map[cell] = f"{number:g}"
        return self.map[cell]
