"""Runs that can be found, compared and built again."""

from __future__ import annotations

import json
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

pytestmark = pytest.mark.slow  # MLflow and its stores: seconds to begin with

FEW = {"rounds": 3, "max_depth": 2}


@pytest.fixture(scope="module")
def store():
    """Open one store for the tests of this file."""
    with tracking.open_tracking_store() as opened:
        yield opened


@pytest.fixture(scope="module")
def data(store, flights):
    """Deliver the lesson's flights once."""
    return tracking.save_snapshot(store, flights)


@pytest.fixture(scope="module")
def logged(data):
    """Log one run, and return its record."""
    return mlflow.get_run(tracking.log_run(data, "one", **FEW))


# --------------------------------------------------------------------------- the record


def test_settings_are_parameters_and_scores_are_metrics(logged, data):
    """A stranger finds my run by its score, which is a number, and reads off every setting."""
    usual = tables.read_toml("tracking.toml")["settings"]
    assert logged.data.params == {name: str(value) for name, value in {**usual, **FEW}.items()}
    assert set(logged.data.metrics) == {"train_log_loss", "validation_log_loss", "validation_auc"}
    scorer = tracking.train(data, FEW)
    late = features.label(data.split.validation)
    assert logged.data.metrics["validation_auc"] == metrics.auc(late, scorer.predict(data.split.validation))


def test_a_record_names_data_code_packages_and_model_by_hash(logged, data):
    """What my run saw and what it ran on is on record, not in my memory."""
    dataset = logged.inputs.dataset_inputs[0].dataset
    assert dataset.digest == data.md5 == data.file.parent.name + data.file.stem
    assert "DepDelay" in dataset.schema
    for name in ("code_sha256", "lock_sha256", "model_sha256"):
        assert len(logged.data.tags[name]) == 64
    assert tracking.fingerprints().items() <= logged.data.tags.items()
    assert {"python", "xgboost", "mlflow"} <= set(json.loads(logged.data.tags["environment"]))


def test_the_logged_model_scores_as_the_fitted_one_and_knows_its_inputs(logged, data):
    """Whoever loads my model from the store gets my probabilities, and hears of a column that is missing."""
    model = mlflow.pyfunc.load_model(f"models:/{logged.outputs.model_outputs[0].model_id}")
    rows = data.requests(50)
    assert (model.predict(rows) == tracking.train(data, FEW).predict(data.split.test.head(50))).all()
    with pytest.raises(mlflow.MlflowException, match="UniqueCarrier"):
        model.predict(rows.drop(columns="UniqueCarrier"))


def test_several_models_are_logged_as_one_that_gives_their_mean(data):
    """A committee that I log answers with the mean of its members' probabilities."""
    members = [tracking.train(data, {**FEW, "seed": seed, "subsample": 0.5}).scorer for seed in (0, 1)]
    with mlflow.start_run(run_name="pair"):
        logged = tracking.log_model(data, members)
    rows = data.requests(50)
    one, other = (member.score(rows) for member in members)
    assert (one != other).any()
    assert mlflow.pyfunc.load_model(logged.model_uri).predict(rows) == pytest.approx((one + other) / 2)


def test_the_decks_log_has_the_figures_of_its_slides():
    """The log that I see is the deck's: the same counts and scores stand in the table of its figures."""
    log, deck = tracking.deck_log(), tables.read_toml("deck.toml")["governance"]
    assert {name: log[name] for name in deck["logged"]} == deck["logged"]
    assert round(log["AUC"], 4) == deck["called_auc"]
    assert round(100 * log["accuracy"], 2) == deck["accuracy"]
    assert log["accuracy"] == pytest.approx((log["TP"] + log["TN"]) / sum(deck["logged"].values()))


# --------------------------------------------------------------------------- asking


def test_runs_are_found_by_number_and_text(logged):
    """I ask for a range of a metric, or for a parameter's text."""
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
    """My query is refused with what is wrong with it, word for word the same each time."""
    with pytest.raises(UsageError, match=says) as caught:
        tracking.search_runs(query)
    assert "{" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_used_again_stands_for_the_latest_run(data):
    """When I run a cell a second time, I find the new run and no double."""
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
        ({"max_depth": "deep"}, "no int"),
        ({"rounds": 2.5}, "no whole number"),
        ({"inputs": "everything"}, r"no inputs 'everything'.*schedule"),
        ({"train_on": "future"}, "names no rows"),
        ({"labels": "XX on time"}, "names no labels"),
        ({"labels": "US"}, "names no labels"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(data, changes, says):
    """I am told which setting is wrong, and what there is."""
    with pytest.raises(UsageError, match=says):
        tracking.train(data, {**FEW, **changes})


# --------------------------------------------------------------------------- built again


def test_a_record_builds_the_same_model_and_only_that(logged, store):
    """The model built from the record is mine, bit for bit; with another seed it would not be."""
    run = logged.info.run_id
    assert tracking.rebuild_here(store.uri, run) == {
        "data, by its hash": True,
        "code": True,
        "packages": True,
        "model, bit for bit": True,
    }


def test_another_seed_and_other_code_are_noticed(logged, data, store):
    """If a record is not what was trained, building it again says so."""
    run = tracking.log_run(data, "tampered", **FEW, seed=1)
    mlflow.MlflowClient().set_tag(run, "code_sha256", "0" * 64)
    mlflow.MlflowClient().set_tag(run, "model_sha256", logged.data.tags["model_sha256"])
    same = tracking.rebuild_here(store.uri, run)
    assert same == {"data, by its hash": True, "code": False, "packages": True, "model, bit for bit": False}


def test_a_record_that_does_not_say_enough_is_not_built(store):
    """Of a run like the deck's I hear what its record lacks."""
    with mlflow.start_run(run_name="the deck's"):
        mlflow.log_params(tracking.deck_log())
    assert set(tracking.recorded_facts("the deck's")["the deck's"]) == {"no"}
    with pytest.raises(UsageError, match="lacks the data, by its hash, the rows trained on"):
        tracking.rebuild("the deck's")


def test_a_fresh_process_builds_it_from_the_record_alone(logged):
    """A colleague with the store and the run's name gets my model, bit for bit."""
    assert set(tracking.recorded_facts("one")["one"]) == {"yes"}
    assert set(tracking.rebuild("one")["built again"]) == {"as recorded"}


# --------------------------------------------------------------------------- data


def test_a_delivery_is_read_back_whole(data):
    """What training reads by its hash is what was delivered."""
    again = tracking.load_snapshot(data.md5)
    pd.testing.assert_frame_equal(again.rows, data.rows)
    assert again.inputs("schedule") == data.inputs("schedule")
    assert tracking.load_snapshot().md5 == data.md5


def test_a_delivery_is_shown_by_its_sizes(data):
    """At the end of a cell I see how many flights each part has, and not all of them."""
    assert isinstance(data, tracking.TrainingSnapshot)
    sizes = tables.read_toml("tracking.toml")["delivery"]
    for part in ("train", "validation", "test"):
        assert f"{part} {sizes[part]:,}" in repr(data)
    assert len(repr(data).splitlines()) == 1


def test_a_delivery_that_was_changed_or_is_gone_is_refused(data):
    """Nobody trains on other rows than the record says."""
    whole = data.file.read_bytes()
    try:
        data.file.write_bytes(whole[:-1] + b"?")
        with pytest.raises(DataError, match="has been changed"):
            tracking.load_snapshot(data.md5)
    finally:
        data.file.write_bytes(whole)
    with pytest.raises(DataError, match="no delivery 00000000"):
        tracking.load_snapshot("0" * 32)


def test_inputs_say_how_early_they_are_known(data):
    """I see from the columns alone whether a model looks ahead."""
    assert data.known_hours(data.inputs("all")) == 3
    assert data.known_hours(data.inputs("deck")) > 24
    assert data.known_hours(data.inputs("all + DepTime")) < 0
    with pytest.raises(DataError, match="column ArrDelay"):
        data.known_hours(["ArrDelay"])


# --------------------------------------------------------------------------- the deck's commands, and a project


def test_the_commands_of_today_exist(store):
    """What the table calls today's command is there in the MLflow that I have."""
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
    """Anybody with the folder and one command gets my run; nothing is fetched."""
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
    mlflow.start_run()  # and forgotten
    folder = store.folder
assert not folder.exists() and not store.is_open
store.close()
assert mlflow.active_run() is None
assert mlflow.get_tracking_uri() == here, (mlflow.get_tracking_uri(), here)
changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
print(json.dumps(sorted(changed)))
"""


def test_a_store_leaves_no_file_no_setting_and_no_word_behind(tmp_path):
    """After the lesson my home, my folder, the temporary folder and my MLflow are as they were."""
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
    """When I run the first cell again I get a fresh store, and the old folder goes."""
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


def test_a_store_hands_mlflow_back_and_takes_its_folder_along(tmp_path):
    """When a store of mine is closed, MLflow looks where it looked before, and the folder is gone."""
    before = mlflow.get_tracking_uri()
    folder = tmp_path / "runs"
    folder.mkdir()
    with tracking.TrackingStore(folder) as store:
        assert mlflow.get_tracking_uri() == store.uri != before
    assert mlflow.get_tracking_uri() == before
    assert not folder.exists()


def test_the_pages_answer_until_they_are_stopped():
    """My browser gets an answer; once I stop the pages it gets none, and stopping twice does no harm."""
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


def test_a_port_that_is_taken_is_named():
    """If something listens on the port already, I am told so at once."""
    import socket

    with socket.socket() as other, tracking.open_tracking_store() as store:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is taken"):
            store.pages(port)
