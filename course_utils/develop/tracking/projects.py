"""The deck's log and commands, and a packaged project that ``mlflow run`` can run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils import tables
from course_utils.develop.tracking.runs import search_runs
from course_utils.develop.tracking.store import EXPERIMENT, POINTERS, TrackingStore
from course_utils.errors import ModelError

__all__ = ["deck_commands", "deck_log", "run_mlflow_project", "write_mlflow_project"]


def deck_log() -> dict[str, Any]:
    """Return what the deck's run logged, all of it as parameters, in the deck's names and order.

    Examples
    --------
    >>> tracking.deck_log()["TP"]
    3758
    """
    return dict(tables.read_toml("tracking.toml")["deck_log"])


def deck_commands() -> pd.DataFrame:
    """Return the MLflow commands of the deck, and the command for each today.

    Returns
    -------
    DataFrame, by the command in 2018
        'what it did', 'today (2026)' (empty if the command was removed) and 'what changed'.

    Examples
    --------
    >>> tracking.deck_commands().loc["mlflow sklearn", "today (2026)"]
    'mlflow models serve'
    """
    return tables.read_csv("mlflow_commands.csv", keep_default_na=False).set_index("command in 2018")


def write_mlflow_project(store: TrackingStore) -> dict[str, str]:
    """Write a project for ``mlflow run`` to the folder of a `store`, and return its texts by file name."""
    files = {name: text.lstrip("\n") for name, text in tables.read_toml("tracking.toml")["project"].items()}
    folder = store.folder / "project"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return files


def run_mlflow_project(store: TrackingStore, **parameters: Any) -> pd.DataFrame:
    """Run the packaged project with ``mlflow run``, in this environment and without the network.

    Parameters
    ----------
    store : TrackingStore
        The open store: its folder has the project, and it gets the run.
    **parameters
        Parameters of the project's entry point: max_depth and eta.

    Returns
    -------
    DataFrame
        The logged run, as from `search_runs`.

    Raises
    ------
    ModelError
        The command failed; the message has the last line of its output.
    """
    command = [sys.executable, "-m", "mlflow", "run", str(store.folder / "project"), "--env-manager", "local"]
    command += ["--experiment-name", EXPERIMENT]
    for name, value in parameters.items():
        command += ["-P", f"{name}={value}"]
    # So that the project's command `python` starts this Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {name: value for name, value in os.environ.items() if name not in POINTERS}
    environment |= {"PATH": path, "MLFLOW_TRACKING_URI": store.uri, "MLFLOW_REGISTRY_URI": store.uri}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=store.folder, env=environment)
    if ended.returncode:
        reason = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError(f"mlflow run failed: {reason}", fix="check the parameters in its MLproject file")
    return search_runs("attributes.run_name = 'from the project'").tail(1)
