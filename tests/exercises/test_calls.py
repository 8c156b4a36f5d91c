"""How a check calls a learner's function: on copies, for a limited time, with a clear word on what went wrong."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest

from course_utils.exercises import calls
from course_utils.exercises.grading import Refused


@pytest.fixture(autouse=True)
def short_limits(monkeypatch):
    monkeypatch.setattr(calls, "PROCESSOR_SECONDS", 0.2)
    monkeypatch.setattr(calls, "CLOCK_SECONDS", 0.5)


def refused(function, *given, **options):
    """Return the finding with which a call ends."""
    with pytest.raises(Refused) as caught:
        calls.call(function, *given, **options)
    return caught.value.finding


def endless(rows):
    while True:
        pass


def catches_all(rows):
    while True:
        try:  # noqa: SIM105
            sum(rows)
        except:  # noqa: E722 - as learners write it
            pass


def counts_up(rows):
    number = 0
    while True:
        yield number
        number += 1


@pytest.mark.parametrize(
    "function", [endless, catches_all, counts_up, lambda rows: time.sleep(100)], ids=["loop", "except", "yield", "wait"]
)
def test_a_function_that_never_ends_is_stopped(function):
    """A loop without end ends the check, and the notebook goes on."""
    finding = refused(function, [1, 2])
    assert "still running" in finding.text or "without end" in finding.text
    assert "loop" in finding.hint
    assert calls.call(len, [1, 2]) == 2


def test_a_function_that_never_ends_is_stopped_outside_the_main_thread_too():
    """In a thread, where there are no alarms, a loop without end is stopped as well."""
    findings = []
    thread = threading.Thread(target=lambda: findings.append(refused(endless, [1])), daemon=True)
    thread.start()
    thread.join(30)
    assert "still running" in findings[0].text


def test_a_block_of_code_can_be_limited_too():
    """Code that is no function of a learner, such as a search with their pattern, is stopped in the same way."""
    with pytest.raises(calls.StillRunningError), calls.limited(processor=0.1, clock=1):
        endless([])


def test_control_c_stops_a_check():
    """Ctrl-C gets through to a function that hangs."""

    def interrupts(rows):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(100)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            calls.call(interrupts, [1])
    finally:
        signal.signal(signal.SIGINT, before)


def test_alarms_are_as_they_were():
    """A call leaves the alarms of the process as it found them."""
    before = signal.getsignal(signal.SIGALRM)
    calls.call(len, [1])
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def adds_a_column(rows):
    rows["late"] = 1
    return rows["late"]


def sorts(rows):
    rows.sort()
    return rows


def fills(rows):
    rows[0] = 0
    return rows


def renames(rows):
    rows.columns = ["b"]
    return rows


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (adds_a_column, pd.DataFrame({"a": [1, 2]})),
        (renames, pd.DataFrame({"a": [1, 2]})),
        (fills, pd.Series([1.0, np.nan])),
        (fills, np.array([1.0, np.nan])),
        (sorts, [3, 1, 2]),
        (lambda rows: rows.popitem(), {"a": 1}),
        (lambda rows: rows["a"].append(2), {"a": [1]}),
    ],
)
def test_changing_an_argument_is_noticed_and_spoils_nothing(function, given):
    """A function that changes what it is given is refused, and the next call gets the data unchanged."""
    kept = given.copy()
    finding = refused(function, given)
    assert finding.text == "your function changes its argument 'rows'"
    assert calls.same(given, kept) or isinstance(given, dict)
    assert calls.call(lambda rows: rows, given) is not given


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (float("nan"), float("nan"), True),
        (1, 1.0, False),
        ([1, {"a": (2,)}], [1, {"a": (2,)}], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.array([1]), np.array([1.0]), False),
        (pd.Series([1], name="a"), pd.Series([1], name="b"), False),
        (pd.DataFrame({"a": [None]}), pd.DataFrame({"a": [None]}), True),
        (pd.DataFrame({"a": [1]}, index=[3]), pd.DataFrame({"a": [1]}), False),
    ],
)
def test_values_are_compared_with_order_labels_and_types(one, other, alike):
    """A changed order, label or type of the data counts as a change; a missing value equals a missing value."""
    assert calls.same(one, other) is alike


@pytest.mark.parametrize(
    ("function", "text", "hint"),
    [
        (lambda rows: print(sum(rows)), "prints its result and returns nothing", "return"),
        (lambda rows: None, "your function returns nothing", "return"),
        (lambda rows: rows["x"], "raises TypeError: list indices must be integers", "in that line"),
        (lambda rows: rows[7], "raises IndexError: list index out of range, in the line `", "print what"),
        (lambda rows: unknown_name, "raises NameError", "spelt"),  # noqa: F821
        (lambda: 3, "with 1 argument, and it is defined as <lambda>()", "keep the arguments"),
        (lambda rows, more: 3, "defined as <lambda>(rows, more)", "keep the arguments"),
    ],
)
def test_what_went_wrong_is_said_with_the_own_line(function, text, hint):
    """I read what my function did wrong: the error and its line, a missing return, or arguments that I changed."""
    finding = refused(function, [1, 2], case="for two flights")
    assert text in finding.text
    assert hint in finding.hint


def test_the_line_is_the_learners_own():
    """If the error happens in a library, I see my own line that led there."""

    def reads(rows):
        wanted = "delay"
        return rows[wanted]

    finding = refused(reads, pd.DataFrame({"a": [1]}))
    assert finding.text.endswith("raises KeyError: 'delay', in the line `return rows[wanted]`")


def test_leaving_the_program_is_an_error_like_others():
    """A function that calls exit() does not end the kernel."""
    assert "raises SystemExit" in refused(lambda rows: exit(1), [1]).text


def test_dots_that_a_function_returns_are_a_blank():
    """A skeleton that returns ... is not answered yet, and no mistake."""
    assert refused(lambda rows: ..., [1]).kind == "blank"


def test_none_is_a_result_where_the_exercise_asks_for_it():
    """Where None is a possible answer it is accepted."""
    assert calls.call(lambda rows: None, [1], may_be_none=True) is None


def test_a_generator_is_read():
    """An answer that yields its items counts as a list of them."""
    assert calls.call(lambda rows: (row for row in rows), [1, 2]) == [1, 2]


def test_a_list_that_holds_a_table_is_read():
    """A function may return a table in a list, which has no truth value of its own."""
    table = pd.DataFrame({"a": [1, 2]})
    assert calls.call(lambda rows: [table], [1])[0].equals(table)


def test_any_callable_will_do():
    """A built-in function and an object that can be called are accepted as functions."""

    class Counts:
        def __call__(self, rows):
            return len(rows)

    assert calls.call(Counts(), [1, 2]) == calls.call(len, [1, 2]) == 2


def test_a_list_of_one_table_is_a_result_like_any_other():
    """A function that returns its table in a list gets that list graded, and no error of the check."""
    table = pd.Series([0.25, 0.5])
    assert calls.call(lambda rows: [table], [1]) == [table]


def test_many_calls_are_made_with_one_time_limit():
    """A function is called with each of many arguments; the first with which it fails is named with its own line."""
    assert calls.call_each(lambda text, times: text * times, [("a", 2), ("b", 1)]) == ["aa", "b"]

    def halves(number):
        return 10 / (number - 3)

    with pytest.raises(Refused, match=r"for 3, your function raises ZeroDivisionError.*in the line `return 10 /"):
        calls.call_each(halves, [(1,), (3,), (5,)])
