"""What a prediction of the course's model takes of a core, by the way in which it is asked for.

    uv run python benchmarks/costs.py            # print the table
    uv run python benchmarks/costs.py --write    # and keep it as course_utils/tables/serve/benchmark_costs.csv

Processor time, so that other work on the machine hardly counts; network, JSON and queue come on top of it.
"""

from __future__ import annotations

import argparse

import benchmark_io
import numpy as np
import pandas as pd

from course_utils.data import datasets, features
from course_utils.model import training
from course_utils.serve import costs

ROWS = 1000


def main() -> None:
    """Measure, print, and keep the table if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="keep the table for the lesson")
    write = parser.parse_args().write
    scorer = training.course_model().scorer
    rows = features.as_of(datasets.load_flights(), horizon=3).tail(ROWS)
    one = rows.tail(1)
    encoded = scorer.encoder.transform(one)
    booster = scorer.booster
    assert np.isclose(booster.inplace_predict(encoded)[0], scorer.score(one)[0])
    taken = {
        "one flight, from a table of one row": costs.processor_time_ms(lambda: scorer.score(one)),
        "one flight, already encoded": costs.processor_time_ms(lambda: booster.inplace_predict(encoded), repeat=2000),
        "1,000 flights at once, for each": costs.processor_time_ms(lambda: scorer.score(rows), predictions=ROWS),
    }
    frame = pd.DataFrame({"asked": list(taken), "ms": [float(f"{ms:.2g}") for ms in taken.values()]})
    says = "predictions of the course's model on one thread, without network and JSON; processor time"
    text = benchmark_io.text(frame, says)
    print(text)
    if write:
        benchmark_io.keep("costs", text)


if __name__ == "__main__":
    main()
