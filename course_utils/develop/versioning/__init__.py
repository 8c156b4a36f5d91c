"""Version data, models and pipelines with DVC, in a Git repository that is deleted afterwards.

``project`` has the scratch project of lesson 03, ``trials`` what the lesson tries on it, and ``sandbox`` runs Git and
DVC apart from this machine's settings.
"""

from course_utils.develop.versioning.project import COLUMNS, MODEL, RAW, DvcProject, start_project
from course_utils.develop.versioning.sandbox import sandbox_environment
from course_utils.develop.versioning.trials import alternatives, changes, s3_record, through_s3, what_reruns

__all__ = [
    "COLUMNS",
    "MODEL",
    "RAW",
    "DvcProject",
    "alternatives",
    "changes",
    "s3_record",
    "sandbox_environment",
    "start_project",
    "through_s3",
    "what_reruns",
]
