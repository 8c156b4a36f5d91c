"""The time machine: what is known on which day, and what changes when some days are played again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from course_utils.data import dictionary, faults, features, splits
from course_utils.errors import DataError, UsageError
from course_utils.model import training
from course_utils.operate import backtest

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST, LAST = "2013-01-20", "2013-01-23"


@pytest.fixture(scope="module")
def winter(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the flights of January: enough for every input."""
    some = flights[flights["Month"] == 1]
    some.attrs = dict(flights.attrs)
    return some


@pytest.fixture(scope="module")
def fit(winter: pd.DataFrame) -> training.Fit:
    """Fit a small model to the first days."""
    left = winter[winter["DepDelay"].notna()]
    parts = [left[left["DayofMonth"].between(*days)] for days in ((1, 12), (13, 15), (16, 31))]
    return training.train_xgboost(
        splits.Split(*parts, "January"), features.as_of(winter, 3), rounds=30, early_stopping=None
    )


@pytest.fixture
def machine(winter: pd.DataFrame, fit: training.Fit) -> backtest.Backtest:
    return backtest.Backtest(winter, fit)


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Say whether two frames hold the same values; categories may be listed otherwise."""
    plain = [frame.astype(dict.fromkeys(frame.select_dtypes("category"), object)) for frame in (one, other)]
    return plain[0].equals(plain[1])


def test_a_day_holds_requests_and_the_file_of_the_day_before(machine):
    """Each day every scheduled flight is asked about, and yesterday's outcomes arrive with what was said of them."""
    days = [machine.step() for _ in range(3)]
    assert [day.date for day in days] == ["2013-01-01", "2013-01-02", "2013-01-03"]
    assert len(days[0].labels) == 0 and days[0].awaited == 0
    for before, day in pairwise(days):
        assert len(day.rows) == day.scheduled and day.awaited == len(before.rows)
        assert day.labels.index.equals(before.rows.index)
        assert day.labels["probability"].equals(before.rows["probability"])
        assert (day.labels["day"] == pd.Timestamp(day.date)).all() and (day.labels["due"] == day.labels["day"]).all()
        assert set(dictionary.load().index) < set(day.labels.columns)
    assert repr(days[1]) == f"2013-01-02: {days[1].scheduled:,} requests, {days[0].scheduled:,} labels"
    assert repr(machine) == "Backtest(2013-01-01 to 2013-01-31, before 2013-01-04)"


def test_a_request_holds_nothing_that_comes_later(machine, winter):
    """Among what the service is asked with is no outcome, nor the tail number; it is asked three hours ahead."""
    day = machine.day(FIRST)
    rule = dictionary.load()
    raw = [name for name in day.rows.columns if name in rule.index]
    assert "Origin" in raw and (rule.loc[raw, "known_hours_before"] >= 3).all()
    ahead = features.known_at(winter.loc[day.rows.index], "IsDepDelayed") - day.rows["asked_at"]
    assert (ahead == pd.Timedelta(hours=3, minutes=15)).all()
    assert set(machine.inputs) < set(day.rows.columns)


def test_the_future_is_not_needed(machine, winter, fit):
    """Without the outcomes of a day and those after it, its requests are the same, to the last digit."""
    unknown = winter.copy()
    later = splits.day(winter) >= FIRST
    unknown.loc[later, ["DepDelay", "ArrDelay", "DepTime", "ArrTime", "TailNum", "IsDepDelayed"]] = np.nan
    unknown.attrs = dict(winter.attrs)
    blind = backtest.Backtest(unknown, fit.scorer)
    morning = machine.day(FIRST).rows["CRSDepTime"] < 800  # later ones know of the first departures
    for other in (blind.day("2013-01-19").rows, blind.day(FIRST).rows[morning]):
        assert same(other, machine.day(str(other["day"].iloc[0].date())).rows.loc[other.index])


def test_the_same_year_twice(winter, fit):
    """Two machines of one seed agree; another seed changes how long answers take and nothing else."""
    rows = [backtest.Backtest(winter, fit, seed=seed).day(FIRST).rows for seed in (1, 1, 2)]
    assert rows[0].equals(rows[1])
    assert not rows[0]["latency_ms"].equals(rows[2]["latency_ms"])
    assert rows[0].drop(columns="latency_ms").equals(rows[2].drop(columns="latency_ms"))


def test_shuffled_flights_are_played_in_order(machine, winter, fit):
    """In which order the flights are given does not matter."""
    mixed = winter.sample(frac=1, random_state=0)
    mixed.attrs = dict(winter.attrs)
    days = [one.day(FIRST).rows for one in (backtest.Backtest(mixed, fit), machine)]
    assert same(*(rows.drop(columns="latency_ms").sort_index() for rows in days))


def test_labels_can_take_longer(winter, fit):
    """With a delay of three days, the file of a day is that of three days before."""
    machine = backtest.Backtest(winter, fit, label_delay_days=3, start="2013-01-10", until="2013-01-12")
    days = machine.run()
    assert [day.date for day in days] == ["2013-01-10", "2013-01-11", "2013-01-12"]
    assert (splits.day(days[0].labels) == "2013-01-07").all()


def test_pause_and_resume(machine):
    """A run ends after the day on which it is paused, and a later one goes on from there."""
    seen = []

    def look(day: backtest.Day) -> None:
        seen.append(day.date)
        if day.date == "2013-01-03":
            machine.pause()

    assert len(machine.run("2013-01-09", each=look, days_a_second=1e6)) == 3
    assert machine.today == "2013-01-04"
    assert [day.date for day in machine.run("2013-01-05")] == ["2013-01-04", "2013-01-05"]
    assert seen == ["2013-01-01", "2013-01-02", "2013-01-03"]
    assert len(machine.run()) == 26 and machine.today is None and repr(machine).endswith("at the end)")
    with pytest.raises(UsageError, match="rewind"):
        machine.step()
    machine.rewind("2013-01-30")
    assert machine.step().date == "2013-01-30"
    machine.rewind()
    assert machine.today == "2013-01-01"


def test_save_and_load(machine, winter, fit, tmp_path):
    """A saved machine goes on where it stood; other flights, or a file of something else, are refused."""
    machine.run("2013-01-05")
    file = machine.save(tmp_path / "new" / "state.json")
    again = backtest.Backtest.load(file, winter, fit)
    assert again.today == "2013-01-06" and same(again.step().rows, machine.step().rows)
    other = winter.assign(DepDelay=winter["DepDelay"] + 1)
    other.attrs = dict(winter.attrs)
    with pytest.raises(DataError, match=r"state.json: was saved with other flights"):
        backtest.Backtest.load(file, other, fit)
    file.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="is not a saved backtest"):
        backtest.Backtest.load(file, winter, fit)
    assert [path.name for path in file.parent.iterdir()] == ["state.json"]


def test_a_service_is_asked_once(winter, fit, tmp_path):
    """A service gets each day's inputs once; the file repeats its answers, and what it misses stays missing."""
    asked = []

    def service(rows: pd.DataFrame) -> list[float]:
        asked.append(rows)
        return [float("nan"), *[0.25] * (len(rows) - 1)]

    machine = backtest.Backtest(winter, fit, predict=service)
    days = machine.run("2013-01-02")
    machine.day("2013-01-01")
    assert len(asked) == 2 and list(asked[0].columns) == machine.inputs
    assert days[1].labels["probability"].isna().sum() == 1 and days[1].labels["probability"].iloc[1] == 0.25
    assert (days[0].rows["latency_ms"] > 0).all()
    with pytest.raises(UsageError, match="cannot be saved"):
        machine.save(tmp_path / "state.json")
    short = backtest.Backtest(winter, fit, predict=lambda rows: rows["Distance"].head(3))
    with pytest.raises(DataError, match="3 answers to"):
        short.step()


def test_scores_that_are_known_already(winter, fit):
    """Scores that are passed in replace those of the model."""
    known = pd.Series(0.5, winter.index[:10])
    probability = backtest.Backtest(winter, fit, scores=known).day("2013-01-01").rows["probability"]
    plain = backtest.Backtest(winter, fit).day("2013-01-01").rows["probability"]
    assert (probability.loc[known.index] == 0.5).all() and probability.iloc[10:].equals(plain.iloc[10:])


def test_days_at_once(machine):
    """Several days in one table hold what they hold one by one."""
    rows, labels, scheduled, awaited = machine.table(FIRST, LAST)
    days = [machine.day(str(day.date())) for day in scheduled.index]
    assert same(rows, pd.concat([day.rows for day in days])) and same(labels, pd.concat([day.labels for day in days]))
    assert scheduled.tolist() == [day.scheduled for day in days] and awaited.tolist() == [day.awaited for day in days]


# --------------------------------------------------------------------------- played again


def test_a_faulty_delivery_is_scored_again(machine):
    """Requests of faulty days get new answers, which the files after them repeat; all else stays as it was."""
    before = machine.day(FIRST)
    days = machine.replay(FIRST, LAST, requests=lambda rows: faults.plant("minutes_of_day", rows, 0)[0])
    assert [day.date for day in days] == ["2013-01-20", "2013-01-21", "2013-01-22", "2013-01-23", "2013-01-24"]
    first, last = days[0], days[-1]
    assert (first.rows["CRSDepTime"] != before.rows["CRSDepTime"]).mean() > 0.9
    assert (first.rows["probability"] != before.rows["probability"]).mean() > 0.1
    assert np.array_equal(first.rows["probability"], machine.scorer.score(first.rows))
    assert first.labels.equals(before.labels)
    assert days[1].labels["probability"].equals(first.rows["probability"])
    assert days[1].labels["CRSDepTime"].equals(machine.day("2013-01-21").labels["CRSDepTime"])
    assert same(last.rows, machine.day("2013-01-24").rows)
    assert machine.day(FIRST).rows.equals(before.rows) and machine.today == "2013-01-01"


def test_flights_that_come_twice(machine):
    """Requests that were added have labels that no flight has, and no outcome comes for them."""
    days = machine.replay(FIRST, FIRST, requests=lambda rows: faults.plant("duplicated", rows, 0)[0])
    assert len(days[0].rows) > days[0].scheduled and days[0].rows.index.is_unique
    added = days[0].rows.index.difference(machine.day(FIRST).rows.index)
    assert len(added) and not added.isin(machine.flights.index).any()
    assert len(days[1].labels) == days[1].awaited


def test_requests_that_are_lost(machine):
    """A request that never came has an outcome, but no answer."""
    days = machine.replay(FIRST, FIRST, requests=lambda rows: rows.iloc[10:])
    assert len(days[0].rows) == days[0].scheduled - 10
    assert days[1].labels["probability"].isna().sum() == 10 and len(days[1].labels) == days[1].awaited


def test_labels_that_are_late(machine):
    """Files that are three days late arrive then, beside those of that day."""
    days = machine.replay(FIRST, FIRST, labels=lambda rows: rows.assign(day=rows["day"] + pd.Timedelta(days=3)))
    assert [len(day.labels) > 0 for day in days] == [False, True, True, True]
    assert len(days[3].labels) == days[3].awaited + days[0].awaited
    assert days[0].awaited == machine.day(FIRST).awaited


def test_labels_that_are_lost(machine):
    """Of a file of which half is lost the other half arrives."""
    days = machine.replay(FIRST, LAST, labels=lambda rows: rows.iloc[::2])
    held = [len(day.labels) / day.awaited for day in days]
    assert np.allclose(held[:4], 0.5, atol=0.01) and held[4] == 1


def worse(rows: pd.DataFrame) -> pd.DataFrame:
    """Make all flights of Newark an hour late."""
    return rows.assign(DepDelay=rows["DepDelay"].mask(rows["Origin"].astype(str) == "EWR", 60.0))


def test_another_world_is_felt_by_the_inputs(machine, winter, fit):
    """Played again with other outcomes, days are as if all had been computed with them from the start."""
    now = splits.day(winter).between(FIRST, LAST)
    changed = pd.concat([winter[~now], worse(winter[now])]).loc[winter.index]
    changed.attrs = dict(winter.attrs)
    whole = backtest.Backtest(changed, fit.scorer)
    again = machine.replay(FIRST, LAST, outcomes=worse)
    for day in again:
        assert same(day.rows, whole.day(day.date).rows) and same(day.labels, whole.day(day.date).labels)
    assert not same(again[1].rows, machine.day("2013-01-21").rows)


def test_another_model_answers(machine):
    """A model that is promoted for some days answers on these, and on no others."""
    days = machine.replay(FIRST, LAST, predict=lambda rows: np.full(len(rows), 0.125))
    assert all((day.rows["probability"] == 0.125).all() for day in days[:4])
    assert same(days[4].rows, machine.day("2013-01-24").rows)
    assert (days[4].labels["probability"] == 0.125).all() and not (days[0].labels["probability"] == 0.125).any()


REFUSED: dict[str, tuple[Callable[[backtest.Backtest], object], str]] = {
    "a day that it lacks": (lambda machine: machine.day("2013-02-01"), "has no day '2013-02-01'"),
    "no change": (lambda machine: machine.replay(FIRST, LAST), "no change is given"),
    "a lost column": (
        lambda machine: machine.replay(FIRST, FIRST, requests=lambda rows: rows.drop(columns="temp")),
        "column temp",
    ),
    "flights that never were": (
        lambda machine: machine.replay(FIRST, FIRST, outcomes=lambda rows: rows.head()),
        "returned other rows",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(machine, case):
    """What cannot be replayed is refused with a message on how to fix it."""
    play, words = REFUSED[case]
    with pytest.raises((UsageError, DataError), match=words):
        play(machine)


def test_what_cannot_be_made(winter, fit):
    """A machine needs a year, days in it, a delay that can be waited for and a horizon before departure."""
    for options in ({"label_delay_days": 0}, {"label_delay_days": 1.5}, {"start": "2014-01-01"}, {"horizon": -1}):
        with pytest.raises(UsageError):
            backtest.Backtest(winter, fit, **options)
    sample = winter.head()
    sample.attrs["dataset"] = "allyears2k"
    with pytest.raises(UsageError, match="nyc2013"):
        backtest.Backtest(sample, fit)


def test_flights_that_leave_late_arrive_late_and_have_the_label(winter):
    """Only the chosen flights change, and departure, arrival and label agree."""
    few = winter[winter["DepDelay"].between(-5, 5)].head(3)
    late = backtest.with_departure_delay(few, np.array([True, False, False]), np.array([40, 40, 40]))
    assert late["DepDelay"].tolist() == [40, *few["DepDelay"].iloc[1:]]
    assert (late["ArrDelay"] - few["ArrDelay"]).tolist() == (late["DepDelay"] - few["DepDelay"]).tolist()
    assert late["IsDepDelayed"].tolist() == ["YES", "NO", "NO"] and late.attrs == few.attrs


def test_a_small_backtest_plays_the_days_that_it_is_given(winter):
    """A few days and a small model are enough to try things out."""
    machine = backtest.small_backtest(winter.head(2000), rounds=2)
    assert machine.days == ["2013-01-01", "2013-01-02", "2013-01-03"]
    assert machine.step().rows["probability"].between(0, 1).all()


# --------------------------------------------------------------------------- models


@pytest.fixture(scope="module")
def thin(flights: pd.DataFrame) -> pd.DataFrame:
    """Return every fortieth flight of the year."""
    some = flights.iloc[::40]
    some.attrs = dict(flights.attrs)
    return some


def test_the_service_learnt_before_june(thin, tmp_path, monkeypatch):
    """The model that goes live knows nothing of June or later, and is kept for the next time."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    inputs = features.schedule(thin)
    fit = backtest.service_model(thin, inputs)
    later = thin.assign(DepDelay=thin["DepDelay"].where(thin["Month"] < 6, 99.0))
    later.attrs = dict(thin.attrs)
    assert fit.scorer.card["trained on"]["flights"] == (thin["DepDelay"].notna() & (thin["Month"] < 5)).sum()
    assert np.array_equal(backtest.service_model(later, inputs).predict(thin), fit.predict(thin))
    assert len(list((tmp_path / "processed" / "models").iterdir())) == 1


def test_quiet_months_are_scored_by_models_that_have_not_seen_them(thin):
    """Turning the labels of one month round changes the scores of the others, and not its own."""
    inputs = features.schedule(thin)
    plain = backtest.unseen_scores(thin, inputs, rounds=3)
    turned = thin.assign(DepDelay=thin["DepDelay"].where(thin["Month"] != 3, 30 - thin["DepDelay"]))
    other = backtest.unseen_scores(turned, inputs, rounds=3)
    march = thin.loc[plain.index, "Month"] == 3
    assert set(thin.loc[plain.index, "Month"]) == {1, 2, 3, 4, 5}
    assert plain[march].equals(other[march]) and not plain[~march].equals(other[~march])
