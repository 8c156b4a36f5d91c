"""Run a learner's function in a new Python process, which shows what it remembers from this one.

A function that counts its calls, draws at random or uses Python's ``hash`` gives other results there.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from course_utils.exercises.calls import CLOCK_SECONDS, call_each
from course_utils.exercises.grading import Refused, describe_error, wrong

__all__ = ["packed", "results_of", "where_it_differs"]

#: Reads where modules are, a function and lists of arguments; writes what the function returns.
_PROGRAM = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
function, asked = pickle.load(sys.stdin.buffer)
found = [function(*given) for given in asked]
pickle.dump(found, sys.stdout.buffer)
"""


def packed(function: Callable[..., Any], asked: Sequence[tuple[Any, ...]]) -> bytes:
    """Return a function with arguments for `results_of`; pack it before it is called, since it may remember calls.

    Parameters
    ----------
    function : callable
        The learner's function, with all that it holds on to.
    asked : sequence of tuple
        The arguments of each call in the new process.

    Raises
    ------
    Refused
        The function holds on to something that another process cannot have.
    """
    import cloudpickle

    try:
        return pickle.dumps(sys.path) + cloudpickle.dumps((function, list(asked)))
    except Exception as error:
        found = f"your function cannot run on another server: {describe_error(error)}"
        hint = "it may use its arguments, and modules: what else does it hold on to?"
        raise Refused(wrong(found, hint=hint)) from None


def results_of(packed: bytes) -> list[Any]:
    """Return what a function returns in a new process, in which Python's ``hash`` gives texts other numbers.

    Parameters
    ----------
    packed : bytes
        The function and its arguments, as from `packed`; try it here first, where its time is limited.

    Raises
    ------
    Refused
        The function raises an error there.
    """
    seed = "17" if os.environ.get("PYTHONHASHSEED") != "17" else "18"
    command, environment = [sys.executable, "-c", _PROGRAM], os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run(
        command, input=packed, capture_output=True, env=environment, timeout=CLOCK_SECONDS, check=False
    )
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().split("\n")[-1]
        hint = "does it need something that only this notebook has, such as a variable that another cell filled?"
        raise Refused(wrong(f"in a new Python process your function raises {why}", hint=hint))
    return pickle.loads(done.stdout)


def where_it_differs(function: Callable[..., Any], packed: bytes, results: dict[tuple[Any, ...], Any]) -> str:
    """Return where a function gives other results than before; empty if it never does.

    Parameters
    ----------
    function : callable
        The learner's function, as it is in this process.
    packed : bytes
        It and all the arguments in `results`, as from `packed`.
    results : dict of tuple to object
        What the function has returned for each list of arguments.

    Returns
    -------
    str
        'asked again in another order', 'in a new Python process' or an empty text.
    """
    asked = [*results]
    order = [*asked[::-2], asked[0], asked[0]]  # an odd number of times: some once more, the first one twice more
    if call_each(function, order) != [results[given] for given in order]:
        return "asked again in another order"
    return "in a new Python process" if results_of(packed) != [*results.values()] else ""
