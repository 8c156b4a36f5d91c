"""Clipper's query front end: takes queries, gives them to replicas in batches, keeps each application's deadline.

It does not parse a query: the body goes to a replica as it came, and the replica parses, predicts and writes the
output. So this one process can feed several replicas. Only where no replica answers in time does it look into the
body, to know for how many rows the default output is wanted.
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
from course_utils.serve.clipper.counters import Measured, as_clipper, as_prometheus
from course_utils.serve.clipper.queries import QueryError, as_json, parse
from course_utils.serve.clipper.state import State
from course_utils.serve.clipper.wire import ANSWER, BATCH, Kind

__all__ = ["main"]

_NO_MODEL = "No connected models found for query"
_TOO_LATE = "Failed to retrieve a prediction response within the specified latency SLO"
_MODEL_FAILED = "The model raised an error, or did not return an output for each input: see its log"
_NO_APPLICATION = "No registered application with name: {}"
_NO_VERSION = "Requested version: {} does not exist for model: {}"

#: A batch may take this share of the latency objective: a query waits for one batch before it is in the next.
_SHARE = 0.45
#: Where a model's batches start to grow from, in queries.
_FIRST_BATCH = 16
_MOST_BATCH = 4096
#: A query that was lost with this many replicas may be what kills them.
_MOST_TRIES = 5


class _Query:
    """A query on its way."""

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
    """An application: its queries, in the order of their deadlines, and one timer for all of them."""

    def __init__(self, front: _FrontEnd, info: dict[str, Any]) -> None:
        self.front = front
        self.name: str = info["name"]
        self.waiting: deque[_Query] = deque()
        self.timer: asyncio.TimerHandle | None = None
        self.measured: dict[tuple[str, str], Measured] = {}
        self.learn(info)

    def learn(self, info: dict[str, Any]) -> None:
        """Take over what the state now knows of it (`info`)."""
        self.input_type: str = info["input_type"]
        self.objective: float = info["latency_slo_micros"] / 1e6
        self.default: bytes = as_json(info["default_output"])
        self.linked: str | None = next(iter(info["linked_models"]), None)

    def measure(self, model: str, version: str) -> Measured:
        """Return the counters of a model's version in this application."""
        key = (model, version)
        if key not in self.measured:
            self.measured[key] = Measured()
        return self.measured[key]

    def expect(self, query: _Query) -> None:
        """Keep the deadline of a `query`."""
        waiting = self.waiting
        while waiting and waiting[0].done:
            waiting.popleft()
        waiting.append(query)
        if self.timer is None:
            self.timer = self.front.loop.call_later(self.objective, self.ring)

    def ring(self) -> None:
        """Answer with the default what is late, and wait for the next deadline."""
        now = monotonic() + 0.0005
        waiting = self.waiting
        while waiting and (waiting[0].done or waiting[0].deadline <= now):
            query = waiting.popleft()
            if not query.done:
                self.front.give_default(query, _TOO_LATE)
        self.timer = self.front.loop.call_later(waiting[0].deadline - now, self.ring) if waiting else None


class _Model:
    """A model: the queries that wait for a replica, and the replicas of its versions."""

    def __init__(self, front: _FrontEnd, name: str) -> None:
        self.front = front
        self.name = name
        self.current: str | None = None
        self.batch_sizes: dict[str, int] = {}
        self.objective = math.inf
        self.replicas: dict[str, list[_Replica]] = {}
        #: By version asked for; None: any query that takes the current one, whichever that is when a replica is free.
        self.queues: dict[str | None, deque[_Query]] = {None: deque()}
        self.scheduled = False

    def submit(self, query: _Query) -> None:
        """Let a `query` wait for a replica; those that come in one turn of the loop go out together."""
        queue = self.queues.setdefault(query.version, deque())
        while queue and queue[0].done:
            queue.popleft()
        queue.append(query)
        if not self.scheduled:
            self.scheduled = True
            self.front.loop.call_soon(self.dispatch)

    def dispatch(self) -> None:
        """Give waiting queries to free replicas."""
        self.scheduled = False
        for asked, queue in self.queues.items():
            if queue:
                free = [one for one in self.replicas.get(asked or self.current or "", ()) if one.free()]
                for place, replica in enumerate(free):
                    share = -(-len(queue) // (len(free) - place))
                    batch = replica.choose(queue, share)
                    if batch:
                        replica.send(batch)

    def lost(self, queries: Iterable[_Query]) -> None:
        """Give `queries` that were lost with their replica to another one, before all that came later."""
        for query in reversed(list(queries)):
            if query.done:
                continue
            query.tries += 1
            if query.tries >= _MOST_TRIES:
                self.front.give_default(query, _MODEL_FAILED)
            else:
                self.queues.setdefault(query.version, deque()).appendleft(query)
        self.dispatch()


class _Replica(asyncio.Protocol):
    """The front end's end of the socket to a replica; before that is known, of any process that asks something."""

    def __init__(self, front: _FrontEnd) -> None:
        self.front = front
        self.transport: Any = None
        self.model: _Model | None = None
        self.version = ""
        self.number = -1
        self.incoming = bytearray()
        self.sent: list[_Query] = []
        self.since = 0.0
        self.took = self.usual = 0.0
        self.limit: float = _FIRST_BATCH
        self.retiring: asyncio.Event | None = None
        self.metrics = b""
        self.metrics_wanted: asyncio.Future[bytes] | None = None
        self.busy = False

    def connection_made(self, transport: Any) -> None:
        """Take in a process (`transport` is the way to it)."""
        self.transport = transport
        transport.set_write_buffer_limits(high=1 << 22)

    def data_received(self, data: bytes) -> None:
        """Take in what came (`data`): a line of JSON first, then, from a replica, answers."""
        self.incoming += data
        if self.model is None:
            line, end, rest = bytes(self.incoming).partition(b"\n")
            if end:
                self.incoming = bytearray(rest)
                self.meet(json.loads(line))
        else:
            self.take_answers()

    def meet(self, hello: dict[str, Any]) -> None:
        """Take in a replica, or answer a call of the supervisor or the management front end (`hello`)."""
        if "replica" in hello:
            self.front.restarts[hello["name"], hello["version"]] = hello["restarts"]
            self.version, self.number = hello["version"], hello["replica"]
            self.model = self.front.model(hello["name"])
            self.model.replicas.setdefault(self.version, []).append(self)
            self.transport.write(b"{}\n")
            self.model.dispatch()
        elif "state" in hello:
            self.front.learn(State(hello["state"]))
            self.transport.write(b"{}\n")
        elif "retire" in hello:
            self.front.loop.create_task(self.retire(hello["retire"]))

    async def retire(self, wanted: list[list[Any]]) -> None:
        """Give no more queries to some replicas (`wanted`), and tell when they have answered those they have."""
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
                    await asyncio.wait_for(one.retiring.wait(), 10)
        if self.transport is not None:
            self.transport.write(b"{}\n")

    def free(self) -> bool:
        """Say whether this replica can take a batch."""
        return not self.busy and self.retiring is None

    def choose(self, queue: deque[_Query], share: int) -> list[_Query]:
        """Take queries for the next batch from a queue; leave out those that would be answered too late."""
        most = min(share, max(1, int(self.limit)))
        batch: list[_Query] = []
        soonest = monotonic() + 1.2 * self.took
        while queue and len(batch) < most:
            # What was lost with two replicas may be what kills them: it goes alone, so that it takes no other with it.
            if batch and max(batch[-1].tries, queue[0].tries) > 1:
                break
            query = queue.popleft()
            # The last one goes out in any case: how long a replica takes is known only as long as it is asked.
            if not query.done and (query.deadline > soonest or not queue):
                batch.append(query)
        return batch

    def send(self, batch: list[_Query]) -> None:
        """Send a `batch` to the replica."""
        self.sent = batch
        self.busy = True
        self.since = monotonic()
        most = self.model.batch_sizes.get(self.version, -1)
        self.transport.writelines(wire.pack_batch([query.body for query in batch], max(most, 0)))

    def take_answers(self) -> None:
        """Pass on the answers to a batch when all of them are there, and adapt how large a batch may be."""
        incoming = self.incoming
        if len(incoming) < BATCH.size:
            return
        count, _, size = BATCH.unpack_from(incoming)
        if len(incoming) < BATCH.size + size:
            return
        frame, self.incoming = bytes(incoming[BATCH.size : BATCH.size + size]), incoming[BATCH.size + size :]
        if not count:  # the replica's own metrics
            self.metrics = frame
            if self.metrics_wanted is not None and not self.metrics_wanted.done():
                self.metrics_wanted.set_result(frame)
            self.metrics_wanted = None
        else:
            batch, self.sent, self.busy = self.sent, [], False
            now = monotonic()
            self.adapt(now - self.since, len(batch))
            if self.retiring is not None:
                self.retiring.set()
            self.model.dispatch()  # the replica works on while the answers go out
            self.front.give(self, batch, frame, now)
        if self.incoming:
            self.take_answers()

    def adapt(self, took: float, size: int) -> None:
        """Let batches grow while they take less than their share of the objective, and shrink when they take more."""
        self.usual = 0.7 * self.usual + 0.3 * took if self.usual else took
        self.took = min(self.usual, took)  # one slow batch says little
        fixed = self.model.batch_sizes.get(self.version, -1)
        if fixed > 0:
            self.limit = fixed
            return
        budget = _SHARE * self.model.objective
        if took > budget:
            self.limit = max(1.0, min(self.limit, size) * 0.9)
        elif size >= int(self.limit):
            self.limit = min(_MOST_BATCH, self.limit * (1.5 if took < budget / 2 else 1.1) + 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give a dead replica's queries to another one, whatever the reason (`exc`)."""
        self.transport = None
        if self.model is None:
            return
        self.model.replicas[self.version].remove(self)
        self.busy = False
        if self.retiring is not None:
            self.retiring.set()
        lost, self.sent = self.sent, []
        self.model.lost(lost)

    async def own_metrics(self) -> bytes:
        """Return the user's metrics of this replica: fresh ones, or the last known where it is busy for long."""
        if self.transport is not None:
            if self.metrics_wanted is None:
                self.metrics_wanted = self.front.loop.create_future()
                self.transport.write(BATCH.pack(0, 0, 0))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.metrics_wanted), 0.5)
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
            self.front.elsewhere(self, request)
        elif request.method != b"POST":
            self.respond(405, b'{"error":"Request error","cause":"Send a POST request"}')
        else:
            self.front.ask(self, app, request.body)


class _FrontEnd:
    """The query front end."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.clients: set[web.Connection] = set()
        self.apps: dict[str, _Application] = {}
        self.models: dict[str, _Model] = {}
        self.routes: dict[bytes, _Application] = {}
        self.restarts: dict[tuple[str, str], int] = {}
        self.batches: dict[tuple[str, str], Measured] = {}
        self.next_id = 0
        self.started = time.time()
        self.learn(State.load(folder / "state.json"))

    def model(self, name: str) -> _Model:
        """Return the model of a `name`, made at first use: its replicas may come before it is registered."""
        if name not in self.models:
            self.models[name] = _Model(self, name)
        return self.models[name]

    def learn(self, state: State) -> None:
        """Take over a new `state`; from here on, queries follow it."""
        for name in [name for name in self.apps if name not in state.apps]:
            del self.apps[name]
        for name, info in state.apps.items():
            if name in self.apps:
                self.apps[name].learn(info)
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

    def ask(self, client: _Client, app: _Application, body: bytes) -> None:
        """Take in a query."""
        query = _Query(client, app, body, None, monotonic())
        model = self.models.get(app.linked) if app.linked else None
        if b'"version"' in body and not self.wants_version(query, model):
            return
        if model is None or model.current is None:
            try:
                parse(body, app.input_type)
            except QueryError as error:
                self.refuse(query, str(error))
            else:
                self.give_default(query, _NO_MODEL)
            return
        app.expect(query)
        model.submit(query)

    def wants_version(self, query: _Query, model: _Model | None) -> bool:
        """Note which version a query asks for, if any; refuse one that is not there."""
        try:
            asked = orjson.loads(query.body).get("version")
        except (ValueError, AttributeError):
            return True  # the replica says what is wrong
        if asked is None or model is None:
            return True
        query.version = str(asked)
        if query.version in model.batch_sizes:
            return True
        cause = _NO_VERSION.format(query.version, model.name)
        query.client.respond(400, orjson.dumps({"error": "Query processing error", "cause": cause}))
        return False

    def refuse(self, query: _Query, cause: str) -> None:
        """Tell who sent a query that it is at fault."""
        query.done = True
        query.body = b""
        query.client.respond(400, orjson.dumps({"error": "Json error", "cause": cause}))

    def give(self, replica: _Replica, batch: list[_Query], frame: bytes, now: float) -> None:
        """Send the answers to a batch."""
        place = len(batch) * ANSWER.size
        rows_in_all = 0
        for query, (kind, rows, size) in zip(batch, ANSWER.iter_unpack(frame[:place]), strict=True):
            output = frame[place : place + size]
            place += size
            rows_in_all += rows
            measured = query.app.measure(replica.model.name, replica.version)
            if query.done:
                measured.late += 1
                continue
            if kind == Kind.ONE:
                number = self.next_id
                self.next_id += 1
                body = b'{"query_id":%d,"output":%b,"default":false}' % (number, output)
                query.client.send(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(body), body)
                )
            elif kind == Kind.MANY:
                query.client.respond(200, self.join(output.split(b"\n") if rows else [], b'"default":false'))
            elif kind == Kind.INVALID:
                self.refuse(query, output.decode())
                continue
            else:
                self.give_default(query, _MODEL_FAILED)
                continue
            query.done = True
            query.body = b""
            measured.answered(now - query.arrived, rows)
        self.batches.setdefault((replica.model.name, replica.version), Measured()).answered(
            now - replica.since, rows_in_all
        )

    def join(self, outputs: list[bytes], end: bytes) -> bytes:
        """Write the answer for several rows, each with an id of its own."""
        first = self.next_id
        self.next_id += len(outputs)
        answers = [b'{"query_id":%d,"output":%b,%b}' % (first + i, output, end) for i, output in enumerate(outputs)]
        return answers[0] if len(answers) == 1 else b'{"batch_predictions":[%b]}' % b",".join(answers)

    def give_default(self, query: _Query, why: str) -> None:
        """Answer a query with its application's default output."""
        try:
            rows = len(parse(query.body, query.app.input_type)[0])
        except QueryError as error:
            self.refuse(query, str(error))
            return
        query.done = True
        query.body = b""
        end = b'"default":true,"default_explanation":' + orjson.dumps(why)
        query.client.respond(200, self.join([query.app.default] * rows, end))
        model = self.models.get(query.app.linked or "")
        version = query.version or (model.current if model else None) or ""
        query.app.measure(query.app.linked or "", version).defaulted(monotonic() - query.arrived, rows)

    def elsewhere(self, client: _Client, request: web.Request) -> None:
        """Answer what is no query to a known application."""
        path = request.path.partition(b"?")[0].rstrip(b"/")
        if path == b"/metrics" and request.method == b"GET":
            self.loop.create_task(self.tell_metrics(client, request.headers.get(b"accept", b"")))
        elif path.endswith(b"/predict") and request.path.partition(b"?")[0] in self.routes:
            self.ask(client, self.routes[path], request.body)
        elif path.endswith(b"/predict") and path.count(b"/") == 2:
            name = path.split(b"/")[1].decode("utf-8", "replace")
            cause = _NO_APPLICATION.format(name)
            client.respond(400, orjson.dumps({"error": "Query processing error", "cause": cause}))
        else:
            client.respond(404, b'{"error":"Request error","cause":"There is no such address"}')

    async def tell_metrics(self, client: _Client, accept: bytes) -> None:
        """Answer with the metrics: Prometheus' text to who asks for it, else Clipper's JSON."""
        if b"text/plain" not in accept and b"openmetrics" not in accept:
            client.respond(200, as_clipper(self))
            return
        replicas = [one for model in self.models.values() for some in model.replicas.values() for one in some]
        pages = await asyncio.gather(*(one.own_metrics() for one in replicas))
        owners = [{"model": one.model.name, "version": one.version, "replica": str(one.number)} for one in replicas]
        text = as_prometheus(self) + user_metrics.merge(zip(owners, pages, strict=True))
        client.respond(200, text, "text/plain; version=0.0.4; charset=utf-8")


async def _serve(folder: Path, port: socket.socket) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:  # a file for each client
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096 if hard == resource.RLIM_INFINITY else min(4096, hard), hard))
    loop = asyncio.get_running_loop()
    front = _FrontEnd(folder, loop)
    inside = folder / "front.sock"
    inside.unlink(missing_ok=True)
    await loop.create_unix_server(lambda: _Replica(front), str(inside))
    await loop.create_server(lambda: _Client(front), sock=port, backlog=1024)
    web.close_slow(front.clients, loop)
    gc.freeze()  # what is there now stays: no need to look at it again
    print("ready", flush=True)
    await wire.wait_for_parent_exit()


def main() -> None:
    """Run the query front end of a folder, on a port that the supervisor has opened."""
    folder, descriptor = sys.argv[1:]
    uvloop.run(_serve(Path(folder), socket.socket(fileno=int(descriptor))))


if __name__ == "__main__":
    main()
