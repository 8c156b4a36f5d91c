"""Score a file of flights whole or not at all, publish the table by one switch, and look predictions up.

`PredictionStore` is a folder of tables that never change. Building one reads a Parquet file piece by piece, scores what can be
scored, writes down why the rest could not, and ends with a rename; publishing one replaces the file ``CURRENT``, which
names the table that readers open. So a reader finds the old table or the new one, whole, wherever a publisher dies.
A table is one SQLite file, sorted by flight: with the same rows, model and version of SQLite its bytes are the same.
"""

from __future__ import annotations

from course_utils.serve.batch.cluster import cluster_engine, try_dask
from course_utils.serve.batch.examples import (
    compare_scoring_paths,
    corrupt,
    deck_encode,
    example_batches,
    key_coverage,
    publication_steps,
    try_bad_batches,
)
from course_utils.serve.batch.files import KEY, flight_keys, write_batch
from course_utils.serve.batch.lookup import Answer, Lookup
from course_utils.serve.batch.publication import gate_limits, publication_gate, run_job
from course_utils.serve.batch.scoring import score_rows
from course_utils.serve.batch.store import PredictionStore, open_prediction_store

__all__ = [
    "KEY",
    "Answer",
    "Lookup",
    "PredictionStore",
    "cluster_engine",
    "compare_scoring_paths",
    "corrupt",
    "deck_encode",
    "example_batches",
    "flight_keys",
    "gate_limits",
    "key_coverage",
    "open_prediction_store",
    "publication_gate",
    "publication_steps",
    "run_job",
    "score_rows",
    "try_bad_batches",
    "try_dask",
    "write_batch",
]
