"""Words that depend on a number: '1 flight', but '2 flights'."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: float, noun: str) -> str:
    """Return a `number` with its noun, in the singular for 1 and in the plural for all else.

    Parameters
    ----------
    number : int or float
        How many there are; thousands are separated by commas, and a whole float has no decimals.
    noun : str
        The noun in the singular, with an adjective before it or not, such as ``"quiet day"``. Its plural must be
        regular: 'flight', 'query' and 'batch' are, 'person' is not.

    Examples
    --------
    >>> counted(1, "flight"), counted(2_000, "query"), counted(0.5, "quiet day")
    ('1 flight', '2,000 queries', '0.5 quiet days')
    """
    value = int(number) if float(number).is_integer() else number
    if value == 1:
        return f"{value} {noun}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        noun = f"{noun[:-1]}ie"
    elif noun.endswith(("ch", "sh", "s", "x")):
        noun = f"{noun}e"
    return f"{value:,} {noun}s"
