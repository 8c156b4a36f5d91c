"""Reasons in words, by families of columns, and how stable they are.

Columns that carry nearly the same information share their credit by chance, so a reason is a *family* of columns. The
families and what passengers read are in ``tables/model/reasons.toml``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import checked, features, splits
from course_utils.errors import DataError, UsageError
from course_utils.model.explain.attribution import Explanation

__all__ = [
    "add_near_duplicates",
    "by_family",
    "families",
    "reasons",
    "resampled_days",
    "stability",
    "top_reason_agreement",
]


def families(columns: Iterable[str] | None = None) -> dict[str, list[str]]:
    """Return the families of columns that carry the same information: columns by the family's name in plain words.

    Parameters
    ----------
    columns : iterable of str, optional
        Keep only these columns, and the families that have some of them; by default all features of the course.

    Raises
    ------
    UsageError
        A column belongs to no family.

    Examples
    --------
    >>> explain.families(["temp", "Distance", "visib"])
    {'timetable': ['Distance'], 'weather': ['temp', 'visib']}
    """
    words = {family["group"]: family["name"] for family in tables.read_toml("reasons.toml")["family"]}
    known = {words[group]: names for group, names in features.groups().items()}
    if columns is None:
        return known
    wanted = list(columns)
    unknown = sorted(set(wanted) - {name for names in known.values() for name in names})
    if unknown:
        raise UsageError(f"{unknown[0]!r} belongs to no family", fix="pass your own families as of={name: columns}")
    kept = {family: [name for name in names if name in wanted] for family, names in known.items()}
    return {family: names for family, names in kept.items() if names}


def by_family(values: pd.DataFrame, of: Mapping[str, Iterable[str]] | None = None) -> pd.DataFrame:
    """Return the sum of the values in each family of columns.

    Parameters
    ----------
    values : DataFrame, shape (flights, columns)
        SHAP values in log-odds, as in `Explanation.values`.
    of : mapping of family to columns, optional
        Your own families, each column in just one; by default `families`.

    Returns
    -------
    DataFrame, shape (flights, families)

    Raises
    ------
    UsageError
        A column belongs to no family or to two, or a family has a column that `values` lacks.
    DataError
        A value is not a finite number.

    Examples
    --------
    >>> explain.by_family(pd.DataFrame({"temp": [0.2], "visib": [0.5], "Distance": [-0.1]}))
       timetable  weather
    0       -0.1      0.7
    """
    checked.need(values, ())
    groups = families(values.columns) if of is None else {name: list(columns) for name, columns in of.items()}
    members = [column for columns in groups.values() for column in columns]
    odd = [column for column in [*members, *values.columns] if members.count(column) != 1 or column not in values]
    if odd:
        raise UsageError(f"{odd[0]!r} is not in just one family", fix="put each column into one family of of=")
    plain = pd.DataFrame({name: checked.numbers(values[name], str(name)) for name in values}, index=values.index)
    return pd.DataFrame({name: plain[columns].sum(axis=1) for name, columns in groups.items()})


def reasons(
    explanation: Explanation,
    forbidden: Iterable[str] = (),
    *,
    most: int = 2,
    of: Mapping[str, Iterable[str]] | None = None,
) -> pd.DataFrame:
    """Return each flight's reasons for being late, the strongest first, in words for the passenger and for compliance.

    A reason is a family of columns that multiplies the flight's odds of being late by the least factor of
    ``tables/model/reasons.toml`` or more. It says why the *model* warns, not what delays the flight.

    Parameters
    ----------
    explanation : Explanation
        SHAP values of the flights, as from `shap_values`.
    forbidden : iterable of str
        Columns that must not be a reason, and their proxies (see `proxy_columns`). A model that uses one is refused: to
        leave it out of the text would not leave it out of the decision.
    most : int
        Reasons for each flight at most, 1 or more.
    of : mapping of family to columns, optional
        As for `by_family`; each family needs its words in ``tables/model/reasons.toml``.

    Returns
    -------
    DataFrame, one row a reason
        Index: 'flight' (row label) and 'reason' (from 1). 'family', 'odds ×' (the factor), 'passenger' (the text), and
        for compliance 'column' (the one in the family that adds most) and 'value' (the flight's).

    Raises
    ------
    UsageError
        The model uses a forbidden column, a family has no words, or no reason is asked for.

    Examples
    --------
    >>> values = pd.DataFrame({"CRSDepTime": [0.4], "visib": [0.7], "Distance": [-0.1]})
    >>> rows = pd.DataFrame({"CRSDepTime": [1830], "visib": [0.5], "Distance": [733]})
    >>> explanation = explain.Explanation(values, -1.4, rows, values.sum(axis=1) - 1.4)
    >>> explain.reasons(explanation)[["family", "odds ×", "column", "value"]]
                      family  odds ×      column value
    flight reason
    0      1         weather    2.01       visib   0.5
           2       timetable    1.35  CRSDepTime  1830
    """
    if most < 1:
        raise UsageError(f"most={most} gives no reason", fix="pass most=1 or more")
    used = [name for name in dict.fromkeys(forbidden) if name in explanation.values]
    if used:
        raise UsageError(
            f"the model uses {', '.join(used)}, which must not be a reason; a text without it would hide what decided",
            fix="train without it, and explain that model",
        )
    table = tables.read_toml("reasons.toml")
    groups = families(explanation.values.columns) if of is None else {name: list(kept) for name, kept in of.items()}
    texts = {family["name"]: family["passenger"] for family in table["family"]}
    silent = [name for name in groups if name not in texts]
    if silent:
        raise UsageError(f"the family {silent[0]!r} has no words", fix="add a [[family]] to tables/model/reasons.toml")
    summed = by_family(explanation.values, groups)
    rows = []
    for label, sums in summed.iterrows():
        # Log-odds add where odds multiply, so the least factor becomes a least sum.
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
    """Return a value of a flight as text, with three digits."""
    if pd.isna(value):
        return "missing"
    return str(value) if isinstance(value, str) else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def top_reason_agreement(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """Return the share of flights whose strongest reason for being late is the same in two tables of values.

    Parameters
    ----------
    one, other : DataFrame, shape (flights, columns or families)
        SHAP values of the same flights and columns, in log-odds.

    Raises
    ------
    DataError
        Flights or columns differ, or there are none.

    Examples
    --------
    >>> one = pd.DataFrame({"hour": [0.5, 0.1], "wind": [0.2, 0.3]})
    >>> explain.top_reason_agreement(one, one.assign(wind=[0.1, 0.0]))
    0.5
    """
    if not one.size or not one.index.equals(other.index) or set(one.columns) != set(other.columns):
        raise DataError(
            "the two tables are not of the same flights and columns",
            fix="explain the same rows by both models",
        )
    return float((one.idxmax(axis=1) == other.idxmax(axis=1)).mean())


def add_near_duplicates(
    inputs: pd.DataFrame, column: str, *, copies: int = 3, noise: float = 0.05, seed: int = 0
) -> pd.DataFrame:
    """Return inputs with added columns that are copies of one column plus a little noise.

    Parameters
    ----------
    inputs : DataFrame, shape (flights, features)
        Features, with at least one column of numbers.
    column : str
        The column of numbers to copy.
    copies : int
        How many copies, 1 or more; they are named ``column (copy 1)`` and so on.
    noise : float
        Standard deviation of the noise, relative to that of the column; above 0.
    seed : int
        The same seed makes the same copies.

    Raises
    ------
    UsageError
        There is no such column of numbers, or `copies` or `noise` is not positive.

    Examples
    --------
    >>> copied = explain.add_near_duplicates(flights[["Distance"]], "Distance", copies=2)
    >>> copied.corr().round(3)["Distance"].to_dict()
    {'Distance': 1.0, 'Distance (copy 1)': 0.999, 'Distance (copy 2)': 0.999}
    """
    if column not in inputs or not pd.api.types.is_numeric_dtype(inputs[column]):
        raise UsageError(f"there is no numeric column {column!r}", fix="choose one of the columns of numbers in inputs")
    if copies < 1 or not noise > 0:
        raise UsageError(f"copies={copies}, noise={noise} copies nothing", fix="pass copies=1 or more, noise above 0")
    rng = np.random.default_rng(seed)
    scale = noise * float(inputs[column].std())
    made = {
        f"{column} (copy {number})": inputs[column] + rng.normal(0, scale, len(inputs))
        for number in range(1, copies + 1)
    }
    return inputs.assign(**made)


def resampled_days(split: splits.Split, seed: int = 0) -> splits.Split:
    """Return a split whose training days are a bootstrap sample: drawn at random, with replacement, from its own.

    Parameters
    ----------
    split : Split
        The split to resample; its validation and test rows stay as they are.
    seed : int
        The same seed draws the same days.

    Returns
    -------
    Split
        With as many training days as before; a day that was drawn twice is there twice.

    Examples
    --------
    >>> from course_utils.data import splits
    >>> explain.resampled_days(splits.split_at_random(flights), seed=1).name
    'at random by flight, seed 0, training days resampled (seed 1)'
    """
    # Whole days, since flights of one day share its weather: resampled flights would differ too little.
    days, day = np.unique(splits.day(split.train).to_numpy(), return_inverse=True)
    drawn = np.random.default_rng(seed).integers(0, len(days), len(days))
    times = np.bincount(drawn, minlength=len(days))[day]
    rows = split.train.iloc[np.repeat(np.arange(len(day)), times)]
    return dataclasses.replace(split, train=rows, name=f"{split.name}, training days resampled (seed {seed})")


def stability(name: str = "benchmark_reasons.csv") -> pd.DataFrame:
    """Return how often warned flights keep their strongest reason, as ``benchmarks/reasons.py`` measured it.

    Parameters
    ----------
    name : str
        File name of the table in ``course_utils/tables``, for measurements of your own.

    Returns
    -------
    DataFrame
        Index: what changed. 'models', and for single columns and for families the mean and the lowest share of flights
        with the same strongest reason, in percent, and the mean of Cohen's kappa: the agreement beyond chance.

    Examples
    --------
    >>> explain.stability()["models"].to_dict()
    {'seed': 20, 'training days': 20}
    """
    table = tables.read_csv(name, comment="#")
    shown = {}
    for changed, part in table.groupby("changed", sort=False):
        row: dict[str, float] = {"models": len(part)}
        for kind in ("column", "family"):
            same, kappa = part[f"same_{kind}"], part[f"kappa_{kind}"]
            row[f"{kind}, mean [%]"] = round(100 * float(same.mean()), 1)
            row[f"{kind}, lowest [%]"] = round(100 * float(same.min()), 1)
            row[f"{kind}, kappa"] = round(float(kappa.mean()), 2)
        shown[changed] = row
    return pd.DataFrame(shown).T.astype({"models": int}).rename_axis("what changed")
