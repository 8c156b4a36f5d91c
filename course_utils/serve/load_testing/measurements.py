"""Measurements."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils.errors import UsageError

if TYPE_CHECKING:
    pass
from course_utils.serve.load_testing.client import MOST_CLIENTS
from course_utils.serve.load_testing.cluster import cluster_name
from course_utils.serve.load_testing.generator import open_loop_load

__all__ = [
    "child_memory_mb",
    "cpu_bound_20_ms",
    "io_bound_20_ms",
    "littles_law",
    "measure_load",
    "serve_with_ray",
]


def littles_law(rate: float, milliseconds: float, *, most: int = 8) -> pd.DataFrame:
    """Say by Little's law how busy replicas are: on average ``rate × time`` questions are being worked on.

    Parameters
    ----------
    rate : float
        Questions a second.
    milliseconds : float
        That a replica needs for one.
    most : int
        The largest number of replicas to look at.

    Returns
    -------
    DataFrame, index 'replicas'
        'busy [%]' each of them, and 'keeps up': whether that is below 100.

    Raises
    ------
    UsageError
        A number is not positive.
    """
    if not (rate > 0 and milliseconds > 0 and most >= 1 and math.isfinite(rate * milliseconds)):
        raise UsageError(
            f"rate={rate}, milliseconds={milliseconds}, most={most} make no load", fix="give positive numbers"
        )
    replicas = pd.RangeIndex(1, most + 1, name="replicas")
    busy = 100 * rate * milliseconds / 1000 / replicas.to_numpy()
    return pd.DataFrame({"busy [%]": busy.round(1), "keeps up": busy < 100}, index=replicas)


def io_bound_20_ms(texts: Sequence[str]) -> list[float]:
    """Wait 20 ms for each question, as for a feature store across the network, and answer 0.5.

    Parameters
    ----------
    texts : sequence of str
        The questions; what they say does not matter.
    """
    time.sleep(0.020 * len(texts))
    return [0.5] * len(texts)


def cpu_bound_20_ms(texts: Sequence[str]) -> list[float]:
    """Compute for 20 ms of processor time for each question, and answer 0.5.

    Parameters
    ----------
    texts : sequence of str
        The questions; what they say does not matter.
    """
    end = time.thread_time() + 0.020 * len(texts)
    while time.thread_time() < end:
        math.sqrt(2)
    return [0.5] * len(texts)


def measure_load(
    function: Callable[[Sequence[str]], Sequence[Any]],
    *,
    replicas: Sequence[int] = (1, 2, 4),
    rates: Sequence[float] = (25, 45, 90, 180),
    seconds: float = 3,
    objective_ms: float = 200,
) -> pd.DataFrame:
    """Offer loads to a closure on a cluster of its own, with one question at a time for each replica.

    Parameters
    ----------
    function : callable
        The closure: texts to answers, such as `io_bound_20_ms`.
    replicas : sequence of int
    rates : sequence of float
        Questions a second.
    seconds : float
        For how long each load is offered.
    objective_ms : float
        After which the default is answered.

    Returns
    -------
    DataFrame, one row for each number of replicas and rate
        'replicas', 'offered' and 'answered' (questions a second, defaults not counted), 'p50 [ms]' and 'p99 [ms]' of
        all questions, defaults included, and 'missed [%]', the share that got the default.
    """
    from clipper_admin import ClipperConnection
    from clipper_admin.deployers.python import create_endpoint

    from course_utils.serve.clipper import LocalContainerManager

    rows = []
    own = {"cluster_name": cluster_name("picture"), "clipper_query_port": 0, "clipper_management_port": 0}
    connection = ClipperConnection(LocalContainerManager(**own))
    connection.start_clipper()
    try:
        micros = round(1000 * objective_ms)
        base = "clipper/python36-closure-container:0.4.1"
        create_endpoint(connection, "picture", "strings", function, "none", 1, micros, base_image=base, batch_size=1)
        address = connection.get_query_addr()
        for count in replicas:
            connection.set_num_replicas("picture", count)
            open_loop_load(address, "picture", ["warm up"], rate=20, seconds=1)
            for rate in rates:
                result = open_loop_load(
                    address, "picture", ["flight"], rate=rate, seconds=seconds, clients=MOST_CLIENTS
                )
                rows.append((count, rate, result.throughput, result.latency(50), result.latency(99), result.in_time))
    finally:
        connection.stop_all()
    table = pd.DataFrame(rows, columns=["replicas", "offered", "answered", "p50 [ms]", "p99 [ms]", "missed [%]"])
    table["missed [%]"] = 100 * (1 - table["missed [%]"])
    return table.round({"answered": 0, "p50 [ms]": 0, "p99 [ms]": 0, "missed [%]": 1})


def serve_with_ray(function: Callable[[list[str]], Sequence[Any]], texts: Sequence[str]) -> dict[str, float] | None:
    """Serve a closure with Ray Serve on this machine, and print whether it answers as it does here.

    Without Ray, which the course does not install, it prints how to get it.

    Parameters
    ----------
    function : callable
        The closure: texts to answers.
    texts : sequence of str
        Its questions, asked one after the other.

    Returns
    -------
    dict, optional
        'start-up [s]', 'an answer [ms]' (the median) and 'memory [MB]' of all its processes; None without Ray.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray tells its makers otherwise
    # Under `uv run` Ray would make an environment anew for each worker, instead of using this one.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
        from ray import serve
    except ImportError:
        print('Ray is not installed: python -m pip install "ray[serve]", then run this cell again.')
        return None

    @serve.deployment(num_replicas=1)
    class Model:
        def __init__(self, function: Callable[[list[str]], Sequence[Any]]) -> None:
            self.function = function

        @serve.batch(max_batch_size=100, batch_wait_timeout_s=0.0)
        async def __call__(self, texts: list[str]) -> list[Any]:
            return list(self.function(texts))

    start = time.perf_counter()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        handle = serve.run(Model.bind(function))
        answers, took = [handle.remote(texts[0]).result()], []
        ready = time.perf_counter() - start
        for text in texts[1:]:
            asked = time.perf_counter()
            answers.append(handle.remote(text).result())
            took.append(1000 * (time.perf_counter() - asked))
        memory = child_memory_mb()
    finally:
        serve.shutdown()
        ray.shutdown()
    same = answers == list(function(list(texts)))
    print(f"Ray Serve gave {'the same answers, bit for bit' if same else 'other answers'}.")
    return {"start-up [s]": ready, "an answer [ms]": float(np.median(took)), "memory [MB]": memory}


def child_memory_mb() -> float:
    """Return the memory, in MB, of all processes that this one has started and that it does not share."""
    import psutil

    total = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            total += process.memory_full_info().uss
    return total / 1e6
