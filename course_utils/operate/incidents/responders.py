"""A tournament between policies, and the best lookup from the title of a page to an act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from course_utils.operate.incidents.catalog import harms, minutes, settings, titles
from course_utils.operate.incidents.games import Game, play
from course_utils.operate.incidents.scoring import loss_points, named
from course_utils.operate.incidents.simulation import Move

if TYPE_CHECKING:
    from course_utils.operate.incidents.policies import Policy
    from course_utils.operate.incidents.service import Service

__all__ = ["fit_no_look", "tournament"]


def tournament(service: Service, policies: Mapping[str, Policy], seeds: Iterable[int]) -> pd.DataFrame:
    """Let several policies play the same shifts, and return their points.

    Parameters
    ----------
    service : Service
        As for `Game`.
    policies : mapping of str to callable
        The policies by their names, each as for `play`.
    seeds : iterable of int
        The seeds of the games, each as for `Game`.

    Returns
    -------
    DataFrame, one row a seed
        'causes' (of all its pages), and of each policy its points under its name, 'NAME: causes' (the share of pages
        whose causes it named) and 'NAME: refused' (acts that could not be paid). It reveals the causes.
    """
    rows = []
    for seed in seeds:
        row: dict[str, object] = {"seed": seed}
        for name, policy in policies.items():
            game = play(service, seed, policy)
            row["causes"] = "; ".join(" and ".join(sorted(one.causes)) for one in game._simulation.scenario.episodes)
            shares = named(game)
            row |= {name: game.total, f"{name}: causes": sum(shares) / len(shares)}
            row[f"{name}: refused"] = sum("  refused: " in line for line in game.log)
        rows.append(row)
    return pd.DataFrame(rows).set_index("seed")


def fit_no_look(service: Service, seeds: Iterable[int]) -> dict[str, tuple[str, str]]:
    """Return the lookup from page to act and cause that earns most on some seeds: `NO_LOOK` was made with it.

    From each act as the start for all pages, it changes one page's act at a time as long as that earns more.

    Parameters
    ----------
    service : Service
        As for `Game`.
    seeds : iterable of int
        The seeds to fit it on.
    """
    shifts = [_Shift(service, seed) for seed in seeds]
    pages = list(titles().index)
    options = ["", *harms()]
    found: list[tuple[float, dict[str, str]]] = []
    for start in options:
        lookup, before = dict.fromkeys(pages, start), -1.0
        while (now := _mean_points(shifts, lookup)) > before:
            before = now
            for page in pages:
                tries = {act: _mean_points(shifts, lookup | {page: act}) for act in options}
                lookup[page] = max(options, key=lambda act: tries[act])
        found.append((now, lookup))
    acts = max(found, key=lambda one: one[0])[1]
    names = [entry["name"] for entry in settings()["cause"]]
    said = {page: max(names, key=lambda name: sum(shift.named(page, name) for shift in shifts)) for page in pages}
    return {page: (acts[page], said[page]) for page in pages}


class _Shift:
    """The loss of a shift by page and act, each act held from the page until it is resolved."""

    def __init__(self, service: Service, seed: int) -> None:
        game = Game(service, seed)
        game.finish()  # what the best policy loses is told once a shift is over
        simulation = game._simulation
        self.episodes, self.normal = simulation.scenario.episodes, service.normal_day
        self.nothing, self.best = sum(simulation.losses()), sum(game.reference())
        self.losses = []
        for episode, (first, last) in zip(self.episodes, simulation.windows(), strict=True):
            by_act = {"": simulation.loss(first, last)}
            for act in harms():
                moves = [Move(act, episode.at, episode.at + minutes()[act])]
                moves += [Move("restore", episode.end, episode.end)] if episode.end < last else []
                by_act[act] = simulation.loss(first, last, moves)
            self.losses.append(by_act)

    def points(self, lookup: Mapping[str, str]) -> float:
        """Return the points for the loss that a lookup of acts earns."""
        yours = sum(by_act[lookup[one.page]] for one, by_act in zip(self.episodes, self.losses, strict=True))
        return loss_points(self.nothing, yours, self.best, self.normal)

    def named(self, page: str, name: str) -> float:
        """Return which share of the shift's points for causes a name earns on a page."""
        here = [one for one in self.episodes if one.page == page and name in one.causes]
        return sum(1 / len(one.causes) for one in here) / len(self.episodes)


def _mean_points(shifts: Sequence[_Shift], lookup: Mapping[str, str]) -> float:
    return sum(shift.points(lookup) for shift in shifts) / len(shifts)
