"""Look predictions up in the current table of a store."""

from __future__ import annotations

import os
import sqlite3
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from course_utils.errors import ModelError, UsageError

if TYPE_CHECKING:
    import pandas as pd

from course_utils.serve.batch.files import KEY
from course_utils.serve.batch.store import PredictionStore
from course_utils.serve.batch.table import TABLE, verify

__all__ = [
    "Answer",
    "Lookup",
]


class Answer(NamedTuple):
    """What a lookup gives for a flight.

    Attributes
    ----------
    score : float
        Probability of 'late', or the default.
    version : str
        The table that was asked.
    default : bool
        Whether the table does not have the flight.
    """

    score: float
    version: str
    default: bool


class Lookup:
    """Read predictions from the current table of a store, with a small cache in front.

    Parameters
    ----------
    store : Store or path
    default : float
        The answer for a flight that is not there.
    cache : int
        How many answers to keep at hand, those asked last; 0 for none.
    look_every : int
        After how many reads to look for a newer table; the fewer, the fresher and the slower.

    Raises
    ------
    UsageError
        Nothing was published yet, or a number is out of range.
    DataError
        The table is not what its manifest says.
    """

    def __init__(
        self, store: PredictionStore | str | os.PathLike[str], default: float, *, cache: int = 0, look_every: int = 1
    ) -> None:
        if cache < 0 or look_every < 1:
            raise UsageError(
                f"cache={cache}, look_every={look_every} cannot be used", fix="give 0 or more, and 1 or more"
            )
        self.store = store if isinstance(store, PredictionStore) else PredictionStore(store)
        self.default = float(default)
        self._room, self.look_every = cache, look_every
        self._cached: OrderedDict[str, Answer] = OrderedDict()
        self._counts = {"reads": 0, "from the cache": 0, "default answers": 0}
        self._connection: sqlite3.Connection | None = None
        self.version = ""
        self.refresh()

    def refresh(self) -> None:
        """Open the table that is current now, if that is another one, and forget what is cached of the old.

        Raises
        ------
        UsageError
            Nothing was published yet.
        DataError
            The table is not what its manifest says.
        ModelError
            There is a current table, and it cannot be opened.
        """
        for _ in range(100):
            current = self.store.current
            if current is None:
                raise UsageError("nothing was published yet", fix="publish a table first")
            if current == self.version:
                return
            try:
                path = self.store.path(current)
                verify(path, self.store.manifest(current))
                uri = f"{(path / TABLE).resolve().as_uri()}?mode=ro&immutable=1"
                connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
                # A connection opens its file when it is first used: from here on it holds that table, kept or not.
                connection.execute("SELECT 1 FROM predictions LIMIT 1").fetchone()
            except (FileNotFoundError, UsageError, sqlite3.OperationalError):
                continue  # cleared away since CURRENT was read: there is a newer one
            self.close()
            self._connection, self.version = connection, current
            self._cached.clear()
            return
        raise ModelError(f"the table {current} cannot be opened", fix="publish again, or roll back to another table")

    def get(self, flight: str) -> Answer:
        """Return the prediction of a flight, or the default, and say which.

        Parameters
        ----------
        flight : str
            As from `flight_keys`.
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
            if self._room:
                self._cached[flight] = answer
                if len(self._cached) > self._room:
                    self._cached.popitem(last=False)
        self._counts["default answers"] += answer.default
        return answer

    def all(self) -> dict[str, float]:
        """Return the whole table, in the order of its keys."""
        return dict(self._connection.execute(f"SELECT {KEY}, score FROM predictions ORDER BY {KEY}"))

    def counts(self) -> pd.Series:
        """Return how many reads there were, how many came from the cache, and how many got the default."""
        import pandas as pd

        return pd.Series(self._counts, name="lookups")

    def close(self) -> None:
        """Let go of the table."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
