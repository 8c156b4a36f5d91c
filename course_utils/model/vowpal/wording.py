"""Name options the way the caller types them: Python arguments, or the flags of ``course csv2vw``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["in_flags", "named", "say"]

_FLAGS: ContextVar[bool] = ContextVar("flags", default=False)


@contextmanager
def in_flags() -> Iterator[None]:
    """Let errors in the body of a ``with`` statement name flags, such as ``--unlabelled skip``, not Python arguments.

    Examples
    --------
    >>> with vowpal.in_flags():
    ...     vowpal.csv2vw("flights.csv", "flights.vw", label="late", separator=";;")
    Traceback (most recent call last):
    ...
    course_utils.errors.UsageError: --separator ';;' cannot separate. Fix: type one character, such as ';', or tab.
    """
    before = _FLAGS.set(True)
    try:
        yield
    finally:
        _FLAGS.reset(before)


def say(python: str, flags: str) -> str:
    """Return one of two texts: `python` for a Python caller, `flags` for a command line."""
    return flags if _FLAGS.get() else python


def named(option: str, value: object) -> str:
    """Return an `option` with its `value` as it is typed: ``encoding='x'`` or ``--encoding 'x'``."""
    return say(f"{option}={value!r}", f"--{option.replace('_', '-')} {value!r}")
