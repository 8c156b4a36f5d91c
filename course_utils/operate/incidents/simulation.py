"""What the service answers in a shift under any course of action, and what its warnings are expected to lose.

The loss is that of the course's money model, in expected dollars: each decision to warn or not is compared with the
better of the two at the probability of a healthy service. Actual outcomes would add the luck of the night.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from course_utils.operate.incidents.catalog import harms, settings
from course_utils.operate.incidents.scenario import Episode, Fault, Scenario, draw_scenario
from course_utils.operate.incidents.service import AIRPORTS, DAY, Service, State, expit, logit

__all__ = ["Answered", "Move", "Simulation", "apply_act", "late_share", "prices", "shared_simulation"]

_DOWN = 10  # the last minutes of a restart, in which no replica answers
_CUT = 0.9  # share of an airport's flights that a timetable lacks, or that a closed runway cancels
_LOST = 0.97  # share of the late flights that a faulty delivery lacks
_FLIPPED = 0.6  # share of the labels that a faulty delivery has the wrong way round
_CHANGED = 1.2  # by how much the log-odds of 'late' rise at an airport that changes
_LIMITED = 0.12  # share of requests that belong to the client that is limited
_KEPT = 6  # simulations that a service keeps, so that replaying a seed is fast


@dataclass(frozen=True)
class Move:
    """An act of a player.

    Attributes
    ----------
    act : str
        The name of one of `acts`.
    begun, done : int
        The minutes at which it was begun, and from which on it holds.
    """

    act: str
    begun: int
    done: int


@dataclass(frozen=True)
class Answered:
    """Requests of some hours, and what was answered.

    Attributes
    ----------
    flights : array of int
        Their places in the service's arrays.
    probability : array of float
        What was answered; 0 for the default answer.
    warned : array of bool
        Whether passengers were warned.
    healthy : array of bool
        Whether a healthy service would have warned them.
    defaulted : array of bool
        Whether the client got the default answer.
    lost : array of float
        The dollars that each decision is expected to lose.
    """

    flights: np.ndarray
    probability: np.ndarray
    warned: np.ndarray
    healthy: np.ndarray
    defaulted: np.ndarray
    lost: np.ndarray


class Simulation:
    """The days of one scenario, under any course of action.

    Parameters
    ----------
    service : Service
        The service that the shift is about.
    scenario : Scenario
        What happens, as from `draw_scenario`.

    Attributes
    ----------
    reference : list of float or None
        Dollars that the best public policy loses after each page, once they are known.
    """

    def __init__(self, service: Service, scenario: Scenario) -> None:
        self.service, self.scenario = service, scenario
        self._days: dict[tuple[int, frozenset[Fault], State], Answered] = {}
        self._layers: dict[tuple[int, frozenset[Fault], State], np.ndarray] = {}
        self.reference: list[float] | None = None

    # ------------------------------------------------------------------ what holds when

    def active(self, minute: int, moves: Sequence[Move], state: State) -> frozenset[Fault]:
        """Return the faults that change answers at a minute.

        Parameters
        ----------
        minute : int
            Minutes since 1 June, local time.
        moves : sequence of Move
            The acts of the player so far.
        state : State
            The state that follows from them at that minute.
        """
        return frozenset(
            fault
            for fault in self.present(minute, moves)
            if not (fault.entry["by"] == "release" and state.rolled_back)
            and not (fault.entry["by"] == "client" and state.limited)
        )

    def present(self, minute: int, moves: Sequence[Move]) -> frozenset[Fault]:
        """Return the faults that are there at a `minute`, although some of `moves` may keep them from doing harm."""
        restarts = [move.done for move in moves if move.act == "restart" and move.done <= minute]
        return frozenset(
            fault
            for fault in self.scenario.faults
            if fault.start <= minute < fault.end
            and not (fault.entry["cure"] == "restart" and any(done > fault.start for done in restarts))
        )

    def released(self, minute: int, moves: Sequence[Move]) -> tuple[str, str]:
        """Return the release in service at a `minute` after some `moves`, and the one before it."""
        guilty = any(fault.entry["by"] == "release" for fault in self.present(minute, moves))
        bad = any(fault.entry["effect"] == "model" for fault in self.present(minute, moves))
        if self.state(minute, moves).rolled_back:
            return ("current" if guilty else "before"), "before"
        return ("bad" if bad else "current"), ("current" if guilty else "before")

    def state(self, minute: int, moves: Sequence[Move]) -> State:
        """Return the state of the service at a `minute` after some `moves`."""
        state = State()
        for move in moves:
            if move.done <= minute:
                state = apply_act(state, move.act)
        return state

    def _pieces(self, first: int, last: int, moves: Sequence[Move]) -> Iterator[tuple[int, int, bool]]:
        """Yield the stretches in which nothing changes: from, until, and whether all replicas are down."""
        downs = [(move.done - _DOWN, move.done) for move in moves if move.act == "restart"]
        cuts = {first, last, *(move.done for move in moves), *(end for down in downs for end in down)}
        cuts |= {edge for fault in self.scenario.faults for edge in (fault.start, fault.end)}
        cuts |= set(range(first // DAY * DAY, last, DAY))
        inside = sorted(cut for cut in cuts if first <= cut <= last)
        for low, high in pairwise(inside):
            yield low, high, any(start <= low < end for start, end in downs)

    # ------------------------------------------------------------------ what is answered

    def answered(self, first: int, last: int, moves: Sequence[Move]) -> Answered:
        """Return what was answered from one minute until before another one.

        Parameters
        ----------
        first, last : int
            Minutes since 1 June, local time.
        moves : sequence of Move
            The acts of the player.
        """
        parts = [self._piece(*piece, moves) for piece in self._pieces(first, last, moves)]
        names = ("flights", "probability", "warned", "healthy", "defaulted", "lost")
        return Answered(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def _piece(self, low: int, high: int, down: bool, moves: Sequence[Move]) -> Answered:
        state = self.state(low, moves)
        whole = self.day(low // DAY, self.active(low, moves, state), state)
        inside = self.service.between(low, high)
        offset = self.service.of_day(low // DAY).start
        part = slice(inside.start - offset, inside.stop - offset)
        found = Answered(*(getattr(whole, name)[part] for name in whole.__dataclass_fields__))
        if not down:
            return found
        silent = np.zeros(len(found.flights), dtype=bool)
        lost = self.service.lost(self.truth(low // DAY)[part], silent)
        return replace(
            found, probability=np.zeros(len(silent)), warned=silent, defaulted=~silent,
            lost=np.where(self._cancelled(found.flights), 0.0, lost),
        )  # fmt: skip

    def day(self, day: int, faults: frozenset[Fault], state: State) -> Answered:
        """Return what the service answers to all requests of a day.

        Parameters
        ----------
        day : int
            The day, counted from 0 on 1 June.
        faults : frozenset of Fault
            The faults that change answers.
        state : State
            How the service is set.
        """
        key = (day, faults, state)
        if key not in self._days:
            service, part = self.service, self.service.of_day(day)
            flights = np.arange(part.start, part.stop)
            probability, defaulted = self.replay(day, faults, state), self._defaulted(flights, faults, state)
            probability = np.where(defaulted, 0.0, probability)
            warned = probability >= service.threshold
            healthy = service.healthy(day) >= service.threshold
            lost = np.where(self._cancelled(flights), 0.0, service.lost(self.truth(day), warned))
            self._days[key] = Answered(flights, probability, warned, healthy, defaulted, lost)
        return self._days[key]

    def replay(
        self, day: int, faults: frozenset[Fault], state: State, *, release: str = "", layer: bool = True
    ) -> np.ndarray:
        """Return the probabilities for all requests of a day, as if each were answered in time.

        Parameters
        ----------
        day, faults, state
            As for `day`.
        release : str
            The release that answers; by default the one that is in service.
        layer : bool
            Whether the online layer is on.
        """
        service, effects = self.service, {fault.entry["effect"] for fault in faults}
        if state.table:
            return service.table[service.of_day(day)]
        weather = "median" if "weather" in state.blocked else "lost" if "weather" in effects else ""
        guilty = any(
            fault.entry["by"] == "release" and fault.start <= (day + 1) * DAY and fault.end > day * DAY
            for fault in self.scenario.faults
        )
        chosen = release or (
            "bad" if "model" in effects else "before" if state.rolled_back and not guilty else "current"
        )
        margin = service.margins(day, chosen, "lost" if "live" in effects else "", weather)
        return expit(margin + (self._layer(day, faults, state) if layer else 0.0))

    def truth(self, day: int) -> np.ndarray:
        """Return the probabilities of 'late' of all flights of a `day`: a healthy service's, if no airport changed."""
        found = self.service.healthy(day)
        part = self.service.of_day(day)
        for fault in self.scenario.faults:
            if fault.entry["effect"] == "world":
                minute = self.service.minute[part]
                here = (self.service.airport[part] == fault.airport) & (fault.start <= minute) & (minute < fault.end)
                found = np.where(here, expit(logit(found) + _CHANGED), found)
        return found

    def _cancelled(self, flights: np.ndarray) -> np.ndarray:
        """Return which flights do not take place because a runway is closed."""
        gone = np.zeros(len(flights), dtype=bool)
        minute, service = self.service.minute[flights], self.service
        for episode in self.scenario.episodes:
            if episode.closed:
                here = (service.airport[flights] == episode.closed) & (service.draw[flights] < _CUT)
                gone |= here & (episode.at - DAY // 2 <= minute) & (minute < episode.end)
        return gone

    def absent(self, flights: np.ndarray, faults: frozenset[Fault]) -> np.ndarray:
        """Return which `flights` the timetable that arrives lacks, because of `faults` or a closed runway."""
        gone = self._cancelled(flights)
        for fault in faults:
            if fault.entry["effect"] == "cut":
                gone |= (self.service.airport[flights] == fault.airport) & (self.service.draw[flights] < _CUT)
        return gone

    def _defaulted(self, flights: np.ndarray, faults: frozenset[Fault], state: State) -> np.ndarray:
        """Return which flights get the default answer."""
        blocked = "schedule" in state.blocked
        found = self.service.new_flight[flights].copy() if blocked else self.absent(flights, faults)
        for fault in faults:
            if fault.entry["effect"] == "default":
                found |= (self.service.draw[flights] * 7) % 1 < late_share(fault.start)
        if state.limited:
            found |= (self.service.draw[flights] * 11) % 1 < _LIMITED
        return found

    def stretches(
        self, first: int, last: int, moves: Sequence[Move]
    ) -> Iterator[tuple[np.ndarray, frozenset[Fault], State]]:
        """Yield the flights asked about in each stretch in which nothing changes, with its active faults and state.

        Parameters
        ----------
        first, last, moves
            As for `answered`.
        """
        for low, high, _ in self._pieces(first, last, moves):
            part, state = self.service.between(low, high), self.state(low, moves)
            yield np.arange(part.start, part.stop), self.active(low, moves, state), state

    # ------------------------------------------------------------------ the online layer

    def labels(self, day: int, window: int, faults: frozenset[Fault]) -> np.ndarray:
        """Return the labels of the days before a day as they arrived, NaN where there is none.

        Parameters
        ----------
        day : int
            The day, counted from 0 on 1 June.
        window : int
            How many days before it.
        faults : frozenset of Fault
            The faults of that day.
        """
        service, first = self.service, max(0, day - window)
        part = slice(service.of_day(first).start, service.of_day(day).start)
        late, draw = service.late[part].copy(), service.draw[part]
        truth = np.concatenate([self.truth(one) for one in range(first, day)] or [np.zeros(0)])
        healthy = np.concatenate([service.healthy(one) for one in range(first, day)] or [np.zeros(0)])
        # Where an airport changed, the share of flights that becomes late is exact: it has no luck of its own.
        late = np.where(late == 0, np.clip((truth - healthy) / (1 - healthy), 0, 1), late)
        for fault in faults:
            if fault.cause == "labels lost":
                late = np.where((late == 1) & (draw < _LOST), np.nan, late)
            if fault.cause == "labels flipped":
                late = np.where(draw < _FLIPPED, 1 - late, late)
        return late

    def _layer(self, day: int, faults: frozenset[Fault], state: State) -> np.ndarray:
        """Return by how much the online layer moves the log-odds of the flights of a day."""
        blocked = "labels" in state.blocked
        effects = {fault.entry["effect"] for fault in faults}
        if not state.retrained and (blocked or not effects & {"labels", "world"}):
            snapshot = self.scenario.first - settings()["window"]
            return np.full(len(self.truth(day)), self.service.healthy_layer(snapshot if blocked else day))
        known = frozenset(fault for fault in faults if fault.entry["effect"] in ("labels", "world"))
        key = (day, known, State(retrained=state.retrained))
        if key not in self._layers:
            window = settings()["refit_window" if state.retrained else "window"]
            target = self.labels(day, window, known)
            found = self.service.layer(day, target, by_airport=state.retrained, window=window)
            codes = np.searchsorted(AIRPORTS, self.service.airport[self.service.of_day(day)].astype(str))
            self._layers[key] = np.array([found[name] for name in AIRPORTS])[codes]
        return self._layers[key]

    # ------------------------------------------------------------------ what it costs

    def loss(self, first: int, last: int, moves: Sequence[Move] = ()) -> float:
        """Return the dollars that are expected to be lost from one minute until before another one.

        Parameters
        ----------
        first, last, moves
            As for `answered`.
        """
        return float(sum(self._piece(*piece, moves).lost.sum() for piece in self._pieces(first, last, moves)))

    def windows(self) -> list[tuple[int, int]]:
        """Return from when until when each page is charged: until the next one, or the end of the shift."""
        edges = [*(episode.at for episode in self.scenario.episodes), self.scenario.ends]
        return list(pairwise(edges))

    def losses(self, moves: Sequence[Move] = ()) -> list[float]:
        """Return the dollars lost after each page, with the `moves` of a player."""
        return [self.loss(first, last, moves) for first, last in self.windows()]


def late_share(start: int) -> float:
    """Return the share of answers that come too late because of what began at a minute `start`: 0.3 to 0.5."""
    # It depends on the minute and not on the cause, so that the number on the phone does not give the cause away.
    return 0.3 + 0.2 * (start * 7919 % 1000) / 1000


def apply_act(state: State, act: str) -> State:
    """Return the state of the service after an `act` on a service in a `state`; looks and restarts change nothing."""
    if act == "restore":
        return State()
    if act.startswith("block "):
        return replace(state, blocked=state.blocked | {act.removeprefix("block ")})
    changed = {"roll back": "rolled_back", "use table": "table", "retrain": "retrained", "limit client": "limited"}
    return replace(state, **{changed[act]: True}) if act in changed else state


def _direction(service: Service, shift: Scenario, faults: Sequence[Fault], at: int) -> str:
    """Return which page faults fire at a minute: whether fewer or more passengers are warned because of them."""
    alone = Episode("fewer", at, faults[0].end, tuple(faults))
    shown = Simulation(service, replace(shift, episodes=(alone,))).answered(max(one.start for one in faults), at, ())
    return "more" if shown.warned.mean() > shown.healthy.mean() else "fewer"


def shared_simulation(service: Service, seed: int, pages: Sequence[str] = ()) -> Simulation:
    """Return the simulation of a seed; the service keeps the last ones, so that replaying a seed is fast.

    Parameters
    ----------
    service : Service
        The service that the shift is about.
    seed : int
        As for `draw_scenario`.
    pages : sequence of str
        As for `draw_scenario`.
    """
    recent, key = service.simulations, (seed, tuple(pages))
    if key not in recent:
        recent[key] = Simulation(service, draw_scenario(service, seed, pages, _direction))
        for old in list(recent)[:-_KEPT]:
            del recent[old]
    return recent[key]


def prices(service: Service, every: int = 8) -> pd.Series:
    """Return the dollars that each act is expected to cost a day, while it is needless.

    Parameters
    ----------
    service : Service
        The service; nothing is wrong with it.
    every : int
        Use every n-th day of the half year, 1 or more; a larger number is faster and less precise.

    Returns
    -------
    Series of int
        Dollars a day by act, rounded to hundreds: held for the whole day, or done once in the case of 'restart'.
    """
    costs: dict[str, list[float]] = {name: [] for name in harms()}
    for first in range(2 * settings()["window"], len(service.days) - settings()["days"], every):
        calm = Simulation(service, Scenario(first, (), (), ()))
        begin = first * DAY
        for act, found in costs.items():
            done = begin + (DAY // 2 if act == "restart" else 0)
            found.append(calm.loss(begin, begin + DAY, [Move(act, begin, done)]))
    return pd.Series({act: round(float(np.mean(one)), -2) for act, one in costs.items()}, dtype=int).rename_axis("act")
