"""Log training runs so that they can be found, compared and trained again, bit for bit.

A run is the settings of ``tables/develop/tracking.toml`` on one `TrainingSnapshot`. Its record has the hashes of data,
code, packages and model, and is enough to train the model again in another process.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distributions, version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import dictionary, features, splits
from course_utils.develop.tracking.models import log_model, model_hash
from course_utils.develop.tracking.snapshots import TrainingSnapshot, load_snapshot
from course_utils.develop.tracking.store import quiet_mlflow, store_folder
from course_utils.errors import ModelError, UsageError
from course_utils.model import metrics, training

if TYPE_CHECKING:
    from mlflow.entities import Run

__all__ = [
    "fingerprints",
    "log_run",
    "rebuild",
    "rebuild_here",
    "recorded_facts",
    "run_id",
    "search_runs",
    "train",
]


_SHUFFLED = "past and validation, shuffled"


def log_run(data: TrainingSnapshot, name: str, **changes: Any) -> str:
    """Train one model, log everything needed to find, judge and rebuild it, and return the run's id.

    Parameters
    ----------
    data : TrainingSnapshot
        The data for training and validation.
    name : str
        The run's name; a later run may have the same.
    **changes
        As for the settings of `train`.

    Raises
    ------
    UsageError
        A setting is unknown or has the wrong type.
    """
    import mlflow

    settings = _settings(changes)
    with quiet_mlflow(), mlflow.start_run(run_name=name) as run:
        mlflow.log_input(data.dataset, context="training")
        mlflow.log_params(settings)
        mlflow.set_tags(fingerprints() | {"mlflow.runName": name})
        fit = train(data, settings)
        mlflow.log_metrics(_scores(data, fit))
        mlflow.set_tag("model_sha256", model_hash(fit.scorer))
        log_model(data, [fit.scorer])
    return run.info.run_id


def _settings(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a run: the defaults with some changes, which may be text, as in a run's record."""
    defaults = tables.read_toml("tracking.toml")["settings"]
    unknown = [name for name in changes if name not in defaults]
    if unknown:
        raise UsageError(f"there is no setting {unknown[0]!r}", fix=f"choose from {', '.join(defaults)}")
    settings = dict(defaults)
    for name, value in changes.items():
        kind = type(defaults[name])
        try:
            settings[name] = kind(value)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"{name}={value!r} is not of type {kind.__name__}", fix=f"pass a value such as {defaults[name]!r}"
            ) from error
        if kind is int and settings[name] != float(value):
            raise UsageError(f"{name}={value!r} is not a whole number", fix=f"pass one, such as {defaults[name]!r}")
    return settings


def train(data: TrainingSnapshot, settings: Mapping[str, Any]) -> training.Fit:
    """Return XGBoost fitted with some settings; the same data and settings give the same model, bit for bit.

    Parameters
    ----------
    data : TrainingSnapshot
        The data for training and validation.
    settings : mapping of str to value
        Changes to ``[settings]`` of ``tables/develop/tracking.toml``, the defaults; text is converted.

    Raises
    ------
    UsageError
        A setting is unknown, has the wrong type, or names inputs, rows or labels that do not exist.
    """
    chosen = _settings(settings)
    split, labels = data.split, None
    if chosen["train_on"] == _SHUFFLED:
        both = pd.concat([split.train, split.validation])
        drawn = np.random.default_rng(chosen["seed"]).choice(len(both), size=len(split.train), replace=False)
        split = splits.Split(both.iloc[np.sort(drawn)], split.validation, split.test, f"{split.name}, shuffled")
    elif chosen["train_on"] != "past":
        raise UsageError(f"train_on={chosen['train_on']!r} is unknown", fix=f"choose 'past' or {_SHUFFLED!r}")
    if chosen["labels"] != "as delivered":
        labels = _relabelled(data, chosen["labels"])
    parameters = {name: chosen[name] for name in ("max_depth", "eta", "min_child_weight", "subsample", "seed")}
    # A fixed number of rounds: with early stopping the model would depend on the validation months too.
    inputs = data.rows[data.inputs(chosen["inputs"])]
    return training.train_xgboost(
        split, inputs, rounds=chosen["rounds"], early_stopping=None, labels=labels, **parameters
    )


def _relabelled(data: TrainingSnapshot, how: str) -> pd.Series:
    """Return the labels of a faulty data feed, which reports all training flights of one carrier as on time."""
    carrier = how.removesuffix(" on time")
    late = features.label(data.rows)
    theirs = (data.rows["UniqueCarrier"] == carrier) & (data.rows["part"] == "train")
    if carrier == how or not theirs.any():
        raise UsageError(f"labels={how!r} is unknown", fix="choose 'as delivered', or '<carrier> on time'")
    return late.mask(theirs, 0.0)


def _scores(data: TrainingSnapshot, fit: training.Fit) -> dict[str, float]:
    """Return the metrics of a run, without the test months: those are for the promotion gate."""
    late = features.label(data.split.validation)
    probability = fit.predict(data.split.validation)
    return {
        "train_log_loss": float(fit.curve["train"].iloc[-1]),
        "validation_log_loss": metrics.log_loss(late, probability),
        "validation_auc": metrics.auc(late, probability),
    }


def fingerprints() -> dict[str, str]:
    """Return tags that identify code and environment: hashes of the code and of the lock, and package versions."""
    return {
        "code_sha256": _code_hash(),
        "lock_sha256": _lock_hash(),
        "environment": json.dumps(training.environment() | {"mlflow": version("mlflow")}),
    }


@cache
def _code_hash() -> str:
    """Return the SHA-256 of the code that prepares data and trains."""
    return training.code_hash(dictionary, features, metrics, splits, training, sys.modules[__package__])


@cache
def _lock_hash() -> str:
    """Return the SHA-256 of the lock; if the course was installed without it, of all installed versions."""
    lock = tables.checkout() / "uv.lock"
    if lock.is_file():
        return hashlib.sha256(lock.read_bytes()).hexdigest()
    installed = sorted(f"{one.name}=={one.version}" for one in distributions())
    return hashlib.sha256("\n".join(installed).encode()).hexdigest()


def search_runs(query: str = "") -> pd.DataFrame:
    """Return the runs that match a query.

    Parameters
    ----------
    query : str
        A filter in MLflow's language, such as ``"metrics.validation_log_loss < 0.37 and params.max_depth = '4'"``.
        Default: all runs.

    Returns
    -------
    DataFrame, one row a run
        Columns 'params.…' (text) and 'metrics.…', by the run's name, the earliest first. Of several runs with the
        same name only the latest is there.

    Raises
    ------
    UsageError
        MLflow cannot read the query.
    """
    import mlflow

    try:
        runs = mlflow.search_runs(filter_string=query, order_by=["attributes.start_time ASC"])
    except mlflow.MlflowException as error:
        # After these words MLflow lists a set, in a different order each time.
        reason = str(error).splitlines()[0].partition(" not one of")[0].rstrip(".")
        fix = "use params.name = 'text' or LIKE, metrics.name with = < > and a number, and join conditions with 'and'"
        raise UsageError(f"MLflow cannot read the query: {reason}", fix=fix) from error
    # MLflow's other columns, such as ids and times, differ from run to run.
    kept = sorted(name for name in runs.columns if name.startswith(("params.", "metrics.")))
    names = runs["tags.mlflow.runName"] if len(runs) else []
    table = runs[kept].set_index(pd.Index(names, name="run", dtype=object))
    return table[~table.index.duplicated(keep="last")]


def run_id(name: str) -> str:
    """Return the id of the latest run with a `name`.

    Raises
    ------
    UsageError
        There is no run with that name.
    """
    return _run(name).info.run_id


def _run(name: str) -> Run:
    import mlflow

    runs = mlflow.search_runs(output_format="list", order_by=["attributes.start_time DESC"])
    for run in runs:
        if run.info.run_name == name:
            return run
    known = ", ".join(repr(one) for one in dict.fromkeys(run.info.run_name for run in runs))
    raise UsageError(
        f"there is no run {name!r}", fix=f"choose one of {known}" if known else "log one with tracking.log_run"
    )


def recorded_facts(*names: str) -> pd.DataFrame:
    """Return which facts the records of some runs have, of those needed to rebuild a model.

    Parameters
    ----------
    *names : str
        Names of runs, as for `run_id`.

    Returns
    -------
    DataFrame
        One row for each required fact, one column for each run: 'yes' or 'no'.

    Raises
    ------
    UsageError
        There is no run with that name.
    """
    wanted = tables.read_toml("tracking.toml")["required"]
    known = {name: _facts(_run(name)) for name in names}
    columns = {name: ["yes" if what in known[name] else "no" for what in wanted.values()] for name in names}
    return pd.DataFrame(columns, index=pd.Index(wanted, name="the record has"))


def _facts(run: Run) -> set[str]:
    """Return the required facts that a record has, by their short names in tracking.toml."""
    params, tags = run.data.params, run.data.tags
    found = {
        name
        for name in (*params, *tags)
        if name in ("train_on", "inputs", "code_sha256", "lock_sha256", "model_sha256")
    }
    if run.inputs and run.inputs.dataset_inputs:
        found.add("data")
    if set(tables.read_toml("tracking.toml")["settings"]) <= set(params):
        found.add("settings")
    if run.outputs and run.outputs.model_outputs:
        found.add("signature")
    return found | ({"metrics"} if run.data.metrics else set())


def rebuild(name: str) -> pd.DataFrame:
    """Rebuild a run's model from its record, in a new Python process, and compare the two.

    Parameters
    ----------
    name : str
        The name of a run, as for `run_id`.

    Returns
    -------
    DataFrame
        'as recorded' or 'another' for data, code, packages and model.

    Raises
    ------
    UsageError
        There is no such run, or its record is incomplete.
    ModelError
        The other process failed; the message has the last line of its output.
    """
    run = _run(name)
    absent = [text for text, what in tables.read_toml("tracking.toml")["required"].items() if what not in _facts(run)]
    if absent:
        raise UsageError(
            f"the record of {name!r} lacks {', '.join(absent)}",
            fix="log them during training, as tracking.log_run does",
        )
    imports = "import json, sys; from course_utils.develop import tracking"
    code = f"{imports}; print(json.dumps(tracking.rebuild_here(*sys.argv[1:])))"
    import mlflow

    command = [sys.executable, "-c", code, mlflow.get_tracking_uri(), run.info.run_id]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=store_folder())
    if ended.returncode:
        reason = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError(
            f"the new process could not rebuild {name!r}: {reason}", fix="check that data and store still exist"
        )
    same = json.loads(ended.stdout.strip().splitlines()[-1])
    verdicts = {what: "as recorded" if equal else "another" for what, equal in same.items()}
    return pd.DataFrame({"built again": verdicts}).rename_axis("compared")


def rebuild_here(uri: str, run: str) -> dict[str, bool]:
    """Rebuild a run's model in this process, and return whether data, code, packages and model are as recorded.

    Parameters
    ----------
    uri : str
        The tracking URI of the store, as in ``TrackingStore.uri``.
    run : str
        The run's id, as returned by `run_id`.

    Raises
    ------
    DataError
        The recorded data are missing or changed.
    """
    import mlflow

    mlflow.set_tracking_uri(uri)
    record = mlflow.get_run(run)
    data = load_snapshot(record.inputs.dataset_inputs[0].dataset.digest)
    fit = train(data, record.data.params)
    now = fingerprints()
    same = {name: now[name] == record.data.tags[name] for name in now}
    return {
        "data, by its hash": True,  # `load_snapshot` refuses any other
        "code": same["code_sha256"],
        "packages": same["lock_sha256"] and same["environment"],
        "model, bit for bit": model_hash(fit.scorer) == record.data.tags["model_sha256"],
    }
