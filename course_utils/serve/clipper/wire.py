"""How the processes of a cluster talk over Unix sockets: calls as lines of JSON, batches of queries as frames."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
import tempfile
from collections.abc import Awaitable, Callable
from os import PathLike, fspath
from pathlib import Path
from typing import Any

__all__ = [
    "ANSWER",
    "BATCH",
    "CallError",
    "Kind",
    "ask",
    "ask_async",
    "clusters_folder",
    "listen",
    "pack_batch",
    "wait_for_parent_exit",
]

#: Header of a batch of queries: number of queries, most rows per call of the model (0: no limit), bytes of all bodies.
#: The length of each body follows, then the bodies. A header of zeros asks for the replica's metrics.
BATCH = struct.Struct("<III")
#: Header of one answer: kind, rows, bytes. After a BATCH header there is one per query, then the answers.
ANSWER = struct.Struct("<BII")

#: The longest line of a call, in bytes: a state with thousands of applications fits.
_MAX_LINE = 1 << 26

_Handler = Callable[[dict[str, Any], asyncio.StreamReader, asyncio.StreamWriter], Awaitable[dict[str, Any] | None]]


class Kind:
    """The kind of a replica's answer to one query."""

    ONE = 0
    """One output."""
    MANY = 1
    """Outputs of several rows, one per line."""
    INVALID = 2
    """The query is wrong: its JSON or its input type."""
    FAILED_ONE = 3
    """The model raised an error for a query with one row."""
    FAILED_MANY = 4
    """The model raised an error for a query with several rows."""


class CallError(Exception):
    """Another process of the cluster refused a call; the text says why."""


def clusters_folder() -> Path:
    """Return the folder that holds a folder for each running cluster of this user; it may not exist yet."""
    return Path(tempfile.gettempdir()) / f"clipper-{os.getuid()}"


def pack_batch(bodies: list[bytes], max_rows: int = 0) -> list[bytes]:
    """Return the frame of a batch of queries, in pieces.

    Parameters
    ----------
    bodies : list of bytes
        The HTTP bodies of the queries, not parsed.
    max_rows : int
        The most rows that the model may get in one call; 0 (the default) for no limit.
    """
    sizes = [len(body) for body in bodies]
    return [BATCH.pack(len(bodies), max_rows, sum(sizes)), struct.pack(f"<{len(sizes)}I", *sizes), *bodies]


def _parse_answer(line: bytes) -> dict[str, Any]:
    if not line:
        raise CallError("the other process ended before it answered")
    answer = json.loads(line)
    if "refused" in answer:
        raise CallError(answer["refused"])
    return answer


def ask(path: str | PathLike[str], request: dict[str, Any], *, seconds: float = 60) -> dict[str, Any]:
    """Call another process of the cluster, wait for its answer and return it.

    Parameters
    ----------
    path : path
        The Unix socket of the other process.
    request : dict
        The call, with values that JSON can represent.
    seconds : float
        Timeout of each step, in seconds.

    See Also
    --------
    ask_async : The same inside an event loop.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(fspath(path))
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as answer:
            return _parse_answer(answer.readline())


async def ask_async(path: str | PathLike[str], request: dict[str, Any], *, seconds: float = 60) -> dict[str, Any]:
    """Call another process as `ask` does, inside an event loop.

    Parameters
    ----------
    path : path
        As for `ask`.
    request : dict
        As for `ask`.
    seconds : float
        Timeout of the whole call, in seconds.
    """
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_unix_connection(fspath(path), limit=_MAX_LINE)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            return _parse_answer(await reader.readline())
        finally:
            writer.close()


async def listen(path: str | PathLike[str], handler: _Handler) -> asyncio.Server:
    """Create a Unix socket and answer the calls of other processes; return the running server.

    Parameters
    ----------
    path : path
        The Unix socket to create.
    handler : coroutine function
        Gets the call, the reader and the writer. Returns the answer, or None if it has answered itself. A `CallError`
        is passed on to the caller.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline() or b"null")
            try:
                answer = await handler(request, reader, writer) if isinstance(request, dict) else None
            except CallError as error:
                answer = {"refused": str(error)}
            if answer is not None:
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the caller has gone or sent no JSON, so there is no one to answer
        finally:
            writer.close()

    return await asyncio.start_unix_server(serve, fspath(path), limit=_MAX_LINE)


async def wait_for_parent_exit() -> None:
    """Wait until the pipe to standard input breaks, because the process that started this one has ended."""
    pipe = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(pipe), sys.stdin)
    await pipe.read()
