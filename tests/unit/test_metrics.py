"""Scores, and cells named by what happened."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

from course_utils import metrics
from course_utils.errors import DataError, UsageError

LATE = [1, 1, 0, 0, 0]
WARNED = [True, False, True, False, False]


def test_cells_are_named_by_what_happened():
    """Each flight is counted in the cell that says what happened to it."""
    assert metrics.confusion(LATE, WARNED).to_dict() == {
        "warned, late": 1,
        "warned, on time": 1,
        "not warned, late": 1,
        "not warned, on time": 2,
    }


def test_a_cell_that_never_happened_is_zero():
    """A cell that no flight fell into is shown with a zero, not left out."""
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
    """A policy that warns nobody has no precision, and one without delays has no recall."""
    assert np.isnan(metrics.precision(metrics.confusion([1, 0], [False, False])))
    assert np.isnan(metrics.recall(metrics.confusion([0, 0], [False, True])))


def test_auc_counts_pairs():
    """AUC is the share of late/on-time pairs that are in the right order, a tie counting half."""
    assert metrics.auc([1, 0, 0], [0.5, 0.5, 0.1]) == 0.75


def test_log_loss_is_finite_for_a_certain_mistake():
    """A score of exactly 0 for a flight that was late costs much, but not infinity."""
    assert 15 < metrics.log_loss([1], [0.0]) < 17
    assert metrics.log_loss([1, 0], [0.5, 0.5]) == pytest.approx(np.log(2))


def test_calibration_groups_by_score():
    """Groups run from low to high scores, are of equal size and show mean score against share late."""
    table = metrics.calibration([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], bins=2)
    assert table["mean score"].round(2).tolist() == [0.15, 0.8]
    assert table["share late"].tolist() == [0, 1]
    assert table["flights"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metrics.auc([1, 0], [0.5]), "2 outcomes for 1 predictions"),
        (lambda: metrics.auc([1, 1], [0.5, 0.6]), "late and on-time"),
        (lambda: metrics.log_loss([1, np.nan], [0.5, 0.5]), "cancelled"),
        (lambda: metrics.log_loss([1, 2], [0.5, 0.5]), "0 and 1"),
        (lambda: metrics.log_loss([], []), "no flights"),
        (lambda: metrics.confusion([1, 0], [0.2, 0.7]), "threshold"),
    ],
)
def test_bad_data_is_refused(call, words):
    """Outcomes and predictions that do not fit together are refused, with the mend."""
    with pytest.raises(DataError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metrics.named({"TP": 1}), "is absent"),
        (lambda: metrics.named(dict.fromkeys(metrics.CELLS, 1) | {"late": 2}), "'late' is no cell"),
        (lambda: metrics.named(dict.fromkeys(metrics.CELLS, "many")), "something else than a number"),
        (lambda: metrics.from_sklearn([[1, 2, 3]]), "2 × 2"),
        (lambda: metrics.calibration([1], [0.5], bins=1), "bins=1"),
    ],
)
def test_bad_options_are_refused(call, words):
    """Cells that are absent, unknown or no numbers are named in the error."""
    with pytest.raises(UsageError, match=words):
        call()


def test_each_flights_loss_adds_up_to_the_mean():
    """The losses of single flights, by hand, and their mean is the log-loss."""
    losses = metrics.log_losses([1, 0, 1], [0.5, 0.2, 0.9])
    assert losses == pytest.approx([-np.log(0.5), -np.log(0.8), -np.log(0.9)])
    assert losses.mean() == metrics.log_loss([1, 0, 1], [0.5, 0.2, 0.9])
