"""Measure what a watch on the model's inputs costs those who wait for an answer: inside the call, and beside it.

    uv run python benchmarks/watching.py --write

The course's model answers flights of November and December, one at a time. The watch looks at each of its inputs and,
every 50 rows, compares the last 1,000 with those of training. All ways are measured in turn, many rounds of each; the
best of its rounds is what counts for a flight, since what other programs do can only add to it.
"""

from __future__ import annotations

import argparse

import benchmark_io

from course_utils.data import datasets, splits
from course_utils.model import training
from course_utils.operate import input_monitoring

TRAINING = 20_000  # rows that the watch compares with


def main() -> None:
    """Measure, print the table and, if asked, keep it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the table for the lesson")
    parser.add_argument("--rows", type=int, default=1000, help="flights answered in a round")
    parser.add_argument("--rounds", type=int, default=20, help="how often each way answers them")
    options = parser.parse_args()
    flights = datasets.load_flights("nyc2013")
    split, model = splits.split_by_time(flights), training.course_model(flights)
    known = model.inputs.loc[split.train.index].sample(TRAINING, random_state=0)
    rows = model.inputs.loc[split.test.index[: options.rows]].to_dict("records")
    table = input_monitoring.measure_overhead(
        model.scorer.score_one, rows, lambda: input_monitoring.InputMonitor(known), rounds=options.rounds
    ).round(2)
    print(table.to_string())
    if options.write:
        says = f"{options.rows:,} flights, one at a time; each flight's time is its best of {options.rounds} rounds"
        benchmark_io.keep("watching", benchmark_io.text(table, says, packages=["xgboost"], index=True))


if __name__ == "__main__":
    main()
