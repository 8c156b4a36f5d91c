"""Kill a publisher at random moments while readers read, and print what they saw: ``python killing.py 20``.

It forks the publisher: a fork starts in milliseconds, so that the kills hit all stages of its work.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from course_utils.model.training import Encoder
from course_utils.serve import batch

ROWS = 2_000


class Booster:
    """Replaces a model: only its version matters, which its scores reveal."""

    def __init__(self, version: int) -> None:
        self.version = version

    def save_raw(self, _: str) -> bytes:
        """Return bytes that differ between versions."""
        return str(self.version).encode()


class Marked:
    """A scorer that gives every row the score 1 / version."""

    encoder = Encoder(("CRSDepTime",), {})

    def __init__(self, version: int) -> None:
        self.booster = Booster(version)

    def score(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the mark for each row."""
        return np.full(len(rows), 1 / self.booster.version, dtype=np.float32)


def publish_on(folder: Path, source: Path) -> None:
    """Publish one version after the other, starting after the current one."""
    store = batch.PredictionStore(folder)
    done = int(store.current[1:]) if store.current else 0
    for version in itertools.count(done + 1):
        store.publish(store.build(f"v{version}", source, Marked(version)))


def read_on(folder: Path, stop: Path, answer: Path) -> None:
    """Read the whole table repeatedly until the file `stop` exists; write down what was seen."""
    lookup, seen, bad = batch.Lookup(folder, default=0), {1}, []
    while not stop.exists():
        lookup.refresh()
        table, version = lookup.all(), int(lookup.version[1:])
        if len(table) != ROWS or set(table.values()) != {float(np.float32(1 / version))} or version < max(seen):
            bad.append(version)
        seen.add(version)
    answer.write_text(json.dumps({"seen": len(seen), "bad": bad}))


def fork(work, *arguments) -> int:
    """Run some work in a forked child and return its process id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(*arguments)
            code = 0
        finally:
            os._exit(code)
    return child


def main(kills: int, seed: int = 0) -> dict:
    """Return how often the publisher was killed, what two readers saw, and what a last publisher made."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder, source, stop = Path(scratch) / "store", Path(scratch) / "rows.parquet", Path(scratch) / "stop"
        frame = pd.DataFrame({batch.KEY: [f"f{row:05}" for row in range(ROWS)], "CRSDepTime": 600})
        batch.write_batch(frame, frame[["CRSDepTime"]], source, rows=500)
        store = batch.PredictionStore(folder)
        store.publish(store.build("v1", source, Marked(1)))
        answers = [Path(scratch) / f"answer{reader}" for reader in range(2)]
        readers = [fork(read_on, folder, stop, answer) for answer in answers]
        for _ in range(kills):
            child = fork(publish_on, folder, source)
            time.sleep(rng.uniform(0, 0.5))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        last = int(store.current[1:]) + 1
        store.publish(store.build(f"v{last}", source, Marked(last)))
        left = sorted(entry.name for entry in folder.iterdir() if entry.name not in store.kept)
        stop.touch()
        ended = [os.waitpid(reader, 0)[1] for reader in readers]
        fresh = Path(scratch) / "fresh"
        again = batch.PredictionStore(fresh)
        again.build(f"v{last}", source, Marked(last))
        same = all(
            (folder / f"v{last}" / name.name).read_bytes() == name.read_bytes()
            for name in (fresh / f"v{last}").iterdir()
        )
        return {
            "kills": kills,
            "published": last,
            "readers failed": sum(map(bool, ended)),
            "readers": [json.loads(answer.read_text()) for answer in answers if answer.exists()],
            "left over": left,
            "same bytes": same,
        }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
