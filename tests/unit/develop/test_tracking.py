"""Models of lesson 04's candidates: trained, logged, and the same again."""

from __future__ import annotations

import os
import subprocess
import sys

import pandas as pd
import pytest

from course_utils import tables
from course_utils.data import features
from course_utils.errors import DataError, UsageError
from course_utils.model import metrics

mlflow = pytest.importorskip("mlflow", reason="the tracking group is not installed")
from course_utils.develop import tracking  # noqa: E402 (it needs MLflow)
from course_utils.develop.tracking.models import MeanModel  # noqa: E402
from course_utils.develop.tracking.snapshots import plain_text  # noqa: E402

pytestmark = pytest.mark.slow  # MLflow and its stores: seconds to begin with

FEW = {"rounds": 3, "max_depth": 2}


@pytest.fixture(scope="module")
def data(mlflow_store, flights):
    """Save the lesson's snapshot once."""
    return tracking.save_snapshot(mlflow_store, flights)


@pytest.fixture(scope="module")
def logged(data):
    """Log one run, and return its record."""
    return mlflow.get_run(tracking.log_run(data, "one", **FEW))


# --------------------------------------------------------------------------- the record


def test_settings_are_parameters_and_scores_are_metrics(logged, data):
    """Scores are logged as numbers, by which a run can be found, and each setting as a parameter."""
    usual = tables.read_toml("tracking.toml")["settings"]
    assert logged.data.params == {name: str(value) for name, value in {**usual, **FEW}.items()}
    late, fit = features.label(data.split.validation), tracking.train(data, FEW)
    assert logged.data.metrics == {"validation_log_loss": metrics.log_loss(late, fit.predict(data.split.validation))}
    assert len(mlflow.search_runs(filter_string="metrics.validation_log_loss > 0 and params.max_depth = '2'")) >= 1


def test_a_record_names_the_data_by_hash(logged, data):
    """The record of a run identifies its data and lists their columns."""
    dataset = logged.inputs.dataset_inputs[0].dataset
    assert dataset.digest == data.md5 == data.file.stem
    assert "DepDelay" in dataset.schema


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
    assert (MeanModel(members[:1]).predict(rows) == one).all()


def test_the_same_settings_train_the_same_model_bit_for_bit(data):
    """Training twice gives the same bytes, and another seed gives others."""
    once, again, other = (tracking.train(data, {**FEW, "seed": seed}).scorer.booster for seed in (0, 0, 1))
    assert once.save_raw() == again.save_raw() != other.save_raw()


def test_the_decks_log_has_the_figures_of_its_slides():
    """The log is the deck's: its counts and scores are those in the table of the deck's figures."""
    log, deck = tables.read_toml("tracking.toml")["deck_log"], tables.read_toml("deck.toml")["governance"]
    assert {name: log[name] for name in deck["logged"]} == deck["logged"]
    assert round(log["AUC"], 4) == deck["called_auc"]
    assert round(100 * log["accuracy"], 2) == deck["accuracy"]
    assert log["accuracy"] == pytest.approx((log["TP"] + log["TN"]) / sum(deck["logged"].values()))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"depth": 3}, r"no setting 'depth'.*max_depth"),
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


# --------------------------------------------------------------------------- data


def test_a_snapshot_is_a_file_named_by_its_hash(data):
    """The file has the rows, and `md5sum` or DVC computes its name."""
    import hashlib

    assert hashlib.md5(data.file.read_bytes(), usedforsecurity=False).hexdigest() == data.md5
    pd.testing.assert_frame_equal(pd.read_parquet(data.file), data.rows)
    assert not list(data.file.parent.glob("snapshot*"))


def test_a_snapshot_is_shown_by_its_sizes(data):
    """At the end of a cell I see how many flights each part has, and not all of them."""
    assert isinstance(data, tracking.TrainingSnapshot)
    sizes = tables.read_toml("tracking.toml")["snapshot"]
    for part in ("train", "validation", "test"):
        assert f"{part} {sizes[part]:,}" in repr(data)
    assert len(repr(data).splitlines()) == 1


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


# --------------------------------------------------------------------------- MLflow itself


def test_the_commands_of_today_exist():
    """Each command of today in the table exists in the installed MLflow."""
    import click
    from mlflow.cli import cli

    table = tables.read_csv("mlflow_commands.csv", keep_default_na=False)
    assert len(table) == 9
    for today in table["today (2026)"]:
        group = cli
        for word in today.split()[1:]:
            assert isinstance(group, click.Group)
            group = group.get_command(click.Context(group), word)
            assert group is not None, today
    for gone in ("azureml", "download", "pyfunc", "sklearn"):
        assert cli.get_command(click.Context(cli), gone) is None


def test_mlflow_does_not_phone_home_and_my_own_setting_stays():
    """Importing the course's module switches telemetry off, unless I set it myself."""
    code = "import os; from course_utils.develop import tracking; print(os.environ['MLFLOW_DISABLE_TELEMETRY'])"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DO_NOT_"))}
    for own, wanted in ({}, "true"), ({"MLFLOW_DISABLE_TELEMETRY": "false"}, "false"):
        command = [sys.executable, "-c", code]
        ended = subprocess.run(command, env=clean | own, capture_output=True, text=True, check=True)
        assert ended.stdout.strip() == wanted
