"""Evidence that is read, not paged on: weekly figures, the PSI of every input, and the rules of textbooks.

`weekly_evidence` is what a team reads to decide on retraining. `textbook_alarms` and `sample_sizes` show how often the
common rules of thumb fire on healthy data, and `input_coverage` says which signals watch each input.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from course_utils.data import dictionary, features
from course_utils.model.distributions import Distribution
from course_utils.operate.backtest import Backtest, Day
from course_utils.operate.drift.catalog import CLOCK_COLUMNS, VOCABULARY, settings, signals
from course_utils.operate.drift.daily_table import gather_days, ks_distance
from course_utils.operate.drift.reference_data import Reference

__all__ = ["TEXTBOOK", "feature_psi", "input_coverage", "sample_sizes", "textbook_alarms", "weekly_evidence"]

#: Common rules of thumb, and the value beyond which each of them fires.
TEXTBOOK = {
    "PSI of any input > 0.2": 0.2,
    "PSI of the answers > 0.2": 0.2,
    "KS test of the answers, p < 0.01": 0.01,
    "calibration, |z| > 2.58": 2.58,
    "AUC of the day < 0.70": 0.70,
}


def weekly_evidence(table: pd.DataFrame) -> pd.DataFrame:
    """Return the weekly figures that a team reads to decide on retraining: means over the flights of each week.

    Parameters
    ----------
    table : DataFrame, one row a day
        As from `daily_signals`; each day is weighted by its labelled flights.

    Returns
    -------
    DataFrame, one row a week, by its Monday
        'score_mean', 'late_share', 'calibration_gap', 'log_loss', 'dollars' (per 1,000 flights) and 'labels' (a count).

    Examples
    --------
    >>> from course_utils import tables
    >>> year = tables.benchmark("drift_year")
    >>> drift.weekly_evidence(year).loc["2013-07-08", ["late_share", "log_loss"]].round(2).to_dict()
    {'late_share': 0.39, 'log_loss': 0.58}
    """
    names = ["score_mean", "late_share", "calibration_gap", "log_loss", "dollars"]
    week = table.index.to_period("W-SUN").start_time
    weights = table["labels"].where(table["log_loss"].notna(), 0)
    sums = table[names].mul(weights, axis=0).groupby(week).sum()
    # Each figure has weights of its own: a day without requests has no mean score, though it may have labels.
    whole = table[names].notna().mul(weights, axis=0).groupby(week).sum()
    return sums.div(whole.where(whole > 0)).assign(labels=weights.groupby(week).sum()).rename_axis("week")


def feature_psi(days: Backtest | Day | Iterable[Day], reference: Reference) -> pd.DataFrame:
    """Return the population stability index of every input on every day.

    Parameters
    ----------
    days : Backtest, Day or iterable of Day
        As for `daily_signals`.
    reference : Reference
        As for `daily_signals`.

    Returns
    -------
    DataFrame of float, one row a day, one column an input

    Raises
    ------
    UsageError
        There is no day.

    Examples
    --------
    >>> from course_utils.operate import backtest
    >>> machine = backtest.small_backtest(flights)
    >>> reference = drift.reference(machine, "2013-01-01", "2013-01-02")
    >>> drift.feature_psi(machine, reference)[["Dest", "Distance"]].max().gt(0.25).to_dict()
    {'Dest': False, 'Distance': False}
    """
    rows, _, scheduled, _ = gather_days(days)
    code = scheduled.index.get_indexer(rows["day"])
    found = {name: reference.distributions[name].psi(rows[name], code, len(scheduled)) for name in reference.inputs}
    return pd.DataFrame(found, index=scheduled.index)


def textbook_alarms(table: pd.DataFrame, psi: pd.DataFrame) -> pd.DataFrame:
    """Return on which days the rules of thumb of `TEXTBOOK` fire.

    Parameters
    ----------
    table : DataFrame, one row a day
        As from `daily_signals`.
    psi : DataFrame, one row a day, one column an input
        As from `feature_psi`, over the same days.

    Returns
    -------
    DataFrame of bool, one row a day, one column a rule

    Examples
    --------
    >>> from course_utils import tables
    >>> year = tables.benchmark("drift_year")["2013-07-01":"2013-07-31"]
    >>> psi = pd.DataFrame({"temp": 0.1}, index=year.index)
    >>> print(drift.textbook_alarms(year, psi)["calibration, |z| > 2.58"].sum(), "of", len(year), "days")
    14 of 31 days
    """
    from scipy import stats

    p = stats.kstwo.sf(table["score_ks"], table["requests"].where(table["requests"] > 0))
    fires = (
        # The day of the week has a single value on any day: its PSI is always large and says nothing.
        psi.drop(columns="DayOfWeek", errors="ignore").max(axis=1).reindex(table.index) > 0.2,
        table["score_psi"] > 0.2,
        pd.Series(p, table.index) < 0.01,
        table["calibration_z"].abs() > 2.58,
        table["auc"] < 0.70,
    )
    return pd.DataFrame(dict(zip(TEXTBOOK, fires, strict=True)))


def sample_sizes(
    same: pd.Series,
    other: pd.Series,
    sizes: Sequence[int] = (50, 300, 3_000, 30_000),
    *,
    draws: int = 100,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how often two rules fire for samples of different sizes, with and without a change.

    Samples are drawn from the reference values themselves and from later values. Each sample is compared with the
    reference by PSI and by a test.

    Parameters
    ----------
    same : Series
        The reference values: numbers or texts.
    other : Series
        Later values of the same column, hardly different.
    sizes : sequence of int
        Rows in a sample, each 1 or more.
    draws : int
        How many samples of each size are drawn.
    seed : int
        Seed of the draws; the same seed gives the same table.

    Returns
    -------
    DataFrame of float, one row a sample size
        For samples of 'same' and of 'other': the median PSI, the share of samples with PSI > 0.2, and the share of
        tests with p < 0.01 (Kolmogorov-Smirnov for numbers, chi-squared for texts).

    Examples
    --------
    >>> table = drift.sample_sizes(flights["Dest"], flights["Dest"], sizes=(50, 1000), draws=10)
    >>> table["same: PSI > 0.2"].to_dict()
    {50: 1.0, 1000: 0.0}
    """
    rng, reference = np.random.default_rng(seed), Distribution.of(same, settings()["bins"])
    known = np.sort(same.to_numpy(dtype=float)) if reference.values is None else np.empty(0)
    rows = {}
    for size in sizes:
        found: dict[str, Any] = {}
        for name, values in (("same", same), ("other", other)):
            samples = [values.iloc[rng.integers(0, len(values), size)] for _ in range(draws)]
            psi = np.array([reference.psi(sample, np.zeros(size, dtype=int), 1)[0] for sample in samples])
            p = np.array([_p_value(sample, known, reference) for sample in samples])
            found |= {
                f"{name}: PSI": np.median(psi), f"{name}: PSI > 0.2": (psi > 0.2).mean(),
                f"{name}: p < 0.01": (p < 0.01).mean(),
            }  # fmt: skip
        rows[size] = found
    return pd.DataFrame(rows).T.rename_axis("rows")


def _p_value(sample: pd.Series, known: np.ndarray, reference: Distribution) -> float:
    """Return the p-value of a sample against the reference, which is large enough to count as known exactly."""
    from scipy import stats

    if reference.values is None:
        return float(stats.kstwo.sf(ks_distance(sample.to_numpy(dtype=float), known), len(sample)))
    counts = np.bincount(reference.bin_of(sample), minlength=reference.bins)
    expected = np.maximum(reference.counts, 0.5)  # chi-squared divides by it: an empty bin must not count as impossible
    expected *= counts.sum() / expected.sum()
    return float(stats.chisquare(counts, expected).pvalue)


def input_coverage(reference: Reference) -> pd.DataFrame:
    """Return which signals watch each input of the model.

    Parameters
    ----------
    reference : Reference
        As from `reference`; its inputs are those of the model.

    Returns
    -------
    DataFrame, one row an input
        'group' (of `features.groups`), 'kind' ('number' or 'text'), 'pages' (the signals that page, separated by
        commas) and 'evidence' (what is only read).

    Examples
    --------
    >>> from course_utils.operate import backtest
    >>> machine = backtest.small_backtest(flights)
    >>> reference = drift.reference(machine, "2013-01-01", "2013-01-02")
    >>> drift.input_coverage(reference).loc["temp", "pages"]
    'missing_weather, broken, stuck_weather'
    """
    group_of = {name: group for group, names in features.groups().items() for name in names}
    weather = dictionary.load("weather")
    rows = {}
    for name in reference.inputs:
        pages = [signal for signal, column in signals("page")["column"].dropna().items() if column == name]
        pages += [signal for signal, column in VOCABULARY.items() if column == name]
        pages += [f"missing_{source}" for source, columns in settings()["sources"].items() if name in columns]
        pages += ["clock"] if name in CLOCK_COLUMNS else []
        pages += ["other_distance"] if name == "Distance" else []
        pages += ["broken"] if name in dictionary.load().index or name in weather.index else []
        pages += ["stuck_weather"] if name in settings()["sources"]["weather"] else []
        kind = "number" if reference.distributions[name].values is None else "text"
        rows[name] = {"group": group_of[name], "kind": kind, "pages": ", ".join(pages), "evidence": "PSI"}
    return pd.DataFrame(rows).T.rename_axis("input")
