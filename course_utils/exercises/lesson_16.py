"""Graders of lesson 16, monitoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, listed, right, wrong
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 16.1: an outage behind a dashboard


@grader("16.1")
def outage(answer: Any) -> Sequence[Finding]:
    """Grade which dashboard hides an outage, and of which days."""
    wanted = read_toml("monitoring.toml")["boards"]
    given = as_mapping(answer)
    if given is None or not {"board", "first", "last"} <= set(given):
        hint = "fill in the dict: which board, the first day and the last day"
        return [wrong("board, first and last are not all named", hint=hint)]
    board = str(given["board"]).strip().upper().removeprefix("BOARD").strip()
    if board not in ("A", "B", "C"):
        return [wrong(f"there is no board {given['board']!r}", hint="the boards are called A, B and C")]
    if board != wanted["hides"]:
        hint = (
            "that board has a holiday and a storm, and its numbers go on moving from day to day; "
            "look for a board on which even the count of requests stands still"
        )
        return [wrong(f"board {board} measured something on each of its days", hint=hint)]
    days = {name: _day(given[name]) for name in ("first", "last")}
    if strange := [name for name, day in days.items() if day is None]:
        return [wrong(f"{strange[0]!r} is no day", hint="write a day as in the table: year, month, day")]
    findings = [right("that board repeats itself")]
    if days["first"] == wanted["out_first"]:
        findings.append(right("the outage begins there"))
    else:
        hint = "a value that is shown for the first time was measured: on which day does the board begin to repeat it?"
        findings.append(wrong(f"on {days['first']} the outage does not begin", hint=hint))
    if days["last"] == wanted["out_last"]:
        findings.append(right("and ends there"))
    else:
        hint = "the outage lasts as long as every panel repeats what it showed the day before, and no longer"
        findings.append(wrong(f"{days['last']} is not its last day", hint=hint))
    return findings


def _day(value: Any) -> str | None:
    """Write a day as '2013-07-01', whatever kind of date it came as; None for anything else."""
    if hasattr(value, "strftime"):
        return value.strftime("%Y-%m-%d")
    text = str(value).strip()[:10]
    parts = text.split("-")
    return text if len(parts) == 3 and all(part.isdecimal() for part in parts) and len(parts[0]) == 4 else None


# --------------------------------------------------------------------------- 16.2: limits for a budget


@grader("16.2")
def limits(answer: Any) -> Sequence[Finding]:
    """Grade the limits of the three groups of statistics: each between what quiet months do and what a fault does."""
    wanted = read_toml("exercises.toml")["16.2"]["group"]
    given = as_mapping(answer)
    if given is None:
        return [wrong("limits are a dict", hint="give each group its number: {group: limit, …}")]
    absent = [name for name in wanted if name not in given]
    if absent:
        return [wrong(f"no limit for {listed(absent)}", hint="all three groups share the budget: set each of them")]
    numbers = {name: as_number(given[name]) for name in wanted}
    if strange := [name for name, number in numbers.items() if number is None]:
        return [wrong(f"the limit of {strange[0]!r} is no number", hint="take one number, not a table or a range")]
    return [_limit(name, numbers[name], wanted[name]) for name in wanted]


def _limit(name: str, number: float, bounds: Mapping[str, Any]) -> Finding:
    if (number > bounds["silent"]) if bounds["side"] == "above" else (number < bounds["silent"]):
        return wrong(f"with {number:.3g}, {name!r} sleeps through a fault", hint=bounds["sleeps"])
    if (number < bounds["noisy"]) if bounds["side"] == "above" else (number > bounds["noisy"]):
        return wrong(f"with {number:.3g}, {name!r} takes more than its share of the budget", hint=bounds["cries"])
    return right(f"{name!r} keeps its share of the budget, and does not sleep")


# --------------------------------------------------------------------------- 16.3: a rule with its test


@grader("16.3")
def rule(answer: Any) -> Sequence[Finding]:
    """Grade an alert rule and its test: anything with the test's table, days it did not name, and what it misses."""
    table, hidden = getattr(answer, "table", None), getattr(answer, "hidden", None)
    if not {"should", "does", "right"} <= set(getattr(table, "columns", ())) or hidden is None:
        hint = "keep what monitoring.try_rule returns: it takes the rule, the values and when it fires"
        return [wrong(f"a {type(answer).__name__} is no rule on trial", hint=hint)]
    findings = [_behaviour(hidden)]
    if table["right"].all():
        findings.append(right("the test agrees with the rule"))
    else:
        hint = "look at the first day on which 'should' and 'does' differ: which of the two is mistaken?"
        findings.append(wrong("the rule fails its own test", hint=hint))
    hints = read_toml("exercises.toml")["16.3"]["hints"]
    unnoticed = [says for says in hints if says in answer.unnoticed]
    if unnoticed:
        more = f", and {len(unnoticed) - 1} other wrong rules" if len(unnoticed) > 1 else ""
        text = f"a wrong rule passes the test: {unnoticed[0]}{more}"
        findings.append(wrong(text, hint=hints[unnoticed[0]]))
    else:
        findings.append(right("each wrong rule fails the test"))
    return findings


def _behaviour(hidden: Any) -> Finding:
    """Say how a rule behaves on days that its author did not see."""
    should, does = hidden["should"].astype(bool), hidden["does"].astype(bool)
    if (should == does).all():
        return right("the rule fires on the second day in a row, and on no other")
    if not does.any():
        hint = "the metric is a share from 0 to 1: which values of it are bad, and how many days in a row are two?"
        return wrong("the rule never fires", hint=hint)
    early, missed = does & ~should, should & ~does
    bad = hidden["value"] < read_toml("exercises.toml")["16.3"]["limit"]
    if (early & bad).any() and not missed.any() and not (early & ~bad).any():
        hint = "one bad day may be a late file: how does a rule of Prometheus wait?"
        return wrong("the rule does not wait for a second day", hint=hint)
    if (early & ~bad).any():
        hint = "which values are bad: those below nine in ten, or others? And does a good day end the alarm?"
        return wrong("the rule fires on a day whose outcomes have arrived", hint=hint)
    hint = "count: an alert that must hold for some time was first seen at the beginning of that time"
    return wrong("the rule sleeps through a second bad day", hint=hint)


# --------------------------------------------------------------------------- 16.4: decide on retraining


@grader("16.4")
def decided(answer: Any) -> Sequence[Finding]:
    """Grade a policy by what it netted in both worlds: two things with weeks, cost, releases and net."""
    wanted = read_toml("exercises.toml")["16.4"]
    played = list(answer.values()) if isinstance(answer, Mapping) else answer
    if not isinstance(played, list | tuple) or len(played) != len(wanted["world"]):
        hint = "play the policy once in each world, and hand in both"
        return [wrong("this is not the year played in two worlds", hint=hint)]
    if not all(hasattr(one, "net") and hasattr(one, "weeks") and hasattr(one, "releases") for one in played):
        return [wrong("these are not what came of a policy", hint="hand in what retraining.play returns")]
    if any(as_number(one.cost) != wanted["cost"] for one in played):
        hint = "the auditor's signature is part of what a release costs now: see cost= of retraining.play"
        return [wrong("a release costs another sum there", hint=hint)]
    if any(len(one.weeks) != wanted["weeks"] for one in played):
        hint = "leave first= and last= as they are: a policy that serves fewer weeks is another question"
        return [wrong("not all weeks from June on were played", hint=hint)]
    first = [float(one.weeks["dollars"].iloc[-1]) for one in played]
    if first[0] <= first[1]:
        return [wrong("the worlds are not both there, in their order", hint="take them as retraining.WORLDS has them")]
    return [_netted(one, world) for one, world in zip(played, wanted["world"], strict=True)]


def _netted(played: Any, world: Mapping[str, Any]) -> Finding:
    over = played.net - world["never"]
    if over >= world["bar"]:
        return right(f"in the year {world['says']} it nets ${over:,.0f} over never")
    if played.releases == 0:
        hint = (
            "a model that is never replaced goes on ageing: what is the most that one release could cost and still pay?"
        )
    elif played.releases > world["many"]:
        hint = "each of these releases costs the fee: what must a challenger have earned before it is worth one?"
    else:
        hint = "look at the weeks in which the challenger would have earned most: did the policy wait too long there?"
    return wrong(f"in the year {world['says']} it nets ${over:,.0f} over never, which is too little", hint=hint)
