"""A store of tables: build, publish, roll back."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.model.training import Scorer
from course_utils.serve.batch.files import KEY, count_pieces
from course_utils.serve.batch.scoring import score_piece
from course_utils.serve.batch.table import MANIFEST, REJECTS, file_hash, sync, verify, write_table

__all__ = [
    "Engine",
    "PredictionStore",
    "open_prediction_store",
]

_CURRENT = "CURRENT"

_LOCK = ".lock"

_KEPT = 3

Engine = Callable[[Callable[[int], str], Iterable[int]], Iterable[str]]


class PredictionStore:
    """A folder of tables of predictions: built whole, published by a switch, kept for a rollback.

    One publisher at a time, any number of readers: while somebody builds, publishes or rolls back, everybody else who
    tries to gets an error at once.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def __repr__(self) -> str:
        return f"Store({len(self.kept)} tables, {self.current or 'none'} is current)"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other publishers out, also those of other processes; the lock is gone when its process is."""
        from filelock import FileLock, Timeout

        # One object for each file, so that who holds the lock may take it again.
        lock = FileLock(self.folder / _LOCK, timeout=0, is_singleton=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise UsageError("somebody else is publishing in this store", fix="wait for it, and run again") from error
        try:
            yield
        finally:
            lock.release()

    def inbox(self, name: str) -> Path:
        """Return where a batch of that name may wait: a file beside the store, never in it.

        Parameters
        ----------
        name : str
            Of the batch.
        """
        folder = self.folder.with_name(f"{self.folder.name}-inbox")
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.parquet"

    @property
    def kept(self) -> list[str]:
        """The tables that were published and can be had again, the oldest first."""
        return self._state()["kept"]

    @property
    def current(self) -> str | None:
        """The table that readers open; None before the first."""
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
            A table that was built.

        Raises
        ------
        UsageError
            There is none of that name.
        """
        path = self.folder / version
        if not _is_name(version) or not path.is_dir():
            choose = ", ".join(self.kept) or "none yet"
            raise UsageError(f"there is no table {version!r}", fix=f"choose one that is kept: {choose}")
        return path

    def manifest(self, version: str) -> dict[str, Any]:
        """Return what is written down about a table: model, data, schema, rows, scores, checksum.

        Parameters
        ----------
        version : str
            A table that was built.

        Raises
        ------
        UsageError
            There is none of that name.
        """
        return json.loads((self.path(version) / MANIFEST).read_text(encoding="utf-8"))

    def rejects(self, version: str) -> pd.DataFrame:
        """Return the rows that were not scored: row (from 0), flight and reason.

        Parameters
        ----------
        version : str
            A table that was built.

        Raises
        ------
        UsageError
            There is no table of that name.
        """
        import pandas as pd

        return pd.read_csv(self.path(version) / REJECTS, dtype={KEY: str, "reason": str}, keep_default_na=False)

    def report(self, version: str) -> pd.DataFrame:
        """Return where all rows of a batch went: scored, or rejected for which kind of reason.

        Parameters
        ----------
        version : str
            A table that was built.

        Raises
        ------
        UsageError
            There is no table of that name.
        """
        import pandas as pd

        manifest = self.manifest(version)
        lines = {"rows in": manifest["rows"]["in"], "scored": manifest["rows"]["scored"]}
        lines |= {f"rejected: {kind}": count for kind, count in manifest["reasons"].items()}
        return pd.DataFrame({"rows": lines}).rename_axis("batch")

    def build(self, version: str, source: str | os.PathLike[str], scorer: Scorer, *, engine: Engine = map) -> str:
        """Make a table from a file of features, without publishing it. Killed, it goes on where it was.

        Parameters
        ----------
        version : str
            A name of letters, digits, '-', '_' and '.', that no other table has.
        source : path
            As from `write_batch`.
        scorer : Scorer
        engine : callable
            What ``map`` is: it calls a function for the number of each piece. Another one may use other machines that
            see the same folders.

        Returns
        -------
        str
            `version`.

        Raises
        ------
        UsageError
            The name cannot be used, or belongs to a table of other rows or another model; or somebody else is
            publishing.
        DataError
            The source is no Parquet file, or lacks a column.
        """
        import pyarrow as pa

        if not _is_name(version):
            raise UsageError(f"{version!r} is no name for a table", fix="use letters, digits, '-', '_' and '.'")
        source = Path(source)
        try:
            made_of = {"model": _model_hash(scorer), "data": file_hash(source)}
            pieces = count_pieces(source, scorer)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError("is no Parquet file that can be read", file=source, fix="write it again") from error
        with self._alone():
            if (self.folder / version).is_dir():
                there = self.manifest(version)
                if {name: there[name] for name in made_of} != made_of:
                    raise UsageError(
                        f"{version} is made of other rows or another model, and a table never changes",
                        fix="choose another name",
                    )
                return version
            work = self.folder / f".work-{version}-{_hash(json.dumps(made_of).encode())[:12]}"
            work.mkdir(exist_ok=True)
            parts = list(engine(partial(score_piece, str(source), scorer, str(work)), range(pieces)))
            made = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
            write_table(made, version, parts, made_of)
            made.replace(self.folder / version)
            sync(self.folder)
            shutil.rmtree(work)
        return version

    def publish(self, version: str, *, keep: int = _KEPT) -> None:
        """Let readers see a table from now on, and clear away what is too old or was left unfinished.

        Parameters
        ----------
        version : str
            One that was built.
        keep : int
            How many published tables stay, this one included.

        Raises
        ------
        UsageError
            There is no such table, nothing would be kept, or somebody else is publishing.
        DataError
            The table is not what its manifest says.
        """
        if keep < 1:
            raise UsageError(f"keep={keep} leaves nothing to read", fix="give 1 or more, 2 or more for a rollback")
        with self._alone():
            self._switch(version, [*(one for one in self.kept if one != version), version][-keep:])
            self._sweep()

    def rollback(self, version: str | None = None) -> str:
        """Let readers see an earlier table again, the same bytes as before.

        Parameters
        ----------
        version : str, optional
            One of `kept`; default the one published before the current one.

        Returns
        -------
        str
            The table that is current now.

        Raises
        ------
        UsageError
            There is no such table, or none before the current one; or somebody else is publishing.
        DataError
            The table is not what its manifest says.
        """
        with self._alone():
            kept, current = self.kept, self.current
            if version is None:
                place = kept.index(current) if current in kept else 0
                if place == 0:
                    raise UsageError("there is no table before the current one", fix="publish two, and keep both")
                version = kept[place - 1]
            elif version not in kept:
                raise UsageError(f"{version!r} was not kept", fix=f"choose one of {', '.join(kept) or 'none yet'}")
            self._switch(version, kept)
        return version

    def _switch(self, version: str, kept: Sequence[str]) -> None:
        verify(self.path(version), self.manifest(version))
        _write_synced(self.folder / ".CURRENT.new", json.dumps({"current": version, "kept": list(kept)}).encode())
        (self.folder / ".CURRENT.new").replace(self.folder / _CURRENT)
        sync(self.folder)

    def _sweep(self) -> None:
        """Remove tables that are not kept, and what a killed publisher left."""
        stay = set(self.kept)
        for entry in self.folder.iterdir():
            if entry.is_dir() and entry.name not in stay:
                shutil.rmtree(entry, ignore_errors=True)


def open_prediction_store() -> PredictionStore:
    """Return an empty store in a temporary folder, which is gone when Python ends."""
    scratch = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    return PredictionStore(Path(scratch) / "store")


def _is_name(version: str) -> bool:
    return bool(version) and version[0].isalnum() and all(one.isalnum() or one in "-_." for one in version)


def _write_synced(file: Path, content: bytes) -> None:
    with file.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _model_hash(scorer: Scorer) -> str:
    encoding = [scorer.encoder.columns, {name: list(known) for name, known in scorer.encoder.categories.items()}]
    return _hash(bytes(scorer.booster.save_raw("ubj")) + json.dumps(encoding).encode())[:16]
