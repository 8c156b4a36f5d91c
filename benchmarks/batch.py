"""Where to keep a table of predictions, what scoring a batch costs, and what a bigger engine brings.

    uv run --with lmdb --with rocksdict --with "dask[distributed]" python benchmarks/batch.py            # print
    uv run --with lmdb --with rocksdict --with "dask[distributed]" python benchmarks/batch.py --write    # and keep

The tables are kept as course_utils/tables/benchmark_batch_{stores,scoring,engines}.csv.

LMDB, RocksDB and Dask are no packages of the course: only this file needs them. Ways take turns, best of three; stores
and scoring in processor time, so that other work on the machine hardly counts. Engines in seconds by the clock and the
largest memory of one process, each engine in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from course_utils import batch, datasets, features, splits, tables, training

FOLDER = Path(tables.__file__).parent
KEYS = 200_000
READS = 20_000
REPEATS = 3
SIZES = (336_776, 1_347_104)  # flights: a year, and four


def taken(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor seconds of some work, and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


# --------------------------------------------------------------------------- stores


def build_sqlite(folder: Path, rows: pd.DataFrame) -> None:
    """Write the table as the course does."""
    batch._write_sqlite(folder / "table.sqlite", rows)


def read_sqlite(folder: Path) -> Callable[[str], float]:
    """Return a function from key to score."""
    connection = sqlite3.connect(f"{(folder / 'table.sqlite').as_uri()}?mode=ro&immutable=1", uri=True)
    return lambda key: connection.execute("SELECT score FROM predictions WHERE flight = ?", (key,)).fetchone()[0]


def build_lmdb(folder: Path, rows: pd.DataFrame) -> None:
    """Append sorted pairs in one transaction."""
    import lmdb

    with lmdb.open(str(folder), map_size=1 << 30) as environment, environment.begin(write=True) as transaction:
        for key, score in zip(rows["flight"], rows["score"].to_numpy(), strict=True):
            transaction.put(key.encode(), score.tobytes(), append=True)


def read_lmdb(folder: Path) -> Callable[[str], float]:
    """Return a function from key to score."""
    import lmdb

    transaction = lmdb.open(str(folder), readonly=True, lock=False).begin()
    return lambda key: float(np.frombuffer(transaction.get(key.encode()), np.float32)[0])


def build_rocksdb(folder: Path, rows: pd.DataFrame) -> None:
    """Write one sorted file and let the store take it in."""
    from rocksdict import Options, Rdict, SstFileWriter

    options = Options(raw_mode=True)
    writer = SstFileWriter(options)
    writer.open(str(folder / "made.sst"))
    for key, score in zip(rows["flight"], rows["score"].to_numpy(), strict=True):
        writer[key.encode()] = score.tobytes()
    writer.finish()
    store = Rdict(str(folder / "db"), options)
    store.ingest_external_file([str(folder / "made.sst")])
    store.close()
    (folder / "made.sst").unlink()


def read_rocksdb(folder: Path) -> Callable[[str], float]:
    """Return a function from key to score."""
    from rocksdict import AccessType, Options, Rdict

    store = Rdict(str(folder / "db"), Options(raw_mode=True), access_type=AccessType.read_only())
    return lambda key: float(np.frombuffer(store[key.encode()], np.float32)[0])


def build_parquet(folder: Path, rows: pd.DataFrame) -> None:
    """Write a column of keys and one of scores."""
    rows.to_parquet(folder / "table.parquet", index=False)


def read_parquet(folder: Path) -> Callable[[str], float]:
    """Read it all into a dict."""
    rows = datasets.read_parquet(folder / "table.parquet")
    return dict(zip(rows["flight"], rows["score"].astype(float), strict=True)).__getitem__


STORES: dict[str, tuple[Callable, Callable, str]] = {
    "SQLite, a sorted table": (build_sqlite, read_sqlite, "Python itself"),
    "LMDB": (build_lmdb, read_lmdb, "lmdb"),
    "RocksDB, sorted files (SSTables)": (build_rocksdb, read_rocksdb, "rocksdict"),
    "Parquet, read into a dict": (build_parquet, read_parquet, "pyarrow"),
}


def digest(folder: Path) -> str:
    """Fingerprint the files that hold the data."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(("lock", "LO")))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def stores() -> pd.DataFrame:
    """Build each store three times, and read it at random."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"flight": [f"2013-11-07 UA {number:07} EWR 0515" for number in range(KEYS)]})
    rows["score"] = rng.random(KEYS, dtype=np.float32)
    asked = rows.sample(READS, random_state=0)
    expected = asked["score"].astype(float).tolist()
    figures: dict[str, dict[str, list]] = {name: {"build": [], "open": [], "read": [], "bytes": []} for name in STORES}
    sizes = {}
    for _ in range(REPEATS):
        for name, (build, read, _package) in STORES.items():
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch)
                seconds, _ = taken(lambda build=build, folder=folder: build(folder, rows))
                figures[name]["build"].append(seconds)
                figures[name]["bytes"].append(digest(folder))
                sizes[name] = sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())
                seconds, get = taken(lambda read=read, folder=folder: read(folder))
                figures[name]["open"].append(seconds)
                seconds, got = taken(lambda get=get: [get(key) for key in asked["flight"]])
                assert got == expected, name
                figures[name]["read"].append(seconds / READS)
                del get
    table = {
        name: {
            "package": package,
            "build [s]": f"{min(figures[name]['build']):.2f}",
            "size [MB]": f"{sizes[name] / 1e6:.1f}",
            "open [ms]": f"{1e3 * min(figures[name]['open']):.1f}",
            "a read [µs]": f"{1e6 * min(figures[name]['read']):.1f}",
            "same bytes twice": "yes" if len(set(figures[name]["bytes"])) == 1 else "no",
        }
        for name, (_, _, package) in STORES.items()
    }
    return pd.DataFrame(table).T.rename_axis("store").reset_index()


# --------------------------------------------------------------------------- scoring


def scoring() -> pd.DataFrame:
    """Score the same rows of the timetable in four ways; the first makes no more than the forest's own work."""
    import xgboost

    flights = datasets.load_flights()
    split, inputs = splits.split_by_time(flights), features.schedule(flights)
    fit = training.train_xgboost(split, inputs, rounds=100, early_stopping=None)
    one_hot = batch.deck_encode(inputs)
    columns = list(one_hot.columns)
    train = split.train.index
    matrix = xgboost.DMatrix(one_hot.loc[train].to_numpy(np.float32), label=features.label(split.train))
    deck = xgboost.train(training.DEFAULTS, matrix, num_boost_round=100)
    del one_hot, matrix
    encoded = fit.scorer.encoder.transform(inputs)
    rows = inputs.assign(flight=batch.flight_keys(flights))

    def production_predict() -> np.ndarray:
        return deck.predict(xgboost.DMatrix(batch.deck_encode(inputs, columns).to_numpy(np.float32)))

    ways = {
        "the forest alone, rows encoded before": lambda: fit.scorer.booster.inplace_predict(encoded),
        "Scorer, with encoding": lambda: fit.scorer.score(inputs),
        "the job's rows, checked too": lambda: batch.score_rows(rows, fit.scorer),
        "the deck's production_predict": production_predict,
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(REPEATS):
        for name, way in ways.items():
            best[name] = min(best[name], taken(way)[0])
    floor = best["the forest alone, rows encoded before"]
    count = len(inputs)
    return pd.DataFrame(
        [
            {
                "way": name,
                "rows a second": f"{float(f'{count / seconds:.2g}'):,.0f}",
                "time, forest alone = 1": f"{seconds / floor:.2f}",
            }
            for name, seconds in best.items()
        ]
    )


# --------------------------------------------------------------------------- engines


def peak() -> float:
    """Return the largest memory that this process has had, in MB; without what its parent had, where Linux tells."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def whole_frame(source: str, scorer: training.Scorer) -> pd.DataFrame:
    """Score a file as one frame, as one does without thinking of larger ones."""
    rows = datasets.read_parquet(source)
    scored = batch.score_rows(rows, scorer)
    return scored[scored["reason"] == ""].sort_values("flight")


def engine_run(name: str, source: str, folder: str, model: str) -> dict[str, Any]:
    """Build the table of one file with one engine, in this process."""
    scorer = training.load(model)
    store = batch.Store(folder)
    start = ready = time.perf_counter()
    if name == "Dask, two workers":
        from dask.distributed import Client

        with Client(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as client:
            ready = time.perf_counter()
            store.build("v1", source, scorer, engine=batch.on_cluster(client))
            done = time.perf_counter()
            most = max(peak(), *client.run(peak).values())
    else:
        if name == "one process":
            store.build("v1", source, scorer)
        else:
            batch._write_sqlite(store.folder / "table.sqlite", whole_frame(source, scorer))
        done, most = time.perf_counter(), peak()
    made = Path(folder) / "v1" / "table.sqlite"
    return {
        "start": ready - start,
        "work": done - ready,
        "MB": most,
        "sha": hashlib.sha256(made.read_bytes()).hexdigest() if made.is_file() else "",
    }


def engines() -> pd.DataFrame:
    """Score one and several years of flights with each engine."""
    flights = datasets.load_flights()
    fit = training.train_xgboost(
        splits.split_by_time(flights), features.schedule(flights), rounds=100, early_stopping=None
    )
    keys = batch.flight_keys(flights)
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        model = training.save(fit.scorer, Path(scratch) / "model")
        for size in SIZES:
            times = -(-size // len(flights))
            rows = pd.concat([flights.assign(flight=keys + (f"/{copy}" if copy else "")) for copy in range(times)])
            rows = rows.iloc[:size].reset_index(drop=True)
            source = batch.write_batch(rows, features.schedule(rows), Path(scratch) / "rows.parquet", rows=50_000)
            del rows
            shas = set()
            for name in ("whole frame at once", "one process", "Dask, two workers"):
                with tempfile.TemporaryDirectory() as folder:
                    command = [sys.executable, __file__, "--engine", name, str(source), folder, str(model)]
                    ended = subprocess.run(command, capture_output=True, text=True, check=True)
                told = json.loads(ended.stdout.splitlines()[-1])
                shas.add(told.pop("sha") or next(iter(shas), ""))
                lines.append({"rows": size, "engine": name, **told})
            assert len(shas - {""}) == 1, "the engines made different tables"
    frame = pd.DataFrame(lines)
    return pd.DataFrame(
        {
            "rows": frame["rows"],
            "engine": frame["engine"],
            "start-up [s]": frame["start"].round(1),
            "work [s]": frame["work"].round(1),
            "memory [MB]": frame["MB"].round(-1).astype(int),
        }
    )


NOTES = {
    "stores": f"{KEYS:,} keys of 29 characters, {READS:,} random reads; processor time, best of {REPEATS}",
    "scoring": f"a year of flights, eleven columns or fewer, 100 trees, one thread; processor time, best of {REPEATS}",
    "engines": "the job of lesson 14, timetable columns, 100 trees; by the clock, memory of the largest process; both "
    "engines wrote the same bytes",
}


def main() -> None:
    """Measure, print, and keep the tables if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="keep the tables in course_utils/tables")
    parser.add_argument("--only", choices=list(NOTES), help="measure one table")
    parser.add_argument("--engine", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.engine:
        print(json.dumps(engine_run(*given.engine)))
        return
    machine = f"{platform.system()} on {platform.machine()}, {os.cpu_count()} virtual cores"
    packages = ", ".join(f"{name} {version(name)}" for name in ("lmdb", "rocksdict", "dask", "pyarrow", "xgboost"))
    for name in [given.only] if given.only else list(NOTES):
        frame = globals()[name]()
        note = [f"# {NOTES[name]}", f"# measured {date.today()}, {machine}, Python {platform.python_version()}"]
        text = "\n".join([*note, f"# {packages}", frame.to_csv(index=False, lineterminator="\n")])
        print(text)
        if given.write:
            target = FOLDER / f"benchmark_batch_{name}.csv"
            temporary = target.with_suffix(".new")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(target)


if __name__ == "__main__":
    main()
