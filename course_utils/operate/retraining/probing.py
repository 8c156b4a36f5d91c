"""Clients that probe for the decision threshold, and how to find them.

`simulate_queries` simulates a day of queries with one such client; `find_probing_clients` finds clients that send the
same query many times with one value changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from course_utils.errors import DataError
from course_utils.model import money

if TYPE_CHECKING:
    from course_utils.model.training import Scorer

__all__ = ["find_probing_clients", "simulate_queries"]


def simulate_queries(
    rows: pd.DataFrame, scorer: Scorer, *, clients: int = 20, accounts: int = 1, flights: int = 12, seed: int = 0
) -> pd.DataFrame:
    """Simulate a day of queries from honest clients and from one client that probes for the decision threshold.

    The probing client picks flights whose score is just above the threshold. It changes the departure time that it
    sends by five minutes at a time, up to an hour either way, until the warning disappears.

    Parameters
    ----------
    rows : DataFrame
        The inputs of the flights that honest clients ask about; every fifth of them is asked twice.
    scorer : Scorer
        The model that answers, with a method ``score(rows)``.
    clients : int
        How many honest clients there are, 1 or more.
    accounts : int
        How many accounts the probing client uses in turn; with 0 there is no such client.
    flights : int
        How many flights the probing client tries.
    seed : int
        Seed of the draws; the same seed gives the same day.

    Returns
    -------
    DataFrame, one row a query, in the order in which they arrive
        'client', the inputs, 'probability' and 'warned'.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> scorer = SimpleNamespace(score=lambda rows: rows["CRSDepTime"].to_numpy() / 2400)
    >>> log = retraining.simulate_queries(flights[["CRSDepTime", "Distance"]].head(500), scorer, flights=2)
    >>> print(log["client"].nunique(), "clients,", len(log), "queries")
    21 clients, 604 queries
    """
    rng = np.random.default_rng(seed)
    honest = rows.assign(client=[f"client {n:02d}" for n in rng.integers(1, clients + 1, len(rows))])
    again = honest.iloc[np.sort(rng.choice(len(rows), len(rows) // 5, replace=False))]
    parts = [honest, again]
    if accounts:
        probability = pd.Series(scorer.score(rows), index=rows.index)
        just_warned = probability[probability >= _threshold()].nsmallest(flights)
        tried = pd.concat([_probing_rows(rows.loc[[label]], scorer) for label in just_warned.index])
        parts.append(tried.assign(client=[f"client {clients + 1 + n % accounts:02d}" for n in range(len(tried))]))
    log = pd.concat(parts)
    log = log.iloc[rng.permutation(len(log))].reset_index(drop=True)
    log.insert(0, "client", log.pop("client"))
    log["probability"] = scorer.score(log)
    log["warned"] = log["probability"] >= _threshold()
    return log


def _threshold() -> float:
    """Return the decision threshold: the break-even point of the deck's payoff."""
    return money.break_even(money.payoff("deck_100"))


def _probing_rows(row: pd.DataFrame, scorer: Scorer) -> pd.DataFrame:
    """Return the queries by which a client looks for a departure time at which a flight's warning disappears."""
    clock = int(row["CRSDepTime"].iloc[0])
    moves = [0, *(sign * minutes for minutes in range(5, 65, 5) for sign in (-1, 1))]
    times = [(clock // 100 * 60 + clock % 100 + move) % (24 * 60) for move in moves]
    tried = pd.concat([row.assign(CRSDepTime=minute // 60 * 100 + minute % 60) for minute in times])
    gone = scorer.score(tried) < _threshold()
    return tried.iloc[: gone.argmax() + 1] if gone.any() else tried


def find_probing_clients(log: pd.DataFrame, *, limit: int = 5, by: str | None = "client") -> pd.DataFrame:
    """Find clients that send the same query many times with one value changed.

    Parameters
    ----------
    log : DataFrame, one row a query
        As from `simulate_queries`: the inputs, 'probability' and 'warned', and the client.
    limit : int
        A client is named if it sent this many variants of one query, or more.
    by : str, optional
        The column with the client. None treats all queries as one client's, which finds a client with many accounts.

    Returns
    -------
    DataFrame, one row a client, most variants first
        'questions' (a count), 'variants' (the most values of one input with all others the same), 'column' (that input;
        empty if there is one variant), 'near' (share of queries within 0.02 of the threshold) and 'named'.

    Raises
    ------
    DataError
        The log does not have the column with the client.

    Examples
    --------
    >>> log = pd.DataFrame({"client": "a", "CRSDepTime": [800, 805, 810], "Distance": 500, "probability": 0.4})
    >>> retraining.find_probing_clients(log, limit=3)[["variants", "column", "named"]].to_dict("records")
    [{'variants': 3, 'column': 'CRSDepTime', 'named': True}]
    """
    if by is not None and by not in log.columns:
        raise DataError(
            "is not in the log, which must say who asked",
            column=by,
            fix="log the client with each query, or pass by=None",
        )
    names = [name for name in log.columns if name not in ("client", "probability", "warned", by)]
    who = log[by] if by is not None else pd.Series("all clients", index=log.index, name="client")
    # Two rows that differ in one cell only must be found without comparing all pairs. The sum of a row's cell hashes
    # identifies the row; the sum without one cell is equal for all rows that differ in no other cell.
    cells = {
        name: pd.util.hash_array(pd.factorize(log[name].astype(object).where(log[name].notna(), None))[0] + 1)
        * np.uint64(2 * place + 1)
        for place, name in enumerate(names)
    }
    with np.errstate(over="ignore"):  # the sums are meant to wrap around
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
