"""Clipper on a laptop when things die: replicas, front ends, the zygote, the supervisor, the notebook."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from waiting import PATIENT, until

from authoring import patience
from course_utils.serve.clipper import LocalContainerManager

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")

ROOT = Path(__file__).parents[3]
IMAGE = "clipper/python36-closure-container:0.4.1"
#: Microseconds within which an application that is never late has to answer.
OBJECTIVE = round(1e6 * PATIENT)


def start(name: str, **options: Any) -> Any:
    """Start a cluster that answers sums under /sums/predict."""
    from clipper_admin import ClipperConnection

    name = f"{name}-{os.getpid()}"
    ports = {"clipper_query_port": 0, "clipper_management_port": 0}
    clipper = ClipperConnection(LocalContainerManager(name, **ports, **options))
    clipper.start_clipper()
    clipper.register_application("sums", "doubles", "none", OBJECTIVE)
    deploy(clipper, "sums", 1, lambda rows: [float(sum(row)) for row in rows])
    clipper.link_model_to_app("sums", "sums")
    return clipper


def deploy(clipper: Any, model: str, version: int, function: Callable, **options: Any) -> None:
    """Deploy a function as the deck does."""
    from clipper_admin.deployers.python import deploy_python_closure

    deploy_python_closure(clipper, model, version, "doubles", function, base_image=IMAGE, **options)


@pytest.fixture(scope="module")
def clipper() -> Iterator[Any]:
    """Start one cluster for those tests of this file that leave it running."""
    connection = start("faults")
    yield connection
    connection.stop_all()


def ask(clipper: Any, *row: float, app: str = "sums") -> dict[str, Any]:
    """Send a query."""
    url = f"http://{clipper.get_query_addr()}/{app}/predict"
    return requests.post(url, json={"input": list(row)}, timeout=PATIENT).json()


def pids(clipper: Any, model: str = "sums") -> set[int]:
    """Return the processes of a model's replicas."""
    return {one["pid"] for one in clipper.cm.replicas() if one["name"] == model}


def alive(group: int) -> list[int]:
    """Return the processes of a cluster: those of its supervisor's group."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def nothing_is_left(clipper: Any, group: int) -> None:
    """Wait until a cluster has no process, no open port and no file."""
    until(lambda: not alive(group), "no process is left")
    until(lambda: not clipper.cm.folder.exists(), "no file is left")
    assert not clipper.cm.folder.with_name(f"{clipper.cm.cluster_name}.lock").exists()
    for port in (clipper.cm.clipper_query_port, clipper.cm.clipper_management_port):
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/", timeout=PATIENT)


# --------------------------------------------------------------------------- replicas


def test_a_killed_replica_costs_no_answer_and_comes_back(clipper):
    """Another replica answers the queries of one that was killed, and a new replica replaces it."""
    clipper.register_application("slow", "doubles", "none", OBJECTIVE)

    def slow(rows):
        time.sleep(0.05)
        return [row[0] for row in rows]

    deploy(clipper, "slow", 1, slow, num_replicas=2)
    clipper.link_model_to_app("slow", "slow")
    found: list[tuple[float, dict[str, Any]]] = []

    def load(first: int) -> None:
        for number in range(first, first + 12):
            found.append((float(number), ask(clipper, float(number), app="slow")))

    threads = [threading.Thread(target=load, args=(100 * place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = pids(clipper, "slow")
        os.kill(min(before), signal.SIGKILL)
        until(lambda before=before: len(pids(clipper, "slow") - {min(before)}) == 2, "there are two replicas again")
    for thread in threads:
        thread.join()
    assert len(found) == 72
    assert all((answer["output"], answer["default"]) == (number, False) for number, answer in found)
    page = requests.get(f"http://{clipper.get_query_addr()}/metrics", headers={"Accept": "text/plain"}, timeout=PATIENT)
    assert 'clipper_replica_restarts_total{model="slow",version="1"} 3.0' in page.text


def test_a_query_that_kills_its_replicas_is_given_up(clipper):
    """A query that crashes every replica gets the default; other queries get their answers."""
    clipper.register_application("deadly", "doubles", "none", OBJECTIVE)

    def deadly(rows):
        if any(row[0] < 0 for row in rows):
            os._exit(1)
        return [row[0] for row in rows]

    deploy(clipper, "deadly", 1, deadly)
    clipper.link_model_to_app("deadly", "deadly")
    answer = ask(clipper, -1.0, app="deadly")
    assert answer["default"]
    assert "raised an error" in answer["default_explanation"]
    assert ask(clipper, 1.0, app="deadly")["output"] == 1.0


def test_a_query_that_kills_takes_no_other_with_it(clipper):
    """Queries in one batch with a query that crashes the replica get their answers from the next replica."""
    clipper.register_application("mixed", "doubles", "none", OBJECTIVE)

    def mixed(rows):
        time.sleep(0.2)  # long enough for the next queries to wait together
        if any(row[0] < 0 for row in rows):
            os._exit(1)
        return [row[0] for row in rows]

    deploy(clipper, "mixed", 1, mixed)
    clipper.link_model_to_app("mixed", "mixed")
    found: dict[float, Any] = {}
    numbers = [0.0, 1.0, 2.0, -3.0, 4.0, 5.0]
    threads = [
        threading.Thread(target=lambda number=number: found.update({number: ask(clipper, number, app="mixed")}))
        for number in numbers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.pop(-3.0)["default"]
    assert {number: answer["output"] for number, answer in found.items()} == {n: n for n in numbers if n >= 0}


def test_a_model_fitted_on_two_threads_answers(clipper):
    """A model that the notebook fitted with OpenMP threads does not hang in a forked replica."""
    import numpy as np
    import xgboost

    rows = np.random.default_rng(0).random((500, 3))
    model = xgboost.train({"nthread": 2}, xgboost.DMatrix(rows, rows[:, 0]), 5)
    model.set_param({"nthread": 2})
    clipper.register_application("trees", "doubles", "none", OBJECTIVE)
    deploy(clipper, "trees", 1, lambda inputs: model.inplace_predict(np.array(inputs)), num_replicas=2)
    clipper.link_model_to_app("trees", "trees")
    for row in rows[:4]:
        assert ask(clipper, *row, app="trees")["output"] == pytest.approx(float(model.inplace_predict(row[None])[0]))


# --------------------------------------------------------------------------- front ends and zygote


@pytest.mark.parametrize("process", ["frontend", "management", "replicas"])
def test_what_dies_is_started_again_and_remembers(clipper, process):
    """A killed front end restarts at the same address, with its applications, links, versions and replicas."""
    deploy(clipper, "kept", 1, lambda rows: ["one"] * len(rows), num_replicas=2) if process == "frontend" else None
    if process == "frontend":
        clipper.register_application("kept", "doubles", "none", OBJECTIVE)
        deploy(clipper, "kept", 2, lambda rows: ["two"] * len(rows))
        clipper.link_model_to_app("kept", "kept")
        clipper.set_model_version("kept", "1")
    addresses = clipper.cm.get_query_addr(), clipper.cm.get_admin_addr()
    before = clipper.cm.processes()[process]
    os.kill(before, signal.SIGKILL)
    until(lambda: clipper.cm.processes()[process] != before, "it is started again")
    assert (clipper.cm.get_query_addr(), clipper.cm.get_admin_addr()) == addresses
    until(lambda: ask_again(clipper) == "one", "the version that was rolled back to answers")
    assert clipper.get_linked_models("kept") == ["kept"]
    assert clipper.get_current_model_version("kept") == "1"
    assert clipper.get_num_replicas("kept", 1) == 2
    clipper.set_num_replicas("kept", 3, 1)
    clipper.set_num_replicas("kept", 2, 1)
    clipper.set_model_version("kept", "2")
    assert ask(clipper, 0.0, app="kept")["output"] == "two"
    clipper.set_model_version("kept", "1")


def ask_again(clipper: Any) -> Any:
    """Query the application 'kept'; return None if the front end has just been killed."""
    try:
        return ask(clipper, 0.0, app="kept")["output"]
    except requests.ConnectionError:
        return None


# --------------------------------------------------------------------------- the end


def test_stop_leaves_nothing_whatever_models_do():
    """After stop_all no process, port or file is left, even if a model hangs and has started another process."""
    clipper = start("stop")
    group = clipper.cm.processes()["supervisor"]
    clipper.register_application("hang", "doubles", "none", 50_000)

    def hang(rows):
        subprocess.Popen(["sleep", "100000"])
        time.sleep(100_000)

    deploy(clipper, "hang", 1, hang)
    clipper.link_model_to_app("hang", "hang")
    assert ask(clipper, 1.0, app="hang")["default"]
    until(lambda: any(psutil.Process(pid).name() == "sleep" for pid in alive(group)), "the model has started a process")
    clipper.stop_all()
    nothing_is_left(clipper, group)
    clipper.stop_all()  # a second time does no harm


def test_a_killed_supervisor_takes_everything_with_it():
    """When the supervisor is killed, front ends and replicas end by themselves; the name can be used again at once."""
    clipper = start("orphans")
    group = clipper.cm.processes()["supervisor"]
    os.kill(group, signal.SIGKILL)
    until(lambda: not alive(group), "no process is left")
    clipper.stop_all()
    nothing_is_left(clipper, group)
    again = start("orphans")
    assert ask(again, 1.0, 2.0)["output"] == 3.0
    again.stop_all()


@pytest.mark.slow
def test_a_fresh_python_is_as_good_as_a_fork():
    """Where forking is not safe (macOS), replicas are new Python processes; they answer and restart as well."""
    clipper = start("spawned", start_method="spawn")
    try:
        assert ask(clipper, 1.0, 2.0)["output"] == 3.0
        before = pids(clipper)
        os.kill(min(before), signal.SIGKILL)
        assert ask(clipper, 2.0, 2.0)["output"] == 4.0
        assert until(lambda: pids(clipper), "the replica is back").isdisjoint(before)
    finally:
        clipper.stop_all()


@pytest.mark.slow
def test_kills_switches_and_rollbacks_under_load():
    """While replicas are killed and versions switched under load, no query fails or gets a wrong answer."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        ROOT / "benchmarks" / "stress_serving.py",
        "--seconds",
        str(patience.seconds(6)),
        "--every",
        str(patience.seconds(0.3)),
        "--patience",
        str(PATIENT),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["queries"] > 100
    assert {found[what] for what in ("failed", "wrong", "stale")} == {0}
    assert found["left after stop"] == found["left after the owner was killed"] == []  # the owner: by kill -9
    assert found["kills"] >= 3
