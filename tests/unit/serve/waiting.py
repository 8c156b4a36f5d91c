"""Wait for a condition, never for a fixed time: the machine may be slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: Seconds: long enough for any machine.
PATIENT = 60.0


def until(wanted: Callable[[], Any], what: str) -> Any:
    """Wait until a call returns something true, and return that; the error names `what` never happened."""
    deadline = time.monotonic() + PATIENT
    while True:
        found = wanted()
        if found:
            return found
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.01)
