"""What no lock can pin, such as the number of threads, and a sum that shows its effect."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from course_utils import tables
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["sum_in_threads", "unpinnable"]


_MOST_THREADS = 64  # each thread costs memory


def unpinnable() -> pd.DataFrame:
    """Return what no lock can pin, with an example and a remedy.

    Examples
    --------
    >>> environments.unpinnable().loc["number of threads", "example"]
    'a sum is split into different shares'
    """
    import pandas as pd

    return pd.DataFrame(tables.read_toml("environments.toml")["unpinned"]).set_index("what")


def sum_in_threads(values: Any, threads: int = 1, dtype: str = "float32") -> float:
    """Return a sum as a threaded library computes it: each thread adds its share, then the shares are added.

    The sum is the same on every machine for the same `values`, `threads` and `dtype`.

    Parameters
    ----------
    values : array of numbers
        At least one number; none may be missing or infinite.
    threads : int
        Number of threads, each of which adds one share of the numbers in order; from 1 to 64.
    dtype : {'float32', 'float64'}
        Precision of the sum: 24 or 53 binary digits.

    Raises
    ------
    UsageError
        There is nothing to add, a value is missing or not a number, or `threads` or `dtype` is not allowed.

    Examples
    --------
    >>> values = [2.0**24, 1, 1, 1]  # float32 has no number between 2**24 and 2**24 + 2
    >>> environments.sum_in_threads(values), environments.sum_in_threads(values, threads=2)
    (16777216.0, 16777218.0)
    >>> environments.sum_in_threads(values, dtype="float64")
    16777219.0
    """
    import numpy as np

    numbers = _addends(values, dtype)
    most = min(_MOST_THREADS, len(numbers))
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or not 1 <= threads <= most:
        raise UsageError(f"threads={threads!r} is not allowed", fix=f"pass a whole number from 1 to {most}")
    shares = np.array_split(numbers, threads)
    with ThreadPoolExecutor(threads) as pool:
        totals = list(pool.map(_add_in_order, shares))
    return float(_add_in_order(np.array(totals)))


def _add_in_order(numbers: np.ndarray) -> Any:
    return numbers.cumsum()[-1]  # one after the other, as a loop does: NumPy's own sum() adds in pairs


def _addends(values: Any, dtype: str) -> np.ndarray:
    import numpy as np

    if dtype not in ("float32", "float64"):
        raise UsageError(f"dtype={dtype!r} is not allowed", fix="choose float32 or float64")
    try:
        numbers = np.asarray(values, dtype="float64").ravel().astype(dtype)
    except (TypeError, ValueError) as error:
        raise UsageError("a value is not a number", fix="pass numbers only") from error
    if not numbers.size or not np.isfinite(numbers).all():
        problem = "a value is missing or not finite" if numbers.size else "values is empty"
        raise UsageError(problem, fix="pass at least one number, and fill or drop what is missing")
    return numbers
