"""Which candidate replaces the model in service, and why the others do not."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pandas as pd
import pytest

from course_utils.errors import ModelError, UsageError

mlflow = pytest.importorskip("mlflow", reason="the tracking group is not installed")
from course_utils.develop import promotion, tracking  # noqa: E402 (they need MLflow)

pytestmark = pytest.mark.slow  # MLflow and a sweep of models: seconds to begin with

NAMES = ["in service", "fresh inputs", "well studied", "clairvoyant", "new feed", "committee"]
POLICY = {"known_hours": 3, "carrier_harm": 0.02, "carrier_flights": 300, "time_ratio": 3}
CHAMPION = {
    "validation_loss": 0.42, "out_of_time_loss": 0.5, "known_hours": 3.0, "carrier_harm": 0.0, "time_ratio": 1.0
}  # fmt: skip
BETTER = {**CHAMPION, "validation_loss": 0.36, "out_of_time_loss": 0.45, "carrier_harm": -0.03, "worst_carrier": "AA"}


@pytest.fixture(scope="module")
def data(flights, mlflow_store):
    """Save the lesson's snapshot in a store of this file."""
    return tracking.save_snapshot(mlflow_store, flights)


@pytest.fixture(scope="module")
def measured(data):
    """Register the candidates, and measure all of them.

    How long they take is measured in processor time: other programs do not stretch it.
    """
    with pytest.raises(ModelError, match=r"run promotion\.candidates first"):
        promotion.registry()
    with pytest.raises(ModelError, match=r"run promotion\.candidates first"):
        promotion.promote(pd.DataFrame(), promotion.promotion_gate)
    promotion.candidates(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(promotion, "time", SimpleNamespace(perf_counter=time.process_time))
        return promotion.measure_candidates(data)


@pytest.fixture
def fresh(measured):
    """Restore the aliases after a test."""
    yield measured
    mlflow.MlflowClient().set_registered_model_alias(promotion.MODEL, promotion.CHAMPION, "1")


# --------------------------------------------------------------------------- the gate by itself


def test_a_candidate_that_is_better_everywhere_passes():
    """A good model passes."""
    assert promotion.promotion_gate(BETTER, CHAMPION, POLICY) == []
    at_the_limits = {**BETTER, "carrier_harm": 0.02, "time_ratio": 3.0}
    assert promotion.promotion_gate(at_the_limits, CHAMPION, POLICY) == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("validation_loss", 0.42, "no better on the months it was chosen by: log-loss 0.420, not under 0.420"),
        ("out_of_time_loss", 0.51, "no better on the later months: log-loss 0.510, not under 0.500"),
        ("known_hours", -1.0, "looks ahead: an input is known too late"),
        ("carrier_harm", 0.1, "harms passengers of AA: log-loss up by 0.100"),
        ("time_ratio", 10.0, "too slow: more than 3 times the champion's time"),
    ],
)
def test_each_fault_is_refused_with_its_own_reason(name, value, says):
    """A refused model has its own reason, and no other."""
    assert promotion.promotion_gate({**BETTER, name: value}, CHAMPION, POLICY) == [says]


@pytest.mark.parametrize("name", promotion.EVIDENCE)
def test_what_was_not_measured_does_not_pass(name):
    """A missing measurement is refused."""
    assert len(promotion.promotion_gate({**BETTER, name: float("nan")}, CHAMPION, POLICY)) == 1


def test_the_graders_candidates_are_judged_by_the_courses_gate_as_stated():
    """The course's own gate gives the answers that the exercise expects."""
    from course_utils import tables

    task = tables.read_toml("tracking.toml")["04.2"]
    assert task["policy"] == promotion.promotion_policy()
    for case in task["case"]:
        reasons = promotion.promotion_gate(
            case["evidence"], case.get("champion", task["champion"]), case.get("policy", task["policy"])
        )
        assert (not reasons) is case["passes"], case["says"]


# --------------------------------------------------------------------------- five candidates


def test_each_candidate_shows_the_fault_that_it_was_made_with(measured):
    """The five candidates are real models, and the measurements show the fault of each."""
    assert list(measured.index) == NAMES
    champion, others = measured.loc["in service"], measured.drop(index="in service")
    assert champion["carrier_harm"] == 0
    assert champion["time_ratio"] == 1
    assert (others["validation_loss"] < champion["validation_loss"]).all()
    assert list(others.index[others["out_of_time_loss"] >= champion["out_of_time_loss"]]) == ["well studied"]
    assert list(others.index[others["known_hours"] < 3]) == ["clairvoyant"]
    assert measured.loc["new feed", "worst_carrier"] == "US"
    assert measured.loc["new feed", "carrier_harm"] > 0.03
    assert measured.loc["fresh inputs", "carrier_harm"] < 0
    assert measured.loc["committee", "time_ratio"] > POLICY["time_ratio"]


def test_one_score_lets_all_five_through_and_crowns_the_one_that_looks_ahead(fresh):
    """A gate with one score chooses the model that cannot work."""
    table = promotion.promote(fresh, promotion.one_score_gate)
    assert list(table["verdict"]) == ["", *["passed"] * 5]
    assert table.loc[table["alias"] == "challenger", "name"].tolist() == ["clairvoyant"]


def test_the_gate_passes_one_and_writes_each_reason_on_its_version(fresh):
    """The registry has the reasons for each verdict."""
    promotion.promote(fresh, promotion.one_score_gate)
    promotion.promote(fresh, promotion.promotion_gate)
    client = mlflow.MlflowClient()
    versions = {name: client.get_model_version(promotion.MODEL, str(place)) for place, name in enumerate(NAMES, 1)}
    assert {name: version.tags.get("verdict") for name, version in versions.items()} == {
        "in service": None, "fresh inputs": "passed", "well studied": "refused", "clairvoyant": "refused",
        "new feed": "refused", "committee": "refused",
    }  # fmt: skip
    for name, says in [
        ("well studied", "later months"),
        ("clairvoyant", "looks ahead"),
        ("new feed", "passengers of US"),
        ("committee", "too slow"),
    ]:
        assert says in versions[name].description
    assert versions["fresh inputs"].description == ""
    assert client.get_model_version_by_alias(promotion.MODEL, "challenger").tags["name"] == "fresh inputs"
    assert client.get_model_version_by_alias(promotion.MODEL, "champion").tags["name"] == "in service"


def test_whoever_asks_for_the_champion_gets_the_promoted_one_and_the_old_one_back(fresh, data):
    """Promotion and rollback change the predictions, without a change in the client's code."""
    promotion.promote(fresh, promotion.promotion_gate)
    client = mlflow.MlflowClient()
    rows = data.requests(20)

    def answers():
        return mlflow.pyfunc.load_model("models:/delays@champion").predict(rows).tolist()

    before = answers()
    winner = client.get_model_version_by_alias(promotion.MODEL, "challenger")
    client.set_registered_model_alias(promotion.MODEL, "champion", winner.version)
    assert answers() != before
    client.set_registered_model_alias(promotion.MODEL, "champion", "1")
    assert answers() == before


def test_where_nobody_passes_there_is_no_challenger(fresh):
    """A challenger loses its alias if it does not pass a stricter gate."""
    promotion.promote(fresh, promotion.one_score_gate)
    table = promotion.promote(fresh, lambda *_: "not this year")
    assert "challenger" not in set(table["alias"])
    assert set(table["reasons"].iloc[1:]) == {"not this year"}


@pytest.mark.parametrize("returned", [[True], [""], [3]])
def test_a_gate_that_gives_no_texts_is_refused(fresh, returned):
    """A gate that does not return texts is refused."""
    with pytest.raises(UsageError, match="did not return a list of texts"):
        promotion.promote(fresh, lambda *_: returned)


def test_a_version_that_was_not_measured_is_not_judged(fresh):
    """A version without measurements is not promoted."""
    with pytest.raises(UsageError, match="'committee' was not measured"):
        promotion.promote(fresh.drop(index="committee"), promotion.promotion_gate)


def test_registering_again_starts_afresh(measured, data):
    """Running the cell twice gives six versions, not twelve."""
    said = promotion.candidates(data)
    assert list(said["name"]) == NAMES
    assert list(promotion.registry().index) == [str(number) for number in range(1, 7)]
