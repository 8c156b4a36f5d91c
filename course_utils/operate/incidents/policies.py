"""Scripted players of the game day: what they look at, what they read there, and what they do.

Four policies are committed, and the tests hold the scoring to them. `clueless` does what the runbook names first, and
`no_look` what was best on average for the title of a page; both look at nothing. `careful` looks at all that the
runbook names, and then acts. `best` acts as soon as a look has told a cause, and goes on looking. Its order of looks
was chosen on seeds 0 to 99, and the score compares players with it. None of them knows more than a player can see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from course_utils.operate.incidents.catalog import NOTHING, cause, check_cause, runbook, settings, titles

__all__ = [
    "NO_LOOK",
    "READERS",
    "Policy",
    "Reader",
    "best",
    "careful",
    "clueless",
    "does_nothing",
    "no_look",
    "policy_from",
]

#: A scripted player: called with the game and each page, it looks and acts, and returns the cause or causes.
Policy = Callable[[Any, pd.Series], "str | Iterable[str] | None"]
#: A function from the table of a look to the causes that it tells.
Reader = Callable[[pd.DataFrame], Iterable[str]]

_MISSING = 2.0  # percent of requests that lack a source: what a look calls missing
_ARRIVED = 0.95  # share of outcomes: with fewer, labels are lost
_ABSENT = 50.0  # percent of last week's requests from an airport: below it, flights are absent
_WORSE = 0.04  # log-loss of the release in service above that of the release before
_BEYOND = 10.0  # points by which one airport is late beyond the others
_AGAINST = 20.0  # percent of labels that contradict the minutes
_SLOW_MS = 100.0
_CROWD = 3.0  # times its usual requests

#: For each page the act that earned most on seeds 0 to 99 without a look, and the cause to name with it.
NO_LOOK: Mapping[str, tuple[str, str]] = {
    "fewer": ("roll back", "nothing"),
    "more": ("block weather", "nothing"),
    "inputs": ("block weather", "nothing"),
    "outcomes": ("block labels", "bad release"),
    "slow": ("restart", "slow replica"),
}

#: For each page the looks of `careful`, in the runbook's order.
_ORDERS: Mapping[str, Sequence[str]] = {
    "fewer": ("inputs", "replay", "labels"),
    "more": ("inputs", "labels", "replay"),
    "inputs": ("inputs", "replay"),
    "outcomes": ("labels", "replay"),
    "slow": ("replicas",),
}

#: For each page the order of looks with which `best` saved most on seeds 0 to 99.
_BEST_ORDERS: Mapping[str, Sequence[str]] = {
    "fewer": ("replay", "inputs", "labels"),
    "more": ("labels", "inputs", "replay"),
    "inputs": ("replay", "inputs"),
    "outcomes": ("labels", "replay"),
    "slow": ("replicas",),
}


def _page_name(page: pd.Series) -> str:
    """Return the name of a `page`, as from `Game.wait`: the key of its title."""
    return str(titles().index[titles() == page["title"]][0])


def does_nothing(game: Any, page: pd.Series) -> str | None:
    """Do nothing in a `game`, whatever a `page` says, and call each page false."""
    return NOTHING


def clueless(game: Any, page: pd.Series) -> str | None:
    """Do what the runbook names first for a `page` of a `game`, without a look, and name a cause that this cures."""
    act = str(runbook().loc[page["title"], "first remedy"])
    game.do(act)
    fits = [e["name"] for e in settings()["cause"] if e["cure"] == act and _may_fire(e["name"], _page_name(page))]
    return fits[0]


def no_look(game: Any, page: pd.Series) -> str | None:
    """Do what earned most on average for the title of a `page` of a `game`, without a look."""
    act, name = NO_LOOK[_page_name(page)]
    if act:
        game.do(act)
    return name


def _may_fire(name: str, page: str) -> bool:
    """Return whether a cause may fire a page."""
    fires = cause(name)["pages"]
    return page in fires or (page in ("fewer", "more") and "answers" in fires)


# --------------------------------------------------------------------------- what looks tell


def _in_inputs(table: pd.DataFrame) -> list[str]:
    """Return what a look at inputs tells: whether the timetable is cut off. A replay tells the rest."""
    counts = table.iloc[:, 0].filter(like="requests from")
    return ["timetable cut off"] if (counts < _ABSENT).any() else []


def _in_replay(table: pd.DataFrame) -> list[str]:
    """Return what a replay tells: inputs that are missing, and on whose side, or a release that is worse."""
    now, before, again = (table.iloc[place] for place in range(3))
    found = []
    for column, lost, misread in (
        ("live delays missing [%]", "live feed lost", "live delays misread"),
        ("weather missing [%]", "weather feed lost", "weather misread"),
    ):
        if now[column] < _MISSING:
            continue
        if before[column] < now[column] / 2:
            found.append(misread)
        else:
            found.append("cache empty" if again[column] < now[column] / 2 else lost)
    loss = "log-loss, yesterday's flights"
    return [*found, "bad release"] if now[loss] - before[loss] > _WORSE else found


def _in_labels(table: pd.DataFrame) -> list[str]:
    """Return what the last file of labels tells: wrong or lost labels, or an airport that changed."""
    last = table.iloc[-1]
    if last["labels against minutes [%]"] > _AGAINST:
        return ["labels flipped"]
    if last["outcomes"] < _ARRIVED * last["flights"]:
        return ["labels lost"]
    beyond = last.filter(like="beyond expected").sort_values()
    return ["airport changed"] if beyond.iloc[-1] - beyond.iloc[1] > _BEYOND else []


def _in_replicas(table: pd.DataFrame) -> list[str]:
    """Return what a look at replicas tells: one that is slow, a client that sends too much, or a slow release."""
    medians = table["now"].filter(like="median")
    times = (table["now"] / table["usual"]).filter(like="requests a minute")
    found = ["slow replica"] if medians.max() > max(2 * medians.min(), _SLOW_MS) else []
    if times.max() > _CROWD:
        return [*found, "client retries"]
    return [*found, "slow release"] if medians.min() > _SLOW_MS else found


#: For each look what its table tells, as `policy_from` takes it.
READERS: Mapping[str, Reader] = {
    "inputs": _in_inputs,
    "replay": _in_replay,
    "labels": _in_labels,
    "replicas": _in_replicas,
}


def policy_from(
    readers: Mapping[str, Reader], orders: Mapping[str, Sequence[str]] = _ORDERS, *, early: bool = False
) -> Policy:
    """Return a policy that looks, has each table read, does what cures the causes, and names them.

    A cut timetable and a client with too many requests are looked up among the announcements, and dropped if one
    explains them.

    Parameters
    ----------
    readers : mapping of str to callable
        For each look by its second word, such as 'replay', a function that takes its table (DataFrame) and returns the
        causes that it tells, as a list; looks without a reader are left out.
    orders : mapping of str to sequence of str
        The looks for each page by the name of the page, in order; by default the runbook's.
    early : bool
        Whether to cure each cause as soon as a look tells it; by default after the last look.

    Examples
    --------
    >>> policy = incidents.policy_from({"replicas": lambda table: ["slow replica"]})
    >>> callable(policy)
    True
    """

    def policy(game: Any, page: pd.Series) -> list[str]:
        found: list[str] = []
        for look in orders[_page_name(page)]:
            told = [] if look not in readers else _unannounced(game, list(readers[look](game.do(f"look {look}"))))
            fresh = [name for name in told if name not in found]
            found += fresh
            for act in dict.fromkeys(_cure(name) for name in fresh if early):
                game.do(act)
        for act in dict.fromkeys(_cure(name) for name in found if not early):
            game.do(act)
        return found or [NOTHING]

    return policy


def _cure(name: str) -> str:
    check_cause(name)
    return str(cause(name)["cure"])


def _unannounced(game: Any, found: list[str]) -> list[str]:
    """Return the causes without those that an announcement explains, which is read only if there is such a cause."""
    doubtful = {"timetable cut off": "runway", "client retries": "load test"}
    if not set(found) & set(doubtful):
        return found
    notices = game.do("look upstream")
    on = " ".join(notices.loc[notices["is"] == "on", "announced"])
    return [name for name in found if doubtful.get(name, "\n") not in on]


def careful(game: Any, page: pd.Series) -> list[str]:
    """Look at all that may tell the cause of a `page` of a `game`, then cure what was found; return the causes."""
    return policy_from(READERS)(game, page)


def best(game: Any, page: pd.Series) -> list[str]:
    """Look at a `page` of a `game`, cure each cause as soon as a look tells it, and return the causes."""
    return policy_from(READERS, _BEST_ORDERS, early=True)(game, page)
