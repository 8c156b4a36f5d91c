"""What may go wrong in a game day, what a player may do, and what a post-mortem must have.

All of it is in tables/operate/incidents.toml; `settings` is the whole file, with the points and the length of a game.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from course_utils import tables
from course_utils.errors import UsageError

__all__ = ["acts", "causes", "check_cause", "rubric", "settings"]


@cache
def settings() -> dict[str, Any]:
    """Return incidents.toml as data: incidents, acts, points, rubric, and the length of a game."""
    return tables.read_toml("incidents.toml")


def acts() -> pd.DataFrame:
    """Return what a player may do: one row an act, with its cost in 'points' and what it 'does'.

    Examples
    --------
    >>> incidents.acts().loc["roll back"].to_dict()
    {'points': 2, 'does': 'put the release before the present one into service'}
    """
    return pd.DataFrame(settings()["act"]).set_index("name")


def causes() -> pd.DataFrame:
    """Return what may be wrong: one row a cause, with what it 'shows'; 'nothing' is one of them.

    Examples
    --------
    >>> incidents.causes().loc["kilometres", "shows"]
    'distances arrive in kilometres'
    """
    return pd.DataFrame(settings()["kind"]).set_index("name")[["shows"]]


def check_cause(cause: str) -> None:
    """Refuse a `cause` that is not one of `causes`.

    Raises
    ------
    UsageError
        There is no such cause.
    """
    if cause not in causes().index:
        raise UsageError(f"there is no cause {cause!r}", fix=f"choose one of {', '.join(causes().index)}")


def rubric() -> pd.DataFrame:
    """Return what a post-mortem must have: one row a part, with what it 'asks' for.

    Examples
    --------
    >>> incidents.rubric().index.tolist()
    ['summary', 'timeline', 'impact', 'detection', 'cause', 'response', 'actions']
    """
    return pd.DataFrame(settings()["rubric"]).set_index("part")[["asks"]]
