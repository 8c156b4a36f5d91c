"""A running Clipper cluster from outside: its name, its replicas, its metrics, its logging."""

from __future__ import annotations

import http.client
import logging
import os
import signal
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from course_utils.errors import CourseError, UsageError
from course_utils.serve.load_testing.client import TIMEOUT_SECONDS, check_local
from course_utils.wording import counted

if TYPE_CHECKING:
    from course_utils.serve.clipper import LocalContainerManager

__all__ = ["cluster_name", "kill_replica", "read_metrics", "silence_clipper_logs", "wait_for_replicas"]

#: Seconds to wait for a replica to end or to start.
_LONGEST = 60.0


def silence_clipper_logs() -> None:
    """Stop clipper_admin from logging each of its calls; errors are still raised.

    Examples
    --------
    >>> load_testing.silence_clipper_logs()
    """
    with warnings.catch_warnings():
        # Python 3.8 and later warn about a line of its Docker manager when they first compile it.
        warnings.simplefilter("ignore", SyntaxWarning)
        import clipper_admin  # noqa: F401  (it sets up logging when it is imported)
    logging.getLogger("clipper_admin").setLevel(logging.CRITICAL)
    if logging.getLogger().level == logging.INFO:
        logging.getLogger().setLevel(logging.WARNING)


def cluster_name(name: str) -> str:
    """Return `name` with this process's number, so that two notebooks can each run a cluster.

    Examples
    --------
    >>> load_testing.cluster_name("lesson-15").startswith("lesson-15-")
    True
    """
    return f"{name}-{os.getpid()}"


def kill_replica(manager: LocalContainerManager, model: str) -> None:
    """Kill the process of one replica of a model with SIGKILL, and return when it has ended.

    Parameters
    ----------
    manager : LocalContainerManager
        The container manager of a running cluster.
    model : str
        Name of the model; its first replica is killed.

    Raises
    ------
    UsageError
        The model has no replica.
    CourseError
        The process has not ended after a minute.
    """
    pids = [one["pid"] for one in manager.replicas() if one["name"] == model]
    if not pids:
        raise UsageError(f"model {model!r} has no replica", fix="deploy the model first")
    os.kill(pids[0], signal.SIGKILL)
    _wait_until(lambda: pids[0] not in [one["pid"] for one in manager.replicas()], f"the replica of {model} to end")


def wait_for_replicas(manager: LocalContainerManager, model: str, number: int) -> None:
    """Wait until a model has a number of running replicas, over all its versions.

    Parameters
    ----------
    manager : LocalContainerManager
        As for `kill_replica`.
    model : str
        Name of the model, as it was deployed.
    number : int
        How many replicas must answer, zero or more.

    Raises
    ------
    CourseError
        There are fewer after a minute.
    """
    _wait_until(
        lambda: sum(one["name"] == model for one in manager.replicas()) >= number,
        f"{counted(number, 'replica')} of {model}",
    )


def _wait_until(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _LONGEST
    while not done():
        if time.monotonic() > end:
            raise CourseError(f"waited {_LONGEST:.0f} s for {what}", fix="read the logs: connection.get_clipper_logs()")
        time.sleep(0.02)


def read_metrics(address: str, prefix: str, **labels: str) -> pd.DataFrame:
    """Return the metrics that a cluster exposes to Prometheus, summed over applications, versions and replicas.

    Parameters
    ----------
    address : str
        Query address of a local cluster, as ``get_query_addr()`` returns it.
    prefix : str
        Beginning of the names of the metrics to read, such as 'clipper_'.
    **labels
        Read only samples with these labels, such as ``app="hasty"``.

    Returns
    -------
    DataFrame, index 'metric'
        'value'. A histogram has a row per bucket, which counts all values up to its bound.

    Raises
    ------
    UsageError
        The address is not on this machine.
    CourseError
        The cluster does not answer.
    """
    from prometheus_client.parser import text_string_to_metric_families

    connection = http.client.HTTPConnection(check_local(address), timeout=TIMEOUT_SECONDS)
    try:
        # Without this header Clipper answers with its own JSON.
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        text = connection.getresponse().read().decode()
    except OSError as error:
        raise CourseError(f"no cluster answers at {address}", fix="start it with start_clipper()") from error
    finally:
        connection.close()
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(prefix) and labels.items() <= sample.labels.items():
                bound = sample.labels.get("le")
                name = f"{sample.name}, up to {bound}" if bound else sample.name
                values[name] = values.get(name, 0.0) + sample.value
    return pd.DataFrame({"value": pd.Series(values, dtype=float)}).rename_axis("metric")
