"""From CSV to VW's text, and from there to a model: speed and memory against what else one might do.

    uv run python benchmarks/vw.py            # print both tables
    uv run python benchmarks/vw.py --write    # and keep them as course_utils/tables/model/benchmark_{csv2vw,fit}.csv

Converters write the same bytes, each in a process of its own; the first also converts larger files, and once with the
columns that the dictionary admits. Seconds are processor time, best of three, and the ways take turns, so that other
work on the machine hardly counts. Each part is printed and kept as soon as it is done. A data set that is not on this
machine is named first and skipped, and its rows stay as they were kept.
"""

from __future__ import annotations

import argparse
import csv
import functools
import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import benchmark_io

from course_utils.model import vowpal

if TYPE_CHECKING:
    import pandas as pd

LABELS = {"YES": 1, "NO": -1}
LABEL = "IsDepDelayed"
ROWS = 50_000
LARGER = (1, 4, 16)
REPEATS = 3
DATASETS = {"allyears2k": 29_465, "nyc2013": 218_601}  # rows that are fitted: the deck's sample, and January to August


# --------------------------------------------------------------------------- converters


def ours(source: str, target: str) -> None:
    """Take the course's own."""
    vowpal.csv2vw(source, target, label=LABEL, labels=LABELS, all_columns=True)


def words(row: dict[str, str]) -> str:
    """Write one row as anyone would."""
    line = ["1 |f" if row[LABEL] == "YES" else "-1 |f"]
    for name, cell in row.items():
        if name == LABEL:
            continue
        if not cell:
            line.append(f"{name}=")
            continue
        try:
            value = float(cell)
        except ValueError:
            line.append(f"{name}={cell}")
        else:
            if value:
                line.append(f"{name}:{cell}")
    return " ".join(line) + "\n"


def dict_reader(source: str, target: str) -> None:
    """Loop over csv.DictReader."""
    with Path(source).open(newline="") as given, Path(target).open("w", newline="\n") as out:
        for row in csv.DictReader(given):
            out.write(words(row))


def iterrows(source: str, target: str) -> None:
    """Loop over the rows of a DataFrame, and look each cell up by its column, as is often seen."""
    import pandas as pd

    frame = pd.read_csv(source, dtype=str, keep_default_na=False)
    with Path(target).open("w", newline="\n") as out:
        for _, row in frame.iterrows():
            out.write(words({name: row[name] for name in frame.columns}))


def columns(source: str, target: str) -> None:
    """Glue columns of a DataFrame together."""
    import pandas as pd

    frame = pd.read_csv(source, dtype=str, keep_default_na=False)
    lines = frame.pop(LABEL).map({"YES": "1 |f", "NO": "-1 |f"})
    for name, cells in frame.items():
        number = pd.to_numeric(cells, errors="coerce")
        text = " " + name + ":" + cells
        lines += text.where(number.notna(), " " + name + "=" + cells).where(number != 0, "")
    with Path(target).open("w", newline="\n") as out:
        out.write("\n".join(lines) + "\n")


def admitted(source: str, target: str) -> None:
    """Take the course's own, with the columns that the dictionary admits."""
    vowpal.csv2vw(source, target, label=LABEL, labels=LABELS)


DICTIONARY = "course csv2vw, the dictionary's columns"
WAYS: dict[str, Callable[[str, str], None]] = {
    "course csv2vw": ours,
    "csv.DictReader, a loop": dict_reader,
    "pandas, columns glued": columns,
    "pandas, iterrows": iterrows,
}


def alone(way: str, source: Path) -> dict[str, float | str]:
    """Run one converter in a fresh process; return its seconds, its peak memory and what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.vw"
        command = [sys.executable, __file__, "--one", way, os.fspath(source), os.fspath(target)]
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return said | {"bytes": hashlib.sha256(target.read_bytes()).hexdigest()}


def one(way: str, source: str, target: str) -> None:
    """Be the fresh process."""
    started = time.process_time()
    (WAYS | {DICTIONARY: admitted})[way](source, target)
    print(json.dumps({"seconds": time.process_time() - started, "peak": peak()}))


def peak() -> float:
    """Return this process's largest memory in MB; Linux's other count begins with that of the process's parent."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def converters(folder: Path) -> list[dict[str, object]]:
    """Measure all ways on one file, and the first on larger ones."""
    from course_utils.data import datasets

    flights = datasets.load_flights("nyc2013")
    flights = flights[flights["DepDelay"].notna()].head(ROWS)
    files = {}
    for times in LARGER:
        files[times] = folder / f"flights{times}.csv"
        with files[times].open("w", newline="") as out:
            for part in range(times):
                flights.to_csv(out, index=False, header=part == 0)
    found: dict[str, list[dict[str, float | str]]] = {way: [] for way in WAYS}
    for _ in range(REPEATS):
        for way, runs in found.items():
            runs.append(alone(way, files[1]))
    assert len({run["bytes"] for runs in found.values() for run in runs}) == 1
    best = {way: min(float(run["seconds"]) for run in runs) for way, runs in found.items()}
    rows = []
    for way, runs in found.items():
        row: dict[str, object] = {
            "way": way,
            "rows": ROWS,
            "seconds": round(best[way], 2),
            "times_the_loop": round(best["csv.DictReader, a loop"] / best[way], 2),
            "peak_mb": round(max(float(run["peak"]) for run in runs)),
        }
        rows.append(row)
    for way, times in [(DICTIONARY, 1), *(("course csv2vw", times) for times in LARGER[1:])]:
        run = alone(way, files[times])
        rows.append(
            {
                "way": way,
                "rows": ROWS * times,
                "seconds": round(float(run["seconds"]), 2),
                "peak_mb": round(float(run["peak"])),
            }
        )
    return rows


# --------------------------------------------------------------------------- fitting


def spent(action: Callable[[], object]) -> float:
    """Return the processor time of an action and the processes that it starts."""

    def now() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    before = now()
    action()
    return now() - before


def fits(folder: Path, dataset: str) -> list[dict[str, object]]:
    """Fit XGBoost in several ways and VW on the same flights and columns."""
    from course_utils.data import datasets

    flights = datasets.load_flights(dataset)
    flights = flights[flights["DepDelay"].notna()]
    count = DATASETS[dataset]
    flights = flights.sample(count, random_state=0).sort_index() if dataset == "allyears2k" else flights.head(count)
    path = folder / f"{dataset}.vw"
    made = spent(lambda: write(flights, path))
    ways = vw_ways(path, folder) | xgboost_ways(flights)
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(REPEATS):
        best = {name: min(best[name], spent(way)) for name, way in ways.items()}
    base = best["VW"]
    return [
        {
            "dataset": dataset,
            "flights": len(flights),
            "way": name,
            "seconds": round(seconds, 2),
            "times_vw": round(seconds / base, 2),
            "with_the_text": round(seconds / (base + made), 2),
        }
        for name, seconds in best.items()
    ]


TEXTS = ["UniqueCarrier", "Origin", "Dest"]


def write(flights: pd.DataFrame, path: Path) -> None:
    """Write flights as CSV, and that as VW's text."""
    from course_utils.data import features

    given = path.with_suffix(".csv")
    flights[[*features.DECK_COLUMNS, LABEL]].to_csv(given, index=False)
    spaces = {"texts": TEXTS, "numbers": [name for name in features.DECK_COLUMNS if name not in TEXTS]}
    vowpal.csv2vw(given, path, label=LABEL, labels=LABELS, all_columns=True, namespaces=spaces)


def vw_ways(path: Path, folder: Path) -> dict[str, Callable[[], object]]:
    """Return the ways to fit VW on a file."""
    from vowpalwabbit import Workspace

    from course_utils.model import online_learning

    def own(more: str) -> Callable[[], None]:
        def loop() -> None:
            with Workspace(f"--quiet -d {path} -f {folder}/own {online_learning.OPTIONS} {more}"):
                pass

        return loop

    return {
        "VW": own(""),
        "VW, its own loop, predictions kept": own(f"-p {folder}/own.p"),
        "VW, the course's vowpal.run, predictions kept": lambda: vowpal.run(path, online_learning.OPTIONS),
    }


def xgboost_ways(flights: pd.DataFrame) -> dict[str, Callable[[], object]]:
    """Return the ways to fit XGBoost on the deck's columns."""
    import pandas as pd
    import xgboost

    from course_utils.data import features
    from course_utils.model import training

    late = features.label(flights).to_numpy()
    deck = features.deck_columns(flights)
    hot = pd.get_dummies(deck.astype(dict.fromkeys(TEXTS, str)), columns=TEXTS, dtype="float32")
    native = training.Encoder.fit(deck)
    coded = native.transform(deck)

    def matrix() -> xgboost.DMatrix:
        names, types = list(native.columns), native.feature_types
        return xgboost.DMatrix(coded, late, feature_names=names, feature_types=types, enable_categorical=True)

    def exactly() -> object:
        params = {"objective": "binary:logistic", "tree_method": "exact", "max_depth": 5, "nthread": 1}
        return xgboost.train(params, xgboost.DMatrix(hot, late), 2)

    def rounds(count: int) -> Callable[[], object]:
        return lambda: xgboost.train(training.DEFAULTS | {"max_depth": 5}, matrix(), count)

    return {"XGBoost as the deck, exact and one-hot, 2 rounds": exactly} | {
        f"XGBoost, histograms, {count} rounds": rounds(count) for count in (2, 20, 100)
    }


def main() -> None:
    """Measure, print the tables and, if asked, keep them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the tables for the lesson")
    parser.add_argument("--one", nargs=3, metavar=("WAY", "SOURCE", "TARGET"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(*options.one)
        return
    import pandas as pd

    here = [name for name in DATASETS if at_hand(name)]
    with tempfile.TemporaryDirectory(prefix="course-benchmark-") as folder:
        parts = [("csv2vw", None, converters)]
        parts += [("fit", name, functools.partial(fits, dataset=name)) for name in here]
        for table, dataset, measure in parts:
            frame = pd.DataFrame(measure(Path(folder)))
            print(frame.to_string(index=False), flush=True)
            if options.write:
                keep(table, frame, dataset)


def at_hand(dataset: str) -> bool:
    """Say first which data set is not on this machine, and why; measure the others."""
    from course_utils.data import datasets
    from course_utils.errors import CourseError

    try:
        datasets.load_flights(dataset)
    except CourseError as error:
        print(f"{dataset} is skipped, and its rows stay as they are kept: {error}", flush=True)
        return False
    return True


def keep(table: str, frame: pd.DataFrame, dataset: str | None) -> None:
    """Keep a table; the rows of other data sets stay, and a line says when they were measured."""
    notes = ["processor time"]
    if dataset is not None:
        from course_utils import tables

        kept = tables.read_csv(f"benchmark_{table}.csv", comment="#")
        others = kept[kept["dataset"] != dataset]
        frame = pd.concat([others, frame]).sort_values("dataset", kind="stable")
        if len(others):
            earlier = [note.split("; processor time")[0] for note in tables.read_notes(f"benchmark_{table}.csv")]
            notes += [f"rows of other data sets than {dataset}: {note}" for note in earlier[-1:]]
    benchmark_io.keep(table, benchmark_io.text(frame, *notes))


if __name__ == "__main__":
    main()
