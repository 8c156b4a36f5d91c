"""Methods for models of any kind: Shapley values by definition, and LIME.

They use only the answers of a model. `coalition_values` asks for them, and `shapley` and `lime` share them out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from course_utils.data import checked
from course_utils.errors import UsageError
from course_utils.model.explain.family_reasons import families
from course_utils.wording import counted

if TYPE_CHECKING:
    from course_utils.model.training import Scorer

__all__ = ["coalition_values", "lime", "shapley"]


def coalition_values(
    scorer: Scorer, flight: pd.DataFrame, background: pd.DataFrame, of: Mapping[str, Iterable[str]] | None = None
) -> pd.Series:
    """Return the model's log-odds for one flight with some of its families only, the others taken from other flights.

    Parameters
    ----------
    scorer : Scorer
        The model to ask, as for `shap_values`.
    flight : DataFrame, one row
        The features of the flight to explain; any other number of rows is refused.
    background : DataFrame, shape (flights, features)
        Flights whose values replace what is left out; the model's log-odds are averaged over them.
    of : mapping of family to columns, optional
        The players of the game, 1 to 12; by default `families` of the model's columns.

    Returns
    -------
    Series of float
        Mean log-odds by the frozenset of families that the flight keeps: 2 to the power of their number.

    Raises
    ------
    UsageError
        There is not just one flight, no background, or too many families.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> from course_utils.model import training
    >>> inputs = features.schedule(flights)
    >>> model = training.train_xgboost(splits.split_at_random(flights), inputs, rounds=30)
    >>> game = {"time": ["CRSDepTime", "DayOfWeek"], "route": ["Origin", "Dest"]}
    >>> worth = explain.coalition_values(model.scorer, inputs.head(1), inputs.tail(50), game)
    >>> [sorted(kept) for kept in worth.index]
    [[], ['time'], ['route'], ['route', 'time']]
    """
    if len(flight) != 1 or not len(background):
        raise UsageError("one flight is explained at a time, against others", fix="pass one row and a background")
    groups = families(scorer.encoder.columns) if of is None else {name: list(kept) for name, kept in of.items()}
    if not 1 <= len(groups) <= 12:
        raise UsageError(
            f"{counted(len(groups), 'family')} make too many coalitions, or none", fix="pass at most 12 families as of="
        )
    place = {name: number for number, name in enumerate(scorer.encoder.columns)}
    mine, theirs = scorer.encoder.transform(flight), scorer.encoder.transform(background)
    kept = [frozenset(some) for size in range(len(groups) + 1) for some in combinations(groups, size)]
    # All coalitions are scored in one call: a call for each would take many times longer.
    mixed = np.tile(theirs, (len(kept), 1, 1))
    for number, players in enumerate(kept):
        columns = [place[column] for name in players for column in groups[name]]
        mixed[number][:, columns] = mine[0, columns]
    answers = scorer.booster.inplace_predict(mixed.reshape(-1, mine.shape[1]), predict_type="margin")
    worth = answers.reshape(len(kept), len(theirs)).mean(axis=1, dtype=float)
    return pd.Series(list(worth), index=pd.Index(kept, tupleize_cols=False, dtype=object), name="log-odds")


def shapley(worth: pd.Series) -> pd.Series:
    """Return the Shapley values of a game: what each player adds, averaged over all orders in which players can join.

    Parameters
    ----------
    worth : Series of float
        By frozenset of players, for all sets from none to all, as from `coalition_values`.

    Returns
    -------
    Series of float
        By player. They add up to the worth of all players less that of none.

    Raises
    ------
    UsageError
        `worth` is not a complete game.
    DataError
        The worth of a coalition is not a finite number.

    Examples
    --------
    >>> sets = [frozenset(), frozenset({"time"}), frozenset({"route"}), frozenset({"time", "route"})]
    >>> worth = pd.Series([0.0, 1.0, 0.5, 2.0], index=pd.Index(sets, tupleize_cols=False))
    >>> explain.shapley(worth).to_dict()
    {'route': 0.75, 'time': 1.25}
    """
    players = _players(worth)
    value = dict(worth.items())
    shares = dict.fromkeys(players, 0.0)
    for player in players:
        for others in (some for some in value if player not in some):
            weight = 1 / (len(players) * math.comb(len(players) - 1, len(others)))
            shares[player] += weight * (value[others | {player}] - value[others])
    return pd.Series(shares, name="log-odds")


def _players(worth: pd.Series) -> list[str]:
    """Return the players of a game, sorted; refuse a game that is not complete or whose worth is not a number."""
    if not len(worth) or not all(isinstance(some, frozenset) for some in worth.index):
        raise UsageError("this is not a game", fix="pass what explain.coalition_values returns")
    players = sorted(max(worth.index, key=len))
    if not players or len(set(worth.index)) != len(worth) or len(worth) != 2 ** len(players):
        raise UsageError(
            f"{counted(len(worth), 'coalition')} of {counted(len(players), 'player')} are not all of them, each once",
            fix="pass what explain.coalition_values returns",
        )
    checked.numbers(worth, "worth", missing=False)
    return players


def lime(worth: pd.Series, width: float = 0.25) -> pd.Series:
    """Return the slopes of a straight line through a game, fitted near the flight as LIME does.

    Near are coalitions that leave out little.

    Parameters
    ----------
    worth : Series of float
        As for `shapley`, in log-odds by frozenset of players.
    width : float
        Width of the kernel, above 0, on the cosine distance between the coalition and all players; 0.25 is LIME's
        default for images, whose parts are either there or not, too.

    Returns
    -------
    Series of float
        The slope for each player. Unlike those of `shapley`, they need not add up to the model's answer.

    Raises
    ------
    UsageError
        `width` is not positive, or `worth` is not a complete game.
    DataError
        The worth of a coalition is not a finite number.

    Examples
    --------
    >>> sets = [frozenset(), frozenset({"time"}), frozenset({"route"}), frozenset({"time", "route"})]
    >>> worth = pd.Series([0.0, 1.0, 0.5, 2.0], index=pd.Index(sets, tupleize_cols=False))
    >>> explain.lime(worth).round(2).to_dict()
    {'route': 1.0, 'time': 1.5}
    """
    from sklearn.linear_model import Ridge

    if not width > 0:
        raise UsageError(f"width={width} gives no coalition a weight", fix="pass a width above 0")
    players = _players(worth)
    kept = np.array([[player in some for player in players] for some in worth.index], dtype=float)
    away = 1 - np.sqrt(kept.mean(axis=1))
    # A tiny penalty keeps the fit stable if the weights of most coalitions are close to 0.
    line = Ridge(alpha=1e-6).fit(kept, worth.to_numpy(), sample_weight=np.exp(-((away / width) ** 2) / 2))
    return pd.Series(line.coef_, index=players, name="log-odds")
