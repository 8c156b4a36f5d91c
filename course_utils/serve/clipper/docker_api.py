"""The part of Docker's HTTP API that a build of clipper_admin needs, answered by the cluster on this machine.

`ClipperConnection.build_model` asks its container manager nothing: it calls ``docker.from_env()``, builds and pushes.
So while a local cluster is started, ``DOCKER_HOST`` names an address of this process, which answers version, build,
inspect and push for the models of that cluster, and puts the variable back afterwards.

Everybody else sees the Docker that would be there without it. Who is asking is read from this process's own stacks:
only a thread that is inside `build_model` of a local cluster is answered. Another request is handed on to the real
Docker as it came, and where there is none, the connection ends without an answer, which docker-py reports as it
reports a Docker that is not running. So a stock `DockerContainerManager` works, or fails, beside a local one.

Safe: it listens on loopback only, the address holds a secret, nothing is built unless this process is building, and
what is sent may not be larger than a limit. It leaves no file, and ends with the process, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import FrameType
from typing import IO, Any
from urllib.parse import parse_qs, unquote, urlsplit

from course_utils.errors import CourseError, UsageError
from course_utils.serve.clipper import user_metrics
from course_utils.serve.clipper.images import Images

__all__ = ["LIMIT_BYTES", "Endpoint"]

#: The largest model that may be sent, unless said otherwise. A closure that is larger has caught something by mistake:
#: one around a `training.Fit`, which has the inputs of all flights, takes twice as much, one around its scorer 0.4 MB.
LIMIT_BYTES = 100_000_000

#: The version of Docker's API whose words are used here.
_API_VERSION = "1.45"
_CHUNK = 1 << 16
#: Seconds that a client may stay silent.
_PATIENCE = 60

_lock = threading.RLock()
_started: list[Endpoint] = []
_server: _Server | None = None
#: What each environment variable was before, and what it is while a cluster is started.
_variables: dict[str, tuple[str | None, str | None]] = {}


class Endpoint:
    """The address that builds the models of one container manager; of the same process there is one address for all.

    Parameters
    ----------
    images : Images
        Where what is built is kept.
    owner : object
        The container manager. Only a `ClipperConnection` that holds it is answered. When it is gone, this stops.
    limit_bytes : int
        The largest build context that is accepted.
    """

    def __init__(self, images: Images, owner: object, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.images = images
        self.limit_bytes = limit_bytes
        self._owner = weakref.ref(owner)
        self._leftovers: set[str] = set()
        weakref.finalize(owner, self.stop)

    @property
    def owner(self) -> Any:
        """The container manager, or None when it is gone."""
        return self._owner()

    @property
    def cluster(self) -> str:
        """The cluster's name, which clipper_admin puts before the names of its images."""
        return self.owner.cluster_identifier

    def start(self) -> None:
        """Listen, let ``DOCKER_HOST`` name the address, and ``import clipper_admin.metrics`` need no Redis server."""
        global _server
        with _lock:
            if self in _started:
                return
            _started.append(self)
            if len(_started) == 1:
                if _server is None:
                    _server = _Server()
                _set_variables(_server.address)
                user_metrics.install()

    def stop(self) -> None:
        """Put all of it back, if no other manager of this process is started; a second time does nothing."""
        global _server
        with _lock:
            if self not in _started:
                return
            _started.remove(self)
            while self._leftovers:
                shutil.rmtree(self._leftovers.pop(), ignore_errors=True)
            if not _started:
                user_metrics.uninstall()
                _put_back_variables()
                if _server is not None and not _server.lent:
                    _server.end()
                    _server = None


# --------------------------------------------------------------------------- environment


def _set_variables(address: str) -> None:
    """Let docker-py find the address, in plain text and without a proxy."""
    wanted: dict[str, str | None] = {"DOCKER_HOST": address, "DOCKER_TLS_VERIFY": None, "DOCKER_CERT_PATH": None}
    if any(os.environ.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")):
        known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        if "127.0.0.1" not in known.split(","):
            wanted |= dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(filter(None, (known, "127.0.0.1"))))
    _variables.update({name: (os.environ.get(name), value) for name, value in wanted.items()})
    _write_variables(wanted)


def _put_back_variables() -> None:
    """Give each variable its value from before, unless somebody else has changed it meanwhile."""
    _write_variables({name: before for name, (before, ours) in _variables.items() if os.environ.get(name) == ours})
    _variables.clear()


def _write_variables(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


# --------------------------------------------------------------------------- who asks


def _building() -> list[Endpoint]:
    """Return the started endpoints for which a thread of this process is inside `ClipperConnection.build_model`."""
    module = sys.modules.get("clipper_admin.clipper_admin")
    if module is None:
        return []
    code = module.ClipperConnection.build_model.__code__
    with _lock:
        started = list(_started)
    building = []
    for stack in map(_callers, sys._current_frames().values()):
        own: list[Endpoint] = []
        for frame in stack:
            if frame.f_code is code:
                manager = frame.f_locals["self"].cm
                own = [each for each in started if each.owner is manager]
            elif own and "serialization_dir" in frame.f_locals:
                # A deployer of clipper_admin, which removes the folder that it made only if all goes well.
                own[0]._leftovers.add(frame.f_locals["serialization_dir"])
        building += own
    return building


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame and all that called it."""
    while frame is not None:
        yield frame
        frame = frame.f_back


class _Server(ThreadingTCPServer):
    """Loopback, a free port, a thread for each connection."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = secrets.token_urlsafe(24)
        self.address = f"tcp://127.0.0.1:{self.server_address[1]}/{self.secret}"
        #: A client of the real Docker has this address and needs it for as long as it lives.
        self.lent = False
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent when a client goes away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client of Docker."""

    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what is built is told to the one who builds."""

    def _answer(self) -> None:
        url = urlsplit(self.path)
        secret, _, rest = url.path.lstrip("/").partition("/")
        if not secrets.compare_digest(secret.encode(), self.server.secret.encode()):
            self.close_connection = True
            self._json(HTTPStatus.FORBIDDEN, {"message": "only the process that started the cluster may build here"})
            return
        path = "/" + re.sub(r"^v\d+\.\d+/", "", rest)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if not self._build(path, query):
            target = f"/{rest}" + (f"?{url.query}" if url.query else "")
            _hand_on(self, target)
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815 - http.server asks for these names

    def _build(self, path: str, query: Mapping[str, str]) -> bool:
        """Answer a build of a local cluster; say whether it was one."""
        building = _building()
        if not building:
            return False
        if (self.command, path) == ("GET", "/version"):
            self._json(HTTPStatus.OK, {"ApiVersion": _API_VERSION, "MinAPIVersion": "1.24", "Version": "local"})
            return True
        if (self.command, path) == ("POST", "/build"):
            tag = query.get("t", "")
            named = [each for each in building if tag.rpartition("/")[2].startswith(f"{each.cluster}-")]
            if named:
                self._build_image(max(named, key=lambda each: len(each.cluster)), query)
            return bool(named)
        asked = re.fullmatch(r"/images/(.+)/(json|push)", unquote(path))
        if asked is None:
            return False
        name = asked[1] + (f":{query['tag']}" if query.get("tag") else "")
        for endpoint in building:
            with contextlib.suppress(CourseError):
                image = endpoint.images.find(name)
                if asked[2] == "json":
                    self._json(HTTPStatus.OK, {"Id": f"sha256:{image.id}", "RepoTags": list(image.tags)})
                else:
                    self._stream([{"status": f"{name} stays on this machine: nothing is sent to a registry"}])
                return True
        return False

    def _build_image(self, endpoint: Endpoint, query: Mapping[str, str]) -> None:
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal():
            self.close_connection = True
            self._json(HTTPStatus.LENGTH_REQUIRED, {"message": "say how long the build context is"})
            return
        with tempfile.TemporaryFile() as context:
            fits = int(size) <= endpoint.limit_bytes
            self._receive(int(size), context if fits else None)
            self._begin_stream()
            try:
                if not fits:
                    raise UsageError(
                        f"the model takes {int(size) / 1e6:,.0f} MB; {endpoint.limit_bytes / 1e6:,.0f} MB are accepted",
                        fix="look what the function captures: the data of the training do not belong there",
                    )
                dockerfile = query.get("dockerfile", "Dockerfile")
                endpoint.images.build(
                    context, query["t"], dockerfile=dockerfile, say=lambda line: self._chunk({"stream": line})
                )
            except OSError:
                raise  # whoever sent it went away
            except Exception as error:
                text = str(error) if isinstance(error, CourseError) else f"{type(error).__name__}: {error}"
                self._chunk({"errorDetail": {"message": text}, "error": text})
            self._end_stream()

    def _receive(self, left: int, context: IO[bytes] | None) -> None:
        """Read what is sent into a file, or to nowhere: a client that is still sending does not listen."""
        while left:
            data = self.rfile.read(min(left, _CHUNK))
            if not data:
                raise ConnectionAbortedError("the client went away")
            left -= len(data)
            if context is not None:
                context.write(data)
        if context is not None:
            context.seek(0)

    def _json(self, status: HTTPStatus, content: Mapping[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, lines: list[Mapping[str, Any]]) -> None:
        self._begin_stream()
        for line in lines:
            self._chunk(line)
        self._end_stream()

    def _begin_stream(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, line: Mapping[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\r\n"
        self.wfile.write(b"%X\r\n%s\r\n" % (len(data), data))

    def _end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")


# --------------------------------------------------------------------------- the real Docker


def _hand_on(handler: _Handler, target: str) -> None:
    """Let the real Docker answer a request; without one, end the connection as a Docker does that is not running."""
    try:
        docker = _connect()
    except CourseError as error:
        handler.close_connection = True
        handler._json(HTTPStatus.NOT_IMPLEMENTED, {"message": str(error)})
        return
    if docker is None:
        return
    handler.server.lent = True
    with docker:
        lines = [f"{handler.command} {target} HTTP/1.1"]
        kept = [(name, value) for name, value in handler.headers.items() if name.lower() != "connection"]
        # One request for each connection: the next one may be for us. A terminal keeps its connection for itself.
        closing = handler.headers["Connection"] if "Upgrade" in handler.headers else "close"
        lines += [f"{name}: {value}" for name, value in [*kept, ("Connection", closing)]]
        docker.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        docker.settimeout(None)
        handler.connection.settimeout(None)
        threading.Thread(target=_pour, args=(handler.rfile, docker), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := docker.recv(_CHUNK):
                handler.connection.sendall(data)
            handler.connection.shutdown(socket.SHUT_RDWR)


def _pour(source: Any, docker: socket.socket) -> None:
    """Send on what a client sends, until it ends."""
    with contextlib.suppress(OSError, ValueError):
        while data := source.read1(_CHUNK):
            docker.sendall(data)
        docker.shutdown(socket.SHUT_WR)


def _connect() -> socket.socket | None:
    """Connect to the Docker that docker-py would find if no local cluster were started."""
    address = urlsplit(_docker_address())
    with contextlib.suppress(OSError):
        if address.scheme.endswith("unix"):
            docker = socket.socket(socket.AF_UNIX)
            docker.settimeout(_PATIENCE)
            docker.connect(address.path)
            return docker
        return socket.create_connection((address.hostname or "127.0.0.1", address.port or 0), timeout=_PATIENCE)
    return None


def _docker_address() -> str:
    """Return the address that docker-py would take if no local cluster were started."""
    from docker.context import ContextAPI

    with _lock:
        before = {name: value for name, (value, _) in _variables.items()}
    environment = {name: value for name, value in {**os.environ, **before}.items() if value is not None}
    found = {"base_url": environment.get("DOCKER_HOST")}
    if not found["base_url"]:
        found = ContextAPI.kwargs_from_context(environment=environment)
    address = found.get("base_url") or "unix:///var/run/docker.sock"
    encrypted = "tls" in found or environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_CERT_PATH")
    kind = urlsplit(address).scheme
    if kind not in ("unix", "http+unix") and (encrypted or kind not in ("tcp", "http")):
        raise UsageError(
            f"a Docker at {kind}:// is not handed on to while a local cluster is started",
            fix="make the DockerContainerManager before start_clipper of the local one, or after stop_all",
        )
    return address
