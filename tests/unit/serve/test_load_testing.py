"""Asking a server of this machine many questions, and counting what came back."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from waiting import PATIENT, until

from course_utils.errors import CourseError, UsageError
from course_utils.serve import load_testing
from course_utils.serve.load_testing import client, provenance


class StandIn(ThreadingHTTPServer):
    """A server that answers what a test wants: a list of outputs, 'default', or an HTTP status."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        self.said, self.bodies, self.most, self._inside = [0.25, 0.5], [], 0, 0
        self.wait_for: threading.Event | None = None
        self.page = ""
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """Answers one question."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Record the request, wait if the test wants that, and answer as it wants."""
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server._lock:
            server.bodies.append((self.path, body))
            server._inside += 1
            server.most = max(server.most, server._inside)
        if server.wait_for is not None:
            server.wait_for.wait(PATIENT)
        said = server.said
        asked = body.get("input_batch", [body.get("input")])
        outputs = ["0.9"] * len(asked) if "default" in str(said) else said
        answers = [
            {"query_id": 1, "output": one, "default": said == "default" or (said == "a default" and place == 0)}
            for place, one in enumerate(outputs if said != 500 else [])
        ]
        reply = json.dumps({"batch_predictions": answers} if len(answers) > 1 else (answers or [{}])[0]).encode()
        with server._lock:
            server._inside -= 1
        self.send_response(500 if said == 500 else 200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def do_GET(self) -> None:
        """Show the page of numbers."""
        page = self.server.page.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn() as there:
        thread = threading.Thread(target=there.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield there
        there.shutdown()


def test_a_row_comes_back_from_its_text_as_it_was():
    """The server parses exactly the numbers, words and missing values that I sent."""
    rows = pd.DataFrame(
        {
            "a": np.array([0.1, np.nan], dtype="float64"),
            "b": np.array([1 / 3, 2], dtype="float32"),
            "c": pd.Categorical(["UA", None]),
            "d": [True, False],
            "e": np.array([1, 2], dtype="int32"),
        }
    )
    texts = load_testing.as_json_texts(rows)
    assert "NaN" not in "".join(texts)
    back = pd.DataFrame([json.loads(text) for text in texts])
    assert back.loc[0].to_dict() == {"a": 0.1, "b": float(np.float32(1 / 3)), "c": "UA", "d": True, "e": 1}
    assert pd.isna(back.loc[1, "a"]) and back.loc[1, "c"] is None


def test_a_load_is_counted_by_kind(server):
    """I see how many requests were sent, and the outcome of each."""
    result = load_testing.open_loop_load(server.address, "app", ["x", "y"], rate=500, seconds=0.1, clients=4)
    assert result.counts().to_dict() == {"asked": 50, "in time": 50, "default": 0, "failed": 0}
    assert isinstance(result, load_testing.Result) and result.in_time == 1
    assert result.throughput == pytest.approx(50 / result.seconds)
    assert 0 < result.latency(50) <= result.latency(99)
    assert {body["input"] for _, body in server.bodies} == {"x", "y"}
    assert server.bodies[0][0] == "/app/predict"
    assert repr(result) == "Result(50 requests)"


def test_a_result_that_was_changed_by_hand_says_so(server):
    """A measurement is known to be as it was made, or not, whichever part of it was changed."""
    result = load_testing.open_loop_load(server.address, "app", ["x"], rate=500, seconds=0.02, clients=2)
    assert result.as_measured
    assert load_testing.find_deployment(server.address, "app") is None  # a server that is no local cluster
    assert (result.app, result.rate, result.deployment) == ("app", 500, None)
    assert not dataclasses.replace(result, rate=80).as_measured
    there = load_testing.Deployment("model", "1", 3, 100_000)
    assert not dataclasses.replace(result, deployment=there).as_measured
    result.requests.loc[0, "outcome"] = "default"
    assert not result.as_measured
    assert provenance.seal(result.requests) != provenance.seal(result.requests.rename(columns={"ms": "s"}))


def test_defaults_and_failures_are_no_answers(server):
    """A default answer and an error of the server do not count as answered in time."""
    server.said = "default"
    assert load_testing.concurrent_requests(server.address, "app", ["x"] * 5).counts()["default"] == 5
    server.said = 500
    assert load_testing.concurrent_requests(server.address, "app", ["x"] * 5).counts()["failed"] == 5


def test_a_server_that_is_gone_fails_every_question():
    """If no server is running, every request fails, and the load ends."""
    with StandIn() as gone:
        address = gone.address
    assert load_testing.concurrent_requests(address, "app", ["x"] * 3).counts().to_dict() == {
        "asked": 3,
        "in time": 0,
        "default": 0,
        "failed": 3,
    }


def test_a_connection_stays_open_and_an_outcome_has_a_name(server):
    """Benchmarks send requests through one connection, within bounds, and count answers as the load generators do."""
    connection = client.Connection(client.check_local(server.address), "app")
    answer = connection.predict(client.request_body(["x", "y"]))
    assert client.outcome_of(answer) == "in time"
    assert client.outcome_of(None) == client.outcome_of({"error": "no"}) == "failed"
    assert server.bodies == [("/app/predict", {"input_batch": ["x", "y"]})]
    connection.close()
    client.check_bounds("clients", 64, client.MAX_CLIENTS)
    with pytest.raises(UsageError, match=r"clients=65 is out of bounds.*at most 64"):
        client.check_bounds("clients", 65, client.MAX_CLIENTS)


def test_all_at_once_means_all_at_the_same_time(server):
    """No client waits for another client's answer before it sends."""
    server.wait_for = threading.Event()
    threading.Thread(
        target=lambda: (until(lambda: server.most == 12, "all ask"), server.wait_for.set()), daemon=True
    ).start()
    assert load_testing.concurrent_requests(server.address, "app", ["x"] * 12).counts()["in time"] == 12
    assert server.most == 12


def test_waiting_for_a_free_client_counts_as_latency(server):
    """The latency of a request that waits for a free client counts from the moment it was due."""
    server.wait_for = threading.Event()

    def release() -> None:
        until(lambda: server.most == 1, "a client asks")
        time.sleep(0.3)
        server.wait_for.set()

    threading.Thread(target=release, daemon=True).start()
    result = load_testing.open_loop_load(server.address, "app", ["x"], rate=1000, seconds=0.05, clients=1)
    assert result.requests["ms"].iloc[-1] > 200


def test_the_same_seed_asks_at_the_same_moments(server):
    """Two loads of one seed are the same load."""
    one, two = (
        load_testing.open_loop_load(server.address, "app", ["x"], rate=2000, seconds=0.02, seed=3) for _ in range(2)
    )
    assert (one.requests["due"] == two.requests["due"]).all()
    other = load_testing.open_loop_load(server.address, "app", ["x"], rate=2000, seconds=0.02, seed=4)
    assert (one.requests["due"] != other.requests["due"]).all()


@pytest.mark.parametrize(
    "address", ["example.org:80", "10.0.0.1:1337", "127.0.0.1", "1337", "127.0.0.1.example.org:80"]
)
def test_no_load_leaves_this_machine(address):
    """Whatever address I pass by mistake, no other machine gets a load from me."""
    with pytest.raises(UsageError, match="not an address of this machine"):
        load_testing.open_loop_load(address, "app", ["x"], rate=10, seconds=1)
    with pytest.raises(UsageError, match="not an address of this machine"):
        load_testing.concurrent_requests(address, "app", ["x"])
    with pytest.raises(UsageError, match="not an address of this machine"):
        load_testing.Clients(address, "app", ["x"], {"1": [0.1]})


@pytest.mark.parametrize(
    "wrong", [{"rate": 0}, {"rate": 1e9}, {"seconds": -1}, {"seconds": 3600}, {"clients": 1000}, {"inputs": []}]
)
def test_a_load_has_bounds(server, wrong):
    """A mistyped number cannot flood the machine or run for an hour."""
    given = {"inputs": ["x"], "rate": 10.0, "seconds": 1.0, "clients": 2} | wrong
    with pytest.raises(UsageError, match="out of bounds"):
        load_testing.open_loop_load(server.address, "app", given.pop("inputs"), **given)
    with pytest.raises(UsageError, match="out of bounds"):
        load_testing.concurrent_requests(server.address, "app", ["x"] * 65)


ONE, TWO = [0.25, 0.5], [0.125, 0.75]


def test_clients_hold_every_answer_to_account(server):
    """After an update I see that no request failed, and which version answered when."""
    with load_testing.Clients(server.address, "app", ["x", "y"], {"1": ONE, "2": TWO}) as clients:
        clients.now("before", "1")
        server.said = TWO
        clients.now("updated", "2")
    table = clients.table()
    assert table.loc["before", "answers of"] == "version 1"
    assert table.loc["updated", "answers of"] == "version 2"
    assert (table.drop(columns="answers of") == 0).all(axis=None)
    assert clients.seconds_wrong == 0
    assert server.bodies[0][1] == {"input_batch": ["x", "y"]}


def test_a_record_that_was_changed_by_hand_says_so(server):
    """A record is complete after its block, and no longer as recorded once an answer in it was changed."""
    with load_testing.Clients(server.address, "app", ["x", "y"], {"1": ONE, "2": TWO}) as clients:
        clients.now("before", "1")
        assert not clients.as_recorded
    assert clients.as_recorded
    assert clients.deployed == [None]
    clients._answered[0].kind = "2"
    assert not clients.as_recorded


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (ONE, "stale"),
        ([0.25, 0.75], "mixed"),
        ([0.25, 0.1], "other"),
        ([0.25], "other"),
        ("default", "default"),
        ("a default", "default"),
        (500, "failed"),
    ],
)
def test_an_answer_that_is_not_as_it_has_to_be_is_counted(server, said, kind):
    """A stale, mixed, unknown, default or failed answer is counted as such."""
    server.said = TWO
    with load_testing.Clients(server.address, "app", ["x", "y"], {"1": ONE, "2": TWO}) as clients:
        clients.now("good", "2")
        server.said = said
        clients.now("bad", "2", requests=10)
    counts = clients.table().loc["bad"].drop("answers of")
    assert counts[kind] >= 10
    assert (counts.drop(kind) == 0).all()
    assert (clients.seconds_wrong > 0) == (kind in ("mixed", "other"))


def test_clients_that_get_no_answer_say_so(server):
    """If the server stops answering, I get an error instead of waiting for ever."""
    server.wait_for = threading.Event()
    with load_testing.Clients(server.address, "app", ["x"], {"1": [0.25]}) as clients:
        with pytest.raises(CourseError, match="fewer than 20 answers"):
            clients.now("silence", "1", seconds=0.2)
        server.wait_for.set()


def test_littles_law():
    """Eighty questions a second of 20 ms each keep 1.6 replicas busy."""
    table = load_testing.littles_law(80, 20)
    assert table["busy [%]"].to_list()[:4] == [160, 80, 53.3, 40]
    assert table["keeps up"].idxmax() == 2
    assert load_testing.littles_law(50, 20, most=1)["keeps up"].to_list() == [False]
    with pytest.raises(UsageError, match="describe no load"):
        load_testing.littles_law(0, 20)


def test_clipper_can_be_kept_from_logging(caplog):
    """A notebook shows answers, and not a line of log for each call."""
    import logging

    load_testing.silence_clipper_logs()
    logging.getLogger("clipper_admin.clipper_admin").error("a call")
    assert caplog.records == []


def test_tables_to_choose_by():
    """The tables give today's names of Clipper's features, the choice of table or server, and what works here."""
    today = load_testing.serving_today()
    assert today.columns[0] == "Clipper" and today.notna().all(axis=None)
    assert load_testing.table_or_service().notna().all(axis=None)
    assert load_testing.clipper_methods().loc["set_model_version", "here"] == "works"
    assert load_testing.clipper_deployers().loc["python", "call"] == "deploy_python_closure"


def test_a_cluster_has_a_name_of_its_own():
    """Two notebooks that run side by side do not meet in one cluster."""
    assert load_testing.cluster_name("lesson-15").startswith("lesson-15-")
    assert load_testing.cluster_name("lesson-15") == load_testing.cluster_name("lesson-15")


class Replicas:
    """A manager whose replicas are real processes; it replaces a killed one after three calls."""

    def __init__(self) -> None:
        self.running = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)]
        self.asked = 0

    def replicas(self) -> list[dict[str, object]]:
        """List those that run."""
        self.asked += 1
        alive = [one for one in self.running if one.poll() is None]
        if not alive and self.asked > 3:
            self.running.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return [{"name": "model", "version": "1", "pid": one.pid} for one in alive]


def test_a_killed_replica_is_gone_and_its_successor_is_waited_for():
    """When I go on after the kill, that process is dead; when I go on after the wait, another one is there."""
    manager = Replicas()
    try:
        load_testing.kill_replica(manager, "model")
        assert manager.running[0].poll() == -signal.SIGKILL
        load_testing.wait_for_replicas(manager, "model", 1)
        assert [one["pid"] for one in manager.replicas()] == [manager.running[1].pid]
        with pytest.raises(UsageError, match="has no replica"):
            load_testing.kill_replica(manager, "other")
    finally:
        for one in manager.running:
            one.kill()
            one.communicate()


def test_memory_of_what_was_started():
    """The memory of a child process is counted while it runs."""
    with subprocess.Popen(
        [sys.executable, "-c", "x = bytearray(50_000_000); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        program.stdout.readline()
        assert load_testing.child_memory_mb() > 50
        program.communicate(b"\n")


def test_without_ray_i_am_told_how_to_get_it(monkeypatch, capsys):
    """The optional part says what to install, and does nothing else."""
    monkeypatch.setitem(sys.modules, "ray", None)
    assert load_testing.serve_with_ray(load_testing.io_bound_20_ms, ["x"]) is None
    assert 'pip install "ray[serve]"' in capsys.readouterr().out


def test_a_stated_service_time_is_kept():
    """A closure of 20 ms takes no less for each question, whether it waits or computes."""
    start = time.perf_counter()
    assert load_testing.io_bound_20_ms(["x", "y"]) == [0.5, 0.5]
    assert time.perf_counter() - start >= 0.04
    start = time.thread_time()
    assert load_testing.cpu_bound_20_ms(["x", "y"]) == [0.5, 0.5]
    assert time.thread_time() - start >= 0.04


PAGE = """# TYPE rows counter
rows_total{app="a",replica="0"} 3
rows_total{app="a",replica="1"} 4
rows_total{app="b",replica="0"} 5
# TYPE length histogram
length_bucket{le="10"} 1
length_bucket{le="+Inf"} 2
length_sum 30
length_count 2
"""


def test_a_clusters_numbers_are_read_and_added(server):
    """I read the metrics of my closure, summed over its replicas, or those of one application."""
    server.page = PAGE
    assert load_testing.read_metrics(server.address, "rows")["value"].to_dict() == {"rows_total": 12}
    assert load_testing.read_metrics(server.address, "rows", app="a")["value"].to_dict() == {"rows_total": 7}
    assert load_testing.read_metrics(server.address, "length")["value"].to_dict() == {
        "length_bucket, up to 10": 1,
        "length_bucket, up to +Inf": 2,
        "length_sum": 30,
        "length_count": 2,
    }
    with pytest.raises(UsageError, match="not an address of this machine"):
        load_testing.read_metrics("example.org:80", "rows")


def test_a_cluster_that_is_gone_shows_no_numbers():
    """If no cluster is running, the error tells me to start it."""
    with StandIn() as gone:
        address = gone.address
    with pytest.raises(CourseError, match="no cluster answers"):
        load_testing.read_metrics(address, "rows")


@pytest.mark.slow
def test_a_load_on_a_cluster_of_its_own():
    """The load picture can be measured again on my machine, and leaves no process behind."""
    table = load_testing.measure_load(
        load_testing.io_bound_20_ms, replicas=[1, 2], rates=[20], seconds=1, objective_ms=1000 * PATIENT
    )
    assert table["replicas"].to_list() == [1, 2]
    assert (table["missed [%]"] == 0).all()
    assert (table["p50 [ms]"] >= 20).all()
    assert load_testing.child_memory_mb() == 0
