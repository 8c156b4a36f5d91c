"""Validate an online learner progressively: predict each day, and learn its labels only when they arrive.

`replay` runs VW through a stream with a stated delay of the labels, and `compare_label_delays` does so for several
settings and delays. A delay of 0 days means that each label is learnt before the next flight is predicted, which no
airline can have; a delay of 1 day means that the labels of a day are learnt the next morning.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from course_utils.errors import UsageError
from course_utils.model import metrics, vowpal
from course_utils.model.online_learning.checks import as_day, check_count
from course_utils.model.online_learning.streams import OPTIONS, Stream
from course_utils.wording import counted

__all__ = ["check_delay", "compare_label_delays", "replay"]


def replay(stream: Stream, options: str = OPTIONS, *, delay: int = 1, until: str | None = None) -> np.ndarray:
    """Predict every flight with what the learner knew on the morning of its day; learn labels as they arrive.

    VW runs once over one file. For each day the file holds the labels that have arrived by then, and after them the
    flights of the day without labels.

    Parameters
    ----------
    stream : Stream
        The flights in order of time.
    options : str
        VW's own options, with a logistic loss function.
    delay : int
        Days until labels arrive, a whole number, 0 or more.
    until : str, optional
        The first day whose labels are not learnt, such as ``'2013-04-01'``: a static model. Default: learn all.

    Returns
    -------
    array of float, shape (flights,)
        Probabilities of 'late'.

    Raises
    ------
    UsageError
        The delay is negative or not a whole number, `until` is not a day, VW refuses an option, or the options do
        not give one probability for each flight.

    See Also
    --------
    train_once : a static XGBoost on the same stream.

    Examples
    --------
    >>> stream = online_learning.stream(flights, online_learning.timetable(flights))
    >>> probability = online_learning.replay(stream)
    >>> np.unique(probability[stream.days == stream.days[0]])
    array([0.5])
    """
    check_delay(delay)
    _check_options(options)
    events, asked = _events(stream, int(delay), None if until is None else as_day(until, "until"))
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        path = Path(folder) / "events.vw"
        # Line by line: one text of a year's events would need as much memory again as the stream.
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in events)
        predictions = vowpal.run(path, f"{options} --link logistic").predictions
    if predictions.shape != asked.shape or not ((predictions >= 0) & (predictions <= 1)).all():
        raise UsageError(f"{options!r} gives no probabilities of 'late'", fix="leave out --binary, --oaa and the like")
    return predictions[asked]


def _check_options(options: str) -> None:
    words = options.replace("=", " ").split() if isinstance(options, str) else []
    several = next((word for word in ("--passes", "--binary", "--oaa") if word in words), None)
    if several or "--loss_function logistic" not in " ".join(words):
        raise UsageError(
            f"{options!r} does not give one probability for each flight",
            fix=f"leave out {several}" if several else "name --loss_function logistic",
        )


def check_delay(delay: int) -> None:
    """Refuse a `delay` of labels that is not a whole number of days, 0 or more.

    Raises
    ------
    UsageError
        The delay is negative, a fraction, a Boolean or no number.
    """
    check_count(delay, "delay", 0, "days")


def _events(stream: Stream, delay: int, until: np.datetime64 | None) -> tuple[list[str], np.ndarray]:
    """Return the lines of labels and questions in order of time, and a mask of those that are questions."""
    if delay == 0 and until is None:
        # VW itself predicts each example before it learns it.
        return stream.lines, np.ones(len(stream.lines), dtype=bool)
    days, first = np.unique(stream.days, return_index=True)
    bounds = [*first, len(stream.lines)]
    parts, asked = [], []
    for position, day in enumerate(days):
        today = stream.lines[bounds[position] : bounds[position + 1]]
        if delay == 0 and day < until:
            parts += today
            asked.append(np.ones(len(today), dtype=bool))
            continue
        arriving = day - delay
        known = np.searchsorted(days, arriving)
        # An exact match is needed: searchsorted gives the next day where no flight left on the day that arrives.
        if delay and known < len(days) and days[known] == arriving and (until is None or arriving < until):
            parts += stream.lines[bounds[known] : bounds[known + 1]]
            asked.append(np.zeros(bounds[known + 1] - bounds[known], dtype=bool))
        parts += [line[line.index("|") :] for line in today]
        asked.append(np.ones(len(today), dtype=bool))
    return parts, np.concatenate(asked)


def compare_label_delays(stream: Stream, options: Mapping[str, str], delays: Sequence[int], start: str) -> pd.DataFrame:
    """Compare settings of VW by progressive log-loss, for several delays of the labels.

    Parameters
    ----------
    stream : Stream
        The flights in order of time.
    options : mapping of str to str
        VW's options for each setting, by the name that its row gets.
    delays : sequence of int
        As for `replay`: days until labels arrive.
    start : str
        The first day that counts, such as ``'2013-04-01'``.

    Returns
    -------
    DataFrame, one row for each setting, one column for each delay
        Mean log-loss, in nats.

    Raises
    ------
    UsageError
        There are no options or no delays, a delay is negative or not a whole number, or VW refuses an option.
    DataError
        No flight leaves from `start` on.

    Examples
    --------
    >>> stream = online_learning.stream(flights, online_learning.timetable(flights))
    >>> settings = {"small": online_learning.OPTIONS, "large": "--loss_function logistic -l 1"}
    >>> online_learning.compare_label_delays(stream, settings, [0, 1], "2013-01-03").columns.tolist()
    ['at once', '1 day']
    """
    if not options or not len(delays):
        raise UsageError("there is nothing to compare", fix="give one setting and one delay, or more")
    counts = stream.after(as_day(start, "start"))
    table = {
        f"{counted(delay, 'day')}": {
            name: metrics.log_loss(stream.late[counts], replay(stream, words, delay=delay)[counts])
            for name, words in options.items()
        }
        for delay in delays
    }
    return pd.DataFrame(table).rename(columns={"0 days": "at once", "1 days": "1 day"}).round(4).rename_axis("options")
