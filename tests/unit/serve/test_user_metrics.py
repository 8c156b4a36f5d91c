"""Clipper's metrics for users, as a closure calls them and as Prometheus reads them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from waiting import PATIENT

from course_utils.serve.clipper import user_metrics
from course_utils.serve.clipper.user_metrics import add_metric, merge, render, report_metric


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without any metric, as a replica does."""
    monkeypatch.setattr(user_metrics, "_registry", None)
    monkeypatch.setattr(user_metrics, "_metrics", {})


@pytest.fixture
def installed() -> Iterator[None]:
    """Install the replacement, and uninstall it afterwards."""
    user_metrics.install()
    yield
    user_metrics.uninstall()


def values(page: bytes) -> dict[str, float]:
    """Return each sample of a page under its name and labels."""
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def types(page: bytes) -> dict[str, str]:
    """Return the type of each metric of a page."""
    return {family.name: family.type for family in text_string_to_metric_families(page.decode())}


def test_the_decks_four_types(installed: None):
    """Counter, gauge, histogram and summary that Clipper's import adds and reports are on the page."""
    metrics = importlib.import_module("clipper_admin.metrics")
    for name, kind in (("warned", "Counter"), ("rows", "Gauge"), ("score", "Histogram"), ("ms", "Summary")):
        metrics.add_metric(name, kind, f"what {name} means", [0.25, 0.5])
        metrics.report_metric(name, 2)
        metrics.report_metric(name, 0.5)
    page = render()
    assert types(page) == {"warned": "counter", "rows": "gauge", "score": "histogram", "ms": "summary"}
    assert values(page) == {
        "warned_total": 2.5, "rows": 0.5, "ms_count": 2, "ms_sum": 2.5, "score_count": 2, "score_sum": 2.5,
        "score_bucket le=0.25": 0, "score_bucket le=0.5": 1, "score_bucket le=+Inf": 2,
    }  # fmt: skip
    assert "# HELP warned_total what warned means" in page.decode()


def test_custom_buckets_are_kept():
    """A histogram has its own buckets, which Clipper would lose, or Clipper's default buckets."""
    add_metric("given", "Histogram", "", [0.03, 0.05, 0.06, 0.1])
    add_metric("default", "Histogram", "")
    bounds = {
        name: [sample.labels["le"] for sample in family.samples if "le" in sample.labels]
        for family in text_string_to_metric_families(render().decode())
        for name in [family.name]
    }
    assert bounds["given"] == ["0.03", "0.05", "0.06", "0.1", "+Inf"]
    wanted = [5, 10, 20, 35, 50, 75, 100, 150, 200, 250, 300, 400, 500]
    assert bounds["default"] == [f"{bound}.0" for bound in wanted] + ["+Inf"]


def test_a_name_is_added_once():
    """Adding in each call, as the deck's closure does, keeps what was reported."""
    for _ in range(3):
        add_metric("calls", "Counter", "calls")
        report_metric("calls", 1)
    assert values(render()) == {"calls_total": 3}


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (("n", "Timer", "no such type"), "Metric type needs to be one of"),
        (("not a name", "Counter", ""), "cannot name a metric"),
        (("9n", "Counter", ""), "cannot name a metric"),
        (("n", "Histogram", "", [3, 1]), "cannot be added.*sorted"),
        (("n", "Histogram", "", []), "cannot be added"),
        (("n", "Histogram", "", None), "cannot be added"),
    ],
)
def test_what_prometheus_does_not_know_is_refused(given: tuple, word: str):
    """A wrong type, name or list of buckets raises Clipper's own error, and nothing is added."""
    from clipper_admin.exceptions import ClipperException

    with pytest.raises(ClipperException, match=word):
        add_metric(*given)
    with pytest.raises(ClipperException, match="has not been added"):
        report_metric(given[0], 1)
    assert values(render()) == {}


def test_a_value_that_is_refused_costs_no_prediction(caplog: pytest.LogCaptureFixture):
    """A negative value for a counter, or a value that is not a number, is logged and ignored."""
    add_metric("calls", "Counter", "calls")
    report_metric("calls", 2)
    report_metric("calls", -1)
    report_metric("calls", "many")
    assert values(render()) == {"calls_total": 2}
    assert len(caplog.records) == 2


def test_nothing_added_is_an_empty_page():
    """The page of a closure without metrics is empty."""
    assert render() == b""
    assert merge([]) == b""
    assert merge([({"replica": "0"}, b"")]) == b""


def test_the_page_is_the_same_in_each_run():
    """The page has no creation times, but a user's metric whose name ends in _created is kept."""
    add_metric("calls", "Counter", "")
    add_metric("ms", "Histogram", "", [1])
    add_metric("accounts_created", "Gauge", "")
    report_metric("accounts_created", 4)
    page = values(render())
    assert [name for name in page if "created" in name] == ["accounts_created"]
    assert page["accounts_created"] == 4


def test_replicas_are_told_apart():
    """The pages of several replicas become one page for Prometheus, with the labels of each replica."""
    add_metric("calls", "Counter", "calls")
    add_metric("ms", "Histogram", "", [1])
    report_metric("calls", 1)
    first = render()
    report_metric("calls", 4)
    report_metric("ms", 0.5)
    page = merge([({"model": "m", "replica": "0"}, first), ({"model": "m", "replica": "1"}, render())])
    assert page.decode().count("# TYPE calls_total counter") == 1
    found = values(page)
    assert found["calls_total model=m replica=0"] == 1
    assert found["calls_total model=m replica=1"] == 5
    assert found["ms_bucket le=1.0 model=m replica=1"] == 1
    assert len(found) == 2 * 5


def test_replicas_that_disagree_about_a_type():
    """If two models use one name for different types, the first one is shown, and the page stays valid."""
    pages = b"# TYPE n counter\nn_total 1\n", b"# TYPE n gauge\nn 2\n"
    page = merge([({"model": str(number)}, page) for number, page in enumerate(pages)])
    assert values(page) == {"n_total model=0": 1}


def test_both_ways_to_import_find_it(installed: None):
    """`import clipper_admin.metrics` and `from clipper_admin.metrics import …` give the same functions."""
    code = (
        "import clipper_admin.metrics as a\nimport clipper_admin\nfrom clipper_admin.metrics.client import add_metric"
    )
    found: dict = {}
    exec(code, found)
    assert found["a"].add_metric is found["add_metric"] is add_metric
    assert found["clipper_admin"].metrics is found["a"]


def test_a_closure_takes_it_to_its_replica(installed: None):
    """A closure that imported the module in the notebook, in any of three ways, reports in another process."""
    import cloudpickle

    notebook: dict = {"__name__": "__main__"}
    exec(
        "import clipper_admin.metrics as metrics\n"
        "from clipper_admin.metrics import report_metric\n"
        "def predict(rows):\n"
        "    from clipper_admin.metrics import add_metric\n"
        "    metrics.add_metric('rows', 'Counter', 'rows asked for')\n"
        "    add_metric('batch', 'Gauge', 'rows at once')\n"
        "    report_metric('rows', len(rows))\n"
        "    metrics.report_metric('batch', len(rows))\n"
        "    return rows\n",
        notebook,
    )
    code = (
        "import pickle, sys, warnings; warnings.simplefilter('ignore')\n"
        "from course_utils.serve.clipper import user_metrics\n"
        "user_metrics.install()\n"
        "predict = pickle.load(sys.stdin.buffer); predict([1, 2]); predict([1, 2, 3])\n"
        "assert 'docker' not in sys.modules, 'the first query would wait for the whole of clipper_admin'\n"
        "import clipper_admin; assert clipper_admin.ClipperConnection.build_model\n"
        "from clipper_admin.deployers import python\n"
        "sys.stdout.buffer.write(user_metrics.render())\n"
    )
    sent = cloudpickle.dumps(notebook["predict"], protocol=2)
    without = {name: value for name, value in os.environ.items() if name != "PATH"} | {"PATH": "/nowhere"}
    ended = subprocess.run(
        [sys.executable, "-c", code], input=sent, capture_output=True, timeout=2 * PATIENT, env=without
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert values(ended.stdout) == {"rows_total": 5, "batch": 3}


def test_uninstalled_it_is_clippers_again():
    """After `uninstall` a new import is Clipper's own; install and uninstall may be called twice."""
    for _ in range(2):
        user_metrics.install()
    assert importlib.util.find_spec("clipper_admin.metrics").loader is user_metrics._FINDER
    importlib.import_module("clipper_admin.metrics")
    for _ in range(2):
        user_metrics.uninstall()
    assert importlib.util.find_spec("clipper_admin.metrics").origin.endswith("metrics/__init__.py")
