"""The year again: who knows what on which morning, and what a guard stops."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd
import pytest

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.model import metrics, online_learning, training
from course_utils.model.online_learning import alternatives
from course_utils.model.online_learning.checks import (
    as_day,
    as_probabilities,
    check_columns,
    check_count,
    check_lines,
    check_positive,
    scored,
)
from course_utils.model.online_learning.progressive import check_delay

pytestmark = pytest.mark.slow  # models fitted along a year: seconds, with the whole file

DAYS, EACH = 60, 40
START = "2013-02-01"


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """2,400 flights of January and February 2013; carrier XX is late in January, YY in February."""
    rng = np.random.default_rng(0)
    dates = np.repeat(pd.date_range("2013-01-01", periods=DAYS), EACH)
    carrier = rng.choice(["XX", "YY"], len(dates))
    made = pd.DataFrame(
        {
            "Year": dates.year,
            "Month": dates.month,
            "DayofMonth": dates.day,
            "DayOfWeek": dates.dayofweek + 1,
            "CRSDepTime": rng.integers(5, 24, len(dates)) * 100 + 15,
            "CRSArrTime": rng.integers(5, 24, len(dates)) * 100,
            "UniqueCarrier": carrier,
            "CRSElapsedTime": 120,
            "Origin": "EWR",
            "Dest": rng.choice(["LAX", "ORD"], len(dates)),
            "Distance": 700,
        }
    )
    chance = np.where((carrier == "XX") == (made["Month"] == 1), 0.7, 0.1)
    made["DepDelay"] = np.where(rng.random(len(dates)) < chance, 40.0, 0.0)
    made.loc[7, "DepDelay"] = np.nan
    made.attrs["dataset"] = "nyc2013"
    return made


@pytest.fixture(scope="module")
def inputs(flights: pd.DataFrame) -> pd.DataFrame:
    return online_learning.timetable(flights)


@pytest.fixture(scope="module")
def given(flights: pd.DataFrame, inputs: pd.DataFrame) -> online_learning.Stream:
    return online_learning.stream(flights, inputs)


def spoilt(given: online_learning.Stream, first: str) -> online_learning.Stream:
    """Return the stream with other labels from a day on."""
    late = given.after(first)
    turned = [line.removeprefix("-") if line.startswith("-") else f"-{line}" for line in given.lines]
    lines = [
        turned[place] if later else line for place, (line, later) in enumerate(zip(given.lines, late, strict=True))
    ]
    other = np.where(late, 1 - given.late, given.late)
    return online_learning.Stream(lines, other, given.days, given.rows.assign(DepDelay=40 * other))


def test_a_stream_holds_flights_that_left_in_order_of_their_day(flights, inputs, given):
    """Shuffled flights come out in order, those without a label left out, with clock times as hours."""
    mixed = online_learning.stream(flights.sample(frac=1, random_state=0), inputs)
    assert len(given.lines) == len(flights) - 1 and 7 not in given.rows.index
    assert (np.diff(mixed.days).astype(int) >= 0).all() and sorted(mixed.lines) == sorted(given.lines)
    assert re.fullmatch(
        r"-?1 \|hour hour=\d+ \|arrival arrival_hour=\d+ \|weekday DayOfWeek=2 \|carrier UniqueCarrier=.. "
        r"\|origin Origin=EWR \|dest Dest=... \|numbers CRSElapsedTime:120 Distance:700",
        given.lines[0],
    )
    assert [line[0] != "-" for line in given.lines] == (given.late == 1).tolist()
    assert repr(given) == f"2,399 flights on 60 days, {given.late.mean():.1%} late"


def test_namespaces_can_be_chosen(flights, inputs):
    """I can put columns together and leave others out; other inputs go into the namespace of numbers."""
    few = online_learning.stream(flights, inputs, {"when": ["hour", "DayOfWeek"], "who": "UniqueCarrier"})
    assert re.fullmatch(r"-?1 \|when hour=\d+ DayOfWeek=2 \|who UniqueCarrier=..", few.lines[0])
    more = online_learning.stream(flights, inputs.assign(rate=0.25))
    assert more.lines[0].endswith("|numbers CRSElapsedTime:120 Distance:700 rate:0.25")
    with pytest.raises(DataError, match="a flight has no inputs"):
        online_learning.stream(flights, inputs.tail(10))
    with pytest.raises(UsageError, match="the file has no column 'tail'"):
        online_learning.stream(flights, inputs, {"plane": ["tail"]})


def test_a_sample_has_all_days(flights):
    """A fifth of the flights is a fifth of each day."""
    assert set(
        online_learning.every_nth_flight(flights, len(flights) // 5).groupby(["Month", "DayofMonth"]).size()
    ) == {EACH // 5}
    assert len(online_learning.every_nth_flight(flights, 10 * len(flights))) == len(flights)
    with pytest.raises(UsageError, match="rows=0 is not a number of flights"):
        online_learning.every_nth_flight(flights, 0)


def test_the_first_days(flights, given):
    """I can keep the flights of the first days, and see which days a stream has."""
    assert given.calendar[0] == "2013-01-01" and len(given.calendar) == DAYS
    few = online_learning.first_days(flights, 3)
    assert few["DayofMonth"].unique().tolist() == [1, 2, 3] and len(few) == 3 * EACH
    assert online_learning.comparison_start(flights) == "2013-04-01"


@pytest.mark.parametrize("delay", [0, 1, 7])
def test_no_prediction_knows_a_label_before_it_arrives(given, delay):
    """With labels that arrive days later, a change of labels shows in no prediction before that."""
    first = "2013-02-10"
    before, after = (
        online_learning.replay(given, delay=delay),
        online_learning.replay(spoilt(given, first), delay=delay),
    )
    changed = given.days[before != after]
    assert changed.min() == np.datetime64(first) + delay
    if delay == 0:  # the first flight of the day is predicted as before
        assert (before == after)[given.after(first)][0]


def test_a_static_learner_learns_nothing_from_its_day_on(given):
    """A static learner ignores labels from its last day on, and uses the earlier ones."""
    still = online_learning.replay(given, until=START)
    assert np.array_equal(still, online_learning.replay(spoilt(given, START), until=START))
    assert not np.array_equal(still, online_learning.replay(spoilt(given, "2013-01-20"), until=START))
    assert np.array_equal(still[~given.after(START)], online_learning.replay(given)[~given.after(START)])
    at_once = online_learning.replay(given, delay=0, until=START)
    assert np.array_equal(at_once[~given.after(START)], online_learning.replay(given, delay=0)[~given.after(START)])
    assert np.array_equal(at_once, online_learning.replay(spoilt(given, START), delay=0, until=START))


def test_the_online_learner_follows_a_change_that_the_static_one_misses(given):
    """When carriers change places in February, only the learner that goes on learning notices."""
    counts, quick = given.after("2013-02-15"), "--loss_function logistic -l 0.5 --power_t 0"
    online, still = (online_learning.replay(given, quick, until=until)[counts] for until in (None, START))
    online, still = (metrics.auc(given.late[counts], p) for p in (online, still))
    assert online > 0.75 and still < 0.3


def test_predictions_are_those_of_learning_by_hand(given):
    """The single run over a file gives the predictions of a loop: predict the day, learn yesterday."""
    with online_learning.Learner() as learner:
        found = []
        for day in np.unique(given.days)[:20]:
            learner.learn([given.lines[place] for place in np.flatnonzero(given.days == day - 1)])
            found.append(learner.predict([given.lines[place] for place in np.flatnonzero(given.days == day)]))
    wanted = online_learning.replay(given)[: sum(map(len, found))]
    assert np.concatenate(found) == pytest.approx(wanted, abs=1e-5)  # VW prints six digits


@pytest.mark.parametrize("delay", [-1, 0.5, True])
def test_a_delay_is_a_number_of_days(given, delay):
    """Half a day or a negative one is refused."""
    for call in (lambda: online_learning.replay(given, delay=delay), lambda: check_delay(delay)):
        with pytest.raises(UsageError, match=r"is not a number of days.*give whole days"):
            call()


def test_settings_are_compared_for_each_delay(given):
    """I get one row for each setting and one column for each delay, with the log-loss that `replay` gives."""
    table = online_learning.compare_label_delays(
        given, {"small": online_learning.OPTIONS, "large": "--loss_function logistic -l 1"}, [0, 1], START
    )
    assert table.index.tolist() == ["small", "large"] and table.columns.tolist() == ["at once", "1 day"]
    counts = given.after(START)
    assert table.loc["small", "1 day"] == pytest.approx(
        metrics.log_loss(given.late[counts], online_learning.replay(given)[counts]), abs=1e-4
    )


def test_the_table_knows_no_more_than_has_arrived(flights, given):
    """The mean of a key moves when its labels have arrived, not before; what is old counts less."""
    keys = flights["UniqueCarrier"]
    before = online_learning.online_rate_table(given, keys, half_life=5)
    changed = given.days[before != online_learning.online_rate_table(spoilt(given, "2013-02-10"), keys, half_life=5)]
    assert changed.min() == np.datetime64("2013-02-11")
    last = given.days == given.days[-1]
    xx = (given.rows["UniqueCarrier"] == "XX").to_numpy()
    assert before[last & xx].mean() < 0.25 < 0.5 < before[last & ~xx].mean()
    assert online_learning.online_rate_table(given, keys, half_life=1e6, prior=0)[last & xx].mean() == pytest.approx(
        given.late[xx & ~last].mean(), abs=1e-4
    )
    with pytest.raises(UsageError, match="delay=0 is not a number of days"):
        online_learning.online_rate_table(given, keys, delay=0)


def test_xgboost_static_and_monthly_know_what_came_before(given, inputs):
    """The static model is that of the training months; the monthly one is the same in its first month."""
    still = online_learning.train_once(given, inputs, "2013-01-20", rounds=5, min_child_weight=1)
    assert np.array_equal(
        still,
        online_learning.train_once(spoilt(given, "2013-01-20"), inputs, "2013-01-20", rounds=5, min_child_weight=1),
    )
    monthly = online_learning.train_monthly(given, inputs, "2013-01-20", rounds=5, min_child_weight=1)
    february = given.after(START)
    assert np.array_equal(still[~february], monthly[~february]) and not np.array_equal(still, monthly)
    other = online_learning.train_monthly(spoilt(given, START), inputs, "2013-01-20", rounds=5, min_child_weight=1)
    march = given.after("2013-03-01")
    assert np.array_equal(monthly[~march], other[~march]) and not np.array_equal(monthly[march], other[march])
    with pytest.raises(UsageError, match="nothing to learn from"):
        online_learning.train_once(given, inputs, "2013-01-01")


def test_an_intercept_from_the_last_days_brings_the_mean_back(given):
    """Scores that are far too low are moved to the share late of the days before, and keep their order."""
    low = np.full(len(given.late), 0.05)
    low[given.rows["UniqueCarrier"] == "YY"] = 0.1
    moved = online_learning.recalibrated(given, low, window=7, min_flights=50)
    last = given.days == given.days[-1]
    week = (given.days < given.days[-1]) & (given.days >= given.days[-1] - 7)
    assert moved[last].mean() == pytest.approx(given.late[week].mean(), abs=0.03)
    assert np.array_equal(np.argsort(moved[last], kind="stable"), np.argsort(low[last], kind="stable"))
    early = given.days <= given.days[0] + 1
    assert moved[early] == pytest.approx(low[early])
    changed = given.days[
        moved != online_learning.recalibrated(spoilt(given, "2013-02-10"), low, window=7, min_flights=50)
    ]
    assert changed.min() == np.datetime64("2013-02-11")


def test_weeks_and_totals_say_how_each_learner_did(given):
    """Log-loss, AUC and dollars with their interval, over all days and week by week."""
    scores = {"knows": np.where(given.late == 1, 0.9, 0.1), "coin": np.full(len(given.late), 0.5)}
    total = online_learning.total_loss(given, scores, START)
    assert total.loc["knows", ["log-loss", "AUC"]].tolist() == [0.105, 1.0]
    assert total.loc["knows", "dollars"] == 100_000 and total.loc["coin", "dollars"] < 0
    weeks = online_learning.loss_by_week(given, scores, START)
    assert weeks["week"].unique().tolist() == ["2013-02-01", "2013-02-08", "2013-02-15", "2013-02-22", "2013-03-01"]
    assert weeks.groupby("learner")["flights"].sum().tolist() == [given.after(START).sum()] * 2
    coin = weeks[weeks["learner"] == "coin"]
    assert (coin["log-loss"] == 0.6931).all()
    assert online_learning.weeks_side_by_side(weeks)["coin"].tolist() == [0.6931] * 5
    assert online_learning.weeks_side_by_side(weeks, "dollars").index[1] == pd.Timestamp("2013-02-08")
    full = coin.dropna()
    assert len(full) == 4 and (full["low"] < full["dollars"]).all() and (full["dollars"] < full["high"]).all()


def test_a_learner_can_be_put_back_bit_for_bit(given):
    """After a rollback the learner predicts, and goes on learning, as if the batch had never come."""
    first, second, asked = given.lines[:500], given.lines[500:900], given.lines[900:1_000]
    with online_learning.Learner() as learner, online_learning.Learner() as twin:
        learner.learn(first)
        twin.learn(first)
        kept, before = learner.snapshot(), learner.predict(asked)
        learner.learn(spoilt(given, "2013-01-01").lines[500:900])
        assert not np.array_equal(learner.predict(asked), before)
        learner.rollback(kept)
        assert np.array_equal(learner.predict(asked), before)
        learner.learn(second)
        twin.learn(second)
        assert np.array_equal(learner.predict(asked), twin.predict(asked))


def test_a_learner_must_name_its_loss_function():
    """VW does not save the loss function with a model, so it must be named."""
    with pytest.raises(UsageError, match="the loss function is not named"):
        online_learning.Learner("-l 0.1")
    with pytest.raises(UsageError, match="VW refuses"):
        online_learning.Learner("--loss_function nope")


def test_a_guard_takes_back_what_does_harm(given):
    """A day with swapped labels is refused, and leaves the learner as it was before that day."""
    days, bad = given.days < np.datetime64("2013-02-01"), "2013-01-25"
    january = online_learning.Stream(
        [line for line, kept in zip(given.lines, days, strict=True) if kept],
        given.late[days], given.days[days], given.rows[days],
    )  # fmt: skip
    open_ = online_learning.learn_guarded(january, spoiled=[bad], canary=300)
    assert open_.batches["harm"].idxmax() == bad and open_.refused == []
    assert (open_.batches["harm"] == 0).tolist() == [True] * 8 + [False] * 22  # until there are 300 flights to look at
    closed = online_learning.learn_guarded(
        january, spoiled=[bad], canary=300, limit=float(open_.batches["harm"].drop(bad).max()) + 1e-6
    )
    assert (
        isinstance(closed, online_learning.GuardedRun)
        and closed.refused == [bad]
        and repr(closed) == f"30 batches, 1 refused: {bad}"
    )
    after = january.after("2013-01-26")
    losses = [metrics.log_loss(january.late[after], run.predictions[after]) for run in (open_, closed)]
    assert losses[1] < losses[0]
    assert np.array_equal(open_.predictions[~after], closed.predictions[~after])
    assert online_learning.learn_guarded(january).predictions == pytest.approx(
        online_learning.replay(january), abs=1e-5
    )


def test_a_batch_is_tried_and_taken_back(given):
    """A batch whose harm is above the limit is rolled back; its harm is returned in either case."""
    good, bad, late = given.lines[:800], spoilt(given, "2013-01-01").lines[800:1_000], given.late[:300]
    with online_learning.Learner() as learner:
        assert online_learning.learn_or_roll_back(learner, good, [], np.array([]), 0.0) == (0.0, True)
        before = learner.predict(given.lines[:300])
        harm, learnt = online_learning.learn_or_roll_back(learner, bad, given.lines[:300], late, 0.001)
        assert harm > 0.001 and not learnt and np.array_equal(learner.predict(given.lines[:300]), before)
        assert online_learning.learn_or_roll_back(learner, bad, given.lines[:300], late, None) == (harm, True)
        assert metrics.log_loss(late, learner.predict(given.lines[:300])) == pytest.approx(
            metrics.log_loss(late, before) + harm
        )


def test_a_snapshot_of_something_else_is_refused():
    """Bytes that are not a model, or one of a learner with other options, cannot be restored; the learner goes on."""
    other = "--loss_function logistic -b 10"
    with online_learning.Learner() as learner, online_learning.Learner(other) as stranger:
        kept = learner.snapshot()
        for wrong in (b"no model", "text", None, stranger.snapshot()):
            with pytest.raises(UsageError, match="not the snapshot of a learner with these options"):
                learner.rollback(wrong)
        with pytest.raises(UsageError, match="VW refuses"):
            learner.rollback(kept.split(b"\n")[0] + b"\nno model")
        assert learner.predict(["|f Dest=LAX"]).item() == 0.5


def test_a_guard_must_be_possible(given):
    """A negative limit or a day without flights is refused."""
    with pytest.raises(UsageError, match="accepts no batch"):
        online_learning.learn_guarded(given, limit=-0.1)
    with pytest.raises(UsageError, match="no flight leaves on 2014-01-01"):
        online_learning.learn_guarded(given, spoiled=["2014-01-01"])


WRONG = {
    "not a day": lambda s, f, t: s.after("soon"),
    "start='2013-13-01' is not a day": lambda s, f, t: online_learning.total_loss(s, half(s), "2013-13-01"),
    "start=None is not a day": lambda s, f, t: online_learning.loss_by_week(s, half(s), None),
    "until='soon' is not a day": lambda s, f, t: online_learning.replay(s, until="soon"),
    "until='never' is not a day": lambda s, f, t: online_learning.train_once(s, t, "never", rounds=1),
    "column CRSDepTime: is missing in the flights": lambda s, f, t: online_learning.timetable(
        f.drop(columns="CRSDepTime")
    ),
    "column CRSArrTime: is not a number": lambda s, f, t: online_learning.timetable(f.assign(CRSArrTime="9 am")),
    "column DepDelay: is missing in the flights": lambda s, f, t: online_learning.stream(f.drop(columns="DepDelay"), t),
    "the inputs are of the type list, not a table": lambda s, f, t: online_learning.stream(f, [1]),
    "two flights have the row label 0": lambda s, f, t: online_learning.stream(pd.concat([f, f]), t),
    "two inputs have the row label 0": lambda s, f, t: online_learning.stream(f, pd.concat([t, t])),
    "column Year, row 0: holds no value": lambda s, f, t: online_learning.stream(f.assign(Year=np.nan), t),
    "has no row with a label": lambda s, f, t: online_learning.stream(f.assign(DepDelay=np.nan), t),
    "column Distance, row 0: holds 'inf'": lambda s, f, t: online_learning.stream(f, t.assign(Distance=np.inf)),
    "rows=2.5 is not a number of flights": lambda s, f, t: online_learning.every_nth_flight(f, 2.5),
    "rows='5' is not": lambda s, f, t: online_learning.every_nth_flight(f, "5"),
    "days=-1 is not a number of days": lambda s, f, t: online_learning.first_days(f, -1),
    "delay=nan is not a number of days": lambda s, f, t: online_learning.replay(s, delay=np.nan),
    "delay=None is not": lambda s, f, t: online_learning.replay(s, delay=None),
    "leave out --passes": lambda s, f, t: online_learning.replay(s, f"{online_learning.OPTIONS} --passes 2 -c"),
    "leave out --oaa": lambda s, f, t: online_learning.replay(s, f"{online_learning.OPTIONS} --oaa 2"),
    "name --loss_function logistic": lambda s, f, t: online_learning.replay(s, "-l 0.1"),
    "there is nothing to compare": lambda s, f, t: online_learning.compare_label_delays(s, {}, [0], START),
    "no flights to score": lambda s, f, t: online_learning.compare_label_delays(
        s, {"a": online_learning.OPTIONS}, [0], "2014-01-01"
    ),
    "column UniqueCarrier, row 5: has no key": lambda s, f, t: online_learning.online_rate_table(
        s, f["UniqueCarrier"].head(5)
    ),
    "two keys have the row label 0": lambda s, f, t: online_learning.online_rate_table(
        s, pd.concat([f["UniqueCarrier"]] * 2)
    ),
    "keys is of the type ndarray": lambda s, f, t: online_learning.online_rate_table(s, f["UniqueCarrier"].to_numpy()),
    "half_life=0 cannot": lambda s, f, t: online_learning.online_rate_table(s, f["UniqueCarrier"], half_life=0),
    "prior=nan cannot": lambda s, f, t: online_learning.online_rate_table(s, f["UniqueCarrier"], prior=np.nan),
    "prior=-5 cannot": lambda s, f, t: online_learning.online_rate_table(s, f["UniqueCarrier"], prior=-5),
    "prior=inf leaves no room": lambda s, f, t: online_learning.online_rate_table(s, f["UniqueCarrier"], prior=np.inf),
    "column probability, row 3: has no probability": lambda s, f, t: online_learning.recalibrated(s, one(s, np.nan)),
    "row 3: holds 40, which is not a probability": lambda s, f, t: online_learning.recalibrated(s, one(s, 40)),
    "has the shape (5,) for 2,399 flights": lambda s, f, t: online_learning.recalibrated(s, one(s, 0)[:5]),
    "holds values that are not numbers": lambda s, f, t: online_learning.recalibrated(s, ["high"] * len(s.late)),
    "window=0 is not a number of days": lambda s, f, t: online_learning.recalibrated(s, one(s, 0), window=0),
    "window=0.5 is not": lambda s, f, t: online_learning.recalibrated(s, one(s, 0), window=0.5),
    "delay=0 is not a number of days": lambda s, f, t: online_learning.recalibrated(s, one(s, 0), delay=0),
    "min_flights=0 is not": lambda s, f, t: online_learning.recalibrated(s, one(s, 0), min_flights=0),
    "scores names no learner": lambda s, f, t: online_learning.total_loss(s, {}, START),
    "column a, row 3: holds -1": lambda s, f, t: online_learning.total_loss(s, {"a": one(s, -1)}, START),
    "column a, row 3: has no probability": lambda s, f, t: online_learning.loss_by_week(s, {"a": one(s, None)}, START),
    "column a: has the shape (4,)": lambda s, f, t: online_learning.loss_by_week(s, {"a": one(s, 0)[:4]}, START),
    "fewer than two blocks": lambda s, f, t: online_learning.total_loss(s, half(s), "2013-03-01"),
    "no flight leaves from 2015-01-01 on": lambda s, f, t: online_learning.loss_by_week(s, half(s), "2015-01-01"),
    "column learner: is missing in the weeks": lambda s, f, t: online_learning.weeks_side_by_side(pd.DataFrame()),
    "value='profit' is not a column": lambda s, f, t: online_learning.weeks_side_by_side(
        online_learning.loss_by_week(s, half(s), START), "profit"
    ),
    "a has the week 2013-02-01 twice": lambda s, f, t: online_learning.weeks_side_by_side(
        pd.concat([online_learning.loss_by_week(s, half(s), START)] * 2)
    ),
    "limit='x' accepts no batch": lambda s, f, t: online_learning.learn_guarded(s, limit="x"),
    "limit=nan accepts no batch": lambda s, f, t: online_learning.learn_guarded(s, limit=np.nan),
    "canary=0 is not a number of flights": lambda s, f, t: online_learning.learn_guarded(s, canary=0),
    "spoiled='2013-01-02' is one text": lambda s, f, t: online_learning.learn_guarded(s, spoiled="2013-01-02"),
    "flights of fewer than two days": lambda s, f, t: online_learning.learn_guarded(
        online_learning.stream(f.head(5), t)
    ),
}


def half(given: online_learning.Stream) -> dict[str, np.ndarray]:
    return {"a": np.full(len(given.late), 0.5)}


def one(given: online_learning.Stream, value: float | None) -> np.ndarray:
    """Return probabilities of which the fourth is another value."""
    made = np.full(len(given.late), 0.5)
    made[3] = np.nan if value is None else value
    return made


@pytest.mark.parametrize("said", WRONG)
def test_what_cannot_be_compared_is_refused_in_plain_words(given, flights, inputs, said):
    """Whatever is empty, missing, infinite, out of range, of another type or there twice is refused by its name."""
    with pytest.raises((DataError, UsageError), match=re.escape(said)):
        WRONG[said](given, flights, inputs)


def test_tables_of_other_types_give_the_same(flights, inputs, given):
    """Arrow's columns, a day with a clock, a list or a Series of probabilities are as good as NumPy's arrays."""
    arrow = online_learning.stream(
        flights.convert_dtypes(dtype_backend="pyarrow"), inputs.convert_dtypes(dtype_backend="pyarrow")
    )
    assert arrow.lines == given.lines
    clock = pd.Timestamp("2013-02-01 18:00", tz="America/New_York")
    assert np.array_equal(given.after(clock), given.after(START))
    flat = half(given)["a"]
    for same in (list(flat), pd.Series(flat, dtype="double[pyarrow]"), flat.astype("float32")):
        assert online_learning.total_loss(given, {"a": same}, clock).equals(
            online_learning.total_loss(given, {"a": flat}, START)
        )
        assert np.array_equal(online_learning.recalibrated(given, same), online_learning.recalibrated(given, flat))


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_scores_at_the_end_of_the_range_are_moved_too(given, score):
    """A model that is always sure can be recalibrated: its mean becomes the share late of the last days."""
    moved = online_learning.recalibrated(given, np.full(len(given.late), score), window=7, min_flights=50)
    last, week = given.days == given.days[-1], (given.days < given.days[-1]) & (given.days >= given.days[-1] - 7)
    assert moved[last].mean() == pytest.approx(given.late[week].mean(), abs=1e-4)


@pytest.mark.parametrize(
    ("method", "lines", "said"),
    [
        ("learn", ["1 |f a", "YES |f a"], "row 1: has the label 'YES', which is neither -1 nor 1"),
        ("learn", ["0 |f a"], "row 0: has the label '0'"),
        ("learn", ["|f a"], "row 0: has the label ''"),
        ("learn", ["1 |f a\n1 |f b"], "row 0: is not one line of VW's text"),
        ("learn", "1 |f a", "the lines are one text"),
        ("predict", ["|f a", "Dest=LAX"], "row 1: is not one line of VW's text: 'Dest=LAX'"),
        ("predict", [7], "row 0: is not one line"),
    ],
)
def test_a_learner_refuses_lines_that_vw_would_misread(method, lines, said):
    """A label in words or a line without a bar is refused by its row, and nothing of the batch is learnt."""
    with online_learning.Learner() as learner:
        with pytest.raises(DataError, match=re.escape(said)):
            getattr(learner, method)(lines)
        assert learner.predict(["|f a"]).tolist() == [0.5] and learner.predict([]).shape == (0,)
    with pytest.raises(UsageError, match="the loss function is not named"):
        online_learning.Learner(None)


def test_one_batch_is_refused_with_a_limit_that_is_none(given):
    """A negative limit is no limit, in one batch as in a whole year."""
    with online_learning.Learner() as learner, pytest.raises(UsageError, match="limit=-1 accepts no batch"):
        online_learning.learn_or_roll_back(learner, given.lines[:3], given.lines[3:9], given.late[3:9], -1)


def test_checks_name_the_option_and_accept_numpys_numbers():
    """Whole numbers of any kind pass, and a day may be a date or a timestamp."""
    for value in (2, 2.0, np.int64(2), np.float32(2)):
        check_count(value, "rows", 1, "flights")
        check_positive(value, "rows")
    check_positive(0, "prior", zero=True)
    for day in ("2013-04-01", pd.Timestamp("2013-04-01"), np.datetime64("2013-04-01"), datetime.date(2013, 4, 1)):
        assert as_day(day, "start") == np.datetime64("2013-04-01")
    with pytest.raises(UsageError, match="half_life=True cannot be used"):
        check_positive(True, "half_life")
    assert as_probabilities(2, [0, 1], "a").tolist() == scored(2, {"a": (0, 1)})["a"].tolist() == [0, 1]
    check_columns(pd.DataFrame({"a": []}), ["a"], "the table")
    check_lines(["|f a", "1 |f b"])
    with pytest.raises(DataError, match="row 0: has the label ''"):
        check_lines(["|f a"], labelled=True)


def test_the_committed_year_is_complete():
    """The tables that the lesson shows hold every learner, with all flights of April to December."""
    year, weeks = tables.benchmark("replay_year"), tables.benchmark("replay_weeks")
    assert set(year["inputs"]) == {"timetable", "known 3 hours ahead"}
    assert set(weeks["learner"]) == set(year.loc[year["inputs"] == "timetable", "learner"])
    assert weeks.groupby("learner")["flights"].sum().nunique() == 1


def test_static_models_are_those_of_the_course(given, inputs):
    """The static model is fitted by `training.train_xgboost`, as everywhere in the course."""
    fit = alternatives._fit_on(given, inputs, ~given.after(START), rounds=3)
    assert isinstance(fit, training.Fit) and fit.rounds == 3
