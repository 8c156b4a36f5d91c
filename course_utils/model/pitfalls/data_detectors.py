"""Detectors of the pitfalls of data to remove: wrong labels and values, duplicates, leaks, and forbidden columns.

Each takes a `Context` and yields findings; `detects` makes a check of it, under the name of its row in
``tables/model/pitfalls.toml``. Below each are the helpers that only it uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from course_utils.data import dictionary as data_dictionary
from course_utils.errors import DataError
from course_utils.model import metrics, training
from course_utils.model.pitfalls.days import day_blocks, day_numbers, difference_by_days
from course_utils.model.pitfalls.deliveries import (
    DATE_COLUMNS,
    ROUTE_COLUMNS,
    Delivery,
    candidate_inputs,
    course_features,
    inputs_in,
    label_values,
    late_minutes,
    outcome_columns,
)
from course_utils.model.pitfalls.registry import Context, NotAssessableError, detects, finding, read_limits, require
from course_utils.wording import counted


@detects("labels")
def _labels(context: Context) -> Iterator[dict[str, Any]]:
    """Find labels that contradict the recorded delay, and carriers whose share of late flights shifted on its own."""
    delivery, reference = context.delivery, context.reference
    rows, late = delivery.rows, label_values(delivery.rows)
    delay = rows["DepDelay"].to_numpy(dtype=float)
    gone = np.isnan(delay)
    cancelled = int((gone & (late == 1)).sum())
    if cancelled:
        evidence = f"{counted(cancelled, 'flight')} with the label YES never left"
        yield finding("IsDepDelayed", evidence, cancelled, "stop")
    both = ~gone & ~np.isnan(late)
    if both.any():
        minutes, wrong = _late_from(delay[both], late[both])
        if wrong:
            evidence = f"{counted(wrong, 'label')} contradicting the recorded delay, whatever counts as late"
            yield finding("IsDepDelayed", evidence, wrong, "stop")
        if minutes != late_minutes():
            evidence = (
                f"YES stands for {counted(minutes, 'minute')} or more; in the course for {late_minutes()} or more"
            )
            yield finding("IsDepDelayed", evidence, minutes, "note")
    unlabelled = int((~gone & np.isnan(late)).sum())
    if unlabelled:
        yield finding(
            "IsDepDelayed", f"{counted(unlabelled, 'flight')} with a delay but without a label", unlabelled, "look"
        )
    if reference is not None:
        yield from _shifted_carriers(rows, reference.rows)
    else:
        raise NotAssessableError("a reference: flights of an earlier time, for the share late of each carrier")


def _late_from(delay: np.ndarray, late: np.ndarray) -> tuple[int, int]:
    """Return the delay, in minutes, from which the labels say late, and how many labels contradict it."""
    # The course's own minutes come first: min() keeps the first of several that fit equally well.
    wrong = {minutes: int(((delay >= minutes) != (late == 1)).sum()) for minutes in (late_minutes(), *range(1, 31))}
    best = min(wrong, key=lambda minutes: wrong[minutes])
    return best, wrong[best]


def _shifted_carriers(rows: pd.DataFrame, known: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Find carriers whose share late, relative to the others on the same days, differs from the reference."""
    limits = read_limits()
    now, then = (_carrier_differences(day_blocks(part)) for part in (rows, known))
    for carrier in now.index.intersection(then.index):
        (gap, error), (old, old_error) = now.loc[carrier], then.loc[carrier]
        z = (gap - old) / max(np.hypot(error, old_error), 1e-9)
        if abs(z) > limits["z"] and abs(gap - old) > 0.04:
            evidence = f"share late of {carrier} relative to the others on the same days: {gap:+.1%}, {old:+.1%} before"
            yield finding("IsDepDelayed", evidence, gap - old, "look", "ask the carrier how it logs delays now")


def _carrier_differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, for each large carrier, its share late less the others' on the same days, and the standard error."""
    late = label_values(rows)
    rows, late = rows[~np.isnan(late)], late[~np.isnan(late)]
    days = pd.factorize(day_numbers(rows))[0]
    carriers, names = pd.factorize(rows["UniqueCarrier"].astype(str))
    count = np.zeros((days.max(initial=-1) + 1, len(names)))
    lates = count.copy()
    np.add.at(count, (days, carriers), 1)
    np.add.at(lates, (days, carriers), late)
    found = {}
    for place, name in enumerate(names):
        mine, others = count[:, place], count.sum(1) - count[:, place]
        usable = (mine >= 5) & (others >= 5)
        if usable.sum() >= 5 and mine.sum() >= 300:
            gap = lates[usable, place] / mine[usable] - (lates.sum(1) - lates[:, place])[usable] / others[usable]
            weight = mine[usable] / mine[usable].sum()
            mean = (weight * gap).sum()
            found[name] = (mean, np.sqrt((weight**2 * (gap - mean) ** 2).sum()))
    return pd.DataFrame(found, index=["gap", "error"]).T


@detects("values")
def _values(context: Context) -> Iterator[dict[str, Any]]:
    """Find raw columns and weather whose values the dictionary does not allow."""
    delivery = context.delivery
    for error in _validation_errors(delivery.rows):
        if error.column is not None and not isinstance(error, data_dictionary.MissingShareError):
            yield finding(error.column, error.problem, _rows_in_message(error.problem), "stop", error.fix)
    weather = data_dictionary.load("weather")
    for name in weather.index.intersection(delivery.rows.columns):
        low, high = weather.loc[name, ["low", "high"]]
        # low == low: NaN means that the dictionary sets no range.
        wrong = delivery.rows[name][(delivery.rows[name] < low) | (delivery.rows[name] > high)] if low == low else []
        if len(wrong):
            evidence = (
                f"{counted(len(wrong), 'flight')} with values up to {wrong.max():,.0f}, outside {low:g} to {high:g}"
            )
            yield finding(name, evidence, len(wrong), "stop")


def _rows_in_message(problem: str) -> int:
    """Return how many rows an error message is about, from its words '(and 12 more rows)'."""
    more = re.search(r"\(and ([\d,]+) more rows\)", problem)
    return 1 + int(more[1].replace(",", "")) if more else 1


def _validation_errors(rows: pd.DataFrame) -> list[DataError]:
    """Return all errors of the dictionary, not only the first."""
    # `dictionary.validate` stops at the first error. So each refused column is replaced by an allowed value, and the
    # rows are validated again.
    known = data_dictionary.load()
    rows = rows[[name for name in rows.columns if name in known.index]].copy(deep=False)
    found: list[DataError] = []
    asked: set[str] = set()
    for _ in range(3 * len(known)):
        try:
            data_dictionary.validate(rows)
            break
        except DataError as error:
            name = error.column
            keys = asked & set(data_dictionary.KEY)
            if name is None:  # the key is not unique: `duplicates` counts the rows
                rows = rows.assign(FlightNum=_unique_flight_numbers(rows))
                found += [] if keys else [error]
                continue
            found.append(error)
            if name in asked:
                break
            legal = _VALID_DATE if name in _VALID_DATE else {name: _allowed_value(known.loc[name])}
            asked |= set(legal)
            rows = rows.assign(**legal)
    return found


#: A date whose parts fit together: an allowed value for one part alone could make an impossible date.
_VALID_DATE = {"Year": 2013, "Month": 1, "DayofMonth": 1, "DayOfWeek": 2}


def _allowed_value(rule: pd.Series) -> Any:
    """Return a value that the dictionary allows in a column."""
    if rule["type"] == "text":
        return rule["values"].split()[0] if rule["values"] else "AAA"
    return int(rule["low"]) if rule["type"] == "integer" else float(rule["low"])


def _unique_flight_numbers(rows: pd.DataFrame) -> np.ndarray:
    """Return flight numbers with which no two rows have the same key."""
    rest = [name for name in data_dictionary.KEY if name != "FlightNum"]
    return rows.groupby(rest, observed=True).cumcount().to_numpy() % 9999 + 1


@detects("duplicates")
def _duplicates(context: Context) -> Iterator[dict[str, Any]]:
    """Find flights that occur twice, in the delivery or in both delivery and reference."""
    delivery, reference = context.delivery, context.reference
    key = list(data_dictionary.KEY)
    rows = delivery.rows
    double = rows[rows.duplicated(key)]
    if len(double):
        airports = double["Origin"].astype(str).value_counts()
        evidence = (
            f"{counted(len(double), 'row')} repeating a flight, {airports.iloc[0]:,} of them from {airports.index[0]}"
        )
        yield finding("", evidence, len(double), "stop")
    if reference is not None:
        both = pd.concat([reference.rows[key].drop_duplicates(), rows[key].drop_duplicates()]).duplicated().sum()
        if both:
            yield finding(
                "",
                f"{counted(both, 'flight')} also in the reference",
                both,
                "stop",
                "keep each flight on one side only",
            )


@detects("omitted")
def _omitted(context: Context) -> Iterator[dict[str, Any]]:
    """Find inputs that are missing too often, for some carriers only, or more often if the flight is late."""
    delivery, reference, dictionary = context.delivery, context.reference, context.dictionary
    limits = read_limits()
    for error in _validation_errors(delivery.rows):
        if isinstance(error, data_dictionary.MissingShareError) and error.column in delivery.inputs:
            share = delivery.rows[error.column].isna().mean()
            yield finding(error.column, error.problem, share, "look")
    names = [name for name in inputs_in(delivery) if name not in outcome_columns(dictionary)]
    rows = day_blocks(delivery.rows)
    before = day_blocks(reference.rows) if reference is not None else None
    gone, late, day = rows["DepDelay"].isna().to_numpy(), label_values(rows), day_numbers(rows)
    as_before: list[tuple[str, float]] = []
    for name in names:
        missing = rows[name].isna().to_numpy()
        if missing.all() or missing.sum() < 30:
            continue
        if gone[missing].mean() > 0.9 and gone.mean() < 0.5:
            evidence = f"missing for {missing.mean():.1%} of the flights; {gone[missing].mean():.0%} of them never left"
            yield finding(
                name, evidence, missing.mean(), "look", "do not use it: it reveals that the flight was cancelled"
            )
            continue
        gap, error = difference_by_days(late, missing, ~missing, day)
        if abs(gap) > limits["z"] * max(error, 1e-9) and abs(gap) > 0.1:
            old = _difference_where_missing(before, name) if before is not None else None
            if old is not None and gap * old > 0 and abs(gap - old) <= limits["z"] * error + 0.1:
                as_before.append((name, gap))
            else:
                evidence = f"share late {gap:+.0%} where it is missing ({missing.mean():.1%} of the flights)"
                yield finding(name, evidence, gap, "look")
        yield from _missing_for_some_carriers(rows, name, before)
    if as_before:
        worst = max((gap for _, gap in as_before), key=abs)
        evidence = f"share late up to {worst:+.0%} where they are missing, about as in the reference"
        yield finding((name for name, _ in as_before), evidence, worst, "note")


def _difference_where_missing(rows: pd.DataFrame, name: str) -> float | None:
    """Return the share late where a column is missing, less that elsewhere; None if too few values are missing."""
    if name not in rows.columns or not 30 <= rows[name].isna().sum() < len(rows):
        return None
    missing = rows[name].isna().to_numpy()
    return difference_by_days(label_values(rows), missing, ~missing, day_numbers(rows))[0]


def _missing_for_some_carriers(rows: pd.DataFrame, name: str, before: pd.DataFrame | None) -> Iterator[dict[str, Any]]:
    """Find carriers for which an input is mostly missing now, and was not before, while the others have it."""
    share = rows[name].isna().mean()
    now = _missing_by_carrier(rows, name)
    worst = now[now > 0.6].sort_values(ascending=False)
    if before is not None and name in before.columns:
        old = _missing_by_carrier(before, name).reindex(worst.index)
        worst = worst[~(old > worst - 0.3)]
    if len(worst) and share <= 0.4:
        listed = ", ".join(f"{carrier} {part:.0%}" for carrier, part in worst.items())
        evidence = f"missing for {share:.0%} of all flights, but for {listed}: does a join fail?"
        yield finding(name, evidence, worst.iloc[0], "look", "compare keys of both tables for these carriers")


def _missing_by_carrier(rows: pd.DataFrame, name: str) -> pd.Series:
    """Return the share missing by carrier; carriers with few flights are left out."""
    by = rows[name].isna().groupby(rows["UniqueCarrier"].astype(str)).agg(["mean", "size"])
    return by.loc[by["size"] >= 100, "mean"]


@detects("leaky")
def _leaky(context: Context) -> Iterator[dict[str, Any]]:
    """Find outcomes among the inputs, inputs with too high an AUC, and means of the label over all rows."""
    delivery, dictionary = context.delivery, context.dictionary
    limits = read_limits()
    outcomes = [name for name in delivery.inputs if name in outcome_columns(dictionary)]
    for name in outcomes:
        yield finding(
            name, f"an outcome: {dictionary.loc[name, 'why']}", dictionary.loc[name, "known_hours_before"], "stop"
        )
    added = [
        name
        for name in inputs_in(delivery, numbers=True)
        if name not in dictionary.index and name not in course_features()
    ]
    rows = delivery.rows[~np.isnan(label_values(delivery.rows))]
    late = label_values(rows)
    if not len(rows) or late.min() == late.max():
        return
    for name in added:
        there = rows[name].notna().to_numpy()
        if there.sum() < 100 or rows[name].nunique() < 2 or late[there].min() == late[there].max():
            continue
        ranking = metrics.auc(late[there], rows[name][there])
        if max(ranking, 1 - ranking) > limits["obvious_auc"]:
            yield finding(name, f"alone it reaches an AUC of {max(ranking, 1 - ranking):.2f}", ranking, "stop")
            continue
        whose, r = _closest_label_mean(rows, late, name)
        if abs(r) > limits["mean_of_label"]:
            evidence = f"it is the share late of the flight's {whose}, later flights included (correlation {r:.3f})"
            yield finding(name, evidence, r, "stop")


#: Groups of flights whose mean label, taken over all rows, a quiet leak may contain.
_LABEL_GROUPS = {
    "origin and day": ["Origin", *DATE_COLUMNS],
    "carrier and day": ["UniqueCarrier", *DATE_COLUMNS],
    "route and day": [*ROUTE_COLUMNS, *DATE_COLUMNS],
    "day": [*DATE_COLUMNS],
    "tail number": ["TailNum"],
    "carrier": ["UniqueCarrier"],
    "origin": ["Origin"],
    "destination": ["Dest"],
    "route": [*ROUTE_COLUMNS],
    "carrier and route": ["UniqueCarrier", *ROUTE_COLUMNS],
    "carrier and flight number": ["UniqueCarrier", "FlightNum"],
}


def _closest_label_mean(rows: pd.DataFrame, late: np.ndarray, name: str) -> tuple[str, float]:
    """Return the group whose share late, over all rows, correlates most with an input, and the correlation."""
    values = rows[name].to_numpy(dtype=float)
    best = ("", 0.0)
    for whose, columns in _LABEL_GROUPS.items():
        codes = rows.groupby(columns, observed=True, dropna=False).ngroup().to_numpy()
        size = np.bincount(codes)
        mean = (np.bincount(codes, weights=late) / np.maximum(size, 1))[codes]
        # Means of small groups are often smoothed towards the overall mean, which lowers the correlation.
        use = (size[codes] >= 20) & ~np.isnan(values)
        if use.sum() >= 100 and mean[use].std() > 0 and values[use].std() > 0:
            r = float(np.corrcoef(mean[use], values[use])[0, 1])
            best = (whose, r) if abs(r) > abs(best[1]) else best
    return best


@detects("illegal")
def _illegal(context: Context) -> Iterator[dict[str, Any]]:
    """Find inputs that are known in time but must not be used, and inputs that reveal a forbidden one."""
    delivery, dictionary = context.delivery, context.dictionary
    listed = [name for name in delivery.inputs if name in dictionary.index]
    for name in listed:
        rule = dictionary.loc[name]
        if rule["use"] == "no" and rule["role"] not in ("outcome", "label"):
            yield finding(name, f"the dictionary forbids it: {rule['why']}", rule["known_hours_before"], "stop")
    banned = [
        name for name in dictionary.index[dictionary["why"].str.startswith("policy")] if name in delivery.rows.columns
    ]
    for name in banned:
        share, usual, helper = _recovered_share(delivery, dictionary, name)
        if share > usual + 0.25:
            evidence = (
                f"forbidden, but other inputs reveal it for {share:.0%} of the flights (by guessing: {usual:.0%})"
            )
            yield finding(
                (name, helper), evidence, share, "look", "drop the inputs that reveal it, or test the effect on people"
            )


def _recovered_share(delivery: Delivery, dictionary: pd.DataFrame, name: str) -> tuple[float, float, str]:
    """Return how often a tree finds a forbidden value from the other inputs, how often a guess does, and from what."""
    from sklearn.tree import DecisionTreeClassifier

    rows = day_blocks(delivery.rows)
    rows = rows[rows[name].notna()]
    names = [one for one in candidate_inputs(delivery, dictionary) if one != name]
    X = np.nan_to_num(training.Encoder.fit(rows[names]).transform(rows[names]), nan=-1e6)
    y = pd.factorize(rows[name].astype(str))[0]
    held = day_numbers(rows).rank(method="dense").to_numpy() % 3 == 0
    tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=0).fit(X[~held], y[~held])
    usual = np.bincount(y[~held]).argmax()
    return (
        float(tree.score(X[held], y[held])),
        float((y[held] == usual).mean()),
        names[tree.feature_importances_.argmax()],
    )


@detects("imbalance")
def _imbalance(context: Context) -> Iterator[dict[str, Any]]:
    """Find out whether one class has fewer flights than the deck's 15% of the other."""
    delivery = context.delivery
    late = label_values(delivery.rows)
    late = late[~np.isnan(late)]
    require(late, "labels")
    share = min(late.mean(), 1 - late.mean())
    ratio = share / (1 - share)
    if ratio < read_limits()["imbalance"]:
        evidence = f"the rarer class has {share:.1%} of the flights, which is {ratio:.0%} of the other class"
        yield finding("IsDepDelayed", evidence, ratio, "look")


@detects("variance")
def _variance(context: Context) -> Iterator[dict[str, Any]]:
    """Find inputs that have the same value on every row, or none."""
    delivery = context.delivery
    for name in inputs_in(delivery):
        column = delivery.rows[name]
        if column.isna().all():
            yield finding(name, "it is empty on every row", 0, "look")
        elif (column == column.iloc[0]).all():
            yield finding(name, f"it is {column.iloc[0]} on every row", 1, "look")
