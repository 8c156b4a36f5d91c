"""A cluster without processes, to try management calls on: the unmodified client, Clipper's rules, real images.

Management calls go to a thread that applies the rules of `State`, as the management front end does. Images are built
and loaded as in a cluster. Replicas are only counted, and no query is answered.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
import uuid
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from clipper_admin import ClipperConnection
from clipper_admin.container_manager import ContainerManager
from clipper_admin.exceptions import ClipperException

from course_utils.errors import CourseError
from course_utils.serve.clipper.docker_shim import Builder
from course_utils.serve.clipper.images import Images, load_predictor
from course_utils.serve.clipper.state import State, StateError

__all__ = ["Refusal", "Rehearsal", "Serving"]

#: The image of the models that are there at the start.
_STOCK = "clipper/noop-container:0.4.1"


class Refusal(NamedTuple):
    """A call that the cluster refused: its name, what was sent with it, and Clipper's answer."""

    call: str
    request: dict[str, Any]
    message: str


class Serving(NamedTuple):
    """What the application answered with after a call: model and version are empty, or replicas 0, if nothing did."""

    call: str
    model: str
    version: str
    replicas: int


class Rehearsal:
    """A cluster without processes, with one application that is linked to the first of some models.

    Parameters
    ----------
    app : str
        Name of the application, whose inputs are strings.
    models : mapping of str to sequence of str
        The versions of each model, with one replica each; the last one is the current version.

    Attributes
    ----------
    connection : ClipperConnection
        The connected client. A deep copy of it is the same client, so that a check sees what a function did with it.
    state : State
        Applications, models and links.
    replicas : dict
        Number of replicas by (model, version).
    calls : list of str
        The names of all calls that the cluster got, in order.
    history : list of Serving
        What the application answered with after each call that changed something.
    refusals : list of Refusal
        The calls that the cluster refused.
    """

    def __init__(self, app: str, models: Mapping[str, Sequence[str]]) -> None:
        self.app, self.calls, self.history, self.refusals = app, [], [], []
        self.folder = Path(tempfile.mkdtemp(prefix="rehearsal-"))
        self.images, self.state = Images(self.folder), State()
        self.replicas: dict[tuple[str, str], int] = {}
        of_app = {"name": app, "input_type": "strings", "default_output": "0", "latency_slo_micros": 100_000}
        self.state.add_app(of_app)
        for name, versions in models.items():
            for version in versions:
                info = {"model_name": name, "model_version": version, "labels": [], "input_type": "strings"}
                self.state.add_model(info | {"container_name": _STOCK, "model_data_path": ""})
                self.replicas[name, version] = 1
        self.state.add_model_links({"app_name": app, "model_names": [next(iter(models))]})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.rehearsal = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.manager = _Manager(self, f"127.0.0.1:{self._server.server_address[1]}")
        self.connection = _Connection(self.manager)
        self.connection.connected = True
        self._builder = Builder(self.manager, self.images)
        self._builder.start()

    def __enter__(self) -> Rehearsal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._builder.stop()
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def serving(self, call: str = "") -> Serving:
        """Return what the application answers with now; `call` is the name of the call that led to it."""
        model = "".join(self.state.apps.get(self.app, {}).get("linked_models", []))
        version = self.state.current.get(model, "")
        return Serving(call, model, version, self.replicas.get((model, version), 0))

    def predictor(self, model: str, version: str) -> Any:
        """Return the function that a replica of a model's version would call, from a list of inputs to outputs.

        Parameters
        ----------
        model, version : str
            A version that was deployed on this cluster.
        """
        return load_predictor(self.images.find(self.state.models[model][version]["container_name"]))

    def changed(self, call: str) -> None:
        """Note what the application answers with after a `call`."""
        self.history.append(self.serving(call))

    def answer(self, call: str, request: dict[str, Any]) -> tuple[int, str]:
        """Return status and text with which the management front end answers a call.

        Parameters
        ----------
        call : str
            Name of the call, one of the methods of `State`.
        request : dict
            What was sent with it.
        """
        self.calls.append(call)
        if call.startswith("_") or not callable(getattr(self.state, call, None)):
            return 404, "There is no call of this name.\n"
        # A copy: a call that is refused changes nothing.
        copied = State(json.loads(json.dumps(self.state.as_dict())))
        try:
            said = getattr(copied, call)(request)
        except StateError as error:
            self.refusals.append(Refusal(call, request, str(error)))
            return 400, str(error)
        if not call.startswith("get_"):
            self.state = copied
            self.changed(call)
        return 200, said if isinstance(said, str) else json.dumps(said)


class _Connection(ClipperConnection):
    """The client, which is the same object in a copy of the arguments of a function."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Connection:
        return self


class _Manager(ContainerManager):
    """A container manager that builds images and counts replicas; parameters have clipper_admin's names."""

    def __init__(self, rehearsal: Rehearsal, address: str) -> None:
        self.cluster_identifier = f"rehearsal-{uuid.uuid4().hex[:12]}"
        self._cluster, self._address = rehearsal, address

    def start_clipper(self, *images: Any, **options: Any) -> None:
        self._refuse("start_clipper", "this cluster is running already")

    def connect(self) -> None:
        pass

    def deploy_model(self, name: str, version: str, input_type: str, image: str, num_replicas: int = 1) -> None:
        if version not in self._cluster.state.models.get(name, {}):  # else the state refuses the version next
            self._check_image(image)
            self._cluster.replicas[name, version] = num_replicas

    def set_num_replicas(self, name: str, version: str, input_type: str, image: str, num_replicas: int) -> None:
        if not isinstance(num_replicas, int) or isinstance(num_replicas, bool) or not 0 <= num_replicas <= 100:
            raise ClipperException(f"num_replicas={num_replicas!r} is not allowed. Please give a number from 0 to 100")
        self._cluster.replicas[name, version] = num_replicas
        self._note("set_num_replicas")

    def get_num_replicas(self, name: str, version: str) -> int:
        return self._cluster.replicas.get((name, str(version)), 0)

    def stop_models(self, models: Mapping[str, Sequence[str]]) -> None:
        for name, versions in models.items():
            for version in versions:
                self._cluster.replicas[name, str(version)] = 0
        self._note("stop_models")

    def stop_all_model_containers(self) -> None:
        self._cluster.replicas.clear()
        self._note("stop_all_model_containers")

    def stop_all(self, graceful: bool = True) -> None:
        self._cluster.replicas.clear()
        self._note("stop_all")

    def get_logs(self, logging_dir: str) -> list[str]:
        return []

    def get_admin_addr(self) -> str:
        return self._address

    def get_query_addr(self) -> str:
        self._refuse("get_query_addr", "no query is answered on a cluster without processes")

    get_metric_addr = get_query_addr

    def _note(self, call: str) -> None:
        self._cluster.calls.append(call)
        self._cluster.changed(call)

    def _refuse(self, call: str, message: str) -> None:
        self._cluster.calls.append(call)
        self._cluster.refusals.append(Refusal(call, {}, message))
        raise ClipperException(message)

    def _check_image(self, image: str) -> None:
        try:
            load_predictor(self._cluster.images.find(image))
        except CourseError as error:
            self._cluster.refusals.append(Refusal("deploy_model", {"image": image}, str(error)))
            raise ClipperException(str(error)) from error


class _Handler(BaseHTTPRequestHandler):
    """Answers management calls."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            status, text = self.server.rehearsal.answer(self.path.removeprefix("/admin/"), json.loads(body or b"{}"))
        except ValueError as error:
            status, text = 400, f"Error parsing JSON: {error}"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        with contextlib.suppress(OSError):  # the client was stopped
            self.wfile.write(text.encode())

    def log_message(self, *args: Any) -> None:
        pass
