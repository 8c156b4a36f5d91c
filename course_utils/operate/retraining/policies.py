"""When to retrain: policies that decide each week, and what each earns over the year.

`run_policy` runs a policy through the weeks of 2013 and adds up its dollars, less the cost of each release.
`compare_policies` compares several. The weekly models were fitted by benchmarks/retraining.py; `weekly_values` reads
what they earned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.errors import UsageError
from course_utils.model import money
from course_utils.wording import counted

__all__ = [
    "FIRST",
    "START",
    "WEEKS",
    "WORLDS",
    "Policy",
    "PolicyRun",
    "ageing_loss",
    "calendar_policy",
    "challenger_policy",
    "compare_policies",
    "never_retrain",
    "performance_policy",
    "release_cost",
    "release_costs",
    "run_policy",
    "weekly_values",
]

#: The Monday from which weeks are counted: the first model was fitted on January to March.
START = "2013-04-01"
#: Whole weeks of 2013 from `START` on.
WEEKS = 39
#: The first whole week in which the service is live, counted from `START`: that of 3 June.
FIRST = 9
#: The years that can be replayed, and the week from which each differs from the real one; None if it never does.
WORLDS: dict[str, int | None] = {"as it was": None, "a hub changes": 18}
#: Takes what is known on a Sunday evening (see `run_policy`), and returns whether the challenger takes over on Monday.
Policy = Callable[[pd.DataFrame], bool]


def weekly_values(world: str = "as it was") -> pd.DataFrame:
    """Return what each week of 2013 earned with each model that could have served in it.

    Parameters
    ----------
    world : {'as it was', 'a hub changes'}
        The year: the real one, or one in which 15 percentage points more of Newark's flights are late from 5 August on
        (see `with_drifted_hub`).

    Returns
    -------
    DataFrame, one row a model and week
        'trained' (the week before which the model was fitted, counted from `START`), 'week', 'flights', 'log_loss',
        'gap' (mean score minus share late) and 'dollars' (of all flights of the week, by the deck's payoff).

    Raises
    ------
    UsageError
        There is no such year.

    Examples
    --------
    >>> weeks = retraining.weekly_values()
    >>> weeks.query("trained == 0 and week == 9")[["flights", "log_loss"]].round(3).to_dict("records")
    [{'flights': 6451, 'log_loss': 0.452}]
    """
    if world not in WORLDS:
        raise UsageError(f"there is no world {world!r}", fix=f"choose one of {', '.join(map(repr, WORLDS))}")
    table = tables.benchmark("retraining_weeks")
    since = WORLDS[world]
    if since is None:
        found = table[table["world"] == world]
    else:  # the table stores only the weeks that differ
        before = (table["world"] == "as it was") & (table["week"] < since)
        found = table[before | (table["world"] == world)]
    return found.drop(columns="world").sort_values(["week", "trained"], ignore_index=True)


def release_costs() -> pd.DataFrame:
    """Return what one release of a model costs: one row a part, with 'hours', 'each' (dollars), 'dollars' and 'why'.

    Examples
    --------
    >>> retraining.release_costs()["dollars"].tolist()
    [20, 800, 600, 1000]
    """
    parts = tables.read_toml("retraining.toml")["cost"]
    frame = pd.DataFrame(parts).fillna({"hours": 0})
    frame["dollars"] = frame["each"] * frame["hours"].where(frame["hours"] > 0, 1)
    frame["dollars"] = frame["dollars"].astype("int64")
    return frame.set_index("what")[["hours", "each", "dollars", "why"]]


def release_cost() -> float:
    """Return the dollars that a release costs: the sum of `release_costs`.

    Examples
    --------
    >>> retraining.release_cost()
    2420.0
    """
    return float(release_costs()["dollars"].sum())


def ageing_loss(world: str = "as it was", first: int = FIRST) -> pd.DataFrame:
    """Return how much worse a model is at each age than one that was fitted in the same week.

    Parameters
    ----------
    world : str
        As for `weekly_values`.
    first : int
        The first week that counts, from 0; by default the first whole week of the live service.

    Returns
    -------
    DataFrame, index 'age' in weeks
        'dollars' (lost per 1,000 flights) and 'log_loss' (added), over all weeks that have a model of that age, and
        'weeks', the number of these weeks.

    Examples
    --------
    >>> retraining.ageing_loss().loc[[0, 8], "dollars"].round().to_dict()
    {0: 0.0, 8: 1163.0}
    """
    table = weekly_values(world)
    table = table[table["week"] >= first]
    fresh = table[table["trained"] == table["week"]].set_index("week")
    both = table.join(fresh[["log_loss", "dollars"]], on="week", rsuffix="_fresh")
    both["age"] = both["week"] - both["trained"]
    both["lost"] = both["dollars_fresh"] - both["dollars"]
    both["worse"] = (both["log_loss"] - both["log_loss_fresh"]) * both["flights"]
    sums = both.groupby("age")[["lost", "worse", "flights"]].sum()
    return pd.DataFrame(
        {
            "dollars": money.PER * sums["lost"] / sums["flights"],
            "log_loss": sums["worse"] / sums["flights"],
            "weeks": both.groupby("age")["week"].size(),
        }
    )


def never_retrain(seen: pd.DataFrame) -> bool:
    """Return False for any `seen` weeks: the policy that keeps the first model."""
    return False


def calendar_policy(weeks: int) -> Policy:
    """Return a policy that releases a new model at fixed intervals.

    Parameters
    ----------
    weeks : int
        How many weeks each model serves, 1 or more.

    Raises
    ------
    UsageError
        `weeks` is less than 1.

    Examples
    --------
    >>> retraining.run_policy(retraining.calendar_policy(13)).releases
    2
    """
    if weeks < 1:
        raise UsageError(f"a model cannot serve {counted(weeks, 'week')}", fix="give weeks as 1 or more")
    return lambda seen: len(seen) % weeks == 0


def performance_policy(signal: str = "log_loss", limit: float = 0.03, window: int = 4) -> Policy:
    """Return a policy that releases a new model when the one in service has become worse.

    Parameters
    ----------
    signal : {'log_loss', 'gap'}
        What is compared: its mean over the last weeks with its mean over the model's first weeks. For 'gap', the
        absolute means are compared.
    limit : float
        How much worse it has to be, in the signal's unit.
    window : int
        How many weeks each of the two means has, 1 or more.

    Raises
    ------
    UsageError
        There is no such signal.

    Examples
    --------
    >>> retraining.run_policy(retraining.performance_policy("log_loss", limit=0.03)).releases
    2
    """
    if signal not in ("log_loss", "gap"):
        raise UsageError(f"there is no signal {signal!r}", fix="choose 'log_loss' or 'gap'")

    def policy(seen: pd.DataFrame) -> bool:
        own = seen.loc[seen["trained"] == seen["trained"].iloc[-1], signal]
        if len(own) < 2 * window:  # the first and the last weeks would overlap
            return False
        first, last = own.iloc[:window].mean(), own.iloc[-window:].mean()
        return bool(abs(last) - abs(first) > limit if signal == "gap" else last - first > limit)

    return policy


def challenger_policy(gain: float, window: int = 4) -> Policy:
    """Return a policy that releases a challenger once it would have earned more than a limit.

    Each week a new challenger answers in the shadow of the champion.

    Parameters
    ----------
    gain : float
        The dollars that challengers must have earned more than the champion in the last weeks; for example, the cost of
        a release.
    window : int
        How many weeks are added up, 1 or more; weeks before the champion took over do not count.

    Examples
    --------
    >>> policy = retraining.challenger_policy(gain=retraining.release_cost())
    >>> retraining.run_policy(policy).releases
    11
    """

    def policy(seen: pd.DataFrame) -> bool:
        own = seen[seen["trained"] == seen["trained"].iloc[-1]]
        return bool(own["missed"].iloc[-window:].sum() > gain)

    return policy


@dataclass(frozen=True)
class PolicyRun:
    """The results of a policy. Made by `run_policy`.

    Attributes
    ----------
    weeks : DataFrame, one row a week
        What `run_policy` shows to the policy, and 'released': whether the challenger took over after that week.
    cost : float
        The dollars that a release costs.
    policy : callable
        The policy, with which `run_policy` gives the same weeks again.
    world : str
        The year in which it was run.
    """

    weeks: pd.DataFrame
    cost: float
    policy: Policy
    world: str

    @property
    def releases(self) -> int:
        """How often the model was replaced."""
        return int(self.weeks["released"].sum())

    @property
    def net(self) -> float:
        """The dollars earned, minus the cost of the releases."""
        return float(self.weeks["dollars"].sum() - self.cost * self.releases)

    def __repr__(self) -> str:
        return f"{counted(self.releases, 'release')}, ${self.net:,.0f} net"


def run_policy(
    policy: Policy, *, world: str = "as it was", cost: float | None = None, first: int = FIRST, last: int = WEEKS - 1
) -> PolicyRun:
    """Run a policy through the year, week by week, with what it could know each Sunday evening.

    A model that is released on a Monday was fitted on the Monday before, and answered in the shadow for a week.

    Parameters
    ----------
    policy : callable
        Takes the weeks so far (DataFrame, one row a week: 'week', 'trained' and 'age' of the champion, 'flights', its
        'log_loss', 'gap' and 'dollars', and 'missed', the dollars that the challenger would have earned more) and
        returns whether the challenger takes over.
    world : str
        As for `weekly_values`.
    cost : float, optional
        The dollars that a release costs; by default `release_cost`.
    first, last : int
        The first and the last week, counted from `START`; the first champion is fitted just before `first`.

    Raises
    ------
    UsageError
        The table does not have these weeks, or the policy does not return True or False.

    See Also
    --------
    compare_policies : Several policies side by side, with their uncertainty.

    Examples
    --------
    >>> retraining.run_policy(retraining.never_retrain)
    0 releases, $2,422,800 net
    """
    if not 0 <= first <= last < WEEKS:
        raise UsageError(f"weeks {first} to {last} are not in the table", fix=f"choose from 0 to {WEEKS - 1}")
    table = weekly_values(world).set_index(["trained", "week"])
    trained, rows = first, []
    for week in range(first, last + 1):
        champion, fresh = table.loc[(trained, week)], table.loc[(week, week)]
        rows.append(
            {"week": week, "trained": trained, "age": week - trained}
            | champion.to_dict()
            | {"missed": fresh["dollars"] - champion["dollars"]}
        )
        seen = pd.DataFrame(rows)
        decided = policy(seen) if week < last else False
        if not isinstance(decided, bool | np.bool_):
            raise UsageError(f"the policy returned {decided!r} for week {week}", fix="return True or False")
        rows[-1]["released"] = bool(decided)
        if decided:
            trained = week
    frame = pd.DataFrame(rows)
    frame.insert(0, "monday", pd.Timestamp(START) + pd.to_timedelta(7 * frame["week"], unit="D"))
    return PolicyRun(frame, _cost(cost), policy, world)


def _cost(dollars: float | None) -> float:
    return release_cost() if dollars is None else float(dollars)


def compare_policies(
    policies: dict[str, Policy], *, world: str = "as it was", cost: float | None = None, against: str | None = None
) -> pd.DataFrame:
    """Run several policies, and compare the dollars that each nets, with confidence intervals.

    Parameters
    ----------
    policies : dict of str to callable
        The policies by their names, each as for `run_policy`.
    world, cost
        As for `run_policy`.
    against : str, optional
        The name of the policy to compare with; by default the first one.

    Returns
    -------
    DataFrame of int, one row a policy
        'releases', 'net' (dollars), 'over' (dollars more than the policy to compare with), and 'low' and 'high', the
        95% confidence interval of 'over' by a bootstrap of pairs of weeks.

    Examples
    --------
    >>> policies = {"never": retraining.never_retrain, "every 13 weeks": retraining.calendar_policy(13)}
    >>> retraining.compare_policies(policies)[["releases", "over"]].T.to_dict()["every 13 weeks"]
    {'releases': 2, 'over': 202760}
    """
    runs = {name: run_policy(policy, world=world, cost=cost) for name, policy in policies.items()}
    base = runs[against or next(iter(runs))]
    rows = {}
    for name, one in runs.items():
        gain = (one.weeks["dollars"] - base.weeks["dollars"]).to_numpy(dtype=float)
        fees = one.cost * (one.releases - base.releases)
        # Neighbouring weeks are alike, so pairs of them are drawn. bootstrap gives dollars per 1,000 units, here weeks.
        drawn = money.bootstrap(gain, np.arange(len(gain)) // 2) if gain.any() else None
        scale = len(gain) / money.PER
        rows[name] = {
            "releases": one.releases,
            "net": round(one.net),
            "over": round(one.net - base.net),
            "low": round(drawn.low * scale - fees) if drawn else round(-fees),
            "high": round(drawn.high * scale - fees) if drawn else round(-fees),
        }
    return pd.DataFrame(rows).T.rename_axis("policy").astype(int)
