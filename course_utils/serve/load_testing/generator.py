"""A load generator."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    pass
from course_utils.serve.load_testing.client import (
    MOST_CLIENTS,
    MOST_REQUESTS,
    MOST_SECONDS,
    Connection,
    check_bounds,
    check_local,
    outcome_of,
    request_body,
)

__all__ = [
    "Result",
    "as_json_texts",
    "concurrent_requests",
    "open_loop_load",
]


def as_json_texts(rows: pd.DataFrame) -> list[str]:
    """Write each row as a JSON text, for an application of input type 'strings'.

    Numbers keep all their digits, so that a server that reads them back scores the very same row. A missing value
    becomes null: JSON knows no NaN.

    Parameters
    ----------
    rows : DataFrame
        Features, one row a flight.
    """
    plain = rows.astype(object).where(rows.notna(), None)
    return [json.dumps(row, default=lambda value: value.item()) for row in plain.to_dict("records")]


@dataclass(frozen=True)
class Result:
    """What came of a load.

    Attributes
    ----------
    questions : DataFrame, one row a question
        'due' (seconds after the start at which it was to be asked), 'ms' (from then until its answer) and 'outcome':
        'in time', 'default' or 'failed'.
    seconds : float
        From the start to the last answer.
    """

    questions: pd.DataFrame
    seconds: float

    def counts(self) -> pd.Series:
        """Count the questions: 'asked', and of them 'in time', 'default' and 'failed'."""
        counted = self.questions["outcome"].value_counts()
        kinds = {kind: int(counted.get(kind, 0)) for kind in ("in time", "default", "failed")}
        return pd.Series({"asked": len(self.questions), **kinds}, name="questions")

    @property
    def in_time(self) -> float:
        """Share of the questions that the model answered within the objective."""
        return float((self.questions["outcome"] == "in time").mean())

    @property
    def throughput(self) -> float:
        """Answers of the model a second, defaults not counted."""
        return float((self.questions["outcome"] == "in time").sum() / self.seconds)

    def latency(self, percent: float) -> float:
        """Return the latency in ms that `percent` of all questions, defaults included, did not exceed."""
        return float(np.percentile(self.questions["ms"], percent))

    def __repr__(self) -> str:
        return f"what came of {len(self.questions):,} questions"


def open_loop_load(
    address: str, app: str, inputs: Sequence[str], *, rate: float, seconds: float, clients: int = 32, seed: int = 0
) -> Result:
    """Ask at random moments, `rate` times a second, whether or not earlier questions were answered.

    A question that has to wait for a free client is late from the moment at which it was due.

    Parameters
    ----------
    address : str
        Of the cluster, as ``get_query_addr()`` returns it.
    app : str
        The application.
    inputs : sequence of str
        Texts that are asked in turn.
    rate : float
        Questions a second.
    seconds : float
        For how long; at most a minute.
    clients : int
        How many questions can be on their way at once.
    seed : int
        Of the random moments.

    Raises
    ------
    UsageError
        The address is not of this machine, or a number is out of bounds.
    """
    check_bounds("seconds", seconds, MOST_SECONDS)
    check_bounds("rate * seconds", rate * seconds, MOST_REQUESTS)
    gaps = np.random.default_rng(seed).exponential(1 / rate, max(1, round(rate * seconds)))
    return _send(address, app, inputs, np.cumsum(gaps), clients)


def concurrent_requests(address: str, app: str, inputs: Sequence[str]) -> Result:
    """Ask all at the same moment, each from a client of its own.

    Parameters
    ----------
    address : str
        Of the cluster, as ``get_query_addr()`` returns it.
    app : str
        The application.
    inputs : sequence of str
        A text for each client, at most 64.

    Raises
    ------
    UsageError
        The address is not of this machine, or there are too many inputs.
    """
    check_bounds("len(inputs)", len(inputs), MOST_CLIENTS)
    return _send(address, app, inputs, np.zeros(len(inputs)), len(inputs))


def _send(address: str, app: str, inputs: Sequence[str], due: np.ndarray, clients: int) -> Result:
    check_bounds("clients", clients, MOST_CLIENTS)
    check_bounds("len(inputs)", len(inputs), MOST_REQUESTS)
    address, bodies = check_local(address), [request_body(asked) for asked in inputs]
    took, outcome = np.full(len(due), np.nan), np.full(len(due), "failed", dtype=object)
    places, turn = iter(range(len(due))), threading.Lock()
    ready = threading.Barrier(clients + 1)

    def client() -> None:
        line = Connection(address, app)
        line.open()
        ready.wait()
        while True:
            with turn:
                place = next(places, None)
            if place is None:
                break
            time.sleep(max(0.0, start + due[place] - time.perf_counter()))
            outcome[place] = outcome_of(line.ask(bodies[place % len(bodies)]))
            took[place] = time.perf_counter() - start - due[place]
        line.close()

    threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    start = time.perf_counter() + 0.05  # all clients are there by then
    ready.wait()
    for thread in threads:
        thread.join()
    questions = pd.DataFrame({"due": due, "ms": 1000 * took, "outcome": outcome})
    return Result(questions, float((due + took).max()))
