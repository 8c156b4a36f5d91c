"""Scripted players, to hold the scoring to, and a table of scores for a class."""

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
    """Hope for the best: whatever a `game` shows, it passes."""
    return None


def rolls_back(game: Game) -> str | None:
    """Roll the release back in a `game` on the first morning with a page, whatever it is."""
    if not any(line.endswith("roll back") for line in game.log) and len(game.pages()):
        game.do("roll back")
    return None


def follows_the_runbook(game: Game) -> str | None:
    """Act in a `game` on pages only, on the smallest thing that stops the loss; look first where causes page alike."""
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
        return _fix(game, "schedule", _what_the_timetable_says(game))
    return _what_the_labels_say(game)


def _fix(game: Game, feed: str, cause: str) -> str:
    game.do(f"block {feed}")
    game.do("page data engineer")
    return cause


def _what_the_timetable_says(game: Game) -> str:
    seen = game.do("look requests")["yesterday"]
    if seen["departures at minute 60 or later of an hour [%]"] > 0:
        return "times in minutes"
    if seen["airlines never seen"] != "none":
        return "carrier renamed"
    if seen["distance over the route's own"] > 1.1:
        return "kilometres"
    return "doubled feed" if seen["asked twice [%]"] > 1 else "slow drift"


def _what_the_labels_say(game: Game) -> str | None:
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
    """Let several responders play the same games.

    Parameters
    ----------
    service : Service
    responders : mapping of str to callable
        See `play`.
    seeds : iterable of int

    Returns
    -------
    DataFrame, one row a seed
        'cause', 'page after' (evenings from the first faulty day to the first page; 0: the same), 'lost' (dollars that
        the best course saves) and the points of each responder. It shows the truth: for afterwards.
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
