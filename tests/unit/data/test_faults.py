"""Injected faults: in the recorded rows and columns, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from course_utils.data import faults, features
from course_utils.errors import DataError, UsageError
from course_utils.model import pitfalls

NAMES = list(faults.catalogue().index)


@pytest.fixture(scope="module")
def clean(flights: pd.DataFrame) -> faults.Delivery:
    """Return ten days of March with the weather that was known beside them."""
    rows = flights[(flights["Month"] == 3) & (flights["DayofMonth"] <= 10)]
    rows.attrs = {"dataset": "nyc2013"}
    return pitfalls.make_delivery(rows, features.as_of(rows, 3, only=["schedule", "trailing", "weather"]))


def different(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Say where two tables of the same rows differ, missing values counting as equal."""
    shared = one.index.intersection(other.index)
    columns = [name for name in one.columns if name in other.columns]
    left, right = (part.loc[shared, columns].astype(object) for part in (one, other))
    return ~((left == right) | (left.isna() & right.isna()))


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_is_where_its_truth_says_and_nowhere_else(clean: faults.Delivery, name: str):
    """The record of a fault is what changed in the rows."""
    rows, truth = faults.plant(name, clean.rows, 7)
    changed = different(clean.rows, rows)
    touched = set(changed.columns[changed.any()])
    assert touched <= {*truth.columns, "DepDelay"} | ({"IsDepDelayed"} if name == "feedback" else set())
    assert set(changed.index[changed.any(axis=1)]) <= set(truth.rows)
    assert len(truth.rows) > 0
    assert truth.check in pitfalls.checks().index
    assert set(truth.adds) <= set(rows.columns)


@pytest.mark.parametrize("name", NAMES)
def test_the_rows_given_are_left_alone_and_a_seed_is_a_fault(clean: faults.Delivery, name: str):
    """Injecting a fault changes no input, and the same seed injects the same fault."""
    before = clean.rows.copy()
    one, first = faults.plant(name, clean.rows, 3)
    other, second = faults.plant(name, clean.rows, np.random.default_rng(3))
    pd.testing.assert_frame_equal(clean.rows, before)
    pd.testing.assert_frame_equal(one, other)
    assert first.columns == second.columns
    assert first.rows.equals(second.rows)


@pytest.mark.parametrize("name", ["outliers", "flipped_labels", "new_carrier", "kilometres", "duplicated"])
def test_a_stronger_fault_is_in_more_rows(clean: faults.Delivery, name: str):
    """The strength says how many flights a fault is in."""
    sizes = [len(faults.plant(name, clean.rows, 1, strength)[1].rows) for strength in (0.02, 0.2, 0.9)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_what_cannot_be_planted_is_refused(clean: faults.Delivery):
    """An unknown fault, no strength, no rows and rows that cannot hold it are named."""
    with pytest.raises(UsageError, match="no fault 'gremlins'"):
        faults.plant("gremlins", clean.rows, 0)
    with pytest.raises(UsageError, match="injects nothing"):
        faults.plant("outliers", clean.rows, 0, 0)
    with pytest.raises(UsageError, match="no fault 'gremlins'"):
        faults.contaminate(clean, 0, ["gremlins"])
    with pytest.raises(DataError, match="are no flights"):
        faults.plant("outliers", clean.rows.head(0), 0)
    with pytest.raises(DataError, match="rarer than that"):
        faults.plant("imbalanced", clean.rows, 0, 0.9)
    with pytest.raises(DataError, match="two large carriers"):
        one = clean.rows[clean.rows["UniqueCarrier"] == "UA"]
        faults.plant("swapped_carriers", one, 0)


def test_feedback_cures_warned_delays_only(clean: faults.Delivery):
    """A warning changes what is recorded of flights that were warned, and an untouched flight stays as it was."""
    delivery, truth = faults.contaminate(clean, 5, ["feedback"])
    was_late = clean.rows["IsDepDelayed"].astype(object) == "YES"
    is_late = delivery.rows["IsDepDelayed"].astype(object) == "YES"
    cured = was_late & ~is_late
    assert cured.sum() == truth["rows"].item() > 0
    assert delivery.log.loc[cured, "warned"].all()
    assert not delivery.log.loc[cured, "held_out"].any()
    assert (delivery.rows.loc[cured, "DepDelay"] < 15).all()


def test_a_model_of_mine_may_write_the_log(clean: faults.Delivery):
    """The log holds the probabilities of the model that I pass, and warns above the course's threshold."""
    delivery, _ = faults.contaminate(clean, 5, [], model=lambda rows: np.linspace(0, 1, len(rows)))
    log = delivery.log
    assert list(log.columns) == list(faults.LOG_COLUMNS)
    assert log.loc[log["warned"], "probability"].min() >= 0.4
    assert 0.02 < log["held_out"].mean() < 0.09
    assert "probability" not in delivery.rows.columns


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_mix_holds_one_fault_for_each_of_so_many_checks(clean: faults.Delivery, seed: int):
    """Six faults belong to six checks; asking for more than there are gives one for each check."""
    _, truth = faults.contaminate(clean, seed)
    assert len(truth) == truth["check"].nunique() == 6
    _, all_of_them = faults.contaminate(clean, seed, 99)
    mixed = {row["check"] for row in faults._catalogue().values() if row.get("mixed", True)}
    assert set(all_of_them["check"]) == mixed <= set(pitfalls.checks().index)


def test_a_fault_kept_out_of_mixes_changes_no_seed(clean: faults.Delivery, monkeypatch):
    """A fault with ``mixed = false`` leaves the mix of every seed as it was; without it, seeds draw others."""
    known, before = faults._catalogue(), [faults._drawn(np.random.default_rng(seed), 6) for seed in range(20)]
    extra = {"name": "extra", "check": "lucky", "when": "training", "strength": 1.0, "what": "nothing"}
    for row, same in ((extra | {"mixed": False}, True), (extra, False)):
        monkeypatch.setattr(faults, "_catalogue", lambda row=row: known | {"extra": row})
        drawn = [faults._drawn(np.random.default_rng(seed), 6) for seed in range(20)]
        assert (drawn == before) is same


def test_seeds_differ_and_repeat(clean: faults.Delivery):
    """An instructor gets a fresh audit from a fresh seed, and the same one from the same seed."""
    truths = [faults.contaminate(clean, seed)[1] for seed in (1, 1, 2, 3)]
    pd.testing.assert_frame_equal(truths[0], truths[1])
    assert len({tuple(truth["fault"]) for truth in truths}) == 3


TRUTH = pd.DataFrame(
    {
        "fault": ["outage", "twin", "duplicated"],
        "check": ["reliable", "correlated", "duplicates"],
        "where": ["temp, dewp", "block_hours", ""],
    }
)


@pytest.mark.parametrize(
    ("found", "precision", "recall", "missed"),
    [
        ([], 0, 0, "outage, twin, duplicated"),
        ([("reliable", "dewp"), ("correlated", "Distance, block_hours"), ("duplicates", "")], 1, 1, ""),
        ([("duplicates", "FlightNum"), ("reliable", "temp"), ("reliable", "dewp")], 1, 0.67, "twin"),
        ([("reliable", "humid"), ("correlated", "block_hours")], 0.5, 0.33, "outage, duplicated"),
        ([("outliers", "temp"), ("reliable", "temp")], 1, 0.33, "twin, duplicated"),
        ([("labels", "IsDepDelayed")], 0, 0, "outage, twin, duplicated"),
    ],
)
def test_findings_are_scored_by_check_and_column(found, precision, recall, missed):
    """I am credited for the right check at one of the right columns; another check there is not held against me."""
    given = [{"check": check, "where": where} for check, where in found]
    for form in (given, pd.DataFrame(given, columns=["check", "where"])):
        result = faults.score(form, TRUTH)
        assert (result["precision"], result["recall"], result["missed"]) == (precision, recall, missed)


def test_what_is_true_of_clean_flights_is_neither_right_nor_wrong():
    """Distance and elapsed time say the same in every delivery: naming them costs me nothing."""
    natural = pd.DataFrame([{"check": "correlated", "where": "CRSElapsedTime, Distance"}])
    found = [{"check": "correlated", "where": "Distance, CRSElapsedTime"}, {"check": "reliable", "where": "temp"}]
    assert faults.score(found, TRUTH)["wrong"] == 1
    assert faults.score(found, TRUTH, natural=natural)["wrong"] == 0


def test_findings_without_check_or_place_are_refused():
    """Findings without `where` are refused."""
    with pytest.raises(UsageError, match="no 'where'"):
        faults.score([{"check": "labels"}], TRUTH)


def test_places_are_compared_column_by_column():
    """One shared column is enough, in whatever order; a fault of whole rows wants its check only."""
    assert faults.finding_matches(("reliable", "dewp ,temp"), ("reliable", "temp"))
    assert not faults.finding_matches(("omitted", "temp"), ("reliable", "temp"))
    assert faults.finding_matches(("duplicates", "anything"), ("duplicates", ""))


def test_truths_and_deliveries_say_what_they_are(clean: faults.Delivery):
    """Their printed form has numbers, no table."""
    truth = faults.Truth("twin", "correlated", ("block_hours",), clean.rows.index)
    assert truth.adds == ()
    assert repr(clean).startswith("Delivery(")
    assert f"{len(clean.inputs)} inputs" in repr(clean)
