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


def base_rate_at_first(rows):
    return late_before(rows).fillna(features.label(rows).mean())


def shares_of_days(rows):
    """Return the mean of the shares of earlier days, in which each day counts alike."""
    by = _by(rows)
    days = features.label(rows).groupby(by).mean()
    before = days.groupby(level=0).transform(lambda one: one.expanding().mean().shift())
    return pd.Series(before.reindex(pd.MultiIndex.from_arrays(by)).to_numpy(), rows.index)


def _before(rows, earlier, late=None):
    """Return the mean label over those flights of the same origin that `earlier` names for each flight."""
    late = features.label(rows) if late is None else late
    here = rows["Origin"].astype(str)
    return pd.Series({label: late[(here == here[label]) & earlier(label)].mean() for label in rows.index})


def day_of_month(rows):
    return _before(rows, lambda label: rows["DayofMonth"] < rows.loc[label, "DayofMonth"])


def this_month_only(rows):
    day = splits.day(rows)
    return _before(rows, lambda label: (day < day[label]) & (rows["Month"] == rows.loc[label, "Month"]))


def earlier_departures(rows):
    """Return the share over everything that was scheduled before, flights of the same day among them."""
    time = splits.day(rows) + pd.to_timedelta(rows["CRSDepTime"] // 100, unit="h")
    return _before(rows, lambda label: time < time[label])


def rows_above(rows):
    place = pd.Series(range(len(rows)), rows.index)
    return _before(rows, lambda label: place < place[label])


def first_rows(rows):
    """Return the running share in the order of the table, as if it were sorted by day."""
    by = _by(rows)
    days = features.label(rows).groupby(by, sort=False).agg(["sum", "count"])
    before = days.groupby(level=0, sort=False).cumsum() - days
    return pd.Series((before["sum"] / before["count"]).reindex(pd.MultiIndex.from_arrays(by)).to_numpy(), rows.index)


def more_than_15(rows):
    day, late = splits.day(rows), (rows["DepDelay"] > 15).astype(float).where(rows["DepDelay"].notna())
    return _before(rows, lambda label: day < day[label], late)


def late_flights(rows):
    return _counts(rows)["sum"].where(late_before(rows).notna())


def _counts(rows):
    by = _by(rows)
    days = features.label(rows).groupby(by).agg(["sum", "count"])
    before = days.groupby(level=0).cumsum() - days
    return before.reindex(pd.MultiIndex.from_arrays(by)).set_axis(rows.index)


def spoils_its_argument(rows):
    rows["day"] = splits.day(rows)
    return late_before(rows)


def endless(rows):
    while True:
        pass


class AsObject:
    """A right answer as a callable object."""

    def __call__(self, rows):
        """Return the share."""
        return late_before(rows)


def by_merge(rows):
    """Return the share by a self-join of days, as one would in SQL."""
    days = (
        pd.DataFrame({"origin": rows["Origin"].astype(str), "day": splits.day(rows), "late": features.label(rows)})
        .groupby(["origin", "day"], as_index=False)["late"]
        .agg(["sum", "count"])
        .reset_index()
    )
    pairs = days.merge(days, on="origin", suffixes=("", "_before"))
    pairs = pairs[pairs["day_before"] < pairs["day"]].groupby(["origin", "day"])[["sum_before", "count_before"]].sum()
    share = (pairs["sum_before"] / pairs["count_before"]).rename("share")
    keys = pd.DataFrame({"origin": rows["Origin"].astype(str), "day": splits.day(rows)})
    return keys.join(share, on=["origin", "day"])["share"].astype("float32")


def with_all_days(rows):
    """Return the share from a table with a column for each day."""
    late, day = features.label(rows), splits.day(rows)
    pivot = late.groupby([day, rows["Origin"].astype(str)])
    sums, counts = (getattr(pivot, how)().unstack(fill_value=0).sort_index() for how in ("sum", "count"))
    share = sums.cumsum().shift(fill_value=0) / counts.cumsum().shift(fill_value=0)
    return pd.Series([share.loc[day[one], rows.loc[one, "Origin"]] for one in rows.index], rows.index, dtype="Float64")


def from_text_labels(rows):
    """Return the share from the label's column, with plain loops and None for what is missing."""
    counts: dict = {}
    for label in rows.index:
        row = rows.loc[label]
        if row["IsDepDelayed"] in ("YES", "NO"):
            key = (row["Origin"], row["Year"], row["Month"], row["DayofMonth"])
            late, known = counts.get(key, (0, 0))
            counts[key] = (late + (row["IsDepDelayed"] == "YES"), known + 1)
    shares = []
    for label in rows.index:
        row = rows.loc[label]
        mine = (row["Year"], row["Month"], row["DayofMonth"])
        earlier = [pair for (origin, *day), pair in counts.items() if origin == row["Origin"] and tuple(day) < mine]
        shares.append(sum(late for late, _ in earlier) / sum(known for _, known in earlier) if earlier else None)
    return pd.Series(shares, index=rows.index, dtype=object)


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


ALARMS = [*PLANTED[1:], ("changes", "visib"), ("semantic", "temp"), ("rare", "FlightNum")]
UNNEEDED = [("necessary", name) for name in ("Origin", "Dest", "dewp", "humid", "Distance")]

_ANY_ORDER = "the order of hours says nothing, and naming one twice neither"
_ANY_LINES = "a report is a set of lines; more columns, and lines without names, are read as well"
EQUIVALENT = {
    "10.1": {
        "* reversed": _ANY_ORDER,
        "* exchanged": _ANY_ORDER,
        "* twice": _ANY_ORDER,
    },
    "10.2": {
        "line 4: days.groupby(level=0).cumsum() - days swapped": "with both counts negative, their ratio is the same",
        "line 2: *astype(str) method left out": "categories are grouped as texts are",
        "line 6: pd.MultiIndex.from_arrays(by) left out": "reindex takes a list of columns as well",
    },
    "10.3": {
        " reversed": _ANY_LINES,
        "[[]?[]] and [[]?[]] exchanged": _ANY_LINES,
        "[[]?[]] twice": _ANY_LINES,
        "[[]?[]] with a foreign key": _ANY_LINES,
        "[[]?[]] values only": _ANY_LINES,
    },
}

RIGHT = {
    "10.1": [
        FORM,
        pd.Series(FORM),
        {name: set(hours) for name, hours in FORM.items()},
        {name: tuple(map(float, hours)) for name, hours in FORM.items()},
        FORM | {"CRSDepTime": np.array([4, 24, 48]), OTHER: 4, "TailNum": None},
        FORM | {"WeatherDelay": (), "FlightNum": {}, OTHER: {4.0}, FORECAST: range(4, 25, 20)},
    ],
    "10.2": [
        late_before,
        in_a_loop,
        sorted_first,
        as_table,
        AsObject(),
        by_merge,
        with_all_days,
        from_text_labels,
        lambda rows: late_before(rows).sample(frac=1, random_state=1),
    ],
    "10.3": [
        findings(*PLANTED),
        pd.DataFrame(findings(*PLANTED)).assign(severity="stop"),
        [*findings(*PLANTED[:1], *PLANTED[2:]), {"check": "feedback", "where": "IsDepDelayed, warned"}],
        PLANTED,
        tuple(pd.Series({"where": [where], "check": check}) for check, where in PLANTED[::-1]),
        findings(*ALARMS, PLANTED[0]),
        [[check, f" {where} "] for check, where in PLANTED],
        pd.DataFrame(findings(*PLANTED), index=list("abcdef"))[["where", "check"]],
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
        (FORM | {"tailnum": []}, "names of the form unchanged"),
        (FORM | {FORECAST: [48]}, "once it is issued"),
        (FORM | {OTHER: []}, "another flight"),
        (FORM | {"TailNum": False}, "an empty list means never"),
        (FORM | {"CRSDepTime": "48, 24, 4"}, "as numbers"),
    ],
    "10.2": [
        (whole_day, "no one knows the evening"),
        (other_flights_of_the_day, "no one knows the evening"),
        (today_included, "no one knows the evening"),
        (all_days, "days before its own"),
        (any_airport, "its own origin"),
        (cancelled_on_time, "count flights with a label"),
        (zero_at_first, "missing is an honest answer"),
        (yesterday, "all earlier days"),
        (lambda rows: late_before(rows).mean(), "same row labels"),
        (lambda rows: rows["NoSuchColumn"], "which names, keys or positions"),
        (base_rate_at_first, "missing is an honest answer"),
        (shares_of_days, "divide sums, not shares"),
        (day_of_month, "the whole date"),
        (this_month_only, "of earlier months too"),
        (earlier_departures, "no one knows the evening"),
        (rows_above, "rows need not be in order"),
        (more_than_15, "from how many minutes"),
        (late_flights, "divided by which flights"),
        (lambda rows: 1 - late_before(rows), "which of the two outcomes"),
        (lambda rows: 100 * late_before(rows), "a number between 0 and 1"),
        (lambda rows: late_before(rows) * np.nan, "what your function computes on the way"),
        (lambda rows: late_before(rows).astype(str), "a missing one is NaN"),
        (lambda rows: late_before(rows).to_numpy(), "same row labels"),
        (spoils_its_argument, "work on a copy"),
        (endless, "does your loop end"),
        (lambda rows: print(late_before(rows)), "hand the result back"),
        (lambda: 0.2, "keep the arguments"),
        (lambda rows: late_before(rows).reset_index(drop=True), "give the Series those of `rows`"),
        (0.24, "define a function"),
    ],
    "10.3": [
        (findings(*PLANTED, *UNNEEDED), "could do without a column"),
        (findings(*PLANTED[:3]), "no other check explains"),
        (findings(*PLANTED[:5], *UNNEEDED), "could do without"),
        (findings(*ALARMS), "another check's name"),
        (findings(*ALARMS[:5], ("semantic", "temp")), "another check's name"),
        (findings(*ALARMS[1:]), "does not explain its fault"),
        (findings(*PLANTED, UNNEEDED[0]), "clean flights have it too"),
        (findings(*PLANTED, ("correlated", "Distance, CRSElapsedTime")), "show the same"),
        (findings(*PLANTED, ("vocabulary", "Dest")), "show the same"),
        (findings(*PLANTED[:5], ("variance", ["season_code", "Dest"])), "show the same"),
        (findings(*PLANTED, ("changes", "")), "where to look"),
        (findings(*PLANTED, ("changes", "temperature")), "spell the columns"),
        ([], "no other check explains"),
        (findings(*[("labels", where) for _, where in PLANTED]), "another check's name"),
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
    assert {*audit.delivery.inputs, "IsDepDelayed", "warned"} == set(task["columns"])


def test_the_form_agrees_with_the_dictionary():
    """The right answers to the form agree with the data dictionary."""
    words = dictionary.load()
    for signal in tables.read_toml("pitfalls.toml")["10.1"]["signal"]:
        if signal["name"] in words.index:
            usable = [hours for hours in (48, 24, 4) if signal["name"] in dictionary.admissible(hours)]
            assert signal["hours"] == usable
