"""What may go wrong on a game day, which pages it fires, what a player may do, and what a post-mortem must have.

All of it is in tables/operate/incidents.toml, which `settings` returns; the runbook of the shift is in
tables/operate/runbook.toml.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from course_utils import tables
from course_utils.errors import UsageError

__all__ = [
    "NOTHING",
    "acts",
    "cause",
    "causes",
    "check_cause",
    "harms",
    "minutes",
    "rivals",
    "rubric",
    "runbook",
    "settings",
    "titles",
]

#: The name of the cause of a false page.
NOTHING = "nothing"


@cache
def settings() -> dict[str, Any]:
    """Return incidents.toml as data: causes, pages, acts, points, rubric, and how shifts are drawn.

    Examples
    --------
    >>> incidents.settings()["points"]["budget"]
    480
    """
    return tables.read_toml("incidents.toml")


@cache
def minutes() -> dict[str, int]:
    """Return the minutes that each act takes, by its name."""
    return {entry["name"]: entry["minutes"] for entry in settings()["act"]}


@cache
def cause(name: str) -> dict[str, Any]:
    """Return the row of incidents.toml of the cause of that `name`."""
    return next(entry for entry in settings()["cause"] if entry["name"] == name)


def harms() -> list[str]:
    """Return the names of the acts that change what the service answers: without looks and 'restore'."""
    return [entry["name"] for entry in settings()["act"] if "harm" in entry]


def acts() -> pd.DataFrame:
    """Return what a player may do: one row an act, with its 'minutes', what it 'does', and what it 'harms' if needless.

    Examples
    --------
    >>> incidents.acts().loc["roll back", "harms"]
    'an older model answers'
    """
    table = pd.DataFrame(settings()["act"]).set_index("name").rename(columns={"harm": "harms"})
    return table[["minutes", "does", "harms"]].fillna("")


def causes() -> pd.DataFrame:
    """Return what a page may be caused by: one row a cause, with what it 'shows' and its 'cure'; 'nothing' is one.

    Examples
    --------
    >>> incidents.causes().loc["cache empty", "shows"]
    'our cache of live delays no longer fills'
    """
    return pd.DataFrame(settings()["cause"]).set_index("name")[["shows", "cure"]]


def titles() -> pd.Series:
    """Return the title of each page, by its name.

    Examples
    --------
    >>> incidents.titles()["slow"]
    'Answers arrive too late'
    """
    return pd.Series({entry["name"]: entry["title"] for entry in settings()["page"]}, name="title")


def rivals() -> pd.DataFrame:
    """Return the boards of exercise 17.1: one row a board, with the title of a page and two causes that fire it.

    Examples
    --------
    >>> incidents.rivals().loc["D", "page"]
    'Answers arrive too late'
    """
    table = pd.DataFrame(settings()["rival"]).set_index("board")
    return table.assign(page=table["page"].map(titles()))


def check_cause(name: str) -> None:
    """Refuse a `name` that is not one of `causes`.

    Raises
    ------
    UsageError
        There is no such cause.
    """
    known = [entry["name"] for entry in settings()["cause"]]
    if name not in known:
        raise UsageError(f"there is no cause {name!r}", fix=f"choose one of {', '.join(known)}")


def runbook() -> pd.DataFrame:
    """Return the runbook of the shift: one row a page, with its first remedy and when that is wrong.

    Examples
    --------
    >>> incidents.runbook().loc["Answers arrive too late", "first remedy"]
    'restart'
    """
    rows = tables.read_toml("runbook.toml")["shift"]
    table = pd.DataFrame(rows).assign(page=lambda rows: rows["page"].map(titles()))
    return table.set_index("page").rename(columns={"act": "first remedy", "causes": "usual causes", "not": "wrong if"})


def rubric() -> pd.DataFrame:
    """Return what a post-mortem must have: one row a part, with what it 'asks' for.

    Examples
    --------
    >>> incidents.rubric().index.tolist()
    ['summary', 'timeline', 'impact', 'detection', 'cause', 'response', 'actions']
    """
    return pd.DataFrame(settings()["rubric"]).set_index("part")[["asks"]]
