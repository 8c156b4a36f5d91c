"""What is wrong with an answer of the stakeholder canvas: gaps and numbers, never sentences."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import Finding, as_number, kind_of, listed, wrong
from course_utils.wording import counted

__all__ = ["asked_by", "problem", "repeated"]


def asked_by(fields: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the words of a canvas itself, which answer nothing: its keys and questions.

    Parameters
    ----------
    fields : sequence of mapping
        All rows of ``canvas.toml``, in their order.
    """
    return {_letters(text) for field in fields for text in (field["key"], field["question"])}


def problem(field: Mapping[str, Any], value: Any, asked: Collection[str]) -> Finding | None:
    """Return what is wrong with one answer, or None.

    Parameters
    ----------
    field : mapping
        A row of ``canvas.toml``: its key, question and kind, and the limits of a number.
    value : object
        The answer, of any type.
    asked : collection of str
        The words that only repeat the canvas, as from `asked_by`.
    """
    return _KINDS[field["kind"]](field, value, asked)


def _letters(text: str) -> str:
    """Return the letters and digits of a text, in lower case: what is compared of two sentences."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _text(field: Mapping[str, Any], value: Any, asked: Collection[str]) -> Finding | None:
    key = field["key"]
    if not isinstance(value, str):
        return wrong(f"{key} is {kind_of(value)}, not a text", hint="write your answer between quotes")
    if not any(sign.isalpha() for sign in value):
        found = f"{key} contains no words" if value.strip() else f"{key} is empty"
        return wrong(found, hint=f"answer the question: {field['question']}")
    if _letters(value) in asked:
        hint = "what would you say if the sponsor asked you this?"
        return wrong(f"{key} only repeats the canvas", hint=hint)
    return None


def _unit(field: Mapping[str, Any], value: Any, asked: Collection[str]) -> Finding | None:
    if isinstance(value, str) and value.strip() and not _is_number(value) and _letters(value) not in asked:
        return None
    found = f"{field['key']} is {kind_of(value) if not isinstance(value, str) else repr(value)}, not a unit"
    return wrong(found, hint="say what the figure counts, between quotes: flights, dollars, a share")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(field: Mapping[str, Any], value: Any, asked: Collection[str]) -> Finding | None:
    if as_number(value) is not None:
        return None
    if isinstance(value, str):
        hint = f"write the number of {_unit_of(field)} alone, without quotes or unit"
    elif value is None or isinstance(value, bool):
        hint = f"{field['question']} Estimate it: you can correct it when you know more"
    else:
        hint = f"one finite number answers this question: {field['question']}"
    return wrong(f"{field['key']} is {kind_of(value)}, and a finite number is needed", hint=hint)


def _unit_of(field: Mapping[str, Any]) -> str:
    """Return what the number of a field counts: 'hours' for horizon_hours."""
    if field["key"].startswith("cost_"):
        return "dollars"
    last = field["key"].split("_")[-1]
    return "the target" if last == "target" else last


def _positive(field: Mapping[str, Any], value: Any, asked: Collection[str]) -> Finding | None:
    if (fault := _number(field, value, asked)) is not None:
        return fault
    key, number, unit = field["key"], as_number(value), _unit_of(field)
    if number <= 0:
        hint = {
            "hours": "count hours before departure as positive",
            "months": "count from today: how long will it take?",
            "dollars": "write a cost as a positive number; if a mistake costs nothing, you need no model",
        }[unit]
        hint = "the time of the people who build it costs money, too" if key == "budget_dollars" else hint
        return wrong(f"{key} is not above zero", hint=hint)
    if number > field.get("most", number):
        hint = "did you give minutes? Convert them. If not: who plans the way to the airport so early?"
        return wrong(f"{key} is more than {field['most']} {unit}", hint=hint)
    if number < field.get("least", number):
        hint = "what can passengers still do when the warning arrives?"
        return wrong(f"{key} is less than {counted(60 * field['least'], 'minute')}", hint=hint)
    return None


def _list(field: Mapping[str, Any], value: Any, asked: Collection[str]) -> Finding | None:
    key = field["key"]
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return wrong(f"{key} is {kind_of(value)}, not a list", hint="write several texts in square brackets")
    items = list(value)
    for item in items:
        if (fault := _text({**field, "key": f"an item of {key}"}, item, asked)) is not None:
            return fault
    if len({_letters(item) for item in items}) < len(items):
        return wrong(f"{key} names an assumption twice", hint="each item should be able to fail on its own")
    if len(items) < field["items"]:
        hint = "what has to stay as it is for the model to keep working? Who has to react to a warning?"
        return wrong(f"{key} contains fewer than {counted(field['items'], 'assumption')}", hint=hint)
    return None


def repeated(
    fields: Sequence[Mapping[str, Any]], given: Mapping[str, Any], faults: Collection[str]
) -> Sequence[Finding]:
    """Return a finding if one text answers three questions; users and sponsor, for example, may be the same people.

    Parameters
    ----------
    fields : sequence of mapping
        All rows of ``canvas.toml``, in their order.
    given : mapping
        The answers by their key.
    faults : collection of str
        The keys of answers that have a problem already.
    """
    texts: dict[str, list[str]] = {}
    for field in fields:
        key = field["key"]
        if field["kind"] == "text" and key in given and key not in faults:
            texts.setdefault(_letters(given[key]), []).append(key)
    hint = "each question asks for something else: read them one by one"
    return [
        wrong(f"{listed(same)} have the same answer", hint=hint) for same in texts.values() if len(same) >= _TOO_OFTEN
    ]


_TOO_OFTEN = 3
_KINDS: dict[str, Callable[[Mapping[str, Any], Any, Collection[str]], Finding | None]] = {
    "text": _text,
    "unit": _unit,
    "number": _number,
    "positive": _positive,
    "list": _list,
}
