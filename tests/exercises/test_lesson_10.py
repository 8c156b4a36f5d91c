"""The graders of lesson 10 on right answers and on plausible wrong ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils import tables
from course_utils.data import datasets, dictionary, features, splits
from course_utils.model import pitfalls

FORECAST = "a forecast issued 30 hours before departure"
OTHER = "the delay of a flight that left 6 hours before departure"
FORM = {
    "CRSDepTime": [48, 24, 4],
    "WeatherDelay": [],
    "CancellationCode": [],
    "FlightNum": [],
    "TailNum": [],
    FORECAST: [24, 4],
    OTHER: [4],
}


def _by(rows):
    return [rows["Origin"].astype(str), splits.day(rows)]


def late_before(rows):
    by = _by(rows)
    days = features.label(rows).groupby(by).agg(["sum", "count"])
    before = days.groupby(level=0).cumsum() - days
    share = before["sum"] / before["count"]
    return pd.Series(share.reindex(pd.MultiIndex.from_arrays(by)).to_numpy(), rows.index)


def in_a_loop(rows):
    late, day = features.label(rows), splits.day(rows)
    found = {
        label: late[(day < day[label]) & (rows["Origin"] == rows.loc[label, "Origin"])].mean() for label in rows.index
    }
    return pd.Series(found)


def sorted_first(rows):
    return late_before(rows.sort_values(["DayofMonth", "CRSDepTime"]))


def as_table(rows):
    return late_before(rows).to_frame("late_before")


def whole_day(rows):
    return features.label(rows).groupby(_by(rows)).transform("mean")


def other_flights_of_the_day(rows):
    groups = features.label(rows).groupby(_by(rows))
    return (groups.transform("sum") - features.label(rows).fillna(0)) / (groups.transform("count") - 1).clip(lower=1)


def all_days(rows):
    return features.label(rows).groupby(rows["Origin"].astype(str)).transform("mean")


def today_included(rows):
    by = _by(rows)
    days = features.label(rows).groupby(by).agg(["sum", "count"]).groupby(level=0).cumsum()
    return pd.Series((days["sum"] / days["count"]).reindex(pd.MultiIndex.from_arrays(by)).to_numpy(), rows.index)


def any_airport(rows):
    late, day = features.label(rows), splits.day(rows)
    return day.map({one: late[day < one].mean() for one in day.unique()}).astype(float)


def cancelled_on_time(rows):
    return late_before(rows.assign(DepDelay=rows["DepDelay"].fillna(0.0)))


def zero_at_first(rows):
    return late_before(rows).fillna(0.0)


def yesterday(rows):
    by = _by(rows)
    mean = features.label(rows).groupby(by).mean().groupby(level=0).shift()
    return pd.Series(mean.reindex(pd.MultiIndex.from_arrays(by)).to_numpy(), rows.index)


PLANTED = [
    ("changes", "temp"),
    ("feedback", "warned"),
    ("outliers", "wind_speed"),
    ("omitted", "visib"),
    ("illegal", "FlightNum"),
    ("variance", "season_code"),
]


def findings(*pairs):
    return [{"check": check, "where": where} for check, where in pairs]


UNNEEDED = [("necessary", name) for name in ("Origin", "Dest", "dewp", "humid", "Distance")]

RIGHT = {
    "10.1": [
        FORM,
        pd.Series(FORM),
        {name: set(hours) for name, hours in FORM.items()},
        {name: tuple(map(float, hours)) for name, hours in FORM.items()},
        FORM | {"CRSDepTime": np.array([4, 24, 48]), OTHER: 4, "TailNum": None},
    ],
    "10.2": [late_before, in_a_loop, sorted_first, as_table],
    "10.3": [
        findings(*PLANTED),
        pd.DataFrame(findings(*PLANTED[1:])),
        [*findings(*PLANTED[:5]), {"check": "correlated", "where": "Distance, CRSElapsedTime"}],
        PLANTED,
        [{"check": check, "where": [where, "other"]} for check, where in PLANTED],
        findings(*PLANTED, ("rare", "FlightNum"), UNNEEDED[0]),
    ],
}

WRONG = {
    "10.1": [
        (FORM | {"WeatherDelay": [24, 4]}, "a cause that someone assigns"),
        (FORM | {"FlightNum": [48, 24, 4]}, "allowed is another"),
        (FORM | {"TailNum": [4]}, "swap the aircraft"),
        (FORM | {FORECAST: [24]}, "stays usable"),
        (FORM | {FORECAST: [48, 24, 4]}, "once it is issued"),
        (FORM | {OTHER: [48, 24, 4]}, "another flight"),
        (FORM | {"CRSDepTime": []}, "timetable published"),
        (FORM | {"CancellationCode": [4]}, "did not leave"),
        (FORM | {"TailNum": "never"}, "an empty list means never"),
        (FORM | {OTHER: [5]}, "some of"),
        ({name: hours for name, hours in FORM.items() if name != "TailNum"}, "an answer for each signal"),
        ([48, 24, 4], "keep the dict"),
    ],
    "10.2": [
        (whole_day, "no one knows the evening"),
        (other_flights_of_the_day, "no one knows the evening"),
        (today_included, "no one knows the evening"),
        (all_days, "days before its own"),
        (any_airport, "the flight's own origin"),
        (cancelled_on_time, "count flights with a label"),
        (zero_at_first, "missing is an honest answer"),
        (yesterday, "all earlier days"),
        (lambda rows: late_before(rows).mean(), "same row labels"),
        (lambda rows: rows["NoSuchColumn"], "called with a table"),
        (lambda rows: late_before(rows).reset_index(drop=True), "same row labels"),
        (0.24, "define a function"),
    ],
    "10.3": [
        (findings(*PLANTED, *UNNEEDED), "could do without a column"),
        (findings(*PLANTED[:3]), "no other check explains"),
        (findings(*PLANTED[:5], *UNNEEDED), "could do without"),
        ([], "no other check explains"),
        (findings(*[("labels", where) for _, where in PLANTED]), "no other check explains"),
        (findings(*PLANTED[:5], ("luck", "temp")), "take the names from the report"),
        (["changes", "feedback"], "each line has check and where"),
        ("changes: temp", "each line has check and where"),
        ([{"check": "changes"}], "each line has check and where"),
    ],
}

SECRETS = {
    "10.1": ["[]", "[4]", "[24, 4]", "-1"],
    "10.2": ["cumsum", "shift", "groupby"],
    "10.3": [where for _, where in PLANTED],
}


@pytest.mark.slow
def test_what_the_audit_is_graded_by_is_what_was_planted():
    """The faults in the grader's table are those of the delivery in the lesson."""
    task = tables.read_toml("pitfalls.toml")["10.3"]
    flights = datasets.load_flights("nyc2013")
    audit = pitfalls.Audit(task["seed"], flights, features.as_of(flights, 3))
    truth = audit.solution()
    stated = [(row["check"], ", ".join(row["where"])) for row in task["planted"]]
    assert sorted(stated) == sorted(truth[["check", "where"]].itertuples(index=False, name=None))


def test_the_form_agrees_with_the_dictionary():
    """The right answers to the form agree with the data dictionary."""
    words = dictionary.load()
    for signal in tables.read_toml("pitfalls.toml")["10.1"]["signal"]:
        if signal["name"] in words.index:
            usable = [hours for hours in (48, 24, 4) if signal["name"] in dictionary.admissible(hours)]
            assert signal["hours"] == usable
