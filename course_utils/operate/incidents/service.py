"""The delay service in the half year after it went live: what it answers on a day, in each state that it can be in.

The service is that of `backtest`, with three fallbacks: the previous release, the lookup table of airline and hour, and
an online layer (the intercept of lesson 13) that can be stopped. A day's worth is the deck's payoff over the flights
that left. A day's answers follow from the day, from what arrived and from the `State` alone, not from earlier states:
so each course of action has a price for each day.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import features, splits
from course_utils.model import money, training
from course_utils.operate import backtest, drift
from course_utils.operate.drift.reference_data import airline_hour

if TYPE_CHECKING:
    from course_utils.operate.backtest import Backtest, Day

__all__ = ["Service", "State", "served"]

_BEFORE_UNTIL = "2013-04-01"  # the previous release was trained on the flights before this day
_BAD_UNTIL = "2013-01-08"  # the bad release was trained on the flights before this day: a sample of one week
_OVERFIT = {"rounds": 100, "max_depth": 8, "eta": 0.3, "min_child_weight": 1}  # settings that overfit so few flights
_SOURCES = {"schedule": "schedule", "history": "trailing", "today": "airport_today", "weather": "weather"}
_RARELY_MISSING = 0.01  # a column missing on a smaller share of the quiet months' requests counts as always there
_MIN_LABELS = 200  # with fewer labels the online layer stays at 0


@dataclass(frozen=True)
class State:
    """How the service is set.

    Attributes
    ----------
    release : str
        'current', 'before' or 'bad'; in a game, 'rolled back' means the release before the one that came out last.
    table : bool
        Whether answers come from the lookup table.
    blocked : frozenset of str
        Feeds that the service ignores: 'schedule', 'weather', 'labels'.
    refit : bool
        Whether the online layer learns a number for each airport, not one for all.
    """

    release: str = "current"
    table: bool = False
    blocked: frozenset[str] = field(default_factory=frozenset)
    refit: bool = False


class Service:
    """Replay the half year after 1 June, in any state of the service.

    Parameters
    ----------
    flights : DataFrame
        The flights of the year 2013, with their outcomes.
    machine : Backtest, optional
        A backtest of the same flights; by default a new one.

    Attributes
    ----------
    machine : Backtest
        What replays the days.
    reference : drift.Reference
        The summary of the quiet months.
    days : list of str
        The days that can be replayed.
    airports : list of str
        The airports of departure.
    airlines : set of str
        The airlines of the quiet months.
    miles : Series of float
        The median distance by origin and destination.
    sources : dict of str to list of str
        The inputs that come from each source and are hardly ever missing.
    threshold : float
        The decision threshold: passengers are warned at this probability or above.
    simulations : dict
        The simulations of the last games, which `shared_simulation` reuses.
    """

    def __init__(self, flights: pd.DataFrame, machine: Backtest | None = None) -> None:
        self.machine = backtest.Backtest(flights) if machine is None else machine
        self.reference = drift.reference(self.machine)
        self.settings: dict[str, Any] = tables.read_toml("incidents.toml")
        self.payoff = money.payoff("deck_100")
        self.threshold = money.break_even(self.payoff)
        first = np.datetime64(backtest.LIVE)
        self.days = [day for day in self.machine.days if np.datetime64(day) >= first]
        self._rows, self._files, _, _ = self.machine.table(self.days[0], self.days[-1])
        quiet, outcomes, _, _ = self.machine.table(*backtest.QUIET)
        self.airports = sorted(quiet["Origin"].astype(str).unique())
        self.airlines = set(quiet["UniqueCarrier"].astype(str).unique())
        self.miles = quiet.groupby([quiet["Origin"].astype(str), quiet["Dest"].astype(str)])["Distance"].median()
        groups = features.groups(quiet)
        self.sources = {
            source: [name for name in groups[group] if quiet[name].isna().mean() < _RARELY_MISSING]
            for source, group in _SOURCES.items()
        }
        self._medians = quiet[features.groups(quiet)["weather"]].median()
        self._late_share = float(features.label(outcomes).mean())
        self._scorers = {"current": self.machine.scorer}
        self._margins: dict[str, pd.Series] = {}
        self.simulations: dict[Any, Any] = {}

    def __repr__(self) -> str:
        return f"Service({self.days[0]} to {self.days[-1]})"

    # ----------------------------------------------------------------------- what can answer

    def scorer(self, release: str) -> training.Scorer:
        """Return the scorer of a release, which is fitted on first use.

        Parameters
        ----------
        release : {'current', 'before', 'bad'}
            The release in service, the one before it, or one that was trained on a sample of one week.
        """
        if release not in self._scorers:
            flights = self.machine.flights
            inputs = self.machine.table(self.machine.days[0], backtest.QUIET[1])[0][self.machine.inputs]
            flights = flights.loc[inputs.index]
            if release == "before":
                part = flights[(splits.day(flights) < _BEFORE_UNTIL) & flights["DepDelay"].notna()]
                more = {"rounds": 40}
            else:
                part = flights[(splits.day(flights) < _BAD_UNTIL) & flights["DepDelay"].notna()]
                more = _OVERFIT
            last = part.tail(1_000)  # a split must have these parts, but without early stopping they are not used
            split = splits.Split(part, last, last, "all of them")
            self._scorers[release] = training.train_xgboost(split, inputs, early_stopping=None, **more).scorer
        return self._scorers[release]

    def margins(self, release: str) -> pd.Series:
        """Return the log-odds that a release gives to all flights with their correct inputs, by row label.

        Parameters
        ----------
        release : {'current', 'before', 'bad'}
            As for `scorer`.
        """
        if release not in self._margins:
            self._margins[release] = pd.Series(_logit(self.scorer(release).score(self._rows)), self._rows.index)
        return self._margins[release]

    def layer(self, release: str, files: pd.DataFrame, day: str, *, refit: bool = False) -> pd.Series:
        """Return by how much the online layer moves log-odds on a day: one number for each airport.

        The shift makes the mean answer equal to the share late in the labels of the last days that had arrived by that
        morning.

        Parameters
        ----------
        release : {'current', 'before', 'bad'}
            As for `scorer`.
        files : DataFrame
            Files with outcomes that have arrived, as in `Day.labels`.
        day : str
            The day that is about to begin, such as '2013-07-01'.
        refit : bool
            Whether each airport gets its own number; by default all share one.
        """
        since = np.datetime64(day) - (self.settings["window"] - 1)
        recent = files[(files["day"] >= since) & (files["day"] <= np.datetime64(day)) & files["DepDelay"].notna()]
        airports = self.airports
        late = recent["IsDepDelayed"].astype(object).eq("YES").to_numpy(dtype=float)
        margin = self.margins(release).reindex(recent.index).to_numpy()
        known = ~np.isnan(margin)
        origin = recent["Origin"].astype(str).to_numpy()
        found = {}
        for airport in airports:
            here = known & (origin == airport) if refit else known
            found[airport] = _shift(margin[here], late[here]) if here.sum() >= _MIN_LABELS else 0.0
        return pd.Series(found)

    def files(self, day: str) -> pd.DataFrame:
        """Return the files with outcomes that the online layer reads on the morning of a `day`."""
        since = np.datetime64(day) - (self.settings["window"] - 1)
        return self._files[(self._files["day"] >= since) & (self._files["day"] <= np.datetime64(day))]

    def answer(self, rows: pd.DataFrame, correct: pd.DataFrame, state: State, shift: pd.Series) -> np.ndarray:
        """Return the probability that the service gives to each request.

        Parameters
        ----------
        rows : DataFrame
            The requests as they arrive, perhaps with a fault.
        correct : DataFrame
            The same flights without the fault: the lookup table and the last good copy of the timetable use it.
        state : State
            How the service is set.
        shift : Series of float
            As from `layer`, by airport.
        """
        if state.table:
            rates = pd.Series(airline_hour(correct), correct.index).map(self.reference.late_rates)
            return rates.reindex(rows.index).fillna(self._late_share).to_numpy(dtype=float)
        if "schedule" in state.blocked:
            groups = features.groups(correct)
            columns = [*groups["schedule"], *groups["volume"]]
            rows = rows[rows.index.isin(correct.index)]
            rows = rows.assign(**{name: correct[name].reindex(rows.index) for name in columns})
        if "weather" in state.blocked:
            names = self._medians.index
            rows = rows.assign(**dict.fromkeys(names, np.float32(0)))
            rows[names] = self._medians.to_numpy(dtype=np.float32)
        scores = self.scorer(state.release).score(rows)
        moved = shift.reindex(correct["Origin"].astype(str)).to_numpy()
        moved = pd.Series(moved, correct.index).reindex(rows.index).fillna(0.0).to_numpy()
        return _expit(_logit(scores) + moved)

    def value(self, outcomes: pd.DataFrame, answers: pd.Series) -> float:
        """Return the dollars that a day's warnings were worth.

        Parameters
        ----------
        outcomes : DataFrame
            The flights of the day with their outcomes; cancelled ones are worth nothing.
        answers : Series of float
            The probabilities that the service gave, by row label.
        """
        late = features.label(outcomes)
        left = late[late.notna()]
        warned = answers.reindex(left.index).to_numpy() >= self.threshold
        return float(money.dollars_by_flight(left.to_numpy(), warned, self.payoff).sum())

    # ----------------------------------------------------------------------- a healthy half year

    @cached_property
    def _healthy(self) -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.DataFrame]:
        """The boards, the answers, the dollars and the online layer's shifts of a service without an incident."""
        shifts, answers = {}, []
        margin = self.margins("current")
        by_day = dict(list(self._rows.groupby("day", sort=True)))
        for day in self.days:
            shifts[day] = self.layer("current", self._files, day)
            rows = by_day[pd.Timestamp(day)]
            moved = shifts[day].reindex(rows["Origin"].astype(str)).to_numpy()
            answers.append(pd.Series(_expit(margin.loc[rows.index].to_numpy() + moved), rows.index))
        all_answers = pd.concat(answers)
        days, dollars = [], {}
        for day in self.days:
            one = self.machine.day(day)
            days.append(served(one, all_answers))
            dollars[day] = self.value(self.machine.flights.loc[one.rows.index], all_answers)
        return drift.daily_signals(days, self.reference), all_answers, pd.Series(dollars), pd.DataFrame(shifts).T

    @property
    def boards(self) -> pd.DataFrame:
        """The signals of each day of a healthy service, as `drift.daily_signals` returns them."""
        return self._healthy[0]

    @cached_property
    def pages(self) -> pd.DataFrame:
        """The pages of a healthy half year, as `drift.alarms` returns them."""
        return drift.alarms(self.boards)

    @cached_property
    def titles(self) -> pd.Series:
        """The title of each signal, by its name."""
        return drift.signals()["title"]

    @property
    def answers(self) -> pd.Series:
        """The answers of a healthy service, by flight."""
        return self._healthy[1]

    @property
    def dollars(self) -> pd.Series:
        """The dollars of each day with a healthy service."""
        return self._healthy[2]

    @property
    def shifts(self) -> pd.DataFrame:
        """By how much the online layer moves log-odds on each healthy day, by airport."""
        return self._healthy[3]

    @property
    def normal_day(self) -> float:
        """The dollars of an average day with a healthy service."""
        return float(self.dollars.mean())


def served(day: Day, answers: pd.Series) -> Day:
    """Return a day with other answers, in its requests and in its file of labels.

    Parameters
    ----------
    day : Day
        A day of a backtest; it is not changed.
    answers : Series of float
        Probabilities by row label; a flight without one keeps the probability that it has.
    """
    rows, labels = (
        part.assign(probability=answers.reindex(part.index).fillna(part["probability"]).to_numpy(dtype=float))
        for part in (day.rows, day.labels)
    )
    return replace(day, rows=rows, labels=labels)


def _logit(p: Any) -> np.ndarray:
    p = np.clip(np.asarray(p, dtype=float), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def _expit(margin: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-margin))


def _shift(margin: np.ndarray, late: np.ndarray) -> float:
    """Return what to add to log-odds so that the mean probability equals the share late: by bisection, to 0.001."""
    share = float(np.clip(late.mean(), 1e-3, 1 - 1e-3))
    low, high = -8.0, 8.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if _expit(margin + middle).mean() > share else (middle, high)
    return (low + high) / 2
