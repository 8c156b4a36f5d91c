"""HTTP/1 for the two front ends: one connection of a client, with limits on size, time and number.

For speed this is a protocol on top of httptools, without a web framework.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from http import HTTPStatus
from typing import Any

import httptools

__all__ = ["MAX_BODY_BYTES", "MAX_CLIENTS", "Connection", "Request", "close_slow_clients"]

#: The largest request, in bytes; a row of 280 numbers has 3,000.
MAX_BODY_BYTES = 16 * 1024 * 1024
#: Bytes allowed before the body.
_MAX_HEAD_BYTES = 32 * 1024
#: Clients that may be connected at the same time.
MAX_CLIENTS = 1000
#: Requests that a client may send before it has read the answer to the first (HTTP pipelining).
_MAX_PIPELINED = 16
#: Seconds within which a request must be complete, and an answer must be read.
_TIMEOUT = 15.0

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Request:
    """A complete HTTP request.

    Parameters
    ----------
    method, path : bytes
        Such as b'POST' and b'/my-app/predict'.
    body : bytes
        The body, not parsed; it may be empty.
    headers : dict of bytes to bytes
        Only the headers that the front ends need, in lower case: accept and authorization.
    keep_alive : bool
        Whether the connection stays open after the answer.
    """

    __slots__ = ("body", "headers", "keep_alive", "method", "path")

    def __init__(self, method: bytes, path: bytes, body: bytes, headers: dict[bytes, bytes], keep_alive: bool) -> None:
        self.method = method
        self.path = path
        self.body = body
        self.headers = headers
        self.keep_alive = keep_alive


class Connection(asyncio.Protocol):
    """A client's connection; its requests are answered one after the other, in the order in which they came.

    A subclass implements `handle`. httptools calls the methods that begin with ``on_``.

    Parameters
    ----------
    clients : set of Connection
        All open connections of the front end; this one adds and removes itself.
    loop : asyncio.AbstractEventLoop
        The event loop of the front end.
    """

    __slots__ = (
        "body_parts", "clients", "handling", "headers", "loop", "parser", "pipelined", "received", "transport", "url",
        "waiting_since",
    )  # fmt: skip

    def __init__(self, clients: set[Connection], loop: asyncio.AbstractEventLoop) -> None:
        self.clients = clients
        self.loop = loop
        self.parser: Any = httptools.HttpRequestParser(self)
        self.transport: Any = None
        self.handling: Request | None = None
        self.pipelined: deque[Request] = deque()
        self.received = 0
        #: When an incomplete request began, or when the client stopped reading; None if neither is the case.
        self.waiting_since: float | None = None
        self.url = b""
        self.body_parts: list[bytes] = []
        self.headers: dict[bytes, bytes] = {}

    def handle(self, request: Request) -> None:
        """Answer a `request`, now or later, with `respond`."""
        raise NotImplementedError

    def connection_made(self, transport: Any) -> None:
        """Accept a client on its `transport`; if there are too many, close an idle one, or refuse this one."""
        self.transport = transport
        self.clients.add(self)
        self.waiting_since = self.loop.time()
        if len(self.clients) > MAX_CLIENTS:
            others = (one for one in self.clients if one is not self and one.handling is None and one.transport)
            idle = next(others, None)
            if idle is None:
                self.refuse(503, "too many clients")
            else:
                idle.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client, whatever the reason (`exc`) was."""
        self.clients.discard(self)
        self.transport = None

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read its answers."""
        self.waiting_since = self.loop.time()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again after the client has read its answers."""
        self.waiting_since = None
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Parse the bytes (`data`) that the client sent, and refuse what is too large or not HTTP/1."""
        if self.parser is None:
            return  # the client was refused
        if self.waiting_since is None:
            self.waiting_since = self.loop.time()
        self.received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refuse(400, "this server supports HTTP/1 only")
        except httptools.HttpParserError:
            self.refuse(400, "this is not an HTTP request")
        else:
            if self.received > MAX_BODY_BYTES:
                self.refuse(413, f"a request may have at most {MAX_BODY_BYTES} bytes")
            elif self.received > _MAX_HEAD_BYTES and not self.body_parts and self.waiting_since is not None:
                self.refuse(431, f"the head of a request may have at most {_MAX_HEAD_BYTES} bytes")

    # httptools calls the following methods, in this order.
    def on_url(self, url: bytes) -> None:
        """Store a part of the address (`url`)."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header if the front ends need it, by its `name` and `value`; answer 'Expect: 100-continue'."""
        if len(name) in (6, 13):  # 'accept', 'expect', 'authorization': comparing lengths is cheaper than lowering all
            name = name.lower()
            if name == b"expect":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            elif name in (b"accept", b"authorization"):
                self.headers[name] = value

    def on_body(self, body: bytes) -> None:
        """Store a part of the `body`."""
        self.body_parts.append(body)

    def on_message_complete(self) -> None:
        """Handle the complete request, or queue it behind those that came before."""
        parser, parts = self.parser, self.body_parts
        request = Request(
            parser.get_method(),
            self.url,
            parts[0] if len(parts) == 1 else b"".join(parts),
            self.headers,
            parser.should_keep_alive(),
        )
        self.received, self.waiting_since, self.url, self.body_parts = 0, None, b"", []
        if self.headers:
            self.headers = {}
        if self.handling is None and not self.pipelined:
            self.handling = request
            self.handle(request)
            return
        self.pipelined.append(request)
        if len(self.pipelined) >= _MAX_PIPELINED:
            self.transport.pause_reading()

    def respond(self, status: int, body: bytes, kind: str = "application/json") -> None:
        """Answer the request that is being handled: HTTP `status`, `body`, and its content type as `kind`."""
        reason = _REASONS.get(status, "")
        self.send(
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )

    def send(self, answer: bytes) -> None:
        """Send a complete HTTP `answer`, and handle the client's next request if there is one."""
        request, transport, self.handling = self.handling, self.transport, None
        if transport is None:
            return
        transport.write(answer)
        if request is not None and not request.keep_alive:
            transport.close()
        elif self.pipelined:
            # In the next turn of the loop: a call here would nest once per request.
            self.loop.call_soon(self.handle_next)

    def handle_next(self) -> None:
        """Handle the next request that the client has already sent."""
        if self.pipelined and self.handling is None and self.transport is not None:
            self.handling = self.pipelined.popleft()
            if len(self.pipelined) == _MAX_PIPELINED - 1:
                with contextlib.suppress(RuntimeError):  # it was not paused
                    self.transport.resume_reading()
            self.handle(self.handling)

    def refuse(self, status: int, why: str) -> None:
        """Send an error with an HTTP `status` and the reason (`why`), and close the connection soon."""
        self.pipelined.clear()
        self.parser = self.handling = None
        if self.transport is not None and not self.transport.is_closing():
            self.respond(status, why.encode() + b"\n", "text/plain")
            self.transport.write_eof()
            # Not closed at once: if more data arrived then, the system would drop the answer before it is read.
            self.loop.call_later(1.0, self.transport.abort)


def close_slow_clients(clients: set[Connection], loop: asyncio.AbstractEventLoop) -> None:
    """Close, now and every second, connections whose client takes too long to send a request or to read an answer.

    Parameters
    ----------
    clients : set of Connection
        All open connections of the front end.
    loop : asyncio.AbstractEventLoop
        The event loop of the front end.
    """
    late = loop.time() - _TIMEOUT
    for client in list(clients):
        if client.waiting_since is not None and client.waiting_since < late and client.transport is not None:
            client.transport.abort()
    loop.call_later(1.0, close_slow_clients, clients, loop)
