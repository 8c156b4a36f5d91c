"""Training data in a file named by its hash: the data part of a run's record."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import dictionary, features, splits
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    from mlflow.data.meta_dataset import MetaDataset

__all__ = ["TrainingSnapshot", "plain_text", "save_snapshot"]

_LEAK = "DepTime"  # known only after the flight has left


@dataclass(frozen=True, repr=False)
class TrainingSnapshot:
    """Flights with all inputs and outcomes that a run needs, in one file named by its hash.

    Attributes
    ----------
    file : Path
        The Parquet file.
    md5 : str
        MD5 hash of the file, 32 hexadecimal digits, as DVC would compute it.
    rows : DataFrame
        Inputs, outcomes and 'part' ('train', 'validation' or 'test'), one row a flight.
    groups : mapping of str to list of str
        The inputs by subject.
    horizon : float
        The forecast horizon, hours before departure.
    """

    file: Path
    md5: str
    rows: pd.DataFrame
    groups: Mapping[str, list[str]]
    horizon: float

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part} {len(rows):,}" for part, rows in self.rows.groupby("part", sort=False))
        return f"TrainingSnapshot({sizes})"

    @cached_property
    def split(self) -> splits.Split:
        """The flights for training, validation and test."""
        parts = dict(iter(self.rows.groupby("part", sort=False)))
        return splits.Split(parts["train"], parts["validation"], parts["test"], f"snapshot {self.md5[:8]}")

    @cached_property
    def dataset(self) -> MetaDataset:
        """The snapshot as an MLflow dataset: name, hash, location and schema."""
        import mlflow
        from mlflow.data.meta_dataset import MetaDataset

        with warnings.catch_warnings():
            # Two of MLflow's sources read files; they are the same.
            warnings.filterwarnings("ignore", message="The specified dataset source can be interpreted")
            source = mlflow.data.from_pandas(self.rows.head(1), source=self.file.as_uri()).source
        # A thousand rows are enough to infer each type; all of them would take seconds.
        schema = mlflow.models.infer_signature(plain_text(self.rows.head(1000))).inputs
        return MetaDataset(source, name="flights", digest=self.md5, schema=schema)

    def requests(self, count: int, inputs: str = "all") -> pd.DataFrame:
        """Return the first test flights as a client would send them: only the inputs, text without categories.

        Parameters
        ----------
        count : int
            Number of flights, at most those of the test set.
        inputs : str
            As for `TrainingSnapshot.inputs`.
        """
        return plain_text(self.split.test[self.inputs(inputs)].head(count))

    def inputs(self, name: str) -> list[str]:
        """Return the columns of a named set of inputs.

        Parameters
        ----------
        name : {'schedule', 'all', 'deck', 'all + DepTime'}
            'deck' are the deck's columns; 'DepTime' leaks the outcome.

        Raises
        ------
        UsageError
            There is no such set of inputs.
        """
        groups = self.groups
        known = [column for columns in groups.values() for column in columns]
        sets = {
            "schedule": groups["schedule"] + groups["calendar"] + groups["volume"],
            "all": known,
            "deck": list(features.DECK_COLUMNS),
            f"all + {_LEAK}": [*known, _LEAK],
        }
        if name not in sets:
            raise UsageError(f"there is no set of inputs {name!r}", fix=f"choose one of {', '.join(sets)}")
        return sets[name]

    def known_hours(self, columns: Sequence[str]) -> float:
        """Return the hours before departure at which all of some columns are known; negative: after departure.

        Parameters
        ----------
        columns : sequence of str
            Columns of the data dictionary, or features, which are known at the forecast horizon.

        Raises
        ------
        DataError
            A column is not in the snapshot.
        """
        absent = [column for column in columns if column not in self.rows.columns]
        if absent:
            raise DataError("is not in the snapshot", column=absent[0], fix="choose columns of the snapshot's rows")
        known = dictionary.load()["known_hours_before"]
        return float(min(known.get(column, self.horizon) for column in columns))


def plain_text(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with text instead of pandas categories, which MLflow's signatures do not accept."""
    return rows.astype({name: object for name in rows if isinstance(rows[name].dtype, pd.CategoricalDtype)})


def save_snapshot(folder: Path, flights: pd.DataFrame) -> TrainingSnapshot:
    """Sample flights, compute their features, and save both in one Parquet file named by its hash.

    Parameters
    ----------
    folder : Path
        An existing folder, which gets the file.
    flights : DataFrame
        The whole year, as from `datasets.load_flights`.
    """
    import pyarrow

    plan = tables.read_toml("tracking.toml")["snapshot"]
    horizon = tables.read_toml("constants.toml")["horizon_hours"]
    rng = np.random.default_rng(plan["seed"])
    split = splits.split_by_time(flights)
    chosen = {
        part: np.sort(rng.choice(getattr(split, part).index, size=plan[part], replace=False))
        for part in ("train", "validation", "test")
    }
    known = features.as_of(flights, horizon, rows=np.concatenate(list(chosen.values())))
    raw = flights.loc[known.index]
    outcome = [name for name in (*features.DECK_COLUMNS, _LEAK, "DepDelay") if name not in known.columns]
    rows = pd.concat([known, raw[outcome]], axis=1)
    # Every number as a float, since integers cannot be missing.
    rows = rows.astype({name: float for name in rows if pd.api.types.is_numeric_dtype(rows[name])})
    rows["part"] = np.repeat(list(chosen), [len(labels) for labels in chosen.values()])
    rows.attrs = {}  # pandas copies them with each operation, which is slow
    scratch = folder / "snapshot.parquet"
    rows.to_parquet(scratch)
    pyarrow.default_memory_pool().release_unused()  # Arrow would keep it for its next table
    md5 = hashlib.md5(scratch.read_bytes(), usedforsecurity=False).hexdigest()
    file = scratch.replace(folder / f"{md5}.parquet")
    return TrainingSnapshot(file, md5, rows, features.groups(known), horizon)
