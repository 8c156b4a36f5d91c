"""A game day: a fortnight on call, with an incident in it that nobody names, or none.

A seed decides what happens, when and where. The player sees what somebody on call sees: the boards of the days so far,
the pages, the log, and what a look shows. The truth is kept in private attributes until the game is over; whoever reads
this code or those attributes plays against nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import faults, features, splits
from course_utils.errors import DataError, UsageError
from course_utils.operate import drift, monitoring
from course_utils.operate.incidents.service import Service, State, served

if TYPE_CHECKING:
    from course_utils.operate.backtest import Day

__all__ = ["Game", "acts", "causes", "drawn", "exhibits", "play", "prices", "rehearsal", "rubric", "runbook"]

_WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
_VOLUME = ["flights_this_hour", "flights_this_day"]
_KEY = ["Month", "DayofMonth", "UniqueCarrier", "FlightNum", "Origin", "CRSDepTime"]
_LARGE = ("UA", "B6", "EV", "DL", "AA")
_AIRPORTS = ("EWR", "JFK", "LGA")
_DECOY = 0.4  # how often a harmless release falls into a game
_FIXES_AFTER = {"data engineer": 2, "service owner": 1}


@cache
def _table() -> dict[str, Any]:
    return tables.read_toml("incidents.toml")


def acts() -> pd.DataFrame:
    """Return what one may do: one row an act, with its points and what it does."""
    return pd.DataFrame(_table()["act"]).set_index("name")


def causes() -> pd.DataFrame:
    """Return what may be wrong: one row a cause, with what it does. 'nothing' is one of them."""
    return pd.DataFrame(_table()["kind"]).set_index("name")[["shows"]]


def runbook() -> pd.DataFrame:
    """Return the runbook that lesson 16 wrote: one row a symptom, with what to look at, what to do and what not."""
    return monitoring.runbook()[["look", "act", "not", "who"]]


def rubric() -> pd.DataFrame:
    """Return what a post-mortem must have: one row a part, with what is asked of it."""
    return pd.DataFrame(_table()["rubric"]).set_index("part")[["asks"]]


# --------------------------------------------------------------------------- what a seed holds


@dataclass(frozen=True)
class _Plot:
    """What happens in a game."""

    kind: str
    first: str  # of the days that are played
    start: int  # the place of the day on which it begins
    draw: int  # seed of what is planted
    where: str  # an airport or an airline, if it concerns one
    decoy: int  # the place of the day on which a harmless release goes out; −1: none

    @property
    def entry(self) -> dict[str, Any]:
        return next(kind for kind in _table()["kind"] if kind["name"] == self.kind)


def drawn(seed: int) -> str:
    """Return what a game is about, by its `seed`: for whoever hands seeds out."""
    kinds = _table()["kind"]
    weights = np.array([entry["weight"] for entry in kinds], dtype=float)
    return str(kinds[int(np.random.default_rng([17, seed]).choice(len(kinds), p=weights / weights.sum()))]["name"])


def _plot(seed: int, kind: str | None = None, days: Sequence[str] = ()) -> _Plot:
    rng = np.random.default_rng([18, seed])
    kind = drawn(seed) if kind is None else kind
    chosen = next(entry for entry in _table()["kind"] if entry["name"] == kind)
    first = [day for day in days if _table()["first_day"] <= day <= _table()["last_day"]]
    low, high = _table()["quiet_days"]
    day, start, draw = first[int(rng.integers(len(first)))], int(rng.integers(low, high + 1)), int(rng.integers(2**31))
    airport, carrier = _AIRPORTS[int(rng.integers(3))], int(rng.integers(99))
    decoy = int(rng.integers(1, _table()["days"] - 3)) if rng.random() < _DECOY else -1
    carriers = chosen.get("carriers", ())
    where = carriers[carrier % len(carriers)] if carriers else airport
    return _Plot(chosen["name"], day, start, draw, where, -1 if chosen["on"] == "release" else decoy)


class _World:
    """The days of one plot: what arrives, what the service answers in each state, and what that is worth."""

    def __init__(self, service: Service, plot: _Plot) -> None:
        self.service, self.plot = service, plot
        place = service.days.index(plot.first)
        self.days = service.days[place : place + _table()["days"]]
        self.begins = self.days[plot.start]
        self._true = {day: service.machine.day(day) for day in self.days}
        self._true |= {day: service.machine.day(day) for day in service.days[place - _table()["window"] : place]}
        self._faulty = self._planted()
        self._memory: dict[Any, Any] = {}

    # what arrives

    def _planted(self) -> dict[str, Day]:
        entry, plot = self.plot.entry, self.plot
        on = entry["on"]
        if on not in ("requests", "labels", "outcomes"):
            return {}
        machine, last = self.service.machine, self.days[-1]
        if on == "requests":
            days = [replace(self._true[day], rows=self._requests(day)) for day in self.days[plot.start :]]
        elif on == "labels":
            days = [replace(self._true[day], labels=self._labels(day)) for day in self.days[plot.start :]]
        else:
            days = machine.replay(self.begins, last, outcomes=lambda flights: _later(flights, plot, entry["strength"]))
        return {day.date: day for day in days}

    def _requests(self, day: str) -> pd.DataFrame:
        entry, draw, rows = self.plot.entry, self.plot.draw, self._true[day].rows
        strength = entry["strength"]
        if entry.get("grows"):
            strength *= self.days.index(day) - self.plot.start + 1
        fault = entry["fault"]
        if entry.get("carriers"):  # all flights of one airline, and nobody else's
            here = (rows["UniqueCarrier"].astype(object) == self.plot.where).to_numpy()
            other = faults.plant(fault, rows[here], draw, strength)[0]
            codes = rows["UniqueCarrier"].astype(object).mask(here, other["UniqueCarrier"].astype(object).iloc[0])
            return rows.assign(UniqueCarrier=codes.astype("category"))
        if fault == "drift":  # of the timetable: the weather is not handed over
            return rows.assign(
                CRSElapsedTime=faults.plant(fault, rows.drop(columns=list(_WEATHER)), draw, strength)[0][
                    "CRSElapsedTime"
                ].round()
            )
        new, truth = faults.plant(fault, rows, draw, strength)
        if fault == "outage":  # a join that fails loses the whole report
            new = new.assign(**{name: new[name].mask(new.index.isin(truth.rows)) for name in _WEATHER})
        if fault == "duplicated":
            airport = new.loc[truth.rows[0], "Origin"]
            more = 1 + len(truth.rows) / max(1, int((rows["Origin"] == airport).sum()))
            counted = new[_VOLUME].mul(np.where(new["Origin"] == airport, more, 1.0), axis=0)
            new = new.assign(**{name: counted[name].astype(np.float32) for name in _VOLUME})
        return new

    def _labels(self, day: str) -> pd.DataFrame:
        entry, labels = self.plot.entry, self._true[day].labels
        try:
            return faults.plant(entry["fault"], labels, self.plot.draw + self.days.index(day), entry["strength"])[0]
        except DataError:  # so few were late that there are none to lose
            return labels

    def arrives(self, day: str, fixed: bool) -> Day:
        """Return a day as it comes: with the fault, unless the source is fixed."""
        if fixed and self.plot.entry["on"] != "outcomes":
            return self._true[day]
        return self._faulty.get(day, self._true[day])

    def happened(self, day: str) -> pd.DataFrame:
        """Return what became of the flights of a day."""
        file = self._faulty.get(str(np.datetime64(day) + 1))
        if self.plot.entry["on"] == "outcomes" and day >= self.begins and file is not None:
            return file.labels
        return self.service.machine.flights.loc[self._true[day].rows.index]

    def files(self, day: str, fixed: bool) -> pd.DataFrame:
        """Return the files that have arrived by the morning of a day, as the online layer reads them."""
        first = np.datetime64(day) - (_table()["window"] - 1)
        return pd.concat(
            [self.arrives(one, fixed).labels for one in self._true if first <= np.datetime64(one) <= np.datetime64(day)]
        )

    # what is answered, and what that is worth

    def release(self, day: str, state: State) -> str:
        """Return what is in service: a release that goes out replaces what was there."""
        entry = self.plot.entry
        if entry["on"] == "release" and day >= self.begins:
            return "current" if state.release == "rolled back" else "bad"
        if self.plot.decoy >= 0 and day >= self.days[self.plot.decoy]:
            return "current"  # the new one and the one before say the same
        return "before" if state.release == "rolled back" else "current"

    def shift(self, day: str, state: State, fixed: bool) -> pd.Series:
        """Return the online layer's numbers of a day."""
        labels = self.plot.entry["on"] in ("labels", "outcomes")
        if "labels" in state.blocked and not state.refit:
            return self.service.shifts.loc[self.days[0]]
        release = self.release(day, state)
        key = ("shift", day, release, state.refit, fixed or not labels or day < self.begins)
        if key not in self._memory:
            files = self.files(day, fixed)
            self._memory[key] = self.service.layer(release, files, day, refit=state.refit)
        return self._memory[key]

    def day(self, day: str, state: State, fixed: bool) -> tuple[pd.Series, pd.Series, float]:
        """Return answers and latencies by request, and the dollars of a day."""
        key = (day, state, fixed)
        if key not in self._memory:
            comes, true = self.arrives(day, fixed), self._true[day]
            if self.plot.entry["on"] == "outcomes":
                true = comes
            state = replace(state, release=self.release(day, state))
            said = self.service.answer(comes.rows, true.rows, state, self.shift(day, *key[1:]))
            answers = pd.Series(said, true.rows.index if len(said) == len(true.rows) else comes.rows.index)
            latency = comes.rows["latency_ms"].copy()
            if self.plot.entry["on"] == "answers" and day >= self.begins and not fixed:
                rng = np.random.default_rng([self.plot.draw, self.days.index(day)])
                slow = rng.random(len(answers)) < self.plot.entry["strength"]
                if not state.table:
                    latency = latency.mask(slow, np.float32(_table()["slow_ms"]))
                    answers = answers.mask(slow, _table()["default"])
            self._memory[key] = answers, latency, self.service.value(self.happened(day), answers)
        return self._memory[key]

    # courses of action

    def worth(self, course: Sequence[tuple[State, bool]]) -> float:
        """Return the dollars of all days, given state and fixed for each of them."""
        return sum(self.day(day, *setting)[2] for day, setting in zip(self.days, course, strict=True))

    def board(self, course: Sequence[tuple[State, bool]]) -> pd.DataFrame:
        """Return the boards of the days so far, with some days before them."""
        healthy = self.service.boards
        if not course:
            return healthy[healthy.index < self.days[0]].tail(_table()["shown_before"])
        said, days, keys = [], [], []
        for place, (day, setting) in enumerate(zip(self.days, course, strict=False)):
            keys.append(("board", day, setting, course[place - 1] if place else None))
            answers, latency, _ = self.day(day, *setting)
            said.append(answers)
            if keys[-1] not in self._memory:
                comes = self.arrives(day, setting[1])
                known = pd.concat([self.service.answers, *said[-2:]])
                one = served(comes, known[~known.index.duplicated(keep="last")])
                days.append(replace(one, rows=one.rows.assign(latency_ms=latency.reindex(one.rows.index).to_numpy())))
        if days:
            table = drift.daily_signals(days, self.service.reference)
            fresh = [key for key in keys if key not in self._memory]
            self._memory |= {key: table.iloc[[place]] for place, key in enumerate(fresh)}
        last = np.datetime64(self.days[len(keys) - 1])
        table = drift.replace_days(healthy[healthy.index <= last], pd.concat([self._memory[key] for key in keys]))
        return table.tail(_table()["shown_before"] + len(keys))

    def pages(self, course: Sequence[tuple[State, bool]]) -> pd.DataFrame:
        """Return all pages of the days so far."""
        untouched = [(State(), False)] * len(self.days)
        key = ("pages", *(untouched if list(course) == untouched[: len(course)] else course))
        if key not in self._memory:
            table = self.board(key[1:])
            self._memory[key] = drift.alarms(table[table.index >= np.datetime64(self.days[0])])
        found = self._memory[key]
        return found[found["day"] <= np.datetime64(self.days[len(course) - 1])] if course else found[:0]

    @property
    def shown(self) -> int | None:
        """The place of the first day whose board has a page that a healthy one would not have; None: never."""
        if self.plot.kind == "nothing":
            return None
        pages = self.pages([(State(), False)] * len(self.days))
        since = pages[pages["day"] >= np.datetime64(self.begins)].set_index(["day", "signal"]).index
        new = since[~since.isin(self.service.pages.set_index(["day", "signal"]).index)]
        return None if new.empty else self.days.index(f"{new.get_level_values('day').min():%Y-%m-%d}")

    def best(self) -> float:
        """Return the dollars of the best course for somebody who sees what the boards show, and not how days will fall.

        It does all that cures the incident on the morning after its first page, and puts things back once the source is
        fixed.
        """
        if "best" not in self._memory:
            begins, cures = len(self.days) if self.shown is None else self.shown + 1, self.plot.entry["cures"]
            moves = {begins: cures}
            if len(cures) > 1:
                moves[begins + _FIXES_AFTER[str(self.plot.entry["fixed_by"])]] = ["restore"]
            self._memory["best"] = self.worth(self.course(moves))
        return self._memory["best"]

    def nothing(self) -> float:
        """Return the dollars if nobody does anything."""
        return self.worth([(State(), False)] * len(self.days))

    def course(self, moves: dict[int, list[str]]) -> list[tuple[State, bool]]:
        """Return state and fixed on each day, if some acts are done on some mornings."""
        state, paged, course = State(), [], []
        for place, _ in enumerate(self.days):
            for act in moves.get(place, ()):
                state = _changed(state, act)
                paged += [(place, act.removeprefix("page "))] if act.startswith("page ") else []
            course.append((self.released(place, state, moves), self.fixed(place, paged)))
        return course

    def released(self, place: int, state: State, moves: dict[int, list[str]]) -> State:
        """Take back a rollback that was made before the release which it would have to undo."""
        out = self.plot.start if self.plot.entry["on"] == "release" else self.plot.decoy
        if state.release != "rolled back" or out < 0 or place < out:
            return state
        last = max(morning for morning, done in moves.items() if morning <= place and "roll back" in done)
        return state if last > out else replace(state, release="current")

    def fixed(self, place: int, paged: Sequence[tuple[int, str]]) -> bool:
        """Say whether the source is fixed on a day: whoever was paged before the fault was there found nothing."""
        whom = self.plot.entry.get("fixed_by")
        return any(
            who == whom and morning > self.plot.start and place >= morning + _FIXES_AFTER[who] for morning, who in paged
        )


def _changed(state: State, act: str) -> State:
    """Return the state of the service after an act."""
    if act == "restore":
        return State()
    if act == "roll back":
        return replace(state, release="rolled back")
    if act == "use table":
        return replace(state, table=True)
    if act == "retrain":
        return replace(state, refit=True)
    if act.startswith("block "):
        return replace(state, blocked=state.blocked | {act.removeprefix("block ")})
    return state


def _later(flights: pd.DataFrame, plot: _Plot, strength: float) -> pd.DataFrame:
    """Let more of an airport's flights leave late than did: another world, with the same schedule."""
    late = features.label(flights)
    days = splits.day(flights)
    origin = (flights["Origin"].astype(object) == plot.where).to_numpy()
    punctual = origin & late.eq(0).to_numpy()
    rng = np.random.default_rng(plot.draw)
    # One number for each flight number of a day, so that a day looked at alone has the same flights as in a fortnight.
    mixed = pd.util.hash_pandas_object(
        days.dt.strftime("%Y%m%d") + flights["UniqueCarrier"].astype(str) + flights["FlightNum"].astype(str)
        + flights["CRSDepTime"].astype(str) + str(rng.integers(2**31)),
        index=False,
    ).to_numpy()  # fmt: skip
    chance = (mixed % 1_000_003) / 1_000_003
    moved = punctual & (chance < strength / max(0.05, float((late[origin] == 0).mean())))
    delay = flights["DepDelay"].where(~moved, 15 + mixed % 60)
    return flights.assign(
        DepDelay=delay,
        ArrDelay=flights["ArrDelay"] + (delay - flights["DepDelay"]).fillna(0),
        IsDepDelayed=flights["IsDepDelayed"].where(~moved, "YES"),
    )


# --------------------------------------------------------------------------- the game


class Game:
    """Be on call for a fortnight.

    Each morning one sees the boards up to the evening before, acts or not, and waits for the next morning. An act holds
    from the day that is about to begin. At the end one names the cause; only then comes the truth.

    Parameters
    ----------
    service : Service
    seed : int
        What happens, when and where. Same seed, same game.

    Attributes
    ----------
    seed : int
    rehearsed : bool
        Whether the incident was known beforehand.

    Raises
    ------
    UsageError
        The seed is no whole number, 0 or more.
    """

    def __init__(self, service: Service, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise UsageError(f"seed={seed!r} starts no game", fix="give a whole number, 0 or more")
        self._start(service, int(seed), _plot(int(seed), None, service.days))

    def _start(self, service: Service, seed: int, plot: _Plot, *, rehearsed: bool = False) -> None:
        self.seed, self.rehearsed = seed, rehearsed
        self._world = _shared(service, plot)
        self._moves: dict[int, list[str]] = {}
        self._place = 0
        self._spent = 0
        self._cause: str | None = None

    def __repr__(self) -> str:
        if self.over:
            return f"Game(seed {self.seed}, over)"
        return f"Game(seed {self.seed}, morning {self.morning} of {len(self._world.days)}, {self.points} points left)"

    # ----------------------------------------------------------------------- what one sees

    @property
    def morning(self) -> int:
        """The number of this morning, from 1."""
        return min(self._place, len(self._world.days) - 1) + 1

    @property
    def date(self) -> str:
        """The day that is about to begin."""
        return self._world.days[self.morning - 1]

    @property
    def points(self) -> int:
        """What is left to act with."""
        return _table()["points"]["budget"] - self._spent

    @property
    def over(self) -> bool:
        """Whether the game was closed."""
        return self._cause is not None

    @property
    def log(self) -> list[str]:
        """What was done, and what came back from those who were paged; releases stand in it as well."""
        days, plot = self._world.days, self._world.plot
        lines = [(morning, f"{days[morning]}: {act}") for morning, done in self._moves.items() for act in done]
        out = plot.start if plot.entry["on"] == "release" else plot.decoy
        if 0 <= out < self._place:
            lines.append((out, f"{days[out]}: release 8 went into service"))
        for morning, done in self._moves.items():
            for act in done:
                if act.startswith("page "):
                    lines += self._reply(morning, act.removeprefix("page "))
        return [line for _, line in sorted(lines, key=lambda entry: entry[0])]

    def _reply(self, morning: int, who: str) -> list[tuple[int, str]]:
        back = morning + _FIXES_AFTER.get(who, 1)
        if back > self._place or back >= len(self._world.days):
            return []
        found = self._world.fixed(back, [(morning, who)])
        text = f"the {who} has fixed something" if found else f"the {who} found nothing to fix"
        return [(back, f"{self._world.days[back]}: {text}")]

    def boards(self) -> pd.DataFrame:
        """Return the signals of lesson 16 by day, up to yesterday evening: see `drift.daily_signals`."""
        return self._world.board(self._course()[: self._place])

    def pages(self, *, all_days: bool = False) -> pd.DataFrame:
        """Return the pages of yesterday: one row a signal, with its value, its limit and what it is.

        Parameters
        ----------
        all_days : bool
            Those of all days of the game so far.
        """
        found = self._world.pages(self._course()[: self._place])
        if not all_days and self._place:
            found = found[found["day"] == np.datetime64(self._world.days[self._place - 1])]
        titles = self._world.service.titles.reindex(found["signal"]).to_numpy()
        return found.assign(title=titles).reset_index(drop=True)

    # ----------------------------------------------------------------------- what one does

    def do(self, act: str) -> pd.DataFrame | None:
        """Do something this morning.

        Parameters
        ----------
        act : str
            One of `acts`.

        Returns
        -------
        DataFrame or None
            What a look shows.

        Raises
        ------
        UsageError
            There is no such act, too few points are left for it, or the game is over.
        """
        known = acts()
        if self.over or self._place >= len(self._world.days):
            raise UsageError("the fortnight is over", fix="name the cause with game.close")
        if act not in known.index:
            raise UsageError(f"one cannot {act!r}", fix=f"choose one of {', '.join(known.index)}")
        cost = int(known.loc[act, "points"])
        if cost > self.points:
            raise UsageError(f"{act!r} costs {cost} points, {self.points} are left", fix="wait, or close the game")
        self._spent += cost
        self._moves.setdefault(self._place, []).append(act)
        return self._look(act.removeprefix("look ")) if act.startswith("look ") else None

    def wait(self, mornings: int = 1, *, until_page: bool = False) -> pd.DataFrame:
        """Let the day pass, and come back the next morning.

        Parameters
        ----------
        mornings : int
            How many.
        until_page : bool
            Come back on the first morning with a page, or at the end.

        Returns
        -------
        DataFrame
            The pages that are there then: see `pages`.

        Raises
        ------
        UsageError
            The game is over.
        """
        if self.over:
            raise UsageError("the game is over", fix="start another one")
        for _ in range(len(self._world.days) if until_page else mornings):
            if self._place >= len(self._world.days):
                break
            self._place += 1
            if until_page and len(self.pages()):
                break
        return self.pages()

    def skip_to(self, morning: int) -> None:
        """Let days pass until a `morning`, without a look at the pages."""
        self._place = max(self._place, min(int(morning) - 1, len(self._world.days)))

    def close(self, cause: str) -> pd.DataFrame:
        """Name the cause and let the rest of the fortnight pass as things stand.

        Parameters
        ----------
        cause : str
            One of `causes`.

        Returns
        -------
        DataFrame
            See `score`.

        Raises
        ------
        UsageError
            There is no such cause, or the game was closed before.
        """
        if self.over:
            raise UsageError("the game is over", fix="start another one")
        if cause not in causes().index:
            raise UsageError(f"there is no cause {cause!r}", fix=f"choose one of {', '.join(causes().index)}")
        self._place = len(self._world.days)
        self._cause = cause
        return self.score()

    def _course(self) -> list[tuple[State, bool]]:
        return self._world.course(self._moves)

    def record(self) -> dict[str, Any]:
        """Return what was done, to be handed in: seed, acts by morning, and the cause named; no truth is in it."""
        moves = {morning + 1: list(done) for morning, done in sorted(self._moves.items())}
        return {"seed": self.seed, "acts": moves, "cause": self._cause}

    # ----------------------------------------------------------------------- looks

    def _look(self, what: str) -> pd.DataFrame:
        return getattr(self, f"_look_{what}")()

    def _yesterday(self) -> tuple[str, Day, State, bool]:
        """Return the last day that is over, what arrived on it and how the service was set."""
        if not self._place:
            day = str(np.datetime64(self._world.days[0]) - 1)
            return day, self._world._true[day], State(), False
        day = self._world.days[self._place - 1]
        setting = self._course()[self._place - 1]
        return day, self._world.arrives(day, setting[1]), *setting

    def _before(self) -> pd.DataFrame:
        """Return the requests of the last day before the shift."""
        return self._world._true[str(np.datetime64(self._world.days[0]) - 1)].rows

    def _look_requests(self) -> pd.DataFrame:
        parts = {"the day before your shift": self._before(), "yesterday": self._yesterday()[1].rows}
        service = self._world.service
        return pd.DataFrame({name: _of_requests(rows, service) for name, rows in parts.items()}).rename_axis("measure")

    def _look_feeds(self) -> pd.DataFrame:
        rows = self._yesterday()[1].rows
        sources = self._world.service.sources
        missing = {source: rows[list(columns)].isna().any(axis=1) for source, columns in sources.items()}
        table = pd.DataFrame(missing).groupby(rows["Origin"].astype(str)).mean()
        return (100 * table.T).round(1).rename_axis(index="missing on [% of requests]", columns=None)

    def _look_labels(self) -> pd.DataFrame:
        course, rows = self._course(), {}
        for place in range(max(-2, self._place - 5), self._place):
            day = str(np.datetime64(self._world.days[0]) + place)
            fixed = course[place][1] if place >= 0 else False
            one = self._world.arrives(day, fixed)
            rows[day] = _of_labels(one, self._world.service.answers)
        return pd.DataFrame(rows).T.rename_axis("file of")

    def _look_answers(self) -> pd.DataFrame:
        day, comes, state, fixed = self._yesterday()
        answers, latency = comes.rows["probability"], comes.rows["latency_ms"]
        place = self._place - 1
        if place >= 0:
            answers, latency, _ = self._world.day(day, state, fixed)
        rng = np.random.default_rng([self._world.plot.draw, max(place, 0)])
        replica = np.where(rng.random(len(answers)) < 0.5, "a", "b")
        grouped = pd.DataFrame({"answer": answers.to_numpy(), "ms": latency.reindex(answers.index)}).groupby(replica)
        return pd.DataFrame(
            {
                "answers": grouped.size(),
                "mean answer": grouped["answer"].mean().round(3),
                "median [ms]": grouped["ms"].median().round(0),
                "p99 [ms]": grouped["ms"].quantile(0.99).round(0),
                "commonest answer [%]": (
                    100 * grouped["answer"].agg(lambda p: p.value_counts(normalize=True).max())
                ).round(1),
            }
        ).rename_axis("replica")

    def _look_releases(self) -> pd.DataFrame:
        world, place = self._world, self._place - 1
        plot = world.plot
        out = plot.start if plot.entry["on"] == "release" else plot.decoy
        _, comes, *_ = self._yesterday()
        fresh = 0 <= out <= place
        pair = (
            {"8": "bad" if plot.entry["on"] == "release" else "current", "7": "current"}
            if fresh
            else {"7": "current", "6": "before"}
        )
        labels = comes.labels[comes.labels["DepDelay"].notna()]
        late = features.label(labels)
        rows = {}
        for name, release in pair.items():
            p = 1 / (1 + np.exp(-world.service.margins(release)))
            scored = p.reindex(labels.index)
            there = scored.notna()
            losses = -np.log(np.where(late[there] == 1, scored[there], 1 - scored[there]))
            rows[name] = {
                "went out": world.days[out] if name == "8" else "before your shift",
                "mean answer to yesterday's flights": round(float(p.reindex(comes.rows.index).mean()), 3),
                "log-loss on the last file": round(float(losses.mean()), 3),
            }
        return pd.DataFrame(rows).T.rename_axis("release")

    # ----------------------------------------------------------------------- the end

    def truth(self) -> pd.Series:
        """Say what it was, once the game is over.

        Raises
        ------
        UsageError
            It is not.
        """
        self._must_be_over()
        world = self._world
        shown = None if world.shown is None else world.shown + 2
        return pd.Series(
            {
                "cause": world.plot.kind,
                "what it did": world.plot.entry["shows"],
                "began on morning": world.plot.start + 1 if world.plot.kind != "nothing" else "never",
                "first page on morning": "never" if shown is None else shown,
                "right acts": ", ".join(world.plot.entry["cures"]) or "none",
                "dollars if nobody acts": round(world.nothing(), -2),
                "dollars of the best course": round(world.best(), -2),
                "dollars of yours": round(world.worth(self._course()), -2),
            },
            name="truth",
        )

    def score(self) -> pd.DataFrame:
        """Return the points, part by part, once the game is over.

        Returns
        -------
        DataFrame, one row a part, 'all' last
            'points', 'of' and 'why'.

        Raises
        ------
        UsageError
            It is not.
        """
        self._must_be_over()
        parts = _scored(self._world, self._moves, str(self._cause), self._course())
        table = pd.DataFrame(parts, columns=["part", "points", "of", "why"]).set_index("part")
        total = pd.DataFrame({"points": table["points"].sum(), "of": table["of"].sum(), "why": ""}, index=["all"])
        return pd.concat([table, total]).rename_axis("part").round({"points": 1})

    @property
    def total(self) -> float:
        """The points of a game that is over."""
        return float(self.score().loc["all", "points"])

    def courses(self) -> pd.DataFrame:
        """Return what each day was worth under each course of action, once the game is over.

        Returns
        -------
        DataFrame of dollars, one row a day, one column an act that is done on the first morning and held; 'nothing' and
        'yours' among them.

        Raises
        ------
        UsageError
            It is not over.
        """
        self._must_be_over()
        world = self._world
        held = [act for act in acts().index if not act.startswith(("look", "page", "restore"))]
        courses = {"nothing": world.course({}), "yours": self._course()}
        courses |= {act: world.course({0: [act]}) for act in held}
        if world.plot.entry["on"] == "release":  # a release that has not gone out yet cannot be rolled back
            courses["roll back"] = world.course({world.plot.start + 1: ["roll back"]})
        values = {
            name: [world.day(day, *setting)[2] for day, setting in zip(world.days, course, strict=True)]
            for name, course in courses.items()
        }
        return pd.DataFrame(values, index=pd.Index(world.days, name="day")).round(0).astype(int)

    def _must_be_over(self) -> None:
        if not self.over:
            raise UsageError("the truth comes at the end", fix="name the cause with game.close")


def _of_requests(rows: pd.DataFrame, service: Service) -> dict[str, Any]:
    here = rows["UniqueCarrier"].dropna().astype(str)
    usual = service.miles.reindex(pd.MultiIndex.from_frame(rows[["Origin", "Dest"]].astype(str))).to_numpy()
    clock = [rows[name] // 100 * 60 + rows[name] % 100 for name in ("CRSArrTime", "CRSDepTime")]
    zone = (clock[0] - clock[1] - rows["CRSElapsedTime"]) % 30
    gone = [code for code in _LARGE if code not in set(here)]

    def percent(mask: pd.Series) -> float:
        return round(100 * float(mask.mean()), 1)

    return {
        "requests": len(rows),
        "asked twice [%]": percent(rows.duplicated(_KEY)),
        "airlines": here.nunique(),
        "airlines never seen": ", ".join(sorted(set(here) - service.airlines)) or "none",
        "large airlines that are gone": ", ".join(gone) or "none",
        "departures at minute 60 or later of an hour [%]": percent(rows["CRSDepTime"] % 100 >= 60),
        "latest departure": int(rows["CRSDepTime"].max()),
        "distance over the route's own": round(float(np.nanmedian(rows["Distance"].to_numpy(dtype=float) / usual)), 2),
        "minutes from gate to gate, median": float(rows["CRSElapsedTime"].median()),
        "clock times that contradict the duration [%]": percent(zone.notna() & (zone != 0)),
    }


def _of_labels(day: Day, said: pd.Series) -> dict[str, Any]:
    labels = day.labels
    late = features.label(labels)
    label = labels["IsDepDelayed"].astype(object)
    contradict = label.notna() & late.notna() & (label.eq("YES") != late.eq(1))
    beyond = late - said.reindex(labels.index).to_numpy()
    origin = labels["Origin"].astype(str)
    return {
        "awaited": day.awaited,
        "arrived": len(labels),
        "late [%]": round(100 * float(late.mean()), 1),
        "labels against minutes [%]": round(100 * float(contradict.mean()), 1),
        **{
            f"late beyond expected, {airport} [points]": round(100 * float(beyond[origin == airport].mean()), 1)
            for airport in _AIRPORTS
        },
    }


def _shared(service: Service, plot: _Plot) -> _World:
    """Return a plot's world, the last few of which are kept with their service."""
    kept = service.__dict__.setdefault("_worlds", {})
    if plot not in kept:
        kept[plot] = _World(service, plot)
        for old in list(kept)[:-3]:
            del kept[old]
    return kept[plot]


def _scored(
    world: _World, moves: dict[int, list[str]], cause: str, course: Sequence[tuple[State, bool]]
) -> list[tuple[str, float, int, str]]:
    """Return the parts of a score: points, out of how many, and why."""
    worth = _table()["points"]
    entry = world.plot.entry
    done = [(place, act) for place, acts in sorted(moves.items()) for act in acts]
    done = [(place, act) for place, act in done if not act.startswith("look") and act != "restore"]
    right = [place for place, act in done if act in entry["cures"] and place > world.plot.start]
    needless = [act for _, act in done if act not in entry["cures"]]
    half = worth["right"] / 2
    yours, nothing, best = world.worth(course), world.nothing(), world.best()
    named = (
        "cause",
        half if cause == world.plot.kind else 0.0,
        half,
        f"you said {cause!r}, it was {world.plot.kind!r}",
    )
    if world.plot.kind == "nothing":
        lost = max(0.0, nothing - yours) / world.service.normal_day
        calm = f"{len(needless)} needless acts"
        return [
            ("loss", worth["loss"] * max(0.0, 1 - lost), worth["loss"], "nothing was to be gained, and so much kept"),
            ("speed", 0.0 if needless else worth["speed"], worth["speed"], calm),
            named,
            ("act", max(0.0, half - worth["needless"] * len(needless)), half, calm),
        ]
    act = max(0.0, half - worth["needless"] * len(needless)) if right else 0.0
    acted = ("act", act, half, f"{'a right one' if right else 'no right one'}, {len(needless)} needless")
    avoidable = best - nothing
    if avoidable < worth["small"] * world.service.normal_day:
        scale = 100 / worth["right"]
        return [(name, points * scale, of * scale, why) for name, points, of, why in (named, acted)]
    share = float(np.clip((yours - nothing) / avoidable, 0, 1))
    shown = len(world.days) if world.shown is None else world.shown + 1
    waited = max(0, right[0] - shown) if right else worth["slowest"]
    avoided = f"{share:.0%} of the avoidable ${avoidable:,.0f} avoided"
    late = f"{waited} mornings late" if right else "never"
    return [
        ("loss", worth["loss"] * share, worth["loss"], avoided),
        ("speed", worth["speed"] * max(0.0, 1 - waited / worth["slowest"]), worth["speed"], late),
        named,
        acted,
    ]


# --------------------------------------------------------------------------- others who play


def play(service: Service, seed: int, responder: Callable[[Game], str | None]) -> Game:
    """Let a responder play a game to its end.

    Parameters
    ----------
    service : Service
    seed : int
    responder : callable
        Is handed the game each morning, looks and acts with what the game offers, and returns the cause that it
        believes in, or None while it has no idea; the last one named counts, and none at all means 'nothing'.

    Returns
    -------
    Game
        Over.
    """
    game = Game(service, seed)
    cause = None
    for _ in range(_table()["days"]):
        cause = responder(game) or cause
        game.skip_to(game.morning + 1)
    game.close(cause or "nothing")
    return game


def rehearsal(service: Service, seed: int, cause: str) -> Game:
    """Return a game whose incident is known beforehand: for practice, and for whoever teaches.

    Parameters
    ----------
    service : Service
    seed : int
        When and where it happens.
    cause : str
        One of `causes`.

    Raises
    ------
    UsageError
        There is no such cause.
    """
    if cause not in causes().index:
        raise UsageError(f"there is no cause {cause!r}", fix=f"choose one of {', '.join(causes().index)}")
    game = Game.__new__(Game)  # not by the seed's own plot
    game._start(service, int(seed), _plot(int(seed), cause, service.days), rehearsed=True)
    return game


def exhibits(service: Service) -> pd.DataFrame:
    """Return the boards of some other services, each on the first morning with a page: what to act on is a task.

    Parameters
    ----------
    service : Service

    Returns
    -------
    DataFrame, one row a page
        'board' (a letter), 'signal', 'value', 'limit', 'title' and 'log', which tells of releases.
    """
    parts = []
    for entry in _table()["exhibit"]:
        game = rehearsal(service, entry["seed"], entry["cause"])
        found = game.wait(until_page=True)
        parts.append(found.assign(board=entry["board"], log="; ".join(game.log) or "nothing"))
    table = pd.concat(parts, ignore_index=True)
    return table[["board", "signal", "value", "limit", "title", "log"]].round({"value": 3})


def prices(service: Service, every: int = 4) -> pd.Series:
    """Return what each act changes in a day's dollars while nothing is wrong, on average.

    Parameters
    ----------
    service : Service
    every : int
        Look at every so many-th day of the half year.
    """
    rows = []
    for day in service.days[8::every]:
        true, files = service.machine.day(day).rows, service.files(day)
        outcomes = service.machine.flights.loc[true.index]
        shift = service.shifts.loc[day]
        ways = {
            "roll back": (State(release="before"), service.layer("before", files, day)),
            "use table": (State(table=True), shift),
            "block schedule": (State(blocked=frozenset(["schedule"])), shift),
            "block weather": (State(blocked=frozenset(["weather"])), shift),
            "block labels": (State(), service.shifts.loc[str(np.datetime64(day) - 7)]),
            "retrain": (State(refit=True), service.layer("current", files, day, refit=True)),
        }
        rows.append(
            {
                act: service.value(outcomes, pd.Series(service.answer(true, true, *way), true.index))
                - service.dollars[day]
                for act, way in ways.items()
            }
        )
    return pd.DataFrame(rows).mean().round(-2).astype(int).rename("dollars a day").rename_axis("act")
