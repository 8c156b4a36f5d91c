"""A store of prediction tables: build a table, publish it with one atomic switch, roll back to an earlier one.

A store is a folder with one subfolder per table and the file ``CURRENT``, which names the table that readers open.
Tables never change, so readers need no lock; one publisher at a time holds the lock of the store.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.errors import DataError, UsageError
from course_utils.serve.batch.files import KEY, count_pieces
from course_utils.serve.batch.scoring import score_piece
from course_utils.serve.batch.table import MANIFEST, REJECTS, file_hash, sync, verify, write_table

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.model.training import Scorer

__all__ = ["Engine", "PredictionStore", "open_prediction_store"]

_CURRENT = "CURRENT"
_LOCK = ".lock"
#: Published tables that are kept by default.
_KEPT = 3

#: What `map` is: calls a function for each number and returns the results in order.
Engine = Callable[[Callable[[int], str], Iterable[int]], Iterable[str]]


class PredictionStore:
    """A folder of prediction tables: each is built completely, published atomically, and kept for rollbacks.

    Any number of processes may read. Only one may build, publish or roll back at a time; a second one gets an error.

    Parameters
    ----------
    folder : path
        The folder of the store, created if it does not exist.

    See Also
    --------
    Lookup : Reads the current table.
    run_job : Builds, checks and publishes in one call.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> from course_utils.model import training
    >>> inputs = features.schedule(flights)
    >>> fit = training.train_xgboost(splits.split_at_random(flights), inputs, rounds=2, early_stopping=None)
    >>> store = batch.PredictionStore(batch.open_prediction_store().folder)
    >>> source = batch.write_batch(flights, inputs, store.inbox("january"))
    >>> store.publish(store.build("v1", source, fit.scorer))
    >>> store
    PredictionStore(1 table, v1 is current)
    >>> store.report("v1")["rows"].to_dict()
    {'rows in': 3000, 'scored': 3000}
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def __repr__(self) -> str:
        count = len(self.kept)
        return f"PredictionStore({count} table{'s' * (count != 1)}, {self.current or 'none'} is current)"

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the store's lock, against other processes too; the system releases it if this process ends."""
        from filelock import FileLock, Timeout

        # A singleton, so that `run_job`, which holds the lock, may call `build` and `publish`.
        lock = FileLock(self.folder / _LOCK, timeout=0, is_singleton=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise UsageError(
                "another process is building or publishing in this store", fix="wait until it ends, then run this again"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def inbox(self, name: str) -> Path:
        """Return the path for a batch file called `name`, in a folder beside the store.

        It is not inside the store, where `publish` removes unfinished work.
        """
        folder = self.folder.with_name(f"{self.folder.name}-inbox")
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.parquet"

    @property
    def kept(self) -> list[str]:
        """The published tables that are kept for a rollback, in the order of publication."""
        return self._state()["kept"]

    @property
    def current(self) -> str | None:
        """The table that readers open, or None before the first publication."""
        return self._state()["current"]

    def _state(self) -> dict[str, Any]:
        try:
            return json.loads((self.folder / _CURRENT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"current": None, "kept": []}

    def path(self, version: str) -> Path:
        """Return the folder of a table.

        Parameters
        ----------
        version : str
            The name of a table that was built in this store.

        Raises
        ------
        UsageError
            The store has no table of that name.
        """
        path = self.folder / version
        if not _is_name(version) or not path.is_dir():
            kept = ", ".join(self.kept) or "none yet"
            raise UsageError(f"there is no table {version!r} in this store", fix=f"choose a published table: {kept}")
        return path

    def manifest(self, version: str) -> dict[str, Any]:
        """Return the manifest of the table `version`: hashes of model and data, counts, histogram, checksum."""
        return json.loads((self.path(version) / MANIFEST).read_text(encoding="utf-8"))

    def rejects(self, version: str) -> pd.DataFrame:
        """Return the rejected rows of the table `version`: 'row' (position in the batch), 'flight' and 'reason'."""
        import pandas as pd

        return pd.read_csv(self.path(version) / REJECTS, dtype={KEY: str, "reason": str}, keep_default_na=False)

    def report(self, version: str) -> pd.DataFrame:
        """Return counts of the table `version`: rows in the batch, scored, and rejected for each kind of reason."""
        import pandas as pd

        manifest = self.manifest(version)
        lines = {"rows in": manifest["rows"]["in"], "scored": manifest["rows"]["scored"]}
        lines |= {f"rejected: {kind}": count for kind, count in manifest["reasons"].items()}
        return pd.DataFrame({"rows": lines}).rename_axis("batch")

    def build(self, version: str, source: str | os.PathLike[str], scorer: Scorer, *, engine: Engine = map) -> str:
        """Build a table from a batch file without publishing it, and return its name.

        A job that was killed continues where it stopped when you call this again with the same arguments.

        Parameters
        ----------
        version : str
            A new name for the table: letters, digits, '-', '_' and '.', starting with a letter or digit.
        source : path
            A batch file as from `write_batch`.
        scorer : Scorer
            The model that scores the rows.
        engine : callable
            Used like ``map``, to score the row groups. The default scores them one after the other in this process;
            `cluster_engine` lets workers do it that see the same folders.

        Returns
        -------
        str
            The name, `version`.

        Raises
        ------
        UsageError
            The name is not allowed, or a table of that name has other rows or another model, or another process is
            publishing.
        DataError
            The source is not a Parquet file, or a column is missing.
        """
        import pyarrow as pa

        if not _is_name(version):
            raise UsageError(
                f"{version!r} cannot name a table",
                fix="use letters, digits, '-', '_' and '.', starting with a letter or digit",
            )
        source = Path(source)
        try:
            origin = {"model": _model_hash(scorer), "data": file_hash(source)}
            pieces = count_pieces(source, scorer)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                "is not a readable Parquet file", file=source, fix="write it with batch.write_batch"
            ) from error
        with self._exclusive():
            if (self.folder / version).is_dir():
                self._check_origin(version, origin)
                return version
            # The name depends on model and data, so only the same job finds its finished pieces again.
            work = self.folder / f".work-{version}-{_hash(json.dumps(origin).encode())[:12]}"
            work.mkdir(exist_ok=True)
            parts = list(engine(partial(score_piece, str(source), scorer, str(work)), range(pieces)))
            made = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
            write_table(made, version, parts, origin)
            made.replace(self.folder / version)
            sync(self.folder)
            shutil.rmtree(work)
        return version

    def _check_origin(self, version: str, origin: Mapping[str, str]) -> None:
        """Raise an error unless an existing table was made from the same data with the same model."""
        existing = self.manifest(version)
        if {name: existing[name] for name in origin} != origin:
            raise UsageError(
                f"table {version} exists and has other rows or another model; tables never change",
                fix="choose another name",
            )

    def publish(self, version: str, *, keep: int = _KEPT) -> None:
        """Make a table the current one, then remove tables that are no longer kept and unfinished work.

        Parameters
        ----------
        version : str
            As for `path`.
        keep : int
            How many published tables to keep, this one included; at least 1, and 2 if you want to roll back.

        Raises
        ------
        UsageError
            There is no such table, `keep` is less than 1, or another process is publishing.
        DataError
            The table differs from the checksum in its manifest.
        """
        if keep < 1:
            raise UsageError(
                f"keep={keep} would leave no table to read", fix="pass keep=1 or more; a rollback needs keep=2 or more"
            )
        with self._exclusive():
            self._switch(version, [*(one for one in self.kept if one != version), version][-keep:])
            self._remove_unused()

    def rollback(self, version: str | None = None) -> str:
        """Make an earlier table the current one again, unchanged, and return its name.

        Parameters
        ----------
        version : str, optional
            One of `kept`; by default the table that was published before the current one.

        Returns
        -------
        str
            The table that is current now.

        Raises
        ------
        UsageError
            There is no such table, or none before the current one, or another process is publishing.
        DataError
            The table differs from the checksum in its manifest.
        """
        with self._exclusive():
            kept, current = self.kept, self.current
            if version is None:
                place = kept.index(current) if current in kept else 0
                if place == 0:
                    raise UsageError(
                        "there is no table before the current one to roll back to",
                        fix="publish two tables with keep=2 or more, or name a table",
                    )
                version = kept[place - 1]
            elif version not in kept:
                raise UsageError(f"table {version!r} is not kept", fix=f"choose one of {', '.join(kept) or 'none yet'}")
            self._switch(version, kept)
        return version

    def _switch(self, version: str, kept: Sequence[str]) -> None:
        """Let CURRENT name another table: write a new file, force it to the disk, rename it."""
        verify(self.path(version), self.manifest(version))
        _write_synced(self.folder / ".CURRENT.new", json.dumps({"current": version, "kept": list(kept)}).encode())
        (self.folder / ".CURRENT.new").replace(self.folder / _CURRENT)
        sync(self.folder)

    def _remove_unused(self) -> None:
        """Remove tables that are not kept, and what a killed publisher left behind."""
        keep = set(self.kept)
        for entry in self.folder.iterdir():
            if entry.is_dir() and entry.name not in keep:
                shutil.rmtree(entry, ignore_errors=True)


def open_prediction_store() -> PredictionStore:
    """Return an empty store in a temporary folder, which is removed when Python ends.

    Examples
    --------
    >>> batch.open_prediction_store()
    PredictionStore(0 tables, none is current)
    """
    scratch = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    return PredictionStore(Path(scratch) / "store")


def _is_name(version: str) -> bool:
    # Names become folders: a separator would leave the store, a leading dot would hide the table.
    return bool(version) and version[0].isalnum() and all(one.isalnum() or one in "-_." for one in version)


def _write_synced(file: Path, content: bytes) -> None:
    """Write a file and force it to the disk."""
    with file.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _model_hash(scorer: Scorer) -> str:
    """Return a hash of the trees and of the encoding: both decide what a score is."""
    encoding = [scorer.encoder.columns, {name: list(known) for name, known in scorer.encoder.categories.items()}]
    return _hash(bytes(scorer.booster.save_raw("ubj")) + json.dumps(encoding).encode())[:16]
