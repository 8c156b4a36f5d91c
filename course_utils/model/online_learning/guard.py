"""Guard an online learner against bad labels: learn a batch, measure the harm, and roll back if it is too large.

`Learner` is a VW learner in this process with snapshots and rollback, `learn_or_roll_back` decides about one batch, and
`learn_guarded` goes through a stream day by day.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils.errors import DataError, UsageError
from course_utils.model import metrics
from course_utils.model.online_learning.checks import check_count, check_lines, check_positive
from course_utils.model.online_learning.streams import OPTIONS, Stream
from course_utils.wording import counted

if TYPE_CHECKING:
    from typing import Self

__all__ = ["GuardedRun", "Learner", "learn_guarded", "learn_or_roll_back"]


class Learner:
    """A VW learner in this process, for what one run over a file cannot do: predict, learn, and roll back.

    Parameters
    ----------
    options : str
        VW's own options; they must name a loss function, since VW does not save it with a model.

    Raises
    ------
    UsageError
        No loss function is named, or VW refuses an option.

    See Also
    --------
    course_utils.model.vowpal.run : one run over a file, faster and with VW's report.

    Examples
    --------
    >>> with online_learning.Learner() as learner:
    ...     before = learner.snapshot()
    ...     learner.learn(["1 |f Dest=LAX"])
    ...     learnt = learner.predict(["|f Dest=LAX"]).item()
    ...     learner.rollback(before)
    ...     learnt > 0.5, learner.predict(["|f Dest=LAX"]).item()
    (True, 0.5)
    """

    def __init__(self, options: str = OPTIONS) -> None:
        if not isinstance(options, str) or "--loss_function" not in options:
            raise UsageError("the loss function is not named", fix="add --loss_function logistic to the options")
        self._options = f"{options} --link logistic --quiet"
        self._workspace = self._open("")

    def _open(self, more: str) -> Any:
        from vowpalwabbit import Workspace

        try:
            return Workspace(f"{self._options} {more}")
        except RuntimeError as error:
            raise UsageError(f"VW refuses: {error}", fix="correct the options") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._workspace.finish()

    def predict(self, lines: Sequence[str]) -> np.ndarray:
        """Return the probability of 'late' for each of some examples, the `lines`, and learn nothing.

        Raises
        ------
        DataError
            A line is not VW's text.
        """
        check_lines(lines)
        questions = (line[line.index("|") :] for line in lines)
        return np.array([self._workspace.predict(question) for question in questions], dtype=float)

    def learn(self, lines: Sequence[str]) -> None:
        """Learn labelled examples, the `lines`, one after the other.

        Raises
        ------
        DataError
            A line is not VW's text, or its label is neither -1 nor 1; nothing is learnt then.
        """
        check_lines(lines, labelled=True)
        for line in lines:
            self._workspace.learn(line)

    def snapshot(self) -> bytes:
        """Return the model as it is now, for `rollback`."""
        # VW saves to files only.
        with tempfile.TemporaryDirectory(prefix="learner-") as folder:
            path = Path(folder) / "model"
            self._workspace.save(os.fspath(path))
            # VW would load a model of other options without a warning, and ignore these.
            return self._options.encode() + b"\n" + path.read_bytes()

    def rollback(self, snapshot: bytes) -> None:
        """Restore an earlier model: predictions are then bit for bit those of the time of the snapshot.

        Parameters
        ----------
        snapshot : bytes
            As returned by `snapshot`, of a learner with the same options.

        Raises
        ------
        UsageError
            The snapshot is not one of a learner with these options.
        """
        options, _, model = bytes(snapshot).partition(b"\n") if isinstance(snapshot, bytes) else (None, None, None)
        if options != self._options.encode():
            raise UsageError(
                "this is not the snapshot of a learner with these options", fix="give what `snapshot` returned"
            )
        with tempfile.TemporaryDirectory(prefix="learner-") as folder:
            path = Path(folder) / "model"
            path.write_bytes(model)
            # VW cannot load a model into a running learner, so a new one replaces it, once it is known to work.
            fresh = self._open(f"-i {os.fspath(path)}")
        self._workspace.finish()
        self._workspace = fresh


@dataclass(frozen=True, repr=False)
class GuardedRun:
    """The result of learning behind a guard.

    Attributes
    ----------
    predictions : array of float, shape (flights,)
        Probability of 'late' for each flight, on the morning of its day.
    batches : DataFrame, index 'day'
        For each day's labels: 'harm' (by how much they raised the log-loss on earlier flights with trusted labels),
        'learnt' (not rolled back) and 'spoiled' (whether the caller spoiled them).
    """

    predictions: np.ndarray
    batches: pd.DataFrame

    def __repr__(self) -> str:
        refused = self.batches.index[~self.batches["learnt"]]
        return (
            f"{counted(len(self.batches), 'batch')}, {len(refused)} refused: {', '.join(map(str, refused)) or 'none'}"
        )

    @property
    def refused(self) -> list[str]:
        """The days whose labels were rolled back."""
        return [str(day) for day in self.batches.index[~self.batches["learnt"]]]


def learn_guarded(
    stream: Stream,
    options: str = OPTIONS,
    *,
    limit: float | None = None,
    spoiled: Collection[str] = (),
    canary: int = 1_000,
) -> GuardedRun:
    """Learn day by day behind a guard: a batch of labels that harms predictions of earlier flights is rolled back.

    On the morning of each day the labels of the day before arrive, and `learn_or_roll_back` decides about them. It
    looks at a sample of earlier flights, spread evenly over all batches that were learnt. Until there are enough of
    them, the learner is too young to judge by, and every batch is learnt.

    Parameters
    ----------
    stream : Stream
        The flights in order of time.
    options : str
        As for `Learner`: VW's own options.
    limit : float, optional
        The largest rise in log-loss that is accepted, 0 or more; None: there is no guard.
    spoiled : collection of str
        Days whose labels are swapped before they are learnt, as by a wrong label map.
    canary : int
        How many earlier flights to look at, at least; 1 or more.

    Raises
    ------
    UsageError
        `limit` is negative, `canary` is not 1 or more, or a spoiled day has no flights.
    DataError
        The stream has flights of fewer than two days.

    Examples
    --------
    >>> stream = online_learning.stream(flights, online_learning.timetable(flights))
    >>> online_learning.learn_guarded(stream, limit=0.05, spoiled=["2013-01-03"], canary=500)
    3 batches, 1 refused: 2013-01-03
    """
    _check_limit(limit)
    check_count(canary, "canary", 1, "flights")
    days = stream.calendar
    if isinstance(spoiled, str):
        raise UsageError(f"spoiled={spoiled!r} is one text", fix=f"give a list of days: [{spoiled!r}]")
    if strange := sorted(set(map(str, spoiled)) - set(days)):
        raise UsageError(f"no flight leaves on {strange[0]}", fix="choose a day of the stream, such as '2013-04-01'")
    if len(days) < 2:
        raise DataError("the stream has flights of fewer than two days", fix="give two days or more to learn from")
    positions = {day: np.flatnonzero(stream.days == np.datetime64(day)) for day in days}
    found, rows, trusted = np.empty(len(stream.lines)), [], []
    with Learner(options) as learner:
        # Nothing arrives on the first morning, and the labels of the last day are not needed.
        for yesterday, day in zip([None, *days], days, strict=False):
            if yesterday is not None:
                known = np.concatenate([positions[kept] for kept in trusted] or [np.empty(0, dtype=int)])
                # Every n-th trusted flight, so that the sample covers all days and costs the same every morning.
                known = known[:: len(known) // canary] if len(known) >= canary else known[:0]
                batch = [stream.lines[position] for position in positions[yesterday]]
                if yesterday in spoiled:
                    batch = [_swapped(line) for line in batch]
                asked = [stream.lines[position] for position in known]
                harm, learnt = learn_or_roll_back(learner, batch, asked, stream.late[known], limit)
                rows.append({"day": yesterday, "harm": harm, "learnt": learnt, "spoiled": yesterday in spoiled})
                # The labels of a refused batch must not judge later batches.
                trusted += [yesterday] if learnt else []
            found[positions[day]] = learner.predict([stream.lines[position] for position in positions[day]])
    return GuardedRun(found, pd.DataFrame(rows).set_index("day"))


def _check_limit(limit: float | None) -> None:
    if limit is None:
        return
    try:
        check_positive(limit, "limit", zero=True)
    except UsageError as error:
        raise UsageError(f"limit={limit!r} accepts no batch", fix="give a rise in log-loss, 0 or more") from error


def _swapped(line: str) -> str:
    return line.removeprefix("-") if line.startswith("-") else f"-{line}"


def learn_or_roll_back(
    learner: Learner, batch: Sequence[str], canary: Sequence[str], late: np.ndarray, limit: float | None
) -> tuple[float, bool]:
    """Learn a batch of labels, and roll back if it raises the log-loss on earlier flights by more than a limit.

    Parameters
    ----------
    learner : Learner
        The learner, which is changed unless the batch is rolled back.
    batch : sequence of str
        The labelled examples that have arrived.
    canary : sequence of str
        Earlier examples, not of this batch, whose labels are trusted; without any, the batch is learnt.
    late : array of float, shape (canary,)
        Their labels, 1 late, 0 not late.
    limit : float, optional
        The largest rise of their log-loss that is accepted; None: any.

    Returns
    -------
    harm : float
        The rise in log-loss, whether the batch was rolled back or not.
    learnt : bool
        Whether the batch was learnt.

    Raises
    ------
    UsageError
        The limit is negative or not a number.
    DataError
        A line is not VW's text, or a label is missing; the learner is as it was before then.
    """
    _check_limit(limit)
    check_lines(batch, labelled=True)
    if not len(canary):
        learner.learn(batch)
        return 0.0, True
    snapshot = learner.snapshot()
    before = metrics.log_loss(late, learner.predict(canary))
    learner.learn(batch)
    harm = metrics.log_loss(late, learner.predict(canary)) - before
    if limit is not None and harm > limit:
        learner.rollback(snapshot)
        return harm, False
    return harm, True
