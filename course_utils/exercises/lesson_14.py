"""Graders of lesson 14, offline inference."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from course_utils.exercises.calls import call
from course_utils.exercises.grading import Finding, Refused, grader, kind_of, listed, missing, not_a, right, wrong
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 14.2: a gate

_NO_BATCH = "the first batch has no batch before it: `last` is None then"


@grader("14.2")
def gate(answer: Any) -> Sequence[Finding]:
    """Grade a gate by the batches that it accepts and rejects: plain ones first, then those at a limit."""
    if not callable(answer):
        return [not_a("a function", answer, hint="write a function: the check calls it with several batches")]
    cases = read_toml("exercises.toml")["14.2"]["case"]
    said = [_verdict(answer, case) for case in cases]
    wanted = [case["publish"] for case in cases]
    if said == wanted:
        return [
            right("it rejects a batch in which a row is lost or scored twice, or too many are rejected"),
            right("it rejects a rise of missing inputs beyond the limit, if there is a batch before"),
            right("a batch exactly at a limit passes, and other limits give other verdicts"),
        ]
    if all(said):
        return [
            wrong(
                "it accepts every batch",
                hint="which three things can be wrong with a batch, and what does your function return then?",
            )
        ]
    if not any(said):
        return [wrong("it accepts no batch, not even one like the last one", hint="what must hold for True?")]
    if said == [not one for one in wanted]:
        return [wrong("it says yes where it should say no", hint="what does True mean here?")]
    case = next(case for case, verdict in zip(cases, said, strict=True) if verdict != case["publish"])
    return [wrong(f"it {'rejects' if case['publish'] else 'accepts'} {case['says']}", hint=case["hint"])]


def _verdict(answer: Any, case: Mapping[str, Any]) -> bool:
    """Return what a gate says about a batch; anything but True or False ends the check."""
    last = case.get("last")
    try:
        verdict = call(answer, case["new"], last, case["limits"], case=f"for {case['says']}")
    except Refused as refused:
        if last is None and " raises " in refused.finding.text:
            raise Refused(wrong(refused.finding.text, hint=_NO_BATCH)) from None
        raise
    if hasattr(verdict, "item"):
        verdict = verdict.item()
    if not isinstance(verdict, bool):
        hint = "return True if the batch may be published, else False"
        raise Refused(wrong(f"for {case['says']}, it returns {kind_of(verdict)}", hint=hint))
    return verdict


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
        answer = re.findall(r"\w+", answer)
    if isinstance(answer, set | frozenset):
        return [wrong("a set has no order", hint="write the steps in square brackets")]
    if isinstance(answer, Mapping) or not isinstance(answer, Iterable):
        return [not_a("a list of steps", answer, hint=f"order these: {listed(steps)}")]
    order = [str(step).strip().lower() for step in answer]
    unknown = [step for step in order if step not in steps]
    if unknown:
        return [wrong(f"there is no step {unknown[0]!r:.40}", hint=f"order these: {listed(steps)}")]
    absent = [step for step in steps if step not in order]
    if absent:
        return [missing(absent, hint="use each of the steps once")]
    if len(order) > len(steps):
        twice = next(step for step in order if order.count(step) > 1)
        return [wrong(f"{twice!r} occurs twice", hint="use each of the steps once")]
    broken = [(first, then, hint) for first, then, hint in _BEFORE if order.index(first) > order.index(then)]
    if not broken:
        return [right("after a crash at any step, readers find the old or the new table, complete and checked")]
    first, then, hint = broken[0]
    return [wrong(f"{then!r} comes before {first!r}", hint=hint)]
