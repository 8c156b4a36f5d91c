"""Tables to look up: Clipper's methods and deployers, its ideas in today's servers, a lookup table or a service."""

from __future__ import annotations

import pandas as pd

from course_utils import tables

__all__ = ["clipper_deployers", "clipper_methods", "serving_today", "table_or_service"]


def serving_today() -> pd.DataFrame:
    """Return what Clipper's features are called in servers that are maintained today, one row per feature.

    Examples
    --------
    >>> load_testing.serving_today().loc["replicas", ["Clipper", "Ray Serve"]].tolist()
    ['set_num_replicas', 'num_replicas']
    """
    return tables.read_csv("serving_today.csv", comment="#").set_index("idea")


def clipper_methods() -> pd.DataFrame:
    """Return each method of ``ClipperConnection``, and whether it works with processes instead of containers.

    Examples
    --------
    >>> load_testing.clipper_methods().loc["set_model_version", "here"]
    'works'
    """
    return pd.DataFrame(tables.read_toml("clipper_methods.toml")["method"]).set_index("method")


def clipper_deployers() -> pd.DataFrame:
    """Return the deployers of clipper_admin: which ones run here, why others do not, and what to do instead.

    Examples
    --------
    >>> load_testing.clipper_deployers().loc["python", ["call", "here"]].tolist()
    ['deploy_python_closure', 'runs']
    """
    rows = pd.DataFrame(tables.read_toml("clipper_deployers.toml")["deployer"])
    return rows.set_index("deployer")[["call", "here", "why", "instead"]]


def table_or_service() -> pd.DataFrame:
    """Return the questions that decide between a lookup table and an online service, and which answer favours which.

    Examples
    --------
    >>> load_testing.table_or_service().columns.tolist()
    ['in favour of a lookup table', 'in favour of an online service']
    """
    return tables.read_csv("inference_ways.csv", comment="#").set_index("question")
