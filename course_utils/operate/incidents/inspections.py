"""What a player sees: the number of a page, and what each look shows.

Each look is a table about the hours that have just passed. `inspect` is the only entry: a game calls it for an act such
as 'look inputs'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from course_utils.errors import UsageError
from course_utils.operate.incidents.catalog import settings
from course_utils.operate.incidents.scenario import clock, healthy_gap, usual_warnings
from course_utils.operate.incidents.service import AIRPORTS, DAY, expit
from course_utils.operate.incidents.simulation import late_share

if TYPE_CHECKING:
    from course_utils.operate.incidents.scenario import Episode
    from course_utils.operate.incidents.simulation import Move, Simulation

__all__ = ["inspect", "measure"]

_FEW = 60  # with fewer requests in the last hours, a look goes back to the last ones before them
_FILES = 4  # files of labels that a look shows
_TYPICAL_MS, _SLOW_MS = 6.0, 400.0
_CLIENTS = {"app": 21.0, "website": 14.0, "airline desks": 5.0}  # usual requests a minute
_BUSIEST, _TIMES = "app", 6.0
_BEFORE_SHIFT = 14  # days of the past that a list of releases goes back


def measure(simulation: Simulation, episode: Episode, moves: Sequence[Move]) -> tuple[float, float]:
    """Return what a page reports, and what is usual.

    Parameters
    ----------
    simulation : Simulation
        The shift that is played.
    episode : Episode
        The page, with its minute.
    moves : sequence of Move
        The acts of the player so far.
    """
    at, service = episode.at, simulation.service
    start = min((fault.start for fault in episode.faults), default=at - 60 - at % 120)
    if episode.page == "inputs":
        return float(max(1, min((at - start) // 60, 40))), 0.0
    if episode.page == "slow":
        return round(100 * late_share(start), 1), 1.0
    if episode.page == "outcomes":
        yesterday = at // DAY - 1
        rows = _files(simulation, at, moves)
        gaps = [abs(healthy_gap(service, yesterday - back)) for back in range(1, 15)]
        return abs(float(rows["late by label [%]"].iloc[-1] - rows["expected late [%]"].iloc[-1])), float(np.mean(gaps))
    shown = simulation.answered(at - 60 * settings()["seen_hours"], at, moves)
    return 100 * float(shown.warned.mean()), usual_warnings(service, at)[1]


def inspect(what: str, simulation: Simulation, now: int, moves: Sequence[Move]) -> pd.DataFrame:
    """Return what a closer look shows.

    Parameters
    ----------
    what : {'inputs', 'replay', 'releases', 'upstream', 'labels', 'replicas'}
        What to look at, the second word of the act.
    simulation : Simulation
        The shift that is played.
    now : int
        The minute at which the look ends.
    moves : sequence of Move
        The acts of the player so far.

    Raises
    ------
    UsageError
        There is nothing of that name to look at.
    """
    if what not in _LOOKS:
        raise UsageError(f"there is no look at {what!r}", fix=f"choose one of {', '.join(_LOOKS)}")
    return _LOOKS[what](simulation, now, moves)


def _since(simulation: Simulation, now: int) -> int:
    """Return from which minute on a look takes requests: some hours ago, or earlier if few came since."""
    service, first = simulation.service, now - 60 * settings()["seen_hours"]
    part = service.between(first, now)
    return first if part.stop - part.start >= _FEW else int(service.minute[part.stop - _FEW])


def _inputs(simulation: Simulation, now: int, moves: Sequence[Move]) -> pd.DataFrame:
    """Return measures of the last requests, as they reached the model."""
    service, first = simulation.service, _since(simulation, now)
    missing: dict[str, list[np.ndarray]] = {"live": [], "weather": []}
    came = dict.fromkeys(AIRPORTS, 0)
    for flights, faults, _ in simulation.stretches(first, now, moves):
        effects = {fault.entry["effect"] for fault in faults}
        here = flights[~simulation.absent(flights, faults)]
        for source, parts in missing.items():
            parts.append(np.full(len(here), source in effects))
        for airport in AIRPORTS:
            came[airport] += int(((service.airport[here] == airport) & (service.minute[here] >= now - 60)).sum())
    week = service.airport[service.between(now - 60 - 7 * DAY, now - 7 * DAY)]
    earlier = {airport: int((week == airport).sum()) for airport in AIRPORTS}
    rows = {
        f"{name} missing [% of requests]": 100 * float(np.concatenate(missing[source]).mean())
        for source, name in (("live", "live delays"), ("weather", "weather"))
    }
    rows |= {
        f"requests from {name} in the last hour, of those a week ago [%]": 100 * came[name] / max(1, earlier[name])
        for name in AIRPORTS
    }
    return pd.DataFrame({f"since {clock(first)}": rows}).round(0).rename_axis("measure")


def _replay(simulation: Simulation, now: int, moves: Sequence[Move]) -> pd.DataFrame:
    """Return what other settings would have answered to the last requests, beside the present one."""
    names = ["as in service", "by the release before", "with inputs fetched again", "without the online layer"]
    answers: dict[str, list[np.ndarray]] = {name: [] for name in names}
    lost = {name: {"live": 0.0, "weather": 0.0} for name in names}
    total = 0
    for flights, faults, state in simulation.stretches(_since(simulation, now), now, moves):
        if not len(flights):
            continue
        day = int(simulation.service.minute[flights[0]]) // DAY
        inside = flights - simulation.service.of_day(day).start
        released = frozenset(fault for fault in faults if fault.entry["by"] == "release")
        cached = frozenset(fault for fault in faults if fault.entry["by"] == "cache")
        older = "current" if released else "before"
        ways = {
            names[0]: (faults, {}), names[1]: (faults - released, {"release": older}),
            names[2]: (faults - cached, {}), names[3]: (faults, {"layer": False}),
        }  # fmt: skip
        for name, (kept, how) in ways.items():
            answers[name].append(simulation.replay(day, kept, state, **how)[inside])
            for source in lost[name]:
                lost[name][source] += len(flights) * (source in {fault.entry["effect"] for fault in kept})
        total += len(flights)
    released = simulation.released(now, moves)
    losses = dict.fromkeys(names, _log_loss(simulation, now // DAY - 1, released[0]))
    losses[names[1]] = _log_loss(simulation, now // DAY - 1, released[1])
    warned = {name: np.concatenate(parts) >= simulation.service.threshold for name, parts in answers.items()}
    return pd.DataFrame(
        {
            "warned [%]": {name: 100 * warned[name].mean() for name in names},
            "decided otherwise [%]": {name: 100 * (warned[name] != warned[names[0]]).mean() for name in names},
            "live delays missing [%]": {name: 100 * lost[name]["live"] / total for name in names},
            "weather missing [%]": {name: 100 * lost[name]["weather"] / total for name in names},
            "log-loss, yesterday's flights": losses,
        }
    ).round(3).rename_axis("answered again")  # fmt: skip


def _log_loss(simulation: Simulation, day: int, release: str) -> float:
    """Return the log-loss of a release on the flights of a day, with the inputs that they should have had."""
    service = simulation.service
    late = service.late[service.of_day(day)]
    answer = expit(service.margins(day, release) + service.healthy_layer(day))
    known = ~np.isnan(late)
    return float(-np.log(np.where(late == 1, answer, 1 - answer))[known].mean())


def _releases(simulation: Simulation, now: int, moves: Sequence[Move]) -> pd.DataFrame:
    """Return the releases of the last days, the newest first."""
    out = [(minute, part) for minute, part in simulation.scenario.releases if minute <= now]
    rows = [
        {"release": 8 + place, "went out": clock(minute), "touched": part} for place, (minute, part) in enumerate(out)
    ]
    return pd.DataFrame(rows, columns=["release", "went out", "touched"]).set_index("release").iloc[::-1]


def _upstream(simulation: Simulation, now: int, moves: Sequence[Move]) -> pd.DataFrame:
    """Return what was announced, whether it is over, on, or to come."""
    rows = [
        {
            "from": clock(start),
            "until": clock(end),
            "announced": text,
            "is": "on" if start <= now < end else "over" if end <= now else "to come",
        }
        for start, end, text in simulation.scenario.notices
    ]
    return pd.DataFrame(rows, columns=["from", "until", "announced", "is"])


def _files(simulation: Simulation, now: int, moves: Sequence[Move]) -> pd.DataFrame:
    """Return measures of the last files of labels, by the day of their flights."""
    service, today = simulation.service, now // DAY
    faults = simulation.active(now, moves, simulation.state(now, moves))
    clean = simulation.labels(today, _FILES, frozenset())
    given = simulation.labels(today, _FILES, faults)
    origin = service.of_day(today - _FILES).start
    rows = {}
    for day in range(today - _FILES, today):
        part = service.of_day(day)
        inside = slice(part.start - origin, part.stop - origin)
        real, label, known = clean[inside], given[inside], ~np.isnan(clean[inside])
        expected = simulation.answered(day * DAY, (day + 1) * DAY, moves)
        answer = np.where(expected.defaulted, simulation.truth(day), expected.probability)
        both = known & ~np.isnan(label)
        rows[f"{clock(day * DAY)[:10]}"] = {
            "flights": int(known.sum()),
            "outcomes": int(both.sum()),
            "late by label [%]": 100 * label[both].mean(),
            "expected late [%]": 100 * answer[known].mean(),
            "labels against minutes [%]": 100 * (np.abs(label - real)[both] > 0.5).mean(),
        } | {
            f"{airport}, late by the minutes beyond expected [points]": 100
            * (real - answer)[known & (service.airport[part] == airport)].mean()
            for airport in AIRPORTS
        }
    return pd.DataFrame(rows).T.round(1).rename_axis("flights of")


def _replicas(simulation: Simulation, now: int, moves: Sequence[Move]) -> pd.DataFrame:
    """Return how fast each replica answered in the last minutes, and how many requests each client sent."""
    faults = simulation.active(now, moves, simulation.state(now, moves))
    causes = {fault.cause: fault for fault in faults}
    tested = any(one.tested and one.at - DAY // 8 <= now < one.end for one in simulation.scenario.episodes)
    crowd = "client retries" in causes or tested
    noise = np.random.default_rng([18, now]).uniform(0.93, 1.07, 5)
    medians = dict.fromkeys(("a", "b"), _SLOW_MS if "slow release" in causes or crowd else _TYPICAL_MS)
    if "slow replica" in causes:
        medians["ab"[causes["slow replica"].start % 2]] = 4 * _SLOW_MS
    rows = {f"replica {name}, median [ms]": (value, _TYPICAL_MS) for name, value in medians.items()}
    for name, usual in _CLIENTS.items():
        rows[f"requests a minute, {name}"] = (usual * (_TIMES if crowd and name == _BUSIEST else 1), usual)
    table = pd.DataFrame(rows, index=["now", "usual"]).T.rename_axis("measure")
    return table.assign(now=(table["now"] * noise).round(1))


_LOOKS: dict[str, Callable[[Simulation, int, Sequence[Move]], pd.DataFrame]] = {
    "inputs": _inputs,
    "replay": _replay,
    "releases": _releases,
    "upstream": _upstream,
    "labels": _files,
    "replicas": _replicas,
}
