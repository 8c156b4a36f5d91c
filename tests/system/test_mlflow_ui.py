"""MLflow's pages of the lesson's store, in a real browser: a run with its scores, and why a version was refused."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from waiting import PATIENT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

playwright_api = pytest.importorskip("playwright.sync_api", reason="the browser group is not installed")
mlflow = pytest.importorskip("mlflow", reason="the tracking group is not installed")
from course_utils.develop import promotion, tracking  # noqa: E402 (they need MLflow)

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
RUN = "depth 2, eta 0.1"


@pytest.fixture(scope="module")
def store(flights) -> Iterator[tracking.TrackingStore]:
    """Log a run, and judge the candidates."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    with tracking.open_tracking_store() as opened:
        data = tracking.save_snapshot(opened, flights)
        tracking.log_run(data, RUN, max_depth=2, rounds=5)
        promotion.candidates(data)
        promotion.promote(promotion.measure_candidates(data), promotion.promotion_gate)
        yield opened


@pytest.fixture(scope="module")
def pages(store) -> Iterator[tracking.Pages]:
    """Start the pages on a port that is free, and stop them."""
    served = store.pages(0)
    yield served
    served.stop()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(served.address, timeout=PATIENT)


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
def page(browser, pages):
    """Open a page, and make sure that it asks nobody but this machine."""
    asked: list[str] = []
    view = browser.new_page(viewport={"width": 1500, "height": 2200})
    view.set_default_timeout(1000 * PATIENT)
    view.on("request", lambda request: asked.append(request.url))
    yield view
    view.close()
    assert asked
    assert [url for url in asked if not url.startswith((pages.address, "data:", "blob:"))] == []


def test_the_list_of_runs_has_my_run(page, pages):
    """I open the pages and find my run among the others."""
    experiment = mlflow.get_experiment_by_name(tracking.EXPERIMENT).experiment_id
    page.goto(f"{pages.address}/#/experiments/{experiment}/runs")
    for name in (RUN, "fresh inputs", "committee"):
        page.get_by_role("link", name=name).first.wait_for()


def test_a_run_shows_its_settings_its_scores_and_its_data(page, pages, store):
    """On the run's page I read its metrics as numbers, its parameters, and the hash of its data."""
    run = mlflow.get_run(tracking.run_id(RUN))
    page.goto(f"{pages.address}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}")
    page.get_by_role("heading", name=RUN).first.wait_for()
    page.get_by_text("validation_log_loss").first.wait_for()
    said = page.inner_text("body")
    assert {"Metrics (3)", "Parameters (9)"} <= set(said.splitlines())
    for metric, value in run.data.metrics.items():
        assert metric in said
        assert str(value)[:6] in said
    assert "max_depth" in said
    assert tracking.load_snapshot().md5 in said


def test_a_refused_version_shows_the_reason(page, pages, store):
    """In the registry's page I read why a version was not promoted."""
    page.goto(f"{pages.address}/#/models/{promotion.MODEL}/versions/5")
    page.get_by_text("harms passengers of US").first.wait_for()
