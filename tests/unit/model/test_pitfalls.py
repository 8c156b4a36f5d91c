"""The checks for pitfalls: they find faults, are silent on good data, and never call 'fine' what they cannot assess."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils import tables
from course_utils.data import dictionary, faults, features
from course_utils.errors import DataError, UsageError
from course_utils.model import pitfalls
from course_utils.model.pitfalls import days, deliveries, registry

pytestmark = pytest.mark.slow  # every check on many deliveries: seconds, with the whole file

WORDS = dictionary.load()
NAMES = list(pitfalls.checks().index)
RULES = ("available", "illegal", "values", "variance", "duplicates")


@pytest.fixture(scope="module")
def known(flights: pd.DataFrame) -> pd.DataFrame:
    return features.as_of(flights, 3)


@pytest.fixture(scope="module")
def pair(flights: pd.DataFrame, known: pd.DataFrame) -> tuple[pitfalls.Delivery, pitfalls.Delivery]:
    """Return clean days and other clean days."""
    return pitfalls.example_deliveries(flights, known, 4)


def checked(name: str, delivery, reference=None, words=WORDS, horizon=3.0, log=None) -> pd.DataFrame:
    return pitfalls.detector(name)(delivery, reference, words, horizon, log)


def alarms(found: pd.DataFrame) -> pd.DataFrame:
    return found[found["severity"].isin(pitfalls.ALARMS)]


# --------------------------------------------------------------------------- all of them


def unmatched() -> dict[str, str]:
    """Return what a check lacks, by its name: a row in the table, or a detector."""
    rows, detectors = set(pitfalls.checks().index), set(registry._DETECTORS)
    no_row = dict.fromkeys(detectors - rows, "has no [[check]] in tables/model/pitfalls.toml")
    return no_row | dict.fromkeys(rows - detectors, "has no function under @detects")


def test_every_check_has_a_row_and_a_detector():
    """Each check asks about signals or data, says what to do, and has one function that answers it."""
    assert unmatched() == {}
    table = pitfalls.checks()
    assert table.index.is_unique
    assert set(table["side"]) == {"signal", "data"}
    assert set(table["kind"]) == {"rule", "statistic"}
    assert table[["asks", "fix"]].map(len).gt(10).all(axis=None)


ROW = """
[[check]]
name = "lucky"
side = "data"
kind = "rule"
asks = "Does a flight have the number 777?"
fix = "leave the flight out"
"""


def lucky(context: registry.Context):
    """Find flights with the number 777."""
    registry.require(context.reference, "a reference")
    count = int((context.delivery.rows["FlightNum"] == 777).sum())
    if count:
        yield registry.finding("FlightNum", f"{count} lucky flights", count, "note")


@pytest.fixture
def scratch(monkeypatch) -> Callable[[str], None]:
    """Let a test register detectors, and add rows to a copy of the table."""
    monkeypatch.setattr(registry, "_DETECTORS", dict(registry._DETECTORS))
    read = tables.read_toml

    def add(row: str) -> None:
        one = tomllib.loads(row)["check"]
        added = {"pitfalls.toml": read("pitfalls.toml") | {"check": [*read("pitfalls.toml")["check"], *one]}}
        monkeypatch.setattr(tables, "read_toml", lambda name: added.get(name) or read(name))

    return add


def test_a_new_check_is_one_function_and_one_row(pair, scratch):
    """A detector that I add is run, summarised and found by its name, and no list needs a change."""
    before = len(pitfalls.checks())
    pitfalls.detects("lucky")(lucky)
    assert unmatched() == {"lucky": "has no [[check]] in tables/model/pitfalls.toml"}
    with pytest.raises(UsageError, match=r"'lucky' has no row in pitfalls.toml\. Fix: add a \[\[check\]\]"):
        pitfalls.run_checks(*pair, only="lucky")
    scratch(ROW)
    assert unmatched() == {}
    assert len(pitfalls.checks()) == before + 1
    rows = pair[0].rows.assign(FlightNum=777)
    found = pitfalls.run_checks(pitfalls.Delivery(rows, ("FlightNum",)), pair[1], only=["lucky", "illegal"])
    assert found["check"].tolist() == ["illegal", "lucky"]  # in the order of the table
    assert found["fix"].tolist()[1] == "leave the flight out"
    summary = pitfalls.summarise_findings(found)
    assert len(summary) == before + 1
    assert summary.loc["lucky", "first"] == f"FlightNum: {len(rows)} lucky flights"
    assert pitfalls.lucky is pitfalls.detector("lucky")
    assert "lucky" in dir(pitfalls)
    assert pitfalls.run_checks(pair[0], only="lucky")["severity"].tolist() == ["not assessable"]


def test_a_row_without_a_detector_is_named(pair, scratch):
    """A check that no function answers is refused by name, and the error says what to write."""
    scratch(ROW)
    assert unmatched() == {"lucky": "has no function under @detects"}
    with pytest.raises(UsageError, match=r'\'lucky\' has a row in pitfalls.toml and no detector.*@detects\("lucky"\)'):
        pitfalls.run_checks(*pair, only="lucky")


def test_two_detectors_of_one_check_are_refused(scratch):
    """A second function for the same check is refused; the same function again, after a reload, is not."""
    pitfalls.detects("lucky")(lucky)
    pitfalls.detects("lucky")(lucky)
    with pytest.raises(UsageError, match="'variance' has a detector already"):
        pitfalls.detects("variance")(lucky)


def test_a_name_that_is_no_check_is_refused_as_python_does():
    """A typing error gets an AttributeError, and an import of it an ImportError."""
    with pytest.raises(AttributeError, match="has no attribute 'vraiance'"):
        _ = pitfalls.vraiance
    with pytest.raises(ImportError, match="vraiance"):
        exec("from course_utils.model.pitfalls import vraiance")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "necessary" else ()) for name in NAMES]
)
def test_every_check_has_one_signature_and_one_kind_of_answer(pair, name: str):
    """Every check returns a table of findings with the same columns, and does not change the delivery."""
    delivery, reference = pair
    assert getattr(pitfalls, name) is pitfalls.detector(name)
    before = delivery.rows.copy()
    found = checked(name, delivery, reference)
    assert list(found.columns) == list(pitfalls.COLUMNS)
    assert found["severity"].isin(pitfalls.SEVERITIES).all()
    assert (found["check"] == name).all()
    assert found["fix"].ne("").all()
    pd.testing.assert_frame_equal(delivery.rows, before)


@pytest.mark.parametrize("name", ["reliable", "changes", "feedback", "semantic", "vocabulary", "labels"])
def test_what_cannot_be_looked_at_is_never_called_fine(pair, name: str):
    """Without a reference or a log the answer is 'not assessable', and says what is needed."""
    found = checked(name, pair[0])
    assert "not assessable" in set(found["severity"])
    assert found["evidence"].str.startswith("not assessable: needs").any()
    summary = pitfalls.summarise_findings(found)
    assert summary.loc[name, "verdict"] != "nothing found"


def test_a_report_asks_them_all_in_the_decks_order(pair):
    """The report has every check that found something, the summary all checks."""
    found = pitfalls.run_checks(*pair, only=[name for name in NAMES if name != "necessary"])
    assert list(dict.fromkeys(found["check"])) == [name for name in NAMES if name in set(found["check"])]
    summary = pitfalls.summarise_findings(found)
    assert list(summary.index) == NAMES
    assert summary.loc["values", "verdict"] == "nothing found"


def test_a_report_refuses_what_it_cannot_use(pair):
    """An unknown check, a horizon after departure and an empty delivery are named."""
    delivery, _ = pair
    with pytest.raises(UsageError, match="no check 'luck'"):
        pitfalls.run_checks(delivery, only="luck")
    with pytest.raises(UsageError, match="after departure"):
        pitfalls.run_checks(delivery, horizon=-1)
    with pytest.raises(DataError, match="no rows"):
        pitfalls.run_checks(pitfalls.Delivery(delivery.rows.head(0), delivery.inputs))


# --------------------------------------------------------------------------- rules are exact


@st.composite
def obedient(draw: st.DrawFn) -> pd.DataFrame:
    """Make flights that obey the dictionary, in all 31 columns."""
    size = draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    dates = pd.to_datetime("2013-01-01") + pd.to_timedelta(rng.integers(0, 365, size), unit="D")
    columns: dict[str, Any] = {}
    for name, rule in WORDS.iterrows():
        if rule["type"] == "text":
            columns[name] = rng.choice(rule["values"].split() or ["AAA", "BBB", "CCC"], size).astype(object)
        elif rule["unit"] == "hhmm":
            columns[name] = rng.integers(0, 24, size) * 100 + rng.integers(max(1, int(rule["low"])), 60, size)
        else:
            columns[name] = rng.integers(int(rule["low"]), int(rule["high"]) + 1, size)
        if rule["type"] == "number":
            columns[name] = columns[name].astype(float)
    parts = {"Year": dates.year, "Month": dates.month, "DayofMonth": dates.day, "DayOfWeek": dates.dayofweek + 1}
    columns |= {name: part.to_numpy("int64") for name, part in parts.items()}
    columns["FlightNum"] = rng.permutation(9999)[:size] + 1
    rows = pd.DataFrame(columns, index=rng.permutation(1000)[:size])[list(WORDS.index)]
    rows.attrs["dataset"] = "nyc2013"
    return rows


QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(rows=obedient(), horizon=st.sampled_from([0, 0.5, 3, 24, 48, 720]))
def test_rules_raise_no_alarm_on_any_delivery_that_obeys_the_dictionary(rows: pd.DataFrame, horizon: float):
    """A delivery that obeys the dictionary, with admissible inputs, raises no alarm of a rule."""
    dictionary.validate(rows)
    inputs = tuple(name for name in dictionary.admissible(horizon) if rows[name].nunique() > 1)
    delivery = pitfalls.Delivery(rows, inputs)
    for name in RULES:
        assert checked(name, delivery, horizon=horizon).empty, name
    assert not checked("leaky", delivery, horizon=horizon)["evidence"].str.startswith("an outcome").any()


@QUICK
@given(rows=obedient(), chosen=st.sets(st.sampled_from(list(WORDS.index))), horizon=st.sampled_from([0, 3, 24]))
def test_rules_name_exactly_the_inputs_that_break_them(rows: pd.DataFrame, chosen: set[str], horizon: float):
    """Each inadmissible input is named by a rule, and no other."""
    inputs = tuple(sorted(chosen))
    delivery = pitfalls.Delivery(rows, inputs)
    late = {name for name in inputs if WORDS.loc[name, "known_hours_before"] < horizon}
    banned = {name for name in inputs if WORDS.loc[name, "use"] == "no"} - set(
        WORDS.index[WORDS["role"].isin(["outcome", "label"])]
    )
    outcomes = {name for name in inputs if WORDS.loc[name, "role"] in ("outcome", "label")}
    assert set(checked("available", delivery, horizon=horizon)["where"]) == late
    assert set(checked("illegal", delivery, horizon=horizon)["where"]) == banned
    leaks = checked("leaky", delivery, horizon=horizon)
    assert set(leaks.loc[leaks["evidence"].str.startswith("an outcome"), "where"]) == outcomes
    same = {name for name in inputs if rows[name].nunique(dropna=False) == 1}
    assert set(checked("variance", delivery, horizon=horizon)["where"]) == same


BAD = {
    "CRSDepTime": 1275,
    "Month": 13,
    "Distance": 9.0,
    "UniqueCarrier": "??",
    "Diverted": 2,
    "DayOfWeek": 8,
    "DepDelay": 1e6,
}


@settings(QUICK, max_examples=8)
@given(rows=obedient(), broken=st.sets(st.sampled_from(sorted(BAD)), min_size=1))
def test_every_broken_column_is_named_at_once(rows: pd.DataFrame, broken: set[str]):
    """The dictionary stops at the first error; the check goes on and names every broken column."""
    spoilt = rows.assign(**{name: rows[name].astype(object) for name in broken if isinstance(BAD[name], str)})
    for name in broken:
        spoilt.loc[spoilt.index[-1], name] = BAD[name]
    found = checked("values", pitfalls.Delivery(spoilt, ()))
    dates = {"Month", "DayOfWeek"}
    named = set(found["where"])
    assert broken - dates <= named
    assert bool(broken & dates) <= bool(named & dates)
    assert named <= broken | ({"DayOfWeek", "DayofMonth"} if broken & dates else set())


def test_weather_is_held_to_its_own_part_of_the_dictionary(flights, known):
    """The wind of 1,048 miles per hour on 12 February is found."""
    delivery = pitfalls.make_delivery(flights, known, months=[2])
    found = checked("values", delivery)
    assert found["where"].tolist() == ["wind_speed"]
    assert "1,048" in found["evidence"].iloc[0]


# --------------------------------------------------------------------------- each fault, by its check


@pytest.mark.parametrize("name", [name for name in faults.catalogue().index if name != "useless"])
def test_each_fault_is_found_by_its_check(pair, name: str):
    """Each fault is found in its column, and the clean days raise no alarm of that check."""
    clean, reference = pair
    check = faults.catalogue().loc[name, "check"]
    faulty, truth = faults.contaminate(clean, 4, [name])
    found = alarms(checked(check, faulty, reference))
    places = list(found[["check", "where"]].itertuples(index=False, name=None))
    if name != "flattering_carrier":  # found in about half of the seeds: see the benchmark
        assert any(faults.finding_matches(place, (check, truth["where"].item())) for place in places)
    assert alarms(checked(check, clean, reference)).empty


def test_noise_is_called_unnecessary_and_the_hour_is_not(pair):
    """A column of random numbers is no better than others of its kind; the scheduled hour is."""
    faulty, _ = faults.contaminate(pair[0], 4, ["useless"])
    gains = pitfalls.permutation_importance(faulty, faulty.inputs)
    found = set(checked("necessary", faulty)["where"])
    assert found == {name for name in gains.index if name != "chance" and gains[name] <= gains["chance"]}
    assert "gate_code" in found
    assert not found & {"CRSDepTime", "late_28d_flight"}


def test_false_alarms_and_power_are_what_the_committed_table_says(flights, known):
    """On ten new seeds, every check is wrong about as often as in the table of a hundred seeds."""
    from scipy.stats import binom

    seeds = range(1000, 1010)
    table = pitfalls.detector_error_rates().reset_index()
    table = table[~table["check"].isin(["necessary", "values"]) & (table["kind"] == "statistic")]
    false, found = dict.fromkeys(table["check"], 0), dict.fromkeys(table["fault"], 0)
    for seed in seeds:
        clean, reference = pitfalls.example_deliveries(flights, known, seed)
        log = faults.contaminate(clean, seed, [])[0].log
        for check in false:
            false[check] += not alarms(checked(check, clean, reference, log=log)).empty
        for fault in found:
            check = faults.catalogue().loc[fault, "check"]
            faulty, truth = faults.contaminate(clean, seed, [fault])
            places = alarms(checked(check, faulty, reference))[["check", "where"]].itertuples(index=False, name=None)
            found[fault] += any(faults.finding_matches(place, (check, truth["where"].item())) for place in places)
    for row in table.itertuples():
        for seen, rate in ((false[row.check], row.false_alarms), (found[row.fault], row.power)):
            # The table's own rate is known from 100 seeds only: a rate of 0 may be 0.03 in truth.
            low, high = (
                binom.ppf(level, 10, np.clip(rate + step, 0, 1)) for level, step in ((5e-4, -0.1), (0.9995, 0.1))
            )
            assert low <= seen <= high, f"{row.check}, {row.fault}: {seen} of 10, the table says {rate}"


# --------------------------------------------------------------------------- what real data show


def test_the_day_without_weather_is_an_outage(flights, known):
    """On 31 December every report is missing, and none was on any day of training."""
    before = pitfalls.make_delivery(flights, known, months=range(1, 9))
    found = checked("reliable", pitfalls.make_delivery(flights, known, months=[12]), before)
    assert found["evidence"].str.contains("2013-12-31").all()
    assert {"temp", "wind_speed"} <= set(found["where"].iloc[0].split(", "))
    assert found["severity"].eq("stop").all()


def test_the_plane_table_fails_for_two_carriers(flights):
    """A join that fails for MQ and AA only is found, and the evidence names both."""
    from course_utils.data import datasets

    rows = flights[flights["Month"] == 3]
    planes = datasets.load_planes().set_index("tailnum")["year"]
    built = rows["TailNum"].astype(object).map(planes).astype(float)
    delivery = pitfalls.Delivery(rows.assign(built=built), ("built",))
    found = checked("omitted", delivery)
    evidence = " ".join(found["evidence"])
    assert "MQ" in evidence
    assert "AA" in evidence


def test_a_forbidden_column_is_recovered_from_the_others(pair):
    """The other inputs reveal the carrier, and the check says which one most."""
    words = dictionary.load()
    words.loc["UniqueCarrier", ["use", "why"]] = ["no", "policy: no model may tell carriers apart"]
    inputs = tuple(name for name in pair[0].inputs if name != "UniqueCarrier")
    found = checked("illegal", pitfalls.Delivery(pair[0].rows, inputs), words=words)
    assert len(found) == 1
    assert found["where"].item().startswith("UniqueCarrier, ")
    assert found["severity"].item() == "look"
    with_it = checked("illegal", pair[0], words=words)
    assert (with_it["where"] == "UniqueCarrier").any()


def test_the_decks_label_is_another_one_and_says_so(pair):
    """The deck's label of one minute contradicts no delay; a note says from how many minutes YES counts."""
    rows = pair[0].rows
    deck = np.where(rows["DepDelay"].isna(), None, np.where(rows["DepDelay"] > 0, "YES", "NO"))
    found = checked("labels", pitfalls.Delivery(rows.assign(IsDepDelayed=deck), ()), pair[1])
    notes = found[found["evidence"].str.startswith("YES stands for 1 minute ")]
    assert notes["severity"].tolist() == ["note"]
    assert not found["evidence"].str.contains("contradict").any()


def test_a_flight_on_both_sides_is_a_duplicate(pair):
    """The same flight in delivery and reference is found even if each of them has it once."""
    both = pitfalls.Delivery(pd.concat([pair[1].rows, pair[0].rows.head(7)]), pair[1].inputs)
    found = checked("duplicates", pair[0], both)
    assert found["number"].tolist() == [7]


def test_feedback_needs_an_untouched_share(pair):
    """A log in which everyone was warned cannot show what warning changed."""
    faulty, _ = faults.contaminate(pair[0], 4, ["feedback"])
    no_hold_out = faulty.log.assign(held_out=False)
    assert "hold-out" in checked("feedback", faulty, log=no_hold_out)["evidence"].item()
    assert "'held_out'" in checked("feedback", faulty, log=faulty.log.drop(columns="held_out"))["evidence"].item()


def test_an_input_that_no_one_described_is_not_called_available(pair):
    """A column that the dictionary does not have is not assessable, and is named."""
    strange = pitfalls.Delivery(pair[0].rows.assign(mystery=1.0), ("mystery",))
    found = checked("available", strange)
    assert found["severity"].tolist() == ["not assessable"]
    assert "mystery" in found["evidence"].item()


def test_what_is_known_at_departure_is_known_at_departure(pair):
    """The tail number is available at a horizon of 0 only, and there it is forbidden."""
    delivery = pitfalls.Delivery(pair[0].rows, ("TailNum",))
    assert checked("available", delivery, horizon=0).empty
    assert checked("available", delivery, horizon=0.5)["where"].tolist() == ["TailNum"]
    assert checked("illegal", delivery, horizon=0)["where"].tolist() == ["TailNum"]


# --------------------------------------------------------------------------- looking ahead


def test_a_feature_that_looks_ahead_is_caught(flights: pd.DataFrame):
    """The mean of the whole day changes without the future; a feature of the course does not."""
    rows = flights[(flights["Month"] == 4) & (flights["DayofMonth"] <= 12)]
    rows.attrs = {"dataset": "nyc2013"}

    def day_mean(table: pd.DataFrame) -> pd.Series:
        late = table["IsDepDelayed"].astype(object).map({"YES": 1.0, "NO": 0.0}).astype(float)
        return late.groupby([table["Origin"].astype(str), table["DayofMonth"]]).transform("mean")

    def today(table: pd.DataFrame) -> pd.Series:
        return features.as_of(table, 3, only=["airport_today"])["late_3h_origin"]

    ahead = pitfalls.uses_future(day_mean, rows, 3)
    fair = pitfalls.uses_future(today, rows, 3)
    assert (ahead["changed"] > 0.5).any()
    assert (fair["changed"] == 0).all()
    assert (fair["flights"] > 0).all()

    def two_hours_too_late(table: pd.DataFrame) -> pd.Series:
        return features.as_of(table, 1, only=["airport_today"])["late_1h_origin"]

    assert (pitfalls.uses_future(two_hours_too_late, rows, 3)["changed"] > 0).any()
    assert (pitfalls.uses_future(two_hours_too_late, rows, 1)["changed"] == 0).all()


# --------------------------------------------------------------------------- deliveries and audits


def test_a_delivery_is_made_of_flights_and_features(flights, known):
    """A delivery has features beside the raw columns; an input without a column is refused."""
    delivery = pitfalls.make_delivery(flights, known, months=[6])
    assert set(delivery.inputs) == set(known.columns)
    assert set(delivery.rows["Month"]) == {6}
    raw = pitfalls.make_delivery(flights, months=[6])
    assert "IsDepDelayed" not in raw.inputs
    assert len(raw.inputs) == 30
    with pytest.raises(DataError, match="nonsense"):
        pitfalls.make_delivery(flights, inputs=["nonsense"])
    with pytest.raises(DataError, match="lack flights"):
        pitfalls.make_delivery(flights, known.head(10))


def test_samples_are_whole_days(flights):
    """A sample holds no more rows than asked for, and all flights of each of its days."""
    sample = pitfalls.day_blocks(flights, 5000, seed=1)
    assert 4000 < len(sample) <= 5000
    day = flights["Month"] * 100 + flights["DayofMonth"]
    chosen = day.loc[sample.index].unique()
    assert day.isin(chosen).sum() == len(sample)
    assert len(pitfalls.day_blocks(flights, 5)) > 500  # one day at least
    assert pitfalls.day_blocks(sample, 5000) is sample


def test_deliveries_for_audits_leave_known_incidents_out(flights, known):
    """Neither side of an audit has a day of the three incidents, and no day is on both sides."""
    delivery, reference = pitfalls.example_deliveries(flights, known, 9)
    days = [set(rows["Month"] * 100 + rows["DayofMonth"]) for rows in (delivery.rows, reference.rows)]
    assert not days[0] & days[1]
    assert not (days[0] | days[1]) & {101, 212, 1231}
    assert max(len(delivery.rows), len(reference.rows)) <= 20_000
    assert set(delivery.inputs) <= set(pitfalls.AUDITED)


def test_an_audit_scores_what_is_handed_in_and_tells_the_price(flights, known):
    """The alarms find most of the planted faults; an empty list misses all, and its cost is given."""
    audit = pitfalls.Audit(2, flights, known)
    found = pitfalls.run_checks(audit.delivery, audit.reference)
    result = audit.score(alarms(found))
    assert result["recall"] >= 0.8
    assert result["precision"] >= 0.8
    nothing = audit.score([])
    assert nothing["recall"] == 0
    assert nothing["dollars missed"] > result["dollars missed"] >= 0
    assert len(audit.solution()) == nothing["planted"] == 6
    assert repr(audit).startswith("Audit(Delivery(")


def test_committed_tables_cover_every_check_and_every_fault():
    """Each fault has a measured power, a false alarm rate of its check, and a cost."""
    table = pitfalls.detector_error_rates().reset_index()
    measured = set(table["fault"]) & set(pitfalls.cost_of_missed_faults().index)
    assert measured == set(table["fault"]) == set(faults.catalogue().index), "run benchmarks/pitfalls.py --write"
    assert measured == set(pitfalls.cost_of_missed_faults().index)
    assert set(table["check"]) == set(faults.catalogue()["check"]) <= set(pitfalls.checks().index)
    rules = table[table["kind"] == "rule"]
    assert rules["false_alarms"].eq(0).all()
    assert rules["power"].eq(1).all()
    strengths = faults.catalogue()["strength"]
    assert (table["strength"] == strengths.loc[table["fault"]].to_numpy()).all(), "measure again"
    assert tables.read_toml("pitfalls.toml")["limits"]["rows"] == 20_000


# --------------------------------------------------------------------------- helpers that detectors share


def test_a_difference_has_the_standard_error_of_days():
    """Ten flights of one day say no more than the day: copies of a flight do not shrink the error."""
    rng = np.random.default_rng(0)
    late, group, day = rng.integers(0, 2, 60).astype(float), rng.random(60) < 0.5, pd.Series(np.arange(60) % 12)
    once = days.difference_by_days(late, group, ~group, day)
    copied = [np.repeat(values, 10) for values in (late, group, day)]
    many = days.difference_by_days(copied[0], copied[1], ~copied[1], pd.Series(copied[2]))
    assert once == pytest.approx(many)
    assert once[0] == pytest.approx(late[group].mean() - late[~group].mean())
    # A flight without a label changes nothing.
    late, group, day = np.append(late, np.nan), np.append(group, True), pd.Series([*day, 0])
    assert days.difference_by_days(late, group, ~group, day) == pytest.approx(once)


def test_detectors_see_the_columns_that_they_may_judge(pair):
    """Inputs are those that both sides have; a statistic is about no outcome, key or date."""
    rows = pair[0].rows.assign(extra=True)
    delivery = pitfalls.Delivery(rows, ("Month", "DepDelay", "Origin", "Distance", "extra", "gone"))
    assert deliveries.inputs_in(delivery) == ["Month", "DepDelay", "Origin", "Distance", "extra"]
    assert deliveries.inputs_in(delivery, pair[1], numbers=False) == ["Origin"]
    assert deliveries.candidate_inputs(delivery, WORDS, numbers=True) == ["Distance"]
    assert not deliveries.is_number(rows["extra"])
    assert {"DepDelay", "IsDepDelayed"} <= set(deliveries.outcome_columns(WORDS))
    assert "late_3h_origin" in deliveries.course_features()
    label = pd.DataFrame({"IsDepDelayed": ["YES", "NO", None]})
    np.testing.assert_array_equal(deliveries.label_values(label), [1, 0, np.nan])
    late = rows["DepDelay"] >= deliveries.late_minutes()
    assert (deliveries.label_values(rows)[rows["DepDelay"].notna()] == late[rows["DepDelay"].notna()]).all()
    dates = pd.DataFrame({"Year": [2013], "Month": [2], "DayofMonth": [3]})
    assert days.day_numbers(dates).tolist() == [20130203]


def test_limits_and_needs_are_named():
    """Every limit has a number, and a detector that lacks something says what."""
    assert all(value > 0 for value in registry.read_limits().values())
    with pytest.raises(registry.NotAssessableError, match="a log"):
        registry.require([], "a log")
    assert registry.require("there", "a log") is None
    with pytest.raises(UsageError, match=r"no check 'luck'.*choose one of reliable"):
        pitfalls.detector("luck")
