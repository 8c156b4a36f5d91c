"""A scratch MLflow store: tracking, model registry and web pages, in a temporary folder.

`open_tracking_store` points MLflow at the folder. When the store is closed, MLflow's earlier settings are restored and
the folder is deleted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path

from course_utils import tables
from course_utils.errors import UsageError

__all__ = [
    "EXPERIMENT",
    "POINTERS",
    "Pages",
    "TrackingStore",
    "open_tracking_store",
    "quiet_mlflow",
    "store_folder",
]


EXPERIMENT = "flight delays"
_STORE, _FILES = "course-runs.db", "artifacts"  # not mlflow.db, MLflow's own default


#: The variables that point MLflow to a store; restored when the course's store is closed.
POINTERS = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID")


def _quieten() -> None:
    """Turn off MLflow's telemetry, log messages and progress bars; it reads these variables when it is imported."""
    for name, value in tables.read_toml("quiet.toml")["environment"].items():
        if name.startswith(("MLFLOW_", "DO_NOT_")):
            os.environ[name] = value
    logs = {"MLFLOW_LOGGING_LEVEL": "ERROR", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    # GitPython, which MLflow imports, warns if Git is missing; the lesson does not need it.
    for name, value in {**logs, "GIT_PYTHON_REFRESH": "quiet"}.items():
        os.environ.setdefault(name, value)
    # tqdm asks for ipywidgets, which the course does not need.
    warnings.filterwarnings("ignore", message="IProgress not found")


_quieten()


class TrackingStore:
    """A tracking store and model registry in a folder of its own; created by `open_tracking_store`.

    Parameters
    ----------
    folder : Path
        An empty folder, which is deleted when the store is closed or Python ends.

    Attributes
    ----------
    uri : str
        The tracking URI, ``sqlite:///…``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = f"sqlite:///{(folder / _STORE).as_posix()}"
        self._pages: Pages | None = None
        self._before = {name: os.environ.get(name) for name in POINTERS}
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._point()

    def _point(self) -> None:
        import mlflow
        from mlflow.tracking import fluent

        # Your own settings are restored later. A run of yours that is active must not get the lesson's logs.
        self._tracking = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
        self._experiment = getattr(fluent, "_active_experiment_id", None)
        os.environ.pop("MLFLOW_RUN_ID", None)
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        with quiet_mlflow():
            mlflow.create_experiment(EXPERIMENT, artifact_location=(self.folder / _FILES).as_uri())
            mlflow.set_experiment(EXPERIMENT)

    def __enter__(self) -> TrackingStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<TrackingStore in a temporary folder, {'open' if self.is_open else 'closed'}>"

    @property
    def is_open(self) -> bool:
        """Whether the store has not been closed yet."""
        return self._remove.alive

    def pages(self, port: int = 5000) -> Pages:
        """Start MLflow's web pages for this store, on this machine only.

        Parameters
        ----------
        port : int
            The port on 127.0.0.1, from 0 to 65535; 0 chooses a free one.

        Raises
        ------
        UsageError
            The port is taken, or the server does not start.
        """
        if self._pages is not None:
            self._pages.stop()
        self._pages = Pages(self.uri, self.folder, port)
        return self._pages

    def close(self) -> None:
        """Stop the pages, restore MLflow's settings and delete the folder; a second call does nothing."""
        if not self.is_open:
            return
        import mlflow
        from mlflow.tracking import fluent

        if self._pages is not None:
            self._pages.stop()
        while mlflow.active_run():
            mlflow.end_run("KILLED")
        mlflow.set_tracking_uri(self._tracking)
        mlflow.set_registry_uri(self._before["MLFLOW_REGISTRY_URI"])
        # MLflow has no public function to unset the experiment.
        fluent._active_experiment_id = self._experiment
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._remove()


#: The open store. A weak reference, so that a store which is not used any more is deleted.
_STORES: list[weakref.ref[TrackingStore]] = []


def open_tracking_store() -> TrackingStore:
    """Return a new store in a temporary folder and point MLflow at it; a store that is still open is closed first.

    Your own MLflow store is not changed, and MLflow uses it again after the course's store is closed.
    """
    for reference in _STORES:
        if (known := reference()) is not None:
            known.close()
    store = TrackingStore(Path(tempfile.mkdtemp(prefix="course-mlflow-")))
    _STORES[:] = [weakref.ref(store)]
    return store


class Pages:
    """MLflow's web pages, served on this machine until they are stopped.

    Parameters
    ----------
    uri : str
        The tracking URI of the store.
    folder : Path
        A folder for the server's log.
    port : int
        As for `TrackingStore.pages`.

    Attributes
    ----------
    address : str
        The URL to open in a browser.
    """

    def __init__(self, uri: str, folder: Path, port: int) -> None:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise UsageError(
                    f"port {port} is taken", fix="stop the program that uses it, or pass another port"
                ) from error
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self._log = folder / "pages.log"
        command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--port", str(port)]
        command += ["--host", "127.0.0.1", "--workers", "1"]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
        with self._log.open("w") as log:
            self._server = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=folder, env=os.environ | quiet, start_new_session=True
            )
        self._end = weakref.finalize(self, _stop, self._server)
        self._wait()

    def _wait(self, patience: float = 90) -> None:
        end = time.monotonic() + patience
        while time.monotonic() < end and self._server.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{self.address}/health"):
                return
            time.sleep(0.2)
        output = self._log.read_text(errors="replace").strip().splitlines()
        self.stop()
        raise UsageError(
            f"the pages did not start: {(output or ['no message'])[-1]}",
            fix="try again, or run `mlflow ui` in a terminal",
        )

    def stop(self) -> None:
        """Stop the server and the processes that it started; a second call does nothing."""
        self._end()

    def __repr__(self) -> str:
        return f"MLflow's pages: {self.address} ({'open' if self._end.alive else 'stopped'})"


def _stop(server: subprocess.Popen) -> None:
    """End a server and its process group: first politely, then with SIGKILL."""
    for how in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(server.pid, how)
            else:
                server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
            if how is not signal.SIGTERM or not hasattr(os, "killpg"):
                return


@contextlib.contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Hide MLflow's warnings and log messages during a ``with`` block; errors are still raised."""
    level = logging.getLogger("mlflow").level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.getLogger("mlflow").setLevel(level)


def store_folder() -> Path:
    """Return the folder of the course's store that MLflow points at.

    Raises
    ------
    UsageError
        MLflow points at another store.
    """
    import mlflow

    uri = mlflow.get_tracking_uri()
    if not (uri.startswith("sqlite:///") and uri.endswith(f"/{_STORE}")):
        raise UsageError(
            "MLflow does not point at a store of the course", fix="open one with tracking.open_tracking_store()"
        )
    return Path(uri.removeprefix("sqlite:///")).parent
