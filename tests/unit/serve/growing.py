"""Build a table with a number of rows and print this process's peak memory in MB: ``python growing.py 60000``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from killing import Marked

from course_utils.serve import batch

PIECE = 20_000


def main(count: int) -> float:
    """Return the peak memory; rows are written in pieces, so only the job itself could need more for more rows."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "rows.parquet"
        schema = pa.schema({batch.KEY: pa.string(), "CRSDepTime": pa.int64()})
        with pq.ParquetWriter(source, schema) as file:
            for first in range(0, count, PIECE):
                # In no order, so that there is something to sort.
                keys = [f"2013-11-07 UA {row * 7919 % count:09} EWR 0515" for row in range(first, first + PIECE)]
                file.write_table(pa.table([keys, [600] * PIECE], schema=schema))
        store = batch.PredictionStore(Path(scratch) / "store")
        store.build("v1", source, Marked(1))
        assert store.manifest("v1")["rows"]["scored"] == count
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    print(round(main(int(sys.argv[1]))))
