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
    right,
    word_count,
    wrong,
)
from course_utils.tables import read_toml


@grader("17.1")
def triage(answer: Any) -> Sequence[Finding]:
    """Grade a first look and an act for each of some boards: a dict of pairs."""
    boards = read_toml("exercises.toml")["17.1"]["board"]
    given = as_mapping(answer)
    if given is None:
        return [wrong("no dict", hint="give each board a pair: the first look, and the act")]
    absent = [name for name in boards if name not in given]
    if absent:
        return [wrong(f"nothing is said of board {listed(absent)}", hint="there are as many boards as letters")]
    acts = [entry["name"] for entry in read_toml("incidents.toml")["act"]]
    findings: list[Finding] = []
    for name, board in boards.items():
        pair = given[name]
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            findings.append(wrong(f"board {name} has no pair", hint="first the look, then the act: (look, act)"))
            continue
        findings += [_look(name, pair[0], board, acts), _act(name, pair[1], board, acts)]
    return findings


def _look(name: str, look: Any, board: Mapping[str, Any], acts: Sequence[str]) -> Finding:
    if look in board["looks"]:
        return right(f"board {name}: that look shows it")
    if look not in acts or not str(look).startswith("look"):
        return wrong(f"board {name}: {look!r} is no look", hint="choose among the acts that begin with 'look'")
    return wrong(f"board {name}: that look shows nothing unusual", hint=board["look_hint"])


def _act(name: str, act: Any, board: Mapping[str, Any], acts: Sequence[str]) -> Finding:
    if act in board["acts"]:
        return right(f"board {name}: that act stops the loss")
    if act not in acts or str(act).startswith("look"):
        return wrong(
            f"board {name}: {act!r} is no act that changes anything", hint="choose among the acts, spelt as there"
        )
    return wrong(f"board {name}: that act does not fix it", hint=board["traps"].get(act, board["act_hint"]))


@grader("17.2")
def shift(answer: Any) -> Sequence[Finding]:
    """Grade a game of one's own: anything with `over`, `rehearsed` and `score`."""
    if not all(hasattr(answer, name) for name in ("over", "rehearsed", "score")):
        return [
            wrong(
                f"a {type(answer).__name__} is no game", hint="keep the game itself, not what one of its calls returned"
            )
        ]
    if not answer.over:
        return [blank("play, and close the game with a cause")]
    if answer.rehearsed:
        return [
            wrong("its incident was known beforehand", hint="a rehearsal is for practice: start a game from a seed")
        ]
    bar = read_toml("exercises.toml")["17.2"]["bar"]
    points = answer.score()["points"]
    total, parts = float(points["all"]), points.drop("all")
    if total >= bar:
        return [right(f"{total:.0f} points, and {bar} were asked for")]
    weakest = min(parts.index, key=lambda part: float(points[part]))
    hints = {
        "loss": "too much of the loss was left: what did each day cost while you waited, and what did your act cost?",
        "speed": "the clock runs while you look: which single look would have told the most?",
        "cause": "the cause was another one: which look could have told the two apart?",
        "act": "acts that do not fit cost points: what would have had to be true for each of yours?",
    }
    return [
        wrong(
            f"{total:.0f} points, short of {bar}", hint=f"{hints[weakest]} Start again, with the same seed or another"
        )
    ]


#: Words that judge people. What broke is a check, a contract or a process.
_BLAME = re.compile(
    r"\b(stupid\w*|careless\w*|incompeten\w*|sloppy|lazy|negligen\w*|should have known|his fault|her fault|their fault|"
    r"fault of (?!the (?:feed|file|join|release|process|check))\w+|to blame|blame[sd]?)\b",
    re.IGNORECASE,
)
_NOBODY = {"", "team", "the team", "everybody", "everyone", "all", "we", "us", "somebody", "someone", "tbd", "n/a", "?"}
_NO_DATE = {"", "soon", "asap", "later", "tbd", "n/a", "?", "someday", "never"}


@grader("17.3")
def postmortem(answer: Any) -> Sequence[Finding]:
    """Grade a post-mortem against the rubric of the game day: a dict by part."""
    rubric = read_toml("incidents.toml")["rubric"]
    given = as_mapping(answer)
    if given is None:
        return [wrong("a post-mortem is a dict here", hint="one entry for each part of the rubric")]
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
            findings.append(wrong(f"{name!r} says too little", hint=f"the rubric asks: {part['asks']}"))
        elif name == "impact" and not re.search(r"\$\s?\d|\d\s?dollars", str(given[name])):
            findings.append(wrong("the impact is in no dollars", hint="what the sponsor asks first is a sum of money"))
        else:
            findings.append(right(f"{name} is there"))
    culprit = _BLAME.search(" ".join(str(value) for value in given.values()))
    if culprit:
        hint = "whoever did it did what seemed right; ask which check would have stopped anybody"
        findings.append(wrong(f"'{culprit[0]}' judges a person", hint=hint))
    return findings


def _timeline(lines: Any, least: int) -> Finding:
    if (
        isinstance(lines, str)
        or not isinstance(lines, Sequence)
        or any(isinstance(line, str) or not isinstance(line, Sequence) or len(line) != 2 for line in lines)
    ):
        return wrong("the timeline is no list of pairs", hint="write (morning, what) for each line")
    if len(lines) < least:
        return wrong(
            f"the timeline has {len(lines)} lines", hint="when did it begin, when was it shown, when did you act?"
        )
    mornings = [as_number(line[0]) if not isinstance(line[0], str) else line[0] for line in lines]
    if any(morning is None for morning in mornings) or len({type(morning) for morning in mornings}) > 1:
        return wrong("a line has no time", hint="begin each line with the number of the morning, or with the date")
    if mornings != sorted(mornings):
        return wrong("the timeline is not in order", hint="a reader wants to live through it as you did")
    return right("timeline is there, in order")


def _actions(actions: Any, least: int) -> Finding:
    if isinstance(actions, str | Mapping) or not isinstance(actions, Sequence):
        return wrong("the actions are no list", hint="one entry for each action, with what, owner and due")
    rows = [as_mapping(action) or {} for action in actions]
    if len(rows) < least:
        return wrong(f"{len(rows)} action", hint="one to see it sooner, and one so that it cannot come back")
    for row in rows:
        if word_count(row.get("what")) < 3:
            return wrong(
                "an action does not say what is to be done", hint="write it so that one can see when it is done"
            )
        if str(row.get("owner", "")).strip().lower() in _NOBODY:
            return wrong("an action has no owner", hint="what belongs to many is done by none: name one role or person")
        if str(row.get("due", "")).strip().lower() in _NO_DATE:
            return wrong("an action has no date", hint="on which day will somebody ask whether it was done?")
    return right(f"{len(rows)} actions, each with an owner and a date")


@grader("17.4")
def policy(answer: Any) -> Sequence[Finding]:
    """Grade a policy by its table of games: a column 'mine', one row a seed, with the causes."""
    asked = read_toml("exercises.toml")["17.4"]
    columns = set(getattr(answer, "columns", ()))
    if not {"mine", "cause"} <= columns:
        hint = "keep what incidents.tournament returns, with your policy under the name 'mine'"
        return [wrong(f"a {type(answer).__name__} is no table of games", hint=hint)]
    if len(answer) < asked["games"]:
        return [
            wrong(
                f"{len(answer)} games are too few",
                hint=f"play the {asked['games']} seeds of the exercise, none left out",
            )
        ]
    mine, calm = answer["mine"].astype(float), answer["cause"].eq("nothing")
    findings = []
    if calm.any() and mine[calm].min() < 99:
        hint = "on a quiet fortnight your policy acted: what does it take for a page?"
        findings.append(wrong("it acts where nothing is wrong", hint=hint))
    if mine.mean() < asked["bar"]:
        worst = sorted(answer.loc[mine < asked["bar"], "cause"].unique())
        hint = "go through them one by one: which page comes first there, and what would you do on that morning?"
        findings.append(
            wrong(f"{mine.mean():.0f} points on average, short of {asked['bar']}: weak on {listed(worst)}", hint=hint)
        )
    if not findings:
        findings.append(right(f"{mine.mean():.0f} points on average over {len(answer)} games"))
        findings.append(right("quiet fortnights are left quiet"))
    return findings
