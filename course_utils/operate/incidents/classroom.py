"""For teachers: seeds to hand out, and a table of scores from the records that players hand in.

These functions reveal the truth about a game, so players should not use them before they have played.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils.operate.incidents.games import rerun

if TYPE_CHECKING:
    from course_utils.operate.incidents.service import Service

__all__ = ["seeds", "standings"]


def seeds(count: int, *, seed: int | None = None) -> list[int]:
    """Draw seeds of games to hand out, all of them different.

    Parameters
    ----------
    count : int
        How many seeds to draw, one for each player.
    seed : int, optional
        Seed of this draw, to get the same seeds again; by default they differ each time.

    Examples
    --------
    >>> incidents.seeds(2, seed=1)
    [473715, 512309]
    """
    rng = np.random.default_rng(seed)
    return [int(one) for one in 1000 + rng.choice(999_000, size=count, replace=False)]


def standings(service: Service, records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the scores of a class.

    Parameters
    ----------
    service : Service
        As for `Game`.
    records : mapping of str to mapping
        What `Game.record` returned, by the player's name.

    Returns
    -------
    DataFrame, one row a player, the best first
        'seed', 'causes' (of all pages), the points of each part ('loss', 'causes named') and 'all'.
    """
    rows = {}
    for player, record in records.items():
        game = rerun(service, record)
        points = game.score()["points"].rename({"causes": "causes named"})
        rows[player] = {"seed": game.seed, "causes": "; ".join(game.debrief().loc["cause"])} | points.to_dict()
    table = pd.DataFrame(rows).T.rename_axis("player")
    return table.sort_values("all", ascending=False, kind="stable")
