"""Look at the features of a file and at the table of weights that Vowpal Wabbit hashes them into.

VW keeps no names: a feature's weight is at the position that a hash of its name gives, and two features may share one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["collisions", "vocabulary"]

_MOST_BITS = 30  # a table of 2^30 weights needs 16 GiB


def vocabulary(lines: Iterable[str]) -> list[str]:
    """Return the distinct features in `lines` of VW's text with one namespace, without their values, sorted.

    Raises
    ------
    DataError
        A line has several namespaces, or is not text with a bar.

    Examples
    --------
    >>> vowpal.vocabulary(["1 |f Distance:1400 Dest=IAH", "-1 |f Distance:1416 Dest=IAH"])
    ['Dest=IAH', 'Distance']
    """
    words: set[str] = set()
    for row, line in enumerate([lines] if isinstance(lines, str) else lines):
        if not isinstance(line, str) or line.count("|") != 1:
            raise DataError(
                f"is not a line with one namespace: {str(line)[:40]!r}",
                row=row,
                fix="give lines with one bar, such as '1 |f Dest=LAX'",
            )
        words.update(line.split("|", 1)[1].split(" ")[1:])
    return sorted({word.split(":", 1)[0] for word in words} - {""})


def collisions(names: Iterable[str], bits: Iterable[int], namespace: str = "f") -> pd.DataFrame:
    """Count the features that share a weight with another one, for weight tables of several sizes.

    Parameters
    ----------
    names : iterable of str
        Features as in VW's text, such as ``Dest=LAX``; see `vocabulary`.
    bits : iterable of int
        Values of VW's option ``-b``: the table has 2 to the power of this many weights.
    namespace : str
        The namespace of the features, which is part of their hash.

    Returns
    -------
    DataFrame, index 'bits'
        'weights' in the table, and 'share' of the features that share their weight with another one.

    Raises
    ------
    UsageError
        There are no names, or no sizes from 1 to 30.

    Examples
    --------
    >>> vowpal.collisions([f"Dest={number}" for number in range(1000)], bits=[8, 18])
          weights  share
    bits
    8         256  0.975
    18     262144  0.004
    """
    import numpy as np
    import pandas as pd
    from vowpalwabbit import Workspace

    distinct = sorted({names} if isinstance(names, str) else set(names))
    rows = {}
    sizes = list(bits)
    if not distinct or not all(isinstance(name, str) for name in distinct):
        raise UsageError("names holds no features", fix="give features as texts, such as those of vocabulary(lines)")
    wrong = [size for size in sizes if isinstance(size, bool) or size != int(size) or not 1 <= size <= _MOST_BITS]
    if wrong or not sizes:
        raise UsageError(f"bits={wrong or sizes} is no size of VW's table", fix=f"give numbers from 1 to {_MOST_BITS}")
    # One learner of the largest table serves all sizes: a smaller table uses the lowest bits of the same hash.
    with Workspace(f"--quiet -b {max(sizes)}") as learner:
        space = learner.hash_space(namespace)
        hashes = np.array([learner.hash_feature(name, space) for name in distinct], dtype=np.int64)
    for size in sizes:
        _, position, count = np.unique(hashes % 2**size, return_inverse=True, return_counts=True)
        rows[size] = {"weights": 2**size, "share": round(float((count[position] > 1).mean()), 3)}
    return pd.DataFrame(rows).T.astype({"weights": int}).rename_axis("bits")
