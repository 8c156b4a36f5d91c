"""A private Prometheus: started on a free port with past samples or targets to scrape, and removed afterwards.

`Prometheus` runs the real server under a guard process, so that it ends with the notebook even if that is killed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import weakref
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils.errors import DataError, UsageError
from course_utils.operate.telemetry.alert_rules import rule_file
from course_utils.operate.telemetry.programs import program
from course_utils.operate.telemetry.reader import LOOKBACK, as_table, asked_at, parse, series_name

__all__ = ["Prometheus", "backfill"]

_DAY = 24 * 3600
_TIMEOUT = 60  # seconds for a start, or for a query
#: The guard process: it ends the server and removes its folder when its input is closed. The operating system closes
#: the input when the notebook's process ends, however it ends, so no server is left behind.
_GUARD = """
import shutil, subprocess, sys, threading
from pathlib import Path

folder, *command = sys.argv[1:]
with (Path(folder) / "log").open("wb") as log:
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

def end():
    sys.stdin.buffer.read()
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()

threading.Thread(target=end, daemon=True).start()
server.wait()
last = (Path(folder) / "log").read_text(errors="replace").splitlines()[-5:]
shutil.rmtree(folder, ignore_errors=True)
print(*last, sep="\\n")
"""


def backfill(exposition: str, folder: Path) -> None:
    """Write samples with their own times into a database of Prometheus, with ``promtool``.

    Parameters
    ----------
    exposition : str
        The samples as OpenMetrics with times, as `expose` writes them.
    folder : Path
        The folder of the database, which is made if necessary.

    Raises
    ------
    DataError
        ``promtool`` refuses the text.
    UsageError
        ``promtool`` is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "history.om"
        text.write_text(exposition, encoding="utf-8")
        command = [program("promtool"), "tsdb", "create-blocks-from"]
        # With the default blocks of two hours, a year of days takes a minute and thousands of files.
        command += ["--max-block-duration=3000h", "openmetrics", str(text), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise DataError(f"promtool refuses the samples: {message}", fix="write them with telemetry.expose")


class Prometheus:
    """A real Prometheus that listens on this machine only, until it is stopped or the notebook ends.

    Parameters
    ----------
    exposition : str, optional
        Past samples that it has from the start, as OpenMetrics with times; by default none.
    targets : sequence of str
        The services that it scrapes at ``/metrics``, each as 'host:port'; by default none.
    rules : sequence of str
        The rule files that it evaluates: 'flights', 'service' or both; by default none.
    every : str
        How often it scrapes and evaluates rules, as a duration such as '1s'.
    port : int
        The port on which it listens; 0 takes a free one.

    Attributes
    ----------
    address : str
        The address of its pages, for a browser.

    Raises
    ------
    DataError
        The exposition is refused.
    UsageError
        Prometheus is not installed, the port is taken, or it does not start.
    """

    def __init__(
        self,
        exposition: str | None = None,
        *,
        targets: Sequence[str] = (),
        rules: Sequence[str] = (),
        every: str = "1s",
        port: int = 0,
    ) -> None:
        folder = Path(tempfile.mkdtemp(prefix="course-prometheus-"))
        command = [program(), f"--config.file={folder / 'prometheus.json'}", f"--storage.tsdb.path={folder / 'data'}"]
        command += ["--storage.tsdb.retention.time=100y", f"--query.lookback-delta={_go(LOOKBACK)}", "--log.level=warn"]
        self._end: Callable[[], None] = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        try:
            if exposition is not None:
                backfill(exposition, folder / "data")
            names = []
            for name in rules:
                names.append(f"{name}.json")  # JSON is YAML
                (folder / names[-1]).write_text(json.dumps(rule_file(name)), encoding="utf-8")
            (folder / "prometheus.json").write_text(json.dumps(_configuration(targets, names, every)), encoding="utf-8")
            self._start(folder, command, port)
        except BaseException:
            self._end()
            raise

    def _start(self, folder: Path, command: Sequence[str], port: int) -> None:
        """Start the server under its guard, and wait until it is ready."""
        listen = _free(port)
        self.address = f"http://127.0.0.1:{listen}"
        guard = subprocess.Popen(
            [sys.executable, "-S", "-c", _GUARD, str(folder), *command, f"--web.listen-address=127.0.0.1:{listen}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the notebook's terminal must not end the server
        )
        self._end.detach()
        self._end = weakref.finalize(self, _stop, guard, folder)
        end = time.monotonic() + _TIMEOUT
        while time.monotonic() < end and guard.poll() is None:
            try:
                with _open(f"{self.address}/-/ready"):
                    return
            except OSError:
                time.sleep(0.05)
        ended = guard.poll() is not None
        log = guard.stdout.read().decode(errors="replace").strip() if ended else f"not ready after {_TIMEOUT} s"
        self._end()
        last = re.sub(r'.*(?:err|msg)="?([^"]*)"?.*', r"\1", (log or "no message").splitlines()[-1])
        raise UsageError(f"Prometheus did not start: {last}", fix="try again, or check every= and `prometheus --help`")

    def query(self, expression: str, days: pd.DatetimeIndex) -> pd.DataFrame:
        """Return the value of every series of a query on each day, by a range query of Prometheus' HTTP API.

        Parameters
        ----------
        expression : str
            As for `History.query`.
        days : DatetimeIndex
            The days, in order and without gaps.

        Returns
        -------
        DataFrame
            As from `History.query`.

        Raises
        ------
        UsageError
            The expression is not valid PromQL, or Prometheus refuses it.
        """
        asked = asked_at(days)
        found = self.ask("query_range", query=expression, start=asked[0], end=asked[-1], step=_DAY)["result"]
        columns = {}
        for series in found:
            values = {int(moment): float(value) for moment, value in series["values"]}
            columns[series_name(series["metric"])] = [values.get(int(moment), float("nan")) for moment in asked]
        return as_table(columns, days)

    def now(self, expression: str) -> pd.Series:
        """Return the current value of each series of a query, an `expression` in PromQL.

        Returns
        -------
        Series of float
            By the name of the series; empty if there is none.

        Raises
        ------
        UsageError
            The expression is not valid PromQL, or Prometheus refuses it.
        """
        answer = self.ask("query", query=expression)
        if answer["resultType"] == "scalar":
            return pd.Series({"{}": float(answer["result"][1])}, dtype=float)
        found = {series_name(series["metric"]): float(series["value"][1]) for series in answer["result"]}
        return pd.Series(found, dtype=float).sort_index()

    def alerts(self) -> pd.DataFrame:
        """Return the alerts that are pending or firing now: 'alert', 'state', 'severity' and 'summary'."""
        found = [
            {
                "alert": one["labels"]["alertname"],
                "state": one["state"],
                "severity": one["labels"].get("severity", ""),
                "summary": one["annotations"].get("summary", ""),
            }
            for one in self.ask("alerts")["alerts"]
        ]
        table = pd.DataFrame(found, columns=["alert", "state", "severity", "summary"])
        return table.sort_values(["alert", "summary"], ignore_index=True)

    def ask(self, what: str, **parameters: Any) -> Any:
        """Call Prometheus' HTTP API, and return its data.

        Parameters
        ----------
        what : str
            The end of the path after ``/api/v1/``, such as 'targets'.
        **parameters
            The parameters of the call, such as ``query="up"``.

        Raises
        ------
        UsageError
            Prometheus refuses the call, or was stopped.
        """
        if "query" in parameters:
            parse(parameters["query"])  # so that a mistake gives the same message with Prometheus and with the reader
        try:
            with _open(f"{self.address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}") as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            body = error.read().decode(errors="replace")
            reason = re.search(r'"error":"(.*?)"[,}]', body)
            raise UsageError(
                f"Prometheus refuses {what}: {reason[1] if reason else body[:200]}", fix="correct the query"
            ) from None
        except OSError as error:
            raise UsageError(f"Prometheus does not answer: {error}", fix="start a new one") from None

    def stop(self) -> None:
        """Stop Prometheus and remove its files; a second call does nothing."""
        self._end()


def _configuration(targets: Sequence[str], rules: Sequence[str], every: str) -> dict[str, Any]:
    """Return prometheus.yml as data."""
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": list(rules),
        "scrape_configs": [{"job_name": "clipper", "static_configs": [{"targets": list(targets)}]}] if targets else [],
    }


def _go(length: timedelta) -> str:
    """Return a duration in the notation of Go programs."""
    return f"{int(length.total_seconds())}s"


def _free(port: int) -> int:
    """Return a port that is free: the given one, or any if it is 0."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise UsageError(
                f"port {port} is taken", fix="give port=0 for a free one, or stop the program that uses it"
            ) from None
        return int(probe.getsockname()[1])


def _open(address: str) -> Any:
    """Open an address of this machine, without the proxy that the environment may set."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(address, timeout=_TIMEOUT)


def _stop(guard: subprocess.Popen, folder: Path) -> None:
    """Let the guard end the server, and wait until both are gone."""
    with guard:
        guard.stdin.close()
        try:
            guard.wait(timeout=20)
        except subprocess.TimeoutExpired:
            if hasattr(os, "killpg"):  # the guard leads its own process group, which includes the server
                os.killpg(guard.pid, signal.SIGKILL)
            guard.kill()
    shutil.rmtree(folder, ignore_errors=True)
