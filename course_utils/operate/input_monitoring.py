"""Monitor a model's inputs: inside the call that answers, or beside it in a process of its own.

`InputMonitor` checks whether each input is in the range of the training data, and whether the last inputs have their
distribution. `InlineMonitor` and `SidecarMonitor` run it in two places; `measure_overhead` compares their latency.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.data import categories
from course_utils.errors import DataError, UsageError
from course_utils.model.distributions import Distribution

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "LARGE_PSI",
    "InlineMonitor",
    "InputMonitor",
    "Row",
    "SidecarMonitor",
    "measure_overhead",
]

#: A model's inputs by name.
Row = Mapping[str, Any]
#: A column whose PSI is above this has drifted: 'a large change' by the usual rule of thumb.
LARGE_PSI = 0.25
_BINS = 10
_STOP = None  # the item in the queue that ends the sidecar process


class InputMonitor:
    """Check each row, and at intervals compare the distribution of the last rows with that of the training data.

    Parameters
    ----------
    training : DataFrame, one row a flight
        The inputs that the model was fitted on, numbers or texts.
    window : int
        How many of the last rows are compared with the training data, 1 or more.
    every : int
        The comparison is made after every so many rows, 1 or more, once the window is full.

    Attributes
    ----------
    rows : int
        How many rows were checked.
    outside : int
        How many of them had a number outside the range of the training data, or a text that it does not have.

    Raises
    ------
    DataError
        `training` has no rows or no columns, or a column that occurs twice or holds dates.
    UsageError
        `window` or `every` is not a whole number of 1 or more.

    Examples
    --------
    >>> monitor = input_monitoring.InputMonitor(flights[["CRSDepTime", "Origin"]])
    >>> monitor.observe({"CRSDepTime": 915, "Origin": "BOS"})
    >>> monitor.report()["outside training"]
    1
    """

    def __init__(self, training: pd.DataFrame, *, window: int = 1000, every: int = 50) -> None:
        if not training.columns.is_unique:
            double = training.columns[training.columns.duplicated()][0]
            raise DataError("occurs more than once", column=str(double), fix="keep one of them")
        if training.empty:
            raise DataError("the training data are empty", fix="pass the inputs of the training rows")
        for name, value in (("window", window), ("every", every)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UsageError(f"{name}={value!r} is not a number of rows", fix=f"give {name} as 1 or more")
        self.window, self.every = window, every
        self.rows = self.outside = 0
        self._columns = [_Column(str(name), training[name]) for name in training.columns]
        self._last = np.full((window, len(self._columns)), np.nan)
        self._psi = np.full(len(self._columns), np.nan)

    def observe(self, row: Row) -> None:
        """Check one row.

        Parameters
        ----------
        row : mapping of str to value
            The model's inputs by name; None or NaN for a missing value.

        Raises
        ------
        DataError
            The row does not have a column of the training data, or has a text where a number belongs.
        """
        values = [column.number(row) for column in self._columns]
        self.outside += any(column.is_outside(value) for column, value in zip(self._columns, values, strict=True))
        self._last[self.rows % self.window] = values  # a ring buffer: the newest row replaces the oldest one
        self.rows += 1
        if self.rows >= self.window and self.rows % self.every == 0:
            self._psi = np.array([column.psi(self._last[:, place]) for place, column in enumerate(self._columns)])

    def report(self) -> pd.Series:
        """Return the counts of 'rows' and of rows 'outside training', and the names of the 'drifted columns'."""
        return _series(self._summary())

    def _summary(self) -> dict[str, Any]:
        drifted = [column.name for column, psi in zip(self._columns, self._psi, strict=True) if psi > LARGE_PSI]
        return {"rows": self.rows, "outside training": self.outside, "drifted columns": ", ".join(drifted)}


def _series(counts: Mapping[str, Any]) -> pd.Series:
    import pandas as pd  # late: the process that monitors starts faster without it

    return pd.Series(counts, name="observed")


class _Column:
    """The range, vocabulary and distribution of one column of the training data."""

    def __init__(self, name: str, values: pd.Series) -> None:
        import pandas as pd

        self.name = name
        self.codes: dict[str, float] | None = None
        categories.check_kind(values)
        if categories.is_category(values):
            known = categories.distinct(values)
            self.codes = {value: float(code) for code, value in enumerate(known)}
            values = pd.Series(categories.positions(values, known, -1), name=name, dtype=float).replace(-1, np.nan)
        self.distribution = Distribution.of(values, _BINS)
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        there = numbers[np.isfinite(numbers)]
        # Where training had no value at all, any value is outside: it is above the highest and below the lowest.
        self.low, self.high = (there.min(), there.max()) if len(there) else (np.inf, -np.inf)

    def number(self, row: Row) -> float:
        """Return the value of a `row` as a number; a text that the training data do not have is minus infinity."""
        try:
            value = row[self.name]
        except KeyError:
            raise DataError(
                "is missing from the row", column=self.name, fix="send it, or make the monitor from the model's inputs"
            ) from None
        # NaN and NaT differ from themselves; a comparison with pandas' NA is neither true nor false.
        if value is None or type(value).__name__ == "NAType" or value != value:
            return np.nan
        if self.codes is not None:
            return categories.find(value, self.codes, -np.inf)
        if isinstance(value, str) or not np.isscalar(value):
            raise DataError(f"holds {value!r} where a number belongs", column=self.name, fix="send a number")
        return float(value)

    def is_outside(self, value: float) -> bool:
        """Return whether a `value` is outside the training range; a missing one is not."""
        return value < self.low or value > self.high

    def psi(self, values: np.ndarray) -> float:
        """Return the population stability index of `values` against the training data."""
        return float(self.distribution.psi(values, np.zeros(len(values), dtype=int), 1)[0])


class InlineMonitor:
    """Monitor a row and answer it in one call: the answer waits for the monitor, and fails with it.

    Parameters
    ----------
    answer : callable
        Takes a row, and returns its answer.
    monitor : InputMonitor
        What checks each row before it is answered.

    Examples
    --------
    >>> monitor = input_monitoring.InputMonitor(pd.DataFrame({"delay": [0.0, 5.0]}))
    >>> service = input_monitoring.InlineMonitor(lambda row: row["delay"] > 2, monitor)
    >>> service.predict({"delay": 9.0}), service.monitor.outside
    (True, 1)
    """

    def __init__(self, answer: Callable[[Row], Any], monitor: InputMonitor) -> None:
        self.answer, self.monitor = answer, monitor

    def predict(self, row: Row) -> Any:
        """Return the answer to a `row`, after the monitor has checked it."""
        self.monitor.observe(row)
        return self.answer(row)


class SidecarMonitor:
    """Answer a row in this process, and monitor it in another one.

    If the queue to the other process is full, the row is dropped and counted: a passenger never waits for the monitor.

    Parameters
    ----------
    answer : callable
        Takes a row, and returns its answer.
    monitor : InputMonitor
        What checks each row, in the other process.
    queue_size : int
        How many rows may wait for the other process, 1 or more.

    Attributes
    ----------
    dropped : int
        How many rows the monitor did not get.

    Examples
    --------
    >>> monitor = input_monitoring.InputMonitor(pd.DataFrame({"delay": [0.0, 5.0]}))
    >>> service = input_monitoring.SidecarMonitor(lambda row: row["delay"] > 2, monitor)
    >>> answer = service.predict({"delay": 9.0})
    >>> service.close()["outside training"]
    1
    """

    def __init__(self, answer: Callable[[Row], Any], monitor: InputMonitor, *, queue_size: int = 10_000) -> None:
        self.answer, self.dropped = answer, 0
        context = multiprocessing.get_context("spawn")  # a forked child could inherit a lock that no thread releases
        self.rows = context.Queue(queue_size)
        self._reports = context.SimpleQueue()
        self._started = context.Event()
        arguments = (monitor, self.rows, self._reports, self._started)
        self._process = context.Process(target=_monitor_rows, args=arguments, daemon=True)
        self._process.start()

    def predict(self, row: Row) -> Any:
        """Return the answer to a `row`, and put the row into the monitor's queue."""
        try:
            self.rows.put_nowait(row)
        except queue.Full:
            self.dropped += 1
        return self.answer(row)

    def wait(self) -> None:
        """Wait until the other process has started and has taken every row from the queue."""
        while self._process.is_alive() and not (self._started.is_set() and self.rows.empty()):
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill the other process, as a crash would."""
        self._process.kill()
        self._process.join()

    def close(self) -> pd.Series:
        """Let the other process check the rows in the queue, end it, and return its report.

        Raises
        ------
        UsageError
            The other process has failed or was killed.
        """
        self.rows.cancel_join_thread()  # rows that no one will read must not keep Python from ending
        if self._process.is_alive():
            self.rows.put(_STOP)
        while self._process.is_alive() and self._reports.empty():
            self._process.join(0.01)
        report = "it was killed" if self._reports.empty() else self._reports.get()
        self._process.join()
        if isinstance(report, str):
            raise UsageError(
                f"the monitor ended before it could report: {report}", fix="repair the monitor, then start a new one"
            )
        return _series(report)


def _monitor_rows(monitor: InputMonitor, rows: Any, reports: Any, started: Any) -> None:
    """Observe the rows of a queue until it holds the stop item, then send the report; runs in the other process."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(19)  # the lowest priority: otherwise each row that wakes this process could delay an answer
    parent = multiprocessing.parent_process()
    started.set()
    try:
        while parent is None or parent.is_alive():  # a killed notebook must not leave this process behind
            try:
                row = rows.get(timeout=1)
            except queue.Empty:
                continue
            if row is _STOP:
                reports.put(monitor._summary())
                return
            monitor.observe(row)
    except KeyboardInterrupt:  # Ctrl-C goes to all processes, but is meant for the notebook
        pass
    except Exception as error:  # a traceback printed here would be lost: the message is raised by close instead
        reports.put(f"{type(error).__name__}, {str(error).partition('. Fix:')[0]}")


# --------------------------------------------------------------------------- what it costs


def measure_overhead(
    answer: Callable[[Row], Any], rows: Sequence[Row], make_monitor: Callable[[], InputMonitor], *, rounds: int = 5
) -> pd.DataFrame:
    """Measure the latency of answers without a monitor, with one inside the call, and with one beside it.

    In each round, each variant answers all rows one after the other. A row's time is that of its best round: the
    monitor does the same work for the same row each time, and other programs can only add to it.

    Parameters
    ----------
    answer : callable
        Takes a row, and returns its answer.
    rows : sequence of mapping
        A thousand rows or more, for a meaningful 99th percentile, and enough to fill the monitor's window.
    make_monitor : callable
        Takes nothing, and returns a new InputMonitor.
    rounds : int
        How often each variant answers all rows, 1 or more.

    Returns
    -------
    DataFrame, rows 'without', 'inside' and 'beside'
        'p50_ms' and 'p99_ms', the median and the 99th percentile of the latency in milliseconds; 'p50_ratio' and
        'p99_ratio', the same relative to no monitor.

    Raises
    ------
    UsageError
        There are no rows or no rounds.

    Examples
    --------
    >>> rows = flights[["CRSDepTime", "Origin"]].head(200).to_dict("records")
    >>> make_monitor = lambda: input_monitoring.InputMonitor(flights[["CRSDepTime", "Origin"]], window=100)
    >>> cost = input_monitoring.measure_overhead(lambda row: 0.2, rows, make_monitor, rounds=1)
    >>> cost.index.tolist(), cost.columns.tolist()
    (['without', 'inside', 'beside'], ['p50_ms', 'p99_ms', 'p50_ratio', 'p99_ratio'])
    """
    import pandas as pd

    if not len(rows) or rounds < 1:
        raise UsageError("there is nothing to measure", fix="pass rows, and one round or more")
    times: dict[str, list[np.ndarray]] = {"without": [], "inside": [], "beside": []}
    for _ in range(rounds):
        times["without"].append(_milliseconds(answer, rows))
        times["inside"].append(_milliseconds(InlineMonitor(answer, _warm(make_monitor(), rows)).predict, rows))
        sidecar = SidecarMonitor(answer, _warm(make_monitor(), rows), queue_size=len(rows) + 1)
        sidecar.wait()  # the start of the process is not part of any answer
        times["beside"].append(_milliseconds(sidecar.predict, rows))
        sidecar.close()
    best = {variant: np.percentile(np.min(taken, axis=0), [50, 99]) for variant, taken in times.items()}
    table = pd.DataFrame.from_dict(best, orient="index", columns=["p50_ms", "p99_ms"]).rename_axis("watch")
    ratios = (table / table.loc["without"]).rename(columns=lambda name: name.replace("_ms", "_ratio"))
    return table.join(ratios)


def _warm(monitor: InputMonitor, rows: Sequence[Row]) -> InputMonitor:
    """Return a monitor that has observed the rows, so that its window is full as in normal operation."""
    for row in rows:
        monitor.observe(row)
    return monitor


def _milliseconds(predict: Callable[[Row], Any], rows: Sequence[Row]) -> np.ndarray:
    """Return how many milliseconds each answer takes."""
    seconds = np.empty(len(rows))
    for number, row in enumerate(rows):
        start = time.perf_counter()
        predict(row)
        seconds[number] = time.perf_counter() - start
    return 1000 * seconds
