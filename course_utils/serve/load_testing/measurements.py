"""How much load replicas can handle: Little's law, closures with a known service time, measurements on a cluster."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from course_utils.errors import UsageError
from course_utils.serve.load_testing.client import MAX_CLIENTS
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
    """Return how busy replicas are by Little's law: on average, ``rate × time`` requests are being processed.

    Parameters
    ----------
    rate : float
        Requests per second, above zero.
    milliseconds : float
        Time that a replica needs for one request, above zero.
    most : int
        The largest number of replicas in the table, at least 1.

    Returns
    -------
    DataFrame, index 'replicas' from 1
        'busy [%]': utilisation of each replica; 'keeps up': whether it is below 100.

    Raises
    ------
    UsageError
        A number is not positive.

    Examples
    --------
    >>> load_testing.littles_law(rate=80, milliseconds=20, most=2)
              busy [%]  keeps up
    replicas
    1            160.0     False
    2             80.0      True
    """
    if not (rate > 0 and milliseconds > 0 and most >= 1 and math.isfinite(rate * milliseconds)):
        raise UsageError(
            f"rate={rate}, milliseconds={milliseconds}, most={most} describe no load", fix="pass positive numbers"
        )
    replicas = pd.RangeIndex(1, most + 1, name="replicas")
    busy = 100 * rate * milliseconds / 1000 / replicas.to_numpy()
    return pd.DataFrame({"busy [%]": busy.round(1), "keeps up": busy < 100}, index=replicas)


def io_bound_20_ms(texts: Sequence[str]) -> list[float]:
    """Sleep 20 ms per text, like a call of a remote feature store, and return 0.5 for each of the `texts`.

    See Also
    --------
    cpu_bound_20_ms : Keeps the processor busy instead.

    Examples
    --------
    >>> load_testing.io_bound_20_ms(["one", "two"])
    [0.5, 0.5]
    """
    time.sleep(0.020 * len(texts))
    return [0.5] * len(texts)


def cpu_bound_20_ms(texts: Sequence[str]) -> list[float]:
    """Compute for 20 ms of processor time per text, and return 0.5 for each of the `texts`.

    See Also
    --------
    io_bound_20_ms : Sleeps instead.

    Examples
    --------
    >>> load_testing.cpu_bound_20_ms(["one"])
    [0.5]
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
    """Return throughput and latency of a closure under several loads, on a cluster that is started for it.

    Each replica gets one request at a time.

    Parameters
    ----------
    function : callable
        The closure to deploy, from a list of texts to a list of outputs, such as `io_bound_20_ms`.
    replicas : sequence of int
        Numbers of replicas to try, each at least 1.
    rates : sequence of float
        Requests per second to try with each number of replicas.
    seconds : float
        Duration of each load, at most 60.
    objective_ms : float
        Latency objective in milliseconds, after which the default output is returned.

    Returns
    -------
    DataFrame, one row per number of replicas and rate
        'replicas', 'offered' and 'answered' (requests per second, without defaults), 'p50 [ms]' and 'p99 [ms]' of all
        requests, and 'missed [%]': the percentage that got the default.
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
            open_loop_load(address, "picture", ["warm up"], rate=20, seconds=1)  # new replicas load modules
            for rate in rates:
                result = open_loop_load(address, "picture", ["flight"], rate=rate, seconds=seconds, clients=MAX_CLIENTS)
                missed = 100 * (1 - result.in_time)
                rows.append((count, rate, result.throughput, result.latency(50), result.latency(99), missed))
    finally:
        connection.stop_all()
    table = pd.DataFrame(rows, columns=["replicas", "offered", "answered", "p50 [ms]", "p99 [ms]", "missed [%]"])
    return table.round({"answered": 0, "p50 [ms]": 0, "p99 [ms]": 0, "missed [%]": 1})


def serve_with_ray(function: Callable[[list[str]], Sequence[Any]], texts: Sequence[str]) -> dict[str, float] | None:
    """Serve a closure with Ray Serve on this machine, and print whether its answers equal those of a direct call.

    If Ray is not installed, print how to install it.

    Parameters
    ----------
    function : callable
        The closure to serve, from a list of texts to a list of outputs.
    texts : sequence of str
        Requests to send one after the other; the first one is not timed.

    Returns
    -------
    dict, optional
        'start-up [s]', 'an answer [ms]' (the median) and 'memory [MB]' of all its processes; None without Ray.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray sends usage statistics by default
    # Under `uv run`, Ray would create a new environment for each worker instead of using this one.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
        from ray import serve
    except ImportError:
        print('Ray is not installed. Run python -m pip install "ray[serve]", then run this cell again.')
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
    """Return the memory in MB that all child processes of this one use alone (their unique set size).

    Examples
    --------
    >>> load_testing.child_memory_mb() >= 0
    True
    """
    import psutil

    total = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # the process has just ended
            total += process.memory_full_info().uss
    return total / 1e6
