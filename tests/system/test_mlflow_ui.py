"""MLflow's pages of a store like the lesson's, in a real browser: runs and scores, and why a version was refused.

``MLFLOW_PICTURE=course_utils/tables/develop/mlflow_page.png`` makes the lesson's picture of the list of runs anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from waiting import PATIENT, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

playwright_api = pytest.importorskip("playwright.sync_api", reason="the browser group is not installed")
mlflow = pytest.importorskip("mlflow", reason="the tracking group is not installed")
import xgboost as xgb  # noqa: E402 (as MLflow)

from course_utils.data import features  # noqa: E402
from course_utils.develop import promotion, tracking  # noqa: E402 (they need MLflow)

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
RUN = "depth 2, eta 0.3"


@pytest.fixture(scope="module")
def data(flights, mlflow_store) -> tracking.TrainingSnapshot:
    """Log the lesson's ten runs, and judge the candidates."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    saved = tracking.save_snapshot(mlflow_store, flights)
    known = ["CRSDepTime", "Distance", "late_28d_carrier", "late_28d_route", "late_3h_origin"]
    known += ["delay_3h_origin", "late_3h_carrier_origin", "delay_24h_all", "wind_speed", "visib"]
    train, valid = (
        xgb.DMatrix(rows[known], label=features.label(rows)) for rows in (saved.split.train, saved.split.validation)
    )
    settings = {"objective": "binary:logistic", "eval_metric": "logloss", "seed": 0, "nthread": 1}
    mlflow.xgboost.autolog(log_models=False, log_datasets=False)
    for depth, eta in product((10, 8, 6, 4, 2), (0.1, 0.3)):
        with mlflow.start_run(run_name=f"depth {depth}, eta {eta}"):
            chosen = {**settings, "max_depth": depth, "eta": eta, "subsample": 0.8}
            xgb.train(chosen, train, 30, evals=[(train, "train"), (valid, "validation")], verbose_eval=False)
    mlflow.xgboost.autolog(disable=True)
    promotion.candidates(saved)
    promotion.promote(promotion.measure_candidates(saved), promotion.promotion_gate)
    return saved


@pytest.fixture(scope="module")
def address(data, mlflow_store: Path) -> Iterator[str]:
    """Start the server as in the lesson, on a port that is free, and stop it."""
    log = mlflow_store / "server.log"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", mlflow.get_tracking_uri()]
    command += ["--port", "0", "--workers", "1"]
    with log.open("w") as file:
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        server = subprocess.Popen(command, stdout=file, stderr=file, cwd=mlflow_store, env=environment)
    until(lambda: "Uvicorn running" in log.read_text(), log.read_text)
    yield re.findall(r"http://127\.0\.0\.1:\d+", log.read_text())[-1]
    server.terminate()
    server.wait(PATIENT)


@pytest.fixture(scope="module")
def browser():
    """Start a browser."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    with playwright_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, headless=True, args=FLAGS, timeout=1000 * PATIENT)
        yield started
        started.close()


@pytest.fixture
def page(browser, address):
    """Open a page, and make sure that it asks nobody but this machine."""
    asked: list[str] = []
    view = browser.new_page(viewport={"width": 1500, "height": 2200})
    view.set_default_timeout(1000 * PATIENT)
    view.on("request", lambda request: asked.append(request.url))
    yield view
    view.close()
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_the_list_of_runs_has_my_run(page, address):
    """I open the pages and find my run among the others."""
    experiment = mlflow.get_experiment_by_name("flight delays").experiment_id
    page.goto(f"{address}/#/experiments/{experiment}/runs")
    for name in (RUN, "fresh inputs", "committee"):
        page.get_by_role("link", name=name).first.wait_for()
    if picture := os.environ.get("MLFLOW_PICTURE"):
        page.set_viewport_size({"width": 1260, "height": 640})
        page.get_by_text("Model training").first.click()
        shown = "searchFilter=attributes.run_name+LIKE+%27depth%25%27&compareRunsMode=CHART"
        page.goto(f"{address}/#/experiments/{experiment}/runs?{shown}")
        page.get_by_role("link", name=RUN).first.wait_for()
        page.get_by_role("button", name=re.compile("close", re.IGNORECASE)).last.click()
        page.wait_for_timeout(4000)  # the charts are drawn
        page.screenshot(path=picture)
        from PIL import Image

        # Few colours make a small file: notebooks have a budget.
        Image.open(picture).convert("RGB").quantize(64).save(picture, optimize=True)


def test_a_run_shows_its_settings_and_its_scores(page, address):
    """On the run's page I read its metrics as numbers and its parameters."""
    [run] = mlflow.search_runs(filter_string=f"attributes.run_name = '{RUN}'", output_format="list")
    page.goto(f"{address}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}")
    page.get_by_role("heading", name=RUN).first.wait_for()
    page.get_by_text("validation-logloss").first.wait_for()
    said = page.inner_text("body")
    for metric, value in run.data.metrics.items():
        assert metric in said
        assert str(value)[:6] in said
    assert "max_depth" in said


def test_a_refused_version_shows_the_reason(page, address):
    """In the registry's page I read why a version was not promoted."""
    page.goto(f"{address}/#/models/{promotion.MODEL}/versions/5")
    page.get_by_text("harms passengers of US").first.wait_for()
