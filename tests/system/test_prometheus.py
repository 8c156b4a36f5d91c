"""A real Prometheus watches a running Clipper: its numbers agree with the queries sent, and its alarms fire."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator

import pandas as pd
import pytest
from waiting import PATIENT, until

pytestmark = pytest.mark.slow

pytest.importorskip("clipper_admin", reason="the serving group is not installed")
from clipper_admin import ClipperConnection  # noqa: E402 (it may be missing)
from clipper_admin.deployers import python as python_deployer  # noqa: E402

from course_utils.operate import telemetry  # noqa: E402
from course_utils.operate.telemetry.dashboards import panel_lines  # noqa: E402
from course_utils.serve.clipper import LocalContainerManager  # noqa: E402

if not telemetry.installed():
    pytest.skip("Prometheus is not installed: `course doctor` says how to get it", allow_module_level=True)

IMAGE = "clipper/python36-closure-container:0.4.1"  # no Python 3.11 had one
OBJECTIVE = 150_000  # microseconds
ANSWERED, LATE = 60, 20  # rows


def slow_when_negative(rows: list) -> list[float]:
    """Answer with the sum of each row; a negative one takes longer than the objective."""
    if min(row[0] for row in rows) < 0:
        time.sleep(2 * OBJECTIVE / 1e6)
    return [float(sum(row)) for row in rows]


@pytest.fixture(scope="module")
def clipper() -> Iterator[ClipperConnection]:
    """Serve a model by two replicas."""
    manager = LocalContainerManager("watched", clipper_query_port=0, clipper_management_port=0)
    connection = ClipperConnection(manager)
    connection.start_clipper()
    try:
        connection.register_application("flights", "doubles", "-1.0", OBJECTIVE)
        python_deployer.deploy_python_closure(
            connection, "delay", 1, "doubles", slow_when_negative, base_image=IMAGE, num_replicas=2
        )
        connection.link_model_to_app("flights", "delay")
        yield connection
    finally:
        connection.stop_all()


@pytest.fixture(scope="module")
def prometheus(clipper) -> Iterator[telemetry.Prometheus]:
    """Scrape it every second, by the rules of deploy/."""
    # So that its series are there from the first scrape on: a rate needs a value to grow from.
    wait(lambda: ask(clipper, 1.0)["default"] is False, lambda: "the model answers in time")
    server = telemetry.Prometheus(targets=[clipper.get_query_addr()], rules=["service"])
    try:
        shows(server, "sum(clipper_queries_total)", lambda found: len(found) > 0)
        yield server
    finally:
        server.stop()


def ask(clipper: ClipperConnection, value: float) -> dict:
    """Send one row."""
    body = json.dumps({"input": [value, 1.0]}).encode()
    request = urllib.request.Request(f"http://{clipper.get_query_addr()}/flights/predict", body)
    with urllib.request.urlopen(request, timeout=PATIENT) as answer:
        return json.load(answer)


def wait(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait until something is so, with time for an alert that has to hold for a while before it fires."""
    until(condition, what, every=0.2, within=1.5 * PATIENT)


def shows(prometheus: telemetry.Prometheus, query: str, condition: Callable) -> None:
    """Wait until Prometheus' answer to a query is as it should be."""
    wait(lambda: condition(prometheus.now(query)), lambda: f"{query} is {prometheus.now(query).to_dict()}")


def drawn(found: pd.Series) -> bool:
    """Say whether a line has something to show."""
    return len(found) > 0 and bool(found.notna().all())


def fires(prometheus: telemetry.Prometheus, alert: str) -> None:
    """Wait until an alert fires."""
    wait(
        lambda: (alert, "firing") in set(prometheus.alerts()[["alert", "state"]].itertuples(index=False, name=None)),
        lambda: prometheus.alerts().to_string(),
    )


def test_the_service_is_scraped_and_nothing_fires(clipper, prometheus):
    """While all is well every target is up, both replicas are counted and no alarm fires."""
    shows(prometheus, "up{job='clipper'}", lambda found: found.tolist() == [1])
    shows(prometheus, "clipper_replicas", lambda found: found.tolist() == [2])
    assert prometheus.alerts().empty


def test_prometheus_counts_the_queries_that_were_sent(clipper, prometheus):
    """I send rows, some of them too slow, and find each in Prometheus: answered, or given the default output."""
    before = {name: prometheus.now(f"sum(clipper_{name}_total)").iloc[0] for name in ("queries", "defaulted")}
    answers = [ask(clipper, value) for value in [1.0] * ANSWERED + [-1.0] * LATE]
    defaults = sum(answer["default"] for answer in answers)
    assert defaults >= LATE  # on a busy machine others may be late too
    total = before["queries"] + ANSWERED + LATE
    shows(prometheus, "sum(clipper_queries_total)", lambda found: found.tolist() == [total])
    shows(prometheus, "sum(clipper_defaulted_total)", lambda found: found.tolist() == [before["defaulted"] + defaults])
    shows(prometheus, "sum(clipper_latency_seconds_count)", lambda found: found.tolist() == [total])


def test_the_budget_alarm_fires_when_many_rows_get_the_default(clipper, prometheus):
    """With so many default outputs the fast burn alarm fires, over the long window and the short one."""
    fires(prometheus, "ClipperBudgetBurnsFast")
    found = prometheus.alerts().query("alert == 'ClipperBudgetBurnsFast'")
    assert found["severity"].tolist() == ["page"]
    assert "budget" in found["summary"].iloc[0]


def test_a_killed_replica_is_told(clipper, prometheus):
    """A replica that is killed comes back, and Prometheus fires the alert that it died."""
    os.kill(clipper.cm.replicas()[0]["pid"], signal.SIGKILL)
    fires(prometheus, "ClipperReplicaDied")
    shows(prometheus, "clipper_replicas", lambda found: found.tolist() == [2])


def test_every_line_about_the_service_is_there(clipper, prometheus):
    """Each line of the service's panels in Grafana has numbers while queries come."""
    for name in telemetry.panels("service").index:
        for query in panel_lines(name).values():
            wait(
                lambda query=query: ask(clipper, 1.0) is not None and drawn(prometheus.now(query)),
                lambda query=query: f"{query} is {prometheus.now(query).to_dict()}",
            )


def test_a_service_that_is_gone_is_told(clipper, prometheus):
    """When the service stops, Prometheus sees its target down."""
    clipper.stop_all()
    shows(prometheus, "up{job='clipper'}", lambda found: found.tolist() == [0])
    wait(lambda: "ClipperSilent" in set(prometheus.alerts()["alert"]), lambda: prometheus.alerts().to_string())
