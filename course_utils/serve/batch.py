"""Score a file of flights whole or not at all, publish the table by one switch, and look predictions up.

`PredictionStore` is a folder of tables that never change. Building one reads a Parquet file piece by piece, scores what can be
scored, writes down why the rest could not, and ends with a rename; publishing one replaces the file ``CURRENT``, which
names the table that readers open. So a reader finds the old table or the new one, whole, wherever a publisher dies.
A table is one SQLite file, sorted by flight: with the same rows, model and version of SQLite its bytes are the same.
"""

from __future__ import annotations

import atexit
import csv
import hashlib
import heapq
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from course_utils import tables
from course_utils.data import dictionary, faults
from course_utils.errors import DataError, ModelError, UsageError
from course_utils.model import metrics

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.model.training import Fit, Scorer

__all__ = [
    "KEY",
    "Answer",
    "Lookup",
    "PredictionStore",
    "cluster_engine",
    "compare_scoring_paths",
    "corrupt",
    "deck_encode",
    "example_batches",
    "flight_keys",
    "gate_limits",
    "key_coverage",
    "open_prediction_store",
    "publication_gate",
    "publication_steps",
    "run_job",
    "score_rows",
    "try_bad_batches",
    "try_dask",
    "write_batch",
]

#: The column of a batch that names the flight.
KEY = "flight"

_CURRENT, _TABLE, _REJECTS, _MANIFEST = "CURRENT", "table.sqlite", "rejects.csv", "manifest.json"
_LOCK = ".lock"
_STEPS = 10  # of the scores' histogram
_AT_ONCE = 20_000  # rows of a table in memory
_MOST = float(np.finfo(np.float32).max)  # the largest number that a model can take
_KEPT = 3

_Engine = Callable[[Callable[[int], str], Iterable[int]], Iterable[str]]


# --------------------------------------------------------------------------- a batch


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

    _check_columns(rows.columns, scorer)
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


def _check_columns(columns: Iterable[str], scorer: Scorer) -> None:
    absent = [name for name in (KEY, *scorer.encoder.columns) if name not in set(columns)]
    if absent:
        raise DataError(
            "the batch needs this column, and no row was scored",
            column=absent[0],
            fix="make it with batch.write_batch from features.as_of",
        )


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


# --------------------------------------------------------------------------- the store


class PredictionStore:
    """A folder of tables of predictions: built whole, published by a switch, kept for a rollback.

    One publisher at a time, any number of readers: while somebody builds, publishes or rolls back, everybody else who
    tries to gets an error at once.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def __repr__(self) -> str:
        return f"Store({len(self.kept)} tables, {self.current or 'none'} is current)"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other publishers out, also those of other processes; the lock is gone when its process is."""
        from filelock import FileLock, Timeout

        # One object for each file, so that who holds the lock may take it again.
        lock = FileLock(self.folder / _LOCK, timeout=0, is_singleton=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise UsageError("somebody else is publishing in this store", fix="wait for it, and run again") from error
        try:
            yield
        finally:
            lock.release()

    def inbox(self, name: str) -> Path:
        """Return where a batch of that name may wait: a file beside the store, never in it.

        Parameters
        ----------
        name : str
            Of the batch.
        """
        folder = self.folder.with_name(f"{self.folder.name}-inbox")
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.parquet"

    @property
    def kept(self) -> list[str]:
        """The tables that were published and can be had again, the oldest first."""
        return self._state()["kept"]

    @property
    def current(self) -> str | None:
        """The table that readers open; None before the first."""
        return self._state()["current"]

    def _state(self) -> dict[str, Any]:
        try:
            return json.loads((self.folder / _CURRENT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"current": None, "kept": []}

    def path(self, version: str) -> Path:
        """Return the folder of a table.

        Parameters
        ----------
        version : str
            A table that was built.

        Raises
        ------
        UsageError
            There is none of that name.
        """
        path = self.folder / version
        if not _is_name(version) or not path.is_dir():
            choose = ", ".join(self.kept) or "none yet"
            raise UsageError(f"there is no table {version!r}", fix=f"choose one that is kept: {choose}")
        return path

    def manifest(self, version: str) -> dict[str, Any]:
        """Return what is written down about a table: model, data, schema, rows, scores, checksum.

        Parameters
        ----------
        version : str
            A table that was built.

        Raises
        ------
        UsageError
            There is none of that name.
        """
        return json.loads((self.path(version) / _MANIFEST).read_text(encoding="utf-8"))

    def rejects(self, version: str) -> pd.DataFrame:
        """Return the rows that were not scored: row (from 0), flight and reason.

        Parameters
        ----------
        version : str
            A table that was built.

        Raises
        ------
        UsageError
            There is no table of that name.
        """
        import pandas as pd

        return pd.read_csv(self.path(version) / _REJECTS, dtype={KEY: str, "reason": str}, keep_default_na=False)

    def report(self, version: str) -> pd.DataFrame:
        """Return where all rows of a batch went: scored, or rejected for which kind of reason.

        Parameters
        ----------
        version : str
            A table that was built.

        Raises
        ------
        UsageError
            There is no table of that name.
        """
        import pandas as pd

        manifest = self.manifest(version)
        lines = {"rows in": manifest["rows"]["in"], "scored": manifest["rows"]["scored"]}
        lines |= {f"rejected: {kind}": count for kind, count in manifest["reasons"].items()}
        return pd.DataFrame({"rows": lines}).rename_axis("batch")

    def build(self, version: str, source: str | os.PathLike[str], scorer: Scorer, *, engine: _Engine = map) -> str:
        """Make a table from a file of features, without publishing it. Killed, it goes on where it was.

        Parameters
        ----------
        version : str
            A name of letters, digits, '-', '_' and '.', that no other table has.
        source : path
            As from `write_batch`.
        scorer : Scorer
        engine : callable
            What ``map`` is: it calls a function for the number of each piece. Another one may use other machines that
            see the same folders.

        Returns
        -------
        str
            `version`.

        Raises
        ------
        UsageError
            The name cannot be used, or belongs to a table of other rows or another model; or somebody else is
            publishing.
        DataError
            The source is no Parquet file, or lacks a column.
        """
        import pyarrow as pa

        if not _is_name(version):
            raise UsageError(f"{version!r} is no name for a table", fix="use letters, digits, '-', '_' and '.'")
        source = Path(source)
        try:
            made_of = {"model": _model_hash(scorer), "data": _file_hash(source)}
            pieces = _pieces(source, scorer)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError("is no Parquet file that can be read", file=source, fix="write it again") from error
        with self._alone():
            if (self.folder / version).is_dir():
                there = self.manifest(version)
                if {name: there[name] for name in made_of} != made_of:
                    raise UsageError(
                        f"{version} is made of other rows or another model, and a table never changes",
                        fix="choose another name",
                    )
                return version
            work = self.folder / f".work-{version}-{_hash(json.dumps(made_of).encode())[:12]}"
            work.mkdir(exist_ok=True)
            parts = list(engine(partial(_score_piece, str(source), scorer, str(work)), range(pieces)))
            made = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
            _write_table(made, version, parts, made_of)
            made.replace(self.folder / version)
            _sync(self.folder)
            shutil.rmtree(work)
        return version

    def publish(self, version: str, *, keep: int = _KEPT) -> None:
        """Let readers see a table from now on, and clear away what is too old or was left unfinished.

        Parameters
        ----------
        version : str
            One that was built.
        keep : int
            How many published tables stay, this one included.

        Raises
        ------
        UsageError
            There is no such table, nothing would be kept, or somebody else is publishing.
        DataError
            The table is not what its manifest says.
        """
        if keep < 1:
            raise UsageError(f"keep={keep} leaves nothing to read", fix="give 1 or more, 2 or more for a rollback")
        with self._alone():
            self._switch(version, [*(one for one in self.kept if one != version), version][-keep:])
            self._sweep()

    def rollback(self, version: str | None = None) -> str:
        """Let readers see an earlier table again, the same bytes as before.

        Parameters
        ----------
        version : str, optional
            One of `kept`; default the one published before the current one.

        Returns
        -------
        str
            The table that is current now.

        Raises
        ------
        UsageError
            There is no such table, or none before the current one; or somebody else is publishing.
        DataError
            The table is not what its manifest says.
        """
        with self._alone():
            kept, current = self.kept, self.current
            if version is None:
                place = kept.index(current) if current in kept else 0
                if place == 0:
                    raise UsageError("there is no table before the current one", fix="publish two, and keep both")
                version = kept[place - 1]
            elif version not in kept:
                raise UsageError(f"{version!r} was not kept", fix=f"choose one of {', '.join(kept) or 'none yet'}")
            self._switch(version, kept)
        return version

    def _switch(self, version: str, kept: Sequence[str]) -> None:
        _verify(self.path(version), self.manifest(version))
        _write_synced(self.folder / ".CURRENT.new", json.dumps({"current": version, "kept": list(kept)}).encode())
        (self.folder / ".CURRENT.new").replace(self.folder / _CURRENT)
        _sync(self.folder)

    def _sweep(self) -> None:
        """Remove tables that are not kept, and what a killed publisher left."""
        stay = set(self.kept)
        for entry in self.folder.iterdir():
            if entry.is_dir() and entry.name not in stay:
                shutil.rmtree(entry, ignore_errors=True)


def open_prediction_store() -> PredictionStore:
    """Return an empty store in a temporary folder, which is gone when Python ends."""
    scratch = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    return PredictionStore(Path(scratch) / "store")


def _is_name(version: str) -> bool:
    return bool(version) and version[0].isalnum() and all(one.isalnum() or one in "-_." for one in version)


def _pieces(source: Path, scorer: Scorer) -> int:
    import pyarrow.parquet as pq

    with pq.ParquetFile(source, pre_buffer=False) as content:
        _check_columns(content.schema_arrow.names, scorer)
        if not content.metadata.num_rows:
            raise DataError("has no rows", file=source, fix="send at least one flight")
        return content.num_row_groups


def _read_piece(source: Path | str, piece: int) -> tuple[pd.DataFrame, int]:
    """Return the rows of one piece and the number of its first row; without threads, see `datasets.read_parquet`."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(source, pre_buffer=False) as content:
        first = sum(content.metadata.row_group(before).num_rows for before in range(piece))
        rows = content.read_row_group(piece, use_threads=False).to_pandas(use_threads=False)
    return rows.set_axis(range(first, first + len(rows)), axis=0), first


def _score_piece(source: str, scorer: Scorer, work: str, piece: int) -> str:
    """Score one piece into a file of its own, if that is not there yet; return the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = Path(work) / f"{piece:06}.parquet"
    if target.exists():
        return str(target)
    rows, _ = _read_piece(source, piece)
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


def _write_table(made: Path, version: str, parts: Sequence[str], made_of: Mapping[str, str]) -> None:
    """Put the parts together in a new folder, with everything on the disk at the end.

    One part is in memory at a time. SQLite sorts, on the disk where the rows are many.
    """
    totals: dict[str, Counter[str]] = {"missing": Counter(), "unseen": Counter()}
    kinds: Counter[str] = Counter()
    with closing(_database(made / _TABLE)) as table:
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
        with (made / _REJECTS).open("w", encoding="utf-8", newline="") as file:
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
        "sha256": _file_hash(made / _TABLE),
    }
    (made / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for entry in made.iterdir():
        _sync(entry)
    _sync(made)


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


def _write_sqlite(file: Path, rows: pd.DataFrame) -> None:
    """Write a table of rows that are sorted."""
    with closing(_database(file)) as table:
        table.execute("BEGIN")
        table.executemany("INSERT INTO predictions VALUES (?, ?)", _tuples(rows, KEY, "score"))
        table.execute("COMMIT")


def _write_synced(file: Path, content: bytes) -> None:
    with file.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _sync(path: Path) -> None:
    """Put a file or folder on the disk; Windows has no handles of folders, and writes them by itself."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _file_hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _model_hash(scorer: Scorer) -> str:
    encoding = [scorer.encoder.columns, {name: list(known) for name, known in scorer.encoder.categories.items()}]
    return _hash(bytes(scorer.booster.save_raw("ubj")) + json.dumps(encoding).encode())[:16]


def _verify(folder: Path, manifest: Mapping[str, Any]) -> None:
    if _file_hash(folder / _TABLE) != manifest["sha256"]:
        raise DataError(
            "the table is not the one that its manifest describes", file=_TABLE, fix="build and publish it again"
        )


def cluster_engine(client: Any) -> _Engine:
    """Return an engine for `Store.build` that lets a cluster's workers score the pieces.

    Parameters
    ----------
    client : dask.distributed.Client or alike
        Its workers see the folders of batch and store under the same names.
    """
    return lambda work, pieces: client.gather(client.map(work, list(pieces)))


def try_dask(source: str | os.PathLike[str], scorer: Scorer, *, workers: int = 2) -> None:
    """Make a table in this process and on a cluster of this machine; print seconds, memory and whether it is the same.

    Without Dask, which the course does not install, it prints how to get it.

    Parameters
    ----------
    source : path
        As from `write_batch`.
    scorer : Scorer
    workers : int
        Processes that score.
    """
    try:
        from dask.distributed import Client
    except ImportError:
        print('Dask is not installed: python -m pip install "dask[distributed]", then run this cell again.')
        return
    with tempfile.TemporaryDirectory() as scratch:
        alone, shared = PredictionStore(Path(scratch) / "alone"), PredictionStore(Path(scratch) / "shared")
        begun = time.perf_counter()
        alone.build("v1", source, scorer)
        print(f"One process: {time.perf_counter() - begun:.1f} s.")
        begun = time.perf_counter()
        with Client(n_workers=workers, threads_per_worker=1, dashboard_address=None) as client:
            ready = time.perf_counter()
            shared.build("v1", source, scorer, engine=cluster_engine(client))
            done = time.perf_counter()
            most = max(client.run(_megabytes).values())
        print(f"{workers} workers: {ready - begun:.1f} s to start, {done - ready:.1f} s, at most {most:.0f} MB each.")
        same = alone.manifest("v1")["sha256"] == shared.manifest("v1")["sha256"]
    print("The tables have the same bytes." if same else "The tables differ.")


def _megabytes() -> float:
    """Return what this process holds in memory now."""
    import psutil

    return psutil.Process().memory_info().rss / 2**20


# --------------------------------------------------------------------------- reading


class Answer(NamedTuple):
    """What a lookup gives for a flight.

    Attributes
    ----------
    score : float
        Probability of 'late', or the default.
    version : str
        The table that was asked.
    default : bool
        Whether the table does not have the flight.
    """

    score: float
    version: str
    default: bool


class Lookup:
    """Read predictions from the current table of a store, with a small cache in front.

    Parameters
    ----------
    store : Store or path
    default : float
        The answer for a flight that is not there.
    cache : int
        How many answers to keep at hand, those asked last; 0 for none.
    look_every : int
        After how many reads to look for a newer table; the fewer, the fresher and the slower.

    Raises
    ------
    UsageError
        Nothing was published yet, or a number is out of range.
    DataError
        The table is not what its manifest says.
    """

    def __init__(
        self, store: PredictionStore | str | os.PathLike[str], default: float, *, cache: int = 0, look_every: int = 1
    ) -> None:
        if cache < 0 or look_every < 1:
            raise UsageError(
                f"cache={cache}, look_every={look_every} cannot be used", fix="give 0 or more, and 1 or more"
            )
        self.store = store if isinstance(store, PredictionStore) else PredictionStore(store)
        self.default = float(default)
        self._room, self.look_every = cache, look_every
        self._cached: OrderedDict[str, Answer] = OrderedDict()
        self._counts = {"reads": 0, "from the cache": 0, "default answers": 0}
        self._connection: sqlite3.Connection | None = None
        self.version = ""
        self.refresh()

    def refresh(self) -> None:
        """Open the table that is current now, if that is another one, and forget what is cached of the old.

        Raises
        ------
        UsageError
            Nothing was published yet.
        DataError
            The table is not what its manifest says.
        ModelError
            There is a current table, and it cannot be opened.
        """
        for _ in range(100):
            current = self.store.current
            if current is None:
                raise UsageError("nothing was published yet", fix="publish a table first")
            if current == self.version:
                return
            try:
                path = self.store.path(current)
                _verify(path, self.store.manifest(current))
                uri = f"{(path / _TABLE).resolve().as_uri()}?mode=ro&immutable=1"
                connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
                # A connection opens its file when it is first used: from here on it holds that table, kept or not.
                connection.execute("SELECT 1 FROM predictions LIMIT 1").fetchone()
            except (FileNotFoundError, UsageError, sqlite3.OperationalError):
                continue  # cleared away since CURRENT was read: there is a newer one
            self.close()
            self._connection, self.version = connection, current
            self._cached.clear()
            return
        raise ModelError(f"the table {current} cannot be opened", fix="publish again, or roll back to another table")

    def get(self, flight: str) -> Answer:
        """Return the prediction of a flight, or the default, and say which.

        Parameters
        ----------
        flight : str
            As from `flight_keys`.
        """
        if self._counts["reads"] % self.look_every == 0:
            self.refresh()
        self._counts["reads"] += 1
        answer = self._cached.get(flight)
        if answer is not None:
            self._cached.move_to_end(flight)
            self._counts["from the cache"] += 1
        else:
            found = self._connection.execute(f"SELECT score FROM predictions WHERE {KEY} = ?", (flight,)).fetchone()
            answer = Answer(self.default if found is None else found[0], self.version, found is None)
            if self._room:
                self._cached[flight] = answer
                if len(self._cached) > self._room:
                    self._cached.popitem(last=False)
        self._counts["default answers"] += answer.default
        return answer

    def all(self) -> dict[str, float]:
        """Return the whole table, in the order of its keys."""
        return dict(self._connection.execute(f"SELECT {KEY}, score FROM predictions ORDER BY {KEY}"))

    def counts(self) -> pd.Series:
        """Return how many reads there were, how many came from the cache, and how many got the default."""
        import pandas as pd

        return pd.Series(self._counts, name="lookups")

    def close(self) -> None:
        """Let go of the table."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


# --------------------------------------------------------------------------- the gate


def gate_limits() -> dict[str, float]:
    """Return what a new table is held to; see ``tables/serve/batch.toml``."""
    return dict(tables.read_toml("batch.toml")["limits"])


def publication_gate(store: PredictionStore, version: str, source: str | os.PathLike[str], scorer: Scorer) -> list[str]:
    """Say why a table should not be published: compare it with the current one, and with the scorer row by row.

    Parameters
    ----------
    store : Store
    version : str
        A table that was built.
    source : path
        What it was built from.
    scorer : Scorer
        The model that it should come from.

    Returns
    -------
    list of str
        Reasons; empty if it may be published. The first table has none to be compared with.

    Raises
    ------
    UsageError
        There is no such table.
    DataError
        The source has another schema than the scorer.
    """
    new, limit = store.manifest(version), gate_limits()
    last = None if store.current is None else store.manifest(store.current)
    rows, reasons = new["rows"], []
    if rows["in"] != rows["scored"] + rows["rejected"]:
        reasons.append(f"rows: {rows['in']:,} came in, {rows['scored'] + rows['rejected']:,} are accounted for")
    share = rows["rejected"] / rows["in"]
    if share > limit["rejected"]:
        worst = max(new["reasons"], key=new["reasons"].get)
        reasons.append(f"rejected: {share:.0%} of the rows, most for {worst!r}")
    for name, unseen in new["unseen"].items():
        if unseen > limit["unseen"]:
            reasons.append(f"unseen: {name} has a value unknown to the model on {unseen:.0%} of the rows")
    if last is not None:
        reasons += _changes(new, last, limit)
    differ, tried = _spot(store, version, Path(source), scorer, int(limit["spot"]))
    if differ:
        reasons.append(f"spot check: {differ} of {tried} rows have another score when asked one by one")
    return reasons


def _changes(new: Mapping[str, Any], last: Mapping[str, Any], limit: Mapping[str, float]) -> list[str]:
    """Compare a manifest with that of the table before."""
    reasons = []
    ratio = new["rows"]["in"] / last["rows"]["in"]
    if not limit["rows"] <= ratio <= 1 / limit["rows"]:
        reasons.append(f"rows: {new['rows']['in']:,} came in, {last['rows']['in']:,} in the batch before")
    rises = {name: share - last["missing"].get(name, 0) for name, share in new["missing"].items()}
    name = max(rises, key=rises.get)
    if rises[name] > limit["missing"]:
        count = sum(rise > limit["missing"] for rise in rises.values())
        reasons.append(f"missing: {name} on {new['missing'][name]:.0%} of the rows, and {count - 1} more inputs")
    moved = metrics.psi(last["scores"], new["scores"])
    if moved > limit["psi"]:
        reasons.append(
            f"scores: they moved (PSI {moved:.2f}), mean {new['mean score']:.2f} after {last['mean score']:.2f}"
        )
    return reasons


def _spot(store: PredictionStore, version: str, source: Path, scorer: Scorer, count: int) -> tuple[int, int]:
    """Ask the scorer about rows one by one; return how many differ from the table, and how many were asked."""
    rejected = store.rejects(version)["row"].to_numpy()
    scored = store.manifest(version)["rows"]["scored"]
    places = np.linspace(0, scored - 1, min(count, scored)).round().astype(int)
    # Of the rows that were scored, those at some places: each reject before one moves it on by a row.
    chosen = set((places + np.searchsorted(rejected - np.arange(len(rejected)), places, side="right")).tolist())
    connection = sqlite3.connect(store.path(version) / _TABLE)
    differ = 0
    try:
        for piece in range(_pieces(source, scorer)):
            rows, first = _read_piece(source, piece)
            for row in sorted(chosen & set(range(first, first + len(rows)))):
                values = rows.loc[row].to_dict()
                query = f"SELECT score FROM predictions WHERE {KEY} = ?"
                stored = connection.execute(query, (values.pop(KEY),)).fetchone()
                differ += stored is None or stored[0] != scorer.score_one(values)
    finally:
        connection.close()
    return differ, len(chosen)


def run_job(store: PredictionStore, version: str, source: str | os.PathLike[str], scorer: Scorer) -> list[str]:
    """Build a table, hold it to the gate, and publish it if nothing speaks against it.

    Parameters
    ----------
    store : Store
    version : str
        The name of the new table.
    source : path
        As from `write_batch`.
    scorer : Scorer

    Returns
    -------
    list of str
        Why it was refused; empty if it is current now. A refused table is removed, and readers see the one before.

    Raises
    ------
    UsageError, DataError
        As `Store.build`.
    """
    with store._alone():
        known = version in store.kept
        store.build(version, source, scorer)
        reasons = publication_gate(store, version, source, scorer)
        if not reasons:
            store.publish(version)
        elif not known:
            shutil.rmtree(store.path(version))
    return reasons


# --------------------------------------------------------------------------- for the lesson


def key_coverage(flights: pd.DataFrame) -> pd.DataFrame:
    """Count, for each design of a key, how many predictions 'all possible' are, and how many flights would find one.

    Parameters
    ----------
    flights : DataFrame
        A year of flights or more.

    Returns
    -------
    DataFrame, one row a design of ``tables/serve/batch.toml``
        'keys' seen in the year, and 'found': the share, in percent, of the flights after the training months whose key
        the training months had.
    """
    import pandas as pd

    from course_utils.data import splits

    split = splits.split_by_time(flights)
    rows = pd.concat([split.train, split.validation, split.test])
    known = np.arange(len(rows)) < len(split.train)
    rows = rows.assign(hour=rows["CRSDepTime"] // 100)
    table = {}
    for name, columns in tables.read_toml("batch.toml")["keys"].items():
        # A number for each key: groups of categories are those that occur.
        key = rows.groupby(columns, observed=True, sort=False).ngroup().to_numpy()
        table[name] = {
            "keys": int(key.max()) + 1,
            "found": round(100 * float(np.isin(key[~known], key[known]).mean()), 1),
        }
    return pd.DataFrame(table).T.astype({"keys": int}).rename_axis("key")


def deck_encode(rows: pd.DataFrame, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Encode as the deck does: a column for each category of these rows, then the columns of training where given.

    Parameters
    ----------
    rows : DataFrame
    columns : sequence of str, optional
        The encoded columns of the training rows; what the rows lack of them becomes 0, without a word.
    """
    import pandas as pd

    encoded = pd.get_dummies(rows.astype(dict.fromkeys(rows.select_dtypes("category"), object)), dtype=float)
    return encoded if columns is None else encoded.reindex(columns=list(columns), fill_value=0.0)


def compare_scoring_paths(fit: Fit, flights: pd.DataFrame, lookup: Lookup) -> pd.DataFrame:
    """Return the scores of flights by three roads: as training evaluates, from the table, and asked one by one.

    Parameters
    ----------
    fit : training.Fit
    flights : DataFrame
        Flights that the table has.
    lookup : Lookup

    Returns
    -------
    DataFrame of float, one row a flight
        'training', 'batch', 'one by one'.
    """
    import pandas as pd

    inputs = fit.inputs.loc[flights.index]
    return pd.DataFrame(
        {
            "training": fit.predict(flights).astype(float),
            "batch": [lookup.get(key).score for key in flight_keys(flights)],
            "one by one": [fit.scorer.score_one(inputs.loc[row].to_dict()) for row in inputs.index],
        },
        index=flights.index,
    )


def example_batches(flights: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the flights of two batches, one after the other; see ``tables/serve/batch.toml``.

    Parameters
    ----------
    flights : DataFrame
        Of one of the course's data sets.
    """
    import pandas as pd

    from course_utils.data import datasets, splits

    # By the clock of each airport.
    when = splits.day(flights) + pd.to_timedelta(datasets.minute_of_day(flights["CRSDepTime"]), unit="min")
    starts = tables.read_toml("batch.toml")["batches"][flights.attrs.get("dataset") or tables.active_dataset()]
    first, then, end = (pd.Timestamp(start) for start in starts)
    return flights[(when >= first) & (when < then)], flights[(when >= then) & (when < end)]


def corrupt(flights: pd.DataFrame, inputs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return a batch as it comes on a bad day: impossible times, wrong clocks, flights that are there twice.

    Parameters
    ----------
    flights, inputs : DataFrame
        A good batch.
    seed : int
        Same seed, same faults.

    Returns
    -------
    DataFrame
        Columns of both.
    """
    rows, rng = _full(flights, inputs), np.random.default_rng(seed)
    for fault, strength in (("impossible_values", 0.003), ("minutes_of_day", 0.01), ("duplicated", 0.01)):
        rows, _ = faults.plant(fault, rows, rng, strength)
    return rows


def _full(flights: pd.DataFrame, inputs: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    own = [name for name in inputs.columns if name not in flights.columns]
    return pd.concat([flights, inputs[own].loc[flights.index]], axis=1)


def publication_steps() -> pd.DataFrame:
    """Return what a publisher does, in no order: 'step' and 'what it does'."""
    import pandas as pd

    named = tables.read_toml("batch.toml")["steps"]
    return pd.DataFrame({"what it does": named}).rename_axis("step")


def try_bad_batches(
    store: PredictionStore, flights: pd.DataFrame, inputs: pd.DataFrame, scorer: Scorer
) -> pd.DataFrame:
    """Try to publish five batches that are wrong, each in another way, and return what the gate said.

    Parameters
    ----------
    store : Store
        With a published table to compare with.
    flights, inputs : DataFrame
        A good batch.
    scorer : Scorer

    Returns
    -------
    DataFrame, one row a batch
        What was 'planted', and the gate's 'reason'; 'published' where it had none.
    """
    import dataclasses

    import pandas as pd

    full = _full(flights, inputs)

    def planted(fault: str, strength: float, *, by: str | None = None) -> pd.DataFrame:
        parts = [full] if by is None else [part for _, part in full.groupby(by)]
        return pd.concat([faults.plant(fault, part, 0, strength)[0] for part in parts])

    weather = dictionary.load("weather").index
    carrier = full["UniqueCarrier"].astype(object).mask(np.arange(len(full)) % 10 == 0, "9X")
    shares = [name for name in inputs.columns if name.startswith("late_")]
    shifted = {name: (*known[1:], known[0]) for name, known in scorer.encoder.categories.items()}
    other = dataclasses.replace(scorer, encoder=dataclasses.replace(scorer.encoder, categories=shifted))
    if set(weather) & set(inputs.columns):
        lost = {"the weather did not arrive": (planted("outage", 1.0, by="DayofMonth"), scorer)}
    else:  # allyears2k has none
        lost = {"the delays of other flights did not arrive": (full.assign(**dict.fromkeys(shares, np.nan)), scorer)}
    cases: dict[str, tuple[pd.DataFrame, Scorer]] = lost | {
        "a new carrier flies a tenth of the flights": (full.assign(UniqueCarrier=carrier), scorer),
        "times of day sent in minutes": (planted("minutes_of_day", 1.0), scorer),
        "shares of late flights sent in percent": (full.assign(**{name: 100 * full[name] for name in shares}), scorer),
        "codes numbered in another order": (full, other),
    }
    said = []
    with tempfile.TemporaryDirectory() as scratch:
        for place, (rows, used) in enumerate(cases.values()):
            source = write_batch(rows, rows[list(inputs.columns)], Path(scratch) / "bad.parquet")
            store.build(f"bad-{place}", source, used)
            said.append("; ".join(publication_gate(store, f"bad-{place}", source, scorer)) or "published")
            shutil.rmtree(store.path(f"bad-{place}"))
    return pd.DataFrame({"reason": said}, index=pd.Index(list(cases), name="planted"))
