"""The scenario of a game: which incident happens, when and where.

A seed decides all of it. `draw_scenario` reads the incidents and their weights from tables/operate/incidents.toml.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.operate.incidents.catalog import settings

__all__ = ["AIRPORTS", "Scenario", "draw_cause", "draw_scenario"]

#: The airports of the case.
AIRPORTS = ("EWR", "JFK", "LGA")
_DECOY_SHARE = 0.4  # the share of games in which a harmless release goes out, so that a release is no proof of guilt


@dataclass(frozen=True)
class Scenario:
    """What happens in a game.

    Attributes
    ----------
    cause : str
        One of `causes`.
    first : str
        The first day of the game, such as '2013-07-01'.
    start : int
        The day on which the incident begins, counted from 0.
    draw : int
        Seed of the faults that are planted.
    where : str
        An airport or an airline, if the incident concerns one.
    decoy : int
        The day on which a harmless release goes out, counted from 0; -1 if there is none.
    """

    cause: str
    first: str
    start: int
    draw: int
    where: str
    decoy: int

    @property
    def entry(self) -> dict[str, Any]:
        """The incident's row of incidents.toml."""
        return next(entry for entry in settings()["kind"] if entry["name"] == self.cause)

    @property
    def release_day(self) -> int:
        """The day on which a release goes out, bad or harmless, counted from 0; -1 if there is none."""
        return self.start if self.entry["on"] == "release" else self.decoy


def draw_cause(seed: int) -> str:
    """Return the cause that the game of a `seed` is about; for teachers, who choose seeds by it."""
    entries = settings()["kind"]
    weights = np.array([entry["weight"] for entry in entries], dtype=float)
    drawn = np.random.default_rng([17, seed]).choice(len(entries), p=weights / weights.sum())
    return str(entries[int(drawn)]["name"])


def draw_scenario(seed: int, cause: str | None = None, days: Sequence[str] = ()) -> Scenario:
    """Return the scenario of a seed.

    Parameters
    ----------
    seed : int
        Any whole number, 0 or more; the same seed gives the same scenario.
    cause : str, optional
        One of `causes`; by default the one that the seed draws.
    days : sequence of str
        The days that a game may begin on, such as '2013-07-01'.
    """
    # All values are drawn in any case and in this order: a seed must mean the same game whatever its cause.
    rng = np.random.default_rng([18, seed])
    cause = draw_cause(seed) if cause is None else cause
    entry = next(entry for entry in settings()["kind"] if entry["name"] == cause)
    first_days = [day for day in days if settings()["first_day"] <= day <= settings()["last_day"]]
    low, high = settings()["quiet_days"]
    first, start = first_days[int(rng.integers(len(first_days)))], int(rng.integers(low, high + 1))
    draw = int(rng.integers(2**31))
    airport, carrier = AIRPORTS[int(rng.integers(3))], int(rng.integers(99))
    decoy = int(rng.integers(1, settings()["days"] - 3)) if rng.random() < _DECOY_SHARE else -1
    carriers = entry.get("carriers", ())
    where = carriers[carrier % len(carriers)] if carriers else airport
    return Scenario(cause, first, start, draw, where, -1 if entry["on"] == "release" else decoy)
