"""The year again, day by day: static against dynamic training on the same flights and the same inputs.

Every learner here answers for a flight with what it knew on the morning of that day. When labels arrive is stated as a
delay in days: 0 means at once, before the next flight is predicted, which no airline can have; 1 means that the flights
of a day have their labels the next morning.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import features, splits
from course_utils.errors import DataError, UsageError
from course_utils.model import metrics, money, training, vowpal

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "NAMESPACES",
    "OPTIONS",
    "START",
    "GuardedRun",
    "Learner",
    "Stream",
    "compare_label_delays",
    "comparison_start",
    "every_nth_flight",
    "first_days",
    "learn_guarded",
    "learn_or_roll_back",
    "loss_by_week",
    "online_rate_table",
    "recalibrated",
    "replay",
    "stream",
    "timetable",
    "total_loss",
    "train_monthly",
    "train_once",
    "weeks_side_by_side",
]

#: How VW runs unless a lesson says otherwise: small steps that become smaller.
OPTIONS = "--loss_function logistic -l 0.1 --power_t 0.5"

#: One namespace for each input of the timetable, told apart by its first letter, as ``-q`` needs it.
NAMESPACES: dict[str, list[str]] = {
    "hour": ["hour"],
    "arrival": ["arrival_hour"],
    "weekday": ["DayOfWeek"],
    "carrier": ["UniqueCarrier"],
    "origin": ["Origin"],
    "dest": ["Dest"],
    "numbers": ["CRSElapsedTime", "Distance"],
}

#: The first day on which the learners are compared.
START = {"nyc2013": "2013-04-01", "allyears2k": "1996-01-01"}

_TEXT = ("hour", "arrival_hour", "DayOfWeek")
_LABELS = {"YES": 1, "NO": -1}
_LABEL = "IsDepDelayed"
_ROUNDS = 60  # of XGBoost: with two months of training, early stopping on the third keeps about half as many


def timetable(flights: pd.DataFrame) -> pd.DataFrame:
    """Return what the timetable says of each flight, clock times as hours: the inputs that all learners share.

    Parameters
    ----------
    flights : DataFrame

    Returns
    -------
    DataFrame
        One row a flight, labels kept: the admissible columns of the schedule, with 'hour' and 'arrival_hour' in place
        of the two clock times.
    """
    inputs = features.schedule(flights)
    hours = {"hour": inputs["CRSDepTime"] // 100, "arrival_hour": inputs["CRSArrTime"] // 100}
    return inputs.drop(columns=["CRSDepTime", "CRSArrTime"]).assign(**hours)


@dataclass(frozen=True, repr=False)
class Stream:
    """Flights in order of time, as VW reads them.

    Attributes
    ----------
    lines : list of str
        VW's text, labels included.
    late : array of float, shape (flights,)
        1 late, 0 not.
    days : array of datetime64[D], shape (flights,)
        In order.
    rows : DataFrame
        The flights themselves.
    """

    lines: list[str]
    late: np.ndarray
    days: np.ndarray
    rows: pd.DataFrame

    def __repr__(self) -> str:
        return f"{len(self.lines):,} flights on {len(np.unique(self.days)):,} days, {self.late.mean():.1%} late"

    @property
    def calendar(self) -> list[str]:
        """The days on which flights leave, in order."""
        return [str(day) for day in np.unique(self.days)]

    def after(self, day: str) -> np.ndarray:
        """Say which flights leave on `day` or later, bool, shape (flights,)."""
        return self.days >= np.datetime64(day)


def stream(
    flights: pd.DataFrame,
    inputs: pd.DataFrame,
    namespaces: Mapping[str, Sequence[str]] | None = None,
) -> Stream:
    """Write flights as VW's text, in order of their day.

    The road is the one of any delivery: a CSV file, through `vw.csv2vw`.

    Parameters
    ----------
    flights : DataFrame
        Those that did not leave have no label and are left out.
    inputs : DataFrame
        Inputs by row label, for at least these flights.
    namespaces : mapping of str to sequence of str, optional
        The inputs of each of VW's namespaces; default `NAMESPACES`, with all other inputs among the numbers.

    Raises
    ------
    DataError
        A flight has no inputs, or none of the flights left.
    UsageError
        The namespaces are not those of the inputs.
    """
    rows = flights[flights["DepDelay"].notna()]
    days = splits.day(rows)
    if not days.is_monotonic_increasing:  # within a day they stay as they are
        rows = rows.loc[days.sort_values(kind="stable").index]
        days = splits.day(rows)
    late = features.label(rows).to_numpy()
    if not rows.index.isin(inputs.index).all():
        raise DataError("a flight has no inputs", fix="compute the inputs from the same flights")
    spaces = _spaces(inputs) if namespaces is None else namespaces
    columns = [name for part in spaces.values() for name in ([part] if isinstance(part, str) else part)]
    examples = vowpal.from_frame(
        inputs.loc[rows.index].assign(**{_LABEL: np.where(late == 1, "YES", "NO")}),
        label=_LABEL,
        labels=_LABELS,
        columns=columns,
        horizon=0,
        text=[name for name in _TEXT if name in columns],
        namespaces=spaces,
    )
    return Stream(examples.lines, late, days.to_numpy("datetime64[D]"), rows)


def _spaces(inputs: pd.DataFrame) -> dict[str, list[str]]:
    spaces = {name: [column for column in columns if column in inputs] for name, columns in NAMESPACES.items()}
    placed = {column for columns in spaces.values() for column in columns}
    spaces["numbers"] += [str(column) for column in inputs if column not in placed]
    return {name: columns for name, columns in spaces.items() if columns}


def every_nth_flight(flights: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Keep every so many-th flight, in order: a sample that has all days in it.

    Parameters
    ----------
    flights : DataFrame
    rows : int
        Keep at least this many, and less than twice as many, where there are that many.

    Raises
    ------
    UsageError
        `rows` is less than 1.
    """
    if rows < 1:
        raise UsageError(f"rows={rows} keeps no flight", fix="give 1 or more")
    return flights.iloc[:: max(1, len(flights) // rows)]


def first_days(flights: pd.DataFrame, days: int) -> pd.DataFrame:
    """Keep the flights of the first days on which any are scheduled.

    Parameters
    ----------
    flights : DataFrame
    days : int
    """
    dates = splits.day(flights)
    return flights[dates.isin(np.sort(dates.unique())[:days])]


def comparison_start(flights: pd.DataFrame) -> str:
    """Return the day from which on the learners are compared: before it, they only learn.

    Parameters
    ----------
    flights : DataFrame
    """
    return START[flights.attrs.get("dataset") or tables.active_dataset()]


# --------------------------------------------------------------------------- the year again, in VW


def replay(given: Stream, options: str = OPTIONS, *, delay: int = 1, until: str | None = None) -> np.ndarray:
    """Predict every flight with what a learner knew on the morning of its day, and let it learn as labels arrive.

    VW runs once over one file: on each day the flights as questions, without label, and then the labels that have
    arrived by then.

    Parameters
    ----------
    given : Stream
    options : str
        VW's own.
    delay : int
        Days until labels arrive; 0 lets it learn from each flight before it predicts the next.
    until : str, optional
        The day from which on nothing is learnt any more: a static model.

    Returns
    -------
    array of float, shape (flights,)
        Probabilities of 'late'.

    Raises
    ------
    UsageError
        The delay is negative or no whole number, or VW refuses an option.
    """
    _whole(delay)
    text, asked = _events(given, delay, np.datetime64(until) if until else None)
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        path = Path(folder) / "events.vw"
        path.write_text(text, encoding="utf-8", newline="\n")
        predictions = vowpal.run(path, f"{options} --link logistic").predictions
    return predictions[asked]


def _whole(delay: int) -> None:
    if isinstance(delay, bool) or delay != int(delay) or delay < 0:
        raise UsageError(f"delay={delay!r} cannot be waited for", fix="give whole days, 0 or more")


def _events(given: Stream, delay: int, until: np.datetime64 | None) -> tuple[str, np.ndarray]:
    """Return one file of questions and labels in order of time, and which of its lines are questions."""
    if delay == 0 and until is None:
        return "".join(f"{line}\n" for line in given.lines), np.ones(len(given.lines), dtype=bool)
    days, first = np.unique(given.days, return_index=True)
    bounds = [*first, len(given.lines)]
    parts, asked = [], []
    for place, day in enumerate(days):
        if delay == 0 and day < until:  # learns from what it has just been asked
            parts += given.lines[bounds[place] : bounds[place + 1]]
            asked.append(np.ones(bounds[place + 1] - bounds[place], dtype=bool))
            continue
        known = np.searchsorted(days, day - delay)  # exact: labels of a day that has no flights never arrive
        if delay and known < len(days) and days[known] == day - delay and (until is None or days[known] < until):
            parts += given.lines[bounds[known] : bounds[known + 1]]
            asked.append(np.zeros(bounds[known + 1] - bounds[known], dtype=bool))
        questions = given.lines[bounds[place] : bounds[place + 1]]
        parts += [line[line.index("|") :] for line in questions]
        asked.append(np.ones(len(questions), dtype=bool))
    return "".join(f"{line}\n" for line in parts), np.concatenate(asked)


def compare_label_delays(given: Stream, options: Mapping[str, str], delays: Sequence[int], start: str) -> pd.DataFrame:
    """Compare settings of VW by progressive log-loss, for several delays of the labels.

    Parameters
    ----------
    given : Stream
    options : mapping of str to str
        VW's options, by what they are called.
    delays : sequence of int
        Days until labels arrive.
    start : str
        The first day that counts.

    Returns
    -------
    DataFrame, one row a setting, one column a delay
        Log-loss.
    """
    counts = given.after(start)
    table = {
        f"{delay} days": {
            name: metrics.log_loss(given.late[counts], replay(given, words, delay=delay)[counts])
            for name, words in options.items()
        }
        for delay in delays
    }
    return pd.DataFrame(table).rename(columns={"0 days": "at once", "1 days": "1 day"}).round(4).rename_axis("options")


# --------------------------------------------------------------------------- its rivals


def online_rate_table(
    given: Stream, keys: pd.Series, *, delay: int = 1, half_life: float = 28, prior: float = 20
) -> np.ndarray:
    """Predict the mean lateness of a flight's key so far, where what is older counts less.

    Parameters
    ----------
    given : Stream
    keys : Series
        The key of each flight, by row label.
    delay : int
        Days until labels arrive, 1 or more.
    half_life : float
        Days after which a flight counts half.
    prior : float
        How many flights at the mean of all keys are mixed into each.

    Returns
    -------
    array of float, shape (flights,)

    Raises
    ------
    UsageError
        The delay is not 1 or more, or the half-life not positive.
    """
    _whole(delay)
    if delay < 1 or not half_life > 0:
        raise UsageError("the table cannot be updated so", fix="give a delay of 1 day or more, a positive half_life")
    code, names = pd.factorize(keys.loc[given.rows.index])
    when = (given.days - given.days[0]).astype(int)
    keep = 0.5 ** (1 / half_life)
    count, late = np.zeros(len(names)), np.zeros(len(names))
    found = np.empty(len(code))
    by_day = {day: np.flatnonzero(when == day) for day in np.unique(when)}
    for day in range(when[-1] + 1):
        count, late = count * keep, late * keep
        known = by_day.get(day - delay, np.empty(0, dtype=int))
        np.add.at(count, code[known], 1)
        np.add.at(late, code[known], given.late[known])
        base = late.sum() / count.sum() if count.sum() else 0.5
        rate = (late + prior * base) / np.maximum(count + prior, 1e-9)  # without a prior, a key may have nothing yet
        today = by_day.get(day, np.empty(0, dtype=int))
        found[today] = rate[code[today]]
    return found


def train_once(given: Stream, inputs: pd.DataFrame, until: str, **parameters: Any) -> np.ndarray:
    """Fit XGBoost once, on the flights before a day, and predict all flights.

    Parameters
    ----------
    given : Stream
    inputs : DataFrame
        By row label.
    until : str
        The first day that it does not learn from.
    **parameters
        XGBoost's own, over `training.DEFAULTS`.

    Returns
    -------
    array of float, shape (flights,)
        Those before `until` were learnt from.

    Raises
    ------
    UsageError
        No flight leaves before `until`.
    """
    return _fitted(given, inputs, given.days < np.datetime64(until), **parameters).predict(given.rows).astype(float)


def train_monthly(given: Stream, inputs: pd.DataFrame, until: str, **parameters: Any) -> np.ndarray:
    """Fit XGBoost anew on the first of each month, on all that came before, and predict the month.

    Parameters
    ----------
    given : Stream
    inputs : DataFrame
        By row label.
    until : str
        The first month to predict with a model that has not seen it; the flights before are those of its training.
    **parameters
        XGBoost's own, over `training.DEFAULTS`.

    Returns
    -------
    array of float, shape (flights,)

    Raises
    ------
    UsageError
        No flight leaves before `until`.
    """
    found = train_once(given, inputs, until, **parameters)
    months = given.days.astype("datetime64[M]")
    for month in np.unique(months[given.after(until)])[1:]:
        now = months == month
        found[now] = _fitted(given, inputs, months < month, **parameters).predict(given.rows[now])
    return found


def _fitted(given: Stream, inputs: pd.DataFrame, learnt: np.ndarray, **parameters: Any) -> training.Fit:
    rows = given.rows[learnt]
    if rows.empty:
        raise UsageError("there is nothing to learn from", fix="choose a later day")
    # Nothing is left to stop on: the rounds are fixed, and the last two parts only have to hold some flights.
    split = splits.Split(rows, rows.tail(1_000), rows.tail(1_000), "all that came before")
    return training.train_xgboost(split, inputs, early_stopping=None, **{"rounds": _ROUNDS} | parameters)


def recalibrated(
    given: Stream, probability: np.ndarray, *, window: int = 7, delay: int = 1, least: int = 200
) -> np.ndarray:
    """Move a model's scores each day so that their mean meets what happened in the last days.

    One number is learnt, the intercept; the order of a day's flights stays as it was.

    Parameters
    ----------
    given : Stream
    probability : array of float, shape (flights,)
    window : int
        Days to look back.
    delay : int
        Days until labels arrive, 1 or more.
    least : int
        With fewer labelled flights than this nothing is moved.

    Returns
    -------
    array of float, shape (flights,)
    """
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    margin = logit(np.clip(probability, 1e-6, 1 - 1e-6))
    moved = np.array(margin)
    for day in np.unique(given.days):
        first, last = np.searchsorted(given.days, [day - delay - window + 1, day - delay + 1])
        if last - first < least:
            continue
        share = np.clip(given.late[first:last].mean(), 1e-3, 1 - 1e-3)
        shift = brentq(_gap(margin[first:last], share), -10, 10, xtol=1e-6)
        moved[given.days == day] += shift
    return expit(moved)


def _gap(margin: np.ndarray, share: float) -> Callable[[float], float]:
    from scipy.special import expit

    return lambda shift: float(expit(margin + shift).mean() - share)


# --------------------------------------------------------------------------- what came of it


def total_loss(given: Stream, scores: Mapping[str, np.ndarray], start: str, payoff: str = "deck_100") -> pd.DataFrame:
    """Say how each learner did over all days from `comparison_start` on.

    Parameters
    ----------
    given : Stream
    scores : mapping of str to array of float
        Probabilities of all flights, by learner.
    start : str
        The first day that counts.
    payoff : str
        See `money.payoff`; passengers are warned from its break-even probability on.

    Returns
    -------
    DataFrame, one row a learner
        'log-loss', 'AUC', and 'dollars' per 1,000 flights with 'low' and 'high' (95%, whole days drawn).
    """
    counts = given.after(start)
    late, worth = given.late[counts], money.payoff(payoff)
    warned = {name: p[counts] >= money.break_even(worth) for name, p in scores.items()}
    table = money.policies(late, warned, worth, given.days[counts])[["dollars", "low", "high"]]
    table.insert(0, "AUC", [round(metrics.auc(late, p[counts]), 3) for p in scores.values()])
    table.insert(0, "log-loss", [round(metrics.log_loss(late, p[counts]), 3) for p in scores.values()])
    return table.rename_axis("learner")


def loss_by_week(given: Stream, scores: Mapping[str, np.ndarray], start: str, payoff: str = "deck_100") -> pd.DataFrame:
    """Say how each learner did in each week from `comparison_start` on.

    Parameters
    ----------
    given : Stream
    scores : mapping of str to array of float
        Probabilities of all flights, by learner.
    start : str
        The first day that counts; weeks are counted from it, and the last one may be short.
    payoff : str
        See `total_loss`.

    Returns
    -------
    DataFrame, one row a learner and week
        'learner', 'week' (its first day), 'flights', 'log-loss', and 'dollars' per 1,000 flights with 'low' and 'high'
        (95%, whole days drawn).
    """
    worth = money.payoff(payoff)
    number = (given.days - np.datetime64(start)).astype(int) // 7
    rows = []
    for week in np.unique(number[number >= 0]):
        now = number == week
        for name, p in scores.items():
            dollars = money.dollars_by_flight(given.late[now], p[now] >= money.break_even(worth), worth)
            several = len(np.unique(given.days[now])) > 1
            value = money.bootstrap(dollars, given.days[now], draws=500) if several else None
            rows.append(
                {
                    "learner": name,
                    "week": str(np.datetime64(start) + 7 * week),
                    "flights": int(now.sum()),
                    "log-loss": round(metrics.log_loss(given.late[now], p[now]), 4),
                    "dollars": round(dollars.mean() * money.PER),
                    "low": round(value.low) if value else None,
                    "high": round(value.high) if value else None,
                }
            )
    return pd.DataFrame(rows).sort_values(["learner", "week"], ignore_index=True, kind="stable")


def weeks_side_by_side(weeks: pd.DataFrame, value: str = "log-loss") -> pd.DataFrame:
    """Put the learners of a table of weeks side by side.

    Parameters
    ----------
    weeks : DataFrame
        As from `loss_by_week`, or ``committed("weeks")``.
    value : str
        The column to show.

    Returns
    -------
    DataFrame, index 'week' (datetime64), one column a learner
    """
    table = weeks.pivot(index="week", columns="learner", values=value).rename_axis(columns=None)
    return table.set_axis(pd.to_datetime(table.index).rename("week"))


# --------------------------------------------------------------------------- a learner that can be put back


class Learner:
    """A VW learner in this process, for what one run over a file cannot do: look, learn, and take it back.

    Parameters
    ----------
    options : str
        VW's own; they must name a loss function, since a model that is put back forgets it.

    Raises
    ------
    UsageError
        No loss function is named, or VW refuses an option.
    """

    def __init__(self, options: str = OPTIONS) -> None:
        if "--loss_function" not in options:
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
        """Return the probability of each of some examples, the `lines`, and learn nothing."""
        questions = (line[line.index("|") :] for line in lines)
        return np.array([self._workspace.predict(question) for question in questions], dtype=float)

    def learn(self, lines: Sequence[str]) -> None:
        """Learn from labelled examples, the `lines`, one after the other."""
        for line in lines:
            self._workspace.learn(line)

    def snapshot(self) -> bytes:
        """Return all that has been learnt."""
        with tempfile.TemporaryDirectory(prefix="learner-") as folder:
            path = Path(folder) / "model"
            self._workspace.save(os.fspath(path))
            return path.read_bytes()

    def rollback(self, snapshot: bytes) -> None:
        """Go back to what was known then: the next predictions are bit for bit those of that moment.

        Parameters
        ----------
        snapshot : bytes
            As from `snapshot`.

        Raises
        ------
        UsageError
            The snapshot is not one of a learner with these options.
        """
        with tempfile.TemporaryDirectory(prefix="learner-") as folder:
            path = Path(folder) / "model"
            path.write_bytes(snapshot)
            fresh = self._open(f"-i {os.fspath(path)}")
        self._workspace.finish()
        self._workspace = fresh


@dataclass(frozen=True, repr=False)
class GuardedRun:
    """What came of learning behind a guard.

    Attributes
    ----------
    predictions : array of float, shape (flights,)
        Probability of each flight, on the morning of its day.
    batches : DataFrame, index 'day'
        For each day's labels: 'harm' (by how much they raised the log-loss on earlier flights with trusted labels),
        'learnt' and, for who planted it, 'spoiled'.
    """

    predictions: np.ndarray
    batches: pd.DataFrame

    def __repr__(self) -> str:
        refused = self.batches.index[~self.batches["learnt"]]
        return f"{len(self.batches)} batches, {len(refused)} refused: {', '.join(map(str, refused)) or 'none'}"

    @property
    def refused(self) -> list[str]:
        """The days whose labels were not learnt from."""
        return [str(day) for day in self.batches.index[~self.batches["learnt"]]]


def learn_guarded(
    given: Stream,
    options: str = OPTIONS,
    *,
    limit: float | None = None,
    spoiled: Collection[str] = (),
    canary: int = 1_000,
) -> GuardedRun:
    """Learn day by day behind a guard: a batch of labels that makes earlier flights worse predicted is taken back.

    On the morning of each day the labels of the day before arrive, and `learn_or_roll_back` decides about them. What it looks at
    is a sample of earlier flights, evenly spread over all batches that were let through. Until there are enough of
    them, the learner is too young to judge by, and every batch is let through.

    Parameters
    ----------
    given : Stream
    options : str
        VW's own.
    limit : float, optional
        Largest rise that is let through, in log-loss; None: there is no guard.
    spoiled : collection of str
        Days whose labels arrive the wrong way round, as with a swapped label map.
    canary : int
        How many earlier flights to look at, at least.

    Raises
    ------
    UsageError
        `limit` is negative, or a spoiled day has no flights.
    """
    if limit is not None and not limit >= 0:
        raise UsageError(f"limit={limit} lets nothing through", fix="give a rise in log-loss, 0 or more")
    days = given.calendar
    if strange := sorted(set(spoiled) - set(days)):
        raise UsageError(f"no flight leaves on {strange[0]}", fix="choose a day of the stream")
    places = {day: np.flatnonzero(given.days == np.datetime64(day)) for day in days}
    found, rows, trusted = np.empty(len(given.lines)), [], []
    with Learner(options) as learner:
        for yesterday, day in zip([None, *days], days, strict=False):
            if yesterday is not None:
                known = np.concatenate([places[kept] for kept in trusted] or [np.empty(0, dtype=int)])
                known = known[:: len(known) // canary] if len(known) >= canary else known[:0]
                batch = [given.lines[place] for place in places[yesterday]]
                if yesterday in spoiled:
                    batch = [_swapped(line) for line in batch]
                asked = [given.lines[place] for place in known]
                harm, learnt = learn_or_roll_back(learner, batch, asked, given.late[known], limit)
                rows.append({"day": yesterday, "harm": harm, "learnt": learnt, "spoiled": yesterday in spoiled})
                trusted += [yesterday] if learnt else []
            found[places[day]] = learner.predict([given.lines[place] for place in places[day]])
    return GuardedRun(found, pd.DataFrame(rows).set_index("day"))


def _swapped(line: str) -> str:
    return line.removeprefix("-") if line.startswith("-") else f"-{line}"


def learn_or_roll_back(
    learner: Learner, batch: Sequence[str], canary: Sequence[str], late: np.ndarray, limit: float | None
) -> tuple[float, bool]:
    """Learn a batch, and take it back if it makes earlier flights much worse predicted.

    Parameters
    ----------
    learner : Learner
    batch : sequence of str
        The examples that have arrived.
    canary : sequence of str
        Earlier examples, not of this batch, whose labels are trusted; with none, the batch is let through.
    late : array of float, shape (canary,)
        Their labels.
    limit : float, optional
        Largest rise of their log-loss that is let through; None: any.

    Returns
    -------
    harm : float
        The rise, whether the batch was let through or not.
    learnt : bool
    """
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
