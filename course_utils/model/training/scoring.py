"""Compute the score of a flight, and keep the model that does so in a folder.

`Scorer` is the only path from rows to a probability: batch jobs, the served model and explanations all use it, so a
flight has one score wherever it is computed. `save` and `load` keep a scorer with its model card.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils.errors import ModelError, UsageError
from course_utils.model.training.encoding import Encoder

if TYPE_CHECKING:
    import xgboost

__all__ = ["CARD_FILE", "MODEL_FILE", "THREADS", "Scorer", "load", "save", "score_in_new_process"]

MODEL_FILE = "model.ubj"
CARD_FILE = "card.json"
_FILES = (MODEL_FILE, CARD_FILE)

#: Threads that fit and score. Committed outputs must not depend on how rows are divided among cores, and two threads
#: on two busy cores took up to ten times as long as one.
THREADS = 1


@dataclass(frozen=True)
class Scorer:
    """The only path from rows to a probability: load once, then score many rows or one.

    Attributes
    ----------
    booster : xgboost.Booster
    encoder : Encoder
        Fitted on the training rows.
    card : dict
        The model card; see `model_card`.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> split, inputs = splits.split_at_random(flights), features.schedule(flights)
    >>> scorer = training.train_xgboost(split, inputs, rounds=2, early_stopping=None).scorer
    >>> scorer.score(inputs.head(3)).shape, scorer.score_one(inputs.iloc[0]) > 0
    ((3,), True)
    """

    booster: xgboost.Booster
    encoder: Encoder
    card: dict[str, Any] = field(default_factory=dict)

    def score(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of 'late', float32, shape (rows,).

        Parameters
        ----------
        rows : DataFrame, shape (rows, features)
            Features, one row for each flight.

        Raises
        ------
        DataError
            A column is absent, or holds text where a number belongs.
        """
        # inplace_predict reads the matrix as it is, without a copy into a DMatrix.
        return self.booster.inplace_predict(self.encoder.transform(rows))

    def score_one(self, row: Mapping[str, Any]) -> float:
        """Return the probability of 'late' for one flight given as a mapping of feature to value.

        Parameters
        ----------
        row : mapping of str to value
            Features by name; None or NaN where a value is missing.

        Raises
        ------
        DataError
            A column is absent, or holds text where a number belongs.
        """
        return float(self.score(pd.DataFrame([dict(row)]))[0])


def score_in_new_process(scorer: Scorer, rows: pd.DataFrame) -> np.ndarray:
    """Save a scorer, load it in a new Python process and let that process score rows of features.

    Parameters
    ----------
    scorer : Scorer
        The model to save and load.
    rows : DataFrame, shape (rows, features)
        As for `Scorer.score`.

    Returns
    -------
    numpy.ndarray of float32, shape (rows,)

    Raises
    ------
    ModelError
        The other process failed; the message quotes its last line of output.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> split, inputs = splits.split_at_random(flights), features.schedule(flights)
    >>> scorer = training.train_xgboost(split, inputs, rounds=2, early_stopping=None).scorer
    >>> bool((training.score_in_new_process(scorer, inputs) == scorer.score(inputs)).all())
    True
    """
    code = (
        "import sys, numpy; from course_utils.data import datasets; from course_utils.model import training;"
        "numpy.save(sys.argv[3], training.load(sys.argv[1]).score(datasets.read_parquet(sys.argv[2])))"
    )
    with tempfile.TemporaryDirectory() as scratch:
        # Parquet, since CSV would lose which columns are categories.
        source, target = Path(scratch) / "rows.parquet", Path(scratch) / "scores.npy"
        rows.to_parquet(source)
        model = save(scorer, Path(scratch) / "model")
        command = [sys.executable, "-c", code, fspath(model), fspath(source), fspath(target)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            reason = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise ModelError(
                f"the new process could not score: {reason}", fix="compare its environment with the card's"
            )
        return np.load(target)


# --------------------------------------------------------------------------- the model folder


def save(scorer: Scorer, folder: str | os.PathLike[str]) -> Path:
    """Save a scorer to a folder atomically.

    The folder is written under another name and then renamed. A reader finds the old model, the new one or, for a
    moment in between, none; never half of one.

    Parameters
    ----------
    scorer : Scorer
        The model with its encoder and card.
    folder : path
        Created, or replaced if it holds a saved model and nothing else.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        `folder` is a file, or holds a file that is not part of a saved model.

    See Also
    --------
    load : read the folder back.
    """
    target = Path(folder)
    foreign = _foreign(target)
    if foreign:
        raise UsageError(
            f"{target.name} holds {foreign[0]}, which is not part of a saved model", fix="name a new folder"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        # A folder inside the scratch folder, since mkdtemp's own can be read by its owner only.
        made = scratch / "new"
        made.mkdir()
        scorer.booster.save_model(made / MODEL_FILE)
        encoding = {
            "columns": list(scorer.encoder.columns),
            "categories": {name: list(known) for name, known in scorer.encoder.categories.items()},
        }
        checksum = _checksum((made / MODEL_FILE).read_bytes(), encoding)
        text = {"card": scorer.card, "encoding": encoding, "sha256": checksum}
        (made / CARD_FILE).write_text(json.dumps(text, indent=1, default=_as_json), encoding="utf-8")
        _move_into_place(made, target, scratch / "old")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _foreign(folder: Path) -> list[str]:
    """Return the names in a folder that are not part of a saved model."""
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.name not in _FILES)
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise UsageError(f"{folder.name} is a file", fix="name a new folder") from error


#: What an operating system reports when a folder is renamed onto one that is not empty: another process was faster.
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES)


def _move_into_place(made: Path, target: Path, aside: Path) -> None:
    """Rename a finished folder to its target; if that fails, restore the folder that was there before."""
    for attempt in range(30):
        try:
            with contextlib.suppress(FileNotFoundError):
                target.replace(aside)
            made.replace(target)
            return
        # BaseException, since Ctrl-C between the two renames must restore the old folder too.
        except BaseException as error:
            with contextlib.suppress(OSError):  # there was none, or another process has put its own there
                aside.replace(target)
            if not isinstance(error, OSError) or error.errno not in _TAKEN or attempt == 29:
                raise
            shutil.rmtree(aside, ignore_errors=True)
            time.sleep(0.001 * attempt)


def _checksum(model: bytes, encoding: Mapping[str, Any]) -> str:
    """Return a checksum of everything that a score depends on."""
    return hashlib.sha256(model + json.dumps(encoding).encode()).hexdigest()


def _as_json(value: Any) -> Any:
    """Return NumPy's numbers as Python's, and anything else that JSON does not know as text."""
    return value.item() if isinstance(value, np.generic) else str(value)


def load(folder: str | os.PathLike[str]) -> Scorer:
    """Load a saved scorer; it gives bit for bit the scores of the one that was saved.

    Parameters
    ----------
    folder : path
        As for `save`.

    Raises
    ------
    ModelError
        The folder holds no model, a damaged one, or one that does not match its card.

    See Also
    --------
    save : write the folder.
    """
    import xgboost

    source = Path(folder)
    try:
        written = (source / CARD_FILE).read_bytes()
        model = (source / MODEL_FILE).read_bytes()
    except OSError as error:
        raise ModelError(f"{source.name} holds no saved model", fix="save one there with training.save") from error
    try:
        text = json.loads(written)
        encoding, stated, card = text["encoding"], text["sha256"], text["card"]
        known = {name: tuple(values) for name, values in encoding["categories"].items()}
        encoder = Encoder(tuple(encoding["columns"]), known)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"the card in {source.name} cannot be read", fix="save the model again") from error
    # Before XGBoost parses the bytes: a damaged model may load without an error and give other scores.
    if _checksum(model, encoding) != stated:
        raise ModelError(f"the model in {source.name} is not the one its card describes", fix="save the model again")
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(model))
    except xgboost.core.XGBoostError as error:
        made_by = card.get("environment", {}).get("xgboost", "another version")
        raise ModelError(
            f"XGBoost {version('xgboost')} cannot read the model in {source.name}",
            fix=f"use the version it was made with, {made_by}, or fit it again",
        ) from error
    booster.set_param({"nthread": THREADS})  # XGBoost does not save it with the model
    return Scorer(booster, encoder, card)
