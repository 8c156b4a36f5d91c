"""When to retrain, whether a challenger may take over, feedback loops, and clients that probe for the threshold."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from course_utils.data import faults, features, splits
from course_utils.develop import promotion
from course_utils.errors import DataError, UsageError
from course_utils.model import metrics, money, pitfalls, training
from course_utils.operate import retraining

# --------------------------------------------------------------------------- policies over the year


def test_each_week_was_asked_of_every_model_that_could_have_served_in_it():
    """Each week has every model that was fitted before it, and no later one, on the same flights."""
    for world in retraining.WORLDS:
        table = retraining.weekly_values(world)
        assert (table["trained"] <= table["week"]).all()
        assert (table.groupby("week").size() == np.arange(1, retraining.WEEKS + 1)).all()
        assert (table.groupby("week")["flights"].nunique() == 1).all()


def test_the_two_worlds_part_in_the_week_in_which_the_hub_changes():
    """Until August it is the same year, and from then on the old models do worse in the other one."""
    same, other = (
        retraining.weekly_values(world).set_index(["trained", "week"])["log_loss"] for world in retraining.WORLDS
    )
    parted = (same != other).groupby("week").any()
    assert parted.index[parted].min() == retraining.WORLDS["a hub changes"]
    late = other.index.get_level_values("week") > 20
    assert other[late].mean() > same[late].mean()


def test_a_policy_sees_the_past_only():
    """What a policy is shown on a Sunday ends with that week, and grows by one week at a time."""
    seen = []
    retraining.run_policy(lambda weeks: bool(seen.append(weeks.copy())))
    assert [len(weeks) for weeks in seen] == list(range(1, len(seen) + 1))
    assert [weeks["week"].iloc[-1] for weeks in seen] == list(range(retraining.FIRST, retraining.WEEKS - 1))


def test_a_released_model_serves_from_the_next_week_on_and_was_fitted_a_week_before():
    """The challenger of a week, which answered in its shadow, is the champion of the next one."""
    played = retraining.run_policy(retraining.calendar_policy(4)).weeks
    released = played.index[played["released"]]
    assert list(released) == [3, 7, 11, 15, 19, 23, 27]
    assert (played["trained"].to_numpy()[released + 1] == played["week"].to_numpy()[released]).all()
    assert (played["age"].to_numpy()[released + 1] == 1).all()
    assert played["age"].max() == 4


def test_dollars_are_those_of_the_models_that_served_less_the_releases():
    """The net is the sum over weeks of the champion's own dollars, less a fee for each release."""
    played = retraining.run_policy(retraining.calendar_policy(10), cost=1_000)
    table = retraining.weekly_values().set_index(["trained", "week"])["dollars"]
    serving = zip(played.weeks["trained"], played.weeks["week"], strict=True)
    assert played.net == sum(table[key] for key in serving) - 2 * 1_000
    assert retraining.run_policy(retraining.never_retrain, cost=1e9).releases == 0
    assert isinstance(played, retraining.PolicyRun)
    assert (
        retraining.run_policy(retraining.calendar_policy(10)).cost
        == retraining.release_cost()
        == retraining.release_costs()["dollars"].sum()
    )


def test_a_shadow_that_earns_more_than_the_fee_is_released_and_another_is_not():
    """The challenger takes over once it has earned what its release costs, and never for a fortune."""
    cheap = retraining.run_policy(retraining.challenger_policy(5_000)).weeks
    first = int(cheap["released"].to_numpy().argmax())
    assert cheap["missed"].iloc[max(0, first - 3) : first + 1].sum() > 5_000
    assert cheap["missed"].iloc[max(0, first - 4) : first].sum() <= 5_000
    assert retraining.run_policy(retraining.challenger_policy(1e9)).releases == 0


def test_an_alarm_waits_for_its_own_models_first_weeks():
    """The policy compares a model with itself, so it cannot fire before the model has served for two windows."""
    for signal in ("log_loss", "gap"):
        played = retraining.run_policy(retraining.performance_policy(signal, limit=-1, window=3)).weeks
        assert played["age"][played["released"]].min() >= 5
    calm = pd.DataFrame({"trained": 0, "log_loss": [0.4, 0.4, 0.5, 0.5], "gap": [0.0, 0.0, -0.1, -0.1]})
    assert retraining.performance_policy("log_loss", limit=0.05, window=2)(calm)
    assert retraining.performance_policy("gap", limit=0.05, window=2)(calm)
    assert not retraining.performance_policy("log_loss", limit=0.2, window=2)(calm)


def test_policies_are_compared_week_by_week_with_an_interval():
    """The policy compared with gains nothing over itself; the others' gain is within its interval."""
    table = retraining.compare_policies(
        {"never": retraining.never_retrain, "quarterly": retraining.calendar_policy(13)}
    )
    assert table.loc["never", ["over", "low", "high"]].tolist() == [0, 0, 0]
    assert table.loc["quarterly", "low"] < table.loc["quarterly", "over"] < table.loc["quarterly", "high"]
    dear = retraining.compare_policies(
        {"never": retraining.never_retrain, "quarterly": retraining.calendar_policy(13)}, cost=1e6
    )
    for end in ("over", "low", "high"):  # two releases, each dearer by the same
        assert dear.loc["quarterly", end] - table.loc["quarterly", end] == -2 * (1e6 - retraining.release_cost())
    turned = retraining.compare_policies(
        {"never": retraining.never_retrain, "quarterly": retraining.calendar_policy(13)}, against="quarterly"
    )
    assert turned.loc["never", "over"] == -table.loc["quarterly", "over"]


def test_the_older_a_model_the_more_it_loses():
    """A model of this week loses nothing, one of two months something, one of a quarter more."""
    lost = retraining.ageing_loss()["dollars"]
    assert lost[0] == 0
    assert 0 < lost[1] < lost[8] < lost[13]
    assert (retraining.ageing_loss("a hub changes")["dollars"].iloc[4:20] > lost.iloc[4:20]).all()


@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        (lambda: retraining.weekly_values("elsewhere"), "a hub changes"),
        (lambda: retraining.calendar_policy(0), "weeks as 1 or more"),
        (lambda: retraining.performance_policy("auc"), "log_loss"),
        (lambda: retraining.run_policy(retraining.never_retrain, first=40), "from 0 to 38"),
        (lambda: retraining.run_policy(lambda seen: None), "True or False"),
        (lambda: retraining.simulate_feedback_log(pd.DataFrame(), [], cured=1.5), "cured"),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_fix(wrong, fix):
    """A wrong option is refused, and the message names the right ones."""
    with pytest.raises(UsageError, match=fix):
        wrong()


# --------------------------------------------------------------------------- flights of these tests


@pytest.fixture(scope="module")
def some() -> pd.DataFrame:
    """6,000 flights of two months, half of them from Newark; the later of the day, the more of them late."""
    rng = np.random.default_rng(0)
    dates = np.repeat(pd.date_range("2013-07-29", periods=60), 100)
    made = pd.DataFrame(
        {
            "Year": dates.year,
            "Month": dates.month,
            "DayofMonth": dates.day,
            "DayOfWeek": dates.dayofweek + 1,
            "CRSDepTime": np.tile(np.arange(500, 2500, 20)[:100] // 100 * 100, 60) % 2400,
            "CRSArrTime": 1200,
            "UniqueCarrier": rng.choice(["UA", "DL"], len(dates)),
            "CRSElapsedTime": rng.integers(60, 300, len(dates)).astype(float),
            "Origin": np.where(rng.random(len(dates)) < 0.5, "EWR", "JFK"),
            "Dest": "LAX",
            "Distance": 700.0,
            "Cancelled": 0,
        }
    )
    late = rng.random(len(dates)) < made["CRSDepTime"] / 3000
    made["DepDelay"] = np.where(late, 40.0, 0.0)
    made["ArrDelay"] = made["DepDelay"]
    made["IsDepDelayed"] = np.where(late, "YES", "NO")
    made.attrs["dataset"] = "nyc2013"
    return made


@pytest.fixture(scope="module")
def scorer(some: pd.DataFrame) -> training.Scorer:
    inputs = features.schedule(some)
    split = splits.Split(some.iloc[:3000], some.iloc[3000:4000], some.iloc[4000:], "test")
    return training.train_xgboost(split, inputs, rounds=20, early_stopping=None).scorer


# --------------------------------------------------------------------------- shadow


def test_callers_get_the_champions_answers_whatever_the_challenger_does(some, scorer):
    """A challenger that raises costs no answer; its rows are counted, and it does not pass the gate."""

    class Broken:
        encoder = scorer.encoder

        def score(self, rows):
            raise ValueError("no")

    shadow = retraining.Shadow(scorer, Broken())
    rows = features.schedule(some).iloc[4000:]
    assert (shadow.predict(rows) == scorer.score(rows)).all()
    assert shadow.failed == len(rows)
    found = shadow.evidence(some.iloc[4000:], some.iloc[3000:4000], features.schedule(some))
    assert promotion.promotion_gate(found.loc["challenger"], found.loc["champion"], promotion.promotion_policy())


def test_the_gate_reads_what_both_said_in_the_shadow(some, scorer):
    """The evidence is measured on the flights that were asked about, each model with its own answers."""
    worse = SimpleNamespace(encoder=scorer.encoder, score=lambda rows: 1 - scorer.score(rows))
    inputs = features.schedule(some)
    shadow = retraining.Shadow(worse, scorer)
    for first in range(4000, 6000, 500):
        shadow.predict(inputs.iloc[first : first + 500])
    shadow.predict(inputs.iloc[5900:])  # asked again
    assert len(shadow.log) == 2000
    found = shadow.evidence(some, some.iloc[3000:4000], inputs)
    late = features.label(some.iloc[4000:])
    assert found.loc["challenger", "out_of_time_loss"] == metrics.log_loss(late, scorer.score(inputs.iloc[4000:]))
    assert found.loc["champion", "out_of_time_loss"] == metrics.log_loss(late, 1 - scorer.score(inputs.iloc[4000:]))
    assert set(promotion.EVIDENCE) <= set(found.columns)
    passed = {**found.loc["challenger"], "time_ratio": 1.0}
    assert promotion.promotion_gate(passed, found.loc["champion"], promotion.promotion_policy()) == []
    assert promotion.promotion_gate(found.loc["champion"], passed | {"carrier_harm": 0}, promotion.promotion_policy())


def test_an_input_that_is_known_too_late_shows_in_the_evidence(some, scorer):
    """A challenger that looks at the real departure is known to look ahead."""
    columns = (*scorer.encoder.columns, "DepTime")
    ahead = SimpleNamespace(encoder=SimpleNamespace(columns=columns), score=scorer.score)
    shadow = retraining.Shadow(scorer, ahead)
    shadow.predict(features.schedule(some).iloc[4000:])
    found = shadow.evidence(some, some.iloc[3000:4000], features.schedule(some))
    assert (
        found["known_hours"].tolist()[0]
        >= promotion.promotion_policy()["known_hours"]
        > found["known_hours"].tolist()[1]
    )


def test_the_last_word_counts_where_a_flight_was_asked_about_twice(some, scorer):
    """A flight that is asked again an hour later is in the log once, with the later answer."""
    answers = iter((0.2, 0.7))
    changing = SimpleNamespace(encoder=scorer.encoder, score=lambda rows: np.full(len(rows), next(answers)))
    shadow = retraining.Shadow(changing, scorer)
    for _ in range(2):
        shadow.predict(features.schedule(some).head(3))
    assert shadow.log["champion"].tolist() == [0.7] * 3


def test_a_shadow_that_was_asked_nothing_is_no_evidence(some, scorer):
    """Before the first question there is nothing to judge by."""
    shadow = retraining.Shadow(scorer, scorer)
    assert shadow.log.empty
    with pytest.raises(DataError, match="some days"):
        shadow.evidence(some, some, features.schedule(some))


# --------------------------------------------------------------------------- feedback


def test_warned_delays_vanish_from_the_log_and_stay_among_those_left_out_by_lot(some):
    """Half of the warned delays do not happen; flights that were never warned are late as ever."""
    p = some["CRSDepTime"].to_numpy() / 3000
    delivery = retraining.simulate_feedback_log(some, p, cured=0.5, hold_out=0.2, seed=1)
    log = delivery.log
    before, after = features.label(some), features.label(delivery.rows)
    assert after[~log["warned"]].equals(before[~log["warned"]])
    assert after[log["warned"]].sum() == pytest.approx(before[log["warned"]].sum() / 2, abs=1)
    assert not (log["warned"] & log["held_out"]).any()
    table = retraining.compare_with_hold_out(delivery, some)
    assert table.loc["warned", "share late"] < 0.6 * table.loc["warned", "late without warnings"]
    assert table.loc["hold-out", "share late"] == table.loc["hold-out", "late without warnings"]


def test_the_check_of_feedback_reads_the_log_and_is_silent_where_warnings_change_nothing(some):
    """Feedback is found by its hold-out; a service whose warnings do nothing is not accused."""
    p = some["CRSDepTime"].to_numpy() / 3000
    for cured, verdicts in ((0.5, ["stop"]), (0.0, [])):
        delivery = retraining.simulate_feedback_log(some, p, cured=cured, hold_out=0.2)
        assert isinstance(delivery, faults.Delivery)
        assert pitfalls.run_checks(delivery, only=["feedback"])["severity"].tolist() == verdicts


def test_learning_from_its_own_log_a_model_finds_fewer_delays_and_a_hold_out_gives_most_of_them_back():
    """Month after month the log's model warns less; the one with a hold-out finds more late flights."""
    table = retraining.retrain_on_own_log()
    assert tuple(table["way"].unique()) == retraining.WAYS
    found = table[table["month"] > 5].groupby("way")["found"].mean()
    assert found["the log"] + 0.05 < found["hold-out"] < found["no feedback"]
    first = table[table["month"] == 5].groupby("way")["found"].first()
    assert first.nunique() == 1  # all three begin with the same model


def test_a_changed_hub_is_late_more_often_and_the_rest_of_the_world_is_as_it_was(some):
    """From the week on, 15 in 100 more of the hub's flights are late, and arrive later too; nothing else moves."""
    changed = retraining.with_drifted_hub(some, week=18)
    since = splits.day(some) >= pd.Timestamp(retraining.START) + pd.Timedelta(weeks=18)
    hub = (some["Origin"] == "EWR") & since
    more = features.label(changed) - features.label(some)
    assert more[hub].mean() == pytest.approx(0.15, abs=0.02)
    assert (more[~hub] == 0).all()
    moved = changed["DepDelay"] != some["DepDelay"]
    assert (changed["DepDelay"] - some["DepDelay"] == changed["ArrDelay"] - some["ArrDelay"]).all()
    assert (changed.loc[moved, "IsDepDelayed"] == "YES").all()


# --------------------------------------------------------------------------- probing


@pytest.fixture(scope="module")
def rows(some: pd.DataFrame) -> pd.DataFrame:
    return features.schedule(some).iloc[:600]


def test_whoever_changes_one_value_again_and_again_is_named_and_nobody_else(rows, scorer):
    """The probing client is named with the value that it changes; honest clients, who ask twice, are not."""
    log = retraining.simulate_queries(rows, scorer, clients=10, flights=6)
    found = retraining.find_probing_clients(log)
    assert found.index[found["named"]].tolist() == ["client 11"]
    assert found.loc["client 11", "column"] == "CRSDepTime"
    assert not retraining.find_probing_clients(retraining.simulate_queries(rows, scorer, clients=10, accounts=0))[
        "named"
    ].any()


def test_many_accounts_hide_a_prober_from_a_count_by_client_and_not_from_one_of_all(rows, scorer):
    """Spread over accounts, no client is named; with all queries taken together, the probing is found."""
    log = retraining.simulate_queries(rows, scorer, clients=10, accounts=40, flights=6)
    assert not retraining.find_probing_clients(log)["named"].any()
    everybody = retraining.find_probing_clients(log, by=None)
    assert everybody["named"].tolist() == [True]


def test_a_day_of_questions_says_what_the_service_answered(rows, scorer):
    """Each query has its answer, and the same seed gives the same day."""
    log = retraining.simulate_queries(rows, scorer, seed=3)
    assert (log["probability"] == scorer.score(log)).all()
    assert (log["warned"] == (log["probability"] >= money.break_even(money.payoff("deck_100")))).all()
    pd.testing.assert_frame_equal(log, retraining.simulate_queries(rows, scorer, seed=3))


def test_a_log_that_does_not_say_who_asked_is_refused(rows, scorer):
    """Without the column of clients, the message says what to log."""
    with pytest.raises(DataError, match="client"):
        retraining.find_probing_clients(retraining.simulate_queries(rows, scorer).drop(columns="client"))
