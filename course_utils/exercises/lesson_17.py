"""Graders of lesson 17, the game day."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import (
    Finding,
    as_mapping,
    as_number,
    blank,
    grader,
    listed,
    not_a,
    right,
    word_count,
    wrong,
)
from course_utils.tables import read_toml


@grader("17.1")
def triage(answer: Any) -> Sequence[Finding]:
    """Grade the first look and the act for each board: a mapping from board to a pair of names."""
    boards = read_toml("exercises.toml")["17.1"]["board"]
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="give each board a pair: the first look, and the act")]
    absent = [name for name in boards if name not in given]
    if absent:
        return [wrong(f"no answer for board {listed(absent)}", hint="the dict has a letter for each of the boards")]
    acts = [entry["name"] for entry in read_toml("incidents.toml")["act"]]
    findings: list[Finding] = []
    for name, board in boards.items():
        pair = given[name]
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            hint = "write the look first, then the act: (look, act)"
            findings.append(wrong(f"the answer for board {name} is not a pair", hint=hint))
            continue
        findings += [_look(name, pair[0], board, acts), _act(name, pair[1], board, acts)]
    return findings


def _look(name: str, look: Any, board: Mapping[str, Any], acts: Sequence[str]) -> Finding:
    if look in board["looks"]:
        return right(f"board {name}: this look shows the fault")
    if look not in acts or not str(look).startswith("look"):
        return wrong(f"board {name}: {look!r} is not a look", hint="choose a name of the table that begins with 'look'")
    return wrong(f"board {name}: this look shows nothing unusual", hint=board["look_hint"])


def _act(name: str, act: Any, board: Mapping[str, Any], acts: Sequence[str]) -> Finding:
    if act in board["acts"]:
        return right(f"board {name}: this act stops the loss")
    if act not in acts or str(act).startswith("look"):
        hint = "choose an act that changes something, spelt as in the table"
        return wrong(f"board {name}: {act!r} is not an act", hint=hint)
    return wrong(f"board {name}: this act does not fix it", hint=board["traps"].get(act, board["act_hint"]))


@grader("17.2")
def shift(answer: Any) -> Sequence[Finding]:
    """Grade a game that the learner has played: an object with `over`, `rehearsed` and `score`."""
    if not all(hasattr(answer, name) for name in ("over", "rehearsed", "score")):
        return [not_a("a game", answer, hint="keep the game itself, not the result of one of its methods")]
    if not answer.over:
        return [blank("play, and close the game with a cause")]
    if answer.rehearsed:
        hint = "a rehearsal is for practice: start a game from a seed"
        return [wrong("the incident was known before the game", hint=hint)]
    bar = read_toml("exercises.toml")["17.2"]["bar"]
    points = answer.score()["points"]
    total, parts = float(points["all"]), points.drop("all")
    if total >= bar:
        return [right(f"{total:.0f} points, and {bar} are needed")]
    weakest = min(parts.index, key=lambda part: float(points[part]))
    hints = {
        "loss": "the loss was too high: what did each day of waiting cost, and what did your act cost?",
        "speed": "every look takes time: which single look would have shown most?",
        "cause": "this was not the cause: which look can distinguish your cause from the right one?",
        "act": "acts that do not fit cost points: for which fault is each of your acts the right one?",
    }
    hint = f"{hints[weakest]} Play again, with the same seed or another"
    return [wrong(f"{total:.0f} points, and {bar} are needed", hint=hint)]


#: Words that blame people; the fault of a check, a file or a process is a fact, not blame.
_BLAME = re.compile(
    r"\b(stupid\w*|careless\w*|incompeten\w*|sloppy|lazy|negligen\w*|should have known|his fault|her fault|their fault|"
    r"fault of (?!the (?:feed|file|join|release|process|check))\w+|to blame|blame[sd]?)\b",
    re.IGNORECASE,
)
#: Owners and dates that commit no one.
_NOT_AN_OWNER = {"", "team", "the team", "everybody", "everyone", "all", "we", "us", "somebody", "someone"}
_NOT_AN_OWNER |= {"tbd", "n/a", "?"}
_NOT_A_DATE = {"", "soon", "asap", "later", "tbd", "n/a", "?", "someday", "never"}


@grader("17.3")
def postmortem(answer: Any) -> Sequence[Finding]:
    """Grade a post-mortem against the rubric of the game day: a dict by part."""
    rubric = read_toml("incidents.toml")["rubric"]
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="write one entry for each part of the rubric")]
    findings: list[Finding] = []
    for part in rubric:
        name = part["part"]
        if name not in given or given[name] in (None, "", [], {}):
            findings.append(wrong(f"the part {name!r} is missing", hint=f"the rubric asks: {part['asks']}"))
        elif name == "timeline":
            findings.append(_timeline(given[name], part["entries"]))
        elif name == "actions":
            findings.append(_actions(given[name], part["entries"]))
        elif word_count(given[name]) < part["words"]:
            findings.append(wrong(f"{name!r} is too short", hint=f"the rubric asks: {part['asks']}"))
        elif name == "impact" and not re.search(r"\$\s?\d|\d\s?dollars", str(given[name])):
            findings.append(wrong("the impact is not in dollars", hint="the sponsor asks first for a sum of money"))
        else:
            findings.append(right(f"{name} is complete"))
    culprit = _BLAME.search(" ".join(str(value) for value in given.values()))
    if culprit:
        hint = "people did what seemed right to them: which check would have stopped anyone in their place?"
        findings.append(wrong(f"'{culprit[0]}' blames a person", hint=hint))
    return findings


def _timeline(lines: Any, least: int) -> Finding:
    if (
        isinstance(lines, str)
        or not isinstance(lines, Sequence)
        or any(isinstance(line, str) or not isinstance(line, Sequence) or len(line) != 2 for line in lines)
    ):
        return wrong("the timeline is not a list of pairs", hint="write (morning, what) for each line")
    if len(lines) < least:
        hint = "when did the incident begin, when did you see it, and when did you act?"
        return wrong(f"the timeline has only {len(lines)} line{'s' * (len(lines) != 1)}", hint=hint)
    mornings = [as_number(line[0]) if not isinstance(line[0], str) else line[0] for line in lines]
    if any(morning is None for morning in mornings) or len({type(morning) for morning in mornings}) > 1:
        return wrong("a line has no time", hint="begin each line with the number of the morning, or with the date")
    if mornings != sorted(mornings):
        return wrong("the timeline is not in order", hint="a reader wants to follow the events as you saw them")
    return right("timeline is complete and in order")


def _actions(actions: Any, least: int) -> Finding:
    if isinstance(actions, str | Mapping) or not isinstance(actions, Sequence):
        return wrong("the actions are not a list", hint="write one entry for each action, with what, owner and due")
    rows = [as_mapping(action) or {} for action in actions]
    if len(rows) < least:
        hint = "you need one action to detect it sooner, and one so that it cannot happen again"
        return wrong(f"only {len(rows)} action{'s' * (len(rows) != 1)}", hint=hint)
    for row in rows:
        if word_count(row.get("what")) < 3:
            return wrong("an action does not say what to do", hint="write it so that anyone can see when it is done")
        if str(row.get("owner", "")).strip().lower() in _NOT_AN_OWNER:
            return wrong("an action has no owner", hint="what everyone should do, no one does: name one role or person")
        if str(row.get("due", "")).strip().lower() in _NOT_A_DATE:
            return wrong("an action has no date", hint="on which day will you check whether it is done?")
    return right(f"{len(rows)} actions, each with an owner and a date")


@grader("17.4")
def policy(answer: Any) -> Sequence[Finding]:
    """Grade a policy by its table of games: one row for each seed, with the columns 'mine' and 'cause'."""
    asked = read_toml("exercises.toml")["17.4"]
    columns = set(getattr(answer, "columns", ()))
    if not {"mine", "cause"} <= columns:
        hint = "keep the result of incidents.tournament, with your policy under the name 'mine'"
        return [not_a("a table of games", answer, hint=hint)]
    if len(answer) < asked["games"]:
        hint = f"play all {asked['games']} seeds of the exercise"
        return [wrong(f"{len(answer)} games are too few", hint=hint)]
    mine, calm = answer["mine"].astype(float), answer["cause"].eq("nothing")
    findings = []
    if calm.any() and mine[calm].min() < 99:
        hint = "your policy acted in two quiet weeks: which page did it react to, and does that page need an act?"
        findings.append(wrong("it acts although nothing is wrong", hint=hint))
    if mine.mean() < asked["bar"]:
        worst = sorted(answer.loc[mine < asked["bar"], "cause"].unique())
        hint = "play these games one by one: which page comes first, and what would you do on that morning?"
        found = f"{mine.mean():.0f} points on average, and {asked['bar']} are needed: weak on {listed(worst)}"
        findings.append(wrong(found, hint=hint))
    if not findings:
        findings.append(right(f"{mine.mean():.0f} points on average over {len(answer)} games"))
        findings.append(right("it does nothing in quiet weeks"))
    return findings
