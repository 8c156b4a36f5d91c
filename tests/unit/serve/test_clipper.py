"""Clipper on a laptop: the unmodified client starts it, deploys, queries, updates, rolls back and stops it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from waiting import PATIENT, until

from course_utils.errors import UsageError
from course_utils.serve.clipper import LocalContainerManager, counters, queries, replicas, state, web, wire

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")

IMAGE = "clipper/python36-closure-container:0.4.1"
NUMBERS = itertools.count()
#: Microseconds within which an application that is never late has to answer.
OBJECTIVE = round(1e6 * PATIENT)


@pytest.fixture(scope="module")
def clipper() -> Iterator[Any]:
    """Start one cluster for the tests of this file; each uses applications and models of its own."""
    from clipper_admin import ClipperConnection

    manager = LocalContainerManager(f"test-{os.getpid()}", clipper_query_port=0, clipper_management_port=0)
    connection = ClipperConnection(manager)
    connection.start_clipper()
    yield connection
    connection.stop_all()


@pytest.fixture
def names() -> tuple[str, str]:
    """Return names for an application and a model that no other test uses."""
    name = f"app-{next(NUMBERS)}"
    return name, f"{name}-model"


def deploy(clipper: Any, model: str, version: Any, function: Callable, kind: str = "doubles", **options: Any) -> None:
    """Deploy a function as the deck does."""
    from clipper_admin.deployers.python import deploy_python_closure

    deploy_python_closure(clipper, model, version, kind, function, **{"base_image": IMAGE} | options)


def sums(rows: list[Any]) -> list[float]:
    """Answer the sum of each row."""
    return [float(sum(row)) for row in rows]


def application(
    clipper: Any, names: tuple[str, str], function: Callable = sums, kind: str = "doubles", **options: Any
) -> str:
    """Register an application, deploy version 1 of a model, link them, return the address for queries."""
    app, model = names
    clipper.register_application(app, kind, "the default", options.pop("slo", OBJECTIVE))
    deploy(clipper, model, 1, function, kind, **options)
    clipper.link_model_to_app(app, model)
    return address(clipper, app)


def address(clipper: Any, app: str) -> str:
    """Return where an application is queried."""
    return f"http://{clipper.get_query_addr()}/{app}/predict"


def ask(url: str, **query: Any) -> dict[str, Any]:
    """Send a query, return the answer."""
    answer = requests.post(url, json=query, timeout=PATIENT)
    assert answer.status_code == 200, answer.text
    return answer.json()


# --------------------------------------------------------------------------- queries


def test_a_row_and_several_rows_are_answered(clipper, names):
    """One row gets one answer; several rows get a list in order, each answer with its own id."""
    url = application(clipper, names)
    one = ask(url, input=[1.0, 2.5])
    assert (one["output"], one["default"]) == (3.5, False)
    many = ask(url, input_batch=[[1.0], [2.0, 3.0], [4.0]])["batch_predictions"]
    assert [row["output"] for row in many] == [1.0, 5.0, 4.0]
    assert len({row["query_id"] for row in [one, *many]}) == 4
    assert ask(url, input_batch=[[7.0]])["output"] == 7.0  # a batch of one row is answered as that row, as Clipper does
    assert ask(f"{url}/", input=[1])["output"] == 1.0  # and a slash at the end does not matter


@pytest.mark.parametrize(
    ("kind", "given", "seen"),
    [
        ("integers", [1, -2], "int32 [1, -2]"),
        ("floats", [0.5], "float32 [0.5]"),
        ("doubles", [0.1, 2], "float64 [0.1, 2.0]"),
        ("strings", "late?", "str late?"),
        ("bytes", base64.b64encode(b"\x01\xff").decode(), "int8 [1, -1]"),
    ],
)
def test_every_input_type_reaches_the_model_as_in_clipper(clipper, names, kind, given, seen):
    """A model gets numpy arrays of the input type, and texts as they are."""

    def tell(rows):
        return [f"str {row}" if isinstance(row, str) else f"{row.dtype} {row.tolist()}" for row in rows]

    assert ask(application(clipper, names, tell, kind), input=given)["output"] == seen


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("0.5", 0.5),
        (np.float32(0.9041093), 0.9041093),
        ("on time", "on time"),
        ('{"late": [1, 2]}', {"late": [1, 2]}),
        (float("nan"), "nan"),
        ('"quoted"\n', "quoted"),
        (None, "None"),
        (True, "True"),
        (10**30, pytest.approx(1e30)),
    ],
)
def test_outputs_that_read_as_json_are_json(output, answer):
    """An output that is valid JSON is passed on as it is; any other output becomes a string."""
    written = queries.as_json(output)
    assert b"\n" not in written
    read = json.loads(written)
    assert (float(read) if output == 10**30 else read) == answer
    assert queries.outputs_as_json([output]) == [written]


def test_arrays_are_written_like_their_elements():
    """The fast path for arrays of numbers gives the same JSON as the general one, also for NaN and infinity."""
    for array in (np.float32([0.9041093, 1e-8, 3.0]), np.array([0.1, 1e300]), np.array([1.0, np.nan]), np.array([])):
        short = [json.loads(one) for one in queries.outputs_as_json(array)]
        assert short == [json.loads(queries.as_json(one)) for one in array]
    assert queries.outputs_as_json(np.array([[1, 2]])) == [b'"[1 2]"']


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("doubles", b"{"),
        ("doubles", b""),
        ("doubles", b"[1.0]"),
        ("doubles", b'{"inputs": [1.0]}'),
        ("doubles", b'{"input": 1.0}'),
        ("doubles", b'{"input": ["1.0"]}'),
        ("doubles", b'{"input": [null]}'),
        ("doubles", b'{"input": [true]}'),
        ("doubles", b'{"input": [NaN]}'),
        ("doubles", b'{"input_batch": [[1.0], "no"]}'),
        ("doubles", b'{"input_batch": 3}'),
        ("doubles", b'{"input": [[1.0]]}'),
        ("doubles", b'{"input": {"a": 1}}'),
        ("doubles", b'{"input_batch": [[[1.0]], 5]}'),
        ("doubles", b'{"input": [1.0], "input": [null]}'),
        ("integers", b'{"input": [1.5]}'),
        ("integers", b'{"input": [3000000000]}'),
        ("strings", b'{"input": 5}'),
        ("bytes", b'{"input": "***"}'),
    ],
)
def test_a_query_that_cannot_be_read_is_refused(kind, body):
    """Invalid JSON, a missing input or a wrong type is an error; nothing is guessed."""
    with pytest.raises(queries.QueryError, match="Error parsing JSON"):
        queries.parse(body, kind)


def test_a_refused_query_gets_clippers_status_and_body(clipper, names):
    """Clipper's status 400 with error and cause; the connection stays usable, and other queries are not harmed."""
    url = application(clipper, names)
    unlinked, _ = f"{names[0]}-unlinked", clipper.register_application(f"{names[0]}-unlinked", "doubles", "x", 10**6)
    with requests.Session() as session:
        for target in (url, address(clipper, unlinked)):
            for body in (b"{", b'{"input": ["a"]}'):
                refused = session.post(target, data=body, timeout=PATIENT)
                assert refused.status_code == 400
                assert refused.json()["error"] == "Json error"
        assert session.post(url, json={"input": [2.0]}, timeout=PATIENT).json()["output"] == 2.0
    nowhere = requests.post(address(clipper, "nobody"), json={"input": [1.0]}, timeout=PATIENT)
    assert (nowhere.status_code, nowhere.json()["cause"]) == (400, "No registered application with name: nobody")
    assert requests.get(f"http://{clipper.get_query_addr()}/", timeout=PATIENT).status_code == 404
    assert requests.get(url, timeout=PATIENT).status_code == 405


def test_one_bad_row_spoils_no_other_query(clipper, names):
    """A row that the model cannot take gets the default; queries in the same batch get their answers."""

    def picky(rows):
        if any(len(row) != 2 for row in rows):
            raise ValueError("two numbers, please")
        return [row[0] * row[1] for row in rows]

    url = application(clipper, names, picky)
    found: dict[int, dict[str, Any]] = {}

    def query(place: int) -> None:
        found[place] = ask(url, input=[float(place), 2.0] if place % 4 else [1.0])

    threads = [threading.Thread(target=query, args=(place,)) for place in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, answer in found.items():
        if place % 4:
            assert (answer["output"], answer["default"]) == (place * 2.0, False)
        else:
            assert (answer["output"], answer["default"]) == ("the default", True)
            assert "raised an error" in answer["default_explanation"]


def test_a_model_that_returns_too_few_outputs_is_found_out():
    """If a model returns a wrong number of outputs, no row gets one, so none goes to the wrong row."""
    predictor = replicas.Predictor(lambda rows: rows[:-1], "doubles")
    frame = predictor.answer([b'{"input_batch": [[1.0], [2.0]]}'])
    kind, rows, _ = wire.ANSWER.unpack_from(frame, wire.BATCH.size)
    assert (kind, rows) == (wire.Kind.FAILED_MANY, 2)


def test_a_batch_size_is_kept_to(clipper, names):
    """A model with batch_size never gets more rows in one call; without it, one call gets all rows."""

    def count(rows):
        return [len(rows)] * len(rows)

    url = application(clipper, names, count, batch_size=2)
    assert [one["output"] for one in ask(url, input_batch=[[0.0]] * 5)["batch_predictions"]] == [2, 2, 2, 2, 1]
    deploy(clipper, names[1], 2, count)
    assert [one["output"] for one in ask(url, input_batch=[[0.0]] * 5)["batch_predictions"]] == [5] * 5


def test_queries_sent_together_are_predicted_together(clipper, names):
    """Queries that wait for a busy replica go to it in batches, not one by one."""
    import tempfile

    folder = Path(tempfile.mkdtemp())
    busy, gate = folder / "busy", folder / "open"

    def gated(rows):
        if rows[0][0] == 0:
            busy.touch()
            while not gate.exists():
                time.sleep(0.001)
        return [len(rows)] * len(rows)

    url = application(clipper, names, gated)
    first = threading.Thread(target=lambda: ask(url, input=[0.0]))
    first.start()
    until(busy.exists, "the replica works on the first query")
    body = b'{"input": [1.0]}'
    head = f"POST /{names[0]}/predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    others = [raw(clipper, head.encode(), body) for _ in range(12)]
    for _ in range(3):
        counted(clipper, "clipper_replicas")  # when the front end answers this, it has read what was sent before
    gate.touch()
    first.join()
    sizes = [json.loads(read_all(line).partition(b"\r\n\r\n")[2])["output"] for line in others]
    assert sum(1 / size for size in sizes) < 12  # batches of one would add up to 12


def counted(clipper: Any, name: str, **labels: str) -> float:
    """Return the value of a metric, 0 if it does not exist yet."""
    page = requests.get(f"http://{clipper.get_query_addr()}/metrics", headers={"Accept": "text/plain"}, timeout=PATIENT)
    samples = [one for family in text_string_to_metric_families(page.text) for one in family.samples]
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


# --------------------------------------------------------------------------- deadlines


def test_past_the_deadline_the_default_is_answered(clipper, names):
    """A late query gets the default for each row in time; the model's late answer is discarded and counted."""
    app, model = names

    def slow(rows):
        time.sleep(rows[0][0])
        return sums(rows)

    url = application(clipper, names, slow, slo=200_000)
    late = ask(url, input_batch=[[1.0], [0.0]])["batch_predictions"]
    assert [(row["output"], row["default"]) for row in late] == [("the default", True)] * 2
    assert "latency SLO" in late[0]["default_explanation"]
    until(lambda: counted(clipper, "clipper_late_total", app=app) == 1, "the late answer is counted")
    assert counted(clipper, "clipper_defaulted_total", app=app, model=model, version="1") == 2
    until(lambda: not ask(url, input=[0.0])["default"], "the model answers in time again")


def test_without_a_model_the_default_is_answered(clipper, names):
    """An application without a model answers at once, and says that there is none."""
    clipper.register_application(names[0], "doubles", '{"late": 0}', OBJECTIVE)
    answer = ask(address(clipper, names[0]), input=[1.0])
    assert (answer["output"], answer["default"]) == ({"late": 0}, True)
    assert answer["default_explanation"] == "No connected models found for query"


# --------------------------------------------------------------------------- versions


def test_update_and_rollback_as_the_deck_meant_them(clipper, names):
    """A new version changes the answer at once; the rollback brings back version 1's answer, bit for bit."""
    url = application(clipper, names, lambda rows: [0.9041093 + row[0] for row in rows])
    first = ask(url, input=[1e-9])["output"]
    deploy(clipper, names[1], 2, lambda rows: [0.8779864 + row[0] for row in rows])
    assert ask(url, input=[1e-9])["output"] != first
    assert clipper.get_current_model_version(names[1]) == "2"
    clipper.set_model_version(names[1], "1")
    assert ask(url, input=[1e-9])["output"] == first
    assert ask(url, input=[1e-9], version="2")["output"] != first  # either may be asked for by name
    refused = requests.post(url, json={"input": [1.0], "version": "9"}, timeout=PATIENT)
    assert refused.status_code == 400
    assert refused.json()["cause"] == f"Requested version: 9 does not exist for model: {names[1]}"


def test_the_decks_own_calls_update_nothing(clipper, names):
    """Version 2 under another model's name changes no answer, and neither does its 'rollback' (the deck's error 7)."""
    url = application(clipper, names, lambda rows: [1.0] * len(rows))
    deploy(clipper, f"{names[1]}v2", 2, lambda rows: [2.0] * len(rows))
    after = ask(url, input=[0.0])["output"]
    clipper.set_model_version(f"{names[1]}v2", "2")
    assert (after, ask(url, input=[0.0])["output"]) == (1.0, 1.0)


def test_a_version_is_used_once(clipper, names):
    """Deploying a version again is refused and changes nothing, even if its replica is killed later."""
    from clipper_admin import ClipperException

    url = application(clipper, names, lambda rows: ["first"] * len(rows))
    before = own_replicas(clipper, names[1])
    with pytest.raises(ClipperException, match="already exists"):
        deploy(clipper, names[1], 1, lambda rows: ["second"] * len(rows), num_replicas=3)
    assert own_replicas(clipper, names[1]) == before
    os.kill(before[0]["pid"], 9)
    until(lambda: own_replicas(clipper, names[1]) not in ([], before), "the replica came back")
    assert ask(url, input=[0.0])["output"] == "first"
    clipper.set_num_replicas(names[1], 2)
    assert {ask(url, input=[0.0])["output"] for _ in range(8)} == {"first"}


def own_replicas(clipper: Any, model: str) -> list[dict[str, Any]]:
    """Return the replicas of a model."""
    return [one for one in clipper.cm.replicas() if one["name"] == model]


def test_a_model_that_cannot_be_loaded_is_refused(clipper, names):
    """The error says why, no replica stays, and the same version can be deployed once it is fixed."""
    from clipper_admin import ClipperException

    class Broken:
        def __reduce__(self):
            return (int, ("no number",))

    broken = Broken()
    with pytest.raises(ClipperException, match="no number"):
        deploy(clipper, names[1], 1, lambda rows: [broken] * len(rows))
    assert own_replicas(clipper, names[1]) == []
    assert ask(application(clipper, names), input=[1.0])["output"] == 1.0


def test_what_was_refused_is_replaced(clipper, names):
    """A version whose registration was refused is not served later with what was deployed then."""
    from clipper_admin import ClipperException

    url = application(clipper, names)
    with pytest.raises(ClipperException, match="incompatible input_type"):
        deploy(clipper, names[1], 2, lambda rows: ["wrong"] * len(rows), "strings")
    assert ask(url, input=[3.0])["output"] == 3.0
    deploy(clipper, names[1], 2, lambda rows: ["right"] * len(rows))
    assert ask(url, input=[3.0])["output"] == "right"


def test_replicas_are_added_and_removed(clipper, names):
    """There are as many replica processes as requested, and no query is lost when some are stopped."""
    url = application(clipper, names, lambda rows: [os.getpid()] * len(rows))
    clipper.set_num_replicas(names[1], 3)
    assert clipper.get_num_replicas(names[1]) == 3
    assert len({one["pid"] for one in own_replicas(clipper, names[1])}) == 3
    assert sorted(one for one in clipper.get_all_model_replicas() if one.startswith(f"{names[1]}:")) == [
        f"{names[1]}:1:{number}" for number in range(3)
    ]
    assert clipper.get_model_replica_info(names[1], 1, 2)["model_replica_id"] == 2
    clipper.set_num_replicas(names[1], 1)
    assert clipper.get_num_replicas(names[1]) == 1
    assert ask(url, input=[0.0])["output"] == own_replicas(clipper, names[1])[0]["pid"]
    clipper.stop_models([names[1]])
    assert own_replicas(clipper, names[1]) == []
    assert ask(url, input=[0.0])["default_explanation"] == "No connected models found for query"


@pytest.mark.parametrize("number", [-1, 1.5, 101, True])
def test_numbers_of_replicas_that_make_no_sense(clipper, names, number):
    """An invalid number of replicas is refused, and nothing changes."""
    from clipper_admin import ClipperException

    application(clipper, names)
    with pytest.raises(ClipperException, match="from 0 to 100"):
        clipper.set_num_replicas(names[1], number)
    assert clipper.get_num_replicas(names[1]) == 1


def test_random_numbers_differ_between_replicas(clipper, names):
    """Replicas do not draw the same random numbers, as forks of one process would."""
    url = application(clipper, names, lambda rows: [np.random.random()] * len(rows), num_replicas=4)
    assert len({ask(url, input=[0.0])["output"] for _ in range(4)}) == 4


# --------------------------------------------------------------------------- rules of the management front end


def add(known: state.State, kind: str = "doubles", version: str = "1") -> None:
    """Register a version of a model m."""
    known.add_model(
        {
            "model_name": "m",
            "model_version": version,
            "labels": [],
            "input_type": kind,
            "container_name": "i",
            "model_data_path": "d",
        }
    )


APP = {"name": "a", "input_type": "doubles", "default_output": "x", "latency_slo_micros": 1000}
MODEL = {"model_name": "m", "model_version": "1"}
LINK = {"app_name": "a", "model_names": ["m"]}


@pytest.mark.parametrize(
    ("call", "request_", "says"),
    [
        ("add_app", APP, "Error application a already exists"),
        ("add_app", APP | {"name": "b", "input_type": "words"}, "Invalid input type: words"),
        ("add_app", APP | {"name": "b", "latency_slo_micros": 0}, "not above 0"),
        ("add_app", APP | {"name": "b", "latency_slo_micros": "fast"}, "not of type int"),
        ("add_app", APP | {"name": "b/c"}, "cannot be part of an address"),
        ("add_app", {"name": "b"}, "required key"),
        ("delete_app", {"name": "b"}, "No application with name 'b' exists"),
        ("add_model_links", {"app_name": "a", "model_names": ["n"]}, "No model with name 'n' exists"),
        ("add_model_links", {"app_name": "b", "model_names": ["m"]}, "No application"),
        ("delete_model_links", {"app_name": "a", "model_names": ["n"]}, "is not linked"),
        ("set_model_version", MODEL | {"model_version": "9"}, "ERROR: Version 9 does not exist for model m"),
        ("delete_versioned_model", MODEL | {"model_version": "9"}, "No model with name 'm' and version '9' exists"),
    ],
)
def test_what_breaks_clippers_rules_is_refused_and_changes_nothing(call, request_, says):
    """Names and versions are unique, input types known, objectives above 0, and links point at existing models."""
    known = state.State()
    known.add_app(APP)
    add(known)
    known.add_model_links(LINK)
    before = json.dumps(known.as_dict())
    with pytest.raises(state.StateError, match=says):
        getattr(known, call)(request_)
    assert json.dumps(known.as_dict()) == before


def test_an_application_has_one_model_of_its_type():
    """A second model, or one of another input type, cannot be linked, nor a version of another type added later."""
    known = state.State()
    known.add_app(APP)
    add(known)
    known.add_model_links(LINK)
    known.add_model_links(LINK)  # the same again does no harm
    with pytest.raises(state.StateError, match="incompatible input_type 'strings'"):
        add(known, "strings", "2")
    known.add_model(
        {
            "model_name": "n",
            "model_version": "1",
            "labels": [],
            "input_type": "d",
            "container_name": "i",
            "model_data_path": "",
        }
    )
    with pytest.raises(state.StateError, match="at most one model"):
        known.add_model_links({"app_name": "a", "model_names": ["n"]})
    known.delete_model_links(LINK)
    known.add_model_links({"app_name": "a", "model_names": ["n"]})
    known.add_app(APP | {"name": "s", "input_type": "strings"})
    with pytest.raises(state.StateError, match="Requested app to link to has input_type 'strings'"):
        known.add_model_links({"app_name": "s", "model_names": ["m"]})
    assert set(state.INPUT_TYPES.values()) == {"bytes", "integers", "floats", "doubles", "strings"}


def test_the_state_is_kept_in_a_file(tmp_path):
    """A saved state is read again; without a file the state is empty."""
    file = tmp_path / "state.json"
    assert state.State.load(file).apps == {}
    known = state.State()
    known.add_app(APP)
    add(known)
    add(known, version="2")
    known.save(file)
    again = state.State.load(file)
    assert again.as_dict() == known.as_dict()
    assert again.current == {"m": "2"}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_what_is_known_can_be_asked_for(clipper, names):
    """The client lists applications, links and models, as names or in full, and returns None for unknown ones."""
    app, model = names
    application(clipper, names, labels=["first"])
    deploy(clipper, model, 2, sums)
    assert app in clipper.get_all_apps()
    info = clipper.get_app_info(app)
    assert info in clipper.get_all_apps(verbose=True)
    assert info == {
        "name": app, "input_type": "doubles", "default_output": "the default", "latency_slo_micros": OBJECTIVE,
        "linked_models": [model],
    }  # fmt: skip
    assert clipper.get_linked_models(app) == [model]
    assert {f"{model}:1", f"{model}:2"} <= set(clipper.get_all_models())
    old = clipper.get_model_info(model, 1)
    assert old in clipper.get_all_models(verbose=True)
    assert (old["labels"], old["is_current_version"], old["input_type"]) == (["first"], False, "doubles")
    assert old["container_name"].endswith(f"{model}:1")
    assert clipper.get_app_info("nobody") is clipper.get_model_info(model, 9) is None
    assert clipper.get_model_replica_info(model, 1, 9) is None
    clipper.stop_inactive_model_versions([model])
    assert [one for one in clipper.get_all_models() if one.startswith(f"{model}:")] == [f"{model}:2"]
    clipper.unlink_model_from_app(app, model)
    assert clipper.get_linked_models(app) == []
    clipper.unregister_application(app)
    assert app not in clipper.get_all_apps()
    assert requests.post(address(clipper, app), json={"input": [1.0]}, timeout=PATIENT).status_code == 400


# --------------------------------------------------------------------------- metrics and logs


def test_metrics_in_clippers_form_and_in_prometheus(clipper, names):
    """The client's inspect_instance and Prometheus read the same counts."""
    app, model = names
    url = application(clipper, names)
    ask(url, input=[1.0])
    ask(url, input_batch=[[1.0], [2.0]])
    report = clipper.inspect_instance()
    assert {f"app:{app}:num_predictions": {"count": "3"}} in report["counters"]
    assert {f"model:{model}:1:num_predictions": {"count": "3"}} in report["counters"]
    assert {f"app:{app}:default_prediction_ratio": {"ratio": "0"}} in report["ratio_counters"]
    labels = {"app": app, "model": model, "version": "1"}
    assert counted(clipper, "clipper_queries_total", **labels) == 3
    assert counted(clipper, "clipper_latency_seconds_count", **labels) == 2
    assert counted(clipper, "clipper_batch_rows_sum", model=model) == 3
    assert counted(clipper, "clipper_replicas", model=model) == 1
    assert clipper.get_metric_addr() == clipper.get_query_addr()


def test_latencies_are_counted_below_the_bound_that_holds():
    """A latency is counted in the first bucket whose bound is not below it; default answers count as answers."""
    stats = counters.AnswerStats()
    stats.add_answer(0.0005, 1)
    stats.add_answer(100.0, 3)
    stats.add_default(0.1, 2)
    assert (stats.queries, stats.defaults, sum(stats.seconds)) == (6, 2, 3)
    assert (stats.seconds[0], stats.seconds[-1]) == (1, 1)
    front = type("Front", (), {"apps": {}, "batches": {("m", "1"): stats}, "restarts": {}, "started": 0.0})()
    told = json.loads(counters.as_clipper(front))
    assert {"model:m:1:num_predictions": {"count": "6"}} in told["counters"]
    assert told["histograms"][0]["model:m:1:prediction_latency"]["max"] == "100000000"
    assert b'clipper_batch_rows_sum{model="m",version="1"} 6.0' in counters.as_prometheus(front)


def test_metrics_of_the_users_own(clipper, names):
    """A closure's own counter is on the page, with model, version and replica."""

    def counting(rows):
        from clipper_admin import metrics

        metrics.add_metric("long_flights", "Counter", "Flights over 2,000 miles")
        metrics.report_metric("long_flights", sum(row[0] > 2000 for row in rows))
        return sums(rows)

    ask(application(clipper, names, counting), input_batch=[[2100.0], [10.0], [3000.0]])
    assert counted(clipper, "long_flights_total", model=names[1], version="1", replica="0") == 2


def test_logs_have_what_models_print(clipper, names, tmp_path):
    """get_clipper_logs copies the log of each front end and replica."""

    def talking(rows):
        print("a closure was here")
        return sums(rows)

    ask(application(clipper, names, talking), input=[1.0])
    logs = {Path(log).name: Path(log).read_text() for log in clipper.get_clipper_logs(str(tmp_path / "logs"))}
    assert "a closure was here" in logs[f"{names[1]}_1-0.log"]
    assert {"frontend.log", "management.log", "replicas.log", "supervisor.log"} <= set(logs)


# --------------------------------------------------------------------------- safety


def test_front_ends_listen_on_this_machine_only(clipper):
    """Both ports are open on loopback, and on no other address of the machine."""
    import psutil

    processes = clipper.cm.processes()
    for name in ("frontend", "management"):
        listening = [one for one in psutil.Process(processes[name]).net_connections("inet") if one.status == "LISTEN"]
        assert [one.laddr.ip for one in listening] == ["127.0.0.1"]


def test_a_stranger_cannot_manage_the_cluster(clipper):
    """Without the secret of the management address every call is refused, and nothing changes."""
    port = clipper.cm.clipper_management_port
    for who in ("", "clipper:wrong@", "@"):
        for call in ("add_app", "add_model", "get_all_applications"):
            answer = requests.post(f"http://{who}127.0.0.1:{port}/admin/{call}", json=APP, timeout=PATIENT)
            assert answer.status_code == 401
    assert "a" not in clipper.get_all_apps()
    known = f"http://{clipper.cm.get_admin_addr()}/admin"
    assert requests.get(f"{known}/ping", timeout=PATIENT).status_code == 200
    assert requests.post(f"{known}/launch", json={}, timeout=PATIENT).status_code == 404
    assert requests.get(f"{known}/add_app", timeout=PATIENT).status_code == 405
    assert requests.post(f"{known}/add_app", data=b"{", timeout=PATIENT).status_code == 400
    assert requests.post(f"{known}/add_app", json=[1], timeout=PATIENT).status_code == 400


def test_files_are_for_their_owner_only(clipper):
    """No other user can enter the cluster's folder, which holds the secret and the pickled models."""
    assert clipper.cm.folder.stat().st_mode & 0o077 == 0
    assert clipper.cm.folder.parent.stat().st_mode & 0o077 == 0


def raw(clipper: Any, *parts: bytes) -> socket.socket:
    """Connect, send the parts and return the socket."""
    line = socket.create_connection(("127.0.0.1", clipper.cm.clipper_query_port), timeout=PATIENT)
    for part in parts:
        line.sendall(part)
    return line


def read_all(line: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := line.recv(65536):
            found += part
    line.close()
    return found


def test_requests_that_are_too_large_or_no_http_are_refused(clipper, names):
    """A body or head over the limit, or invalid HTTP, gets an error and is cut off; other clients are served."""
    url = application(clipper, names)
    head = f"POST /{names[0]}/predict HTTP/1.1\r\nHost: x\r\n".encode()
    assert b" 413 " in read_all(
        raw(clipper, head, b"Content-Length: %d\r\n\r\n" % (2 * web.MAX_BODY_BYTES), bytes(web.MAX_BODY_BYTES))
    )
    assert b" 431 " in read_all(raw(clipper, head, b"X-Long: ", b"x" * 65536))
    assert b" 400 " in read_all(raw(clipper, b"hello?\r\n\r\n"))
    assert ask(url, input=[1.0])["output"] == 1.0


def test_requests_sent_ahead_are_answered_in_order(clipper, names):
    """A client may send many requests before it reads; the answers come in the order of the requests, none is lost."""
    application(clipper, names)
    request = b"".join(
        f"POST /{names[0]}/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        for body in (f'{{"input": [{number}]}}'.encode() for number in range(200))
    )
    line = raw(clipper, request, b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    told = read_all(line)
    outputs = [float(part.split(b",")[0]) for part in told.split(b'"output":')[1:]]
    assert outputs == [float(number) for number in range(200)]
    assert told.count(b"HTTP/1.1 404") == 1


def test_clients_that_stop_do_not_delay_others(clipper, names):
    """Clients that stop in the middle of a request, or never read, do not keep others from their answers."""
    url = application(clipper, names)
    half = [
        raw(clipper, f"POST /{names[0]}/predict HTTP/1.1\r\nContent-Length: 100\r\n\r\n{{".encode()) for _ in range(50)
    ]
    for number in range(20):
        assert ask(url, input=[float(number)])["output"] == number
    for line in half:
        line.close()


def test_when_there_are_too_many_clients_the_idle_ones_make_room(clipper, names):
    """However many connections are open and idle, a new client is served."""
    url = application(clipper, names)
    import resource

    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < web.MAX_CLIENTS + 200:
        pytest.skip("this system lets a process open fewer connections than the limit")
    idle = [raw(clipper) for _ in range(web.MAX_CLIENTS + 20)]
    assert ask(url, input=[5.0])["output"] == 5.0
    for line in idle:
        line.close()


class Fake:
    """A transport that records what is written, in memory."""

    def __init__(self) -> None:
        self.sent, self.closed, self.aborted = b"", False, False

    def write(self, data: bytes) -> None:
        """Keep what is sent."""
        self.sent += data

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def abort(self) -> None:
        """Note it."""
        self.aborted = True

    def is_closing(self) -> bool:
        """Say whether it was closed."""
        return self.closed

    def write_eof(self) -> None:
        """Note it."""
        self.closed = True


def test_slow_clients_are_let_go():
    """A client that does not finish its request in time is cut off; an idle client is not."""

    async def watch() -> tuple[bool, bool]:
        loop = asyncio.get_running_loop()
        clients: set[web.Connection] = set()
        slow, idle = web.Connection(clients, loop), web.Connection(clients, loop)
        for one in (slow, idle):
            one.connection_made(Fake())
            one.waiting_since = None
        slow.data_received(b"POST /a/predict HTTP/1.1\r\n")
        slow.waiting_since -= 1000
        web.close_slow_clients(clients, loop)
        return slow.transport.aborted, idle.transport.aborted

    assert asyncio.run(watch()) == (True, False)


def test_a_request_comes_in_pieces():
    """A request that arrives byte by byte is handled once, with its body and after 'Expect: 100-continue'."""
    seen: list[web.Request] = []

    class Server(web.Connection):
        def handle(self, request: web.Request) -> None:
            seen.append(request)
            self.respond(200, b"ok", "text/plain")

    async def send() -> bytes:
        one = Server(set(), asyncio.get_running_loop())
        one.connection_made(Fake())
        for (
            byte
        ) in b"POST /a/predict HTTP/1.1\r\nExpect: 100-continue\r\nAccept: x/y\r\nContent-Length: 5\r\n\r\nhello":
            one.data_received(bytes([byte]))
        return one.transport.sent

    sent = asyncio.run(send())
    assert [(one.method, one.path, one.body, one.headers, one.keep_alive) for one in seen] == [
        (b"POST", b"/a/predict", b"hello", {b"accept": b"x/y"}, True)
    ]
    assert sent.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert sent.endswith(b"\r\n\r\nok")


# --------------------------------------------------------------------------- the inner wire


def test_each_user_has_a_folder_of_clusters():
    """A cluster is found in the folder of the user who started it, by whatever process of that user looks for it."""
    made = LocalContainerManager("found", clipper_query_port=0, clipper_management_port=0)
    assert made.folder == wire.clusters_folder() / "found"
    assert str(os.getuid()) in made.folder.parent.name


def test_processes_ask_each_other(tmp_path):
    """A call gets its answer, inside and outside an event loop, and a refusal is raised as an error."""

    async def answer(request: dict[str, Any], *_: Any) -> dict[str, Any]:
        if "no" in request:
            raise wire.CallError("never")
        return {"twice": request["number"] * 2}

    async def both() -> None:
        server = await wire.listen(tmp_path / "s", answer)
        assert await wire.ask_async(tmp_path / "s", {"number": 4}) == {"twice": 8}
        assert await asyncio.to_thread(wire.ask, tmp_path / "s", {"number": 5}) == {"twice": 10}
        with pytest.raises(wire.CallError, match="never"):
            await wire.ask_async(tmp_path / "s", {"no": 1})
        server.close()

    asyncio.run(both())


def test_a_batch_goes_to_a_replica_and_back():
    """Bodies arrive as they were sent, and answers of each kind are in the order of the queries."""
    bodies = [b'{"input": [1.0]}', b"{", b'{"input_batch": [[1.0], [2.0]]}']
    head, sizes, *sent = wire.pack_batch(bodies, 7)
    assert wire.BATCH.unpack(head) == (3, 7, sum(map(len, bodies)))
    assert (len(sizes), sent) == (12, bodies)
    frame = replicas.Predictor(sums, "doubles").answer(bodies)
    heads = list(wire.ANSWER.iter_unpack(frame[wire.BATCH.size :][: 3 * wire.ANSWER.size]))
    assert [kind for kind, _, _ in heads] == [wire.Kind.ONE, wire.Kind.INVALID, wire.Kind.MANY]
    assert frame.endswith(b"1.0\n2.0")
    assert queries.as_inputs(queries.parse(b'{"input": [1]}', "floats")[0], "floats")[0].dtype == np.float32


# --------------------------------------------------------------------------- starting


def test_each_process_is_a_module_of_its_own(clipper):
    """Each process runs the main function of its module, so the list of processes tells them apart."""
    import psutil

    from course_utils.serve.clipper import frontend, management, supervisor

    for name, pid in clipper.cm.processes().items():
        assert f"course_utils.serve.clipper.{name}" in psutil.Process(pid).cmdline()
    for module in (frontend, management, supervisor):
        assert module.main.__doc__.startswith("Run the ")


def test_a_cluster_needs_a_name_that_can_be_a_folder():
    """Names with other characters, or none, are refused before anything is started."""
    for name in ("", "Upper", "a/b", "../up", "x" * 40):
        with pytest.raises(UsageError, match="cluster_name"):
            LocalContainerManager(name)
    with pytest.raises(UsageError, match="start_method"):
        LocalContainerManager(start_method="thread")


def test_windows_is_told_what_to_do(monkeypatch):
    """On Windows there is one clear error with the alternatives."""
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UsageError, match="WSL"):
        LocalContainerManager()


def test_a_name_and_a_port_can_be_taken_once(clipper):
    """A running cluster's name, a port in use and a second query front end are refused, each with the fix."""
    from clipper_admin import ClipperConnection, ClipperException

    with pytest.raises(ClipperException, match="already exists"):
        ClipperConnection(
            LocalContainerManager(clipper.cm.cluster_name, clipper_query_port=0, clipper_management_port=0)
        ).start_clipper()
    for option, name in (("clipper_query_port", "query"), ("clipper_management_port", "management")):
        ports = {"clipper_query_port": 0, "clipper_management_port": 0} | {option: clipper.cm.clipper_query_port}
        other = LocalContainerManager(f"other-{os.getpid()}", **ports)
        with pytest.raises(UsageError, match=f"{name} address.*{option}=0"):
            other.start_clipper()
        assert not other.folder.exists()
    with pytest.raises(ClipperException, match="num_frontend_replicas=1"):
        other.start_clipper(num_frontend_replicas=2)
    with pytest.raises(ClipperException, match="No cluster"):
        other.connect()


def test_two_clusters_live_side_by_side(clipper, names):
    """Two clusters share nothing: applications of one name answer differently, and one can stop alone."""
    from clipper_admin import ClipperConnection

    url = application(clipper, names)
    other = ClipperConnection(
        LocalContainerManager(f"two-{os.getpid()}", clipper_query_port=0, clipper_management_port=0)
    )
    other.start_clipper()
    try:
        there = application(other, names, lambda rows: ["other"] * len(rows))
        assert (ask(url, input=[1.0])["output"], ask(there, input=[1.0])["output"]) == (1.0, "other")
    finally:
        other.stop_all()
    assert ask(url, input=[2.0])["output"] == 2.0
    with pytest.raises(requests.ConnectionError):
        requests.post(there, json={"input": [1.0]}, timeout=PATIENT)


def test_another_process_connects_by_name(clipper, names):
    """A second notebook connects to the running cluster, deploys there, and the first one sees it."""
    application(clipper, names)
    code = f"""
from clipper_admin import ClipperConnection
from clipper_admin.deployers.python import deploy_python_closure
from course_utils.serve.clipper import LocalContainerManager
other = ClipperConnection(LocalContainerManager({clipper.cm.cluster_name!r}))
other.connect()
deploy_python_closure(other, {names[1]!r}, 2, "doubles", lambda rows: ["theirs"] * len(rows), base_image={IMAGE!r})
"""
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ask(address(clipper, names[0]), input=[1.0])["output"] == "theirs"


def test_a_model_may_use_a_module_beside_the_notebook(names, tmp_path, monkeypatch):
    """Models can import modules from the path of the process that starts the cluster."""
    from clipper_admin import ClipperConnection

    (tmp_path / "beside.py").write_text("def answer(rows):\n    return ['from beside'] * len(rows)\n")
    monkeypatch.syspath_prepend(tmp_path)
    import beside

    other = ClipperConnection(
        LocalContainerManager(f"path-{os.getpid()}", clipper_query_port=0, clipper_management_port=0)
    )
    other.start_clipper()
    try:
        assert ask(application(other, names, beside.answer), input=[1.0])["output"] == "from beside"
    finally:
        other.stop_all()


def test_a_process_notices_that_its_owner_has_ended():
    """A process that waits for its parent continues as soon as the pipe breaks."""
    code = "import asyncio; from course_utils.serve.clipper import wire; "
    code += "asyncio.run(wire.wait_for_parent_exit()); print('alone')"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.poll() is None
    assert process.communicate(timeout=PATIENT)[0] == b"alone\n"  # communicate closes the pipe
