"""The days of a scenario: what arrives, what the service answers in each state, and what each day is worth.

A `Simulation` answers for any course of action, so a game, its score and the best course are computed from one object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils.data import faults, features, splits
from course_utils.errors import DataError
from course_utils.operate import drift
from course_utils.operate.backtest import with_departure_delay
from course_utils.operate.incidents.catalog import settings
from course_utils.operate.incidents.scenario import Scenario
from course_utils.operate.incidents.service import Service, State, served

if TYPE_CHECKING:
    from course_utils.operate.backtest import Day

__all__ = ["REPAIR_MORNINGS", "Simulation", "apply_act", "shared_simulation"]

#: How many mornings after a page the source is fixed, by who was paged.
REPAIR_MORNINGS = {"data engineer": 2, "service owner": 1}
_WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
_VOLUME = ["flights_this_hour", "flights_this_day"]


class Simulation:
    """The days of one scenario: what arrives, what the service answers in each state, and what that is worth.

    A course of action is a list with one pair a day: the `State` of the service, and whether the source is fixed.

    Parameters
    ----------
    service : Service
        The service that the game is about.
    scenario : Scenario
        What happens, as from `draw_scenario`.

    Attributes
    ----------
    days : list of str
        The days of the game.
    first_faulty_day : str
        The day on which the incident begins.
    healthy : dict of str to Day
        Each day, and some days before the game, as they would be without an incident.
    """

    def __init__(self, service: Service, scenario: Scenario) -> None:
        self.service, self.scenario = service, scenario
        place = service.days.index(scenario.first)
        self.days = service.days[place : place + settings()["days"]]
        self.first_faulty_day = self.days[scenario.start]
        self.healthy = {day: service.machine.day(day) for day in self.days}
        self.healthy |= {day: service.machine.day(day) for day in service.days[place - settings()["window"] : place]}
        self._faulty = self._plant()
        self._cache: dict[Any, Any] = {}

    # what arrives

    def _plant(self) -> dict[str, Day]:
        """Return the days that the incident changes, by date."""
        entry, scenario = self.scenario.entry, self.scenario
        on = entry["on"]
        if on not in ("requests", "labels", "outcomes"):
            return {}
        machine, last = self.service.machine, self.days[-1]
        if on == "requests":
            days = [replace(self.healthy[day], rows=self._requests(day)) for day in self.days[scenario.start :]]
        elif on == "labels":
            days = [replace(self.healthy[day], labels=self._labels(day)) for day in self.days[scenario.start :]]
        else:

            def outcomes(flights: pd.DataFrame) -> pd.DataFrame:
                return _with_later_departures(flights, scenario, entry["strength"])

            days = machine.replay(self.first_faulty_day, last, outcomes=outcomes)
        return {day.date: day for day in days}

    def _requests(self, day: str) -> pd.DataFrame:
        """Return the requests of a day with the fault planted."""
        entry, draw, rows = self.scenario.entry, self.scenario.draw, self.healthy[day].rows
        strength = entry["strength"]
        if entry.get("grows"):
            strength *= self.days.index(day) - self.scenario.start + 1
        fault = entry["fault"]
        if entry.get("carriers"):  # the fault concerns all flights of one airline, and no others
            here = (rows["UniqueCarrier"].astype(object) == self.scenario.where).to_numpy()
            other = faults.plant(fault, rows[here], draw, strength)[0]
            codes = rows["UniqueCarrier"].astype(object).mask(here, other["UniqueCarrier"].astype(object).iloc[0])
            return rows.assign(UniqueCarrier=codes.astype("category"))
        if fault == "drift":  # without weather columns, the fault can only drift the timetable
            drifted = faults.plant(fault, rows.drop(columns=list(_WEATHER)), draw, strength)[0]
            return rows.assign(CRSElapsedTime=drifted["CRSElapsedTime"].round())
        new, truth = faults.plant(fault, rows, draw, strength)
        if fault == "outage":  # a join that fails loses the whole report
            new = new.assign(**{name: new[name].mask(new.index.isin(truth.rows)) for name in _WEATHER})
        if fault == "duplicated":  # the counts of flights are computed from the doubled feed, so they grow too
            airport = new.loc[truth.rows[0], "Origin"]
            more = 1 + len(truth.rows) / max(1, int((rows["Origin"] == airport).sum()))
            counted = new[_VOLUME].mul(np.where(new["Origin"] == airport, more, 1.0), axis=0)
            new = new.assign(**{name: counted[name].astype(np.float32) for name in _VOLUME})
        return new

    def _labels(self, day: str) -> pd.DataFrame:
        """Return the file of labels of a day with the fault planted."""
        entry, labels = self.scenario.entry, self.healthy[day].labels
        try:
            return faults.plant(entry["fault"], labels, self.scenario.draw + self.days.index(day), entry["strength"])[0]
        except DataError:  # on a day with hardly any late flight, the fault has nothing to remove
            return labels

    @property
    def day_before(self) -> str:
        """The last day before the game."""
        return str(np.datetime64(self.days[0]) - 1)

    def arrives(self, day: str, fixed: bool) -> Day:
        """Return a `day` as it arrives: with the fault, unless the source is `fixed`."""
        if fixed and self.scenario.entry["on"] != "outcomes":
            return self.healthy[day]
        return self._faulty.get(day, self.healthy[day])

    def outcomes(self, day: str) -> pd.DataFrame:
        """Return the flights of a `day` with their real outcomes."""
        file = self._faulty.get(str(np.datetime64(day) + 1))
        if self.scenario.entry["on"] == "outcomes" and day >= self.first_faulty_day and file is not None:
            return file.labels
        return self.service.machine.flights.loc[self.healthy[day].rows.index]

    def files(self, day: str, fixed: bool) -> pd.DataFrame:
        """Return the label files that the online layer reads on the morning of a `day`; `fixed` as for `arrives`."""
        first = np.datetime64(day) - (settings()["window"] - 1)
        recent = [date for date in self.healthy if first <= np.datetime64(date) <= np.datetime64(day)]
        return pd.concat([self.arrives(date, fixed).labels for date in recent])

    # what is answered, and what that is worth

    def release(self, day: str, state: State) -> str:
        """Return the release in service on a `day` in a `state`: 'current', 'before' or 'bad'."""
        entry = self.scenario.entry
        if entry["on"] == "release" and day >= self.first_faulty_day:
            return "current" if state.release == "rolled back" else "bad"
        if self.scenario.decoy >= 0 and day >= self.days[self.scenario.decoy]:
            return "current"  # the decoy is the same model, so rolling it back changes nothing
        return "before" if state.release == "rolled back" else "current"

    def shift(self, day: str, state: State, fixed: bool) -> pd.Series:
        """Return by how much the online layer moves log-odds on a day, by airport.

        Parameters
        ----------
        day : str
            The day, one of `days`, such as '2013-07-01'.
        state : State
            How the service is set on that day.
        fixed : bool
            Whether the source of the fault is fixed.
        """
        labels = self.scenario.entry["on"] in ("labels", "outcomes")
        if "labels" in state.blocked and not state.refit:
            return self.service.shifts.loc[self.days[0]]
        release = self.release(day, state)
        key = ("shift", day, release, state.refit, fixed or not labels or day < self.first_faulty_day)
        if key not in self._cache:
            files = self.files(day, fixed)
            self._cache[key] = self.service.layer(release, files, day, refit=state.refit)
        return self._cache[key]

    def day(self, day: str, state: State, fixed: bool) -> tuple[pd.Series, pd.Series, float]:
        """Return answers and latencies by request, and the dollars of a day.

        Parameters
        ----------
        day, state, fixed
            As for `shift`.
        """
        key = (day, state, fixed)
        if key not in self._cache:
            arrived, correct = self.arrives(day, fixed), self.healthy[day]
            if self.scenario.entry["on"] == "outcomes":
                correct = arrived
            # The shift is asked for by the player's state (key), not by the release that this state resolves to.
            state = replace(state, release=self.release(day, state))
            scores = self.service.answer(arrived.rows, correct.rows, state, self.shift(day, *key[1:]))
            # A blocked schedule drops the duplicates, so the answers may be fewer than the requests.
            answers = pd.Series(scores, correct.rows.index if len(scores) == len(correct.rows) else arrived.rows.index)
            latency = arrived.rows["latency_ms"].copy()
            if self.scenario.entry["on"] == "answers" and day >= self.first_faulty_day and not fixed:
                rng = np.random.default_rng([self.scenario.draw, self.days.index(day)])
                slow = rng.random(len(answers)) < self.scenario.entry["strength"]
                if not state.table:
                    latency = latency.mask(slow, np.float32(settings()["slow_ms"]))
                    answers = answers.mask(slow, settings()["default"])
            self._cache[key] = answers, latency, self.service.value(self.outcomes(day), answers)
        return self._cache[key]

    # courses of action

    def worth(self, course: Sequence[tuple[State, bool]]) -> float:
        """Return the dollars of all days under a `course` of action."""
        return sum(self.day(day, *setting)[2] for day, setting in zip(self.days, course, strict=True))

    def board(self, course: Sequence[tuple[State, bool]]) -> pd.DataFrame:
        """Return the signals of the days of a `course` so far, with some days before them."""
        healthy = self.service.boards
        if not course:
            return healthy[healthy.index < self.days[0]].tail(settings()["shown_before"])
        answered, days, keys = [], [], []
        for place, (day, setting) in enumerate(zip(self.days, course, strict=False)):
            # A board shows today's requests and yesterday's answers against their labels: both days make the key.
            keys.append(("board", day, setting, course[place - 1] if place else None))
            answers, latency, _ = self.day(day, *setting)
            answered.append(answers)
            if keys[-1] not in self._cache:
                arrived = self.arrives(day, setting[1])
                known = pd.concat([self.service.answers, *answered[-2:]])
                one = served(arrived, known[~known.index.duplicated(keep="last")])
                days.append(replace(one, rows=one.rows.assign(latency_ms=latency.reindex(one.rows.index).to_numpy())))
        if days:
            table = drift.daily_signals(days, self.service.reference)
            fresh = [key for key in keys if key not in self._cache]
            self._cache |= {key: table.iloc[[place]] for place, key in enumerate(fresh)}
        last = np.datetime64(self.days[len(keys) - 1])
        table = drift.replace_days(healthy[healthy.index <= last], pd.concat([self._cache[key] for key in keys]))
        return table.tail(settings()["shown_before"] + len(keys))

    def pages(self, course: Sequence[tuple[State, bool]]) -> pd.DataFrame:
        """Return all pages of the days of a `course` so far, as `drift.alarms` does."""
        untouched = [(State(), False)] * len(self.days)
        # Until the first act all courses are the same: the pages of the whole untouched game are computed once.
        key = ("pages", *(untouched if list(course) == untouched[: len(course)] else course))
        if key not in self._cache:
            table = self.board(key[1:])
            self._cache[key] = drift.alarms(table[table.index >= np.datetime64(self.days[0])])
        found = self._cache[key]
        return found[found["day"] <= np.datetime64(self.days[len(course) - 1])] if course else found[:0]

    @property
    def first_page(self) -> int | None:
        """The first day with a page that a healthy service would not have, counted from 0; None if there is none."""
        if self.scenario.cause == "nothing":
            return None
        pages = self.pages([(State(), False)] * len(self.days))
        since = pages[pages["day"] >= np.datetime64(self.first_faulty_day)].set_index(["day", "signal"]).index
        new = since[~since.isin(self.service.pages.set_index(["day", "signal"]).index)]
        return None if new.empty else self.days.index(f"{new.get_level_values('day').min():%Y-%m-%d}")

    def best(self) -> float:
        """Return the dollars of the best course for a player who knows only what the boards show.

        It does everything that cures the incident on the morning after the first page, and restores the service once
        the source is fixed.
        """
        if "best" not in self._cache:
            cures = self.scenario.entry["cures"]
            morning = len(self.days) if self.first_page is None else self.first_page + 1
            moves = {morning: cures}
            if len(cures) > 1:
                moves[morning + REPAIR_MORNINGS[str(self.scenario.entry["fixed_by"])]] = ["restore"]
            self._cache["best"] = self.worth(self.course(moves))
        return self._cache["best"]

    def nothing(self) -> float:
        """Return the dollars of the course without any act."""
        return self.worth([(State(), False)] * len(self.days))

    def course(self, moves: dict[int, list[str]]) -> list[tuple[State, bool]]:
        """Return the course of action that follows from `moves`: the acts of each morning, counted from 0."""
        state, paged, course = State(), [], []
        for place, _ in enumerate(self.days):
            for act in moves.get(place, ()):
                state = apply_act(state, act)
                paged += [(place, act.removeprefix("page "))] if act.startswith("page ") else []
            course.append((self._effective_state(place, state, moves), self.is_fixed(place, paged)))
        return course

    def _effective_state(self, place: int, state: State, moves: dict[int, list[str]]) -> State:
        """Return the state without a rollback that was done before the release came out: the release replaces it."""
        released = self.scenario.release_day
        if state.release != "rolled back" or released < 0 or place < released:
            return state
        last = max(morning for morning, done in moves.items() if morning <= place and "roll back" in done)
        return state if last > released else replace(state, release="current")

    def is_fixed(self, place: int, paged: Sequence[tuple[int, str]]) -> bool:
        """Return whether the source is fixed on a day.

        Parameters
        ----------
        place : int
            The day, counted from 0.
        paged : sequence of (int, str)
            The morning and the role of each page; a page before the incident began fixes nothing.
        """
        owner, start = self.scenario.entry.get("fixed_by"), self.scenario.start
        return any(
            role == owner and morning > start and place >= morning + REPAIR_MORNINGS[role] for morning, role in paged
        )


def apply_act(state: State, act: str) -> State:
    """Return the state of the service after an `act` on a service in a `state`; looks and pages change nothing."""
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


def _with_later_departures(flights: pd.DataFrame, scenario: Scenario, strength: float) -> pd.DataFrame:
    """Return flights of which more leave an airport late, on the same schedule."""
    late = features.label(flights)
    days = splits.day(flights)
    origin = (flights["Origin"].astype(object) == scenario.where).to_numpy()
    punctual = origin & late.eq(0).to_numpy()
    rng = np.random.default_rng(scenario.draw)
    # A hash of each flight, not a draw in order: a day computed alone gets the same late flights as within two weeks.
    mixed = pd.util.hash_pandas_object(
        days.dt.strftime("%Y%m%d") + flights["UniqueCarrier"].astype(str) + flights["FlightNum"].astype(str)
        + flights["CRSDepTime"].astype(str) + str(rng.integers(2**31)),
        index=False,
    ).to_numpy()  # fmt: skip
    chance = (mixed % 1_000_003) / 1_000_003
    moved = punctual & (chance < strength / max(0.05, float((late[origin] == 0).mean())))
    return with_departure_delay(flights, moved, 15 + mixed % 60)


def shared_simulation(service: Service, scenario: Scenario) -> Simulation:
    """Return the simulation of a `scenario`; the `service` keeps the last three, so that replaying a seed is fast."""
    recent = service.simulations
    if scenario not in recent:
        recent[scenario] = Simulation(service, scenario)
        for old in list(recent)[:-3]:
            del recent[old]
    return recent[scenario]
