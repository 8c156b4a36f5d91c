"""The delay service in the half year after it went live: its answers to each flight, in each state that it can be in.

The service is that of `backtest`, with three fallbacks: the previous release, the lookup table of airline and hour, and
an online layer (the intercept of lesson 13) that can be stopped. A `Service` keeps of each flight what a shift needs,
and nothing else: when it was asked, its inputs, and whether it left late.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from course_utils.data import datasets, features, splits
from course_utils.model import money, training
from course_utils.operate import backtest
from course_utils.operate.drift.reference_data import airline_hour
from course_utils.operate.incidents.catalog import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AIRPORTS", "DAY", "Service", "State", "expit", "logit", "open_service"]

DAY = 1440  # minutes
_LOCAL = "America/New_York"
_BEFORE_UNTIL = "2013-04-01"  # the previous release was trained on the flights before this day
_BAD_UNTIL = "2013-01-08"  # the bad release was trained on the flights before this day: a sample of one week
_OVERFIT = {"rounds": 100, "max_depth": 8, "eta": 0.3, "min_child_weight": 1}  # settings that overfit so few flights
_PRIOR = 50.0  # flights of the overall share that shrink a rare cell of the lookup table
_MIN_LABELS = 200  # with fewer labels the online layer stays at 0
_COPY_AGE_DAYS = 7  # the last good copy of the timetable is a week old, so that weekdays agree


@dataclass(frozen=True)
class State:
    """How the service is set.

    Attributes
    ----------
    rolled_back : bool
        Whether the release before the one that came out last is in service.
    table : bool
        Whether answers come from the lookup table.
    blocked : frozenset of str
        Feeds that the service ignores: 'schedule', 'weather', 'labels'.
    retrained : bool
        Whether the online layer has a number for each airport, from the last two days of labels.
    limited : bool
        Whether most requests of the busiest client are rejected.
    """

    rolled_back: bool = False
    table: bool = False
    blocked: frozenset[str] = field(default_factory=frozenset)
    retrained: bool = False
    limited: bool = False


class Service:
    """What the service answers in the half year after 1 June 2013, in any state.

    Flights are in the order in which the service is asked about them. Times are minutes since `LIVE`, local time.

    Parameters
    ----------
    flights : DataFrame
        The flights of the year 2013, with their outcomes; they are not kept.

    Attributes
    ----------
    days : list of str
        The days that can be played.
    minute : array of int, shape (flights,)
        When the service is asked about each flight.
    airport : array of str, shape (flights,)
        Where each flight leaves from.
    late : array of float, shape (flights,)
        Whether the flight left late: 1 or 0, NaN if it was cancelled.
    draw : array of float, shape (flights,)
        A number from 0 to 1 for each flight, the same on each machine.
    new_flight : array of bool, shape (flights,)
        Whether last week's copy of the timetable lacks the flight.
    airline : array of str, shape (flights,)
        The airline of each flight.
    """

    def __init__(self, flights: pd.DataFrame) -> None:
        machine = backtest.Backtest(flights)
        self._names = list(machine.inputs)
        self._scorers = {"current": machine.scorer} | _other_releases(machine)
        rates, share = _lookup_table(machine)
        rows = machine.table(backtest.LIVE)[0].sort_values("asked_at", kind="stable")
        outcomes = machine.flights.loc[rows.index, ["DepDelay", "IsDepDelayed"]]
        del machine
        groups = features.groups(rows)
        self._columns = {"live": list(groups["airport_today"]), "weather": list(groups["weather"])}
        self._medians = rows[self._columns["weather"]].median()
        self.table = pd.Series(airline_hour(rows), rows.index).map(rates).fillna(share).to_numpy(dtype=float)
        local = rows["asked_at"].dt.tz_convert(_LOCAL).dt.tz_localize(None)
        self.minute = ((local - pd.Timestamp(backtest.LIVE)) // pd.Timedelta(minutes=1)).to_numpy(dtype=np.int64)
        self.minute = np.maximum.accumulate(self.minute)  # the hour that comes twice in November counts once
        self.late = (outcomes["DepDelay"] >= 15).where(outcomes["DepDelay"].notna()).to_numpy(dtype=float)
        self.airport = rows["Origin"].astype(str).to_numpy(dtype=object)
        self.airline = rows["UniqueCarrier"].astype(str).to_numpy(dtype=object)
        self.draw = (pd.util.hash_array(rows.index.to_numpy(dtype=np.int64)) % 1_000_003) / 1_000_003
        self.new_flight = _not_in_copy(rows)
        self.days = [f"{day:%Y-%m-%d}" for day in sorted(rows["day"].unique())]
        self._rows = rows[self._names].reset_index(drop=True)
        self.payoff: Mapping[str, float] = money.payoff("deck_100")
        self.threshold = money.break_even(self.payoff)
        self._margins: dict[tuple[str, str, str, int], np.ndarray] = {}
        self.simulations: dict[int, object] = {}

    def __repr__(self) -> str:
        return f"Service({self.days[0]} to {self.days[-1]})"

    @cached_property
    def _bounds(self) -> np.ndarray:
        """The place of the first flight that is asked about on each day, by the number of the day."""
        return np.searchsorted(self.minute, DAY * np.arange(len(self.days) + 2))

    def of_day(self, day: int) -> slice:
        """Return where the flights are that the service is asked about on a `day`, counted from 0 on 1 June."""
        return slice(int(self._bounds[day]), int(self._bounds[day + 1]))

    def between(self, first: int, last: int) -> slice:
        """Return where the flights are that the service is asked about from one minute until before another one.

        Parameters
        ----------
        first, last : int
            Minutes since 1 June, local time.
        """
        return slice(*(int(place) for place in np.searchsorted(self.minute, [first, last])))

    def margins(self, day: int, release: str = "current", live: str = "", weather: str = "") -> np.ndarray:
        """Return the log-odds that a release gives to the flights of a day, without the online layer.

        Parameters
        ----------
        day : int
            The day, counted from 0 on 1 June.
        release : {'current', 'before', 'bad'}
            Which release answers.
        live : {'', 'lost'}
            Whether the live delays are missing.
        weather : {'', 'lost', 'median'}
            Whether the weather is missing, or replaced by the median of the quiet months.
        """
        key = (release, live, weather, day)
        if key not in self._margins:
            rows = self._rows.iloc[self.of_day(day)]
            if live:
                rows = rows.assign(**dict.fromkeys(self._columns["live"], np.float32(np.nan)))
            if weather:
                values = self._medians.astype(np.float32).to_dict()
                lost = dict.fromkeys(values, np.float32(np.nan))
                rows = rows.assign(**(values if weather == "median" else lost))
            scores = self._scorers[release].score(rows) if len(rows) else np.zeros(0)
            self._margins[key] = logit(scores)
        return self._margins[key]

    def layer(
        self, day: int, target: np.ndarray | None = None, *, by_airport: bool = False, window: int | None = None
    ) -> dict[str, float]:
        """Return by how much the online layer moves log-odds on a day, by airport.

        The shift makes the mean answer equal to the share late in the labels of the last days.

        Parameters
        ----------
        day : int
            The day, counted from 0 on 1 June.
        target : array of float, optional
            The labels of these flights as they arrived, NaN where there is none; by default the correct ones.
        by_airport : bool
            Whether each airport gets its own number; by default all share one.
        window : int, optional
            Days of labels; by default those of incidents.toml.
        """
        first = max(0, day - (window or settings()["window"]))
        part = slice(self.of_day(first).start, self.of_day(day).start)
        labels = self.late[part] if target is None else target
        margin = np.concatenate([self.margins(one) for one in range(first, day)] or [np.zeros(0)])
        known = ~np.isnan(labels)
        found = {}
        for airport in AIRPORTS:
            here = known & (self.airport[part] == airport) if by_airport else known
            if not by_airport and found:
                found[airport] = found[AIRPORTS[0]]
            else:
                found[airport] = _shift(margin[here], labels[here]) if here.sum() >= _MIN_LABELS else 0.0
        return found

    @cache  # noqa: B019 - a service lives as long as the session
    def healthy_layer(self, day: int) -> float:
        """Return by how much the online layer moves log-odds on a `day` (from 0 on 1 June), with correct labels."""
        return self.layer(day)[AIRPORTS[0]]

    @cache  # noqa: B019
    def healthy(self, day: int) -> np.ndarray:
        """Return the probabilities of a service without a fault for the flights of a `day`, from 0 on 1 June."""
        return expit(self.margins(day) + self.healthy_layer(day))

    def lost(self, probability: np.ndarray, warned: np.ndarray) -> np.ndarray:
        """Return the dollars that each decision is expected to lose against the better of its two choices.

        Parameters
        ----------
        probability : array of float
            The probability of 'late' of each flight.
        warned : array of bool
            Whether its passengers were warned.
        """
        pay = self.payoff
        warn = probability * pay["warned, late"] + (1 - probability) * pay["warned, on time"]
        silent = probability * pay["not warned, late"] + (1 - probability) * pay["not warned, on time"]
        return np.maximum(warn, silent) - np.where(warned, warn, silent)

    def worth(self, day: int) -> float:
        """Return the dollars that the outcomes of a `day` (from 0 on 1 June) brought a service without a fault."""
        part = self.of_day(day)
        left = ~np.isnan(self.late[part])
        warned = self.healthy(day)[left] >= self.threshold
        return float(money.dollars_by_flight(self.late[part][left], warned, self.payoff).sum())

    @cached_property
    def normal_day(self) -> float:
        """The dollars of an average day of the playable half year with a healthy service."""
        return float(np.mean([self.worth(day) for day in range(settings()["window"], len(self.days))]))


#: The airports of the case.
AIRPORTS = ("EWR", "JFK", "LGA")


@cache
def open_service() -> Service:
    """Return the service of the game day; it is made once a session, in about ten seconds."""
    return Service(datasets.load_flights())


def _other_releases(machine: backtest.Backtest) -> dict[str, training.Scorer]:
    """Return the scorers of the release before the present one, and of one that learnt from a sample of a week."""
    inputs = machine.table(machine.days[0], backtest.QUIET[1])[0][machine.inputs]
    flights = machine.flights.loc[inputs.index]
    found = {}
    for name, until, more in (("before", _BEFORE_UNTIL, {"rounds": 40}), ("bad", _BAD_UNTIL, _OVERFIT)):
        part = flights[(splits.day(flights) < until) & flights["DepDelay"].notna()]
        last = part.tail(1_000)  # a split must have these parts, but without early stopping they are not used
        split = splits.Split(part, last, last, "all of them")
        found[name] = training.train_xgboost(split, inputs, early_stopping=None, **more).scorer
    return found


def _lookup_table(machine: backtest.Backtest) -> tuple[pd.Series, float]:
    """Return the share late of the quiet months by airline and hour, and over all."""
    quiet = machine.flights[splits.day(machine.flights).between(*backtest.QUIET)]
    late = features.label(quiet)
    both = late.groupby(airline_hour(quiet)).agg(["sum", "count"])
    share = float(late.mean())
    return (both["sum"] + _PRIOR * share) / (both["count"] + _PRIOR), share


def _not_in_copy(rows: pd.DataFrame) -> np.ndarray:
    """Return which flights are not in the timetable of a week before."""
    names = ["UniqueCarrier", "FlightNum", "Origin", "Dest"]
    code = pd.util.hash_pandas_object(rows[names].astype(str).agg("|".join, axis=1), index=False)
    now = pd.MultiIndex.from_arrays([code, rows["day"]])
    earlier = pd.MultiIndex.from_arrays([code, rows["day"] + pd.Timedelta(days=_COPY_AGE_DAYS)])
    return ~now.isin(earlier)


def logit(p: np.ndarray) -> np.ndarray:
    """Return the log-odds of probabilities `p`, kept away from 0 and 1."""
    p = np.clip(np.asarray(p, dtype=float), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def expit(margin: np.ndarray) -> np.ndarray:
    """Return the probabilities of log-odds `margin`."""
    return 1 / (1 + np.exp(-margin))


def _shift(margin: np.ndarray, late: np.ndarray) -> float:
    """Return what to add to log-odds so that the mean probability equals the share late: by bisection, to 0.001."""
    share = float(np.clip(late.mean(), 1e-3, 1 - 1e-3))
    low, high = -8.0, 8.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if expit(margin + middle).mean() > share else (middle, high)
    return (low + high) / 2
