"""Each public method of the unmodified client on a local cluster, as `tables/serve/clipper_methods.toml` says."""

from __future__ import annotations

import inspect
import logging
import os
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import docker
import numpy as np
import pytest
import requests
from waiting import PATIENT

from course_utils import tables

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a package without a maintainer
    from clipper_admin import ClipperConnection, ClipperException, DockerContainerManager, KubernetesContainerManager
    from clipper_admin.deployers import python as python_deployer

    from course_utils.serve import load_testing
    from course_utils.serve.clipper import LocalContainerManager

STOCK = "clipper/python36-closure-container:0.4.1"
NOOP = "clipper/noop-container:0.4.1"

pytestmark = pytest.mark.slow
ROWS = tables.read_toml("clipper_methods.toml")


def notebook(source: str) -> Any:
    """Define the function `predict` as a notebook does, so that its code is pickled too."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(source, names)
    return names["predict"]


SUM = notebook("def predict(rows): return [float(sum(row)) for row in rows]")
MORE = notebook("def predict(rows): return [float(sum(row)) + 1000 for row in rows]")


@pytest.fixture(scope="module", autouse=True)
def clipper() -> Iterator[ClipperConnection]:
    """Return a connection to a cluster for the tests of this file."""
    logging.getLogger("clipper_admin").setLevel(logging.CRITICAL)
    made = connection("methods")
    made.start_clipper()
    yield made
    made.stop_all()


def connection(name: str) -> ClipperConnection:
    """Return a connection; the process id in the name keeps simultaneous test runs apart."""
    name = f"{name}-{os.getpid()}"
    return ClipperConnection(LocalContainerManager(name, clipper_query_port=0, clipper_management_port=0))


@pytest.fixture
def app(clipper: ClipperConnection, request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the name of an application and a model with two versions; version 2 adds 1,000."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40]
    clipper.register_application(name, "doubles", "none", round(1e6 * PATIENT))
    for version, function in ((1, SUM), (2, MORE)):
        python_deployer.deploy_python_closure(clipper, name, version, "doubles", function, base_image=STOCK)
    clipper.link_model_to_app(name, name)
    yield name
    clipper.unlink_model_from_app(name, name)
    clipper.unregister_application(name)
    clipper.stop_models([name])


def ask(clipper: ClipperConnection, name: str, row: Any = (1.0, 2.0)) -> Any:
    """Query an application, and return its output."""
    answer = requests.post(
        f"http://{clipper.get_query_addr()}/{name}/predict", json={"input": list(row)}, timeout=PATIENT
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["output"]


# --------------------------------------------------------------------------- the table


def test_the_table_has_every_method():
    """Each public method of the client has one row in the table and one test with its name."""
    public = {name for name, _ in inspect.getmembers(ClipperConnection, inspect.isfunction) if not name.startswith("_")}
    named = [row["method"] for row in ROWS["method"]]
    assert sorted(named) == sorted(public)
    assert [name for name in named if f"test_{name}" not in globals()] == []
    assert {row["here"] for row in ROWS["method"]} == {"works", "differs"}
    assert all(row["says"] for row in ROWS["method"] + ROWS["manager"])


def test_other_managers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Without Docker and Kubernetes, Clipper's own managers raise the errors of their clients."""
    if not Path("/var/run/docker.sock").exists():
        with pytest.raises(docker.errors.DockerException, match="Connection aborted"):
            DockerContainerManager()
    from kubernetes.config import ConfigException

    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    with pytest.raises(ConfigException):
        KubernetesContainerManager()


# --------------------------------------------------------------------------- the cluster


def test_start_clipper(clipper: ClipperConnection):
    """Both front ends answer; a second start and a second front end are refused with an explanation."""
    assert requests.get(f"http://{clipper.cm.get_admin_addr()}/admin/ping", timeout=PATIENT).status_code == 200
    with pytest.raises(ClipperException, match="already exists"):
        clipper.start_clipper()
    with pytest.raises(ClipperException, match="num_frontend_replicas=1"):
        connection("methods-two").start_clipper(num_frontend_replicas=2)


def test_connect(clipper: ClipperConnection, app: str):
    """A second connection finds the cluster by its name; without a cluster it raises an error."""
    other = connection("methods")
    other.connect()
    assert app in other.get_all_apps()
    assert other.get_query_addr() == clipper.get_query_addr()
    with pytest.raises(ClipperException, match="start_clipper"):
        connection("methods-none").connect()


def test_stop_all():
    """After the stop no port is open, no file is left, and the name can be used again."""
    made = connection("methods-stopped")
    for _ in range(2):
        made.start_clipper()
        addresses = [address.rpartition("@")[2] for address in (made.get_query_addr(), made.cm.get_admin_addr())]
        made.stop_all()
        for address in addresses:
            host, port = address.split(":")
            with socket.socket() as asking:
                assert asking.connect_ex((host, int(port)))
        assert not made.cm.folder.exists()


def test_get_clipper_logs(clipper: ClipperConnection, app: str, tmp_path: Path):
    """The logs of front ends and replicas are copied."""
    files = clipper.get_clipper_logs(str(tmp_path / "logs"))
    assert all(Path(file).is_file() for file in files)
    assert any(app in file for file in files)


def test_inspect_instance(clipper: ClipperConnection, app: str):
    """Clipper's JSON counts the queries of an application."""
    for _ in range(3):
        ask(clipper, app)
    counters = {name: value for each in clipper.inspect_instance()["counters"] for name, value in each.items()}
    assert counters[f"app:{app}:num_predictions"]["count"] == "3"


def test_get_query_addr(clipper: ClipperConnection, app: str):
    """The address is on this machine and answers queries."""
    assert clipper.get_query_addr().startswith("127.0.0.1:")
    assert ask(clipper, app) == 1003


def test_get_metric_addr(clipper: ClipperConnection, app: str):
    """The address serves Prometheus' text."""
    ask(clipper, app)
    page = requests.get(
        f"http://{clipper.get_metric_addr()}/metrics", headers={"Accept": "text/plain"}, timeout=PATIENT
    )
    assert f'app="{app}"' in page.text
    assert page.headers["Content-Type"].startswith("text/plain")


# --------------------------------------------------------------------------- applications


def test_register_application(clipper: ClipperConnection):
    """A registered application is listed; a second one with the same name is refused, and the first stays."""
    clipper.register_application("mine", "doubles", "none", 20_000)
    with pytest.raises(ClipperException, match="400"):
        clipper.register_application("mine", "ints", "other", 1)
    info = clipper.get_app_info("mine")
    assert (info["default_output"], info["latency_slo_micros"]) == ("none", 20_000)
    clipper.unregister_application("mine")


def test_unregister_application(clipper: ClipperConnection):
    """The application and its address are gone; an unknown application is refused."""
    clipper.register_application("gone", "doubles", "none", 20_000)
    clipper.unregister_application("gone")
    assert clipper.get_app_info("gone") is None
    url = f"http://{clipper.get_query_addr()}/gone/predict"
    assert requests.post(url, json={"input": [1.0]}, timeout=PATIENT).status_code != 200
    with pytest.raises(ClipperException):
        clipper.unregister_application("gone")


def test_delete_application(clipper: ClipperConnection):
    """The old name does the same."""
    clipper.register_application("gone", "doubles", "none", 20_000)
    clipper.delete_application("gone")
    assert clipper.get_app_info("gone") is None


def test_get_all_apps(clipper: ClipperConnection, app: str):
    """Returns names, or everything that was registered."""
    assert app in clipper.get_all_apps()
    assert {info["name"] for info in clipper.get_all_apps(verbose=True)} == set(clipper.get_all_apps())


def test_get_app_info(clipper: ClipperConnection, app: str):
    """Returns one application, or None."""
    assert clipper.get_app_info(app)["input_type"] == "doubles"
    assert clipper.get_app_info("unheard-of") is None


# --------------------------------------------------------------------------- links


def test_link_model_to_app(clipper: ClipperConnection, app: str):
    """A linked model answers; a second one, another input type and an unknown name are refused."""
    assert ask(clipper, app) == 1003
    clipper.register_model("texts", 1, "strings")
    clipper.register_application("unlinked", "doubles", "none", 20_000)
    for names in ((app, "texts"), ("unlinked", "texts"), ("unlinked", "unheard-of"), ("unheard-of", app)):
        with pytest.raises(ClipperException, match="400"):
            clipper.link_model_to_app(*names)
    assert clipper.get_linked_models(app) == [app]
    clipper.unregister_application("unlinked")
    clipper.stop_models(["texts"])


def test_unlink_model_from_app(clipper: ClipperConnection, app: str):
    """Without its model, the application answers with its default output."""
    clipper.unlink_model_from_app(app, app)
    assert ask(clipper, app) == "none"
    clipper.link_model_to_app(app, app)
    assert ask(clipper, app) == 1003


def test_get_linked_models(clipper: ClipperConnection, app: str):
    """Returns the names of an application's models."""
    assert clipper.get_linked_models(app) == [app]


# --------------------------------------------------------------------------- models


def test_build_model(clipper: ClipperConnection, app: str, tmp_path: Path):
    """An image is built, also without a connection, and answers once it is deployed."""
    (tmp_path / "func.pkl").write_bytes(cloudpickle.dumps(SUM, protocol=2))
    fresh = ClipperConnection(clipper.cm)
    image = fresh.build_model(app, "built", str(tmp_path), STOCK)
    assert image == f"{clipper.cm.cluster_name}-{app}:built"
    clipper.deploy_model(app, "built", "doubles", image)
    assert ask(clipper, app) == 3


def test_deploy_model(clipper: ClipperConnection, app: str):
    """The noop image returns 1.0; an existing version and an unknown image are refused, and running replicas stay."""
    clipper.deploy_model(app, "noop", "doubles", NOOP, num_replicas=2)
    assert ask(clipper, app) == 1.0
    assert clipper.get_num_replicas(app) == 2
    clipper.set_model_version(app, 1)
    for version, image in (("2", NOOP), ("3", "unheard-of:1")):
        with pytest.raises(ClipperException):
            clipper.deploy_model(app, version, "doubles", image)
    assert clipper.get_model_info(app, 3) is None
    clipper.set_model_version(app, 2)
    assert ask(clipper, app) == 1003


def test_build_and_deploy_model(clipper: ClipperConnection, app: str, tmp_path: Path):
    """One call builds and deploys, and the version is the current one then."""
    (tmp_path / "func.pkl").write_bytes(cloudpickle.dumps(SUM, protocol=2))
    clipper.build_and_deploy_model(app, 7, "doubles", str(tmp_path), STOCK, pkgs_to_install=["numpy"])
    assert clipper.get_current_model_version(app) == "7"
    assert ask(clipper, app) == 3


def test_register_model(clipper: ClipperConnection, app: str):
    """A version without a container can be registered, once, and has no replicas."""
    clipper.register_model(app, "external", "doubles", labels=["mine"])
    info = clipper.get_model_info(app, "external")
    assert (info["container_name"], info["labels"]) == ("NO_CONTAINER", ["mine"])
    assert clipper.get_num_replicas(app, "external") == 0
    with pytest.raises(ClipperException, match="400"):
        clipper.register_model(app, "external", "doubles")


def test_get_current_model_version(clipper: ClipperConnection, app: str):
    """Returns the current version; an unknown model is refused."""
    assert clipper.get_current_model_version(app) == "2"
    with pytest.raises(ClipperException, match="No versions"):
        clipper.get_current_model_version("unheard-of")


def test_set_model_version(clipper: ClipperConnection, app: str):
    """After each switch only the chosen version answers; a version that was never deployed is refused."""
    for version, answer in ((1, 3), (2, 1003), (1, 3)):
        clipper.set_model_version(app, version)
        assert ask(clipper, app) == answer
    with pytest.raises(ClipperException, match="400"):
        clipper.set_model_version(app, 9)
    assert ask(clipper, app) == 3
    clipper.set_model_version(app, 2, num_replicas=2)
    assert clipper.get_num_replicas(app) == 2


def test_get_all_models(clipper: ClipperConnection, app: str):
    """Returns name:version of each, or everything that was registered."""
    assert {f"{app}:1", f"{app}:2"} <= set(clipper.get_all_models())
    known = {info["model_version"]: info for info in clipper.get_all_models(verbose=True) if info["model_name"] == app}
    assert [known[version]["is_current_version"] for version in "12"] == [False, True]


def test_get_model_info(clipper: ClipperConnection, app: str):
    """Returns one version, or None."""
    info = clipper.get_model_info(app, 1)
    assert info["container_name"] == f"{clipper.cm.cluster_name}-{app}:1"
    assert (info["model_name"], info["model_version"], info["input_type"]) == (app, "1", "doubles")
    assert clipper.get_model_info(app, 9) is None


# --------------------------------------------------------------------------- replicas


def test_get_num_replicas(clipper: ClipperConnection, app: str):
    """Counts the replicas of the current version, or of another one."""
    assert clipper.get_num_replicas(app) == clipper.get_num_replicas(app, 1) == 1
    assert clipper.get_num_replicas(app, 9) == 0


def test_set_num_replicas(clipper: ClipperConnection, app: str):
    """More, fewer or no replicas; a model without a container, an unknown one and a wrong number are refused."""
    for number in (3, 1, 0, 2):
        clipper.set_num_replicas(app, number)
        assert clipper.get_num_replicas(app) == number
    assert ask(clipper, app) == 1003
    clipper.register_model(app, "external", "doubles")
    for version, number in (("external", 1), (9, 1), (2, -1), (2, "three")):
        with pytest.raises(ClipperException):
            clipper.set_num_replicas(app, number, version)
    assert clipper.get_num_replicas(app, 2) == 2


def test_get_all_model_replicas(clipper: ClipperConnection, app: str):
    """Lists each replica that answers, as names or with all details."""
    clipper.set_num_replicas(app, 2)
    known = [info for info in clipper.get_all_model_replicas(verbose=True) if info["model_name"] == app]
    assert sorted((info["model_version"], info["model_replica_id"]) for info in known) == [("1", 0), ("2", 0), ("2", 1)]
    assert len([name for name in clipper.get_all_model_replicas() if app in name]) == 3


def test_get_model_replica_info(clipper: ClipperConnection, app: str):
    """Returns one replica, or None."""
    info = clipper.get_model_replica_info(app, 2, 0)
    assert (info["model_name"], info["model_version"], info["model_replica_id"]) == (app, "2", 0)
    assert clipper.get_model_replica_info(app, 2, 5) is None


# --------------------------------------------------------------------------- stopping


def test_stop_models(clipper: ClipperConnection, app: str):
    """All versions of a model are gone, with their replicas; others stay."""
    clipper.deploy_model("stays", 1, "doubles", NOOP)
    clipper.stop_models([app])
    assert [name for name in clipper.get_all_models() if app in name] == []
    assert [name for name in clipper.get_all_model_replicas() if app in name] == []
    assert clipper.get_num_replicas("stays") == 1
    assert ask(clipper, app) == "none"


def test_stop_versioned_models(clipper: ClipperConnection, app: str):
    """Some versions are gone, the current one answers."""
    clipper.stop_versioned_models({app: ["1"]})
    assert clipper.get_model_info(app, 1) is None
    assert clipper.get_num_replicas(app, 1) == 0
    assert ask(clipper, app) == 1003


def test_stop_inactive_model_versions(clipper: ClipperConnection, app: str):
    """All versions but the current one are gone."""
    clipper.set_model_version(app, 1)
    clipper.stop_inactive_model_versions([app])
    assert [name for name in clipper.get_all_models() if app in name] == [f"{app}:1"]
    assert ask(clipper, app) == 3


def test_stop_all_model_containers():
    """No model and no replica is left; applications stay and answer their defaults."""
    made = connection("methods-models")
    made.start_clipper()
    try:
        made.register_application("stays", "doubles", "none", 20_000)
        made.deploy_model("noop", 1, "doubles", NOOP)
        made.link_model_to_app("stays", "noop")
        made.stop_all_model_containers()
        assert made.get_all_models() == made.get_all_model_replicas() == []
        assert ask(made, "stays") == "none"
    finally:
        made.stop_all()


# --------------------------------------------------------------------------- in the notebook


def test_test_predict_function(clipper: ClipperConnection):
    """Runs a function in the notebook, and reports input that its type does not allow."""
    assert clipper.test_predict_function({"input": [1.0, 2.0]}, lambda rows: [np.sum(rows)], "doubles") == [3]
    assert "Invalid input type" in clipper.test_predict_function({"input": [1, 2]}, lambda rows: rows, "doubles")


def test_a_measurement_says_what_answered_it(clipper: ClipperConnection, app: str):
    """Model, version, replicas and objective are read from the cluster; what is not there has none of them."""
    address = clipper.get_query_addr()
    there = load_testing.find_deployment(address, app)
    assert there == load_testing.Deployment(app, "2", 1, round(1e6 * PATIENT))
    clipper.set_model_version(app, "1", num_replicas=2)
    assert load_testing.find_deployment(address, app)[1:3] == ("1", 2)
    assert load_testing.find_deployment(address, "nothing") is None
    assert load_testing.find_deployment("127.0.0.1:1", app) is None
