"""The publication gate, and the job that builds, checks and publishes."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils import tables
from course_utils.model import metrics

if TYPE_CHECKING:
    from course_utils.model.training import Scorer
from course_utils.serve.batch.files import KEY, count_pieces, read_piece
from course_utils.serve.batch.store import PredictionStore
from course_utils.serve.batch.table import TABLE

__all__ = [
    "gate_limits",
    "publication_gate",
    "run_job",
]


def gate_limits() -> dict[str, float]:
    """Return what a new table is held to; see ``tables/serve/batch.toml``."""
    return dict(tables.read_toml("batch.toml")["limits"])


def publication_gate(store: PredictionStore, version: str, source: str | os.PathLike[str], scorer: Scorer) -> list[str]:
    """Say why a table should not be published: compare it with the current one, and with the scorer row by row.

    Parameters
    ----------
    store : Store
    version : str
        A table that was built.
    source : path
        What it was built from.
    scorer : Scorer
        The model that it should come from.

    Returns
    -------
    list of str
        Reasons; empty if it may be published. The first table has none to be compared with.

    Raises
    ------
    UsageError
        There is no such table.
    DataError
        The source has another schema than the scorer.
    """
    new, limit = store.manifest(version), gate_limits()
    last = None if store.current is None else store.manifest(store.current)
    rows, reasons = new["rows"], []
    if rows["in"] != rows["scored"] + rows["rejected"]:
        reasons.append(f"rows: {rows['in']:,} came in, {rows['scored'] + rows['rejected']:,} are accounted for")
    share = rows["rejected"] / rows["in"]
    if share > limit["rejected"]:
        worst = max(new["reasons"], key=new["reasons"].get)
        reasons.append(f"rejected: {share:.0%} of the rows, most for {worst!r}")
    for name, unseen in new["unseen"].items():
        if unseen > limit["unseen"]:
            reasons.append(f"unseen: {name} has a value unknown to the model on {unseen:.0%} of the rows")
    if last is not None:
        reasons += _changes(new, last, limit)
    differ, tried = _spot(store, version, Path(source), scorer, int(limit["spot"]))
    if differ:
        reasons.append(f"spot check: {differ} of {tried} rows have another score when asked one by one")
    return reasons


def _changes(new: Mapping[str, Any], last: Mapping[str, Any], limit: Mapping[str, float]) -> list[str]:
    """Compare a manifest with that of the table before."""
    reasons = []
    ratio = new["rows"]["in"] / last["rows"]["in"]
    if not limit["rows"] <= ratio <= 1 / limit["rows"]:
        reasons.append(f"rows: {new['rows']['in']:,} came in, {last['rows']['in']:,} in the batch before")
    rises = {name: share - last["missing"].get(name, 0) for name, share in new["missing"].items()}
    name = max(rises, key=rises.get)
    if rises[name] > limit["missing"]:
        count = sum(rise > limit["missing"] for rise in rises.values())
        reasons.append(f"missing: {name} on {new['missing'][name]:.0%} of the rows, and {count - 1} more inputs")
    moved = metrics.psi(last["scores"], new["scores"])
    if moved > limit["psi"]:
        reasons.append(
            f"scores: they moved (PSI {moved:.2f}), mean {new['mean score']:.2f} after {last['mean score']:.2f}"
        )
    return reasons


def _spot(store: PredictionStore, version: str, source: Path, scorer: Scorer, count: int) -> tuple[int, int]:
    """Ask the scorer about rows one by one; return how many differ from the table, and how many were asked."""
    rejected = store.rejects(version)["row"].to_numpy()
    scored = store.manifest(version)["rows"]["scored"]
    places = np.linspace(0, scored - 1, min(count, scored)).round().astype(int)
    # Of the rows that were scored, those at some places: each reject before one moves it on by a row.
    chosen = set((places + np.searchsorted(rejected - np.arange(len(rejected)), places, side="right")).tolist())
    connection = sqlite3.connect(store.path(version) / TABLE)
    differ = 0
    try:
        for piece in range(count_pieces(source, scorer)):
            rows, first = read_piece(source, piece)
            for row in sorted(chosen & set(range(first, first + len(rows)))):
                values = rows.loc[row].to_dict()
                query = f"SELECT score FROM predictions WHERE {KEY} = ?"
                stored = connection.execute(query, (values.pop(KEY),)).fetchone()
                differ += stored is None or stored[0] != scorer.score_one(values)
    finally:
        connection.close()
    return differ, len(chosen)


def run_job(store: PredictionStore, version: str, source: str | os.PathLike[str], scorer: Scorer) -> list[str]:
    """Build a table, hold it to the gate, and publish it if nothing speaks against it.

    Parameters
    ----------
    store : Store
    version : str
        The name of the new table.
    source : path
        As from `write_batch`.
    scorer : Scorer

    Returns
    -------
    list of str
        Why it was refused; empty if it is current now. A refused table is removed, and readers see the one before.

    Raises
    ------
    UsageError, DataError
        As `Store.build`.
    """
    with store._alone():
        known = version in store.kept
        store.build(version, source, scorer)
        reasons = publication_gate(store, version, source, scorer)
        if not reasons:
            store.publish(version)
        elif not known:
            shutil.rmtree(store.path(version))
    return reasons
