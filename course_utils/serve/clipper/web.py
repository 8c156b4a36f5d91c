"""HTTP for the two front ends: one connection, its limits, and nothing that a cluster does not need."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from http import HTTPStatus
from typing import Any

import httptools

__all__ = ["MOST_BODY", "MOST_CLIENTS", "Connection", "Request", "close_slow"]

#: Bytes that a request may have in all; a row of 280 numbers has 3,000.
MOST_BODY = 16 * 1024 * 1024
#: Bytes that may come before the body.
_MOST_HEAD = 32 * 1024
#: Clients at once; one more is turned away.
MOST_CLIENTS = 1000
#: Requests that a client may send before it has read the answer to the first.
_MOST_AHEAD = 16
#: Seconds in which a request must be complete, and a client must read.
_PATIENCE = 15.0

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Request:
    """A request that has come in whole.

    Parameters
    ----------
    method, path : bytes
        Such as b'POST' and b'/my-app/predict'.
    body : bytes
        As it came.
    headers : dict of bytes to bytes
        The few that matter here, in lower case: accept and authorization.
    keep : bool
        Whether the client goes on after the answer.
    """

    __slots__ = ("body", "headers", "keep", "method", "path")

    def __init__(self, method: bytes, path: bytes, body: bytes, headers: dict[bytes, bytes], keep: bool) -> None:
        self.method = method
        self.path = path
        self.body = body
        self.headers = headers
        self.keep = keep


class Connection(asyncio.Protocol):
    """A client's connection. Requests are answered one after the other, in the order in which they came.

    Parameters
    ----------
    clients : set
        All open connections of the front end; this one adds and removes itself.
    loop : asyncio.AbstractEventLoop
        Where it runs.
    """

    __slots__ = (
        "ahead", "busy", "clients", "headers", "loop", "parser", "parts", "received", "since", "transport", "url",
    )  # fmt: skip

    def __init__(self, clients: set[Connection], loop: asyncio.AbstractEventLoop) -> None:
        self.clients = clients
        self.loop = loop
        self.parser: Any = httptools.HttpRequestParser(self)
        self.transport: Any = None
        self.busy: Request | None = None
        self.ahead: deque[Request] = deque()
        self.received = 0
        self.since: float | None = None  # when a request began, or the client stopped reading
        self.url = b""
        self.parts: list[bytes] = []
        self.headers: dict[bytes, bytes] = {}

    def handle(self, request: Request) -> None:
        """Answer a `request`, now or later, by `respond`."""
        raise NotImplementedError

    def connection_made(self, transport: Any) -> None:
        """Take in a client, or turn it away when there are too many (`transport` is the way to it)."""
        self.transport = transport
        self.clients.add(self)
        self.since = self.loop.time()
        if len(self.clients) > MOST_CLIENTS:
            idle = next((one for one in self.clients if one is not self and one.busy is None and one.transport), None)
            if idle is None:
                self.refuse(503, "too many clients")
            else:
                idle.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client, whatever the reason (`exc`)."""
        self.clients.discard(self)
        self.transport = None

    def pause_writing(self) -> None:
        """Read no more from a client that does not read."""
        self.since = self.loop.time()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on when the client has read."""
        self.since = None
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Take in what the client sent (`data`)."""
        if self.parser is None:
            return  # it was refused
        if self.since is None:
            self.since = self.loop.time()
        self.received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refuse(400, "no protocol but HTTP/1 is spoken here")
        except httptools.HttpParserError:
            self.refuse(400, "this is no HTTP request")
        else:
            if self.received > MOST_BODY:
                self.refuse(413, f"a request may have {MOST_BODY} bytes")
            elif self.received > _MOST_HEAD and not self.parts and self.since is not None:
                self.refuse(431, f"the head of a request may have {_MOST_HEAD} bytes")

    # What httptools calls, in this order.
    def on_url(self, url: bytes) -> None:
        """Note a part of the address (`url`)."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note the few headers that matter.

        Parameters
        ----------
        name, value : bytes
            As they came.
        """
        if len(name) in (6, 13):  # cheaper than to lower all of them
            name = name.lower()
            if name == b"expect":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            elif name in (b"accept", b"authorization"):
                self.headers[name] = value

    def on_body(self, body: bytes) -> None:
        """Note a part of the `body`."""
        self.parts.append(body)

    def on_message_complete(self) -> None:
        """Answer the request, or let it wait for those that came before."""
        parser, parts = self.parser, self.parts
        request = Request(
            parser.get_method(),
            self.url,
            parts[0] if len(parts) == 1 else b"".join(parts),
            self.headers,
            parser.should_keep_alive(),
        )
        self.received, self.since, self.url, self.parts = 0, None, b"", []
        if self.headers:
            self.headers = {}
        if self.busy is None and not self.ahead:
            self.busy = request
            self.handle(request)
            return
        self.ahead.append(request)
        if len(self.ahead) >= _MOST_AHEAD:
            self.transport.pause_reading()

    def respond(self, status: int, body: bytes, kind: str = "application/json") -> None:
        """Answer the request that is being handled.

        Parameters
        ----------
        status : int
            Such as 200.
        body : bytes
            What to send.
        kind : str
            Its content type.
        """
        reason = _REASONS.get(status, "")
        self.send(
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )

    def send(self, answer: bytes) -> None:
        """Send a whole `answer`, and take up the next request of the client."""
        request, transport, self.busy = self.busy, self.transport, None
        if transport is None:
            return
        transport.write(answer)
        if request is not None and not request.keep:
            transport.close()
        elif self.ahead:
            self.loop.call_soon(self.take_up)

    def take_up(self) -> None:
        """Handle the next request that the client sent ahead."""
        if self.ahead and self.busy is None and self.transport is not None:
            self.busy = self.ahead.popleft()
            if len(self.ahead) == _MOST_AHEAD - 1:
                with contextlib.suppress(RuntimeError):  # it was reading
                    self.transport.resume_reading()
            self.handle(self.busy)

    def refuse(self, status: int, why: str) -> None:
        """Send an error, and end the connection soon.

        Parameters
        ----------
        status : int
            Such as 413.
        why : str
            For the client.
        """
        self.ahead.clear()
        self.parser = self.busy = None
        if self.transport is not None and not self.transport.is_closing():
            self.respond(status, why.encode() + b"\n", "text/plain")
            self.transport.write_eof()
            # Not closed at once: what the client still sends would make the system drop the answer before it is read.
            self.loop.call_later(1.0, self.transport.abort)


def close_slow(clients: set[Connection], loop: asyncio.AbstractEventLoop) -> None:
    """End, now and every second, the connections of clients that take too long to send a request or to read an answer.

    Parameters
    ----------
    clients : set of Connection
        Those of the front end.
    loop : asyncio.AbstractEventLoop
        Where it runs.
    """
    late = loop.time() - _PATIENCE
    for client in list(clients):
        if client.since is not None and client.since < late and client.transport is not None:
            client.transport.abort()
    loop.call_later(1.0, close_slow, clients, loop)
