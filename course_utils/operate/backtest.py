"""The year as it happened: requests at their horizon, labels when they would be known, day after day.

`Backtest` replays flights in order of their date. On each day the service is asked about every flight that is
scheduled, some hours before it should leave, with what was known at that moment (`features.as_of` sees to that); and
the file with what became of earlier flights arrives, a day late. So a day holds what somebody who watches the service
could know that evening, and nothing that only came later.

Inputs and scores of the whole year are computed once, in seconds, which is the same as asking flight by flight: a
property of `features.as_of` that its tests hold. `TimeMachine.replay` plays some days again with something changed (a
faulty delivery, other labels, another world) and leaves the rest of the year alone.
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

if TYPE_CHECKING:
    from typing import Self

__all__ = ["LIVE", "QUIET", "Backtest", "Day", "service_model", "unseen_scores"]

#: The months that the service learnt from and that its limits are set on, but for the first day, which has no past;
#: and the day on which it goes live.
QUIET = ("2013-01-02", "2013-05-31")
LIVE = "2013-06-01"

_MEMORY = 30  # days that inputs look back at most, and two to spare
_DAY = np.timedelta64(1, "D")
_MEDIAN_MS, _SPREAD = 6.0, 0.35  # of the seeded latencies of a service in process

_Change = Callable[[pd.DataFrame], pd.DataFrame]
_Answer = Callable[[pd.DataFrame], Any]


@dataclass(frozen=True, repr=False)
class Day:
    """What became known on one day.

    Attributes
    ----------
    date : str
        Such as ``'2013-06-01'``, local.
    rows : DataFrame
        One row for each request, labels of the flights kept: the raw columns that were known at the horizon, all inputs
        of the model, 'day', 'asked_at' (UTC), 'probability' and 'latency_ms'. No outcome is among them.
    labels : DataFrame
        The file that arrived on this day: all 31 raw columns of flights of an earlier day, outcomes included, with
        'day' (on which it arrived), 'due' (on which it should have) and the 'probability' that the service had given.
    scheduled : int
        Flights that the schedule has for this day: so many requests should have come.
    awaited : int
        Flights whose outcome should have arrived on this day.
    """

    date: str
    rows: pd.DataFrame
    labels: pd.DataFrame
    scheduled: int
    awaited: int

    def __repr__(self) -> str:
        return f"{self.date}: {len(self.rows):,} requests, {len(self.labels):,} labels"


def service_model(flights: pd.DataFrame, inputs: pd.DataFrame | None = None) -> training.Fit:
    """Return the model that goes live on 1 June: learnt on January to April, stopped on May.

    It is fitted on first use and kept under data/processed, as `training.course_model` is.

    Parameters
    ----------
    flights : DataFrame
    inputs : DataFrame, optional
        As from `features.as_of` at 3 hours, which is the default.
    """
    if inputs is None:
        inputs = features.as_of(flights, tables.read_toml("constants.toml")["horizon_hours"])
    split = splits.split_by_time(flights, validation=QUIET[1][:7], test=LIVE[:7])
    learnt = split.train.index.append(split.validation.index)
    labels = features.label(flights.loc[learnt]).to_frame()
    return training.fit_or_load(split, inputs, training.data_hash(inputs.loc[learnt]), training.data_hash(labels))


def unseen_scores(flights: pd.DataFrame, inputs: pd.DataFrame, rounds: int = 60) -> pd.Series:
    """Score each of the quiet months with a model that learnt from the others.

    A model flatters itself on the months that it learnt from: what it misses there is a third smaller than elsewhere,
    and limits that are set on it would be a third too narrow.

    Parameters
    ----------
    flights : DataFrame
    inputs : DataFrame
        By row label.
    rounds : int
        Of each model.

    Returns
    -------
    Series of float32
        Probability of 'late', by row label, for the flights of these months.
    """
    quiet = flights[splits.day(flights) <= QUIET[1]]
    parts = []
    for month in sorted(quiet["Month"].unique()):
        here = quiet["Month"] == month
        others = quiet[~here & quiet["DepDelay"].notna()]
        # Nothing is left to stop on: the rounds are fixed.
        split = splits.Split(others, others.tail(1_000), others.tail(1_000), "the other months")
        fit = training.train_xgboost(split, inputs, rounds=rounds, early_stopping=None)
        parts.append(pd.Series(fit.predict(quiet[here]), quiet.index[here]))
    return pd.concat(parts).rename("probability")


class Backtest:
    """Replay flights in order of their date.

    Parameters
    ----------
    flights : DataFrame
        A year of them, outcomes included: the machine hands these out when they would be known.
    model : training.Fit or training.Scorer, optional
        What scores; default `service_model`. A fit brings its inputs along.
    horizon : float
        Hours before scheduled departure at which the service is asked.
    start, until : str, optional
        First and last day; default all days that have flights.
    seed : int
        Of the latencies of a service in process, a stated assumption: log-normal around 6 ms.
    label_delay_days : int
        Days until the file with a day's outcomes arrives, 1 or more.
    predict : callable, optional
        From inputs (DataFrame, one row a request) to probabilities, for example one that asks a Clipper application:
        asked day by day, and its latencies are measured. Default: `model` scores in this process.
    scores : Series, optional
        Probabilities that are known already, by row label, such as `unseen_scores`; the rest are scored.

    Attributes
    ----------
    days : list of str
    scorer : training.Scorer
        What turns rows into probabilities in this process.
    inputs : list of str
        The names of the model's inputs.

    Raises
    ------
    UsageError
        A day, the delay or the horizon cannot be used, or the data set has no year to replay.
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
            raise UsageError(
                "a sample of single days cannot be replayed", fix=f"use the flights of {' or '.join(complete)}"
            )
        if label_delay_days != int(label_delay_days) or label_delay_days < 1:
            raise UsageError(f"label_delay_days={label_delay_days!r} cannot be waited for", fix="give 1 or more")
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
            raise UsageError(f"no flight leaves from {start} to {until}", fix="choose days of the flights")
        self._next, self._paused = 0, False

    @property
    def today(self) -> str | None:
        """The day that the next step plays; None at the end."""
        return self.days[self._next] if self._next < len(self.days) else None

    def __repr__(self) -> str:
        where = f"before {self.today}" if self.today else "at the end"
        return f"TimeMachine({self.days[0]} to {self.days[-1]}, {where})"

    # ----------------------------------------------------------------------- the clock

    def step(self) -> Day:
        """Play one day.

        Raises
        ------
        UsageError
            The last day has been played.
        """
        if self.today is None:
            raise UsageError("the last day has been played", fix="go back with rewind")
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
        """Play day after day; a later call goes on from there.

        Parameters
        ----------
        until : str, optional
            The last day to play; default the last of all.
        days_a_second : float, optional
            How fast; default as fast as it goes.
        each : callable, optional
            Called with each day; when it calls `pause`, the run ends after that day.
        """
        self._paused, played = False, []
        while self.today is not None and self.today <= (until or "9999") and not self._paused:
            began = time.monotonic()
            played.append(self.step())
            if each is not None:
                each(played[-1])
            if days_a_second:
                time.sleep(max(0.0, 1 / days_a_second - (time.monotonic() - began)))
        return played

    def pause(self) -> None:
        """Let a run end after the day that it plays."""
        self._paused = True

    def rewind(self, day: str | None = None) -> None:
        """Go back, or forward, to just before a day.

        Parameters
        ----------
        day : str, optional
            Default: the first.

        Raises
        ------
        UsageError
            The machine does not have that day.
        """
        self._next = 0 if day is None else self._place(day)

    # ----------------------------------------------------------------------- days, without moving the clock

    def day(self, date: str) -> Day:
        """Return one day, without moving the clock.

        Parameters
        ----------
        date : str

        Raises
        ------
        UsageError
            The machine does not have that day.
        DataError
            The service gives more answers or fewer than there are requests.
        """
        self._place(date)
        now = self._between(date, date)
        earlier = np.datetime64(date) - self.label_delay_days
        then = self._between(earlier, earlier)
        return Day(date, self._scored(now), self._labels(then), now.stop - now.start, then.stop - then.start)

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
        """Play some days again with something changed, without moving the clock.

        Only these days are scored again. The days after `last` until its labels have arrived are returned too, for
        their files hold what the service said of the changed days.

        Parameters
        ----------
        first, last : str
            Days on which the change holds.
        requests : callable, optional
            From the requests of these days (`Day.rows`, all in one frame) to those that the service gets, for example
            ``lambda rows: faults.plant("kilometres", rows, 0)[0]``. They are scored again as they are.
        labels : callable, optional
            From the files of these days (`Day.labels`, all in one frame) to those that arrive.
        outcomes : callable, optional
            From flights (raw columns) to flights, for what really happened on these days. The inputs that later
            requests take from it follow, until the last day that is returned.
        predict : callable, optional
            What answers on these days in place of the service: from `Day.rows` to probabilities, as `Scorer.score`.

        Returns
        -------
        list of Day
            From `first` to the last day on which a label of a changed day arrives.

        Raises
        ------
        UsageError
            The machine does not have a day, or no change is given.
        DataError
            A change of outcomes adds or takes flights, or a change loses a column.
        """
        self._place(first), self._place(last)
        if all(change is None for change in (requests, labels, outcomes, predict)):
            raise UsageError("nothing is changed", fix="pass requests=, labels=, outcomes= or predict=")
        end = str(min(np.datetime64(last) + self.label_delay_days, np.datetime64(self.days[-1])))
        now, happened = self._between(first, last), self.flights
        # What happened to a day's flights is felt by the inputs of the next day too.
        felt = last if outcomes is None else end
        rows = self._scored(self._between(first, felt))
        if outcomes is not None:
            happened = self._changed(now, outcomes)
            rows = self._asked_again(rows, happened, first)
        if requests is not None:
            inside = (rows["day"] <= last).to_numpy()
            parts = [self._renumbered(_whole(requests, rows[inside]), now), rows[~inside]]
            rows = pd.concat(parts) if len(parts[1]) else parts[0]
        if requests is not None or outcomes is not None:
            rows = self._scored_again(rows, felt, self.predict)
        if predict is not None:
            rows = self._scored_again(rows, last, predict)
        file = self._labels(
            self._between(*(np.datetime64(day) - self.label_delay_days for day in (first, end))), happened
        )
        again = (file["due"] - pd.Timedelta(days=self.label_delay_days)).between(first, felt)
        file.loc[again, "probability"] = rows["probability"].reindex(file.index[again])
        if labels is not None:
            inside = (file["day"] <= last).to_numpy()
            file = pd.concat([_whole(labels, file[inside]), file[~inside]])
        return self._cut(rows, file, (first, felt, end))

    def table(
        self, first: str | None = None, last: str | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
        """Return several days at once, without moving the clock: what `Day` holds, over all of them.

        Parameters
        ----------
        first, last : str, optional
            Default the first and the last of all.

        Returns
        -------
        rows, labels : DataFrame
        scheduled, awaited : Series of int, index 'day'

        Raises
        ------
        UsageError
            The machine does not have a day.
        DataError
            The service gives more answers or fewer than there are requests.
        """
        first, last = first or self.days[0], last or self.days[-1]
        self._place(first), self._place(last)
        now = self._between(first, last)
        then = self._between(*(np.datetime64(day) - self.label_delay_days for day in (first, last)))
        days = pd.DatetimeIndex([day for day in self.days if first <= day <= last], name="day")
        rows, labels = self._scored(now), self._labels(then)
        counts = [part.value_counts().reindex(days, fill_value=0) for part in (rows["day"], labels["day"])]
        return rows, labels, *counts

    # ----------------------------------------------------------------------- state

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write where the machine stands to a file, whole or not at all.

        The flights and the model are not in it, only what tells them from others.

        Parameters
        ----------
        path : path

        Raises
        ------
        UsageError
            The machine asks a service, which a file cannot hold.
        """
        if self.predict is not None:
            raise UsageError("a machine that asks a service cannot be saved", fix="save one that scores in process")
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        made = target.with_name(f".{target.name}.new")
        made.write_text(json.dumps(self._state() | {"next": self._next}, indent=1), encoding="utf-8")
        made.replace(target)
        return target

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        flights: pd.DataFrame | None = None,
        model: training.Fit | training.Scorer | None = None,
        scores: pd.Series | None = None,
    ) -> Self:
        """Return a machine that stands where a saved one stood.

        Parameters
        ----------
        path : path
            As given to `save`.
        flights : DataFrame, optional
            Default: the active data set.
        model : training.Fit or training.Scorer, optional
            Default `service_model`.
        scores : Series, optional
            As given to the machine that was saved.

        Raises
        ------
        DataError
            The file holds no state, or that of a machine with other flights or another model.
        """
        source = Path(path)
        try:
            state = json.loads(source.read_text(encoding="utf-8"))
            place, options = state.pop("next"), state["options"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError("holds no time machine", file=source, fix="write one there with save") from error
        machine = cls(datasets.load_flights() if flights is None else flights, model, scores=scores, **options)
        if machine._state() != state:
            raise DataError("was saved with other flights or another model", file=source, fix="pass the same ones")
        machine._next = place
        return machine

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

    def _place(self, day: str) -> int:
        if day not in self.days:
            raise UsageError(f"the machine has no {day!r}", fix=f"choose a day from {self.days[0]} to {self.days[-1]}")
        return self.days.index(day)

    def _between(self, first: str, last: str) -> slice:
        """Return where the flights of some days stand."""
        return slice(
            int(np.searchsorted(self._when, np.datetime64(first), side="left")),
            int(np.searchsorted(self._when, np.datetime64(last), side="right")),
        )

    def _scored(self, now: slice) -> pd.DataFrame:
        """Return requests with their answers; a service is asked the first time, day by day."""
        for day in np.unique(self._when[now][~self._answered[now]]):
            here = self._between(day, day)
            answers = self._answers(self._rows.iloc[here], self.predict)
            for name, values in zip(("probability", "latency_ms"), answers, strict=True):
                self._rows.iloc[here, self._rows.columns.get_loc(name)] = values
            self._answered[here] = True
        return self._rows.iloc[now]

    def _answers(self, rows: pd.DataFrame, predict: _Answer | None) -> tuple[np.ndarray, Any]:
        """Return probabilities, and how many milliseconds each took: measured where a service is asked."""
        if predict is None:
            return self.scorer.score(rows), rows["latency_ms"].to_numpy()
        began = time.perf_counter()
        answer = np.asarray(predict(rows[self.inputs] if predict is self.predict else rows), dtype=np.float32).ravel()
        took = 1000 * (time.perf_counter() - began) / max(1, len(rows))
        if len(answer) != len(rows):
            raise DataError(f"{len(answer)} answers to {len(rows)} requests", fix="answer each row once")
        return answer, took if predict is self.predict else rows["latency_ms"].to_numpy()

    def _labels(self, then: slice, happened: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the files with the outcomes of some flights, and what the service said of them if it was asked."""
        rows = self.flights.iloc[then]
        if happened is not None:
            rows = happened.loc[rows.index]
        due = (self._when[then] + self.label_delay_days * _DAY).astype("datetime64[ns]")
        return rows.assign(day=due, due=due, probability=self._rows["probability"].iloc[then])

    def _changed(self, now: slice, outcomes: _Change) -> pd.DataFrame:
        """Return all flights, some of them with other outcomes."""
        here = self.flights.iloc[now]
        other = outcomes(here.copy())
        if not other.index.equals(here.index) or list(other.columns) != list(here.columns):
            raise DataError("other flights than there are", fix="change what happened to them, and no more")
        parts = [self.flights.iloc[: now.start], other, self.flights.iloc[now.stop :]]
        happened = pd.concat(parts)
        happened.attrs = dict(self.flights.attrs)
        return happened

    def _asked_again(self, rows: pd.DataFrame, happened: pd.DataFrame, first: str) -> pd.DataFrame:
        """Return requests with the inputs that another world would have given them."""
        past = self._between(np.datetime64(first) - _MEMORY, rows["day"].iloc[-1])
        world = happened.iloc[past]
        world.attrs = dict(self.flights.attrs)
        inputs = features.as_of(world, self.horizon, rows=rows.index)
        again = _requests(happened.loc[rows.index], inputs, self.horizon)
        return again.assign(latency_ms=rows["latency_ms"], probability=rows["probability"])

    def _renumbered(self, rows: pd.DataFrame, now: slice) -> pd.DataFrame:
        """Give requests that were added labels that no flight has."""
        added = ~rows.index.isin(self.flights.index[now])
        if not added.any():
            return rows
        start = int(self.flights.index.max()) + 1
        index = rows.index.to_numpy().copy()
        index[added] = np.arange(start, start + added.sum())
        return rows.set_axis(index, axis=0)

    def _scored_again(self, rows: pd.DataFrame, last: str, predict: _Answer | None) -> pd.DataFrame:
        """Return requests, those until a day with new answers."""
        inside = (rows["day"] <= last).to_numpy()
        answer, took = self._answers(rows[inside], predict)
        rows = rows.assign(probability=rows["probability"].astype(np.float32))
        rows.iloc[np.flatnonzero(inside), rows.columns.get_loc("probability")] = answer
        rows.iloc[np.flatnonzero(inside), rows.columns.get_loc("latency_ms")] = took
        return rows

    def _cut(self, rows: pd.DataFrame, file: pd.DataFrame, span: tuple[str, str, str]) -> list[Day]:
        """Return the days of some requests and files, until the last label has come."""
        first, felt, due = span
        found, end = [], max(due, f"{file['day'].max():%Y-%m-%d}" if len(file) else due)
        for date in (day for day in self.days if first <= day <= end):
            plain = self.day(date)
            mine = rows[rows["day"] == date] if date <= felt else plain.rows
            arrived = file[file["day"] == date]
            if date > due:  # files of the days after, with what came too late for its own
                arrived = pd.concat([arrived, plain.labels])
            found.append(Day(date, mine, arrived, plain.scheduled, plain.awaited))
        return found


def _whole(change: _Change, rows: pd.DataFrame) -> pd.DataFrame:
    """Return changed rows that still have all their columns."""
    changed = change(rows.copy())
    absent = [name for name in rows.columns if name not in changed.columns]
    if absent:
        raise DataError("was lost by the change", column=str(absent[0]), fix="return the rows with all columns")
    return changed


def _model(
    model: training.Fit | training.Scorer | None, flights: pd.DataFrame, horizon: float
) -> tuple[training.Scorer, pd.DataFrame]:
    """Return what scores, and the inputs of all flights."""
    if isinstance(model, training.Fit) and flights.index.isin(model.inputs.index).all():
        return model.scorer, model.inputs.loc[flights.index]
    inputs = features.as_of(flights, horizon)
    # The scorer reads float32 anyway, and a year of inputs is large.
    inputs = inputs.astype(dict.fromkeys(inputs.select_dtypes("float64"), np.float32))
    if model is None:
        model = service_model(flights, inputs)
    return (model.scorer if isinstance(model, training.Fit) else model), inputs


def _requests(flights: pd.DataFrame, inputs: pd.DataFrame, horizon: float) -> pd.DataFrame:
    """Return what is known of each flight when the service is asked: raw columns, then inputs."""
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
    return np.random.default_rng(seed).lognormal(np.log(_MEDIAN_MS), _SPREAD, count).astype(np.float32)
