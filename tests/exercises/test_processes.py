"""A function run in a new Python process: what it remembers from this one becomes visible."""

from __future__ import annotations

import itertools
import sys
import threading

import cloudpickle
import pytest

from course_utils.exercises import grading, processes

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as in a notebook: the new process imports no file


def in_turn():
    turn = itertools.count()
    return lambda text: next(turn) % 2


@pytest.mark.parametrize(
    ("function", "where"), [(len, ""), (in_turn(), "another order"), (lambda text: hash(text), "new Python process")]
)
def test_a_function_that_remembers_is_told_from_one_that_computes(function, where):
    """Whether a result depends on earlier calls, or on this process, is found by asking again."""
    asked = [(f"passenger {number}",) for number in range(200)]
    pack = processes.packed(function, asked)
    found = processes.where_it_differs(function, pack, {given: function(*given) for given in asked})
    assert where in found and bool(where) == bool(found)


def test_what_exists_in_the_notebook_only_is_named():
    """A function that needs this process's objects, or fails elsewhere, gets its error as a finding."""
    lock = threading.Lock()
    with pytest.raises(grading.Refused, match="cannot run on another server"):
        processes.packed(lambda text: lock and text, [("a",)])
    with pytest.raises(grading.Refused, match="raises ZeroDivisionError"):
        processes.results_of(processes.packed(lambda text: 1 / 0, [("a",)]))
    assert processes.results_of(processes.packed(str.upper, [("a",), ("b",)])) == ["A", "B"]
