"""Score a batch on several machines: an engine for `PredictionStore.build` that uses a Dask cluster.

The course does not install Dask; `try_dask` says how to get it.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.serve.batch.store import Engine, PredictionStore
from course_utils.wording import counted

if TYPE_CHECKING:
    from course_utils.model.training import Scorer

__all__ = ["cluster_engine", "try_dask"]


def cluster_engine(client: Any) -> Engine:
    """Return an engine for `PredictionStore.build` that lets the workers of a cluster score the pieces.

    Parameters
    ----------
    client : dask.distributed.Client or similar
        Needs the methods ``map`` and ``gather``. Its workers must see the folders of the batch and the store under the
        same paths.
    """
    return lambda work, pieces: client.gather(client.map(work, list(pieces)))


def try_dask(source: str | os.PathLike[str], scorer: Scorer, *, workers: int = 2) -> None:
    """Print how long one process and a local Dask cluster take to build the same table, and compare the tables.

    If Dask is not installed, print how to install it.

    Parameters
    ----------
    source : path
        A batch file as from `write_batch`.
    scorer : Scorer
        The model that scores the rows.
    workers : int
        Number of worker processes to start on this machine, at least 1.
    """
    try:
        from dask.distributed import Client
    except ImportError:
        print('Dask is not installed. Run python -m pip install "dask[distributed]", then run this cell again.')
        return
    with tempfile.TemporaryDirectory() as scratch:
        alone, shared = PredictionStore(Path(scratch) / "alone"), PredictionStore(Path(scratch) / "shared")
        start = time.perf_counter()
        alone.build("v1", source, scorer)
        print(f"One process: {time.perf_counter() - start:.1f} s.")
        start = time.perf_counter()
        with Client(n_workers=workers, threads_per_worker=1, dashboard_address=None) as client:
            ready = time.perf_counter()
            shared.build("v1", source, scorer, engine=cluster_engine(client))
            done = time.perf_counter()
            most = max(client.run(_memory_mb).values())
        print(
            f"{counted(workers, 'worker')}: {ready - start:.1f} s to start, {done - ready:.1f} s to build, "
            f"at most {most:.0f} MB of memory each."
        )
        same = alone.manifest("v1")["sha256"] == shared.manifest("v1")["sha256"]
    print("The tables have the same bytes." if same else "The tables differ.")


def _memory_mb() -> float:
    """Return the memory of this process in MB."""
    import psutil

    return psutil.Process().memory_info().rss / 2**20
