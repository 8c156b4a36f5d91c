"""The score of a game, and its debrief page by page.

A game earns points for the share of the avoidable loss that was avoided, and for naming the causes. The loss is
compared with that of the best committed policy, which knows no more than a player can see.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from course_utils.operate.incidents.catalog import cause, harms, minutes, settings, titles
from course_utils.operate.incidents.scenario import clock
from course_utils.operate.incidents.simulation import Move
from course_utils.wording import counted

__all__ = ["behind", "courses", "debrief", "loss_points", "named", "score_parts"]


def behind(game: Any) -> frozenset[str]:
    """Return the causes of the last page of a game that is not over, for graders; 'nothing' for a false page.

    Parameters
    ----------
    game : Game
        The game, in which a page has come.
    """
    return game._simulation.scenario.episodes[game._page].causes


def named(game: Any) -> list[float]:
    """Return how much of each page's causes was named, from 0 to 1: a cause too many counts like one too few.

    Parameters
    ----------
    game : Game
        The game, over or not.
    """
    shares = []
    for place, episode in enumerate(game._simulation.scenario.episodes):
        said = game._closed.get(place, frozenset())
        shares.append(len(said & episode.causes) / len(said | episode.causes))
    return shares


def loss_points(nothing: float, yours: float, best: float, normal_day: float) -> float:
    """Return the points for the share of the avoidable loss that was avoided.

    Parameters
    ----------
    nothing, yours, best : float
        Dollars that are lost if no one acts, by the player, and by the best public policy.
    normal_day : float
        Dollars of a normal day: the measure where there is hardly a loss to avoid.
    """
    worth = settings()["points"]
    avoidable = nothing - best
    scale = avoidable if avoidable > worth["small"] * normal_day else normal_day
    return float(worth["loss"] * np.clip(1 - (yours - best) / scale, 0, 1))


def score_parts(game: Any) -> pd.DataFrame:
    """Return the parts of a score: 'points', 'of' and 'why'.

    Parameters
    ----------
    game : Game
        A game that is over.
    """
    worth, simulation = settings()["points"], game._simulation
    nothing, yours, best = sum(simulation.losses()), sum(simulation.losses(game._moves)), sum(game.reference())
    points = loss_points(nothing, yours, best, game.service.normal_day)
    right = named(game)
    why = f"you saved ${nothing - yours:,.0f}, and the best public policy ${nothing - best:,.0f}".replace("$-", "-$")
    whole, part = sum(share == 1 for share in right), sum(0 < share < 1 for share in right)
    count = f"{whole} of {counted(len(right), 'page')} named, {part} in part"
    rows = {
        "loss": {"points": points, "of": worth["loss"], "why": why},
        "causes": {"points": worth["cause"] * float(np.mean(right)), "of": worth["cause"], "why": count},
    }
    return pd.DataFrame(rows).T.astype({"points": float, "of": int})


def debrief(game: Any) -> pd.DataFrame:
    """Return one column a page: what was behind it, what told it, and what was done; as `Game.debrief`.

    Parameters
    ----------
    game : Game
        A game that is over.
    """
    simulation = game._simulation
    losses = zip(simulation.losses(), simulation.losses(game._moves), game.reference(), strict=True)
    columns = {}
    parts = zip(simulation.scenario.episodes, simulation.windows(), losses, strict=True)
    for place, (episode, (first, last), (nothing, yours, best)) in enumerate(parts):
        behind = sorted(episode.causes)
        begun = [clock(fault.start) for fault in episode.faults]
        done = [move.act for move in game._moves if first <= move.begun < last]
        columns[f"page {place + 1}"] = {
            "time": clock(episode.at),
            "title": titles()[episode.page],
            "cause": " and ".join(behind),
            "what told it": "; ".join(cause(name)["told"] for name in behind),
            "began": ", ".join(sorted(set(begun))) or "–",
            "you did": ", ".join(done) or "nothing",
            "you said": " and ".join(sorted(game._closed.get(place, ()))) or "nothing was named",
            "lost if no one acts": round(simulation.loss(first, min(last, episode.end)), -2),
            "you saved": round(nothing - yours, -2) + 0.0,
            "best public policy saved": round(nothing - best, -2) + 0.0,
        }
    return pd.DataFrame(columns)


def courses(game: Any) -> pd.DataFrame:
    """Return the dollars lost since the first page, by hour and course of action; as `Game.courses`.

    Parameters
    ----------
    game : Game
        A game that is over.
    """
    simulation = game._simulation
    first = simulation.scenario.episodes[0]
    moves = {"no one acts": [], "yours": game._moves}
    moves |= {act: [Move(act, first.at, first.at + minutes()[act])] for act in harms()}
    hours = range(first.at, first.end, 60)
    lost = {
        name: np.cumsum([0.0, *(simulation.loss(hour, min(hour + 60, first.end), made) for hour in hours)])
        for name, made in moves.items()
    }
    return pd.DataFrame(lost).rename_axis("hours since the page")
