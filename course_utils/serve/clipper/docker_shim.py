"""Build the models of a local cluster where `clipper_admin` would call Docker.

`ClipperConnection.build_model` asks Docker, whatever its container manager is: it calls ``docker.from_env()``, then
``images.build`` and ``images.push``. While a local cluster is started, a shim replaces the name ``docker`` in the
module `clipper_admin.clipper_admin`. If a tag begins with the name of a started cluster, the `Images` of that cluster
build the model; if several names fit, the longest one counts. The shim passes everything else on to the real
``docker``, and connects to no Docker before that is needed. When the last cluster stops, the name is restored.

Notes
-----
The shim sees tags, and cannot see for which container manager a tag is meant. So these cases need other names, if both
clusters are used in one process:

- a Docker or Kubernetes cluster that has the name of a local cluster, or that name and a hyphen at its beginning:
  the local cluster builds its images;
- a local cluster ``a`` with a model ``b-m`` beside a local cluster ``a-b``: ``a-b`` builds the image, and the
  deployment on ``a`` does not find it. In Docker, too, such models share one tag.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tarfile
import tempfile
import threading
import weakref
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO

from clipper_admin import clipper_admin as client
from clipper_admin.container_manager import ContainerManager
from docker.errors import BuildError

from course_utils.errors import CourseError, UsageError
from course_utils.serve.clipper import user_metrics
from course_utils.serve.clipper.images import Image, Images

__all__ = ["LIMIT_BYTES", "Builder"]

#: The largest build context that is accepted by default, in bytes. A larger closure has captured something by mistake:
#: a `training.Fit`, with the inputs of all flights, takes twice as much; its scorer takes 0.4 MB.
LIMIT_BYTES = 100_000_000

_lock = threading.RLock()
_started: list[Builder] = []


class Builder:
    """A builder of models for one local cluster, active between `start` and `stop`.

    Parameters
    ----------
    manager : ContainerManager
        The container manager of the cluster. When it is garbage-collected, the builder stops.
    images : Images
        The store that keeps the images.
    limit_bytes : int
        The largest build context that is accepted, in bytes.
    """

    def __init__(self, manager: ContainerManager, images: Images, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.cluster: str = manager.cluster_identifier
        self.images = images
        self.limit_bytes = limit_bytes
        self._leftovers: set[Path] = set()
        weakref.finalize(manager, self.stop)

    def start(self) -> None:
        """Build this cluster's models from now on; let ``import clipper_admin.metrics`` work without a Redis server.

        Starting a second time does nothing.
        """
        with _lock:
            if self not in _started:
                _started.append(self)
            if client.docker is not _shim:
                _shim.real, client.docker = client.docker, _shim
            user_metrics.install()

    def stop(self) -> None:
        """Stop building, and restore what `start` replaced if this was the last builder of the process.

        Stopping a second time does nothing.
        """
        with _lock:
            if self not in _started:
                return
            _started.remove(self)
            while self._leftovers:
                shutil.rmtree(self._leftovers.pop(), ignore_errors=True)
            if not _started:
                user_metrics.uninstall()
                if client.docker is _shim:
                    client.docker = _shim.real

    def _build(self, context: BinaryIO, tag: str) -> tuple[Image, list[dict[str, str]]]:
        """Return the image and the lines of the log, as docker-py does."""
        log: list[dict[str, str]] = []
        begin = context.tell()
        size = context.seek(0, os.SEEK_END) - begin
        context.seek(begin)
        self._remember_leftover(context)
        context.seek(begin)
        try:
            if size > self.limit_bytes:
                raise UsageError(
                    f"the model takes {size / 1e6:,.0f} MB; at most {self.limit_bytes / 1e6:,.0f} MB are accepted",
                    fix="check which variables the function captures: it must not hold training data",
                )
            built = self.images.build(context, tag, say=lambda line: log.append({"stream": line}))
            return self.images.find(built), log
        except CourseError as error:
            raise BuildError(str(error), log) from error

    def _remember_leftover(self, context: BinaryIO) -> None:
        """Note the temporary folder of a deployer, which removes it only if the deployment succeeds."""
        with contextlib.suppress(tarfile.TarError), tarfile.open(fileobj=context, mode="r:") as packed:
            first = packed.next()
            folder = Path("/", first.name if first else "")
            if folder.parent == Path(tempfile.gettempdir()) and re.fullmatch(r"tmp\w{8}clipper", folder.name):
                self._leftovers.add(folder)


def _find(tag: str) -> Builder | None:
    """Find the started builder whose cluster is still there and has the longest name at the beginning of a tag."""
    name = tag.rpartition("/")[2]  # without the registry
    with _lock:
        fit = [one for one in _started if name.startswith(f"{one.cluster}-") and one.images.folder.is_dir()]
    return max(fit, key=lambda one: len(one.cluster), default=None)


class _Docker:
    """Replaces the module ``docker``."""

    real: Any = None

    def from_env(self, *args: Any, **options: Any) -> _Client:
        return _Client(cache(partial(self.real.from_env, *args, **options)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class _Client:
    """Replaces a client of Docker; the real one connects when it is needed."""

    def __init__(self, real: Callable[[], Any]) -> None:
        self._real = real
        self.images = _Images(real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)


class _Images:
    """Replaces the images of a client of Docker."""

    def __init__(self, real: Callable[[], Any]) -> None:
        self._real = real
        self._built: set[str] = set()

    def build(self, **options: Any) -> Any:
        builder = _find(options.get("tag") or "")
        if builder is None or not options.get("custom_context"):
            return self._real().images.build(**options)
        built = builder._build(options["fileobj"], options["tag"])
        self._built.add(options["tag"])
        return built

    def push(self, repository: str, *args: Any, **options: Any) -> Any:
        if repository not in self._built:
            return self._real().images.push(repository, *args, **options)
        return [{"status": f"{repository} stays on this machine: nothing is sent to a registry"}]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real().images, name)


_shim = _Docker()
