"""For whoever teaches: seeds to hand out, and a table of scores from what was handed in.

These names show the truth, and are none of a player's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.errors import DataError, UsageError
from course_utils.operate.incidents.games import Game, causes, drawn

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.operate.incidents.service import Service

__all__ = ["rerun", "seeds", "standings"]


def seeds(count: int, *, cause: str | None = None, seed: int | None = None) -> list[int]:
    """Draw seeds of games to hand out.

    Parameters
    ----------
    count : int
    cause : str, optional
        One of `causes`, if all games are to have it; a class then has the same incident on other days.
    seed : int, optional
        Of this draw; default another one each time.

    Raises
    ------
    UsageError
        There is no such cause.
    """
    if cause is not None and cause not in causes().index:
        raise UsageError(f"there is no cause {cause!r}", fix=f"choose one of {', '.join(causes().index)}")
    rng, found = np.random.default_rng(seed), []
    while len(found) < count:
        one = int(rng.integers(1000, 1_000_000))
        if one not in found and cause in (None, drawn(one)):
            found.append(one)
    return found


def rerun(service: Service, record: Mapping[str, Any]) -> Game:
    """Play a game again from its record, so that a score cannot be handed in, only what was done.

    Parameters
    ----------
    service : Service
    record : mapping
        As from `Game.record`.

    Raises
    ------
    DataError
        The record is not one of a game that is over.
    """
    try:
        wanted, acts, cause = record["seed"], record["acts"], record["cause"]
        moves = {int(morning): list(done) for morning, done in acts.items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError("this is no record of a game", fix="hand in what game.record() returns") from error
    if cause is None:
        raise DataError("the game of this record is not over", fix="close it, and then take its record")
    game = Game(service, wanted)
    for morning in sorted(moves):
        game.skip_to(morning)
        for act in moves[morning]:
            game.do(act)
    game.close(cause)
    return game


def standings(service: Service, records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Score a class.

    Parameters
    ----------
    service : Service
    records : mapping of str to mapping
        By player, what `Game.record` returned.

    Returns
    -------
    DataFrame, one row a player, the best first
        'seed', 'cause', 'named', the points of each part ('loss', 'speed', 'cause points', 'act') and 'all'. A part
        that an incident is not scored on is empty.
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
