"""The delay service in the half year after it went live: what it answers on a day, in whatever state it is put.

The service is that of `timemachine`, with three things that one can fall back on: the release before, the lookup table
of airline and hour, and an online layer (the intercept of lesson 13) that can be stopped. What a day was worth is the
deck's payoff over the flights that left. A day's answers follow from the day, from what arrived and from the service's
`State` alone, not from the way there: so every course of action has a price for each day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import features, splits
from course_utils.model import money, training
from course_utils.operate import backtest, drift

if TYPE_CHECKING:
    from course_utils.operate.backtest import Backtest, Day

__all__ = ["Service", "State", "served"]

_EARLIER = ("2013-04", "2013-06")  # validation and test of the release before: it learnt from January to March
_SAMPLE = "2013-01-08"  # the bad release learnt from the flights before this day
_CARELESS = {"rounds": 100, "max_depth": 8, "eta": 0.3, "min_child_weight": 1}  # and nobody stopped it
_PRIOR = 20  # flights at the mean of all that are mixed into each cell of the lookup table
_SOURCES = {"schedule": "schedule", "history": "trailing", "today": "airport_today", "weather": "weather"}
_SELDOM = 0.01  # a column that is missing on fewer of the quiet months' requests should be there
_LEAST = 200  # with fewer labels the online layer learns nothing


@dataclass(frozen=True)
class State:
    """How the service is set.

    Attributes
    ----------
    release : str
        'current', 'before' or 'bad'; in a game 'rolled back' stands for whatever was there before.
    table : bool
        Answers come from the lookup table.
    blocked : frozenset of str
        Feeds that are not listened to: 'schedule', 'weather', 'labels'.
    refit : bool
        The online layer learns airport by airport.
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
        A year of them.
    machine : TimeMachine, optional
        Over the same flights; default a new one.

    Attributes
    ----------
    machine : TimeMachine
    reference : drift.Reference
        The quiet months.
    days : list of str
        Those that can be replayed.
    airports : list of str
    airlines : set of str
        Those of the quiet months.
    miles : Series
        By origin and destination.
    sources : dict of str to list of str
        The inputs that come from each source and are hardly ever missing.
    threshold : float
        Whoever is late with this probability or more is warned.
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
            source: [name for name in groups[group] if quiet[name].isna().mean() < _SELDOM]
            for source, group in _SOURCES.items()
        }
        self._medians = quiet[features.groups(quiet)["weather"]].median()
        late = features.label(outcomes)
        both = late.groupby(_keys(outcomes)).agg(["sum", "count"])
        self._base = float(late.mean())
        self._rates = (both["sum"] + _PRIOR * self._base) / (both["count"] + _PRIOR)
        self._scorers = {"current": self.machine.scorer}
        self._margins: dict[str, pd.Series] = {}

    def __repr__(self) -> str:
        return f"Service({self.days[0]} to {self.days[-1]})"

    # ----------------------------------------------------------------------- what can answer

    def scorer(self, release: str) -> training.Scorer:
        """Return what scores in a release, fitted when it is asked for first.

        Parameters
        ----------
        release : {'current', 'before', 'bad'}
        """
        if release not in self._scorers:
            flights = self.machine.flights
            inputs = self.machine.table(self.machine.days[0], backtest.QUIET[1])[0][self.machine.inputs]
            flights = flights.loc[inputs.index]
            if release == "before":
                part = flights[(splits.day(flights) < f"{_EARLIER[0]}-01") & flights["DepDelay"].notna()]
                more = {"rounds": 40}
            else:
                part = flights[(splits.day(flights) < _SAMPLE) & flights["DepDelay"].notna()]
                more = _CARELESS
            last = part.tail(1_000)
            split = splits.Split(part, last, last, "all of them")
            self._scorers[release] = training.train_xgboost(split, inputs, early_stopping=None, **more).scorer
        return self._scorers[release]

    def margins(self, release: str) -> pd.Series:
        """Return the log-odds that a release gives to all flights, with their true inputs: what is rescored at night.

        Parameters
        ----------
        release : {'current', 'before', 'bad'}
        """
        if release not in self._margins:
            self._margins[release] = pd.Series(_logit(self.scorer(release).score(self._rows)), self._rows.index)
        return self._margins[release]

    def layer(self, release: str, files: pd.DataFrame, day: str, *, refit: bool = False) -> pd.Series:
        """Return by how much the online layer moves log-odds on a day: one number for each airport.

        Its mean answer meets what the labels of the last days showed: those that had arrived by that morning.

        Parameters
        ----------
        release : {'current', 'before', 'bad'}
        files : DataFrame
            Files with outcomes that have arrived, as from `Day.labels`.
        day : str
        refit : bool
            Each airport by itself, and not all with one number.
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
            found[airport] = _shift(margin[here], late[here]) if here.sum() >= _LEAST else 0.0
        return pd.Series(found)

    def files(self, day: str) -> pd.DataFrame:
        """Return the files with outcomes that the online layer reads on the morning of a `day`."""
        since = np.datetime64(day) - (self.settings["window"] - 1)
        return self._files[(self._files["day"] >= since) & (self._files["day"] <= np.datetime64(day))]

    def answer(self, rows: pd.DataFrame, true: pd.DataFrame, state: State, shift: pd.Series) -> np.ndarray:
        """Return the probability that the service gives to each request.

        Parameters
        ----------
        rows : DataFrame
            Requests as they arrive.
        true : DataFrame
            The same flights as they should have arrived: the last good copy of the timetable is taken from it.
        state : State
        shift : Series
            As from `layer`.
        """
        if state.table:
            keys = pd.Series(_keys(true), true.index).map(self._rates).fillna(self._base)
            return keys.reindex(rows.index).fillna(self._base).to_numpy(dtype=float)
        if "schedule" in state.blocked:
            groups = features.groups(true)
            columns = [*groups["schedule"], *groups["volume"]]
            rows = rows[rows.index.isin(true.index)]
            rows = rows.assign(**{name: true[name].reindex(rows.index) for name in columns})
        if "weather" in state.blocked:
            names = self._medians.index
            rows = rows.assign(**dict.fromkeys(names, np.float32(0)))
            rows[names] = self._medians.to_numpy(dtype=np.float32)
        scores = self.scorer(state.release).score(rows)
        moved = shift.reindex(true["Origin"].astype(str)).to_numpy()
        moved = pd.Series(moved, true.index).reindex(rows.index).fillna(0.0).to_numpy()
        return _expit(_logit(scores) + moved)

    def value(self, outcomes: pd.DataFrame, answers: pd.Series) -> float:
        """Return the dollars that a day's warnings were worth.

        Parameters
        ----------
        outcomes : DataFrame
            Flights of the day as they happened; those that did not leave are worth nothing.
        answers : Series
            Probabilities by row label.
        """
        late = features.label(outcomes)
        left = late[late.notna()]
        warned = answers.reindex(left.index).to_numpy() >= self.threshold
        return float(money.dollars_by_flight(left.to_numpy(), warned, self.payoff).sum())

    # ----------------------------------------------------------------------- a healthy half year

    @cached_property
    def _healthy(self) -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.DataFrame]:
        """The boards, the answers, the dollars and the layer's numbers of a service that nothing happens to."""
        shifts, answers = {}, []
        margin = self.margins("current")
        by_day = dict(list(self._rows.groupby("day", sort=True)))
        for day in self.days:
            shifts[day] = self.layer("current", self._files, day)
            rows = by_day[pd.Timestamp(day)]
            moved = shifts[day].reindex(rows["Origin"].astype(str)).to_numpy()
            answers.append(pd.Series(_expit(margin.loc[rows.index].to_numpy() + moved), rows.index))
        said = pd.concat(answers)
        days, dollars = [], {}
        for day in self.days:
            one = self.machine.day(day)
            days.append(served(one, said))
            dollars[day] = self.value(self.machine.flights.loc[one.rows.index], said)
        return drift.daily_signals(days, self.reference), said, pd.Series(dollars), pd.DataFrame(shifts).T

    @property
    def boards(self) -> pd.DataFrame:
        """What the boards show of each day if nothing happens: see `drift.daily_signals`."""
        return self._healthy[0]

    @cached_property
    def pages(self) -> pd.DataFrame:
        """The pages of a healthy half year: see `drift.alarms`."""
        return drift.alarms(self.boards)

    @cached_property
    def titles(self) -> pd.Series:
        """What each signal is called."""
        return drift.signals()["title"]

    @property
    def answers(self) -> pd.Series:
        """What a healthy service answers, by flight."""
        return self._healthy[1]

    @property
    def dollars(self) -> pd.Series:
        """What each day is worth with a healthy service."""
        return self._healthy[2]

    @property
    def shifts(self) -> pd.DataFrame:
        """By how much the online layer moves log-odds on each healthy day, by airport."""
        return self._healthy[3]

    @property
    def normal_day(self) -> float:
        """What a day is worth with a healthy service, on average."""
        return float(self.dollars.mean())


def served(day: Day, said: pd.Series) -> Day:
    """Return a day with other answers, in its requests and in the file with outcomes.

    Parameters
    ----------
    day : Day
    said : Series
        Probabilities by row label; where there is none, the day's own stay.
    """
    from dataclasses import replace

    rows, labels = (
        part.assign(probability=said.reindex(part.index).fillna(part["probability"]).to_numpy(dtype=float))
        for part in (day.rows, day.labels)
    )
    return replace(day, rows=rows, labels=labels)


def _keys(rows: pd.DataFrame) -> np.ndarray:
    hour = (rows["CRSDepTime"] // 100).astype(int).astype(str)
    return (rows["UniqueCarrier"].astype(str) + " " + hour).to_numpy()


def _logit(p: Any) -> np.ndarray:
    p = np.clip(np.asarray(p, dtype=float), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def _expit(margin: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-margin))


def _shift(margin: np.ndarray, late: np.ndarray) -> float:
    """Return what must be added to log-odds so that their mean meets the share late: by halving, to a thousandth."""
    share = float(np.clip(late.mean(), 1e-3, 1 - 1e-3))
    low, high = -8.0, 8.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if _expit(margin + middle).mean() > share else (middle, high)
    return (low + high) / 2
