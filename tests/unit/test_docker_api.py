"""The part of Docker's HTTP API that a build needs, as the unmodified client and docker-py see it."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from importlib.util import find_spec
from pathlib import Path
from socketserver import ThreadingTCPServer, ThreadingUnixStreamServer
from typing import Any
from urllib.parse import urlsplit

import docker
import pytest
import requests
from waiting import PATIENT, until

from course_utils.serving import docker_api, images
from course_utils.serving.docker_api import Endpoint
from course_utils.serving.images import Images, load_predictor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a package that nobody keeps up
    from clipper_admin import ClipperConnection, DockerContainerManager
    from clipper_admin.deployers import python as python_deployer

STOCK = "clipper/python36-closure-container:0.4.1"
NOOP = "clipper/noop-container:0.4.1"
DOCKER = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")


class Manager:
    """Stands for the container manager of a local cluster."""

    def __init__(self, name: str) -> None:
        self.cluster_identifier = name


class Cluster:
    """A store, its endpoint, and a connection of the unmodified client."""

    def __init__(self, folder: Path, name: str = "mine") -> None:
        self.manager = Manager(name)
        self.images = Images(folder / name)
        self.endpoint = Endpoint(self.images, self.manager)
        self.clipper = ClipperConnection(self.manager)

    def build(self, folder: Path, version: str = "1", base: str = STOCK, **options: Any) -> str:
        """Build a model."""
        return self.clipper.build_model("delays", version, str(folder), base, **options)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path) -> Iterator[None]:
    """Start where no Docker and no proxy is, and let no test leave the environment changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST")
        for name in (*DOCKER, *PROXIES):
            patch.delenv(name, raising=False)
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'no-docker.sock'}")
        before = dict(os.environ)
        yield
        left = list(docker_api._started)
        for endpoint in left:
            endpoint.stop()
        after = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        assert not left
        assert after == before


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Give a started cluster."""
    made = Cluster(tmp_path)
    made.endpoint.start()
    yield made
    made.endpoint.stop()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Give a folder with a model."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "func.pkl").write_bytes(b"cbuiltins\nlist\n.")
    return folder


def listens(address: str) -> bool:
    """Say whether somebody listens at an address."""
    url = urlsplit(address)
    with socket.socket() as asking:
        asking.settimeout(PATIENT)
        return asking.connect_ex((url.hostname, url.port)) == 0


# --------------------------------------------------------------------------- building


def test_the_client_builds_an_image(cluster: Cluster, model: Path):
    """`build_model` of the unmodified client returns the tag that Clipper gives, and the image is kept under it."""
    assert cluster.build(model) == "mine-delays:1"
    image = cluster.images.find("mine-delays:1")
    assert (image.model_path / "func.pkl").read_bytes() == (model / "func.pkl").read_bytes()
    assert load_predictor(image)((1, 2)) == [1, 2]


def test_a_registry_is_kept_in_the_tag(cluster: Cluster, model: Path, caplog: pytest.LogCaptureFixture):
    """With a registry the tag has it, and the push says that nothing is sent anywhere."""
    with caplog.at_level(logging.DEBUG, logger="clipper_admin"):
        assert cluster.build(model, container_registry="quay.io:443/team") == "quay.io:443/team/mine-delays:1"
    assert "nothing is sent to a registry" in caplog.text
    assert cluster.images.find("quay.io:443/team/mine-delays:1").base == STOCK


def test_the_build_log_says_what_was_done(cluster: Cluster, model: Path, caplog: pytest.LogCaptureFixture):
    """The client logs each step of the Dockerfile, and what stands for the packages' installation."""
    with caplog.at_level(logging.INFO, logger="clipper_admin"):
        cluster.build(model, pkgs_to_install=["numpy"])
    assert f"Step 1/3 : FROM {STOCK}" in caplog.text
    assert "not run here: pip would install numpy" in caplog.text
    assert "Successfully tagged mine-delays:1" in caplog.text


def test_a_refused_build_says_why(cluster: Cluster, model: Path):
    """What cannot be built ends in docker-py's own error with our sentence; what was there stays."""
    cluster.build(model)
    before = cluster.images.find("mine-delays:1")
    for options, words in (
        ({"pkgs_to_install": ["no-such-package-9"]}, "pip would install no-such-package-9"),
        ({"base": "clipper/pytorch36-container:0.4.1"}, "PyTorch"),
        ({"base": "ubuntu:24.04"}, "no image 'ubuntu:24.04'"),
    ):
        with pytest.raises(docker.errors.BuildError, match=f"{words}.*Mend: "):
            cluster.build(model, **options)
    assert cluster.images.find("mine-delays:1") == before


def test_what_is_too_large_is_refused(cluster: Cluster, model: Path):
    """A model above the limit is refused in words, however much is sent, and the next one is built."""
    (model / "data.bin").write_bytes(bytes(3_000_000))
    cluster.endpoint.limit_bytes = 1_000_000
    with pytest.raises(docker.errors.BuildError, match=r"takes 3 MB; 1 MB are accepted.*captures"):
        cluster.build(model)
    (model / "data.bin").unlink()
    assert cluster.build(model) == "mine-delays:1"


def test_two_clusters_build_side_by_side(tmp_path: Path, model: Path):
    """Two clusters that build at the same time, one's name in the other's, each get their own images."""
    clusters = [Cluster(tmp_path, name) for name in ("mine", "mine-too")]
    for each in clusters:
        each.endpoint.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            done = [pool.submit(each.build, model, str(n)) for n in range(4) for each in clusters]
            tags = {task.result() for task in done}
    finally:
        for each in clusters:
            each.endpoint.stop()
    assert tags == {f"{each.manager.cluster_identifier}-delays:{n}" for n in range(4) for each in clusters}
    for each, other in (clusters, clusters[::-1]):
        assert each.images.find(f"{each.manager.cluster_identifier}-delays:3").base == STOCK
        with pytest.raises(images.UsageError):
            other.images.find(f"{each.manager.cluster_identifier}-delays:3")


def test_a_silent_client_stalls_nobody(cluster: Cluster, model: Path):
    """Whoever opens a connection and says nothing, or half a request, does not keep others waiting."""
    url = urlsplit(os.environ["DOCKER_HOST"])
    with socket.create_connection((url.hostname, url.port)), socket.create_connection((url.hostname, url.port)) as half:
        half.sendall(f"POST {url.path}/v1.45/build HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc".encode())
        assert cluster.build(model) == "mine-delays:1"


# --------------------------------------------------------------------------- deployers


@pytest.mark.parametrize("row", images.deployers(), ids=lambda row: row["deployer"])
def test_each_deployer_runs_or_is_refused(cluster: Cluster, model: Path, row: dict, tmp_path: Path):
    """Each row of the table of deployers is so: the images of one run, those of others are refused in a sentence."""
    for name in row["images"]:
        if row["here"] == "runs":
            cluster.build(model, base=f"clipper/{name}:0.4.1")
            assert load_predictor(cluster.images.find("mine-delays:1"))((5,)) == [5]
        else:
            with pytest.raises(docker.errors.BuildError) as caught:
                cluster.build(model, base=f"clipper/{name}:0.4.1")
            assert row["why"] in str(caught.value)


@pytest.mark.parametrize("package", ["pyspark", "torch", "tensorflow", "keras"])
def test_deployers_of_absent_frameworks_cannot_be_imported(package: str):
    """The deployers that need a framework end in its absence, in Python's own words."""
    name = {"torch": "pytorch"}.get(package, package)
    if find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(ModuleNotFoundError, match=package):
        __import__(f"clipper_admin.deployers.{name}")


def test_the_mxnet_deployer_ends_in_the_sentence(cluster: Cluster):
    """The one deployer of another framework that starts without it is stopped where it builds."""
    from clipper_admin.deployers import mxnet

    class Model:
        def save_checkpoint(self, prefix: str, epoch: int) -> None:
            Path(f"{prefix}-0000.params").write_bytes(b"weights")

    cluster.clipper.connected = True
    stock = "clipper/mxnet36-container:0.4.1"
    with pytest.raises(docker.errors.BuildError, match="MXNet was retired in 2023"):
        mxnet.deploy_mxnet_model(cluster.clipper, "m", 1, "doubles", len, Model(), [], base_image=stock)


def test_what_deployers_leave_is_removed(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A deployer that fails leaves a folder of temporary files; when the cluster stops, that folder is removed."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    (scratch / "of-somebody-else-clipper").mkdir()
    cluster.clipper.connected = True
    with pytest.raises(docker.errors.BuildError):
        python_deployer.deploy_python_closure(cluster.clipper, "m", 1, "doubles", len, base_image="ubuntu:24.04")
    assert len(list(scratch.iterdir())) == 2
    cluster.endpoint.stop()
    assert [left.name for left in scratch.iterdir()] == ["of-somebody-else-clipper"]


# --------------------------------------------------------------------------- beside the real Docker


def stock_error() -> str:
    """Make a stock manager, and return the error it ends in."""
    with pytest.raises(docker.errors.DockerException) as caught:
        DockerContainerManager()
    return str(caught.value)


def test_a_stock_manager_fails_as_without_us(cluster: Cluster, model: Path):
    """Without Docker, a stock manager ends in docker-py's connection error, before, between and after builds."""
    words = "Error while fetching server API version: ('Connection aborted.'"
    assert stock_error().startswith(words)
    cluster.build(model)
    assert stock_error().startswith(words)
    cluster.endpoint.stop()
    assert stock_error().startswith(words)


def test_a_stock_manager_fails_while_another_thread_builds(
    cluster: Cluster, model: Path, monkeypatch: pytest.MonkeyPatch
):
    """A client of Docker that asks while a local build is under way is not taken for it, once it really asks."""
    building, go_on = threading.Event(), threading.Event()
    real = Images.build

    def slow(self: Images, *args: Any, **options: Any) -> str:
        building.set()
        assert go_on.wait(PATIENT)
        return real(self, *args, **options)

    monkeypatch.setattr(Images, "build", slow)
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(cluster.build, model)
        assert building.wait(PATIENT)
        client = docker.from_env()
        with pytest.raises(requests.exceptions.ConnectionError):
            client.containers.list()
        go_on.set()
        assert task.result() == "mine-delays:1"
        client.close()


def test_outside_a_build_nobody_is_answered(cluster: Cluster):
    """Whoever knows the address and the secret gets no answer unless this process is building a model."""
    with pytest.raises(docker.errors.DockerException, match="Connection aborted"):
        docker.from_env()


def test_a_stranger_is_refused(cluster: Cluster):
    """A request without the secret is refused, whatever it asks."""
    url = urlsplit(os.environ["DOCKER_HOST"])
    for path in ("/version", "/wrong/version", "/v1.45/build?t=mine-delays:1"):
        answer = requests.post(f"http://{url.netloc}{path}", data=b"x" * 1000, timeout=PATIENT)
        assert answer.status_code == 403
        assert "only the process that started the cluster" in answer.json()["message"]


def test_it_listens_on_loopback_only(cluster: Cluster):
    """Other machines cannot reach the address."""
    assert urlsplit(os.environ["DOCKER_HOST"]).hostname == "127.0.0.1"
    assert docker_api._server.socket.getsockname()[0] == "127.0.0.1"


class Daemon(BaseHTTPRequestHandler):
    """Stands for a Docker that runs."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a version, or a list of containers."""
        self.answer({"ApiVersion": "1.40"} if self.path.endswith("/version") else [{"Id": "abc"}])

    def do_POST(self) -> None:
        """Fail to build, and say how much came."""
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer({"error": f"Docker itself got {size} bytes for {self.path.partition('?')[0]}"})

    def answer(self, content: Any) -> None:
        """Send an answer."""
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")  # as Docker does
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(params=["unix", "tcp"])
def daemon(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a Docker run, where DOCKER_HOST says."""
    with tempfile.TemporaryDirectory() as folder:  # short: the name of a socket is
        if request.param == "unix":
            server: Any = ThreadingUnixStreamServer(f"{folder}/d.sock", Daemon)
            monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/d.sock")
        else:
            server = ThreadingTCPServer(("127.0.0.1", 0), Daemon)
            monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_address[1]}")
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def beside(daemon: None, tmp_path: Path) -> Iterator[Cluster]:
    """Give a started cluster on a machine where Docker runs."""
    made = Cluster(tmp_path)
    made.endpoint.start()
    yield made
    made.endpoint.stop()
    if docker_api._server is not None:  # lent to a client of Docker, which is gone now
        docker_api._server.end()
        docker_api._server = None


def test_a_stock_manager_works_beside_a_local_one(beside: Cluster, model: Path):
    """Where Docker runs, a stock manager reaches it, a local build does not, and each keeps doing so."""
    stock = DockerContainerManager(cluster_name="mine")
    assert stock.docker_client.api._version == "1.40"
    assert stock.docker_client.api.containers() == [{"Id": "abc"}]
    assert beside.build(model) == "mine-delays:1"
    with pytest.raises(docker.errors.BuildError, match=r"Docker itself got \d{5} bytes for /v1\.40/build"):
        ClipperConnection(stock).build_model("delays", "2", str(model), STOCK)
    assert stock.docker_client.api.containers() == [{"Id": "abc"}]
    stock.docker_client.close()


def test_a_stock_manager_outlives_a_local_one(beside: Cluster):
    """A client of Docker that was made while a local cluster was started works after the cluster has stopped."""
    stock = DockerContainerManager()
    beside.endpoint.stop()
    assert stock.docker_client.api.base_url not in os.environ["DOCKER_HOST"].replace("tcp", "http")
    assert stock.docker_client.api.containers() == [{"Id": "abc"}]
    stock.docker_client.close()


def test_a_docker_behind_tls_is_told_about(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch):
    """A Docker that is reached over TLS is not handed on to, which is said; local builds work, in plain text."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://docker.example:2376")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    made = Cluster(tmp_path)
    made.endpoint.start()
    try:
        assert "before start_clipper of the local one" in stock_error()
        assert made.build(model) == "mine-delays:1"
    finally:
        made.endpoint.stop()


# --------------------------------------------------------------------------- the environment


@pytest.mark.parametrize("before", [None, "unix:///var/run/mine.sock", "ssh://docker.example"])
def test_the_environment_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None):
    """Stopped, DOCKER_HOST is what it was, or absent as it was, and nobody listens any more."""
    monkeypatch.delenv("DOCKER_HOST")
    if before is not None:
        monkeypatch.setenv("DOCKER_HOST", before)
    manager = Manager("mine")
    endpoint = Endpoint(Images(tmp_path / "store"), manager)
    for _ in range(2):
        endpoint.start()
        endpoint.start()
        address = os.environ["DOCKER_HOST"]
        assert listens(address)
        endpoint.stop()
        endpoint.stop()
        assert os.environ.get("DOCKER_HOST") == before
        assert not listens(address)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_last_cluster_puts_it_back(tmp_path: Path, order: tuple[int, int]):
    """Two clusters share one address, and the one that stops last puts the environment back."""
    before = os.environ["DOCKER_HOST"]
    clusters = [Cluster(tmp_path, name) for name in ("one", "two")]
    for each in clusters:
        each.endpoint.start()
    address = os.environ["DOCKER_HOST"]
    clusters[order[0]].endpoint.stop()
    assert os.environ["DOCKER_HOST"] == address
    clusters[order[1]].endpoint.stop()
    assert os.environ["DOCKER_HOST"] == before


def test_what_others_set_meanwhile_stays(cluster: Cluster, tmp_path: Path):
    """Whoever changes DOCKER_HOST while a cluster is started keeps his value."""
    os.environ["DOCKER_HOST"] = "tcp://chosen:1"
    cluster.endpoint.stop()
    assert os.environ["DOCKER_HOST"] == "tcp://chosen:1"
    os.environ["DOCKER_HOST"] = f"unix://{tmp_path / 'no-docker.sock'}"


def test_a_manager_that_is_gone_puts_it_back(tmp_path: Path):
    """A manager that nobody holds any more is no started one."""
    before = os.environ["DOCKER_HOST"]
    made = Cluster(tmp_path)
    made.endpoint.start()
    assert os.environ["DOCKER_HOST"] != before
    del made
    gc.collect()
    assert os.environ["DOCKER_HOST"] == before


def test_a_proxy_is_not_asked(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch):
    """Behind a proxy, what is for this machine does not go through it; afterwards the settings are as before."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "intranet.example")
    made = Cluster(tmp_path)
    made.endpoint.start()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "intranet.example,127.0.0.1"
    assert made.build(model) == "mine-delays:1"
    made.endpoint.stop()
    assert os.environ["no_proxy"] == "intranet.example"
    assert "NO_PROXY" not in os.environ


PROGRAM = """
import os, sys, time
from pathlib import Path
from course_utils.serving.docker_api import Endpoint
from course_utils.serving.images import Images

class Manager:
    cluster_identifier = "mine"

manager = Manager()
endpoint = Endpoint(Images(sys.argv[1]), manager)
endpoint.start()
print(os.environ["DOCKER_HOST"], flush=True)
if sys.argv[2] == "ends":
    raise SystemExit
time.sleep(100_000)
"""


@pytest.mark.parametrize("end", ["ends", "is killed"])
def test_a_process_that_ends_leaves_nothing(tmp_path: Path, end: str):
    """When the process ends or is killed, nobody listens, nothing hangs, and no file is left but the images."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "store"), end]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(scratch)}) as it:
        address = it.stdout.readline().strip()
        if end == "is killed":
            assert listens(address)
            it.send_signal(signal.SIGKILL)
        it.wait(PATIENT)
    until(lambda: not listens(address), "the port is closed")
    assert list(scratch.iterdir()) == []


def test_metrics_need_no_redis_while_a_cluster_is_started(cluster: Cluster):
    """While a local cluster is started, the notebook's import of Clipper's metrics is ours; afterwards it is not."""
    import importlib

    ours = importlib.import_module("clipper_admin.metrics")
    assert ours.add_metric.__module__ == "course_utils.serving.user_metrics"
    cluster.endpoint.stop()
    assert "clipper_admin.metrics" not in sys.modules
