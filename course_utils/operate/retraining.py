"""When a model is fitted again, whether the new one may take over, and what a service does to its own labels.

`run_policy` runs a policy (`never_retrain`, `calendar_policy` so many weeks, `performance_policy`, `challenger_policy`) through the weeks of 2013 and adds up its
dollars, of which each release costs some. `Shadow` lets a challenger answer beside the champion, and hands what both
said to the gate of `promotion`. `simulate_feedback_log` is a service whose warnings change what it measures; `find_probing_clients` finds
clients that feel their way to the threshold.

The models of the weeks were fitted by ``benchmarks/retraining.py``; `weekly_values` and `retrain_on_own_log` read what came of
it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import dictionary, faults, features, splits
from course_utils.develop import promotion
from course_utils.errors import DataError, UsageError
from course_utils.model import metrics, money

if TYPE_CHECKING:
    from course_utils.model.training import Scorer

__all__ = [
    "CURED",
    "FIRST",
    "HOLD_OUT",
    "START",
    "WAYS",
    "WEEKS",
    "WORLDS",
    "Policy",
    "PolicyRun",
    "Shadow",
    "ageing_loss",
    "calendar_policy",
    "challenger_policy",
    "compare_policies",
    "compare_with_hold_out",
    "find_probing_clients",
    "never_retrain",
    "performance_policy",
    "release_cost",
    "release_costs",
    "retrain_on_own_log",
    "run_policy",
    "simulate_feedback_log",
    "simulate_queries",
    "weekly_values",
    "with_drifted_hub",
]

#: The Monday on which the first model of the table, fitted on January to March, could serve.
START = "2013-04-01"
#: Whole weeks of 2013 from `START` on.
WEEKS = 39
#: The week in which the service of the lesson is live for the first time from Monday to Sunday: 3 June.
FIRST = 9
#: What the year was like, and from which week on it is another than it was; None: all as it was.
WORLDS: dict[str, int | None] = {"as it was": None, "a hub changes": 18}
#: Share of the flights that are never warned, so that one still sees what happens without a warning.
HOLD_OUT = 0.05
#: Share of the warned delays that do not happen: simulated.
CURED = 0.5
#: Ways to learn when warnings change what they warn of: without that (nobody can), from the log as it is, and with a
#: hold-out that stands for the warned.
WAYS = ("no feedback", "the log", "hold-out")

_HUB = "EWR"
_MORE = 0.15  # of the hub's flights leave late that did not

#: From what is known on a Sunday evening (see `run_policy`) to whether the challenger takes over on Monday.
Policy = Callable[[pd.DataFrame], bool]


# --------------------------------------------------------------------------- the weeks, and what they cost


def weekly_values(world: str = "as it was") -> pd.DataFrame:
    """Return what each week of 2013 was worth under each model that could have served in it.

    Parameters
    ----------
    world : {'as it was', 'a hub changes'}
        In the second, 15 in 100 more of Newark's flights are late from 5 August on: see `with_drifted_hub`.

    Returns
    -------
    DataFrame, one row a model and week
        'trained' (the week before which the model was fitted, counted from `START`), 'week', 'flights', 'log_loss',
        'gap' (mean score less share late) and 'dollars' (of all flights of the week, the deck's payoff at $100).

    Raises
    ------
    UsageError
        There is no such world.
    """
    if world not in WORLDS:
        raise UsageError(f"there is no world {world!r}", fix=f"choose one of {', '.join(map(repr, WORLDS))}")
    table = tables.benchmark("retraining_weeks")
    since = WORLDS[world]
    if since is None:
        found = table[table["world"] == world]
    else:  # until then it was the same world
        before = (table["world"] == "as it was") & (table["week"] < since)
        found = table[before | (table["world"] == world)]
    return found.drop(columns="world").sort_values(["week", "trained"], ignore_index=True)


def release_costs() -> pd.DataFrame:
    """Return what it takes to release a model once: what, hours, dollars an hour or a time, and why."""
    parts = tables.read_toml("retraining.toml")["cost"]
    frame = pd.DataFrame(parts).fillna({"hours": 0})
    frame["dollars"] = frame["each"] * frame["hours"].where(frame["hours"] > 0, 1)
    return frame.set_index("what")[["hours", "each", "dollars", "why"]]


def release_cost() -> float:
    """Return the dollars that a release costs: the sum of `release_costs`."""
    return float(release_costs()["dollars"].sum())


def ageing_loss(world: str = "as it was", first: int = FIRST) -> pd.DataFrame:
    """Say what a model loses as it ages, against one that was fitted on the Monday of the same week.

    Parameters
    ----------
    world : str
        See `weekly_values`.
    first : int
        The first week that counts.

    Returns
    -------
    DataFrame, index 'age' in weeks
        'dollars' and 'log_loss' that it is worse by (dollars per 1,000 flights), over all weeks that have a model of
        that age, and 'weeks', how many those are.
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


# --------------------------------------------------------------------------- policies


def never_retrain(seen: pd.DataFrame) -> bool:
    """Keep the first model whatever is `seen`."""
    return False


def calendar_policy(weeks: int) -> Policy:
    """Return the policy of a calendar.

    Parameters
    ----------
    weeks : int
        Weeks that a model serves, 1 or more.

    Raises
    ------
    UsageError
        It is not 1 or more.
    """
    if weeks < 1:
        raise UsageError(f"every {weeks} weeks is no calendar", fix="give 1 week or more")
    return lambda seen: len(seen) % weeks == 0


def performance_policy(signal: str = "log_loss", limit: float = 0.03, window: int = 4) -> Policy:
    """Return a policy that waits until the model in service looks worse than in its first weeks.

    Parameters
    ----------
    signal : {'log_loss', 'gap'}
        What is watched: its mean over the last weeks less that of the model's first weeks; of 'gap', the size alone.
    limit : float
        By how much it has to be worse.
    window : int
        Weeks in either mean.

    Raises
    ------
    UsageError
        There is no such signal.
    """
    if signal not in ("log_loss", "gap"):
        raise UsageError(f"{signal!r} is not watched", fix="choose 'log_loss' or 'gap'")

    def policy(seen: pd.DataFrame) -> bool:
        own = seen.loc[seen["trained"] == seen["trained"].iloc[-1], signal]
        if len(own) < 2 * window:
            return False
        then, now = own.iloc[:window].mean(), own.iloc[-window:].mean()
        return bool(abs(now) - abs(then) > limit if signal == "gap" else now - then > limit)

    return policy


def challenger_policy(gain: float, window: int = 4) -> Policy:
    """Return a policy that lets a model of this week answer in the shadow, and releases it once that pays.

    Parameters
    ----------
    gain : float
        Dollars that challengers must have earned over the champion in the last weeks, such as the cost of a release.
    window : int
        Weeks that are added up; none before the champion took over.
    """

    def policy(seen: pd.DataFrame) -> bool:
        own = seen[seen["trained"] == seen["trained"].iloc[-1]]
        return bool(own["missed"].iloc[-window:].sum() > gain)

    return policy


@dataclass(frozen=True)
class PolicyRun:
    """What came of a policy.

    Attributes
    ----------
    weeks : DataFrame, one row a week
        What `run_policy` shows to the policy, with 'released', whether it let the challenger take over after that week.
    cost : float
        Dollars a release.
    """

    weeks: pd.DataFrame
    cost: float

    @property
    def releases(self) -> int:
        """How often the model was replaced."""
        return int(self.weeks["released"].sum())

    @property
    def net(self) -> float:
        """Dollars earned, less what the releases cost."""
        return float(self.weeks["dollars"].sum() - self.cost * self.releases)

    def __repr__(self) -> str:
        return f"{self.releases} releases, ${self.net:,.0f} net"


def run_policy(
    policy: Policy, *, world: str = "as it was", cost: float | None = None, first: int = FIRST, last: int = WEEKS - 1
) -> PolicyRun:
    """Run a policy through the year, week by week, with what it could know each Sunday evening.

    A model that is released on a Monday was fitted the Monday before, and answered in the shadow for a week.

    Parameters
    ----------
    policy : callable
        From the weeks so far (DataFrame, one row a week: 'week', 'trained' and 'age' of the champion, 'flights', its
        'log_loss', 'gap' and 'dollars', and 'missed', the dollars that the challenger in the shadow would have earned
        more) to whether the challenger takes over.
    world : str
        See `weekly_values`.
    cost : float, optional
        Dollars a release; default `release_cost`.
    first, last : int
        Weeks from `START`; the first champion is fitted before `first`.

    Raises
    ------
    UsageError
        The weeks are none of the table's, or the policy says neither yes nor no.
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
            raise UsageError(f"the policy said {decided!r}", fix="return True or False")
        rows[-1]["released"] = bool(decided)
        if decided:
            trained = week
    frame = pd.DataFrame(rows)
    frame.insert(0, "monday", pd.Timestamp(START) + pd.to_timedelta(7 * frame["week"], unit="D"))
    return PolicyRun(frame, _cost(cost))


def _cost(dollars: float | None) -> float:
    return release_cost() if dollars is None else float(dollars)


def compare_policies(
    policies: dict[str, Policy], *, world: str = "as it was", cost: float | None = None, against: str | None = None
) -> pd.DataFrame:
    """Run several policies, and say what each nets over another, with the uncertainty that weeks bring.

    Parameters
    ----------
    policies : mapping of str to callable
        See `run_policy`.
    world, cost
        See `run_policy`.
    against : str, optional
        Of the policies, the one to compare with; default the first.

    Returns
    -------
    DataFrame, one row a policy
        'releases', 'net' (dollars), 'over' (dollars more than the one to compare with) and 'low' and 'high' (95%, pairs
        of weeks drawn; releases cost what they cost).
    """
    played = {name: run_policy(policy, world=world, cost=cost) for name, policy in policies.items()}
    base = played[against or next(iter(played))]
    rows = {}
    for name, one in played.items():
        gain = (one.weeks["dollars"] - base.weeks["dollars"]).to_numpy(dtype=float)
        fees = one.cost * (one.releases - base.releases)
        # Per 1,000 of something, which here are weeks.
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


# --------------------------------------------------------------------------- a challenger in the shadow


class Shadow:
    """Answer with the champion; let a challenger answer too, where nobody reads it, and keep what both said.

    Parameters
    ----------
    champion, challenger : Scorer
        Whatever the challenger does, callers get the champion's answers.

    Attributes
    ----------
    failed : int
        Rows that the challenger could not answer.
    """

    def __init__(self, champion: Scorer, challenger: Scorer) -> None:
        self.champion, self.challenger, self.failed = champion, challenger, 0
        self._log: list[pd.DataFrame] = []
        self._one: pd.DataFrame | None = None

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the champion's probabilities, float32, shape (rows,).

        Parameters
        ----------
        rows : DataFrame
            Inputs, one row a flight, labels kept.
        """
        answer = self.champion.score(rows)
        try:
            other = np.asarray(self.challenger.score(rows), dtype=np.float32)
        except Exception:  # a fault of the challenger is no fault of the service, whatever it is
            self.failed += len(rows)
            other = np.full(len(rows), np.nan, dtype=np.float32)
        self._log.append(pd.DataFrame({"champion": answer, "challenger": other}, index=rows.index))
        self._one = rows.head(1) if len(rows) else self._one
        return answer

    @property
    def log(self) -> pd.DataFrame:
        """What both said: 'champion' and 'challenger', by row label; the last word where a flight was asked twice."""
        if not self._log:
            return pd.DataFrame(columns=["champion", "challenger"], dtype=float)
        log = pd.concat(self._log)
        return log[~log.index.duplicated(keep="last")]

    def evidence(self, flights: pd.DataFrame, chosen_by: pd.DataFrame, inputs: pd.DataFrame) -> pd.DataFrame:
        """Return what `promotion.promotion_gate` asks about both.

        Parameters
        ----------
        flights : DataFrame
            Flights that were asked about, with their outcomes; those without a label do not count.
        chosen_by : DataFrame
            Flights that the challenger was chosen by, with their outcomes.
        inputs : DataFrame
            Inputs of these, by row label.

        Returns
        -------
        DataFrame, rows 'champion' and 'challenger'
            The columns of `promotion.EVIDENCE` and 'worst_carrier'. What was not measured is NaN, and does not pass.

        Raises
        ------
        DataError
            None of the flights was asked about, or has a label.
        """
        log = self.log
        judged = flights[flights.index.isin(log.index) & features.label(flights).notna()]
        before = chosen_by[features.label(chosen_by).notna()]
        if judged.empty or before.empty:
            raise DataError("no flight has both an answer and a label", fix="let the shadow answer for some days")
        late, said = features.label(judged).to_numpy(), log.loc[judged.index]
        whole = not self.failed
        losses = {name: metrics.log_losses(late, said[name]) if whole or name == "champion" else None for name in said}
        scorers = {"champion": self.champion, "challenger": self.challenger}
        worst, harm = ("", np.nan)
        if whole:
            change = pd.Series(losses["challenger"] - losses["champion"])
            by = change.groupby(judged["UniqueCarrier"].astype(str).to_numpy()).agg(["mean", "size"])
            mean = by.loc[by["size"] >= promotion.promotion_policy()["carrier_flights"], "mean"]
            worst, harm = (str(mean.idxmax()), float(mean.max())) if len(mean) else ("", np.nan)
        rows = {}
        seconds = {name: _quickest(scorer, self._one) for name, scorer in scorers.items()} if whole else {}
        for name, scorer in scorers.items():
            p = scorer.score(inputs.loc[before.index]) if losses[name] is not None else None
            rows[name] = {
                "validation_loss": metrics.log_loss(features.label(before), p) if p is not None else np.nan,
                "out_of_time_loss": float(losses[name].mean()) if losses[name] is not None else np.nan,
                "known_hours": _known_hours(scorer.encoder.columns),
                "carrier_harm": harm if name == "challenger" else 0.0,
                "worst_carrier": worst if name == "challenger" else "",
                "time_ratio": seconds[name] / seconds["champion"] if seconds else np.nan,
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def _quickest(scorer: Scorer, row: pd.DataFrame, times: int = 20) -> float:
    """Return how long a model takes for one flight: the quickest of many, since others work too."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        scorer.score(row)
        best = min(best, time.perf_counter() - start)
    return best


def _known_hours(columns: Sequence[str]) -> float:
    """Return how many hours before departure the last of some inputs is known: raw ones by the dictionary."""
    known = dictionary.load()["known_hours_before"]
    derived = {name for names in features.groups().values() for name in names} - set(known.index)
    horizon = tables.read_toml("constants.toml")["horizon_hours"]  # that of `features.as_of`
    return float(min(horizon if name in derived else known.get(name, -1) for name in columns))


# --------------------------------------------------------------------------- feedback


def with_drifted_hub(flights: pd.DataFrame, *, week: int = 18, seed: int = 0) -> pd.DataFrame:
    """Let one hub be late more often from some week on: the same schedule, another world.

    Parameters
    ----------
    flights : DataFrame
    week : int
        Weeks after `START`.
    seed : int
        Same seed, same flights.

    Returns
    -------
    DataFrame
        New rows; of the hub's flights 15 in 100 more leave 15 to 75 minutes late, and arrive as much later.
    """
    since = np.datetime64(START) + 7 * week
    days = splits.day(flights).to_numpy("datetime64[D]")
    late = features.label(flights)
    concerned = (flights["Origin"].astype(object) == _HUB).to_numpy() & (days >= since)
    on_time = concerned & late.eq(0).to_numpy()
    rng = np.random.default_rng(seed)
    moved = on_time & (rng.random(len(flights)) < _MORE / (1 - late[concerned].mean()))
    delay = flights["DepDelay"].where(~moved, rng.integers(15, 76, size=len(flights)))
    new = flights.assign(
        DepDelay=delay,
        ArrDelay=flights["ArrDelay"] + (delay - flights["DepDelay"]).fillna(0),
        IsDepDelayed=flights["IsDepDelayed"].where(~moved, "YES"),
    )
    new.attrs = dict(flights.attrs)
    return new


def simulate_feedback_log(
    flights: pd.DataFrame,
    probability: Any,
    *,
    cured: float = CURED,
    hold_out: float = HOLD_OUT,
    warn_from: float | None = None,
    seed: int = 0,
) -> faults.Delivery:
    """Simulate what a service logs whose warnings work: a share of the warned delays does not happen.

    Parameters
    ----------
    flights : DataFrame
        Those that did not leave are left out.
    probability : array of float, shape (flights,)
        What the model said.
    cured : float
        Share of the warned delays that do not happen.
    hold_out : float
        Share of the flights that are never warned, drawn by lot.
    warn_from : float, optional
        Warned from this probability on; default where the deck's payoff breaks even.
    seed : int
        Same seed, same flights.

    Returns
    -------
    Delivery
        Rows with the outcomes that the log has, and the log itself; `pitfalls.feedback` reads it.

    Raises
    ------
    UsageError
        A share is not between 0 and 1.
    """
    for name, share in (("cured", cured), ("hold_out", hold_out)):
        if not 0 <= share < 1:
            raise UsageError(f"{name}={share!r} is no share", fix=f"give {name} as 0 or more and less than 1")
    warn_from = money.break_even(money.payoff("deck_100")) if warn_from is None else warn_from
    left = flights["DepDelay"].notna().to_numpy()
    p = np.asarray(probability, dtype=float)[left]
    rng = np.random.default_rng(seed)
    out = rng.random(len(p)) < hold_out
    rows = flights[left].assign(probability=p, warned=(p >= warn_from) & ~out, held_out=out)
    if cured:
        rows, _ = faults.plant("feedback", rows, rng, cured)
    log = rows[list(faults.LOG_COLUMNS)]
    return faults.Delivery(rows.drop(columns=list(faults.LOG_COLUMNS)), tuple(features.schedule(flights)), log)


def compare_with_hold_out(delivery: faults.Delivery, truth: pd.DataFrame | None = None) -> pd.DataFrame:
    """Compare flights that were warned with those like them that were left out by lot.

    Parameters
    ----------
    delivery : Delivery
        From `simulate_feedback_log`.
    truth : DataFrame, optional
        The flights as they would have been without warnings, which only a simulation has.

    Returns
    -------
    DataFrame, rows 'warned' and 'left out by lot'
        'flights', 'mean score' and 'share late' in the log; with `truth` also 'late without warnings'.
    """
    log, late = delivery.log, features.label(delivery.rows)
    level = log.loc[log["warned"], "probability"].min()
    parts = {"warned": log["warned"], "left out by lot": log["held_out"] & (log["probability"] >= level)}
    rows = {
        name: {
            "flights": int(part.sum()),
            "mean score": log.loc[part, "probability"].mean(),
            "share late": late[part].mean(),
        }
        | ({} if truth is None else {"late without warnings": features.label(truth).loc[log.index[part]].mean()})
        for name, part in parts.items()
    }
    return pd.DataFrame(rows).T.astype({"flights": int}).round(3)


def retrain_on_own_log() -> pd.DataFrame:
    """Return what a model sees that learns anew each month from a log of its own warnings.

    Returns
    -------
    DataFrame, one row a way of `WAYS` and month
        'way', 'month', 'share late' (had nobody been warned), 'logged late', 'mean score', 'warned' and 'found' (the
        share of the flights late without warnings that it would warn).
    """
    return tables.benchmark("retraining_feedback")


# --------------------------------------------------------------------------- somebody feels the way


def simulate_queries(
    rows: pd.DataFrame, scorer: Scorer, *, clients: int = 20, accounts: int = 1, flights: int = 12, seed: int = 0
) -> pd.DataFrame:
    """Simulate a day of questions: honest clients ask about flights, and one feels its way to the threshold.

    The prober picks the flights that are warned most narrowly, and moves the departure that it sends, by five minutes
    at a time up to an hour either way, until the warning goes.

    Parameters
    ----------
    rows : DataFrame
        Inputs of the flights that honest clients ask about, one in five of them twice.
    scorer : Scorer
    clients : int
        Honest ones.
    accounts : int
        That the prober spreads its questions over; 0: there is none.
    flights : int
        That it tries.
    seed : int
        Same seed, same day.

    Returns
    -------
    DataFrame, one row a question, in the order in which they came
        'client', the inputs, 'probability' and 'warned'.
    """
    rng = np.random.default_rng(seed)
    honest = rows.assign(client=[f"client {n:02d}" for n in rng.integers(1, clients + 1, len(rows))])
    again = honest.iloc[np.sort(rng.choice(len(rows), len(rows) // 5, replace=False))]
    parts = [honest, again]
    if accounts:
        probability = pd.Series(scorer.score(rows), index=rows.index)
        narrowly = probability[probability >= _threshold()].nsmallest(flights)
        tried = pd.concat([_probe(rows.loc[[label]], scorer) for label in narrowly.index])
        parts.append(tried.assign(client=[f"client {clients + 1 + n % accounts:02d}" for n in range(len(tried))]))
    log = pd.concat(parts)
    log = log.iloc[rng.permutation(len(log))].reset_index(drop=True)
    log.insert(0, "client", log.pop("client"))
    log["probability"] = scorer.score(log)
    log["warned"] = log["probability"] >= _threshold()
    return log


def _threshold() -> float:
    return money.break_even(money.payoff("deck_100"))


def _probe(row: pd.DataFrame, scorer: Scorer) -> pd.DataFrame:
    """Return the rows with which somebody looks for a departure time at which a flight's warning goes."""
    clock = int(row["CRSDepTime"].iloc[0])
    moves = [0, *(sign * minutes for minutes in range(5, 65, 5) for sign in (-1, 1))]
    times = [(clock // 100 * 60 + clock % 100 + move) % (24 * 60) for move in moves]
    tried = pd.concat([row.assign(CRSDepTime=minute // 60 * 100 + minute % 60) for minute in times])
    gone = scorer.score(tried) < _threshold()
    return tried.iloc[: gone.argmax() + 1] if gone.any() else tried


def find_probing_clients(log: pd.DataFrame, *, limit: int = 5, by: str | None = "client") -> pd.DataFrame:
    """Find who asks the same question again and again with one value changed.

    Parameters
    ----------
    log : DataFrame
        From `simulate_queries`: inputs, 'probability' and 'warned' of each question, and who asked.
    limit : int
        From so many variants of one question on somebody is named.
    by : str, optional
        The column that says who asked; None looks at all questions as one, for somebody who has many accounts.

    Returns
    -------
    DataFrame, one row a client, most variants first
        'questions', 'variants' (most values of one input with all others the same), 'column' (that input; empty where
        there is one variant), 'near' (share of questions within .02 of the threshold) and 'named'.

    Raises
    ------
    DataError
        The log does not say who asked.
    """
    if by is not None and by not in log.columns:
        raise DataError("the log does not say who asked", column=by, fix="log the client with each question")
    names = [name for name in log.columns if name not in ("client", "probability", "warned", by)]
    who = log[by] if by is not None else pd.Series("everybody", index=log.index, name="client")
    # The sum of its cells' hashes names a row; less one cell, it names all rows that differ in that cell at most.
    cells = {
        name: pd.util.hash_array(pd.factorize(log[name].astype(object).where(log[name].notna(), None))[0] + 1)
        * np.uint64(2 * place + 1)
        for place, name in enumerate(names)
    }
    with np.errstate(over="ignore"):
        whole = np.sum(list(cells.values()), axis=0, dtype=np.uint64)
        counts = {
            name: pd.DataFrame({"who": who, "rest": whole - cell, "cell": cell})
            .groupby(["who", "rest"])["cell"]
            .nunique()
            .groupby("who")
            .max()
            for name, cell in cells.items()
        }
    table = pd.DataFrame(counts)
    near = (log["probability"] - _threshold()).abs() <= 0.02
    found = pd.DataFrame(
        {
            "questions": who.value_counts().sort_index(),
            "variants": table.max(axis=1),
            "column": table.idxmax(axis=1).where(table.max(axis=1) > 1, ""),
            "near": near.groupby(who).mean().round(2),
        }
    ).rename_axis("client")
    found["named"] = found["variants"] >= limit
    return found.sort_values(["variants", "questions"], ascending=False, kind="stable")
