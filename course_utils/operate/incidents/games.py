"""A game day: two weeks on call, with one incident in them, or none.

The seed decides what happens, when and where. The player sees what a person on call sees: the boards of the days so
far, the pages, the log, and what an inspection shows. The truth is in private attributes until the game is over;
reading them spoils the game for yourself only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from course_utils.errors import UsageError
from course_utils.operate.incidents.catalog import acts, check_cause, settings
from course_utils.operate.incidents.inspections import inspect_day
from course_utils.operate.incidents.scenario import Scenario, draw_scenario
from course_utils.operate.incidents.scoring import score_parts
from course_utils.operate.incidents.service import Service, State
from course_utils.operate.incidents.simulation import REPAIR_MORNINGS, shared_simulation
from course_utils.wording import counted

__all__ = ["Game", "exhibits", "play", "prices", "rehearsal"]


class Game:
    """Be on call for two weeks.

    Each morning the player sees the boards up to the evening before, acts or not, and waits for the next morning. An
    act holds from the day that is about to begin. At the end the player names the cause, and then sees the truth.

    Parameters
    ----------
    service : Service
        The service to be on call for; games may share one.
    seed : int
        Decides what happens, when and where; the same seed is the same game. A whole number, 0 or more.

    Attributes
    ----------
    seed : int
        The seed that was given.
    rehearsed : bool
        Whether the incident was known beforehand, as in a `rehearsal`.

    Raises
    ------
    UsageError
        The seed is not a whole number, or is negative.
    """

    def __init__(self, service: Service, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise UsageError(f"seed={seed!r} is not the seed of a game", fix="give a whole number, 0 or more")
        self._start(service, int(seed), draw_scenario(int(seed), None, service.days))

    def _start(self, service: Service, seed: int, scenario: Scenario, *, rehearsed: bool = False) -> None:
        self.seed, self.rehearsed = seed, rehearsed
        self._simulation = shared_simulation(service, scenario)
        self._moves: dict[int, list[str]] = {}
        self._days_passed = 0
        self._spent = 0
        self._cause: str | None = None

    def __repr__(self) -> str:
        if self.over:
            return f"Game(seed {self.seed}, over)"
        morning = f"morning {self.morning} of {len(self._simulation.days)}"
        return f"Game(seed {self.seed}, {morning}, {counted(self.points, 'point')} left)"

    # ----------------------------------------------------------------------- what the player sees

    @property
    def morning(self) -> int:
        """The number of this morning, from 1."""
        return min(self._days_passed, len(self._simulation.days) - 1) + 1

    @property
    def date(self) -> str:
        """The day that is about to begin."""
        return self._simulation.days[self.morning - 1]

    @property
    def points(self) -> int:
        """The points that are left for acts."""
        return settings()["points"]["budget"] - self._spent

    @property
    def over(self) -> bool:
        """Whether the game was closed."""
        return self._cause is not None

    @property
    def log(self) -> list[str]:
        """The acts so far, the answers of those who were paged, and the releases, in order."""
        days, released = self._simulation.days, self._simulation.scenario.release_day
        lines = [(morning, f"{days[morning]}: {act}") for morning, done in self._moves.items() for act in done]
        if 0 <= released < self._days_passed:
            lines.append((released, f"{days[released]}: release 8 went into service"))
        for morning, done in self._moves.items():
            for act in done:
                if act.startswith("page "):
                    lines += self._reply(morning, act.removeprefix("page "))
        return [line for _, line in sorted(lines, key=lambda entry: entry[0])]

    def _reply(self, morning: int, role: str) -> list[tuple[int, str]]:
        """Return what a role that was paged on a morning reports, with the morning of the report; empty until then."""
        reply = morning + REPAIR_MORNINGS.get(role, 1)
        if reply > self._days_passed or reply >= len(self._simulation.days):
            return []
        fixed = self._simulation.is_fixed(reply, [(morning, role)])
        text = f"the {role} has fixed something" if fixed else f"the {role} found nothing to fix"
        return [(reply, f"{self._simulation.days[reply]}: {text}")]

    def boards(self) -> pd.DataFrame:
        """Return the signals by day, up to yesterday evening, as `drift.daily_signals` does."""
        return self._simulation.board(self._course()[: self._days_passed])

    def pages(self, *, all_days: bool = False) -> pd.DataFrame:
        """Return the pages of yesterday: one row a signal, with its value, limit and title.

        Parameters
        ----------
        all_days : bool
            Return the pages of all days of the game so far, not only of yesterday.
        """
        found = self._simulation.pages(self._course()[: self._days_passed])
        if not all_days and self._days_passed:
            found = found[found["day"] == np.datetime64(self._simulation.days[self._days_passed - 1])]
        titles = self._simulation.service.titles.reindex(found["signal"]).to_numpy()
        return found.assign(title=titles).reset_index(drop=True)

    # ----------------------------------------------------------------------- what the player does

    def do(self, act: str) -> pd.DataFrame | None:
        """Do one act this morning.

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
            There is no such act, too few points are left for it, or the game is over.
        """
        known = acts()
        if self.over or self._days_passed >= len(self._simulation.days):
            raise UsageError("the game is over", fix="name the cause with game.close(cause)")
        if act not in known.index:
            raise UsageError(f"there is no act {act!r}", fix=f"choose one of {', '.join(known.index)}")
        cost = int(known.loc[act, "points"])
        if cost > self.points:
            raise UsageError(
                f"{act!r} costs {counted(cost, 'point')}, and {self.points} are left",
                fix="game.wait(), or game.close(cause)",
            )
        self._spent += cost
        self._moves.setdefault(self._days_passed, []).append(act)
        if not act.startswith("look "):
            return None
        return inspect_day(act.removeprefix("look "), self._simulation, self._course()[: self._days_passed])

    def wait(self, mornings: int = 1, *, until_page: bool = False) -> pd.DataFrame:
        """Wait until a later morning, and return its pages.

        Parameters
        ----------
        mornings : int
            How many mornings to wait, 1 or more.
        until_page : bool
            Wait until the first morning with a page instead, or until the end.

        Returns
        -------
        DataFrame
            The pages of that morning, as `pages` returns them.

        Raises
        ------
        UsageError
            The game is over.
        """
        if self.over:
            raise UsageError("the game is over", fix="start another one with incidents.Game")
        for _ in range(len(self._simulation.days) if until_page else mornings):
            if self._days_passed >= len(self._simulation.days):
                break
            self._days_passed += 1
            if until_page and len(self.pages()):
                break
        return self.pages()

    def skip_to(self, morning: int) -> None:
        """Wait until a `morning`, counted from 1, without looking at the pages; an earlier one changes nothing."""
        self._days_passed = max(self._days_passed, min(int(morning) - 1, len(self._simulation.days)))

    def close(self, cause: str) -> pd.DataFrame:
        """Name the cause, and end the game: the remaining days pass without another act.

        Parameters
        ----------
        cause : str
            The name of one of `causes`; 'nothing' if the service was healthy.

        Returns
        -------
        DataFrame
            The points, as `score` returns them.

        Raises
        ------
        UsageError
            There is no such cause, or the game was closed before.
        """
        if self.over:
            raise UsageError("the game is over", fix="start another one with incidents.Game")
        check_cause(cause)
        self._days_passed = len(self._simulation.days)
        self._cause = cause
        return self.score()

    def _course(self) -> list[tuple[State, bool]]:
        return self._simulation.course(self._moves)

    def record(self) -> dict[str, Any]:
        """Return what was done, for handing in: the seed, the acts by morning, and the cause that was named."""
        moves = {morning + 1: list(done) for morning, done in sorted(self._moves.items())}
        return {"seed": self.seed, "acts": moves, "cause": self._cause}

    # ----------------------------------------------------------------------- the end

    def truth(self) -> pd.Series:
        """Return what really happened, once the game is over.

        Raises
        ------
        UsageError
            The game is not over.
        """
        self._must_be_over()
        simulation = self._simulation
        # A page of a day is read on the next morning, and mornings count from 1.
        shown = None if simulation.first_page is None else simulation.first_page + 2
        return pd.Series(
            {
                "cause": simulation.scenario.cause,
                "what it did": simulation.scenario.entry["shows"],
                "began on morning": simulation.scenario.start + 1
                if simulation.scenario.cause != "nothing"
                else "never",
                "first page on morning": "never" if shown is None else shown,
                "right acts": ", ".join(simulation.scenario.entry["cures"]) or "none",
                "dollars if nobody acts": round(simulation.nothing(), -2),
                "dollars of the best course": round(simulation.best(), -2),
                "dollars of yours": round(simulation.worth(self._course()), -2),
            },
            name="truth",
        )

    def score(self) -> pd.DataFrame:
        """Return the points, part by part, once the game is over.

        Returns
        -------
        DataFrame, one row a part, 'all' last
            'points', 'of' and 'why'.

        Raises
        ------
        UsageError
            The game is not over.
        """
        self._must_be_over()
        parts = score_parts(self._simulation, self._moves, str(self._cause), self._course())
        table = pd.DataFrame(parts, columns=["part", "points", "of", "why"]).set_index("part")
        total = pd.DataFrame({"points": table["points"].sum(), "of": table["of"].sum(), "why": ""}, index=["all"])
        return pd.concat([table, total]).rename_axis("part").round({"points": 1})

    @property
    def total(self) -> float:
        """All points of a game that is over, of 100."""
        return float(self.score().loc["all", "points"])

    def courses(self) -> pd.DataFrame:
        """Return what each day was worth under each course of action, once the game is over.

        Returns
        -------
        DataFrame of int, in dollars, one row a day, one column a course
            'nothing', 'yours', and each act that changes the service, done on the first morning and never taken back.

        Raises
        ------
        UsageError
            The game is not over.
        """
        self._must_be_over()
        simulation = self._simulation
        held = [act for act in acts().index if not act.startswith(("look", "page", "restore"))]
        courses = {"nothing": simulation.course({}), "yours": self._course()}
        courses |= {act: simulation.course({0: [act]}) for act in held}
        if simulation.scenario.entry["on"] == "release":  # a release that has not gone out yet cannot be rolled back
            courses["roll back"] = simulation.course({simulation.scenario.start + 1: ["roll back"]})
        values = {
            name: [simulation.day(day, *setting)[2] for day, setting in zip(simulation.days, course, strict=True)]
            for name, course in courses.items()
        }
        return pd.DataFrame(values, index=pd.Index(simulation.days, name="day")).round(0).astype(int)

    def _must_be_over(self) -> None:
        if not self.over:
            raise UsageError("the truth comes at the end", fix="name the cause with game.close(cause)")


def play(service: Service, seed: int, responder: Callable[[Game], str | None]) -> Game:
    """Let a responder play a game to its end, and return the finished game.

    Parameters
    ----------
    service : Service
        As for `Game`.
    seed : int
        As for `Game`.
    responder : callable
        Called with the game each morning; it looks and acts, and returns the cause that it believes in, or None. The
        last cause that it returned counts; if there was none, 'nothing'.
    """
    game = Game(service, seed)
    cause = None
    for _ in range(settings()["days"]):
        cause = responder(game) or cause
        game.skip_to(game.morning + 1)
    game.close(cause or "nothing")
    return game


def rehearsal(service: Service, seed: int, cause: str) -> Game:
    """Return a game whose incident is known beforehand, for practice and for teaching.

    Parameters
    ----------
    service : Service
        As for `Game`.
    seed : int
        Decides when and where the incident happens.
    cause : str
        The name of one of `causes`: what happens.

    Raises
    ------
    UsageError
        There is no such cause.
    """
    check_cause(cause)
    game = Game.__new__(Game)  # __init__ would draw the cause from the seed
    game._start(service, int(seed), draw_scenario(int(seed), cause, service.days), rehearsed=True)
    return game


def exhibits(service: Service) -> pd.DataFrame:
    """Return the pages of several games, each on its first morning with a page, for an exercise.

    Parameters
    ----------
    service : Service
        As for `Game`; the games are listed in incidents.toml.

    Returns
    -------
    DataFrame, one row a page
        'board' (a letter for the game), 'signal', 'value', 'limit', 'title' and 'log' (releases so far).
    """
    parts = []
    for entry in settings()["exhibit"]:
        game = rehearsal(service, entry["seed"], entry["cause"])
        found = game.wait(until_page=True)
        parts.append(found.assign(board=entry["board"], log="; ".join(game.log) or "nothing"))
    table = pd.concat(parts, ignore_index=True)
    return table[["board", "signal", "value", "limit", "title", "log"]].round({"value": 3})


def prices(service: Service, every: int = 4) -> pd.Series:
    """Return by how many dollars each act changes an average day while the service is healthy.

    Parameters
    ----------
    service : Service
        As for `Game`.
    every : int
        Use every n-th day of the half year, 1 or more; a larger number is faster and less precise.

    Returns
    -------
    Series of int
        Dollars a day by act, rounded to hundreds; negative where the act loses money.
    """
    rows = []
    for day in service.days[8::every]:  # the online layer needs a week of labels first
        requests, files = service.machine.day(day).rows, service.files(day)
        outcomes = service.machine.flights.loc[requests.index]
        shift = service.shifts.loc[day]
        settings_of = {
            "roll back": (State(release="before"), service.layer("before", files, day)),
            "use table": (State(table=True), shift),
            "block schedule": (State(blocked=frozenset(["schedule"])), shift),
            "block weather": (State(blocked=frozenset(["weather"])), shift),
            "block labels": (State(), service.shifts.loc[str(np.datetime64(day) - 7)]),
            "retrain": (State(refit=True), service.layer("current", files, day, refit=True)),
        }
        rows.append(
            {
                act: service.value(outcomes, pd.Series(service.answer(requests, requests, *setting), requests.index))
                - service.dollars[day]
                for act, setting in settings_of.items()
            }
        )
    return pd.DataFrame(rows).mean().round(-2).astype(int).rename("dollars a day").rename_axis("act")
