"""A cluster."""

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

if TYPE_CHECKING:
    from course_utils.serve.clipper import LocalContainerManager
from course_utils.serve.load_testing.client import MOST_SECONDS, TIMEOUT_SECONDS, check_local

__all__ = [
    "cluster_name",
    "kill_replica",
    "read_metrics",
    "silence_clipper_logs",
    "wait_for_replicas",
]


def silence_clipper_logs() -> None:
    """Keep clipper_admin from logging each of its calls; errors are raised all the same."""
    with warnings.catch_warnings():
        # Python 3.8 and later find fault with a line of its Docker manager when they first compile it.
        warnings.simplefilter("ignore", SyntaxWarning)
        import clipper_admin  # noqa: F401  (it sets up logging when it is imported)
    logging.getLogger("clipper_admin").setLevel(logging.CRITICAL)
    if logging.getLogger().level == logging.INFO:
        logging.getLogger().setLevel(logging.WARNING)


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

    connection = http.client.HTTPConnection(check_local(address), timeout=TIMEOUT_SECONDS)
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
