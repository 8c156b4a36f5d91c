"""How many servers a service needs: processor time per prediction, waiting in a queue, spare servers for failures.

The queue is M/M/c: requests arrive one by one, at random and independently of each other, service times are
exponential, and one queue is in front of `servers` servers (Erlang C). Requests that arrive together break that
assumption: `burst_wait` has a formula for them, and `simulate_queue_wait` simulates them.
"""

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
from course_utils.wording import counted

__all__ = [
    "availability",
    "burst_wait",
    "cost_per_prediction",
    "erlang_c",
    "processor_time_ms",
    "queue_wait",
    "servers_needed",
    "simulate_queue_wait",
]

#: The percentile of waiting times that the course looks at, as a share.
_QUANTILE = 0.99


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that a request has to wait for a free server (Erlang C, 1917).

    Requests arrive at random at a constant mean rate, and service times are exponentially distributed.

    Parameters
    ----------
    servers : int
        Number of servers that share one queue, at least 1.
    load : float
        Offered load: requests per second × seconds per request, or how many servers are busy on average. It must be
        less than `servers`.

    Raises
    ------
    UsageError
        There is no server, or the load is negative or too high for the servers.

    Examples
    --------
    >>> round(costs.erlang_c(2, 1), 3)
    0.333
    """
    if isinstance(servers, bool) or not isinstance(servers, Integral) or servers < 1:
        raise UsageError(f"{servers!r} servers", fix="pass a whole number, one or more")
    if not 0 <= load < servers:
        raise UsageError(
            f"{counted(servers, 'server')} cannot handle a load of {load:g}", fix="pass more servers than load"
        )
    # Erlang B, the probability that all servers are busy if no request waits; by recursion, as factorials overflow.
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def queue_wait(servers: int, rate: float, service_ms: float, quantile: float = _QUANTILE) -> float:
    """Return a quantile of the time that requests wait in the queue, by Erlang's formula.

    Requests arrive at random and independently of each other. Where many arrive together, they wait far longer.

    Parameters
    ----------
    servers : int
        Number of servers that share one queue, at least 1.
    rate : float
        Requests per second, zero or more.
    service_ms : float
        Mean time that a server needs for one request, in milliseconds.
    quantile : float
        Between 0 and 1. The default, 0.99, gives the wait that 99 of 100 requests do not exceed.

    Returns
    -------
    float
        Milliseconds; infinite if the servers cannot keep up.

    Raises
    ------
    UsageError
        There is no server, a number is negative, or the quantile is not between 0 and 1.

    See Also
    --------
    simulate_queue_wait : The same from a simulation.
    burst_wait : For requests that arrive together.

    Examples
    --------
    >>> round(costs.queue_wait(3, rate=206, service_ms=10), 1)
    41.0
    """
    check_positive(service_ms=service_ms)
    if not 0 < quantile < 1:
        raise UsageError(f"quantile={quantile!r}", fix="pass a number between 0 and 1, such as 0.99")
    load = rate * service_ms / 1000
    if load >= servers > 0:
        return math.inf
    waiting = erlang_c(servers, load)
    if waiting <= 1 - quantile:
        return 0.0
    # Requests that wait at all wait an exponentially distributed time.
    return service_ms / (servers - load) * math.log(waiting / (1 - quantile))


def burst_wait(servers: int, together: int, service_ms: float, quantile: float = _QUANTILE) -> float:
    """Return a quantile of the waiting times of requests that arrive together at idle servers, in milliseconds.

    The servers take one request each, then the next ones, so the k-th request waits for ``(k - 1) // servers`` rounds.

    Parameters
    ----------
    servers : int
        Number of servers that share one queue, at least 1.
    together : int
        How many requests arrive at the same moment, at least 1, such as the passengers of a flight.
    service_ms : float
        Time that a server needs for each request, in milliseconds.
    quantile : float
        As for `queue_wait`.

    Raises
    ------
    UsageError
        A number is not positive or not whole, or the quantile is not between 0 and 1.

    See Also
    --------
    queue_wait : For requests that arrive one by one.

    Examples
    --------
    >>> costs.burst_wait(3, together=120, service_ms=10)
    390.0
    """
    check_positive(servers=servers, together=together, service_ms=service_ms)
    _check_whole(servers=servers, together=together)
    if not 0 < quantile < 1:
        raise UsageError(f"quantile={quantile!r}", fix="pass a number between 0 and 1, such as 0.99")
    # 1e-9: 0.99 × 100 is a little more than 99 in floats.
    last = math.ceil(quantile * together - 1e-9)
    return float((last - 1) // servers * service_ms)


def _check_whole(**numbers: float) -> None:
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, Integral):
            raise UsageError(f"{name}={number!r} is not a whole number", fix=f"pass {name}=1 or more")


def simulate_queue_wait(
    servers: int,
    rate: float,
    service_ms: float,
    quantile: float = _QUANTILE,
    *,
    together: int = 1,
    requests: int = 200_000,
    deterministic: bool = False,
    seed: int = 0,
) -> float:
    """Return a quantile of the time that requests wait in the queue, in milliseconds, from a simulation.

    Parameters
    ----------
    servers : int
        As for `queue_wait`.
    rate : float
        Requests per second, above zero.
    service_ms : float
        As for `queue_wait`.
    quantile : float
        As for `queue_wait`.
    together : int
        How many requests arrive at the same moment; by default they arrive one by one. The rate of requests is the
        same, so that more of them together arrive less often.
    requests : int
        How many requests to simulate. The first tenth fills the queue and is not counted.
    deterministic : bool
        Whether all requests take the same time; by default the times are exponentially distributed.
    seed : int
        Seed of the random numbers; the same seed gives the same result.

    Raises
    ------
    UsageError
        The servers cannot keep up, or a number is not positive or not whole.

    Examples
    --------
    >>> round(costs.simulate_queue_wait(3, rate=206, service_ms=10))
    40
    """
    check_positive(rate=rate, service_ms=service_ms, requests=requests, together=together)
    _check_whole(requests=requests, together=together)
    erlang_c(servers, rate * service_ms / 1000)  # raises an error if the servers cannot keep up
    draw = np.random.default_rng(seed)
    moments = np.cumsum(draw.exponential(together * 1000 / rate, -(-requests // together)))
    arrivals = np.repeat(moments, together)[:requests].tolist()
    services = [float(service_ms)] * requests if deterministic else draw.exponential(service_ms, requests).tolist()
    free = [0.0] * servers  # a heap of the moments at which the servers become free, the earliest first
    waits = []
    for arrival, service in zip(arrivals, services, strict=True):
        start = max(arrival, free[0])
        waits.append(start - arrival)
        heapq.heapreplace(free, start + service)
    return float(np.quantile(waits[requests // 10 :], quantile))


def servers_needed(
    rate: float | pd.Series, service_ms: float, wait_ms: float, quantile: float = _QUANTILE
) -> int | pd.Series:
    """Return the smallest number of servers that keeps a quantile of the waiting times within a limit.

    Parameters
    ----------
    rate : float or Series of float
        Requests per second, zero or more; a Series gets a number for each of its rows.
    service_ms, wait_ms : float
        Milliseconds that a server needs for one request, and milliseconds that a request may wait.
    quantile : float
        As for `queue_wait`.

    Returns
    -------
    int or Series of int
        At least 1, even without requests.

    Raises
    ------
    UsageError
        A number is not positive, or the quantile is not between 0 and 1.

    Examples
    --------
    >>> costs.servers_needed(pd.Series({"night": 0.0, "rush hour": 290.0}), service_ms=10, wait_ms=50).to_dict()
    {'night': 1, 'rush hour': 4}
    """
    check_positive(service_ms=service_ms, wait_ms=wait_ms)
    if isinstance(rate, pd.Series):
        known = {one: servers_needed(float(one), service_ms, wait_ms, quantile) for one in rate.unique()}
        return rate.map(known).rename("servers")
    if not 0 <= rate < math.inf:
        raise UsageError(f"{rate!r} requests per second", fix="pass a number, zero or more")
    servers = math.floor(rate * service_ms / 1000) + 1  # fewer cannot keep up
    while queue_wait(servers, rate, service_ms, quantile) > wait_ms:
        servers += 1
    return servers


def cost_per_prediction() -> pd.DataFrame:
    """Return the processor time per prediction of the course's model, as measured by ``benchmarks/costs.py``.

    Returns
    -------
    DataFrame, index 'asked'
        'processor time [ms]' per prediction, and 'a second, at most': predictions per second and core, as text.

    See Also
    --------
    processor_time_ms : Measures on your machine.

    Examples
    --------
    >>> costs.cost_per_prediction().index.tolist()[0]
    'one flight, from a table of one row'
    """
    frame = tables.benchmark("costs")
    milliseconds = frame["processor time [ms]"]
    # Two significant digits: the measurement is no more exact.
    frame["a second, at most"] = [f"{float(f'{1000 / ms:.2g}'):,.0f}" for ms in milliseconds]
    return frame


def processor_time_ms(call: Callable[[], Any], repeat: int = 200, predictions: int = 1) -> float:
    """Return the processor time of one prediction in milliseconds: the median over many calls.

    Parameters
    ----------
    call : callable without arguments
        Makes the predictions, such as ``lambda: scorer.score(flight)``.
    repeat : int
        How often to call it, at least once; one more call is not counted.
    predictions : int
        How many predictions one call makes.

    Raises
    ------
    UsageError
        `call` is not callable, or a number is not positive.

    Examples
    --------
    >>> 0 <= costs.processor_time_ms(lambda: sum(range(1000)), repeat=5) < 1000
    True
    """
    check_positive(repeat=repeat, predictions=predictions)
    if not callable(call):
        raise UsageError(
            "processor_time_ms needs a function to call", fix="put lambda: in front of the expression to measure"
        )
    call()  # the first call may load modules
    taken = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return 1000 * float(np.median(taken)) / predictions


def availability(*targets: str, servers: int = 3, up: str = "0.99") -> pd.DataFrame:
    """Return the error budget of each availability target, and the number of spare servers that it needs.

    Servers are assumed to fail independently of each other.

    Parameters
    ----------
    *targets : str
        Shares of the time, such as ``"0.999"``; texts, because a float cannot represent them exactly.
    servers : int
        How many servers the traffic needs, at least 1.
    up : str
        The share of the time that a single server is up, such as ``"0.99"``.

    Returns
    -------
    DataFrame, index 'target'
        'minutes in 30 days': the time that the service may be down; 'spare servers'.

    Raises
    ------
    UsageError
        A share is not between 0 and 1, or there is no server.

    Examples
    --------
    >>> costs.availability("0.99", "0.9999")
            minutes in 30 days  spare servers
    target
    0.99                432.00              1
    0.9999                4.32              2
    """
    check_positive(servers=servers)
    chance = _to_share(up)
    rows = {}
    for target in targets:
        share, spare = _to_share(target), 0
        while _probability_enough(servers, servers + spare, float(chance)) < share:
            spare += 1
        rows[target] = {"minutes in 30 days": float((1 - share) * 30 * 24 * 60), "spare servers": spare}
    return pd.DataFrame(rows).T.astype({"spare servers": int}).rename_axis("target")


def _probability_enough(needed: int, existing: int, up: float) -> float:
    """Return the probability that at least `needed` of the `existing` servers are up (binomial distribution)."""
    return sum(math.comb(existing, n) * up**n * (1 - up) ** (existing - n) for n in range(needed, existing + 1))


def _to_share(text: str) -> Decimal:
    share = to_decimal(text, "a share")
    if not 0 < share < 1:
        raise UsageError(f"a share of {text!r}", fix="pass a number between 0 and 1, such as '0.999'")
    return share
