"""A Prometheus of one's own: started on a free port, with a past or something to scrape, and removed afterwards."""

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
from course_utils.operate.telemetry.programs import program
from course_utils.operate.telemetry.reader import LOOKBACK, as_table, asked_at, parse, series_name
from course_utils.operate.telemetry.rules import rule_file

__all__ = ["Prometheus", "backfill"]

_DAY = 24 * 3600
_PATIENCE = 60  # seconds for a start, or for a query
#: Runs beside the server: ends it, and removes its folder, once whoever started it closes its input or is gone.
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
    """Put samples with times of their own into a database of Prometheus, by ``promtool``.

    Parameters
    ----------
    exposition : str
        OpenMetrics with times, as `expose` writes it.
    folder : Path
        The database; made if it is not there.

    Raises
    ------
    DataError
        The tool refuses the text.
    UsageError
        The tool is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "history.om"
        text.write_text(exposition, encoding="utf-8")
        command = [program("promtool"), "tsdb", "create-blocks-from"]
        # Its own two-hour blocks would take a minute for a year of days, and a file each.
        command += ["--max-block-duration=3000h", "openmetrics", str(text), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise DataError(f"promtool refuses the samples: {said}", fix="write them with telemetry.expose")


class Prometheus:
    """A real Prometheus that listens on this machine only, until it is stopped or the notebook ends.

    Parameters
    ----------
    exposition : str, optional
        OpenMetrics with times: the past that it knows from the start.
    targets : sequence of str
        What it scrapes, as 'host:port', at ``/metrics``.
    rules : sequence of str
        Which rules it evaluates: 'flights', 'service'.
    every : str
        How often it scrapes and evaluates.
    port : int
        Where it listens; 0 takes a free one.

    Attributes
    ----------
    address : str
        For the browser.

    Raises
    ------
    DataError
        The exposition is refused.
    UsageError
        It is not installed, the port is taken, or it does not start.
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
        listen = _free(port)
        self.address = f"http://127.0.0.1:{listen}"
        guard = subprocess.Popen(
            [sys.executable, "-S", "-c", _GUARD, str(folder), *command, f"--web.listen-address=127.0.0.1:{listen}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what interrupts the notebook is not meant for it
        )
        self._end.detach()
        self._end = weakref.finalize(self, _stop, guard, folder)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and guard.poll() is None:
            try:
                with _open(f"{self.address}/-/ready"):
                    return
            except OSError:
                time.sleep(0.05)
        said = guard.stdout.read().decode(errors="replace").strip() if guard.poll() is not None else "it was too slow"
        self._end()
        last = re.sub(r'.*(?:err|msg)="?([^"]*)"?.*', r"\1", (said or "no message").splitlines()[-1])
        raise UsageError(f"Prometheus did not start: {last}", fix="try again, or look at `prometheus --help`")

    def query(self, expression: str, days: pd.DatetimeIndex) -> pd.DataFrame:
        """Ask for each of some days, soon after it ended: a range query over Prometheus' HTTP API.

        Parameters
        ----------
        expression : str
            PromQL.
        days : DatetimeIndex
            Without gaps.

        Returns
        -------
        DataFrame, one row a day
            A column for each series; NaN where it has no value.

        Raises
        ------
        UsageError
            The expression is no PromQL, or Prometheus refuses it.
        """
        asked = asked_at(days)
        found = self.ask("query_range", query=expression, start=asked[0], end=asked[-1], step=_DAY)["result"]
        columns = {}
        for series in found:
            values = {int(moment): float(value) for moment, value in series["values"]}
            columns[series_name(series["metric"])] = [values.get(int(moment), float("nan")) for moment in asked]
        return as_table(columns, days)

    def now(self, expression: str) -> pd.Series:
        """Ask for the value of each series at this moment.

        Parameters
        ----------
        expression : str
            PromQL.

        Returns
        -------
        Series
            By the name of the series; empty where there is none.

        Raises
        ------
        UsageError
            The expression is no PromQL, or Prometheus refuses it.
        """
        answer = self.ask("query", query=expression)
        if answer["resultType"] == "scalar":
            return pd.Series({"{}": float(answer["result"][1])}, dtype=float)
        found = {series_name(series["metric"]): float(series["value"][1]) for series in answer["result"]}
        return pd.Series(found, dtype=float).sort_index()

    def alerts(self) -> pd.DataFrame:
        """Return the alerts that are pending or firing at this moment: 'alert', 'state', 'severity', 'summary'."""
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
        """Call Prometheus' HTTP API and return its data.

        Parameters
        ----------
        what : str
            Such as ``"targets"``: what follows ``/api/v1/``.
        **parameters
            Of the call.

        Raises
        ------
        UsageError
            Prometheus refuses the call, or was stopped.
        """
        if "query" in parameters:
            parse(parameters["query"])  # the same words for a slip, with Prometheus or without
        try:
            with _open(f"{self.address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}") as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            with_reason = re.search(r'"error":"(.*?)"[,}]', said)
            raise UsageError(
                f"Prometheus refuses {what}: {with_reason[1] if with_reason else said[:200]}", fix="fix the query"
            ) from None
        except OSError as error:
            raise UsageError(f"Prometheus does not answer: {error}", fix="start another one") from None

    def stop(self) -> None:
        """Stop it and remove what it kept; a second time does nothing."""
        self._end()


def _configuration(targets: Sequence[str], rules: Sequence[str], every: str) -> dict[str, Any]:
    """Return prometheus.yml as data."""
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": list(rules),
        "scrape_configs": [{"job_name": "clipper", "static_configs": [{"targets": list(targets)}]}] if targets else [],
    }


def _go(length: timedelta) -> str:
    return f"{int(length.total_seconds())}s"


def _free(port: int) -> int:
    """Return a port on which a program can listen."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise UsageError(f"port {port} is taken", fix="stop what listens there, or give port=0") from None
        return int(probe.getsockname()[1])


def _open(address: str) -> Any:
    """Open an address of this machine, whatever proxy the environment names."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(address, timeout=_PATIENCE)


def _stop(guard: subprocess.Popen, folder: Path) -> None:
    """Let the guard end the server, and wait until both are gone."""
    with guard:
        guard.stdin.close()
        try:
            guard.wait(timeout=20)
        except subprocess.TimeoutExpired:
            if hasattr(os, "killpg"):  # the guard leads a group of its own, with the server in it
                os.killpg(guard.pid, signal.SIGKILL)
            guard.kill()
    shutil.rmtree(folder, ignore_errors=True)
