"""For teachers: seeds to hand out, and a table of scores from the records that players hand in.

These functions reveal the truth about a game, so players should not use them before they have played.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.errors import DataError
from course_utils.operate.incidents.catalog import check_cause
from course_utils.operate.incidents.games import Game
from course_utils.operate.incidents.scenario import draw_cause

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.operate.incidents.service import Service

__all__ = ["rerun", "seeds", "standings"]


def seeds(count: int, *, cause: str | None = None, seed: int | None = None) -> list[int]:
    """Draw seeds of games to hand out, all of them different.

    Parameters
    ----------
    count : int
        How many seeds to draw, one for each player.
    cause : str, optional
        One of `causes`: all games have this incident, on different days. By default each seed draws its own.
    seed : int, optional
        Seed of this draw, to get the same seeds again; by default they differ each time.

    Raises
    ------
    UsageError
        There is no such cause.

    Examples
    --------
    >>> incidents.seeds(2, cause="kilometres", seed=1)
    [257735, 753759]
    """
    if cause is not None:
        check_cause(cause)
    rng, drawn = np.random.default_rng(seed), []
    while len(drawn) < count:
        candidate = int(rng.integers(1000, 1_000_000))
        if candidate not in drawn and cause in (None, draw_cause(candidate)):
            drawn.append(candidate)
    return drawn


def rerun(service: Service, record: Mapping[str, Any]) -> Game:
    """Play a game again from its record: a player hands in the acts, and the score is computed here.

    Parameters
    ----------
    service : Service
        As for `Game`.
    record : mapping
        What `Game.record` returned, or the same from JSON.

    Raises
    ------
    DataError
        It is not the record of a game, or the game is not over.
    """
    try:
        wanted, acts, cause = record["seed"], record["acts"], record["cause"]
        moves = {int(morning): list(done) for morning, done in acts.items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError("this is not the record of a game", fix="hand in what game.record() returns") from error
    if cause is None:
        raise DataError("the game of this record is not over", fix="call game.close(cause), then game.record()")
    game = Game(service, wanted)
    for morning in sorted(moves):
        game.skip_to(morning)
        for act in moves[morning]:
            game.do(act)
    game.close(cause)
    return game


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
        'seed', 'cause', 'named' (the player's answer), the points of each part ('loss', 'speed', 'cause points', 'act')
        and 'all'. A part that an incident is not scored on is empty.
    """
    import pandas as pd

    rows = {}
    for player, record in records.items():
        game = rerun(service, record)
        points = game.score()["points"].rename({"cause": "cause points"})
        rows[player] = {"seed": game.seed, "cause": game.truth()["cause"], "named": record["cause"]} | points.to_dict()
    names = ["seed", "cause", "named", "loss", "speed", "cause points", "act", "all"]
    table = pd.DataFrame(rows).T.reindex(columns=names).rename_axis("player")
    return table.sort_values("all", ascending=False, kind="stable")
