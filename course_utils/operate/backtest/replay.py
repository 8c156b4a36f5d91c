"""Replay a year of flights day by day: requests at their horizon, labels when they would have arrived.

`Backtest` replays flights in order of their date. On each day the service scores every scheduled flight, some hours
before departure, with what was known at that moment (`features.as_of`). The file with the outcomes of earlier flights
arrives a day late. So a day holds what a team could know that evening, and nothing that became known later.

Inputs and scores of the whole year are computed once, in seconds. That gives the same values as asking flight by
flight, which the tests of `features.as_of` verify. `Backtest.replay` replays some days with a change (a faulty
delivery, other labels, other outcomes) and leaves the rest of the year alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import datasets, dictionary, features, splits
from course_utils.errors import DataError, UsageError
from course_utils.model import training
from course_utils.operate.backtest.models import service_model
from course_utils.wording import counted

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Backtest", "Day", "small_backtest", "with_departure_delay"]


_LOOKBACK_DAYS = 30  # inputs look back 28 days at most; two more for the horizon and for UTC
_DAY = np.timedelta64(1, "D")
_MEDIAN_MS, _SPREAD = 6.0, 0.35  # of the simulated latencies: their median, and the sigma of their logarithm

_Change = Callable[[pd.DataFrame], pd.DataFrame]
_Answer = Callable[[pd.DataFrame], Any]


@dataclass(frozen=True, repr=False)
class Day:
    """What became known on one day: its requests, and the file of outcomes that arrived.

    Attributes
    ----------
    date : str
        The local date, such as ``'2013-06-01'``.
    rows : DataFrame, one row a request
        Indexed as the flights: the raw columns that were known at the horizon, all inputs of the model, 'day',
        'asked_at' (UTC), 'probability' and 'latency_ms'. No outcome is among them.
    labels : DataFrame, one row a flight
        The file that arrived on this day: all 31 raw columns of flights of an earlier day, outcomes included, with
        'day' (when it arrived), 'due' (when it should have arrived) and the 'probability' that the service had given.
    scheduled : int
        Flights scheduled for this day, each of which should be one request.
    awaited : int
        Flights whose outcome should arrive on this day.
    """

    date: str
    rows: pd.DataFrame
    labels: pd.DataFrame
    scheduled: int
    awaited: int

    def __repr__(self) -> str:
        return f"{self.date}: {counted(len(self.rows), 'request')}, {counted(len(self.labels), 'label')}"


def with_departure_delay(flights: pd.DataFrame, moved: Any, minutes: Any) -> pd.DataFrame:
    """Return flights of which some leave late, with arrival delays and labels that agree.

    Parameters
    ----------
    flights : DataFrame
        Flights with their outcomes, none of which is changed in place.
    moved : array of bool, shape (flights,)
        Which flights get another departure delay.
    minutes : array of int, shape (flights,)
        Their departure delay in minutes, 15 or more; it is ignored where `moved` is false.
    """
    delay = flights["DepDelay"].where(~moved, minutes)
    changed = flights.assign(
        DepDelay=delay,
        ArrDelay=flights["ArrDelay"] + (delay - flights["DepDelay"]).fillna(0),
        IsDepDelayed=flights["IsDepDelayed"].where(~moved, "YES"),
    )
    changed.attrs = dict(flights.attrs)
    return changed


def small_backtest(flights: pd.DataFrame, *, rounds: int = 10) -> Backtest:
    """Return a backtest of a few days whose model was fitted on these same days: to try things out, in seconds.

    Its scores are too good to draw conclusions from, since the model has seen the labels.

    Parameters
    ----------
    flights : DataFrame
        Some days of flights, with their outcomes.
    rounds : int
        Boosting rounds of the model, 1 or more.

    Examples
    --------
    >>> backtest.small_backtest(flights).day("2013-01-03")
    2013-01-03: 914 requests, 943 labels
    """
    split = splits.split_at_random(flights)
    fit = training.train_xgboost(split, features.as_of(flights, 3), rounds=rounds, early_stopping=None)
    return Backtest(flights, fit)


class Backtest:
    """Replay flights in order of their date.

    Parameters
    ----------
    flights : DataFrame
        The flights to replay, with their outcomes, which are handed out when they would have been known.
    model : training.Fit or training.Scorer, optional
        What scores the requests; by default `service_model`. A fit brings its inputs along, which saves computing them.
    horizon : float
        Hours before scheduled departure at which a flight is scored, 0 or more.
    start, until : str, optional
        The first and the last day, such as '2013-06-01'; by default all days that have flights.
    seed : int
        Seed of the simulated latencies of a model that scores in this process: log-normal around 6 ms, an assumption.
    label_delay_days : int
        Days until the file with a day's outcomes arrives, 1 or more.
    predict : callable, optional
        Takes the inputs (DataFrame, one row a request) and returns probabilities; for example, it asks a Clipper
        application. It is called once a day, and its latency is measured. By default, `model` scores in this process.
    scores : Series of float, optional
        Probabilities that are known already, by row label, such as `unseen_scores`; all other flights are scored.

    Attributes
    ----------
    days : list of str
        The days that can be replayed, in order.
    scorer : training.Scorer
        What turns rows into probabilities in this process.
    inputs : list of str
        The names of the model's inputs.

    Raises
    ------
    UsageError
        A day, the delay or the horizon cannot be used, or the data set is not a full year of days.

    Examples
    --------
    >>> machine = backtest.small_backtest(flights)
    >>> machine.run(until="2013-01-02")
    [2013-01-01: 842 requests, 0 labels, 2013-01-02: 943 requests, 842 labels]
    >>> machine
    Backtest(2013-01-01 to 2013-01-04, before 2013-01-03)
    """

    def __init__(
        self,
        flights: pd.DataFrame,
        model: training.Fit | training.Scorer | None = None,
        *,
        horizon: float = 3,
        start: str | None = None,
        until: str | None = None,
        seed: int = 0,
        label_delay_days: int = 1,
        predict: _Answer | None = None,
        scores: pd.Series | None = None,
    ) -> None:
        if not tables.dataset(tables.dataset_of(flights))["complete"]:
            complete = [name for name in tables.DATASETS if tables.dataset(name)["complete"]]
            fix = f"use the flights of {' or '.join(complete)}"
            raise UsageError("only a data set with whole days can be replayed", fix=fix)
        if label_delay_days != int(label_delay_days) or label_delay_days < 1:
            raise UsageError(
                f"label_delay_days={label_delay_days!r} is not a number of days", fix="give a whole number, 1 or more"
            )
        dictionary.admissible(horizon)  # refuses hours after departure
        self.horizon, self.seed, self.label_delay_days, self.predict = horizon, seed, int(label_delay_days), predict
        dates = splits.day(flights)
        if not dates.is_monotonic_increasing:
            flights = flights.loc[dates.sort_values(kind="stable").index]
            dates = splits.day(flights)
        self.flights = flights
        self.scorer, inputs = _model(model, flights, horizon)
        self.inputs = list(self.scorer.encoder.columns)
        self._when = dates.to_numpy("datetime64[D]")
        self._rows = _requests(flights, inputs, horizon)
        self._rows["latency_ms"] = _latencies(len(flights), seed)
        self._rows["probability"] = np.float32(np.nan) if predict else self.scorer.score(self._rows)
        if scores is not None:
            known = scores.reindex(flights.index)
            self._rows["probability"] = known.fillna(self._rows["probability"]).astype(np.float32)
        self._answered = np.full(len(flights), predict is None)
        self.days = [str(day) for day in np.unique(self._when)]
        self.days = [day for day in self.days if (start or "") <= day <= (until or "9999")]
        if not self.days:
            raise UsageError(
                f"no flight is scheduled from {start} to {until}",
                fix="choose start= and until= among the flights' days",
            )
        self._next, self._paused = 0, False

    @property
    def today(self) -> str | None:
        """The day that the next step replays; None after the last one."""
        return self.days[self._next] if self._next < len(self.days) else None

    def __repr__(self) -> str:
        where = f"before {self.today}" if self.today else "at the end"
        return f"Backtest({self.days[0]} to {self.days[-1]}, {where})"

    # ----------------------------------------------------------------------- the clock

    def step(self) -> Day:
        """Replay one day and return it.

        Raises
        ------
        UsageError
            The last day has been replayed.
        """
        if self.today is None:
            raise UsageError("the last day has been replayed", fix="go back with rewind()")
        day = self.day(self.today)
        self._next += 1
        return day

    def run(
        self,
        until: str | None = None,
        *,
        days_a_second: float | None = None,
        each: Callable[[Day], Any] | None = None,
    ) -> list[Day]:
        """Replay day after day and return these days; the next call continues after them.

        Parameters
        ----------
        until : str, optional
            The last day to replay; by default the last day of the backtest.
        days_a_second : float, optional
            How many days to replay a second, above 0; by default as many as possible.
        each : callable, optional
            Called with each day; if it calls `pause`, the run ends after that day.
        """
        self._paused, replayed = False, []
        while self.today is not None and self.today <= (until or "9999") and not self._paused:
            began = time.monotonic()
            replayed.append(self.step())
            if each is not None:
                each(replayed[-1])
            if days_a_second:
                time.sleep(max(0.0, 1 / days_a_second - (time.monotonic() - began)))
        return replayed

    def pause(self) -> None:
        """End the current run after the day that is being replayed."""
        self._paused = True

    def rewind(self, day: str | None = None) -> None:
        """Move the clock, back or forward, to just before a day.

        Parameters
        ----------
        day : str, optional
            The day that the next step replays; by default the first one.

        Raises
        ------
        UsageError
            The backtest does not have that day.
        """
        self._next = 0 if day is None else self._position(day)

    # ----------------------------------------------------------------------- days, without moving the clock

    def day(self, date: str) -> Day:
        """Return the day of a `date`, such as '2013-06-01', without moving the clock.

        Raises
        ------
        UsageError
            The backtest does not have that day.
        DataError
            The service does not return one probability for each request.
        """
        self._position(date)
        now = self._rows_of(date, date)
        earlier = np.datetime64(date) - self.label_delay_days
        then = self._rows_of(earlier, earlier)
        return Day(date, self._scored(now), self._label_files(then), now.stop - now.start, then.stop - then.start)

    def replay(
        self,
        first: str,
        last: str,
        *,
        requests: _Change | None = None,
        labels: _Change | None = None,
        outcomes: _Change | None = None,
        predict: _Answer | None = None,
    ) -> list[Day]:
        """Replay some days with a change, without moving the clock.

        Only these days are scored again. The days after `last`, until its labels have arrived, are returned too: their
        files contain the probabilities that the service gave on the changed days.

        Parameters
        ----------
        first, last : str
            The first and the last day of the change, such as '2013-07-01'.
        requests : callable, optional
            Takes the requests of these days (`Day.rows`, in one table) and returns those that the service receives, for
            example ``lambda rows: faults.plant("kilometres", rows, 0)[0]``. They are scored as returned.
        labels : callable, optional
            Takes the files of these days (`Day.labels`, in one table) and returns those that arrive.
        outcomes : callable, optional
            Takes the flights of these days (raw columns) and returns them with other outcomes. Later inputs that depend
            on these outcomes follow, until the last day that is returned.
        predict : callable, optional
            What scores these days instead of the service: takes `Day.rows` and returns probabilities, as
            `Scorer.score` does.

        Returns
        -------
        list of Day
            From `first` to the last day on which a label of a changed day arrives.

        Raises
        ------
        UsageError
            The backtest does not have one of the days, or no change is given.
        DataError
            The change of outcomes adds or removes flights, or a change loses a column.
        """
        self._position(first), self._position(last)
        if all(change is None for change in (requests, labels, outcomes, predict)):
            raise UsageError("no change is given", fix="pass requests=, labels=, outcomes= or predict=")
        end = str(min(np.datetime64(last) + self.label_delay_days, np.datetime64(self.days[-1])))
        now, happened = self._rows_of(first, last), self.flights
        # The outcomes of a day are inputs of the next day's requests.
        felt = last if outcomes is None else end
        rows = self._scored(self._rows_of(first, felt))
        if outcomes is not None:
            happened = self._with_outcomes(now, outcomes)
            rows = self._requests_again(rows, happened, first)
        if requests is not None:
            inside = (rows["day"] <= last).to_numpy()
            parts = [self._renumbered(_apply(requests, rows[inside]), now), rows[~inside]]
            rows = pd.concat(parts) if len(parts[1]) else parts[0]
        if requests is not None or outcomes is not None:
            rows = self._scored_again(rows, felt, self.predict)
        if predict is not None:
            rows = self._scored_again(rows, last, predict)
        file = self._label_files(
            self._rows_of(*(np.datetime64(day) - self.label_delay_days for day in (first, end))), happened
        )
        again = (file["due"] - pd.Timedelta(days=self.label_delay_days)).between(first, felt)
        file.loc[again, "probability"] = rows["probability"].reindex(file.index[again])
        if labels is not None:
            inside = (file["day"] <= last).to_numpy()
            file = pd.concat([_apply(labels, file[inside]), file[~inside]])
        return self._as_days(rows, file, (first, felt, end))

    def table(
        self, first: str | None = None, last: str | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
        """Return several days as one table of requests and one of labels, without moving the clock.

        Parameters
        ----------
        first, last : str, optional
            The first and the last of these days; by default those of the backtest.

        Returns
        -------
        rows, labels : DataFrame
            As in `Day`, over all these days.
        scheduled, awaited : Series of int, index 'day'
            As in `Day`, one value a day.

        Raises
        ------
        UsageError
            The backtest does not have one of the days.
        DataError
            The service does not return one probability for each request.
        """
        first, last = first or self.days[0], last or self.days[-1]
        self._position(first), self._position(last)
        now = self._rows_of(first, last)
        then = self._rows_of(*(np.datetime64(day) - self.label_delay_days for day in (first, last)))
        days = pd.DatetimeIndex([day for day in self.days if first <= day <= last], name="day")
        rows, labels = self._scored(now), self._label_files(then)
        counts = [part.value_counts().reindex(days, fill_value=0) for part in (rows["day"], labels["day"])]
        return rows, labels, *counts

    # ----------------------------------------------------------------------- state

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save the position of the clock to a file atomically, and return its path.

        The file identifies the flights and the scores by hash, and does not contain them.

        Parameters
        ----------
        path : str or path
            The file to write; its folder is made if necessary.

        Raises
        ------
        UsageError
            The backtest asks a service, which a file cannot store.
        """
        if self.predict is not None:
            raise UsageError(
                "a backtest that asks a service cannot be saved", fix="save one that was made without predict="
            )
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.new")
        temporary.write_text(json.dumps(self._state() | {"next": self._next}, indent=1), encoding="utf-8")
        temporary.replace(target)
        return target

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        flights: pd.DataFrame | None = None,
        model: training.Fit | training.Scorer | None = None,
        scores: pd.Series | None = None,
    ) -> Self:
        """Return a backtest whose clock is where a saved one was.

        Parameters
        ----------
        path : str or path
            The file that `save` wrote.
        flights : DataFrame, optional
            The flights of the saved backtest; by default the active data set.
        model : training.Fit or training.Scorer, optional
            The model of the saved backtest; by default `service_model`.
        scores : Series of float, optional
            The scores that the saved backtest was given, if any.

        Raises
        ------
        DataError
            The file is not a saved backtest, or it was saved with other flights or scores.
        """
        source = Path(path)
        try:
            state = json.loads(source.read_text(encoding="utf-8"))
            place, options = state.pop("next"), state["options"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError("is not a saved backtest", file=source, fix="write one with Backtest.save") from error
        restored = cls(datasets.load_flights() if flights is None else flights, model, scores=scores, **options)
        if restored._state() != state:
            raise DataError(
                "was saved with other flights or another model",
                file=source,
                fix="pass the same flights=, model=, scores=",
            )
        restored._next = place
        return restored

    def _state(self) -> dict[str, Any]:
        options = {
            "horizon": self.horizon,
            "start": self.days[0],
            "until": self.days[-1],
            "seed": self.seed,
            "label_delay_days": self.label_delay_days,
        }
        return {
            "flights": training.data_hash(self.flights[["DepDelay", "Cancelled"]]),
            "scores": training.data_hash(self._rows[["probability"]]),
            "options": options,
        }

    # ----------------------------------------------------------------------- inside

    def _position(self, day: str) -> int:
        if day not in self.days:
            raise UsageError(
                f"the backtest has no day {day!r}", fix=f"choose a day from {self.days[0]} to {self.days[-1]}"
            )
        return self.days.index(day)

    def _rows_of(self, first: str, last: str) -> slice:
        """Return the rows of the flights of some days, as a slice."""
        return slice(
            int(np.searchsorted(self._when, np.datetime64(first), side="left")),
            int(np.searchsorted(self._when, np.datetime64(last), side="right")),
        )

    def _scored(self, now: slice) -> pd.DataFrame:
        """Return requests with their scores; a service is asked day by day, and only once."""
        for day in np.unique(self._when[now][~self._answered[now]]):
            here = self._rows_of(day, day)
            answers = self._ask(self._rows.iloc[here], self.predict)
            for name, values in zip(("probability", "latency_ms"), answers, strict=True):
                self._rows.iloc[here, self._rows.columns.get_loc(name)] = values
            self._answered[here] = True
        return self._rows.iloc[now]

    def _ask(self, rows: pd.DataFrame, predict: _Answer | None) -> tuple[np.ndarray, Any]:
        """Return the probabilities, and the milliseconds that each took: measured if a service is asked."""
        if predict is None:
            return self.scorer.score(rows), rows["latency_ms"].to_numpy()
        began = time.perf_counter()
        answer = np.asarray(predict(rows[self.inputs] if predict is self.predict else rows), dtype=np.float32).ravel()
        took = 1000 * (time.perf_counter() - began) / max(1, len(rows))
        if len(answer) != len(rows):
            raise DataError(
                f"predict returned {counted(len(answer), 'answer')} to {counted(len(rows), 'request')}",
                fix="return one probability for each row",
            )
        return answer, took if predict is self.predict else rows["latency_ms"].to_numpy()

    def _label_files(self, then: slice, happened: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the files with the outcomes of some flights and the probabilities that the service gave them."""
        rows = self.flights.iloc[then]
        if happened is not None:
            rows = happened.loc[rows.index]
        due = (self._when[then] + self.label_delay_days * _DAY).astype("datetime64[ns]")
        return rows.assign(day=due, due=due, probability=self._rows["probability"].iloc[then])

    def _with_outcomes(self, now: slice, outcomes: _Change) -> pd.DataFrame:
        """Return all flights, those of some days with other outcomes."""
        here = self.flights.iloc[now]
        other = outcomes(here.copy())
        if not other.index.equals(here.index) or list(other.columns) != list(here.columns):
            raise DataError(
                "outcomes= returned other rows or columns than it was given",
                fix="change outcomes only: keep rows, order and columns",
            )
        parts = [self.flights.iloc[: now.start], other, self.flights.iloc[now.stop :]]
        happened = pd.concat(parts)
        happened.attrs = dict(self.flights.attrs)
        return happened

    def _requests_again(self, rows: pd.DataFrame, happened: pd.DataFrame, first: str) -> pd.DataFrame:
        """Return requests with the inputs that follow from changed outcomes."""
        # Inputs look back a month at most: computing them over these days alone gives the same values, far faster.
        past = self._rows_of(np.datetime64(first) - _LOOKBACK_DAYS, rows["day"].iloc[-1])
        recent = happened.iloc[past]
        recent.attrs = dict(self.flights.attrs)
        inputs = features.as_of(recent, self.horizon, rows=rows.index)
        again = _requests(happened.loc[rows.index], inputs, self.horizon)
        return again.assign(latency_ms=rows["latency_ms"], probability=rows["probability"])

    def _renumbered(self, rows: pd.DataFrame, now: slice) -> pd.DataFrame:
        """Return requests in which the added ones have row labels that no flight has."""
        added = ~rows.index.isin(self.flights.index[now])
        if not added.any():
            return rows
        start = int(self.flights.index.max()) + 1
        index = rows.index.to_numpy().copy()
        index[added] = np.arange(start, start + added.sum())
        return rows.set_axis(index, axis=0)

    def _scored_again(self, rows: pd.DataFrame, last: str, predict: _Answer | None) -> pd.DataFrame:
        """Return requests in which those up to a day are scored again."""
        inside = (rows["day"] <= last).to_numpy()
        answer, took = self._ask(rows[inside], predict)
        rows = rows.assign(probability=rows["probability"].astype(np.float32))
        rows.iloc[np.flatnonzero(inside), rows.columns.get_loc("probability")] = answer
        rows.iloc[np.flatnonzero(inside), rows.columns.get_loc("latency_ms")] = took
        return rows

    def _as_days(self, rows: pd.DataFrame, file: pd.DataFrame, span: tuple[str, str, str]) -> list[Day]:
        """Return changed requests and files as days, until the last label has arrived."""
        first, felt, due = span
        found, end = [], max(due, f"{file['day'].max():%Y-%m-%d}" if len(file) else due)
        for date in (day for day in self.days if first <= day <= end):
            plain = self.day(date)
            mine = rows[rows["day"] == date] if date <= felt else plain.rows
            arrived = file[file["day"] == date]
            if date > due:  # later files are unchanged, but labels that were delayed arrive with them
                arrived = pd.concat([arrived, plain.labels])
            found.append(Day(date, mine, arrived, plain.scheduled, plain.awaited))
        return found


def _apply(change: _Change, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a change makes of these, which must have all their columns."""
    changed = change(rows.copy())
    absent = [name for name in rows.columns if name not in changed.columns]
    if absent:
        raise DataError("is missing after the change", column=str(absent[0]), fix="return the rows with all columns")
    return changed


def _model(
    model: training.Fit | training.Scorer | None, flights: pd.DataFrame, horizon: float
) -> tuple[training.Scorer, pd.DataFrame]:
    """Return the scorer, and the inputs of all flights."""
    if isinstance(model, training.Fit) and flights.index.isin(model.inputs.index).all():
        return model.scorer, model.inputs.loc[flights.index]
    inputs = features.as_of(flights, horizon)
    # The scorer converts to float32 anyway, and float64 would double the memory that a year of inputs takes.
    inputs = inputs.astype(dict.fromkeys(inputs.select_dtypes("float64"), np.float32))
    if model is None:
        model = service_model(flights, inputs)
    return (model.scorer if isinstance(model, training.Fit) else model), inputs


def _requests(flights: pd.DataFrame, inputs: pd.DataFrame, horizon: float) -> pd.DataFrame:
    """Return what is known of each flight when it is scored: raw columns, then inputs."""
    known = dictionary.load()["known_hours_before"]
    raw = flights[list(known.index[known >= horizon])]
    more = inputs[[name for name in inputs.columns if name not in raw.columns]]
    more = more.astype(dict.fromkeys(more.select_dtypes("float64"), np.float32))
    times = {
        "day": splits.day(flights),
        "asked_at": datasets.scheduled_departure(flights) - pd.Timedelta(hours=horizon),
    }
    return pd.concat([raw, more, pd.DataFrame(times)], axis=1)


def _latencies(count: int, seed: int) -> np.ndarray:
    """Return simulated latencies in milliseconds: log-normal, as those of real services roughly are."""
    return np.random.default_rng(seed).lognormal(np.log(_MEDIAN_MS), _SPREAD, count).astype(np.float32)
