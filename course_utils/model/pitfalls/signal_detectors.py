"""The deck's 18 pitfalls, each as a check that looks at a delivery of flights and says what it found.

All have one signature: ``check(delivery, reference, dictionary, horizon, log=None)``, and answer with a table of
findings: check, where (columns, or none where whole rows are meant), evidence, number, severity and fix. Severity is
'stop' or 'look' (an alarm), 'note' (worth knowing), or 'not assessable' where something is absent that the check needs:
what could not be looked at is never called fine. `run_checks` runs them all.

Checks of kind 'rule' are exact. Those of kind 'statistic' compare days, not flights, since flights of one day share its
weather; they look at whole days with at most 20,000 flights, and benchmarks/pitfalls.py measures how often they are
wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import dictionary as data_dictionary
from course_utils.data import faults, features
from course_utils.errors import DataError, UsageError
from course_utils.model import metrics, training

__all__ = [
    "ALARMS",
    "AUDITED",
    "CHECKS",
    "COLUMNS",
    "SEVERITIES",
    "Audit",
    "Delivery",
    "available",
    "changes",
    "checks",
    "correlated",
    "cost_of_missed_faults",
    "day_blocks",
    "detector",
    "detector_error_rates",
    "duplicates",
    "example_deliveries",
    "feedback",
    "illegal",
    "imbalance",
    "labels",
    "leaky",
    "make_delivery",
    "necessary",
    "omitted",
    "outliers",
    "permutation_importance",
    "rare",
    "reliable",
    "run_checks",
    "semantic",
    "summarise_findings",
    "uses_future",
    "values",
    "variance",
    "vocabulary",
]

#: From worst to harmless; the last one is no verdict.
SEVERITIES = ("stop", "look", "note", "not assessable")
#: What counts as an alarm.
ALARMS = ("stop", "look")
#: What a finding says.
COLUMNS = ("check", "where", "evidence", "number", "severity", "fix")

_DATES = ["Year", "Month", "DayofMonth"]
_ROUTE = ["Origin", "Dest"]
_Detector = Callable[..., pd.DataFrame]
_DETECTORS: dict[str, _Detector] = {}
#: A table that somebody hands over, and what they want to feed a model with.
Delivery = faults.Delivery


def _limits() -> dict[str, float]:
    return tables.read_toml("pitfalls.toml")["limits"]


def checks() -> pd.DataFrame:
    """Return the 18 checks in the deck's order: side ('signal', 'data'), kind ('rule', 'statistic'), asks and fix."""
    return pd.DataFrame(tables.read_toml("pitfalls.toml")["check"]).set_index("name")


class _AbsentError(Exception):
    """Something that the check needs is absent; the message says what."""


def _needs(present: Any, what: str) -> None:
    if present is None or (hasattr(present, "__len__") and not len(present)):
        raise _AbsentError(what)


def _found(where: str | Iterable[str], evidence: str, number: float, severity: str, fix: str = "") -> dict[str, Any]:
    named = where if isinstance(where, str) else ", ".join(where)
    return {"where": named, "evidence": evidence, "number": float(number), "severity": severity, "fix": fix}


class _Case(NamedTuple):
    """What a check is given."""

    delivery: Delivery
    reference: Delivery | None
    dictionary: pd.DataFrame
    horizon: float
    log: pd.DataFrame | None


def _check(function: Callable[[_Case], Iterator[dict[str, Any]]]) -> _Detector:
    """Make a check of a generator of findings: one table, with 'not assessable' where it lacks something."""
    name = function.__name__.lstrip("_")

    @wraps(function, assigned=("__doc__",))
    def check(
        delivery: Delivery,
        reference: Delivery | None,
        dictionary: pd.DataFrame,
        horizon: float,
        log: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        fix = checks().loc[name, "fix"]
        found: list[dict[str, Any]] = []
        try:
            for finding in function(_Case(delivery, reference, dictionary, horizon, log)):
                found.append({"check": name, **finding, "fix": finding["fix"] or fix})
        except _AbsentError as absent:
            evidence = f"not assessable: needs {absent}"
            told = _found("", evidence, np.nan, "not assessable", f"send {absent}, and check again")
            found.append({"check": name, **told})
        return pd.DataFrame(found, columns=list(COLUMNS)).astype({"number": float})

    check.__name__ = check.__qualname__ = name
    _DETECTORS[name] = check
    return check


def detector(name: str) -> _Detector:
    """Return a check by its name.

    Parameters
    ----------
    name : str
        One of `checks`.

    Raises
    ------
    UsageError
        There is no such check.
    """
    if name not in _DETECTORS:
        raise UsageError(f"there is no check {name!r}", fix=f"choose one of {', '.join(CHECKS)}")
    return _DETECTORS[name]


# --------------------------------------------------------------------------- deliveries


def make_delivery(
    flights: pd.DataFrame,
    known: pd.DataFrame | None = None,
    *,
    months: Sequence[int] | None = None,
    inputs: Iterable[str] | None = None,
) -> Delivery:
    """Make a delivery of flights, with features beside the raw columns.

    Parameters
    ----------
    flights : DataFrame
        In the columns of the dictionary.
    known : DataFrame, optional
        Features by row label, as from `features.as_of`; those that are raw columns too are not added twice.
    months : sequence of int, optional
        Only flights of these months.
    inputs : iterable of str, optional
        What a model is meant to look at; default: the columns of `known`, or else every column but the label.

    Raises
    ------
    DataError
        An input is no column, or `known` lacks a flight.
    """
    rows = flights if months is None else flights[flights["Month"].isin(list(months))]
    if known is not None:
        if not rows.index.isin(known.index).all():
            raise DataError("the features lack flights of the delivery", fix="compute them from the same flights")
        extra = [name for name in known.columns if name not in rows.columns]
        rows = pd.concat([rows, known.loc[rows.index, extra]], axis=1)
    rows.attrs = {name: value for name, value in flights.attrs.items() if name == "dataset"}
    default = [name for name in rows.columns if name != "IsDepDelayed"] if known is None else list(known.columns)
    chosen = tuple(default if inputs is None else inputs)
    absent = [name for name in chosen if name not in rows.columns]
    if absent:
        raise DataError(
            "is named as an input and is not there", column=absent[0], fix="add the column, or leave it out"
        )
    return Delivery(rows, chosen)


def day_blocks(rows: pd.DataFrame, limit: int | None = None, *, seed: int = 0) -> pd.DataFrame:
    """Draw whole days until they hold no more than so many rows.

    Parameters
    ----------
    rows : DataFrame
        With Year, Month and DayofMonth.
    limit : int, optional
        Most rows; default ``rows`` of the limits in pitfalls.toml, 20,000.
    seed : int
        Same seed, same days.

    Returns
    -------
    DataFrame
        Rows in their order; at least one day of them.
    """
    limit = int(_limits()["rows"] if limit is None else limit)
    if len(rows) <= limit:
        return rows
    day = _day(rows)
    counts = day.value_counts().sort_index()
    drawn = counts.index[np.random.default_rng(seed).permutation(len(counts))]
    kept = drawn[(counts.loc[drawn].cumsum() <= limit).to_numpy()]
    return rows[day.isin(kept if len(kept) else drawn[:1])]


def _day(rows: pd.DataFrame) -> pd.Series:
    return rows["Year"] * 10_000 + rows["Month"] * 100 + rows["DayofMonth"]


def _late(rows: pd.DataFrame) -> np.ndarray:
    """Return the label as delivered: 1, 0 or NaN."""
    return rows["IsDepDelayed"].astype(object).map({"YES": 1.0, "NO": 0.0}).to_numpy(dtype=float)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _inputs(delivery: Delivery, *others: Delivery, numbers: bool | None = None) -> list[str]:
    """Name the inputs that all deliveries hold: numbers, texts or both."""
    names = [name for name in delivery.inputs if all(name in one.rows.columns for one in (delivery, *others))]
    return [name for name in names if numbers is None or _is_number(delivery.rows[name]) is numbers]


def _raw_outcomes(dictionary: pd.DataFrame) -> list[str]:
    return list(dictionary.index[dictionary["role"].isin(["outcome", "label"])])


def _considered(
    delivery: Delivery, dictionary: pd.DataFrame, *others: Delivery, numbers: bool | None = None
) -> list[str]:
    """Name the inputs that are worth a statistic: no outcome, no key, no date, nothing that never varies."""
    out = {*_raw_outcomes(dictionary), *dictionary.index[dictionary["role"].isin(["key", "date"])]}
    return [name for name in _inputs(delivery, *others, numbers=numbers) if name not in out]


# --------------------------------------------------------------------------- signals to choose


def _reliable(case: _Case) -> Iterator[dict[str, Any]]:
    """Find days on which an input is missing far more often than on the worst day of the reference."""
    delivery, reference = case.delivery, case.reference
    _needs(reference, "a reference: flights of an earlier time")
    names = _inputs(delivery, reference)
    now, before = (_missing_by_day(one.rows, names) for one in (delivery, reference))
    worst = before.max()
    outages = now.gt(worst + _limits()["missing_jump"])
    together: dict[tuple, list[str]] = {}
    for name in names:
        days = tuple(outages.index[outages[name]])
        if days:
            together.setdefault(days, []).append(name)
    for days, columns in together.items():
        share = now.loc[list(days), columns].to_numpy().max()
        shown = f"{str(days[0])[:4]}-{str(days[0])[4:6]}-{str(days[0])[6:]}" + (
            f" and {len(days) - 1} more days" if len(days) > 1 else ""
        )
        evidence = f"missing for {share:.0%} of the flights on {shown}; before, for {worst[columns].max():.0%} at most"
        yield _found(columns, evidence, share, "stop" if share >= 0.5 else "look")


def _missing_by_day(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the missing share by day and column; days with few flights are left out."""
    lacking = [name for name in names if rows[name].isna().any()]
    day = _day(rows)
    full = day.value_counts()
    shares = rows[lacking].isna().groupby(day).mean() if lacking else pd.DataFrame(index=sorted(day.unique()))
    return shares[full.loc[shares.index].to_numpy() >= 20].reindex(columns=names, fill_value=0.0)


def _changes(case: _Case) -> Iterator[dict[str, Any]]:
    """Find inputs whose distribution moved more than days drawn at random from both would move."""
    delivery, reference, dictionary = case.delivery, case.reference, case.dictionary
    _needs(reference, "a reference: flights of an earlier time")
    limits = _limits()
    rows = [day_blocks(one.rows) for one in (delivery, reference)]
    names = _considered(delivery, dictionary, reference)
    counts = [_bins_by_day(rows, name) for name in names]
    size = [int(part.nunique()) for part in map(_day, rows)]
    if min(size) < 5:
        raise _AbsentError("five days of flights or more")
    rng, total = np.random.default_rng(0), sum(size)
    # The same days drawn for all inputs: the largest of them all is held to the level (Westfall and Young, 1993).
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
            evidence = f"PSI {psi:.2f}, {ratio:.0f} times as much as between days drawn at random"
            yield _found(name, evidence, psi, "look" if psi >= limits["changed"] else "note")


def _bins_by_day(rows: Sequence[pd.DataFrame], name: str) -> np.ndarray:
    """Count flights by day and bin, the days of the first table above those of the second."""
    both = pd.concat([part[name].astype(object if not _is_number(part[name]) else float) for part in rows])
    if _is_number(both):
        values = both.to_numpy()
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, 11)[1:-1])) if np.isfinite(values).any() else []
        codes = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))
    else:
        common = both.value_counts().index[:12]
        codes = pd.Categorical(both, categories=common).codes.astype(int)
        codes = np.where(codes < 0, len(common), codes)
    width, tables_ = int(codes.max()) + 1, []
    start = 0
    for part in rows:
        day, mine = pd.factorize(_day(part), sort=True)[0], codes[start : start + len(part)]
        start += len(part)
        tables_.append(np.bincount(day * width + mine, minlength=(int(day.max()) + 1) * width).reshape(-1, width))
    return np.vstack(tables_).astype(float)


def _necessary(case: _Case) -> Iterator[dict[str, Any]]:
    """Find inputs that a small model needs no more than it needs a column of random numbers."""
    delivery, dictionary = case.delivery, case.dictionary
    names = _considered(delivery, dictionary)
    _needs(names, "an input that a model may have")
    try:
        gains = permutation_importance(delivery, names)
    except DataError:
        raise _AbsentError("six days or more, with late and on-time flights") from None
    for name in names:
        if gains[name] <= gains["chance"]:
            evidence = (
                f"shuffling it costs {max(gains[name], 0):.4f} of AUC; random columns cost up to {gains['chance']:.4f}"
            )
            yield _found(name, evidence, gains[name], "look")


def permutation_importance(delivery: Delivery, names: Sequence[str], *, seed: int = 0) -> pd.Series:
    """Return what a small model loses, in AUC on days it did not see, when one input is shuffled.

    Parameters
    ----------
    delivery : Delivery
    names : sequence of str
        Inputs to give to the model.
    seed : int
        Of days, noise and shuffles.

    Returns
    -------
    Series
        By input, and 'chance': twice the most that any of five columns of random numbers moves it.

    Raises
    ------
    DataError
        There are too few days with late and on-time flights.
    """
    from sklearn.inspection import permutation_importance
    from xgboost import XGBClassifier

    rng = np.random.default_rng(seed)
    rows = day_blocks(delivery.rows, seed=seed)
    late = _late(rows)
    rows, late = rows[~np.isnan(late)], late[~np.isnan(late)]
    days = rng.permutation(np.unique(_day(rows)))
    if len(days) < 6 or late.min() == late.max():
        raise DataError("too few days with late and on-time flights", fix="send at least six days")
    encoder = training.Encoder.fit(rows[list(names)])
    X = np.column_stack([encoder.transform(rows[list(names)]), rng.normal(size=(len(rows), 5))])
    settings = {"n_estimators": 40, "max_depth": 3, "learning_rate": 0.15, "n_jobs": 1, "max_bin": 64}
    lost = []
    for fold in range(3):  # each day is held out once
        held = _day(rows).isin(days[fold::3]).to_numpy()
        model = XGBClassifier(**settings, min_child_weight=50, random_state=0).fit(X[~held], late[~held])
        result = permutation_importance(
            model, X[held], late[held], scoring="roc_auc", n_repeats=1, random_state=seed + fold, n_jobs=None
        )
        lost.append(result.importances_mean)
    lost = np.mean(lost, axis=0)
    gains = pd.Series(lost[:-5], index=list(names))
    return pd.concat([gains, pd.Series({"chance": 2 * np.abs(lost[-5:]).max()})])


def _correlated(case: _Case) -> Iterator[dict[str, Any]]:
    """Find inputs that say the same as another one, and inputs whose link with the label was another one before."""
    delivery, reference, dictionary = case.delivery, case.reference, case.dictionary
    limits = _limits()
    names = [name for name in _considered(delivery, dictionary, numbers=True) if delivery.rows[name].nunique() > 2]
    rows = day_blocks(delivery.rows)
    ranks = _ranks(rows, names)
    before = _ranks(day_blocks(reference.rows), _inputs(reference, numbers=True)) if reference else None
    for one, other, r in _twins(ranks, limits["twins"]):
        old = before is not None and {one, other} <= set(before.columns)
        known = old and abs(np.corrcoef(before[one], before[other])[0, 1]) >= limits["twins"] - 0.02
        evidence = f"rank correlation {r:.3f}" + (", as in the reference" if known else "")
        yield _found((one, other), evidence, r, "note" if known else "look")
    if reference is None:
        return
    shared = [name for name in names if name in reference.rows.columns]
    now, then = (_links(day_blocks(one.rows), shared) for one in (delivery, reference))
    for name in shared:
        (r, error), (old, old_error) = now[name], then[name]
        z = abs(r - old) / max(np.hypot(error, old_error), 1e-9)
        if z > limits["z"] and abs(r - old) > 0.1:
            yield _found(name, f"its correlation with the label is {r:.2f}, and was {old:.2f} before", r - old, "look")


def _ranks(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    ranks = rows[list(names)].rank()
    return ranks.fillna(ranks.mean()).fillna(0.0)


def _twins(ranks: pd.DataFrame, limit: float) -> Iterator[tuple[str, str, float]]:
    varied = ranks.loc[:, ranks.std() > 0]
    if varied.shape[1] < 2:
        return
    r = np.corrcoef(varied.to_numpy(), rowvar=False)
    for one, other in zip(*np.where(np.triu(np.abs(r) >= limit, k=1)), strict=True):
        yield varied.columns[one], varied.columns[other], float(r[one, other])


def _links(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return each input's rank correlation with the label, and its standard error by leaving out a day at a time."""
    late = _late(rows)
    rows, late = rows[~np.isnan(late)], late[~np.isnan(late)]
    ranks = _ranks(rows, names).to_numpy()
    day = pd.factorize(_day(rows))[0]
    if not len(day) or late.min() == late.max():
        return dict.fromkeys(names, (0.0, np.inf))
    x = (ranks - ranks.mean(0)) / np.maximum(ranks.std(0), 1e-9)
    product = x * ((late - late.mean()) / late.std())[:, None]
    sums = np.column_stack([np.bincount(day, weights=column) for column in product.T])
    r = product.mean(0)
    # The spread of the days' own sums around what their size would give.
    error = np.sqrt(((sums - np.bincount(day)[:, None] * r) ** 2).sum(0)) / len(day)
    return {name: (float(r[place]), float(error[place])) for place, name in enumerate(names)}


def _feedback(case: _Case) -> Iterator[dict[str, Any]]:
    """Find out whether warned flights were late less often than flights like them that were left untouched."""
    delivery = case.delivery
    log = delivery.log if case.log is None else case.log
    _needs(log, "a log of the model in service: probability, warned, held_out")
    absent = [name for name in faults.LOG_COLUMNS if name not in log.columns]
    if absent:
        raise _AbsentError(f"{absent[0]!r} in the log")
    log = log.reindex(delivery.rows.index)
    late = _late(delivery.rows)
    # Flights that would have been warned, had they not been left out by lot.
    warned = log["warned"].eq(True).to_numpy()
    level = log["probability"].where(warned).min()
    untouched = log["held_out"].eq(True).to_numpy() & (log["probability"] >= level).to_numpy()
    if (untouched & ~np.isnan(late)).sum() < 50:
        raise _AbsentError("an untouched hold-out in the log, 50 flights or more that would have been warned")
    gap, error = _gap(late - log["probability"].to_numpy(dtype=float), untouched, warned, _day(delivery.rows))
    if gap > _limits()["z_feedback"] * error:
        evidence = (
            f"warned flights were late {100 * gap:.0f} points less often than untouched ones with the same probability"
        )
        yield _found(("IsDepDelayed", "warned"), evidence, gap, "stop")


def _gap(value: np.ndarray, one: np.ndarray, other: np.ndarray, day: pd.Series) -> tuple[float, float]:
    """Return the mean of some rows less that of others, with the standard error that days bring."""
    known = ~np.isnan(value)
    one, other, day = one & known, other & known, pd.factorize(day)[0]
    weight = np.where(one, 1 / max(one.sum(), 1), 0) - np.where(other, 1 / max(other.sum(), 1), 0)
    centred = np.where(known, value, 0.0)
    gap = float((weight * centred).sum())
    mean = {True: centred[one].mean() if one.any() else 0, False: centred[other].mean() if other.any() else 0}
    rest = weight * (centred - np.where(one, mean[True], mean[False]))
    return gap, float(np.sqrt((np.bincount(day, weights=rest) ** 2).sum()))


def _semantic(case: _Case) -> Iterator[dict[str, Any]]:
    """Hold codes, units and clocks to what they meant in the reference: contracts, for no score notices."""
    delivery, reference = case.delivery, case.reference
    _needs(reference, "a reference: flights of an earlier time")
    limits = _limits()
    yield from _carriers_on_new_routes(delivery.rows, reference.rows, limits["unseen_routes"])
    for name in _inputs(delivery, reference, numbers=True):
        known = _list_of_values(reference.rows, name)
        if known is not None:
            there = delivery.rows[name].dropna()
            share = float(1 - there.isin(known).mean()) if len(there) else 0.0
            if share > limits["unseen_values"]:
                evidence = f"{share:.0%} of its values are not among the {len(known)} known ones: another unit?"
                yield _found(name, evidence, share, "stop")
    yield from _clocks(delivery.rows, reference.rows, limits["clock"])


def _list_of_values(rows: pd.DataFrame, name: str) -> np.ndarray | None:
    """Return the values of a number that has a list of them, such as distances: half the days know the others'."""
    values = rows[name]
    known = values.dropna().unique()
    if not 5 <= len(known) <= 400:
        return None
    half = _day(rows).rank(method="dense") % 2 == 0
    rest = values[~half].dropna()
    return known if len(rest) and (~rest.isin(values[half].unique())).mean() < 0.1 else None


def _carriers_on_new_routes(rows: pd.DataFrame, known: pd.DataFrame, limit: float) -> Iterator[dict[str, Any]]:
    names = ["UniqueCarrier", *_ROUTE]
    flown = set(_joined(known, names))
    keys, counts = np.unique(_joined(rows, names), return_counts=True)
    table = pd.DataFrame({"carrier": [key.partition("|")[0] for key in keys], "flights": counts})
    table["new"] = [count if key not in flown else 0 for key, count in zip(keys, counts, strict=True)]
    by = table.groupby("carrier")[["flights", "new"]].sum()
    by = by[by.index.isin(known["UniqueCarrier"].astype(str).unique()) & (by["flights"] >= 30)]
    shares = (by["new"] / by["flights"])[lambda share: share > limit]
    if len(shares):
        listed = ", ".join(f"{carrier} {share:.0%}" for carrier, share in shares.items())
        evidence = f"flights on routes that the carrier never flew before: {listed}. Were codes swapped?"
        yield _found("UniqueCarrier", evidence, shares.max(), "stop")


def _joined(rows: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return the texts of some columns joined by bars, by looking up each combination once."""
    codes, uniques = pd.MultiIndex.from_frame(rows[list(names)].astype(str)).factorize()
    return np.array(["|".join(key) for key in uniques], dtype=object)[codes]


def _clocks(rows: pd.DataFrame, known: pd.DataFrame, limit: float) -> Iterator[dict[str, Any]]:
    """Hold arrival less departure less duration to whole half-hours: it is a difference of time zones."""
    off, before = (_off_the_clock(part) for part in (rows, known))
    if off > before + limit:
        evidence = (
            f"on {off:.0%} of the flights, arrival does not match departure plus duration; on {before:.0%} before"
        )
        yield _found(("CRSDepTime", "CRSArrTime", "CRSElapsedTime"), evidence, off, "stop")


def _off_the_clock(rows: pd.DataFrame) -> float:
    minutes = [rows[name] // 100 * 60 + rows[name] % 100 for name in ("CRSArrTime", "CRSDepTime")]
    zone = (minutes[0] - minutes[1] - rows["CRSElapsedTime"]) % 30
    return float((zone[zone.notna()] != 0).mean()) if zone.notna().any() else 0.0


def _rare(case: _Case) -> Iterator[dict[str, Any]]:
    """Find inputs of names or numbers that stand for names, whose values have too few flights to learn from."""
    delivery, dictionary = case.delivery, case.dictionary
    limits = _limits()
    names = [name for name in _inputs(delivery, numbers=False) if name not in _raw_outcomes(dictionary)]
    names += [name for name in ("FlightNum",) if name in delivery.inputs]
    for name in names:
        counts = delivery.rows[name].value_counts()
        few = counts[(counts > 0) & (counts < limits["rare_flights"])]
        share = few.sum() / max(1, counts.sum())
        if share > limits["rare_share"]:
            evidence = (
                f"{len(few):,} of {int((counts > 0).sum()):,} values have fewer than {limits['rare_flights']:.0f} "
            )
            yield _found(name, f"{evidence}flights each; together they have {share:.0%} of the flights", share, "look")


def _vocabulary(case: _Case) -> Iterator[dict[str, Any]]:
    """Find values of texts that the reference never had."""
    delivery, reference, dictionary = case.delivery, case.reference, case.dictionary
    _needs(reference, "a reference: the flights that a model was trained on")
    for name in _inputs(delivery, reference, numbers=False):
        if name in _raw_outcomes(dictionary):
            continue
        there = delivery.rows[name].dropna().astype(str)
        unseen = there[~there.isin(set(reference.rows[name].dropna().astype(str).unique()))]
        if len(unseen):
            counts = unseen.value_counts()
            share = len(unseen) / max(1, len(there))
            listed = ", ".join(f"{value} ({count:,})" for value, count in counts.head(3).items())
            evidence = f"{len(counts):,} unseen values on {len(unseen):,} flights: {listed}" + (
                " …" if len(counts) > 3 else ""
            )
            severity = "look" if share > _limits()["unseen_share"] else "note"
            yield _found(name, evidence, share, severity)


def _available(case: _Case) -> Iterator[dict[str, Any]]:
    """Find inputs that are not known yet when the prediction is made, by the dictionary."""
    delivery, dictionary, horizon = case.delivery, case.dictionary, case.horizon
    strange = []
    for name in delivery.inputs:
        if name in dictionary.index:
            hours = dictionary.loc[name, "known_hours_before"]
            if not hours >= horizon:
                when = "afterwards only" if hours < 0 else "at departure" if hours == 0 else f"{hours:g} h before"
                yield _found(
                    name, f"known {when}, needed {horizon:g} h before: {dictionary.loc[name, 'why']}", hours, "stop"
                )
        elif name not in _course_features():
            strange.append(name)
    if strange:
        raise _AbsentError(f"a line in the dictionary for {', '.join(strange)}")


def _course_features() -> set[str]:
    """Name the features that `features.as_of` makes, which never looks past the horizon."""
    return {name for names in features.groups().values() for name in names}


def _outliers(case: _Case) -> Iterator[dict[str, Any]]:
    """Find numbers that lie as far outside the usual range as that range is wide."""
    delivery, reference, dictionary = case.delivery, case.reference, case.dictionary
    names = _considered(delivery, dictionary, numbers=True)
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
            evidence = (
                f"{len(beyond):,} flights outside {low - width:,.4g} to {high + width:,.4g}; most extreme: {worst:,.4g}"
            )
            yield _found(name, evidence, worst, "look" if len(beyond) >= 5 else "note")


# --------------------------------------------------------------------------- data to remove


def _labels(case: _Case) -> Iterator[dict[str, Any]]:
    """Find labels that contradict the recorded delay, and carriers whose label rate moved apart from the others'."""
    delivery, reference = case.delivery, case.reference
    rows, late = delivery.rows, _late(delivery.rows)
    delay = rows["DepDelay"].to_numpy(dtype=float)
    gone = np.isnan(delay)
    cancelled = int((gone & (late == 1)).sum())
    if cancelled:
        evidence = f"{cancelled:,} flights never left and are labelled YES"
        yield _found("IsDepDelayed", evidence, cancelled, "stop")
    both = ~gone & ~np.isnan(late)
    if both.any():
        minutes, wrong = _threshold(delay[both], late[both])
        if wrong:
            evidence = f"{wrong:,} labels contradict the recorded delay, whatever counts as late"
            yield _found("IsDepDelayed", evidence, wrong, "stop")
        if minutes != _course_minutes():
            evidence = f"YES stands for {minutes} minutes or more; in the course for {_course_minutes()} or more"
            yield _found("IsDepDelayed", evidence, minutes, "note")
    unlabelled = int((~gone & np.isnan(late)).sum())
    if unlabelled:
        yield _found("IsDepDelayed", f"{unlabelled:,} flights that left have no label", unlabelled, "look")
    if reference is not None:
        yield from _carriers_apart(rows, reference.rows)
    else:
        raise _AbsentError("a reference: flights of an earlier time, for the share late of each carrier")


def _course_minutes() -> int:
    return tables.read_toml("constants.toml")["late_minutes"]


def _threshold(delay: np.ndarray, late: np.ndarray) -> tuple[int, int]:
    """Return from how many minutes on the labels say late, and how many of them contradict that."""
    wrong = {minutes: int(((delay >= minutes) != (late == 1)).sum()) for minutes in (_course_minutes(), *range(1, 31))}
    best = min(wrong, key=lambda minutes: wrong[minutes])
    return best, wrong[best]


def _carriers_apart(rows: pd.DataFrame, known: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Compare each carrier's share late with the other carriers' on the same days, now and before."""
    limits = _limits()
    now, then = (_contrasts(day_blocks(part)) for part in (rows, known))
    for carrier in now.index.intersection(then.index):
        (gap, error), (old, old_error) = now.loc[carrier], then.loc[carrier]
        z = (gap - old) / max(np.hypot(error, old_error), 1e-9)
        if abs(z) > limits["z"] and abs(gap - old) > 0.04:
            evidence = f"share late of {carrier} relative to the others on the same days: {gap:+.1%}, {old:+.1%} before"
            yield _found("IsDepDelayed", evidence, gap - old, "look", "ask the carrier how it logs delays now")


def _contrasts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, for each large carrier, its share late less the others' of the same days, and the error by days."""
    late = _late(rows)
    rows, late = rows[~np.isnan(late)], late[~np.isnan(late)]
    days = pd.factorize(_day(rows))[0]
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


def _values(case: _Case) -> Iterator[dict[str, Any]]:
    """Hold the raw columns to the dictionary: names, types, ranges, clocks, vocabulary, dates; weather to its own."""
    delivery = case.delivery
    for error in _refusals(delivery.rows):
        if error.column is not None and "missing on" not in error.problem:
            yield _found(error.column, error.problem, _count(error.problem), "stop", error.fix)
    weather = data_dictionary.load("weather")
    for name in weather.index.intersection(delivery.rows.columns):
        low, high = weather.loc[name, ["low", "high"]]
        wrong = delivery.rows[name][(delivery.rows[name] < low) | (delivery.rows[name] > high)] if low == low else []
        if len(wrong):
            evidence = f"{len(wrong):,} flights with values up to {wrong.max():,.0f}, outside {low:g} to {high:g}"
            yield _found(name, evidence, len(wrong), "stop")


def _count(problem: str) -> int:
    """Read how many rows a refusal speaks of: '(and 12 more rows)'."""
    import re

    more = re.search(r"\(and ([\d,]+) more rows\)", problem)
    return 1 + int(more[1].replace(",", "")) if more else 1


def _refusals(rows: pd.DataFrame) -> list[DataError]:
    """Ask the dictionary again and again: each column that it refuses is replaced by a legal one, and it goes on."""
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
            if name is None:  # the key; duplicates have a check of their own
                rows = rows.assign(FlightNum=_distinct(rows))
                found += [] if keys else [error]
                continue
            found.append(error)
            if name in asked:
                break
            legal = _DATE if name in _DATE else {name: _legal(known.loc[name])}
            asked |= set(legal)
            rows = rows.assign(**legal)
    return found


#: A date that is one.
_DATE = {"Year": 2013, "Month": 1, "DayofMonth": 1, "DayOfWeek": 2}


def _legal(rule: pd.Series) -> Any:
    """Return a value that the dictionary allows in a column."""
    if rule["type"] == "text":
        return rule["values"].split()[0] if rule["values"] else "AAA"
    return int(rule["low"]) if rule["type"] == "integer" else float(rule["low"])


def _distinct(rows: pd.DataFrame) -> np.ndarray:
    """Return flight numbers with which no flight is there twice."""
    rest = [name for name in data_dictionary.KEY if name != "FlightNum"]
    return rows.groupby(rest, observed=True).cumcount().to_numpy() % 9999 + 1


def _duplicates(case: _Case) -> Iterator[dict[str, Any]]:
    """Find flights that are there twice, in the delivery or in delivery and reference."""
    delivery, reference = case.delivery, case.reference
    key = list(data_dictionary.KEY)
    rows = delivery.rows
    double = rows[rows.duplicated(key)]
    if len(double):
        airports = double["Origin"].astype(str).value_counts()
        evidence = f"{len(double):,} rows repeat a flight, {airports.iloc[0]:,} of them from {airports.index[0]}"
        yield _found("", evidence, len(double), "stop")
    if reference is not None:
        both = pd.concat([reference.rows[key].drop_duplicates(), rows[key].drop_duplicates()]).duplicated().sum()
        if both:
            yield _found(
                "", f"{both:,} flights are in the reference too", both, "stop", "keep each flight on one side only"
            )


def _omitted(case: _Case) -> Iterator[dict[str, Any]]:
    """Find inputs that are missing more than agreed, for one carrier only, or in step with the label."""
    delivery, reference, dictionary = case.delivery, case.reference, case.dictionary
    limits = _limits()
    for error in _refusals(delivery.rows):
        if "missing on" in error.problem and error.column in delivery.inputs:
            share = delivery.rows[error.column].isna().mean()
            yield _found(error.column, error.problem, share, "look")
    names = [name for name in _inputs(delivery) if name not in _raw_outcomes(dictionary)]
    rows = day_blocks(delivery.rows)
    before = day_blocks(reference.rows) if reference is not None else None
    gone, late, day = rows["DepDelay"].isna().to_numpy(), _late(rows), _day(rows)
    as_before: list[tuple[str, float]] = []
    for name in names:
        missing = rows[name].isna().to_numpy()
        if missing.all() or missing.sum() < 30:
            continue
        if gone[missing].mean() > 0.9 and gone.mean() < 0.5:
            evidence = f"missing for {missing.mean():.1%} of the flights; {gone[missing].mean():.0%} of them never left"
            yield _found(
                name, evidence, missing.mean(), "look", "do not use it: it reveals that the flight was cancelled"
            )
            continue
        gap, error = _gap(late, missing, ~missing, day)
        if abs(gap) > limits["z"] * max(error, 1e-9) and abs(gap) > 0.1:
            old = _told_before(before, name) if before is not None else None
            if old is not None and gap * old > 0 and abs(gap - old) <= limits["z"] * error + 0.1:
                as_before.append((name, gap))
            else:
                evidence = f"share late {gap:+.0%} where it is missing ({missing.mean():.1%} of the flights)"
                yield _found(name, evidence, gap, "look")
        yield from _missing_for_one(rows, name, before)
    if as_before:
        worst = max((gap for _, gap in as_before), key=abs)
        evidence = f"share late up to {worst:+.0%} where they are missing, about as in the reference"
        yield _found((name for name, _ in as_before), evidence, worst, "note")


def _told_before(rows: pd.DataFrame, name: str) -> float | None:
    """Return the gap in lateness between missing and present in the reference, if it has both."""
    if name not in rows.columns or not 30 <= rows[name].isna().sum() < len(rows):
        return None
    missing = rows[name].isna().to_numpy()
    return _gap(_late(rows), missing, ~missing, _day(rows))[0]


def _missing_for_one(rows: pd.DataFrame, name: str, before: pd.DataFrame | None) -> Iterator[dict[str, Any]]:
    """Find carriers that nearly always lack an input which the others have, and had not lacked it before."""
    share = rows[name].isna().mean()
    now = _missing_by_carrier(rows, name)
    worst = now[now > 0.6].sort_values(ascending=False)
    if before is not None and name in before.columns:
        old = _missing_by_carrier(before, name).reindex(worst.index)
        worst = worst[~(old > worst - 0.3)]
    if len(worst) and share <= 0.4:
        listed = ", ".join(f"{carrier} {part:.0%}" for carrier, part in worst.items())
        evidence = f"missing for {share:.0%} of all flights, but for {listed}: does a join fail?"
        yield _found(name, evidence, worst.iloc[0], "look", "compare keys of both tables for these carriers")


def _missing_by_carrier(rows: pd.DataFrame, name: str) -> pd.Series:
    by = rows[name].isna().groupby(rows["UniqueCarrier"].astype(str)).agg(["mean", "size"])
    return by.loc[by["size"] >= 100, "mean"]


def _leaky(case: _Case) -> Iterator[dict[str, Any]]:
    """Find outcomes among the inputs, inputs that rank too well, and means of the label in disguise."""
    delivery, dictionary = case.delivery, case.dictionary
    limits = _limits()
    outcomes = [name for name in delivery.inputs if name in _raw_outcomes(dictionary)]
    for name in outcomes:
        yield _found(
            name, f"an outcome: {dictionary.loc[name, 'why']}", dictionary.loc[name, "known_hours_before"], "stop"
        )
    added = [
        name
        for name in _inputs(delivery, numbers=True)
        if name not in dictionary.index and name not in _course_features()
    ]
    rows = delivery.rows[~np.isnan(_late(delivery.rows))]
    late = _late(rows)
    if not len(rows) or late.min() == late.max():
        return
    for name in added:
        there = rows[name].notna().to_numpy()
        if there.sum() < 100 or rows[name].nunique() < 2 or late[there].min() == late[there].max():
            continue
        ranking = metrics.auc(late[there], rows[name][there])
        if max(ranking, 1 - ranking) > limits["obvious_auc"]:
            yield _found(name, f"alone it reaches an AUC of {max(ranking, 1 - ranking):.2f}", ranking, "stop")
            continue
        whose, r = _mean_of_label(rows, late, name)
        if abs(r) > limits["mean_of_label"]:
            evidence = f"it is the share late of the flight's {whose}, later flights included (correlation {r:.3f})"
            yield _found(name, evidence, r, "stop")


#: Whose mean of the label somebody may have taken over all rows.
_MEANS = {
    "origin and day": ["Origin", *_DATES],
    "carrier and day": ["UniqueCarrier", *_DATES],
    "route and day": [*_ROUTE, *_DATES],
    "day": _DATES,
    "tail number": ["TailNum"],
    "carrier": ["UniqueCarrier"],
    "origin": ["Origin"],
    "destination": ["Dest"],
    "route": _ROUTE,
    "carrier and route": ["UniqueCarrier", *_ROUTE],
    "carrier and flight number": ["UniqueCarrier", "FlightNum"],
}


def _mean_of_label(rows: pd.DataFrame, late: np.ndarray, name: str) -> tuple[str, float]:
    """Return the group whose share late, over all rows delivered, an input is closest to, and how close."""
    values = rows[name].to_numpy(dtype=float)
    best = ("", 0.0)
    for whose, columns in _MEANS.items():
        codes = rows.groupby(columns, observed=True, dropna=False).ngroup().to_numpy()
        size = np.bincount(codes)
        mean = (np.bincount(codes, weights=late) / np.maximum(size, 1))[codes]
        # Groups with a handful of flights may have been pulled towards the middle: look at the larger ones.
        use = (size[codes] >= 20) & ~np.isnan(values)
        if use.sum() >= 100 and mean[use].std() > 0 and values[use].std() > 0:
            r = float(np.corrcoef(mean[use], values[use])[0, 1])
            best = (whose, r) if abs(r) > abs(best[1]) else best
    return best


def uses_future(
    make: Callable[[pd.DataFrame], pd.Series], flights: pd.DataFrame, horizon: float, *, moments: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Find out whether a feature uses what was not known yet: take the future away, and see whether it changes.

    Parameters
    ----------
    make : callable
        From flights to the feature, by row label.
    flights : DataFrame
        In the columns of the dictionary.
    horizon : float
        Hours before scheduled departure at which the feature is needed.
    moments : int
        How many moments to try.
    seed : int
        Which moments.

    Returns
    -------
    DataFrame
        One row a moment: 'moment' (UTC), 'flights' that were asked about in the quarter of an hour before, and
        'changed', the share of them whose feature is another one when all that was not known at that moment is
        blanked.
    """
    now = features.known_at(flights, "IsDepDelayed") - pd.Timedelta(minutes=_course_minutes())
    ask = now - pd.Timedelta(hours=horizon)
    rng = np.random.default_rng(seed)
    found = []
    full = make(flights)
    for moment in sorted(ask.iloc[np.sort(rng.choice(len(ask), size=min(moments, len(ask)), replace=False))]):
        asked = flights.index[(ask <= moment) & (ask > moment - pd.Timedelta(minutes=15))]
        then = make(_as_it_stood(flights, moment)).loc[asked]
        before = full.loc[asked]
        same = (then == before) | (then.isna() & before.isna())
        found.append({"moment": moment, "flights": len(asked), "changed": float(1 - same.mean())})
    return pd.DataFrame(found)


def _as_it_stood(flights: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Blank every outcome that was not known at a moment."""
    rows = data_dictionary.load()
    blanked = {}
    for name in rows.index[rows["role"].isin(["outcome", "label"])]:
        known = features.known_at(flights, name)
        later = (known > moment).to_numpy() | known.isna().to_numpy()
        blanked[name] = flights[name].where(~later)
    new = flights.assign(**blanked)
    new.attrs = dict(flights.attrs)
    return new


def _illegal(case: _Case) -> Iterator[dict[str, Any]]:
    """Find inputs that are known in time and must not be used, and what gives a forbidden one away."""
    delivery, dictionary = case.delivery, case.dictionary
    listed = [name for name in delivery.inputs if name in dictionary.index]
    for name in listed:
        rule = dictionary.loc[name]
        if rule["use"] == "no" and rule["role"] not in ("outcome", "label"):
            yield _found(name, f"the dictionary forbids it: {rule['why']}", rule["known_hours_before"], "stop")
    banned = [
        name for name in dictionary.index[dictionary["why"].str.startswith("policy")] if name in delivery.rows.columns
    ]
    for name in banned:
        share, usual, helper = _given_away(delivery, dictionary, name)
        if share > usual + 0.25:
            evidence = (
                f"forbidden, but other inputs reveal it for {share:.0%} of the flights (by guessing: {usual:.0%})"
            )
            yield _found(
                (name, helper), evidence, share, "look", "drop the inputs that reveal it, or test the effect on people"
            )


def _given_away(delivery: Delivery, dictionary: pd.DataFrame, name: str) -> tuple[float, float, str]:
    """Return how often a tree names a forbidden value from the other inputs, how often guessing does, and by what."""
    from sklearn.tree import DecisionTreeClassifier

    rows = day_blocks(delivery.rows)
    rows = rows[rows[name].notna()]
    names = [one for one in _considered(delivery, dictionary) if one != name]
    X = np.nan_to_num(training.Encoder.fit(rows[names]).transform(rows[names]), nan=-1e6)
    y = pd.factorize(rows[name].astype(str))[0]
    held = _day(rows).rank(method="dense").to_numpy() % 3 == 0
    tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=0).fit(X[~held], y[~held])
    usual = np.bincount(y[~held]).argmax()
    return (
        float(tree.score(X[held], y[held])),
        float((y[held] == usual).mean()),
        names[tree.feature_importances_.argmax()],
    )


def _imbalance(case: _Case) -> Iterator[dict[str, Any]]:
    """Find out whether one class is below the deck's 15% of the other."""
    delivery = case.delivery
    late = _late(delivery.rows)
    late = late[~np.isnan(late)]
    _needs(late, "labels")
    share = min(late.mean(), 1 - late.mean())
    ratio = share / (1 - share)
    if ratio < _limits()["imbalance"]:
        evidence = f"the rarer class has {share:.1%} of the flights, which is {ratio:.0%} of the other class"
        yield _found("IsDepDelayed", evidence, ratio, "look")


def _variance(case: _Case) -> Iterator[dict[str, Any]]:
    """Find inputs that have one value, or none at all."""
    delivery = case.delivery
    for name in _inputs(delivery):
        column = delivery.rows[name]
        if column.isna().all():
            yield _found(name, "it is empty on every row", 0, "look")
        elif (column == column.iloc[0]).all():
            yield _found(name, f"it is {column.iloc[0]} on every row", 1, "look")


reliable = _check(_reliable)
changes = _check(_changes)
necessary = _check(_necessary)
correlated = _check(_correlated)
feedback = _check(_feedback)
semantic = _check(_semantic)
rare = _check(_rare)
vocabulary = _check(_vocabulary)
available = _check(_available)
outliers = _check(_outliers)
labels = _check(_labels)
values = _check(_values)
duplicates = _check(_duplicates)
omitted = _check(_omitted)
leaky = _check(_leaky)
illegal = _check(_illegal)
imbalance = _check(_imbalance)
variance = _check(_variance)

#: The checks in the deck's order.
CHECKS = tuple(_DETECTORS)


# --------------------------------------------------------------------------- all of them


def run_checks(
    delivery: Delivery,
    reference: Delivery | None = None,
    dictionary: pd.DataFrame | None = None,
    horizon: float | None = None,
    log: pd.DataFrame | None = None,
    *,
    only: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Run the checks and gather their findings.

    Parameters
    ----------
    delivery : Delivery
        What to look at.
    reference : Delivery, optional
        Flights of an earlier time: what a model was trained on.
    dictionary : DataFrame, optional
        Default ``dictionary.load()``; a policy of your own goes into a copy.
    horizon : float, optional
        Hours before departure; default 3, as constants.toml has it.
    log : DataFrame, optional
        What the model in service did; default the log that came with the delivery.
    only : iterable of str, optional
        Names of checks; default all 18.

    Returns
    -------
    DataFrame
        One row a finding, in the deck's order of checks, the worst first within each; `COLUMNS`.

    Raises
    ------
    UsageError
        There is no such check, or the horizon is negative.
    DataError
        The delivery has no rows.
    """
    dictionary = data_dictionary.load() if dictionary is None else dictionary
    horizon = tables.read_toml("constants.toml")["horizon_hours"] if horizon is None else horizon
    if not horizon >= 0:
        raise UsageError(f"horizon={horizon} lies after departure", fix="give hours before departure, 0 or more")
    if not len(delivery.rows):
        raise DataError("the delivery has no rows", fix="send at least one day of flights")
    names = list(CHECKS if only is None else [only] if isinstance(only, str) else only)
    parts = [detector(name)(delivery, reference, dictionary, horizon, log) for name in names]
    found = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    rank = found["severity"].map(SEVERITIES.index)
    order = np.lexsort((rank, found["check"].map(CHECKS.index)))
    return found.iloc[order].reset_index(drop=True)


def summarise_findings(findings: pd.DataFrame, *, only: Iterable[str] | None = None) -> pd.DataFrame:
    """Tell for each check what it found: one row a check, in the deck's order.

    Parameters
    ----------
    findings : DataFrame
        From `run_checks`.
    only : iterable of str, optional
        Names of checks; default all 18.

    Returns
    -------
    DataFrame
        By check: 'side', 'verdict' ('stop', 'look', 'note', 'nothing found' or 'not assessable'), 'findings' (how many
        alarms and notes) and 'first', the worst of them in words.
    """
    rows = {}
    sides = checks()["side"]
    for name in CHECKS if only is None else only:
        mine = findings[findings["check"] == name]
        real = mine[mine["severity"] != "not assessable"]
        first = (real if len(real) else mine).head(1)
        verdict = first["severity"].item() if len(first) else "nothing found"
        told = (
            ""
            if first.empty
            else (f"{first['where'].item()}: " if first["where"].item() else "") + first["evidence"].item()
        )
        rows[name] = {"side": sides[name], "verdict": verdict, "findings": len(real), "first": told}
    return pd.DataFrame(rows).T.rename_axis("check")


# --------------------------------------------------------------------------- the audit


#: What a model of the audited deliveries is meant to look at.
AUDITED = (
    *("DayOfWeek", "CRSDepTime", "CRSArrTime", "UniqueCarrier", "CRSElapsedTime", "Origin", "Dest", "Distance"),
    *("late_28d_carrier", "late_28d_flight", "late_24h_all", "late_6h_all", "late_3h_origin", "late_1h_origin"),
    *("temp", "dewp", "humid", "wind_speed", "visib", "pressure"),
)


def example_deliveries(flights: pd.DataFrame, known: pd.DataFrame, seed: int) -> tuple[Delivery, Delivery]:
    """Draw a delivery and a reference of other days, both clean: at most 20,000 flights each, in whole days.

    Days are drawn from all over the year, so that no season lies between the two, and days with a known incident are
    left out.

    Parameters
    ----------
    flights : DataFrame
    known : DataFrame
        Features by row label, as from `features.as_of`.
    seed : int
        Which days.
    """
    day = _day(flights)
    days = np.setdiff1d(day.unique(), tables.read_toml("pitfalls.toml")["incidents"])
    order = np.random.default_rng(seed).permutation(days)
    size = day.value_counts().loc[order].cumsum()
    limit = min(_limits()["rows"], len(flights) / 2)
    first = order[(size <= limit).to_numpy()]
    second = order[((size > limit) & (size <= 2 * limit)).to_numpy()]
    inputs = [name for name in AUDITED if name in known.columns]
    parts = [flights[day.isin(chosen)] for chosen in (first, second)]
    for part in parts:
        part.attrs = dict(flights.attrs)
    return tuple(make_delivery(part, known.loc[part.index], inputs=inputs) for part in parts)


class Audit:
    """A delivery with faults that nobody marked, and what is needed to look for them.

    Parameters
    ----------
    seed : int
        Same seed, same faults in the same flights.
    flights : DataFrame
    known : DataFrame
        Features by row label, as from `features.as_of`.
    planted : int or iterable of str
        How many faults, or which.

    Attributes
    ----------
    delivery, reference : Delivery
        What came, and clean flights of other days.
    """

    def __init__(
        self, seed: int, flights: pd.DataFrame, known: pd.DataFrame, *, planted: int | Iterable[str] = 6
    ) -> None:
        self._clean, self.reference = example_deliveries(flights, known, seed)
        self.delivery, self._truth = faults.contaminate(self._clean, seed, planted)

    def __repr__(self) -> str:
        return f"Audit({self.delivery!r}, reference: {len(self.reference.rows):,} flights)"

    def score(self, findings: pd.DataFrame | Sequence[Any]) -> pd.Series:
        """Hold findings against what was planted.

        Parameters
        ----------
        findings : DataFrame or sequence of mappings
            'check' and 'where' of each. What is true of the clean delivery too is neither right nor wrong.

        Returns
        -------
        Series
            As `faults.score`, and 'dollars missed': what the missed faults cost per 1,000 flights, each by itself.
        """
        others = [name for name in CHECKS if name != "necessary"]
        natural = run_checks(self._clean, self.reference, only=others)[["check", "where"]]
        # Whether a model needs an input that was there before is a question of the model, not a fault.
        asked = pd.DataFrame({"check": "necessary", "where": list(self._clean.inputs)})
        natural = pd.concat([natural[natural["where"] != ""], asked])
        result = faults.score(findings, self._truth, natural=natural)
        missed = [name for name in result["missed"].split(", ") if name]
        return pd.concat(
            [result, pd.Series({"dollars missed": int(cost_of_missed_faults().reindex(missed).fillna(0).sum())})]
        ).rename("audit")

    def solution(self) -> pd.DataFrame:
        """Return what was planted, to be looked at afterwards."""
        return self._truth.assign(dollars=cost_of_missed_faults().reindex(self._truth["fault"]).to_numpy())


def cost_of_missed_faults() -> pd.Series:
    """Return what each fault costs that nobody finds: dollars per 1,000 flights by name, 0 where none were seen."""
    return tables.benchmark("pitfall_costs")["dollars"].clip(lower=0)


def detector_error_rates() -> pd.DataFrame:
    """Return how often each check was wrong, from benchmarks/pitfalls.py: one row a fault.

    Returns
    -------
    DataFrame
        By 'check' and 'fault': 'strength', 'power' (share of the seeds in which the fault was found), 'false alarms'
        (share of the seeds in which the check raised one on clean days) and 'seeds'.
    """
    return tables.benchmark("pitfalls")
