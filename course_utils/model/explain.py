"""Say why a model gave a flight its probability: values that add up, and reasons that hold.

SHAP values are in log-odds, where a boosted forest adds. `shap_values` computes them and checks on each row that they
add up to what `training.Scorer` answers; `reasons` turns them into words by families of columns, since single columns
that say nearly the same share their credit by chance. What a passenger and what compliance is told stands in
``tables/model/reasons.toml``.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import features, splits
from course_utils.errors import DataError, ModelError, UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from course_utils.model.training import Scorer

__all__ = [
    "Explanation",
    "Surrogate",
    "add_near_duplicates",
    "approval_pack",
    "as_estimator",
    "by_family",
    "coalition_values",
    "deck_sources",
    "dependence",
    "families",
    "lime",
    "mean_absolute_shap",
    "methods",
    "ordinal_codes",
    "package",
    "proxy_columns",
    "proxy_strength",
    "reasons",
    "resampled_days",
    "shap_values",
    "shapley",
    "stability",
    "surrogate",
    "top_contributions",
    "top_reason_agreement",
]

#: Values of a row may miss its log-odds by this much: a forest adds float32 numbers.
_ADDS_UP = 1e-4
#: What `proxy_strength` says before it comes to single columns.
_TOTALS = ("all together", "guessing the commonest")


@dataclass(frozen=True)
class Explanation:
    """SHAP values of some flights, in log-odds.

    Attributes
    ----------
    values : DataFrame, shape (flights, columns)
        What each column adds to the flight's log-odds of leaving late.
    start : float
        The log-odds from which each flight starts.
    rows : DataFrame, shape (flights, columns)
        The features that were explained.
    log_odds : Series
        The model's own answer for each flight; `start` and the values of a row add up to it.
    """

    values: pd.DataFrame
    start: float
    rows: pd.DataFrame
    log_odds: pd.Series

    @property
    def probability(self) -> pd.Series:
        """The probability of 'late' for each flight, as `training.Scorer` gives it."""
        return (1 / (1 + np.exp(-self.log_odds))).rename("probability")

    @property
    def gap(self) -> float:
        """The largest distance, over the flights, between the model's log-odds and what the values add up to."""
        return float((self.start + self.values.sum(axis=1) - self.log_odds).abs().max())

    def of(self, flights: pd.DataFrame | pd.Index) -> Explanation:
        """Return the part for some of the flights.

        Parameters
        ----------
        flights : DataFrame or Index
            Whose row labels to keep.

        Raises
        ------
        DataError
            A flight was not explained.
        """
        labels = flights if isinstance(flights, pd.Index) else flights.index
        absent = labels[~labels.isin(self.values.index)]
        if len(absent):
            raise DataError(f"flight {absent[0]} was not explained", fix="explain it with explain.shap_values")
        return Explanation(self.values.loc[labels], self.start, self.rows.loc[labels], self.log_odds.loc[labels])

    def __repr__(self) -> str:
        return f"SHAP values of {len(self.values):,} flights, {self.values.shape[1]} columns [log-odds]"


def shap_values(scorer: Scorer, rows: pd.DataFrame, background: pd.DataFrame | None = None) -> Explanation:
    """Share each flight's log-odds out among the columns, and check that the shares add up.

    Parameters
    ----------
    scorer : Scorer
    rows : DataFrame, shape (flights, features)
        The flights to explain.
    background : DataFrame, optional
        Flights to compare with, a hundred or so: the values are then *interventional*, which is what the model does
        when a column's value is replaced by theirs. Without it they are *path-dependent*, from the shares of training
        flights (weighted by XGBoost) that went each way in the trees.

    Raises
    ------
    UsageError
        There is no flight to explain or to compare with, or a background is given and the model splits by categories,
        which the package shap cannot do.
    DataError
        A column is absent, or holds text where a number belongs.
    ModelError
        The values do not add up to the model's answer.
    """
    if not len(rows):
        raise UsageError("there is no flight to explain", fix="pass at least one row")
    encoder = scorer.encoder
    matrix = _matrix(scorer, rows)
    log_odds = scorer.booster.predict(matrix, output_margin=True).astype(float)
    if background is None:
        shares = scorer.booster.predict(matrix, pred_contribs=True).astype(float)
        values, start = shares[:, :-1], float(shares[0, -1])
    else:
        values, start = _interventional(scorer, rows, background)
    columns = list(encoder.columns)
    made = Explanation(
        pd.DataFrame(values, index=rows.index, columns=columns),
        start,
        rows[columns],
        pd.Series(log_odds, index=rows.index, name="log-odds"),
    )
    if not made.gap <= _ADDS_UP:
        raise ModelError(
            f"the values miss the model's log-odds by up to {made.gap:.2g}",
            fix="explain the model that scores, with the package versions of its card",
        )
    return made


def _matrix(scorer: Scorer, rows: pd.DataFrame) -> Any:
    import xgboost

    encoder = scorer.encoder
    return xgboost.DMatrix(
        encoder.transform(rows),
        feature_names=list(encoder.columns),
        feature_types=encoder.feature_types,
        enable_categorical=True,
    )


def _interventional(scorer: Scorer, rows: pd.DataFrame, background: pd.DataFrame) -> tuple[np.ndarray, float]:
    if scorer.encoder.categories:
        name = next(iter(scorer.encoder.categories))
        raise UsageError(
            f"the model splits by categories ({name}), for which the package shap has no interventional values",
            fix="train on explain.ordinal_codes(inputs), or compare whole families with explain.coalitions",
        )
    if not len(background):
        raise UsageError("there is no flight to compare with", fix="pass a hundred training flights")
    explainer = package().TreeExplainer(
        scorer.booster, scorer.encoder.transform(background), feature_perturbation="interventional"
    )
    return explainer.shap_values(scorer.encoder.transform(rows)), float(np.ravel(explainer.expected_value)[0])


def package() -> ModuleType:
    """Import the package shap, without its word about progress bars, which it has no use for here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        import shap
    return shap


def ordinal_codes(inputs: pd.DataFrame) -> pd.DataFrame:
    """Replace categories by their place in the alphabet, for tools that read numbers only.

    Parameters
    ----------
    inputs : DataFrame
        Features, as from `features.as_of` or `features.schedule`.

    Returns
    -------
    DataFrame of numbers
        NaN where a category is missing.
    """
    texts = [name for name in inputs if not pd.api.types.is_numeric_dtype(inputs[name])]
    codes = {}
    for name in texts:
        values = inputs[name].astype("string").astype("category")
        codes[name] = values.cat.codes.astype(float).where(values.notna())
    return inputs.assign(**codes)


# --------------------------------------------------------------------------- pictures of many flights


def mean_absolute_shap(values: pd.DataFrame) -> pd.Series:
    """Return the mean size of each column's values, the largest first: how much it moves flights, up or down.

    Parameters
    ----------
    values : DataFrame, shape (flights, columns)
        In log-odds: `Explanation.values`, or `by_family` of them.
    """
    return values.abs().mean().sort_values(ascending=False).rename("mean size [log-odds]")


def top_contributions(values: pd.Series, most: int = 7) -> pd.Series:
    """Keep the values of one flight that move it most, and add the others up.

    Parameters
    ----------
    values : Series by column
        In log-odds.
    most : int
        How many to keep.

    Returns
    -------
    Series
        The largest first, by size; then 'all other columns' where there are others.

    Raises
    ------
    UsageError
        `most` is not positive.
    """
    if most < 1:
        raise UsageError(f"most={most} keeps nothing", fix="give 1 or more")
    ordered = values.sort_values(key=abs, ascending=False, kind="stable")
    if len(ordered) <= most:
        return ordered
    return pd.concat([ordered.head(most), pd.Series({"all other columns": ordered.iloc[most:].sum()})])


def dependence(explanation: Explanation, column: str, *, bins: int = 12) -> pd.DataFrame:
    """Say what a column's values add to the log-odds, from its lowest to its highest.

    Parameters
    ----------
    explanation : Explanation
    column : str
        A numeric one.
    bins : int
        Groups of about equally many flights, at most.

    Returns
    -------
    DataFrame
        Index: the mean of the column in each group. Its values there: 'mean', and 'lowest tenth' and 'highest tenth',
        below and above which a tenth of the group lies.

    Raises
    ------
    UsageError
        There is no such column, it is no number, or all flights have the same value.
    """
    if column not in explanation.rows:
        raise UsageError(f"there is no column {column!r}", fix="choose one of the model's inputs")
    given = explanation.rows[column]
    if not pd.api.types.is_numeric_dtype(given):
        raise UsageError(f"{column} is no number", fix="draw a bar for each category instead")
    if given.nunique() < 2:
        raise UsageError(f"all flights have the same {column}", fix="explain flights that differ")
    group = pd.qcut(given, bins, labels=False, duplicates="drop")
    by = explanation.values[column].groupby(group)
    table = pd.DataFrame({"lowest tenth": by.quantile(0.1), "mean": by.mean(), "highest tenth": by.quantile(0.9)})
    return table.set_axis(given.groupby(group).mean().rename(column))


# --------------------------------------------------------------------------- columns that say the same


def add_near_duplicates(
    inputs: pd.DataFrame, column: str, *, copies: int = 3, noise: float = 0.05, seed: int = 0
) -> pd.DataFrame:
    """Add columns that say nearly the same as one that is there.

    Parameters
    ----------
    inputs : DataFrame
    column : str
        A numeric one.
    copies : int
        How many, named ``column (copy 1)`` and so on.
    noise : float
        Standard deviation of what is added to each, in that of the column.
    seed : int
        Same seed, same copies.

    Raises
    ------
    UsageError
        There is no such numeric column, or no copy is asked for.
    """
    if column not in inputs or not pd.api.types.is_numeric_dtype(inputs[column]):
        raise UsageError(f"there is no numeric column {column!r}", fix="choose one of the inputs")
    if copies < 1 or not noise > 0:
        raise UsageError(f"copies={copies}, noise={noise} copies nothing", fix="give copies=1 or more and some noise")
    rng = np.random.default_rng(seed)
    scale = noise * float(inputs[column].std())
    made = {
        f"{column} (copy {number})": inputs[column] + rng.normal(0, scale, len(inputs))
        for number in range(1, copies + 1)
    }
    return inputs.assign(**made)


def families(columns: Iterable[str] | None = None) -> dict[str, list[str]]:
    """Return which columns tell of the same thing, by the family's name in plain words.

    Parameters
    ----------
    columns : iterable of str, optional
        Keep these only, and leave out families without any; default all features of the course.

    Raises
    ------
    UsageError
        A column belongs to no family.
    """
    words = {family["group"]: family["name"] for family in _table()["family"]}
    known = {words[group]: names for group, names in features.groups().items()}
    if columns is None:
        return known
    wanted = list(columns)
    homeless = sorted(set(wanted) - {name for names in known.values() for name in names})
    if homeless:
        raise UsageError(f"{homeless[0]!r} belongs to no family", fix="pass the families yourself")
    kept = {family: [name for name in names if name in wanted] for family, names in known.items()}
    return {family: names for family, names in kept.items() if names}


def by_family(values: pd.DataFrame, of: Mapping[str, Iterable[str]] | None = None) -> pd.DataFrame:
    """Add up the values of the columns that tell of the same thing.

    Parameters
    ----------
    values : DataFrame, shape (flights, columns)
        In log-odds.
    of : mapping of family to columns, optional
        Default `families`.

    Returns
    -------
    DataFrame, shape (flights, families)

    Raises
    ------
    UsageError
        A column belongs to no family or to two, or a family names one that is not there.
    """
    groups = families(values.columns) if of is None else {name: list(columns) for name, columns in of.items()}
    members = [column for columns in groups.values() for column in columns]
    odd = [column for column in [*members, *values.columns] if members.count(column) != 1 or column not in values]
    if odd:
        raise UsageError(f"{odd[0]!r} does not stand in just one family", fix="give each column one family")
    return pd.DataFrame({name: values[columns].sum(axis=1) for name, columns in groups.items()})


def top_reason_agreement(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """Return the share of flights whose strongest reason for being late is the same in two tables of values.

    Parameters
    ----------
    one, other : DataFrame, shape (flights, columns or families)
        Of the same flights and columns, in log-odds.

    Raises
    ------
    DataError
        Flights or columns differ, or there are none.
    """
    if not one.size or not one.index.equals(other.index) or set(one.columns) != set(other.columns):
        raise DataError("the two tables are not of the same flights and columns", fix="explain the same rows twice")
    return float((one.idxmax(axis=1) == other.idxmax(axis=1)).mean())


def resampled_days(split: splits.Split, seed: int = 0) -> splits.Split:
    """Draw as many training days as there are, with replacement: a training set that might as well have been.

    Parameters
    ----------
    split : Split
    seed : int
        Same seed, same days.

    Returns
    -------
    Split
        A day that was drawn twice is there twice; validation and test stay as they are.
    """
    days, day = np.unique(splits.day(split.train).to_numpy(), return_inverse=True)
    drawn = np.random.default_rng(seed).integers(0, len(days), len(days))
    times = np.bincount(drawn, minlength=len(days))[day]
    rows = split.train.iloc[np.repeat(np.arange(len(day)), times)]
    return dataclasses.replace(split, train=rows, name=f"{split.name}, training days resampled (seed {seed})")


# --------------------------------------------------------------------------- reasons in words


def reasons(
    explanation: Explanation,
    forbidden: Iterable[str] = (),
    *,
    most: int = 2,
    of: Mapping[str, Iterable[str]] | None = None,
) -> pd.DataFrame:
    """Give each flight its reasons, the strongest first, for the passenger and for compliance.

    A reason is a family of columns that raises the flight's odds of being late by the least factor of
    ``tables/model/reasons.toml`` or more. It says why the *model* warns, not what delays the flight.

    Parameters
    ----------
    explanation : Explanation
    forbidden : iterable of str
        Columns that must not be a reason, and those that stand in for them (see `proxy_strength`). A model that uses one is
        refused: leaving it out of the text would not leave it out of the decision.
    most : int
        Reasons for each flight, at most.
    of : mapping of family to columns, optional
        Default `families`.

    Returns
    -------
    DataFrame, one row a reason
        Index: 'flight' (row label) and 'reason' (from 1). 'family', 'odds ×' (the factor), 'passenger' (the text), and
        for compliance 'column' (the one in the family that adds most) and 'value' (the flight's).

    Raises
    ------
    UsageError
        The model uses a forbidden column, a family has no words, or no reason is asked for.
    """
    if most < 1:
        raise UsageError(f"most={most} gives no reason", fix="give 1 or more")
    used = [name for name in dict.fromkeys(forbidden) if name in explanation.values]
    if used:
        raise UsageError(
            f"the model uses {', '.join(used)}, which must not be a reason; hiding it would not be true",
            fix="train without it, and then give reasons",
        )
    table = _table()
    groups = families(explanation.values.columns) if of is None else {name: list(kept) for name, kept in of.items()}
    texts = {family["name"]: family["passenger"] for family in table["family"]}
    silent = [name for name in groups if name not in texts]
    if silent:
        raise UsageError(f"the family {silent[0]!r} has no words", fix="add them to tables/model/reasons.toml")
    summed = by_family(explanation.values, groups)
    rows = []
    for label, sums in summed.iterrows():
        strong = sums[sums >= math.log(table["least_odds_factor"])].sort_values(ascending=False, kind="stable")
        for number, (name, value) in enumerate(strong.head(most).items(), start=1):
            column = explanation.values.loc[label, groups[name]].idxmax()
            rows.append(
                {
                    "flight": label,
                    "reason": number,
                    "family": name,
                    "odds ×": round(math.exp(value), 2),
                    "passenger": texts[name],
                    "column": column,
                    "value": _shown(explanation.rows.loc[label, column]),
                }
            )
    columns = ["flight", "reason", "family", "odds ×", "passenger", "column", "value"]
    return pd.DataFrame(rows, columns=columns).set_index(["flight", "reason"])


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "missing"
    return str(value) if isinstance(value, str) else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def proxy_strength(inputs: pd.DataFrame, forbidden: str, *, sample: int = 6000, seed: int = 0) -> pd.Series:
    """Say how well each other column, and all of them together, give a forbidden one away.

    Parameters
    ----------
    inputs : DataFrame
        Features, the forbidden column among them or not used by any model.
    forbidden : str
        A column of `inputs`.
    sample : int
        Flights to look at, drawn at random; half to learn from, half to guess.
    seed : int
        Same seed, same sample.

    Returns
    -------
    Series
        Share of flights whose forbidden value a small tree guesses from that column alone, the best first, after
        'all together' and 'guessing the commonest'.

    Raises
    ------
    UsageError
        There is no such column, or there are fewer than 100 flights with a value in it.
    """
    from sklearn.tree import DecisionTreeClassifier

    if forbidden not in inputs:
        raise UsageError(f"there is no column {forbidden!r}", fix="pass inputs that still have it")
    rows = inputs[inputs[forbidden].notna()]
    if len(rows) < 100:
        raise UsageError(f"{len(rows)} flights are too few to learn from", fix="pass 100 or more")
    rows = rows.sample(min(sample, len(rows)), random_state=seed)
    others = ordinal_codes(rows.drop(columns=forbidden))
    truth = rows[forbidden].astype(str).to_numpy()
    half = len(rows) // 2

    def guessed(columns: list[str], least: int) -> float:
        tree = DecisionTreeClassifier(min_samples_leaf=least, random_state=0)
        tree.fit(others[columns].iloc[:half], truth[:half])
        return float(tree.score(others[columns].iloc[half:], truth[half:]))

    alone = pd.Series({name: guessed([name], 20) for name in others}).sort_values(ascending=False, kind="stable")
    commonest = pd.Series(truth[:half]).mode()[0]
    first = {
        _TOTALS[0]: guessed(list(others), 5),
        _TOTALS[1]: float((truth[half:] == commonest).mean()),
    }
    return pd.concat([pd.Series(first), alone]).rename(f"{forbidden} guessed rightly [share]")


def proxy_columns(given_away: pd.Series, limit: float | None = None) -> list[str]:
    """Name the single columns that stand in for a forbidden one.

    Parameters
    ----------
    given_away : Series
        As from `proxy_strength`.
    limit : float, optional
        A column stands in if it alone puts right more than this share of what a guess at the commonest value gets
        wrong; default ``gives_away`` of ``tables/model/reasons.toml``.

    Raises
    ------
    UsageError
        `given_away` is not from `proxy_strength`.
    """
    if not set(_TOTALS) <= set(given_away.index):
        raise UsageError("this does not say how often the commonest is right", fix="pass explain.proxy_strength(…)")
    limit = _table()["gives_away"] if limit is None else limit
    commonest = given_away[_TOTALS[1]]
    alone = given_away.drop(list(_TOTALS))
    return list(alone.index[alone - commonest > limit * (1 - commonest)])


# --------------------------------------------------------------------------- the definition, and its neighbour


def coalition_values(
    scorer: Scorer, flight: pd.DataFrame, background: pd.DataFrame, of: Mapping[str, Iterable[str]] | None = None
) -> pd.Series:
    """Ask the model about a flight with some of its families only, and the others from flights to compare with.

    Parameters
    ----------
    scorer : Scorer
    flight : DataFrame, one row
    background : DataFrame
        Flights whose values take the place of what is left out; the model's log-odds are averaged over them.
    of : mapping of family to columns, optional
        The players, at most 12; default `families` of the model's columns.

    Returns
    -------
    Series of float
        Mean log-odds by the frozenset of families that the flight keeps: 2 to the power of their number.

    Raises
    ------
    UsageError
        Not just one flight, no background, or too many families.
    """
    if len(flight) != 1 or not len(background):
        raise UsageError("this explains one flight against some others", fix="pass one row, and a background")
    groups = families(scorer.encoder.columns) if of is None else {name: list(kept) for name, kept in of.items()}
    if not 1 <= len(groups) <= 12:
        raise UsageError(f"{len(groups)} families make too many coalitions", fix="put columns into at most 12")
    place = {name: number for number, name in enumerate(scorer.encoder.columns)}
    mine, theirs = scorer.encoder.transform(flight), scorer.encoder.transform(background)
    kept = [frozenset(some) for size in range(len(groups) + 1) for some in combinations(groups, size)]
    mixed = np.tile(theirs, (len(kept), 1, 1))
    for number, players in enumerate(kept):
        columns = [place[column] for name in players for column in groups[name]]
        mixed[number][:, columns] = mine[0, columns]
    answers = scorer.booster.inplace_predict(mixed.reshape(-1, mine.shape[1]), predict_type="margin")
    worth = answers.reshape(len(kept), len(theirs)).mean(axis=1, dtype=float)
    return pd.Series(list(worth), index=pd.Index(kept, tupleize_cols=False, dtype=object), name="log-odds")


def shapley(worth: pd.Series) -> pd.Series:
    """Share a game out among its players: each gets what it adds, averaged over all orders of joining.

    Parameters
    ----------
    worth : Series of float
        By frozenset of players, all sets from none to all, as from `coalition_values`.

    Returns
    -------
    Series of float
        By player. They add up to the worth of all less that of none.
    """
    players = sorted(max(worth.index, key=len))
    value = dict(worth.items())
    shares = dict.fromkeys(players, 0.0)
    for player in players:
        for others in (some for some in value if player not in some):
            weight = 1 / (len(players) * math.comb(len(players) - 1, len(others)))
            shares[player] += weight * (value[others | {player}] - value[others])
    return pd.Series(shares, name="log-odds")


def lime(worth: pd.Series, width: float = 0.25) -> pd.Series:
    """Fit a straight line through a game near the flight, as LIME does: near are coalitions that leave little out.

    Parameters
    ----------
    worth : Series of float
        By frozenset of players, as from `coalition_values`.
    width : float
        How far 'near' reaches, on the cosine distance between what is kept and all of it; 0.25 is LIME's own for
        pictures, whose parts are also either there or not.

    Returns
    -------
    Series of float
        The slope for each player. Nothing makes them add up to the answer.

    Raises
    ------
    UsageError
        `width` is not positive.
    """
    from sklearn.linear_model import Ridge

    if not width > 0:
        raise UsageError(f"width={width} gives no coalition a weight", fix="give a positive number")
    players = sorted(max(worth.index, key=len))
    kept = np.array([[player in some for player in players] for some in worth.index], dtype=float)
    away = 1 - np.sqrt(kept.mean(axis=1))
    line = Ridge(alpha=1e-6).fit(kept, worth.to_numpy(), sample_weight=np.exp(-((away / width) ** 2) / 2))
    return pd.Series(line.coef_, index=players, name="log-odds")


def as_estimator(scorer: Scorer) -> Any:
    """Wrap a scorer so that scikit-learn's tools can ask it: a fitted classifier that takes rows of features.

    Parameters
    ----------
    scorer : Scorer

    Returns
    -------
    sklearn classifier
        It answers ``predict_proba`` and ``predict``; ``fit`` leaves it as it is.
    """
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Asked(ClassifierMixin, BaseEstimator):
        """What scikit-learn sees."""

        classes_ = np.array([0, 1])

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def fit(self, rows: pd.DataFrame, late: Any = None) -> Any:
            """Leave the model as it is."""
            return self

        def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
            """Return the probabilities of 'on time' and 'late'."""
            late = scorer.score(rows).astype(float)
            return np.column_stack([1 - late, late])

        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            """Return 1 where 'late' is the more probable."""
            return (self.predict_proba(rows)[:, 1] >= 0.5).astype(int)

    return Asked()


@dataclass(frozen=True)
class Surrogate:
    """A small tree that imitates a model.

    Attributes
    ----------
    text : str
        The tree, as text.
    fidelity : float
        Share of the variance of the model's log-odds that it explains, on flights it was not fitted on.
    leaves : int
    """

    text: str
    fidelity: float
    leaves: int

    def __repr__(self) -> str:
        return self.text


def surrogate(scorer: Scorer, rows: pd.DataFrame, *, depth: int = 3, seed: int = 0) -> Surrogate:
    """Fit a small tree to what a model answers: half of the rows to fit it, half to see how true it is.

    Parameters
    ----------
    scorer : Scorer
    rows : DataFrame
        Features, 100 flights or more.
    depth : int
        Of the tree.
    seed : int
        Same seed, same halves.

    Raises
    ------
    UsageError
        There are too few rows, or the depth is not positive.
    """
    from sklearn.tree import DecisionTreeRegressor, export_text

    if len(rows) < 100 or depth < 1:
        raise UsageError(f"{len(rows)} rows, depth={depth} make no tree", fix="pass 100 rows or more, depth 1 or more")
    rows = rows.sample(frac=1, random_state=seed)
    half = len(rows) // 2
    matrix = scorer.encoder.transform(rows)
    answers = scorer.booster.predict(_matrix(scorer, rows), output_margin=True)
    tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=20, random_state=0).fit(
        matrix[:half], answers[:half]
    )
    text = export_text(tree, feature_names=list(scorer.encoder.columns), decimals=2)
    return Surrogate(text.rstrip(), float(tree.score(matrix[half:], answers[half:])), int(tree.get_n_leaves()))


# --------------------------------------------------------------------------- tables


def stability(name: str = "benchmark_reasons.csv") -> pd.DataFrame:
    """Return how often warned flights keep their strongest reason, as ``benchmarks/reasons.py`` measured it.

    Parameters
    ----------
    name : str
        Of the table.

    Returns
    -------
    DataFrame
        Index: what changed. 'models', and for single columns and for families the mean and the lowest share of flights
        with the same strongest reason, in percent.
    """
    table = tables.read_csv(name, comment="#")
    shown = {}
    for changed, part in table.groupby("changed", sort=False):
        shown[changed] = {"models": len(part)} | {
            f"{kind}, {what} [%]": round(float(getattr(part[column], function)()) * 100, 1)
            for kind, column in (("column", "same_column"), ("family", "same_family"))
            for what, function in (("mean", "mean"), ("lowest", "min"))
        }
    return pd.DataFrame(shown).T.astype({"models": int}).rename_axis("what changed")


def methods() -> pd.DataFrame:
    """Return ways to look into a model: what each answers, when it is right and when it misleads."""
    return pd.DataFrame(_table()["method"]).set_index("name").rename_axis("method")


def deck_sources() -> pd.DataFrame:
    """Return what the deck names for interpretability, and what became of each."""
    rows = _table()["source"]
    return pd.DataFrame(rows).set_index("name").rename_axis("the deck names")


def approval_pack(
    scorer: Scorer, explanation: Explanation, forbidden: str, given_away: pd.Series | Mapping[str, float]
) -> pd.DataFrame:
    """Put on one page what legal and compliance ask before they approve: question, answer, and where it is from.

    Parameters
    ----------
    scorer : Scorer
        With its card.
    explanation : Explanation
        Of the same model.
    forbidden : str
        The column that must not be used.
    given_away : Series or mapping
        As from `proxy_strength`, of the inputs that the model has kept and the forbidden column.

    Returns
    -------
    DataFrame
        Index: 'question'. 'answer' and 'evidence'; the last rows are for those who sign.

    Raises
    ------
    ModelError
        The scorer has no card.
    """
    card = scorer.card
    if "trained on" not in card:
        raise ModelError("the model has no card", fix="fit it with training.train_xgboost, which writes one")
    data = card["trained on"]
    shares = mean_absolute_shap(by_family(explanation.values))
    shares = (100 * shares / shares.sum()).round(0)
    measured = stability()
    days = measured.loc["training days"]
    answers = {
        "purpose": card["purpose"],
        "not_for": card["not for"],
        "data": f"{data['data set']}, {data['flights']:,} flights, {data['split']}",
        "inputs": ", ".join(f"{name} {share:.0f}%" for name, share in shares.items()),
        "forbidden": f"{forbidden}: " + ("used" if forbidden in explanation.values else "not used"),
        "recovered": f"from all inputs together for {100 * given_away[_TOTALS[0]]:.0f}% of flights; a guess at the "
        f"commonest is right for {100 * given_away[_TOTALS[1]]:.0f}%",
        "adds_up": f"yes, for each of {len(explanation.values):,} flights" if explanation.gap <= _ADDS_UP else "no",
        "stable": f"the strongest family is the same for {days['family, mean [%]']:.0f}% of warned flights after a "
        f"retrain on resampled days, the strongest column for {days['column, mean [%]']:.0f}%",
    }
    rows = [
        {
            "question": row["question"],
            "answer": answers.get(row["key"], row.get("answer", "")),
            "evidence": row["evidence"],
        }
        for row in _table()["approval"]
    ]
    return pd.DataFrame(rows).set_index("question")


def _table() -> dict[str, Any]:
    return tables.read_toml("reasons.toml")
