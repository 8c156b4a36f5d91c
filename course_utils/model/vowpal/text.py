"""Write one cell of a table as Vowpal Wabbit's text.

VW reads whatever it is given and hardly ever reports a problem: a missing value becomes a 1, an infinite one ruins
every weight. So these functions decide what a cell means before VW sees it, and refuse what has no clear meaning.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from course_utils.errors import DataError
from course_utils.model.vowpal.wording import say

__all__ = ["LARGEST", "MISSING", "NUMBER", "check_encoding", "escape", "format_feature", "format_number", "trim_number"]

#: How files write that a number is missing. In columns of text only an empty cell is missing: NA is Namibia, too.
MISSING = frozenset({"", "NA", "NaN", "nan", "null", "NULL", "None"})
#: What is read as a number. Not what Python's float() takes: '1_000', 'nan' and Arabic digits are text to VW.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
#: VW computes in single precision: a larger number is infinite there, and makes every weight that it meets infinite.
LARGEST = 3e38

_SMALLEST = 1e-28  # VW drops some smaller numbers (3.10632582e-30), and to a model they are zero
_LONGEST = 30  # characters of a number that VW reads well; from 39 digits on it reads infinity
_WHOLE = 10**16  # from here on not every whole number is a float, and Python writes an exponent too

# VW splits its lines at these characters, and its Python package strips white space of any kind from a line. '%' is
# escaped as well, so that no two texts are written alike.
_SPECIAL = re.compile(r"[\s\x00-\x20:|%\x7f]")


def escape(text: str) -> str:
    """Return `text` so that VW reads it as one word: each character at which it would split becomes ``%`` and digits.

    Two different texts stay different, and ``urllib.parse.unquote`` restores the text.

    Examples
    --------
    >>> vowpal.escape("New York: JFK")
    'New%20York%3A%20JFK'
    """
    return _SPECIAL.sub(lambda found: quote(found[0], safe=""), text)


def format_feature(name: str, cell: str, column_type: str = "guess") -> str:
    """Write one cell as a feature in VW's text.

    Parameters
    ----------
    name : str
        The name of the column, which the feature gets.
    cell : str
        The cell as the file has it.
    column_type : {'guess', 'number', 'text'}
        What the column holds; 'guess' takes each cell that looks like a number as one, as the deck does.

    Returns
    -------
    str
        ``name:3.5`` for a number, ``name=text`` for text and ``name=`` for a missing value. Empty for a zero: it adds
        nothing to a linear model, and VW drops it.

    Raises
    ------
    DataError
        The cell is infinite, or is not a number although the column is one of numbers.

    Examples
    --------
    >>> vowpal.format_feature("Distance", "1400"), vowpal.format_feature("Dest", "LAX")
    ('Distance:1400', 'Dest=LAX')
    >>> vowpal.format_feature("Distance", "NA"), vowpal.format_feature("Distance", "0")
    ('Distance=', '')
    """
    # An '=' in a name would end the name early: column a=b with value c would equal column a with value b=c.
    title = escape(name).replace("=", "%3D")
    if column_type != "text":
        if cell.strip() in MISSING:
            return f"{title}="
        if NUMBER.fullmatch(cell.strip()):
            return _number(title, cell.strip())
        if column_type == "number" or re.fullmatch(r"[+-]?inf(inity)?", cell.strip(), re.IGNORECASE):
            raise DataError(
                f"holds {cell!r} where a number belongs",
                column=name,
                fix="correct the cell, leave it empty if the value is missing, or read the column as text: "
                + say(f"text=[{name!r}]", f"--text {name}"),
            )
    if not cell.isascii():
        check_encoding(name, cell)
    return f"{title}={escape(cell)}"


def _number(title: str, cell: str) -> str:
    value = abs(float(cell))
    if value > LARGEST:
        raise DataError(
            f"holds {cell}, which is infinite to VW", column=unquote(title), fix="correct the cell or leave it empty"
        )
    if value < _SMALLEST:
        return ""
    return f"{title}:{trim_number(cell)}"


def format_number(value: float) -> str:
    """Return the shortest text that reads back as the number `value`; a whole one without a point.

    Examples
    --------
    >>> text.format_number(1234567.0), text.format_number(0.1), text.format_number(1e-28)
    ('1234567', '0.1', '1e-28')
    """
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)


def trim_number(cell: str) -> str:
    """Return a number as the file has it, the `cell`, or shorter where VW would misread its many digits."""
    return cell if len(cell) <= _LONGEST else format_number(float(cell))


def check_encoding(name: str, cell: str) -> None:
    """Refuse a `cell` of the column `name` that was read with the wrong encoding.

    Bytes that are no characters in the file's encoding are read as surrogates, which cannot be encoded again.

    Raises
    ------
    DataError
        The cell holds such bytes.
    """
    try:
        cell.encode()
    except UnicodeEncodeError as error:
        option = say("encoding='iso-8859-1'", "--encoding iso-8859-1")
        raise DataError(
            f"holds bytes that are no text in this encoding: {cell[:40]!r}",
            column=name,
            fix=f"name the file's encoding: {option}, for example",
        ) from error
