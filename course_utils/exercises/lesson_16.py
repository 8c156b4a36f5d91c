"""Graders of lesson 16, monitoring."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from course_utils.errors import CourseError
from course_utils.exercises.calls import call, same
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
    wrong,
)
from course_utils.tables import benchmark, read_toml
from course_utils.wording import counted

# --------------------------------------------------------------------------- 16.1: an outage behind a dashboard


@grader("16.1")
def outage(answer: Any) -> Sequence[Finding]:
    """Grade which dashboard hides an outage, and on which days: a mapping with board, first and last."""
    boards = read_toml("monitoring.toml")["boards"]
    given = as_mapping(answer)
    if given is None:
        hint = "fill in the dict: the board, the first day and the last day"
        return [not_a("a dict", answer, hint=hint)]
    absent = [name for name in ("board", "first", "last") if name not in given]
    if absent:
        return [missing(absent, hint="fill in the dict: the board, the first day and the last day")]
    board = str(given["board"]).strip().upper().removeprefix("BOARD").strip()
    if board not in ("A", "B", "C"):
        return [wrong(f"there is no board {given['board']!r}", hint="the boards are called A, B and C")]
    if board != boards["hides"]:
        hint = (
            "this board shows a holiday and a storm, and its numbers change from day to day; "
            "look for a board on which even the number of requests does not change"
        )
        return [wrong(f"board {board} shows new measurements on every day", hint=hint)]
    days = {name: _day(given[name]) for name in ("first", "last")}
    for name, day in days.items():
        if day is None:
            hint = "write a day as in the table: year, month, day"
            return [wrong(f"{name!r} is not a day: {given[name]!r:.40}", hint=hint)]
        if not boards["first"] <= day <= boards["last"]:
            return [wrong(f"the boards do not show {day}", hint="which three weeks do they show?")]
    if days["first"] > days["last"]:
        return [wrong(f"the outage ends on {days['last']}, before it begins", hint="are the two days exchanged?")]
    return [right("this board repeats old values"), _first_day(days["first"], boards), _last_day(days["last"], boards)]


def _first_day(day: str, boards: Mapping[str, str]) -> Finding:
    if day == boards["out_first"]:
        return right("the outage begins on this day")
    hint = "a value shown for the first time was measured: what does the board do on the days after it?"
    if day > boards["out_first"]:
        hint = "look at the day before: does the board begin to repeat its values there?"
    return wrong(f"the outage does not begin on {day}", hint=hint)


def _last_day(day: str, boards: Mapping[str, str]) -> Finding:
    if day == boards["out_last"]:
        return right("its last day is right")
    hint = "the outage lasts only as long as every panel repeats its value of the day before"
    if day < boards["out_last"]:
        hint = "look at the day after: is any of its numbers a new one?"
    return wrong(f"{day} is not the last day of the outage", hint=hint)


def _day(value: Any) -> str | None:
    """Return a date of any type, or a text, as '2013-07-01'; None for anything else."""
    try:
        text = value.strftime("%Y-%m-%d") if hasattr(value, "strftime") else str(value).strip()
        found = re.fullmatch(r"(\d{4})-(\d\d?)-(\d\d?)([T ][0:.]*)?", text)
        return date(*map(int, found.groups()[:3])).isoformat() if found else None
    except ValueError:  # no day of the calendar
        return None


# --------------------------------------------------------------------------- 16.2: limits for a budget


@grader("16.2")
def limits(answer: Any) -> Sequence[Finding]:
    """Grade the limits of three groups by the false pages in simulated quarters, and by the faults that they miss."""
    from course_utils.operate import drift

    rules = read_toml("exercises.toml")["16.2"]
    groups, given = rules["group"], as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="give each group its number: {group: limit, …}")]
    absent = [name for name in groups if name not in given]
    if absent:
        return [wrong(f"no limit for {listed(absent)}", hint="all three groups share the budget: set a limit for each")]
    numbers = {name: as_number(given[name]) for name in groups}
    if strange := [name for name, number in numbers.items() if number is None]:
        return [wrong(f"the limit of {strange[0]!r} is not a number", hint="use one number, not a table or a range")]
    signs = {name: -1 if group["side"] == "below" else 1 for name, group in groups.items()}
    asleep = [name for name in groups if signs[name] * numbers[name] > signs[name] * groups[name]["silent"]]
    found = [
        wrong(f"with the limit {numbers[name]:.3g}, {name!r} misses a fault", hint=groups[name]["sleeps"])
        for name in asleep
    ]
    first, last = rules["quiet"]
    outward = {name: number + signs[name] * rules["rounded"] for name, number in numbers.items()}
    pages = drift.false_episodes(benchmark("drift_year")[first:last], outward)
    if pages["all"] <= rules["budget"]:
        kept = right(f"in simulated quarters the three cause {pages['all']:.2f} false pages, within the budget")
        return [kept, *(found or [right("each of them still finds its fault")])]
    worst = pages.drop("all").idxmax()
    text = (
        f"in simulated quarters these limits cause {pages['all']:.2f} false pages, "
        f"{pages[worst]:.2f} of them by {worst!r} with the limit {numbers[worst]:.3g}"
    )
    return [wrong(text, hint=groups[worst]["cries"]), *found]


# --------------------------------------------------------------------------- 16.3: a rule with its test


@grader("16.3")
def rule(answer: Any) -> Sequence[Finding]:
    """Grade an alert rule and its test: on hidden days, by its own test, and by wrong rules that pass the test."""
    from course_utils.operate import monitoring, telemetry

    if not isinstance(answer, monitoring.Trial):
        hint = "keep the result of monitoring.try_rule, which takes both files as texts"
        return [not_a("a tested rule", answer, hint=hint)]
    try:
        again = monitoring.try_rule(answer.rules, answer.test)
        names = list(telemetry.alerts_of(answer.rules))
    except (CourseError, TypeError):
        again, names = None, []
    if again is None or not same(_results(again), _results(answer)):
        hint = "change the files, and hand in what monitoring.try_rule returns for them"
        return [wrong("these are not the results of these files", hint=hint)]
    plan = read_toml("exercises.toml")["16.3"]
    findings = [_behaviour(again.hidden, plan["limit"])]
    if names != [plan["alert"]]:
        found = f"the alert is called {names[0]!r}"
        findings.append(wrong(found, hint="the person on call looks it up by the name that the task gives"))
    if again.table["right"].all():
        findings.append(right("the test agrees with the rule"))
    else:
        first = again.table.index[~again.table["right"]][0]
        hint = "read that day in your values and count how long the condition has held: which of the two is wrong?"
        findings.append(wrong(f"the rule fails its own test at eval_time {first}", hint=hint))
    unnoticed = [says for says in plan["hints"] if says in again.unnoticed]
    if not unnoticed:
        return [*findings, right("every wrong rule fails the test")]
    others = len(unnoticed) - 1
    more = f", and {others} other wrong rule{'s' * (others > 1)}" if others else ""
    return [*findings, wrong(f"a wrong rule passes the test: {unnoticed[0]}{more}", hint=plan["hints"][unnoticed[0]])]


def _results(trial: Any) -> tuple[Any, ...]:
    return trial.table, trial.hidden, trial.unnoticed


def _behaviour(hidden: Any, limit: float) -> Finding:
    """Judge a rule on days that its author did not see."""
    should, does = hidden["should"].astype(bool), hidden["does"].astype(bool)
    early, missed, value = does & ~should, should & ~does, hidden["value"]
    good = does.shift(fill_value=False) & (value >= limit)  # good days after an alarm: do higher values keep it up?
    lasts = value[good & does].max() > value[good & ~does].min()
    if not (early.any() or missed.any()):
        return right("the rule fires from the second bad day in a row, and on no other days")
    if not does.any():
        hint = "the metric is a share from 0 to 1: which values are bad, and for how long must they last?"
        return wrong("the rule never fires", hint=hint)
    if (early & (value == limit)).any() and not (early & (value != limit)).any():
        hint = "does 'fewer than' include the limit itself?"
        return wrong("the rule fires on a day with exactly as many outcomes as the limit", hint=hint)
    if (early & (value < limit)).any() and not (missed.any() or (early & (value >= limit)).any()):
        hint = "one bad day may be a late file: how do you make a rule of Prometheus wait?"
        return wrong("the rule does not wait for a second bad day", hint=hint)
    if (early & (value >= limit)).any():
        if lasts and not missed.any():
            hint = "should a good day end the alarm? What in your rule lasts longer than the bad days?"
            return wrong("the rule still fires on a good day after an alarm", hint=hint)
        hint = "which values are bad: those below nine in ten, or others? On which side of the limit is a bad day?"
        return wrong("the rule fires on a day whose outcomes have arrived", hint=hint)
    if value[missed].min() > value[should & does].min():
        hint = "it fires for worse days: the metric is a share from 0 to 1, so which values does your limit let pass?"
        return wrong(f"the rule does not fire on days with {value[missed].max():g} of the outcomes", hint=hint)
    hint = "count the days: Prometheus starts to count at the first day on which the condition is true"
    return wrong("the rule does not fire on a second bad day", hint=hint)


# --------------------------------------------------------------------------- 16.4: decide on retraining


@grader("16.4")
def decided(answer: Any) -> Sequence[Finding]:
    """Grade a policy by its net value in both worlds: the policy of two runs is run again."""
    from course_utils.operate import retraining

    wanted = read_toml("exercises.toml")["16.4"]
    runs = list(answer.values()) if isinstance(answer, Mapping) else answer
    if not isinstance(runs, list | tuple) or len(runs) != len(wanted["world"]):
        return [wrong("these are not two runs", hint="run the policy once in each world, and keep both results")]
    if strange := [run for run in runs if not isinstance(run, retraining.PolicyRun)]:
        found = f"{kind_of(strange[0])} is not a run of a policy"
        return [wrong(found, hint="keep the results of retraining.run_policy")]
    costs = [run.cost for run in runs if as_number(run.cost) != wanted["cost"]]
    if costs:
        hint = "the auditor's signature is now part of the cost of a release: see cost= of retraining.run_policy"
        return [wrong(f"a release costs {counted(costs[0], 'dollar')} in your runs, not what the task says", hint=hint)]
    worlds = [run.world for run in runs]
    if worlds != list(retraining.WORLDS):
        found = f"your runs are of the worlds {listed(worlds)}"
        return [wrong(found, hint="run the policy once in each world, in the order of retraining.WORLDS")]
    if any(len(run.weeks) != wanted["weeks"] for run in runs):
        hint = "do not change first= and last=: a policy that serves fewer weeks answers another question"
        return [wrong("the runs do not cover all weeks from June on", hint=hint)]
    if changed := _not_repeated(runs, wanted["cost"]):
        return [changed]
    return [_value(run, world, wanted["many"]) for run, world in zip(runs, wanted["world"], strict=True)]


def _run(policy: Any, world: str, cost: float) -> Any:
    """Return a run of a policy, with the time limit and the findings for a learner's function."""
    from course_utils.operate import retraining

    return call(functools.partial(retraining.run_policy, policy, world=world, cost=cost))


def _not_repeated(runs: Sequence[Any], cost: float) -> Finding | None:
    """Return a finding unless one policy, run again in both worlds, gives these runs."""
    for run in runs:
        if not same(_run(run.policy, run.world, cost).weeks, run.weeks):
            hint = "does the policy draw at random, or remember earlier runs? It should decide by what it is given"
            return wrong(f"run again in the year {run.world!r}, your policy gives another result", hint=hint)
    first, second = runs
    if second.policy is not first.policy and not same(_run(first.policy, second.world, cost).weeks, second.weeks):
        hint = "on a Sunday evening you do not know which of the two years this is: one policy must do for both"
        return wrong("the two runs are of two policies", hint=hint)
    return None


def _value(run: Any, world: Mapping[str, Any], many: int) -> Finding:
    from course_utils.operate import retraining

    gain = run.net - _run(retraining.never_retrain, run.world, run.cost).net
    found = f"in the year {world['says']}, it nets {counted(round(gain), 'dollar')} more than never retraining"
    if gain >= world["bar"]:
        return right(found)
    if run.releases == 0:
        hint = "a model that is never replaced becomes worse: how much could one release cost and still pay?"
    elif run.releases > many:
        hint = "each release costs the fee: how much must a challenger have earned before it is worth a release?"
    else:
        hint = "find the weeks in which the challenger would have earned most: did the policy wait too long there?"
    return wrong(f"{found}, which is too little", hint=hint)
