"""Degenerate input: every public function of the data and model stages answers it rightly, or says what is wrong.

`CALLS` has a sound call for each function. Each test replaces one argument of it by a degenerate one: no rows, one row,
nothing but missing values, one value, infinite values, the wrong type, a repeated row label. The function must then
return something or raise an error of the course, which says how to fix it; never an error of pandas or NumPy. A new
function needs an entry here: a test asks for it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import course_utils
from course_utils.data import datasets, faults, features, profiles, splits
from course_utils.errors import CourseError
from course_utils.model import explain, metrics, money, pitfalls, training

ROOT = Path(course_utils.__file__).parent
#: Functions whose arguments are names, paths, code or nothing: the tests of their own modules try those.
NO_DATA = {
    "data.datasets": {
        "data_folder", "fetch_flights", "is_available", "load_airports", "load_flights", "load_planes", "load_weather",
        "loader", "read_flights", "read_parquet",
    },
    "data.csv_files": {"parse"},
    "data.dictionary": {"load", "readme", "rules"},
    "data.faults": {"catalogue", "finding_matches"},
    "data.profiles": {"deck_figures", "deck_warnings", "profilers", "write_skrub_report"},
    "data.reports": {"save", "sponsor_page"},
    "data.categories": {"find", "identity"},
    "model.explain.approval": {"approval_pack", "deck_sources", "methods"},
    "model.explain.family_reasons": {"families", "stability"},
    "model.money": {"assumptions", "payoff"},
    "model.training.cards": {"describe", "model_card"},
    "model.training.comparison": {"deck_run"},
    "model.training.fingerprints": {"code_hash", "environment"},
    "model.training.scoring": {"load", "save", "score_in_new_process"},
    "model.training.caching": {"course_model", "fit_or_load"},
}  # fmt: skip
#: Packages whose own tests do this: the pitfall checks exist to examine deliveries that are wrong.
ELSEWHERE = ("vowpal", "online_learning", "pitfalls")


@cache
def world() -> dict[str, Any]:
    """Make what sound calls need: 700 flights of a week, their features, a split, a small model and its values."""
    every = datasets.load_flights("nyc2013")
    rows = every[(every["Month"] == 1) & (every["DayofMonth"].between(2, 8))].iloc[::9].reset_index(drop=True)
    rows.attrs = {"dataset": "nyc2013"}
    inputs = features.as_of(rows, only=["schedule", "calendar", "volume"])
    split = splits.split_at_random(rows)
    fit = training.train_xgboost(split, inputs, rounds=3, early_stopping=None, max_depth=2)
    late = features.label(rows).fillna(0)
    score = pd.Series(fit.scorer.score(inputs), index=rows.index).astype(float)
    values = explain.shap_values(fit.scorer, inputs.head(20))
    return {
        "flights": rows, "inputs": inputs, "split": split, "fit": fit, "late": late, "score": score,
        "values": values, "payoff": money.payoff("deck_100"), "warned": score > score.median(),
        "delivery": pitfalls.make_delivery(rows, inputs), "day": splits.day(rows),
    }  # fmt: skip


@cache
def calls() -> dict[str, dict[str, Any]]:
    """Return sound arguments for each function, by its module and name."""
    w = world()
    flights, inputs, split, late, score = (w[name] for name in ("flights", "inputs", "split", "late", "score"))
    both = {"late": late, "probability": score}
    paid = {"payoff": w["payoff"]}
    counts = {"cells": metrics.confusion(late, w["warned"])}
    shares = {"given_away": explain.proxy_strength(inputs, "UniqueCarrier")}
    return {
        "data.categories.as_texts": {"values": flights["UniqueCarrier"]},
        "data.categories.check_kind": {"values": flights["UniqueCarrier"]},
        "data.categories.distinct": {"values": flights["UniqueCarrier"]},
        "data.categories.is_category": {"values": flights["UniqueCarrier"]},
        "data.categories.positions": {"values": flights["UniqueCarrier"], "known": ["AA"], "otherwise": -1},
        "data.checked.clock_minutes": {"hhmm": flights["CRSDepTime"]},
        "data.checked.dates": {"rows": flights},
        "data.checked.distinct_labels": {"table": flights},
        "data.checked.need": {"table": flights, "names": ["Origin"]},
        "data.checked.numbers": {"values": flights["Distance"]},
        "data.datasets.minute_of_day": {"hhmm": flights["CRSDepTime"]},
        "data.datasets.scheduled_departure": {"flights": flights},
        "data.dictionary.admissible": {"horizon": 3},
        "data.dictionary.check_kinds": {"flights": flights},
        "data.dictionary.check_columns": {"columns": flights.columns},
        "data.dictionary.validate": {"flights": flights},
        "data.faults.contaminate": {"clean": w["delivery"], "seed": 0, "faults": 2},
        "data.faults.plant": {"fault": "kilometres", "rows": flights, "rng": 0},
        "data.faults.score": {
            "found": pd.DataFrame({"where": ["Distance"], "check": ["values"]}),
            "truth": faults.contaminate(w["delivery"], 0, 2)[1],
        },
        "data.features.as_of": {"flights": flights},
        "data.features.deck_columns": {"flights": flights},
        "data.features.groups": {"frame": inputs},
        "data.features.known_at": {"flights": flights, "column": "DepDelay"},
        "data.features.label": {"rows": flights},
        "data.features.schedule": {"flights": flights},
        "data.features.up_to": {"frame": inputs, "last": "calendar"},
        "data.profiles.kinds": {"rows": flights},
        "data.profiles.profile": {"flights": flights},
        "data.profiles.rejected_by_correlation": {"numbers": flights[["Distance", "CRSElapsedTime"]]},
        "data.profiles.skrub_profile": {"flights": flights},
        "data.profiles.summary": {"flights": flights},
        "data.profiles.warnings": {"found": profiles.profile(flights), "rows": len(flights)},
        "data.splits.day": {"rows": flights},
        "data.splits.rolling_months": {"flights": flights},
        "data.splits.smaller": {"split": split, "rows": 20},
        "data.splits.split_at_random": {"flights": flights},
        "data.splits.split_by_time": {"flights": flights},
        "model.explain.attribution.model_matrix": {"scorer": w["fit"].scorer, "rows": inputs},
        "model.explain.attribution.ordinal_codes": {"inputs": inputs},
        "model.explain.attribution.shap_values": {"scorer": w["fit"].scorer, "rows": inputs},
        "model.explain.family_reasons.add_near_duplicates": {"inputs": inputs, "column": "Distance"},
        "model.explain.family_reasons.by_family": {"values": w["values"].values},
        "model.explain.family_reasons.reasons": {"explanation": w["values"]},
        "model.explain.family_reasons.resampled_days": {"split": split},
        "model.explain.family_reasons.top_reason_agreement": {"one": w["values"].values, "other": w["values"].values},
        "model.explain.model_agnostic.coalition_values": {
            "scorer": w["fit"].scorer, "flight": inputs.head(1), "background": inputs.head(9),
        },
        "model.explain.model_agnostic.lime": {
            "worth": explain.coalition_values(w["fit"].scorer, inputs.head(1), inputs.head(9)),
        },
        "model.explain.model_agnostic.shapley": {
            "worth": explain.coalition_values(w["fit"].scorer, inputs.head(1), inputs.head(9)),
        },
        "model.explain.proxy.proxy_columns": shares,
        "model.explain.proxy.proxy_strength": {"inputs": inputs, "forbidden": "UniqueCarrier"},
        "model.metrics.accuracy": counts,
        "model.metrics.as_cells": counts,
        "model.metrics.auc": both,
        "model.metrics.by_class": {
            "actual": metrics.delay_class(flights["DepDelay"].fillna(0)),
            "predicted": metrics.delay_class(flights["DepDelay"].fillna(0)),
        },
        "model.metrics.calibration": both,
        "model.metrics.confusion": {"late": late, "warned": w["warned"]},
        "model.metrics.delay_class": {"minutes": flights["DepDelay"]},
        "model.metrics.false_alarm_rate": counts,
        "model.metrics.from_sklearn": {"matrix": np.array([[3, 1], [1, 3]])},
        "model.metrics.log_loss": both,
        "model.metrics.log_losses": both,
        "model.metrics.miss_rate": counts,
        "model.metrics.precision": counts,
        "model.metrics.precision_recall": {"late": late, "models": {"one": score}},
        "model.metrics.psi": {"expected": np.array([5, 6]), "actual": np.array([6, 5])},
        "model.metrics.recall": counts,
        "model.metrics.regression": {"actual": flights["Distance"], "predicted": flights["CRSElapsedTime"]},
        "model.metrics.roc": {"late": late, "models": {"one": score}},
        "model.metrics.scores": both,
        "model.money.advantage": {"late": late, "model": score, "rival": 1 - score, "saved": 9.0, "wasted": 3.0},
        "model.money.bootstrap": {"per_flight": score, "blocks": w["day"], "draws": 9},
        "model.money.break_even": paid,
        "model.money.curve": {**both, **paid, "step": 0.1},
        "model.money.dollars_by_cell": {**counts, **paid},
        "model.money.dollars_by_flight": {"late": late, "warned": w["warned"], **paid},
        "model.money.expected_value": paid,
        "model.money.matching_readings": {"total": 100.0, **counts, **paid},
        "model.money.policies": {
            "late": late, "warnings": {"one": w["warned"]}, **paid, "blocks": w["day"], "draws": 9,
        },
        "model.money.readings": {**counts, **paid},
        "model.money.sensitivity": {"late": late, "model": score, "rival": 1 - score, "steps": 3},
        "model.money.value": {**counts, **paid},
        "model.money.value_table": {"counts": {"one": counts["cells"]}, "payoffs": ["deck_100"]},
        "model.training.baselines.train_logistic": {"split": split, "inputs": inputs},
        "model.training.baselines.train_rate_table": {"split": split, "by": {"carrier": flights["UniqueCarrier"]}},
        "model.training.comparison.compare": {"models": {"one": w["fit"]}, "rows": split.test},
        "model.training.encoding.select_rows": {"values": inputs, "flights": flights},
        "model.training.fingerprints.data_hash": {"rows": flights},
        "model.training.fitting.train_xgboost": {
            "split": split, "inputs": inputs, "rounds": 2, "early_stopping": None,
        },
    }  # fmt: skip


def public() -> Iterator[str]:
    """Yield the dotted name of each public function of the data and model stages that takes data."""
    for stage in ("data", "model"):
        for file in sorted((ROOT / stage).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            module = ".".join(part for part in parts if part != "__init__")
            if set(parts) & set(ELSEWHERE):
                continue
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                named = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
                if named and node.name not in NO_DATA.get(module, ()):
                    yield f"{module}.{node.name}"


def numeric(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def fill(number: float) -> Callable[[pd.Series], pd.Series]:
    """Return a change that puts one number into each row of a column of numbers."""
    return lambda column: pd.Series(number, column.index, name=column.name) if numeric(column) else column


#: What happens to each column.
COLUMNS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "all missing": lambda column: pd.Series(np.nan if numeric(column) else None, column.index, name=column.name),
    "no value at all": lambda column: pd.Series(None, column.index, dtype=object, name=column.name),
    "first missing": lambda column: column.astype(object).where(np.arange(len(column)) > 0, None),
    "one value": lambda column: column.iloc[[0] * len(column)].set_axis(column.index) if len(column) else column,
    "infinite": fill(np.inf),
    "minus infinity": fill(-np.inf),
    "out of range": fill(9_999.0),
    "a probability of 40": fill(40.0),
    "below zero": fill(-1.0),
    "a fraction": fill(0.5),
    "too large": fill(1e300),
    "texts": lambda column: pd.Series("noon", column.index, name=column.name),
    "dates": lambda column: pd.Series(pd.Timestamp("2013-01-01"), column.index, name=column.name),
    "dates with a time zone": lambda column: pd.Series(
        pd.Timestamp("2013-01-01", tz="America/New_York"), column.index, name=column.name
    ),
    "truths": lambda column: pd.Series(True, column.index, name=column.name),
    "arrow": lambda column: column.convert_dtypes(dtype_backend="pyarrow"),
    "nullable": lambda column: column.convert_dtypes(),
    "objects": lambda column: column.astype(object),
    "lists": lambda column: pd.Series([[1]] * len(column), column.index, name=column.name),
}
#: What happens to the rows or columns of a table.
ROWS: dict[str, Callable[[Any], Any]] = {
    "no rows": lambda table: table.iloc[:0],
    "one row": lambda table: table.iloc[:1],
    "repeated labels": lambda table: table.set_axis([0] * len(table), axis=0),
    "text labels": lambda table: table.set_axis([f"r{place}" for place in range(len(table))], axis=0),
    "no columns": lambda table: table.iloc[:, :0] if table.ndim == 2 else table,
    "a column twice": lambda table: pd.concat([table, table.iloc[:, :1]], axis=1) if table.ndim == 2 else table,
    "half of the columns": lambda table: table.iloc[:, ::2] if table.ndim == 2 else table,
}


def spoiled(value: Any, how: str) -> Any:
    """Return an argument made degenerate, or None if this cannot be done to it."""
    if isinstance(value, pd.DataFrame | pd.Series):
        if how in ROWS:
            made = ROWS[how](value)
        elif isinstance(value, pd.Series):
            made = COLUMNS[how](value)
        else:
            made = pd.DataFrame({name: COLUMNS[how](value[name]) for name in value}, index=value.index)
        made.attrs = dict(value.attrs)
        return made
    if isinstance(value, np.ndarray):
        made = spoiled(pd.Series(value.ravel()), how)
        return made.to_numpy() if made is not None and value.ndim == 1 else None
    if isinstance(value, faults.Delivery):
        rows = spoiled(value.rows, how)
        return faults.Delivery(rows, tuple(name for name in value.inputs if name in rows))
    if isinstance(value, splits.Split):
        return splits.Split(*(spoiled(getattr(value, part), how) for part in ("train", "validation", "test")), how)
    if isinstance(value, dict):
        parts = {name: spoiled(part, how) for name, part in value.items()}
        return None if any(part is None for part in parts.values()) else parts
    return None


@cache
def function(name: str) -> Callable[..., Any]:
    module, _, own = name.rpartition(".")
    return getattr(importlib.import_module(f"course_utils.{module}"), own)


def raw_failures(name: str) -> list[str]:
    """Call a function with each of its arguments spoiled in each way; return what is no answer of the course."""
    found = []
    sound = calls()[name]
    for argument, value in sound.items():
        for how in (*ROWS, *COLUMNS):
            try:
                worse = spoiled(value, how)
            except (ValueError, TypeError, IndexError):
                continue  # this cannot be done to such a column
            if worse is None:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    result = function(name)(**{**sound, argument: worse})
                    if inspect.isgenerator(result):
                        list(result)
                except CourseError as error:
                    assert error.fix
                except Exception as error:
                    found.append(f"{argument}, {how}: {type(error).__name__}: {error}"[:150])
    return found


def test_every_public_function_is_tried():
    """A new function of these stages needs a sound call in `CALLS`, or a place in `NO_DATA`."""
    names = set(public())
    assert names - set(calls()) == set(), "add a sound call to calls(), or the name to NO_DATA"
    assert set(calls()) - names == set(), "these functions are gone"


@pytest.mark.parametrize("name", sorted(public()))
def test_degenerate_input_is_answered_or_named(name: str):
    """No rows, one row, missing, infinite, wrong or repeated values give a result or an error with its fix."""
    assert raw_failures(name) == []


# --------------------------------------------------------------------------- the right result


@pytest.mark.parametrize("how", ["arrow", "nullable", "objects", "text labels"])
@pytest.mark.parametrize(
    "name",
    [
        "data.datasets.minute_of_day", "data.datasets.scheduled_departure", "data.features.as_of",
        "data.features.label",
        "data.features.known_at", "data.splits.day", "model.metrics.auc", "model.metrics.log_loss",
        "model.metrics.confusion", "model.metrics.delay_class", "model.metrics.psi", "model.money.curve",
        "model.money.dollars_by_flight",
    ],
)  # fmt: skip
def test_how_a_table_is_stored_changes_no_result(name: str, how: str):
    """Arrow, nullable and object columns, and other row labels, give the numbers that NumPy's columns give."""
    sound = calls()[name]
    other = {argument: value if (made := spoiled(value, how)) is None else made for argument, value in sound.items()}
    if "payoff" in other:
        other["payoff"] = sound["payoff"]
    results = [function(name)(**arguments) for arguments in (sound, other)]
    if isinstance(results[0], pd.DataFrame):
        plain = [table.select_dtypes("number").to_numpy(dtype=float, na_value=np.nan) for table in results]
        np.testing.assert_array_equal(plain[1][:, -9:], plain[0][:, -9:])
    else:
        assert [*map(str, np.ravel(results[1]))] == [*map(str, np.ravel(results[0]))]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (
            "model.metrics.log_loss",
            {"probability": 40.0},
            "row 3: holds 40, outside the range 0 to 1",
        ),
        ("model.metrics.calibration", {"probability": -0.1}, "column probability, row 3: holds -0.1"),
        ("model.metrics.scores", {"probability": np.inf}, "column probability, row 3: holds inf"),
        ("model.money.curve", {"probability": np.nan}, "column probability, row 3: holds no value"),
        (
            "model.money.dollars_by_flight",
            {"warned": 0.4},
            "column warned, row 3: holds 0.4, which is",
        ),
        ("model.money.dollars_by_flight", {"late": np.nan}, "column late, row 3: holds no value"),
        ("data.datasets.minute_of_day", {"hhmm": 2460}, "column CRSDepTime, row 3: holds 2460, outside the range"),
        ("data.datasets.minute_of_day", {"hhmm": 1275}, "row 3: holds 1275, which is not a clock time"),
        ("data.datasets.minute_of_day", {"hhmm": 12.5}, "row 3: holds 12.5, which is not a whole number"),
    ],
)
def test_one_value_that_cannot_be_is_named(name: str, change: dict, words: str):
    """The message names the column and the row of a probability of 40, a time of 2460 or a missing outcome."""
    sound = calls()[name]
    ((argument, wrong),) = change.items()
    values = pd.Series(sound[argument]).astype(float)
    values.iloc[3] = wrong
    with pytest.raises(CourseError) as raised:
        function(name)(**{**sound, argument: values})
    assert words in str(raised.value)


def test_midnight_may_be_written_as_2400():
    """The midnight that ends a day is minute 0, and a missing time stays missing."""
    found = datasets.minute_of_day(pd.Series([0, 2400, None, 1830]))
    assert found.tolist()[:2] == [0, 0] and np.isnan(found[2]) and found[3] == 1110


@pytest.mark.parametrize(("column", "wrong"), [("DayofMonth", 32), ("Month", 0), ("Year", 9_999), ("Month", None)])
def test_a_date_that_cannot_be_is_named(column: str, wrong: float | None):
    """A 32nd of January, a month 0 and a missing month are refused by column and row, also for a leap day."""
    rows = world()["flights"].head(5).astype({column: float})
    rows.loc[2, column] = wrong
    with pytest.raises(CourseError, match=f"column {column}, row 2: holds"):
        splits.day(rows)
    with pytest.raises(CourseError, match="row 2: 2013-2-29 is not a date"):
        splits.day(rows.assign(Year=2013, Month=2, DayofMonth=[1, 2, 29, 3, 4]))


def test_a_flight_is_in_one_part_only():
    """Two flights with one row label would be in two parts of a split, so the labels are refused."""
    with pytest.raises(CourseError, match="row labels are not unique: 0 occurs twice"):
        splits.split_at_random(world()["flights"].set_axis([0, *range(len(world()["flights"]) - 1)]))
