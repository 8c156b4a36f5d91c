"""The graders of lesson 16 on right answers and on plausible wrong ones."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pandas as pd
import yaml
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils.operate import monitoring, retraining

OUTAGE = {"board": "B", "first": "2013-07-03", "last": "2013-07-05"}
LIMITS = {"schedule": 0.25, "hubs": 0.09, "model": 0.0}
COVERAGE = "flights_label_coverage"
BELOW = "flights_label_coverage < 0.9"
RULE = {"alert": "LabelsLate", "expr": BELOW, "for": "1d"}
DAYS = [1, 0.88, 1, 0.88, 0.88, 0.5, 1, 0.93, 0.93]
FIRES = [False, False, False, False, True, True, False, False, False]


def made(answer):
    """Return the answer for a listed entry: the trial of a rule and its test, or the runs of a policy."""
    if isinstance(answer, tuple) and answer[0] == "trial":
        return monitoring.try_rule(*files(*answer[1:]))
    if isinstance(answer, tuple) and answer[0] == "played":
        policy, options = answer[1], {"cost": 20_000} | (answer[2] if len(answer) > 2 else {})
        return [retraining.run_policy(policy, world=world, **options) for world in retraining.WORLDS]
    if isinstance(answer, tuple) and answer[0] == "made twice":
        return {world: retraining.run_policy(answer[1](), world=world, cost=20_000) for world in retraining.WORLDS}
    return answer


def files(rule, values, fires):
    """Return a rule file and its test as a learner writes them, with one value a day."""
    expected = [
        {"eval_time": f"{day}d", "alertname": rule["alert"], "exp_alerts": [{}] * int(fire)}
        for day, fire in enumerate(fires)
    ]
    series = [{"series": "flights_label_coverage", "values": " ".join(map(str, values))}]
    tests = [{"interval": "1d", "input_series": series, "alert_rule_test": expected}]
    test = {"rule_files": ["rules.yml"], "evaluation_interval": "1d", "tests": tests}
    rules = {"groups": [{"name": "labels", "rules": [rule]}]}
    return yaml.safe_dump(rules), yaml.safe_dump(test)


FILES = files(RULE, DAYS, FIRES)


def turned():
    return made(("played", retraining.calendar_policy(6)))[::-1]


def every_six_weeks(seen):
    return (seen["week"].iloc[-1] - seen["week"].iloc[0] + 1) % 6 == 0


class Challenger:
    """A policy that is an object, and adds up what the challenger would have earned."""

    def __call__(self, seen):
        """Return whether the challenger takes over."""
        own = seen.groupby("trained")["missed"].apply(lambda missed: missed.iloc[-4:].sum())
        return bool(own.loc[seen["trained"].iloc[-1]] > 20_000)


def remembering():
    calls = itertools.count(1)
    return lambda seen: next(calls) % 7 == 0


def at_random():
    rng = np.random.default_rng(0)
    return lambda seen: bool(rng.random() < 0.15)


def two_policies():
    runs = made(("played", retraining.calendar_policy(6)))
    return [runs[0], made(("played", retraining.challenger_policy(20_000)))[1]]


def edited():
    runs = made(("played", retraining.never_retrain))
    for run in runs:
        run.weeks["dollars"] += 20_000
    return runs


def relabelled():
    runs = made(("played", retraining.calendar_policy(6), {"cost": None}))
    return [dataclasses.replace(run, cost=20_000.0) for run in runs][:1] + edited()[1:]


def forged(**changes):
    return dataclasses.replace(made(("trial", RULE | {"for": "2d"}, DAYS, FIRES)), **changes)


RIGHT = {
    "16.1": [
        OUTAGE,
        {"board": " b", "first": date(2013, 7, 3), "last": pd.Timestamp("2013-07-05")},
        pd.Series({"last": "2013-07-05 00:00:00", "first": np.datetime64("2013-07-03"), "board": "Board B"}),
        {"board": "B", "first": "2013-7-3", "last": " 2013-07-05 "},
        {"board": np.str_("b "), "first": datetime(2013, 7, 3, 12), "last": "2013-07-05T00:00:00"},
        MappingProxyType(OUTAGE | {"first": np.datetime64("2013-07-03T00:00:00.000000000"), "why": "a note"}),
    ],
    "16.2": [
        LIMITS,
        pd.Series({"hubs": np.float32(0.085), "schedule": 0.2, "model": -0.01}),
        LIMITS | {"schedule": np.array([0.5])},
        {"schedule": 0.146, "hubs": 0.08, "model": 0.003},  # those of the tool, rounded
        {"schedule": 0.15, "hubs": 0.0739, "model": -0.02},  # nearly the whole budget for one group
        MappingProxyType({"schedule": Decimal("1.0"), "hubs": Fraction(104, 1000), "model": -0.03}),
        {name: pd.Series([limit]) for name, limit in LIMITS.items()} | {"note": "mine"},
    ],
    "16.3": [
        ("trial", RULE, DAYS, FIRES),
        ("trial", RULE | {"for": "24h", "expr": "0.9 > flights_label_coverage"}, DAYS, FIRES),
        ("trial", {"alert": "LabelsLate", "expr": "max_over_time(flights_label_coverage[2d]) < 0.9"}, DAYS, FIRES),
        ("trial", RULE | {"for": "1h", "labels": {"severity": "page"}, "annotations": {"a": "late"}}, DAYS, FIRES),
        ("trial", RULE | {"expr": "(1 - flights_label_coverage) > 0.1 and flights_label_coverage < 0.9"}, DAYS, FIRES),
        ("trial", RULE | {"expr": f"sum({COVERAGE}) < 0.9", "keep_firing_for": "0s"}, [*DAYS, 0.9], [*FIRES, 0]),
        ("trial", RULE | {"for": "86400s"}, [1, 0.2, 1, 0.88, 0.88, 0.9, 0.92, 0.93], [0, 0, 0, 0, 1, 0, 0, 0]),
    ],
    "16.4": [
        ("played", retraining.challenger_policy(20_000)),
        ("played", retraining.calendar_policy(6)),
        ("played", lambda seen: len(seen) in (6, 12, 18, 24)),
        ("played", lambda seen: np.bool_(seen["missed"].tail(4).sum() > 20_000 and seen["age"].iloc[-1] > 2)),
        ("played", every_six_weeks),
        ("played", Challenger()),
        ("made twice", lambda: retraining.challenger_policy(20_000)),
    ],
}  # fmt: skip

WRONG = {
    "16.1": [
        (OUTAGE | {"board": "A"}, "number of requests does not change"),
        (OUTAGE | {"board": "C"}, "number of requests does not change"),
        (OUTAGE | {"board": "D"}, "called A, B and C"),
        (OUTAGE | {"first": "2013-07-02"}, "was measured"),
        (OUTAGE | {"last": "2013-07-06"}, "lasts only as long as"),
        (OUTAGE | {"first": "2013-07-04", "last": "2013-07-04"}, "begin to repeat"),
        (OUTAGE | {"first": "2013-07-04"}, "look at the day before"),
        (OUTAGE | {"last": "2013-07-04"}, "look at the day after"),
        (OUTAGE | {"first": "2013-07-05", "last": "2013-07-03"}, "exchanged"),
        (OUTAGE | {"first": "2013-06-03"}, "three weeks"),
        (OUTAGE | {"last": "2012-07-05"}, "three weeks"),
        (OUTAGE | {"first": "2013-07-03 x"}, "year, month, day"),
        (OUTAGE | {"first": "2013-13-07"}, "year, month, day"),
        (OUTAGE | {"first": pd.NaT}, "year, month, day"),
        (OUTAGE | {"first": 3}, "year, month, day"),
        (OUTAGE | {"first": "the third"}, "year, month, day"),
        ({"board": "B"}, "the last day"),
        ("B", "the last day"),
    ],
    "16.2": [
        (LIMITS | {"schedule": 0.1}, "the quiet months themselves"),
        (LIMITS | {"schedule": 5}, "given in minutes"),
        (LIMITS | {"hubs": 0.07}, "made of quiet weeks"),
        (LIMITS | {"hubs": 0.3}, "twelve days after"),
        (LIMITS | {"hubs": 0.105}, "twelve days after"),
        ({"schedule": 0.145, "hubs": 0.0785, "model": 0.0035}, "the quiet months themselves"),
        (LIMITS | {"hubs": float("nan")}, "use one number"),
        (LIMITS | {"schedule": 1.01}, "given in minutes"),
        (LIMITS | {"model": -0.031}, "who would notice"),
        (LIMITS | {"model": 0.05}, "fires below its limit"),
        (LIMITS | {"model": -0.5}, "who would notice"),
        ({"schedule": 0.25, "hubs": 0.09}, "a limit for each"),
        (LIMITS | {"hubs": "0.09"}, "use one number"),
        ([0.25, 0.09, 0.0], "give each group"),
    ],
    "16.3": [
        (("trial", {"alert": "A", "expr": BELOW}, DAYS, FIRES), "make a rule of Prometheus wait"),
        (("trial", RULE | {"for": "2d"}, DAYS, FIRES), "starts to count at the first day"),
        (("trial", RULE | {"expr": "flights_label_coverage > 0.9"}, DAYS, FIRES), "nine in ten, or others"),
        (("trial", RULE | {"expr": "flights_label_coverage < 90"}, DAYS, FIRES), "nine in ten, or others"),
        (("trial", RULE | {"expr": "flights_label_coverage < 0.09"}, DAYS, [False] * 9), "a share from 0 to 1"),
        (("trial", RULE, [1, 0.5, 0.5], [False, False, True]), "only a little bad"),
        (("trial", RULE, [1, 0.5, 1], [False, False, False]), "expect an alarm"),
        (("trial", RULE, [1, 0.8, 0.8, 0.8], [False, False, True, True]), "only just good"),
        (("trial", RULE, [1.0, 1.0], [False, False]), "expect an alarm"),
        (
            ("trial", RULE, DAYS, [False, True, False, True, True, True, False, False, False]),
            "how long the condition has held",
        ),
        (("trial", RULE | {"expr": "flights_label_coverage <= 0.9"}, DAYS, FIRES), "include the limit itself"),
        (("trial", RULE | {"expr": "flights_label_coverage < 0.87"}, DAYS, FIRES), "does your limit let pass"),
        (("trial", RULE | {"expr": "flights_label_coverage < 0"}, DAYS, [False] * 9), "which values are bad, and for"),
        (("trial", RULE | {"keep_firing_for": "1d"}, DAYS, FIRES), "end the alarm"),
        (("trial", RULE | {"keep_firing_for": "3d"}, DAYS, FIRES), "end the alarm"),
        (("trial", RULE | {"expr": "flights_label_coverage < 0.91"}, DAYS, FIRES), "nine in ten, or others"),
        (("trial", RULE | {"expr": "flights_label_coverage < 0.97"}, DAYS, FIRES), "nine in ten, or others"),
        (("trial", RULE | {"alert": "Labels"}, DAYS, FIRES), "by the name"),
        (forged(hidden=made(("trial", RULE, DAYS, FIRES)).hidden), "hand in what monitoring.try_rule returns"),
        (forged(rules=FILES[0]), "hand in what monitoring.try_rule returns"),
        (forged(rules="rules", unnoticed=()), "hand in what monitoring.try_rule returns"),
        (RULE, "the result of monitoring.try_rule"),
        (FILES, "both files as texts"),
    ],
    "16.4": [
        (("played", retraining.never_retrain), "becomes worse"),
        (("played", retraining.calendar_policy(1)), "costs the fee"),
        (("played", retraining.challenger_policy(2_420)), "costs the fee"),
        (("played", retraining.calendar_policy(13)), "wait too long"),
        (("played", retraining.performance_policy("gap", 0.01)), "wait too long"),
        (("played", retraining.calendar_policy(6), {"cost": None}), "the auditor's signature"),
        (("played", retraining.calendar_policy(6), {"first": 0}), "answers another question"),
        (("played", remembering()), "remember earlier runs"),
        (("played", at_random()), "remember earlier runs"),
        (two_policies(), "one policy must do for both"),
        (edited(), "remember earlier runs"),
        (relabelled(), "remember earlier runs"),
        (made(("played", retraining.calendar_policy(6)))[:1] * 2, "the order of retraining.WORLDS"),
        (turned(), "the order of retraining.WORLDS"),
        (retraining.calendar_policy(6), "once in each world"),
        ([1.0, 2.0], "the results of retraining.run_policy"),
    ],
}

SECRETS = {
    "16.1": ["board B", "07-03", "07-05", "July"],
    "16.2": ["0.25", "0.09", "0.14", "budget=0.5"],
    "16.3": ["0.9", "for: 1d", "0.88"],
    "16.4": ["20,000", "challenger_policy", "calendar_policy"],
}

EQUIVALENT = {
    "16.1": {"* with a foreign key": "an entry that nobody asked for changes nothing"},
    "16.4": {
        "every 5 weeks": "a calendar of this length nets enough in both years",
        "every 10 weeks": "a calendar of this length nets enough in both years",
    },
    "16.2": {
        "* with a foreign key": "an entry that nobody asked for changes nothing",
        "[[]'schedule'[]] → 0.*": "no quiet day is beyond this limit, and times in minutes still are",
    },
}


def mutants(number):
    """Yield rules and tests with one thing changed, and policies."""
    if number == "16.3":
        for label, rule in rules_with_one_change():
            yield label, made(("trial", rule, DAYS, FIRES))
        for place in range(len(DAYS)):
            turned = [fire != (place == day) for day, fire in enumerate(FIRES)]
            yield f"day {place} expected wrongly", made(("trial", RULE, DAYS, turned))
            if place:
                yield f"only {place} days", made(("trial", RULE, DAYS[:place], FIRES[:place]))
    if number == "16.4":
        for weeks in (1, 2, 3, 4, 5, 10, 13, 26):
            yield f"every {weeks} weeks", made(("played", retraining.calendar_policy(weeks)))
        for gain in (0, 1_000, 5_000, 60_000, 10**6):
            yield f"challenger for {gain} dollars", made(("played", retraining.challenger_policy(gain)))
        for cost in (0, 2_420, 19_999, 20_001, 200_000):
            yield f"cost {cost}", made(("played", retraining.challenger_policy(20_000), {"cost": cost}))
        for name, week in (("first", 8), ("first", 10), ("last", 37)):
            yield f"{name}={week}", made(("played", retraining.challenger_policy(20_000), {name: week}))


def rules_with_one_change():
    for operator in ("<=", ">", ">=", "==", "!="):
        yield f"with {operator}", RULE | {"expr": BELOW.replace("<", operator)}
    for limit in ("0", "0.8", "0.89", "0.91", "0.95", "1", "1.1", "9", "90"):
        yield f"limit {limit}", RULE | {"expr": f"{COVERAGE} < {limit}"}
    for wait in ("0s", "25h", "2d", "3d", "1w"):
        yield f"for {wait}", RULE | {"for": wait}
    for keep in ("1h", "1d", "2d"):
        yield f"keep_firing_for {keep}", RULE | {"keep_firing_for": keep}
    for function in ("min_over_time", "avg_over_time", "max_over_time"):
        for days in (2, 3):
            yield f"{function} {days}d", RULE | {"expr": f"{function}({COVERAGE}[{days}d]) < 0.9"}
    yield "without for", {key: value for key, value in RULE.items() if key != "for"}
    yield "another name", RULE | {"alert": "LabelsLost"}
