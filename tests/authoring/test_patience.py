"""How long guards wait: longer on a slow or busy machine, measured once in a run."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from authoring import patience
from course_utils.errors import UsageError


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Start a run that has measured nothing; return what it measures."""
    monkeypatch.setenv(patience.VARIABLE, "")  # so that the old value comes back after the test
    measured: list[float] = []
    monkeypatch.setattr(patience, "measure", lambda: measured.append(3.0) or 3.0)
    return measured


@pytest.mark.parametrize(
    ("clock", "processor", "cores", "factor"),
    [(1, 1, 2, 1), (0.1, 0.1, 64, 1), (4, 4, 2, 4), (5, 1, 2, 5), (1, 1, 1, 2), (5, 1, 1, 10)],
    ids=["the same", "faster", "slower", "busier", "one core", "one core, busy"],
)
def test_a_slow_or_busy_machine_gets_more_time(clock: float, processor: float, cores: int, factor: float) -> None:
    """Guards wait longer on a slow or busy machine or on one core, and never shorter than they say."""
    measured = (clock * patience.REFERENCE, processor * patience.REFERENCE)
    assert patience.ratio(*measured, cores) == pytest.approx(factor)


def test_waiting_for_a_core_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that other programs hold up by the clock makes the factor larger, though it uses no more processor time."""
    monkeypatch.setattr(patience, "_work", lambda rounds: time.sleep(3 * patience.REFERENCE))
    assert patience.measure() >= 3


def test_a_run_measures_once(unmeasured: list[float]) -> None:
    """A run measures the machine once, and the programs that it starts wait just as long."""
    assert [patience.factor(), patience.seconds(10), patience.whole_seconds(0.5)] == [3, 30, 2]
    assert unmeasured == [3.0]
    code = "from authoring import patience; patience.measure = None; print(patience.factor())"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout == "3.0\n"


@pytest.mark.parametrize("given", ["much", "0.5", "nan", "inf"])
def test_a_factor_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """A factor that I set by hand and that makes no sense is refused, with what to do."""
    monkeypatch.setenv(patience.VARIABLE, given)
    with pytest.raises(UsageError, match=f"COURSE_PATIENCE is '{given}'.*unset COURSE_PATIENCE"):
        patience.factor()
