"""Wait for what a test wants, never for time to pass: the machine may be slow or busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from authoring import patience

#: Seconds after which an answer counts as lost. No test passes or fails by how long it took below that.
PATIENT = patience.seconds(60)


def until(
    wanted: Callable[[], Any], what: str | Callable[[], str], *, every: float = 0.01, within: float = PATIENT
) -> Any:
    """Wait until something holds, and return it.

    Parameters
    ----------
    wanted : callable
        Returns something true once it holds.
    what : str or callable
        What is said if it never does.
    every : float
        Seconds between two looks.
    within : float
        Seconds until the wait is given up.
    """
    deadline = time.monotonic() + within
    while True:
        found = wanted()
        if found:
            return found
        assert time.monotonic() < deadline, f"still not: {what() if callable(what) else what}"
        time.sleep(every)
