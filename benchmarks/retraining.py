"""What a model loses as it ages, and what it learns from its own warnings: the tables behind the decision to retrain.

    uv run python benchmarks/retraining.py            # print both tables
    uv run python benchmarks/retraining.py --write    # and keep them in course_utils/tables: retraining_*.csv

On each Monday from April on a model is fitted on all flights before it, and asked about every later week of 2013.
A second time, with the same models until then, one hub is late more often from August on: a drift that no input shows
at once. Nothing here depends on the machine but the time it takes: some ten minutes on one core.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version

import benchmark_io
import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import datasets, features, splits
from course_utils.model import metrics, money, training
from course_utils.operate import retraining

ROUNDS = 100  # between what early stopping keeps after three months of training and after twelve
PAYOFF = money.payoff("deck_100")
WARN_FROM = money.break_even(PAYOFF)
WORLDS = retraining.WORLDS


def fit(rows: pd.DataFrame, inputs: pd.DataFrame) -> training.Fit:
    """Fit on all of some flights; nothing is left to stop on, so the last parts only have to hold some flights."""
    split = splits.Split(rows, rows.tail(1_000), rows.tail(1_000), "all that came before")
    return training.train_xgboost(split, inputs, rounds=ROUNDS, early_stopping=None)


def row(late: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Return what one model's week came to."""
    dollars = money.dollars_by_flight(late, p >= WARN_FROM, PAYOFF)
    return {
        "flights": len(late),
        "log_loss": round(metrics.log_loss(late, p), 4),
        "gap": round(float(p.mean() - late.mean()), 4),
        "dollars": round(float(dollars.sum())),
    }


def departed(flights: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the flights that left, and the week of each, counted from the first Monday; negative before it."""
    rows = flights[flights["DepDelay"].notna()]
    days = splits.day(rows).to_numpy("datetime64[D]")
    return rows, (days - np.datetime64(retraining.START)).astype(int) // 7


def weeks(flights: pd.DataFrame, horizon: float) -> Iterator[dict[str, object]]:
    """Yield one row for each world, model and week."""
    models: list[training.Fit] = []
    for world, changed in WORLDS.items():
        told = flights if changed is None else retraining.with_drifted_hub(flights)
        inputs = features.as_of(told, horizon)
        rows, week = departed(told)
        late = features.label(rows).to_numpy()
        first = 0 if changed is None else changed + 1  # until then the models are those of the world as it was
        del models[first:]
        for monday in range(first, retraining.WEEKS):
            models.append(fit(rows[week < monday], inputs))
        for trained, model in enumerate(models):
            for now in range(max(trained, changed or 0), retraining.WEEKS):
                asked = week == now
                p = model.scorer.score(inputs.loc[rows.index[asked]])
                yield {"world": world, "trained": trained, "week": now} | row(late[asked], p)
        print(world, "done", flush=True)


def feedback(flights: pd.DataFrame, horizon: float) -> Iterator[dict[str, object]]:
    """Yield one row for each way of learning and month: what a model sees of its own warnings."""
    import xgboost

    inputs = features.as_of(flights, horizon)
    rows, _ = departed(flights)
    late, month = features.label(rows).to_numpy(), rows["Month"].to_numpy()
    encoder = training.Encoder.fit(inputs.loc[rows.index[month < 5]])
    matrix = encoder.transform(inputs.loc[rows.index])
    types = encoder.feature_types
    for way in retraining.WAYS:
        rng = np.random.default_rng(0)
        logged, weight = late.copy(), np.ones(len(late))
        held_out, cured = rng.random(len(late)) < retraining.HOLD_OUT, rng.random(len(late)) < retraining.CURED
        for now in range(5, 13):
            known, asked = month < now, month == now
            given = xgboost.DMatrix(
                matrix[known], label=logged[known], weight=weight[known], feature_types=types, enable_categorical=True
            )
            booster = xgboost.train(training.DEFAULTS, given, num_boost_round=ROUNDS)
            p = booster.inplace_predict(matrix[asked])
            would, out = p >= WARN_FROM, held_out[asked]
            warned = would if way == "no feedback" else would & ~out
            truth = late[asked]
            seen = truth.copy()
            if way != "no feedback":
                seen[warned & (truth == 1) & cured[asked]] = 0
            logged[asked] = seen
            if way == "hold-out":
                # A flight that was warned tells nothing any more: those left out by lot stand for it.
                weight[asked] = np.where(warned, 0, np.where(would & out, 1 / retraining.HOLD_OUT, 1))
            yield {
                "way": way,
                "month": now,
                "share late": round(float(truth.mean()), 4),
                "logged late": round(float(seen.mean()), 4),
                "mean score": round(float(p.mean()), 4),
                "warned": round(float(would.mean()), 4),
                "found": round(float(would[truth == 1].mean()), 4),
            }
        print(way, "done", flush=True)


def main() -> None:
    """Fit and ask, print both tables and, if asked, keep them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the tables for the lesson")
    options = parser.parse_args()
    flights = datasets.load_flights("nyc2013")
    horizon = tables.read_toml("constants.toml")["horizon_hours"]
    head = (
        f"# XGBoost, {ROUNDS} rounds, inputs known {horizon} hours ahead, all flights of 2013 that left; "
        "labels known the next day\n"
        f"# made {date.today():%Y-%m-%d} by benchmarks/retraining.py with Python {platform.python_version()}, "
        f"xgboost {version('xgboost')}\n"
    )
    # Each part is printed and kept as soon as it is done: minutes of work are not lost with what comes after.
    for name, measure in (("feedback", feedback), ("weeks", weeks)):
        frame = pd.DataFrame(measure(flights, horizon))
        print(frame.to_string(max_rows=60), flush=True)
        if options.write:
            benchmark_io.keep(f"retraining_{name}", head + frame.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    main()
