"""The scenario of a shift: its pages, what is behind each, and which releases and announcements go with them.

A seed decides all of it. Times are minutes since 1 June 2013, local time, as in `Service`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.operate import backtest
from course_utils.operate.incidents.catalog import NOTHING, cause, settings
from course_utils.operate.incidents.service import AIRPORTS, DAY

if TYPE_CHECKING:
    from course_utils.operate.incidents.service import Service

__all__ = ["Direction", "Episode", "Fault", "Scenario", "clock", "draw_scenario", "healthy_gap", "usual_warnings"]

_HOUR = 60
#: Parts of the service that a release may touch: those that a guilty one touches, and some that are always harmless.
_PARTS = {
    "live delays misread": "how live delays are read",
    "weather misread": "how the weather is joined",
    "bad release": "a newly trained model",
    "slow release": "how answers are computed",
}
_WORKS = "works on a runway: most flights from {} are cancelled"
_TEST = "a load test by the app's team"
_HARMLESS = ("how outcomes are stored", "log messages")
_SLOTS_BEGIN = (9, 18)  # hours of a day at which something first pages
_LABEL_HOUR = 6  # when the file with yesterday's outcomes arrives
_WORLD_HOURS = 54  # hours from a change at an airport until two days of outcomes show it


@dataclass(frozen=True)
class Fault:
    """One fault: what is broken, from when until when.

    Attributes
    ----------
    cause : str
        One of `causes`.
    start, end : int
        The minutes at which it begins, and at which it ends by itself.
    airport : str
        The airport that it concerns, if it concerns one.
    """

    cause: str
    start: int
    end: int
    airport: str

    @property
    def entry(self) -> dict[str, Any]:
        """The fault's row of incidents.toml."""
        return cause(self.cause)


@dataclass(frozen=True)
class Episode:
    """A page, and what is behind it.

    Attributes
    ----------
    page : str
        The name of one of the pages of incidents.toml.
    at, end : int
        The minutes of the page, and of the end of what it is about.
    faults : tuple of Fault
        What is broken; empty for a false page.
    closed : str
        The airport of which most flights are announced to be cancelled; empty if there is none.
    tested : bool
        Whether an announced load test is behind the page.
    """

    page: str
    at: int
    end: int
    faults: tuple[Fault, ...] = ()
    closed: str = ""
    tested: bool = False

    @property
    def causes(self) -> frozenset[str]:
        """The names of what is behind the page; 'nothing' for a false one."""
        return frozenset(fault.cause for fault in self.faults) or frozenset({NOTHING})


@dataclass(frozen=True)
class Scenario:
    """What happens in a shift.

    Attributes
    ----------
    first : int
        The first day, counted from 0 on 1 June.
    episodes : tuple of Episode
        The pages, in order.
    releases : tuple of (int, str)
        When each release went out, and which part it touched.
    notices : tuple of (int, int, str)
        What is announced: from when until when, and the text.
    """

    first: int
    episodes: tuple[Episode, ...]
    releases: tuple[tuple[int, str], ...]
    notices: tuple[tuple[int, int, str], ...]

    @property
    def begins(self) -> int:
        """The minute at which the shift begins."""
        return int(self.first * DAY + settings()["begins"])

    @property
    def ends(self) -> int:
        """The minute at which the shift ends."""
        return int(self.begins + settings()["days"] * DAY)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults of the shift, in the order of their pages."""
        return tuple(fault for episode in self.episodes for fault in episode.faults)


#: Says which page faults fire at a minute, 'fewer' or 'more'.
Direction = Callable[["Service", Scenario, Sequence[Fault], int], str]


def draw_scenario(service: Service, seed: int, pages: Sequence[str], direction: Direction) -> Scenario:
    """Return the scenario of a seed.

    Parameters
    ----------
    service : Service
        The service that the shift is about: its answers decide which page a fault fires.
    seed : int
        Any whole number, 0 or more; the same seed gives the same scenario.
    pages : sequence of str
        The causes of the pages, one page each, as for a rehearsal; the seed draws them if there are none.
    direction : callable
        Says for the service, the shift, some faults and a minute which page they fire: 'fewer' or 'more'.
    """
    rng, how = np.random.default_rng([17, seed]), settings()["draw"]
    days = [place for place, day in enumerate(service.days) if settings()["first_day"] <= day <= settings()["last_day"]]
    first = int(rng.choice(days))
    quiet = bool(rng.random() < how["quiet"]) and not pages
    low, high = how["pages_quiet"] if quiet else how["pages"]
    count = len(pages) or int(rng.integers(low, high + 1))
    false = rng.random(count) < how["false"]
    if quiet:
        false[:] = True
    elif false.all():
        false[int(rng.integers(count))] = False
    draws = _Draws(service, rng, Scenario(first, (), (), ()), direction)
    early = bool(rng.random() < how["before"]) and not pages
    for place in range(count):
        slot = draws.shift.begins + place * settings()["days"] * DAY // count
        if pages:
            draws.add_fault(slot, early=False, causes=[pages[place]])
        elif false[place]:
            draws.add_false(slot)
        else:
            draws.add_fault(slot, early=early and place == 0)
    routine = [(draws.shift.begins - int(rng.integers(2, 6)) * DAY, str(rng.choice(_HARMLESS)))]
    ordered = sorted(draws.episodes, key=lambda episode: episode.at)
    return replace(
        draws.shift,
        episodes=tuple(ordered),
        releases=tuple(sorted(set(draws.releases + routine))),
        notices=tuple(sorted(set(draws.notices))),
    )


class _Draws:
    """What was drawn so far of a shift; each method draws one page."""

    def __init__(self, service: Service, rng: np.random.Generator, shift: Scenario, direction: Direction) -> None:
        self.service, self.rng, self.shift, self._direction = service, rng, shift, direction
        self.episodes: list[Episode] = []
        self.releases: list[tuple[int, str]] = []
        self.notices: list[tuple[int, int, str]] = []

    def _minutes(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def _end(self, at: int) -> int:
        low, high = settings()["draw"]["hours"]
        return at + self._minutes(low * _HOUR, high * _HOUR)

    def _day(self, slot: int) -> int:
        """Return the first midnight of a slot."""
        return -(-slot // DAY) * DAY

    def add_fault(self, slot: int, *, early: bool, causes: Sequence[str] = ()) -> None:
        """Add a page with one or two faults behind it; an `early` one has begun before the shift."""
        rng = self.rng
        kind = str(rng.choice(["answers", "answers", "inputs", "outcomes", "slow"]))
        able = [entry["name"] for entry in settings()["cause"] if entry["weight"] and kind in entry["pages"]]
        drawn = [str(rng.choice(able))]
        rivals = [name for name in able if cause(name)["group"] != cause(drawn[0])["group"]]
        if rng.random() < settings()["draw"]["pair"] and rivals:
            drawn.append(str(rng.choice(rivals)))
        if causes:
            drawn, kind = list(causes), str(cause(causes[0])["pages"][0])
        airport = str(rng.choice(AIRPORTS))
        wait = self._minutes(_HOUR, 3 * _HOUR)
        if early:
            at = slot + self._minutes(5, _HOUR)
        elif kind == "outcomes":
            at = self._day(slot) + DAY + _LABEL_HOUR * _HOUR + self._minutes(5, 30)
        else:
            at = self._day(slot) + self._minutes(*(hour * _HOUR for hour in _SLOTS_BEGIN))
        end, ago = self._end(at), self._minutes(6 * _HOUR, 40 * _HOUR)
        faults = []
        for name in drawn:
            start = at - (ago if early else DAY if kind == "outcomes" else wait)
            if cause(name)["effect"] == "labels":  # a second delivery arrives with the file of a morning
                start = (start - _LABEL_HOUR * _HOUR) // DAY * DAY + _LABEL_HOUR * _HOUR
            if cause(name)["effect"] == "world":
                start = at - _WORLD_HOURS * _HOUR
            faults.append(Fault(name, start, end, airport))
            if name in _PARTS:
                self.releases.append((start, _PARTS[name]))
        page = kind if kind != "answers" else self._direction(self.service, self.shift, faults, at)
        self.episodes.append(Episode(page, at, end, tuple(faults)))
        self._add_decoys(at)

    def add_false(self, slot: int) -> None:
        """Add a page with nothing behind it that an act could help."""
        kind = str(self.rng.choice(["answers", "answers", "inputs", "outcomes", "slow"]))
        day = self._day(slot)
        if kind == "answers":
            page = str(self.rng.choice(["fewer", "more"]))
            at = self._unusual_hour(day, 1 if page == "more" else -1)
            self.episodes.append(Episode(page, at, self._end(at)))
        elif kind == "outcomes":
            at = self._unforeseen_day(day) + _LABEL_HOUR * _HOUR + self._minutes(5, 30)
            self.episodes.append(Episode(kind, at, self._end(at)))
        else:
            at = day + self._minutes(*(hour * _HOUR for hour in _SLOTS_BEGIN))
            end, start = self._end(at), at - self._minutes(_HOUR, 3 * _HOUR)
            airport = str(self.rng.choice(AIRPORTS))
            closed = airport if kind == "inputs" else ""
            text = (
                f"works on a runway: most flights from {closed} are cancelled"
                if closed
                else "a load test by the app's team"
            )
            self.notices.append((at - DAY // 2 if closed else start, end, text))
            self.episodes.append(Episode(kind, at, end, closed=closed, tested=not closed))
        self._add_decoys(at)

    def _unusual_hour(self, day: int, sign: int) -> int:
        """Return the minute of two days at which the share warned is farthest from that of other weeks."""
        hours = [day + DAY * later + hour * _HOUR for later in (0, 1) for hour in range(_SLOTS_BEGIN[0], 20)]
        return int(max(hours, key=lambda minute: sign * (np.subtract(*usual_warnings(self.service, minute)))))

    def _unforeseen_day(self, day: int) -> int:
        """Return which of two mornings reports the larger gap between answers and outcomes of the day before."""
        return max((day + DAY, day + 2 * DAY), key=lambda one: abs(healthy_gap(self.service, one // DAY - 1)))

    def _add_decoys(self, at: int) -> None:
        """Perhaps add a harmless release before a page, and a notice that has nothing to do with it."""
        rng, how = self.rng, settings()["draw"]
        if rng.random() < how["decoy"]:
            part = str(rng.choice([*_PARTS.values(), *_HARMLESS]))
            self.releases.append((at - self._minutes(20, 6 * _HOUR), part))
        if rng.random() < how["notice"]:
            start = at + int(rng.choice([-1, 1])) * self._minutes(3 * DAY, 9 * DAY)
            airport = str(rng.choice(AIRPORTS))
            text = _WORKS.format(airport) if rng.random() < 0.5 else _TEST
            self.notices.append((start, start + self._minutes(6 * _HOUR, 20 * _HOUR), text))


def usual_warnings(service: Service, minute: int) -> tuple[float, float]:
    """Return the share warned in the hours before a minute, and in the same hours of three earlier weeks [%].

    Parameters
    ----------
    service : Service
        The service, without a fault.
    minute : int
        Minutes since 1 June, local time.
    """
    hours = settings()["seen_hours"] * _HOUR

    def share(end: int) -> float:
        part = service.between(end - hours, end)
        days = range(int(service.minute[part.start]) // DAY, end // DAY + 1)
        healthy = np.concatenate([service.healthy(day) for day in days])
        offset = service.of_day(days[0]).start
        return 100 * float((healthy[part.start - offset : part.stop - offset] >= service.threshold).mean())

    return share(minute), float(np.mean([share(minute - 7 * DAY * weeks) for weeks in (1, 2, 3)]))


def healthy_gap(service: Service, day: int) -> float:
    """Return by how many points more flights of a day left late than a healthy service expected.

    Parameters
    ----------
    service : Service
        The service that expected it.
    day : int
        The day, counted from 0 on 1 June.
    """
    late = service.late[service.of_day(day)]
    known = ~np.isnan(late)
    return 100 * float(late[known].mean() - service.healthy(day)[known].mean())


def clock(minute: int) -> str:
    """Return a `minute` since 1 June as a date and a time of day.

    Examples
    --------
    >>> from course_utils.operate.incidents.scenario import clock
    >>> clock(480)
    '2013-06-01 08:00'
    """
    return str((np.datetime64(backtest.LIVE, "m") + int(minute)).astype("datetime64[m]")).replace("T", " ")
