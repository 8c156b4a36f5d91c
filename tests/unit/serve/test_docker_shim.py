"""The unmodified client builds models of a local cluster without Docker, and everything else with it."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import docker
import pytest

from course_utils.serve.clipper import docker_shim, images
from course_utils.serve.clipper.docker_shim import Builder
from course_utils.serve.clipper.images import Images, load_predictor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a package that is not maintained any more
    from clipper_admin import ClipperConnection, DockerContainerManager
    from clipper_admin import clipper_admin as client
    from clipper_admin.deployers import python as python_deployer

STOCK = "clipper/python36-closure-container:0.4.1"


class Manager:
    """A container manager; only its cluster's name is used."""

    def __init__(self, name: str) -> None:
        self.cluster_identifier = name


class Cluster:
    """A store, its builder, and a connection of the unmodified client."""

    def __init__(self, folder: Path, name: str = "mine") -> None:
        self.manager = Manager(name)
        self.images = Images(folder / name)
        self.builder = Builder(self.manager, self.images)
        self.clipper = ClipperConnection(self.manager)

    def build(self, folder: Path, version: str = "1", base: str = STOCK, **options: Any) -> str:
        """Build a model."""
        return self.clipper.build_model("delays", version, str(folder), base, **options)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path) -> Iterator[None]:
    """Start without Docker, and check that no test leaves the client or the environment changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST")
        for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
            patch.delenv(name, raising=False)
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'no-docker.sock'}")
        before = dict(os.environ)
        yield
        left = list(docker_shim._started)
        for builder in left:
            builder.stop()
        after = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        assert not left
        assert after == before
    assert client.docker is docker


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    """Return a function that starts a cluster by its name; all are stopped at the end."""
    made = []

    def start(name: str) -> Cluster:
        made.append(Cluster(tmp_path, name))
        made[-1].builder.start()
        return made[-1]

    yield start
    for each in made:
        each.builder.stop()


@pytest.fixture
def cluster(started: Any) -> Cluster:
    """Return a started cluster."""
    return started("mine")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a folder with a model."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "func.pkl").write_bytes(b"cbuiltins\nlist\n.")
    return folder


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """Replace the client's Docker by one that records its calls."""
    fake = MagicMock(errors=docker.errors)
    fake.from_env.return_value.images.build.return_value = (None, [{"stream": "built by Docker itself"}])
    fake.from_env.return_value.images.push.return_value = ["pushed by Docker itself"]
    monkeypatch.setattr(client, "docker", fake)
    return fake


# --------------------------------------------------------------------------- building


def test_the_client_builds_an_image(cluster: Cluster, model: Path):
    """`build_model` of the unmodified client returns the tag that Clipper gives, and the image is kept under it."""
    assert cluster.build(model) == "mine-delays:1"
    image = cluster.images.find("mine-delays:1")
    assert (image.model_path / "func.pkl").read_bytes() == (model / "func.pkl").read_bytes()
    assert load_predictor(image)((1, 2)) == [1, 2]


def test_a_registry_is_kept_in_the_tag(cluster: Cluster, model: Path, caplog: pytest.LogCaptureFixture):
    """With a registry the tag begins with it, and the push says that nothing is sent."""
    with caplog.at_level(logging.DEBUG, logger="clipper_admin"):
        assert cluster.build(model, container_registry="quay.io:443/team") == "quay.io:443/team/mine-delays:1"
    assert "nothing is sent to a registry" in caplog.text
    assert cluster.images.find("quay.io:443/team/mine-delays:1").base == STOCK


def test_the_build_log_says_what_was_done(cluster: Cluster, model: Path, caplog: pytest.LogCaptureFixture):
    """The client logs each step of the Dockerfile, and that packages are checked instead of installed."""
    with caplog.at_level(logging.INFO, logger="clipper_admin"):
        cluster.build(model, pkgs_to_install=["numpy"])
    assert f"Step 1/3 : FROM {STOCK}" in caplog.text
    assert "not run here: pip would install numpy" in caplog.text
    assert "Successfully tagged mine-delays:1" in caplog.text


def test_a_refused_build_says_why(cluster: Cluster, model: Path):
    """A refused build raises docker-py's own error with the whole message; the previous image stays."""
    cluster.build(model)
    before = cluster.images.find("mine-delays:1")
    for options, words in (
        ({"pkgs_to_install": ["no-such-package-9"]}, "pip would install no-such-package-9"),
        ({"base": "clipper/pytorch36-container:0.4.1"}, "PyTorch"),
        ({"base": "ubuntu:24.04"}, "no image 'ubuntu:24.04'"),
    ):
        with pytest.raises(docker.errors.BuildError, match=words) as caught:
            cluster.build(model, **options)
        assert str(caught.value) == str(caught.value.__cause__)
    assert cluster.images.find("mine-delays:1") == before


def test_what_is_too_large_is_refused(cluster: Cluster, model: Path):
    """A model above the size limit is refused with an explanation, and the next one is built."""
    (model / "data.bin").write_bytes(bytes(3_000_000))
    cluster.builder.limit_bytes = 1_000_000
    with pytest.raises(docker.errors.BuildError, match=r"takes 3 MB; at most 1 MB are accepted.*captures"):
        cluster.build(model)
    (model / "data.bin").unlink()
    assert cluster.build(model) == "mine-delays:1"


def test_two_clusters_build_side_by_side(started: Any, model: Path):
    """Two clusters that build at the same time get their own images, even if one name begins with the other."""
    clusters = [started(name) for name in ("mine", "mine-too")]
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(each.build, model, str(n)) for n in range(4) for each in clusters]
        tags = {task.result() for task in done}
    assert tags == {f"{each.manager.cluster_identifier}-delays:{n}" for n in range(4) for each in clusters}
    for each, other in (clusters, clusters[::-1]):
        assert each.images.find(f"{each.manager.cluster_identifier}-delays:3").base == STOCK
        with pytest.raises(images.UsageError):
            other.images.find(f"{each.manager.cluster_identifier}-delays:3")


# --------------------------------------------------------------------------- deployers


@pytest.mark.parametrize("row", images.deployers(), ids=lambda row: row["deployer"])
def test_each_deployer_runs_or_is_refused(cluster: Cluster, model: Path, row: dict):
    """The table of deployers is right: the images of one run, the others are refused with the reason in the table."""
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
    """A deployer whose framework is not installed raises Python's own error."""
    name = {"torch": "pytorch"}.get(package, package)
    if find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(ModuleNotFoundError, match=package):
        __import__(f"clipper_admin.deployers.{name}")


def test_the_mxnet_deployer_ends_in_the_sentence(cluster: Cluster):
    """The one deployer that starts without its framework is refused when it builds the image."""
    from clipper_admin.deployers import mxnet

    class Model:
        def save_checkpoint(self, prefix: str, epoch: int) -> None:
            Path(f"{prefix}-0000.params").write_bytes(b"weights")

    cluster.clipper.connected = True
    stock = "clipper/mxnet36-container:0.4.1"
    with pytest.raises(docker.errors.BuildError, match="MXNet was retired in 2023"):
        mxnet.deploy_mxnet_model(cluster.clipper, "m", 1, "doubles", len, Model(), [], base_image=stock)


def test_what_deployers_leave_is_removed(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Stopping the cluster removes the temporary folder of a deployer that failed, and no other folder."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    (scratch / "my-clipper").mkdir()
    (scratch / "my-clipper" / "func.pkl").write_bytes(b"mine")
    cluster.build(scratch / "my-clipper")
    cluster.clipper.connected = True
    with pytest.raises(docker.errors.BuildError):
        python_deployer.deploy_python_closure(cluster.clipper, "m", 1, "doubles", len, base_image="ubuntu:24.04")
    assert len(list(scratch.iterdir())) == 2
    cluster.builder.stop()
    assert [left.name for left in scratch.iterdir()] == ["my-clipper"]


# --------------------------------------------------------------------------- beside the real Docker


def error_of(call: Any, *args: Any) -> tuple[type, str]:
    """Return type and text of the error that Docker's client raises."""
    with pytest.raises(docker.errors.DockerException) as caught:
        call(*args)
    return type(caught.value), str(caught.value)


def test_without_docker_the_error_is_dockers_own(cluster: Cluster, model: Path):
    """Without Docker, a stock manager and a build for another cluster fail as they do without a local cluster."""
    others = [Cluster(cluster.images.folder, name) for name in ("other", "min", "minetoo")]
    calls = [DockerContainerManager, docker.from_env, *(each.build for each in others)]
    given = [(), (), *[(model,) for _ in others]]
    beside = [error_of(call, *args) for call, args in zip(calls, given, strict=True)]
    cluster.build(model)
    after_a_build = [error_of(call, *args) for call, args in zip(calls, given, strict=True)]
    cluster.builder.stop()
    assert client.docker is docker
    assert beside == after_a_build == [error_of(call, *args) for call, args in zip(calls, given, strict=True)]
    assert beside[-1][1].startswith("Error while fetching server API version: ('Connection aborted.'")


@pytest.mark.parametrize("when", ["before the start", "after the stop", "after another manager's stop"])
def test_a_cluster_that_does_not_run_builds_nothing(tmp_path: Path, model: Path, when: str):
    """`build_model` for a cluster that is not running raises Docker's own error."""
    made = Cluster(tmp_path)
    if when != "before the start":
        made.builder.start()
    if when == "after the stop":
        made.builder.stop()
    elif when == "after another manager's stop":
        shutil.rmtree(made.images.folder)
    assert "Connection aborted" in error_of(made.build, model)[1]
    made.builder.stop()


def test_a_stock_build_is_dockers_while_another_thread_builds(
    cluster: Cluster, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A build for another cluster goes to Docker, even during a local build."""
    building, go_on = threading.Event(), threading.Event()
    real = Images.build

    def slow(self: Images, *args: Any, **options: Any) -> str:
        building.set()
        assert go_on.wait(60)
        return real(self, *args, **options)

    monkeypatch.setattr(Images, "build", slow)
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(cluster.build, model)
        try:
            assert building.wait(60)
            assert "Connection aborted" in error_of(Cluster(tmp_path, "other").build, model)[1]
        finally:
            go_on.set()
        assert task.result() == "mine-delays:1"


def test_where_docker_runs_each_builds_its_own(
    running: MagicMock, cluster: Cluster, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """With Docker running, builds and pushes of a Docker cluster reach it unchanged, and local builds do not."""
    cluster.build(model)
    running.from_env.assert_not_called()
    with caplog.at_level(logging.DEBUG, logger="clipper_admin"):
        tag = Cluster(tmp_path, "other").build(model, container_registry="quay.io/mine-team")
    assert tag == "quay.io/mine-team/other-delays:1"
    running.from_env.assert_called_once_with()
    asked = running.from_env.return_value.images
    asked.push.assert_called_once_with(tag, stream=True)
    assert asked.build.call_args.kwargs.keys() == {"fileobj", "custom_context", "tag"}
    assert "built by Docker itself" in caplog.text
    assert "pushed by Docker itself" in caplog.text


def test_everything_else_is_dockers(running: MagicMock, cluster: Cluster):
    """Errors, clients, their settings and their other calls are Docker's own, also after the cluster has stopped."""
    assert client.docker.errors is docker.errors
    assert client.docker.APIClient is running.APIClient
    stock = client.docker.from_env(timeout=5)
    running.from_env.assert_not_called()
    cluster.builder.stop()
    real = running.from_env.return_value
    assert stock.containers is real.containers
    assert stock.images.list is real.images.list
    running.from_env.assert_called_once_with(timeout=5)


# --------------------------------------------------------------------------- installed and removed


def test_the_client_is_restored(tmp_path: Path):
    """Starting a cluster does not change the environment; after the stop, the client has its original object again."""
    made, environ = Cluster(tmp_path), dict(os.environ)
    for _ in range(2):
        made.builder.start()
        made.builder.start()
        assert client.docker is not docker
        assert dict(os.environ) == environ
        made.builder.stop()
        assert client.docker is docker
        made.builder.stop()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_last_cluster_restores_it(started: Any, model: Path, order: tuple[int, int]):
    """Of two clusters, the one that stops last restores the client; until then it can build."""
    clusters = [started(name) for name in ("one", "two")]
    clusters[order[0]].builder.stop()
    clusters[order[1]].build(model)
    clusters[order[1]].builder.stop()
    assert client.docker is docker


def test_what_others_replaced_meanwhile_stays(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    """If other code replaces the client's Docker while a cluster is started, its replacement stays."""
    other = MagicMock()
    with monkeypatch.context() as patch:
        patch.setattr(client, "docker", other)
        cluster.builder.stop()
        assert client.docker is other
    client.docker = docker  # the patch's end has brought the shim back, which passes everything on


def test_a_manager_that_is_gone_restores_it(tmp_path: Path):
    """A manager that is garbage-collected counts as stopped."""
    made = Cluster(tmp_path)
    made.builder.start()
    assert client.docker is not docker
    del made
    gc.collect()
    assert client.docker is docker


def test_metrics_need_no_redis_while_a_cluster_is_started(cluster: Cluster):
    """While a local cluster is started, the notebook's import of Clipper's metrics is ours; afterwards it is not."""
    ours = importlib.import_module("clipper_admin.metrics")
    assert ours.add_metric.__module__ == "course_utils.serve.clipper.user_metrics"
    cluster.builder.stop()
    assert "clipper_admin.metrics" not in sys.modules
