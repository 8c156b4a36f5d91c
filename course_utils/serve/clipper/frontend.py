"""Clipper's query front end: accepts queries, sends them to replicas in batches, keeps each application's deadline.

It does not parse queries: it passes the body on, and the replica parses, predicts and writes the output. So one front
end can keep several replicas busy. It parses a body only if no replica answers in time, to send one default output per
row. A *query* is one HTTP request, a *batch* the queries that are sent to a replica together.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import math
import resource
import socket
import sys
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import uvloop

from course_utils.serve.clipper import user_metrics, web, wire
from course_utils.serve.clipper.counters import AnswerStats, as_clipper, as_prometheus
from course_utils.serve.clipper.queries import QueryError, as_json, parse
from course_utils.serve.clipper.state import State
from course_utils.serve.clipper.wire import ANSWER, BATCH, Kind

__all__ = ["main"]

_NO_MODEL = "No connected models found for query"
_TOO_LATE = "Failed to retrieve a prediction response within the specified latency SLO"
_MODEL_FAILED = "The model raised an error, or did not return an output for each input: see its log"
_NO_APPLICATION = "No registered application with name: {}"
_NO_VERSION = "Requested version: {} does not exist for model: {}"

#: Share of the latency objective that a batch may take: below half, as a query may wait for one batch before its own.
_BATCH_SHARE = 0.45
#: The first and the largest limit of a batch, in queries.
_FIRST_BATCH = 16
_MAX_BATCH = 4096
#: A query that was lost with this many replicas gets the default output: it may be what kills them.
_MAX_TRIES = 5
#: Seconds to wait for a retiring replica's last batch, and for a busy replica's metrics.
_RETIRE_TIMEOUT = 10
_METRICS_TIMEOUT = 0.5


class _Query:
    """A query that is waiting for its answer."""

    __slots__ = ("app", "arrived", "body", "client", "deadline", "done", "tries", "version")

    def __init__(self, client: _Client, app: _Application, body: bytes, version: str | None, now: float) -> None:
        self.client = client
        self.app = app
        self.body = body
        self.version = version
        self.arrived = now
        self.deadline = now + app.objective
        self.done = False
        self.tries = 0


class _Application:
    """An application: its waiting queries in the order of their deadlines, and one timer for all of them."""

    def __init__(self, front: _FrontEnd, info: dict[str, Any]) -> None:
        self.front = front
        self.name: str = info["name"]
        self.waiting: deque[_Query] = deque()
        self.timer: asyncio.TimerHandle | None = None
        self.stats: dict[tuple[str, str], AnswerStats] = {}
        self.update(info)

    def update(self, info: dict[str, Any]) -> None:
        """Adopt the application's entry of a new state (`info`)."""
        self.input_type: str = info["input_type"]
        self.objective: float = info["latency_slo_micros"] / 1e6
        self.default: bytes = as_json(info["default_output"])
        self.linked: str | None = next(iter(info["linked_models"]), None)

    def stats_of(self, model: str, version: str) -> AnswerStats:
        """Return the counters of a model's version in this application."""
        key = (model, version)
        if key not in self.stats:
            self.stats[key] = AnswerStats()
        return self.stats[key]

    def watch_deadline(self, query: _Query) -> None:
        """Answer a `query` with the default output if its deadline passes."""
        waiting = self.waiting
        while waiting and waiting[0].done:
            waiting.popleft()
        waiting.append(query)
        if self.timer is None:
            self.timer = self.front.loop.call_later(self.objective, self.answer_late_queries)

    def answer_late_queries(self) -> None:
        """Answer late queries with the default output, and set the timer to the next deadline."""
        now = monotonic() + 0.0005  # half a millisecond ahead, so that close deadlines share one call of the timer
        waiting = self.waiting
        while waiting and (waiting[0].done or waiting[0].deadline <= now):
            query = waiting.popleft()
            if not query.done:
                self.front.send_default(query, _TOO_LATE)
        later = self.front.loop.call_later
        self.timer = later(waiting[0].deadline - now, self.answer_late_queries) if waiting else None


class _Model:
    """A model: the queries that wait for a replica, and the replicas of each version."""

    def __init__(self, front: _FrontEnd, name: str) -> None:
        self.front = front
        self.name = name
        self.current: str | None = None
        self.batch_sizes: dict[str, int] = {}
        self.objective = math.inf
        self.replicas: dict[str, list[_Replica]] = {}
        #: By requested version. None: queries for the version that is current when a replica is free.
        self.queues: dict[str | None, deque[_Query]] = {None: deque()}
        self.scheduled = False

    def submit(self, query: _Query) -> None:
        """Queue a `query`; all that arrive in one turn of the event loop are sent together."""
        queue = self.queues.setdefault(query.version, deque())
        while queue and queue[0].done:
            queue.popleft()
        queue.append(query)
        if not self.scheduled:
            self.scheduled = True
            self.front.loop.call_soon(self.dispatch)

    def dispatch(self) -> None:
        """Send waiting queries to free replicas."""
        self.scheduled = False
        for requested, queue in self.queues.items():
            if queue:
                free = [one for one in self.replicas.get(requested or self.current or "", ()) if one.is_free()]
                for place, replica in enumerate(free):
                    share = -(-len(queue) // (len(free) - place))  # the same for each replica that is left, rounded up
                    batch = replica.take_batch(queue, share)
                    if batch:
                        replica.send(batch)

    def retry(self, queries: Iterable[_Query]) -> None:
        """Queue `queries` again whose replica ended, in front of those that arrived later."""
        for query in reversed(list(queries)):
            if query.done:
                continue
            query.tries += 1
            if query.tries >= _MAX_TRIES:
                self.front.send_default(query, _MODEL_FAILED)
            else:
                self.queues.setdefault(query.version, deque()).appendleft(query)
        self.dispatch()


class _Replica(asyncio.Protocol):
    """A connection of another process: of a replica, or of the supervisor or management front end for one call.

    The first line says which.
    """

    def __init__(self, front: _FrontEnd) -> None:
        self.front = front
        self.transport: Any = None
        self.model: _Model | None = None
        self.version = ""
        self.number = -1
        self.incoming = bytearray()
        self.sent: list[_Query] = []
        self.sent_at = 0.0
        #: Seconds that batches take: expected for the next one, and the moving average.
        self.expected = self.average = 0.0
        self.limit: float = _FIRST_BATCH
        self.retiring: asyncio.Event | None = None
        self.metrics = b""
        self.metrics_request: asyncio.Future[bytes] | None = None
        self.busy = False

    def connection_made(self, transport: Any) -> None:
        """Accept a process on its `transport`."""
        self.transport = transport
        transport.set_write_buffer_limits(high=1 << 22)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived (`data`): first a line of JSON, then, from a replica, answers."""
        self.incoming += data
        if self.model is None:
            line, end, rest = bytes(self.incoming).partition(b"\n")
            if end:
                self.incoming = bytearray(rest)
                self.handle_hello(json.loads(line))
        else:
            self.take_answers()

    def handle_hello(self, hello: dict[str, Any]) -> None:
        """Register a replica, or answer a call of the supervisor or management front end (`hello`)."""
        if "replica" in hello:
            self.front.restarts[hello["name"], hello["version"]] = hello["restarts"]
            self.version, self.number = hello["version"], hello["replica"]
            self.model = self.front.model(hello["name"])
            self.model.replicas.setdefault(self.version, []).append(self)
            self.transport.write(b"{}\n")
            self.model.dispatch()
        elif "state" in hello:
            self.front.update_state(State(hello["state"]))
            self.transport.write(b"{}\n")
        elif "retire" in hello:
            self.front.loop.create_task(self.retire(hello["retire"]))

    async def retire(self, wanted: list[list[Any]]) -> None:
        """Stop sending queries to some replicas (`wanted`); answer the call when they have finished their batches."""
        leaving = [
            one
            for name, version, number in wanted
            for one in self.front.model(name).replicas.get(version, ())
            if one.number == number
        ]
        for one in leaving:
            one.retiring = asyncio.Event()
        for one in leaving:
            if one.busy:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(one.retiring.wait(), _RETIRE_TIMEOUT)
        if self.transport is not None:
            self.transport.write(b"{}\n")

    def is_free(self) -> bool:
        """Return whether this replica can take a batch."""
        return not self.busy and self.retiring is None

    def take_batch(self, queue: deque[_Query], share: int) -> list[_Query]:
        """Take at most `share` queries from a queue; drop those that would be answered too late."""
        most = min(share, max(1, int(self.limit)))
        batch: list[_Query] = []
        soonest = monotonic() + 1.2 * self.expected
        while queue and len(batch) < most:
            # A query that was lost with two replicas may be what kills them: it is sent alone, and no other is lost.
            if batch and max(batch[-1].tries, queue[0].tries) > 1:
                break
            query = queue.popleft()
            # The last one is sent in any case: without any batch, the expected time would never be measured again.
            if not query.done and (query.deadline > soonest or not queue):
                batch.append(query)
        return batch

    def send(self, batch: list[_Query]) -> None:
        """Send a `batch` to the replica."""
        self.sent = batch
        self.busy = True
        self.sent_at = monotonic()
        max_rows = max(self.model.batch_sizes.get(self.version, -1), 0)
        self.transport.writelines(wire.pack_batch([query.body for query in batch], max_rows))

    def take_answers(self) -> None:
        """Send the answers of a batch to the clients when it is complete, and adapt the size of the next one."""
        incoming = self.incoming
        if len(incoming) < BATCH.size:
            return
        count, _, size = BATCH.unpack_from(incoming)
        if len(incoming) < BATCH.size + size:
            return
        frame, self.incoming = bytes(incoming[BATCH.size : BATCH.size + size]), incoming[BATCH.size + size :]
        if not count:  # the replica's own metrics
            self.metrics = frame
            if self.metrics_request is not None and not self.metrics_request.done():
                self.metrics_request.set_result(frame)
            self.metrics_request = None
        else:
            batch, self.sent, self.busy = self.sent, [], False
            now = monotonic()
            self.adapt_batch_size(now - self.sent_at, len(batch))
            if self.retiring is not None:
                self.retiring.set()
            self.model.dispatch()  # first, so that the replica works while the answers are sent
            self.front.send_answers(self, batch, frame, now)
        if self.incoming:
            self.take_answers()

    def adapt_batch_size(self, took: float, size: int) -> None:
        """Let batches grow while they take less than their share of the objective, and shrink when they take more.

        Like the AIMD scheme of Clipper's paper, but batches grow by a factor too.
        """
        self.average = 0.7 * self.average + 0.3 * took if self.average else took
        self.expected = min(self.average, took)  # one slow batch must not make queries miss their deadline
        fixed = self.model.batch_sizes.get(self.version, -1)
        if fixed > 0:
            self.limit = fixed
            return
        budget = _BATCH_SHARE * self.model.objective
        if took > budget:
            self.limit = max(1.0, min(self.limit, size) * 0.9)
        elif size >= int(self.limit):
            self.limit = min(_MAX_BATCH, self.limit * (1.5 if took < budget / 2 else 1.1) + 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Send the queries of a replica that ended to another one, whatever the reason (`exc`) was."""
        self.transport = None
        if self.model is None:
            return
        self.model.replicas[self.version].remove(self)
        self.busy = False
        if self.retiring is not None:
            self.retiring.set()
        lost, self.sent = self.sent, []
        self.model.retry(lost)

    async def fetch_metrics(self) -> bytes:
        """Return the user's metrics of this replica: current ones, or the last known if it does not answer soon."""
        if self.transport is not None:
            if self.metrics_request is None:
                self.metrics_request = self.front.loop.create_future()
                self.transport.write(BATCH.pack(0, 0, 0))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.metrics_request), _METRICS_TIMEOUT)
        return self.metrics


class _Client(web.Connection):
    """A client of the query front end."""

    __slots__ = ("front",)

    def __init__(self, front: _FrontEnd) -> None:
        super().__init__(front.clients, front.loop)
        self.front = front

    def handle(self, request: web.Request) -> None:
        app = self.front.routes.get(request.path)
        if app is None:
            self.front.handle_other(self, request)
        elif request.method != b"POST":
            self.respond(405, b'{"error":"Request error","cause":"Send a POST request"}')
        else:
            self.front.accept_query(self, app, request.body)


class _FrontEnd:
    """The query front end: applications, models, and the way of a query from its client to a replica and back."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.clients: set[web.Connection] = set()
        self.apps: dict[str, _Application] = {}
        self.models: dict[str, _Model] = {}
        self.routes: dict[bytes, _Application] = {}
        self.restarts: dict[tuple[str, str], int] = {}
        self.batches: dict[tuple[str, str], AnswerStats] = {}
        self.next_id = 0
        self.started = time.time()
        self.update_state(State.load(folder / "state.json"))

    def model(self, name: str) -> _Model:
        """Return the model with a `name`, created at first use: replicas may connect before it is registered."""
        if name not in self.models:
            self.models[name] = _Model(self, name)
        return self.models[name]

    def update_state(self, state: State) -> None:
        """Adopt a new `state`; from now on, queries follow it."""
        for name in [name for name in self.apps if name not in state.apps]:
            del self.apps[name]
        for name, info in state.apps.items():
            if name in self.apps:
                self.apps[name].update(info)
            else:
                self.apps[name] = _Application(self, info)
        self.routes = {f"/{name}/predict{end}".encode(): app for name, app in self.apps.items() for end in ("", "/")}
        for name in {*self.models, *state.models}:
            model = self.model(name)
            model.current = state.current.get(name)
            model.batch_sizes = {version: info["batch_size"] for version, info in state.models.get(name, {}).items()}
            objectives = [app.objective for app in self.apps.values() if app.linked == name]
            model.objective = min(objectives, default=math.inf)
            model.dispatch()

    def accept_query(self, client: _Client, app: _Application, body: bytes) -> None:
        """Queue a query for the application's model, or answer it at once if there is no model."""
        query = _Query(client, app, body, None, monotonic())
        model = self.models.get(app.linked) if app.linked else None
        # A search for bytes: parsing every body would take longer than all the rest.
        if b'"version"' in body and not self.set_requested_version(query, model):
            return
        if model is None or model.current is None:
            try:
                parse(body, app.input_type)
            except QueryError as error:
                self.refuse(query, str(error))
            else:
                self.send_default(query, _NO_MODEL)
            return
        app.watch_deadline(query)
        model.submit(query)

    def set_requested_version(self, query: _Query, model: _Model | None) -> bool:
        """Set the version that a query requests, if any; refuse the query and return False if it does not exist."""
        try:
            requested = orjson.loads(query.body).get("version")
        except (ValueError, AttributeError):
            return True  # the replica will report what is wrong
        if requested is None or model is None:
            return True
        query.version = str(requested)
        if query.version in model.batch_sizes:
            return True
        cause = _NO_VERSION.format(query.version, model.name)
        query.client.respond(400, orjson.dumps({"error": "Query processing error", "cause": cause}))
        return False

    def refuse(self, query: _Query, cause: str) -> None:
        """Answer a query that is wrong with HTTP status 400 and the cause."""
        query.done = True
        query.body = b""
        query.client.respond(400, orjson.dumps({"error": "Json error", "cause": cause}))

    def send_answers(self, replica: _Replica, batch: list[_Query], frame: bytes, now: float) -> None:
        """Send the answers of a batch (a `frame` from a replica) to its clients, and count them."""
        place = len(batch) * ANSWER.size
        total_rows = 0
        for query, (kind, rows, size) in zip(batch, ANSWER.iter_unpack(frame[:place]), strict=True):
            output = frame[place : place + size]
            place += size
            total_rows += rows
            stats = query.app.stats_of(replica.model.name, replica.version)
            if query.done:
                stats.late += 1
                continue
            if kind == Kind.ONE:  # nearly every query, so without the calls of respond() and format_answers()
                number = self.next_id
                self.next_id += 1
                body = b'{"query_id":%d,"output":%b,"default":false}' % (number, output)
                query.client.send(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(body), body)
                )
            elif kind == Kind.MANY:
                answer = self.format_answers(output.split(b"\n") if rows else [], b'"default":false')
                query.client.respond(200, answer)
            elif kind == Kind.INVALID:
                self.refuse(query, output.decode())
                continue
            else:
                self.send_default(query, _MODEL_FAILED)
                continue
            query.done = True
            query.body = b""
            stats.add_answer(now - query.arrived, rows)
        batches = self.batches.setdefault((replica.model.name, replica.version), AnswerStats())
        batches.add_answer(now - replica.sent_at, total_rows)

    def format_answers(self, outputs: list[bytes], end: bytes) -> bytes:
        """Return the JSON for several rows, each with its own query id; `end` is the rest of each object."""
        first = self.next_id
        self.next_id += len(outputs)
        answers = [b'{"query_id":%d,"output":%b,%b}' % (first + i, output, end) for i, output in enumerate(outputs)]
        return answers[0] if len(answers) == 1 else b'{"batch_predictions":[%b]}' % b",".join(answers)

    def send_default(self, query: _Query, why: str) -> None:
        """Answer a query with its application's default output, once per row, and the reason."""
        try:
            rows = len(parse(query.body, query.app.input_type)[0])
        except QueryError as error:
            self.refuse(query, str(error))
            return
        query.done = True
        query.body = b""
        end = b'"default":true,"default_explanation":' + orjson.dumps(why)
        query.client.respond(200, self.format_answers([query.app.default] * rows, end))
        model = self.models.get(query.app.linked or "")
        version = query.version or (model.current if model else None) or ""
        query.app.stats_of(query.app.linked or "", version).add_default(monotonic() - query.arrived, rows)

    def handle_other(self, client: _Client, request: web.Request) -> None:
        """Answer a request whose address is not that of a known application."""
        path = request.path.partition(b"?")[0].rstrip(b"/")
        if path == b"/metrics" and request.method == b"GET":
            self.loop.create_task(self.send_metrics(client, request.headers.get(b"accept", b"")))
        elif path.endswith(b"/predict") and request.path.partition(b"?")[0] in self.routes:
            self.accept_query(client, self.routes[path], request.body)
        elif path.endswith(b"/predict") and path.count(b"/") == 2:
            name = path.split(b"/")[1].decode("utf-8", "replace")
            cause = _NO_APPLICATION.format(name)
            client.respond(400, orjson.dumps({"error": "Query processing error", "cause": cause}))
        else:
            client.respond(404, b'{"error":"Request error","cause":"There is nothing at this address"}')

    async def send_metrics(self, client: _Client, accept: bytes) -> None:
        """Send the metrics: as Prometheus' text if the client accepts that, otherwise as Clipper's JSON."""
        if b"text/plain" not in accept and b"openmetrics" not in accept:
            client.respond(200, as_clipper(self))
            return
        replicas = [one for model in self.models.values() for some in model.replicas.values() for one in some]
        pages = await asyncio.gather(*(one.fetch_metrics() for one in replicas))
        owners = [{"model": one.model.name, "version": one.version, "replica": str(one.number)} for one in replicas]
        text = as_prometheus(self) + user_metrics.merge(zip(owners, pages, strict=True))
        client.respond(200, text, "text/plain; version=0.0.4; charset=utf-8")


async def _serve(folder: Path, port: socket.socket) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:  # each client needs a file descriptor
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096 if hard == resource.RLIM_INFINITY else min(4096, hard), hard))
    loop = asyncio.get_running_loop()
    front = _FrontEnd(folder, loop)
    inside = folder / "front.sock"
    inside.unlink(missing_ok=True)
    await loop.create_unix_server(lambda: _Replica(front), str(inside))
    await loop.create_server(lambda: _Client(front), sock=port, backlog=1024)
    web.close_slow_clients(front.clients, loop)
    gc.freeze()  # the modules stay loaded: the garbage collector need not visit them again
    print("ready", flush=True)
    await wire.wait_for_parent_exit()


def main() -> None:
    """Run the query front end of a folder, on a port that the supervisor has opened."""
    folder, descriptor = sys.argv[1:]
    uvloop.run(_serve(Path(folder), socket.socket(fileno=int(descriptor))))


if __name__ == "__main__":
    main()
