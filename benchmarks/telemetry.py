"""Measure what monitoring the running service costs those who wait for an answer: scraped by Prometheus, and counting.

    uv run python benchmarks/telemetry.py --write

Clipper's processes serve the course's model by one replica; one client asks about flights of November and December, one
at a time. In each round three ways take turns: nobody watches (Prometheus is stopped in its tracks); Prometheus scrapes
every second, 15 times as often as is usual, and evaluates the rules of deploy/; and the closure also counts each answer
in metrics of its own, a counter and a histogram. Each way's best round is what counts: what other programs do can only
add to it, and every part of a round lasts for seconds, so it has its scrapes. Measure on a quiet machine: a 99th
percentile is ten answers of a thousand.
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import time
from collections.abc import Callable

import benchmark_io
import numpy as np
import pandas as pd
import psutil
from clipper_admin import ClipperConnection
from clipper_admin.deployers.python import deploy_python_closure

from course_utils.data import datasets, splits
from course_utils.model import training
from course_utils.operate import telemetry
from course_utils.serve.clipper import LocalContainerManager

IMAGE = "clipper/python36-closure-container:0.4.1"
WAYS = ("unwatched", "scraped", "scraped and counting")


def closures(scorer: training.Scorer) -> dict[str, Callable[[list[str]], list[float]]]:
    """Return the closure that is served, without metrics of its own and with them."""

    def plain(rows: list[str]) -> list[float]:
        return [float(scorer.score_one(json.loads(row))) for row in rows]

    def counting(rows: list[str]) -> list[float]:
        from clipper_admin import metrics

        bounds = [round(0.1 * step, 1) for step in range(1, 10)]
        metrics.add_metric("custom_probability", "Histogram", "Probability of a delay", bounds)
        metrics.add_metric("custom_warnings", "Counter", "Flights warned of")
        answers = plain(rows)
        for answer in answers:
            metrics.report_metric("custom_probability", answer)
            metrics.report_metric("custom_warnings", int(answer > 0.4))
        return answers

    return {"plain": plain, "counting": counting}


def milliseconds(connection: http.client.HTTPConnection, app: str, bodies: list[bytes]) -> np.ndarray:
    """Return how long each answer takes."""
    taken = np.empty(len(bodies))
    for place, body in enumerate(bodies):
        start = time.perf_counter()
        connection.request("POST", f"/{app}/predict", body)
        answer = connection.getresponse().read()
        taken[place] = time.perf_counter() - start
        if b'"default":true' in answer:
            raise SystemExit(f"the default output came: {answer!r}")
    return 1000 * taken


def measure(clipper: ClipperConnection, bodies: list[bytes], rounds: int) -> pd.DataFrame:
    """Return median and 99th percentile of each way, and their ratios to being unwatched."""
    address = clipper.get_query_addr()
    connection = http.client.HTTPConnection(address)
    server = telemetry.Prometheus(targets=[address], rules=["service"])
    watcher = next(child for child in psutil.Process().children(recursive=True) if child.name() == "prometheus")
    found: dict[str, list[np.ndarray]] = {way: [] for way in WAYS}
    try:
        for app in ("plain", "counting"):
            milliseconds(connection, app, bodies)  # warm
        for number in range(rounds):
            for way in np.roll(WAYS, number):
                watcher.suspend() if way == "unwatched" else watcher.resume()
                taken = milliseconds(connection, "counting" if way.endswith("counting") else "plain", bodies)
                found[way].append(np.percentile(taken, [50, 99]))
        watcher.resume()
    finally:
        server.stop()
    best = {way: np.min(blocks, axis=0) for way, blocks in found.items()}
    rows = {way: [*times, *(times / best["unwatched"])] for way, times in best.items()}
    names = ["p50_ms", "p99_ms", "p50_ratio", "p99_ratio"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("monitoring")


def main() -> None:
    """Measure, print the table and, if asked, keep it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the table for the lesson")
    parser.add_argument("--rows", type=int, default=1000, help="flights asked about in each part of a round")
    parser.add_argument("--rounds", type=int, default=24, help="how often each way has its turn")
    options = parser.parse_args()
    logging.disable(logging.INFO)  # clipper_admin tells each step
    flights = datasets.load_flights("nyc2013")
    split, model = splits.split_by_time(flights), training.course_model(flights)
    rows = json.loads(model.inputs.loc[split.test.index[: options.rows]].to_json(orient="records"))
    bodies = [json.dumps({"input": json.dumps(row)}).encode() for row in rows]
    clipper = ClipperConnection(
        LocalContainerManager("telemetry-benchmark", clipper_query_port=0, clipper_management_port=0)
    )
    clipper.start_clipper()
    try:
        for name, closure in closures(model.scorer).items():
            clipper.register_application(name, "strings", "-1.0", 2_000_000)
            deploy_python_closure(clipper, name, 1, "strings", closure, base_image=IMAGE)
            clipper.link_model_to_app(name, name)
        table = measure(clipper, bodies, options.rounds).round(2)
    finally:
        clipper.stop_all()
    print(table.to_string())
    if options.write:
        says = f"{options.rows:,} flights, one at a time; the best of {options.rounds} rounds; scraped every second"
        benchmark_io.keep("telemetry", benchmark_io.text(table, says, packages=["xgboost"], index=True))


if __name__ == "__main__":
    main()
