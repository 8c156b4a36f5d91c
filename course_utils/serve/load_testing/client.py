"""A client of a prediction server on this machine: one kept connection, limits, and the outcome of an answer."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Sequence
from typing import Any

from course_utils.errors import UsageError

__all__ = [
    "MAX_CLIENTS",
    "MAX_REQUESTS",
    "MAX_SECONDS",
    "TIMEOUT_SECONDS",
    "Connection",
    "check_bounds",
    "check_local",
    "outcome_of",
    "request_body",
]

#: Limits of one load: a mistyped number must not flood the machine or run for an hour.
MAX_CLIENTS = 64
MAX_REQUESTS = 100_000
MAX_SECONDS = 60.0
#: Seconds without an answer after which a request counts as failed.
TIMEOUT_SECONDS = 30.0


def request_body(inputs: str | Sequence[Any]) -> bytes:
    """Return the JSON body of a prediction request: for one text, or for a batch if `inputs` is a list."""
    key = "input" if isinstance(inputs, str) else "input_batch"
    return json.dumps({key: inputs}).encode()


class Connection:
    """A connection to a prediction server that stays open between requests.

    Parameters
    ----------
    address : str
        Host and port, such as '127.0.0.1:1337'.
    app : str
        Name of the application that answers, as it was registered.
    """

    def __init__(self, address: str, app: str) -> None:
        self._path = f"/{app}/predict"
        self._connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)

    def predict(self, body: bytes) -> Any:
        """Send a request and return the parsed answer, or None if there was no usable one.

        Parameters
        ----------
        body : bytes
            A JSON body as from `request_body`.
        """
        try:
            self._connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            text = response.read()
            return json.loads(text) if response.status == http.client.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            self._connection.close()  # the next request opens it again
            return None

    def open(self) -> None:
        """Connect now, so that the first request is as fast as the others."""
        with contextlib.suppress(OSError):  # if the server is down, the request will fail and be counted
            self._connection.connect()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def check_local(address: str) -> str:
    """Return `address` if it is a host and port of this machine.

    Raises
    ------
    UsageError
        It is not: no other machine may receive a load.
    """
    host, _, port = str(address).rpartition(":")
    if host not in ("127.0.0.1", "localhost", "[::1]") or not port.isdecimal():
        raise UsageError(
            f"{address!r} is not an address of this machine",
            fix="pass what get_query_addr() of a local cluster returns, such as '127.0.0.1:1337'",
        )
    return str(address)


def check_bounds(name: str, value: float, most: float) -> None:
    """Raise an error unless the `value` of the argument `name` is above 0 and at most `most`.

    Raises
    ------
    UsageError
        The value is out of bounds.
    """
    if not 0 < value <= most:
        raise UsageError(f"{name}={value} is out of bounds", fix=f"pass more than 0 and at most {most:,.0f}")


def outcome_of(answer: Any) -> str:
    """Return the outcome of a parsed `answer`: 'in time', 'default' (if any part of it is) or 'failed'."""
    answers = answer.get("batch_predictions", [answer]) if isinstance(answer, dict) else []
    if not answers or not all("output" in one for one in answers):
        return "failed"
    return "default" if any(one.get("default") for one in answers) else "in time"
