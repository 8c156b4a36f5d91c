"""A client of a local server."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from course_utils.errors import UsageError

if TYPE_CHECKING:
    pass

__all__ = [
    "MOST_CLIENTS",
    "MOST_REQUESTS",
    "MOST_SECONDS",
    "TIMEOUT_SECONDS",
    "Connection",
    "check_bounds",
    "check_local",
    "outcome_of",
    "request_body",
]

MOST_CLIENTS, MOST_REQUESTS, MOST_SECONDS = 64, 100_000, 60.0

TIMEOUT_SECONDS = 30.0  # seconds that a client waits for an answer before it counts as failed


def request_body(asked: str | Sequence[Any]) -> bytes:
    """Return the body of a question about one text, or about a list of them."""
    key = "input" if isinstance(asked, str) else "input_batch"
    return json.dumps({key: asked}).encode()


class Connection:
    """A connection to a server of this machine that stays open from question to question.

    Parameters
    ----------
    address : str
        Host and port.
    app : str
        The application that is asked.
    """

    def __init__(self, address: str, app: str) -> None:
        self._path = f"/{app}/predict"
        self._connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)

    def ask(self, body: bytes) -> Any:
        """Return the parsed answer, or None if there was none that could be used."""
        try:
            self._connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            text = response.read()
            return json.loads(text) if response.status == http.client.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            self._connection.close()  # the next question opens it again
            return None

    def open(self) -> None:
        """Connect now, so that the first question does not have to."""
        with contextlib.suppress(OSError):  # the question will say so
            self._connection.connect()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def check_local(address: str) -> str:
    host, _, port = str(address).rpartition(":")
    if host not in ("127.0.0.1", "localhost", "[::1]") or not port.isdecimal():
        raise UsageError(
            f"{address!r} is no address of this machine", fix="pass what get_query_addr() of a local cluster returns"
        )
    return str(address)


def check_bounds(name: str, value: float, most: float) -> None:
    if not 0 < value <= most:
        raise UsageError(f"{name}={value} is out of bounds", fix=f"give more than 0 and at most {most:,.0f}")


def outcome_of(answer: Any) -> str:
    answers = answer.get("batch_predictions", [answer]) if isinstance(answer, dict) else []
    if not answers or not all("output" in one for one in answers):
        return "failed"
    return "default" if any(one.get("default") for one in answers) else "in time"
