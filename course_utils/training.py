"""Fit, save, load and ask the models of the case.

`Scorer` is the only road from rows to a probability: batch scoring, the served model and explanations all take it, so
a row has one score wherever it is computed. Whatever is fitted here answers ``predict(rows)`` with the probability
that each flight leaves late, so that a table of rates and a boosted forest can stand side by side.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from course_utils import datasets, features, metrics, splits, tables
from course_utils.errors import DataError, ModelError, UsageError

if TYPE_CHECKING:
    import xgboost

#: How the course fits XGBoost unless a lesson says otherwise. One thread: committed outputs must not depend on how
#: rows are shared out over cores, and two threads on two busy cores took up to ten times as long as one.
DEFAULTS: dict[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "eta": 0.1,
    "max_depth": 6,
    "max_bin": 64,
    "min_child_weight": 20,
    "subsample": 1.0,
    "nthread": 1,
    "seed": 0,
}

MODEL_FILE = "model.ubj"
CARD_FILE = "card.json"


class Predictor(Protocol):
    """Anything that gives a flight a probability of leaving late."""

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of 'late' for each of the flights in `rows`."""
        ...


# --------------------------------------------------------------------------- rows to numbers


@dataclass(frozen=True)
class Encoder:
    """Turn rows of features into the float32 matrix that a model reads.

    Categories are those of the training rows only; one that was never seen there becomes 'missing', as it will have
    to in production. Fit with `Encoder.fit`.

    Attributes
    ----------
    columns : tuple of str
        The features, in the order of the matrix.
    categories : mapping of str to tuple of str
        For each categorical feature, the values seen in training, sorted; a value's code is its place.
    """

    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, rows: pd.DataFrame) -> Encoder:
        """Learn columns and categories from the training rows."""
        categories = {
            str(name): tuple(sorted(map(str, rows[name].dropna().unique())))
            for name in rows.columns
            if not pd.api.types.is_numeric_dtype(rows[name])
        }
        return cls(tuple(map(str, rows.columns)), categories)

    @property
    def feature_types(self) -> list[str]:
        """XGBoost's type for each column: 'c' categorical, 'q' quantitative."""
        return ["c" if name in self.categories else "q" for name in self.columns]

    def transform(self, rows: pd.DataFrame) -> np.ndarray:
        """Encode rows.

        Returns
        -------
        numpy.ndarray of float32, shape (rows, columns)
            Missing and unseen values are NaN.

        Raises
        ------
        DataError
            A column is absent, or holds text where a number belongs.
        """
        absent = [name for name in self.columns if name not in rows.columns]
        if absent:
            raise DataError(
                "the model needs this column", column=absent[0], mend="compute the features with features.as_of"
            )
        matrix = np.empty((len(rows), len(self.columns)), dtype=np.float32)
        for place, name in enumerate(self.columns):
            if name in self.categories:
                matrix[:, place] = self._codes(rows[name], self.categories[name])
            else:
                matrix[:, place] = _numbers(rows[name], name)
        return matrix

    @staticmethod
    def _codes(values: pd.Series, known: tuple[str, ...]) -> np.ndarray:
        place_of = {value: float(place) for place, value in enumerate(known)}
        if isinstance(values.dtype, pd.CategoricalDtype):
            # A few hundred categories are looked up instead of every row.
            of_category = [place_of.get(str(value), np.nan) for value in values.cat.categories]
            return np.append(np.array(of_category, dtype=np.float32), np.float32(np.nan))[values.cat.codes]
        return values.map(place_of, na_action="ignore").to_numpy(dtype=np.float32, na_value=np.nan)

    def unseen(self, rows: pd.DataFrame) -> pd.Series:
        """Count, for each categorical feature, the rows whose value training never saw."""
        counts = {
            name: int((rows[name].notna() & ~rows[name].astype(str).isin(known)).sum())
            for name, known in self.categories.items()
        }
        return pd.Series(counts, name="rows with an unseen value", dtype=int)


def _numbers(values: pd.Series, name: str) -> np.ndarray:
    try:
        return values.to_numpy(dtype=np.float32, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError("holds text where a number belongs", column=name, mend="send numbers") from error


@dataclass(frozen=True)
class Scorer:
    """The only road from rows to a probability: load once, then score many rows or one.

    Attributes
    ----------
    booster : xgboost.Booster
    encoder : Encoder
        Fitted on the training rows.
    card : dict
        The model card; see `card`.
    """

    booster: xgboost.Booster
    encoder: Encoder
    card: dict[str, Any] = field(default_factory=dict)

    def score(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of 'late', float32, shape (rows,)."""
        if not len(rows):
            return np.empty(0, dtype=np.float32)
        return self.booster.inplace_predict(self.encoder.transform(rows))

    def score_one(self, row: Mapping[str, Any]) -> float:
        """Return the probability of 'late' for one flight given as a mapping of feature to value."""
        return float(self.score(pd.DataFrame([dict(row)]))[0])


# --------------------------------------------------------------------------- fitting


@dataclass(frozen=True)
class Fit:
    """A fitted XGBoost model, with what is needed to ask it about flights of the course.

    Attributes
    ----------
    scorer : Scorer
    inputs : DataFrame
        The features of all flights, by row label.
    curve : DataFrame
        Log-loss on training and validation rows after each round; index: rounds, counted from 1.
    rounds : int
        The rounds kept: the best ones on validation where early stopping was on.
    """

    scorer: Scorer
    inputs: pd.DataFrame
    curve: pd.DataFrame
    rounds: int

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of 'late' for each of the flights in `rows`."""
        return self.scorer.score(self.inputs.loc[rows.index])

    def __repr__(self) -> str:
        return f"XGBoost, {self.rounds} rounds, {self.inputs.shape[1]} inputs"


def train_xgboost(
    split: splits.Split,
    inputs: pd.DataFrame,
    *,
    rounds: int = 300,
    early_stopping: int | None = 20,
    labels: pd.Series | None = None,
    **parameters: Any,
) -> Fit:
    """Fit XGBoost on the training rows of a split; stop when the validation log-loss has stopped falling.

    Parameters
    ----------
    split : Split
    inputs : DataFrame, shape (flights, features)
        Features by row label, for at least the flights of the split.
    rounds : int
        Most boosting rounds.
    early_stopping : int, optional
        Stop after this many rounds without a better validation log-loss, and keep the best; None keeps all rounds.
    labels : Series, optional
        1 for late, 0 for not, by row label; default `features.label`.
    **parameters
        XGBoost's own, over `DEFAULTS`.

    Raises
    ------
    UsageError
        `rounds` is not positive, or early stopping could never act.
    DataError
        `inputs` lacks flights of the split.
    """
    import xgboost

    if rounds < 1:
        raise UsageError(f"rounds={rounds} fits nothing", mend="give rounds=1 or more")
    if early_stopping is not None and early_stopping >= rounds:
        raise UsageError(
            f"early stopping after {early_stopping} rounds can never act within {rounds} rounds",
            mend="give more rounds, a smaller early_stopping, or early_stopping=None",
        )
    train, validation = (_rows(inputs, part) for part in (split.train, split.validation))
    encoder = Encoder.fit(train)
    pair = [
        _matrix(encoder, rows, _labels(part, labels))
        for rows, part in ((train, split.train), (validation, split.validation))
    ]
    curve: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        DEFAULTS | parameters,
        pair[0],
        num_boost_round=rounds,
        evals=[(pair[0], "train"), (pair[1], "validation")],
        early_stopping_rounds=early_stopping,
        evals_result=curve,
        verbose_eval=False,
    )
    kept = rounds if early_stopping is None else booster.best_iteration + 1
    metric = next(iter(curve["train"]))
    losses = pd.DataFrame({name: curve[name][metric] for name in ("train", "validation")})
    losses.index = pd.RangeIndex(1, len(losses) + 1, name="rounds")
    booster = booster[:kept]
    scorer = Scorer(booster, encoder, card(split, encoder, kept, DEFAULTS | parameters, losses))
    return Fit(scorer, inputs, losses, kept)


def _rows(inputs: pd.DataFrame, part: pd.DataFrame) -> pd.DataFrame:
    if not part.index.isin(inputs.index).all():
        raise DataError("inputs lack flights of the split", mend="compute the inputs from the same flights")
    return inputs.loc[part.index]


def _labels(part: pd.DataFrame, labels: pd.Series | None) -> np.ndarray:
    late = features.label(part) if labels is None else labels.loc[part.index]
    return late.to_numpy(dtype=np.float32)


def _matrix(encoder: Encoder, rows: pd.DataFrame, late: np.ndarray) -> xgboost.DMatrix:
    import xgboost

    return xgboost.DMatrix(
        encoder.transform(rows),
        label=late,
        feature_names=list(encoder.columns),
        feature_types=encoder.feature_types,
        enable_categorical=True,
    )


# --------------------------------------------------------------------------- baselines


@dataclass(frozen=True)
class Table:
    """A table of late shares: the baseline that anyone can compute and nobody has to deploy.

    Attributes
    ----------
    keys : DataFrame
        The key of every flight, by row label.
    rates : Series
        Share late in training for each key that training saw.
    base_rate : float
        Share late over all training rows: the answer for a key never seen.
    """

    keys: pd.Series
    rates: pd.Series
    base_rate: float

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the share late of each flight's key."""
        return self.keys.loc[rows.index].map(self.rates).fillna(self.base_rate).to_numpy(dtype=float)


def train_table(split: splits.Split, by: Mapping[str, pd.Series] | None = None, *, prior: float = 20.0) -> Table:
    """Average lateness over the training rows that share a key.

    Parameters
    ----------
    split : Split
    by : mapping of str to Series, optional
        The parts of the key, each a value for every flight by row label; none: one rate for all.
    prior : float
        How many flights at the base rate are mixed into each key, so that a key with three flights does not shout.
    """
    late = features.label(split.train)
    base_rate = float(late.mean())
    rows = split.train.index.union(split.validation.index).union(split.test.index)
    keys = pd.Series("all", index=rows)
    for part in (by or {}).values():
        keys = keys + "|" + part.loc[rows].astype(str)
    sums = late.groupby(keys.loc[late.index]).agg(["sum", "count"])
    return Table(keys, (sums["sum"] + prior * base_rate) / (sums["count"] + prior), base_rate)


@dataclass(frozen=True)
class Logistic:
    """A fitted logistic regression: the simplest model that weighs several inputs at once."""

    pipeline: Any
    inputs: pd.DataFrame

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of 'late' for each of the flights in `rows`."""
        return self.pipeline.predict_proba(self.inputs.loc[rows.index])[:, 1]


def train_logistic(split: splits.Split, inputs: pd.DataFrame) -> Logistic:
    """Fit a logistic regression: numbers scaled and cut into steps, categories one-hot, unseen ones ignored."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

    numbers = make_pipeline(
        SimpleImputer(strategy="median"),
        KBinsDiscretizer(12, strategy="uniform", subsample=None),
    )
    encode = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    pipeline = make_pipeline(encode, LogisticRegression(C=1.0, max_iter=200, tol=1e-3))
    pipeline.fit(_rows(inputs, split.train), features.label(split.train))
    return Logistic(pipeline, inputs)


def course_model(flights: pd.DataFrame | None = None, *, horizon: float | None = None) -> Fit:
    """Return the one model of the case: XGBoost on all that is known `horizon` hours ahead, without plane features.

    It is fitted on first use and kept under data/processed, by the content of its data and settings.

    Parameters
    ----------
    flights : DataFrame, optional
        Default: the active data set.
    horizon : float, optional
        Hours before scheduled departure; default ``horizon_hours`` of constants.toml.
    """
    flights = datasets.load_flights() if flights is None else flights
    horizon = tables.read_toml("constants.toml")["horizon_hours"] if horizon is None else horizon
    split = splits.split_by_time(flights)
    inputs = features.as_of(flights, horizon)
    content = [data_hash(flights), data_hash(inputs), horizon, DEFAULTS, environment()]
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    folder = datasets.data_folder() / "processed" / "models" / key
    try:
        scorer = load(folder)
    except ModelError:
        fit = train_xgboost(split, inputs)
        # Two lessons may fit it at the same time: either copy is the right one.
        with contextlib.suppress(OSError):
            save(fit.scorer, folder)
        scorer = fit.scorer
    curve = pd.DataFrame(scorer.card["learning curve"])
    curve.index = pd.RangeIndex(1, len(curve) + 1, name="rounds")
    return Fit(scorer, inputs, curve, scorer.card["rounds"])


def compare(models: Mapping[str, Predictor], rows: pd.DataFrame) -> pd.DataFrame:
    """Score several models on the same flights.

    Returns
    -------
    DataFrame
        One row a model: 'AUC' (ranking, higher is better), 'log-loss' (lower is better) and 'mean score', which
        should be near the share late.
    """
    late = features.label(rows)
    scores = {name: model.predict(rows) for name, model in models.items()}
    table = {
        name: {"AUC": metrics.auc(late, p), "log-loss": metrics.log_loss(late, p), "mean score": float(np.mean(p))}
        for name, p in scores.items()
    }
    return pd.DataFrame(table).T.round(3).rename_axis("model")


# --------------------------------------------------------------------------- the card, and files


def card(
    split: splits.Split, encoder: Encoder, rounds: int, parameters: Mapping[str, Any], curve: pd.DataFrame
) -> dict[str, Any]:
    """Write down what a stranger must know before trusting a model.

    The keys follow Mitchell et al., 'Model Cards for Model Reporting' (2019), as far as a program can fill them.
    """
    late = features.label(split.train)
    return {
        "purpose": "probability that a flight leaves at least "
        f"{tables.read_toml('constants.toml')['late_minutes']} minutes late",
        "not for": "flights of other airports or years than those trained on; deciding about a person",
        "trained on": {
            "data set": str(split.train.attrs.get("dataset", tables.active_dataset())),
            "split": split.name,
            "flights": len(split.train),
            "share late": round(float(late.mean()), 3),
            "data hash": data_hash(split.train),
        },
        "inputs": {
            name: f"one of {len(encoder.categories[name])}" if name in encoder.categories else "number"
            for name in encoder.columns
        },
        "rounds": rounds,
        "parameters": dict(parameters),
        "learning curve": {name: [round(float(loss), 6) for loss in curve[name]] for name in curve},
        "environment": environment(),
    }


def describe(scorer: Scorer) -> pd.DataFrame:
    """Return the part of a model card that a person reads first, as a table of two columns."""
    card = scorer.card
    data = card["trained on"]
    lines = {
        "purpose": card["purpose"],
        "not for": card["not for"],
        "trained on": f"{data['data set']}, {data['flights']:,} flights, {data['share late']:.1%} late",
        "split": data["split"],
        "data hash": data["data hash"],
        "inputs": f"{len(card['inputs'])}, of which {len(scorer.encoder.categories)} categories",
        "rounds": str(card["rounds"]),
        "environment": ", ".join(sorted(card["environment"])) + ": versions recorded",
    }
    return pd.DataFrame({"model card": lines}).rename_axis("about")


def score_elsewhere(scorer: Scorer, rows: pd.DataFrame) -> np.ndarray:
    """Save a scorer, load it in a new Python process and let that process score rows of features.

    Parameters
    ----------
    scorer : Scorer
    rows : DataFrame, shape (rows, features)

    Returns
    -------
    numpy.ndarray of float32, shape (rows,)

    Raises
    ------
    ModelError
        The other process failed; the last line that it said is in the message.
    """
    code = (
        "import sys, numpy, pandas; from course_utils import training;"
        "numpy.save(sys.argv[3], training.load(sys.argv[1]).score(pandas.read_parquet(sys.argv[2])))"
    )
    with tempfile.TemporaryDirectory() as scratch:
        given, answer = Path(scratch) / "rows.parquet", Path(scratch) / "scores.npy"
        rows.to_parquet(given)
        command = [
            sys.executable,
            "-c",
            code,
            fspath(save(scorer, Path(scratch) / "model")),
            fspath(given),
            fspath(answer),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            reason = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise ModelError(
                f"the fresh process could not score: {reason}", mend="compare its environment with the card's"
            )
        return np.load(answer)


def data_hash(rows: pd.DataFrame) -> str:
    """Fingerprint the rows that a model was trained on: equal rows in equal order give equal text."""
    digest = hashlib.sha256(",".join(map(str, rows.columns)).encode())
    plain = rows.astype({name: str for name in rows.columns if isinstance(rows[name].dtype, pd.CategoricalDtype)})
    digest.update(pd.util.hash_pandas_object(plain, index=True).to_numpy().tobytes())
    return digest.hexdigest()[:16]


def environment() -> dict[str, str]:
    """Return the versions that decide what a saved model answers."""
    packages = ("xgboost", "numpy", "pandas")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def save(scorer: Scorer, folder: str | os.PathLike[str]) -> Path:
    """Write a scorer to a folder: whole or not at all.

    Parameters
    ----------
    scorer : Scorer
    folder : path
        Made, or replaced if it holds a saved model.

    Raises
    ------
    UsageError
        `folder` holds something that is no saved model.
    """
    target = Path(folder)
    if target.exists() and any(target.iterdir()) and not (target / CARD_FILE).is_file():
        raise UsageError(f"{target.name} holds something else than a model", mend="name a new folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        model = made / MODEL_FILE
        scorer.booster.save_model(model)
        text = {
            "card": scorer.card,
            "columns": list(scorer.encoder.columns),
            "categories": {name: list(known) for name, known in scorer.encoder.categories.items()},
            "model sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        }
        (made / CARD_FILE).write_text(json.dumps(text, indent=1, sort_keys=True), encoding="utf-8")
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            target.replace(old / "model")
            made.replace(target)
            shutil.rmtree(old)
        else:
            made.replace(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return target


def load(folder: str | os.PathLike[str]) -> Scorer:
    """Read a scorer back; it predicts bit for bit what the saved one did.

    Raises
    ------
    ModelError
        The folder holds no model, a damaged one, or one whose card does not fit it.
    """
    import xgboost

    source = Path(folder)
    if not (source / CARD_FILE).is_file() or not (source / MODEL_FILE).is_file():
        raise ModelError(f"{source.name} holds no saved model", mend="save one there with training.save")
    try:
        text = json.loads((source / CARD_FILE).read_text(encoding="utf-8"))
        encoder = Encoder(tuple(text["columns"]), {name: tuple(known) for name, known in text["categories"].items()})
        stated = text["model sha256"]
    except (ValueError, KeyError) as error:
        raise ModelError(f"the card in {source.name} cannot be read", mend="save the model again") from error
    if hashlib.sha256((source / MODEL_FILE).read_bytes()).hexdigest() != stated:
        raise ModelError(f"the model in {source.name} is not the one its card describes", mend="save the model again")
    booster = xgboost.Booster()
    booster.load_model(source / MODEL_FILE)
    return Scorer(booster, encoder, text["card"])
