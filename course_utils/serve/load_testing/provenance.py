"""Where a measurement comes from: what answered on the cluster, and whether the record was changed afterwards."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from typing import Any, NamedTuple

import pandas as pd

__all__ = ["Deployment", "find_deployment", "seal"]

#: Known to this process only, so that a seal cannot be computed from the data alone.
_KEY = secrets.token_bytes(32)


class Deployment(NamedTuple):
    """What answers the queries of an application, read from its cluster.

    Attributes
    ----------
    model, version : str
        The model that the application is linked to, and its current version; empty if there is none.
    replicas : int
        How many replicas of that version are ready to answer.
    objective_micros : int
        The latency objective of the application in microseconds.
    """

    model: str
    version: str
    replicas: int
    objective_micros: int


def find_deployment(address: str, app: str) -> Deployment | None:
    """Return what answers an application of a local cluster now, or None if no such cluster or application is found.

    Parameters
    ----------
    address : str
        Query address of the cluster, as ``get_query_addr()`` returns it.
    app : str
        Name of the application, as it was registered.
    """
    if not hasattr(os, "getuid"):  # Windows, which has no local clusters
        return None
    from course_utils.serve.clipper import wire
    from course_utils.serve.clipper.state import State

    port = int(address.rpartition(":")[2])
    for file in wire.clusters_folder().glob("*/cluster.json"):
        try:
            about = json.loads(file.read_text(encoding="utf-8"))
            known = State.load(file.with_name("state.json"))
            if about["frontend"] != port or app not in known.apps:
                continue
            running = wire.ask(file.with_name("supervisor.sock"), {"call": "replicas"}, seconds=10)["replicas"]
        except (OSError, ValueError, wire.CallError):  # a cluster that has just stopped, or was killed
            continue
        model = "".join(known.apps[app]["linked_models"])  # at most one
        version = known.current.get(model, "")
        ready = sum((one["name"], one["version"]) == (model, version) for one in running)
        return Deployment(model, version, ready, known.apps[app]["latency_slo_micros"])
    return None


def seal(*content: Any) -> str:
    """Return a seal that fits exactly this content, and only in this process: it shows whether a record was changed.

    Parameters
    ----------
    *content : object
        What is sealed: DataFrames, and objects whose ``repr`` shows all that they hold.

    Examples
    --------
    >>> provenance.seal("asked", 240) == provenance.seal("asked", 240), provenance.seal(1) == provenance.seal(2)
    (True, False)
    """
    found = hmac.new(_KEY, digestmod=hashlib.sha256)
    for one in content:
        if isinstance(one, pd.DataFrame):
            found.update(pd.util.hash_pandas_object(one).to_numpy().tobytes())
            one = list(one.columns)
        found.update(repr(one).encode() + b"\0")
    return found.hexdigest()
