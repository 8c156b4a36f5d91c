"""Score the rows of a batch, and give each row that cannot be scored a reason.

A bad row must not stop the batch, so this module checks rows instead of raising errors. The valid ranges are those of
the data dictionary.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course_utils.data import dictionary
from course_utils.serve.batch.files import KEY, check_columns, read_piece

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.model.training import Scorer

__all__ = ["score_piece", "score_rows"]

#: The largest number that a model can take: features are float32.
_LARGEST = float(np.finfo(np.float32).max)

#: Writes a reason for the rows that a mask marks; the reason is a function of the row's position.
_Reject = Callable[[np.ndarray, Callable[[int], str]], None]


def score_rows(rows: pd.DataFrame, scorer: Scorer) -> pd.DataFrame:
    """Score the rows that are valid, and return a reason for each of the others.

    Parameters
    ----------
    rows : DataFrame
        One row per flight: the features of `scorer` and the column 'flight'. Values may be of any type.
    scorer : Scorer
        The model, such as `training.course_model().scorer`.

    Returns
    -------
    DataFrame, one row per row of `rows`
        'flight', 'score' (float32; NaN if the row was rejected) and 'reason' (empty if the row was scored).

    Raises
    ------
    DataError
        A column is missing, so no row can be scored.
    """
    import pandas as pd

    check_columns(rows.columns, scorer)
    reason = np.full(len(rows), "", dtype=object)

    def reject(bad: np.ndarray, describe: Callable[[int], str]) -> None:
        # Only the first reason of a row counts, and only bad rows cost the time of writing a text.
        for row in np.flatnonzero(bad & (reason == "")):
            reason[row] = describe(row)

    keys = rows[KEY].astype(object)
    has_key = [isinstance(key, str) and key != "" and not key.isspace() for key in keys]
    reject(~np.array(has_key, dtype=bool), lambda _: "no flight key")
    parsed = {}
    for name in scorer.encoder.columns:
        if name not in scorer.encoder.categories:
            values = _check_numbers(name, rows[name], reject)
            if not pd.api.types.is_numeric_dtype(rows[name]):
                parsed[name] = values
    good = reason == ""
    score = np.full(len(rows), np.nan, dtype=np.float32)
    if good.any():
        rows = rows.assign(**parsed) if parsed else rows
        score[good] = scorer.score(rows if good.all() else rows[good])
    return pd.DataFrame({KEY: keys, "score": score, "reason": reason}, index=rows.index)


def _check_numbers(name: str, column: pd.Series, reject: _Reject) -> np.ndarray:
    """Return a numeric feature as floats, and reject the rows whose value is no number or out of range."""
    import pandas as pd

    values = _to_floats(column)
    if not pd.api.types.is_numeric_dtype(column):
        given = column.to_numpy(dtype=object)
        reject(np.isnan(values) & ~pd.isna(given), lambda row: f"{name}: {given[row]!r} is not a number")
    low, high, is_clock = _ranges().get(name, (-_LARGEST, _LARGEST, False))
    # Nearly every column is valid as a whole. Its minimum and maximum (NaN aside) show that faster than masks do.
    if not is_clock and low <= np.fmin.reduce(values, initial=high) and np.fmax.reduce(values, initial=low) <= high:
        return values
    reject(np.isinf(values), lambda _: f"{name}: infinite")
    reject(
        (values < low) | (values > high),
        lambda row: f"{name}: {values[row]:g} is outside the range {low:g} to {high:g}",
    )
    if is_clock:
        minutes = np.nan_to_num(values, posinf=0, neginf=0) % 100
        bad = np.isfinite(values) & (minutes >= 60)
        reject(bad, lambda row: f"{name}: {values[row]:g} is not a clock time (hhmm)")
    return values


def _to_floats(values: pd.Series) -> np.ndarray:
    """Return a column as floats, NaN for what is not a number.

    A Parquet column has one type: a single word in it turns its numbers into texts, so texts are parsed.
    """
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(values):
        texts = [value if isinstance(value, str | int | float | np.number) else None for value in values]
        values = pd.to_numeric(pd.Series(texts, index=values.index, dtype=object), errors="coerce")
    return values.to_numpy(dtype=float, na_value=np.nan)


@cache
def _ranges() -> dict[str, tuple[float, float, bool]]:
    """Return, by column, the lowest and the highest valid value, and whether it is a clock time (hhmm)."""
    found = {}
    for table in ("flights", "weather"):
        for row in dictionary.load(table).itertuples():
            if row.low == row.low:  # NaN where the dictionary gives no range
                found[row.Index] = (row.low, row.high, row.unit == "hhmm")
    return found


def score_piece(source: str, scorer: Scorer, work: str, piece: int) -> str:
    """Score one row group of a batch file and return the path of the result, a Parquet file.

    It may run in another process: an engine calls it with `source` (the batch file), the `scorer`, `work` (the folder
    for results) and the number of the `piece`. A result that exists is kept, so a job that was killed continues.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = Path(work) / f"{piece:06}.parquet"
    if target.exists():
        return str(target)
    rows, _ = read_piece(source, piece)
    scored = score_rows(rows, scorer).rename_axis("row").reset_index()
    counts = {
        "missing": {name: int(rows[name].isna().sum()) for name in scorer.encoder.columns},
        "unseen": {name: int(count) for name, count in scorer.encoder.unseen(rows).items()},
    }
    # A key may be of any type in the batch; Parquet needs one type per column.
    scored[KEY] = scored[KEY].map(lambda key: key if isinstance(key, str) else "")
    part = pa.Table.from_pandas(scored, preserve_index=False, nthreads=1)
    part = part.replace_schema_metadata({"counts": json.dumps(counts)})
    # Two workers may score the same piece; each writes a file of its own, and the last rename wins.
    handle, temporary = tempfile.mkstemp(prefix=".", dir=work)
    os.close(handle)
    pq.write_table(part, temporary)
    Path(temporary).replace(target)
    return str(target)
