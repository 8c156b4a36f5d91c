"""SHAP values add up, reasons in words are by families, and a forbidden column is refused."""

from __future__ import annotations

import dataclasses
import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from course_utils import tables
from course_utils.data import features, splits
from course_utils.errors import DataError, ModelError, UsageError
from course_utils.model import explain, training
from course_utils.model.explain import attribution

GROUPS = ("schedule", "calendar", "volume")


@pytest.fixture(scope="module")
def split(flights):
    return splits.smaller(splits.split_by_time(flights), 20_000)


@pytest.fixture(scope="module")
def inputs(flights, split):
    rows = split.train.index.append([split.validation.index[:5000], split.test.index[:5000]])
    return features.as_of(flights, 3, only=GROUPS, rows=rows)


@pytest.fixture(scope="module")
def small(split):
    """Return the split with the flights that have inputs."""
    return dataclasses.replace(split, validation=split.validation.iloc[:5000], test=split.test.iloc[:5000])


@pytest.fixture(scope="module")
def fit(small, inputs):
    return training.train_xgboost(small, inputs, eta=0.3, rounds=30)


@pytest.fixture(scope="module")
def rows(small, inputs):
    return inputs.loc[small.test.index[:400]]


@pytest.fixture(scope="module")
def explained(fit, rows):
    return explain.shap_values(fit.scorer, rows)


@pytest.fixture(scope="module")
def numeric(small, inputs):
    return training.train_xgboost(small, explain.ordinal_codes(inputs), eta=0.3, rounds=15, early_stopping=None)


# --------------------------------------------------------------------------- values


def test_the_values_of_a_flight_add_up_to_what_the_scorer_answers(fit, rows, explained):
    """For every flight, start and values add up to the model's own answer."""
    assert explained.gap < 1e-5
    assert explained.adds_up
    assert not dataclasses.replace(explained, start=explained.start + 0.01).adds_up
    assert not dataclasses.replace(explained, start=np.nan).adds_up
    log_odds = explained.start + explained.values.sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-log_odds)), fit.scorer.score(rows), atol=1e-6)
    np.testing.assert_allclose(explained.probability, fit.scorer.score(rows), atol=1e-6)
    assert list(explained.values.columns) == list(fit.scorer.encoder.columns)
    assert explained.values.index.equals(rows.index)


def test_a_row_has_the_same_values_alone_and_among_others_in_any_order_of_columns(fit, rows, explained):
    """A flight explained alone gets the same values as in a report of many flights."""
    alone = explain.shap_values(fit.scorer, rows.iloc[[7], ::-1].assign(unused=1.0))
    pd.testing.assert_frame_equal(alone.values, explained.values.iloc[[7]])
    assert alone.start == explained.start
    matrix = attribution.model_matrix(fit.scorer, rows.iloc[[7], ::-1])
    assert fit.scorer.booster.predict(matrix)[0] == pytest.approx(explained.probability.iloc[7])
    part = explained.of(rows.index[[7, 3]])
    pd.testing.assert_frame_equal(part.values, explained.values.iloc[[7, 3]])
    assert part.gap < 1e-5
    with pytest.raises(DataError, match="flight -1 was not explained"):
        explained.of(pd.Index([-1]))


def test_values_that_do_not_add_up_are_never_handed_out(fit, rows, monkeypatch):
    """A wrong explanation is an error, not a report."""
    monkeypatch.setattr(attribution, "_TOLERANCE", -1.0)
    with pytest.raises(ModelError, match="do not add up to the model's log-odds"):
        explain.shap_values(fit.scorer, rows.head(3))


def test_the_package_shap_gives_the_same_values(fit, rows, explained):
    """The deck's two lines of the package shap give the same values as the course."""
    shap = pytest.importorskip("shap", reason="the interpretability group is not installed")
    values = shap.TreeExplainer(fit.scorer.booster).shap_values(fit.scorer.encoder.transform(rows.head(50)))
    np.testing.assert_array_equal(values, explained.values.head(50))


def test_interventional_values_are_shapleys_shares_against_the_background(inputs, small):
    """They start at the mean of the background, and agree with the definition for each column."""
    pytest.importorskip("shap", reason="the interpretability group is not installed")
    columns = ["CRSDepTime", "UniqueCarrier", "DayOfWeek", "Distance"]
    numbers = explain.ordinal_codes(inputs)[columns]
    scorer = training.train_xgboost(small, numbers, eta=0.3, rounds=15, early_stopping=None).scorer
    background, asked = numbers.loc[small.train.index[:20]], numbers.loc[small.test.index[:5]]
    made = explain.shap_values(scorer, asked, background)
    assert made.gap < 1e-4
    assert made.start == pytest.approx(explain.shap_values(scorer, background).log_odds.mean(), abs=1e-5)
    for label in asked.index:
        worth = explain.coalition_values(scorer, asked.loc[[label]], background, {name: [name] for name in columns})
        shares = explain.shapley(worth)[columns]
        np.testing.assert_allclose(made.values.loc[label], shares, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda f, r: explain.shap_values(f.scorer, r.head(0)), UsageError, "no flight to explain"),
        (lambda f, r: explain.shap_values(f.scorer, r.drop(columns="Distance")), DataError, "column Distance"),
        (lambda f, r: explain.shap_values(f.scorer, r, r), UsageError, r"categories \(UniqueCarrier\).*ordinal_codes"),
        (lambda f, r: explain.coalition_values(f.scorer, r, r), UsageError, "one flight is explained at a time"),
        (
            lambda f, r: explain.coalition_values(f.scorer, r.head(1), r.head(0)),
            UsageError,
            "one flight is explained at a time",
        ),
        (
            lambda f, r: explain.coalition_values(f.scorer, r.head(1), r, {str(n): [] for n in range(13)}),
            UsageError,
            "13 families make too many",
        ),
        (lambda f, r: explain.proxy_strength(r, "Captain"), UsageError, "no column 'Captain'"),
        (
            lambda f, r: explain.proxy_strength(r.head(50), "UniqueCarrier"),
            UsageError,
            "50 flights with a value",
        ),
        (lambda f, r: explain.proxy_columns(pd.Series({"Dest": 0.5})), UsageError, "explain.proxy_strength"),
        (lambda f, r: explain.add_near_duplicates(r, "Origin"), UsageError, "no numeric column 'Origin'"),
        (lambda f, r: explain.add_near_duplicates(r, "Distance", copies=0), UsageError, "copies nothing"),
        (lambda f, r: explain.add_near_duplicates(r, "Distance", noise=0), UsageError, "copies nothing"),
        (lambda f, r: explain.families(["Captain"]), UsageError, "'Captain' belongs to no family"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_its_reason(fit, rows, call, error, says):
    """A call that makes no sense is refused with the reason and the fix."""
    with pytest.raises(error, match=says):
        call(fit, rows)


def test_no_background_is_refused(numeric, inputs):
    """An empty background is refused."""
    with pytest.raises(UsageError, match="no flight to compare with"):
        explain.shap_values(
            numeric.scorer, explain.ordinal_codes(inputs.head(3)), explain.ordinal_codes(inputs.head(0))
        )


def test_categories_become_their_place_in_the_alphabet_whatever_order_they_were_stored_in():
    """The same airline has the same number in every table with the same airlines; a missing one is NaN."""
    texts = pd.DataFrame({"carrier": ["UA", None, "AA", "DL"], "hour": [1, 2, 3, 4]})
    stored = texts.assign(carrier=pd.Categorical(texts["carrier"], categories=["UA", "DL", "AA"]))
    for frame in (texts, stored):
        made = explain.ordinal_codes(frame)
        np.testing.assert_array_equal(made["carrier"], [2, np.nan, 0, 1])
        assert list(made["hour"]) == [1, 2, 3, 4]


# --------------------------------------------------------------------------- many flights


def test_near_copies_say_nearly_the_same_and_are_the_same_each_time(inputs):
    """Copies correlate with the column, and the same seed makes the same copies."""
    made = explain.add_near_duplicates(inputs.head(500), "CRSDepTime", copies=2)
    added = [name for name in made if name not in inputs]
    assert added == ["CRSDepTime (copy 1)", "CRSDepTime (copy 2)"]
    assert all(made["CRSDepTime"].corr(made[name]) > 0.99 for name in added)
    pd.testing.assert_frame_equal(made, explain.add_near_duplicates(inputs.head(500), "CRSDepTime", copies=2))


def test_families_add_up_what_their_columns_have(explained):
    """A family's value is the sum of its columns' values, and the families cover all columns."""
    summed = explain.by_family(explained.values)
    assert list(summed.columns) == ["timetable", "holidays", "traffic"]
    np.testing.assert_allclose(summed["traffic"], explained.values[features.groups()["volume"]].sum(axis=1))
    np.testing.assert_allclose(summed.sum(axis=1) + explained.start, explained.log_odds, atol=1e-4)
    own = {"a": ["Distance"], "b": [name for name in explained.values if name != "Distance"]}
    np.testing.assert_array_equal(explain.by_family(explained.values, own)["a"], explained.values["Distance"])
    for wrong in ({"a": ["Distance"]}, {**own, "c": ["Distance"]}, {**own, "c": ["Captain"]}):
        with pytest.raises(UsageError, match="just one family"):
            explain.by_family(explained.values, wrong)


def test_every_feature_of_the_course_has_a_family_with_words():
    """Every input of the model has a family with a text for passengers."""
    every = [name for names in features.groups().values() for name in names]
    assert sorted(name for names in explain.families().values() for name in names) == sorted(every)
    assert all(family["passenger"].endswith(".") for family in tables.read_toml("reasons.toml")["family"])


def test_agreement_is_the_share_with_the_same_strongest_reason():
    """If half of the flights keep their strongest reason, the agreement is one half."""
    one = pd.DataFrame({"a": [2.0, 2.0], "b": [1.0, 1.0]})
    other = pd.DataFrame({"b": [1.0, 3.0], "a": [2.0, -9.0]})
    assert explain.top_reason_agreement(one, other) == 0.5
    assert explain.top_reason_agreement(one, one) == 1
    for wrong in (one.iloc[:1], one.rename(columns={"a": "c"}), one.set_axis([5, 6])):
        with pytest.raises(DataError, match="not of the same flights and columns"):
            explain.top_reason_agreement(one, wrong)


def test_resampled_days_keep_days_whole_and_the_other_parts_as_they_are(split):
    """Each day occurs with all of its flights: never, once or several times."""
    drawn = explain.resampled_days(split, seed=1)
    before, after = (splits.day(part.train).value_counts() for part in (split, drawn))
    times = (after / before).fillna(0)
    assert (times % 1 == 0).all()
    assert set(times) >= {0, 1, 2}
    assert drawn.validation is split.validation
    assert drawn.test is split.test
    assert "seed 1" in drawn.name
    again = explain.resampled_days(split, seed=1).train.index
    assert again.equals(drawn.train.index)
    assert not explain.resampled_days(split, seed=2).train.index.equals(again)


# --------------------------------------------------------------------------- reasons


def made_up(values: dict[str, list[float]], rows: dict[str, list] | None = None) -> explain.Explanation:
    """Return an explanation with these values."""
    frame = pd.DataFrame(values, index=[f"flight {number}" for number in range(len(next(iter(values.values()))))])
    given = pd.DataFrame(rows or dict.fromkeys(values, 1.0), index=frame.index)
    return explain.Explanation(frame, -1.0, given, -1.0 + frame.sum(axis=1))


def test_a_passenger_hears_the_strongest_families_first_and_only_what_raises_the_risk():
    """A passenger gets at most two reasons, the strongest first, in plain words."""
    explanation = made_up(
        {"late_1h_all": [0.5, -0.4], "late_3h_all": [0.3, 0.1], "visib": [0.9, 0.2], "CRSDepTime": [0.4, 0.05]},
        {"late_1h_all": [0.456, 0.1], "late_3h_all": [0.2, 0.2], "visib": [np.nan, 2.0], "CRSDepTime": [1730, 600]},
    )
    given = explain.reasons(explanation)
    assert given.loc["flight 0", "family"].to_list() == ["weather", "today's delays"]
    assert given.loc["flight 0", "odds ×"].to_list() == [round(math.exp(0.9), 2), round(math.exp(0.8), 2)]
    assert given.loc["flight 0", "column"].to_list() == ["visib", "late_1h_all"]
    assert given.loc["flight 0", "value"].to_list() == ["missing", "0.456"]
    assert given.loc["flight 1", "family"].to_list() == ["weather"]  # 0.05 is too little to be a reason
    assert given.loc[("flight 0", 1), "passenger"].startswith("The weather at your airport")
    third = explain.reasons(explanation, most=3).loc[("flight 0", 3)]
    assert (third["family"], third["value"]) == ("timetable", "1730")
    assert not any(name in text for text in given["passenger"] for name in explanation.values)


def test_a_flight_without_a_reason_is_given_none():
    """A flight whose odds nothing raises gets no reason."""
    given = explain.reasons(made_up({"visib": [-0.2], "CRSDepTime": [0.01]}))
    assert given.empty
    assert "passenger" in given


def test_a_model_that_uses_what_is_forbidden_gets_no_reasons_at_all(fit, explained, rows):
    """A model that uses a forbidden column gets no reasons, and the error names the column."""
    with pytest.raises(UsageError, match=r"uses UniqueCarrier, Distance, which must not be a reason.*train without it"):
        explain.reasons(explained, ["UniqueCarrier", "TailNum", "Distance"])
    given = explain.reasons(explained, ["TailNum"])
    assert not given.empty
    assert given["family"].isin(["timetable", "holidays", "traffic"]).all()
    assert (given["odds ×"] >= 1.1).all()
    with pytest.raises(UsageError, match="most=0"):
        explain.reasons(explained, most=0)
    with pytest.raises(UsageError, match="the family 'mine' has no words"):
        explain.reasons(explained, of={"mine": list(explained.values)})


def test_what_gives_a_forbidden_column_away_is_found():
    """A proxy of the forbidden column is named, and a random column is not."""
    rng = np.random.default_rng(0)
    carrier = rng.choice(["AA", "DL", "UA"], 2000, p=[0.5, 0.3, 0.2])
    spoilt = np.where(rng.random(2000) < 0.2, rng.choice(["AA", "DL", "UA"], 2000), carrier)
    frame = pd.DataFrame(
        {
            "UniqueCarrier": carrier,
            "rate": pd.Series(carrier).map({"AA": 0.1, "DL": 0.2, "UA": 0.3}),
            "Dest": pd.Categorical(spoilt),
            "wind": rng.normal(size=2000),
        }
    )
    found = explain.proxy_strength(frame, "UniqueCarrier")
    assert list(found.index[:3]) == ["all together", "guessing the commonest", "rate"]
    assert found["rate"] == found["all together"] == 1
    assert 0.8 < found["Dest"] < 0.95
    assert found["guessing the commonest"] == pytest.approx(0.5, abs=0.05)
    assert explain.proxy_columns(found) == ["rate", "Dest"]
    assert explain.proxy_columns(found, 0.95) == ["rate"]
    pd.testing.assert_series_equal(found, explain.proxy_strength(frame, "UniqueCarrier"))


# --------------------------------------------------------------------------- the definition, and other tools


def game(worth) -> pd.Series:
    """Return a game over three players from a function of the set."""
    sets = [frozenset(some) for size in range(4) for some in combinations("abc", size)]
    return pd.Series([worth(some) for some in sets], index=pd.Index(sets, tupleize_cols=False, dtype=object))


def test_shapley_shares_add_up_and_are_fair():
    """A player who adds nothing gets nothing, and two players share their bonus equally."""
    glove = game(lambda some: 2.0 * ("a" in some) + 3.0 * ({"a", "b"} <= some) + 1.0)
    assert explain.shapley(glove).to_dict() == pytest.approx({"a": 3.5, "b": 1.5, "c": 0.0})


def test_lime_finds_a_straight_line_where_there_is_one_and_does_not_add_up_elsewhere():
    """On a plain sum the slopes are exact; on a game with a bonus they do not add up."""
    plain = game(lambda some: 1.0 * ("a" in some) - 2.0 * ("b" in some))
    assert explain.lime(plain).to_dict() == pytest.approx({"a": 1, "b": -2, "c": 0}, abs=1e-3)
    bonus = game(lambda some: 3.0 * ({"a", "b"} <= some))
    assert abs(explain.lime(bonus).sum() - 3) > 0.1
    with pytest.raises(UsageError, match="width=0"):
        explain.lime(plain, 0)


def test_coalitions_go_from_the_background_to_the_flight(fit, rows, small, inputs):
    """With no family kept the flight is like the background, with all of them it is itself."""
    background = inputs.loc[small.train.index[:30]]
    worth = explain.coalition_values(fit.scorer, rows.iloc[[0]], background)
    assert len(worth) == 8
    itself = explain.shap_values(fit.scorer, rows.iloc[[0]]).log_odds.iloc[0]
    assert worth[frozenset(["timetable", "holidays", "traffic"])] == pytest.approx(itself, abs=1e-5)
    shares = explain.shapley(worth)
    assert shares.sum() == pytest.approx(worth.iloc[-1] - worth.iloc[0], abs=1e-9)
    mixed = background.assign(**{name: rows[name].iloc[0] for name in features.groups()["calendar"]})
    expected = explain.shap_values(fit.scorer, mixed).log_odds.mean()
    assert worth[frozenset(["holidays"])] == pytest.approx(expected, abs=1e-5)


# --------------------------------------------------------------------------- tables


def test_the_measured_stability_is_that_of_twenty_seeds_and_twenty_draws():
    """In every measurement, families are more stable than columns."""
    measured = explain.stability()
    assert list(measured.index) == ["seed", "training days"]
    assert (measured["models"] == 20).all()
    assert (measured["family, lowest [%]"] > measured["column, mean [%]"]).all()
    assert (measured["family, kappa"] > measured["column, kappa"]).all()


def test_methods_and_sources_are_complete():
    """Each method says when it is right and when it misleads, and each source of the deck what it is today."""
    assert (explain.methods()[["answers", "right", "misleads"]].map(len) > 10).all(axis=None)
    assert (explain.deck_sources()[["then", "now", "here"]].map(len) > 10).all(axis=None)
    assert len(explain.deck_sources()) == 4


def test_the_approval_pack_answers_every_question_and_leaves_the_signatures_open(fit, explained, inputs):
    """The pack says which families matter and whether a forbidden column is used; two rows are for signatures."""
    left = explain.proxy_strength(inputs, "UniqueCarrier")
    pack = explain.approval_pack(fit.scorer, explained, "UniqueCarrier", left)
    assert pack.loc["Does it use what it must not?", "answer"] == "UniqueCarrier: used"
    assert pack.loc["What do its answers rest on?", "answer"].startswith("timetable ")
    assert pack.loc["What was it trained on?", "answer"].startswith("nyc2013, 20,000 flights")
    assert pack["answer"].to_list()[-2:] == ["", ""]
    assert (pack["answer"].iloc[:-2] != "").all()
    without = dataclasses.replace(fit.scorer, card={})
    with pytest.raises(ModelError, match="no card"):
        explain.approval_pack(without, explained, "UniqueCarrier", left)
