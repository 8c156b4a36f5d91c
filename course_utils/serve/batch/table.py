"""One table of predictions: a folder with an immutable SQLite file, its rejected rows and its manifest.

The SQLite file has one row per flight, sorted by key. The manifest records model, data, counts and the file's checksum.
"""

from __future__ import annotations

import csv
import hashlib
import heapq
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.errors import DataError
from course_utils.serve.batch.files import KEY

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MANIFEST", "REJECTS", "TABLE", "file_hash", "sync", "verify", "write_sqlite", "write_table"]

#: The files of a table's folder.
TABLE = "table.sqlite"
REJECTS = "rejects.csv"
MANIFEST = "manifest.json"

#: Bins of the histogram of scores, which the gate compares.
_BINS = 10
#: Scores in memory at a time while the histogram is made.
_CHUNK = 20_000


def write_table(folder: Path, version: str, parts: Sequence[str], origin: Mapping[str, str]) -> None:
    """Combine scored parts into the table in `folder`, and force it to the disk.

    One part is in memory at a time; SQLite sorts on the disk if there are many rows.

    Parameters
    ----------
    folder : Path
        An empty folder, not yet visible to readers.
    version : str
        The table's name, for its manifest.
    parts : sequence of str
        Paths of the files that `scoring.score_piece` made, in the order of the batch.
    origin : mapping of str to str
        Hashes of the model and the data, for the manifest.
    """
    totals: dict[str, Counter[str]] = {"missing": Counter(), "unseen": Counter()}
    kinds: Counter[str] = Counter()
    with closing(_create_database(folder / TABLE)) as table:
        # A database without a name is temporary: SQLite keeps it in memory, and on the disk once it is large.
        table.execute("ATTACH '' AS aside")
        table.execute(f"CREATE TABLE aside.scored ({KEY} TEXT, row INTEGER, score REAL)")
        table.execute("BEGIN")
        for part in parts:
            rows, counts = _read_part(part)
            for name, total in totals.items():
                total.update(counts[name])
            good = rows[rows["reason"] == ""]
            table.executemany("INSERT INTO aside.scored VALUES (?, ?, ?)", _tuples(good, KEY, "row", "score"))
        # Sorted by row, so that of two rows with the same key the first valid one is kept, however the parts came.
        table.execute(f"INSERT OR IGNORE INTO predictions SELECT {KEY}, score FROM aside.scored ORDER BY {KEY}, row")
        table.execute("COMMIT")
        ((scored, mean),) = table.execute("SELECT count(*), avg(score) FROM predictions")
        histogram = _histogram(table)
        rejected = 0
        with (folder / REJECTS).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["row", KEY, "reason"])
            for reject in heapq.merge(_invalid_rows(parts), _duplicate_rows(table, scored)):
                writer.writerow(reject)
                kinds[reject[2].split(":", 1)[0]] += 1
                rejected += 1
    count = scored + rejected
    manifest = {
        "version": version,
        **origin,
        "schema": {KEY: "text, unique, sorted", "score": "probability of 'late', float32"},
        "rows": {"in": count, "scored": scored, "rejected": rejected},
        "reasons": dict(sorted(kinds.items())),
        **{name: {column: round(total[column] / count, 6) for column in total} for name, total in totals.items()},
        "scores": histogram,
        "mean score": None if mean is None else round(mean, 6),
        "sha256": file_hash(folder / TABLE),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    # The files first, then the folder that lists them: after a power failure a listed file is complete.
    for entry in folder.iterdir():
        sync(entry)
    sync(folder)


def _histogram(table: sqlite3.Connection) -> list[int]:
    """Return how many scores fall into each of ten bins from 0 to 1."""
    counts = np.zeros(_BINS, dtype=int)
    scores = table.execute("SELECT score FROM predictions")
    while chunk := scores.fetchmany(_CHUNK):
        counts += np.histogram(np.array(chunk), bins=_BINS, range=(0, 1))[0]
    return counts.tolist()


def _read_part(part: str) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Return the rows of a scored part, and how often each input was missing or unseen."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(part, pre_buffer=False) as content:
        rows = content.read(use_threads=False).to_pandas(use_threads=False)
        return rows, json.loads(content.schema_arrow.metadata[b"counts"])


def _tuples(rows: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(rows[column].tolist() for column in columns), strict=True)


def _invalid_rows(parts: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Yield row number, key and reason of the rows that could not be scored, sorted by row."""
    for part in parts:
        rows, _ = _read_part(part)
        yield from _tuples(rows[rows["reason"] != ""], "row", KEY, "reason")


def _duplicate_rows(table: sqlite3.Connection, scored: int) -> Iterator[tuple[int, str, str]]:
    """Yield the rows whose key an earlier row has, sorted by row."""
    ((rows,),) = table.execute("SELECT count(*) FROM aside.scored")
    if rows > scored:  # the query below is slow, and most batches have no duplicates
        place = f"row_number() OVER (PARTITION BY {KEY} ORDER BY row)"
        numbered = f"SELECT row, {KEY}, {place} AS place FROM aside.scored"
        for row, key in table.execute(f"SELECT row, {KEY} FROM ({numbered}) WHERE place > 1 ORDER BY row"):
            yield row, key, "duplicate of an earlier row"


def _create_database(file: Path) -> sqlite3.Connection:
    """Create a SQLite file with an empty table of predictions, and return the open connection."""
    # isolation_level=None: Python adds no transactions to the statements below.
    connection = sqlite3.connect(file, isolation_level=None)
    # No journal and no waiting for the disk: no one reads the file before it is complete, and `sync` follows.
    for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF"):
        connection.execute(statement)
    # Without rowids, SQLite stores the rows in the order of the key: one search per look-up instead of two.
    connection.execute(f"CREATE TABLE predictions ({KEY} TEXT PRIMARY KEY, score REAL NOT NULL) WITHOUT ROWID")
    return connection


def write_sqlite(file: Path, rows: pd.DataFrame) -> None:
    """Write `rows`, with the columns 'flight' and 'score' and sorted by flight, to the new SQLite file `file`."""
    with closing(_create_database(file)) as table:
        table.execute("BEGIN")
        table.executemany("INSERT INTO predictions VALUES (?, ?)", _tuples(rows, KEY, "score"))
        table.execute("COMMIT")


def sync(path: Path) -> None:
    """Force the file or folder at `path` to the disk."""
    # Windows has no handles of folders, and writes them without being asked.
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_hash(file: Path) -> str:
    """Return the SHA-256 checksum of a `file`, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def verify(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare the table in `folder` with the checksum in its `manifest`.

    Raises
    ------
    DataError
        The file was changed after it was built.
    """
    if file_hash(folder / TABLE) != manifest["sha256"]:
        raise DataError(
            "the table differs from the checksum in its manifest", file=TABLE, fix="build and publish it again"
        )
