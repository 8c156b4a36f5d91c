"""Logs of training runs: one JSON file for each run, named by its time so that names sort by time."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from course_utils.develop.project_structure.layout import logs_are_dated
from course_utils.develop.project_structure.project import RUNS, Project
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_runs", "record_run"]


def record_run(project: Project, time: str, losses: Mapping[str, float]) -> None:
    """Log the losses of one training run in a file named by the time of the run.

    Parameters
    ----------
    project : Project
        The project that gets the log, in reports/runs.
    time : str
        Start of the run to the minute, such as ``2013-12-02 09:30``.
    losses : mapping of str to float
        A finite loss for each part of the data, such as train, validation and test.

    Raises
    ------
    UsageError
        The time cannot be read, a run of that minute is logged already, or a loss is not a finite number.
    """
    try:
        moment = datetime.strptime(time, "%Y-%m-%d %H:%M")
    except (TypeError, ValueError):
        raise UsageError(f"{time!r} is not a date and time", fix="write it like 2013-12-02 09:30") from None
    for part, loss in losses.items():
        try:
            finite = math.isfinite(float(loss))
        except (TypeError, ValueError):
            finite = False
        if not finite:
            raise UsageError(f"the loss on {part} is {loss!r}", fix="log finite numbers")
    file = f"{RUNS}{moment:%Y-%m-%dT%H%M}.json"
    if file in project.files:
        raise UsageError(f"a run at {time} is logged already", fix="pass this run's own time")
    project.write(file, json.dumps({part: float(loss) for part, loss in losses.items()}, indent=1) + "\n")


def read_runs(project: Project) -> pd.DataFrame:
    """Return the logged losses of `project`, the earliest run first.

    Returns
    -------
    DataFrame, one row a run
        The logged losses; the index is the time of the run.

    Raises
    ------
    DataError
        A log is not named by its time, so that the order of the runs is unknown.
    """
    import pandas as pd

    if undated := logs_are_dated(project):
        raise DataError("the file name has no time", file=undated[0], fix="name logs like 2013-12-02T0930.json")
    logs = [file for file in project.files if file.startswith(RUNS)]
    times = [datetime.strptime(PurePosixPath(file).stem, "%Y-%m-%dT%H%M").strftime("%Y-%m-%d %H:%M") for file in logs]
    return pd.DataFrame([json.loads(project.read(file)) for file in logs], index=pd.Index(times, name="run"))
