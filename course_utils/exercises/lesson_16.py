"""Graders of lesson 16, monitoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, kind_of, listed, not_a, right, wrong
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 16.1: an outage behind a dashboard


@grader("16.1")
def outage(answer: Any) -> Sequence[Finding]:
    """Grade which dashboard hides an outage, and on which days: a mapping with board, first and last."""
    wanted = read_toml("monitoring.toml")["boards"]
    given = as_mapping(answer)
    if given is None or not {"board", "first", "last"} <= set(given):
        hint = "fill in the dict: the board, the first day and the last day"
        return [wrong("board, first or last is missing", hint=hint)]
    board = str(given["board"]).strip().upper().removeprefix("BOARD").strip()
    if board not in ("A", "B", "C"):
        return [wrong(f"there is no board {given['board']!r}", hint="the boards are called A, B and C")]
    if board != wanted["hides"]:
        hint = (
            "this board shows a holiday and a storm, and its numbers change from day to day; "
            "look for a board on which even the number of requests does not change"
        )
        return [wrong(f"board {board} shows new measurements on every day", hint=hint)]
    days = {name: _day(given[name]) for name in ("first", "last")}
    if strange := [name for name, day in days.items() if day is None]:
        return [wrong(f"{strange[0]!r} is not a day", hint="write a day as in the table: year, month, day")]
    findings = [right("this board repeats old values")]
    if days["first"] == wanted["out_first"]:
        findings.append(right("the outage begins on this day"))
    else:
        hint = "a value shown for the first time was measured: on which day does the board begin to repeat it?"
        findings.append(wrong(f"the outage does not begin on {days['first']}", hint=hint))
    if days["last"] == wanted["out_last"]:
        findings.append(right("its last day is right"))
    else:
        hint = "the outage lasts only as long as every panel repeats its value of the day before"
        findings.append(wrong(f"{days['last']} is not the last day of the outage", hint=hint))
    return findings


def _day(value: Any) -> str | None:
    """Return a date of any type, or a text, as '2013-07-01'; None for anything else."""
    if hasattr(value, "strftime"):
        return value.strftime("%Y-%m-%d")
    text = str(value).strip()[:10]
    parts = text.split("-")
    return text if len(parts) == 3 and all(part.isdecimal() for part in parts) and len(parts[0]) == 4 else None


# --------------------------------------------------------------------------- 16.2: limits for a budget


@grader("16.2")
def limits(answer: Any) -> Sequence[Finding]:
    """Grade the limits of the three groups of statistics: each between the values of quiet months and of a fault."""
    wanted = read_toml("exercises.toml")["16.2"]["group"]
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="give each group its number: {group: limit, …}")]
    absent = [name for name in wanted if name not in given]
    if absent:
        return [wrong(f"no limit for {listed(absent)}", hint="all three groups share the budget: set a limit for each")]
    numbers = {name: as_number(given[name]) for name in wanted}
    if strange := [name for name, number in numbers.items() if number is None]:
        return [wrong(f"the limit of {strange[0]!r} is not a number", hint="use one number, not a table or a range")]
    return [_limit(name, numbers[name], wanted[name]) for name in wanted]


def _limit(name: str, number: float, bounds: Mapping[str, Any]) -> Finding:
    if (number > bounds["silent"]) if bounds["side"] == "above" else (number < bounds["silent"]):
        return wrong(f"with the limit {number:.3g}, {name!r} misses a fault", hint=bounds["sleeps"])
    if (number < bounds["noisy"]) if bounds["side"] == "above" else (number > bounds["noisy"]):
        found = f"with the limit {number:.3g}, {name!r} uses more than its share of the budget"
        return wrong(found, hint=bounds["cries"])
    return right(f"{name!r} keeps its share of the budget, and misses no fault")


# --------------------------------------------------------------------------- 16.3: a rule with its test


@grader("16.3")
def rule(answer: Any) -> Sequence[Finding]:
    """Grade an alert rule and its test: an object with the test's table, hidden days, and wrong rules that pass."""
    table, hidden = getattr(answer, "table", None), getattr(answer, "hidden", None)
    if not {"should", "does", "right"} <= set(getattr(table, "columns", ())) or hidden is None:
        hint = "keep the result of monitoring.try_rule, which takes both files as texts"
        return [not_a("a tested rule", answer, hint=hint)]
    findings = [_behaviour(hidden)]
    if table["right"].all():
        findings.append(right("the test agrees with the rule"))
    else:
        first = table.index[~table["right"]][0]
        hint = "read that day in your values and count how long the condition has held: which of the two is wrong?"
        findings.append(wrong(f"the rule fails its own test at eval_time {first}", hint=hint))
    hints = read_toml("exercises.toml")["16.3"]["hints"]
    unnoticed = [says for says in hints if says in answer.unnoticed]
    if unnoticed:
        more = f", and {len(unnoticed) - 1} other wrong rules" if len(unnoticed) > 1 else ""
        text = f"a wrong rule passes the test: {unnoticed[0]}{more}"
        findings.append(wrong(text, hint=hints[unnoticed[0]]))
    else:
        findings.append(right("every wrong rule fails the test"))
    return findings


def _behaviour(hidden: Any) -> Finding:
    """Judge a rule on days that its author did not see."""
    should, does = hidden["should"].astype(bool), hidden["does"].astype(bool)
    if (should == does).all():
        return right("the rule fires from the second bad day in a row, and on no other days")
    if not does.any():
        hint = "the metric is a share from 0 to 1: which values are bad, and for how long must they last?"
        return wrong("the rule never fires", hint=hint)
    early, missed = does & ~should, should & ~does
    bad = hidden["value"] < read_toml("exercises.toml")["16.3"]["limit"]
    if (early & bad).any() and not missed.any() and not (early & ~bad).any():
        hint = "one bad day may be a late file: how do you make a rule of Prometheus wait?"
        return wrong("the rule does not wait for a second bad day", hint=hint)
    if (early & ~bad).any():
        hint = "which values are bad: those below nine in ten, or others? And does a good day end the alarm?"
        return wrong("the rule fires on a day whose outcomes have arrived", hint=hint)
    hint = "count the days: Prometheus starts to count at the first day on which the condition is true"
    return wrong("the rule does not fire on a second bad day", hint=hint)


# --------------------------------------------------------------------------- 16.4: decide on retraining


@grader("16.4")
def decided(answer: Any) -> Sequence[Finding]:
    """Grade a policy by its net value in both worlds: two runs with weeks, cost, releases and net."""
    wanted = read_toml("exercises.toml")["16.4"]
    runs = list(answer.values()) if isinstance(answer, Mapping) else answer
    if not isinstance(runs, list | tuple) or len(runs) != len(wanted["world"]):
        return [wrong("these are not two runs", hint="run the policy once in each world, and keep both results")]
    if not all(hasattr(run, "net") and hasattr(run, "weeks") and hasattr(run, "releases") for run in runs):
        found = f"{kind_of(runs[0])} is not a run of a policy"
        return [wrong(found, hint="keep the results of retraining.run_policy")]
    if any(as_number(run.cost) != wanted["cost"] for run in runs):
        hint = "the auditor's signature is now part of the cost of a release: see cost= of retraining.run_policy"
        return [wrong("the cost of a release is not that of the task", hint=hint)]
    if any(len(run.weeks) != wanted["weeks"] for run in runs):
        hint = "do not change first= and last=: a policy that serves fewer weeks answers another question"
        return [wrong("the runs do not cover all weeks from June on", hint=hint)]
    last_week = [float(run.weeks["dollars"].iloc[-1]) for run in runs]
    if last_week[0] <= last_week[1]:  # the model earns less after the hub has changed
        return [wrong("the runs are not in the order of the worlds", hint="use the order of retraining.WORLDS")]
    return [_value(run, world) for run, world in zip(runs, wanted["world"], strict=True)]


def _value(run: Any, world: Mapping[str, Any]) -> Finding:
    gain = run.net - world["never"]
    found = f"in the year {world['says']}, it nets {gain:,.0f} dollars more than never retraining"
    if gain >= world["bar"]:
        return right(found)
    if run.releases == 0:
        hint = "a model that is never replaced becomes worse: how much could one release cost and still pay?"
    elif run.releases > world["many"]:
        hint = "each release costs the fee: how much must a challenger have earned before it is worth a release?"
    else:
        hint = "find the weeks in which the challenger would have earned most: did the policy wait too long there?"
    return wrong(f"{found}, which is too little", hint=hint)
