"""Scores, and cells named by what happened."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from sklearn.metrics import confusion_matrix

from course_utils.errors import DataError, UsageError
from course_utils.model import metrics

LATE = [1, 1, 0, 0, 0]
WARNED = [True, False, True, False, False]


def test_the_population_stability_index_is_the_sum_of_its_bins():
    """Two distributions give the textbook's index, with either smoothing of empty bins."""
    expected, actual = np.array([50, 30, 20]), np.array([20, 30, 50])
    shares = expected / 100, actual / 100
    book = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()
    assert metrics.psi(expected, actual, smoothing="floor") == pytest.approx(book)
    assert metrics.psi(expected * 1e6, actual * 1e6) == pytest.approx(book)
    assert metrics.psi(expected, 3 * expected, smoothing="floor") == pytest.approx(0)


def test_an_empty_bin_is_finite_by_either_rule():
    """An unseen value makes the index large, but not infinite."""
    added, floored = (metrics.psi([99, 0], [0, 99], smoothing=rule) for rule in ("add", "floor"))
    share = 0.5 / 100
    assert added == pytest.approx((1 - 2 * share) * np.log((1 - share) / share) * 2)
    assert floored == pytest.approx((1 - 0.5 / 99) * np.log(1 / (0.5 / 99)) * 2)


def test_nothing_is_said_about_no_rows():
    """Without rows on one side there is no index, and a bin that is empty on both sides does not matter."""
    for rule in ("add", "floor"):
        found = metrics.psi([50, 50], [[0, 0], [50, 50]], smoothing=rule)
        assert np.isnan(found[0]) and found[1] == pytest.approx(0)
        assert np.isnan(metrics.psi([0, 0], [5, 5], smoothing=rule))
    assert metrics.psi([5000, 5000, 0], [10, 10, 0], smoothing="floor") == pytest.approx(0)
    for wrong in ([-1, 2], [np.nan, 2], [np.inf, 2]):
        with pytest.raises(DataError, match=r"column counts, row 0: holds .*Fix: count rows"):
            metrics.psi([1, 2], wrong)


def test_several_pairs_of_counts_are_compared_at_once():
    """A table of days, compared with one reference, gives one index a day."""
    days = np.array([[50, 50], [90, 10]])
    assert metrics.psi([50, 50], days) == pytest.approx([0, metrics.psi([50, 50], [90, 10])])


def test_bins_that_differ_and_rules_that_are_none_are_refused():
    """Counts of different bins, or a misspelt smoothing, are refused with the reason."""
    with pytest.raises(UsageError, match="2 bins against 3"):
        metrics.psi([1, 2], [1, 2, 3])
    with pytest.raises(UsageError, match="smoothing='ad' is unknown"):
        metrics.psi([1, 2], [1, 2], smoothing="ad")


def test_cells_are_named_by_what_happened():
    """Each flight is counted in the cell of its outcome."""
    assert metrics.confusion(LATE, WARNED).to_dict() == {
        "warned, late": 1,
        "warned, on time": 1,
        "not warned, late": 1,
        "not warned, on time": 2,
    }


def test_a_cell_that_never_happened_is_zero():
    """A cell without flights is shown with a zero, not left out."""
    assert metrics.confusion([1, 1], [True, True]).tolist() == [2, 0, 0, 0]


def test_sklearns_matrix_is_read_the_right_way_round():
    """The named cells agree with scikit-learn's matrix of the same flights."""
    cells = metrics.from_sklearn(confusion_matrix(LATE, WARNED))
    pd.testing.assert_series_equal(cells, metrics.confusion(LATE, WARNED), check_names=False)


def test_shares_of_the_decks_matrix():
    """With late as positive the deck's matrix has accuracy .643, precision .636 and recall .735."""
    cells = metrics.from_sklearn([[3768, 3178], [2009, 5558]])
    shares = [round(score(cells), 3) for score in (metrics.accuracy, metrics.precision, metrics.recall)]
    assert shares == [0.643, 0.636, 0.735]


def test_precision_without_warnings_is_not_a_number():
    """If no flight is warned there is no precision, and if no flight is late there is no recall."""
    assert np.isnan(metrics.precision(metrics.confusion([1, 0], [False, False])))
    assert np.isnan(metrics.recall(metrics.confusion([0, 0], [False, True])))


def test_auc_counts_pairs():
    """AUC is the share of late/on-time pairs that are in the right order, a tie counting half."""
    assert metrics.auc([1, 0, 0], [0.5, 0.5, 0.1]) == 0.75


def test_log_loss_is_finite_for_a_certain_mistake():
    """A probability of exactly 0 for a late flight gives a large loss, but not an infinite one."""
    assert 15 < metrics.log_loss([1], [0.0]) < 17
    assert metrics.log_loss([1, 0], [0.5, 0.5]) == pytest.approx(np.log(2))


def test_calibration_groups_by_score():
    """Groups go from low to high scores, have equal sizes, and show the mean score and the share late."""
    table = metrics.calibration([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], bins=2)
    assert table["mean score"].round(2).tolist() == [0.15, 0.8]
    assert table["share late"].tolist() == [0, 1]
    assert table["flights"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metrics.auc([1, 0], [0.5]), "2 outcomes for 1 prediction"),
        (lambda: metrics.auc([1, 1], [0.5, 0.6]), "late and on-time"),
        (lambda: metrics.log_loss([1, np.nan], [0.5, 0.5]), "cancelled"),
        (lambda: metrics.log_loss([1, 2], [0.5, 0.5]), "0 and 1"),
        (lambda: metrics.log_loss([], []), "no flights"),
        (lambda: metrics.confusion([1, 0], [0.2, 0.7]), "threshold"),
    ],
)
def test_bad_data_is_refused(call, words):
    """Outcomes and predictions that do not match are refused, with the fix."""
    with pytest.raises(DataError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metrics.as_cells({"TP": 1}), "is missing"),
        (lambda: metrics.as_cells(dict.fromkeys(metrics.CELLS, 1) | {"late": 2}), "'late' is not a cell"),
        (lambda: metrics.as_cells(dict.fromkeys(metrics.CELLS, "many")), "a cell is not a number"),
        (lambda: metrics.from_sklearn([[1, 2, 3]]), "2 × 2"),
        (lambda: metrics.calibration([1], [0.5], bins=1), "bins=1"),
    ],
)
def test_bad_options_are_refused(call, words):
    """A cell that is missing, unknown or not a number is named in the error."""
    with pytest.raises(UsageError, match=words):
        call()


def test_each_flights_loss_adds_up_to_the_mean():
    """The losses of single flights agree with a calculation by hand, and their mean is the log-loss."""
    losses = metrics.log_losses([1, 0, 1], [0.5, 0.2, 0.9])
    assert losses == pytest.approx([-np.log(0.5), -np.log(0.8), -np.log(0.9)])
    assert losses.mean() == metrics.log_loss([1, 0, 1], [0.5, 0.2, 0.9])


# --------------------------------------------------------------------------- many scores, many classes, minutes

RANDOM = np.random.default_rng(0)
SCORED = RANDOM.random(400)
HAPPENED = (RANDOM.random(400) < SCORED).astype(int)


def test_type_one_and_type_two_have_their_own_denominators():
    """The false alarm rate is a share of on-time flights, the miss rate a share of late ones."""
    cells = metrics.confusion(LATE, WARNED)
    assert metrics.false_alarm_rate(cells) == pytest.approx(1 / 3)
    assert metrics.miss_rate(cells) == pytest.approx(1 / 2)
    assert np.isnan(metrics.false_alarm_rate(metrics.confusion([1, 1], [True, False])))


def test_scores_side_by_side_agree_with_scikit_learn():
    """Each score of the table is the one that scikit-learn gives for the same flights and threshold."""
    predicted = SCORED >= 0.3
    found = metrics.scores(HAPPENED, SCORED, threshold=0.3)
    assert found["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(HAPPENED, predicted))
    assert found["precision"] == pytest.approx(sklearn.metrics.precision_score(HAPPENED, predicted))
    assert found["recall"] == pytest.approx(sklearn.metrics.recall_score(HAPPENED, predicted))
    assert found["F1"] == pytest.approx(sklearn.metrics.f1_score(HAPPENED, predicted))
    assert found["type II"] == pytest.approx(1 - found["recall"])
    assert found["AUC"] == pytest.approx(sklearn.metrics.roc_auc_score(HAPPENED, SCORED))
    assert found["log-loss"] == pytest.approx(sklearn.metrics.log_loss(HAPPENED, SCORED))


def test_the_area_under_the_curve_is_the_auc():
    """The ROC curve goes from no flight warned to every flight warned, and the area under it is the AUC."""
    curve = metrics.roc(HAPPENED, {"model": SCORED, "coin": np.full(400, 0.5)}, points=2001)
    assert np.trapezoid(curve["model"], curve.index) == pytest.approx(metrics.auc(HAPPENED, SCORED), abs=2e-3)
    assert curve.loc[0.5, "coin"] == pytest.approx(0.5)
    assert curve.iloc[-1].tolist() == [1, 1]


def test_precision_ends_at_the_share_late():
    """At full recall, random scores warn every flight, so precision is the share of late flights."""
    curve = metrics.precision_recall(HAPPENED, {"coin": np.full(400, 0.5), "oracle": HAPPENED.astype(float)})
    assert np.allclose(curve["coin"], HAPPENED.mean())
    assert (curve["oracle"] == 1).all()
    assert curve.index[-1] == 1


def test_precision_is_that_of_the_fewest_warnings_that_catch_enough():
    """The highest score alone catches one of two delays; catching both takes a false alarm."""
    curve = metrics.precision_recall([1, 0, 1, 0], {"model": [0.9, 0.8, 0.7, 0.1]}, points=5)
    assert curve["model"].round(3).tolist() == [1, 1, 0.667, 0.667]


def test_delays_fall_into_three_classes():
    """15 and 60 minutes are in the middle class, 61 is not, and a cancelled flight is in none."""
    classes = metrics.delay_class(pd.Series([-5, 14, 15, 60, 61, np.nan], index=list("abcdef")))
    assert classes.tolist()[:5] == ["none", "none", "15-60", "15-60", "over 60"]
    assert classes.isna()["f"]
    assert classes.cat.ordered


def test_three_ways_to_sum_up_f1():
    """Macro weights classes equally, micro weights flights equally; a class never predicted has zero."""
    actual = ["none"] * 6 + ["15-60"] * 2 + ["over 60"] * 2
    predicted = ["none"] * 6 + ["none", "15-60"] + ["15-60", "none"]
    table = metrics.by_class(actual, predicted)
    assert table["F1"].round(3).tolist() == [0.857, 0.5, 0, 0.452, 0.614, 0.7]
    assert table["flights"].tolist() == [6, 2, 2, 10, 10, 10]
    assert table.loc["all flights alike", "F1"] == pytest.approx(7 / 10)


def test_a_class_that_no_flight_fell_into_is_still_shown():
    """On a calm day without long delays, the table has a row for them, with no flights."""
    table = metrics.by_class(pd.Categorical(["none", "15-60"]), np.array(["none", "none"]))
    assert table.loc["over 60"].tolist() == [0, 0, 0, 0]


def test_amounts_are_scored_in_their_unit_and_against_the_mean():
    """Errors of 1 and 3 minutes give MAE 2 and RMSE √5; predicting the mean gives R² 0."""
    found = metrics.regression([10, 20], [11, 17])
    assert found.to_dict() == pytest.approx({"MAE": 2, "RMSE": np.sqrt(5), "MSE": 5, "R²": 1 - 5 / 25})
    assert metrics.regression([10, 20], [15, 15])["R²"] == 0
    assert metrics.regression([10, 20], [0, 0])["R²"] < 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metrics.scores([1, 1], [0.5, 0.6]), "late and on-time"),
        (lambda: metrics.roc([1, 1], {"model": [0.5, 0.6]}), "late and on-time"),
        (lambda: metrics.precision_recall([1, 0], {"model": [0.5]}), "2 outcomes for 1 prediction"),
        (lambda: metrics.by_class(["none"], ["none", "none"]), "same flights"),
        (lambda: metrics.by_class(["none", None], ["none", "none"]), "cancelled"),
        (lambda: metrics.by_class(["none", "none"], ["none", "late"]), "'late' is not a class"),
        (lambda: metrics.by_class([], []), "no flights to score"),
        (lambda: metrics.regression([], []), "no flights to score"),
        (lambda: metrics.regression([1, 2], [1]), "same flights"),
        (lambda: metrics.regression([1, np.nan], [1, 2]), "cancelled"),
        (lambda: metrics.regression([3, 3], [1, 2]), "all outcomes are the same"),
    ],
)
def test_what_cannot_be_scored_is_refused(call, words):
    """Lengths that differ, missing values, other labels or a single outcome are named, with the fix."""
    with pytest.raises(DataError, match=words):
        call()
