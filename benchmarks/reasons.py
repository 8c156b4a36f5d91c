"""Do reasons survive another training? The strongest reason of warned flights over 20 seeds and 20 resampled years.

    uv run python benchmarks/reasons.py            # print the table
    uv run python benchmarks/reasons.py --write    # and keep it as course_utils/tables/model/benchmark_reasons.csv

The course's model draws no random numbers: here each tree sees 80% of the rows and of the columns, so that a seed
matters. Cohen's kappa is the agreement beyond chance: some agreement comes from a reason that most flights share. Takes
some minutes on one core.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from datetime import date

import benchmark_io
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from course_utils.data import datasets, features, splits
from course_utils.model import explain, metrics, money, training

REPEATS = 20
FLIGHTS = 10_000  # of the test months, of which the warned ones are explained
RANDOM = {"subsample": 0.8, "colsample_bytree": 0.8}


def trainings(split: splits.Split) -> Iterator[tuple[str, int, splits.Split, int]]:
    """Yield what is changed, its number, and the split and the seed to train with."""
    for number in range(1, REPEATS + 1):
        yield "seed", number, split, number
    for number in range(1, REPEATS + 1):
        yield "training days", number, explain.resampled_days(split, seed=number), 0


def main() -> None:
    """Train them all, compare the reasons, print the table and, if asked, keep it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the table for the lesson")
    options = parser.parse_args()
    flights = datasets.load_flights("nyc2013")
    split, inputs = splits.split_by_time(flights), features.as_of(flights, 3)
    asked = split.test.sample(FLIGHTS, random_state=0)
    late = features.label(asked)
    first = training.train_xgboost(split, inputs, **RANDOM, seed=0)
    warned = asked[first.predict(asked) >= money.break_even(money.payoff("deck_100"))]
    before = explain.shap_values(first.scorer, inputs.loc[warned.index])
    rows = []
    for changed, number, part, seed in trainings(split):
        fit = training.train_xgboost(part, inputs, **RANDOM, seed=seed)
        after = explain.shap_values(fit.scorer, inputs.loc[warned.index])
        columns = before.values, after.values
        families = explain.by_family(before.values), explain.by_family(after.values)
        rows.append(
            {
                "changed": changed,
                "number": number,
                "same_column": explain.top_reason_agreement(*columns),
                "same_family": explain.top_reason_agreement(*families),
                "kappa_column": cohen_kappa_score(*(values.idxmax(axis=1) for values in columns)),
                "kappa_family": cohen_kappa_score(*(values.idxmax(axis=1) for values in families)),
                "auc": metrics.auc(late, fit.predict(asked)),
                "rounds": fit.rounds,
            }
        )
        print(*rows[-1].values(), flush=True)
    frame = pd.DataFrame(rows).round(4)
    print(frame.groupby("changed", sort=False).describe().T.to_string())
    if options.write:
        versions = ", ".join(f"{name} {number}" for name, number in sorted(training.environment().items()))
        head = (
            f"# strongest reason of {len(warned):,} warned flights of {FLIGHTS:,} in the test months, against the "
            f"model of seed 0 (AUC {metrics.auc(late, first.predict(asked)):.4f})\n"
            f"# measured {date.today():%Y-%m-%d}, {platform.system()} on {platform.machine()}, {versions}\n"
        )
        benchmark_io.keep("reasons", head + frame.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    main()
