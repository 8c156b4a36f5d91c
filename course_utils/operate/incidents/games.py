"""A game: two weeks on call for the delay service, on a clock.

The seed decides what pages and why. The player sees what a person on call sees: the title of a page and one number, and
what a look shows. Looks and acts take minutes, and what is broken goes on losing dollars meanwhile. The truth is in
private attributes until the shift is over; reading them spoils the game for yourself only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from course_utils.errors import DataError, UsageError
from course_utils.operate.incidents import policies, scoring
from course_utils.operate.incidents.catalog import check_cause, minutes, settings, titles
from course_utils.operate.incidents.inspections import inspect, measure
from course_utils.operate.incidents.scenario import clock
from course_utils.operate.incidents.service import Service
from course_utils.operate.incidents.simulation import Move, shared_simulation
from course_utils.wording import counted

__all__ = ["Game", "play", "play_on", "rehearsal", "rerun"]


class Game:
    """Be on call for two weeks.

    Parameters
    ----------
    service : Service
        The service to be on call for, as from `open_service`; games share it.
    seed : int
        Decides what pages, when and why; the same seed is the same game. A whole number, 0 or more.

    Attributes
    ----------
    seed : int
        The seed that was given.
    rehearsed : tuple of str
        The causes that were known beforehand, as in a `rehearsal`; otherwise empty.

    Raises
    ------
    UsageError
        The seed is not a whole number, or is negative.
    """

    def __init__(self, service: Service, seed: int) -> None:
        self._start(service, seed, ())

    def _start(self, service: Service, seed: int, rehearsed: tuple[str, ...]) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise UsageError(f"seed={seed!r} is not the seed of a game", fix="give a whole number, 0 or more")
        self.service, self.seed, self.rehearsed = service, int(seed), tuple(rehearsed)
        self._simulation = shared_simulation(service, self.seed, self.rehearsed)
        self._now = self._simulation.scenario.begins
        self._moves: list[Move] = []
        self._steps: list[tuple[str, ...]] = []
        self._log: list[str] = []
        self._spent, self._page = 0, -1
        self._resolved: set[int] = set()
        self._closed: dict[int, frozenset[str]] = {}

    def __repr__(self) -> str:
        if self.over:
            return f"Game(seed {self.seed}, over)"
        return f"Game(seed {self.seed}, {self.time}, {counted(self.minutes_left, 'minute')} of work left)"

    # ----------------------------------------------------------------------- what the player sees

    @property
    def time(self) -> str:
        """The date and the time of day."""
        return clock(self._now)

    @property
    def minutes_left(self) -> int:
        """The minutes of work that are left for looks and acts."""
        return int(settings()["points"]["budget"]) - self._spent

    @property
    def over(self) -> bool:
        """Whether the shift is over."""
        return self._now >= self._simulation.scenario.ends

    @property
    def log(self) -> list[str]:
        """What happened so far, in order: pages, looks, acts, and what was refused."""
        return list(self._log)

    def _note(self, text: str) -> None:
        self._log.append(f"{self.time}  {text}")

    def wait(self) -> pd.Series:
        """Wait for the next page, or for the end of what the last one was about, or for the end of the shift.

        Returns
        -------
        Series
            'event' ('page', 'resolved' or 'end of shift') and 'time'; for a page also its 'title', and the number that
            it reports: 'value', 'usual' and 'unit'.

        Raises
        ------
        UsageError
            The shift is over.
        """
        if self.over:
            raise UsageError("the shift is over", fix="start another one with incidents.Game")
        self._steps.append(("wait",))
        return self._next_event()

    def _next_event(self) -> pd.Series:
        episodes, ends = self._simulation.scenario.episodes, self._simulation.scenario.ends
        page = self._page + 1
        # What an earlier page was about has ended unnoticed, if the player had changed nothing.
        self._resolved |= {place for place, one in enumerate(episodes[: max(0, self._page)]) if one.end <= self._now}
        resolved = [
            (one.end, place)
            for place, one in enumerate(episodes[: self._page + 1])
            if place not in self._resolved and self._changed()
        ]
        at = episodes[page].at if page < len(episodes) else ends
        if resolved and min(resolved)[0] <= at:
            end, place = min(resolved)
            self._resolved.add(place)
            self._now = max(self._now, min(end, ends))
            if not self.over:
                self._note(f"resolved: {titles()[episodes[place].page]}")
                return pd.Series({"event": "resolved", "time": self.time, "title": titles()[episodes[place].page]})
        if page >= len(episodes) or self._now >= ends:
            self._now = ends
            return pd.Series({"event": "end of shift", "time": self.time})
        self._now, self._page = max(self._now, at), page
        return self.page()

    def _changed(self) -> bool:
        """Return whether an act of the player still holds."""
        return self._simulation.state(self._now, self._moves) != self._simulation.state(0, ())

    def page(self) -> pd.Series:
        """Return the last page again.

        Raises
        ------
        UsageError
            No page has come yet.
        """
        if self._page < 0:
            raise UsageError("no page has come yet", fix="wait for one with game.wait()")
        episode = self._simulation.scenario.episodes[self._page]
        moves = [move for move in self._moves if move.done <= episode.at]
        value, usual = measure(self._simulation, episode, moves)
        entry = next(one for one in settings()["page"] if one["name"] == episode.page)
        line = f"page: {entry['title']}"
        if not any(text.endswith(line) and text.startswith(clock(episode.at)) for text in self._log):
            self._log.append(f"{clock(episode.at)}  {line}")
        return pd.Series(
            {"event": "page", "time": clock(episode.at), "title": entry["title"], "value": round(value, 1)}
            | {"usual": round(usual, 1), "unit": entry["unit"]}
        )

    # ----------------------------------------------------------------------- what the player does

    def do(self, act: str) -> pd.DataFrame | None:
        """Look or act: the clock moves on by the minutes that it takes, and an act holds from then on.

        Parameters
        ----------
        act : str
            The name of one of `acts`, such as 'roll back'.

        Returns
        -------
        DataFrame or None
            What a look shows; None for any other act.

        Raises
        ------
        UsageError
            There is no such act, too few minutes are left for it, or the shift is over. Nothing is charged then.
        """
        known = minutes()
        if self.over:
            raise UsageError("the shift is over", fix="read game.score() and game.debrief()")
        if not isinstance(act, str) or act not in known:
            raise UsageError(f"there is no act {act!r}", fix=f"choose one of {', '.join(known)}")
        if known[act] > self.minutes_left:
            raise UsageError(
                f"{act!r} takes {counted(known[act], 'minute')}, and {self.minutes_left} of your shift's are left",
                fix="name the cause with game.close(), then game.wait()",
            )
        begun, self._now = self._now, self._now + known[act]
        self._spent += known[act]
        self._steps.append(("do", act))
        self._note(act)
        if act.startswith("look "):
            return inspect(act.removeprefix("look "), self._simulation, self._now, self._moves)
        self._moves.append(Move(act, begun, self._now))
        return None

    def close(self, *causes: str) -> None:
        """Name the cause of the last page, or its causes; a second call replaces the first.

        Parameters
        ----------
        *causes : str
            Names of `causes`, one or more; 'nothing' for a false page.

        Raises
        ------
        UsageError
            There is no such cause, none is given, or there is no page to close.
        """
        if self._page < 0 or self.over:
            raise UsageError("there is no page to close", fix="wait for one with game.wait()")
        if not causes:
            raise UsageError("no cause is given", fix="name one, such as game.close('nothing')")
        for cause in causes:
            check_cause(cause)
        self._steps.append(("close", *causes))
        self._closed[self._page] = frozenset(causes)
        self._note(f"closed: {', '.join(causes)}")

    def finish(self) -> None:
        """Let the rest of the shift pass without another look or act, except to restore what a page's end allows."""
        while not self.over:
            if self.wait()["event"] == "resolved":
                self.do("restore")

    def record(self) -> dict[str, Any]:
        """Return what was done, for handing in: the seed and each step, from which `rerun` plays the game again."""
        return {"seed": self.seed, "rehearsed": list(self.rehearsed), "steps": [list(step) for step in self._steps]}

    # ----------------------------------------------------------------------- the end

    def score(self) -> pd.DataFrame:
        """Return the points, part by part, once the shift is over.

        Returns
        -------
        DataFrame, one row a part, 'all' last
            'points', 'of' and 'why'.

        Raises
        ------
        UsageError
            The shift is not over.
        """
        self._must_be_over()
        table = scoring.score_parts(self)
        total = pd.DataFrame({"points": table["points"].sum(), "of": table["of"].sum(), "why": ""}, index=["all"])
        return pd.concat([table, total]).rename_axis("part").round({"points": 1})

    @property
    def total(self) -> float:
        """All points of a shift that is over, of 100."""
        return float(self.score().loc["all", "points"])

    def debrief(self) -> pd.DataFrame:
        """Return page by page what was behind it, what would have told it, and what you did, once the shift is over.

        Returns
        -------
        DataFrame, one column a page
            'time', 'title', 'cause', 'what told it', 'began', 'you did', 'you said', and in dollars 'lost if no one
            acts' (from the page until its end), 'you saved' and 'best public policy saved' (until the next page).

        Raises
        ------
        UsageError
            The shift is not over.
        """
        self._must_be_over()
        return scoring.debrief(self)

    def courses(self) -> pd.DataFrame:
        """Return the dollars lost since the first page under each course of action, once the shift is over.

        Returns
        -------
        DataFrame, one row an hour until what the page was about ended, one column a course
            'no one acts', 'yours', and each act that changes the service, begun at the page; dollars so far.

        Raises
        ------
        UsageError
            The shift is not over.
        """
        self._must_be_over()
        return scoring.courses(self)

    def reference(self) -> list[float]:
        """Return the dollars that the best public policy loses after each page, once the shift is over.

        Raises
        ------
        UsageError
            The shift is not over.
        """
        self._must_be_over()
        if self._simulation.reference is None:
            other = Game.__new__(Game)
            other._start(self.service, self.seed, self.rehearsed)
            play_on(other, policies.best)
            self._simulation.reference = self._simulation.losses(other._moves)
        return self._simulation.reference

    def _must_be_over(self) -> None:
        if not self.over:
            raise UsageError("the truth comes at the end", fix="wait until the shift is over, or call game.finish()")


def rehearsal(service: Service, seed: int, *causes: str) -> Game:
    """Return a game whose pages have known causes, for practice and for teaching.

    Parameters
    ----------
    service : Service
        As for `Game`.
    seed : int
        Decides on which days and at which airport.
    *causes : str
        Names of `causes` without 'nothing', one page each, in order.

    Raises
    ------
    UsageError
        There is no such cause.
    """
    for cause in causes or ("",):
        check_cause(cause)
        if cause == "nothing":
            raise UsageError("a rehearsal is about a fault", fix="choose another one of incidents.causes()")
    game = Game.__new__(Game)  # __init__ would draw the causes from the seed
    game._start(service, seed, causes)
    return game


def play(service: Service, seed: int, policy: policies.Policy) -> Game:
    """Let a policy play a shift to its end, and return the finished game.

    An act that the game refuses ends the policy's work on that page, and is in `Game.log`; the shift goes on. When
    what a page was about has ended, all that the policy changed is restored.

    Parameters
    ----------
    service : Service
        As for `Game`.
    seed : int
        As for `Game`.
    policy : callable
        Called with the game and each page, as from `Game.wait`. It looks and acts by `Game.do`, and returns the cause
        that it believes in, several causes, or None.
    """
    game = Game(service, seed)
    play_on(game, policy)
    return game


def play_on(game: Game, policy: policies.Policy) -> None:
    """Let a policy play the rest of a game, as `play` does.

    Parameters
    ----------
    game : Game
        The game, which is over afterwards.
    policy : callable
        As for `play`.
    """
    while not game.over:
        event = game.wait()
        if event["event"] == "resolved":
            game.do("restore")
        if event["event"] != "page":
            continue
        try:
            said = policy(game, event)
            if said is not None and not game.over:
                game.close(*([said] if isinstance(said, str) else said))
        except UsageError as error:
            game._note(f"refused: {error}")


def rerun(service: Service, record: Mapping[str, Any]) -> Game:
    """Play a game again from its record: a player hands in the steps, and the score is computed here.

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
        seed, known, steps = record["seed"], tuple(record.get("rehearsed", ())), [list(one) for one in record["steps"]]
        game = rehearsal(service, seed, *known) if known else Game(service, seed)
        for kind, *rest in steps:
            {"wait": game.wait, "do": game.do, "close": game.close}[kind](*rest)
    except (KeyError, TypeError, AttributeError, ValueError, UsageError) as error:
        raise DataError("this is not the record of a game", fix="hand in what game.record() returns") from error
    if not game.over:
        raise DataError("the game of this record is not over", fix="call game.finish(), then game.record()")
    return game
