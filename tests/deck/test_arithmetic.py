"""What the deck's printed numbers say by themselves, without any data."""

from __future__ import annotations

from typing import Any

import pytest

from course_utils.model import metrics, money


def test_the_formula_gives_the_published_profit(deck: dict[str, Any]) -> None:
    """The deck's formula with its $700 gives 4,738,300."""
    assert _formula(deck, "revenue_of_the_formula") == deck["business_impact"]["published"] == 4_738_300


def test_the_stated_revenue_turns_the_profit_into_a_loss(deck: dict[str, Any]) -> None:
    """With the $100 of the deck's own table the same formula loses 857,300."""
    assert _formula(deck, "revenue_of_the_table") == deck["business_impact"]["at_the_stated_revenue"] == -857_300


@pytest.mark.parametrize(
    ("payoff", "figure"),
    [("deck_700", "read_rightly"), ("deck_100", "read_rightly_at_the_stated_revenue")],
)
def test_the_matrix_read_rightly_has_another_worth(deck: dict[str, Any], payoff: str, figure: str) -> None:
    """Charging $500 where no one was warned, as the deck defines it, gives the corrected values."""
    worth = money.value(deck["static"]["matrix"], money.payoff(payoff))
    assert worth == pytest.approx(deck["business_impact"][figure])


def test_the_two_revenues_warn_at_different_probabilities(deck: dict[str, Any]) -> None:
    """The break-even probability is .25 at $100 and .40 at $700, so the slip changes whom one warns."""
    for payoff, threshold in deck["business_impact"]["break_even"].items():
        assert money.break_even(money.payoff(payoff)) == pytest.approx(threshold)


@pytest.mark.parametrize("run", ["dvc", "static", "governance"])
def test_matrices_and_accuracies_agree(deck: dict[str, Any], run: str) -> None:
    """Each printed accuracy follows from the matrix of its run, which holds all its test rows."""
    matrix = deck[run]["matrix"]
    rows = deck[run].get("test_rows", deck["static"]["test_rows"])
    assert sum(matrix.values()) == rows
    assert round(100 * metrics.accuracy(matrix), 2) == deck[run]["accuracy"]


def test_precision_and_recall_of_the_slide_are_those_of_on_time_flights(deck: dict[str, Any]) -> None:
    """The slide's .65 and .54 hold only when 'on time' is positive and rows are what happened."""
    cells, static = deck["static"]["matrix"], deck["static"]
    right = cells["not warned, on time"]
    assert round(right / (right + cells["not warned, late"]), 2) == static["precision_on_time"]
    assert round(right / (right + cells["warned, on time"]), 2) == static["recall_on_time"]


def test_the_log_has_true_positives_and_negatives_swapped(deck: dict[str, Any]) -> None:
    """The log's FP and FN take 'late' as positive, its TP and TN 'on time'."""
    logged, cells = deck["governance"]["logged"], deck["governance"]["matrix"]
    assert (logged["FP"], logged["FN"]) == (cells["warned, on time"], cells["not warned, late"])
    assert (logged["TP"], logged["TN"]) == (cells["not warned, on time"], cells["warned, late"])


def test_the_drawn_points_give_the_printed_scores(deck: dict[str, Any]) -> None:
    """Eleven of 14 drawn points are right; precision is 6 of 8, recall 6 of 7."""
    points = deck["drawn_points"]
    cells = {
        "warned, late": points["true_positive"],
        "warned, on time": points["false_positive"],
        "not warned, late": points["false_negative"],
        "not warned, on time": points["true_negative"],
    }
    assert round(100 * metrics.accuracy(cells), 2) == points["accuracy"]
    assert round(100 * metrics.precision(cells), 1) == points["precision"]
    assert round(100 * metrics.recall(cells), 1) == points["recall"]


@pytest.mark.parametrize("run", ["dvc", "static", "governance"])
def test_the_deck_lies_in_the_range_of_seeded_splits(deck: dict[str, Any], run: str) -> None:
    """The deck's unseeded matrices and accuracies are such as a seeded split can give."""
    ranges = deck[run].get("range", deck["static"]["range"])
    for name, value in {"accuracy": deck[run]["accuracy"], **deck[run]["matrix"]}.items():
        low, high = ranges[name]
        assert low <= value <= high, name


def test_the_deck_called_average_precision_auc(deck: dict[str, Any]) -> None:
    """The logged 'AUC' is too high for any split's AUC and in the middle of their average precisions."""
    called, ranges = deck["governance"]["called_auc"], deck["static"]["range"]
    assert called > ranges["auc"][1]
    assert ranges["average_precision"][0] < called < ranges["average_precision"][1]


def _formula(deck: dict[str, Any], revenue: str) -> float:
    figures, cells = deck["business_impact"], deck["static"]["matrix"]
    right = cells["warned, late"] + cells["not warned, on time"]
    return figures[revenue] * right - 500 * figures["cost_of_500"] - 100 * figures["cost_of_100"]
