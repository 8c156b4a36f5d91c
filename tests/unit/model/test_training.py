"""Models: what they refuse, what they keep, and that a row has one score wherever it is computed."""

from __future__ import annotations

import importlib
import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost

from course_utils import tables
from course_utils.data import features, splits
from course_utils.errors import DataError, ModelError, UsageError
from course_utils.model import metrics, training
from course_utils.model.training import caching
from course_utils.model.training.encoding import select_rows

FAST = {"rounds": 15, "early_stopping": None, "max_depth": 3, "min_child_weight": 1}


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    """1,440 flights of 2013, 120 a month; evening flights and those of XX are late more often."""
    rng = np.random.default_rng(0)
    count = 1_440
    made = pd.DataFrame(
        {
            "Year": 2013,
            "Month": np.repeat(np.arange(1, 13), count // 12),
            "DayofMonth": np.tile(np.repeat(np.arange(1, 25), 5), 12),
            "CRSDepTime": rng.integers(5, 24, count) * 100,
            "UniqueCarrier": rng.choice(["AA", "DL", "XX"], count),
            "Distance": rng.integers(100, 2_500, count),
        }
    )
    chance = 0.05 + 0.5 * (made["CRSDepTime"] >= 1700) + 0.25 * (made["UniqueCarrier"] == "XX")
    made["DepDelay"] = np.where(rng.random(count) < chance, 40.0, 0.0)
    made["UniqueCarrier"] = made["UniqueCarrier"].astype("category")
    made.attrs["dataset"] = "nyc2013"
    return made


@pytest.fixture(scope="module")
def split(world: pd.DataFrame) -> splits.Split:
    return splits.split_by_time(world)


@pytest.fixture(scope="module")
def inputs(world: pd.DataFrame) -> pd.DataFrame:
    """Three features; Distance is missing here and there."""
    hour = (world["CRSDepTime"] // 100).astype(float)
    distance = world["Distance"].astype(float).where(world.index % 7 != 0)
    return pd.DataFrame({"carrier": world["UniqueCarrier"], "hour": hour, "distance": distance})


@pytest.fixture(scope="module")
def fit(split: splits.Split, inputs: pd.DataFrame) -> training.Fit:
    return training.train_xgboost(split, inputs, **FAST)


# --------------------------------------------------------------------------- rows to numbers


ROWS = pd.DataFrame({"carrier": pd.Categorical(["DL", "AA", None, "DL"]), "hour": [6.0, 7.0, np.nan, 9.0]})


def test_categories_become_their_place_and_numbers_stay():
    """Categories are coded in sorted order, whatever order a file had them in; missing stays missing."""
    encoder = training.Encoder.fit(ROWS)
    assert encoder.categories == {"carrier": ("AA", "DL")}
    assert encoder.feature_types == ["c", "q"]
    matrix = encoder.transform(ROWS)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, np.array([[1, 6], [0, 7], [np.nan, np.nan], [1, 9]], dtype=np.float32))


def test_a_carrier_that_training_never_saw_counts_as_missing():
    """A new carrier is no error and gets no other carrier's code; I can count such rows."""
    encoder = training.Encoder.fit(ROWS)
    new = pd.DataFrame({"carrier": ["ZZ", "AA", None, "ZZ"], "hour": 6.0})
    for rows in (new, new.astype({"carrier": "category"})):
        np.testing.assert_array_equal(encoder.transform(rows)[:, 0], np.array([np.nan, 0, np.nan, np.nan]))
        assert encoder.unseen(rows).to_dict() == {"carrier": 2}


def test_how_a_text_is_stored_does_not_matter():
    """Texts, categories with other neighbours and numbers that name a category get the same code."""
    encoder = training.Encoder.fit(pd.DataFrame({"flight": pd.Categorical([12, 7, 12])}))
    stored = [
        pd.Series([12, 7]),
        pd.Series(["12", "7"]),
        pd.Series(["12", "7"], dtype="string"),
        pd.Series(pd.Categorical(["12", "7"], categories=["99", "7", "12"])),
    ]
    for values in stored:
        assert encoder.transform(values.to_frame("flight"))[:, 0].tolist() == [0, 1]


@pytest.mark.parametrize("stored", ["category", "object"])
def test_a_category_that_is_a_number_scores_the_same_in_company(stored: str):
    """A flight has one score, alone or beside one whose category is missing, which makes floats of whole numbers."""
    rng = np.random.default_rng(0)
    gate = pd.Series(rng.integers(1, 9, 800)).astype(stored)
    late = pd.Series((gate.astype(int) > 4).astype(float))
    encoder = training.Encoder.fit(gate.to_frame("gate"))
    data = xgboost.DMatrix(
        encoder.transform(gate.to_frame("gate")),
        label=late,
        feature_types=encoder.feature_types,
        enable_categorical=True,
    )
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, num_boost_round=20)
    scorer = training.Scorer(booster, encoder)
    alone = scorer.score_one({"gate": 2})
    both = scorer.score(pd.DataFrame([{"gate": 2}, {"gate": None}]))
    assert both[0] == pytest.approx(alone) and alone < 0.1 and abs(both[1] - alone) > 0.1
    assert encoder.unseen(pd.DataFrame({"gate": [2, None, 99]})).to_dict() == {"gate": 1}


def test_what_a_model_cannot_read_is_named():
    """An infinite number, a number too large for it, dates as a category and two columns of one name are refused."""
    encoder = training.Encoder.fit(ROWS)
    for value in (np.inf, -np.inf, 1e300):
        with pytest.raises(DataError, match=r"column hour, row 2: holds .* where a number belongs"):
            encoder.transform(ROWS.assign(hour=[1, 2, value, 4]))
    with pytest.raises(DataError, match="column carrier: holds dates"):
        encoder.transform(ROWS.assign(carrier=pd.Timestamp("2013-01-01")))
    with pytest.raises(DataError, match="column day: holds dates"):
        training.Encoder.fit(ROWS.assign(day=pd.Timestamp("2013-01-01", tz="UTC")))
    twice = pd.concat([ROWS, ROWS[["hour"]]], axis=1)
    for ask in (encoder.transform, training.Encoder.fit):
        with pytest.raises(DataError, match="column hour: occurs more than once"):
            ask(twice)


def test_columns_are_found_by_name():
    """Columns in another order, and columns too many, do not change what the model reads."""
    encoder = training.Encoder.fit(ROWS)
    other = ROWS.assign(more=1)[["hour", "more", "carrier"]]
    np.testing.assert_array_equal(encoder.transform(other), encoder.transform(ROWS))


def test_an_absent_column_is_named():
    """Rows without a column of the training rows are refused by its name."""
    encoder = training.Encoder.fit(ROWS)
    for ask in (encoder.transform, encoder.unseen):
        with pytest.raises(DataError, match="column carrier: the model needs this column"):
            ask(ROWS[["hour"]])


@pytest.mark.parametrize("wrong", ["noon", "12", pd.Timestamp("2013-01-01")])
def test_text_where_a_number_belongs_is_named(wrong: object):
    """Text or a date in a number's column is refused with column, row and value, even text that looks like a number."""
    encoder = training.Encoder.fit(ROWS)
    rows = ROWS.assign(hour=pd.Series([6.0, wrong, None, 9.0], dtype=object))
    with pytest.raises(DataError, match=r"column hour, row 1: holds .*(noon|12|2013).* where a number belongs"):
        encoder.transform(rows)


def test_numbers_in_any_dress_are_numbers():
    """Integer, nullable, object and Boolean columns are read as numbers."""
    encoder = training.Encoder.fit(ROWS)
    plain = encoder.transform(ROWS.assign(hour=[1.0, 0.0, np.nan, 1.0]))
    for dressed in (
        pd.Series([1, 0, None, 1], dtype="Int64"),
        pd.Series([1, 0, None, 1], dtype=object),
        pd.Series([True, False, None, True], dtype=object),
        pd.Series([True, False, None, True], dtype="boolean"),
        pd.Series(pd.Categorical([1, 0, None, 1])),
    ):
        np.testing.assert_array_equal(encoder.transform(ROWS.assign(hour=dressed)), plain)


def test_rows_are_looked_up_in_the_order_of_the_flights():
    """I get one row for each flight, in the order that I asked for."""
    flights = pd.DataFrame(index=[9, 3])
    assert select_rows(pd.Series({3: "a", 7: "b", 9: "c"}), flights).tolist() == ["c", "a"]


# --------------------------------------------------------------------------- one path to a score


def test_one_row_scores_as_it_does_among_many(fit: training.Fit, inputs: pd.DataFrame):
    """A flight has the same score alone, among others, in another order and as a mapping, to the last bit."""
    rows = inputs.iloc[:200]
    together = fit.scorer.score(rows)
    assert together.dtype == np.float32
    assert len(np.unique(together)) > 20
    alone = np.concatenate([fit.scorer.score(rows.iloc[[place]]) for place in range(len(rows))])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(fit.scorer.score(rows.iloc[::-1])[::-1], together)
    mapped = [fit.scorer.score_one(row) for row in rows.head(20).to_dict("records")]
    assert mapped == together[:20].astype(float).tolist()


def test_missing_values_may_be_sent_as_none(fit: training.Fit):
    """A row from JSON, where missing is None, scores as one with NaN."""
    asked = fit.scorer.score_one({"carrier": "XX", "hour": None, "distance": 500})
    frame = pd.DataFrame({"carrier": pd.Categorical(["XX"]), "hour": [np.nan], "distance": [500.0]})
    assert asked == fit.scorer.score(frame).item()
    assert asked == fit.scorer.score_one({"carrier": "XX", "hour": np.nan, "distance": 500.0})
    assert asked != fit.scorer.score_one({"carrier": "XX", "hour": 0, "distance": 500.0})
    assert fit.scorer.score_one({"carrier": None, "hour": 9, "distance": 5}) > 0


def test_no_rows_have_no_scores(fit: training.Fit, inputs: pd.DataFrame):
    """An empty batch is answered with no scores, not with an error."""
    assert fit.scorer.score(inputs.head(0)).shape == (0,)


def test_the_scorer_says_what_xgboost_says(fit: training.Fit, inputs: pd.DataFrame):
    """The scores are those of XGBoost's own way from a frame with categories to a probability."""
    matrix = xgboost.DMatrix(
        fit.scorer.encoder.transform(inputs), feature_names=list(inputs.columns), feature_types=["c", "q", "q"],
        enable_categorical=True,
    )  # fmt: skip
    np.testing.assert_array_equal(fit.scorer.score(inputs), fit.scorer.booster.predict(matrix))


def test_threads_do_not_change_a_score(split: splits.Split, inputs: pd.DataFrame, fit: training.Fit):
    """A model that fits and scores on two threads gives the scores of one thread, to the last bit."""
    two = training.train_xgboost(split, inputs, **FAST, nthread=2)
    np.testing.assert_array_equal(two.predict(split.test), fit.predict(split.test))
    before = fit.scorer.score(inputs)
    fit.scorer.booster.set_param({"nthread": 2})
    np.testing.assert_array_equal(fit.scorer.score(inputs), before)
    fit.scorer.booster.set_param({"nthread": 1})


# --------------------------------------------------------------------------- fitting


def test_the_model_learns_what_there_is_to_learn(fit: training.Fit, split: splits.Split):
    """On later flights the model ranks late flights above others, and its mean score is near the share late."""
    table = training.compare({"model": fit, "constant": training.train_rate_table(split)}, split.test)
    assert table.loc["model", "AUC"] > 0.75
    assert table.loc["constant", "AUC"] == 0.5
    assert table.loc["model", "log-loss"] < table.loc["constant", "log-loss"]
    assert table.loc["model", "mean score"] == pytest.approx(features.label(split.test).mean(), abs=0.06)
    assert repr(fit) == "XGBoost, 15 rounds, 3 inputs"


def test_a_flight_that_has_no_label_is_scored_all_the_same(fit: training.Fit, world: pd.DataFrame):
    """A flight of tomorrow has no outcome yet and gets a score; one without inputs is refused by name."""
    tomorrow = world.tail(2).assign(DepDelay=np.nan)
    assert fit.predict(tomorrow).shape == (2,)
    with pytest.raises(DataError, match="inputs lack flight 99999"):
        fit.predict(tomorrow.set_axis([5, 99_999]))


def test_early_stopping_keeps_the_best_round(split: splits.Split, inputs: pd.DataFrame):
    """Training stops some rounds after the best one, and the model that I get is that of the best round."""
    fit = training.train_xgboost(split, inputs, rounds=400, early_stopping=10, eta=0.5, min_child_weight=1)
    best = fit.curve["validation"].idxmin()
    assert fit.rounds == best == fit.scorer.booster.num_boosted_rounds()
    assert len(fit.curve) == best + 10 < 400
    assert fit.curve.index[0] == 1
    loss = metrics.log_loss(features.label(split.validation), fit.predict(split.validation))
    assert loss == pytest.approx(fit.curve["validation"].min(), abs=1e-5)


def test_without_early_stopping_all_rounds_are_kept(fit: training.Fit):
    """With early_stopping=None the model has the rounds I asked for."""
    assert fit.rounds == len(fit.curve) == fit.scorer.booster.num_boosted_rounds() == 15


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rounds": 0}, "rounds=0 fits nothing"),
        ({"rounds": 20, "early_stopping": 20}, "after 20 rounds can never act within 20 rounds"),
        ({"early_stopping": 0}, "early_stopping=0 stops before the first round"),
        ({"max_dept": 3}, 'does not use "max_dept"'),
        ({"max_depth": -3}, "value -3 for Parameter max_depth"),
        ({"objective": "nix"}, "refuses: Unknown objective function: `nix`"),
    ],
)
def test_settings_that_cannot_work_are_refused(split, inputs, options, words):
    """Settings that fit nothing, stop never or at once, are misspelt or out of range are refused, with the fix."""
    with pytest.raises(UsageError, match=words):
        training.train_xgboost(splits.smaller(split, 50), inputs, **({"rounds": 3, "early_stopping": None} | options))


def test_inputs_of_other_flights_are_refused(split: splits.Split, inputs: pd.DataFrame):
    """Inputs or labels that lack a flight, or have one twice, are refused by its label."""
    double = pd.concat([inputs, inputs.head(1)])
    for fitted in (training.train_xgboost, training.train_logistic):
        with pytest.raises(DataError, match="inputs lack flight 0"):
            fitted(split, inputs.iloc[1:])
        with pytest.raises(DataError, match="inputs have a flight twice"):
            fitted(split, double)
    labels = features.label(split.train)
    with pytest.raises(DataError, match="labels lack flight 960"):
        training.train_xgboost(split, inputs, labels=labels)
    everywhere = pd.concat([labels, features.label(split.validation)])
    with pytest.raises(DataError, match="flight 7 has no label"):
        training.train_xgboost(split, inputs, labels=everywhere.where(everywhere.index != 7))


def test_a_column_that_is_empty_in_training_does_no_harm(split: splits.Split, inputs: pd.DataFrame, fit: training.Fit):
    """A feature that training has no value of changes no score, even when values come later."""
    empty = pd.Series(None, index=inputs.index, dtype="category")
    more = training.train_xgboost(split, inputs.assign(nothing=np.nan, word=empty), **FAST)
    later = inputs.assign(nothing=1.0, word="new")
    np.testing.assert_array_equal(more.scorer.score(later), fit.scorer.score(inputs))


# --------------------------------------------------------------------------- baselines


def test_a_table_answers_with_the_share_late_of_the_key(split: splits.Split, world: pd.DataFrame):
    """Without a prior the table says the share late of the training flights with the same key."""
    table = training.train_rate_table(split, {"carrier": world["UniqueCarrier"]}, prior=0)
    assert isinstance(table, training.RateTable)
    late = features.label(split.train).groupby(split.train["UniqueCarrier"], observed=True).mean()
    wanted = split.test["UniqueCarrier"].astype(str).map(late.to_dict()).to_numpy(dtype=float)
    np.testing.assert_allclose(table.predict(split.test), wanted)


def test_the_prior_quietens_a_rare_key(split: splits.Split, world: pd.DataFrame):
    """A key with one training flight, late, gets a rate near the base rate; without a prior it gets 1."""
    key = pd.Series("common", index=world.index)
    late = features.label(split.train)
    one = late.index[late == 1][0]
    key[[one, split.test.index[0]]] = "rare"
    rates = [training.train_rate_table(split, {"key": key}, prior=prior).predict(split.test)[0] for prior in (0, 20)]
    assert rates[0] == 1
    assert rates[1] == pytest.approx((1 + 20 * late.mean()) / 21)
    with pytest.raises(UsageError, match="prior=-1"):
        training.train_rate_table(split, prior=-1)


def test_a_key_that_training_never_saw_gets_the_base_rate(split: splits.Split, world: pd.DataFrame):
    """A month that training lacks, and a table without a key, get the share late of all training flights."""
    base_rate = features.label(split.train).mean()
    by_month = training.train_rate_table(split, {"month": world["Month"], "carrier": world["UniqueCarrier"]})
    for table in (by_month, training.train_rate_table(split)):
        np.testing.assert_allclose(table.predict(split.test), base_rate)


def test_a_table_names_flights_that_it_knows_nothing_of(split: splits.Split, world: pd.DataFrame):
    """A key that does not cover the split, or a flight that is not of the split, is refused in words."""
    with pytest.raises(DataError, match="values of 'carrier' lack flight 0"):
        training.train_rate_table(split, {"carrier": world["UniqueCarrier"].iloc[1:]})
    with pytest.raises(DataError, match="keys lack flight 99999"):
        training.train_rate_table(split).predict(world.tail(1).set_axis([99_999]))


def test_a_logistic_regression_is_asked_like_the_others(split: splits.Split, inputs: pd.DataFrame):
    """Logistic regression copes with missing numbers and a carrier that training never saw, and ranks well."""
    logistic = training.train_logistic(split, inputs)
    assert isinstance(logistic, training.Logistic)
    assert training.compare({"logistic": logistic}, split.test)["AUC"].item() > 0.75
    changed = inputs["carrier"].astype(object).where(~inputs.index.isin(split.test.index), "ZZ").astype("category")
    unseen = training.train_logistic(split, inputs.assign(carrier=changed))
    scores = unseen.predict(split.test)
    assert np.isfinite(scores).all()
    assert 0 < scores.min() < scores.max() < 1
    with pytest.raises(DataError, match="lack flight 99999"):
        logistic.predict(split.test.tail(1).set_axis([99_999]))


# --------------------------------------------------------------------------- tools of the lessons


class Coin:
    """The smallest model that can be compared."""

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Toss it."""
        return np.full(len(rows), 0.5)


def test_anything_that_predicts_can_be_compared(split: splits.Split):
    """Any object with `predict(rows)` gets a row of the table, for the same flights as the others."""
    coin: training.Predictor = Coin()
    table = training.compare({"coin": coin}, split.test)
    assert table.loc["coin"].to_dict() == {"AUC": 0.5, "log-loss": 0.693, "mean score": 0.5}
    assert table.index.name == "model"
    with pytest.raises(DataError, match="late and on-time flights"):
        training.compare({"coin": coin}, split.test[split.test["DepDelay"] > 15])


def test_the_decks_own_runs():
    """I can look up what the deck printed of its runs, with the cells by name; others are refused."""
    run = training.deck_run("static")
    assert set(metrics.CELLS) <= set(run.index)
    assert sum(run[list(metrics.CELLS)]) == sum(tables.read_toml("deck.toml")["static"]["matrix"].values())
    with pytest.raises(UsageError, match="choose one of dvc, static, governance"):
        training.deck_run("dynamic")


# --------------------------------------------------------------------------- the card


def test_the_card_tells_a_stranger_what_the_model_is(fit: training.Fit, split: splits.Split):
    """The card has purpose, limits, data, inputs, settings, curve and versions, each as it is."""
    card = fit.scorer.card
    assert "15 minutes" in card["purpose"]
    assert card["trained on"] == {
        "data set": "nyc2013",
        "split": split.name,
        "flights": len(split.train),
        "share late": round(features.label(split.train).mean(), 3),
        "data hash": training.data_hash(split.train),
    }
    assert card["inputs"] == {"carrier": "one of 3", "hour": "number", "distance": "number"}
    assert card["parameters"]["max_depth"] == 3
    assert card["parameters"]["eta"] == training.DEFAULTS["eta"]
    assert len(card["learning curve"]["validation"]) == card["rounds"] == 15
    assert card["environment"] == training.environment()
    assert card["environment"]["xgboost"] == xgboost.__version__
    assert card == training.model_card(split, fit.scorer.encoder, 15, card["parameters"], fit.curve)


def test_the_card_can_be_read_as_a_table(fit: training.Fit):
    """The short form fits on the page; a scorer without a card says so."""
    table = training.describe(fit.scorer)["model card"]
    assert table["inputs"] == "3, of which 1 category"
    assert table["trained on"].startswith("nyc2013, 960 flights, ")
    assert table["rounds"] == "15"
    with pytest.raises(ModelError, match="has no card"):
        training.describe(training.Scorer(fit.scorer.booster, fit.scorer.encoder))


def test_the_data_hash_feels_every_change(world: pd.DataFrame):
    """One value, one label, one name, the order of rows or of columns: each gives another hash; a copy does not."""
    rows = world.head(50)
    known = training.data_hash(rows)
    assert training.data_hash(rows.copy()) == known
    assert training.data_hash(rows.astype({"UniqueCarrier": object})) == known
    assert training.data_hash(rows.assign(UniqueCarrier=rows["UniqueCarrier"].cat.add_categories("ZZ"))) == known
    carrier = rows["UniqueCarrier"].astype(object)
    changed = [
        rows.assign(DepDelay=rows["DepDelay"].where(rows.index != 7, 3.0)),
        rows.assign(DepDelay=rows["DepDelay"].where(rows.index != 7)),
        rows.assign(UniqueCarrier=carrier.where(rows.index != 7, "ZZ")),
        rows.assign(UniqueCarrier=carrier.where(rows.index != 7)),
        rows.assign(UniqueCarrier=carrier.where(rows.index != 7, "nan")),
        rows.set_axis(rows.index + 1),
        rows.iloc[::-1],
        rows[rows.columns[::-1]],
        rows.rename(columns={"Distance": "distance"}),
        rows.head(49),
    ]
    hashes = {training.data_hash(other) for other in changed}
    assert len(hashes) == len(changed)
    assert known not in hashes
    names = [pd.DataFrame([[1, 2]], columns=columns) for columns in (["a,b", "c"], ["a", "b,c"])]
    assert training.data_hash(names[0]) != training.data_hash(names[1])


def test_the_code_hash_covers_every_file_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A change in any module of a package, however deep, changes the package's hash; other files do not count."""
    package = tmp_path / "hashed_package"
    (package / "inner").mkdir(parents=True)
    for name in ("__init__.py", "fitting.py", "inner/__init__.py", "inner/deep.py"):
        (package / name).write_text(f"name = {name!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("hashed_package")
    single = importlib.import_module("hashed_package.fitting")
    hashes = [training.code_hash(module)]
    for name in ("fitting.py", "inner/deep.py"):
        (package / name).write_text("changed = True\n")
        hashes.append(training.code_hash(module))
    assert len(set(hashes)) == 3
    (package / "notes.txt").write_text("no code")
    assert training.code_hash(module) == hashes[-1]
    assert training.code_hash(single) != training.code_hash(single, module) != training.code_hash(module)


# --------------------------------------------------------------------------- files


def files(folder: Path) -> list[str]:
    """Return all paths in a folder, hidden or not, at any depth."""
    return sorted(entry.relative_to(folder).as_posix() for entry in folder.rglob("*"))


def test_a_model_comes_back_as_it_was(fit: training.Fit, inputs: pd.DataFrame, tmp_path: Path):
    """A saved model loads with the same card and categories, in the same order, and the same scores to the last bit."""
    folder = training.save(fit.scorer, tmp_path / "new" / "model")
    assert files(tmp_path) == [
        "new",
        "new/model",
        f"new/model/{training.CARD_FILE}",
        f"new/model/{training.MODEL_FILE}",
    ]
    back = training.load(folder)
    assert back.encoder == fit.scorer.encoder
    assert json.dumps(back.card) == json.dumps(fit.scorer.card)
    np.testing.assert_array_equal(back.score(inputs), fit.scorer.score(inputs))


def test_others_on_the_machine_can_read_a_saved_model(fit: training.Fit, tmp_path: Path):
    """A saved model is as readable as any folder that I make."""
    (tmp_path / "mine").mkdir()
    assert training.save(fit.scorer, tmp_path / "model").stat().st_mode == (tmp_path / "mine").stat().st_mode


def test_settings_from_numpy_can_be_saved(split: splits.Split, inputs: pd.DataFrame, tmp_path: Path):
    """A setting that came out of a sweep with numpy is written as the number it is."""
    fit = training.train_xgboost(split, inputs, **(FAST | {"max_depth": np.int64(2)}))
    assert training.load(training.save(fit.scorer, tmp_path / "model")).card["parameters"]["max_depth"] == 2


def test_saving_again_replaces_the_model(fit: training.Fit, split, inputs, tmp_path: Path):
    """Saving to the folder of an older model leaves the new one there, and nothing else."""
    other = training.train_xgboost(split, inputs, **(FAST | {"rounds": 2}))
    training.save(fit.scorer, tmp_path / "model")
    training.save(other.scorer, tmp_path / "model")
    assert training.load(tmp_path / "model").card["rounds"] == 2
    assert files(tmp_path) == ["model", "model/card.json", "model/model.ubj"]


@pytest.mark.parametrize("with_model", [False, True])
def test_nothing_of_mine_is_overwritten(fit: training.Fit, tmp_path: Path, with_model: bool):
    """A folder that holds a file of mine, beside a model or not, is refused and left as it was."""
    folder = tmp_path / "thesis"
    if with_model:
        training.save(fit.scorer, folder)
    folder.mkdir(exist_ok=True)
    (folder / "chapter.txt").write_text("mine")
    before = files(tmp_path)
    with pytest.raises(UsageError, match=r"thesis holds chapter\.txt, which is not part of a saved model"):
        training.save(fit.scorer, folder)
    assert files(tmp_path) == before
    with pytest.raises(UsageError, match=r"chapter\.txt is a file"):
        training.save(fit.scorer, folder / "chapter.txt")
    assert (folder / "chapter.txt").read_text() == "mine"


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["disk full", "Ctrl-C"])
@pytest.mark.parametrize("step", ["writing the card", "the last rename"])
def test_an_interrupted_save_leaves_what_was_there(
    fit: training.Fit, split, inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: bool, error, step: str
):
    """When saving is cut short there is the older model, whole, or nothing; and no half-made folder stays behind."""
    target = tmp_path / "model"
    if older:
        training.save(fit.scorer, target)
    before = files(tmp_path)
    other = training.train_xgboost(split, inputs, **(FAST | {"rounds": 2}))

    def fails(path: Path, *args, **options):
        if step == "writing the card" or (args[0] == target and path.name == "new"):
            raise error
        return renamed(path, *args, **options)

    renamed = Path.replace
    monkeypatch.setattr(Path, "write_text" if step == "writing the card" else "replace", fails)
    with pytest.raises(type(error)):
        training.save(other.scorer, target)
    monkeypatch.undo()
    assert files(tmp_path) == before
    if older:
        assert training.load(target).card["rounds"] == 15


def test_who_saves_last_wins(fit: training.Fit, split, inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """When another process saves a model in the middle of my save, mine replaces it."""
    other = training.train_xgboost(split, inputs, **(FAST | {"rounds": 2}))
    target = tmp_path / "model"
    renamed = Path.replace

    def overtaken(path: Path, to: Path) -> Path:
        if path.name == "new":
            monkeypatch.undo()
            training.save(other.scorer, target)
        return renamed(path, to)

    monkeypatch.setattr(Path, "replace", overtaken)
    training.save(fit.scorer, target)
    assert training.load(target).card["rounds"] == 15
    assert files(tmp_path) == ["model", "model/card.json", "model/model.ubj"]


def test_many_may_save_at_once(fit: training.Fit, split, inputs, tmp_path: Path):
    """Four writers and a reader at the same folder: no save fails, and a reader gets one whole model or none."""
    other = training.train_xgboost(split, inputs, **(FAST | {"rounds": 2}))
    scorers = {15: fit.scorer, 2: other.scorer}
    scores = {rounds: scorer.score(inputs) for rounds, scorer in scorers.items()}
    target = tmp_path / "model"
    failed: list[BaseException] = []

    def write(rounds: int) -> None:
        try:
            for _ in range(4):
                training.save(scorers[rounds], target)
        except BaseException as error:  # a thread's error would be lost
            failed.append(error)

    writers = [threading.Thread(target=write, args=(rounds,)) for rounds in (15, 2, 15, 2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        try:
            read = training.load(target)
        except ModelError:
            continue
        np.testing.assert_array_equal(read.score(inputs), scores[read.card["rounds"]])
    for writer in writers:
        writer.join()
    assert failed == []
    assert files(tmp_path) == ["model", "model/card.json", "model/model.ubj"]
    assert training.load(target).card["rounds"] in scorers


def damage(folder: Path, how: str) -> None:
    """Damage a saved model in a way that can happen."""
    model, card = folder / "model.ubj", folder / "card.json"
    if how == "no card":
        card.unlink()
    elif how == "no model":
        model.unlink()
    elif how == "one byte":
        content = bytearray(model.read_bytes())
        content[len(content) // 2] ^= 1
        model.write_bytes(content)
    elif how == "half a model":
        model.write_bytes(model.read_bytes()[:500])
    elif how == "half a card":
        card.write_text(card.read_text()[:200])
    elif how == "another card":
        card.write_text('["no card"]')
    elif how == "carriers swapped":
        text = json.loads(card.read_text())
        text["encoding"]["categories"]["carrier"].reverse()
        card.write_text(json.dumps(text))
    elif how == "columns swapped":
        text = json.loads(card.read_text())
        text["encoding"]["columns"].reverse()
        card.write_text(json.dumps(text))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("no card", "holds no saved model"),
        ("no model", "holds no saved model"),
        ("one byte", "not the one its card describes"),
        ("half a model", "not the one its card describes"),
        ("half a card", "card in model cannot be read"),
        ("another card", "card in model cannot be read"),
        ("carriers swapped", "not the one its card describes"),
        ("columns swapped", "not the one its card describes"),
    ],
)
def test_a_damaged_model_is_not_loaded(fit: training.Fit, tmp_path: Path, how: str, words: str):
    """A file that is missing, cut short or changed is reported, and saving again repairs the folder."""
    folder = training.save(fit.scorer, tmp_path / "model")
    damage(folder, how)
    with pytest.raises(ModelError, match=words):
        training.load(folder)
    assert training.load(training.save(fit.scorer, folder)).card == fit.scorer.card


def test_a_model_that_this_xgboost_cannot_read_says_so(
    fit: training.Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A model of another XGBoost is refused with the version that it was made with."""
    monkeypatch.setattr(xgboost.Booster, "save_model", lambda booster, path: Path(path).write_bytes(b"from the future"))
    folder = training.save(fit.scorer, tmp_path / "model")
    with pytest.raises(ModelError, match=f"version it was made with, {xgboost.__version__}"):
        training.load(folder)


@pytest.mark.slow
def test_another_process_gives_the_same_scores(fit: training.Fit, inputs: pd.DataFrame):
    """A fresh Python that knows nothing but the saved folder scores to the last bit what this one does."""
    rows = inputs.tail(100)
    np.testing.assert_array_equal(training.score_in_new_process(fit.scorer, rows), fit.scorer.score(rows))


@pytest.mark.slow
def test_what_went_wrong_in_the_other_process_is_told(fit: training.Fit, inputs: pd.DataFrame):
    """When the other process cannot score, the error quotes its last message."""
    with pytest.raises(ModelError, match=r"could not score: .*column carrier: the model needs this column"):
        training.score_in_new_process(fit.scorer, inputs[["hour"]])


# --------------------------------------------------------------------------- the model of the case


@pytest.fixture(scope="module")
def sample(flights: pd.DataFrame) -> pd.DataFrame:
    """Every sixtieth flight of the year."""
    return flights.iloc[::60]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep models in a folder of this test's own."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path / "processed" / "models"


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often a model is fitted, in few rounds."""
    counted: list[int] = []
    train = caching.train_xgboost

    def count(split, inputs):
        counted.append(len(split.train))
        return train(split, inputs, rounds=5, early_stopping=2)

    monkeypatch.setattr(caching, "train_xgboost", count)
    return counted


def test_the_model_of_the_case_is_fitted_once(sample: pd.DataFrame, models: Path, fits: list[int]):
    """The second call loads what the first has fitted: the same scores to the last bit, card, curve and rounds."""
    first, second = training.course_model(sample), training.course_model(sample)
    assert len(fits) == 1
    assert len(files(models)) == 3
    np.testing.assert_array_equal(second.predict(sample), first.predict(sample))
    assert json.dumps(second.scorer.card) == json.dumps(first.scorer.card)
    pd.testing.assert_frame_equal(second.curve, first.curve)
    assert second.rounds == first.rounds
    assert "plane" not in features.groups(first.inputs)
    assert set(features.groups(first.inputs)) >= {"schedule", "airport_today", "weather"}


def test_a_change_of_anything_that_decides_the_model_fits_another(
    sample: pd.DataFrame, models: Path, fits: list[int], monkeypatch: pytest.MonkeyPatch
):
    """Other data, horizon, settings, features, fitting, versions or meaning of late: each has a model of its own."""
    as_of = features.as_of

    def other_features(*args, **options):
        return as_of(*args, **options).assign(days_to_holiday=0.0)

    late = features.label
    changes = [
        lambda: None,
        lambda: monkeypatch.setattr(caching, "DEFAULTS", caching.DEFAULTS | {"max_depth": 2}),
        lambda: monkeypatch.setattr(features, "as_of", other_features),
        lambda: monkeypatch.setattr(caching, "code_hash", lambda *modules: "another rule"),
        lambda: monkeypatch.setattr(caching, "environment", lambda: {"xgboost": "99"}),
        lambda: monkeypatch.setattr(features, "label", lambda rows: late(rows, minutes=30)),
    ]
    for made, change in enumerate(changes, 1):
        change()
        training.course_model(sample)
        assert len(fits) == made
        monkeypatch.setattr(caching, "DEFAULTS", dict(caching.DEFAULTS))
    training.course_model(sample, horizon=6)
    training.course_model(sample.iloc[1:])
    touched = sample.copy()
    touched.loc[sample.index[3], "ArrDelay"] = 999.0
    training.course_model(touched)
    assert len(fits) == len(changes) + 3
    training.course_model(sample)
    assert len(fits) == len(changes) + 3


def test_each_module_that_fits_is_part_of_the_models_name(
    sample: pd.DataFrame, models: Path, fits: list[int], monkeypatch: pytest.MonkeyPatch
):
    """A change in one file of the package, such as the encoding, fits a new model."""
    split = splits.split_by_time(sample)
    inputs = features.schedule(sample)
    training.fit_or_load(split, inputs, "the same data")
    training.fit_or_load(split, inputs, "the same data")
    assert len(fits) == 1
    changed = Path(training.encoding.__file__)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"# changed" if path == changed else b""))
    training.fit_or_load(split, inputs, "the same data")
    assert len(fits) == 2
    training.fit_or_load(split, inputs, "other data")
    assert len(fits) == 3


def test_a_damaged_copy_is_fitted_again(sample: pd.DataFrame, models: Path, fits: list[int]):
    """A kept model that was damaged, even one without its card, is replaced by a good one."""
    training.course_model(sample)
    for again, how in enumerate(("no card", "one byte"), 2):
        damage(next(models.iterdir()), how)
        training.course_model(sample)
        assert len(fits) == again
        training.course_model(sample)
        assert len(fits) == again


def test_where_nothing_can_be_written_the_model_is_fitted_all_the_same(
    sample: pd.DataFrame, models: Path, fits: list[int]
):
    """A place that cannot be written, or holds something else, costs time and nothing more."""
    models.parent.mkdir(parents=True)
    models.write_text("a file where the folder belongs")
    assert training.course_model(sample).predict(sample).shape == (len(sample),)
    assert models.read_text() == "a file where the folder belongs"
