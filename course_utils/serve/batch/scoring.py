"""Score the rows of a batch."""

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

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.model.training import Scorer
from course_utils.serve.batch.files import KEY, check_columns, read_piece

__all__ = [
    "score_piece",
    "score_rows",
]

_MOST = float(np.finfo(np.float32).max)  # the largest number that a model can take


def score_rows(rows: pd.DataFrame, scorer: Scorer) -> pd.DataFrame:
    """Score what can be scored, and say of each other row why it cannot.

    Parameters
    ----------
    rows : DataFrame
        Features, and the column `KEY`. Values may be anything.
    scorer : Scorer

    Returns
    -------
    DataFrame, a row for each of `rows`
        The key, 'score' (float32, NaN where rejected) and 'reason' (empty where scored).

    Raises
    ------
    DataError
        A column is absent: then no row can be scored.
    """
    import pandas as pd

    check_columns(rows.columns, scorer)
    reason = np.full(len(rows), "", dtype=object)

    def refuse(bad: np.ndarray, say: Callable[[int], str]) -> None:
        for row in np.flatnonzero(bad & (reason == "")):
            reason[row] = say(row)

    keys = rows[KEY].astype(object)
    named = [isinstance(key, str) and key != "" and not key.isspace() for key in keys]
    refuse(~np.array(named, dtype=bool), lambda _: "has no key")
    contract = _contract()
    read = {}
    for name in scorer.encoder.columns:
        if name in scorer.encoder.categories:
            continue
        values = _numbers(rows[name])
        if not pd.api.types.is_numeric_dtype(rows[name]):
            given = rows[name].to_numpy(dtype=object)
            refuse(
                np.isnan(values) & ~pd.isna(given),
                lambda row, name=name, given=given: f"{name}: holds {given[row]!r} where a number belongs",
            )
            read[name] = values
        low, high, clock = contract.get(name, (-_MOST, _MOST, False))
        # Nearly always a whole column is in order, which its least and its largest value tell (NaN aside) in no time.
        if not clock and low <= np.fmin.reduce(values, initial=high) and np.fmax.reduce(values, initial=low) <= high:
            continue
        refuse(np.isinf(values), lambda _, name=name: f"{name}: is infinite")
        refuse(
            (values < low) | (values > high),
            lambda row, name=name, low=low, high=high, values=values: (
                f"{name}: holds {values[row]:g}, outside the range {low:g} to {high:g}"
            ),
        )
        if clock:
            refuse(
                np.isfinite(values) & (np.nan_to_num(values, posinf=0, neginf=0) % 100 >= 60),
                lambda row, name=name, values=values: f"{name}: holds {values[row]:g}, which is no clock time",
            )
    good = reason == ""
    score = np.full(len(rows), np.nan, dtype=np.float32)
    if good.any():
        rows = rows.assign(**read) if read else rows
        score[good] = scorer.score(rows if good.all() else rows[good])
    return pd.DataFrame({KEY: keys, "score": score, "reason": reason}, index=rows.index)


def _numbers(values: pd.Series) -> np.ndarray:
    """Return floats; NaN where the value is none. One word in a file makes texts of its whole column, numbers too."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(values):
        texts = [value if isinstance(value, str | int | float | np.number) else None for value in values]
        values = pd.to_numeric(pd.Series(texts, index=values.index, dtype=object), errors="coerce")
    return values.to_numpy(dtype=float, na_value=np.nan)


@cache
def _contract() -> dict[str, tuple[float, float, bool]]:
    """Return the range of each number that the dictionary knows, and whether it is a time of day."""
    found = {}
    for table in ("flights", "weather"):
        for row in dictionary.load(table).itertuples():
            if row.low == row.low:
                found[row.Index] = (row.low, row.high, row.unit == "hhmm")
    return found


def score_piece(source: str, scorer: Scorer, work: str, piece: int) -> str:
    """Score one piece into a file of its own, if that is not there yet; return the file."""
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
    scored[KEY] = scored[KEY].map(lambda key: key if isinstance(key, str) else "")
    part = pa.Table.from_pandas(scored, preserve_index=False, nthreads=1)
    part = part.replace_schema_metadata({"counts": json.dumps(counts)})
    handle, temporary = tempfile.mkstemp(prefix=".", dir=work)
    os.close(handle)
    pq.write_table(part, temporary)
    Path(temporary).replace(target)
    return str(target)
