"""Train and log the models that lesson 04 judges; the lesson itself uses MLflow directly.

``snapshots`` keeps the training data, ``models`` logs a scorer to MLflow, and ``runs`` trains and logs one run.
"""

import os

from course_utils import tables as _tables

# MLflow counts its users by default and reads these variables when it is imported. The course counts nobody.
for _name, _value in _tables.read_toml("quiet.toml")["environment"].items():
    if _name.startswith(("MLFLOW_", "DO_NOT_")):
        os.environ.setdefault(_name, _value)

from course_utils.develop.tracking.models import log_model  # noqa: E402 (reads the variables above)
from course_utils.develop.tracking.runs import log_run, train  # noqa: E402
from course_utils.develop.tracking.snapshots import TrainingSnapshot, save_snapshot  # noqa: E402

__all__ = ["TrainingSnapshot", "log_model", "log_run", "save_snapshot", "train"]
