"""What replicas bring under load, and what an answer takes by each way of serving it.

    uv run --with "ray[serve]" python benchmarks/load_picture.py            # print
    uv run --with "ray[serve]" python benchmarks/load_picture.py --write    # and keep

The tables are kept as course_utils/tables/serve/benchmark_load_{picture,ways,ray}.csv. Only the last one needs Ray,
which the course does not install.

The picture: queries come at random moments, so many a second, to a closure that takes 20 ms for each of them, either
waiting or computing; a query that is not answered within the objective gets the default. Of a few rounds the best
counts for each load, since what other programs do can only add to it. Ways: one client asks one
flight after the other, and each way answers with the same score; ways take turns, and the best median of the rounds
counts here, too. Ray: the same closure here and on Ray Serve, which is asked
through its Python handle, without HTTP.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import benchmark_io
import numpy as np
import pandas as pd

from course_utils.data import datasets, splits
from course_utils.model import training
from course_utils.serve import batch, load_testing

IMAGE = "clipper/python36-closure-container:0.4.1"
OBJECTIVE_MS = 200
RATES = {1: (10, 25, 40, 45, 60, 90), 2: (10, 45, 80, 90, 120, 160), 4: (10, 90, 160, 180, 220, 260)}
CLOSURES = {"waits 20 ms": load_testing.io_bound_20_ms, "computes 20 ms": load_testing.cpu_bound_20_ms}


# --------------------------------------------------------------------------- the picture


def picture(seconds: float, rounds: int) -> pd.DataFrame:
    """Measure each closure with each number of replicas under each load; of each load the best round counts."""
    parts = []
    for name, closure in [*CLOSURES.items()] * rounds:
        for replicas, rates in RATES.items():
            part = load_testing.measure_load(
                closure, replicas=[replicas], rates=rates, seconds=seconds, objective_ms=OBJECTIVE_MS
            )
            parts.append(part.assign(closure=name))
    table = pd.concat(parts, ignore_index=True).sort_values(["missed [%]", "p99 [ms]"])
    table = table.drop_duplicates(["closure", "replicas", "offered"])
    table = table.sort_values(["closure", "replicas", "offered"], ascending=[False, True, True])
    whole = dict.fromkeys(("offered", "answered", "p50 [ms]", "p99 [ms]"), int)
    return table[["closure", *table.columns.drop("closure")]].astype(whole)


# --------------------------------------------------------------------------- ways


@contextmanager
def clipper(closures: dict[str, Callable[[list[str]], list[float]]]) -> Iterator[str]:
    """Serve closures under their names on a cluster of this machine; yield its query address."""
    from clipper_admin import ClipperConnection
    from clipper_admin.deployers.python import create_endpoint

    from course_utils.serve.clipper import LocalContainerManager

    connection = ClipperConnection(
        LocalContainerManager(load_testing.cluster_name("ways"), clipper_query_port=0, clipper_management_port=0)
    )
    connection.start_clipper()
    try:
        for name, closure in closures.items():
            create_endpoint(connection, name, "strings", closure, "none", 1, 3_000_000, base_image=IMAGE)
        yield connection.get_query_addr()
    finally:
        connection.stop_all()


@contextmanager
def mlflow_server(scorer: training.Scorer) -> Iterator[str]:
    """Serve the scorer by ``mlflow models serve``; yield its address."""
    import mlflow

    class Served(mlflow.pyfunc.PythonModel):
        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
            return scorer.score(model_input)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model"
        logging.getLogger("mlflow").setLevel(logging.ERROR)  # what it says about signatures and pickles is known
        mlflow.pyfunc.save_model(path, python_model=Served(), pip_requirements=[])
        command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(path), "--env-manager", "local"]
        server = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port), "--workers", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # It starts uvicorn by its name.
            env=os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])},
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/ping")
            yield address
        finally:
            os.killpg(server.pid, 15)
            server.wait(30)


def _wait_for(url: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise SystemExit(f"{url} did not answer in {seconds:.0f} seconds")


def ways(queries: int, rounds: int) -> pd.DataFrame:
    """Measure what one answer takes, each way for the same flights."""
    flights = datasets.load_flights("nyc2013")
    model = training.course_model(flights)
    scorer, week = model.scorer, flights[splits.day(flights).between("2013-11-04", "2013-11-10")]
    rows = model.inputs.loc[week.index]
    store = batch.open_prediction_store()
    store.build("week-45", batch.write_batch(week, model.inputs, store.inbox("week 45")), scorer)
    store.publish("week-45")
    lookup = batch.Lookup(store, default=0.241)
    keys = batch.flight_keys(week).tolist()
    known = dict(zip(keys, scorer.score(rows).tolist(), strict=True))
    chosen = np.random.default_rng(0).choice(len(keys), queries)
    asked, texts = [keys[place] for place in chosen], load_testing.as_json_texts(rows.iloc[chosen])

    def model_answers(texts: list[str]) -> list[float]:
        return scorer.score(pd.DataFrame([json.loads(text) for text in texts])).tolist()

    def table_answers(keys: list[str]) -> list[float]:
        return [known[key] for key in keys]

    with ExitStack() as open_servers:
        address = open_servers.enter_context(clipper({"model": model_answers, "table": table_answers}))
        served = open_servers.enter_context(mlflow_server(scorer))
        model_line, table_line = (
            load_testing.client.Connection(address, "model"),
            load_testing.client.Connection(address, "table"),
        )
        mlflow_line = load_testing.client.Connection(served.removeprefix("http://"), "mlflow")
        mlflow_line._path = "/invocations"
        records = [f'{{"dataframe_records": [{text}]}}'.encode() for text in texts]
        askers: dict[str, tuple[Callable[[Any], float], Sequence[Any]]] = {
            "lookup table": (lambda key: lookup.get(key).score, asked),
            "a dictionary behind Clipper": (lambda body: table_line.predict(body)["output"], _bodies(asked)),
            "the model, in the same process": (lambda text: model_answers([text])[0], texts),
            "the model behind Clipper": (lambda body: model_line.predict(body)["output"], _bodies(texts)),
            "the model behind mlflow models serve": (lambda body: mlflow_line.predict(body)["predictions"][0], records),
        }
        best = dict.fromkeys(askers, np.inf)
        for _ in range(rounds):
            for name, (ask, given) in askers.items():
                best[name] = min(best[name], _median(ask, given))
        scores = {name: [ask(one) for one in given[:50]] for name, (ask, given) in askers.items()}
    for name, answers in scores.items():
        if not np.array_equal(np.float32(answers), np.float32(scores["lookup table"])):
            raise SystemExit(f"{name} answers something else than the lookup table")
    table = pd.DataFrame({"way": list(best), "an answer [ms]": list(best.values())})
    table["times the lookup"] = (table["an answer [ms]"] / best["lookup table"]).map("{:.3g}".format).astype(float)
    table["an answer [ms]"] = table["an answer [ms]"].map("{:.2g}".format).astype(float)
    return table


def _bodies(asked: Sequence[str]) -> list[bytes]:
    return [load_testing.client.request_body(one) for one in asked]


def _median(ask: Callable[[Any], float], given: Sequence[Any]) -> float:
    """Return the median of what one answer takes, in ms."""
    took = []
    for one in given:
        start = time.perf_counter()
        ask(one)
        took.append(time.perf_counter() - start)
    return 1000 * float(np.median(took))


# --------------------------------------------------------------------------- Ray


def ray(queries: int) -> pd.DataFrame:
    """Serve the course's model here and on Ray Serve."""
    flights = datasets.load_flights("nyc2013")
    model = training.course_model(flights)
    scorer, texts = model.scorer, load_testing.as_json_texts(model.inputs.iloc[:queries])

    def predict(texts: list[str]) -> list[float]:
        return scorer.score(pd.DataFrame([json.loads(text) for text in texts])).tolist()

    start = time.perf_counter()
    with clipper({"model": predict}) as address:
        line = load_testing.client.Connection(address, "model")
        line.predict(load_testing.client.request_body(texts[0]))
        ready = time.perf_counter() - start
        took = _median(line.ask, _bodies(texts[1:]))
        here = {"start-up [s]": ready, "an answer [ms]": took, "memory [MB]": load_testing.child_memory_mb()}
    there = load_testing.serve_with_ray(predict, texts)
    if there is None:
        raise SystemExit('run it with: uv run --with "ray[serve]" python benchmarks/load_picture.py')
    table = pd.DataFrame([here, there])
    table.insert(0, "server", ["Clipper on this machine, over HTTP", "Ray Serve, through its handle"])
    return table.round({"start-up [s]": 1, "an answer [ms]": 1, "memory [MB]": -1}).astype({"memory [MB]": int})


# --------------------------------------------------------------------------- all


def main() -> None:
    """Measure, print the tables and, if asked, keep them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the tables for the lesson")
    parser.add_argument("--only", choices=("picture", "ways", "ray"), help="measure one of the three")
    parser.add_argument("--seconds", type=float, default=6, help="for which each load is offered")
    parser.add_argument("--queries", type=int, default=300, help="that each way answers in a round")
    parser.add_argument("--rounds", type=int, default=3, help="of the picture and of the ways")
    options = parser.parse_args()
    load_testing.silence_clipper_logs()
    heads = {
        "picture": f"requests at random moments for {options.seconds:g} s, best of {options.rounds} rounds; "
        f"after {OBJECTIVE_MS} ms the default is sent",
        "ray": f"the course's model, one replica, {options.queries} flights one after the other; "
        "memory that its processes do not share",
        "ways": f"one client, one flight after the other; best median of {options.rounds} rounds of {options.queries}",
    }
    tables_of = {
        "picture": lambda: picture(options.seconds, options.rounds),
        "ways": lambda: ways(options.queries, options.rounds),
        "ray": lambda: ray(options.queries),
    }
    for name in [options.only] if options.only else tables_of:
        table = tables_of[name]()
        print(table.to_string(index=False))
        if options.write:
            packages = {"picture": (), "ways": ("xgboost", "mlflow"), "ray": ("xgboost", "ray")}[name]
            benchmark_io.keep(f"load_{name}", benchmark_io.text(table, heads[name], packages=packages))


if __name__ == "__main__":
    main()
