"""The publication gate: checks of a new table before readers may see it, and the job that builds, checks and publishes.

The gate compares the new table with the current one, and some of its scores with the model. Its limits are in
``tables/serve/batch.toml``.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils import tables
from course_utils.model import metrics
from course_utils.serve.batch.files import KEY, count_pieces, read_piece
from course_utils.serve.batch.store import PredictionStore
from course_utils.serve.batch.table import TABLE
from course_utils.wording import counted

if TYPE_CHECKING:
    from course_utils.model.training import Scorer

__all__ = ["gate_limits", "publication_gate", "run_job"]


def gate_limits() -> dict[str, float]:
    """Return the limits of `publication_gate`, as ``tables/serve/batch.toml`` explains them.

    Examples
    --------
    >>> batch.gate_limits()["rejected"]
    0.01
    """
    return dict(tables.read_toml("batch.toml")["limits"])


def publication_gate(store: PredictionStore, version: str, source: str | os.PathLike[str], scorer: Scorer) -> list[str]:
    """Return the reasons not to publish a table, from a comparison with the current table and with the model.

    Parameters
    ----------
    store : PredictionStore
        The store that holds the table.
    version : str
        The name of a table that was built but not published.
    source : path
        The batch file from which it was built.
    scorer : Scorer
        The model that should have made the scores.

    Returns
    -------
    list of str
        One sentence per reason; empty if the table may be published. A first table is not compared with another one.

    Raises
    ------
    UsageError
        The store has no table of that name.
    DataError
        The batch file lacks a column that the model needs.

    See Also
    --------
    run_job : Builds a table, asks this gate, and publishes.
    """
    new, limit = store.manifest(version), gate_limits()
    previous = None if store.current is None else store.manifest(store.current)
    rows, reasons = new["rows"], []
    if rows["in"] != rows["scored"] + rows["rejected"]:
        reasons.append(f"rows: {rows['in']:,} in, but {rows['scored'] + rows['rejected']:,} scored or rejected")
    share = rows["rejected"] / rows["in"]
    if share > limit["rejected"]:
        worst = max(new["reasons"], key=new["reasons"].get)
        reasons.append(f"rejected: {share:.0%} of the rows, most often because of {worst!r}")
    for name, unseen in new["unseen"].items():
        if unseen > limit["unseen"]:
            reasons.append(f"unseen: {unseen:.0%} of the rows have a value of {name} that the model does not know")
    if previous is not None:
        reasons += _compare(new, previous, limit)
    differ, tried = _spot_check(store, version, Path(source), scorer, int(limit["spot"]))
    if differ:
        reasons.append(
            f"spot check: {differ} of {counted(tried, 'row')} with a different score when scored one at a time"
        )
    return reasons


def _compare(new: Mapping[str, Any], previous: Mapping[str, Any], limit: Mapping[str, float]) -> list[str]:
    """Return reasons against a table from the comparison of its manifest with the previous table's."""
    reasons = []
    ratio = new["rows"]["in"] / previous["rows"]["in"]
    if not limit["rows"] <= ratio <= 1 / limit["rows"]:
        reasons.append(f"rows: {new['rows']['in']:,} in this batch, {previous['rows']['in']:,} in the previous one")
    # The rise counts, not the share: an input may be missing on many rows in every batch.
    rises = {name: share - previous["missing"].get(name, 0) for name, share in new["missing"].items()}
    name = max(rises, key=rises.get)
    if rises[name] > limit["missing"]:
        others = sum(rise > limit["missing"] for rise in rises.values()) - 1
        reasons.append(
            f"missing: {name} on {new['missing'][name]:.0%} of the rows, and {counted(others, 'other input')}"
        )
    shift = metrics.psi(previous["scores"], new["scores"])
    if shift > limit["psi"]:
        reasons.append(
            f"scores: distribution shifted (PSI {shift:.2f}), mean {new['mean score']:.2f}, "
            f"previously {previous['mean score']:.2f}"
        )
    return reasons


def _spot_check(store: PredictionStore, version: str, source: Path, scorer: Scorer, count: int) -> tuple[int, int]:
    """Score rows one at a time; return how many differ from the table, and how many were tried."""
    rejected = store.rejects(version)["row"].to_numpy()
    scored = store.manifest(version)["rows"]["scored"]
    # Evenly spaced among the scored rows. A rejected row before a place shifts its row number by one.
    places = np.linspace(0, scored - 1, min(count, scored)).round().astype(int)
    chosen = set((places + np.searchsorted(rejected - np.arange(len(rejected)), places, side="right")).tolist())
    query = f"SELECT score FROM predictions WHERE {KEY} = ?"
    differ = 0
    with closing(sqlite3.connect(store.path(version) / TABLE)) as connection:
        for piece in range(count_pieces(source, scorer)):
            rows, first = read_piece(source, piece)
            for row in sorted(chosen & set(range(first, first + len(rows)))):
                values = rows.loc[row].to_dict()
                stored = connection.execute(query, (values.pop(KEY),)).fetchone()
                differ += stored is None or stored[0] != scorer.score_one(values)
    return differ, len(chosen)


def run_job(store: PredictionStore, version: str, source: str | os.PathLike[str], scorer: Scorer) -> list[str]:
    """Build a table, check it with the publication gate, and publish it if the gate has no objection.

    A refused table is removed, and readers keep the previous one.

    Parameters
    ----------
    store : PredictionStore
        Where to build and publish.
    version : str
        As for `PredictionStore.build`.
    source : path
        A batch file as from `write_batch`.
    scorer : Scorer
        The model that scores the rows.

    Returns
    -------
    list of str
        The gate's reasons against the table; empty if it was published.

    Raises
    ------
    UsageError, DataError
        As for `PredictionStore.build`.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> from course_utils.model import training
    >>> inputs = features.schedule(flights)
    >>> fit = training.train_xgboost(splits.split_at_random(flights), inputs, rounds=2, early_stopping=None)
    >>> store = batch.open_prediction_store()
    >>> batch.run_job(store, "v1", batch.write_batch(flights, inputs, store.inbox("v1")), fit.scorer)
    []
    >>> half_lost = batch.write_batch(flights.head(1000), inputs, store.inbox("v2"))
    >>> batch.run_job(store, "v2", half_lost, fit.scorer)
    ['rows: 1,000 in this batch, 3,000 in the previous one']
    """
    with store._exclusive():
        was_published = version in store.kept
        store.build(version, source, scorer)
        reasons = publication_gate(store, version, source, scorer)
        if not reasons:
            store.publish(version)
        elif not was_published:
            shutil.rmtree(store.path(version))
    return reasons
