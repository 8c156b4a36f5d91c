"""How the processes of a cluster talk: a line of JSON, or frames of queries and answers, over Unix sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from os import PathLike, fspath
from typing import Any

__all__ = ["ANSWER", "BATCH", "CallError", "Kind", "ask", "ask_async", "listen", "pack_batch", "wait_for_parent_exit"]

#: Head of a batch of queries: how many, how many rows at most in one predict (0: any), bytes of the bodies. The
#: length of each body follows, then the bodies. A head of zeros asks for the metrics.
BATCH = struct.Struct("<III")
#: Head of one answer: its kind, its rows, its bytes. As many as there were queries follow a BATCH head.
ANSWER = struct.Struct("<BII")

_Handler = Callable[[dict[str, Any], asyncio.StreamReader, asyncio.StreamWriter], Awaitable[dict[str, Any] | None]]


class Kind:
    """What a replica's answer to one query is."""

    ONE = 0
    """One output."""
    MANY = 1
    """Outputs of several rows, a line each."""
    INVALID = 2
    """The query is at fault: its JSON or its input type."""
    FAILED_ONE = 3
    """The model raised an error for a query of one row."""
    FAILED_MANY = 4
    """The model raised an error for a query of several rows."""


class CallError(Exception):
    """Another process of the cluster said no; the text says why."""


def pack_batch(bodies: list[bytes], most: int = 0) -> list[bytes]:
    """Write a batch of queries as a replica reads it.

    Parameters
    ----------
    bodies : list of bytes
        The bodies of the queries, unparsed.
    most : int
        How many rows the model may get in one call; 0 for any number.

    Returns
    -------
    list of bytes
        The frame, in pieces.
    """
    sizes = [len(body) for body in bodies]
    return [BATCH.pack(len(bodies), most, sum(sizes)), struct.pack(f"<{len(sizes)}I", *sizes), *bodies]


def _checked(line: bytes) -> dict[str, Any]:
    if not line:
        raise CallError("the other process ended before it answered")
    answer = json.loads(line)
    if "refused" in answer:
        raise CallError(answer["refused"])
    return answer


def ask(path: str | PathLike[str], request: dict[str, Any], *, seconds: float = 60) -> dict[str, Any]:
    """Ask another process of the cluster and wait for its answer.

    Parameters
    ----------
    path : path
        Its Unix socket.
    request : dict
        What to ask, as JSON.
    seconds : float
        How long to wait.

    Returns
    -------
    dict
        The answer.
    """
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(seconds)
        line.connect(fspath(path))
        line.sendall(json.dumps(request).encode() + b"\n")
        with line.makefile("rb") as answer:
            return _checked(answer.readline())


async def ask_async(path: str | PathLike[str], request: dict[str, Any], *, seconds: float = 60) -> dict[str, Any]:
    """Ask as `ask` does, inside an event loop.

    Parameters
    ----------
    path, request, seconds
        As for `ask`.

    Returns
    -------
    dict
        The answer.
    """
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_unix_connection(fspath(path), limit=1 << 26)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            return _checked(await reader.readline())
        finally:
            writer.close()


async def listen(path: str | PathLike[str], handler: _Handler) -> asyncio.Server:
    """Answer what other processes ask.

    Parameters
    ----------
    path : path
        The Unix socket to make.
    handler : coroutine function
        Takes the request, the reader and the writer; returns the answer, or None when it has answered itself. A
        `CallError` is passed on to who asked.

    Returns
    -------
    asyncio.Server
        Answering.
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
            pass  # who asked has gone, or sent no JSON: nobody to answer
        finally:
            writer.close()

    return await asyncio.start_unix_server(serve, fspath(path), limit=1 << 26)


async def wait_for_parent_exit() -> None:
    """Wait until the pipe that this process reads from breaks: whoever started it has ended."""
    pipe = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(pipe), sys.stdin)
    await pipe.read()
