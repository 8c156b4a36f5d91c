"""Load generators: requests at random moments (open loop), or all at once, and what the answers were.

In an open loop, requests are due whether or not earlier ones were answered, as with real users.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from course_utils.serve.load_testing.client import (
    MAX_CLIENTS,
    MAX_REQUESTS,
    MAX_SECONDS,
    Connection,
    check_bounds,
    check_local,
    outcome_of,
    request_body,
)
from course_utils.serve.load_testing.provenance import Deployment, find_deployment, seal
from course_utils.wording import counted

__all__ = ["Result", "as_json_texts", "concurrent_requests", "open_loop_load"]


def as_json_texts(rows: pd.DataFrame) -> list[str]:
    """Return each row as a JSON text, for an application with input type 'strings'.

    Numbers keep all digits, so a server that parses the text scores exactly the same row. Missing values become null,
    because JSON has no NaN.

    Parameters
    ----------
    rows : DataFrame
        Features, one row per flight.

    Examples
    --------
    >>> load_testing.as_json_texts(pd.DataFrame({"Origin": ["JFK"], "Distance": [np.nan]}))
    ['{"Origin": "JFK", "Distance": null}']
    """
    plain = rows.astype(object).where(rows.notna(), None)
    return [json.dumps(row, default=lambda value: value.item()) for row in plain.to_dict("records")]


@dataclass(frozen=True, repr=False)
class Result:
    """The outcome of a load. Made by `open_loop_load` and `concurrent_requests`.

    Attributes
    ----------
    requests : DataFrame, one row per request
        'due' (seconds after the start), 'ms' (from the moment it was due until its answer) and 'outcome': 'in time',
        'default' or 'failed'.
    seconds : float
        Time from the start to the last answer.
    app : str
        Name of the application that was asked.
    rate : float, optional
        Requests per second that were offered; None if all were sent at the same moment.
    deployment : Deployment, optional
        The model, version and replicas that answered and the latency objective, as the cluster had them at the start;
        None for a server that is not a local cluster.
    """

    requests: pd.DataFrame
    seconds: float
    app: str = ""
    rate: float | None = None
    deployment: Deployment | None = None
    _seal: str = field(default="", compare=False)

    @property
    def as_measured(self) -> bool:
        """Whether this is the result of a load, with nothing changed by hand since."""
        return self._seal == seal(self.requests, self.seconds, self.app, self.rate, self.deployment)

    def counts(self) -> pd.Series:
        """Return the number of requests, 'asked', and of those 'in time', 'default' and 'failed'."""
        counted = self.requests["outcome"].value_counts()
        kinds = {kind: int(counted.get(kind, 0)) for kind in ("in time", "default", "failed")}
        return pd.Series({"asked": len(self.requests), **kinds}, name="requests")

    @property
    def in_time(self) -> float:
        """Share of the requests that the model answered within the latency objective."""
        return float((self.requests["outcome"] == "in time").mean())

    @property
    def throughput(self) -> float:
        """Answers of the model per second, without default answers."""
        return float((self.requests["outcome"] == "in time").sum() / self.seconds)

    def latency(self, percent: float) -> float:
        """Return a percentile of the latency in milliseconds, with default answers: `percent` from 0 to 100."""
        return float(np.percentile(self.requests["ms"], percent))

    def __repr__(self) -> str:
        return f"Result({counted(len(self.requests), 'request')})"


def open_loop_load(
    address: str, app: str, inputs: Sequence[str], *, rate: float, seconds: float, clients: int = 32, seed: int = 0
) -> Result:
    """Send requests at random moments, on average `rate` per second, whether or not earlier ones were answered.

    If all clients are busy, a request waits for a free one; its latency counts from the moment at which it was due.

    Parameters
    ----------
    address : str
        Query address of a local cluster, as ``get_query_addr()`` returns it.
    app : str
        Name of the application that answers, as it was registered.
    inputs : sequence of str
        Texts to send, one per request, starting again after the last.
    rate : float
        Mean number of requests per second, above zero.
    seconds : float
        Duration of the load, at most 60; rate × seconds at most 100,000.
    clients : int
        The largest number of requests in flight, from 1 to 64.
    seed : int
        Seed of the random moments; the same seed gives the same moments.

    Raises
    ------
    UsageError
        The address is not on this machine, or a number is out of bounds.

    See Also
    --------
    concurrent_requests : Sends all requests at the same moment.
    """
    check_bounds("seconds", seconds, MAX_SECONDS)
    check_bounds("rate * seconds", rate * seconds, MAX_REQUESTS)
    # Exponential gaps: arrivals of independent users (a Poisson process).
    gaps = np.random.default_rng(seed).exponential(1 / rate, max(1, round(rate * seconds)))
    return _send(address, app, inputs, np.cumsum(gaps), clients, rate)


def concurrent_requests(address: str, app: str, inputs: Sequence[str]) -> Result:
    """Send all requests at the same moment, each from its own client.

    Parameters
    ----------
    address : str
        As for `open_loop_load`.
    app : str
        As for `open_loop_load`.
    inputs : sequence of str
        One text per client, from 1 to 64.

    Raises
    ------
    UsageError
        The address is not on this machine, or there are too many inputs.
    """
    check_bounds("len(inputs)", len(inputs), MAX_CLIENTS)
    return _send(address, app, inputs, np.zeros(len(inputs)), len(inputs), None)


def _send(address: str, app: str, inputs: Sequence[str], due: np.ndarray, clients: int, rate: float | None) -> Result:
    """Send a request at each moment in `due` (seconds after the start) from a pool of clients."""
    check_bounds("clients", clients, MAX_CLIENTS)
    check_bounds("len(inputs)", len(inputs), MAX_REQUESTS)
    address, bodies = check_local(address), [request_body(one) for one in inputs]
    deployment = find_deployment(address, app)
    took, outcome = np.full(len(due), np.nan), np.full(len(due), "failed", dtype=object)
    places, turn = iter(range(len(due))), threading.Lock()
    ready = threading.Barrier(clients + 1)

    def client() -> None:
        connection = Connection(address, app)
        connection.open()
        ready.wait()
        while True:
            with turn:  # two threads must not advance the same iterator at once
                place = next(places, None)
            if place is None:
                break
            time.sleep(max(0.0, start + due[place] - time.perf_counter()))
            outcome[place] = outcome_of(connection.predict(bodies[place % len(bodies)]))
            took[place] = time.perf_counter() - start - due[place]
        connection.close()

    threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    start = time.perf_counter() + 0.05  # a little later, when all clients have passed the barrier
    ready.wait()
    for thread in threads:
        thread.join()
    requests = pd.DataFrame({"due": due, "ms": 1000 * took, "outcome": outcome})
    measured = (requests, float((due + took).max()), app, rate, deployment)
    return Result(*measured, seal(*measured))
