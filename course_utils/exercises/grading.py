"""Check a learner's answer: say what is right, what is wrong and where to look, but never the answer itself.

`check` is what lessons call. A grader is a function in ``lesson_NN.py`` that takes an answer and returns findings, made
with `right`, `wrong` and `blank`; the rest of this module is what graders share.
"""

from __future__ import annotations

import dis
import importlib
import math
import numbers
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from types import FunctionType
from typing import Any, Literal

from course_utils.errors import UsageError

__all__ = [
    "Finding",
    "Grader",
    "Refused",
    "as_mapping",
    "as_number",
    "blank",
    "check",
    "describe_error",
    "graded",
    "grader",
    "kind_of",
    "listed",
    "missing",
    "not_a",
    "right",
    "word_count",
    "wrong",
]


@dataclass(frozen=True)
class Finding:
    """One result of a grader; make it with `right`, `wrong` or `blank`.

    Attributes
    ----------
    kind : 'right', 'wrong' or 'blank'
        What kind of result it is.
    text : str
        What the grader found, as a phrase without its full stop.
    hint : str
        Where to look next; empty unless the result is wrong.
    """

    kind: Literal["right", "wrong", "blank"]
    text: str
    hint: str = ""


class Refused(Exception):  # noqa: N818 - no error: it carries a finding from inside a grader to `check`
    """Ends a grader with one finding, from wherever it is raised.

    Parameters
    ----------
    finding : Finding
        The only finding that is reported.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


Grader = Callable[[Any], Sequence[Finding]]
_GRADERS: dict[str, Grader] = {}


def right(text: str) -> Finding:
    """Return a finding that says what is right, as a `text` without its full stop."""
    return Finding("right", text)


def wrong(text: str, *, hint: str) -> Finding:
    """Return a finding that says what is wrong, and where to look.

    Parameters
    ----------
    text : str
        What is wrong, as a phrase without its full stop.
    hint : str
        A question or a pointer that fits this mistake, without giving the answer away.
    """
    return Finding("wrong", text, hint)


def blank(text: str) -> Finding:
    """Return a finding that says what is still to be filled in.

    Parameters
    ----------
    text : str
        The part that is missing; empty if the whole answer is.
    """
    return Finding("blank", text)


def grader(number: str) -> Callable[[Grader], Grader]:
    """Register the decorated function as the grader of an exercise.

    Parameters
    ----------
    number : str
        Lesson and exercise, such as ``"12.3"``; each may have only one grader.

    Raises
    ------
    UsageError
        The exercise already has a grader.
    """

    def register(function: Grader) -> Grader:
        known = _GRADERS.get(number)
        # The same function again means that its module was reloaded, which is fine.
        if known is not None and (known.__module__, known.__qualname__) != (function.__module__, function.__qualname__):
            raise UsageError(f"exercise {number} has two graders", fix="give one of them another number")
        _GRADERS[number] = function
        return function

    return register


def graded(lesson: str) -> list[str]:
    """Return the numbers of the exercises of a `lesson`, such as ``"12"``, that have a grader."""
    module = f"{__package__}.lesson_{lesson}"
    if lesson.isdecimal() and find_spec(module) is not None:
        importlib.import_module(module)
    return sorted(number for number in _GRADERS if number.split(".")[0] == lesson)


def check(number: str, answer: Any) -> None:
    """Check an answer and print what is right and what is wrong.

    This never raises an error: an exercise that you have not solved yet must not stop the notebook.

    Parameters
    ----------
    number : str
        Lesson and exercise, such as ``"12.3"``.
    answer : object
        Your answer. ``...``, alone or inside a list or dict, means that you have not filled it in yet.

    Examples
    --------
    >>> check("12.3", 0.5)
    ✗ a warning does not break even there
      Hint: one half is right only where a good warning earns what a false alarm costs; here the two
            differ.
    Exercise 12.3: not solved yet
    """
    number = _as_number(number)
    lesson = number.split(".")[0]
    known = graded(lesson)
    if number not in known:
        choose = (
            f"lesson {lesson} has {', '.join(known)}" if known else f"there are no exercises in a lesson {lesson!r}"
        )
        print(f"There is no exercise {number!r}: {choose}.")
        return
    print("\n".join(_report(number, _findings(number, answer))))


def _as_number(number: Any) -> str:
    """Format the number of an exercise as the course does: 1.2 becomes '01.2'."""
    lesson, point, rest = str(number).strip().partition(".")
    return f"{lesson.zfill(2) if lesson else lesson}{point}{rest}"


def _findings(number: str, answer: Any) -> Sequence[Finding]:
    try:
        blanks = list(_blanks(answer))
        if blanks:
            return [blank(_places([where for where in blanks if where]))]
        return _GRADERS[number](answer)
    except Refused as refused:
        return [refused.finding]
    except (Exception, SystemExit) as error:  # an answer may be any object, and reading it may run the learner's code
        found = f"the check cannot read your answer, {kind_of(answer)}: {describe_error(error)}"
        return [wrong(found, hint="compare the type of your answer, and of what is in it, with the exercise's text")]


def _places(places: Sequence[str]) -> str:
    """Name up to five places in quotes, since names may hold commas."""
    if not places:
        return ""
    if len(places) <= 5:
        return listed(places)
    return f"{', '.join(map(repr, places[:4]))} and {len(places) - 4} more"


def _report(number: str, findings: Sequence[Finding]) -> list[str]:
    """Return the lines to print. JupyterLab does not wrap printed text, so each is wrapped at 100 characters here."""

    def wrapped(line: str, hanging: int = 2) -> list[str]:
        return textwrap.wrap(line, 100, subsequent_indent=" " * hanging, break_long_words=False, break_on_hyphens=False)

    blanks = [finding.text for finding in findings if finding.kind == "blank"]
    if blanks:
        where = "; ".join(text for text in blanks if text)
        return wrapped(f"Exercise {number}: not answered yet" + (f" (still to fill in: {where})" if where else ""))
    lines = []
    for finding in findings:
        lines += wrapped(f"{'✓' if finding.kind == 'right' else '✗'} {finding.text}")
        if finding.hint:
            hint = f"  Hint: {finding.hint}{'' if finding.hint[-1] in '.?!' else '.'}"
            lines += wrapped(hint, hanging=len("  Hint: "))
    solved = all(finding.kind == "right" for finding in findings)
    return [*lines, f"Exercise {number}: {'solved' if solved else 'not solved yet'}"]


def _blanks(answer: Any, where: str = "", outer: tuple[int, ...] = ()) -> Iterator[str]:
    """Yield the place of each ``...`` in an answer: '' for the answer itself, else a path such as 'assumptions 2'."""
    if answer is ... or _is_empty(answer):
        yield where
    elif id(answer) in outer:  # a list that contains itself
        return
    elif isinstance(answer, Mapping):
        for key, value in answer.items():
            yield from _blanks(value, f"{where} {key}".strip(), (*outer, id(answer)))
    elif isinstance(answer, list | tuple):
        for place, value in enumerate(answer, start=1):
            yield from _blanks(value, f"{where} {place}".strip(), (*outer, id(answer)))


def _is_empty(answer: Any) -> bool:
    """Return whether an answer is a function whose body is still ``...``."""
    if not isinstance(answer, FunctionType):
        return False
    # ``...`` compiles to nothing but the return of None; every other body has another kind of step or constant.
    steps = [step for step in dis.get_instructions(answer) if step.opname not in ("RESUME", "NOP", "CACHE")]
    return all(
        step.opname == "RETURN_VALUE" or (step.opname in _CONSTANT and step.argval in (None, ...)) for step in steps
    )


_CONSTANT = ("LOAD_CONST", "RETURN_CONST")


# --------------------------------------------------------------------------- what graders share


def describe_error(error: BaseException) -> str:
    """Return the type of an `error` and the first line of its message, also if reading the message fails."""
    try:
        message = str(error).strip().split("\n")[0]
    except Exception:  # the learner's own error class may be broken as well
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def as_number(value: Any) -> float | None:
    """Return a `value` of any numeric type as a finite float, or None if it is not a number.

    Booleans and texts are not accepted as numbers. An array or Series that holds one number counts as that number.
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
    """Return a mapping or pandas Series as a dict, or None if `value` is neither."""
    if isinstance(value, Mapping):
        return dict(value)
    if getattr(value, "ndim", None) == 1 and callable(getattr(value, "to_dict", None)):
        return dict(value.to_dict())
    return None


def word_count(text: Any) -> int:
    """Return the number of words of a `text`; 0 for anything that is not a text."""
    return len(text.split()) if isinstance(text, str) else 0


def listed(items: Sequence[Any]) -> str:
    """Return the `items`, at least one, as in a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    "'a', 'b' and 'c'"
    """
    texts = [repr(item) for item in items]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def kind_of(value: Any) -> str:
    """Return the type of a `value` with its article, as in 'it returns a dict'; 'nothing' for None, 'NaN' for NaN.

    Examples
    --------
    >>> kind_of({}), kind_of(3), kind_of(None), kind_of(float("nan"))
    ('a dict', 'an int', 'nothing', 'NaN, a missing number')
    """
    if value is None:
        return "nothing"
    if issubclass(type(value), numbers.Real) and not math.isfinite(value):  # an answer may lie about its class
        return "NaN, a missing number" if math.isnan(value) else "an infinite number"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def not_a(wanted: str, answer: Any, *, hint: str) -> Finding:
    """Return a finding that the answer has the wrong type.

    Parameters
    ----------
    wanted : str
        What the exercise asks for, with its article, such as ``"a function"``.
    answer : object
        The answer; only its type is named, since its text may be long.
    hint : str
        As for `wrong`.

    Examples
    --------
    >>> not_a("a function", 3, hint="define a function").text
    'this is an int, not a function'
    """
    return wrong(f"this is {kind_of(answer)}, not {wanted}", hint=hint)


def missing(names: Sequence[Any], *, hint: str) -> Finding:
    """Return a finding that an answer lacks some names.

    Parameters
    ----------
    names : sequence
        The names that the answer lacks, at least one.
    hint : str
        As for `wrong`.

    Examples
    --------
    >>> missing(["first", "last"], hint="fill in the dict").text
    "'first' and 'last' are missing"
    """
    return wrong(f"{listed(names)} {'is' if len(names) == 1 else 'are'} missing", hint=hint)
