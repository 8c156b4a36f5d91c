"""Fit, save, load and ask the models of the case.

`Scorer` is the only road from rows to a probability: batch scoring, the served model and explanations all take it, so
a row has one score wherever it is computed. Whatever is fitted here answers ``predict(rows)`` with the probability
that each flight leaves late, so that a table of rates and a boosted forest can stand side by side.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from numbers import Number
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import datasets, features, splits
from course_utils.errors import CourseError, DataError, ModelError, UsageError
from course_utils.model import metrics

if TYPE_CHECKING:
    import xgboost

__all__ = [
    "CARD_FILE",
    "DEFAULTS",
    "MODEL_FILE",
    "Encoder",
    "Fit",
    "Logistic",
    "Predictor",
    "RateTable",
    "Scorer",
    "best_rounds",
    "compare",
    "course_model",
    "data_hash",
    "deck_run",
    "describe",
    "environment",
    "load",
    "model_card",
    "save",
    "score_in_new_process",
    "shuffle_labels",
    "train_logistic",
    "train_rate_table",
    "train_xgboost",
]

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
_FILES = (MODEL_FILE, CARD_FILE)


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
        """Learn columns and categories from the training rows.

        Parameters
        ----------
        rows : DataFrame
            Features, those of training flights only.
        """
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

        Parameters
        ----------
        rows : DataFrame
            Features, as in training or more, in any order.

        Returns
        -------
        numpy.ndarray of float32, shape (rows, columns)
            Missing and unseen values are NaN.

        Raises
        ------
        DataError
            A column is absent, or holds text where a number belongs.
        """
        self._check(rows)
        matrix = np.empty((len(rows), len(self.columns)), dtype=np.float32)
        for place, name in enumerate(self.columns):
            if name in self.categories:
                matrix[:, place] = self._codes(rows[name], self.categories[name])
            else:
                matrix[:, place] = _numbers(rows[name], name)
        return matrix

    def _check(self, rows: pd.DataFrame) -> None:
        absent = [name for name in self.columns if name not in rows.columns]
        if absent:
            raise DataError(
                "the model needs this column", column=absent[0], fix="compute the features with features.as_of"
            )

    @staticmethod
    def _codes(values: pd.Series, known: tuple[str, ...]) -> np.ndarray:
        place_of = {value: float(place) for place, value in enumerate(known)}
        if isinstance(values.dtype, pd.CategoricalDtype):
            # A few hundred categories are looked up instead of every row.
            of_category = [place_of.get(str(value), np.nan) for value in values.cat.categories]
            return np.append(np.array(of_category, dtype=np.float32), np.float32(np.nan))[values.cat.codes]
        codes = values.map(lambda value: place_of.get(str(value)), na_action="ignore")
        return codes.to_numpy(dtype=np.float32, na_value=np.nan)

    def unseen(self, rows: pd.DataFrame) -> pd.Series:
        """Count, for each categorical feature, the rows whose value training never saw.

        Parameters
        ----------
        rows : DataFrame
            Features, as in training or more.

        Raises
        ------
        DataError
            A column is absent.
        """
        self._check(rows)
        counts = {
            name: int((rows[name].notna() & ~rows[name].astype(str).isin(known)).sum())
            for name, known in self.categories.items()
        }
        return pd.Series(counts, name="rows with an unseen value", dtype=int)


def _numbers(values: pd.Series, name: str) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(values):
        # numpy would read '3.5' as a number, and a date as one too.
        wrong = np.array([not (isinstance(value, Number | np.bool_) or pd.isna(value)) for value in values], dtype=bool)
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"holds {values.iloc[row]!r} where a number belongs", column=name, row=row, fix="send numbers"
            )
    return values.to_numpy(dtype=np.float32, na_value=np.nan)


@dataclass(frozen=True)
class Scorer:
    """The only road from rows to a probability: load once, then score many rows or one.

    Attributes
    ----------
    booster : xgboost.Booster
    encoder : Encoder
        Fitted on the training rows.
    card : dict
        The model card; see `model_card`.
    """

    booster: xgboost.Booster
    encoder: Encoder
    card: dict[str, Any] = field(default_factory=dict)

    def score(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of 'late', float32, shape (rows,).

        Parameters
        ----------
        rows : DataFrame
            Features, one row a flight.

        Raises
        ------
        DataError
            A column is absent, or holds text where a number belongs.
        """
        return self.booster.inplace_predict(self.encoder.transform(rows))

    def score_one(self, row: Mapping[str, Any]) -> float:
        """Return the probability of 'late' for one flight given as a mapping of feature to value.

        Parameters
        ----------
        row : mapping of str to value
            Features; None or NaN where a value is missing.

        Raises
        ------
        DataError
            A column is absent, or holds text where a number belongs.
        """
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
        """Return the probability of 'late' for each of the flights in `rows`.

        Raises
        ------
        DataError
            A flight has no row in the inputs.
        """
        return self.scorer.score(_rows(self.inputs, rows))

    def __repr__(self) -> str:
        return f"XGBoost, {self.rounds} rounds, {self.inputs.shape[1]} inputs"


def train_xgboost(
    split: splits.Split,
    inputs: pd.DataFrame,
    *,
    rounds: int = 300,
    early_stopping: int | None = 20,
    labels: pd.Series | None = None,
    watch_test: bool = False,
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
    watch_test : bool
        Add the test rows' loss to the curve, to look at afterwards; it never decides when to stop.
    **parameters
        XGBoost's own, over `DEFAULTS`.

    Raises
    ------
    UsageError
        `rounds` is not positive, early stopping could never act or would act at once, or XGBoost does not know a
        parameter or refuses its value.
    DataError
        `inputs` or `labels` lack flights of the split, or have one twice; or a training flight has no label.
    """
    if rounds < 1:
        raise UsageError(f"rounds={rounds} fits nothing", fix="give rounds=1 or more")
    if early_stopping is not None and early_stopping < 1:
        raise UsageError(
            f"early_stopping={early_stopping} stops before the first round", fix="give 1 or more, or None for never"
        )
    if early_stopping is not None and early_stopping >= rounds:
        raise UsageError(
            f"early stopping after {early_stopping} rounds can never act within {rounds} rounds",
            fix="give more rounds, a smaller early_stopping, or early_stopping=None",
        )
    # Early stopping listens to the last of them, which is why validation stands there.
    watched = ("train", *(["test"] if watch_test else []), "validation")
    encoder = Encoder.fit(_rows(inputs, split.train))
    matrices = {
        name: _matrix(encoder, _rows(inputs, part), _labels(part, labels))
        for name, part in ((name, getattr(split, name)) for name in watched)
    }
    booster, curve = _boost(matrices, DEFAULTS | parameters, rounds, early_stopping)
    kept = rounds if early_stopping is None else booster.best_iteration + 1
    metric = next(iter(curve["train"]))
    losses = pd.DataFrame({name: curve[name][metric] for name in ("train", "validation", "test") if name in watched})
    losses.index = pd.RangeIndex(1, len(losses) + 1, name="rounds")
    booster = booster[:kept]
    scorer = Scorer(booster, encoder, model_card(split, encoder, kept, DEFAULTS | parameters, losses))
    return Fit(scorer, inputs, losses, kept)


def _boost(
    matrices: Mapping[str, xgboost.DMatrix],
    parameters: dict[str, Any],
    rounds: int,
    early_stopping: int | None,
) -> tuple[xgboost.Booster, dict[str, dict[str, list[float]]]]:
    """Fit; what XGBoost refuses or passes over is an error that names it."""
    import xgboost

    fix = "see https://xgboost.readthedocs.io/en/stable/parameter.html for names and values"
    curve: dict[str, dict[str, list[float]]] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            booster = xgboost.train(
                parameters,
                matrices["train"],
                num_boost_round=rounds,
                evals=[(matrix, name) for name, matrix in matrices.items()],
                early_stopping_rounds=early_stopping,
                evals_result=curve,
                verbose_eval=False,
            )
        except xgboost.core.XGBoostError as error:
            reason = re.sub(r"^\[.*?\] \S+: ", "", str(error).splitlines()[0])
            raise UsageError(f"XGBoost refuses: {reason}", fix=fix) from error
    for warning in caught:
        unused = re.search(r"Parameters: \{(.*)\} are not used", str(warning.message))
        if unused:
            raise UsageError(f"XGBoost has no use for {unused[1].strip()}", fix=fix)
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return booster, curve


def _rows(values: Any, part: pd.DataFrame, what: str = "inputs") -> Any:
    """Return the rows of a frame or series that belong to some flights, each just once."""
    if not values.index.is_unique:
        raise DataError(f"{what} have a flight twice", fix="keep one row for each label")
    if not part.index.isin(values.index).all():
        absent = part.index[~part.index.isin(values.index)][0]
        raise DataError(f"{what} lack flight {absent}", fix=f"compute the {what} from the same flights")
    return values.loc[part.index]


def _labels(part: pd.DataFrame, labels: pd.Series | None) -> np.ndarray:
    late = features.label(part) if labels is None else _rows(labels, part, "labels")
    if late.isna().any():
        raise DataError(f"flight {late.index[late.isna()][0]} has no label", fix="leave out flights that did not leave")
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
class RateTable:
    """A table of late shares: the baseline that anyone can compute and nobody has to deploy.

    Attributes
    ----------
    keys : Series
        The key of every flight of the split, by row label.
    rates : Series
        Share late in training for each key that training saw.
    base_rate : float
        Share late over all training rows: the answer for a key never seen.
    """

    keys: pd.Series
    rates: pd.Series
    base_rate: float

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the share late of each flight's key.

        Parameters
        ----------
        rows : DataFrame
            Flights of the split.

        Raises
        ------
        DataError
            A flight is not of the split.
        """
        return _rows(self.keys, rows, "keys").map(self.rates).fillna(self.base_rate).to_numpy(dtype=float)


def train_rate_table(
    split: splits.Split, by: Mapping[str, pd.Series] | None = None, *, prior: float = 20.0
) -> RateTable:
    """Average lateness over the training rows that share a key.

    Parameters
    ----------
    split : Split
    by : mapping of str to Series, optional
        The parts of the key, each a value for every flight by row label; none: one rate for all.
    prior : float
        How many flights at the base rate are mixed into each key, so that a key with three flights does not shout.

    Raises
    ------
    UsageError
        `prior` is negative.
    DataError
        A part of the key lacks flights of the split.
    """
    if not prior >= 0:
        raise UsageError(f"prior={prior} takes flights away", fix="give 0 or more")
    late = features.label(split.train)
    base_rate = float(late.mean())
    rows = split.train.index.union(split.validation.index).union(split.test.index)
    keys = pd.Series("all", index=rows)
    for name, part in (by or {}).items():
        keys = keys + "|" + _rows(part, keys.to_frame(), f"values of {name!r}").astype(str)
    sums = late.groupby(keys.loc[late.index]).agg(["sum", "count"])
    return RateTable(keys, (sums["sum"] + prior * base_rate) / (sums["count"] + prior), base_rate)


@dataclass(frozen=True)
class Logistic:
    """A fitted logistic regression: the simplest model that weighs several inputs at once.

    Attributes
    ----------
    pipeline : sklearn.pipeline.Pipeline
        From features to probabilities.
    inputs : DataFrame
        The features of all flights, by row label.
    """

    pipeline: Any
    inputs: pd.DataFrame

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of 'late' for each of the flights in `rows`.

        Raises
        ------
        DataError
            A flight has no row in the inputs.
        """
        return self.pipeline.predict_proba(_rows(self.inputs, rows))[:, 1]


def train_logistic(split: splits.Split, inputs: pd.DataFrame) -> Logistic:
    """Fit a logistic regression: numbers cut into twelve steps, categories one-hot, unseen ones ignored.

    Parameters
    ----------
    split : Split
    inputs : DataFrame, shape (flights, features)
        Features by row label, for at least the flights of the split.

    Raises
    ------
    DataError
        `inputs` lacks flights of the split, or has one twice.
    """
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

    It is fitted on first use and kept under data/processed, by the content of all that decides it: flights, features,
    labels, settings, this code and the versions of what it runs on.

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
    labels = pd.concat([features.label(part) for part in (split.train, split.validation)]).to_frame()
    content = [data_hash(flights), data_hash(inputs), data_hash(labels), split.name, DEFAULTS, environment(), _code()]
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    folder = datasets.data_folder() / "processed" / "models" / key
    try:
        scorer = load(folder)
    except ModelError:
        fit = train_xgboost(split, inputs)
        # What cannot be kept is fitted again next time.
        with contextlib.suppress(OSError, CourseError):
            save(fit.scorer, folder)
        scorer = fit.scorer
    curve = pd.DataFrame(scorer.card["learning curve"])
    curve.index = pd.RangeIndex(1, len(curve) + 1, name="rounds")
    return Fit(scorer, inputs, curve, scorer.card["rounds"])


def _code() -> str:
    """Fingerprint the code that fits: how rows are encoded, and with how many rounds."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


def shuffle_labels(split: splits.Split, seed: int = 0) -> pd.Series:
    """Shuffle the training flights' labels among them, and leave those of validation and test as they are.

    Parameters
    ----------
    split : Split
    seed : int
        Same seed, same order.

    Returns
    -------
    Series of float
        1 late, 0 not, by row label; to be passed to `train_xgboost` as ``labels``.
    """
    mixed = features.label(split.train)
    mixed[:] = np.random.default_rng(seed).permutation(mixed.to_numpy())
    return pd.concat([mixed, features.label(split.validation), features.label(split.test)])


def best_rounds(curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Say where each learning curve was best, and where it ended.

    Parameters
    ----------
    curves : mapping of str to DataFrame
        See `Fit.curve`.

    Returns
    -------
    DataFrame, one row a curve
        'best round', 'train' and 'validation' loss there, and 'validation at the end'.
    """
    rows = {}
    for name, curve in curves.items():
        best = curve["validation"].idxmin()
        at = curve.loc[best].round(3)
        last = round(float(curve["validation"].iloc[-1]), 3)
        rows[name] = {
            "best round": int(best), "train": at["train"], "validation": at["validation"], "validation at the end": last
        }  # fmt: skip
    return pd.DataFrame(rows).T.astype({"best round": int}).rename_axis("model")


def compare(models: Mapping[str, Predictor], rows: pd.DataFrame) -> pd.DataFrame:
    """Score several models on the same flights.

    Parameters
    ----------
    models : mapping of str to Predictor
    rows : DataFrame
        Flights that left; both late and on-time ones are needed.

    Returns
    -------
    DataFrame
        One row a model: 'AUC' (ranking, higher is better), 'log-loss' (lower is better) and 'mean score', which
        should be near the share late.

    Raises
    ------
    DataError
        A flight has no label or no inputs, or all of them were late, or none.
    """
    late = features.label(rows)
    scores = {name: model.predict(rows) for name, model in models.items()}
    table = {
        name: {"AUC": metrics.auc(late, p), "log-loss": metrics.log_loss(late, p), "mean score": float(np.mean(p))}
        for name, p in scores.items()
    }
    return pd.DataFrame(table).T.round(3).rename_axis("model")


# --------------------------------------------------------------------------- the card, and files


def deck_run(name: str) -> pd.Series:
    """Return what the deck printed of one of its own XGBoost runs.

    Parameters
    ----------
    name : {'dvc', 'static', 'governance'}

    Returns
    -------
    Series of object
        The run's numbers by name, the four cells of its matrix among them (`metrics.CELLS`).

    Raises
    ------
    UsageError
        The deck has no such run.
    """
    table = tables.read_toml("deck.toml")
    runs = [key for key, run in table.items() if "matrix" in run]
    if name not in runs:
        raise UsageError(f"the deck has no run {name!r}", fix=f"choose one of {', '.join(runs)}")
    run = {key: value for key, value in table[name].items() if isinstance(value, int | float)}
    return pd.Series(run | table[name]["matrix"], name=table[name].get("title", name), dtype=object)


def model_card(
    split: splits.Split, encoder: Encoder, rounds: int, parameters: Mapping[str, Any], curve: pd.DataFrame
) -> dict[str, Any]:
    """Write down what a stranger must know before trusting a model.

    The keys follow Mitchell et al., 'Model Cards for Model Reporting' (2019), as far as a program can fill them.

    Parameters
    ----------
    split : Split
        What the model was trained and stopped on.
    encoder : Encoder
    rounds : int
        The boosting rounds kept.
    parameters : mapping
        XGBoost's own.
    curve : DataFrame
        See `Fit`.
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
    """Return the part of a model card that a person reads first, as a table of one column.

    Parameters
    ----------
    scorer : Scorer

    Raises
    ------
    ModelError
        The scorer has no card.
    """
    card = scorer.card
    if "trained on" not in card:
        raise ModelError("the model has no card", fix="fit it with training.train_xgboost, which writes one")
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


def score_in_new_process(scorer: Scorer, rows: pd.DataFrame) -> np.ndarray:
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
        "import sys, numpy; from course_utils.data import datasets; from course_utils.model import training;"
        "numpy.save(sys.argv[3], training.load(sys.argv[1]).score(datasets.read_parquet(sys.argv[2])))"
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
                f"the fresh process could not score: {reason}", fix="compare its environment with the card's"
            )
        return np.load(answer)


def data_hash(rows: pd.DataFrame) -> str:
    """Fingerprint a table: equal rows in equal order give equal text.

    Parameters
    ----------
    rows : DataFrame
        Values, row labels and column names count; whether texts are stored as categories does not.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256(json.dumps([str(name) for name in rows.columns]).encode())
    # As objects, not as str: a missing value is no text 'nan'.
    plain = rows.astype({name: object for name in rows.columns if isinstance(rows[name].dtype, pd.CategoricalDtype)})
    digest.update(pd.util.hash_pandas_object(plain, index=True).to_numpy().tobytes())
    return digest.hexdigest()[:16]


def environment() -> dict[str, str]:
    """Return the versions that decide what a saved model answers."""
    packages = ("xgboost", "numpy", "pandas")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def save(scorer: Scorer, folder: str | os.PathLike[str]) -> Path:
    """Write a scorer to a folder: whole or not at all.

    The folder is made under another name and then renamed, so that a reader finds the old model, the new one or, in
    the moment between, none; never half of one.

    Parameters
    ----------
    scorer : Scorer
    folder : path
        Made, or replaced if it holds a saved model and nothing else.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        `folder` is a file, or holds something that is no saved model.
    """
    target = Path(folder)
    foreign = _foreign(target)
    if foreign:
        raise UsageError(f"{target.name} holds {foreign[0]}, which is no saved model", fix="name a new folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        made = scratch / "new"
        made.mkdir()
        scorer.booster.save_model(made / MODEL_FILE)
        encoding = {
            "columns": list(scorer.encoder.columns),
            "categories": {name: list(known) for name, known in scorer.encoder.categories.items()},
        }
        stamp = _stamp((made / MODEL_FILE).read_bytes(), encoding)
        text = {"card": scorer.card, "encoding": encoding, "sha256": stamp}
        (made / CARD_FILE).write_text(json.dumps(text, indent=1, default=_as_json), encoding="utf-8")
        _put(made, target, scratch / "old")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _foreign(folder: Path) -> list[str]:
    """Name what lies in a folder and is no part of a saved model."""
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.name not in _FILES)
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise UsageError(f"{folder.name} is a file", fix="name a new folder") from error


#: What a system answers when a folder is renamed onto one that is full: another process was faster.
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES)


def _put(made: Path, target: Path, aside: Path) -> None:
    """Rename a finished folder, in place of one that is there already; put that back if it does not work."""
    for attempt in range(30):
        try:
            with contextlib.suppress(FileNotFoundError):
                target.replace(aside)
            made.replace(target)
            return
        except BaseException as error:
            with contextlib.suppress(OSError):  # there was none, or another process has put its own there
                aside.replace(target)
            if not isinstance(error, OSError) or error.errno not in _TAKEN or attempt == 29:
                raise
            shutil.rmtree(aside, ignore_errors=True)
            time.sleep(0.001 * attempt)


def _stamp(model: bytes, encoding: Mapping[str, Any]) -> str:
    """Fingerprint all that decides a score."""
    return hashlib.sha256(model + json.dumps(encoding).encode()).hexdigest()


def _as_json(value: Any) -> Any:
    """Write numpy's numbers as numbers, and anything else that JSON does not know as text."""
    return value.item() if isinstance(value, np.generic) else str(value)


def load(folder: str | os.PathLike[str]) -> Scorer:
    """Read a scorer back; it predicts bit for bit what the saved one did.

    Parameters
    ----------
    folder : path
        As given to `save`.

    Raises
    ------
    ModelError
        The folder holds no model, a damaged one, or one whose card does not fit it.
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
    if _stamp(model, encoding) != stated:
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
    booster.set_param({"nthread": DEFAULTS["nthread"]})  # not saved with it; on busy cores many threads are slow
    return Scorer(booster, encoder, card)
