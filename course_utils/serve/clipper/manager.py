"""The container manager with which the unmodified ``clipper_admin`` runs Clipper as processes on this machine."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from clipper_admin.container_manager import ClusterAdapter, ContainerManager
from clipper_admin.exceptions import ClipperException

from course_utils.errors import CourseError, UsageError
from course_utils.serve.clipper import wire
from course_utils.serve.clipper.docker_shim import Builder
from course_utils.serve.clipper.images import Images

__all__ = ["LocalContainerManager"]

#: The supervisors that this process has started, by cluster. They are kept here, so that the pipe to each stays open
#: even if its manager is garbage-collected, for example when a notebook's cell is run again.
_owned: dict[str, subprocess.Popen[bytes]] = {}


class LocalContainerManager(ContainerManager):
    """A container manager that runs a Clipper cluster on this machine, without Docker.

    Pass it to ``clipper_admin.ClipperConnection`` instead of ``DockerContainerManager``; everything else stays the
    same. The cluster stops when the process that started it ends.

    Parameters
    ----------
    cluster_name : str
        Up to 32 lower-case letters, digits and hyphens. Clusters with different names are independent. If you use a
        Docker cluster in the same process, its name must not begin with this one: the tag of an image decides where it
        is built.
    clipper_query_port, clipper_management_port : int
        Ports of the front ends on 127.0.0.1. With 0 the system chooses a free port, and `start_clipper` stores it in
        the attribute of the same name.
    start_method : {'fork', 'spawn'}, optional
        How replicas start: as forks of a process that has imported the libraries (the default on Linux), or as new
        Python processes (the default elsewhere).

    Raises
    ------
    UsageError
        The system is Windows, or the cluster's name or the start method is not allowed.
    """

    def __init__(
        self,
        cluster_name: str = "default-cluster",
        *,
        clipper_query_port: int = 1337,
        clipper_management_port: int = 1338,
        start_method: str | None = None,
    ) -> None:
        if sys.platform == "win32":
            raise UsageError(
                "Clipper's processes need Unix sockets, which Python does not support on Windows",
                fix="run this lesson in WSL or on Binder, or use DockerContainerManager with Docker",
            )
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?", cluster_name):
            raise UsageError(
                f"cluster_name={cluster_name!r} is not allowed",
                fix="use up to 32 lower-case letters, digits and hyphens, such as 'my-cluster'",
            )
        if start_method not in (None, "fork", "spawn"):
            raise UsageError(
                f"start_method={start_method!r} does not exist", fix="pass 'fork' or 'spawn', or leave it out"
            )
        self.cluster_name = self.cluster_identifier = cluster_name
        self.clipper_query_port = clipper_query_port
        self.clipper_management_port = clipper_management_port
        self.start_method = start_method
        self.secret = ""
        self.folder = _clusters_folder() / cluster_name
        self.logger = ClusterAdapter(_logger(), {"cluster_name": cluster_name})
        self._builder: Builder | None = None

    # ------------------------------------------------------------------ start and stop

    def start_clipper(
        self,
        query_frontend_image: str = "",
        mgmt_frontend_image: str = "",
        frontend_exporter_image: str = "",
        cache_size: int = 0,
        qf_http_thread_pool_size: int = 1,
        qf_http_timeout_request: int = 5,
        qf_http_timeout_content: int = 300,
        num_frontend_replicas: int = 1,
    ) -> None:
        """Start the cluster and connect to it.

        Parameters
        ----------
        query_frontend_image, mgmt_frontend_image, frontend_exporter_image : str
            Clipper's own images; accepted and ignored, because nothing runs in an image here.
        cache_size, qf_http_thread_pool_size, qf_http_timeout_request, qf_http_timeout_content : int
            Settings of Clipper's query front end; accepted and ignored: this one has no cache and its own limits.
        num_frontend_replicas : int
            Must be 1, as with Docker.

        Raises
        ------
        UsageError
            A port is already in use.
        ClipperException
            A cluster of this name is already running, or the start failed.
        """
        if num_frontend_replicas != 1:
            raise ClipperException(
                "LocalContainerManager runs one query front end, as DockerContainerManager does. "
                "Please set num_frontend_replicas=1 or use Kubernetes."
            )
        ports = {"frontend": self.clipper_query_port, "management": self.clipper_management_port}
        request = {
            "folder": str(self.folder),
            "ports": ports,
            "secret": secrets.token_urlsafe(24),
            "owner": os.getpid(),
        }
        supervisor, answer = self._start_supervisor(request)
        if "refused" in answer:
            supervisor.stdin.close()
            supervisor.wait()
            self._raise_start_error(answer)
        _owned[self.cluster_name] = supervisor
        self.connect()

    def _start_supervisor(self, request: dict[str, Any]) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
        """Start a supervisor for a cluster (`request`); return its process and its answer."""
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"}
        if self.start_method:
            environment["CLIPPER_START"] = self.start_method
        # A session of its own: Ctrl-C in the notebook's terminal must not end the cluster, and its group ends together.
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "course_utils.serve.clipper.supervisor"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip
        supervisor.stdin.write(json.dumps(request).encode() + b"\n")
        supervisor.stdin.flush()
        written = supervisor.stdout.readline()
        supervisor.stdout.close()
        if written:
            answer = json.loads(written)
        else:  # it ended before it could answer: report the end of its traceback
            answer = {"refused": "start", "why": supervisor.stderr.read().decode()[-2000:]}
        supervisor.stderr.close()
        return supervisor, answer

    def _raise_start_error(self, answer: dict[str, Any]) -> None:
        """Raise the error for an answer of the supervisor that refuses the start."""
        if answer["refused"] == "port":
            what = "query" if answer["module"] == "frontend" else "management"
            raise UsageError(
                f"port {answer['port']} for Clipper's {what} address cannot be opened: {answer['why']}",
                fix=f"stop the program that uses it, or pass clipper_{what}_port=0 for any free port",
            )
        if answer["refused"] == "exists":
            raise ClipperException(
                f"Cluster {self.cluster_name} cannot be started because it already exists. "
                "Please use ClipperConnection.connect() to connect to it, or stop_all() to stop it."
            )
        raise ClipperException(f"Cluster {self.cluster_name} did not start: {answer['why']}")

    def connect(self) -> None:
        """Connect to the running cluster of this name, which another process of the same user may have started.

        Raises
        ------
        ClipperException
            No cluster of this name is running.
        """
        try:
            about = json.loads((self.folder / "cluster.json").read_text(encoding="utf-8"))
            wire.ask(self.folder / "supervisor.sock", {"call": "replicas"}, seconds=10)
        except (OSError, ValueError, wire.CallError):
            raise ClipperException(
                f"No cluster {self.cluster_name} is running. Please use ClipperConnection.start_clipper() to start it."
            ) from None
        self.clipper_query_port, self.clipper_management_port = about["frontend"], about["management"]
        self.secret = about["secret"]
        if self._builder is None:
            self._builder = Builder(self, Images(self.folder / "store"))
        self._builder.start()

    def stop_all(self, graceful: bool = True) -> None:
        """Stop all processes of the cluster, close its ports and remove its files.

        Parameters
        ----------
        graceful : bool
            Accepted as by `DockerContainerManager`, and ignored: the processes hold nothing that could be lost.
        """
        if self._builder is not None:
            self._builder.stop()
            self._builder = None
        with contextlib.suppress(OSError, wire.CallError):
            wire.ask(self.folder / "supervisor.sock", {"call": "stop"}, seconds=10)
        supervisor = _owned.pop(self.cluster_name, None)
        if supervisor is not None:
            supervisor.stdin.close()
            supervisor.wait(30)
        deadline = time.monotonic() + 30
        while not self._remove_leftovers() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _remove_leftovers(self) -> bool:
        """Return whether the supervisor has ended, and remove the files that a killed one has left."""
        import fcntl

        lock = self.folder.with_name(f"{self.folder.name}.lock")
        with contextlib.suppress(FileNotFoundError), lock.open("rb") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            shutil.rmtree(self.folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
        return True

    # ------------------------------------------------------------------ models and replicas

    def deploy_model(self, name: str, version: str, input_type: str, image: str, num_replicas: int = 1) -> None:
        """Start the replicas of a new version of a model.

        If the version is registered already, nothing happens: the client calls this before it registers the version,
        and then gets Clipper's error that a version cannot be used twice. Replicas of a deployment that was refused are
        replaced.

        Parameters
        ----------
        name, version : str
            Name and version of the model.
        input_type : str
            Input type of the model, as for `queries.parse`.
        image : str
            Image of the model, as `build_model` returns it.
        num_replicas : int
            How many replicas to start, from 0 to 100.

        Raises
        ------
        ClipperException
            There is no such image, or its model cannot be loaded.
        """
        if not self._registered(name, version):
            self._scale(name, version, input_type, image, num_replicas, replace=True)

    def set_num_replicas(self, name: str, version: str, input_type: str, image: str, num_replicas: int) -> None:
        """Start or stop replicas of a version until there are `num_replicas`; all run the image of its deployment.

        Parameters
        ----------
        name, version : str
            Name and version of the model.
        input_type : str
            As for `deploy_model`.
        image : str
            Image of the model; used only if the version has no replicas yet.
        num_replicas : int
            How many replicas there should be, from 0 to 100.

        Raises
        ------
        ClipperException
            The number is not allowed, there is no such image, or its model cannot be loaded.
        """
        self._scale(name, version, input_type, image, num_replicas, replace=False)

    def _scale(self, name: str, version: str, input_type: str, image: str, number: int, *, replace: bool) -> None:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 100:
            raise ClipperException(f"num_replicas={number!r} is not allowed. Please give a number from 0 to 100")
        try:
            found = Images(self.folder / "store").find(image)
        except CourseError as error:
            raise ClipperException(str(error)) from error
        self._ask(
            {
                "call": "scale", "name": name, "version": str(version), "input_type": input_type, "number": number,
                "image": found.id if found.model_path else image, "replace": replace,
            }
        )  # fmt: skip

    def get_num_replicas(self, name: str, version: str) -> int:
        """Return how many replicas of the model `name` in a `version` are ready to answer queries."""
        return len([one for one in self.replicas() if (one["name"], one["version"]) == (name, str(version))])

    def replicas(self) -> list[dict[str, Any]]:
        """Return the replicas that are ready to answer queries.

        Returns
        -------
        list of dict
            'name', 'version' and 'input_type' of the model, 'replica' (its number) and 'pid' of its process.
        """
        return self._ask({"call": "replicas"})["replicas"]

    def processes(self) -> dict[str, int]:
        """Return the process ids of the supervisor and of its children, without the replicas.

        Returns
        -------
        dict of str to int
            'supervisor', 'frontend' (of queries), 'management' and 'replicas' (the zygote, which they are forked from).
        """
        about = json.loads((self.folder / "cluster.json").read_text(encoding="utf-8"))
        return {"supervisor": about["supervisor"]} | self._ask({"call": "replicas"})["children"]

    def stop_models(self, models: Mapping[str, Sequence[str]]) -> None:
        """Stop all replicas of some versions after they have answered the queries that they already have.

        Parameters
        ----------
        models : mapping of str to sequence of str
            The versions to stop, by the name of the model.
        """
        self._ask({"call": "stop_models", "models": {name: list(map(str, models[name])) for name in models}})

    def stop_all_model_containers(self) -> None:
        """Stop all replicas of all models."""
        self._ask({"call": "stop_models", "models": None})

    def _registered(self, name: str, version: str) -> bool:
        """Return whether a version is registered with the management front end."""
        wanted = {"model_name": name, "model_version": str(version)}
        answer = requests.post(f"http://{self.get_admin_addr()}/admin/get_model", json=wanted, timeout=30)
        return answer.ok and bool(answer.json())

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return wire.ask(self.folder / "supervisor.sock", request, seconds=150)
        except wire.CallError as error:
            raise ClipperException(str(error)) from None
        except OSError as error:
            raise ClipperException(f"Cluster {self.cluster_name} does not answer: {error}") from None

    # ------------------------------------------------------------------ logs and addresses

    def get_logs(self, logging_dir: str) -> list[str]:
        """Copy the logs of all processes, replicas included, and return the paths of the copies.

        Parameters
        ----------
        logging_dir : str
            The folder for the copies, created if it does not exist.
        """
        target = Path(logging_dir).absolute()
        target.mkdir(parents=True, exist_ok=True)
        return [str(shutil.copy(log, target / log.name)) for log in sorted((self.folder / "logs").glob("*.log"))]

    def get_admin_addr(self) -> str:
        """Return the management address, with the secret that each call needs."""
        return f"clipper:{self.secret}@127.0.0.1:{self.clipper_management_port}"

    def get_query_addr(self) -> str:
        """Return the query address, such as '127.0.0.1:1337'."""
        return f"127.0.0.1:{self.clipper_query_port}"

    def get_metric_addr(self) -> str:
        """Return the address at which Prometheus finds ``/metrics``: the query address."""
        return self.get_query_addr()


def _clusters_folder() -> Path:
    """Return the folder of this user's clusters, which no other user may enter."""
    home = wire.clusters_folder()
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=0o700)
    seen = home.lstat()  # not stat: another user may have put a link there
    if not home.is_dir() or home.is_symlink() or seen.st_uid != os.getuid() or seen.st_mode & 0o077:
        raise UsageError(f"other users could use the folder {home}", fix=f"remove it: rm -r {home}")
    return home


def _logger() -> Any:
    import logging

    return logging.getLogger(__name__)


@atexit.register
def _stop_supervisors() -> None:
    """Close the pipes to the supervisors and wait for them, so that their ports are free when Python ends."""
    for supervisor in _owned.values():
        with contextlib.suppress(OSError):
            supervisor.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            supervisor.wait(10)
