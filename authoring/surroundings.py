"""Where the course lies, and the environment in which lessons are run, tested and opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from course_utils import tables

ROOT = Path(__file__).resolve().parents[1]

#: A folder whose ``sitecustomize.py`` keeps every Python started with it off the network.
GUARD = Path(__file__).with_name("guard")


def quiet() -> dict[str, str]:
    """Return the variables that keep the course's programs from phoning home."""
    return dict(tables.read_toml("quiet.toml")["environment"])


def headless(dataset: str | None = None) -> dict[str, str]:
    """Return the whole environment for lessons that nobody watches: `live` cells are off.

    Parameters
    ----------
    dataset : str, optional
        The data set that lessons load; default the course's default, whatever the caller's environment says.
    """
    return {**os.environ, **quiet(), "COURSE_HEADLESS": "1", "COURSE_DATASET": dataset or tables.DATASETS[0]}


def guarded(environment: Mapping[str, str], log: Path) -> dict[str, str]:
    """Return an environment whose Pythons refuse to leave this machine and note each attempt in `log`."""
    path = os.pathsep.join(part for part in (str(GUARD), environment.get("PYTHONPATH", "")) if part)
    return {**environment, "PYTHONPATH": path, "COURSE_GUARD_LOG": str(log)}
