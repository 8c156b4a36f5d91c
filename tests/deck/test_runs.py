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

from course_utils import metrics

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


def test_vowpal_wabbit_features(deck: dict[str, Any], allyears: pd.DataFrame) -> None:
    """The total of features depends on the split through its zeros, and the deck's lies among 400 seeded ones."""
    vw, features = deck["vw"], _features(allyears)
    assert features.loc[vw["first_rows"]].tolist() == vw["first_features"]
    totals = [features.loc[rows].sum() for rows in _vw_splits(allyears, vw, 400)]
    assert [min(totals), max(totals)] == vw["range"]["features"]
    assert min(totals) <= vw["features"] <= max(totals)


def test_vowpal_wabbit_loss(deck: dict[str, Any], allyears: pd.DataFrame, late: pd.Series) -> None:
    """With the delays themselves among its inputs the online learner errs on about one flight in five."""
    from vowpalwabbit import Workspace

    vw, lines = deck["vw"], _lines(allyears, late)
    assert vw["range"]["average_loss"][0] <= vw["average_loss"] <= vw["range"]["average_loss"][1]
    for rows in _vw_splits(allyears, vw, 3):
        learner = Workspace("--binary --loss_function logistic --quiet")
        for row in rows:
            learner.learn(lines[row])
        learner.finish()
        assert len(rows) == vw["examples"]
        _in_range("average_loss", learner.get_sum_loss() / len(rows), vw)


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


def _features(flights: pd.DataFrame) -> pd.Series:
    """Count what VW makes of each row of the deck's file: every column but the label, the row index, a constant.

    A zero is dropped; an empty cell is a feature of its own ('CancellationCode=').
    """
    inputs = flights.drop(columns="IsDepDelayed")
    zeros = (inputs.select_dtypes("number") == 0).sum(axis=1) + (flights.index == 0)
    return inputs.shape[1] + 2 - zeros


def _vw_splits(flights: pd.DataFrame, vw: dict[str, Any], count: int) -> Iterator[np.ndarray]:
    for seed in range(count):
        yield train_test_split(flights.index, test_size=vw["test_share"], random_state=seed)[0]


def _lines(flights: pd.DataFrame, late: pd.Series) -> list[str]:
    """Write each flight as the deck's csv2vw did, the leaking columns and the nameless row index among the features."""
    inputs = flights.drop(columns="IsDepDelayed")
    numbers = set(inputs.select_dtypes("number").columns)
    cells = []
    for name, values in inputs.items():
        sign = ":" if name in numbers else "="
        cells.append((f" {name}{sign}" + values.astype(str)).where(values.notna(), f" {name}="))
    labels = late.map({1: "1", 0: "-1"})
    return [
        f"{label} |f :{row}{''.join(texts)}" for row, (label, *texts) in enumerate(zip(labels, *cells, strict=True))
    ]
