"""How long this machine, as busy as it is, may need before a piece of work counts as hanging.

Time is never a verdict: a slow or busy machine passes. A guard only ends what hangs. It allows the seconds written
beside it, multiplied by `factor`, which one fixed piece of work measures once in a run. The environment variable
`VARIABLE` hands the factor on to every process that the run starts. You may set it yourself, for a machine that becomes
busy only later.
"""

from __future__ import annotations

import math
import os
import time

from course_utils.errors import UsageError

#: Holds the factor, for every process of one run.
VARIABLE = "COURSE_PATIENCE"
#: The work that is timed: rounds of a loop in plain Python, which uses one core and allocates nothing.
ROUNDS = 4_000_000
#: Seconds that the work takes on the machine for which guards were chosen: the median of 20 runs with Python 3.11.7 on
#: two free virtual cores of an AMD EPYC server, November 2026.
REFERENCE = 0.19
#: Cores of that machine. Lessons and tests run two at a time, so one core takes twice as long.
CORES = 2
#: Seconds for one cell of a notebook. The slowest cell of the course takes about 20 s on the reference machine.
CELL = 300
#: Seconds for a kernel to start, and for the outputs of a cell to arrive after its end.
KERNEL = 60


def factor() -> float:
    """Return how many times as long as on the reference machine work may take here: 1 or more.

    The first call of a run measures it; later calls, also those in processes that the run starts, read it from the
    environment.

    Raises
    ------
    UsageError
        The environment variable holds something else than a number from 1 on.
    """
    text = os.environ.get(VARIABLE) or f"{measure():.2f}"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1 <= value < math.inf:
        raise UsageError(
            f"{VARIABLE} is {text!r}, not a number from 1 on",
            fix=f"unset {VARIABLE} to have it measured, or set it to 10 to wait ten times as long",
        )
    os.environ[VARIABLE] = text
    return value


def measure() -> float:
    """Time the fixed work once and return the factor.

    The clock runs on while other programs use the cores, so a busy machine shows in it as well as a slow one.
    """
    clock, processor = time.perf_counter(), time.process_time()
    _work(ROUNDS)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return ratio(clock, processor, _cores())


def ratio(clock: float, processor: float, cores: int) -> float:
    """Return the factor that follows from a measurement.

    Parameters
    ----------
    clock, processor : float
        Seconds that the fixed work took, by the clock and of processor time.
    cores : int
        Cores that this process may use.
    """
    return max(1.0, clock / REFERENCE, processor / REFERENCE) * max(1.0, CORES / cores)


def seconds(allowed: float) -> float:
    """Return the seconds that a guard of `allowed` seconds on the reference machine waits here."""
    return allowed * factor()


def whole_seconds(allowed: float) -> int:
    """Return `seconds` rounded up, for programs that take whole numbers only."""
    return math.ceil(seconds(allowed))


def _work(rounds: int) -> int:
    total = 0
    for number in range(rounds):
        total += number * number % 7
    return total


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: `taskset` and containers may give fewer than the machine has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
