"""Batch inference: score a file of flights, publish the table of predictions atomically, look predictions up.

Each table is an immutable SQLite file. Publishing replaces the small file ``CURRENT``, which names the table to read.
So a reader finds the old table or the new one, complete, even if the publisher is killed. The same rows and the same
model give the same bytes (with one version of SQLite).
"""

from __future__ import annotations

from course_utils.serve.batch.cluster import cluster_engine, try_dask
from course_utils.serve.batch.examples import (
    compare_scoring_paths,
    corrupt,
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
