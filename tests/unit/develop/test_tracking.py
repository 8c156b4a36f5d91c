"""Runs that can be found, compared and rebuilt."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from course_utils import tables
from course_utils.data import features
from course_utils.errors import DataError, ModelError, UsageError
from course_utils.model import metrics

mlflow = pytest.importorskip("mlflow", reason="the tracking group is not installed")
from course_utils.develop import tracking  # noqa: E402 (it needs MLflow)
from course_utils.develop.tracking.models import MeanModel, model_hash  # noqa: E402
from course_utils.develop.tracking.snapshots import plain_text  # noqa: E402
from course_utils.develop.tracking.store import quiet_mlflow, store_folder  # noqa: E402

pytestmark = pytest.mark.slow  # MLflow and its stores: seconds to begin with

FEW = {"rounds": 3, "max_depth": 2}


@pytest.fixture(scope="module")
def store():
    """Open one store for the tests of this file."""
    with tracking.open_tracking_store() as opened:
        yield opened


@pytest.fixture(scope="module")
def data(store, flights):
    """Save the lesson's snapshot once."""
    return tracking.save_snapshot(store, flights)


@pytest.fixture(scope="module")
def logged(data):
    """Log one run, and return its record."""
    return mlflow.get_run(tracking.log_run(data, "one", **FEW))


# --------------------------------------------------------------------------- the record


def test_settings_are_parameters_and_scores_are_metrics(logged, data):
    """Scores are logged as numbers, by which a run can be found, and each setting as a parameter."""
    usual = tables.read_toml("tracking.toml")["settings"]
    assert logged.data.params == {name: str(value) for name, value in {**usual, **FEW}.items()}
    assert set(logged.data.metrics) == {"train_log_loss", "validation_log_loss", "validation_auc"}
    scorer = tracking.train(data, FEW)
    late = features.label(data.split.validation)
    assert logged.data.metrics["validation_auc"] == metrics.auc(late, scorer.predict(data.split.validation))


def test_a_record_names_data_code_packages_and_model_by_hash(logged, data):
    """The record of a run identifies its data, code, packages and model."""
    dataset = logged.inputs.dataset_inputs[0].dataset
    assert dataset.digest == data.md5 == data.file.parent.name + data.file.stem
    assert "DepDelay" in dataset.schema
    for name in ("code_sha256", "lock_sha256", "model_sha256"):
        assert len(logged.data.tags[name]) == 64
    assert tracking.fingerprints().items() <= logged.data.tags.items()
    assert {"python", "xgboost", "mlflow"} <= set(json.loads(logged.data.tags["environment"]))


def test_the_logged_model_scores_as_the_fitted_one_and_knows_its_inputs(logged, data):
    """A model loaded from the store gives the same probabilities, and names a missing column."""
    model = mlflow.pyfunc.load_model(f"models:/{logged.outputs.model_outputs[0].model_id}")
    rows = data.requests(50)
    assert (model.predict(rows) == tracking.train(data, FEW).predict(data.split.test.head(50))).all()
    with pytest.raises(mlflow.MlflowException, match="UniqueCarrier"):
        model.predict(rows.drop(columns="UniqueCarrier"))


def test_several_models_are_logged_as_one_that_gives_their_mean(data):
    """Several models logged as one predict the mean of their probabilities."""
    members = [tracking.train(data, {**FEW, "seed": seed, "subsample": 0.5}).scorer for seed in (0, 1)]
    with mlflow.start_run(run_name="pair"):
        logged = tracking.log_model(data, members)
    rows = data.requests(50)
    one, other = (member.score(rows) for member in members)
    assert (one != other).any()
    assert mlflow.pyfunc.load_model(logged.model_uri).predict(rows) == pytest.approx((one + other) / 2)


def test_the_decks_log_has_the_figures_of_its_slides():
    """The log is the deck's: its counts and scores are those in the table of the deck's figures."""
    log, deck = tracking.deck_log(), tables.read_toml("deck.toml")["governance"]
    assert {name: log[name] for name in deck["logged"]} == deck["logged"]
    assert round(log["AUC"], 4) == deck["called_auc"]
    assert round(100 * log["accuracy"], 2) == deck["accuracy"]
    assert log["accuracy"] == pytest.approx((log["TP"] + log["TN"]) / sum(deck["logged"].values()))


def test_a_model_is_identified_by_trees_and_encoding(data):
    """The same settings give a model with the same hash, and another seed a different one."""
    scorer = tracking.train(data, FEW).scorer
    assert model_hash(scorer) == model_hash(tracking.train(data, FEW).scorer)
    assert model_hash(scorer) != model_hash(tracking.train(data, {**FEW, "seed": 1}).scorer)
    rows = data.requests(5)
    assert (MeanModel([scorer]).predict(rows) == scorer.score(rows)).all()


# --------------------------------------------------------------------------- asking


def test_runs_are_found_by_number_and_text(logged):
    """Runs are found by a range of a metric and by the text of a parameter."""
    assert list(tracking.search_runs("metrics.validation_auc > 0.5 and params.max_depth = '2'").index) == ["one"]
    nothing = tracking.search_runs("metrics.validation_auc > 1")
    assert (len(nothing), nothing.index.name) == (0, "run")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("params.max_depth > '2'", "Invalid comparator '>'"),
        ("params.max_depth = 2", "quoted string"),
        ("metrics.validation_auc > '0.5'", "numeric value"),
        ("params.max_depth = '2' or params.eta = '0.1'", "Invalid clause"),
    ],
)
def test_a_query_that_cannot_be_read_says_why_in_one_line_that_stays_the_same(logged, query, says):
    """A wrong query is refused with a reason that is the same each time."""
    with pytest.raises(UsageError, match=says) as caught:
        tracking.search_runs(query)
    assert "{" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_used_twice_means_the_latest_run(data):
    """After I run a cell twice, I find only the new run."""
    for depth in (2, 3):
        tracking.log_run(data, "twice", rounds=2, max_depth=depth)
    assert tracking.search_runs("attributes.run_name = 'twice'")["params.max_depth"].to_dict() == {"twice": "3"}
    assert mlflow.get_run(tracking.run_id("twice")).data.params["max_depth"] == "3"
    with pytest.raises(UsageError, match=r"no run 'once'.*'twice'"):
        tracking.run_id("once")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"depth": 3}, r"no setting 'depth'.*max_depth"),
        ({"max_depth": "deep"}, "not of type int"),
        ({"rounds": 2.5}, "not a whole number"),
        ({"inputs": "everything"}, r"no set of inputs 'everything'.*schedule"),
        ({"train_on": "future"}, "train_on='future' is unknown"),
        ({"labels": "XX on time"}, "labels='XX on time' is unknown"),
        ({"labels": "US"}, "labels='US' is unknown"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(data, changes, says):
    """The error names the wrong setting and the valid ones."""
    with pytest.raises(UsageError, match=says):
        tracking.train(data, {**FEW, **changes})


# --------------------------------------------------------------------------- rebuilt


def test_a_record_builds_the_same_model_and_only_that(logged, store):
    """The model rebuilt from the record is the same, bit for bit."""
    run = logged.info.run_id
    assert tracking.rebuild_here(store.uri, run) == {
        "data, by its hash": True,
        "code": True,
        "packages": True,
        "model, bit for bit": True,
    }


def test_another_seed_and_other_code_are_noticed(logged, data, store):
    """If a record does not match the training, rebuilding says so."""
    run = tracking.log_run(data, "tampered", **FEW, seed=1)
    mlflow.MlflowClient().set_tag(run, "code_sha256", "0" * 64)
    mlflow.MlflowClient().set_tag(run, "model_sha256", logged.data.tags["model_sha256"])
    same = tracking.rebuild_here(store.uri, run)
    assert same == {"data, by its hash": True, "code": False, "packages": True, "model, bit for bit": False}


def test_a_record_that_does_not_say_enough_is_not_built(store):
    """For a run like the deck's, the error lists what its record lacks."""
    with mlflow.start_run(run_name="the deck's"):
        mlflow.log_params(tracking.deck_log())
    assert set(tracking.recorded_facts("the deck's")["the deck's"]) == {"no"}
    with pytest.raises(UsageError, match="lacks the data, by its hash, the rows trained on"):
        tracking.rebuild("the deck's")


def test_a_fresh_process_builds_it_from_the_record_alone(logged):
    """With only the store and the run's name, a new process rebuilds the model bit for bit."""
    assert set(tracking.recorded_facts("one")["one"]) == {"yes"}
    assert set(tracking.rebuild("one")["built again"]) == {"as recorded"}


# --------------------------------------------------------------------------- data


def test_a_snapshot_is_read_back_unchanged(data):
    """A snapshot read by its hash has the rows that were saved."""
    again = tracking.load_snapshot(data.md5)
    pd.testing.assert_frame_equal(again.rows, data.rows)
    assert again.inputs("schedule") == data.inputs("schedule")
    assert tracking.load_snapshot().md5 == data.md5


def test_a_snapshot_is_shown_by_its_sizes(data):
    """At the end of a cell I see how many flights each part has, and not all of them."""
    assert isinstance(data, tracking.TrainingSnapshot)
    sizes = tables.read_toml("tracking.toml")["snapshot"]
    for part in ("train", "validation", "test"):
        assert f"{part} {sizes[part]:,}" in repr(data)
    assert len(repr(data).splitlines()) == 1


def test_a_snapshot_that_is_changed_or_missing_is_refused(data):
    """A model cannot be trained on other rows than those in the record."""
    whole = data.file.read_bytes()
    try:
        data.file.write_bytes(whole[:-1] + b"?")
        with pytest.raises(DataError, match="has been changed"):
            tracking.load_snapshot(data.md5)
    finally:
        data.file.write_bytes(whole)
    with pytest.raises(DataError, match="no snapshot 00000000"):
        tracking.load_snapshot("0" * 32)


def test_text_is_sent_without_categories():
    """MLflow's signatures accept text, and no pandas categories."""
    plain = plain_text(pd.DataFrame({"Origin": pd.Categorical(["JFK"]), "Distance": [760.0]}))
    assert list(map(str, plain.dtypes)) == ["object", "float64"]


def test_inputs_say_how_early_they_are_known(data):
    """The columns show whether a model uses information from the future."""
    assert data.known_hours(data.inputs("all")) == 3
    assert data.known_hours(data.inputs("deck")) > 24
    assert data.known_hours(data.inputs("all + DepTime")) < 0
    with pytest.raises(DataError, match="column ArrDelay"):
        data.known_hours(["ArrDelay"])


# --------------------------------------------------------------------------- the deck's commands, and a project


def test_the_commands_of_today_exist(store):
    """Each command of today in the table exists in the installed MLflow."""
    import click
    from mlflow.cli import cli

    table = tracking.deck_commands()
    assert len(table) == 9
    for today in table["today (2026)"]:
        group = cli
        for word in today.split()[1:]:
            assert isinstance(group, click.Group)
            group = group.get_command(click.Context(group), word)
            assert group is not None, today
    for gone in ("azureml", "download", "pyfunc", "sklearn"):
        assert cli.get_command(click.Context(cli), gone) is None


def test_the_project_runs_by_mlflow_run_without_a_network(store, data, tmp_path, monkeypatch):
    """The folder and one command are enough to repeat the run, without downloads."""
    from authoring import surroundings

    for name, value in surroundings.guarded({}, tmp_path / "attempts").items():
        monkeypatch.setenv(name, value)
    assert set(tracking.write_mlflow_project(store)) == {"MLproject", "train.py"}
    found = tracking.run_mlflow_project(store, max_depth=2, eta=0.3)
    assert found["params.max_depth"].tolist() == ["2"]
    assert found["params.eta"].tolist() == ["0.3"]
    assert not (tmp_path / "attempts").exists()
    with pytest.raises(ModelError, match="mlflow run failed"):
        tracking.run_mlflow_project(store, max_depth="deep")


# --------------------------------------------------------------------------- nothing left behind

HERMETIC = """
import json, logging, os, pathlib, sys
before = dict(os.environ)
from course_utils.data import datasets; from course_utils.develop import tracking
import mlflow
here = mlflow.get_tracking_uri()
with tracking.open_tracking_store() as store:
    assert mlflow.get_tracking_uri() == store.uri != here
    tracking.save_snapshot(store, datasets.load_flights())
    tracking.log_run(tracking.load_snapshot(), "one", rounds=2)
    mlflow.start_run()  # never ended
    folder = store.folder
assert not folder.exists() and not store.is_open
store.close()
assert mlflow.active_run() is None
assert mlflow.get_tracking_uri() == here, (mlflow.get_tracking_uri(), here)
changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
print(json.dumps(sorted(changed)))
"""


def test_a_store_leaves_no_file_setting_or_message_behind(tmp_path):
    """After the lesson my home, working and temporary folders and my MLflow settings are unchanged."""
    from authoring import surroundings

    homes = {name: tmp_path / name for name in ("home", "scratch", "here")}
    for folder in homes.values():
        folder.mkdir()
    (homes["home"] / "mine.db").touch()
    mine = f"sqlite:///{homes['home'] / 'mine.db'}"
    own = {"HOME": str(homes["home"]), "TMPDIR": str(homes["scratch"]), "MLFLOW_TRACKING_URI": mine}
    own |= {"MLFLOW_EXPERIMENT_ID": "7", "MLFLOW_REGISTRY_URI": mine, "MPLCONFIGDIR": str(tmp_path / "mpl")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DO_NOT_"))}
    environment = surroundings.guarded({**clean, **own}, tmp_path / "attempts")
    command = [sys.executable, "-c", HERMETIC]
    ended = subprocess.run(command, env=environment, cwd=homes["here"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    quiet = {"DO_NOT_TRACK", "GIT_PYTHON_REFRESH"}
    added = set(json.loads(ended.stdout)) - quiet
    assert not added & {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"}
    assert "MLFLOW_DISABLE_TELEMETRY" in added
    left = [path.relative_to(tmp_path) for folder in homes.values() for path in folder.rglob("*")]
    assert left == [Path("home/mine.db")]
    assert (homes["home"] / "mine.db").stat().st_size == 0
    assert not (tmp_path / "attempts").exists()


def test_opening_a_second_store_closes_the_first():
    """When I run the first cell again I get a new store, and the old folder is deleted."""
    first = tracking.open_tracking_store()
    second = tracking.open_tracking_store()
    try:
        assert not first.folder.exists()
        assert second.is_open
        assert "closed" in repr(first)
        assert "open" in repr(second)
        assert len(tracking.search_runs()) == 0
    finally:
        second.close()
    with pytest.raises(UsageError, match="open one with"):
        tracking.load_snapshot()


def test_a_closed_store_restores_mlflow_and_deletes_its_folder(tmp_path):
    """After a store is closed, MLflow uses the same URI as before, and the folder is deleted."""
    before = mlflow.get_tracking_uri()
    folder = tmp_path / "runs"
    folder.mkdir()
    with tracking.TrackingStore(folder) as store:
        assert mlflow.get_tracking_uri() == store.uri != before
    assert mlflow.get_tracking_uri() == before
    assert not folder.exists()


def test_the_pages_answer_until_they_are_stopped():
    """The pages answer until they are stopped, and stopping twice is not an error."""
    import urllib.request

    with tracking.open_tracking_store() as store:
        pages = store.pages(0)
        assert isinstance(pages, tracking.Pages)
        assert "open" in repr(pages)
        with urllib.request.urlopen(f"{pages.address}/health") as answer:
            assert answer.status == 200
        for _ in range(2):
            pages.stop()
        assert "stopped" in repr(pages)
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"{pages.address}/health")


def test_warnings_are_hidden_only_inside_the_block(store):
    """MLflow's log level is restored after the block, and the store's folder is found from MLflow's URI."""
    level = logging.getLogger("mlflow").level
    with quiet_mlflow():
        assert logging.getLogger("mlflow").level == logging.ERROR
    assert logging.getLogger("mlflow").level == level
    with tracking.open_tracking_store() as opened:
        assert store_folder() == opened.folder


def test_a_port_that_is_taken_is_named():
    """If the port is taken, the error says so immediately."""
    import socket

    with socket.socket() as other, tracking.open_tracking_store() as store:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is taken"):
            store.pages(port)
