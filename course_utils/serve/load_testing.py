"""Ask a prediction server many questions, and say what came back.

For servers on this machine only, and within bounds: a bounded number of clients, questions and seconds. What comes
back is counted by kind (in time, default, failed); how long it took depends on the machine and stands in tables that
``benchmarks/load_picture.py`` made.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.errors import CourseError, UsageError

if TYPE_CHECKING:
    from types import TracebackType

    from course_utils.serve.clipper import LocalContainerManager

__all__ = [
    "Clients",
    "Result",
    "as_json_texts",
    "child_memory_mb",
    "clipper_deployers",
    "clipper_methods",
    "cluster_name",
    "concurrent_requests",
    "cpu_bound_20_ms",
    "io_bound_20_ms",
    "kill_replica",
    "littles_law",
    "measure_load",
    "open_loop_load",
    "read_metrics",
    "serve_with_ray",
    "serving_today",
    "silence_clipper_logs",
    "table_or_service",
    "wait_for_replicas",
]

MOST_CLIENTS, MOST_QUESTIONS, MOST_SECONDS = 64, 100_000, 60.0
_PATIENCE = 30.0  # seconds that a client waits for an answer before it counts as failed
# --------------------------------------------------------------------------- questions


def as_json_texts(rows: pd.DataFrame) -> list[str]:
    """Write each row as a JSON text, for an application of input type 'strings'.

    Numbers keep all their digits, so that a server that reads them back scores the very same row. A missing value
    becomes null: JSON knows no NaN.

    Parameters
    ----------
    rows : DataFrame
        Features, one row a flight.
    """
    plain = rows.astype(object).where(rows.notna(), None)
    return [json.dumps(row, default=lambda value: value.item()) for row in plain.to_dict("records")]


def _question(asked: str | Sequence[Any]) -> bytes:
    """Return the body of a question about one text, or about a list of them."""
    key = "input" if isinstance(asked, str) else "input_batch"
    return json.dumps({key: asked}).encode()


class _Line:
    """A connection to a server of this machine that stays open from question to question.

    Parameters
    ----------
    address : str
        Host and port.
    app : str
        The application that is asked.
    """

    def __init__(self, address: str, app: str) -> None:
        self._path = f"/{app}/predict"
        self._connection = http.client.HTTPConnection(address, timeout=_PATIENCE)

    def ask(self, body: bytes) -> Any:
        """Return the parsed answer, or None if there was none that could be used."""
        try:
            self._connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            text = response.read()
            return json.loads(text) if response.status == http.client.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            self._connection.close()  # the next question opens it again
            return None

    def open(self) -> None:
        """Connect now, so that the first question does not have to."""
        with contextlib.suppress(OSError):  # the question will say so
            self._connection.connect()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _local(address: str) -> str:
    host, _, port = str(address).rpartition(":")
    if host not in ("127.0.0.1", "localhost", "[::1]") or not port.isdecimal():
        raise UsageError(
            f"{address!r} is no address of this machine", fix="pass what get_query_addr() of a local cluster returns"
        )
    return str(address)


def _within(name: str, value: float, most: float) -> None:
    if not 0 < value <= most:
        raise UsageError(f"{name}={value} is out of bounds", fix=f"give more than 0 and at most {most:,.0f}")


# --------------------------------------------------------------------------- a load, and what came of it


@dataclass(frozen=True)
class Result:
    """What came of a load.

    Attributes
    ----------
    questions : DataFrame, one row a question
        'due' (seconds after the start at which it was to be asked), 'ms' (from then until its answer) and 'outcome':
        'in time', 'default' or 'failed'.
    seconds : float
        From the start to the last answer.
    """

    questions: pd.DataFrame
    seconds: float

    def counts(self) -> pd.Series:
        """Count the questions: 'asked', and of them 'in time', 'default' and 'failed'."""
        counted = self.questions["outcome"].value_counts()
        kinds = {kind: int(counted.get(kind, 0)) for kind in ("in time", "default", "failed")}
        return pd.Series({"asked": len(self.questions), **kinds}, name="questions")

    @property
    def in_time(self) -> float:
        """Share of the questions that the model answered within the objective."""
        return float((self.questions["outcome"] == "in time").mean())

    @property
    def throughput(self) -> float:
        """Answers of the model a second, defaults not counted."""
        return float((self.questions["outcome"] == "in time").sum() / self.seconds)

    def latency(self, percent: float) -> float:
        """Return the latency in ms that `percent` of all questions, defaults included, did not exceed."""
        return float(np.percentile(self.questions["ms"], percent))

    def __repr__(self) -> str:
        return f"what came of {len(self.questions):,} questions"


def open_loop_load(
    address: str, app: str, inputs: Sequence[str], *, rate: float, seconds: float, clients: int = 32, seed: int = 0
) -> Result:
    """Ask at random moments, `rate` times a second, whether or not earlier questions were answered.

    A question that has to wait for a free client is late from the moment at which it was due.

    Parameters
    ----------
    address : str
        Of the cluster, as ``get_query_addr()`` returns it.
    app : str
        The application.
    inputs : sequence of str
        Texts that are asked in turn.
    rate : float
        Questions a second.
    seconds : float
        For how long; at most a minute.
    clients : int
        How many questions can be on their way at once.
    seed : int
        Of the random moments.

    Raises
    ------
    UsageError
        The address is not of this machine, or a number is out of bounds.
    """
    _within("seconds", seconds, MOST_SECONDS)
    _within("rate * seconds", rate * seconds, MOST_QUESTIONS)
    gaps = np.random.default_rng(seed).exponential(1 / rate, max(1, round(rate * seconds)))
    return _send(address, app, inputs, np.cumsum(gaps), clients)


def concurrent_requests(address: str, app: str, inputs: Sequence[str]) -> Result:
    """Ask all at the same moment, each from a client of its own.

    Parameters
    ----------
    address : str
        Of the cluster, as ``get_query_addr()`` returns it.
    app : str
        The application.
    inputs : sequence of str
        A text for each client, at most 64.

    Raises
    ------
    UsageError
        The address is not of this machine, or there are too many inputs.
    """
    _within("len(inputs)", len(inputs), MOST_CLIENTS)
    return _send(address, app, inputs, np.zeros(len(inputs)), len(inputs))


def _send(address: str, app: str, inputs: Sequence[str], due: np.ndarray, clients: int) -> Result:
    _within("clients", clients, MOST_CLIENTS)
    _within("len(inputs)", len(inputs), MOST_QUESTIONS)
    address, bodies = _local(address), [_question(asked) for asked in inputs]
    took, outcome = np.full(len(due), np.nan), np.full(len(due), "failed", dtype=object)
    places, turn = iter(range(len(due))), threading.Lock()
    ready = threading.Barrier(clients + 1)

    def client() -> None:
        line = _Line(address, app)
        line.open()
        ready.wait()
        while True:
            with turn:
                place = next(places, None)
            if place is None:
                break
            time.sleep(max(0.0, start + due[place] - time.perf_counter()))
            outcome[place] = _outcome(line.ask(bodies[place % len(bodies)]))
            took[place] = time.perf_counter() - start - due[place]
        line.close()

    threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    start = time.perf_counter() + 0.05  # all clients are there by then
    ready.wait()
    for thread in threads:
        thread.join()
    questions = pd.DataFrame({"due": due, "ms": 1000 * took, "outcome": outcome})
    return Result(questions, float((due + took).max()))


def _outcome(answer: Any) -> str:
    answers = answer.get("batch_predictions", [answer]) if isinstance(answer, dict) else []
    if not answers or not all("output" in one for one in answers):
        return "failed"
    return "default" if any(one.get("default") for one in answers) else "in time"


# --------------------------------------------------------------------------- clients that never stop asking


@dataclass
class _Asked:
    """One question of `Clients`: when it was asked and answered, and of which kind the answer was."""

    start: float
    end: float
    kind: str


@dataclass
class Clients:
    """Clients that ask again and again while you change something, and hold every answer to account.

    Each question is about all of `inputs` at once, so that an answer made of two versions would be seen. Use it in a
    ``with`` block, and say with `now` which version has to answer from there on; `table` says what came of it.

    Attributes
    ----------
    address, app : str
        Of the cluster, as ``get_query_addr()`` returns it, and the application.
    inputs : sequence of str
    versions : mapping of str to sequence of float
        What each version answers to `inputs`, bit for bit.
    clients : int
        How many ask at the same time.

    Raises
    ------
    UsageError
        The address is not of this machine, or there are too many clients.
    """

    address: str
    app: str
    inputs: Sequence[str]
    versions: Mapping[str, Sequence[float]]
    clients: int = 2
    _asked: list[_Asked] = field(default_factory=list, repr=False)
    _phases: list[tuple[str, str, float, float]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        _local(self.address)
        _within("clients", self.clients, MOST_CLIENTS)
        self._known = {str(name): [float(score) for score in scores] for name, scores in self.versions.items()}
        self._done, self._changed = threading.Event(), threading.Condition()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Clients:
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        line, body = _Line(self.address, self.app), _question(list(self.inputs))
        # Bounded, should nobody ever leave the block.
        end = time.monotonic() + 5 * MOST_SECONDS
        while not self._done.is_set() and time.monotonic() < end and len(self._asked) < MOST_QUESTIONS:
            start = time.monotonic()
            kind = self._kind(line.ask(body))
            with self._changed:
                self._asked.append(_Asked(start, time.monotonic(), kind))
                self._changed.notify_all()
            time.sleep(0.002)  # leave the processor to the server
        line.close()

    def _kind(self, answer: Any) -> str:
        """Return the version that gave an answer, or what else it was."""
        outcome = _outcome(answer)
        if outcome != "in time":
            return outcome
        outputs = [one["output"] for one in answer.get("batch_predictions", [answer])]
        for version, scores in self._known.items():
            if outputs == scores:
                return version
        pairs = zip(outputs, zip(*self._known.values(), strict=True), strict=False)
        whole = len(outputs) == len(self.inputs)
        return "mixed" if whole and all(output in scores for output, scores in pairs) else "other"

    def now(self, what: str, version: str, *, questions: int = 20, seconds: float = 60) -> None:
        """Wait until some more questions were asked and answered, all of which have to be the work of one version.

        Parameters
        ----------
        what : str
            Name of this phase, for the table.
        version : str
            Which one has to answer; or 'other', if the answers should be nobody's.
        questions : int
            How many to wait for.
        seconds : float
            How long to wait at most.

        Raises
        ------
        CourseError
            So many answers did not come in that time.
        """
        start = time.monotonic()

        def answered() -> bool:
            return sum(one.start >= start for one in self._asked) >= questions

        with self._changed:
            if not self._changed.wait_for(answered, timeout=seconds):
                raise CourseError(
                    f"fewer than {questions} answers in {seconds:g} seconds", fix="see whether the cluster still runs"
                )
            self._phases.append((what, str(version), start, time.monotonic()))

    def table(self) -> pd.DataFrame:
        """Say of each phase who answered, and how many answers were not as they had to be.

        A question that was under way while something changed may have been answered by the version before or after.

        Returns
        -------
        DataFrame, one row a phase and one for the time between them
            'answers of' (versions), and counts: 'stale' (of a version that should no longer answer), 'mixed' (of
            several versions at once), 'other' (of none of them), 'default' and 'failed'.
        """
        rows, inside = {}, set()
        for what, version, start, end in self._phases:
            own = [place for place, one in enumerate(self._asked) if one.start >= start and one.end <= end]
            inside.update(own)
            rows[what] = self._row([self._asked[place].kind for place in own], version)
        between = [one.kind for place, one in enumerate(self._asked) if place not in inside]
        rows["in between"] = self._row(between, None)
        return pd.DataFrame(rows).T.rename_axis("phase")

    def _row(self, kinds: Sequence[str], version: str | None) -> dict[str, Any]:
        seen = [name for name in self._known if name in kinds]
        stale = 0 if version is None else sum(kind in self._known and kind != version for kind in kinds)
        counts = {kind: kinds.count(kind) for kind in ("mixed", "other", "default", "failed")}
        return {"answers of": " and ".join(f"version {name}" for name in seen), "stale": stale, **counts}

    @property
    def seconds_wrong(self) -> float:
        """Seconds from the first answer that was nobody's until the first after the last one; 0 if there was none."""
        ends = sorted((one.end, one.kind) for one in self._asked)
        wrong = [place for place, (_, kind) in enumerate(ends) if kind in ("other", "mixed")]
        if not wrong:
            return 0.0
        return ends[min(wrong[-1] + 1, len(ends) - 1)][0] - ends[wrong[0]][0]


# --------------------------------------------------------------------------- arithmetic and tables


def littles_law(rate: float, milliseconds: float, *, most: int = 8) -> pd.DataFrame:
    """Say by Little's law how busy replicas are: on average ``rate × time`` questions are being worked on.

    Parameters
    ----------
    rate : float
        Questions a second.
    milliseconds : float
        That a replica needs for one.
    most : int
        The largest number of replicas to look at.

    Returns
    -------
    DataFrame, index 'replicas'
        'busy [%]' each of them, and 'keeps up': whether that is below 100.

    Raises
    ------
    UsageError
        A number is not positive.
    """
    if not (rate > 0 and milliseconds > 0 and most >= 1 and math.isfinite(rate * milliseconds)):
        raise UsageError(
            f"rate={rate}, milliseconds={milliseconds}, most={most} make no load", fix="give positive numbers"
        )
    replicas = pd.RangeIndex(1, most + 1, name="replicas")
    busy = 100 * rate * milliseconds / 1000 / replicas.to_numpy()
    return pd.DataFrame({"busy [%]": busy.round(1), "keeps up": busy < 100}, index=replicas)


def serving_today() -> pd.DataFrame:
    """Return Clipper's ideas, and what they are called in servers that are maintained today."""
    return tables.read_csv("serving_today.csv", comment="#").set_index("idea")


def clipper_methods() -> pd.DataFrame:
    """Return each method of ``ClipperConnection``, and whether it works with processes in the place of containers."""
    return pd.DataFrame(tables.read_toml("clipper_methods.toml")["method"]).set_index("method")


def clipper_deployers() -> pd.DataFrame:
    """Return clipper_admin's deployers: which run here, why not, and what to do instead."""
    rows = pd.DataFrame(tables.read_toml("clipper_deployers.toml")["deployer"])
    return rows.set_index("deployer")[["call", "here", "why", "instead"]]


def table_or_service() -> pd.DataFrame:
    """Return the questions that decide between a lookup table and an online service, and what speaks for which."""
    return tables.read_csv("inference_ways.csv", comment="#").set_index("question")


def silence_clipper_logs() -> None:
    """Keep clipper_admin from logging each of its calls; errors are raised all the same."""
    with warnings.catch_warnings():
        # Python 3.8 and later find fault with a line of its Docker manager when they first compile it.
        warnings.simplefilter("ignore", SyntaxWarning)
        import clipper_admin  # noqa: F401  (it sets up logging when it is imported)
    logging.getLogger("clipper_admin").setLevel(logging.CRITICAL)
    if logging.getLogger().level == logging.INFO:
        logging.getLogger().setLevel(logging.WARNING)


# --------------------------------------------------------------------------- a cluster and its replicas


def cluster_name(name: str) -> str:
    """Make a cluster's name that no other notebook has: two of them may run at the same time.

    Parameters
    ----------
    name : str
        What it begins with.
    """
    return f"{name}-{os.getpid()}"


def kill_replica(manager: LocalContainerManager, model: str) -> None:
    """Kill a replica's process as hard as the system can, and come back when it is gone.

    Parameters
    ----------
    manager : LocalContainerManager
        Of a running cluster.
    model : str
        Whose replica.

    Raises
    ------
    UsageError
        The model has no replica.
    CourseError
        It is not gone after a minute.
    """
    pids = [one["pid"] for one in manager.replicas() if one["name"] == model]
    if not pids:
        raise UsageError(f"{model!r} has no replica", fix="deploy the model first")
    os.kill(pids[0], signal.SIGKILL)
    _until(lambda: pids[0] not in [one["pid"] for one in manager.replicas()], f"the replica of {model} to be gone")


def wait_for_replicas(manager: LocalContainerManager, model: str, number: int) -> None:
    """Wait until a model has so many replicas that answer, those of all its versions counted.

    Parameters
    ----------
    manager : LocalContainerManager
        Of a running cluster.
    model : str
    number : int

    Raises
    ------
    CourseError
        They did not come in a minute.
    """
    _until(lambda: sum(one["name"] == model for one in manager.replicas()) >= number, f"{number} replicas of {model}")


def _until(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + MOST_SECONDS
    while not done():
        if time.monotonic() > end:
            raise CourseError(f"waited a minute for {what}", fix="look into connection.get_clipper_logs()")
        time.sleep(0.02)


def read_metrics(address: str, begins: str, **labels: str) -> pd.DataFrame:
    """Read numbers that a cluster shows to Prometheus.

    Parameters
    ----------
    address : str
        Of the cluster, as ``get_query_addr()`` returns it.
    begins : str
        What their names begin with.
    **labels
        Only those with these labels, such as ``app="hasty"``.

    Returns
    -------
    DataFrame, index 'metric'
        'value', summed over applications, versions and replicas. A bucket of a histogram counts all values up to it.

    Raises
    ------
    UsageError
        The address is not of this machine.
    CourseError
        The cluster does not answer.
    """
    from prometheus_client.parser import text_string_to_metric_families

    connection = http.client.HTTPConnection(_local(address), timeout=_PATIENCE)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        text = connection.getresponse().read().decode()
    except OSError as error:
        raise CourseError("the cluster does not answer", fix="start it again with start_clipper()") from error
    finally:
        connection.close()
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(begins) and labels.items() <= sample.labels.items():
                bound = sample.labels.get("le")
                name = f"{sample.name}, up to {bound}" if bound else sample.name
                values[name] = values.get(name, 0.0) + sample.value
    return pd.DataFrame({"value": pd.Series(values, dtype=float)}).rename_axis("metric")


# --------------------------------------------------------------------------- the load picture


def io_bound_20_ms(texts: Sequence[str]) -> list[float]:
    """Wait 20 ms for each question, as for a feature store across the network, and answer 0.5.

    Parameters
    ----------
    texts : sequence of str
        The questions; what they say does not matter.
    """
    time.sleep(0.020 * len(texts))
    return [0.5] * len(texts)


def cpu_bound_20_ms(texts: Sequence[str]) -> list[float]:
    """Compute for 20 ms of processor time for each question, and answer 0.5.

    Parameters
    ----------
    texts : sequence of str
        The questions; what they say does not matter.
    """
    end = time.thread_time() + 0.020 * len(texts)
    while time.thread_time() < end:
        math.sqrt(2)
    return [0.5] * len(texts)


def measure_load(
    function: Callable[[Sequence[str]], Sequence[Any]],
    *,
    replicas: Sequence[int] = (1, 2, 4),
    rates: Sequence[float] = (25, 45, 90, 180),
    seconds: float = 3,
    objective_ms: float = 200,
) -> pd.DataFrame:
    """Offer loads to a closure on a cluster of its own, with one question at a time for each replica.

    Parameters
    ----------
    function : callable
        The closure: texts to answers, such as `io_bound_20_ms`.
    replicas : sequence of int
    rates : sequence of float
        Questions a second.
    seconds : float
        For how long each load is offered.
    objective_ms : float
        After which the default is answered.

    Returns
    -------
    DataFrame, one row for each number of replicas and rate
        'replicas', 'offered' and 'answered' (questions a second, defaults not counted), 'p50 [ms]' and 'p99 [ms]' of
        all questions, defaults included, and 'missed [%]', the share that got the default.
    """
    from clipper_admin import ClipperConnection
    from clipper_admin.deployers.python import create_endpoint

    from course_utils.serve.clipper import LocalContainerManager

    rows = []
    own = {"cluster_name": cluster_name("picture"), "clipper_query_port": 0, "clipper_management_port": 0}
    connection = ClipperConnection(LocalContainerManager(**own))
    connection.start_clipper()
    try:
        micros = round(1000 * objective_ms)
        base = "clipper/python36-closure-container:0.4.1"
        create_endpoint(connection, "picture", "strings", function, "none", 1, micros, base_image=base, batch_size=1)
        address = connection.get_query_addr()
        for count in replicas:
            connection.set_num_replicas("picture", count)
            open_loop_load(address, "picture", ["warm up"], rate=20, seconds=1)
            for rate in rates:
                result = open_loop_load(
                    address, "picture", ["flight"], rate=rate, seconds=seconds, clients=MOST_CLIENTS
                )
                rows.append((count, rate, result.throughput, result.latency(50), result.latency(99), result.in_time))
    finally:
        connection.stop_all()
    table = pd.DataFrame(rows, columns=["replicas", "offered", "answered", "p50 [ms]", "p99 [ms]", "missed [%]"])
    table["missed [%]"] = 100 * (1 - table["missed [%]"])
    return table.round({"answered": 0, "p50 [ms]": 0, "p99 [ms]": 0, "missed [%]": 1})


# --------------------------------------------------------------------------- another server


def serve_with_ray(function: Callable[[list[str]], Sequence[Any]], texts: Sequence[str]) -> dict[str, float] | None:
    """Serve a closure with Ray Serve on this machine, and print whether it answers as it does here.

    Without Ray, which the course does not install, it prints how to get it.

    Parameters
    ----------
    function : callable
        The closure: texts to answers.
    texts : sequence of str
        Its questions, asked one after the other.

    Returns
    -------
    dict, optional
        'start-up [s]', 'an answer [ms]' (the median) and 'memory [MB]' of all its processes; None without Ray.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray tells its makers otherwise
    # Under `uv run` Ray would make an environment anew for each worker, instead of using this one.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
        from ray import serve
    except ImportError:
        print('Ray is not installed: python -m pip install "ray[serve]", then run this cell again.')
        return None

    @serve.deployment(num_replicas=1)
    class Model:
        def __init__(self, function: Callable[[list[str]], Sequence[Any]]) -> None:
            self.function = function

        @serve.batch(max_batch_size=100, batch_wait_timeout_s=0.0)
        async def __call__(self, texts: list[str]) -> list[Any]:
            return list(self.function(texts))

    start = time.perf_counter()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        handle = serve.run(Model.bind(function))
        answers, took = [handle.remote(texts[0]).result()], []
        ready = time.perf_counter() - start
        for text in texts[1:]:
            asked = time.perf_counter()
            answers.append(handle.remote(text).result())
            took.append(1000 * (time.perf_counter() - asked))
        memory = child_memory_mb()
    finally:
        serve.shutdown()
        ray.shutdown()
    same = answers == list(function(list(texts)))
    print(f"Ray Serve gave {'the same answers, bit for bit' if same else 'other answers'}.")
    return {"start-up [s]": ready, "an answer [ms]": float(np.median(took)), "memory [MB]": memory}


def child_memory_mb() -> float:
    """Return the memory, in MB, of all processes that this one has started and that it does not share."""
    import psutil

    total = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            total += process.memory_full_info().uss
    return total / 1e6
