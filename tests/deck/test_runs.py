"""The deck's model runs, computed again on seeded splits.

The deck did not seed its splits, so what it printed is one draw of many. Each test makes a few of these draws and wants
them in the range that a hundred gave; tests/deck/test_arithmetic.py wants the deck's own draw there too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split

from course_utils.model import metrics, vowpal

pytestmark = pytest.mark.slow

_SEEDS = range(4)


@pytest.fixture(scope="module")
def late(allyears: pd.DataFrame) -> pd.Series:
    """Return the deck's label."""
    return (allyears["IsDepDelayed"] == "YES").astype(int)


@pytest.mark.parametrize("seed", _SEEDS)
def test_dvc_run(deck: dict[str, Any], allyears: pd.DataFrame, late: pd.Series, seed: int) -> None:
    """Two rounds on thirteen columns, encoded before the split, score as the deck's run did."""
    run = deck["dvc"]
    inputs = [*deck["inputs"]["columns"], *run["added"]]
    encoded = _encode(allyears[inputs], deck)
    assert len(inputs) == run["columns"]
    assert encoded.shape[1] == run["encoded_columns"]
    train, test = train_test_split(allyears.index, test_size=run["test_share"], random_state=seed)
    assert len(test) == run["test_rows"]
    model, errors = _fit(encoded.loc[train], late[train], run)
    _in_range("first_train_error", errors[0], run)
    _in_range("train_error", errors[-1], run)
    _scores_in_range(model.predict(xgboost.DMatrix(encoded.loc[test])), late[test], run)


@pytest.mark.parametrize("seed", _SEEDS)
def test_static_and_governance_run(deck: dict[str, Any], allyears: pd.DataFrame, late: pd.Series, seed: int) -> None:
    """Five timid rounds on eleven columns, encoded after the split, score as the deck's two runs did."""
    run = deck["static"]
    assert len(deck["inputs"]["columns"]) == run["columns"]
    train, test = train_test_split(allyears[deck["inputs"]["columns"]], test_size=run["test_share"], random_state=seed)
    assert (len(train), len(test)) == (run["train_rows"], run["test_rows"])
    known = _encode(train, deck)
    _in_range("encoded_columns", known.shape[1], run)
    unseen = _encode(test, deck).reindex(columns=known.columns, fill_value=0.0)
    model, _ = _fit(known, late[train.index], run)
    scores = model.predict(xgboost.DMatrix(unseen))
    _scores_in_range(scores, late[test.index], run)
    _in_range("average_precision", average_precision_score(late[test.index], scores), run)
    _in_range("auc", metrics.auc(late[test.index], scores), run)
    _in_range("lowest_score", scores.min(), run)
    _in_range("highest_score", scores.max(), run)


def test_the_printed_scores_hardly_leave_a_half(deck: dict[str, Any]) -> None:
    """Five rounds at a rate of .01 cannot move a score far, so the deck's six printed ones lie near .5."""
    run = deck["static"]
    assert run["range"]["lowest_score"][0] < min(run["scores"]) < max(run["scores"]) < run["range"]["highest_score"][1]
    assert run["early_stopping_rounds"] > run["rounds"]


@pytest.fixture(scope="module")
def lines(allyears: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the deck's file of VW's text: every column, those that hold the answer too, and the nameless row index."""
    folder = tmp_path_factory.mktemp("deck")
    allyears.to_csv(folder / "flights.csv", index_label="row")  # csv2vw refuses a nameless column among all columns
    texts = allyears.select_dtypes(exclude="number").columns.drop("IsDepDelayed")
    vowpal.csv2vw(
        folder / "flights.csv",
        folder / "flights.vw",
        label="IsDepDelayed",
        labels={"YES": 1, "NO": -1},
        all_columns=True,
        text=list(texts),
    )
    return (folder / "flights.vw").read_text(encoding="utf-8").replace("|f row:", "|f :").splitlines()


def test_vowpal_wabbit_text(deck: dict[str, Any], lines: list[str]) -> None:
    """csv2vw writes the deck's own first line, but for the zeros, which VW drops, and the row number before the bar."""
    assert lines[deck["vw"]["first_rows"][0]] == (
        "1 |f :17168 Year:1995 Month:1 DayofMonth:12 DayOfWeek:4 DepTime:1124.0 CRSDepTime:1111 ArrTime:1224.0 "
        "CRSArrTime:1224 UniqueCarrier=US FlightNum:2451 TailNum=N920VJ ActualElapsedTime:60.0 CRSElapsedTime:73.0 "
        "AirTime:50.0 DepDelay:13.0 Origin=RDU Dest=PHL Distance:336.0 TaxiIn:4.0 TaxiOut:6.0 CancellationCode= "
        "CarrierDelay= WeatherDelay= NASDelay= SecurityDelay= LateAircraftDelay= IsArrDelayed=NO"
    )


def test_vowpal_wabbit_features(deck: dict[str, Any], allyears: pd.DataFrame, lines: list[str]) -> None:
    """The total of features depends on the split through its zeros, and the deck's lies among 400 seeded ones."""
    run = deck["vw"]
    features = np.array([line.count(" ") for line in lines])  # a space before each, one before the bar, VW's constant
    assert features[run["first_rows"]].tolist() == run["first_features"]
    totals = [int(features[rows].sum()) for rows in _vw_splits(allyears, run, 400)]
    assert [min(totals), max(totals)] == run["range"]["features"]
    assert min(totals) <= run["features"] <= max(totals)


def test_vowpal_wabbit_loss(deck: dict[str, Any], allyears: pd.DataFrame, lines: list[str]) -> None:
    """With the delays themselves among its inputs the online learner errs on about one flight in five."""
    run = deck["vw"]
    assert run["range"]["average_loss"][0] <= run["average_loss"] <= run["range"]["average_loss"][1]
    for rows in _vw_splits(allyears, run, 3):
        learnt = vowpal.run([lines[row] for row in rows], "--binary --loss_function logistic")
        assert learnt.examples == run["examples"]
        _in_range("features", learnt.features, run)
        _in_range("average_loss", learnt.loss, run)


# --------------------------------------------------------------------------- the deck's way


def _encode(rows: pd.DataFrame, deck: dict[str, Any]) -> pd.DataFrame:
    texts = deck["inputs"]["encoded"]
    # As text, so that only the values of these very rows get a column, as in the deck.
    return pd.get_dummies(rows.astype(dict.fromkeys(texts, object)), columns=texts, dtype=float)


def _fit(inputs: pd.DataFrame, late: pd.Series, run: dict[str, Any]) -> tuple[xgboost.Booster, list[float]]:
    """Fit as the deck did: exact splits, and a start at one half, which today's XGBoost would estimate."""
    params = {"objective": "binary:logistic", "tree_method": "exact", "base_score": 0.5, "eval_metric": "error"}
    params |= {"max_depth": run["depth"], "nthread": 1}
    params |= {name: run[name] for name in ("eta", "subsample", "seed") if name in run}
    history: dict[str, Any] = {}
    rows = xgboost.DMatrix(inputs, late)
    model = xgboost.train(
        params, rows, run["rounds"], evals=[(rows, "train")], evals_result=history, verbose_eval=False
    )
    return model, history["train"]["error"]


def _in_range(name: str, value: float, run: dict[str, Any]) -> None:
    low, high = run["range"][name]
    assert low <= value <= high, f"{name} is {value}, the range of seeded splits {low} to {high}"


def _scores_in_range(scores: np.ndarray, late: pd.Series, run: dict[str, Any]) -> None:
    cells = metrics.confusion(late, scores > 0.5)
    _in_range("accuracy", 100 * metrics.accuracy(cells), run)
    for cell, count in cells.items():
        _in_range(str(cell), count, run)


def _vw_splits(flights: pd.DataFrame, vw: dict[str, Any], count: int) -> Iterator[np.ndarray]:
    for seed in range(count):
        yield train_test_split(flights.index, test_size=vw["test_share"], random_state=seed)[0]
