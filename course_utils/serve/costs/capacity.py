"""How many servers."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable
from decimal import Decimal
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.errors import UsageError
from course_utils.serve.costs.checks import check_positive, to_decimal

__all__ = [
    "availability",
    "cost_per_prediction",
    "erlang_c",
    "processor_time_ms",
    "queue_wait",
    "servers_needed",
    "simulate_queue_wait",
]

_QUANTILE = 0.99


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that a request has to wait for a free server (Erlang, 1917).

    Requests come at random, at a steady rate, and take a time that is exponentially distributed.

    Parameters
    ----------
    servers : int
        How many serve the one queue.
    load : float
        Requests a second × seconds that each takes: how many servers are busy on average.

    Raises
    ------
    UsageError
        There is no server, or the load is negative or more than the servers can take.
    """
    if isinstance(servers, bool) or not isinstance(servers, Integral) or servers < 1:
        raise UsageError(f"{servers!r} servers", fix="give a whole number, one or more")
    if not 0 <= load < servers:
        raise UsageError(f"{servers} servers cannot take a load of {load:g}", fix="give more servers than load")
    lost = 1.0  # the probability that all are busy where nobody waits, server by server
    for count in range(1, servers + 1):
        lost = load * lost / (count + load * lost)
    return lost / (1 - load / servers * (1 - lost))


def queue_wait(servers: int, rate: float, service_ms: float, quantile: float = _QUANTILE) -> float:
    """Return the time in the queue that a share of all requests does not exceed.

    Parameters
    ----------
    servers : int
    rate : float
        Requests a second.
    service_ms : float
        Milliseconds that a request takes on a server.
    quantile : float
        The share; the default gives the 99th percentile.

    Returns
    -------
    float
        Milliseconds; infinite where the servers cannot keep up.

    Raises
    ------
    UsageError
        There is no server, a number is negative, or the share does not lie between 0 and 1.
    """
    check_positive(service_ms=service_ms)
    if not 0 < quantile < 1:
        raise UsageError(f"a share of {quantile!r}", fix="give a number between 0 and 1, such as 0.99")
    load = rate * service_ms / 1000
    if load >= servers > 0:
        return math.inf
    waiting = erlang_c(servers, load)
    if waiting <= 1 - quantile:
        return 0.0
    return service_ms / (servers - load) * math.log(waiting / (1 - quantile))


def simulate_queue_wait(
    servers: int,
    rate: float,
    service_ms: float,
    quantile: float = _QUANTILE,
    *,
    requests: int = 200_000,
    same: bool = False,
    seed: int = 0,
) -> float:
    """Return what `queue_wait` does, from requests that queue one by one.

    Parameters
    ----------
    servers : int
    rate : float
        Requests a second.
    service_ms : float
        Milliseconds that a request takes on a server, on average.
    quantile : float
        See `queue_wait`.
    requests : int
        How many are simulated; the first tenth fills the queue and is not counted.
    same : bool
        All requests take the same time, instead of an exponentially distributed one.
    seed : int

    Raises
    ------
    UsageError
        The servers cannot keep up, or a number is not positive.
    """
    check_positive(rate=rate, service_ms=service_ms, requests=requests)
    erlang_c(servers, rate * service_ms / 1000)  # refuses what cannot be served
    draw = np.random.default_rng(seed)
    arrivals = np.cumsum(draw.exponential(1000 / rate, requests)).tolist()
    services = [float(service_ms)] * requests if same else draw.exponential(service_ms, requests).tolist()
    free = [0.0] * servers  # when each server will be free, the first to be so in front
    waits = []
    for arrival, service in zip(arrivals, services, strict=True):
        start = max(arrival, free[0])
        waits.append(start - arrival)
        heapq.heapreplace(free, start + service)
    return float(np.quantile(waits[requests // 10 :], quantile))


def servers_needed(
    rate: float | pd.Series, service_ms: float, wait_ms: float, quantile: float = _QUANTILE
) -> int | pd.Series:
    """Return the least number of servers that keep the wait of a share of all requests within a limit.

    Parameters
    ----------
    rate : float or Series of float
        Requests a second.
    service_ms, wait_ms : float
        Milliseconds that a request takes, and those that it may wait.
    quantile : float
        See `queue_wait`.

    Returns
    -------
    int or Series of int
        One server at least, even where nobody asks.

    Raises
    ------
    UsageError
        A number is not positive, or the share does not lie between 0 and 1.
    """
    check_positive(service_ms=service_ms, wait_ms=wait_ms)
    if isinstance(rate, pd.Series):
        known = {one: servers_needed(float(one), service_ms, wait_ms, quantile) for one in rate.unique()}
        return rate.map(known).rename("servers")
    if not 0 <= rate < math.inf:
        raise UsageError(f"{rate!r} requests a second", fix="give a number, zero or more")
    servers = math.floor(rate * service_ms / 1000) + 1
    while queue_wait(servers, rate, service_ms, quantile) > wait_ms:
        servers += 1
    return servers


def cost_per_prediction() -> pd.DataFrame:
    """Return what a prediction of the course's model took, as measured by ``benchmarks/costs.py``.

    Returns
    -------
    DataFrame, index 'asked'
        Processor time in ms for each prediction, and how many a core makes a second, as text.
    """
    frame = tables.benchmark("costs")
    milliseconds = frame["processor time [ms]"]
    frame["a second, at most"] = [f"{float(f'{1000 / ms:.2g}'):,.0f}" for ms in milliseconds]
    return frame


def processor_time_ms(call: Callable[[], Any], repeat: int = 200, predictions: int = 1) -> float:
    """Return the processor time of a prediction in ms: the median over many calls.

    Parameters
    ----------
    call : callable without arguments
        Makes the predictions.
    repeat : int
        How often it is called.
    predictions : int
        How many one call makes.

    Raises
    ------
    UsageError
        `call` cannot be called, or a number is not positive.
    """
    check_positive(repeat=repeat, predictions=predictions)
    if not callable(call):
        raise UsageError("measure needs something to call", fix="put lambda: before the expression")
    call()  # the first one pays for what is loaded late
    taken = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return 1000 * float(np.median(taken)) / predictions


def availability(*targets: str, servers: int = 3, up: str = "0.99") -> pd.DataFrame:
    """Return what a target for availability allows, and the spare servers that it takes.

    Servers are taken to fail independently of each other.

    Parameters
    ----------
    *targets : str
        Shares of the time, such as ``"0.999"``.
    servers : int
        How many the traffic needs.
    up : str
        The share of the time that a single server is up.

    Returns
    -------
    DataFrame, index 'target'
        'minutes in 30 days' that may fail (the error budget) and 'spare servers'.

    Raises
    ------
    UsageError
        A share does not lie between 0 and 1, or there is no server.
    """
    check_positive(servers=servers)
    chance = _share(up)
    rows = {}
    for target in targets:
        share, spare = _share(target), 0
        while _enough(servers, servers + spare, float(chance)) < share:
            spare += 1
        rows[target] = {"minutes in 30 days": float((1 - share) * 30 * 24 * 60), "spare servers": spare}
    return pd.DataFrame(rows).T.astype({"spare servers": int}).rename_axis("target")


def _enough(needed: int, there: int, up: float) -> float:
    """Return the probability that at least `needed` of the servers are up."""
    return sum(math.comb(there, n) * up**n * (1 - up) ** (there - n) for n in range(needed, there + 1))


def _share(text: str) -> Decimal:
    share = to_decimal(text, "a share")
    if not 0 < share < 1:
        raise UsageError(f"a share of {text!r}", fix="give a number between 0 and 1, such as '0.999'")
    return share
