"""Graders of lesson 09, the production checklist."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import (
    Finding,
    Refused,
    as_mapping,
    as_number,
    grader,
    kind_of,
    listed,
    missing,
    not_a,
    right,
    word_count,
    wrong,
)
from course_utils.tables import read_toml
from course_utils.wording import counted

# --------------------------------------------------------------------------- 09.1

#: What each way to do a test earns, and where to look if a row claims more.
_EARNS = {
    "automatic": (1, ""),
    "documented": (0.5, "a full point is for a test that runs by itself, on every change or day: who starts this one?"),
    "undocumented": (0, "if no one can read the result, no one can rely on it: what is an unrecorded check worth?"),
    "planned": (0, "a plan is not a test yet: what would a stranger find if they looked today?"),
    "never": (0, "no one does this test: what are its points for?"),
}
#: Evidence with fewer words has to be a file or an address.
_LEAST_WORDS = 3


@grader("09.1")
def own_project(answer: Any) -> Sequence[Finding]:
    """Grade whole sections of the ML Test Score, filled in for a project: (points, how, evidence) by test."""
    table = read_toml("ml_test_score.toml")
    given = answer.to_dict("index") if getattr(answer, "ndim", None) == 2 else as_mapping(answer)
    if given is None:
        hint = "fill in the dict at the start of the cell: points, how and evidence for each test"
        return [wrong(f"{kind_of(answer)} does not score any tests", hint=hint)]
    by_section = {
        one["name"]: [test["key"] for test in table["test"] if test["section"] == one["name"]]
        for one in table["section"]
    }
    if faults := _names(given, by_section):
        return faults
    rows = {key: _row(key, value) for key, value in given.items()}
    asked = {test["key"]: test["ask"] for test in table["test"]}
    faults = [fault for key, row in rows.items() if (fault := _fault(key, row, asked[key]))] or _repeated(rows)
    if faults:
        return faults
    scored = counted(len(rows), "test")
    findings = [right(f"{scored} scored: the points follow from how each test is done, and none lacks evidence")]
    titles = {one["name"]: one["title"] for one in table["section"]}
    totals = {name: sum(rows[key][0] for key in keys) for name, keys in by_section.items() if keys[0] in rows}
    findings += [right(f"{titles[name]}: {total:g} of {len(by_section[name])}") for name, total in totals.items()]
    if len(totals) == len(by_section):
        findings.append(right(f"the final score of your project is {min(totals.values()):g}"))
    return findings


def _names(given: Mapping[Any, Any], by_section: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Find tests that do not exist, and sections that are not whole."""
    known = [key for keys in by_section.values() for key in keys]
    strange = [key for key in given if key not in known]
    if strange:
        hint = "use the names from checklist.blank_score_sheet() unchanged"
        return [wrong(f"{listed(strange[:3])} {'is not a test' if len(strange) == 1 else 'are not tests'}", hint=hint)]
    begun = [keys for keys in by_section.values() if any(key in given for key in keys)]
    absent = [key for keys in begun for key in keys if key not in given]
    if not begun or absent:
        hint = "score a whole section: a test that no one runs gets a zero, and stays on the list"
        return [missing(absent[:3], hint=hint) if absent else wrong("nothing is scored", hint=hint)]
    return []


def _row(key: str, value: Any) -> tuple[float | None, Any, Any]:
    """Return points, how and evidence, however they were given."""
    pair = as_mapping(value)
    if pair is not None and {"points", "how"} <= set(pair):
        value = (pair["points"], pair["how"], pair.get("evidence", ""))
    if not isinstance(value, list | tuple) or len(value) != 3:
        hint = "a row has three parts, in this order: points, how the test is done, and evidence"
        raise Refused(wrong(f"{key}: this is {kind_of(value)} without the three parts of a row", hint=hint))
    points, how, evidence = value
    return as_number(points), how.strip().lower() if isinstance(how, str) else how, evidence


def _fault(key: str, row: tuple[float | None, Any, Any], question: str) -> Finding | None:
    """Say what is wrong with one row, or None."""
    points, how, said = row
    if points not in (0, 0.5, 1):
        hint = "three values are possible: see what each of them stands for"
        return wrong(f"{key}: the points are not valid", hint=hint)
    if not isinstance(how, str) or how not in _EARNS:
        return wrong(f"{key}: {how!r} is no way to do a test", hint=f"choose one of {listed(list(_EARNS))}")
    earned, hint = _EARNS[how]
    found = f"{key}: {points:g} point{'s' * (points != 1)} for a test that is {how!r}"
    if points > earned:
        return wrong(found, hint=hint)
    if points < earned:
        hint = "the row claims less than such a test earns: see what each number of points stands for"
        return wrong(found, hint=hint)
    if points == 0:
        return None
    if not isinstance(said, str) or not said.strip():
        hint = "points need evidence that a stranger could look up: write between quotes what is done, and where"
        return wrong(f"{key}: points without evidence", hint=hint)
    if _words(said) == _words(question):
        return wrong(f"{key}: the evidence is the question", hint="answer it: what is done, and where is its result?")
    if word_count(said) < _LEAST_WORDS and not re.search(r"\w[./]\w", said):
        hint = "in which file or place would a stranger look it up? Name it, or say in a few words what is done there"
        return wrong(f"{key}: the evidence says very little", hint=hint)
    return None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _repeated(rows: Mapping[str, tuple[float | None, Any, Any]]) -> list[Finding]:
    """Find tests that share one piece of evidence."""
    seen: dict[tuple[str, ...], str] = {}
    for key, (points, _, said) in rows.items():
        first = seen.setdefault(tuple(_words(said)), key) if points else key
        if first != key:
            hint = "these are different tests: what would a stranger find for the one, and what for the other?"
            return [wrong(f"{first} and {key} have the same evidence", hint=hint)]
    return []


# --------------------------------------------------------------------------- 09.2


@grader("09.2")
def card_sort(answer: Any) -> Sequence[Finding]:
    """Grade a mapping from the cards to the piles of the rules of machine learning."""
    table = read_toml("rules_of_ml.toml")
    cards = {rule["card"]["name"]: rule for rule in table["rule"] if "card" in rule}
    names = [pile["name"] for pile in table["pile"]]
    titles = {pile["title"].lower(): pile["name"] for pile in table["pile"]}
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="fill in the dict at the start of the cell")]
    if absent := [name for name in cards if name not in given]:
        return [missing(absent[:3], hint="put every card of checklist.rule_cards() on a pile, under its own name")]
    findings = []
    if strange := [name for name in given if name not in cards]:
        found = f"{listed(strange[:3])} {'is not a card' if len(strange) == 1 else 'are not cards'}"
        findings.append(wrong(found, hint="keep the names of checklist.rule_cards() unchanged"))
    for name, rule in cards.items():
        said = " ".join(given[name].lower().split()) if isinstance(given[name], str) else given[name]
        pile = titles.get(said, said) if isinstance(said, str) else said
        if pile not in names:
            findings.append(wrong(f"{name}: {given[name]!r} is not a pile", hint=f"choose one of {listed(names)}"))
        elif pile != rule["pile"]:
            findings.append(wrong(f"{name}: {pile!r} is not its pile", hint=rule["card"]["look"]))
    rightly = len(cards) - len(findings) + bool(strange)
    if rightly:
        are = "is" if rightly == 1 else "are"
        findings.insert(0, right(f"{rightly} of {counted(len(cards), 'card')} {are} on the right pile"))
    return findings
