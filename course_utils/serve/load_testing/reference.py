"""Tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from course_utils import tables

if TYPE_CHECKING:
    pass

__all__ = [
    "clipper_deployers",
    "clipper_methods",
    "serving_today",
    "table_or_service",
]


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
