"""The container manager that makes the unmodified ``clipper_admin`` client run Clipper as processes of this machine."""

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
import tempfile
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

#: The supervisors that this process has started, by cluster. The pipe to each lives as long as the process: a manager
#: that is forgotten, as when a notebook's cell is run again, does not stop its cluster.
_owned: dict[str, subprocess.Popen[bytes]] = {}


class LocalContainerManager(ContainerManager):
    """Runs a Clipper cluster on this machine, without Docker.

    Give it to ``clipper_admin.ClipperConnection`` in the place of ``DockerContainerManager``; everything else stays
    as it is. The cluster ends with the process that started it.

    Parameters
    ----------
    cluster_name : str
        Clusters of different names do not know of each other. A Docker cluster that you use in the same process needs a
        name that does not begin with this one: images are built where their tag says.
    clipper_query_port, clipper_management_port : int
        Where the front ends listen on 127.0.0.1; 0 for any free port, which is in the same attribute after the start.
    start_method : {'fork', 'spawn'}, optional
        How replicas are made: forks of a warm process where that is safe (Linux), or fresh Pythons.

    Raises
    ------
    UsageError
        On Windows, or where the cluster's name cannot name a folder.
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
                "Clipper's processes need Unix sockets, which Python has not got on Windows",
                fix="run this lesson in WSL, on Binder, or with Docker by DockerContainerManager",
            )
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?", cluster_name):
            raise UsageError(
                f"cluster_name {cluster_name!r} cannot name a cluster",
                fix="use up to 32 lower-case letters, digits and -",
            )
        if start_method not in (None, "fork", "spawn"):
            raise UsageError(f"start_method is {start_method!r}", fix="use 'fork', 'spawn' or leave it out")
        self.cluster_name = self.cluster_identifier = cluster_name
        self.clipper_query_port = clipper_query_port
        self.clipper_management_port = clipper_management_port
        self.start_method = start_method
        self.secret = ""
        self.folder = _home() / cluster_name
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
            Images of Clipper's; nothing here runs in an image.
        cache_size, qf_http_thread_pool_size, qf_http_timeout_request, qf_http_timeout_content : int
            Of Clipper's query front end; this one keeps no predictions, and has limits of its own.
        num_frontend_replicas : int
            One only, as with Docker.

        Raises
        ------
        UsageError
            A port is in use.
        ClipperException
            A cluster of this name is running, or the start failed.
        """
        if num_frontend_replicas != 1:
            raise ClipperException(
                "LocalContainerManager runs one query front end, as DockerContainerManager does. "
                "Please set num_frontend_replicas=1 or use Kubernetes."
            )
        ports = {"frontend": self.clipper_query_port, "management": self.clipper_management_port}
        asked = {"folder": str(self.folder), "ports": ports, "secret": secrets.token_urlsafe(24), "owner": os.getpid()}
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"}
        if self.start_method:
            environment["CLIPPER_START"] = self.start_method
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "course_utils.serve.clipper.supervisor"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip
        supervisor.stdin.write(json.dumps(asked).encode() + b"\n")
        supervisor.stdin.flush()
        told = supervisor.stdout.readline()
        supervisor.stdout.close()
        answer = json.loads(told) if told else {"refused": "start", "why": supervisor.stderr.read().decode()[-2000:]}
        supervisor.stderr.close()
        if "refused" in answer:
            supervisor.stdin.close()
            supervisor.wait()
            self._refuse(answer)
        _owned[self.cluster_name] = supervisor
        self.connect()

    def _refuse(self, answer: dict[str, Any]) -> None:
        if answer["refused"] == "port":
            what = "query" if answer["module"] == "frontend" else "management"
            raise UsageError(
                f"port {answer['port']}, Clipper's {what} address, cannot be opened: {answer['why']}",
                fix=f"stop what listens there, or give clipper_{what}_port=0 for any free port",
            )
        if answer["refused"] == "exists":
            raise ClipperException(
                f"Cluster {self.cluster_name} cannot be started because it already exists. "
                "Please use ClipperConnection.connect() to connect to it, or stop_all() to stop it."
            )
        raise ClipperException(f"Cluster {self.cluster_name} did not start: {answer['why']}")

    def connect(self) -> None:
        """Connect to the running cluster of this name, also from another process of the same user.

        Raises
        ------
        ClipperException
            There is none.
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
        """Stop every process of the cluster, close its ports and remove its files.

        Parameters
        ----------
        graceful : bool
            Taken, as by `DockerContainerManager`; the processes keep nothing that would be lost.
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
        while not self._swept() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _swept(self) -> bool:
        """Say whether no supervisor runs; remove what one has left that was killed."""
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

        A version that is registered is left alone: the client asks for its replicas before Clipper tells it that
        versions are never used again. What is left of a deployment that was refused is replaced.

        Parameters
        ----------
        name, version : str
            Of the model.
        input_type : str
            Of the model.
        image : str
            What `build_model` returned.
        num_replicas : int
            How many to start.

        Raises
        ------
        ClipperException
            There is no such image, or its model cannot be loaded.
        """
        if not self._registered(name, version):
            self._scale(name, version, input_type, image, num_replicas, replace=True)

    def set_num_replicas(self, name: str, version: str, input_type: str, image: str, num_replicas: int) -> None:
        """Bring a version to a number of replicas; each runs what the version was first deployed with.

        Parameters
        ----------
        name, version : str
            Of the model.
        input_type : str
            Of the model.
        image : str
            The name of its image; looked at only where the version has no replicas yet.
        num_replicas : int
            How many there shall be.

        Raises
        ------
        ClipperException
            It is no number of replicas, there is no such image, or its model cannot be loaded.
        """
        self._scale(name, version, input_type, image, num_replicas, replace=False)

    def _scale(self, name: str, version: str, input_type: str, image: str, number: int, *, replace: bool) -> None:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 100:
            raise ClipperException(f"num_replicas is {number!r}; please give a number from 0 to 100")
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
        """Return how many replicas of a version answer queries.

        Parameters
        ----------
        name, version : str
            Of the model.

        Returns
        -------
        int
            Those that are ready.
        """
        return len([one for one in self.replicas() if (one["name"], one["version"]) == (name, str(version))])

    def replicas(self) -> list[dict[str, Any]]:
        """Return the replicas that answer queries.

        Returns
        -------
        list of dict
            name, version, input_type, replica (its number) and pid of each.
        """
        return self._ask({"call": "replicas"})["replicas"]

    def processes(self) -> dict[str, int]:
        """Return the process ids of the supervisor and of what it started beside the replicas.

        Returns
        -------
        dict
            Of 'supervisor', 'frontend' (queries), 'management' and 'replicas' (what they are forked from).
        """
        about = json.loads((self.folder / "cluster.json").read_text(encoding="utf-8"))
        return {"supervisor": about["supervisor"]} | self._ask({"call": "replicas"})["children"]

    def stop_models(self, models: Mapping[str, Sequence[str]]) -> None:
        """Stop all replicas of some versions, once they have answered the queries that they have.

        Parameters
        ----------
        models : mapping of str to sequence of str
            Versions by model name.
        """
        self._ask({"call": "stop_models", "models": {name: list(map(str, models[name])) for name in models}})

    def stop_all_model_containers(self) -> None:
        """Stop all replicas of all models."""
        self._ask({"call": "stop_models", "models": None})

    def _registered(self, name: str, version: str) -> bool:
        """Say whether the management front end knows a version."""
        asked = {"model_name": name, "model_version": str(version)}
        answer = requests.post(f"http://{self.get_admin_addr()}/admin/get_model", json=asked, timeout=30)
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
        """Copy the logs of the front ends and of all replicas.

        Parameters
        ----------
        logging_dir : str
            Where to; made if absent.

        Returns
        -------
        list of str
            The files.
        """
        target = Path(logging_dir).absolute()
        target.mkdir(parents=True, exist_ok=True)
        return [str(shutil.copy(log, target / log.name)) for log in sorted((self.folder / "logs").glob("*.log"))]

    def get_admin_addr(self) -> str:
        """Return the management address, with the secret that its calls need."""
        return f"clipper:{self.secret}@127.0.0.1:{self.clipper_management_port}"

    def get_query_addr(self) -> str:
        """Return the query address."""
        return f"127.0.0.1:{self.clipper_query_port}"

    def get_metric_addr(self) -> str:
        """Return where Prometheus finds ``/metrics``: the query address."""
        return self.get_query_addr()


def _home() -> Path:
    """Return the folder of this user's clusters, which nobody else may enter."""
    home = Path(tempfile.gettempdir()) / f"clipper-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=0o700)
    seen = home.lstat()
    if not home.is_dir() or home.is_symlink() or seen.st_uid != os.getuid() or seen.st_mode & 0o077:
        raise UsageError(f"the folder {home.name} of temporary files is not this user's alone", fix="remove it")
    return home


def _logger() -> Any:
    import logging

    return logging.getLogger(__name__)


@atexit.register
def _close() -> None:
    """Let the supervisors go: the pipes would break in any case."""
    for supervisor in _owned.values():
        with contextlib.suppress(OSError):
            supervisor.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            supervisor.wait(10)
