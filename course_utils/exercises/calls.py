"""Call a learner's function as a check does: on a copy, with a time limit, and with a clear word on what went wrong.

A function may change what it is given, print its result, never end or raise any error. Graders call it with `call`, so
that all of this is noticed once, here. Imports nothing of the course but `grading`.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import inspect
import io
import itertools
import linecache
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

from course_utils.exercises.grading import Refused, blank, describe_error, wrong

__all__ = ["CLOCK_SECONDS", "PROCESSOR_SECONDS", "StillRunningError", "call", "call_each", "limited", "same"]

#: The limits of one call: processor time, which a busy machine does not use up, and time by the clock.
PROCESSOR_SECONDS = 5.0
CLOCK_SECONDS = 60.0
#: How often the time is looked at, and how long code that catches every error has to end before it is stopped again.
_TICK, _AGAIN = 0.05, 1.0
#: A generator is read up to this many items.
_MOST_ITEMS = 100_000


class StillRunningError(BaseException):
    """A call has used up its time; no `Exception`, so that ``except Exception`` in an answer does not catch it."""


def call(function: Callable[..., Any], *given: Any, case: str = "", may_be_none: bool = False) -> Any:
    """Return what a learner's function returns; anything that goes wrong ends the check with a finding.

    Parameters
    ----------
    function : callable
        The learner's function. A generator that it returns is read into a list.
    *given : object
        What it is called with. It gets deep copies, so that no answer spoils the data of the next call.
    case : str, optional
        What is special about these arguments, as in ``"for two bad days"``; it begins the finding. Default: nothing is.
    may_be_none : bool, optional
        Whether None is a result that the exercise asks for. Default: it means that a ``return`` is missing.

    Raises
    ------
    Refused
        The function runs for too long, raises an error, returns nothing or changes its arguments; `check` catches this
        and reports the finding that it carries.

    Examples
    --------
    >>> call(lambda rows: len(rows), [1, 2, 3])
    3
    """
    start = f"{case}, " if case else ""
    mine = copy.deepcopy(given)
    printed = io.StringIO()
    _check_arguments(function, mine)
    try:
        with contextlib.redirect_stdout(printed), limited(PROCESSOR_SECONDS, CLOCK_SECONDS):
            value = function(*mine)
            if isinstance(value, Iterator):
                value = list(itertools.islice(value, _MOST_ITEMS + 1))
    except StillRunningError:
        found = f"{start}your function is still running after {_limits()}"
        raise Refused(wrong(found, hint="does your loop end? What changes in each pass?")) from None
    except (Exception, SystemExit) as error:
        raise Refused(_raised(start, function, error)) from None
    if value is ... or (isinstance(value, list) and len(value) == 1 and value[0] is ...):
        raise Refused(blank("what the function returns"))
    if isinstance(value, list) and len(value) > _MOST_ITEMS:
        raise Refused(wrong(f"{start}your function yields items without end", hint="when does its loop stop?"))
    changed = [place for place, (before, after) in enumerate(zip(given, mine, strict=True)) if not same(before, after)]
    if changed:
        found = f"{start}your function changes {_which(function, changed[0], given)}"
        hint = "the caller still needs the data as they were: build a new object, or work on a copy"
        raise Refused(wrong(found, hint=hint))
    if value is None and not may_be_none:
        if printed.getvalue().strip():
            found = f"{start}your function prints its result and returns nothing"
            raise Refused(wrong(found, hint="a caller cannot use what is printed: hand the result back with return"))
        raise Refused(wrong(f"{start}your function returns nothing", hint="hand its result back with return"))
    return value


def same(one: Any, other: Any) -> bool:
    """Return whether two objects hold the same values, NaN equal to NaN; tables also in order, labels and types.

    Parameters
    ----------
    one, other : object
        Two objects of the same type; numbers, texts, containers, arrays and tables are compared by value.

    Examples
    --------
    >>> same({"hours": [3.0, float("nan")]}, {"hours": [3.0, float("nan")]})
    True
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "equals"):  # a table, a Series or an index of pandas
        labels = ("index", "columns", "name", "dtype")
        alike = all(_equal(getattr(one, name, None), getattr(other, name, None)) for name in labels)
        return alike and bool(one.equals(other))
    if hasattr(one, "dtype"):
        import numpy as np

        return one.dtype == other.dtype and bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))
    if not _is_plain(one):
        fields = vars(one) if hasattr(one, "__dict__") else None
        return fields is None or same(fields, vars(other))
    return one == other or (one != one and other != other)  # NaN is the one value that differs from itself


def _equal(one: Any, other: Any) -> bool:
    return bool(one.equals(other)) if hasattr(one, "equals") else bool(one == other)


def _is_plain(value: Any) -> bool:
    """Return whether two objects of this type are compared by value with ``==``."""
    return type(value).__eq__ is not object.__eq__


def _limits() -> str:
    return f"{PROCESSOR_SECONDS:g} seconds of processor time, or {CLOCK_SECONDS:g} by the clock"


def _check_arguments(function: Callable[..., Any], given: tuple[Any, ...]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # built-in functions do not say what they take
        return
    try:
        signature.bind(*given)
    except TypeError:
        count = f"{len(given)} argument{'s' * (len(given) != 1)}"
        found = f"the check calls your function with {count}, and it is defined as {_name(function)}{signature}"
        raise Refused(wrong(found, hint="keep the arguments that the cell began with")) from None


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _which(function: Callable[..., Any], place: int, given: tuple[Any, ...]) -> str:
    """Name an argument by its parameter, as in 'its argument rows'."""
    try:
        names = list(inspect.signature(function).parameters)
        name = f" '{names[place]}'"
    except (TypeError, ValueError, IndexError):  # a built-in function, or one with *args
        name = f" {place + 1}" if len(given) > 1 else ""
    return f"its argument{name}"


def _raised(start: str, function: Callable[..., Any], error: BaseException) -> Any:
    """Return the finding for an error: its type and message, and the learner's own line that raised it."""
    line = _own_line(function, error)
    found = f"{start}your function raises {describe_error(error)}" + (f", in the line `{line}`" if line else "")
    if isinstance(error, RecursionError):
        hint = "the function calls itself without end: when should it stop?"
    elif isinstance(error, NotImplementedError):
        hint = "replace the raise with your answer"
    elif isinstance(error, NameError | UnboundLocalError):
        hint = "a function sees its arguments and what the cells above have defined: is the name spelt as there?"
    elif isinstance(error, KeyError | IndexError | AttributeError):
        hint = "print what the function is given: which names, keys or positions does it have?"
    else:
        hint = "call the function yourself with such data, and look at the values in that line"
    return wrong(found, hint=hint)


def _own_line(function: Callable[..., Any], error: BaseException) -> str:
    """Return the innermost line of the learner's file or cell in an error's traceback; '' if its text is not known."""
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    own, step = "", error.__traceback__
    while code is not None and step is not None:
        if step.tb_frame.f_code.co_filename == code.co_filename:
            own = linecache.getline(code.co_filename, step.tb_lineno).strip() or own
        step = step.tb_next
    return own


@contextlib.contextmanager
def limited(processor: float, clock: float) -> Iterator[None]:
    """Stop the code of a ``with`` block that runs for too long; Ctrl-C stops it at any time.

    Python code is stopped everywhere. In the main thread, on systems that have alarms (Linux, macOS), waiting for
    something else is stopped as well; one long computation inside a compiled library ends before it can be stopped.

    Parameters
    ----------
    processor : float
        Most seconds of processor time of this process.
    clock : float
        Most seconds by the clock, for code that waits.

    Raises
    ------
    StillRunningError
        The block was stopped.
    """
    ends = (time.process_time() + processor, time.monotonic() + clock)
    over = _Over(ends)
    alarms = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with _alarm(over) if alarms else _watcher(over):
        try:
            yield
        finally:
            over.active = False


class _Over:
    """Says whether the time is over: true once, and again after a second for code that catches every error."""

    def __init__(self, ends: tuple[float, float]) -> None:
        self.ends, self.active, self.not_before = ends, True, 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self.active or now < self.not_before or (time.process_time() < self.ends[0] and now < self.ends[1]):
            return False
        self.not_before = now + _AGAIN
        return True


@contextlib.contextmanager
def _alarm(over: _Over) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        if over():
            raise StillRunningError

    before = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _watcher(over: _Over) -> Iterator[None]:
    """Raise the error in this thread from another one: for systems and threads without alarms."""
    thread, done = ctypes.c_ulong(threading.get_ident()), threading.Event()

    def watch() -> None:
        while not done.wait(_TICK):
            if over():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(StillRunningError))

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)  # one that came too late is taken back


def call_each(function: Callable[..., Any], several: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return what a learner's function returns for each of many lists of arguments, with one time limit for all.

    Parameters
    ----------
    function : callable
        The learner's function, as for `call`.
    several : sequence of tuple
        The arguments of each call; they must be of types that cannot be changed, such as texts and numbers.

    Raises
    ------
    Refused
        As for `call`, about the first arguments with which the function fails.

    Examples
    --------
    >>> call_each(max, [(1, 2), (4, 3)])
    [2, 4]
    """
    try:
        return call(lambda asked: (function(*given) for given in asked), several)
    except Refused:
        for given in several:  # again, one by one: the finding names the arguments and the learner's own line
            call(function, *given, case=f"for {', '.join(map(repr, given))}", may_be_none=True)
        raise
