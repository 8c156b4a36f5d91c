"""Proxies: how well other columns reveal a forbidden one, and which of them do so alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import checked
from course_utils.errors import UsageError
from course_utils.model.explain.attribution import ordinal_codes
from course_utils.wording import counted

__all__ = ["TOTALS", "proxy_columns", "proxy_strength"]

#: The first two rows of `proxy_strength`, before the single columns.
TOTALS = ("all together", "guessing the commonest")


def proxy_strength(inputs: pd.DataFrame, forbidden: str, *, sample: int = 6000, seed: int = 0) -> pd.Series:
    """Return how well each other column, and all of them together, reveal a forbidden one.

    Parameters
    ----------
    inputs : DataFrame, shape (flights, features)
        Features, with the forbidden column among them; the model need not use it.
    forbidden : str
        A column of `inputs`, with a value for 100 flights or more.
    sample : int
        Flights to use at most, drawn at random: half to fit a tree, half to test it.
    seed : int
        The same seed draws the same sample.

    Returns
    -------
    Series
        Share of flights whose forbidden value a small tree guesses from that column alone, the highest first, after
        'all together' and 'guessing the commonest'.

    Raises
    ------
    UsageError
        There is no such column, or there are fewer than 100 flights with a value in it.
    DataError
        A column occurs twice, or holds dates or an infinite value.

    Examples
    --------
    >>> explain.proxy_strength(flights[["UniqueCarrier", "Dest", "Distance"]], "UniqueCarrier").round(2)
    all together              0.65
    guessing the commonest    0.18
    Distance                  0.51
    Dest                      0.46
    Name: UniqueCarrier guessed rightly [share], dtype: float64
    """
    from sklearn.tree import DecisionTreeClassifier

    if forbidden not in inputs:
        raise UsageError(f"inputs have no column {forbidden!r}", fix="pass the inputs before you drop it")
    checked.need(inputs, [forbidden])
    rows = inputs[inputs[forbidden].notna()]
    if len(rows) < 100:
        raise UsageError(f"too few to learn from: {counted(len(rows), 'flight')} with a value", fix="pass 100 or more")
    rows = rows.sample(min(sample, len(rows)), random_state=seed)
    others = ordinal_codes(rows.drop(columns=forbidden))
    for name in others:
        checked.numbers(
            others[name], str(name), low=float(np.finfo(np.float32).min), high=float(np.finfo(np.float32).max)
        )
    truth = rows[forbidden].astype(str).to_numpy()
    half = len(rows) // 2

    def guessed(columns: list[str], least: int) -> float:
        tree = DecisionTreeClassifier(min_samples_leaf=least, random_state=0)
        tree.fit(others[columns].iloc[:half], truth[:half])
        return float(tree.score(others[columns].iloc[half:], truth[half:]))

    alone = pd.Series({name: guessed([name], 20) for name in others}).sort_values(ascending=False, kind="stable")
    commonest = pd.Series(truth[:half]).mode()[0]
    # All columns together can separate smaller groups than one column, hence the smaller leaves.
    first = {
        TOTALS[0]: guessed(list(others), 5),
        TOTALS[1]: float((truth[half:] == commonest).mean()),
    }
    return pd.concat([pd.Series(first), alone]).rename(f"{forbidden} guessed rightly [share]")


def proxy_columns(given_away: pd.Series, limit: float | None = None) -> list[str]:
    """Return the single columns that are proxies of a forbidden one.

    Parameters
    ----------
    given_away : Series
        The shares by column, as from `proxy_strength`.
    limit : float, optional
        A column is a proxy if it alone corrects more than this share of the errors of a guess at the commonest value;
        by default ``gives_away`` of ``tables/model/reasons.toml``.

    Raises
    ------
    UsageError
        `given_away` is not from `proxy_strength`.
    DataError
        A share is not a number from 0 to 1.

    Examples
    --------
    >>> explain.proxy_columns(explain.proxy_strength(flights[["UniqueCarrier", "FlightNum", "Month"]], "UniqueCarrier"))
    ['FlightNum']
    """
    if not set(TOTALS) <= set(given_away.index):
        raise UsageError(f"given_away has no {TOTALS[1]!r}", fix="pass what explain.proxy_strength returns")
    given_away = pd.Series(checked.numbers(given_away, "given_away", low=0, high=1), index=given_away.index)
    limit = tables.read_toml("reasons.toml")["gives_away"] if limit is None else limit
    commonest = given_away[TOTALS[1]]
    alone = given_away.drop(list(TOTALS))
    return list(alone.index[alone - commonest > limit * (1 - commonest)])
