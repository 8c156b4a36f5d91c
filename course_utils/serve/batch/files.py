"""The input file of a batch: one row per flight, in Parquet.

A row holds the flight's key and its features. The file is read one row group ('piece') at a time, so the memory that a
job needs does not grow with the batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.data import dictionary
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.model.training import Scorer

__all__ = ["KEY", "check_columns", "count_pieces", "flight_keys", "read_piece", "write_batch"]

#: The column of a batch that identifies the flight.
KEY = "flight"


def flight_keys(flights: pd.DataFrame) -> pd.Series:
    """Return a unique key for each flight: date, carrier, flight number, origin and scheduled departure.

    Keys sort by date.

    Parameters
    ----------
    flights : DataFrame
        One row per flight, with the columns of `dictionary.KEY`; the columns may be floats.

    Returns
    -------
    Series of str
        Named 'flight', with the index of `flights`.

    Examples
    --------
    >>> batch.flight_keys(flights).iloc[0]
    '2013-01-01 UA 1545 EWR 0515'
    """
    import pandas as pd

    def text(name: str, width: int = 0) -> pd.Series:
        values = flights[name]
        if pd.api.types.is_numeric_dtype(values):
            # pandas turns a column of integers into floats if one value is missing; '515.0' would be another key.
            values = values.round().astype("Int64")
        return values.astype(str).str.zfill(width)

    year, month, day, carrier, number, origin, clock = dictionary.KEY
    date = text(year).str.cat([text(month, 2), text(day, 2)], sep="-")
    return date.str.cat([text(carrier), text(number), text(origin), text(clock, 4)], sep=" ").rename(KEY)


def write_batch(
    flights: pd.DataFrame, inputs: pd.DataFrame, file: str | os.PathLike[str], *, rows: int = 10_000
) -> Path:
    """Write the flights to score as a Parquet file, with their keys and features, and return its path.

    Parameters
    ----------
    flights : DataFrame
        One row per flight, with the columns of `dictionary.KEY`, or with a column 'flight' that holds ready-made keys.
    inputs : DataFrame
        Features, such as from `features.as_of`. Its index must contain the index of `flights`; other rows are ignored.
    file : path
        Where to write. An existing file is replaced atomically.
    rows : int
        Rows per row group, at least 1. A job holds one row group in memory at a time.

    Returns
    -------
    Path
        The path of `file`.

    Raises
    ------
    UsageError
        `rows` is not positive.

    Examples
    --------
    >>> from course_utils.data import datasets, features
    >>> store = batch.open_prediction_store()
    >>> source = batch.write_batch(flights, features.schedule(flights), store.inbox("january"))
    >>> datasets.read_parquet(source).columns[:3].tolist()
    ['flight', 'DayOfWeek', 'CRSDepTime']
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if rows < 1:
        raise UsageError(f"rows={rows} would leave each row group empty", fix="pass rows=1 or more")
    frame = inputs.loc[flights.index].drop(columns=KEY, errors="ignore")
    # pandas' own text and category types become plain objects, so that the file does not depend on the pandas version.
    texts = [name for name in frame.columns if not hasattr(frame[name].dtype, "kind") or frame[name].dtype.kind == "O"]
    frame = frame.astype(dict.fromkeys(texts, object))
    frame.insert(0, KEY, flight_keys(flights) if KEY not in flights.columns else flights[KEY])
    frame.attrs = {}
    target = Path(file)
    temporary = target.with_name(f".{target.name}.new")
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False, nthreads=1), temporary, row_group_size=rows)
    temporary.replace(target)
    return target


def check_columns(columns: Iterable[str], scorer: Scorer) -> None:
    """Raise an error unless the key and every feature of the `scorer` are among the `columns`.

    Raises
    ------
    DataError
        A column is missing, so no row can be scored.
    """
    missing = [name for name in (KEY, *scorer.encoder.columns) if name not in set(columns)]
    if missing:
        raise DataError(
            "the batch lacks this column, so no row was scored",
            column=missing[0],
            fix="write the batch with batch.write_batch, from the features of features.as_of",
        )


def count_pieces(source: Path, scorer: Scorer) -> int:
    """Return the number of row groups in the batch file `source`, after checking that the `scorer` can score it.

    Raises
    ------
    DataError
        A column is missing, or the file has no rows.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(source, pre_buffer=False) as content:
        check_columns(content.schema_arrow.names, scorer)
        if not content.metadata.num_rows:
            raise DataError("has no rows", file=source, fix="write at least one flight with batch.write_batch")
        return content.num_row_groups


def read_piece(source: Path | str, piece: int) -> tuple[pd.DataFrame, int]:
    """Return the rows of one row group of the file `source`, and the row number of the first one.

    The rows are numbered by their position in the whole file, from 0; so is `piece`. pyarrow's threads are off, for the
    reason that `datasets.read_parquet` gives.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(source, pre_buffer=False) as content:
        first = sum(content.metadata.row_group(before).num_rows for before in range(piece))
        rows = content.read_row_group(piece, use_threads=False).to_pandas(use_threads=False)
    return rows.set_axis(range(first, first + len(rows)), axis=0), first
