"""What lesson 14 shows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course_utils import tables
from course_utils.data import dictionary, faults

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.model.training import Fit, Scorer
from course_utils.serve.batch.files import flight_keys, write_batch
from course_utils.serve.batch.lookup import Lookup
from course_utils.serve.batch.publication import publication_gate
from course_utils.serve.batch.store import PredictionStore

__all__ = [
    "compare_scoring_paths",
    "corrupt",
    "deck_encode",
    "example_batches",
    "key_coverage",
    "publication_steps",
    "try_bad_batches",
]


def key_coverage(flights: pd.DataFrame) -> pd.DataFrame:
    """Count, for each design of a key, how many predictions 'all possible' are, and how many flights would find one.

    Parameters
    ----------
    flights : DataFrame
        A year of flights or more.

    Returns
    -------
    DataFrame, one row a design of ``tables/serve/batch.toml``
        'keys' seen in the year, and 'found': the share, in percent, of the flights after the training months whose key
        the training months had.
    """
    import pandas as pd

    from course_utils.data import splits

    split = splits.split_by_time(flights)
    rows = pd.concat([split.train, split.validation, split.test])
    known = np.arange(len(rows)) < len(split.train)
    rows = rows.assign(hour=rows["CRSDepTime"] // 100)
    table = {}
    for name, columns in tables.read_toml("batch.toml")["keys"].items():
        # A number for each key: groups of categories are those that occur.
        key = rows.groupby(columns, observed=True, sort=False).ngroup().to_numpy()
        table[name] = {
            "keys": int(key.max()) + 1,
            "found": round(100 * float(np.isin(key[~known], key[known]).mean()), 1),
        }
    return pd.DataFrame(table).T.astype({"keys": int}).rename_axis("key")


def deck_encode(rows: pd.DataFrame, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Encode as the deck does: a column for each category of these rows, then the columns of training where given.

    Parameters
    ----------
    rows : DataFrame
    columns : sequence of str, optional
        The encoded columns of the training rows; what the rows lack of them becomes 0, without a word.
    """
    import pandas as pd

    encoded = pd.get_dummies(rows.astype(dict.fromkeys(rows.select_dtypes("category"), object)), dtype=float)
    return encoded if columns is None else encoded.reindex(columns=list(columns), fill_value=0.0)


def compare_scoring_paths(fit: Fit, flights: pd.DataFrame, lookup: Lookup) -> pd.DataFrame:
    """Return the scores of flights by three roads: as training evaluates, from the table, and asked one by one.

    Parameters
    ----------
    fit : training.Fit
    flights : DataFrame
        Flights that the table has.
    lookup : Lookup

    Returns
    -------
    DataFrame of float, one row a flight
        'training', 'batch', 'one by one'.
    """
    import pandas as pd

    inputs = fit.inputs.loc[flights.index]
    return pd.DataFrame(
        {
            "training": fit.predict(flights).astype(float),
            "batch": [lookup.get(key).score for key in flight_keys(flights)],
            "one by one": [fit.scorer.score_one(inputs.loc[row].to_dict()) for row in inputs.index],
        },
        index=flights.index,
    )


def example_batches(flights: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the flights of two batches, one after the other; see ``tables/serve/batch.toml``.

    Parameters
    ----------
    flights : DataFrame
        Of one of the course's data sets.
    """
    import pandas as pd

    from course_utils.data import datasets, splits

    # By the clock of each airport.
    when = splits.day(flights) + pd.to_timedelta(datasets.minute_of_day(flights["CRSDepTime"]), unit="min")
    starts = tables.read_toml("batch.toml")["batches"][flights.attrs.get("dataset") or tables.active_dataset()]
    first, then, end = (pd.Timestamp(start) for start in starts)
    return flights[(when >= first) & (when < then)], flights[(when >= then) & (when < end)]


def corrupt(flights: pd.DataFrame, inputs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return a batch as it comes on a bad day: impossible times, wrong clocks, flights that are there twice.

    Parameters
    ----------
    flights, inputs : DataFrame
        A good batch.
    seed : int
        Same seed, same faults.

    Returns
    -------
    DataFrame
        Columns of both.
    """
    rows, rng = _full(flights, inputs), np.random.default_rng(seed)
    for fault, strength in (("impossible_values", 0.003), ("minutes_of_day", 0.01), ("duplicated", 0.01)):
        rows, _ = faults.plant(fault, rows, rng, strength)
    return rows


def _full(flights: pd.DataFrame, inputs: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    own = [name for name in inputs.columns if name not in flights.columns]
    return pd.concat([flights, inputs[own].loc[flights.index]], axis=1)


def publication_steps() -> pd.DataFrame:
    """Return what a publisher does, in no order: 'step' and 'what it does'."""
    import pandas as pd

    named = tables.read_toml("batch.toml")["steps"]
    return pd.DataFrame({"what it does": named}).rename_axis("step")


def try_bad_batches(
    store: PredictionStore, flights: pd.DataFrame, inputs: pd.DataFrame, scorer: Scorer
) -> pd.DataFrame:
    """Try to publish five batches that are wrong, each in another way, and return what the gate said.

    Parameters
    ----------
    store : Store
        With a published table to compare with.
    flights, inputs : DataFrame
        A good batch.
    scorer : Scorer

    Returns
    -------
    DataFrame, one row a batch
        What was 'planted', and the gate's 'reason'; 'published' where it had none.
    """
    import dataclasses

    import pandas as pd

    full = _full(flights, inputs)

    def planted(fault: str, strength: float, *, by: str | None = None) -> pd.DataFrame:
        parts = [full] if by is None else [part for _, part in full.groupby(by)]
        return pd.concat([faults.plant(fault, part, 0, strength)[0] for part in parts])

    weather = dictionary.load("weather").index
    carrier = full["UniqueCarrier"].astype(object).mask(np.arange(len(full)) % 10 == 0, "9X")
    shares = [name for name in inputs.columns if name.startswith("late_")]
    shifted = {name: (*known[1:], known[0]) for name, known in scorer.encoder.categories.items()}
    other = dataclasses.replace(scorer, encoder=dataclasses.replace(scorer.encoder, categories=shifted))
    if set(weather) & set(inputs.columns):
        lost = {"the weather did not arrive": (planted("outage", 1.0, by="DayofMonth"), scorer)}
    else:  # allyears2k has none
        lost = {"the delays of other flights did not arrive": (full.assign(**dict.fromkeys(shares, np.nan)), scorer)}
    cases: dict[str, tuple[pd.DataFrame, Scorer]] = lost | {
        "a new carrier flies a tenth of the flights": (full.assign(UniqueCarrier=carrier), scorer),
        "times of day sent in minutes": (planted("minutes_of_day", 1.0), scorer),
        "shares of late flights sent in percent": (full.assign(**{name: 100 * full[name] for name in shares}), scorer),
        "codes numbered in another order": (full, other),
    }
    said = []
    with tempfile.TemporaryDirectory() as scratch:
        for place, (rows, used) in enumerate(cases.values()):
            source = write_batch(rows, rows[list(inputs.columns)], Path(scratch) / "bad.parquet")
            store.build(f"bad-{place}", source, used)
            said.append("; ".join(publication_gate(store, f"bad-{place}", source, scorer)) or "published")
            shutil.rmtree(store.path(f"bad-{place}"))
    return pd.DataFrame({"reason": said}, index=pd.Index(list(cases), name="planted"))
