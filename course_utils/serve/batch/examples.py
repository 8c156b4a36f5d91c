"""What lesson 14 shows and compares: designs of a key, the deck's encoding, dirty batches, steps of a publication."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course_utils import tables
from course_utils.data import dictionary, faults
from course_utils.serve.batch.files import flight_keys, write_batch
from course_utils.serve.batch.lookup import Lookup
from course_utils.serve.batch.publication import publication_gate
from course_utils.serve.batch.store import PredictionStore

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.model.training import Fit, Scorer

__all__ = [
    "compare_scoring_paths",
    "corrupt",
    "example_batches",
    "key_coverage",
    "publication_steps",
    "try_bad_batches",
]


def key_coverage(flights: pd.DataFrame) -> pd.DataFrame:
    """Return, for each design of a lookup key, how many keys there are and how many later flights find theirs.

    Parameters
    ----------
    flights : DataFrame
        At least a year of flights, so that `splits.split_by_time` can divide them.

    Returns
    -------
    DataFrame, one row per design in ``tables/serve/batch.toml``
        'keys': distinct keys in the year; 'found': percentage of the flights after the training months whose key occurs
        in the training months.

    Examples
    --------
    >>> from course_utils.data import datasets
    >>> batch.key_coverage(datasets.load_flights()).head(2)
                     keys  found
    key
    carrier × route   438   98.7
    … × hour         2887   92.7
    """
    import pandas as pd

    from course_utils.data import splits

    split = splits.split_by_time(flights)
    rows = pd.concat([split.train, split.validation, split.test])
    in_training = np.arange(len(rows)) < len(split.train)
    rows = rows.assign(hour=rows["CRSDepTime"] // 100)
    table = {}
    for name, columns in tables.read_toml("batch.toml")["keys"].items():
        # observed=True: combinations of categories that never occur are no keys.
        key = rows.groupby(columns, observed=True, sort=False).ngroup().to_numpy()
        table[name] = {
            "keys": int(key.max()) + 1,
            "found": round(100 * float(np.isin(key[~in_training], key[in_training]).mean()), 1),
        }
    return pd.DataFrame(table).T.astype({"keys": int}).rename_axis("key")


def compare_scoring_paths(fit: Fit, flights: pd.DataFrame, lookup: Lookup) -> pd.DataFrame:
    """Return the scores of flights from the training code, from the published table, and scored one at a time.

    Parameters
    ----------
    fit : training.Fit
        The trained model with the features of `flights`.
    flights : DataFrame
        Flights that are in the table, one row each.
    lookup : Lookup
        A reader of the table that was made with the same model.

    Returns
    -------
    DataFrame of float, one row per flight
        'training', 'batch' and 'one by one'.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> from course_utils.model import training
    >>> inputs = features.schedule(flights)
    >>> fit = training.train_xgboost(splits.split_at_random(flights), inputs, rounds=2, early_stopping=None)
    >>> store = batch.open_prediction_store()
    >>> batch.run_job(store, "v1", batch.write_batch(flights, inputs, store.inbox("v1")), fit.scorer)
    []
    >>> scores = batch.compare_scoring_paths(fit, flights.head(50), batch.Lookup(store, default=0.24))
    >>> int(scores.nunique(axis=1).max())  # every flight has one score, whichever code computed it
    1
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
    """Return the flights of two consecutive batches; ``tables/serve/batch.toml`` says when they start and end.

    Parameters
    ----------
    flights : DataFrame
        All flights of one of the course's data sets, as from `datasets.load_flights`.

    Examples
    --------
    >>> from course_utils.data import datasets
    >>> week, following = batch.example_batches(datasets.load_flights())
    >>> len(week), len(following)
    (6505, 6515)
    """
    import pandas as pd

    from course_utils.data import datasets, splits

    # Scheduled departures by the clock of the airport: the batches need no time zones.
    when = splits.day(flights) + pd.to_timedelta(datasets.minute_of_day(flights["CRSDepTime"]), unit="min")
    starts = tables.read_toml("batch.toml")["batches"][flights.attrs.get("dataset") or tables.active_dataset()]
    first, second, end = (pd.Timestamp(start) for start in starts)
    return flights[(when >= first) & (when < second)], flights[(when >= second) & (when < end)]


def corrupt(flights: pd.DataFrame, inputs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return a batch with faults: impossible values, times of day in minutes, and duplicated flights.

    Parameters
    ----------
    flights, inputs : DataFrame
        A good batch: flights and their features, as for `write_batch`.
    seed : int
        Seed of the random numbers; the same seed gives the same faults.

    Returns
    -------
    DataFrame
        The columns of both, with about 1% more rows than `flights`.

    Examples
    --------
    >>> from course_utils.data import features
    >>> dirty = batch.corrupt(flights, features.schedule(flights))
    >>> len(dirty) > len(flights)
    True
    """
    rows, rng = _join(flights, inputs), np.random.default_rng(seed)
    for fault, strength in (("impossible_values", 0.003), ("minutes_of_day", 0.01), ("duplicated", 0.01)):
        rows, _ = faults.plant(fault, rows, rng, strength)
    return rows


def _join(flights: pd.DataFrame, inputs: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of flights and of inputs side by side, each column once."""
    import pandas as pd

    own = [name for name in inputs.columns if name not in flights.columns]
    return pd.concat([flights, inputs[own].loc[flights.index]], axis=1)


def publication_steps() -> pd.DataFrame:
    """Return the steps of a publication in alphabetical order, with 'what it does': exercise 14.1 asks for their order.

    Examples
    --------
    >>> batch.publication_steps().index.tolist()
    ['check', 'clear', 'rename', 'switch', 'sync', 'write']
    """
    import pandas as pd

    steps = tables.read_toml("batch.toml")["steps"]
    return pd.DataFrame({"what it does": steps}).rename_axis("step")


def try_bad_batches(
    store: PredictionStore, flights: pd.DataFrame, inputs: pd.DataFrame, scorer: Scorer
) -> pd.DataFrame:
    """Build five batches that each have another fault, and return what the publication gate says about them.

    Nothing is published, and the five tables are removed.

    Parameters
    ----------
    store : PredictionStore
        With a published table, which the gate compares with the faulty ones.
    flights, inputs : DataFrame
        A good batch: flights and their features, as for `write_batch`.
    scorer : Scorer
        The model that scores the rows.

    Returns
    -------
    DataFrame, one row per batch
        Index 'planted': the fault; 'reason': the gate's reasons, or 'published' if it had none.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> from course_utils.model import training
    >>> inputs = features.schedule(flights)
    >>> fit = training.train_xgboost(splits.split_at_random(flights), inputs, rounds=2, early_stopping=None)
    >>> store = batch.open_prediction_store()
    >>> batch.run_job(store, "v1", batch.write_batch(flights, inputs, store.inbox("v1")), fit.scorer)
    []
    >>> batch.try_bad_batches(store, flights, inputs, fit.scorer)["reason"].iloc[1]
    'unseen: 10% of the rows have a value of UniqueCarrier that the model does not know'
    """
    import pandas as pd

    cases = _bad_batches(_join(flights, inputs), inputs, scorer)
    reasons = []
    with tempfile.TemporaryDirectory() as scratch:
        for place, (rows, used) in enumerate(cases.values()):
            source = write_batch(rows, rows[list(inputs.columns)], Path(scratch) / "bad.parquet")
            store.build(f"bad-{place}", source, used)
            reasons.append("; ".join(publication_gate(store, f"bad-{place}", source, scorer)) or "published")
            shutil.rmtree(store.path(f"bad-{place}"))
    return pd.DataFrame({"reason": reasons}, index=pd.Index(list(cases), name="planted"))


def _bad_batches(full: pd.DataFrame, inputs: pd.DataFrame, scorer: Scorer) -> dict[str, tuple[pd.DataFrame, Scorer]]:
    """Return five faulty batches by their fault, each with the scorer to use; `full` is a good one."""
    import pandas as pd

    def planted(fault: str, strength: float, *, by: str | None = None) -> pd.DataFrame:
        parts = [full] if by is None else [part for _, part in full.groupby(by)]
        return pd.concat([faults.plant(fault, part, 0, strength)[0] for part in parts])

    weather = dictionary.load("weather").index
    carrier = full["UniqueCarrier"].astype(object).mask(np.arange(len(full)) % 10 == 0, "9X")
    shares = [name for name in inputs.columns if name.startswith("late_")]
    # The same categories with other codes, as after a careless change of the encoder: no value is missing or unknown.
    shifted = {name: (*known[1:], known[0]) for name, known in scorer.encoder.categories.items()}
    other = dataclasses.replace(scorer, encoder=dataclasses.replace(scorer.encoder, categories=shifted))
    if set(weather) & set(inputs.columns):
        lost = {"the weather did not arrive": (planted("outage", 1.0, by="DayofMonth"), scorer)}
    else:  # allyears2k has no weather
        lost = {"the delays of other flights did not arrive": (full.assign(**dict.fromkeys(shares, np.nan)), scorer)}
    return lost | {
        "a new carrier flies a tenth of the flights": (full.assign(UniqueCarrier=carrier), scorer),
        "times of day sent in minutes": (planted("minutes_of_day", 1.0), scorer),
        "shares of late flights sent in percent": (full.assign(**{name: 100 * full[name] for name in shares}), scorer),
        "codes numbered in another order": (full, other),
    }
