"""Replicas, and the zygote: the process from which they are forked.

The zygote has imported the libraries that models need and never predicts. A replica is a fork of it, so it starts in
milliseconds. The zygote has only one thread, because a fork of a process that has used OpenMP can hang. Where forking
is not safe at all (macOS), the zygote starts new Python processes instead.

A replica has two connections: one to the supervisor, whose end ends the replica, and one to the query front end, which
sends batches. If the second one breaks, the replica connects again, because the front end may be restarting.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_utils.serve.clipper import user_metrics
from course_utils.serve.clipper.queries import QueryError, as_inputs, outputs_as_json, parse
from course_utils.serve.clipper.wire import ANSWER, BATCH, Kind
from course_utils.wording import counted

__all__ = ["Predictor"]

#: What the zygote imports, if it is installed.
_PRELOADED = ("numpy", "pandas", "xgboost", "cloudpickle", "prometheus_client")
#: Size of the socket buffers to the front end, in bytes: a large batch fits.
_SOCKET_BUFFER = 1 << 20


class Predictor:
    """A model that answers batches of queries.

    Parameters
    ----------
    function : callable
        Takes a list of inputs and returns one output for each.
    input_type : str
        Input type of the model, as for `queries.parse`.
    """

    def __init__(self, function: Callable[[list[Any]], Any], input_type: str) -> None:
        self.function = function
        self.input_type = input_type

    def answer(self, bodies: list[bytes], max_rows: int = 0) -> bytes:
        """Return the frame that answers a batch, from one call of the model if it does not fail.

        Parameters
        ----------
        bodies : list of bytes
            The HTTP bodies of the queries, not parsed.
        max_rows : int
            The most rows that the model may get in one call; 0 (the default) for no limit.
        """
        queries: list[tuple[list[Any], bool] | QueryError] = []
        for body in bodies:
            try:
                queries.append(parse(body, self.input_type))
            except QueryError as error:
                queries.append(error)
        valid = [query for query in queries if not isinstance(query, QueryError)]
        try:
            outputs: list[bytes] | None = self.predict([row for rows, _ in valid for row in rows], max_rows)
        except Exception:
            traceback.print_exc()
            outputs = None
        heads, texts = [], []
        place = 0
        for query in queries:
            if isinstance(query, QueryError):
                kind, size, text = Kind.INVALID, 0, str(query).encode()
            else:
                rows, is_batch = query
                size = len(rows)
                if outputs is not None:
                    own: list[bytes] | None = outputs[place : place + size]
                    place += size
                else:  # one query makes the model fail: predict each alone, so that the others get their answers
                    own = self.predict_or_none(rows, max_rows) if len(valid) > 1 else None
                kind = (Kind.FAILED_ONE, Kind.FAILED_MANY)[is_batch] if own is None else (Kind.ONE, Kind.MANY)[is_batch]
                text = b"" if own is None else b"\n".join(own)
            heads.append(ANSWER.pack(kind, size, len(text)))
            texts.append(text)
        frame = b"".join((*heads, *texts))
        return BATCH.pack(len(queries), 0, len(frame)) + frame

    def predict_or_none(self, rows: list[Any], max_rows: int) -> list[bytes] | None:
        """Return the outputs for `rows`, or None if the model fails; `rows` and `max_rows` as for `predict`."""
        try:
            return self.predict(rows, max_rows)
        except Exception:
            return None

    def predict(self, rows: list[Any], max_rows: int) -> list[bytes]:
        """Call the model and return its outputs as JSON, one per row.

        Parameters
        ----------
        rows : list
            Inputs as Python's JSON types, as from `queries.parse`.
        max_rows : int
            As for `answer`.

        Raises
        ------
        ValueError
            The model returned more or fewer outputs than it got inputs.
        """
        inputs = as_inputs(rows, self.input_type)
        step = max_rows or len(inputs)
        written: list[bytes] = []
        for start in range(0, len(inputs), step or 1):
            part = inputs[start : start + step]
            outputs = self.function(part)
            written += outputs_as_json(outputs)
            if len(written) != start + len(part):
                raise ValueError(
                    f"the model returned {counted(len(written) - start, 'output')} for {counted(len(part), 'input')}"
                )
        return written


def _exit_with_supervisor(connection: socket.socket) -> None:
    """Exit as soon as the connection to the supervisor breaks, whatever the model is doing."""
    with contextlib.suppress(OSError):
        while connection.recv(64):
            pass
    os._exit(0)  # from a thread: sys.exit would only end the thread


def _run_replica(spec: dict[str, Any], supervisor: socket.socket) -> None:
    """Load a model and answer queries for it until the supervisor ends this process."""
    supervisor.sendall(json.dumps({"pid": os.getpid()}).encode() + b"\n")
    threading.Thread(target=_exit_with_supervisor, args=(supervisor,), daemon=True).start()
    try:
        # Imported here: the zygote stays small, and a model finds Clipper's metrics module replaced.
        from course_utils.serve.clipper.images import Images, load_predictor

        user_metrics.install()
        predictor = Predictor(
            load_predictor(Images(Path(spec["folder"]) / "store").find(spec["image"])), spec["input_type"]
        )
    except BaseException as error:
        traceback.print_exc()
        supervisor.sendall(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        os._exit(1)
    while True:
        with contextlib.suppress(OSError, EOFError), socket.socket(socket.AF_UNIX) as front:
            for side in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                front.setsockopt(socket.SOL_SOCKET, side, _SOCKET_BUFFER)
            front.connect(f"{spec['folder']}/front.sock")
            front.sendall(json.dumps(spec).encode() + b"\n")
            _answer_batches(front, predictor, supervisor)
        time.sleep(0.02)  # the front end is restarting


def _answer_batches(front: socket.socket, predictor: Predictor, supervisor: socket.socket) -> None:
    """Answer the front end's batches until the connection to it breaks."""
    with front.makefile("rb", buffering=1 << 18) as incoming:

        def read(size: int) -> bytes:
            data = incoming.read(size)
            if len(data) < size:
                raise EOFError
            return data

        if incoming.readline():  # the front end has accepted this replica
            supervisor.sendall(b'{"ready": true}\n')
        while True:
            count, max_rows, size = BATCH.unpack(read(BATCH.size))
            if not count:  # the front end asks for the metrics of this replica
                page = user_metrics.render()
                front.sendall(BATCH.pack(0, 0, len(page)) + page)
                continue
            sizes = struct.unpack(f"<{count}I", read(4 * count))
            content = read(size)
            bodies, place = [], 0
            for one in sizes:
                bodies.append(content[place : place + one])
                place += one
            front.sendall(predictor.answer(bodies, max_rows))


def _become_replica(spec: dict[str, Any], supervisor: socket.socket) -> None:
    """Turn this process, a fork of the zygote, into a replica."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _redirect_output(spec)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # or all replicas would draw the same random numbers
    _run_replica(spec, supervisor)


def _redirect_output(spec: dict[str, Any]) -> None:
    """Close standard input, and send standard output and error to the replica's log."""
    log = f"{spec['folder']}/logs/{spec['name']}_{spec['version']}-{spec['replica']}.log"
    for target, file, flags in ((0, os.devnull, os.O_RDONLY), (1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)):
        opened = os.open(file, flags, 0o600)
        os.dup2(opened, target)
        os.close(opened)
    os.dup2(1, 2)


def _can_fork() -> bool:
    """Return whether forking this process is safe: on Linux, with one thread, unless the user chose 'spawn'."""
    if sys.platform != "linux" or os.environ.get("CLIPPER_START") == "spawn":
        return False
    return len(list(Path("/proc/self/task").iterdir())) == 1


def _main() -> None:
    """Run the zygote: start a replica for each line that the supervisor writes. With arguments: run one replica."""
    if len(sys.argv) > 1:
        spec = json.loads(sys.argv[1])
        _redirect_output(spec)
        _run_replica(spec, socket.socket(fileno=int(sys.argv[2])))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system removes replicas that have ended
    if sys.platform == "linux" and os.environ.get("CLIPPER_START") != "spawn":
        import gc

        for name in _PRELOADED:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        gc.freeze()  # the garbage collector would touch, and so copy, memory that the forks share
    forks = _can_fork()
    print("replicas are forked" if forks else "replicas are started as new Python processes", flush=True)
    for written in sys.stdin.buffer:
        spec = json.loads(written)
        supervisor = socket.socket(socket.AF_UNIX)
        supervisor.connect(f"{spec['folder']}/supervisor.sock")
        supervisor.sendall(json.dumps({"call": "hello", **spec}).encode() + b"\n")
        if not forks:
            os.set_inheritable(supervisor.fileno(), True)
            module = "course_utils.serve.clipper.replicas"
            command = [sys.executable, "-m", module, json.dumps(spec), str(supervisor.fileno())]
            subprocess.Popen(command, pass_fds=[supervisor.fileno()], stdin=subprocess.DEVNULL)
        elif os.fork() == 0:
            _become_replica(spec, supervisor)
        supervisor.close()


if __name__ == "__main__":
    _main()
