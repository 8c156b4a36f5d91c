"""Graders of lesson 14, offline inference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import Finding, grader, listed, right, wrong
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 14.2: a gate

_Batch = Mapping[str, float]
_Rule = Callable[[_Batch, _Batch | None, Mapping[str, float]], bool]


def _whole(new: _Batch, last: _Batch | None, limits: Mapping[str, float]) -> bool:
    return new["in"] == new["scored"] + new["rejected"]


def _few(new: _Batch, last: _Batch | None, limits: Mapping[str, float]) -> bool:
    return new["rejected"] / new["in"] <= limits["rejected"]


def _like_before(new: _Batch, last: _Batch | None, limits: Mapping[str, float]) -> bool:
    return last is None or new["missing"] - last["missing"] <= limits["missing"]


_SLIPS: list[tuple[_Rule, str]] = [
    (
        lambda *of: not (_whole(*of) and _few(*of) and _like_before(*of)),
        "it says yes where it should say no: what does True mean here?",
    ),
    (
        lambda *of: _few(*of) and _like_before(*of),
        "try a batch of which a row is neither scored nor rejected",
    ),
    (
        lambda *of: _whole(*of) and _like_before(*of),
        "try a batch of which most rows were rejected, and all accounted for",
    ),
    (
        lambda *of: _whole(*of) and _few(*of),
        "try a batch whose weather is gone while the batch before had it",
    ),
    (
        lambda new, last, limits: _whole(new, last, limits)
        and _few(new, last, limits)
        and new["missing"] <= limits["missing"],
        "some inputs are always missing on many rows: what is it that must not grow?",
    ),
    (
        lambda new, last, limits: _whole(new, last, limits)
        and _few(new, last, limits)
        and (last is None or abs(new["missing"] - last["missing"]) <= limits["missing"]),
        "a source that comes back is no reason to refuse: in which direction is a change bad?",
    ),
    (
        lambda new, last, limits: _whole(new, last, limits)
        and new["rejected"] <= limits["rejected"]
        and _like_before(new, last, limits),
        "one rejected row among thousands is no reason to refuse: the limit is a share, of what?",
    ),
    (
        lambda new, last, limits: _whole(new, last, limits)
        and new["rejected"] / new["in"] < limits["rejected"]
        and (last is None or new["missing"] - last["missing"] < limits["missing"]),
        "a batch that is exactly at the limit may pass",
    ),
    (
        lambda new, last, limits: last is not None and _whole(new, last, limits) and _few(new, last, limits)
        and _like_before(new, last, limits),
        "there is a first batch, with none before: must it be refused for that?",
    ),
    (lambda *of: True, "it lets everything pass"),
    (lambda *of: False, "it lets nothing pass, not even a batch like the last one"),
]  # fmt: skip


@grader("14.2")
def gate(answer: Any) -> Sequence[Finding]:
    """Grade a gate by which batches it lets pass."""
    if not callable(answer):
        hint = "write a function: it will be asked about several batches"
        return [wrong(f"a {type(answer).__name__} is no function", hint=hint)]
    data = read_toml("exercises.toml")["14.2"]
    cases = [(case["new"], case.get("last"), data["limits"]) for case in data["batches"]]
    said = []
    for new, last, limits in cases:
        try:
            verdict = answer(dict(new), None if last is None else dict(last), dict(limits))
        except (TypeError, KeyError, AttributeError):
            if last is None:
                hint = "there is a first batch, with none before: `last` is None then"
                return [wrong("it fails on the very first batch", hint=hint)]
            raise
        if hasattr(verdict, "item"):
            verdict = verdict.item()
        if not isinstance(verdict, bool):
            kind = "nothing" if verdict is None else f"a {type(verdict).__name__}"
            return [wrong(f"it returns {kind}", hint="return True where the batch may be published, else False")]
        said.append(verdict)
    if said == [_whole(*case) and _few(*case) and _like_before(*case) for case in cases]:
        return [
            right("no row is lost, few are rejected"),
            right("what was missing before may be missing again, and a first batch has none to be compared with"),
        ]
    for slip, hint in _SLIPS:
        if said == [slip(*case) for case in cases]:
            return [wrong("it is wrong about a batch", hint=hint)]
    hint = "take the three rules one at a time, each with a batch that breaks just this one"
    return [wrong("it is wrong about some batches", hint=hint)]


# --------------------------------------------------------------------------- 14.1: the order of a publication

#: What has to come before what, and where to look if it does not.
_BEFORE = [
    ("write", "sync", "what is there to force onto the disk before anything was written?"),
    ("write", "check", "what is there to check before anything was written?"),
    ("write", "rename", "a final name says that the table is complete: is it, at that moment?"),
    (
        "write",
        "switch",
        "a reader follows CURRENT as soon as it is switched: what would it find?",
    ),
    (
        "sync",
        "rename",
        "the power fails: the folder has its final name, and what of its content is on the disk?",
    ),
    ("sync", "switch", "the power fails: CURRENT names the table, and what of it is on the disk?"),
    ("check", "switch", "a bad batch: who has read it by the time the gate says no?"),
    ("rename", "switch", "the publisher dies before its last rename: which folder does CURRENT name?"),
    (
        "switch",
        "clear",
        "the publisher dies before it switches: is the table that CURRENT names still kept by then?",
    ),
]


@grader("14.1")
def publication(answer: Any) -> Sequence[Finding]:
    """Grade the order of a publisher's steps by what a reader sees if it dies between two of them."""
    steps = list(read_toml("batch.toml")["steps"])
    if isinstance(answer, str):
        answer = answer.replace(",", " ").replace("→", " ").split()
    if isinstance(answer, Mapping) or not isinstance(answer, Iterable):
        return [wrong(f"a {type(answer).__name__} is no list of steps", hint=f"order these: {listed(steps)}")]
    order = [str(step).strip().lower() for step in answer]
    unknown = [step for step in order if step not in steps]
    if unknown:
        return [wrong(f"there is no step {unknown[0]!r}", hint=f"order these: {listed(steps)}")]
    absent = [step for step in steps if step not in order]
    if absent:
        return [wrong(f"{listed(absent)} is not in it", hint="each of the steps is needed, once")]
    if len(order) > len(steps):
        return [wrong("a step is there twice", hint="each of the steps is needed, once")]
    broken = [(first, then, hint) for first, then, hint in _BEFORE if order.index(first) > order.index(then)]
    if not broken:
        return [right("die after any of the steps: readers have the old table or the new one, whole and checked")]
    first, then, hint = broken[0]
    return [wrong(f"{then!r} comes before {first!r}", hint=hint)]
