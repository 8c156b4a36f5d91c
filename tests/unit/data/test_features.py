"""Features: correct on small examples, and independent of everything that was not known yet."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from course_utils.data import datasets, dictionary, features, splits
from course_utils.errors import DataError, UsageError

EXAMPLES = int(os.environ.get("COURSE_EXAMPLES", "200"))


@pytest.fixture(scope="module")
def world(flights: pd.DataFrame) -> pd.DataFrame:
    """Return four stormy days of the year, thinned to a size that suits a property test."""
    days = flights[(flights["Month"] == 2) & flights["DayofMonth"].isin([7, 8, 9, 10])]
    busy = days["UniqueCarrier"].isin(["EV", "B6", "MQ"])
    return days[busy].iloc[::2].reset_index(drop=True).astype({"TailNum": object})


@pytest.fixture(scope="module")
def reports() -> pd.DataFrame:
    weather = datasets.load_weather()
    around = weather["time_hour"].between("2013-02-06", "2013-02-12")
    return weather[around].reset_index(drop=True)


# --------------------------------------------------------------------------- the property


@pytest.fixture(scope="module")
def moments(world: pd.DataFrame) -> pd.DataFrame:
    """When each value of each flight is known to others: one column for each raw column, by the dictionary's rules."""
    scheduled = datasets.scheduled_departure(world)
    events = {
        "schedule": pd.Series(pd.Timestamp("2012-01-01", tz="UTC"), index=world.index),
        "scheduled departure": scheduled,
        "departure": scheduled + pd.to_timedelta(world["DepDelay"], unit="min"),
        "arrival": scheduled + pd.to_timedelta(world["CRSElapsedTime"] + world["ArrDelay"], unit="min"),
    }
    rules = dictionary.load()
    return pd.DataFrame(
        {
            column: events[rule["event"]] + pd.to_timedelta(np.nan_to_num(rule["event_minutes"]), unit="min")
            for column, rule in rules.iterrows()
        }
    )


def another_future(
    world: pd.DataFrame,
    moments: pd.DataFrame,
    own: int,
    horizon: float,
    how: str,
    rng: np.random.Generator,
    *,
    tail_held: bool,
) -> pd.DataFrame:
    """Return the world as it may also turn out, given what is known `horizon` hours before flight `own`."""
    scheduled = datasets.scheduled_departure(world)
    now = scheduled[own] - pd.Timedelta(hours=horizon)
    changed = world.copy()
    for column, rule in dictionary.load().iterrows():
        hidden = ~(moments[column] <= now).to_numpy()  # what never happens is never known
        hidden[own] = rule["known_hours_before"] < horizon
        if column == "TailNum" and tail_held:
            hidden[own] = False
        if how == "delete":
            chosen = hidden
        else:
            chosen = hidden & (rng.random(len(world)) < (1.0 if how == "change all" else 0.3))
        if not chosen.any():
            continue
        values = changed[column].astype(object).to_numpy(copy=True)
        if how == "delete" or (how == "change some" and rng.random() < 0.3):
            values[chosen] = np.nan
        elif column in ("DepDelay", "ArrDelay"):
            # Anything may come, but after now: 'it has not left by now' is known.
            start = (
                scheduled if column == "DepDelay" else scheduled + pd.to_timedelta(world["CRSElapsedTime"], unit="min")
            )
            soonest = np.floor((now - start).dt.total_seconds().to_numpy() / 60) + 1
            later = rng.choice([0, 1, 5, 20, 90, 600], size=len(world))
            values[chosen] = (np.maximum(soonest, -60) + later)[chosen].astype(float)
            if chosen[own]:
                values[own] = float(rng.integers(-600, 1_000))  # its own outcome may be anything at all
        elif rule["type"] == "text":
            words = [*world[column].dropna().unique(), "N000ZZ"]
            values[chosen] = rng.choice(np.array(words, dtype=object), size=chosen.sum())
        else:
            values[chosen] = rng.integers(0, 2_400, size=chosen.sum()).astype(float)
        changed[column] = pd.Series(values, index=world.index).infer_objects()
        if rule["type"] != "text":
            changed[column] = changed[column].astype(float)
    return changed


def other_weather(reports: pd.DataFrame, now: pd.Timestamp, how: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return the reports with another future: later rows gone, emptied or changed, and in another order."""
    later = (reports["time_hour"] > now).to_numpy()
    if how == "delete":
        return reports[~later].sample(frac=1, random_state=1)
    changed = reports.copy()
    for name in features.groups()["weather"]:
        values = changed[name].to_numpy(dtype=float, copy=True)
        values[later] = rng.normal(0, 1_000, size=later.sum()) if how == "change all" else np.nan
        changed[name] = values
    return changed


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    own=st.integers(0, 10**6),
    horizon=st.one_of(st.sampled_from([0, 0.25, 0.5, 1, 2, 3, 6, 12, 24, 48]), st.floats(0, 48)),
    how=st.sampled_from(["change all", "change some", "delete"]),
    seed=st.integers(0, 2**32 - 1),
    tail=st.booleans(),
)
@example(own=500, horizon=0, how="change all", seed=1, tail=True)
@example(own=500, horizon=0, how="delete", seed=1, tail=True)
@example(own=600, horizon=48, how="change all", seed=1, tail=True)
@pytest.mark.slow
def test_what_was_not_known_never_changes_a_feature(
    world: pd.DataFrame,
    moments: pd.DataFrame,
    reports: pd.DataFrame,
    own: int,
    horizon: float,
    how: str,
    seed: int,
    tail: bool,
):
    """Change or delete whatever was not known h hours before a flight: its features stay the same, bit for bit."""
    own %= len(world)
    rng = np.random.default_rng(seed)
    now = datasets.scheduled_departure(world)[own] - pd.Timedelta(hours=horizon)
    future = another_future(world, moments, own, horizon, how, rng, tail_held=tail)
    weather = other_weather(reports, now, how, rng)
    before = features.as_of(world, horizon, assume_tail_known=tail, rows=[own], weather=reports)
    after = features.as_of(future, horizon, assume_tail_known=tail, rows=[own], weather=weather)
    assert list(before.columns) == list(after.columns)
    assert differing(before.iloc[0], after.iloc[0]) == {}


def differing(one: pd.Series, other: pd.Series) -> dict[str, tuple]:
    """Return the features that are not equal, both missing being equal."""
    pairs = {name: (one[name], other[name]) for name in one.index}
    return {
        name: pair
        for name, pair in pairs.items()
        if not (pair[0] == pair[1] or (pd.isna(pair[0]) and pd.isna(pair[1])))
    }


def test_the_property_test_can_fail(world: pd.DataFrame, moments: pd.DataFrame, reports: pd.DataFrame):
    """The other futures are other: what is known only just before departure does change when they come."""
    rng = np.random.default_rng(0)
    moved: set[str] = set()
    for own in range(300, 660, 30):
        future = another_future(world, moments, own, 6, "change all", rng, tail_held=True)
        now = datasets.scheduled_departure(world)[own] - pd.Timedelta(hours=6)
        weather = other_weather(reports, now, "change all", rng)
        found = [
            features.as_of(flights, 0, assume_tail_known=True, rows=[own], weather=hourly).iloc[0]
            for flights, hourly in ((world, reports), (future, weather))
        ]
        moved |= set(differing(*found))
    families = {family for family, names in features.groups().items() if moved & set(names)}
    assert families >= {"airport_today", "weather", "plane"}
    assert not families & {"schedule", "calendar", "volume"}


# --------------------------------------------------------------------------- one function for all uses


def test_one_row_asked_about_online_gets_the_features_of_training(flights: pd.DataFrame):
    """A flight of tomorrow, with the past as far as it is known and no outcome, has the features it has in training."""
    own = 150_000
    scheduled = datasets.scheduled_departure(flights)
    now = scheduled[own] - pd.Timedelta(hours=3)
    days = flights[(scheduled > now - pd.Timedelta(days=40)) & (scheduled < now + pd.Timedelta(days=2))]
    online = days.copy()
    left = scheduled[days.index] + pd.to_timedelta(days["DepDelay"], unit="min") <= now
    landed = features.known_at(days, "ArrDelay") <= now
    online.loc[~left, ["DepDelay", "DepTime", "TailNum", "IsDepDelayed"]] = np.nan
    online.loc[~landed, ["ArrDelay", "ArrTime"]] = np.nan
    weather = datasets.load_weather()
    asked = features.as_of(online, 3, rows=[own], weather=weather[weather["time_hour"] <= now])
    trained = features.as_of(flights, 3, rows=flights.loc[[own, own + 1]])
    pd.testing.assert_frame_equal(asked, trained.loc[[own]], check_categorical=False)


def test_some_rows_get_what_all_rows_get(flights: pd.DataFrame):
    """Asking for a few flights, in any order, gives the rows of the whole, by their labels."""
    some = flights.iloc[20_000:40_000]
    whole = features.as_of(some, 3, assume_tail_known=True)
    rows = [39_999, 20_500, 31_000]
    pd.testing.assert_frame_equal(features.as_of(some, 3, assume_tail_known=True, rows=rows), whole.loc[rows])
    shuffled = features.as_of(some.sample(frac=1, random_state=0), 3, assume_tail_known=True)
    pd.testing.assert_frame_equal(shuffled.loc[whole.index], whole)


@pytest.mark.slow
def test_all_rows_get_their_features(flights: pd.DataFrame, record_property: Callable[[str, object], None]):
    """All flights get their features, as numbers and categories; the report has the seconds that it took."""
    start = time.perf_counter()
    frame = features.as_of(flights, 3)
    record_property("seconds", round(time.perf_counter() - start, 1))
    assert frame.index.equals(flights.index)
    assert {str(kind) for kind in frame.dtypes} == {"category", "float64", "int64"}
    assert [name for columns in features.groups(frame).values() for name in columns] == list(frame.columns)
    assert "plane" not in features.groups(frame)


# --------------------------------------------------------------------------- small worlds, by hand


def small(*rows: tuple[int, int, float, str]) -> pd.DataFrame:
    """Make flights of one route and carrier on 5 March 2013 from (day, hhmm, delay or NaN, tail)."""
    made = pd.DataFrame(rows, columns=["DayofMonth", "CRSDepTime", "DepDelay", "TailNum"])
    made = made.assign(
        Year=2013,
        Month=3,
        DayOfWeek=(made["DayofMonth"] + 3) % 7 + 1,
        CRSArrTime=1200,
        UniqueCarrier="B6",
        FlightNum=1,
        Origin="JFK",
        Dest="BOS",
        CRSElapsedTime=80.0,
        Distance=187.0,
        ArrDelay=made["DepDelay"] + 10,
    )
    made.attrs["dataset"] = "nyc2013"
    return made


def test_lateness_is_known_a_quarter_of_an_hour_after_schedule():
    """At 8:15 it is not yet known that the 8:00 flight is late; at 8:16 it is, though the flight departs at 10:00."""
    world = small((5, 800, 120, "N1"), (5, 1115, 0, "N2"), (5, 1116, 0, "N3"))
    found = features.as_of(world, 3, only=["airport_today"])
    assert found["late_1h_origin"].isna().tolist() == [True, True, False]
    assert found["late_1h_origin"].iloc[2] == 1
    assert found["delay_6h_origin"].isna().all()
    afternoon = features.as_of(world.assign(CRSDepTime=[800, 1115, 1301]), 3, only=["airport_today"])
    assert afternoon["delay_6h_origin"].iloc[2] == 120


def test_cancelled_counts_as_late():
    """A flight that never leaves raises the share of late flights, and has no delay."""
    world = small((5, 800, np.nan, "N1"), (5, 805, 0, "N2"), (5, 1200, 0, "N3"))
    found = features.as_of(world, 3, only=["airport_today"]).iloc[2]
    assert found["late_3h_all"] == 0.5
    assert found["delay_3h_all"] == 0


def test_trailing_rates_end_with_the_day_before():
    """Yesterday's delays are in the rates of the last days, this morning's are not; last week's are in the long one."""
    world = small((4, 900, 60, "N1"), (5, 600, 60, "N2"), (5, 1800, 0, "N3"))
    last = features.as_of(world, 3, only=["trailing"]).iloc[2]
    assert last["late_7d_origin"] == last["late_28d_flight"] == 1
    assert features.as_of(world.assign(DepDelay=[0, 60, 0]), 3, only=["trailing"]).iloc[2]["late_7d_route"] == 0
    week_ago = features.as_of(world.assign(DayofMonth=[4, 25, 25]), 3, only=["trailing"]).iloc[2]
    assert np.isnan(week_ago["late_7d_carrier"])
    assert week_ago["late_28d_carrier"] == 1
    two_days_ahead = features.as_of(world, 48, only=["trailing"]).iloc[2]
    assert np.isnan(two_days_ahead["late_7d_carrier"])


def test_volume_counts_the_schedule():
    """Flights of the same airport, day and clock hour are counted, also those still to come and cancelled ones."""
    world = small((5, 800, 0, "N1"), (5, 859, np.nan, "N2"), (5, 900, 0, "N3"), (6, 800, 0, "N4"))
    found = features.as_of(world, 48, only=["volume"])
    assert found["flights_this_hour"].tolist() == [2, 2, 1, 1]
    assert found["flights_this_day"].tolist() == [3, 3, 3, 1]


def test_the_calendar_knows_independence_day(flights: pd.DataFrame):
    """Days to the next and since the last federal holiday, at most seven."""
    found = features.as_of(flights, only=["calendar"], rows=flights[flights["Month"] == 7].index)
    days = found.groupby(flights["DayofMonth"].loc[found.index]).first()
    assert days.loc[[1, 4, 5, 31], "days_to_holiday"].tolist() == [3, 0, 7, 7]
    assert days.loc[[4, 6, 20], "days_since_holiday"].tolist() == [0, 2, 7]


def test_weather_is_the_last_report_and_never_an_old_one():
    """At noon the report of 9 counts three hours ahead, not that of 10; one four hours old is no news."""
    world = small((5, 1200, 0, "N1"))
    hours = pd.to_datetime(
        ["2013-03-05 13:00", "2013-03-05 14:00", "2013-03-05 15:00"], utc=True
    )  # 8, 9 and 10 o'clock
    reports = pd.DataFrame({"origin": "JFK", "time_hour": hours}).assign(
        **dict.fromkeys(features.groups()["weather"], 0.0)
    )
    reports["temp"] = [8.0, 9.0, 10.0]
    assert features.as_of(world, 3, weather=reports)["temp"].item() == 9
    assert features.as_of(world, 3.01, weather=reports)["temp"].item() == 8
    assert np.isnan(features.as_of(world, 0, weather=reports.head(1))["temp"].item())
    assert np.isnan(features.as_of(world.assign(Origin="LGA"), 3, weather=reports)["temp"].item())


def test_the_planes_earlier_leg():
    """The last known departure of the same tail number, its delays once known, and the time to turn around."""
    world = small((5, 800, 20, "N1"), (5, 1200, 0, "N1"), (5, 1230, 0, "N2"), (5, 1300, 0, None))
    found = features.as_of(world, 3, assume_tail_known=True, only=["plane"])
    assert found["plane_legs"].tolist() == [0, 1, 0, 0]
    leg = found.iloc[1]
    assert leg["plane_hours_since"] == 4
    assert leg["plane_dep_delay"] == 20
    assert np.isnan(leg["plane_arr_delay"])
    assert leg["plane_slack"] == 240 - 20 - 160
    assert features.as_of(world, 2, assume_tail_known=True)["plane_arr_delay"].iloc[1] == 30
    assert found.iloc[[0, 2, 3]].drop(columns="plane_legs").isna().all(axis=None)
    assert "plane_legs" not in features.as_of(world, 3)


def test_a_flight_is_no_feature_of_itself():
    """At a horizon of 0, a flight's own early departure is not in its features."""
    found = features.as_of(small((5, 800, -10, "N1")), 0, assume_tail_known=True).iloc[0]
    names = [name for family in ("trailing", "airport_today", "plane") for name in features.groups()[family]]
    assert found[names].drop("plane_legs").isna().all()
    assert found["plane_legs"] == 0


# --------------------------------------------------------------------------- labels and columns


def test_the_label_is_fifteen_minutes_or_the_decks():
    """15 minutes is late, 14 is not unless every minute counts; a cancelled flight is neither."""
    rows = small((5, 800, 15, "N1"), (5, 900, 14, "N2"), (5, 930, 0, "N3"), (5, 1000, np.nan, "N4"))
    assert features.label(rows).tolist()[:3] == [1, 0, 0]
    assert features.label(rows, minutes=features.DECK_LATE_MINUTES).tolist()[:3] == [1, 1, 0]
    assert np.isnan(features.label(rows).iloc[3])


def test_the_label_is_the_data_sets_own(flights: pd.DataFrame):
    """`label` and IsDepDelayed say the same of every flight."""
    late = features.label(flights)
    assert late.isna().equals(flights["IsDepDelayed"].isna())
    assert (late[late.notna()] == (flights["IsDepDelayed"] == "YES")[late.notna()]).all()


def test_the_decks_inputs_and_the_schedule(flights: pd.DataFrame):
    """The deck takes eleven columns, three of which name the date; the schedule has the other eight."""
    deck, honest = features.deck_columns(flights).columns, features.schedule(flights).columns
    assert len(deck) == 11
    assert set(deck) - set(honest) == {"Year", "Month", "DayofMonth"}
    assert set(honest) < set(deck)


def test_up_to_a_group(flights: pd.DataFrame):
    """Columns come group by group; the plane comes last and only if it is there."""
    frame = features.as_of(flights.head(100))
    assert features.up_to(frame, "calendar") == [
        *features.groups()["schedule"],
        "days_to_holiday",
        "days_since_holiday",
    ]
    assert features.up_to(frame, "plane") == list(frame.columns)
    with pytest.raises(UsageError, match="no group 'season'"):
        features.up_to(frame, "season")


def test_known_at_follows_the_dictionary():
    """Late or cancelled: 15 minutes after schedule; delays when the flight leaves and lands; the schedule: always."""
    rows = small((5, 800, 20, "N1"), (5, 900, np.nan, "N2"))

    def clock(column: str) -> list[str]:
        known = features.known_at(rows, column)
        return known.dt.tz_convert("America/New_York").dt.strftime("%H:%M").tolist()

    assert clock("IsDepDelayed") == clock("Cancelled") == ["08:15", "09:15"]
    assert clock("DepDelay")[0] == clock("TailNum")[0] == "08:20"
    assert clock("ArrDelay")[0] == "09:50"
    assert features.known_at(rows, "DepDelay").isna().tolist() == [False, True]
    assert features.known_at(rows, "CRSArrTime").isna().all()


# --------------------------------------------------------------------------- what cannot be asked


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"horizon": -1}, "horizon=-1 cannot be used"),
        ({"horizon": float("nan")}, "horizon=nan cannot be used"),
        ({"only": ["wether"]}, "no group 'wether'.*choose from schedule"),
        ({"rows": []}, "no flight to compute features for"),
        ({"only": []}, "selects no group of features"),
        ({"only": ["plane"]}, "certain only at departure.*assume_tail_known=True"),
    ],
)
def test_questions_that_cannot_be_answered(options: dict, says: str):
    """A wrong option is named, with a valid one."""
    with pytest.raises(UsageError, match=says):
        features.as_of(small((5, 800, 0, "N1")), **options)


def test_a_data_set_without_weather():
    """Without weather you get the other groups; only asking for weather is refused."""
    world = small((5, 800, 0, "N1"))
    world.attrs["dataset"] = "allyears2k"
    assert "weather" not in features.groups(features.as_of(world))
    with pytest.raises(UsageError, match="allyears2k has no weather"):
        features.as_of(world, only=["weather"])


def test_rows_that_are_not_there():
    """A row label must be in the flights, and row labels must be unique."""
    world = small((5, 800, 0, "N1"), (5, 900, 0, "N2"))
    with pytest.raises(DataError, match="row 7 is not in `flights`"):
        features.as_of(world, rows=[7])
    with pytest.raises(DataError, match="row labels are not unique"):
        features.as_of(pd.concat([world, world]))


@pytest.mark.slow
def test_signal_without_leaks(flights: pd.DataFrame):
    """How today goes tells more than the timetable does, and nothing tells so much that it must be a leak."""
    from sklearn.metrics import roc_auc_score

    rows = splits.split_by_time(flights).test
    frame, late = features.as_of(flights, 3, assume_tail_known=True).loc[rows.index], features.label(rows)
    numbers = frame.select_dtypes("number")
    alone = {name: roc_auc_score(late, numbers[name].fillna(numbers[name].median())) for name in numbers}
    strength = {name: max(area, 1 - area) for name, area in alone.items()}
    assert strength["late_3h_origin"] > 0.6
    assert max(strength.values()) < 0.75
