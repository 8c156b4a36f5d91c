"""Graders of lesson 14, offline inference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import Finding, grader, kind_of, listed, missing, not_a, right, wrong
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 14.2: a gate

_Batch = Mapping[str, float]
_Rule = Callable[[_Batch, _Batch | None, Mapping[str, float]], bool]


# The three rules of the gate; each returns True if a batch passes it.


def _complete(new: _Batch, last: _Batch | None, limits: Mapping[str, float]) -> bool:
    return new["in"] == new["scored"] + new["rejected"]


def _few_rejected(new: _Batch, last: _Batch | None, limits: Mapping[str, float]) -> bool:
    return new["rejected"] / new["in"] <= limits["rejected"]


def _inputs_as_before(new: _Batch, last: _Batch | None, limits: Mapping[str, float]) -> bool:
    return last is None or new["missing"] - last["missing"] <= limits["missing"]


#: Wrong gates with the hint for each; the first that gives the answer's verdicts is reported.
_SLIPS: list[tuple[_Rule, str]] = [
    (
        lambda *of: not (_complete(*of) and _few_rejected(*of) and _inputs_as_before(*of)),
        "it says yes where it should say no: what does True mean here?",
    ),
    (
        lambda *of: _few_rejected(*of) and _inputs_as_before(*of),
        "try a batch with a row that is neither scored nor rejected",
    ),
    (
        lambda *of: _complete(*of) and _inputs_as_before(*of),
        "try a batch in which most rows were rejected, and every row is counted",
    ),
    (
        lambda *of: _complete(*of) and _few_rejected(*of),
        "try a batch without weather after a batch that had it",
    ),
    (
        lambda new, last, limits: _complete(new, last, limits)
        and _few_rejected(new, last, limits)
        and new["missing"] <= limits["missing"],
        "some inputs are always missing in many rows: which number must not increase?",
    ),
    (
        lambda new, last, limits: _complete(new, last, limits)
        and _few_rejected(new, last, limits)
        and (last is None or abs(new["missing"] - last["missing"]) <= limits["missing"]),
        "if a missing source returns, that is no reason to reject: in which direction is a change bad?",
    ),
    (
        lambda new, last, limits: _complete(new, last, limits)
        and new["rejected"] <= limits["rejected"]
        and _inputs_as_before(new, last, limits),
        "one rejected row among thousands is no reason to reject the batch: the limit is a share, of what?",
    ),
    (
        lambda new, last, limits: _complete(new, last, limits)
        and new["rejected"] / new["in"] < limits["rejected"]
        and (last is None or new["missing"] - last["missing"] < limits["missing"]),
        "a batch exactly at the limit may pass",
    ),
    (
        lambda new, last, limits: last is not None and _complete(new, last, limits) and _few_rejected(new, last, limits)
        and _inputs_as_before(new, last, limits),
        "the first batch has no batch before it: is that a reason to reject it?",
    ),
    (lambda *of: True, "it accepts every batch"),
    (lambda *of: False, "it accepts no batch, not even one like the last one"),
]  # fmt: skip


@grader("14.2")
def gate(answer: Any) -> Sequence[Finding]:
    """Grade a gate by the batches that it accepts and rejects."""
    if not callable(answer):
        return [not_a("a function", answer, hint="write a function: the check calls it with several batches")]
    data = read_toml("exercises.toml")["14.2"]
    cases = [(case["new"], case.get("last"), data["limits"]) for case in data["batches"]]
    said = []
    for new, last, limits in cases:
        try:
            verdict = answer(dict(new), None if last is None else dict(last), dict(limits))
        except (TypeError, KeyError, AttributeError):
            if last is None:
                hint = "the first batch has no batch before it: `last` is None then"
                return [wrong("it stops with an error on the first batch", hint=hint)]
            raise
        if hasattr(verdict, "item"):
            verdict = verdict.item()
        if not isinstance(verdict, bool):
            hint = "return True if the batch may be published, else False"
            return [wrong(f"it returns {kind_of(verdict)}", hint=hint)]
        said.append(verdict)
    if said == [_complete(*case) and _few_rejected(*case) and _inputs_as_before(*case) for case in cases]:
        return [
            right("it accepts a batch only if no row is lost and few are rejected"),
            right("it compares missing inputs with the batch before, if there is one"),
        ]
    for slip, hint in _SLIPS:
        if said == [slip(*case) for case in cases]:
            return [wrong("it is wrong about a batch", hint=hint)]
    hint = "test the three rules one at a time, each with a batch that breaks only this rule"
    return [wrong("it is wrong about some batches", hint=hint)]


# --------------------------------------------------------------------------- 14.1: the order of a publication

#: Which step has to come before which, and the hint if it does not.
_BEFORE = [
    ("write", "sync", "before you write anything, what is there to force onto the disk?"),
    ("write", "check", "before you write anything, what is there to check?"),
    ("write", "rename", "the final name says that the table is complete: is it complete at that moment?"),
    (
        "write",
        "switch",
        "readers follow CURRENT as soon as it is switched: what would they find?",
    ),
    (
        "sync",
        "rename",
        "the power fails when the folder has its final name: how much of its content is on the disk?",
    ),
    ("sync", "switch", "the power fails when CURRENT names the table: how much of the table is on the disk?"),
    ("check", "switch", "a batch is bad: who has already read it when the gate rejects it?"),
    ("rename", "switch", "the publisher crashes before the rename: which folder does CURRENT name?"),
    (
        "switch",
        "clear",
        "the publisher crashes before the switch: does the table that CURRENT names still exist?",
    ),
]


@grader("14.1")
def publication(answer: Any) -> Sequence[Finding]:
    """Grade the order of a publisher's steps by what readers see if the publisher crashes between two steps."""
    steps = list(read_toml("batch.toml")["steps"])
    if isinstance(answer, str):
        answer = answer.replace(",", " ").replace("→", " ").split()
    if isinstance(answer, Mapping) or not isinstance(answer, Iterable):
        return [not_a("a list of steps", answer, hint=f"order these: {listed(steps)}")]
    order = [str(step).strip().lower() for step in answer]
    unknown = [step for step in order if step not in steps]
    if unknown:
        return [wrong(f"there is no step {unknown[0]!r}", hint=f"order these: {listed(steps)}")]
    absent = [step for step in steps if step not in order]
    if absent:
        return [missing(absent, hint="use each of the steps once")]
    if len(order) > len(steps):
        return [wrong("a step occurs twice", hint="use each of the steps once")]
    broken = [(first, then, hint) for first, then, hint in _BEFORE if order.index(first) > order.index(then)]
    if not broken:
        return [right("after a crash at any step, readers find the old or the new table, complete and checked")]
    first, then, hint = broken[0]
    return [wrong(f"{then!r} comes before {first!r}", hint=hint)]
