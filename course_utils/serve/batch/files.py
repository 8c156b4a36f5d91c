"""The file of a batch."""

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

__all__ = [
    "KEY",
    "check_columns",
    "count_pieces",
    "flight_keys",
    "read_piece",
    "write_batch",
]

#: The column of a batch that names the flight.
KEY = "flight"


def flight_keys(flights: pd.DataFrame) -> pd.Series:
    """Name each flight, in an order that sorts by day: '2013-11-07 UA 1545 EWR 0515'.

    Parameters
    ----------
    flights : DataFrame
        With the columns of `dictionary.KEY`.
    """
    import pandas as pd

    def text(name: str, width: int = 0) -> pd.Series:
        values = flights[name]
        if pd.api.types.is_numeric_dtype(values):
            # A column with one missing value is one of floats.
            values = values.round().astype("Int64")
        return values.astype(str).str.zfill(width)

    year, month, day, carrier, number, origin, clock = dictionary.KEY
    date = text(year).str.cat([text(month, 2), text(day, 2)], sep="-")
    return date.str.cat([text(carrier), text(number), text(origin), text(clock, 4)], sep=" ").rename(KEY)


def write_batch(
    flights: pd.DataFrame, inputs: pd.DataFrame, file: str | os.PathLike[str], *, rows: int = 10_000
) -> Path:
    """Write the flights that wait for a prediction as a Parquet file: their key, and the features.

    Parameters
    ----------
    flights : DataFrame
        With the columns of `dictionary.KEY`.
    inputs : DataFrame
        Features by row label, for these flights at least; see `features.as_of`.
    file : path
        Replaced if it is there.
    rows : int
        Rows in a piece (a row group): what is in memory at once.

    Raises
    ------
    UsageError
        `rows` is not positive.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if rows < 1:
        raise UsageError(f"rows={rows} holds nothing", fix="give 1 or more")
    frame = inputs.loc[flights.index].drop(columns=KEY, errors="ignore")
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
    absent = [name for name in (KEY, *scorer.encoder.columns) if name not in set(columns)]
    if absent:
        raise DataError(
            "the batch needs this column, and no row was scored",
            column=absent[0],
            fix="make it with batch.write_batch from features.as_of",
        )


def count_pieces(source: Path, scorer: Scorer) -> int:
    import pyarrow.parquet as pq

    with pq.ParquetFile(source, pre_buffer=False) as content:
        check_columns(content.schema_arrow.names, scorer)
        if not content.metadata.num_rows:
            raise DataError("has no rows", file=source, fix="send at least one flight")
        return content.num_row_groups


def read_piece(source: Path | str, piece: int) -> tuple[pd.DataFrame, int]:
    """Return the rows of one piece and the number of its first row; without threads, see `datasets.read_parquet`."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(source, pre_buffer=False) as content:
        first = sum(content.metadata.row_group(before).num_rows for before in range(piece))
        rows = content.read_row_group(piece, use_threads=False).to_pandas(use_threads=False)
    return rows.set_axis(range(first, first + len(rows)), axis=0), first
