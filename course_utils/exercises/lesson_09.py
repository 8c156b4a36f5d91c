"""Graders of lesson 09, the production checklist."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import (
    Finding,
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

# --------------------------------------------------------------------------- 09.1

#: Fewer words cannot say where the evidence is and what it shows.
_LEAST_WORDS = 3
#: Words of a person who has not done it yet.
_PLAN = re.compile(
    r"\b((we|i|they|he|she|team|somebody) (will|shall|should|want|intend|plan|hope)|(will|should|to) be|plan(ned|ning)|"
    r"plan to|todo|to do|soon|next (week|month|quarter|sprint|year)|going to|not yet)\b",
    re.IGNORECASE,
)
#: Words of a person who did it manually.
_BY_HAND = re.compile(
    r"\b(by hand|manual(ly)?|eyeball(s|ed)?|once(?! (an?|per|every|each)\b)|look(s|ed)? at (the|our) "
    r"(dashboard|numbers|plots?|charts?|logs?))\b",
    re.IGNORECASE,
)
#: Words of a person who wrote nothing down.
_UNWRITTEN = re.compile(
    r"\b(undocumented|nobody wrote|not (written|recorded|documented)|nowhere|in (his|her|my|their|our) heads?|"
    r"by heart|never written)\b",
    re.IGNORECASE,
)


@grader("09.1")
def own_project(answer: Any) -> Sequence[Finding]:
    """Grade whole sections of the ML Test Score, filled in for a project: (points, evidence) by test."""
    table = read_toml("ml_test_score.toml")
    given = as_mapping(answer)
    if given is None:
        hint = "fill in the dict at the start of the cell: a pair of points and evidence for each test"
        return [wrong(f"{kind_of(answer)} does not score any tests", hint=hint)]
    by_section = {
        one["name"]: [test["key"] for test in table["test"] if test["section"] == one["name"]]
        for one in table["section"]
    }
    if faults := _names(given, by_section):
        return faults
    rows = {key: _row(value) for key, value in given.items()}
    faults = [fault for key, row in rows.items() if (fault := _fault(key, row))]
    if faults:
        return faults
    findings = [right(f"{len(rows)} tests scored, each point with its evidence")]
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


def _row(value: Any) -> tuple[float | None, Any]:
    """Return points and evidence, however they were given."""
    pair = as_mapping(value)
    if pair is not None:
        return as_number(pair.get("points")), pair.get("evidence", "")
    if isinstance(value, list | tuple) and len(value) == 2:
        return as_number(value[0]), value[1]
    return as_number(value), ""


def _fault(key: str, row: tuple[float | None, Any]) -> Finding | None:
    """Say what is wrong with one row, or None."""
    points, said = row
    if points not in (0, 0.5, 1):
        return wrong(
            f"{key}: the points are not valid", hint="three values are possible: see what each of them stands for"
        )
    if points == 0:
        return None
    if word_count(said) < _LEAST_WORDS:
        hint = (
            "points need evidence that a stranger could look up: say in a few words what is done, and where to find it"
        )
        return wrong(f"{key}: points without evidence", hint=hint)
    if _PLAN.search(said):
        hint = "a plan is not a test yet: what would a stranger find if they looked today?"
        return wrong(f"{key}: this has not been done yet", hint=hint)
    if _UNWRITTEN.search(said):
        hint = "if no one can read the result, no one can rely on it: how many points is an unrecorded check worth?"
        return wrong(f"{key}: the result was not written down", hint=hint)
    if points == 1 and _BY_HAND.search(said):
        hint = "a full point is for a test that runs automatically, on every change or day: who starts this one?"
        return wrong(f"{key}: a person runs it", hint=hint)
    return None


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
    for name, rule in cards.items():
        said = " ".join(given[name].lower().split()) if isinstance(given[name], str) else given[name]
        pile = titles.get(said, said) if isinstance(said, str) else said
        if pile not in names:
            findings.append(wrong(f"{name}: {given[name]!r} is not a pile", hint=f"choose one of {listed(names)}"))
        elif pile != rule["pile"]:
            findings.append(wrong(f"{name}: this is not its pile", hint=rule["card"]["look"]))
    rightly = len(cards) - len(findings)
    if rightly:
        findings.insert(0, right(f"{rightly} of {len(cards)} cards are on the right pile"))
    return findings
