"""Watch what a model is asked: inside the call that answers, or beside it, in a process of its own.

`InputMonitor` does the looking: is each input within what training saw, and are the last inputs spread as those of training
were? `InlineMonitor` and `SidecarMonitor` are two places to do it in, with the same answers; `measure_overhead` compares what they cost whoever
waits for an answer.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "LARGE",
    "InlineMonitor",
    "InputMonitor",
    "Row",
    "SidecarMonitor",
    "measure_overhead",
]

#: A model's inputs by name.
Row = Mapping[str, Any]
#: What a column's PSI has to exceed to be named: 'a large change' by the usual rule of thumb.
LARGE = 0.25
_BINS = 10
_STOP = None  # ends the process beside


class InputMonitor:
    """Look at each row, and every so often at how the last rows are spread.

    Parameters
    ----------
    training : DataFrame
        The inputs that the model was fitted on, one row a flight.
    window : int
        How many of the last rows are compared with training.
    every : int
        After how many rows the comparison is made again, once the window is full.

    Attributes
    ----------
    rows, outside : int
        Rows seen, and those with a number beyond the range of training, or a category that training never had.

    Raises
    ------
    DataError
        `training` has no rows, or no columns.
    UsageError
        `window` or `every` is not a positive number.
    """

    def __init__(self, training: pd.DataFrame, *, window: int = 1000, every: int = 50) -> None:
        if training.empty:
            raise DataError("there is nothing to compare with", fix="pass the inputs of the training rows")
        for name, value in (("window", window), ("every", every)):
            if not isinstance(value, int) or value < 1:
                raise UsageError(f"{name}={value!r} is no number of rows", fix=f"give {name} as 1 or more")
        self.window, self.every = window, every
        self.rows = self.outside = 0
        self._columns = [_Column(str(name), training[name]) for name in training.columns]
        self._last = np.full((window, len(self._columns)), np.nan)
        self._psi = np.full(len(self._columns), np.nan)

    def see(self, row: Row) -> None:
        """Look at one row.

        Parameters
        ----------
        row : mapping of str to value
            A model's inputs by name; None or NaN where one is missing.

        Raises
        ------
        DataError
            A column is absent.
        """
        values = [column.number(row) for column in self._columns]
        self.outside += any(column.is_outside(value) for column, value in zip(self._columns, values, strict=True))
        self._last[self.rows % self.window] = values
        self.rows += 1
        if self.rows >= self.window and self.rows % self.every == 0:
            self._psi = np.array([column.psi(self._last[:, place]) for place, column in enumerate(self._columns)])

    def report(self) -> pd.Series:
        """Return what was seen: rows, rows outside the range of training, and columns spread another way by name."""
        return _series(self._found())

    def _found(self) -> dict[str, Any]:
        large = [column.name for column, psi in zip(self._columns, self._psi, strict=True) if psi > LARGE]
        return {"rows": self.rows, "outside training": self.outside, "spread another way": ", ".join(large)}


def _series(found: Mapping[str, Any]) -> pd.Series:
    import pandas as pd

    return pd.Series(found, name="seen")


class _Column:
    """What training knows of one column."""

    def __init__(self, name: str, values: pd.Series) -> None:
        import pandas as pd

        self.name = name
        self.codes: dict[str, float] | None = None
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.to_numpy(dtype=float, na_value=np.nan)
        else:
            known = sorted(map(str, values.dropna().unique()))
            self.codes = {value: float(place) for place, value in enumerate(known)}
            numbers = values.astype(object).map(lambda value: self.codes[str(value)], na_action="ignore")
            numbers = numbers.to_numpy(dtype=float, na_value=np.nan)
        there = numbers[~np.isnan(numbers)]
        self.low, self.high = (there.min(), there.max()) if len(there) else (np.nan, np.nan)
        self.edges = np.unique(np.quantile(there, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(there) else np.empty(0)
        self.counts = self._counts(numbers)

    def number(self, row: Row) -> float:
        """Return the value of a row as a number; a category that training never had is minus one."""
        try:
            value = row[self.name]
        except KeyError:
            raise DataError("the row lacks it", column=self.name, fix="send every input of the model") from None
        if value is None or value != value:
            return np.nan
        return float(value) if self.codes is None else self.codes.get(str(value), -1.0)

    def is_outside(self, value: float) -> bool:
        """Say whether a number lies beyond training's; one that is missing does not."""
        return value < self.low or value > self.high

    def psi(self, values: np.ndarray) -> float:
        """Return the population stability index of some values against those of training."""
        from course_utils.model import metrics  # with pandas: loaded late, as the process that watches starts without

        return float(metrics.psi(self.counts, self._counts(values), smoothing="floor"))

    def _counts(self, values: np.ndarray) -> np.ndarray:
        """Return how many values are in each tenth of training, and how many are missing."""
        missing = np.isnan(values)
        places = np.searchsorted(self.edges, values[~missing], side="right")
        return np.append(np.bincount(places, minlength=len(self.edges) + 1), missing.sum())


class InlineMonitor:
    """Answer and watch in one call: whoever waits for the answer waits for the watch too.

    Parameters
    ----------
    answer : callable
        From a row to its answer.
    watch : Watch
        What looks at each row.
    """

    def __init__(self, answer: Callable[[Row], Any], watch: InputMonitor) -> None:
        self.answer, self.watch = answer, watch

    def predict(self, row: Row) -> Any:
        """Return the answer to a `row`, once the watch has seen it."""
        self.watch.see(row)
        return self.answer(row)


class SidecarMonitor:
    """Answer here, and hand each row to a process that watches.

    A row that finds the queue full is dropped and counted: the watch may miss something, the passenger may not wait.

    Parameters
    ----------
    answer : callable
        From a row to its answer.
    watch : Watch
        What looks at each row, in the other process.
    room : int
        Rows that may wait for the other process.

    Attributes
    ----------
    dropped : int
        Rows that the watch did not get.
    """

    def __init__(self, answer: Callable[[Row], Any], watch: InputMonitor, *, room: int = 10_000) -> None:
        self.answer, self.dropped = answer, 0
        context = multiprocessing.get_context("spawn")  # a fork would take over threads' locks
        self.rows = context.Queue(room)
        self._reports = context.SimpleQueue()
        self._started = context.Event()
        given = (watch, self.rows, self._reports, self._started)
        self._process = context.Process(target=_watch_rows, args=given, daemon=True)
        self._process.start()

    def predict(self, row: Row) -> Any:
        """Return the answer to a `row`, and leave the row for the watch."""
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
        """End the other process at once, as a crash would."""
        self._process.kill()
        self._process.join()

    def close(self) -> pd.Series:
        """Let the other process see the rows that wait, end it, and return its report.

        Raises
        ------
        UsageError
            The other process ended before.
        """
        self.rows.cancel_join_thread()  # rows that nobody will see must not keep Python from ending
        if self._process.is_alive():
            self.rows.put(_STOP)
        while self._process.is_alive() and self._reports.empty():
            self._process.join(0.01)
        found = "it was killed" if self._reports.empty() else self._reports.get()
        self._process.join()
        if isinstance(found, str):
            raise UsageError(
                f"the watch ended before it could report: {found}", fix="repair the watch, then start another"
            )
        return _series(found)


def _watch_rows(watch: InputMonitor, rows: Any, reports: Any, started: Any) -> None:
    """Do the other process's work: see rows until told to stop, then report."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(19)  # whoever answers goes first: without it, each row that wakes this process up may cost an answer
    parent = multiprocessing.parent_process()
    started.set()
    try:
        while parent is None or parent.is_alive():  # a killed notebook leaves nobody behind
            try:
                row = rows.get(timeout=1)
            except queue.Empty:
                continue
            if row is _STOP:
                reports.put(watch._found())
                return
            watch.see(row)
    except KeyboardInterrupt:  # the notebook was interrupted: not this process's business
        pass
    except Exception as error:  # whatever it is, it is told where somebody reads it
        reports.put(f"{type(error).__name__}, {str(error).partition('. Fix:')[0]}")


# --------------------------------------------------------------------------- what it costs


def measure_overhead(
    answer: Callable[[Row], Any], rows: Sequence[Row], watch: Callable[[], InputMonitor], *, rounds: int = 5
) -> pd.DataFrame:
    """Measure how long answers take without a watch, with it inside, and with it beside.

    In each round every way answers all rows, one after the other. A row's time is that of its best round:
    the watch does the same work for the same row each time, and what other programs do can only add to it.

    Parameters
    ----------
    answer : callable
        From a row to its answer.
    rows : sequence of mapping
        A thousand or more, for a 99th percentile that means something, and as many as fill the watch's window.
    watch : callable
        Makes a new watch.
    rounds : int
        How often each way answers all rows.

    Returns
    -------
    DataFrame
        A row for each way: 'p50_ms' and 'p99_ms', the median and the 99th percentile of the milliseconds until an
        answer; 'p50_ratio' and 'p99_ratio' to the same without a watch.

    Raises
    ------
    UsageError
        There are no rows or no rounds.
    """
    import pandas as pd

    if not len(rows) or rounds < 1:
        raise UsageError("there is nothing to measure", fix="pass rows, and one round or more")
    times: dict[str, list[np.ndarray]] = {"without": [], "inside": [], "beside": []}
    for _ in range(rounds):
        times["without"].append(_milliseconds(answer, rows))
        times["inside"].append(_milliseconds(InlineMonitor(answer, _warm(watch(), rows)).predict, rows))
        other = SidecarMonitor(answer, _warm(watch(), rows), room=len(rows) + 1)
        other.wait()
        times["beside"].append(_milliseconds(other.predict, rows))
        other.close()
    best = {way: np.percentile(np.min(found, axis=0), [50, 99]) for way, found in times.items()}
    table = pd.DataFrame.from_dict(best, orient="index", columns=["p50_ms", "p99_ms"]).rename_axis("watch")
    ratios = (table / table.loc["without"]).rename(columns=lambda name: name.replace("_ms", "_ratio"))
    return table.join(ratios)


def _warm(watch: InputMonitor, rows: Sequence[Row]) -> InputMonitor:
    """Return a watch that has seen the rows, so that its window is as full as it is on any day but the first."""
    for row in rows:
        watch.see(row)
    return watch


def _milliseconds(predict: Callable[[Row], Any], rows: Sequence[Row]) -> np.ndarray:
    """Return how long each answer takes."""
    taken = np.empty(len(rows))
    for place, row in enumerate(rows):
        start = time.perf_counter()
        predict(row)
        taken[place] = time.perf_counter() - start
    return 1000 * taken
