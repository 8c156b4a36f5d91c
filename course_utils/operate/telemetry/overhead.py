"""What monitoring costs those who wait for an answer, as it was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_utils import tables

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["benchmark", "benchmark_note"]

_TABLE = "benchmark_telemetry.csv"


def benchmark() -> pd.DataFrame:
    """Return what it cost to scrape the running service and to count in its closure, by ``benchmarks/telemetry.py``.

    Returns
    -------
    DataFrame
        A row for each way: 'p50_ms' and 'p99_ms', the median and the 99th percentile of the milliseconds until an
        answer; 'p50_ratio' and 'p99_ratio' to the same unwatched.
    """
    return tables.read_csv(_TABLE, comment="#").set_index("monitoring")


def benchmark_note() -> None:
    """Print how `benchmark` was measured, when, and on what kind of machine."""
    print("\n".join(tables.read_notes(_TABLE)))
