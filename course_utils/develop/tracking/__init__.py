"""Record training runs with MLflow, so that they can be found, compared and trained again.

``store`` opens a scratch store, ``snapshots`` keeps the training data, ``models`` and ``runs`` log and rebuild models,
and ``projects`` has a packaged project and the deck's commands.
"""

from course_utils.develop.tracking.models import log_model
from course_utils.develop.tracking.projects import (
    deck_commands,
    deck_log,
    run_mlflow_project,
    write_mlflow_project,
)
from course_utils.develop.tracking.runs import (
    fingerprints,
    log_run,
    rebuild,
    rebuild_here,
    recorded_facts,
    run_id,
    search_runs,
    train,
)
from course_utils.develop.tracking.snapshots import TrainingSnapshot, load_snapshot, save_snapshot
from course_utils.develop.tracking.store import EXPERIMENT, Pages, TrackingStore, open_tracking_store

__all__ = [
    "EXPERIMENT",
    "Pages",
    "TrackingStore",
    "TrainingSnapshot",
    "deck_commands",
    "deck_log",
    "fingerprints",
    "load_snapshot",
    "log_model",
    "log_run",
    "open_tracking_store",
    "rebuild",
    "rebuild_here",
    "recorded_facts",
    "run_id",
    "run_mlflow_project",
    "save_snapshot",
    "search_runs",
    "train",
    "write_mlflow_project",
]
