"""Inject faults into flights, with a record of what was changed: data to test checks on.

A fault is a function of rows, a random generator and a strength. It does not change the rows that it gets; it returns
new rows and a `Truth`, the same for the same seed. ``tables/model/pitfalls.toml`` explains and states the default
strengths. `contaminate` combines faults into the delivery that you audit in the lesson on pitfalls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils import tables
from course_utils.data import checked, dictionary
from course_utils.errors import DataError, UsageError
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LOG_COLUMNS", "Delivery", "Truth", "catalogue", "contaminate", "finding_matches", "plant", "score"]

#: Columns of a log of warnings, one row per flight.
LOG_COLUMNS = ("probability", "warned", "held_out")

_LATE = 15  # minutes from which a flight is late
_HOLD_OUT = 0.05  # share of flights that are never warned, to see what happens without a warning


@dataclass(frozen=True)
class Delivery:
    """A table of flights to audit, and the columns that a model would get.

    Attributes
    ----------
    rows : DataFrame
        One row per flight: the columns of the data dictionary, and perhaps further ones.
    inputs : tuple of str
        The columns that the model is to use.
    log : DataFrame, optional
        What the model in service did, by row label, in the columns `LOG_COLUMNS`.

    Examples
    --------
    >>> faults.Delivery(flights, ("CRSDepTime", "Distance"))
    Delivery(3,000 flights, 2 inputs)
    """

    rows: pd.DataFrame
    inputs: tuple[str, ...]
    log: pd.DataFrame | None = None

    def __repr__(self) -> str:
        return f"Delivery({counted(len(self.rows), 'flight')}, {counted(len(self.inputs), 'input')})"


@dataclass(frozen=True)
class Truth:
    """The record of an injected fault.

    Attributes
    ----------
    fault : str
        Its name in `catalogue`.
    check : str
        The check that should find it.
    columns : tuple of str
        The columns at fault; a finding needs to name one of them. Empty if the fault concerns whole rows.
    rows : Index
        Labels of the rows that differ; all rows if a column was added.
    adds : tuple of str
        Columns that the fault makes inputs.
    """

    fault: str
    check: str
    columns: tuple[str, ...]
    rows: pd.Index
    adds: tuple[str, ...] = field(default=())


_Fault = Callable[["pd.DataFrame", np.random.Generator, float], tuple["pd.DataFrame", Truth]]
_FAULTS: dict[str, _Fault] = {}


def _fault(function: _Fault) -> _Fault:
    _FAULTS[function.__name__.lstrip("_")] = function
    return function


@cache
def _catalogue() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in tables.read_toml("pitfalls.toml")["fault"]}


def catalogue() -> pd.DataFrame:
    """Return the faults, one row each: check (which should find it), strength (the default), what and when.

    'when' says where a fault does harm: in 'training', if a model learns from it, or in 'serving', if a good model gets
    it as input.

    Examples
    --------
    >>> faults.catalogue().loc["kilometres", ["check", "when"]].tolist()
    ['semantic', 'serving']
    """
    import pandas as pd

    return pd.DataFrame(list(_catalogue().values())).set_index("name")


def plant(
    fault: str, rows: pd.DataFrame, rng: np.random.Generator | int, strength: float | None = None
) -> tuple[pd.DataFrame, Truth]:
    """Inject one fault into flights.

    Parameters
    ----------
    fault : str
        Name of a fault, one of `catalogue`.
    rows : DataFrame
        Flights in the columns of the dictionary, with or without features. They are not changed.
    rng : numpy Generator or int
        Random generator, or the seed of a new one.
    strength : float above 0, optional
        How severe the fault is; `catalogue` says what it means for each fault, and the default.

    Returns
    -------
    rows : DataFrame
        The flights with the fault; they keep their row labels, and added rows get new ones.
    truth : Truth
        What was changed and where.

    Raises
    ------
    UsageError
        There is no such fault, or the strength is not above 0.
    DataError
        The rows have too few flights, repeated row labels, columns of the wrong kind, or lack columns that the fault
        needs.

    See Also
    --------
    contaminate : Injects several faults into a delivery.

    Examples
    --------
    >>> faulty, truth = faults.plant("kilometres", flights, rng=0, strength=0.1)
    >>> truth.columns, len(truth.rows)
    (('Distance',), 300)
    """
    if fault not in _FAULTS:
        raise UsageError(f"there is no fault {fault!r}", fix=f"choose one of {', '.join(_FAULTS)}")
    strength = _catalogue()[fault]["strength"] if strength is None else strength
    if not strength > 0:
        raise UsageError(f"strength={strength} injects nothing", fix="give a number above 0")
    if not len(rows):
        raise DataError("there are no flights to inject a fault into", fix="pass at least one day of flights")
    checked.distinct_labels(rows)
    dictionary.check_kinds(rows)
    generator = np.random.default_rng(rng) if isinstance(rng, int | np.integer) else rng
    try:
        return _FAULTS[fault](rows, generator, float(strength))
    except KeyError as error:
        if error.args and error.args[0] in rows.columns:
            raise
        raise DataError("is missing, and the fault needs it", column=str(error.args[0]), fix="add it") from error


def contaminate(
    clean: Delivery,
    seed: int,
    faults: Iterable[str] | int = 6,
    *,
    model: Callable[[pd.DataFrame], np.ndarray] | None = None,
) -> tuple[Delivery, pd.DataFrame]:
    """Inject several faults into a delivery.

    Parameters
    ----------
    clean : Delivery
        The delivery without faults; it is not changed.
    seed : int
        Seed of the random choices; the same seed gives the same faults in the same rows.
    faults : iterable of str or int
        Names of faults, or how many to choose at random, each for another check; ``len(catalogue())`` or more gives one
        for each check.
    model : callable, optional
        Function from rows to the probability of 'late' that the model in service gave. Default: the share of late
        flights at the hour of departure.

    Returns
    -------
    delivery : Delivery
        Always with a log of warnings, so that a log does not give away the feedback fault.
    truth : DataFrame
        One row per fault: fault, check, where, rows (how many) and strength.

    Raises
    ------
    UsageError
        There is no such fault.
    DataError
        The delivery has no flights, repeated row labels, columns of the wrong kind, or lacks a column that is needed.

    Examples
    --------
    >>> clean = faults.Delivery(flights, ("CRSDepTime", "Distance"))
    >>> delivery, truth = faults.contaminate(clean, seed=0, faults=["duplicated", "outliers"])
    >>> truth["fault"].tolist(), len(delivery.rows) > len(clean.rows)
    (['outliers', 'duplicated'], True)
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    names = _drawn(rng, faults) if isinstance(faults, int) else list(faults)
    unknown = [name for name in names if name not in _FAULTS]
    if unknown:
        raise UsageError(f"there is no fault {unknown[0]!r}", fix=f"choose from {', '.join(_FAULTS)}")
    if not len(clean.rows):
        raise DataError("there are no flights to inject faults into", fix="pass at least one day of flights")
    checked.need(clean.rows, ("IsDepDelayed", "CRSDepTime"))
    checked.distinct_labels(clean.rows)
    dictionary.check_kinds(clean.rows)
    rows, inputs, truths = _with_log(clean.rows, rng, model), list(clean.inputs), []
    # In the order of the catalogue: faults that remove or duplicate rows come last, so that the others keep theirs.
    for name in sorted(names, key=list(_catalogue()).index):
        rows, truth = plant(name, rows, rng)
        inputs += [column for column in truth.adds if column not in inputs]
        truths.append(truth)
    log = rows[list(LOG_COLUMNS)]
    table = pd.DataFrame(
        {
            "fault": [truth.fault for truth in truths],
            "check": [truth.check for truth in truths],
            "where": [", ".join(truth.columns) for truth in truths],
            "rows": [len(truth.rows) for truth in truths],
            "strength": [_catalogue()[truth.fault]["strength"] for truth in truths],
        }
    )
    return Delivery(rows.drop(columns=list(LOG_COLUMNS)), tuple(inputs), log), table


def _drawn(rng: np.random.Generator, count: int) -> list[str]:
    """Choose `count` checks at random, and a fault for each."""
    by_check: dict[str, list[str]] = {}
    for name, entry in _catalogue().items():
        if entry.get("mixed", True):
            by_check.setdefault(entry["check"], []).append(name)
    checks = rng.permutation(list(by_check))[: max(0, count)]
    return [str(rng.choice(by_check[check])) for check in checks]


def score(
    found: pd.DataFrame | Sequence[Any], truth: pd.DataFrame, *, natural: pd.DataFrame | None = None
) -> pd.Series:
    """Score the findings of an audit against the injected faults.

    Parameters
    ----------
    found : DataFrame or sequence of mappings
        'check' and 'where' of each finding; several columns in 'where' are separated by commas.
    truth : DataFrame
        The second value that `contaminate` returns.
    natural : DataFrame, optional
        Findings that are true of the clean delivery too; they count neither as right nor as wrong.

    Returns
    -------
    Series
        'planted', 'found', 'wrong' (findings that match no injected fault), 'precision', 'recall' and 'missed' (names
        of faults). A fault is found by its check at one of its columns; another check that names such a column is not
        wrong.

    Raises
    ------
    UsageError
        A finding lacks 'check' or 'where'.
    DataError
        `truth` lacks a column, or a check or its columns are not named by a text.

    Examples
    --------
    >>> truth = pd.DataFrame({"fault": ["kilometres"], "check": ["semantic"], "where": ["Distance"]})
    >>> faults.score([{"check": "semantic", "where": "Distance"}], truth)[["found", "precision"]].tolist()
    [1, 1.0]
    """
    import pandas as pd

    given = pd.DataFrame(found if isinstance(found, pd.DataFrame) else [dict(one) for one in found])
    absent = [name for name in ("check", "where") if len(given) and name not in given.columns]
    if absent:
        raise UsageError(f"the findings have no {absent[0]!r}", fix="name check and where of each finding")
    checked.need(truth, ("fault", "check", "where"))
    for table in (given, truth):
        checked.need(table, ())
        for name in ("check", "where") if len(table) else ():
            if not all(isinstance(text, str) for text in table[name]):
                raise DataError("holds something other than text", column=name, fix="name a check and its columns")
    pairs = set(zip(given["check"], given["where"], strict=True)) if len(given) else set()
    planted = list(truth[["check", "where"]].itertuples(index=False, name=None))
    known = {place for place, one in enumerate(planted) if any(finding_matches(pair, one) for pair in pairs)}
    touched = set().union(*(_columns(where) for _, where in planted))
    excused = [] if natural is None else list(natural[["check", "where"]].itertuples(index=False, name=None))
    useless = [
        pair
        for pair in pairs
        if not any(finding_matches(pair, one) for one in [*planted, *excused]) and not _columns(pair[1]) & touched
    ]
    return pd.Series(
        {
            "planted": len(planted),
            "found": len(known),
            "wrong": len(useless),
            "precision": round(len(known) / (len(known) + len(useless)), 2) if known or useless else 0.0,
            "recall": round(len(known) / len(planted), 2) if planted else 1.0,
            "missed": ", ".join(truth["fault"].iloc[[place for place in range(len(planted)) if place not in known]]),
        },
        name="audit",
    )


def finding_matches(finding: tuple[str, str], truth: tuple[str, str]) -> bool:
    """Return whether a finding names the check of a fault and one of its columns.

    Parameters
    ----------
    finding, truth : (check, where)
        Several columns in 'where' are separated by commas. If `truth` has none, the fault concerns whole rows, and the
        check alone must match.

    Examples
    --------
    >>> faults.finding_matches(("reliable", "temp, visib"), ("reliable", "temp"))
    True
    """
    named, true = _columns(finding[1]), _columns(truth[1])
    return finding[0] == truth[0] and (not true or bool(named & true))


def _columns(where: str) -> set[str]:
    return {part.strip() for part in str(where).split(",")} - {""}


# --------------------------------------------------------------------------- helpers


def _share(rng: np.random.Generator, labels: pd.Index, share: float) -> pd.Index:
    """Return a random share of the row labels, at least one, in their order."""
    count = min(len(labels), max(1, round(share * len(labels))))
    return labels[np.sort(rng.choice(len(labels), size=count, replace=False))]


def _one(rng: np.random.Generator, values: Sequence[Any], what: str) -> Any:
    if not len(values):
        raise DataError(f"the rows have no {what}", fix="pass flights with all columns of the dictionary")
    return values[int(rng.integers(len(values)))]


def _with(rows: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """Return rows with some columns replaced, the others shared, and the same `attrs`."""
    new = rows.assign(**columns)
    new.attrs = dict(rows.attrs)
    return new


def _put(values: pd.Series, labels: pd.Index, new: Any) -> pd.Series:
    """Return a column with some of its values replaced, by new categories too."""
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        wanted = pd.unique(pd.Series(new, index=labels).dropna()) if len(labels) else []
        values = values.cat.add_categories([value for value in wanted if value not in values.cat.categories])
    else:
        values = values.astype(float) if values.dtype.kind in "iu" and not isinstance(new, int) else values.copy()
    values = values.copy()
    values.loc[labels] = new
    return values


def _measured(rows: pd.DataFrame) -> list[str]:
    """Return the weather inputs among the columns or, without weather, two numbers of the schedule."""
    weather = [name for name in ("temp", "dewp", "humid", "wind_speed", "visib") if name in rows.columns]
    return weather or ["CRSElapsedTime", "Distance"]


def _day(rows: pd.DataFrame) -> pd.Series:
    return rows["Year"] * 10_000 + rows["Month"] * 100 + rows["DayofMonth"]


def _late(rows: pd.DataFrame) -> pd.Series:
    return rows["IsDepDelayed"].astype(object).eq("YES")


def _everywhere(fault: str, rows: pd.DataFrame, column: str, check: str | None = None) -> Truth:
    return Truth(fault, check or _catalogue()[fault]["check"], (column,), rows.index, (column,))


def _somewhere(fault: str, columns: tuple[str, ...], labels: pd.Index) -> Truth:
    return Truth(fault, _catalogue()[fault]["check"], columns, labels)


# --------------------------------------------------------------------------- signals


@_fault
def _outage(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Remove a source's values from a share of one day's flights."""
    columns = tuple(name for name in _measured(rows))
    day = _day(rows)
    counts = day.value_counts()
    chosen = _one(rng, sorted(counts.index[counts >= counts.median()]), "full day")
    labels = _share(rng, rows.index[day == chosen], strength)
    return _with(rows, **{name: _put(rows[name], labels, np.nan) for name in columns}), _somewhere(
        "outage", columns, labels
    )


@_fault
def _drift(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Shift an input upwards by `strength` of its standard deviations."""
    candidates = [name for name in ("temp", "dewp") if name in rows.columns] or ["CRSElapsedTime"]
    name = _one(rng, candidates, "number")
    moved = rows[name] + strength * rows[name].std()
    return _with(rows, **{name: moved.round(2)}), _somewhere("drift", (name,), rows.index)


@_fault
def _useless(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Add an input of random numbers."""
    return _with(rows, gate_code=rng.normal(scale=strength, size=len(rows))), _everywhere("useless", rows, "gate_code")


@_fault
def _twin(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Add an input that repeats another one in another unit, with a little noise."""
    source = rows["CRSElapsedTime"].astype(float)
    noise = rng.normal(scale=strength * source.std(), size=len(rows))
    return _with(rows, block_hours=(source + noise) / 60), _everywhere("twin", rows, "block_hours")


@_fault
def _feedback(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Let warnings work: a share of the warned flights departs on time instead of late, and is recorded so."""
    rows = rows if "warned" in rows.columns else _with_log(rows, rng, None)
    warned_late = rows.index[rows["warned"] & _late(rows)]
    labels = _share(rng, warned_late, strength) if len(warned_late) else warned_late
    minutes = rng.integers(0, _LATE, size=len(labels)).astype(float)
    cured = {
        "DepDelay": _put(rows["DepDelay"], labels, minutes),
        "IsDepDelayed": _put(rows["IsDepDelayed"], labels, "NO"),
    }
    return _with(rows, **cured), _somewhere("feedback", ("IsDepDelayed", "warned"), labels)


@_fault
def _swapped_carriers(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Swap the codes of two large carriers in a share of their flights."""
    shares = rows["UniqueCarrier"].value_counts(normalize=True)
    large = sorted(shares.index[shares >= 0.08].astype(str))
    if len(large) < 2:
        raise DataError("the rows have fewer than two large carriers", fix="pass flights of more carriers")
    one, other = rng.choice(large, size=2, replace=False)
    theirs = rows["UniqueCarrier"].astype(object)
    labels = _share(rng, rows.index[theirs.isin([one, other])], strength)
    renamed = theirs.loc[labels].map({one: other, other: one})
    return _with(rows, UniqueCarrier=_put(rows["UniqueCarrier"], labels, renamed)), _somewhere(
        "swapped_carriers", ("UniqueCarrier",), labels
    )


@_fault
def _kilometres(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Give distances in kilometres in a share of the flights."""
    labels = _share(rng, rows.index, strength)
    metric = (rows["Distance"].loc[labels] * 1.609344).round()
    return _with(rows, Distance=_put(rows["Distance"], labels, metric)), _somewhere("kilometres", ("Distance",), labels)


@_fault
def _minutes_of_day(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Give the scheduled departure in minutes since midnight instead of hhmm in a share of the flights."""
    labels = _share(rng, rows.index, strength)
    clock = rows["CRSDepTime"].loc[labels]
    return _with(
        rows, CRSDepTime=_put(rows["CRSDepTime"], labels, (clock // 100 * 60 + clock % 100).astype("int64"))
    ), (_somewhere("minutes_of_day", ("CRSDepTime",), labels))


@_fault
def _rare_values(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Add an input that identifies the single flight: thousands of values, most of them rare."""
    parts = [rows[name].astype(str) for name in ("UniqueCarrier", "FlightNum", "Dest")]
    identity = parts[0] + parts[1] + parts[2]
    return _with(rows, flight_name=identity.astype("category")), _everywhere("rare_values", rows, "flight_name")


@_fault
def _new_carrier(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Give a share of the flights to a carrier that is in the dictionary but not in the data."""
    known = dictionary.load().loc["UniqueCarrier", "values"].split()
    seen = set(rows["UniqueCarrier"].dropna().astype(str).unique())
    unseen = [code for code in known if code not in seen] or ["9X"]
    # Carriers that no longer exist first: one that flies rarely might be in the flights used for comparison.
    unseen = [code for code in ("PI", "PS") if code in unseen] or unseen
    labels = _share(rng, rows.index, strength)
    return _with(rows, UniqueCarrier=_put(rows["UniqueCarrier"], labels, _one(rng, unseen, "code"))), _somewhere(
        "new_carrier", ("UniqueCarrier",), labels
    )


@_fault
def _too_early(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Make an input of a column that is known only at departure: the tail number."""
    return rows, _everywhere("too_early", rows, "TailNum")


@_fault
def _outliers(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Put an allowed but absurd value into a share of the rows."""
    name, value = ("wind_speed", 140.0) if "wind_speed" in rows.columns else ("CRSElapsedTime", 1430.0)
    labels = _share(rng, rows.index, strength)
    return _with(rows, **{name: _put(rows[name], labels, value)}), _somewhere("outliers", (name,), labels)


# --------------------------------------------------------------------------- data to remove


@_fault
def _late_cancelled(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Label a share of the cancelled flights as delayed."""
    labels = _share(rng, rows.index[rows["Cancelled"] == 1], strength)
    return _with(rows, IsDepDelayed=_put(rows["IsDepDelayed"], labels, "YES")), _somewhere(
        "late_cancelled", ("IsDepDelayed",), labels
    )


@_fault
def _flipped_labels(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Flip a share of the labels."""
    labels = _share(rng, rows.index[rows["IsDepDelayed"].notna()], strength)
    turned = rows["IsDepDelayed"].astype(object).loc[labels].map({"YES": "NO", "NO": "YES"})
    return _with(rows, IsDepDelayed=_put(rows["IsDepDelayed"], labels, turned)), _somewhere(
        "flipped_labels", ("IsDepDelayed",), labels
    )


@_fault
def _flattering_carrier(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Let one large carrier record a share of its late flights as on time, in both delay and label."""
    shares = rows["UniqueCarrier"].value_counts(normalize=True)
    carrier = _one(rng, sorted(shares.index[shares >= 0.1].astype(str)), "large carrier")
    labels = _share(rng, rows.index[(rows["UniqueCarrier"].astype(object) == carrier) & _late(rows)], strength)
    minutes = rng.integers(0, _LATE, size=len(labels)).astype(float)
    logged = {
        "DepDelay": _put(rows["DepDelay"], labels, minutes),
        "IsDepDelayed": _put(rows["IsDepDelayed"], labels, "NO"),
    }
    return _with(rows, **logged), _somewhere("flattering_carrier", ("IsDepDelayed",), labels)


@_fault
def _impossible_values(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Put a scheduled time of 5 minutes from gate to gate into a share of the rows."""
    labels = _share(rng, rows.index, strength)
    return _with(rows, CRSElapsedTime=_put(rows["CRSElapsedTime"], labels, 5.0)), _somewhere(
        "impossible_values", ("CRSElapsedTime",), labels
    )


@_fault
def _omitted_values(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Remove the values of an input from a share of the late flights."""
    name = _one(rng, _measured(rows), "number")
    labels = _share(rng, rows.index[_late(rows)], strength)
    return _with(rows, **{name: _put(rows[name], labels, np.nan)}), _somewhere("omitted_values", (name,), labels)


@_fault
def _loud_leak(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Make an input of a column that contains the answer: the actual departure or arrival."""
    return rows, _everywhere("loud_leak", rows, _one(rng, ("DepTime", "ArrTime", "ArrDelay"), "outcome"))


@_fault
def _quiet_leak(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Add the share of late flights at the origin over the whole day of the flight, later hours included."""
    late = _late(rows).where(rows["IsDepDelayed"].notna()).astype(float)
    groups = late.groupby([rows["Origin"].astype(str), _day(rows)])
    # Smoothed by one average flight, so that days with few flights do not give the leak away by extreme rates.
    rate = (groups.transform("sum") + late.mean()) / (groups.transform("count") + 1)
    return _with(rows, airport_mood=rate), _everywhere("quiet_leak", rows, "airport_mood")


@_fault
def _forbidden(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Make an input of a column that is known in time but must not be used."""
    return rows, _everywhere("forbidden", rows, _one(rng, ("FlightNum", "DayofMonth", "Month"), "column"))


@_fault
def _constant(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Add an input with a single value."""
    return _with(rows, season_code=strength), _everywhere("constant", rows, "season_code")


@_fault
def _imbalanced(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Remove late flights until they are the share `strength` of those with a label."""
    late, labelled = _late(rows), rows["IsDepDelayed"].notna()
    keep = strength * (labelled & ~late).sum() / (1 - strength)
    lost = late.sum() - round(keep)
    if lost < 1:
        raise DataError("late flights are rarer than that already", fix="give a smaller strength")
    labels = _share(rng, rows.index[late], lost / late.sum())
    return _kept(rows, ~rows.index.isin(labels)), _somewhere("imbalanced", ("IsDepDelayed",), labels)


@_fault
def _duplicated(rows: pd.DataFrame, rng: np.random.Generator, strength: float) -> tuple[pd.DataFrame, Truth]:
    """Duplicate a share of one airport's flights."""
    import pandas as pd

    airports = rows["Origin"].value_counts()
    airport = _one(rng, sorted(airports.index[:3].astype(str)), "airport")
    labels = _share(rng, rows.index[rows["Origin"].astype(object) == airport], strength)
    start = int(rows.index.max()) + 1
    again = rows.loc[labels].set_axis(pd.RangeIndex(start, start + len(labels)), axis=0)
    both = pd.concat([rows, again])
    both.attrs = dict(rows.attrs)
    return both, _somewhere("duplicated", (), again.index)


def _kept(rows: pd.DataFrame, mask: np.ndarray) -> pd.DataFrame:
    kept = rows[mask]
    kept.attrs = dict(rows.attrs)
    return kept


def _with_log(
    rows: pd.DataFrame, rng: np.random.Generator, model: Callable[[pd.DataFrame], np.ndarray] | None
) -> pd.DataFrame:
    """Add the log of a model in service: its probability, which flights it warned, and the random hold-out."""
    late = _late(rows).astype(float)
    if model is None:
        hour = rows["CRSDepTime"] // 100
        probability = late.groupby(hour).transform("mean").to_numpy()
        warn_from = float(np.quantile(probability, 0.7))
    else:
        probability = np.asarray(model(rows), dtype=float)
        warn_from = tables.read_toml("pitfalls.toml")["limits"]["warn_from"]
    held_out = rng.random(len(rows)) < _HOLD_OUT
    return _with(rows, probability=probability, warned=(probability >= warn_from) & ~held_out, held_out=held_out)
