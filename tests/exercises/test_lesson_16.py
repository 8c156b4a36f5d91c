"""The graders of lesson 16 on right answers and on plausible wrong ones."""

from __future__ import annotations

from datetime import date

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
    return answer


def files(rule, values, fires):
    """Return a rule file and its test as a learner writes them, with one value a day."""
    expected = [
        {"eval_time": f"{day}d", "alertname": rule["alert"], "exp_alerts": [{}] * fire}
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


RIGHT = {
    "16.1": [
        OUTAGE,
        {"board": " b", "first": date(2013, 7, 3), "last": pd.Timestamp("2013-07-05")},
        pd.Series({"last": "2013-07-05 00:00:00", "first": np.datetime64("2013-07-03"), "board": "Board B"}),
    ],
    "16.2": [
        LIMITS,
        pd.Series({"hubs": np.float32(0.085), "schedule": 0.2, "model": -0.01}),
        LIMITS | {"schedule": np.array([0.5])},
    ],
    "16.3": [
        ("trial", RULE, DAYS, FIRES),
        ("trial", RULE | {"for": "24h", "expr": "0.9 > flights_label_coverage"}, DAYS, FIRES),
        ("trial", {"alert": "A", "expr": "max_over_time(flights_label_coverage[2d]) < 0.9"}, DAYS, FIRES),
    ],
    "16.4": [
        ("played", retraining.challenger_policy(20_000)),
        ("played", retraining.calendar_policy(6)),
        ("played", lambda seen: len(seen) in (6, 12, 18, 24)),
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
        (OUTAGE | {"first": "the third"}, "year, month, day"),
        ({"board": "B"}, "the last day"),
        ("B", "the last day"),
    ],
    "16.2": [
        (LIMITS | {"schedule": 0.1}, "the quiet months themselves"),
        (LIMITS | {"schedule": 5}, "given in minutes"),
        (LIMITS | {"hubs": 0.07}, "made of quiet weeks"),
        (LIMITS | {"hubs": 0.3}, "twelve days after"),
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
