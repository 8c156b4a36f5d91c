"""Where to keep a table of predictions, what scoring a batch costs, and what a bigger engine brings.

    extra="--with lmdb --with rocksdict --with dask[distributed] --with ray[data] --with pyspark"
    uv run $extra python benchmarks/batch.py            # print
    uv run $extra python benchmarks/batch.py --write    # and keep

The tables are kept as course_utils/tables/serve/benchmark_batch_{stores,scoring,engines,clusters}.csv.

LMDB, RocksDB, Dask, Ray and Spark (which wants Java) are no packages of the course: only this file needs them. Ways
take turns, best of three; stores and scoring in processor time, so that other work on the machine hardly counts.
Engines in seconds by the clock, best of two, and the memory of all their processes, each in a program of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

import benchmark_io
import numpy as np
import pandas as pd
import psutil
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course_utils import tables
from course_utils.data import datasets, features, splits
from course_utils.model import training
from course_utils.serve import batch

KEYS = 200_000
READS = 20_000
REPEATS = 3
EXTRA = ("lmdb", "rocksdict", "dask", "ray", "pyspark")
SIZES = (336_776, 1_347_104, 2_694_208)  # flights: a year, four and eight


def taken(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor seconds of some work, and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


# --------------------------------------------------------------------------- stores


def build_sqlite(folder: Path, rows: pd.DataFrame) -> None:
    """Write the table as the course does."""
    batch.table.write_sqlite(folder / "table.sqlite", rows)


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


def deck_encode(rows: pd.DataFrame, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return rows with one-hot encoded categories, as the deck encodes them: from the categories in these rows.

    Encoded columns of the training data that `rows` lack are filled with 0, without an error.
    """
    encoded = pd.get_dummies(rows.astype(dict.fromkeys(rows.select_dtypes("category"), object)), dtype=float)
    return encoded if columns is None else encoded.reindex(columns=list(columns), fill_value=0.0)


def scoring() -> pd.DataFrame:
    """Score the same rows in several ways; the first makes no more than the forest's own work."""
    import xgboost

    flights = datasets.load_flights()
    split, inputs = splits.split_by_time(flights), features.as_of(flights, 3)
    scorer = training.train_xgboost(split, inputs, rounds=100, early_stopping=None).scorer
    one_hot = deck_encode(inputs)
    columns = list(one_hot.columns)
    matrix = xgboost.DMatrix(one_hot.loc[split.train.index], label=features.label(split.train))
    deck = xgboost.train(training.DEFAULTS, matrix, num_boost_round=100)
    del one_hot, matrix
    encoded = scorer.encoder.transform(inputs)
    rows = inputs.assign(flight=batch.flight_keys(flights))
    ways = {
        "the forest alone, rows encoded before": lambda: scorer.booster.inplace_predict(encoded),
        "Scorer, with encoding": lambda: scorer.score(inputs),
        "the job's rows, checked too": lambda: batch.score_rows(rows, scorer),
        "the deck's production_predict": lambda: deck.predict(xgboost.DMatrix(deck_encode(inputs, columns))),
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


def whole_frame(source: str, scorer: training.Scorer, store: batch.PredictionStore) -> None:
    """Score a file as one frame, as one does without thinking of larger ones."""
    rows = datasets.read_parquet(source)
    scored = batch.score_rows(rows, scorer)
    batch.table.write_sqlite(store.folder / "table.sqlite", scored[scored["reason"] == ""].sort_values("flight"))


@contextmanager
def dask() -> Iterator[Callable]:
    """Start two workers, and stop them."""
    from dask.distributed import Client

    with Client(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as client:
        yield batch.cluster_engine(client)


@contextmanager
def ray_data() -> Iterator[Callable]:
    """Start Ray for two workers, and stop it."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False

    def engine(work: Callable[[int], str], pieces: Iterable[int]) -> list[str]:
        numbers = ray.data.from_items([{"piece": piece} for piece in pieces], override_num_blocks=len(pieces))
        # Blocks come back in any order; the parts' names are in that of the pieces.
        return sorted(row["part"] for row in numbers.map(lambda row: {"part": work(row["piece"])}).take_all())

    yield engine
    ray.shutdown()


@contextmanager
def spark() -> Iterator[Callable]:
    """Start Spark for two workers, and stop it."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    context = session.sparkContext

    def engine(work: Callable[[int], str], pieces: Iterable[int]) -> list[str]:
        return context.parallelize(list(pieces), len(pieces)).map(work).collect()

    yield engine
    session.stop()


@contextmanager
def alone() -> Iterator[Callable]:
    """Start nothing: Python's own map."""
    yield map


#: What each engine is started by, the packages that it adds to the course, and how it gets from here to a cluster.
ENGINES: dict[str, tuple[Callable, tuple[str, ...], str]] = {
    "one process": (alone, (), "not at all"),
    "Dask, two workers": (dask, ("dask", "distributed"), "Client(address of the scheduler)"),
    "Ray Data, two workers": (ray_data, ("ray",), "ray.init(address of the head node)"),
    "Spark, two workers": (spark, ("pyspark",), "master(address), files and Java on every machine"),
}
WHOLE = "whole frame at once"
DRAWN, ROUNDS = ("one process", "Dask, two workers"), 2
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "PYSPARK_PYTHON": sys.executable}


def added(packages: Sequence[str]) -> int:
    """Return the MB of some packages and of all that they need and the course has not."""
    lock = tomllib.loads((tables.checkout() / "uv.lock").read_text(encoding="utf-8"))
    known = {package["name"] for package in lock["package"]}
    found: dict[str, int] = {}
    todo = [*packages, *(["pyarrow", "fsspec"] if "ray" in packages else [])]  # what the extra ray[data] names
    while todo:
        name = todo.pop()
        if name in found or name in known:
            continue
        installed = distribution(name)
        found[name] = sum(file.locate().stat().st_size for file in installed.files if file.locate().is_file())
        needs = [Requirement(line) for line in installed.requires or []]
        todo += [canonicalize_name(need.name) for need in needs if not need.marker or need.marker.evaluate()]
    return round(sum(found.values()) / 1e6)


def engine_run(name: str, source: str, folder: str, model: str) -> dict[str, Any]:
    """Build the table of one file with one engine, in this process."""
    scorer = training.load(model)
    store = batch.PredictionStore(folder)
    begun = time.perf_counter()
    if name == WHOLE:
        whole_frame(source, scorer, store)
        return {"start": 0.0, "work": time.perf_counter() - begun, "sha": ""}
    with ENGINES[name][0]() as engine:
        ready = time.perf_counter()
        store.build("v1", source, scorer, engine=engine)
        done = time.perf_counter()
    return {"start": ready - begun, "work": done - ready, "sha": store.manifest("v1")["sha256"]}


def watched(command: Sequence[str]) -> tuple[str, float]:
    """Run a program; return what it printed, and the MB that it and its children held at most, together."""
    most = 0.0
    with tempfile.TemporaryFile("w+") as said:
        paths = os.pathsep.join([str(tables.checkout()), os.environ.get("PYTHONPATH", "")])
        surroundings = {**os.environ, **QUIET, "PYTHONPATH": paths.strip(os.pathsep)}
        running = subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL, env=surroundings)
        while running.poll() is None:
            most = max(most, held(running.pid))
            time.sleep(0.2)
        if running.returncode:
            raise SystemExit(f"{' '.join(command)} failed")
        said.seek(0)
        return said.read(), most


def held(number: int) -> float:
    """Return the MB of a process and its children now."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(number)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                memory = process.memory_full_info()
                total += getattr(memory, "pss", memory.rss)
    return total / 2**20


@cache
def measured() -> pd.DataFrame:
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
            few = list(ENGINES) if size == max(SIZES) else DRAWN
            for name in (WHOLE, *few) * ROUNDS:
                with tempfile.TemporaryDirectory() as folder:
                    command = [sys.executable, __file__, "--engine", name, str(source), folder, str(model)]
                    said, most = watched(command)
                told = json.loads(said.splitlines()[-1])
                shas.add(told.pop("sha"))
                lines.append({"rows": size, "engine": name, **told, "MB": most})
                print("#", lines[-1], file=sys.stderr)
            assert len(shas - {""}) == 1, "the engines made different tables"
    # What other programs do can only add to the seconds, and memory hardly differs.
    return pd.DataFrame(lines).groupby(["rows", "engine"], sort=False).min().reset_index()


def engines() -> pd.DataFrame:
    """Tell how seconds and memory grow with the rows."""
    frame = measured()
    return pd.DataFrame(
        {
            "rows": frame["rows"],
            "engine": frame["engine"],
            "start-up [s]": frame["start"].round(1),
            "work [s]": frame["work"].round(1),
            "memory [MB]": frame["MB"].round(-1).astype(int),
        }
    )[frame["engine"].isin([WHOLE, *DRAWN])]


def clusters() -> pd.DataFrame:
    """Weigh the engines by what they add, how soon they are there and how fast they are with the most rows."""
    frame = measured()
    largest = frame[frame["rows"] == max(SIZES)].set_index("engine")
    speed = max(SIZES) / largest["work"]
    return pd.DataFrame(
        [
            {
                "engine": name,
                "added [MB]": added(packages),
                "start-up [s]": f"{frame.loc[frame['engine'] == name, 'start'].min():.1f}",
                "rows a second": f"{float(f'{speed[name]:.2g}'):,.0f}",
                "memory [MB]": int(round(largest["MB"][name], -1)),
                "from here to a cluster": how,
            }
            for name, (_, packages, how) in ENGINES.items()
        ]
    )


NOTES = {
    "stores": f"{KEYS:,} keys of 29 characters, {READS:,} random reads; processor time, best of {REPEATS}",
    "scoring": "a year of flights, inputs known three hours ahead, 100 trees, one thread; processor time, best of "
    f"{REPEATS}",
    "engines": "the job of lesson 14, timetable columns, 100 trees; wall-clock time, memory of all processes together; "
    "every engine that works piece by piece wrote the same bytes",
    "clusters": f"the same job on {max(SIZES):,} rows; Spark needs Java as well; all engines wrote the same bytes",
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
    packages = ", ".join(f"{name} {version(name)}" for name in (*EXTRA, "pyarrow", "xgboost"))
    for name in [given.only] if given.only else list(NOTES):
        frame = globals()[name]()
        text = benchmark_io.text(frame, NOTES[name], packages)
        print(text)
        if given.write:
            benchmark_io.keep(f"batch_{name}", text)


if __name__ == "__main__":
    main()
