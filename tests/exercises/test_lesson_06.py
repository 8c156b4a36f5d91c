"""The graders of lesson 06 on right answers and on plausible wrong ones."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils.exercises.lesson_06 import _decoded
from course_utils.model import metrics, money
from course_utils.tables import read_toml

USABLE = ["CRSDepTime", "CRSElapsedTime", "Distance"]
SCORES = {
    "of the warnings sent, how many come true?": "precision",
    "of the delays, how many came unannounced?": "type II",
    "of the flights on time, how many were warned?": "type I",
    "which of two flights is likelier to be late?": "AUC",
    "are the probabilities true, not only their order?": "log-loss",
    "is it good at rare classes too?": "macro F1",
    "how many minutes is it off on a typical flight?": "MAE",
}
(COME_TRUE, MISSED, IN_VAIN, ORDER, TRUE, RARE, MINUTES) = SCORES
CELLS = metrics.CELLS


def by_name(matrix, payoff):
    return money.dollars_by_cell(metrics.from_sklearn(matrix), payoff)


def by_hand(matrix, payoff):
    (quiet, false_alarm), (missed, late) = matrix
    return {
        "warned, late": late * payoff["warned, late"],
        "warned, on time": false_alarm * payoff["warned, on time"],
        "not warned, late": missed * payoff["not warned, late"],
        "not warned, on time": quiet * payoff["not warned, on time"],
    }


def in_another_order(matrix, payoff):
    counts = pd.Series(np.ravel(matrix)[::-1], index=["warned, late", *CELLS[2:0:-1], CELLS[3]])
    return (counts * payoff)[list(CELLS[::-1])]


def frozen(matrix, payoff):
    return MappingProxyType(by_hand(matrix, payoff))


def misread(**moved):
    """Return a function that takes counts from other cells: a mapping from cell to cell."""

    def function(matrix, payoff):
        counts = metrics.from_sklearn(matrix)
        return {cell: counts[moved.get(cell, cell)] * payoff[cell] for cell in CELLS}

    return function


LATE, FALSE_ALARM, SILENT, QUIET = CELLS
DIAGONAL = {LATE: QUIET, QUIET: LATE}
MISTAKES = {FALSE_ALARM: SILENT, SILENT: FALSE_ALARM}


def wrong_dollars(matrix, payoff):
    counts = metrics.from_sklearn(matrix)
    return {cell: counts[cell] * payoff[MISTAKES.get(cell, cell)] for cell in CELLS}


def by_place(matrix, payoff):
    return pd.Series(np.ravel(matrix) * payoff.to_numpy(), index=list(CELLS))


def wrong_names(matrix, payoff):
    book = by_hand(matrix, payoff)
    return {LATE: book[QUIET], QUIET: book[LATE], FALSE_ALARM: book[FALSE_ALARM], SILENT: book[SILENT]}


RIGHT = {
    "06.1": [USABLE, tuple(USABLE[::-1]), set(USABLE), pd.Index(USABLE), pd.Series(USABLE), np.array(USABLE)],
    "06.2": [
        SCORES,
        pd.Series(SCORES),
        MappingProxyType(SCORES),
        SCORES | {MISSED: "Miss rate", IN_VAIN: "false positive rate", TRUE: "calibration", ORDER: "ROC AUC"},
        SCORES | {MISSED: "type 2", IN_VAIN: "Type-I error", RARE: "F1 macro", MINUTES: "Mean Absolute Error"},
    ],
    "06.3": [by_name, by_hand, in_another_order, frozen],
}

WRONG = {
    "06.1": [
        (["DepTime", "CRSElapsedTime", "Distance"], "known_hours_before"),
        ([*USABLE, "AirTime"], "known_hours_before"),
        ([*USABLE, "DepDelay"], "known_hours_before"),
        ([*USABLE, "Month"], "column 'use'"),
        ([*USABLE, "Year"], "column 'use'"),
        (["CRSDepTime", "Distance"], "one by one"),
        ([*USABLE, "UniqueCarrier"], "names what each column follows"),
        ([], "one by one"),
        ("CRSDepTime", "square brackets"),
        (3, "square brackets"),
        ({"CRSDepTime": True}, "square brackets"),
        (["departure", "CRSElapsedTime"], "index of the table"),
    ],
    "06.2": [
        (SCORES | {MISSED: "recall"}, "about the rest"),
        (SCORES | {MISSED: "type I", IN_VAIN: "type II"}, "a share of the flights on time"),
        (SCORES | {COME_TRUE: "accuracy"}, "mixes both kinds"),
        (SCORES | {RARE: "micro F1"}, "which class has the most"),
        (SCORES | {MINUTES: "RMSE"}, "typical"),
        (SCORES | {MINUTES: "R²"}, "asks for minutes"),
        (SCORES | {ORDER: "log-loss", TRUE: "AUC"}, "the order alone"),
        (SCORES | {COME_TRUE: "type I"}, "a share of the flights on time"),
        (SCORES | {COME_TRUE: "goodness"}, "from the list"),
        (SCORES | {COME_TRUE: 0.43}, "between quotes"),
        ({COME_TRUE: "precision"}, "exactly as they are"),
        (list(SCORES.values()), "keep the questions"),
    ],
    "06.3": [
        (misread(**DIAGONAL), "had no warning"),
        (misread(**MISTAKES), "what do the rows stand for"),
        (misread(**DIAGONAL, **MISTAKES), "positive class"),
        (misread(**{LATE: SILENT, SILENT: LATE}), "which row is it in"),
        (wrong_dollars, "by its name, never by its position"),
        (by_place, "had no warning"),
        (wrong_names, "the name of each amount"),
        (lambda matrix, payoff: metrics.from_sklearn(matrix), "what is each of these flights worth"),
        (lambda matrix, payoff: by_name(matrix, payoff).abs(), "neither subtract them again"),
        (lambda matrix, payoff: by_name(matrix, payoff) / np.sum(matrix), "leave out the division"),
        (lambda matrix, payoff: by_name(matrix, payoff).sum(), "keep the four amounts apart"),
        (lambda matrix, payoff: by_name(np.transpose(matrix), payoff).sum(), "what do the rows stand for"),
        (lambda matrix, payoff: by_name(matrix, payoff) + 1, "a cell's flights times"),
        (lambda matrix, payoff: by_name(matrix, payoff).tolist(), "the name of its cell"),
        (lambda matrix, payoff: {"TP": 1, "FP": 2, "FN": 3, "TN": 4}, "the name of its cell"),
        (lambda matrix, payoff: dict.fromkeys(CELLS, "much"), "one number of dollars"),
        (lambda matrix, payoff: print(end=""), "return"),
        (lambda matrix: matrix, "call it yourself"),
        (5206900, "without brackets"),
    ],
}

SECRETS = {
    "06.1": USABLE,
    "06.2": ["precision", "type II", "macro F1", "MAE"],
    "06.3": ["from_sklearn", "money.ledger", "[1][1]", "[0][1]"],
}


def test_an_empty_function_is_not_answered_yet(report):
    """While the body is still ``...``, the check says that there is nothing to check."""

    def ledger(matrix, payoff): ...

    assert report("06.3", ledger) == "Exercise 06.3: not answered yet\n"
    assert "still to fill in: what the function returns" in report("06.3", lambda matrix, payoff: len(matrix) and ...)


def test_with_the_decks_equal_diagonal_nobody_could_see_the_exchange(report):
    """The hint says that the deck's payoff hides this mistake, so I need four different values."""
    assert "the deck's payoff is the same for both, so its total does not show this" in report(
        "06.3", misread(**DIAGONAL)
    )


def test_a_transposed_matrix_and_exchanged_dollars_are_told_apart(report):
    """Both mistakes give the same total, but the check distinguishes them."""
    payoff = pd.Series(read_toml("exercises.toml")["06.3"]["payoff"])
    matrix = read_toml("exercises.toml")["06.3"]["matrix"]
    transposed, exchanged = misread(**MISTAKES), wrong_dollars
    assert sum(transposed(matrix, payoff).values()) == sum(exchanged(matrix, payoff).values())
    assert "you read the matrix transposed" in report("06.3", transposed)
    assert "the dollars are exchanged: values of the two mistakes" in report("06.3", exchanged)


def test_every_product_of_the_check_tells_its_count_and_its_value():
    """All products of a count and a value differ, so the check never confuses two mistakes."""
    tried = read_toml("exercises.toml")["06.3"]
    products = {count * value for count in np.ravel(tried["matrix"]) for value in tried["payoff"].values()}
    assert len(products) == 16
    counts = metrics.from_sklearn(tried["matrix"])
    book = money.dollars_by_cell(counts, tried["payoff"])
    assert [finding.kind for finding in _decoded(book, counts, tried["payoff"])] == ["right", "right"]
