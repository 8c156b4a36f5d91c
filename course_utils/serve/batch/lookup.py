"""Look predictions up in the current table of a store, with a default for flights that it does not contain."""

from __future__ import annotations

import os
import sqlite3
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from course_utils.errors import ModelError, UsageError
from course_utils.serve.batch.files import KEY
from course_utils.serve.batch.store import PredictionStore
from course_utils.serve.batch.table import TABLE, verify

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answer", "Lookup"]

#: How often to try again when a table disappears between reading CURRENT and opening it.
_MOST_TRIES = 100


class Answer(NamedTuple):
    """The answer of a `Lookup` for one flight.

    Attributes
    ----------
    score : float
        Probability of 'late', or the default.
    version : str
        The table that was read.
    default : bool
        Whether the flight is not in the table, so that `score` is the default.

    Examples
    --------
    >>> batch.Answer(0.24, "v1", default=True)
    Answer(score=0.24, version='v1', default=True)
    """

    score: float
    version: str
    default: bool


class Lookup:
    """A reader of the current table of a store, with an optional cache of recent answers.

    Parameters
    ----------
    store : PredictionStore or path
        The store, or its folder.
    default : float
        The score for flights that are not in the table, such as the share of late flights in the training data.
    cache : int
        How many answers to keep, the least recently used one is dropped first; 0 (the default) for no cache.
    look_every : int
        Check for a newer table before every so many reads, at least 1. A larger number is faster, but after a switch up
        to `look_every` - 1 answers come from the old table.

    Attributes
    ----------
    version : str
        The table that is open.

    Raises
    ------
    UsageError
        No table was published yet, or a number is out of range.
    DataError
        The table differs from the checksum in its manifest.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> from course_utils.model import training
    >>> inputs = features.schedule(flights)
    >>> fit = training.train_xgboost(splits.split_at_random(flights), inputs, rounds=2, early_stopping=None)
    >>> store = batch.open_prediction_store()
    >>> batch.run_job(store, "v1", batch.write_batch(flights, inputs, store.inbox("january")), fit.scorer)
    []
    >>> lookup = batch.Lookup(store, default=0.24)
    >>> lookup.get(batch.flight_keys(flights).iloc[0]).default
    False
    >>> lookup.get("2013-02-30 XX 1 EWR 0600")
    Answer(score=0.24, version='v1', default=True)
    """

    def __init__(
        self, store: PredictionStore | str | os.PathLike[str], default: float, *, cache: int = 0, look_every: int = 1
    ) -> None:
        if cache < 0 or look_every < 1:
            raise UsageError(
                f"cache={cache}, look_every={look_every} are out of range",
                fix="pass cache=0 or more, look_every=1 or more",
            )
        self.store = store if isinstance(store, PredictionStore) else PredictionStore(store)
        self.default = float(default)
        self.look_every = look_every
        self._cache_size = cache
        self._cached: OrderedDict[str, Answer] = OrderedDict()
        self._counts = {"reads": 0, "from the cache": 0, "default answers": 0}
        self._connection: sqlite3.Connection | None = None
        self.version = ""
        self.refresh()

    def refresh(self) -> None:
        """Open the current table if it is another one than before, and empty the cache.

        Raises
        ------
        UsageError
            No table was published yet.
        DataError
            The table differs from the checksum in its manifest.
        ModelError
            The current table cannot be opened.
        """
        for _ in range(_MOST_TRIES):
            current = self.store.current
            if current is None:
                raise UsageError("nothing was published in this store yet", fix="publish a table first")
            if current == self.version:
                return
            try:
                path = self.store.path(current)
                verify(path, self.store.manifest(current))
                # immutable=1: the file never changes, so SQLite needs no locks.
                uri = f"{(path / TABLE).resolve().as_uri()}?mode=ro&immutable=1"
                connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
                # SQLite opens the file at the first query. From then on this reader keeps it, even if it is removed.
                connection.execute("SELECT 1 FROM predictions LIMIT 1").fetchone()
            except (FileNotFoundError, UsageError, sqlite3.OperationalError):
                continue  # removed since CURRENT was read, so there is a newer table
            self.close()
            self._connection, self.version = connection, current
            self._cached.clear()
            return
        raise ModelError(f"table {current} cannot be opened", fix="publish again, or roll back to another table")

    def get(self, flight: str) -> Answer:
        """Return the prediction of a flight, or the default if the table does not contain it.

        Parameters
        ----------
        flight : str
            A key as from `flight_keys`.
        """
        if self._counts["reads"] % self.look_every == 0:
            self.refresh()
        self._counts["reads"] += 1
        answer = self._cached.get(flight)
        if answer is not None:
            self._cached.move_to_end(flight)
            self._counts["from the cache"] += 1
        else:
            found = self._connection.execute(f"SELECT score FROM predictions WHERE {KEY} = ?", (flight,)).fetchone()
            answer = Answer(self.default if found is None else found[0], self.version, found is None)
            if self._cache_size:
                self._cached[flight] = answer
                if len(self._cached) > self._cache_size:
                    self._cached.popitem(last=False)
        self._counts["default answers"] += answer.default
        return answer

    def all(self) -> dict[str, float]:
        """Return the scores of the whole table by flight key, sorted by key."""
        return dict(self._connection.execute(f"SELECT {KEY}, score FROM predictions ORDER BY {KEY}"))

    def counts(self) -> pd.Series:
        """Return the number of reads so far, and how many were answered from the cache and with the default."""
        import pandas as pd

        return pd.Series(self._counts, name="lookups")

    def close(self) -> None:
        """Close the table's file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
