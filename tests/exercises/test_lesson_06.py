"""The graders of lesson 06 on right answers and on plausible wrong ones."""

from __future__ import annotations

import functools
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
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


def in_a_loop(matrix, payoff):
    names = iter(["not warned, on time", "warned, on time", "not warned, late", "warned, late"])
    found = {}
    for row in matrix:
        for count in row:
            name = next(names)
            found[name] = count.item() * payoff[name]
    return found


def as_a_column(matrix, payoff):
    return pd.DataFrame({"dollars": by_name(matrix, payoff)})


def with_fractions(matrix, payoff):
    return {
        cell: Decimal(int(count)) * Decimal(str(payoff[cell])) for cell, count in metrics.from_sklearn(matrix).items()
    }


class Ledger:
    """A callable object."""

    def __call__(self, matrix, payoff):
        """Return the dollars of each cell."""
        tn, fp, fn, tp = matrix.ravel()
        return payoff * pd.Series([tp, fp, fn, tn], index=CELLS)


def spoilt(matrix, payoff):
    matrix *= np.array([[1, -1], [-1, 1]])
    return by_name(abs(matrix), payoff)


RIGHT = {
    "06.1": [
        USABLE,
        tuple(USABLE[::-1]),
        set(USABLE),
        pd.Index(USABLE),
        pd.Series(USABLE),
        np.array(USABLE),
        [f" {name}" for name in USABLE],
        dict.fromkeys(USABLE).keys(),
    ],
    "06.2": [
        SCORES,
        pd.Series(SCORES),
        MappingProxyType(SCORES),
        SCORES | {MISSED: "Miss rate", IN_VAIN: "false positive rate", TRUE: "calibration", ORDER: "ROC AUC"},
        {question: f" {score.upper()} " for question, score in reversed(SCORES.items())},
        SCORES | {MISSED: "type II error rate", TRUE: "Log Loss", RARE: "f1-score (macro)", ORDER: "roc_auc"},
        SCORES | {MISSED: "FNR", IN_VAIN: "type1", TRUE: "logloss", RARE: "Macro F1 score", COME_TRUE: "PPV"},
        SCORES | {MISSED: "type 2", IN_VAIN: "Type-I error", RARE: "F1 macro", MINUTES: "Mean Absolute Error"},
    ],
    "06.3": [
        by_name,
        by_hand,
        in_another_order,
        frozen,
        in_a_loop,
        as_a_column,
        with_fractions,
        Ledger(),
        functools.partial(lambda factor, matrix, payoff: by_name(matrix, payoff) * factor, 1),
    ],
}

WRONG = {
    "06.1": [
        (["DepTime", "CRSElapsedTime", "Distance"], "known_hours_before"),
        ([*USABLE, "AirTime"], "known_hours_before"),
        ([*USABLE, "DepDelay"], "known_hours_before"),
        ([*USABLE, "Month"], "column 'use'"),
        ([*USABLE, "Year"], "column 'use'"),
        (["CRSDepTime", "Distance"], "one by one"),
        ([*USABLE, "TailNum"], "how many hours"),
        (pd.DataFrame(index=USABLE, columns=["follows"]), "the index of your table"),
        (pd.Series(True, index=USABLE), "the rows that it keeps"),
        ([*USABLE, "UniqueCarrier"], "names what each column follows"),
        ([], "one by one"),
        ("CRSDepTime", "square brackets"),
        (3, "square brackets"),
        ({"CRSDepTime": True}, "square brackets"),
        (["departure", "CRSElapsedTime"], "index of the table"),
    ],
    "06.2": [
        (SCORES | {MISSED: "recall"}, "does your score do the same"),
        (SCORES | {MISSED: "precision"}, "does your score do the same"),
        (SCORES | {IN_VAIN: "specificity"}, "which two does it divide by"),
        (SCORES | {IN_VAIN: "type II"}, "which two does it divide by"),
        (SCORES | {COME_TRUE: "recall"}, "asks for a share"),
        (SCORES | {COME_TRUE: "accuracy"}, "asks for a share"),
        (SCORES | {COME_TRUE: "type I"}, "asks for a share"),
        (SCORES | {RARE: "micro F1"}, "as much as the large ones"),
        (SCORES | {RARE: "recall"}, "as much as the large ones"),
        (SCORES | {MINUTES: "RMSE"}, "typical"),
        (SCORES | {MINUTES: "R²"}, "asks for minutes"),
        (SCORES | {ORDER: "log-loss"}, "more than their order"),
        (SCORES | {TRUE: "AUC"}, "halve every probability"),
        (SCORES | {"is it good?": "AUC"}, "exactly as they are"),
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
        (lambda matrix, payoff: by_name(matrix, payoff).round(), "who rounds"),
        (lambda matrix, payoff: by_name(matrix, payoff) / np.sum(matrix) * 1000, "scales its amounts"),
        (lambda matrix, payoff: payoff, "how many flights"),
        (lambda matrix, payoff: by_name(matrix, payoff).tolist(), "in a dict or a Series"),
        (lambda matrix, payoff: by_name(matrix, payoff).drop(LATE), "the name of its cell"),
        (lambda matrix, payoff: {**by_name(matrix, payoff), "total": 1}, "return the four cells only"),
        (lambda matrix, payoff: by_name([[7001, 503], [211, 1009]], payoff), "a cell's flights times"),
        (spoilt, "as they were"),
        (lambda matrix, payoff: {"TP": 1, "FP": 2, "FN": 3, "TN": 4}, "the name of its cell"),
        (lambda matrix, payoff: dict.fromkeys(CELLS, "much"), "one number of dollars"),
        (lambda matrix, payoff: print(by_name(matrix, payoff)), "what is printed"),
        (lambda matrix: matrix, "the cell began with"),
        (5206900, "without brackets"),
    ],
}

EQUIVALENT = {
    "06.1": {
        "* exchanged": "the order of the columns does not matter",
        " reversed": "the order of the columns does not matter",
        "* twice": "a column that is listed twice is the same column",
    },
    "06.3": {
        "*arguments swapped": "a count times a value is a value times a count",
        "result keys as text": "the names of the cells are texts already",
        "result NaN for None": "no amount is None",
        "result zeros for NaN": "no amount is NaN",
    },
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
    case = read_toml("exercises.toml")["06.3"]["case"][0]
    payoff, matrix = pd.Series(case["payoff"]), case["matrix"]
    transposed, exchanged = misread(**MISTAKES), wrong_dollars
    assert sum(transposed(matrix, payoff).values()) == sum(exchanged(matrix, payoff).values())
    assert "you read the matrix transposed" in report("06.3", transposed)
    assert "the dollars are exchanged: values of the two mistakes" in report("06.3", exchanged)


@pytest.mark.parametrize("case", read_toml("exercises.toml")["06.3"]["case"])
def test_every_product_of_the_check_tells_its_count_and_its_value(case):
    """All products of a count and a value differ, so the check never confuses two mistakes."""
    found = [count for count in np.ravel(case["matrix"]) if count]
    products = {round(count * value, 6) for count in found for value in case["payoff"].values()}
    assert len(products) == 4 * len(found)
    counts = metrics.from_sklearn(case["matrix"])
    book = money.dollars_by_cell(counts, case["payoff"])
    assert [finding.kind for finding in _decoded(book, counts, case["payoff"])] == ["right", "right"]


def test_a_wrong_score_is_told_what_it_measures(report):
    """The same wrong score gets the hint of the question for which I chose it."""
    for question in (COME_TRUE, MISSED):
        printed = report("06.2", SCORES | {question: "recall"})
        assert f"✗ {question} 'recall' measures the share of the delays that had a warning" in printed
