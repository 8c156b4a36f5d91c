"""Score a batch on a cluster."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_utils.model.training import Scorer
from course_utils.serve.batch.store import Engine, PredictionStore

__all__ = [
    "cluster_engine",
    "try_dask",
]


def cluster_engine(client: Any) -> Engine:
    """Return an engine for `Store.build` that lets a cluster's workers score the pieces.

    Parameters
    ----------
    client : dask.distributed.Client or alike
        Its workers see the folders of batch and store under the same names.
    """
    return lambda work, pieces: client.gather(client.map(work, list(pieces)))


def try_dask(source: str | os.PathLike[str], scorer: Scorer, *, workers: int = 2) -> None:
    """Make a table in this process and on a cluster of this machine; print seconds, memory and whether it is the same.

    Without Dask, which the course does not install, it prints how to get it.

    Parameters
    ----------
    source : path
        As from `write_batch`.
    scorer : Scorer
    workers : int
        Processes that score.
    """
    try:
        from dask.distributed import Client
    except ImportError:
        print('Dask is not installed: python -m pip install "dask[distributed]", then run this cell again.')
        return
    with tempfile.TemporaryDirectory() as scratch:
        alone, shared = PredictionStore(Path(scratch) / "alone"), PredictionStore(Path(scratch) / "shared")
        begun = time.perf_counter()
        alone.build("v1", source, scorer)
        print(f"One process: {time.perf_counter() - begun:.1f} s.")
        begun = time.perf_counter()
        with Client(n_workers=workers, threads_per_worker=1, dashboard_address=None) as client:
            ready = time.perf_counter()
            shared.build("v1", source, scorer, engine=cluster_engine(client))
            done = time.perf_counter()
            most = max(client.run(_megabytes).values())
        print(f"{workers} workers: {ready - begun:.1f} s to start, {done - ready:.1f} s, at most {most:.0f} MB each.")
        same = alone.manifest("v1")["sha256"] == shared.manifest("v1")["sha256"]
    print("The tables have the same bytes." if same else "The tables differ.")


def _megabytes() -> float:
    """Return what this process holds in memory now."""
    import psutil

    return psutil.Process().memory_info().rss / 2**20
