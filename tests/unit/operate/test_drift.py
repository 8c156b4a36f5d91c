"""Signals by day, alarms with a budget: each fault moves its signal, and the healthy year has hardly a false page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from course_utils import tables
from course_utils.data import dictionary, faults, features, splits
from course_utils.errors import UsageError
from course_utils.model import metrics, training
from course_utils.model.distributions import Distribution
from course_utils.operate import backtest, drift
from course_utils.operate.drift.catalog import raw_column, settings
from course_utils.operate.drift.daily_table import clock_disagrees, gather_days, ks_distance, smooth
from course_utils.operate.drift.reference_data import airline_hour, distinct_rows

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST, LAST = "2013-01-22", "2013-01-24"
TRUE = ["2013-12-31"]


@pytest.fixture(scope="module")
def machine(flights: pd.DataFrame) -> backtest.Backtest:
    """Return a machine of January, with a small model of its first days."""
    winter = flights[flights["Month"] == 1]
    winter.attrs = dict(flights.attrs)
    left = winter[winter["DepDelay"].notna()]
    parts = [left[left["DayofMonth"].between(*days)] for days in ((1, 12), (13, 15), (16, 31))]
    split = splits.Split(*parts, "January")
    fit = training.train_xgboost(split, features.as_of(winter, 3), rounds=30, early_stopping=None)
    return backtest.Backtest(winter, fit, start="2013-01-02")


@pytest.fixture(scope="module")
def known(machine: backtest.Backtest) -> drift.Reference:
    return drift.reference(machine, "2013-01-02", "2013-01-19")


@pytest.fixture(scope="module")
def healthy(machine: backtest.Backtest, known: drift.Reference) -> pd.DataFrame:
    return drift.daily_signals(machine, known)


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    return tables.benchmark("drift_year")


@pytest.fixture(scope="module")
def quiet(year: pd.DataFrame) -> pd.DataFrame:
    return year.loc[backtest.QUIET[0] : backtest.QUIET[1]]


def contracts(table: pd.DataFrame, first: str = FIRST, last: str = LAST) -> set[str]:
    """Name the signals of contracts, labels and schedule that page on some days."""
    found = drift.alarms(table.loc[first:last])
    part = drift.signals()["part"]
    return {name for name in found["signal"] if part[name] != "D"}


# --------------------------------------------------------------------------- what is watched


def test_the_table_of_signals_is_complete(healthy):
    """Every signal is a column of the daily table; those that page have a limit, a part and a meaning."""
    known = drift.signals()
    assert known.index.is_unique and set(known.index) <= set(healthy.columns)
    pages = drift.signals("page")
    assert set(pages["part"]) == set("ABCD") and pages[["limit", "group", "side", "means", "title"]].notna().all().all()
    assert set(pages["side"]) <= {"above", "below", "both", "outside"}
    assert set(drift.signals("evidence")["part"]) == {"E"} and drift.signals("evidence")["limit"].isna().all()
    assert drift.limits().index.equals(pages.index)
    with pytest.raises(UsageError, match="tier"):
        drift.signals("siren")


def test_which_inputs_are_watched(known, machine):
    """Every input is read as evidence, and those that come as they are in a request are held to contracts."""
    covered = drift.input_coverage(known)
    assert sorted(covered.index) == sorted(machine.inputs) and (covered["evidence"] == "PSI").all()
    assert (covered.loc[covered["group"].isin(["schedule", "weather"]), "pages"] != "").all()
    assert covered.loc["UniqueCarrier", "kind"] == "text" and covered.loc["temp", "kind"] == "number"
    assert "unseen_carrier" in covered.loc["UniqueCarrier", "pages"]
    named = {signal for pages in covered["pages"] for signal in pages.split(", ") if signal}
    assert named < set(drift.signals("page").index)


# --------------------------------------------------------------------------- the reference data


def test_rows_are_grouped_by_several_columns_and_by_airline_and_hour():
    """Each row has the position of its combination; the number of an airline and hour does not depend on other rows."""
    rows = pd.DataFrame({"UniqueCarrier": ["UA", "B6", "UA"], "CRSDepTime": [815, 815, 1900], "Origin": list("xyx")})
    code, combinations = distinct_rows(rows, ["Origin", "UniqueCarrier"])
    assert code.tolist() == [0, 1, 0] and combinations == [("x", "UA"), ("y", "B6")]
    numbers = airline_hour(rows)
    assert len(set(numbers)) == 3
    assert numbers[2] == airline_hour(rows.tail(1))[0]


def test_clock_times_may_differ_from_the_duration_by_time_zones_only():
    """An hour less on the way west is a time zone; ten minutes are a fault, and a missing time is none."""
    rows = pd.DataFrame(
        {
            "CRSDepTime": [800.0, 800, 2330, np.nan],
            "CRSArrTime": [900.0, 910, 100, 900],
            "CRSElapsedTime": [120.0, 120, 90, 60],
        }
    )
    assert clock_disagrees(rows).tolist() == [False, True, False, False]


def test_the_distance_of_two_samples_is_scipys():
    """With ties and samples of different sizes, the distance is that of the test of two samples."""
    rng = np.random.default_rng(0)
    few, many = rng.integers(0, 9, 50).astype(float), np.sort(rng.integers(2, 12, 900)).astype(float)
    assert ks_distance(few, many) == pytest.approx(stats.ks_2samp(few, many).statistic)


def test_a_smoothed_contrast_starts_where_it_should_and_keeps_its_level_without_data():
    """The newest day counts 0.3; a day without a value changes nothing."""
    assert smooth(np.array([[1.0, np.nan, 0.0]]), 0.0)[0].tolist() == pytest.approx([0.3, 0.3, 0.21])
    known = drift.signals()
    assert raw_column("hub_EWR", known.loc["hub_EWR"]) == "gap_EWR"
    assert raw_column("psi_dest", known.loc["psi_dest"]) == "psi_dest"


# --------------------------------------------------------------------------- days to signals


def test_healthy_days_break_no_contract(healthy):
    """On healthy days no contract check fires, and every label has arrived."""
    assert contracts(healthy) == set()
    assert (healthy["label_coverage"] == 1).all() and (healthy["asked"] == 1).all()


def test_days_one_by_one_or_at_once(machine, known, healthy):
    """A list of days gives the same table as the whole machine, apart from what is smoothed along the days before."""
    days = drift.daily_signals([machine.day(FIRST), machine.day("2013-01-23")], known)
    raw = [name for name in days if name not in drift.signals().query("part == 'D'").index]
    pd.testing.assert_frame_equal(days[raw], healthy.loc[days.index, raw], check_freq=False)
    one = drift.daily_signals(machine.day(FIRST), known)
    assert one.shape == (1, days.shape[1])
    rows, labels, scheduled, awaited = gather_days([machine.day(FIRST)])
    assert (len(rows), len(labels)) == (scheduled.sum(), awaited.sum())
    with pytest.raises(UsageError, match="no day"):
        drift.daily_signals([], known)


def test_numbers_are_those_of_the_course(machine, known, healthy):
    """Log-loss and AUC of a day are what `metrics` says of its flights."""
    file = machine.day(FIRST).labels
    file = file[file["DepDelay"].notna()]
    late = features.label(file)
    row = healthy.loc[FIRST]
    assert row["log_loss"] == pytest.approx(metrics.log_loss(late, file["probability"]))
    assert row["auc"] == pytest.approx(metrics.auc(late, file["probability"]))
    assert row["calibration_gap"] == pytest.approx(late.mean() - file["probability"].mean(), abs=1e-6)
    scores = (machine.table(*ends)[0]["probability"] for ends in ((FIRST, FIRST), ("2013-01-02", "2013-01-19")))
    assert row["score_ks"] == pytest.approx(stats.ks_2samp(*scores).statistic)
    assert row["late_share"] == late.mean() and row["requests"] == len(machine.day(FIRST).rows)


def lost_weather(rows: pd.DataFrame) -> pd.DataFrame:
    """Lose the weather of every fourth request."""
    return rows.assign(
        **{name: rows[name].mask(np.arange(len(rows)) % 4 == 0) for name in features.groups(rows)["weather"]}
    )


def stuck_weather(rows: pd.DataFrame) -> pd.DataFrame:
    """Repeat one weather report."""
    return rows.assign(**{name: rows[name].dropna().iloc[0] for name in ("temp", "dewp", "humid", "precip", "visib")})


def plant(fault: str, strength: float | None = None) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a change of the rows that plants a fault."""
    return lambda rows: faults.plant(fault, rows, 0, strength)[0]


#: What is changed, and which contracts have to speak.
FAULTS = {
    "departure in minutes": ({"requests": plant("minutes_of_day")}, {"clock", "broken", "psi_departure"}),
    "kilometres": ({"requests": plant("kilometres")}, {"other_distance", "psi_distance"}),
    "a new carrier": ({"requests": plant("new_carrier", 0.1)}, {"unseen_carrier"}),
    "exchanged carriers": ({"requests": plant("swapped_carriers", 1)}, {"other_route"}),
    "a duplicated feed": ({"requests": plant("duplicated")}, {"repeated", "asked"}),
    "an impossible duration": ({"requests": plant("impossible_values")}, {"broken", "clock"}),
    "lost weather": ({"requests": lost_weather}, {"missing_weather"}),
    "stuck weather": ({"requests": stuck_weather}, {"stuck_weather"}),
    "lost requests": ({"requests": lambda rows: rows.iloc[::2]}, {"asked"}),
    "an unknown airport": (
        {"requests": lambda rows: rows.assign(Dest=rows["Dest"].astype(object).mask(rows["Dest"] == "ATL", "ZZZ"))},
        {"unseen_dest"},
    ),
    "slow answers": ({"requests": lambda rows: rows.assign(latency_ms=8 * rows["latency_ms"])}, {"late_answers"}),
    "one answer for all": ({"predict": lambda rows: np.full(len(rows), 0.2)}, {"stuck_score"}),
    "no answers": ({"predict": lambda rows: np.where(np.arange(len(rows)) % 5, 0.2, np.nan)}, {"no_answer"}),
    "late labels": (
        {"labels": lambda rows: rows.assign(day=rows["day"] + pd.Timedelta(days=3))},
        {"label_coverage"},
    ),
    "lost labels": ({"labels": lambda rows: rows.iloc[::2]}, {"label_coverage"}),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_moves_its_signal_on_the_first_day(case, machine, known, healthy):
    """Each fault pages on its first evening, by the signal that names what is wrong, and its end ends the page."""
    change, wanted = FAULTS[case]
    table = drift.replace_days(healthy, drift.daily_signals(machine.replay(FIRST, LAST, **change), known))
    assert wanted <= contracts(table, FIRST, FIRST)
    assert contracts(table, "2013-01-28", "2013-01-31") == set()
    days, by = drift.days_to_detect(table, FIRST, LAST)
    assert days == 0 and wanted <= set(by.split(", "))


def test_a_day_without_requests_raises_one_alarm(machine, known, healthy):
    """If the service gets no request, one signal says so; what cannot be known is NaN, and the week leaves it out."""
    days = machine.replay(FIRST, FIRST, requests=lambda rows: rows.iloc[:0])
    table = drift.replace_days(healthy, drift.daily_signals(days, known))
    silent = table.loc[FIRST]
    assert silent["requests"] == 0 and silent["asked"] == 0
    about_rows = [*drift.signals().query("part == 'C'").index, "score_mean", "score_psi", "score_ks", "broken", "clock"]
    assert silent[about_rows].isna().all()
    assert contracts(table, FIRST, FIRST) == {"asked"}
    assert (
        not drift.textbook_alarms(table.loc[[FIRST]], drift.feature_psi(days, known))
        .loc[:, "PSI of any input > 0.2"]
        .any()
    )
    week = drift.weekly_evidence(table).loc["2013-01-21", "score_mean"]
    others = table.loc["2013-01-21":"2013-01-27"].dropna(subset=["score_mean", "log_loss"])
    assert week == pytest.approx(np.average(others["score_mean"], weights=others["labels"]))


def test_rain_in_other_units_moves_its_index(machine, known):
    """Precipitation is zero in most hours, yet millimetres and a feed that repeats one value show in its PSI."""
    assert known.distributions["temp"].bins == settings()["bins"] + 3, "two for infinity, one for what is missing"
    wet = drift.feature_psi(machine, known)["precip"].loc["2013-01-20":"2013-01-31"]
    for change in (lambda rows: rows["precip"] * 25.4, lambda rows: 0.3 + 0 * rows["precip"]):
        days = machine.replay("2013-01-28", "2013-01-31", requests=lambda rows, to=change: rows.assign(precip=to(rows)))
        assert drift.feature_psi(days, known)["precip"].max() > wet.max() + 0.2


def test_carriers_that_are_numbers_have_one_share(machine, known):
    """A category of whole numbers has the same PSI when a missing neighbour has turned the column into floats."""
    whole = pd.Series([7, 7, 9, 12] * 25)
    reference = Distribution.of(whole.astype("category"))
    day = np.zeros(100, dtype=int)
    assert reference.psi(whole.where(whole.index > 0), day, 1) == pytest.approx(0, abs=0.1)


def test_broken_rows_are_counted(machine, known):
    """The share of requests that the dictionary refuses is that of the faulty rows, whatever days are around them."""

    def spoil(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.copy()
        rows.loc[rows.index[rows["day"] == "2013-01-23"][:30], "CRSArrTime"] = 1299
        return rows

    days = machine.replay(FIRST, LAST, requests=spoil)
    broken = drift.daily_signals(days, known)["broken"]
    assert broken["2013-01-23"] == pytest.approx(30 / days[1].scheduled) and broken.drop("2013-01-23").eq(0).all()
    said = drift.findings(days[1])
    assert said["where"].tolist() == ["CRSArrTime"] and said["number"].iloc[0] == 30
    assert "not a clock time" in said["evidence"].iloc[0]
    assert drift.findings(days[0]).empty


def test_one_hub_against_the_others(machine, known, healthy):
    """Delays that come to one airport alone move its contrast, and the schedule's signals not at all."""

    def worse(rows: pd.DataFrame) -> pd.DataFrame:
        at_newark = (rows["Origin"].astype(str) == "EWR") & (np.arange(len(rows)) % 2 == 0)
        return rows.assign(DepDelay=rows["DepDelay"].mask(at_newark, 60.0))

    days = machine.replay(FIRST, "2013-01-28", labels=worse)
    table = drift.replace_days(healthy, drift.daily_signals(days, known))
    assert (table["gap_EWR"] - healthy["gap_EWR"])[FIRST:"2013-01-28"].min() > 0.2
    assert 0 <= drift.days_to_detect(table, FIRST, "2013-01-30")[0] <= 3
    assert "hub_EWR" in drift.alarms(table)["signal"].tolist() and contracts(table) == set()
    assert table["psi_origin"].equals(healthy["psi_origin"])


def test_a_model_that_is_worse_than_its_table(machine, known, healthy):
    """A model that answers the wrong way round loses against the table of airline and hour within days."""
    days = machine.replay(FIRST, "2013-01-28", predict=lambda rows: 1 - machine.scorer.score(rows))
    table = drift.replace_days(healthy, drift.daily_signals(days, known))
    worse = table.loc["2013-01-23":"2013-01-29"]
    assert (worse["edge_day"] < healthy.loc[worse.index, "edge_day"] - 0.2).all()
    assert "edge" in drift.alarms(worse)["signal"].tolist() and (worse["edge"].diff().dropna() < 0).sum() >= 4


def test_only_changed_days_are_replaced(machine, known, healthy):
    """In a table with some days computed again the others stay, but for contrasts, which remember."""
    days = drift.daily_signals(machine.replay(FIRST, FIRST, predict=lambda rows: 1 - machine.scorer.score(rows)), known)
    table = drift.replace_days(healthy, days)
    smoothed = drift.signals().query("part == 'D'").index
    rest = table.index.difference(days.index)
    assert table.loc[rest].drop(columns=smoothed).equals(healthy.loc[rest].drop(columns=smoothed))
    assert table.loc["2013-01-27", "edge"] < healthy.loc["2013-01-27", "edge"]
    assert table.loc[:"2013-01-21"].equals(healthy.loc[:"2013-01-21"])
    with pytest.raises(UsageError, match="not in the table"):
        drift.replace_days(healthy.loc[:"2013-01-10"], days)


# --------------------------------------------------------------------------- alarms


@pytest.fixture
def calm() -> pd.DataFrame:
    """Return sixty days on which nothing is beyond its limit."""
    values = dict.fromkeys(drift.signals().index, 0.0) | {"asked": 1.0, "label_coverage": 1.0, "edge": 0.05}
    values |= {"edge_day": 0.05, "gap_EWR": 0.0, "gap_JFK": 0.0, "gap_LGA": 0.0, "labels": 100, "requests": 100}
    return pd.DataFrame(values, index=pd.date_range("2013-06-01", periods=60, name="day"))


@pytest.mark.parametrize(
    ("signal", "value", "alarm"),
    [
        ("psi_dest", 0.26, True),
        ("psi_dest", 0.25, False),
        ("label_coverage", 0.97, True),
        ("label_coverage", float("nan"), False),
        ("asked", 1.1, True),
        ("asked", 0.9, True),
        ("hub_JFK", -0.2, True),
        ("hub_JFK", 0.2, True),
        ("edge", -0.1, True),
        ("edge", 0.9, False),
        ("score_psi", 9.0, False),
    ],
)
def test_an_alarm_has_its_side(calm, signal, value, alarm):
    """Too much or too little alarms as the table says; what is missing does not, and evidence never does."""
    calm.loc["2013-06-10", signal] = value
    found = drift.alarms(calm)
    assert len(found) == alarm
    if alarm:
        row = found.iloc[0]
        assert (row["day"], row["signal"], row["value"]) == (pd.Timestamp("2013-06-10"), signal, value)
        assert row["limit"] == drift.limits()[signal]


def test_limits_of_ones_own(calm):
    """With own limits only the signals that they name can alarm; one that is not there is an error."""
    calm["score_psi"], calm["repeated"] = 0.3, 0.5
    own = drift.alarms(calm.head(2), pd.Series({"score_psi": 0.2}))
    assert own["signal"].tolist() == ["score_psi", "score_psi"]
    with pytest.raises(UsageError, match="no signal 'psi'"):
        drift.alarms(calm, pd.Series({"psi": 0.2}))


def test_alarms_of_one_cause_are_one_episode(calm):
    """Alarms of a group with at most six quiet days between them are one episode; another group's are another."""
    for day, signal in (("01", "psi_dest"), ("08", "psi_carrier"), ("16", "psi_dest"), ("08", "repeated")):
        calm.loc[f"2013-06-{day}", signal] = 0.5
    found = drift.episodes(drift.alarms(calm))
    assert found["group"].tolist() == ["schedule", "key", "schedule"] and found["days"].tolist() == [2, 1, 1]
    assert found["signals"].iloc[0] == "psi_dest, psi_carrier"
    assert drift.episodes(drift.alarms(calm.tail(3))).empty


# --------------------------------------------------------------------------- the budget


@pytest.mark.parametrize(
    ("events", "quarters", "low", "high"), [(0, 2.35, 0, 1.275), (1, 1, 0.0513, 4.744), (3, 4, 0.204, 1.938)]
)
def test_what_a_count_proves(events, quarters, low, high):
    """The bounds are the exact ones of Poisson counts: none in 2.35 quarters allows 1.27 a quarter."""
    assert drift.poisson_bounds(events, quarters) == pytest.approx((low, high), abs=2e-3)


@pytest.mark.parametrize("wrong", [(-1, 1), (0, 0), (1, 1, 1.5)])
def test_what_proves_nothing(wrong):
    """Fewer events than none, no time at all and a certainty above one are refused."""
    with pytest.raises(UsageError, match="no bounds follow"):
        drift.poisson_bounds(*wrong)


def test_limits_keep_the_budget(quiet):
    """In quarters made of quiet weeks all pages together share the budget, and half of it needs wider limits."""
    one, half = (drift.calibrate(quiet, budget=budget, draws=200) for budget in (1, 0.2))
    assert one.index.tolist() == ["schedule", "hubs", "model"] and one["false a quarter"].sum() <= 1
    assert half["false a quarter"].sum() <= 0.2
    assert (
        half.loc["hubs", "limit"] > one.loc["hubs", "limit"] and half.loc["model", "limit"] < one.loc["model", "limit"]
    )
    again = drift.calibrate(quiet, draws=200)
    assert again.equals(one)


def test_limits_in_use_are_the_calibrated_ones(quiet):
    """The limits of contrasts are those that the quiet months give; the schedule's rule is wider than theirs."""
    found = drift.calibrate(quiet)["limit"]
    limit = drift.limits()
    assert limit["hub_EWR"] == limit["hub_JFK"] == limit["hub_LGA"] == pytest.approx(found["hubs"], abs=0.003)
    assert limit["edge"] == pytest.approx(found["model"], abs=0.01)
    assert limit["psi_dest"] > found["schedule"]
    assert drift.false_episodes(quiet)["all"] <= 1


def test_a_run_of_bad_days_is_one_episode(calm):
    """In simulated quarters as in real ones, consecutive days beyond a limit are one page."""
    calm["gap_EWR"] = 1.0
    simulated = drift.false_episodes(calm, draws=20)
    assert simulated["hubs"] == 1 and simulated["all"] == 1
    assert drift.false_episodes(calm, {"schedule": 9, "hubs": 2, "model": -9}, draws=20)["all"] == 0
    assert drift.false_episodes(calm, {"schedule": 9, "hubs": 2, "model": 9}, draws=20)["model"] == 1
    apart = np.zeros((1, 30), dtype=bool)
    apart[0, [3, 10, 18]] = True
    assert drift.mean_episodes(apart) == 2


def test_late_files_do_not_make_up_for_those_that_are_due(machine, known):
    """The day on which late files arrive is judged by its own file: coverage never exceeds 1."""
    days = machine.replay(FIRST, FIRST, labels=lambda rows: rows.assign(day=rows["day"] + pd.Timedelta(days=2)))
    found = drift.daily_signals(days, known)
    assert found["label_coverage"].tolist() == [0, 1, 1] and found["labels"].iloc[2] > found["requests"].iloc[2]


def test_a_quiet_day_without_requests_leaves_the_limits_alone(quiet):
    """A day on which nothing could be known counts neither for nor against a limit."""
    holed = quiet.copy()
    holed.loc["2013-03-05", drift.signals().query("part == 'C'").index] = np.nan
    both = [drift.calibrate(table, draws=100)["limit"] for table in (quiet, holed)]
    assert both[1].notna().all() and both[1]["schedule"] == pytest.approx(both[0]["schedule"], rel=0.1)
    with pytest.raises(UsageError, match="'psi_carrier' has no value on any quiet day"):
        drift.calibrate(quiet.assign(psi_carrier=np.nan), draws=10)


@pytest.mark.parametrize("options", [{"budget": 0}, {"quiet": 10}])
def test_what_cannot_be_calibrated(quiet, options):
    """No budget and too few days are refused."""
    days = quiet.head(options.pop("quiet", len(quiet)))
    with pytest.raises(UsageError):
        drift.calibrate(days, **options)


def test_the_budget_counts_false_pages(calm):
    """An episode on a day on which something was wrong is no false page."""
    calm.loc["2013-06-10", "repeated"] = calm.loc["2013-07-10", "psi_dest"] = 0.5
    found = drift.false_page_bounds(calm, true=["2013-06-10"])
    assert (found["pages"], found["false"]) == (2, 1)
    assert found["at least"] < found["false a quarter"] < found["at most"]
    assert found["quarters"] == pytest.approx(60 / 91.25)


def test_the_year_after_wakes_people_in_vain_once_at_most(year):
    """From June on two pages came: the day without weather, and Newark before Christmas."""
    live = year.loc[backtest.LIVE :]
    found = drift.episodes(drift.alarms(live))
    assert found["group"].tolist() == ["hubs", "missing"] and found["last"].iloc[1] == pd.Timestamp(TRUE[0])
    proved = drift.false_page_bounds(live, true=TRUE)
    assert proved["false a quarter"] <= 1 < proved["at most"]


# --------------------------------------------------------------------------- evidence, rules, traps


def test_weeks_count_flights_not_days(calm):
    """A week's evidence is the mean over its flights: a day with three times as many counts three times."""
    calm["log_loss"] = 0.4
    calm.loc["2013-06-04", ["log_loss", "labels"]] = 0.8, 300
    week = drift.weekly_evidence(calm).loc["2013-06-03"]
    assert week["labels"] == 900 and week["log_loss"] == pytest.approx((6 * 100 * 0.4 + 300 * 0.8) / 900)
    assert drift.weekly_evidence(calm).index[0] == pd.Timestamp("2013-05-27")


def test_the_textbook_rules_fire_on_healthy_days(machine, known, healthy):
    """On days without any broken contract, some textbook rule fires every day."""
    psi = drift.feature_psi(machine, known)
    assert list(psi.columns) == list(known.inputs) and psi.index.equals(healthy.index)
    fires = drift.textbook_alarms(healthy, psi)
    assert list(fires.columns) == list(drift.TEXTBOOK) and fires.any(axis=1).all()
    assert fires["PSI of any input > 0.2"].all()


def test_few_rows_and_many_rows(machine):
    """A PSI of few rows is large where nothing changed; a test of many rows finds what does not matter."""
    rows, _, _, _ = machine.table()
    early, late = rows["DayofMonth"] <= 15, rows["DayofMonth"] > 15
    for column in ("Dest", "CRSDepTime"):
        found = drift.sample_sizes(rows.loc[early, column], rows.loc[late, column], (50, 20_000), draws=20)
        assert found.loc[50, "same: PSI"] > found.loc[20_000, "same: PSI"] and found.loc[20_000, "same: PSI > 0.2"] == 0
        assert found.loc[20_000, "same: p < 0.01"] <= 0.1
    assert drift.sample_sizes(rows["Dest"], rows["Dest"], (50,), draws=5)["same: PSI > 0.2"].iloc[0] == 1
    shifted = rows["Distance"] + 15
    assert drift.sample_sizes(rows["Distance"], shifted, (20_000,), draws=5)["other: p < 0.01"].iloc[0] == 1


# --------------------------------------------------------------------------- what was measured


def test_every_incident_is_found(capsys):
    """The smallest set finds every incident but a small drift of one hub, most of them the same evening."""
    table = tables.benchmark("drift_incidents")
    found = table[table["detectors"] == "smallest set"]["found"]
    assert (found.drop("Newark 5 points later") == 1).all() and found["Newark 5 points later"] < 0.5
    days = table[table["detectors"] == "smallest set"]["days"]
    assert (days <= 1).sum() >= 10 and days.max() <= 7
    single = table[table["detectors"] != "smallest set"]
    assert single.groupby("detectors")["found"].mean().max() < 0.3
    tables.benchmark_note("drift_incidents")
    assert "benchmarks/drift.py" in capsys.readouterr().out


def test_detectors_row_by_row(quiet):
    """Fed with flights in order, ADWIN alarms on many healthy days; shuffled, on hardly any; fed with days, on none."""
    table = tables.benchmark("drift_streams")
    adwin = table[table.index == "ADWIN"].set_index("reads")["days, June to December"]
    assert adwin["log-loss of single flights"] > 100 and adwin["the same, shuffled"] <= 3
    assert adwin["Newark against the others, by day"] == 0
    assert tables.benchmark("drift_rules")["June to December"].max() == 1
    assert "taken" in tables.benchmark("drift_libraries").loc["scipy", "verdict"]


@pytest.mark.slow
def test_the_committed_year_is_the_year(flights, year):
    """From June on, the kept table is what a machine with the service's model gives."""
    machine = backtest.Backtest(flights)
    table = drift.daily_signals(machine, drift.reference(machine))
    live = table.loc["2013-06-02":]  # the first file tells of May
    smoothed = drift.signals().query("part == 'D'").index
    kept = year.loc["2013-06-02":]
    # Smoothed contrasts begin with the quiet months, which the kept table scores with other models.
    pd.testing.assert_frame_equal(live.drop(columns=smoothed), kept.drop(columns=smoothed), atol=2e-3, check_freq=False)
    pd.testing.assert_frame_equal(
        live.loc["2013-07":, smoothed], kept.loc["2013-07":, smoothed], atol=2e-3, check_freq=False
    )
    assert list(table.columns) == list(year.columns)
    assert set(dictionary.load().index) & set(machine.inputs)
