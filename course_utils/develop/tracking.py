"""Record each training run so that it can be found, compared and built again: MLflow on SQLite, in a scratch folder.

`open_tracking_store` points MLflow at a folder of its own and puts everything back when it is closed. A run is the settings of
`tables/develop/tracking.toml` on one delivery of flights, a file that is named by its own hash as DVC does it; so the record
alone, in another process, gives the same model, bit for bit.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import datasets, dictionary, features, splits
from course_utils.errors import DataError, ModelError, UsageError
from course_utils.model import metrics, training

if TYPE_CHECKING:
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import Run

__all__ = [
    "EXPERIMENT",
    "Pages",
    "TrackingStore",
    "TrainingSnapshot",
    "deck_commands",
    "deck_log",
    "fingerprints",
    "load_snapshot",
    "log_model",
    "log_run",
    "open_tracking_store",
    "rebuild",
    "rebuild_here",
    "recorded_facts",
    "run_id",
    "run_mlflow_project",
    "save_snapshot",
    "search_runs",
    "train",
    "write_mlflow_project",
]

EXPERIMENT = "flight delays"
_DATA, _STORE, _FILES = "data", "course-runs.db", "artifacts"  # mlflow.db is what MLflow itself would use
_SHUFFLED = "past and validation, shuffled"
_LEAK = "DepTime"
#: Where MLflow looks for what is in force; put back when a store is closed.
_POINTERS = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID")


def _quieten() -> None:
    """Keep MLflow from phoning home and from talking: it reads these when it is first imported."""
    for name, value in tables.read_toml("quiet.toml")["environment"].items():
        if name.startswith(("MLFLOW_", "DO_NOT_")):
            os.environ[name] = value
    talk = {"MLFLOW_LOGGING_LEVEL": "ERROR", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    # A missing `git` is nothing that a reader of this lesson must fix.
    for name, value in {**talk, "GIT_PYTHON_REFRESH": "quiet"}.items():
        os.environ.setdefault(name, value)
    # Its progress bars would like a package that notebooks can do without.
    warnings.filterwarnings("ignore", message="IProgress not found")


_quieten()


# --------------------------------------------------------------------------- the store


class TrackingStore:
    """A tracking store and model registry in a folder of its own; made by `open_tracking_store`.

    Parameters
    ----------
    folder : Path
        An empty folder, which goes when the store is closed or Python ends.

    Attributes
    ----------
    uri : str
        The address that MLflow knows it by.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = f"sqlite:///{(folder / _STORE).as_posix()}"
        self._pages: Pages | None = None
        self._before = {name: os.environ.get(name) for name in _POINTERS}
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._point()

    def _point(self) -> None:
        import mlflow
        from mlflow.tracking import fluent

        # Whatever the reader has in force comes back later, a run of his own among it.
        self._tracking = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
        self._experiment = getattr(fluent, "_active_experiment_id", None)
        os.environ.pop("MLFLOW_RUN_ID", None)
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        with _hushed():
            mlflow.create_experiment(EXPERIMENT, artifact_location=(self.folder / _FILES).as_uri())
            mlflow.set_experiment(EXPERIMENT)

    def __enter__(self) -> TrackingStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"a store of runs and models in a scratch folder, {'open' if self.is_open else 'closed'}"

    @property
    def is_open(self) -> bool:
        """Whether the store is there."""
        return self._remove.alive

    def pages(self, port: int = 5000) -> Pages:
        """Start MLflow's pages for this store, on this machine alone.

        Parameters
        ----------
        port : int
            Where they listen on 127.0.0.1; 0 takes one that is free.

        Raises
        ------
        UsageError
            The port is taken, or the server does not start.
        """
        if self._pages is not None:
            self._pages.stop()
        self._pages = Pages(self.uri, self.folder, port)
        return self._pages

    def close(self) -> None:
        """Stop the pages, put MLflow's settings back and remove the folder; a second time does nothing."""
        if not self.is_open:
            return
        import mlflow
        from mlflow.tracking import fluent

        if self._pages is not None:
            self._pages.stop()
        while mlflow.active_run():
            mlflow.end_run("KILLED")
        mlflow.set_tracking_uri(self._tracking)
        mlflow.set_registry_uri(self._before["MLFLOW_REGISTRY_URI"])
        # There is no public way to say 'no experiment' again.
        fluent._active_experiment_id = self._experiment
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._remove()


_STORES: list[weakref.ref[TrackingStore]] = []


def open_tracking_store() -> TrackingStore:
    """Make a store in a new scratch folder and point MLflow at it; one that is open already is closed.

    Whatever MLflow was pointed at before stays as it is, and is in force again once the store is closed.
    """
    for reference in _STORES:
        if (known := reference()) is not None:
            known.close()
    store = TrackingStore(Path(tempfile.mkdtemp(prefix="course-mlflow-")))
    _STORES[:] = [weakref.ref(store)]
    return store


class Pages:
    """MLflow's pages, served on this machine until they are stopped.

    Parameters
    ----------
    uri : str
        The store's address.
    folder : Path
        Where the server may write.
    port : int
        Where it listens; 0 takes a free one.

    Attributes
    ----------
    address : str
        For the browser.
    """

    def __init__(self, uri: str, folder: Path, port: int) -> None:
        import socket

        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise UsageError(
                    f"port {port} is taken", fix="stop what listens there, or give another port"
                ) from error
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self._log = folder / "pages.log"
        command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--port", str(port)]
        command += ["--host", "127.0.0.1", "--workers", "1"]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
        with self._log.open("w") as log:
            self._server = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=folder, env=os.environ | quiet, start_new_session=True
            )
        self._end = weakref.finalize(self, _stop, self._server)
        self._wait()

    def _wait(self, patience: float = 90) -> None:
        end = time.monotonic() + patience
        while time.monotonic() < end and self._server.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{self.address}/health"):
                return
            time.sleep(0.2)
        said = self._log.read_text(errors="replace").strip().splitlines()
        self.stop()
        raise UsageError(
            f"the pages did not start: {(said or ['no message'])[-1]}", fix="try again, or look at `mlflow ui`"
        )

    def stop(self) -> None:
        """Stop the server and what it started; a second time does nothing."""
        self._end()

    def __repr__(self) -> str:
        return f"MLflow's pages: {self.address} ({'open' if self._end.alive else 'stopped'})"


def _stop(server: subprocess.Popen) -> None:
    """End a server with the whole group of processes that it leads."""
    for how in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(server.pid, how)
            else:
                server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
            if how is not signal.SIGTERM or not hasattr(os, "killpg"):
                return


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep hints to developers out of a lesson's output; what goes wrong is still an error."""
    level = logging.getLogger("mlflow").level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.getLogger("mlflow").setLevel(level)


# --------------------------------------------------------------------------- the data


@dataclass(frozen=True, repr=False)
class TrainingSnapshot:
    """Flights with all that a run needs, in one file that is named by its hash.

    Attributes
    ----------
    file : Path
        Parquet.
    md5 : str
        Of the file, in 32 hexadecimal digits: the name by which DVC would keep it.
    rows : DataFrame
        Inputs, outcomes and 'part' ('train', 'validation' or 'test') by flight.
    facts : mapping
        'groups', the inputs by what they tell of, and 'horizon_hours', for which they were made; they lie in the file.
    """

    file: Path
    md5: str
    rows: pd.DataFrame
    facts: Mapping[str, Any]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part} {len(rows):,}" for part, rows in self.rows.groupby("part", sort=False))
        return f"Delivery({sizes}, known by the hash of its file)"

    @cached_property
    def split(self) -> splits.Split:
        """The three sets of flights."""
        parts = dict(iter(self.rows.groupby("part", sort=False)))
        return splits.Split(parts["train"], parts["validation"], parts["test"], f"delivery {self.md5[:8]}")

    @cached_property
    def dataset(self) -> MetaDataset:
        """The delivery as MLflow records it: name, hash, where it lies and what its columns are."""
        import mlflow
        from mlflow.data.meta_dataset import MetaDataset

        with _hushed():
            source = mlflow.data.from_pandas(self.rows.head(1), source=self.file.as_uri()).source
            # A thousand rows show each type: reading all of them takes seconds.
            schema = mlflow.models.infer_signature(_plain(self.rows.head(1000))).inputs
        return MetaDataset(source, name="flights", digest=self.md5, schema=schema)

    def requests(self, count: int, inputs: str = "all") -> pd.DataFrame:
        """Return the first test flights as another program would send them: inputs alone, texts as plain text.

        Parameters
        ----------
        count : int
            How many.
        inputs : str
            See `inputs`.
        """
        return _plain(self.split.test[self.inputs(inputs)].head(count))

    def inputs(self, name: str) -> list[str]:
        """Return the columns of a set of inputs.

        Parameters
        ----------
        name : {'schedule', 'all', 'deck', 'all + DepTime'}

        Raises
        ------
        UsageError
            There is no such set.
        """
        groups: dict[str, list[str]] = self.facts["groups"]
        known = [column for columns in groups.values() for column in columns]
        sets = {
            "schedule": groups["schedule"] + groups["calendar"] + groups["volume"],
            "all": known,
            "deck": list(features.DECK_COLUMNS),
            f"all + {_LEAK}": [*known, _LEAK],
        }
        if name not in sets:
            raise UsageError(f"there are no inputs {name!r}", fix=f"choose one of {', '.join(sets)}")
        return sets[name]

    def known_hours(self, columns: Sequence[str]) -> float:
        """Return how many hours before departure the last of some columns is known; negative: never in time.

        Parameters
        ----------
        columns : sequence of str
            Raw columns, as the dictionary has them, or features, which are made for one horizon.

        Raises
        ------
        DataError
            A column was not delivered.
        """
        absent = [column for column in columns if column not in self.rows.columns]
        if absent:
            raise DataError("was not delivered", column=absent[0], fix="choose inputs of the delivery")
        known = dictionary.load()["known_hours_before"]
        horizon = self.facts["horizon_hours"]
        return float(min(known.get(column, horizon) for column in columns))


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with texts as plain text, as MLflow's signatures want them, instead of pandas categories."""
    return rows.astype({name: object for name in rows if isinstance(rows[name].dtype, pd.CategoricalDtype)})


def save_snapshot(store: TrackingStore, flights: pd.DataFrame) -> TrainingSnapshot:
    """Draw the lesson's flights, compute what was known of each, and write both to one file named by its hash.

    Parameters
    ----------
    store : Store
        Whose folder keeps the file.
    flights : DataFrame
        The default data set.
    """
    plan = tables.read_toml("tracking.toml")["delivery"]
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
    # Every number as a float, which has room for 'missing'.
    rows = rows.astype({name: float for name in rows if pd.api.types.is_numeric_dtype(rows[name])})
    rows["part"] = np.repeat(list(chosen), [len(labels) for labels in chosen.values()])
    facts = {"horizon_hours": horizon, "groups": features.groups(known)}
    rows.attrs = facts
    scratch = store.folder / "delivery.parquet"
    rows.to_parquet(scratch)
    rows.attrs = {}  # pandas would copy them in each step
    md5 = hashlib.md5(scratch.read_bytes(), usedforsecurity=False).hexdigest()
    target = _file(store.folder, md5)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch.replace(target)
    return TrainingSnapshot(target, md5, rows, facts)


def _file(folder: Path, md5: str) -> Path:
    """Return where a delivery lies: as in DVC's cache, by the first two digits of its hash and the rest."""
    return folder / _DATA / md5[:2] / f"{md5[2:]}.parquet"


def load_snapshot(md5: str | None = None) -> TrainingSnapshot:
    """Read a delivery of the store that MLflow is pointed at, and make sure that it is the one.

    Parameters
    ----------
    md5 : str, optional
        Default: the only one that there is.

    Raises
    ------
    DataError
        It is not there, or its file is not what its name says.
    UsageError
        MLflow is not pointed at a store of the course.
    """
    folder = _folder()
    if md5 is None:
        found = sorted((folder / _DATA).glob("*/*.parquet"))
        if len(found) != 1:
            raise DataError(f"{len(found)} deliveries in the store", fix="name one by its hash")
        md5 = found[0].parent.name + found[0].stem
    file = _file(folder, md5)
    if not file.is_file():
        raise DataError(f"no delivery {md5[:8]}… in the store", fix="bring the data back from where it is kept")
    if hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() != md5:
        raise DataError(f"the delivery {md5[:8]}… has been changed", fix="bring the data back from where it is kept")
    rows = datasets.read_parquet(file)
    facts, rows.attrs = dict(rows.attrs), {}
    return TrainingSnapshot(file, md5, rows, facts)


def _folder() -> Path:
    """Return the folder of the store that MLflow is pointed at."""
    import mlflow

    uri = mlflow.get_tracking_uri()
    if not (uri.startswith("sqlite:///") and uri.endswith(f"/{_STORE}")):
        raise UsageError(
            "MLflow is not pointed at a store of the course", fix="open one with tracking.open_tracking_store()"
        )
    return Path(uri.removeprefix("sqlite:///")).parent


# --------------------------------------------------------------------------- a run


def log_run(data: TrainingSnapshot, name: str, **changes: Any) -> str:
    """Train one model and log all that somebody needs to find, judge and build it again.

    Parameters
    ----------
    data : Delivery
    name : str
        The run's name.
    **changes
        Settings that differ from ``[settings]`` of tracking.toml.

    Returns
    -------
    str
        The run's id.

    Raises
    ------
    UsageError
        A setting is unknown or of the wrong kind.
    """
    import mlflow

    settings = _settings(changes)
    with _hushed(), mlflow.start_run(run_name=name) as run:
        mlflow.log_input(data.dataset, context="training")
        mlflow.log_params(settings)
        mlflow.set_tags(fingerprints() | {"mlflow.runName": name})
        fit = train(data, settings)
        mlflow.log_metrics(_scores(data, fit))
        mlflow.set_tag("model_sha256", _model_hash(fit.scorer))
        log_model(data, [fit.scorer])
    return run.info.run_id


def _settings(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole settings of a run: the usual ones with some changes, which may be the texts of a record."""
    usual = tables.read_toml("tracking.toml")["settings"]
    unknown = [name for name in changes if name not in usual]
    if unknown:
        raise UsageError(f"there is no setting {unknown[0]!r}", fix=f"choose from {', '.join(usual)}")
    settings = dict(usual)
    for name, value in changes.items():
        kind = type(usual[name])
        try:
            settings[name] = kind(value)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"{name}={value!r} is no {kind.__name__}", fix=f"give one, such as {usual[name]!r}"
            ) from error
        if kind is int and settings[name] != float(value):
            raise UsageError(f"{name}={value!r} is no whole number", fix=f"give one, such as {usual[name]!r}")
    return settings


def train(data: TrainingSnapshot, settings: Mapping[str, Any]) -> training.Fit:
    """Fit XGBoost as the settings say; the same data and settings give the same model, bit for bit.

    Parameters
    ----------
    data : Delivery
    settings : mapping
        Changes to ``[settings]`` of tracking.toml, or all of them.

    Raises
    ------
    UsageError
        A setting is unknown, of the wrong kind, or names inputs, rows or labels that there are not.
    """
    asked = _settings(settings)
    split, labels = data.split, None
    if asked["train_on"] == _SHUFFLED:
        both = pd.concat([split.train, split.validation])
        drawn = np.random.default_rng(asked["seed"]).choice(len(both), size=len(split.train), replace=False)
        split = splits.Split(both.iloc[np.sort(drawn)], split.validation, split.test, f"{split.name}, shuffled")
    elif asked["train_on"] != "past":
        raise UsageError(f"train_on={asked['train_on']!r} names no rows", fix=f"choose 'past' or {_SHUFFLED!r}")
    if asked["labels"] != "as delivered":
        labels = _relabelled(data, asked["labels"])
    parameters = {name: asked[name] for name in ("max_depth", "eta", "min_child_weight", "subsample", "seed")}
    inputs = data.rows[data.inputs(asked["inputs"])]
    return training.train_xgboost(
        split, inputs, rounds=asked["rounds"], early_stopping=None, labels=labels, **parameters
    )


def _relabelled(data: TrainingSnapshot, how: str) -> pd.Series:
    """Return the labels that training would get from a feed that calls all flights of one carrier on time."""
    carrier = how.removesuffix(" on time")
    late = features.label(data.rows)
    theirs = (data.rows["UniqueCarrier"] == carrier) & (data.rows["part"] == "train")
    if carrier == how or not theirs.any():
        raise UsageError(f"labels={how!r} names no labels", fix="choose 'as delivered', or '<carrier> on time'")
    return late.mask(theirs, 0.0)


def _scores(data: TrainingSnapshot, fit: training.Fit) -> dict[str, float]:
    """Return what a run logs as metrics: months that judge are not among them."""
    late = features.label(data.split.validation)
    probability = fit.predict(data.split.validation)
    return {
        "train_log_loss": float(fit.curve["train"].iloc[-1]),
        "validation_log_loss": metrics.log_loss(late, probability),
        "validation_auc": metrics.auc(late, probability),
    }


def log_model(data: TrainingSnapshot, scorers: Sequence[training.Scorer]) -> Any:
    """Log a model, or several whose mean is asked for, with the signature of its inputs, to the run that is active.

    Nothing is pickled: MLflow keeps the files of `training.save`, and loads them through this module.

    Parameters
    ----------
    data : Delivery
    scorers : sequence of Scorer
        With the same inputs.

    Returns
    -------
    mlflow ModelInfo
    """
    import mlflow

    columns = list(scorers[0].encoder.columns)
    example = _plain(data.split.train[columns].head(1000))
    signature = mlflow.models.infer_signature(example, scorers[0].score(example))
    needs = [f"{name}=={found}" for name, found in training.environment().items() if name != "python"]
    with _hushed(), tempfile.TemporaryDirectory() as scratch:
        for place, scorer in enumerate(scorers):
            training.save(scorer, Path(scratch) / "model" / f"{place:02d}")
        return mlflow.pyfunc.log_model(
            name="model",
            loader_module=__name__,
            data_path=str(Path(scratch) / "model"),
            signature=signature,
            pip_requirements=needs,
        )


class _Asked:
    """A logged model as MLflow asks it: the mean of its members' probabilities."""

    def __init__(self, members: Sequence[training.Scorer]) -> None:
        self.members = list(members)

    def predict(self, rows: pd.DataFrame, params: Mapping[str, Any] | None = None) -> np.ndarray:
        """Return the probability of 'late' for rows of inputs."""
        return np.mean([member.score(rows) for member in self.members], axis=0, dtype=np.float64)

    def get_raw_model(self) -> _Asked:
        """Return what stands behind MLflow's checks of the signature."""
        return self


def _load_pyfunc(path: str) -> _Asked:
    """Load a logged model; MLflow calls this by its name."""
    members = [training.load(folder) for folder in sorted(Path(path).iterdir())]
    for member in members:
        # One flight is one thread's work: more of them only wait for each other.
        member.booster.set_param({"nthread": 1})
    return _Asked(members)


def fingerprints() -> dict[str, str]:
    """Return what identifies code and environment: hashes of the code that trains and of the lock, and versions."""
    return {
        "code_sha256": _code_hash(),
        "lock_sha256": _lock_hash(),
        "environment": json.dumps(training.environment() | {"mlflow": version("mlflow")}),
    }


@cache
def _code_hash() -> str:
    return training.code_hash(dictionary, features, metrics, splits, training, sys.modules[__name__])


@cache
def _lock_hash() -> str:
    """Fingerprint the lock; where the course was installed without it, all that is installed."""
    lock = tables.checkout() / "uv.lock"
    if lock.is_file():
        return hashlib.sha256(lock.read_bytes()).hexdigest()
    installed = sorted(f"{one.name}=={one.version}" for one in distributions())
    return hashlib.sha256("\n".join(installed).encode()).hexdigest()


def _model_hash(scorer: training.Scorer) -> str:
    """Fingerprint all that decides a score."""
    encoding = json.dumps([scorer.encoder.columns, sorted(scorer.encoder.categories.items())])
    return hashlib.sha256(bytes(scorer.booster.save_raw("ubj")) + encoding.encode()).hexdigest()


# --------------------------------------------------------------------------- asking the records


def search_runs(query: str = "") -> pd.DataFrame:
    """Find runs again.

    Parameters
    ----------
    query : str
        In MLflow's language, such as ``"metrics.validation_log_loss < 0.37 and params.max_depth = '4'"``; all runs
        if empty.

    Returns
    -------
    DataFrame
        One row a run, by its name, in the order in which they were started: 'params.…' (texts) and 'metrics.…'. Of
        runs with one name the latest counts.

    Raises
    ------
    UsageError
        MLflow cannot read the query.
    """
    import mlflow

    try:
        runs = mlflow.search_runs(filter_string=query, order_by=["attributes.start_time ASC"])
    except mlflow.MlflowException as error:
        # What it lists after these words stands in another order each time.
        reason = str(error).splitlines()[0].partition(" not one of")[0].rstrip(".")
        fix = "compare parameters with quoted text by = or LIKE, metrics with numbers by = < >, joined by 'and'"
        raise UsageError(f"MLflow cannot read the query: {reason}", fix=fix) from error
    kept = sorted(name for name in runs.columns if name.startswith(("params.", "metrics.")))
    names = runs["tags.mlflow.runName"] if len(runs) else []
    table = runs[kept].set_index(pd.Index(names, name="run", dtype=object))
    return table[~table.index.duplicated(keep="last")]


def run_id(name: str) -> str:
    """Return the id of the latest run of a name.

    Parameters
    ----------
    name : str

    Raises
    ------
    UsageError
        There is none.
    """
    return _run(name).info.run_id


def _run(name: str) -> Run:
    import mlflow

    runs = mlflow.search_runs(output_format="list", order_by=["attributes.start_time DESC"])
    for run in runs:
        if run.info.run_name == name:
            return run
    known = ", ".join(repr(one) for one in dict.fromkeys(run.info.run_name for run in runs))
    raise UsageError(f"there is no run {name!r}", fix=f"choose one of {known}" if known else "log one first")


def recorded_facts(*names: str) -> pd.DataFrame:
    """Say which of the things that a record needs some runs have.

    Parameters
    ----------
    *names : str
        Names of runs.

    Returns
    -------
    DataFrame
        One row for each thing, one column for each run: 'yes' or 'no'.

    Raises
    ------
    UsageError
        There is no run of that name.
    """
    wanted = tables.read_toml("tracking.toml")["required"]
    held = {name: _held(_run(name)) for name in names}
    columns = {name: ["yes" if what in held[name] else "no" for what in wanted.values()] for name in names}
    return pd.DataFrame(columns, index=pd.Index(wanted, name="the record has"))


def _held(run: Run) -> set[str]:
    """List what a record has of the things that are required."""
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
    """Build a run's model again from its record alone, in a new Python process, and compare.

    Parameters
    ----------
    name : str
        The run's name.

    Returns
    -------
    DataFrame
        For each thing that was compared, 'as recorded' or 'another'.

    Raises
    ------
    UsageError
        There is no such run, or its record does not say enough.
    ModelError
        The other process failed; the last line that it said is in the message.
    """
    run = _run(name)
    absent = [text for text, what in tables.read_toml("tracking.toml")["required"].items() if what not in _held(run)]
    if absent:
        raise UsageError(
            f"the record of {name!r} lacks {', '.join(absent)}", fix="log them while training: tracking.log_run"
        )
    code = "import sys, json; from course_utils.develop import tracking; print(json.dumps(tracking.rebuild_here(*sys.argv[1:])))"
    import mlflow

    command = [sys.executable, "-c", code, mlflow.get_tracking_uri(), run.info.run_id]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_folder())
    if ended.returncode:
        reason = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError(
            f"the other process could not build {name!r}: {reason}", fix="see which part of the record is gone"
        )
    same = json.loads(ended.stdout.strip().splitlines()[-1])
    verdicts = {what: "as recorded" if equal else "another" for what, equal in same.items()}
    return pd.DataFrame({"built again": verdicts}).rename_axis("compared")


def rebuild_here(uri: str, run: str) -> dict[str, bool]:
    """Build a run's model again in this process, and say what is as recorded: data, code, packages and model.

    Parameters
    ----------
    uri : str
        The store's address.
    run : str
        The run's id.

    Raises
    ------
    DataError
        The data that the record names is gone or changed.
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
        "model, bit for bit": _model_hash(fit.scorer) == record.data.tags["model_sha256"],
    }


# --------------------------------------------------------------------------- the deck's log


def deck_log() -> dict[str, Any]:
    """Return what the deck's governance run logged, in its own words and order: all of it as parameters."""
    return dict(tables.read_toml("tracking.toml")["deck_log"])


def deck_commands() -> pd.DataFrame:
    """Return the commands that the deck lists, and what became of each.

    Returns
    -------
    DataFrame
        'command in 2018', 'what it did', 'today (2026)' (empty where it is gone) and 'what became of it'.
    """
    return tables.read_csv("mlflow_commands.csv", keep_default_na=False).set_index("command in 2018")


# --------------------------------------------------------------------------- a packaged project


def write_mlflow_project(store: TrackingStore) -> dict[str, str]:
    """Write the project that ``mlflow run`` can run to the store's folder.

    Parameters
    ----------
    store : Store

    Returns
    -------
    dict of str to str
        File names and their texts.
    """
    files = {name: text.lstrip("\n") for name, text in tables.read_toml("tracking.toml")["project"].items()}
    folder = store.folder / "project"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return files


def run_mlflow_project(store: TrackingStore, **parameters: Any) -> pd.DataFrame:
    """Run the packaged project as anybody would, with ``mlflow run``, in this environment and without a network.

    Parameters
    ----------
    store : Store
        Whose folder holds the project, and which takes the run.
    **parameters
        Of the project's entry point.

    Returns
    -------
    DataFrame
        The run that was logged, as from `search_runs`.

    Raises
    ------
    ModelError
        The command failed; the last line that it said is in the message.
    """
    command = [sys.executable, "-m", "mlflow", "run", str(store.folder / "project"), "--env-manager", "local"]
    command += ["--experiment-name", EXPERIMENT]
    for name, value in parameters.items():
        command += ["-P", f"{name}={value}"]
    # `python` of the project is this Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {name: value for name, value in os.environ.items() if name not in _POINTERS}
    environment |= {"PATH": path, "MLFLOW_TRACKING_URI": store.uri, "MLFLOW_REGISTRY_URI": store.uri}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=store.folder, env=environment)
    if ended.returncode:
        reason = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError(f"mlflow run failed: {reason}", fix="read what the project's command needs")
    return search_runs("attributes.run_name = 'from the project'").tail(1)
