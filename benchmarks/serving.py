"""How fast the course's serving is, next to servers that people use: throughput, p99, batching, and the lookup table.

    uv sync --project benchmarks                  # the other servers, in an environment of their own
    uv run python benchmarks/serving.py           # print
    uv run python benchmarks/serving.py --write   # and keep course_utils/tables/serve/benchmark_serving{,_goals}.csv
    uv run python benchmarks/serving.py --check   # compare with what is kept; what fell by more than 15% is shown

One XGBoost model of 280 floats, 100 trees; queries are JSON. Every server has one worker or replica and one thread
for the model, and all stand ready while one is asked. They take turns; a figure is the median of the rounds, as a ratio
to a server that was asked in the same rounds, so that other work on the machine hardly counts. The clients are one
process: so many connections to this machine, each with its next query as soon as it has its answer.

Without the environment of `benchmarks/`, those servers take part that the course's own environment holds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import benchmark_io
import httptools
import numpy as np
import pandas as pd
import psutil
import uvloop
import xgboost

from course_utils import tables
from course_utils.serve import batch

HERE = Path(__file__).parent
INPUTS, TREES, KEYS = 280, 100, 2_000
IMAGE = "clipper/python36-closure-container:0.4.1"
OBJECTIVE_MICROS = 30_000_000  # nothing is late here: what is measured is the answers
LOADS = {"1 client": (1, 1), "16 clients": (16, 1), "64 clients": (64, 1), "rows of 100": (16, 100)}
MOST = "64 clients"
FLOOR, PLAIN, TENSOR = "ASGI, no model", "FastAPI", "MLflow, a tensor"
OURS = "the course's, one replica"
SLOW = "MLflow, named columns"
FELL = 0.15


# --------------------------------------------------------------------------- clients


class Client(asyncio.Protocol):
    """A connection that asks the next query as soon as it has an answer, until time is up."""

    def __init__(self, queries: Sequence[bytes], first: int, end: float) -> None:
        self.queries, self.next, self.end = queries, first, end
        self.took: list[float] = []
        self.failed = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Ask the first query."""
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        """Send a query."""
        self.parser, self.body = httptools.HttpResponseParser(self), b""
        self.begun = time.perf_counter()
        self.transport.write(self.queries[self.next % len(self.queries)])
        self.next += 1

    def data_received(self, data: bytes) -> None:
        """Read some of an answer."""
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Keep what was answered."""
        self.body += body

    def on_message_complete(self) -> None:
        """Count an answer, and go on; an error, or Clipper's default in the place of a prediction, counts as failed."""
        now = time.perf_counter()
        self.took.append(now - self.begun)
        self.failed += self.parser.get_status_code() != 200 or b'"default":true' in self.body.replace(b" ", b"")
        if now < self.end:
            asyncio.get_running_loop().call_soon(self.ask)
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Stop; a connection that the server closed before time counts as failed."""
        self.failed += time.perf_counter() < self.end
        if not self.done.done():
            self.done.set_result(None)


@dataclass(frozen=True)
class Ran:
    """What came of some seconds of queries: answers a second, their p99 in ms, CPU seconds a query, failures."""

    rate: float
    p99: float
    cpu: float
    failed: int


def ask(server: Server, clients: int, queries: Sequence[bytes], seconds: float) -> Ran:
    """Ask a server for some seconds."""

    async def work() -> list[Client]:
        loop = asyncio.get_running_loop()
        end = time.perf_counter() + seconds
        made = [
            await loop.create_connection(lambda place=place: Client(queries, place, end), "127.0.0.1", server.port)
            for place in range(clients)
        ]
        await asyncio.wait_for(asyncio.gather(*(client.done for _, client in made)), seconds + 60)
        return [client for _, client in made]

    before, begun = server.cpu(), time.perf_counter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answered = runner.run(work())
    took, passed = [one for client in answered for one in client.took], time.perf_counter() - begun
    cpu = (server.cpu() - before) / len(took)
    return Ran(len(took) / passed, 1000 * float(np.quantile(took, 0.99)), cpu, sum(one.failed for one in answered))


# --------------------------------------------------------------------------- servers


@dataclass
class Server:
    """A server that runs: where, which processes, and how it wants its queries.

    Attributes
    ----------
    name, version : str
    port : int
    path : str
    body : callable
        From rows to what is sent as JSON.
    processes : callable
        Returns the processes that serve.
    """

    name: str
    version: str
    port: int
    path: str
    body: Callable[[list[list[float]]], Any]
    processes: Callable[[], list[psutil.Process]]

    def query(self, rows: list[list[float]]) -> bytes:
        """Return the bytes of a query."""
        text = json.dumps(self.body(rows)).encode()
        head = f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text

    def cpu(self) -> float:
        """Return the CPU seconds of its processes so far."""
        total = 0.0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def answer(self, rows: list[list[float]]) -> Any:
        """Ask one query and return the parsed answer."""
        body, head = json.dumps(self.body(rows)).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{self.path}", body, head)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read())


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def tree(number: int) -> list[psutil.Process]:
    """Return a process and its children."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(number)
        return [parent, *parent.children(recursive=True)]
    return []


def interpreter() -> str:
    """Return the Python that has the other servers: that of `benchmarks/`, else this one."""
    own = HERE / ".venv" / "bin" / "python"
    return str(own if own.exists() else sys.executable)


def installed(package: str) -> str:
    """Return the version of a package of the other servers, empty if it is not there."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    ended = subprocess.run([interpreter(), "-c", code], capture_output=True, text=True, check=False)
    return ended.stdout.strip()


#: The package of each server, what follows Python on its command line, and what its query looks like.
_ROWS = ("/predict", lambda rows: {"rows": rows})
_FLOW = "-m mlflow models serve -m {folder} -h 127.0.0.1 -p {port} --env-manager local --workers 1"
PEERS: dict[str, tuple[str, str, tuple[str, Callable]]] = {
    FLOOR: ("uvicorn", "peers/asgi.py {model} {port}", _ROWS),
    PLAIN: ("fastapi", "peers/fast.py {model} {port}", _ROWS),
    TENSOR: ("mlflow", _FLOW, ("/invocations", lambda rows: {"inputs": rows})),
    SLOW: (
        "mlflow",
        _FLOW,
        (
            "/invocations",
            lambda rows: {"dataframe_split": {"columns": [f"x{place}" for place in range(INPUTS)], "data": rows}},
        ),
    ),
    "BentoML": ("bentoml", "-m bentoml serve bento:Predictor --host 127.0.0.1 -p {port}", _ROWS),
    "LitServe": ("litserve", "peers/lit.py {model} {port}", _ROWS),
    "LitServe, batches of 64": ("litserve", "peers/lit.py {model} {port} 64", _ROWS),
    "Ray Serve": ("ray", "peers/rays.py {model} {port}", _ROWS),
}
#: Nobody is told that these programs run.
QUIET = {
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "1",
}


@contextmanager
def peer(name: str, model: Path, scratch: Path) -> Iterator[Server]:
    """Start one of `PEERS`, and stop it with all that it started."""
    package, line, (path, body) = PEERS[name]
    surroundings = {**os.environ, **QUIET, "MODEL": str(model)}
    # MLflow and others start programs by their name.
    surroundings["PATH"] = os.pathsep.join([str(Path(interpreter()).parent), os.environ["PATH"]])
    folder, port = scratch / name.replace(" ", "-").replace(",", ""), free_port()
    if package == "mlflow":
        kind = "tensor" if name == TENSOR else "columns"
        command = [interpreter(), "peers/flow.py", str(model), str(folder), kind]
        subprocess.run(command, cwd=HERE, env=surroundings, check=True, capture_output=True)
    words = line.format(model=model, port=port, folder=folder).split()
    cwd = HERE / "peers" if package == "bentoml" else HERE
    with (scratch / f"{folder.name}.log").open("w") as log:
        running = subprocess.Popen(
            [interpreter(), *words], cwd=cwd, env=surroundings, stdout=log, stderr=log, start_new_session=True
        )
    started = tree(running.pid)
    try:
        server = Server(name, f"{package} {installed(package)}", port, path, body, lambda: tree(running.pid))
        wait_for(server, running, scratch / f"{folder.name}.log")
        started = tree(running.pid)
        yield server
    finally:
        started = {process.pid: process for process in (*started, *tree(running.pid))}.values()
        running.terminate()
        _, alive = psutil.wait_procs(list(started), timeout=10)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        running.wait(10)


def wait_for(server: Server, running: subprocess.Popen, log: Path, seconds: float = 180) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if running.poll() is not None:
            break
        with suppress(OSError, ValueError):
            server.answer([[0.5] * INPUTS])
            return
        time.sleep(0.3)
    raise SystemExit(f"{server.name} did not answer:\n{log.read_text()[-2000:]}")


@contextmanager
def ours(booster: xgboost.Booster) -> Iterator[dict[str, Server]]:
    """Start the course's cluster with three applications: the model, and it as a DataFrame closure in two ways."""
    from clipper_admin import ClipperConnection
    from clipper_admin.deployers.python import deploy_python_closure

    from course_utils.serve.clipper import LocalContainerManager

    names = [f"x{place}" for place in range(INPUTS)]
    classifier = xgboost.XGBClassifier(n_jobs=1)
    classifier.load_model(booster.save_raw("ubj"))
    classifier.set_params(n_jobs=1)

    def arrays(rows: list[Any]) -> list[float]:
        return booster.inplace_predict(np.asarray(rows, dtype=np.float32)).tolist()

    def frames(rows: list[Any]) -> list[float]:
        # As a notebook has it: a table with named columns.
        return classifier.predict_proba(pd.DataFrame(list(rows), columns=names))[:, 1].tolist()

    connection = ClipperConnection(
        LocalContainerManager(f"benchmark-{os.getpid()}", clipper_query_port=0, clipper_management_port=0)
    )
    connection.start_clipper()
    try:
        servers = {}
        for name, closure, size in ((OURS, arrays, -1), (FRAMES, frames, -1), (ONE, frames, 1)):
            app = name.split(",")[1].strip().replace(" ", "-")
            connection.register_application(app, "doubles", "none", OBJECTIVE_MICROS)
            deploy_python_closure(
                connection, app, 1, "doubles", closure, base_image=IMAGE, num_replicas=1, batch_size=size
            )
            connection.link_model_to_app(app, app)
            port = int(connection.get_query_addr().rsplit(":", 1)[1])
            servers[name] = Server(name, "this course", port, f"/{app}/predict", clipper_body, course_processes)
        yield servers
    finally:
        connection.stop_all()


FRAMES, ONE = "a DataFrame closure, batches", "a DataFrame closure, one by one"


def clipper_body(rows: list[list[float]]) -> dict[str, Any]:
    """Return a query as Clipper wants it."""
    return {"input": rows[0]} if len(rows) == 1 else {"input_batch": rows}


def course_processes() -> list[psutil.Process]:
    """Return the processes of the course's cluster: children of this one that are no other server."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "course_utils.serve.clipper" in " ".join(child.cmdline()):
                found += tree(child.pid)
    return found


# --------------------------------------------------------------------------- measuring


def make_model() -> tuple[xgboost.Booster, np.ndarray]:
    """Fit the model; return it with rows to ask about, as double-precision floats that float32 holds."""
    rng = np.random.default_rng(0)
    rows = rng.random((KEYS, INPUTS), dtype=np.float32)
    late = (rows[:, :8].sum(axis=1) + rng.normal(0, 0.5, KEYS) > 4).astype(np.float32)
    parameters = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "nthread": 1, "seed": 0}
    return xgboost.train(parameters, xgboost.DMatrix(rows, label=late), TREES), rows.astype(float)


def checked(server: Server, rows: np.ndarray, expected: np.ndarray) -> None:
    """Ask about some rows, and stop if an answer is not the model's."""
    if server.name == FLOOR:
        return
    for place in range(5):
        said = server.answer([rows[place].tolist()])
        got = said.get("output", said.get("predictions"))
        got = got[0] if isinstance(got, list) else got
        # MLflow asks the model for the class.
        wanted = float(expected[place] > 0.5) if server.name in (TENSOR, SLOW) else expected[place]
        if np.float32(got) != np.float32(wanted):
            raise SystemExit(f"{server.name} answers {got}, the model {wanted}")


def rounds(
    servers: Mapping[str, Server], loads: Mapping[str, tuple[int, int]], rows: np.ndarray, count: int, seconds: float
) -> dict[tuple[str, str], list[Ran]]:
    """Let servers take turns under each load."""
    ran: dict[tuple[str, str], list[Ran]] = {}
    asked = {
        (name, load): [
            server.query(rows[first : first + size].tolist())
            for first in range(0, min(len(rows) - size, 64 * size) + 1, size)
        ]
        for name, server in servers.items()
        for load, (_, size) in loads.items()
    }
    for number in range(count + 1):
        for load, (clients, _) in loads.items():
            for name, server in servers.items():
                # The first round warms up, and lets batch sizes adapt.
                one = ask(server, clients, asked[name, load], seconds)
                told = f"{one.rate:,.0f} a second, p99 {one.p99:.1f} ms, CPU {1000 * one.cpu:.2f} ms a query"
                print(f"# {number} {load}: {name}: {told}", file=sys.stderr)
                if one.failed:
                    raise SystemExit(f"{name} failed {one.failed} times with {load}")
                if number:
                    ran.setdefault((name, load), []).append(one)
    return ran


def ratio(ran: Mapping[tuple[str, str], list[Ran]], load: str, over: str, under: str, what: str = "rate") -> float:
    """Return the median over the rounds of one server's figure over another's."""
    pairs = zip(ran[over, load], ran[under, load], strict=True)
    return statistics.median(getattr(one, what) / getattr(two, what) for one, two in pairs)


def lookup_times(server: Server, rows: np.ndarray, expected: np.ndarray) -> float:
    """Return how many times longer the online service takes for a key than the lookup table, one client, medians."""
    keys = [f"2013-11-07 UA {place:07} EWR 0515" for place in range(len(rows))]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "v1" / "table.sqlite"
        file.parent.mkdir()
        batch.table.write_sqlite(file, pd.DataFrame({batch.KEY: keys, "score": expected}))
        (file.parent / "manifest.json").write_text(json.dumps({"sha256": batch.table.file_hash(file)}))
        (Path(scratch) / "CURRENT").write_text(json.dumps({"current": "v1", "kept": ["v1"]}))
        table = batch.Lookup(scratch, default=0.5, look_every=1000)
        took = []
        for place, key in enumerate(keys):
            begun = time.perf_counter()
            score = table.get(key).score
            took.append(time.perf_counter() - begun)
            assert np.float32(score) == expected[place]
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        answered = []
        for place in range(500):
            query = server.query([rows[place].tolist()])
            begun = time.perf_counter()
            line.sendall(query)
            said = line.recv(65536)
            answered.append(time.perf_counter() - begun)
            assert np.float32(json.loads(said.split(b"\r\n\r\n")[1])["output"]) == expected[place]
    return statistics.median(answered) / statistics.median(took)


def measure(count: int, seconds: float, leave_out: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of servers and the table of goals."""
    booster, rows = make_model()
    expected = booster.inplace_predict(rows.astype(np.float32))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        scratch = Path(folder)
        model = scratch / "model.ubj"
        booster.save_model(model)
        servers: dict[str, Server] = {}
        for name, (package, *_) in PEERS.items():
            if name in leave_out or not installed(package):
                print(f"# without {name}", file=sys.stderr)
                continue
            servers[name] = running.enter_context(peer(name, model, scratch))
            print(f"# {name} is up", file=sys.stderr)
        mine = running.enter_context(ours(booster))
        servers[OURS] = mine[OURS]
        slow = servers.pop(SLOW, None)
        for server in (*servers.values(), *mine.values()):
            checked(server, rows, expected)
        ran = rounds(servers, LOADS, rows, count, seconds)
        closures = {FRAMES: mine[FRAMES], ONE: mine[ONE]} | ({SLOW: slow} if slow else {})
        batched = rounds(closures, {MOST: LOADS[MOST]}, rows, 3, 3 * seconds)
        times = lookup_times(mine[OURS], rows, expected)
        if slow:
            servers[SLOW] = slow
    lines = []
    for name, server in servers.items():
        if name == SLOW:
            continue
        line = {"server": name, "version": server.version}
        line |= {load: f"{ratio(ran, load, name, PLAIN):.2g}" for load in LOADS}
        line["p99 at 64"] = f"{ratio(ran, MOST, name, FLOOR, 'p99'):.2g}"
        line["CPU per query"] = f"{ratio(ran, MOST, name, PLAIN, 'cpu'):.2g}"
        lines.append(line)
    goals = [
        ("64 clients, one row", FLOOR, ">= 0.5", ratio(ran, MOST, OURS, FLOOR)),
        ("64 clients, one row", PLAIN, ">= 12", ratio(ran, MOST, OURS, PLAIN)),
        ("64 clients, one row", TENSOR, ">= 40", ratio(ran, MOST, OURS, TENSOR) if TENSOR in servers else None),
        ("p99 with 64 clients", FLOOR, "<= 3", ratio(ran, MOST, OURS, FLOOR, "p99")),
        ("CPU per query, 64 clients", PLAIN, "<= 0.1", ratio(ran, MOST, OURS, PLAIN, "cpu")),
        ("a DataFrame closure, batches that adapt", "itself, one by one", ">= 19", ratio(batched, MOST, FRAMES, ONE)),
        (
            "a DataFrame closure, batches that adapt",
            SLOW,
            ">= 140",
            ratio(batched, MOST, FRAMES, SLOW) if slow else None,
        ),
        ("a read of the lookup table", "the online service, same key", ">= 20", times),
    ]
    reached = [
        {"what": what, "against": against, "goal": goal, "ratio": f"{value:.3g}"}
        for what, against, goal, value in goals
        if value is not None
    ]
    return pd.DataFrame(lines), pd.DataFrame(reached)


# --------------------------------------------------------------------------- what is kept


def fallen(new: pd.DataFrame, old: pd.DataFrame) -> pd.DataFrame:
    """Return the goals whose ratio is worse than the one kept by more than `FELL`."""
    both = new.merge(old, on=["what", "against"], suffixes=("", " kept"))
    now, then = both["ratio"].astype(float), both["ratio kept"].astype(float)
    lower_is_better = both["goal"].str.startswith("<=")
    change = (then / now).where(lower_is_better, now / then)
    table = both[["what", "against", "goal", "ratio kept", "ratio"]].assign(change=(change - 1).map("{:+.0%}".format))
    return table[change < 1 - FELL]


NOTES = {
    "serving": f"one XGBoost model, {INPUTS} floats, {TREES} trees, JSON, one worker each; answers per second and CPU "
    "relative to FastAPI, p99 relative to ASGI without a model",
    "serving_goals": f"the course's server with one replica, {INPUTS} floats; ratios of answers per second, p99, CPU "
    "and the time of one answer",
}


def main() -> None:
    """Measure, print, keep or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--write", action="store_true", help="keep the tables in course_utils/tables")
    kept.add_argument(
        "--check", action="store_true", help="exit with 3 if a ratio fell by more than 15%% of the one kept"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of queries to one server, a round and load")
    parser.add_argument("--without", nargs="*", default=[], choices=list(PEERS), help="servers to leave out")
    given = parser.parse_args()
    others = [name for name in PEERS if name not in (FLOOR, PLAIN, TENSOR, SLOW)] if given.check else given.without
    servers, goals = measure(given.rounds, given.seconds, others)
    for name, frame in (("serving", servers), ("serving_goals", goals)):
        text = benchmark_io.text(frame, NOTES[name], packages=["xgboost"])
        print(text)
        if given.write:
            benchmark_io.keep(name, text)
    if given.check:
        worse = fallen(goals, tables.benchmark("serving_goals"))
        if len(worse):
            print(worse.to_string(index=False))
            print(f"{len(worse)} ratios fell by more than {FELL:.0%}")
            raise SystemExit(3)  # not the 1 of an error: the nightly run tells the two apart
        print(f"No ratio fell by more than {FELL:.0%} of the one kept.")


if __name__ == "__main__":
    main()
