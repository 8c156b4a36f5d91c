"""Replicas, and the process they are made from.

The zygote has imported what models need and never predicts. A replica is a fork of it, ready in milliseconds, and
safe: no thread but one has ever run in the zygote (a fork of a process that has used OpenMP can hang). Where forking
is not safe at all (macOS), the zygote starts fresh Pythons instead.

A replica has two lines: one to the supervisor, which ends the replica when it breaks, and one to the query front end,
from which batches come. When that one breaks, the replica connects again: a front end may be started anew.
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

__all__ = ["Predictor"]

#: What the zygote imports, where it is installed.
_PRELOADED = ("numpy", "pandas", "xgboost", "cloudpickle", "prometheus_client")


class Predictor:
    """A model that answers batches of queries as they came from clients.

    Parameters
    ----------
    function : callable
        Takes a list of inputs, returns an output for each.
    input_type : str
        Of the model.
    """

    def __init__(self, function: Callable[[list[Any]], Any], input_type: str) -> None:
        self.function = function
        self.input_type = input_type

    def answer(self, bodies: list[bytes], most: int = 0) -> bytes:
        """Answer a batch, with one call of the model.

        Parameters
        ----------
        bodies : list of bytes
            The queries.
        most : int
            How many rows the model may get in one call; 0 for any number.

        Returns
        -------
        bytes
            The frame for the front end.
        """
        queries: list[tuple[list[Any], bool] | QueryError] = []
        for body in bodies:
            try:
                queries.append(parse(body, self.input_type))
            except QueryError as error:
                queries.append(error)
        valid = [query for query in queries if not isinstance(query, QueryError)]
        try:
            outputs: list[bytes] | None = self.outputs([row for rows, _ in valid for row in rows], most)
        except Exception:
            traceback.print_exc()
            outputs = None
        heads, texts = [], []
        place = 0
        for query in queries:
            if isinstance(query, QueryError):
                kind, size, text = Kind.INVALID, 0, str(query).encode()
            else:
                rows, many = query
                size = len(rows)
                if outputs is not None:
                    own: list[bytes] | None = outputs[place : place + size]
                    place += size
                else:  # one of them is at fault: ask for each by itself, so that the others get their answers
                    own = self.alone(rows, most) if len(valid) > 1 else None
                kind = (Kind.FAILED_ONE, Kind.FAILED_MANY)[many] if own is None else (Kind.ONE, Kind.MANY)[many]
                text = b"" if own is None else b"\n".join(own)
            heads.append(ANSWER.pack(kind, size, len(text)))
            texts.append(text)
        frame = b"".join((*heads, *texts))
        return BATCH.pack(len(queries), 0, len(frame)) + frame

    def alone(self, rows: list[Any], most: int) -> list[bytes] | None:
        """Return the outputs for one query's rows, or None where the model fails.

        Parameters
        ----------
        rows : list
            Of the query.
        most : int
            As for `answer`.

        Returns
        -------
        list of bytes or None
            JSON.
        """
        try:
            return self.outputs(rows, most)
        except Exception:
            return None

    def outputs(self, rows: list[Any], most: int) -> list[bytes]:
        """Call the model.

        Parameters
        ----------
        rows : list
            As JSON has them.
        most : int
            As for `answer`.

        Returns
        -------
        list of bytes
            JSON, one for each row.

        Raises
        ------
        ValueError
            The model returned more or fewer outputs than there were inputs.
        """
        inputs = as_inputs(rows, self.input_type)
        step = most or len(inputs)
        written: list[bytes] = []
        for start in range(0, len(inputs), step or 1):
            part = inputs[start : start + step]
            outputs = self.function(part)
            written += outputs_as_json(outputs)
            if len(written) != start + len(part):
                raise ValueError(f"the model returned {len(written) - start} outputs for {len(part)} inputs")
        return written


def _end_with(line: socket.socket) -> None:
    """End this process when the supervisor does, whatever the model is doing."""
    with contextlib.suppress(OSError):
        while line.recv(64):
            pass
    os._exit(0)


def _replica(spec: dict[str, Any], line: socket.socket) -> None:
    """Load a model and answer queries for it, until the supervisor ends it."""
    line.sendall(json.dumps({"pid": os.getpid()}).encode() + b"\n")
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()
    try:
        # Imported here: the zygote stays small, and a model finds Clipper's module for metrics replaced.
        from course_utils.serve.clipper.images import Images, load_predictor

        user_metrics.install()
        predictor = Predictor(
            load_predictor(Images(Path(spec["folder"]) / "store").find(spec["image"])), spec["input_type"]
        )
    except BaseException as error:
        traceback.print_exc()
        line.sendall(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        os._exit(1)
    while True:
        with contextlib.suppress(OSError, EOFError), socket.socket(socket.AF_UNIX) as front:
            for side in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                front.setsockopt(socket.SOL_SOCKET, side, 1 << 20)
            front.connect(f"{spec['folder']}/front.sock")
            front.sendall(json.dumps(spec).encode() + b"\n")
            _answer(front, predictor, line)
        time.sleep(0.02)  # no front end: it is being started


def _answer(front: socket.socket, predictor: Predictor, line: socket.socket) -> None:
    """Answer the batches of a front end until the line to it breaks."""
    with front.makefile("rb", buffering=1 << 18) as incoming:

        def read(size: int) -> bytes:
            data = incoming.read(size)
            if len(data) < size:
                raise EOFError
            return data

        if incoming.readline():
            line.sendall(b'{"ready": true}\n')
        while True:
            count, most, size = BATCH.unpack(read(BATCH.size))
            if not count:
                page = user_metrics.render()
                front.sendall(BATCH.pack(0, 0, len(page)) + page)
                continue
            sizes = struct.unpack(f"<{count}I", read(4 * count))
            bodies = read(size)
            parts, place = [], 0
            for one in sizes:
                parts.append(bodies[place : place + one])
                place += one
            front.sendall(predictor.answer(parts, most))


def _become_replica(spec: dict[str, Any], line: socket.socket) -> None:
    """Turn this process, a fork of the zygote, into a replica."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _log_to(spec)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # not the same numbers in each replica
    _replica(spec, line)


def _log_to(spec: dict[str, Any]) -> None:
    """Let input come from nowhere and output go to the replica's log."""
    log = f"{spec['folder']}/logs/{spec['name']}_{spec['version']}-{spec['replica']}.log"
    for target, file, flags in ((0, os.devnull, os.O_RDONLY), (1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)):
        opened = os.open(file, flags, 0o600)
        os.dup2(opened, target)
        os.close(opened)
    os.dup2(1, 2)


def _can_fork() -> bool:
    """Say whether a fork of this process is safe: it has one thread, on a system whose libraries bear a fork."""
    if sys.platform != "linux" or os.environ.get("CLIPPER_START") == "spawn":
        return False
    return len(list(Path("/proc/self/task").iterdir())) == 1


def _main() -> None:
    """Run the zygote: start a replica for each line that the supervisor writes. With arguments: be one replica."""
    if len(sys.argv) > 1:
        spec = json.loads(sys.argv[1])
        _log_to(spec)
        _replica(spec, socket.socket(fileno=int(sys.argv[2])))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # replicas that have ended leave no trace
    if sys.platform == "linux" and os.environ.get("CLIPPER_START") != "spawn":
        import gc

        for name in _PRELOADED:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        gc.freeze()
    forks = _can_fork()
    print("replicas are forked" if forks else "replicas are started as fresh Pythons", flush=True)
    for written in sys.stdin.buffer:
        spec = json.loads(written)
        line = socket.socket(socket.AF_UNIX)
        line.connect(f"{spec['folder']}/supervisor.sock")
        line.sendall(json.dumps({"call": "hello", **spec}).encode() + b"\n")
        if not forks:
            os.set_inheritable(line.fileno(), True)
            command = [
                sys.executable,
                "-m",
                "course_utils.serve.clipper.replicas",
                json.dumps(spec),
                str(line.fileno()),
            ]
            subprocess.Popen(command, pass_fds=[line.fileno()], stdin=subprocess.DEVNULL)
        elif os.fork() == 0:
            _become_replica(spec, line)
        line.close()


if __name__ == "__main__":
    _main()
