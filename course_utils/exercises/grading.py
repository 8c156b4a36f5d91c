"""Check a learner's answer: say what is right, what is wrong and where to look, and never the answer itself."""

from __future__ import annotations

import dis
import importlib
import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from types import FunctionType
from typing import Any, Literal

from course_utils.errors import UsageError

__all__ = [
    "Finding",
    "Grader",
    "as_mapping",
    "as_number",
    "blank",
    "check",
    "describe_error",
    "graded",
    "grader",
    "listed",
    "right",
    "words",
    "wrong",
]


@dataclass(frozen=True)
class Finding:
    """One thing that a grader has to say; make it with `right`, `wrong` or `blank`.

    Attributes
    ----------
    kind : 'right', 'wrong' or 'blank'
    text : str
        What was found, as a phrase without its full stop.
    hint : str
        Where to look next; only something wrong has one.
    """

    kind: Literal["right", "wrong", "blank"]
    text: str
    hint: str = ""


Grader = Callable[[Any], Sequence[Finding]]
_GRADERS: dict[str, Grader] = {}


def right(text: str) -> Finding:
    """Say what is right.

    Parameters
    ----------
    text : str
        What was found, as a phrase without its full stop.
    """
    return Finding("right", text)


def wrong(text: str, *, hint: str) -> Finding:
    """Say what is wrong, and where to look; the hint must not give the answer away.

    Parameters
    ----------
    text : str
        What was found, as a phrase without its full stop.
    hint : str
        Where to look next.
    """
    return Finding("wrong", text, hint)


def blank(text: str) -> Finding:
    """Say what is still to be filled in.

    Parameters
    ----------
    text : str
        What is missing; empty where the whole answer is.
    """
    return Finding("blank", text)


def grader(number: str) -> Callable[[Grader], Grader]:
    """Register the decorated function as the grader of an exercise.

    Parameters
    ----------
    number : str
        Lesson and exercise, such as ``"12.3"``.

    Raises
    ------
    UsageError
        The exercise has a grader already.
    """

    def register(function: Grader) -> Grader:
        known = _GRADERS.get(number)
        # The same function again is a reloaded module, which is nobody's mistake.
        if known is not None and (known.__module__, known.__qualname__) != (function.__module__, function.__qualname__):
            raise UsageError(f"exercise {number} has two graders", fix="give one of them another number")
        _GRADERS[number] = function
        return function

    return register


def graded(lesson: str) -> list[str]:
    """List the exercises of a lesson that have a grader.

    Parameters
    ----------
    lesson : str
        The lesson's number, such as ``"12"``.
    """
    module = f"{__package__}.lesson_{lesson}"
    if lesson.isdecimal() and find_spec(module) is not None:
        importlib.import_module(module)
    return sorted(number for number in _GRADERS if number.split(".")[0] == lesson)


def check(number: str, answer: Any) -> None:
    """Check an answer and print what is right and what is wrong.

    Whatever the answer is, this prints and returns: an exercise that is not solved yet must not stop the notebook.

    Parameters
    ----------
    number : str
        Lesson and exercise, such as ``"12.3"``.
    answer : object
        What the learner made; ``...``, alone or inside a list or dict, is a blank that is still to be filled.
    """
    number = _as_number(number)
    lesson = number.split(".")[0]
    known = graded(lesson)
    if number not in known:
        choose = (
            f"lesson {lesson} has {', '.join(known)}" if known else f"there are no exercises of a lesson {lesson!r}"
        )
        print(f"There is no exercise {number!r}: {choose}.")
        return
    print("\n".join(_report(number, _findings(number, answer))))


def _as_number(number: Any) -> str:
    """Write an exercise's number as the course does: 1.2 becomes '01.2'."""
    lesson, point, rest = str(number).strip().partition(".")
    return f"{lesson.zfill(2) if lesson else lesson}{point}{rest}"


def _findings(number: str, answer: Any) -> Sequence[Finding]:
    try:
        blanks = list(_blanks(answer))
        if blanks:
            return [blank(", ".join(where for where in blanks if where))]
        return _GRADERS[number](answer)
    except (Exception, SystemExit) as error:  # an answer may be anything, and do anything when it is asked
        found = f"the answer could not be read: {describe_error(error)}"
        return [wrong(found, hint="compare the kind of thing you made with what the exercise asks for")]


def _report(number: str, findings: Sequence[Finding]) -> list[str]:
    blanks = [finding.text for finding in findings if finding.kind == "blank"]
    if blanks:
        where = "; ".join(text for text in blanks if text)
        return [f"Exercise {number}: not answered yet" + (f" (still to fill in: {where})" if where else "")]
    lines = []
    for finding in findings:
        lines.append(f"{'✓' if finding.kind == 'right' else '✗'} {finding.text}")
        if finding.hint:
            lines.append(f"  Hint: {finding.hint}{'' if finding.hint[-1] in '.?!' else '.'}")
    solved = all(finding.kind == "right" for finding in findings)
    return [*lines, f"Exercise {number}: {'solved' if solved else 'not solved yet'}"]


def _blanks(answer: Any, where: str = "", outer: tuple[int, ...] = ()) -> Iterator[str]:
    """Yield the place of each ``...`` in an answer: '' for the answer itself, else a path such as 'assumptions 2'."""
    if answer is ... or _is_empty(answer):
        yield where
    elif id(answer) in outer:  # a list that holds itself
        return
    elif isinstance(answer, Mapping):
        for key, value in answer.items():
            yield from _blanks(value, f"{where} {key}".strip(), (*outer, id(answer)))
    elif isinstance(answer, list | tuple):
        for place, value in enumerate(answer, start=1):
            yield from _blanks(value, f"{where} {place}".strip(), (*outer, id(answer)))


def _is_empty(answer: Any) -> bool:
    """Say whether an answer is a function whose body is still ``...``."""
    if not isinstance(answer, FunctionType):
        return False
    code = answer.__code__
    # Dots compile to nothing: the body asks for no name and no argument, and holds no constant but dots and docstring.
    asks = code.co_names or any(step.opname.startswith("LOAD_FAST") for step in dis.get_instructions(code))
    return not asks and set(code.co_consts) <= {None, ..., answer.__doc__}


# --------------------------------------------------------------------------- what graders share


def describe_error(error: BaseException) -> str:
    """Return an error's type and the first line of its message.

    Parameters
    ----------
    error : exception
        Of any kind, even one that cannot say what it is.
    """
    try:
        message = str(error).strip().split("\n")[0]
    except Exception:  # the learner's own error class may be broken as well
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def as_number(value: Any) -> float | None:
    """Return a finite float from any kind of number, or None where `value` is not one.

    Truths are no numbers here, and neither are texts; an array or Series that holds one number counts as that number.

    Parameters
    ----------
    value : object
        A part of an answer.
    """
    if hasattr(value, "item") and not isinstance(value, Mapping):
        try:
            value = value.item()
        except (TypeError, ValueError):
            return None
    from decimal import Decimal

    if isinstance(value, bool) or not isinstance(value, numbers.Real | Decimal):
        return None
    value = float(value)
    return value if math.isfinite(value) else None


def as_mapping(value: Any) -> dict[Any, Any] | None:
    """Return a dict from a mapping or a pandas Series, or None where `value` is neither.

    Parameters
    ----------
    value : object
        A part of an answer.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if getattr(value, "ndim", None) == 1 and callable(getattr(value, "to_dict", None)):
        return dict(value.to_dict())
    return None


def words(text: Any) -> int:
    """Count the words of a text; 0 for anything else.

    Parameters
    ----------
    text : object
        A part of an answer.
    """
    return len(text.split()) if isinstance(text, str) else 0


def listed(items: Sequence[Any]) -> str:
    """Write ``['a', 'b', 'c']`` as "'a', 'b' and 'c'".

    Parameters
    ----------
    items : sequence
        At least one.
    """
    texts = [repr(item) for item in items]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
