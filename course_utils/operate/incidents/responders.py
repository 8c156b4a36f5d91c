"""Scripted players of the game day, and a tournament between responders.

The tests hold the scoring to them: a player who follows the runbook must score far better than one who does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from course_utils.operate.incidents.games import Game, play

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.operate.incidents.service import Service

__all__ = ["does_nothing", "follows_the_runbook", "rolls_back", "tournament"]

_SCHEDULE = ("clock", "broken", "other_", "repeated", "asked", "unseen_", "psi_", "missing_schedule")


def does_nothing(game: Game) -> str | None:
    """Do nothing in a `game`, whatever it shows, and name no cause."""
    return None


def rolls_back(game: Game) -> str | None:
    """Roll back the release in a `game` on the first morning with a page, whatever the page says."""
    if not any(line.endswith("roll back") for line in game.log) and len(game.pages()):
        game.do("roll back")
    return None


def follows_the_runbook(game: Game) -> str | None:
    """Follow the runbook in a `game`: act only on a page, with the smallest act that stops the loss.

    Where several causes lead to the same page, it looks before it acts. It returns the cause, or None if none is known.
    """
    log = game.log
    if any(line.endswith("has fixed something") for line in log):
        if not any(line.endswith("restore") for line in log):
            game.do("restore")
        return None
    if any(word in line for word in ("block", "page", "retrain", "roll back") for line in log):
        return None
    signals = set(game.pages()["signal"])
    if not signals:
        return None
    if "late_answers" in signals:
        game.do("page service owner")
        return "slow replica"
    if "label_coverage" in signals:
        return _fix(game, "labels", "labels lost")
    if "missing_weather" in signals:
        return _fix(game, "weather", "weather lost")
    if any(name.startswith(_SCHEDULE) for name in signals):
        return _fix(game, "schedule", _cause_in_requests(game))
    return _cause_in_labels(game)


def _fix(game: Game, feed: str, cause: str) -> str:
    """Block a feed, page its owner, and return the cause."""
    game.do(f"block {feed}")
    game.do("page data engineer")
    return cause


def _cause_in_requests(game: Game) -> str:
    """Return which fault of the schedule the requests show."""
    seen = game.do("look requests")["yesterday"]
    if seen["departures at minute 60 or later of an hour [%]"] > 0:
        return "times in minutes"
    if seen["airlines never seen"] != "none":
        return "carrier renamed"
    if seen["distance over the route's own"] > 1.1:
        return "kilometres"
    return "doubled feed" if seen["asked twice [%]"] > 1 else "slow drift"


def _cause_in_labels(game: Game) -> str | None:
    """Return which cause the labels and releases show, after acting on it; None if they show none."""
    labels = game.do("look labels").tail(3)
    if (labels["labels against minutes [%]"] > 5).any():
        return _fix(game, "labels", "poisoned labels")
    releases = game.do("look releases")
    if releases["log-loss on the last file"].astype(float).diff().iloc[-1] < -0.03:
        game.do("roll back")
        return "bad release"
    if set(game.pages()["signal"]) & {"hub_EWR", "hub_JFK", "hub_LGA"}:
        game.do("retrain")
        return "hub changed"
    return None


def tournament(
    service: Service, responders: Mapping[str, Callable[[Game], str | None]], seeds: Iterable[int]
) -> pd.DataFrame:
    """Let several responders play the same games, and return their points.

    Parameters
    ----------
    service : Service
        As for `Game`.
    responders : mapping of str to callable
        The responders by their names, each as for `play`.
    seeds : iterable of int
        The seeds of the games, each as for `Game`.

    Returns
    -------
    DataFrame, one row a seed
        'cause', 'page after' (days from the first faulty day to the first page; NaN if there is no page), 'lost'
        (dollars that the best course saves) and the points of each responder. It reveals the cause of each game.
    """
    import pandas as pd

    rows = []
    for seed in seeds:
        games = {name: play(service, seed, responder) for name, responder in responders.items()}
        truth = next(iter(games.values())).truth()
        known = truth["cause"] != "nothing" and truth["first page on morning"] != "never"
        wait = truth["first page on morning"] - truth["began on morning"] - 1 if known else float("nan")
        lost = truth["dollars of the best course"] - truth["dollars if nobody acts"]
        rows.append(
            {"seed": seed, "cause": truth["cause"], "page after": wait, "lost": lost}
            | {name: game.total for name, game in games.items()}
        )
    return pd.DataFrame(rows).set_index("seed")
