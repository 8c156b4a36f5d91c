"""Detectors of the pitfalls of signals to choose: reliable, needed, known in time, and the same as before.

Each takes a `Context` and yields findings; `detects` makes a check of it, under the name of its row in
``tables/model/pitfalls.toml``. Below each are the helpers that only it uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from course_utils.data import categories, faults
from course_utils.errors import DataError
from course_utils.model import metrics
from course_utils.model.distributions import Distribution
from course_utils.model.pitfalls.days import day_blocks, day_numbers, difference_by_days
from course_utils.model.pitfalls.deliveries import (
    ROUTE_COLUMNS,
    candidate_inputs,
    course_features,
    inputs_in,
    is_number,
    label_values,
    outcome_columns,
)
from course_utils.model.pitfalls.experiments import permutation_importance
from course_utils.model.pitfalls.registry import Context, NotAssessableError, detects, finding, read_limits, require
from course_utils.wording import counted


@detects("reliable")
def _reliable(context: Context) -> Iterator[dict[str, Any]]:
    """Find days on which an input is missing far more often than on the worst day of the reference."""
    delivery, reference = context.delivery, context.reference
    require(reference, "a reference: flights of an earlier time")
    names = inputs_in(delivery, reference)
    now, before = (_missing_by_day(one.rows, names) for one in (delivery, reference))
    worst = before.max()
    outages = now.gt(worst + read_limits()["missing_jump"])
    together: dict[tuple, list[str]] = {}
    for name in names:
        days = tuple(outages.index[outages[name]])
        if days:
            together.setdefault(days, []).append(name)
    for days, columns in together.items():
        share = now.loc[list(days), columns].to_numpy().max()
        shown = f"{str(days[0])[:4]}-{str(days[0])[4:6]}-{str(days[0])[6:]}" + (
            f" and {counted(len(days) - 1, 'more day')}" if len(days) > 1 else ""
        )
        evidence = f"missing for {share:.0%} of the flights on {shown}; before, for {worst[columns].max():.0%} at most"
        yield finding(columns, evidence, share, "stop" if share >= 0.5 else "look")


def _missing_by_day(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the missing share by day and column; days with few flights are left out."""
    lacking = [name for name in names if rows[name].isna().any()]
    day = day_numbers(rows)
    full = day.value_counts()
    shares = rows[lacking].isna().groupby(day).mean() if lacking else pd.DataFrame(index=sorted(day.unique()))
    return shares[full.loc[shares.index].to_numpy() >= 20].reindex(columns=names, fill_value=0.0)


@detects("changes")
def _changes(context: Context) -> Iterator[dict[str, Any]]:
    """Find inputs whose distribution changed more than it differs between days drawn at random."""
    delivery, reference, dictionary = context.delivery, context.reference, context.dictionary
    require(reference, "a reference: flights of an earlier time")
    limits = read_limits()
    rows = [day_blocks(one.rows) for one in (delivery, reference)]
    names = candidate_inputs(delivery, dictionary, reference)
    counts = [_bins_by_day(rows, name) for name in names]
    size = [int(part.nunique()) for part in map(day_numbers, rows)]
    if min(size) < 5:
        raise NotAssessableError("five days of flights or more")
    rng, total = np.random.default_rng(0), sum(size)
    # Every draw uses the same days for all inputs, and the limit is a quantile of the largest ratio of each draw. So
    # the chance of any false alarm, over all inputs together, is the level (Westfall and Young, 1993).
    draws = np.array([rng.permutation(total) < size[0] for _ in range(200)])
    ratios, measured = [], []
    for table in counts:
        observed = metrics.psi(table[: size[0]].sum(0), table[size[0] :].sum(0))
        chance = metrics.psi(draws @ table, (~draws) @ table)
        scale = max(float(chance.mean()), 1e-6)
        measured.append((observed, observed / scale))
        ratios.append(chance / scale)
    limit = np.quantile(np.max(ratios, axis=0), 1 - limits["level"]) if names else 0
    for name, (psi, ratio) in zip(names, measured, strict=True):
        if ratio > limit:
            evidence = f"PSI {psi:.2f}, {counted(round(ratio), 'time')} as much as between days drawn at random"
            yield finding(name, evidence, psi, "look" if psi >= limits["changed"] else "note")


def _bins_by_day(rows: Sequence[pd.DataFrame], name: str) -> np.ndarray:
    """Count flights by day and bin, the days of the first table above those of the second."""
    both = pd.concat([part[name].astype(object if not is_number(part[name]) else float) for part in rows])
    if is_number(both):
        # Only bins that have a flight: half a row in each of the others would be added to every comparison.
        codes = np.unique(Distribution.of(both).bin_of(both), return_inverse=True)[1]
    else:
        common = both.value_counts().index[:12]
        codes = pd.Categorical(both, categories=common).codes.astype(int)
        codes = np.where(codes < 0, len(common), codes)
    width, tables_ = int(codes.max()) + 1, []
    start = 0
    for part in rows:
        day, mine = pd.factorize(day_numbers(part), sort=True)[0], codes[start : start + len(part)]
        start += len(part)
        tables_.append(np.bincount(day * width + mine, minlength=(int(day.max()) + 1) * width).reshape(-1, width))
    return np.vstack(tables_).astype(float)


@detects("necessary")
def _necessary(context: Context) -> Iterator[dict[str, Any]]:
    """Find inputs that help a small model no more than a column of random numbers does."""
    delivery, dictionary = context.delivery, context.dictionary
    names = candidate_inputs(delivery, dictionary)
    require(names, "an input that a model may have")
    try:
        gains = permutation_importance(delivery, names)
    except DataError:
        raise NotAssessableError("six days or more, with late and on-time flights") from None
    for name in names:
        if gains[name] <= gains["chance"]:
            evidence = (
                f"shuffling it costs {max(gains[name], 0):.4f} of AUC; random columns cost up to {gains['chance']:.4f}"
            )
            yield finding(name, evidence, gains[name], "look")


@detects("correlated")
def _correlated(context: Context) -> Iterator[dict[str, Any]]:
    """Find inputs that duplicate another one, and inputs whose correlation with the label has changed."""
    delivery, reference, dictionary = context.delivery, context.reference, context.dictionary
    limits = read_limits()
    names = [name for name in candidate_inputs(delivery, dictionary, numbers=True) if delivery.rows[name].nunique() > 2]
    rows = day_blocks(delivery.rows)
    ranks = _ranks(rows, names)
    before = _ranks(day_blocks(reference.rows), inputs_in(reference, numbers=True)) if reference else None
    for one, other, r in _near_duplicates(ranks, limits["twins"]):
        old = before is not None and {one, other} <= set(before.columns)
        # A little below the limit: a pair that just missed it in the reference is not new.
        known = old and abs(np.corrcoef(before[one], before[other])[0, 1]) >= limits["twins"] - 0.02
        evidence = f"rank correlation {r:.3f}" + (", as in the reference" if known else "")
        yield finding((one, other), evidence, r, "note" if known else "look")
    if reference is None:
        return
    shared = [name for name in names if name in reference.rows.columns]
    now, then = (_label_correlations(day_blocks(one.rows), shared) for one in (delivery, reference))
    for name in shared:
        (r, error), (old, old_error) = now[name], then[name]
        z = abs(r - old) / max(np.hypot(error, old_error), 1e-9)
        if z > limits["z"] and abs(r - old) > 0.1:
            yield finding(name, f"its correlation with the label is {r:.2f}, and was {old:.2f} before", r - old, "look")


def _ranks(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the ranks of some columns of numbers; missing values get the mean rank."""
    ranks = rows[list(names)].rank()
    return ranks.fillna(ranks.mean()).fillna(0.0)


def _near_duplicates(ranks: pd.DataFrame, limit: float) -> Iterator[tuple[str, str, float]]:
    """Yield pairs of columns with a rank correlation at a limit or above, and the correlation."""
    varied = ranks.loc[:, ranks.std() > 0]
    if varied.shape[1] < 2:
        return
    r = np.corrcoef(varied.to_numpy(), rowvar=False)
    for one, other in zip(*np.where(np.triu(np.abs(r) >= limit, k=1)), strict=True):
        yield varied.columns[one], varied.columns[other], float(r[one, other])


def _label_correlations(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return each input's rank correlation with the label, and its standard error clustered by day."""
    late = label_values(rows)
    rows, late = rows[~np.isnan(late)], late[~np.isnan(late)]
    ranks = _ranks(rows, names).to_numpy()
    day = pd.factorize(day_numbers(rows))[0]
    if not len(day) or late.min() == late.max():
        return dict.fromkeys(names, (0.0, np.inf))
    x = (ranks - ranks.mean(0)) / np.maximum(ranks.std(0), 1e-9)
    product = x * ((late - late.mean()) / late.std())[:, None]
    sums = np.column_stack([np.bincount(day, weights=column) for column in product.T])
    r = product.mean(0)
    # How far the sums of the days are from what their numbers of flights would give.
    error = np.sqrt(((sums - np.bincount(day)[:, None] * r) ** 2).sum(0)) / len(day)
    return {name: (float(r[place]), float(error[place])) for place, name in enumerate(names)}


@detects("feedback")
def _feedback(context: Context) -> Iterator[dict[str, Any]]:
    """Find out whether warned flights were late less often than similar flights of the hold-out."""
    delivery = context.delivery
    log = delivery.log if context.log is None else context.log
    require(log, "a log of the model in service: probability, warned, held_out")
    absent = [name for name in faults.LOG_COLUMNS if name not in log.columns]
    if absent:
        raise NotAssessableError(f"{absent[0]!r} in the log")
    log = log.reindex(delivery.rows.index)
    late = label_values(delivery.rows)
    # Flights of the hold-out that would have been warned: those at or above the lowest probability of a warning.
    warned = log["warned"].eq(True).to_numpy()
    level = log["probability"].where(warned).min()
    untouched = log["held_out"].eq(True).to_numpy() & (log["probability"] >= level).to_numpy()
    if (untouched & ~np.isnan(late)).sum() < 50:
        raise NotAssessableError("an untouched hold-out in the log, 50 flights or more that would have been warned")
    # The model's probability is subtracted, so that a difference in risk between the two groups does not count.
    surprise = late - log["probability"].to_numpy(dtype=float)
    gap, error = difference_by_days(surprise, untouched, warned, day_numbers(delivery.rows))
    if gap > read_limits()["z_feedback"] * error:
        evidence = (
            f"warned flights were late {counted(round(100 * gap), 'point')} less often than untouched ones with the "
            "same probability"
        )
        yield finding(("IsDepDelayed", "warned"), evidence, gap, "stop")


@detects("semantic")
def _semantic(context: Context) -> Iterator[dict[str, Any]]:
    """Find codes, units and clock times whose meaning has changed: contracts, since scores hardly show it."""
    delivery, reference = context.delivery, context.reference
    require(reference, "a reference: flights of an earlier time")
    limits = read_limits()
    yield from _carriers_on_new_routes(delivery.rows, reference.rows, limits["unseen_routes"])
    for name in inputs_in(delivery, reference, numbers=True):
        known = _values_of_a_list(reference.rows, name)
        if known is not None:
            there = delivery.rows[name].dropna()
            share = float(1 - there.isin(known).mean()) if len(there) else 0.0
            if share > limits["unseen_values"]:
                evidence = (
                    f"{share:.0%} of its values are not among the {counted(len(known), 'known value')}: another unit?"
                )
                yield finding(name, evidence, share, "stop")
    yield from _clock_mismatch(delivery.rows, reference.rows, limits["clock"])


def _values_of_a_list(rows: pd.DataFrame, name: str) -> np.ndarray | None:
    """Return the values of a column that takes them from a list, such as distances; None for other columns."""
    values = rows[name]
    known = values.dropna().unique()
    if not 5 <= len(known) <= 400:
        return None
    # A list is complete: the values of half of the days hardly ever lack one that occurs on the others.
    half = day_numbers(rows).rank(method="dense") % 2 == 0
    rest = values[~half].dropna()
    return known if len(rest) and (~rest.isin(values[half].unique())).mean() < 0.1 else None


def _carriers_on_new_routes(rows: pd.DataFrame, known: pd.DataFrame, limit: float) -> Iterator[dict[str, Any]]:
    """Find known carriers that fly many routes on which the reference never has them."""
    names = ["UniqueCarrier", *ROUTE_COLUMNS]
    flown = set(_joined_texts(known, names))
    keys, counts = np.unique(_joined_texts(rows, names), return_counts=True)
    table = pd.DataFrame({"carrier": [key.partition("|")[0] for key in keys], "flights": counts})
    table["new"] = [count if key not in flown else 0 for key, count in zip(keys, counts, strict=True)]
    by = table.groupby("carrier")[["flights", "new"]].sum()
    by = by[by.index.isin(known["UniqueCarrier"].astype(str).unique()) & (by["flights"] >= 30)]
    shares = (by["new"] / by["flights"])[lambda share: share > limit]
    if len(shares):
        listed = ", ".join(f"{carrier} {share:.0%}" for carrier, share in shares.items())
        evidence = f"flights on routes that the carrier never flew before: {listed}. Were codes swapped?"
        yield finding("UniqueCarrier", evidence, shares.max(), "stop")


def _joined_texts(rows: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return the texts of some columns, joined by bars."""
    # Each combination is joined once and looked up: a hundred times faster than joining row by row.
    codes, uniques = pd.MultiIndex.from_frame(rows[list(names)].astype(str)).factorize()
    return np.array(["|".join(key) for key in uniques], dtype=object)[codes]


def _clock_mismatch(rows: pd.DataFrame, known: pd.DataFrame, limit: float) -> Iterator[dict[str, Any]]:
    """Find out whether arrival, departure and duration fit together more rarely than in the reference."""
    off, before = (_clock_mismatch_share(part) for part in (rows, known))
    if off > before + limit:
        evidence = (
            f"on {off:.0%} of the flights, arrival does not match departure plus duration; on {before:.0%} before"
        )
        yield finding(("CRSDepTime", "CRSArrTime", "CRSElapsedTime"), evidence, off, "stop")


def _clock_mismatch_share(rows: pd.DataFrame) -> float:
    """Return the share of flights whose three times do not fit together, by more than a time zone."""
    # Arrival less departure less duration is a difference of time zones: a whole number of half-hours.
    minutes = [rows[name] // 100 * 60 + rows[name] % 100 for name in ("CRSArrTime", "CRSDepTime")]
    zone = (minutes[0] - minutes[1] - rows["CRSElapsedTime"]) % 30
    return float((zone[zone.notna()] != 0).mean()) if zone.notna().any() else 0.0


@detects("rare")
def _rare(context: Context) -> Iterator[dict[str, Any]]:
    """Find categories, and numbers that are only names, whose values have too few flights to learn from."""
    delivery, dictionary = context.delivery, context.dictionary
    limits = read_limits()
    names = [name for name in inputs_in(delivery, numbers=False) if name not in outcome_columns(dictionary)]
    names += [name for name in ("FlightNum",) if name in delivery.inputs]
    for name in names:
        counts = delivery.rows[name].value_counts()
        few = counts[(counts > 0) & (counts < limits["rare_flights"])]
        share = few.sum() / max(1, counts.sum())
        if share > limits["rare_share"]:
            values, least = counted(int((counts > 0).sum()), "value"), counted(limits["rare_flights"], "flight")
            evidence = f"{len(few):,} of {values} with fewer than {least} each; together, {share:.0%} of the flights"
            yield finding(name, evidence, share, "look")


@detects("vocabulary")
def _vocabulary(context: Context) -> Iterator[dict[str, Any]]:
    """Find values of categories that the reference does not have."""
    delivery, reference, dictionary = context.delivery, context.reference, context.dictionary
    require(reference, "a reference: the flights that a model was trained on")
    for name in inputs_in(delivery, reference, numbers=False):
        if name in outcome_columns(dictionary):
            continue
        there = categories.as_texts(delivery.rows[name]).dropna()
        unseen = there[~there.isin(set(categories.distinct(reference.rows[name])))]
        if len(unseen):
            counts = unseen.value_counts()
            share = len(unseen) / max(1, len(there))
            listed = ", ".join(f"{value} ({count:,})" for value, count in counts.head(3).items())
            evidence = f"{counted(len(counts), 'unseen value')} on {counted(len(unseen), 'flight')}: {listed}" + (
                " …" if len(counts) > 3 else ""
            )
            severity = "look" if share > read_limits()["unseen_share"] else "note"
            yield finding(name, evidence, share, severity)


@detects("available")
def _available(context: Context) -> Iterator[dict[str, Any]]:
    """Find inputs that, by the dictionary, are not known yet when the prediction is made."""
    delivery, dictionary, horizon = context.delivery, context.dictionary, context.horizon
    undocumented = []
    for name in delivery.inputs:
        if name in dictionary.index:
            hours = dictionary.loc[name, "known_hours_before"]
            if not hours >= horizon:
                when = "afterwards only" if hours < 0 else "at departure" if hours == 0 else f"{hours:g} h before"
                evidence = f"known {when}, needed {horizon:g} h before: {dictionary.loc[name, 'why']}"
                yield finding(name, evidence, hours, "stop")
        elif name not in course_features():
            undocumented.append(name)
    if undocumented:
        raise NotAssessableError(f"a line in the dictionary for {', '.join(undocumented)}")


@detects("outliers")
def _outliers(context: Context) -> Iterator[dict[str, Any]]:
    """Find numbers that are outside the usual range by more than its width."""
    delivery, reference, dictionary = context.delivery, context.reference, context.dictionary
    names = candidate_inputs(delivery, dictionary, numbers=True)
    usual = day_blocks((reference or delivery).rows)
    for name in names:
        if name not in usual.columns or not usual[name].notna().any():
            continue
        low, high = usual[name].quantile([0.0005, 0.9995])
        width = high - low
        values = delivery.rows[name]
        beyond = values[(values < low - width) | (values > high + width)]
        if width > 0 and len(beyond):
            worst = beyond.iloc[int((beyond - (low + high) / 2).abs().to_numpy().argmax())]
            usual_range = f"{low - width:,.4g} to {high + width:,.4g}"
            evidence = f"{counted(len(beyond), 'flight')} outside {usual_range}; most extreme: {worst:,.4g}"
            yield finding(name, evidence, worst, "look" if len(beyond) >= 5 else "note")
