"""One table of predictions: a SQLite file that never changes."""

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

if TYPE_CHECKING:
    import pandas as pd

from course_utils.serve.batch.files import KEY

__all__ = [
    "MANIFEST",
    "REJECTS",
    "TABLE",
    "file_hash",
    "sync",
    "verify",
    "write_sqlite",
    "write_table",
]

TABLE, REJECTS, MANIFEST = "table.sqlite", "rejects.csv", "manifest.json"

_STEPS = 10  # of the scores' histogram

_AT_ONCE = 20_000  # rows of a table in memory


def write_table(made: Path, version: str, parts: Sequence[str], made_of: Mapping[str, str]) -> None:
    """Put the parts together in a new folder, with everything on the disk at the end.

    One part is in memory at a time. SQLite sorts, on the disk where the rows are many.
    """
    totals: dict[str, Counter[str]] = {"missing": Counter(), "unseen": Counter()}
    kinds: Counter[str] = Counter()
    with closing(_database(made / TABLE)) as table:
        # A nameless database is one of SQLite's own, which goes to the disk when it grows.
        table.execute("ATTACH '' AS aside")
        table.execute(f"CREATE TABLE aside.scored ({KEY} TEXT, row INTEGER, score REAL)")
        table.execute("BEGIN")
        for part in parts:
            rows, counts = _read_part(part)
            for name, total in totals.items():
                total.update(counts[name])
            good = rows[rows["reason"] == ""]
            table.executemany("INSERT INTO aside.scored VALUES (?, ?, ?)", _tuples(good, KEY, "row", "score"))
        # A key that comes again: the first row that could be scored has it.
        table.execute(f"INSERT OR IGNORE INTO predictions SELECT {KEY}, score FROM aside.scored ORDER BY {KEY}, row")
        table.execute("COMMIT")
        ((scored, mean),) = table.execute("SELECT count(*), avg(score) FROM predictions")
        steps = np.zeros(_STEPS, dtype=int)
        scores = table.execute("SELECT score FROM predictions")
        while some := scores.fetchmany(_AT_ONCE):
            steps += np.histogram(np.array(some), bins=_STEPS, range=(0, 1))[0]
        rejected = 0
        with (made / REJECTS).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["row", KEY, "reason"])
            for reject in heapq.merge(_rejects(parts), _again(table, scored)):
                writer.writerow(reject)
                kinds[reject[2].split(":", 1)[0]] += 1
                rejected += 1
    count = scored + rejected
    manifest = {
        "version": version,
        **made_of,
        "schema": {KEY: "text, unique, sorted", "score": "probability of 'late', float32"},
        "rows": {"in": count, "scored": scored, "rejected": rejected},
        "reasons": dict(sorted(kinds.items())),
        **{name: {column: round(total[column] / count, 6) for column in total} for name, total in totals.items()},
        "scores": steps.tolist(),
        "mean score": None if mean is None else round(mean, 6),
        "sha256": file_hash(made / TABLE),
    }
    (made / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for entry in made.iterdir():
        sync(entry)
    sync(made)


def _read_part(part: str) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Return the scored rows of a part, and how often each input was missing or unseen."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(part, pre_buffer=False) as content:
        rows = content.read(use_threads=False).to_pandas(use_threads=False)
        return rows, json.loads(content.schema_arrow.metadata[b"counts"])


def _tuples(rows: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(rows[column].tolist() for column in columns), strict=True)


def _rejects(parts: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Yield the rows that could not be scored, in their order."""
    for part in parts:
        rows, _ = _read_part(part)
        yield from _tuples(rows[rows["reason"] != ""], "row", KEY, "reason")


def _again(table: sqlite3.Connection, scored: int) -> Iterator[tuple[int, str, str]]:
    """Yield the rows whose flight an earlier row has, in their order; mostly there are none."""
    ((rows,),) = table.execute("SELECT count(*) FROM aside.scored")
    if rows > scored:
        place = f"row_number() OVER (PARTITION BY {KEY} ORDER BY row)"
        numbered = f"SELECT row, {KEY}, {place} AS place FROM aside.scored"
        for row, key in table.execute(f"SELECT row, {KEY} FROM ({numbered}) WHERE place > 1 ORDER BY row"):
            yield row, key, "is a flight that an earlier row holds already"


def _database(file: Path) -> sqlite3.Connection:
    """Make the file of a table without rows."""
    # isolation_level=None: the statements below are all there is. Nobody reads the file before it is finished.
    connection = sqlite3.connect(file, isolation_level=None)
    for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF"):
        connection.execute(statement)
    connection.execute(f"CREATE TABLE predictions ({KEY} TEXT PRIMARY KEY, score REAL NOT NULL) WITHOUT ROWID")
    return connection


def write_sqlite(file: Path, rows: pd.DataFrame) -> None:
    """Write a table of rows that are sorted."""
    with closing(_database(file)) as table:
        table.execute("BEGIN")
        table.executemany("INSERT INTO predictions VALUES (?, ?)", _tuples(rows, KEY, "score"))
        table.execute("COMMIT")


def sync(path: Path) -> None:
    """Put a file or folder on the disk; Windows has no handles of folders, and writes them by itself."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def verify(folder: Path, manifest: Mapping[str, Any]) -> None:
    if file_hash(folder / TABLE) != manifest["sha256"]:
        raise DataError(
            "the table is not the one that its manifest describes", file=TABLE, fix="build and publish it again"
        )
